# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that sends what a test wrote: one line of the script per request, and the last line for all further ones."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Say:
    """A response: an HTTP status, a body (text, bytes, or anything else as JSON) and headers."""

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, handler: Handler) -> None:
        body = self.body if isinstance(self.body, bytes) else (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


def hang_up(handler: Handler) -> None:
    """Read the request, and close the connection without a response."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def cut_off(handler: Handler) -> None:
    """Promise 1000 bytes and send ten."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')
    handler.wfile.flush()
    hang_up(handler)


def drip(status: int = 200, lasting: float = 8.0, **headers: str) -> Callable[[Handler], None]:
    """One byte now and then, so that no read times out; ends after `lasting` seconds, so that a test that waits for it fails."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": "1000000", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        end = time.monotonic() + lasting
        while time.monotonic() < end and not handler.server.script.stopped.wait(0.05):
            handler.wfile.write(b" ")
            handler.wfile.flush()
        hang_up(handler)

    return answer


def zipped(body: bytes, pieces: int, chunked: bool) -> Callable[[Handler], None]:
    """The body compressed, in this number of pieces, the first of which contains only the header of the compression."""

    def answer(handler: Handler) -> None:
        packed = gzip.compress(body)
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header(*("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(packed))))
        handler.end_headers()
        step = -(-(len(packed) - 10) // pieces)
        for part in [packed[:10], *(packed[at : at + step] for at in range(10, len(packed), step))]:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
            handler.wfile.flush()
            time.sleep(0.02)
        if chunked:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def silence(handler: Handler) -> None:
    """Read the request and never respond."""
    handler.server.script.stopped.wait(8)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client went away: that is what some tests are about
            self.close_connection = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.script.next(Request(self.command, self.path, dict(self.headers.items()), body))(self)

    do_GET = do_PUT = do_POST = do_DELETE = do_CONNECT = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the test reads `requests`."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    script: ScriptedServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that close the connection."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer:
    """As a context manager: a server on a free port of 127.0.0.1. `requests` has the requests, in order."""

    def __init__(self, *script: Callable[[Handler], None], tls: ssl.SSLContext | None = None) -> None:
        self._script, self.requests, self.stopped = list(script), list[Request](), threading.Event()
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.script = self
        self.port = self._server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def next(self, request: Request) -> Callable[[Handler], None]:
        with self._lock:
            self.requests.append(request)
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
