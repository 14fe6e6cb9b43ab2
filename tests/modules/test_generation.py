# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenant of the previous generation: its data sources are listed, scoped and deleted, and never created."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bulk import Engine, RunModule, actions, item_of
from contributed import tenants

from tenant.server import EmbeddedTenant

MANUAL = "MANUAL_SELECTION"
HOST = "ghe.example.com"


@pytest.fixture(params=tenants("published", "default", generation="previous"))
def engine(request: pytest.FixtureRequest, run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant(profile=request.param, rate=1000, generation="previous") as tenant:
        yield Engine(run_module, tenant)


def paths(engine: Engine) -> set[str]:
    """What was asked, ids left out."""
    return {f"{entry.method} {'/'.join(entry.path.split('/')[4:5])} {entry.status}" for entry in engine.tenant.journal}


def test_it_is_listed_scoped_and_cleared_and_a_second_run_changes_nothing(engine: Engine) -> None:
    scoped = engine.tenant.add_instance(
        "GITHUB_ENTERPRISE", name="bakery", hostname=HOST, protocol="https", selection_type=MANUAL, state=["bakery/oven"]
    )
    gone = engine.tenant.add_instance("SNYK", name="old")
    items: list[dict[str, Any]] = [
        {"type": "GITHUB_ENTERPRISE", "domain": {"hostname": HOST}, "selection_type": MANUAL, "repositories": ["bakery/till"]},
        {"id": gone, "state": "absent"},
    ]
    shown = engine.run("data_source_info", {"details": True})
    assert {row["id"] for row in shown["data_sources"]} == {scoped, gone}
    assert shown["summary"]["by_health"] == {"healthy": 2}

    planned = engine.apply(*items, check=True)
    assert actions(planned) == ["updated", "deleted"]
    assert engine.writes() == []
    engine.tenant.clear_journal()
    done = engine.apply(*items, plan_digest=planned["plan_digest"])
    assert actions(done) == ["updated", "deleted"]
    (held,) = engine.tenant.instances.values()
    assert (held["id"], sorted(held["state"])) == (scoped, ["bakery/oven", "bakery/till"])
    assert paths(engine) == {
        "GET data_source_instances 404", "GET integrations 200", "PUT integrations 200", "DELETE integrations 204", "GET integrations 404"
    }  # fmt: skip
    assert [e.path for e in engine.tenant.journal].count("/public_api/appsec/v1/data_source_instances") == 1, "found out once"

    engine.tenant.clear_journal()
    items[1] = {"type": "SNYK", "name": "old", "state": "absent"}
    again = engine.apply(*items)
    assert actions(again) == ["unchanged", "unchanged"]
    assert engine.writes() == []


def test_nothing_is_created_there_and_nothing_destroyed_to_be_created_again(engine: Engine) -> None:
    for check in (True, False):
        assert actions(engine.apply(item_of("SNYK", "eu"), check=check)) == ["pending"]
    assert engine.apply(item_of("SNYK", "eu", uncreatable="fail"))["failed"]
    held = engine.tenant.add_instance("SEMGREP", name="eu", hostname="old.example.com", protocol="https")
    other = {"type": "SEMGREP", "id": held, "domain": {"hostname": "new.example.com"}, "recreate": "when_immutable_differs"}
    again = engine.apply({**item_of("SEMGREP", "eu"), **other})
    assert again["failed"]
    assert "recreate is refused: it is not known whether this tenant's API can create this type again" in again["msg"]
    assert engine.writes() == []
    assert list(engine.tenant.instances) == [held]


def test_an_unknown_id_is_still_said_to_be_one(engine: Engine) -> None:
    result = engine.run("data_source_info", {"id": "nobody"})
    assert result["failed"]
    assert "there is no data source with id nobody in this tenant" in result["msg"]
