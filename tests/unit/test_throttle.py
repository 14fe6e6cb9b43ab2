# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request budget of one tenant (docs/api.md: tenant.limit): in one process with a fake clock, across processes with real ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import BusyError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import lock as _lock
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import stores
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import throttle as _throttle
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.pace import LONGEST_FLIGHT, State
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.state_text import as_text
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.throttle import Throttle

ROOT = Path(__file__).resolve().parents[2]


class Clock:
    """monotonic(), time() and sleep() that take no time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(_throttle.time, "monotonic", fake.monotonic)
    monkeypatch.setattr(_throttle.time, "time", fake.monotonic)
    monkeypatch.setattr(_throttle.time, "sleep", fake.sleep)
    return fake


def send_times(throttle: Throttle, clock: Clock, requests: int) -> list[float]:
    """The times at which this number of requests leave, if each is answered at once."""
    times = []
    for _unused in range(requests):
        slot = throttle.wait()
        times.append(clock.now - 1000.0)
        throttle.answered(slot)
    return times


def most_in_a_window(times: list[float], window: float = 1.0) -> int:
    """The largest number in any window of this length."""
    return max(sum(1 for t in times if start <= t < start + window) for start in times)


def test_a_task_of_a_few_calls_does_not_wait(tmp_path: Path, clock: Clock) -> None:
    throttle = Throttle(str(tmp_path), "t", 8)
    assert send_times(throttle, clock, 8) == [0.0] * 8
    assert (throttle.waits, throttle.seconds) == (0, 0.0)


def test_no_window_has_more_requests_than_the_budget(tmp_path: Path, clock: Clock) -> None:
    throttle = Throttle(str(tmp_path), "t", 8)
    times = send_times(throttle, clock, 81)
    assert most_in_a_window(times) == 8
    assert times[-1] == pytest.approx(10.0)
    assert throttle.waits == 10
    assert throttle.seconds == pytest.approx(10.0)


def test_the_budget_can_be_less_than_one_request_a_second(tmp_path: Path, clock: Clock) -> None:
    assert send_times(Throttle(str(tmp_path), "t", 0.5), clock, 4) == pytest.approx([0, 2, 4, 6])


def test_the_budget_recovers_while_idle(tmp_path: Path, clock: Clock) -> None:
    throttle = Throttle(str(tmp_path), "t", 2)
    send_times(throttle, clock, 2)
    clock.now += 5
    assert send_times(throttle, clock, 2) == [5.0, 5.0]


def test_two_throttles_of_one_folder_share_one_budget_per_tenant(tmp_path: Path, clock: Clock) -> None:
    one, two, other = Throttle(str(tmp_path), "t", 4), Throttle(str(tmp_path), "t", 4), Throttle(str(tmp_path), "other", 4)
    times = [t for _unused in range(8) for throttle in (one, two) for t in send_times(throttle, clock, 1)]
    assert most_in_a_window(times) == 4
    began = clock.now
    send_times(other, clock, 4)
    assert clock.now == began


def test_a_slot_without_a_departure_is_free_one_window_after_its_response(tmp_path: Path, clock: Clock) -> None:
    """However long the response took: the request may have reached the tenant at the very end of that time."""
    throttle = Throttle(str(tmp_path), "t", 2)
    slow, quick = throttle.wait(), throttle.wait()
    throttle.answered(quick)
    clock.now += 0.3
    throttle.answered(slow)
    assert send_times(throttle, clock, 3) == pytest.approx([1.0, 1.3, 2.0])


def test_a_slot_without_a_response_is_free_again(tmp_path: Path, clock: Clock) -> None:
    """As if a process was killed while its request was underway."""
    throttle = Throttle(str(tmp_path), "t", 1)
    throttle.wait()
    (next_one,) = send_times(throttle, clock, 1)
    assert next_one == pytest.approx(LONGEST_FLIGHT + 1.0, abs=0.1)


def test_who_asked_first_goes_first(tmp_path: Path, clock: Clock) -> None:
    throttle = Throttle(str(tmp_path), "t", 1)
    send_times(throttle, clock, 1)

    def take(ticket: str) -> float:
        return throttle._change(lambda state, moment: throttle.pace.take(state, ticket, moment.begun))

    assert all(take(waiting) > 0 for waiting in ("first", "second", "third"))
    clock.now += 1.0
    assert take("third") > 0
    assert take("second") > 0
    assert take("first") == 0


def test_a_process_killed_in_the_queue_delays_nobody(tmp_path: Path, clock: Clock) -> None:
    """A process killed in the queue is soon skipped."""
    throttle = Throttle(str(tmp_path), "t", 1)
    send_times(throttle, clock, 1)
    throttle._change(lambda state, moment: throttle.pace.take(state, "dead", moment.begun))
    (next_one,) = send_times(throttle, clock, 1)
    assert next_one < 6


def test_after_a_429_nobody_sends_until_retry_after(tmp_path: Path, clock: Clock) -> None:
    one, two = Throttle(str(tmp_path), "t", 8), Throttle(str(tmp_path), "t", 8)
    slot = one.wait()
    one.answered(slot)
    one.hold(3.0, slot)
    assert send_times(two, clock, 1) == [3.0]
    slot = one.wait()
    one.hold(1.0, slot)
    one.hold(0.2, slot)
    assert send_times(two, clock, 1) == [4.0]


def refused_together(throttle: Throttle) -> None:
    slots = [throttle.wait() for _unused in range(8)]
    for slot in slots:  # all of them refused: one piece of news, not eight
        throttle.answered(slot)
        throttle.hold(1.0, slot)


def by_second(times: list[float], first: int, last: int) -> list[int]:
    return [sum(1 for t in times if begin <= t < begin + 1) for begin in range(first, last)]


def test_one_429_withholds_no_slots(tmp_path: Path, clock: Clock) -> None:
    one, two = Throttle(str(tmp_path), "t", 8), Throttle(str(tmp_path), "t", 8)
    refused_together(one)
    assert by_second(send_times(two, clock, 40), 1, 6) == [8] * 5


def test_after_another_429_every_process_is_slower_and_recovers_step_by_step(tmp_path: Path, clock: Clock) -> None:
    one, two = Throttle(str(tmp_path), "t", 8), Throttle(str(tmp_path), "t", 8)
    refused_together(one)
    refused_together(one)
    times = send_times(two, clock, 200)
    in_second = by_second(times, 2, 26)
    assert in_second[0] == 4
    assert in_second == sorted(in_second)
    assert in_second[-1] == 8
    assert set(in_second) == {4, 5, 6, 7, 8}


def test_an_endless_queue_gives_one_clear_line(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    throttle = Throttle(str(tmp_path), "t", 1)
    monkeypatch.setattr(throttle.pace, "take", lambda _state, _ticket, _now: 1.0)
    with pytest.raises(BusyError, match="no request could be sent for 900 s"):
        throttle.wait()


def test_two_machines_that_share_a_folder_share_one_budget(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their clocks differ a little, which is added to the window of a slot that the other one used."""
    first = Throttle(str(tmp_path), "t", 4)
    monkeypatch.setattr(stores, "host", lambda: "another machine")
    other = Throttle(str(tmp_path), "t", 4)
    assert send_times(first, clock, 4) == [0.0] * 4
    assert send_times(other, clock, 5) == pytest.approx([1.05] * 4 + [2.05])
    # By its own clock, three slots of the other machine were free when it took its last one.
    assert send_times(first, clock, 5) == pytest.approx([2.05] * 3 + [3.05] * 2)


@pytest.mark.parametrize("step", [-3600.0, -3.0, 3600.0])
def test_setting_a_clock_delays_nobody_for_long(tmp_path: Path, clock: Clock, step: float) -> None:
    throttle = Throttle(str(tmp_path), "t", 2, clock=lambda: clock.now + shift)
    shift = 0.0
    send_times(throttle, clock, 2)
    throttle.hold(0.5, throttle.wait())
    began, shift = clock.now, step
    send_times(throttle, clock, 4)
    assert clock.now - began <= (60 if step < -60 else 10)


def test_one_refusal_is_enough_to_allow_for_a_clock_that_is_ahead(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """By 100 ms, more than two machines are assumed to differ."""
    one = Throttle(str(tmp_path), "t", 4)
    monkeypatch.setattr(stores, "host", lambda: "another machine")
    ahead = Throttle(str(tmp_path), "t", 4, clock=lambda: clock.now + 0.1)
    send_times(ahead, clock, 4)
    behind = send_times(one, clock, 4)
    early = send_times(ahead, clock, 4)
    assert early[0] - behind[0] == pytest.approx(0.95)
    slot = one.wait()
    one.answered(slot)
    one.hold(1.0, slot)
    times = send_times(one, clock, 4) + send_times(ahead, clock, 4) + send_times(one, clock, 4)
    assert most_in_a_window(sorted(times), 0.99) == 4


def state_file(directory: Path) -> Path:
    throttle = Throttle(str(directory), "t", 4)
    throttle.wait()
    (found,) = directory.glob("*.json")
    return found


def test_the_state_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "rate"
    assert state_file(folder).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


NOW = json.loads(as_text(State()))


def as_now(**changes: object) -> str:
    return json.dumps({**NOW, **changes})


def used(at: float) -> list[list[object]]:
    return [[f"x{number}", "a host", at, at, at, False] for number in range(9)]


BROKEN = {
    "empty": "",
    "half written": '{"boot": {"sl',
    "another shape": "[1, 2]",
    "of the earlier layout": json.dumps({"boot": {"seen": 1, "slots": [["x", 1e12, True]], "not_before": 1e12}}),
    "of a later layout": as_now(version=NOW["version"] + 1, not_before=1e12),
    "slots as text": as_now(slots="abc"),
    "slots as number": as_now(slots=7),
    "a slot as text": as_now(slots=["soon"]),
    "queue as text": as_now(queue="abc"),
    "a queue that never ends": as_now(queue=[["x", 1e12]] * 9),
    "not_before as text": as_now(not_before="soon"),
    "not_before as null": as_now(not_before=None),
    "not_before not a number": as_now(not_before=float("nan")),
    "slots not a number": as_now(slots=used(float("nan"))),
    "not_before far in the future": as_now(not_before=1e12),
    "slots far in the future": as_now(slots=used(1e12)),
    "trips as text": as_now(trips="long"),
    "trips no numbers": as_now(trips=[float("nan")] * 20),
    "trips without end": as_now(trips=[1e300] * 20),
    "margins without end": as_now(wide=1e300, refused_at=9e9, trips=[0.1, 0.2] * 20),
    "cut beyond all": as_now(cut=10**9, cut_at=1e12),
    "cut as text": as_now(cut="much"),
    "not UTF-8": None,
}


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_state_is_ignored(tmp_path: Path, content: str) -> None:
    path, text = state_file(tmp_path), BROKEN[content]
    path.write_bytes(b"\xff\xfe\x00" if text is None else text.encode())
    clock = Clock()
    clock.now = began = time.time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_throttle.time, "sleep", clock.sleep)
        patch.setattr(_throttle.time, "monotonic", clock.monotonic)
        patch.setattr(_throttle.time, "time", clock.monotonic)
        throttle = Throttle(str(tmp_path), "t", 4)
        throttle.wait()
        throttle.wait()
    # A hold after a 429 lasts at most a minute; a longer one was not written by this collection.
    assert clock.now - began <= 70


def test_a_state_longer_than_any_of_ours_is_not_read(tmp_path: Path, clock: Clock) -> None:
    state_file(tmp_path).write_text(as_now(not_before=clock.now + 50) + " " * 1_000_001)
    assert send_times(Throttle(str(tmp_path), "t", 1), clock, 1) == [0.0]
    assert state_file(tmp_path).stat().st_size < 1000


def test_text_that_a_killed_process_left_after_the_state_is_ignored(tmp_path: Path, clock: Clock) -> None:
    throttle = Throttle(str(tmp_path), "t", 1)
    send_times(throttle, clock, 1)
    (path,) = tmp_path.glob("*.json")
    path.write_text(path.read_text() + ',"slots":[')
    assert send_times(throttle, clock, 1) == [1.0]


def unusable(tmp_path: Path, why: str) -> Path:
    if why == "a file":
        (tmp_path / "file").write_text("")
        return tmp_path / "file" / "rate"
    if why == "open to everybody":
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o777)
        return tmp_path / "open"
    return Path("/proc/self/rate")


@pytest.mark.parametrize("why", ["a file", "open to everybody", "no such file system"])
def test_with_an_unusable_folder_the_process_keeps_its_own_budget_and_warns(tmp_path: Path, clock: Clock, why: str) -> None:
    folder = unusable(tmp_path, why)
    throttle = Throttle(str(folder), "t", 4)
    (warning,) = throttle.warnings
    assert str(folder) in warning
    assert "rate_limit_dir" in warning
    assert "\n" not in warning
    assert most_in_a_window(send_times(throttle, clock, 13)) == 4
    assert clock.now - 1000.0 == pytest.approx(3.0)


def test_a_planted_link_is_not_written_through(tmp_path: Path, clock: Clock) -> None:
    path = state_file(tmp_path / "rate")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.unlink()
    path.symlink_to(victim)
    throttle = Throttle(str(tmp_path / "rate"), "t", 4)
    send_times(throttle, clock, 2)
    assert victim.read_text() == "precious"
    assert throttle.warnings


def test_the_default_folder_belongs_to_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.client import default_directory

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_directory().startswith(str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_directory().startswith("/home/somebody/.cache/")


def test_the_users_own_folder_must_be_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """A folder from an option may belong to a group, so that containers can share it; the default one may not."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o770)
    shared.chmod(0o770)
    assert Throttle(str(shared), "t", 4).warnings == []
    monkeypatch.setattr(stores, "default_directory", lambda: str(shared))
    assert "others may write there" in str(Throttle(str(shared), "t", 4).warnings)
    shared.chmod(0o700)
    assert Throttle(str(shared), "t", 4).warnings == []
    if os.geteuid() == 0:
        os.chown(shared, 4711, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert "belongs to another user" in str(Throttle(str(shared), "t", 4).warnings)


def test_missing_folders_are_created_for_this_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert Throttle(str(tmp_path / "a" / "b"), "t", 4).warnings == []
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b")] == [0o700, 0o700]


def test_without_a_home_no_folder_named_tilde_is_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no home folder is known" in str(Throttle("~/.cache/cortex_cloud_appsec/rate", "t", 4).warnings)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_never_released_ends_the_wait(tmp_path: Path, clock: Clock) -> None:
    """A process stopped in the middle of it, say."""
    path = state_file(tmp_path)
    with path.open("r+") as held:
        _lock.hold_alone(held)
        throttle = Throttle(str(tmp_path), "t", 4)
        throttle.wait()
    assert "locked a file there for 10 s" in str(throttle.warnings)


SENDER = """
import sys, time
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.throttle import Throttle
throttle = Throttle(sys.argv[1], "t", 20)
assert throttle.warnings == [], throttle.warnings
for _ in range(15):
    slot = throttle.wait()
    print(slot.granted)
    throttle.answered(slot)
"""


def test_four_processes_share_one_budget(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT / ".build"), "HOME": str(tmp_path)}
    senders = [
        subprocess.Popen([sys.executable, "-c", SENDER, str(tmp_path / "rate")], env=environment, stdout=subprocess.PIPE, text=True)
        for _unused in range(4)
    ]
    spoken = [sender.communicate(timeout=30)[0] for sender in senders]
    assert [sender.returncode for sender in senders] == [0] * 4
    times = sorted(float(line) for text in spoken for line in text.split())
    assert len(times) == 60
    # 60 requests, the first 20 at once, then 20 a second.
    assert 2.0 <= times[-1] - times[0] < 4
    assert most_in_a_window(times) == 20
    assert max(len(text.split()) for text in spoken) == 15
