# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Misspelt variables are refused with the right name; a user's own variables are left alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.display import Display

from ansible_collections.cortex_cloud.appsec.plugins.lookup import variable_faults
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._items import (
    hosts_within,
    role_faults,
    role_items,
    role_places,
)
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._variables import (
    KNOWN,
    invalid_value,
    misspelt,
    prefix_of,
    similar_to,
    unknown_in_file,
)

NEAR = {
    "tenant_backup_dri": "tenant_backup_dir",
    "tenant_backup": "tenant_backup_dir",
    "tenant_backup_folder": "tenant_backup_dir",
    "tenant_expected_tennant": "tenant_expected_tenant",
    "tenant_expected": "tenant_expected_tenant",
    "tenant_data_source": "tenant_data_sources",
    "tenant_prune_typs": "tenant_prune_types",
    "tenant_prune_maximum": "tenant_prune_max",
    "tenant_plan_requird": "tenant_plan_required",
    "audit_exeptions": "audit_exceptions",
    "audit_fail_onn": "audit_fail_on",
    "decommission_backup_dri": "decommission_backup_dir",
    "decommission_conform": "decommission_confirm",
    "sarif_collector_manag": "sarif_collector_manage",
    "sarif_repository": "sarif_repository_id",
    "export_fil": "export_file",
    "onboard_fiel": "onboard_file",
    "verify_wrte": "verify_write",
    "vcs_github_enterprize": "vcs_github_enterprise",
    "ci_jenkins_serer": "ci_jenkins_server",
    "cortex_cloud_host": "cortex_cloud_hosts",
    "cortex_cloud_conection": "cortex_cloud_connection",
    "awx_keep_dri": "awx_keep_dir",
}
OWN = [
    *("tenant_name", "tenant_id", "tenant_url", "tenant_region", "tenant_team", "audit_team", "audit_owner", "ci_pipeline_id"),
    *("vcs_gitlab_token", "scanners_snyk_token", "ci_jenkins_token", "ci_jenkins_url", "tenant_data_sources_common", "export_dir"),
    # Internal to a role, set by a controller, and unrelated.
    *("tenant__result", "sarif_collector__numbers", "awx_user_name", "awx_inventory_name", "awx_inventory_id", "awx_project_revision"),
    *("awx_job_id", "tenant_", "ansible_limit", "inventory_hostname", "tenants", "cortex_team", "x"),
]


@pytest.mark.parametrize(("name", "meant"), NEAR.items())
def test_a_misspelt_name_is_recognised(name: str, meant: str) -> None:
    assert similar_to(name) == meant


@pytest.mark.parametrize("name", [*OWN, *sorted(KNOWN)])
def test_own_and_known_names_are_left_alone(name: str) -> None:
    assert similar_to(name) == ""
    assert list(misspelt({name: 1})) == []


def test_a_lost_or_doubled_letter_never_leads_to_another_known_name() -> None:
    """Each typing error leads back to a known name."""
    for name in KNOWN:
        if name == "awx_inventory" or len(name) - len(prefix_of(name)) < 4:
            # A controller has such names; and in a name of two letters one letter is half of it.
            continue
        # In the last word, where errors are easily overlooked.
        for typed in (name[:-1], name + name[-1], name[:-2] + name[-1]):
            assert typed in KNOWN or similar_to(typed), typed


def test_a_registered_result_is_not_an_error() -> None:
    assert list(misspelt({"sarif_collector": {"changed": False}})) == []
    (said,) = misspelt({"sarif_collector": "bandit"})
    assert said.startswith("sarif_collector is not a variable of the collection. Did you mean sarif_collector_")


def test_in_a_data_file_every_name_with_our_prefix_must_be_known() -> None:
    names = ["tenant_backup_dri", "tenant_team", "tenant_prune", "vcs_token", "ci_pipeline_id", "ci_jenkins_serer", "team", "vcs_github"]
    told = {line.split()[0]: line for line in unknown_in_file(names)}
    assert list(told) == ["tenant_backup_dri", "tenant_team", "vcs_token", "ci_jenkins_serer"]
    assert told["tenant_team"].endswith("Give a variable of your own a name that does not begin with tenant_. Nothing was sent.")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("tenant_prune", "nope", "tenant_prune must be true or false."),
        ("tenant_prune", "yes", ""),
        ("tenant_prune", None, ""),
        ("tenant_prune_max", "5", ""),
        ("tenant_prune_max", "many", "tenant_prune_max must be a whole number."),
        ("tenant_show", "everything", "tenant_show must be changes or all."),
        ("tenant_show", "all", ""),
    ],
)
def test_an_invalid_value_is_an_error_on_one_line(name: str, value: Any, said: str) -> None:
    assert invalid_value(name, value) == said


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """faults(variables, terms, text of the data file, extra variables): the result of the look-up."""
    monkeypatch.chdir(tmp_path)

    def ask(variables: dict[str, Any], *terms: str, text: str | None = None, extra: tuple[str, ...] = ()) -> list[str]:
        monkeypatch.setattr(variable_faults, "load_extra_vars", lambda _loader: dict.fromkeys(extra))
        if text is not None:
            (tmp_path / "prod.yml").write_text(text, encoding="utf-8")
        loader = DataLoader()
        look_up = variable_faults.LookupModule(loader=loader, templar=Templar(loader=loader, variables=variables))
        return look_up.run(list(terms), variables, **({} if text is None else {"data_file": "prod.yml"}))

    return ask


def test_an_error_in_the_file_is_reported_once_with_the_file(faults: Any) -> None:
    text = "tenant_backup_dri: bk\ntenant_plan_digest: x\nteam: blue\n"
    misspelt_one, approval = faults({"tenant_backup_dri": "bk", "tenant_plan_digest": "x", "team": "blue"}, "tenant", text=text)
    assert misspelt_one == (
        "onboard_file prod.yml: tenant_backup_dri is not a variable of the collection. Did you mean tenant_backup_dir? Nothing was sent."
    )
    assert approval.startswith("onboard_file prod.yml sets tenant_plan_digest, so whoever writes it would approve their own plan")


def test_errors_in_other_sources_and_values_are_reported_too(faults: Any) -> None:
    said = faults({"tenant_prune": "nope", "audit_max_age_days": "soon", "verify_wrte": True}, "tenant")
    assert said == [
        "verify_wrte is not a variable of the collection. Did you mean verify_write? A variable of your own needs another name. "
        "Nothing was sent.",
        "tenant_prune must be true or false.",
    ]


def test_a_data_file_sets_nothing_of_the_playbooks_own(faults: Any) -> None:
    said = faults({}, text="onboard_file: ''\nonboard__faults: []\ntenant__given: []\n")
    assert [line.split(" ", 3)[2] for line in said] == ["onboard_file", "onboard__faults", "tenant__given"]
    assert faults({}, text=f"a: {'[' * 3000}") == ["onboard_file prod.yml: The data file is nested too deep to be read."]


def test_a_name_is_no_command_to_a_terminal_or_a_log_and_may_be_a_number(faults: Any) -> None:
    variables = {5: 1, "tenant_backup_di\x1b[31mr": 1, "tenant_backup_dr\n::error::": 1}
    said = faults(variables) + faults({}, text='"tenant_\\e[31m\\n##vso[x]y": 1')
    assert len(said) == 2
    assert not re.search("[\x00-\x1f]|##vso|::error::", "".join(said))


def test_a_missing_file_is_an_error(faults: Any, tmp_path: Path) -> None:
    (tmp_path / "prod.yml").write_text("{}", encoding="utf-8")
    assert faults({}, text="{}") == []
    look_up = variable_faults.LookupModule(loader=DataLoader(), templar=None)
    assert look_up.run([], {}, data_file="gone.yml") == [f"onboard_file gone.yml does not exist (looked for {tmp_path / 'gone.yml'})."]


def test_a_file_that_cannot_be_read_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.yml").mkdir()
    (tmp_path / "vault.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n6161\n", encoding="utf-8")
    look_up = variable_faults.LookupModule(loader=DataLoader(), templar=None)
    for name, said in (("folder.yml", "Could not find or access"), ("vault.yml", "vault")):
        (fault,) = look_up.run([], {}, data_file=name)
        assert fault.startswith(f"onboard_file {name}: ")
        assert said in fault
        assert "\n" not in fault


def test_unknown_names_on_the_command_line_cause_a_warning(faults: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, text: warned.append(text))
    assert faults({}, extra=("tenant_dry_run", "team", "ci_job", "tenant_prune", "tenant_backup_dri")) == []
    assert warned == ["tenant_dry_run, which was given with -e, is not a variable of the collection and is ignored."]


# -- where an item was written

ENTRIES = {"vcs_github": [{"name": "gh"}, {"name": "gh2", "scope_rules": [{"inclde": "x"}]}], "ci_jenkins_server": [{"name": "blue"}]}


def test_each_item_keeps_the_place_where_it_was_written() -> None:
    listed = [{"type": "SNYK", "name": "s"}]
    assert role_places(ENTRIES, listed) == ["tenant_data_sources[0]", "vcs_github[0]", "vcs_github[1]", "ci_jenkins_server[0]"]
    assert [item["name"] for item in role_items(ENTRIES, listed)] == ["s", "gh", "gh2", "blue"]


def test_an_error_names_file_variable_and_index() -> None:
    assert role_faults(ENTRIES, [{"type": "SNYK", "name": "s"}], "prod.yml", ["vcs_github"]) == [
        "onboard_file prod.yml: vcs_github[1] (gh2): unknown option scope_rules[0].inclde. Did you mean include?"
    ]
    assert role_faults({"vcs_github": [{"nme": "x"}]}, [{"type": "SNYK", "nme": "s"}])[1:] == ["vcs_github[0] has no name."]
    (misspelt_one,) = role_faults({"vcs_github_enterprize": [{"name": "x"}], "ci_jenkins_url": "x"})
    assert "Did you mean vcs_github_enterprise?" in misspelt_one
    with pytest.raises(AnsibleFilterError, match="Did you mean vcs_github_enterprise"):
        role_items({"vcs_github_enterprize": [{"name": "x"}]})
    (said,) = role_faults({}, {"type": "SNYK"})
    assert said.startswith("tenant_data_sources must be a list of data sources, each a dictionary")


# -- host patterns

GROUPS = {"all": ["a", "b"], "ungrouped": [], "tenants": ["a", "b"]}


@pytest.mark.parametrize(
    ("pattern", "limit"),
    [("localhost", ""), ("localhost", "localhost"), ("tenants", "a"), ("a:b", "tenants"), (["a", "b"], "b"), ("all", None)],
)
def test_a_pattern_that_matches_hosts_is_accepted(pattern: Any, limit: Any) -> None:
    assert hosts_within(pattern, limit, GROUPS) == pattern


@pytest.mark.parametrize(
    ("pattern", "limit", "said"),
    [
        ("localhost", "tenants", "--limit tenants excludes localhost, .* give -e cortex_cloud_hosts=tenants instead of it"),
        ("a", "b", "--limit b excludes a, .* correct one of the two"),
        ("tenantz", "", "cortex_cloud_hosts is tenantz, which matches no host of the inventory"),
    ],
)
def test_a_play_without_hosts_fails(pattern: str, limit: str, said: str) -> None:
    with pytest.raises(AnsibleFilterError, match=said):
        hosts_within(pattern, limit, GROUPS)
