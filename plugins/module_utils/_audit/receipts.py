# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receipts of uploads: which are too old, and which are missing. Pure.

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
from .kinds import Finding, Section, day_from, some_of
from .repositories import Reader, last_part, may_be

# The outcome in the receipt of a report that had nothing to send.
NOT_SENT = "not_sent"
# The members of a receipt that the report shows.
KEPT = (
    "branch", "commit", "tool", "results", "results_by_level", "sha256", "time", "file", "outcome",
    "build_url",
)  # fmt: skip
# Members of a receipt that are text or null.
TEXTS = ("time", "outcome", "collector", "repository", "branch", "commit", "build_url", "tool", "sha256")
# fresh, clean: a recent upload, or a recent scan without results, of a branch that counts. The others are
# findings.
FRESH, CLEAN, STALE, OTHER_BRANCH, NO_COLLECTOR = "fresh", "clean", "stale", "other_branch", "no_collector"


def receipts(evidence: Evidence, expected: list[Row]) -> Section:
    """The section receipts: the newest receipt of each collector and repository, and how old it is.

    expected: the rows of the section expected. If nothing is described, all collectors of the tenant are
    expected.
    """
    if evidence.receipts is None:
        return Section("receipts", None)
    reading = _Reading(evidence)
    rows = [reading.row(group) for _key, group in sorted(reading.groups.items())]
    findings = [*reading.faults, *(_stale(row, row["why"]) for row in rows if row["stale"])]
    uploading = {row["collector"] for row in rows}
    findings += [
        _stale({"collector": name, "repository": None}, "it has no receipt at all")
        for name in _expected(reading.collectors, None if evidence.expected is None else expected)
        if name not in uploading
    ]
    content: Row = {
        "files": len(evidence.receipts),
        "of_other_tenants": reading.of_others,
        "max_age_days": evidence.max_age_days,
        "branches": evidence.branches,
        "branch_unknown": sorted(reading.branch_unknown),
        "stale": sum(row["stale"] for row in rows),
        "items": rows,
    }
    if evidence.repositories is not None:
        by_name = _of_listed(evidence.repositories, rows, reading.reader)
        without = sorted(name for name, some in by_name.items() if not some)
        content["repositories_with_fresh"] = sum(
            not all(row["stale"] for row in some) for some in by_name.values()
        )
        content["repositories_without"] = len(without)
        why, stage = "there is no receipt for it", "cross_stage"
        findings += [Finding("no_upload", why, name, repository=name, stage=stage) for name in without]
    return Section("receipts", content, findings)


def notes(section: Section) -> list[str]:
    """Remarks about this section for the reader of the report."""
    unknown = (section.content or {}).get("branch_unknown")
    if not unknown:
        return []
    return [
        f"The tenant does not show the default branch of {some_of(unknown)}: an upload from any branch "
        "counts. Set audit_branches to change that."
    ]


class _Reading:
    """The receipts by collector and repository, and the state of each.

    groups: (collector, host, path) -> the usable receipts.
    faults: the findings about the others.
    branch_unknown: repositories for which any branch counts, because the default branch is unknown.
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
            self._add(receipt)

    def _add(self, receipt: Row) -> None:
        if receipt.get("tenant") and str(receipt["tenant"]).lower() != self.evidence.tenant.lower():
            self.of_others += 1
            return
        fault = _fault(receipt, self.evidence.today)
        if fault:
            self.faults.append(Finding("unreadable", fault, subject=receipt["file"]))
            return
        name = str(receipt.get("collector") or "")
        collector = _collector(name, self.collectors)
        exists = collector is not None or not name
        name = str(collector.get("name") or collector["id"]) if collector else name
        key = (name, *self.reader.read(str(receipt.get("repository") or "")).key)
        self.groups.setdefault(key, []).append({**receipt, "collector": name, "exists": exists})

    def row(self, group: list[Row]) -> Row:
        """The newest receipt of a branch that counts, with its state; the newest of all if there is none."""
        branches, most = self._branches(str(group[0].get("repository") or "")), self.evidence.max_age_days
        counting = [one for one in group if _counts(one, branches)]
        newest = max(counting or group, key=lambda one: one["time"].strip())
        age = max(0, (self.evidence.today - day_from(newest["time"], "time")).days)
        state, why = CLEAN if newest.get("outcome") == NOT_SENT else FRESH, ""
        if not newest["exists"]:
            state = NO_COLLECTOR
            why = "the tenant does not have this collector, so its findings cannot be there"
        elif not counting:
            state, counts = OTHER_BRANCH, " or ".join(branches or [])
            why = f"its newest receipt is of the branch {_branch(newest)}; {counts} counts"
        elif age > most:
            state, why = STALE, f"its newest receipt is {age} days old, more than {most}"
        return {
            "collector": newest["collector"],
            "repository": newest.get("repository") or None,
            "uploads": len(group),
            "age_days": age,
            **{k: newest.get(k) for k in KEPT},
            "state": state,
            "stale": bool(why),
            "why": why,
        }

    def _branches(self, repository: str) -> list[str] | None:
        """The branches of a repository that count, as names or patterns; None for all, if the default branch
        is unknown.
        """
        if self.evidence.branches:
            return self.evidence.branches
        if not repository:
            return None
        one = self.reader.read(repository)
        names = {
            name for other, name in self._defaults.get(path_key(one.path), []) if may_be(one, other.host)
        }
        if not names:
            self.branch_unknown.add(repository)
        return sorted(names) or None


def _branch(receipt: Row) -> str:
    return str(receipt.get("branch") or "").removeprefix("refs/heads/")


def _counts(receipt: Row, branches: list[str] | None) -> bool:
    """Whether the branch of a receipt counts. The tenant takes an upload that names none for one of the
    default branch.
    """
    name = _branch(receipt)
    if not name or branches is None:
        return True
    return any(name == one or fnmatch.fnmatchcase(name, one) for one in branches)


def _fault(receipt: Row, today: dt.date) -> str:
    """Why a receipt proves nothing; empty if it is usable."""
    strange = [name for name in TEXTS if not isinstance(receipt.get(name), (str, type(None)))]
    if strange:
        return f"not a receipt of an upload: its {strange[0]} is not text"
    try:
        day = day_from(receipt.get("time"), "its time")
    except InputError as exc:
        return f"not a receipt of an upload: {exc}"
    # One day later is allowed, because of time zones.
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
    """Which numbers of a receipt contradict each other; empty if none do."""
    results, all_results = receipt.get("results"), source.get("results")
    levels = receipt["results_by_level"] if isinstance(receipt.get("results_by_level"), dict) else {}
    numbers = [number for number in (results, all_results, *levels.values()) if number is not None]
    if any(isinstance(number, bool) or not isinstance(number, int) or number < 0 for number in numbers):
        return "its numbers are not counts of results"
    if results is None:
        return ""
    by_level = sum(filter(None, levels.values())) if levels else results
    if by_level != results:
        other = f"{by_level} by level"
    elif all_results is not None and results > all_results:
        other = f"{all_results} in the report"
    elif results > 0 and receipt.get("outcome") == NOT_SENT:
        other = "nothing was sent"
    else:
        return ""
    return f"its numbers contradict each other: {results} results, but {other}"


def _collector(name: str, collectors: list[Item]) -> Item | None:
    """The collector that a receipt names as the upload did: by name, by ID, or by the path of its URL."""
    return next((c for c in collectors if c.get("name") == name), None) or next(
        (c for c in collectors if name.rstrip("/").rpartition("/")[2] == c["id"]), None
    )


def _stale(row: Row, message: str) -> Finding:
    name, repository = row["collector"], row["repository"]
    subject = " ".join([f'COLLECTOR "{name}"'] * bool(name) + [f"for {repository}"] * bool(repository))
    about = {"subject": subject, "type": "COLLECTOR", "name": name, "repository": repository}
    return Finding("stale", message, **about, stage="cross_stage")


def _expected(collectors: list[Item], expected: list[Row] | None) -> list[str]:
    """The names of the collectors that should have a receipt. expected: None if nothing is described."""
    if expected is None:
        return [str(c.get("name") or c["id"]) for c in collectors]
    return [
        str(row["name"] or row["id"])
        for row in expected
        if str(row["type"] or "").upper() == "COLLECTOR"
        and (row["name"] or row["id"])
        and row["state"] in ("present", "missing")
    ]


def _of_listed(listed: list[str], rows: list[Row], reader: Reader) -> dict[str, list[Row]]:
    """The rows of each listed repository, without duplicates. Uploads to a collector that does not exist do
    not count.
    """
    uploads: dict[str, list[tuple[Repository, Row]]] = {}
    for row in rows:
        if row["state"] == NO_COLLECTOR:
            continue
        repository = reader.read(row["repository"] or "")
        # A list may contain only the last part of a path.
        for end in sorted({path_key(repository.path), last_part(repository.path)}):
            uploads.setdefault(end, []).append((repository, row))
    return {
        text: [
            row
            for one in reader.readings(text)
            for repository, row in uploads.get(path_key(one.path), [])
            if may_be(one, repository.host) or may_be(repository, one.host)
        ]
        for text in {reader.read(text).key: text for text in reversed(listed)}.values()
    }
