# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector, repository and token of an upload, as far as they show without requests."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.signing import CollectorToken
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.normalise import Tool
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import Source, Upload
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.upload.target import (
    Target,
    plain_repository_url,
    plan_target,
    plan_warnings,
    query_of,
)

URL = "https://api-t.example/public_api/appsec/v1/collectors/col_1"
TOKEN = {"collector_token_id": "17", "collector_token": "the-token"}


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("https://host.example/org/repo", "https://host.example/org/repo"),
        ("https://host.example/org/repo.git/", "https://host.example/org/repo"),
        ("https://gitlab-ci-token:abc123@host.example/group/sub/repo.git", "https://host.example/group/sub/repo"),
        ("https://abc123@host.example:8443/org/repo?x=1#y", "https://host.example:8443/org/repo"),
        ("git@host.example:org/repo.git", "https://host.example/org/repo"),
        ("host.example:org/repo", "https://host.example/org/repo"),
        ("ssh://git@host.example:2222/org/repo.git", "https://host.example/org/repo"),
        ("ssh://git@host.example:7999/org/repo.git", "https://host.example/projects/ORG/repos/repo"),
        ("git+ssh://git@host.example/org/repo", "https://host.example/org/repo"),
        ("http://localhost:8080/org/repo", "http://localhost:8080/org/repo"),
    ],
)
def test_repository_url(given: str, plain: str) -> None:
    assert plain_repository_url(given) == plain


@pytest.mark.parametrize(
    "given",
    [
        *("org/repo", "https://hunter2@", "https://host.example/", "file:///srv/repo", "https://h:port/x", "hunter2"),
        *("oauth2:hunter2@host.example/org/repo.git", "me:hunter2@host.example:org/repo", "https://host.example/hunter2@x/y"),
        *("git@host.example:hunter2@x/y", "https:/oauth2:hunter2@host.example/org/repo", "hunter2@host.example/org/repo"),
    ],
)
def test_repository_url_that_is_none(given: str) -> None:
    with pytest.raises(InputError, match="repository_url") as refused:
        plain_repository_url(given)
    assert "hunter2" not in str(refused.value)


def test_query() -> None:
    assert query_of({"repository_url": "git@h.example:o/r.git", "branch": "main"}) == {
        "repository_url": "https://h.example/o/r",
        "branch": "main",
    }
    assert query_of({"repository_id": " a1 ", "branch": None}) == {"repository_id": "a1"}
    with pytest.raises(InputError, match="repository_id or repository_url must be given"):
        query_of({"repository_id": "", "repository_url": None})


@pytest.mark.parametrize(
    ("params", "target"),
    [
        ({"collector_id": "col_1"}, Target(collector_id="col_1")),
        ({"collector_name": "bandit"}, Target(collector_name="bandit", name="bandit")),
        ({"upload_url": URL}, Target(upload_url=URL)),
        ({"upload_url": URL, "collector_id": "", **TOKEN}, Target(upload_url=URL, token=CollectorToken("17", "the-token"))),
        ({"upload_url": "http://127.0.0.1:8080/public_api/x"}, Target(upload_url="http://127.0.0.1:8080/public_api/x")),
    ],
)
def test_target(params: dict[str, Any], target: Target) -> None:
    assert plan_target(params, need=True) == (target, [])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "no collector is given"),
        ({"collector_id": "a", "upload_url": URL}, "collector_id and upload_url are both given"),
        ({"collector_id": "a", "collector_token": "the-token"}, "collector_token_id is missing"),
        ({"collector_id": "a", "collector_token_id": "17"}, "collector_token is missing"),
        ({"collector_name": "a", **TOKEN}, "collector_name cannot be looked up with a collector's own token"),
        ({"upload_url": "api-t.example/x"}, "must be the full URL"),
        ({"upload_url": "http://api-t.example/x"}, "plain http"),
        ({"upload_url": "https://user:the-token@api-t.example/x"}, "must not contain a user name or password"),
        ({"upload_url": URL + "?repository_id=x"}, "must not contain a query"),
        ({"upload_url": URL, "credentials_file": "/gone.json"}, "credentials_file /gone.json cannot be read"),
    ],
)
def test_target_that_is_none(params: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        plan_target(params, need=True)
    assert "the-token" not in str(refused.value)


def test_upload_url_of_another_tenant_than_expected() -> None:
    with pytest.raises(InputError, match=r"expected_tenant is prod\.example"):
        plan_target({"upload_url": URL, **TOKEN}, need=True, expected_tenant="prod.example")


def test_credentials_file(tmp_path: Path) -> None:
    file = tmp_path / "bandit.json"
    held = {"id": "col_1", "name": "bandit", "api_url": URL, "token_id": "17", "token": "the-token"}
    file.write_text(json.dumps(held), encoding="utf-8")
    token = CollectorToken("17", "the-token")
    # The variables of a pipeline may contain the token of another collector: the file wins.
    params = {"credentials_file": str(file), "collector_token_id": "9", "collector_token": "other"}
    assert plan_target(params, need=True)[0] == Target(upload_url=URL, token=token, name="bandit")
    with pytest.raises(InputError, match="leave it out, because credentials_file identifies"):
        plan_target({**params, "collector_name": "bandit"}, need=True)
    with pytest.raises(InputError, match="belongs to collector col_1, not to collector_id col_2"):
        plan_target({**params, "collector_id": "col_2"}, need=True)
    file.write_text(json.dumps({**held, "api_url": ""}), encoding="utf-8")
    assert plan_target(params, need=True)[0] == Target(collector_id="col_1", token=token, name="bandit")
    file.write_text(json.dumps({**held, "token": ""}), encoding="utf-8")
    with pytest.raises(InputError, match="contains an empty token"):
        plan_target(params, need=True)


def test_check_mode_needs_no_target_but_says_so() -> None:
    for params, words in (({}, "no collector is given"), ({"credentials_file": "/gone.json"}, "does not exist")):
        _target, (warning,) = plan_target(params, need=False)
        assert words in warning
    assert plan_target({"upload_url": URL, "collector_token": "x"}, need=False)[1] == []


def test_a_target_does_not_print_its_token() -> None:
    assert "the-token" not in repr(Target(token=CollectorToken("17", "the-token")))


def test_warnings() -> None:
    report = Source("a.sarif", "0", 1, {}, {}, [Tool("Bandit", "")], "", False)
    one = Upload(report, 1, 1, 2, "0", 1, {}, lambda: b"{}")
    named, unnamed = Target(collector_id="x", name="bandit"), Target(collector_id="x")
    assert plan_warnings([], named, {}) == []
    assert plan_warnings([one], named, {"branch": "main"}) == []
    assert "default branch" in plan_warnings([one], unnamed, {})[0]
    assert "adds to an earlier one or replaces it" in plan_warnings([one, one], unnamed, {"branch": "main"})[0]
    assert "by Bandit, the collector's name is eslint" in plan_warnings([one], Target(name="eslint"), {"branch": "main"})[0]
    eslint = dataclasses.replace(one, source=dataclasses.replace(report, tools=[Tool("eslint", "")]))
    assert "reports of 2 tools (Bandit, eslint) go to one collector" in plan_warnings([one, eslint], unnamed, {"branch": "main"})[1]
