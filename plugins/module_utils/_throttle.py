# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 1, waiting for a slot of the tenant's request budget.
from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
import time
import typing as t

from ._lock import file_name, hold_alone, open_private, usable_directory

# No tenant's word holds everybody back for longer (seconds); no queue is longer than this.
LONGEST_HOLD = 60.0
_FARTHEST_SLOT = 3600.0


def _boot() -> str:
    # Monotonic clocks of two boots, or of two machines on one shared home, must not be compared.
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
    return os.uname().nodename


class Throttle:
    """Gives out send times so that at most C(per_second) requests leave in any second, shared by all processes that use C(directory).

    tenant: host and port; each has one small file. per_second: 0.5 means one request in two seconds.
    The state lives in a locked file; where that is impossible, C(warning) says so and the pace holds for this process alone.
    """

    def __init__(self, directory: str, tenant: str, per_second: float) -> None:
        self.burst = max(1, int(per_second))
        self.window = self.burst / per_second
        self.waits, self.seconds = 0, 0.0
        self.warning: str | None = None
        self._local: dict[str, t.Any] = {}
        self._thread_lock = threading.Lock()
        self._boot = _boot()
        self._path: str | None = None
        try:
            with tempfile.TemporaryFile(dir=usable_directory(directory)):
                pass
            self._path = os.path.join(directory, f"{file_name(tenant)}.json")
        except OSError as exc:
            self._alone(directory, exc)

    def _alone(self, directory: str, exc: OSError) -> None:
        self._path = None
        self.warning = (
            f"The rate limit cannot be shared with other processes, since {directory} is not usable ({exc.strerror or exc}). "
            "This process keeps to requests_per_second on its own; set rate_limit_dir to a writable directory."
        )

    def wait(self) -> None:
        """Block until the next request may be sent."""
        slot = self._reserve(0.0)
        delay = slot - time.monotonic()
        if delay > 0:
            self.waits += 1
            self.seconds += delay
            time.sleep(delay)

    def hold(self, seconds: float) -> None:
        """The tenant said it is over its limit: nobody sends for this long."""
        self._reserve(seconds)

    def _reserve(self, hold: float) -> float:
        with self._thread_lock:
            if self._path is not None:
                try:
                    return self._reserve_shared(self._path, hold)
                except OSError as exc:
                    self._alone(os.path.dirname(self._path), exc)
            return self._next(self._local, hold)

    def _reserve_shared(self, path: str, hold: float) -> float:
        with open_private(path) as file:
            hold_alone(file)
            state = self._read(file)
            slot = self._next(state, hold)
            file.seek(0)
            file.truncate()
            json.dump(state, file)
            return slot

    def _read(self, file: t.TextIO) -> dict[str, t.Any]:
        # A half-written or foreign file is an empty one: the worst that follows is a short burst.
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            state = json.load(file)
            if state.get("boot") == self._boot:
                now = time.monotonic()
                slots = [float(s) for s in state.get("slots", []) if s < now + _FARTHEST_SLOT]
                return {"boot": self._boot, "slots": slots, "not_before": min(float(state.get("not_before", 0.0)), now + LONGEST_HOLD)}
        return {"boot": self._boot}

    def _next(self, state: dict[str, t.Any], hold: float) -> float:
        now = time.monotonic()
        slots = [s for s in state.get("slots", []) if s > now - self.window]
        not_before = state.get("not_before", 0.0)
        if hold:
            state["not_before"] = max(not_before, now + hold)
            state["slots"] = slots
            return now
        slot: float = max(now, not_before, slots[-self.burst] + self.window if len(slots) >= self.burst else 0.0)
        state["slots"] = [*slots, slot]
        return slot
