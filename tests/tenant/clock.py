# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenant's clocks in one object, so that a test can replace them instead of sleeping."""
from __future__ import annotations

import time
from datetime import datetime, timezone


class Clock:
    """`now`: the wall clock in epoch seconds. `steady`: seconds on a clock that never goes back."""

    def now(self) -> float:
        return time.time()

    def steady(self) -> float:
        return time.monotonic()


def iso(epoch: float) -> str:
    """Epoch seconds as ISO 8601 with milliseconds and Z, as in `createdAt`."""
    return datetime.fromtimestamp(epoch, tz=timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
