# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a set of documents that is not finished.

Private to the collection, floor 3.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import typing as t

from ..._admitted import Raw, parsed
from ..._errors import InputError
from ..._files import full_path, make_folders, prove_writable, write_private
from ..prepare import Upload

# Takes the names of an object; its lock is held in the context.
Exclusive = t.Callable[..., t.ContextManager[None]]

WAITING, ACCEPTED, UNKNOWN = "waiting", "accepted", "unknown"


def set_key(tenant: str, collector: str, query: dict[str, str], uploads: list[Upload]) -> str:
    """One set: the same documents, in the same order, to the same tenant, collector, repository and
    branch.
    """
    meant = [tenant, collector, sorted(query.items()), [upload.sha256 for upload in uploads]]
    return hashlib.sha256(json.dumps(meant).encode()).hexdigest()


def prove_places(params: Raw) -> None:
    """Say in check mode what the real run would: whether journal and receipts can be written. Raises
    InputError.
    """
    for option, name, lost in (
        ("journal", "", "Without it a later run cannot resume."),
        ("receipt_dir", "receipt", "Nothing was sent."),
    ):
        path = (params.get(option) or "").strip()
        try:
            if path:
                prove_writable(os.path.join(path, name) if name else path)
        except OSError as exc:
            raise InputError(f"{option} {path} cannot be written: {exc.strerror}. {lost}") from None


class Journal:
    """One set in a journal file. Each document is `waiting`, `accepted` with an HTTP status and what the
    tenant said of it, or `unknown`, since its answer was lost.

    The file (JSON, 0600, replaced atomically) holds unfinished sets only: a set that was sent to its end is
    forgotten, so that it is sent again when it is asked for again. It holds no secret.
    """

    def __init__(self, path: str, exclusive: Exclusive, key: str, about: Raw, uploads: list[Upload]) -> None:
        try:
            self.path, self._exclusive, self._key = full_path(path), exclusive, key
        except OSError as exc:
            raise InputError(
                f"journal {path} cannot be written: {exc.strerror}. Without it a later run cannot resume."
            ) from None
        self._entry: Raw = {
            "about": about,
            "documents": [
                {
                    "path": u.path,
                    "part": u.part,
                    "parts": u.parts,
                    "sha256": u.sha256,
                    "state": WAITING,
                    "status": None,
                    "ingestion": None,
                }
                for u in uploads
            ],
        }
        with self._changing() as sets:
            found = sets.get(key)
            if (
                isinstance(found, dict)
                and isinstance(found.get("documents"), list)
                and len(found["documents"]) == len(uploads)
            ):
                if not all(map(_is_document, found["documents"])):
                    raise self._strange()
                self._entry = found
            sets[key] = self._entry

    def state(self, number: int) -> tuple[str, int | None, t.Any]:
        """State, HTTP status and what the tenant said (see Ingestion.noted)."""
        document = self._entry["documents"][number]
        return str(document.get("state")), document.get("status"), document.get("ingestion")

    def accepted(self) -> int:
        return sum(document.get("state") == ACCEPTED for document in self._entry["documents"])

    def note(self, number: int, state: str, status: int | None = None, ingestion: Raw | None = None) -> None:
        """Raises InputError when it cannot be written, BusyError when another process holds it for too
        long.
        """
        self._entry["documents"][number].update(state=state, status=status, ingestion=ingestion)
        with self._changing() as sets:
            sets[self._key] = self._entry

    def finish(self) -> None:
        with self._changing() as sets:
            sets.pop(self._key, None)

    @contextlib.contextmanager
    def _changing(self) -> t.Iterator[Raw]:
        """The sets of the file, which is written again afterwards, while no other process does."""
        try:
            make_folders(os.path.dirname(self.path))
            with self._exclusive("journal", self.path):
                sets = self._read()
                yield sets
                write_private(self.path, _as_text({"sets": sets}))
        except OSError as exc:
            raise InputError(
                f"journal {self.path} cannot be written: {exc.strerror}. Without it a later run cannot "
                "resume."
            ) from None

    def _read(self) -> Raw:
        try:
            with open(self.path, encoding="utf-8") as file:
                content = parsed(file.read())
        except FileNotFoundError:
            return {}
        except ValueError:
            content = None
        if not isinstance(content, dict) or not isinstance(content.get("sets"), dict):
            raise self._strange()
        return t.cast(Raw, content["sets"])

    def _strange(self) -> InputError:
        return InputError(
            f"journal {self.path} is not a journal of uploads: name another file, or move it away."
        )


def _is_document(held: t.Any) -> bool:
    if not isinstance(held, dict) or held.get("state") not in (WAITING, ACCEPTED, UNKNOWN):
        return False
    status, ingestion = held.get("status"), held.get("ingestion")
    return isinstance(status, (int, type(None))) and isinstance(ingestion, (dict, type(None)))


def _as_text(content: Raw) -> str:
    return json.dumps(content, indent=2) + "\n"
