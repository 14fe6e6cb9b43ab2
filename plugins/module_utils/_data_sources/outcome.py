# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of one item. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import ApiError, CortexError
from .._http.plain import one_line
from .fields import Item
from .instance import Instance
from .match import Match
from .pending import Pending, still_to_complete
from .plan import Plan

# Action of a plan -> action of its outcome, and the calls that change the tenant, scope only if there is one.
_ACTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "pending": ("pending", ()),
    "create": ("created", ("create", "scope")),
    "update": ("updated", ("update",)),
    "recreate": ("updated", ("delete", "create", "scope")),
    "delete": ("deleted", ("delete",)),
    "none": ("unchanged", ()),
}


@dataclasses.dataclass(eq=False)
class Outcome:
    """The outcome of one item.

    index: of the item in the list; pruned instances follow.
    current: the item's instance, before anything was done.
    match: how it was found.
    action: created, updated, unchanged, deleted, pending, failed or undetermined; predicted in check mode.
    changed: the tenant was, or would be, changed; true together with an error if only part was done.
    error: one line; None when nothing failed.
    names_item: whether error starts with the item's name.
    api_error: the failed call as data.
    data_source: in the shape of the options, secrets not yet hidden.
    actions: the calls that changed the tenant, or would: create, scope, update, delete.
    token_missing: what a person has to do about a token that is not in the item's file.
    pruned: whether it is pruned, because no item lists it.
    """

    index: int
    item: Item
    current: Instance | None = None
    match: Match = dataclasses.field(default_factory=Match)
    plan: Plan = dataclasses.field(default_factory=lambda: Plan("none"))
    action: str = "unchanged"
    changed: bool = False
    error: str | None = None
    names_item: bool = False
    api_error: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    data_source: Item | None = None
    actions: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    pending: list[Pending] = dataclasses.field(default_factory=list)
    backup_file: str | None = None
    collector_credentials: dict[str, str] | None = None
    credentials_applied: bool = False
    pruned: bool = False
    token_missing: list[Pending] = dataclasses.field(default_factory=list)

    @property
    def released(self) -> dict[str, str] | None:
        """The token that the result returns in clear text, because the item asks for it."""
        return self.collector_credentials if self.item.get("return_credentials") else None

    @property
    def type(self) -> str:
        """The integration type, as the item gives it or the tenant reports it; empty when neither does."""
        return str(self.item.get("type") or (self.plan.before or {}).get("type") or "")

    @property
    def former_scope(self) -> str:
        """Where the scope of a deleted instance can be found, in words."""
        return self.backup_file or "the result's data_source"

    def fail(self, error: CortexError, action: str = "failed") -> None:
        self.action, self.error, self.api_error = action, one_line(str(error)), error.details()
        self.changed = self.changed or error.changed
        # An ApiError contains its subject later: "Cannot update data source ...".
        self.names_item = bool(error.subject) and not isinstance(error, ApiError)
        if not self.changed:
            # The planned change did not happen.
            self.actions, self.pending, self.credentials_applied = [], [], False
            self.data_source = self.plan.before

    def adopt(self, plan: Plan, *, predicted: bool) -> None:
        """predicted: whether the plan is the result, as in check mode."""
        self.action, calls = _ACTIONS[plan.action]
        self.plan, self.data_source = plan, plan.after
        self.changed = plan.changed and predicted
        pending = plan.pending
        if not pending and plan.before and plan.action in ("none", "update") and not self.item.get("ignore"):
            pending = still_to_complete(plan.before)
        self.pending = [*pending, *self.token_missing]
        self.warnings += [w for w in plan.warnings if w not in self.warnings]
        self.actions = [call for call in calls if call != "scope" or plan.put]
        self.credentials_applied = "create" in calls and "credentials" in self.item
