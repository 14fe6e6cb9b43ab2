# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One data source, brought to its described state, over real HTTP, against a friendly and an awkward tenant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Ask, lose_answers

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import apply, view
from tenant.server import EmbeddedTenant

MANUAL = "MANUAL_SELECTION"
GITLAB: dict[str, Any] = {
    "type": "GITLAB_SELF_MANAGED",
    "name": "gitlab-core",
    "domain": {"hostname": "gitlab.example.com", "protocol": "https"},
}
NEW_GITLAB: dict[str, Any] = {
    **GITLAB,
    "credentials": {"client_id": "cortex", "client_secret": "s3cret"},
    "selection_type": MANUAL,
    "repositories": ["platform/api", "platform/web"],
}


@pytest.fixture(params=["default", "awkward"])
def tenant(request: pytest.FixtureRequest) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile=request.param, rate=1000) as started:
        yield started


@pytest.fixture
def source(tenant: EmbeddedTenant, run_module: Any) -> Ask:
    return Ask(run_module, tenant, "data_source")


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "LOOK_AGAIN_SECONDS", 2.0)
    for module in (view, apply):
        monkeypatch.setattr(module, "SETTLE_PAUSES", (0.0, 0.05, 0.1, 0.1))


def gitlab(tenant: EmbeddedTenant, **fields: Any) -> str:
    """The GitLab above, there already, with three repositories."""
    there = {
        "type": "GITLAB_SELF_MANAGED",
        "name": "gitlab-core",
        "hostname": "gitlab.example.com",
        "protocol": "https",
        "selection_type": MANUAL,
        "state": ["a/1", "a/2", "a/3"],
    }
    return tenant.add_instance(**{**there, **fields})


def only(tenant: EmbeddedTenant) -> dict[str, Any]:
    (instance,) = tenant.instances.values()
    return instance


def writes(tenant: EmbeddedTenant) -> list[str]:
    return [entry.method for entry in tenant.writes]


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
    assert first["data_source"]["repositories_count"] == 2

    tenant.clear_journal()
    second = source.ok(**NEW_GITLAB)
    assert (second["changed"], second["actions"], second["credentials_applied"]) == (False, [], False)
    assert second["data_source"]["repositories"] == ["platform/api", "platform/web"]
    assert tenant.writes == []


def test_the_result_fed_back_changes_nothing(source: Ask, tenant: EmbeddedTenant) -> None:
    result = source.ok(
        **{**NEW_GITLAB, "unique_properties": {"group": "platform", "apiToken": "t-secret"}},
        external_projects=[{"external_project_id": "p1", "repo_id": "r1"}],
    )
    shown_by_the_tenant = ("status", "repositories_count", "created_at", "updated_at")
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
    assert "last" in source.refused(**GITLAB, repositories=[], repositories_mode="exact")
    assert tenant.writes == []
    assert source.ok(**GITLAB, repositories=[], repositories_mode="exact", max_deselect=-1)["changed"]
    assert only(tenant)["state"] == []


def test_too_many_deselections_are_refused_with_the_numbers(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant, state=[f"a/{n}" for n in range(40)])
    told = source.refused(**GITLAB, repositories=["a/0"], repositories_mode="exact")
    assert "deselect 39 of 40 repositories" in told
    assert "max_deselect (10)" in told
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
    told = source.refused(**GITLAB, repositories=["b/1"])
    assert "3 repositories are selected but names 0" in told
    source.refused(**GITLAB, repositories=["b/1"], max_deselect=-1)
    assert tenant.writes == []


def test_a_selection_is_widened_at_once_and_narrowed_only_when_it_is_said(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant)
    assert source.ok(**GITLAB, selection_type="CURRENT_STATE_AND_FUTURE")["changed"]
    assert "narrows" in source.refused(**GITLAB, selection_type=MANUAL)
    assert source.ok(**GITLAB, selection_type=MANUAL, max_deselect=-1)["changed"]
    assert only(tenant)["selectionType"] == MANUAL


def test_mappings_are_added_changed_and_removed(source: Ask, tenant: EmbeddedTenant) -> None:
    snyk: dict[str, Any] = {"type": "SNYK", "name": "snyk-eu"}
    tenant.add_instance("SNYK", name="snyk-eu", external_projects=[{"externalProjectId": "p1", "repoId": "r1"}])
    source.ok(**snyk, external_projects=[{"external_project_id": "p2", "repo_id": "r2"}])
    assert [m["externalProjectId"] for m in only(tenant)["externalProjects"]] == ["p1", "p2"]
    source.ok(**snyk, external_projects=[{"external_project_id": "p1", "repo_id": "r9"}])
    assert only(tenant)["externalProjects"][0] == {"externalProjectId": "p1", "repoId": "r9"}
    source.ok(**snyk, external_projects=[{"external_project_id": "p1"}], external_projects_mode="remove")
    assert [m["externalProjectId"] for m in only(tenant)["externalProjects"]] == ["p2"]
    assert not source.ok(**snyk, external_projects=[{"external_project_id": "p2", "repo_id": "r2"}], external_projects_mode="exact")[
        "changed"
    ]


def test_a_setting_changes_and_its_neighbours_stay(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant, unique_properties={"group": "g", "team": "t"})
    assert source.ok(**GITLAB, unique_properties={"group": "h"})["changed"]
    assert only(tenant)["uniqueProperties"] == {"name": "gitlab-core", "group": "h", "team": "t"}
    assert only(tenant)["state"] == ["a/1", "a/2", "a/3"]


# -- which one is meant


def test_two_of_one_name_are_told_apart_by_the_host_and_named_without_it(source: Ask, tenant: EmbeddedTenant) -> None:
    core, edge = gitlab(tenant), gitlab(tenant, hostname="gitlab.edge.example.com")
    told = source.refused(type="GITLAB_SELF_MANAGED", name="gitlab-core", repositories=["b/1"])
    for part in (core, edge, "gitlab.example.com", "gitlab.edge.example.com", "Give domain.hostname (or id)"):
        assert part in told
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


def test_a_hidden_name_is_not_guessed(source: Ask, tenant: EmbeddedTenant) -> None:
    there = gitlab(tenant)
    tenant.set(unique_properties="hidden", name_shown="unique_properties", domain_shown=False)
    told = source.refused(**NEW_GITLAB)
    assert "cannot be told" in told
    assert there in told
    assert tenant.writes == []
    assert source.ok(id=there, repositories=["b/1"])["changed"]


def test_a_hidden_name_is_left_out_when_the_host_tells_it(source: Ask, tenant: EmbeddedTenant) -> None:
    there = gitlab(tenant)
    tenant.set(unique_properties="hidden", name_shown="unique_properties", put_omitted="keep")
    result = source.ok(**GITLAB, repositories=["b/1"])
    assert any("does not show its name" in w for w in result["warnings"])
    assert tenant.instances[there]["state"][3:] == ["b/1"]


def test_a_new_name_for_a_known_id_is_set_or_refused_but_never_passed_over(source: Ask, tenant: EmbeddedTenant) -> None:
    there = gitlab(tenant)
    assert source.ok(id=there, name="gitlab-renamed")["changed"]
    assert only(tenant)["uniqueProperties"]["name"] == "gitlab-renamed"
    tenant.set(unique_properties="hidden")
    result = source(id=there, name="gitlab-hidden")
    assert result["failed"] or result["changed"] or result["warnings"]


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


@pytest.mark.parametrize("other", [{"type": "SNYK"}, {"name": "gitlab-edge"}, {"domain": {"hostname": "other.example.com"}}])
def test_absent_does_not_delete_what_the_id_names_but_the_rest_denies(source: Ask, tenant: EmbeddedTenant, other: dict[str, Any]) -> None:
    """An id copied from the wrong line must not delete something that is plainly not meant."""
    there = gitlab(tenant)
    told = source.refused(id=there, state="absent", **other)
    assert there in told
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


@pytest.mark.parametrize(
    "differs", [{"domain": {"hostname": "gitlab.example.com", "protocol": "http"}}, {"transporter": {"broker_device_id": "b2"}}]
)
def test_what_cannot_be_changed_is_refused(source: Ask, tenant: EmbeddedTenant, differs: dict[str, Any]) -> None:
    gitlab(tenant, transporter={"brokerDeviceId": "b1"})
    told = source.refused(**{**GITLAB, **differs})
    assert "cannot be changed" in told
    assert "destroy" in told
    assert tenant.writes == []


# -- when it goes wrong


def test_a_scope_that_the_tenant_refuses_leaves_a_half_done_creation_that_a_second_run_completes(
    source: Ask, tenant: EmbeddedTenant
) -> None:
    taken = tenant.add_instance(
        "BITBUCKET_DATACENTER", name="other", hostname="bb.example.com", selection_type=MANUAL, state=["PAY/ledger"]
    )
    tenant.set(repository_owner="exclusive")
    bitbucket: dict[str, Any] = {
        "type": "BITBUCKET_DATACENTER",
        "name": "bb",
        "domain": {"hostname": "bb.example.com"},
        "credentials": {"token": "bb-secret"},
        "selection_type": MANUAL,
        "repositories": ["PAY/ledger"],
    }
    result = source(**bitbucket)
    assert (result["failed"], result["changed"], result["actions"]) == (True, True, ["create"])
    made = next(i for i in tenant.instances if i != taken)
    for part in ("was created", made, "its scope was not set", "PAY/ledger", "Run again"):
        assert part in result["msg"]
    assert result["api_error"]["status"] == 409
    assert result["data_source"]["id"] == made

    tenant.set(repository_owner="any")
    second = source.ok(**bitbucket)
    assert second["actions"] == ["update"]
    assert tenant.instances[made]["state"] == ["PAY/ledger"]
    assert len(tenant.instances) == 2


def test_a_refused_creation_claims_nothing(source: Ask, tenant: EmbeddedTenant) -> None:
    tenant.set(unknown_type="refuse")
    result = source(type="CHECKMARX_ONE", name="checkmarx", credentials={"token": "t-secret"}, selection_type="CURRENT_STATE")
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["actions"] == [], "nothing changed the tenant"
    assert result["credentials_applied"] is False
    assert not (result["data_source"] or {}).get("type")
    assert tenant.instances == {}


def test_a_refused_update_claims_nothing(source: Ask, tenant: EmbeddedTenant) -> None:
    gitlab(tenant)
    tenant.set(read_only=True)
    result = source(**GITLAB, repositories=["b/1"])
    assert (result["failed"], result["changed"], result["actions"]) == (True, False, [])
    assert "b/1" not in (result["data_source"] or {}).get("repositories", [])


def test_a_creation_whose_answer_is_lost_is_looked_for_and_not_sent_again(
    source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose_answers(monkeypatch, "POST")
    result = source.ok(**NEW_GITLAB)
    assert len(lost) == 1
    assert result["actions"] == ["create", "scope"]
    assert any("was lost" in w for w in result["warnings"])
    assert only(tenant)["state"] == ["platform/api", "platform/web"]
    assert writes(tenant) == ["POST", "PUT"]


def test_one_that_was_there_before_is_not_taken_for_the_lost_one(
    source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was created, and a namesake on another host is no evidence that something was."""
    gitlab(tenant, hostname="other.example.com")
    lose_answers(monkeypatch, "POST")
    monkeypatch.setattr(type(tenant.state), "create", lambda self, body: self.create_nothing())
    monkeypatch.setattr(type(tenant.state), "create_nothing", lambda _self: (_ for _ in ()).throw(RuntimeError("crashed")), raising=False)
    result = source(**NEW_GITLAB)
    assert result["failed"]
    assert "It is not known whether it was created" in result["msg"]
    assert result["api_error"]["outcome_unknown"] is True
    assert len(tenant.instances) == 1
    tenant.violations.clear()


def test_somebody_was_faster(source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """409 on a create: it is there now, so the rest of the description is applied to it."""
    listed = type(tenant.state).create

    def another_first(self: Any, body: Any) -> Any:
        monkeypatch.setattr(type(tenant.state), "create", listed)
        gitlab(tenant, state=["x/1"])
        return listed(self, body)

    monkeypatch.setattr(type(tenant.state), "create", another_first)
    result = source.ok(**NEW_GITLAB)
    assert only(tenant)["state"] == ["x/1", "platform/api", "platform/web"]
    assert result["changed"]
    assert result["credentials_applied"] is False
    assert any("somebody else" in w for w in result["warnings"])


@pytest.mark.parametrize("answer", ["409", "400"])
def test_a_duplicate_that_cannot_be_found_is_told_in_the_tenants_words(
    source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    from tenant.problem import appsec

    def refuse(*_args: Any) -> Any:
        raise appsec(int(answer), "CONFLICT", "An instance with this type, name and host already exists")

    monkeypatch.setattr(type(tenant.state), "create", refuse)
    assert "already exists" in source.refused(**NEW_GITLAB)


def test_a_put_whose_answer_is_lost_is_simply_sent_again(source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    gitlab(tenant)
    lost = lose_answers(monkeypatch, "PUT")
    assert source.ok(**GITLAB, repositories=["b/1"])["changed"]
    assert len(lost) == 1
    assert only(tenant)["state"] == ["a/1", "a/2", "a/3", "b/1"]


def test_a_write_that_did_something_else_is_an_error_that_says_so(
    source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    gitlab(tenant, external_projects=[{"externalProjectId": "p1", "repoId": "r1"}])
    update = type(tenant.state).update

    def careless(self: Any, instance_id: str, body: Any) -> Any:
        return update(self, instance_id, {**body, "externalProjects": []})

    monkeypatch.setattr(type(tenant.state), "update", careless)
    result = source(**GITLAB, repositories=["b/1"])
    assert (result["failed"], result["changed"]) == (True, True)
    assert "external_projects changed although it was not to" in result["msg"]


def test_a_hidden_secret_that_an_update_would_clear_is_noticed(source: Ask, tenant: EmbeddedTenant) -> None:
    """What is masked cannot be sent back; where the tenant clears what is left out, silence would lose it."""
    tenant.set(unique_properties="masked", put_omitted="clear")
    there = gitlab(tenant, name=None, unique_properties={"webhookSecret": "w-secret"})
    result = source(id=there, repositories=["b/1"])
    kept = tenant.instances[there]["uniqueProperties"].get("webhookSecret") == "w-secret"
    assert kept or result["failed"], "the tenant's secret is gone, and nobody was told"
    assert tenant.instances[there]["uniqueProperties"].get("webhookSecret") != "********"


@pytest.mark.parametrize("deep", [{"auth": {"token": "w-secret", "user": "u"}}, {"tokens": ["w-secret"]}])
def test_a_masked_secret_deep_inside_is_not_overwritten_with_its_mask(source: Ask, tenant: EmbeddedTenant, deep: dict[str, Any]) -> None:
    tenant.set(unique_properties="masked", put_omitted="keep")
    gitlab(tenant, unique_properties=deep)
    source(**GITLAB, repositories=["b/1"])
    assert "********" not in json.dumps(only(tenant))
    assert "w-secret" in json.dumps(only(tenant))


def test_a_masked_secret_is_not_compared(source: Ask, tenant: EmbeddedTenant) -> None:
    tenant.set(unique_properties="masked")
    gitlab(tenant, unique_properties={"apiToken": "w-secret"})
    assert not source.ok(**GITLAB, unique_properties={"apiToken": "another"})["changed"]
    assert tenant.writes == []


def test_a_consent_that_is_missing_is_no_failure_and_the_next_run_completes(source: Ask, tenant: EmbeddedTenant) -> None:
    tenant.set(consent="required")
    first = source.ok(**NEW_GITLAB)
    made = only(tenant)["id"]
    assert first["actions"] == ["create"]
    assert any("waits for a person's consent" in w for w in first["warnings"])
    assert "its scope waits for that" in first["pending_actions"][0]["step"]
    waiting = source.ok(**NEW_GITLAB)
    assert not waiting["changed"]
    assert any("waits for a person's consent" in w for w in waiting["warnings"])
    tenant.grant_consent(made)
    second = source.ok(**NEW_GITLAB)
    assert second["actions"] == ["update"]
    assert only(tenant)["state"] == ["platform/api", "platform/web"]
    assert not source.ok(**NEW_GITLAB)["changed"]


# -- collectors


def collector(**more: Any) -> dict[str, Any]:
    return {"type": "COLLECTOR", "name": "bandit", "unique_properties": {"detectionMethod": "SAST", "fileType": "SARIF"}, **more}


@pytest.mark.parametrize("names", ["camel", "snake", "nested"])
def test_a_collectors_token_is_kept_in_its_file_and_nowhere_else(source: Ask, tenant: EmbeddedTenant, tmp_path: Path, names: str) -> None:
    tenant.set(token_names=names)
    path = tmp_path / "kept" / "bandit.json"
    result = source.ok(**collector(credentials_file=str(path)), diff=True)
    kept = json.loads(path.read_text())
    (token,) = tenant.state.tokens.values()
    assert kept == {"id": token.id, "name": "bandit", "api_url": token.api_url, "token_id": token.token_id, "token": token.token}
    assert path.stat().st_mode & 0o777 == 0o600
    assert token.token not in str(result)
    assert "collector_credentials" not in result
    tenant.clear_journal()
    assert not source.ok(**collector(credentials_file=str(path)))["changed"]
    assert tenant.writes == []
    assert json.loads(path.read_text()) == kept


def test_a_collectors_token_is_returned_when_it_is_asked_for(source: Ask, tenant: EmbeddedTenant) -> None:
    result = source.ok(**collector(return_credentials=True))
    (token,) = tenant.state.tokens.values()
    assert result["collector_credentials"] == {"api_url": token.api_url, "token_id": token.token_id, "token": token.token}
    assert str(result).count(token.token) == 1
    assert "collector_credentials" not in source.ok(**collector(return_credentials=True))


def test_a_collector_whose_token_nobody_would_keep_is_not_made(source: Ask, tenant: EmbeddedTenant) -> None:
    assert "credentials_file" in source.refused(**collector())
    assert tenant.writes == []


@pytest.mark.parametrize("check", [False, True])
def test_a_file_of_another_collector_is_refused_before_any_write(source: Ask, tenant: EmbeddedTenant, tmp_path: Path, check: bool) -> None:
    path = tmp_path / "bandit.json"
    path.write_text('{"id": "col_other", "token_id": "t", "token": "other-token"}')
    result = source(**collector(credentials_file=str(path)), check=check)
    assert (result["failed"], result["changed"], result["actions"]) == (True, False, [])
    assert "holds the token of data source col_other" in result["msg"]
    assert tenant.writes == []
    assert "other-token" in path.read_text()


def test_a_file_that_cannot_be_written_is_refused_before_any_write(source: Ask, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = source.refused(**collector(credentials_file=str(tmp_path / "file" / "bandit.json")))
    assert "cannot be written" in told
    assert tenant.writes == []


def test_a_collector_whose_token_got_lost_is_told_and_not_kept_without_one(
    source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lose_answers(monkeypatch, "POST")
    path = tmp_path / "bandit.json"
    result = source(**collector(credentials_file=str(path)))
    if result["failed"]:
        assert "held no token" in result["msg"]
        assert only(tenant)["id"] in result["msg"]
        assert not path.exists()
    else:  # deleted and made again
        assert json.loads(path.read_text())["id"] == only(tenant)["id"]
    assert len(tenant.instances) == 1
