# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module, role and playbook, twice on each kind of tenant: the second run changes nothing and warns of nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from playing import REPORT, play

from starting import first_outside_ci
from tenant.server import EmbeddedTenant

MANUAL = "MANUAL_SELECTION"
MAPPING = {"external_project_id": "p", "external_id": "p", "repo_id": "r"}
VCS = {
    "vcs_github_enterprise": [{"name": "engineering", "hostname": "ghe.example.com", "client_id": "canary", "client_secret": "canary",
                               "scope": ["acme/a", "acme/b"]}],
    "vcs_bitbucket_datacenter": [{"name": "bb", "hostname": "bb.example.com", "token": "canary", "scope": "all_and_future"}],
    "vcs_azure_repos": [{"name": "ado", "token": "canary", "scope": "all"}],
}  # fmt: skip
CI = {
    "ci_jenkins_server": [{"name": "blue"}, {"name": "green", "state": "created"}],
    "ci_hcp_terraform": [{"name": "tfc", "token": "canary", "organization": "o", "run_stage": "pre-plan", "scope": ["ws-1"]}],
}
SCANNERS = {
    "scanners_snyk": [{"name": "eu", "hostname": "api.eu.snyk.io", "token": "canary", "external_projects": [MAPPING]}],
    "scanners_jfrog": [{"name": "jfrog", "hostname": "jfrog.example.com", "username": "robot", "password": "canary"}],
}
# What a person has connected already, with the vendor's word as identifier; and what only the data file says.
ITEMS = [
    {"type": "GITLAB_SELF_MANAGED", "name": "platform", "domain": {"hostname": "gitlab.example.com", "protocol": "https"},
     "selection_type": MANUAL, "repositories": ["shop/a", "shop/b"], "repositories_mode": "exact"},
    # As the role made it, whose name for it is the extra variable's.
    {"type": "COLLECTOR", "name": "bandit", "credentials_file": "checkov.json"},
    {"type": "SEMGREP", "name": "semgrep", "credentials": {"token": "canary"}},
]  # fmt: skip
# They read alone, so that a first run of theirs leaves nothing for a second one: they come with the second run of the others.
READERS = {"repository_info", "doctor", "audit", "decommission"}
# Fewer processes for each task.
QUICK = {"ANSIBLE_PIPELINING": "1"}
# Waits for a person where collectors alone can be created.
PENDING = {"engineering", "bb", "ado", "blue", "tfc", "eu", "jfrog", "semgrep"}


def module(name: str, /, **options: Any) -> dict[str, Any]:
    return {"name": f"Module {name}", f"cortex_cloud.appsec.{name}": options}


def role(name: str) -> dict[str, Any]:
    return {"name": f"Role {name}", "ansible.builtin.include_role": {"name": f"cortex_cloud.appsec.{name}"}}


def plays() -> list[dict[str, Any]]:
    """Each on a host of its own, so that the recap tells them apart. A module that a role or playbook calls is not called once more, nor
    a role that a playbook is made of."""
    mine: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "repository_info": ([module("repository_info")], {}),
        # Selected by nobody, so that there is something to say in a first run.
        "repository": (
            [module("repository", match=["shop/a"], scan_configuration={"excluded_paths": ["vendor/"]})],
            {},
        ),
        "entries": ([role("vcs"), role("ci"), role("scanners")], {**VCS, **CI, **SCANNERS}),
        "sarif_collector": (
            [role("sarif_collector")],
            {"sarif_collector_name": "checkov", "sarif_collector_credentials_file": "checkov.json"},
        ),
        "decommission": (
            [role("decommission")],
            {"decommission_data_sources": [{"type": "VERACODE", "name": "gone"}], "decommission_backup_dir": "retired"},
        ),
    }
    books = ["doctor", "onboard", "export", "audit", "upload_sarif"]
    python = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    return [
        *(
            {"name": host, "hosts": host, "connection": "local", "gather_facts": False, "check_mode": host == "decommission",
             "vars": {**python, **variables}, "tasks": tasks}
            for host, (tasks, variables) in mine.items()
        ),
        *({"name": book, "import_playbook": f"cortex_cloud.appsec.{book}", "vars": {"cortex_cloud_hosts": book}} for book in books),
    ]  # fmt: skip


@pytest.mark.parametrize("profile", first_outside_ci(("awkward", "published", "guide"), "two runs of everything"))
def test_the_second_run_changes_nothing_and_warns_of_nothing(profile: str, tmp_path: Path) -> None:
    book = plays()
    hosts = [p.get("hosts") or p["vars"]["cortex_cloud_hosts"] for p in book]
    writing = [one for one, host in zip(book, hosts, strict=True) if host not in READERS]
    for name, some in (("first", writing), ("second", book)):
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(some, sort_keys=False), encoding="utf-8")
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": dict.fromkeys(hosts)}}), encoding="utf-8")
    (tmp_path / "tenant.yml").write_text(yaml.safe_dump({"tenant_data_sources": ITEMS}), encoding="utf-8")
    (tmp_path / "report.sarif").write_text(json.dumps(REPORT), encoding="utf-8")
    given = {"onboard_file": "tenant.yml", "export_file": "export.yml", "export_overwrite": True,
             "sarif_path": "report.sarif", "sarif_collector_name": "bandit",
             "sarif_repository_url": "https://git.example.com/acme/a"}  # fmt: skip
    # That a tenant repeats its pages is a warning in each run, and rightly so.
    with EmbeddedTenant(profile=profile, rate=1000, any_repository=True, offset="honoured") as tenant:
        tenant.add_instance(
            "GITLAB_SELF_MANAGED", name="platform", identifier="example-org", hostname="gitlab.example.com", protocol="https",
            selection_type=MANUAL, state=["shop/a", "shop/old"], repositories=["shop/a", "shop/b", "shop/old"],
        )  # fmt: skip
        # Without a branch it works too, with a warning.
        first = play(tmp_path, "first.yml", tenant=tenant, inventory="hosts.yml", more=QUICK, **given)
        assert first.code == 0, first.output
        exported, held = (tmp_path / "export.yml").read_text(encoding="utf-8"), len(tenant.instances)
        tenant.clear_journal()
        second = play(tmp_path, "second.yml", tenant=tenant, inventory="hosts.yml", more=QUICK, sarif_branch="main", **given).fine()
    # An upload is sent each time it is asked for.
    assert {host for host in hosts if second.counts(host)["changed"]} == {"upload_sarif"}
    assert [f"{e.method} {e.path.rpartition('/')[0]}" for e in tenant.writes] == ["POST /public_api/appsec/v1/collectors"]
    assert len(tenant.instances) == held
    assert (tmp_path / "export.yml").read_text(encoding="utf-8") == exported
    assert "canary" not in first.output + second.output
    waiting = PENDING if profile == "published" else set()
    for name in PENDING:
        assert (f" {name}: the tenant's API does not create this type" in second.output) == (name in waiting), name
