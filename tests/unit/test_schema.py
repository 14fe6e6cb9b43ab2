# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema of the data file: an editor underlines what a run would refuse, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.data_file import (
    as_config,
    as_data_file,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import (
    INPUTS,
    TYPES,
    VARIABLES,
)

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "tenant.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)

BANK = """
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

PROVIDER = """
tenant_data_sources: "{{ baseline_data_sources + (extra_data_sources | default([])) }}"
baseline_data_sources:
  - {type: COLLECTOR, name: semgrep-oss, unique_properties: {detectionMethod: SAST, fileType: SARIF},
     credentials_file: "/secure/semgrep-oss.json"}
"""


def faults(data: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(data)]


def test_it_is_a_schema_itself() -> None:
    assert jsonschema_rs.meta.is_valid(SCHEMA)


@pytest.mark.parametrize(
    "text", [BANK, PROVIDER, (ROOT / "demo" / "tenant.yml").read_text(encoding="utf-8")], ids=["bank", "provider", "demo"]
)
def test_the_files_that_people_write_are_fine(text: str) -> None:
    assert faults(yaml.safe_load(text)) == []


def test_every_yaml_block_of_the_pages_that_is_a_data_file_is_fine() -> None:
    ours = {"tenant_data_sources", *VARIABLES}
    seen = 0
    for page in [ROOT / "README.md", *ROOT.glob("roles/*/README.md"), *ROOT.glob("docs/*.md")]:
        for block in re.findall(r"```ya?ml[^\n]*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            data = yaml.safe_load(block)
            if isinstance(data, dict) and ours & set(data):
                seen += 1
                assert faults(data) == [], page
    assert seen


def test_an_export_is_fine() -> None:
    shown = {
        "unique_properties": {"apiToken": "x", "n": 1}, "selection_type": "MANUAL_SELECTION", "repositories": ["a/b", "{{ x }}"],
        "external_projects": [{"external_id": "1", "repo_id": "a"}], "domain": {"hostname": "h", "protocol": "http"},
    }  # fmt: skip
    configs = [as_config({"id": "1", "type": name, "name": "core", **shown}, with_id=True) for name in TYPES]
    text = as_data_file("api-x.example.com", configs).replace("!unsafe ", "")
    assert faults(yaml.safe_load(text)) == []


@pytest.mark.parametrize("name", TYPES)
def test_each_type_and_each_of_its_inputs_is_known(name: str) -> None:
    assert faults({"tenant_data_sources": [{"type": name, "name": "core"}]}) == []
    variable = TYPES[name].variable
    if variable:
        entry = {key: (["x"] if INPUTS[key].type == "list" else "x") for key in TYPES[name].inputs}
        for scope in ("all", "all_and_future", ["a/b"]):
            assert faults({variable: [{"name": "core", **entry, "scope": scope, "state": "created"}]}) == []


@pytest.mark.parametrize(
    "data",
    [
        {"tenant_data_sources": [{"type": "SNYK", "nmae": "x"}]},
        {"tenant_data_sources": [{"type": "SNYK", "domain": {"host": "x"}}]},
        {"tenant_data_sources": [{"type": "SNYK", "credentials": {"tokn": "x"}}]},
        {"tenant_data_sources": [{"type": "SNYK", "external_projects": [{"repo": "x"}]}]},
        {"tenant_data_sources": [{"type": "SNYK", "state": "gone"}]},
        {"tenant_data_sources": [{"type": "SNYK", "recreate": "always"}]},
        {"tenant_data_sources": [{"type": "SNYK", "repositories_mode": "exactly"}]},
        {"tenant_data_sources": [{"type": "SNYK", "repositories": "a/b"}]},
        {"tenant_data_sources": [{"type": "SNYK", "max_deselect": "ten"}]},
        {"tenant_data_sources": [{"type": "snyk", "name": "x"}]},
        {"tenant_data_sources": [{"type": "SNYK", "client_id": "an input of the roles' entries"}]},
        {"tenant_data_sources": [{"name": "no type and no id"}]},
        {"tenant_data_sources": {"type": "SNYK"}},
        {"vcs_github_enterprise": [{"name": "x", "host_name": "y"}]},
        {"vcs_github_enterprise": [{"name": "x", "type": "GITHUB_ENTERPRISE"}]},
        {"vcs_github_enterprise": [{"name": "x", "token": "an input of another type"}]},
        {"vcs_github_enterprise": [{"name": "x", "scope": "everything"}]},
        {"vcs_github_enterprise": [{"hostname": "no name and no id"}]},
        {"vcs_github_enterprize": [{"name": "x"}]},
        {"tenant_data_source": [{"type": "SNYK", "name": "x"}]},
    ],
    ids=lambda data: json.dumps(data)[:90],
)
def test_a_typing_error_is_underlined(data: dict[str, Any]) -> None:
    assert faults(data) != []


def test_variables_of_others_are_theirs() -> None:
    assert faults({"baseline": [1], "vault_token": "x", "ci_pipeline_id": 7, "tenant_prune": True, "cortex_cloud_connection": {}}) == []
