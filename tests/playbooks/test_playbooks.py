# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks, run by ansible-playbook as a user starts it, against embedded tenants."""

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
# What `make demo` connects in the console, before the first run and later.
CONSOLE = runpy.run_path(str(ROOT / "demo" / "console.py"))
CANARIES = {"token": "cnry-token-1", "client_secret": "cnry-client-2", "password": "cnry-pass-3", "refresh_token": "cnry-refresh-4"}
SECRET_ITEMS = [
    {"type": "BITBUCKET_DATACENTER", "name": "bb", "domain": {"hostname": "bb.example.com"}, "credentials": CANARIES,
     "selection_type": "CURRENT_STATE"},
    {"type": "SNYK", "name": "snyk", "unique_properties": {"apiToken": "cnry-setting-5", "deep": {"secret": "cnry-deep-6"}}},
    {"type": "JENKINS_SERVER", "name": "jenkins", "credentials": {"webhook_auth_key": "cnry-hook-7"}},
]  # fmt: skip
Play = Callable[..., Ended]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """play("doctor", tenant, "--check", variable=value) runs a playbook; environment variables name the tenant and the key."""

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
    """demo/tenant.yml for tenants on which every type can be created, and with names instead of identifiers."""
    text = DATA.read_text()
    assert "    identifier: " in text
    return written(tmp_path, text.replace("    identifier: ", "    name: "), "named.yml")


def changed_lines(output: str) -> list[str]:
    """The lines of all diffs, without headers."""
    return [line for line in output.splitlines() if re.match(r"[+-](?!\+\+ |-- )", line)]


# -- doctor


def test_the_doctor_says_in_one_line_what_is_wrong_and_shows_no_key(tenant: EmbeddedTenant, tmp_path: Path) -> None:
    with EmbeddedTenant("guide", rate=1000) as stopped:
        pass
    cases = [{"cortex_cloud_connection": tenant.connection("expired")}, {"cortex_cloud_connection": stopped.connection()}]
    ended, (expired, unreachable) = playing.refusals(tmp_path, "doctor", cases, "-vvvv", tenant=tenant)
    assert "refused (advanced)" in ended.output
    assert "HTTP 401" in expired
    assert "the key has expired" in expired
    assert f"cannot connect to 127.0.0.1:{stopped.port}" in unreachable
    assert "\n" not in expired + unreachable
    for key in (tenant.keys["expired"], stopped.keys["admin"], tenant.keys["admin"]):
        assert key.key not in ended.output


# -- verify


def test_verify_reports_what_it_saw_without_any_name(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
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


def onboard_for_the_first_time(play: Play, tenant: EmbeddedTenant, tmp_path: Path, data: Path, expected: dict[str, str]) -> None:
    """expected: what the run does with each item, by its name or identifier."""
    items = yaml.safe_load(data.read_text())["tenant_data_sources"]
    assert {item.get("name") or item["identifier"] for item in items} == set(expected)
    first = play("onboard", tenant, onboard_file=str(data), tenant_show="all").fine()
    assert first.counts()["changed"] == 1
    counts = {word: list(expected.values()).count(word) for word in ("created", "updated", "deleted", "unchanged")}
    assert f"Applied: {', '.join(f'{number} {word}' for word, number in counts.items())}" in first.output
    for item in items:
        name = item.get("name") or item["identifier"]
        assert re.search(rf"\b{expected[name]}\s+{item['type']}\s+{name}\b", first.output), first.output
    (gitlab,) = [i for i in tenant.instances.values() if i["type"] == "GITLAB_SELF_MANAGED"]
    assert gitlab["repositoriesCount"] == 200
    assert re.search(r"gitlab-platform +gitlab\.example\.com +200 repos", first.output), first.output
    for collector in ("bandit", "semgrep"):
        assert (tmp_path / f"{collector}-collector.json").stat().st_mode & 0o777 == 0o600


def run_again_unchanged_then_with_one_edit(play: Play, tenant: EmbeddedTenant, tmp_path: Path, data: Path) -> None:
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


def test_a_company_is_created_and_onboarding_its_export_changes_nothing(
    play: Play, tenant: EmbeddedTenant, tmp_path: Path, named: Path
) -> None:
    names = [item["name"] for item in yaml.safe_load(named.read_text())["tenant_data_sources"]]
    onboard_for_the_first_time(play, tenant, tmp_path, named, dict.fromkeys(names, "created"))
    assert {i["uniqueProperties"]["name"] for i in tenant.instances.values()} == set(names)
    play("export", tenant, export_file=str(tmp_path / "export.yml")).fine()
    tenant.clear_journal()
    assert play("onboard", tenant, onboard_file=str(tmp_path / "export.yml")).fine().counts()["changed"] == 0
    assert tenant.writes == []


def test_what_is_connected_in_the_console_is_found_and_scoped_and_the_rest_waits(play: Play, tmp_path: Path) -> None:
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
        onboard_for_the_first_time(play, tenant, tmp_path, DATA, first_run)
        assert len(tenant.instances) == len(CONSOLE["BEFORE"]) + 2
        (later,) = [tenant.add_instance(**instance) for instance in CONSOLE["LATER"]]
        ended = play("onboard", tenant, onboard_file=str(DATA)).fine()
        assert re.search(r"\bupdated\s+SONARQUBE\s+sonarqube-quality\b", ended.output), ended.output
        assert "Applied: 0 created, 1 updated, 0 deleted, 8 unchanged" in ended.output
        assert [mapping["externalId"] for mapping in tenant.instances[later]["externalProjects"]] == ["checkout-quality"]
        run_again_unchanged_then_with_one_edit(play, tenant, tmp_path, DATA)


@in_ci_only("test_twice.py onboards an awkward tenant too")
def test_onboarding_an_awkward_tenant_ends_at_the_same_place(play: Play, named: Path) -> None:
    with EmbeddedTenant(profile="awkward", rate=1000) as awkward:
        play("onboard", awkward, onboard_file=str(named)).fine()
        assert len(awkward.instances) == 9
        assert play("onboard", awkward, onboard_file=str(named)).fine().counts()["changed"] == 0


def test_a_failed_item_is_named_once_and_the_others_are_done(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    """The end of the output has what was done, what is left to do, and why it failed. It names the backup of what was deselected."""
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
    order = [
        "created  JENKINS_SERVER",
        "To do: JENKINS_SERVER jenkins: install the plugin in Jenkins",
        'Failed: tenant_data_sources[0]: CHECKMARX_ONE \\"checkmarx\\"',
        'Failed: vcs_bitbucket_datacenter[1]: BITBUCKET_DATACENTER \\"other\\": domain.hostname is a URL. Give the host alone, other.exam',
        f"Backup: {tmp_path / 'backups'}/",
        "Applied: 1 created, 1 updated, 0 deleted, 0 unchanged, 2 failed",
        "2 of 4 data sources could not be brought to the desired state, for the reasons above: tenant_data_sources[0]: CHECKMARX_ONE",
    ]
    places = [ended.output.find(line) for line in order]
    assert -1 not in places, (order[places.index(-1)], ended.output)
    assert places == sorted(places), ended.output
    assert ended.output.count("domain.hostname is a URL") == 1
    assert len(tenant.instances) == 2
    assert "cnry-token" not in ended.output
    assert "Traceback" not in ended.output


UNSET = "{{ lookup('ansible.builtin.env', 'NOT_SET') }}"
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
    # An environment variable that is not set; a value that is missing in the vault.
    (
        {"tenant_data_sources": [{"type": "SNYK", "name": "x", "credentials": {"token": UNSET}}]},
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


def test_what_cannot_be_onboarded_is_refused_before_anything_is_written(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    written(tmp_path, "tenant_data_source: []\n", "misspelt.yml")
    written(tmp_path, "sources: []\n", "nothing.yml")
    ended, lines = playing.refusals(tmp_path, "onboard", [variables for variables, _message in NOT_ONBOARDED], "-vvv", tenant=tenant)
    for (_variables, message), line in zip(NOT_ONBOARDED, lines, strict=True):
        assert message in line
    assert ended.output.count("would be created, but credentials.token is empty") >= 4
    assert "argument_spec_data" not in ended.output
    assert "cnry-" not in ended.output
    assert tenant.writes == []


def test_two_hosts_are_two_tenants_whose_keys_are_not_shown(play: Play, tmp_path: Path) -> None:
    with EmbeddedTenant("guide", rate=1000) as one, EmbeddedTenant(profile="awkward", rate=1000) as two:
        hosts = {}
        for name, each in (("one", one), ("two", two)):
            connection = {**each.connection("admin_standard"), "expected_tenant": "127.0.0.1"}
            items = [{**item, "name": f"{item['name']}-{name}"} for item in SECRET_ITEMS]
            hosts[name] = {"cortex_cloud_connection": connection, "tenant_data_sources": items}
        inventory = written(tmp_path, yaml.safe_dump({"tenants": {"hosts": hosts}}), "inventory.yml")
        ended = play("onboard", None, "-vvvv", inventory=str(inventory), cortex_cloud_hosts="tenants").fine()
        assert ended.counts("one")["changed"] == ended.counts("two")["changed"] == 1
        for name, each in (("one", one), ("two", two)):
            names = {i["uniqueProperties"]["name"] for i in each.instances.values()}
            assert names == {f"bb-{name}", f"snyk-{name}", f"jenkins-{name}"}
            assert each.keys["admin_standard"].key not in ended.output
        assert "cnry-" not in ended.output


# -- the role alone


ROLE = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  module_defaults:
    group/cortex_cloud.appsec.all: {api_url: "URL"}
  roles:
    - role: cortex_cloud.appsec.tenant
      vars:
        tenant_data_sources:
          - {type: JENKINS_SERVER, name: jenkins-blue}
          - {type: SNYK, name: snyk-eu, state: STATE}
"""


def test_the_role_alone(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    """Two data sources, the same again, one of them absent, and a misspelt choice for another tenant: one play for each."""
    with EmbeddedTenant("guide", rate=1000) as untouched:
        states = [("present", tenant), ("present", tenant), ("absent", tenant), ("gone", untouched)]
        plays = [ROLE.replace("STATE", state).replace("URL", each.url) for state, each in states]
        ended = play(written(tmp_path, "".join(plays)), tenant)
        assert ended.code == 2
        assert (ended.counts()["changed"], ended.counts()["failed"]) == (2, 1), ended.output
        assert [entry.method for entry in tenant.writes] == ["POST", "POST", "DELETE"]
        assert len(tenant.instances) == 1
        assert "state" in "".join(ended.errors)
        assert "[WARNING]" not in ended.output
        assert untouched.journal == []


def test_a_branch_that_became_a_number_is_not_uploaded_to(tenant: EmbeddedTenant, tmp_path: Path) -> None:
    """Such as 1.10, from a survey of a controller."""
    (tmp_path / "report.sarif").write_text(json.dumps(REPORT))
    variables = {"sarif_path": "report.sarif", "sarif_collector_id": "1", "sarif_repository_url": "https://github.com/example/shop"}
    others = {**variables, "sarif_collector_id": 7, "sarif_commit": False, "sarif_branch": None}
    cases = [{**variables, "sarif_branch": 1.1}, others]
    _ended, (branch, several) = playing.refusals(tmp_path, "upload_sarif", cases, "--check", tenant=tenant)
    assert "sarif_branch must be text, but YAML turned it into a number or a Boolean" in branch
    assert "sarif_collector_id, sarif_commit must be text" in several
    assert tenant.journal == []


# -- every playbook, reading only


# The variables of each playbook for a tenant with some of what demo/tenant.yml describes, or why it is not run.
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
    "awx_setup": "it has its own tests",
}
# The hosts of every playbook that contacts a tenant.
HOSTS = "{{ cortex_cloud_hosts | default('localhost') | cortex_cloud.appsec.hosts_within(ansible_limit | default(''), groups) }}"


def hosts_of(book: Path) -> set[str]:
    """The hosts of its plays, and of the plays that it imports."""
    plays = yaml.safe_load(book.read_text(encoding="utf-8"))
    imported = [book.parent / play["ansible.builtin.import_playbook"] for play in plays if "hosts" not in play]
    return {play["hosts"] for play in plays if "hosts" in play}.union(*map(hosts_of, imported))


def test_every_playbook_is_run_below_and_on_the_hosts_of_its_variable() -> None:
    books = {path.stem: path for path in PLAYBOOKS.glob("*.yml")}
    assert books.keys() == NEEDS.keys(), "NEEDS has every playbook, so that it is run"
    assert hosts_of(books.pop("awx_setup")) == {"localhost"}
    assert {name: hosts_of(path) for name, path in books.items()} == {name: {HOSTS} for name in books}


def test_every_playbook_with_a_data_file_checks_it_first() -> None:
    books = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in PLAYBOOKS.glob("*.yml")}
    checking = {name for name, plays in books.items() if plays[0].get("ansible.builtin.import_playbook") == "checks/data_file.yml"}
    loading = {name for name, plays in books.items() if any("{{ onboard__path }}" in play.get("vars_files", []) for play in plays)}
    assert checking == loading == {"onboard", "audit", "decommission"}


@pytest.mark.parametrize("name", sorted(p.stem for p in PLAYBOOKS.glob("*.yml")))
@pytest.mark.usefixtures("named")
def test_in_check_mode_every_playbook_only_reads(play: Play, tenant: EmbeddedTenant, tmp_path: Path, name: str) -> None:
    needs = NEEDS[name]
    if isinstance(needs, str):
        pytest.skip(f"{name}: {needs}")
    (tmp_path / "report.sarif").write_text(json.dumps(REPORT))
    tenant.add_repository("example/shop")
    collector = tenant.add_collector("bandit")
    # Its token is where the data file says, otherwise a run would report it as missing.
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
    if name == "doctor":
        assert ended.counts()["changed"] == 0
        for line in ("accepted (advanced)", f"127.0.0.1:{tenant.port}", "healthcheck    available", "generation     current"):
            assert line in ended.output
        assert re.search(r"data sources\s+2\b", ended.output)


def test_a_run_on_no_host_is_an_error(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    ended = play("doctor", tenant, cortex_cloud_hosts="nobody_at_all")
    assert ended.code != 0, "a run on no host must not look like a success"
    assert "cortex_cloud_hosts is nobody_at_all, which matches no host of the inventory" in ended.output
    ended = play("doctor", tenant, "--limit", "tenants", inventory=str(written(tmp_path, "[tenants]\nprod\n", "inventory.ini")))
    assert ended.code != 0
    assert "--limit tenants excludes localhost, on which this would run: nothing was done." in ended.output
    assert "give -e cortex_cloud_hosts=tenants instead" in ended.output


# -- secrets on the screen


VVVV = "test_canary.py searches a run that succeeds, and all of its files"


@pytest.mark.parametrize("options", first_outside_ci([(), ("--check",)], VVVV), ids=["run", "check"])
@pytest.mark.parametrize("refused", first_outside_ci([True, False], VVVV), ids=["failure", "success"])
def test_vvvv_shows_no_secret(play: Play, tenant: EmbeddedTenant, options: tuple[str, ...], refused: bool) -> None:
    tenant.set(read_only=refused)
    ended = play("onboard", tenant, "-vvvv", "--diff", *options, tenant_data_sources=SECRET_ITEMS)
    assert (ended.code != 0) == (refused and not options), ended.output
    assert tenant.journal, "the tenant received requests, otherwise the search proves nothing"
    for secret in ("cnry-", tenant.keys["admin"].key):
        assert secret not in ended.output, ended.output[max(0, ended.output.find(secret) - 300) : ended.output.find(secret) + 80]
    if not refused and not options:
        (bitbucket,) = [i for i, shown in tenant.instances.items() if shown["type"] == "BITBUCKET_DATACENTER"]
        assert tenant.credential_matches(bitbucket, "token", "cnry-token-1"), "it was sent, otherwise the search proves nothing"


# -- an export and an existing file


def test_an_export_replaces_no_file_unless_told_and_then_keeps_it(play: Play, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    file = tmp_path / "tenant.yml"
    tenant.add_instance("GITHUB", name="g", selection_type="MANUAL_SELECTION", state=["o/a"])
    checked = play("export", tenant, "--check", export_file=str(file)).fine()
    assert "1 data sources would be written to" in checked.output
    assert not file.exists()
    file.write_text("# my notes\n", encoding="utf-8")
    tenant.clear_journal()
    cases = [{"export_file": str(path)} for path in (tmp_path / "no" / "x.yml", Path("/proc/x.yml"), file)]
    for options in ((), ("--check",)):
        _ended, (no_folder, unwritable, exists) = playing.refusals(tmp_path, "export", cases, *options, tenant=tenant)
        assert "there is no folder" in no_folder
        assert "cannot be written: " in unwritable
        assert "already exists, perhaps with manual changes" in exists
    assert (file.read_text(), tenant.journal) == ("# my notes\n", [])
    replaced = play("export", tenant, export_file=str(file), export_overwrite=True).fine()
    (kept,) = [path for path in tmp_path.iterdir() if path.name.startswith("tenant.yml.")]
    assert kept.read_text() == "# my notes\n"
    assert f"The previous content is in {kept}" in replaced.output.replace("\n", " ")
    assert "tenant_data_sources" in file.read_text()
