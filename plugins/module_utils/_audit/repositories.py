# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, which listed repositories the tenant covers. Pure.
from __future__ import annotations

import re
import typing as t
from urllib.parse import unquote

from .._data_sources.fields import Item, label
from .._data_sources.status import HEALTH
from .._repository_lists import url_key
from .compare import code_host, is_code, readable
from .kinds import Finding, finding

Row = dict[str, t.Any]
_SCP = re.compile(r"[^/@:\s]+@[^/:\s]+:(?!//).+")
_BEST = {word: place for place, word in enumerate(("healthy", "pending", "unknown", "unhealthy"))}


def key_of(text: str) -> tuple[str, str]:
    """Host (empty when the text names none) and path of a repository, so that two spellings of one are equal.

    Text: C(group/project), C(host.example.com/group/project), a URL, or C(git@host:group/project.git). Upper and lower case do not matter.
    """
    text = text.strip()
    if "://" not in text and not _SCP.fullmatch(text):
        first, _slash, rest = text.strip("/").partition("/")
        if "." not in first or "/" not in rest:
            return "", unquote(text.strip("/")).removesuffix(".git").casefold()
    host, _slash, path = url_key(text).partition("/")
    return host.casefold(), unquote(path).strip("/").casefold()


class Coverage:
    """What the version-control data sources of a tenant select, by path."""

    def __init__(self, sources: list[Item]) -> None:
        self._paths: dict[str, list[tuple[str, Item]]] = {}
        self._ends: dict[str, set[tuple[str, str]]] = {}
        self._open: list[tuple[str, Item]] = []
        self.selected: dict[tuple[str, str], str] = {}
        for source in filter(is_code, sources):
            own = code_host(source)
            for text in source.get("repositories") or []:
                host, path = key_of(text)
                host = host or own
                self._paths.setdefault(path, []).append((host, source))
                self._ends.setdefault(path.rpartition("/")[2], set()).add((host, path))
                self.selected[(host, path)] = text
            if not readable(source):
                self._open.append((own, source))

    def of(self, text: str) -> Row:
        """One listed repository: covered, uncovered or unknown; by which data source, and whether that is healthy."""
        host, path = key_of(text)
        row: Row = {"name": text, "status": "covered", "health": None, "by": None, "id": None, "note": ""}
        found = self._selecting(host, path)
        if not found and "/" not in path:
            same = sorted(k for k in self._ends.get(path, ()) if _may_be(host, k[0]))
            if len(same) > 1:
                return {
                    **row,
                    "status": "unknown",
                    "note": f"{len(same)} selected repositories are called so: list it with its group or URL",
                }
            if same:
                found, row["note"] = self._selecting(*same[0]), f"listed by its last part alone: taken for {same[0][1]}"
        if found:
            best = min((s for _host, s in found), key=lambda s: _BEST.get(str(s.get("health")), _BEST["unknown"]))
            return {**row, "health": best.get("health") if best.get("health") in HEALTH else "unknown", "by": label(best), "id": best["id"]}
        possible = [source for own, source in self._open if _may_be(host, own)]
        if possible:
            return {**row, "status": "unknown", "note": f"{label(possible[0])} may select it, but does not show all that it selects"}
        return {**row, "status": "uncovered"}

    def _selecting(self, host: str, path: str) -> list[tuple[str, Item]]:
        return [(own, source) for own, source in self._paths.get(path, []) if _may_be(host, own)]


def _may_be(one: str, other: str) -> bool:
    return not one or not other or one == other


def cover(listed: list[str], sources: list[Item]) -> tuple[Row, list[Finding]]:
    """The coverage of the listed repositories, and what is to be said about it."""
    coverage = Coverage(sources)
    unique: dict[tuple[str, str], str] = {}
    for text in listed:
        unique.setdefault(key_of(text), text)
    rows = [coverage.of(text) for text in unique.values()]
    found = [
        finding("uncovered", "no version-control data source selects it", subject=row["name"], repository=row["name"], stage="code")
        if row["status"] == "uncovered"
        else finding(
            "incomplete", f"whether it is covered is not known: {row['note']}", subject=row["name"], repository=row["name"], stage="code"
        )
        for row in rows
        if row["status"] != "covered"
    ]
    paths: dict[str, list[str]] = {}
    for host, path in unique:
        paths.setdefault(path, []).append(host)
    bare = {path for _host, path in unique if "/" not in path}
    extra = [
        text
        for (host, path), text in coverage.selected.items()
        if not any(_may_be(host, h) for h in paths.get(path, [])) and path.rpartition("/")[2] not in bare
    ]
    section = {
        "listed": len(rows),
        "duplicates": len(listed) - len(rows),
        "covered": sum(r["status"] == "covered" for r in rows),
        "covered_healthy": sum(r["status"] == "covered" and r["health"] == "healthy" for r in rows),
        "uncovered": sum(r["status"] == "uncovered" for r in rows),
        "unknown": sum(r["status"] == "unknown" for r in rows),
        "items": rows,
        "not_listed": sorted(extra),
    }
    return section, found
