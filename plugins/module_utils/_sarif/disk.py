# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the files that a report names are below source_root, if that is a folder here. Reads folders.

Private to the collection, floor 3.
"""

from __future__ import annotations

import os
import typing as t
from urllib.parse import unquote

# How many files of a report are looked for, in how many folders, and how deep below source_root.
MOST_FILES, MOST_FOLDERS, DEPTH = 100, 2_000, 4


def missing(root: str, prefix: str, paths: t.Collection[str]) -> str:
    """A warning if root is a folder here and none of the files exists below it; empty otherwise.

    prefix: the path_prefix with which the paths begin.
    paths: of the files, as URIs.
    """
    names = [unquote(path) for path in list(paths)[:MOST_FILES]]
    if not names or not root or not os.path.isdir(root) or any(_is_there(root, name) for name in names):
        return ""
    absent = f"none of the files that it names is below source_root {root}, such as {names[0][:200]}"
    if prefix and all(name.startswith(prefix) for name in names):
        names = [name[len(prefix) :].lstrip("/") for name in names]
        if any(_is_there(root, name) for name in names):
            return f"{absent}. Without path_prefix they are: leave it out."
    folder = _folder_of(root, names)
    if folder:
        return f"{absent}. They are below {folder}: set path_prefix to {folder}."
    return (
        f"{absent}. The tenant would not find them in the repository either: set source_root and path_prefix "
        "so that it does."
    )


def _folder_of(root: str, names: list[str]) -> str:
    """The folder, relative to the root, that contains most of these files; empty if there is none."""
    best, most = "", 0
    for number, (path, folders, _files) in enumerate(os.walk(root)):
        relative = os.path.relpath(path, root).replace(os.sep, "/")
        depth = relative.count("/") + 1 if path != root else 0
        searched = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
        folders[:] = searched if depth < DEPTH else []
        if number > MOST_FOLDERS:
            break
        found = sum(_is_there(path, name) for name in names) if depth else 0
        if found > most:
            best, most = relative, found
    return best


def _is_there(root: str, name: str) -> bool:
    return "\0" not in name and os.path.lexists(os.path.join(root, name))
