# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, what this run has seen of the tenant, and which instance an item means. Reads only.
from __future__ import annotations

import time
import typing as t

from .._api import Api
from .._errors import InputError
from .fields import IMMUTABLE, Item, Raw, from_api, get, label, names_of
from .match import match

# A tenant may need a moment until a read shows what was written.
SETTLE_PAUSES = (0.0, 0.5, 1.0, 2.0)


class Undetermined(InputError):
    """It cannot be told which instance is meant, or whether it exists; nothing was done."""


class View:
    """The instances seen so far, by id: from the list, replaced by what a read by id shows. May be used by several threads."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.instances: dict[str, Raw] = {}
        self.read: set[str] = set()
        self._by_name: dict[str, list[str]] = {}
        self._nameless: list[str] = []

    def load(self) -> None:
        """Read the list anew; what was read by id before is forgotten."""
        # The list's state is empty whatever is selected (contract 7.1): it must never get near a plan.
        listed = {raw["id"]: raw for raw in ({**r, "id": str(r["id"]), "state": None} for r in self.api.list_data_sources())}
        self.instances, self.read = listed, set()
        self._by_name, self._nameless = {}, []
        for instance_id, raw in listed.items():
            names = names_of(raw)
            for name in names:
                self._by_name.setdefault(name, []).append(instance_id)
            if not names:
                self._nameless.append(instance_id)

    def candidates(self, item: Item) -> list[Raw]:
        """The listed instances that an item may mean, as far as names tell: with thousands of both, not each is compared with each."""
        if "name" not in item:
            return list(self.instances.values())
        ids = dict.fromkeys([*self._by_name.get(item["name"], []), *self._nameless])
        # Another thread may find out meanwhile that one of them is gone.
        return [raw for i in ids if (raw := self.instances.get(i)) is not None]

    def fetch(self, instance_id: str, subject: str = "") -> Raw | None:
        """Read one instance in full; None when the tenant does not have it."""
        raw = self.api.get_data_source(instance_id, subject)
        if raw is None:
            self.instances.pop(instance_id, None)
            return None
        if raw["id"] != instance_id:
            raise InputError(
                f"{subject}: the tenant answered with another data source (id {raw['id']}) than the one asked for ({instance_id}). "
                "Nothing was changed."
            )
        # What only the list shows is not lost: a tenant may show a name there alone.
        listed = {k: v for k, v in self.instances.get(instance_id, {}).items() if v is not None and k not in ("state", "repositoriesCount")}
        whole = self.instances[instance_id] = {**listed, **raw}
        self.read.add(instance_id)
        return whole

    def find(self, item: Item, warnings: list[str], *, full: bool) -> Raw | None:
        """The instance that the item means, or None. full: read it by id, even if the list shows enough to compare.

        Raises InputError for an id that does not exist and for several matches, Undetermined when it cannot be told.
        """
        if "id" in item:
            found = self.fetch(item["id"], label(item))
            if found is None and item["state"] != "absent":
                raise InputError(
                    f"there is no data source with id {item['id']} in this tenant, and an id never creates one. "
                    "Correct it, or leave it out to create."
                )
            return found
        found = self.match(item, self.candidates(item), warnings)
        if found is None or found["id"] in self.read or item["state"] == "created":
            return found
        # What is to be deleted is shown, and named by the digest, as it is: with all that goes with it.
        return self.fetch(found["id"], label(item)) if full or item["state"] == "absent" or _needs_full(item, found) else found

    def match(self, item: Item, among: list[Raw], warnings: list[str]) -> Raw | None:
        """Like find, by identity alone; instances whose list entry hides an identifying field are read by id."""
        result = match(item, among, self.read)
        if result.unread:
            for instance_id in result.unread:
                self.fetch(instance_id)
            result = match(item, [raw for r in among if (raw := self.instances.get(r["id"])) is not None], self.read)
        if result.undetermined:
            raise Undetermined(result.undetermined)
        if result.warning and (item["state"] == "absent" or item.get("recreate") == "when_immutable_differs"):
            raise Undetermined(f"{result.warning} That is not enough to delete it; give its id.")
        if result.warning:
            warnings.append(result.warning)
        return result.found

    def settled(self, instance_id: str, subject: str, differences: t.Callable[[Raw], list[str]] = lambda _raw: []) -> Raw:
        """Read back after a write; a few times while the tenant does not yet show what was written."""
        shown: Raw | None = None
        for pause in SETTLE_PAUSES:
            time.sleep(pause)
            shown = self.fetch(instance_id, subject)
            if shown is not None and not differences(shown):
                break
        if shown is None:
            raise InputError(f"{subject} (id {instance_id}) was written, but the tenant does not show it. Run again to see what stands.")
        return shown


def _needs_full(item: Item, listed: Raw) -> bool:
    """Whether the list does not show enough of an instance to compare the item with it."""
    if any(option in item for option in ("repositories", "scope_rules", "external_projects")):
        return True
    shown = from_api(listed)
    return any(
        get(item, option) is not None and get(shown, option) is None
        # By the type and the host it was told apart, so that those are known.
        for option in ("selection_type", "unique_properties", *IMMUTABLE)
    )
