# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/many-tenants with many tenants at once, in CI twenty, each with the request limit of a real one."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from playing import ROOT, Ended, play

from starting import IN_CI
from tenant.server import EmbeddedTenant

COUNT = 20 if IN_CI else 6
NAMES = [f"t{n:02}" for n in range(1, COUNT + 1)]
EXTRA = [{"type": "GITHUB", "name": f"github-{n}", "selection_type": "CURRENT_STATE_AND_FUTURE"} for n in range(2)]
Fleet = dict[str, EmbeddedTenant]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        tenants = {name: stack.enter_context(EmbeddedTenant("guide")) for name in NAMES}
        shutil.copytree(ROOT / "examples" / "many-tenants" / "inventory", tmp_path / "inventory")
        group = tmp_path / "inventory" / "group_vars" / "tenants"
        cortex = group / "cortex.yml"
        text = cortex.read_text(encoding="utf-8")
        # Addresses and a folder of this machine instead of the vendor's and the provider's.
        for theirs, ours in {
            '"{{ inventory_hostname }}.xdr.eu.paloaltonetworks.com"': '"{{ addresses[inventory_hostname] }}"',
            "api-{{ inventory_hostname }}.xdr.eu.paloaltonetworks.com": "127.0.0.1",
            "/srv/cortex": str(tmp_path),
        }.items():
            assert theirs in text
            text = text.replace(theirs, ours)
        cortex.write_text(text, encoding="utf-8")
        hosts = {"tenants": {"hosts": {name: {"extra_data_sources": EXTRA} for name in NAMES}}}
        (tmp_path / "inventory" / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
        vault = {name: {"id": each.keys["admin"].id, "key": each.keys["admin"].key} for name, each in tenants.items()}
        addresses = {name: each.url for name, each in tenants.items()}
        (group / "vault.yml").write_text(json.dumps({"vault_cortex": vault, "addresses": addresses}), encoding="utf-8")
        yield tenants


def onboard(folder: Path, pattern: str, *options: str) -> tuple[Ended, float]:
    # An empty variable means unset: the pace is the one that users have.
    began = time.monotonic()
    more = {"CORTEXCLOUD_REQUESTS_PER_SECOND": "", "CORTEXCLOUD_RETRY_DEADLINE": ""}
    ended = play(folder, "onboard", "-e", f"cortex_cloud_hosts={pattern}", *options, inventory="inventory", more=more)
    return ended.fine(), time.monotonic() - began


def test_many_tenants_at_once_each_at_its_own_limit(tmp_path: Path, fleet: Fleet) -> None:
    one, alone = onboard(tmp_path, NAMES[0])
    assert one.counts(NAMES[0])["changed"] == 1
    all_of_them, together = onboard(tmp_path, "tenants", "--forks", "8")
    statuses = Counter(entry.status for each in fleet.values() for entry in each.journal)
    print(
        f"\none tenant {alone:.1f} s, {COUNT - 1} more with --forks 8 {together:.1f} s; {sum(statuses.values())} requests, "
        f"{statuses[429]} x 429; one after the other they would take {alone * (COUNT - 1):.0f} s"
    )
    assert statuses[429] == 0
    for name, each in fleet.items():
        assert all_of_them.counts(name)["changed"] == (name != NAMES[0])
        assert {shown["uniqueProperties"]["name"] for shown in each.instances.values()} == {
            "semgrep-oss",
            *(item["name"] for item in EXTRA),
        }
        kept = json.loads((tmp_path / "secure" / name / "semgrep-oss.json").read_text(encoding="utf-8"))
        assert kept["token"] in each.secrets(), "its own token, not a neighbour's"
        assert not any(secret in all_of_them.output for secret in each.secrets())
    assert len(list((tmp_path / "rate").glob("*.json"))) == COUNT


def test_each_host_of_the_example_has_its_own_connection_and_list(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "many-tenants" / "inventory", tmp_path / "inventory")
    debug = {"ansible.builtin.debug": {"msg": "{{ [cortex_cloud_connection, tenant_data_sources] }}"}}
    book = [{"hosts": "tenants", "gather_facts": False, "tasks": [debug]}]
    (tmp_path / "show.yml").write_text(yaml.safe_dump(book), encoding="utf-8")
    ended = play(tmp_path, "show.yml", inventory="inventory").fine()
    for name in ("alpha", "beta", "gamma"):
        assert f'"api_url": "{name}.xdr.eu.paloaltonetworks.com"' in ended.output
        assert f'"credentials_file": "/srv/cortex/secure/{name}/semgrep-oss.json"' in ended.output
    assert ended.output.count("jenkins-blue") == 1


def test_a_data_file_for_each_host_and_the_keys_from_a_file_of_the_project(tmp_path: Path) -> None:
    """What docs/many-tenants.md shows for tenants with little in common, and for a controller."""
    with EmbeddedTenant("guide", rate=1000) as one, EmbeddedTenant("guide", rate=1000) as two:
        tenants = {"one": one, "two": two}
        (tmp_path / "tenants").mkdir()
        for name in tenants:
            (tmp_path / "tenants" / f"{name}.yml").write_text(f"ci_jenkins_server: [{{name: jenkins-{name}}}]\n", encoding="utf-8")
        keys = {name: {"id": each.keys["admin"].id, "key": each.keys["admin"].key} for name, each in tenants.items()}
        (tmp_path / "keys.yml").write_text(yaml.safe_dump(keys), encoding="utf-8")
        shown = (ROOT / "docs" / "many-tenants.md").read_text(encoding="utf-8")
        variables = {
            "onboard_file": "tenants/{{ inventory_hostname }}.yml",
            "vault_cortex": "{{ lookup('ansible.builtin.file', ('.' | realpath) ~ '/keys.yml') | from_yaml }}",
        }
        assert all(f'{name}: "{value}"' in shown for name, value in variables.items())
        connection = {key: f"{{{{ vault_cortex[inventory_hostname].{what} }}}}" for key, what in (("api_key_id", "id"), ("api_key", "key"))}
        hosts = {name: {"cortex_cloud_connection": {"api_url": each.url, **connection}} for name, each in tenants.items()}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"tenants": {"hosts": hosts, "vars": variables}}), encoding="utf-8")
        play(tmp_path, "onboard", "-e", "cortex_cloud_hosts=tenants", inventory="hosts.yml").fine()
        for name, each in tenants.items():
            assert [shape["uniqueProperties"]["name"] for shape in each.instances.values()] == [f"jenkins-{name}"]


def test_one_file_of_two_hosts_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """A file that each host names by itself, and one that comes from a variable of all of them."""
    with EmbeddedTenant("guide", rate=1000) as tenant:
        hosts = {"one": {"tenant_plan_file": "plans/one.md"}, "two": {"tenant_plan_file": "plans/../plans/one.md"}}
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
        (tmp_path / "plans").mkdir()
        item = "{type: COLLECTOR, name: c, unique_properties: {detectionMethod: SAST, fileType: SARIF}, credentials_file: 'FILE'}"
        for file, name in (("shared", "c.json"), ("own", "{{ inventory_hostname }}.json")):
            (tmp_path / f"{file}.yml").write_text(f"tenant_data_sources: [{item.replace('FILE', name)}]\n", encoding="utf-8")

        def refused(book: str, path: str, *options: str) -> None:
            every = ("-e", "cortex_cloud_hosts=all", *[part for option in options for part in ("-e", option)])
            ended = play(tmp_path, book, *every, tenant=tenant, inventory="inventory.yml")
            assert ended.code == 2, ended.output
            said = f"The hosts one and two would both write {tmp_path}/{path}"
            assert ended.output.count(said) >= 2, ended.output
            assert "put inventory_hostname into the path. Nothing was sent." in ended.output
            assert tenant.journal == []

        refused("onboard", "plans/one.md (tenant_plan_file)", "onboard_file=own.yml")
        refused("onboard", "c.json (credentials_file)", "onboard_file=shared.yml", "tenant_plan_file=")
        refused("export", "x.yml (export_file)", "export_file=x.yml")
        refused("verify", "p.yml (verify_report)", "verify_report=p.yml")
        every = ("-e", "cortex_cloud_hosts=all", "-e", "onboard_file=own.yml", "-e", "tenant_plan_file=")
        ended = play(tmp_path, "onboard", *every, "--check", tenant=tenant, inventory="inventory.yml")
        assert ended.fine().counts("one")["failed"] == 0
