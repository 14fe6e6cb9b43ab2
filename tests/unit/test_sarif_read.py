# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading files, and the messages for files that cannot be read."""

from __future__ import annotations

import base64
import bz2
import codecs
import errno
import gzip
import json
import lzma
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import prepare as preparing
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import read as reading
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import text as walking
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import find_files, prepare
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.read import (
    Head,
    Take,
    read_head,
    read_results,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.text import Text
from starting import IN_CI

RESULT = {
    "ruleId": "R1",
    "message": {"text": "größer ✓"},
    "level": "note",
    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1}}}],
}
LOG: dict[str, Any] = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "s", "rules": [{"id": "R1"}]}}, "results": [RESULT]}]}
TEXT = json.dumps(LOG, ensure_ascii=False)


def parse(tmp_path: Path, content: bytes) -> tuple[Head, list[Any]]:
    """Both passes over a file: the head, and the results in order. If the first pass got the results, they are the same."""
    path = tmp_path / "report.sarif"
    path.write_bytes(content)
    passes: list[list[Any]] = [[], []]

    def taker(results: list[Any]) -> Take:
        def take(text: Text, number: int, _run: dict[str, Any]) -> int:
            found = [text.value(f"runs[{number}].results[{at}]") for at in text.items("results")]
            results.extend(found)
            return len(found)

        return take

    head = read_head(str(path), taker(passes[0]))
    assert read_results(str(path), taker(passes[1]), head.log["runs"]) == head.found
    assert not head.complete or passes[0] == passes[1]
    return head, passes[1]


@pytest.mark.parametrize(
    ("content", "converted"),
    [
        (TEXT.encode(), False),
        (codecs.BOM_UTF8 + TEXT.encode(), True),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), True),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), True),
        (TEXT.encode("utf-16-le"), True),
        (TEXT.encode("utf-16-be"), True),
        # two programs have added a mark
        (codecs.BOM_UTF8 * 2 + TEXT.encode(), True),
        (codecs.BOM_UTF16_LE * 3 + TEXT.encode("utf-16-le"), True),
        (codecs.BOM_UTF8 + codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), True),
        (codecs.BOM_UTF8 + TEXT.encode("utf-16-be"), True),
        (codecs.BOM_UTF8.decode("latin-1").encode() + TEXT.encode(), True),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_encodings(content: bytes, converted: bool, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "CHUNK", chunk)
    head, results = parse(tmp_path, content)
    (run,) = LOG["runs"]
    assert head.log == {**LOG, "runs": [{"tool": run["tool"]}]}
    assert results == [RESULT]
    assert head.counts == ({"encoding": 1} if converted else {})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=150 if IN_CI else 50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(results=st.lists(VALUES, max_size=5), later=st.booleans(), indent=st.sampled_from([None, 1]), ascii_only=st.booleans(),
       chunk=st.sampled_from([1, 3, 17, 97, 1 << 20]), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))  # fmt: skip
def test_the_walker_reads_what_json_reads(
    results: list[Any], later: bool, indent: int | None, ascii_only: bool, chunk: int, encoding: str, tmp_path: Path
) -> None:
    tool = {"tool": {"driver": {"name": "s", "rules": [{"id": "R1"}]}}}
    run = {"results": results, **tool} if later else {**tool, "results": results}
    text = json.dumps({"version": "2.1.0", "runs": [run]}, indent=indent, ensure_ascii=ascii_only)
    with mock.patch.object(walking, "CHUNK", chunk):
        head, read = parse(tmp_path, text.encode(encoding))
    assert read == json.loads(text)["runs"][0]["results"]
    assert head.log["runs"] == [tool]


CUT = TEXT[: TEXT.index("größer") + 3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["is empty"]),
        (b" \n", ["is empty"]),
        (b"<!DOCTYPE html><html>", ["HTML", "starts with `<`"]),
        (b"<?xml version='1.0'?><checkstyle/>", ["XML", "starts with `<`"]),
        (b"INFO scanning ...\n" + TEXT.encode(), ["starts with 'INFO", "log lines"]),
        (CUT.encode(), [f"ends at byte {len(CUT.encode())}", "inside runs[0].results[0].message.text"]),
        (codecs.BOM_UTF16_LE + CUT.encode("utf-16-le"), [f"ends at byte {2 * len(CUT) + 2}", "results[0].message.text"]),
        (TEXT[:-3].encode(), ["ends at byte", "inside runs[0]"]),
        (TEXT.encode() + b"\nDone.", [f"follows the end of the report at byte {len(TEXT.encode()) + 1}"]),
        (TEXT.replace('"note"', "NaN").encode(), ["NaN at byte", "inside runs[0].results[0].level"]),
        (TEXT.replace('"note"', "1e999").encode(), ["1e999"]),
        (TEXT.replace('"note"', '"note",').encode(), ["expecting property name", "at byte", "inside runs[0].results[0]"]),
        (TEXT.replace('"note"', "9" * 1_000_000).encode(), ["number too large", "inside runs[0].results[0].level"]),
        (TEXT.encode("latin-1", "replace"), [f"is not UTF-8: byte {TEXT.index(chr(246))} is wrong"]),
        (b"[]", ["not contain an object with version and runs"]),
        (TEXT.replace("ö", "\n").encode(), ["invalid control character at byte", "results[0].message.text. It is a line break", "as \\n:"]),
        (TEXT.replace("ö", "\x1b").encode(), ["character at byte", "the character 0x1b, which JSON allows in a text only as \\u001b"]),
        (TEXT.replace("ö", "\\x").encode(), ["invalid \\escape at byte", "message.text."]),
        (gzip.compress(TEXT.encode()), ["is compressed (gzip)", "gunzip"]),
        (bz2.compress(TEXT.encode()), ["is compressed (bzip2)", "bunzip2"]),
        (lzma.compress(TEXT.encode()), ["is compressed (xz)", "unxz"]),
        (lzma.compress(TEXT.encode(), lzma.FORMAT_ALONE), ["is compressed (lzma)", "unlzma"]),
        (base64.b64encode(gzip.compress(TEXT.encode())), ["is compressed (gzip, in Base64)", "base64 -d FILE | gunzip"]),
        (b"PK\x03\x04\x14\0", ["is compressed (zip)", "unzip"]),
        (b"\x28\xb5\x2f\xfd\x24", ["is compressed (zstd)", "unzstd"]),
        (b'{"results": []}', ["neither version nor runs"]),
        (b'{"runs": []}', ["has no version"]),
        (TEXT.encode() + b"\xc3", ["ends in the middle of a character"]),
        (b'{"version": "2.1.0"}', ["JSON but not SARIF: it has no runs"]),
        (b'{"version": 3, "comment": "none"}', ["JSON but not SARIF: it has no runs"]),
        (b'{"version": "2.1.0", "runs": [3]}', ["runs is not a list of objects"]),
        (b'{"version": "2.1.0", "runs": [{"results": {"a": 1}}]}', ["runs[0].results is not a list"]),
        (b'{"version": "2.1.0", "runs": [{"results": [1], "results": []}]}', ["runs[0].results occurs twice"]),
        (b'{"version": "2.1.0", "runs": [], "runs": []}', ["runs occurs twice"]),
        (b'{"version": "1.0.0", "runs": []}', ["is SARIF '1.0.0'", "sarif-multitool"]),
    ],
)
@pytest.mark.parametrize("chunk", [5, 1 << 20])
def test_broken_files(content: bytes, words: list[str], chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "CHUNK", chunk)
    with pytest.raises(InputError) as refused:
        parse(tmp_path, content)
    assert [word for word in words if word not in str(refused.value)] == [], str(refused.value)
    assert "\n" not in str(refused.value)
    assert " at at " not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a regular file"):
        prepare([str(tmp_path)], Options())
    with pytest.raises(InputError, match=r"cannot be read: No such file"):
        Text(str(tmp_path / "gone.sarif"))
    (tmp_path / "self").symlink_to(tmp_path / "self")
    with pytest.raises(InputError, match=r"self: cannot be read: Too many levels of symbolic links"):
        prepare([str(tmp_path / "self")], Options())


def test_what_would_fill_the_memory_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "CHUNK", 100)
    monkeypatch.setattr(walking, "LARGEST_VALUE", 5_000)
    monkeypatch.setattr(reading, "LARGEST_HEAD", 20_000)
    many = json.dumps({**LOG, "runs": [{"tool": {"driver": {"name": "s", "rules": [{"id": f"R{n}"} for n in range(5_000)]}}}]})
    with pytest.raises(InputError, match=r"holds more than 0 MB besides its results.*runs\[0\].tool.driver.rules alone takes"):
        parse(tmp_path, many.encode())
    big = TEXT.replace('"note"', json.dumps("x" * 6_000))
    with pytest.raises(InputError, match=r"runs\[0\].results\[0\] alone is larger than 0 MB"):
        parse(tmp_path, big.encode())
    with pytest.raises(InputError, match="is not SARIF as far as it was read"):
        parse(tmp_path, json.dumps({"a": ["x"] * 9_000}).encode())


def test_what_is_not_needed_is_not_kept(tmp_path: Path) -> None:
    run = LOG["runs"][0]
    notes = {"executionSuccessful": True, "toolExecutionNotifications": [{"message": {"text": "x" * 1000}}] * 50}
    artifact = {"location": {"uri": "a.py"}, "contents": {"text": "x" * 1000}}
    log = {**LOG, "runs": [{**run, "invocations": [notes], "artifacts": [artifact], "graphs": [{"id": "g"}]}]}
    head, _results = parse(tmp_path, json.dumps(log).encode())
    assert head.log["runs"][0]["artifacts"] == [{"location": {"uri": "a.py"}}]
    assert "xxx" not in str(head.log)


def test_a_file_that_changes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.sarif"
    run = LOG["runs"][0]
    path.write_text(json.dumps({**LOG, "runs": [{"results": run["results"], "tool": run["tool"]}]}), encoding="utf-8")

    def then_shorter(name: str, take: Take) -> Head:
        head = read_head(name, take)
        path.write_text(json.dumps({**LOG, "runs": []}), encoding="utf-8")
        return head

    monkeypatch.setattr(preparing, "read_head", then_shorter)
    with pytest.raises(InputError, match=r"report.sarif: changed while it was read"):
        prepare([str(path)], Options())


def test_names_that_stand_twice(tmp_path: Path) -> None:
    content = '\ufeff{"version": "2.1.0", "version": "2.1.0", "runs": [], "properties": {"a": "\\ud800"}}'.encode("utf-16-le")
    head, _results = parse(tmp_path, content)
    assert head.counts == {"encoding": 1, "duplicate_keys": 1, "lone_surrogates": 1}
    assert head.log["properties"] == {"a": "\ufffd"}
    assert len(head.warnings) == 2
    head, _results = parse(tmp_path, TEXT.replace('"note"', '"note", "level": "none"').encode())
    assert (head.counts, "level" in head.warnings[0]) == ({"duplicate_keys": 1}, True)


def test_globs(tmp_path: Path) -> None:
    for name in ("b.sarif", "a.sarif", "c[1].sarif"):
        (tmp_path / name).write_text(TEXT, encoding="utf-8")
    for loop in ("loop", "maze"):
        (tmp_path / loop).symlink_to(tmp_path)
    names = [str(tmp_path / name) for name in ("a.sarif", "b.sarif", "c[1].sarif")]
    assert find_files([f"{tmp_path}/*.sarif"]) == names
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "d.sarif").write_text(TEXT, encoding="utf-8")
    assert find_files([f"{tmp_path}/**/d.sarif"]) == [f"{tmp_path}/deep/er/d.sarif"]
    assert find_files([f"{tmp_path}/**/er/*.sarif"]) == [f"{tmp_path}/deep/er/d.sarif"]
    (tmp_path / "deep" / "er" / "d.sarif").unlink()
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
    with prepare([f"{tmp_path}/*.sarif"], Options()) as done:
        contents = [upload.content() for upload in done.uploads]
    rows = [(u.path[-7:], u.results, [tool.name for tool in u.source.tools]) for u in done.uploads]
    assert rows == [("a.sarif", 1, ["s"]), ("b.sarif", 1, ["s"])]
    assert done.levels == {"error": 0, "warning": 0, "note": 2, "none": 0}
    assert [w for w in done.warnings if "empty.sarif: not sent" in w]
    assert [content.decode().count("größer ✓") for content in contents] == [1, 1]


def nested(depth: int, inmost: str = "") -> str:
    return TEXT.replace('"note"', '"note", "properties": {"deep": ' + "[" * depth + inmost + "]" * depth + "}")


# The first can be parsed, but not searched for lone surrogates. From 3.14 on, Python's stack limits the depth of parsing.
@pytest.mark.parametrize("content", [nested(2_000, '"\\ud800"'), nested(100_000), "[" * 100_000], ids=["walked", "parsed", "a list"])
def test_deep_nesting_is_refused_with_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "deep.sarif").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"deep.sarif: is nested too deeply to be a SARIF file\.$"):
        prepare([str(tmp_path / "deep.sarif")], Options())


def test_moderate_nesting_is_sent(tmp_path: Path) -> None:
    (tmp_path / "deep.sarif").write_text(nested(500), encoding="utf-8")
    with prepare([str(tmp_path / "deep.sarif")], Options()) as done:
        assert done.uploads[0].content().count(b"[") > 500


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


def test_names_with_odd_characters_stay_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines\udcff.sarif"
    path.write_text(TEXT, encoding="utf-8")
    with prepare([str(path)], Options()) as done:
        assert done.uploads[0].path.endswith("two\\nlines\\udcff.sarif")
    path.write_text("<html>", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        prepare([f"{tmp_path}/*.sarif"], Options())
    assert "two\\nlines" in str(refused.value)
    assert str(refused.value).isprintable()
    for missing in (f"{tmp_path}/a\nb", f"{tmp_path}/a\nb*", "a\0b"):
        with pytest.raises(InputError, match=r"path: .*a\\"):
            find_files([missing])


def test_a_machine_without_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    path = tmp_path / "report.sarif"
    path.write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_get_default_tempdir", none)
    with pytest.raises(InputError, match=r"in any temporary folder: No usable temporary directory found\. Nothing was sent"):
        prepare([str(path)], Options())
