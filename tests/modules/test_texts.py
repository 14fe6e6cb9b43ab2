# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What YAML has made of a text: 123 is taken for it, and 1.10, yes and dates are refused, since nobody knows what was written."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from bulk import Engine, RunModule, actions

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._validate import validate_items
from tenant.server import EmbeddedTenant

HOST = {"hostname": "gitlab.example.com"}
CHANGED: list[tuple[str, dict[str, Any]]] = [
    ("name", {"name": 1.1}),
    ("name", {"name": True}),
    ("id", {"id": 1.5, "name": "core"}),
    ("identifier", {"identifier": False}),
    ("repositories[1]", {"name": "core", "repositories": ["team/app", 1.1]}),
    ("domain.hostname", {"name": "core", "domain": {"hostname": 10.5}}),
    ("credentials.username", {"name": "core", "credentials": {"username": True}}),
    ("external_projects[0].external_id", {"name": "core", "external_projects": [{"external_id": 1.1}]}),
    ("scope_rules[0].include", {"name": "core", "scope_rules": [{"include": 1.5}]}),
]


@pytest.fixture
def engine(run_module: RunModule) -> Any:
    with EmbeddedTenant("guide", rate=1000) as tenant:
        yield Engine(run_module, tenant)


@pytest.mark.parametrize(("where", "given"), CHANGED)
def test_what_is_no_text_any_more_is_refused_before_anything_is_sent(engine: Engine, where: str, given: dict[str, Any]) -> None:
    item = {"type": "GITLAB_SELF_MANAGED", **given}
    for said in (engine.one(item)["msg"], engine.apply({"type": "SNYK", "name": "a"}, item)["msg"], *validate_items([item])):
        assert f"{where} is a " in said
        assert "now, so the original text is lost: put it in quotes" in said
        assert "1.1" not in said
    assert engine.tenant.journal == []


def test_a_date_is_told_on_the_controller() -> None:
    (said,) = validate_items([{"type": "SNYK", "name": datetime.date(2024, 1, 1)}])
    assert said.startswith("tenant_data_sources[0]: name is a date now")


def test_a_whole_number_is_taken_for_its_text(engine: Engine) -> None:
    item = {"type": "GITLAB_SELF_MANAGED", "name": 123, "selection_type": "MANUAL_SELECTION", "repositories": [7]}
    assert validate_items([item]) == []
    assert actions(engine.apply(item)) == ["created"]
    (held,) = engine.tenant.instances.values()
    assert (held["uniqueProperties"]["name"], held["state"]) == ("123", ["7"])


def test_a_list_that_is_written_as_one_text_is_that_list(engine: Engine) -> None:
    item = {"type": "GITLAB_SELF_MANAGED", "name": "core", "selection_type": "MANUAL_SELECTION", "repositories": "PAY/c, PAY/d"}
    assert actions(engine.apply(item)) == ["created"]
    (held,) = engine.tenant.instances.values()
    assert held["state"] == ["PAY/c", "PAY/d"]


@pytest.mark.parametrize("option", ["branch", "collector_id", "repository_id", "commit"])
def test_so_is_it_for_uploads(engine: Engine, option: str) -> None:
    given = {"path": ["report.sarif"], "collector_id": "1", "repository_url": "https://github.com/example/shop", option: 1.1}
    assert engine.run("sarif_upload", given)["msg"].startswith(f"{option} is a decimal number now")
    assert engine.tenant.journal == []
