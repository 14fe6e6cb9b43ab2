# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read, and what is said of a file that cannot be."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import prepare as preparing
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import read as reading
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.pack import pack
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import find_files, prepare
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.read import parse, read
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.run import Options

RESULT = {
    "ruleId": "R1",
    "message": {"text": "größer ✓"},
    "level": "note",
    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1}}}],
}
LOG: dict[str, Any] = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "s", "rules": [{"id": "R1"}]}}, "results": [RESULT]}]}
TEXT = json.dumps(LOG, ensure_ascii=False)


@pytest.mark.parametrize(
    ("content", "converted"),
    [
        (TEXT.encode(), False),
        (codecs.BOM_UTF8 + TEXT.encode(), True),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), True),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), True),
        (TEXT.encode("utf-16-le"), True),
        (TEXT.encode("utf-16-be"), True),
    ],
)
def test_encodings(content: bytes, converted: bool) -> None:
    document = parse(content)
    assert document.log == LOG
    assert document.counts == ({"encoding": 1} if converted else {})


CUT = TEXT[: TEXT.index("größer") + 3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["is empty"]),
        (b" \n", ["is empty"]),
        (b"<!DOCTYPE html><html>", ["HTML", "starts with `<`"]),
        (b"<?xml version='1.0'?><checkstyle/>", ["XML", "starts with `<`"]),
        (b"INFO scanning ...\n" + TEXT.encode(), ["starts with 'INFO scannin'", "log lines"]),
        (CUT.encode(), [f"ends at byte {len(CUT.encode())}", "inside runs[0].results[0].message.text"]),
        (codecs.BOM_UTF16_LE + CUT.encode("utf-16-le"), [f"ends at byte {2 * len(CUT) + 2}", "results[0].message.text"]),
        (TEXT[:-3].encode(), ["ends at byte", "inside runs[0]"]),
        (TEXT.encode() + b"\nDone.", [f"follows the end of the report at byte {len(TEXT.encode()) + 1}"]),
        (TEXT.replace('"note"', "NaN").encode(), ["NaN at byte", "inside runs[0].results[0].level"]),
        (TEXT.replace('"note"', "1e999").encode(), ["1e999"]),
        (TEXT.replace('"note"', '"note",').encode(), ["at byte", "line 1, column"]),
        (TEXT.replace('"note"', "9" * 1_000_000).encode(), ["number too large", "inside runs[0].results[0].level"]),
        (b"[" * 100_000, ["nested too deeply"]),
        (TEXT.encode("latin-1", "replace"), [f"is not UTF-8: byte {TEXT.index(chr(246))} is wrong"]),
        (b"[]", ["no object with version and runs"]),
        (b'{"results": []}', ["neither version nor runs"]),
        (b'{"runs": []}', ["has no version"]),
        (b'{"version": "1.0.0", "runs": []}', ["is SARIF '1.0.0'", "sarif-multitool"]),
    ],
)
def test_broken_files(content: bytes, words: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        parse(content)
    assert [word for word in words if word not in str(refused.value)] == [], str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no regular file"):
        read(str(tmp_path))
    with pytest.raises(InputError, match=r"gone.sarif: cannot be read: No such file"):
        read(str(tmp_path / "gone.sarif"))
    (tmp_path / "big.sarif").write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(reading, "LARGEST_FILE", 100)
    with pytest.raises(InputError, match=r"big.sarif: is 0 MB; files over 0 MB are not read"):
        read(str(tmp_path / "big.sarif"))


def test_globs(tmp_path: Path) -> None:
    for name in ("b.sarif", "a.sarif", "c[1].sarif"):
        (tmp_path / name).write_text(TEXT, encoding="utf-8")
    (tmp_path / "loop").symlink_to(tmp_path)
    names = [str(tmp_path / name) for name in ("a.sarif", "b.sarif", "c[1].sarif")]
    assert find_files([f"{tmp_path}/*.sarif"]) == names
    assert find_files([names[2], f"{tmp_path}/**/*.sarif", names[0]]) == [names[2], *names[:2]]
    for pattern, words in ((f"{tmp_path}/*.json", "no file matches"), (f"{tmp_path}/x.sarif", "there is no file"), (" ", "empty entry")):
        with pytest.raises(InputError, match=words):
            find_files([pattern])
    with pytest.raises(InputError, match="path is empty"):
        find_files([])


def test_prepare_several_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.sarif").write_text(TEXT, encoding="utf-8")
    (tmp_path / "empty.sarif").write_text(json.dumps({**LOG, "runs": []}), encoding="utf-8")
    done = prepare([f"{tmp_path}/*.sarif"], Options())
    assert [(u.path[-7:], u.results, u.tools) for u in done.uploads] == [("a.sarif", 1, ["s"]), ("b.sarif", 1, ["s"])]
    assert done.levels == {"error": 0, "warning": 0, "note": 2, "none": 0}
    assert [w for w in done.warnings if "empty.sarif: not sent" in w]
    assert done.uploads[0].content.decode().count("größer ✓") == 1


def nested(depth: int, inmost: str = "") -> str:
    return TEXT.replace('"note"', '"note", "properties": {"deep": ' + "[" * depth + inmost + "]" * depth + "}")


# The middle one can be parsed, but not walked through to mend the half character in it.
@pytest.mark.parametrize(("depth", "inmost"), [(20_000, ""), (2_000, '"\\ud800"'), (100_000, "")])
def test_deep_nesting_is_refused_with_one_line(tmp_path: Path, depth: int, inmost: str) -> None:
    (tmp_path / "deep.sarif").write_text(nested(depth, inmost), encoding="utf-8")
    with pytest.raises(InputError, match=r"deep.sarif: is nested too deeply to be a SARIF file\.$"):
        prepare([str(tmp_path / "deep.sarif")], Options())


def test_moderate_nesting_is_sent(tmp_path: Path) -> None:
    (tmp_path / "deep.sarif").write_text(nested(500), encoding="utf-8")
    assert prepare([str(tmp_path / "deep.sarif")], Options()).uploads[0].content.count(b"[") > 500


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path_prefix": "/srv"}, "path_prefix must be a path inside the repository"),
        ({"path_prefix": "../x"}, "path_prefix must be a path inside the repository"),
        ({"default_location": "C:\\x"}, "default_location must be a path inside the repository"),
        ({"max_dropped_percent": 101.0}, "between 0 and 100"),
    ],
)
def test_options_that_cannot_be_right(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        preparing.check_options(Options(**options))


def test_size_limit_names_the_biggest() -> None:
    snippet = {"snippet": {"text": "x" * 300}}
    physical = {**RESULT["locations"][0]["physicalLocation"], "contextRegion": {"startLine": 1, **snippet}}  # type: ignore[index]
    log = {**LOG, "runs": [{**LOG["runs"][0], "results": [{**RESULT, "locations": [{"physicalLocation": physical}]}]}]}
    assert b"xxx" in pack(log, limit=900)
    assert b"xxx" not in pack(log, limit=400)
    with pytest.raises(InputError) as refused:
        pack(log, limit=200)
    for words in ("runs[0].results[].locations", "the biggest result: runs[0].results[0] (R1)", "adds to the first or replaces it"):
        assert words in str(refused.value)
