# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 1, waiting for a slot of the tenant's request budget.
from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import socket
import tempfile
import threading
import time
import typing as t
import uuid

from .._errors import BusyError
from .lock import default_directory, file_name, hold_alone, not_shared, open_shared, usable_directory
from .pace import LONGEST_FLIGHT, LONGEST_HOLD, Pace, State, Used

LONGEST_WAIT = 900.0
# Of the file's layout; what has another one is read as empty.
_VERSION = 2
# Seconds: who would be taken for dead so late is no process of ours.
_LATEST_DEATH = 60.0


def host() -> str:
    """Who keeps the wall clock of this process: a machine since its last start, which all its containers share."""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
    return socket.gethostname()


@dataclasses.dataclass(frozen=True)
class Slot:
    """The permission to send one request. granted: when, in seconds of the monotonic clock; at: the same by the wall clock, which all
    hosts share. waited: seconds from asking to granting.
    """

    ticket: str
    granted: float
    waited: float
    at: float = 0.0


class Throttle:
    """Gives out slots so that at most per_second requests reach the tenant in any second, from all processes that use the directory.

    Who asked first goes first; each process queues once, however many threads it has. tenant: host and port; each has one small file,
    which holds a state of pace.py in the time of the wall clock, so that machines with a common folder have one budget. per_second: 0.5
    means one request in two seconds. The file is locked while it is read and written; where that is impossible, `warning` says so and the
    pace holds for this process alone. clock: seconds of the wall clock.
    """

    def __init__(self, directory: str, tenant: str, per_second: float, *, clock: t.Callable[[], float] | None = None) -> None:
        self.pace = Pace(per_second, host())
        self.waits, self.seconds = 0, 0.0
        self.warning: str | None = None
        self._clock = clock or time.time
        self._local = State()
        self._left: dict[str, float] = {}
        self._turn, self._state_lock = threading.Lock(), threading.Lock()
        self._path: str | None = None
        try:
            with tempfile.TemporaryFile(dir=usable_directory(directory, own=directory == default_directory())):
                pass
            self._path = os.path.join(directory, f"{file_name(tenant)}.json")
        except OSError as exc:
            self._alone(directory, exc)

    def _alone(self, directory: str, exc: OSError) -> None:
        self._path = None
        self.warning = not_shared(directory, exc)

    def wait(self, refuse: t.Callable[[], None] = lambda: None) -> Slot:
        """Block until the next request may be sent. Its leaving is told to departed(), its answer, or that none came, to answered().

        refuse: called before each look for a slot; what it raises ends the waiting. Raises BusyError.
        """
        began, ticket = time.monotonic(), uuid.uuid4().hex[:12]
        with self._turn:
            asked = time.monotonic()
            while True:
                refuse()
                with self._state() as state:
                    at = self._clock()
                    delay = self.pace.take(state, ticket, at)
                now = time.monotonic()
                if delay <= 0:
                    break
                if now - asked > LONGEST_WAIT:
                    raise BusyError(
                        f"no request could be sent for {LONGEST_WAIT:.0f} s, since other processes use up requests_per_second. "
                        "Run fewer of them at once."
                    )
                time.sleep(delay)
            if now - asked > 0.001:
                self.waits += 1
                self.seconds += now - asked
        return Slot(ticket, now, now - began, at)

    def departed(self, slot: Slot) -> None:
        """The request of this slot begins to be sent, over a connection that stands. May be left out where that says nothing."""
        with self._state() as state:
            self._left[slot.ticket] = time.monotonic()
            self.pace.departed(state, slot.ticket, self._clock())

    def answered(self, slot: Slot, *, quick: bool = False) -> None:
        """The request of this slot was answered, or given up. quick: it was answered without much work, so that its time was the way's."""
        left, now = self._left.pop(slot.ticket, None), time.monotonic()
        with self._state() as state:
            self.pace.answered(state, slot.ticket, self._clock(), trip=now - left if quick and left is not None else None)

    def hold(self, seconds: float, slot: Slot) -> None:
        """The tenant said to the request of this slot that it is over its limit: nobody sends for so long, then more carefully."""
        with self._state() as state:
            self.pace.refused(state, slot.at, seconds, self._clock())

    def trip(self) -> float:
        """How long an answer takes, in seconds; 0.0 while nobody knows."""
        with self._state() as state:
            return sorted(state.trips)[len(state.trips) // 2] if state.trips else 0.0

    @contextlib.contextmanager
    def _state(self) -> t.Iterator[State]:
        """The state, held alone, and kept as it is left."""
        with self._state_lock:
            if self._path is not None:
                try:
                    file = open_shared(self._path)
                    try:
                        hold_alone(file)
                        state = self._read(file)
                    except OSError:
                        file.close()
                        raise
                except OSError as exc:
                    self._alone(os.path.dirname(self._path), exc)
                else:
                    try:
                        yield state
                        with contextlib.suppress(OSError):  # a full disk: the budget is as large as before, the run goes on
                            self._write(file, state)
                            file.flush()
                    finally:
                        with contextlib.suppress(OSError):  # which tries once more to write what had no room
                            file.close()
                    return
            yield self._local

    def _read(self, file: t.TextIO) -> State:
        # A half-written or foreign file is an empty one: the worst that follows is a short burst.
        with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, RecursionError, OverflowError):
            # What a killed process left behind the value is no part of it.
            read, _end = json.JSONDecoder().raw_decode(file.read())
            if read["version"] == _VERSION:
                return self._known(read)
        return State()

    def _known(self, read: dict[str, t.Any]) -> State:
        """A state out of a file. What lies too far ahead was written before a clock was set back, and is left out."""
        now = self._clock()
        used = [
            Used(str(ticket), str(by), float(granted), _maybe(departed), _maybe(answered))
            for ticket, by, granted, departed, answered in read["slots"]
        ]
        latest, held = now + LONGEST_FLIGHT + self.pace.window, now + LONGEST_HOLD
        return State(
            [one for one in used if max(one.granted, one.departed or 0.0, one.answered or 0.0) < latest],
            [(str(ticket), float(dead_at)) for ticket, dead_at in read["queue"] if float(dead_at) < now + _LATEST_DEATH],
            [trip for trip in map(float, read["trips"]) if 0 <= trip < math.inf],
            _bounded(read["not_before"], held),
            _bounded(read["refused_at"], held),
            _bounded(read["wide"], math.inf),
            int(read["cut"]),
            _bounded(read["cut_at"], held),
        )

    def _write(self, file: t.TextIO, state: State) -> None:
        slots = [dataclasses.astuple(used) for used in state.slots]
        trips = [round(trip, 4) for trip in state.trips]
        file.seek(0)
        file.write(json.dumps({"version": _VERSION, **vars(state), "slots": slots, "trips": trips}, separators=(",", ":")))
        file.truncate()


def _maybe(value: t.Any) -> float | None:
    return None if value is None else _bounded(value, math.inf)


def _bounded(value: t.Any, most: float) -> float:
    number = float(value)
    if math.isnan(number):
        raise ValueError
    return min(number, most)
