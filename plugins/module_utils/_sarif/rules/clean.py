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
    """Who counts the repairs.

    rules: kind -> (name, rule, when) of the rules that see an object of that kind once its members are clean; when: as in concerns().
    plans: kind -> names of the members of an object, in order -> what has to be done with it. recall: what make(*given) returned when
    it was called for this key first, with what it noted then.
    """

    plans: dict[str, dict[tuple[str, ...], _Plan]]

    @property
    def rules(self) -> t.Mapping[str, t.Sequence[tuple[str, t.Callable[[t.Any, t.Any], int], str]]]:
        ...

    def note(self, name: str, count: int = 1) -> None:
        ...

    def recall(self, key: tuple[t.Any, ...], make: t.Callable[..., t.Any], *given: t.Any) -> t.Any:
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
    if word in LEVELS:
        return t.cast(str, word)
    return _LEVEL_WORDS.get(word.strip().lower()) if isinstance(word, str) else None


def kind_of(word: t.Any) -> str | None:
    """The SARIF result kind a word means, in any case; C(fail) when absent, None when it is no kind."""
    if word is None:
        return "fail"
    return next((k for k in KINDS if isinstance(word, str) and word.strip().lower() == k.lower()), None)


# From a value to what is sent in its place, or GONE.
_Take = t.Callable[[t.Any, Noter], t.Any]
# So many sets of names are remembered for each kind: scanners write few.
_MOST_PLANS = 500


class _Kind:
    """A shape, ready to be applied."""

    __slots__ = ("exact", "left_out", "name", "needs", "one_of", "remembered", "takes")

    def __init__(self, shape: Shape) -> None:
        self.name, self.needs, self.left_out = shape.name, shape.required, shape.left_out
        self.one_of = frozenset(shape.one_of)
        self.takes: dict[str, _Take] = {}
        # Members of which a value of just this type, and not below this number, is sent as it is.
        self.exact: dict[str, tuple[type, int | None]] = {}
        self.remembered = shape.name == "artifactLocation"


class _Plan:
    """What has to be done with an object of one kind that has these members.

    scalars: (name, type, least, take) of members whose value is sent as it is when it has just this type and is not below `least`.
    others: (name, take) of the other members. rules: (name, rule) of the rules that look at such an object. remembered: whether what
    the rules make of equal objects is.
    """

    __slots__ = ("others", "remembered", "rules", "scalars")

    def __init__(self, kind: _Kind, names: tuple[str, ...], noter: Noter) -> None:
        self.scalars = tuple((name, *kind.exact[name], kind.takes[name]) for name in names if name in kind.exact)
        self.others = tuple((name, _take_of(kind, name)) for name in names if name not in kind.exact)
        self.rules = tuple((name, rule) for name, rule, when in noter.rules.get(kind.name, ()) if concerns(when, names))
        self.remembered = kind.remembered and not self.others


def concerns(when: str, names: t.Collection[str]) -> bool:
    """Whether a rule looks at an object with these members. when: names, one of which it must have; -name: it must not have it."""
    return not when or any(word in names if word[0] != "-" else word[1:] not in names for word in when.split())


def clean(kind: str, value: t.Any, noter: Noter) -> t.Any:
    """`value` with just the members that SHAPES lists for this kind, or GONE. It is changed in place."""
    return _taker(kind)(value, noter)


def clean_copy(kind: str, value: Raw, noter: Noter) -> t.Any:
    """As clean(), of a copy."""
    takes = _KINDS[kind].takes
    return clean(kind, {name: _copy(inner) if name in takes else inner for name, inner in value.items()}, noter)


def _copy(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {name: _copy(inner) for name, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def clean_list(kind: str, value: t.Any, noter: Noter) -> list[t.Any]:
    got = _list(_taker(kind), False, value, noter)
    return got if isinstance(got, list) else []


def _not_sent(value: t.Any, noter: Noter) -> t.Any:
    noter.note("nulls" if value is None else "wrong_types")
    return GONE


def _object(kind: _Kind, value: t.Any, noter: Noter) -> t.Any:
    if type(value) is not dict:
        return _not_sent(value, noter)
    names = tuple(value)
    plan = noter.plans[kind.name].get(names) or _planned(kind, names, noter)
    for name, exact, least, take in plan.scalars:
        inner = value[name]
        if type(inner) is not exact or (least is not None and inner < least):
            _put(value, name, take(inner, noter))
    if plan.remembered and len(value) == len(plan.scalars):
        return noter.recall((plan, *value.values()), _finished, kind, plan, value, noter)
    for name, take in plan.others:
        inner = value[name]
        got = take(inner, noter)
        if got is not inner:
            _put(value, name, got)
    return _finished(kind, plan, value, noter)


def _planned(kind: _Kind, names: tuple[str, ...], noter: Noter) -> _Plan:
    plans = noter.plans[kind.name]
    if len(plans) >= _MOST_PLANS:
        plans.clear()
    plan = plans[names] = _Plan(kind, names, noter)
    return plan


def _take_of(kind: _Kind, name: str) -> _Take:
    if name in kind.left_out:
        return _left_out
    return kind.takes.get(name) or functools.partial(_unknown, f"{kind.name}.{name}")


def _left_out(value: t.Any, noter: Noter) -> t.Any:
    noter.note("nulls" if value is None else "left_out")
    return GONE


def _unknown(member: str, value: t.Any, noter: Noter) -> t.Any:
    if value is None:
        noter.note("nulls")
    else:
        noter.note_unknown(member)
    return GONE


def _put(value: Raw, name: str, got: t.Any) -> None:
    if got is GONE:
        del value[name]
    else:
        value[name] = got


def _finished(kind: _Kind, plan: _Plan, value: Raw, noter: Noter) -> t.Any:
    """The object, whose members are clean, once its rules were applied; GONE when it lacks what SARIF asks for."""
    for name, apply in plan.rules:
        count = apply(value, noter)
        if count:
            noter.note(name, count)
    for name in kind.needs:
        if name not in value:
            noter.note("incomplete")
            return GONE
    if kind.one_of and kind.one_of.isdisjoint(value):
        noter.note("incomplete")
        return GONE
    return value


def _map(take: _Take, value: t.Any, noter: Noter) -> t.Any:
    if not isinstance(value, dict):
        return _not_sent(value, noter)
    out = {}
    for name, inner in value.items():
        if inner is None:
            noter.note("wrong_types")
        elif (got := take(inner, noter)) is not GONE:
            out[name] = got
    return out


def _list(take: _Take, is_set: bool, value: t.Any, noter: Noter) -> t.Any:
    if not isinstance(value, list):
        return _not_sent(value, noter)
    items = []
    for inner in value:
        got = take(inner, noter)
        if got is not GONE:
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
    kept = {item if isinstance(item, str) else _sorted_json(item): item for item in reversed(items)}
    if len(kept) < len(items):
        noter.note("duplicates", len(items) - len(kept))
    return list(reversed(kept.values()))


_sorted_json = json.JSONEncoder(sort_keys=True).encode


def _word(words: dict[str, str], value: t.Any, noter: Noter) -> t.Any:
    right = words.get(value.lower()) if isinstance(value, str) else None
    return _not_sent(value, noter) if right is None else right


def _scalar(check: _Take, value: t.Any, noter: Noter) -> t.Any:
    got = GONE if value is None else check(value, noter)
    return _not_sent(value, noter) if got is GONE else got


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
# (type, least) of the values of these kinds that are sent as they are.
_EXACT: dict[str, tuple[type, int | None]] = {
    "text": (str, None),
    "bool": (bool, None),
    "int": (int, None),
    "index": (int, -1),
    "natural": (int, 0),
    "positive": (int, 1),
    "line": (int, 1),
}

_KINDS = {name: _Kind(shape) for name, shape in SHAPES.items()}


def _taker(kind: str) -> _Take:
    if kind in _KINDS:
        return functools.partial(_object, _KINDS[kind])
    if "|" in kind:
        return functools.partial(_word, {word.lower(): word for word in kind.split("|")})
    return functools.partial(_scalar, _SCALARS[kind])


def _member(member: Member) -> _Take:
    take = _taker(member.kind)
    if member.container == "map":
        return functools.partial(_map, take)
    return functools.partial(_list, take, member.unique) if member.container else take


for _name, _shape in SHAPES.items():
    for _member_name, _each in _shape.members.items():
        _KINDS[_name].takes[_member_name] = _member(_each)
        if _each.kind in _EXACT and not _each.container:
            _KINDS[_name].exact[_member_name] = _EXACT[_each.kind]
