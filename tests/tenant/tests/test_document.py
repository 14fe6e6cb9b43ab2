# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""openapi.yaml: valid, complete, and held against every answer. And the documentation page: current."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from openapi_core.validation.response.exceptions import InvalidData
from openapi_spec_validator import OpenAPIV31SpecValidator

from tenant import present
from tenant.app import dump
from tenant.contract import DOCUMENT, contract
from tenant.server import EmbeddedTenant, Violation
from tenant.switches import SWITCHES, table

from .calling import GITLAB, INSTANCES, Caller

PAGE = Path(__file__).resolve().parents[3] / "docs" / "embedded_tenant.md"


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(contract().document).validate()


def request_schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every object schema below a schema, references followed."""
    while "$ref" in node:
        node = contract().document["components"]["schemas"][node["$ref"].rpartition("/")[2]]
    if node.get("type") == "object":
        yield node
    for child in (*node.get("properties", {}).values(), *([node["items"]] if "items" in node else [])):
        yield from request_schemas(child)


@pytest.mark.parametrize("name", ["CreateInstance", "UpdateInstance"])
def test_request_bodies_are_closed_except_the_free_form_one(name: str) -> None:
    schemas = list(request_schemas({"$ref": f"#/components/schemas/{name}"}))
    free_form = contract().document["components"]["schemas"]["UniqueProperties"]
    assert len(schemas) > 2
    for schema in schemas:
        assert schema is free_form or schema.get("additionalProperties") is False


def test_every_assumption_names_its_section() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").split("x-assumed: ")[1:]
    assert len(lines) > 25
    for text in lines:
        assert "(contract " in text.partition("\n      properties")[0][:400], text[:120]


def test_an_answer_outside_the_document_becomes_a_500(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = EmbeddedTenant().start()
    tenant.add_instance("GITHUB", name="web")
    monkeypatch.setattr(present, "list_item", lambda stored, switches: {"id": 7})
    reply = Caller(tenant).get(INSTANCES)
    assert (reply.status_code, tenant.journal[-1].status) == (500, 500)
    assert "broke its own document" in reply.json()["reply"]["err_msg"]
    assert len(tenant.violations) == 1
    with pytest.raises(Violation, match="list_instances: 200: "):
        tenant.__exit__(None)


def test_an_undocumented_status_becomes_a_500() -> None:
    fault = contract().operations["get_instance"].response_fault(418, {}, empty=False)
    assert fault == "get_instance: status 418 is not documented"


def test_a_failure_inside_is_a_violation_without_a_value_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("planted-secret")

    tenant = EmbeddedTenant().start()
    tenant.add_instance("GITHUB", name="web")
    monkeypatch.setattr(present, "list_item", fail)
    reply = Caller(tenant).get(INSTANCES)
    with pytest.raises(Violation, match=r"GET list_instances: RuntimeError at test_document\.py:\d+"):
        tenant.__exit__(None)
    assert reply.status_code == 500
    assert "planted-secret" not in reply.text + str(tenant.violations) + str(tenant.journal)


def test_another_validator_reads_the_document_the_same_way(tenant: EmbeddedTenant, admin: Caller) -> None:
    """openapi-core judges the answers that the tenant's own validation let through, and refuses what that refuses."""
    second = OpenAPI.from_dict(contract().document)
    held = admin.create(GITLAB)
    for path in (INSTANCES, f"{INSTANCES}/{held}", f"{INSTANCES}/unknown"):
        reply = admin.get(path)
        request, response = MockRequest("http://127.0.0.1", "get", path), MockResponse(reply.content, reply.status_code)
        second.validate_response(request, response)
        with pytest.raises(InvalidData):
            second.validate_response(request, MockResponse(dump({"id": 7}), reply.status_code))


def test_the_page_shows_the_switches_as_they_are() -> None:
    """Refresh the page with `python -m tenant --switches`."""
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(table()) == 1
    assert all(f"| `{name}` |" in page for name in SWITCHES)
