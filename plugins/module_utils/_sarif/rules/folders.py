# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and files of the machine that scanned, in any spelling. Pure: reads no files.

Private to the collection, floor 3.
"""

from __future__ import annotations

import itertools
import re
import typing as t
from urllib.parse import unquote

# Where common CI systems check out a repository. Only for the advice in messages.
_CHECKOUTS = re.compile(
    r"(?:/home/runner/work/[^/]+/[^/]+|[A-Za-z]:/a/[^/]+/[^/]+|/builds/[^/]+/[^/]+|/github/workspace"
    r"|/var/jenkins_home/workspace/[^/]+|/bitbucket/pipelines/agent/build)(?=/|$)"
)
# First folders of absolute paths that are hardly folders of a repository.
_OF_MACHINES = frozenset((
    "home", "Users", "builds", "github", "bitbucket", "var", "opt", "tmp", "root", "usr", "mnt", "private",
    "srv", "agent", "workspace", "workspaces",
))  # fmt: skip
_DRIVE = re.compile(r"/*([A-Za-z]):(?=/|$)")
# Very old URIs write C| for C:.
_DRIVE_OF_URI = re.compile(r"/*([A-Za-z])[:|](?=/|$)")
_DRIVE_OF_HOST = re.compile(r"[A-Za-z](?::|%3[Aa]|\|)")
# \\?\C:\w, \\.\C:\w, \??\C:\w and \\?\UNC\server\share, with forward slashes.
_DEVICE = re.compile(r"/+(?:[?.]|\?\?)/+(?:(?P<share>UNC/+)|(?=[A-Za-z]:))", re.IGNORECASE)
_FILE_SYSTEM = re.compile(r"/*|[A-Za-z]:/*|//[^/]*/*")


class Spelt(t.NamedTuple):
    """A path in one spelling.

    text: an absolute path is decoded and has forward slashes (`/w/a.py`, `C:/w/a.py`, `//server/share/a.py`);
        a relative path stays percent-encoded.
    """

    text: str
    absolute: bool


def spelt(text: str, encoded: bool = True) -> Spelt:
    """A path or file: URI in one spelling. encoded: whether a path without a scheme is percent-encoded.

    A URI writes a backslash of a POSIX name as %5C, so a plain backslash separates folders.
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
    """The path of a URI, from the text after `file:`. On another host it begins with two slashes."""
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
    """An absolute folder with forward slashes and no dots or final slash; empty for an empty text."""
    return absolute(spelt(folder.strip(), encoded=False).text)


def is_absolute(folder: str) -> bool:
    return spelt(folder.strip(), encoded=False).absolute


def is_file_system(folder: str) -> bool:
    """Whether a folder is the root of a file system (`/`, a drive, a server), which cannot be a checkout."""
    return bool(_FILE_SYSTEM.fullmatch(folder))


def folded(folder: str) -> str:
    """A folder as it is compared: Windows does not distinguish upper and lower case."""
    return folder if folder.startswith("/") and not folder.startswith("//") else folder.lower()


def absolute(text: str) -> str:
    """An absolute path, or an empty text, without `.`, `..` and double slashes."""
    lead = "//" if text.startswith("//") else "/" if text.startswith("/") else ""
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return lead + "/".join(parts)


def below(path: str, root: str) -> str | None:
    """An absolute path relative to a root; None if it is outside of the root."""
    if path.startswith("//") and not root.startswith("//"):
        # Some programs put file:/// in front of /w, which makes file:////w.
        path = path[1:]
    root = root.rstrip("/")
    ours, theirs = folded(path), folded(root)
    if ours == theirs:
        return ""
    return path[len(root) + 1 :] if ours.startswith(theirs + "/") else None


def join(folder: str, rest: str) -> str:
    return f"{folder.rstrip('/')}/{rest}" if folder and rest else folder or rest


def common_folder(folder: str | None, path: str) -> str:
    """The folder that contains a path and everything in `folder`; empty if only a file system contains both.

    folder: the result for the earlier paths, None for the first path.
    """
    parent = path.rpartition("/")[0]
    if folder is None:
        return parent
    pairs = zip(folder.split("/"), parent.split("/"))
    return "/".join(ours for ours, _theirs in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def head_of(path: str) -> str:
    """The first folder, drive or server of an absolute path; empty for a file at the root."""
    folder = path.rpartition("/")[0]
    match = re.match(r"//[^/]*|/[^/]*|[^/]*", folder)
    return match[0] if match else ""


def of_a_machine(head: str) -> bool:
    """Whether a path with this head_of() is hardly relative to the root of a repository."""
    return head[1:] in _OF_MACHINES or head.startswith("//") or head[:1] not in ("", "/")


def advised_root(folder: str) -> str:
    """The source_root to suggest for paths in `folder`: a common CI system's checkout, or `folder`."""
    checkout = _CHECKOUTS.match(folder)
    return checkout[0] if checkout else folder
