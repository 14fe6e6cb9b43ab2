# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repository assets: pages, filters, reads by id, branches, scan configuration."""
from __future__ import annotations

from typing import Any

import pytest

from tenant.contract import contract
from tenant.server import EmbeddedTenant

from .calling import REPOSITORIES, UNSCANNED, Caller


def test_repositories_page(tenant: EmbeddedTenant, admin: Caller) -> None:
    names = [f"shop/r{number:03}" for number in range(120)]
    for name in names:
        tenant.add_repository(name)

    def page(**query: Any) -> list[str]:
        return [f"{item['owner']}/{item['name']}" for item in admin.get(REPOSITORIES, **query).json()]

    assert page() == names[:70]
    assert page(limit=100) == page(limit=1000) == names[:100]
    assert page(limit=100, offset=100) == names[100:]
    assert page(offset=120) == []
    tenant.set(repositories_page=7)
    assert page(offset=7) == names[7:14]


@pytest.mark.parametrize(("offset", "second"), [("honoured", ["shop/b"]), ("ignored", ["shop/a"])])
def test_offset(tenant: EmbeddedTenant, admin: Caller, offset: str, second: list[str]) -> None:
    tenant.set(offset=offset)
    for name in ("shop/a", "shop/b"):
        tenant.add_repository(name)
    assert [f"{item['owner']}/{item['name']}" for item in admin.get(REPOSITORIES, limit=1, offset=1).json()] == second


def test_repositories_that_a_key_is_not_allowed_to_read(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.set(repositories_readable=False)
    assert admin.get(REPOSITORIES).status_code == 403


def test_unscanned_repositories(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.set(unscanned_list=True)
    ids = {name: tenant.add_repository(name) for name in ("shop/new", "shop/old", "shop/never")}
    tenant.set_repository(ids["shop/old"], lastScanDate="2026-01-01T00:00:00.000Z", scannedBranches=None)
    tenant.set_repository(ids["shop/never"], lastScanDate=None, scannedBranches=None)
    listed = admin.get(UNSCANNED).json()
    assert listed == [{"organizationId": "shop", "repoName": name, "repoId": ids[f"shop/{name}"]} for name in ("old", "never")]
    assert [one["repoName"] for one in admin.get(UNSCANNED, days=3650).json()] == ["never"]
    assert admin.get(UNSCANNED, days="ten").status_code == 422
    tenant.set(unscanned_list=False)
    assert admin.get(UNSCANNED).status_code == 404


def test_repository_filters_and_faults(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.add_repository("shop/web")
    tenant.add_repository("shop/api", source="GITLAB", url="https://gitlab.com/shop/api", default_branch="trunk")
    [item] = admin.get(REPOSITORIES, search="API").json()
    assert (item["owner"], item["name"], item["source"], item["defaultBranch"]) == ("shop", "api", "GITLAB", "trunk")
    assert admin.get(f"{REPOSITORIES}/{item['id']}").json() == item
    assert admin.get(REPOSITORIES, source="GITLAB").json() == [item]
    assert len(admin.get(REPOSITORIES, source=["GITLAB", "GITHUB"]).json()) == 2
    assert admin.get(f"{REPOSITORIES}/unknown").status_code == 404
    for query in ({"limit": 0}, {"limit": "ten"}, {"offset": -1}):
        assert admin.get(REPOSITORIES, **query).status_code == 422


def test_every_published_member_is_shown(tenant: EmbeddedTenant, admin: Caller) -> None:
    published = set(contract().document["components"]["schemas"]["Repository"]["properties"])
    instance = tenant.add_instance("GITHUB", name="acme", repositories=["shop/web"])
    [item] = admin.get(REPOSITORIES).json()
    assert set(item) == published
    assert item["integrationId"] == instance
    tenant.set_repository(item["id"], isArchived=True, lastScanDate=None)
    shown = admin.get(f"{REPOSITORIES}/{item['id']}").json()
    assert (shown["isArchived"], "lastScanDate" in shown) == (True, False)


def test_branches_are_chosen_as_a_whole(tenant: EmbeddedTenant, admin: Caller) -> None:
    where = f"{REPOSITORIES}/{tenant.add_repository('shop/web')}"
    assert admin.put(f"{where}/branches", {"selectedBranches": ["main", "rc"], "primaryBranch": "rc"}).status_code == 204
    shown = admin.get(where).json()
    assert [(branch["name"], branch["isPrimary"]) for branch in shown["scannedBranches"]] == [("main", False), ("rc", True)]
    for body in ({"selectedBranches": ["main"]}, {"selectedBranches": ["main"], "primaryBranch": "rc"}):
        assert admin.put(f"{where}/branches", body).status_code == 422
    assert admin.put(f"{REPOSITORIES}/unknown/branches", {"selectedBranches": ["a"], "primaryBranch": "a"}).status_code == 404


def test_a_member_of_the_scan_configuration_is_replaced_as_a_whole(tenant: EmbeddedTenant, admin: Caller) -> None:
    where = f"{REPOSITORIES}/{tenant.add_repository('shop/web')}/scan-configuration"
    before = admin.get(where).json()
    assert admin.put(where, {"scanners": {"SECRETS": {"isEnabled": True, "scanOptions": {"gitHistory": True}}}}).status_code == 204
    after = admin.get(where).json()
    # A given member is replaced with all that is in it; the others stay.
    assert after["scanners"] == {"SECRETS": {"isEnabled": True, "scanOptions": {"gitHistory": True}}, "GIT_HISTORY": {"isEnabled": True}}
    assert {**after, "scanners": None} == {**before, "scanners": None}
    for body in ({"prScanning": {"isEnabled": True}}, {"scanners": {"GIT_HISTORY": {"isEnabled": True}}}, {"other": 1}):
        assert admin.put(where, body).status_code == 422
    assert admin.get(f"{REPOSITORIES}/unknown/scan-configuration").status_code == 404
