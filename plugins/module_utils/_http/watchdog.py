# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An attempt ends at its deadline, whatever the other side sends meanwhile.

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

with contextlib.suppress(ImportError):  # the client says so
    import requests

# So long the thread waits for another attempt to watch before it ends.
_LINGER = 1.0


class Watch:
    """One attempt. expired: its deadline has passed. sent: its request has begun to be sent, so that nobody
    knows what came of it.
    on_leaving: called each time that a request begins to be sent over an established connection, with
        whether it is the first one on it.

    A read timeout is about one wait for bytes. Whoever sends one now and then, in a line of a header that
    never ends, is stopped by this
    alone: at the deadline the connection is shut down under whatever reads from it or writes to it.
    """

    def __init__(self, deadline: float, on_leaving: t.Callable[[bool], None] = lambda _fresh: None) -> None:
        self.deadline, self.on_leaving = deadline, on_leaving
        self.expired = self.sent = self._over = False
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()

    def hold(self, connection: t.Any) -> None:
        """This is the attempt's connection from now on, in any state: still without TLS, or to a proxy.

        A descriptor of our own is kept, since those of others are closed, and their numbers used again, at
        any time.
        """
        with self._lock:
            self._let_go()
            if not self._over:
                with contextlib.suppress(OSError):
                    self._connection = socket.socket(fileno=os.dup(connection.fileno()))
            if self.expired:
                self._shut_down()

    @property
    def holds(self) -> bool:
        return self._connection is not None

    def expire(self) -> None:
        with self._lock:
            if not self._over:
                self.expired = True
                self._shut_down()

    def end(self) -> None:
        """The attempt is over: from here on its connection may be another's."""
        with self._lock:
            self._over = True
            self._let_go()

    def _shut_down(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Watchdog:
    """Expires the watches of all threads, in one thread that is there only while there are some."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        with self._changed:
            self._watches.add(watch)
            # None is alive after a fork either.
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
    """Whatever this thread sends through an adapter() meanwhile is over at the deadline, in seconds of the
    monotonic clock.
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
    """An adapter for sessions of requests whose connections, also to proxies, tell the watch of their
    thread.
    """

    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            _tell(self.poolmanager)

        def proxy_manager_for(self, proxy: t.Any, **kwargs: t.Any) -> t.Any:
            return _tell(super().proxy_manager_for(proxy, **kwargs))

    return Adapter()


def _tell(manager: t.Any) -> t.Any:
    """Let the connections that a pool manager of urllib3 will make tell the watch of their thread. Returns
    the manager.
    """
    if not getattr(manager, "watched", False):
        manager.pool_classes_by_scheme = {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": _telling(pool.ConnectionCls)})
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }
        manager.watched = True
    return manager


def _telling(connection: t.Any) -> t.Any:
    class Connection(connection):  # type: ignore[misc]
        _fresh = True

        def _new_conn(self) -> t.Any:
            made, watch = super()._new_conn(), _current()
            self._fresh = True
            if watch:
                watch.hold(made)
                if watch.sent:  # without TLS the connection is made when there is something to send
                    watch.on_leaving(True)
                    self._fresh = False
            return made

        def putrequest(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
            watch = _current()
            if watch:
                watch.sent = True
                if self.sock is not None and not watch.holds:  # used before
                    watch.hold(self.sock)
                if self.sock is not None:
                    watch.on_leaving(self._fresh)
                    self._fresh = False
            return super().putrequest(*args, **kwargs)

    Connection.__name__ = connection.__name__
    return Connection
