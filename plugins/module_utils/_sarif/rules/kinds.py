# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleans a SARIF object: its members by the table of shapes, then the rules of its kind.

Types are compared exactly, not with isinstance(), because True is not a number in SARIF. The JSON parser
creates no subclasses.

Private to the collection, floor 3.
"""

# pylint: disable=unidiomatic-typecheck
from __future__ import annotations

import functools
import typing as t

from ..._admitted import Raw
from .clean import EXACT, GONE, LARGEST, Check, Noter, check_of, not_sent, unique
from .shape import Member, Shape

# A rule: changes an object with clean members, and returns the number of changes.
Apply = t.Callable[[t.Any, t.Any], int]
Names = t.Tuple[str, ...]  # noqa: UP006 (evaluated on Python 3.9)
# Sets of member names that are remembered for each kind of object; scanners write few.
_MOST_PLANS = 500


class Rules:
    """The rules of one kind of object, or of one stage of a result: (name, rule, when).

    when: names separated by blanks; the rule applies to objects that have one of these members, or for
        `-name` lack it. Empty: to all objects.
    """

    def __init__(self, listed: list[tuple[str, Apply, str]]) -> None:
        self._listed = listed
        self._known: dict[Names, list[tuple[str, Apply]]] = {}

    def of(self, names: Names) -> list[tuple[str, Apply]]:
        """(name, rule) of those that apply to an object with these members."""
        rules = self._known.get(names)
        if rules is None:
            if len(self._known) >= _MOST_PLANS:
                self._known.clear()
            rules = self._known[names] = [
                (name, apply) for name, apply, when in self._listed if _applies(when, names)
            ]
        return rules


def _applies(when: str, names: Names) -> bool:
    words = when.split()
    return not words or any(word[1:] not in names if word[0] == "-" else word in names for word in words)


class _Plan:
    """How to clean an object of one kind with these members.

    scalars: (name, type, minimum, check); values of exactly this type, at least minimum, need no check.
    objects: (name, kind).
    lists: (name, kind of the items, whether they must be unique).
    others: (name, check).
    rules: (name, rule).
    flat: whether it has only scalars.
    """

    __slots__ = ("flat", "lists", "objects", "others", "rules", "scalars")

    def __init__(self, kind: Kind, names: Names) -> None:
        self.scalars: list[tuple[str, type[t.Any], t.Any, Check]] = []
        self.objects: list[tuple[str, Kind]] = []
        self.lists: list[tuple[str, Kind, bool]] = []
        self.others: list[tuple[str, Check]] = []
        self.rules = kind.rules.of(names)
        for name in names:
            member = kind.shape.members.get(name)
            if member is None:
                left_out = name in kind.shape.left_out
                check = _left_out if left_out else functools.partial(_unknown, f"{kind.name}.{name}")
                self.others.append((name, check))
            elif member.kind in kind.kinds and not member.container:
                self.objects.append((name, kind.kinds[member.kind]))
            elif member.kind in kind.kinds and member.container == "list":
                self.lists.append((name, kind.kinds[member.kind], member.unique))
            elif member.kind in EXACT and not member.container:
                exact, least = EXACT[member.kind]
                self.scalars.append((name, exact, least, check_of(member.kind)))
            else:
                self.others.append((name, _contained(member, kind.kinds)))
        self.flat = len(self.scalars) == len(names)


class Kind:
    """One kind of SARIF object.

    kinds: all kinds, by name.
    remembered: whether the result for an object is reused for equal objects.
    """

    __slots__ = ("_plans", "kinds", "name", "needs", "one_of", "remembered", "rules", "shape")

    def __init__(self, shape: Shape, rules: Rules, kinds: dict[str, Kind]) -> None:
        self.name, self.shape, self.rules, self.kinds = shape.name, shape, rules, kinds
        self.needs, self.one_of = shape.required, frozenset(shape.one_of)
        self.remembered = shape.name == "artifactLocation"
        self._plans: dict[Names, _Plan] = {}

    def clean(self, value: t.Any, noter: Noter) -> t.Any:
        """The object with the members of its shape, each repaired, after its rules; GONE if it lacks what
        SARIF requires. Changes the object in place.
        """
        if type(value) is not dict:
            return not_sent(value, noter)
        names = tuple(value)
        plan = self._plans.get(names) or self._planned(names)
        for name, exact, least, check in plan.scalars:
            inner = value[name]
            if type(inner) is not exact or (least is not None and not least <= inner <= LARGEST):
                _put(value, name, check(inner, noter))
        # Most of these lists are empty, and a test is faster than an empty loop.
        if plan.objects:
            for name, kind in plan.objects:
                inner = value[name]
                got = kind.clean(inner, noter)
                if got is not inner:
                    _put(value, name, got)
        if plan.lists:
            for name, kind, differ in plan.lists:
                _put(value, name, kind.clean_list(value[name], differ, noter))
        if plan.others:
            for name, check in plan.others:
                inner = value[name]
                got = check(inner, noter)
                if got is not inner:
                    _put(value, name, got)
        if self.remembered and plan.flat and len(value) == len(names):
            return noter.memo((plan, *value.values()), self._finish, plan, value, noter)
        return self._finish(plan, value, noter)

    def clean_copy(self, value: Raw, noter: Noter) -> t.Any:
        """As clean(), but changes a copy."""
        members = self.shape.members
        return self.clean(
            {name: _copy(inner) if name in members else inner for name, inner in value.items()}, noter
        )

    def clean_list(self, value: t.Any, differ: bool, noter: Noter) -> t.Any:
        """A list of such objects; without repeated ones if they must be unique. GONE if none is left."""
        if type(value) is not list:
            return not_sent(value, noter)
        items = []
        for inner in value:
            got = self.clean(inner, noter)
            if got is not GONE:
                items.append(got)
        # An empty list means the same as none, and the schema forbids some of them.
        return (unique(items, noter) if differ else items) or GONE

    def _planned(self, names: Names) -> _Plan:
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        plan = self._plans[names] = _Plan(self, names)
        return plan

    def _finish(self, plan: _Plan, value: Raw, noter: Noter) -> t.Any:
        if plan.rules:
            for name, apply in plan.rules:
                count = apply(value, noter)
                if count:
                    noter.note(name, count)
        if self.needs:
            for name in self.needs:
                if name not in value:
                    noter.note("incomplete")
                    return GONE
        if self.one_of and self.one_of.isdisjoint(value):
            noter.note("incomplete")
            return GONE
        return value


def _put(value: Raw, name: str, got: t.Any) -> None:
    if got is GONE:
        del value[name]
    else:
        value[name] = got


def _left_out(value: t.Any, noter: Noter) -> t.Any:
    """The check of a member that is not sent."""
    noter.note("nulls" if value is None else "left_out")
    return GONE


def _unknown(member: str, value: t.Any, noter: Noter) -> t.Any:
    if value is None:
        noter.note("nulls")
    else:
        noter.note_unknown(member)
    return GONE


def _contained(member: Member, kinds: t.Mapping[str, Kind]) -> Check:
    """The check of a list of scalars, of a map, or of a scalar that always needs one."""
    check = kinds[member.kind].clean if member.kind in kinds else check_of(member.kind)
    if member.container == "map":
        return functools.partial(_map, check)
    return functools.partial(_list, check, member.unique) if member.container else check


def _map(check: Check, value: t.Any, noter: Noter) -> t.Any:
    if type(value) is not dict:
        return not_sent(value, noter)
    out = {}
    for name, inner in value.items():
        if inner is None:
            noter.note("wrong_types")
        elif (got := check(inner, noter)) is not GONE:
            out[name] = got
    return out


def _list(check: Check, differ: bool, value: t.Any, noter: Noter) -> t.Any:
    if type(value) is not list:
        return not_sent(value, noter)
    items = [got for inner in value if (got := check(inner, noter)) is not GONE]
    return (unique(items, noter) if differ else items) or GONE


def _copy(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {name: _copy(inner) for name, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
