# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret of its own in every place that can hold one, under real ansible-playbook; nothing that comes out of it may show any of them.

The tenant repeats what it was sent, in its errors and in what it shows.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from starting import BIN, IN_CI, environment
from tenant.problem import appsec
from tenant.server import EmbeddedTenant

ROOT = Path(__file__).resolve().parents[2]
CREDENTIALS = ("token", "refresh_token", "client_secret", "password", "webhook_auth_key")
# The play itself, the named files of the tokens, and the file that a controller hands the key over in.
ITS_PLACE = {"play.yml", "kept.json", "role.json", "key"}


def canaries(where: str) -> dict[str, str]:
    """A value for each secret of the option credentials; no two are alike."""
    return {name: f"cnry-{where}-{name.replace('_', '-')}" for name in CREDENTIALS}


SETTINGS = {"apiToken": "cnry-setting-token", "deep": {"clientSecret": "cnry-deep-secret", "list": [{"password": "cnry-listed"}]}}
SARIF = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "scan", "rules": [{"id": "R1"}]}},
            "results": [
                {
                    "ruleId": "R1",
                    "level": "error",
                    "message": {"text": "found"},
                    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1}}}],
                }
            ],
        }
    ],
}


def item(name: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "GITLAB_SELF_MANAGED",
        "name": name,
        "domain": {"hostname": f"{name}.example.com", "protocol": "https"},
        "credentials": {"client_id": "public", **canaries(name)},
        "unique_properties": SETTINGS,
        "self_signed_certificate": "-----BEGIN CERTIFICATE-----",
        **more,
    }


def tasks(tenant: EmbeddedTenant, collector: str) -> list[dict[str, Any]]:
    """Each module and role, in tasks whose names end with what is expected: ok, fails, or refused (by the tenant: not in check mode)."""
    url = "https://job:cnry-url-password@github.com/team/app.git"
    upload = {"path": ["report.sarif"], "repository_url": url, "branch": "main"}
    kept = {"type": "COLLECTOR", "name": "kept", "unique_properties": {"detectionMethod": "SAST", "fileType": "SARIF"}}
    modules: list[tuple[str, str, dict[str, Any]]] = [
        ("ok", "data_source", item("one")),
        ("refused", "data_source", item("refused-one")),
        ("fails", "data_source", {**item("misspelt"), "credentails": canaries("misspelt-option")}),
        ("fails", "data_source", item("misspelt-key", credentials={"tokn": "cnry-misspelt-key-tokn"})),
        ("fails", "data_source", item("not-a-dict", credentials="cnry-not-a-dict")),
        ("ok", "data_source", {**kept, "credentials_file": "kept.json"}),
        ("refused", "data_sources", {"data_sources": [item("two"), item("refused-two")]}),
        ("fails", "data_sources", {"data_sources": [{**item("three"), "unique_propertys": {"apiToken": "cnry-in-list"}}]}),
        ("ok", "data_source_info", {"details": True, "as_config": True}),
        ("fails", "data_source_info", {"api_kye": "cnry-misspelt-api-key"}),
        ("ok", "repository_info", {}),
        ("fails", "repository_info", {"api_url": "https://user:cnry-api-url@127.0.0.1"}),
        ("fails", "repository", {"url": "https://user:cnry-repository-url@git.example.com/a/b", "primary_branch": "main"}),
        ("ok", "tenant_info", {}),
        ("ok", "tenant_verify", {"verify_report": "profile.yml", "verify_write": True}),
        ("fails", "tenant_info", {"api_key": "cnry-wrong-key\nwith a line break"}),
        ("ok", "sarif_upload", {**upload, "collector_id": collector}),
        (
            "refused",
            "sarif_upload",
            {**upload, "collector_id": collector, "collector_token_id": "1", "collector_token": "cnry-wrong-token"},
        ),
    ]
    roles: list[tuple[str, str, dict[str, Any]]] = [
        ("ok", "vcs", {"vcs_bitbucket_datacenter": [{"name": "bb", "hostname": "bb.example.com", "token": "cnry-role-vcs"}]}),
        ("ok", "ci", {"ci_circle_ci_cd": [{"name": "circle", "token": "cnry-role-ci"}]}),
        ("ok", "scanners", {"scanners_jfrog": [{"name": "jf", "hostname": "jf.example.com", "username": "u", "password": "cnry-role-jf"}]}),
        ("refused", "scanners", {"scanners_semgrep": [{"name": "refused-sg", "token": "cnry-role-refused"}]}),
        ("fails", "vcs", {"vcs_bitbucket_datacenter": [{"name": "bb", "hostname": "bb", "tokn": "cnry-role-misspelt"}]}),
        ("ok", "tenant", {"tenant_data_sources": [item("three")]}),
        ("ok", "audit", {"audit_expected": [item("three"), item("audited")], "audit_report_dir": "audit"}),
        ("fails", "audit", {"audit_expected": [{**item("three"), "tokn": "cnry-audit-misspelt"}], "audit_report_dir": "audit"}),
        # Without a digest it ends after showing; the item was moved as it stood, and the onboarding lists others.
        (
            "refused",
            "decommission",
            {
                "decommission_data_sources": [item("one")],
                "decommission_expected": [item("expected")],
                "decommission_backup_dir": "retired",
            },
        ),
        ("fails", "decommission", {"decommission_data_sources": [{**item("one"), "tokn": "cnry-retired"}], "decommission_backup_dir": "b"}),
        (
            "ok",
            "sarif_collector",
            {
                "sarif_collector_name": "role",
                "sarif_collector_credentials_file": "role.json",
                "sarif_collector_reports": ["report.sarif"],
                "sarif_collector_repository_url": url,
                "sarif_collector_branch": "main",
            },
        ),
    ]
    numbered = enumerate([*((e, {f"cortex_cloud.appsec.{m}": o}) for e, m, o in modules), *((e, included(r, o)) for e, r, o in roles)])
    return [
        {
            "name": f"Task {number} {expected}",
            "tags": expected,
            "block": [{"name": f"Step {number}", **work}],
            "rescue": [{"name": "Say so", "ansible.builtin.debug": {"msg": f"task {number} failed"}}],
        }
        for number, (expected, work) in numbered
    ]


def included(role: str, variables: dict[str, Any]) -> dict[str, Any]:
    return {"ansible.builtin.include_role": {"name": f"cortex_cloud.appsec.{role}"}, "vars": variables}


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", rate=1000) as started:
        create = type(started.state).create

        def echoing(self: Any, body: dict[str, Any]) -> Any:
            properties = body.get("uniqueProperties", {})
            if str(properties.get("name")).startswith("refused"):
                raise appsec(400, "VALIDATION_ERROR", f"Not taken: {json.dumps(body)} {body}")
            stored, token = create(self, body)
            stored.shape["uniqueProperties"].update({"echo": {"secret": json.dumps(body.get("credentials", {}))}})
            return stored, token

        monkeypatch.setattr(type(started.state), "create", echoing)
        started.add_repository("team/app")
        yield started


@pytest.fixture
def project(tmp_path: Path, tenant: EmbeddedTenant) -> Path:
    collector = tenant.add_collector("uploads").id
    play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks(tenant, collector)}
    play["vars"] = {"ansible_python_interpreter": sys.executable}
    play["tasks"].append({"name": "The end", "ansible.builtin.debug": {"msg": "came to the end"}})
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    (tmp_path / "project" / "report.sarif").write_text(json.dumps(SARIF))
    return tmp_path


def search(tenant: EmbeddedTenant, directory: Path, output: str, *, check: bool = False) -> None:
    """Nothing that was printed, and no file but those where a secret belongs, holds any secret."""
    assert "came to the end" in output, output[-3000:]
    for number, task in enumerate(tasks(tenant, "")):
        # What did not run shows no secret either.
        assert (f"[Step {number}]" in output) == (not check or task["tags"] != "fails"), task
        failed = f"task {number} failed" in output
        assert failed == (not check and task["tags"] != "ok"), (task, [line for line in output.splitlines() if "rror" in line][-8:])
    places = {"the output": output}
    for path in directory.rglob("*"):
        if path.is_file() and path.name not in ITS_PLACE:
            places[str(path.relative_to(directory))] = path.read_text(encoding="utf-8", errors="replace")
    for place, text in places.items():
        for secret in ("cnry-", *tenant.secrets()):
            found = text.find(secret)
            assert found < 0, f"in {place}: {text[max(0, found - 400) : found + 80]}"


def playbook(tenant: EmbeddedTenant, project: Path, *options: str, **more: str) -> str:
    command = [str(BIN / "ansible-playbook"), "-i", "localhost,", "-c", "local", "project/play.yml", *options]
    run = subprocess.run(
        command, env=environment(project, tenant, **more), cwd=project, capture_output=True, text=True, timeout=280, check=False
    )
    return run.stdout + run.stderr


def test_that_the_search_finds_a_leak(tenant: EmbeddedTenant, project: Path) -> None:
    numbered = list(enumerate(tasks(tenant, "")))
    good = "came to the end " + " ".join(f"[Step {n}]" + (f" task {n} failed" if task["tags"] != "ok" else "") for n, task in numbered)
    search(tenant, project, good)
    for leak in ("cnry-deep-secret", tenant.keys["viewer"].key):
        with pytest.raises(AssertionError, match="in the output"):
            search(tenant, project, f"{good} {leak}")
    (project / "log").write_text("cnry-url-password")
    with pytest.raises(AssertionError, match="in log"):
        search(tenant, project, good)


@pytest.mark.skipif(not IN_CI, reason="a playbook of 20 tasks: with CI=true only; test_secrets.py looks at check mode in any case")
def test_in_check_mode_as_yaml(tenant: EmbeddedTenant, project: Path) -> None:
    """Without what fails in any mode, before the mode matters."""
    options = ("-vvvv", "--check", "--diff", "--skip-tags", "fails")
    search(tenant, project, playbook(tenant, project, *options, ANSIBLE_CALLBACK_RESULT_FORMAT="yaml"), check=True)
    assert tenant.writes == []


def test_vvvv_with_diffs_as_json_and_ansible_runners_artifacts(tenant: EmbeddedTenant, project: Path) -> None:
    """Under ansible-runner, whose callback prints what Ansible's own does and besides keeps each event."""
    (project / "env").mkdir()
    (project / "inventory").mkdir()
    (project / "inventory" / "hosts").write_text("localhost ansible_connection=local\n")
    command = [str(BIN / "ansible-runner"), "run", str(project), "-p", "play.yml", "-vvvv", "--cmdline=--diff", "--ident", "1"]
    trace = project / "trace.har"
    given = environment(
        project, tenant, CORTEXCLOUD_API_KEY_FILE=str(project / "env" / "key"), ANSIBLE_CALLBACK_RESULT_FORMAT="json",
        CORTEXCLOUD_TRACE_FILE=str(trace), CORTEXCLOUD_TRACE_NAMES="keep",
    )  # fmt: skip
    # ansible-runner notes its environment in the artifact "command": that is what the file is for.
    (project / "env" / "key").write_text(given.pop("CORTEXCLOUD_API_KEY") + "\n")
    run = subprocess.run(command, env=given, cwd=project, capture_output=True, text=True, timeout=280, check=False)
    assert len(list((project / "artifacts" / "1" / "job_events").glob("*.json"))) > 40, run.stdout[-2000:]
    for said in ("<localhost> EXEC ", '"changed": true', "+++ after"):
        assert said in run.stdout, f"not printed, so not searched: {said}"
    assert len(json.loads(trace.read_text(encoding="utf-8"))["log"]["entries"]) > 60, "it is searched too"
    search(tenant, project, run.stdout + run.stderr)

    made = {one["uniqueProperties"]["name"]: instance_id for instance_id, one in tenant.instances.items()}
    for name, value in canaries("one").items():
        api_name = re.sub(r"_(.)", lambda match: match[1].upper(), name)
        assert tenant.credential_matches(made["one"], api_name, value), "it was sent, or the search proves nothing"
    assert tenant.credential_matches(made["bb"], "token", "cnry-role-vcs")
    assert tenant.state.tokens[json.loads((project / "project" / "kept.json").read_text())["token_id"]]
    assert len(tenant.uploads) == 2
    assert not any("cnry" in upload.repository for upload in tenant.uploads)
