# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""openapi.yaml is valid and complete, every response is checked against it, and the documentation page is up to date."""
from __future__ import annotations

import re
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
from tenant.contract import contract, read
from tenant.server import EmbeddedTenant, Violation
from tenant.switches import SWITCHES, table

from .calling import GITLAB, INSTANCES, Caller

PAGE = Path(__file__).resolve().parents[3] / "docs" / "embedded_tenant.md"


@pytest.mark.parametrize("older", [False, True])
def test_the_document_is_valid(older: bool) -> None:
    OpenAPIV31SpecValidator(contract(older).document).validate()


def request_schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every object schema below a schema, references followed."""
    while "$ref" in node:
        node = contract(older=True).document["components"]["schemas"][node["$ref"].rpartition("/")[2]]
    if node.get("type") == "object":
        yield node
    for child in (*node.get("properties", {}).values(), *([node["items"]] if "items" in node else [])):
        yield from request_schemas(child)


@pytest.mark.parametrize("name", ["CreateInstance", "UpdateInstance", "UpdateIntegration", "OlderCreateInstance", "OlderUpdateInstance"])
def test_request_bodies_are_closed_except_the_free_form_one(name: str) -> None:
    schemas = list(request_schemas({"$ref": f"#/components/schemas/{name}"}))
    free_form = contract(older=True).document["components"]["schemas"]["UniqueProperties"]
    assert len(schemas) > 1
    for schema in schemas:
        assert schema is free_form or schema.get("additionalProperties") is False


def keys(node: Any) -> Iterator[str]:
    """Every key that begins with x-, at any depth."""
    for name, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else []:
        if str(name).startswith("x-") and node.get("in") != "header" and isinstance(child, (str, bool)):
            yield str(name)
        yield from keys(child)


def test_what_is_not_published_is_marked_with_its_source() -> None:
    assert set(keys(read("openapi.yaml"))) == {"x-previous", "x-guide", "x-client", "x-assumed", "x-older", "x-may-be-empty"}
    assert {switch.source for switch in SWITCHES.values()} == {"published", "previous", "guide", "client", "assumed", "for tests"}


def test_nothing_cites_a_document_that_is_not_here() -> None:
    files = [path for path in Path(__file__).parents[1].rglob("*") if path.suffix in (".py", ".yaml")]
    assert len(files) > 40
    for path in (*files, PAGE):
        assert not re.search(r"\b(contract|sections?) [0-9]", path.read_text(encoding="utf-8"), re.IGNORECASE), path


def test_the_published_document_has_nothing_of_the_older_readings() -> None:
    published = contract().document
    assert "Older" not in str(published)
    assert "x-older" not in str(published["paths"]) + str(published["components"])
    assert set(contract().operations["delete_instance"].responses) & {200, 202} == set()
    assert set(contract(older=True).operations["delete_instance"].responses) >= {200, 202, 204}


def test_a_response_outside_the_document_becomes_a_500(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = EmbeddedTenant("published").start()
    tenant.add_instance("GITHUB", name="web")
    monkeypatch.setattr(present, "list_item", lambda stored, switches: {"id": 7})
    reply = Caller(tenant).get(INSTANCES)
    assert (reply.status_code, tenant.journal[-1].status) == (500, 500)
    assert "violated its own document" in reply.json()["reply"]["err_msg"]
    assert len(tenant.violations) == 1
    with pytest.raises(Violation, match="list_instances: 200: "):
        tenant.__exit__(None)


def test_an_undocumented_status_becomes_a_500() -> None:
    fault = contract().operations["get_instance"].response_fault(418, {}, empty=False)
    assert fault == "get_instance: status 418 is not documented"


def test_an_internal_failure_is_a_violation_that_quotes_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("planted-secret")

    tenant = EmbeddedTenant("published").start()
    tenant.add_instance("GITHUB", name="web")
    monkeypatch.setattr(present, "list_item", fail)
    reply = Caller(tenant).get(INSTANCES)
    with pytest.raises(Violation, match=r"GET list_instances: RuntimeError at test_document\.py:\d+"):
        tenant.__exit__(None)
    assert reply.status_code == 500
    assert "planted-secret" not in reply.text + str(tenant.violations) + str(tenant.journal)


def test_another_validator_reads_the_document_the_same_way(tenant: EmbeddedTenant, admin: Caller) -> None:
    """openapi-core accepts the responses that the tenant's own validation accepts, and refuses what that refuses."""
    second = OpenAPI.from_dict(contract().document)
    instance_id = admin.create(GITLAB)
    for path in (INSTANCES, f"{INSTANCES}/{instance_id}", f"{INSTANCES}/unknown"):
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
