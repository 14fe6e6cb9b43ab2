# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults between a client and the tenant, ordered by method, path and count, or drawn from a seed."""
from __future__ import annotations

import collections
import contextlib
import dataclasses
import email.utils
import math
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import Handler

# Status line, headers, body.
Reply = tuple[str, list[tuple[str, str]], bytes]

# kind -> what it does, for docs/embedded_tenant.md
KINDS: dict[str, str] = {
    "lost_answer": "the request is carried out, then the connection is closed without a response",
    "late_commit": "the connection is closed at once; the request is carried out `seconds` later, when the client has given up",
    "closed_before": "the connection is closed; nothing is carried out",
    "throttled": "429; nothing is carried out; `retry_after`: none, or seconds, in the header as a number or (`date`) as a date",
    "html_500": "500 with an HTML page; nothing is carried out",
    "bad_gateway": "502 after the request was carried out",
    "unavailable": "503; nothing is carried out; `retry_after` as above",
    "truncated_json": "the request is carried out; the connection is closed in the middle of the response's body",
    "malformed_json": "the request is carried out; the response is complete, but half of its JSON is missing",
    "lagging_list": "the list shows the instances that existed `seconds` ago: none created since, and those deleted since",
    "redirect": "302 to `location`, by default another host; nothing is carried out",
    "slow_answer": "the request is carried out; the response is sent `seconds` later",
    "latency": "half of `seconds` each way, plus up to half of `jitter` each way; may be combined with any other fault",
}


class FaultError(ValueError):
    """A fault or an option that does not exist, or a value that makes no sense. The message says what is allowed."""


@dataclasses.dataclass
class Fault:
    """One order. KINDS describes seconds, jitter, retry_after, date and location.

    method: None for any.
    path: a regular expression that is searched for in the path.
    after: how many matching requests are left alone first.
    count: how many requests it strikes, None for all.
    chance: 0 to 1, drawn from `seed`, the method and the number of the request, so that a seed repeats its faults.
    """

    kind: str
    method: str | None = None
    path: str = ""
    count: int | None = 1
    after: int = 0
    chance: float = 1.0
    seed: str = ""
    seconds: float = 0.0
    jitter: float = 0.0
    retry_after: float | None = None
    date: bool = False
    location: str = "http://another-host.example.com/"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FaultError(f"no fault named {self.kind!r}; there are {', '.join(KINDS)}")
        for name in ("seconds", "jitter", "chance", "after"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
                raise FaultError(f"{name} of a fault must be a number, not below 0")
        if self.count is not None and (not isinstance(self.count, int) or self.count < 1):
            raise FaultError("count of a fault must be a whole number above 0, or null for all")
        if self.retry_after is not None and not isinstance(self.retry_after, (int, float)):
            raise FaultError("retry_after of a fault must be a number of seconds, or null for no header")
        try:
            re.compile(self.path)
        except (re.error, TypeError):
            raise FaultError("path of a fault must be a regular expression") from None


@dataclasses.dataclass(frozen=True)
class Injected:
    """A fault that struck: its kind, and the method and path of the request."""

    kind: str
    method: str
    path: str


class Faults:
    """The pending orders. At most one fault strikes a request, that of the earliest matching order; latency is added to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[threading.Timer] = []
        self.clear()

    def clear(self) -> None:
        """Drop the orders, and forget the faults that struck."""
        with self._lock:
            self._orders: list[Fault] = []
            self.injected: list[Injected] = []
            self._seen: dict[str, int] = {}
            self._random = random.Random("jitter")

    def add(self, kind: str, **options: Any) -> None:
        """Order a fault. Raises FaultError."""
        known = {field.name for field in dataclasses.fields(Fault)}
        unknown = set(options) - known
        if unknown:
            raise FaultError(f"a fault has no {' or '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
        fault = Fault(kind, **options)
        with self._lock:
            self._orders.append(fault)

    def counted(self) -> dict[str, int]:
        """How often each kind struck."""
        with self._lock:
            return dict(collections.Counter(one.kind for one in self.injected))

    def orders(self) -> list[dict[str, Any]]:
        with self._lock:
            return [dataclasses.asdict(fault) for fault in self._orders]

    def strike(self, method: str, path: str) -> tuple[Fault | None, float, float]:
        """The fault for this request, if any, and the latency before and after it in seconds."""
        with self._lock:
            number = self._seen[method] = self._seen.get(method, 0) + 1
            hit: Fault | None = None
            before = after = 0.0
            for fault in list(self._orders):
                if (hit is not None and fault.kind != "latency") or not self._matches(fault, method, path, number):
                    continue
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count <= 0:
                        self._orders.remove(fault)
                self.injected.append(Injected(fault.kind, method, path))
                if fault.kind == "latency":
                    before += fault.seconds / 2 + self._random.uniform(0, fault.jitter / 2)
                    after += fault.seconds / 2 + self._random.uniform(0, fault.jitter / 2)
                else:
                    hit = fault
            return hit, before, after

    @staticmethod
    def _matches(fault: Fault, method: str, path: str, number: int) -> bool:
        if (fault.method and fault.method != method) or not re.search(fault.path, path):
            return False
        if fault.kind == "lagging_list" and (method != "GET" or not path.endswith("/data_source_instances")):
            return False
        if fault.after > 0:
            fault.after -= 1
            return False
        return fault.chance >= 1 or random.Random(f"{fault.seed} {fault.kind} {method} {number}").random() < fault.chance

    def later(self, seconds: float, work: Callable[[], Any]) -> None:
        timer = threading.Timer(seconds, work)
        timer.daemon = True
        with self._lock:
            self._pending = [one for one in self._pending if one.is_alive()] + [timer]
        timer.start()

    def settle(self) -> None:
        """Wait until every late request has been carried out."""
        with self._lock:
            pending = list(self._pending)
        for timer in pending:
            timer.join()


def respond(handler: Handler, fault: Fault | None, carry_out: Callable[..., Reply], faults: Faults) -> Reply | None:
    """The reply to a request under this fault; None if the connection was closed instead. carry_out(lag) has the tenant process it."""
    kind = fault.kind if fault else ""
    if fault is None or kind == "lagging_list":
        return carry_out(fault.seconds if fault else 0.0)
    if kind == "late_commit":
        faults.later(fault.seconds, carry_out)
    if kind in ("closed_before", "late_commit"):
        return hang_up(handler)
    if kind in ("throttled", "unavailable"):
        return _refusal(fault)
    if kind == "html_500":
        return "500 Internal Server Error", [("Content-Type", "text/html")], b"<html><body><h1>Internal Server Error</h1></body></html>"
    if kind == "redirect":
        return "302 Found", [("Location", fault.location), ("Content-Type", "text/html")], b"<html>moved</html>"
    status, headers, body = carry_out()
    if kind == "bad_gateway":
        return "502 Bad Gateway", [("Content-Type", "text/html")], b"<html><body>502 Bad Gateway</body></html>"
    if kind == "slow_answer":
        time.sleep(fault.seconds)
    elif kind == "malformed_json":
        body = body[: len(body) // 2] or b'{"'
        headers = [("Content-Type", "application/json"), *other_headers(headers)]
    elif kind == "truncated_json":
        described = [("Content-Type", "application/json"), ("Content-Length", str(len(body) + 20))]
        with contextlib.suppress(OSError):
            handler.emit(status, [*other_headers(headers), *described], body[: len(body) // 2])
    if kind in ("lost_answer", "truncated_json"):
        return hang_up(handler)
    return status, headers, body


def other_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers that do not describe the body."""
    return [(name, value) for name, value in headers if name.lower() not in ("content-length", "content-type")]


def hang_up(handler: Handler) -> None:
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)


def _refusal(fault: Fault) -> Reply:
    headers = [("Content-Type", "application/json")]
    if fault.retry_after is not None:
        when = email.utils.formatdate(time.time() + fault.retry_after, usegmt=True) if fault.date else f"{fault.retry_after:g}"
        headers.append(("Retry-After", when))
    if fault.kind == "throttled":
        return "429 Too Many Requests", headers, b'{"reply":{"err_code":429,"err_msg":"Too many requests.","err_extra":null}}'
    return "503 Service Unavailable", headers, b'{"reply":{"err_code":503,"err_msg":"Service unavailable","err_extra":null}}'


def table() -> str:
    """The kinds as a Markdown table, for docs/embedded_tenant.md."""
    return "\n".join(["| fault | what happens |", "|---|---|", *(f"| `{kind}` | {says} |" for kind, says in KINDS.items())]) + "\n"
