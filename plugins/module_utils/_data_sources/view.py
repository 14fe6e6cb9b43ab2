# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this run has read from the tenant, and which instance an item refers to. Reads only.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._addresses import host_key
from .._admitted import Raw
from .._api import Api
from .._errors import InputError, TenantError
from .._state import Memory
from .differences import needs_full
from .fields import Item, get, label
from .instance import Instance
from .made import applied_mappings, creatable
from .match import Match, contradictions, match, proves
from .unscoped import Unscoped, begun, unscoped

# A tenant may need a moment until a read shows a write.
SETTLE_PAUSES = (0.0, 0.5, 1.0, 2.0)


def warn_of_odd(api: Api, instance: Instance) -> None:
    """Warn once about each member that the tenant shows in an unknown form."""
    for member in instance.odd:
        odd = f"The tenant shows {member} in a form that cannot be read"
        api.client.warn_once(odd, f", first of {instance.label}: what cannot be read counts as not shown.")


class Undetermined(TenantError):
    """It is not known which instance an item refers to, or whether it exists; nothing was done."""


class View:
    """The instances read so far, by id: list entries, replaced by reads by id. Thread-safe."""

    def __init__(self, api: Api, memory: Memory | None = None) -> None:
        self.api, self.memory = api, memory
        self.instances: dict[str, Instance] = {}
        self._listed: dict[str, Raw] = {}
        # Ids by name and identifier.
        self._by_word: dict[str, list[str]] = {}
        # Ids by host: of those that show no name and no identifier, and of those that show an identifier, but
        # no name, which may differ from it.
        self._hidden: dict[str, list[str]] = {}
        self._unproven: dict[str, list[str]] = {}
        self._unidentified: list[str] = []
        self._unscoped: dict[str, Unscoped] = {}

    def load(self) -> None:
        """Read the list again, and forget earlier reads by id."""
        listed = [Instance(raw, full=False) for raw in self.api.list_data_sources()]
        for instance in listed:
            warn_of_odd(self.api, instance)
        self.instances = {instance.id: instance for instance in listed}
        self._listed = {instance.id: instance.raw for instance in listed}
        self._by_word, self._hidden, self._unproven, self._unidentified = {}, {}, {}, []
        self._unscoped = unscoped(self.memory) if self.memory else {}
        for instance in listed:
            for word in {*instance.names, *filter(None, [instance.identifier])}:
                self._by_word.setdefault(word, []).append(instance.id)
            if not instance.identifier:
                self._unidentified.append(instance.id)
            if not instance.names:
                host = get(instance.raw, "domain.hostname")
                hosts = self._unproven if instance.identifier else self._hidden
                hosts.setdefault(host_key(host) if isinstance(host, str) else "", []).append(instance.id)

    def listed(self, instance_id: str) -> Raw:
        """The list entry of an instance; {} when there is none."""
        return self._listed.get(instance_id, {})

    def candidates(self, item: Item) -> list[Instance]:
        """The listed instances that an item may refer to, by name, identifier and host: comparing each of
        thousands of items with each of thousands of instances would take too long.
        """
        words = _words(item)
        if not words:
            return list(self.instances.values())
        ids = [i for word in words for i in self._by_word.get(word, [])]
        if "identifier" in item:
            ids += self._unidentified
        else:
            host = get(item, "domain.hostname")
            proven = any(proves(item, instance) for instance in self._present(ids))
            for hosts in (self._hidden,) if proven else (self._hidden, self._unproven):
                keys = hosts if host is None else {host_key(host), ""}
                ids += [i for key in keys for i in hosts.get(key, [])]
        return self._present(ids)

    def _present(self, ids: t.Iterable[str]) -> list[Instance]:
        """The instances with these ids, each once, without those that another thread found to be deleted."""
        found = (self.instances.get(instance_id) for instance_id in dict.fromkeys(ids))
        return [instance for instance in found if instance is not None]

    def creatable(self, kind: str) -> bool | None:
        """Whether the tenant creates instances of a type; None when unknown."""
        if self.api.generation == "previous":
            return False
        return creatable(self.memory, kind) if self.memory else None

    def proven(self, item: Item) -> list[str]:
        """The ids of the listed instances that certainly belong to the item and to no other."""
        if "id" in item:
            return [item["id"]]
        among = self._present(i for word in _words(item) for i in self._by_word.get(word, []))
        return [one.id for one in among if proves(item, one)]

    def fetch(self, instance_id: str, subject: str = "") -> Instance | None:
        """Read one instance in full; None when the tenant does not have it."""
        raw = self.api.get_data_source(instance_id, subject)
        if raw is None:
            self.instances.pop(instance_id, None)
            return None
        if str(raw["id"]) != instance_id:
            raise TenantError(
                f": the tenant returned another data source (id {raw['id']}) than the one requested "
                f"({instance_id}).",
                subject=subject or f"id {instance_id}",
            )
        applied = applied_mappings(self.memory, raw) if self.memory else None
        read = Instance.read(raw, self._listed.get(instance_id, {}), applied)
        current = dataclasses.replace(read, begun=begun(read, self._unscoped, time.time()))
        self.instances[instance_id] = current
        warn_of_odd(self.api, current)
        return current

    def fetch_to_delete(self, instance_id: str, subject: str = "") -> Instance | None:
        """Like fetch, before a deletion. Raises TenantError when the list shows another one for this id."""
        current, listed = self.fetch(instance_id, subject), self._listed.get(instance_id)
        if current is not None and listed is not None:
            different = contradictions(Instance(listed, full=False), Instance(current.own, full=True))
            if different:
                raise TenantError(
                    f": read by its id it has another {' and '.join(different)} than in the list, so it is "
                    "not clear which data source that id refers to: not deleted. Look at both in the "
                    "console.",
                    subject=current.label,
                )
        return current

    def find(
        self,
        item: Item,
        *,
        full: bool,
        claimed: t.Container[str] = (),
        trusted: t.Callable[[Instance], bool] = lambda _listed: False,
    ) -> Match:
        """The instance that the item refers to, if any.

        full: read it by id, even if the list is enough for a comparison.
        claimed: ids of instances that certainly belong to other items.
        trusted: whether the list entry is enough this time.
        Raises InputError for an unknown id and for several matches, Undetermined when it is not certain.
        """
        if "id" in item:
            listed = self.instances.get(item["id"])
            if listed is not None and item["state"] == "present" and trusted(listed):
                return Match(listed, by="id")
            fetch = self.fetch_to_delete if item["state"] == "absent" else self.fetch
            current = fetch(item["id"], label(item))
            if current is None and item["state"] != "absent":
                raise InputError(
                    f"there is no data source with id {item['id']} in this tenant, and an item with an id is "
                    "never created. Correct it, or leave it out to create."
                )
            return Match(current, by="id")
        result = self.match(item, self.candidates(item), claimed)
        if result.instance is None or result.instance.full or item["state"] == "created":
            return result
        if item["state"] == "present" and trusted(result.instance):
            return result
        # A deletion is shown, and covered by the digest, with everything that is deleted along with it.
        if item["state"] == "absent":
            return dataclasses.replace(result, instance=self.fetch_to_delete(result.instance.id, label(item)))
        if full or needs_full(item, result.instance):
            return dataclasses.replace(result, instance=self.fetch(result.instance.id, label(item)))
        return result

    def match(self, item: Item, among: list[Instance], claimed: t.Container[str] = ()) -> Match:
        """Like find, by identity alone. Instances whose list entry is not enough for that are read by id."""
        result = match(item, among, claimed)
        if result.unread:
            for instance_id in result.unread:
                self.fetch(instance_id)
            result = match(item, self._present(one.id for one in among), claimed)
        if result.undetermined:
            raise Undetermined(result.undetermined)
        if not result.proven and item["state"] == "absent":
            matched = result.instance.id if result.instance else ""
            why = result.warning or f"{label(item)}: matched to id {matched} by its {result.by} alone."
            raise Undetermined(f"{why} That is not enough to delete it; give its id.")
        return result

    def settled(
        self, instance_id: str, subject: str, differences: t.Callable[[Instance], list[str]] = lambda _: []
    ) -> Instance:
        """Read back after a write, and again a few times while the tenant does not show it yet."""
        current: Instance | None = None
        for pause in SETTLE_PAUSES:
            time.sleep(pause)
            current = self.fetch(instance_id, subject)
            if current is not None and not differences(current):
                break
        if current is None:
            unseen = " was written, but the tenant does not show it. Run again to see its state."
            raise TenantError(f" (id {instance_id}){unseen}", subject=subject)
        return current

    def confirm_deleted(self, instance_id: str, subject: str) -> None:
        """Raise TenantError when the tenant still shows a deleted instance after several reads."""
        for pause in SETTLE_PAUSES:
            time.sleep(pause)
            if self.api.get_data_source(instance_id, subject) is None:
                return
        remains = " was deleted, but the tenant still shows it. Look in the console, then run again."
        raise TenantError(remains, subject=subject)


def _words(item: Item) -> list[str]:
    return [item[option] for option in ("identifier", "name") if option in item]
