# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is connected: filters that hold whatever the tenant shows, numbers, and never a secret."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Ask, older
from contributed import tenants

from ansible_collections.cortex_cloud.appsec.plugins.module_utils import _module
from tenant.server import EmbeddedTenant


@pytest.fixture(params=tenants("published", "awkward"))
def tenant(request: pytest.FixtureRequest) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile=request.param, rate=1000) as started:
        manual = {"selection_type": "MANUAL_SELECTION"}
        started.add_instance(
            "GITLAB_SELF_MANAGED", name="gitlab-core", hostname="gitlab.example.com", state=["a/1", "a/2"], id="g1", **manual
        )
        started.add_instance("GITLAB_SELF_MANAGED", name="gitlab-edge", hostname="edge.example.com", state=["b/1"], id="g2", **manual)
        started.add_instance(
            "SNYK", name="snyk-eu", hostname="api.eu.snyk.io", unique_properties={"apiToken": "u-secret"}, status="ERROR", id="s1"
        )
        # A word that nobody knows where the published words are not all there is.
        status = "WAITING" if started.switches["status_words"] == "older" else "TEMPORARY"
        started.add_instance("JENKINS_SERVER", name="jenkins", status=status, id="j1")
        started.add_instance("COLLECTOR", name="bandit", id="col_1")
        yield started


@pytest.fixture
def info(tenant: EmbeddedTenant, run_module: Any) -> Ask:
    return Ask(run_module, tenant, "data_source_info")


def ids(result: dict[str, Any]) -> set[str]:
    return {found["id"] for found in result["data_sources"]}


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"type": ["SNYK"]}, {"s1"}),
        ({"type": ["snyk", "Jenkins_Server"]}, {"s1", "j1"}),
        ({"type_category": "EXTERNAL_VENDOR_INTEGRATIONS"}, {"s1"}),
        ({"type_category": "DEFAULT"}, {"g1", "g2", "j1", "col_1"}),
        ({"category": "vcs"}, {"g1", "g2"}),
        ({"stage": "build"}, {"j1"}),
        ({"stage": "cross_stage"}, {"s1", "col_1"}),
        ({"name": "gitlab-core"}, {"g1"}),
        ({"name": "GITLAB-CORE"}, set()),
        ({"hostname": "https://EDGE.example.com/"}, {"g2"}),
        ({"status": ["error", "waiting", "temporary"]}, {"s1", "j1"}),
        ({"type": ["GITLAB_SELF_MANAGED"], "name": "snyk-eu"}, set()),
        ({"id": "g2"}, {"g2"}),
        ({"id": "g2", "type": ["SNYK"]}, set()),
        ({"type": []}, set()),
    ],
)
def test_a_filter_holds_whatever_the_list_hides(info: Ask, filters: dict[str, Any], found: set[str]) -> None:
    result = info.ok(**filters)
    assert ids(result) == found
    assert result["summary"]["total"] == len(found)


def test_the_repositories_are_there_with_details_alone(info: Ask, tenant: EmbeddedTenant) -> None:
    without = {found["id"]: found for found in info.ok()["data_sources"]}
    assert "repositories" not in without["g1"], "the list hides them; an empty list would be a lie"
    assert without["g1"]["complete"] is False
    assert without["g1"]["repositories_count"] == 2
    complete = {found["id"]: found for found in info.ok(details=True)["data_sources"]}
    assert complete["g1"]["repositories"] == ["a/1", "a/2"]
    assert all(found["complete"] for found in complete.values())


def test_one_call_lists_a_whole_tenant_that_shows_enough(run_module: Any) -> None:
    with EmbeddedTenant(rate=1000) as tenant:
        for n in range(50):
            tenant.add_instance("JENKINS_SERVER", name=f"jenkins-{n}")
        assert len(Ask(run_module, tenant, "data_source_info").ok(type=["JENKINS_SERVER"])["data_sources"]) == 50
        assert len(tenant.journal) == 1


def test_the_numbers_add_up_and_an_unknown_status_is_never_healthy(info: Ask) -> None:
    summary = info.ok(details=True)["summary"]
    assert summary["total"] == 5
    assert summary["by_type"] == {"COLLECTOR": 1, "GITLAB_SELF_MANAGED": 2, "JENKINS_SERVER": 1, "SNYK": 1}
    assert summary["by_type_category"] == {"DEFAULT": 4, "EXTERNAL_VENDOR_INTEGRATIONS": 1}
    assert summary["by_stage"] == {"build": 1, "code": 2, "cross_stage": 2}
    assert summary["by_health"] in ({"healthy": 3, "unhealthy": 1, "unknown": 1}, {"healthy": 3, "unhealthy": 1, "pending": 1})
    for name, counts in summary.items():
        assert name == "total" or sum(counts.values()) == 5


def test_a_type_is_known_in_any_case(run_module: Any) -> None:
    with EmbeddedTenant(rate=1000) as tenant:
        tenant.add_instance("Gitlab", name="one", selection_type="CURRENT_STATE", id="g1")
        tenant.add_instance("GITLAB", name="two", selection_type="CURRENT_STATE", id="g2")
        tenant.add_instance("Snyk", name="snyk", hostname="api.snyk.io", id="s1")
        ask = Ask(run_module, tenant, "data_source_info", details=True)
        assert ids(ask.ok(category="vcs")) == ids(ask.ok(stage="code")) == {"g1", "g2"}
        assert ids(ask.ok(type_category="EXTERNAL_VENDOR_INTEGRATIONS")) == {"s1"}
        shown = ask.ok(as_config=True)
        assert shown["summary"]["by_type"] == {"GITLAB": 2, "SNYK": 1}
        assert shown["summary"]["by_stage"] == {"code": 2, "cross_stage": 1}
        assert {found["type"] for found in shown["data_sources"]} == {"Gitlab", "GITLAB", "Snyk"}, "what the tenant shows stays as it is"
        # An export is read back, with the placeholders of what such a type takes.
        assert [config["type"] for config in shown["config"]] == ["GITLAB", "GITLAB", "SNYK"]
        assert all("id" not in config for config in shown["config"])
        assert "token" in shown["config"][2]["credentials"]
        again = Ask(run_module, tenant, "data_sources").ok(data_sources=shown["config"])
        assert (again["changed"], again["summary"], tenant.write_attempts) == (False, {"unchanged": 3}, [])


def test_an_id_that_does_not_exist_is_an_error(info: Ask) -> None:
    assert "there is no data source with id 4711" in info.refused(id="4711")


def test_an_empty_tenant_is_an_empty_list(run_module: Any) -> None:
    with EmbeddedTenant(rate=1000) as tenant:
        result = Ask(run_module, tenant, "data_source_info").ok()
    assert (result["data_sources"], result["summary"]["total"]) == ([], 0)


@older("tenant")
def test_secrets_in_settings_are_hidden(info: Ask) -> None:
    result = info.ok(details=True)
    assert "u-secret" not in str(result)
    (snyk,) = [found for found in result["data_sources"] if found["id"] == "s1"]
    assert snyk["unique_properties"]["apiToken"] == "********"


@pytest.mark.parametrize("envelope", ["data", "bare", "reply", "reply_data"])
def test_every_envelope_is_opened(info: Ask, tenant: EmbeddedTenant, envelope: str) -> None:
    tenant.set(list_envelope=envelope, item_envelope="root" if envelope == "bare" else envelope)
    assert len(info.ok(details=True)["data_sources"]) == 5


def test_it_only_reads(info: Ask, tenant: EmbeddedTenant) -> None:
    tenant.set(read_only=True)
    checked, real = info.ok(key="viewer", check=True, details=True), info.ok(key="viewer", details=True)
    assert checked["data_sources"] == real["data_sources"]
    assert checked["changed"] is real["changed"] is False
    assert tenant.write_attempts == []


def test_details_are_read_many_at_once_and_in_order(run_module: Any) -> None:
    """At 0.3 s there and back 60 of them take a second or two, not twenty."""
    with EmbeddedTenant("guide", rate=1000) as tenant:
        for number in range(60):
            tenant.add_instance("JENKINS_SERVER", name=f"jenkins-{number:02}", id=f"j{number:02}")
        tenant.fault("latency", seconds=0.3, count=None)
        began = time.monotonic()
        result = Ask(run_module, tenant, "data_source_info").ok(details=True, requests_per_second=500.0)
        assert time.monotonic() - began < 9
        assert [one["id"] for one in result["data_sources"]] == [f"j{number:02}" for number in range(60)]
        assert all(one["complete"] for one in result["data_sources"])
        assert len(tenant.journal) == 61


def test_a_detail_that_cannot_be_read_fails_the_task(run_module: Any) -> None:
    with EmbeddedTenant("guide", rate=1000) as tenant:
        for number in range(60):
            tenant.add_instance("JENKINS_SERVER", name=f"jenkins-{number:02}", id=f"j{number:02}")
        tenant.fault("redirect", path="j07$", count=None)
        result = Ask(run_module, tenant, "data_source_info")(details=True, requests_per_second=500.0)
        assert result["failed"]
        assert result["api_error"]["path"].endswith("/j07")
        assert len(tenant.journal) < 61
        assert "data_sources" not in result


def test_what_is_read_is_told(run_module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, info: Ask) -> None:
    monkeypatch.setenv("CORTEXCLOUD_PROGRESS_FILE", str(tmp_path / "progress"))
    monkeypatch.setattr(_module, "PROGRESS_SECONDS", -1.0)
    (tmp_path / "progress").touch()
    info.ok(details=True)
    told = json.loads((tmp_path / "progress").read_text(encoding="utf-8"))
    assert (told["read"], told["total"]) == (5, 5)


def test_what_no_controller_can_read_comes_as_not_shown(run_module: Any) -> None:
    """From ansible-core 2.19 on a result with a key of Ansible's own cannot be read, nor any with half a character in it."""
    with EmbeddedTenant(profile="awkward", rate=1000) as tenant:
        tenant.add_instance("SNYK", name="odd", id="o1", unique_properties={"name": "odd", "x": {"__ansible_type": "y"}})
        tenant.add_instance("SNYK", name="cut \ud83d", id="o2")
        result = Ask(run_module, tenant, "data_source_info")(details=True, as_config=True)
    assert "__ansible_type" not in str(result)
    assert [found.get("name") for found in result["data_sources"]] == ["cut \ufffd", "odd"]
    assert str(result).encode()
    assert any("in a form that cannot be read" in warning for warning in result["warnings"])
