# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores for the state of a budget: a file, a server, or the process itself.

Private to the collection, floor 1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import os
import socket
import tempfile
import threading
import time
import typing as t
from urllib.parse import parse_qsl, unquote, urlsplit

from .._errors import InputError
from .interruption import leave_signals_to_the_main_thread
from .lock import SHORT_LOCK_SECONDS, default_directory, file_name, hold_alone, open_shared, usable_directory
from .plain import one_line

T = t.TypeVar("T")
# How long a server may take to connect or to respond, in seconds.
SERVER_SECONDS = 2.0
# What the library raises for bytes that no such server sends.
_STRANGE = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError, AssertionError,
)  # fmt: skip
# Characters: no state that these processes wrote is as long.
_MOST = 1_000_000
# Milliseconds after which an untouched state expires.
_KEPT = 3_600_000
# Replaces the text that was read by the new one, unless another process was faster. A lock would not do: a
# suspended process could believe that it still has it, and a killed one would leave it behind.
_SWAP = """
if redis.call('GETRANGE', KEYS[1], 0, ARGV[4]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


@dataclasses.dataclass(frozen=True)
class Moment:
    """Now, in seconds of the clock that all processes with this state share.

    begun: it is not earlier than this.
    ended: it is not later than this when the change is stored.
    """

    begun: float
    ended: float


# Turns a state's text ("" if there is none) into its next text and a result. May be called more than once.
Work = t.Callable[[str, Moment], tuple[str, T]]


class Store(t.Protocol):
    """host: the machine or server whose clock it uses."""

    host: str

    def change(self, work: Work[T]) -> T:
        """Read, change and write the text, while no other process does. Raises OSError if that is
        impossible.
        """


def host() -> str:
    """Identifies the clock of this process: its machine since the last start, whatever the container."""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
    return socket.gethostname()


class OwnStore:
    """For this process alone."""

    def __init__(self, clock: t.Callable[[], float]) -> None:
        self.host, self._clock, self._text = host(), clock, ""

    def change(self, work: Work[T]) -> T:
        now = self._clock()
        self._text, result = work(self._text, Moment(now, now))
        return result


class FolderStore:
    """A file for each tenant, locked while it is read and written. Raises OSError if the folder does not
    allow that.
    """

    def __init__(self, directory: str, tenant: str, clock: t.Callable[[], float]) -> None:
        with tempfile.TemporaryFile(dir=usable_directory(directory, own=directory == default_directory())):
            pass
        self.host, self._clock = host(), clock
        self._path = os.path.join(directory, f"{file_name(tenant)}.json")

    def change(self, work: Work[T]) -> T:
        file = open_shared(self._path)
        try:
            hold_alone(file)
            try:
                text = file.read(_MOST + 1)
                text = text if len(text) <= _MOST else ""
            except ValueError:  # not UTF-8
                text = ""
            now = self._clock()
            text, result = work(text, Moment(now, now))
            with contextlib.suppress(
                OSError
            ):  # a full disk: the budget is as large as before, the run goes on
                file.seek(0)
                file.write(text)
                file.truncate()
                file.flush()
        finally:
            with contextlib.suppress(OSError):  # it tries again to write what the disk had no room for
                file.close()
        return result


@dataclasses.dataclass(frozen=True)
class Server:
    """A Valkey or Redis server.

    authority: PEM file of its certificate authority; "" for those of the system.
    """

    name: str
    port: int
    database: int = 0
    tls: bool = False
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    authority: str = ""

    def __str__(self) -> str:
        return f"{f'[{self.name}]' if ':' in self.name else self.name}:{self.port}"

    @classmethod
    def at(cls, url: str) -> Server:
        """The server that rate_limit_url names. Raises InputError, which does not repeat the URL: it may
        contain a password.
        """
        form = "Give redis://HOST:6379, or rediss://:PASSWORD@HOST:6379/0, with %40 for an @ in the password."
        try:
            parts = urlsplit(url.strip())
            name, port = parts.hostname or "", parts.port
            query = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
            database = int(parts.path.strip("/") or 0)
        except ValueError:
            raise InputError(f"rate_limit_url is not a URL of a Valkey or Redis server. {form}") from None
        for wrong, what in (
            (parts.scheme not in ("redis", "rediss"), "does not begin with redis:// or rediss://"),
            (not name or not name.isascii() or any(c.isspace() for c in url.strip()), "names no host"),
            (database < 0 or parts.fragment, "does not end with the number of a database"),
            (query.keys() - {"ssl_ca_certs"}, "has a query (?...) other than ssl_ca_certs"),
            (query and parts.scheme == "redis", "has ssl_ca_certs without TLS"),
        ):
            if wrong:
                raise InputError(f"rate_limit_url {what}. {form}")
        user, password = (unquote(part or "") for part in (parts.username, parts.password))
        tls, authority = parts.scheme == "rediss", query.get("ssl_ca_certs", "")
        return cls(name, port or 6379, database, tls, user, password, authority)


class ServerStore:
    """One key per tenant on a Valkey or Redis server, whose clock all processes use. Raises InputError if
    its library is missing.
    """

    host = "the server"

    def __init__(self, server: Server, tenant: str) -> None:
        try:
            redis: t.Any = importlib.import_module("redis")
            retry: t.Any = importlib.import_module("redis.retry")
            backoff: t.Any = importlib.import_module("redis.backoff")
        except ImportError:
            raise InputError(
                "rate_limit_url needs the Python library redis, which is missing on the host and interpreter "
                "that run this: pip install 'redis>=5', or remove rate_limit_url."
            ) from None
        # Some servers repeat in their errors what they were sent.
        self._secrets = [secret for secret in (server.password, server.user) if secret]
        self._key, self._errors = f"cortex_cloud_appsec:rate:{file_name(tenant)}", redis.exceptions
        secure = {"ssl": True, "ssl_ca_certs": server.authority or None} if server.tls else {}
        self._redis = redis.Redis(
            host=server.name,
            port=server.port,
            db=server.database,
            username=server.user or None,
            password=server.password or None,
            socket_timeout=SERVER_SECONDS,
            socket_connect_timeout=SERVER_SECONDS,
            retry=retry.Retry(backoff.NoBackoff(), 0),
            protocol=2,
            **secure,
        )

    def change(self, work: Work[T]) -> T:
        deadline = time.monotonic() + SHORT_LOCK_SECONDS
        while time.monotonic() < deadline:
            began = time.monotonic()
            now, old = self._response(self._read)
            trip = time.monotonic() - began
            # The time was read before the response came back, and writing takes as long again.
            known = old.decode(errors="replace") if len(old) <= _MOST else ""
            text, result = work(known, Moment(now, now + 2 * trip))
            new = text.encode()
            if new == old or self._response(functools.partial(self._swapped, old, new)):
                return result
        raise OSError(f"other jobs kept changing the state there for {SHORT_LOCK_SECONDS:.0f} s")

    def _read(self) -> tuple[float, bytes]:
        (seconds, micros), value = (
            self._redis.pipeline(transaction=False).time().getrange(self._key, 0, _MOST).execute()
        )
        if not isinstance(value, (bytes, type(None))):
            raise TypeError
        return seconds + micros / 1e6, value or b""

    def _swapped(self, old: bytes, new: bytes) -> bool:
        return bool(self._redis.eval(_SWAP, 1, self._key, old, new, _KEPT, _MOST))

    def _response(self, ask: t.Callable[[], T]) -> T:
        """The result of ask. Raises OSError if the server does not respond in time, or not like Redis."""
        over, late = threading.Event(), threading.Event()

        def watch() -> None:
            leave_signals_to_the_main_thread()
            if not over.wait(2 * SERVER_SECONDS):
                late.set()
                with contextlib.suppress(Exception):
                    self._redis.connection_pool.disconnect(inuse_connections=True)

        # The library's own timeout limits only each wait for bytes: a server that sends one now and then
        # could delay this forever.
        threading.Thread(target=watch, daemon=True).start()
        try:
            return ask()
        except self._errors.AuthenticationError:
            raise OSError("it refused the user or the password") from None
        except (self._errors.RedisError, OSError, *_STRANGE) as exc:
            if late.is_set() or isinstance(exc, self._errors.TimeoutError):
                raise OSError(f"no response within {SERVER_SECONDS:g} s") from None
            if isinstance(exc, self._errors.RedisError):
                raise OSError(self._words(exc)) from None
            raise OSError("it does not respond like a Valkey or Redis server") from None
        finally:
            over.set()

    def _words(self, exc: Exception) -> str:
        text = str(exc)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return one_line(text)[:200].rstrip(".") or type(exc).__name__
