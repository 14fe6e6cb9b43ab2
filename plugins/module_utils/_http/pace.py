# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides when a slot of the request budget is free again: arithmetic on a state, without clocks and files.

Private to the collection, floor 1.
"""

from __future__ import annotations

import dataclasses
import math

# The tenant counts requests per second.
WINDOW = 1.0
# Upper limit for Retry-After, in seconds.
LONGEST_HOLD = 60.0
# Seconds after which a slot is free even without a response: the request has reached the tenant, or its
# process is dead.
LONGEST_FLIGHT = 5.0
# Maximum seconds between two checks of a waiting process, and by which it may be late before it counts as
# dead.
_LONGEST_SLEEP = 2.0
_GRACE = 3.0
# Number of round trips that are remembered, and the minimum to know their spread; the longest of each hundred
# is ignored.
_TRIPS, _ENOUGH, _OUTLIERS = 200, 10, 100
# Seconds: how long a busy machine may take to send a request after noting its departure; by how much two
# clocks may differ.
_LEAST_MARGIN, _SKEW = 0.01, 0.05
# A request that took up to this many seconds longer than the shortest is allowed for completely, whatever the
# margin: a busy machine delays a few requests by that much, and it costs little.
_ALWAYS_ALLOWED = 0.1
# The same for the first request on a connection: processes that start together delay each other, and the
# tenant accepts their connections one after the other.
_ALLOWED_WHEN_NEW = 0.3
# Each refusal doubles the margins, up to this factor; they are halved after this many windows without one.
WIDEST, _NARROWER_WINDOWS = 8.0, 60
# A second refusal within the first number of windows means that others use the budget: half of the slots are
# withheld, and one is given back each time the second number of windows has passed.
_SOON_WINDOWS, _RECOVERY_WINDOWS = 3, 5


@dataclasses.dataclass
class Used:
    """One use of a slot. Times are in seconds of the host's wall clock.

    host: the machine or server whose clock it is.
    granted: when the slot was taken.
    departed: when its request left; None while it has not, or if that time says nothing.
    answered: when the response had arrived, or the request was given up; None until then.
    fresh: whether it is the first request on its connection.
    """

    ticket: str
    host: str
    granted: float
    departed: float | None = None
    answered: float | None = None
    fresh: bool = False


@dataclasses.dataclass
class State:
    """The state that the processes of one budget share.

    slots: those that are not free.
    queue: (ticket, when its process counts as dead).
    trips: seconds from departure to response, the newest last.
    not_before: nobody sends until then.
    refused_at: the end of the last hold.
    wide: the factor of the margins at that time.
    cut, cut_at: how many slots were withheld, and since when they are given back.
    """

    slots: list[Used] = dataclasses.field(default_factory=list)
    queue: list[tuple[str, float]] = dataclasses.field(default_factory=list)
    trips: list[float] = dataclasses.field(default_factory=list)
    not_before: float = 0.0
    refused_at: float = 0.0
    wide: float = 1.0
    cut: int = 0
    cut_at: float = 0.0


class Pace:
    """At most `burst` requests reach the tenant in any `window` seconds.

    Let a request leave at d1 and take o1 seconds to the tenant, and the next request of its slot d2 and o2.
    They arrive at least a window apart if d2 >= d1 + window + (o1 - o2). o1 and o2 cannot be measured, but
    o1 - o2 can be bounded by the round trips: it is at most r1, the round trip of the first, less the
    shortest one; and about half of their spread, since both directions vary. So a slot is free one window,
    plus the smaller of these two, plus a small margin, after its request left. It is never free later than
    one window after the response, which is always safe; and while too few round trips are known, exactly
    then.
    """

    def __init__(self, per_second: float, host: str) -> None:
        self.burst = max(1, int(per_second * WINDOW))
        self.window = self.burst / per_second
        self.host = host

    def take(self, state: State, ticket: str, now: float) -> float:
        """Take a slot, or a place in the queue. Returns 0.0, or the seconds after which to try again."""
        state.slots = [used for used in state.slots if self.free_at(state, used, now) > now]
        state.queue = [
            (waiting, dead_at) for waiting, dead_at in state.queue if dead_at > now or waiting == ticket
        ]
        tickets = [waiting for waiting, _dead_at in state.queue]
        place = tickets.index(ticket) if ticket in tickets else len(tickets)
        free = self.burst - self._cut(state, now) - len(state.slots)
        if now >= state.not_before and place < free:
            state.queue = [entry for entry in state.queue if entry[0] != ticket]
            state.slots.append(Used(ticket, self.host, now))
            return 0.0
        ends = sorted(self._look_at(state, used, now) for used in state.slots) or [now]
        missing = max(0, place - free)
        at = max(state.not_before, ends[missing % len(ends)] + (missing // len(ends)) * self.window)
        delay = min(max(at - now, 0.001), _LONGEST_SLEEP)
        state.queue[place : place + 1] = [(ticket, now + delay + _GRACE)]
        return delay

    def departed(self, state: State, ticket: str, now: float, *, fresh: bool = False) -> None:
        """Note that the request begins to be sent, over an established connection.

        fresh: whether it is the first one on it.
        """
        for used in state.slots:
            if used.ticket == ticket:
                used.departed, used.fresh = now, fresh

    def answered(
        self, state: State, ticket: str, now: float, *, trip: float | None, fresh: bool = False
    ) -> None:
        """Note that the response has arrived, or that the request was given up.

        trip: seconds of its round trip; None if the tenant took time to respond.
        fresh: whether it was the first request on its connection, which takes longer in a process that has
            just started: its trip counts only while too few others are known, or as the shortest.
        """
        for used in state.slots:
            if used.ticket == ticket:
                used.answered = now
        if trip is None:
            return
        if not fresh or len(state.trips) < _ENOUGH or trip < min(state.trips):
            state.trips = [*state.trips, trip][-_TRIPS:]

    def refused(self, state: State, granted: float, seconds: float, now: float) -> None:
        """The tenant refused a request because its limit was exceeded: nobody sends for this many seconds.

        granted: when the slot of that request was taken.
        """
        state.not_before = max(state.not_before, now + seconds)
        # Requests that were underway together are refused together; that counts once.
        if granted < state.refused_at:
            return
        cut = self._cut(state, now)
        if cut or granted < state.refused_at + _SOON_WINDOWS * self.window:
            state.cut = min(self.burst - 1, cut + math.ceil((self.burst - cut) / 2))
            state.cut_at = state.not_before
        state.wide, state.refused_at = min(WIDEST, 2 * self._wide(state, now)), state.not_before

    def margin(self, state: State, now: float) -> float | None:
        """By how many seconds the ways of two requests to the tenant may differ, judged by the spread of the
        round trips; None while too few are known.
        """
        if len(state.trips) < _ENOUGH:
            return None
        # The first ones are those of new connections.
        trips = sorted(state.trips[_ENOUGH:] if len(state.trips) >= 2 * _ENOUGH else state.trips)
        longest = trips[-1 - len(trips) // _OUTLIERS]
        return self._wide(state, now) * (longest - trips[0]) / 2

    def free_at(self, state: State, used: Used, now: float) -> float:
        """When the slot is free again, as far as known."""
        wide = self._wide(state, now)
        window = self.window + (0.0 if used.host == self.host else wide * _SKEW)
        if used.departed is None:
            return window + (used.granted + LONGEST_FLIGHT if used.answered is None else used.answered)
        margin = self.margin(state, now)
        if used.answered is None:
            late = LONGEST_FLIGHT if margin is None else min(LONGEST_FLIGHT, margin + wide * _LEAST_MARGIN)
            return window + used.departed + late
        trip = used.answered - used.departed
        if margin is None:
            return window + used.answered
        # All of the first ones may have taken too long.
        later = state.trips[_ENOUGH:]
        excess = trip - min(later) if later else trip
        allowed = max(margin, _ALLOWED_WHEN_NEW if used.fresh else _ALWAYS_ALLOWED)
        late = min(allowed, wide * max(0.0, excess)) + wide * _LEAST_MARGIN
        return window + used.departed + min(trip, late)

    def _look_at(self, state: State, used: Used, now: float) -> float:
        """When to check the slot again: a response may come at any moment and free it earlier."""
        at = self.free_at(state, used, now)
        if used.answered is not None:
            return at
        left = used.departed
        if left is None or len(state.trips) < _ENOUGH:
            return min(at, now + self.window)
        return left + self.window if left + self.window > now else at

    def _wide(self, state: State, now: float) -> float:
        passed = max(0.0, now - state.refused_at)
        return max(1.0, state.wide * math.pow(0.5, passed / (_NARROWER_WINDOWS * self.window)))

    def _cut(self, state: State, now: float) -> int:
        passed = max(0.0, now - state.cut_at)
        return max(
            0,
            min(state.cut, self.burst - 1) - int(min(self.burst, passed / (_RECOVERY_WINDOWS * self.window))),
        )
