# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real ansible-playbook, as a user starts it, in a home of its own, against embedded tenants."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import playing
import pytest
import yaml
from playing import REPORT, Ended

from starting import first_outside_ci, in_ci_only
from tenant.server import EmbeddedTenant

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ROOT / "playbooks"
DATA = ROOT / "demo" / "tenant.yml"
# What `make demo` connects in the console: before the first run, and later.
CONSOLE = runpy.run_path(str(ROOT / "demo" / "console.py"))


Play = Callable[..., Ended]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """play("doctor", tenant, "--check", variable=value): environment=True names the tenant and the key by environment variables."""

    def run(book: str | Path, tenant: EmbeddedTenant | None, *options: str, **more: Any) -> Ended:
        return playing.play(tmp_path, str(book), *options, tenant=tenant, more={"DEMO_DIR": str(tmp_path)}, **more)

    return run


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", rate=1000) as started:
        yield started


def written(tmp_path: Path, text: str, name: str = "play.yml") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """demo/tenant.yml for tenants that create every type and show names where others show identifiers."""
    text = DATA.read_text()
    assert "    identifier: " in text
    return written(tmp_path, text.replace("    identifier: ", "    name: "), "named.yml")


def changed_lines(output: str) -> list[str]:
    """The lines of all diffs, headers left out."""
    return [line for line in output.splitlines() if re.match(r"[+-](?!\+\+ |-- )", line)]


# -- doctor


def test_the_doctor_is_content_with_a_good_key(play: Play, tenant: EmbeddedTenant) -> None:
    tenant.add_instance("SNYK", name="snyk-eu")
    ended = play("doctor", tenant).fine()
    assert ended.counts()["changed"] == 0
    for line in ("accepted (advanced)", f"127.0.0.1:{tenant.port}", "healthcheck    available", "generation     current"):
        assert line in ended.output
    assert re.search(r"data sources\s+1\b", ended.output)


def test_the_doctor_says_in_one_line_what_is_wrong_with_a_key(play: Play, tenant: EmbeddedTenant) -> None:
    ended = play("doctor", tenant, key="expired")
    assert ended.code == 2
    assert "refused (advanced)" in ended.output
    assert [line for line in ended.output.splitlines() if "HTTP 401" in line and "the key has expired" in line]
    assert "Traceback" not in ended.output


def test_the_doctor_names_a_tenant_that_does_not_answer(play: Play) -> None:
    with EmbeddedTenant("guide", rate=1000) as gone:
        pass
    ended = play("doctor", gone)
    assert ended.code == 2
    assert f"cannot connect to 127.0.0.1:{gone.port}" in ended.output
    assert "Traceback" not in ended.output


# -- verify


def test_verify_tells_a_person_what_it_saw_and_names_nobody(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    tenant.set(offset="ignored")
    tenant.add_instance("SNYK", name="snyk-bakery", hostname="snyk.bakery.example")
    for name in ("bakery/oven", "bakery/till"):
        tenant.add_repository(name)
    ended = play("verify", tenant, verify_write="true", verify_repository_url="https://github.com/bakery/oven").fine()
    assert ended.counts()["changed"] == 0
    for line in (
        "works        creating, updating and deleting a collector: yes",
        "works        uploading a report: yes",
        "different    paging through repositories (offset: ignored): the list of repositories may be incomplete",
        "profile      tenant-profile.yml, which contains no name, ID, host, repository or key",
    ):
        assert line in ended.output, ended.output
    assert re.search(r"asked        \d+ requests in \d+\.\d s, one collector made and deleted", ended.output)
    assert [one["type"] for one in tenant.instances.values()] == ["SNYK"]
    written = (tmp_path / "tenant-profile.yml").read_text()
    assert yaml.safe_load(written)["switches"]["offset"] == "ignored"
    assert "bakery" not in written + ended.output


# -- onboard


def onboarded_once_then_unchanged_and_one_edit_shows_as_one_line(
    play: Play, tenant: EmbeddedTenant, tmp_path: Path, data: Path, expected: dict[str, str]
) -> None:
    """expected: what the first run does with each item, by its name or identifier."""
    wanted = yaml.safe_load(data.read_text())["tenant_data_sources"]
    assert {item.get("name") or item["identifier"] for item in wanted} == set(expected)
    first = play("onboard", tenant, onboard_file=str(data), tenant_show="all").fine()
    assert first.counts()["changed"] == 1
    counts = {word: list(expected.values()).count(word) for word in ("created", "updated", "deleted", "unchanged")}
    assert f"Applied: {', '.join(f'{number} {word}' for word, number in counts.items())}" in first.output
    for item in wanted:
        name = item.get("name") or item["identifier"]
        assert re.search(rf"\b{expected[name]}\s+{item['type']}\s+{name}\b", first.output), first.output
    (gitlab,) = [i for i in tenant.instances.values() if i["type"] == "GITLAB_SELF_MANAGED"]
    assert gitlab["repositoriesCount"] == 200
    assert re.search(r"gitlab-platform +gitlab\.example\.com +200 repos", first.output), first.output
    for collector in ("bandit", "semgrep"):
        assert (tmp_path / f"{collector}-collector.json").stat().st_mode & 0o777 == 0o600

    tenant.clear_journal()
    second = play("onboard", tenant, "--diff", onboard_file=str(data)).fine()
    assert second.counts()["changed"] == 0
    assert changed_lines(second.output) == []
    assert not re.search(r"\bunchanged\s+[A-Z]{3}", second.output), "the table lists changes"
    assert tenant.writes == []

    edited = written(
        tmp_path,
        data.read_text().replace("      - storefront/search\n", "      - storefront/search\n      - storefront/new\n"),
        "edited.yml",
    )
    tenant.set(read_only=True)
    third = play("onboard", tenant, "--check", "--diff", key="viewer", onboard_file=str(edited)).fine()
    assert third.counts()["changed"] == 1
    assert "Plan: 0 create, 1 update, 0 delete, " in third.output
    assert changed_lines(third.output) == ["-repositories: 4", "+repositories: 5", "+repositories + storefront/new"]
    assert tenant.write_attempts == []


def test_a_company_is_onboarded_once_then_unchanged_and_one_edit_shows_as_one_line(
    play: Play, tenant: EmbeddedTenant, tmp_path: Path, named: Path
) -> None:
    names = [item["name"] for item in yaml.safe_load(named.read_text())["tenant_data_sources"]]
    onboarded_once_then_unchanged_and_one_edit_shows_as_one_line(play, tenant, tmp_path, named, dict.fromkeys(names, "created"))
    assert {i["uniqueProperties"]["name"] for i in tenant.instances.values()} == set(names)


def test_what_is_connected_in_the_console_is_found_and_scoped_and_what_is_not_waits(play: Play, tmp_path: Path) -> None:
    first_run = {
        "storefront": "updated",
        "gitlab-platform": "updated",
        "bitbucket-embedded": "unchanged",
        "jenkins-release": "unchanged",
        "example-infrastructure": "unchanged",
        "example-organization": "updated",
        "sonarqube-quality": "pending",
        "bandit": "created",
        "semgrep-oss": "created",
    }
    with EmbeddedTenant("published", rate=1000) as tenant:
        for instance in CONSOLE["BEFORE"]:
            tenant.add_instance(**instance)
        onboarded_once_then_unchanged_and_one_edit_shows_as_one_line(play, tenant, tmp_path, DATA, first_run)
        assert len(tenant.instances) == len(CONSOLE["BEFORE"]) + 2

        tenant.set(read_only=False)
        (later,) = [tenant.add_instance(**instance) for instance in CONSOLE["LATER"]]
        ended = play("onboard", tenant, onboard_file=str(DATA)).fine()
        assert re.search(r"\bupdated\s+SONARQUBE\s+sonarqube-quality\b", ended.output), ended.output
        assert [mapping["externalId"] for mapping in tenant.instances[later]["externalProjects"]] == ["checkout-quality"]
        tenant.clear_journal()
        assert play("onboard", tenant, onboard_file=str(DATA)).fine().counts()["changed"] == 0
        assert tenant.writes == []


@in_ci_only("test_twice.py onboards an awkward tenant too")
def test_onboarding_an_awkward_tenant_ends_at_the_same_place(play: Play, named: Path) -> None:
    with EmbeddedTenant(profile="awkward", rate=1000) as awkward:
        play("onboard", awkward, onboard_file=str(named)).fine()
        assert len(awkward.instances) == 9
        assert play("onboard", awkward, onboard_file=str(named)).fine().counts()["changed"] == 0


def test_a_failed_item_is_named_once_and_the_others_are_done(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    """The end tells what was done and what is left to do, then why it failed; the backup of what was deselected is named."""
    selected = {"selection_type": "MANUAL_SELECTION", "state": ["a/1", "a/2"]}
    tenant.add_instance("BITBUCKET_DATACENTER", name="bb", hostname="bb.example.com", **selected)
    given = {
        "vcs_bitbucket_datacenter": [
            {"name": "bb", "hostname": "bb.example.com", "scope": ["a/1"], "repositories_mode": "exact"},
            {"name": "other", "hostname": "https://other.example.com:7990/", "token": "cnry-token", "scope": "all"},
        ],
        "ci_jenkins_server": [{"name": "jenkins"}],
        "tenant_data_sources": [{"type": "CHECKMARX_ONE", "name": "checkmarx", "credentials": {"token": "cnry-token"}}],
    }
    ended = play("onboard", tenant, tenant_backup_dir=str(tmp_path / "backups"), **given)
    assert ended.code == 2
    assert ended.counts()["changed"] == 1
    told = ended.output
    order = [
        "created  JENKINS_SERVER",
        "To do: JENKINS_SERVER jenkins: install the plugin in Jenkins",
        'Failed: tenant_data_sources[0]: CHECKMARX_ONE \\"checkmarx\\"',
        'Failed: vcs_bitbucket_datacenter[1]: BITBUCKET_DATACENTER \\"other\\": domain.hostname is a URL. Give the host alone, other.exam',
        f"Backup: {tmp_path / 'backups'}/",
        "Applied: 1 created, 1 updated, 0 deleted, 0 unchanged, 2 failed",
        "2 of 4 data sources could not be brought to the desired state, for the reasons above: tenant_data_sources[0]: CHECKMARX_ONE",
    ]
    places = [told.find(line) for line in order]
    assert -1 not in places, (order[places.index(-1)], told)
    assert places == sorted(places), told
    assert told.count("domain.hostname is a URL") == 1
    assert len(tenant.instances) == 2
    assert "cnry-token" not in told
    assert "Traceback" not in told


NOT_ONBOARDED: list[tuple[dict[str, Any], str]] = [
    ({}, "Nothing to onboard"),
    ({"onboard_file": ""}, "Nothing to onboard"),
    ({"onboard_file": "/no/such/file.yml"}, "onboard_file /no/such/file.yml does not exist"),
    ({"tenant_data_sources": [{"type": "SNYK", "nmae": "x"}]}, "tenant_data_sources[0]: unknown option nmae. Did you mean name?"),
    (
        {"tenant_data_sources": [{"type": "SNYK", "name": "x", "credentials": {"tokn": "cnry-misspelt"}}]},
        "tenant_data_sources[0] (x): unknown option credentials.tokn. Did you mean token?",
    ),
    ({"tenant_data_sources": [{"type": "SNYK", "name": "x", "credentials": "cnry-misshapen"}]}, "credentials"),
    ({"tenant_data_sources": "SNYK"}, "tenant_data_sources"),
    # A variable of the environment that is not set, a value of the vault that is not there.
    (
        {
            "tenant_data_sources": [
                {"type": "SNYK", "name": "x", "credentials": {"token": "{{ lookup('ansible.builtin.env', 'NOT_SET') }}"}}
            ]
        },
        'for the reasons above: tenant_data_sources[0]: SNYK "x".',
    ),
    ({"scanners_snyk": [{"name": "x", "token": "{{ none }}"}]}, 'for the reasons above: scanners_snyk[0]: SNYK "x".'),
    ({"vcs_bitbucket_datacenter": [{"name": "x", "hostname": "h", "token": " "}]}, "for the reasons above: vcs_bitbucket_datacenter[0]: "),
    ({"ci_circle_ci_cd": [{"name": "x", "token": None}]}, "for the reasons above: ci_circle_ci_cd[0]: "),
    ({"tenant_backup_dri": "bk"}, "tenant_backup_dri is not a variable of the collection. Did you mean tenant_backup_dir?"),
    ({"tenant_prune": "nope", "tenant_data_sources": []}, "tenant_prune must be true or false."),
    ({"tenant_data_sources": {"type": "SNYK"}}, "tenant_data_sources must be a list of data sources, each a dictionary"),
    ({"vcs_gitlab_self_managed": [{"name": "x", "scope_rules": [{"inclde": "a/*"}]}]}, "vcs_gitlab_self_managed[0] (x): unknown option"),
    ({"onboard_file": "misspelt.yml"}, "onboard_file misspelt.yml: tenant_data_source is not a variable of the collection."),
    ({"onboard_file": "nothing.yml"}, "onboard_file nothing.yml sets sources, and no data sources."),
]


def test_what_cannot_be_onboarded_is_said_before_anything_is_written(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    written(tmp_path, "tenant_data_source: []\n", "misspelt.yml")
    written(tmp_path, "sources: []\n", "nothing.yml")
    ended, lines = playing.refusals(tmp_path, "onboard", [variables for variables, _said in NOT_ONBOARDED], "-vvv", tenant=tenant)
    for (_variables, said), line in zip(NOT_ONBOARDED, lines, strict=True):
        assert said in line
    assert ended.output.count("would be created, but credentials.token is empty") >= 4
    assert "argument_spec_data" not in ended.output
    assert "cnry-" not in ended.output
    assert tenant.writes == []


def test_two_hosts_are_two_tenants(play: Play, tmp_path: Path) -> None:
    with EmbeddedTenant("guide", rate=1000) as one, EmbeddedTenant(profile="awkward", rate=1000) as two:
        hosts = {}
        for name, each in (("one", one), ("two", two)):
            key = each.keys["admin_standard"]
            connection = {
                "api_url": each.url,
                "api_key_id": key.id,
                "api_key": key.key,
                "api_key_type": key.type,
                "expected_tenant": "127.0.0.1",
            }
            items = [{"type": "JENKINS_SERVER", "name": f"jenkins-{name}"}, {"type": "SNYK", "name": f"snyk-{name}"}]
            hosts[name] = {"cortex_cloud_connection": connection, "tenant_data_sources": items}
        inventory = written(tmp_path, yaml.safe_dump({"tenants": {"hosts": hosts}}), "inventory.yml")
        ended = play("onboard", None, inventory=str(inventory), cortex_cloud_hosts="tenants").fine()
        assert ended.counts("one")["changed"] == ended.counts("two")["changed"] == 1
        for name, each in (("one", one), ("two", two)):
            assert {i["uniqueProperties"]["name"] for i in each.instances.values()} == {f"jenkins-{name}", f"snyk-{name}"}
            assert each.keys["admin_standard"].key not in ended.output


# -- the role alone


ROLE = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  roles:
    - role: cortex_cloud.appsec.tenant
      vars:
        tenant_data_sources:
          - {type: JENKINS_SERVER, name: jenkins-blue}
          - {type: SNYK, name: snyk-eu, state: STATE}
"""


def test_the_role_alone(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    present = written(tmp_path, ROLE.replace("STATE", "present"))
    assert play(present, tenant).fine().counts()["changed"] == 1
    assert play(present, tenant).fine().counts()["changed"] == 0
    assert play(written(tmp_path, ROLE.replace("STATE", "absent")), tenant).fine().counts()["changed"] == 1
    assert len(tenant.instances) == 1


def test_the_role_refuses_a_misspelt_choice_with_its_name(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    ended = play(written(tmp_path, ROLE.replace("STATE", "gone")), tenant)
    assert ended.code == 2
    assert "state" in "".join(ended.errors)
    assert tenant.journal == []


def test_a_branch_that_became_a_number_is_not_uploaded_to(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    """An answer of 1.10, as a controller hands it on."""
    (tmp_path / "report.sarif").write_text(json.dumps(REPORT))
    variables = {"sarif_path": "report.sarif", "sarif_collector_id": "1", "sarif_repository_url": "https://github.com/example/shop"}
    ended = play("upload_sarif", tenant, "--check", sarif_branch=1.1, **variables)
    assert ended.code == 2
    assert "sarif_branch must be text, but YAML turned it into a number or a Boolean" in ended.output
    named = play("upload_sarif", tenant, "--check", **{**variables, "sarif_collector_id": 7, "sarif_commit": False, "sarif_branch": None})
    assert "sarif_collector_id, sarif_commit must be text" in named.output
    assert tenant.journal == []


# -- every playbook, reading only


# What each needs to run against a tenant that holds what demo/tenant.yml describes; a reason where it cannot.
NEEDS: dict[str, dict[str, Any] | str] = {
    "doctor": {},
    "verify": {},
    "export": {"export_file": "{tmp}/export.yml"},
    "onboard": {"onboard_file": "{tmp}/named.yml"},
    "upload_sarif": {
        "sarif_path": "{tmp}/report.sarif",
        "sarif_collector_name": "bandit",
        "sarif_repository_url": "https://github.com/example/shop",
        "sarif_branch": "main",
    },
    "decommission": {
        "decommission_type": "JENKINS_SERVER",
        "decommission_name": "jenkins-release",
        "decommission_id": "",
        "decommission_backup_dir": "{tmp}/retired",
    },
    "audit": {"onboard_file": "{tmp}/named.yml", "audit_report_dir": "{tmp}/audit"},
}


def test_no_playbook_is_forgotten() -> None:
    there = {p.stem for p in PLAYBOOKS.glob("*.yml")}
    unknown = sorted(there - NEEDS.keys() - {"audit", "decommission", "awx_setup"})
    assert unknown == [], f"add {', '.join(unknown)} to NEEDS, so that it is run"
    assert {"doctor", "onboard", "upload_sarif"} <= there


@pytest.mark.parametrize("name", sorted(p.stem for p in PLAYBOOKS.glob("*.yml")))
@pytest.mark.usefixtures("named")
def test_in_check_mode_every_playbook_only_reads(play: Play, tenant: EmbeddedTenant, tmp_path: Path, name: str) -> None:
    needs = NEEDS.get(name, "has tests of its own")
    if isinstance(needs, str):
        pytest.skip(f"{name}: {needs}")
    (tmp_path / "report.sarif").write_text(json.dumps(REPORT))
    tenant.add_repository("example/shop")
    collector = tenant.add_collector("bandit")
    # Its token is where the data file says, or a run would tell that it is missing.
    kept = {"id": collector.id, "token_id": collector.token_id, "token": collector.token}
    (tmp_path / "bandit-collector.json").write_text(json.dumps(kept))
    tenant.add_instance("JENKINS_SERVER", name="jenkins-release")
    tenant.set(read_only=True)
    variables = {k: v.replace("{tmp}", str(tmp_path)) for k, v in needs.items()}
    ended = play(name, tenant, "--check", "--diff", key="viewer", **variables).fine()
    assert tenant.write_attempts == []
    assert tenant.writes == []
    assert tenant.keys["viewer"].key not in ended.output
    assert collector.token not in ended.output


def test_a_report_is_uploaded(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    (tmp_path / "report.sarif").write_text(json.dumps(REPORT))
    tenant.add_repository("example/shop")
    tenant.add_collector("bandit")
    needs = NEEDS["upload_sarif"]
    assert isinstance(needs, dict)
    play("upload_sarif", tenant, **{k: v.replace("{tmp}", str(tmp_path)) for k, v in needs.items()}).fine()
    assert [r["ruleId"] for r in tenant.accepted_results] == ["B101"]


def test_what_is_exported_can_be_onboarded_and_changes_nothing(
    play: Play, tenant: EmbeddedTenant, tmp_path: Path, named: Path
) -> None:
    play("onboard", tenant, onboard_file=str(named)).fine()
    play("export", tenant, export_file=str(tmp_path / "export.yml")).fine()
    tenant.clear_journal()
    assert play("onboard", tenant, onboard_file=str(tmp_path / "export.yml")).fine().counts()["changed"] == 0
    assert tenant.writes == []


def test_hosts_that_nobody_is_in_are_an_error(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    ended = play("doctor", tenant, cortex_cloud_hosts="nobody_at_all")
    assert ended.code != 0, "a run on no host at all must not look like a success"
    assert "cortex_cloud_hosts is nobody_at_all, which matches no host of the inventory" in ended.output
    ended = play("doctor", tenant, "--limit", "tenants", inventory=str(written(tmp_path, "[tenants]\nprod\n", "inventory.ini")))
    assert ended.code != 0
    assert "--limit tenants excludes localhost, on which this would run: nothing was done." in ended.output
    assert "give -e cortex_cloud_hosts=tenants instead" in ended.output


# -- secrets on the screen


CANARIES = {"token": "cnry-token-1", "client_secret": "cnry-client-2", "password": "cnry-pass-3", "refresh_token": "cnry-refresh-4"}
SECRET_ITEMS = [
    {
        "type": "BITBUCKET_DATACENTER",
        "name": "bb",
        "domain": {"hostname": "bb.example.com"},
        "credentials": CANARIES,
        "selection_type": "CURRENT_STATE",
    },
    {"type": "SNYK", "name": "snyk", "unique_properties": {"apiToken": "cnry-setting-5", "deep": {"secret": "cnry-deep-6"}}},
    {"type": "JENKINS_SERVER", "name": "jenkins", "credentials": {"webhook_auth_key": "cnry-hook-7"}},
]


VVVV = "test_canary.py searches a run that succeeds, and all of its files"


@pytest.mark.parametrize("options", first_outside_ci([(), ("--check",)], VVVV), ids=["run", "check"])
@pytest.mark.parametrize("refused", first_outside_ci([True, False], VVVV), ids=["failure", "success"])
def test_vvvv_shows_no_secret(play: Play, tenant: EmbeddedTenant, options: tuple[str, ...], refused: bool) -> None:
    tenant.set(read_only=refused)
    ended = play("onboard", tenant, "-vvvv", "--diff", *options, tenant_data_sources=SECRET_ITEMS)
    assert (ended.code != 0) == (refused and not options), ended.output
    assert tenant.journal, "the tenant was asked, or the search proves nothing"
    for secret in ("cnry-", tenant.keys["admin"].key):
        assert secret not in ended.output, ended.output[max(0, ended.output.find(secret) - 300) : ended.output.find(secret) + 80]
    if not refused and not options:
        (bitbucket,) = [i for i, shown in tenant.instances.items() if shown["type"] == "BITBUCKET_DATACENTER"]
        assert tenant.credential_matches(bitbucket, "token", "cnry-token-1"), "it was sent, or the search proves nothing"


def test_a_key_in_cortex_cloud_connection_is_not_shown(play: Play, tenant: EmbeddedTenant) -> None:
    key = tenant.keys["admin"]
    connection = {"api_url": tenant.url, "api_key_id": key.id, "api_key": key.key}
    for book, more in (("doctor", {}), ("onboard", {"tenant_data_sources": SECRET_ITEMS})):
        ended = play(book, None, "-vvvv", cortex_cloud_connection=connection, **more).fine()
        assert key.key not in ended.output
        assert "cnry-" not in ended.output


# -- what somebody wrote into an exported file


def test_an_export_replaces_no_file_unless_told_and_then_keeps_it(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    file = tmp_path / "tenant.yml"
    tenant.add_instance("GITHUB", name="g", selection_type="MANUAL_SELECTION", state=["o/a"])
    checked = play("export", tenant, "--check", export_file=str(file)).fine()
    assert "1 data sources would be written to" in checked.output
    assert not file.exists()
    for folder, why in ((tmp_path / "no", "there is no folder"), (Path("/proc"), "cannot be written: ")):
        for options in ([], ["--check"]) if folder.name == "no" else ([],):
            assert why in play("export", tenant, *options, export_file=str(folder / "x.yml")).output
    file.write_text("# my notes\n", encoding="utf-8")
    tenant.clear_journal()
    refused = play("export", tenant, export_file=str(file))
    assert refused.code == 2
    assert "already exists, perhaps with manual changes" in refused.output
    assert (file.read_text(), tenant.journal) == ("# my notes\n", [])
    replaced = play("export", tenant, export_file=str(file), export_overwrite=True).fine()
    (kept,) = [path for path in tmp_path.iterdir() if path.name.startswith("tenant.yml.")]
    assert kept.read_text() == "# my notes\n"
    assert f"The previous content is in {kept}" in replaced.output.replace("\n", " ")
    assert "tenant_data_sources" in file.read_text()
