# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches that came with the published schemas: for each, one test of its values, on published responses."""
from __future__ import annotations

from typing import Any

import pytest

from tenant.server import EmbeddedTenant

from .calling import COLLECTOR, GITLAB, INSTANCES, REPOSITORIES, SCOPE, Caller

NAMES = ["shop/web", "shop/api", "shop/till"]


@pytest.mark.parametrize(("fields", "there", "missing"), [
    ("published", {"uniqueIdentifier", "tenantId", "scanTypes", "statusDetails"}, {"name", "uniqueProperties", "externalProjects"}),
    ("mirrored", {"name", "uniqueProperties", "externalProjects"}, {"uniqueIdentifier", "tenantId", "scanTypes", "statusDetails"}),
])
def test_fields(tenant: EmbeddedTenant, admin: Caller, fields: str, there: set[str], missing: set[str]) -> None:
    tenant.set(fields=fields)
    instance_id, asset = tenant.add_instance("GITHUB", name="web"), tenant.add_repository("shop/web")
    for shown in (admin.get(f"{INSTANCES}/{instance_id}").json(), *admin.get(INSTANCES).json()):
        assert there <= set(shown)
        assert missing & set(shown) == set()
    repository = admin.get(f"{REPOSITORIES}/{asset}").json()
    assert ("fullRepositoryName" in repository, "isSelected" in repository) == (fields == "mirrored", fields == "published")


@pytest.mark.parametrize(("word", "names", "others"), [
    ("dates", {"creationDate", "lastUpdateDate"}, {"createdAt", "updatedAt"}),
    ("at", {"createdAt", "updatedAt"}, {"creationDate", "lastUpdateDate"}),
])
@pytest.mark.parametrize("fields", ["published", "mirrored"])
def test_timestamps(tenant: EmbeddedTenant, admin: Caller, fields: str, word: str, names: set[str], others: set[str]) -> None:
    tenant.set(fields=fields, timestamps=word)
    shown = admin.post(INSTANCES, GITLAB).json()
    assert (names <= set(shown), others & set(shown)) == (True, set())


@pytest.mark.parametrize(("count", "alone", "among", "by_id"), [("selected", 1, 1, None), ("associated", 11, 3, None), ("by_id", 1, 1, 1)])
def test_count(tenant: EmbeddedTenant, admin: Caller, count: str, alone: int, among: int, by_id: int | None) -> None:
    tenant.set(count=count)
    instance_id = tenant.add_instance("GITHUB", name="one", state=["shop/web"])
    other = tenant.add_instance("GITHUB", name="other", state=["shop/web"], repositories=NAMES)
    assert [shown["repositoriesCount"] for shown in admin.get(INSTANCES).json()] == [alone, among]
    assert {admin.get(f"{INSTANCES}/{one}").json().get("repositoriesCount") for one in (instance_id, other)} == {by_id}


@pytest.mark.parametrize(("words", "working", "settling"), [("published", "CONNECTED", "TEMPORARY"), ("older", "COMPLETED", "IN_PROGRESS")])
def test_status_words(tenant: EmbeddedTenant, admin: Caller, words: str, working: str, settling: str) -> None:
    tenant.set(status_words=words, settle=1)
    arranged, made = tenant.add_instance("GITHUB"), admin.create(GITLAB)
    assert [admin.get(f"{INSTANCES}/{one}").json()["status"] for one in (arranged, made, made)] == [working, settling, working]
    tenant.disable(arranged)
    tenant.enable(arranged)
    assert admin.get(f"{INSTANCES}/{arranged}").json()["status"] == working


@pytest.mark.parametrize(("ids", "prefix"), [("hex24", ""), ("col_", "col_")])
def test_ids(tenant: EmbeddedTenant, admin: Caller, ids: str, prefix: str) -> None:
    tenant.set(ids=ids)
    collector, other = admin.create(COLLECTOR), admin.create(GITLAB)
    assert collector.startswith(prefix)
    for one in (collector.removeprefix(prefix), other):
        assert len(one) == 24
        assert set(one) <= set("0123456789abcdef")


@pytest.mark.parametrize(("how", "named", "nameless", "collector", "renamed"), [
    ("name", "gitlab-core", "bakery", "semgrep", "new"), ("vendor", "bakery", "bakery", "semgrep", "bakery"),
    ("other", "gitlab-core-1", "bakery", "semgrep-1", "new-1"), ("none", None, None, None, None),
])
def test_identifier_given(
    tenant: EmbeddedTenant, admin: Caller, how: str, named: str | None, nameless: str | None, collector: str | None, renamed: str | None
) -> None:
    tenant.set(identifier_given=how)
    tenant.organization = "bakery"

    def identifier(instance_id: str) -> str | None:
        shown: str | None = admin.get(f"{INSTANCES}/{instance_id}").json().get("uniqueIdentifier")
        return shown

    instance_id = admin.create(GITLAB)
    assert identifier(instance_id) == named
    assert identifier(admin.create({"type": "SNYK"})) == nameless
    assert identifier(admin.create(COLLECTOR)) == collector
    assert identifier(tenant.add_instance("GITHUB", name="x", identifier="given-word")) == "given-word"
    admin.put(f"{INSTANCES}/{instance_id}", SCOPE)
    assert identifier(instance_id) == named
    admin.put(f"{INSTANCES}/{instance_id}", {"uniqueProperties": {"name": "new"}})
    assert identifier(instance_id) == renamed


def test_what_has_an_identifier_already_is_a_duplicate(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.add_instance("GITLAB_SELF_MANAGED", hostname="gitlab.example.com", identifier="gitlab-core")
    assert admin.post(INSTANCES, GITLAB).status_code == 409
    tenant.set(identifier_given="none")
    admin.create(COLLECTOR)
    assert admin.post(INSTANCES, COLLECTOR).status_code == 409
    assert admin.post(INSTANCES, {**COLLECTOR, "uniqueProperties": {**COLLECTOR["uniqueProperties"], "name": "other"}}).status_code == 200


LENIENT: list[tuple[str, dict[str, Any]]] = [
    ("POST", {"type": "GITLAB", "domain": {"hostname": "x"}}), ("POST", {"type": "SNYK", "transporter": {"connectionName": "x"}}),
    ("POST", {"type": "JFROG", "credentials": {"type": "BASIC"}}), ("PUT", {"externalProjects": [{"externalId": "e"}]}),
]


@pytest.mark.parametrize(("requests", "status"), [("published", 422), ("older", 200)])
@pytest.mark.parametrize(("method", "body"), LENIENT)
def test_requests(tenant: EmbeddedTenant, admin: Caller, method: str, body: dict[str, Any], requests: str, status: int) -> None:
    tenant.set(requests=requests)
    path = INSTANCES if method == "POST" else f"{INSTANCES}/{tenant.add_instance('SNYK')}"
    assert admin.send(method, path, json=body).status_code == status


@pytest.mark.parametrize(("words", "published", "guide"), [("published", 200, 422), ("guide", 422, 200)])
def test_category_filter(tenant: EmbeddedTenant, admin: Caller, words: str, published: int, guide: int) -> None:
    tenant.set(category_filter=words, requests="older")
    tenant.add_instance("SNYK", name="snyk")
    tenant.add_collector("semgrep")
    for word in ("external-vendor-integrations", "vcs-integrations"):
        assert admin.get(INSTANCES, type_category=word).status_code == published
    for word in ("EXTERNAL_VENDOR_INTEGRATIONS", "DEFAULT"):
        assert admin.get(INSTANCES, type_category=word).status_code == guide
    if guide == 200:
        assert [one["type"] for one in admin.get(INSTANCES, type_category="DEFAULT").json()] == ["COLLECTOR"]


@pytest.mark.parametrize(("creatable", "status"), [("collector", 422), ("all", 200)])
def test_creatable(tenant: EmbeddedTenant, admin: Caller, creatable: str, status: int) -> None:
    tenant.set(creatable=creatable)
    reply = admin.post(INSTANCES, GITLAB)
    assert (reply.status_code, "requestBody.type" in reply.text) == (status, status == 422)
    assert admin.post(INSTANCES, COLLECTOR).status_code == 200


@pytest.mark.parametrize(("initial", "selection", "first", "second"), [
    ("nothing", "CURRENT_STATE", [], []), ("found", "CURRENT_STATE", [], NAMES), ("future", "CURRENT_STATE_AND_FUTURE", NAMES, NAMES),
    ("manual", "MANUAL_SELECTION", [], []),
])
@pytest.mark.parametrize("made", ["created", "connected"])
def test_initial_selection(
    tenant: EmbeddedTenant, admin: Caller, made: str, initial: str, selection: str, first: list[str], second: list[str]
) -> None:
    tenant.set(initial_selection=initial)
    if made == "created":
        for name in NAMES:
            tenant.add_repository(name, url=f"https://gitlab.example.com/{name}", source="GITLAB_SELF_MANAGED")
        tenant.add_repository("other/host", url="https://elsewhere.example.com/other/host", source="GITLAB_SELF_MANAGED")
        tenant.add_repository("other/type")
        instance_id = admin.create(GITLAB)
    else:
        instance_id = tenant.add_instance("GITLAB_SELF_MANAGED", hostname="gitlab.example.com", repositories=NAMES)
    path = f"{INSTANCES}/{instance_id}"
    assert admin.get(INSTANCES).json()[0]["repositoriesCount"] == len(first), "the list is not a read by id"
    shown = [admin.get(path).json() for _unused in range(2)]
    assert [one["selectionType"] for one in shown] == [selection] * 2
    assert [one["state"] for one in shown] == [first, second]
    assert "selectionType" not in admin.get(f"{INSTANCES}/{admin.create({'type': 'SNYK'})}").json()


def test_a_selection_before_the_first_scan_is_kept(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.set(initial_selection="found")
    path = f"{INSTANCES}/{tenant.add_instance('GITHUB', repositories=NAMES)}"
    chosen = {"selectionType": "MANUAL_SELECTION", "state": ["shop/web"]}
    assert [admin.put(path, chosen).json()["state"], *[admin.get(path).json()["state"] for _unused in range(2)]] == [["shop/web"]] * 3
    assert admin.put(path, {"selectionType": "CURRENT_STATE"}).json()["state"] == NAMES
