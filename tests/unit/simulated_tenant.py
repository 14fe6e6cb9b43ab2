# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulates, event by event, processes that share a budget, the network to a tenant and its limit. Each run is the same."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import math
import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.pace import Pace, State

# The seconds to the tenant and back, for a request that leaves at this time.
Ways = Callable[[random.Random, float], tuple[float, float]]


def network(there_and_back: float, jitter: float = 0.0, *, back: float | None = None) -> Ways:
    """A network with half of the round trip each way, and up to this jitter each way (back: another jitter on the way back)."""
    return lambda luck, _now: (
        there_and_back / 2 + luck.uniform(0, jitter),
        there_and_back / 2 + luck.uniform(0, jitter if back is None else back),
    )


def changing(first: Ways, then: Ways, at: float) -> Ways:
    return lambda luck, now: (first if now < at else then)(luck, now)


@dataclasses.dataclass
class Sent:
    """The result of a run. rate: accepted requests of these processes per second."""

    requests: int
    refused: int
    took: float
    waits: list[float]
    by_process: Counter[int]
    refused_at: list[float]

    @property
    def rate(self) -> float:
        return self.requests / self.took


@dataclasses.dataclass
class Process:
    """clock: by how many seconds its clock is off.
    busy: how many seconds its machine takes at most from a slot to the request, and from the response to the state.
    asking: for each idle thread, since when it has been waiting to send, and whether its connection has yet to be made.
    """

    number: int
    pace: Pace
    state: State
    left: int
    clock: float
    busy: float
    asking: deque[tuple[float, bool]]
    looks_again: float = 0.0


class Limit:
    def __init__(self, per_second: int, *, fixed: bool) -> None:
        self.per_second, self.fixed, self.taken = per_second, fixed, deque[float]()

    def take(self, now: float) -> float | None:
        """None, or the seconds until a request is accepted; as in tests/tenant/limit.py."""
        opened = math.floor(now) if self.fixed else now - 1
        while self.taken and (self.taken[0] < opened if self.fixed else self.taken[0] <= opened):
            self.taken.popleft()
        if len(self.taken) < self.per_second:
            self.taken.append(now)
            return None
        return opened + 1 - now if self.fixed else self.taken[-self.per_second] + 1 - now


class World:
    """per_second: the tenant's limit. setup: round trips for a connection, before the first request of each thread.

    starting: by how many seconds, at most, the first request of each thread takes longer to come back.
    accepting: by how many seconds, at most, the first request of each thread arrives later and comes back later, in the first second.
    """

    def __init__(
        self,
        ways: Ways,
        *,
        per_second: int = 10,
        fixed: bool = False,
        seed: int = 1,
        setup: float = 0.0,
        starting: float = 0.0,
        accepting: float = 0.0,
    ) -> None:
        self.starting, self.accepting = starting, accepting
        self.ways, self.luck, self.setup = ways, random.Random(seed), setup
        self.limit = Limit(per_second, fixed=fixed)
        self.now = 1000.0
        self.events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.order = itertools.count()
        self.processes: list[Process] = []
        self.sent = Sent(0, 0, 0.0, [], Counter(), [])
        # How many seconds the tenant works on a request after it has counted it.
        self.work: Callable[[int], float] = lambda _number: 0.0
        # Departures are not recorded, so a slot is free one window after its response.
        self.answer_based = False
        self.last = 0.0

    def at(self, when: float, what: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self.events, (when, next(self.order), what, args))

    def process(
        self, state: State, requests: int, *, threads: int = 16, clock: float = 0.0, host: str = "here", busy: float = 0.0005
    ) -> None:
        """Sends this number of requests, as many at once as it has threads."""
        asking = deque([(self.now, True)] * min(threads, requests))
        one = Process(len(self.processes), Pace(10, host), state, requests - len(asking), clock, busy, asking)
        self.processes.append(one)
        self.at(self.now, self.look, one)

    def stranger(self, per_second: float, start: float, end: float) -> None:
        """Another client of the tenant, which does not share the budget."""
        for number in range(int((end - start) * per_second)):
            self.at(self.now + start + number / per_second, lambda: self.limit.take(self.now))

    def run(self) -> Sent:
        began = self.now
        while self.events:
            self.now, _order, what, args = heapq.heappop(self.events)
            what(*args)
        self.sent.took = self.last - began
        return self.sent

    def look(self, one: Process) -> None:
        """The next thread asks for a slot."""
        if not one.asking or one.looks_again > self.now:
            return
        asked, fresh = one.asking[0]
        ticket = f"{one.number}"
        delay = one.pace.take(one.state, ticket, self.now + one.clock)
        if delay > 0:
            one.looks_again = self.now + delay
            self.at(self.now + delay, self.look, one)
            return
        one.asking.popleft()
        ticket = f"{one.number}.{next(self.order)}"
        one.state.slots[-1].ticket = ticket
        self.sent.waits.append(self.now - asked)
        self.at(self.now + self.luck.uniform(0, one.busy), self.leave, one, ticket, self.now + one.clock, fresh)
        if one.asking:
            self.at(self.now, self.look, one)

    def leave(self, one: Process, ticket: str, granted: float, fresh: bool, connected: bool = False) -> None:
        out, back = self.ways(self.luck, self.now)
        if fresh and self.setup and not connected:
            self.at(self.now + self.setup * (out + back), self.leave, one, ticket, granted, True, True)
            return
        if not self.answer_based:
            one.pace.departed(one.state, ticket, self.now + one.clock, fresh=fresh)
        if fresh and self.starting:
            back += self.luck.uniform(0, self.starting)
        if fresh and self.accepting and self.now < 1001:
            out, back = (way + self.luck.uniform(0, self.accepting) for way in (out, back))
        self.at(self.now + out, self.arrive, one, ticket, granted, self.now, back, fresh)

    def arrive(self, one: Process, ticket: str, granted: float, left: float, back: float, fresh: bool) -> None:
        wait = self.limit.take(self.now)
        if wait is None:
            self.sent.requests += 1
            self.sent.by_process[one.number] += 1
            self.last = self.now
        work = self.work(self.sent.requests) if wait is None else 0.0
        answered = self.now + back + work + self.luck.uniform(0, one.busy)
        self.at(answered, self.answer, one, ticket, granted, left, wait, work, fresh)

    def answer(
        self, one: Process, ticket: str, granted: float, left: float, wait: float | None, work: float, fresh: bool
    ) -> None:
        now = self.now + one.clock
        one.pace.answered(one.state, ticket, now, trip=self.now - left if not work else None, fresh=fresh)
        if wait is not None:
            self.sent.refused += 1
            self.sent.refused_at.append(self.now - 1000)
            one.pace.refused(one.state, granted, float(max(1, math.ceil(wait))), now)
        elif one.left > 0:
            one.left -= 1
        else:
            return
        one.asking.append((self.now, False))
        self.at(self.now, self.look, one)
