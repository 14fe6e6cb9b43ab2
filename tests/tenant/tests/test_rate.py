# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rate limit of ten requests a second for the whole tenant, on a clock that tests move."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from tenant.server import EmbeddedTenant

from .calling import INSTANCES, Caller, SteppedClock

Start = Callable[..., EmbeddedTenant]


def statuses(caller: Caller, count: int) -> list[int]:
    return [caller.get(INSTANCES).status_code for _unused in range(count)]


def test_the_eleventh_in_a_second_is_refused(timed: Start) -> None:
    caller = Caller(timed())
    assert statuses(caller, 10) == [200] * 10
    reply = caller.get(INSTANCES)
    assert reply.status_code == 429
    assert reply.json() == {"reply": {"err_code": 429, "err_msg": "Too many requests.", "err_extra": None}}
    assert "Retry-After" not in reply.headers


def test_the_tenant_counts_for_all_its_callers(timed: Start) -> None:
    tenant = timed(rate=2)
    callers = [Caller(tenant), Caller(tenant, "viewer_standard"), Caller(tenant, "admin_standard")]
    assert [caller.get(INSTANCES).status_code for caller in callers] == [200, 200, 429]


def test_failed_authentication_and_unknown_paths_count(timed: Start) -> None:
    caller = Caller(timed(rate=2))
    assert caller.raw("GET", INSTANCES, {}).status_code == 401
    assert caller.get("/nowhere").status_code == 404
    assert caller.get(INSTANCES).status_code == 429


def test_a_refused_request_takes_no_slot(timed: Start, clock: SteppedClock) -> None:
    caller = Caller(timed(rate=2))
    assert statuses(caller, 2) == [200, 200]
    clock.time += 0.9
    assert statuses(caller, 3) == [429] * 3
    clock.time += 0.2
    assert statuses(caller, 3) == [200, 200, 429]


@pytest.mark.parametrize(("window", "expected"), [("sliding", [429, 200]), ("fixed", [200, 429])])
def test_the_edge_of_a_window(timed: Start, clock: SteppedClock, window: str, expected: list[int]) -> None:
    """One request late in a window, the next early in the following one: a fixed window accepts it, a sliding one does not."""
    caller = Caller(timed(rate=1, window=window))
    clock.time += 0.75
    assert statuses(caller, 1) == [200]
    clock.time += 0.5
    first = statuses(caller, 1)
    clock.time += 0.5
    assert first + statuses(caller, 1) == expected


def test_a_sliding_window_is_free_again_after_exactly_its_width(timed: Start, clock: SteppedClock) -> None:
    caller = Caller(timed(rate=1, rate_window=2))
    assert statuses(caller, 1) == [200]
    clock.time += 1.5
    assert statuses(caller, 1) == [429]
    clock.time += 0.5
    assert statuses(caller, 1) == [200]


@pytest.mark.parametrize(("how", "header"), [("seconds", "4"), ("date", "Fri, 15 Jan 2027 08:00:05 GMT")])
def test_retry_after(timed: Start, clock: SteppedClock, how: str, header: str) -> None:
    caller = Caller(timed(rate=1, rate_window=5, retry_after=how))
    caller.get(INSTANCES)
    clock.time += 1.0
    assert caller.get(INSTANCES).headers["Retry-After"] == header


def test_a_throttled_request_does_not_use_up_its_nonce(timed: Start, clock: SteppedClock) -> None:
    caller = Caller(timed(rate=1))
    caller.get(INSTANCES)
    headers = caller.headers()
    assert caller.raw("GET", INSTANCES, headers).status_code == 429
    clock.time += 1
    assert caller.raw("GET", INSTANCES, headers).status_code == 200
