# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends an attempt at its deadline, whatever the other side is sending.

Private to the collection, floor 1.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import typing as t

from .interruption import leave_signals_to_the_main_thread

with contextlib.suppress(ImportError):  # the client reports it
    import requests

# Seconds that the thread waits for another attempt before it ends.
_LINGER = 1.0


class Watch:
    """One attempt. At the deadline its connection is shut down, whatever is reading or writing.

    A read timeout only limits each wait for bytes. It does not stop a server that sends one now and then, for
    example in a header line that never ends.
    deadline: in seconds of the monotonic clock.
    on_leaving: called whenever a request begins to be sent over an established connection, with whether it is
        the first one on it.
    expired: whether the deadline has passed.
    sent: whether the request has begun to be sent, so that it may have been carried out.
    """

    def __init__(self, deadline: float, on_leaving: t.Callable[[bool], None] = lambda _fresh: None) -> None:
        self.deadline, self.on_leaving = deadline, on_leaving
        self.expired = self.sent = self._over = False
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()

    def attach(self, connection: t.Any) -> None:
        """From now on this is the attempt's connection. It may be to a proxy, or still without TLS.

        Its descriptor is duplicated, since the original may be closed and its number reused at any time.
        """
        with self._lock:
            self._detach()
            if not self._over:
                with contextlib.suppress(OSError):
                    self._connection = socket.socket(fileno=os.dup(connection.fileno()))
            if self.expired:
                self._shut_down()

    @property
    def attached(self) -> bool:
        return self._connection is not None

    def expire(self) -> None:
        with self._lock:
            if not self._over:
                self.expired = True
                self._shut_down()

    def end(self) -> None:
        """The attempt is over: its connection may be used by another one now."""
        with self._lock:
            self._over = True
            self._detach()

    def _shut_down(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def _detach(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Watchdog:
    """Expires the watches of all threads, in a thread that runs only while there are any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        with self._changed:
            self._watches.add(watch)
            # After a fork the thread object exists, but the thread does not run.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="cortex-watchdog", daemon=True)
                self._thread.start()
            self._changed.notify()

    def remove(self, watch: Watch) -> None:
        with self._changed:
            self._watches.discard(watch)

    def _run(self) -> None:
        leave_signals_to_the_main_thread()
        with self._changed:
            while True:
                now = time.monotonic()
                for watch in [each for each in self._watches if each.deadline <= now]:
                    self._watches.discard(watch)
                    watch.expire()
                if self._watches:
                    self._changed.wait(
                        min(threading.TIMEOUT_MAX, min(each.deadline for each in self._watches) - now)
                    )
                elif not self._changed.wait(_LINGER) and not self._watches:
                    self._thread = None
                    return


_watchdog = _Watchdog()
_of_this_thread = threading.local()


@contextlib.contextmanager
def watched(deadline: float, on_leaving: t.Callable[[bool], None] = lambda _fresh: None) -> t.Iterator[Watch]:
    """Whatever this thread sends through an adapter() within this context ends at the deadline, in seconds of
    the monotonic clock.
    """
    watch = Watch(deadline, on_leaving)
    _of_this_thread.watch = watch
    _watchdog.add(watch)
    try:
        yield watch
    finally:
        _of_this_thread.watch = None
        _watchdog.remove(watch)
        watch.end()


def _current() -> Watch | None:
    return getattr(_of_this_thread, "watch", None)


def adapter() -> t.Any:
    """An adapter for sessions of requests. Its connections, also those to proxies, report to the watch of
    their thread.
    """

    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            _watched_manager(self.poolmanager)

        def proxy_manager_for(self, proxy: t.Any, **kwargs: t.Any) -> t.Any:
            return _watched_manager(super().proxy_manager_for(proxy, **kwargs))

    return Adapter()


def _watched_manager(manager: t.Any) -> t.Any:
    """The same pool manager of urllib3, whose future connections report to the watch of their thread."""
    if not getattr(manager, "watched", False):
        manager.pool_classes_by_scheme = {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": _watched_class(pool.ConnectionCls)})
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }
        manager.watched = True
    return manager


def _watched_class(connection: t.Any) -> t.Any:
    class Connection(connection):  # type: ignore[misc]  # known at run time only
        _fresh = True

        def _new_conn(self) -> t.Any:
            made, watch = super()._new_conn(), _current()
            self._fresh = True
            if watch:
                watch.attach(made)
                if watch.sent:  # without TLS, urllib3 connects only when it has something to send
                    watch.on_leaving(True)
                    self._fresh = False
            return made

        def putrequest(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
            watch = _current()
            if watch:
                watch.sent = True
                if self.sock is not None:
                    if not watch.attached:  # a connection that was used before
                        watch.attach(self.sock)
                    watch.on_leaving(self._fresh)
                    self._fresh = False
            return super().putrequest(*args, **kwargs)

    Connection.__name__ = connection.__name__
    return Connection
