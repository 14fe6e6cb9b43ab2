# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One item's writes: create, scope, update, recreate, delete, each read back.

Private to the collection, floor 3.
"""

from __future__ import annotations

from .._errors import CortexError, PartlyDone, TenantError
from .._state import Memory
from .create import Creator
from .digest import requests_of
from .fields import MANUAL, Item, label
from .outcome import Outcome
from .plan import Plan, plan_update
from .view import View
from .wait import wait_for_status
from .write import Writes


class Writer:
    """Carries out plans against one tenant. Thread-safe, as long as each thread works on one instance.

    approved: the plans were approved, so nothing else is done even if the tenant changes in the meantime.
    """

    def __init__(self, view: View, memory: Memory, *, approved: bool = False) -> None:
        self.view, self.api, self.approved = view, view.api, approved
        self.writes = Writes(view, memory)
        self._creator = Creator(self.writes, approved=approved)

    def apply(self, outcome: Outcome) -> None:
        """Carry out the outcome's plan and record the result.

        Raises CortexError; outcome.changed then tells whether anything was changed.
        """
        steps = {
            "create": self._create,
            "update": self._update,
            "recreate": self._recreate,
            "delete": self._delete,
        }
        steps[outcome.plan.action](outcome)

    def _create(self, outcome: Outcome) -> None:
        if not self._creator.create(outcome) and outcome.plan.changed:
            self.apply(outcome)

    def _update(self, outcome: Outcome) -> None:
        item, instance_id = outcome.item, outcome.plan.id
        with self.writes.locked(instance_id):
            current = self.view.fetch(instance_id, label(item))
            if current is None:
                raise _overtaken("deleted", item, instance_id)
            # Planned again from a read right before the write, so that others' changes are not undone.
            plan = plan_update(item, outcome.match.for_planning(current), self.view.creatable)
            differs = self.approved and requests_of([plan]) != requests_of([outcome.plan])
            if differs or plan.action == "recreate":
                raise _overtaken("changed", item, instance_id)
            outcome.adopt(plan, predicted=False)
            if plan.changed:
                if narrows(plan):
                    self.writes.back_up(outcome, current.reported)
                self.writes.put(outcome, plan, instance_id, "update")
            self.writes.scoped(plan, instance_id)
        wait_for_status(self.view, outcome, instance_id)

    def _recreate(self, outcome: Outcome) -> None:
        plan, subject = outcome.plan, label(outcome.item)
        with self.writes.locked(plan.id):
            current = self.view.fetch(plan.id, subject)
            if current is None or plan_update(outcome.item, current, self.view.creatable).put != plan.put:
                raise _overtaken("changed", outcome.item, plan.id)
            self.api.refuse_creation(subject)
            self.writes.back_up(outcome, current.reported)
            self.api.delete_data_source(plan.id, subject)
            outcome.changed, outcome.actions, outcome.data_source = True, ["delete"], plan.before
            try:
                self.writes.confirm_deleted(plan.id, subject)
                self._create(outcome)
            except CortexError as exc:
                if "create" in outcome.actions:
                    raise
                old = "remove its old id, " if "id" in outcome.item else ""
                how = f"Add to the item the parts of that scope that it lacks, {old}and run again."
                done = f" was deleted, but not created again; its scope is in {outcome.former_scope}"
                raise PartlyDone(done, exc, how, subject=current.label) from None

    def _delete(self, outcome: Outcome) -> None:
        instance_id, subject = outcome.plan.id, label(outcome.plan.before or outcome.item)
        with self.writes.locked(instance_id):
            if outcome.item.get("backup_dir"):
                current = self.view.fetch(instance_id, subject)
                if current is not None:
                    self.writes.back_up(outcome, current.reported)
            self.api.delete_data_source(instance_id, subject)
            outcome.changed = True
            self.writes.confirm_deleted(instance_id, subject)


def _overtaken(what: str, item: Item, instance_id: str) -> TenantError:
    """what: "deleted" or "changed", by somebody else."""
    why = f" (id {instance_id}) was {what} by somebody else while this run was planning. Run again."
    return TenantError(why, subject=label(item))


def narrows(plan: Plan) -> bool:
    """Whether a plan removes something that was covered before, so that a backup is written first."""
    if plan.action != "update":
        return plan.action in ("delete", "recreate")
    before, after = plan.before or {}, plan.after or {}
    removed = set(before.get("repositories", [])) - set(after.get("repositories", []))
    unmapped = any(m not in after.get("external_projects", []) for m in before.get("external_projects", []))
    manual = before.get("selection_type") != MANUAL and after.get("selection_type") == MANUAL
    return bool(removed) or unmapped or manual
