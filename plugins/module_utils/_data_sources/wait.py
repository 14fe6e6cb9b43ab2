# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until an instance has a desired status. Reads only.

Private to the collection, floor 3.
"""

from __future__ import annotations

import time

from .._errors import PartlyDone, TenantError
from .fields import label
from .outcome import Outcome
from .status import reasons, status_of
from .view import View


def wait_for_status(view: View, outcome: Outcome, instance_id: str) -> None:
    """If the item asks for it, read until the status is one of wait_for_status, at most wait_timeout seconds.

    When the status is not reached, raises PartlyDone if something was changed before, otherwise TenantError.
    """
    item = outcome.item
    if not item.get("wait"):
        return
    desired = [s.upper() for s in item["wait_for_status"]]
    deadline, pause = time.monotonic() + item["wait_timeout"], 1.0
    while True:
        reported = outcome.data_source or {}
        word = str(reported.get("status") or "not shown").upper()
        if word in desired:
            return
        status, why = status_of(word), reasons(reported.get("status_details"))
        why = f"; {why}" if why else ""
        if status.ends == "warned":
            outcome.warnings.append(
                f"{label(item)} (id {instance_id}) has status {word}: {status.says}{why}."
            )
            return
        interrupted = view.api.client.interruption.reason
        if interrupted or status.ends == "failed" or time.monotonic() + pause > deadline:
            when = f" ({status.says})" if status.ends else f" after {item['wait_timeout']:g} s"
            when = f" when the run was interrupted ({interrupted})" if interrupted else when
            what = f" (id {instance_id}) has status {word}{when}, not {' or '.join(desired)}{why}"
            console = "repair it in the console, then run again."
            how = console if status.ends else "raise wait_timeout, or look in the console."
            if outcome.changed:
                raise PartlyDone(what, how=f"Changes already made are kept; {how}", subject=label(item))
            raise TenantError(f"{what}. Nothing was sent; {how}", subject=label(item))
        time.sleep(pause)
        pause = min(pause * 1.5, 10.0)
        outcome.data_source = view.settled(instance_id, label(item)).reported
