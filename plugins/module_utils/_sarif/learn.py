# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, how the form of a result is learned.
from __future__ import annotations

import contextlib
import copy
import json
import re
import typing as t
from operator import itemgetter

from .documents.pack import to_json
from .forms import SPACE, Form, Forms, Getter, Made, Region, plain, total_of
from .rules.clean import GONE, Raw, Ready
from .rules.shape import SHAPES

# What following a text costs for each of its characters.
_WALK = 4
# At most so many forms of a kind, and outcomes of a form, are kept, and nothing is learned from longer texts.
_MOST_FORMS, _MOST_MADE, _LONGEST = 40, 1_000, 200_000

_TOKEN = re.compile(rf'{SPACE}("(?:[^"\\]|\\.)*"|[{{}}\[\],:]|[^ \t\n\r{{}}\[\],:"]+)', re.DOTALL)
_CHARACTERS = r'[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*'
_TEXT = f'("{_CHARACTERS}")'
_VISIBLE = rf'("(?=[^\s"\\]|\\["\\/]){_CHARACTERS}")'
_NATURAL, _POSITIVE, _WHOLE = "(0|[1-9][0-9]{0,8})", "([1-9][0-9]{0,8})", "(0|-?[1-9][0-9]{0,8})"
# Written as Python writes it.
_NUMBER = r"((?!-0(?!\.))-?(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[0-9]{0,3}[1-9]))?)"
_HOLES = {
    "text": _TEXT,
    "said": _VISIBLE,
    "fingerprint": _TEXT,
    "guid": '("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}")',
    "line": _POSITIVE,
    "positive": _POSITIVE,
    "natural": _NATURAL,
    "index": _NATURAL,
    "int": _NATURAL,
}
# Each of these decides about the result, so that what becomes of it is learned for each of their values.
_KEYS = ("ruleId", "ruleIndex", "rule", "level", "kind", "baselineState")
_REGION = ("startLine", "endLine", "startColumn", "endColumn")
# Lists of any length, whose items have forms of their own.
_LISTS = ("codeFlows", "threadFlows", "relatedLocations")
# Their values are looked up elsewhere.
_FIXED = ("reportingDescriptorReference", "resultProvenance", "toolComponentReference")
_NUMBER_MARK = 731_946_000
_GUID_MARK = "31946000-0000-4000-8000-"
_MARK = re.compile(
    f'"\ue000([0-9]+)\ue000"|\\["\ue001([0-9]+)\ue001"\\]|"{_GUID_MARK}([0-9]+)"|(?<=[:\\[,])[78]31946([0-9]{{3}})(?=[,\\]}}])'
)
_NEXT, _BLANK = rf"{SPACE}(?:,{SPACE}|(\]))", re.compile(SPACE)


def learn(forms: Forms, text: str, rule: int, level: str) -> None:
    """Take the form of this result, which was prepared the long way."""
    forms.credit += len(text)
    _weed(forms)
    if forms.credit < 0 or len(text) > _LONGEST:
        return
    forms.credit -= _WALK * len(text)
    with contextlib.suppress(_Unlike, RecursionError):
        _Learner(forms, text + ",", 0).learn("result", json.loads(text), rf"{SPACE},{SPACE}", rule, level)


def _weed(forms: Forms) -> None:
    """Drop the forms that are tried in vain."""
    for listed in forms.forms.values():
        for form in [form for form in listed if form.misses > 50 + 20 * form.hits]:
            listed.remove(form)
            # It was learned in vain too, and the next may be.
            forms.price *= 1 if form.hits > 1 else 2


def _form(forms: Forms, kind: str, learner: _Learner) -> Form:
    """The form of what the learner followed, which is made when it is new."""
    listed, name = forms.forms.setdefault(kind, []), "\n".join(learner.patterns)
    if len(name) > _LONGEST:
        raise _Unlike
    known = next((form for form in listed if form.name == name), None)
    if known:
        return known
    forms.credit -= forms.price * len(name)
    if len(listed) >= _MOST_FORMS:
        listed.clear()
    first, *rest = [re.compile(pattern) for pattern in learner.patterns]
    places = [(at[0], _getter(at), names, forms.places.setdefault(names, {})) for at, names in learner.places]
    lists = [(*items, pattern) for items, pattern in zip(learner.lists, rest)]
    listed.append(Form(name, first, lists, places, learner.regions, tuple(learner.keys), _getter(learner.keys)))
    return listed[-1]


class _Unlike(Exception):
    """No other text can have the form of this one."""


class _Learner:
    """Follows a value and its text at once, collects the pattern, and puts marks where the values of others may differ."""

    def __init__(self, forms: Forms, text: str, pos: int) -> None:
        self.forms, self.text, self.pos = forms, text, pos
        self.pattern: list[str] = []
        self.patterns: list[str] = []
        self.lists: list[tuple[str, bool]] = []
        self.places: list[tuple[list[int], tuple[str, ...]]] = []
        self.regions: list[Region] = []
        self.keys: list[int] = []
        self.values: list[str] = []

    def learn(self, kind: str, value: Raw, tail: str, rule: int = 0, level: str = "") -> None:
        """Keep the form of this value, and what becomes of it. tail: the pattern of what follows it."""
        forms, start, whole = self.forms, self.pos, copy.deepcopy(value)
        marked = self._object(kind, value)
        self.patterns.append("".join(self.pattern) + tail)
        form = _form(forms, kind, self)
        key = form.key([plain(token) for token in self.values])
        if key in form.made:
            return
        if len(form.made) >= _MOST_MADE:
            form.made.clear()
        with forms.run.roots.knowing([_mark(at[0]) for at, _names in self.places]):
            made, notes = forms.prepare(kind, marked)
        if made is GONE:
            raise _Unlike
        path: int | str = ""
        if kind == "result":
            uri = made["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            path = int(uri[1:-1]) if uri.startswith("\ue000") else uri
        numbers: list[int] = []

        def hole(match: re.Match[str]) -> str:
            numbers.append(next(int(number) for number in match.groups() if number))
            return "%s"

        text = _MARK.sub(hole, to_json(made).replace("%", "%%"))
        if any(number >= len(self.values) for number in numbers):
            raise _Unlike  # the report itself holds what looks like a mark
        form.made[key] = Made(text, tuple(numbers), _getter(numbers), tuple(notes.items()), level, rule, path)
        noted: list[tuple[str, int]] = []
        got = forms.read(kind, self.text, start, noted)
        made, notes = forms.prepare(kind, whole)
        if not got or got[0] != to_json(made) or total_of(noted) != notes:
            del form.made[key]
            raise _Unlike

    def _next(self, wanted: str = "") -> str:
        match = _TOKEN.match(self.text, self.pos)
        if not match or (wanted and match[1] != wanted):
            raise _Unlike  # a name that stands twice
        self.pattern.append(re.escape(match[0][: -len(match[1])]))
        self.pos = match.end()
        return match[1]

    def _literal(self, wanted: str = "") -> None:
        self.pattern.append(re.escape(self._next(wanted)))

    def _hole(self, pattern: str, token: str) -> int:
        self.pattern.append(pattern)
        self.values.append(token)
        return len(self.values) - 1

    def _object(self, kind: str, value: Raw) -> Raw:
        """kind: as in SHAPES and clean.py, C(said) for a message, C(key) for _KEYS, C(free) for what no rule looks at, or empty."""
        if kind in SHAPES and _fixed(kind, value):
            kind = ""
        if kind == "artifactLocation":
            return self._place(value)
        self._literal("{")
        marked: Raw = {}
        numbers: dict[str, int] = {}
        for number, (name, inner) in enumerate(value.items()):
            if number:
                self._literal(",")
            self._literal()
            self._literal(":")
            at = len(self.values)
            marked[name] = self._member(kind, name, inner)
            if len(self.values) > at:
                numbers[name] = at
        self._literal("}")
        if kind == "region" and ("endLine" in value or "endColumn" in value):
            if any(name in value and name not in numbers for name in _REGION):
                raise _Unlike
            self.regions.append(tuple(numbers.get(name) for name in _REGION))
            # The marks too must not end before they start.
            marked.update({name: marked[name] + 100_000_000 for name in ("endLine", "endColumn") if name in value})
        return marked

    def _member(self, kind: str, name: str, value: t.Any) -> t.Any:
        if kind not in SHAPES:
            bag = "" if name in ("tags", "security-severity") else "free"
            return self._value(bag if kind == "bag" else kind, value)
        member = SHAPES[kind].members.get(name)
        if kind == "result" and name in _KEYS:
            return self._value("key", value)
        if member is None:
            return self._value("free", value)
        if name in ("text", "markdown") and kind in ("message", "multiformatMessageString"):
            return self._value("said", value)
        if isinstance(value, list) and value and member.container == "list":
            if (name in _LISTS or member.kind == "threadFlowLocation") and all(isinstance(inner, dict) for inner in value):
                return self._list(member.kind, member.unique, value)
            if member.unique and len(value) > 1:
                return self._value("", value)
        return self._value(member.kind, value)

    def _value(self, kind: str, value: t.Any) -> t.Any:
        if isinstance(value, dict):
            return self._object(kind, value)
        if isinstance(value, list):
            self._literal("[")
            marked = []
            for number, inner in enumerate(value):
                if number:
                    self._literal(",")
                marked.append(self._value(kind, inner))
            self._literal("]")
            return marked
        pattern = _HOLES.get(kind)
        if kind in ("key", "free") and value is not None and not isinstance(value, bool):
            pattern = _TEXT if isinstance(value, str) else _WHOLE if kind == "key" else _NUMBER
        token = self._next()
        if not pattern or not re.fullmatch(pattern, token):
            self.pattern.append(re.escape(token))
            return value
        at = self._hole(pattern, token)
        if kind == "key":
            self.keys.append(at)
            return value
        if kind == "guid":
            return f"{_GUID_MARK}{at:012}"
        return _mark(at) if isinstance(value, str) or kind == "free" else _NUMBER_MARK + at

    def _place(self, value: Raw) -> Raw:
        self._literal("{")
        numbers: dict[str, int] = {}
        for position, name in enumerate(value):
            if position:
                self._literal(",")
            self._literal()
            self._literal(":")
            pattern, token = _WHOLE if name == "index" else _TEXT, self._next()
            if not re.fullmatch(pattern, token):
                raise _Unlike
            if name == "index" and "uri" in value:
                self.pattern.append(f"(?:{pattern[1:]}")
            else:
                numbers[name] = self._hole(pattern, token)
        self._literal("}")
        names = tuple(sorted(numbers))
        self.places.append(([numbers[name] for name in names], names))
        return {"uri": _mark(numbers[names[0]])}

    def _list(self, kind: str, differ: bool, value: list[Raw]) -> Ready:
        self._next("[")
        self.patterns.append("".join(self.pattern))
        self.lists.append((kind, differ))
        for number, inner in enumerate(value):
            if number:
                self._next(",")
            blank = _BLANK.match(self.text, self.pos)
            item = _Learner(self.forms, self.text, blank.end() if blank else self.pos)
            item.learn(kind, inner, _NEXT)
            self.pos = item.pos
        self._next("]")
        self.pattern = []
        self.values.append("")
        return Ready([f"\ue001{len(self.values) - 1}\ue001"])


def _fixed(kind: str, value: Raw) -> bool:
    """Whether what the rules make of it is a matter of more than its text: what they look up, or put into the text."""
    if kind == "artifactLocation":
        return not value or not set(value) <= {"uri", "uriBaseId", "index"}
    return kind in _FIXED or "index" in value or (kind == "message" and ("id" in value or "arguments" in value))


def _getter(numbers: list[int]) -> Getter:
    return itemgetter(*numbers) if numbers else lambda _values: ()


def _mark(number: int) -> str:
    return f"\ue000{number}\ue000"
