# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same work for many items: as many at once as the budget needs, in order, without losing a failure.

Private to the collection, floor 1.
"""

from __future__ import annotations

import concurrent.futures
import math
import threading
import typing as t

from .client import Client
from .interruption import leave_signals_to_the_main_thread

# Number of workers: the minimum, the maximum, and extra ones, since some are between two requests.
LEAST, MOST, BETWEEN = 16, 32, 4

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")


def workers(per_second: float, trip: float) -> int:
    """How many workers are needed to use the whole budget.

    trip: seconds that a response takes. If that is more than one, requests leave in a burst each second, so
        every second that has begun counts completely.
    """
    whole = trip if trip < 1 else math.ceil(trip)
    return max(LEAST, min(MOST, math.ceil(per_second * whole) + BETWEEN))


def each(
    client: Client, work: t.Callable[[Item], Result], items: t.Iterable[Item], *, reading: bool = True
) -> list[Result]:
    """The results of the work for each item, in the order of the items; several run at once.

    After a failure no further item is begun. Those underway are finished, and the failure of the first failed
    item is raised.
    reading: whether the work only reads: then client.on_read is called as it proceeds.
    """
    todo = list(items)
    if not todo:
        return []
    done, counting = 0, threading.Lock()

    def one(item: Item) -> Result:
        nonlocal done
        with client.interruption.piece():
            result = work(item)
        if reading:
            with counting:
                done += 1
                client.on_read(done, len(todo))
        return result

    if len(todo) == 1:
        return [one(todo[0])]
    size = min(len(todo), workers(client.connection.requests_per_second, client.trip()))
    with concurrent.futures.ThreadPoolExecutor(
        max_workers=size, initializer=leave_signals_to_the_main_thread
    ) as pool:
        futures = [pool.submit(one, item) for item in todo]
        try:
            concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
        finally:
            for future in futures:
                future.cancel()
    return [future.result() for future in futures if not future.cancelled()]
