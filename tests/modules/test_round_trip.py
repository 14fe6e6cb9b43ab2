# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is exported is what is there: an export applied changes nothing, whatever a tenant holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from asking import older
from bulk import Engine, RunModule, actions, entry_of, item_of
from contributed import tenants
from hostile import hostile

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import TYPES
from starting import IN_CI
from tenant.server import EmbeddedTenant

MAPPING = {
    "externalProjectId": "project-1",
    "externalId": "1",
    "externalBranchName": "main",
    "repoId": "repository-1",
    "branchName": "trunk",
}


class Loader(yaml.SafeLoader):
    """Reads a data file as Ansible does: what is tagged !unsafe is text."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@pytest.fixture(params=tenants("guide", "awkward"))
def engine(request: pytest.FixtureRequest, run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant(profile=request.param, rate=1000) as tenant:
        yield Engine(run_module, tenant)


def all_types(tenant: EmbeddedTenant) -> None:
    """An instance of each type, each with as much as an instance can have; and those that only a look at all of it tells apart."""
    for name in TYPES:
        entry = entry_of(name, f"{name.lower()}-core")
        settings = {key: value for key, value in entry.items() if key in ("organization", "region")}
        tenant.add_instance(
            name,
            name=entry["name"],
            hostname=entry.get("hostname"),
            protocol="https" if "hostname" in entry else None,
            selection_type="MANUAL_SELECTION",
            state=[f"group/{name}-{n}" for n in range(3)],
            external_projects=[MAPPING],
            unique_properties={**settings, "team": "blue", "flag": True, "level": 3, "ratio": 0.5, "nested": {"list": ["a", {"b": None}]}},
            transporter={"brokerDeviceId": "b1", "connectionName": "egress"} if "hostname" in entry else None,
        )
    tenant.add_instance("JENKINS", name="jenkins-core-2", unique_properties={"apiToken": "secret", "auth": {"clientSecret": "secret"}})
    tenant.add_instance("GITLAB_SELF_MANAGED", name="twin", hostname="one.example.com", protocol="http")
    tenant.add_instance("GITLAB_SELF_MANAGED", name="twin", hostname="Two.example.com:8443", protocol="https")
    tenant.add_instance("GITHUB", name="all", selection_type="CURRENT_STATE", state=["a/b"])
    tenant.add_instance("GITHUB", name="and-future", selection_type="CURRENT_STATE_AND_FUTURE", state=["c/d", "e/f"])
    tenant.add_instance("GITHUB", name="empty", selection_type="MANUAL_SELECTION")
    tenant.add_instance("JENKINS_SERVER", name="not-well", status="ERROR")


def test_a_tenant_with_everything_stays_as_it_is(engine: Engine) -> None:
    all_types(engine.tenant)
    before = engine.tenant.instances
    for _time in range(2 if IN_CI else 1):
        config = engine.export()
        assert len(config) == len(before)
        # What an identifier alone decides, as published, a host does not tell apart.
        told_by_id = {"twin"} if engine.tenant.switches["fields"] == "published" else set()
        assert {item.get("identifier") for item in config if "id" in item} == told_by_id
        for check in (True, False):
            engine.tenant.clear_journal()
            result = engine.apply(*config, check=check, diff=True)
            assert actions(result) == ["unchanged"] * len(before)
            assert not result["changed"]
            assert result["diff"] == []
            assert engine.writes() == []
        assert engine.tenant.instances == before


@older("engine")
def test_an_id_only_where_nothing_else_tells_instances_apart(engine: Engine) -> None:
    tenant = engine.tenant
    nameless = tenant.add_instance("CORTEX_CLI")
    named = tenant.add_instance("SNYK", name="one")
    by_host = tenant.add_instance("BITBUCKET_DATACENTER", hostname="bitbucket.example.com")
    same = [tenant.add_instance("JENKINS", name="same") for _n in range(2)]
    # Whoever gives the name alone means both of these; the one with a host is meant by name and host.
    hostless = tenant.add_instance("GITLAB_SELF_MANAGED", name="core")
    hosted = tenant.add_instance("GITLAB_SELF_MANAGED", name="core", hostname="gitlab.example.com")
    config = engine.export()
    assert sorted(item["id"] for item in config if "id" in item) == sorted([nameless, *same, hostless])
    assert {named, by_host, hosted} == set(tenant.instances) - {nameless, *same, hostless}
    assert actions(engine.apply(*config)) == ["unchanged"] * 7


def test_what_a_tenant_holds_is_text(engine: Engine, tmp_path: Path) -> None:
    """Read as YAML here; tests/playbooks/test_hostile.py has it read by Ansible."""
    # What has no visible character is no name that an item may give.
    tenant, names = engine.tenant, [text for text in hostile(str(tmp_path / "mark")) if text.strip()]
    for n, text in enumerate(names):
        tenant.add_instance("JENKINS", name=text, unique_properties={"n": n, text: text, "nested": {text: [text, ""]}})
    tenant.add_instance("GITHUB", name="hostile", selection_type="MANUAL_SELECTION", state=names)
    tenant.add_instance("SNYK", name="hostile", external_projects=[{"externalProjectId": t, "branchName": t} for t in names])
    before = tenant.instances
    exported = engine.run("data_source_info", {"as_config": True})
    read = yaml.load(exported["data_file"], Loader=Loader)
    assert read == {"tenant_expected_tenant": f"{tenant.host}:{tenant.port}", "tenant_data_sources": exported["config"]}
    assert actions(engine.apply(*read["tenant_data_sources"])) == ["unchanged"] * len(before)
    assert engine.writes() == []
    assert tenant.instances == before


def test_a_data_file_moves_a_tenant_once_the_secrets_are_filled_in(engine: Engine, run_module: RunModule) -> None:
    """Onto an empty tenant: with placeholders refused, each by name; with the secrets filled in everything is there, twice."""
    wanted = [name for name, kind in TYPES.items() if not kind.created_by and name != "COLLECTOR"]
    for name in wanted:
        item = item_of(name, "core")
        tenant_item = {"hostname": item.get("domain", {}).get("hostname"), "protocol": item.get("domain", {}).get("protocol")}
        engine.tenant.add_instance(name, name="core", unique_properties=item.get("unique_properties"), **tenant_item)
    config = engine.export()
    with_secrets = [item["type"] for item in config if "credentials" in item]
    assert with_secrets == sorted(n for n in wanted if TYPES[n].credentials)
    with EmbeddedTenant("guide", rate=1000) as empty:
        target = Engine(run_module, empty)
        result = target.apply(*config)
        assert result["failed"]
        failed = [row["type"] for row in result["data_sources"] if row["action"] == "failed"]
        assert failed == with_secrets
        assert all("holds a placeholder" in row["error"] for row in result["data_sources"] if row["action"] == "failed")
        filled = [{**i, "credentials": dict.fromkeys(i["credentials"], "real-secret")} if "credentials" in i else i for i in config]
        result = target.apply(*filled)
        assert {row["type"] for row in result["data_sources"] if row["action"] == "created"} == set(with_secrets)
        assert set(actions(target.apply(*filled))) == set(actions(target.apply(*config))) == {"unchanged"}


def test_no_secret_is_in_an_export(engine: Engine) -> None:
    engine.tenant.add_instance(
        "JFROG", name="core", unique_properties={"apiToken": "canary", "auth": {"password": "canary"}, "list": [{"secret": "canary"}]}
    )
    result: dict[str, Any] = engine.run("data_source_info", {"as_config": True})
    assert "canary" not in str(result)
    assert actions(engine.apply(*result["config"])) == ["unchanged"]
    assert engine.writes() == []


@older("engine")
def test_a_list_that_is_not_whole_is_said(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenant import present

    honest = present.item
    monkeypatch.setattr(present, "item", lambda *args: {**honest(*args), "state": honest(*args)["state"][:1]})
    engine.tenant.add_instance("GITHUB", name="core", selection_type="MANUAL_SELECTION", state=["a/b", "c/d"])
    result = engine.run("data_source_info", {"as_config": True})
    assert [row["complete"] for row in result["data_sources"]] == [False]
    assert any("does not show all its repositories, so the config contains only some" in text for text in result["warned"])


def test_a_result_fed_back_changes_nothing(engine: Engine) -> None:
    """What data_source returns is what data_source takes."""
    all_types(engine.tenant)
    takes = ("id", "type", "name", "domain", "transporter", "unique_properties", "selection_type", "external_projects", "repositories")
    for instance_id, held in list(engine.tenant.instances.items())[:6]:
        shown = engine.one({"id": instance_id})["data_source"]
        again = engine.one({key: shown[key] for key in takes if key in shown})
        assert not again["changed"], again
        assert again["data_source"]["repositories"] == held["state"]
