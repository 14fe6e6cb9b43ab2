# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of the list does not show the selection, and nothing is planned from a partial read."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.differences import needs_full
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.instance import Instance
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.plan import (
    carried_over,
    plan_update,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.view import View
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import TenantError

MANUAL = "MANUAL_SELECTION"
ITEM = {"state": "present", "type": "SNYK", "repositories_mode": "merge", "external_projects_mode": "merge", "max_deselect": -1}
RAW: dict[str, Any] = {
    "id": "12",
    "type": "SNYK",
    "name": "core",
    "uniqueProperties": {"name": "core", "team": "blue"},
    "selectionType": MANUAL,
    "state": ["a/1", "a/2"],
    "repositoriesCount": 2,
    "externalProjects": [],
}


def listed(**fields: Any) -> Instance:
    return Instance({**RAW, "state": [], **fields}, full=False)


# What an item may ask for that differs from RAW.
DIFFERENT = [
    {"repositories": ["b/1"]},
    {"repositories": ["a/1"], "repositories_mode": "exact"},
    {"repositories": [], "repositories_mode": "exact"},
    {"scope_rules": [{"include": "**"}], "scope_candidates": ["b/1"]},
    {"external_projects": [{"external_project_id": "p", "external_id": "e", "repo_id": "r"}]},
    {"unique_properties": {"team": "red"}},
    {"selection_type": "CURRENT_STATE"},
    {"domain": {"hostname": "other.example.com"}, "recreate": "when_immutable_differs", "credentials": {"token": "t"}},
]


@pytest.mark.parametrize("state", [[], None, ["a/1", "a/2"], ["something/else"]])
def test_an_entry_of_the_list_never_yields_a_selection(state: Any) -> None:
    entry = listed(state=state)
    assert "repositories" not in entry.reported
    assert not entry.complete
    assert not entry.partial
    assert entry.reported["repositories_count"] == 2


@pytest.mark.parametrize("state", [[], ["a/1", "a/2"]])
@pytest.mark.parametrize("wish", DIFFERENT, ids=",".join)
def test_nothing_is_planned_from_an_entry_of_the_list_that_changes_something(wish: dict[str, Any], state: list[str]) -> None:
    entry = listed(state=state, domain={"hostname": "h.example.com"})
    assert needs_full({**ITEM, **wish}, entry)
    with pytest.raises(ValueError, match="cannot be planned from a list entry"):
        plan_update({**ITEM, **wish}, entry)


def test_an_entry_that_is_as_desired_need_not_be_read() -> None:
    item = {**ITEM, "name": "core", "selection_type": MANUAL, "unique_properties": {"team": "blue"}}
    assert not needs_full(item, listed())
    plan = plan_update(item, listed())
    assert plan.action == "none"
    assert "repositories" not in (plan.after or {})


@pytest.mark.parametrize("wish", [{"domain": {"hostname": "other.example.com"}}, {"selection_type": "CURRENT_STATE"}], ids=",".join)
def test_what_is_refused_or_waits_for_a_person_need_not_be_read(wish: dict[str, Any]) -> None:
    entry = listed(type="GITHUB", status="PENDING", domain={"hostname": "h.example.com"})
    item = {**ITEM, "type": "GITHUB", **wish}
    assert not needs_full(item, entry)
    assert "domain" in wish or [p["step"] for p in plan_update(item, entry).pending]


@pytest.mark.parametrize(("state", "count"), [([], 1), (["a/1"], 2), (None, 1), ("?", 0), (["a/1"], 2546)])
def test_a_partial_read_refuses_every_change(state: Any, count: int) -> None:
    partial = Instance({**RAW, "state": state, "repositoriesCount": count, "domain": {"hostname": "h.example.com"}}, full=True)
    assert partial.partial
    assert not partial.complete
    for wish in DIFFERENT:
        with pytest.raises(TenantError, match=f"says {count} repositories are selected|does not show which repositories"):
            plan_update({**ITEM, "max_deselect": 10, **wish}, partial)
    assert plan_update({**ITEM, "name": "core"}, partial).action == "none"


def test_a_read_that_names_none_of_what_the_list_counts_refuses_every_change() -> None:
    """The count stands in the list alone, and may be larger than the selection, but not where that is empty."""
    published = {k: v for k, v in RAW.items() if k != "repositoriesCount"}
    none_named = Instance({**published, "state": []}, full=True, listed_count=2546)
    some_named = Instance({**published, "state": ["a/1"]}, full=True, listed_count=2546)
    for limit in (10, -1):
        wish = {**ITEM, "max_deselect": limit, "repositories": ["b/1"]}
        with pytest.raises(TenantError, match="says 2546 repositories are selected but names 0"):
            plan_update(wish, none_named)
        assert plan_update(wish, some_named).put["state"] == ["a/1", "b/1"]


@pytest.mark.parametrize(
    ("fields", "complete"),
    [({}, True), ({"repositoriesCount": None}, True), ({"repositoriesCount": 1}, True), ({"state": [], "repositoriesCount": 0}, True),
     ({"state": None, "repositoriesCount": 0}, False), ({"state": None, "repositoriesCount": None}, False)],
)  # fmt: skip
def test_a_read_that_names_as_many_as_the_tenant_counts_is_not_partial(fields: dict[str, Any], complete: bool) -> None:
    instance = Instance({**RAW, **fields}, full=True)
    assert not instance.partial
    assert instance.complete is complete


class Tenant:
    """Lists a name and a count that a read by id does not show."""

    def __init__(self) -> None:
        self.read: dict[str, Any] = {"id": "12", "type": "SNYK", "state": ["a/1"], "selectionType": MANUAL, "createdAt": "then"}

    def list_data_sources(self) -> list[dict[str, Any]]:
        return [{"id": 12, "type": "SNYK", "name": "core", "status": None, "state": ["old/1"], "repositoriesCount": 7}]

    def get_data_source(self, _instance_id: str, _subject: str = "") -> dict[str, Any]:
        return self.read


def test_what_only_the_list_shows_is_kept_but_nothing_of_the_selection() -> None:
    tenant: Any = Tenant()
    view = View(tenant)
    view.load()
    assert [(one.id, one.full) for one in view.instances.values()] == [("12", False)]
    found = view.fetch("12")
    assert found is view.instances["12"]
    assert found.full
    assert (found.names, found.reported["repositories"], found.count) == (["core"], ["a/1"], None)
    tenant.read = {"id": "12", "type": "SNYK", "state": [], "selectionType": MANUAL}
    again = view.fetch("12")
    assert again is not None
    assert again.reported == {"id": "12", "type": "SNYK", "name": "core", "repositories": [], "selection_type": MANUAL}


def test_what_is_carried_over_is_what_is_given_and_all_that_the_old_one_holds() -> None:
    old = Instance({**RAW, "type": "Snyk", "domain": {"hostname": "old.example.com", "protocol": "https"}}, full=True)
    item = {**ITEM, "id": "12", "domain": {"hostname": "new.example.com"}, "unique_properties": {"level": 1}, "wait": True}
    kept = carried_over(item, old, {"repositories": ["a/1", "a/2", "b/1"]})
    assert kept == {
        **{k: v for k, v in item.items() if k != "id"},
        "type": "SNYK",
        "name": "core",
        "domain": {"hostname": "new.example.com", "protocol": "https"},
        "unique_properties": {"name": "core", "team": "blue", "level": 1},
        "selection_type": MANUAL,
        "repositories": ["a/1", "a/2", "b/1"],
        "repositories_mode": "exact",
    }
    assert item["domain"] == {"hostname": "new.example.com"}
