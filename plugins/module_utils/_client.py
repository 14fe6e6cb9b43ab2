# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 1, one request: wait for a slot, sign, send, classify, retry.
from __future__ import annotations

import dataclasses
import email.utils
import json
import os
import random
import threading
import time
import traceback
import typing as t
import warnings
from urllib.parse import urlsplit

from ._connection import Connection, origin_of
from ._errors import WORDS_SHOWN, ApiError, InputError, words_of
from ._lock import default_directory
from ._redact import Redactor
from ._signing import advanced_headers, collector_headers, standard_headers
from ._throttle import LONGEST_HOLD, Throttle

try:
    import requests
    import urllib3

    REQUESTS_ERROR = None
except ImportError:
    REQUESTS_ERROR = traceback.format_exc()

MAX_ANSWER_BYTES = 256 * 1024 * 1024
CLOCK_SKEW_WORTH_A_HINT = 60.0
NEVER_SENT_ATTEMPTS = 3

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
        deadline: float | None = None
        attempt = 0
        while True:
            attempt += 1
            throttle.wait()
            # Waiting for the first slot is not counted: the budget may be in use by others.
            deadline = deadline or time.monotonic() + self.connection.retry_deadline
            outcome, result = self._attempt(call, deadline)
            if isinstance(result, Answer):
                return result
            pause = _pause(outcome, attempt, result)
            exhausted = time.monotonic() + pause >= deadline or (outcome == "never sent" and attempt >= NEVER_SENT_ATTEMPTS)
            if outcome == "refused":
                throttle.hold(pause)
            if method not in RETRY[outcome] or exhausted:
                raise _final(result, outcome, attempt)
            if outcome != "refused":
                time.sleep(pause)

    def _signer(self, collector: tuple[str, str] | None) -> t.Callable[[], dict[str, str]]:
        if collector:
            self.redactor.add(collector[1])
            _refuse_unprintable(collector, "collector_token_id or collector_token")
            return lambda: collector_headers(*collector)
        c = self.connection
        missing = [
            f"{name} (or {variable})"
            for name, variable, value in (
                ("api_key_id", "CORTEXCLOUD_API_KEY_ID", c.api_key_id),
                ("api_key", "CORTEXCLOUD_API_KEY", c.api_key),
            )
            if not value
        ]
        if missing:
            raise InputError(
                f"{' and '.join(missing)} not set: the tenant cannot be asked without a key. An empty value counts as not set."
            )
        _refuse_unprintable((c.api_key_id.strip(), c.api_key.strip()), "api_key_id or api_key")
        make = advanced_headers if c.api_key_type == "advanced" else standard_headers
        return lambda: make(c.api_key_id.strip(), c.api_key.strip())

    def _throttle(self, target: str) -> Throttle:
        tenant = urlsplit(target).netloc.lower()
        with self._throttles_lock:
            return self._throttle_of(tenant)

    def _throttle_of(self, tenant: str) -> Throttle:
        if tenant not in self._throttles:
            throttle = Throttle(self.lock_directory, tenant, self.connection.requests_per_second)
            if throttle.warning:
                self.warnings.append(throttle.warning)
            self._throttles[tenant] = throttle
        return self._throttles[tenant]

    def _verify(self) -> bool | str:
        if not self.connection.validate_certs:
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
            return False
        path = self.connection.ca_path
        if path and not os.path.exists(path):
            raise InputError(
                f"ca_path {path} does not exist on the host that runs the module. Give the PEM file of the certificate "
                "authority, or unset it."
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
                content = _read(response, max(deadline, time.monotonic() + call.seconds))
        except requests.exceptions.SSLError as exc:
            hint = "For a private certificate authority set ca_path (or REQUESTS_CA_BUNDLE) to its PEM file."
            return "final", failed(f"no trusted TLS connection to {host}: {_reason(exc)}", hint)
        except requests.exceptions.ProxyError as exc:
            return "never sent", failed(
                f"the proxy for {host} does not answer or refuses: {_reason(exc)}", "Check HTTPS_PROXY and NO_PROXY."
            )
        except (requests.exceptions.ConnectTimeout, requests.exceptions.ConnectionError) as exc:
            if _never_sent(exc):
                return "never sent", failed(f"cannot connect to {host}: {_reason(exc)}", "Check api_url, the network and HTTPS_PROXY.")
            return "lost", failed(f"the connection to {host} broke before the answer was complete: {_reason(exc)}")
        except _TooBig:
            return "final", failed(f"the answer is larger than {MAX_ANSWER_BYTES} bytes", "Check api_url.")
        except (requests.exceptions.Timeout, _TooSlow):
            return "lost", failed(f"{host} did not answer within {call.seconds:g} s", "Raise request_timeout if the tenant is slow.")
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as exc:
            return "lost", failed(f"the answer of {host} could not be read: {_reason(exc)}")
        except UnicodeError:
            raise InputError(f"api_url: {host} is not a host name.") from None
        return self._classify(call, response, content.decode("utf-8", errors="replace"))

    def _classify(self, call: _Call, response: t.Any, text: str) -> tuple[str, Answer | ApiError]:
        status, skew = response.status_code, _skew(response.headers.get("Date"))
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
            where = _host_of(response.headers.get("Location", "")) or "another page"
            hint = "Is api_url the API URL (https://api-...)?"
            return "final", self._error(call, f"the tenant redirects to {where}; redirects are not followed", hint, status)
        words = words_of(decoded, text if broken else "") or response.reason or "no explanation"
        error = self._error(
            call, words, self._hint(status, skew, call.path), status, _retry_after(response.headers.get("Retry-After")), skew
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

    def _hint(self, status: int, skew: float | None, path: str) -> str:
        if status == 401:
            if skew is not None and abs(skew) > CLOCK_SKEW_WORTH_A_HINT:
                return (
                    f"The clock of this machine is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the "
                    "tenant's: synchronise it, since a signature is only valid for minutes."
                )
            kind = self.connection.api_key_type
            return (
                "The key or its id is wrong, the key has expired or was deleted, or it is not of api_key_type "
                f"{kind} (as this run assumes; the tenant says the same in all these cases)."
            )
        if status == 402:
            return (
                "The tenant has no licence for this: it needs a Cortex Cloud Posture or Runtime Security licence "
                "with the Application Security add-on."
            )
        if status == 403:
            return (
                "The key is valid but may not do this: its role needs Data Sources and Integrations View/Edit "
                "(Instance Administrator or AppSec Admin have it)."
            )
        if status == 404 and path.endswith("/data_source_instances"):
            return "Is api_url the API URL of a tenant with Application Security (https://api-...)?"
        if status == 429:
            return (
                "The tenant allows 10 requests per second to all its clients together: lower requests_per_second, or find the other client."
            )
        return ""


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
    ceiling = min(20.0, 0.5 * 2 ** (attempt - 1))
    # Jitter, so that forks that failed together do not come back together; after a 429 never at once, the window is full.
    return random.uniform(max(0.2, ceiling / 4) if outcome == "refused" else 0.0, ceiling)


def _final(error: ApiError, outcome: str, attempts: int) -> ApiError:
    ambiguous = error.method != "GET" and outcome in ("gateway", "lost")
    unknown = "The tenant may have carried it out all the same: run again, which looks first." if ambiguous else ""
    return error.with_hint(" ".join(filter(None, [error.hint, unknown])), attempts, ambiguous)


class _TooBig(Exception):
    pass


class _TooSlow(Exception):
    pass


def _refuse_unprintable(values: tuple[str, str], options: str) -> None:
    if not all(value.isascii() and value.isprintable() for value in values):
        raise InputError(f"{options} holds a line break or a character that no key has: copy it again, without surrounding text.")


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _read(response: t.Any, deadline: float) -> bytes:
    """The whole body. Raises _TooBig, and _TooSlow for a server that sends a byte now and then, which never trips the read timeout."""
    chunks, size = [], 0
    # A plain read waits until the piece asked for is full; read1 hands over what is there (urllib3 2), else the pieces must be small.
    read1 = getattr(response.raw, "read1", None)
    pieces = iter(lambda: read1(65536, decode_content=True), b"") if read1 else response.iter_content(512)
    for piece in pieces:
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise _TooBig
        if time.monotonic() > deadline:
            raise _TooSlow
        chunks.append(piece)
    return b"".join(chunks)


def _never_sent(exc: BaseException) -> bool:
    reason = getattr(exc.args[0], "reason", None) if exc.args else None
    return isinstance(exc, requests.exceptions.ConnectTimeout) or isinstance(
        reason, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    )


def _reason(exc: BaseException) -> str:
    """The innermost cause in words, without the object addresses and the URL (which may hold a query) of the outer messages."""
    inner: t.Any = exc
    while True:
        args = getattr(inner, "args", ())
        deeper = getattr(inner, "reason", None) or next((a for a in args if isinstance(a, BaseException)), None)
        if not isinstance(deeper, BaseException) or deeper is inner:
            break
        inner = deeper
    text = str(inner)
    for marker in ("Failed to establish a new connection: ", "Failed to resolve "):
        if marker in text:
            text = ("cannot resolve " if "resolve" in marker else "") + text.split(marker, 1)[1]
    return text.rstrip(".") if not text.startswith("<") else type(inner).__name__


def _skew(date: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time() if date else None
    except (TypeError, ValueError):
        return None


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header in either form; None when absent or unreadable."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        skew = _skew(value)
        return None if skew is None else max(0.0, skew)
