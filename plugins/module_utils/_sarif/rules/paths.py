# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, how a path in a SARIF file becomes relative to the repository root. Pure: no file is looked at.
from __future__ import annotations

import dataclasses
import re
import typing as t
from urllib.parse import quote, unquote

Raw = dict[str, t.Any]

# Base ids that mean the repository root by convention, whatever value the file gives them (Trivy writes file:/// for ROOTPATH).
_ROOT_NAMES = ("SRCROOT", "ROOTPATH", "PROJECTROOT", "REPOROOT", "REPO_ROOT", "SOURCEROOT")
# Where the usual CI systems check a repository out: for the advice in an error, never for a path.
_CHECKOUTS = re.compile(
    r"(?:/home/runner/work/[^/]+/[^/]+|[A-Za-z]:/a/[^/]+/[^/]+|/builds/[^/]+/[^/]+|/github/workspace|/var/jenkins_home/workspace/[^/]+"
    r"|/bitbucket/pipelines/agent/build)(?=/|$)"
)
_DRIVE = re.compile(r"[A-Za-z]:")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]+:")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# At most so many outcomes (of paths, of shared steps) are remembered: a report with more of them must not fill the memory.
REMEMBERED = 8_000
# A chain of base ids is followed so far, and what it comes to may be so long: no folder of a machine that scans is.
MOST_BASES, LONGEST_BASE = 20, 8_192
# Folders that a run calls its root, of which so many are tried with each path.
MOST_ROOTS = 100
_SAFE = "/!$&'()*+,;=:@-._~"
# A path that no step changes.
_NAME = r"(?!\.\.?(?:/|$))[A-Za-z0-9!$&'()*+,;=@._~-]+"
_PLAIN = re.compile(f"{_NAME}(?:/{_NAME})*")


@dataclasses.dataclass
class Path:
    """One path on its way: `text` absolute and decoded, or relative and as written. `fault`: why it cannot be used."""

    text: str
    base_id: str | None = None
    absolute: bool = False
    fault: str = ""


class Resolved(t.NamedTuple):
    """uri: relative to the repository root, or None. changes: names of the rules that changed it. fault, shown: why and what it was."""

    uri: str | None
    changes: tuple[str, ...] = ()
    fault: str = ""
    shown: str = ""


class Roots:
    """What is known about where one run's paths start: the options, and what the run says itself.

    source_root: absolute folder of the repository on the machine that scanned, or empty. prefix: folder of the repository in which the
    scan ran, or empty. strip_slash: whether a leading slash means the repository root. run: the SARIF run.
    """

    def __init__(self, run: Raw, source_root: str = "", prefix: str = "", strip_slash: bool = False) -> None:
        self.source_root, self.prefix, self.strip_slash = canonical(source_root), prefix, strip_slash
        bases = run.get("originalUriBaseIds")
        self.bases: Raw = bases if isinstance(bases, dict) else {}
        self._found: dict[str, Path | None] = {}
        self.own = self._own(run)
        self.used: set[str] = set()
        self._idle: dict[str | None, bool] = {None: True}

    def base(self, base_id: str) -> Path | None:
        """The folder a base id stands for: absolute, or relative to the repository root; None when the file does not say."""
        if base_id not in self._found:
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            base = self._find(base_id)
            self._found[base_id] = None if base is None or len(base.text) > LONGEST_BASE else base
        return self._found[base_id]

    def _find(self, base_id: str) -> Path | None:
        prefix, seen = "", set[str]()
        name: str | None = base_id
        while name is not None and name not in seen:
            if len(seen) == MOST_BASES or len(prefix) > LONGEST_BASE:
                return None
            seen.add(name)
            entry = self.bases.get(name)
            uri = entry.get("uri") if isinstance(entry, dict) else None
            if isinstance(uri, str) and uri:
                if len(uri) > LONGEST_BASE:
                    return None
                path = Path(uri)
                read_uri(path, self)
                if path.fault:
                    return None
                if path.absolute:
                    return Path(_join(path.text, unquote(prefix)), absolute=True)
                prefix = _join(path.text, prefix)
            parent = entry.get("uriBaseId") if isinstance(entry, dict) else None
            name = parent if isinstance(parent, str) else None
        return Path(prefix) if prefix else None

    def _own(self, run: Raw) -> list[tuple[str, str]]:
        """(where the run says so, folder) of every folder that the run itself calls its root, the most telling first."""
        found = []
        for entry in _dicts(run.get("versionControlProvenance")):
            found.append(("versionControlProvenance", self._folder(entry.get("mappedTo"))))
        absolute = {name: base.text for name in self.bases if (base := self.base(name)) and base.absolute}
        found += [(f"originalUriBaseIds.{name}", text) for name, text in absolute.items() if is_root_name(name)]
        if len(absolute) == 1:
            found += [(f"originalUriBaseIds.{name}", text) for name, text in absolute.items()]
        for entry in _dicts(run.get("invocations")):
            found.append(("invocations.workingDirectory", self._folder(entry.get("workingDirectory"))))
        roots: dict[str, str] = {}
        for says, text in found:
            root = canonical(text)
            if root and len(roots) < MOST_ROOTS and not re.fullmatch(r"/|[A-Za-z]:/?", root):
                roots.setdefault(root, says)
        return [(says, root) for root, says in roots.items()]

    def _folder(self, location: t.Any) -> str:
        uri = location.get("uri") if isinstance(location, dict) else None
        if not isinstance(uri, str):
            return ""
        path = Path(uri)
        read_uri(path, self)
        return path.text if path.absolute else ""

    def resolve(self, uri: str, base_id: str | None) -> Resolved:
        if not self.prefix and _PLAIN.fullmatch(uri) and self._adds_nothing(base_id):
            return Resolved(uri, () if base_id is None else ("uri_base_ids",))
        path, changes = Path(uri, base_id), []
        for name, step in STEPS:
            if step(path, self):
                changes.append(name)
            if path.fault:
                return Resolved(None, fault=path.fault, shown=path.text if path.absolute else uri)
        return Resolved(path.text, tuple(changes))

    def _adds_nothing(self, base_id: str | None) -> bool:
        """Whether a relative path with this base id is relative to the repository root."""
        if base_id not in self._idle:
            base = self.base(base_id) if base_id is not None else None
            if len(self._idle) >= REMEMBERED:
                self._idle.clear()
            self._idle[base_id] = base is None or (base.absolute and is_root_name(base_id or "") and not self.source_root)
        return self._idle[base_id]


def is_root_name(base_id: str) -> bool:
    return base_id.strip("%").upper() in _ROOT_NAMES


def canonical(folder: str) -> str:
    """An absolute folder with forward slashes, without dots and without a slash at the end; empty for an empty one."""
    text = folder.strip()
    if _DRIVE.match(text) or "/" not in text:
        text = text.replace("\\", "/")
    return _absolute(text) if text else ""


def is_absolute(folder: str) -> bool:
    return folder.startswith(("/", "\\\\")) or bool(_DRIVE.match(folder))


def read_uri(path: Path, _roots: Roots) -> int:
    """file: URIs, drive letters and backslashes become plain paths; another scheme is no file of the repository."""
    text = path.text
    if text[:5].lower() == "file:":
        rest = text[5:]
        if rest.startswith("//"):
            host, slash, rest = rest[2:].partition("/")
            rest = slash + rest if host.lower() in ("", "localhost") else f"//{host}{slash}{rest}"
        path.text = unquote(rest, errors="surrogateescape") if rest.startswith("/") else rest
        if re.match(r"/[A-Za-z]:", path.text):
            path.text = path.text[1:]
    # A POSIX name may hold a backslash: it divides folders only where no slash does.
    if _DRIVE.match(path.text) or "/" not in path.text[1:]:
        path.text = path.text.replace("\\", "/")
    path.absolute = is_absolute(path.text)
    if path.absolute and text[:5].lower() != "file:":
        path.text = unquote(path.text, errors="surrogateescape")
    if not path.absolute and _SCHEME.match(path.text):
        path.fault = "path_other_scheme"
    return int(path.text != text)


def apply_base(path: Path, roots: Roots) -> int:
    """The folder of uriBaseId is put in front; an id that means the repository root, or that the file does not define, adds nothing."""
    if path.base_id is None or path.absolute:
        return int(path.base_id is not None)
    base = roots.base(path.base_id)
    if base is None:
        return 1
    if not base.absolute:
        path.text = _join(base.text, path.text)
        return 1
    joined = _absolute(_join(base.text, unquote(path.text, errors="surrogateescape")))
    if not is_root_name(path.base_id) or (roots.source_root and _below(joined, roots.source_root) is not None):
        path.text, path.absolute = joined, True
    return 1


def strip_root(path: Path, roots: Roots) -> int:
    """An absolute path loses source_root, or else the folder that the run itself calls its root."""
    if not path.absolute:
        return 0
    path.text = _absolute(path.text)
    known = [("source_root", roots.source_root)] if roots.source_root else []
    for says, root in [*known, *roots.own]:
        rest = _below(path.text, root)
        if rest is not None:
            path.text, path.absolute = quote(rest, safe=_SAFE, errors="surrogateescape"), False
            if says != "source_root":
                roots.used.add(f"{root} ({says})")
            return 1
    return 0


def strip_slash(path: Path, roots: Roots) -> int:
    """With strip_leading_slash, what is still absolute starts at the repository root; without it, it cannot be used."""
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
    path.text = _join(quote(roots.prefix, safe=_SAFE), path.text)
    return 1


def collapse_dots(path: Path, _roots: Roots) -> int:
    """`./`, `//` and `a/../b` are shortened; a path that leaves the repository, or names no file, cannot be used."""
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
    """Characters that a URI does not allow are percent-encoded, and so is a colon in the first part, which would make a scheme."""
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


def common_folder(folder: str | None, path: str) -> str:
    """The folder that contains both the paths seen so far (None: none yet) and this one."""
    parent = path.rpartition("/")[0]
    if folder is None:
        return parent
    same = 0
    ours, theirs = folder.split("/"), parent.split("/")
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    return "/".join(ours[:same])


def advised_root(folder: str) -> str:
    """What to advise as source_root for paths below `folder`: the checkout folder of a usual CI system, or the folder itself."""
    checkout = _CHECKOUTS.match(folder)
    return checkout[0] if checkout else folder


def _absolute(text: str) -> str:
    lead = "//" if text.startswith("//") else "/" if text.startswith("/") else ""
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return lead + "/".join(parts)


def _below(path: str, root: str) -> str | None:
    """The rest of an absolute path below a root; None when it is elsewhere. Windows does not tell upper from lower case."""
    root = root.rstrip("/")
    ours, theirs = (path, root) if root.startswith("/") and not root.startswith("//") else (path.lower(), root.lower())
    if ours == theirs:
        return ""
    return path[len(root) + 1 :] if ours.startswith(theirs + "/") else None


def _join(folder: str, rest: str) -> str:
    return f"{folder.rstrip('/')}/{rest}" if folder and rest else folder or rest


def _dicts(value: t.Any) -> list[Raw]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []
