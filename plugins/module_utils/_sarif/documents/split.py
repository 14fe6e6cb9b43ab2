# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of the results, and which result goes into which part. Knows their sizes, not their content.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import itertools
import typing as t
from array import array

from ..rules.clean import LEVELS

_LEVEL_NUMBERS = {level: number for number, level in enumerate(LEVELS)}


class Batch:
    """The prepared results of one run in the order of sending: of each its position in the spool, its size in
    bytes, and the numbers of its rule, source file and level, 21 bytes in all.

    rule_ids: by the number of the rule.
    per_file: number of results of each source file, by the number of the file.
    """

    def __init__(self) -> None:
        self.offsets, self.sizes = array("Q"), array("I")
        self.rules, self.files, self.levels = array("I"), array("I"), array("B")
        self.rule_ids: list[str] = []
        self.per_file = array("I")
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def size(self) -> int:
        """Bytes of all results, with a comma after each."""
        return sum(self.sizes) + len(self.sizes)

    def add(self, offset: int, size: int, rule: int, path: str, level: str) -> None:
        file = self._numbers.setdefault(path, len(self._numbers))
        if file == len(self.per_file):
            self.per_file.append(0)
        self.per_file[file] += 1
        self.offsets.append(offset)
        self.sizes.append(size)
        self.rules.append(rule)
        self.files.append(file)
        self.levels.append(_LEVEL_NUMBERS[level])

    def spans(self, first: int, last: int, most: int) -> t.Iterator[tuple[int, int]]:
        """(start, end) in the spool of these results with their commas, joined up to about `most` bytes."""
        start = end = -1
        for offset, size in zip(self.offsets[first:last], self.sizes[first:last]):
            if offset != end or end - start > most:
                if end > start:
                    yield start, end
                start = offset
            end = offset + size + 1
        if end > start:
            yield start, end

    def group(self) -> None:
        """Put the results of each file together; files and results stay in the order of the report."""
        free = array("I", itertools.accumulate(self.per_file, initial=0))
        order = array("I", bytes(4 * len(self)))
        for row, file in enumerate(self.files):
            order[free[file]] = row
            free[file] += 1
        for name in ("offsets", "sizes", "rules", "files", "levels"):
            column = getattr(self, name)
            setattr(self, name, array(column.typecode, map(column.__getitem__, order)))

    def pieces(self, rules: t.Sequence[int], room: int) -> t.Iterator[tuple[int, int, set[int]]]:
        """After group(), the results that stay together: those of one source file, or each result alone if
        these do not fit into one part.

        Returns (number of results, bytes with a comma each, rules). rules, room: as in plan_parts().
        """
        first = 0
        for count in self.per_file:
            sizes, used = self.sizes[first : first + count], self.rules[first : first + count]
            size, named = sum(sizes) + count, set(used)
            if size + sum([rules[rule] for rule in named]) <= room:
                yield count, size, named
            else:
                yield from ((1, one + 1, {rule}) for one, rule in zip(sizes, used))
            first += count

    def rules_of(self, first: int, last: int) -> set[int]:
        return set(self.rules[first:last])

    def levels_of(self, first: int, last: int) -> collections.Counter[str]:
        counted = collections.Counter(self.levels[first:last])
        return collections.Counter({LEVELS[level]: count for level, count in counted.items()})


def plan_parts(batch: Batch, rules: t.Sequence[int], room: int) -> list[tuple[int, int]]:
    """(first, last) of each part in the order of sending: as many results as fit.

    rules: bytes of each rule; a part contains each of its rules once.
    room: bytes of a part beside its frame; each result fits alone.
    """
    parts: list[tuple[int, int]] = []
    start, first, size, has = 0, 0, 0, set[int]()
    for count, own, named in batch.pieces(rules, room):
        cost = own if named <= has else own + sum([rules[rule] for rule in named - has])
        if size + cost > room and start < first:
            parts.append((start, first))
            start, size, has = first, 0, set()
            cost = own + sum([rules[rule] for rule in named])
        size, first = size + cost, first + count
        has |= named
    return [*parts, (start, len(batch))]
