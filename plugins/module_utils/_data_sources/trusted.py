# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers for later runs which instances were as desired, so that they need not be read again.

Private to the collection, floor 3.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import typing as t

from .._state import Memory
from .fields import Item, last_update
from .instance import Instance
from .plan import Plan

SECTION = "verified"


class Trust:
    """The instances that earlier runs read in full and found as desired.

    key: of the digests of items; items contain secrets, which the memory file alone must not reveal.
    on: whether it is used; otherwise it is only kept up to date.
    """

    def __init__(self, memory: Memory, key: t.Callable[[], str], *, on: bool) -> None:
        self._memory, self._key, self.on = memory, key, on

    @functools.cached_property
    def _known(self) -> dict[str, t.Any]:
        return {instance_id: entry.value for instance_id, entry in self._memory.all(SECTION).items()}

    def plan(self, item: Item, listed: Instance) -> Plan | None:
        """A plan without changes, if an earlier run found none for the same item and the list shows that
        nobody has changed the instance since; None if it has to be read (docs/api.md: instance.changed).

        listed: its entry in the list.
        """
        known = self._known.get(listed.id) if self.on else None
        updated = last_update(listed.raw)
        if not isinstance(known, dict) or updated is None or known.get("shown") != [updated, listed.count]:
            return None
        if known.get("item") != self._digest(item):
            return None
        not_compared = known.get("not_compared")
        not_compared = not_compared if isinstance(not_compared, list) else []
        return Plan("none", before=listed.reported, after=listed.reported, not_compared=not_compared)

    def keep(self, verified: list[tuple[Item, Plan, Instance]], doubtful: set[str]) -> None:
        """verified: items without changes, with their instances as read in full.

        doubtful: ids that are no longer trusted.
        """
        entries: dict[str, t.Any] = {}
        for item, plan, instance in verified if self.on else ():
            shown = [last_update(instance.raw), instance.listed_count]
            if shown[0] is not None:
                entry = {"item": self._digest(item), "shown": shown, "not_compared": plan.not_compared}
                entries[instance.id] = entry
        forget = doubtful & self._known.keys()
        if forget or any(self._known.get(each) != value for each, value in entries.items()):
            self._memory.change(SECTION, entries, forget)
            self._known.update(entries)
            for each in forget:
                self._known.pop(each, None)

    def _digest(self, item: Item) -> str:
        text = json.dumps(item, sort_keys=True, ensure_ascii=False, default=str)
        digest = hmac.new(self._key().encode(), text.encode(errors="surrogatepass"), hashlib.sha256)
        return digest.hexdigest()[:32]
