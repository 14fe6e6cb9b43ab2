# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that only a person can do for a data source, as rows of pending_actions. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import typing as t

from .fields import COLLECTOR, Item, get
from .status import status_of
from .types import known

Pending = dict[str, t.Any]  # id (None: none yet), type, name, step


def pending(item: Item, step: str, instance_id: str | None = None) -> Pending:
    """step: what a person has to do, in words."""
    name = item.get("name") or item.get("identifier")
    return {"id": instance_id, "type": item.get("type"), "name": name, "step": step}


def to_connect(item: Item) -> Pending:
    """For a type that the tenant's API does not create."""
    kind = known(item["type"])
    how = (
        f"it appears by {kind.created_by}"
        if kind and kind.created_by
        else "connect it in the Cortex console: Data Sources"
    )
    step = f"the tenant's API does not create this type; {how}. The next run scopes it"
    if not get(item, "domain.hostname") and "identifier" not in item:
        step += "; then give the item its identifier"
    return pending(item, step)


def perhaps_to_connect(item: Item) -> Pending:
    """For a type that the tenant's API may or may not create (docs/api.md: create.types)."""
    step = "may have to be connected in the Cortex console, if the tenant's API does not create this type"
    return pending(item, step)


def to_complete(item: Item, instance_id: str | None, *, scope_waits: bool = False) -> list[Pending]:
    """For a new instance; empty when there is nothing to do.

    scope_waits: whether the tenant accepts its scope only after that.
    """
    kind = known(item.get("type"))
    if not kind or not kind.person:
        return []
    later = "; its scope waits for that and is set by the next run" if scope_waits else ""
    return [pending(item, kind.person + later, instance_id)]


def to_renew(item: Item, instance_id: str, name: str | None) -> Pending:
    """For a collector whose token is not in its item's file: only a person can get a new one.

    name: as the tenant reports it.
    """
    step = (
        f"its token is not in credentials_file {item['credentials_file']}: renew it in the console and put "
        f"it there, or delete the collector (state: absent, id: {instance_id}) and run again; if the token "
        "is kept elsewhere, remove credentials_file from the item"
    )
    return pending({"type": COLLECTOR, "name": item.get("name") or name}, step, instance_id)


def awaits_consent(reported: Item) -> bool:
    """Whether the connection still needs a person's consent, according to an instance as reported."""
    kind = known(reported.get("type"))
    return bool(kind and kind.consent and status_of(reported.get("status")).waits)


def still_to_complete(reported: Item) -> list[Pending]:
    """What a person still has to do for an existing instance, according to its status."""
    return to_complete(reported, reported["id"]) if status_of(reported.get("status")).waits else []
