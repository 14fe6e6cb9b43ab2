# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether and when a failed call is repeated.

Private to the collection, floor 1.
"""

from __future__ import annotations

import dataclasses
import random
import time

from .._errors import ApiError
from .pace import LONGEST_HOLD
from .throttle import Slot

NEVER_SENT_ATTEMPTS = 3
# Seconds; doubled with each attempt.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0

# Which verbs may be repeated after which outcome. A create or an upload that may have been carried out is
# never repeated here: the caller checks first.
_REPEATABLE = ("GET", "PUT", "DELETE")
RETRY: dict[str, tuple[str, ...]] = {
    "refused": (*_REPEATABLE, "POST"),  # 429: the tenant did not process the request
    "never sent": (*_REPEATABLE, "POST"),  # no connection was made
    "gateway": _REPEATABLE,  # 502, 503, 504
    "lost": _REPEATABLE,  # sent, but no complete response came back
    "unreadable": (),  # a response in a form that is not read
    "final": (),
}


class Retry:
    """The attempts of one call.

    method: its verb.
    seconds: maximum time from its first attempt, without waits for a slot.
    deadline: when that is over, in seconds of the monotonic clock.
    """

    def __init__(self, method: str, seconds: float) -> None:
        self.method, self.seconds = method, seconds
        self.deadline = 0.0
        self._failures: list[ApiError] = []
        self._asked_to_wait = 0.0

    def granted(self, slot: Slot) -> None:
        """A slot was granted. The wait for it does not count, since others use the budget too; a wait that
        the tenant asked for does.
        """
        if self._failures:
            self.deadline += max(0.0, slot.waited - self._asked_to_wait)
        else:
            self.deadline = slot.granted + self.seconds

    def after(self, outcome: str, error: ApiError) -> tuple[float, bool]:
        """The pause in seconds after an attempt, and whether the call is repeated then.

        outcome: a key of RETRY.
        """
        self._failures.append(error)
        attempt = len(self._failures)
        pause = _pause(outcome, attempt, error)
        self._asked_to_wait = pause if outcome == "refused" else 0.0
        exhausted = time.monotonic() + pause >= self.deadline or (
            outcome == "never sent" and attempt >= NEVER_SENT_ATTEMPTS
        )
        return pause, self.method in RETRY[outcome] and not exhausted

    def failure(self, outcome: str) -> ApiError:
        """The last failure, with the earlier outcomes, and whether the tenant may have carried the call out.

        outcome: the last one.
        """
        error = self._failures[-1]
        ambiguous = error.method != "GET" and outcome in ("gateway", "lost", "unreadable")
        hint = error.hint
        if ambiguous:
            hint += " The tenant may have carried it out anyway. Run again: the next run checks first."
        outcomes = dict.fromkeys(each.outcome() for each in self._failures[:-1])
        return dataclasses.replace(
            error,
            hint=hint.strip(),
            attempts=len(self._failures),
            ambiguous=ambiguous,
            earlier=[words for words in outcomes if words != error.outcome()],
        )


def _pause(outcome: str, attempt: int, error: ApiError) -> float:
    """Seconds to wait before the next attempt: what the tenant asked for, up to LONGEST_HOLD; else
    exponential with jitter.
    """
    if error.retry_after is not None:
        return min(error.retry_after, LONGEST_HOLD)
    # Without the limit of 60 the power would overflow.
    ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt - 1, 60))
    # Jitter, so that processes that failed together do not retry together; never at once after a 429, since
    # the tenant's window is full.
    return random.uniform(max(0.4 * FIRST_PAUSE, ceiling / 4) if outcome == "refused" else 0.0, ceiling)
