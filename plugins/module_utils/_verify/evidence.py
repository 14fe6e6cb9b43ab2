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

from .switches import SWITCHES

HOLDS, CONTRADICTED, NOT_SEEN = "holds", "contradicted", "not seen"
UNKNOWN = "unknown"

# Every row of docs/api.md; a test keeps the two in step. For a row with several clauses the first one counts.
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
    "repositories.unscanned",
    "repository.get", "repository.members", "repository.status", "repository.never", "repository.selected",
    "repository.scans", "repository.scanners", "repository.branches",
)  # fmt: skip

# A member's name as APIs write it. Any other may be somebody's name.
_MEMBER = re.compile(r"[a-z]+(?:[A-Z][a-z]+){0,5}")
# Members whose own members are free, such as settings.
_FREE = ("uniqueProperties", "statusDetails", "scanTypes", "status", "credentials")


class Evidence:
    """What was observed so far. It contains no name, id, host, repository or key."""

    def __init__(self) -> None:
        self._values: dict[str, list[t.Any]] = {name: [] for name in SWITCHES}
        self._said: dict[str, set[bool]] = {name: set() for name in STATEMENTS}
        self.forms: dict[str, dict[str, t.Any]] = {}

    def see(self, switch: str, value: t.Any) -> None:
        """Record an observed value; None is ignored."""
        if value is not None and value not in self._values[switch]:
            self._values[switch].append(value)

    def says(self, statement: str, holds: bool | None) -> None:
        """Record whether a statement of docs/api.md holds.

        holds: None when unknown.
        """
        if holds is not None:
            self._said[statement].add(holds)

    def value(self, switch: str) -> t.Any:
        """The one value that was seen, or None."""
        seen = self._values[switch]
        return seen[0] if len(seen) == 1 else None

    def switches(self) -> dict[str, t.Any]:
        return {name: UNKNOWN if self.value(name) is None else self.value(name) for name in SWITCHES}

    def needed(self) -> dict[str, str]:
        """For each unknown switch, what is needed to observe it."""
        found = {}
        for name, seen in self._values.items():
            if len(seen) > 1:
                found[name] = f"{' and '.join(sorted(map(str, seen)))} were both seen: it varies"
            elif not seen:
                switch = SWITCHES[name]
                found[name] = f"never seen: {switch.needed}" if switch.seen == "never" else switch.needed
        return found

    def statements(self) -> dict[str, str]:
        return {
            name: CONTRADICTED if False in said else HOLDS if said else NOT_SEEN
            for name, said in self._said.items()
        }

    def form(
        self,
        what: str,
        status: int | None,
        envelope: str = "",
        items: t.Sequence[t.Any] = (),
        count: int | None = None,
    ) -> None:
        """Record the form of a response: status, envelope, members of its items, and the approximate number
        of items.
        """
        form: dict[str, t.Any] = {"status": status if status is not None else "no response"}
        if envelope:
            form["envelope"] = envelope
        if count is not None:
            form["items"] = about(count)
        if items:
            form["members"] = members(items)
        self.forms.setdefault(what, form)


def about(count: int) -> str:
    """A number in powers of ten, which only shows whether a tenant is small or big."""
    return str(count) if count in (0, 1) else f"up to {10 ** max(1, math.ceil(math.log10(count)))}"


def members(items: t.Sequence[t.Any]) -> dict[str, str]:
    """The names of members and the kinds of their values, over all items; what looks like no name of a member
    is counted.
    """
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
    found = {name: " or ".join(sorted(kind)) for name, kind in sorted(kinds.items())}
    return {**found, **({"others": f"{len(others)} with other names"} if others else {})}


def _kind(value: t.Any) -> str:
    if value is None:
        return "null"
    for kind, word in (
        (bool, "true or false"),
        (str, "text"),
        ((int, float), "number"),
        (list, "list"),
        (dict, "object"),
    ):
        if isinstance(value, kind):
            return word
    return "other"
