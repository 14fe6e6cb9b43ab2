# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From prepared results to documents of at most the collector's limit, and the check of each document.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import hashlib
import json
import typing as t

from ..._admitted import Raw
from ..._errors import InputError
from ..normalise import Normalised
from ..rules.clean import LEVELS
from .shrink import shorten, without_context
from .split import Batch, plan_parts
from .spool import Spool

# The collector takes 10 MB, and nothing says whether decimal or binary.
LIMIT = 9_900_000
_BLOCK = 1 << 20

_make_encoder = getattr(json.encoder, "c_make_encoder", None)
# As in json.dumps, but made once, and without the check for circular references: parsed JSON has none.
_encode: t.Callable[[t.Any, t.Any], t.Iterable[str]] = (
    _make_encoder(None, None, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    if _make_encoder is not None
    else json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).iterencode
)


def json_bytes(value: t.Any) -> bytes:
    """Compact UTF-8 JSON."""
    return "".join(_encode(value, 0)).encode()


class Document:
    """One document, read from the spool when it is needed.

    pieces: bytes, and (batch, first, last) for the results of a run.
    size: in bytes.
    levels: level -> number of results.
    """

    def __init__(self, spool: Spool, pieces: list[bytes | tuple[Batch, int, int]]) -> None:
        self._spool, self._pieces = spool, pieces
        digest, self.size, self.results = hashlib.sha256(), 0, 0
        for block in self._blocks():
            digest.update(block)
            self.size += len(block)
        self.sha256 = digest.hexdigest()
        self.levels = dict.fromkeys(LEVELS, 0)
        for batch, first, last in self._batches():
            self.results += last - first
            for level, count in batch.levels_of(first, last).items():
                self.levels[level] += count

    def _batches(self) -> list[tuple[Batch, int, int]]:
        return [piece for piece in self._pieces if isinstance(piece, tuple)]

    def content(self) -> bytes:
        return b"".join(self._blocks())

    def _blocks(self) -> t.Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            batch, first, last = piece
            for number, (start, end) in enumerate(batch.spans(first, last, _BLOCK)):
                # In the spool a comma follows each result.
                yield (b"," if number else b"") + self._spool.read(start, end - start - 1)

    def verify(self, limit: int) -> None:
        """Check that the bytes meet the collector's requirements. Raises RuntimeError for a bug of ours."""
        frame = json.loads(b"".join(piece for piece in self._pieces if isinstance(piece, bytes)))
        batches = self._batches()
        if self.size > limit or len(batches) != len(frame["runs"]) or frame["version"] != "2.1.0":
            raise RuntimeError(f"a document of {self.size} bytes is not what was planned")
        for (batch, first, last), run in zip(batches, frame["runs"]):
            components = [run["tool"]["driver"], *run["tool"].get("extensions", [])]
            defined = {rule["id"] for component in components for rule in component.get("rules", [])}
            used = {batch.rule_ids[rule] for rule in batch.rules_of(first, last)}
            if not defined or not used <= defined or run["results"] != []:
                raise RuntimeError("a document lacks a rule that its results name")


class Packer:
    """Makes documents from the prepared results of one file.

    split: whether it may make several.
    limit: bytes of a document.
    """

    def __init__(self, spool: Spool, split: bool, limit: int = LIMIT) -> None:
        self.spool, self.split, self.limit = spool, split, limit
        self.batches: dict[int, Batch] = collections.defaultdict(Batch)
        self.counts: collections.Counter[str] = collections.Counter()
        self.warnings: list[str] = []

    def add(self, run: int, result: Raw, rule: int, path: str) -> None:
        """Add a result. rule: the number of its rule in Shell.rules. path: its file."""
        content = json_bytes(result) + b","
        self.batches[run].add(self.spool.add(content), len(content) - 1, rule, path, result["level"])

    def documents(self, outcome: Normalised) -> list[Document]:
        """The documents to send; none if there is nothing to send. Raises InputError if they get too big."""
        if not outcome.shells:
            return []
        for index, shell in outcome.shells.items():
            self.batches[index].rule_ids = [rule["id"] for _position, rule in shell.rules]
        size = self._size(outcome)
        if size > self.limit and self._leave_context_out():
            size = self._size(outcome)
        if size <= self.limit:
            runs = [(i, range(len(s.rules)), 0, len(self.batches[i])) for i, s in outcome.shells.items()]
            return [self._document(outcome, runs)]
        if not self.split:
            raise InputError(self._too_big(outcome, size))
        return self._parts(outcome)

    def _size(self, outcome: Normalised) -> int:
        frames = sum(
            len(json_bytes(shell.with_rules(range(len(shell.rules))))) + 16
            for shell in outcome.shells.values()
        )
        return len(json_bytes(outcome.log)) + frames + sum(batch.size for batch in self.batches.values())

    def _parts(self, outcome: Normalised) -> list[Document]:
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
                made.append(self._document(outcome, [(index, used, first, last)]))
        return made

    def _document(
        self, outcome: Normalised, runs: t.Sequence[tuple[int, t.Iterable[int], int, int]]
    ) -> Document:
        """runs: (number of the run, numbers of its rules, first result, end of its results)."""
        log = {name: value for name, value in outcome.log.items() if name not in ("runs", "properties")}
        before = json_bytes(log)[:-1] + b',"runs":['
        pieces: list[bytes | tuple[Batch, int, int]] = []
        for index, rules, first, last in runs:
            frame = json_bytes(outcome.shells[index].with_rules(rules))
            pieces += [before + frame[:-1] + b',"results":[', (self.batches[index], first, last), b"]}"]
            before = b","
        pieces.append(b"]")
        if "properties" in outcome.log:
            pieces.append(b',"properties":' + json_bytes(outcome.log["properties"]))
        document = Document(self.spool, [*pieces, b"}"])
        document.verify(self.limit)
        return document

    def _leave_context_out(self) -> bool:
        """Remove the source text around each finding, not its own. Returns whether there was any."""
        counts, before = self.counts, self.counts["context_snippets"]

        def shorter(content: bytes, _rule: int) -> bytes | None:
            if b'"contextRegion"' not in content:
                return None
            text = json_bytes(without_context(json.loads(content)))
            if len(text) >= len(content):
                return None
            counts["context_snippets"] += 1
            return text

        for batch in self.batches.values():
            spans = batch.spans(0, len(batch), _BLOCK)
            if any(b'"contextRegion"' in self.spool.read(start, end - start) for start, end in spans):
                self._replace(batch, shorter)
        return counts["context_snippets"] > before

    def _shorten(self, index: int, batch: Batch, rules: list[int], room: int) -> None:
        """Shorten results that are too big for a part. Raises InputError if one remains too big."""

        def shorter(content: bytes, rule: int) -> bytes | None:
            limit = room - 1 - rules[rule]
            if len(content) <= limit:
                return None
            result = json.loads(content)
            what, short = shorten(result, lambda value: len(json_bytes(value)) <= limit)
            if short is None:
                biggest = max(result, key=lambda name: len(json_bytes(result[name])))
                raise InputError(
                    f"{_named(result)} (runs[{index}]) is {mb(len(content))} alone and cannot be shortened "
                    f"to {mb(self.limit)}: {biggest} is {mb(len(json_bytes(result[biggest])))}. Set "
                    "trim_code_flows: true if that is codeFlows; otherwise have the scanner leave it out."
                )
            self.counts["shortened_results"] += 1
            if len(self.warnings) < 5:
                self.warnings.append(f"{_named(result)} was too big and lost {', '.join(what)}.")
            return json_bytes(short)

        smallest = room - 1 - max(rules, default=0)
        if max(batch.sizes, default=0) > smallest:
            self._replace(batch, shorter, over=smallest)

    def _replace(self, batch: Batch, shorter: t.Callable[[bytes, int], bytes | None], over: int = 0) -> None:
        """Replace results of more than `over` bytes. shorter: returns the new text for a result and the
        number of its rule, or None to keep it.
        """
        for number, (offset, size, rule) in enumerate(zip(batch.offsets, batch.sizes, batch.rules)):
            text = shorter(self.spool.read(offset, size), rule) if size > over else None
            if text is not None:
                batch.offsets[number], batch.sizes[number] = self.spool.add(text + b","), len(text)

    def _too_big(self, outcome: Normalised, size: int) -> str:
        """The message for a report that does not fit. size: bytes."""
        members: collections.Counter[str] = collections.Counter()
        largest = (0, "")
        for index, shell in outcome.shells.items():
            batch = self.batches[index]
            frame = shell.with_rules(range(len(shell.rules)))
            members.update({f"runs[{index}].{name}": len(json_bytes(value)) for name, value in frame.items()})
            for offset, size_alone in zip(batch.offsets, batch.sizes):
                result = json.loads(self.spool.read(offset, size_alone))
                largest = max(largest, (size_alone, _named(result)))
                for name, value in result.items():
                    members[f"runs[{index}].results[].{name}"] += len(json_bytes(value))
        biggest = ", ".join(f"{name} {mb(n)}" for name, n in members.most_common(3))
        choices = (
            ""
            if self.split
            else "trim_code_flows: true shortens data-flow paths, on_oversize: split sends it in parts, or "
        )
        return (
            f"is {mb(size)} after everything that can be left out; the collector takes {mb(self.limit)}. The "
            f"biggest members: {biggest}; the biggest result: {largest[1]} {mb(largest[0])}. Choices: "
            f"{choices}have the scanner write one report for each part of the repository. Nothing public "
            "says whether a second upload for the same collector, repository and branch adds to the first or "
            "replaces it."
        )


def _named(result: Raw) -> str:
    path = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return f"a result of {result['ruleId'][:60]} in {path[:200]}"


def mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB"
