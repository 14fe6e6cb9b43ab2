# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SARIF file in one pass, or in two when its results come before what they rest on.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import contextlib
import re
import typing as t

from .._admitted import Raw
from .._errors import InputError
from .complete import FAILURES, NOTIFICATIONS, TOLD, error_of, misplaced
from .rules.shape import SHAPES
from .text import Text

# Characters of all that is kept in memory beside the results, rules, artifacts and the like; each of them
# takes some room by itself.
LARGEST_HEAD = 20_000_000
# A scanner writes one for each project, and each costs some kilobytes here.
MOST_RUNS = 10_000
_ROOM = 100
# So deep in a run that each rule is a value of its own: runs[0].tool.extensions[0].rules[0].
_DEPTH = 4
# What is neither sent nor needed to prepare what is sent.
_NEEDED = {
    *(
        "artifacts",
        "originalUriBaseIds",
        "logicalLocations",
        "threadFlowLocations",
        "addresses",
        "webRequests",
        "webResponses",
    ),
    *(
        "externalPropertyFileReferences",
        "results",
        "ruleConfigurationOverrides",
        "workingDirectory",
        "globalMessageStrings",
    ),
    *("locations", "properties", *FAILURES),
}
_UNUSED = (
    frozenset(name for kind in ("run", "invocation", "toolComponent") for name in SHAPES[kind].left_out)
    - _NEEDED
)


# What the results of a run rest on.
_FIRST = {
    *("tool", "taxonomies", "invocations", "originalUriBaseIds", "versionControlProvenance", "artifacts"),
    *("logicalLocations", "threadFlowLocations", "addresses", "webRequests", "webResponses"),
}

# Takes the list of results that stands in the text, of the run of this number, as far as it was read:
# text.items() with a value each. Returns how many there are.
Take = t.Callable[[Text, int, Raw], int]


class Head(t.NamedTuple):
    """A SARIF 2.1.0 log without results. found: how many results each run has. counts: what had to be changed
    to read it.

    taken: whether all results were given to `take` with all that they rest on; otherwise read_results() has
    to do it. sha256: of the whole file.
    """

    log: Raw
    found: list[int]
    counts: dict[str, int]
    warnings: list[str]
    taken: bool
    sha256: str


@contextlib.contextmanager
def _opened(path: str) -> t.Iterator[Text]:
    text = Text(path)
    try:
        yield text
    except RecursionError:
        raise InputError("is nested too deeply to be a SARIF file.") from None
    finally:
        text.close()


def read_head(path: str, take: Take) -> Head:
    """The first pass over a SARIF file of any size: every byte is read, all but the results is kept.

    Raises InputError, without the path, with the place (byte, JSON path) and what to do.
    """
    with _opened(path) as text:
        reader = _Reader(text, take)
        log = reader.log()
        counts = {"encoding": int(text.has_mark or text.encoding != "utf-8"), "lone_surrogates": text.halves}
        counts["duplicate_keys"] = sum(text.repeated.values())
        warnings = []
        if text.repeated:
            names = ", ".join(list(text.repeated)[:5])
            warnings.append(f"names that occur twice in one object (the last one was used): {names}.")
        if text.halves:
            warnings.append(f"{text.halves} texts contained half a character, which became U+FFFD.")
        _sarif(log)
        elsewhere = misplaced(log, sum(reader.found))
        if elsewhere:
            said = (
                f"{elsewhere} is not a place for results, which are read only from runs[].results (exactly "
                "this spelling): they were not read"
            )
            if not sum(reader.found):
                raise InputError(f"{said}. Have the scanner write SARIF 2.1.0.")
            warnings.append(f"{said}.")
        return Head(
            log,
            reader.found,
            {name: n for name, n in counts.items() if n},
            warnings,
            reader.taken,
            text.digest.hexdigest(),
        )


def read_results(path: str, take: Take, runs: list[Raw]) -> list[int]:
    """The second pass. Returns how many results each run has, which may be more runs than are known when the
    file was changed.
    """
    found = []
    with _opened(path) as text:
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
    """The first pass. taken: as in Head."""

    def __init__(self, text: Text, take: Take) -> None:
        self.text, self.take, self.keeper = text, take, _Keeper(text)
        self.found: list[int] = []
        self.taken = True

    def log(self) -> Raw:
        text = self.text
        _refuse_other_formats(text)
        log: Raw = {}
        for name in text.members(""):
            if name == "runs" and text.peek() == "[":
                if name in log:
                    raise InputError(
                        "runs occurs twice, so it is unclear which results to use. Have the scanner write it "
                        "once."
                    )
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
                self.taken = self.taken and not (member in _FIRST and self.found[-1])
                continue
            if "results" in run:
                raise InputError(
                    f"{name} occurs twice, so it is unclear which results to use. Have the scanner write it "
                    "once."
                )
            run["results"] = None
            if text.peek() == "[":
                self.taken = self.taken and "tool" in run
                self.found[-1] = (
                    self.take(text, number, run)
                    if self.taken
                    else sum(1 for at in text.items(name) if self._forget(name, at))
                )
            elif text.value(name) is not None:
                raise InputError(f"{name} is not a list: this is not SARIF 2.1.0.")
        run.pop("results", None)
        return run

    def _forget(self, where: str, number: int) -> bool:
        self.text.value(f"{where}[{number}]")
        return True


class _Keeper:
    """Takes what stands beside the results, piece by piece, so that the largest piece is known before memory
    is full.
    """

    def __init__(self, text: Text) -> None:
        self.text = text
        self.runs: list[Raw] | None = None
        self.sizes: collections.Counter[str] = collections.Counter()
        self.total = 0

    def keep(self, where: str, depth: int = _DEPTH, inside: str = "") -> t.Any:
        """inside: the list that it belongs to, under whose name its size counts."""
        sign = self.text.peek() if depth else ""
        if sign == "{":
            return {
                name: self._member(f"{where}.{name}", name, depth - 1, inside)
                for name in self.text.members(where)
            }
        if sign == "[":
            slim, whole = where.endswith("].artifacts"), where.endswith((".rules", ".taxa"))
            return [
                self._artifact(where, n)
                if slim
                else self.keep(f"{where}[{n}]", 0 if whole else depth - 1, where)
                for n in self.text.items(where)
            ]
        value = self.text.value(where)
        self._count(inside or where, self.text.taken)
        return value

    def _member(self, where: str, name: str, depth: int, inside: str) -> t.Any:
        if name in NOTIFICATIONS and self.text.peek() == "[":
            return self._errors(where)
        return self._drop(where, depth) if name in _UNUSED else self.keep(where, depth, inside)

    def _errors(self, where: str) -> list[t.Any]:
        """The first notifications that are errors: some scanners write thousands, of every file that they
        read.
        """
        kept: list[t.Any] = []
        for number in self.text.items(where):
            error = error_of(self.text.value(f"{where}[{number}]"))
            if error and len(kept) <= TOLD:
                kept.append(error)
                self._count(where, self.text.taken)
        return kept

    def _artifact(self, where: str, number: int) -> t.Any:
        """An artifact without its contents, hashes and properties."""
        value = self.text.value(f"{where}[{number}]")
        kept = (
            {name: value[name] for name in ("location", "parentIndex") if name in value}
            if isinstance(value, dict)
            else value
        )
        self._count(where, min(self.text.taken, 300))
        return kept

    def _drop(self, where: str, depth: int) -> t.Any:
        """Read and forget; only that it was there counts."""
        if depth and self.text.peek() == "[":
            for number in self.text.items(where):
                self.text.value(f"{where}[{number}]")
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
    # Results elsewhere say more.
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
