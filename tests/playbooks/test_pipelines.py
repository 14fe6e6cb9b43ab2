# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pipelines of examples/: what their shells run, with the variables of their CI system, against the embedded tenant.

The scanner and pip are stand-ins; curl, the checksum and cortex-sarif.pyz are real.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from builds import BUILDS, TAKEN, TOKEN

from starting import first_outside_ci
from tenant.server import EmbeddedTenant

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "pipelines"
SECRETS = ("CORTEX_COLLECTOR_URL", "CORTEXCLOUD_COLLECTOR_TOKEN_ID", "CORTEXCLOUD_COLLECTOR_TOKEN")


@dataclasses.dataclass
class Step:
    """A script, and the secrets and variables that it gets beside those of the build: name -> as the pipeline writes it."""

    script: str
    env: dict[str, str]


def load(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))


def github(change: bool) -> Iterator[Step]:
    for step in load("github-actions.yml")["jobs"]["sarif"]["steps"]:
        if "run" in step and not (change and step.get("if") == "github.event_name != 'pull_request'"):
            yield Step(step["run"], step.get("env", {}))


def gitlab(change: bool) -> Iterator[Step]:
    jobs = load("gitlab-ci.yml")
    for name in ("bandit", "check-sarif") if change else ("bandit", "upload-sarif"):
        job = {**jobs.get(jobs[name].get("extends"), {}), **jobs[name]}
        yield Step("\n".join([*job.get("before_script", []), *job["script"]]), dict.fromkeys(() if change else SECRETS, ""))


def jenkins(change: bool) -> Iterator[Step]:
    for stage in (EXAMPLES / "Jenkinsfile").read_text(encoding="utf-8").split("stage(")[1:]:
        if not (change and "changeRequest()" in stage):
            # In Groovy's quotes a backslash at the end of a line goes with it.
            script = re.findall(r"sh '''(.*?)'''", stage, re.DOTALL)[0].replace("\\\n", "")
            yield Step(script, dict(re.findall(r"(\w+) = (credentials)", stage)))


def azure(change: bool) -> Iterator[Step]:
    for step in load("azure-pipelines.yml")["steps"]:
        if "bash" in step and not (change and "'PullRequest'" in step.get("condition", "")):
            yield Step(step["bash"], step.get("env", {}))


def bitbucket(change: bool) -> Iterator[Step]:
    pipelines = load("bitbucket-pipelines.yml")["pipelines"]
    for entry in pipelines["pull-requests"]["**"] if change else pipelines["branches"]["main"]:
        yield Step("\n".join(entry["step"]["script"]), dict.fromkeys(() if change else SECRETS, ""))


def circleci(change: bool) -> Iterator[Step]:
    config = load("circleci.yml")
    for name in ("scan",) if change else ("scan", "upload"):
        for step in config["jobs"][name]["steps"]:
            if "run" in step:
                yield Step(step["run"], dict.fromkeys(SECRETS if name == "upload" else (), ""))


def codebuild(change: bool) -> Iterator[Step]:
    spec = load("buildspec.yml")
    for phase in ("install", "build"):
        yield Step("\n".join(spec["phases"][phase]["commands"]), {} if change else spec["env"]["secrets-manager"])


# The shell of each system as it starts it, the steps, the variables that name the folder, and what makes of its build a pull request.
SYSTEMS: dict[str, tuple[list[str], Callable[[bool], Iterator[Step]], tuple[str, ...], dict[str, str]]] = {
    "GitHub Actions": (
        ["bash", "-e"], github, ("GITHUB_WORKSPACE",), {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/12/merge"},
    ),
    "GitLab CI": (
        ["bash", "-eo", "pipefail"], gitlab, ("CI_PROJECT_DIR",), {"CI_COMMIT_BRANCH": "", "CI_MERGE_REQUEST_IID": "12"},
    ),
    "Jenkins": (["sh", "-xe"], jenkins, ("WORKSPACE",), {"CHANGE_ID": "12", "BRANCH_NAME": "PR-12"}),
    "Azure Pipelines": (
        ["bash", "--noprofile", "--norc"], azure, ("BUILD_SOURCESDIRECTORY", "BUILD_ARTIFACTSTAGINGDIRECTORY"),
        {"BUILD_REASON": "PullRequest"},
    ),
    "Bitbucket Pipelines": (["bash", "-e"], bitbucket, ("BITBUCKET_CLONE_DIR",), {"BITBUCKET_PR_ID": "12"}),
    "CircleCI": (["bash", "-eo", "pipefail"], circleci, (), {"CIRCLE_PR_NUMBER": "3", "CIRCLE_BRANCH": "pull/3"}),
    "AWS CodeBuild": (
        ["sh", "-e"], codebuild, ("CODEBUILD_SRC_DIR",),
        {"CODEBUILD_WEBHOOK_EVENT": "PULL_REQUEST_CREATED", "CODEBUILD_WEBHOOK_TRIGGER": "pr/1"},
    ),
}  # fmt: skip
BANDIT = """#!/bin/sh
set -e
while [ "$1" != --output ]; do shift; done
cat > "$2" <<REPORT
{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "bandit", "version": "1.8.6", "rules": [{"id": "B101"}]}}, "results": [
  {"ruleId": "B101", "message": {"text": "x"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}}}]}]}]}
REPORT
"""


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("pyz") / "published.pyz"
    subprocess.run([sys.executable, str(ROOT / "scripts" / "build-pyz"), str(target)], check=True, stdout=subprocess.DEVNULL)
    return target


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build agent has beside the shell's own commands; `python -m venv` makes a folder with the same."""
    folder = tmp_path_factory.mktemp("tools")
    python = f'#!/bin/sh\nif [ "$1 $2" = "-m venv" ]; then mkdir -p "$3" && cp -r {folder} "$3/bin"; exit; fi\nexec {sys.executable} "$@"\n'
    for name, content in (("python", python), ("python3", python), ("pip", "#!/bin/sh\n"), ("bandit", BANDIT)):
        (folder / name).write_text(content)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", rate=1000) as started:
        for url, _page in TAKEN.values():
            started.add_repository("example/shop", url=url)
        yield started


class Agent:
    """Runs the steps of a pipeline as its system would, up to the first that fails."""

    def __init__(self, work: Path, pyz: Path, tools: Path, secrets: dict[str, str]) -> None:
        self.work, self.pyz, self.tools, self.secrets = work, pyz, tools, secrets
        (work / "src").mkdir(parents=True)
        (work / "src" / "a.py").touch()

    def run(self, system: str, *, change: bool = False, unset: str = "", **more: str) -> tuple[int, str]:
        """Exit code and all that was said. unset: a secret that nobody has set."""
        shell, steps, folders, as_change = SYSTEMS[system]
        environ = {
            "PATH": f"{self.tools}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.work),
            "CORTEXCLOUD_RATE_LIMIT_DIR": str(self.work / "rate"),
            "CORTEX_SARIF_URL": self.pyz.as_uri(),
            "CORTEX_SARIF_SHA256": hashlib.sha256(self.pyz.read_bytes()).hexdigest(),
            **dict.fromkeys(folders, str(self.work)),
            **BUILDS[system],
            **(as_change if change else {}),
            **more,
        }
        said = ""
        for step in steps(change):
            given = {name: self.secrets[name] if name != unset else f"$({name})" for name in step.env if name in SECRETS}
            assert not (given and change), "a pull request must not need the secrets"
            command = [*shell, "-c", step.script]
            done = subprocess.run(command, env={**environ, **given}, cwd=self.work, capture_output=True, text=True, check=False)
            said += done.stdout + done.stderr
            if done.returncode:
                return done.returncode, said
        return 0, said


@pytest.fixture
def agent(tmp_path: Path, pyz: Path, tools: Path, tenant: EmbeddedTenant) -> Agent:
    made = tenant.add_collector("bandit")
    return Agent(tmp_path / "work", pyz, tools, dict(zip(SECRETS, (made.api_url, made.token_id, made.token), strict=True)))


def test_there_is_a_pipeline_for_every_system() -> None:
    assert set(SYSTEMS) == set(BUILDS)
    assert len(list(EXAMPLES.iterdir())) == len(SYSTEMS)


@pytest.mark.parametrize("system", first_outside_ci(SYSTEMS, "one system runs the same command"))
def test_a_branch_is_uploaded_with_a_receipt_and_a_pull_request_is_checked_without_secrets(
    system: str, agent: Agent, tenant: EmbeddedTenant
) -> None:
    code, said = agent.run(system, change=True)
    assert code == 0, said
    assert "can be sent" in said
    assert (tenant.journal, list(agent.work.rglob("receipts/*.json"))) == ([], [])
    code, said = agent.run(system)
    assert code == 0, said
    assert [upload.branch for upload in tenant.uploads] == ["feature/x"]
    (path,) = agent.work.rglob("receipts/*.json")
    receipt = json.loads(path.read_text(encoding="utf-8"))
    assert (receipt["branch"], receipt["outcome"], receipt["tools"]) == ("feature/x", "accepted", [{"name": "bandit", "version": "1.8.6"}])
    assert receipt["build_url"].startswith("https://")
    assert receipt["commit"] in BUILDS[system].values()
    assert f"{system}: repository url {receipt['repository']} (from " in said
    assert f"{system}: branch feature/x (from " in said
    for secret in (TOKEN, agent.secrets["CORTEXCLOUD_COLLECTOR_TOKEN"]):
        assert secret not in said + path.read_text(encoding="utf-8")


def test_another_file_than_was_published_is_not_run(agent: Agent, tenant: EmbeddedTenant) -> None:
    for system in SYSTEMS:
        code, said = agent.run(system, CORTEX_SARIF_SHA256="0" * 64)
        assert (code != 0, "cortex-sarif.pyz: FAILED" in said) == (True, True), (system, said)
    assert tenant.journal == []


def test_a_secret_that_is_not_set_is_told(agent: Agent, tenant: EmbeddedTenant) -> None:
    for name, words in (("CORTEX_COLLECTOR_URL", "--upload-url"), ("CORTEXCLOUD_COLLECTOR_TOKEN", "CORTEXCLOUD_COLLECTOR_TOKEN")):
        code, said = agent.run("Azure Pipelines", unset=name)
        assert code == 1
        assert f"error: {words} contains the name of a variable instead of its value" in said
    agent.secrets["CORTEX_COLLECTOR_URL"] = ""
    code, said = agent.run("GitHub Actions")
    assert (code, "error: --upload-url is empty: is the secret" in said) == (1, True), said
    assert tenant.journal == []


def test_they_are_as_a_pipeline_should_be() -> None:
    """What only the systems themselves act on."""
    workflow = load("github-actions.yml")
    assert workflow["permissions"] == {"contents": "read"}
    # YAML 1.1 reads `on` as true.
    assert workflow[True]["push"] == {"branches": ["main"]}
    used = [step["uses"] for step in workflow["jobs"]["sarif"]["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", each) for each in used)
    assert next(step for step in workflow["jobs"]["sarif"]["steps"] if "upload-artifact" in step.get("uses", ""))["if"] == "always()"
    jobs = load("gitlab-ci.yml")
    assert (jobs["upload-sarif"]["artifacts"]["when"], jobs["bandit"]["stage"] != jobs["upload-sarif"]["stage"]) == ("always", True)
    azure_steps = load("azure-pipelines.yml")["steps"]
    assert "always()" in next(step for step in azure_steps if "publish" in step)["condition"]
    jenkinsfile = (EXAMPLES / "Jenkinsfile").read_text(encoding="utf-8")
    assert re.search(r"always \{\s+archiveArtifacts artifacts: 'receipts/\*\.json'", jenkinsfile)
