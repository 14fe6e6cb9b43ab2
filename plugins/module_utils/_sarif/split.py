# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, which results go into which part. Pure: it knows their sizes, rules and files, not what is in them.
from __future__ import annotations

import collections
import typing as t
from array import array

from .clean import LEVELS


class Batch:
    """The prepared results of one run, 25 bytes for each: where it lies, how big it is, and what it needs.

    rules: position of its rule in the shell. files: number of the source file that it is about, in the order of appearance.
    order: the results in the order of sending, which is that of the report, until group() puts those of one file together.
    """

    def __init__(self) -> None:
        self.offsets, self.sizes, self.rules = array("Q"), array("I"), array("I")
        self.files, self.levels, self.order = array("I"), array("B"), array("I")
        self.rule_ids: list[str] = []
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, offset: int, size: int, rule: int, path: str, level: str) -> None:
        self.order.append(len(self.offsets))
        self.offsets.append(offset)
        self.sizes.append(size)
        self.rules.append(rule)
        self.files.append(self._numbers.setdefault(path, len(self._numbers)))
        self.levels.append(LEVELS.index(level))

    def place(self, number: int) -> tuple[int, int]:
        """(offset, size) of the result that is sent as this number."""
        index = self.order[number]
        return self.offsets[index], self.sizes[index]

    def stretches(self, first: int, last: int, most: int) -> t.Iterator[tuple[int, int]]:
        """(start, end) in the spool of these results, a comma after each; neighbours together up to C(most) bytes."""
        start = end = -1
        for number in range(first, last):
            offset, size = self.place(number)
            if offset != end or end - start > most:
                if end > start:
                    yield start, end
                start = offset
            end = offset + size + 1
        if end > start:
            yield start, end

    def move(self, number: int, offset: int, size: int) -> None:
        index = self.order[number]
        self.offsets[index], self.sizes[index] = offset, size

    def path(self, number: int) -> str:
        wanted = self.files[self.order[number]]
        return next(path for path, file in self._numbers.items() if file == wanted)

    def group(self) -> None:
        """Results of one source file follow each other: the files in the order of appearance, the results of each in that of the report."""
        starts, total = [0] * len(self._numbers), 0
        for file, count in sorted(collections.Counter(self.files).items()):
            starts[file], total = total, total + count
        for index, file in enumerate(self.files):
            self.order[starts[file]] = index
            starts[file] += 1

    def levels_of(self, first: int, last: int) -> collections.Counter[str]:
        counted = collections.Counter(self.levels[self.order[number]] for number in range(first, last))
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
            size, has = size + cost, has | new
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
    for number in range(1, len(batch) + 1):
        if number == len(batch) or batch.files[batch.order[number]] != batch.files[batch.order[first]]:
            yield first, number
            first = number


def _cost(batch: Batch, rules: t.Sequence[int], first: int, last: int, has: set[int]) -> tuple[int, set[int]]:
    indices = batch.order[first:last]
    new = {batch.rules[index] for index in indices} - has
    return sum(batch.sizes[index] + 1 for index in indices) + sum(rules[rule] for rule in new), new
