# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository, branch and commit of a build, from the documented variables of each CI system, and what is not a branch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from builds import BUILDS, SHA, TAKEN, TOKEN

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import Redactor
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import Source
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.upload.build import (
    build_of,
    plain_page,
    with_build,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.upload.receipts import (
    About,
    Receipts,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.upload.scanned import (
    branch_warnings,
    plain_branch,
    plain_commit,
    refuse_placeholder,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.upload.systems import SYSTEMS
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.wording import for_command_line

CHANGES: list[tuple[str, dict[str, str], str]] = [
    ("GitHub Actions", {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/12/merge"}, "a pull request"),
    # GITHUB_REF is the target branch, although the pull request may be checked out.
    ("GitHub Actions", {"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main"}, "a pull request"),
    ("GitHub Actions", {"GITHUB_EVENT_NAME": "merge_group", "GITHUB_REF": "refs/heads/gh-readonly-queue/main/pr-1-a"}, "a pull request"),
    ("GitHub Actions", {"GITHUB_REF": "refs/tags/v1.0", "GITHUB_REF_TYPE": "tag"}, "a tag"),
    ("GitHub Actions", {"GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF": "refs/heads/main"}, "what another run has scanned"),
    ("GitLab CI", {"CI_COMMIT_BRANCH": "", "CI_MERGE_REQUEST_IID": "12", "CI_PIPELINE_SOURCE": "merge_request_event"}, "a pull request"),
    ("GitLab CI", {"CI_EXTERNAL_PULL_REQUEST_IID": "12"}, "a pull request"),
    ("GitLab CI", {"CI_COMMIT_BRANCH": "", "CI_COMMIT_TAG": "v1.0"}, "a tag"),
    ("Jenkins", {"BRANCH_NAME": "PR-12", "CHANGE_ID": "12", "GIT_BRANCH": "PR-12"}, "a pull request"),
    ("Jenkins", {"BRANCH_NAME": "v1.0", "TAG_NAME": "v1.0"}, "a tag"),
    ("Jenkins", {"BRANCH_NAME": "", "GIT_BRANCH": "detached"}, "a commit that is not on a branch"),
    ("Azure Pipelines", {"BUILD_REASON": "PullRequest", "BUILD_SOURCEBRANCH": "refs/pull/1/merge"}, "a pull request"),
    ("Azure Pipelines", {"BUILD_SOURCEBRANCH": "refs/tags/v1.0"}, "a tag"),
    ("Bitbucket Pipelines", {"BITBUCKET_PR_ID": "12"}, "a pull request"),
    ("Bitbucket Pipelines", {"BITBUCKET_BRANCH": "", "BITBUCKET_TAG": "v1.0"}, "a tag"),
    ("Bitbucket Pipelines", {"BITBUCKET_BRANCH": ""}, "a commit that is not on a branch"),
    ("CircleCI", {"CIRCLE_PR_NUMBER": "3", "CIRCLE_BRANCH": "pull/3"}, "a pull request"),
    ("CircleCI", {"CIRCLE_BRANCH": "", "CIRCLE_TAG": "v1.0"}, "a tag"),
    ("AWS CodeBuild", {"CODEBUILD_WEBHOOK_EVENT": "PULL_REQUEST_UPDATED", "CODEBUILD_WEBHOOK_TRIGGER": "pr/1"}, "a pull request"),
    ("AWS CodeBuild", {"CODEBUILD_WEBHOOK_TRIGGER": "tag/v1", "CODEBUILD_WEBHOOK_HEAD_REF": "refs/tags/v1"}, "a tag"),
    ("AWS CodeBuild", {"CODEBUILD_WEBHOOK_TRIGGER": "", "CODEBUILD_WEBHOOK_HEAD_REF": ""}, "a commit that is not on a branch"),
]


def values(build: Any) -> dict[str, str]:
    return {one.option: one.value for one in build.taken}


def test_every_system_has_a_build() -> None:
    assert set(BUILDS) == set(TAKEN) == {system.name for system in SYSTEMS} == {name for name, _more, _what in CHANGES}


@pytest.mark.parametrize("name", BUILDS)
def test_a_build_of_a_branch(name: str) -> None:
    build = build_of({"branch": None}, BUILDS[name])
    url, page = TAKEN[name]
    assert (build.system, build.not_uploaded) == (name, "")
    assert values(build) == {"repository_url": url, "branch": "feature/x", "commit": SHA, "build_url": page}
    assert TOKEN not in str(build.as_result())
    # CI_REPOSITORY_URL contains the token of the job, and is not even read.
    assert "CI_REPOSITORY_URL" not in str(build.as_result())
    assert all(variable in BUILDS[name] for one in build.taken for variable in one.variables)
    given = {"repository_url": "https://other.example/a/b", "branch": "main", "commit": "c0ffee", "build_url": None}
    assert with_build(given, build_of(given, BUILDS[name])) == {**given, "build_url": page}


@pytest.mark.parametrize(("name", "more", "what"), CHANGES)
def test_a_build_of_which_nothing_is_uploaded(name: str, more: dict[str, str], what: str) -> None:
    environ = {**BUILDS[name], **more}
    build = build_of({}, environ)
    assert build.not_uploaded.startswith(f"{name} builds {what} (")
    assert (build.taken, TOKEN in str(build.as_result())) == ([], False)
    # The user can name the branch of a tag; a pull request belongs to no branch.
    assert bool(build_of({"branch": "main"}, environ).not_uploaded) == (what == "a pull request")


def test_a_build_that_cannot_be_told() -> None:
    with pytest.raises(InputError, match=r"not a build of a known CI system: GitHub Actions \(GITHUB_ACTIONS\)"):
        build_of({}, {"CI": "true"})
    with pytest.raises(InputError, match="the variables of GitLab CI and Jenkins are set"):
        build_of({}, {**BUILDS["GitLab CI"], **BUILDS["Jenkins"]})
    # A runner of another system within CodeBuild.
    assert build_of({}, {**BUILDS["AWS CodeBuild"], **BUILDS["GitHub Actions"]}).system == "GitHub Actions"
    scripted = {**BUILDS["Jenkins"], "GIT_URL": ""}
    with pytest.raises(InputError, match=r"does not say which repository this is \(GIT_URL or GIT_URL_1 is not set\): give repository_url"):
        build_of({}, scripted)
    assert values(build_of({"repository_id": "a1"}, scripted))["branch"] == "feature/x"
    behind_login = {**BUILDS["Jenkins"], "BUILD_URL": f"https://me:{TOKEN}@jenkins.example.com/job/shop/15/"}
    assert values(build_of({}, behind_login))["build_url"] == "https://jenkins.example.com/job/shop/15/"
    freestyle = {**BUILDS["Jenkins"], "BRANCH_NAME": "", "GIT_BRANCH": "origin/feature/x"}
    assert values(build_of({}, freestyle))["branch"] == "feature/x"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        *((name, "a pull request") for name in ("refs/pull/12/merge", "refs/merge-requests/5/head", "pull/12", "pull/12/head", "pr/3")),
        *((name, "a tag") for name in ("refs/tags/v1.0", "tags/v1.0")),
        *((name, "a commit that is not on a branch") for name in ("HEAD", "detached", "(no branch)", "(HEAD detached at 8f51ef2)")),
        *((name, "of the build's clone") for name in ("origin/main", "refs/remotes/origin/main", "remotes/origin/main")),
        *((name, "did not replace it with a value") for name in ("$(Build.SourceBranchName)", "${BRANCH}", "$BRANCH_NAME", "%BRANCH%")),
        *((name, "did not replace it with a value") for name in ("{{ b }}", "<< pipeline.git.branch >>", "release-$(x)", "$env:B")),
        *((name, "git does not allow such a branch name") for name in ("a b", "a..b", "a\nb", "x.lock", "/a", "a/", "*", "m^{1}", "a//b")),
        *((name, "branch is empty") for name in ("", "  ", "refs/heads/")),
        (SHA, "a commit and not"),
        ("refs/notes/x", "a ref of another kind"),
    ],
)
def test_what_is_no_branch(given: str, words: str) -> None:
    with pytest.raises(InputError, match=r"^branch is") as refused:
        plain_branch(given, {})
    assert words in str(refused.value)
    with pytest.raises(InputError) as refused:
        plain_branch(given, {"GITLAB_CI": "true"})
    assert "The branch is in CI_COMMIT_BRANCH (GitLab CI); ci: true finds it." in str(refused.value)


def test_what_is_a_branch() -> None:
    assert plain_branch(None, {}) == ""
    for name in ("main", "feature/x", "100%", "PR-12", "upstream/2.0", "höher", "a$b", "release-1.10", "pull/me", "headless", "a@b"):
        assert plain_branch(f" refs/heads/{name} ", {}) == plain_branch(name, {}) == name
    assert [bool(branch_warnings(name)) for name in ("PR-12", "MR-5-merge", "PR-twelve", "main")] == [True, True, False, False]
    with pytest.raises(InputError, match="as Jenkins names a pull request"):
        plain_branch("PR-12", {"CHANGE_ID": "12"})


def test_commits_pages_and_names_in_place_of_secrets() -> None:
    assert plain_commit(SHA) == (SHA, [])
    assert plain_commit(None) == ("", [])
    assert "not a git commit ID" in plain_commit("v1.0")[1][0]
    with pytest.raises(InputError, match=r"commit is .* did not replace it with a value"):
        plain_commit("$(Build.SourceVersion)")
    assert plain_page(f"https://me:{TOKEN}@ci.example/job/1?a=b") == "https://ci.example/job/1?a=b"
    assert [plain_page(url) for url in ("", "unconfigured", "file:///x", "https://", "https://[::1")] == [""] * 5
    assert plain_page(f"https://ci.example/1?b=2&private_token={TOKEN}#access_token={TOKEN}").count(TOKEN) == 0
    refuse_placeholder("collector_token", "a-$-token")
    with pytest.raises(InputError, match=r"^collector_token contains the name of a variable instead of its value") as refused:
        refuse_placeholder("collector_token", "$(THE_SECRET)")
    assert "THE_SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("CI_COMMIT_BRANCH", "m\udce4in", "branch contains bytes that are not UTF-8"),
        ("CI_PROJECT_URL", "https://host.example/m\udce4in", "repository_url contains bytes that are not UTF-8"),
        # Patterns would look for the end of each of these up to the end of the text.
        *(("CI_COMMIT_BRANCH", text * 60_000, "branch has 120000 characters") for text in ("$(", "{{", "<<")),
        *(("CI_PROJECT_URL", text * 60_000, "repository_url has 120000 characters") for text in ("a.", "a:")),
    ],
    ids=str,
)
def test_what_no_request_can_hold_is_refused_at_once(variable: str, value: str, words: str) -> None:
    started = time.process_time()
    with pytest.raises(InputError, match=words):
        build_of({}, {**BUILDS["GitLab CI"], variable: value})
    assert time.process_time() - started < 2


def test_odd_bytes_in_the_page_of_a_build_and_a_broken_line_in_a_change() -> None:
    actions = {**BUILDS["GitHub Actions"], "GITHUB_RUN_ID": "m\udce4in"}
    assert values(build_of({}, actions))["build_url"].endswith("/actions/runs/m%E4in")
    assert "a pull request" in build_of({}, {**BUILDS["Jenkins"], "CHANGE_ID": "1\n2"}).not_uploaded


def test_a_receipt_holds_no_secret_wherever_it_came_from(tmp_path: Path) -> None:
    commit, _odd = plain_commit(f"https://me:{TOKEN}@ci.example/x")
    about = About("bandit", "api-x", {"repository_id": "the-collectors-token"}, commit, "")
    source = Source("a.sarif", "0" * 64, 0, {}, {}, [], "", False)
    path = Receipts(str(tmp_path), about, Redactor(["the-collectors-token"])).not_sent(source)
    held = Path(path).read_text(encoding="utf-8")
    assert TOKEN not in held
    assert "the-collectors-token" not in held
    assert json.loads(held)["summary"] == "scanned, 0 results, not sent"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("branch is HEAD, and so on; ci: true finds it.", "--branch is HEAD, and so on; --ci finds it."),
        ("x.sarif: not sent; allow_empty: true sends it.", "x.sarif: not sent; --allow-empty sends it."),
        ("on_oversize: split sends it in parts", "--on-oversize split sends it in parts"),
        ("(max_dropped_percent is 0; max_dropped_percent: 50 leaves", "(--max-dropped-percent is 0; --max-dropped-percent 50 leaves"),
        ("path: there is no file /a/source_root/b.", "there is no file /a/source_root/b."),
        ("one of collector_id, collector_name, upload_url", "one of --collector-id, --upload-url"),
        ("collector_token is missing", "CORTEXCLOUD_COLLECTOR_TOKEN is missing"),
        ("but expected_tenant is x", "but CORTEXCLOUD_EXPECTED_TENANT is x"),
        ("results of this branch; suppressed: keep sends them, suppressed or not", None),
        ("no file allow_empty.py of the commit in this path", "no file allow_empty.py of the commit in this path"),
    ],
)
def test_the_command_speaks_of_its_own_options(said: str, told: str | None) -> None:
    assert for_command_line(said) == (told or said.replace("suppressed: keep", "--suppressed keep"))
