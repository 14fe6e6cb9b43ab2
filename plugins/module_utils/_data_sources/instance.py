# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance as the tenant shows it, and how complete that is. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from .._admitted import Raw, Unreadable, count_from
from .fields import (
    REPLACED,
    SELECTION,
    STATE,
    Item,
    from_api,
    is_blank,
    is_published,
    label,
    readable,
    reported_names,
)

# Stands for an unreadable count: not 0, and longer than any list.
UNREADABLE_COUNT = -1

# Not copied from a list entry: its selection, which is always empty, and the reasons of an older status.
_NOT_FROM_THE_LIST = ("state", "repositoriesCount", "statusDetails")


@dataclasses.dataclass(frozen=True)
class Begun:
    """An instance that was created but not scoped yet.

    ours: the memory says that an earlier run created it.
    untouched: nothing was changed since; otherwise the tenant has scanned it, or somebody has changed
        something other than the selection.
    """

    ours: bool
    untouched: bool


@dataclasses.dataclass(frozen=True)
class Instance:
    """An instance as the tenant shows it. Do not modify it: plans share it.

    raw: its fields in the API's shape.
    full: whether it was read by id. A list entry is not full: its state is always empty, so it never shows
        the selection.
    listed_count: for a full one, the count in its list entry: associated repositories, not necessarily the
        selected ones (docs/api.md: list.count).
    applied: the external_projects that an earlier run set and nobody has changed since, if the tenant hides
        them.
    own: for a full one, the members of its own response, without those known only from the list.
    odd: the members with an unknown form; they count as not shown and are never sent back.
    begun: set when it was created but not scoped yet; None for all others, and for one that is not full.
    """

    raw: Raw
    full: bool
    listed_count: int | None = None
    applied: list[Item] | None = None
    begun: Begun | None = None
    own: Raw = dataclasses.field(default_factory=dict)
    odd: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        raw, odd = readable(self.raw)
        object.__setattr__(self, "odd", list(dict.fromkeys([*self.odd, *odd])))
        object.__setattr__(self, "raw", raw)

    @classmethod
    def read(cls, raw: Raw, listed: Raw, applied: list[Item] | None = None) -> Instance:
        """An instance that was read by id, with what a tenant may show only in its list, such as a name.

        listed: its list entry; {} where there is none.
        """
        entry = {k: v for k, v in listed.items() if v is not None and k not in _NOT_FROM_THE_LIST}
        return cls({**entry, **raw}, full=True, listed_count=count_of(listed), applied=applied, own=raw)

    @property
    def unreadable(self) -> list[str]:
        """The members that an update would replace although their content is unknown."""
        return [member for member in REPLACED if isinstance(self.raw.get(member), Unreadable)]

    @property
    def id(self) -> str:
        return str(self.raw["id"])

    @property
    def type(self) -> str:
        """In capitals, however the tenant spells it; empty when it is not shown."""
        return str(self.raw.get("type") or "").upper()

    @property
    def new(self) -> bool:
        """Whether it is still to be created."""
        return self.raw.get("id") is None

    @property
    def names(self) -> list[str]:
        return reported_names(self.raw)

    @property
    def identifier(self) -> str | None:
        """A collector's name, for other types a word of the vendor; None when it is not shown."""
        identifier = self.raw.get("uniqueIdentifier")
        return identifier if isinstance(identifier, str) and not is_blank(identifier) else None

    @property
    def published(self) -> bool:
        return is_published(self.raw)

    @property
    def settings(self) -> Raw | None:
        """Its uniqueProperties; None when the tenant hides them."""
        settings = self.raw.get("uniqueProperties")
        return settings if isinstance(settings, dict) else None

    @property
    def count(self) -> int | None:
        """The number of selected repositories according to this read; None when it is not shown."""
        return count_of(self.raw)

    @functools.cached_property
    def reported(self) -> Item:
        """In the shape of the options, with the fields that are shown; repositories only if it is full.

        Without a selection a tenant may show no state; then the count in the list shows that nothing is
        selected.
        """
        if not self.full:
            return from_api({k: v for k, v in self.raw.items() if k != "state"})
        unselected = self.published and self.raw.get("state") is None and not self.listed_count
        return from_api({**self.raw, "state": []} if unselected else self.raw)

    def as_created(self) -> Instance:
        """The instance as it was right after its creation, when nothing was selected."""
        unscoped = {k: v for k, v in self.raw.items() if k not in SELECTION}
        return dataclasses.replace(self, raw={**unscoped, STATE: []}, listed_count=None)

    @property
    def label(self) -> str:
        return label(self.reported)

    @property
    def partial(self) -> bool:
        """Whether it was read by id, but names fewer repositories than the tenant counts as selected."""
        state: t.Any = self.raw.get("state")
        if not self.full:
            return False
        if UNREADABLE_COUNT in (self.count, self.listed_count):
            return True
        if self.count is None:
            # The list's count may exceed the selection, but unless it is 0, an empty selection is partial.
            return bool(self.listed_count) and state == []
        return len(state) < self.count if isinstance(state, list) else state is not None or self.count != 0

    @property
    def complete(self) -> bool:
        """Whether all selected repositories are known."""
        nothing = self.raw.get("state") is None and self.listed_count == 0
        return self.full and (nothing or isinstance(self.raw.get("state"), list)) and not self.partial


def count_of(raw: Raw) -> int | None:
    """The tenant's number of repositories; None when it is not shown, UNREADABLE_COUNT when unreadable."""
    if raw.get("repositoriesCount") is None:
        return None
    count = count_from(raw["repositoriesCount"])
    return UNREADABLE_COUNT if count is None else count
