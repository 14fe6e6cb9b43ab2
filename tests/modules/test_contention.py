# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many at once: two processes on one instance, many instances in one run, and a tenant that does something else than it is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bulk import Engine, Item, RunModule, actions, item_of

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import view
from starting import IN_CI
from tenant.app import Application
from tenant.server import EmbeddedTenant

HERE = Path(__file__).parent
ROUNDS = 20 if IN_CI else 6

# Reads a line with the options of a module, runs it, answers with its result; without the lock when NO_LOCK is set.
WORKER = """
import contextlib, json, os, sys
from conftest import run_main
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import view
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import client
if os.environ.get("NO_LOCK"):
    view.SETTLE_PAUSES = (0.0,)
    client.exclusive = lambda *_parts, **_options: contextlib.nullcontext()
for line in sys.stdin:
    print(json.dumps(run_main("data_source", json.loads(line))), flush=True)
"""


class Worker:
    """Another process of this node that runs the module, one task after the other."""

    def __init__(self, lock: bool) -> None:
        paths = [str(HERE), *[path for path in sys.path if path.endswith((".build", "/tests"))]]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **({} if lock else {"NO_LOCK": "1"})}
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def begin(self, options: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(options) + "\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, Any]:
        assert self._process.stdout
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        with self._process:
            assert self._process.stdin
            self._process.stdin.close()


@contextmanager
def workers(count: int, lock: bool = True) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        made = [Worker(lock) for _n in range(count)]
        for worker in made:
            stack.callback(worker.end)
        yield made


@dataclass
class Put:
    """When the tenant worked on a PUT, in seconds of one clock."""

    id: str
    began: float
    ended: float = 0.0


class Puts(list[Put]):
    """The PUTs that the tenant got, in the order in which they began."""

    def overlapping(self) -> Iterator[tuple[Put, Put]]:
        for n, one in enumerate(self):
            yield from ((one, other) for other in self[n + 1 :] if other.began < one.ended)


@pytest.fixture
def puts(monkeypatch: pytest.MonkeyPatch) -> Puts:
    """Has every tenant started after it take 30 ms for each PUT, several at once, and write down when."""
    seen, guard, update = Puts(), threading.Lock(), Application.update_instance

    def slow(self: Application, instance_id: str) -> Any:
        put = Put(instance_id, time.monotonic())
        with guard:
            seen.append(put)
        time.sleep(0.03)
        try:
            return update(self, instance_id)
        finally:
            put.ended = time.monotonic()

    monkeypatch.setattr(Application, "update_instance", slow)
    return seen


@pytest.fixture
def engine(puts: Puts, run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant("guide", rate=1000) as tenant:
        yield Engine(run_module, tenant)


@pytest.fixture
def shows_more(puts: Puts, run_module: RunModule) -> Iterator[Engine]:
    """On a tenant that shows names, settings and mappings, so that an effect on them can be seen."""
    with EmbeddedTenant(profile="default", rate=1000) as tenant:
        yield Engine(run_module, tenant)


# The list says `state: []`, whatever is selected


@pytest.mark.parametrize("profile", ["guide", "awkward"])
def test_three_more_than_2546_are_2549(run_module: RunModule, profile: str) -> None:
    with EmbeddedTenant(profile=profile, rate=1000) as tenant:
        held = [f"group/r{n}" for n in range(2546)]
        tenant.add_instance("GITLAB_SELF_MANAGED", name="gitlab-core", selection_type="MANUAL_SELECTION", state=held)
        engine = Engine(run_module, tenant)
        item = {
            "type": "GITLAB_SELF_MANAGED",
            "name": "gitlab-core",
            "repositories": ["group/new-1", "group/r5", "group/new-2", "group/new-3"],
        }
        result = engine.apply(item, diff=True)
        assert actions(result) == ["updated"]
        (instance,) = tenant.instances.values()
        assert len(instance["state"]) == 2549
        assert set(held) < set(instance["state"])
        (entry,) = result["diff"]
        assert entry["before"].splitlines() == ["repositories: 2546"]
        assert entry["after"].splitlines() == [
            "repositories: 2549", "repositories + group/new-1", "repositories + group/new-2", "repositories + group/new-3",
        ]  # fmt: skip


# Two processes, one instance


def at_the_same_moment(engine: Engine, monkeypatch: pytest.MonkeyPatch, *, lock: bool) -> tuple[int, int]:
    """Two processes each add another repository, ROUNDS times; returns how many were added and how many of them are there in the end."""
    tenant = engine.tenant
    tenant.add_instance("GITLAB_SELF_MANAGED", name="core", selection_type="MANUAL_SELECTION", state=["group/first"])
    read = tenant.state.read

    def slow(instance_id: str) -> Any:
        shown = read(instance_id)
        time.sleep(0.01)
        return shown

    monkeypatch.setattr(tenant.state, "read", slow)
    asked = set()
    with workers(2, lock) as both:
        for n in range(ROUNDS):
            for name, worker in zip("ab", both, strict=True):
                asked.add(f"group/{name}{n}")
                item = {"type": "GITLAB_SELF_MANAGED", "name": "core", "repositories": [f"group/{name}{n}"]}
                worker.begin({**tenant.connection(), **item})
            for worker in both:
                result = worker.result()
                if lock:
                    assert not result["failed"], result["msg"]
    (instance,) = tenant.instances.values()
    return len(asked), len(asked & set(instance["state"]))


def test_two_processes_add_to_one_instance_at_the_same_moment(engine: Engine, puts: Puts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, found = at_the_same_moment(engine, monkeypatch, lock=True)
    assert (asked, found) == (2 * ROUNDS, 2 * ROUNDS)
    assert list(puts.overlapping()) == []


def test_without_the_lock_some_would_be_lost(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the test above can fail at all."""
    asked, found = at_the_same_moment(engine, monkeypatch, lock=False)
    print(f"\nwithout the lock {asked - found} of {asked} repositories were lost")
    assert found < asked


def test_two_processes_create_one_instance_at_the_same_moment(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with workers(2) as both:
        for n in range(5):
            item = item_of("BITBUCKET_DATACENTER", f"core-{n}", selection_type="MANUAL_SELECTION")
            for name, worker in zip("ab", both, strict=True):
                worker.begin({**engine.tenant.connection(), **item, "repositories": [f"PAY/{name}"]})
            results = [worker.result() for worker in both]
            assert [r["failed"] for r in results] == [False, False], results
    held = {i["uniqueProperties"]["name"]: sorted(i["state"]) for i in engine.tenant.instances.values()}
    assert held == {f"core-{n}": ["PAY/a", "PAY/b"] for n in range(5)}


# One run, many instances


def many(engine: Engine, types: tuple[str, ...], each: int, **options: Any) -> list[Item]:
    """Instances on the tenant, and the items that add a repository to each."""
    items = []
    for name in types:
        for n in range(each):
            engine.tenant.add_instance(name, name=f"core-{n}", selection_type="MANUAL_SELECTION", state=["group/first"], **options)
            items.append({"type": name, "name": f"core-{n}", "repositories": [f"group/{name}-{n}"]})
    return items


def test_forty_items_at_once_with_the_first_put_of_each_type_alone(engine: Engine, puts: Puts) -> None:
    types = ("GITHUB", "GITLAB", "BITBUCKET", "AZURE_REPOS")
    result = engine.apply(*many(engine, types, 10))
    assert actions(result) == ["updated"] * 40
    type_of = {instance_id: instance["type"] for instance_id, instance in engine.tenant.instances.items()}
    assert sorted(put.id for put in puts) == sorted(type_of)
    overlapping = list(puts.overlapping())
    assert len(overlapping) > 20, "nothing ran at the same time, so this test shows nothing"
    for name in types:
        first, *others = [put for put in puts if type_of[put.id] == name]
        assert all(other.began >= first.ended for other in others), name
    assert all(one.id != other.id for one, other in overlapping)


def test_the_next_put_goes_alone_when_the_first_item_never_came_to_its_own(shows_more: Engine, puts: Puts) -> None:
    """A creation that the tenant refuses sends no PUT: what follows is still the first of its type."""
    items = many(shows_more, ("SNYK",), 6)
    for n, item in enumerate(items):
        item["external_projects"] = [{"external_project_id": f"p{n}", "external_id": f"p{n}", "repo_id": "r"}]
        del item["repositories"]
    refused_by_tenant = item_of(
        "SNYK", "never", credentials={"type": "", "token": "snyk-token"}, external_projects=[{"external_id": "x"}]
    )
    result = shows_more.apply(refused_by_tenant, *items)
    assert [row["action"] for row in result["data_sources"]] == ["failed", *["updated"] * 6], result["msg"]
    assert list(puts)[1].began >= puts[0].ended


# A tenant that does something else than it is told


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0, 0.01))


@pytest.mark.usefixtures("soon")
def test_an_effect_nobody_asked_for_stops_the_other_updates_of_its_type(shows_more: Engine, puts: Puts) -> None:
    shows_more.tenant.set(put_omitted="clear", unique_properties="masked")
    hiding = many(shows_more, ("GITLAB",), 6, unique_properties={"apiToken": "canary"})
    others = many(shows_more, ("GITHUB",), 3)
    result = shows_more.apply(*hiding, *others)
    assert result["failed"]
    assert result["changed"]
    assert [row["action"] for row in result["data_sources"]] == [*["failed"] * 6, *["updated"] * 3]
    first, *rest = [row["error"] for row in result["data_sources"][:6]]
    print(f"\nsurprise: {first}\nthe others: {rest[0]}")
    assert "reading it back shows: unique_properties changed unexpectedly" in first
    assert all("was not attempted, since an earlier update of this type had an unexpected effect" in error for error in rest)
    assert len(puts) == 4


@pytest.mark.usefixtures("soon")
def test_an_effect_nobody_asked_for_on_a_new_instance_stops_them_too(
    shows_more: Engine, puts: Puts, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = shows_more.tenant.state.update
    monkeypatch.setattr(
        shows_more.tenant.state, "update", lambda i, body: update(i, {**body, "externalProjects": [{"externalProjectId": "x"}]})
    )
    items = [item_of("SNYK", f"new-{n}", external_projects=[{"external_project_id": "p", "external_id": "p"}]) for n in range(4)]
    result = shows_more.apply(*items)
    assert result["failed"]
    assert "external_projects is not as sent" in result["data_sources"][0]["error"]
    assert len(puts) == 1
    assert len(shows_more.tenant.instances) == 1


@pytest.mark.parametrize("status", ["licence", "role", "key"])
def test_a_key_that_is_refused_in_the_middle_ends_the_run(run_module: RunModule, monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    """402, 403, 401: the next item would be refused as well."""
    tenant, update = EmbeddedTenant(rate=1000), Application.update_instance
    code, switch = {"licence": (402, {"licensed": False}), "role": (403, {"read_only": True}), "key": (401, {"clock_offset": 4e3})}[status]

    def turned_off_by_the_first(self: Application, instance_id: str) -> Any:
        tenant.set(**switch)
        return update(self, instance_id)

    monkeypatch.setattr(Application, "update_instance", turned_off_by_the_first)
    with tenant:
        # The first of each type goes alone; after it, all the others would.
        result = Engine(run_module, tenant).apply(*many(Engine(run_module, tenant), ("GITLAB", "GITHUB"), 20))
        assert result["failed"]
        assert result["changed"]
        assert f"HTTP {code}" in result["msg"]
        told = [row.get("error", "") for row in result["data_sources"]]
        assert sum(f"was not attempted: the run ended with HTTP {code} at item" in error for error in told) >= 37
        assert len(tenant.writes) <= 4
