# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host or a repository in another spelling is the same one: nothing is made twice, pruned or deselected for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bulk import Engine, Item, RunModule, actions
from contributed import tenants

from tenant.server import EmbeddedTenant

MANUAL = "MANUAL_SELECTION"
GHE: Item = {
    "type": "GITHUB_ENTERPRISE",
    "name": "ghe",
    "domain": {"hostname": "ghe.example.com", "protocol": "https"},
    "credentials": {"client_id": "id-1", "client_secret": "secret-value"},
    "selection_type": MANUAL,
    "repositories": ["org/a", "org/b"],
}
HOSTS = ["ghe.example.com:443", "ghe.example.com.", "GHE.example.com", "me@ghe.example.com", "ghe.example.com:80", "https://ghe.example.com"]


@pytest.fixture(params=tenants("guide", "awkward"))
def engine(request: pytest.FixtureRequest, run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant(profile=request.param, rate=1000) as tenant:
        engine = Engine(run_module, tenant)
        assert actions(engine.apply(GHE)) == ["created"]
        tenant.clear_journal()
        yield engine


def on(host: str) -> Item:
    return {**GHE, "domain": {"hostname": host, "protocol": "https"}}


@pytest.mark.parametrize("host", HOSTS)
def test_another_spelling_of_the_host_makes_and_prunes_nothing(engine: Engine, host: str) -> None:
    assert actions(engine.apply(on(host), prune=True, prune_types=["GITHUB_ENTERPRISE"])) == ["unchanged"]
    assert engine.writes() == []


def test_two_spellings_of_one_host_are_one_data_source(engine: Engine) -> None:
    new = {**on("new.example.com"), "name": "other"}
    for pair in ((on(HOSTS[0]), on(HOSTS[1])), (new, {**new, "domain": {"hostname": "NEW.example.com:443", "protocol": "https"}})):
        result = engine.apply(*pair)
        assert "refer to the same data source" in result["msg"]
        assert engine.writes() == []


@pytest.mark.parametrize("mode", ["merge", "exact"])
def test_names_that_differ_in_case_are_one_repository_and_keep_the_tenants_spelling(engine: Engine, mode: str) -> None:
    result = engine.apply({**GHE, "repositories": ["Org/A", "org/B", "ORG/a"], "repositories_mode": mode})
    assert actions(result) == ["unchanged"]
    assert engine.writes() == []
    (warning,) = result["warned"]
    assert "Org/A is selected as org/a (2 in all are spelled differently in the tenant)" in warning
    changed = engine.apply({**GHE, "repositories": ["Org/A", "Org/new"], "repositories_mode": mode, "max_deselect": -1})
    assert actions(changed) == ["updated"]
    (held,) = engine.tenant.instances.values()
    assert held["state"] == (["org/a", "org/b", "Org/new"] if mode == "merge" else ["org/a", "Org/new"])


def test_removed_in_another_spelling(engine: Engine) -> None:
    assert actions(engine.apply({**GHE, "repositories": ["ORG/B"], "repositories_mode": "remove"})) == ["updated"]
    (held,) = engine.tenant.instances.values()
    assert held["state"] == ["org/a"]


def test_one_repository_in_two_spellings_is_claimed_once(engine: Engine) -> None:
    other: dict[str, Any] = {**GHE, "name": "second", "domain": {"hostname": "second.example.com", "protocol": "https"}}
    both = [{**other, "name": name, "repositories": [repository]} for name, repository in (("x", "Team/App"), ("y", "team/app"))]
    result = engine.apply(*both)
    assert result["failed"]
    assert engine.writes() == []


def test_where_case_counts_they_are_two(engine: Engine) -> None:
    engine.tenant.add_instance("AWS_CODE_COMMIT", name="aws", selection_type=MANUAL, state=["app"])
    item = {"type": "AWS_CODE_COMMIT", "name": "aws", "repositories": ["App"]}
    assert actions(engine.apply(item)) == ["updated"]
    assert [i["state"] for i in engine.tenant.instances.values() if i["type"] == "AWS_CODE_COMMIT"] == [["app", "App"]]
