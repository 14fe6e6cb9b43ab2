# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For any instance and any wish: what planning promises, against a model of the tenant that keeps or clears what a PUT leaves out."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.differences import unexpected
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import (
    from_api,
    mappings_to_api,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.instance import Instance
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.plan import (
    Plan,
    plan_create,
    plan_update,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError, TenantError

MANUAL = "MANUAL_SELECTION"
MASK = "********"
Raw = dict[str, Any]

repositories = st.lists(st.sampled_from([f"g/{n}" for n in range(12)]), unique=True, max_size=12)
projects = st.dictionaries(st.sampled_from(["p1", "p2", "p3", "p4"]), st.sampled_from(["r1", "r2"]), max_size=4).map(
    lambda chosen: [{"external_project_id": p, "repo_id": r} for p, r in chosen.items()]
)
plain = st.one_of(st.sampled_from(["a", "b"]), st.booleans(), st.integers(0, 2), st.lists(st.sampled_from(["x", "y"]), max_size=2))
maybe_hidden = st.sampled_from([MASK, "t"])
settings_shown = st.fixed_dictionaries(
    {},
    optional={
        "group": plain,
        "team": plain,
        "apiToken": maybe_hidden,
        "auth": st.fixed_dictionaries({"token": maybe_hidden, "user": st.just("u")}),
        "tokens": st.lists(maybe_hidden, max_size=2),
    },
)
selections = st.sampled_from([MANUAL, MANUAL, MANUAL, "CURRENT_STATE", "CURRENT_STATE_AND_FUTURE"])
modes = st.sampled_from(["merge", "exact", "remove"])


@st.composite
def instances(draw: st.DrawFn) -> Raw:
    state = draw(repositories)
    raw: Raw = {
        "id": "12",
        "type": "GITLAB_SELF_MANAGED",
        "name": "core",
        "selectionType": draw(selections),
        "state": state,
        "repositoriesCount": len(state),
        "externalProjects": mappings_to_api(draw(projects)),
        "uniqueProperties": draw(settings_shown),
    }
    for absent in draw(
        st.sets(st.sampled_from(["externalProjects", "uniqueProperties", "repositoriesCount", "selectionType"]), max_size=1)
    ):
        del raw[absent]
    return raw


@st.composite
def wishes(draw: st.DrawFn) -> Raw:
    item: Raw = {
        "state": "present",
        "type": "GITLAB_SELF_MANAGED",
        "name": "core",
        "repositories_mode": draw(modes),
        "external_projects_mode": draw(modes),
        "max_deselect": draw(st.sampled_from([-1, -1, 0, 1, 5, 10])),
    }
    if draw(st.booleans()):
        item["selection_type"] = draw(selections)
    if draw(st.booleans()) and item.get("selection_type") in (None, MANUAL):
        item["repositories"] = draw(repositories)
    if draw(st.booleans()):
        item["external_projects"] = draw(projects)
    if draw(st.booleans()):
        item["unique_properties"] = draw(st.dictionaries(st.sampled_from(["group", "team", "apiToken"]), plain))
    return item


def planned(item: Raw, current: Raw) -> Plan | None:
    """None when it is refused."""
    before = copy.deepcopy((item, current))
    try:
        return plan_update(item, Instance(current, full=True))
    except (InputError, TenantError):
        return None
    finally:
        assert (item, current) == before, "planning changed what it was given"


def after_put(current: Raw, put: Raw, *, clears: bool) -> Raw:
    """The tenant after a PUT: what was sent is replaced, what was left out is kept, or cleared."""
    empty: Raw = {"selectionType": "CURRENT_STATE", "state": [], "externalProjects": [], "uniqueProperties": {}}
    stored = {**current, **(empty if clears else {}), **copy.deepcopy(put)}
    if "repositoriesCount" in current:
        stored["repositoriesCount"] = len(stored.get("state", []))
    return stored


def hides(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(hides, value.values()))
    return any(map(hides, value)) if isinstance(value, list) else value == MASK


@given(wishes(), instances(), st.booleans())
def test_what_was_applied_needs_no_second_change(item: Raw, current: Raw, clears: bool) -> None:
    plan = planned(item, current)
    assume(plan is not None)
    assert plan is not None
    event(plan.action)
    if clears and set(plan.put) != {"selectionType", "state", "externalProjects", "uniqueProperties"}:
        # Something was not known, or could not be sent back; then reading back tells, which has tests of its own.
        return
    stored = after_put(current, plan.put, clears=clears) if plan.changed else current
    again = planned(item, stored)
    assert again is not None
    assert not again.changed
    assert again.put == {}


@given(wishes(), instances())
def test_check_mode_predicts_what_the_tenant_then_shows(item: Raw, current: Raw) -> None:
    plan = planned(item, current)
    assume(plan is not None and plan.changed)
    assert plan is not None
    stored = after_put(current, plan.put, clears=False)
    shown = from_api(stored)
    predicted = dict(plan.after or {})
    if "repositoriesCount" not in current:
        predicted.pop("repositories_count", None)
    # A value that the tenant hides is predicted to stay hidden; this model does not hide.
    for key in [k for k, v in predicted.get("unique_properties", {}).items() if hides(v)]:
        shown["unique_properties"][key] = predicted["unique_properties"][key]
    assert predicted == shown
    assert unexpected(plan.before, plan.after, Instance(stored, full=True)) == []


@given(wishes(), instances())
def test_a_body_carries_only_what_may_be_updated_and_never_a_hidden_value_or_null(item: Raw, current: Raw) -> None:
    plan = planned(item, current)
    assume(plan is not None and plan.changed)
    assert plan is not None
    assert set(plan.put) <= {"selectionType", "state", "externalProjects", "uniqueProperties"}
    assert None not in plan.put.values()
    assert not hides(plan.put)


@given(wishes(), instances())
def test_what_nobody_asked_for_stays(item: Raw, current: Raw) -> None:
    plan = planned(item, current)
    assume(plan is not None and plan.changed)
    assert plan is not None
    for option, api in (("repositories", "state"), ("external_projects", "externalProjects"), ("selection_type", "selectionType")):
        if option not in item and api in current:
            assert plan.put.get(api) == current[api]
    if "uniqueProperties" in plan.put:
        kept = {k: v for k, v in current["uniqueProperties"].items() if k not in item.get("unique_properties", {})}
        assert kept.items() <= plan.put["uniqueProperties"].items() or "name" in plan.put["uniqueProperties"]
        assert set(current["uniqueProperties"]) <= set(plan.put["uniqueProperties"])


@given(wishes(), instances())
def test_each_mode_means_what_it_says(item: Raw, current: Raw) -> None:
    item.update({"selection_type": MANUAL, "repositories": item.get("repositories", ["g/1", "new/one"]), "max_deselect": -1})
    plan = planned(item, current)
    assume(plan is not None)
    assert plan is not None
    was, given_, now = set(current["state"]), set(item["repositories"]), set((plan.after or {})["repositories"])
    assert now == {"merge": was | given_, "exact": given_, "remove": was - given_}[item["repositories_mode"]]
    assert len(plan.put.get("state", [])) == len(set(plan.put.get("state", [])))


@given(wishes(), instances(), st.sampled_from(["exact", "remove"]), st.data())
def test_more_deselections_than_allowed_are_always_refused(item: Raw, current: Raw, mode: str, data: st.DataObject) -> None:
    state = data.draw(st.lists(st.sampled_from([f"g/{n}" for n in range(12)]), unique=True, min_size=1))
    gone = data.draw(st.sets(st.sampled_from(state), min_size=1))
    named = [r for r in state if r not in gone] if mode == "exact" else sorted(gone)
    current.update({"selectionType": MANUAL, "state": state, "repositoriesCount": len(state)})
    item.update({"selection_type": MANUAL, "repositories": named, "repositories_mode": mode, "max_deselect": len(gone) - 1})
    assert planned(item, current) is None
    item.pop("external_projects", None)
    item.pop("unique_properties", None)
    item["max_deselect"] = len(gone)
    assert (planned(item, current) is None) == (len(gone) == len(state)), "the last one needs -1"


@given(wishes(), instances(), st.sampled_from([0, 1, 5, 10]))
def test_no_plan_whatever_deselects_more_than_allowed(item: Raw, current: Raw, most: int) -> None:
    item["max_deselect"] = most
    plan = planned(item, current)
    assume(plan is not None and plan.changed)
    assert plan is not None
    if "state" in plan.put and current.get("selectionType") == MANUAL:
        assert len(set(current["state"]) - set(plan.put["state"])) <= item["max_deselect"]
    gone = {m["externalProjectId"] for m in current.get("externalProjects", [])} - {
        m["externalProjectId"] for m in plan.put.get("externalProjects", current.get("externalProjects", []))
    }
    assert len(gone) <= item["max_deselect"]


@given(wishes(), instances(), st.integers(1, 3000))
def test_a_list_that_is_not_whole_never_becomes_a_write(item: Raw, current: Raw, hidden: int) -> None:
    assume(item["max_deselect"] != -1 or not current["state"])
    current["repositoriesCount"] = len(current["state"]) + hidden
    plan = planned(item, current)
    assert plan is None or not plan.changed


@given(wishes(), st.one_of(st.just({}), st.fixed_dictionaries({"credentials": st.just({"token": "t"})})))
def test_a_creation_sends_what_was_given_and_no_scope(item: Raw, more: Raw) -> None:
    try:
        plan = plan_create({**item, **more})
    except InputError:
        assume(False)
        return
    assert set(plan.post) <= {"type", "uniqueProperties", "credentials"}
    assert plan.post["uniqueProperties"]["name"] == "core"
    assert "credentials" not in (plan.after or {})
    assert set((plan.after or {}).get("repositories", [])) <= set(item.get("repositories", []))
