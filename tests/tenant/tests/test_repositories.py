# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repository assets: pages, filters, one by id."""

from __future__ import annotations

from typing import Any

import pytest

from tenant.server import EmbeddedTenant

from .calling import REPOSITORIES, Caller


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
