# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SARIF uploads."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tenant.server import EmbeddedTenant

from .calling import RESULT, Caller, result, sarif

Upload = Callable[..., requests.Response]
WEB = "https://github.com/shop/web"


@pytest.fixture
def collector(tenant: EmbeddedTenant) -> str:
    return tenant.add_collector("semgrep").id


@pytest.fixture
def upload(tenant: EmbeddedTenant, admin: Caller, collector: str) -> Upload:
    """Uploads a document for the one repository the tenant knows."""
    tenant.add_repository("shop/web")

    def send(document: Any, **query: str) -> requests.Response:
        return admin.post(f"/public_api/appsec/v1/collectors/{collector}", document, **(query or {"repository_url": WEB}))

    return send


def test_accepted(tenant: EmbeddedTenant, upload: Upload, collector: str) -> None:
    document = sarif(result(level="error"), result(level="warning"), result(level="note"), result(level="none"))
    reply = upload(document)
    assert (reply.status_code, reply.json()) == (
        201, {"status": "INGESTED", "message": "The document was received, 4 findings will be ingested"}
    )
    [accepted] = tenant.uploads
    assert (accepted.collector_id, accepted.branch, accepted.document) == (collector, "main", document)
    assert accepted.bytes == int(reply.request.headers["Content-Length"])
    assert tenant.accepted_results == document["runs"][0]["results"]
    assert [one.severity for one in tenant.accepted_results] == ["HIGH", "MEDIUM", "LOW", "INFO"]
    assert {one.tool for one in tenant.accepted_results} == {"semgrep"}


def test_a_clean_scan_is_accepted(tenant: EmbeddedTenant, upload: Upload) -> None:
    document = sarif()
    document["runs"][0]["results"] = []
    assert upload(document).status_code == 201
    assert (len(tenant.uploads), tenant.accepted_results) == (1, [])


def test_rules_of_an_extension_count(upload: Upload) -> None:
    document = sarif()
    tool = document["runs"][0]["tool"]
    tool["extensions"] = [{"name": "pack", "rules": tool["driver"].pop("rules")}]
    assert upload(document).status_code == 201


def at(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of a document: set the member at the path, or remove it if the value is `at`."""

    def change(document: dict[str, Any]) -> None:
        node: Any = document
        for part in path[:-1]:
            node = node[part]
        if value is at:
            del node[path[-1]]
        else:
            node[path[-1]] = value

    return change


RUN: tuple[Any, ...] = ("runs", 0)
FIRST: tuple[Any, ...] = (*RUN, "results", 0)
PLACE: tuple[Any, ...] = (*FIRST, "locations", 0, "physicalLocation")
URI: tuple[Any, ...] = (*PLACE, "artifactLocation", "uri")
IN_RESULT, IN_PLACE = "$.runs[0].results[0]", "$.runs[0].results[0].locations[0].physicalLocation"


@pytest.mark.parametrize(("change", "where"), [
    (at("version", value="2.0.0"), "$.version"),
    (at("version", value=at), "$.version"),
    (at("runs", value=at), "$.runs"),
    (at("runs", value=[]), "$.runs"),
    (at(*RUN, value=7), "$.runs[0].tool.driver.name"),
    (at(*RUN, "tool", "driver", "name", value=""), "$.runs[0].tool.driver.name"),
    (at(*RUN, "tool", "driver", "rules", value=[]), "$.runs[0].tool.driver.rules"),
    (at(*RUN, "tool", "driver", "rules", value=[{"name": "x"}]), "$.runs[0].tool.driver.rules[0].id"),
    (at(*RUN, "results", value={}), "$.runs[0].results"),
    (at(*FIRST, value=None), IN_RESULT),
    (at(*FIRST, "ruleId", value=at), f"{IN_RESULT}.ruleId"),
    (at(*FIRST, "ruleId", value="other"), f"{IN_RESULT}.ruleId"),
    (at(*FIRST, "level", value="critical"), f"{IN_RESULT}.level"),
    (at(*FIRST, "level", value=None), f"{IN_RESULT}.level"),
    (at(*FIRST, "level", value=["error"]), f"{IN_RESULT}.level"),
    (at(*FIRST, "message", value={"markdown": "x"}), f"{IN_RESULT}.message.text"),
    (at(*FIRST, "locations", value=[]), f"{IN_RESULT}.locations"),
    (at(*FIRST, "locations", 0, value={}), f"{IN_PLACE}.artifactLocation.uri"),
    (at(*URI, value=""), f"{IN_PLACE}.artifactLocation.uri"),
    (at(*URI, value="/src/app.py"), f"{IN_PLACE}.artifactLocation.uri"),
    (at(*URI, value="file:///src/app.py"), f"{IN_PLACE}.artifactLocation.uri"),
    (at(*URI, value="C:/src/app.py"), f"{IN_PLACE}.artifactLocation.uri"),
    (at(*URI, value="src\\app.py"), f"{IN_PLACE}.artifactLocation.uri"),
    (at(*URI, value="src/../../app.py"), f"{IN_PLACE}.artifactLocation.uri"),
    (at(*URI, value="src/%2e%2e/app.py"), f"{IN_PLACE}.artifactLocation.uri"),
    (at(*PLACE, "region", value=at), f"{IN_PLACE}.region.startLine"),
    (at(*PLACE, "region", "startLine", value=0), f"{IN_PLACE}.region.startLine"),
    (at(*PLACE, "region", "startLine", value=True), f"{IN_PLACE}.region.startLine"),
    (at(*PLACE, "region", "startLine", value="7"), f"{IN_PLACE}.region.startLine"),
])
def test_a_document_is_refused_with_the_place(tenant: EmbeddedTenant, upload: Upload, change: Callable[[Any], None], where: str) -> None:
    document = sarif()
    change(document)
    reply = upload(document)
    assert reply.status_code == 400
    assert f"{where}: " in reply.json()["message"]
    assert (tenant.uploads, tenant.accepted_results) == ([], [])


def test_only_the_first_five_problems_are_named(upload: Upload) -> None:
    message = upload(sarif(*[result(ruleId="other")] * 9)).json()["message"]
    assert message.count("no rule with this id") == 5


@pytest.mark.parametrize("uri", ["src/app.py", "..hidden/app.py", "src/a..b.py", "app.py", "my%20file.py"])
def test_relative_paths_are_accepted(upload: Upload, uri: str) -> None:
    document = sarif()
    at(*URI, value=uri)(document)
    assert upload(document).status_code == 201


def test_the_body_of_a_refusal_has_a_status(tenant: EmbeddedTenant, upload: Upload, admin: Caller, collector: str) -> None:
    path = f"/public_api/appsec/v1/collectors/{collector}"
    unreadable = admin.send("POST", path, data=b"{", params={"repository_url": WEB}, headers={"Content-Type": "application/json"})
    for reply in (unreadable, upload({}), admin.post(path, sarif())):
        assert (reply.status_code, reply.json()["status"]) == (400, "INVALID")
    tenant.set(upload_body="status")
    assert "status" not in upload({}).json()


def test_the_repository_must_be_named(upload: Upload) -> None:
    assert upload(sarif(), branch="main").status_code == 400
    assert upload(sarif(), repository_url="", repository_id="").status_code == 400


def test_the_repository_must_be_known(tenant: EmbeddedTenant, upload: Upload) -> None:
    asset = next(iter(tenant.state.repositories))
    assert upload(sarif(), repository_id=asset, branch="feature").status_code == 201
    assert upload(sarif(), repository_id=asset, repository_url=WEB).status_code == 201
    assert upload(sarif(), repository_url="https://GitHub.com/shop/web").status_code == 201
    assert upload(sarif(), repository_id="unknown").status_code == 404
    assert upload(sarif(), repository_url=f"{WEB}.git").status_code == 404
    assert upload(sarif(), repository_url="http://[").status_code == 404
    assert [(one.repository, one.branch) for one in tenant.uploads] == [(asset, "feature"), (asset, "main"), (asset, "main")]


def test_a_selected_repository_is_known(tenant: EmbeddedTenant, upload: Upload) -> None:
    url = "https://gitlab.example.com/shop/deep/api"
    assert upload(sarif(), repository_url=url).status_code == 404
    tenant.add_instance("GITLAB_SELF_MANAGED", name="core", state=["shop/deep/api"])
    assert upload(sarif(), repository_url=url).status_code == 201
    assert tenant.uploads[-1].repository == url


def test_id_and_url_must_agree(tenant: EmbeddedTenant, upload: Upload) -> None:
    other = tenant.add_repository("shop/api")
    assert upload(sarif(), repository_id=other, repository_url=WEB).status_code == 400


def test_the_size_limit_is_in_bytes(tenant: EmbeddedTenant, admin: Caller, collector: str) -> None:
    tenant.add_repository("shop/web")

    def padded(size: int) -> int:
        body = json.dumps(sarif()).encode().ljust(size)
        path = f"/public_api/appsec/v1/collectors/{collector}"
        return admin.send("POST", path, data=body, params={"repository_url": WEB}, headers={"Content-Type": "application/json"}).status_code

    assert padded(10_000_000) == 201
    assert padded(10_000_001) == 400
    tenant.set(oversize_status=413)
    assert padded(10_000_001) == 413
    tenant.set(upload_limit=10_485_760)
    assert padded(10_485_760) == 201
    assert padded(10_485_761) == 413
    assert [one.bytes for one in tenant.uploads] == [10_000_000, 10_485_760]


def test_the_token_of_the_creation_reply_uploads(tenant: EmbeddedTenant, admin: Caller) -> None:
    token = tenant.add_collector("codeql")
    tenant.add_repository("shop/web")
    headers = {"x-crtx-auth-id": token.token_id, "Authorization": token.token}
    reply = requests.post(token.api_url, json=sarif(), params={"repository_url": WEB}, headers=headers, timeout=10)
    assert reply.status_code == 201
    assert tenant.journal[-1].auth == token.token_id
    assert tenant.accepted_results == [RESULT]


# -- switches


@pytest.mark.parametrize(("ingestion", "sent", "status", "taken"), [
    ("all", 3, "INGESTED", 3), ("some", 3, "PARTIALLY_VALID", 2), ("fewer", 3, "INGESTED", 2), ("some", 0, "INGESTED", 0),
    ("fewer", 1, "INGESTED", 0),
])
def test_ingestion(tenant: EmbeddedTenant, upload: Upload, ingestion: str, sent: int, status: str, taken: int) -> None:
    tenant.set(ingestion=ingestion)
    document = sarif()
    document["runs"][0]["results"] *= sent
    reply = upload(document)
    assert (reply.status_code, reply.json()["status"]) == (201, status)
    assert reply.json()["message"].endswith(f" {taken} findings will be ingested")
    assert (len(tenant.accepted_results), len(tenant.uploads[0].results)) == (taken, taken)


@pytest.mark.parametrize(("page", "kind"), [("login", "text/html; charset=utf-8"), ("error", "application/json")])
def test_upload_page(tenant: EmbeddedTenant, upload: Upload, page: str, kind: str) -> None:
    tenant.set(upload_page=page)
    reply = upload(sarif())
    assert (reply.status_code, reply.headers["Content-Type"]) == (201, kind)
    assert ("Sign in" in reply.text, "err_msg" in reply.text) == (page == "login", page == "error")
    assert tenant.uploads == []
    tenant.set(upload_page="none")
    assert upload(sarif()).json()["status"] == "INGESTED"


@pytest.mark.parametrize(("how", "status", "body"), [
    ("503_empty", 503, b""), ("503_json", 503, b'{"errorCode":"COLLECTOR_DISABLED","message":"The collector is disabled"}'),
    ("403", 403, b'{"errorCode":"FORBIDDEN","message":"The collector is disabled"}'),
])
def test_disabled_upload(tenant: EmbeddedTenant, upload: Upload, collector: str, how: str, status: int, body: bytes) -> None:
    tenant.set(disabled_upload=how)
    tenant.disable(collector)
    reply = upload(sarif())
    assert (reply.status_code, reply.content) == (status, body)
    assert tenant.uploads == []
    tenant.enable(collector)
    assert upload(sarif()).status_code == 201


@pytest.mark.parametrize(("uploads", "lines"), [("additive", [1, 2, 3]), ("replace", [2, 3])])
def test_uploads(tenant: EmbeddedTenant, upload: Upload, uploads: str, lines: list[int]) -> None:
    tenant.set(uploads=uploads)
    for line, branch in ((1, "main"), (2, "feature"), (3, "main")):
        place = {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": line}}
        assert upload(sarif(result(locations=[{"physicalLocation": place}])), repository_url=WEB, branch=branch).status_code == 201
    current = [accepted["locations"][0]["physicalLocation"]["region"]["startLine"] for accepted in tenant.accepted_results]
    assert (current, len(tenant.uploads)) == (lines, 3)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_upload_status(tenant: EmbeddedTenant, upload: Upload, status: int) -> None:
    tenant.set(upload_status=status)
    assert upload(sarif()).status_code == status


@pytest.mark.parametrize(("body", "answer"), [
    ("published", {"status": "INGESTED", "message": "The document was received, 1 findings will be ingested"}),
    ("status", {"status": "ACCEPTED"}), ("empty_object", {}),
])
def test_upload_body(tenant: EmbeddedTenant, upload: Upload, body: str, answer: dict[str, str]) -> None:
    tenant.set(upload_body=body)
    assert upload(sarif()).json() == answer


@pytest.mark.parametrize("severity", ["HIGH", "LOW"])
def test_missing_level(tenant: EmbeddedTenant, upload: Upload, severity: str) -> None:
    tenant.set(missing_level=severity)
    bare = result()
    del bare["level"]
    upload(sarif(bare, result(level="note")))
    assert [accepted.severity for accepted in tenant.accepted_results] == [severity, "LOW"]


@pytest.mark.parametrize("status", [404, 400])
def test_unknown_and_any_repository(tenant: EmbeddedTenant, upload: Upload, status: int) -> None:
    tenant.set(unknown_repository_status=status)
    assert upload(sarif(), repository_id="unknown").status_code == status
    tenant.set(any_repository=True)
    assert upload(sarif(), repository_id="unknown").status_code == 201
