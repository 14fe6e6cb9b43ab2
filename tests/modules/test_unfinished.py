# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A creation without its scope is completed by the next run, whatever the tenant selected; what anybody chose is guarded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Ask
from bulk import actions
from contributed import tenants
from gitlabs import MANUAL, NEW_GITLAB, only

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import view
from tenant.server import EmbeddedTenant

FOUND = [f"team/{n}" for n in range(7)]
WANTED = ["team/0", "team/1"]
ITEM: dict[str, Any] = {**NEW_GITLAB, "repositories": WANTED, "unique_properties": {"group": "payments"}}
SELECTS = ["nothing", "found", "future", "manual"]


@pytest.fixture(params=tenants("default", "awkward", "guide"))
def tenant(request: pytest.FixtureRequest) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile=request.param, rate=1000) as started:
        for name in FOUND:
            started.add_repository(name, url=f"https://gitlab.example.com/{name}", source=ITEM["type"])
        yield started


@pytest.fixture
def plain() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("default", rate=1000, initial_selection="found") as started:
        for name in FOUND:
            started.add_repository(name, url=f"https://gitlab.example.com/{name}", source=ITEM["type"])
        yield started


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0, 0.05, 0.1, 0.1))


def asking(run_module: Any, tenant: EmbeddedTenant, module: str = "data_source") -> Ask:
    return Ask(run_module, tenant, module)


def break_off(source: Ask, **item: Any) -> str:
    """A run that creates and then gets HTTP 500 for the scope; the id of what it made."""
    source.tenant.fault("html_500", method="PUT")
    message = source.refused(**{**ITEM, **item})
    assert "its scope was not set" in message
    assert message.endswith("Run again to complete it.")
    return str(only(source.tenant)["id"])


def scan(tenant: EmbeddedTenant, made: str) -> None:
    """The tenant goes over its repositories an hour later: what it finds it selects, and notes the time."""
    tenant.state.read(made)
    tenant.state.find(made).shape["updatedAt"] = tenant.state.now(ago=-3600.0)


@pytest.mark.parametrize("selects", SELECTS)
def test_the_next_run_sets_what_the_creation_would_have_set(tenant: EmbeddedTenant, run_module: Any, tmp_path: Path, selects: str) -> None:
    """With the memory of the run before, and without it: on another node, or after the folder was deleted."""
    tenant.set(initial_selection=selects)
    source, sources = asking(run_module, tenant), asking(run_module, tenant, "data_sources")
    for forgotten in (False, True):
        made = break_off(source)
        if forgotten:
            shutil.rmtree(tmp_path / "state")
        checked = sources.ok(data_sources=[ITEM], check=True)
        done = sources.ok(data_sources=[ITEM], plan_digest=checked["plan_digest"])
        assert actions(done) == actions(checked) == ["updated"]
        replaced = [text for text in done["warnings"] if "is replaced by what the item says" in text]
        assert len(replaced) == (selects in ("found", "future"))
        stored = tenant.instances[made]
        assert (stored["selectionType"], sorted(stored["state"])) == (MANUAL, WANTED)
        assert stored["uniqueProperties"]["group"] == "payments"
        assert actions(sources.ok(data_sources=[ITEM])) == ["unchanged"]
        source.ok(id=made, state="absent")


@pytest.mark.parametrize("selects", SELECTS)
def test_a_scan_in_between_does_not_hinder_it(tenant: EmbeddedTenant, run_module: Any, selects: str) -> None:
    tenant.set(initial_selection=selects)
    source = asking(run_module, tenant)
    made = break_off(source)
    scan(tenant, made)
    assert source.ok(**ITEM)["actions"] == ["update"]
    assert sorted(tenant.instances[made]["state"]) == WANTED


def test_a_list_of_none_is_set_once(tenant: EmbeddedTenant, run_module: Any) -> None:
    tenant.set(initial_selection="found")
    source = asking(run_module, tenant)
    made = break_off(source, repositories=[])
    assert source.ok(**{**ITEM, "repositories": []})["actions"] == ["update"]
    assert tenant.instances[made]["state"] == []
    assert source.ok(**{**ITEM, "repositories": []})["actions"] == []


def test_what_nobody_remembers_and_something_changed_is_guarded_and_the_line_says_what_to_do(
    plain: EmbeddedTenant, run_module: Any, tmp_path: Path
) -> None:
    source = asking(run_module, plain)
    made = break_off(source)
    scan(plain, made)
    shutil.rmtree(tmp_path / "state")
    message = source.refused(**ITEM)
    assert f"(id {made}): changing selection_type from CURRENT_STATE to {MANUAL} would cover fewer repositories" in message
    assert "set max_deselect in this item to -1" in message
    source.ok(**ITEM, max_deselect=-1, repositories_mode="exact")
    assert sorted(plain.instances[made]["state"]) == WANTED


def test_where_nothing_can_be_remembered_the_first_run_says_what_the_next_may_need(
    plain: EmbeddedTenant, run_module: Any, tmp_path: Path
) -> None:
    source = asking(run_module, plain)
    (tmp_path / "state").write_text("no folder", encoding="utf-8")
    plain.fault("html_500", method="PUT")
    message = source.refused(**ITEM)
    assert message.endswith(
        "Run again to complete it. This could not be remembered: if that run refuses because it would cover fewer repositories, "
        f"set max_deselect to -1 for it (id {only(plain)['id']})."
    )


@pytest.mark.parametrize(
    "theirs",
    [
        {"selectionType": "CURRENT_STATE_AND_FUTURE"},
        {"createdAt": "2020-01-01T00:00:00.000Z"},
        {"type": "GITHUB_ENTERPRISE"},
    ],
)
def test_what_somebody_changed_or_made_anew_is_guarded(plain: EmbeddedTenant, run_module: Any, theirs: dict[str, Any]) -> None:
    source = asking(run_module, plain)
    made = break_off(source)
    scan(plain, made)
    plain.state.find(made).shape.update(theirs)
    message = source.refused(**{**ITEM, "id": made, "type": theirs.get("type", ITEM["type"])})
    assert "would cover fewer repositories" in message
    assert len(plain.instances[made]["state"]) == 7


def test_a_list_that_somebody_chose_is_added_to(plain: EmbeddedTenant, run_module: Any) -> None:
    source = asking(run_module, plain)
    made = break_off(source)
    plain.state.find(made).shape.update(selectionType=MANUAL, state=["team/6"])
    source.ok(**ITEM)
    assert sorted(plain.instances[made]["state"]) == [*WANTED, "team/6"]


@pytest.mark.parametrize("selection_type", ["CURRENT_STATE", "CURRENT_STATE_AND_FUTURE"])
def test_what_is_older_than_a_day_or_not_proven_to_be_the_items_is_guarded(
    plain: EmbeddedTenant, run_module: Any, selection_type: str
) -> None:
    old = plain.add_instance(ITEM["type"], name=ITEM["name"], hostname="gitlab.example.com", selection_type=selection_type, state=FOUND)
    shape = plain.state.find(old).shape
    shape["updatedAt"] = shape["createdAt"]
    source = asking(run_module, plain)
    assert "would cover fewer repositories" in source.refused(**ITEM)
    shape.update(createdAt=plain.state.now(), updatedAt=plain.state.now())
    plain.set(fields="published", identifier_given="vendor")
    plain.state.find(old).identifier = "another-word"
    assert "would cover fewer repositories" in source.refused(**ITEM)


def test_rules_and_mappings_are_completed_too(tenant: EmbeddedTenant, run_module: Any) -> None:
    tenant.set(initial_selection="found")
    source = asking(run_module, tenant)
    mapping = {"external_project_id": "p1", "external_id": "e1", "external_branch_name": "main", "repo_id": "r1", "branch_name": "main"}
    given = {
        "repositories": None,
        "scope_rules": [{"include": "team/*"}, {"exclude": "team/6"}],
        "scope_candidates": ["team/0", "team/1", "team/6"],
        "external_projects": [mapping],
        "external_projects_update": "on_create",
    }
    made = break_off(source, **given)
    assert source.ok(**{**ITEM, **given})["actions"] == ["update"]
    assert sorted(tenant.instances[made]["state"]) == WANTED
    assert [one["externalProjectId"] for one in tenant.instances[made]["externalProjects"]] == ["p1"]
    assert source.ok(**{**ITEM, **given})["actions"] == []


def test_mappings_that_may_be_somebodys_are_guarded(run_module: Any) -> None:
    """The tenant hides them, and something has changed since."""
    with EmbeddedTenant(profile="guide", rate=1000) as tenant:
        source = asking(run_module, tenant)
        mapping = {"external_id": "e1", "repo_id": "r1"}
        made = break_off(source, external_projects=[mapping], external_projects_mode="exact")
        scan(tenant, made)
        message = source.refused(**ITEM, external_projects=[mapping], external_projects_mode="exact")
        assert "To allow this, set max_deselect in this item to -1" in message
        assert tenant.instances[made]["state"] == []
