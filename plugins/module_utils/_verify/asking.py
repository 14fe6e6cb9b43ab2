# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests of one verification: few and counted, with what each response shows in passing.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t
from urllib.parse import quote

from .._api import INSTANCES, PREVIOUS, Api
from .._errors import ApiError, BusyError
from .._http.call import Attempt
from .evidence import Evidence

MOST_REQUESTS = 30
# Reserved for deleting what was created.
FOR_DELETION = 5
_ENVELOPES = {
    "data": ("data",),
    "reply": ("reply",),
    "reply_data": ("reply", "data"),
    "repositories": ("repositories",),
}


class Enough(BusyError):
    """The verification has used up its requests."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """status: None when there was no response.
    body: of a success.
    error: what else came.
    """

    status: int | None
    body: t.Any = None
    error: ApiError | None = None

    @property
    def fine(self) -> bool:
        return self.error is None


class Asking:
    """Asks one tenant, at most MOST_REQUESTS times, attempts that were sent again included."""

    def __init__(self, api: Api, evidence: Evidence) -> None:
        self.api, self.evidence = api, evidence
        self.requests = 0
        # Whether the tenant allowed any read, or reported a missing licence: only then is there anything to
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

    def get(self, path: str, query: dict[str, str] | None = None) -> Reply:
        return self.send("GET", path, query=query)

    def instance(self, instance_id: str) -> Reply:
        return self.get(self.path_of(instance_id))

    def path_of(self, instance_id: str) -> str:
        return below(self.instances, instance_id)

    def send(self, method: str, path: str, body: t.Any = None, query: dict[str, str] | None = None) -> Reply:
        """Raises ApiError when there is no response from a tenant, and Enough."""
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
            raise Enough(
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
        self.evidence.see(
            "retry_after", "none" if not after else "seconds" if after.strip().isdigit() else "date"
        )
        self.evidence.says("tenant.429", not after)
        self.evidence.says("tenant.limit", b"Too many requests" in attempt.content)

    def _refused(self, content: bytes, status: int) -> None:
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            return
        if not isinstance(body, dict):
            return
        reply = body.get("reply")
        if isinstance(reply, dict):
            self.evidence.says(
                "error.gateway", {"err_code", "err_msg", "err_extra"} >= set(reply) >= {"err_code", "err_msg"}
            )
        elif status in (404, 422):
            self.evidence.says("error.service", {"errorCode", "message"} <= set(body))


def below(path: str, identifier: str) -> str:
    return f"{path}/{quote(identifier, safe='')}"


def unwrap(body: t.Any, bare: str) -> tuple[str | None, t.Any]:
    """The envelope, as the embedded tenant's switches call it, and what is in it.

    bare: the word for none; None for an unknown one.
    """
    if isinstance(body, list) or (isinstance(body, dict) and body.get("id") not in (None, "")):
        return bare, body
    for word, path in reversed(_ENVELOPES.items()):
        inner = body
        for key in path:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, list) or (isinstance(inner, dict) and inner.get("id") not in (None, "")):
            return word, inner
    return None, None
