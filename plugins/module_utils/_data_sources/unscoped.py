# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds instances that were created but not scoped, by the memory of earlier runs and by their times.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from .._admitted import Raw
from .._http.redaction import Redactor
from .._state import Memory
from .fields import MANUAL, Item, from_api
from .instance import Begun, Instance

SECTION = "unscoped"
# Maximum seconds from the time of a creation to the last change that the tenant makes by itself.
ONE_MOMENT = 5.0
# Maximum age in seconds of an unscoped creation that is not remembered. An older one is used as it is.
FRESH = 86400.0


@dataclasses.dataclass(frozen=True)
class Unscoped:
    """An instance that a run created without seeing its scope set.

    type: as given in the item.
    selection_type: the tenant's own selection; None when not shown.
    created, updated: times of creation and last change, as the tenant writes them; None when not shown.
    """

    type: str
    selection_type: str | None
    created: str | None
    updated: str | None


def remember(memory: Memory, redactor: Redactor, item: Item, instance: Raw) -> None:
    """Call with the response to a creation, and again when a read shows more. No secret is kept."""
    reported = from_api(instance)
    value: t.Any = {
        "type": item["type"],
        "selection_type": _text(reported.get("selection_type")),
        "created": _text(reported.get("created_at")),
        "updated": _text(reported.get("updated_at")),
    }
    known, value = memory.get(SECTION, str(instance["id"])), redactor.value(value)
    if known is None or known.value != value:
        memory.put(SECTION, str(instance["id"]), value)


def remembers(memory: Memory, instance_id: str) -> bool:
    return memory.get(SECTION, instance_id) is not None


def forget(memory: Memory, instance_id: str) -> None:
    """Call when the scope was read back as desired, or the instance was deleted."""
    memory.forget(SECTION, instance_id)


def unscoped(memory: Memory) -> dict[str, Unscoped]:
    """The remembered instances by id, the oldest first. Malformed entries are left out."""
    remembered: dict[str, Unscoped] = {}
    for instance_id, entry in memory.all(SECTION).items():
        value = entry.value
        if isinstance(value, dict) and {"type", "selection_type"} <= value.keys():
            texts = {name: _text(value.get(name)) for name in ("selection_type", "created", "updated")}
            remembered[instance_id] = Unscoped(str(value["type"]), **texts)
    return remembered


def begun(instance: Instance, remembered: dict[str, Unscoped], now: float) -> Begun | None:
    """Whether an instance was created but not scoped.

    remembered: by id.
    now: in seconds since 1970.

    A remembered instance counts if it is the same by id, type and time of creation, and its selection is
    still of the tenant's initial type, not a list that somebody chose. One that is not remembered counts if
    it was created within a day and never changed since. What a scan changes is ignored: the number of
    selected repositories, the status, and the time of the last change.
    """
    reported = instance.reported
    if not instance.full or (reported.get("selection_type") == MANUAL and reported.get("repositories")):
        return None
    created, updated = (_text(reported.get(option)) for option in ("created_at", "updated_at"))
    untouched = _one_moment(created, updated)
    one = remembered.get(instance.id)
    if (
        one
        and one.type.upper() == instance.type
        and (one.created == created or None in (one.created, created))
    ):
        initial = (one.selection_type, *([] if one.selection_type else ["CURRENT_STATE"]))
        if reported.get("selection_type") in initial:
            return Begun(ours=True, untouched=untouched or (updated is not None and updated == one.updated))
    fresh = abs(now - (_seconds(created) or 0.0)) < FRESH
    return Begun(ours=False, untouched=True) if untouched and fresh else None


def _one_moment(created: str | None, updated: str | None) -> bool:
    first, last = _seconds(created), _seconds(updated)
    return first is not None and last is not None and abs(last - first) <= ONE_MOMENT


def _seconds(text: str | None) -> float | None:
    """A time as tenants write it (ISO 8601, or a number of seconds or milliseconds), in seconds since 1970;
    None for any other text.
    """
    if text is None:
        return None
    if re.fullmatch(r"\d{9,14}(\.\d+)?", text):
        return float(text) / (1000.0 if float(text) > 1e11 else 1.0)
    parts = re.fullmatch(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", text)
    if parts is None:
        return None
    zone = "+00:00" if parts[3] in (None, "Z") else parts[3]
    try:
        return datetime.datetime.fromisoformat(f"{parts[1]}{zone}").timestamp()
    except ValueError:
        return None


def _text(value: t.Any) -> str | None:
    return None if value is None else str(value)
