# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was observed at a tenant: values of switches, statements of docs/api.md, the form of responses.

Private to the collection, floor 3.
"""

from __future__ import annotations

import math
import re
import typing as t

from .switches import NEVER, SWITCHES

HOLDS, CONTRADICTED, NOT_SEEN = "holds", "contradicted", "not seen"
UNKNOWN = "unknown"

# The rows of docs/api.md, as a test checks. If a row has several clauses, the first one counts.
STATEMENTS = (
    "tenant.url", "tenant.base", "tenant.limit", "tenant.429", "tenant.health", "tenant.refuses",
    "key.standard", "key.advanced", "key.window", "key.401", "key.402", "key.roles", "key.validate",
    "error.gateway", "error.service", "error.unknown", "error.body", "instance.members",
    "instance.identifier", "instance.hidden", "instance.older", "instance.status", "instance.details",
    "instance.changed", "instance.selection", "instance.state", "instance.types", "list.bare",
    "list.envelope", "list.state", "list.count", "list.filter", "list.category", "get.root", "get.404",
    "create.types", "create.body", "create.200", "create.collector", "create.older", "create.properties",
    "create.duplicate", "create.begins", "create.consent", "create.themselves", "update.body",
    "update.replaces", "update.projects", "update.rename", "update.owner", "update.200", "delete.path",
    "delete.204", "delete.destroys", "previous.path", "previous.404", "previous.update", "previous.members",
    "upload.call", "upload.size", "upload.query", "upload.unknown", "upload.token", "upload.document",
    "upload.runs", "upload.level", "upload.201", "upload.accepted", "upload.400", "upload.503",
    "upload.disabled", "upload.again", "repositories.list", "repositories.page", "repositories.offset",
    "repositories.unscanned", "repository.get", "repository.members", "repository.status", "repository.never",
    "repository.selected", "repository.scans", "repository.scanners", "repository.branches",
)  # fmt: skip

# The usual form of a member's name. Anything else may be the name of a person or a project.
_MEMBER = re.compile(r"[a-z]+(?:[A-Z][a-z]+){0,5}")
# Members whose content is free-form, such as settings.
_FREE = ("uniqueProperties", "statusDetails", "scanTypes", "status", "credentials")


class Evidence:
    """What was observed so far. It contains no name, id, host, repository or key."""

    def __init__(self) -> None:
        self._values: dict[str, list[t.Any]] = {name: [] for name in SWITCHES}
        self._checked: dict[str, set[bool]] = {name: set() for name in STATEMENTS}
        self.forms: dict[str, dict[str, t.Any]] = {}

    def see(self, switch: str, value: t.Any) -> None:
        """Record an observed value; None is ignored."""
        if value is not None and value not in self._values[switch]:
            self._values[switch].append(value)

    def check(self, statement: str, holds: bool) -> None:
        """Record whether a statement of docs/api.md holds."""
        self._checked[statement].add(holds)

    def confirm(self, statement: str, seen: bool = True) -> None:
        """Record that a statement holds. seen: whether this was seen; if not, nothing is recorded, because
        that contradicts nothing.
        """
        if seen:
            self.check(statement, True)

    def value(self, switch: str) -> t.Any:
        """The observed value; None if there are none or several."""
        seen = self._values[switch]
        return seen[0] if len(seen) == 1 else None

    def switches(self) -> dict[str, t.Any]:
        return {name: UNKNOWN if self.value(name) is None else self.value(name) for name in SWITCHES}

    def needed(self) -> dict[str, str]:
        """For each unknown switch, what is needed to observe it."""
        reasons = {}
        for name, seen in self._values.items():
            switch = SWITCHES[name]
            if len(seen) > 1:
                reasons[name] = f"{' and '.join(sorted(map(str, seen)))} were both seen: it varies"
            elif not seen:
                reasons[name] = f"never seen: {switch.needed}" if switch.seen == NEVER else switch.needed
        return reasons

    def statements(self) -> dict[str, str]:
        """Statement -> HOLDS, CONTRADICTED or NOT_SEEN."""
        return {
            name: CONTRADICTED if False in outcomes else HOLDS if outcomes else NOT_SEEN
            for name, outcomes in self._checked.items()
        }

    def form(self, what: str, status: int | None, envelope: str = "", content: t.Any = None) -> None:
        """Record the form of the first response of a kind.

        what: the kind, such as "list".
        status: None if there was no response.
        envelope: the name of its envelope; empty if it has none.
        content: the list or object in it, of which the approximate number of items and the names and types of
            members are recorded; None if it has none.
        """
        form: dict[str, t.Any] = {"status": status if status is not None else "no response"}
        if envelope:
            form["envelope"] = envelope
        if isinstance(content, list):
            form["items"] = about(len(content))
        if content is not None and content != []:
            form["members"] = members(content if isinstance(content, list) else [content])
        self.forms.setdefault(what, form)


def about(count: int) -> str:
    """A number rounded up to a power of ten, so that it does not identify a tenant."""
    return str(count) if count in (0, 1) else f"up to {10 ** max(1, math.ceil(math.log10(count)))}"


def members(items: t.Sequence[t.Any]) -> dict[str, str]:
    """Member -> the types of its values, over all items. Names that may be somebody's are only counted."""
    kinds: dict[str, set[str]] = {}
    others = set()
    for item in items:
        for name, value in item.items() if isinstance(item, dict) else ():
            if not isinstance(name, str) or not _MEMBER.fullmatch(name):
                others.add(str(name))
                continue
            kinds.setdefault(name, set()).add(_kind(value))
            if isinstance(value, dict) and name not in _FREE:
                for inner, one in value.items():
                    if _MEMBER.fullmatch(str(inner)):
                        kinds.setdefault(f"{name}.{inner}", set()).add(_kind(one))
                    else:
                        others.add(f"{name}.{inner}")
    shown = {name: " or ".join(sorted(kind)) for name, kind in sorted(kinds.items())}
    return {**shown, **({"others": f"{len(others)} with other names"} if others else {})}


# The type of a value that was read from JSON, in words.
_KINDS = {bool: "true or false", str: "text", int: "number", float: "number", list: "list", dict: "object"}


def _kind(value: t.Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), "other")
