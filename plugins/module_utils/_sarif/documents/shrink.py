# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result can lose when it is too big, and in which order. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import typing as t

from ..._admitted import Raw

_LEAST_TEXT = 200


def without_context(value: t.Any) -> t.Any:
    """A copy without the source text of context regions; the text of the finding itself stays."""
    return _without_snippets(value, everywhere=False)


def _without_snippets(value: t.Any, everywhere: bool = True) -> t.Any:
    if isinstance(value, list):
        return [_without_snippets(v, everywhere) for v in value]
    if not isinstance(value, dict):
        return value
    # A property bag may use the word for something else.
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


def _without_stacks(result: Raw) -> Raw:
    return {
        name: value
        for name, value in result.items()
        if name not in ("stacks", "fixes", "webRequest", "webResponse")
    }


def _without_related(result: Raw) -> Raw:
    return {name: value for name, value in result.items() if name != "relatedLocations"}


STEPS: tuple[tuple[str, t.Callable[[Raw], Raw]], ...] = (
    ("code flows but the first", _first_flow),
    ("stacks, fixes, web requests and responses", _without_stacks),
    ("snippets", _without_snippets),
    ("related locations", _without_related),
)


def shorten(result: Raw, fits: t.Callable[[Raw], bool]) -> tuple[list[str], Raw | None]:
    """What the result lost, in the order of STEPS and then of its message, until it fits; None when it does
    not fit even so.
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
