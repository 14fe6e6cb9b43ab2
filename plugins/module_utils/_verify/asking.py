# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests of one verification, counted, and what each response shows besides its content.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t
from urllib.parse import quote

from .._admitted import Raw
from .._api import INSTANCES, PREVIOUS, Api
from .._errors import ApiError, BusyError
from .._http.call import Attempt
from .evidence import Evidence

MOST_REQUESTS = 30
# Requests reserved for deleting what was created.
FOR_DELETION = 5
_ENVELOPES = {
    "data": ("data",),
    "reply": ("reply",),
    "reply_data": ("reply", "data"),
    "repositories": ("repositories",),
}


class OutOfRequests(BusyError):
    """The verification has used up its requests."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """A response, or its absence.

    status: None if there was no response.
    body: of a success, otherwise None.
    error: None for a success.
    """

    status: int | None
    body: t.Any = None
    error: ApiError | None = None

    @property
    def fine(self) -> bool:
        return self.error is None

    def items(self) -> tuple[str | None, list[t.Any] | None]:
        """The envelope of a list, and the list; None for anything else."""
        envelope, content = unwrap(self.body, "bare")
        return (envelope, content) if isinstance(content, list) else (None, None)

    def one(self) -> tuple[str | None, Raw | None]:
        """The envelope of an object, and the object; None for anything else."""
        envelope, content = unwrap(self.body, "root")
        return (envelope, content) if isinstance(content, dict) else (None, None)


class Asking:
    """Sends at most MOST_REQUESTS requests to one tenant, repeated attempts included."""

    def __init__(self, api: Api, evidence: Evidence) -> None:
        self.api, self.evidence = api, evidence
        self.requests = 0
        # Whether the tenant allowed any read or reported a missing licence, so that there is something to
        # report.
        self.answered = False
        self.instances = INSTANCES
        self._most = MOST_REQUESTS
        self._last: int | None = None
        api.client.watchers.append(self._saw)

    @property
    def left(self) -> int:
        return self._most - self.requests

    def reserve(self, kept: int) -> None:
        """Keep this many requests for later."""
        self._most = MOST_REQUESTS - kept

    def has_previous(self) -> bool:
        return self.instances == PREVIOUS

    def form(self, what: str, reply: Reply, envelope: str | None = None, content: t.Any = None) -> None:
        """Record the form of a response. content: None if it is not the expected list or object."""
        if content is None and reply.fine:
            envelope = "of an unknown form"
        self.evidence.form(what, reply.status, envelope or "", content)

    def get(self, path: str, query: dict[str, str] | None = None) -> Reply:
        return self.send("GET", path, query=query)

    def instance(self, instance_id: str) -> Reply:
        return self.get(self.path_of(instance_id))

    def path_of(self, instance_id: str) -> str:
        return below(self.instances, instance_id)

    def send(self, method: str, path: str, body: t.Any = None, query: dict[str, str] | None = None) -> Reply:
        """The response to one request. Raises ApiError if a GET has no response, and OutOfRequests."""
        self.refuse_more()
        try:
            answer = self.api.ask(method, path, body, query)
        except ApiError as exc:
            if exc.status is None and method == "GET":
                raise
            return Reply(exc.status, error=exc)
        return Reply(answer.status, answer.body)

    def refuse_more(self) -> None:
        if self.left <= 0:
            last = f"HTTP {self._last}" if self._last else "no response"
            raise OutOfRequests(
                f"verify makes at most {MOST_REQUESTS} requests, and has made them; the last one got {last}. "
                "Run again later."
            )

    def _saw(self, attempt: Attempt) -> None:
        self.requests += 1
        self._last = attempt.status
        status = attempt.status or 0
        if status == 429:
            self._throttled(attempt)
        if status >= 400:
            self._refused(attempt.content, status)
        if self.left <= 0 and attempt.outcome != "done":
            self.refuse_more()

    def _throttled(self, attempt: Attempt) -> None:
        after = attempt.response_headers.get("Retry-After")
        unit = "seconds" if after and after.strip().isdigit() else "date"
        self.evidence.see("retry_after", unit if after else "none")
        self.evidence.check("tenant.429", not after)
        self.evidence.check("tenant.limit", b"Too many requests" in attempt.content)

    def _refused(self, content: bytes, status: int) -> None:
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            return
        if not isinstance(body, dict):
            return
        reply = body.get("reply")
        if isinstance(reply, dict):
            least = {"err_code", "err_msg"}
            self.evidence.check("error.gateway", least <= set(reply) <= {*least, "err_extra"})
        elif status in (404, 422):
            self.evidence.check("error.service", {"errorCode", "message"} <= set(body))


def below(path: str, identifier: str) -> str:
    return f"{path}/{quote(identifier, safe='')}"


def unwrap(body: t.Any, bare: str) -> tuple[str | None, t.Any]:
    """The envelope, as a value of the embedded tenant's switches, and its content; None for an unknown one.

    bare: the value for no envelope.
    """
    for word, path in ((bare, ()), *reversed(_ENVELOPES.items())):
        content = body
        for key in path:
            content = content.get(key) if isinstance(content, dict) else None
        if isinstance(content, list) or (isinstance(content, dict) and content.get("id") not in (None, "")):
            return word, content
    return None, None
