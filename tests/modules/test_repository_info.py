# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""repository_info: every page of the tenant's repositories, also of a tenant that repeats its first one."""

from __future__ import annotations

from typing import Any

import pytest
from bulk import Engine, RunModule

from tenant.server import EmbeddedTenant


@pytest.fixture
def engine(run_module: RunModule, tenant: EmbeddedTenant) -> Engine:
    return Engine(run_module, tenant)


def info(engine: Engine, **options: Any) -> dict[str, Any]:
    result = engine.run("repository_info", options)
    assert not result["failed"], result["msg"]
    assert not result["changed"]
    assert engine.writes() == []
    return result


def names(result: dict[str, Any]) -> list[str]:
    return [f"{r['owner']}/{r['name']}" for r in result["repositories"]]


def test_every_page_is_read(engine: Engine) -> None:
    wanted = sorted(f"group/r{n:03}" for n in range(257))
    for name in reversed(wanted):
        engine.tenant.add_repository(name)
    result = info(engine)
    assert names(result) == wanted
    assert result["complete"]
    assert result["warned"] == []
    # The third and the fourth page are asked for together.
    asked = [entry.query["offset"] for entry in engine.tenant.journal]
    assert (asked[:2], sorted(asked[2:4]), asked[4:]) == (["0", "100"], ["200", "300"], ["257"])


@pytest.mark.parametrize("count", [70, 100, 101, 257])
def test_a_tenant_that_ignores_the_offset_does_not_keep_us_for_ever(engine: Engine, count: int) -> None:
    engine.tenant.set(offset="ignored")
    for n in range(count):
        engine.tenant.add_repository(f"group/r{n:03}")
    result = info(engine)
    assert len(result["repositories"]) == min(count, 100)
    assert not result["complete"]
    assert any(f"it showed {min(count, 100)} repositories and may hold more. Use search" in text for text in result["warned"])
    assert len(engine.tenant.journal) == 2


@pytest.mark.parametrize("envelope", ["data", "bare", "reply", "reply_data", "repositories"])
def test_any_envelope(engine: Engine, envelope: str) -> None:
    engine.tenant.set(repositories_envelope=envelope)
    engine.tenant.add_repository("group/one")
    assert names(info(engine)) == ["group/one"]


def test_none_at_all(engine: Engine) -> None:
    result = info(engine)
    assert (result["repositories"], result["complete"], result["warned"]) == ([], True, [])


def test_one_by_its_id_with_keys_in_snake_case(engine: Engine) -> None:
    asset = engine.tenant.add_repository("payments/ledger", source="GITLAB_SELF_MANAGED", default_branch="trunk")
    engine.tenant.add_repository("payments/cards")
    (found,) = info(engine, id=asset)["repositories"]
    assert found["id"] == asset
    assert (found["owner"], found["name"], found["default_branch"], found["source"]) == (
        "payments",
        "ledger",
        "trunk",
        "GITLAB_SELF_MANAGED",
    )
    assert found["scanned_branches"] == [{"name": "trunk", "is_primary": True}]


def test_an_id_that_is_not_there(engine: Engine) -> None:
    result = engine.run("repository_info", {"id": "a" * 63})
    assert result["msg"] == f"there is no repository with id {'a' * 63} in this tenant."


@pytest.mark.parametrize(
    "url",
    ["https://git.example.com/payments/ledger", "git@git.example.com:payments/ledger.git", "https://bot:token@GIT.example.com/payments/ledger.git/",
     "ssh://git@git.example.com/payments/ledger", "git.example.com/payments/ledger"],
)  # fmt: skip
def test_one_by_any_spelling_of_its_url(engine: Engine, url: str) -> None:
    engine.tenant.add_repository("payments/ledger", url="https://git.example.com/payments/ledger")
    engine.tenant.add_repository("payments/ledger-2", url="https://git.example.com/payments/ledger-2")
    assert names(info(engine, url=url)) == ["payments/ledger"]


def test_the_token_in_a_url_is_not_shown(engine: Engine) -> None:
    result = engine.run("repository_info", {"url": "https://bot:canary-token@git.example.com/payments/ledger"})
    assert "canary-token" not in str(result)


def test_search_and_source(engine: Engine) -> None:
    engine.tenant.add_repository("payments/ledger", source="GITHUB")
    engine.tenant.add_repository("payments/cards", url="https://gitlab.com/payments/cards", source="GITLAB")
    engine.tenant.add_repository("identity/ledger", source="GITHUB")
    assert names(info(engine, search="ledger")) == ["identity/ledger", "payments/ledger"]
    assert names(info(engine, source="GITLAB")) == ["payments/cards"]
    assert names(info(engine, source="gitlab")) == ["payments/cards"]
    assert names(info(engine, search="payments", source="GITHUB")) == ["payments/ledger"]


def test_on_the_most_awkward_tenant(run_module: RunModule, awkward: EmbeddedTenant) -> None:
    engine = Engine(run_module, awkward)
    asset = awkward.add_repository("payments/ledger")
    assert names(info(engine, id=asset)) == ["payments/ledger"]
    assert names(info(engine, url="https://github.com/payments/ledger")) == ["payments/ledger"]


def test_a_viewer_may(engine: Engine) -> None:
    engine.tenant.add_repository("payments/ledger")
    result = engine.run("repository_info", {}, key="viewer")
    assert names(result) == ["payments/ledger"]
