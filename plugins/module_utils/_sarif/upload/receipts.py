# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a receipt for each accepted document, and for each report with nothing to send.

Private to the collection, floor 3.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import tempfile
import time
import typing as t

from ..._errors import InputError
from ..._files import full_path, make_folders, write_private
from ..._http.redaction import Redactor
from ..._version import VERSION
from ..prepare import Source, Upload
from ..rules.clean import LEVELS

# Receipts contain no secrets, and the people who need them as evidence are seldom those who upload.
FOLDER_MODE, FILE_MODE = 0o755, 0o644
ACCEPTED, NOT_SENT = "accepted", "not_sent"


@dataclasses.dataclass(frozen=True)
class About:
    """What all receipts of a task contain; empty if unknown.

    tenant: host, with the port if the URL has one.
    query: as it is sent.
    """

    collector: str
    tenant: str
    query: dict[str, str]
    commit: str
    build_url: str


class Receipts:
    """A folder of receipts, one JSON file each."""

    def __init__(self, folder: str, about: About, redactor: Redactor) -> None:
        """Raises InputError if the folder cannot be written."""
        self.folder, self._about, self._redactor = folder, about, redactor
        try:
            self.folder = full_path(folder)
            make_folders(self.folder, FOLDER_MODE)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as exc:
            raise InputError(
                f"receipt_dir {self.folder} cannot be written: {exc.strerror}. Nothing was sent."
            ) from None

    def accepted(self, upload: Upload, status: int, ingestion: dict[str, t.Any]) -> str:
        """Write the receipt of an accepted document. Returns its path. Raises OSError.

        ingestion: the members of Ingestion.
        """
        document = {
            "part": upload.part,
            "parts": upload.parts,
            "bytes": upload.size,
            "results": upload.results,
            "results_by_level": upload.levels,
            "sha256": upload.sha256,
            "status": status,
            "ingestion": ingestion,
        }
        parts = f" (part {upload.part} of {upload.parts})" if upload.parts > 1 else ""
        summary = f"scanned, {_results(upload.source.results)}, {upload.results} sent{parts}"
        return self._write(ACCEPTED, summary, upload.source, document)

    def not_sent(self, source: Source) -> str:
        """Write the receipt of a report with nothing to send. Returns its path. Raises OSError."""
        document = {
            **dict.fromkeys(("part", "parts", "bytes", "results"), 0),
            "results_by_level": dict.fromkeys(LEVELS, 0),
            **dict.fromkeys(("sha256", "status", "ingestion")),
        }
        left_out = "".join(f", {count} {reason}" for reason, count in source.dropped.items())
        summary = f"scanned, {_results(source.results)}{left_out}, not sent"
        return self._write(NOT_SENT, summary, source, document)

    def _write(self, outcome: str, summary: str, source: Source, document: dict[str, t.Any]) -> str:
        """document: the members of the receipt about the document that was sent."""
        now, about = time.time(), self._about
        receipt = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
            "outcome": outcome,
            "summary": f"{summary}; the scan failed" if source.failed else summary,
            "tenant": about.tenant or None,
            "collector": about.collector or None,
            "repository": about.query.get("repository_url") or about.query.get("repository_id"),
            "repository_id": about.query.get("repository_id"),
            "branch": about.query.get("branch"),
            "commit": about.commit or source.commit or None,
            "build_url": about.build_url or None,
            "tool": ", ".join(dict.fromkeys(tool.name for tool in source.tools)),
            "tools": [{"name": tool.name, "version": tool.version or None} for tool in source.tools],
            "path": source.path,
            **document,
            "source": {
                "sha256": source.sha256,
                "results": source.results,
                "dropped": source.dropped,
                "normalised": source.normalised,
                "scan_failed": source.failed,
            },
            "uploader": {"name": "cortex_cloud.appsec", "version": VERSION},
        }
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"{int(now * 1000) % 1000:03d}Z"
        name = f"{moment}-{(document['sha256'] or source.sha256)[:12]}-{document['part']}"
        content = json.dumps(self._redactor.value(receipt), indent=2) + "\n"
        for attempt in itertools.count():
            path = os.path.join(self.folder, f"{name}{f'-{attempt}' if attempt else ''}.json")
            with contextlib.suppress(FileExistsError):
                write_private(path, content, mode=FILE_MODE, new=True)
                return path
        raise AssertionError("unreachable")


def _results(count: int) -> str:
    return "1 result" if count == 1 else f"{count} results"
