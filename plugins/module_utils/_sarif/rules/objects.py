# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for objects of a kind wherever they stand: paths, regions, messages, references.

Private to the collection, floor 3.
"""

from __future__ import annotations

import math
import re
import typing as t

from ..._admitted import Raw
from .clean import GONE, text_of
from .context import Context, at

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d{1,6})\}")
# What is escaped comes first, and no part goes beyond the next bracket, so that nothing is looked at again
# from each of many brackets.
_LINK = re.compile(r"\\.|\[((?:[^\[\]\\]|\\.)*)\]\((?:sarif|file):[^)\s\[]*\)", re.IGNORECASE)
# A text that its arguments have made longer than this is filled in no further.
LONGEST_FILLED = 1_000_000


def uri_from_index(location: Raw, context: Context) -> int:
    index = location.pop("index", -1)
    if location.get("uri") is not None or index < 0:
        return 0
    # What lies inside an archive is found, in the repository, where the archive is.
    artifact = context.element("artifacts", context.outermost(index))
    own = artifact.get("location")
    if not isinstance(own, dict) or not isinstance(own.get("uri"), str):
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
    # Without a first line it is line 1, or gets that of its context.
    start, end = region.get("startLine", 1), region.get("endLine")
    backwards = bool(end and end < start)
    if end in (None, start) and "startColumn" in region and "endColumn" in region:
        backwards = region["endColumn"] < region["startColumn"]
    if backwards:
        region.pop("endLine", None)
        region.pop("endColumn", None)
    return int(backwards)


def context_regions(location: Raw, context: Context) -> int:
    """A context that does not enclose its region is left out. Before that, a region without a line gets its
    first one.
    """
    around = location.get("contextRegion")
    if around is None:
        return 0
    if "startLine" not in around:
        # By offsets alone: the line that a region gets later need not lie within.
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
    """Whether a context is more than its region by the offsets that both have. unit: "char" or "byte".

    A length that is absent is 0, as in the standard.
    """
    offset, length = f"{unit}Offset", f"{unit}Length"
    if offset not in around or offset not in region:
        return True
    outer = (around[offset], around[offset] + around.get(length, 0))
    inner = (region[offset], region[offset] + region.get(length, 0))
    return bool(outer[0] <= inner[0] and inner[1] <= outer[1] and outer != inner)


def _extent(region: Raw) -> tuple[tuple[int, float], tuple[int, float]]:
    """The first and the last (line, column) of a region by lines."""
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
        strings = strings or object_in(context.component.raw.get("globalMessageStrings"), identifier)
        strings = strings or object_in(context.driver.raw.get("globalMessageStrings"), identifier)
        for name in ("text", "markdown"):
            if isinstance(strings.get(name), str):
                message[name], changed = fill(strings[name], arguments), 1
    elif arguments:
        for name in ("text", "markdown"):
            if name in message:
                message[name], changed = fill(message[name], arguments), 1
    if not message.get("text", "").strip():
        message.pop("text", None)
        if message.get("markdown", "").strip():
            message["text"], changed = message["markdown"], 1
    return changed


def fill(text: str, arguments: list[str]) -> str:
    """SARIF's placeholders: `{0}` is the first argument, `{{` a brace. One without an argument stays as it
    is.
    """

    room = LONGEST_FILLED

    def one(match: re.Match[str]) -> str:
        nonlocal room
        if match[1] is None:
            return match[0][0]
        if int(match[1]) >= len(arguments) or len(arguments[int(match[1])]) > room:
            return match[0]
        room -= len(arguments[int(match[1])])
        return arguments[int(match[1])]

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
    """A rule that puts an entry of one of the run's shared arrays where its position stood; what stands there
    itself wins.
    """

    def inline(value: Raw, context: Context) -> int:
        value.pop("parentIndex", None)
        index = value.pop("index", -1)
        entry = {k: v for k, v in context.element(array, index).items() if k not in ("index", "parentIndex")}
        if not entry:
            return 0
        # A message of it may be one of the rule's.
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
        entry = at(component.taxa or component.rules, index)
        if isinstance(entry, dict) and text_of(entry.get("id")):
            reference["id"], changed = text_of(entry["id"]), 1
    context.taxa_used.update(reference[name] for name in ("id", "guid") if name in reference)
    return changed


def security_severity(descriptor: Raw, _context: Context) -> int:
    bag = descriptor.get("properties", {})
    score = bag.get("security-severity")
    if score is None or score_of(score) is not None:
        return 0
    words = {
        "low": "3.9",
        "medium": "6.9",
        "moderate": "6.9",
        "high": "8.9",
        "important": "8.9",
        "critical": "10.0",
    }
    known = words.get(str(score).strip().lower())
    if known:
        bag["security-severity"] = known
    else:
        del bag["security-severity"]
    return 1


def word(value: t.Any) -> str:
    return value if isinstance(value, str) else ""


def object_in(value: t.Any, name: str) -> Raw:
    """The object of this name in another one; an empty one when there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def score_of(value: t.Any) -> float | None:
    try:
        score = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else -1.0
    except ValueError:
        return None
    return score if 0 <= score <= 10 else None
