# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong, by name. Which class is raised decides exit codes and `changed`.

Private to the collection, floor 0.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import traceback
import typing as t

WORDS_SHOWN = 600
_FAILED = re.compile(r"fail|invalid|error|reject|refused|denied|forbidden|unauthori[sz]ed", re.IGNORECASE)
_ERROR_KEYS = ("errorCode", "error_code", "err_code", "err_msg", "error", "errors")


class CortexError(Exception):
    """A failure that a user reads as one line.

    subject: the object that the message names, such as 'SNYK "snyk-eu" (id 12)'; empty when it names none. It
    is put in front of the rest of the message.
    changed: whether the tenant is known to be different from before. details() holds the same as data,
    without secrets.
    """

    changed: t.ClassVar[bool] = False

    def __init__(self, message: str = "", *, subject: str = "") -> None:
        super().__init__(f"{subject}{message}")
        self.subject = subject

    def details(self) -> dict[str, t.Any]:
        return {}

    def as_result(self) -> dict[str, t.Any]:
        """The failure as the result of a module or a command."""
        details = self.details()
        return {
            "failed": True,
            "changed": self.changed,
            "msg": str(self),
            **({"api_error": details} if details else {}),
        }


class InputError(CortexError):
    """What the user wrote cannot be done: where it stands, what is wrong, what to do. Nothing was sent for
    it.
    """


class TenantError(CortexError):
    """The tenant refused, or its response is not what was asked for, or it holds something else than was
    planned on.
    """


class CannotCreate(TenantError):
    """This tenant's API creates nothing, so that a person has to; nothing was sent."""


class BusyError(CortexError):
    """Others hold what this step needs (the request budget, an instance's lock), for longer than it waits.
    The step sent nothing.
    """


class Interrupted(CortexError):
    """The run is to end: this was not begun, so nothing was sent for it. reason: such as "SIGTERM"."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the run was interrupted ({reason}). Run again.")


class PartlyDone(CortexError):
    """Part of the work was done and stays; the rest was not.

    what: what stands and what is missing. cause: why. how: how to go on.
    """

    changed = True

    def __init__(
        self,
        what: str,
        cause: CortexError | None = None,
        how: str = "Run again to complete it.",
        *,
        subject: str = "",
    ) -> None:
        super().__init__(f"{what}: {cause} {how}" if cause else f"{what}. {how}", subject=subject)
        self.cause = cause

    def details(self) -> dict[str, t.Any]:
        return self.cause.details() if self.cause else {}


class Unexpected(TenantError):
    """A fault of this collection, met in what the tenant answered: where it was met, without what was in it."""

    def __init__(self, cause: BaseException, *, subject: str = "") -> None:
        frames = traceback.extract_tb(cause.__traceback__)
        place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
        said = f"an unexpected answer of the tenant ended this ({type(cause).__name__}{place})"
        how = "What was sent before it stands: run again, which looks first, and please report this line."
        super().__init__(f"{': ' if subject else ''}{said}. {how}", subject=subject)


@dataclasses.dataclass(eq=False)
class ApiError(TenantError):
    """A call to the tenant that did not succeed. Change one with dataclasses.replace().

    operation: what was tried, in words ("update data source"). subject: which object ("gitlab-core (id 12)").
    status: HTTP status, or None when no response came. words: what the API said, already redacted.
    hint: what the user can do. ambiguous: the request may have been carried out although no success was seen.
    attempts: how often it was sent. earlier: what other outcomes came before the last.
    retry_after: seconds the tenant asked to wait. clock_skew: seconds by which the tenant's clock is ahead of
    ours.
    from_platform: whether it has the form of the platform's own errors (docs/api.md: error.gateway), so that
    a tenant said it.
    """

    operation: str
    subject: str = ""
    method: str = ""
    path: str = ""
    status: int | None = None
    words: str = ""
    hint: str = ""
    ambiguous: bool = False
    attempts: int = 1
    retry_after: float | None = None
    clock_skew: float | None = None
    earlier: t.Sequence[str] = ()
    from_platform: bool = False

    def __str__(self) -> str:
        what = f"Cannot {self.operation}" + (f" {self.subject}" if self.subject else "")
        line = f"{what}: {self.outcome()}".rstrip(": ")
        if self.method:
            tries = f", {self.attempts} attempts" if self.attempts > 1 else ""
            tries += (
                f"; before that: {'; '.join(words[:120] for words in self.earlier[:4])}"
                if self.earlier
                else ""
            )
            line += f" ({self.method} {self.path}{tries})"
        return f"{line}. {self.hint}" if self.hint else f"{line}."

    def outcome(self) -> str:
        """Status and words, such as "HTTP 503 maintenance"."""
        return " ".join(filter(None, [f"HTTP {self.status}" if self.status else "", self.words]))

    def details(self) -> dict[str, t.Any]:
        return {
            "operation": self.operation,
            "subject": self.subject,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "message": self.words,
            "outcome_unknown": self.ambiguous,
        }


def did_you_mean(word: str, known: t.Collection[str], alike: float = 0.7) -> str:
    """ " Did you mean X?" for the only known word that begins so, or for a typing error in one; else empty.

    alike: how much of the two words must be the same, from 0 to 1; 1 asks for the same word, in which case
    nothing is said.
    """
    begun = [each for each in known if word and each.startswith(word)]
    close = begun if len(begun) == 1 else difflib.get_close_matches(word[:100], known, 1, alike)
    return f" Did you mean {close[0]}?" if close else ""


def words_of(body: t.Any, text: str = "") -> str:
    """What the API says went wrong, in any of the shapes that an error body may have, or the body itself; not
    redacted and not cut yet.
    """
    if not isinstance(body, dict):
        return " ".join((json.dumps(body) if body not in (None, "") else text).split())
    for holder in (body.get("reply"), body.get("data"), body):
        if not isinstance(holder, dict):
            continue
        for key in ("err_msg", "message", "error", "detail", "title"):
            said = holder.get(key)
            if isinstance(said, str) and said:
                metadata = holder["metadata"] if isinstance(holder.get("metadata"), dict) else {}
                return (
                    said
                    + _codes(holder)
                    + _more(holder.get("details") or holder.get("err_extra") or metadata.get("err_extra"))
                )
    return json.dumps(body)


def _codes(holder: dict[str, t.Any]) -> str:
    """The words that a refused upload has beside its message (docs/api.md: upload.400)."""
    if not isinstance(holder.get("status"), str):
        return ""
    return f" ({', '.join(f'{key} {holder[key]}' for key in ('status', 'errorCode') if isinstance(holder.get(key), str))})"


def names_error(body: t.Any) -> bool:
    """Whether the body of a success says all the same that something failed."""
    if isinstance(body, str):
        return bool(_FAILED.search(body))
    if not isinstance(body, dict):
        return False
    return any(
        _names_error(holder)
        for holder in (body, body.get("reply"), body.get("data"))
        if isinstance(holder, dict)
    )


def _names_error(holder: dict[str, t.Any]) -> bool:
    status = holder.get("status")
    failed = _FAILED.search(status) if isinstance(status, str) else isinstance(status, int) and status >= 400
    return bool(failed) or holder.get("success") is False or any(holder.get(key) for key in _ERROR_KEYS)


def _more(details: t.Any) -> str:
    if isinstance(details, dict):
        parts = [
            f"{field}: {inner.get('message') if isinstance(inner, dict) else inner}"
            for field, inner in details.items()
        ]
    elif isinstance(details, list):
        parts = [_place(d) if isinstance(d, dict) else str(d) for d in details]
    else:
        parts = [str(details)] if details else []
    return f" [{'; '.join(parts)}]" if parts else ""


def _place(detail: dict[str, t.Any]) -> str:
    loc = detail.get("loc")
    where = ".".join(str(part) for part in loc) if isinstance(loc, list) else str(loc or "")
    said = str(detail.get("msg") or detail.get("message") or "")
    return f"{where}: {said}" if where else said
