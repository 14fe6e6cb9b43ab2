# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 1, one request: wait for a slot, sign, send, classify, retry.
from __future__ import annotations

import dataclasses
import json
import os
import random
import threading
import time
import traceback
import typing as t
import warnings
from urllib.parse import urlsplit

from .._errors import WORDS_SHOWN, ApiError, InputError, words_of
from .answers import (
    TooBig,
    TooSlow,
    clock_skew,
    hint_for,
    host_of,
    never_sent,
    read,
    reason,
    retry_after,
)
from .connection import Connection, origin_of, secret_from_file
from .lock import default_directory
from .redaction import Redactor
from .signing import advanced_headers, collector_headers, standard_headers
from .throttle import LONGEST_HOLD, Slot, Throttle

try:
    import requests
    import urllib3

    REQUESTS_ERROR = None
except ImportError:
    REQUESTS_ERROR = traceback.format_exc()

MAX_ANSWER_BYTES = 256 * 1024 * 1024
NEVER_SENT_ATTEMPTS = 3
# Seconds; doubled with each attempt.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0

# Which verbs may be sent again after which outcome. A create or an upload that may have been carried out is never re-sent here:
# whoever called looks first. "refused": 429, the tenant did not look at the request. "never sent": no connection was made.
_REPEATABLE = ("GET", "PUT", "DELETE")
RETRY: dict[str, tuple[str, ...]] = {
    "refused": ("GET", "PUT", "DELETE", "POST"),
    "never sent": ("GET", "PUT", "DELETE", "POST"),
    "gateway": _REPEATABLE,  # 502, 503, 504
    "lost": _REPEATABLE,  # sent, no whole answer came back
    "final": (),
}


@dataclasses.dataclass(frozen=True)
class Answer:
    """A success: HTTP status, the decoded JSON body (None when empty), and the Date header's distance from our clock in seconds."""

    status: int
    body: t.Any
    clock_skew: float | None


class Client:
    """Sends requests to one tenant. C(throttle) counts the waits; C(redactor) knows this run's secrets; C(warnings) are for the user."""

    def __init__(self, connection: Connection) -> None:
        if REQUESTS_ERROR:
            raise InputError("The Python library requests is missing on the host and interpreter that run the module.")
        connection.check()
        self.connection = connection
        self.redactor = Redactor([connection.api_key])
        self.warnings: list[str] = []
        self._throttles: dict[str, Throttle] = {}
        self._throttles_lock = threading.Lock()
        # One session for each thread: requests does not promise more.
        self._local = threading.local()
        self._sessions: list[t.Any] = []

    @property
    def waits(self) -> dict[str, t.Any]:
        """How often and how long (seconds) this process waited for a slot."""
        return {
            "waits": sum(x.waits for x in self._throttles.values()),
            "seconds": round(sum(x.seconds for x in self._throttles.values()), 3),
        }

    def _session(self) -> t.Any:
        if not hasattr(self._local, "session"):
            session: t.Any = requests.Session()
            # Redirects are not followed, and to look where one leads requests would read its whole body.
            session.get_redirect_target = lambda _response: None
            self._local.session = session
            self._sessions.append(self._local.session)
        return self._local.session

    def close(self) -> None:
        """Let the connections go."""
        for session in self._sessions:
            session.close()

    @property
    def lock_directory(self) -> str:
        """Where the processes of this node share their budget and their locks."""
        return self.connection.rate_limit_dir or default_directory()

    def origin(self) -> str:
        """The tenant's checked URL. Raises InputError."""
        return origin_of(self.connection.api_url, self.connection.expected_tenant)

    def request(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        subject: str = "",
        query: dict[str, str] | None = None,
        body: t.Any = None,
        raw: bytes | None = None,
        url: str | None = None,
        collector: tuple[str, str] | None = None,
        timeout: float | None = None,
        expect_json: bool = True,
    ) -> Answer:
        """One call of the API, sent as often as its verb and the outcome allow. Returns the success; raises ApiError or InputError.

        body: sent as JSON; raw: bytes sent as they are. url: another full URL instead of the tenant's origin and path.
        collector: (token id, token) instead of the tenant key. timeout: seconds to connect and between two reads.
        """
        call = _Call(
            method=method,
            target=url or self.origin() + path,
            path=path,
            operation=operation,
            subject=subject,
            query=query,
            payload=raw if raw is not None else (None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()),
            sign=self._signer(collector),
            seconds=timeout or self.connection.request_timeout,
            expect_json=expect_json,
        )
        throttle = self._throttle(call.target)
        deadline, pause = 0.0, 0.0
        failures: list[ApiError] = []
        while True:
            slot = self._slot(throttle)
            # Waiting for a slot is not counted, since the budget may be in use by others; what the tenant asked to wait is.
            deadline = deadline + max(0.0, slot.waited - pause) if failures else slot.granted + self.connection.retry_deadline
            try:
                outcome, result = self._attempt(call, deadline)
            finally:
                throttle.answered(slot)
            if isinstance(result, Answer):
                return result
            failures.append(result)
            attempt = len(failures)
            pause = _pause(outcome, attempt, result)
            exhausted = time.monotonic() + pause >= deadline or (outcome == "never sent" and attempt >= NEVER_SENT_ATTEMPTS)
            if outcome == "refused":
                throttle.hold(pause, slot)
            if method not in RETRY[outcome] or exhausted:
                raise _final(failures, outcome)
            if outcome != "refused":
                time.sleep(pause)
                pause = 0.0

    def _slot(self, throttle: Throttle) -> Slot:
        slot = throttle.wait()
        with self._throttles_lock:
            if throttle.warning and throttle.warning not in self.warnings:
                self.warnings.append(throttle.warning)
        return slot

    def _signer(self, collector: tuple[str, str] | None) -> t.Callable[[], dict[str, str]]:
        if collector:
            self.redactor.add(collector[1])
            _refuse_unprintable(collector, "collector_token_id or collector_token")
            return lambda: collector_headers(*collector)
        c = self.connection
        key = c.api_key.strip() or secret_from_file("CORTEXCLOUD_API_KEY_FILE")
        self.redactor.add(key)
        missing = [
            f"{name} (or {variable})"
            for name, variable, value in (
                ("api_key_id", "CORTEXCLOUD_API_KEY_ID", c.api_key_id),
                ("api_key", "CORTEXCLOUD_API_KEY", key),
            )
            if not value
        ]
        if missing:
            raise InputError(
                f"{' and '.join(missing)} not set: the tenant cannot be asked without a key. An empty value counts as not set."
            )
        _refuse_unprintable((c.api_key_id.strip(), key), "api_key_id or api_key")
        make = advanced_headers if c.api_key_type == "advanced" else standard_headers
        return lambda: make(c.api_key_id.strip(), key)

    def _throttle(self, target: str) -> Throttle:
        tenant = urlsplit(target).netloc.lower()
        with self._throttles_lock:
            if tenant not in self._throttles:
                self._throttles[tenant] = Throttle(self.lock_directory, tenant, self.connection.requests_per_second)
            return self._throttles[tenant]

    def _verify(self) -> bool | str:
        if not self.connection.validate_certs:
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
            return False
        # requests would take the variable too, and end in a traceback when it names no file.
        path = self.connection.ca_path or os.environ.get("CURL_CA_BUNDLE")
        if path and not os.path.exists(path):
            raise InputError(
                f"{'ca_path' if self.connection.ca_path else 'CURL_CA_BUNDLE'} {path} does not exist on the host that runs the module. "
                "Give the PEM file of the certificate authority, or unset it."
            )
        return path or True

    def _attempt(self, call: _Call, deadline: float) -> tuple[str, Answer | ApiError]:
        """Send once. Returns a key of RETRY (or "done") and what came of it."""
        headers = {"Accept": "application/json", "User-Agent": self.connection.user_agent}
        if call.payload is not None:
            headers["Content-Type"] = "application/json"

        def authenticate(prepared: t.Any) -> t.Any:
            # As the session's auth, so that a .netrc entry can never replace the signature.
            prepared.headers.update(call.sign())
            return prepared

        def failed(words: str, hint: str = "") -> ApiError:
            return self._error(call, words, hint)

        host = urlsplit(call.target).netloc
        try:
            response = self._session().request(
                call.method,
                call.target,
                params=call.query,
                data=call.payload,
                headers=headers,
                auth=authenticate,
                timeout=call.seconds,
                verify=self._verify(),
                allow_redirects=False,
                stream=True,
            )
            with response:
                content = read(response, max(deadline, time.monotonic() + call.seconds), MAX_ANSWER_BYTES)
        except requests.exceptions.SSLError as exc:
            hint = "For a private certificate authority set ca_path (or REQUESTS_CA_BUNDLE) to its PEM file."
            return "final", failed(f"no trusted TLS connection to {host}: {reason(exc)}", hint)
        except requests.exceptions.ProxyError as exc:
            return "never sent", failed(
                f"the proxy for {host} does not answer or refuses: {reason(exc)}", "Check HTTPS_PROXY and NO_PROXY."
            )
        except (requests.exceptions.ConnectTimeout, requests.exceptions.ConnectionError) as exc:
            if never_sent(exc):
                return "never sent", failed(f"cannot connect to {host}: {reason(exc)}", "Check api_url, the network and HTTPS_PROXY.")
            return "lost", failed(f"the connection to {host} broke before the answer was complete: {reason(exc)}")
        except TooBig:
            return "final", failed(f"the answer is larger than {MAX_ANSWER_BYTES} bytes", "Check api_url.")
        except (requests.exceptions.Timeout, TooSlow):
            return "lost", failed(f"{host} did not answer within {call.seconds:g} s", "Raise request_timeout if the tenant is slow.")
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as exc:
            return "lost", failed(f"the answer of {host} could not be read: {reason(exc)}")
        except UnicodeError:
            raise InputError(f"api_url: {host} is not a host name.") from None
        return self._classify(call, response, content.decode("utf-8", errors="replace"))

    def _classify(self, call: _Call, response: t.Any, text: str) -> tuple[str, Answer | ApiError]:
        status, skew = response.status_code, clock_skew(response.headers.get("Date"))
        try:
            decoded, broken = (json.loads(text) if text.strip() else None), False
        except (ValueError, RecursionError):
            decoded, broken = None, True
        if 200 <= status < 300:
            if broken and call.expect_json:
                # A cut-off JSON text may be a passing fault; a page of HTML is the wrong host. Neither is an empty tenant.
                page = text.lstrip().startswith("<")
                hint = "Is api_url the API URL (https://api-...), not the console's?"
                begins = " ".join(self.redactor.text(text).split())[:120]
                return "final" if page else "lost", self._error(call, f"the answer is not JSON but begins: {begins}", hint, status)
            return "done", Answer(status, decoded, skew)
        if 300 <= status < 400:
            where = host_of(response.headers.get("Location", "")) or "another page"
            hint = "Is api_url the API URL (https://api-...)?"
            return "final", self._error(call, f"the tenant redirects to {where}; redirects are not followed", hint, status)
        words = words_of(decoded, text if broken else "") or response.reason or "no explanation"
        error = self._error(
            call,
            words,
            hint_for(status, skew, call.path, self.connection.api_key_type),
            status,
            retry_after(response.headers.get("Retry-After")),
            skew,
        )
        throttled = any(said in words.lower() for said in ("too many requests", "rate limit exceeded"))
        if status == 429 or (throttled and status in (400, 403, 503)):
            return "refused", error
        if status in (502, 503, 504):
            return "gateway", error
        return ("lost" if status >= 500 and call.method == "POST" else "final"), error

    def _error(
        self,
        call: _Call,
        words: str,
        hint: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        skew: float | None = None,
    ) -> ApiError:
        return ApiError(
            call.operation,
            call.subject,
            method=call.method,
            path=call.path,
            status=status,
            words=self.redactor.text(words)[:WORDS_SHOWN],
            hint=self.redactor.text(hint),
            retry_after=retry_after,
            clock_skew=skew,
        )


@dataclasses.dataclass(frozen=True)
class _Call:
    method: str
    target: str
    path: str
    operation: str
    subject: str
    query: dict[str, str] | None
    payload: bytes | None = dataclasses.field(repr=False)
    sign: t.Callable[[], dict[str, str]]
    seconds: float
    expect_json: bool


def _pause(outcome: str, attempt: int, error: ApiError) -> float:
    """Seconds to wait before the next attempt: what the tenant asked for, bounded, else exponential with jitter."""
    if error.retry_after is not None:
        return min(error.retry_after, LONGEST_HOLD)
    ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1))
    # Jitter, so that forks that failed together do not come back together; after a 429 never at once, the window is full.
    return random.uniform(max(0.4 * FIRST_PAUSE, ceiling / 4) if outcome == "refused" else 0.0, ceiling)


def _final(failures: list[ApiError], outcome: str) -> ApiError:
    error = failures[-1]
    ambiguous = error.method != "GET" and outcome in ("gateway", "lost")
    unknown = "The tenant may have carried it out all the same: run again, which looks first." if ambiguous else ""
    earlier = [words for words in dict.fromkeys(failure.outcome() for failure in failures[:-1]) if words != error.outcome()]
    return error.with_hint(" ".join(filter(None, [error.hint, unknown])), len(failures), ambiguous, earlier)


def _refuse_unprintable(values: tuple[str, str], options: str) -> None:
    if not all(value.isascii() and value.isprintable() for value in values):
        raise InputError(f"{options} holds a line break or a character that no key has: copy it again, without surrounding text.")
