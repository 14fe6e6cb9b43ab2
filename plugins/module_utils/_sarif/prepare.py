# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, from the names of files to documents that are ready to be sent. Reads files, sends nothing.
from __future__ import annotations

import collections
import dataclasses
import gc
import glob
import hashlib
import os

from .._errors import InputError
from .normalise import normalise
from .pack import pack
from .paths import Path, Roots, add_prefix, collapse_dots, encode, is_absolute
from .read import read
from .run import Options


@dataclasses.dataclass(frozen=True)
class Upload:
    """One document to send. part of parts, from 1. levels: level -> results. tools: names of the scanners."""

    path: str
    part: int
    parts: int
    content: bytes = dataclasses.field(repr=False)
    results: int
    tools: list[str]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclasses.dataclass
class Prepared:
    """All documents of a task, and what became of their results: rule -> changes, reason -> results, level -> results."""

    uploads: list[Upload]
    normalised: dict[str, int]
    dropped: dict[str, int]
    levels: dict[str, int]
    warnings: list[str]


def find_files(patterns: list[str]) -> list[str]:
    """The files that paths and globs name, each once, a glob's sorted. Raises InputError for one that names none."""
    found: dict[str, str] = {}
    for pattern in patterns:
        if not pattern.strip():
            raise InputError("path holds an empty entry: give a SARIF file or a glob such as reports/*.sarif.")
        if os.path.lexists(pattern):
            names = [pattern]
        elif glob.has_magic(pattern):
            names = sorted(name for name in glob.glob(pattern, recursive=True) if os.path.isfile(name))
            if not names:
                raise InputError(f"path: no file matches {pattern}. Did the scanner write its report there, on the host where this runs?")
        else:
            raise InputError(f"path: there is no file {pattern}. Did the scanner write its report there, on the host where this runs?")
        for name in names:
            found.setdefault(os.path.realpath(name), name)
    if not found:
        raise InputError("path is empty: give SARIF files or globs.")
    return list(found.values())


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
    for step in (add_prefix, collapse_dots, encode):
        step(path, roots)
        if path.fault or is_absolute(text):
            raise InputError(f"{option} must be a path inside the repository, relative to its root, such as services/api: not {value}.")
    return text if option == "path_prefix" else path.text


def prepare(patterns: list[str], options: Options) -> Prepared:
    """Read and prepare every file. Raises InputError, naming the file, when one cannot be sent: then nothing is."""
    options = check_options(options)
    done = Prepared([], {}, {}, {}, [])
    totals: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in ("normalised", "dropped", "levels")}
    for path in find_files(patterns):
        # Millions of small objects and no garbage among them: looking for it would take most of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            _one(path, options, done, totals)
        except RecursionError:
            raise InputError(f"{path}: is nested too deeply to be a SARIF file.") from None
        finally:
            if collecting:
                gc.enable()
    done.normalised, done.dropped, done.levels = (dict(totals[name]) for name in ("normalised", "dropped", "levels"))
    return done


def _one(path: str, options: Options, done: Prepared, totals: dict[str, collections.Counter[str]]) -> None:
    read_from = read(path)
    try:
        outcome = normalise(read_from.log, options)
        content = pack(outcome.document) if outcome.document else b""
    except InputError as exc:
        raise InputError(f"{path}: {exc}") from None
    totals["normalised"].update(read_from.counts)
    totals["normalised"].update(outcome.normalised)
    totals["dropped"].update(outcome.dropped)
    totals["levels"].update(outcome.levels)
    done.warnings += [f"{path}: {text}" for text in [*read_from.warnings, *outcome.warnings]]
    if content:
        done.uploads.append(Upload(path, 1, 1, content, outcome.results, outcome.tools))
    else:
        done.warnings.append(
            f"{path}: not sent, because it holds no result to send ({outcome.found} found). "
            "An empty report may close every finding of an earlier one; allow_empty: true sends it."
        )
