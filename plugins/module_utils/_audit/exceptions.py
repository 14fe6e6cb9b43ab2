# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, exceptions: who answers for which finding, why, and until when. Pure.
from __future__ import annotations

import dataclasses
import datetime as dt
import fnmatch
import functools
import re
import typing as t

from .._errors import InputError, did_you_mean
from .kinds import KINDS, Finding, Row, Section, day_from

WHAT = ("kind", "type", "name", "repository")
NEEDED = ("owner", "reason", "expires")


def excuse(findings: list[Finding], entries: list[t.Any] | None, today: dt.date) -> Section:
    """The section exceptions: each with its state; and all findings, excused in those that a valid exception covers, with what is
    wrong with exceptions at their end: findings that nothing excuses.

    An entry: what (kind, type, name, repository; all given must match; name and repository may be patterns with *), owner, reason,
    expires (the last day on which it holds). One that is expired or incomplete excuses nothing.
    """
    if entries is None:
        return Section("exceptions", None, findings)
    rows = [_row(number, entry, today) for number, entry in enumerate(entries)]
    valid = [row for row in rows if not row["fault"]]
    judged = []
    for each in [part for whole in findings for part in _parts(valid, whole)]:
        row = next((r for r in valid if _covers(r, each)), None)
        if row:
            row["used"] += 1
        judged.append(dataclasses.replace(each, excused={k: row[k] for k in NEEDED}) if row else each)
    for row in valid:
        row["state"] = "used" if row["used"] else "unused"
    about = [{k: row[k] for k in ("subject", "type", "name", "repository")} for row in rows]
    faults = [Finding("exception", row["fault"], **which) for row, which in zip(rows, about) if row["fault"]]
    return Section("exceptions", rows, judged + faults)


def _parts(valid: list[Row], each: Finding) -> list[Finding]:
    """A finding about many repositories as several, when exceptions name some of them; and these without a list when it is one."""
    if not each.repositories or not any(row["repository"] for row in valid):
        return [each]
    parts: dict[int | None, list[str]] = {}
    for name in each.repositories:
        number = next((r["number"] for r in valid if _covers(r, dataclasses.replace(each, repository=name))), None)
        parts.setdefault(number, []).append(name)
    return [dataclasses.replace(each, repositories=names) for names in parts.values()]


def _row(number: int, entry: t.Any, today: dt.date) -> Row:
    given = entry if isinstance(entry, dict) else {}
    row: Row = {k: _word(given.get(k)) for k in (*WHAT, *NEEDED)}
    row.update(number=number, used=0, state="incomplete", fault="")
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
    return row


def _word(value: t.Any) -> str | None:
    """A value as text. What has values of its own is no word; a few lines of YAML can make it larger than any memory."""
    return str(value).strip() if isinstance(value, (str, int, float, dt.date)) else None


def _fault(entry: t.Any, given: Row, row: Row) -> str:
    if not isinstance(entry, dict):
        return "it is no dictionary with what, owner, reason and expires"
    strange = [str(k)[:80] for k in given if k not in (*WHAT, *NEEDED)]
    if strange:
        return f"{strange[0]} is no field of it.{did_you_mean(strange[0], (*WHAT, *NEEDED))} Known: {', '.join((*WHAT, *NEEDED))}"
    nested = [k for k in (*WHAT, *NEEDED) if given.get(k) is not None and row[k] is None]
    if nested:
        return f"its {nested[0]} is no text"
    lacking = [k for k in NEEDED if not row[k]]
    if lacking:
        return f"it lacks {', '.join(lacking)}"
    if row["kind"] and row["kind"] not in KINDS:
        return f"{row['kind']} is no kind of finding.{did_you_mean(row['kind'], KINDS)} Known: {', '.join(KINDS)}"
    return (
        ""
        if any(row[k] for k in ("type", "name", "repository")) or row["kind"] == "key_expiry"
        else "it does not say for what: type, name or repository"
    )


# fnmatch itself remembers just a few of them on some Pythons, and each finding is compared with each exception.
@functools.lru_cache(maxsize=10_000)
def _pattern(wanted: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(wanted))


def _covers(row: Row, each: Finding) -> bool:
    for key in WHAT:
        wanted, value = row[key], getattr(each, key)
        if not wanted:
            continue
        if key == "repository" and value is None and each.repositories:
            # _parts() has seen to it that it holds for all or for none.
            value = each.repositories[0]
        if value is None:
            return False
        # A type is the same however the tenant spells it.
        same = str(value).upper() == wanted.upper() if key == "type" else str(value) == wanted
        if not (same or (key in ("name", "repository") and _pattern(wanted).match(str(value)))):
            return False
    return True
