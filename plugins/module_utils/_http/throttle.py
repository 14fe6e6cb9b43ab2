# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a slot of the tenant's request budget.

Private to the collection, floor 1.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
import typing as t
import uuid

from .._errors import BusyError
from .lock import not_shared
from .pace import Pace, State, Used
from .state_text import as_text, from_text
from .stores import FolderStore, Moment, OwnStore, Server, ServerStore, Store

LONGEST_WAIT = 900.0
T = t.TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Slot:
    """The permission to send one request.

    granted: when, in seconds of the monotonic clock.
    waited: seconds that it took.
    at: when it was granted, by the clock of all processes that share the budget.
    """

    ticket: str
    granted: float
    waited: float
    at: float = 0.0


class Throttle:
    """Grants slots so that at most per_second requests reach the tenant in any second, from all processes
    that share the budget.

    First come, first served; each process queues once, however many threads it has. The state of the budget
    is kept on the server if there is one, else in the directory. If that is or becomes impossible, the next
    best place is used: the directory, then this process alone; `warnings` gets a line.
    tenant: host and port; each has its own budget.
    per_second: 0.5 means one request in two seconds.
    clock: returns seconds of the wall clock.
    waits, seconds: how many times and how long this process waited for a slot.
    Raises InputError if the library for the server is missing.
    """

    def __init__(
        self,
        directory: str,
        tenant: str,
        per_second: float,
        *,
        server: Server | None = None,
        clock: t.Callable[[], float] | None = None,
    ) -> None:
        self.waits, self.seconds = 0, 0.0
        self.warnings: list[str] = []
        self._directory, self._tenant, self._server = directory, tenant, server
        self._clock = clock or time.time
        # Ticket of each slot whose request has no response yet: when it left, by the monotonic clock.
        self._open: dict[str, float | None] = {}
        # The slots of requests that are the first on their connection.
        self._fresh: set[str] = set()
        self._turn, self._state_lock = threading.Lock(), threading.Lock()
        self._store: Store = ServerStore(server, tenant) if server else self._nearest()
        self.pace = Pace(per_second, self._store.host)
        # Whether the state contains the slots that this process has used; None if it has used none yet.
        self._known: bool | None = None

    def _nearest(self) -> Store:
        try:
            return FolderStore(self._directory, self._tenant, self._clock)
        except OSError as exc:
            return self._alone(exc)

    def _alone(self, exc: OSError) -> Store:
        self.warnings.append(not_shared(self._directory, exc))
        return OwnStore(self._clock)

    def _lost(self, exc: OSError) -> None:
        """Continue with the next best store."""
        if isinstance(self._store, ServerStore):
            self.warnings.append(
                f"the request budget at rate_limit_url ({self._server}) cannot be used ({exc}): for the rest "
                "of this task this machine keeps to requests_per_second on its own, so that several "
                "machines together may ask for more than the tenant allows, and wait when it refuses. Let "
                "all jobs reach the server."
            )
            self._store = self._nearest()
        else:
            self._store = self._alone(exc)
        self.pace.host = self._store.host
        self._known = None if self._known is None else False

    def _change(self, work: t.Callable[[State, Moment], T]) -> T:
        """The result of work, which changes the state while no other process does. It may be called more than
        once, each time with the current state.
        """
        with self._state_lock:
            while True:
                try:
                    result = self._store.change(functools.partial(self._changed, work))
                except OSError as exc:
                    self._lost(exc)
                else:
                    self._known = True
                    return result

    def _changed(self, work: t.Callable[[State, Moment], T], text: str, moment: Moment) -> tuple[str, T]:
        state = from_text(text, self.pace.window, moment.begun)
        # An empty file proves nothing: files are also empty on a full disk.
        forgotten = self._known and not text and isinstance(self._store, ServerStore)
        if self._known is False or forgotten:
            # Another store, or one that has lost the state: the requests of this process in the last window
            # still count at the tenant, and so will those that it is about to send.
            state.not_before = max(state.not_before, moment.ended + self.pace.window)
            recorded = {used.ticket for used in state.slots}
            missing = [ticket for ticket in list(self._open) if ticket not in recorded]
            state.slots += [Used(ticket, self._store.host, moment.ended) for ticket in missing]
        result = work(state, moment)
        return as_text(state), result

    def wait(self, refuse: t.Callable[[], None] = lambda: None) -> Slot:
        """Wait until the next request may be sent. Call departed() when it leaves, and answered() at its end.

        refuse: called before each attempt to get a slot; its exceptions end the wait.
        Raises BusyError after LONGEST_WAIT.
        """
        began, ticket = time.monotonic(), uuid.uuid4().hex[:12]
        with self._turn:
            asked = time.monotonic()
            while True:
                refuse()
                delay, at = self._change(functools.partial(self._take, ticket))
                now = time.monotonic()
                if delay <= 0:
                    break
                if now - asked > LONGEST_WAIT:
                    raise BusyError(
                        f"no request could be sent for {LONGEST_WAIT:.0f} s, since other processes use up "
                        "requests_per_second. Run fewer of them at once."
                    )
                time.sleep(delay)
            if now - asked > 0.001:
                self.waits += 1
                self.seconds += now - asked
        return Slot(ticket, now, now - began, at)

    def _take(self, ticket: str, state: State, moment: Moment) -> tuple[float, float]:
        # With the earliest time that it may be now: the request leaves later than that.
        delay = self.pace.take(state, ticket, moment.begun)
        if delay <= 0:
            self._open[ticket] = None
        else:
            self._open.pop(ticket, None)
        return delay, moment.begun

    def departed(self, slot: Slot, fresh: bool = False) -> None:
        """Note that the request of this slot begins to be sent, over an established connection. Optional.

        fresh: whether it is the first request on its connection.
        """
        self._change(lambda state, moment: self.pace.departed(state, slot.ticket, moment.ended, fresh=fresh))
        self._open[slot.ticket] = time.monotonic()
        if fresh:
            self._fresh.add(slot.ticket)

    def answered(self, slot: Slot, *, quick: bool = False) -> None:
        """Note that the response to the request of this slot has arrived, or that it was given up.

        quick: whether the tenant responded without much work, so that the time is that of a round trip.
        """
        left, now = self._open.get(slot.ticket), time.monotonic()
        trip = now - left if quick and left is not None else None
        fresh = slot.ticket in self._fresh
        self._change(
            lambda state, moment: self.pace.answered(state, slot.ticket, moment.ended, trip=trip, fresh=fresh)
        )
        self._open.pop(slot.ticket, None)
        self._fresh.discard(slot.ticket)

    def hold(self, seconds: float, slot: Slot) -> None:
        """The tenant refused the request of this slot because its limit was exceeded: nobody sends for this
        many seconds, and requests keep wider margins afterwards.
        """
        self._change(lambda state, moment: self.pace.refused(state, slot.at, seconds, moment.ended))

    def trip(self) -> float:
        """How long a response takes, in seconds; 0.0 while unknown."""
        return self._change(
            lambda state, _moment: sorted(state.trips)[len(state.trips) // 2] if state.trips else 0.0
        )
