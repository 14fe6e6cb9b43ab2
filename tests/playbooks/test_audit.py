# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An auditor's months, and a provider's fleet: the playbook audit under real ansible-playbook, with a key that may only read."""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from playing import REPORT, Ended, play, refusals

from starting import in_ci_only
from tenant.server import EmbeddedTenant

# As an auditor keeps it, beside tenant.yml, repos-400.csv, waivers.yml and the receipts.
AUDIT = """
- name: Coverage evidence
  ansible.builtin.import_playbook: cortex_cloud.appsec.audit
  vars:
    onboard_file: tenant.yml
    audit_repositories: repos-400.csv
    audit_receipts_dir: receipts/
    audit_max_age_days: 30
    audit_exceptions: waivers.yml
    audit_report_dir: "evidence/{{ month | default('now') }}"
    audit_baseline: evidence/
    audit_fail_on: [missing, unhealthy, stale]
"""
UPLOAD = """
- name: Upload this build's reports
  hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - name: Send what the scanners wrote
      cortex_cloud.appsec.sarif_upload:
        path: [reports/*.sarif]
        upload_url: "{{ lookup('env', 'CORTEX_COLLECTOR_URL') }}"
        repository_url: https://ghe.bank.example/team-1/app-1.git
        branch: main
        receipt_dir: receipts
"""
SELECTED = [f"team-{n % 7}/app-{n}" for n in range(398)]
EXPECTED = [
    {
        "type": "GITHUB_ENTERPRISE",
        "name": "ghe-core",
        "domain": {"hostname": "ghe.bank.example", "protocol": "https"},
        "credentials": {"client_id": "x", "client_secret": "cnry-audit-secret"},
        "selection_type": "MANUAL_SELECTION",
        "repositories": SELECTED,
    },
    {"type": "JENKINS_SERVER", "name": "jenkins-blue"},
    {"type": "COLLECTOR", "name": "bandit", "unique_properties": {"detectionMethod": "SAST", "fileType": "SARIF"}},
]
FILES = {"report.json", "report.html", "report.csv", "junit.xml", "SHA256SUMS"}


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", rate=1000) as started:
        started.add_instance(
            "GITHUB_ENTERPRISE",
            name="ghe-core",
            hostname="ghe.bank.example",
            protocol="https",
            selection_type="MANUAL_SELECTION",
            state=SELECTED,
        )
        started.add_instance("JENKINS_SERVER", name="jenkins-blue")
        yield started


@pytest.fixture
def project(tmp_path: Path, tenant: EmbeddedTenant) -> Path:
    """The auditor's folder: 400 repositories, of which two are not covered and one of those is waived; one receipt of a real upload."""
    listed = [f"https://ghe.bank.example/{name}" for name in SELECTED] + ["lab/toy", "lab/forgotten"]
    (tmp_path / "repos-400.csv").write_text("repository,owner\n" + "".join(f"{name},somebody\n" for name in listed))
    (tmp_path / "tenant.yml").write_text(yaml.safe_dump({"tenant_data_sources": EXPECTED}))
    (tmp_path / "waivers.yml").write_text("- {repository: lab/toy, owner: lab team, reason: not shipped, expires: 2027-01-31}\n")
    (tmp_path / "audit.yml").write_text(AUDIT)
    collector = tenant.add_collector("bandit")
    tenant.add_repository("team-1/app-1", url="https://ghe.bank.example/team-1/app-1", source="GITHUB_ENTERPRISE")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "bandit.sarif").write_text(json.dumps(REPORT))
    (tmp_path / "upload.yml").write_text(UPLOAD)
    token = {
        "CORTEX_COLLECTOR_URL": collector.api_url,
        "CORTEXCLOUD_COLLECTOR_TOKEN_ID": collector.token_id,
        "CORTEXCLOUD_COLLECTOR_TOKEN": collector.token,
    }
    play(tmp_path, "upload.yml", more=token).fine()
    tenant.clear_journal()
    tenant.set(read_only=True)
    return tmp_path


def report_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return content


def only_read(tenant: EmbeddedTenant, ended: Ended) -> None:
    assert tenant.writes == []
    assert tenant.write_attempts == []
    assert "cnry-" not in ended.output
    assert tenant.keys["viewer"].key not in ended.output


def test_the_auditors_file_as_written(project: Path, tenant: EmbeddedTenant) -> None:
    ended = play(project, "audit.yml", "-vv", tenant=tenant, key="viewer").fine()
    only_read(tenant, ended)
    folder = project / "evidence" / "now" / "localhost"
    assert {p.name for p in folder.iterdir()} == FILES
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
    assert not any("cnry-" in p.read_text(encoding="utf-8") for p in folder.iterdir())

    report = report_of(folder)
    assert (report["schema"], report["schema_version"], report["verdict"]) == ("cortex_cloud.appsec/audit", 1, "attention")
    assert report["tenant"] == f"127.0.0.1:{tenant.port}"
    repositories = report["repositories"]
    assert (repositories["listed"], repositories["covered"], repositories["uncovered"]) == (400, 398, 2)
    still_open = [(f["kind"], f["repository"]) for f in report["findings"] if not f["excused"]]
    assert [pair for pair in still_open if pair[0] != "no_upload"] == [("uncovered", "lab/forgotten")]
    assert len(still_open) == 1 + 398  # app-1 has its receipt, lab/toy its exception
    (uploaded,) = report["receipts"]["items"]
    assert (uploaded["collector"], uploaded["repository"], uploaded["stale"]) == ("bandit", "https://ghe.bank.example/team-1/app-1", False)
    assert report["notes"] == ["The baseline evidence/ does not exist: changes are not shown. This is normal for the first audit."]
    assert (uploaded["state"], report["receipts"]["repositories_with_fresh"]) == ("fresh", 1)
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES - {"SHA256SUMS"}}
    assert report["inputs"]["expected"]["sha256"] == hashlib.sha256((project / "tenant.yml").read_bytes()).hexdigest()
    assert report["made_by"]["api_key_id"] == tenant.keys["viewer"].id
    rows = list(csv.DictReader(io.StringIO((folder / "report.csv").read_text(encoding="utf-8"), newline="")))
    assert sum(row["record"] == "repository" for row in rows) == 400
    root = ElementTree.fromstring((folder / "junit.xml").read_text(encoding="utf-8"))
    assert root.get("failures") == "0"
    html = (folder / "report.html").read_text(encoding="utf-8")
    print(f"\n400 repositories: report.html {len(html)} bytes, report.json {(folder / 'report.json').stat().st_size} bytes")
    assert "lab/forgotten" in html


@in_ci_only("test_playbooks.py audits in check mode too")
def test_in_check_mode_the_verdict_is_the_same_and_nothing_is_written(project: Path, tenant: EmbeddedTenant) -> None:
    (instance,) = [i for i, shown in tenant.instances.items() if shown["type"] == "JENKINS_SERVER"]
    tenant.state.stored[instance].shape["status"] = "ERROR"
    said = []
    for options in (("--check", "--diff"), ()):
        ended = play(project, "audit.yml", *options, tenant=tenant, key="viewer")
        only_read(tenant, ended)
        assert ended.code == 2
        assert (project / "evidence").exists() is not bool(options)
        said.append(next(line for line in ended.output.splitlines() if "1 finding fails this audit: 1 unhealthy." in line))
    assert "Check mode: no report was written." in said[0]
    assert f"The report is {project}/evidence/now/localhost/report.html" in said[1]
    root = ElementTree.fromstring((project / "evidence" / "now" / "localhost" / "junit.xml").read_text(encoding="utf-8"))
    assert [c.get("name") for c in root.iter("testcase") if c.find("failure") is not None] == [
        '[1] JENKINS_SERVER "jenkins-blue"',
        "unhealthy",
    ]


def test_a_month_as_an_auditor(project: Path, tenant: EmbeddedTenant) -> None:
    """Two audits a month apart: what the second says has changed is what happened in between, and nothing else."""

    def audit(day: str, month: str) -> Ended:
        ended = play(project, "audit.yml", tenant=tenant, key="viewer", audit_today=day, month=month)
        only_read(tenant, ended)
        return ended

    when = report_time(project)
    assert audit(when, "first").code == 0

    # In between: the Jenkins plugin broke, somebody connected Snyk by hand, one repository was deselected, the pipeline stopped.
    tenant.set(read_only=False)
    ids = {shown["type"]: instance for instance, shown in tenant.instances.items()}
    tenant.state.stored[ids["JENKINS_SERVER"]].shape["status"] = "ERROR"
    tenant.state.stored[ids["GITHUB_ENTERPRISE"]].shape["state"].remove("team-3/app-3")
    tenant.add_instance("SNYK", name="by-hand")
    tenant.set(read_only=True)

    ended = audit(str(datetime.date.fromisoformat(when) + datetime.timedelta(days=31)), "second")
    assert ended.code == 2
    report = report_of(project / "evidence" / "second" / "localhost")
    assert report["inputs"]["baseline"]["file"] == "evidence/first/localhost/report.json"
    assert [(point["covered"], point["fresh"]) for point in report["history"]] == [(398, 1), (397, 0)]
    changes = report["changes"]
    print(f"\na month later: {report['headline']} {changes['total']} changes")
    assert changes["since"] == f"{when}T00:00:00Z"
    assert changes["verdict"] == ["attention", "fail"]
    assert {(f["kind"], f["subject"]) for f in changes["new_findings"]} == {
        ("unhealthy", 'JENKINS_SERVER "jenkins-blue"'),
        ("unexpected", 'SNYK "by-hand"'),
        ("drift", 'GITHUB_ENTERPRISE "ghe-core"'),
        ("uncovered", "https://ghe.bank.example/team-3/app-3"),
        ("not_scanned", "GITHUB_ENTERPRISE, of a data source that is not shown"),
        ("stale", 'COLLECTOR "bandit" for https://ghe.bank.example/team-1/app-1'),
    }
    assert changes["resolved_findings"] == []
    assert changes["data_sources_added"] == ['SNYK "by-hand"']
    assert changes["repositories_changed"] == [
        {"name": "https://ghe.bank.example/team-3/app-3", "before": "covered", "after": "uncovered"},
    ]
    (drift,) = [f for f in report["findings"] if f["kind"] == "drift"]
    assert "repositories + team-3/app-3" in drift["after"]
    assert "1 unhealthy, 1 stale" in report["headline"]


def report_time(project: Path) -> str:
    """The day of the receipt, on which the first audit is made."""
    (receipt,) = (project / "receipts").glob("*.json")
    return str(json.loads(receipt.read_text())["time"][:10])


def test_the_data_file_of_onboard_is_audited_without_another_list(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants" / "prod.yml").write_text(
        yaml.safe_dump(
            {
                "tenant_data_sources": EXPECTED[:1],
                "ci_jenkins_server": [{"name": "jenkins-blue"}],
                "scanners_semgrep": [{"name": "semgrep", "token": "cnry-token"}],
            }
        )
    )
    ended = play(tmp_path, "audit", tenant=tenant, key="viewer", onboard_file="tenants/prod.yml", audit_fail_on="missing")
    only_read(tenant, ended)
    assert ended.code == 2
    report = report_of(tmp_path / "audit" / "localhost")
    assert [(e["subject"], e["state"]) for e in report["expected"]] == [
        ('GITHUB_ENTERPRISE "ghe-core"', "present"),
        ('JENKINS_SERVER "jenkins-blue"', "present"),
        ('SEMGREP "semgrep"', "missing"),
    ]


def test_the_description_of_another_tenant_is_refused_before_any_request(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    (tmp_path / "uat.yml").write_text("tenant_expected_tenant: uat.xdr.eu.paloaltonetworks.com\ntenant_data_sources: []\n")
    ended = play(tmp_path, "audit", tenant=tenant, key="viewer", onboard_file="uat.yml")
    assert ended.code == 2
    assert "Not audited: api_url points to 127.0.0.1" in ended.output
    # From 2.19 on Ansible itself repeats each failure.
    assert ended.output.count("api_url points to 127.0.0.1") == (2 if "[ERROR]" in ended.output else 1)
    assert tenant.journal == []
    assert not (tmp_path / "audit").exists()


def test_without_any_input_it_says_what_it_did_not_examine(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    tenant.add_instance("SNYK", name="{{ 6 * 7 }}")
    only_read(tenant, play(tmp_path, "audit", "-v", tenant=tenant, key="viewer").fine())
    report = report_of(tmp_path / "audit" / "localhost")
    assert report["verdict"] == "pass"
    assert [s["name"] for s in report["data_sources"]][-1] == "{{ 6 * 7 }}", "a name is no template"
    assert {"missing", "unexpected", "drift", "uncovered", "stale", "exception"} <= report["not_examined"].keys()
    assert [s["health"] for s in report["data_sources"]] == ["healthy"] * 3


def test_a_tenant_that_hides_what_it_can_is_not_called_healthy_or_whole(tmp_path: Path) -> None:
    with EmbeddedTenant(profile="awkward", rate=1000, read_only=True) as awkward:
        awkward.add_instance("GITLAB", name="core", selection_type="MANUAL_SELECTION", state=["a/b"], status="ODD")
        ended = play(
            tmp_path,
            "audit",
            tenant=awkward,
            key="viewer",
            audit_repositories=["a/b", "c/d"],
            audit_expected=[{"type": "GITLAB", "name": "core"}],
            audit_fail_on=["unknown"],
        )
        only_read(awkward, ended)
    report = report_of(tmp_path / "audit" / "localhost")
    assert ended.code == 2
    assert [(f["kind"], f["subject"]) for f in report["findings"]] == [("unknown", 'GITLAB "core"'), ("uncovered", "c/d")]
    assert report["repositories"]["covered_healthy"] == 0


BAD_INPUT: list[tuple[dict[str, Any], str]] = [
    ({"audit_fail_on": ["mising"]}, "audit_fail_on: mising is not a kind of finding. Did you mean missing? Known: missing, unhealthy,"),
    ({"audit_repositories": "gone.csv"}, "audit_repositories gone.csv cannot be read: No such file or directory"),
    ({"audit_expected": [{"type": "SNYK", "name": "x", "credentials": {"tokn": "cnry-x"}, "domain": "cnry-y"}]}, "audit_expected[0] (x): "),
    ({"onboard_file": "gone.yml"}, "onboard_file gone.yml does not exist"),
]


def test_bad_input_gets_one_line(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    ended, lines = refusals(tmp_path, "audit", [variables for variables, _message in BAD_INPUT], tenant=tenant, key="viewer")
    for (_variables, message), line in zip(BAD_INPUT, lines, strict=True):
        assert message in line
    # No host has a report. Several hosts have a page in any case.
    assert {path.name for path in (tmp_path / "audit").iterdir()} == {"fleet.html", "fleet.json"}
    assert json.loads((tmp_path / "audit" / "fleet.json").read_text())["counts"]["not_audited"] == len(BAD_INPUT)
    only_read(tenant, ended)


# -- the provider


CORTEX = """
cortex_cloud_connection:
  api_url: "{{ addresses[inventory_hostname] }}"
  api_key_id: "{{ vault_cortex[inventory_hostname].id }}"
  api_key: "{{ vault_cortex[inventory_hostname].key }}"
  expected_tenant: "{{ addresses[inventory_hostname] | urlsplit('netloc') }}"
tenant_data_sources: "{{ baseline_data_sources + (extra_data_sources | default([])) }}"
baseline_data_sources:
  - {type: COLLECTOR, name: semgrep-oss, unique_properties: {detectionMethod: SAST, fileType: SARIF},
     credentials_file: "/secure/{{ inventory_hostname }}/semgrep-oss.json"}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Path]:
    """An inventory of two tenants that live and one that answers to nobody."""
    with EmbeddedTenant("guide", rate=1000, read_only=True) as alpha, EmbeddedTenant(profile="awkward", rate=1000, read_only=True) as beta:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
        alpha.add_collector("semgrep-oss")
        group = tmp_path / "inventory" / "group_vars" / "tenants"
        group.mkdir(parents=True)
        hosts = {"alpha": None, "beta": {"extra_data_sources": [{"type": "SNYK", "name": "snyk-eu"}]}, "dead": None}
        (tmp_path / "inventory" / "hosts.yml").write_text(yaml.safe_dump({"tenants": {"hosts": hosts}}))
        (group / "cortex.yml").write_text(CORTEX)
        keys = {n: {"id": e.keys["viewer"].id, "key": e.keys["viewer"].key} for n, e in (("alpha", alpha), ("beta", beta))}
        vault = {
            "addresses": {"alpha": alpha.url, "beta": beta.url, "dead": dead},
            "vault_cortex": {**keys, "dead": {"id": "7", "key": "k-of-the-dead"}},
        }
        (group / "vault.yml").write_text(json.dumps(vault))
        yield tmp_path


def test_a_fleet_with_a_dead_tenant_ends_with_one_page(fleet: Path) -> None:
    # Of an earlier month: it must not be taken for today's.
    (fleet / "reports" / "dead").mkdir(parents=True)
    (fleet / "reports" / "dead" / "report.json").write_text('{\n "schema": "cortex_cloud.appsec/audit"\n}\n')
    options = ("-e", "cortex_cloud_hosts=tenants", "-e", "audit_report_dir=reports")
    ended = play(fleet, "audit", *options, inventory="inventory")
    assert ended.code == 2
    assert [ended.counts(name)["failed"] for name in ("alpha", "beta", "dead")] == [0, 0, 1]
    assert "k-of-the-dead" not in ended.output
    page = json.loads((fleet / "reports" / "fleet.json").read_text())
    assert page["schema"] == "cortex_cloud.appsec/audit_fleet"
    assert [(h["host"], h["verdict"], h["by_kind"]) for h in page["hosts"]] == [
        ("dead", "not_audited", {}),
        ("beta", "attention", {"missing": 2}),
        ("alpha", "pass", {}),
    ]
    assert "cannot connect" in page["hosts"][0]["message"]
    for name in ("alpha", "beta"):
        assert {p.name for p in (fleet / "reports" / name).iterdir()} == FILES
    html = (fleet / "reports" / "fleet.html").read_text()
    assert 'href="alpha/report.html"' in html
    assert "not audited" in html
    assert (fleet / "reports" / "fleet.html").stat().st_mode & 0o777 == 0o600

    checked = play(fleet, "audit", "--check", *options, "-e", "audit_report_dir=elsewhere", inventory="inventory")
    assert checked.code == 2
    assert not (fleet / "elsewhere").exists()


@in_ci_only("a fleet with a dead tenant has its page in the test above")
def test_a_fleet_of_which_nobody_answers_has_its_page_too(fleet: Path) -> None:
    hosts = yaml.safe_load((fleet / "inventory" / "hosts.yml").read_text())
    hosts["tenants"]["hosts"] = {
        "dead": None,
        "dead2": {"addresses": {"dead2": "http://127.0.0.1:9"}, "vault_cortex": {"dead2": {"id": "1", "key": "k"}}},
    }
    (fleet / "inventory" / "hosts.yml").write_text(yaml.safe_dump(hosts))
    ended = play(fleet, "audit", "-e", "cortex_cloud_hosts=tenants", inventory="inventory")
    assert ended.code == 2
    page = json.loads((fleet / "audit" / "fleet.json").read_text())
    assert page["counts"] == {"not_audited": 2, "fail": 0, "attention": 0, "pass": 0}


# -- the role in a playbook of the user


ROLE = """
- name: Audit
  hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - name: Compare the tenant with what is expected
      ansible.builtin.include_role:
        name: cortex_cloud.appsec.audit
      vars:
        audit_expected: "{{ (lookup('ansible.builtin.file', 'tenant.yml') | from_yaml).tenant_data_sources }}"
        audit_repositories: [team-1/app-1]
        audit_key_expires: 2026-12-01
        audit_today: 2026-11-22
        audit_fail_on: [FAIL]
"""


@in_ci_only("the playbook runs the same role")
def test_the_role_alone(project: Path, tenant: EmbeddedTenant) -> None:
    (project / "role.yml").write_text(ROLE.replace("FAIL", "key_expiry"))
    tenant.set(repositories_readable=False)
    ended = play(project, "role.yml", tenant=tenant, key="viewer")
    only_read(tenant, ended)
    assert ended.code == 2
    assert "1 finding fails this audit: 1 key_expiry." in ended.output
    report = report_of(project / "audit" / "localhost")
    # A key that may not read repositories is no reason to have no report.
    assert report["notes"][0].startswith("The tenant's list of repositories was not read: Cannot list repositories: HTTP 403")
    assert (report["tenant_repositories"], report["repositories"]["covered"]) == (None, 1)
    assert [f["message"] for f in report["findings"]] == ["it expires on 2026-12-01, in 9 days"]
    (project / "role.yml").write_text(ROLE.replace("FAIL", "key"))
    ended = play(project, "role.yml", tenant=tenant, key="viewer")
    assert ended.code == 2
    assert "key_expiry" in ended.output
    # What somebody else wrote is not replaced; nothing is asked for a report that cannot be written.
    (project / "role.yml").write_text(ROLE.replace("FAIL", "key_expiry"))
    (project / "audit" / "localhost" / "report.json").write_text("mine")
    tenant.clear_journal()
    ended = play(project, "role.yml", "--check", tenant=tenant, key="viewer")
    assert "report.json cannot be written: it has other content" in ended.output
    assert tenant.journal == []
