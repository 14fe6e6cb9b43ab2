# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of an instance of each of the 23 types, on a tenant as the documents describe it and on the most awkward one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bulk import Engine, Item, RunModule, actions, item_of
from contributed import tenants

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import (
    TYPES,
    VCS,
    VENDOR,
)
from tenant.kinds import BROWSER
from tenant.server import EmbeddedTenant

CREATED_ELSEWHERE = [name for name, kind in TYPES.items() if kind.created_by]
CREATABLE = [name for name in TYPES if name not in CREATED_ELSEWHERE]
WORKSPACES = ("HCP_TFC_RUN_TASKS", "HCP_TFE_RUN_TASKS")
MAPPING = {"external_project_id": "project-1", "external_id": "project-1", "repo_id": "repository-1"}


@pytest.fixture(params=tenants("guide", "awkward"))
def engine(request: pytest.FixtureRequest, run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant(profile=request.param, rate=1000) as tenant:
        yield Engine(run_module, tenant)


def rescoped(item: Item) -> Item:
    """The item with a scope, in the way its type has one; with another setting where a type has none."""
    kind = TYPES[item["type"]]
    if kind.category == VCS or item["type"] in WORKSPACES:
        return {**item, "selection_type": "MANUAL_SELECTION", "repositories": ["group/one", "group/two"]}
    if kind.category == VENDOR:
        return {**item, "external_projects": [MAPPING], "external_projects_mode": "exact", "max_deselect": -1}
    return {**item, "unique_properties": {**item.get("unique_properties", {}), "team": "blue"}}


def holds(instance: dict[str, Any], item: Item) -> bool:
    """Whether the tenant holds what the item asks for, and nothing else in its place."""
    mapping = {"externalProjectId": "project-1", "externalId": "project-1", "repoId": "repository-1"}
    mappings = [{**mapping, "externalBranchName": None, "branchName": None}] if "external_projects" in item else []
    return (
        sorted(instance["state"]) == item.get("repositories", [])
        and instance["externalProjects"] == mappings
        and instance.get("selectionType") == item.get("selection_type", instance.get("selectionType"))
        and instance["uniqueProperties"] == {"name": item["name"], **item.get("unique_properties", {})}
    )


def step(engine: Engine, item: Item, action: str) -> dict[str, Any]:
    """Apply an item; check mode has to say before what then happens, and unchanged has to mean that nothing was written."""
    engine.tenant.clear_journal()
    predicted = engine.apply(item, check=True)
    assert actions(predicted) == [action]
    assert engine.writes() == []
    result = engine.apply(item)
    assert actions(result) == [action]
    assert result["changed"] is predicted["changed"] is (action != "unchanged")
    assert bool(engine.writes()) is result["changed"]
    return result


def lives(engine: Engine, item: Item) -> None:
    """From an instance that is there to one that is gone."""
    step(engine, item, "unchanged")
    # Settings are not shown as published, so that they are sent at creation and not compared afterwards.
    compared = engine.tenant.switches["fields"] == "mirrored" or {"repositories", "external_projects"} & rescoped(item).keys()
    step(engine, rescoped(item), "updated" if compared else "unchanged")
    (instance,) = engine.tenant.instances.values()
    assert holds(instance, rescoped(item) if compared else item)
    step(engine, rescoped(item), "unchanged")
    step(engine, {"type": item["type"], "name": item["name"], "state": "absent"}, "deleted")
    assert engine.tenant.instances == {}
    step(engine, {"type": item["type"], "name": item["name"], "state": "absent"}, "unchanged")


@pytest.mark.parametrize("name", CREATABLE)
def test_onboard_rescope_delete(engine: Engine, name: str, tmp_path: Path) -> None:
    item = item_of(name, "core", **({"credentials_file": str(tmp_path / "token.json")} if name == "COLLECTOR" else {}))
    result = step(engine, item, "created")
    assert holds(next(iter(engine.tenant.instances.values())), item)
    assert [todo["step"] for todo in result["pending_actions"]] == ([TYPES[name].person] if TYPES[name].person else [])
    lives(engine, item)


@pytest.mark.parametrize("name", CREATED_ELSEWHERE)
def test_what_the_api_cannot_create_waits_for_it_and_an_existing_one_is_managed(engine: Engine, name: str) -> None:
    item = item_of(name, "core")
    waiting = engine.apply(item)
    assert actions(waiting) == ["pending"]
    assert f"it appears by {TYPES[name].created_by}" in waiting["pending_actions"][0]["step"]
    refusal = engine.apply({**item, "uncreatable": "fail"})
    assert refusal["failed"]
    assert f"this type cannot be created through the API: it appears by {TYPES[name].created_by}." in refusal["msg"]
    assert engine.writes() == []
    engine.tenant.add_instance(name, name="core")
    lives(engine, item)


@pytest.mark.parametrize("name", [*sorted(BROWSER), "AZURE_REPOS"])
def test_the_scope_waits_for_a_persons_consent(engine: Engine, name: str) -> None:
    engine.tenant.set(consent="required")
    item = rescoped(item_of(name, "core"))
    # With a personal access token Azure Repos needs nobody.
    item.pop("credentials", None) if name == "AZURE_REPOS" else None

    first = engine.apply(item)
    assert actions(first) == ["created"]
    (todo,) = first["pending_actions"]
    assert "authorise" in todo["step"]
    assert "its scope waits for that and is set by the next run" in todo["step"]
    (instance,) = engine.tenant.instances.values()
    assert (instance["status"], instance["state"]) == ("PENDING", [])

    engine.tenant.clear_journal()
    between = engine.apply(item)
    assert actions(between) == ["unchanged"]
    assert engine.writes() == []
    assert [todo["id"] for todo in between["pending_actions"]] == [instance["id"]]
    assert any("still waits for a person's consent" in text for text in between["warned"])

    engine.tenant.grant_consent(instance["id"])
    after = engine.apply(item)
    assert actions(after) == ["updated"]
    assert after["pending_actions"] == []
    assert holds(next(iter(engine.tenant.instances.values())), item)
    last = engine.apply(item)
    assert actions(last) == ["unchanged"]
    assert last["warned"] == []


@pytest.mark.parametrize("mode", ["merge", "exact"])
def test_what_a_tenant_selects_in_a_new_instance_by_itself_gives_way_to_the_list(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Nobody chose it, so it is no loss: a new instance covers what its item lists, without max_deselect: -1."""
    create = engine.tenant.state.create

    def with_all_it_found(body: dict[str, Any]) -> Any:
        stored, token = create(body)
        stored.shape.update(selectionType="CURRENT_STATE", state=[f"group/found-{n}" for n in range(40)])
        return stored, token

    monkeypatch.setattr(engine.tenant.state, "create", with_all_it_found)
    item = {**rescoped(item_of("BITBUCKET_DATACENTER", "core")), "repositories_mode": mode}
    assert actions(engine.apply(item)) == ["created"]
    assert holds(next(iter(engine.tenant.instances.values())), item)
    assert actions(engine.apply(item)) == ["unchanged"]


def test_a_word_the_guide_does_not_have_is_sent_as_it_is(engine: Engine) -> None:
    engine.tenant.set(unknown_type="accept")
    result = engine.apply({"type": "CHECKMARX_ONE", "name": "core"})
    assert actions(result) == ["created"]
    assert any("CHECKMARX_ONE is not one of the 23 types" in text for text in result["warned"])
