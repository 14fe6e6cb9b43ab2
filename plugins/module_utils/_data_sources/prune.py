# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the instances that no item lists, and refuses a prune that looks like a mistake. Reads only.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses

from .._addresses import host_key
from .._errors import InputError
from .._http.pool import each
from .fields import Item, get, label
from .instance import Instance
from .types import TYPES
from .view import View


@dataclasses.dataclass(frozen=True)
class Prune:
    """A prune and its guards.

    types: integration types of which unlisted instances are deleted; at least one.
    most: maximum number of deletions; if there would be more, nothing is deleted.
    """

    types: tuple[str, ...]
    most: int = 5

    def check(self, items: list[Item]) -> None:
        """Refuse invalid input before any request."""
        if not self.types:
            needs = "prune needs prune_types: the types of which unlisted data sources are deleted."
            raise InputError(f"{needs} Nothing was changed.")
        if self.most < 0:
            raise InputError("prune_max must be 0 or more.")
        listed = {item.get("type") for item in items if item["state"] != "absent"}
        for name in self.types:
            if name not in TYPES:
                why = f"is not a known integration type. Known: {', '.join(TYPES)}."
            elif TYPES[name].created_by:
                why = f"appears by {TYPES[name].created_by}, so it is never pruned."
            elif name not in listed:
                why = (
                    "is given, but no item of that type is listed, so all of that type would be deleted. "
                    "List at least one, or delete them with state: absent."
                )
            else:
                continue
            raise InputError(f"prune_types: {name} {why} Nothing was changed.")

    def candidates(self, view: View, matched: set[str], creations: list[Item]) -> list[Instance]:
        """The instances to delete, sorted.

        matched: ids of the items' instances.
        creations: the items that will be created.
        Raises InputError when there are too many, or when one looks like the old name of a new item.
        """
        untyped = [i for i, instance in view.instances.items() if not instance.type and i not in matched]
        each(view.api.client, view.fetch, untyped)
        others = [instance for i, instance in view.instances.items() if i not in matched]
        unlisted = [instance for instance in others if instance.type in self.types]
        for instance in unlisted:
            _refuse_rename(instance, creations)
        if len(unlisted) > self.most:
            names = ", ".join(instance.label for instance in unlisted[:10])
            raise InputError(
                f"prune would delete {len(unlisted)} data sources, more than prune_max ({self.most}): "
                f"{names}{' ...' if len(unlisted) > 10 else ''}. To allow this, set prune_max to "
                f"{len(unlisted)}. Nothing was changed."
            )
        # The list alone does not justify a deletion: a read by id must agree with it.
        read = (view.fetch_to_delete(instance.id, instance.label) for instance in unlisted)
        return sorted((one for one in read if one is not None), key=lambda one: (one.type, one.label))


def _refuse_rename(instance: Instance, creations: list[Item]) -> None:
    """Refuse to delete an instance that may be an item's under its old name."""
    host = host_key(get(instance.raw, "domain.hostname") or "")
    for item in creations:
        desired = host_key(get(item, "domain.hostname") or "")
        # A host that is not shown, or not given, may be the same one.
        if item.get("type") == instance.type and (host == desired or not host or not desired):
            raise InputError(
                f" would be created and {instance.label} pruned, perhaps on the same host: that looks like a "
                f"rename, and would destroy its findings. To rename it give the item id: {instance.id}; to "
                "replace it, list the old one with state: absent. Nothing was changed.",
                subject=label(item),
            )
