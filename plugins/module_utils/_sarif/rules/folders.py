# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and files of the machine that scanned, in any spelling. Pure: no file is looked at.

Private to the collection, floor 3.
"""

from __future__ import annotations

import re
import typing as t
from urllib.parse import unquote

# Where the usual CI systems check a repository out: for the advice in an error, never for a path.
_CHECKOUTS = re.compile(
    r"(?:/home/runner/work/[^/]+/[^/]+|[A-Za-z]:/a/[^/]+/[^/]+|/builds/[^/]+/[^/]+|/github/workspace|/var/jenkins_home/workspace/[^/]+"
    r"|/bitbucket/pipelines/agent/build)(?=/|$)"
)
# What begins a path of a machine, and no path that begins at the root of a repository.
_OF_MACHINES = frozenset(
    f"/{name}"
    for name in ("home", "Users", "builds", "github", "bitbucket", "var", "opt", "tmp", "root", "usr", "mnt", "private", "srv", "agent",
                 "workspace", "workspaces")
)  # fmt: skip
# Drive letters, also percent-encoded ones, which were decoded before.
_DRIVE = re.compile(r"/*([A-Za-z]):(?=/|$)")
# ... and as very old URIs have them.
_DRIVE_OF_URI = re.compile(r"/*([A-Za-z])[:|](?=/|$)")
_DRIVE_OF_HOST = re.compile(r"[A-Za-z](?::|%3[Aa]|\|)")
# \\?\C:\w, \\.\C:\w, \??\C:\w and \\?\UNC\server\share, with forward slashes.
_DEVICE = re.compile(r"/+(?:[?.]|\?\?)/+(?:(?P<share>UNC/+)|(?=[A-Za-z]:))", re.IGNORECASE)
_FILE_SYSTEM = re.compile(r"/*|[A-Za-z]:/*|//[^/]*/*")


class Spelt(t.NamedTuple):
    """text: an absolute path, decoded and with forward slashes (`/w/a.py`, `C:/w/a.py`,
    `//server/share/a.py`); or a relative one, which stays encoded as it was written.
    """

    text: str
    absolute: bool


def spelt(text: str, encoded: bool = True) -> Spelt:
    """A path or file: URI as it is meant. encoded: whether a path without a scheme is percent-encoded too.

    In a URI a backslash cannot stand for itself, so it divides folders; one in a POSIX name is written %5C.
    """
    drives = _DRIVE
    if text[:5].lower() == "file:":
        rest, encoded, drives = _of_authority(text[5:].replace("\\", "/")), True, _DRIVE_OF_URI
    else:
        rest = text.replace("\\", "/") if encoded or not text.startswith("/") else text
    plain = unquote(rest, errors="surrogateescape") if encoded and "%" in rest else rest
    windows = plain.replace("\\", "/")
    device = _DEVICE.match(windows)
    if device:
        windows = plain = ("//" if device["share"] else "") + windows[device.end() :]
    drive = drives.match(windows)
    if drive:
        return Spelt(f"{drive[1].upper()}:{windows[drive.end() :]}", True)
    if windows.startswith("//"):
        return Spelt("//" + windows.lstrip("/"), True)
    if re.match(r"[A-Za-z]:", windows):
        return Spelt(windows, True)
    return Spelt(plain, True) if plain.startswith("/") else Spelt(rest, False)


def _of_authority(rest: str) -> str:
    """What follows `file:`, as a path: of another host it begins with two slashes."""
    if not rest.startswith("//"):
        return rest
    host, slash, path = rest[2:].partition("/")
    if host.lower() in ("", "localhost"):
        return f"/{path}"
    if _DRIVE_OF_HOST.fullmatch(host):
        return f"/{host}/{path}"
    # Some scanners put file:// in front of a relative path.
    relative = host in (".", "..") and not re.match(r"/*[A-Za-z](?::|%3[Aa])", path)
    return f"{host}{slash}{path}" if relative else rest


def canonical(folder: str) -> str:
    """An absolute folder, in any spelling, with forward slashes, without dots and without a slash at the end;
    empty for an empty one.
    """
    text = folder.strip()
    return absolute(spelt(text, encoded=False).text) if text else ""


def is_absolute(folder: str) -> bool:
    return spelt(folder.strip(), encoded=False).absolute


def is_file_system(folder: str) -> bool:
    """Whether it is the root of a file system (`/`, a drive, a server), which is nobody's checkout."""
    return bool(_FILE_SYSTEM.fullmatch(folder))


def folded(folder: str) -> str:
    """The same text for the same folder: Windows does not tell upper from lower case."""
    return folder if folder.startswith("/") and not folder.startswith("//") else folder.lower()


def absolute(text: str) -> str:
    """An absolute path without `.`, `..` and double slashes."""
    lead = "//" if text.startswith("//") else "/" if text.startswith("/") else ""
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return lead + "/".join(parts)


def below(path: str, root: str) -> str | None:
    """The rest of an absolute path below a root; None when it is elsewhere."""
    if path.startswith("//") and not root.startswith("//"):
        # file:////w is written for /w too, by putting file:/// in front of it.
        path = path[1:]
    root = root.rstrip("/")
    ours, theirs = folded(path), folded(root)
    if ours == theirs:
        return ""
    return path[len(root) + 1 :] if ours.startswith(theirs + "/") else None


def join(folder: str, rest: str) -> str:
    return f"{folder.rstrip('/')}/{rest}" if folder and rest else folder or rest


def common_folder(folder: str | None, path: str) -> str:
    """The folder that contains both the paths seen so far (None: none yet) and this one; empty when only a
    file system does.
    """
    parent = path.rpartition("/")[0]
    if folder is None:
        return parent
    same = 0
    ours, theirs = folder.split("/"), parent.split("/")
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    return "/".join(ours[:same])


def head_of(path: str) -> str:
    """The first folder of an absolute path, or its drive or server; empty for a file at the root."""
    folder = path.rpartition("/")[0]
    match = re.match(r"//[^/]*|/[^/]*|[^/]*", folder)
    return match[0] if match else ""


def of_a_machine(head: str) -> bool:
    """Whether a path with this head_of() can hardly begin at the root of a repository."""
    return head in _OF_MACHINES or head.startswith("//") or head[:1] not in ("", "/")


def advised_root(folder: str) -> str:
    """What to advise as source_root for paths below `folder`: the checkout folder of a usual CI system, or
    the folder itself.
    """
    checkout = _CHECKOUTS.match(folder)
    return checkout[0] if checkout else folder
