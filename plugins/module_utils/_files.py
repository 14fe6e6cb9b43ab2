# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way to write a file: completely or not at all, never through a link, whatever the umask.

Private to the collection, floor 0.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import uuid

OTHER = "it has other content and is not overwritten: choose another file, or move this one away"


def write_private(path: str, content: str | bytes, *, mode: int = 0o600, new: bool = False) -> None:
    """Replace a whole file, or leave it unchanged. Its folder must exist.

    new: never replace a file; FileExistsError if it exists.
    Raises OSError with a readable strerror, and leaves nothing behind then.
    """
    with Draft(path, mode=mode) as draft:
        draft.write(content)
        draft.publish(new=new)


class Draft:
    """A file that does not have its final name yet. Leaving the context deletes it, unless it was published.

    prefix: start of the draft's name, to which random letters are added.
    name: the whole name instead, for the holder of a lock; a draft left by a killed writer is replaced.
    folder: descriptor of the folder; path is then a name in it.
    Raises OSError.
    """

    def __init__(
        self,
        path: str,
        *,
        mode: int = 0o600,
        prefix: str = ".draft-",
        name: str = "",
        folder: int | None = None,
    ) -> None:
        self._target, self._folder = path, folder
        self.path = os.path.join(os.path.dirname(path), name or prefix + uuid.uuid4().hex[:12])
        if name:
            self._unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        self._handle: int | None = os.open(self.path, flags, 0o600, dir_fd=folder)
        try:
            if hasattr(os, "fchmod"):  # not on Windows, which has no such modes
                os.fchmod(self._handle, mode)
        except BaseException:
            self.discard()
            raise

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.discard()

    def write(self, content: str | bytes) -> None:
        """Replace the whole content, and sync it to the disk."""
        if self._handle is None:
            raise RuntimeError("the draft was already published or discarded")
        left = memoryview(content.encode() if isinstance(content, str) else content)
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.ftruncate(self._handle, min(len(left), os.fstat(self._handle).st_size))
        while left:
            left = left[os.write(self._handle, left) :]
        os.fsync(self._handle)

    def publish(self, *, new: bool = False) -> None:
        """Rename it to its final name.

        new: raise FileExistsError if that file exists.
        """
        if self._handle is None:
            raise RuntimeError("the draft was already published or discarded")
        handle, self._handle = self._handle, None
        try:
            os.close(handle)  # a network file system may report only now that the disk is full
            if new:
                self._link()
            else:
                _refuse_others(self._target, self._folder)
                os.replace(self.path, self._target, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except BaseException:
            self._unlink()
            raise

    def discard(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            self._unlink()
            with contextlib.suppress(OSError):
                os.close(handle)

    def _link(self) -> None:
        """Unlike a rename, a link fails when another process has created the file in the meantime."""
        try:
            os.link(self.path, self._target, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            os.close(os.open(self._target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._folder))
            os.replace(self.path, self._target, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        else:
            self._unlink()

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.path, dir_fd=self._folder)


def _refuse_others(path: str, folder: int | None = None) -> None:
    """Raise OSError if something other than a regular file has this name. Links are not followed."""
    try:
        mode = os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISLNK(mode):
        raise OSError(errno.EINVAL, "it is a link, and links are not followed")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a file")


def open_private(
    path: str, flags: int = os.O_RDWR | os.O_CREAT, folder: int | None = None, group: int | None = None
) -> int:
    """A descriptor of a file to change in place, created with mode 0600 if missing.

    Raises OSError for anything planted there instead (a symbolic or hard link, a pipe, another user's file),
    without waiting for a pipe.
    folder: descriptor of the folder; path is then a name in it.
    group: id of a group that shares the file, mode 0660; any member may have created it.
    """
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags, 0o600, dir_fd=folder)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, f"{os.path.basename(path)} is not a regular file")
        if status.st_nlink > 1:
            raise OSError(errno.EMLINK, f"{os.path.basename(path)} has a second name")
        shared = group is not None and status.st_gid == group
        # Some file systems report one owner for all files, so the folder's owner is accepted.
        if not shared and status.st_uid not in (os.geteuid(), _owner_of_folder(path, folder)):
            raise OSError(errno.EPERM, f"{os.path.basename(path)} belongs to another user")
        mode = 0o660 if shared else 0o600
        if flags & os.O_CREAT and status.st_mode & 0o777 != mode:
            with contextlib.suppress(PermissionError):  # ... or one mode
                os.fchmod(handle, mode)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _owner_of_folder(path: str, folder: int | None) -> int:
    return (os.stat(os.path.dirname(path) or ".") if folder is None else os.fstat(folder)).st_uid


def make_folders(directory: str, mode: int = 0o700) -> None:
    """Create a folder and its missing parents with this mode, whatever the umask. Raises OSError."""
    if directory.startswith("~"):
        raise FileNotFoundError(errno.ENOENT, "no home folder is known")
    if os.path.isdir(directory):
        return
    parent = os.path.dirname(directory)
    if parent not in ("", directory):
        make_folders(parent, mode)
    try:
        os.mkdir(directory, mode)
    except FileExistsError:
        if not os.path.isdir(directory):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
    else:
        if stat.S_IMODE(os.lstat(directory).st_mode) != mode:
            os.chmod(directory, mode)


def prove_writable(path: str) -> None:
    """Raise OSError unless this file, with any missing folders, can be created. Leaves nothing behind."""
    _refuse_others(path)
    folder = os.path.dirname(full_path(path))
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    with tempfile.TemporaryFile(dir=folder):
        pass


def refuse_other_file(path: str, begins: str) -> None:
    """Raise OSError if this file exists, is not empty and does not begin like the one that will replace it:
    it may be somebody's work.
    """
    _refuse_others(path)  # opening a pipe would wait
    try:
        with open(path, "rb") as file:
            content = file.read(len(begins.encode()))
    except FileNotFoundError:
        return
    if content and content != begins.encode():
        raise FileExistsError(errno.EEXIST, OTHER)


def full_path(path: str) -> str:
    """The absolute path, with ~ expanded. Raises OSError if the home folder is unknown, so that no folder
    named ~ is created.
    """
    expanded = os.path.expanduser(path)
    if expanded.split(os.sep, 1)[0] == "~":
        raise FileNotFoundError(errno.ENOENT, "no home folder is known")
    return os.path.abspath(expanded)
