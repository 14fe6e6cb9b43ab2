# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a response, and explains failures.

Private to the collection, floor 1.
"""

from __future__ import annotations

import contextlib
import email.utils
import time
import typing as t
import zlib
from urllib.parse import urlsplit

with contextlib.suppress(ImportError):  # the client reports it
    import requests
    import urllib3

CLOCK_SKEW_WORTH_A_HINT = 60.0  # seconds
# Far more than needed: 100,000 repositories of one instance are 8 MB and 400,000 values.
MOST_BYTES, MOST_VALUES = 32 * 1024 * 1024, 2_000_000
_PIECE = 65536


class Unreadable(Exception):
    """A body that was not read completely. The message continues "the response"."""


def host_of(url: str) -> str:
    """The host and port of a URL, without a user name; empty if it is not a URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def read(response: t.Any) -> bytes:
    """The whole body. Raises Unreadable for more than MOST_BYTES, compressed or decompressed, or more than
    about MOST_VALUES JSON values.

    It is decompressed here, since not every urllib3 limits the decompressed size.
    """
    coding = (response.headers.get("Content-Encoding") or "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise Unreadable(f"is compressed as {coding[:40]}, but only gzip was requested")
    # Not stream(): some versions of urllib3 read a chunk size line of any length.
    pieces = _bounded(iter(lambda: response.raw.read(_PIECE, decode_content=False), b""))
    content = b"".join(_bounded(_unpacked(pieces)) if coding.endswith("gzip") else pieces)
    # Each value but the first follows one of these. Counting those within strings too is faster, and refuses
    # no real response.
    if sum(content.count(sign) for sign in (b",", b":", b"[", b"{")) > MOST_VALUES:
        raise Unreadable(f"holds more than {MOST_VALUES} values")
    return content


def _bounded(pieces: t.Iterable[bytes]) -> t.Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MOST_BYTES:
            raise Unreadable(f"is larger than {MOST_BYTES} bytes")
        yield piece


def _unpacked(pieces: t.Iterable[bytes]) -> t.Iterator[bytes]:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    begun = False
    try:
        for piece in pieces:
            begun = True
            while piece and not unpacker.eof:
                yield unpacker.decompress(piece, _PIECE)
                piece = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as exc:
        raise requests.exceptions.ContentDecodingError(f"it is not gzip: {exc}") from None
    if begun and not unpacker.eof:
        raise requests.exceptions.ContentDecodingError("it is cut short")


def never_sent(exc: BaseException) -> bool:
    """Whether a connection could not be made, so that no request was sent over it."""
    why = getattr(exc.args[0], "reason", None) if exc.args else None
    no_connection = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    return isinstance(exc, requests.exceptions.ConnectTimeout) or isinstance(why, no_connection)


def reason(exc: BaseException) -> str:
    """The innermost cause in words: outer messages contain addresses of objects, and the URL's query."""
    inner: t.Any = exc
    while True:
        causes = [a for a in getattr(inner, "args", ()) if isinstance(a, BaseException)]
        deeper = getattr(inner, "reason", None) or next(iter(causes), None)
        if not isinstance(deeper, BaseException) or deeper is inner:
            break
        inner = deeper
    text = str(inner)
    for marker in ("Failed to establish a new connection: ", "Failed to resolve "):
        if marker in text:
            text = ("cannot resolve " if "resolve" in marker else "") + text.split(marker, 1)[1]
    return text.rstrip(".") if not text.startswith("<") else type(inner).__name__


def clock_skew(date: str | None) -> float | None:
    """Seconds from now to the time in a Date header; None if there is none or it is unreadable."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() - time.time() if date else None
    except (TypeError, ValueError, OverflowError, OSError, IndexError):
        return None


def retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header in either form; None if absent or unreadable."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        skew = clock_skew(value)
        return None if skew is None else max(0.0, skew)


# What the user can do about a status.
_HINTS = {
    402: (
        "The tenant has no licence for this: it needs a Cortex Cloud Posture or Runtime Security licence "
        "with the Application Security add-on."
    ),
    403: (
        "The key is valid, but its role lacks the permission: it needs Data Sources and Integrations "
        "View/Edit (Instance Administrator or AppSec Admin have it)."
    ),
    429: (
        "The tenant allows 10 requests per second to all its clients together: lower requests_per_second, or "
        "find the other client."
    ),
}


def hint_for(status: int, skew: float | None, path: str, key_type: str) -> str:
    """What the user can do about a status; may be empty.

    skew: seconds by which the tenant's clock is ahead; None if unknown.
    key_type: the api_key_type of this run.
    """
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
    if status == 404 and path.endswith("/data_source_instances"):
        return "Is api_url the API URL of a tenant with Application Security (https://api-...)?"
    return _HINTS.get(status, "")
