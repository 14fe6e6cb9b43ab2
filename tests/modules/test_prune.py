# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accidents: each is refused before anything is written, in check mode and for real. With -s the messages are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asking import older
from bulk import Engine, RunModule, actions, item_of, refused
from contributed import tenants

from tenant.server import EmbeddedTenant


@pytest.fixture
def engine(run_module: RunModule, tenant: EmbeddedTenant) -> Engine:
    return Engine(run_module, tenant)


@pytest.fixture
def shows_more(run_module: RunModule) -> Iterator[Engine]:
    """On a tenant that shows names and settings, as some do that answer otherwise than published."""
    with EmbeddedTenant(profile="default", rate=1000) as tenant:
        yield Engine(run_module, tenant)


@pytest.fixture(params=tenants("published", "awkward"))
def either(request: pytest.FixtureRequest, run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant(profile=request.param, rate=1000) as tenant:
        yield Engine(run_module, tenant)


@pytest.fixture
def accident(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Like bulk.refused; prints the accident and its message."""

    def refuse(engine: Engine, *items: Any, **options: Any) -> str:
        message = refused(engine, *items, **options)
        print(f"\n{request.node.name.removeprefix('test_')}: {message}")
        return message

    return refuse


def gitlab(engine: Engine, name: str = "gitlab-core", repositories: int = 3, **options: Any) -> str:
    return engine.tenant.add_instance(
        "GITLAB_SELF_MANAGED",
        name=name,
        hostname="gitlab.example.com",
        protocol="https",
        **{"selection_type": "MANUAL_SELECTION", "state": [f"group/r{n}" for n in range(repositories)], **options},
    )


CORE = {"type": "GITLAB_SELF_MANAGED", "name": "gitlab-core"}


# What an item means


def test_a_stale_id(either: Engine, accident: Callable[..., str]) -> None:
    gitlab(either)
    message = accident(either, {"id": "0123456789abcdef01234567", "type": "GITLAB_SELF_MANAGED", "name": "gitlab-core"})
    assert "there is no data source with id 0123456789abcdef01234567 in this tenant, and an item with an id is never created" in message


def test_two_items_on_one_instance(either: Engine, accident: Callable[..., str]) -> None:
    gitlab(either)
    by_host = {"type": "GITLAB_SELF_MANAGED", "domain": {"hostname": "gitlab.example.com"}}
    message = accident(either, CORE, {"type": "JENKINS_SERVER", "name": "blue"}, by_host)
    assert (
        'items 0 (GITLAB_SELF_MANAGED "gitlab-core") and 2 (GITLAB_SELF_MANAGED "gitlab.example.com") '
        "refer to the same data source" in message
    )


def test_two_items_that_would_create_one_instance(engine: Engine, accident: Callable[..., str]) -> None:
    """The second names no host, so that after the first run it would mean the instance of the first."""
    item = item_of("BITBUCKET_DATACENTER", "core")
    message = accident(engine, item, {"type": item["type"], "name": "core", "credentials": item["credentials"]})
    assert "items 0" in message
    assert "refer to the same data source" in message


def test_items_that_mean_nothing_any_more_do_not_mean_each_other(engine: Engine) -> None:
    """Two stale ids that are to be absent, and a new item beside them: nothing contradicts anything."""
    gone = [{"id": f"0123456789abcdef0123456{n}", "state": "absent"} for n in range(2)]
    result = engine.apply(*gone, {**item_of("COLLECTOR", "blue"), "return_credentials": True})
    assert actions(result) == ["unchanged", "unchanged", "created"]


def test_one_repository_claimed_twice_on_one_host(either: Engine, accident: Callable[..., str]) -> None:
    gitlab(either)
    gitlab(either, "gitlab-second", selection_type="MANUAL_SELECTION", state=["group/other"])
    message = accident(
        either, {**CORE, "repositories": ["group/new"]}, {**CORE, "name": "gitlab-second", "repositories": ["group/x", "group/new"]}
    )
    assert "both claim repository group/new: it can belong to only one" in message


@older("either")
def test_several_instances_match(either: Engine, accident: Callable[..., str]) -> None:
    gitlab(either)
    either.tenant.add_instance("GITLAB_SELF_MANAGED", name="gitlab-core", hostname="gitlab.second.example.com")
    message = accident(either, {**CORE, "selection_type": "CURRENT_STATE_AND_FUTURE"})
    assert "2 data sources match" in message
    assert "gitlab.second.example.com" in message
    assert "Give domain.hostname (or id) to tell them apart." in message


# What it would take away


def test_the_last_repository_removed(either: Engine, accident: Callable[..., str]) -> None:
    gitlab(either, repositories=1)
    message = accident(either, {**CORE, "repositories": ["group/r0"], "repositories_mode": "remove"})
    assert "this would deselect all its repositories: group/r0. To allow this, set max_deselect in this item to -1." in message


def test_an_empty_exact_list(either: Engine, accident: Callable[..., str]) -> None:
    gitlab(either, repositories=2)
    message = accident(either, {**CORE, "repositories": [], "repositories_mode": "exact"})
    assert "this would deselect all its repositories: " in message


def test_an_exact_list_of_one_against_2546(either: Engine, accident: Callable[..., str]) -> None:
    gitlab(either, repositories=2546)
    message = accident(either, {**CORE, "repositories": ["group/r7"], "repositories_mode": "exact"})
    assert "this would deselect 2545 of 2546 repositories, more than max_deselect (10)" in message


@pytest.mark.parametrize(("before", "after"), [("CURRENT_STATE_AND_FUTURE", "CURRENT_STATE"), ("CURRENT_STATE", "MANUAL_SELECTION")])
def test_narrowing_selection_type(either: Engine, accident: Callable[..., str], before: str, after: str) -> None:
    gitlab(either, selection_type=before)
    message = accident(either, {**CORE, "selection_type": after})
    assert f"changing selection_type from {before} to {after} would cover fewer repositories" in message


def test_an_incomplete_read(engine: Engine, accident: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    from tenant import present

    honest = present.item
    monkeypatch.setattr(present, "item", lambda *args: {**honest(*args), "state": []})
    gitlab(engine, repositories=40)
    message = accident(engine, {**CORE, "repositories": ["group/new"]})
    assert "the tenant says 40 repositories are selected but names 0" in message


@older("either")
def test_mappings_removed(either: Engine, accident: Callable[..., str]) -> None:
    existing = [{"externalProjectId": f"p{n}", "repoId": f"r{n}"} for n in range(12)]
    either.tenant.add_instance("SNYK", name="snyk-eu", external_projects=existing)
    listed = [{"external_project_id": "p0", "external_id": "p0", "repo_id": "r0"}]
    message = accident(either, {"type": "SNYK", "name": "snyk-eu", "external_projects": listed, "external_projects_mode": "exact"})
    assert "this would deselect 11 of 12 external_projects, more than max_deselect (10)" in message


# What must not go out again


def secretive(engine: Engine, properties: dict[str, Any]) -> dict[str, Any]:
    engine.tenant.set(unique_properties="masked")
    instance_id = engine.tenant.add_instance("JFROG", name="jfrog-core", hostname="jfrog.example.com", unique_properties=properties)
    return engine.tenant.instances[instance_id]


@pytest.mark.parametrize("properties", [{"apiToken": "canary", "region": "eu"}, {"auth": {"apiToken": "canary"}, "region": "eu"}])
def test_a_masked_secret_read_back_is_never_sent(shows_more: Engine, properties: dict[str, Any]) -> None:
    existing = secretive(shows_more, properties)
    for _time in range(2):
        assert actions(shows_more.apply(*shows_more.export())) == ["unchanged"]
    assert shows_more.writes() == []
    assert shows_more.tenant.instances[existing["id"]] == existing


@pytest.mark.parametrize("properties", [{"apiToken": "canary", "region": "eu"}, {"auth": {"apiToken": "canary"}, "region": "eu"}])
def test_another_key_changed_while_one_is_masked(shows_more: Engine, accident: Callable[..., str], properties: dict[str, Any]) -> None:
    secretive(shows_more, properties)
    (exported,) = shows_more.export()
    message = accident(shows_more, {**exported, "unique_properties": {**exported["unique_properties"], "region": "us"}})
    assert "unique_properties.region should change, but" in message
    assert f"{next(iter(properties))} only a placeholder is known, so it would be lost" in message


@pytest.mark.parametrize("properties", [{"apiToken": "canary"}, {"auth": {"apiToken": "canary"}}, {"hosts": [{"password": "canary"}]}])
def test_a_rescope_does_not_send_a_mask_as_the_secret(shows_more: Engine, properties: dict[str, Any]) -> None:
    existing = secretive(shows_more, properties)
    item = {"type": "JFROG", "name": "jfrog-core", "external_projects": [{"external_project_id": "p", "external_id": "p", "repo_id": "r"}]}
    assert actions(shows_more.apply(item)) == ["updated"]
    assert shows_more.tenant.instances[existing["id"]]["uniqueProperties"] == existing["uniqueProperties"]


def test_a_placeholder_is_refused_where_creation_would_send_it(either: Engine, accident: Callable[..., str]) -> None:
    either.tenant.add_instance("BITBUCKET_DATACENTER", name="core", hostname="bitbucket.example.com", protocol="https")
    (exported,) = either.export()
    either.tenant.reset()
    message = accident(either, exported)
    assert "would be created, but credentials.token holds a placeholder (1 in all) instead of the value: fill it in." in message


@pytest.mark.parametrize("token", ["", "  \n"])
def test_an_empty_secret_is_refused_where_creation_would_send_it(either: Engine, accident: Callable[..., str], token: str) -> None:
    item = {"type": "SNYK", "name": "snyk-eu", "credentials": {"token": token}}
    message = 'SNYK "snyk-eu" would be created, but credentials.token is empty (1 in all), perhaps from a variable that is not set, and '
    assert message in accident(either, item)
    for check in (True, False):
        assert message in either.one(item, check=check)["msg"]
    # An existing one needs none: the API could not change it.
    either.tenant.add_instance("SNYK", name="snyk-eu")
    assert actions(either.apply(item)) == ["unchanged"]
    assert not either.one(item)["changed"]
    assert either.writes() == []


# Prune


def jenkins(engine: Engine, *names: str) -> None:
    for name in names:
        engine.tenant.add_instance("JENKINS_SERVER", name=name)


def test_prune_without_prune_types(either: Engine, accident: Callable[..., str]) -> None:
    jenkins(either, "blue", "green")
    message = accident(either, {"type": "JENKINS_SERVER", "name": "blue"}, prune=True)
    assert message.startswith("prune needs prune_types")
    assert either.tenant.journal == []


def test_five_snyk_items_with_prune_types_gitlab(either: Engine, accident: Callable[..., str]) -> None:
    gitlab(either)
    items = [item_of("SNYK", f"snyk-{n}") for n in range(5)]
    message = accident(either, *items, prune=True, prune_types=["GITLAB_SELF_MANAGED"])
    assert "prune_types: GITLAB_SELF_MANAGED is given, but no item of that type is listed, so all of that type would be deleted" in message
    assert either.tenant.journal == []


def test_an_item_that_is_absent_lists_no_type(engine: Engine, accident: Callable[..., str]) -> None:
    jenkins(engine, "blue", "green")
    item = {"type": "JENKINS_SERVER", "name": "blue", "state": "absent"}
    assert "no item of that type is listed" in accident(engine, item, prune=True, prune_types=["JENKINS_SERVER"])


def test_prune_above_prune_max(either: Engine, accident: Callable[..., str]) -> None:
    jenkins(either, *[f"j{n}" for n in range(7)])
    message = accident(either, {"type": "JENKINS_SERVER", "name": "j0"}, prune=True, prune_types=["JENKINS_SERVER"])
    assert "prune would delete 6 data sources, more than prune_max (5)" in message
    assert 'JENKINS_SERVER "j6"' in message


@pytest.mark.parametrize("switches", [{}, {"domain_shown": False}, {"list_fields": "minimal"}])
def test_a_renamed_item_with_prune(shows_more: Engine, accident: Callable[..., str], switches: dict[str, Any]) -> None:
    """Also where the tenant does not show the host: what it does not show may be the same."""
    shows_more.tenant.set(**switches)
    gitlab(shows_more)
    shows_more.tenant.add_instance("GITLAB_SELF_MANAGED", name="other", hostname="gitlab.example.com", protocol="https")
    renamed = item_of("GITLAB_SELF_MANAGED", "gitlab-renamed", domain={"hostname": "gitlab.example.com", "protocol": "https"})
    other = {"type": "GITLAB_SELF_MANAGED", "name": "other"}
    message = accident(shows_more, renamed, other, prune=True, prune_types=["GITLAB_SELF_MANAGED"])
    assert 'GITLAB_SELF_MANAGED "gitlab-renamed" would be created and GITLAB_SELF_MANAGED "gitlab-core"' in message
    assert "that looks like a rename, and would destroy its findings" in message


def test_a_renamed_item_that_names_no_host_with_prune(shows_more: Engine, accident: Callable[..., str]) -> None:
    gitlab(shows_more)
    shows_more.tenant.add_instance("GITLAB_SELF_MANAGED", name="other")
    renamed = {**item_of("GITLAB_SELF_MANAGED", "gitlab-renamed")}
    del renamed["domain"]
    listed = {"type": "GITLAB_SELF_MANAGED", "name": "other"}
    message = accident(shows_more, renamed, listed, prune=True, prune_types=["GITLAB_SELF_MANAGED"])
    assert "that looks like a rename" in message


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("AWS_CODE_COMMIT", "appears by deploying the CloudFormation template that the console generates, so it is never pruned."),
        ("CORTEX_CLI", "appears by the Cortex CLI, which registers itself, so it is never pruned."),
        ("gitlab", "is not a known integration type."),
        ("CHECKMARX", "is not a known integration type."),
    ],
)
def test_types_that_are_never_pruned(engine: Engine, accident: Callable[..., str], name: str, why: str) -> None:
    engine.tenant.add_instance(name, name="listed")
    engine.tenant.add_instance(name, name="unlisted")
    listed = [{"type": name, "name": "listed"}] if name.isupper() else []
    message = accident(engine, {"type": "JENKINS_SERVER", "name": "blue"}, *listed, prune=True, prune_types=[name])
    assert message.startswith(f"prune_types: {name} {why}")
    assert engine.tenant.journal == []


@pytest.mark.parametrize("check", [True, False])
def test_nothing_is_pruned_when_an_item_failed(either: Engine, check: bool) -> None:
    jenkins(either, "blue", "green")
    items = [{"type": "JENKINS_SERVER", "name": "blue"}, {"type": "CORTEX_CLI", "name": "cli", "uncreatable": "fail"}]
    result = either.apply(*items, check=check, prune=True, prune_types=["JENKINS_SERVER"])
    assert result["failed"]
    assert [row["action"] for row in result["data_sources"]] == ["unchanged", "failed"]
    assert either.writes() == []
    assert len(either.tenant.instances) == 2


def test_nothing_is_pruned_when_a_write_failed(engine: Engine) -> None:
    """Planned well, refused by the tenant: then what was to go stays, and the result says so."""
    jenkins(engine, "blue", "green")
    refused_by_tenant = {"type": "COLLECTOR", "name": "c", "unique_properties": {"detectionMethod": "DAST"}, "return_credentials": True}
    result = engine.apply({"type": "JENKINS_SERVER", "name": "blue"}, refused_by_tenant, prune=True, prune_types=["JENKINS_SERVER"])
    assert result["failed"]
    assert [row["action"] for row in result["data_sources"]] == ["unchanged", "failed", "unchanged"]
    assert "not pruned, since item 1 failed" in result["data_sources"][2]["error"]
    assert len(engine.tenant.instances) == 2


def test_nothing_is_pruned_when_an_item_is_undetermined(shows_more: Engine) -> None:
    shows_more.tenant.set(unique_properties="hidden", name_shown="unique_properties")
    jenkins(shows_more, "blue", "green")
    result = shows_more.apply({"type": "JENKINS_SERVER", "name": "blue"}, prune=True, prune_types=["JENKINS_SERVER"])
    assert result["data_sources"][0]["action"] == "undetermined"
    assert shows_more.writes() == []


def test_what_is_pruned_and_what_is_not(either: Engine) -> None:
    """Ignored, listed, new, and of another type: they stay. The one that nobody lists goes, and last."""
    jenkins(either, "blue", "left-to-others", "forgotten")
    either.tenant.add_instance("CIRCLE_CI", name="another-type")
    items = [
        {"type": "JENKINS_SERVER", "name": "blue"},
        {"type": "JENKINS_SERVER", "name": "left-to-others", "ignore": True},
        {**item_of("COLLECTOR", "new"), "return_credentials": True},
    ]
    options = {"prune": True, "prune_types": ["JENKINS_SERVER"]}
    predicted = actions(either.apply(*items, check=True, **options))
    result = either.apply(*items, **options)
    assert actions(result) == predicted == ["unchanged", "unchanged", "created", "deleted"]
    assert sorted(i["uniqueProperties"]["name"] for i in either.tenant.instances.values()) == [
        "another-type",
        "blue",
        "left-to-others",
        "new",
    ]
    assert [entry.method for entry in either.tenant.writes][-1] == "DELETE"
    assert actions(either.apply(*items, **options)) == ["unchanged"] * 3
