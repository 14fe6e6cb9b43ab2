# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of CI systems: which variables of each describe the build. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

Environment = t.Mapping[str, str]
VARIABLE = re.compile(r"\{(\w+)\}")


@dataclasses.dataclass(frozen=True)
class System:
    """One CI system and its documented variables.

    known_by: variables of which every build has at least one.
    url, branch: templates of the repository's URL and of the branch (or its full ref); the first one whose
        variables are all set is used.
    commit, page: templates of the commit and of the build's web page.
    change, tag: variable -> pattern of its whole value if a pull request, or a tag, is built.
    another: the same, for builds whose reports may be of another build.
    remote: prefix that is removed from the branch.
    within: whether other systems run on its machines; then the build is one of theirs.
    """

    name: str
    known_by: tuple[str, ...]
    url: tuple[str, ...]
    branch: tuple[str, ...]
    commit: str
    page: str
    change: dict[str, str]
    tag: dict[str, str]
    another: dict[str, str] = dataclasses.field(default_factory=dict)
    remote: str = ""
    within: bool = False


SYSTEMS = (
    System(
        "GitHub Actions",
        known_by=("GITHUB_ACTIONS",),
        url=("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}",),
        branch=("{GITHUB_REF}",),
        commit="{GITHUB_SHA}",
        page="{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
        # A merge queue builds a temporary branch.
        change={"GITHUB_EVENT_NAME": "pull_request.*|merge_group", "GITHUB_REF": "refs/pull/.*"},
        tag={"GITHUB_REF": "refs/tags/.*"},
        # GITHUB_REF is the default branch, and the reports may be of a pull request that another run built.
        another={"GITHUB_EVENT_NAME": "workflow_run"},
    ),
    System(
        "GitLab CI",
        known_by=("GITLAB_CI",),
        # CI_REPOSITORY_URL contains the token of the job.
        url=("{CI_PROJECT_URL}",),
        branch=("{CI_COMMIT_BRANCH}",),
        commit="{CI_COMMIT_SHA}",
        page="{CI_JOB_URL}",
        change={"CI_MERGE_REQUEST_IID": ".+", "CI_EXTERNAL_PULL_REQUEST_IID": ".+"},
        tag={"CI_COMMIT_TAG": ".+"},
    ),
    System(
        "Jenkins",
        known_by=("JENKINS_URL", "JENKINS_HOME"),
        url=("{GIT_URL}", "{GIT_URL_1}"),
        branch=("{BRANCH_NAME}", "{GIT_LOCAL_BRANCH}", "{GIT_BRANCH}"),
        commit="{GIT_COMMIT}",
        page="{BUILD_URL}",
        change={"CHANGE_ID": ".+"},
        tag={"TAG_NAME": ".+"},
        remote="origin/",
    ),
    System(
        "Azure Pipelines",
        known_by=("TF_BUILD",),
        url=("{BUILD_REPOSITORY_URI}",),
        branch=("{BUILD_SOURCEBRANCH}",),
        commit="{BUILD_SOURCEVERSION}",
        page="{SYSTEM_COLLECTIONURI}/{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
        change={"BUILD_REASON": "PullRequest", "BUILD_SOURCEBRANCH": "refs/pull/.*"},
        tag={"BUILD_SOURCEBRANCH": "refs/tags/.*"},
    ),
    System(
        "Bitbucket Pipelines",
        known_by=("BITBUCKET_BUILD_NUMBER",),
        # BITBUCKET_GIT_HTTP_ORIGIN begins with http:.
        url=("https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}",),
        branch=("{BITBUCKET_BRANCH}",),
        commit="{BITBUCKET_COMMIT}",
        page="https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",
        change={"BITBUCKET_PR_ID": ".+"},
        tag={"BITBUCKET_TAG": ".+"},
    ),
    System(
        "CircleCI",
        known_by=("CIRCLECI",),
        url=("{CIRCLE_REPOSITORY_URL}",),
        branch=("{CIRCLE_BRANCH}",),
        commit="{CIRCLE_SHA1}",
        page="{CIRCLE_BUILD_URL}",
        # CIRCLE_PULL_REQUEST is also set in builds of a branch from which a pull request was opened.
        change={"CIRCLE_PR_NUMBER": ".+", "CIRCLE_BRANCH": r"pull/\d+(/.*)?"},
        tag={"CIRCLE_TAG": ".+"},
    ),
    System(
        "AWS CodeBuild",
        known_by=("CODEBUILD_BUILD_ID",),
        url=("{CODEBUILD_SOURCE_REPO_URL}",),
        branch=("{CODEBUILD_WEBHOOK_HEAD_REF}",),
        commit="{CODEBUILD_RESOLVED_SOURCE_VERSION}",
        page="{CODEBUILD_BUILD_URL}",
        change={
            "CODEBUILD_WEBHOOK_EVENT": "PULL_REQUEST_.*",
            "CODEBUILD_WEBHOOK_TRIGGER": "pr/.*",
            "CODEBUILD_SOURCE_VERSION": "pr/.*",
        },
        tag={"CODEBUILD_WEBHOOK_TRIGGER": "tag/.*", "CODEBUILD_WEBHOOK_HEAD_REF": "refs/tags/.*"},
        within=True,
    ),
)


def recognised(environ: Environment) -> list[System]:
    """The CI systems with these variables."""
    systems = [system for system in SYSTEMS if any(value_of(environ, name) for name in system.known_by)]
    return [system for system in systems if not system.within] or systems


def branch_variables(environ: Environment) -> str:
    """The variable with the branch, in words, of the system that is recognised, otherwise of each system."""
    systems = recognised(environ)
    systems = systems if len(systems) == 1 else list(SYSTEMS)
    return ", ".join(f"{VARIABLE.findall(system.branch[0])[0]} ({system.name})" for system in systems)


def value_of(environ: Environment, name: str) -> str:
    """The value of a variable, or of an option in the module's options; empty if it is not set."""
    return (environ.get(name) or "").strip()
