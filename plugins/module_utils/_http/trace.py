# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trace of all requests as an HTTP Archive for developer tools: redacted, private, limited in size.

Private to the collection, floor 1.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import threading
import typing as t

from .._errors import CortexError
from .._files import open_private
from .attempt import Attempt
from .invented import KEYS, Invented
from .lock import hold_alone
from .redaction import HIDDEN, Redactor

HIDE, KEEP = "hide", "keep"
# Limits of the file, of one body in it, and of one list in a body.
MOST_BYTES, BODY_BYTES, MOST_ITEMS = 20_000_000, 200_000, 100
_HEAD = '{"log": {"version": "1.2", "creator": {"name": "cortex_cloud.appsec", "version": "1"}, "pages": [], "comment": '
_OPEN, _TAIL = ', "entries": [\n', "\n]}}\n"
_BETWEEN = ",\n"
# Never shown, even if names are kept.
_SECRET = ("authorization", "x-xdr-nonce", "cookie", "set-cookie", "proxy-authorization")
_AUTH_IDS = ("x-xdr-auth-id", "x-crtx-auth-id")
# Headers whose values identify nobody.
_PLAIN = (
    "accept", "accept-encoding", "user-agent", "content-type", "content-length", "content-encoding",
    "connection", "date", "retry-after", "transfer-encoding", "x-xdr-timestamp",
)  # fmt: skip


class Trace:
    """The trace of one client. A failure to write it ends the trace with a warning, but not the run.

    names: HIDE or KEEP.
    secret: gives that by which names are invented; it may fail when there is no key, and then the token that
        is sent serves.
    """

    def __init__(
        self, path: str, names: str, redactor: Redactor, warnings: list[str], secret: t.Callable[[], str]
    ) -> None:
        self._path = os.path.abspath(os.path.expanduser(path))
        self._hide, self._redactor, self._warnings, self._secret = names != KEEP, redactor, warnings, secret
        self._invented: Invented | None = None
        self._off = False
        self._lock = threading.Lock()

    def see(self, attempt: Attempt) -> None:
        """Write one attempt down."""
        with self._lock:
            if self._off:
                return
            try:
                self._append(json.dumps(self.entry(attempt)))
            except Exception as exc:  # pylint: disable=broad-except
                self._off = True
                why = (
                    exc.strerror
                    if isinstance(exc, OSError) and exc.strerror
                    else exc
                    if isinstance(exc, OSError)
                    else type(exc).__name__
                )
                self._warnings.append(
                    f"trace_file {self._path} is not written ({why}). The run goes on without it."
                )

    # -- one attempt

    def entry(self, attempt: Attempt) -> dict[str, t.Any]:
        """An attempt as an entry of an HTTP Archive."""
        if self._hide and self._invented is None:
            try:
                secret = self._secret()
            except CortexError:
                secret = attempt.headers.get("Authorization", "")
            self._invented = Invented(secret)
        started = datetime.datetime.fromtimestamp(attempt.began - attempt.waited, datetime.timezone.utc)
        times = {"blocked": attempt.waited, "send": 0.0, "wait": attempt.wait, "receive": attempt.receive}
        ended = {"_outcome": attempt.outcome}
        if attempt.words:
            ended["_error"] = self._words(attempt.words)
        return {
            "startedDateTime": started.isoformat(timespec="milliseconds"),
            "time": round(sum(times.values()) * 1000, 1),
            "request": self._request(attempt),
            "response": {**self._response(attempt), **ended},
            "cache": {},
            "timings": {
                **{name: round(seconds * 1000, 1) for name, seconds in times.items()},
                "dns": -1,
                "connect": -1,
                "ssl": -1,
            },
        }

    def _request(self, attempt: Attempt) -> dict[str, t.Any]:
        invented = self._invented
        query = [{"name": k, "value": self._value({k: v})[k]} for k, v in sorted(attempt.query.items())]
        url = invented.url(attempt.target) if invented else self._redactor.text(attempt.target)
        request: dict[str, t.Any] = {
            "method": attempt.method,
            "url": url + ("?" + "&".join(f"{one['name']}={one['value']}" for one in query) if query else ""),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self._headers(attempt.headers),
            "queryString": query,
            "headersSize": -1,
            "bodySize": len(attempt.payload or b""),
        }
        if attempt.payload is not None:
            text, comment = (
                ("", _digest(attempt.payload)) if attempt.document else self._body(attempt.payload)
            )
            request["postData"] = {"mimeType": "application/json", "text": text, "comment": comment}
        return request

    def _response(self, attempt: Attempt) -> dict[str, t.Any]:
        kind = attempt.response_headers.get("Content-Type", "")
        created = attempt.method == "POST" and not attempt.document
        text, comment = self._body(attempt.content, unknown_hidden=created) if attempt.content else ("", "")
        return {
            "status": attempt.status or 0,
            "statusText": attempt.reason
            if attempt.status and attempt.reason.replace(" ", "").isalpha()
            else "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self._headers(attempt.response_headers),
            "content": {
                "size": len(attempt.content),
                "mimeType": kind.partition(";")[0],
                "text": text,
                "comment": comment,
            },
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": len(attempt.content) if attempt.status else -1,
        }

    def _headers(self, headers: t.Mapping[str, str]) -> list[dict[str, str]]:
        shown, others = [], 0
        for name, value in headers.items():
            low = name.lower()
            text = str(value)
            if low in _SECRET:
                text = HIDDEN
            elif self._invented and low in _AUTH_IDS:
                text = self._invented.name(text, "id")
            elif self._invented and low not in _PLAIN:
                others += 1
                continue
            shown.append({"name": name, "value": self._redactor.text(text)})
        return shown + ([{"name": "others", "value": f"{others} more headers"}] if others else [])

    def _body(self, content: bytes, *, unknown_hidden: bool = False) -> tuple[str, str]:
        """(what is shown of a body, a comment).

        unknown_hidden: a secret may stand under any name, as a new collector's does.
        """
        try:
            tree = json.loads(content)
        except (ValueError, RecursionError):
            if self._hide:
                return "", f"not JSON: {_digest(content)}"
            return self._redactor.text(content[:BODY_BYTES].decode("utf-8", "replace")), ""
        shown = self._value(_shortened(tree), unknown_hidden=unknown_hidden)
        text = json.dumps(shown, ensure_ascii=False, indent=1)
        return (text, "") if len(text) <= BODY_BYTES else ("", f"too large to be kept: {_digest(content)}")

    def _value(self, tree: t.Any, *, unknown_hidden: bool = False) -> t.Any:
        shown = self._redactor.value(tree)
        if self._invented:
            return self._invented.value(shown)
        return _known_only(shown) if unknown_hidden else shown

    def _words(self, text: str) -> str:
        return self._invented.words(text) if self._invented else self._redactor.text(text)

    # -- the file

    def _append(self, line: str) -> None:
        # Unbuffered: what a full disk did not take must not be tried again when the file is closed.
        with os.fdopen(open_private(self._path), "r+b", buffering=0) as file:
            hold_alone(file)
            size = file.seek(0, os.SEEK_END)
            if not size:
                self._write(file, [line], 0)
                return
            file.seek(0)
            if file.read(len(_HEAD)) != _HEAD.encode():
                raise OSError("there is another file of that name")
            end = max(0, size - len(_TAIL))
            file.seek(end)
            whole = file.read() == _TAIL.encode()
            if not whole or size + len(line.encode()) > MOST_BYTES:
                # Full, or a process was killed while it wrote.
                self._again(file, line)
                return
            try:
                _put(file, end, _BETWEEN + line + _TAIL)
            except OSError:
                # There was room for it before.
                _put(file, end, _TAIL)
                raise

    def _again(self, file: t.BinaryIO, line: str) -> None:
        """Write the file anew with the newest entries, to half of its size, so that this is not done each
        time.
        """
        file.seek(0)
        comment, *kept = file.read().decode("utf-8", "replace").splitlines()
        dropped = _dropped(comment)
        lines = [one for one in (held.rstrip(",") for held in kept) if _is_entry(one)] + [line]
        room = MOST_BYTES // 2
        newest: list[str] = []
        for one in reversed(lines):
            room -= len(one.encode()) + len(_BETWEEN)
            if newest and room < 0:
                break
            newest.append(one)
        dropped += len(lines) - len(newest)
        try:
            self._write(file, newest[::-1], dropped)
        except OSError:
            self._write(file, newest[:0:-1], dropped)
            raise

    def _write(self, file: t.BinaryIO, lines: list[str], dropped: int) -> None:
        names = (
            "names, hosts, repositories and ids are invented"
            if self._hide
            else "names, hosts, repositories and ids are kept"
        )
        comment = f"{names}; {dropped} older entries were dropped"
        _put(file, 0, _HEAD + json.dumps(comment) + _OPEN + _BETWEEN.join(lines) + _TAIL)


def _put(file: t.BinaryIO, at: int, text: str) -> None:
    """Let the file end with this from there on."""
    file.truncate(at)
    file.seek(at)
    left = memoryview(text.encode())
    while left:
        left = left[file.write(left) :]


def _digest(content: bytes) -> str:
    return f"{len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}"


def _dropped(head: str) -> int:
    before, found, _after = head.rpartition(" older entries were dropped")
    number = before.rpartition(" ")[2]
    return int(number) if found and number.isdigit() else 0


def _is_entry(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _shortened(tree: t.Any) -> t.Any:
    """A list by its first items: what a large tenant answers would fill the file."""
    if isinstance(tree, dict):
        return {key: _shortened(value) for key, value in tree.items()}
    if isinstance(tree, list):
        more = len(tree) - MOST_ITEMS
        return [_shortened(one) for one in tree[:MOST_ITEMS]] + ([{"more": more}] if more > 0 else [])
    return tree


def _known_only(tree: t.Any) -> t.Any:
    """The texts under members that are known to hold no secret; the others are hidden."""
    if isinstance(tree, dict):
        return {
            key: _known_only(value) if key in KEYS or isinstance(value, (dict, list)) else HIDDEN
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [_known_only(one) for one in tree]
    return tree
