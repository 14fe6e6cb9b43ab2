# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds instances that no item lists, and decides whether they may be deleted. Reads only.

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
    """The guards of a prune: types is required; above most instances nothing is pruned at all."""

    types: tuple[str, ...]
    most: int = 5

    def check(self, items: list[Item]) -> None:
        """Refuse invalid input before any request."""
        if not self.types:
            raise InputError(
                "prune needs prune_types: the types of which unlisted data sources are deleted. Nothing was "
                "changed."
            )
        if self.most < 0:
            raise InputError("prune_max must be 0 or more.")
        listed = {item.get("type") for item in items if item["state"] != "absent"}
        for name in self.types:
            kind = TYPES.get(name)
            if kind is None:
                raise InputError(
                    f"prune_types: {name} is not a known integration type. Known: {', '.join(TYPES)}. "
                    "Nothing was changed."
                )
            if kind.created_by:
                raise InputError(
                    f"prune_types: {name} appears by {kind.created_by}, so it is never pruned. Nothing was "
                    "changed."
                )
            if name not in listed:
                raise InputError(
                    f"prune_types: {name} is given, but no item of that type is listed, so all of that type "
                    "would be deleted. List at least one, or delete them with state: absent. Nothing was "
                    "changed."
                )

    def candidates(self, view: View, matched: set[str], creations: list[Item]) -> list[Instance]:
        """The instances to delete, sorted.

        matched: ids of the items' instances.
        creations: the items that will be created.

        Raises InputError when there are too many, or when one looks like the old name of a new item.
        """
        each(
            view.api.client,
            view.fetch,
            [i for i, instance in view.instances.items() if not instance.type and i not in matched],
        )
        unlisted = [
            instance
            for i, instance in view.instances.items()
            if i not in matched and instance.type in self.types
        ]
        for instance in unlisted:
            host = host_key(get(instance.raw, "domain.hostname") or "")
            for item in creations:
                desired = host_key(get(item, "domain.hostname") or "")
                # A host that is not shown, or not given, may be the same one.
                if item.get("type") == instance.type and (host == desired or not host or not desired):
                    raise InputError(
                        f" would be created and {instance.label} pruned, perhaps on the same host: that "
                        "looks like a rename, and would destroy its findings. To rename it give the item "
                        f"id: {instance.id}; to replace it, list the old one with state: absent. Nothing was "
                        "changed.",
                        subject=label(item),
                    )
        if len(unlisted) > self.most:
            names = ", ".join(instance.label for instance in unlisted[:10])
            raise InputError(
                f"prune would delete {len(unlisted)} data sources, more than prune_max ({self.most}): "
                f"{names}{' ...' if len(unlisted) > 10 else ''}. To allow this, set prune_max to "
                f"{len(unlisted)}. Nothing was changed."
            )
        # The list alone does not justify a deletion: a read by id must agree with it.
        read = [view.fetch_to_delete(instance.id, instance.label) for instance in unlisted]
        return sorted(
            (instance for instance in read if instance is not None),
            key=lambda instance: (instance.type, instance.label),
        )
