# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instance an item means where the tenant shows identifiers alone, and what is never done to one that it may or may not mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from published_tenant import DEFAULTS, Item, Published, Raw, published

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import view
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.outcome import Outcome
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.prune import Prune
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError, InputError

GHE = "GITHUB_ENTERPRISE"
MANUAL = "MANUAL_SELECTION"
ONE, TWO = f"{1:024x}", f"{2:024x}"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0,))


def github(number: int, identifier: str = "", hostname: str = "ghe.example.com", **members: Any) -> Raw:
    shown = {"uniqueIdentifier": identifier} if identifier else {}
    domain = {"hostname": hostname, "protocol": "https"}
    return published(number, GHE, **shown, domain=domain, selectionType=MANUAL, state=[f"org{number}/a"], **members)


def ghe(**options: Any) -> Item:
    return {"type": GHE, **options}


def run(tenant: Published, *items: Item, prune: bool = False, check: bool = False) -> list[Outcome]:
    run = Run(tenant, check_mode=check, prune=Prune((GHE,)) if prune else None)  # type: ignore[arg-type]
    return run.apply([{**DEFAULTS, **item} for item in items])


def one(tenant: Published, item: Item) -> Outcome:
    (outcome,) = run(tenant, item)
    return outcome


def refused(tenant: Published, *items: Item, prune: bool = False) -> str:
    """The one line with which the whole run is refused, before any write."""
    with pytest.raises(InputError) as caught:
        run(tenant, *items, prune=prune)
    assert tenant.writes == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- an id and an identifier


@pytest.mark.parametrize("state", ["present", "created", "absent"])
def test_an_id_and_the_identifier_of_another_instance_are_refused(state: str) -> None:
    tenant = Published(github(1, "acme"), github(2, "umbrella"))
    outcome = one(tenant, ghe(id=ONE, identifier="umbrella", state=state, selection_type=MANUAL, repositories=["org2/b"]))
    assert outcome.action == "failed"
    assert f'GITHUB_ENTERPRISE "acme" (id {ONE})' in str(outcome.error)
    assert "another identifier" in str(outcome.error)
    assert tenant.writes == []


def test_an_id_and_its_own_identifier_agree_and_so_does_one_that_is_not_shown() -> None:
    assert one(Published(github(1, "acme")), ghe(id=ONE, identifier="acme")).action == "unchanged"
    assert one(Published(github(1)), ghe(id=ONE, identifier="acme")).action == "unchanged"


def test_a_collector_is_renamed_by_its_id_once() -> None:
    tenant = Published(published(1, "COLLECTOR", uniqueIdentifier="old"))
    rename = {"id": ONE, "type": "COLLECTOR", "identifier": "old", "name": "new"}
    assert one(tenant, rename).action == "updated"
    assert one(tenant, rename).action == "unchanged"
    # Neither the old nor the new name: somebody else's.
    tenant.held[ONE]["uniqueIdentifier"] = "third"
    assert one(tenant, rename).action == "failed"
    assert tenant.writes == [f"PUT {ONE}"]


# -- several items


@pytest.mark.parametrize("there", [[], [github(1, "acme")]], ids=["new", "there"])
def test_two_items_with_one_identifier_are_one_data_source(there: list[Raw]) -> None:
    message = refused(Published(*there), ghe(identifier="acme"), ghe(identifier="acme", name="a label"))
    assert "refer to the same data source: merge them into one" in message
    # Of another type it is another one.
    snyk = published(2, "SNYK", uniqueIdentifier="acme")
    both = run(Published(github(1, "acme"), snyk), ghe(identifier="acme"), {"type": "SNYK", "identifier": "acme"})
    assert [o.action for o in both] == ["unchanged", "unchanged"]


def test_a_collector_cannot_be_renamed_and_kept_in_one_list() -> None:
    tenant = Published(published(1, "COLLECTOR", uniqueIdentifier="old"))
    message = refused(tenant, {"type": "COLLECTOR", "identifier": "old", "name": "new"}, {"type": "COLLECTOR", "name": "old"})
    assert "refer to the same data source" in message


# -- state: absent


def test_absent_with_an_identifier_deletes_that_one_whatever_else_there_is() -> None:
    tenant = Published(github(1, "acme"), github(2, "umbrella"), github(3), published(4, "SNYK", uniqueIdentifier="acme"))
    gone = ghe(identifier="acme", state="absent", domain={"hostname": "elsewhere.example.com"})
    outcome = one(tenant, gone)
    assert (outcome.action, outcome.match.by) == ("deleted", "identifier")
    assert tenant.writes == [f"DELETE {ONE}"]


def test_absent_with_an_identifier_that_nobody_shows_is_done_unless_an_instance_shows_none() -> None:
    tenant = Published(github(2, "umbrella"))
    assert one(tenant, ghe(identifier="acme", state="absent")).action == "unchanged"
    tenant = Published(github(1), github(2, "umbrella"))
    outcome = one(tenant, ghe(identifier="acme", state="absent"))
    assert outcome.action == "undetermined"
    assert "give its id" in str(outcome.error)
    assert tenant.writes == []


# -- prune


def test_prune_leaves_what_was_adopted_by_its_host_and_takes_what_nobody_lists() -> None:
    tenant = Published(github(1, "acme"), github(2, "umbrella", "other.example.com"))
    adopted, pruned = run(tenant, ghe(name="core", domain={"hostname": "ghe.example.com"}), prune=True)
    assert (adopted.action, adopted.match.by, adopted.match.proven) == ("unchanged", "hostname", False)
    assert (pruned.action, pruned.pruned) == ("deleted", True)
    assert tenant.writes == [f"DELETE {TWO}"]


@pytest.mark.parametrize(
    "waiting",
    [ghe(identifier="new"), ghe(identifier="new", domain={"hostname": "GHE.example.com"})],
    ids=["no host", "the same host"],
)
def test_prune_leaves_what_a_pending_item_may_be(waiting: Item, tmp_path: Path) -> None:
    tenant = Published(github(1, "acme"), github(2, "umbrella"), state_dir=str(tmp_path))
    uncreatable(tenant)
    assert f"(id {TWO})" in refused(tenant, ghe(identifier="acme"), waiting, prune=True)


def test_prune_takes_nothing_while_an_item_may_be_any_of_them(tmp_path: Path) -> None:
    tenant = Published(github(1, "acme"), github(2, "umbrella"), state_dir=str(tmp_path))
    uncreatable(tenant)
    done = run(tenant, ghe(name="core"), prune=True)
    assert [o.action for o in done] == ["undetermined"]
    assert tenant.writes == []


def test_prune_takes_what_no_pending_item_can_be(tmp_path: Path) -> None:
    tenant = Published(github(1, "acme"), github(2, "umbrella"), state_dir=str(tmp_path))
    uncreatable(tenant)
    elsewhere = ghe(name="new", domain={"hostname": "elsewhere.example.com"})
    done = run(tenant, ghe(identifier="acme"), elsewhere, prune=True)
    assert [o.action for o in done] == ["unchanged", "pending", "deleted"]
    assert tenant.writes == [f"DELETE {TWO}"]


def uncreatable(tenant: Published) -> None:
    """Have a run find out that the tenant does not create the type; it remembers that."""

    def create(_body: Raw, subject: str = "") -> Raw:
        raise ApiError("create data source", subject, method="POST", status=422, words="refused [type: unknown]")

    tenant.create_data_source = create  # type: ignore[method-assign]
    held, tenant.held = tenant.held, {}
    assert one(tenant, ghe(name="first")).action == "pending"
    tenant.held = held


# -- creation


@pytest.mark.parametrize("options", [{}, {"domain": {"hostname": "api.example.com"}}], ids=["no host", "with a host"])
def test_what_gets_another_identifier_than_given_is_kept_told_and_found_again(options: Item, tmp_path: Path) -> None:
    tenant = Published(state_dir=str(tmp_path))
    tenant.given = lambda name: "vendors-org"
    item = {"type": "SNYK", "identifier": "mine", "credentials": {"token": "the-token"}, **options}
    first = one(tenant, item)
    (made,) = tenant.held
    assert (first.action, first.changed) == ("failed", True)
    assert f'SNYK "mine" was created (id {made}), but the tenant shows its identifier as "vendors-org".' in str(first.error)
    assert 'Give identifier: "vendors-org"' in str(first.error)
    second = one(tenant, item)
    assert (second.action, second.match.by, second.error) == ("unchanged", "memory", None)
    assert second.warnings == [f'An earlier run created SNYK "mine" (id {made}), and the tenant shows its identifier as "vendors-org": '
                               'give identifier: "vendors-org".']  # fmt: skip
    corrected = one(tenant, {**item, "identifier": "vendors-org"})
    assert (corrected.action, corrected.match.by, corrected.warnings) == ("unchanged", "identifier", [])
    assert tenant.writes == ["POST SNYK"]
    assert "the-token" not in json.dumps([first.error, second.warnings])
    # By what is remembered alone nothing is deleted.
    assert one(tenant, {**item, "state": "absent"}).action != "deleted"


# -- blank words


def test_a_blank_word_is_as_good_as_not_shown() -> None:
    blank = github(1, " ", hostname="")
    tenant = Published(blank)
    for item in (ghe(identifier="acme"), ghe(name="core", domain={"hostname": "ghe.example.com"})):
        outcome = one(tenant, item)
        assert (outcome.action, tenant.writes) == ("undetermined", []), item
        assert "does not show" in str(outcome.error)
