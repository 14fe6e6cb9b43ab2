# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode tells what a run will do: each scenario is written once and run both ways.

In check mode the tenant refuses and records every write, and the key may only read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Ask, Result
from contributed import tenants

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import view
from tenant.server import EmbeddedTenant

MANUAL = "MANUAL_SELECTION"
CORE = {"type": "GITLAB_SELF_MANAGED", "name": "core", "domain": {"hostname": "gitlab.example.com", "protocol": "https"}}
# Not before it exists can be known: what only the tenant sets.
TENANTS_OWN = {"id", "status", "status_details", "created_at", "updated_at", "identifier", "scan_types", "tenant_id", "api_url"}
# What a creation sends and a tenant as published never shows.
SENT = {"name", "unique_properties", "external_projects"}
# What the tenant makes of a new instance where nothing was asked for.
NEW = {"selection_type", "repositories", "repositories_count", "external_projects"}


@dataclasses.dataclass(frozen=True)
class Scenario:
    """there: puts into the tenant what is there before. given: the options."""

    there: Callable[[EmbeddedTenant], Any]
    given: dict[str, Any]
    fails: bool = False


def nothing(_tenant: EmbeddedTenant) -> None:
    pass


def core(tenant: EmbeddedTenant, **more: Any) -> str:
    there = {"hostname": "gitlab.example.com", "protocol": "https", "selection_type": MANUAL, "state": ["a/1", "a/2", "a/3"]}
    return tenant.add_instance("GITLAB_SELF_MANAGED", name="core", **{**there, **more})


def two_of_them(tenant: EmbeddedTenant) -> None:
    core(tenant)
    core(tenant, hostname="other.example.com")


SCENARIOS = {
    "create": Scenario(nothing, {**CORE, "credentials": {"client_id": "c", "client_secret": "s"}}),
    "create and scope": Scenario(nothing, {**CORE, "selection_type": MANUAL, "repositories": ["b/1", "b/2"]}),
    "create with settings": Scenario(
        nothing, {"type": "HCP_TFC_RUN_TASKS", "name": "tfc", "unique_properties": {"organization": "o", "stages": [1]}}
    ),
    "create with mappings": Scenario(
        nothing, {"type": "SNYK", "name": "s", "external_projects": [{"external_project_id": "p1", "external_id": "p1", "repo_id": "r1"}]}
    ),
    "create a collector": Scenario(
        nothing,
        {
            "type": "COLLECTOR",
            "name": "b",
            "unique_properties": {"detectionMethod": "SAST", "fileType": "SARIF"},
            "return_credentials": True,
        },
    ),
    "created, missing": Scenario(nothing, {**CORE, "state": "created"}),
    "created, there": Scenario(core, {**CORE, "state": "created", "repositories": ["b/1"]}),
    "nothing to do": Scenario(core, CORE),
    "add": Scenario(core, {**CORE, "repositories": ["b/1"]}),
    "exact": Scenario(core, {**CORE, "repositories": ["a/1", "b/1"], "repositories_mode": "exact"}),
    "remove": Scenario(core, {**CORE, "repositories": ["a/1"], "repositories_mode": "remove"}),
    "widen": Scenario(core, {**CORE, "selection_type": "CURRENT_STATE_AND_FUTURE"}),
    "set": Scenario(lambda t: core(t, unique_properties={"group": "g"}), {**CORE, "unique_properties": {"group": "h", "more": True}}),
    "map": Scenario(
        core,
        {
            **CORE,
            "external_projects": [{"external_project_id": "p1", "external_id": "p1", "repo_id": "r1"}],
            "external_projects_mode": "exact",
            "max_deselect": -1,
        },
    ),
    "delete": Scenario(core, {**CORE, "state": "absent"}),
    "delete what is not there": Scenario(nothing, {**CORE, "state": "absent"}),
    "too many deselections": Scenario(
        lambda t: core(t, state=[f"a/{n}" for n in range(20)]), {**CORE, "repositories": ["a/1"], "repositories_mode": "exact"}, fails=True
    ),
    "narrow": Scenario(lambda t: core(t, selection_type="CURRENT_STATE_AND_FUTURE"), {**CORE, "selection_type": MANUAL}, fails=True),
    "immutable": Scenario(core, {**CORE, "domain": {"hostname": "gitlab.example.com", "protocol": "http"}}, fails=True),
    "ambiguous": Scenario(two_of_them, {"type": "GITLAB_SELF_MANAGED", "name": "core"}, fails=True),
    "no such id": Scenario(nothing, {"id": "4711"}, fails=True),
    "self-registering": Scenario(nothing, {"type": "AWS_CODE_COMMIT", "name": "aws"}),
    "self-registering, not allowed to wait": Scenario(nothing, {"type": "CORTEX_CLI", "name": "c", "uncreatable": "fail"}, fails=True),
    "collector without a place for its token": Scenario(nothing, {"type": "COLLECTOR", "name": "b"}, fails=True),
    "credentials file of another": Scenario(nothing, {"type": "COLLECTOR", "name": "b", "credentials_file": "{other}"}, fails=True),
}


@pytest.fixture(params=tenants("guide", "awkward"))
def tenant(request: pytest.FixtureRequest) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile=request.param, rate=1000) as started:
        yield started


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0, 0.05, 0.1, 0.1))


@pytest.fixture
def both(tenant: EmbeddedTenant, run_module: Any, tmp_path: Path) -> Callable[..., tuple[Result, Result]]:
    """Runs a scenario in check mode, with every write refused and a key that may only read, and then for real."""
    other = tmp_path / "other.json"
    other.write_text('{"id": "col_other", "token_id": "t", "token": "x"}')

    def run(scenario: Scenario, module: str) -> tuple[Result, Result]:
        scenario.there(tenant)
        given = {k: str(other) if v == "{other}" else v for k, v in scenario.given.items()}
        ask = Ask(run_module, tenant, module, **(given if module == "data_source" else {"data_sources": [given]}))
        tenant.set(read_only=True)
        checked = ask(key="viewer", check=True, diff=True)
        assert tenant.write_attempts == []
        assert tenant.writes == []
        tenant.set(read_only=False)
        return checked, ask(diff=True)

    return run


@pytest.mark.parametrize("name", SCENARIOS)
def test_check_mode_predicts_the_run(both: Any, name: str) -> None:
    scenario = SCENARIOS[name]
    checked, real = both(scenario, "data_source")
    assert (checked["failed"], real["failed"]) == (scenario.fails, scenario.fails), (checked, real)
    for said in ("changed", "actions", "credentials_applied", "diff", "warnings"):
        assert checked.get(said) == real.get(said), said
    if scenario.fails:
        assert checked["msg"] == real["msg"]
        return
    # Whether the tenant creates the type is known only when it was tried.
    expected = [{**p, "id": None} for p in checked["pending_actions"] if not p["step"].startswith("may have to be connected")]
    assert expected == [{**p, "id": None} for p in real["pending_actions"]]
    if not real["data_source"]:
        assert checked["data_source"] == real["data_source"]
        return
    predicted, shown = checked["data_source"], real["data_source"]
    if "create" in real["actions"]:
        assert predicted["id"] is None
        for option in NEW - predicted.keys():
            assert option not in scenario.given
            shown.pop(option, None)
        if "identifier" in shown:
            predicted = {option: value for option, value in predicted.items() if option not in SENT}
            shown = {option: value for option, value in shown.items() if option not in SENT}
    else:
        assert predicted["id"] == shown["id"]
        if "identifier" in shown:
            predicted.pop("external_projects", None)
    assert {k: v for k, v in predicted.items() if k not in TENANTS_OWN} == {k: v for k, v in shown.items() if k not in TENANTS_OWN}


@pytest.mark.parametrize("name", SCENARIOS)
def test_check_mode_predicts_the_run_in_bulk(both: Any, name: str) -> None:
    scenario = SCENARIOS[name]
    checked, real = both(scenario, "data_sources")
    assert (checked["failed"], real["failed"]) == (scenario.fails, scenario.fails), (checked, real)
    for said in ("changed", "summary", "diff", "msg", "warnings"):
        assert checked.get(said) == real.get(said), said


@pytest.mark.parametrize("name", [n for n in SCENARIOS if not SCENARIOS[n].fails])
def test_a_second_run_changes_nothing(both: Any, tenant: EmbeddedTenant, run_module: Any, name: str) -> None:
    _checked, _real = both(dataclasses.replace(SCENARIOS[name]), "data_source")
    tenant.clear_journal()
    again = Ask(run_module, tenant, "data_source", **SCENARIOS[name].given)(diff=True)
    assert not again["failed"], again["msg"]
    assert (again["changed"], again["actions"], tenant.writes) == (False, [], [])
    assert not again.get("diff")
