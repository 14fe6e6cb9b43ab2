# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading compared with ijson and its C library yajl: the same values, and ijson refuses nothing that we accept."""

from __future__ import annotations

import codecs
import decimal
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import ijson
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from test_sarif_corpus import CORPUS, FILES, SCHEMA
from test_sarif_read import VALUES

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import text as walking
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.read import (
    Take,
    read_head,
    read_results,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.text import Text
from starting import IN_CI

REFUSED = "refused"


def with_floats(value: Any) -> Any:
    """ijson turns a number that is not an integer into a Decimal."""
    if isinstance(value, dict):
        return {name: with_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_floats(inner) for inner in value]
    return float(value) if isinstance(value, decimal.Decimal) else value


def by_ijson(content: bytes, prefix: str = "") -> list[Any]:
    return [with_floats(value) for value in ijson.items(io.BytesIO(content.removeprefix(codecs.BOM_UTF8)), prefix)]


def by_ours(path: Path, depth: int) -> Any:
    """The whole file, read member by member and item by item down to this depth, and as whole values below."""

    def walk(text: Text, left: int) -> Any:
        sign = text.peek() if left else ""
        if sign == "{":
            return {name: walk(text, left - 1) for name in text.members("")}
        return [walk(text, left - 1) for _number in text.items("")] if sign == "[" else text.value("")

    text = Text(str(path))
    try:
        value = walk(text, depth)
        return REFUSED if text.peek() else value
    except InputError:
        return REFUSED
    finally:
        text.close()


def by_json(content: bytes) -> Any:
    """The value of the standard library, which has the same decoder but reads the file as a whole; numbers that JSON lacks are refused."""

    def refuse(name: str) -> float:
        raise ValueError(name)

    def finite(text: str) -> float:
        return float(text) if abs(float(text)) != float("inf") else refuse(text)

    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=refuse, parse_float=finite)
    except ValueError:
        return REFUSED


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; 1, 1.0 and True are different."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.mark.skipif(not SCHEMA.exists(), reason=f"no SARIF corpus in {CORPUS}: set CORTEX_SHARED to the folder that holds it")
@pytest.mark.parametrize("name", FILES)
def test_real_reports(name: str) -> None:
    path = CORPUS / f"{name}.sarif"
    content = path.read_bytes()
    (whole,) = by_ijson(content)
    assert same(by_ours(path, 4), whole)
    passes: list[list[Any]] = [[], []]

    def into(results: list[Any]) -> Take:
        def take(text: Text, _number: int, _run: dict[str, Any]) -> int:
            found = [text.value("") for _at in text.items("")]
            results.extend(found)
            return len(found)

        return take

    head = read_head(str(path), into(passes[0]))
    assert read_results(str(path), into(passes[1]), head.log["runs"]) == head.found
    assert same(passes[1], by_ijson(content, "runs.item.results.item"))
    assert len(passes[1]) == FILES[name].found
    assert not head.complete or passes[0] == passes[1]


# Pieces that break a document, or almost. Not \v and \f, which are white space for yajl.
PIECES = ["{", "}", "[", "]", ",", ":", '"', "\\", "0", "-", "e9", ".", "+", "tru", "'", "/*x*/", "NaN", "-Infinity", "1e999",
          "\0", "\x1f", "\ufeff"]  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A JSON document, mostly with one or two mistakes."""
    outer = st.lists(VALUES, max_size=4) | st.dictionaries(st.text(max_size=3), VALUES, max_size=4) | VALUES
    text = json.dumps(draw(outer), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    for _mistake in range(draw(st.integers(0, 2))):
        # Anywhere, but more often at a bracket, comma or colon.
        signs = [match.start() for match in re.finditer(r'[][{}:,"]', text)]
        at = draw(st.integers(0, len(text)) | st.sampled_from([0, *signs]))
        piece, gone = draw(st.sampled_from([("", 1), ("", len(text)), *((piece, gone) for piece in PIECES for gone in (0, 1))]))
        text = text[:at] + piece + text[at + gone :]
    content = text.encode()
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(content)))
        content = content[:at] + draw(st.sampled_from([b"\xff", b"\xc3", b"\xe2\x9c", b"\xed\xa0\x80"])) + content[at:]
    return content


def halves(value: Any) -> Iterator[str]:
    """Texts with lone surrogates, which every reader treats differently."""
    yield from re.findall("[\ud800-\udfff]", json.dumps(value, ensure_ascii=False))


@settings(max_examples=600 if IN_CI else 150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=documents(), depth=st.integers(0, 4), chunk=st.sampled_from([1, 3, 17, 1 << 20]))
@example(content=b"[1.5, 1e5, -0.0, 12345678901234567890123]", depth=1, chunk=1)
@example(content=b'{"a": 1} {"b": 2}', depth=1, chunk=1)
@example(content=b'{"a": [1, 2, NaN]}', depth=0, chunk=3)
@example(content=b'{"a": 1, "a": 2}', depth=2, chunk=3)
def test_any_document(content: bytes, depth: int, chunk: int, tmp_path: Path) -> None:
    # A text that begins with a NUL is UTF-16 or UTF-32 for json.detect_encoding; ijson does not read these.
    assume(b"\0" not in content[:4])
    standard = by_json(content)
    assume(not list(halves(standard)))
    path = tmp_path / "report.sarif"
    path.write_bytes(content)
    with mock.patch.object(walking, "CHUNK", chunk):
        ours = by_ours(path, depth)
    try:
        (theirs,) = by_ijson(content)
    except decimal.InvalidOperation:
        # ijson cannot read numbers whose exponent exceeds that of Python's decimals.
        assume(False)
    except (ijson.JSONError, ValueError):
        theirs = REFUSED
    # yajl ignores a text after the end of the document, and accepts 1e999.
    assert (ours is REFUSED) == (standard is REFUSED)
    if theirs is REFUSED:
        assert ours is REFUSED
    elif ours is not REFUSED:
        assert same(ours, theirs)
