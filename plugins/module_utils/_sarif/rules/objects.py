# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for objects anywhere in a report: paths, regions, messages, references. table.py describes each.

Private to the collection, floor 3.
"""

from __future__ import annotations

import math
import re
import typing as t

from ..._admitted import Raw
from .clean import GONE, as_dict, id_of
from .context import Context, at

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d{1,6})\}")
# Escaped characters come first, and no part passes the next bracket, so that no text is searched again from
# each of many brackets.
_LINK = re.compile(r"\\.|\[((?:[^\[\]\\]|\\.)*)\]\((?:sarif|file):[^)\s\[]*\)", re.IGNORECASE)
# How many characters the arguments may add to a message.
LONGEST_FILLED = 1_000_000
# For security-severity, the highest score of each severity.
_SCORES = {
    "low": "3.9",
    "medium": "6.9",
    "moderate": "6.9",
    "high": "8.9",
    "important": "8.9",
    "critical": "10.0",
}


def uri_from_index(location: Raw, context: Context) -> int:
    index = location.pop("index", -1)
    if location.get("uri") is not None or index < 0:
        return 0
    # The repository contains the archive, not the file inside it.
    own = object_in(context.element("artifacts", context.outermost(index)), "location")
    if not isinstance(own.get("uri"), str):
        return 0
    location["uri"] = own["uri"]
    location.pop("uriBaseId", None)
    if isinstance(own.get("uriBaseId"), str):
        location["uriBaseId"] = own["uriBaseId"]
    return 1


def relative_paths(location: Raw, context: Context) -> int:
    uri, base = location.get("uri"), location.pop("uriBaseId", None)
    if uri is None:
        context.faults.append(("no_location", ""))
        return 0
    relative = context.relative(uri, base)
    if relative is None:
        del location["uri"]
        return 1
    location["uri"] = relative
    return 0


def regions(region: Raw, _context: Context) -> int:
    # A region without a first line later gets that of its context, or line 1.
    start, end = region.get("startLine", 1), region.get("endLine")
    backwards = bool(end and end < start)
    if end in (None, start) and "startColumn" in region and "endColumn" in region:
        backwards = region["endColumn"] < region["startColumn"]
    if backwards:
        region.pop("endLine", None)
        region.pop("endColumn", None)
    return int(backwards)


def context_regions(location: Raw, context: Context) -> int:
    """Give a region without a line that of its context; remove a context that does not enclose it."""
    around = location.get("contextRegion")
    if around is None:
        return 0
    if "startLine" not in around:
        # The context has offsets only, and the line that the region gets later may be outside of it.
        del location["contextRegion"]
        return 1
    region = location.setdefault("region", {})
    if "startLine" not in region:
        region["startLine"] = around["startLine"]
        context.note("start_lines")
        context.note("regions", regions(region, context))
    first, last = _extent(region)
    around_first, around_last = _extent(around)
    by_lines = around_first <= first and last <= around_last and (first, last) != (around_first, around_last)
    if by_lines and all(_offsets_enclose(around, region, unit) for unit in ("char", "byte")):
        return 0
    del location["contextRegion"]
    return 1


def _offsets_enclose(around: Raw, region: Raw, unit: str) -> bool:
    """Whether the offsets of a context enclose those of its region; also if one of them has none.

    unit: "char" or "byte". A missing length is 0, as SARIF specifies.
    """
    offset, length = f"{unit}Offset", f"{unit}Length"
    if offset not in around or offset not in region:
        return True
    outer = (around[offset], around[offset] + around.get(length, 0))
    inner = (region[offset], region[offset] + region.get(length, 0))
    return bool(outer[0] <= inner[0] and inner[1] <= outer[1] and outer != inner)


def _extent(region: Raw) -> tuple[tuple[int, float], tuple[int, float]]:
    """The first and the last (line, column) of a region with a startLine."""
    start: int = region["startLine"]
    end: int = region.get("endLine", start)
    return (start, region.get("startColumn", 1)), (end, region.get("endColumn", math.inf))


def messages(message: Raw, context: Context) -> int:
    if len(message) == 1 and message.get("text", "").strip():
        return 0
    identifier, arguments = message.pop("id", None), message.pop("arguments", [])
    text, changed = message.get("text", ""), 0
    if not text.strip() and identifier is not None:
        strings = object_in(context.rule.get("messageStrings"), identifier)
        for component in (context.component, context.driver):
            strings = strings or object_in(component.raw.get("globalMessageStrings"), identifier)
    else:
        strings = dict(message) if arguments else {}
    for name in ("text", "markdown"):
        if isinstance(strings.get(name), str):
            message[name], changed = fill(strings[name], arguments), 1
    if not message.get("text", "").strip():
        message.pop("text", None)
        if message.get("markdown", "").strip():
            message["text"], changed = message["markdown"], 1
    return changed


def fill(text: str, arguments: list[str]) -> str:
    """Fill placeholders: `{0}` is the first argument, `{{` a brace. One without an argument stays."""
    room = LONGEST_FILLED

    def one(match: re.Match[str]) -> str:
        nonlocal room
        if match[1] is None:
            return match[0][0]
        number = int(match[1])
        if number >= len(arguments) or len(arguments[number]) > room:
            return match[0]
        room -= len(arguments[number])
        return arguments[number]

    return _PLACEHOLDER.sub(one, text)


def markdown_only(text: Raw, _context: Context) -> int:
    if "text" in text or "markdown" not in text:
        return 0
    text["text"] = text["markdown"]
    return 1


def links(message: Raw, _context: Context) -> int:
    if "](" not in message.get("text", "") and "markdown" not in message:
        return 0
    count = 0

    def one(match: re.Match[str]) -> str:
        nonlocal count
        if match[1] is None:
            return match[0]
        count += 1
        return match[1] if match[1].strip() else "link"

    for name in ("text", "markdown"):
        if "](" in message.get(name, ""):
            message[name] = _LINK.sub(one, message[name])
    return count


def shared_objects(array: str, kind: str) -> t.Callable[[Raw, Context], int]:
    """A rule that replaces an index by an entry of a shared array. The object's own members are kept."""

    def inline(value: Raw, context: Context) -> int:
        value.pop("parentIndex", None)
        index = value.pop("index", -1)
        entry = {k: v for k, v in context.element(array, index).items() if k not in ("index", "parentIndex")}
        if not entry:
            return 0
        # The entry may refer to a message of the current rule.
        key = (array, index, id(context.rule) if context.rule else None)
        shared = context.memo(key, context.kinds[kind].clean_copy, entry, context)
        if shared is not GONE:
            for name, inner in shared.items():
                value.setdefault(name, inner)
        return 1

    return inline


def descriptor_references(reference: Raw, context: Context) -> int:
    index, changed = reference.pop("index", -1), 0
    if "id" not in reference and "guid" not in reference:
        component = context.find_component(reference.get("toolComponent"), taxonomies=True) or context.driver
        name = id_of(at(component.taxa or component.rules, index))
        if name:
            reference["id"], changed = name, 1
    context.taxa_used.update(reference[name] for name in ("id", "guid") if name in reference)
    return changed


def security_severity(descriptor: Raw, _context: Context) -> int:
    bag = descriptor.get("properties", {})
    score = bag.get("security-severity")
    if score is None or score_of(score) is not None:
        return 0
    known = _SCORES.get(str(score).strip().lower())
    if known:
        bag["security-severity"] = known
    else:
        del bag["security-severity"]
    return 1


def object_in(value: t.Any, name: str) -> Raw:
    """The member of an object that is an object; empty if there is none."""
    return as_dict(as_dict(value).get(name))


def score_of(value: t.Any) -> float | None:
    """A security-severity as a number from 0 to 10; None for anything else."""
    try:
        score = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else -1.0
    except ValueError:
        return None
    return score if 0 <= score <= 10 else None
