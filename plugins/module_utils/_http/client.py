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
from .call import Attempt, Call, Response, Watcher
from .connection import Connection, origin_of, secret_from_file
from .interruption import Interruption
from .lock import default_directory, exclusive
from .redaction import Redactor
from .responses import Unreadable, clock_skew, hint_for, host_of, never_sent, read, reason, retry_after
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

# The tenant may count a request with a larger body long after its sending began, so its slot is free only
# after the response.
SMALL_BYTES = 100_000
# Number of characters of a response that are searched for secrets before a part of it is shown.
QUOTED_FROM = 100_000


class Client:
    """Sends calls to one tenant.

    redactor: knows this run's secrets; those of each call are added to it.
    warnings: for the user.
    on_read: called by any thread with the number of objects read and their total; 0 if that is unknown.
    interruption: checked before each request; the caller decides which signs of an interruption it watches.
    watchers: each is called with every attempt after it has ended.
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
        self.interruption = Interruption()
        self.watchers: list[Watcher] = []
        if connection.trace_file:
            path, names = connection.trace_file, connection.trace_names
            trace = Trace(path, names, self.redactor, self.warnings, lambda: self.key().secret)
            self.watchers.append(trace.see)
        self.on_read: t.Callable[[int, int], None] = lambda _done, _total: None
        self._key: Auth | None = None
        self._throttles: dict[str, Throttle] = {}
        self._lock = threading.Lock()
        # One session per thread: requests does not promise thread safety.
        self._local = threading.local()
        self._sessions: list[t.Any] = []

    @property
    def waits(self) -> dict[str, t.Any]:
        """How many times and how long (in seconds) this process waited for a slot."""
        throttles = self._throttles.values()
        return {
            "waits": sum(each.waits for each in throttles),
            "seconds": round(sum(each.seconds for each in throttles), 3),
        }

    def _session(self) -> t.Any:
        if not hasattr(self._local, "session"):
            session: t.Any = requests.Session()
            # Redirects are not followed; requests would read a whole body just to look at the target.
            session.get_redirect_target = lambda _response: None
            for scheme in ("https://", "http://"):
                session.mount(scheme, adapter())
            self._local.session = session
            self._sessions.append(session)
        return self._local.session

    def close(self) -> None:
        """Close the connections."""
        for session in self._sessions:
            session.close()

    @property
    def shared_dir(self) -> str:
        """The folder in which processes share the request budget and the locks."""
        return self.connection.rate_limit_dir or default_directory()

    def exclusive(self, *parts: str) -> t.ContextManager[None]:
        """The lock of one object; see lock.py."""
        return exclusive(self.shared_dir, *parts, warnings=self.warnings, refuse=self.interruption.refuse)

    def origin(self) -> str:
        """The tenant's checked URL. Raises InputError."""
        return origin_of(self.connection.api_url, self.connection.expected_tenant)

    def warn_once(self, begins: str, goes_on: str = "") -> None:
        """Add a warning, unless one already begins like this. Thread-safe."""
        with self._lock:
            if not any(warning.startswith(begins) for warning in self.warnings):
                self.warnings.append(begins + goes_on)

    def trip(self) -> float:
        """How long the tenant's recent responses took, in seconds; 0.0 while unknown."""
        return self._throttle(self.origin()).trip()

    def send(self, call: Call) -> Response:
        """Send a call, and repeat it as its verb and the outcome allow. Returns the success.

        Raises ApiError, InputError, BusyError or Interrupted.
        """
        target, payload, auth = call.url or self.origin() + call.path, call.payload(), call.auth or self.key()
        request = _Request(call, target, payload, auth, call.timeout or self.connection.request_timeout)
        self.redactor.add(auth.secret)
        throttle = self._throttle(target)
        retry = Retry(call.method, self.connection.retry_deadline)
        small = len(payload or b"") <= SMALL_BYTES
        while True:
            slot, outcome = self._slot(throttle), ""
            retry.granted(slot)
            leaving = functools.partial(throttle.departed, slot) if small else lambda _fresh: None
            seen = Attempt(call.method, target, call.query or {}, payload, call.raw is not None, slot.waited)
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
            if isinstance(result, Response):
                return result
            pause, again = retry.after(outcome, result)
            if outcome == "refused":
                # All processes wait, even if this call is given up.
                throttle.hold(pause, slot)
            if not again:
                raise retry.failure(outcome)
            if outcome != "refused":
                self.interruption.sleep(pause)

    def key(self) -> Auth:
        """The tenant's key, looked up only when a call needs it. Raises InputError if there is none."""
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
    ) -> tuple[str, Response | ApiError]:
        """Send once. Returns a key of RETRY (or "done") and the response or error.

        deadline: of the call, in seconds of the monotonic clock.
        leaving: called when the sending begins, with whether it is the first request on its connection.
        seen: receives what goes over the wire.
        """
        call = request.call
        agent = self.connection.user_agent
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": agent}
        if request.payload is not None:
            headers["Content-Type"] = "application/json"

        def authenticate(prepared: t.Any) -> t.Any:
            # Given to requests as auth, so that a .netrc entry never replaces the signature.
            prepared.headers.update(request.auth.headers())
            seen.headers = prepared.headers
            return prepared

        parts = urlsplit(request.target)
        began = time.monotonic()
        # The timeout limits the sending of the whole body; the response then has the same time again.
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
                    # Plain http is for this machine only, without a proxy, which could read the key.
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
                outcome = "final" if 300 <= response.status_code < 500 else "unreadable"
                error = self._error(call, f"the response {exc}", "Check api_url.", response.status_code)
                return outcome, error
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

        lost: the key if there was no response: "lost" or "never sent".
        """
        hint = ""
        if isinstance(exc, requests.exceptions.SSLError):
            outcome, words = "final", f"no trusted TLS connection to {host}: {reason(exc)}"
            hint = "For a private certificate authority set ca_path (or REQUESTS_CA_BUNDLE) to its PEM file."
        elif isinstance(exc, requests.exceptions.ProxyError):
            outcome, words = "never sent", f"the proxy for {host} does not answer or refuses: {reason(exc)}"
            hint = "Check HTTPS_PROXY and NO_PROXY."
        elif isinstance(exc, requests.exceptions.ConnectionError) and never_sent(exc):
            outcome, words = "never sent", f"cannot connect to {host}: {reason(exc)}"
            hint = "Check api_url, the network and HTTPS_PROXY."
        elif isinstance(exc, requests.exceptions.ConnectionError):
            outcome = lost
            words = f"the connection to {host} broke before the response was complete: {reason(exc)}"
        elif isinstance(exc, requests.exceptions.Timeout):
            outcome, words = lost, f"{host} did not answer within {request.seconds:g} s"
            hint = "Raise request_timeout if the tenant is slow."
        else:
            outcome, words = "lost", f"the response from {host} could not be read: {reason(exc)}"
        return outcome, self._error(request.call, words, hint)

    def _classify(self, call: Call, response: t.Any, text: str) -> tuple[str, Response | ApiError]:
        status, skew = response.status_code, clock_skew(response.headers.get("Date"))
        try:
            decoded, broken = (json.loads(text) if text.strip() else None), False
        except (ValueError, RecursionError):
            decoded, broken = None, True
        if 200 <= status < 300:
            if broken and call.expect_json:
                # Incomplete JSON may be a temporary fault; a page of HTML means the wrong host. Neither is
                # an empty tenant.
                outcome = "final" if text.lstrip().startswith("<") else "lost"
                words = f"the response is not JSON but begins: {self.quoted(text, text)[:120]}"
                hint = "Is api_url the API URL (https://api-...), not the console's?"
                return outcome, self._error(call, words, hint, status)
            return "done", Response(status, decoded, skew)
        if 300 <= status < 400:
            where = host_of(response.headers.get("Location", "")) or "another page"
            words = f"the tenant redirects to {where}; redirects are not followed"
            return "final", self._error(call, words, "Is api_url the API URL (https://api-...)?", status)
        decoded = admit(decoded)
        words = words_of(decoded, text if broken else "") or response.reason or "no explanation"
        hint = hint_for(status, skew, call.path, self.connection.api_key_type)
        reply = decoded.get("reply") if isinstance(decoded, dict) else None
        error = dataclasses.replace(
            self._error(call, self.quoted(words, text), hint, status),
            retry_after=retry_after(response.headers.get("Retry-After")),
            clock_skew=skew,
            from_platform=isinstance(reply, dict) and "err_code" in reply,
        )
        throttled = any(phrase in words.lower() for phrase in ("too many requests", "rate limit exceeded"))
        if status == 429 or (throttled and status in (400, 403, 503)):
            return "refused", error
        if status in call.final and not broken and not (isinstance(decoded, dict) and "reply" in decoded):
            return "final", dataclasses.replace(error, hint=call.final[status])
        if status in (502, 503, 504):
            return "gateway", error
        return ("lost" if status >= 500 and call.method == "POST" else "final"), error

    def quoted(self, words: str, body: str) -> str:
        """The tenant's words for a message, or a note instead if its body repeats a secret anywhere."""
        if self.redactor.knows(body[:QUOTED_FROM]):
            return "(the response repeats a secret, so it is not shown)"
        return self.redactor.line(words[:QUOTED_FROM])[:WORDS_SHOWN]

    def _error(self, call: Call, words: str, hint: str, status: int | None = None) -> ApiError:
        words, hint = self.redactor.line(words)[:WORDS_SHOWN], self.redactor.line(hint)
        return ApiError(
            call.operation, call.subject, call.method, call.path, status=status, words=words, hint=hint
        )


@dataclasses.dataclass(frozen=True)
class _Request:
    """A call, ready to be sent any number of times."""

    call: Call
    target: str
    payload: bytes | None = dataclasses.field(repr=False)
    auth: Auth
    seconds: float
