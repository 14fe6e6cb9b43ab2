# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, what this run has seen of the tenant, and which instance an item means. Reads only.
from __future__ import annotations

import dataclasses
import time
import typing as t

from .._api import Api
from .._errors import InputError, TenantError
from .fields import Item, Raw, label
from .instance import Instance
from .match import Match, match
from .plan import needs_full

# What an entry of the list says of the selection is not taken over: its state is empty whatever is selected. Nor is why it had the
# status it had then.
NOT_FROM_THE_LIST = ("state", "repositoriesCount", "statusDetails")
# A tenant may need a moment until a read shows what was written.
SETTLE_PAUSES = (0.0, 0.5, 1.0, 2.0)


class Undetermined(TenantError):
    """It cannot be told which instance is meant, or whether it exists; nothing was done."""


class View:
    """The instances seen so far, by id: from the list, replaced by what a read by id shows. May be used by several threads."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.instances: dict[str, Instance] = {}
        self._listed: dict[str, Raw] = {}
        self._by_name: dict[str, list[str]] = {}
        self._nameless: list[str] = []

    def load(self) -> None:
        """Read the list anew; what was read by id before is forgotten."""
        listed = [Instance(raw, full=False) for raw in self.api.list_data_sources()]
        self.instances = {instance.id: instance for instance in listed}
        self._listed = {instance.id: instance.raw for instance in listed}
        self._by_name, self._nameless = {}, []
        for instance in listed:
            for name in instance.names:
                self._by_name.setdefault(name, []).append(instance.id)
            if not instance.names:
                self._nameless.append(instance.id)

    def candidates(self, item: Item) -> list[Instance]:
        """The listed instances that an item may mean, as far as names tell: with thousands of both, not each is compared with each."""
        if "name" not in item:
            return list(self.instances.values())
        ids = dict.fromkeys([*self._by_name.get(item["name"], []), *self._nameless])
        # Another thread may find out meanwhile that one of them is gone.
        return [instance for i in ids if (instance := self.instances.get(i)) is not None]

    def fetch(self, instance_id: str, subject: str = "") -> Instance | None:
        """Read one instance in full; None when the tenant does not have it."""
        raw = self.api.get_data_source(instance_id, subject)
        if raw is None:
            self.instances.pop(instance_id, None)
            return None
        if str(raw["id"]) != instance_id:
            raise TenantError(
                f": the tenant answered with another data source (id {raw['id']}) than the one asked for ({instance_id}).",
                subject=subject or f"id {instance_id}",
            )
        # What only the list shows is not lost: a tenant may show a name there alone.
        listed = self._listed.get(instance_id, {})
        kept = {k: v for k, v in listed.items() if v is not None and k not in NOT_FROM_THE_LIST}
        found = self.instances[instance_id] = Instance({**kept, **raw}, full=True)
        return found

    def find(self, item: Item, *, full: bool) -> Match:
        """The instance that the item means, if any. full: read it by id, even if the list shows enough to compare.

        Raises InputError for an id that does not exist and for several matches, Undetermined when it cannot be told.
        """
        if "id" in item:
            found = self.fetch(item["id"], label(item))
            if found is None and item["state"] != "absent":
                raise InputError(
                    f"there is no data source with id {item['id']} in this tenant, and an id never creates one. "
                    "Correct it, or leave it out to create."
                )
            return Match(found)
        result = self.match(item, self.candidates(item))
        if result.found is None or result.found.full or item["state"] == "created":
            return result
        # What is to be deleted is shown, and named by the digest, as it is: with all that goes with it.
        if full or item["state"] == "absent" or needs_full(item, result.found):
            return dataclasses.replace(result, found=self.fetch(result.found.id, label(item)))
        return result

    def match(self, item: Item, among: list[Instance]) -> Match:
        """Like find, by identity alone; instances whose list entry hides an identifying field are read by id."""
        result = match(item, among)
        if result.unread:
            for instance_id in result.unread:
                self.fetch(instance_id)
            result = match(item, [now for one in among if (now := self.instances.get(one.id)) is not None])
        if result.undetermined:
            raise Undetermined(result.undetermined)
        if result.warning and (item["state"] == "absent" or item.get("recreate") == "when_immutable_differs"):
            raise Undetermined(f"{result.warning} That is not enough to delete it; give its id.")
        return result

    def settled(self, instance_id: str, subject: str, differences: t.Callable[[Instance], list[str]] = lambda _: []) -> Instance:
        """Read back after a write; a few times while the tenant does not yet show what was written."""
        shown: Instance | None = None
        for pause in SETTLE_PAUSES:
            time.sleep(pause)
            shown = self.fetch(instance_id, subject)
            if shown is not None and not differences(shown):
                break
        if shown is None:
            lost = f" (id {instance_id}) was written, but the tenant does not show it. Run again to see what stands."
            raise TenantError(lost, subject=subject)
        return shown
