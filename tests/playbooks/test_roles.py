# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles vcs, ci and scanners as a playbook uses them: one call for all entries, and faults that name the entry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playing import Ended, play

from tenant.server import EmbeddedTenant

ENTRIES: dict[str, dict[str, Any]] = {
    "vcs": {
        "vcs_github": [{"name": "gh", "scope": "all_and_future"}],
        "vcs_bitbucket_datacenter": [
            {
                "name": "bb",
                "hostname": "bb.example.com",
                "token": "canary-bb",
                "scope": ["PAY/a"],
                "transporter": {"broker_device_id": "b1", "connection_name": "egress"},
            },
            {"name": "left-to-others", "ignore": True},
        ],
        "vcs_azure_repos": [
            {"name": "ado", "token": "canary-ado", "scope": "all", "backup_dir": "backups", "wait": True, "wait_timeout": 5}
        ],
    },
    "ci": {
        "ci_jenkins_server": [{"name": "blue"}, {"name": "green", "state": "created"}],
        "ci_hcp_terraform": [{"name": "tfc", "token": "canary-tfc", "organization": "o", "run_stage": "pre-plan", "scope": ["ws-1"]}],
        # Another tool's variables may begin like this role's.
        "ci_pipeline_id": 4711,
    },
    "scanners": {
        "scanners_snyk": [
            {
                "name": "snyk",
                "hostname": "api.eu.snyk.io",
                "token": "canary-snyk",
                "organization_id": "o",
                "scan_types": ["SAST", "SCA"],
                "external_projects": [{"external_project_id": "p", "external_id": "p", "repo_id": "r"}],
                "unique_properties": {"team": "blue"},
            }
        ],
        "scanners_jfrog": [{"name": "jfrog", "hostname": "jfrog.example.com", "username": "robot", "password": "canary-jfrog"}],
    },
}


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", rate=1000) as started:
        yield started


def written(project: Path, tasks: list[dict[str, Any]], **variables: Any) -> str:
    book = [{"name": "Test", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
    book[0]["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}", **variables}
    (project / "play.yml").write_text(yaml.safe_dump(book, sort_keys=False), encoding="utf-8")
    return "play.yml"


def role(name: str, **more: Any) -> dict[str, Any]:
    return {"name": f"Role {name}", "ansible.builtin.include_role": {"name": f"cortex_cloud.appsec.{name}", **more}}


@pytest.mark.parametrize("name", ENTRIES)
def test_one_call_connects_all_entries(tmp_path: Path, tenant: EmbeddedTenant, name: str) -> None:
    tenant.add_instance("BITBUCKET_DATACENTER", name="left-to-others", hostname="other.example.com")
    book = written(tmp_path, [role(name)], **ENTRIES[name])
    ended = play(tmp_path, book, "-v", tenant=tenant).fine()
    assert ended.counts()["changed"] == 1
    assert "canary" not in ended.output
    lists = [entry for entry in tenant.journal if (entry.method, entry.path) == ("GET", "/public_api/appsec/v1/data_source_instances")]
    assert len(lists) == 1
    made = {i["uniqueProperties"]["name"]: i for i in tenant.instances.values()}
    wanted = {entry["name"] for entries in ENTRIES[name].values() if isinstance(entries, list) for entry in entries}
    assert set(made) == wanted | {"left-to-others"}
    if name == "vcs":
        assert made["gh"]["selectionType"] == "CURRENT_STATE_AND_FUTURE"
        assert (made["bb"]["state"], made["bb"]["transporter"]) == (["PAY/a"], {"brokerDeviceId": "b1", "connectionName": "egress"})
        assert tenant.credential_matches(made["ado"]["id"], "token", "canary-ado")
        assert "GITHUB gh: install the GitHub App and authorise the application in a browser" in ended.output
    elif name == "ci":
        assert made["tfc"]["uniqueProperties"] == {"name": "tfc", "organization": "o", "runStage": "pre-plan"}
        assert "JENKINS_SERVER blue: install the plugin in Jenkins" in ended.output
    else:
        nothing = dict.fromkeys(["externalBranchName", "branchName"])
        assert made["snyk"]["externalProjects"] == [{"externalProjectId": "p", "externalId": "p", "repoId": "r", **nothing}]
        assert made["snyk"]["uniqueProperties"] == {"name": "snyk", "team": "blue", "organizationId": "o", "scanTypes": ["SAST", "SCA"]}
        assert tenant.credential_matches(made["jfrog"]["id"], "password", "canary-jfrog")


# Many faults in one run: each task goes on after its failure, and tells it.
def tried(number: int, task: dict[str, Any], **variables: Any) -> dict[str, Any]:
    tell = {"name": "Tell", "ansible.builtin.debug": {"msg": f"case {number} says {{{{ ansible_failed_result.msg }}}}."}}
    passed = {"name": "Passed", "ansible.builtin.debug": {"msg": f"case {number} passed."}}
    return {"name": f"Case {number}", "block": [{**task, "vars": variables}, passed], "rescue": [tell]}


def said(ended: Ended, number: int) -> str:
    (line,) = [line for line in ended.output.splitlines() if f'"case {number} ' in line]
    return line


VALIDATE_FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("vcs", {"vcs_github": [{"name": "a"}, {"name": "b", "scpoe": "all"}]}, "vcs_github[1] (b): scpoe is not an input"),
    ("vcs", {"vcs_github": [{"name": "a", "scope": "everything"}]}, "vcs_github[0] (a): scope must be all, all_and_future or a list"),
    ("vcs", {"vcs_github": [{"scope": "all"}]}, "vcs_github[0] has no name."),
    ("vcs", {"vcs_github_enterprize": [{"name": "a"}]}, "vcs_github_enterprize is not a variable of the collection. Did you mean"),
    ("vcs", {"vcs_github": [{"name": "a", "state": "gone"}]}, "(a): value of state must be one of"),
    ("ci", {"ci_jenkins_server": [{"name": "a", "token": "canary-ci"}]}, "ci_jenkins_server[0] (a): token is not an input of this entry."),
    ("scanners", {"scanners_snyk": [{"name": "a", "external_projects": [{}]}]}, "(a): external_projects[0] is empty"),
    (
        "tenant",
        {"tenant_data_sources": [{"type": "SNYK", "name": "a", "credentials": {"tokn": "canary"}}]},
        "tenant_data_sources[0] (a): unknown option credentials.tokn",
    ),
]  # fmt: skip


def test_validation_needs_no_tenant_and_names_index_and_name(tmp_path: Path) -> None:
    tasks = [tried(n, role(name, tasks_from="validate"), **given) for n, (name, given, _said) in enumerate(VALIDATE_FAULTS)]
    fine = len(tasks)
    tasks += [tried(fine + n, role(name, tasks_from="validate"), **ENTRIES[name]) for n, name in enumerate(ENTRIES)]
    ended = play(tmp_path, written(tmp_path, tasks), "-vv")
    assert ended.code == 0, ended.output
    for n, (_name, _given, message) in enumerate(VALIDATE_FAULTS):
        assert message in said(ended, n), said(ended, n)
    for n in range(len(ENTRIES)):
        assert said(ended, fine + n).endswith(f'"case {fine + n} passed."'), said(ended, fine + n)
    assert "canary" not in ended.output
    assert "Traceback" not in ended.output


SPEC_FAULTS = [
    ("vcs", {"vcs_github": [{"name": "a", "scpoe": "all"}]}, "scpoe"),
    ("vcs", {"vcs_github_enterprise": [{"name": "a", "hostname": "h", "token": "canary-token"}]}, "token"),
    ("ci", {"ci_jenkins": [{"name": "a", "state": "gone"}]}, "state"),
    ("ci", {"ci_hcp_terraform": [{"name": "a", "max_deselect": "many"}]}, "max_deselect"),
    ("scanners", {"scanners_snyk": {"name": "a"}}, "scanners_snyk"),
    ("tenant", {"tenant_data_sources": [{"type": "SNYK", "name": "a", "domain": {"host": "h"}}]}, "host"),
]  # fmt: skip


def test_a_misspelt_input_stops_a_role_before_any_request(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    tasks = [tried(n, role(name), **given) for n, (name, given, _said) in enumerate(SPEC_FAULTS)]
    ended = play(tmp_path, written(tmp_path, tasks), "-v", tenant=tenant)
    assert ended.code == 0, ended.output
    for n, (_name, _given, word) in enumerate(SPEC_FAULTS):
        assert "passed" not in said(ended, n)
        assert word in said(ended, n)
    assert tenant.journal == []
    assert "canary" not in ended.output


def test_options_of_the_tenant_role_reach_the_call(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    """Backup folder, plan file, prune and expected tenant, through a role that only has entries."""
    tenant.add_instance("JENKINS_SERVER", name="forgotten")
    options = {
        "tenant_prune": True,
        "tenant_prune_types": ["JENKINS_SERVER"],
        "tenant_plan_file": str(tmp_path / "plan.md"),
        "tenant_backup_dir": str(tmp_path / "backups"),
        "tenant_expected_tenant": tenant.host,
        "ci_jenkins_server": [{"name": "blue"}, {"name": "green"}],
    }
    tenant.add_instance("JENKINS_SERVER", name="blue")
    tenant.add_instance("JENKINS_SERVER", name="green")
    ended = play(tmp_path, written(tmp_path, [role("ci")], **options), tenant=tenant).fine()
    assert ended.counts()["changed"] == 1
    assert {i["uniqueProperties"]["name"] for i in tenant.instances.values()} == {"blue", "green"}
    assert "delete: `JENKINS_SERVER" in (tmp_path / "plan.md").read_text(encoding="utf-8")
    (backup,) = (tmp_path / "backups").iterdir()
    assert "forgotten" in backup.read_text(encoding="utf-8")


def test_what_the_role_found_unchanged_is_not_read_again(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    known = {"name": "core", "hostname": "core.example.com", "selection_type": "MANUAL_SELECTION", "state": ["team/one"]}
    tenant.add_instance("BITBUCKET_DATACENTER", **known)
    item = {"type": "BITBUCKET_DATACENTER", "name": "core", "repositories": ["team/one"]}
    options = {"tenant_data_sources": [item], "tenant_trust_unchanged": True}
    play(tmp_path, written(tmp_path, [role("tenant"), role("tenant")], **options), tenant=tenant).fine()
    assert [entry.path.rpartition("/")[2] == "data_source_instances" for entry in tenant.journal] == [True, False, True]


# tenant_expected_tenant, the connection's expected_tenant -> the tenants that are named, beside the environment's.
SPELLINGS: list[tuple[str, str, list[str]]] = [
    ("x.example.com", "", []),
    ("API-X.example.com//", "http://x.example.com", []),
    ("x.example.com:443", "https://api-x.example.com:443/", []),
    ("  ", " / ", []),
    ("https://api-x.example.com.evil.example/", "", ["x.example.com.evil.example"]),
    ("x.example.com:8443", "", ["x.example.com:8443"]),
    ("y.example.com", "https://API-Z.example.com/ ", ["y.example.com", "z.example.com"]),
    # Once alone, as the connection takes it.
    ("https://api-api-x.example.com", "", ["api-x.example.com"]),
]


@pytest.mark.parametrize(
    ("name", "variable"), [("tenant", "tenant__expected"), ("audit", "audit__tenants"), ("decommission", "decommission__tenants")]
)
def test_one_tenant_in_two_spellings_is_one(tmp_path: Path, name: str, variable: str) -> None:
    tasks = [
        {
            "name": f"Case {number}",
            "vars": {"tenant_expected_tenant": described, "cortex_cloud_connection": {"expected_tenant": connected}},
            "ansible.builtin.assert": {"that": f"{variable} == {[*others, 'x.example.com']}"},
        }
        for number, (described, connected, others) in enumerate(SPELLINGS)
    ]
    file = Path(os.environ["ANSIBLE_COLLECTIONS_PATH"], "ansible_collections", "cortex_cloud", "appsec", "roles", name, "vars", "main.yml")
    book = written(tmp_path, [{"name": "Take the role's variables", "ansible.builtin.include_vars": str(file)}, *tasks])
    ended = play(tmp_path, book, more={"CORTEXCLOUD_EXPECTED_TENANT": " https://api-x.example.com/ "}).fine()
    assert ended.counts()["ok"] == len(SPELLINGS) + 1
