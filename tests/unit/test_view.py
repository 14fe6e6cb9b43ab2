# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has seen of a tenant, while instances go that the list still showed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.view import View
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import TenantError


class Tenant:
    """Lists two instances of one name; by id it has what a test puts there."""

    def __init__(self) -> None:
        self.by_id: dict[str, dict[str, Any]] = {}

    def list_data_sources(self) -> list[dict[str, Any]]:
        return [{"id": number, "type": "SNYK", "uniqueProperties": {"name": "snyk-eu"}} for number in ("1", "2")]

    def get_data_source(self, instance_id: str, _subject: str) -> dict[str, Any] | None:
        return self.by_id.get(instance_id)


def loaded(tenant: Tenant) -> View:
    api: Any = tenant
    view = View(api)
    view.load()
    return view


def test_what_is_gone_since_the_list_is_no_candidate() -> None:
    view = loaded(Tenant())
    item = {"type": "SNYK", "name": "snyk-eu"}
    assert [instance.id for instance in view.candidates(item)] == ["1", "2"]
    assert view.fetch("1") is None
    assert [instance.id for instance in view.candidates(item)] == ["2"]


def test_why_an_instance_had_a_status_is_not_told_of_the_one_that_a_later_read_shows() -> None:
    tenant = Tenant()
    details = {"connection": {"status": "INVALID"}}
    tenant.list_data_sources = lambda: [{"id": "1", "status": "ERROR", "statusDetails": details}]  # type: ignore[method-assign]
    tenant.by_id["1"] = {"id": "1", "status": "CONNECTED"}
    view = loaded(tenant)
    assert view.instances["1"].reported["status_details"] == details
    found = view.fetch("1")
    assert found is not None
    assert found.reported == {"id": "1", "status": "CONNECTED"}


def test_an_answer_about_another_instance_is_refused() -> None:
    tenant = Tenant()
    tenant.by_id["1"] = {"id": "2", "type": "SNYK"}
    with pytest.raises(TenantError, match=r"another data source \(id 2\) than the one requested \(1\)"):
        loaded(tenant).fetch("1", 'SNYK "snyk-eu"')
