# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detects that a run was interrupted, or that nobody waits for it any more: then no new piece of work begins.

Private to the collection, floor 1.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
import typing as t

from .._errors import Interrupted

# The environment variable with the result of controllers(): the processes that wait for a module.
VARIABLE = "CORTEXCLOUD_CONTROLLER"
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
# Seconds between checks for an interruption while sleeping.
_LOOK_EVERY = 0.5


class Interruption:
    """Decides when a run ends early. Each thread finishes a piece of work that has begun to write.

    A piece is one item or one document. It must not end between its writes (an instance without its scope, a
    deletion without the creation that follows), so refuse() raises only in threads whose piece has not
    written yet.

    Three signs of an interruption can be watched, because none of them always appears: a signal, when
    ansible-core signals the process groups of its workers, a terminal closes or a service is stopped; a
    closed standard output, over ssh without a terminal or when only the worker died; and the end of a process
    of the controller, when ansible-playbook itself was killed, since its worker lives on and keeps reading.
    The parent process is not a sign: it is a shell that outlives all of them, and the parent of an
    asynchronous task has ended from the start.
    reason: why the run ends, such as "SIGTERM"; empty if it goes on.
    """

    def __init__(self) -> None:
        self._reason = ""
        self._signs: list[t.Callable[[], str]] = []
        self._piece = threading.local()

    @property
    def reason(self) -> str:
        if not self._reason:
            self._reason = next(filter(None, (sign() for sign in self._signs)), "")
        return self._reason

    def refuse(self) -> None:
        """Raise Interrupted if the run should end, unless this thread's piece has begun to write."""
        if self.reason and not getattr(self._piece, "begun", False):
            raise Interrupted(self.reason)

    def begun(self) -> None:
        """Note that a write of this thread's piece may have reached the tenant."""
        self._piece.begun = True

    @contextlib.contextmanager
    def piece(self) -> t.Iterator[None]:
        """The context of one piece of work of this thread."""
        before, self._piece.begun = getattr(self._piece, "begun", False), False
        try:
            yield
        finally:
            self._piece.begun = before

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises Interrupted if the run is interrupted, unless this thread must finish its piece."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self.refuse()
            time.sleep(min(left, _LOOK_EVERY))

    @contextlib.contextmanager
    def signals(self, *, again: bool = False) -> t.Iterator[None]:
        """Treat signals that would end the process as an interruption. Ignored signals stay ignored, as with
        nohup.

        again: a second signal ends the process at once, for a person at a terminal. Not for modules:
            ansible-core may send a signal twice.
        """

        def handle(number: int, _frame: t.Any) -> None:
            self._reason = self._reason or signal.Signals(number).name
            if again:
                signal.signal(number, before[number])

        before: dict[int, t.Any] = {}
        if threading.current_thread() is threading.main_thread():  # only the main thread may
            for number in (getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def watch_reader(self, descriptor: int = 1) -> None:
        """Treat it as an interruption if nobody reads this pipe any more."""
        if hasattr(select, "poll"):
            self._signs.append(lambda: "nobody waits for the result any more" if _unread(descriptor) else "")

    def watch_controller(self, identified: str) -> None:
        """Treat it as an interruption if one of these processes has ended.

        identified: the result of controllers() on any machine; may be empty.
        """
        machine, _sep, processes = identified.partition(" ")
        # Processes of another machine or container cannot be seen here, and must not count as ended.
        if processes and machine == _machine():
            self._signs.append(
                lambda: "ansible-playbook has ended" if any(map(_ended, processes.split())) else ""
            )


def leave_signals_to_the_main_thread() -> None:
    """Every other thread calls this first. Python handles signals only in the main thread, which would go on
    sleeping if another thread received one.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in _SIGNALS])


def controllers(*ids: int) -> str:
    """Identifies processes, for watch_controller(); empty if this system cannot. A process that has already
    ended counts as ended there too.
    """
    machine = _machine()
    return " ".join([machine, *(f"{number}:{_started(number)}" for number in ids)]) if machine else ""


def _machine() -> str:
    """Where process ids are unique: this machine since its start, and this container. Empty if unknown."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _started(number: int) -> str:
    """The start time of a process in kernel ticks, which a later process with the same id does not have; else
    "ended", or "hidden" from this user.
    """
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return "ended"
    except OSError:
        pass
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            # The name before the last bracket may contain anything. A zombie has ended too.
            state, *more = file.read().rpartition(")")[2].split()
        return "ended" if state in "ZX" else more[18]
    except (OSError, ValueError, IndexError):
        return "hidden"


def _ended(process: str) -> bool:
    """process: its id, a colon, and the result of _started() at an earlier time."""
    number, _colon, started = process.partition(":")
    now = _started(int(number))
    return now == "ended" or (now != started and "hidden" not in (now, started))


def _unread(descriptor: int) -> bool:
    """Whether this is a pipe whose other end is closed."""
    poll = select.poll()
    try:
        poll.register(descriptor, 0)
        return any(event & select.POLLERR for _descriptor, event in poll.poll(0))
    except (OSError, ValueError):
        return False
