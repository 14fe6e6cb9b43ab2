# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, a copy of a SARIF object that the schema accepts, each repair counted.
from __future__ import annotations

import functools
import json
import re
import typing as t
from urllib.parse import quote

from .shape import SHAPES, Member, Shape

Raw = dict[str, t.Any]


class Noter(t.Protocol):
    """Who counts the repairs (C(note)).

    rules: kind -> (name, rule) of the rules that see an object of that kind once its members are clean. recall: what C(make) returns,
    made once for each key, with what it noted each time.
    """

    @property
    def rules(self) -> t.Mapping[str, t.Sequence[tuple[str, t.Callable[[t.Any, t.Any], int]]]]:
        ...

    def note(self, name: str, count: int = 1) -> None:
        ...

    def recall(self, key: tuple[t.Any, ...], make: t.Callable[[], t.Any]) -> t.Any:
        ...

    def note_unknown(self, member: str) -> None:
        ...


class _Gone:
    """Stands for a value that cannot be sent."""


GONE: t.Final = _Gone()

LEVELS = ("error", "warning", "note", "none")
KINDS = ("fail", "review", "open", "informational", "notApplicable", "pass")

_LEVEL_WORDS = {
    "error": "error", "high": "error", "critical": "error",
    "warning": "warning", "medium": "warning",
    "note": "note", "low": "note", "info": "note",
    "none": "none",
}  # fmt: skip
_GUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}")
_LANGUAGE = re.compile(r"[a-zA-Z]{2}(-[a-zA-Z]{2})?")
_DOTTED = re.compile(r"[0-9]+(\.[0-9]+){3}")
_WEB = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*:[^\s]+", re.IGNORECASE)
_USERINFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@")


def level_of(word: t.Any) -> str | None:
    """The SARIF level that a word means, in any case and with the usual severity words; None when it means none."""
    return _LEVEL_WORDS.get(word.strip().lower()) if isinstance(word, str) else None


def kind_of(word: t.Any) -> str | None:
    """The SARIF result kind a word means, in any case; C(fail) when absent, None when it is no kind."""
    if word is None:
        return "fail"
    return next((k for k in KINDS if isinstance(word, str) and word.strip().lower() == k.lower()), None)


_Take = t.Callable[[t.Any, Noter], t.Any]


class _Kind:
    """A shape, ready to be applied."""

    __slots__ = ("name", "needs", "shape", "takes")

    def __init__(self, shape: Shape) -> None:
        self.shape, self.name, self.needs = shape, shape.name, shape.required
        self.takes: dict[str, _Take] = {}


def clean(kind: str, value: t.Any, noter: Noter) -> t.Any:
    """C(value) with just the members that SHAPES lists for this kind, or GONE. The value given is used up."""
    return _taker(kind)(value, noter)


def clean_list(kind: str, value: t.Any, noter: Noter) -> list[t.Any]:
    got = _list(_taker(kind), False, value, noter)
    return got if isinstance(got, list) else []


def _object(kind: _Kind, value: t.Any, noter: Noter) -> t.Any:
    if not isinstance(value, dict):
        noter.note("wrong_types")
        return GONE
    value = _members(kind, value, noter)
    for name, apply in noter.rules.get(kind.name, ()):
        count = apply(value, noter)
        if count:
            noter.note(name, count)
    for name in kind.needs:
        if name not in value:
            noter.note("incomplete")
            return GONE
    if kind.shape.one_of and not any(name in value for name in kind.shape.one_of):
        noter.note("incomplete")
        return GONE
    return value


def _members(kind: _Kind, value: Raw, noter: Noter) -> Raw:
    out = {}
    for name, inner in value.items():
        take = kind.takes.get(name)
        if take is None or inner is None:
            _not_taken(kind, name, inner, noter)
            continue
        got = take(inner, noter)
        if got is not GONE:
            out[name] = got
    return out


def _not_taken(kind: _Kind, name: str, inner: t.Any, noter: Noter) -> None:
    if inner is None:
        noter.note("nulls")
    elif name in kind.shape.left_out:
        noter.note("left_out")
    else:
        noter.note_unknown(f"{kind.name}.{name}")


def _map(take: _Take, value: t.Any, noter: Noter) -> t.Any:
    if not isinstance(value, dict):
        noter.note("wrong_types")
        return GONE
    pairs = ((name, take(inner, noter)) for name, inner in value.items())
    return {name: inner for name, inner in pairs if inner is not GONE}


def _list(take: _Take, is_set: bool, value: t.Any, noter: Noter) -> t.Any:
    if not isinstance(value, list):
        noter.note("wrong_types")
        return GONE
    items = []
    for inner in value:
        if inner is None:
            noter.note("nulls")
        elif (got := take(inner, noter)) is not GONE:
            items.append(got)
    if is_set and len(items) > 1:
        items = unique(items, noter)
    # An empty list says nothing that its absence does not say, and some of them the schema forbids.
    return items or GONE


def unique(items: list[t.Any], noter: Noter) -> list[t.Any]:
    """The items without the repeated ones, in order."""
    # Comparing the few of a usual list is much faster than writing each of them, and true for false equals (1 and true) too.
    if len(items) < 9 and not any(items[i] in items[:i] for i in range(1, len(items))):
        return items
    kept = {item if isinstance(item, str) else json.dumps(item, sort_keys=True): item for item in reversed(items)}
    if len(kept) < len(items):
        noter.note("duplicates", len(items) - len(kept))
    return list(reversed(kept.values()))


def _word(words: str, value: t.Any, noter: Noter) -> t.Any:
    right = next((w for w in words.split("|") if isinstance(value, str) and w.lower() == value.lower()), None)
    if right is None:
        noter.note("wrong_types")
        return GONE
    return right


def _scalar(check: _Take, value: t.Any, noter: Noter) -> t.Any:
    got = check(value, noter)
    if got is GONE:
        noter.note("wrong_types")
    return got


def _text(value: t.Any, _noter: Noter) -> t.Any:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else GONE


def _integer(least: int | None) -> _Take:
    def check(value: t.Any, _noter: Noter) -> t.Any:
        number = whole(value)
        return GONE if number is None or (least is not None and number < least) else number

    return check


def whole(value: t.Any) -> int | None:
    """The whole number that a value is, or writes; None for any other."""
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and len(value) < 19 and value.isascii() and value.isdigit() else None


def _line(value: t.Any, noter: Noter) -> t.Any:
    number = whole(value)
    if number is None:
        return GONE
    if number < 1:
        noter.note("lines_raised")
    return max(1, number)


def _rank(value: t.Any, _noter: Noter) -> t.Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and -1 <= value <= 100 else GONE


def _uri(value: t.Any, _noter: Noter) -> t.Any:
    """An absolute URI without user name, password or a path of the machine that wrote it."""
    if not isinstance(value, str) or not _WEB.fullmatch(value.strip()):
        return GONE
    return quote(_USERINFO.sub(r"\1", value.strip()), safe="%/:?#[]@!$&'()*+,;=~-._")


def _matching(pattern: re.Pattern[str]) -> _Take:
    return lambda value, _noter: value if isinstance(value, str) and pattern.fullmatch(value) else GONE


def _fingerprint(value: t.Any, noter: Noter) -> t.Any:
    return _text(value.get("value") if isinstance(value, dict) else value, noter)


def _bag(value: t.Any, noter: Noter) -> t.Any:
    if not isinstance(value, dict):
        return GONE
    if "tags" not in value:
        return value
    bag = dict(value)
    tags = bag.pop("tags")
    words = [tag if isinstance(tag, str) else json.dumps(tag) for tag in tags if tag is not None] if isinstance(tags, list) else []
    if words:
        bag["tags"] = unique(words, noter)
    if words != tags:
        noter.note("wrong_types")
    return bag


_SCALARS: dict[str, _Take] = {
    "any": lambda value, _noter: value,
    "text": _text,
    "int": _integer(None),
    "index": _integer(-1),
    "natural": _integer(0),
    "positive": _integer(1),
    "line": _line,
    "rank": _rank,
    "bool": lambda value, _noter: value if isinstance(value, bool) else GONE,
    "level": lambda value, _noter: level_of(value) or GONE,
    "kind": lambda value, _noter: kind_of(value) or GONE,
    "guid": _matching(_GUID),
    "language": _matching(_LANGUAGE),
    "dotted": _matching(_DOTTED),
    "uri": _uri,
    "fingerprint": _fingerprint,
    "bag": _bag,
}


_KINDS = {name: _Kind(shape) for name, shape in SHAPES.items()}


def _taker(kind: str) -> _Take:
    if kind in _KINDS:
        return functools.partial(_object, _KINDS[kind])
    return functools.partial(_word, kind) if "|" in kind else functools.partial(_scalar, _SCALARS[kind])


def _member(member: Member) -> _Take:
    take = _taker(member.kind)
    if member.container == "map":
        return functools.partial(_map, take)
    return functools.partial(_list, take, member.unique) if member.container else take


for _kind in _KINDS.values():
    _kind.takes.update((name, _member(member)) for name, member in _kind.shape.members.items())
