# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs remember: the instances they created, for which items; types that cannot be created; mappings.

Private to the collection, floor 3.
"""

from __future__ import annotations

import typing as t

from .._addresses import host_key
from .._admitted import Raw
from .._http.redaction import Redactor
from .._state import Memory
from .fields import Item, get, last_update
from .instance import Instance

MADE, UNCREATABLE, CREATABLE, MAPPINGS = "made", "uncreatable", "creatable", "mappings"


def _words(item: Item) -> dict[str, t.Any]:
    """The identifying fields of an item."""
    host = get(item, "domain.hostname")
    return {
        "type": item.get("type"),
        "name": item.get("name"),
        "identifier": item.get("identifier"),
        "host": host_key(host) if host else None,
    }


def remember_made(memory: Memory, redactor: Redactor, item: Item, instance: Instance) -> None:
    """Call after a creation. An item that identifies its instance by itself is not remembered
    (docs/api.md: instance.identifier).
    """
    if "identifier" in item:
        proven = item["identifier"] == instance.identifier
    else:
        proven = "name" in item and item["name"] in (*instance.names, instance.identifier)
    if proven:
        memory.forget(MADE, instance.id)
    else:
        memory.put(MADE, instance.id, redactor.value(_words(item)))


def made_for(memory: Memory, item: Item) -> list[str]:
    """The ids of the instances that earlier runs created for an item with the same identifying fields."""
    if "id" in item:
        return []
    words = _words(item)
    return [instance_id for instance_id, entry in memory.all(MADE).items() if entry.value == words]


def creatable(memory: Memory, kind: str) -> bool | None:
    """Whether the tenant creates instances of a type; None when unknown."""
    if memory.get(UNCREATABLE, kind):
        return False
    return True if memory.get(CREATABLE, kind) else None


def remember_creatable(memory: Memory, kind: str, yes: bool) -> None:
    if creatable(memory, kind) is not yes:
        memory.forget(UNCREATABLE if yes else CREATABLE, kind)
        memory.put(CREATABLE if yes else UNCREATABLE, kind, True)


def remember_mappings(memory: Memory, redactor: Redactor, mappings: list[Item], current: Instance) -> None:
    """Call after a PUT that contained mappings, with what was read back (docs/api.md: instance.hidden)."""
    updated = last_update(current.raw)
    if "externalProjects" not in current.raw and updated:
        memory.put(MAPPINGS, current.id, {"updated": updated, "mappings": redactor.value(mappings)})


def applied_mappings(memory: Memory, raw: Raw) -> list[Item] | None:
    """The mappings that an earlier run set, if nobody has changed the instance since; None when unknown."""
    entry = memory.get(MAPPINGS, str(raw["id"])) if "externalProjects" not in raw else None
    value: t.Any = entry.value if entry else None
    if not isinstance(value, dict) or value.get("updated") != last_update(raw):
        return None
    mappings = value.get("mappings")
    whole = isinstance(mappings, list) and all(
        isinstance(m, dict) and all(isinstance(v, str) for v in m.values()) for m in mappings
    )
    return mappings if whole else None
