# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes details from a result that is too big. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import typing as t

from ..._admitted import Raw

_LEAST_TEXT = 200


def without_context(value: t.Any) -> t.Any:
    """A copy without the source text around each finding; that of the finding itself is kept."""
    return _without_snippets(value, everywhere=False)


def _without_snippets(value: t.Any, everywhere: bool = True) -> t.Any:
    """A copy without snippets. everywhere: whether to remove them from all regions, not only from context."""
    if isinstance(value, list):
        return [_without_snippets(v, everywhere) for v in value]
    if not isinstance(value, dict):
        return value
    # In a property bag, `snippet` may be something else.
    out = {
        k: v if k == "properties" else _without_snippets(v, everywhere)
        for k, v in value.items()
        if not (everywhere and k == "snippet")
    }
    if isinstance(out.get("contextRegion"), dict):
        out["contextRegion"].pop("snippet", None)
    return out


def _first_flow(result: Raw) -> Raw:
    return {**result, "codeFlows": result["codeFlows"][:1]} if "codeFlows" in result else result


def _without(*names: str) -> t.Callable[[Raw], Raw]:
    return lambda result: {name: value for name, value in result.items() if name not in names}


STEPS: tuple[tuple[str, t.Callable[[Raw], Raw]], ...] = (
    ("code flows but the first", _first_flow),
    ("stacks, fixes, web requests and responses", _without("stacks", "fixes", "webRequest", "webResponse")),
    ("snippets", _without_snippets),
    ("related locations", _without("relatedLocations")),
)


def shorten(result: Raw, fits: t.Callable[[Raw], bool]) -> tuple[list[str], Raw | None]:
    """What was removed and the shorter result: the details of STEPS, then the end of its message, until the
    result fits. None if it still does not fit.
    """
    lost = []
    for name, step in STEPS:
        shorter = step(result)
        if shorter != result:
            lost.append(name)
            result = shorter
            if fits(result):
                return lost, result
    text = result["message"]["text"]
    least = _cut(result, text[:_LEAST_TEXT])
    if len(text) <= _LEAST_TEXT or not fits(least):
        return lost, None
    low, high = _LEAST_TEXT, len(text)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(_cut(result, text[:middle])) else (low, middle)
    return [*lost, "the end of its message"], _cut(result, text[:low])


def _cut(result: Raw, text: str) -> Raw:
    return {**result, "message": {"text": text + "\u2026"}}
