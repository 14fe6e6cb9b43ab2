# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rate limit: a number of requests per window, for the whole tenant."""
from __future__ import annotations

import math
import threading
from collections import deque

from .clock import Clock
from .switches import Switches


class RateLimit:
    """Counts the requests that it accepts; a refused one takes no slot."""

    def __init__(self, switches: Switches, clock: Clock) -> None:
        self._switches, self._clock, self._lock = switches, clock, threading.Lock()
        self.clear()

    def clear(self) -> None:
        self._taken: deque[float] = deque()

    def take(self) -> float | None:
        """Take a slot. Returns None, or without a free slot the seconds until the next one."""
        with self._lock:
            now, width, fixed = self._clock.steady(), self._switches.rate_window, self._switches.window == "fixed"
            opened = math.floor(now / width) * width if fixed else now - width
            # One that is exactly a window old no longer counts in a sliding window. One that arrives as a fixed window opens counts in it.
            while self._taken and (self._taken[0] < opened if fixed else self._taken[0] <= opened):
                self._taken.popleft()
            if len(self._taken) < self._switches.rate:
                self._taken.append(now)
                return None
            frees_at = opened + width if fixed else self._taken[-self._switches.rate] + width
            return float(frees_at - now)
