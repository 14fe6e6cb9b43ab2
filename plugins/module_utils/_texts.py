# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strings that YAML has turned into other types; forms of words.

Private to the collection, floor 0.
"""

from __future__ import annotations

import re
import typing as t

LOST = "now, so the original text is lost: put it in quotes"
# Words that mean true and false.
YES, NO = ("1", "true", "yes", "on", "y", "t"), ("0", "false", "no", "off", "n", "f")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake_case(name: t.Any) -> str:
    """A name in camel case in snake case: repositoryUrl becomes repository_url."""
    return _CAMEL.sub("_", str(name)).lower()


def as_text(value: t.Any) -> str | None:
    """The string, or an integer as a string; None for values that YAML may have changed, such as 1.10, yes or
    a date.
    """
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def not_text(value: t.Any) -> str:
    """What is wrong with a value that should be a string, as the end of a sentence; empty if nothing. Never
    contains the value.
    """
    if as_text(value) is not None or value is None:
        return ""
    if isinstance(value, (dict, list, tuple)):
        return f"is a {'dictionary' if isinstance(value, dict) else 'list'}, where a single string is needed"
    kind = "Boolean" if isinstance(value, bool) else "decimal number" if isinstance(value, float) else "date"
    return f"is a {kind} {LOST}"


def misread(values: t.Any, spec: dict[str, t.Any], path: str = "") -> t.Iterator[str]:
    """For each string option of an argument spec, at any depth, whose value is not a string: where, and what
    it is instead.
    """
    for name, option in spec.items() if isinstance(values, dict) else ():
        yield from _misread(values.get(name), option, f"{path}{name}")


def _misread(value: t.Any, option: dict[str, t.Any], path: str) -> t.Iterator[str]:
    kind = option.get("type", "str")
    if kind in ("str", "path") and (why := not_text(value)):
        yield f"{path} {why}"
    elif kind == "dict" and "options" in option:
        yield from misread(value, option["options"], f"{path}.")
    elif kind == "list" and isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _misread(inner, {**option, "type": option.get("elements", "str")}, f"{path}[{index}]")


def split_lists(values: t.Any, spec: dict[str, t.Any]) -> t.Any:
    """A copy of the values. Each list of strings that was written as one string, "a, b", is a list, at any
    depth; Ansible would keep the blank in " b".
    """
    if isinstance(values, list):
        return [split_lists(value, spec) for value in values]
    if not isinstance(values, dict):
        return values
    return {name: _split(value, spec.get(name, {})) for name, value in values.items()}


def _split(value: t.Any, option: dict[str, t.Any]) -> t.Any:
    texts = option.get("type") == "list" and option.get("elements") in ("str", "path")
    if texts and isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return split_lists(value, option["options"]) if "options" in option else value
