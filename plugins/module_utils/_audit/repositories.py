# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which listed repositories the tenant covers. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses

from .._addresses import Repository, host_key, path_key, repository_of, without_port
from .._admitted import Row
from .._data_sources.fields import Item, label
from .._data_sources.status import HEALTH
from .compare import code_host, is_code, product_of, readable
from .evidence import Evidence
from .kinds import Finding, Section
from .known import name_of

_BEST = {word: place for place, word in enumerate(("healthy", "pending", "unknown", "unhealthy"))}


class Reader:
    """Reads what lists, receipts and data sources call a repository, with what the tenant's data sources tell
    of their hosts.

    known: the tenant's own list of repositories, by whose ids they are known too.
    """

    def __init__(self, sources: list[Item], known: list[Row] | None = None) -> None:
        self._sources = {str(source["id"]): source for source in sources if source.get("id")}
        self._known = {str(row["id"]): row for row in known or []}
        self._products = {
            code_host(source): product_of(source) for source in filter(is_code, sources) if code_host(source)
        }
        # Where a product lies below a path of its host: example.com/gitlab.
        self._roots = [host for host in self._products if "/" in host]
        self._have_read: dict[tuple[str, str], Repository] = {}

    def read(self, text: str, product: str = "") -> Repository:
        """The repository that a text means; one that names none is known by that text alone."""
        if (text, product) not in self._have_read:
            self._have_read[text, product] = self._read(text, product)
        return self._have_read[text, product]

    def _read(self, text: str, product: str) -> Repository:
        if text in self._known:
            return self.of_tenant(self._known[text])
        try:
            found = repository_of(text, product)
            if found.host and not found.product:
                found = repository_of(text, self._product(found))
        except ValueError:
            return Repository("", text.strip())
        for host in self._roots:
            name, _slash, root = host.partition("/")
            if found.host == name and found.path.lower().startswith(f"{root}/"):
                return dataclasses.replace(found, host=host, path=found.path[len(root) + 1 :])
        return found

    def of_tenant(self, row: Row) -> Repository:
        """A repository of the tenant's list."""
        source = self._sources.get(str(row.get("integration_id") or ""), {"type": row.get("source")})
        product = product_of(source)
        if row.get("url"):
            return self.read(str(row["url"]), product)
        found = self.read(name_of(row), product)
        return found if found.host else dataclasses.replace(found, host=code_host(source))

    def of_source(self, text: str, kind: str | None, hostname: str | None) -> Repository:
        """A repository that a finding about a data source of this type and host names; one without a host is
        there.
        """
        found = self.read(text)
        if found.host or not kind:
            return found
        return dataclasses.replace(found, host=code_host({"type": kind, "domain": {"hostname": hostname}}))

    def known_host(self, bare: Repository) -> Repository | None:
        """Of a path alone whose first part is the host of a data source: the rest of it, there."""
        first, _slash, rest = bare.path.partition("/")
        if bare.host or "/" not in rest or host_key(first) not in self._products:
            return None
        return self.read(f"https://{first}/{rest}")

    def _product(self, found: Repository) -> str:
        if found.host in self._products:
            return self._products[found.host]
        beside = {
            product
            for host, product in self._products.items()
            if host.partition("/")[0] == found.host or (found.ssh and without_port(host) == found.host)
        }
        return beside.pop() if len(beside) == 1 else ""


class Coverage:
    """What the version-control data sources of a tenant select, by path.

    known: the tenant's own list of repositories: where it shows whether one is selected, that decides
    (docs/api.md: repository.selected).
    """

    def __init__(self, sources: list[Item], known: list[Row] | None = None) -> None:
        self.reader = Reader(sources, known)
        self._by_id = {str(source["id"]): source for source in sources if source.get("id")}
        self._told: dict[str, list[tuple[Repository, Row]]] = {}
        self._paths: dict[str, list[tuple[str, str, Item]]] = {}
        self._ends: dict[str, set[tuple[str, str]]] = {}
        self._open: list[tuple[str, Item]] = []
        self.selected: dict[tuple[str, str], str] = {}
        for source in filter(is_code, sources):
            own, product = code_host(source), product_of(source)
            for text in source.get("repositories") or []:
                there = self.reader.read(text, product)
                host, path = there.host or own, path_key(there.path, product)
                self._paths.setdefault(path_key(path), []).append((host, path, source))
                self._ends.setdefault(path_key(path).rpartition("/")[2], set()).add((host, path))
                self.selected[(host, path)] = text
            if not readable(source):
                self._open.append((own, source))
        for row in known or []:
            if isinstance(row.get("is_selected"), bool):
                self._take(row)

    def _take(self, row: Row) -> None:
        """What the tenant says of one repository, in place of what the data sources show."""
        there = self.reader.of_tenant(row)
        host, path = there.key
        self._told.setdefault(path_key(path), []).append((there, row))
        self._ends.setdefault(path_key(path).rpartition("/")[2], set()).add((host, path))
        if row["is_selected"]:
            self.selected.setdefault((host, path), name_of(row))
        else:
            self.selected.pop((host, path), None)

    def of(self, text: str) -> Row:
        """One listed repository: covered, uncovered or unknown; by which data source, and whether that is
        healthy.
        """
        wanted = self.reader.read(text)
        row: Row = {"name": text, "status": "covered", "health": None, "by": None, "id": None, "note": ""}
        selected, found = self._judge(wanted)
        there = None if selected is not None else self.reader.known_host(wanted)
        if there:
            wanted, (selected, found) = there, self._judge(there)
        path = path_key(wanted.path)
        if selected is None and "/" not in path:
            same = sorted(k for k in self._ends.get(path, ()) if may_be(wanted, k[0]))
            if len(same) > 1:
                return {
                    **row,
                    "status": "unknown",
                    "note": f"{len(same)} selected repositories have this name: list it with its group or URL",
                }
            if same:
                selected, found = self._judge(Repository(*same[0]))
                row["note"] = f"listed by its last part only: assumed to be {same[0][1]}"
        if found:
            best = min(found, key=lambda s: _BEST.get(str(s.get("health")), _BEST["unknown"]))
            return {
                **row,
                "health": best.get("health") if best.get("health") in HEALTH else "unknown",
                "by": label(best),
                "id": best["id"],
            }
        if selected:
            said = "the tenant shows that it is selected, but not by which data source"
            return {**row, "health": "unknown", "note": ". ".join(filter(None, [row["note"], said]))}
        if selected is False:
            said = "the tenant lists it, but it is not selected"
            return {**row, "status": "uncovered", "note": ". ".join(filter(None, [row["note"], said]))}
        possible = [source for own, source in self._open if may_be(wanted, own)]
        if possible:
            return {
                **row,
                "status": "unknown",
                "note": f"{label(possible[0])} may select it, but does not show all that it selects",
            }
        return {**row, "status": "uncovered"}

    def _judge(self, wanted: Repository) -> tuple[bool | None, list[Item]]:
        """Whether it is selected, and by what; None when neither the tenant's list nor a data source says
        so.
        """
        told = [
            row
            for there, row in self._told.get(path_key(wanted.path), [])
            if may_be(wanted, there.host) and there.key[1] == path_key(wanted.path, there.product)
        ]
        chosen = [row for row in told if row["is_selected"]]
        if told and not chosen:
            return False, []
        found = [
            self._by_id[i] for row in chosen if (i := str(row.get("integration_id") or "")) in self._by_id
        ]
        found = found or self._selecting(wanted)
        return (True if chosen or found else None), found

    def _selecting(self, wanted: Repository) -> list[Item]:
        """The data sources that select it; where upper and lower case count, in just this spelling."""
        return [
            source
            for host, path, source in self._paths.get(path_key(wanted.path), [])
            if may_be(wanted, host) and path == path_key(wanted.path, product_of(source))
        ]


def may_be(one: Repository, host: str) -> bool:
    """Whether a repository can be on this host: what is not known may be, and SSH does not tell the port of
    the web pages.
    """
    return not one.host or not host or one.host == host or (one.ssh and one.host == without_port(host))


def coverage(evidence: Evidence) -> Section:
    """The section repositories: which of the listed ones the tenant covers."""
    if evidence.repositories is None:
        return Section("repositories", None)
    listed, seen = evidence.repositories, Coverage(evidence.sources, evidence.known)
    unique: dict[tuple[str, str], str] = {}
    read: dict[tuple[str, str], Repository] = {}
    for text in listed:
        one = seen.reader.read(text)
        unique.setdefault(one.key, text)
        read.setdefault(one.key, one)
    rows = [seen.of(text) for text in unique.values()]
    found = [_open(row) for row in rows if row["status"] != "covered"]
    paths: dict[str, list[Repository]] = {}
    for one in read.values():
        for meant in filter(None, (one, seen.reader.known_host(one))):
            paths.setdefault(path_key(meant.path), []).append(meant)
    bare = {path for _host, path in unique if "/" not in path}
    extra = [
        text
        for (host, path), text in seen.selected.items()
        if not any(may_be(meant, host) for meant in paths.get(path_key(path), []))
        and path_key(path).rpartition("/")[2] not in bare
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
    return Section("repositories", section, found)


def _open(row: Row) -> Finding:
    """What is to be said of a listed repository that is not covered, or of which that is not known."""
    about = {"subject": row["name"], "repository": row["name"], "stage": "code"}
    if row["status"] == "uncovered":
        return Finding("uncovered", row["note"] or "no version-control data source selects it", **about)
    return Finding("incomplete", f"whether it is covered is not known: {row['note']}", **about)
