# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes text from others harmless to terminals and log readers.

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
# The beginnings of commands that programs find in the log of a pipeline: `##vso[`, `##[`, `::error::`,
# `section_start:1560896352:`. Azure Pipelines accepts them anywhere in a line, and others may break lines, so
# they are escaped anywhere in a text.
_COMMAND = re.compile(
    r"##(?=\w*\[)|::(?=[A-Za-z][^\n]*?::)|(?<=section_start):(?=\d)|(?<=section_end):(?=\d)"
)
_HALF = re.compile("[\ud800-\udfff]")
# Since ansible-core 2.19 such a key names the type of the object; one that Ansible does not know makes the
# result unreadable.
RESERVED = "__ansible_"


def plain(text: str) -> str:
    """The text with invisible characters, except line breaks and tabs, and beginnings of commands escaped, as
    in \\u001b. JSON text keeps its meaning.
    """
    return _COMMAND.sub(_escaped, _UNSEEN.sub(_escaped, text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """The same on one line."""
    return " ".join(filter(None, (line.strip() for line in plain(text).split("\n"))))


def whole(text: str) -> str:
    """The text with U+FFFD in place of lone surrogates, which cannot be encoded."""
    return _HALF.sub("\ufffd", text)


def transportable(value: t.Any) -> t.Any:
    """A copy of a JSON-like value that a module can return: without lone surrogates or RESERVED keys."""
    if isinstance(value, str):
        # Some versions of Ansible accept only str itself, not subclasses.
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


def _escaped(match: re.Match[str]) -> str:
    first, rest = match[0][0], match[0][1:]
    if ord(first) > 0xFFFF:
        high, low = divmod(ord(first) - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
    return f"\\u{ord(first):04x}{rest}"
