# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, which results go into which part. It knows their sizes, rules and files, not what is in them.
from __future__ import annotations

import bisect
import collections
import itertools
import typing as t
from array import array

from ..rules.clean import LEVELS
from .spool import Spool

_LEVEL_NUMBERS = {level: number for number, level in enumerate(LEVELS)}
# So many rows are in memory at once.
_BLOCK = 1 << 16


class Columns(t.NamedTuple):
    """Of each result: where it lies in the spool, its size, the position of its rule in the shell, the numbers of its file and level."""

    offsets: array[int]
    sizes: array[int]
    rules: array[int]
    files: array[int]
    levels: array[int]

    @classmethod
    def empty(cls) -> Columns:
        return cls(array("Q"), array("I"), array("I"), array("I"), array("B"))

    def add(self, more: Columns) -> None:
        for column, values in zip(self, more):
            column.extend(values)

    def part(self, first: int, last: int | None = None) -> Columns:
        return Columns(*[column[first:last] for column in self])

    def by_file(self) -> Columns:
        order = sorted(range(len(self.files)), key=self.files.tolist().__getitem__)
        if order == list(range(len(order))):
            return self
        return Columns(*[array(column.typecode, list(map(column.tolist().__getitem__, order))) for column in self])


class Table:
    """Any number of rows. All but the last, fewer than a block, lie in the spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool, self._blocks, self._last = spool, list[int](), Columns.empty()

    def __len__(self) -> int:
        return len(self._blocks) * _BLOCK + len(self._last.sizes)

    def add(self, more: Columns) -> None:
        self._last.add(more)
        while len(self._last.sizes) >= _BLOCK:
            self._blocks.append(self._spool.add(b"".join([column[:_BLOCK].tobytes() for column in self._last])))
            self._last = self._last.part(_BLOCK)

    def rows(self, first: int = 0, last: int | None = None) -> t.Iterator[Columns]:
        """These rows, those of one block at a time."""
        end = len(self) if last is None else last
        for number in range(first // _BLOCK, -(-end // _BLOCK)):
            start = number * _BLOCK
            low, high = max(first - start, 0), min(end - start, _BLOCK)
            yield self._read(self._blocks[number], low, high) if number < len(self._blocks) else self._last.part(low, high)

    def _read(self, position: int, low: int, high: int) -> Columns:
        columns = Columns.empty()
        for column in columns:
            size = column.itemsize
            column.frombytes(self._spool.read(position + low * size, (high - low) * size))
            position += _BLOCK * size
        return columns


class Batch:
    """The prepared results of one run: a row for each in a table, and in memory the name of each source file.

    size: bytes of all, each with a comma. largest: of one alone. files: results of each source file, in the order of appearance, once
    they are grouped. The results are in the order of sending, which is that of the report, until group() puts those of one file together.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool, self._table = spool, Table(spool)
        self.rule_ids: list[str] = []
        self.size = self.largest = 0
        self.files: array[int] = array("I")
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._table)

    def add(self, offset: int, sizes: list[int], rules: list[int], paths: list[str], levels: list[str]) -> None:
        """Results that lie one after the other, a comma after each."""
        numbers = self._numbers
        offsets = array("Q", itertools.accumulate([offset, *[size + 1 for size in sizes[:-1]]]))
        files = array("I", [numbers.setdefault(path, len(numbers)) for path in paths])
        self._take(
            self._table, Columns(offsets, array("I", sizes), array("I", rules), files, array("B", map(_LEVEL_NUMBERS.__getitem__, levels)))
        )

    def _take(self, table: Table, rows: Columns) -> None:
        table.add(rows)
        self.size += sum(rows.sizes) + len(rows.sizes)
        self.largest = max(self.largest, *rows.sizes, 0)

    def places(self) -> t.Iterator[tuple[int, int]]:
        """(offset, size) of each result."""
        for rows in self._table.rows():
            yield from zip(rows.offsets, rows.sizes)

    def stretches(self, first: int, last: int, most: int) -> t.Iterator[tuple[int, int]]:
        """(start, end) in the spool of these results, a comma after each; neighbours together up to C(most) bytes."""
        start = end = -1
        for rows in self._table.rows(first, last):
            for offset, size in zip(rows.offsets, rows.sizes):
                if offset != end or end - start > most:
                    if end > start:
                        yield start, end
                    start = offset
                end = offset + size + 1
        if end > start:
            yield start, end

    def replace(self, shorter: t.Callable[[bytes, int], bytes | None], over: int = 0) -> None:
        """Put other texts in the place of results over so many bytes. shorter: from a result and its rule to the other text, or None."""
        table, self.size, self.largest = Table(self._spool), 0, 0
        for rows in self._table.rows():
            for number, (offset, size, rule) in enumerate(zip(rows.offsets, rows.sizes, rows.rules)):
                text = shorter(self._spool.read(offset, size), rule) if size > over else None
                if text is not None:
                    rows.offsets[number], rows.sizes[number] = self._spool.add(text + b","), len(text)
            self._take(table, rows)
        self._table = table

    def group(self) -> None:
        """Results of one source file follow each other: the files in the order of appearance, the results of each in that of the report."""
        # Each block by itself, and then, range by range of the files, what each block has of them.
        self.files = array("I", bytes(4 * len(self._numbers)))
        blocks, table = Table(self._spool), Table(self._spool)
        for rows in self._table.rows():
            blocks.add(rows.by_file())
            for file, count in collections.Counter(rows.files).items():
                self.files[file] += count
        ranges = _ranges(self.files)
        bounds = [[bisect.bisect_left(rows.files, low) for low in ranges] for rows in blocks.rows()]
        for number, (low, high) in enumerate(zip(ranges, ranges[1:])):
            together = Columns.empty()
            for start, bound in zip(itertools.count(0, _BLOCK), bounds):
                for rows in blocks.rows(start + bound[number], start + bound[number + 1]):
                    # One file alone may have any number of results, which are in order.
                    (table if high - low == 1 else together).add(rows)
            table.add(together.by_file())
        self._table = table

    def pieces(self, rules: t.Sequence[int], room: int) -> t.Iterator[tuple[int, int, set[int]]]:
        """What a part takes as a whole, once the results are grouped: those of one source file, or each alone where they fit into no part.

        Of each piece: how many results, their bytes with a comma each, and their rules. rules, room: as in plan_parts().
        """
        sizes = itertools.chain.from_iterable(rows.sizes for rows in self._table.rows())
        used = itertools.chain.from_iterable(rows.rules for rows in self._table.rows())
        first, all_rules = 0, sum(rules)
        for count in self.files:
            size, named = sum(itertools.islice(sizes, count)) + count, set(itertools.islice(used, count))
            if size + all_rules <= room or size + sum([rules[rule] for rule in named]) <= room:
                yield count, size, named
            else:
                for rows in self._table.rows(first, first + count):
                    for size, rule in zip(rows.sizes, rows.rules):
                        yield 1, size + 1, {rule}
            first += count

    def rules_of(self, first: int, last: int) -> set[int]:
        return {rule for rows in self._table.rows(first, last) for rule in set(rows.rules)}

    def levels_of(self, first: int, last: int) -> collections.Counter[str]:
        counted = collections.Counter[int]()
        for rows in self._table.rows(first, last):
            counted.update(rows.levels)
        return collections.Counter({LEVELS[level]: count for level, count in counted.items()})


def _ranges(files: t.Sequence[int]) -> list[int]:
    """Where each range of files begins, and the end of the last: as many files as have a block of results together, at least one."""
    begins, results = [0], 0
    for file, count in enumerate(files):
        if results and results + count > _BLOCK:
            begins.append(file)
            results = 0
        results += count
    return [*begins, len(files)]


def plan_parts(batch: Batch, rules: t.Sequence[int], room: int) -> list[tuple[int, int]]:
    """(first, last) of each part, in the order of sending: as many results as fit, and those of one source file together where they fit.

    rules: bytes of each rule, which each part that names it holds once. room: bytes of a part beside its frame. A result alone always fits.
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
