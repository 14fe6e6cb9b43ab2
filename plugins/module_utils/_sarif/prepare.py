# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns file names into documents that are ready to send. Reads files, sends nothing.

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
from .rules.folders import is_absolute
from .rules.paths import Path, Roots, add_prefix, collapse_dots, percent_encode
from .text import Text

_WRITTEN = "Did the scanner write its report there, on the host that runs this?"
_NO_RUN = "It has no run and so does not name the scanner, which the collector requires."
_EMPTY = "An empty report may close every finding of an earlier one; allow_empty: true sends it."
_CHANGED = "changed while it was read. Is a scanner still writing it?"


@dataclasses.dataclass(frozen=True)
class Source:
    """A report as the scanner wrote it, and how it was prepared.

    path: as it is shown.
    results: how many results the file has.
    dropped, normalised, tools, commit, failed: as in Normalised.
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
    """One document to send.

    part: its number among the parts of the report, from 1.
    size: in bytes.
    results, levels: how many results it has, and level -> how many.
    content: returns the document.
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
    """All documents of a task, in a private temporary file that the end of a with statement removes.

    normalised, dropped, levels: as in Normalised, for all reports.
    empty: the reports of which nothing is sent.
    """

    spool: Spool = dataclasses.field(repr=False)
    uploads: list[Upload] = dataclasses.field(default_factory=list)
    normalised: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    dropped: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    levels: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    warnings: list[str] = dataclasses.field(default_factory=list)
    empty: list[Source] = dataclasses.field(default_factory=list)

    def __enter__(self) -> Prepared:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.spool.close()


def shown(path: str) -> str:
    """A path with control characters escaped, since file names may contain line breaks and the like."""
    return path if path.isprintable() else path.encode("unicode_escape", "backslashreplace").decode()


def find_files(patterns: list[str]) -> list[str]:
    """The files of paths and globs, each once. Raises InputError for a path or glob without a file."""
    files: dict[str, str] = {}
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
            files.setdefault(os.path.realpath(name), name)
    if not files:
        raise InputError("path is empty: give SARIF files or globs.")
    return list(files.values())


def _matching(pattern: str) -> t.Iterator[str]:
    """The names that a glob matches. `**` means any number of folders. Links to folders are not followed,
    because they may lead in circles.
    """
    before, stars, after = f"/{pattern}".partition("/**/")
    if not stars:
        yield from glob.glob(pattern)
        return
    for root in glob.glob(before[1:] or "/") if before else ["."]:
        for folder, _folders, _names in os.walk(root):
            yield from _matching(os.path.join(glob.escape(folder), after))


def check_options(options: Options) -> Options:
    """The options with an absolute source_root and plain relative paths. Raises InputError."""
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
    """A path of an option, relative to the repository root. Raises InputError."""
    text = value.strip().replace("\\", "/")
    if not text or text == ".":
        return ""
    path, roots = Path(""), Roots({}, prefix=text)
    for step in (add_prefix, collapse_dots, percent_encode):
        step(path, roots)
        if path.fault or is_absolute(text):
            raise InputError(
                f"{option} must be a path inside the repository, relative to its root, such as services/api: "
                f"not {value}."
            )
    return text if option == "path_prefix" else path.text


def prepare(patterns: list[str], options: Options) -> Prepared:
    """Read and prepare all files. Raises InputError, naming the file, if one of them cannot be sent."""
    options = check_options(options)
    done = Prepared(Spool())
    # Collecting garbage would take most of the time: there are millions of small objects and no garbage.
    collecting = gc.isenabled()
    gc.disable()
    try:
        for path in find_files(patterns):
            _one(path, options, done)
    except BaseException:
        done.spool.close()
        raise
    finally:
        if collecting:
            gc.enable()
    return done


class _Work:
    """Converts the results of one file and keeps them in the spool."""

    def __init__(self, options: Options, spool: Spool) -> None:
        self.report, self.packer = Report(options), Packer(spool, options.on_oversize == "split")
        # The first files in which the results are.
        self.files: dict[str, None] = {}

    def take(self, text: Text, number: int, raw: dict[str, t.Any]) -> int:
        """Read and convert the results of a run, as read.Take."""
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


def _one(path: str, options: Options, done: Prepared) -> None:
    """Prepare one file and add it to `done`."""
    name = shown(path)
    try:
        work = _Work(options, done.spool)
        head = read_head(path, work.take)
        if not head.complete:
            work = _Work(options, done.spool)
            if read_results(path, work.take, head.log["runs"]) != head.found:
                raise InputError(_CHANGED)
        packer, outcome = work.packer, work.report.close(head.log)
        documents = packer.documents(outcome)
    except RecursionError:
        raise InputError(f"{name}: is nested too deeply to be a SARIF file.") from None
    except InputError as exc:
        raise InputError(f"{name}: {exc}") from None
    if documents and sum(document.results for document in documents) != outcome.results:
        raise RuntimeError(f"{name}: the documents do not have exactly the results of the report")
    changes = collections.Counter(head.counts)
    changes.update(outcome.normalised)
    changes.update({rule: count for rule, count in packer.counts.items() if count})
    scan = outcome.tools, outcome.commit, outcome.failed
    source = Source(name, head.sha256, outcome.found, outcome.dropped, dict(changes), *scan)
    done.normalised.update(changes)
    done.dropped.update(outcome.dropped)
    done.levels.update(outcome.levels)
    # default_location need not exist.
    files = [file for file in work.files if file != options.default_location]
    absent = missing(options.source_root, options.path_prefix, files)
    warnings = [*head.warnings, *outcome.warnings, *packer.warnings, *([absent] if absent else [])]
    done.warnings += [f"{name}: {text}" for text in warnings]
    for part, document in enumerate(documents, 1):
        about = document.size, document.sha256, document.results, document.levels
        done.uploads.append(Upload(source, part, len(documents), *about, document.content))
    if not documents:
        done.empty.append(source)
        left_out = "".join(f", {count} {reason}" for reason, count in outcome.dropped.items())
        done.warnings.append(
            f"{name}: not sent, because it contains no result to send ({outcome.found} found{left_out}). "
            f"{_NO_RUN if options.allow_empty else _EMPTY}"
        )
