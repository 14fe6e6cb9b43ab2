# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes text harmless where it is displayed.

Private to the collection, floor 1.
"""

from __future__ import annotations

import re
import typing as t

# Characters that move the cursor, colour a terminal, change the writing direction or are invisible. Line
# breaks and tabs are allowed.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
# What begins a command to whoever reads a log of a pipeline: Azure Pipelines take theirs anywhere in a line,
# and where a line is broken is not ours to say, so nowhere in a text. `##vso[`, `##[`, `::error::`,
# `section_start:1560896352:`.
_COMMAND = re.compile(
    r"##(?=\w*\[)|::(?=[A-Za-z][^\n]*?::)|(?<=section_start):(?=\d)|(?<=section_end):(?=\d)"
)
_HALF = re.compile("[\ud800-\udfff]")
# From ansible-core 2.19 on such a key says of what type the object is; one that is not Ansible's own makes
# the result unreadable.
RESERVED = "__ansible_"


def plain(text: str) -> str:
    """Text in which every character is visible and nothing is a command: other characters are written as
    \\u001b.

    Line breaks and tabs stay. Inside JSON text it means the same as before.
    """
    return _COMMAND.sub(_escaped, _UNSEEN.sub(_escaped, text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """The same on one line."""
    return " ".join(filter(None, (line.strip() for line in plain(text).split("\n"))))


def whole(text: str) -> str:
    """The text with U+FFFD in place of lone surrogates, which cannot be encoded."""
    return _HALF.sub("\ufffd", text)


def transportable(value: t.Any) -> t.Any:
    """A copy of a JSON-like value that a module can hand to Ansible: whole text, and no key of Ansible's
    own.
    """
    if isinstance(value, str):
        # Not a type of our own: some versions of Ansible accept only plain str.
        return str(whole(value))
    if isinstance(value, dict):
        return {_key(k): transportable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [transportable(v) for v in value]
    return value


def _key(key: t.Any) -> t.Any:
    if not isinstance(key, str):
        return key
    return whole(f"\\u005f{key[1:]}" if key.startswith(RESERVED) else key)


def _escaped(found: re.Match[str]) -> str:
    first, rest = found[0][0], found[0][1:]
    if ord(first) > 0xFFFF:
        high, low = divmod(ord(first) - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
    return f"\\u{ord(first):04x}{rest}"
