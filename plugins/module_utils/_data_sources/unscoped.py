# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, which instances were created and not scoped yet, remembered between runs.
from __future__ import annotations

import dataclasses
import typing as t

from .._http.redaction import Redactor
from .._state import Memory
from .fields import Item, Raw, get

SECTION = "unscoped"


@dataclasses.dataclass(frozen=True)
class Unscoped:
    """An instance that a run created, and whose scope it did not see set.

    type, name, host: as the item gave them. selection_type: what the tenant selected by itself, and repositories: how many; None where
    it did not show that. time: when it was created, in seconds since 1970.
    """

    type: str
    name: str | None
    host: str | None
    selection_type: str | None
    repositories: int | None
    time: int


def remember(memory: Memory, redactor: Redactor, item: Item, instance: Raw) -> None:
    """Called with what a creation answered or left behind, and again when a read shows more of it. No secret is kept."""
    state, selection_type = instance.get("state"), instance.get("selectionType")
    value: t.Any = {
        "type": item["type"],
        "name": item.get("name"),
        "host": get(item, "domain.hostname"),
        "selection_type": str(selection_type) if selection_type else None,
        "repositories": len(state) if isinstance(state, list) else None,
    }
    known, value = memory.get(SECTION, str(instance["id"])), redactor.value(value)
    if known is None or known.value != value:
        memory.put(SECTION, str(instance["id"]), value)


def forget(memory: Memory, instance_id: str) -> None:
    """Its scope was read back as wanted, or it is gone."""
    memory.forget(SECTION, instance_id)


def unscoped(memory: Memory) -> dict[str, Unscoped]:
    """What is remembered, by id, the oldest first. What does not look like that is left out."""
    found: dict[str, Unscoped] = {}
    for instance_id, entry in memory.all(SECTION).items():
        value: t.Any = entry.value
        try:
            found[instance_id] = Unscoped(
                type=str(value["type"]),
                name=_text(value["name"]),
                host=_text(value["host"]),
                selection_type=_text(value["selection_type"]),
                repositories=None if value["repositories"] is None else int(value["repositories"]),
                time=entry.time,
            )
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _text(value: t.Any) -> str | None:
    return None if value is None else str(value)
