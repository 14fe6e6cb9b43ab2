# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exceptions: who answers for which finding, why, and until when. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import fnmatch
import functools
import re
import typing as t

from .._addresses import Repository, path_key
from .._admitted import Row
from .._errors import InputError, did_you_mean
from .kinds import KINDS, Finding, Section, day_from
from .repositories import Reader, may_be

WHAT = ("kind", "type", "name", "repository")
NEEDED = ("owner", "reason", "expires")
# Days for which an exception is long, and before its end.
LONG, SOON = 366, 30


def excuse(
    findings: list[Finding],
    entries: list[t.Any] | None,
    today: dt.date,
    reader: Reader,
    lines: t.Sequence[int] = (),
) -> Section:
    """The section exceptions: each with its state; and all findings, excused in those that a valid exception
    covers, with what is wrong with exceptions at their end: findings that nothing excuses.

    An entry: what (kind, type, name, repository; all given must match; name and repository may be patterns
    with *), owner, reason, expires (the last day on which it holds). One that is expired or incomplete
    excuses nothing. lines: of the file, for each entry.
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
        row = next((r for r in valid if _covers(r, each, reader)), {})
        if row:
            row["used"] += 1
        judged.append(dataclasses.replace(each, excused={k: row[k] for k in NEEDED}) if row else each)
    for row in valid:
        row["state"] = "used" if row["used"] else "unused"
    about = [{k: row[k] for k in ("subject", "type", "name", "repository")} for row in rows]
    faults = [Finding("exception", row["fault"], **which) for row, which in zip(rows, about) if row["fault"]]
    return Section("exceptions", rows, judged + faults)


def _parts(valid: list[Row], each: Finding, reader: Reader) -> list[Finding]:
    """A finding about many repositories as several, when exceptions name some of them; and these without a
    list when it is one.
    """
    if not each.repositories or not any(row["repository"] for row in valid):
        return [each]
    parts: dict[int | None, list[str]] = {}
    for name in each.repositories:
        number = next(
            (r["number"] for r in valid if _covers(r, dataclasses.replace(each, repository=name), reader)),
            None,
        )
        parts.setdefault(number, []).append(name)
    return [dataclasses.replace(each, repositories=names) for names in parts.values()]


def _row(number: int, entry: t.Any, today: dt.date) -> Row:
    given = entry if isinstance(entry, dict) else {}
    row: Row = {k: _word(given.get(k)) for k in (*WHAT, *NEEDED)}
    row.update(number=number, line=None, used=0, state="incomplete", fault="", remarks=[])
    said = ", ".join(f"{k} {row[k]}" for k in WHAT if row[k])
    row["subject"] = f"exception {number + 1}" + (f" ({said})" if said else "")
    row["fault"] = _fault(entry, given, row)
    if row["fault"]:
        return row
    try:
        last = day_from(given["expires"], "its expires")
    except InputError as exc:
        return {**row, "fault": str(exc)}
    row["expires"] = last.isoformat()
    if last < today:
        return {**row, "state": "expired", "fault": f"it expired on {last} ({row['owner']}: {row['reason']})"}
    return {**row, "remarks": _remarks(row, today)}


def _word(value: t.Any) -> str | None:
    """A value as text. What has values of its own is no word; a few lines of YAML can make it larger than any
    memory.
    """
    return str(value).strip() if isinstance(value, (str, int, float, dt.date)) else None


def _fault(entry: t.Any, given: Row, row: Row) -> str:
    if not isinstance(entry, dict):
        return "it is not a dictionary with kind, type, name or repository, owner, reason and expires"
    strange = [str(k)[:80] for k in given if k not in (*WHAT, *NEEDED)]
    if strange:
        return (
            f"{strange[0]} is not a field of an exception.{did_you_mean(strange[0], (*WHAT, *NEEDED))} "
            "Known: "
            f"{', '.join((*WHAT, *NEEDED))}"
        )
    nested = [k for k in (*WHAT, *NEEDED) if given.get(k) is not None and row[k] is None]
    if nested:
        return f"its {nested[0]} is not text"
    lacking = [k for k in NEEDED if not row[k]]
    if lacking:
        return f"it lacks {', '.join(lacking)}"
    if row["kind"] and row["kind"] not in KINDS:
        return (
            f"{row['kind']} is not a kind of finding.{did_you_mean(row['kind'], KINDS)} Known: "
            f"{', '.join(KINDS)}"
        )
    return (
        ""
        if any(row[k] for k in ("type", "name", "repository")) or row["kind"] == "key_expiry"
        else "it does not name a type, name or repository"
    )


# fnmatch itself remembers just a few of them on some Pythons, and each finding is compared with each
# exception.
@functools.lru_cache(maxsize=10_000)
def _pattern(wanted: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(wanted))


def _covers(row: Row, each: Finding, reader: Reader) -> bool:
    for key in WHAT:
        wanted, value = row[key], getattr(each, key)
        if not wanted:
            continue
        if key == "repository" and value is None and each.repositories:
            # _parts() has seen to it that it holds for all or for none.
            value = each.repositories[0]
        if value is None:
            return False
        if key == "repository":
            same = _means_repository(wanted, reader.of_source(str(value), each.type, each.hostname), reader)
        elif key == "type":  # the same however the tenant spells it
            same = str(value).upper() == wanted.upper()
        else:
            same = str(value) == wanted or bool(key == "name" and _pattern(wanted).match(str(value)))
        if not same:
            return False
    return True


def _means_repository(wanted: str, one: Repository, reader: Reader) -> bool:
    """A repository is the same as a path or a URL, in any case; so lab/* is also
    https://git.example.com/Lab/toy.
    """
    said = reader.read(wanted)
    for meant in filter(None, (said, reader.known_host(said))):
        if may_be(meant, one.host) or may_be(one, meant.host):
            path, pattern = path_key(one.path, one.product), path_key(meant.path, one.product)
            if path == pattern or _pattern(pattern).match(path):
                return True
    return False


def _remarks(row: Row, today: dt.date) -> list[str]:
    """What a reader should know of an exception that holds."""
    last = dt.date.fromisoformat(row["expires"])
    left = (last - today).days
    patterns = [row[key] for key in ("name", "repository") if row[key]]
    told = []
    if patterns and all(not pattern.strip("*/") for pattern in patterns):
        told.append(f"it covers every {'repository' if row['repository'] else 'name'}")
    if left > LONG:
        told.append(f"it holds for more than a year, until {last}")
    if left <= SOON:
        told.append(f"it ends in {left} days" if left else "it ends today")
    return told
