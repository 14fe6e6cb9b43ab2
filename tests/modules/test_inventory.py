# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A comparison that also returns the whole tenant reads each data source once."""

from __future__ import annotations

from typing import Any

import pytest
from bulk import Engine

from tenant.server import EmbeddedTenant

KIND, COUNT = "BITBUCKET_DATACENTER", 4


def item(number: int, **more: Any) -> dict[str, Any]:
    domain = {"hostname": f"bitbucket-{number}.example.com", "protocol": "https"}
    return {"type": KIND, "name": f"bitbucket-{number}", "domain": domain, "repositories": [f"team/{number}"], **more}


@pytest.mark.parametrize("by_id", [False, True])
def test_each_data_source_is_read_once(run_module: Any, by_id: bool) -> None:
    with EmbeddedTenant("published", rate=1000) as tenant:
        for number in range(COUNT):
            host = f"bitbucket-{number}.example.com"
            tenant.add_instance(
                KIND,
                id=f"i{number}",
                name=f"bitbucket-{number}",
                hostname=host,
                selection_type="MANUAL_SELECTION",
                state=[f"team/{number}"],
            )
        engine = Engine(run_module, tenant)
        ids = [{"id": f"i{number}"} if by_id else {} for number in range(COUNT)]
        expected = [item(0, **ids[0]), item(1, **ids[1], selection_type="MANUAL_SELECTION"), item(7)]
        expected[0]["repositories"] = ["team/new"]
        plain = engine.apply(*expected, check=True, diff=True)
        inventory = engine.run("data_source_info", {"details": True})["data_sources"]
        tenant.clear_journal()
        both = engine.apply(*expected, check=True, diff=True, inventory=True)
        assert sorted(entry.path.rsplit("/", 1)[1] for entry in tenant.journal) == [
            "data_source_instances", *(f"i{number}" for number in range(COUNT))
        ]  # fmt: skip
        assert both.pop("inventory") == inventory
        assert len(inventory) == COUNT
        without_waits = [{k: v for k, v in result.items() if k not in ("rate_limited", "invocation")} for result in (plain, both)]
        assert without_waits[0] == without_waits[1]


def test_a_run_that_writes_returns_none(run_module: Any) -> None:
    with EmbeddedTenant("published", rate=1000) as tenant:
        refused = Engine(run_module, tenant).apply(item(0), inventory=True)
        assert refused["msg"].startswith("inventory is only for check mode")
        assert tenant.journal == []
