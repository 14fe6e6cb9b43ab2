# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of files and headers may be anything too."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from calling_client import ClientOf
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Say, ScriptedServer

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._admitted import (
    DEEPEST,
    Unreadable,
    admit,
    count_from,
    parsed,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.report import baseline_fault
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.check import check_item
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.collector_token import (
    load_credentials,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.data_file import as_data_file
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import BEHAVIOUR
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.made import applied_mappings
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import (
    HIDDEN,
    Redactor,
    hide_secret_keys,
    secrets_in,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.responses import (
    clock_skew,
    retry_after,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.retry import Retry
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_lists import names_in
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.upload.journal import Journal
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._state import Memory
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._report.read import (
    read_earlier,
    read_exceptions,
    read_receipts,
)

DEEP = "[" * 100_000
NESTED = "[" * 5000 + "]" * 5000
FILES = ["", "x", "[]", "5", "null", "NaN", DEEP, NESTED, '{"documents":[1]}', '{"sets": 5}', '{"sets": {"k": {"documents": [1]}}}', "\x00",
         '{"sets": {"k": {"documents": [{"state": "waiting", "status": "x"}]}}}', '{"sets": {"k": {"documents": [{"state": []}]}}}',
         '{"entries": [{"section": "mappings", "key": "1", "time": 1e400, "value": 1}], "version": 1, "tenant": "t"}',
         f'{{"entries": [{{"section": "mappings", "key": "1", "time": 1, "value": {NESTED}}}], "version": 1, "tenant": "t"}}',
         f'{{"version": {NESTED}}}', '{"version": "1"}', '{"id": "\\ud800", "token_id": 1}']  # fmt: skip


@pytest.mark.parametrize("content", FILES, ids=range(len(FILES)))
def test_no_file_causes_a_traceback(content: str, tmp_path: Path) -> None:
    (tmp_path / "receipts").mkdir()
    for path in (tmp_path / "any.json", tmp_path / "receipts" / "one.json"):
        path.write_text(content, encoding="utf-8")
    path, upload = str(tmp_path / "any.json"), SimpleNamespace(path="a", part=1, parts=1, sha256="s")
    for read in (
        lambda: Journal(path, lambda *_parts: contextlib.nullcontext(), "k", {}, [upload]),  # type: ignore[list-item]
        lambda: load_credentials(path),
        lambda: names_in(content.encode(), path, "x"),
        lambda: read_exceptions(path),
    ):
        with contextlib.suppress(InputError):
            read()
    receipts, unreadable, _about = read_receipts(str(tmp_path / "receipts"))
    assert len(receipts) + len(unreadable) == 1
    found = read_earlier(path, "t", "h", "2026-11-22", "/nowhere")
    assert found.baseline is None
    assert len(found.unreadable) == 1


@pytest.mark.parametrize("document", [1, {}, {"state": []}, {"state": "waiting", "status": "x"}, {"state": "waiting", "ingestion": [1]}])
def test_a_journal_of_other_documents_is_ignored(document: Any, tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    path.write_text(json.dumps({"sets": {"k": {"documents": [document]}}}), encoding="utf-8")
    upload = SimpleNamespace(path="a", part=1, parts=1, sha256="s")
    with pytest.raises(InputError, match="is not a journal of uploads"):
        Journal(str(path), lambda *_parts: contextlib.nullcontext(), "k", {}, [upload])  # type: ignore[list-item]


def test_a_journal_that_is_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal.json")
    with pytest.raises(InputError, match="is not a journal of uploads"):
        Journal(str(tmp_path / "journal.json"), lambda *_parts: contextlib.nullcontext(), "k", {}, [])


@pytest.mark.parametrize("content", FILES, ids=range(len(FILES)))
def test_remembered_values_may_be_anything(content: str, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    Memory(str(folder), "t").put("mappings", "0", {"a": 1})
    (held,) = folder.glob("*.json")
    held.write_text(content, encoding="utf-8")
    memory = Memory(str(folder), "t")
    assert NESTED not in content or memory.all("mappings") == {}
    assert applied_mappings(memory, {"id": "1", "lastUpdateDate": "d"}) is None
    memory.put("mappings", "2", {"updated": "d", "mappings": [{"external_id": []}]})
    assert applied_mappings(memory, {"id": "2", "lastUpdateDate": "d"}) is None
    memory.put("mappings", "2", {"updated": "d", "mappings": [{"external_id": "e"}]})
    assert applied_mappings(memory, {"id": "2", "lastUpdateDate": "d"}) == [{"external_id": "e"}]


def test_a_baseline_with_odd_members_is_refused() -> None:
    whole: dict[str, Any] = {
        "schema": "cortex_cloud.appsec/audit", "schema_version": 1, "tenant": "t", "verdict": "pass", "audited_at": "2026-11-01T08:00:00Z",
        "findings": [{"kind": "k", "excused": None, "message": "m"}], "data_sources": [{"id": "1", "subject": "s"}], "repositories": None,
    }  # fmt: skip
    assert baseline_fault(whole, "t") == ""
    finding = whole["findings"][0]
    for member, value in (("findings", [{**finding, "kind": []}]), ("data_sources", [{"id": {}, "subject": "s"}]), ("audited_at", 5),
                          ("repositories", {"items": [5]}), ("repositories", 5), ("findings", [{}]), ("data_sources", [{"id": "1"}]),
                          ("findings", [{**finding, "message": None}]), ("findings", [{**finding, "subject": 5, "repository": "a/b"}]),
                          *(("audited_at", time) for time in ("", "9999-99-99T00:00:00Z", "2026-11-01", "20261101T080000Z"))):  # fmt: skip
        assert baseline_fault({**whole, member: value}, "t"), member


HEADERS = [
    "", "x", "nan", "inf", "1e999", "-5", "9" * 400, "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 +9999",
    "Mon, 01 Jan 2026 00:00:00 +99999999999999999999", "Mon, 01 Jan 9999 23:59:59 -2359", "Mon, 32 Foo 2026 99:99:99 GMT", "1 2 3 4 5 6",
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_any_header_with_a_time_can_be_read(header: str, client_of: ClientOf) -> None:
    assert clock_skew(header) is None or isinstance(clock_skew(header), float)
    assert retry_after(header) is None or retry_after(header) >= 0.0
    with ScriptedServer(Say(401, "{}", {"Date": header})) as server, pytest.raises(ApiError, match="HTTP 401"):
        Api(client_of(server.url)).list_data_sources()


@given(st.text(max_size=60))
def test_any_text_is_read_as_a_time_or_as_none(text: str) -> None:
    assert clock_skew(text) is None or isinstance(clock_skew(text), float)
    assert retry_after(text) is None or isinstance(retry_after(text), float)


def test_the_pause_does_not_overflow_after_thousands_of_attempts() -> None:
    retry, error = Retry("GET", 1e9), ApiError("read")
    retry.deadline = 1e18
    assert max(retry.after("lost", error)[0] for _attempt in range(2000)) <= 20.0


@pytest.mark.parametrize("deep", [100, 3000])
def test_deeply_nested_values_are_hidden_and_refused(deep: int) -> None:
    value: Any = "the-secret"
    for _layer in range(deep):
        value = {"token": value}
    assert HIDDEN in json.dumps(Redactor().value(value), ensure_ascii=False)[:20_000]
    assert "the-secret" not in str(hide_secret_keys(value))
    list(secrets_in(value))
    item = {name: option["default"] for name, option in BEHAVIOUR.items() if "default" in option}
    with pytest.raises(InputError, match=f"unique_properties is nested more than {DEEPEST} deep"):
        check_item({**item, "type": "SNYK", "name": "x", "unique_properties": value})


def test_admitted_values_can_be_written_everywhere() -> None:
    odd = ["\ud800", {"__ansible_type": 1}, {"\ud800": 1}, float("inf"), 10**400]
    for value in odd:
        assert isinstance(admit(value), Unreadable)
    sound = {"a": ["\U0001f680", 1, 1.5, None, True, {"b": [2**63, ""]}]}
    assert admit(sound) == sound
    deep: Any = []
    for _layer in range(sys.getrecursionlimit() * 3):
        deep = [deep]
    assert str(admit(deep)).count("[") == DEEPEST
    assert as_data_file("t", [{"name": admit(deep)}])
    with pytest.raises(ValueError, match=r"."):
        parsed(DEEP)
    assert [count_from(v) for v in ("7", 7.0, " 7 ", 7)] == [7] * 4


BODIES = [DEEP, NESTED, f'{{"message": {NESTED}}}', f'{{"message": "a", "details": {NESTED}}}', '{"a": "\\ud800"}', "9" * 9000]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("status", [200, 400])
def test_any_error_body_gives_one_line(body: str, status: int, client_of: ClientOf) -> None:
    with ScriptedServer(Say(status, body)) as server, pytest.raises(ApiError) as refused:
        Api(client_of(server.url, retry_deadline=0.1)).list_data_sources()
    assert "\n" not in str(refused.value)
    assert str(refused.value).encode()
