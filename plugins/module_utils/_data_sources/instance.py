# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, an instance as the tenant shows it, and how much of it is shown. Pure.
from __future__ import annotations

import dataclasses
import functools
import typing as t

from .fields import Item, Raw, from_api, label, names_of


@dataclasses.dataclass(frozen=True)
class Instance:
    """An instance as the tenant shows it. Do not change what it holds: plans share it.

    raw: its fields in the API's shape. full: whether it was read by id. An entry of the list is not full: its state is empty whatever
    is selected, so that it never says anything about the selection.
    """

    raw: Raw
    full: bool

    @property
    def id(self) -> str:
        return str(self.raw["id"])

    @property
    def type(self) -> str:
        """In capitals, however the tenant spells it; empty when it is not shown."""
        return str(self.raw.get("type") or "").upper()

    @property
    def names(self) -> list[str]:
        return names_of(self.raw)

    @property
    def settings(self) -> Raw | None:
        """Its uniqueProperties; None when the tenant hides them."""
        held = self.raw.get("uniqueProperties")
        return held if isinstance(held, dict) else None

    @property
    def count(self) -> int | None:
        """How many repositories the tenant says are selected; None when it does not say."""
        count = self.raw.get("repositoriesCount")
        return count if isinstance(count, int) else None

    @functools.cached_property
    def shown(self) -> Item:
        """In the shape of the options, with just the fields that are shown; repositories only if it is full."""
        return from_api(self.raw if self.full else {k: v for k, v in self.raw.items() if k != "state"})

    @property
    def label(self) -> str:
        return label(self.shown)

    @property
    def partial(self) -> bool:
        """Whether it was read by id, but names fewer repositories than the tenant says are selected."""
        state: t.Any = self.raw.get("state")
        if not self.full or self.count is None:
            return False
        return len(state) < self.count if isinstance(state, list) else state is not None or self.count != 0

    @property
    def complete(self) -> bool:
        """Whether all repositories that are selected are known."""
        return self.full and isinstance(self.raw.get("state"), list) and not self.partial
