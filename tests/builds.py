# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build of branch feature/x of example/shop in each CI system, with those documented variables that say what is built."""

from __future__ import annotations

SHA = "8f51ef2b9a0ce1c4ab23f9ab7a0e10c2f9ed2d5c"
# What some CI systems put into the address of a clone.
TOKEN = "canary-of-the-job"
BUILDS: dict[str, dict[str, str]] = {
    "GitHub Actions": {
        "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "example/shop",
        "GITHUB_REF": "refs/heads/feature/x", "GITHUB_REF_NAME": "feature/x", "GITHUB_REF_TYPE": "branch", "GITHUB_EVENT_NAME": "push",
        "GITHUB_SHA": SHA, "GITHUB_RUN_ID": "1658821493", "GITHUB_RUN_ATTEMPT": "1",
    },
    "GitLab CI": {
        "CI": "true", "GITLAB_CI": "true", "CI_PROJECT_URL": "https://gitlab.example.com/example/shop",
        "CI_REPOSITORY_URL": f"https://gitlab-ci-token:{TOKEN}@gitlab.example.com/example/shop.git", "CI_PIPELINE_SOURCE": "push",
        "CI_COMMIT_BRANCH": "feature/x", "CI_COMMIT_REF_NAME": "feature/x", "CI_COMMIT_SHA": SHA,
        "CI_JOB_URL": "https://gitlab.example.com/example/shop/-/jobs/379424655",
    },
    "Jenkins": {
        "JENKINS_URL": "https://jenkins.example.com/", "JENKINS_HOME": "/var/jenkins_home", "BRANCH_NAME": "feature/x",
        "GIT_URL": f"https://robot:{TOKEN}@git.example.com/example/shop.git", "GIT_BRANCH": "feature/x", "GIT_COMMIT": SHA,
        "BUILD_URL": "https://jenkins.example.com/job/shop/job/feature%252Fx/15/",
    },
    "Azure Pipelines": {
        "TF_BUILD": "True", "BUILD_REPOSITORY_URI": "https://example@dev.azure.com/example/pay/_git/shop", "BUILD_REASON": "IndividualCI",
        "BUILD_SOURCEBRANCH": "refs/heads/feature/x", "BUILD_SOURCEBRANCHNAME": "x", "BUILD_SOURCEVERSION": SHA,
        "SYSTEM_COLLECTIONURI": "https://dev.azure.com/example/", "SYSTEM_TEAMPROJECT": "Pay ment", "BUILD_BUILDID": "71",
    },
    "Bitbucket Pipelines": {
        "CI": "true", "BITBUCKET_BUILD_NUMBER": "12", "BITBUCKET_REPO_FULL_NAME": "example/shop", "BITBUCKET_BRANCH": "feature/x",
        "BITBUCKET_GIT_HTTP_ORIGIN": "http://bitbucket.org/example/shop", "BITBUCKET_COMMIT": SHA,
    },
    "CircleCI": {
        "CI": "true", "CIRCLECI": "true", "CIRCLE_REPOSITORY_URL": "git@github.com:example/shop.git", "CIRCLE_BRANCH": "feature/x",
        "CIRCLE_SHA1": SHA, "CIRCLE_BUILD_URL": "https://circleci.com/gh/example/shop/25",
        # A pull request was opened from the branch; still, the branch is built.
        "CIRCLE_PULL_REQUEST": "https://github.com/example/shop/pull/3",
    },
    "AWS CodeBuild": {
        "CODEBUILD_BUILD_ID": "shop:cf59169d", "CODEBUILD_SOURCE_REPO_URL": "https://github.com/example/shop.git",
        "CODEBUILD_WEBHOOK_EVENT": "PUSH", "CODEBUILD_WEBHOOK_TRIGGER": "branch/feature/x", "CODEBUILD_SOURCE_VERSION": SHA,
        "CODEBUILD_WEBHOOK_HEAD_REF": "refs/heads/feature/x", "CODEBUILD_RESOLVED_SOURCE_VERSION": SHA,
        "CODEBUILD_BUILD_URL": "https://eu-west-1.console.aws.amazon.com/codebuild/home?region=eu-west-1#/builds/shop:cf59169d/view/new",
    },
}  # fmt: skip
# The repository, and the page of the build.
TAKEN = {
    "GitHub Actions": ("https://github.com/example/shop", "https://github.com/example/shop/actions/runs/1658821493"),
    "GitLab CI": ("https://gitlab.example.com/example/shop", "https://gitlab.example.com/example/shop/-/jobs/379424655"),
    "Jenkins": ("https://git.example.com/example/shop", "https://jenkins.example.com/job/shop/job/feature%252Fx/15/"),
    "Azure Pipelines": (
        "https://dev.azure.com/example/pay/_git/shop",
        "https://dev.azure.com/example/Pay%20ment/_build/results?buildId=71",
    ),
    "Bitbucket Pipelines": ("https://bitbucket.org/example/shop", "https://bitbucket.org/example/shop/pipelines/results/12"),
    "CircleCI": ("https://github.com/example/shop", "https://circleci.com/gh/example/shop/25"),
    "AWS CodeBuild": ("https://github.com/example/shop", BUILDS["AWS CodeBuild"]["CODEBUILD_BUILD_URL"]),
}
