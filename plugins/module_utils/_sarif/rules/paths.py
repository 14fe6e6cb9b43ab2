# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a path in a SARIF file becomes relative to the repository root. Pure: no file is looked at.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
from urllib.parse import quote, unquote

from ..._admitted import Raw
from .folders import absolute, below, canonical, folded, is_file_system, join, spelt

# Base ids that mean the repository root by convention.
_ROOT_NAMES = ("SRCROOT", "ROOTPATH", "PROJECTROOT", "REPOROOT", "REPO_ROOT", "SOURCEROOT")
# Base ids of folders that are no part of a repository: the differences to them say nothing.
_PERSONAL = ("HOME", "USERPROFILE", "TEMP", "TMP", "TMPDIR")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]+:")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# At most so many outcomes (of paths, of shared steps) are remembered: a report with more of them must not
# fill the memory.
REMEMBERED = 8_000
# A chain of base ids is followed so far, and what it comes to may be so long: no folder of a machine that
# scans is.
MOST_BASES, LONGEST_BASE = 20, 8_192
# Folders that a run calls its root, of which so many are tried with each path.
MOST_ROOTS = 100
_SAFE = "/!$&'()*+,;=:@-._~"
# A path that no step changes.
_NAME = r"(?!\.\.?(?:/|$))[A-Za-z0-9!$&'()*+,;=@._~-]+"
_PLAIN = re.compile(f"{_NAME}(?:/{_NAME})*")


@dataclasses.dataclass
class Path:
    """One path on its way: `text` absolute and decoded, or relative and as written. `fault`: why it cannot be
    used.

    root: the folder of the machine that the repository's root is known to be for it, or empty.
    """

    text: str
    base_id: str | None = None
    absolute: bool = False
    fault: str = ""
    root: str = ""


class Resolved(t.NamedTuple):
    """uri: relative to the repository root, or None. changes: names of the rules that changed it. fault,
    shown: why and what it was.

    root: as in Path.
    """

    uri: str | None
    changes: tuple[str, ...] = ()
    fault: str = ""
    shown: str = ""
    root: str = ""


class Root(t.NamedTuple):
    """A folder that a run calls its root. says: where. named: in so many words, by the name of a base id."""

    says: str
    folder: str
    named: bool


class Roots:
    """What is known about where one run's paths start: the options, and what the run says itself.

    source_root: absolute folder of the repository on the machine that scanned, or empty. prefix: folder of
    the repository in which the scan ran, or empty. strip_slash: whether a leading slash means the repository
    root. run: the SARIF run.
    """

    def __init__(self, run: Raw, source_root: str = "", prefix: str = "", strip_slash: bool = False) -> None:
        self.source_root, self.prefix, self.strip_slash = canonical(source_root), prefix, strip_slash
        bases = run.get("originalUriBaseIds")
        self.bases: Raw = bases if isinstance(bases, dict) else {}
        self._found: dict[str, Path | None] = {}
        self.own = self._own(run)
        self.used: set[str] = set()
        self._homes: dict[str, tuple[Root, str] | None] = {}
        self._idle: dict[str | None, str | None] = {None: ""}

    def base(self, base_id: str) -> Path | None:
        """The folder a base id stands for: absolute, or relative to the repository root; None when the file
        does not say.
        """
        if base_id not in self._found:
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            base = self._find({"uriBaseId": base_id})
            self._found[base_id] = None if base is None or len(base.text) > LONGEST_BASE else base
        return self._found[base_id]

    def _find(self, location: t.Any) -> Path | None:
        """The folder that an artifactLocation stands for, with that of its base id, of the base id's base id,
        and so on.
        """
        prefix, seen = "", set[str]()
        for _step in range(MOST_BASES + 1):
            if not isinstance(location, dict):
                break
            uri, name = location.get("uri"), location.get("uriBaseId")
            if isinstance(uri, str) and uri:
                if len(uri) > LONGEST_BASE:
                    return None
                path = Path(uri)
                read_uri(path, self)
                if path.fault:
                    return None
                if path.absolute:
                    return Path(join(path.text, unquote(prefix, errors="surrogateescape")), absolute=True)
                prefix = join(path.text, prefix)
            if not isinstance(name, str) or name in seen:
                break
            if len(prefix) > LONGEST_BASE:
                return None
            seen.add(name)
            location = self.bases.get(name)
        else:
            return None
        return Path(prefix) if prefix else None

    def _own(self, run: Raw) -> list[Root]:
        """The folders that the run itself calls its root, the most telling first; of those that lie within
        another one, that one.
        """
        mapped = [(self._folder(entry.get("mappedTo")), "versionControlProvenance", False)
                  for entry in _dicts(run.get("versionControlProvenance"))]  # fmt: skip
        found = list(dict.fromkeys(_outermost(mapped)))
        bases = [
            (base.text, name, is_root_name(name))
            for name in self.bases
            if (base := self.base(name)) and base.absolute
        ]
        bases = [entry for entry in bases if entry[1].strip("%").upper() not in _PERSONAL] or bases
        outermost = _outermost(
            [(folder, f"originalUriBaseIds.{name}", named) for folder, name, named in bases]
        )
        known = [root for root, (_folder, _name, named) in zip(outermost, bases) if named]
        apart = dict.fromkeys(root for root in outermost if root.folder)
        found += [*known, *(apart if len(apart) == 1 else ())]
        found += [Root("invocations.workingDirectory", canonical_of(self._folder(entry.get("workingDirectory"))), False)
                  for entry in _dicts(run.get("invocations"))]  # fmt: skip
        roots: dict[str, Root] = {}
        for root in found:
            if len(roots) < MOST_ROOTS and not is_file_system(root.folder):
                roots.setdefault(folded(root.folder), root)
        return list(roots.values())

    def _folder(self, location: t.Any) -> str:
        path = self._find(location)
        return path.text if path and path.absolute else ""

    def home(self, base_id: str) -> tuple[Root, str] | None:
        """The run's root in which the folder of this base id lies, and the way from there to it."""
        if base_id not in self._homes:
            if len(self._homes) >= REMEMBERED:
                self._homes.clear()
            base, self._homes[base_id] = self.base(base_id), None
            if base and base.absolute:
                text = canonical_of(base.text)
                self._homes[base_id] = next(
                    ((root, rest) for root in self.own if (rest := below(text, root.folder)) is not None),
                    None,
                )
        return self._homes[base_id]

    def resolve(self, uri: str, base_id: str | None) -> Resolved:
        if not self.prefix and _PLAIN.fullmatch(uri) and (root := self._adds_nothing(base_id)) is not None:
            return Resolved(uri, () if base_id is None else ("uri_base_ids",), root=root)
        path, changes = Path(uri, base_id), []
        for name, step in STEPS:
            if step(path, self):
                changes.append(name)
            if path.fault:
                return Resolved(None, fault=path.fault, shown=path.text if path.absolute else uri)
        return Resolved(path.text, tuple(changes), root=path.root)

    def _adds_nothing(self, base_id: str | None) -> str | None:
        """Where a relative path with this base id is relative to the repository root as it stands: that root,
        as in Path. Else None.
        """
        if base_id not in self._idle:
            base = self.base(base_id) if base_id is not None else None
            if len(self._idle) >= REMEMBERED:
                self._idle.clear()
            idle: str | None = "" if base is None else None
            if base_id is not None and base and base.absolute and not self.source_root:
                home = self.home(base_id)
                if home and home[0].named and not home[1]:
                    idle = folded(home[0].folder)
            self._idle[base_id] = idle
        return self._idle[base_id]

    def use(self, root: Root, path: Path, *, assumed: bool) -> None:
        """This path is relative to this root. assumed: so that the user should know."""
        path.root = folded(root.folder)
        if assumed:
            self.used.add(f"{root.folder} ({root.says})")


def is_root_name(base_id: str) -> bool:
    return base_id.strip("%").upper() in _ROOT_NAMES


def canonical_of(path: str) -> str:
    """As canonical(), of a path that was read; empty for an empty one."""
    return absolute(path) if path else ""


def _outermost(folders: list[tuple[str, str, bool]]) -> list[Root]:
    """For each (folder, where the run says so, named) the outermost folder of them in which it lies; a file
    system is none.
    """
    plain = [(canonical_of(folder), says, named) for folder, says, named in folders]
    # What lies within a folder follows it in this order.
    order = sorted(range(len(plain)), key=lambda n: (folded(plain[n][0]) + "/", not plain[n][2]))
    roots, key, root = [Root("", "", False)] * len(plain), "", Root("", "", False)
    for number in order:
        folder, says, named = plain[number]
        if is_file_system(folder):
            continue
        if not key or not (folded(folder) + "/").startswith(key):
            key, root = folded(folder) + "/", Root(says, folder, named)
        roots[number] = root
    return roots


def read_uri(path: Path, _roots: Roots) -> int:
    """file: URIs, drive letters and backslashes become plain paths; a URI with another scheme
    is not a file of the repository.
    """
    text = path.text
    path.text, path.absolute = spelt(text)
    if not path.absolute and _SCHEME.match(path.text):
        path.fault = "path_other_scheme"
    return int(path.text != text)


def apply_base(path: Path, roots: Roots) -> int:
    """The folder of uriBaseId is put in front, as far as it lies below the run's root; an id that the file
    does not define adds nothing.
    """
    if path.base_id is None or path.absolute:
        return int(path.base_id is not None)
    base = roots.base(path.base_id)
    if base is None:
        return 1
    if not base.absolute:
        path.text = join(base.text, path.text)
        return 1
    named, home = is_root_name(path.base_id), roots.home(path.base_id)
    joined = absolute(join(base.text, unquote(path.text, errors="surrogateescape")))
    inside = roots.source_root and below(joined, roots.source_root) is not None
    if not inside and home and (named or below(joined, home[0].folder) is not None):
        roots.use(home[0], path, assumed=not home[0].named)
        path.text = join(quote(home[1], safe=_SAFE, errors="surrogateescape"), path.text)
        return 1
    # A file system is no folder to keep: what is below none of the roots begins at the root of the
    # repository, as Trivy writes it.
    if not inside and named and not any(below(joined, root.folder) is not None for root in roots.own):
        path.root = folded(canonical_of(base.text))
        return 1
    path.text, path.absolute = joined, True
    return 1


def strip_root(path: Path, roots: Roots) -> int:
    """An absolute path loses source_root, or else the folder that the run itself calls its root."""
    if not path.absolute:
        return 0
    path.text = absolute(path.text)
    known = [Root("source_root", roots.source_root, False)] if roots.source_root else []
    for root in [*known, *roots.own]:
        rest = below(path.text, root.folder)
        if rest is not None:
            path.text, path.absolute = quote(rest, safe=_SAFE, errors="surrogateescape"), False
            roots.use(root, path, assumed=root.says != "source_root")
            return 1
    return 0


def strip_slash(path: Path, roots: Roots) -> int:
    """With strip_leading_slash, what is still absolute starts at the repository root; without it, it cannot
    be used.
    """
    if not path.absolute:
        return 0
    if not roots.strip_slash or not path.text.startswith("/"):
        path.fault = "path_absolute"
        return 0
    path.text, path.absolute = quote(path.text.lstrip("/"), safe=_SAFE, errors="surrogateescape"), False
    return 1


def add_prefix(path: Path, roots: Roots) -> int:
    """path_prefix is put in front."""
    if not roots.prefix:
        return 0
    path.text = join(quote(roots.prefix, safe=_SAFE), path.text)
    return 1


def collapse_dots(path: Path, _roots: Roots) -> int:
    """`./`, `//` and `a/../b` are shortened; a path that leaves the repository, or names no file, cannot be
    used.
    """
    parts: list[str] = []
    for part in path.text.split("/"):
        plain = unquote(part)
        if plain == "..":
            if not parts:
                path.fault = "path_outside"
                return 0
            parts.pop()
        elif plain not in ("", "."):
            parts.append(part)
    short = "/".join(parts)
    if not short:
        path.fault = "path_empty"
    elif ".." in unquote(short).split("/"):
        path.fault = "path_outside"
    changed, path.text = short != path.text, short
    return int(changed)


def percent_encode(path: Path, _roots: Roots) -> int:
    """Characters that a URI does not allow are percent-encoded, and so is a colon in the first part, which
    would make a scheme.
    """
    text = quote(_STRAY_PERCENT.sub("%25", path.text), safe=_SAFE + "%", errors="surrogateescape")
    first, slash, rest = text.partition("/")
    text = first.replace(":", "%3A") + slash + rest
    changed, path.text = text != path.text, text
    return int(changed)


STEPS: tuple[tuple[str, t.Callable[[Path, Roots], int]], ...] = (
    ("file_uris", read_uri),
    ("uri_base_ids", apply_base),
    ("absolute_paths", strip_root),
    ("leading_slashes", strip_slash),
    ("path_prefix", add_prefix),
    ("dot_segments", collapse_dots),
    ("encoded_paths", percent_encode),
)


def _dicts(value: t.Any) -> list[Raw]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []
