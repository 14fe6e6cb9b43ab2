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
    assert any(f"it showed {min(count, 100)} repositories and may have more. Use search" in text for text in result["warned"])
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
    (branch,) = found["scanned_branches"]
    assert (branch["name"], branch["is_primary"]) == ("trunk", True)


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


@pytest.fixture
def estate(engine: Engine) -> dict[str, str]:
    """A GitLab with three repositories, one of them archived and never scanned, one with a token that has expired; and one of nobody."""
    tenant = engine.tenant
    core = tenant.add_instance(
        "GITLAB_SELF_MANAGED", identifier="core", hostname="gitlab.example.com", selection_type="MANUAL_SELECTION",
        state=["pay/a", "pay/b"], repositories=["pay/a", "pay/b", "pay/c"],
    )  # fmt: skip
    ids = {r["name"]: r["id"] for r in info(engine)["repositories"]}
    tenant.set_repository(ids["a"], lastScanDate="2026-10-02T08:00:00.000Z", scannedBranches=[])
    tenant.set_repository(ids["b"], status={"token": {"status": "INVALID", "reason": "expired"}, "apiRead": {"status": "VALID"}})
    tenant.set_repository(ids["c"], lastScanDate=None, scannedBranches=[], isArchived=True)
    tenant.add_repository("lab/d")
    tenant.clear_journal()
    return {**ids, "core": core}


CORE = {"type": "GITLAB_SELF_MANAGED", "domain": {"hostname": "GitLab.example.com"}}


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"data_source": CORE}, ["pay/a", "pay/b", "pay/c"]),
        ({"selected": True}, ["pay/a", "pay/b"]),
        ({"selected": False}, ["lab/d", "pay/c"]),
        ({"archived": True}, ["pay/c"]),
        ({"scanned_before": "2026-10-03"}, ["pay/a", "pay/c"]),
        ({"scanned_before": "2026-10-02"}, ["pay/c"]),
        ({"unhealthy": True}, ["pay/b"]),
        ({"unhealthy": False, "data_source": CORE}, ["pay/a", "pay/c"]),
        ({"selected": True, "unhealthy": False}, ["pay/a"]),
    ],
)
def test_filters(engine: Engine, estate: dict[str, str], filters: dict[str, Any], found: list[str]) -> None:
    assert (names(info(engine, **filters)), info(engine, **filters)["warned"]) == (found, [])
    if "data_source" not in filters:
        assert len([r for r in engine.tenant.journal if "repositories" in r.path]) == 4, "two runs, two pages each"


def test_what_is_broken_when_it_was_scanned_and_only_some_members(engine: Engine, estate: dict[str, str]) -> None:
    (one,) = info(engine, unhealthy=True, data_source=estate["core"], members=["name", "broken", "is_selected"])["repositories"]
    assert one == {"id": estate["b"], "name": "b", "broken": [{"part": "token", "reason": "expired"}], "is_selected": True}
    assert info(engine, id=estate["b"])["repositories"][0]["status"]["token"] == {"status": "INVALID", "reason": "expired"}
    (never,) = info(engine, id=estate["c"])["repositories"]
    assert (never["scanned_at"], never["broken"], never["scan_configuration"]["pr_scanning"]) == (
        None, [], {"is_enabled": True, "block_on_error": False},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"members": ["nmae"]}, "members: nmae is not a member of a repository. Did you mean name?"),
        ({"scanned_before": "last week"}, "scanned_before must be a day such as 2026-11-01, not 'last week'."),
        ({"data_source": {"type": "SNYK"}}, "there is no data source SNYK"),
        ({"data_source": {"tpye": "SNYK"}}, "data_source: tpye is neither an id nor one of id, type, name, identifier, dom"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(engine: Engine, options: dict[str, Any], said: str) -> None:
    assert said in engine.run("repository_info", options)["msg"]


def test_what_an_older_tenant_does_not_show_is_not_guessed(engine: Engine) -> None:
    engine.tenant.set(fields="mirrored")
    engine.tenant.add_repository("pay/a")
    result = info(engine, selected=False)
    assert (names(result), result["warned"]) == (
        [],
        ["The tenant does not show is_selected of 1 repositories, which were left out: whether they match is not known."],
    )


def test_the_tenants_own_list_of_unscanned_repositories(engine: Engine) -> None:
    ids = {name: engine.tenant.add_repository(f"pay/{name}") for name in ("fresh", "old")}
    engine.tenant.set_repository(ids["old"], lastScanDate="2026-01-02T00:00:00.000Z", scannedBranches=None)
    assert "unscanned" not in info(engine)
    assert info(engine, unscanned_days=30)["unscanned"] == [{"id": ids["old"], "name": "old", "organization_id": "pay"}]
    engine.tenant.clear_journal()
    engine.tenant.set(unscanned_list=False)
    without = info(engine, unscanned_days=30)
    assert ("unscanned" in without, without["warned"], len(without["repositories"])) == (False, [], 2)
    # It is no reason to fail when it is broken.
    engine.tenant.set(unscanned_list=True)
    engine.tenant.fault("html_500", path="unscanned-repositories$", count=None)
    (warning,) = info(engine, unscanned_days=30)["warned"]
    assert warning.startswith("What the tenant calls unscanned was not read: Cannot list unscanned repositories: HTTP 5")
    assert "unscanned_days is 0" in engine.run("repository_info", {"unscanned_days": 0})["msg"]
