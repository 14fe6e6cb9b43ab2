# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this key usable? A refused key is an answer; a tenant that cannot be reached is a failure."""

from __future__ import annotations

from typing import Any

import pytest
from asking import Ask

from tenant.server import EmbeddedTenant


@pytest.fixture
def info(tenant: EmbeddedTenant, run_module: Any) -> Ask:
    return Ask(run_module, tenant, "tenant_info")


@pytest.mark.parametrize("key", ["admin", "admin_standard", "viewer", "viewer_standard"])
def test_a_good_key(info: Ask, tenant: EmbeddedTenant, key: str) -> None:
    tenant.add_instance("SNYK", name="snyk-eu")
    result = info.ok(key=key)
    shown = ("authenticated", "can_read", "licensed", "api_key_type", "data_sources", "healthcheck", "generation", "hints")
    assert {k: result[k] for k in shown} == {
        "authenticated": True,
        "can_read": True,
        "licensed": True,
        "api_key_type": tenant.keys[key].type,
        "data_sources": 1,
        "healthcheck": "available",
        "generation": "current",
        "hints": [],
    }
    assert not result.get("changed")
    assert result["host"] == f"127.0.0.1:{tenant.port}"
    assert abs(result["clock_skew_seconds"]) < 5
    assert [f"{entry.method} {entry.path}" for entry in tenant.journal] == [
        "GET /public_api/v1/healthcheck",
        "GET /public_api/appsec/v1/data_source_instances",
    ]


@pytest.mark.parametrize(
    ("key", "options"),
    [("admin", {"api_key": "0" * 128}), ("expired", {}), ("admin", {"api_key_type": "standard"}), ("admin", {"api_key_id": "1"})],
)
def test_a_refused_key_is_an_answer_with_a_hint(info: Ask, key: str, options: dict[str, Any]) -> None:
    result = info.ok(key=key, **options)
    assert (result["authenticated"], result["can_read"], result["licensed"], result["data_sources"]) == (False, None, None, None)
    (hint,) = result["hints"]
    assert "HTTP 401" in hint
    assert "the key has expired" in hint
    assert (result["healthcheck"], result["generation"]) == ("refused", None)
    assert "The host responds like a tenant, so the key is the problem." in hint
    assert "api_url" not in hint


def test_a_tenant_of_the_previous_generation(info: Ask, tenant: EmbeddedTenant) -> None:
    tenant.set(generation="previous")
    tenant.add_instance("SNYK", name="snyk-eu")
    result = info.ok(key="viewer")
    assert (result["generation"], result["healthcheck"], result["data_sources"], result["hints"]) == ("previous", "available", 1, [])
    assert [entry.path.rpartition("/")[2] for entry in tenant.journal] == ["healthcheck", "data_source_instances", "integrations"]


HEALTH = "/public_api/v1/healthcheck"
LIST = "/public_api/appsec/v1/data_source_instances"
UNAUTHORIZED = {"reply": {"err_code": 401, "err_msg": "Public API request unauthorized", "err_extra": None}}


@pytest.mark.parametrize(
    ("health", "shown", "it_is"),
    [
        ((200, {"status": "available"}), "available", "so the key is the problem"),
        ((200, {"status": "degraded"}), "degraded", "so the key is the problem"),
        ((401, UNAUTHORIZED), "refused", "so the key is the problem"),
        ((401, {"error": "log in first"}), None, "api_url may not be the URL of a tenant"),
        ((404, {"message": "no such page"}), None, "api_url may not be the URL of a tenant"),
        ((200, {"state": "up"}), None, "api_url may not be the URL of a tenant"),
        ((200, {"status": 1}), None, "api_url may not be the URL of a tenant"),
        ((200, []), None, "api_url may not be the URL of a tenant"),
    ],
)
def test_a_wrong_key_is_told_from_a_wrong_host(info: Ask, host: Any, health: Any, shown: str | None, it_is: str) -> None:
    host.answers = {HEALTH: health, LIST: (401, {"error": "no"})}
    result = info.ok(api_url=f"http://127.0.0.1:{host.server_port}")
    assert (result["healthcheck"], result["authenticated"]) == (shown, False)
    (hint,) = result["hints"]
    assert it_is in hint


@pytest.mark.parametrize(
    ("answers", "it_is"),
    [
        ({HEALTH: (200, {"status": "available"})}, "The host is a tenant, but does not offer this API."),
        ({}, "api_url may not be the URL of a tenant"),
    ],
)
def test_a_host_without_the_lists_is_a_failure_that_says_what_it_is(info: Ask, host: Any, answers: Any, it_is: str) -> None:
    host.answers = answers
    said = info.refused(api_url=f"http://127.0.0.1:{host.server_port}")
    assert "HTTP 404" in said
    assert it_is in said


def test_a_tenant_without_a_healthcheck_is_usable_all_the_same(info: Ask, host: Any) -> None:
    host.answers = {LIST: (200, [])}
    result = info.ok(api_url=f"http://127.0.0.1:{host.server_port}")
    assert (result["healthcheck"], result["authenticated"], result["can_read"], result["hints"]) == (None, True, True, [])


def test_no_licence_is_an_answer_too(info: Ask, tenant: EmbeddedTenant) -> None:
    tenant.set(licensed=False)
    result = info.ok()
    assert (result["authenticated"], result["can_read"], result["licensed"]) == (True, False, False)
    assert any("licence" in hint for hint in result["hints"])


def test_a_clock_that_drifts_is_said_before_signatures_are_refused(info: Ask, tenant: EmbeddedTenant) -> None:
    tenant.set(clock_offset=200)
    result = info.ok()
    assert result["authenticated"]
    assert 195 < result["clock_skew_seconds"] < 205
    assert any("behind the tenant's" in hint for hint in result["hints"])


def test_in_check_mode_it_is_the_same(info: Ask, tenant: EmbeddedTenant) -> None:
    tenant.set(read_only=True)
    checked, real = info.ok(check=True), info.ok()
    for result in (checked, real):
        del result["clock_skew_seconds"], result["rate_limited"]
    assert checked == real
    assert tenant.write_attempts == []
