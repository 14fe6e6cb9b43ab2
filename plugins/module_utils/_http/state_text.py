# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a request budget as text. Reading is strict, since other programs may have written it.

Private to the collection, floor 1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import typing as t

from .pace import LONGEST_FLIGHT, LONGEST_HOLD, WIDEST, State, Used

# Version of the layout; text with another version is read as empty.
_VERSION = 3
# Seconds; a process of this collection never writes a place in the queue that expires later.
_LATEST_DEATH = 60.0


def as_text(state: State) -> str:
    slots = [dataclasses.astuple(used) for used in state.slots]
    content = {**vars(state), "slots": slots, "trips": [round(trip, 4) for trip in state.trips]}
    return json.dumps({"version": _VERSION, **content}, separators=(",", ":"))


def from_text(text: str, window: float, now: float) -> State:
    """The state; an empty one for text that is half-written or not ours, which at worst causes a short burst.

    window, now: in seconds.
    """
    with contextlib.suppress(ValueError, TypeError, AttributeError, KeyError, RecursionError, OverflowError):
        # A killed process may have left other text after the value.
        read, _end = json.JSONDecoder().raw_decode(text)
        if read["version"] == _VERSION:
            return _known(read, window, now)
    return State()


def _known(read: dict[str, t.Any], window: float, now: float) -> State:
    """The state without times too far in the future, which were written before a clock was set back."""
    used = [
        Used(str(ticket), str(by), float(granted), _maybe(departed), _maybe(answered), bool(fresh))
        for ticket, by, granted, departed, answered, fresh in read["slots"]
    ]
    latest, held = now + LONGEST_FLIGHT + window, now + LONGEST_HOLD
    return State(
        [one for one in used if max(one.granted, one.departed or 0.0, one.answered or 0.0) < latest],
        [
            (str(ticket), float(dead_at))
            for ticket, dead_at in read["queue"]
            if float(dead_at) < now + _LATEST_DEATH
        ],
        [trip for trip in map(float, read["trips"]) if 0 <= trip < math.inf],
        _bounded(read["not_before"], held),
        _bounded(read["refused_at"], held),
        _bounded(read["wide"], WIDEST),
        int(read["cut"]),
        _bounded(read["cut_at"], held),
    )


def _maybe(value: t.Any) -> float | None:
    return None if value is None else _bounded(value, math.inf)


def _bounded(value: t.Any, most: float) -> float:
    number = float(value)
    if math.isnan(number) or number == -math.inf:
        raise ValueError
    return min(number, most)
