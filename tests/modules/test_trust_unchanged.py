# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an earlier run found as wanted is not read again, and what makes it doubtful."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Ask

from starting import IN_CI
from tenant.server import EmbeddedTenant

KIND = "BITBUCKET_DATACENTER"
SECRET = "correct-horse-battery"
# As many as a large company has.
MANY = 500 if IN_CI else 60


def item(number: int = 0, **more: Any) -> dict[str, Any]:
    host = f"bitbucket-{number}.example.com"
    described = {"type": KIND, "name": f"bitbucket-{number}", "domain": {"hostname": host}, "repositories": [f"team/{number}"]}
    return {**described, "credentials": {"token": SECRET}, **more}


def fill(tenant: EmbeddedTenant, count: int) -> None:
    for number in range(count):
        host, manual = f"bitbucket-{number}.example.com", "MANUAL_SELECTION"
        tenant.add_instance(
            KIND, id=f"i{number}", name=f"bitbucket-{number}", hostname=host, selection_type=manual, state=[f"team/{number}"]
        )


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("published", rate=1000) as started:
        yield started


class Trusting:
    """data_sources with trust_unchanged, and how many requests it took."""

    def __init__(self, run_module: Any, tenant: EmbeddedTenant) -> None:
        self.ask, self.tenant = Ask(run_module, tenant, "data_sources"), tenant

    def __call__(self, *items: dict[str, Any], trust: bool = True, **options: Any) -> int:
        self.tenant.clear_journal()
        self.result = self.ask(data_sources=list(items), trust_unchanged=trust, **options)
        return len(self.tenant.journal)

    def action(self) -> str:
        return str(self.result["data_sources"][0]["action"])


def changed(tenant: EmbeddedTenant, repositories: list[str], *, shows: bool) -> None:
    """By somebody else. shows: the tenant moves the time of the last change, as it should."""
    stored = tenant.state.find("i0")
    stored.shape["state"] = repositories
    if shows:
        stored.shape["updatedAt"] = "2031-01-02T03:04:05.678Z"


@pytest.fixture
def trusting(run_module: Any, tenant: EmbeddedTenant) -> Trusting:
    fill(tenant, 1)
    return Trusting(run_module, tenant)


def test_many_unchanged_take_one_request(run_module: Any, tenant: EmbeddedTenant) -> None:
    fill(tenant, MANY)
    trusting, items = Trusting(run_module, tenant), [item(number) for number in range(MANY)]
    assert trusting(*items) == MANY + 1
    assert trusting(*items) == 1
    assert trusting.result["summary"] == {"unchanged": MANY}
    assert trusting(*items, check=True) == 1


def test_it_is_off_by_default_and_remembers_nothing_then(trusting: Trusting) -> None:
    for trust in (False, False, True):
        assert trusting(item(), trust=trust) == 2
    assert trusting(item()) == 1


def test_check_mode_remembers_nothing(trusting: Trusting) -> None:
    assert [trusting(item(), check=True) for _unused in range(2)] == [2, 2]


@pytest.mark.parametrize(
    "other", [{"repositories": []}, {"credentials": {"token": "another-token-of-it"}}, {"repositories_mode": "exact"}, {"max_deselect": 1}]
)
def test_another_wish_is_read(trusting: Trusting, other: dict[str, Any]) -> None:
    trusting(item())
    assert trusting(item(**other)) == 2
    # The newest wish is what is remembered.
    assert trusting(item(**other)) == 1
    assert trusting(item()) == 2


def test_what_somebody_changed_is_read_and_corrected(trusting: Trusting) -> None:
    trusting(item())
    changed(trusting.tenant, ["team/other"], shows=True)
    assert trusting(item()) > 2
    assert trusting.action() == "updated"
    # Its own write is not trusted either: it is read once more.
    assert [trusting(item()) for _unused in range(2)] == [2, 1]


def test_a_refused_write_forgets(trusting: Trusting) -> None:
    trusting(item())
    trusting.tenant.set(read_only=True)
    trusting(item(repositories=["team/0", "team/new"]))
    assert trusting.result["failed"]
    trusting.tenant.set(read_only=False)
    assert [trusting(item()) for _unused in range(2)] == [2, 1]


def test_a_difference_that_a_run_without_it_finds_forgets(trusting: Trusting) -> None:
    """A tenant that does not move the time: what the option rests on. Any other run that looks finds it, and says so to the next."""
    trusting(item())
    changed(trusting.tenant, ["team/other"], shows=False)
    assert trusting(item()) == 1
    assert trusting(item(), trust=False) > 2
    assert trusting.action() == "updated"
    assert [trusting(item()) for _unused in range(2)] == [2, 1]


def test_a_count_of_repositories_that_moved_is_read(trusting: Trusting) -> None:
    trusting(item())
    changed(trusting.tenant, ["team/0", "team/more"], shows=False)
    assert trusting(item()) == 2


def test_an_id_is_not_read_either(trusting: Trusting) -> None:
    wanted = {"id": "i0", "repositories": ["team/0"]}
    assert [trusting(wanted) for _unused in range(2)] == [2, 1]


def test_the_single_module_trusts_too(run_module: Any, trusting: Trusting) -> None:
    one = Ask(run_module, trusting.tenant, "data_source")
    for requests in (2, 1):
        trusting.tenant.clear_journal()
        result = one.ok(**item(), trust_unchanged=True)
        assert len(trusting.tenant.journal) == requests
        assert not result["changed"]
        assert result["data_source"]["id"] == "i0"


def test_what_the_list_does_not_show_is_read(run_module: Any) -> None:
    """A tenant whose list has no times: nothing can be trusted."""
    with EmbeddedTenant("awkward", rate=1000) as tenant:
        fill(tenant, 1)
        trusting = Trusting(run_module, tenant)
        first = trusting(item())
        assert first > 1
        assert trusting(item()) == first


def test_a_twin_that_appears_is_still_in_doubt(trusting: Trusting) -> None:
    trusting(item())
    trusting.tenant.add_instance(KIND, id="i9", name="bitbucket-0", hostname="bitbucket-0.example.com")
    trusting(item())
    assert trusting.action() in ("undetermined", "failed")


def test_no_secret_is_in_the_memory(trusting: Trusting, tmp_path: Path) -> None:
    trusting(item())
    (held,) = (tmp_path / "state").glob("*.json")
    assert "verified" in held.read_text()
    assert SECRET not in held.read_text()
