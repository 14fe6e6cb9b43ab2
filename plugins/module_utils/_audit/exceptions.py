# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exceptions: who accepts which finding, why, and until when. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import fnmatch
import functools
import re
import typing as t

from .._addresses import path_key
from .._admitted import Row
from .._errors import InputError, did_you_mean
from .kinds import KINDS, Finding, Section, day_from, unknown_kind
from .repositories import Reader, may_be

WHAT = ("kind", "type", "name", "repository")
NEEDED = ("owner", "reason", "expires")
FIELDS = (*WHAT, *NEEDED)
# An exception for more than LONG days, or with at most SOON days left, gets a remark.
LONG, SOON = 366, 30


def excuse(
    findings: list[Finding],
    entries: list[t.Any] | None,
    today: dt.date,
    reader: Reader,
    lines: t.Sequence[int] = (),
) -> Section:
    """The section exceptions, with all findings: excused if a valid exception covers them, followed by those
    about exceptions themselves, which nothing excuses.

    entries: dictionaries with kind, type, name, repository (all that are given must match; name and
        repository may be patterns with *), owner, reason and expires, the last day on which it is valid. One
        that is expired or incomplete excuses nothing. None if no exceptions are given.
    lines: the line of each entry in its file.
    """
    if entries is None:
        return Section("exceptions", None, findings)
    rows = [_row(number, entry, today) for number, entry in enumerate(entries)]
    for row, line in zip(rows, lines):
        row["line"] = line
        row["fault"] += f" (line {line})" if row["fault"] else ""
    valid = [row for row in rows if not row["fault"]]
    judged = []
    for each in [part for whole in findings for part in _parts(valid, whole, reader)]:
        covering = _covering(valid, each, reader)
        if covering is None:
            judged.append(each)
        else:
            covering.update(used=covering["used"] + 1, state="used")
            judged.append(dataclasses.replace(each, excused={k: covering[k] for k in NEEDED}))
    judged += [
        Finding("exception", row["fault"], **{k: row[k] for k in ("subject", "type", "name", "repository")})
        for row in rows
        if row["fault"]
    ]
    return Section("exceptions", rows, judged)


def _parts(valid: list[Row], each: Finding, reader: Reader) -> list[Finding]:
    """A finding about several repositories as one for each exception that covers some of them, and one for
    the rest.
    """
    if not any(row["repository"] for row in valid):
        return [each]
    parts: dict[int | None, list[str]] = {}
    for name in each.repositories:
        covering = _covering(valid, dataclasses.replace(each, repository=name), reader)
        parts.setdefault(None if covering is None else covering["number"], []).append(name)
    return [dataclasses.replace(each, repositories=names) for names in parts.values()] or [each]


def _row(number: int, entry: t.Any, today: dt.date) -> Row:
    """The row of an entry in the section exceptions. Its fault is empty if it is valid."""
    fields = entry if isinstance(entry, dict) else {}
    row: Row = {k: _text(fields.get(k)) for k in FIELDS}
    given = ", ".join(f"{k} {row[k]}" for k in WHAT if row[k])
    row.update(number=number, line=None, used=0, state="incomplete", fault=_fault(entry, row), remarks=[])
    row["subject"] = f"exception {number + 1}" + (f" ({given})" if given else "")
    if row["fault"]:
        return row
    try:
        last = day_from(fields["expires"], "its expires")
    except InputError as exc:
        return {**row, "fault": str(exc)}
    row["expires"] = last.isoformat()
    if last < today:
        return {**row, "state": "expired", "fault": f"it expired on {last} ({row['owner']}: {row['reason']})"}
    return {**row, "state": "unused", "remarks": _remarks(row, last, today)}


def _text(value: t.Any) -> str | None:
    """A single value as text. None for lists and dictionaries: a few lines of YAML can make one larger than
    any memory.
    """
    return str(value).strip() if isinstance(value, (str, int, float, dt.date)) else None


def _fault(entry: t.Any, row: Row) -> str:
    """What is wrong with an entry, apart from its date; empty if nothing is. row: its fields as text."""
    if not isinstance(entry, dict):
        return "it is not a dictionary with kind, type, name or repository, owner, reason and expires"
    strange = [str(k)[:80] for k in entry if k not in FIELDS]
    if strange:
        advice = did_you_mean(strange[0], FIELDS)
        return f"{strange[0]} is not a field of an exception.{advice} Known: {', '.join(FIELDS)}"
    nested = [k for k in FIELDS if entry.get(k) is not None and row[k] is None]
    if nested:
        return f"its {nested[0]} is not text"
    lacking = [k for k in NEEDED if not row[k]]
    if lacking:
        return f"it lacks {', '.join(lacking)}"
    if row["kind"] and row["kind"] not in KINDS:
        return unknown_kind(row["kind"])
    if row["kind"] == "key_expiry" or any(row[k] for k in ("type", "name", "repository")):
        return ""
    return "it does not name a type, name or repository"


# fnmatch itself remembers just a few of them on some Pythons, and each finding is compared with each
# exception.
@functools.lru_cache(maxsize=10_000)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(text))


def _covering(valid: list[Row], each: Finding, reader: Reader) -> Row | None:
    """The first exception that covers a finding."""
    return next((row for row in valid if all(_matches(row, key, each, reader) for key in WHAT)), None)


def _matches(row: Row, key: str, each: Finding, reader: Reader) -> bool:
    """Whether a finding has what one field of an exception asks for."""
    expected = row[key]
    if not expected:
        return True
    value = getattr(each, key)
    if key == "repository" and value is None and each.repositories:
        # After _parts() an exception covers all of them or none.
        value = each.repositories[0]
    if value is None:
        return False
    if key == "repository":
        return _same_repository(expected, value, each, reader)
    if key == "type":
        # The tenant may spell it in lower case.
        return str(value).upper() == str(expected).upper()
    return bool(value == expected or (key == "name" and _pattern(expected).match(str(value))))


def _same_repository(expected: str, name: str, each: Finding, reader: Reader) -> bool:
    """Whether a path, URL or pattern matches a repository of a finding: lab/* matches
    https://git.example.com/Lab/toy too.
    """
    one = reader.of_source(name, each.type, each.hostname)
    for other in reader.readings(expected):
        if may_be(other, one.host) or may_be(one, other.host):
            path, pattern = path_key(one.path, one.product), path_key(other.path, one.product)
            if path == pattern or _pattern(pattern).match(path):
                return True
    return False


def _remarks(row: Row, last: dt.date, today: dt.date) -> list[str]:
    """What a reader should know about a valid exception. last: its last day."""
    left = (last - today).days
    patterns = [row[key] for key in ("name", "repository") if row[key]]
    remarks = []
    if patterns and all(not pattern.strip("*/") for pattern in patterns):
        remarks.append(f"it covers every {'repository' if row['repository'] else 'name'}")
    if left > LONG:
        remarks.append(f"it holds for more than a year, until {last}")
    if left <= SOON:
        remarks.append(f"it ends in {left} days" if left else "it ends today")
    return remarks
