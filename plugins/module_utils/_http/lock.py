# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that processes share: their place and owner, and one lock per object.

Private to the collection, floor 1.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
import time
import typing as t

from .._errors import BusyError
from .._files import make_folders, open_private

try:
    from fcntl import LOCK_EX, LOCK_NB, flock

    HAS_LOCKS = True
except ImportError:  # no POSIX locks
    HAS_LOCKS = False

LOCK_SECONDS = 300.0
# Such a lock is only held to read and write a small file.
SHORT_LOCK_SECONDS = 10.0


def default_directory() -> str:
    """A directory of this user alone: under XDG_CACHE_HOME, else under HOME."""
    return os.path.join(user_folder("XDG_CACHE_HOME", "~/.cache"), "cortex_cloud_appsec", "rate")


def user_folder(variable: str, otherwise: str) -> str:
    """The folder of this XDG variable, if it is absolute, else this folder under HOME.

    It starts with ~ when the home folder is unknown, so that it is not relative to a job's folder;
    make_folders() refuses that.
    """
    given = os.environ.get(variable, "")
    if os.path.isabs(given):
        return given
    expanded = os.path.expanduser(otherwise)
    return expanded if os.path.isabs(expanded) else otherwise


def refuse_strangers(found: os.stat_result, *, own: bool) -> None:
    """Raises PermissionError for a folder in which everybody could plant files.

    own: in which anybody but this user could.
    """
    if found.st_mode & (0o022 if own else 0o002):
        raise PermissionError("others may write there")
    if own and found.st_uid not in (os.geteuid(), 0):
        raise PermissionError("it belongs to another user")


def usable_directory(directory: str, *, own: bool = False) -> str:
    """Create the directory if needed. Raises OSError when it does not support locks, or when everybody could
    plant files in it.

    own: it must belong to this user alone; one from an option may belong to a group, so that several
        containers can share it.
    """
    make_folders(directory)
    refuse_strangers(os.stat(directory), own=own)
    if not HAS_LOCKS:
        raise OSError("no file locks on this platform")
    return directory


def file_name(*parts: str) -> str:
    """A short file name; no part can turn it into a path."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def open_shared(path: str) -> t.TextIO:
    """Open for reading and writing, created if missing. Raises OSError for files that others have planted
    there.

    In a folder that passes its group on to new files (mode 2770, for example) the file is for that group too,
    otherwise for this user alone.
    """
    folder = os.stat(os.path.dirname(path))
    given = stat.S_ISGID | stat.S_IWGRP
    group = folder.st_gid if folder.st_mode & given == given else None
    for pause in (0.01, 0.1, 0.5):
        try:
            return os.fdopen(open_private(path, group=group), "r+", encoding="utf-8")
        except PermissionError:
            if group is None:
                raise
            time.sleep(pause)  # its creator may not have set the group yet
    return os.fdopen(open_private(path, group=group), "r+", encoding="utf-8")


def not_shared(directory: str, exc: OSError, *, budget: bool = True) -> str:
    """The warning that a folder provides no locks and, with budget, no shared budget: the consequences, and
    what to do.
    """
    lost = (
        "this process keeps to requests_per_second on its own, and another job may undo its changes"
        if budget
        else _UNDONE
    )
    what = f"{_begins(directory)} ({exc.strerror or exc}): {lost}."
    return f"{what} Set rate_limit_dir to a folder that all jobs can write, on a file system with locks."


_saying = threading.Lock()
_UNDONE = "another job may undo this change"


def _begins(directory: str) -> str:
    return f"{directory} cannot be shared with other jobs"


def hold_alone(file: t.IO[t.Any]) -> None:
    """Wait until no other process or thread holds this file; closing it releases it. Raises OSError when it
    is held too long.
    """
    deadline = time.monotonic() + SHORT_LOCK_SECONDS
    while True:
        try:
            flock(file, LOCK_EX | LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(
                    f"another process has locked a file there for {SHORT_LOCK_SECONDS:.0f} s"
                ) from None
            time.sleep(0.001)


def lock_now(handle: int) -> bool:
    """Lock an open file, unless it is locked already; closing it releases it."""
    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except (OSError, NameError):  # NameError: no POSIX locks
        return False
    return True


@contextlib.contextmanager
def exclusive(
    directory: str, *parts: str, warnings: list[str], refuse: t.Callable[[], None] = lambda: None
) -> t.Iterator[None]:
    """Hold the lock of one object (its parts: tenant, id) against all threads and processes that use the
    directory.

    Where locks do not work, the work goes on without, and warnings gets one line about the directory. Raises
    BusyError when another process holds the lock for LOCK_SECONDS, and the exceptions of refuse while it
    waits.
    """
    with contextlib.ExitStack() as held:
        try:
            path = os.path.join(usable_directory(directory), f"{file_name(*parts)}.lock")
            _lock(held.enter_context(open_shared(path)), parts[-1], refuse)
        except OSError as exc:
            with _saying:
                if not any(said.startswith(_begins(directory)) for said in warnings):
                    warnings.append(not_shared(directory, exc, budget=False))
        yield


def _lock(file: t.TextIO, what: str, refuse: t.Callable[[], None]) -> None:
    """Raises BusyError, and OSError where the file system has no locks."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            flock(file, LOCK_EX | LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise BusyError(
                    f"another process has been changing {what} for {LOCK_SECONDS:.0f} s. Run again."
                ) from None
            refuse()
            time.sleep(0.05)
