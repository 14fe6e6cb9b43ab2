# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request: wait for a slot, sign, send, classify, retry.

Private to the collection, floor 1.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
import threading
import time
import traceback
import typing as t
import warnings
from urllib.parse import urlsplit

from .._addresses import host_key
from .._admitted import admit
from .._errors import WORDS_SHOWN, ApiError, InputError, words_of
from .answers import (
    Unreadable,
    clock_skew,
    hint_for,
    host_of,
    never_sent,
    read,
    reason,
    retry_after,
)
from .attempt import Attempt, Watcher
from .connection import Connection, origin_of, secret_from_file
from .interruption import Interruption
from .lock import default_directory, exclusive
from .redaction import Redactor
from .retry import Retry
from .signing import Auth, tenant_key
from .stores import Server
from .throttle import Slot, Throttle
from .trace import Trace
from .watchdog import adapter, watched

try:
    import requests
    import urllib3

    REQUESTS_ERROR = None
except ImportError:
    REQUESTS_ERROR = traceback.format_exc()

# A request with a larger body may count at the tenant long after its sending began, so its slot is free only
# after the response.
SMALL_BYTES = 100_000
# Characters of a response that are checked before a part of it is shown.
QUOTED_FROM = 100_000


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of the API, as a value.

    path: below the tenant's URL.
    operation, subject: what it is for, in the words of messages ("update data source", "gitlab-core (id
        12)").
    query: of the URL.
    body: sent as JSON.
    raw: bytes sent unchanged.
    url: another full URL instead of the tenant's origin and path.
    auth: other credentials than the tenant's key.
    timeout: seconds to connect, to send the body, and between two reads, instead of request_timeout.
    expect_json: whether a success must be JSON, or empty.
    final: the statuses from 500 on with which the service refuses this very operation, each with what to do;
        a page or the platform's own error with such a status is taken for a passing fault as ever.
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
class Answer:
    """A success: HTTP status, the decoded JSON body (None when empty), and the Date header's distance from
    our clock in seconds.
    """

    status: int
    body: t.Any
    clock_skew: float | None


class Client:
    """Sends calls to one tenant.

    redactor: knows this run's secrets, and learns those that calls carry. warnings: for the user.
    """

    def __init__(self, connection: Connection, redactor: Redactor | None = None) -> None:
        if REQUESTS_ERROR:
            raise InputError(
                f"The Python library requests is missing for {sys.executable}: install it, for example with "
                f"{sys.executable} -m pip install requests (in a virtual environment, where the system's "
                "Python refuses)."
            )
        connection.check()
        self.connection = connection
        self.redactor = redactor if redactor is not None else Redactor()
        self.redactor.add(connection.api_key)
        url = connection.rate_limit_url.strip() or secret_from_file("CORTEXCLOUD_RATE_LIMIT_URL_FILE")
        self._server = Server.at(url) if url else None
        self.redactor.add(self._server.password if self._server else "")
        self.warnings: list[str] = []
        # Checked before each request; the caller decides which signs of an interruption it watches.
        self.interruption = Interruption()
        # Each is called with every attempt when it has ended.
        self.watchers: list[Watcher] = []
        if connection.trace_file:
            trace = Trace(
                connection.trace_file,
                connection.trace_names,
                self.redactor,
                self.warnings,
                lambda: self.key().secret,
            )
            self.watchers.append(trace.see)
        # Called by any thread with the number read and the total; 0: the total is unknown.
        self.on_read: t.Callable[[int, int], None] = lambda _done, _total: None
        self._key: Auth | None = None
        self._throttles: dict[str, Throttle] = {}
        self._lock = threading.Lock()
        # One session per thread: requests does not promise thread safety.
        self._local = threading.local()
        self._sessions: list[t.Any] = []

    @property
    def waits(self) -> dict[str, t.Any]:
        """How many times and how long (seconds) this process waited for a slot."""
        return {
            "waits": sum(x.waits for x in self._throttles.values()),
            "seconds": round(sum(x.seconds for x in self._throttles.values()), 3),
        }

    def _session(self) -> t.Any:
        if not hasattr(self._local, "session"):
            session: t.Any = requests.Session()
            # Redirects are not followed; requests would read a whole body just to look at the target.
            session.get_redirect_target = lambda _response: None
            for scheme in ("https://", "http://"):
                session.mount(scheme, adapter())
            self._local.session = session
            self._sessions.append(self._local.session)
        return self._local.session

    def close(self) -> None:
        """Close the connections."""
        for session in self._sessions:
            session.close()

    @property
    def shared_dir(self) -> str:
        """The directory in which processes share their budget and their locks."""
        return self.connection.rate_limit_dir or default_directory()

    def exclusive(self, *parts: str) -> t.ContextManager[None]:
        """The lock of one object; see lock.py."""
        return exclusive(self.shared_dir, *parts, warnings=self.warnings, refuse=self.interruption.refuse)

    def origin(self) -> str:
        """The tenant's checked URL. Raises InputError."""
        return origin_of(self.connection.api_url, self.connection.expected_tenant)

    def warn_once(self, begins: str, goes_on: str = "") -> None:
        """Warn, unless a warning starts like this already. Thread-safe."""
        with self._lock:
            if not any(warning.startswith(begins) for warning in self.warnings):
                self.warnings.append(begins + goes_on)

    def trip(self) -> float:
        """How long the tenant's recent responses took, in seconds; 0.0 while unknown."""
        return self._throttle(self.origin()).trip()

    def send(self, call: Call) -> Answer:
        """Send a call, and repeat it as its verb and the outcome allow. Returns the success.

        Raises ApiError, InputError, BusyError or Interrupted.
        """
        target = call.url or self.origin() + call.path
        request = _Request(
            call,
            target,
            call.payload(),
            call.auth or self.key(),
            call.timeout or self.connection.request_timeout,
        )
        self.redactor.add(request.auth.secret)
        throttle = self._throttle(target)
        retry = Retry(call.method, self.connection.retry_deadline)
        small = len(request.payload or b"") <= SMALL_BYTES
        while True:
            slot, outcome = self._slot(throttle), ""
            retry.granted(slot)
            leaving = functools.partial(throttle.departed, slot) if small else _nothing
            seen = Attempt(
                call.method, target, call.query or {}, request.payload, call.raw is not None, slot.waited
            )
            try:
                outcome, result = self._attempt(request, retry.deadline, leaving, seen)
            finally:
                throttle.answered(slot, quick=call.method == "GET" and outcome in ("done", "refused"))
            self._warn(throttle)
            if call.method != "GET" and outcome not in ("refused", "never sent"):
                self.interruption.begun()
            seen.ended(outcome, result)
            for watcher in self.watchers:
                watcher(seen)
            if isinstance(result, Answer):
                return result
            pause, again = retry.after(outcome, result)
            if outcome == "refused":
                # This holds all processes back, even for a call that is given up.
                throttle.hold(pause, slot)
            if not again:
                raise retry.failure(outcome)
            if outcome != "refused":
                self.interruption.sleep(pause)

    def key(self) -> Auth:
        """The tenant's key, looked up when the first call needs it: some runs need none. Raises InputError
        when there is none.
        """
        with self._lock:
            if self._key is None:
                self._key = tenant_key(self.connection)
            return self._key

    def _slot(self, throttle: Throttle) -> Slot:
        slot = throttle.wait(self.interruption.refuse)
        self._warn(throttle)
        return slot

    def _warn(self, throttle: Throttle) -> None:
        for warning in throttle.warnings:
            self.warn_once(warning)

    def _throttle(self, target: str) -> Throttle:
        tenant = host_key(urlsplit(target)._replace(path="", query="", fragment="").geturl())
        with self._lock:
            if tenant not in self._throttles:
                rate = self.connection.requests_per_second
                self._throttles[tenant] = Throttle(self.shared_dir, tenant, rate, server=self._server)
            return self._throttles[tenant]

    def _verify(self) -> bool | str:
        if not self.connection.validate_certs:
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
            return False
        # requests would use the variable too, but end in a traceback if the file does not exist.
        path = self.connection.ca_path or os.environ.get("CURL_CA_BUNDLE")
        if path and not os.path.exists(path):
            raise InputError(
                f"{'ca_path' if self.connection.ca_path else 'CURL_CA_BUNDLE'} {path} does not exist on the "
                "host that runs the module. Give the PEM file of the certificate authority, or unset it."
            )
        return path or True

    def _attempt(
        self, request: _Request, deadline: float, leaving: t.Callable[[bool], None], seen: Attempt
    ) -> tuple[str, Answer | ApiError]:
        """Send once. Returns a key of RETRY (or "done") and the response or error.

        leaving: called when the sending begins, with whether it is the first on its connection.
        seen: receives what goes over the wire.
        """
        call = request.call
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": self.connection.user_agent,
        }
        if request.payload is not None:
            headers["Content-Type"] = "application/json"

        def authenticate(prepared: t.Any) -> t.Any:
            # As the session's auth, so that a .netrc entry never replaces the signature.
            prepared.headers.update(request.auth.headers())
            seen.headers = prepared.headers
            return prepared

        parts = urlsplit(request.target)
        began = time.monotonic()
        # Python limits the sending of the whole body by the timeout; the response then has the same time
        # again.
        ends = max(deadline, began + request.seconds * (1 if request.payload is None else 2))
        with watched(ends, leaving) as watch:
            try:
                response = self._session().request(
                    call.method,
                    request.target,
                    params=call.query,
                    data=request.payload,
                    headers=headers,
                    auth=authenticate,
                    timeout=request.seconds,
                    verify=self._verify(),
                    # Plain http is only for this machine, and must not use a proxy, which could read the key.
                    proxies={"no_proxy": parts.hostname} if parts.scheme == "http" else None,
                    allow_redirects=False,
                    stream=True,
                )
                seen.answered(response)
                with response:
                    seen.content = content = read(response)
                    broken = None
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as exc:
                broken = exc
            except Unreadable as exc:
                status = response.status_code
                return ("final" if 300 <= status < 500 else "unreadable"), self._error(
                    call, f"the response {exc}", "Check api_url.", status
                )
            except UnicodeError:
                raise InputError(f"api_url: {parts.netloc} is not a host name.") from None
        lost = "lost" if watch.sent else "never sent"
        # When a connection ends within the headers, Python treats them as complete.
        if watch.expired:
            words = f"the response from {parts.netloc} was not complete after {round(ends - began, 1):g} s"
            return lost, self._error(call, words, "Raise retry_deadline if the tenant is slow.")
        if broken:
            return self._broken(request, parts.netloc, broken, lost)
        return self._classify(call, response, content.decode("utf-8", errors="replace"))

    def _broken(self, request: _Request, host: str, exc: Exception, lost: str) -> tuple[str, ApiError]:
        """The key of RETRY and the error for an exception of requests or urllib3.

        lost: the key for an attempt without a response, depending on whether the request was sent.
        """

        def failed(words: str, hint: str = "") -> ApiError:
            return self._error(request.call, words, hint)

        if isinstance(exc, requests.exceptions.SSLError):
            hint = "For a private certificate authority set ca_path (or REQUESTS_CA_BUNDLE) to its PEM file."
            return "final", failed(f"no trusted TLS connection to {host}: {reason(exc)}", hint)
        if isinstance(exc, requests.exceptions.ProxyError):
            words = f"the proxy for {host} does not answer or refuses: {reason(exc)}"
            return "never sent", failed(words, "Check HTTPS_PROXY and NO_PROXY.")
        if isinstance(exc, (requests.exceptions.ConnectTimeout, requests.exceptions.ConnectionError)):
            if never_sent(exc):
                return "never sent", failed(
                    f"cannot connect to {host}: {reason(exc)}", "Check api_url, the network and HTTPS_PROXY."
                )
            return lost, failed(
                f"the connection to {host} broke before the response was complete: {reason(exc)}"
            )
        if isinstance(exc, requests.exceptions.Timeout):
            return lost, failed(
                f"{host} did not answer within {request.seconds:g} s",
                "Raise request_timeout if the tenant is slow.",
            )
        return "lost", failed(f"the response from {host} could not be read: {reason(exc)}")

    def _classify(self, call: Call, response: t.Any, text: str) -> tuple[str, Answer | ApiError]:
        status, skew = response.status_code, clock_skew(response.headers.get("Date"))
        try:
            decoded, broken = (json.loads(text) if text.strip() else None), False
        except (ValueError, RecursionError):
            decoded, broken = None, True
        if 200 <= status < 300:
            if broken and call.expect_json:
                # Incomplete JSON may be a temporary fault; a page of HTML is the wrong host. Neither is an
                # empty tenant.
                page = text.lstrip().startswith("<")
                hint = "Is api_url the API URL (https://api-...), not the console's?"
                begins = self.quoted(text, text)[:120]
                return "final" if page else "lost", self._error(
                    call, f"the response is not JSON but begins: {begins}", hint, status
                )
            return "done", Answer(status, decoded, skew)
        if 300 <= status < 400:
            where = host_of(response.headers.get("Location", "")) or "another page"
            hint = "Is api_url the API URL (https://api-...)?"
            return "final", self._error(
                call, f"the tenant redirects to {where}; redirects are not followed", hint, status
            )
        decoded = admit(decoded)
        words = words_of(decoded, text if broken else "") or response.reason or "no explanation"
        error = self._error(
            call,
            self.quoted(words, text),
            hint_for(status, skew, call.path, self.connection.api_key_type),
            status,
            retry_after(response.headers.get("Retry-After")),
            skew,
        )
        reply = decoded.get("reply") if isinstance(decoded, dict) else None
        error = dataclasses.replace(error, from_platform=isinstance(reply, dict) and "err_code" in reply)
        throttled = any(said in words.lower() for said in ("too many requests", "rate limit exceeded"))
        if status == 429 or (throttled and status in (400, 403, 503)):
            return "refused", error
        if status in call.final and not broken and not (isinstance(decoded, dict) and "reply" in decoded):
            return "final", dataclasses.replace(error, hint=call.final[status])
        if status in (502, 503, 504):
            return "gateway", error
        return ("lost" if status >= 500 and call.method == "POST" else "final"), error

    def quoted(self, words: str, body: str) -> str:
        """The tenant's words for a message; none of them if its body repeats a secret anywhere."""
        if self.redactor.knows(body[:QUOTED_FROM]):
            return "(the response repeats a secret, so it is not shown)"
        return self.redactor.line(words[:QUOTED_FROM])[:WORDS_SHOWN]

    def _error(
        self,
        call: Call,
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
            words=self.redactor.line(words)[:WORDS_SHOWN],
            hint=self.redactor.line(hint),
            retry_after=retry_after,
            clock_skew=skew,
        )


def _nothing(_fresh: bool) -> None:
    pass


@dataclasses.dataclass(frozen=True)
class _Request:
    """A call, ready to be sent any number of times."""

    call: Call
    target: str
    payload: bytes | None = dataclasses.field(repr=False)
    auth: Auth
    seconds: float
