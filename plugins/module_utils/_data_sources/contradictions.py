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
    """Refuse two tokens in one file: the second would be lost, since the tenant shows it only once. Raises
    InputError.
    """
    owners: dict[str, Outcome] = {}
    for outcome in outcomes:
        path = outcome.item.get("credentials_file")
        if not path or outcome.item["state"] == "absent" or outcome.item.get("ignore"):
            continue
        other = owners.setdefault(real_path(path), outcome)
        if other is not outcome:
            raise InputError(
                f"items {other.index} ({label(other.item)}) and {outcome.index} ({label(outcome.item)}) name "
                f"the same credentials_file, {real_path(path)}: each collector's token needs a file of its "
                "own. Nothing was changed."
            )


def refuse_contradictions(outcomes: list[Outcome]) -> None:
    """Refuse two items that refer to the same instance, or claim the same repository on one host. Raises
    InputError.

    outcomes: of the items whose instances were found.
    """
    instances: dict[str, Outcome] = {}
    new: list[Outcome] = []
    repositories: dict[tuple[str, str, str], Outcome] = {}
    for outcome in outcomes:
        item, current = outcome.item, outcome.current
        host = host_key(get(item, "domain.hostname") or "")
        other = (
            instances.setdefault(current.id, outcome)
            if current
            else next((o for o in new if same_new(o.item, item)), outcome)
        )
        if other is not outcome:
            raise InputError(
                f"items {other.index} ({label(other.item)}) and {outcome.index} ({label(item)}) refer to the "
                "same data source: merge them into one. Nothing was changed."
            )
        if current is None:
            new.append(outcome)
        if item["state"] == "absent" or item.get("ignore") or item["repositories_mode"] == "remove":
            continue
        reported = current.reported if current else {}
        kind = item.get("type") or reported.get("type") or ""
        host = host or host_key(get(reported, "domain.hostname") or "")
        for repository in _claimed(item, current):
            claimed = repositories.setdefault((kind, host, repository_key(kind)(repository)), outcome)
            if claimed is not outcome:
                raise InputError(
                    f"items {claimed.index} ({label(claimed.item)}) and {outcome.index} ({label(item)}) both "
                    f"claim repository {repository}: it can belong to only one. Nothing was changed."
                )


def _claimed(item: Item, current: Instance | None) -> list[str]:
    if "scope_rules" not in item:
        return list(item.get("repositories", []))
    selected = current.reported.get("repositories", []) if current else []
    return scope_of(
        item["scope_rules"], item["scope_candidates"], selected, current.type if current else item.get("type")
    ).included
