# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without the digest of this very plan nothing is applied, however its absence is spelt, on any supported ansible-core.

A controller writes each answer as `name: !unsafe 'text'`, and ansible-core 2.19 makes null of a blank one, and a number of digits.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cores import CORES, OLDER, programs
from playing import Ended, play

from starting import BIN, first_outside_ci
from tenant.server import EmbeddedTenant

NOT_THE_PLAN = {
    "nil": "tenant_plan_digest: null",
    "nothing": "tenant_plan_digest: ''",
    "blanks": "tenant_plan_digest: '  '",
    "answer_nothing": "tenant_plan_digest: !unsafe ''",
    "answer_digits": "tenant_plan_digest: !unsafe '1234567890123456'",
    "answer_octal": "tenant_plan_digest: !unsafe '0123456701234567'",
    "template_nil": "tenant_plan_digest: '{{ none }}'",
    "missing": "tenant_plan_required: true",
    "omitted": "tenant_plan_digest: '{{ omit }}', tenant_plan_required: true",
}
MODULE = """
- hosts: all
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - cortex_cloud.appsec.data_sources:
        data_sources: "{{ tenant_data_sources }}"
        plan_digest: GIVEN
        plan_required: "{{ tenant_plan_required | default(false) }}"
"""

# Variables of a play, which the data file of that play would replace.
SITE = """
- name: Onboard
  ansible.builtin.import_playbook: cortex_cloud.appsec.onboard
  vars:
    onboard_file: own.yml
"""


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", rate=1000) as started:
        yield started


def cases(folder: Path, names: list[str]) -> None:
    """An inventory with a host for each case: starting Ansible takes longest."""
    hosts = "".join(f"    {name}: {{{NOT_THE_PLAN[name]}}}\n" for name in names)
    sources = "  vars:\n    tenant_data_sources: [{type: JENKINS_SERVER, name: blue}]\n"
    (folder / "cases.yml").write_text(f"all:\n{sources}  hosts:\n{hosts}", encoding="utf-8")


def all_refused(ended: Ended, names: list[str], tenant: EmbeddedTenant) -> None:
    assert ended.code == 2, ended.output
    assert {name: ended.counts(name)["failed"] for name in names} == dict.fromkeys(names, 1), ended.output
    assert tenant.writes == []
    assert "Traceback" not in ended.output


@pytest.mark.parametrize("core", first_outside_ci(CORES, OLDER))
def test_the_playbook_applies_nothing_but_the_approved_plan(core: str, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    names = [name for name in NOT_THE_PLAN if name != "template_nil"]
    cases(tmp_path, names)
    ended = play(tmp_path, "onboard", "-e", "cortex_cloud_hosts=all", tenant=tenant, inventory="cases.yml", programs=programs(core))
    all_refused(ended, names, tenant)
    (digest,) = set(re.findall(r"plan_digest is blank; the digest of this plan is (\w+)\.", ended.output))
    assert ended.output.count("plan_required is set and plan_digest is not given: nothing was sent.") >= 2

    # The right one, as a controller hands it on.
    sources = "tenant_data_sources: [{type: JENKINS_SERVER, name: blue}]\n"
    answers = f"tenant_plan_digest: !unsafe '{digest}'\ntenant_plan_required: true\n{sources}"
    (tmp_path / "answers.yml").write_text(answers, encoding="utf-8")
    approved = play(tmp_path, "onboard", "-e", "@answers.yml", tenant=tenant, programs=programs(core))
    assert approved.code == 0, approved.output
    assert len(tenant.instances) == 1


@pytest.mark.parametrize("core", first_outside_ci(CORES, OLDER))
def test_the_module_applies_nothing_without_the_digest_that_was_given(core: str, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    names = ["nil", "answer_nothing", "template_nil", "missing"]
    cases(tmp_path, names)
    given = '"{{ omit if tenant_plan_digest is undefined else tenant_plan_digest }}"'
    (tmp_path / "module.yml").write_text(MODULE.replace("GIVEN", given), encoding="utf-8")
    all_refused(play(tmp_path, "module.yml", tenant=tenant, inventory="cases.yml", programs=programs(core)), names, tenant)


@pytest.mark.parametrize("core", first_outside_ci(CORES, OLDER))
def test_nothing_is_deleted_without_the_confirmed_digest(core: str, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    tenant.add_instance("JENKINS_SERVER", name="blue")
    names = ["nil", "nothing", "answer_nothing", "answer_digits", "missing"]
    cases(tmp_path, names)
    inventory = tmp_path / "cases.yml"
    inventory.write_text(inventory.read_text(encoding="utf-8").replace("tenant_plan_digest", "decommission_confirm"), encoding="utf-8")
    ended = play(
        tmp_path, "decommission", "-e", "cortex_cloud_hosts=all", tenant=tenant, inventory="cases.yml", programs=programs(core),
        decommission_type="JENKINS_SERVER", decommission_name="blue", decommission_backup_dir="gone", decommission_expected=[],
    )  # fmt: skip
    all_refused(ended, names, tenant)
    assert ended.output.count("decommission_confirm=") >= len(names) - 1
    assert len(tenant.instances) == 1


@pytest.mark.parametrize("core", first_outside_ci(CORES, OLDER))
def test_a_data_file_cannot_approve_its_own_plan(core: str, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    run = functools.partial(play, tmp_path, tenant=tenant, programs=programs(core))
    sources = "tenant_data_sources: [{type: JENKINS_SERVER, name: blue}]\n"
    (tmp_path / "list.yml").write_text(sources, encoding="utf-8")
    checked = run("onboard", "-e", "onboard_file=list.yml", "-e", "tenant_plan_digest=", "--check")
    (digest,) = set(re.findall(r"the digest of this plan is (\w+)\.", checked.output))
    own = tmp_path / "own.yml"
    own.write_text(f"{sources}tenant_plan_digest: {digest}\n", encoding="utf-8")
    vault = tmp_path / "vault"
    vault.write_text("the-vault-password", encoding="utf-8")
    subprocess.run([BIN / "ansible-vault", "encrypt", own, "--vault-password-file", vault], check=True, capture_output=True)
    options = ["-e", "onboard_file=own.yml", "--vault-password-file", str(vault)]
    refused = run("onboard", *options, "-e", "tenant_plan_required=true")
    assert "onboard_file own.yml sets tenant_plan_digest, so whoever writes it would approve their own plan" in refused.output
    # Tabs, which Python's own reader of YAML does not accept; what the playbook itself uses; and another data file.
    own.write_text(json.dumps({"tenant_data_sources": [{"type": "JENKINS_SERVER", "name": "blue"}], "tenant_plan_digest": digest,
                               "onboard__faults": [], "onboard_file": "list.yml"}, indent="\t"), encoding="utf-8")  # fmt: skip
    (tmp_path / "inventory.yml").write_text("all: {hosts: {localhost: {onboard_file: own.yml}}}\n", encoding="utf-8")
    (tmp_path / "site.yml").write_text(SITE, encoding="utf-8")
    for book, named in (("onboard", ["-e", "onboard_file=own.yml"]), ("onboard", ["-i", "inventory.yml"]), ("site.yml", [])):
        hidden = run(book, *named, "-e", "tenant_plan_required=true")
        for said in ("sets tenant_plan_digest, so whoever", "onboard__faults belongs to the playbooks"):
            assert f"onboard_file own.yml{' ' if said.startswith('sets') else ': '}{said}" in hidden.output
    (tmp_path / "inventory.yml").write_text("all: {hosts: {localhost: {tenant_plan_required: true}}}\n", encoding="utf-8")
    own.write_text(f"{sources}tenant_plan_required: false\n", encoding="utf-8")
    without = run("onboard", "-i", "inventory.yml", "-e", "onboard_file=own.yml")
    assert "plan_required is set and plan_digest is not given" in without.output
    own.write_text(f"{sources}tenant_plan_digest: {digest}\n", encoding="utf-8")
    gone = run("decommission", *options, decommission_type="JENKINS_SERVER", decommission_name="blue")
    assert "onboard_file own.yml sets tenant_plan_digest" in gone.output
    assert tenant.writes == []
    run("onboard", "-e", "onboard_file=list.yml", "-e", f"tenant_plan_digest={digest}").fine()
    assert len(tenant.instances) == 1
