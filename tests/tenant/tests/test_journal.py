# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: complete, and without a secret."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from tenant.server import EmbeddedTenant

from .calling import COLLECTOR, GITLAB, INSTANCES, SCOPE, Caller, sarif

CREDENTIALS = ("token", "refreshToken", "clientId", "clientSecret", "username", "password", "webhookAuthKeyId", "webhookAuthKey")


def dump(tenant: EmbeddedTenant) -> str:
    return json.dumps([dataclasses.asdict(entry) for entry in tenant.journal])


def test_an_entry_has_the_request_and_the_response(tenant: EmbeddedTenant, admin: Caller) -> None:
    instance_id = admin.create(GITLAB)
    admin.put(f"{INSTANCES}/{instance_id}", SCOPE)
    admin.get(INSTANCES, type="gitlab", type_category="vcs-integrations")
    created, scoped, listed = tenant.journal
    assert (created.method, created.path, created.status, created.auth) == ("POST", INSTANCES, 200, tenant.keys["admin"].id)
    assert created.request_body == {**GITLAB, "credentials": {"type": "OAUTH", "clientId": "***", "clientSecret": "***"}}
    assert created.response_body["id"] == instance_id
    assert (scoped.request_body, scoped.response_body["state"]) == (SCOPE, SCOPE["state"])
    assert (listed.query, listed.request_body) == ({"type": "gitlab", "type_category": "vcs-integrations"}, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", listed.at)
    assert tenant.writes == [created, scoped]
    tenant.clear_journal()
    assert (tenant.journal, tenant.writes) == ([], [])


def test_no_secret_is_kept(tenant: EmbeddedTenant, admin: Caller) -> None:
    planted: list[str] = []

    def secret() -> str:
        planted.append(f"planted-{len(planted):03}-secret")
        return planted[-1]

    def json_post(body: Any) -> None:
        admin.post(INSTANCES, body)

    properties = {"name": "core", "webhookSecret": secret(), "nested": [{"apiKey": secret(), "password": [secret()]}]}
    credentials = {name: secret() for name in CREDENTIALS}
    json_post({**GITLAB, "credentials": credentials, "selfSignedCertificate": secret(), "uniqueProperties": properties})
    json_post({**GITLAB, "credentials": {"tokn": secret(), "token": [secret()]}, "credential": {"x": secret()}, "pasword": secret()})
    json_post({"type": "GITLAB", "credentials": secret(), "domain": secret(), "uniqueProperties": secret()})
    json_post([secret()])
    json_post({"type": "GITLAB", "domain": {"hostname": f"https://user:{secret()}@gitlab.example.com"}})
    admin.send("POST", INSTANCES, data=f'{{"token": "{secret()}"', headers={"Content-Type": "application/json"})
    admin.send("POST", INSTANCES, data=secret(), headers={"Content-Type": "text/plain"})
    instance_id = tenant.add_instance("GITHUB")
    admin.put(f"{INSTANCES}/{instance_id}", {"uniqueProperties": {"accessToken": secret()}, "credentials": {"token": secret()}})
    created = admin.post(INSTANCES, COLLECTOR).json()
    token = created["credentials"]["webhookAuthKey"]
    planted.append(token)
    url = f"/public_api/appsec/v1/collectors/{created['id']}"
    admin.post(url, sarif(), repository_url=f"https://ci:{secret()}@github.com/shop/web", token=secret())
    admin.raw("GET", f"{INSTANCES}/{token}", admin.headers(), params={"type": token})
    admin.delete(f"{INSTANCES}/{created['id']}")
    forgotten = tenant.add_collector("codeql")
    planted.append(forgotten.token)
    tenant.state.delete(forgotten.id)
    admin.get(INSTANCES, type=forgotten.token)
    admin.raw("GET", f"{INSTANCES}/{token}", {"Authorization": secret(), "x-xdr-auth-id": secret()})
    for key in tenant.keys.values():
        planted.append(key.key)
        admin.raw("GET", INSTANCES, {"Authorization": key.key, "x-xdr-auth-id": key.key}, params={"search": key.key})

    text = dump(tenant)
    assert len(tenant.journal) > 15
    assert [value for value in planted if value in text] == []
    assert "gitlab-core" in text, "hiding everything would pass this test too"


def test_an_upload_is_recorded_by_its_size_and_digest(tenant: EmbeddedTenant, admin: Caller) -> None:
    collector, repository = tenant.add_collector("semgrep").id, tenant.add_repository("shop/web")
    admin.post(f"/public_api/appsec/v1/collectors/{collector}", sarif(), repository_id=repository)
    [entry] = tenant.writes
    assert entry.request_body["sarif"].keys() == {"bytes", "sha256", "results"}
    assert (entry.request_body["sarif"]["bytes"], entry.request_body["sarif"]["results"]) == (tenant.uploads[0].bytes, 1)


def test_a_long_list_is_recorded_by_its_length(tenant: EmbeddedTenant, admin: Caller) -> None:
    for number in range(1001):
        tenant.add_instance("GITHUB", name=str(number))
    assert len(admin.get(INSTANCES).json()) == 1001
    assert tenant.journal[-1].response_body == {"items": 1001}


def test_refused_requests_are_recorded_too(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.set(rate=2, rate_window=1000)
    admin.raw("GET", INSTANCES, {})
    admin.get("/nowhere")
    admin.get(INSTANCES)
    assert [(entry.path, entry.status, entry.auth) for entry in tenant.journal] == [
        (INSTANCES, 401, None), ("/nowhere", 404, tenant.keys["admin"].id), (INSTANCES, 429, tenant.keys["admin"].id),
    ]
