# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One attempt of a call, as observers of the client see it.

Private to the collection, floor 1.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t


@dataclasses.dataclass
class Attempt:
    """One attempt of a call, with everything that went over the wire, including keys: redact it before it
    leaves the process.

    target: the URL without its query.
    document: whether the payload is a report, sent unchanged.
    waited: seconds for a slot, before `began` (seconds since 1970).
    wait, receive: seconds until the response began and until it was read.
    status: None when there was no response.
    outcome: "done" or a key of RETRY.
    words: the reason of a failure, without secrets.
    """

    method: str
    target: str
    query: t.Mapping[str, str]
    payload: bytes | None = dataclasses.field(repr=False)
    document: bool = False
    waited: float = 0.0
    began: float = dataclasses.field(default_factory=time.time)
    wait: float = 0.0
    receive: float = 0.0
    headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    status: int | None = None
    reason: str = ""
    answered_with: t.Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    content: bytes = dataclasses.field(default=b"", repr=False)
    outcome: str = ""
    words: str = ""
    _mark: float = dataclasses.field(default_factory=time.monotonic, repr=False)

    def answered(self, response: t.Any) -> None:
        """The response began; its body is still to be read."""
        self.status, self.reason, self.answered_with = (
            response.status_code,
            str(response.reason or ""),
            response.headers,
        )
        self.wait, self._mark = self._passed(), time.monotonic()

    def ended(self, outcome: str, error: t.Any = None) -> None:
        """error: the ApiError it ended with, if any."""
        if self.status is None:
            self.wait = self._passed()
        else:
            self.receive = self._passed()
        self.outcome, self.words = outcome, getattr(error, "words", "")

    def _passed(self) -> float:
        return time.monotonic() - self._mark


Watcher = t.Callable[[Attempt], None]
