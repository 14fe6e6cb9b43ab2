# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creations whose outcome is unknown: which instance counts as the new one, and what a collector needs in addition."""

from __future__ import annotations

import collections
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.unscoped import unscoped
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._state import Memory
from starting import IN_CI, clear_settings
from tenant.server import EmbeddedTenant

from .playing import Elsewhere, Here, scaled

Result = dict[str, Any]
ITEM = {
    "type": "GITLAB_SELF_MANAGED",
    "name": "core",
    "domain": {"hostname": "gitlab.example.com", "protocol": "https"},
    "credentials": {"token": "cnry-token"},
    "unique_properties": {"tier": "gold"},
}
COLLECTOR = {"type": "COLLECTOR", "name": "scan", "unique_properties": {"detectionMethod": "SAST", "fileType": "SARIF"}}
AMBIGUOUS = ["lost_answer", "truncated_json", "malformed_json", "bad_gateway"]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    clear_settings(monkeypatch)
    with scaled():
        yield


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(getattr(request, "param", "guide"), rate=1000, duplicate_create="allow") as started:
        yield started


def connection(tenant: EmbeddedTenant, directory: Path) -> Result:
    folders = {"rate_limit_dir": str(directory / "rate"), "state_dir": str(directory / "state")}
    return {**tenant.connection(), **folders, "requests_per_second": 1000, "retry_deadline": 3}


@pytest.fixture
def apply(tenant: EmbeddedTenant, tmp_path: Path) -> Callable[..., tuple[Result, str]]:
    """apply(item) runs data_source with the item. Returns the result and the output."""
    return lambda **item: Here().play("data_source", {**connection(tenant, tmp_path), **item})


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_what_was_made_is_found_and_not_made_again(tenant: EmbeddedTenant, apply: Any, fault: str) -> None:
    tenant.fault(fault, method="POST")
    result, output = apply(**ITEM)
    assert not result["failed"], result["msg"]
    assert result["changed"]
    assert "what it made was found" in output
    assert [entry.method for entry in tenant.writes] == ["POST"]
    assert len(tenant.instances) == 1


def test_it_may_appear_late(tenant: EmbeddedTenant, apply: Any) -> None:
    tenant.fault("late_commit", method="POST", seconds=0.1)
    tenant.fault("lagging_list", after=1, count=2, seconds=0.08)
    result, _output = apply(**ITEM)
    assert not result["failed"], result["msg"]
    assert len(tenant.instances) == 1


@pytest.mark.parametrize("fault", ["closed_before", "unavailable", "html_500"])
def test_when_nothing_appears_it_is_unknown_and_not_sent_again(tenant: EmbeddedTenant, apply: Any, fault: str) -> None:
    tenant.fault(fault, method="POST")
    result, _output = apply(**ITEM)
    assert result["failed"]
    assert not result["changed"]
    assert result["api_error"]["outcome_unknown"]
    assert "It is not known whether it was created: no new data source with these fields appeared" in result["msg"]
    assert 'Look for GITLAB_SELF_MANAGED "core" in the console, then run again' in result["msg"]
    assert tenant.instances == {}
    result, _output = apply(**ITEM)
    assert result["changed"]


@pytest.mark.parametrize(
    ("tenant", "theirs", "message"),
    [
        # As published, settings are not shown.
        ("default", {"unique_properties": {"tier": "silver"}}, "shows another uniqueProperties.tier"),
        ("guide", {"protocol": "http"}, "shows another domain.protocol"),
        ("guide", {"hostname": "other.example.com"}, "no new data source with these fields appeared"),
        ("guide", {"type": "GITHUB_ENTERPRISE"}, "no new data source with these fields appeared"),
    ],
    indirect=["tenant"],
)
def test_one_that_disagrees_in_any_given_field_is_somebody_elses(
    tenant: EmbeddedTenant, apply: Any, monkeypatch: pytest.MonkeyPatch, theirs: Result, message: str
) -> None:
    """Somebody creates it at the same moment as the creation that is lost."""
    create = type(tenant.state).create

    def another(self: Any, _body: Any) -> Any:
        monkeypatch.setattr(type(tenant.state), "create", create)
        given = {"hostname": "gitlab.example.com", "protocol": "https", "unique_properties": {"tier": "gold"}}
        tenant.add_instance(**{"type": "GITLAB_SELF_MANAGED", "name": "core", **given, **theirs})
        raise RuntimeError

    monkeypatch.setattr(type(tenant.state), "create", another)
    result, _output = apply(**ITEM)
    tenant.violations.clear()
    assert result["failed"]
    assert message in result["msg"]
    assert len(tenant.instances) == 1


def test_two_new_ones_cannot_be_told_apart(tenant: EmbeddedTenant, apply: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    create = type(tenant.state).create

    def twice(self: Any, body: Any) -> Any:
        create(self, body)
        return create(self, body)

    monkeypatch.setattr(type(tenant.state), "create", twice)
    tenant.fault("lost_answer", method="POST")
    result, _output = apply(**ITEM)
    assert "It is not known whether it was created: 2 data sources match" in result["msg"]


def test_a_tenant_that_stays_down_while_it_is_looked_for(tenant: EmbeddedTenant, apply: Any) -> None:
    tenant.fault("lost_answer", method="POST")
    tenant.fault("html_500", method="GET", after=1, count=None)
    result, _output = apply(**ITEM)
    assert "It is not known whether it was created: looking for it failed (Cannot list data sources: HTTP 500" in result["msg"]


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_a_lost_collector_is_deleted_and_made_again_since_its_token_is_gone(
    tenant: EmbeddedTenant, apply: Any, tmp_path: Path, fault: str
) -> None:
    other = tenant.add_collector("another")
    file = tmp_path / "scan.json"
    tenant.fault(fault, method="POST", count=2)
    result, output = apply(**COLLECTOR, credentials_file=str(file))
    assert not result["failed"], result["msg"]
    assert [entry.method for entry in tenant.writes] == ["POST", "DELETE", "POST", "DELETE", "POST"]
    kept = json.loads(file.read_text())
    assert tenant.state.tokens[kept["token_id"]].token == kept["token"]
    assert set(tenant.instances) == {other.id, kept["id"]}
    assert output.count("and its token with it") == 2


def test_a_lost_collector_that_cannot_be_deleted_is_named(tenant: EmbeddedTenant, apply: Any, tmp_path: Path) -> None:
    tenant.fault("lost_answer", method="POST")
    tenant.fault("html_500", method="DELETE", count=None)
    result, _output = apply(**COLLECTOR, credentials_file=str(tmp_path / "scan.json"))
    (orphan,) = tenant.instances
    assert (result["failed"], result["changed"]) == (True, True)
    assert f"(state: absent, id: {orphan})" in result["msg"]


def test_many_lost_answers_in_several_processes_double_nothing(tenant: EmbeddedTenant, tmp_path: Path) -> None:
    """Every creation is carried out and its response lost: in CI 100 data sources by four processes, otherwise 20 by two."""
    many, processes = (100, 4) if IN_CI else (20, 2)
    tenant.fault("lost_answer", method="POST", count=None)
    players = [Elsewhere() for _unused in range(processes)]
    try:
        for number, player in enumerate(players):
            items = [
                {**ITEM, "name": f"core-{n}", "domain": {"hostname": f"git-{n}.example.com", "protocol": "https"}}
                for n in range(number, many, processes)
            ]
            player.start("data_sources", {**connection(tenant, tmp_path), "data_sources": items})
        results = [player.finish()[0] for player in players]
    finally:
        for player in players:
            player.close()
    assert [result["failed"] for result in results] == [False] * processes, [result.get("msg") for result in results]
    names = collections.Counter(one["uniqueProperties"]["name"] for one in tenant.instances.values())
    assert len(names) == many
    assert set(names.values()) == {1}
    assert tenant.faults.counted() == {"lost_answer": many}


@pytest.mark.parametrize(("slow", "written"), [("GET", ["POST"]), ("PUT", ["POST", "PUT"])])
def test_what_a_killed_run_created_and_did_not_see_scoped_is_remembered(
    tenant: EmbeddedTenant, tmp_path: Path, slow: str, written: list[str]
) -> None:
    """Killed while it reads what it created, or while it waits for the response to a scope that the tenant has set already."""
    item = {**ITEM, "selection_type": "MANUAL_SELECTION", "repositories": ["team/app"], **connection(tenant, tmp_path)}
    tenant.fault("slow_answer", method=slow, path="/data_source_instances/.", seconds=90)
    remembered = Memory(str(tmp_path / "state"), tenant.url.partition("://")[2])
    player = Elsewhere()
    player.start("data_source", {**item, "request_timeout": 30})
    deadline = time.monotonic() + 60
    try:
        while not (tenant.faults.counted() and [entry.method for entry in tenant.writes] == written and unscoped(remembered)):
            assert time.monotonic() < deadline, "the run never got that far"
            time.sleep(0.01)
    finally:
        player.kill()
    (made,) = tenant.instances
    assert set(unscoped(remembered)) == {made}
    assert bool(tenant.instances[made]["state"]) is (slow == "PUT")
    tenant.no_more_faults()
    result, _output = Here().play("data_source", item)
    assert not result["failed"], result["msg"]
    assert result["changed"] is (slow == "GET")
    assert tenant.instances[made]["state"] == ["team/app"]
    assert unscoped(remembered) == {}
    assert remembered.warnings == []
