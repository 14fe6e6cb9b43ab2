# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed since an earlier report. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import typing as t

from .._admitted import Row
from .kinds import message_of
from .repositories import Reader

# What a finding is about: its kind, the type and name of its data source, then its repository or its subject.
_About = tuple[t.Any, ...]


def changes(now: Row, before: Row) -> Row:
    """The differences between two reports of one tenant.

    before: an earlier report.json, of the same schema version.

    One report may refer to a repository by its path and the other by its URL.
    """
    same = _Identity([before, now])
    had, have = same.findings(before), same.findings(now)
    old, new = _open(had), _open(have)
    sources_before = {s["id"]: s for s in before["data_sources"]}
    sources_now = {s["id"]: s for s in now["data_sources"]}
    both = [(sources_before[i], s) for i, s in sources_now.items() if i in sources_before]
    result: Row = {
        "since": before["audited_at"],
        "verdict": [before["verdict"], now["verdict"]],
        "new_findings": [_short(f) for k, f in new.items() if k not in had],
        "resolved_findings": [_short(f) for k, f in old.items() if k not in have],
        "newly_excused": [_short(f) for k, f in have.items() if f["excused"] and k in old],
        "no_longer_excused": [_short(f) for k, f in new.items() if k in had and had[k]["excused"]],
        "data_sources_added": [s["subject"] for i, s in sources_now.items() if i not in sources_before],
        "data_sources_removed": [s["subject"] for i, s in sources_before.items() if i not in sources_now],
        "data_sources_changed": [
            {"subject": s["subject"], "what": what, "before": b.get(what), "after": s.get(what)}
            for b, s in both
            for what in ("health", "status", "selection_type", "repositories_count")
            if b.get(what) != s.get(what)
        ],
        "repositories_changed": same.coverage(before, now),
    }
    return {**result, "total": sum(len(v) for k, v in result.items() if k not in ("since", "verdict"))}


class _Identity:
    """Which repositories of two reports are the same."""

    def __init__(self, reports: list[Row]) -> None:
        sources = [s for report in reports for s in report["data_sources"]]
        self._reader = Reader([{**s, "domain": {"hostname": s.get("hostname")}} for s in sources])
        self._hosts: dict[str, set[str]] = {}
        for report in reports:
            listed = (report.get("repositories") or {"items": []})["items"]
            names = [each.get("repository") for each in report["findings"]]
            names += [name for each in report["findings"] for name in each.get("repositories") or []]
            for name in filter(None, [*names, *(row["name"] for row in listed)]):
                host, path = self._reader.read(name).key
                self._hosts.setdefault(path, set()).update([host] if host else [])

    def of(self, name: str) -> tuple[str, str]:
        """The host and path of a repository. A path without a host gets the host of the URLs with this path,
        if they all have the same.
        """
        host, path = self._reader.read(name).key
        hosts = self._hosts.get(path, set())
        return host or (next(iter(hosts)) if len(hosts) == 1 else ""), path

    def findings(self, report: Row) -> dict[_About, Row]:
        """The findings of a report by what they are about; one about several repositories counts as one for
        each of them.
        """
        keyed = {}
        for each in report["findings"]:
            names = each.get("repositories") or []
            for one in [{**each, "repository": name, "repositories": None} for name in names] or [each]:
                name = one.get("repository")
                about = self.of(name) if name else (one.get("subject"), one.get("hostname"))
                keyed[(one.get("kind"), one.get("type"), one.get("name"), *about)] = one
        return keyed

    def coverage(self, before: Row, now: Row) -> list[Row]:
        """The listed repositories whose coverage has changed."""
        if not before.get("repositories") or not now.get("repositories"):
            return []
        old, new = (
            {self.of(row["name"]): row for row in report["repositories"]["items"]} for report in (before, now)
        )
        rows = []
        for key in {**old, **new}:
            status = [side[key]["status"] if key in side else None for side in (old, new)]
            if status[0] != status[1]:
                name = (new.get(key) or old[key])["name"]
                rows.append({"name": name, "before": status[0], "after": status[1]})
        return sorted(rows, key=lambda row: str(row["name"]))


def _open(findings: dict[_About, Row]) -> dict[_About, Row]:
    return {key: each for key, each in findings.items() if not each["excused"]}


def _short(each: Row) -> Row:
    return {**{k: each.get(k) for k in ("kind", "subject", "repository")}, "message": message_of(each)}
