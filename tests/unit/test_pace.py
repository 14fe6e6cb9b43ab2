# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request budget on networks of all kinds, in simulated time (docs/api.md: tenant.limit): the tenant allows 10 requests per second."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from simulated_tenant import Sent, Ways, World, changing, network

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.pace import Pace, State
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.state_text import as_text, from_text
from starting import IN_CI

LOOPBACK, NEAR, FAR, FARTHEST = network(0.002, 0.002), network(0.06, 0.015), network(0.4, 0.1), network(1.5)


def sent(
    ways: Ways,
    *,
    fixed: bool = False,
    seed: int = 1,
    processes: int = 4,
    clocks: tuple[float, ...] = (),
    setup: float = 0.0,
    starting: float = 0.0,
    accepting: float = 0.0,
    arrange: Callable[[World], None] = lambda _world: None,
) -> Sent:
    """800 requests of this number of processes. clocks: the error of each one's clock; processes with equal errors share a machine."""
    world, state = World(ways, fixed=fixed, seed=seed, setup=setup, starting=starting, accepting=accepting), State()
    arrange(world)
    for number in range(processes):
        clock = clocks[number] if clocks else 0.0
        world.process(state, 800 // processes, clock=clock, host=f"clock {clock}")
    found = world.run()
    assert found.requests == 800
    return found


@pytest.mark.parametrize("fixed", [False, True], ids=["sliding", "fixed"])
@pytest.mark.parametrize(
    ("ways", "least", "refused"),
    [(LOOPBACK, 9.9, 0), (NEAR, 9.8, 0), (FAR, 9.0, 1), (FARTHEST, 9.8, 0), (network(1.5, 0.1), 9.0, 0)],
    ids=["loopback", "60 ms", "0.4 s and 0.1 s jitter each way", "1.5 s", "1.5 s and jitter"],
)
def test_nearly_all_of_the_budget_is_used_however_far_the_tenant_is(ways: Ways, least: float, refused: int, fixed: bool) -> None:
    for seed in (1, 2) if IN_CI else (1,):
        found = sent(ways, fixed=fixed, seed=seed)
        assert found.rate >= least
        assert found.refused <= refused
        # By turns, so that none is left behind.
        assert set(found.by_process.values()) == {200}


def test_with_response_times_alone_a_distant_tenant_is_slow() -> None:
    """The same simulation with slots that are free one window after their response: this shows what departures gain."""

    def answers(world: World) -> None:
        world.answer_based = True

    assert 6.5 < sent(FAR, arrange=answers).rate < 6.9
    assert 3.9 < sent(FARTHEST, arrange=answers).rate < 4.1


def test_one_process_with_enough_threads_is_as_fast() -> None:
    assert sent(FAR, processes=1).rate >= 9.0


@pytest.mark.parametrize(
    ("ways", "least", "refused"),
    [
        (network(0.4, 0.2, back=0.0), 8.1, 5),
        (network(0.4, 0.0, back=0.2), 9.1, 0),
        (changing(NEAR, FAR, 1020), 9.0, 1),
        (changing(FAR, NEAR, 1020), 9.3, 4),
        (changing(network(1.5, 0.1), NEAR, 1020), 9.4, 11),
    ],
    ids=["jitter outward alone", "jitter on the way back alone", "the tenant goes away", "the tenant comes near", "and from very far"],
)
def test_differences_that_round_trips_do_not_show_cost_little(ways: Ways, least: float, refused: int) -> None:
    found = sent(ways)
    assert found.rate >= least
    assert found.refused <= refused


def test_a_busy_machine_causes_few_refusals() -> None:
    """Delays of 15 ms each way on average and sometimes far more, as with more runs than processors."""
    found = sent(lambda luck, _now: (0.002 + luck.expovariate(66), 0.002 + luck.expovariate(66)))
    assert found.rate >= 9.5
    assert found.refused == 0


@pytest.mark.parametrize("processes", [1, 4])
def test_slow_first_requests_do_not_count_as_the_network(processes: int) -> None:
    """The first request of each thread takes up to 0.7 s more in a process that starts; the network itself has no spread."""
    found = sent(FARTHEST, processes=processes, starting=0.7)
    assert found.rate >= 9.4
    assert found.refused == 0


@pytest.mark.parametrize("processes", [1, 4])
def test_processes_that_start_together_are_not_refused(processes: int) -> None:
    """They delay each other, and the tenant accepts their connections one after the other: no early trip shows how short a trip can be."""
    for seed in range(1, 9):
        found = sent(LOOPBACK, processes=processes, accepting=0.12, seed=seed)
        assert found.rate >= 9.9
        assert found.refused == 0


def test_occasional_delays_of_a_machine_cause_no_refusal() -> None:
    """One request in a hundred leaves, and one comes back, up to 0.1 s late: too few to widen the margin."""

    def hesitating(luck: random.Random, _now: float) -> tuple[float, float]:
        out, back = (0.001 + luck.uniform(0, 0.002) + (luck.uniform(0.02, 0.1) if luck.random() < 0.01 else 0.0) for _way in range(2))
        return out, back

    for seed in (1, 2, 3):
        found = sent(hesitating, seed=seed, processes=1)
        assert found.rate >= 9.9
        assert found.refused == 0


def test_making_a_connection_is_not_a_departure() -> None:
    """Three round trips pass before the first request of a thread leaves; as departures they would let all arrive at once."""
    assert sent(FAR, setup=3).refused <= 2
    assert sent(network(1.5, 0.1), setup=3).refused <= 2


def test_slow_responses_do_not_widen_the_margins() -> None:
    """Every third request, for example an update, takes the tenant two seconds."""

    def works(world: World) -> None:
        world.work = lambda number: 2.0 if number % 3 == 0 else 0.0

    found = sent(NEAR, arrange=works)
    assert found.rate >= 9.7
    assert found.refused <= 1


@pytest.mark.parametrize("fixed", [False, True], ids=["sliding", "fixed"])
def test_another_client_with_half_of_the_budget_leaves_most_of_the_other_half(fixed: bool) -> None:
    found = sent(NEAR, fixed=fixed, arrange=lambda world: world.stranger(5, 0, 400))
    assert found.rate >= 3.5
    assert found.refused <= 20


def test_two_machines_share_one_budget() -> None:
    found = sent(NEAR, clocks=(0.0, 0.0001, 0.0, 0.0001))
    assert found.refused == 0
    assert found.rate >= 9.4


def test_clocks_that_are_100_ms_apart_cost_a_few_refusals() -> None:
    found = sent(NEAR, clocks=(0.0, 0.1, 0.0, 0.1))
    assert found.refused <= 4
    assert found.rate >= 9.0


def used(state: State, pace: Pace, *, left: float | None, answered: float | None, fresh: bool = False) -> float:
    """When a slot that was taken at 100 is free."""
    state.slots = []
    assert pace.take(state, "x", 100.0) == 0
    if left is not None:
        pace.departed(state, "x", left, fresh=fresh)
    if answered is not None:
        pace.answered(state, "x", answered, trip=None)
    return pace.free_at(state, state.slots[0], 100.0)


def test_a_slot_is_never_free_later_than_one_window_after_the_response() -> None:
    pace, known = Pace(1, "here"), State(trips=[0.4, 0.6] * 5)
    for state in (State(), known, State(trips=[0.0001, 4.0] * 50, wide=8.0, refused_at=100.0)):
        for late in (0.0001, 0.001, 0.3, 0.41, 0.6, 2.0, 60.0):
            assert used(state, pace, left=100.0, answered=100 + late) <= 101 + late
            assert used(state, pace, left=None, answered=100 + late) == 101 + late
            assert used(state, pace, left=100.0, answered=100 + late) >= 101


ODD = ["1e400", "-1e400", "1e308", "-1e308", "NaN", "-5", "null", '"x"', "[]", "1000059"]


@pytest.mark.parametrize("name", ["not_before", "refused_at", "wide", "cut", "cut_at"])
def test_no_number_in_a_state_that_others_wrote_stops_anybody(name: str) -> None:
    slots = ",".join(f'["a{number}","other",1000000,1000000,1000000.1,false]' for number in range(8))
    whole = {member: json.dumps(value) for member, value in json.loads(as_text(State(refused_at=1_000_000.0))).items()}
    whole["slots"] = f"[{slots}]"
    for odd in ODD:
        text = ",".join(f'"{member}":{value}' for member, value in {**whole, name: odd}.items())
        text, now, pace = f"{{{text}}}", 1_000_000.0, Pace(8, "here")
        taken: list[float] = []
        while len(taken) < 30 and now < 1_000_180:
            state = from_text(text, pace.window, now)
            delay = pace.take(state, f"me{len(taken)}", now)
            text = as_text(state)
            taken += [now] if delay <= 0 else []
            now += max(delay, 0.0)
        assert len(taken) == 30, odd
        assert all(later - first >= 0.999 for first, later in zip(taken, taken[8:])), odd


def test_the_smaller_bound_counts() -> None:
    pace, known, none = Pace(1, "here"), State(trips=[0.4, 0.6] * 10), State()
    assert used(none, pace, left=100.0, answered=None) == 106
    assert used(none, pace, left=None, answered=None) == 106
    assert used(none, pace, left=100.0, answered=100.5) == 101.5
    # Half of the spread of 0.2 s, or what it took longer than the shortest; and 10 ms.
    assert used(known, pace, left=100.0, answered=None) == pytest.approx(101.11)
    assert used(known, pace, left=100.0, answered=100.6) == pytest.approx(101.11)
    assert used(known, pace, left=100.0, answered=100.45) == pytest.approx(101.06)
    assert used(known, pace, left=100.2, answered=100.6) == pytest.approx(101.21)
    # On another machine the clock may differ.
    assert Pace(1, "there").free_at(known, known.slots[0], 100.0) == pytest.approx(101.26)
    # On a new connection 0.3 s are allowed for. The first ten trips do not show how short one can be.
    assert used(known, pace, left=100.0, answered=100.6, fresh=True) == pytest.approx(101.21)
    first = State(trips=[0.4, 0.6] * 5)
    assert used(first, pace, left=100.0, answered=100.6, fresh=True) == pytest.approx(101.31)
    assert used(first, pace, left=100.0, answered=100.05) == pytest.approx(101.05)


def test_a_new_connection_may_show_how_short_a_trip_can_be_but_not_how_long() -> None:
    pace, state = Pace(10, "here"), State(trips=[0.4] * 10)
    for trip in (0.9, 0.3, 0.35):
        pace.answered(state, "x", 100.0, trip=trip, fresh=True)
    assert state.trips[10:] == [0.3]


def test_a_refusal_widens_the_margins_which_slowly_narrow_again() -> None:
    pace, state = Pace(10, "here"), State(trips=[0.4, 0.6] * 5)
    assert pace.margin(state, 100.0) == pytest.approx(0.1)
    pace.refused(state, 100.0, 1.0, 100.0)
    assert pace.margin(state, 101.0) == pytest.approx(0.2)
    assert 0.1 < (pace.margin(state, 131.0) or 0) < 0.2
    assert pace.margin(state, 161.0) == pytest.approx(0.1)
