# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""scope_rules on a tenant: predicted, applied, applied again; for one instance and for many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import older
from bulk import Engine, Item, RunModule, actions, refused
from contributed import tenants

from tenant.server import EmbeddedTenant

CANDIDATES = [f"{group}/{n}" for group in ("platform", "shop") for n in ("api", "web", "archive")]
RULES = [{"include": "platform/*"}, {"exclude": "*/archive"}]
CORE: Item = {"type": "GITLAB_SELF_MANAGED", "name": "core", "scope_rules": RULES, "scope_candidates": CANDIDATES}
MANUAL = "MANUAL_SELECTION"


@pytest.fixture(params=tenants("guide", "awkward"))
def engine(request: pytest.FixtureRequest, run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant(profile=request.param, rate=1000) as tenant:
        yield Engine(run_module, tenant)


def gitlab(engine: Engine, *state: str, name: str = "core", **more: Any) -> str:
    shape = {"hostname": "gitlab.example.com", "selection_type": MANUAL, **more}
    stored: str = engine.tenant.add_instance("GITLAB_SELF_MANAGED", name=name, state=list(state), **shape)
    return stored


def selected(engine: Engine, name: str = "core") -> list[str]:
    (found,) = [i["state"] for i in engine.tenant.instances.values() if i["uniqueProperties"]["name"] == name]
    return sorted(found)


@pytest.mark.parametrize("module", ["data_source", "data_sources"])
@pytest.mark.parametrize(
    ("mode", "then"),
    [
        ("merge", ["platform/api", "platform/kept", "platform/web", "shop/api"]),
        ("exact", ["platform/api", "platform/kept", "platform/web"]),
    ],
)
def test_check_mode_predicts_and_a_second_run_changes_nothing(engine: Engine, module: str, mode: str, then: list[str]) -> None:
    gitlab(engine, "shop/api", "platform/api", "platform/kept")
    item = {**CORE, "repositories_mode": mode}
    options = item if module == "data_source" else {"data_sources": [item]}
    engine.tenant.set(read_only=True)
    checked = engine.run(module, options, key="viewer", check=True, diff=True)
    assert engine.tenant.write_attempts == []
    engine.tenant.set(read_only=False)
    done = engine.run(module, options, diff=True)
    assert not done["failed"], done
    assert (checked["changed"], checked["diff"]) == (True, done["diff"])
    assert selected(engine) == then
    result = done if module == "data_source" else done["data_sources"][0]
    assert result["scope"]["included"] == 3
    assert result["scope"]["left_out"] == 1
    assert [rule["matched"] for rule in result["scope"]["rules"]] == [4, 2]

    engine.tenant.clear_journal()
    again = engine.run(module, options, diff=True)
    assert not again["changed"]
    assert engine.writes() == []
    assert any("stay selected, since repositories_mode is merge" in w for w in again["warned"]) is (mode == "merge")


def test_a_new_instance_gets_what_the_plan_showed(engine: Engine) -> None:
    item = {**CORE, "domain": {"hostname": "gitlab.example.com"}, "selection_type": MANUAL}
    checked = engine.apply(item, check=True)
    assert checked["data_sources"][0]["repositories_count"] == 2
    done = engine.apply(item, plan_digest=checked["plan_digest"])
    assert actions(done) == ["created"]
    assert selected(engine) == ["platform/api", "platform/web"]
    assert actions(engine.apply(item)) == ["unchanged"]


def test_what_a_tenant_selects_after_the_consent_gives_way_to_the_scope_of_the_creation(run_module: RunModule) -> None:
    with EmbeddedTenant("guide", consent="required", rate=1000) as tenant:
        engine = Engine(run_module, tenant)
        item = {**CORE, "selection_type": MANUAL, "repositories_mode": "exact"}
        assert actions(engine.apply(item)) == ["created"]
        assert actions(engine.apply(item)) == ["unchanged"]  # nobody has consented: its scope waits
        (instance_id,) = tenant.instances
        tenant.grant_consent(instance_id)
        tenant.state.find(instance_id).shape.update(state=list(CANDIDATES), repositoriesCount=len(CANDIDATES))
        done = engine.apply(item)
        assert actions(done) == ["updated"]
        told = "an earlier run created it and did not set its scope, so what the tenant selected by itself (6 repositories)"
        assert told in done["warned"][0]
        assert selected(engine) == ["platform/api", "platform/web"]
        assert actions(engine.apply(item)) == ["unchanged"]


def test_more_than_max_deselect_is_refused_with_the_numbers(engine: Engine) -> None:
    gitlab(engine, "platform/api", *[f"old/{n}" for n in range(11)])
    assert "would deselect 11 of 12 repositories, more than max_deselect (10)" in refused(engine, {**CORE, "repositories_mode": "exact"})
    assert actions(engine.apply({**CORE, "repositories_mode": "exact", "max_deselect": 11})) == ["updated"]


def test_what_others_select_between_plan_and_write_is_judged_too(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    instance_id = gitlab(engine, "platform/api")
    stored = engine.tenant.state.find(instance_id)
    read, reads = engine.tenant.state.read, []

    def by_another(wanted: str) -> Any:
        reads.append(wanted)
        if len(reads) == 2:
            stored.shape["state"].append("platform/theirs")
        return read(wanted)

    monkeypatch.setattr(engine.tenant.state, "read", by_another)
    assert actions(engine.apply({**CORE, "repositories_mode": "exact"})) == ["updated"]
    assert selected(engine) == ["platform/api", "platform/theirs", "platform/web"]


def test_two_items_whose_rules_include_one_repository_on_one_host_are_refused(engine: Engine) -> None:
    gitlab(engine, name="core")
    gitlab(engine, name="other")
    other = {**CORE, "name": "other", "scope_rules": [{"include": "shop/*"}, {"include": "platform/web"}]}
    assert "both claim repository platform/web" in refused(engine, CORE, other)
    other["scope_rules"] = [{"include": "shop/*"}]
    assert actions(engine.apply(CORE, other)) == ["updated", "updated"]


def test_a_file_is_read_once_and_one_that_is_not_there_fails_just_its_item(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gitlab(engine, name="core")
    gitlab(engine, name="other", hostname="git2.example.com")
    (tmp_path / "all.csv").write_text("full_name,stars\n" + "".join(f"{name},1\n" for name in CANDIDATES))
    file = str(tmp_path / "all.csv")
    core = {**CORE, "scope_candidates": file}
    assert actions(engine.apply(core, {**core, "name": "other"})) == ["updated", "updated"]
    assert selected(engine) == selected(engine, "other") == ["platform/api", "platform/web"]

    (tmp_path / "all.csv").write_text("full_name\nplatform/new\n")
    missing = engine.apply(core, {**core, "name": "other", "scope_candidates": f"{tmp_path}/none.txt"})
    assert [row["action"] for row in missing["data_sources"]] == ["updated", "failed"]
    assert f"scope_candidates {tmp_path}/none.txt cannot be read: No such file or directory (looked for " in missing["msg"]


def test_the_plan_file_has_the_numbers(engine: Engine, tmp_path: Path) -> None:
    gitlab(engine, "shop/api")
    engine.apply(CORE, check=True, plan_file=str(tmp_path / "plan.md"))
    text = (tmp_path / "plan.md").read_text(encoding="utf-8")
    assert "+ repositories + platform/api\n+ repositories + platform/web\n" in text
    assert "  scope_rules[0] include platform/*: matches 3, 1 of them decided by a later rule, such as platform/api," in text


@older("engine")
def test_recreated_with_what_the_rules_include(engine: Engine) -> None:
    engine.tenant.add_instance("BITBUCKET_DATACENTER", name="core", hostname="old.example.com", selection_type=MANUAL,
                               state=["platform/api", "shop/api"])  # fmt: skip
    item = {**CORE, "type": "BITBUCKET_DATACENTER", "domain": {"hostname": "new.example.com"}, "credentials": {"token": "bitbucket-token"},
            "recreate": "when_immutable_differs", "repositories_mode": "exact", "id": next(iter(engine.tenant.instances))}  # fmt: skip
    done = engine.apply(item)
    assert actions(done) == ["updated"]
    assert selected(engine) == ["platform/api", "platform/web"]
    assert "configuration, coverage" in done["data_sources"][0]["destroys"]
