# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a SARIF file in one pass, or in two if its results come before what they refer to.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import contextlib
import re
import typing as t

from .._admitted import Raw
from .._errors import InputError
from .complete import FAILURES, MOST_ERRORS, NOTIFICATIONS, error_of, misplaced
from .rules.shape import SHAPES
from .text import Text

# Characters of everything that is kept in memory beside the results (rules, artifacts, ...).
LARGEST_HEAD = 20_000_000
# Each value also takes this much by itself.
_ROOM = 100
# Each run takes a few kilobytes of memory. Scanners write one run for each project.
MOST_RUNS = 10_000
# Deep enough in a run for each rule to be read as its own value: runs[0].tool.extensions[0].rules[0].
_DEPTH = 4
# The shared arrays of a run, to which results refer by position.
_SHARED = {"artifacts", "logicalLocations", "threadFlowLocations", "addresses", "webRequests", "webResponses"}
# Results can only be prepared once these members of their run are known.
_FIRST = {"tool", "taxonomies", "invocations", "originalUriBaseIds", "versionControlProvenance", *_SHARED}
# Members that are not sent, and not needed to prepare the others.
_UNUSED = {name for kind in ("run", "invocation", "toolComponent") for name in SHAPES[kind].left_out} - {
    *_SHARED, *FAILURES, "originalUriBaseIds", "externalPropertyFileReferences", "results", "locations",
    "ruleConfigurationOverrides", "workingDirectory", "globalMessageStrings", "properties",
}  # fmt: skip

# Reads the next list of results with text.items() and text.value(), and returns its length. It also gets the
# number of the run and the members of the run that were read so far.
Take = t.Callable[[Text, int, Raw], int]


class Head(t.NamedTuple):
    """A SARIF 2.1.0 log without results.

    found: how many results each run has.
    counts: change that was made while reading -> how often.
    complete: whether `take` got all results in the first pass; otherwise read_results() has to follow.
    sha256: of the whole file.
    """

    log: Raw
    found: list[int]
    counts: dict[str, int]
    warnings: list[str]
    complete: bool
    sha256: str


def read_head(path: str, take: Take) -> Head:
    """The first pass over a SARIF file of any size: reads every byte, and keeps everything but the results.

    Raises InputError with the position (byte, JSON path) and advice, without the path. Raises RecursionError
    for a file that is nested too deeply.
    """
    with contextlib.closing(Text(path)) as text:
        reader = _Reader(text, take)
        log = reader.log()
        counts = {
            "encoding": int(text.has_mark or text.encoding != "utf-8"),
            "lone_surrogates": text.halves,
            "duplicate_keys": sum(text.repeated.values()),
        }
        warnings = []
        if text.repeated:
            names = ", ".join(list(text.repeated)[:5])
            warnings.append(f"names that occur twice in one object (the last one was used): {names}.")
        if text.halves:
            warnings.append(f"{text.halves} texts contained half a character, which became U+FFFD.")
        _sarif(log)
        elsewhere = misplaced(log, sum(reader.found))
        if elsewhere:
            ignored = (
                f"{elsewhere} is not a place for results, which are read only from runs[].results (exactly "
                "this spelling): they were not read."
            )
            if not sum(reader.found):
                raise InputError(f"{ignored} Have the scanner write SARIF 2.1.0.")
            warnings.append(ignored)
        counts = {name: n for name, n in counts.items() if n}
        return Head(log, reader.found, counts, warnings, reader.complete, text.digest.hexdigest())


def read_results(path: str, take: Take, runs: list[Raw]) -> list[int]:
    """The second pass, with the runs of the first one. Returns how many results each run has; if the file was
    changed, these may be more runs.
    """
    found = []
    with contextlib.closing(Text(path)) as text:
        keeper = _Keeper(text)
        for name in text.members(""):
            if name != "runs" or text.peek() != "[":
                keeper.keep(name)
                continue
            for run in text.items(name):
                found.append(0)
                for member in text.members(f"runs[{run}]"):
                    if member == "results" and text.peek() == "[" and run < len(runs):
                        found[-1] += take(text, run, runs[run])
                    else:
                        keeper.keep(f"runs[{run}].{member}")
    return found


class _Reader:
    """The first pass. found, complete: as in Head."""

    def __init__(self, text: Text, take: Take) -> None:
        self.text, self.take, self.keeper = text, take, _Keeper(text)
        self.found: list[int] = []
        self.complete = True

    def log(self) -> Raw:
        text = self.text
        _refuse_other_formats(text)
        log: Raw = {}
        for name in text.members(""):
            if name == "runs" and text.peek() == "[":
                if name in log:
                    raise _repeated(name)
                log[name] = self.keeper.runs = []
                for run in text.items(name):
                    if run >= MOST_RUNS:
                        raise InputError(
                            f"holds more than {MOST_RUNS} runs, which is not supported. Have the scanner "
                            "write one for each tool."
                        )
                    log[name].append(self._run(run))
            else:
                log[name] = self.keeper.keep(name)
        if text.peek():
            raise InputError(
                f"not JSON: more text follows the end of the report {text.place(text.pos)}. Write log lines, "
                "or a second report, to another file."
            )
        return log

    def _run(self, number: int) -> Raw:
        text, where, run = self.text, f"runs[{number}]", dict[str, t.Any]()
        if text.peek() not in ("{", ""):
            raise InputError("runs is not a list of objects: this is not SARIF 2.1.0.")
        self.found.append(0)
        for member in text.members(where):
            name = f"{where}.{member}"
            if member != "results":
                run[member] = self.keeper.keep(name)
                self.complete = self.complete and not (member in _FIRST and self.found[-1])
                continue
            if "results" in run:
                raise _repeated(name)
            run["results"] = None
            if text.peek() == "[":
                self.complete = self.complete and "tool" in run
                self.found[-1] = self.take(text, number, run) if self.complete else _skip_list(text, name)
            elif text.value(name) is not None:
                raise InputError(f"{name} is not a list: this is not SARIF 2.1.0.")
        run.pop("results", None)
        return run


def _repeated(name: str) -> InputError:
    return InputError(
        f"{name} occurs twice, so it is unclear which results to use. Have the scanner write it once."
    )


def _skip_list(text: Text, where: str) -> int:
    """Read a list without keeping it. Returns its length."""
    length = 0
    for number in text.items(where):
        text.value(f"{where}[{number}]")
        length += 1
    return length


class _Keeper:
    """Reads the members beside the results piece by piece, to name the largest before memory is full."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.runs: list[Raw] | None = None
        self.sizes: collections.Counter[str] = collections.Counter()
        self.total = 0

    def keep(self, where: str, depth: int = _DEPTH, inside: str = "") -> t.Any:
        """The next value. inside: the list that it belongs to, for which its size is counted."""
        sign = self.text.peek() if depth else ""
        if sign == "{":
            return {
                name: self._member(f"{where}.{name}", name, depth - 1, inside)
                for name in self.text.members(where)
            }
        if sign == "[":
            if where.endswith("].artifacts"):
                return [self._artifact(where, n) for n in self.text.items(where)]
            below = 0 if where.endswith((".rules", ".taxa")) else depth - 1
            return [self.keep(f"{where}[{n}]", below, where) for n in self.text.items(where)]
        value = self.text.value(where)
        self._count(inside or where, self.text.length)
        return value

    def _member(self, where: str, name: str, depth: int, inside: str) -> t.Any:
        if name in NOTIFICATIONS and self.text.peek() == "[":
            return self._errors(where)
        return self._drop(where, depth) if name in _UNUSED else self.keep(where, depth, inside)

    def _errors(self, where: str) -> list[t.Any]:
        """The first notifications that are errors: some scanners write one for every file that they read."""
        kept: list[t.Any] = []
        for number in self.text.items(where):
            error = error_of(self.text.value(f"{where}[{number}]"))
            if error and len(kept) <= MOST_ERRORS:
                kept.append(error)
                self._count(where, self.text.length)
        return kept

    def _artifact(self, where: str, number: int) -> t.Any:
        """An artifact without its contents, hashes and properties."""
        value = self.text.value(f"{where}[{number}]")
        self._count(where, min(self.text.length, 300))
        if not isinstance(value, dict):
            return value
        return {name: value[name] for name in ("location", "parentIndex") if name in value}

    def _drop(self, where: str, depth: int) -> str:
        """Read a member that is not used. The empty text records that it was there."""
        if depth and self.text.peek() == "[":
            _skip_list(self.text, where)
        else:
            self.text.value(where)
        return ""

    def _count(self, where: str, size: int) -> None:
        self.total += size + _ROOM
        self.sizes[where] += size + _ROOM
        if self.total <= LARGEST_HEAD:
            return
        name, size = self.sizes.most_common(1)[0]
        if self.runs is None:
            raise InputError(
                f"is not SARIF as far as it was read ({LARGEST_HEAD / 1e6:.0f} MB without runs): {name} "
                f"alone takes {size / 1e6:.0f} MB."
            )
        raise InputError(
            f"holds more than {LARGEST_HEAD / 1e6:.0f} MB besides its results, which is not supported: "
            f"{name} alone takes {size / 1e6:.0f} MB. Have the scanner write only the rules in use, and "
            "neither logs nor embedded files."
        )


def _refuse_other_formats(text: Text) -> None:
    sign = text.peek()
    start = text.buffer[text.pos : text.pos + 100]
    if not sign or not start.strip("\0 \t\r\n"):
        raise InputError("is empty. Did the scanner finish?")
    if sign == "<":
        kind = "HTML" if re.match(r"<(?:!doctype html|html)", start, re.IGNORECASE) else "XML or HTML"
        raise InputError(
            f"not JSON but {kind}: the file starts with `<`. Was an error page saved, or another output "
            "format chosen?"
        )
    if sign == "[":
        text.value("")
        raise InputError("is JSON but not SARIF: it does not contain an object with version and runs.")
    if sign != "{":
        raise InputError(
            f"not JSON: the file starts with {start[:12]!r}. Are there log lines in front of the report? "
            "Write them to another file."
        )


def _sarif(log: Raw) -> None:
    version = log.get("version")
    if "version" not in log and "runs" not in log:
        other = [name for name in log if name.lower() in ("version", "runs")][:5]
        spelt = f" ({' and '.join(other)} are other names)" if other else ""
        raise InputError(
            f"is JSON but not SARIF: it has neither version nor runs{spelt}. Choose SARIF as the scanner's "
            "output format."
        )
    # Results in another place get a better message, from misplaced().
    if "runs" not in log and not (version == "2.1.0" and misplaced(log, 0)):
        raise InputError(
            "is JSON but not SARIF: it has no runs. Choose SARIF as the scanner's output format."
        )
    if version is None:
        raise InputError(
            'has no version: the collector accepts only "2.1.0", and guessing the version could misread the '
            "file. Use a newer scanner."
        )
    if version != "2.1.0":
        raise InputError(
            f"is SARIF {str(version)[:20]!r}; the collector accepts only 2.1.0. Convert it: sarif-multitool "
            "rewrite FILE --sarif-output-version Current --output NEW."
        )
