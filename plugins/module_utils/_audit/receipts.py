# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receipts of uploads and their age. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import datetime as dt
import fnmatch

from .._addresses import Repository, path_key
from .._admitted import Row
from .._data_sources.fields import Item
from .._errors import InputError
from .evidence import Evidence
from .kinds import SOME, Finding, Section, day_from
from .repositories import Reader, may_be

# As the uploads write it for a report that had nothing to send.
NOT_SENT = "not_sent"
# What is kept of a receipt.
KEPT = (
    "branch",
    "commit",
    "tool",
    "results",
    "results_by_level",
    "sha256",
    "time",
    "file",
    "outcome",
    "build_url",
)
# What is text in a receipt, or null.
TEXTS = ("time", "outcome", "collector", "repository", "branch", "commit", "build_url", "tool", "sha256")
# fresh, clean: an upload, or a scan without results, of a branch that counts, in time. The others are
# findings.
FRESH, CLEAN, STALE, OTHER_BRANCH, NO_COLLECTOR = STATES = (
    "fresh",
    "clean",
    "stale",
    "other_branch",
    "no_collector",
)


def receipts(evidence: Evidence, wanted: list[Row]) -> Section:
    """The section receipts: of each collector and repository the newest one from a branch that counts, and
    how old it is.

    wanted: the expected data sources. When nothing is described, the collectors of the tenant are expected.
    """
    if evidence.receipts is None:
        return Section("receipts", None)
    reading = _Reading(evidence)
    rows = [reading.row(some) for _key, some in sorted(reading.groups.items())]
    found = [*reading.faults, *(_stale(row, row["why"]) for row in rows if row["stale"])]
    uploading = {row["collector"] for row in rows}
    for name in _expected(reading.collectors, None if evidence.expected is None else wanted):
        if name not in uploading:
            found.append(_stale({"collector": name, "repository": None}, "it has no receipt at all"))
    section: Row = {
        "files": len(evidence.receipts),
        "of_other_tenants": reading.of_others,
        "max_age_days": evidence.max_age_days,
        "branches": evidence.branches,
        "branch_unknown": sorted(reading.branch_unknown),
        "stale": sum(row["stale"] for row in rows),
        "items": rows,
    }
    if evidence.repositories is not None:
        have = _of_listed(evidence.repositories, rows, reading.reader)
        section["repositories_with_fresh"] = sum(
            any(not row["stale"] for row in some) for some in have.values()
        )
        section["repositories_without"] = sum(not some for some in have.values())
        found += [
            Finding(
                "no_upload", "there is no receipt for it", subject=text, repository=text, stage="cross_stage"
            )
            for text, some in sorted(have.items())
            if not some
        ]
    return Section("receipts", section, found)


def notes(section: Section) -> list[str]:
    """What the reader of this section has to know."""
    unknown = (section.content or {}).get("branch_unknown")
    if not unknown:
        return []
    more = f" and {len(unknown) - SOME} more" if len(unknown) > SOME else ""
    return [
        f"The tenant does not show the default branch of {', '.join(unknown[:SOME])}{more}: an upload from "
        f"any branch counts. "
        "Set audit_branches to change that."
    ]


class _Reading:
    """The receipts by collector and repository, and how each is judged.

    groups: receipts that prove something, each with its collector's name. faults: what is to be said of the
    others. branch_unknown: repositories of which any branch counts, since nobody says which does.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.collectors = [s for s in evidence.sources if str(s.get("type") or "").upper() == "COLLECTOR"]
        self.reader = Reader(evidence.sources, evidence.known)
        self.groups: dict[tuple[str, str, str], list[Row]] = {}
        self.faults: list[Finding] = []
        self.of_others = 0
        self.branch_unknown: set[str] = set()
        self._defaults: dict[str, list[tuple[Repository, str]]] = {}
        for row in evidence.known or []:
            if row.get("default_branch"):
                one = self.reader.of_tenant(row)
                self._defaults.setdefault(path_key(one.path), []).append((one, str(row["default_branch"])))
        for receipt in evidence.receipts or []:
            self._take(receipt)

    def _take(self, receipt: Row) -> None:
        if receipt.get("tenant") and str(receipt["tenant"]).lower() != self.evidence.tenant.lower():
            self.of_others += 1
            return
        fault = _fault(receipt, self.evidence.today)
        if fault:
            self.faults.append(Finding("unreadable", fault, subject=receipt["file"]))
            return
        said = str(receipt.get("collector") or "")
        source = _collector(said, self.collectors)
        name = str(source.get("name") or source["id"]) if source else said
        key = (name, *self.reader.read(str(receipt.get("repository") or "")).key)
        self.groups.setdefault(key, []).append(
            {**receipt, "collector": name, "is_there": source is not None or not said}
        )

    def row(self, group: list[Row]) -> Row:
        """The newest receipt that counts, with its state; where none does, the newest."""
        branches = self._branches(str(group[0].get("repository") or ""))
        counting = [one for one in group if _counts(one, branches)]
        newest = max(counting or group, key=lambda one: one["time"].strip())
        age = max(0, (self.evidence.today - day_from(newest["time"], "time")).days)
        state, why = CLEAN if newest.get("outcome") == NOT_SENT else FRESH, ""
        if not newest["is_there"]:
            state, why = (
                NO_COLLECTOR,
                "the tenant does not have this collector, so its findings cannot be there",
            )
        elif not counting:
            state, why = (
                OTHER_BRANCH,
                f"its newest receipt is of the branch {_branch(newest)}; {' or '.join(branches or [])} "
                f"counts",
            )
        elif age > self.evidence.max_age_days:
            state, why = (
                STALE,
                f"its newest receipt is {age} days old, more than {self.evidence.max_age_days}",
            )
        told = {k: newest.get(k) for k in KEPT}
        about = {
            "collector": newest["collector"],
            "repository": newest.get("repository") or None,
            "uploads": len(group),
        }
        return {**about, "age_days": age, **told, "state": state, "stale": bool(why), "why": why}

    def _branches(self, repository: str) -> list[str] | None:
        """The branches of a repository that count, as names or patterns; None: all, since the tenant does not
        say which is the default.
        """
        if self.evidence.branches:
            return self.evidence.branches
        if not repository:
            return None
        wanted = self.reader.read(repository)
        found = {
            name for one, name in self._defaults.get(path_key(wanted.path), []) if may_be(wanted, one.host)
        }
        if not found:
            self.branch_unknown.add(repository)
        return sorted(found) or None


def _branch(receipt: Row) -> str:
    return str(receipt.get("branch") or "").removeprefix("refs/heads/")


def _counts(receipt: Row, branches: list[str] | None) -> bool:
    """Whether the branch of a receipt counts. One that names none is of the default branch: so the tenant
    takes it.
    """
    name = _branch(receipt)
    return (
        not name or branches is None or any(name == one or fnmatch.fnmatchcase(name, one) for one in branches)
    )


def _fault(receipt: Row, today: dt.date) -> str:
    """Why a receipt proves nothing; empty when it proves something."""
    strange = [name for name in TEXTS if not isinstance(receipt.get(name), (str, type(None)))]
    if strange:
        return f"not a receipt of an upload: its {strange[0]} is not text"
    try:
        day = day_from(receipt.get("time"), "its time")
    except InputError as exc:
        return f"not a receipt of an upload: {exc}"
    # A day for the time zones.
    if (day - today).days > 1:
        return f"it is dated {day}, after the day of the audit ({today})"
    source = receipt["source"] if isinstance(receipt.get("source"), dict) else {}
    if receipt.get("outcome") == NOT_SENT:
        if source.get("scan_failed"):
            return "nothing was sent, and its scan failed, so the absence of results proves nothing"
    elif not isinstance(receipt.get("status"), int) or not 200 <= receipt["status"] < 300:
        return f"it does not record an accepted upload (status {receipt.get('status')})"
    return _contradiction(receipt, source)


def _contradiction(receipt: Row, source: Row) -> str:
    """What of the numbers of a receipt cannot be true together; empty when nothing is."""
    results, levels, all_results = (
        receipt.get("results"),
        receipt.get("results_by_level"),
        source.get("results"),
    )
    numbers = [results, all_results, *(levels.values() if isinstance(levels, dict) else [])]
    if any(
        number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 0)
        for number in numbers
    ):
        return "its numbers are not counts of results"
    if results is None:
        return ""
    by_level = sum(filter(None, levels.values())) if isinstance(levels, dict) and levels else results
    faults = {
        f"{by_level} by level": by_level != results,
        f"{all_results} in the report": all_results is not None and results > all_results,
        "nothing was sent": results > 0 and receipt.get("outcome") == NOT_SENT,
    }
    return next(
        (
            f"its numbers contradict each other: {results} results, but {said}"
            for said, wrong in faults.items()
            if wrong
        ),
        "",
    )


def _collector(said: str, collectors: list[Item]) -> Item | None:
    """A receipt names its collector as the upload did: by name, by id, or by the path of its URL."""
    return next((c for c in collectors if c.get("name") == said), None) or next(
        (c for c in collectors if said.rstrip("/").rpartition("/")[2] == c["id"]), None
    )


def _stale(row: Row, message: str) -> Finding:
    named = row["collector"] and f'COLLECTOR "{row["collector"]}"'
    subject = " ".join(filter(None, [named, row["repository"] and f"for {row['repository']}"]))
    return Finding(
        "stale",
        message,
        subject=subject,
        type="COLLECTOR",
        name=row["collector"],
        repository=row["repository"],
        stage="cross_stage",
    )


def _expected(collectors: list[Item], wanted: list[Row] | None) -> list[str]:
    """The names of the collectors that should have a receipt."""
    if wanted is None:
        return [str(c.get("name") or c["id"]) for c in collectors]
    return [
        str(w["name"] or w["id"])
        for w in wanted
        if str(w["type"] or "").upper() == "COLLECTOR"
        and (w["name"] or w["id"])
        and w["state"] in ("present", "missing")
    ]


def _of_listed(listed: list[str], rows: list[Row], reader: Reader) -> dict[str, list[Row]]:
    """The rows of each listed repository, doubles left out. What went to a collector that is not there does
    not count.
    """
    have: dict[str, list[tuple[Repository, Row]]] = {}
    for row in rows:
        if row["state"] == NO_COLLECTOR:
            continue
        uploaded = reader.read(row["repository"] or "")
        path = path_key(uploaded.path)
        for end in dict.fromkeys((path, path.rpartition("/")[2])):  # a list may name the last part alone
            have.setdefault(end, []).append((uploaded, row))
    found: dict[str, list[Row]] = {}
    for text in {reader.read(text).key: text for text in reversed(listed)}.values():
        wanted = reader.read(text)
        meant = [one for one in (wanted, reader.known_host(wanted)) if one]
        found[text] = [
            row
            for one in meant
            for uploaded, row in have.get(path_key(one.path), [])
            if may_be(one, uploaded.host) or may_be(uploaded, one.host)
        ]
    return found
