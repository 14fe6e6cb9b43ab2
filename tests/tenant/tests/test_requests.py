# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request may contain, and the form of each refusal."""
from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tenant.kinds import KNOWN
from tenant.server import EmbeddedTenant

from .calling import COLLECTOR, GITLAB, INSTANCES, SCOPE, Caller, sarif

PROJECT = {"branchName": None, "externalBranchName": None, "externalId": "e1", "externalProjectId": None, "repoId": None}


def faults(reply: Any) -> dict[str, str]:
    """The field paths of a 422 with their messages. Another response fails the test."""
    assert reply.status_code == 422, reply.text
    body = reply.json()
    assert (body["errorCode"], body["message"]) == ("ValidateError", "Validation Failed")
    return {path: fault["message"] for path, fault in body["details"].items()}


@pytest.mark.parametrize(("change", "path"), [
    ({"type": None}, "requestBody.type"),
    ({"type": "gitlab"}, "requestBody.type"),
    ({"type": "CHECKMARX"}, "requestBody.type"),
    ({"status": "COMPLETED"}, "requestBody.status"),
    ({"selectionType": "CURRENT_STATE"}, "requestBody.selectionType"),
    ({"state": []}, "requestBody.state"),
    ({"name": "gitlab-core"}, "requestBody.name"),
    ({"domain": None}, "requestBody.domain"),
    ({"domain": {"hostname": 7, "protocol": "https"}}, "requestBody.domain.hostname"),
    ({"domain": {"hostname": "x", "protocol": "ftp"}}, "requestBody.domain.protocol"),
    ({"domain": {"hostname": "x", "protocol": "https", "port": 443}}, "requestBody.domain.port"),
    ({"credentials": {"clientSecret": 7}}, "requestBody.credentials.clientSecret"),
    ({"credentials": {"client_secret": "x"}}, "requestBody.credentials.client_secret"),
    ({"domain": {"hostname": "x"}}, "requestBody.domain.protocol"),
    ({"domain": {"protocol": "https"}}, "requestBody.domain.hostname"),
    ({"credentials": {"type": "BASIC"}}, "requestBody.credentials.type"),
    ({"transporter": {"brokerDeviceId": "x", "connectionName": None}}, "requestBody.transporter.connectionName"),
    ({"transporter": {"brokerDeviceId": "x"}}, "requestBody.transporter.connectionName"),
    ({"selfSignedCertificate": ["pem"]}, "requestBody.selfSignedCertificate"),
    ({"uniqueProperties": "name"}, "requestBody.uniqueProperties"),
    ({"uniqueProperties": {"name": 7}}, "requestBody.uniqueProperties.name"),
])
def test_a_creation_names_the_field_at_fault(tenant: EmbeddedTenant, admin: Caller, change: dict[str, Any], path: str) -> None:
    assert list(faults(admin.post(INSTANCES, {**GITLAB, **change}))) == [path]
    assert tenant.instances == {}


def test_every_fault_is_named_and_no_value_is_quoted(admin: Caller) -> None:
    body = {"type": "GITLAB", "credentials": {"tokn": "planted-secret-1", "password": ["planted-secret-2"]}}
    reply = admin.post(INSTANCES, body)
    assert set(faults(reply)) == {"requestBody.credentials.tokn", "requestBody.credentials.password"}
    assert "planted-secret" not in reply.text


@pytest.mark.parametrize("properties", [
    {}, {"name": "x"}, {"name": "x", "detectionMethod": "DAST", "fileType": "SARIF"}, {"detectionMethod": "SAST", "fileType": "SARIF"},
])
def test_a_collector_needs_its_three_properties(admin: Caller, properties: dict[str, str]) -> None:
    refused = faults(admin.post(INSTANCES, {"type": "COLLECTOR", "uniqueProperties": properties}))
    assert all(path.startswith("requestBody.uniqueProperties.") for path in refused)


def test_every_type_of_the_guide_can_be_created(tenant: EmbeddedTenant, admin: Caller) -> None:
    kinds = sorted(KNOWN - {"COLLECTOR"})
    assert len(kinds) == 22
    created = [admin.create({"type": kind, "uniqueProperties": {"name": "one"}}) for kind in kinds]
    assert [tenant.instances[instance_id]["type"] for instance_id in created] == kinds


@pytest.mark.parametrize(("change", "path"), [
    ({"credentials": {"token": "x"}}, "requestBody.credentials"),
    ({"domain": {"hostname": "x"}}, "requestBody.domain"),
    ({"type": "GITLAB"}, "requestBody.type"),
    ({"transporter": {}}, "requestBody.transporter"),
    ({"selfSignedCertificate": "x"}, "requestBody.selfSignedCertificate"),
    ({"state": None}, "requestBody.state"),
    ({"state": "shop/web"}, "requestBody.state"),
    ({"state": ["shop/web", 7]}, "requestBody.state.1"),
    ({"selectionType": "ALL"}, "requestBody.selectionType"),
    ({"externalProjects": [{**PROJECT, "repo_id": "x"}]}, "requestBody.externalProjects.0.repo_id"),
    ({"externalProjects": [{**PROJECT, "externalId": None}]}, "requestBody.externalProjects.0.externalId"),
    ({"externalProjects": [dict(list(PROJECT.items())[1:])]}, "requestBody.externalProjects.0.branchName"),
])
def test_an_update_takes_four_fields_only(tenant: EmbeddedTenant, admin: Caller, change: dict[str, Any], path: str) -> None:
    instance_id = admin.create(GITLAB)
    before = tenant.instances[instance_id]
    assert list(faults(admin.put(f"{INSTANCES}/{instance_id}", {**SCOPE, **change}))) == [path]
    assert tenant.instances[instance_id] == before


def test_creation_and_scope_are_two_requests(tenant: EmbeddedTenant, admin: Caller) -> None:
    instance_id = admin.create(GITLAB)
    created = admin.get(f"{INSTANCES}/{instance_id}").json()
    assert (created["selectionType"], created["state"]) == ("CURRENT_STATE", [])
    scoped = admin.put(f"{INSTANCES}/{instance_id}", SCOPE).json()
    assert scoped == admin.get(f"{INSTANCES}/{instance_id}").json()
    assert SCOPE.items() <= scoped.items()
    assert {**SCOPE, "repositoriesCount": 2}.items() <= tenant.instances[instance_id].items()


def test_state_is_replaced_not_merged(admin: Caller) -> None:
    instance_id = admin.create(GITLAB)
    admin.put(f"{INSTANCES}/{instance_id}", SCOPE)
    admin.put(f"{INSTANCES}/{instance_id}", {**SCOPE, "state": ["shop/new"]})
    assert admin.get(f"{INSTANCES}/{instance_id}").json()["state"] == ["shop/new"]


def test_credentials_are_kept_as_digests_only(tenant: EmbeddedTenant, admin: Caller) -> None:
    instance_id = admin.create(GITLAB, selfSignedCertificate="certificate-text")
    assert tenant.credential_matches(instance_id, "clientSecret", "not-a-real-secret")
    assert not tenant.credential_matches(instance_id, "clientSecret", "another")
    assert tenant.credential_matches(instance_id, "selfSignedCertificate", "certificate-text")
    shown = admin.get(f"{INSTANCES}/{instance_id}")
    assert "not-a-real-secret" not in shown.text + str(tenant.instances)
    assert shown.json()["selfSignedCertificate"] == "certificate-text", "it is no secret: the schemas have it as a member of an instance"
    assert "certificate-text" not in str(tenant.instances) + str(tenant.journal)


def test_a_collector_hands_out_its_token_once(tenant: EmbeddedTenant, admin: Caller) -> None:
    created = admin.post(INSTANCES, COLLECTOR).json()
    assert re.fullmatch("[0-9a-f]{24}", created["id"])
    assert isinstance(created["credentials"]["webhookAuthKeyId"], int)
    assert created["apiUrl"] == f"{tenant.url}/public_api/appsec/v1/collectors/{created['id']}"
    for path in (INSTANCES, f"{INSTANCES}/{created['id']}"):
        assert created["credentials"]["webhookAuthKey"] not in admin.get(path).text


def test_delete_once(tenant: EmbeddedTenant, admin: Caller) -> None:
    path = f"{INSTANCES}/{admin.create(GITLAB)}"
    assert (admin.delete(path).status_code, tenant.instances) == (204, {})
    again = admin.delete(path)
    assert (again.status_code, again.json()) == (404, {"errorCode": "404", "message": "Resource not found"})


def test_ids_may_contain_slashes(tenant: EmbeddedTenant, admin: Caller) -> None:
    stack = tenant.add_instance("AWS_CODE_COMMIT", id="arn:aws:cloudformation:eu-west-1:1:stack/cortex/0a 1b")
    quoted = "arn%3Aaws%3Acloudformation%3Aeu-west-1%3A1%3Astack%2Fcortex%2F0a%201b"
    assert admin.get(f"{INSTANCES}/{quoted}").json()["id"] == stack
    assert admin.get(f"{INSTANCES}/{stack}").status_code == 404
    assert admin.delete(f"{INSTANCES}/{quoted}").status_code == 204


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/nowhere", 404),
    ("GET", f"{INSTANCES}/", 404),
    ("GET", "/public_api/appsec/v1/integrations", 404),
    ("POST", "/public_api/appsec/v1/integrations", 404),
    ("PUT", "/public_api/appsec/v1/integrations/x", 404),
    ("GET", INSTANCES.replace("/v1/", "//v1/"), 404),
    ("PATCH", INSTANCES, 405),
    ("DELETE", INSTANCES, 404),
    ("POST", "/public_api/appsec/v1/repositories", 405),
])
def test_the_gateway_responds_for_unknown_paths(admin: Caller, method: str, path: str, status: int) -> None:
    reply = admin.send(method, path)
    assert (reply.status_code, reply.json()["reply"]["err_code"]) == (status, status)


@pytest.mark.parametrize("headers", [
    {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}, {},
    {"Content-Type": "application/json", "Content-Encoding": "gzip"},
])
def test_bodies_are_plain_json(admin: Caller, headers: dict[str, str]) -> None:
    reply = admin.send("POST", INSTANCES, data=b"{}", headers=headers)
    assert (reply.status_code, reply.json()["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("body", [
    b"", b"{", b"{'a': 1}", b'{"a": NaN}', b"\xff", b'\xef\xbb\xbf{"type": "GITLAB"}', b'{"type": "\\ud800"}', b"[" * 100_000,
])
def test_malformed_json(admin: Caller, body: bytes) -> None:
    reply = admin.send("POST", INSTANCES, data=body, headers={"Content-Type": "application/json; charset=utf-8"})
    assert (reply.status_code, reply.json()["errorCode"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("body", [[], "x", 7, None, True])
def test_a_body_is_an_object(admin: Caller, body: Any) -> None:
    reply = admin.send("POST", INSTANCES, data=json.dumps(body), headers={"Content-Type": "application/json"})
    assert list(faults(reply)) == ["requestBody"]


def test_filters(tenant: EmbeddedTenant, admin: Caller) -> None:
    for kind in ("GITHUB", "SNYK", "JENKINS", "CORTEX_CLI", "SONARQUBE", "COLLECTOR"):
        tenant.add_instance(kind, name=kind.lower())

    def names(**filters: str) -> list[str]:
        return [item["uniqueIdentifier"] for item in admin.get(INSTANCES, **filters).json()]

    assert names() == ["github", "snyk", "jenkins", "cortex_cli", "sonarqube", "collector"]
    assert (names(type="snyk"), names(type="sonar-qube"), names(type="cortex-cli")) == (["snyk"], ["sonarqube"], ["cortex_cli"])
    assert names(type_category="external-vendor-integrations") == ["snyk", "sonarqube"]
    assert names(type_category="vcs-integrations") == ["github"]
    assert names(type_category="ci-cd-scanning-integrations") == ["jenkins"]
    assert names(type_category="cli-integrations") == ["cortex_cli"]
    assert names(type="github", type_category="cli-integrations") == []
    for word in ("gittea", "GITHUB", "cortex_cli", "sonarqube"):
        assert list(faults(admin.get(INSTANCES, type=word))) == ["type"]
    for word in ("ALL", "DEFAULT", "EXTERNAL_VENDOR_INTEGRATIONS"):
        assert list(faults(admin.get(INSTANCES, type_category=word))) == ["type_category"]


def test_a_collector_id_must_be_a_collector(tenant: EmbeddedTenant, admin: Caller) -> None:
    instance_id = tenant.add_instance("GITHUB", name="web")
    for target in (instance_id, "col_unknown"):
        assert admin.post(f"/public_api/appsec/v1/collectors/{target}", sarif(), repository_url="https://x/y").status_code == 404


def test_one_connection_serves_many_requests_whatever_the_responses(tenant: EmbeddedTenant, admin: Caller) -> None:
    for body in (b"{", b'{"type": "GITLAB"}', b"x" * 100_000):
        admin.raw("POST", INSTANCES, {"Connection": "keep-alive"}, data=body)
        admin.send("POST", INSTANCES, data=body, headers={"Content-Type": "application/json"})
    adapter: Any = admin.session.get_adapter(tenant.url)
    pools = adapter.poolmanager.pools
    [pool] = [pools[key] for key in pools.keys()]  # noqa: SIM118 - a urllib3 container iterates over nothing else
    assert (pool.num_connections, pool.num_requests) == (1, 6)


def test_a_chunked_body_is_read(admin: Caller) -> None:
    reply = admin.send("POST", INSTANCES, data=iter([b'{"type": ', b'"GITLAB"}']), headers={"Content-Type": "application/json"})
    assert reply.status_code == 200
