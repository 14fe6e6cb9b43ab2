# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenant's response to an accepted document. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..._errors import WORDS_SHOWN

PARTIALLY_VALID = "PARTIALLY_VALID"
# A number with separators could be misread, so it does not match.
_FINDINGS = re.compile(r"(?:^|\s)([0-9]{1,9}) findings? will be ingested\.?$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Ingestion:
    """What the tenant reports about an accepted document. Older tenants report nothing: all members are None.

    findings: how many it accepts, from the end of its message (docs/api.md: upload.201).
    """

    status: str | None = None
    message: str | None = None
    findings: int | None = None

    @classmethod
    def of(cls, body: dict[str, t.Any], redact: t.Callable[[str], str]) -> Ingestion:
        """From the body of the response. redact: removes secrets from a text."""
        status, message = (
            " ".join(redact(str(body[key])).split()) if body.get(key) else None
            for key in ("status", "message")
        )
        found = _FINDINGS.search(message or "")
        return cls(
            status[:100] if status else None,
            message[:WORDS_SHOWN] if message else None,
            int(found[1]) if found else None,
        )

    @classmethod
    def noted(cls, entry: t.Any) -> Ingestion:
        """From a journal. Journals of earlier versions have no entry."""
        if not isinstance(entry, dict):
            return cls()
        count = entry.get("findings")
        return dataclasses.replace(cls.of(entry, str), findings=count if isinstance(count, int) else None)

    @property
    def partial(self) -> bool:
        return (self.status or "").upper() == PARTIALLY_VALID

    def shortfall(self, results: int) -> str:
        """How many of a document's results were accepted, in words; empty if none is known to be missing."""
        if not self.partial and (self.findings is None or self.findings >= results):
            return ""
        count = "an unknown number" if self.findings is None else self.findings
        reported = ": ".join(text for text in (self.status, self.message) if text) if self.status else ""
        return f"{count} of {results} findings were accepted{f' ({reported})' if reported else ''}"
