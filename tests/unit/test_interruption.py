# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signs of an interruption, and what may continue after one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from calling_client import OK, ClientOf, ask
from scripted_server import Say, ScriptedServer, hang_up

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError, Interrupted
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import interruption as _interruption
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import lock as _lock
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import retry as _retry
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.interruption import (
    Interruption,
    controllers,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.pool import each

PROC = pytest.mark.skipif(not os.path.isdir("/proc/self/ns"), reason="no /proc here: the processes of a controller cannot be told apart")


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as started:
        yield started
        started.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_the_run_without_ending_the_process(number: signal.Signals) -> None:
    interruption, before = Interruption(), signal.getsignal(number)
    with interruption.signals():
        interruption.refuse()
        for _again in range(2):
            os.kill(os.getpid(), number)
        assert interruption.reason == number.name
        with pytest.raises(Interrupted, match=f"interrupted \\({number.name}\\)"):
            interruption.refuse()
    assert signal.getsignal(number) == before


def test_at_a_terminal_a_second_signal_ends_the_process() -> None:
    with Interruption().signals(again=True):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_ignored_signals_stay_ignored_and_other_threads_change_no_handler() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        interruption = Interruption()
        with interruption.signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert interruption.reason == ""
    finally:
        signal.signal(signal.SIGHUP, before)
    failures: list[BaseException] = []

    def elsewhere() -> None:
        try:
            with Interruption().signals():
                pass
        except BaseException as exc:
            failures.append(exc)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert failures == []


def test_a_closed_standard_output_interrupts_the_run() -> None:
    reads, writes = os.pipe()
    interruption = Interruption()
    interruption.watch_reader(writes)
    try:
        assert interruption.reason == ""
        os.close(reads)
        assert interruption.reason == "nobody waits for the result any more"
    finally:
        os.close(writes)
    # Neither a file nor a closed descriptor is a pipe that nobody reads.
    for descriptor in (os.open(os.devnull, os.O_WRONLY), 9999):
        other = Interruption()
        other.watch_reader(descriptor)
        assert other.reason == ""


@PROC
def test_the_end_of_the_controller_interrupts_the_run(process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    told = controllers(os.getpid(), process.pid)
    here, elsewhere = Interruption(), Interruption()
    here.watch_controller(told)
    elsewhere.watch_controller(told.replace(told.split()[0], "another-machine/pid:[1]"))
    assert (here.reason, elsewhere.reason) == ("", "")
    later = Interruption()
    later.watch_controller(told[:-1] + str((int(told[-1]) + 1) % 10))
    assert later.reason, "another process has got its id"
    # Dead and not yet collected by its parent.
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert (here.reason, elsewhere.reason) == ("ansible-playbook has ended", "")
    process.wait()
    after = Interruption()
    after.watch_controller(controllers(process.pid))
    assert after.reason, "it was gone before the module began"
    for nothing in ("", "x", told.split()[0]):
        unwatched = Interruption()
        unwatched.watch_controller(nothing)
        assert unwatched.reason == ""
    monkeypatch.setattr(_interruption, "_machine", lambda: "")
    assert controllers(os.getpid()) == ""


def test_a_piece_that_has_begun_to_write_is_finished_and_others_are_not_begun(client_of: ClientOf) -> None:
    """Each item of a pool is its own piece of work."""
    with ScriptedServer(OK, OK, OK) as server:
        client = client_of(server.url)
        interruption = client.interruption

        def work(method: str) -> str:
            try:
                ask(client, method)
                interruption._reason = "SIGTERM"
                ask(client, "GET")
                ask(client, "DELETE")
            except Interrupted as exc:
                return str(exc)
            return "done"

        assert each(client, work, ["POST"]) == ["done"]
        assert each(client, work, ["POST", "GET"]) == ["the run was interrupted (SIGTERM). Run again."] * 2
        interruption._reason = ""
        server.requests.clear()
        assert each(client, work, ["GET"]) == ["the run was interrupted (SIGTERM). Run again."]
        assert [request.method for request in server.requests] == ["GET"]


@pytest.mark.parametrize(("first", "raised"), [(Say(429, "Too many requests."), Interrupted), (hang_up, ApiError)])
def test_interrupted_between_attempts(client_of: ClientOf, first: object, raised: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused request counts as not begun; one that may have been carried out is reported as that."""
    monkeypatch.setattr(_retry, "FIRST_PAUSE", 0.01)
    with ScriptedServer(first, Say(400, "no")) as server:
        client = client_of(server.url)
        client.watchers.append(lambda _attempt: setattr(client.interruption, "_reason", "SIGTERM"))
        with pytest.raises(raised):
            ask(client, "PUT")
        assert len(server.requests) == (1 if raised is Interrupted else 2)


def test_only_the_main_thread_receives_signals(client_of: ClientOf) -> None:
    """The kernel chooses the thread, and the sleeping main thread would handle the signal much too late."""
    with ScriptedServer(OK, OK) as server:
        client = client_of(server.url)
        blocked = each(client, lambda _n: (ask(client, "GET"), signal.pthread_sigmask(signal.SIG_BLOCK, []))[1], [1, 2])
    assert all({signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= each_one for each_one in blocked)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_an_interruption_ends_waits_for_locks_and_pauses(tmp_path: Path) -> None:
    interruption = Interruption()
    threading.Timer(0.2, lambda: setattr(interruption, "_reason", "SIGTERM")).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        interruption.sleep(60)
    folder = str(tmp_path / "locks")
    with (
        _lock.exclusive(folder, "one", warnings=[]),
        pytest.raises(Interrupted),
        _lock.exclusive(folder, "one", warnings=[], refuse=interruption.refuse),
    ):
        raise AssertionError("it got the lock")
    assert time.monotonic() - began < 20
