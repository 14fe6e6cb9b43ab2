# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that processes share: their folder and owner, and one lock for each object.

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

# Maximum waits for the lock of an object, and for one that protects the reading and writing of a small file.
LOCK_SECONDS = 300.0
SHORT_LOCK_SECONDS = 10.0


def default_directory() -> str:
    """A folder of this user alone: under XDG_CACHE_HOME, else under HOME."""
    return os.path.join(user_folder("XDG_CACHE_HOME", "~/.cache"), "cortex_cloud_appsec", "rate")


def user_folder(variable: str, default: str) -> str:
    """The absolute path in an XDG variable, else the default, which starts with ~.

    The ~ remains if the home folder is unknown: then make_folders() refuses the path, which would otherwise
    be relative to a job's folder.
    """
    path = os.environ.get(variable, "")
    if os.path.isabs(path):
        return path
    expanded = os.path.expanduser(default)
    return expanded if os.path.isabs(expanded) else default


def refuse_strangers(status: os.stat_result, *, own: bool) -> None:
    """Raise PermissionError for a folder in which everybody could plant files.

    own: also for one in which anybody but this user could.
    """
    if status.st_mode & (0o022 if own else 0o002):
        raise PermissionError("others may write there")
    if own and status.st_uid not in (os.geteuid(), 0):
        raise PermissionError("it belongs to another user")


def usable_directory(directory: str, *, own: bool = False) -> str:
    """Create the folder if needed. Raises OSError if it does not support locks, or if everybody could plant
    files in it.

    own: it must belong to this user alone. A folder from an option may belong to a group, so that several
        containers can share it.
    """
    make_folders(directory)
    refuse_strangers(os.stat(directory), own=own)
    if not HAS_LOCKS:
        raise OSError("no file locks on this platform")
    return directory


def file_name(*parts: str) -> str:
    """A short file name from any text; no part can turn it into a path."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def open_shared(path: str) -> t.TextIO:
    """Open for reading and writing, created if missing. Raises OSError for files that others have planted
    there.

    The file is for this user alone, or also for the folder's group if new files get that (mode 2770, for
    example).
    """
    folder = os.stat(os.path.dirname(path))
    shared = stat.S_ISGID | stat.S_IWGRP
    group = folder.st_gid if folder.st_mode & shared == shared else None
    for pause in (0.01, 0.1, 0.5):
        try:
            return os.fdopen(open_private(path, group=group), "r+", encoding="utf-8")
        except PermissionError:
            if group is None:
                raise
            time.sleep(pause)  # its creator may not have set the group yet
    return os.fdopen(open_private(path, group=group), "r+", encoding="utf-8")


def not_shared(directory: str, exc: OSError, *, budget: bool = True) -> str:
    """The warning that a folder cannot provide locks nor, with budget, a shared budget."""
    effect = "another job may undo this change"
    if budget:
        effect = "this process keeps to requests_per_second on its own, and another job may undo its changes"
    return (
        f"{_begins(directory)} ({exc.strerror or exc}): {effect}. Set rate_limit_dir to a folder that all "
        "jobs can write, on a file system with locks."
    )


_warning = threading.Lock()


def _begins(directory: str) -> str:
    return f"{directory} cannot be shared with other jobs"


def hold_alone(file: t.IO[t.Any]) -> None:
    """Lock a small shared file against all processes and threads; closing it releases it. Raises OSError
    after SHORT_LOCK_SECONDS.
    """
    words = f"another process has locked a file there for {SHORT_LOCK_SECONDS:.0f} s"
    _wait_for(file, SHORT_LOCK_SECONDS, 0.001, OSError(words))


def _wait_for(
    file: t.IO[t.Any],
    seconds: float,
    pause: float,
    late: Exception,
    refuse: t.Callable[[], None] = lambda: None,
) -> None:
    """Lock a file. Raises `late` after this time, the exceptions of refuse in between, and OSError if the
    file system has no locks.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            flock(file, LOCK_EX | LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise late from None
            refuse()
            time.sleep(pause)


def lock_now(handle: int) -> bool:
    """Whether an open file could be locked at once; closing it releases it."""
    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except (OSError, NameError):  # NameError: no POSIX locks
        return False
    return True


@contextlib.contextmanager
def exclusive(
    directory: str, *parts: str, warnings: list[str], refuse: t.Callable[[], None] = lambda: None
) -> t.Iterator[None]:
    """Lock one object (its parts: tenant, id) against all threads and processes that use the folder.

    If locks do not work, the work goes on without them, and warnings gets one line about the folder. Raises
    BusyError after LOCK_SECONDS, and the exceptions of refuse while it waits.
    """
    with contextlib.ExitStack() as stack:
        try:
            path = os.path.join(usable_directory(directory), f"{file_name(*parts)}.lock")
            words = f"another process has been changing {parts[-1]} for {LOCK_SECONDS:.0f} s. Run again."
            _wait_for(stack.enter_context(open_shared(path)), LOCK_SECONDS, 0.05, BusyError(words), refuse)
        except OSError as exc:
            with _warning:
                if not any(warning.startswith(_begins(directory)) for warning in warnings):
                    warnings.append(not_shared(directory, exc, budget=False))
        yield
