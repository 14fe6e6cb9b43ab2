# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads JSON values from a file of any size, one after the other, and says where a broken file is broken.

Private to the collection, floor 3.
"""

from __future__ import annotations

import codecs
import collections
import hashlib
import json
import math
import os
import re
import stat
import typing as t

from .._errors import InputError

CHUNK = 1 << 20
# Characters of one value (one result, one rule, ...), which has to be in memory as a whole.
LARGEST_VALUE = 32_000_000

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?$)|[{}\[\],:]|-?(?:NaN|Infinity)', re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]*")
_AFTER_NUMBER = (",", "]", "}", " ", "\n", "\r", "\t")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_LONE = re.compile("[\ud800-\udfff]")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
         (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
         # A UTF-8 mark that was read as Latin-1 and written as UTF-8 again.
         ("\ufeff".encode().decode("latin-1").encode(), "utf-8"))  # fmt: skip
# How compressed files begin: (bytes, format, command that unpacks it).
_PACKED = (
    (b"\x1f\x8b", "gzip", "gunzip"), (b"PK\x03\x04", "zip", "unzip"), (b"PK\x05\x06", "zip", "unzip"),
    (b"\x28\xb5\x2f\xfd", "zstd", "unzstd"), (b"BZh", "bzip2", "bunzip2"), (b"\xfd7zXZ\x00", "xz", "unxz"),
    (b"7z\xbc\xaf\x27\x1c", "7z", "7z x"), (b"\x04\x22\x4d\x18", "lz4", "unlz4"),
    (b"\x1f\x9d", "compress", "uncompress"), (b"\x5d\x00\x00", "lzma", "unlzma"), (b"Rar!", "rar", "unrar"),
    (b"H4sI", "gzip, in Base64", "base64 -d FILE | gunzip"),
)  # fmt: skip


def _encoding(start: bytes) -> tuple[str, int]:
    """The encoding of a file with these first bytes, and the length of all its byte order marks."""
    encoding, marks = "", 0
    while match := next((bom for bom in _BOMS if start[marks:].startswith(bom[0])), None):
        encoding, marks = match[1], marks + len(match[0])
    # Some programs put a UTF-8 mark in front of any encoding; this is not done with the other marks.
    return encoding if encoding not in ("", "utf-8") else json.detect_encoding(start[marks:][:4]), marks


class Text:
    """A window on a JSON file: `buffer[pos:]` was read from the file and is not parsed yet.

    halves: how many texts had a lone surrogate (half a character), which became U+FFFD.
    repeated: name -> how many objects had it more than once.
    digest: SHA-256 of the bytes read so far, byte order marks included.
    length: characters of the last value.

    The InputErrors do not contain the file's name.
    """

    def __init__(self, path: str) -> None:
        self.buffer, self.pos, self.ended = "", 0, False
        self.halves = 0
        self.repeated: dict[str, int] = {}
        self._before = 0
        # Whether the buffer may contain an escaped lone surrogate.
        self._escapes = False
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise InputError("is not a regular file. Give a SARIF file.")
            self._file = open(path, "rb")  # noqa: SIM115 (closed by close)
        except (OSError, ValueError) as exc:
            raise InputError(f"cannot be read: {getattr(exc, 'strerror', None) or exc}.") from None
        start = self._file.read(64)
        for magic, kind, command in _PACKED:
            if start.startswith(magic):
                self._file.close()
                raise InputError(
                    f"is compressed ({kind}), which is not supported. Unpack it first, for example with "
                    f"{command}."
                )
        self.encoding, marks = _encoding(start)
        self.has_mark = marks > 0
        self._before = self._fed = marks
        self._file.seek(marks)
        self.digest = hashlib.sha256(start[:marks])
        self._characters = codecs.getincrementaldecoder(self.encoding)("strict")
        # Repeated names are only looked for near the beginning, because that takes as long as parsing; a
        # scanner that repeats names does so all over its report.
        self._decode = json.JSONDecoder(
            object_pairs_hook=self._members, parse_constant=_refuse, parse_float=_finite
        ).raw_decode
        self._fast = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).raw_decode

    def close(self) -> None:
        self._file.close()

    def more(self) -> bool:
        """Drop what was parsed and read on, at least as much as is left; False at the end of the file."""
        if self.ended:
            return False
        self._before += self._size(self.buffer[: self.pos])
        rest, self.pos = self.buffer[self.pos :], 0
        try:
            raw = self._file.read(max(CHUNK, len(rest)))
        except OSError as exc:
            raise InputError(f"cannot be read: {exc.strerror}.") from None
        self.digest.update(raw)
        pending = self._characters.getstate()[0]
        try:
            self.buffer = rest + self._characters.decode(raw, final=not raw)
        except UnicodeDecodeError as exc:
            where = self._fed - len(pending) + exc.start
            if not raw:
                raise InputError(
                    f"ends in the middle of a character at byte {where}. Was it cut off?"
                ) from None
            raise InputError(
                f"is not {self.encoding.upper()}: byte {where} is wrong. Have the scanner write UTF-8."
            ) from None
        self._fed += len(raw)
        self._escapes = "\\u" in self.buffer
        self.ended = not raw
        if self._before >= CHUNK:
            self._decode = self._fast
        return True

    def _size(self, text: str) -> int:
        if self.encoding == "utf-8" and text.isascii():
            return len(text)
        return len(text.encode(self.encoding, "surrogatepass"))

    def peek(self) -> str:
        """The next character that is not white space; empty at the end of the file."""
        while True:
            sign = self.buffer[self.pos : self.pos + 1]
            if sign and sign not in " \t\n\r":
                return sign
            match = _SPACE.match(self.buffer, self.pos)
            self.pos = match.end() if match else self.pos
            if self.pos == len(self.buffer) and not self.more():
                return ""

    def value(self, where: str) -> t.Any:
        """Parse the next value. where: its JSON path, for error messages."""
        self.peek()
        while True:
            try:
                value, end = self._decode(self.buffer, self.pos)
            except json.JSONDecodeError as exc:
                # Near the end of the buffer, or within a text, the value may continue in the file.
                if self.ended or (not exc.msg.startswith("Unterminated") and exc.pos < len(self.buffer) - 20):
                    raise self.broken(exc, where) from None
            except _Constant as exc:
                at = next(
                    (m.start() for m in _TOKEN.finditer(self.buffer, self.pos) if m[0][0] in "-NI"), self.pos
                )
                raise InputError(
                    f"not JSON: {exc} {self.place(at, where)}. JSON has no such number: the scanner wrote it "
                    "wrongly."
                ) from None
            except ValueError:
                number = re.compile(r"(?<!\d)\d{4000,}").search(self.buffer, self.pos)
                at = number.start() if number else self.pos
                raise InputError(
                    f"contains a number too large to read {self.place(at, where)}. No SARIF file needs that."
                ) from None
            else:
                # A number at the end of the buffer may continue: 1. and 1e are parsed as 1 too.
                whole = not isinstance(value, (int, float)) or self.buffer[end : end + 1] in _AFTER_NUMBER
                if whole or self.ended:
                    break
            if len(self.buffer) - self.pos > LARGEST_VALUE:
                raise _too_large(where)
            self.more()
        if end - self.pos > LARGEST_VALUE:
            raise _too_large(where)
        if self._escapes and _HALF.search(self.buffer, self.pos, end):
            value = self._without_halves(value)
        self.length, self.pos = end - self.pos, end
        return value

    def members(self, where: str) -> t.Iterator[str]:
        """The names of the next object. At each, the caller must read the value before going on."""
        seen = set()
        for _number in self._parts("{", "}", where):
            if self.peek() != '"':
                raise self._unexpected("a name in double quotes", where)
            name = self.value(where)
            if name in seen:
                self.repeated[name] = self.repeated.get(name, 0) + 1
            seen.add(name)
            self._take(":", where)
            yield name

    def items(self, where: str) -> t.Iterator[int]:
        """The positions of the next list. At each, the caller must read the value before going on."""
        return self._parts("[", "]", where)

    def _parts(self, opening: str, closing: str, where: str) -> t.Iterator[int]:
        self._take(opening, where)
        number = 0
        if self.peek() == closing:
            self.pos += 1
            return
        while True:
            yield number
            number += 1
            sign = self.peek()
            if sign not in (",", closing):
                raise self._unexpected("','", where)
            self.pos += 1
            if sign == closing:
                return

    def _take(self, sign: str, where: str) -> None:
        if self.peek() != sign:
            raise self._unexpected(f"'{sign}'", where)
        self.pos += 1

    def _unexpected(self, expected: str, where: str) -> InputError:
        return self.broken(json.JSONDecodeError(f"Expecting {expected}", self.buffer, self.pos), where)

    def broken(self, exc: json.JSONDecodeError, where: str) -> InputError:
        rest = self.buffer[exc.pos :].strip()
        cut = len(rest) < 12 and re.fullmatch(r"[a-z]+|[-+.\deE]+|\\u?[\da-fA-F]*", rest)
        if self.ended and (exc.msg.startswith("Unterminated") or not rest or cut):
            return InputError(
                f"not JSON: the file ends {self.place(len(self.buffer), where)}. Was it cut off (the scanner "
                "stopped, the disk was full)?"
            )
        # Some messages of the parser end with "at" or ":", for a position to follow.
        what = re.sub(r"[\s:]*(?:\bat)?[\s:]*$", "", exc.msg)
        sign = self.buffer[exc.pos : exc.pos + 1]
        message = f"not JSON: {what[:1].lower()}{what[1:]} {self.place(exc.pos, where)}."
        if exc.msg.startswith("Invalid control character"):
            name = {"\n": "a line break", "\r": "a line break", "\t": "a tab"}.get(
                sign, f"the character {ord(sign or ' '):#04x}"
            )
            message += (
                f" It is {name}, which JSON allows in a text only as {json.dumps(sign)[1:-1]}: the scanner "
                "wrote it wrongly."
            )
        return InputError(message)

    def place(self, position: int, where: str = "") -> str:
        """A position of the buffer in words, such as `at byte 12 inside runs[0].results[3]`. where: the JSON
        path of the value that begins at pos.
        """
        path = (where + _inside(self.buffer, self.pos, position)).lstrip(".")
        inside = f" inside {path}" if path else ""
        return f"at byte {self._before + self._size(self.buffer[:position])}{inside}"

    def _members(self, pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            for name, count in collections.Counter(name for name, _value in pairs).items():
                if count > 1:
                    self.repeated[name] = self.repeated.get(name, 0) + 1
        return made

    def _without_halves(self, value: t.Any) -> t.Any:
        if isinstance(value, str):
            fixed = _LONE.sub("\ufffd", value)
            self.halves += fixed != value
            return fixed
        if isinstance(value, dict):
            return {_LONE.sub("\ufffd", k): self._without_halves(v) for k, v in value.items()}
        return [self._without_halves(v) for v in value] if isinstance(value, list) else value


def _too_large(where: str) -> InputError:
    return InputError(
        f"{where or 'a value'} alone is larger than {LARGEST_VALUE / 1e6:.0f} MB, which is not supported. "
        "Have the scanner leave out data-flow paths, snippets and embedded files."
    )


class _Constant(Exception):
    """A number that Python's parser accepts although JSON does not have it."""


def _refuse(name: str) -> t.NoReturn:
    raise _Constant(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Constant(f"the number {text[:20]}")
    return number


def _inside(text: str, start: int, position: int) -> str:
    """The JSON path of a position, relative to the value that begins at `start`, such as `.message.text`."""
    stack: list[int | str] = []
    name: str | None = None
    for match in _TOKEN.finditer(text, start, position):
        sign = match[0]
        if sign[0] == '"':
            name = sign
        elif sign in "{[":
            stack.append("" if sign == "{" else 0)
        elif sign in "}]":
            del stack[-1:]
        elif sign == ":" and stack and isinstance(stack[-1], str):
            stack[-1] = (name or '""')[1:-1]
        elif sign == "," and stack:
            stack[-1] = stack[-1] + 1 if isinstance(stack[-1], int) else ""
    return "".join(
        f"[{step}]" if isinstance(step, int) else f".{step[:60]}" for step in stack[:12] if step != ""
    )
