# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trace of all requests as an HTTP Archive, for developer tools: redacted, private, limited in size.

Private to the collection, floor 1.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import threading
import typing as t

from .._errors import CortexError
from .._files import open_private
from .call import Attempt
from .invented import KEYS, Invented
from .lock import hold_alone
from .redaction import HIDDEN, Redactor

HIDE, KEEP = "hide", "keep"
# Limits of the file, of one body in it, and of one list in a body.
MOST_BYTES, BODY_BYTES, MOST_ITEMS = 20_000_000, 200_000, 100
_HEAD = (
    '{"log": {"version": "1.2", "creator": {"name": "cortex_cloud.appsec", "version": "1"}, "pages": [], '
    '"comment": '
)
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
    """The trace of one client. If it cannot be written, it ends with a warning; the run goes on.

    names: HIDE or KEEP.
    secret: returns the secret from which invented names are derived. If it raises CortexError, since there
        is no key, the token in the request is used.
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
        """Add one attempt to the file."""
        with self._lock:
            if self._off:
                return
            try:
                self._append(json.dumps(self.entry(attempt)))
            except Exception as exc:  # pylint: disable=broad-except
                self._off = True
                why = exc.strerror or exc if isinstance(exc, OSError) else type(exc).__name__
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
        timings = {name: round(seconds * 1000, 1) for name, seconds in times.items()}
        ended = {"_outcome": attempt.outcome}
        if attempt.words:
            ended["_error"] = self._words(attempt.words)
        return {
            "startedDateTime": started.isoformat(timespec="milliseconds"),
            "time": round(sum(times.values()) * 1000, 1),
            "request": self._request(attempt),
            "response": {**self._response(attempt), **ended},
            "cache": {},
            "timings": {**timings, "dns": -1, "connect": -1, "ssl": -1},
        }

    def _request(self, attempt: Attempt) -> dict[str, t.Any]:
        query = [{"name": k, "value": self._value({k: v})[k]} for k, v in sorted(attempt.query.items())]
        url = self._invented.url(attempt.target) if self._invented else self._redactor.text(attempt.target)
        if query:
            url += "?" + "&".join(f"{one['name']}={one['value']}" for one in query)
        request: dict[str, t.Any] = {
            "method": attempt.method,
            "url": url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self._headers(attempt.headers),
            "queryString": query,
            "headersSize": -1,
            "bodySize": len(attempt.payload or b""),
        }
        if attempt.payload is not None:
            body = _left_out("", attempt.payload) if attempt.document else self._body(attempt.payload)
            request["postData"] = {"mimeType": "application/json", **body}
        return request

    def _response(self, attempt: Attempt) -> dict[str, t.Any]:
        kind = attempt.response_headers.get("Content-Type", "").partition(";")[0]
        created = attempt.method == "POST" and not attempt.document
        body = {"text": "", "comment": ""}
        if attempt.content:
            body = self._body(attempt.content, unknown_hidden=created)
        return {
            "status": attempt.status or 0,
            "statusText": attempt.reason if attempt.reason.replace(" ", "").isalpha() else "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": self._headers(attempt.response_headers),
            "content": {"size": len(attempt.content), "mimeType": kind, **body},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": len(attempt.content) if attempt.status else -1,
        }

    def _headers(self, headers: t.Mapping[str, str]) -> list[dict[str, str]]:
        shown, others = [], 0
        for name, value in headers.items():
            lower, text = name.lower(), str(value)
            if lower in _SECRET:
                text = HIDDEN
            elif self._invented and lower in _AUTH_IDS:
                text = self._invented.name(text, "id")
            elif self._invented and lower not in _PLAIN:
                others += 1
                continue
            shown.append({"name": name, "value": self._redactor.text(text)})
        return shown + ([{"name": "others", "value": f"{others} more headers"}] if others else [])

    def _body(self, content: bytes, *, unknown_hidden: bool = False) -> dict[str, str]:
        """The "text" that is shown of a body, and a "comment".

        unknown_hidden: whether a secret may be under any name, as in the response to a create.
        """
        try:
            tree = json.loads(content)
        except (ValueError, RecursionError):
            if self._hide:
                return _left_out("not JSON: ", content)
            return {
                "text": self._redactor.text(content[:BODY_BYTES].decode("utf-8", "replace")),
                "comment": "",
            }
        shown = self._value(_shortened(tree), unknown_hidden=unknown_hidden)
        text = json.dumps(shown, ensure_ascii=False, indent=1)
        if len(text) > BODY_BYTES:
            return _left_out("too large to be kept: ", content)
        return {"text": text, "comment": ""}

    def _value(self, tree: t.Any, *, unknown_hidden: bool = False) -> t.Any:
        shown = self._redactor.value(tree)
        if self._invented:
            return self._invented.value(shown)
        return _known_only(shown) if unknown_hidden else shown

    def _words(self, text: str) -> str:
        return self._invented.words(text) if self._invented else self._redactor.text(text)

    # -- the file

    def _append(self, line: str) -> None:
        # Unbuffered: closing the file must not try again to write what a full disk had no room for.
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
                # It is full, or a process was killed while it wrote.
                self._rewrite(file, line)
                return
            try:
                _put(file, end, _BETWEEN + line + _TAIL)
            except OSError:
                # This fits, since it was there before.
                _put(file, end, _TAIL)
                raise

    def _rewrite(self, file: t.BinaryIO, line: str) -> None:
        """Replace the content by its newest entries, up to half of the maximum size, so that this is rare."""
        file.seek(0)
        head, *rest = file.read().decode("utf-8", "replace").splitlines()
        match = re.search(r"(\d+) older entries were dropped", head)
        dropped = int(match[1]) if match else 0
        lines = [*filter(_is_entry, (one.rstrip(",") for one in rest)), line]
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
        how = "invented" if self._hide else "kept"
        comment = f"names, hosts, repositories and ids are {how}; {dropped} older entries were dropped"
        _put(file, 0, _HEAD + json.dumps(comment) + _OPEN + _BETWEEN.join(lines) + _TAIL)


def _put(file: t.BinaryIO, at: int, text: str) -> None:
    """Replace the end of the file, from this position on."""
    file.truncate(at)
    file.seek(at)
    left = memoryview(text.encode())
    while left:
        left = left[file.write(left) :]


def _left_out(why: str, content: bytes) -> dict[str, str]:
    digest = hashlib.sha256(content).hexdigest()
    return {"text": "", "comment": f"{why}{len(content)} bytes, SHA-256 {digest}"}


def _is_entry(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _shortened(tree: t.Any) -> t.Any:
    """A copy in which each list has only its first items: the lists of a large tenant would fill the file."""
    if isinstance(tree, dict):
        return {key: _shortened(value) for key, value in tree.items()}
    if isinstance(tree, list):
        more = len(tree) - MOST_ITEMS
        return [_shortened(one) for one in tree[:MOST_ITEMS]] + ([{"more": more}] if more > 0 else [])
    return tree


def _known_only(tree: t.Any) -> t.Any:
    """A copy in which texts are hidden unless their member is known to contain no secret."""
    if isinstance(tree, dict):
        return {
            key: _known_only(value) if key in KEYS or isinstance(value, (dict, list)) else HIDDEN
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [_known_only(one) for one in tree]
    return tree
