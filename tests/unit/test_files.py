# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are written completely or not at all, never through a link, with their mode whatever the umask; all code does it that way."""

from __future__ import annotations

import ast
import errno
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.cortex_cloud.appsec.plugins.module_utils import _files
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.collector_token import (
    CredentialsFile,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.data_file import write_backup
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._files import (
    Draft,
    full_path,
    make_folders,
    open_private,
    write_private,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._state import Memory

ROOT = Path(__file__).resolve().parents[2]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=[0o000, 0o022, 0o277, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_the_mode_is_the_requested_one_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    assert os.umask(umask) == umask
    make_folders(str(tmp_path / "a" / "b"))
    write_private(str(tmp_path / "a" / "b" / "kept"), "text")
    write_private(str(tmp_path / "a" / "shown"), b"text", mode=0o644, new=True)
    os.close(open_private(str(tmp_path / "in place")))
    memory = Memory(str(tmp_path / "state"), "tenant")
    memory.put("made", "key", "value")
    token = CredentialsFile(str(tmp_path / "secure" / "bandit.json"))
    token.prepare()
    token.commit({"id": "1"})
    backup = Path(write_backup(str(tmp_path / "backups"), "tenant", {"id": "1"}))
    assert memory.warnings == []
    folders = [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "state", tmp_path / "secure", tmp_path / "backups"]
    assert {mode(folder) for folder in folders} == {0o700}
    private = [tmp_path / "a" / "b" / "kept", tmp_path / "in place", Path(token.path), backup, *(tmp_path / "state").iterdir()]
    assert {mode(path) for path in private} == {0o600}
    assert mode(tmp_path / "a" / "shown") == 0o644


def test_an_existing_file_is_replaced_completely_including_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "plan.md"
    path.write_text("a much longer text than the new one")
    path.chmod(0o666)
    write_private(str(path), "new ü")
    assert (path.read_text(encoding="utf-8"), mode(path), names(tmp_path)) == ("new ü", 0o600, ["plan.md"])


@pytest.mark.parametrize("plant", ["link", "dangling", "folder", "pipe"])
def test_anything_but_a_regular_file_is_neither_followed_nor_replaced(tmp_path: Path, plant: str) -> None:
    victim, path = tmp_path / "victim", tmp_path / "plan.md"
    victim.write_text("precious")
    {
        "link": lambda: path.symlink_to(victim),
        "dangling": lambda: path.symlink_to(tmp_path / "nowhere"),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
    }[plant]()
    with pytest.raises(OSError, match="it is a link" if plant in ("link", "dangling") else "it is not a file"):
        write_private(str(path), "text")
    with pytest.raises(FileExistsError):
        write_private(str(path), "text", new=True)
    with pytest.raises(OSError, match=r"symbolic link|directory|is not a regular file"):
        open_private(str(path))
    assert (victim.read_text(), names(tmp_path)) == ("precious", ["plan.md", "victim"])


def test_a_second_name_of_a_file_keeps_its_content(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "planted"
    victim.write_text("precious")
    victim.chmod(0o640)
    path.hardlink_to(victim)
    with pytest.raises(OSError, match="planted has a second name"):
        open_private(str(path))
    assert mode(victim) == 0o640
    write_private(str(path), "text")
    assert (victim.read_text(), path.read_text()) == ("precious", "text")


def test_a_file_of_another_user_is_not_changed_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rate"
    path.write_text("theirs")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    os.close(open_private(str(path)))  # a file system that shows one owner for everything
    monkeypatch.setattr(_files, "_owner_of_folder", lambda *_: path.stat().st_uid + 1)
    with pytest.raises(OSError, match="rate belongs to another user"):
        open_private(str(path))


def test_a_new_file_never_replaces_another_even_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    for attempt in (1, 2):
        path = tmp_path / f"token-{attempt}.json"
        write_private(str(path), "first", new=True)
        with pytest.raises(FileExistsError):
            write_private(str(path), "second", new=True)
        assert (path.read_text(), mode(path)) == ("first", 0o600)
        monkeypatch.setattr(os, "link", no_links)
    assert names(tmp_path) == ["token-1.json", "token-2.json"]


@pytest.mark.parametrize("call", ["open", "fchmod", "write", "ftruncate", "fsync", "close", "replace"])
@pytest.mark.parametrize("there", [True, False], ids=["replaced", "new"])
def test_a_full_disk_leaves_the_existing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, there: bool) -> None:
    path = tmp_path / "plan.md"
    if there:
        path.write_text("old")
    real: Callable[..., object] = getattr(os, call)

    def full(*args: object, **kwargs: object) -> None:
        if call == "close":
            real(*args, **kwargs)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        with pytest.raises(OSError, match="No space left"):
            write_private(str(path), "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == ([("plan.md", "old")] if there else [])


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: real(handle, content[:3]))
    write_private(str(tmp_path / "file"), "0123456789")
    assert (tmp_path / "file").read_text() == "0123456789"


def test_a_draft_can_be_written_again_and_one_left_by_a_killed_writer_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "left").write_text("half")
    with Draft(str(tmp_path / "file"), name="left") as draft:
        draft.write(" " * 4096)
        draft.write("short")
        draft.publish()
    with pytest.raises(RuntimeError):
        draft.write("late")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "short")]


def test_a_full_disk_leaves_no_empty_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"backup_dir .* cannot be written \(No space left on device\), so nothing was changed"):
        write_backup(str(tmp_path / "backups"), "tenant", {"id": "1"})
    assert names(tmp_path / "backups") == []


WRITING = {"mkstemp", "NamedTemporaryFile", "mkdtemp", "write_text", "write_bytes", "makedirs", "mkdir", "rename", "link", "symlink"}


def written_elsewhere(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        how = [a.value for a in (*node.args[1:2], *(k.value for k in node.keywords if k.arg == "mode")) if isinstance(a, ast.Constant)]
        opened = name == "open" and any(isinstance(each, str) and set(each) & set("wax+") for each in how)
        if opened or name in WRITING or (name in ("open", "replace") and ast.unparse(node.func) in ("os.open", "os.replace")):
            yield f"{path.name}: {ast.unparse(node)}"


def test_nothing_in_the_collection_writes_files_any_other_way() -> None:
    found = [each for path in sorted((ROOT / "plugins").rglob("*.py")) if path.name != "_files.py" for each in written_elsewhere(path)]
    assert found == [
        # Replaces an output that nobody reads any more.
        "command.py: os.open(os.devnull, os.O_WRONLY)",
        # A folder, opened for reading.
        "_state.py: os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)",
        # Made anew in the folder for temporary files, and the module writes to it in its place.
        "_progress.py: tempfile.mkstemp(prefix='cortex_cloud_progress_')",
    ]


@pytest.mark.parametrize(("home", "path"), [(None, "~/x/y"), ("~", "~/x/y"), ("~", "~")])
def test_nothing_is_written_below_an_unknown_home(
    home: str | None, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOME") if home is None else monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(FileNotFoundError, match="no home folder is known"):
        full_path(path)
    with pytest.raises(InputError, match="no home folder is known"):
        CredentialsFile(path)
    with pytest.raises(InputError, match=r"no home folder is known.*nothing was changed"):
        write_backup(path, "t", {"id": "1"})
    assert full_path("~x/y") == str(tmp_path / "~x" / "y"), "a name of its own"
    assert names(tmp_path) == []


def tasks(node: object) -> Iterator[dict[str, object]]:
    if isinstance(node, list):
        for each in node:
            yield from tasks(each)
    elif isinstance(node, dict):
        yield node
        for value in node.values():
            yield from tasks(value)


def test_tasks_that_write_files_set_a_mode_and_follow_no_link() -> None:
    files = [*(ROOT / "roles").rglob("tasks/*.yml"), *(ROOT / "playbooks").glob("*.yml")]
    writers = [
        (task[name], name)
        for path in files
        for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
        for name in ("ansible.builtin.copy", "ansible.builtin.template", "ansible.builtin.assemble", "ansible.builtin.get_url")
        if name in task
    ]
    assert len(writers) == 3
    for options, _name in writers:
        assert isinstance(options, dict)
        # By default copy and template follow no link.
        assert (options["mode"], options.get("follow", False)) == ("0600", False)
