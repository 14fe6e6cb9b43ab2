# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One data source when something goes wrong: half done, lost, hidden, made by somebody else, or a token that must not get lost."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from asking import Ask, lose_answers, older
from contributed import tenants
from gitlabs import GITLAB, MANUAL, NEW_GITLAB, gitlab, only, writes

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import create, view
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.collector_token import (
    load_credentials,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import lock as _lock
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


# -- when it goes wrong


@older("tenant")
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


def test_where_files_cannot_be_locked_the_work_is_done_all_the_same(
    source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a shared home without a lock server."""

    def flock(*_given: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(_lock, "flock", flock)
    gitlab(tenant)
    result = source.ok(**GITLAB, repositories=["b/1"])
    assert result["actions"] == ["update"]
    assert [text for text in result["warnings"] if "No locks available" in text]


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
    monkeypatch.setattr(type(tenant.state), "create", mock.Mock(side_effect=RuntimeError("crashed")))
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


@older("tenant")
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
    assert "external_projects changed unexpectedly" in result["msg"]


@older("tenant")
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


@pytest.mark.parametrize("names", ["webhook", "camel", "snake", "nested"])
def test_a_collectors_token_is_kept_in_its_file_and_nowhere_else(source: Ask, tenant: EmbeddedTenant, tmp_path: Path, names: str) -> None:
    tenant.set(token_names=names)
    path = tmp_path / "kept" / "bandit.json"
    result = source.ok(**collector(credentials_file=str(path)), diff=True)
    kept = json.loads(path.read_text())
    (token,) = list(tenant.state.tokens.values())
    assert kept == {"id": token.id, "name": "bandit", "api_url": token.api_url, "token_id": token.token_id, "token": token.token}
    assert path.stat().st_mode & 0o777 == 0o600
    assert token.token not in str(result)
    assert "collector_credentials" not in result
    tenant.clear_journal()
    assert not source.ok(**collector(credentials_file=str(path)))["changed"]
    assert tenant.writes == []
    assert json.loads(path.read_text()) == kept


@pytest.mark.parametrize("profile", ["published", "default"])
@pytest.mark.parametrize("asked", [{}, {"return_credentials": True}])
def test_an_answer_without_a_token_of_a_known_form_is_kept_as_it_is(
    run_module: Any, tmp_path: Path, profile: str, asked: dict[str, Any]
) -> None:
    path = tmp_path / "kept" / "bandit.json"
    with EmbeddedTenant(profile=profile, rate=1000, token_names="unknown") as tenant:
        source = Ask(run_module, tenant, "data_source")
        result = source(**collector(credentials_file=str(path), **asked), diff=True)
        (token,) = list(tenant.state.tokens.values())
        assert (result["failed"], result["changed"]) == (True, True), result
        assert f"(id {token.id}), but the response contained no token in a known form. The response is in {path}" in result["msg"]
        assert "\n" not in result["msg"]
        assert token.token not in str(result)
        assert "collector_credentials" not in result
        assert path.stat().st_mode & 0o777 == 0o600
        kept = json.loads(path.read_text())
        assert kept["ingestion"] == {"reference": token.token_id, "value": token.token}
        # What the message says to do makes it a credentials file.
        path.write_text(json.dumps({**kept, "token_id": token.token_id, "token": token.token}))
        assert load_credentials(str(path)).items() >= {"id": token.id, "token": token.token, "api_url": token.api_url}.items()


def test_an_answer_without_a_token_of_a_known_form_is_not_returned(source: Ask, tenant: EmbeddedTenant) -> None:
    tenant.set(token_names="unknown")
    result = source(**collector(return_credentials=True))
    (token,) = list(tenant.state.tokens.values())
    assert (result["failed"], result["changed"]) == (True, True), result
    assert "contained no token in a known form. Delete it" in result["msg"]
    assert "with credentials_file" in result["msg"]
    assert token.token not in str(result)
    assert "collector_credentials" not in result


def test_a_collectors_token_is_returned_when_it_is_asked_for(source: Ask, tenant: EmbeddedTenant) -> None:
    result = source.ok(**collector(return_credentials=True))
    (token,) = list(tenant.state.tokens.values())
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
        assert "contained no token" in result["msg"]
        assert only(tenant)["id"] in result["msg"]
        assert not path.exists()
    else:  # deleted and made again
        assert json.loads(path.read_text())["id"] == only(tenant)["id"]
    assert len(tenant.instances) == 1
