# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps prepared results between reading and sending, in a private temporary file.

Private to the collection, floor 3.
"""

from __future__ import annotations

import os
import tempfile
import typing as t

from ..._errors import InputError

_BLOCK = 1 << 20


class Spool:
    """A temporary file without a name, which only this process can read and which ends with it."""

    def __init__(self) -> None:
        self._file: t.Any = None
        self._end = 0
        self._waiting: list[bytes] = []
        self._size = 0

    def add(self, content: bytes) -> int:
        """Append bytes. Returns their position. Raises InputError if the disk is full."""
        self._waiting.append(content)
        position = self._end
        self._end += len(content)
        self._size += len(content)
        if self._size > _BLOCK:
            self._write()
        return position

    def _write(self) -> None:
        content, self._waiting, self._size = memoryview(b"".join(self._waiting)), [], 0
        try:
            if self._file is None:
                # close() closes it.
                self._file = tempfile.TemporaryFile(prefix="cortex-sarif-", buffering=0)  # noqa: SIM115
            self._file.seek(0, os.SEEK_END)
            while content:
                content = content[self._file.write(content) :]
        except OSError as exc:
            raise InputError(_no_room(exc)) from None

    def read(self, position: int, size: int) -> bytes:
        if self._waiting:
            self._write()
        self._file.seek(position)
        content = self._file.read(size)
        if len(content) != size:
            raise RuntimeError("the spool is shorter than what was written to it")
        return bytes(content)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _no_room(exc: OSError) -> str:
    # gettempdir() would raise the same error.
    where = tempfile.tempdir or "any temporary folder"
    return (
        f"cannot be prepared in {where}: {exc.strerror}. Nothing was sent. Prepared reports need about as "
        "much space as the reports; set TMPDIR to a folder with enough space."
    )
