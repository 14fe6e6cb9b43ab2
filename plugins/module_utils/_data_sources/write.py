# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A single write to an existing instance, read back afterwards.

Private to the collection, floor 3.
"""

from __future__ import annotations

import contextlib
import typing as t

from .._errors import TenantError
from .._state import Memory
from .data_file import write_backup
from .differences import unexpected
from .fields import Item, label
from .instance import Instance
from .made import remember_mappings
from .outcome import Outcome
from .plan import Plan
from .unscoped import forget
from .view import View


class Surprise(TenantError):
    """A write had an unexpected effect; similar writes must not be attempted."""


class Writes:
    """What all writes share: this run's view of the tenant, and the memory."""

    def __init__(self, view: View, memory: Memory) -> None:
        self.view, self.api, self.memory = view, view.api, memory

    def locked(self, instance_id: str) -> contextlib.AbstractContextManager[t.Any]:
        """Keeps other runs from writing to the instance. Raises BusyError."""
        return self.api.client.exclusive(self.api.tenant, instance_id)

    def back_up(self, outcome: Outcome, current: Item) -> None:
        """Write a backup, if the item has a backup_dir. Raises InputError when that cannot be written.

        current: the instance before the write, in the shape of the options.
        """
        directory = outcome.item.get("backup_dir")
        if directory and outcome.backup_file is None:
            outcome.backup_file = write_backup(directory, self.api.tenant, current)

    def put(self, outcome: Outcome, plan: Plan, instance_id: str, action: str) -> None:
        """Send the plan's PUT. Raises ApiError for a refusal, Surprise when the read-back is not as planned.

        action: its name in the outcome, "update" or "scope".
        """
        subject, before = label(outcome.item), self.view.instances.get(instance_id)
        self.api.update_data_source(instance_id, plan.put, subject)
        outcome.changed = True
        outcome.actions = [*(a for a in outcome.actions if a not in ("scope", "update")), action]

        def differences_in(instance: Instance) -> list[str]:
            return unexpected(plan.before, plan.after, instance)

        current = self.view.settled(instance_id, subject, differences_in)
        outcome.data_source = current.reported
        if "externalProjects" in plan.put:
            mappings = (plan.after or {}).get("external_projects")
            applied = mappings if mappings is not None else (before and before.applied) or []
            remember_mappings(self.memory, self.api.client.redactor, applied, current)
        differences = differences_in(current)
        if differences:
            raise Surprise(
                f" (id {instance_id}) was updated, but reading it back shows: {'; '.join(differences)}. "
                "Compare it in the console before the next run.",
                subject=subject,
            )

    def scoped(self, plan: Plan, instance_id: str) -> None:
        """The instance is as planned: forget that its scope is missing, unless it waits for a consent."""
        if not plan.pending:
            forget(self.memory, instance_id)

    def confirm_deleted(self, instance_id: str, subject: str) -> None:
        """After a deletion. Raises TenantError when the tenant still shows the instance."""
        self.view.confirm_deleted(instance_id, subject)
        forget(self.memory, instance_id)
