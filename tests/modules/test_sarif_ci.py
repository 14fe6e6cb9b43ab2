# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module and the command in builds: where findings go, which builds are only checked, and messages if that is not clear."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import Ask
from builds import BUILDS, SHA, TOKEN

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import command
from tenant.server import EmbeddedTenant

RunModule = Callable[..., dict[str, Any]]
SHOP = "https://gitlab.example.com/example/shop"
RESULT = {"ruleId": "R1", "message": {"text": "x"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}}}]}


def build(monkeypatch: pytest.MonkeyPatch, system: str, **more: str) -> None:
    """The environment without the build that runs these tests, and with this one."""
    for variables in BUILDS.values():
        for name in variables:
            monkeypatch.delenv(name, raising=False)
    for name, value in {**BUILDS[system], **more}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def report(tmp_path: Path) -> str:
    run = {"tool": {"driver": {"name": "tool", "rules": [{"id": "R1"}]}}, "results": [RESULT]}
    (tmp_path / "report.sarif").write_text(json.dumps({"version": "2.1.0", "runs": [run]}), encoding="utf-8")
    return str(tmp_path / "report.sarif")


@pytest.fixture
def ask(run_module: RunModule, tenant: EmbeddedTenant, report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    build(monkeypatch, "GitLab CI")
    tenant.add_repository("example/shop", url=SHOP)
    made = tenant.add_collector("tool")
    token = {"collector_token_id": made.token_id, "collector_token": made.token}
    always: dict[str, Any] = {"path": [report], "upload_url": f"{made.api_url}//", "receipt_dir": str(tmp_path / "receipts"), **token}
    return Ask(run_module, tenant, "sarif_upload", **always)


def test_a_build_says_where_its_findings_go(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    result = ask.ok(ci=True)
    assert [upload.branch for upload in tenant.uploads] == ["feature/x"]
    taken = {row["option"]: (row["value"], row["variables"]) for row in result["ci"]["taken"]}
    assert taken["branch"] == ("feature/x", ["CI_COMMIT_BRANCH"])
    assert (result["ci"]["system"], result["ci"]["not_uploaded"]) == ("GitLab CI", None)
    (receipt,) = [json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "receipts").iterdir()]
    assert (receipt["repository"], receipt["commit"]) == (SHOP, SHA)
    assert receipt["build_url"] == BUILDS["GitLab CI"]["CI_JOB_URL"]
    assert TOKEN not in json.dumps([result, receipt])
    ask.ok(ci=True, branch="refs/heads/main", commit="c0ffee")
    assert tenant.uploads[-1].branch == "main"


def test_a_pull_request_is_checked_and_needs_no_secret(
    ask: Ask, tenant: EmbeddedTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(monkeypatch, "GitLab CI", CI_COMMIT_BRANCH="", CI_MERGE_REQUEST_IID="12")
    result = ask.ok(ci=True, upload_url=None, collector_token_id=None, collector_token=None)
    assert (result["changed"], [row["status"] for row in result["uploads"]]) == (False, [None])
    assert result["ci"]["not_uploaded"] == "GitLab CI builds a pull request (CI_MERGE_REQUEST_IID is 12)"
    assert any(warning.startswith("nothing is uploaded: GitLab CI builds a pull request") for warning in result["warnings"])
    (tmp_path / "report.sarif").write_text("<html>", encoding="utf-8")
    assert "not JSON but HTML" in ask.refused(ci=True)
    assert (tenant.uploads, (tmp_path / "receipts").exists()) == ([], False)


def test_what_is_not_clear_is_refused_before_anything_is_sent(ask: Ask, tenant: EmbeddedTenant) -> None:
    where = {"repository_url": SHOP, "branch": "main"}
    assert "branch is empty" in ask.refused(**{**where, "branch": ""})
    assert "The branch is in CI_COMMIT_BRANCH (GitLab CI)" in ask.refused(**{**where, "branch": "$CI_COMMIT_BRANCH"})
    assert "upload_url is empty: is the secret" in ask.refused(**where, upload_url="")
    assert "upload_url contains the name of a variable" in ask.refused(**where, upload_url="$(CORTEX_COLLECTOR_URL)")
    assert "collector_token contains the name of a variable" in ask.refused(**where, collector_token="$(CORTEXCLOUD_COLLECTOR_TOKEN)")
    assert "commit is $(Build.SourceVersion)" in ask.refused(**where, commit="$(Build.SourceVersion)")
    assert tenant.journal == []
    said = ask.refused(repository_url="https://me:hunter2@github.com/example/gone.git", branch="refs/heads/release/1")
    assert "Is the repository https://github.com/example/gone onboarded in this tenant, with branch release/1," in said
    assert "hunter2" not in said


def test_the_command_says_what_it_took_and_ends_without_a_traceback(
    report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build(monkeypatch, "Jenkins", BRANCH_NAME="PR-12", CHANGE_ID="12")
    for name in ("CORTEXCLOUD_COLLECTOR_TOKEN", "CORTEXCLOUD_COLLECTOR_TOKEN_FILE", "CORTEXCLOUD_COLLECTOR_TOKEN_ID"):
        monkeypatch.delenv(name, raising=False)
    assert command.main(["upload", report, "--ci"]) == 0
    out = capsys.readouterr()
    assert "report.sarif: can be sent, but not by this build" in out.out
    assert "warning: nothing is uploaded: Jenkins builds a pull request (CHANGE_ID is 12)" in out.err
    build(monkeypatch, "Jenkins", CHANGE_ID="")
    assert command.main(["upload", report, "--ci", "--upload-url", "https://x.example/y"]) == 1
    out = capsys.readouterr()
    assert "Jenkins: branch feature/x (from BRANCH_NAME)" in out.out
    assert "error: the collector's token is missing" in out.err
    assert command.main(["check", str(tmp_path / "gone.sarif")]) == 1
    assert capsys.readouterr().err.startswith("error: there is no file ")
    assert command.main(["check", report, "--max-dropped-percent", "200"]) == 1
    assert capsys.readouterr().err == "error: --max-dropped-percent must be between 0 and 100.\n"
    for raised, code, said in (
        (KeyError("a-secret"), 4, "error: cortex-sarif 1.0.0 stopped because of a bug "),
        (MemoryError(), 4, "error: cortex-sarif 1.0.0 stopped because of a bug "),
        (KeyboardInterrupt(), 130, "error: interrupted."),
    ):

        def fails(*_given: Any, _raised: BaseException = raised) -> Any:
            raise _raised

        monkeypatch.setattr(command, "prepare", fails)
        assert command.main(["check", report]) == code
        err = capsys.readouterr().err
        assert (err.startswith(said), err.count("\n"), "a-secret" in err) == (True, 1, False), err
