# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as a file, and its digest: what was looked at is what is applied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bulk import Engine, RunModule, actions, item_of
from contributed import tenants

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import apply
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import redaction
from tenant.server import EmbeddedTenant

CORE: dict[str, Any] = {"type": "GITLAB_SELF_MANAGED", "name": "gitlab-core", "repositories": ["group/new"]}


@pytest.fixture(params=tenants("guide", "awkward"))
def engine(request: pytest.FixtureRequest, run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant(profile=request.param, rate=1000) as tenant:
        tenant.add_instance("GITLAB_SELF_MANAGED", name="gitlab-core", hostname="gitlab.example.com", selection_type="MANUAL_SELECTION",
                            state=[f"group/r{n}" for n in range(2546)])  # fmt: skip
        yield Engine(run_module, tenant)


def test_the_file_shows_what_changes_and_nothing_else(engine: Engine, tmp_path: Path) -> None:
    plan = tmp_path / "plan.md"
    result = engine.apply(CORE, item_of("SNYK", "snyk-eu"), {"type": "GITLAB_SELF_MANAGED", "name": "gitlab-core", "ignore": True,
                          "id": next(iter(engine.tenant.instances))}, check=True, plan_file=str(plan))  # fmt: skip
    assert result["failed"]  # one instance, two items
    result = engine.apply(CORE, item_of("SNYK", "snyk-eu"), check=True, plan_file=str(plan))
    instance_id = next(iter(engine.tenant.instances))
    assert plan.read_text(encoding="utf-8").splitlines() == [
        f"# Plan for {engine.tenant.host}:{engine.tenant.port}",
        "",
        f"Digest: `{result['plan_digest']}`",
        "",
        "2 of 2 data sources change.",
        "",
        f'## update: `GITLAB_SELF_MANAGED "gitlab-core" (id {instance_id})`',
        "",
        "```diff",
        "- repositories: 2546",
        "+ repositories: 2547",
        "+ repositories + group/new",
        "```",
        "",
        '## create: `SNYK "snyk-eu"`',
        "",
        "```diff",
        "+ type: SNYK",
        "+ name: snyk-eu",
        "+ domain.hostname: snyk-eu.example.com",
        "+ domain.protocol: https",
        "+ unique_properties.name: snyk-eu",
        "+ unique_properties.organizationId: value-of-organization_id",
        '+ unique_properties.scanTypes: ["value-of-scan_types"]',
        "+ credentials.token: (set, not shown)",
        "```",
    ]


def test_the_digest_of_the_check_is_the_digest_of_the_run(engine: Engine) -> None:
    digest = engine.apply(CORE, check=True)["plan_digest"]
    assert engine.apply(CORE, check=True)["plan_digest"] == digest
    result = engine.apply(CORE, plan_digest=digest)
    assert actions(result) == ["updated"]
    assert result["plan_digest"] == digest


@pytest.mark.parametrize("prune", [{}, {"prune": True, "prune_types": ["JENKINS_SERVER"]}])
def test_an_approved_plan_is_applied_whatever_else_is_unchanged(engine: Engine, prune: dict[str, Any]) -> None:
    engine.tenant.add_instance("JENKINS_SERVER", name="blue")
    engine.tenant.add_instance("JENKINS_SERVER", name="green")
    items = [CORE, {"type": "JENKINS_SERVER", "name": "blue"}]
    digest = engine.apply(*items, check=True, **prune)["plan_digest"]
    assert actions(engine.apply(*items, plan_digest=f" {digest}\n", **prune))[:2] == ["updated", "unchanged"]
    assert len(engine.tenant.instances) == (2 if prune else 3)


def changed_by_another(engine: Engine) -> None:
    engine.tenant.state.find(next(iter(engine.tenant.instances))).shape["state"].append("group/by-another")


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("change", ["tenant", "item", "prune"])
def test_another_plan_is_refused(engine: Engine, change: str, check: bool) -> None:
    engine.tenant.add_instance("JENKINS_SERVER", name="blue")
    engine.tenant.add_instance("JENKINS_SERVER", name="green")
    blue = {"type": "JENKINS_SERVER", "name": "blue"}
    digest = engine.apply(CORE, blue, check=True)["plan_digest"]
    item, prune = CORE, {}
    if change == "tenant":
        changed_by_another(engine)
    elif change == "item":
        item = {**CORE, "repositories": ["group/other"]}
    else:
        prune = {"prune": True, "prune_types": ["JENKINS_SERVER"]}
    result = engine.apply(item, blue, check=check, plan_digest=digest, **prune)
    print(f"\nanother plan ({change}): {result['msg']}")
    assert f"plan_digest ({digest}) is not the digest of this plan" in result["msg"]
    assert not result.get("changed")
    assert engine.writes() == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_digest_is_that_of_no_plan(engine: Engine, blank: str, check: bool) -> None:
    result = engine.apply(CORE, check=check, plan_digest=blank)
    assert result["failed"]
    assert "plan_digest is blank; the digest of this plan is " in result["msg"]
    assert engine.writes() == []


def test_where_a_digest_is_required_nothing_is_changed_without_one(engine: Engine) -> None:
    engine.tenant.clear_journal()
    result = engine.apply(CORE, plan_required=True)
    assert result["failed"]
    assert result["msg"].startswith("plan_required is set and plan_digest is not given: nothing was sent.")
    assert engine.tenant.journal == []
    # The check is where the digest comes from.
    digest = engine.apply(CORE, plan_required=True, check=True)["plan_digest"]
    assert engine.apply(CORE, plan_required=True, plan_digest="b" * 32)["failed"]
    assert engine.writes() == []
    assert actions(engine.apply(CORE, plan_required=True, plan_digest=digest)) == ["updated"]


def test_an_approved_plan_is_not_applied_to_what_changed_while_it_was_made(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody approved what the update would be now; without an approval it is made to fit."""
    digest, write = engine.apply(CORE, check=True)["plan_digest"], apply.Writer._update

    def late(self: Any, outcome: Any) -> None:
        changed_by_another(engine)
        write(self, outcome)

    monkeypatch.setattr(apply.Writer, "_update", late)
    result = engine.apply(CORE, plan_digest=digest)
    assert "was changed by somebody else while this run was planning. Run again." in result["msg"]
    assert engine.writes() == []
    assert actions(engine.apply(CORE)) == ["updated"]


def test_the_digest_of_an_earlier_version_applies_nothing(engine: Engine) -> None:
    result = engine.apply(CORE, plan_digest="a123456789abcdef")
    assert "plan_digest a123456789abcdef is from an earlier version of this collection" in result["msg"]
    assert engine.writes() == []


def test_the_new_plan_is_written_when_the_digest_is_another(engine: Engine, tmp_path: Path) -> None:
    """The message says to look at the new plan, so it has to be there."""
    result = engine.apply(CORE, check=True, plan_digest="0123456789abcdef", plan_file=str(tmp_path / "plan.md"))
    assert result["failed"]
    assert "repositories + group/new" in (tmp_path / "plan.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("check", [True, False])
def test_a_plan_file_that_cannot_be_written_is_told_before_anything_is_changed(engine: Engine, tmp_path: Path, check: bool) -> None:
    result = engine.apply(CORE, check=check, plan_file=str(tmp_path / "missing" / "plan.md"))
    print(f"\nplan file: {result['msg']}")
    assert f"plan_file {tmp_path}/missing/plan.md cannot be written (No such file or directory)." in result["msg"]
    assert engine.writes() == []


def test_a_plan_that_changes_nothing_says_so(engine: Engine, tmp_path: Path) -> None:
    plan = tmp_path / "plan.md"
    engine.apply({"type": "GITLAB_SELF_MANAGED", "name": "gitlab-core"}, plan_file=str(plan))
    assert "0 of 1 data sources change." in plan.read_text(encoding="utf-8")


def test_the_plan_is_there_though_an_item_failed(engine: Engine, tmp_path: Path) -> None:
    plan = tmp_path / "plan.md"
    result = engine.apply(CORE, {"type": "CORTEX_CLI", "name": "cli", "uncreatable": "fail"}, diff=True, plan_file=str(plan))
    assert result["failed"]
    assert "repositories + group/new" in plan.read_text(encoding="utf-8")
    assert "repositories + group/new" in result["diff"][0]["after"]


def test_no_secret_is_in_it(engine: Engine, tmp_path: Path) -> None:
    plan = tmp_path / "plan.md"
    item = item_of("JFROG", "jfrog", credentials={"username": "robot", "password": "canary-password"},
                   unique_properties={"apiToken": "canary-token", "auth": {"clientSecret": "canary-nested"}})  # fmt: skip
    for _time in range(2):
        result = engine.apply(item, diff=True, plan_file=str(plan))
        assert not result["failed"]
        assert "canary" not in plan.read_text(encoding="utf-8")
        assert "canary" not in str(result)


def test_a_name_cannot_forge_a_line_of_the_plan(engine: Engine, tmp_path: Path) -> None:
    """Whoever may name a data source must not be able to write into the page that a reviewer reads."""
    plan = tmp_path / "plan.md"
    name = "blue\n\n## delete: everything\n```"
    engine.apply({"type": "JENKINS_SERVER", "name": name}, check=True, plan_file=str(plan))
    headings = [line for line in plan.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert len(headings) == 2
    assert sum(line.startswith("```") for line in plan.read_text(encoding="utf-8").splitlines()) == 2


def test_the_plan_passes_the_gate_outward(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "outgoing", lambda text: text.replace("group/new", "seen at the gate"))
    plan = tmp_path / "plan.md"
    engine.apply(CORE, check=True, plan_file=str(plan))
    assert "repositories + seen at the gate" in plan.read_text(encoding="utf-8")
