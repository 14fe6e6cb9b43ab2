# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, a copy of a SARIF object that the schema accepts, each repair counted.
from __future__ import annotations

import functools
import json
import marshal
import re
import typing as t
from urllib.parse import quote

from .shape import SHAPES, Member, Shape

Raw = dict[str, t.Any]


class Noter(t.Protocol):
    """Who counts the repairs (C(note)).

    rules: kind -> (name, rule) of the rules that see an object of that kind once its members are clean. recall: what C(make) returns,
    made once for each key, with what it noted each time. about: the rule of the result in hand, on which the meaning of a message ID rests.
    """

    @property
    def rules(self) -> t.Mapping[str, t.Sequence[tuple[str, t.Callable[[t.Any, t.Any], int]]]]: ...

    @property
    def about(self) -> t.Hashable: ...

    def note(self, name: str, count: int = 1) -> None: ...

    def recall(self, key: tuple[t.Any, ...], make: t.Callable[[], t.Any]) -> t.Any: ...

    def note_unknown(self, member: str) -> None: ...


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
_ANY_NUMBER = -(1 << 62)
# The least value of the numbers that are right as they stand.
_LEAST = {"int": _ANY_NUMBER, "index": -1, "natural": 0, "positive": 1, "line": 1}


class _Recipe(t.NamedTuple):
    """What to do with objects of just these names, all of them of the kind: which must be texts, which numbers, which are looked into."""

    texts: tuple[str, ...]
    numbers: tuple[tuple[str, int], ...]
    others: tuple[tuple[str, _Take], ...]


class _Kind:
    """A shape, ready to be applied. A report has millions of objects with a few sets of names: each set is looked at once."""

    __slots__ = ("name", "needs", "recipes", "shape", "takes")

    def __init__(self, shape: Shape) -> None:
        self.shape, self.name, self.needs = shape, shape.name, shape.required
        self.takes: dict[str, _Take] = {}
        self.recipes: dict[tuple[str, ...], _Recipe | None] = {}

    def recipe(self, names: tuple[str, ...]) -> _Recipe | None:
        """For this set of names; None when one of them is not sent or one is missing."""
        made = None
        if all(n in self.takes for n in names) and all(n in names for n in self.needs) and self.has_one_of(names):
            kinds = {n: m.kind for n, m in self.shape.members.items() if not m.container}
            texts = tuple(n for n in names if kinds.get(n) == "text")
            numbers = tuple((n, _LEAST[kinds[n]]) for n in names if kinds.get(n) in _LEAST)
            plain = {*texts, *(n for n, _least in numbers)}
            made = _Recipe(texts, numbers, tuple((n, self.takes[n]) for n in names if n not in plain))
        if len(self.recipes) < 1000:
            self.recipes[names] = made
        return made

    def has_one_of(self, names: t.Container[str]) -> bool:
        return not self.shape.one_of or any(name in names for name in self.shape.one_of)


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
    names = tuple(value)
    recipe = kind.recipes[names] if names in kind.recipes else kind.recipe(names)
    if recipe is None or not _plain(recipe, value):
        value = _members(kind, value, noter)
    else:
        gone = []
        for name, take in recipe.others:
            inner = value[name]
            got = take(inner, noter)
            if got is GONE:
                gone.append(name)
            elif got is not inner:
                value[name] = got
        for name in gone:
            del value[name]
    for name, apply in noter.rules.get(kind.name, ()):
        count = apply(value, noter)
        if count:
            noter.note(name, count)
    for name in kind.needs:
        if name not in value:
            noter.note("incomplete")
            return GONE
    if kind.shape.one_of and not kind.has_one_of(value):
        noter.note("incomplete")
        return GONE
    return value


def _plain(recipe: _Recipe, value: Raw) -> bool:
    for name in recipe.texts:
        if not isinstance(value[name], str):
            return False
    for name, least in recipe.numbers:
        number = value[name]
        if not isinstance(number, int) or isinstance(number, bool) or number < least:
            return False
    return not any(value[name] is None for name, _take in recipe.others)


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


def _artifact_location(kind: _Kind, value: t.Any, noter: Noter) -> t.Any:
    # A report names few files, each thousands of times.
    if isinstance(value, dict):
        uri, base, index = value.get("uri"), value.get("uriBaseId"), value.get("index")
        given = (uri is not None) + (base is not None) + (index is not None)
        texts = isinstance(uri, str) and (base is None or isinstance(base, str))
        if texts and len(value) == given and (index is None or (isinstance(index, int) and not isinstance(index, bool))):
            return noter.recall((uri, base, index), lambda: _object(kind, value, noter))
    return _object(kind, value, noter)


def _flow_step(kind: _Kind, value: t.Any, noter: Noter) -> t.Any:
    # The paths that lead to one finding share most of their steps, and so do the findings of one rule.
    try:
        key = noter.about, marshal.dumps(value, 2)
    except ValueError:  # nested too deeply for it
        return _object(kind, value, noter)
    return noter.recall(key, lambda: _object(kind, value, noter))


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
    if kind == "artifactLocation":
        return functools.partial(_artifact_location, _KINDS[kind])
    if kind == "threadFlowLocation":
        return functools.partial(_flow_step, _KINDS[kind])
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
