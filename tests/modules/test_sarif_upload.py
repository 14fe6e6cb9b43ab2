# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sarif_upload with the embedded tenant: what arrives there, and the result of the task."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule
from ansible_collections.cortex_cloud.appsec.plugins.modules.sarif_upload import ARGUMENT_SPEC
from tenant.server import EmbeddedTenant

RunModule = Callable[..., dict[str, Any]]
REPOSITORY = "https://github.com/example/shop"


def connection(tenant: EmbeddedTenant, key: str = "admin") -> dict[str, Any]:
    known = tenant.keys[key]
    return {"api_url": tenant.url, "api_key_id": known.id, "api_key": known.key, "api_key_type": known.type}


def report(path: Path, count: int = 3, tool: str = "bandit", **result: Any) -> str:
    """Write a report with `count` results, each with an absolute path below /home/ci/shop and without a level. Returns its path."""
    results = [
        {
            "ruleIndex": 0,
            "message": {"text": f"finding {n}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": f"/home/ci/shop/src/{n}.py"}, "region": {"startLine": n + 1}}}],
            **result,
        }
        for n in range(count)
    ]
    driver = {"name": tool, "rules": [{"id": "B101", "defaultConfiguration": {"level": "note"}}, {"id": "B102"}]}
    path.write_text(json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}), encoding="utf-8")
    return str(path)


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The module's warnings. Ansible only adds them to the result if the module runs in its own process, unlike here."""
    said: list[str] = []
    monkeypatch.setattr(CortexModule, "warn", lambda _self, text, **_more: said.append(text))
    return said


@pytest.fixture
def params(tenant: EmbeddedTenant, tmp_path: Path) -> dict[str, Any]:
    """Options with which one report is accepted; the test adds the collector."""
    tenant.add_repository("example/shop")
    common = {"repository_url": "git@github.com:example/shop.git", "branch": "main", "source_root": "/home/ci/shop"}
    return {"path": [report(tmp_path / "bandit.sarif")], **common}


def test_tenant_key_and_name(run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], warned: list[str]) -> None:
    collector = tenant.add_collector("bandit")
    tenant.add_collector("other")
    result = run_module("sarif_upload", {**params, **connection(tenant), "collector_name": "bandit"})
    assert (result["failed"], result["changed"]) == (False, True), result
    (upload,) = tenant.uploads
    assert (upload.collector_id, upload.branch, len(upload.results)) == (collector.id, "main", 3)
    assert [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in upload.results] == [
        "src/0.py",
        "src/1.py",
        "src/2.py",
    ]
    assert {r.severity for r in upload.results} == {"LOW"}
    (row,) = result["uploads"]
    assert row == {**row, "path": params["path"][0], "part": 1, "parts": 1, "results": 3, "bytes": upload.bytes, "status": 201}
    assert result["results_by_level"] == {"error": 0, "warning": 0, "note": 3, "none": 0}
    assert result["normalised"] == {"absolute_paths": 3, "levels": 3, "rule_ids": 3, "schema_added": 1, "unused_rules": 1}
    assert result["dropped"] == {}
    assert warned == []
    assert [(e.method, e.path.rpartition("/")[2]) for e in tenant.journal] == [("GET", "data_source_instances"), ("POST", collector.id)]
    assert tenant.journal[-1].query == {"repository_url": REPOSITORY, "branch": "main"}


@pytest.mark.parametrize("key", ["admin", "admin_standard"])
def test_tenant_key_and_upload_url(run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], key: str) -> None:
    collector = tenant.add_collector("bandit")
    result = run_module("sarif_upload", {**params, **connection(tenant, key), "upload_url": collector.api_url})
    assert result["changed"], result
    assert tenant.journal[-1].auth == tenant.keys[key].id


def test_collector_token_needs_no_tenant_key(
    run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    collector = tenant.add_collector("bandit")
    monkeypatch.setenv("CORTEXCLOUD_COLLECTOR_TOKEN_ID", collector.token_id)
    monkeypatch.setenv("CORTEXCLOUD_COLLECTOR_TOKEN", collector.token)
    result = run_module("sarif_upload", {**params, "upload_url": collector.api_url})
    assert result["changed"], result
    assert tenant.journal[-1].auth == collector.token_id
    assert collector.token not in json.dumps(result)
    (tmp_path / "token").write_text(collector.token, encoding="utf-8")
    monkeypatch.setenv("CORTEXCLOUD_COLLECTOR_TOKEN", "")
    monkeypatch.setenv("CORTEXCLOUD_COLLECTOR_TOKEN_FILE", str(tmp_path / "token"))
    result = run_module("sarif_upload", {**params, "api_url": tenant.url, "collector_id": collector.id})
    assert result["changed"], result


def test_a_secret_in_a_file_is_asked_for_only_when_it_is_needed(
    run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch, warned: list[str]
) -> None:
    collector = tenant.add_collector("bandit")
    token = {"collector_token_id": collector.token_id, "collector_token": collector.token}
    monkeypatch.setenv("CORTEXCLOUD_API_KEY_FILE", "gone/key")
    monkeypatch.setenv("CORTEXCLOUD_COLLECTOR_TOKEN_FILE", "gone/token")
    result = run_module("sarif_upload", {**params, "upload_url": collector.api_url}, check=True)
    assert (result["failed"], result["changed"]) == (False, True), result
    result = run_module("sarif_upload", {**params, "upload_url": collector.api_url, **token})
    assert result["changed"], result
    result = run_module("sarif_upload", {**params, "upload_url": collector.api_url, "collector_token_id": collector.token_id})
    assert result["msg"].startswith(f"CORTEXCLOUD_COLLECTOR_TOKEN_FILE names {os.getcwd()}/gone/token, which cannot be read"), result
    assert len(tenant.uploads) == 1


def test_credentials_file_of_data_source(run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], tmp_path: Path) -> None:
    file = str(tmp_path / "secure" / "bandit.json")
    made = run_module(
        "data_source",
        {
            **connection(tenant),
            "type": "COLLECTOR",
            "name": "bandit",
            "unique_properties": {"detectionMethod": "SAST", "fileType": "SARIF"},
            "credentials_file": file,
        },
    )
    assert made["changed"], made
    result = run_module("sarif_upload", {**params, "credentials_file": file})
    assert result["changed"], result
    assert tenant.uploads[0].collector_id == made["data_source"]["id"]
    assert json.loads(Path(file).read_text(encoding="utf-8"))["token"] not in json.dumps(result)


def test_check_mode_sends_nothing_and_needs_nothing(
    run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], warned: list[str]
) -> None:
    result = run_module("sarif_upload", params, check=True)
    assert (result["failed"], result["changed"]) == (False, True), result
    assert result["uploads"][0]["status"] is None
    assert result["uploads"][0]["bytes"] > 0
    assert ["no collector is given" in w for w in warned] == [True]
    assert run_module("sarif_upload", {**params, **connection(tenant), "collector_name": "bandit"}, check=True)["changed"]
    assert tenant.journal == []
    refused = run_module("sarif_upload", {**params, "source_root": ""}, check=True)
    assert refused["failed"]
    assert "source_root is not set" in refused["msg"]


def test_the_tenant_key_stays_with_its_tenant(run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any]) -> None:
    with EmbeddedTenant() as foreign:
        result = run_module("sarif_upload", {**params, **connection(tenant), "upload_url": foreign.add_collector("bandit").api_url})
        assert result["failed"]
        assert "the tenant key is not sent there" in result["msg"]
        assert foreign.journal == tenant.journal == []


def test_all_files_are_prepared_before_the_first_is_sent(
    run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "z.sarif").write_text("<html>", encoding="utf-8")
    result = run_module("sarif_upload", {**params, **connection(tenant), "path": [f"{tmp_path}/*.sarif"], "collector_name": "bandit"})
    assert result["failed"]
    assert "z.sarif: not JSON but HTML" in result["msg"]
    assert tenant.journal == []


def test_stops_at_the_first_refusal_and_says_what_was_accepted(
    run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], warned: list[str], tmp_path: Path
) -> None:
    collector = tenant.add_collector("bandit")
    paths = [report(tmp_path / f"{name}.sarif", count) for name, count in (("a", 1), ("b", 2), ("c", 3))]
    accept, seen = tenant.state.accept, []

    def disabled_after_the_first(*args: Any, **kwargs: Any) -> None:
        accept(*args, **kwargs)
        seen.append(args)
        tenant.disable(collector.id)

    tenant.state.accept = disabled_after_the_first  # type: ignore[method-assign]
    result = run_module("sarif_upload", {**params, **connection(tenant), "path": paths, "collector_id": collector.id})
    assert (result["failed"], result["changed"], len(seen)) == (True, True, 1), result
    assert [row["status"] for row in result["uploads"]] == [201, 503, None]
    assert f"Accepted before it: {paths[0]}. 1 more were not sent." in result["msg"]
    assert "disabled" in result["msg"]
    assert result["api_error"]["status"] == 503
    assert any("adds to an earlier one or replaces it" in warning for warning in warned)


def test_refusals_are_explained(run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any]) -> None:
    one, two = tenant.add_collector("bandit"), tenant.add_collector("other")
    cases = [
        ({**connection(tenant), "collector_name": "gone"}, "there is no collector named gone"),
        ({"api_url": tenant.url, "collector_id": one.id}, "api_key_id (or CORTEXCLOUD_API_KEY_ID)"),
        (
            {**connection(tenant), "collector_id": one.id, "repository_url": "https://github.com/example/unknown"},
            "Is the repository https://github.com/example/unknown onboarded",
        ),
        (
            {"upload_url": one.api_url, "collector_token_id": two.token_id, "collector_token": two.token},
            "A token works for its own collector only",
        ),
        ({**connection(tenant), "collector_id": one.id, "collector_token": "canary-token"}, "collector_token_id is missing"),
        ({**connection(tenant), "collector_id": one.id, "path": ["/gone/*.sarif"]}, "no file matches /gone/*.sarif"),
        ({**connection(tenant), "collector_id": one.id, "repository_url": ""}, "repository_id or repository_url must be given"),
        ({**connection(tenant, "viewer"), "collector_id": one.id}, "HTTP 403"),
    ]
    for options, words in cases:
        result = run_module("sarif_upload", {**params, **options})
        assert result["failed"], options
        assert words in result["msg"]
        assert "\n" not in result["msg"]
        for secret in (tenant.keys["admin"].key, one.token, two.token, "canary-token"):
            assert secret not in json.dumps(result)
    assert tenant.uploads == []


def test_two_collectors_of_one_name(run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any]) -> None:
    ids = {tenant.add_collector("bandit").id, tenant.add_collector("bandit").id}
    result = run_module("sarif_upload", {**params, **connection(tenant), "collector_name": "bandit"})
    assert result["failed"]
    assert "2 collectors are named bandit" in result["msg"]
    assert all(collector in result["msg"] for collector in ids)


def test_awkward_tenant(run_module: RunModule, awkward: EmbeddedTenant, params: dict[str, Any]) -> None:
    awkward.add_repository("example/shop")
    awkward.add_collector("bandit")
    result = run_module("sarif_upload", {**params, **connection(awkward), "collector_name": "bandit"})
    assert result["changed"], result
    assert len(awkward.accepted_results) == 3


def test_warnings_of_one_upload(
    run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], warned: list[str], tmp_path: Path
) -> None:
    tenant.add_collector("bandit")
    path = report(tmp_path / "b.sarif", tool="eslint", ruleId="R9")
    options = {**params, **connection(tenant), "path": [path], "collector_name": "bandit", "branch": None}
    result = run_module("sarif_upload", options)
    assert result["changed"], result
    for words in ("branch is not given", "by eslint, the collector's name is bandit", "does not define were added"):
        assert any(words in warning for warning in warned), words
    assert len(warned) == 3


def test_an_empty_report_is_not_sent(
    run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], warned: list[str], tmp_path: Path
) -> None:
    tenant.add_collector("bandit")
    options = {**params, **connection(tenant), "path": [report(tmp_path / "e.sarif", 0)], "collector_name": "bandit"}
    result = run_module("sarif_upload", options)
    assert (result["failed"], result["changed"], result["uploads"], tenant.journal) == (False, False, [], [])
    assert "may close every finding" in warned[0]
    assert run_module("sarif_upload", {**options, "allow_empty": True})["changed"]
    assert len(tenant.uploads) == 1


def test_secrets_of_a_repository_url_stay_here(run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any]) -> None:
    collector = tenant.add_collector("bandit")
    url = "https://gitlab-ci-token:canary-job-token@github.com/example/shop.git"
    result = run_module("sarif_upload", {**params, **connection(tenant), "collector_id": collector.id, "repository_url": url})
    assert result["changed"], result
    assert "canary-job-token" not in json.dumps(result)
    assert "canary-job-token" not in repr(tenant.journal)


def test_an_answer_that_is_lost_is_said_to_be_unknown(run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any]) -> None:
    collector = tenant.add_collector("bandit")
    accept = tenant.state.accept

    def then_fail(*args: Any, **kwargs: Any) -> None:
        accept(*args, **kwargs)
        raise RuntimeError("the connection is cut here")

    tenant.state.accept = then_fail  # type: ignore[method-assign]
    result = run_module("sarif_upload", {**params, **connection(tenant), "collector_id": collector.id})
    tenant.violations.clear()
    assert (result["failed"], result["api_error"]["outcome_unknown"]) == (True, True), result
    assert "Whether the tenant accepted this document is unknown" in result["msg"]
    assert "run again" not in result["msg"]
    assert len(tenant.uploads) == 1, "sent once"


def test_needs_no_writable_folder(run_module: RunModule, tenant: EmbeddedTenant, params: dict[str, Any], tmp_path: Path) -> None:
    before = sorted(os.listdir(tmp_path))
    collector = tenant.add_collector("bandit")
    assert run_module("sarif_upload", {**params, **connection(tenant), "collector_id": collector.id})["changed"]
    assert sorted(set(os.listdir(tmp_path)) - {"rate"}) == sorted(set(before) - {"rate"})


def test_the_token_is_kept_out_of_the_system_log() -> None:
    assert [name for name, option in ARGUMENT_SPEC.items() if option.get("no_log")] == ["collector_token"]
