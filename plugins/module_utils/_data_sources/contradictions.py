# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items that contradict each other, so that each would undo the other. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

from .._addresses import host_key
from .._errors import InputError
from .collector_token import real_path
from .fields import Item, get, label
from .instance import Instance
from .match import same_new
from .outcome import Outcome
from .scope import scope_of
from .types import repository_key


def refuse_one_file(outcomes: list[Outcome]) -> None:
    """Refuse two tokens in one file: one would be lost, since the tenant shows it once. Raises InputError."""
    owners: dict[str, Outcome] = {}
    for outcome in outcomes:
        path = outcome.item.get("credentials_file")
        if not path or outcome.item["state"] == "absent" or outcome.item.get("ignore"):
            continue
        other = owners.setdefault(real_path(path), outcome)
        if other is not outcome:
            same = f"name the same credentials_file, {real_path(path)}"
            raise _contradiction(other, outcome, f"{same}: each collector's token needs a file of its own")


def refuse_contradictions(outcomes: list[Outcome]) -> None:
    """Refuse two items for the same instance, or with the same repository of one host. Raises InputError.

    outcomes: of the items that can be planned.
    """
    instances: dict[str, Outcome] = {}
    new: list[Outcome] = []
    repositories: dict[tuple[str, str, str], Outcome] = {}
    for outcome in outcomes:
        item, current = outcome.item, outcome.current
        if current:
            other = instances.setdefault(current.id, outcome)
        else:
            other = next((o for o in new if same_new(o.item, item)), outcome)
            new.append(outcome)
        if other is not outcome:
            raise _contradiction(other, outcome, "refer to the same data source: merge them into one")
        if item["state"] == "absent" or item.get("ignore") or item["repositories_mode"] == "remove":
            continue
        reported = current.reported if current else {}
        kind = item.get("type") or reported.get("type") or ""
        host = host_key(get(item, "domain.hostname") or get(reported, "domain.hostname") or "")
        for repository in _claimed(item, current):
            other = repositories.setdefault((kind, host, repository_key(kind)(repository)), outcome)
            if other is not outcome:
                both = f"both claim repository {repository}: it can belong to only one"
                raise _contradiction(other, outcome, both)


def _contradiction(one: Outcome, other: Outcome, what: str) -> InputError:
    items = f"items {one.index} ({label(one.item)}) and {other.index} ({label(other.item)})"
    return InputError(f"{items} {what}. Nothing was changed.")


def _claimed(item: Item, current: Instance | None) -> list[str]:
    if "scope_rules" not in item:
        return list(item.get("repositories", []))
    selected = current.reported.get("repositories", []) if current else []
    kind = current.type if current else item.get("type")
    return scope_of(item["scope_rules"], item["scope_candidates"], selected, kind).included
