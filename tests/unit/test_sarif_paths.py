# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a path becomes relative to the repository root, and when it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.paths import Roots, advised_root, common_folder

CI = {"originalUriBaseIds": {"SRCROOT": {"uri": "file:///home/ci/app/"}}}
SUB = {"originalUriBaseIds": {"%SRCROOT%": {"uri": "file:///home/ci/app/sub/"}}}
GCC = {"originalUriBaseIds": {"PWD": {"uri": "file:///home/ci/app/build/"}}}


@pytest.mark.parametrize(
    ("uri", "base", "run", "options", "expected"),
    [
        # as written
        ("src/a.py", None, {}, {}, "src/a.py"),
        ("src/my%20file%.py", None, {}, {}, "src/my%20file%25.py"),
        ("src/a#b?[c].py", None, {}, {}, "src/a%23b%3F%5Bc%5D.py"),
        ("src\\app\\a.cs", None, {}, {}, "src/app/a.cs"),
        ("src/odd\\name", None, {}, {}, "src/odd%5Cname"),
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
        # options
        ("/src/a.py", None, {}, {"strip_slash": True}, "src/a.py"),
        ("/BOOT-INF\\classes\\x.js", None, {}, {"strip_slash": True}, "BOOT-INF/classes/x.js"),
        ("../../lib/a.py", None, {}, {"prefix": "services/api/x"}, "services/lib/a.py"),
        ("/home/ci/app/a.py", None, {}, {"source_root": "/home/ci/app", "prefix": "mono/app"}, "mono/app/a.py"),
    ],
)
def test_relative(uri: str, base: str | None, run: dict[str, Any], options: dict[str, Any], expected: str) -> None:
    assert Roots(run, **options).resolve(uri, base).uri == expected


@pytest.mark.parametrize(
    ("uri", "base", "run", "options", "fault"),
    [
        ("/home/ci/app/a.py", None, {}, {}, "path_absolute"),
        ("/home/ci/application/a.py", None, {}, {"source_root": "/home/ci/app"}, "path_absolute"),
        ("C:/work/a.cs", None, {}, {"strip_slash": True}, "path_absolute"),
        ("../usb.c", "PWD", GCC, {}, "path_absolute"),
        # two folders that contradict each other are no evidence
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
