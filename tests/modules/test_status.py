# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Status, reasons and times as the vendor publishes them, in the results of the modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bulk import Engine, RunModule

from tenant.server import EmbeddedTenant

DETAILS = {
    "connection": {"status": "VALID", "timestamp": "2025-07-20T14:15:30.000Z"},
    "token": {"status": "INVALID", "message": "The token has expired", "error": "HTTP 401", "timestamp": "2025-07-20T14:15:30.000Z"},
}
ITEM: dict[str, Any] = {"type": "GITHUB_ENTERPRISE", "domain": {"hostname": "ghe.example.com"}, "selection_type": "MANUAL_SELECTION"}
SCOPED = {**ITEM, "repositories": ["bakery/oven"], "wait": True, "wait_timeout": 2}


@pytest.fixture
def engine(run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant(profile="published", rate=1000) as tenant:
        yield Engine(run_module, tenant)


def connected(engine: Engine, status: str, **more: Any) -> str:
    options = {"hostname": "ghe.example.com", "protocol": "https", "selection_type": "MANUAL_SELECTION", "status_details": DETAILS}
    return engine.tenant.add_instance("GITHUB_ENTERPRISE", "bakery", status=status, **{**options, **more})


def test_what_the_vendor_publishes_is_shown(engine: Engine) -> None:
    made = connected(engine, "ERROR", scan_types={"SECRETS": True, "SCA": False})
    collector = engine.tenant.add_instance("COLLECTOR", name="bandit")
    result = engine.run("data_source_info", {"details": True})
    shown = {row["id"]: row for row in result["data_sources"]}
    one = shown[made]
    assert (one["status"], one["health"], one["status_details"]) == ("ERROR", "unhealthy", DETAILS)
    assert one["scan_types"] == {"SECRETS": True, "SCA": False}
    assert one["tenant_id"]
    assert one["created_at"].endswith("Z")
    assert one["updated_at"].endswith("Z")
    assert shown[collector]["api_url"].endswith(f"/public_api/appsec/v1/collectors/{collector}")
    assert result["summary"]["by_health"] == {"healthy": 1, "unhealthy": 1}


@pytest.mark.parametrize(
    ("status", "health"), [("PENDING", "pending"), ("TEMPORARY", "pending"), ("DESTROYING", "pending"), ("ODD", "unknown")]
)
def test_what_is_under_way_is_neither_healthy_nor_unhealthy(engine: Engine, status: str, health: str) -> None:
    if status == "ODD":
        engine.tenant.set(fields="mirrored")
    connected(engine, status)
    result = engine.run("data_source_info", {})
    assert result["summary"]["by_health"] == {health: 1}
    assert [row["health"] for row in result["data_sources"]] == [health]


def test_a_bad_status_ends_the_wait_and_both_modules_say_why(engine: Engine) -> None:
    why = "token is INVALID (The token has expired: HTTP 401)"
    connected(engine, "ERROR")
    one = engine.one(SCOPED)
    assert (one["failed"], one["changed"]) == (True, True)
    assert "has status ERROR (it needs attention), not COMPLETED or CONNECTED" in one["msg"]
    assert why in one["msg"]
    assert one["data_source"]["status_details"] == DETAILS
    many = engine.apply({**SCOPED, "repositories": ["bakery/till"]})
    (row,) = many["data_sources"]
    assert (row["action"], row["status_details"]) == ("failed", DETAILS)
    assert why in row["error"]


def test_a_warning_is_reached_and_passed_on(engine: Engine) -> None:
    connected(engine, "WARNING")
    result = engine.one(SCOPED)
    assert (result["failed"], result["changed"]) == (False, True)
    assert [w for w in result["warned"] if "has status WARNING: it works, with warnings; token is INVALID" in w]


def test_a_connected_instance_is_what_is_waited_for(engine: Engine) -> None:
    connected(engine, "CONNECTED")
    result = engine.one(SCOPED)
    assert (result["failed"], result["warned"]) == (False, [])
