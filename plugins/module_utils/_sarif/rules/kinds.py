# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a SARIF object: its members by the table of shapes, then the rules of its kind.

Types are compared exactly, not with isinstance(): True is not a number in SARIF, and the JSON parser creates no
subclasses.

Private to the collection, floor 3.
"""

# pylint: disable=unidiomatic-typecheck
from __future__ import annotations

import functools
import typing as t

from ..._admitted import Raw
from .clean import EXACT, GONE, LARGEST, Check, Noter, check_of, not_sent, unique
from .shape import SHAPES, Member, Shape

# From an object, whose members are clean, to how many changes a rule made to it.
Apply = t.Callable[[t.Any, t.Any], int]
Names = t.Tuple[str, ...]  # noqa: UP006 (evaluated on Python 3.9)
# At most so many sets of names are remembered for each kind of object; scanners write few.
_MOST_PLANS = 500


class Rules:
    """The rules of one kind of object, or of one stage of a result: (name, rule, when).

    when: names, one of which the object must have for the rule to look at it; -name: that it must not have;
    empty: any object.
    """

    def __init__(self, listed: t.Iterable[tuple[str, Apply, str]] = ()) -> None:
        self._listed = list(listed)
        self._known: dict[Names, list[tuple[str, Apply]]] = {}

    def of(self, names: Names) -> list[tuple[str, Apply]]:
        """(name, rule) of those that look at an object with these members."""
        found = self._known.get(names)
        if found is None:
            if len(self._known) >= _MOST_PLANS:
                self._known.clear()
            found = self._known[names] = [
                (name, apply) for name, apply, when in self._listed if _concerns(when, names)
            ]
        return found


def _concerns(when: str, names: Names) -> bool:
    return not when or any(
        word in names if word[0] != "-" else word[1:] not in names for word in when.split()
    )


class _Plan:
    """What has to be done with an object of one kind that has these members.

    scalars: (name, type, least, check): a value of just this type, and not below `least`, is sent as it is;
    the check is for others.
    objects: (name, kind). lists: (name, kind of the items, whether they must differ). others: (name, check).
    rules: (name, rule).
    flat: whether it has scalars only.
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
                self.others.append(
                    (
                        name,
                        _left_out
                        if name in kind.shape.left_out
                        else functools.partial(_unknown, f"{kind.name}.{name}"),
                    )
                )
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
    """One kind of SARIF object. kinds: all of them, by name. remembered: whether what the rules make of equal
    objects is.
    """

    __slots__ = ("_plans", "kinds", "name", "needs", "one_of", "remembered", "rules", "shape")

    def __init__(self, shape: Shape, rules: Rules, kinds: dict[str, Kind]) -> None:
        self.name, self.shape, self.rules, self.kinds = shape.name, shape, rules, kinds
        self.needs, self.one_of = shape.required, frozenset(shape.one_of)
        self.remembered = shape.name == "artifactLocation"
        self._plans: dict[Names, _Plan] = {}

    def clean(self, value: t.Any, noter: Noter) -> t.Any:
        """The object with just the members that its shape lists, each repaired, and its rules applied; GONE
        when it lacks what SARIF asks for. It is changed in place.
        """
        if type(value) is not dict:
            return not_sent(value, noter)
        names = tuple(value)
        plan = self._plans.get(names) or self._planned(names)
        for name, exact, least, check in plan.scalars:
            inner = value[name]
            if type(inner) is not exact or (least is not None and not least <= inner <= LARGEST):
                _put(value, name, check(inner, noter))
        # Most of these are empty, and an empty loop takes longer than a question.
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
        """As clean(), of a copy."""
        members = self.shape.members
        return self.clean(
            {name: _copy(inner) if name in members else inner for name, inner in value.items()}, noter
        )

    def clean_list(self, value: t.Any, differ: bool, noter: Noter) -> t.Any:
        """A list of such objects, without repeated ones if they must differ; GONE for an empty one."""
        if type(value) is not list:
            return not_sent(value, noter)
        items = []
        for inner in value:
            got = self.clean(inner, noter)
            if got is not GONE:
                items.append(got)
        # An empty list says nothing that its absence does not say, and some of them the schema forbids.
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


def kinds_of(rules: t.Mapping[str, Rules]) -> dict[str, Kind]:
    """All kinds of objects of the table of shapes, with the rules of each."""
    kinds: dict[str, Kind] = {}
    for name, shape in SHAPES.items():
        kinds[name] = Kind(shape, rules.get(name, Rules()), kinds)
    return kinds


def _put(value: Raw, name: str, got: t.Any) -> None:
    if got is GONE:
        del value[name]
    else:
        value[name] = got


def _left_out(value: t.Any, noter: Noter) -> t.Any:
    noter.note("nulls" if value is None else "left_out")
    return GONE


def _unknown(member: str, value: t.Any, noter: Noter) -> t.Any:
    if value is None:
        noter.note("nulls")
    else:
        noter.note_unknown(member)
    return GONE


def _contained(member: Member, kinds: t.Mapping[str, Kind]) -> Check:
    """The check of a list of scalars, of a map, or of a scalar that is always looked at."""
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
