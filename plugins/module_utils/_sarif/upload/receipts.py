# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence: a file for each accepted document, and for each report that had nothing to send.

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

# Receipts are for those who have to show what was uploaded, who are seldom those who upload. They hold no
# secret.
FOLDER_MODE, FILE_MODE = 0o755, 0o644
ACCEPTED, NOT_SENT = "accepted", "not_sent"


@dataclasses.dataclass(frozen=True)
class About:
    """What all receipts of a task say. tenant: host, with its port if it has one. repository, repository_id,
    branch: as they are sent.

    What is not known is empty.
    """

    collector: str
    tenant: str
    query: dict[str, str]
    commit: str
    build_url: str


class Receipts:
    """A folder with one JSON file for each accepted document and each report without results, for those who
    have to show what was done.
    """

    def __init__(self, folder: str, about: About, redactor: Redactor) -> None:
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
        """The receipt of an accepted document. ingestion: the members of Ingestion. Returns its path; raises
        OSError.
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
        said = f"scanned, {_results(upload.source.results)}, {upload.results} sent{parts}"
        return self._write(ACCEPTED, said, upload.source, document, upload.sha256)

    def not_sent(self, source: Source) -> str:
        """The receipt of a report without any result to send. Returns its path; raises OSError."""
        document = {
            "part": 0,
            "parts": 0,
            "bytes": 0,
            "results": 0,
            "results_by_level": dict.fromkeys(LEVELS, 0),
            "sha256": None,
            "status": None,
            "ingestion": None,
        }
        left_out = "".join(f", {count} {reason}" for reason, count in source.dropped.items())
        return self._write(
            NOT_SENT,
            f"scanned, {_results(source.results)}{left_out}, not sent",
            source,
            document,
            source.sha256,
        )

    def _write(self, outcome: str, said: str, source: Source, document: dict[str, t.Any], digest: str) -> str:
        now, about = time.time(), self._about
        receipt = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
            "outcome": outcome,
            "summary": f"{said}; the scan failed" if source.failed else said,
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
        name = f"{moment}-{digest[:12]}-{document['part']}"
        content = json.dumps(self._redactor.value(receipt), indent=2) + "\n"
        for attempt in itertools.count():
            path = os.path.join(self.folder, f"{name}{f'-{attempt}' if attempt else ''}.json")
            with contextlib.suppress(FileExistsError):
                write_private(path, content, mode=FILE_MODE, new=True)
                return path
        raise AssertionError("unreachable")


def _results(count: int) -> str:
    return "1 result" if count == 1 else f"{count} results"
