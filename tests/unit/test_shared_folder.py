# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One folder for several machines and users: real processes, each machine with its own boot id and monotonic clock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from machines import UTILS, Machine, machine, made, started

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import lock as _lock
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.throttle import Throttle

SENDER = f"""
import sys, time
from {UTILS}._http.stores import host
from {UTILS}._http.throttle import Throttle
throttle = Throttle(sys.argv[1], "t", 10)
assert throttle.warnings == [], throttle.warnings
sys.stdin.readline()
for number in range(25):
    slot = throttle.wait()
    print(slot.at, host(), flush=True)
    throttle.departed(slot)
    throttle.answered(slot, quick=True)
"""
WRITER = f"""
import os, sys, time
from {UTILS}._http.lock import exclusive
warnings = []
os.setgroups([])
os.setgid(3100)
os.setuid(int(sys.argv[2]))
os.umask(0o022)
with exclusive(sys.argv[1], "t", "12", warnings=warnings):
    print(*(warnings or ["inside"]), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> list[Machine]:
    return made(tmp_path_factory.mktemp("boot"), 2)


def test_two_machines_that_share_a_folder_keep_one_limit(tmp_path: Path, machines: list[Machine]) -> None:
    command = [sys.executable, "-c", SENDER, str(tmp_path / "rate")]
    senders = [started(machine(*each, command)) for each in machines for _process in range(2)]
    spoken = [sender.communicate("go\n", timeout=60)[0] for sender in senders]
    assert [sender.returncode for sender in senders] == [0] * 4
    rows = sorted((float(line.split()[0]), line.split()[1]) for text in spoken for line in text.splitlines())
    assert len(rows) == 100
    assert len({host for _at, host in rows}) == 2
    assert all(later[0] - earlier[0] >= 1 for earlier, later in zip(rows, rows[10:]))
    # 100 requests, the first ten at once; a tenth of a second more for each window that goes to another machine and back.
    assert rows[-1][0] - rows[0][0] < 12


def folder_of_a_group(path: Path, mode: int) -> Path:
    path.mkdir()
    os.chown(path, 3000, 3100)
    path.chmod(mode)
    return path


@pytest.fixture
def as_user(tmp_path: Path) -> Path:
    """A folder that the users 3001 and 3002, both in the group 3100, can use."""
    if os.geteuid() != 0:
        pytest.skip("only root can become other users")
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == os.geteuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o011)
    return tmp_path


def writer(user: int, folder: Path) -> subprocess.Popen[str]:
    """Takes a lock, prints "inside" or a warning, and keeps it until it receives a line."""
    return started([sys.executable, "-c", WRITER, str(folder), str(user)])


def test_two_users_of_a_group_take_turns(as_user: Path) -> None:
    folder = folder_of_a_group(as_user / "rate", 0o2770)
    first, second = writer(3001, folder), None
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "inside\n"
        (path,) = folder.iterdir()
        assert (path.stat().st_mode & 0o7777, path.stat().st_gid) == (0o660, 3100)
        second = writer(3002, folder)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(timeout=1.5)
        assert first.communicate("\n")[0] == ""
        assert second.communicate("\n", timeout=30)[0] == "inside\n"
    finally:
        for each in filter(None, (first, second)):
            each.kill()
            each.wait()


def test_a_lock_that_cannot_be_opened_causes_one_warning(as_user: Path) -> None:
    """The folder belongs to the group, but new files in it do not."""
    folder = folder_of_a_group(as_user / "rate", 0o770)
    assert writer(3001, folder).communicate("\n")[0] == "inside\n"
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    said = writer(3002, folder).communicate("\n")[0]
    assert said == (
        f"{folder} cannot be shared with other jobs (Permission denied): another job may undo this change. "
        "Set rate_limit_dir to a folder that all jobs can write, on a file system with locks.\n"
    )


def test_one_warning_says_that_neither_budget_nor_locks_are_shared(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = str(tmp_path / "file" / "rate")
    warnings = list(Throttle(folder, "t", 8).warnings)
    with _lock.exclusive(folder, "t", "12", warnings=warnings), _lock.exclusive(folder, "t", "13", warnings=warnings):
        pass
    assert warnings == [
        f"{folder} cannot be shared with other jobs (Not a directory): this process keeps to requests_per_second on its own, and another "
        "job may undo its changes. Set rate_limit_dir to a folder that all jobs can write, on a file system with locks."
    ]


def test_a_file_system_without_locks_causes_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(_lock, "flock", refused)
    warnings: list[str] = []
    for instance in ("12", "13"):
        with _lock.exclusive(str(tmp_path), "t", instance, warnings=warnings):
            pass
    assert len(warnings) == 1
    assert "(No locks available): another job may undo this change" in warnings[0]
