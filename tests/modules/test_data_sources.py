# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole tenant in one task: planned before the first write, one item's failure does not stop the others, and the plan is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Ask, calls, older
from contributed import tenants

from ansible_collections.cortex_cloud.appsec.plugins.module_utils import _module
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import view
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import pool
from tenant.server import EmbeddedTenant

MANUAL = "MANUAL_SELECTION"
Item = dict[str, Any]


@pytest.fixture(params=tenants("guide", "awkward"))
def tenant(request: pytest.FixtureRequest) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile=request.param, rate=1000) as started:
        yield started


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0, 0.05, 0.1, 0.1))


class Bulk(Ask):
    def __call__(self, *items: Item, **options: Any) -> dict[str, Any]:
        return super().__call__(data_sources=list(items), **options) if items else super().__call__(**options)

    def ok(self, *items: Item, **options: Any) -> dict[str, Any]:
        return super().ok(data_sources=list(items), **options)

    def refused(self, *items: Item, **options: Any) -> str:
        return super().refused(data_sources=list(items), **options)


@pytest.fixture
def sources(tenant: EmbeddedTenant, run_module: Any) -> Bulk:
    return Bulk(run_module, tenant, "data_sources")


def bitbucket(name: str = "bb", **more: Any) -> Item:
    return {
        "type": "BITBUCKET_DATACENTER",
        "name": name,
        "domain": {"hostname": f"{name}.example.com", "protocol": "https"},
        "credentials": {"token": f"{name}-secret"},
        **more,
    }


JENKINS: Item = {"type": "JENKINS_SERVER", "name": "jenkins-blue"}
SNYK: Item = {"type": "SNYK", "name": "snyk-eu", "credentials": {"token": "snyk-secret"}}


def actions(result: dict[str, Any]) -> list[str]:
    return [row["action"] for row in result["data_sources"]]


def test_what_is_missing_is_made_what_differs_is_changed_what_is_right_is_left(sources: Bulk, tenant: EmbeddedTenant) -> None:
    tenant.add_instance(
        "BITBUCKET_DATACENTER", name="bb", hostname="bb.example.com", protocol="https", selection_type=MANUAL, state=["P/a"]
    )
    tenant.add_instance("JENKINS_SERVER", name="jenkins-blue")
    gone = tenant.add_instance("JENKINS_SERVER", name="jenkins-old")
    items = [bitbucket(repositories=["P/b"]), JENKINS, SNYK, {"type": "JENKINS_SERVER", "name": "jenkins-old", "state": "absent"}]
    result = sources.ok(*items)
    assert result["changed"]
    assert actions(result) == ["updated", "unchanged", "created", "deleted"]
    assert result["summary"] == {"created": 1, "deleted": 1, "unchanged": 1, "updated": 1}
    assert [row["index"] for row in result["data_sources"]] == [0, 1, 2, 3]
    assert gone not in tenant.instances

    tenant.clear_journal()
    again = sources.ok(*items)
    assert not again["changed"]
    assert actions(again) == ["unchanged"] * 4
    assert tenant.writes == []


def test_a_tenant_that_is_right_costs_one_call_where_the_list_shows_enough(run_module: Any) -> None:
    with EmbeddedTenant(rate=1000) as tenant:
        for n in range(30):
            tenant.add_instance("JENKINS_SERVER", name=f"jenkins-{n}")
        sources = Bulk(run_module, tenant, "data_sources")
        sources.ok(*[{"type": "JENKINS_SERVER", "name": f"jenkins-{n}"} for n in range(30)])
        assert calls(tenant) == ["GET all"]


def test_what_the_list_hides_is_read_once_for_all_items(run_module: Any) -> None:
    with EmbeddedTenant(profile="awkward", rate=1000) as tenant:
        for n in range(20):
            tenant.add_instance("JENKINS_SERVER", name=f"jenkins-{n}")
        sources = Bulk(run_module, tenant, "data_sources")
        sources.ok(*[{"type": "JENKINS_SERVER", "name": f"jenkins-{n}"} for n in range(20)])
        assert len(tenant.journal) <= 21


def test_one_failure_does_not_stop_the_others_and_is_named(sources: Bulk, tenant: EmbeddedTenant) -> None:
    tenant.set(unknown_type="refuse")
    result = sources(JENKINS, {"type": "CHECKMARX_ONE", "name": "checkmarx"}, SNYK)
    assert (result["failed"], result["changed"]) == (True, True)
    assert actions(result) == ["created", "failed", "created"]
    assert result["msg"].startswith("1 of 3 data sources could not be brought to the desired state.")
    assert '[1] CHECKMARX_ONE "checkmarx": ' in result["msg"]
    assert "2 created" in result["msg"]
    assert "requestBody.type" in result["data_sources"][1]["error"]
    assert len(tenant.instances) == 2


def test_what_cannot_be_planned_stops_no_other_item(sources: Bulk, tenant: EmbeddedTenant) -> None:
    tenant.add_instance(
        "BITBUCKET_DATACENTER", name="bb", hostname="bb.example.com", selection_type=MANUAL, state=[f"P/{n}" for n in range(30)]
    )
    result = sources(bitbucket(repositories=["P/1"], repositories_mode="exact"), JENKINS, {"type": "snyk", "name": "x"})
    assert actions(result) == ["failed", "created", "failed"]
    assert "29 of 30" in result["data_sources"][0]["error"]
    assert "Did you mean SNYK?" in result["data_sources"][2]["error"]


@pytest.mark.parametrize(("key", "status"), [("viewer", 403)])
def test_a_refused_role_ends_the_run(sources: Bulk, tenant: EmbeddedTenant, key: str, status: int) -> None:
    result = sources(*[{"type": "JENKINS_SERVER", "name": f"jenkins-{n}"} for n in range(80)], key=key)
    assert (result["failed"], result["changed"]) == (True, False)
    assert f"HTTP {status}" in result["msg"]
    assert "was not attempted" in result["msg"]
    # Those that were underway at once; at a lower rate they are fewer.
    assert len(tenant.writes) <= pool.MOST, "every further item would fail the same way"


def test_two_items_for_one_instance_are_refused_before_any_write(sources: Bulk, tenant: EmbeddedTenant) -> None:
    there = tenant.add_instance("JENKINS_SERVER", name="jenkins-blue")
    for twin in ({**JENKINS, "state": "absent"}, {"id": there}, JENKINS):
        message = sources.refused(SNYK, JENKINS, twin)
        assert "items 1" in message
        assert "and 2" in message
        assert "refer to the same data source" in message
    assert "refer to the same data source" in sources.refused(SNYK, SNYK)
    assert tenant.writes == []


def test_one_repository_claimed_twice_on_one_host_is_refused_before_any_write(sources: Bulk, tenant: EmbeddedTenant) -> None:
    both = {"domain": {"hostname": "bb.example.com"}, "selection_type": MANUAL, "repositories": ["P/a"]}
    message = sources.refused(bitbucket("one", **both), bitbucket("two", **both))
    assert "both claim repository P/a" in message
    assert tenant.writes == []
    other_host = {**both, "domain": {"hostname": "other.example.com"}}
    sources.ok(bitbucket("one", **both), bitbucket("two", **other_host))


def test_an_ignored_item_is_known_and_never_touched(sources: Bulk, tenant: EmbeddedTenant) -> None:
    there = tenant.add_instance("BITBUCKET_DATACENTER", name="bb", hostname="bb.example.com", selection_type=MANUAL, state=["P/a"])
    result = sources.ok(
        bitbucket(repositories=["P/b"], selection_type=MANUAL, ignore=True), {"type": "SNYK", "name": "not there", "ignore": True}
    )
    assert not result["changed"]
    assert tenant.writes == []
    assert tenant.instances[there]["state"] == ["P/a"]


@older("tenant")
def test_what_cannot_be_determined_is_said_so_and_nothing_is_made(sources: Bulk, tenant: EmbeddedTenant) -> None:
    tenant.add_instance("JENKINS_SERVER", name="jenkins-blue")
    tenant.set(unique_properties="hidden", name_shown="unique_properties")
    result = sources(JENKINS, SNYK)
    assert result["failed"]
    assert actions(result) == ["undetermined", "created"]
    assert "give its id" in result["data_sources"][0]["error"]


def test_the_diff_has_one_entry_for_each_that_changes(sources: Bulk, tenant: EmbeddedTenant) -> None:
    tenant.add_instance("JENKINS_SERVER", name="jenkins-blue")
    result = sources.ok(JENKINS, SNYK, diff=True, check=True)
    (entry,) = result["diff"]
    assert entry["after_header"].startswith("SNYK")
    assert "snyk-secret" not in str(result)
    assert tenant.writes == []


def test_an_empty_list_is_nothing_to_do(sources: Bulk) -> None:
    result = Ask.ok(sources, data_sources=[])
    assert (result["changed"], result["data_sources"], result["summary"]) == (False, [], {})


def test_a_misspelt_option_of_one_item_is_named_and_its_value_is_not(sources: Bulk, tenant: EmbeddedTenant) -> None:
    result = sources({**SNYK, "credentials": {"tokn": "canary-secret"}})
    assert result["failed"]
    assert "tokn" in result["msg"]
    assert "canary-secret" not in str(result)
    assert tenant.journal == []


def test_returned_tokens_carry_the_index_of_their_item(sources: Bulk, tenant: EmbeddedTenant) -> None:
    collector = {"type": "COLLECTOR", "unique_properties": {"detectionMethod": "SAST", "fileType": "SARIF"}, "return_credentials": True}
    result = sources.ok(JENKINS, {**collector, "name": "bandit"}, {**collector, "name": "semgrep"})
    by_name = {tenant.instances[token.id]["uniqueProperties"]["name"]: token.token for token in tenant.state.tokens.values()}
    assert [(c["index"], c["token"]) for c in result["collector_credentials"]] == [(1, by_name["bandit"]), (2, by_name["semgrep"])]


def test_concurrent_writes_live_with_the_tenants_limit(run_module: Any) -> None:
    with EmbeddedTenant("guide", rate=10) as tenant:
        sources = Bulk(run_module, tenant, "data_sources", requests_per_second=8)
        sources.ok(*[{"type": "JENKINS_SERVER", "name": f"jenkins-{n}"} for n in range(8)])
        assert len(tenant.instances) == 8
        # On a busy machine threads send late; the pace itself has tests with a clock of their own.
        assert len([e for e in tenant.journal if e.status == 429]) < len(tenant.journal) / 4


def test_the_progress_file_counts_what_failed(
    sources: Bulk, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CORTEXCLOUD_PROGRESS_FILE", str(tmp_path / "progress"))
    monkeypatch.setattr(_module, "PROGRESS_SECONDS", -1.0)
    (tmp_path / "progress").touch()
    there = tenant.add_instance("SNYK", name="snyk-eu")
    tenant.set(unknown_type="refuse")
    refused = {"type": "CHECKMARX_ONE", "name": "cx", "credentials": {"token": "cx-secret"}}
    result = sources(JENKINS, refused, {"id": there, **SNYK, "credentials": {}})
    assert result["failed"]
    progress = json.loads((tmp_path / "progress").read_text(encoding="utf-8"))
    assert (progress["total"], progress["done"], progress["changed"], progress["failed"]) == (3, 3, 1, 1), result
