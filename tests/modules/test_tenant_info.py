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
@pytest.mark.parametrize("validate_body", ["string", "boolean"])
def test_a_good_key(info: Ask, tenant: EmbeddedTenant, key: str, validate_body: str) -> None:
    tenant.set(validate_body=validate_body)
    tenant.add_instance("SNYK", name="snyk-eu")
    result = info.ok(key=key)
    assert {k: result[k] for k in ("authenticated", "can_read", "licensed", "api_key_type", "data_sources", "hints")} == {
        "authenticated": True,
        "can_read": True,
        "licensed": True,
        "api_key_type": tenant.keys[key].type,
        "data_sources": 1,
        "hints": [],
    }
    assert not result.get("changed")
    assert result["host"] == f"127.0.0.1:{tenant.port}"
    assert abs(result["clock_skew_seconds"]) < 5
    assert tenant.writes == []


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
