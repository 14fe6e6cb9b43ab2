# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile `awkward`, end to end: what a client has to cope with if every open question has the worst answer."""
from __future__ import annotations

from collections.abc import Callable

from tenant.server import EmbeddedTenant

from .calling import COLLECTOR, GITLAB, INSTANCES, REPOSITORIES, SCOPE, Caller, sarif


def test_onboard_scope_upload_and_delete(make_tenant: Callable[..., EmbeddedTenant]) -> None:
    tenant = make_tenant(profile="awkward")
    admin = Caller(tenant)
    properties = {"name": "gitlab-core", "webhookSecret": "planted-secret"}

    created = admin.post(INSTANCES, {**GITLAB, "uniqueProperties": properties})
    assert created.status_code == 200
    instance_id = created.json()["reply"]["data"]["id"]
    assert admin.get(INSTANCES).json() == {
        "reply": {"data": [{"id": instance_id, "selectionType": "CURRENT_STATE", "state": [], "repositoriesCount": 0}]}
    }

    read = admin.get(f"{INSTANCES}/{instance_id}").json()["reply"]["data"]
    assert (read["status"], read["uniqueProperties"]) == ("IN_PROGRESS", {"name": "gitlab-core", "webhookSecret": "********"})
    assert "name" not in read
    assert "displayName" not in read

    scoped = admin.put(f"{INSTANCES}/{instance_id}", {**SCOPE, "uniqueProperties": properties})
    assert (scoped.status_code, scoped.content) == (200, b"")
    assert tenant.instances[instance_id]["uniqueProperties"] == properties
    admin.put(f"{INSTANCES}/{instance_id}", SCOPE)
    assert tenant.instances[instance_id]["uniqueProperties"] == {}, "what a PUT leaves out is cleared"
    [listed] = admin.get(INSTANCES).json()["reply"]["data"]
    assert (listed["state"], listed["repositoriesCount"]) == ([], 2)

    assert admin.get(INSTANCES, type="GITLAB_SELF_MANAGED").status_code == 422
    assert len(admin.get(INSTANCES, type="gitlab_self_managed").json()["reply"]["data"]) == 1

    collector = admin.post(INSTANCES, COLLECTOR).json()["reply"]["data"]
    token = {"x-crtx-auth-id": collector["token_id"], "Authorization": collector["api_token"]}
    asset = tenant.add_repository("shop/web")
    for _unused in range(2):
        path = collector["apiUrl"].removeprefix(tenant.url)
        assert admin.raw("POST", path, token, params={"repository_id": asset}, json=sarif()).status_code == 200
    assert (len(tenant.uploads), len(tenant.accepted_results)) == (2, 1)

    first = admin.get(REPOSITORIES, limit=1).json()
    assert admin.get(REPOSITORIES, limit=1, offset=1).json() == first

    assert admin.delete(f"{INSTANCES}/{instance_id}").status_code == 405
    deleted = admin.delete(f"/public_api/appsec/v1/{instance_id}")
    assert (deleted.status_code, deleted.json()) == (200, {})
    assert list(tenant.instances) == [collector["id"]]
