# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, which results go into which part. Pure: it knows their sizes, rules and files, not what is in them.
from __future__ import annotations

import collections
import itertools
import typing as t
from array import array

from .clean import LEVELS

_LEVEL_NUMBERS = {level: number for number, level in enumerate(LEVELS)}


class Batch:
    """The prepared results of one run, 17 bytes for each (21 once the spool has 4 GB): where it lies, how big it is, and what it needs.

    rules: position of its rule in the shell. files: number of the source file that it is about, in the order of appearance.
    The results are in the order of sending, which is that of the report, until group() puts those of one file together.
    """

    def __init__(self) -> None:
        self.offsets, self.sizes, self.rules = array("I"), array("I"), array("I")
        self.files, self.levels = array("I"), array("B")
        self.rule_ids: list[str] = []
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, offset: int, sizes: list[int], rules: list[int], paths: list[str], levels: list[str]) -> None:
        """Results that lie one after the other, a comma after each."""
        numbers = self._numbers
        self._make_room(offset + sum(sizes) + len(sizes))
        self.offsets.extend(itertools.accumulate([offset, *[size + 1 for size in sizes[:-1]]]))
        self.sizes.extend(sizes)
        self.rules.extend(rules)
        self.files.extend([numbers.setdefault(path, len(numbers)) for path in paths])
        self.levels.extend([_LEVEL_NUMBERS[level] for level in levels])

    def place(self, number: int) -> tuple[int, int]:
        """(offset, size) of a result."""
        return self.offsets[number], self.sizes[number]

    def stretches(self, first: int, last: int, most: int) -> t.Iterator[tuple[int, int]]:
        """(start, end) in the spool of these results, a comma after each; neighbours together up to C(most) bytes."""
        start = end = -1
        for offset, size in zip(self.offsets[first:last], self.sizes[first:last]):
            if offset != end or end - start > most:
                if end > start:
                    yield start, end
                start = offset
            end = offset + size + 1
        if end > start:
            yield start, end

    def _make_room(self, offset: int) -> None:
        if offset >= 1 << 32 and self.offsets.typecode == "I":
            self.offsets = array("Q", self.offsets)

    def move(self, number: int, offset: int, size: int) -> None:
        self._make_room(offset)
        self.offsets[number], self.sizes[number] = offset, size

    def path(self, number: int) -> str:
        return next(path for path, file in self._numbers.items() if file == self.files[number])

    def group(self) -> None:
        """Results of one source file follow each other: the files in the order of appearance, the results of each in that of the report."""
        starts, total = [0] * len(self._numbers), 0
        for file, count in sorted(collections.Counter(self.files).items()):
            starts[file], total = total, total + count
        order = array("I", self.files)
        for index, file in enumerate(self.files):
            order[starts[file]] = index
            starts[file] += 1
        for name in ("offsets", "sizes", "rules", "files", "levels"):
            values: array[int] = getattr(self, name)
            setattr(self, name, array(values.typecode, map(values.__getitem__, order)))

    def levels_of(self, first: int, last: int) -> collections.Counter[str]:
        counted = collections.Counter(self.levels[first:last])
        return collections.Counter({LEVELS[level]: count for level, count in counted.items()})


def plan_parts(batch: Batch, rules: t.Sequence[int], room: int) -> list[tuple[int, int]]:
    """(first, last) of each part, in the order of sending: as many results as fit, and those of one source file together where they fit.

    rules: bytes of each rule, which each part that names it holds once. room: bytes of a part beside its frame. A result alone always fits.
    """
    parts: list[tuple[int, int]] = []
    start, size, has = 0, 0, set[int]()
    for first, last in _files(batch):
        cost, new = _cost(batch, rules, first, last, has)
        if size + cost > room and start < first:
            # A new part, which may still be too small for all results of this file.
            parts.append((start, first))
            start, size, has = first, 0, set()
            cost, new = _cost(batch, rules, first, last, has)
        if size + cost <= room:
            size += cost
            has |= new
            continue
        for number in range(first, last):
            cost, new = _cost(batch, rules, number, number + 1, has)
            if size + cost > room and start < number:
                parts.append((start, number))
                start, size, has = number, 0, set()
                cost, new = _cost(batch, rules, number, number + 1, has)
            size, has = size + cost, has | new
    return [*parts, (start, len(batch))]


def _files(batch: Batch) -> t.Iterator[tuple[int, int]]:
    first = 0
    for _file, results in itertools.groupby(batch.files):
        last = first + sum(1 for _result in results)
        yield first, last
        first = last


def _cost(batch: Batch, rules: t.Sequence[int], first: int, last: int, has: set[int]) -> tuple[int, set[int]]:
    new = set(batch.rules[first:last]) - has
    return sum(batch.sizes[first:last]) + last - first + sum([rules[rule] for rule in new]), new
