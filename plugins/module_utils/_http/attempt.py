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
    waited: seconds that it waited for a slot.
    began: seconds since 1970, after that wait.
    wait, receive: seconds until the response began, and from then until it was read.
    headers: of the request.
    status, reason: of the response; None and "" without one.
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
    response_headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    content: bytes = dataclasses.field(default=b"", repr=False)
    outcome: str = ""
    words: str = ""
    _mark: float = dataclasses.field(default_factory=time.monotonic, repr=False)

    def answered(self, response: t.Any) -> None:
        """The response began; its body is not read yet."""
        self.status, self.reason = response.status_code, str(response.reason or "")
        self.response_headers = response.headers
        now = time.monotonic()
        self.wait, self._mark = now - self._mark, now

    def ended(self, outcome: str, result: t.Any) -> None:
        """result: the Answer or ApiError it ended with."""
        passed = time.monotonic() - self._mark
        if self.status is None:
            self.wait = passed
        else:
            self.receive = passed
        self.outcome, self.words = outcome, getattr(result, "words", "")


Watcher = t.Callable[[Attempt], None]
