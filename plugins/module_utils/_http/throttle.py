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
import tempfile
import threading
import time
import typing as t
import uuid

from .._errors import BusyError
from .lock import default_directory, file_name, hold_alone, open_shared, usable_directory

# The tenant counts requests per second.
WINDOW = 1.0
# No tenant's word holds everybody back for longer (seconds).
LONGEST_HOLD = 60.0
# After so many seconds without an answer a slot is free all the same: the request has reached the tenant, or its process is dead.
LONGEST_FLIGHT = 5.0
LONGEST_WAIT = 900.0
# A waiting process looks again at least so often (seconds), and is taken for dead when it is so much later than it said.
_LONGEST_SLEEP = 2.0
_GRACE = 3.0
# After a 429 half of the slots are withheld; one comes back each time so many windows have passed.
_RECOVERY_WINDOWS = 5
_FARTHEST_SLOT = 3600.0
_FORGOTTEN_AFTER = 86400.0


def _boot() -> str:
    # Monotonic clocks of two boots, or of two machines on one shared home, must not be compared.
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
    return os.uname().nodename


@dataclasses.dataclass(frozen=True)
class Slot:
    """The permission to send one request. granted: when, in seconds of the monotonic clock. waited: seconds from asking to granting."""

    ticket: str
    granted: float
    waited: float


@dataclasses.dataclass
class _State:
    """slots: [ticket, free at, answered] of requests underway or answered within the last window. queue: [ticket, taken for dead at].

    not_before: nobody sends until then. cut, cut_at: how many slots a 429 withheld, and since when they come back.
    """

    slots: list[tuple[str, float, bool]] = dataclasses.field(default_factory=list)
    queue: list[tuple[str, float]] = dataclasses.field(default_factory=list)
    not_before: float = 0.0
    cut: int = 0
    cut_at: float = 0.0


class Throttle:
    """Gives out slots so that at most C(per_second) requests reach the tenant in any second, from all processes that use C(directory).

    A slot is free again one window after its answer: however long the way to the tenant takes, two requests of one slot arrive at least
    a window apart. Who asked first goes first; each process queues once, however many threads it has. tenant: host and port; each has one
    small file. per_second: 0.5 means one request in two seconds. The state lies in a locked file; where that is impossible, C(warning)
    says so and the pace holds for this process alone.
    """

    def __init__(self, directory: str, tenant: str, per_second: float) -> None:
        self.burst = max(1, int(per_second * WINDOW))
        self.window = self.burst / per_second
        self.waits, self.seconds = 0, 0.0
        self.warning: str | None = None
        self._local = _State()
        self._turn, self._state_lock = threading.Lock(), threading.Lock()
        self._boot = _boot()
        self._path: str | None = None
        try:
            with tempfile.TemporaryFile(dir=usable_directory(directory, own=directory == default_directory())):
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

    def wait(self) -> Slot:
        """Block until the next request may be sent; the answer, or its absence, must be told to answered(). Raises BusyError."""
        began, ticket = time.monotonic(), uuid.uuid4().hex[:12]
        with self._turn:
            asked = time.monotonic()
            while True:
                with self._state() as state:
                    delay = self._try(state, ticket)
                now = time.monotonic()
                if delay <= 0:
                    break
                if now - asked > LONGEST_WAIT:
                    raise BusyError(
                        f"no request could be sent for {LONGEST_WAIT:.0f} s, since other processes of this machine use up "
                        "requests_per_second. Run fewer of them at once."
                    )
                time.sleep(delay)
            if now - asked > 0.001:
                self.waits += 1
                self.seconds += now - asked
        return Slot(ticket, now, now - began)

    def answered(self, slot: Slot) -> None:
        """The request of this slot was answered, or given up."""
        with self._state() as state:
            free = time.monotonic() + self.window
            state.slots = [(ticket, free, True) if ticket == slot.ticket else (ticket, at, done) for ticket, at, done in state.slots]

    def hold(self, seconds: float, slot: Slot) -> None:
        """The tenant said to the request of this slot that it is over its limit: nobody sends for so long, then more slowly for a while."""
        with self._state() as state:
            now = time.monotonic()
            cut = self._cut(state, now)
            state.not_before = max(state.not_before, now + seconds)
            # Requests that were underway together are refused together: that is one piece of news.
            if slot.granted >= state.cut_at or not cut:
                state.cut, state.cut_at = min(self.burst - 1, cut + math.ceil((self.burst - cut) / 2)), state.not_before

    def _cut(self, state: _State, now: float) -> int:
        passed = max(0.0, now - state.cut_at)
        return max(0, min(state.cut, self.burst - 1) - int(passed / (_RECOVERY_WINDOWS * self.window)))

    def _try(self, state: _State, ticket: str) -> float:
        """Take a slot (0.0) or a place in the queue; returns the seconds after which to look again."""
        now = time.monotonic()
        state.slots = [slot for slot in state.slots if slot[1] > now]
        state.queue = [(waiting, dead_at) for waiting, dead_at in state.queue if dead_at > now or waiting == ticket]
        tickets = [waiting for waiting, _dead_at in state.queue]
        place = tickets.index(ticket) if ticket in tickets else len(tickets)
        free = self.burst - self._cut(state, now) - len(state.slots)
        if now >= state.not_before and place < free:
            state.queue = [entry for entry in state.queue if entry[0] != ticket]
            state.slots.append((ticket, now + LONGEST_FLIGHT + self.window, False))
            return 0.0
        # An answer that is still underway can come at once at the earliest.
        ends = sorted(at if done else min(at, now + self.window) for _ticket, at, done in state.slots) or [now]
        missing = max(0, place - free)
        at = max(state.not_before, ends[missing % len(ends)] + (missing // len(ends)) * self.window)
        delay = min(max(at - now, 0.001), _LONGEST_SLEEP)
        entry = (ticket, now + delay + _GRACE)
        state.queue[place : place + 1] = [entry]
        return delay

    @contextlib.contextmanager
    def _state(self) -> t.Iterator[_State]:
        """The state, held alone, and kept as it is left."""
        with self._state_lock:
            if self._path is not None:
                try:
                    file = open_shared(self._path)
                    try:
                        hold_alone(file)
                        nodes, state = self._read(file)
                    except OSError:
                        file.close()
                        raise
                except OSError as exc:
                    self._alone(os.path.dirname(self._path), exc)
                else:
                    try:
                        yield state
                        with contextlib.suppress(OSError):  # a full disk: the budget is as large as before, the run goes on
                            self._write(file, nodes, state)
                            file.flush()
                    finally:
                        with contextlib.suppress(OSError):  # which tries once more to write what had no room
                            file.close()
                    return
            yield self._local

    def _read(self, file: t.TextIO) -> tuple[dict[str, t.Any], _State]:
        # A half-written or foreign file is an empty one: the worst that follows is a short burst.
        now, nodes, state = time.monotonic(), dict[str, t.Any](), _State()
        with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, RecursionError, OverflowError):
            # What a killed process left behind the value is no part of it.
            read, _end = json.JSONDecoder().raw_decode(file.read())
            today = time.time()
            nodes = {boot: node for boot, node in read.items() if abs(today - float(node["seen"])) < _FORGOTTEN_AFTER}
            if self._boot in nodes:
                node, far = nodes[self._boot], now + _FARTHEST_SLOT
                state = _State(
                    [(str(ticket), float(at), bool(done)) for ticket, at, done in node["slots"] if float(at) < far],
                    [(str(ticket), float(dead_at)) for ticket, dead_at in node["queue"] if float(dead_at) < now + 60],
                    _bounded(node["not_before"], now + LONGEST_HOLD),
                    int(node["cut"]),
                    _bounded(node["cut_at"], now + LONGEST_HOLD),
                )
        return nodes, state

    def _write(self, file: t.TextIO, nodes: dict[str, t.Any], state: _State) -> None:
        nodes = {**nodes, self._boot: {"seen": round(time.time()), **dataclasses.asdict(state)}}
        file.seek(0)
        file.write(json.dumps(nodes, separators=(",", ":")))
        file.truncate()


def _bounded(value: t.Any, most: float) -> float:
    number = float(value)
    if math.isnan(number):
        raise ValueError
    return min(number, most)
