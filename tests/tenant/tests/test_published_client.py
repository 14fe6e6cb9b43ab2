# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An independent client signs and sends requests to the tenant, so that the same misreading of the signature cannot hide in both.

The client, cortex-xdr-client from PyPI, insists on https://api-<name>, a name that these tests resolve to the tenant.
"""
from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests
from cortex_xdr_client.api.authentication import Authentication, AuthenticationType
from cortex_xdr_client.api.version import APIVersion
from cortex_xdr_client.client import CortexXDRClient

from tenant.server import EmbeddedTenant

from .calling import COLLECTOR, GITLAB, OLDER, RESULT, sarif

NAME = "api-shop.xdr.eu.example.com"
TYPES = {"advanced": AuthenticationType.ADVANCED, "standard": AuthenticationType.STANDARD}
Connect = Callable[..., Any]


@pytest.fixture(params=["published", OLDER])
def tenant(request: pytest.FixtureRequest, make_tenant: Callable[..., EmbeddedTenant], monkeypatch: pytest.MonkeyPatch) -> EmbeddedTenant:
    tenant = make_tenant(profile=request.param, tls=True, hostnames=[NAME])
    resolve = socket.getaddrinfo

    def to_loopback(host: Any, *rest: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == NAME else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", to_loopback)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tenant.ca_path))
    monkeypatch.setenv("NO_PROXY", "*")
    return tenant


@pytest.fixture
def connect(tenant: EmbeddedTenant) -> Connect:
    """The client's AppSec calls with one of the tenant's keys."""

    return lambda *key, **changes: build(tenant, *key, **changes).appsec_api


def build(tenant: EmbeddedTenant, name: str, **changes: Any) -> Any:
    key = tenant.keys[name]
    values = {"api_key": key.key, "api_key_id": int(key.id), "auth_type": TYPES[key.type], **changes}
    fqdn = f"{NAME.removeprefix('api-')}:{tenant.port}"
    return CortexXDRClient(Authentication(**values), fqdn, api_version=APIVersion.V5)


def unwrapped(reply: Any) -> Any:
    """The client returns the body as it is: a bare list, or an older one under `data`."""
    return reply["data"] if isinstance(reply, dict) else reply


@pytest.mark.parametrize("name", ["admin", "admin_standard"])
def test_the_whole_life_of_an_instance(tenant: EmbeddedTenant, connect: Connect, name: str) -> None:
    tenant.set(creatable="all")
    client = connect(name)
    assert build(tenant, name).system_api.healthcheck() == {"status": "available"}
    assert unwrapped(client.get_data_source_instances()) == []
    created = client.create_data_source_instance(
        type=GITLAB["type"], domain=GITLAB["domain"], credentials=GITLAB["credentials"], unique_properties=GITLAB["uniqueProperties"]
    )
    instance_id = created["id"]
    assert tenant.credential_matches(instance_id, "clientSecret", "not-a-real-secret")
    answer = client.update_data_source_instance(id=instance_id, selection_type="MANUAL_SELECTION", state=["shop/web"])
    read = client.get_data_source_instance(id=instance_id)
    assert answer == (read if tenant.switches["put_body"] == "full" else {})
    assert read["state"] == ["shop/web"]
    category = "vcs-integrations" if tenant.switches["category_filter"] == "published" else "DEFAULT"
    [listed] = unwrapped(client.get_data_source_instances(type_category=category))
    assert (listed["id"], listed["state"], listed["repositoriesCount"]) == (instance_id, [], 1)
    assert client.delete_data_source_instance(id=instance_id) is None
    assert tenant.instances == {}
    assert {entry.auth for entry in tenant.journal} == {tenant.keys[name].id}


@pytest.mark.parametrize("name", ["admin", "admin_standard"])
def test_upload(tenant: EmbeddedTenant, connect: Connect, name: str) -> None:
    client = connect(name)
    collector = client.create_data_source_instance(type="COLLECTOR", unique_properties=COLLECTOR["uniqueProperties"])
    [listed] = unwrapped(client.get_data_source_instances(type="collector"))
    assert listed["id"] == collector["id"]
    asset = tenant.add_repository("shop/web")
    [repository] = unwrapped(client.get_repository_assets(source=["GITHUB"], search="web", offset=0, limit=10))
    assert repository == client.get_repository_asset_by_asset_id(asset_id=asset)
    answer = client.upload_sarif_findings(
        collector_id=collector["id"], repository_id=asset, repository_url=repository["url"], branch="main", body=sarif()
    )
    assert answer["status"] == ("INGESTED" if tenant.switches["upload_body"] == "published" else "ACCEPTED")
    assert tenant.accepted_results == [RESULT]


@pytest.mark.parametrize(("name", "changes", "reason"), [
    ("admin", {"auth_type": AuthenticationType.STANDARD}, "wrong_level"),
    ("admin_standard", {"auth_type": AuthenticationType.ADVANCED}, "wrong_level"),
    ("admin", {"api_key": "wrong"}, "wrong_signature"),
    ("admin_standard", {"api_key": "wrong"}, "wrong_key"),
    ("expired", {}, "expired"),
])
def test_refused(tenant: EmbeddedTenant, connect: Connect, name: str, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(requests.HTTPError) as failure:
        connect(name, **changes).get_data_source_instances()
    assert (failure.value.response.status_code, tenant.refusals) == (401, [reason])


def test_the_certificate_is_checked(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(requests.exceptions.SSLError):
        connect("admin").get_data_source_instances()
