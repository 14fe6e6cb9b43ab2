# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 1, reading an answer, or what came instead of one.
from __future__ import annotations

import contextlib
import email.utils
import time
import typing as t
from urllib.parse import urlsplit

with contextlib.suppress(ImportError):  # the client says so
    import requests
    import urllib3

CLOCK_SKEW_WORTH_A_HINT = 60.0


class TooBig(Exception):
    pass


class TooSlow(Exception):
    pass


def host_of(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def read(response: t.Any, deadline: float, most: int) -> bytes:
    """The whole body, at most so many bytes. Raises TooBig, and TooSlow for a server whose byte now and then never trips the read timeout.

    deadline: of the monotonic clock.
    """
    chunks, size = [], 0
    # A plain read waits until the piece asked for is full; read1 hands over what is there (urllib3 2), else the pieces must be small.
    read1 = getattr(response.raw, "read1", None)
    pieces = iter(lambda: read1(65536, decode_content=True), b"") if read1 else response.iter_content(512)
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise TooBig
        if time.monotonic() > deadline:
            raise TooSlow
        chunks.append(piece)
    return b"".join(chunks)


def never_sent(exc: BaseException) -> bool:
    reason = getattr(exc.args[0], "reason", None) if exc.args else None
    return isinstance(exc, requests.exceptions.ConnectTimeout) or isinstance(
        reason, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    )


def reason(exc: BaseException) -> str:
    """The innermost cause in words, without the object addresses and the URL (which may hold a query) of the outer messages."""
    inner: t.Any = exc
    while True:
        args = getattr(inner, "args", ())
        deeper = getattr(inner, "reason", None) or next((a for a in args if isinstance(a, BaseException)), None)
        if not isinstance(deeper, BaseException) or deeper is inner:
            break
        inner = deeper
    text = str(inner)
    for marker in ("Failed to establish a new connection: ", "Failed to resolve "):
        if marker in text:
            text = ("cannot resolve " if "resolve" in marker else "") + text.split(marker, 1)[1]
    return text.rstrip(".") if not text.startswith("<") else type(inner).__name__


def clock_skew(date: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time() if date else None
    except (TypeError, ValueError, OverflowError, OSError, IndexError):
        return None


def retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header in either form; None when absent or unreadable."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        skew = clock_skew(value)
        return None if skew is None else max(0.0, skew)


def hint_for(status: int, skew: float | None, path: str, key_type: str) -> str:
    """What a user can do about a status. skew: seconds by which the tenant's clock is ahead; key_type: as this run assumes."""
    if status == 401:
        if skew is not None and abs(skew) > CLOCK_SKEW_WORTH_A_HINT:
            return (
                f"The clock of this machine is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the "
                "tenant's: synchronise it, since a signature is only valid for minutes."
            )
        return (
            "The key or its id is wrong, the key has expired or was deleted, or it is not of api_key_type "
            f"{key_type} (as this run assumes; the tenant says the same in all these cases)."
        )
    if status == 402:
        return (
            "The tenant has no licence for this: it needs a Cortex Cloud Posture or Runtime Security licence "
            "with the Application Security add-on."
        )
    if status == 403:
        return (
            "The key is valid but may not do this: its role needs Data Sources and Integrations View/Edit "
            "(Instance Administrator or AppSec Admin have it)."
        )
    if status == 404 and path.endswith("/data_source_instances"):
        return "Is api_url the API URL of a tenant with Application Security (https://api-...)?"
    if status == 429:
        return "The tenant allows 10 requests per second to all its clients together: lower requests_per_second, or find the other client."
    return ""
