# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the files that a report names are below source_root, where that is here. Reads folders.

Private to the collection, floor 3.
"""

from __future__ import annotations

import os
import typing as t
from urllib.parse import unquote

# Files of a report that are looked for, and folders in which they are.
MOST_FILES, MOST_FOLDERS, DEPTH = 100, 2_000, 4


def missing(root: str, prefix: str, paths: t.Collection[str]) -> str:
    """A warning when none of the files that a report names exists below a root that is here; empty otherwise.

    paths: as they are sent, in the form of URIs. prefix: the path_prefix that they begin with.
    """
    names = [unquote(path) for path in list(paths)[:MOST_FILES]]
    if not names or not root or not os.path.isdir(root) or any(_is_there(root, name) for name in names):
        return ""
    said = f"none of the files that it names is below source_root {root}, such as {names[0][:200]}"
    bare = (
        [name[len(prefix) :].lstrip("/") for name in names]
        if prefix and all(name.startswith(prefix) for name in names)
        else names
    )
    if bare is not names and any(_is_there(root, name) for name in bare):
        return f"{said}. Without path_prefix they are: leave it out."
    folder = _holder(root, bare)
    if folder:
        return f"{said}. They are below {folder}: set path_prefix to {folder}."
    return (
        f"{said}. The tenant would not find them in the repository either: set source_root and path_prefix "
        "so that it does."
    )


def _holder(root: str, names: list[str]) -> str:
    """The folder below the root, relative to it, in which most of these files are; empty when there is
    none.
    """
    best, most = "", 0
    for seen, (at, folders, _files) in enumerate(os.walk(root)):
        depth = os.path.relpath(at, root).count(os.sep) + 1 if at != root else 0
        folders[:] = (
            sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
            if depth < DEPTH
            else []
        )
        if seen > MOST_FOLDERS:
            break
        found = sum(_is_there(at, name) for name in names) if at != root else 0
        if found > most:
            best, most = os.path.relpath(at, root).replace(os.sep, "/"), found
    return best


def _is_there(root: str, name: str) -> bool:
    return "\0" not in name and os.path.lexists(os.path.join(root, name))
