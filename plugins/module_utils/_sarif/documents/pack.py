# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From prepared results to documents of at most the collector's limit, and the check of each document.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import functools
import hashlib
import json
import typing as t

from ..._admitted import Raw
from ..._errors import InputError
from ..normalise import Normalised
from ..rules.context import Shell
from .shrink import shorten, without_context
from .split import Batch, plan_parts
from .spool import Spool

# The collector takes 10 MB, and nothing says whether decimal or binary.
LIMIT = 9_900_000
_BLOCK = 1 << 20

_make_encoder = getattr(json.encoder, "c_make_encoder", None)
if _make_encoder is not None:
    # As json.dumps, but made once, and without its bookkeeping of circular references, which what was parsed
    # from JSON cannot have.
    _encoder = _make_encoder(None, None, json.encoder.encode_basestring, None, ":", ",", False, False, False)

    def json_bytes(value: t.Any) -> bytes:
        """Compact UTF-8 JSON."""
        return "".join(_encoder(value, 0)).encode()

else:

    def json_bytes(value: t.Any) -> bytes:
        """Compact UTF-8 JSON."""
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class Document:
    """One document, put together from the spool when it is needed: a text for each piece, or the results
    (batch, first, last) of a run.
    """

    def __init__(self, spool: Spool, pieces: list[bytes | tuple[Batch, int, int]]) -> None:
        self._spool, self._pieces = spool, pieces
        digest, self.size, self.results = hashlib.sha256(), 0, 0
        for block in self._blocks():
            digest.update(block)
            self.size += len(block)
        self.sha256 = digest.hexdigest()
        self.results = sum(piece[2] - piece[1] for piece in pieces if isinstance(piece, tuple))

    def content(self) -> bytes:
        return b"".join(self._blocks())

    def _blocks(self) -> t.Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            batch, first, last = piece
            for number, (start, end) in enumerate(batch.stretches(first, last, _BLOCK)):
                # In the spool a comma follows each result.
                yield (b"," if number else b"") + self._spool.read(start, end - start - 1)

    def verify(self, limit: int) -> None:
        """Hold what will be sent against the collector's demands, from its bytes. Raises RuntimeError: it
        would be our fault.
        """
        frame = json.loads(b"".join(piece for piece in self._pieces if isinstance(piece, bytes)))
        batches = [piece for piece in self._pieces if isinstance(piece, tuple)]
        if self.size > limit or len(batches) != len(frame["runs"]) or frame["version"] != "2.1.0":
            raise RuntimeError(f"a document of {self.size} bytes is not what was planned")
        for (batch, first, last), run in zip(batches, frame["runs"]):
            components = [run["tool"]["driver"], *run["tool"].get("extensions", [])]
            defined = {rule["id"] for component in components for rule in component.get("rules", [])}
            meant = {batch.rule_ids[rule] for rule in batch.rules_of(first, last)}
            if not defined or not meant <= defined or run["results"] != []:
                raise RuntimeError("a document lacks a rule that its results name")


# A document, and its results by level.
_Made = t.Tuple[Document, "collections.Counter[str]"]  # noqa: UP006 (evaluated on Python 3.9)


class Packer:
    """Takes the prepared results of one file and makes documents of them. limit: bytes. split: whether
    several may be made.
    """

    def __init__(self, spool: Spool, split: bool, limit: int = LIMIT) -> None:
        self.spool, self.split, self.limit = spool, split, limit
        self.batches: dict[int, Batch] = collections.defaultdict(Batch)
        self.counts: collections.Counter[str] = collections.Counter()
        self.warnings: list[str] = []

    def add(self, run: int, result: Raw, rule: int, path: str) -> None:
        """Keep a result. rule: the position of its rule in the shell of its run. path: the file that it is
        about.
        """
        content = json_bytes(result) + b","
        self.batches[run].add(self.spool.add(content), len(content) - 1, rule, path, result["level"])

    def documents(self, outcome: Normalised) -> list[_Made]:
        """What to send, with its results by level; empty when there is nothing. Raises InputError when it
        does not fit.
        """
        if not outcome.shells:
            return []
        for index, shell in outcome.shells.items():
            self.batches[index].rule_ids = [rule["id"] for _position, rule in shell.rules]
        size = self._size(outcome)
        if size > self.limit and self._leave_context_out():
            size = self._size(outcome)
        if size <= self.limit:
            pieces: list[t.Any] = []
            for index, shell in outcome.shells.items():
                pieces += self._run_pieces(
                    index, shell, range(len(shell.rules)), 0, len(self.batches[index]), first=not pieces
                )
            return [
                self._document(
                    outcome, pieces, [(self.batches[i], 0, len(self.batches[i])) for i in outcome.shells]
                )
            ]
        if not self.split:
            raise InputError(self._too_big(outcome, size))
        return self._parts(outcome)

    def _size(self, outcome: Normalised) -> int:
        frames = sum(
            len(json_bytes(shell.with_rules(range(len(shell.rules))))) + 16
            for shell in outcome.shells.values()
        )
        return len(json_bytes(outcome.log)) + frames + sum(batch.size for batch in self.batches.values())

    def _parts(self, outcome: Normalised) -> list[_Made]:
        made = []
        for index, shell in outcome.shells.items():
            batch = self.batches[index]
            rules = [len(json_bytes(rule)) + 1 for _position, rule in shell.rules]
            # The frame of a part: the log, the run, and the list of rules of each component.
            components = 1 + len(shell.head["tool"].get("extensions", []))
            frame = len(json_bytes(outcome.log)) + len(json_bytes(shell.head)) + 32 + 12 * components
            if frame > self.limit:
                raise InputError(self._too_big(outcome, self._size(outcome)))
            self._shorten(index, batch, rules, self.limit - frame)
            batch.group()
            for first, last in plan_parts(batch, rules, self.limit - frame):
                used = sorted(batch.rules_of(first, last)) or range(len(rules))
                pieces = self._run_pieces(index, shell, used, first, last, first=True)
                made.append(self._document(outcome, pieces, [(batch, first, last)]))
        return made

    def _run_pieces(
        self, index: int, shell: Shell, rules: t.Iterable[int], start: int, end: int, *, first: bool
    ) -> list[t.Any]:
        frame = json_bytes(shell.with_rules(rules))
        return [
            (b"" if first else b",") + frame[:-1] + b',"results":[',
            (self.batches[index], start, end),
            b"]}",
        ]

    def _document(
        self, outcome: Normalised, pieces: list[t.Any], batches: list[tuple[Batch, int, int]]
    ) -> _Made:
        before = json_bytes(
            {name: value for name, value in outcome.log.items() if name not in ("runs", "properties")}
        )
        after = (
            b',"properties":' + json_bytes(outcome.log["properties"]) if "properties" in outcome.log else b""
        )
        document = Document(self.spool, [before[:-1] + b',"runs":[', *pieces, b"]" + after + b"}"])
        document.verify(self.limit)
        levels: collections.Counter[str] = collections.Counter()
        for batch, first, last in batches:
            levels.update(batch.levels_of(first, last))
        return document, levels

    def _leave_context_out(self) -> bool:
        """Leave out the source text around each finding; the text of the finding itself stays. False when
        there is none.
        """
        counts, before = self.counts, self.counts["context_snippets"]

        def shorter(content: bytes, _rule: int) -> bytes | None:
            text = (
                json_bytes(without_context(json.loads(content))) if b'"contextRegion"' in content else content
            )
            counts["context_snippets"] += len(text) < len(content)
            return text if len(text) < len(content) else None

        for batch in self.batches.values():
            if any(
                b'"contextRegion"' in self.spool.read(start, end - start)
                for start, end in batch.stretches(0, len(batch), _BLOCK)
            ):
                self._replace(batch, shorter)
        return counts["context_snippets"] > before

    def _shorten(self, index: int, batch: Batch, rules: list[int], room: int) -> None:
        """A result that would not fit into a part of its own loses what tells least. InputError, naming it,
        if that is not enough.
        """

        def shorter(content: bytes, rule: int) -> bytes | None:
            limit = room - 1 - rules[rule]
            if len(content) <= limit:
                return None
            result = json.loads(content)
            named = f"a result of {result['ruleId'][:60]} in {_path(result)}"
            what, short = shorten(result, functools.partial(_fits, limit))
            if short is None:
                biggest = max(result, key=lambda name: len(json_bytes(result[name])))
                raise InputError(
                    f"{named} (runs[{index}]) is {mb(len(content))} alone and cannot be shortened to "
                    f"{mb(self.limit)}: {biggest} is {mb(len(json_bytes(result[biggest])))}. Set "
                    "trim_code_flows: true if that is codeFlows; otherwise have the scanner leave it out."
                )
            self.counts["shortened_results"] += 1
            if len(self.warnings) < 5:
                self.warnings.append(f"{named} was too big and lost {', '.join(what)}.")
            return json_bytes(short)

        smallest = room - 1 - max(rules, default=0)
        if batch.largest > smallest:
            self._replace(batch, shorter, over=smallest)

    def _replace(self, batch: Batch, shorter: t.Callable[[bytes, int], bytes | None], over: int = 0) -> None:
        """Put other texts in the place of results over so many bytes. shorter: from a result and its rule to
        the other text, or None.
        """
        for number, (offset, size, rule) in enumerate(zip(batch.offsets, batch.sizes, batch.rules)):
            text = shorter(self.spool.read(offset, size), rule) if size > over else None
            if text is not None:
                batch.offsets[number], batch.sizes[number] = self.spool.add(text + b","), len(text)

    def _too_big(self, outcome: Normalised, size: int) -> str:
        members: collections.Counter[str] = collections.Counter()
        largest = (0, "")
        for index, shell in outcome.shells.items():
            batch = self.batches[index]
            frame = shell.with_rules(range(len(shell.rules)))
            members.update({f"runs[{index}].{name}": len(json_bytes(value)) for name, value in frame.items()})
            for offset, size_alone in zip(batch.offsets, batch.sizes):
                result = json.loads(self.spool.read(offset, size_alone))
                largest = max(
                    largest, (size_alone, f"a result of {result['ruleId'][:60]} in {_path(result)}")
                )
                for name, value in result.items():
                    members[f"runs[{index}].results[].{name}"] += len(json_bytes(value))
        biggest = ", ".join(f"{name} {mb(n)}" for name, n in members.most_common(3))
        choices = (
            "trim_code_flows: true shortens data-flow paths, on_oversize: split sends it in parts"
            if not self.split
            else "see above"
        )
        return (
            f"is {mb(size)} after everything that can be left out; the collector takes {mb(self.limit)}. The "
            f"biggest members: {biggest}; the biggest result: {largest[1]} {mb(largest[0])}. Choices: "
            f"{choices}, or have the scanner write one report for each part of the repository. Nothing "
            "public says whether a second upload for the same collector, repository and branch adds to the "
            "first or replaces it."
        )


def _path(result: Raw) -> str:
    path: str = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return path[:200]


def _fits(limit: int, value: Raw) -> bool:
    return len(json_bytes(value)) <= limit


def mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB"
