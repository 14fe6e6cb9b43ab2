# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an accepted document came to, in the tenant's words and in numbers. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..._errors import WORDS_SHOWN

PARTIALLY_VALID = "PARTIALLY_VALID"
# A number with separators is none that can be relied on.
_FINDINGS = re.compile(r"(?:^|\s)([0-9]{1,9}) findings? will be ingested\.?$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Ingestion:
    """What the tenant said of a document that it accepted; all None where it said nothing, as older tenants
    do.

    findings: how many it takes, from the end of its message (docs/api.md: upload.201).
    """

    status: str | None = None
    message: str | None = None
    findings: int | None = None

    @classmethod
    def of(cls, body: dict[str, t.Any], redact: t.Callable[[str], str]) -> Ingestion:
        """From the body of the answer. redact: takes secrets out of a text."""
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
    def noted(cls, held: t.Any) -> Ingestion:
        """From a journal; one that was written before this was noted has nothing."""
        if not isinstance(held, dict):
            return cls()
        findings = held.get("findings")
        return dataclasses.replace(
            cls.of(held, str), findings=findings if isinstance(findings, int) else None
        )

    @property
    def partial(self) -> bool:
        return (self.status or "").upper() == PARTIALLY_VALID

    def shortfall(self, results: int) -> str:
        """What became of a document with so many results, in words; empty when nothing is known to be
        missing.
        """
        if not self.partial and (self.findings is None or self.findings >= results):
            return ""
        count = "an unknown number" if self.findings is None else self.findings
        said = f" ({self.status}{f': {self.message}' if self.message else ''})" if self.status else ""
        return f"{count} of {results} findings were accepted{said}"
