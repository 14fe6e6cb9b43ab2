# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides' commands, in their order, as they stand: a file that a guide shows is written, a command that it names is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playing import Ended, play

from starting import in_ci_only
from tenant.server import EmbeddedTenant

DOCS = Path(__file__).resolve().parents[2] / "docs"


def follow(guide: str, project: Path, tenant: EmbeddedTenant) -> list[tuple[str, Ended]]:
    """Each ansible-playbook command of the guide with how it ended."""
    ended = []
    text = (DOCS / f"{guide}.md").read_text(encoding="utf-8")
    typed: set[str] = set()  # the variables that the reader has been told to set so far
    for name, kind, block in re.findall(r"(?:`([\w./-]+)`:\n\n)?```(\w+)\n(.*?)```", text, re.DOTALL):
        if name:
            (project / name).write_text(block, encoding="utf-8")
        typed |= {variable for variable in re.findall(r"^read -rs (\w+)", block, re.MULTILINE) if not variable.startswith("CORTEXCLOUD_")}
        for command in re.findall(r"^ansible-playbook cortex_cloud\.appsec\.(.*)$", block, re.MULTILINE) if kind == "console" else []:
            book, *options = command.split("#")[0].split()
            ended.append((command, play(project, book, *options, tenant=tenant, more=dict.fromkeys(typed, "canary-typed"))))
            assert ended[-1][1].code == 0, f"{command}\n{ended[-1][1].output}"
            assert "canary" not in ended[-1][1].output
    return ended


@pytest.mark.parametrize(
    ("profile", "there"),
    [
        ("published", ["COLLECTOR", "GITHUB_ENTERPRISE"]),
        pytest.param(
            "default", ["BITBUCKET_DATACENTER", "COLLECTOR", "GITHUB_ENTERPRISE", "JENKINS_SERVER"],
            marks=in_ci_only("a tenant as published is led through the same page"),
        ),
    ],
)
def test_the_first_tenant(tmp_path: Path, profile: str, there: list[str]) -> None:
    """there: the types at the end. As published, a collector alone is created, and somebody has connected GitHub Enterprise."""
    with EmbeddedTenant(profile, rate=1000) as tenant:
        if profile == "published":
            tenant.add_instance("GITHUB_ENTERPRISE", identifier="storefront", hostname="github.example.com")
        runs = follow("first-tenant", tmp_path, tenant)
        assert [command.split()[0] for command, _ended in runs] == ["doctor", "onboard", "onboard", "onboard"]
        assert [ended.counts()["changed"] for _command, ended in runs] == [0, 1, 1, 0]
        assert sorted(each["type"] for each in tenant.instances.values()) == there
        (github,) = [each for each in tenant.instances.values() if each["type"] == "GITHUB_ENTERPRISE"]
        assert github["state"] == ["storefront/checkout", "storefront/search"]
        assert (tmp_path / ".config/cortex/bandit.json").stat().st_mode & 0o777 == 0o600


def test_a_tenant_that_was_filled_by_hand(tmp_path: Path) -> None:
    with EmbeddedTenant(profile="awkward", rate=1000) as tenant:
        tenant.add_instance("GITLAB", name="gitlab-core", selection_type="MANUAL_SELECTION", state=[f"group/{n}" for n in range(300)])
        tenant.add_instance("SNYK", name="snyk-eu", unique_properties={"organizationId": "payments"})
        runs = follow("brownfield", tmp_path, tenant)
        assert [command.split()[0] for command, _ended in runs] == ["doctor", "export", "onboard", "onboard"]
        assert [ended.counts()["changed"] for command, ended in runs if command.startswith("onboard")] == [0, 0]
        assert tenant.writes == []


def test_files_are_meant_from_the_folder_where_the_command_was_given(tmp_path: Path) -> None:
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants" / "t.yml").write_text(
        "tenant_data_sources:\n"
        "  - {type: COLLECTOR, name: b, unique_properties: {detectionMethod: SAST, fileType: SARIF}, credentials_file: kept/b.json}\n"
        "  - {type: GITLAB, name: g, repositories: [a/1], repositories_mode: remove}\n"
    )
    with EmbeddedTenant("guide", rate=1000) as tenant:
        tenant.add_instance("GITLAB", name="g", selection_type="MANUAL_SELECTION", state=["a/1", "a/2"])
        files = ["-e", "onboard_file=tenants/t.yml", "-e", "tenant_plan_file=plan.md", "-e", "tenant_backup_dir=backup"]
        play(tmp_path, "onboard", *files, tenant=tenant).fine()
    assert (tmp_path / "kept" / "b.json").exists()
    assert (tmp_path / "plan.md").exists()
    assert len(list((tmp_path / "backup").iterdir())) == 1
