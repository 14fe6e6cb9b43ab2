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
# Seconds after which a slot without a response is free anyway: the request has reached the tenant, or its
# process is dead.
LONGEST_FLIGHT = 5.0
# Maximum seconds between checks of a waiting process, and by which it may be late before it counts as dead.
_LONGEST_SLEEP = 2.0
_GRACE = 3.0
# Number of remembered round trips, and the minimum to know their spread; the longest of each hundred is
# ignored.
_TRIPS, _ENOUGH, _OUTLIERS = 200, 10, 100
# Seconds: what a busy machine puts between noting that a request leaves and its leaving; by how much two
# clocks may differ.
_LEAST_MARGIN, _SKEW = 0.01, 0.05
# A request that took up to so many seconds longer than the shortest is allowed for in full, whatever the
# margin: a busy machine delays a few requests by that much, and it costs little.
_ALWAYS_ALLOWED = 0.1
# Each refusal doubles the margins up to this factor; they are halved after this many windows without one.
_WIDEST, _NARROWER_WINDOWS = 8.0, 60
# A second refusal within so many windows means that others use the budget: half of the slots are withheld,
# and one comes back each time so many windows have passed.
_SOON_WINDOWS, _RECOVERY_WINDOWS = 3, 5


@dataclasses.dataclass
class Used:
    """One use of a slot.

    host: who counts its times, in seconds of the wall clock.
    granted: when it was taken.
    departed: when its request left, None while a connection is made or when that says nothing.
    answered: when the answer was there, None until then.
    """

    ticket: str
    host: str
    granted: float
    departed: float | None = None
    answered: float | None = None


@dataclasses.dataclass
class State:
    """The state that the processes of one budget share.

    slots: those that are not free.
    queue: [ticket, taken for dead at].
    trips: seconds from departure to answer, the newest last.
    not_before: nobody sends until then.
    refused_at: the end of the last hold.
    wide: how many times the margins were then.
    cut, cut_at: how many slots were withheld, and since when they come back.
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

    A request that leaves at d1 and takes o1 to the tenant, and the next one of its slot, at d2 and with o2,
    are a window apart there when d2 >= d1 + window + (o1 - o2). Nobody sees o1 and o2, but what they can
    differ by is known from the round trips r: it is at most r1 less the shortest round trip, and about half
    of their spread, since what varies does so on both ways. So a slot is free one window, the smaller of the
    two, and a little, after its request left; never later than one window after the answer, which is safe
    whatever happens on the way; and while too few round trips are known, just then.
    """

    def __init__(self, per_second: float, host: str) -> None:
        self.burst = max(1, int(per_second * WINDOW))
        self.window = self.burst / per_second
        self.host = host

    def take(self, state: State, ticket: str, now: float) -> float:
        """Take a slot (0.0) or a place in the queue; returns the seconds after which to look again."""
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

    def departed(self, state: State, ticket: str, now: float) -> None:
        """The request begins to be sent, over an established connection."""
        for used in state.slots:
            if used.ticket == ticket:
                used.departed = now

    def answered(
        self, state: State, ticket: str, now: float, *, trip: float | None, fresh: bool = False
    ) -> None:
        """The request was answered, or given up.

        trip: its way there and back in seconds, where that is all that the time went into.
        fresh: it was the first request on its connection, which takes longer where a process has just
            started; its trip counts only while too few others are known.
        """
        for used in state.slots:
            if used.ticket == ticket:
                used.answered = now
        if trip is not None and not (fresh and len(state.trips) >= _ENOUGH):
            state.trips = [*state.trips, trip][-_TRIPS:]

    def refused(self, state: State, granted: float, seconds: float, now: float) -> None:
        """The tenant refused a request of a slot granted then, because its limit was exceeded: nobody sends
        for this many seconds.
        """
        state.not_before = max(state.not_before, now + seconds)
        # Requests that were underway together are refused together, which counts once.
        if granted < state.refused_at:
            return
        cut = self._cut(state, now)
        if cut or granted < state.refused_at + _SOON_WINDOWS * self.window:
            state.cut, state.cut_at = (
                min(self.burst - 1, cut + math.ceil((self.burst - cut) / 2)),
                state.not_before,
            )
        state.wide, state.refused_at = min(_WIDEST, 2 * self._wide(state, now)), state.not_before

    def margin(self, state: State, now: float) -> float | None:
        """By how much two ways to the tenant may differ, in seconds, as far as the spread of the round trips
        tells; None: not known yet.
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
            return (
                window
                + used.departed
                + (LONGEST_FLIGHT if margin is None else min(LONGEST_FLIGHT, margin + wide * _LEAST_MARGIN))
            )
        trip = used.answered - used.departed
        if margin is None:
            return window + used.answered
        late = (
            min(max(margin, _ALWAYS_ALLOWED), wide * max(0.0, trip - min(state.trips))) + wide * _LEAST_MARGIN
        )
        return window + used.departed + min(trip, late)

    def _look_at(self, state: State, used: Used, now: float) -> float:
        """When it pays to look at the slot again: an answer may come at any moment, and free it earlier than
        is known now.
        """
        at = self.free_at(state, used, now)
        if used.answered is not None:
            return at
        left = used.departed
        if left is None or len(state.trips) < _ENOUGH:
            return min(at, now + self.window)
        return left + self.window if left + self.window > now else at

    def _wide(self, state: State, now: float) -> float:
        return max(
            1.0,
            state.wide * math.pow(0.5, max(0.0, now - state.refused_at) / (_NARROWER_WINDOWS * self.window)),
        )

    def _cut(self, state: State, now: float) -> int:
        passed = max(0.0, now - state.cut_at)
        return max(0, min(state.cut, self.burst - 1) - int(passed / (_RECOVERY_WINDOWS * self.window)))
