# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, what changed since an earlier report. Pure.
from __future__ import annotations

import typing as t

from .kinds import Row, message_of

_SAID = ("kind", "subject", "repository", "message")


def changes(now: Row, before: Row) -> Row:
    """What two reports of one tenant say differently. before: an earlier report.json, of the same schema version."""
    old, new = _open(before), _open(now)
    had = {f["key"]: f for f in map(_keyed, before["findings"])}
    have = {f["key"]: f for f in map(_keyed, now["findings"])}
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
            {"subject": s["subject"], "what": what, "before": b[what], "after": s[what]}
            for b, s in both
            for what in ("health", "status", "selection_type", "repositories_count")
            if b.get(what) != s.get(what)
        ],
        "repositories_changed": _repositories(before.get("repositories"), now.get("repositories")),
    }
    result["total"] = sum(len(v) for k, v in result.items() if k not in ("since", "verdict"))
    return result


def _key(each: Row) -> tuple[t.Any, ...]:
    return tuple(each.get(k) for k in ("kind", "type", "name", "hostname", "repository", "subject"))


def _keyed(each: Row) -> Row:
    return {**each, "key": _key(each)}


def _open(report: Row) -> dict[tuple[t.Any, ...], Row]:
    return {_key(f): f for f in report["findings"] if not f["excused"]}


def _short(each: Row) -> Row:
    return {**{k: each.get(k) for k in _SAID}, "message": message_of(each)}


def _repositories(before: Row | None, now: Row | None) -> list[Row]:
    if not before or not now:
        return []
    old = {r["name"]: r["status"] for r in before["items"]}
    new = {r["name"]: r["status"] for r in now["items"]}
    rows = [{"name": n, "before": old.get(n), "after": new.get(n)} for n in dict.fromkeys([*old, *new]) if old.get(n) != new.get(n)]
    return sorted(rows, key=lambda r: str(r["name"]))
