# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON from other programs as values that any code can handle. Pure.

Private to the collection, floor 1.
"""

from __future__ import annotations

import json
import math
import re
import typing as t

from ._http.plain import RESERVED, whole

Raw = dict[str, t.Any]  # a JSON object as another program wrote it
Row = dict[str, t.Any]  # an entry of a list in a result or a report

_COUNT = re.compile(r"\s*([0-9]{1,15})(?:\.0*)?\s*", re.ASCII)
# Deeper than anything that a tenant sends.
DEEPEST = 40
# Other programs use 64 bits.
_LARGEST = 2**64


class Unreadable(str):
    """Replaces a value that cannot be handled: repaired text, or "" for any other type. Nothing that contains
    one is ever sent back.
    """

    __slots__ = ()


def admit(value: t.Any, depth: int = 0) -> t.Any:
    """A copy of decoded JSON. Replaced by Unreadable: texts with lone surrogates, numbers that are infinite,
    not a number or over 64 bits, objects with such or reserved keys, and values nested deeper than DEEPEST.
    """
    if isinstance(value, str):
        text = whole(value)
        return value if text == value else Unreadable(text)
    if isinstance(value, (dict, list)):
        if depth >= DEEPEST:
            return Unreadable()
        if isinstance(value, list):
            return [admit(inner, depth + 1) for inner in value]
        if any(not isinstance(key, str) or key.startswith(RESERVED) or whole(key) != key for key in value):
            return Unreadable()
        return {key: admit(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else Unreadable()
    return value if value is None or (isinstance(value, int) and abs(value) < _LARGEST) else Unreadable()


def unreadable_within(value: t.Any) -> bool:
    """Whether an admitted value contains something Unreadable, at any depth."""
    if isinstance(value, dict):
        return any(map(unreadable_within, value.values()))
    if isinstance(value, list):
        return any(map(unreadable_within, value))
    return isinstance(value, Unreadable)


def deeper(value: t.Any, than: int = DEEPEST) -> bool:
    """Whether objects and lists are nested more than this many levels deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(isinstance(v, (dict, list)) and (than <= 1 or deeper(v, than - 1)) for v in inner)


def count_from(value: t.Any) -> int | None:
    """A count in any form: 5000, 5000.0, " 5000 "; None for everything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value) if 0 <= value < _LARGEST and value == int(value) else None
    match = _COUNT.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) if match else None


def parsed(text: str | bytes) -> t.Any:
    """Decoded JSON, admitted. Raises ValueError for text that is not JSON."""
    try:
        return admit(json.loads(text))
    except RecursionError:
        raise ValueError("nested too deep") from None
