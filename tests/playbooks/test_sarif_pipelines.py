# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pipeline that uploads its reports: with a playbook of its own, with the role, with the collection's playbook, and without Ansible."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builds import BUILDS

from starting import BIN, environment
from tenant.server import EmbeddedTenant

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "canary-job-token"

# As in the documentation, with addresses from the environment.
UPLOAD = """
- name: Upload this build's reports
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Send what the scanners wrote
      cortex_cloud.appsec.sarif_upload:
        path: ["{{ workspace }}/reports/*.sarif"]
        upload_url: "{{ lookup('env', 'CORTEX_COLLECTOR_URL') }}"
        repository_url: "{{ lookup('env', 'REPO_URL') }}"      # may be git@host:org/repo.git or hold a job token
        branch: "{{ lookup('env', 'BRANCH') }}"                # empty in a merge-request pipeline: refused
        source_root: "{{ workspace }}"
        receipt_dir: "{{ workspace }}/receipts"
"""


def report(workspace: Path, name: str = "bandit", count: int = 2) -> None:
    (workspace / "reports").mkdir(exist_ok=True)
    (workspace / "src").mkdir(exist_ok=True)
    (workspace / "src" / "0.py").touch()
    results = [
        {
            "ruleId": "B101",
            "message": {"text": f"{name} {n}"},
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": f"file://{workspace}/src/{n}.py"}, "region": {"startLine": n + 1}}}
            ],
        }
        for n in range(count)
    ]
    run = {"tool": {"driver": {"name": name, "rules": [{"id": "B101"}]}}, "results": results}
    (workspace / "reports" / f"{name}.sarif").write_text(json.dumps({"version": "2.1.0", "runs": [run]}))


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", rate=1000) as started:
        started.add_repository("example/shop")
        yield started


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """run("program", "argument", VARIABLE=value): in the workspace, with nothing of this machine's settings."""
    report(tmp_path)

    def start(program: str | Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        whole = environment(tmp_path, **variables)
        command = [str(program), *arguments]
        return subprocess.run(
            command, env=whole, cwd=tmp_path, capture_output=True, text=True, timeout=280, stdin=subprocess.DEVNULL, check=False
        )

    return start


def collector(tenant: EmbeddedTenant) -> dict[str, str]:
    """The secrets of a pipeline: the collector's alone."""
    made = tenant.add_collector("bandit")
    return {
        "CORTEX_COLLECTOR_URL": made.api_url,
        "CORTEXCLOUD_COLLECTOR_TOKEN_ID": made.token_id,
        "CORTEXCLOUD_COLLECTOR_TOKEN": made.token,
        "REPO_URL": f"https://gitlab-ci-token:{TOKEN}@github.com/example/shop.git",
        "BRANCH": "main",
    }


def play(run: Run, tmp_path: Path, text: str, *options: str, variables: dict[str, Any] | None = None, **more: str) -> Any:
    (tmp_path / "play.yml").write_text(text)
    given = json.dumps({"ansible_python_interpreter": sys.executable, "workspace": str(tmp_path), **(variables or {})})
    return run(BIN / "ansible-playbook", "-i", "localhost,", "-c", "local", "play.yml", "-e", given, *options, **more)


def paths(tenant: EmbeddedTenant) -> list[str]:
    return [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in tenant.accepted_results]


# -- with Ansible


def test_upload_of_a_pipeline_with_the_collectors_token_alone(run: Run, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    secrets = collector(tenant)
    done = play(run, tmp_path, UPLOAD, "-vvv", **secrets)
    assert done.returncode == 0, done.stdout + done.stderr
    assert paths(tenant) == ["src/0.py", "src/1.py"]
    assert tenant.uploads[0].branch == "main"
    (receipt,) = (tmp_path / "receipts").iterdir()
    assert json.loads(receipt.read_text())["repository"] == "https://github.com/example/shop"
    for secret in (TOKEN, secrets["CORTEXCLOUD_COLLECTOR_TOKEN"]):
        assert secret not in done.stdout + done.stderr + receipt.read_text()
    report(tmp_path, "eslint")
    done = play(run, tmp_path, UPLOAD, **{**secrets, "REPO_URL": "git@github.com:example/shop.git"})
    assert done.returncode == 0, done.stdout
    for warning in ("2 documents go to one collector", "reports of 2 tools (bandit, eslint)"):
        assert warning in " ".join((done.stdout + done.stderr).split())


def test_a_fork_without_secrets_can_check(run: Run, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    done = play(run, tmp_path, UPLOAD, "--check", REPO_URL="https://github.com/example/shop", BRANCH="main")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "receipts").exists()
    (tmp_path / "reports" / "bandit.sarif").write_text("<html>")
    done = play(run, tmp_path, UPLOAD, "--check", REPO_URL="https://github.com/example/shop", BRANCH="main")
    assert done.returncode == 2
    assert "not JSON but HTML" in done.stdout + done.stderr
    assert tenant.journal == []


ROLE = """
- name: A collector, its token kept, reports uploaded
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Use the role
      ansible.builtin.include_role:
        name: cortex_cloud.appsec.sarif_collector
"""
REPORTS = {
    "sarif_collector_reports": ["{{ workspace }}/reports/*.sarif"],
    "sarif_collector_repository_url": "https://github.com/example/shop",
    "sarif_collector_branch": "main",
    "sarif_collector_source_root": "{{ workspace }}",
}


def test_the_role_makes_a_collector_once_keeps_its_token_and_uploads(run: Run, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    kept = tmp_path / "secure" / "bandit.json"
    variables = {"sarif_collector_name": "bandit", "sarif_collector_credentials_file": str(kept), **REPORTS}
    checked = play(run, tmp_path, ROLE, "--check", variables=variables, **tenant.environment("admin"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Would send 2 results" in checked.stdout
    assert (kept.exists(), [e.method for e in tenant.journal if e.method != "GET"]) == (False, [])
    for _run in (1, 2):
        done = play(run, tmp_path, ROLE, "-vvv", variables=variables, **tenant.environment("admin"))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Sent 2 results" in done.stdout
    held = json.loads(kept.read_text())
    assert (held["name"], kept.stat().st_mode & 0o777) == ("bandit", 0o600)
    assert held["token"] not in done.stdout + done.stderr
    assert [e.method for e in tenant.journal if e.path.endswith("data_source_instances")].count("POST") == 1
    assert len(tenant.uploads) == 2


def test_the_role_hands_a_new_token_to_store_tasks(run: Run, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    (tmp_path / "store.yml").write_text(
        "- name: Put it into the vault\n"
        "  ansible.builtin.copy:\n"
        "    content: '{{ sarif_collector_credentials | to_json }}'\n"
        "    dest: '{{ workspace }}/vault.json'\n"
        "    mode: '0600'\n"
        "  no_log: true\n"
    )
    variables = {"sarif_collector_name": "bandit", "sarif_collector_store_tasks": str(tmp_path / "store.yml")}
    done = play(run, tmp_path, ROLE, "-vvv", variables=variables, **tenant.environment("admin"))
    assert done.returncode == 0, done.stdout + done.stderr
    stored = json.loads((tmp_path / "vault.json").read_text())
    assert set(stored) == {"api_url", "token_id", "token"}
    assert stored["token"] not in done.stdout + done.stderr
    (tmp_path / "vault.json").unlink()
    again = play(run, tmp_path, ROLE, variables=variables, **tenant.environment("admin"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert not (tmp_path / "vault.json").exists(), "a token is shown once"


def test_the_role_uploads_without_a_tenant_key(run: Run, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    secrets = collector(tenant)
    variables = {"sarif_collector_manage": False, "sarif_collector_upload_url": secrets["CORTEX_COLLECTOR_URL"], **REPORTS}
    done = play(run, tmp_path, ROLE, variables=variables, **secrets)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(tenant.accepted_results) == 2
    made = next(iter(tenant.uploads)).collector_id
    held = {"id": made, "name": "bandit", "api_url": secrets["CORTEX_COLLECTOR_URL"], "token_id": secrets["CORTEXCLOUD_COLLECTOR_TOKEN_ID"]}
    (tmp_path / "kept.json").write_text(json.dumps({**held, "token": secrets["CORTEXCLOUD_COLLECTOR_TOKEN"]}))
    variables = {
        **REPORTS,
        "sarif_collector_manage": False,
        "sarif_collector_credentials_file": str(tmp_path / "kept.json"),
        "sarif_collector_path_prefix": "app",
        "sarif_collector_allow_empty": False,
        "sarif_collector_upload_timeout": 20,
        # In place of the repository and the branch.
        "sarif_collector_ci": True,
    }
    for name in ("sarif_collector_repository_url", "sarif_collector_branch"):
        del variables[name]
    done = play(run, tmp_path, ROLE, variables=variables, **BUILDS["CircleCI"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert paths(tenant)[2:] == ["app/src/0.py", "app/src/1.py"]
    assert tenant.uploads[-1].branch == "feature/x"


def test_the_role_splits_resumes_and_writes_receipts(run: Run, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    secrets = collector(tenant)
    report(tmp_path, "semgrep", count=3)
    # Over the limit of one document, the text of each finding being kept.
    big = json.loads((tmp_path / "reports" / "bandit.sarif").read_text())
    for result in big["runs"][0]["results"]:
        result["message"]["text"] = "x" * 6_000_000
    (tmp_path / "reports" / "bandit.sarif").write_text(json.dumps(big))
    variables = {
        **REPORTS,
        "sarif_collector_manage": False,
        "sarif_collector_upload_url": secrets["CORTEX_COLLECTOR_URL"],
        "sarif_collector_commit": "c0ffee",
        "sarif_collector_journal": str(tmp_path / "state" / "journal.json"),
        "sarif_collector_receipt_dir": str(tmp_path / "receipts"),
    }
    refused = play(run, tmp_path, ROLE, variables=variables, **secrets)
    assert refused.returncode == 2
    assert "on_oversize: split sends it in parts" in " ".join((refused.stdout + refused.stderr).split())
    variables["sarif_collector_on_oversize"] = "split"
    # The third document is refused: a run with the same journal sends that one alone.
    tenant.fault("html_500", method="POST", after=2)
    stopped = play(run, tmp_path, ROLE, variables=variables, **secrets)
    assert stopped.returncode == 2
    assert "A run with the same journal sends what is missing (2 of 3 are accepted" in " ".join((stopped.stdout + stopped.stderr).split())
    again = play(run, tmp_path, ROLE, variables=variables, **secrets)
    assert again.returncode == 0, again.stdout + again.stderr
    texts = [result["message"]["text"][:10] for result in tenant.accepted_results]
    assert texts == ["xxxxxxxxxx", "xxxxxxxxxx", "semgrep 0", "semgrep 1", "semgrep 2"]
    receipts = [json.loads(path.read_text()) for path in (tmp_path / "receipts").iterdir()]
    assert [receipt["commit"] for receipt in receipts] == ["c0ffee"] * 3
    assert json.loads((tmp_path / "state" / "journal.json").read_text()) == {"sets": {}}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"sarif_collector_name": "bandit"}, "the token of a new collector is shown only once"),
        ({"sarif_collector_credentials_file": "/gone.json"}, "sarif_collector_manage needs sarif_collector_name"),
        (
            {"sarif_collector_manage": False, "sarif_collector_reports": ["x.sarif"]},
            "sarif_collector_reports needs sarif_collector_repository_url",
        ),
        ({"sarif_collector_reports": {"a": 1}}, "sarif_collector_reports"),
    ],
)
def test_the_role_says_what_it_needs(run: Run, tenant: EmbeddedTenant, tmp_path: Path, variables: dict[str, Any], words: str) -> None:
    done = play(run, tmp_path, ROLE, variables=variables, **tenant.environment("admin"))
    assert done.returncode == 2
    assert words in " ".join((done.stdout + done.stderr).split())
    assert tenant.journal == []


def test_the_collections_playbook_resumes_and_writes_receipts(run: Run, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    secrets = collector(tenant)
    variables = {
        "sarif_path": "reports/*.sarif",
        "sarif_upload_url": secrets["CORTEX_COLLECTOR_URL"],
        "sarif_repository_url": secrets["REPO_URL"],
        "sarif_branch": "main",
        "sarif_source_root": ".",
        "sarif_receipt_dir": "receipts",
        "sarif_journal": "state/journal.json",
        "sarif_on_oversize": "split",
        # As on a command line and from a survey, where everything is a text and a blank one means not set.
        "sarif_path_prefix": "app",
        "sarif_max_dropped_percent": "5",
        "sarif_allow_empty": "false",
        "sarif_include_kinds": "fail,open",
        "sarif_level_from": "",
    }
    command = ("-i", "localhost,", "cortex_cloud.appsec.upload_sarif", "-e", json.dumps(variables))
    done = run(BIN / "ansible-playbook", *command, **secrets)
    assert done.returncode == 0, done.stdout + done.stderr
    assert paths(tenant) == ["app/src/0.py", "app/src/1.py"]
    assert len(list((tmp_path / "receipts").iterdir())) == 1
    assert json.loads((tmp_path / "state" / "journal.json").read_text()) == {"sets": {}}
    assert TOKEN not in done.stdout + done.stderr
    # The same in a build of a pull request, which has no secrets.
    known = {name: value for name, value in variables.items() if name in ("sarif_path", "sarif_source_root")}
    command = (*command[:-1], json.dumps({**known, "sarif_ci": "true"}))
    done = run(BIN / "ansible-playbook", *command, **{**BUILDS["GitHub Actions"], "GITHUB_EVENT_NAME": "pull_request"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "checked but did not send 2 results" in done.stdout
    assert len(tenant.uploads) == 1


# -- without Ansible


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("pyz") / "cortex-sarif.pyz"
    subprocess.run([sys.executable, str(ROOT / "scripts" / "build-pyz"), str(target)], check=True)
    return str(target)


def test_the_file_is_built_reproducibly_of_floors_1_to_3(pyz: str, tmp_path: Path) -> None:
    again = tmp_path / "again.pyz"
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "build-pyz"), str(again)], check=True, capture_output=True, text=True)
    assert again.read_bytes() == Path(pyz).read_bytes()
    assert done.stdout == f"{again}\nSHA-256 {hashlib.sha256(again.read_bytes()).hexdigest()}\n"
    names = zipfile.ZipFile(pyz).namelist()
    assert "cortex_sarif/_sarif/command.py" in names
    assert "cortex_sarif/_module.py" not in names


def test_check_needs_neither_key_nor_ansible_nor_any_library(run: Run, pyz: str, tmp_path: Path) -> None:
    # -S: without site-packages, so that neither Ansible nor requests can be imported.
    done = run(sys.executable, "-I", "-S", pyz, "check", "reports/*.sarif", "--source-root", ".")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "reports/bandit.sarif: can be sent, 2 results," in done.stdout
    done = run(sys.executable, "-I", "-S", pyz, "check", "reports/*.sarif")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: reports/bandit.sarif: 2 of 2 results cannot be sent")
    done = run(sys.executable, "-I", "-S", pyz, "check", "reports/*.sarif", "--source-root", ".", "--json")
    assert json.loads(done.stdout)["results_by_level"] == {"error": 0, "warning": 2, "note": 0, "none": 0}
    assert run(sys.executable, pyz, "check").returncode == 2
    where = ["--source-root", ".", "--credentials-file", "x", "--repository-id", "r"]
    done = run(sys.executable, "-I", "-S", pyz, "upload", "reports/*.sarif", *where)
    assert done.returncode == 1
    assert "The Python library requests is missing" in done.stderr


def test_upload_with_the_collectors_token_alone(run: Run, pyz: str, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    secrets = collector(tenant)
    where = ["--upload-url", secrets["CORTEX_COLLECTOR_URL"], "--repository-url", secrets["REPO_URL"], "--branch", "main"]
    command = [sys.executable, pyz, "upload", "reports/*.sarif", "--source-root", ".", *where]
    done = run(*command, "--receipt-dir", "receipts", **secrets)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "reports/bandit.sarif: accepted (INGESTED, 2 findings), 2 results" in done.stdout
    assert paths(tenant) == ["src/0.py", "src/1.py"]
    assert tenant.journal[-1].auth == secrets["CORTEXCLOUD_COLLECTOR_TOKEN_ID"]
    for secret in (TOKEN, secrets["CORTEXCLOUD_COLLECTOR_TOKEN"]):
        assert secret not in done.stdout + done.stderr + next((tmp_path / "receipts").iterdir()).read_text()
    (tmp_path / "token").write_text(f"{secrets['CORTEXCLOUD_COLLECTOR_TOKEN']}\n", encoding="utf-8")
    done = run(*command, **{**secrets, "CORTEXCLOUD_COLLECTOR_TOKEN": "", "CORTEXCLOUD_COLLECTOR_TOKEN_FILE": "token"})
    assert (done.returncode, done.stderr) == (0, ""), done
    tenant.disable(tenant.uploads[0].collector_id)
    done = run(*command, **secrets)
    assert done.returncode == 3
    assert "HTTP 503" in done.stderr
    done = run(*command, **{**secrets, "CORTEXCLOUD_COLLECTOR_TOKEN": ""})
    assert done.returncode == 1
    assert "the collector's token is missing: set CORTEXCLOUD_COLLECTOR_TOKEN_ID and CORTEXCLOUD_COLLECTOR_TOKEN" in done.stderr


def test_the_help_says_what_the_exit_codes_mean(run: Run, pyz: str) -> None:
    done = run(sys.executable, "-I", "-S", pyz, "upload", "--help")
    assert done.returncode == 0
    assert "exit codes: 0 fine" in done.stdout
