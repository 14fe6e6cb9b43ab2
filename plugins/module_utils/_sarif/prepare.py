# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the names of files to documents that are ready to be sent. Reads files, sends nothing.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import dataclasses
import gc
import glob
import os
import typing as t

from .._errors import InputError
from .disk import MOST_FILES, missing
from .documents.pack import Packer
from .documents.spool import Spool
from .normalise import Report, Tool
from .options import Options
from .read import read_head, read_results
from .rules.clean import LEVELS
from .rules.folders import is_absolute
from .rules.paths import Path, Roots, add_prefix, collapse_dots, percent_encode
from .text import Text

_WRITTEN = "Did the scanner write its report there, on the host that runs this?"
_NO_RUN = "It has no run and so does not name the scanner, which the collector requires."
_CHANGED = "changed while it was read. Is a scanner still writing it?"


@dataclasses.dataclass(frozen=True)
class Source:
    """A report as the scanner wrote it, and what became of it. path: as it is shown. results: how many it
    has.

    dropped, normalised: reason -> results and rule -> changes, of the whole report. tools: scanners by name
    and version.
    commit: the revision that the report says it is about, or empty. failed: whether it says that its scan
    failed.
    """

    path: str
    sha256: str
    results: int
    dropped: dict[str, int]
    normalised: dict[str, int]
    tools: list[Tool]
    commit: str
    failed: bool


@dataclasses.dataclass(frozen=True)
class Upload:
    """One document to send. part of parts, from 1. size: bytes. levels: level -> results. content: puts the
    document together.
    """

    source: Source
    part: int
    parts: int
    size: int
    sha256: str
    results: int
    levels: dict[str, int]
    content: t.Callable[[], bytes] = dataclasses.field(repr=False)

    @property
    def path(self) -> str:
        return self.source.path


@dataclasses.dataclass
class Prepared:
    """All documents of a task, and what became of their results: rule -> changes, reason -> results, level ->
    results.

    empty: the reports of which nothing is sent. The documents lie in a private file, which the end of a with
    statement removes.
    """

    uploads: list[Upload]
    normalised: dict[str, int]
    dropped: dict[str, int]
    levels: dict[str, int]
    warnings: list[str]
    empty: list[Source]
    spool: Spool = dataclasses.field(repr=False)

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.spool.close()


def shown(path: str) -> str:
    """A path on one line, in characters that any output can hold: a file's name may have others."""
    return path if path.isprintable() else path.encode("unicode_escape", "backslashreplace").decode()


def find_files(patterns: list[str]) -> list[str]:
    """The files that paths and globs name, each once, a glob's sorted. Raises InputError for one that names
    none.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        if not pattern.strip():
            raise InputError(
                "path contains an empty entry: give a SARIF file or a glob such as reports/*.sarif."
            )
        if "\0" in pattern:
            raise InputError(f"path: there is no file {shown(pattern)}: a name cannot contain a NUL.")
        if os.path.lexists(pattern):
            names = [pattern]
        elif glob.has_magic(pattern):
            names = sorted(name for name in _matching(pattern) if os.path.isfile(name))
            if not names:
                raise InputError(f"path: no file matches {shown(pattern)}. {_WRITTEN}")
        else:
            raise InputError(f"path: there is no file {shown(pattern)}. {_WRITTEN}")
        for name in names:
            found.setdefault(os.path.realpath(name), name)
    if not found:
        raise InputError("path is empty: give SARIF files or globs.")
    return list(found.values())


def _matching(pattern: str) -> t.Iterator[str]:
    """The names that a glob matches; `**` means any number of folders, and no link is followed to look for
    them: two may form a maze.
    """
    before, stars, after = f"/{pattern}".partition("/**/")
    if not stars:
        yield from glob.glob(pattern)
        return
    for root in glob.glob(before[1:] or "/") if before else ["."]:
        for folder, _folders, _names in os.walk(root):
            yield from _matching(os.path.join(glob.escape(folder), after))


def check_options(options: Options) -> Options:
    """The options with a full source_root and plain relative paths. Raises InputError."""
    if not 0 <= options.max_dropped_percent <= 100:
        raise InputError("max_dropped_percent must be between 0 and 100.")
    root = options.source_root.strip()
    if root and not is_absolute(root):
        root = os.path.abspath(root)
    return dataclasses.replace(
        options,
        source_root=root,
        path_prefix=_relative("path_prefix", options.path_prefix),
        default_location=_relative("default_location", options.default_location),
    )


def _relative(option: str, value: str) -> str:
    text = value.strip().replace("\\", "/")
    if not text or text == ".":
        return ""
    path = Path("", absolute=False)
    roots = Roots({}, prefix=text)
    for step in (add_prefix, collapse_dots, percent_encode):
        step(path, roots)
        if path.fault or is_absolute(text):
            raise InputError(
                f"{option} must be a path inside the repository, relative to its root, such as services/api: "
                f"not {value}."
            )
    return text if option == "path_prefix" else path.text


def prepare(patterns: list[str], options: Options) -> Prepared:
    """Read and prepare every file. Raises InputError, naming the file, when one cannot be sent: then nothing
    is.
    """
    options = check_options(options)
    done = Prepared([], {}, {}, {}, [], [], Spool())
    totals: dict[str, collections.Counter[str]] = {
        name: collections.Counter() for name in ("normalised", "dropped", "levels")
    }
    # Millions of small objects and no garbage among them: looking for it would take most of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        for path in find_files(patterns):
            _one(path, options, done, totals)
    except BaseException:
        done.spool.close()
        raise
    finally:
        if collecting:
            gc.enable()
    done.normalised, done.dropped, done.levels = (
        dict(totals[name]) for name in ("normalised", "dropped", "levels")
    )
    return done


class _Work:
    """One file's results on their way from its text into the spool."""

    def __init__(self, options: Options, spool: Spool) -> None:
        self.report, self.packer = Report(options), Packer(spool, options.on_oversize == "split")
        # The first files that the results are about.
        self.files: dict[str, None] = {}

    def take(self, text: Text, number: int, raw: dict[str, t.Any]) -> int:
        where, found = f"runs[{number}].results", 0
        self.report.run(number, raw)
        for position in text.items(where):
            sendable = self.report.take(number, position, text.value(f"{where}[{position}]"))
            if sendable:
                self.packer.add(number, *sendable)
                if len(self.files) < MOST_FILES:
                    self.files[sendable[2]] = None
            found += 1
        return found


def _one(path: str, options: Options, done: Prepared, totals: dict[str, collections.Counter[str]]) -> None:
    name = shown(path)
    try:
        work = _Work(options, done.spool)
        head = read_head(path, work.take)
        if not head.taken:
            work = _Work(options, done.spool)
            if read_results(path, work.take, head.log["runs"]) != head.found:
                raise InputError(_CHANGED)
        packer, outcome = work.packer, work.report.close(head.log)
        documents = packer.documents(outcome)
    except RecursionError:
        raise InputError(f"{name}: is nested too deeply to be a SARIF file.") from None
    except InputError as exc:
        raise InputError(f"{name}: {exc}") from None
    if documents and sum(document.results for document, _levels in documents) != outcome.results:
        raise RuntimeError(f"{name}: the documents do not hold just the results of the report")
    changes = collections.Counter(head.counts)
    changes.update(outcome.normalised)
    changes.update({rule: count for rule, count in packer.counts.items() if count})
    source = Source(
        name,
        head.sha256,
        outcome.found,
        outcome.dropped,
        dict(changes),
        outcome.tools,
        outcome.commit,
        outcome.failed,
    )
    totals["normalised"].update(changes)
    totals["dropped"].update(outcome.dropped)
    totals["levels"].update(outcome.levels)
    # Unless default_location stands for them, of which it may be said that it is nowhere.
    astray = missing(
        options.source_root,
        options.path_prefix,
        [file for file in work.files if file != options.default_location],
    )
    done.warnings += [
        f"{name}: {text}"
        for text in [*head.warnings, *outcome.warnings, *packer.warnings, *filter(None, [astray])]
    ]
    for part, (document, levels) in enumerate(documents, 1):
        counts = {level: levels[level] for level in LEVELS}
        about = document.size, document.sha256, document.results, counts
        done.uploads.append(Upload(source, part, len(documents), *about, document.content))
    if not documents:
        done.empty.append(source)
        left_out = "".join(f", {count} {reason}" for reason, count in outcome.dropped.items())
        done.warnings.append(
            f"{name}: not sent, because it contains no result to send ({outcome.found} found{left_out}). "
            + (
                _NO_RUN
                if options.allow_empty
                else "An empty report may close every finding of an earlier one; allow_empty: true sends it."
            )
        )
