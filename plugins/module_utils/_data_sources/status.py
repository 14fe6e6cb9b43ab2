# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, the table of the words that a tenant shows as an instance's status. Pure.
from __future__ import annotations

import dataclasses

HEALTH = ("healthy", "unhealthy", "unknown")


@dataclasses.dataclass(frozen=True)
class Status:
    """What a status word says.

    health: one of HEALTH. waits: whether the instance may be waiting for a person, such as for consent to the connection.
    """

    health: str = "unknown"
    waits: bool = False


# Only words whose meaning is known or plain. Any other says nothing, and never counts as healthy.
STATUSES = {
    "COMPLETED": Status("healthy"),
    "CONNECTED": Status("healthy"),
    "ERROR": Status("unhealthy"),
    "FAILED": Status("unhealthy"),
    "WARNING": Status("unhealthy"),
    "DISABLED": Status("unhealthy"),
    "DISCONNECTED": Status("unhealthy"),
    "PENDING": Status(waits=True),
}


def status_of(word: object) -> Status:
    """What a word says, in any case; a longer one with a word for waiting in it, such as CONSENT_PENDING, waits too."""
    shown = str(word or "").upper()
    longer = (status for known, status in STATUSES.items() if status.waits and known in shown)
    return STATUSES.get(shown) or next(longer, Status())
