# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call, its response, and its attempts as observers see them.

Private to the collection, floor 1.
"""

from __future__ import annotations

import dataclasses
import json
import time
import typing as t

from .signing import Auth


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of the API, as a value.

    path: below the tenant's URL.
    operation, subject: for messages, such as "update data source" and "gitlab-core (id 12)".
    query: of the URL.
    body: sent as JSON.
    raw: bytes sent unchanged, instead of body.
    url: full URL, instead of the tenant's origin and path.
    auth: credentials, instead of the tenant's key.
    timeout: seconds to connect, to send the body, and between two reads, instead of request_timeout.
    expect_json: whether a success must be JSON or empty.
    final: statuses of at least 500 with which the service refuses this operation for good, each with what to
        do. A page, or the platform's own error, with such a status still counts as temporary.
    """

    method: str
    path: str
    operation: str
    subject: str = ""
    query: dict[str, str] | None = None
    body: t.Any = dataclasses.field(default=None, repr=False)
    raw: bytes | None = dataclasses.field(default=None, repr=False)
    url: str | None = None
    auth: Auth | None = None
    timeout: float | None = None
    expect_json: bool = True
    final: t.Mapping[int, str] = dataclasses.field(default_factory=dict)

    def payload(self) -> bytes | None:
        """The bytes of the body. Raises ValueError for a value that is not JSON."""
        if self.raw is not None or self.body is None:
            return self.raw
        return json.dumps(self.body, ensure_ascii=False, allow_nan=False).encode()


@dataclasses.dataclass(frozen=True)
class Response:
    """A success: HTTP status, the decoded JSON body (None if empty), and the seconds by which the tenant's
    clock is ahead of ours, if known.
    """

    status: int
    body: t.Any
    clock_skew: float | None


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
        """result: the Response or ApiError it ended with."""
        passed = time.monotonic() - self._mark
        if self.status is None:
            self.wait = passed
        else:
            self.receive = passed
        self.outcome, self.words = outcome, getattr(result, "words", "")


Watcher = t.Callable[[Attempt], None]
