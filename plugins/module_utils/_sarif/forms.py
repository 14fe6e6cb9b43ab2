# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, results written in the form of an earlier one, prepared from their text without parsing it.
from __future__ import annotations

import collections
import dataclasses
import functools
import json
import re
import typing as t
from json.encoder import encode_basestring

from .rules.clean import GONE, Raw, clean
from .rules.context import Run
from .rules.paths import REMEMBERED

# A scanner writes its results in a few forms: the same names in the same order, in which only some values differ. A form is learned
# from a result that was prepared the long way: a pattern of its text, with a hole for each value that may differ, and, by preparing it
# once more with marks in the holes, what becomes of it. A text that the pattern matches, and whose values are such that no rule
# looks at them (a message that is not blank, a region that does not end before it starts), then becomes the same, with its own values.
# Whatever is not matched is prepared the long way, and a form that does not give what the long way gave is not kept.

# In learn.py: learning is paid for with the characters that were prepared the long way, and costs so many for each of a pattern.
PRICE, START = 20, -20_000

SPACE = r"[ \t\n\r]*"
_OPENING = re.compile(rf"\[{SPACE}")
_LINK = re.compile(r"\]\((?:sarif|file):", re.IGNORECASE)

Notes = t.Tuple[t.Tuple[str, int], ...]  # noqa: UP006 (evaluated on Python 3.9)
# What takes some of the values out of all.
Getter = t.Callable[[t.Sequence[t.Any]], t.Any]
# The holes of a region's numbers, None for one that it has not, in the order of _REGION.
Region = t.Tuple[t.Optional[int], ...]  # noqa: UP006 (the same)


@dataclasses.dataclass(eq=False)
class Made:
    """What becomes of a text: its C(%) format, the holes whose values it holds, and the changes. Of a result: its level, rule and path too.

    path: the hole that holds it, or the path itself.
    """

    format: str
    holes: tuple[int, ...]
    pick: Getter
    notes: Notes
    level: str = ""
    rule: int = 0
    path: int | str = ""


@dataclasses.dataclass(eq=False)
class Place:
    """What becomes of an artifactLocation: its path as JSON, which has no character to be escaped; empty when it cannot be used."""

    uri: str
    notes: Notes


@dataclasses.dataclass(eq=False)
class Form:
    """How values of one kind are written. name: all its patterns. pattern: up to the first list, or whole. rest: for each list, the kind of
    its items, whether they must differ, and the pattern of what follows.

    The numbers are those of holes. places: (number of the path, key, names, what is known) of each artifactLocation. regions: in the
    order of _REGION. keys, key: the values of _KEYS. made: what becomes of it, by these. many: how many results are tried at once.
    """

    name: str
    pattern: re.Pattern[str]
    rest: list[tuple[str, bool, re.Pattern[str]]]
    places: list[tuple[int, Getter, tuple[str, ...], dict[t.Any, Place]]]
    regions: list[Region]
    keys: tuple[int, ...]
    key: Getter
    made: dict[t.Any, Made] = dataclasses.field(default_factory=dict)
    many: int = 1
    hits: int = 0
    misses: int = 0

    @functools.cached_property
    def several(self) -> re.Pattern[str]:
        """Finds one value after the other, each with its holes, and then all that is left, which is in a hole of its own."""
        return re.compile(f"{self.pattern.pattern}|((?s:.*))")


class Sent(t.NamedTuple):
    """Results that are ready: for each its text, what was made of its form, and the path that it is about."""

    texts: list[str]
    made: list[Made]
    paths: list[str]


_NO_BASE, _BASE = (), (("uri_base_ids", 1),)
# So many results of one form are taken at once.
_MANY = 500
# The text that is sent, what was made of its form, its values, its form, and where it ended.
Read = t.Tuple[str, Made, t.List[t.Any], Form, int]  # noqa: UP006 (the same)


class Forms:
    """The forms of one run's results. prepare_result: what makes a result of what was written, the long way."""

    def __init__(self, run: Run, prepare_result: t.Callable[[t.Any, Run], Raw]) -> None:
        self.run, self.prepare_result = run, prepare_result
        self.forms: dict[str, list[Form]] = {"result": []}
        self.places: dict[tuple[str, ...], dict[t.Any, Place]] = {}
        # What learning costs, and how much of it is earned: see learn.py.
        self.credit, self.price = START, PRICE

    def results(self, text: str, pos: int) -> tuple[Sent, int]:
        """The results that stand there one after the other and have a form, and the position of the first that has none."""
        sent, notes = Sent([], [], []), list[tuple[str, int]]()
        while (got := self.read("result", text, pos, notes)) is not None:
            ready, made, values, form, end = got
            sent.texts.append(ready)
            sent.made.append(made)
            sent.paths.append(values[made.path][1:-1] if isinstance(made.path, int) else made.path)
            pos = end if form.rest or not values else self._alike(form, text, end, end - pos, sent)
        self.run.counts.update(total_of(notes))
        return sent, pos

    def _alike(self, form: Form, text: str, pos: int, size: int, sent: Sent) -> int:
        """As read() for the results of about this size that follow in this form, a step for all of them and then the next; a hole is a
        column. The position of the first that is left.
        """
        end = stop = min(pos + form.many * size, len(text))
        rows = form.several.findall(text, pos, stop)
        while rows and not rows[-1][0]:
            end -= len(rows.pop()[-1])
        if not rows:
            form.many = 2 * form.many + 1 if stop - end < 4 * size else 1
            return pos
        done, columns = len(rows), [*zip(*rows)]
        escaped = text.find("\\", pos, end) >= 0
        if escaped:
            columns = [tuple(map(plain, column)) for column in columns]
        looked_up: list[list[t.Any]] = []
        for first, key, names, known in form.places:
            tokens = key(columns) if len(names) == 1 else zip(*key(columns))
            places = [known.get(each) or self._place(names, each, known) for each in tokens]
            columns[first] = tuple([place.uri for place in places])
            done = _good(columns[first], done)
            looked_up.append(places)
        keys = form.key(columns) if len(form.keys) == 1 else zip(*form.key(columns)) if form.keys else [()] * done
        made = [*map(form.made.get, keys)]
        done = _good(made, done)
        if form.regions and not all(_all_forward(region, columns) for region in form.regions):
            done = _good([_forward(form.regions, row) for row in zip(*columns)], done)
        outcomes = t.cast("list[Made]", made[:done])
        texts = [what.format % values for what, values in zip(outcomes, _picked(outcomes, columns))]
        # The one character first, which is found ten times as fast.
        if escaped or (text.find("(", pos, end) >= 0 and text.find("](", pos, end) >= 0):
            done = _good([not ("](" in ready and _LINK.search(ready)) for ready in texts], done)
        sent.texts.extend(texts[:done])
        sent.made.extend(outcomes[:done])
        paths = [(what.path, n) for n, what in enumerate(outcomes[:done])]
        sent.paths.extend([columns[path][n][1:-1] if isinstance(path, int) else path for path, n in paths])
        for objects in (outcomes, *looked_up):
            for each, times in collections.Counter(objects[:done]).items():
                for name, count in each.notes:
                    self.run.counts[name] += count * times
        form.hits += done
        form.many = min(2 * (form.many if done == len(rows) and stop - end < 4 * size else done) + 1, _MANY)
        if done < len(rows):
            for _row in range(done):
                found = form.pattern.match(text, pos)
                pos = found.end() if found else pos
            return pos
        return end

    def read(self, kind: str, text: str, pos: int, notes: list[tuple[str, int]]) -> Read | None:
        """The value that stands there, and the changes to it; None if it has no form, or a rule may look at one of its values."""
        noted = len(notes)
        for form in self.forms[kind]:
            match = form.pattern.match(text, pos)
            if not match:
                form.misses += 1
                continue
            form.hits += 1
            values, end = [*match.groups()], match.end()
            if form.rest:
                end = self._rest(form, values, text, end, notes)
                if not end:
                    del notes[noted:]
                    continue
            if text.find("\\", pos, end) >= 0:
                values = [plain(value) for value in values]
            for first, key, names, known in form.places:
                tokens = key(values)
                place = known.get(tokens) or self._place(names, tokens, known)
                if not place.uri:
                    break
                values[first] = place.uri
                notes += place.notes
            else:
                made = form.made.get(form.key(values))
                if made and (not form.regions or _forward(form.regions, values)):
                    ready = made.format % made.pick(values)
                    if "(" not in ready or "](" not in ready or not _LINK.search(ready):
                        notes += made.notes
                        return ready, made, values, form, end
            del notes[noted:]
        return None

    def _rest(self, form: Form, values: list[t.Any], text: str, pos: int, notes: list[tuple[str, int]]) -> int:
        """The end of what follows the first pattern, whose values are added; 0 if it is not in this form."""
        for kind, differ, pattern in form.rest:
            opening = _OPENING.match(text, pos)
            if not opening:
                return 0
            pos, items, forms, closed = opening.end(), [], [], False
            while not closed:
                got = self.read(kind, text, pos, notes)
                if got is None:
                    return 0
                items.append(got[0])
                forms.append(got[3])
                pos, closed = got[4], got[2][-1] == "]"
            # Texts of one form are different when the objects are.
            if differ and len(items) > 1 and (len(set(items)) < len(items) or any(form is not forms[0] for form in forms)):
                return 0
            match = pattern.match(text, pos)
            if not match:
                return 0
            values.append(f"[{','.join(items)}]")
            values += match.groups()
            pos = match.end()
        return pos

    def _place(self, names: tuple[str, ...], tokens: t.Any, known: dict[t.Any, Place]) -> Place:
        if len(known) >= REMEMBERED:
            known.clear()
        if names[0] == "uri":
            token, base = tokens if len(names) > 1 else (tokens, None)
            written, base_id = _text(token), base and _text(base)
            if self.run.roots.keeps(written, base_id):
                place = known[tokens] = Place(token, _NO_BASE if base is None else _BASE)
                return place
            resolved = self.run.roots.resolve(written, base_id)
            uri, notes = resolved.uri, tuple([(name, 1) for name in resolved.changes])
        else:
            given = zip(names, tokens if isinstance(tokens, tuple) else (tokens,))
            got, noted = self.prepare("artifactLocation", {name: json.loads(token) for name, token in given})
            uri, notes = None if got is GONE or self.run.faults else got["uri"], tuple(noted.items())
        place = known[tokens] = Place(f'"{uri}"' if uri else "", notes)
        return place

    def prepare(self, kind: str, value: t.Any) -> tuple[t.Any, dict[str, int]]:
        """What the long way makes of a value, which is used up, and the changes."""
        self.run.begin()
        got = self.prepare_result(value, self.run) if kind == "result" else clean(kind, value, self.run)
        return got, self.run.noted


def _good(items: t.Sequence[t.Any], most: int) -> int:
    """How many of the first C(most) stand before the first that is not good."""
    return most if all(items) else min(most, [*map(bool, items)].index(False))


def _picked(outcomes: list[Made], columns: list[tuple[t.Any, ...]]) -> t.Iterable[t.Any]:
    """The values of each outcome."""
    holes = {what.holes for what in set(outcomes)}
    if len(holes) == 1 and () not in holes:
        return zip(*[columns[hole] for hole in holes.pop()])
    return (what.pick(row) for what, row in zip(outcomes, zip(*columns)))


def _all_forward(region: Region, columns: list[tuple[t.Any, ...]]) -> bool:
    """Whether no row's region ends before it starts, as far as that can be said without looking at each."""
    line, last, column, end_column = region
    if line is not None and last is not None:
        return False
    if column is None or end_column is None:
        return True
    return max(map(int, set(columns[column]))) <= min(map(int, set(columns[end_column])))


def _forward(regions: list[Region], values: t.Sequence[t.Any]) -> bool:
    """Whether no region ends before it starts. Equal numbers are equal texts."""
    for line, last, column, end_column in regions:
        if line is not None and last is not None and values[last] != values[line]:
            if int(values[last]) < int(values[line]):
                return False
        elif column is not None and end_column is not None and int(values[end_column]) < int(values[column]):
            return False
    return True


def _text(token: str) -> t.Any:
    return json.loads(token) if "\\" in token else token[1:-1]


def total_of(notes: list[tuple[str, int]]) -> dict[str, int]:
    total = collections.Counter[str]()
    for (name, count), times in collections.Counter(notes).items():
        total[name] += count * times
    return total


def plain(token: t.Any) -> t.Any:
    """A JSON text as it is sent: without needless escapes."""
    return encode_basestring(json.loads(token)) if token and token[0] == '"' and "\\" in token else token
