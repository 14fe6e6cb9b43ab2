# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detects that nobody waits for this run any more: after an interruption no new piece of work begins.

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

# Names the processes that wait for a module, for those that look for it on the same machine; see
# controllers().
VARIABLE = "CORTEXCLOUD_CONTROLLER"
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
# Seconds between checks for an interruption while sleeping.
_LOOK_EVERY = 0.5


class Interruption:
    """Tells when a run should end, and lets each thread finish a piece of work that has begun to write.

    A piece is one item or one document. It must not end between its writes (an instance without its scope, a
    deletion without the creation that follows), so refuse() raises only in threads whose piece has not
    written yet.

    reason: why the run should end, such as "SIGTERM"; empty otherwise. Three signs are watched, because none
    of them always appears. A signal comes where ansible-core tells its workers' process groups, a terminal
    closes, or a service is stopped. A closed standard output comes over ssh without a terminal, and from a
    worker that died alone. The processes of the controller by their ids are needed where ansible-playbook
    itself was killed, since its worker lives on and still reads. The parent's id would not do instead: that
    is a shell, which outlives all of them, and the parent of an asynchronous task is gone from the beginning.
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
        """Raise Interrupted when the run should end, unless this thread's piece of work has begun to
        write.
        """
        if self.reason and not getattr(self._piece, "begun", False):
            raise Interrupted(self.reason)

    def begun(self) -> None:
        """A write of this thread's piece of work may have reached the tenant."""
        self._piece.begun = True

    @contextlib.contextmanager
    def piece(self) -> t.Iterator[None]:
        """One piece of work of this thread."""
        before, self._piece.begun = getattr(self._piece, "begun", False), False
        try:
            yield
        finally:
            self._piece.begun = before

    def sleep(self, seconds: float) -> None:
        """Sleep, but wake up when the run is interrupted, unless this thread must finish its piece. Raises
        Interrupted.
        """
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self.refuse()
            time.sleep(min(left, _LOOK_EVERY))

    @contextlib.contextmanager
    def signals(self, *, again: bool = False) -> t.Iterator[None]:
        """Treat signals that would end the process as an interruption; ignored signals stay ignored, as with
        nohup.

        again: a second signal ends the process at once, for a person at a terminal. ansible-core may send one
            twice by itself.
        """

        def told(number: int, _frame: t.Any) -> None:
            self._reason = self._reason or signal.Signals(number).name
            if again:
                signal.signal(number, before[number])

        before: dict[int, t.Any] = {}
        if threading.current_thread() is threading.main_thread():  # only the main thread may
            for number in (getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.signal(number, told)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def watch_reader(self, descriptor: int = 1) -> None:
        """Treat it as an interruption when nobody reads this pipe any more."""
        if hasattr(select, "poll"):
            self._signs.append(lambda: "nobody waits for the result any more" if _unread(descriptor) else "")

    def watch_controller(self, told: str) -> None:
        """Treat it as an interruption when one of these processes has ended.

        told: the result of controllers(), from any machine.
        """
        machine, _sep, processes = told.partition(" ")
        # Processes of another machine or container cannot be seen here, and must not count as dead.
        if processes and machine == _machine():
            self._signs.append(
                lambda: "ansible-playbook is gone" if any(map(_gone, processes.split())) else ""
            )


def leave_signals_to_the_main_thread() -> None:
    """Called first in every other thread. Python handles signals only in the main thread, which keeps
    sleeping if another thread receives one.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in _SIGNALS])


def controllers(*ids: int) -> str:
    """These processes in the form of watch_controller(); empty where processes cannot be identified. An ended
    process counts as ended there too.
    """
    machine = _machine()
    return " ".join([machine, *(f"{number}:{_started(number)}" for number in ids)]) if machine else ""


def _machine() -> str:
    """The scope of process ids: this machine since its start, and this container."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _started(number: int) -> str:
    """The start time of a process in kernel ticks, which distinguishes it from a later one with the same id;
    "gone", or "hidden" from this user.
    """
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return "gone"
    except OSError:
        pass
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            # The name before the last bracket may contain anything. A zombie counts as gone too.
            state, *more = file.read().rpartition(")")[2].split()
        return "gone" if state in "ZX" else more[18]
    except (OSError, ValueError, IndexError):
        return "hidden"


def _gone(process: str) -> bool:
    number, _colon, started = process.partition(":")
    now = _started(int(number))
    return now == "gone" or (now != started and "hidden" not in (now, started))


def _unread(descriptor: int) -> bool:
    poll = select.poll()
    try:
        poll.register(descriptor, 0)
        return any(event & select.POLLERR for _descriptor, event in poll.poll(0))
    except (OSError, ValueError):
        return False
