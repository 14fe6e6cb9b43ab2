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
    """Finds the repository that a text in a list, a receipt or a data source refers to.

    sources: the tenant's data sources, which show the products and hosts there are.
    known: the tenant's own list of repositories, which may be referred to by ID too.
    """

    def __init__(self, sources: list[Item], known: list[Row] | None = None) -> None:
        self._sources = {str(source["id"]): source for source in sources if source.get("id")}
        self._known = {str(row["id"]): row for row in known or []}
        self._products = {
            code_host(source): product_of(source) for source in filter(is_code, sources) if code_host(source)
        }
        # Products below a path of their host: example.com/gitlab.
        self._roots = [host for host in self._products if "/" in host]
        self._cache: dict[tuple[str, str], Repository] = {}

    def read(self, text: str, product: str = "") -> Repository:
        """The repository that a text refers to; a text that is neither a URL nor a path is its own path.

        product: of the data source that the text comes from; empty if unknown.
        """
        if (text, product) not in self._cache:
            self._cache[text, product] = self._read(text, product)
        return self._cache[text, product]

    def _read(self, text: str, product: str) -> Repository:
        if text in self._known:
            return self.of_tenant(self._known[text])
        try:
            repository = repository_of(text, product)
            if repository.host and not repository.product:
                repository = repository_of(text, self._product(repository))
        except ValueError:
            return Repository("", text.strip())
        for host in self._roots:
            name, _slash, root = host.partition("/")
            if repository.host == name and repository.path.lower().startswith(f"{root}/"):
                return dataclasses.replace(repository, host=host, path=repository.path[len(root) + 1 :])
        return repository

    def of_tenant(self, row: Row) -> Repository:
        """A repository of the tenant's list."""
        source = self._sources.get(str(row.get("integration_id") or ""), {"type": row.get("source")})
        product = product_of(source)
        if row.get("url"):
            return self.read(str(row["url"]), product)
        repository = self.read(name_of(row), product)
        return repository if repository.host else dataclasses.replace(repository, host=code_host(source))

    def of_source(self, text: str, kind: str | None, hostname: str | None) -> Repository:
        """The repository that a finding about a data source names.

        kind, hostname: of the data source, whose host is assumed if the text has none.
        """
        repository = self.read(text)
        if repository.host or not kind:
            return repository
        host = code_host({"type": kind, "domain": {"hostname": hostname}})
        return dataclasses.replace(repository, host=host)

    def known_host(self, bare: Repository) -> Repository | None:
        """The repository at a data source's host, if that host is the first part of a path without a host;
        otherwise None.
        """
        first, _slash, rest = bare.path.partition("/")
        if bare.host or "/" not in rest or host_key(first) not in self._products:
            return None
        return self.read(f"https://{first}/{rest}")

    def readings(self, text: str) -> list[Repository]:
        """The repositories that a text may refer to: as it is, and with its first part as the host."""
        repository = self.read(text)
        return [one for one in (repository, self.known_host(repository)) if one]

    def _product(self, repository: Repository) -> str:
        """The product at the host of a repository; empty if it is unknown or there are several."""
        name = repository.host
        if name in self._products:
            return self._products[name]
        products = {
            product
            for host, product in self._products.items()
            if host.partition("/")[0] == name or (repository.ssh and without_port(host) == name)
        }
        return products.pop() if len(products) == 1 else ""


class Coverage:
    """What the version-control data sources of a tenant select, by path.

    known: the tenant's own list of repositories. If it shows whether one is selected, that decides
    (docs/api.md: repository.selected).
    """

    def __init__(self, sources: list[Item], known: list[Row] | None = None) -> None:
        self.reader = Reader(sources, known)
        self._by_id = {str(source["id"]): source for source in sources if source.get("id")}
        # By path: what the tenant's list has, and (host, path, data source) of what data sources select.
        self._listed: dict[str, list[tuple[Repository, Row]]] = {}
        self._paths: dict[str, list[tuple[str, str, Item]]] = {}
        # By the last part of the path: (host, path).
        self._ends: dict[str, set[tuple[str, str]]] = {}
        # (host, data source) of those that may select more than they show.
        self._open: list[tuple[str, Item]] = []
        # (host, path) of what is selected -> its name.
        self.selected: dict[tuple[str, str], str] = {}
        for source in filter(is_code, sources):
            own, product = code_host(source), product_of(source)
            for text in source.get("repositories") or []:
                repository = self.reader.read(text, product)
                host, path = repository.host or own, path_key(repository.path, product)
                self._paths.setdefault(path_key(path), []).append((host, path, source))
                self._ends.setdefault(last_part(path), set()).add((host, path))
                self.selected[(host, path)] = text
            if not readable(source):
                self._open.append((own, source))
        for row in known or []:
            if isinstance(row.get("is_selected"), bool):
                self._add_listed(row)

    def _add_listed(self, row: Row) -> None:
        """A repository of the tenant's list, which overrides what data sources show."""
        repository = self.reader.of_tenant(row)
        host, path = repository.key
        self._listed.setdefault(path_key(path), []).append((repository, row))
        self._ends.setdefault(last_part(path), set()).add((host, path))
        if row["is_selected"]:
            self.selected.setdefault((host, path), name_of(row))
        else:
            self.selected.pop((host, path), None)

    def of(self, text: str) -> Row:
        """One listed repository: covered, uncovered or unknown; by which data source, and its health."""
        repository, note = self.reader.read(text), ""
        selected, selecting = self._judge(repository)
        if selected is None and (there := self.reader.known_host(repository)):
            repository, (selected, selecting) = there, self._judge(there)
        path = path_key(repository.path)
        if selected is None and "/" not in path:
            same = sorted(key for key in self._ends.get(path, ()) if may_be(repository, key[0]))
            if len(same) > 1:
                note = f"{len(same)} selected repositories have this name: list it with its group or URL"
                return _row(text, "unknown", note)
            if same:
                selected, selecting = self._judge(Repository(*same[0]))
                note = f"listed by its last part only: assumed to be {same[0][1]}"
        if selecting:
            best = min(selecting, key=lambda s: _BEST.get(str(s.get("health")), _BEST["unknown"]))
            health = best.get("health") if best.get("health") in HEALTH else "unknown"
            return {**_row(text, "covered", note), "health": health, "by": label(best), "id": best["id"]}
        if selected:
            why = "the tenant shows that it is selected, but not by which data source"
            return {**_row(text, "covered", note, why), "health": "unknown"}
        if selected is False:
            return _row(text, "uncovered", note, "the tenant lists it, but it is not selected")
        possible = [source for own, source in self._open if may_be(repository, own)]
        if possible:
            note = f"{label(possible[0])} may select it, but does not show all that it selects"
            return _row(text, "unknown", note)
        return _row(text, "uncovered", note)

    def _judge(self, repository: Repository) -> tuple[bool | None, list[Item]]:
        """Whether a repository is selected, and by which data sources; None if neither the tenant's list nor
        a data source shows it.
        """
        listed = [
            row
            for one, row in self._listed.get(path_key(repository.path), [])
            if may_be(repository, one.host) and one.key[1] == path_key(repository.path, one.product)
        ]
        chosen = [row for row in listed if row["is_selected"]]
        if listed and not chosen:
            return False, []
        ids = [str(row.get("integration_id") or "") for row in chosen]
        selecting = [self._by_id[i] for i in ids if i in self._by_id] or self._selecting(repository)
        return (True if chosen or selecting else None), selecting

    def _selecting(self, repository: Repository) -> list[Item]:
        """The data sources that select it, in this spelling if upper and lower case matter."""
        return [
            source
            for host, path, source in self._paths.get(path_key(repository.path), [])
            if may_be(repository, host) and path == path_key(repository.path, product_of(source))
        ]


def _row(text: str, status: str, *notes: str) -> Row:
    """A row of the section repositories, for a repository that no known data source selects."""
    note = ". ".join(filter(None, notes))
    return {"name": text, "status": status, "health": None, "by": None, "id": None, "note": note}


def last_part(path: str) -> str:
    return path_key(path).rpartition("/")[2]


def may_be(one: Repository, host: str) -> bool:
    """Whether a repository can be on this host. An unknown host can be any, and an SSH address does not show
    the port of the web pages.
    """
    return not one.host or not host or one.host == host or (one.ssh and one.host == without_port(host))


def coverage(evidence: Evidence) -> Section:
    """The section repositories: which of the listed repositories the tenant covers."""
    if evidence.repositories is None:
        return Section("repositories", None)
    selection = Coverage(evidence.sources, evidence.known)
    unique: dict[tuple[str, str], str] = {}
    for text in evidence.repositories:
        unique.setdefault(selection.reader.read(text).key, text)
    rows = [selection.of(text) for text in unique.values()]
    paths: dict[str, list[Repository]] = {}
    for text in unique.values():
        for repository in selection.reader.readings(text):
            paths.setdefault(path_key(repository.path), []).append(repository)
    bare = {path for _host, path in unique if "/" not in path}
    not_listed = [
        text
        for (host, path), text in selection.selected.items()
        if not any(may_be(repository, host) for repository in paths.get(path_key(path), []))
        and last_part(path) not in bare
    ]
    content = {
        "listed": len(rows),
        "duplicates": len(evidence.repositories) - len(rows),
        **{word: sum(row["status"] == word for row in rows) for word in ("covered", "uncovered", "unknown")},
        "covered_healthy": sum(row["health"] == "healthy" for row in rows),
        "items": rows,
        "not_listed": sorted(not_listed),
    }
    return Section("repositories", content, [_finding(row) for row in rows if row["status"] != "covered"])


def _finding(row: Row) -> Finding:
    """The finding about a listed repository that is not covered, or whose coverage is unknown."""
    about = {"subject": row["name"], "repository": row["name"], "stage": "code"}
    if row["status"] == "uncovered":
        return Finding("uncovered", row["note"] or "no version-control data source selects it", **about)
    return Finding("incomplete", f"whether it is covered is not known: {row['note']}", **about)
