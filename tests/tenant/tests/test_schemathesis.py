# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests generated from openapi.yaml: whatever is sent, the response is as the document says, and nothing fails internally."""
from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from starting import IN_CI
from tenant.contract import contract
from tenant.server import EmbeddedTenant

from .calling import sarif

CHECKS = (not_a_server_error, status_code_conformance, response_schema_conformance)
EXAMPLES = 12 if IN_CI else 5
# Otherwise nearly all generated requests would be refused.
# OpenAPI cannot say that a body may be missing, so put_body is not "none".
REACHABLE: dict[str, dict[str, Any]] = {
    "published": {"any_repository": True, "creatable": "all"},
    "previous": {"any_repository": True, "generation": "previous"},
    "awkward": {"any_repository": True, "unknown_type": "accept", "delete_path": "both", "put_body": "full"},
}


@pytest.mark.parametrize("name", REACHABLE)
def test_generated_requests(name: str) -> None:
    profile = "awkward" if name == "awkward" else "published"
    schema: Any = schemathesis.openapi.from_dict(contract(older=profile == "awkward").document)
    with EmbeddedTenant(profile=profile, rate=1_000_000, **REACHABLE[name]) as tenant:
        for operation in [found.ok() for found in schema.get_all_operations()]:
            for mode in GenerationMode:
                try_out(tenant, operation, mode)
    responses = Counter((entry.method, entry.status) for entry in tenant.journal)
    # Requests were accepted, not only refused.
    uploaded = tenant.switches["upload_status"]
    created = [] if name == "previous" else [("POST", tenant.switches["create_status"])]
    reached = [("GET", 200), ("PUT", 200), *created, ("POST", uploaded), ("DELETE", tenant.switches["delete_status"])]
    refused = [("GET", 404), ("PUT", 404), ("PUT", 422), ("POST", 400), ("DELETE", 404), ("POST", 404 if name == "previous" else 422)]
    assert [pair for pair in reached + refused if not responses[pair]] == [], responses


def try_out(tenant: EmbeddedTenant, operation: Any, mode: GenerationMode) -> None:
    key = tenant.keys["admin_standard"]

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        for name in ("x-xdr-nonce", "x-xdr-timestamp", "x-crtx-auth-id"):
            case.headers.pop(name, None)
        case.headers.update({"x-xdr-auth-id": key.id, "Authorization": key.key})
        for name, value in case.path_parameters.items():
            # A generated id never exists, so every second one is replaced.
            if len(str(value)) % 2:
                case.path_parameters[name] = known(tenant, name)
                if name == "collectorId" and len(str(value)) % 4 == 1:
                    # And a generated document is never acceptable.
                    case.body, case.query = sarif(), {**(case.query or {}), "repository_id": "any"}
        case.call_and_validate(base_url=tenant.url, checks=CHECKS)

    one()


def known(tenant: EmbeddedTenant, parameter: str) -> str:
    """The id of something that exists and fits the path parameter."""
    if parameter == "assetId":
        return tenant.add_repository("shop/web")
    if parameter == "collectorId":
        return tenant.add_collector("semgrep").id
    return tenant.add_instance("GITHUB", name="web", state=["shop/web"])
