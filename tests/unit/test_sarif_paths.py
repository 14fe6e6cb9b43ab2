# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a path becomes relative to the repository root, and when it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.folders import (
    advised_root,
    common_folder,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.paths import Roots

CI = {"originalUriBaseIds": {"SRCROOT": {"uri": "file:///home/ci/app/"}}}
SUB = {"originalUriBaseIds": {"%SRCROOT%": {"uri": "file:///home/ci/app/sub/"}}}
BELOW = {"originalUriBaseIds": {"PROJECTROOT": {"uri": "file:///C:/code/proj/"}, "SRCROOT": {"uri": "src/", "uriBaseId": "PROJECTROOT"}}}
# The same without a chain, and with names that do not mean the root.
APART = {"originalUriBaseIds": {"HERE": {"uri": "file:///w/repo/lib/a/"}, "THERE": {"uri": "file:///w/repo/"}, "HOME": {"uri": "file:///w/"}}}
DISK = {"originalUriBaseIds": {"ROOTPATH": {"uri": "file:///"}, "SRCROOT": {"uri": "w/repo/", "uriBaseId": "ROOTPATH"}}}
MAPPED = {**CI, "versionControlProvenance": [{"mappedTo": {"uri": "sub", "uriBaseId": "TOP"}}, {"mappedTo": {"uri": "file:///home/ci/"}}]}
GCC = {"originalUriBaseIds": {"PWD": {"uri": "file:///home/ci/app/build/"}}}


@pytest.mark.parametrize(
    ("uri", "base", "run", "options", "expected"),
    [
        # as written
        ("src/a.py", None, {}, {}, "src/a.py"),
        ("src/my%20file%.py", None, {}, {}, "src/my%20file%25.py"),
        ("src/a#b?[c].py", None, {}, {}, "src/a%23b%3F%5Bc%5D.py"),
        ("src\\app\\a.cs", None, {}, {}, "src/app/a.cs"),
        # ... a backslash, which a URI cannot contain, separates folders; %5C is part of a name
        ("src\\main/java\\A.java", None, {}, {}, "src/main/java/A.java"),
        ("src/app\\a.cs", None, {}, {}, "src/app/a.cs"),
        (".\\src/b.py", None, {}, {}, "src/b.py"),
        ("src/odd%5Cname", None, {}, {}, "src/odd%5Cname"),
        ("src\\..\\b.py", None, {}, {}, "b.py"),
        ("a|/b.py", None, {}, {}, "a%7C/b.py"),
        ("a/../b", None, {}, {}, "b"),
        # base ids
        ("src/a.py", "%SRCROOT%", {}, {}, "src/a.py"),
        ("src/a.py", "UNDEFINED", {}, {}, "src/a.py"),
        ("library/nginx", "ROOTPATH", {"originalUriBaseIds": {"ROOTPATH": {"uri": "file:///"}}}, {}, "library/nginx"),
        ("src/a.py", "SRCROOT", CI, {}, "src/a.py"),
        ("a.py", "%SRCROOT%", SUB, {"source_root": "/home/ci/app"}, "sub/a.py"),
        ("a.py", "%SRCROOT%", SUB, {"source_root": "/elsewhere"}, "a.py"),
        ("a.c", "LOOP", {"originalUriBaseIds": {"LOOP": {"uriBaseId": "LOOP", "uri": "x/"}}}, {}, "x/a.c"),
        ("../usb.c", "PWD", GCC, {"source_root": "/home/ci/app"}, "usb.c"),
        ("usb.c", "PWD", GCC, {}, "usb.c"),
        # ... below others
        ("drivers/d.c", "SRCROOT", BELOW, {}, "src/drivers/d.c"),
        ("drivers/d.c", "SRCROOT", BELOW, {"source_root": "c:\\code\\proj"}, "src/drivers/d.c"),
        ("drivers/d.c", "SRCROOT", BELOW, {"source_root": "/elsewhere"}, "src/drivers/d.c"),
        ("d.c", "PROJECTROOT", BELOW, {}, "d.c"),
        ("../lib/d%2Bc", "SRCROOT", BELOW, {}, "lib/d%2Bc"),
        ("C:/Code/proj/src/d.c", None, BELOW, {}, "src/d.c"),
        ("a.py", "HERE", APART, {}, "lib/a/a.py"),
        ("../b.py", "HERE", APART, {}, "lib/b.py"),
        ("c.py", "THERE", APART, {}, "c.py"),
        ("file:///w/repo/lib/a/a.py", None, APART, {}, "lib/a/a.py"),
        ("a.py", "SRCROOT", DISK, {}, "a.py"),
        ("w/repo/a.py", "ROOTPATH", DISK, {}, "a.py"),
        ("w/repo/a.py", "ROOTPATH", DISK, {"source_root": "/w"}, "repo/a.py"),
        ("a.py", "SRCROOT", MAPPED, {}, "app/a.py"),
        # absolute
        ("file:///home/ci/app/src/a%20b.py", None, {}, {"source_root": "/home/ci/app"}, "src/a%20b.py"),
        ("file:/home/ci/app/a.py", None, {}, {"source_root": "/home/ci/app/"}, "a.py"),
        ("file://localhost/home/ci/app/a.py", None, {}, {"source_root": "/home/ci/app"}, "a.py"),
        ("/home/ci/app/a.py", None, CI, {}, "a.py"),
        ("/home/ci/app/a.py", None, {"versionControlProvenance": [{"mappedTo": {"uri": "file:///home/ci/app"}}]}, {}, "a.py"),
        ("/home/ci/app/a.py", None, {"invocations": [{"workingDirectory": {"uri": "/home/ci/app"}}]}, {}, "a.py"),
        ("file:///C:/Work/App/src/A.cs", None, {}, {"source_root": "c:\\work\\app"}, "src/A.cs"),
        ("C:\\work\\app\\src\\A.cs", None, {}, {"source_root": "C:/work/app"}, "src/A.cs"),
        ("file://server/share/app/a.c", None, {}, {"source_root": "\\\\server\\share\\app"}, "a.c"),
        ("/a.py", None, {}, {"source_root": "/"}, "a.py"),
        ("file://./src/a.py", None, {}, {}, "src/a.py"),
        ("file:////home/ci/app/a.py", None, {}, {"source_root": "/home/ci/app"}, "a.py"),
        # options
        ("/src/a.py", None, {}, {"strip_slash": True}, "src/a.py"),
        ("/BOOT-INF\\classes\\x.js", None, {}, {"strip_slash": True}, "BOOT-INF/classes/x.js"),
        ("../../lib/a.py", None, {}, {"prefix": "services/api/x"}, "services/lib/a.py"),
        ("/home/ci/app/a.py", None, {}, {"source_root": "/home/ci/app", "prefix": "mono/app"}, "mono/app/a.py"),
    ],
)
def test_relative(uri: str, base: str | None, run: dict[str, Any], options: dict[str, Any], expected: str) -> None:
    assert Roots(run, **options).resolve(uri, base).uri == expected


SPELLINGS = (
    "C:/w/app",
    "c:\\w\\app\\",
    "/C:/w/app",
    "C:\\w/app",
    "file:///C:/w/app",
    "file:/C:/w/app",
    "file://C:/w/app",
    "file://C:\\w\\app",
    "file:///c%3A/w/app",
    "file:///C:\\w\\app",
    "file://C%3A/w/app",
    "file://localhost/C:/w/app",
    "file:///C|/w/app",
    "file:C:/w/app",
    "FILE:///C:/w/app/",
    "\\\\?\\C:\\w\\app",
    "//?/C:/w/app",
    "\\\\.\\C:\\w\\app",
    "\\??\\C:\\w\\app",
    "file:///\\\\?\\C:\\w\\app",
    "file:////?/C:/w/app",
    "C:/w/x/../app",
)
SHARE_SPELLINGS = (
    "\\\\server\\share\\app",
    "//server/share/app",
    "file://server/share/app",
    "file:////server/share/app",
    "file://///Server/Share/app",
    "file:\\\\server\\share\\app",
    "\\\\?\\UNC\\server\\share\\app",
    "//?/unc/server/share/app",
)


@pytest.mark.parametrize("spellings", [SPELLINGS, SHARE_SPELLINGS])
def test_one_folder_in_any_spelling(spellings: tuple[str, ...]) -> None:
    """In every spelling of the scanner and the user the same file, and never a folder whose name begins like the root."""
    for written in spellings:
        for given in spellings:
            roots = Roots({}, source_root=given)
            for separator in "/\\":
                found = roots.resolve(f"{written.rstrip(separator)}{separator}src{separator}a.py", None)
                assert (found.uri, found.fault) == ("src/a.py", ""), (written, given)
            assert roots.resolve(f"{written.rstrip('/' + chr(92))}2/a.py", None).fault == "path_absolute"


@pytest.mark.parametrize(
    ("uri", "base", "run", "options", "fault"),
    [
        ("/home/ci/app/a.py", None, {}, {}, "path_absolute"),
        ("/home/ci/application/a.py", None, {}, {"source_root": "/home/ci/app"}, "path_absolute"),
        ("C:/work/a.cs", None, {}, {"strip_slash": True}, "path_absolute"),
        ("../usb.c", "PWD", GCC, {}, "path_absolute"),
        ("../d.c", "HERE", {"originalUriBaseIds": {"HERE": {"uri": "file:///w/repo/"}}}, {}, "path_absolute"),
        ("../../d.c", "SRCROOT", BELOW, {}, "path_outside"),
        # two folders that contradict each other prove nothing
        ("/one/a.c", None, {"originalUriBaseIds": {"A": {"uri": "/one"}, "B": {"uri": "/two"}}}, {}, "path_absolute"),
        # a root of / would make every absolute path look relative
        ("/etc/passwd", None, {"originalUriBaseIds": {"ROOTPATH": {"uri": "file:///"}}}, {}, "path_absolute"),
        ("../../src/main.tf", None, {}, {}, "path_outside"),
        ("src/%2e%2e/%2e%2e/x", None, {}, {}, "path_outside"),
        ("src/a%2F..%2F..%2Fx", None, {}, {}, "path_outside"),
        ("", "%SRCROOT%", {}, {}, "path_empty"),
        ("./", None, {}, {}, "path_empty"),
        ("/home/ci/app", None, {}, {"source_root": "/home/ci/app"}, "path_empty"),
        ("https://example.com/a", None, {}, {}, "path_other_scheme"),
        ("jar:file:/x.jar!/a", None, {}, {"strip_slash": True}, "path_other_scheme"),
        ("debian:12", None, {}, {}, "path_other_scheme"),
    ],
)
def test_unusable(uri: str, base: str | None, run: dict[str, Any], options: dict[str, Any], fault: str) -> None:
    resolved = Roots(run, **options).resolve(uri, base)
    assert (resolved.uri, resolved.fault) == (None, fault)


def test_own_evidence_is_named() -> None:
    roots = Roots(CI)
    roots.resolve("/home/ci/app/a.py", None)
    assert roots.used == {"/home/ci/app (originalUriBaseIds.SRCROOT)"}
    roots = Roots(CI, source_root="/home/ci/app")
    roots.resolve("/home/ci/app/a.py", None)
    assert roots.used == set()


def test_a_base_that_is_the_root_by_its_name_is_no_guess_and_one_by_its_place_is() -> None:
    for run, base, used in ((BELOW, "SRCROOT", set()), (APART, "HERE", {"/w/repo (originalUriBaseIds.THERE)"})):
        roots = Roots(run)
        assert roots.resolve("a.py", base).uri
        assert roots.used == used


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["/home/u/app/src/a.py"], "/home/u/app/src"),
        (["/home/u/app/src/a.py", "/home/u/app/b.py"], "/home/u/app"),
        (["/home/runner/work/shop/shop/src/a.py", "/home/runner/work/shop/shop/src/b.py"], "/home/runner/work/shop/shop"),
        (["D:/a/shop/shop/src/a.cs"], "D:/a/shop/shop"),
    ],
)
def test_advice(paths: list[str], folder: str) -> None:
    common = None
    for path in paths:
        common = common_folder(common, path)
    assert advised_root(common or "") == folder
