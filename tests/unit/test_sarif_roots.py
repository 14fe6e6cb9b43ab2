# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports whose runs have roots of every kind, in every spelling: two files never get the same path, and source_root decides if it can.

What is true is known from the way the reports are made: each result says in its message which file it is about.
"""

from __future__ import annotations

import os
import posixpath
import random
from typing import Any
from urllib.parse import quote

import pytest
from sarif_whole import normalise

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from starting import IN_CI

FOLDERS = {
    "posix": ("/ci/repo", "/ci/repo/src", "/ci/repo/services/pay", "/ci/repo/services/cart", "/ci", "/other", "/"),
    "windows": ("C:/w", "C:/w/src", "D:/x", "C:/w/a/b", "//srv/share/r", "//srv/share/r/src"),
}
BASES = ("SRCROOT", "%SRCROOT%", "PROJECTROOT", "ROOTPATH", "A", "B", "HOME")
FILES = ("a.py", "src/a.py", "b b.py", "../a.py", "pay/a.py")


def spelt(path: str, dice: random.Random) -> str:
    back = path.replace("/", "\\")
    if path.startswith("//"):
        return dice.choice([back, path, f"file:{path}", f"file://{path}", f"\\\\?\\UNC{back[1:]}"])
    if path[1:2] == ":":
        ways = [path, back, f"/{path}", f"file:///{path}", f"file://{path}", f"file:/{path}", f"file://{back}", f"\\\\?\\{back}"]
        return dice.choice([*ways, f"file:///{path.replace(':', '%3A')}", path.lower()])
    return dice.choice([path, f"file://{path}", f"file:{path}"])


def plain(path: str) -> str:
    """The path without dots; a Windows path in lower case."""
    lead = "//" if path.startswith("//") else ""
    found = lead + posixpath.normpath(path).lstrip("/") if lead else posixpath.normpath(path)
    return found if found.startswith("/") and not lead else found.lower()


def report(dice: random.Random, folders: tuple[str, ...]) -> dict[str, Any]:
    runs = []
    for _run in range(dice.randint(1, 3)):
        bases: dict[str, Any] = {}
        full: dict[str, str] = {}
        for name in dice.sample(BASES, dice.randint(0, 3)):
            if full and dice.random() < 0.5:
                parent, way = dice.choice(list(full)), dice.choice(["src/", "a/b", "../z/"])
                bases[name], full[name] = {"uri": way, "uriBaseId": parent}, f"{full[parent].rstrip('/')}/{way.rstrip('/')}"
            else:
                full[name] = dice.choice(folders)
                bases[name] = {"uri": spelt(full[name], dice) + dice.choice(["", "/"])}
        results = []
        for _result in range(dice.randint(1, 3)):
            file, base = dice.choice(FILES), dice.choice([*full, None])
            whole = f"{(full[base] if base else dice.choice(folders)).rstrip('/')}/{file}"
            place = {"uri": quote(file), "uriBaseId": base} if base else {"uri": spelt(whole, dice)}
            location = {"physicalLocation": {"artifactLocation": place, "region": {"startLine": 1}}}
            results.append({"ruleId": "R", "level": "error", "message": {"text": plain(whole)}, "locations": [location]})
        run = {"tool": {"driver": {"name": "t", "rules": [{"id": "R"}]}}, "originalUriBaseIds": bases, "results": results}
        if dice.random() < 0.2:
            mapped = {"uri": spelt(dice.choice(folders), dice)}
            run["versionControlProvenance"] = [{"repositoryUri": "https://h.example/x", "mappedTo": mapped}]
        if dice.random() < 0.2:
            run["invocations"] = [{"executionSuccessful": True, "workingDirectory": {"uri": spelt(dice.choice(folders), dice)}}]
        runs.append(run)
    return {"version": "2.1.0", "runs": runs}


@pytest.mark.parametrize("kind", FOLDERS)
def test_two_files_never_become_one_and_source_root_decides(kind: str) -> None:
    seed = int(os.environ.get("SEED", "0")) or (random.randrange(10**9) if IN_CI else 7)
    dice, sent, refused, decided, others = random.Random(seed), 0, 0, 0, 0
    for _report in range(5_000 if IN_CI else 300):
        root = dice.choice([*FOLDERS[kind], ""])
        document = report(dice, FOLDERS[kind])
        try:
            outcome = normalise(document, Options(source_root=spelt(root, dice) if root else "", max_dropped_percent=100))
        except InputError as exc:
            refused += "two files would become" in str(exc) and "source_root" in str(exc)
            others += "two files would become" not in str(exc)
            continue
        meant: dict[str, str] = {}
        for found in [found for run in (outcome.document or {"runs": []})["runs"] for found in run["results"]]:
            uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            file, sent = found["message"]["text"], sent + 1
            assert meant.setdefault(uri.lower() if kind == "windows" else uri, file) == file, (seed, document, root)
            below = f"{plain(root).rstrip('/')}/" if root else "\0"
            if file.startswith(below):
                rest = quote(file[len(below) :])
                assert (uri.lower() if kind == "windows" else uri) == rest, (seed, document, root)
                decided += 1
    assert (min(sent, refused, decided) > 20, others) == (True, 0), seed
