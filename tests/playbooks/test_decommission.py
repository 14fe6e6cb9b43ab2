# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retiring integrations: what goes is shown, somebody confirms just that, a backup and evidence stay, tonight's onboarding agrees."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playing import Ended, play, refusals

from starting import first_outside_ci, in_ci_only
from tenant.server import EmbeddedTenant

SNYK = {"type": "SNYK", "name": "snyk-eu"}
MAPPINGS = [
    {"externalProjectId": f"p{n}", "externalId": f"e{n}", "externalBranchName": None, "repoId": f"r{n}", "branchName": None} for n in (1, 2)
]
GIVEN = {"decommission_backup_dir": "retired", "onboard_file": "tenant.yml"}
ONBOARDED = "tenant_data_sources:\n  - {type: JENKINS_SERVER, name: blue}\n"


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile="awkward", rate=1000) as started:
        started.add_instance("SNYK", name="snyk-eu", hostname="api.eu.snyk.io", protocol="https", external_projects=MAPPINGS)
        started.add_instance("JENKINS_SERVER", name="blue")
        yield started


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[EmbeddedTenant]:
    """One that answers plainly, for what has nothing to do with how it answers."""
    (tmp_path / "tenant.yml").write_text(ONBOARDED)
    with EmbeddedTenant("guide", rate=1000) as started:
        yield started


def decommission(project: Path, tenant: EmbeddedTenant, *options: str, key: str = "admin", **variables: Any) -> Ended:
    return play(project, "decommission", *options, tenant=tenant, key=key,
                **{**GIVEN, **variables})  # fmt: skip


def names(tenant: EmbeddedTenant) -> set[str]:
    return {instance["uniqueProperties"]["name"] for instance in tenant.instances.values()}


def digest_in(ended: Ended) -> str:
    (digest,) = re.findall(r"Digest: ([0-9a-f]{32})", ended.output)
    return str(digest)


def nothing_deleted(ended: Ended, tenant: EmbeddedTenant, project: Path) -> str:
    """It failed in one line, which is returned, and nothing was written, here or there."""
    assert ended.code == 2, ended.output
    assert tenant.writes == []
    assert not (project / "retired").exists()
    assert "Traceback" not in ended.output
    # Before ansible-core 2.19 there is just the JSON of "fatal:".
    return next(line for line in ended.output.splitlines() if line.startswith(("[ERROR]: ", "fatal: "))).replace('\\"', '"')


def evidence(project: Path) -> tuple[dict[str, Any], str]:
    (data,) = (project / "retired").glob("decommission_*.json")
    assert data.stat().st_mode & 0o777 == data.with_suffix(".md").stat().st_mode & 0o777 == 0o600
    return json.loads(data.read_text()), data.with_suffix(".md").read_text()


def test_retiring_snyk(tenant: EmbeddedTenant, tmp_path: Path) -> None:
    (tmp_path / "tenant.yml").write_text(ONBOARDED)
    scalars = {"decommission_type": "SNYK", "decommission_name": "snyk-eu", "decommission_id": "", "decommission_confirm": ""}
    tenant.set(read_only=True)
    checked = decommission(tmp_path, tenant, "--check", key="viewer", **scalars).fine()
    assert checked.counts()["changed"] == 1
    for said in ("its findings and issues stay open", "Compared with 1 items of the onboarding list."):
        assert said in checked.output
    assert tenant.write_attempts == []
    assert not (tmp_path / "retired").exists()
    tenant.set(read_only=False)

    # Whoever forgets the digest is shown the same, and told what to give.
    forgot = decommission(tmp_path, tenant, **scalars)
    assert f"run again with decommission_confirm={digest_in(checked)}" in nothing_deleted(forgot, tenant, tmp_path)

    # A second person, with the digest.
    tenant.clear_journal()
    confirmed = {**scalars, "decommission_confirm": f" {digest_in(checked)} "}
    decommission(tmp_path, tenant, **confirmed).fine()
    assert names(tenant) == {"blue"}
    assert [f"{e.method} {e.status // 100}" for e in tenant.writes if e.status != 405] == ["DELETE 2"]
    data, page = evidence(tmp_path)
    (gone,) = data["data_sources"]
    assert {key: data[key] for key in ("complete", "inventory_host", "digest", "tenant", "still_there")} == {
        "complete": True,
        "inventory_host": "localhost",
        "digest": digest_in(checked),
        "tenant": f"127.0.0.1:{tenant.port}",
        "still_there": [],
    }
    assert data["read_again"] == [gone["id"]]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", data["time"])
    assert (gone["action"], gone["type"], gone["name"]) == ("deleted", "SNYK", "snyk-eu")
    for said in ("- Result: complete", "Read again by ID afterwards: deleted", "its findings and issues stay open", gone["backup_file"]):
        assert said in page

    # Tonight's onboarding brings nothing back, and the same command once more has nothing to do.
    assert play(tmp_path, "onboard", tenant=tenant, onboard_file="tenant.yml").fine().counts()["changed"] == 0
    again = decommission(tmp_path, tenant, **confirmed).fine()
    assert again.counts()["changed"] == 0
    assert "does not exist (any more), nothing to do" in again.output
    assert names(tenant) == {"blue"}
    assert len(list((tmp_path / "retired").iterdir())) == 3

    # It was a mistake: what the API can restore is in the backup; the token has to be filled in.
    backup = yaml.safe_load(Path(gone["backup_file"]).read_text())
    backup["tenant_data_sources"][0]["credentials"]["token"] = "canary-snyk-token"
    (tmp_path / "undo.yml").write_text(yaml.safe_dump(backup))
    undone = play(tmp_path, "onboard", tenant=tenant, onboard_file="undo.yml").fine()
    assert "canary" not in undone.output
    (back,) = [i for i in tenant.instances.values() if i["type"] == "SNYK"]
    assert back["domain"] == {"hostname": "api.eu.snyk.io", "protocol": "https"}
    assert back["externalProjects"] == MAPPINGS
    assert back["id"] != gone["id"]


def test_a_wrong_digest_and_a_tenant_that_changed_are_refused(tenant: EmbeddedTenant, tmp_path: Path) -> None:
    (tmp_path / "tenant.yml").write_text(ONBOARDED)
    shape = {"hostname": "git.example.com", "selection_type": "MANUAL_SELECTION", "state": ["a/1"]}
    instance = tenant.add_instance("GITLAB_SELF_MANAGED", name="gitlab", **shape)
    given = {"decommission_data_sources": [{"type": "GITLAB_SELF_MANAGED", "name": "gitlab"}]}
    wrong = decommission(tmp_path, tenant, "--check", decommission_confirm="0123456789abcdef", **given)
    assert "decommission_confirm is 0123456789abcdef, but the digest of the plan is" in nothing_deleted(wrong, tenant, tmp_path)
    digest = digest_in(wrong)
    # Somebody selects another repository, which the list hides: its findings would be lost too, and nobody looked at that.
    tenant.state.find(instance).shape["state"].append("a/2")
    changed = decommission(tmp_path, tenant, decommission_confirm=digest, **given)
    assert f"decommission_confirm is {digest}, but the digest of the plan is" in nothing_deleted(changed, tenant, tmp_path)


STILL_LISTED = {
    "by host": "tenant_data_sources: [{type: SNYK, domain: {hostname: https://API.eu.snyk.io/}}]",
    "as an entry of a role": "scanners_snyk: [{name: snyk-eu, hostname: api.eu.snyk.io, token: canary-token}]",
}


@pytest.mark.parametrize("how", first_outside_ci(STILL_LISTED, "another way of listing the same"))
def test_what_the_onboarding_still_lists_is_refused_after_it_was_shown(plain: EmbeddedTenant, tmp_path: Path, how: str) -> None:
    instance = plain.add_instance("SNYK", name="snyk-eu", hostname="api.eu.snyk.io")
    (tmp_path / "tenant.yml").write_text(STILL_LISTED[how].replace("ID", instance))
    ended = decommission(tmp_path, plain, "--check", decommission_data_sources=[{"id": instance}])
    line = nothing_deleted(ended, plain, tmp_path)
    assert f'SNYK "snyk-eu" (id {instance}) is still listed by the onboarding (its item 0,' in line
    assert "would create it again" in line
    assert "its findings and issues stay open" in ended.output
    assert "canary" not in ended.output


def test_what_the_inventory_or_the_variable_lists_counts_too_and_what_is_absent_does_not(plain: EmbeddedTenant, tmp_path: Path) -> None:
    plain.add_instance("SNYK", name="snyk-eu")
    given: dict[str, Any] = {"decommission_data_sources": [SNYK], "onboard_file": ""}
    ended = decommission(tmp_path, plain, tenant_data_sources=[SNYK], **given)
    assert "is still listed by the onboarding" in nothing_deleted(ended, plain, tmp_path)
    others = [{**SNYK, "name": "other"}, {**SNYK, "state": "absent"}, {"id": "another"}]
    decommission(tmp_path, plain, "--check", tenant_data_sources=[SNYK], decommission_expected=others, **given).fine()


NOT_MEANT: list[tuple[dict[str, Any], str]] = [
    ({"decommission_name": "", "decommission_type": "", "decommission_id": ""}, "Nothing to decommission"),
    ({"decommission_data_sources": ["snyk-eu"]}, "[0] is not a data source: write it as {type: SNYK, name: snyk-eu}, or with its ID"),
    ({"decommission_name": "snyk-eu"}, "give type or id"),
    # An answer of 007, as a controller hands it on.
    ({"decommission_type": "SNYK", "decommission_name": 7}, "decommission_name must be text, but YAML turned it into"),
    # A name of no.
    ({"decommission_type": "SNYK", "decommission_name": False, "decommission_hostname": "h"}, "decommission_name must be text"),
    ({"decommission_data_sources": [SNYK], "decommission_backup_dir": ""}, "decommission_backup_dir is not set"),
    ({"decommission_data_sources": [SNYK], "onboard_file": "tenants/none.yml"}, "onboard_file tenants/none.yml does not exist"),
    ({"decommission_data_sources": [SNYK], "tenant_expected_tenant": "uat.example.com"}, "expected_tenant is uat.example.com"),
]


def test_what_cannot_be_meant_is_said_before_anything_is_sent(plain: EmbeddedTenant, tmp_path: Path) -> None:
    cases = [{**GIVEN, **variables} for variables, _said in NOT_MEANT]
    ended, lines = refusals(tmp_path, "decommission", cases, tenant=plain)
    for (_variables, said), line in zip(NOT_MEANT, lines, strict=True):
        assert said in line
    nothing_deleted(ended, plain, tmp_path)
    assert plain.journal == []


@in_ci_only("one that goes is decommissioned in the first test, and tests/modules deletes among failures")
def test_several_go_in_one_call_and_one_that_cannot_be_deleted_stops_no_other(plain: EmbeddedTenant, tmp_path: Path) -> None:
    # A name is somebody else's: it must run nothing here, and write nothing into the evidence but itself.
    hostile = f"{{{{ lookup('ansible.builtin.pipe', 'touch {tmp_path}/mark') }}}} `x`\n# forged"
    stuck = plain.add_instance("SONARQUBE", name=hostile, hostname="sonar.example.com")
    plain.add_instance(
        "GITLAB_SELF_MANAGED", name="gitlab", hostname="git.example.com", selection_type="MANUAL_SELECTION", state=["a/1", "a/2"]
    )
    plain.add_collector("bandit")
    plain.add_instance("JENKINS_SERVER", name="blue")
    items = [{"id": stuck}, {"type": "GITLAB_SELF_MANAGED", "name": "gitlab", "credentials": {"client_secret": "canary-moved-as-it-was"}},
             {"type": "COLLECTOR", "name": "bandit"}, SNYK]  # fmt: skip
    checked = decommission(tmp_path, plain, "--check", "-vvv", decommission_data_sources=items).fine()
    for said in ("its findings are purged", ", 2 repositories", "its credentials become invalid", "nothing to do"):
        assert said in checked.output
    assert "canary" not in checked.output

    plain.clear_journal()
    plain.fault("html_500", method="DELETE", path=f"/{stuck}$", count=None)
    ended = decommission(tmp_path, plain, decommission_data_sources=items, decommission_confirm=digest_in(checked))
    assert ended.code == 2
    assert sum(e.method == "GET" and e.path.endswith("/data_source_instances") for e in plain.journal) == 3, (
        "plan, deletion, reading afterwards"
    )
    assert names(plain) == {hostile, "blue"}
    for said in ("2 deleted", f"(id {stuck}): STILL THERE", ": deleted, backup "):
        assert said in ended.output
    data, page = evidence(tmp_path)
    assert (data["complete"], data["still_there"]) == (False, [stuck])
    assert [row["action"] for row in data["data_sources"]] == ["failed", "deleted", "deleted", "unchanged"]
    assert "- Result: NOT COMPLETE" in page
    assert "It did not exist any more; nothing was done." in page
    assert [line for line in page.splitlines() if line.startswith("# ")] == [f"# Decommissioned on 127.0.0.1:{plain.port}"]
    assert data["data_sources"][0]["identifier"] == hostile
    assert not (tmp_path / "mark").exists()

    # The rest is another plan, with another digest.
    plain.no_more_faults()
    old = decommission(tmp_path, plain, decommission_data_sources=items, decommission_confirm=digest_in(checked))
    assert "but the digest of the plan is" in old.output
    decommission(tmp_path, plain, decommission_data_sources=items, decommission_confirm=digest_in(old)).fine()
    assert names(plain) == {"blue"}


def test_a_backup_that_cannot_be_written_deletes_nothing(plain: EmbeddedTenant, tmp_path: Path) -> None:
    plain.add_instance("SNYK", name="snyk-eu")
    given = {"decommission_data_sources": [SNYK], "decommission_backup_dir": "tenant.yml/below"}
    # Check mode says so too, so that nobody approves what cannot be done.
    for ended in (decommission(tmp_path, plain, "--check", **given), decommission(tmp_path, plain, decommission_confirm="a" * 32, **given)):
        assert "cannot be written (Not a directory), so nothing was changed." in nothing_deleted(ended, plain, tmp_path)


@in_ci_only("test_many_tenants.py and the audit of a fleet run several tenants at once")
def test_each_tenant_of_an_inventory_has_its_own_evidence(tmp_path: Path) -> None:
    with EmbeddedTenant("guide", rate=1000) as one, EmbeddedTenant("guide", rate=1000) as two:
        hosts = {}
        for name, each in (("one", one), ("two", two)):
            each.add_instance("SNYK", name="snyk-eu")
            key = each.keys["admin"]
            hosts[name] = {"cortex_cloud_connection": {"api_url": each.url, "api_key_id": key.id, "api_key": key.key}}
        inventory = tmp_path / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"tenants": {"hosts": hosts}}))
        given: dict[str, Any] = {"decommission_data_sources": [SNYK], "decommission_backup_dir": "retired", "cortex_cloud_hosts": "tenants"}
        checked = play(tmp_path, "decommission", "--check", inventory=str(inventory), **given).fine()
        digests = re.findall(r"^ok: \[(one|two)\](?:(?!^ok: ).)*?Digest: ([0-9a-f]{32})", checked.output, re.MULTILINE | re.DOTALL)
        assert len(set(digests)) == 2
        # A digest is of one tenant: the other one refuses it.
        one_digest = dict(digests)["one"]
        ended = play(tmp_path, "decommission", inventory=str(inventory), decommission_confirm=one_digest, **given)
        assert (ended.counts("one")["failed"], ended.counts("two")["failed"]) == (0, 1)
        assert (names(one), names(two)) == (set(), {"snyk-eu"})
        assert [path.name.split("_")[1] for path in (tmp_path / "retired").glob("decommission_*.json")] == ["one"]
