# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that a tenant shows in an unreadable form is used for planning, replaced or deleted."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from odd_tenant import CORE, DEEP, FULL, HALF, ITEMS, MANUAL, Raw, Tenant, tenant_of
from published_tenant import DEFAULTS

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import (
    create,
    lost,
    results,
    view,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import item_from
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.prune import Prune
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import TenantError


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0,))
    monkeypatch.setattr(create, "LOOK_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(lost, "FIRST_PAUSE", 0.0)


def planned(item: Raw, **shown: Any) -> tuple[Any, list[tuple[str, str, Any]]]:
    """The outcome of an item if reads by id and the list show instance 1 with these members; None: without them."""
    changed = {k: v for k, v in {**FULL, **shown}.items() if v is not None}
    tenant = Tenant({"1": changed}, lambda asked, raw: {**raw, "state": []} if asked == "list" else raw)
    return Run(Api(tenant), check_mode=False).apply([item_from({**DEFAULTS, **item})])[0], tenant.sent  # type: ignore[arg-type]


COUNTS = ["5000", 5000.0, " 5000 ", "5000.0", 5000, "many", -1, [], {}, True, 5.5, float("inf"), 10**400, "5,000", "5e3"]


@pytest.mark.parametrize("count", COUNTS)
def test_a_count_in_any_form_or_an_unreadable_one_guards_a_partial_read(count: Any) -> None:
    outcome, sent = planned({**CORE, "repositories": ["b/new"]}, repositoriesCount=count)
    assert (outcome.action, sent) == ("failed", [])
    assert "5000 repositories are selected but names 2" in outcome.error or "selected repositories cannot be read" in outcome.error
    outcome, sent = planned({**CORE, "repositories": ["b/new"], "max_deselect": -1}, repositoriesCount=count)
    assert (outcome.error, len(sent)) == (None, 1)


@pytest.mark.parametrize("count", ["2", 2.0, " 2 ", "2.0"])
def test_a_list_whose_count_fits_can_be_changed(count: Any) -> None:
    outcome, sent = planned({**CORE, "repositories": ["b/new"]}, repositoriesCount=count)
    assert (outcome.error, sent[0][2]["state"]) == (None, ["a/1", "a/2", "b/new"])


@pytest.mark.parametrize("limit", [10, -1])
@pytest.mark.parametrize("wish", ["merge", "exact", "rules", "settings", "mappings", "widen"])
@pytest.mark.parametrize("state", [[{"id": "r1", "name": "a/1"}], ["a/1", None], [["a/1"]], ["a/1", 5], {"a/1": True}, "a/1", [HALF]])
def test_a_list_with_other_values_than_text_is_never_replaced(state: Any, wish: str, limit: int) -> None:
    for count in (2, None):
        outcome, sent = planned({**ITEMS[wish], "max_deselect": limit}, state=state, repositoriesCount=count)
        assert (outcome.action, sent) == ("failed", [])


@pytest.mark.parametrize("wish", ["merge", "settings", "mappings"])
@pytest.mark.parametrize("mappings", [["p"], [None], *([{"externalId": v}] for v in ([], {}, 5, HALF)), "p", {}])
def test_mappings_that_cannot_be_read_are_never_replaced(mappings: Any, wish: str) -> None:
    outcome, sent = planned({**ITEMS[wish], "external_projects_mode": "exact", "max_deselect": -1}, externalProjects=mappings)
    assert (outcome.action, sent) == ("failed", [])
    assert "externalProjects in a form that cannot be read" in outcome.error


@pytest.mark.parametrize("settings_", [[], "x", 5, {"__ansible_type": "x"}, *({"x": v} for v in (HALF, [float("nan")], DEEP, 10**400))])
def test_settings_that_cannot_be_read_are_never_replaced(settings_: Any) -> None:
    assert planned(ITEMS["settings"], uniqueProperties=settings_)[1] == []
    for wish in ("merge", "mappings"):
        outcome, sent = planned(ITEMS[wish], uniqueProperties=settings_)
        assert (outcome.action, sent) == ("failed", [])
        assert "uniqueProperties in a form that cannot be read" in outcome.error


@pytest.mark.parametrize("held", ["current_state_and_future", "ALL", "CURRENT_STATE_AND_FUTURE ", None, " current_state\n", 5, []])
def test_an_unknown_selection_is_narrowed_only_if_allowed(held: Any) -> None:
    words_for_it = ({"selection_type": word} for word in ("manual_selection", "SOME_NEW_WORD"))
    for wanted in (MANUAL, {**MANUAL, "repositories": ["a/1"]}, *words_for_it):
        outcome, sent = planned({**CORE, **wanted}, selectionType=held)
        assert (outcome.action, sent) == ("failed", [])
        assert "cover fewer repositories" in outcome.error
        if wanted == MANUAL and not isinstance(held, (int, list)):
            assert planned({**CORE, **wanted, "max_deselect": -1}, selectionType=held)[0].error is None


@pytest.mark.parametrize("held", ["manual_selection", " MANUAL_SELECTION ", "Manual_Selection"])
def test_another_spelling_of_the_same_selection_is_no_change(held: str) -> None:
    assert planned({**CORE, **MANUAL}, selectionType=held)[1] == []


@pytest.mark.parametrize("wish", ["absent", "absent by id", "prune"])
@pytest.mark.parametrize(
    "read", [{"type": "BITBUCKET"}, {"uniqueIdentifier": "other"}, {"domain": {"hostname": "other.example.com"}},
             {"name": "x", "displayName": "y", "uniqueProperties": {"name": "z"}}]
)  # fmt: skip
def test_nothing_is_deleted_if_the_list_and_a_read_contradict_each_other(wish: str, read: Raw) -> None:
    tenant = tenant_of("none", ("id",), None)
    tenant.odd = lambda asked, raw: {**raw, **read} if asked == "get" and raw["id"] == "1" else raw
    item = {"type": "GITLAB_SELF_MANAGED", "name": "kept", "id": "77"} if wish == "prune" else ITEMS[wish]
    kept = dict.fromkeys(("name", "displayName", "uniqueIdentifier"), "kept")
    tenant.held["77"] = {**copy.deepcopy(FULL), **kept, "id": "77", "uniqueProperties": {}}
    run = Run(Api(tenant), check_mode=False, prune=Prune(("GITLAB_SELF_MANAGED",)) if wish == "prune" else None)  # type: ignore[arg-type]
    try:
        error = run.apply([item_from({**DEFAULTS, **item})])[0].error
    except TenantError as exc:
        error = str(exc)
    assert "not deleted" in str(error)
    assert tenant.sent == []


# --- a fault of ours ---


def test_a_fault_in_one_response_fails_only_its_item(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = tenant_of("none", ("id",), None)
    whole = Api.update_data_source

    def faulty(api: Api, instance_id: str, body: Raw, subject: str = "") -> None:
        whole(api, instance_id, body, subject)
        if instance_id == "1":
            raise RecursionError("{{ secret }}")

    monkeypatch.setattr(Api, "update_data_source", faulty)
    given_items = [ITEMS["merge"], ITEMS["collector"], {"type": "SNYK", "name": "sound", **MANUAL, "repositories": ["s/new"]}]
    run = Run(Api(tenant), check_mode=False)  # type: ignore[arg-type]
    outcomes = run.apply([item_from({**DEFAULTS, **item}) for item in given_items])
    result = results.results_of(run, outcomes, diff=True)
    assert [o.error is None for o in outcomes] == [False, True, True]
    assert result["released"]["collector_credentials"][0]["token"] == "the-token"
    assert 'GITLAB_SELF_MANAGED "core": an unexpected response from the tenant' in result["msg"]
    assert "RecursionError at test_inward_guards.py:" in result["msg"]
    assert "secret" not in result["msg"]
    assert "\n" not in result["msg"]


def test_a_row_that_cannot_be_reported_does_not_affect_others(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = tenant_of("none", ("id",), None)
    run = Run(Api(tenant), check_mode=False)  # type: ignore[arg-type]
    outcomes = run.apply([item_from({**DEFAULTS, **ITEMS[wish]}) for wish in ("merge", "collector")])
    outcomes[0].data_source = {"repositories": 5}
    result = results.results_of(run, outcomes, diff=True)
    assert [row["action"] for row in result["data_sources"]] == ["failed", "created"]
    assert result["released"]["collector_credentials"][0]["token"] == "the-token"
    assert result["failed"] is True
