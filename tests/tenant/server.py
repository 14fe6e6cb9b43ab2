# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EmbeddedTenant: one tenant on its own port. See docs/embedded_tenant.md."""
from __future__ import annotations

import contextlib
import copy
import io
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wsgi import get_input_stream

from .app import Application
from .arranging import Arranging
from .auth import Authenticator, Key, make_keys
from .certificates import Certificates
from .clock import Clock
from .control import PREFIX
from .faults import Faults, Injected, Reply, respond
from .journal import Entry
from .limit import RateLimit
from .state import API, State
from .switches import DEFAULT_PROFILE, Switches
from .upload import AcceptedResult, Upload

LARGEST_BODY = 64 * 1024 * 1024


class Violation(AssertionError):
    """The tenant sent a response that its own OpenAPI document does not allow, or failed internally."""


class Handler(WSGIRequestHandler):
    """HTTP/1.1 with persistent connections; werkzeug's own handler closes each one."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self.emit("400 Bad Request" if not length.isdigit() else "413 Content Too Large", [("Content-Length", "0")], b"")
            return
        # The body is read in any case: an unread one would be taken for the next request.
        body = get_input_stream(environ, max_content_length=LARGEST_BODY).read()
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        path = self.path.partition("?")[0]
        faults = self.server.app.tenant.faults
        fault, before, after = (None, 0.0, 0.0) if path.startswith(PREFIX) else faults.strike(self.command, path)
        time.sleep(before)
        reply = respond(self, fault, lambda lag=0.0: self._carry_out({**environ, "tenant.lag": lag}), faults)
        if reply is not None:
            time.sleep(after)
            self.emit(*reply)

    def _carry_out(self, environ: dict[str, Any]) -> Reply:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
            started[:] = [status, headers]
            return lambda _data: None

        response: Any = self.server.app(environ, start_response)
        with contextlib.closing(response):
            return started[0], started[1], b"".join(response)

    def emit(self, status: str, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Send a response. Every response is sent here."""
        code, _space, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if code != "204" and not any(name.lower() == "content-length" for name, _value in headers):
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: the journal has every request, without secrets."""


class Server(ThreadedWSGIServer):
    """Performs TLS handshakes in the thread of the connection, and closes open connections when it is stopped."""

    daemon_threads = True

    def __init__(self, port: int, app: Any, certificates: Certificates | None) -> None:
        super().__init__("127.0.0.1", port, app, Handler)
        self._certificates = certificates
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()

    def get_request(self) -> tuple[Any, Any]:
        connection, peer = super().get_request()
        if self._certificates is not None:
            context = self._certificates.context(self.app.tenant.behaviour.certificate)
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._open_lock:
            self._open.add(connection)
        return connection, peer

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that hangs up or fails the handshake is not worth a traceback on the console."""

    def close_all(self) -> None:
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class EmbeddedTenant(Arranging):
    """A Cortex Cloud Application Security tenant on 127.0.0.1. arranging.py has the methods that change its state without HTTP.

    profile, rate, switches: its behaviour (switches.py).
    port: 0 for a free one.
    hostnames: further names for the TLS certificate.
    clock: replaces the clocks (clock.py).

    As a context manager it raises Violation at the end if `violations` is not empty.
    """

    def __init__(self, profile: str = DEFAULT_PROFILE, tls: bool = False, rate: int = 10, *, port: int = 0, hostnames: Iterable[str] = (),
                 clock: Clock | None = None, **switches: Any) -> None:
        self._profile, self._initial = profile, {"rate": rate, **switches}
        self.behaviour = Switches(profile, **self._initial)
        self.clock = clock or Clock()
        self.keys: dict[str, Key] = make_keys()
        self.control_token = secrets.token_urlsafe(24)
        self.state = State(self.behaviour, self.clock, lambda: self.url)
        self.limit = RateLimit(self.behaviour, self.clock)
        self.authenticator = Authenticator(self.keys, self.state.tokens, self.behaviour, self.clock)
        self.host, self.port = "127.0.0.1", port
        self.ca_path: str | None = None
        self.violations: list[str] = []
        self.refusals: list[str] = []
        self._tls, self._hostnames = tls, tuple(hostnames)
        self._journal: list[Entry] = []
        self._attempts: list[Entry] = []
        self._seed: tuple[list[dict[str, str]], list[dict[str, Any]]] = ([], [])
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._certificates: Certificates | None = None
        self.faults = Faults()

    # -- start and stop

    def start(self) -> EmbeddedTenant:
        if self._server is not None:
            raise RuntimeError("this tenant is running already")
        if self._tls:
            self._certificates = Certificates(self._hostnames)
            self.ca_path = self._certificates.ca_path
        self._server = server = Server(self.port, Application(self), self._certificates)
        self.port = server.port
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), name=f"tenant-{self.port}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and close every connection. May be called again."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.shutdown()
            self._thread.join()
            server.close_all()
        self.faults.settle()
        if self._certificates is not None:
            self._certificates.close()
            self._certificates = None

    def __enter__(self) -> EmbeddedTenant:
        return self.start()

    def __exit__(self, kind: Any, *_rest: Any) -> None:
        self.stop()
        if self.violations and kind is None:
            raise Violation("the tenant violated its own document: " + "; ".join(self.violations))

    def reset(self) -> None:
        """Restore the initial state (with what `seed` added), journal, faults and switches. Keys, port and violations stay."""
        self.faults.settle()
        self.faults.clear()
        self.state.clear()
        self.seed(*self._seed)
        self.clear_journal()
        self.behaviour.restore(self._profile, **self._initial)
        self.limit.clear()
        self.authenticator.clear()

    # -- address and keys

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    def environment(self, name: str = "admin") -> dict[str, str]:
        """The environment variables of the collection, with the key of that name."""
        return {f"CORTEXCLOUD_{option.upper()}": value for option, value in self.connection(name).items()}

    def connection(self, name: str = "admin") -> dict[str, str]:
        """The connection options of the collection, with the key of that name."""
        key = self.keys[name]
        options = {"api_url": self.url, "api_key_id": key.id, "api_key": key.key, "api_key_type": key.type}
        return options if self.ca_path is None else {**options, "ca_path": self.ca_path}

    def clock_now(self) -> float:
        """The tenant's time in epoch seconds: the clock plus the switch clock_offset."""
        return self.clock.now() + float(self.behaviour.clock_offset)

    def secrets(self) -> set[str]:
        """Every secret that the tenant has issued, tokens of deleted collectors included. None may appear in the journal."""
        return self.state.issued | {key.key for key in self.keys.values()} | {self.control_token}

    # -- behaviour

    @property
    def switches(self) -> dict[str, Any]:
        return self.behaviour.as_dict()

    def set(self, **switches: Any) -> None:
        """Change switches while the tenant runs. Raises SwitchError, which lists the choices."""
        self.behaviour.change(**switches)

    def fault(self, kind: str, **options: Any) -> None:
        """Order a fault for later requests (faults.py has the kinds and options). Raises FaultError."""
        self.faults.add(kind, **options)

    def no_more_faults(self) -> None:
        """Drop the orders, once every late request has been carried out."""
        self.faults.settle()
        self.faults.clear()

    @property
    def injected(self) -> list[Injected]:
        """The faults that struck, in order, since the start or since they were last cleared."""
        return list(self.faults.injected)

    # -- what happened

    @property
    def journal(self) -> list[Entry]:
        return list(self._journal)

    @property
    def writes(self) -> list[Entry]:
        """Requests that would change something, refused ones included. The call that validates a key is not one."""
        return [entry for entry in self._journal if entry.method in ("POST", "PUT", "DELETE", "PATCH") and entry.path.startswith(API)]

    @property
    def write_attempts(self) -> list[Entry]:
        """Writes that the switch read_only refused."""
        return list(self._attempts)

    def record(self, entry: Entry, attempt: bool) -> None:
        self._journal.append(entry)
        if attempt:
            self._attempts.append(entry)

    def clear_journal(self) -> None:
        self._journal.clear()
        self._attempts.clear()
        self.refusals.clear()

    # -- content

    @property
    def instances(self) -> dict[str, dict[str, Any]]:
        """Every instance with the members of requests and its full state, whatever responses show, without credentials and certificate.

        With published fields it also has `uniqueIdentifier`.
        """
        with self.state.lock:
            whole = copy.deepcopy({instance_id: stored.shape for instance_id, stored in self.state.stored.items()})
            for instance_id, shape in whole.items():
                shape["repositoriesCount"] = len(shape["state"])
                if self.behaviour.fields == "published":
                    shape["uniqueIdentifier"] = self.state.stored[instance_id].identifier
        return whole

    @property
    def uploads(self) -> list[Upload]:
        return list(self.state.uploads)

    @property
    def accepted_results(self) -> list[AcceptedResult]:
        """The current SARIF results, each as sent, with `severity`, `tool`, `collector_id`, `repository` and `branch` as attributes."""
        return list(self.state.accepted)
