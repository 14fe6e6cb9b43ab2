# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One data source, brought to its described state, over real HTTP, against a friendly and an awkward tenant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asking import Ask, lose_answers, older
from contributed import tenants
from gitlabs import GITLAB, MANUAL, NEW_GITLAB, gitlab, only

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import create, view
from tenant.server import EmbeddedTenant


@pytest.fixture(params=tenants("guide", "awkward"))
def tenant(request: pytest.FixtureRequest) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile=request.param, rate=1000) as started:
        yield started


@pytest.fixture
def source(tenant: EmbeddedTenant, run_module: Any) -> Ask:
    return Ask(run_module, tenant, "data_source")


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "LOOK_AGAIN_SECONDS", 2.0)
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0, 0.05, 0.1, 0.1))


# -- from nothing to there, and again


def test_a_data_source_is_created_and_then_scoped_and_a_second_run_changes_nothing(source: Ask, tenant: EmbeddedTenant) -> None:
    first = source.ok(**NEW_GITLAB)
    assert first["changed"]
    assert first["actions"] == ["create", "scope"]
    assert first["credentials_applied"] is True
    shown = only(tenant)
    assert shown["selectionType"] == MANUAL
    assert shown["state"] == ["platform/api", "platform/web"]
    assert shown["domain"] == {"hostname": "gitlab.example.com", "protocol": "https"}
    assert tenant.credential_matches(shown["id"], "clientSecret", "s3cret")
    assert first["data_source"]["id"] == shown["id"]
    assert first["data_source"].get("repositories_count") in (None, 2)

    tenant.clear_journal()
    second = source.ok(**NEW_GITLAB)
    assert (second["changed"], second["actions"], second["credentials_applied"]) == (False, [], False)
    assert second["data_source"]["repositories"] == ["platform/api", "platform/web"]
    assert tenant.writes == []


def test_the_result_fed_back_changes_nothing(source: Ask, tenant: EmbeddedTenant) -> None:
    result = source.ok(
        **{**NEW_GITLAB, "unique_properties": {"group": "platform", "apiToken": "t-secret"}},
        external_projects=[{"external_project_id": "p1", "external_id": "e1", "repo_id": "r1"}],
    )
    shown_by_the_tenant = ("status", "status_details", "scan_types", "tenant_id", "repositories_count", "created_at", "updated_at")
    again = source.ok(**{k: v for k, v in result["data_source"].items() if k not in shown_by_the_tenant})
    assert not again["changed"]
    assert again["data_source"]["id"] == result["data_source"]["id"]


def test_what_a_person_still_has_to_do_is_said_once(source: Ask) -> None:
    first, second = source.ok(**NEW_GITLAB), source.ok(**NEW_GITLAB)
    (todo,) = first["pending_actions"]
    assert todo["id"] == first["data_source"]["id"]
    assert "browser" in todo["step"]
    assert second["pending_actions"] == []


def test_repositories_come_and_go_and_the_others_stay(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant)
    assert source.ok(**GITLAB, repositories=["a/3", "b/1"])["actions"] == ["update"]
    assert only(tenant)["state"] == ["a/1", "a/2", "a/3", "b/1"]
    source.ok(**GITLAB, repositories=["a/1"], repositories_mode="remove")
    assert only(tenant)["state"] == ["a/2", "a/3", "b/1"]
    source.ok(**GITLAB, repositories=["a/3", "c/1"], repositories_mode="exact")
    assert only(tenant)["state"] == ["a/3", "c/1"]
    assert only(tenant)["uniqueProperties"] == {"name": "gitlab-core"}


def test_an_absent_list_and_an_empty_one_are_not_the_same(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant)
    assert not source.ok(**GITLAB)["changed"]
    assert not source.ok(**GITLAB, repositories=[])["changed"]
    assert not source.ok(**GITLAB, repositories=[], repositories_mode="remove")["changed"]
    assert "all its repositories" in source.refused(**GITLAB, repositories=[], repositories_mode="exact")
    assert tenant.writes == []
    assert source.ok(**GITLAB, repositories=[], repositories_mode="exact", max_deselect=-1)["changed"]
    assert only(tenant)["state"] == []


def test_too_many_deselections_are_refused_with_the_numbers(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant, state=[f"a/{n}" for n in range(40)])
    message = source.refused(**GITLAB, repositories=["a/0"], repositories_mode="exact")
    assert "deselect 39 of 40 repositories" in message
    assert "max_deselect (10)" in message
    assert tenant.writes == []
    assert len(only(tenant)["state"]) == 40


def test_the_gitlab_whose_list_says_nothing_of_its_2546_repositories(source: Ask, tenant: EmbeddedTenant) -> None:
    """Contract 7.1, surprise 1: an update computed from the list would deselect 2546."""
    repositories = [f"group-{n % 50}/service-{n}" for n in range(2546)]
    gitlab(tenant, state=repositories)
    assert source.ok(**GITLAB, repositories=["group-1/new"])["changed"]
    assert only(tenant)["state"] == [*repositories, "group-1/new"]


def test_a_read_by_id_that_looks_incomplete_is_refused(source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    gitlab(tenant)
    from tenant import present

    whole = present.item
    monkeypatch.setattr(present, "item", lambda stored, switches: {**whole(stored, switches), "state": []})
    message = source.refused(**GITLAB, repositories=["b/1"])
    assert "3 repositories are selected but names 0" in message
    source.refused(**GITLAB, repositories=["b/1"], max_deselect=-1)
    assert tenant.writes == []


def test_a_selection_is_widened_at_once_and_narrowed_only_when_it_is_said(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant)
    assert source.ok(**GITLAB, selection_type="CURRENT_STATE_AND_FUTURE")["changed"]
    assert "would cover fewer repositories" in source.refused(**GITLAB, selection_type=MANUAL)
    assert source.ok(**GITLAB, selection_type=MANUAL, max_deselect=-1)["changed"]
    assert only(tenant)["selectionType"] == MANUAL


@older("tenant")
def test_mappings_are_added_changed_and_removed(source: Ask, tenant: EmbeddedTenant) -> None:
    snyk: dict[str, Any] = {"type": "SNYK", "name": "snyk-eu"}
    tenant.add_instance("SNYK", name="snyk-eu", external_projects=[{"externalProjectId": "p1", "externalId": "e1", "repoId": "r1"}])
    source.ok(**snyk, external_projects=[{"external_project_id": "p2", "external_id": "e2", "repo_id": "r2"}])
    assert [m["externalProjectId"] for m in only(tenant)["externalProjects"]] == ["p1", "p2"]
    source.ok(**snyk, external_projects=[{"external_project_id": "p1", "repo_id": "r9"}])
    assert only(tenant)["externalProjects"][0] == {
        "externalProjectId": "p1",
        "externalId": "e1",
        "externalBranchName": None,
        "repoId": "r9",
        "branchName": None,
    }
    source.ok(**snyk, external_projects=[{"external_project_id": "p1"}], external_projects_mode="remove")
    assert [m["externalProjectId"] for m in only(tenant)["externalProjects"]] == ["p2"]
    exact = [{"external_project_id": "p2", "external_id": "e2", "repo_id": "r2"}]
    assert not source.ok(**snyk, external_projects=exact, external_projects_mode="exact")["changed"]


@older("tenant")
def test_a_setting_changes_and_its_neighbours_stay(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant, unique_properties={"group": "g", "team": "t"})
    assert source.ok(**GITLAB, unique_properties={"group": "h"})["changed"]
    assert only(tenant)["uniqueProperties"] == {"name": "gitlab-core", "group": "h", "team": "t"}
    assert only(tenant)["state"] == ["a/1", "a/2", "a/3"]


# -- which instance an item refers to


def test_two_of_one_name_are_told_apart_by_the_host_and_named_without_it(source: Ask, tenant: EmbeddedTenant) -> None:
    core, edge = gitlab(tenant), gitlab(tenant, hostname="gitlab.edge.example.com")
    message = source.refused(type="GITLAB_SELF_MANAGED", name="gitlab-core", repositories=["b/1"])
    for part in (core, edge, "gitlab.example.com", "gitlab.edge.example.com", "Give domain.hostname (or id)"):
        assert part in message
    assert tenant.writes == []
    source.ok(type="GITLAB_SELF_MANAGED", name="gitlab-core", domain={"hostname": "gitlab.edge.example.com"}, repositories=["b/1"])
    source.ok(type="GITLAB_SELF_MANAGED", domain={"hostname": "GITLAB.example.com"}, repositories=["b/2"])
    source.ok(id=core, repositories=["b/3"])
    assert tenant.instances[edge]["state"][3:] == ["b/1"]
    assert tenant.instances[core]["state"][3:] == ["b/2", "b/3"]


def test_a_name_that_fits_on_another_host_is_another_instance(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant)
    result = source.ok(**{**NEW_GITLAB, "domain": {"hostname": "gitlab.other.example.com"}})
    assert result["actions"] == ["create", "scope"]
    assert len(tenant.instances) == 2


@older("tenant")
def test_a_host_that_fits_under_another_name_is_another_instance(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant)
    assert source.ok(**{**NEW_GITLAB, "name": "gitlab-edge"})["actions"] == ["create", "scope"]
    assert len(tenant.instances) == 2


def test_an_id_that_does_not_exist_never_creates_and_is_absent_already(source: Ask, tenant: EmbeddedTenant) -> None:
    assert "no data source with id 4711" in source.refused(**NEW_GITLAB, id="4711")
    assert not source.ok(id="4711", state="absent")["changed"]
    assert tenant.writes == []


def test_an_id_with_a_slash_is_one_id(source: Ask, tenant: EmbeddedTenant) -> None:
    """An AWS CodeCommit id is a stack's, and holds slashes and colons."""
    stack = "arn:aws:cloudformation:eu-west-1:123456789012:stack/cortex/6f?x=1"
    tenant.add_instance("AWS_CODE_COMMIT", selection_type=MANUAL, state=["a"], id=stack)
    assert source.ok(id=stack, repositories=["b"])["changed"]
    assert only(tenant)["state"] == ["a", "b"]


@older("tenant")
def test_a_hidden_name_is_not_guessed(source: Ask, tenant: EmbeddedTenant) -> None:
    there = gitlab(tenant)
    tenant.set(unique_properties="hidden", name_shown="unique_properties", domain_shown=False)
    message = source.refused(**NEW_GITLAB)
    assert "it is not known whether" in message
    assert there in message
    assert tenant.writes == []
    assert source.ok(id=there, repositories=["b/1"])["changed"]


@older("tenant")
def test_a_hidden_name_is_left_out_when_the_host_tells_it(source: Ask, tenant: EmbeddedTenant) -> None:
    there = gitlab(tenant)
    tenant.set(unique_properties="hidden", name_shown="unique_properties", put_omitted="keep")
    result = source.ok(**GITLAB, repositories=["b/1"])
    assert any("does not show its name" in w for w in result["warnings"])
    assert tenant.instances[there]["state"][3:] == ["b/1"]


def test_a_new_name_for_a_known_id_renames_a_collector_and_is_a_label_for_other_types(source: Ask, tenant: EmbeddedTenant) -> None:
    there = gitlab(tenant)
    assert not source.ok(id=there, name="gitlab-renamed")["changed"]
    collector = tenant.add_collector("old").id
    assert source.ok(id=collector, name="new")["changed"]
    assert tenant.instances[collector]["uniqueProperties"]["name"] == "new"
    assert not source.ok(id=collector, name="new")["changed"]


# -- taking away


def test_absent_deletes_it_on_the_path_that_the_tenant_has_and_once(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant)
    other = tenant.add_instance("SNYK", name="snyk-eu")
    result = source.ok(**GITLAB, state="absent")
    assert (result["changed"], result["actions"]) == (True, ["delete"])
    assert list(tenant.instances) == [other]
    tenant.clear_journal()
    assert not source.ok(**GITLAB, state="absent")["changed"]
    assert tenant.writes == []


def test_absent_by_type_alone_is_refused(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant)
    assert "type alone" in source.refused(type="GITLAB_SELF_MANAGED", state="absent")
    assert tenant.journal == []


@pytest.mark.parametrize("other", [{"type": "SNYK"}, {"domain": {"hostname": "other.example.com"}}])
def test_absent_does_not_delete_what_the_id_names_but_the_rest_denies(source: Ask, tenant: EmbeddedTenant, other: dict[str, Any]) -> None:
    """An id copied from the wrong line must not delete something that the item clearly does not describe."""
    there = gitlab(tenant)
    message = source.refused(id=there, state="absent", **other)
    assert there in message
    assert tenant.writes == []


@older("tenant")
def test_absent_does_not_delete_what_the_id_names_but_its_name_denies(source: Ask, tenant: EmbeddedTenant) -> None:
    there = gitlab(tenant)
    assert there in source.refused(id=there, state="absent", name="gitlab-edge")
    assert tenant.writes == []


def test_an_answer_lost_at_deletion_is_a_deletion(source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    gitlab(tenant)
    lost = lose_answers(monkeypatch, "DELETE")
    assert source.ok(**GITLAB, state="absent")["changed"]
    assert len(lost) == 1
    assert tenant.instances == {}


# -- made once, then left alone


def test_created_makes_it_and_never_touches_it_afterwards(source: Ask, tenant: EmbeddedTenant) -> None:
    assert source.ok(**NEW_GITLAB, state="created")["actions"] == ["create", "scope"]
    tenant.clear_journal()
    result = source.ok(**{**NEW_GITLAB, "repositories": ["other/one"]}, state="created")
    assert not result["changed"]
    assert tenant.writes == []
    assert only(tenant)["state"] == ["platform/api", "platform/web"]
    # The list says [] of any instance: to hand that on would be a lie.
    assert result["data_source"].get("repositories") in (None, ["platform/api", "platform/web"])


@older("tenant")
def test_another_broker_is_refused(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant, transporter={"brokerDeviceId": "b1"})
    assert "the API cannot change it to" in source.refused(**GITLAB, transporter={"broker_device_id": "b2"})
    assert tenant.writes == []


@pytest.mark.parametrize("differs", [{"domain": {"hostname": "gitlab.example.com", "protocol": "http"}}])
def test_what_cannot_be_changed_is_refused(source: Ask, tenant: EmbeddedTenant, differs: dict[str, Any]) -> None:
    gitlab(tenant, transporter={"brokerDeviceId": "b1"})
    message = source.refused(**{**GITLAB, **differs})
    assert "the API cannot change it to" in message
    assert "destroy" in message
    assert tenant.writes == []
