# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the paths of a SARIF file relative to the repository root. Pure: reads no files.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
from urllib.parse import quote, unquote

from ..._admitted import Raw
from .clean import as_dict, dicts_of
from .folders import absolute, below, canonical, folded, is_file_system, join, spelt

# Base IDs that mean the repository root by convention.
_ROOT_NAMES = ("SRCROOT", "ROOTPATH", "PROJECTROOT", "REPOROOT", "REPO_ROOT", "SOURCEROOT")
# Base IDs of folders that say nothing about where the repository is.
_PERSONAL = ("HOME", "USERPROFILE", "TEMP", "TMP", "TMPDIR")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]+:")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# How many results of each kind are remembered, so that no report can fill the memory.
REMEMBERED = 8_000
# How many base IDs may refer to each other in a chain, and how long the resulting path may be.
MOST_BASES, LONGEST_BASE = 20, 8_192
# How many folders that a run names as its root are compared with each path.
MOST_ROOTS = 100
_SAFE = "/!$&'()*+,;=:@-._~"
# A path that no step changes, unless the run's base IDs or path_prefix do.
_NAME = r"(?!\.\.?(?:/|$))[A-Za-z0-9!$&'()*+,;=@._~-]+"
_PLAIN = re.compile(f"{_NAME}(?:/{_NAME})*")


@dataclasses.dataclass
class Path:
    """A path between two steps.

    text: decoded if the path is absolute, otherwise percent-encoded as in the report.
    fault: why it cannot be used, or empty.
    root: the folder of the machine that scanned to which the path is relative, folded; empty if unknown.
    """

    text: str
    base_id: str | None = None
    absolute: bool = False
    fault: str = ""
    root: str = ""


class Resolved(t.NamedTuple):
    """The outcome of all steps.

    uri: the path relative to the repository root; None if it cannot be used.
    changes: names of the rules that changed it.
    fault, shown: why it cannot be used, and the path at that step.
    root: as in Path.
    """

    uri: str | None
    changes: tuple[str, ...] = ()
    fault: str = ""
    shown: str = ""
    root: str = ""


class Root(t.NamedTuple):
    """A folder that a run names as its root. says: where. named: whether by a base ID such as SRCROOT."""

    says: str
    folder: str
    named: bool


class Roots:
    """The folders to which the paths of one run may be relative.

    run: the SARIF run.
    source_root: absolute folder of the repository on the machine that scanned, or empty.
    prefix: folder of the repository in which the scan ran, or empty.
    strip_slash: whether a leading slash means the repository root.
    used: the run's own roots, in words, that were used although the report does not clearly name them.
    """

    def __init__(self, run: Raw, source_root: str = "", prefix: str = "", strip_slash: bool = False) -> None:
        self.source_root, self.prefix, self.strip_slash = canonical(source_root), prefix, strip_slash
        self.bases = as_dict(run.get("originalUriBaseIds"))
        self._found: dict[str, Path | None] = {}
        self.own = self._own(run)
        self.used: set[str] = set()
        self._homes: dict[str, tuple[Root, str] | None] = {}
        self._idle: dict[str | None, str | None] = {None: ""}

    def base(self, base_id: str) -> Path | None:
        """The folder of a base ID, absolute or relative to the repository root; None if unknown."""
        if base_id not in self._found:
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            base = self._find({"uriBaseId": base_id})
            self._found[base_id] = None if base is None or len(base.text) > LONGEST_BASE else base
        return self._found[base_id]

    def _find(self, location: t.Any) -> Path | None:
        """The folder of an artifactLocation, joined to that of its base ID, of the base ID's base ID, ..."""
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
        """The folders that the run names as its root, the clearest first; the outermost of nested ones."""
        known = [
            Root("versionControlProvenance", self._folder(entry.get("mappedTo")), False)
            for entry in dicts_of(run.get("versionControlProvenance"))
        ]
        known = list(dict.fromkeys(_outermost(known)))
        bases = [(name, base.text) for name in self.bases if (base := self.base(name)) and base.absolute]
        bases = [base for base in bases if base[0].strip("%").upper() not in _PERSONAL] or bases
        outermost = _outermost([Root(f"originalUriBaseIds.{n}", f, is_root_name(n)) for n, f in bases])
        known += [root for root, (name, _folder) in zip(outermost, bases) if is_root_name(name)]
        distinct = dict.fromkeys(root for root in outermost if root.folder)
        # Of several folders side by side, none is known to be the root.
        known += distinct if len(distinct) == 1 else ()
        for entry in dicts_of(run.get("invocations")):
            folder = absolute(self._folder(entry.get("workingDirectory")))
            known.append(Root("invocations.workingDirectory", folder, False))
        roots: dict[str, Root] = {}
        for root in known:
            if len(roots) < MOST_ROOTS and not is_file_system(root.folder):
                roots.setdefault(folded(root.folder), root)
        return list(roots.values())

    def _folder(self, location: t.Any) -> str:
        path = self._find(location)
        return path.text if path and path.absolute else ""

    def home(self, base_id: str) -> tuple[Root, str] | None:
        """The run's root that contains the folder of this base ID, and the folder relative to that root."""
        if base_id not in self._homes:
            if len(self._homes) >= REMEMBERED:
                self._homes.clear()
            base, self._homes[base_id] = self.base(base_id), None
            if base and base.absolute:
                text = absolute(base.text)
                self._homes[base_id] = next(
                    ((root, rest) for root in self.own if (rest := below(text, root.folder)) is not None),
                    None,
                )
        return self._homes[base_id]

    def resolve(self, uri: str, base_id: str | None) -> Resolved:
        """Make a path relative to the repository root."""
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
        """The root, as in Path, for a base ID that does not change a relative path; otherwise None."""
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
        """The path is relative to this root. assumed: whether to warn the user about that."""
        path.root = folded(root.folder)
        if assumed:
            self.used.add(f"{root.folder} ({root.says})")


def is_root_name(base_id: str) -> bool:
    return base_id.strip("%").upper() in _ROOT_NAMES


def _outermost(roots: list[Root]) -> list[Root]:
    """For each root the outermost of them that contains it; an empty Root for a file system."""
    plain = [root._replace(folder=absolute(root.folder)) for root in roots]
    # In this order, a folder is followed by the folders within it.
    order = sorted(range(len(plain)), key=lambda n: (folded(plain[n].folder) + "/", not plain[n].named))
    empty = root = Root("", "", False)
    outermost, key = [empty] * len(plain), ""
    for number in order:
        path = folded(plain[number].folder) + "/"
        if is_file_system(plain[number].folder):
            continue
        if not key or not path.startswith(key):
            key, root = path, plain[number]
        outermost[number] = root
    return outermost


def read_uri(path: Path, _roots: Roots) -> int:
    """Turn file: URIs, drive letters and backslashes into plain paths. Another scheme is a fault."""
    text = path.text
    path.text, path.absolute = spelt(text)
    if not path.absolute and _SCHEME.match(path.text):
        path.fault = "path_other_scheme"
    return int(path.text != text)


def apply_base(path: Path, roots: Roots) -> int:
    """Put the folder of uriBaseId in front, relative to the run's root if it is below that. A base ID that
    the report does not define adds nothing.
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
    # Trivy writes file:/// as the root: such a path already begins at the root of the repository.
    if not inside and named and not any(below(joined, root.folder) is not None for root in roots.own):
        path.root = folded(absolute(base.text))
        return 1
    path.text, path.absolute = joined, True
    return 1


def strip_root(path: Path, roots: Roots) -> int:
    """Remove source_root from an absolute path, or else a folder that the run names as its root."""
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
    """With strip_leading_slash, a still absolute path starts at the repository root; otherwise a fault."""
    if not path.absolute:
        return 0
    if not roots.strip_slash or not path.text.startswith("/"):
        path.fault = "path_absolute"
        return 0
    path.text, path.absolute = quote(path.text.lstrip("/"), safe=_SAFE, errors="surrogateescape"), False
    return 1


def add_prefix(path: Path, roots: Roots) -> int:
    """Put path_prefix in front."""
    if not roots.prefix:
        return 0
    path.text = join(quote(roots.prefix, safe=_SAFE), path.text)
    return 1


def collapse_dots(path: Path, _roots: Roots) -> int:
    """Shorten `./`, `//` and `a/../b`. A path out of the repository, or without a file, is a fault."""
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
    """Percent-encode what a URI does not allow, and a colon in the first part, which would end a scheme."""
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
