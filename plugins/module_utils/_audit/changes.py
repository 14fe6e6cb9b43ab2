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

_SAID = ("kind", "subject", "repository", "message")


def changes(now: Row, before: Row) -> Row:
    """What two reports of one tenant say differently. before: an earlier report.json, of the same schema
    version.

    A repository is the same in both, whether one has its path and the other its URL.
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
    result["total"] = sum(len(v) for k, v in result.items() if k not in ("since", "verdict"))
    return result


class _Identity:
    """Which repositories of two reports are one."""

    def __init__(self, reports: list[Row]) -> None:
        sources = [
            {**s, "domain": {"hostname": s.get("hostname")}}
            for report in reports
            for s in report["data_sources"]
        ]
        self._reader = Reader(sources)
        names = [
            name
            for report in reports
            for each in report["findings"]
            for name in filter(None, [each.get("repository"), *(each.get("repositories") or [])])
        ]
        names += [
            row["name"]
            for report in reports
            for row in (report.get("repositories") or {"items": []})["items"]
        ]
        self._hosts: dict[str, set[str]] = {}
        for name in names:
            host, path = self._reader.read(name).key
            self._hosts.setdefault(path, set()).update([host] if host else [])

    def of(self, name: str) -> tuple[str, str]:
        """One key of a repository. A path without a host has that of the URL of this path, where there is
        just one.
        """
        host, path = self._reader.read(name).key
        hosts = self._hosts.get(path, set())
        return (host or next(iter(hosts), "") if len(hosts) == 1 else host), path

    def findings(self, report: Row) -> dict[tuple[t.Any, ...], Row]:
        """The findings of a report by what they are about; one about many repositories is one for each of
        them.
        """
        keyed = {}
        for each in report["findings"]:
            single = [
                {**each, "repository": name, "repositories": None} for name in each.get("repositories") or []
            ]
            for one in single or [each]:
                about = (
                    self.of(one["repository"])
                    if one.get("repository")
                    else (one.get("subject"), one.get("hostname"))
                )
                keyed[(one.get("kind"), one.get("type"), one.get("name"), *about)] = one
        return keyed

    def coverage(self, before: Row, now: Row) -> list[Row]:
        """The repositories whose coverage is another one."""
        if not before.get("repositories") or not now.get("repositories"):
            return []
        old, new = (
            {self.of(row["name"]): row for row in report["repositories"]["items"]} for report in (before, now)
        )
        rows = []
        for key in dict.fromkeys([*old, *new]):
            was, is_now = old.get(key), new.get(key)
            states = [row and row["status"] for row in (was, is_now)]
            if states[0] != states[1]:
                rows.append({"name": (is_now or was or {})["name"], "before": states[0], "after": states[1]})
        return sorted(rows, key=lambda r: str(r["name"]))


def _open(findings: dict[tuple[t.Any, ...], Row]) -> dict[tuple[t.Any, ...], Row]:
    return {key: each for key, each in findings.items() if not each["excused"]}


def _short(each: Row) -> Row:
    return {**{k: each.get(k) for k in _SAID}, "message": message_of(each)}
