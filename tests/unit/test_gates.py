# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every response passes admit(), and every text that leaves the process passes outgoing()."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calling_client import ClientOf
from scripted_server import Say, ScriptedServer

from ansible_collections.cortex_cloud.appsec.plugins.module_utils import _api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import redaction
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import Redactor

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
INSTANCE = {"id": "1", "name": "n"}

OPERATIONS: dict[str, tuple[Callable[[Api], Any], Any]] = {
    "list": (lambda api: api.list_data_sources(), {"data": [INSTANCE]}),
    "get": (lambda api: api.get_data_source("1"), INSTANCE),
    "create": (lambda api: api.create_data_source({"type": "GITLAB"}), INSTANCE),
    "update": (lambda api: api.update_data_source("1", {}), {}),
    "delete": (lambda api: api.delete_data_source("1"), {}),
    "upload": (lambda api: api.upload_sarif(b"{}", collector_id="c", query={}), {}),
    "repositories": (lambda api: api.list_repositories(), {"data": []}),
    "unscanned": (lambda api: api.list_unscanned(7), []),
    "repository": (lambda api: api.get_repository("1"), INSTANCE),
    "scans": (lambda api: api.get_scan_configuration("1"), {"excludedPaths": []}),
    "scan": (lambda api: api.update_scan_configuration("1", {}), {}),
    "branches": (lambda api: api.update_branches("1", ["main"], "main"), {}),
    "any": (lambda api: api.ask("GET", "/x"), {"reply": {}}),
    "health": (lambda api: api.healthcheck(), {"status": "available"}),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_response_is_admitted(name: str, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    call, body = OPERATIONS[name]
    seen: list[Any] = []

    def admit(what: Any) -> Any:
        seen.append(what)
        return what

    monkeypatch.setattr(_api, "admit", admit)
    with ScriptedServer(Say(200, body)) as server:
        call(Api(client_of(server.url)))
    assert seen == [body]


def test_the_test_above_covers_every_operation() -> None:
    public = {name for name in vars(Api) if not name.startswith("_")} - {"tenant", "generation", "refuse_creation"}
    assert len(OPERATIONS) == len(public)


def importers_of_call() -> Iterator[str]:
    """The files that import Call, which every request needs."""
    for path in sorted(PLUGINS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and any(alias.name == "Call" for alias in node.names):
                yield path.name


def test_only_the_api_sends_calls() -> None:
    """The client sends them, and nothing but the API makes them."""
    assert set(importers_of_call()) == {"_api.py", "client.py"}


def test_every_text_for_people_is_made_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "outgoing", lambda text: text.replace("bell", "****"))
    assert Redactor().text("a bell") == Redactor().line("a\nbell") == "a ****"


def test_values_are_returned_unchanged_except_what_no_controller_can_read() -> None:
    held = {"a\x1b": ["\u202e ##vso[x]", "half \ud800", {"__ansible_type": 1}]}
    assert Redactor().value(held) == {"a\x1b": ["\u202e ##vso[x]", "half \ufffd", {"\\u005f_ansible_type": 1}]}
