# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exceptions. The class decides the exit code and `changed`.

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

    subject: what the message is about, such as 'SNYK "snyk-eu" (id 12)'; the message starts with it.
    changed: whether the tenant is known to have changed.
    """

    changed: t.ClassVar[bool] = False

    def __init__(self, message: str = "", *, subject: str = "") -> None:
        super().__init__(f"{subject}{message}")
        self.subject = subject

    def details(self) -> dict[str, t.Any]:
        """The failed API call as data, without secrets; {} if there was none."""
        return {}

    def as_result(self) -> dict[str, t.Any]:
        """The failure as the result of a module or a command."""
        result = {"failed": True, "changed": self.changed, "msg": str(self)}
        details = self.details()
        return {**result, "api_error": details} if details else result


class InputError(CortexError):
    """The user's input is wrong. The message says what, where and what to do. Nothing was sent for it."""


class TenantError(CortexError):
    """The tenant refused, responded unexpectedly, or is not in the state that was planned for."""


class CannotCreate(TenantError):
    """This tenant's API cannot create, so a person has to; nothing was sent."""


class BusyError(CortexError):
    """Other processes occupied the request budget or a lock for too long. Nothing was sent for this step."""


class Interrupted(CortexError):
    """The run was interrupted, for a reason such as "SIGTERM", before anything was sent for this step."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the run was interrupted ({reason}). Run again.")


class PartlyDone(CortexError):
    """Part of the work was done and is kept; the rest was not done.

    what: what was done and what is missing.
    cause: why.
    how: what to do next.
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
    """A bug in this collection, triggered by a response. The message names the line of code and quotes
    nothing from the response.
    """

    def __init__(self, cause: BaseException, *, subject: str = "") -> None:
        frames = traceback.extract_tb(cause.__traceback__)
        place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
        super().__init__(
            f"{': ' if subject else ''}an unexpected response from the tenant caused a failure "
            f"({type(cause).__name__}{place}). Changes already made are kept. Run again (the next run checks "
            "first), and please report this line.",
            subject=subject,
        )


@dataclasses.dataclass(eq=False)
class ApiError(TenantError):
    """A call to the tenant that failed. To change one, use dataclasses.replace().

    operation: such as "update data source".
    subject: its object, such as "gitlab-core (id 12)".
    status: HTTP status; None without a response.
    words: the API's message, already redacted.
    hint: what the user can do.
    ambiguous: whether the request may have been carried out although it failed.
    attempts: how many times it was sent.
    earlier: outcomes of earlier attempts that differ from the last one.
    retry_after: seconds the tenant asked to wait.
    clock_skew: seconds by which the tenant's clock is ahead of ours.
    from_platform: whether it has the form of the platform's own errors (docs/api.md: error.gateway), so that
        it comes from a tenant.
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
            if self.earlier:
                tries += f"; before that: {'; '.join(words[:120] for words in self.earlier[:4])}"
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
    """ " Did you mean X?" if the word is the beginning of just one known word, or resembles one; else "".

    alike: minimum similarity, from 0 to 1.
    """
    longer = [each for each in known if word and each.startswith(word)]
    close = longer if len(longer) == 1 else difflib.get_close_matches(word[:100], known, 1, alike)
    return f" Did you mean {close[0]}?" if close else ""


def words_of(body: t.Any, text: str = "") -> str:
    """The API's error message, from any known shape of an error body, or else the body itself; not redacted
    and not shortened.

    text: the body as received, used if it is not JSON.
    """
    if not isinstance(body, dict):
        return " ".join((json.dumps(body) if body not in (None, "") else text).split())
    for holder in [one for one in (body.get("reply"), body.get("data"), body) if isinstance(one, dict)]:
        for key in ("err_msg", "message", "error", "detail", "title"):
            message = holder.get(key)
            if isinstance(message, str) and message:
                metadata = holder["metadata"] if isinstance(holder.get("metadata"), dict) else {}
                more = holder.get("details") or holder.get("err_extra") or metadata.get("err_extra")
                return message + _codes(holder) + _more(more)
    return json.dumps(body)


def _codes(holder: dict[str, t.Any]) -> str:
    """The codes next to the message of a refused upload (docs/api.md: upload.400)."""
    if not isinstance(holder.get("status"), str):
        return ""
    codes = [f"{key} {holder[key]}" for key in ("status", "errorCode") if isinstance(holder.get(key), str)]
    return f" ({', '.join(codes)})"


def names_error(body: t.Any) -> bool:
    """Whether the body of a response reports an error although its status is that of a success."""
    if isinstance(body, str):
        return bool(_FAILED.search(body))
    if not isinstance(body, dict):
        return False
    holders = (body, body.get("reply"), body.get("data"))
    return any(_names_error(holder) for holder in holders if isinstance(holder, dict))


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
    where = ".".join(map(str, loc)) if isinstance(loc, list) else str(loc or "")
    message = str(detail.get("msg") or detail.get("message") or "")
    return f"{where}: {message}" if where else message
