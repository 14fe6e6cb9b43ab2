# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenant as its vendor publishes it: identifiers for names, settings and mappings never shown, collectors alone created."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Ask
from bulk import Engine, actions

from tenant.server import EmbeddedTenant

MANUAL = "MANUAL_SELECTION"
OAUTH = {"client_id": "the-client", "client_secret": "the-secret"}
PEM = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n"


@pytest.fixture(params=["published", "guide"])
def tenant(request: Any) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile=request.param, rate=1000) as started:
        yield started


@pytest.fixture
def published() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile="published", rate=1000) as started:
        yield started


def engine_of(tenant: EmbeddedTenant, run_module: Any) -> Engine:
    return Engine(run_module, tenant)


def github(tenant: EmbeddedTenant, identifier: str = "acme", hostname: str = "ghe.example.com", **options: Any) -> str:
    shown = {"selection_type": MANUAL, "state": ["acme/a"], **options}
    return tenant.add_instance("GITHUB_ENTERPRISE", identifier=identifier, hostname=hostname, protocol="https", **shown)


def ghe(name: str = "ghe-core", hostname: str | None = "ghe.example.com", **options: Any) -> dict[str, Any]:
    domain = {"domain": {"hostname": hostname}} if hostname else {}
    return {"type": "GITHUB_ENTERPRISE", "name": name, **domain, **options}


# -- identity


def test_a_host_that_singles_out_one_instance_adopts_it_and_the_second_run_is_silent(tenant: EmbeddedTenant, run_module: Any) -> None:
    there = github(tenant)
    ask = Ask(run_module, tenant, "data_sources")
    items = [ghe(selection_type=MANUAL, repositories=["acme/a", "acme/b"])]
    first = ask.ok(data_sources=items)
    assert (first["data_sources"][0]["action"], first["data_sources"][0]["identified_by"]) == ("updated", "hostname")
    assert tenant.instances[there]["state"] == ["acme/a", "acme/b"]
    again = ask.ok(data_sources=items)
    assert (again["changed"], again["warnings"], again["data_sources"][0]["action"]) == (False, [], "unchanged")


def test_a_name_that_equals_the_identifier_proves_and_another_proves_nothing(tenant: EmbeddedTenant, run_module: Any) -> None:
    github(tenant, "acme")
    github(tenant, "umbrella")
    engine = engine_of(tenant, run_module)
    row = engine.apply(ghe("acme"))["data_sources"][0]
    assert (row["action"], row["identified_by"], row["identifier"]) == ("unchanged", "name", "acme")
    result = engine.apply(ghe("core"))
    assert result["data_sources"][0]["action"] == "undetermined"
    assert '"acme"' in result["msg"]
    assert '"umbrella"' in result["msg"]
    assert "Give identifier" in result["msg"]
    assert engine.writes() == []


def test_an_instance_that_another_item_means_is_no_candidate(tenant: EmbeddedTenant, run_module: Any) -> None:
    github(tenant, "acme")
    other = github(tenant, "umbrella")
    engine = engine_of(tenant, run_module)
    result = engine.apply(ghe("acme"), ghe("core", selection_type=MANUAL, repositories=["acme/a", "acme/z"]))
    assert actions(result) == ["unchanged", "updated"]
    assert result["data_sources"][1]["id"] == other


def test_without_a_host_nothing_singles_out_and_no_second_one_is_made(tenant: EmbeddedTenant, run_module: Any) -> None:
    tenant.add_instance("SNYK", identifier="snyk-default-org", hostname="api.eu.snyk.io", protocol="https")
    engine = engine_of(tenant, run_module)
    result = engine.apply({"type": "SNYK", "name": "eu", "credentials": {"token": "snyk-token"}})
    assert result["data_sources"][0]["action"] == "undetermined"
    assert engine.writes() == []
    assert actions(engine.apply({"type": "SNYK", "identifier": "snyk-default-org"})) == ["unchanged"]


def test_what_was_found_by_its_host_alone_is_never_deleted(tenant: EmbeddedTenant, run_module: Any) -> None:
    there = github(tenant, certificate=PEM)
    engine = engine_of(tenant, run_module)
    assert "That is not enough to delete it" in engine.apply(ghe(state="absent"))["msg"]
    moved = ghe(recreate="when_immutable_differs", self_signed_certificate="another")
    assert engine.apply(moved)["failed"]
    assert list(tenant.instances) == [there]
    assert engine.writes() == []
    assert actions(engine.apply({"type": "GITHUB_ENTERPRISE", "identifier": "acme", "state": "absent"})) == ["deleted"]


def test_an_identifier_decides_alone(tenant: EmbeddedTenant, run_module: Any) -> None:
    there = github(tenant, "acme")
    engine = engine_of(tenant, run_module)
    row = engine.apply({"type": "GITHUB_ENTERPRISE", "identifier": "acme", "name": "our word", "domain": {"hostname": "GHE.example.com"}})
    assert (row["data_sources"][0]["id"], row["data_sources"][0]["identified_by"]) == (there, "identifier")
    tenant.set(fields="mirrored")
    hidden = engine.apply({"type": "GITHUB_ENTERPRISE", "identifier": "acme"})
    assert hidden["data_sources"][0]["action"] == "undetermined"


def test_a_collector_is_its_name_and_is_renamed(tenant: EmbeddedTenant, run_module: Any) -> None:
    there = tenant.add_collector("old").id
    tenant.add_collector("another")
    engine = engine_of(tenant, run_module)
    rename = {"type": "COLLECTOR", "identifier": "old", "name": "new", "return_credentials": True}
    assert actions(engine.apply(rename)) == ["updated"]
    assert tenant.instances[there]["uniqueProperties"] == {"name": "new", "detectionMethod": "SAST", "fileType": "SARIF"}
    # The old identifier is gone; the one that has the new name is the one.
    assert actions(engine.apply(rename)) == ["unchanged"]
    assert len(tenant.instances) == 2


def test_a_new_collector_that_gets_another_identifier_keeps_its_token_and_is_found_again(
    tenant: EmbeddedTenant, run_module: Any, tmp_path: Path
) -> None:
    tenant.set(identifier_given="other")
    file = tmp_path / "token.json"
    engine = engine_of(tenant, run_module)
    item = {"type": "COLLECTOR", "name": "scan", "credentials_file": str(file)}
    first = engine.apply(item)
    assert first["failed"]
    assert first["changed"]
    assert 'identifier as "scan-1"' in first["msg"]
    assert file.exists()
    second = engine.apply({**item, "credentials_file": str(tmp_path / "another.json")})
    assert actions(second) == ["unchanged"]
    assert second["data_sources"][0]["identified_by"] == "memory"
    assert len(tenant.instances) == 1
    assert actions(engine.apply({"type": "COLLECTOR", "identifier": "scan-1"})) == ["unchanged"]


def test_an_export_writes_identifiers_and_changes_nothing(tenant: EmbeddedTenant, run_module: Any) -> None:
    github(tenant, "acme", certificate=PEM)
    github(tenant, "umbrella", selection_type="CURRENT_STATE", state=[])
    tenant.add_instance("SNYK", identifier="snyk-default-org", hostname="api.snyk.io", protocol="https")
    tenant.add_collector("bandit")
    ask = Ask(run_module, tenant, "data_source_info")
    config = ask.ok(as_config=True)["config"]
    assert sorted(item["identifier"] for item in config) == ["acme", "bandit", "snyk-default-org", "umbrella"]
    assert not any("id" in item for item in config)
    tenant.clear_journal()
    result = Ask(run_module, tenant, "data_sources").ok(data_sources=config)
    assert ([row["action"] for row in result["data_sources"]], result["warnings"]) == (["unchanged"] * 4, [])
    assert tenant.writes == []


# -- what is shown and what is not


def test_a_certificate_is_compared_but_for_its_white_space(tenant: EmbeddedTenant, run_module: Any) -> None:
    github(tenant, "acme", certificate=PEM)
    engine = engine_of(tenant, run_module)
    assert actions(engine.apply(ghe("acme", self_signed_certificate=PEM.replace("\n", "\r\n") + "\n"))) == ["unchanged"]
    refused = engine.apply(ghe("acme", self_signed_certificate=PEM.replace("YWJj", "eHl6")))
    assert "self_signed_certificate is another and the API cannot change it" in refused["msg"]


def test_settings_are_sent_at_creation_and_named_as_not_compared(tenant: EmbeddedTenant, run_module: Any) -> None:
    tenant.add_instance("SNYK", identifier="eu", hostname="api.snyk.io", protocol="https")
    ask = Ask(run_module, tenant, "data_source")
    item = {"type": "SNYK", "name": "eu", "unique_properties": {"scanTypes": ["SAST"]}}
    result = ask.ok(**item)
    assert (result["changed"], result["not_compared"], result["warnings"]) == (False, ["unique_properties.scanTypes"], [])
    # Without a read for their sake.
    tenant.clear_journal()
    Ask(run_module, tenant, "data_sources").ok(data_sources=[item])
    assert [entry.path for entry in tenant.journal] == ["/public_api/appsec/v1/data_source_instances"]
    always = {**item, "update_unique_properties": "always"}
    assert ask.ok(**always)["changed"]
    assert tenant.writes[-1].request_body["uniqueProperties"]["scanTypes"] == ["SAST"]


def test_of_a_collector_what_its_root_shows_is_compared(tenant: EmbeddedTenant, run_module: Any) -> None:
    there = tenant.add_collector("scan").id
    ask = Ask(run_module, tenant, "data_source")
    same = ask.ok(type="COLLECTOR", name="scan", unique_properties={"detectionMethod": "SAST", "fileType": "SARIF"})
    assert (same["changed"], "not_compared" in same) == (False, False)
    assert tenant.instances[there]["uniqueProperties"]["fileType"] == "SARIF"


MAPPED = [{"external_id": "e1", "external_project_id": "p1", "repo_id": "r1"}]


def test_mappings_that_nobody_sees_are_remembered(tenant: EmbeddedTenant, run_module: Any) -> None:
    there = tenant.add_instance("SNYK", identifier="eu", hostname="api.snyk.io", protocol="https")
    ask = Ask(run_module, tenant, "data_source")
    item = {"type": "SNYK", "name": "eu", "external_projects": MAPPED}
    assert "Use external_projects_mode: exact" in ask.refused(**item)
    exact = {**item, "external_projects_mode": "exact"}
    assert "set max_deselect in this item to -1" in ask.refused(**exact)
    assert ask.ok(**exact, max_deselect=-1)["changed"]
    sent = {"externalId": "e1", "externalProjectId": "p1", "externalBranchName": None, "repoId": "r1", "branchName": None}
    assert tenant.instances[there]["externalProjects"] == [sent]
    assert not ask.ok(**exact)["changed"]
    # A change of something else sends them back.
    assert ask.ok(type="SNYK", name="eu", selection_type=MANUAL, repositories=["acme/a"], max_deselect=-1)["changed"]
    assert tenant.instances[there]["externalProjects"] == [sent]
    assert not ask.ok(**exact)["changed"]
    more = [*MAPPED, {"external_id": "e2", "repo_id": "r2"}]
    assert ask.ok(**{**exact, "external_projects": more})["changed"]
    on_create = {**exact, "external_projects": [], "external_projects_update": "on_create"}
    assert not ask.ok(**on_create)["changed"]


def test_where_somebody_changed_the_instance_the_memory_of_its_mappings_is_void(tenant: EmbeddedTenant, run_module: Any) -> None:
    there = tenant.add_instance("SNYK", identifier="eu", hostname="api.snyk.io", protocol="https")
    ask = Ask(run_module, tenant, "data_source")
    exact = {"type": "SNYK", "name": "eu", "external_projects": MAPPED, "external_projects_mode": "exact"}
    ask.ok(**exact, max_deselect=-1)
    tenant.state.update(there, {"selectionType": "CURRENT_STATE"})
    assert "set max_deselect in this item to -1" in ask.refused(**exact)


# -- the guard against mass deselection


def test_a_selection_that_a_read_does_not_name_is_not_replaced(tenant: EmbeddedTenant, run_module: Any) -> None:
    github(tenant, "acme", state=[f"acme/{n}" for n in range(50)])
    engine = engine_of(tenant, run_module)
    # A count of associated repositories is larger than the selection, and no fault.
    tenant.set(count="associated")
    assert actions(engine.apply(ghe("acme", repositories=["acme/new"]))) == ["updated"]


def test_a_pending_selection_is_as_wide_as_the_one_it_becomes_and_is_never_sent(tenant: EmbeddedTenant, run_module: Any) -> None:
    there = github(tenant, "acme", selection_type="CURRENT_STATE_PENDING", state=["acme/a"])
    engine = engine_of(tenant, run_module)
    assert actions(engine.apply(ghe("acme", selection_type="CURRENT_STATE"))) == ["unchanged"]
    assert "would cover fewer repositories" in engine.apply(ghe("acme", selection_type=MANUAL))["msg"]
    assert actions(engine.apply(ghe("acme", selection_type="CURRENT_STATE_AND_FUTURE"))) == ["updated"]
    assert tenant.instances[there]["selectionType"] == "CURRENT_STATE_AND_FUTURE"
    (item,) = [i for i in engine.export() if i["type"] == "GITHUB_ENTERPRISE"]
    assert item["selection_type"] == "CURRENT_STATE_AND_FUTURE"


# -- creation


def test_what_the_tenant_does_not_create_waits_for_a_person_and_is_scoped_then(published: EmbeddedTenant, run_module: Any) -> None:
    engine = engine_of(published, run_module)
    items = [
        ghe("a", "a.example.com", credentials=OAUTH, selection_type=MANUAL, repositories=["acme/a"]),
        ghe("b", "b.example.com", credentials=OAUTH),
        {"type": "COLLECTOR", "name": "scan", "return_credentials": True},
    ]
    checked = engine.apply(*items, check=True)
    assert actions(checked) == ["created", "created", "created"]
    assert "may have to be connected in the Cortex console" in str(checked["pending_actions"])
    first = engine.apply(*items)
    assert actions(first) == ["pending", "pending", "created"]
    assert [p["type"] for p in first["pending_actions"]] == ["GITHUB_ENTERPRISE"] * 2
    # Asked once, and not again in the next run, where check mode knows it too.
    assert engine.writes().count("POST 422") == 1
    published.clear_journal()
    assert actions(engine.apply(*items, check=True)) == ["pending", "pending", "unchanged"]
    assert actions(engine.apply(*items)) == ["pending", "pending", "unchanged"]
    assert engine.writes() == []
    connected = published.add_instance("GITHUB_ENTERPRISE", identifier="acme", hostname="a.example.com", protocol="https",
                                       repositories=["acme/a", "acme/b"])  # fmt: skip
    assert actions(engine.apply(*items)) == ["updated", "pending", "unchanged"]
    assert published.instances[connected]["state"] == ["acme/a"]


def test_uncreatable_fail_and_unknown_types_fail(published: EmbeddedTenant, run_module: Any) -> None:
    engine = engine_of(published, run_module)
    item = ghe(credentials=OAUTH, uncreatable="fail")
    assert "422" in engine.apply(item)["msg"]
    assert engine.apply({"type": "CHECKMARX", "name": "x"})["failed"]


def test_a_created_type_is_created_as_the_guide_says(run_module: Any) -> None:
    with EmbeddedTenant(profile="guide", rate=1000) as tenant:
        engine = engine_of(tenant, run_module)
        item = ghe(credentials=OAUTH, selection_type=MANUAL, repositories=["acme/a"])
        assert actions(engine.apply(item)) == ["created"]
        (made,) = tenant.instances.values()
        assert (made["state"], made["domain"]["protocol"]) == (["acme/a"], "https")
        assert actions(engine.apply(item)) == ["unchanged"]
        # The vendor's word need not be ours: then the host tells, and without one what the run remembered.
        tenant.set(identifier_given="vendor")
        snyk = {"type": "SNYK", "name": "eu", "credentials": {"token": "snyk-token"}}
        assert actions(engine.apply(snyk)) == ["created"]
        again = engine.apply(snyk)
        assert actions(again) == ["unchanged"]
        assert again["data_sources"][0]["identified_by"] == "memory"
