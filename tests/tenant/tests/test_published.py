# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile `published`: the vendor's schemas, member by member, and the form of the vendor's examples."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tenant.contract import contract
from tenant.kinds import KNOWN
from tenant.server import EmbeddedTenant
from tenant.switches import DEFAULT_PROFILE, PROFILES, Switches

from .calling import COLLECTOR, INSTANCES, REPOSITORIES, Caller, sarif

INTEGRATIONS = "/public_api/appsec/v1/integrations"
TIMES = {"creationDate": "2026-03-01T07:00:00.000Z", "lastUpdateDate": "2026-03-02T07:00:00.123Z"}
# In the form of the vendor's examples, with other values.
ENTERPRISE = {
    "id": "0123456789abcdef01234567", "type": "GITHUB_ENTERPRISE", "typeCategory": "DEFAULT", "uniqueIdentifier": "bakery",
    "instanceVersion": "1.0.0", "status": "CONNECTED", "domain": {"hostname": "git.bakery.example", "protocol": "https"},
    "selectionType": "MANUAL_SELECTION", "state": ["bakery/oven", "bakery/till"],
    "scanTypes": {"SAST": {"isEnabled": True}, "SCA": {"isEnabled": False}},
    "selfSignedCertificate": "certificate-text", "tenantId": "tenant-1",
    "statusDetails": {"connection": {"status": "VALID", "message": "reached", "timestamp": "2026-03-02T07:00:00.123Z"}},
    "transporter": {"brokerDeviceId": "broker-1", "connectionName": "bakery-line"}, **TIMES,
}
VENDOR = {
    "id": "123456789abcdef012345678", "type": "SNYK", "typeCategory": "EXTERNAL_VENDOR_INTEGRATIONS", "uniqueIdentifier": "snyk-bakery",
    "status": "CONNECTED", "domain": {"hostname": "api.scanner.example", "protocol": "https"}, "selectionType": "CURRENT_STATE_AND_FUTURE",
    "scanTypes": {"SCA": {"isEnabled": True}}, **TIMES,
}
OWN = {"id": "23456789abcdef0123456789", "type": "COLLECTOR", "uniqueIdentifier": "flour-scanner", "status": "CONNECTED", **TIMES}
UPLOADS = {"detectionMethod": "SAST", "fileType": "SARIF", "apiUrl": "https://api-tenant.example/public_api/appsec/v1/collectors/23456789abcdef0123456789"}
BROKER = {"brokerDeviceId": "b", "connectionName": "c"}
TOKEN = {"credentials": {"webhookAuthKey": "shown-once", "webhookAuthKeyId": 7}}
ERROR = {"errorCode": "ValidateError", "message": "Validation Failed"}
LISTED = [{**ENTERPRISE, "repositoriesCount": 12}, {**VENDOR, "repositoriesCount": 5}, {**OWN, "repositoriesCount": 0}]

ALLOWED: list[tuple[str, int, Any]] = [
    ("list_instances", 200, LISTED), ("list_instances", 200, []),
    *[("get_instance", 200, one) for one in (ENTERPRISE, VENDOR, OWN)],
    ("get_instance", 200, {"id": "x", "type": "A_TYPE_OF_TOMORROW", **TIMES}),
    ("get_instance", 404, {"errorCode": "_NotFoundError", "message": "no such data source"}),
    ("create_instance", 200, ENTERPRISE), ("create_instance", 200, {**OWN, **UPLOADS, **TOKEN}),
    ("create_instance", 422, {**ERROR, "details": {"requestBody.type": {"message": "should be one of COLLECTOR"}}}),
    ("update_instance", 200, {**OWN, **UPLOADS}),
    ("upload_sarif", 201, {"status": "INGESTED", "message": "Taken in: 3 findings will be ingested"}),
    ("upload_sarif", 201, {"status": "PARTIALLY_VALID", "message": "Taken in: 0 findings will be ingested"}),
    ("upload_sarif", 400, {**ERROR, "status": "INGESTED_FAILED"}),
    ("upload_sarif", 403, {"reply": {"err_code": 403, "err_msg": "no", "err_extra": "role"}}),
    ("list_repositories", 200, [{}, {"id": "x", "isSelected": True, "diskSize": 7}]),
    ("get_repository", 200, {"status": {"clone": {"status": "INVALID", "reason": "gone"}}}),
    ("healthcheck", 200, {"status": "available"}),
]
REFUSED: list[tuple[str, int, Any]] = [
    ("list_instances", 200, {"data": []}), ("list_instances", 200, [OWN]),
    ("list_instances", 200, [{**OWN, **UPLOADS, "repositoriesCount": 0}]),
    *[("get_instance", 200, {**ENTERPRISE, name: value}) for name, value in (
        ("name", "bakery"), ("displayName", "bakery"), ("uniqueProperties", {}), ("externalProjects", []), ("repositoriesCount", 2),
        ("createdAt", TIMES["creationDate"]), ("updatedAt", TIMES["creationDate"]), ("creationDate", "2026-03-01T07:00:00Z"),
        ("credentials", {}), ("status", "IN_PROGRESS"), ("selectionType", "ALL"), ("domain", {"hostname": "x"}),
        ("transporter", {"brokerDeviceId": "x"}), ("scanTypes", {"SAST": True}),
        ("statusDetails", {"connection": {"message": "no status"}}), ("typeCategory", "VCS"),
    )],
    ("get_instance", 200, {name: value for name, value in OWN.items() if name != "creationDate"}),
    ("get_instance", 200, {"data": OWN}),
    ("create_instance", 201, OWN), ("create_instance", 422, ERROR), ("create_instance", 200, {**OWN, **TOKEN}),
    ("create_instance", 200, {**OWN, **UPLOADS, "credentials": {"webhookAuthKey": "x", "webhookAuthKeyId": "7"}}),
    ("update_instance", 200, {}), ("update_instance", 200, {**OWN, **UPLOADS, **TOKEN}),
    ("delete_instance", 200, {}),
    ("upload_sarif", 200, {"status": "INGESTED", "message": "1 findings will be ingested"}), ("upload_sarif", 201, {"status": "ACCEPTED"}),
    ("upload_sarif", 201, {}), ("upload_sarif", 400, ERROR), ("upload_sarif", 403, ERROR),
    ("list_repositories", 200, {"data": []}), ("list_repositories", 200, [{"fullRepositoryName": "bakery/oven"}]),
]


@pytest.fixture
def tenant(make_tenant: Callable[..., EmbeddedTenant]) -> EmbeddedTenant:
    return make_tenant(profile="published")


@pytest.mark.parametrize(("operation", "status", "body"), ALLOWED)
def test_the_document_allows_what_is_published(operation: str, status: int, body: Any) -> None:
    assert contract().operations[operation].response_fault(status, body, empty=False) is None


@pytest.mark.parametrize(("operation", "status", "body"), REFUSED)
def test_the_document_refuses_what_is_not(operation: str, status: int, body: Any) -> None:
    assert contract().operations[operation].response_fault(status, body, empty=False) is not None


def test_empty_bodies() -> None:
    assert contract().operations["delete_instance"].response_fault(204, None, empty=True) is None
    assert contract().operations["upload_sarif"].response_fault(503, None, empty=True) is None
    assert contract().operations["update_instance"].response_fault(200, None, empty=True) is not None


def test_an_instance_that_somebody_connected(tenant: EmbeddedTenant, admin: Caller) -> None:
    instance_id = tenant.add_instance(
        "GITHUB_ENTERPRISE", name="asked-for", hostname="git.bakery.example", identifier="bakery", selection_type="MANUAL_SELECTION",
        state=["bakery/oven"], external_projects=[{"externalId": "e"}], transporter=BROKER,
        certificate="certificate-text", scan_types={"SCA": False},
    )
    made, at = (tenant.instances[instance_id][name] for name in ("createdAt", "updatedAt"))
    expected = {
        "id": instance_id, "type": "GITHUB_ENTERPRISE", "typeCategory": "DEFAULT", "uniqueIdentifier": "bakery", "instanceVersion": "1.0.0",
        "domain": {"hostname": "git.bakery.example", "protocol": "https"}, "scanTypes": {"SCA": {"isEnabled": False}},
        "selectionType": "MANUAL_SELECTION", "state": ["bakery/oven"], "status": "CONNECTED", "selfSignedCertificate": "certificate-text",
        "statusDetails": {"connection": {"status": "VALID", "timestamp": at}}, "transporter": BROKER,
        "tenantId": tenant.state.tenant_id, "creationDate": made, "lastUpdateDate": at,
    }
    assert admin.get(f"{INSTANCES}/{instance_id}").json() == expected
    assert admin.get(INSTANCES).json() == [{**expected, "state": [], "repositoriesCount": 1}]
    assert re.fullmatch("[0-9a-f]{24}", instance_id)


def test_the_life_of_a_collector(tenant: EmbeddedTenant, admin: Caller) -> None:
    created = admin.post(INSTANCES, COLLECTOR)
    assert created.status_code == 200
    token, shown = created.json()["credentials"], {name: value for name, value in created.json().items() if name != "credentials"}
    instance_id, at = shown["id"], tenant.instances[shown["id"]]["createdAt"]
    assert shown == {
        "id": instance_id, "type": "COLLECTOR", "uniqueIdentifier": "semgrep", "status": "CONNECTED", "creationDate": at,
        "lastUpdateDate": at, "detectionMethod": "SAST", "fileType": "SARIF",
        "apiUrl": f"{tenant.url}/public_api/appsec/v1/collectors/{instance_id}",
    }
    assert set(token) == {"webhookAuthKey", "webhookAuthKeyId"}
    assert re.fullmatch("[0-9a-f]{24}", instance_id)
    assert admin.get(f"{INSTANCES}/{instance_id}").json() == shown
    [listed] = admin.get(INSTANCES).json()
    assert listed == {**{name: value for name, value in shown.items() if name not in UPLOADS}, "repositoriesCount": 0}
    renamed = admin.put(f"{INSTANCES}/{instance_id}", {"uniqueProperties": {**COLLECTOR["uniqueProperties"], "name": "opengrep"}}).json()
    assert renamed == {**shown, "uniqueIdentifier": "opengrep", "lastUpdateDate": tenant.instances[instance_id]["updatedAt"]}

    asset = tenant.add_repository("shop/web")
    headers = {"x-crtx-auth-id": str(token["webhookAuthKeyId"]), "Authorization": token["webhookAuthKey"]}
    path = f"/public_api/appsec/v1/collectors/{instance_id}"
    uploaded = admin.raw("POST", path, headers, params={"repository_id": asset}, json=sarif())
    assert (uploaded.status_code, uploaded.json()["status"]) == (201, "INGESTED")
    assert uploaded.json()["message"].endswith(" 1 findings will be ingested")
    refused = admin.post(path, {"version": "2.0.0"}, repository_id=asset)
    assert (refused.status_code, refused.json()["status"]) == (400, "INVALID")
    viewer = Caller(tenant, "viewer").post(path, sarif(), repository_id=asset)
    assert (viewer.status_code, viewer.json()["reply"]["err_extra"]) == (403, "")

    deleted = admin.delete(f"{INSTANCES}/{instance_id}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    missing = admin.get(f"{INSTANCES}/{instance_id}")
    assert (missing.status_code, set(missing.json())) == (404, {"errorCode", "message"})


def test_only_a_collector_can_be_created(tenant: EmbeddedTenant, admin: Caller) -> None:
    refusal = {**ERROR, "details": {"requestBody.type": {"message": "should be one of ['COLLECTOR']"}}}
    for kind in sorted(KNOWN - {"COLLECTOR"}):
        refused = admin.post(INSTANCES, {"type": kind})
        assert (refused.status_code, refused.json()) == (422, refusal), kind
    assert tenant.instances == {}


def test_external_projects_are_accepted_and_never_shown(tenant: EmbeddedTenant, admin: Caller) -> None:
    instance_id = tenant.add_instance("SNYK", name="snyk")
    project = {"branchName": None, "externalBranchName": None, "externalId": "e", "externalProjectId": "p", "repoId": None}
    shown = admin.put(f"{INSTANCES}/{instance_id}", {"externalProjects": [project]})
    assert shown.status_code == 200
    assert "externalProjects" not in shown.text + admin.get(INSTANCES).text
    assert tenant.instances[instance_id]["externalProjects"] == [project]


def test_a_repository_belongs_to_the_instance_that_sees_it(tenant: EmbeddedTenant, admin: Caller) -> None:
    instance_id = tenant.add_instance("GITHUB", identifier="bakery", repositories=["bakery/oven", "bakery/till"], state=["bakery/oven"])
    [oven, till] = admin.get(REPOSITORIES).json()
    assert (oven["integrationId"], oven["owner"], oven["name"], oven["url"]) == (instance_id, "bakery", "oven", "https://github.com/bakery/oven")
    assert (oven["isSelected"], till["isSelected"]) == (True, False)
    assert admin.get(f"{REPOSITORIES}/{oven['id']}").json() == oven


@pytest.mark.parametrize("status", [
    "COMPLETED", "CONNECTED", "DESTROYING", "DISABLED", "ERROR", "PENDING", "TEMPORARY", "TRANSPORTER_CONNECTION_DISABLED", "WARNING",
])
def test_every_status_can_be_arranged(tenant: EmbeddedTenant, admin: Caller, status: str) -> None:
    details = {"token": {"status": "INVALID", "error": "expired", "timestamp": "2026-03-02T07:00:00.123Z"}}
    instance_id = tenant.add_instance("GITHUB", status=status, status_details=details)
    later = tenant.add_instance("GITHUB")
    tenant.set_status(later, status, details)
    for one in (instance_id, later):
        shown = admin.get(f"{INSTANCES}/{one}").json()
        assert (shown["status"], shown["statusDetails"]) == (status, details)
    broken = tenant.add_instance("GITHUB", status=status)
    connection = admin.get(f"{INSTANCES}/{broken}").json()["statusDetails"]["connection"]["status"]
    assert connection == ("INVALID" if status in ("ERROR", "TRANSPORTER_CONNECTION_DISABLED") else "VALID")


def test_healthcheck(tenant: EmbeddedTenant, admin: Caller) -> None:
    assert admin.get("/public_api/v1/healthcheck").json() == {"status": "available"}
    assert admin.raw("GET", "/public_api/v1/healthcheck", {}).status_code == 401


# -- the previous generation


def test_a_tenant_of_the_previous_generation(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.set(generation="previous")
    instance_id = tenant.add_instance("GITHUB", identifier="bakery", transporter=BROKER, state=["bakery/oven"])
    missing = {"scanTypes", "statusDetails", "tenantId", "transporter"}
    [listed] = admin.get(INTEGRATIONS).json()
    shown = admin.get(f"{INTEGRATIONS}/{instance_id}").json()
    assert (listed["repositoriesCount"], shown["state"], shown["uniqueIdentifier"]) == (1, ["bakery/oven"], "bakery")
    assert missing & {*listed, *shown} == set()
    tenant.set(generation="current")
    assert missing <= set(admin.get(f"{INSTANCES}/{instance_id}").json())
    tenant.set(generation="previous")
    assert admin.put(f"{INTEGRATIONS}/{instance_id}", {"state": ["bakery/till"]}).json()["state"] == ["bakery/till"]
    refused = admin.put(f"{INTEGRATIONS}/{instance_id}", {"uniqueProperties": {}})
    assert (refused.status_code, list(refused.json()["details"])) == (422, ["requestBody.uniqueProperties"])
    one = f"{INSTANCES}/{instance_id}"
    for method, path in (("GET", INSTANCES), ("POST", INSTANCES), ("GET", one), ("DELETE", one)):
        assert admin.send(method, path).status_code == 404
    assert admin.post(INTEGRATIONS, COLLECTOR).status_code == 405
    tenant.set_status(instance_id, "DISABLED")
    assert admin.get(f"{INTEGRATIONS}/{instance_id}").json()["status"] == "ERROR", "the previous generation does not have this status"
    assert admin.delete(f"{INTEGRATIONS}/{instance_id}").status_code == 204
    assert tenant.instances == {}


# -- the profiles


def test_the_default_profile_is_the_one_that_is_named() -> None:
    assert Switches().as_dict() == Switches(DEFAULT_PROFILE).as_dict()
    assert EmbeddedTenant().switches == Switches(DEFAULT_PROFILE).as_dict()


def test_published_responses_need_no_older_reading() -> None:
    assert {name: Switches(name).older for name in PROFILES} == {"published": False, "guide": False, "default": True, "awkward": True}


def test_the_guide_differs_in_what_can_be_created() -> None:
    published, guide = Switches("published").as_dict(), Switches("guide").as_dict()
    assert {name for name in guide if guide[name] != published[name]} == {"creatable", "self_registering"}
