# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of unfinished uploads.

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
from .systems import value_of

# exclusive(*names): a context in which this process has the lock of the object with these names.
Exclusive = t.Callable[..., t.ContextManager[None]]

WAITING, ACCEPTED, UNKNOWN = "waiting", "accepted", "unknown"
_NO_JOURNAL = "Without it a later run cannot resume."


def set_key(tenant: str, collector: str, query: dict[str, str], uploads: list[Upload]) -> str:
    """The key of one set: documents in this order, to one tenant, collector, repository and branch."""
    content = [tenant, collector, sorted(query.items()), [upload.sha256 for upload in uploads]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def prove_places(params: Raw) -> None:
    """Check, for check mode, that the journal and the receipts can be written. Raises InputError."""
    for option, name, effect in (
        ("journal", "", _NO_JOURNAL),
        ("receipt_dir", "receipt", "Nothing was sent."),
    ):
        path = value_of(params, option)
        try:
            if path:
                prove_writable(os.path.join(path, name) if name else path)
        except OSError as exc:
            raise InputError(f"{option} {path} cannot be written: {exc.strerror}. {effect}") from None


class Journal:
    """One set of uploads in a journal file. The state of a document is `waiting`, `accepted` (with HTTP
    status and ingestion), or `unknown` if its response was lost.

    The file (JSON, 0600, replaced atomically) contains only unfinished sets, so that a finished set is sent
    again if it is requested again. It contains no secrets.
    """

    def __init__(self, path: str, exclusive: Exclusive, key: str, about: Raw, uploads: list[Upload]) -> None:
        """key: of set_key(). about: what the file says about the set, for people who read it."""
        try:
            self.path, self._exclusive, self._key = full_path(path), exclusive, key
        except OSError as exc:
            raise _unwritten(path, exc) from None
        state = {"state": WAITING, "status": None, "ingestion": None}
        self._documents: list[Raw] = [
            {"path": u.path, "part": u.part, "parts": u.parts, "sha256": u.sha256, **state} for u in uploads
        ]
        self._entry: Raw = {"about": about, "documents": self._documents}
        with self._changing() as sets:
            known = sets.get(key)
            documents = known.get("documents") if isinstance(known, dict) else None
            if isinstance(documents, list) and len(documents) == len(uploads):
                if not all(map(_is_document, documents)):
                    raise self._not_a_journal()
                self._entry, self._documents = t.cast(Raw, known), documents
            sets[key] = self._entry

    def state(self, number: int) -> tuple[str, int | None, t.Any]:
        """State, HTTP status and ingestion (for Ingestion.noted) of a document."""
        document = self._documents[number]
        return str(document.get("state")), document.get("status"), document.get("ingestion")

    def accepted(self) -> int:
        return sum(document.get("state") == ACCEPTED for document in self._documents)

    def note(self, number: int, state: str, status: int | None = None, ingestion: Raw | None = None) -> None:
        """Record the state of a document. Raises InputError if the file cannot be written, and BusyError if
        another process locks it for too long.
        """
        self._documents[number].update(state=state, status=status, ingestion=ingestion)
        with self._changing() as sets:
            sets[self._key] = self._entry

    def finish(self) -> None:
        """Remove the set from the file. Raises as note()."""
        with self._changing() as sets:
            sets.pop(self._key, None)

    @contextlib.contextmanager
    def _changing(self) -> t.Iterator[Raw]:
        """The sets of the file, locked; written to the file afterwards."""
        try:
            make_folders(os.path.dirname(self.path))
            with self._exclusive("journal", self.path):
                sets = self._read()
                yield sets
                write_private(self.path, json.dumps({"sets": sets}, indent=2) + "\n")
        except OSError as exc:
            raise _unwritten(self.path, exc) from None

    def _read(self) -> Raw:
        if os.path.exists(self.path) and not os.path.isfile(self.path):
            # Reading a pipe would block.
            raise self._not_a_journal()
        try:
            with open(self.path, encoding="utf-8") as file:
                content = parsed(file.read())
        except FileNotFoundError:
            return {}
        except ValueError:
            content = None
        if not isinstance(content, dict) or not isinstance(content.get("sets"), dict):
            raise self._not_a_journal()
        return t.cast(Raw, content["sets"])

    def _not_a_journal(self) -> InputError:
        return InputError(
            f"journal {self.path} is not a journal of uploads: name another file, or move it away."
        )


def _unwritten(path: str, exc: OSError) -> InputError:
    return InputError(f"journal {path} cannot be written: {exc.strerror}. {_NO_JOURNAL}")


def _is_document(entry: t.Any) -> bool:
    if not isinstance(entry, dict) or entry.get("state") not in (WAITING, ACCEPTED, UNKNOWN):
        return False
    status, ingestion = entry.get("status"), entry.get("ingestion")
    return isinstance(status, (int, type(None))) and isinstance(ingestion, (dict, type(None)))
