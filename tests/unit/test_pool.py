# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many reads at once: in order, as many as the budget needs, without losing a failure."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from calling_client import ClientOf
from scripted_server import Say, ScriptedServer

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.interruption import Interruption
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.pool import each, workers


def client(per_second: float = 8.0, trip: float = 0.0) -> Any:
    told: list[tuple[int, int]] = []
    connection, interruption = SimpleNamespace(requests_per_second=per_second), Interruption()

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    return SimpleNamespace(connection=connection, interruption=interruption, trip=lambda: trip, told=told, on_read=tell)


@pytest.mark.parametrize(
    ("per_second", "trip", "count"),
    [(8, 0.0, 16), (8, 0.4, 16), (8, 2.0, 20), (10, 1.5, 24), (10, 4.0, 32), (500, 0.01, 16), (500, 1.0, 32)],
)
def test_the_number_of_workers_follows_from_rate_and_round_trip(per_second: float, trip: float, count: int) -> None:
    assert workers(per_second, trip) == count


def test_that_many_run_at_once_and_the_results_are_in_order() -> None:
    running, most, counting = 0, 0, threading.Lock()

    def work(number: int) -> int:
        nonlocal running, most
        with counting:
            running += 1
            most = max(most, running)
        time.sleep(0.05 if number % 2 else 0.02)
        with counting:
            running -= 1
        return number * number

    one = client(8, 2.0)
    assert each(one, work, range(60)) == [number * number for number in range(60)]
    assert most == 20
    assert one.told == [(done, 60) for done in range(1, 61)]


def test_no_item_or_one_item_needs_no_thread() -> None:
    assert each(client(), lambda _number: pytest.fail("called"), []) == []
    assert each(client(), lambda _number: threading.current_thread().name, [1]) == ["MainThread"]


def test_the_first_failure_is_raised_and_no_further_one_begins() -> None:
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(0.1 if number == 3 else 0.01)
        if number in (3, 5):
            raise ValueError(f"number {number}")
        time.sleep(0.1)

    with pytest.raises(ValueError, match="number 3"):
        each(client(), work, range(500))
    assert len(begun) < 40


# -- pages of a list


def repositories(first: int, last: int) -> Say:
    return Say(200, {"data": [{"id": str(number)} for number in range(first, last)]})


def pages(client_of: ClientOf, total: int, *, ignores_offset: bool = False, without_id: int | None = None) -> tuple[list[int], int, bool]:
    """The requested offsets and the result for a tenant with this number of repositories."""
    from urllib.parse import parse_qs, urlsplit

    offsets: list[int] = []

    def say(handler: Any) -> None:
        offset = int(parse_qs(urlsplit(handler.path).query)["offset"][0])
        offsets.append(offset)
        first = 0 if ignores_offset else offset
        rows = [{} if number == without_id else {"id": str(number)} for number in range(first, min(first + 100, total))]
        Say(200, {"data": rows})(handler)

    with ScriptedServer(say) as server:
        found, whole = Api(client_of(server.url)).list_repositories()
    return offsets, len(found), whole


def test_pages_are_requested_together_doubling_each_time(client_of: ClientOf) -> None:
    offsets, found, whole = pages(client_of, 1550)
    assert (found, whole) == (1550, True)
    assert sorted(offsets) == [*range(0, 1550, 100), 1550, *range(1600, 2400, 100)][:len(offsets)]
    assert len(offsets) == 1 + 1 + 2 + 4 + 8 + 1
    offsets, found, whole = pages(client_of, 50)
    assert (offsets, found, whole) == ([0, 50], 50, True)


def test_a_tenant_that_repeats_its_pages_is_recognised(client_of: ClientOf) -> None:
    offsets, found, whole = pages(client_of, 1550, ignores_offset=True)
    assert (found, whole) == (100, False)
    assert offsets == [0, 100]


def test_a_page_that_does_not_continue_the_list_is_read_again(client_of: ClientOf) -> None:
    """An entry without an id is not a repository; the next offset is the number found; a list that ends with known entries may continue."""
    offsets, found, whole = pages(client_of, 1000, without_id=150)
    assert (found, whole) == (999, False)
    assert sorted(offsets[:4]) == [0, 100, 199, 299]


def test_one_page_that_cannot_be_read_fails_the_list(client_of: ClientOf) -> None:
    def say(handler: Any) -> None:
        offset = int(handler.path.partition("offset=")[2])
        (Say(400, {"error": "no"}) if offset == 400 else repositories(offset, offset + 100))(handler)

    with ScriptedServer(say) as server, pytest.raises(ApiError, match="list repositories"):
        Api(client_of(server.url)).list_repositories()
