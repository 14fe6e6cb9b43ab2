# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three users and the files they want to write: a bank's platform engineer, a provider with many tenants, and who is on call at night."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from playing import Ended, play

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._events import Watch
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.client import Client
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.connection import Connection
from starting import first_outside_ci
from tenant.server import EmbeddedTenant

# -- the bank: GitHub Enterprise, GitLab, Jenkins and Terraform Enterprise

PROD = """
vcs_github_enterprise:
  - name: ghe-core
    hostname: ghe.bank.example
    client_id: "{{ vault_ghe_client_id }}"
    client_secret: "{{ vault_ghe_client_secret }}"
    transporter: {broker_device_id: "{{ broker_id }}", connection_name: appsec-egress}
    self_signed_certificate: "{{ lookup('ansible.builtin.file', 'certs/bank-root-ca.pem') }}"
    scope: [payments/ledger, payments/cards]
vcs_gitlab_self_managed:
  - {name: gitlab-core, hostname: gitlab.bank.example, client_id: "{{ vault_gl_app_id }}", client_secret: "{{ vault_gl_secret }}",
     scope: all_and_future}
ci_jenkins_server:
  - {name: jenkins-blue, credentials_file: /secure/prod/jenkins-blue.json}
ci_terraform_enterprise:
  - {name: tfe-prod, hostname: tfe.bank.example, token: "{{ vault_tfe_token }}", organization: bank, run_stage: pre-plan,
     scope: [ws-network-prod]}
"""
VAULT = {
    "vault_ghe_client_id": "ghe-application",
    "vault_ghe_client_secret": "canary-ghe-secret",
    "vault_gl_app_id": "gitlab-application",
    "vault_gl_secret": "canary-gitlab-secret",
    "vault_tfe_token": "canary-terraform-token",
    "broker_id": "broker-7",
}
ROOT_CA = "-----BEGIN CERTIFICATE-----\nbank root\n-----END CERTIFICATE-----"


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """The engineer's project."""
    for folder in ("tenants", "certs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tenants" / "prod.yml").write_text(PROD, encoding="utf-8")
    (tmp_path / "certs" / "bank-root-ca.pem").write_text(f"{ROOT_CA}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    """Every type can be created, as the vendor's guide says."""
    with EmbeddedTenant(profile="guide", rate=1000) as started:
        yield started


def by_name(tenant: EmbeddedTenant) -> dict[str, dict[str, Any]]:
    return {instance["uniqueProperties"]["name"]: instance for instance in tenant.instances.values()}


def test_the_bank_is_connected_and_one_line_says_who_must_click_what(bank: Path, tenant: EmbeddedTenant) -> None:
    tenant.set(consent="required")

    def onboard(*options: str) -> Ended:
        tenant.clear_journal()
        ended = play(bank, "onboard", *options, tenant=tenant, onboard_file="tenants/prod.yml", **VAULT)
        assert ended.code == 0, ended.output
        assert "canary" not in ended.output
        return ended

    first = onboard("--diff")
    assert first.counts()["changed"] == 1
    assert sum(entry.path.endswith("/data_source_instances") and entry.method == "GET" for entry in tenant.journal) == 1
    made = by_name(tenant)
    assert {name: instance["type"] for name, instance in made.items()} == {
        "ghe-core": "GITHUB_ENTERPRISE",
        "gitlab-core": "GITLAB_SELF_MANAGED",
        "jenkins-blue": "JENKINS_SERVER",
        "tfe-prod": "HCP_TFE_RUN_TASKS",
    }
    github, terraform = made["ghe-core"], made["tfe-prod"]
    assert github["domain"] == {"hostname": "ghe.bank.example", "protocol": "https"}
    assert github["transporter"] == {"brokerDeviceId": "broker-7", "connectionName": "appsec-egress"}
    for name, value in (
        ("clientId", "ghe-application"),
        ("clientSecret", "canary-ghe-secret"),
        ("selfSignedCertificate", ROOT_CA),
    ):
        assert tenant.credential_matches(github["id"], name, value), name
    assert terraform["uniqueProperties"] == {"name": "tfe-prod", "organization": "bank", "runStage": "pre-plan"}
    assert terraform["state"] == ["ws-network-prod"]
    assert (github["status"], github["state"]) == ("PENDING", [])
    lines = [line for line in first.output.splitlines() if "GITHUB_ENTERPRISE ghe-core:" in line]
    assert len(lines) == 1
    assert "authorise the application in a browser: Cortex console, Data Sources, this instance" in lines[0]
    assert "its scope waits for that and is set by the next run" in lines[0]

    tenant.grant_consent(github["id"])
    tenant.grant_consent(made["gitlab-core"]["id"])
    second = onboard()
    assert second.counts()["changed"] == 1
    assert sorted(by_name(tenant)["ghe-core"]["state"]) == ["payments/cards", "payments/ledger"]
    assert by_name(tenant)["gitlab-core"]["selectionType"] == "CURRENT_STATE_AND_FUTURE"

    third = onboard()
    assert third.counts()["changed"] == 0
    assert tenant.writes == []
    assert "authorise" not in third.output


def test_where_the_tenant_creates_collectors_alone_the_bank_is_told_what_to_connect(bank: Path) -> None:
    with EmbeddedTenant(profile="published", rate=1000) as tenant:
        for check in ([], ["--check"], []):
            ended = play(bank, "onboard", *check, tenant=tenant, onboard_file="tenants/prod.yml", **VAULT)
            assert (ended.code, ended.counts()["changed"]) == (0, 0), ended.output
            assert "canary" not in ended.output
            for name in ("ghe-core", "gitlab-core", "jenkins-blue", "tfe-prod"):
                said = [line for line in ended.output.splitlines() if f" {name}: " in line]
                assert len(said) == 1
                assert "connect it in the Cortex console: Data Sources" in said[0]
        assert tenant.instances == {}
        tenant.add_instance("GITHUB_ENTERPRISE", identifier="bank", hostname="ghe.bank.example", protocol="https",
                            certificate=ROOT_CA, transporter={"brokerDeviceId": "broker-7", "connectionName": "appsec-egress"})  # fmt: skip
        ended = play(bank, "onboard", tenant=tenant, onboard_file="tenants/prod.yml", **VAULT)
        assert (ended.code, ended.counts()["changed"]) == (0, 1), ended.output
        (github,) = tenant.instances.values()
        assert github["selectionType"] != "CURRENT_STATE"


SAID_BY = ("the data file", "the environment", "the environment, not the data file", "the connection")


@pytest.mark.parametrize("said_by", first_outside_ci(SAID_BY, "another place for the same word"))
def test_a_survey_that_says_uat_with_a_credential_of_prod_sends_nothing(bank: Path, tenant: EmbeddedTenant, said_by: str) -> None:
    uat = "api-bank-uat.xdr.eu.paloaltonetworks.com"
    variables: dict[str, Any] = {**VAULT, "onboard_file": "tenants/prod.yml"}
    more = {}
    if said_by == "the data file":
        (bank / "tenants" / "prod.yml").write_text(f"tenant_expected_tenant: {uat}\n{PROD}", encoding="utf-8")
    elif said_by.startswith("the environment"):
        more["CORTEXCLOUD_EXPECTED_TENANT"] = uat
        if "not the data file" in said_by:
            (bank / "tenants" / "prod.yml").write_text(f"tenant_expected_tenant: 127.0.0.1\n{PROD}", encoding="utf-8")
    else:
        variables["cortex_cloud_connection"] = {"expected_tenant": uat}
    ended = play(bank, "onboard", tenant=tenant, more=more, **variables)
    print(f"\nsurvey against credential, {said_by}: {[line for line in ended.output.splitlines() if 'expected_tenant' in line][:1]}")
    assert ended.code == 2
    assert f"{uat.removeprefix('api-')}: nothing was sent." in ended.output or "expects another tenant: nothing was sent." in ended.output
    assert tenant.journal == []


def test_a_tenant_that_is_there_already_is_taken_over_without_a_change(bank: Path, tenant: EmbeddedTenant) -> None:
    """Export with the viewer's key, review, check with the viewer's key; the write key comes last. And names that attack us."""
    mark = bank / "mark"
    hostile = [
        f"{{{{ lookup('ansible.builtin.pipe', 'touch {mark}') }}}}",
        'a "b" \\ c',
        "line\nbreak",
        "\U0001f680",
        "yes",
        "1.0",
        "0x1",
        "  x ",
    ]
    tenant.add_instance("GITHUB", name=hostile[0], selection_type="MANUAL_SELECTION", state=hostile)
    for n, name in enumerate(hostile[1:]):
        tenant.add_instance("SNYK", name=name, unique_properties={"n": n, name: [name], "apiToken": "canary-token"})
    tenant.add_instance("GITHUB_ENTERPRISE", name="ghe-core", hostname="ghe.bank.example", protocol="https")
    before = tenant.instances

    play(bank, "export", tenant=tenant, key="viewer", export_file="tenants/exported.yml").fine()
    text = (bank / "tenants" / "exported.yml").read_text(encoding="utf-8")
    assert "canary-token" not in text
    assert (bank / "tenants" / "exported.yml").stat().st_mode & 0o777 == 0o600

    checked = play(bank, "onboard", "--check", "--diff", tenant=tenant, key="viewer", onboard_file="tenants/exported.yml").fine()
    assert checked.counts()["changed"] == 0
    assert play(bank, "onboard", "--diff", tenant=tenant, onboard_file="tenants/exported.yml").fine().counts()["changed"] == 0
    assert tenant.writes == []
    assert tenant.instances == before
    assert not mark.exists()


def test_an_export_of_another_tenant_is_refused_before_any_request(bank: Path, tenant: EmbeddedTenant) -> None:
    tenant.add_instance("JENKINS_SERVER", name="jenkins-blue")
    play(bank, "export", tenant=tenant, export_file="tenants/exported.yml").fine()
    with EmbeddedTenant("guide", rate=1000) as other:
        ended = play(bank, "onboard", tenant=other, onboard_file="tenants/exported.yml")
        print(f"\nan export of another tenant: {[line for line in ended.output.splitlines() if 'expected_tenant' in line][:1]}")
        assert ended.code == 2
        assert (
            f"api_url points to 127.0.0.1:{other.port}, but expected_tenant is 127.0.0.1:{tenant.port}: nothing was sent." in ended.output
        )
        assert other.journal == []


# -- the provider: a hundred tenants, here two and one that is dead

CORTEX = """
cortex_cloud_connection:
  api_url: "{{ addresses[inventory_hostname] }}"
  api_key_id: "{{ vault_cortex[inventory_hostname].id }}"
  api_key: "{{ vault_cortex[inventory_hostname].key }}"
  expected_tenant: "{{ addresses[inventory_hostname] | urlsplit('netloc') }}"
tenant_data_sources: "{{ baseline_data_sources + (extra_data_sources | default([])) }}"
baseline_data_sources:
  - {type: COLLECTOR, name: semgrep-oss, unique_properties: {detectionMethod: SAST, fileType: SARIF},
     credentials_file: "SECURE/{{ inventory_hostname }}/semgrep-oss.json"}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[tuple[Path, dict[str, EmbeddedTenant]]]:
    """The provider's project with the inventory, and the tenants that live; a third one answers to nobody."""
    with ExitStack() as stack:
        tenants = {
            name: stack.enter_context(EmbeddedTenant(profile=profile, rate=1000))
            for name, profile in (("alpha", "default"), ("beta", "awkward"))
        }
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
        keys = {name: {"id": each.keys["admin"].id, "key": each.keys["admin"].key} for name, each in tenants.items()}
        group = tmp_path / "inventory" / "group_vars" / "tenants"
        group.mkdir(parents=True)
        (tmp_path / "inventory" / "hosts.yml").write_text(
            yaml.safe_dump(
                {"tenants": {"hosts": {"alpha": None, "beta": {"extra_data_sources": [{"type": "SNYK", "name": "snyk-eu"}]}, "dead": None}}}
            )
        )
        (group / "cortex.yml").write_text(CORTEX.replace("SECURE", str(tmp_path / "secure")))
        (group / "vault.yml").write_text(
            json.dumps(
                {
                    "addresses": {**{name: each.url for name, each in tenants.items()}, "dead": dead},
                    "vault_cortex": {**keys, "dead": {"id": "7", "key": "the-key-of-the-dead"}},
                }
            )
        )
        yield tmp_path, tenants


def test_a_fleet_is_examined_checked_and_onboarded_and_a_dead_tenant_stops_no_other(
    fleet: tuple[Path, dict[str, EmbeddedTenant]],
) -> None:
    project, tenants = fleet
    keys = [each.keys["admin"].key for each in tenants.values()] + ["the-key-of-the-dead"]

    def run(book: str, *options: str, pattern: str = "tenants", more: dict[str, str] | None = None) -> Ended:
        ended = play(project, book, "-e", f"cortex_cloud_hosts={pattern}", *options, inventory="inventory", more=more)
        assert not any(key in ended.output for key in keys)
        return ended

    doctor = run("doctor")
    assert doctor.code == 2
    assert [doctor.counts(name)["failed"] for name in ("alpha", "beta", "dead")] == [0, 0, 1]
    assert doctor.output.count("key            accepted") == 2

    checked = run("onboard", "--forks", "20", "--check", "--diff")
    assert [checked.counts(name)["changed"] for name in tenants] == [1, 1]
    assert all(each.writes == [] for each in tenants.values())
    assert "Cannot list data sources: cannot connect to " in checked.output
    assert "failed_when" not in checked.output  # the reason, and not which expression of ours noticed it
    assert not (project / "secure").exists()

    real = run("onboard", "--forks", "20", "-vvvv")
    assert [real.counts(name)["changed"] for name in tenants] == [1, 1]
    assert real.counts("dead") == {**real.counts("dead"), "failed": 1, "changed": 0}
    assert set(by_name(tenants["alpha"])) == {"semgrep-oss"}
    assert set(by_name(tenants["beta"])) == {"semgrep-oss", "snyk-eu"}
    tokens = []
    for name, each in tenants.items():
        file = project / "secure" / name / "semgrep-oss.json"
        assert file.stat().st_mode & 0o777 == 0o600
        kept = json.loads(file.read_text(encoding="utf-8"))
        assert kept["token"] in each.secrets()
        tokens.append(kept["token"])
    assert not any(token in real.output for token in tokens)

    again = run("onboard", "--forks", "20", pattern="tenants:!dead").fine()
    assert [again.counts(name)["changed"] for name in tenants] == [0, 0]


@pytest.mark.parametrize("book", ["onboard", "export"])
def test_hosts_that_nobody_is_in_are_an_error(fleet: tuple[Path, dict[str, EmbeddedTenant]], book: str) -> None:
    project, tenants = fleet
    ended = play(project, book, "-e", "cortex_cloud_hosts=tenant", "-e", "export_file=x.yml", inventory="inventory")
    assert ended.code != 0
    assert "cortex_cloud_hosts is tenant, which matches no host of the inventory (-i): nothing was done." in ended.output
    assert all(each.journal == [] for each in tenants.values())


def test_each_tenant_keeps_its_own_limit(fleet: tuple[Path, dict[str, EmbeddedTenant]]) -> None:
    """One directory for the budgets of all, a budget in it for each tenant; the tenants allow 10 in a second, as real ones do."""
    project, tenants = fleet
    for each in tenants.values():
        each.set(rate=10)
        for n in range(5):
            each.add_instance("GITHUB", name=f"g{n}")
    items = [{"type": "GITHUB", "name": f"g{n}", "selection_type": "CURRENT_STATE_AND_FUTURE"} for n in range(5)]
    began = time.monotonic()
    pace = {"CORTEXCLOUD_REQUESTS_PER_SECOND": "8", "CORTEXCLOUD_RETRY_DEADLINE": "30"}
    variables = {"cortex_cloud_hosts": "tenants:!dead", "tenant_data_sources": items}
    ended = play(project, "onboard", inventory="inventory", more=pace, **variables).fine()
    print(f"\n{[len(each.journal) for each in tenants.values()]} requests in {time.monotonic() - began:.1f} s")
    assert [ended.counts(name)["changed"] for name in tenants] == [1, 1]
    assert len(list((project / "rate").glob("*.json"))) == 2


# -- on call: a token that expired at night


def test_a_token_that_expired_at_night_ends_in_a_ticket(tmp_path: Path) -> None:
    """The answer that the page of events shows, to the event that the event source makes; ansible-rulebook in between: tests/eda."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "eda.md").read_text(encoding="utf-8")
    story = page[page.index("## A token that expired at night") :]
    _rulebook, answer = re.findall(r"```yaml\n(.*?)```", story, re.DOTALL)[:2]
    shown = re.findall(r"```text\n(.*?)```", story, re.DOTALL)[0].splitlines()
    (tmp_path / "ticket.yml").write_text(answer, encoding="utf-8")
    with EmbeddedTenant("published", rate=100_000) as tenant:
        core = tenant.add_instance("GITLAB_SELF_MANAGED", identifier="platform", hostname="gitlab.example.com",
                                   selection_type="MANUAL_SELECTION", state=[f"shop/r{n}" for n in range(310)])  # fmt: skip
        key = tenant.keys["viewer"]
        connection = Connection(api_url=tenant.url, api_key_id=key.id, api_key=key.key, rate_limit_dir=str(tmp_path / "rate"))
        client = Client(connection)
        watch = Watch(Api(client), repositories=False, initial=False, state_file=None)
        assert watch.poll() == []
        tenant.set_status(core, "ERROR", {"connection": {"status": "INVALID", "error": "Token expired: HTTP 401"}})
        (event,) = watch.poll()
        client.close()
    play(tmp_path, "ticket.yml", more={"CORTEX_TICKET": str(tmp_path / "ticket.txt")}, ansible_eda={"event": event}).fine()
    told = {"0f1e2d": core, "api-acme.xdr.eu.paloaltonetworks.com": f"127.0.0.1:{tenant.port}"}
    told |= {"2026-11-26T02:58:07Z": event["cortex"]["since"], "2026-11-26T03:03:07Z": event["cortex"]["at"]}
    wanted = [re.sub("|".join(told), lambda found: told[found[0]], line) for line in shown]
    assert (tmp_path / "ticket.txt").read_text(encoding="utf-8").splitlines() == wanted
    assert event["cortex"]["since"] <= event["cortex"]["at"]


def test_the_files_above_are_the_users_files_as_written() -> None:
    shared = Path(os.environ.get("CORTEX_SHARED") or Path(__file__).resolve().parents[3] / "shared") / "user-stories.md"
    if not shared.exists():
        pytest.skip("the users' stories are not here")
    written = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", shared.read_text(encoding="utf-8"), re.DOTALL)]
    assert yaml.safe_load(PROD) in written
    connection = {"api_url": "{{ inventory_hostname }}.xdr.eu.paloaltonetworks.com"}
    connection["expected_tenant"] = f"api-{connection['api_url']}"
    cortex = yaml.safe_load(CORTEX.replace("SECURE", "/secure"))
    cortex["cortex_cloud_connection"].update(connection)
    assert cortex in written
