# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs remember for later ones: never half written, overwritten by another process, reached through a link or open to others."""

from __future__ import annotations

import errno
import json
import os
import pwd
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils import _state
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import lock as _lock
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._state import (
    MAX_BYTES,
    SECTIONS,
    VALUE_BYTES,
    VERSION,
    Memory,
)

ROOT = Path(__file__).resolve().parents[2]
TENANT = "api-one.example.com:8443"
SECTION = "unscoped"


def memory(folder: Path, **options: Any) -> Memory:
    return Memory(str(folder), TENANT, **options)


def values(folder: Path, tenant: str = TENANT) -> dict[str, Any]:
    """What a run that begins now remembers; the folder must be usable."""
    one = Memory(str(folder), tenant)
    found = {key: entry.value for key, entry in one.all(SECTION).items()}
    assert one.warnings == []
    return found


def file_of(folder: Path) -> Path:
    (path,) = folder.glob("*.json")
    return path


def off(one: Memory, why: str) -> None:
    """It warns once that nothing is remembered, why and at what cost; every method can still be called."""
    one.put(SECTION, "7", 1)
    one.put(SECTION, "8", 1)
    one.forget(SECTION, "7")
    assert one.all(SECTION) == {}
    (warning,) = one.warnings
    assert why in warning
    for part in ("Nothing is remembered between runs", SECTIONS[SECTION].lost, "state_dir"):
        assert part in warning
    assert "\n" not in warning


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_later_run_has_what_an_earlier_one_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_state.time, "time", lambda: 1_700_000_000.9)
    value = {"name": 'größe \ud800 "{{ x }}"', "list": [1, None, True]}
    memory(folder).put(SECTION, "7", value)
    assert memory(folder).get(SECTION, "7") == _state.Entry(value, 1_700_000_000)
    assert memory(folder).get(SECTION, "8") is None
    memory(folder).put(SECTION, "7", "another")
    memory(folder).put(SECTION, "8", "second")
    assert values(folder) == {"7": "another", "8": "second"}
    memory(folder).forget(SECTION, "7")
    assert values(folder) == {"8": "second"}


def test_the_oldest_entries_come_first_whatever_the_clock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, now in (("a", 300), ("b", 100), ("a", 50), ("c", 200)):
        monkeypatch.setattr(_state.time, "time", lambda now=now: now)
        memory(folder).put(SECTION, key, now)
    assert list(values(folder)) == ["b", "a", "c"]


def test_only_sections_of_the_table_are_remembered(folder: Path) -> None:
    for use in (lambda m: m.put("secrets", "7", 1), lambda m: m.get("secrets", "7"), lambda m: m.forget("secrets", "7")):
        with pytest.raises(KeyError, match="no section secrets"):
            use(memory(folder))
    assert not folder.exists()


def test_each_tenant_has_a_file_whose_name_does_not_reveal_it(folder: Path) -> None:
    memory(folder).put(SECTION, "7", 1)
    assert values(folder, TENANT.upper()) == {"7": 1}
    assert values(folder, "api-one.example.com") == values(folder, "api-two.example.com:8443") == {}
    assert not any("example" in path.name for path in folder.iterdir())


def test_forgetting_an_absent_entry_changes_nothing(folder: Path) -> None:
    memory(folder).forget(SECTION, "7")
    assert not folder.exists()
    memory(folder).put(SECTION, "7", 1)
    before = file_of(folder).stat()
    memory(folder).forget(SECTION, "8")
    assert file_of(folder).stat().st_ino == before.st_ino


def test_read_only_memory_writes_nothing(folder: Path) -> None:
    one = memory(folder, read_only=True)
    one.put(SECTION, "7", 1)
    assert not folder.exists()
    memory(folder).put(SECTION, "7", 1)
    before = [(path, path.stat()) for path in sorted(folder.rglob("*"))]
    assert one.get(SECTION, "7") is not None
    one.put(SECTION, "8", 1)
    one.forget(SECTION, "7")
    assert [(path, path.stat()) for path in sorted(folder.rglob("*"))] == before
    assert one.warnings == []


# -- its place, and who can read it


def test_the_default_state_folder_belongs_to_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    Memory(None, TENANT).put(SECTION, "7", 1)
    assert values(tmp_path / "xdg" / "cortex_cloud_appsec") == {"7": 1}
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for number, ignored in enumerate(("", "relative")):
        monkeypatch.setenv("XDG_STATE_HOME", ignored)
        Memory("", TENANT).put(SECTION, str(number), number)
    assert values(tmp_path / "home" / ".local" / "state" / "cortex_cloud_appsec") == {"0": 0, "1": 1}


def test_without_a_home_nothing_is_remembered_and_no_folder_named_tilde_is_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user id has no account."""

    def nobody(_uid: int) -> Any:
        raise KeyError

    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    reading = Memory(None, TENANT)
    assert reading.all(SECTION) == {}
    assert len(reading.warnings) == 1
    off(Memory(None, TENANT), "no home folder is known")
    off(Memory("~nobody-of-that-name/state", TENANT), "no home folder is known")
    with pytest.raises(FileNotFoundError, match="no home folder is known"):
        _lock.usable_directory(_lock.default_directory(), own=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_only_its_owner_can_access_the_file_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        memory(tmp_path / "a" / "b").put(SECTION, "7", 1)
        memory(tmp_path / "a" / "b").put(SECTION, "8", 1)
    finally:
        os.umask(before)
    if umask == 0o777:
        if os.geteuid():
            pytest.skip("with this umask only root can enter a folder that it made")
    else:
        assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a" / "b")} == {0o700}
    files = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a" / "b").iterdir()}
    assert files == {".json": 0o600, ".lock": 0o600}


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o722])
def test_a_folder_that_others_can_write_is_not_used(folder: Path, mode: int) -> None:
    memory(folder).put(SECTION, "7", 1)
    before = file_of(folder).read_bytes()
    folder.chmod(mode)
    assert memory(folder).all(SECTION) == {}
    off(memory(folder), "others may write there")
    folder.chmod(0o700)
    assert file_of(folder).read_bytes() == before


def test_a_folder_of_another_user_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(0o700)
    if os.geteuid() == 0:
        os.chown(folder, 4711, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    off(memory(folder), "belongs to another user")


@pytest.mark.parametrize("ending", [".json", ".lock", ".draft"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_something_planted_instead_of_the_file_is_not_followed(folder: Path, tmp_path: Path, ending: str, kind: str) -> None:
    memory(folder).put(SECTION, "7", 1)
    planted, victim = file_of(folder).with_suffix(ending), tmp_path / "victim"
    content = file_of(folder).read_text()
    planted.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(planted)
    elif kind == "folder":
        planted.mkdir()
    else:
        planted.symlink_to(victim)
    if kind == "link":
        victim.write_text(content)
    one = memory(folder)
    one.put(SECTION, "8", 2)
    if ending == ".draft" and kind != "folder":
        # A draft is deleted, not opened.
        assert values(folder) == {"7": 1, "8": 2}
    else:
        assert len(one.warnings) == 1
    assert victim.read_text() == content if kind == "link" else not victim.exists()


def test_a_state_folder_that_is_a_link_is_not_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    off(Memory(f"{folder}/", TENANT), "it is a link")
    assert list((tmp_path / "elsewhere").iterdir()) == []


# -- faults of the file system


@pytest.mark.parametrize(
    ("where", "why"), [("/proc/self/task", "such file"), ("/proc/self/no/state", "such file"), ("{file}/state", "Not a directory")]
)
def test_a_folder_that_cannot_be_written_causes_one_warning(tmp_path: Path, where: str, why: str) -> None:
    """The first exists and can be entered, but no file can be created in it, as on a file system mounted read-only."""
    (tmp_path / "file").write_text("")
    off(Memory(where.format(file=tmp_path / "file"), TENANT), why)


def in_a_process(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    head = f"import os, signal, sys\nfrom {Memory.__module__} import Memory\nmemory = Memory({str(folder)!r}, {TENANT!r})\n"
    environment = {"PYTHONPATH": str(ROOT / ".build"), "HOME": "/nonexistent"}
    return subprocess.run(
        [sys.executable, "-c", head + code, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_full_disk_leaves_the_old_content(folder: Path) -> None:
    memory(folder).put(SECTION, "7", 1)
    before = file_of(folder).read_bytes()
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
memory.put("unscoped", "8", "x" * 200)
memory.put("unscoped", "9", "x" * 200)
print(len(memory.warnings), memory.warnings[0])
"""
    done = in_a_process(folder, code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 Nothing is remembered between runs")
    assert "File too large" in done.stdout
    assert file_of(folder).read_bytes() == before
    assert not list(folder.glob("*.draft"))


def test_without_file_locks_nothing_is_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_given: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(_lock, "flock", flock)
        off(memory(folder), "No locks available")
    monkeypatch.setattr(_state, "HAS_LOCKS", False)
    off(memory(folder), "no file locks on this platform")
    assert not list(folder.glob("*.json"))


def test_a_lock_that_is_never_released_ends_the_wait(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory(folder).put(SECTION, "6", 1)
    monkeypatch.setattr(_lock, "SHORT_LOCK_SECONDS", 0.1)
    with next(folder.glob("*.lock")).open("r+") as held:
        _lock.hold_alone(held)
        one = memory(folder)
        assert one.get(SECTION, "6") is not None, "reading needs no lock"
        off(one, "another process has locked a file there")
    assert values(folder) == {"6": 1}


# -- several writers, and killed ones


@pytest.mark.parametrize("threads", [1, 4])
def test_nothing_is_lost_if_several_processes_store_at_once(folder: Path, threads: int) -> None:
    code = """
import threading
def work(name):
    for number in range(12):
        memory.put("unscoped", f"{name}-{number}", number)
        memory.put("unscoped", f"gone-{name}-{number}", number)
        memory.forget("unscoped", f"gone-{name}-{number}")
each = [threading.Thread(target=work, args=(f"{os.getpid()}-{n}",)) for n in range(int(sys.argv[1]))]
[one.start() for one in each], [one.join() for one in each]
print(os.getpid(), memory.warnings)
"""
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _n: in_a_process(folder, code, str(threads)), range(4)))
    assert [(each.returncode, each.stderr) for each in done] == [(0, "")] * 4
    assert all(each.stdout.endswith(" []\n") for each in done), [each.stdout for each in done]
    pids = [each.stdout.split()[0] for each in done]
    assert set(values(folder)) == {f"{pid}-{thread}-{number}" for pid in pids for thread in range(threads) for number in range(12)}


@pytest.mark.parametrize(("step", "stands"), [("fchmod", 1), ("fsync", 1), ("replace", 1), ("after", 2)])
def test_a_killed_writer_leaves_the_old_or_the_new_content(folder: Path, step: str, stands: int) -> None:
    memory(folder).put(SECTION, "7", 1)
    code = """
step = sys.argv[1]
def die(*given, **more):
    os.kill(os.getpid(), signal.SIGKILL)
def replace_and_die(*given, **more):
    replace(*given, **more)
    die()
replace = os.replace
setattr(os, "replace" if step == "after" else step, replace_and_die if step == "after" else die)
memory.put("unscoped", "7", 2)
"""
    assert in_a_process(folder, code, step).returncode == -signal.SIGKILL
    assert bool(list(folder.glob("*.draft"))) is (step != "after")
    assert values(folder) == {"7": stands}
    one = memory(folder)
    one.put(SECTION, "8", 3)
    assert values(folder) == {"7": stands, "8": 3}
    assert not list(folder.glob("*.draft"))


# -- the content of the file


def content(**changes: Any) -> dict[str, Any]:
    return {"version": VERSION, "tenant": TENANT, "entries": [{"section": SECTION, "key": "7", "time": 1, "value": 1}], **changes}


def broken() -> Iterator[Any]:
    whole = json.dumps(content())
    yield from (b"", b"\0" * 200, b"\xff\xfe", whole[:-1].encode(), b"[]", b"7", b"null", b"[" * 100_000)
    yield from (content(version=0), content(version="new"), content(version=None), content(tenant="api-two.example.com"))
    yield from (content(entries=None), content(entries={"a": 1}), content(entries=[7]), content(entries=[{}]))
    for time in (None, "soon", float("nan"), float("inf")):
        yield content(entries=[{"section": SECTION, "key": "7", "time": time, "value": 1}])


@pytest.mark.parametrize("held", list(broken()), ids=lambda held: repr(held)[:60])
def test_other_content_counts_as_empty_and_is_replaced(folder: Path, held: Any) -> None:
    memory(folder).put(SECTION, "7", 1)
    file_of(folder).write_text(json.dumps(content()))
    assert values(folder) == {"7": 1}, "or what follows says nothing"
    file_of(folder).write_bytes(held if isinstance(held, bytes) else json.dumps(held).encode())
    assert values(folder) == {}
    memory(folder).put(SECTION, "8", 2)
    assert values(folder) == {"8": 2}


@pytest.mark.parametrize(
    ("held", "why"),
    [(content(version=VERSION + 1), "newer version"), (content(version=VERSION + 1, entries={"other": "shape"}), "newer version"),
     (content(version=VERSION + 1, more="x" * MAX_BYTES), "larger than this version")],
    ids=["same shape", "another shape", "larger"],
)  # fmt: skip
def test_a_file_of_a_newer_version_is_neither_used_nor_replaced(folder: Path, held: Any, why: str) -> None:
    memory(folder).put(SECTION, "7", 1)
    path = file_of(folder)
    path.write_text(json.dumps(held))
    off(memory(folder), why)
    assert json.loads(path.read_text()) == held


def test_a_section_of_a_newer_release_is_kept(folder: Path) -> None:
    memory(folder).put(SECTION, "7", 1)
    theirs = {"section": "later", "key": "k", "time": 5, "value": {"deep": [1]}}
    file_of(folder).write_text(json.dumps(content(entries=[theirs])))
    memory(folder).put(SECTION, "8", 2)
    assert theirs in json.loads(file_of(folder).read_text())["entries"]


# -- bounds


def test_the_oldest_of_too_many_entries_are_dropped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_state.SECTIONS, SECTION, _state.Section("", 3, "something"))
    monkeypatch.setitem(_state.SECTIONS, "other", _state.Section("", 3, "something"))
    memory(folder).put("other", "stays", 0)
    for number in range(5):
        memory(folder).put(SECTION, str(number), number)
    assert list(values(folder)) == ["2", "3", "4"]
    assert memory(folder).get("other", "stays") is not None


def test_the_oldest_entries_of_any_section_are_dropped_from_a_full_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_state.SECTIONS, "other", _state.Section("", 100, "something"))
    monkeypatch.setattr(_state, "MAX_BYTES", 3000)
    memory(folder).put("other", "old", "x" * 500)
    for number in range(8):
        memory(folder).put(SECTION, str(number), "x" * 500)
        assert file_of(folder).stat().st_size <= 3000
    assert list(values(folder)) == ["3", "4", "5", "6", "7"]
    assert memory(folder).get("other", "old") is None


def test_a_value_that_is_too_big_is_not_remembered_and_displaces_nothing(folder: Path) -> None:
    one = memory(folder)
    for key in ("7", "8"):
        one.put(SECTION, key, "small")
    one.put(SECTION, "7", "x" * VALUE_BYTES)
    one.put(SECTION, "9" * VALUE_BYTES, 1)
    assert values(folder) == {"8": "small"}, "an older value of the same key would be a wrong one"


def test_the_file_is_never_larger_than_the_maximum_that_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_state, "MAX_BYTES", 400)
    for size in range(140, 240):
        memory(folder).put(SECTION, "7", "x" * size)
        memory(folder).put(SECTION, "8", "y")
        assert file_of(folder).stat().st_size <= 400
        assert values(folder)["8"] == "y"


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS)
def test_the_security_page_describes_each_section(section: _state.Section) -> None:
    assert section.holds in (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
