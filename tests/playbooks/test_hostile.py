# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tenant says is text, for ever: whoever may name a repository runs nothing on our machine, on any supported ansible-core.

Each file is read as Ansible reads it: an export and a backup, by onboard and audit, in check mode and for real.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cores import CORES, OLDER, programs
from hostile import RESERVED, hostile
from playing import Ended, play

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.data_file import (
    as_data_file,
    write_backup,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import from_api
from starting import first_outside_ci
from tenant.server import EmbeddedTenant

# What a module is given.
SEEN = """
import json
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"value": {"type": "raw", "no_log": True}, "path": {}}, supports_check_mode=True)
with open(module.params["path"], "w") as file:
    json.dump(module.params["value"], file)
module.exit_json()
"""
EVALUATE = """
- name: Evaluate
  hosts: localhost
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  vars_files: [tenant.yml]
  tasks:
    - {name: A file of the play, seen: {path: by-file.json, value: "{{ tenant_data_sources }}"}}
    - {name: Extra variables, seen: {path: by-extra.json, value: "{{ extra_data_sources }}"}}
    - name: As the playbooks do
      seen: {path: by-lookup.json, value: "{{ lookup('cortex_cloud.appsec.project_vars', 'tenant_data_sources') }}"}
"""
REAL = """
- import_playbook: cortex_cloud.appsec.export
- import_playbook: cortex_cloud.appsec.onboard
- import_playbook: cortex_cloud.appsec.audit
"""
CHECKED = """
- import_playbook: cortex_cloud.appsec.onboard
- import_playbook: cortex_cloud.appsec.onboard
  vars: {onboard_file: BACKUP}
- import_playbook: cortex_cloud.appsec.decommission
  vars: {decommission_id: ID, decommission_backup_dir: gone}
"""


def everywhere(text: str) -> dict[str, Any]:
    """An item with the text wherever a tenant could put it."""
    fields: dict[str, Any] = dict.fromkeys(("id", "type", "name", "selection_type", "status"), text)
    return {
        **fields,
        "domain": {"hostname": text, "protocol": text},
        "transporter": {"broker_device_id": text, "connection_name": text},
        "repositories": [text, "a/b", text],
        "reserved": RESERVED,
        "external_projects": [{"external_project_id": text, "repo_id": text}, {"branch_name": text}],
        "unique_properties": {text: text, "deep": {text: [text, [text], {text: {text: text}}, {}, []]}, "typed": [1, 1.5, True, None, "1"]},
    }


@pytest.mark.parametrize("core", first_outside_ci(CORES, OLDER))
def test_what_is_evaluated_is_what_the_tenant_holds(core: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    # Letters of any script are written without a tag.
    letters = "".join(char for char in map(chr, range(sys.maxunicode + 1)) if char.isalpha())
    items = [*(everywhere(text) for text in hostile(str(mark))), {"name": letters}]
    text = as_data_file("api-example.xdr.eu.paloaltonetworks.com", items)
    (tmp_path / "tenant.yml").write_text(text, encoding="utf-8")
    (tmp_path / "extra.yml").write_text(text.replace("\ntenant_data_sources:", "\nextra_data_sources:"), encoding="utf-8")
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "seen.py").write_text(SEEN, encoding="utf-8")
    (tmp_path / "evaluate.yml").write_text(EVALUATE, encoding="utf-8")
    play(tmp_path, "evaluate.yml", "-e", "@extra.yml", programs=programs(core)).fine()
    assert not mark.exists()
    for name in ("by-file", "by-extra", "by-lookup"):
        seen = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        assert [(one, wanted) for one, wanted in zip(seen, items, strict=True) if one != wanted] == []


def applied(folder: Path, book: str, *options: str, tenant: EmbeddedTenant, core: str, **variables: Any) -> Ended:
    (folder / "book.yml").write_text(book, encoding="utf-8")
    return play(folder, "book.yml", *options, tenant=tenant, programs=programs(core), **variables)


@pytest.mark.parametrize("core", first_outside_ci(CORES, OLDER))
def test_nothing_of_it_runs_when_an_export_or_a_backup_is_used(core: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    # What has no visible character is no name that an item may give.
    names = [text for text in hostile(str(mark)) if text.strip()]
    with EmbeddedTenant("guide", rate=1000) as tenant:
        for n, text in enumerate(names):
            tenant.add_instance("JENKINS", name=text, unique_properties={"n": n, text: text, "nested": {text: [text]}})
        tenant.add_instance("GITHUB", name="hostile", selection_type="MANUAL_SELECTION", state=names)
        tenant.add_instance("SNYK", name="hostile", external_projects=[{"externalProjectId": t, "branchName": t} for t in names])
        before = tenant.instances
        shown = from_api(next(raw for raw in before.values() if raw["uniqueProperties"].get("name") == names[-1]))
        backup = Path(write_backup(str(tmp_path / "kept"), f"{tenant.host}:{tenant.port}", shown)).relative_to(tmp_path)

        files = {"export_file": "tenant.yml", "onboard_file": "tenant.yml", "audit_report_dir": "reports"}
        real = applied(tmp_path, REAL, tenant=tenant, core=core, **files)
        assert real.code == 0, real.output
        assert f"{len(before)} data sources written" in real.output
        assert real.output.count("TASK [cortex_cloud.appsec.tenant : Apply all data sources]") == 1
        (report,) = (tmp_path / "reports").rglob("report.json")
        assert json.loads(report.read_text(encoding="utf-8"))["findings"] == []

        book = CHECKED.replace("BACKUP", str(backup)).replace("ID", next(iter(before)))
        checked = applied(tmp_path, book, "--check", tenant=tenant, core=core, onboard_file="tenant.yml")
        assert checked.output.count("TASK [cortex_cloud.appsec.tenant : Apply all data sources]") == 2
        assert (checked.code, checked.counts()["failed"]) == (2, 1), checked.output
        assert "is still listed by the onboarding (its item " in checked.errors[-1]
        assert tenant.writes == []
        assert tenant.instances == before
    assert not mark.exists()
