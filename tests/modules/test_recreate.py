# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting an instance to make it again on another host: everything that can be carried over is, and nothing is lost unasked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from asking import older
from bulk import Engine, Item, RunModule, actions, item_of, refused
from contributed import tenants

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import view
from tenant.problem import invalid
from tenant.server import EmbeddedTenant

MAPPINGS = [
    {"externalProjectId": f"p{n}", "externalId": f"e{n}", "externalBranchName": None, "repoId": f"r{n}", "branchName": None}
    for n in range(12)
]
MOVED: Item = {
    "type": "BITBUCKET_DATACENTER",
    "name": "core",
    "domain": {"hostname": "new.example.com"},
    "credentials": {"token": "bitbucket-token"},
    "unique_properties": {"team": "blue"},
    "recreate": "when_immutable_differs",
}


@pytest.fixture(params=tenants("guide", "awkward"))
def engine(request: pytest.FixtureRequest, run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant(profile=request.param, rate=1000) as tenant:
        engine = Engine(run_module, tenant)
        if tenant.switches["fields"] == "published":
            # As published, a tenant need not be able to make it again: an earlier run has seen that this one is.
            assert actions(engine.apply(item_of("BITBUCKET_DATACENTER", "first"))) == ["created"]
            tenant.reset()
        yield engine


# Without the settings: what the tenant shows of them counts.
HIDDEN = {key: value for key, value in MOVED.items() if key != "unique_properties"}


@pytest.fixture
def shows_more(run_module: RunModule) -> Iterator[Engine]:
    """On a tenant that shows settings and counts."""
    with EmbeddedTenant(profile="default", rate=1000) as tenant:
        yield Engine(run_module, tenant)


def old(engine: Engine, type_name: str = "BITBUCKET_DATACENTER", **options: Any) -> str:
    """The instance on the host it is to leave."""
    existing: dict[str, Any] = {"selection_type": "MANUAL_SELECTION", "state": ["PAY/a", "PAY/b", "PAY/c"]}
    if engine.tenant.switches["fields"] == "mirrored":
        existing["external_projects"] = MAPPINGS
    settings = {"unique_properties": {"team": "blue"}, "transporter": {"brokerDeviceId": "b1", "connectionName": "egress"}}
    return engine.tenant.add_instance(
        type_name, name="core", hostname="old.example.com", protocol="https", **{**existing, **settings, **options}
    )


def new(engine: Engine) -> dict[str, Any]:
    """The one instance there is."""
    (instance,) = engine.tenant.instances.values()
    return instance


def by_host(item: Item, old_id: str) -> Item:
    return {**item, "id": old_id}


@older("engine")
def test_scope_mappings_and_settings_are_carried_over(engine: Engine, tmp_path: Path) -> None:
    old_id = old(engine)
    existing = engine.tenant.instances[old_id]
    item = {**by_host(HIDDEN, old_id), "backup_dir": str(tmp_path)}
    assert actions(engine.apply(item, check=True)) == ["updated"]
    assert engine.writes() == []

    result = engine.one(item)
    assert result["actions"] == ["delete", "create", "scope"]
    made = new(engine)
    assert made["id"] != old_id
    assert made["domain"] == {"hostname": "new.example.com", "protocol": "https"}
    for kept in ("type", "uniqueProperties", "transporter", "selectionType", "externalProjects"):
        assert made[kept] == existing[kept], kept
    assert sorted(made["state"]) == sorted(existing["state"])

    backup = yaml.safe_load(Path(result["backup_file"]).read_text(encoding="utf-8"))
    assert backup["tenant_data_sources"][0]["repositories"] == existing["state"]
    again = {key: value for key, value in item.items() if key != "id"}
    engine.tenant.clear_journal()
    assert actions(engine.apply(again)) == ["unchanged"]
    assert engine.writes() == []


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"repositories": ["PAY/d"]}, ["PAY/a", "PAY/b", "PAY/c", "PAY/d"]),
        ({"repositories": ["PAY/c"], "repositories_mode": "remove"}, ["PAY/a", "PAY/b"]),
        ({"repositories": ["PAY/b"], "repositories_mode": "exact"}, ["PAY/b"]),
        ({"selection_type": "CURRENT_STATE_AND_FUTURE"}, []),
    ],
)
def test_a_scope_change_in_the_same_run(engine: Engine, change: Item, state: list[str]) -> None:
    old_id = old(engine)
    assert actions(engine.apply({**by_host(MOVED, old_id), **change})) == ["updated"]
    assert sorted(new(engine)["state"]) == state
    assert new(engine)["selectionType"] == change.get("selection_type", "MANUAL_SELECTION")


@older("engine")
@pytest.mark.parametrize("mode", ["merge", "exact"])
def test_a_mapping_that_is_given_anew_wins(engine: Engine, mode: str) -> None:
    old_id = old(engine, external_projects=MAPPINGS[:2])
    given = [{"external_project_id": "p0", "repo_id": "another"}, {"external_project_id": "p1", "repo_id": "r1"}]
    item = {**by_host(MOVED, old_id), "external_projects": given, "external_projects_mode": mode}
    assert actions(engine.apply(item)) == ["updated"]
    assert {m["externalProjectId"]: m["repoId"] for m in new(engine)["externalProjects"]} == {"p0": "another", "p1": "r1"}


@older("engine")
def test_mappings_removed_by_a_part_of_their_fields(engine: Engine) -> None:
    """As without a recreation: an entry takes out those that agree with it in every field that it gives."""
    old_id = old(engine, external_projects=MAPPINGS[:3])
    item = {**by_host(MOVED, old_id), "external_projects": [{"repo_id": "r1"}], "external_projects_mode": "remove"}
    assert actions(engine.apply(item)) == ["updated"]
    assert [m["externalProjectId"] for m in new(engine)["externalProjects"]] == ["p0", "p2"]


@pytest.mark.parametrize(
    ("existing", "change", "why"),
    [
        ({}, {"repositories": [], "repositories_mode": "exact"}, "this would deselect all its repositories: "),
        (
            {"external_projects": MAPPINGS},
            {"external_projects": [{"external_project_id": "p0", "external_id": "e0"}], "external_projects_mode": "exact"},
            "max_deselect",
        ),
        (
            {"selection_type": "CURRENT_STATE_AND_FUTURE", "state": []},
            {"selection_type": "MANUAL_SELECTION", "repositories": ["PAY/a"]},
            "changing selection_type from CURRENT_STATE_AND_FUTURE to MANUAL_SELECTION would cover fewer repositories",
        ),
        (
            {"selection_type": "CURRENT_STATE_AND_FUTURE", "state": []},
            {"selection_type": "CURRENT_STATE"},
            "would cover fewer repositories",
        ),
    ],
    ids=["repositories", "mappings", "narrowed to a list", "narrowed to what exists now"],
)
def test_the_guards_of_an_update_hold_for_a_recreation(engine: Engine, existing: dict[str, Any], change: Item, why: str) -> None:
    old_id = old(engine, **existing)
    message = refused(engine, {**by_host(MOVED, old_id), **change})
    print(f"\nrecreate: {message}")
    assert why in message


@pytest.mark.parametrize(
    ("item", "type_name", "why"),
    [
        ({**MOVED, "type": "GITHUB_ENTERPRISE"}, "GITHUB_ENTERPRISE", "cannot be made again without a person"),
        ({**MOVED, "type": "AWS_CODE_COMMIT"}, "AWS_CODE_COMMIT", "cannot be made again without a person"),
        ({k: v for k, v in MOVED.items() if k != "credentials"}, "BITBUCKET_DATACENTER", "recreate needs credentials"),
        ({**MOVED, "credentials": {}}, "BITBUCKET_DATACENTER", "recreate needs credentials"),
        ({**MOVED, "credentials": {"token": "********"}}, "BITBUCKET_DATACENTER", "placeholder"),
        ({k: v for k, v in MOVED.items() if k != "recreate"}, "BITBUCKET_DATACENTER", "would destroy its findings, mappings and webhooks"),
    ],
    ids=["browser", "stack", "no credentials", "empty credentials", "placeholder", "never"],
)
def test_refused(engine: Engine, item: Item, type_name: str, why: str) -> None:
    old_id = old(engine, type_name)
    message = refused(engine, by_host(item, old_id))
    print(f"\nrecreate: {message}")
    assert why in message


def test_what_the_tenant_does_not_show_is_not_different(run_module: RunModule, tenant: EmbeddedTenant) -> None:
    engine = Engine(run_module, tenant)
    tenant.set(domain_shown=False)
    old_id = old(engine)
    engine.apply(by_host(MOVED, old_id))
    assert list(tenant.instances) == [old_id]
    assert engine.writes() == []


@pytest.mark.parametrize("properties", [{"apiToken": "canary"}, {"auth": {"apiToken": "canary"}}])
def test_a_hidden_setting_would_be_lost(shows_more: Engine, properties: dict[str, Any]) -> None:
    shows_more.tenant.set(unique_properties="masked")
    old_id = old(shows_more, unique_properties=properties)
    message = refused(shows_more, by_host(HIDDEN, old_id))
    print(f"\nrecreate: {message}")
    assert "apiToken" in message or "unique_properties.auth" in message
    assert actions(shows_more.apply({**by_host(HIDDEN, old_id), "unique_properties": properties})) == ["updated"]
    assert new(shows_more)["uniqueProperties"] == {"name": "core", **properties}


def test_settings_the_tenant_never_shows_would_be_lost(shows_more: Engine) -> None:
    shows_more.tenant.set(unique_properties="hidden")
    old_id = old(shows_more)
    message = refused(shows_more, by_host(HIDDEN, old_id))
    print(f"\nrecreate: {message}")
    assert "unique_properties" in message


def test_an_incomplete_read(shows_more: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenant import present

    honest = present.item
    monkeypatch.setattr(present, "item", lambda *args: {**honest(*args), "state": []})
    message = refused(shows_more, by_host(HIDDEN, old(shows_more)))
    assert "the tenant says 3 repositories are selected but names 0" in message


@pytest.mark.parametrize("backup", [True, False])
def test_deleted_but_not_made_again(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backup: bool) -> None:
    """The worst that can happen: it is reported, with the way back."""
    old_id = old(engine)

    create = engine.tenant.state.create

    def no(_body: Any) -> Any:
        raise invalid({"requestBody.domain": "no more licences"})

    monkeypatch.setattr(engine.tenant.state, "create", no)
    item = {**by_host(MOVED, old_id), **({"backup_dir": str(tmp_path)} if backup else {})}
    result = engine.one(item)
    print(f"\nrecreate: {result['msg']}")
    assert result["failed"]
    assert result["changed"]
    assert engine.tenant.instances == {}
    assert "was deleted, but not created again" in result["msg"]
    assert "no more licences" in result["msg"]
    assert result["msg"].endswith("Add to the item the parts of that scope that it lacks, remove its old id, and run again.")
    if backup:
        assert result["backup_file"] in result["msg"]
        scope = yaml.safe_load(Path(result["backup_file"]).read_text(encoding="utf-8"))["tenant_data_sources"][0]
    else:
        scope = result["data_source"]
    assert sorted(scope["repositories"]) == ["PAY/a", "PAY/b", "PAY/c"]

    monkeypatch.setattr(engine.tenant.state, "create", create)
    # As the line says: the item, with the scope from there and without the old id.
    again = {**scope, **{k: v for k, v in MOVED.items() if k != "recreate"}}
    again = {k: v for k, v in again.items() if k in ("type", "name", "domain", "credentials", "selection_type", "repositories")}
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0, 0.0))
    assert actions(engine.apply(again)) == ["created"]
    assert sorted(new(engine)["state"]) == ["PAY/a", "PAY/b", "PAY/c"]


def test_made_again_without_its_scope(engine: Engine) -> None:
    """What was carried over from the old one is not in the item, so that the next run could not know it."""
    old_id = old(engine)
    engine.tenant.fault("html_500", method="PUT")
    result = engine.one(by_host(MOVED, old_id))
    made = new(engine)["id"]
    assert f"was created (id {made}), but its scope was not set" in result["msg"]
    assert "Its former scope is in the result's data_source: add the missing parts to the item, remove its old id" in result["msg"]
    scope = {k: v for k, v in result["data_source"].items() if k in ("selection_type", "repositories")}
    again = {k: v for k, v in MOVED.items() if k not in ("recreate", "id")}
    assert actions(engine.apply({**again, **scope})) == ["updated"]
    assert sorted(new(engine)["state"]) == ["PAY/a", "PAY/b", "PAY/c"]


def test_changed_by_another_between_plan_and_deletion(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody selected since the plan would be lost with the deletion."""
    old_id = old(engine)
    read, reads = engine.tenant.state.read, []

    def changing(instance_id: str) -> Any:
        reads.append(instance_id)
        shown = read(instance_id)
        if len(reads) == 1:
            engine.tenant.state.find(old_id).shape["state"].append("PAY/by-another")
        return shown

    monkeypatch.setattr(engine.tenant.state, "read", changing)
    result = engine.apply(by_host(MOVED, old_id))
    assert result["failed"]
    assert "was changed by somebody else while this run was planning. Run again." in result["msg"]
    assert engine.writes() == []
    monkeypatch.setattr(engine.tenant.state, "read", read)
    assert actions(engine.apply(by_host(MOVED, old_id))) == ["updated"]
    assert "PAY/by-another" in new(engine)["state"]
