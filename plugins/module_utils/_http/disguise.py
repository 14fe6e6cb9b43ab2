# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds secrets in any spelling that a program on their way may give them. Pure.

Private to the collection, floor 1.
"""

from __future__ import annotations

import base64
import html
import re
import sys
import typing as t

# Minimum length of a secret that is also searched in other case, as base64 and as hexadecimal digits; a
# shorter one is only searched as it is.
LONG = 8
# Maximum number of times that a text may have been escaped.
_LAYERS = 3
# How many times a text for people may have been encoded, and the maximum length for which this is searched.
# Values, of which there are many, are not searched that deep.
_DEEP, _DEEP_MOST = 2, 100_000
# One escape of JSON, Python, HTML or a URL. A run of backslashes counts as one, since each level of quoting
# doubles them.
_ESCAPE = re.compile(
    r"(?<!\\)\\+(?:u(?P<json>[0-9a-fA-F]{4}(?:\\+u[0-9a-fA-F]{4})*)|(?P<python>x[0-9a-fA-F]{2}|U00[01][0-9a-fA-F]{5})|[ntrfvb])"
    r"|(?P<url>%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*)|(?P<html>&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});)"
)
# Ignored: blanks, which programs collapse or drop; a plus, which is a blank in a URL; backslashes.
_LOOSE = re.compile(r"[\s+\\]+")
_NOT_BASE64, _NOT_HEX = re.compile(r"[^A-Za-z0-9+/_-]+"), re.compile(r"[^0-9A-Fa-f]+")
_STANDARD = str.maketrans("-_", "+/")

# Characters with their places in the original text, as (character, start, end): an escape is one character.
_Mapped = list[tuple[str, int, int]]
# Places in a text, as (start, end).
Spans = list[tuple[int, int]]


class Disguises:
    """Finds known secrets in a text, in any form: with escapes of HTML, JSON (in JSON), Python or a URL, with
    other white space, in another case, as base64 or as hexadecimal digits.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        # Forms that are searched case-sensitively, and others.
        self._exact, self._lower = _Forms(), _Forms()

    def add(self, secret: str) -> bool:
        """Returns False for a secret that can only be searched literally: without its blanks it might be a
        common word.
        """
        if secret in self._known:
            return True
        if len(_LOOSE.sub("", secret)) < min(LONG, len(secret)) or (
            len(secret) < LONG and not secret.isprintable()
        ):
            return False
        self._known.add(secret)
        if len(secret) < LONG:
            self._exact.add(secret)
            return True
        for form in (secret, *_encoded(secret)):
            for _layer in range(_LAYERS + 1):
                bare = _LOOSE.sub("", form).lower()
                # If it consists mostly of escapes, the rest might be a common word too.
                if len(bare) >= LONG:
                    self._lower.add(bare)
                form = _decoded(form)
        return True

    def find(self, text: str, *, deep: bool = False) -> Spans:
        """The places of secrets in the text, sorted, without overlaps.

        deep: also secrets in text that was encoded as base64 or hexadecimal digits, up to twice.
        """
        times = _DEEP if deep and len(text) <= _DEEP_MOST else 0
        if not self._known or not self._may_contain(text, times):
            return []
        return _merged(self._within([(char, index, index + 1) for index, char in enumerate(text)], times))

    def _may_contain(self, text: str, times: int) -> bool:
        """Whether there may be a secret: a fast check, since usually there is none."""
        for _layer in range(_LAYERS + 1):
            bare = _LOOSE.sub("", text)
            if self._exact.any_in(bare) or self._lower.any_in(bare.lower()):
                return True
            if times and any(self._may_contain(inner, times - 1) for inner, _at, _size in _contents(text)):
                return True
            decoded = _decoded(text)
            if decoded == text:
                return False
            text = decoded
        return False

    def _within(self, layer: _Mapped, times: int) -> t.Iterator[tuple[int, int]]:
        for _layer in range(_LAYERS + 1):
            bare = [each for each in layer if not _LOOSE.match(each[0])]
            lowered = [(low, start, end) for char, start, end in bare for low in char.lower()]
            for chars, forms in ((bare, self._exact), (lowered, self._lower)):
                for start, end in forms.find("".join(each[0] for each in chars)):
                    yield chars[start][1], chars[end - 1][2]
            if times:
                yield from self._encoded_within(layer, times - 1)
            after = _decoded_mapped(layer)
            if len(after) == len(layer):
                return
            layer = after

    def _encoded_within(self, layer: _Mapped, times: int) -> t.Iterator[tuple[int, int]]:
        text = "".join(each[0] for each in layer)
        for inner, at, size in _contents(text):
            if not self._may_contain(inner, times):
                continue
            strange = _NOT_BASE64 if size == 6 else _NOT_HEX
            digits = [each for each in layer if not strange.match(each[0])][at:]
            mapped, byte = [], 0
            for char in inner:
                after = byte + len(char.encode("utf-8", errors="surrogateescape"))
                # From the digit with its first bit to the digit with its last one.
                start = digits[byte * 8 // size][1]
                end = digits[min(len(digits), -(-after * 8 // size)) - 1][2]
                mapped.append((char, start, end))
                byte = after
            yield from self._within(mapped, times)


class _Forms:
    """Texts to search for. However many there are, one look-up for each character of a text is enough: they
    are indexed by their beginnings, which are as long as the shortest of them.
    """

    def __init__(self) -> None:
        self._all: set[str] = set()
        self._size = 0
        self._begin: dict[str, dict[int, set[str]]] = {}

    def add(self, form: str) -> None:
        if form in self._all:
            return
        self._all.add(form)
        fresh, size = {form}, min(LONG, len(form))
        if not self._begin or size < self._size:
            self._size, self._begin, fresh = size, {}, self._all
        for each in fresh:
            self._begin.setdefault(each[: self._size], {}).setdefault(len(each), set()).add(each)

    def any_in(self, text: str) -> bool:
        if len(self._all) < min(len(text), 200):
            return any(form in text for form in self._all)
        return any(True for _found in self.find(text))

    def find(self, text: str) -> t.Iterator[tuple[int, int]]:
        size, begin = self._size, self._begin
        for start in range(len(text) - size + 1 if begin else 0):
            for length, forms in begin.get(text[start : start + size], {}).items():
                if text[start : start + length] in forms:
                    yield start, start + length


def _encoded(text: str) -> t.Iterator[str]:
    """As hexadecimal digits, and as base64 anywhere in a longer text: the part that does not depend on the
    text next to it.
    """
    data = text.encode("utf-8", errors="surrogatepass")
    yield data.hex()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data + bytes(2)).decode()
        core = whole[-(-8 * before // 6) : 8 * (before + len(data)) // 6]
        yield from dict.fromkeys((core, core.replace("+", "-").replace("/", "_")))


def _contents(text: str) -> t.Iterator[tuple[str, int, int]]:
    """The text decoded as if all of it were base64 or hexadecimal digits, beginning at any of them; if it is
    not, the result is meaningless.

    As (content, number of the first digit, bits in a digit). Bytes that are not text become lone surrogates.
    """
    digits = _NOT_BASE64.sub("", text).translate(_STANDARD)
    for at in range(4):
        size = (len(digits) - at) // 4 * 4
        rest = digits[at + size :]
        if size + len(rest) > LONG:
            padded = digits[at : at + size] + (f"{rest}{'=' * (4 - len(rest))}" if len(rest) > 1 else "")
            yield base64.b64decode(padded).decode("utf-8", errors="surrogateescape"), at, 6
    digits = _NOT_HEX.sub("", text)
    for at in range(2):
        pairs = digits[at : at + (len(digits) - at) // 2 * 2]
        if len(pairs) >= LONG:
            yield bytes.fromhex(pairs).decode("utf-8", errors="surrogateescape"), at, 4


def _decoded(text: str) -> str:
    """The text with one layer of escapes removed."""
    return _ESCAPE.sub(_plain, text)


def _decoded_mapped(layer: _Mapped) -> _Mapped:
    text, decoded, at = "".join(each[0] for each in layer), [], 0
    for escape in _ESCAPE.finditer(text):
        decoded += layer[at : escape.start()]
        first, last = layer[escape.start()][1], layer[escape.end() - 1][2]
        decoded += [(char, first, last) for char in _plain(escape)]
        at = escape.end()
    return decoded + layer[at:]


def _plain(escape: re.Match[str]) -> str:
    if escape["json"]:
        units = b"".join(int(unit, 16).to_bytes(2, "little") for unit in re.split(r"\\+u", escape["json"]))
        return units.decode("utf-16-le", errors="replace")
    if escape["python"]:
        code = int(escape["python"][1:], 16)
        return chr(code) if code <= sys.maxunicode else escape[0]
    if escape["url"]:
        return bytes.fromhex(escape["url"].replace("%", "")).decode("utf-8", errors="replace")
    if escape["html"]:
        return html.unescape(escape["html"])
    return "\b" if escape[0].endswith("b") else " "


def _merged(spans: t.Iterable[tuple[int, int]]) -> Spans:
    merged: Spans = []
    for start, end in sorted(set(spans)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
