# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For any tenant and any list of items: whole runs, against the embedded tenant's own rules without its HTTP."""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from published_tenant import Quiet

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import view
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.data_file import as_configs
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import (
    BEHAVIOUR,
    from_api,
    mappings_to_api,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.instance import Instance
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.match import match
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.outcome import Outcome
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.prune import Prune
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError, InputError
from starting import IN_CI
from tenant import present
from tenant.clock import Clock
from tenant.problem import Problem
from tenant.state import State
from tenant.switches import Switches

Item = dict[str, Any]
MANUAL = "MANUAL_SELECTION"
DEFAULTS = {name: option["default"] for name, option in BEHAVIOUR.items() if "default" in option}
# No folder can be made there. One process that never works twice on one instance at a time needs no locks.
NO_LOCKS = os.path.join(os.devnull, "locks")
# What the tenant decides alone.
ITS_OWN = ("id", "status", "created_at", "updated_at", "repositories_count")


class Direct:
    """The endpoints of floor 2 on a tenant's state, and every write that was tried."""

    tenant = "tenant.example.com"
    generation = "current"

    def refuse_creation(self, _subject: str) -> None:
        pass

    def __init__(self, locks: str, **switches: Any) -> None:
        self.switches = Switches("default", **switches)
        self.state = State(self.switches, Clock(), lambda: "https://tenant.example.com")
        self.client = Quiet(locks)
        self.writes: list[str] = []

    def shapes(self) -> dict[str, dict[str, Any]]:
        whole = {i: copy.deepcopy(s.shape) for i, s in self.state.stored.items()}
        return {i: {k: v for k, v in shape.items() if k not in ("updatedAt", "status")} for i, shape in whole.items()}

    def list_data_sources(self) -> list[dict[str, Any]]:
        return [present.list_item(stored, self.switches) for stored in self.state.stored.values()]

    def get_data_source(self, instance_id: str, _subject: str = "") -> dict[str, Any] | None:
        if instance_id not in self.state.stored:
            return None
        return copy.deepcopy(present.item(self.state.read(instance_id), self.switches))

    def create_data_source(self, body: dict[str, Any], subject: str = "") -> dict[str, Any]:
        return self._write("POST", subject, lambda: present.created(*self.state.create(copy.deepcopy(body)), self.switches))

    def update_data_source(self, instance_id: str, body: dict[str, Any], subject: str = "") -> None:
        self._write("PUT", subject, lambda: self.state.update(instance_id, copy.deepcopy(body)))

    def delete_data_source(self, instance_id: str, subject: str = "") -> None:
        self._write("DELETE", subject, lambda: self.state.delete(instance_id))

    def _write(self, method: str, subject: str, do: Any) -> Any:
        self.writes.append(method)
        try:
            return do()
        except Problem as problem:
            raise ApiError("write", subject, method=method, status=problem.status, words=str(problem.body)) from None


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0,))


REPOSITORIES = st.lists(st.sampled_from([f"g/{n}" for n in range(6)]), unique=True, max_size=6)
MAPPINGS = st.dictionaries(st.sampled_from(["p1", "p2", "p3"]), st.sampled_from(["r1", "r2"]), max_size=3).map(
    lambda chosen: [{"external_project_id": p, "repo_id": r} for p, r in chosen.items()]
)
SETTINGS = st.dictionaries(st.sampled_from(["team", "level"]), st.sampled_from(["a", 1, True, ["x"], {"y": "z"}]), max_size=2)
SELECTIONS = st.sampled_from([MANUAL, MANUAL, "CURRENT_STATE", "CURRENT_STATE_AND_FUTURE"])
MODES = st.sampled_from(["merge", "exact", "remove"])
IDENTITIES = st.sampled_from(
    [
        ("GITHUB", "a", None),
        ("GITHUB", "b", None),
        ("JENKINS", "a", None),
        *[("SNYK", name, host) for name in "ab" for host in (None, "one", "two")],
    ]
)
# Tenants that do as they are told, however little they show; and all that the switches can make.
HONEST = st.fixed_dictionaries(
    {
        "list_fields": st.sampled_from(["no_state", "minimal", "all"]),
        "name_shown": st.sampled_from(["root", "display_name", "unique_properties"]),
        "put_omitted": st.sampled_from(["keep", "clear"]),
        "unique_properties_put": st.sampled_from(["replace", "merge"]),
        "settle": st.sampled_from([0, 2]),
        "create_body": st.sampled_from(["full", "id"]),
    }
)
ANY = st.fixed_dictionaries(
    {
        "unique_properties": st.sampled_from(["echoed", "masked", "hidden"]),
        "domain_shown": st.booleans(),
        "repository_owner": st.sampled_from(["any", "exclusive"]),
        "duplicate_create": st.sampled_from(["409", "allow"]),
        "consent": st.sampled_from(["given", "required"]),
    }
).flatmap(lambda odd: HONEST.map(lambda honest: {**honest, **odd}))


@st.composite
def tenants(draw: st.DrawFn, switches: st.SearchStrategy[dict[str, Any]]) -> Direct:
    tenant = Direct(NO_LOCKS, **draw(switches))
    for kind, name, host in draw(st.lists(IDENTITIES, unique=True, max_size=5)):
        secret = draw(st.sampled_from([{}, {}, {"apiToken": "secret"}]))
        shape = {
            "type": kind,
            "uniqueProperties": {"name": name, **draw(SETTINGS), **secret},
            "state": draw(REPOSITORIES),
            "externalProjects": mappings_to_api(draw(MAPPINGS)),
            "selectionType": draw(SELECTIONS),
            # In use for long: what a tenant selected by itself in a new one gives way (test_unfinished.py).
            "createdAt": "2020-01-01T00:00:00.000Z",
            **({"domain": {"hostname": host}} if host else {}),
        }
        tenant.state.store(shape)
    return tenant


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    desired = []
    for kind, name, host in draw(st.lists(IDENTITIES, unique_by=lambda identity: identity[:2], max_size=5)):
        item: Item = {**DEFAULTS, "type": kind, "name": name, "repositories_mode": draw(MODES), "external_projects_mode": draw(MODES)}
        item |= {
            "state": draw(st.sampled_from(["present"] * 4 + ["created", "absent"])),
            "max_deselect": draw(st.sampled_from([-1, -1, 2, 10])),
        }
        if host:
            item["domain"] = {"hostname": draw(st.sampled_from([host, host.upper()]))}
        for option, values in (("selection_type", SELECTIONS), ("external_projects", MAPPINGS), ("unique_properties", SETTINGS)):
            if draw(st.booleans()):
                item[option] = draw(values)
        if draw(st.booleans()) and item.get("selection_type", MANUAL) == MANUAL:
            # Of one's own, so that no two items claim one.
            item["repositories"] = [
                f"{repository}" if kind == "GITHUB" and name == "a" else f"{name}/{repository}" for repository in draw(REPOSITORIES)
            ]
        desired.append(item)
    return desired


def run(tenant: Direct, desired: list[Item], *, check: bool = False, prune: Prune | None = None) -> list[Outcome] | str:
    """The outcomes, or why the whole run was refused."""
    before = copy.deepcopy(desired)
    try:
        return Run(tenant, check_mode=check, prune=prune).apply(desired)  # type: ignore[arg-type]
    except InputError as refusal:
        return str(refusal)
    finally:
        assert desired == before, "the items were changed"


def instance_of(tenant: Direct, outcome: Outcome) -> dict[str, Any] | None:
    """The instance of an item, as the tenant stores it. Fails if the item cannot refer to it."""
    shown, item = outcome.data_source or outcome.plan.before, outcome.item
    shape = tenant.shapes().get(shown["id"]) if shown else None
    if shape is not None:
        assert (shape["type"], shape["uniqueProperties"].get("name")) == (item["type"], item["name"])
        host = item.get("domain", {}).get("hostname", "").lower()
        assert not host or shape.get("domain", {}).get("hostname", host).lower() == host
    return shape


def may_mean(item: Item, shape: dict[str, Any]) -> bool:
    """Whether an item may refer to an instance that shows everything; without a host it may be any."""
    host, shown = item.get("domain", {}).get("hostname", "").lower(), shape.get("domain", {}).get("hostname", "").lower()
    same_host = not host or shown in ("", host)
    return (item["type"], item["name"]) == (shape["type"], shape["uniqueProperties"]["name"]) and same_host


def satisfied(item: Item, instance: dict[str, Any] | None) -> bool:
    """Whether the tenant is as the item says."""
    if item["state"] == "absent" or instance is None:
        return (item["state"] == "absent") is (instance is None)
    if item["state"] == "created":
        return True
    state, mappings = set(instance["state"]), {m["externalProjectId"]: m.get("repoId") for m in instance["externalProjects"]}
    given_state = set(item.get("repositories", []))
    given = {m["external_project_id"]: m["repo_id"] for m in item.get("external_projects", [])}
    agrees = {
        "merge": (given_state <= state, given.items() <= mappings.items()),
        "exact": (given_state == state, given == mappings),
        "remove": (not given_state & state, not given.items() & mappings.items()),
    }
    return (
        ("repositories" not in item or agrees[item["repositories_mode"]][0])
        and ("external_projects" not in item or agrees[item["external_projects_mode"]][1])
        and instance.get("selectionType") == item.get("selection_type", instance.get("selectionType"))
        and all(instance["uniqueProperties"].get(k) == v for k, v in item.get("unique_properties", {}).items())
    )


def comparable(shown: Item | None, like: Item) -> Item:
    """The options that are in the other one, lists as sets of what is in them."""
    kept = {k: v for k, v in (shown or {}).items() if k not in ITS_OWN and k in like}
    return {k: sorted(map(str, v)) if k in ("repositories", "external_projects") else v for k, v in kept.items()}


SLOW = settings(
    deadline=None, max_examples=150 if IN_CI else 50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@SLOW
@given(tenants(HONEST), items())
def test_a_run_gives_the_desired_state_and_a_second_one_changes_nothing(tenant: Direct, desired: list[Item]) -> None:
    before = tenant.shapes()
    done = run(tenant, desired)
    if isinstance(done, str):
        event("refused as a whole")
        assert tenant.shapes() == before
        assert tenant.writes == []
        return
    for instance_id, shape in before.items():
        assert any(may_mean(i, shape) for i in desired) or tenant.shapes()[instance_id] == shape, "no item refers to it"
    for outcome in done:
        if outcome.error is None:
            assert satisfied(outcome.item, instance_of(tenant, outcome)), outcome
        else:
            event("an item is refused")
            assert not outcome.changed, outcome.error
    stands = tenant.shapes()
    tenant.writes.clear()
    again = run(tenant, [o.item for o in done if o.error is None])
    assert not isinstance(again, str)
    for outcome in again:
        # Once the right one is deleted, an instance without a host may be the item's or not: it is not deleted instead.
        doubtful = outcome.action == "undetermined" and outcome.item["state"] == "absent" and "domain" in outcome.item
        assert outcome.action == "unchanged" or doubtful, outcome
    assert tenant.writes == []
    assert tenant.shapes() == stands


@SLOW
@given(tenants(HONEST), items(), st.booleans())
def test_check_mode_predicts_what_the_run_then_does(tenant: Direct, desired: list[Item], prune: bool) -> None:
    types = tuple(sorted({i["type"] for i in desired if i["state"] != "absent"}))
    guards = Prune(types, 2) if prune and types else None
    before = tenant.shapes()
    predicted = run(tenant, desired, check=True, prune=guards)
    assert tenant.shapes() == before
    assert tenant.writes == []
    done = run(tenant, desired, prune=guards)
    if isinstance(predicted, str) or isinstance(done, str):
        event("refused as a whole")
        assert predicted == done
        assert tenant.shapes() == before
        return
    assert [(o.action, o.changed, o.error) for o in predicted] == [(o.action, o.changed, o.error) for o in done]
    assert any(o.changed for o in done) == bool(tenant.writes)
    for expected, real in zip(predicted, done, strict=True):
        event(real.action)
        # A new instance may have the desired scope already: the tenant decides what it begins with.
        assert expected.actions in (real.actions, [*real.actions, "scope"])
        if expected.data_source is not None and real.action != "deleted":
            assert comparable(real.data_source, expected.data_source) == comparable(expected.data_source, expected.data_source)
        elif real.error is None:
            assert expected.data_source == real.data_source


@SLOW
@given(tenants(HONEST), items())
def test_prune_deletes_unlisted_instances_of_its_types_and_nothing_else(tenant: Direct, desired: list[Item]) -> None:
    types = tuple(sorted({i["type"] for i in desired if i["state"] != "absent"}))
    assume(types)
    before = tenant.shapes()
    done = run(tenant, desired, prune=Prune(types, 99))
    if isinstance(done, str):
        event("refused as a whole")
        assert tenant.shapes() == before
        return
    after = tenant.shapes()
    matched = {o.data_source["id"] if o.data_source else o.plan.id for o in done if not o.pruned and (o.data_source or o.plan.before)}
    failed = any(o.error is not None for o in done)
    for instance_id, shape in before.items():
        if not any(may_mean(i, shape) for i in desired):
            assert (instance_id in after) is (failed or shape["type"] not in types)
    assert {o.plan.id for o in done if o.pruned} == (set() if failed else {k for k, v in before.items() if v["type"] in types} - matched)


@SLOW
@given(tenants(ANY), items(), st.booleans())
def test_whatever_the_tenant_hides_only_what_items_ask_for_is_deleted(tenant: Direct, desired: list[Item], prune: bool) -> None:
    """No instance is deleted unasked, no repository deselected beyond max_deselect, no secret replaced by what stands for it."""
    before = tenant.shapes()
    types = tuple(sorted({i["type"] for i in desired if i["state"] != "absent"}))
    done = run(tenant, desired, prune=Prune(types, 99) if prune and types else None)
    after = tenant.shapes()
    if isinstance(done, str):
        assert after == before
        return
    for instance_id, old in before.items():
        # Where no host is shown, an item means the one instance that has its name, and the user is warned.
        shown = old if tenant.switches.domain_shown else {**old, "domain": {}}
        matched, new = [i for i in desired if may_mean(i, shown)], after.get(instance_id)
        if new is None:
            another = any(len([o for o in before.values() if may_mean(i, o)]) > 1 for i in matched)
            assert any(i["state"] == "absent" for i in matched) or (prune and old["type"] in types and (another or not matched))
            continue
        if "********" in str(new["uniqueProperties"]):
            raise AssertionError(f"a mask was sent: {new}")
        lost = set(old["state"]) - set(new["state"])
        assert any(i["max_deselect"] in (-1, *range(len(lost), 99)) for i in matched) or not lost, (old, new)


# Which instance an item refers to


@st.composite
def crowds(draw: st.DrawFn) -> list[dict[str, Any]]:
    kinds = st.tuples(st.sampled_from(["SNYK", "JENKINS"]), st.sampled_from([None, "a", "b"]), st.sampled_from([None, "one", "two"]))
    crowd = []
    for n, (kind, name, host) in enumerate(draw(st.lists(kinds, max_size=6))):
        raw: dict[str, Any] = {"id": str(n), "type": kind, "uniqueProperties": {"team": "x"}}
        if name:
            where = draw(st.sampled_from(["name", "displayName", "uniqueProperties"]))
            raw.update({"uniqueProperties": {"team": "x", "name": name}} if where == "uniqueProperties" else {where: name})
        crowd.append({**raw, **({"domain": {"hostname": host}} if host else {})})
    return crowd


def full(raws: list[dict[str, Any]]) -> list[Instance]:
    return [Instance(raw, full=True) for raw in raws]


@given(crowds(), st.randoms(use_true_random=False))
def test_an_exported_item_means_its_own_instance(crowd: list[dict[str, Any]], random: Any) -> None:
    configs = as_configs([{**from_api(raw), "complete": True} for raw in crowd])
    shuffled = random.sample(crowd, len(crowd))
    for raw, config in zip(crowd, configs, strict=True):
        if "id" in config:
            assert config["id"] == raw["id"]
            continue
        found = match(config, full(shuffled))
        assert found.instance is not None, config
        assert found.instance.id == raw["id"]
        assert found.warning == ""


@given(
    crowds(),
    st.fixed_dictionaries(
        {"type": st.just("SNYK")}, optional={"name": st.sampled_from(["a", "c"]), "domain": st.just({"hostname": "ONE"})}
    ),
)
def test_the_order_of_the_list_does_not_matter(crowd: list[dict[str, Any]], item: Item) -> None:
    def result_of(order: list[dict[str, Any]]) -> Any:
        try:
            result = match(item, full(order))
        except InputError:
            return "several"
        return result.instance and result.instance.id, bool(result.undetermined), bool(result.warning)

    assert result_of(crowd) == result_of(crowd[::-1])


@given(crowds(), st.fixed_dictionaries({"type": st.just("SNYK"), "name": st.sampled_from(["a", "b"])}))
def test_an_instance_that_shows_another_name_or_host_is_never_matched(crowd: list[dict[str, Any]], item: Item) -> None:
    for desired in (item, {**item, "domain": {"hostname": "one"}}):
        try:
            result = match(desired, full(crowd))
        except InputError:
            continue
        if result.instance:
            shown = result.instance.reported
            assert shown["type"] == "SNYK"
            assert shown.get("name") in (None, item["name"])
            assert shown.get("domain", desired.get("domain")) == desired.get("domain") or "domain" not in desired


@pytest.mark.parametrize("where", ["name", "displayName", "uniqueProperties"])
def test_a_name_is_found_in_every_member_that_may_have_it(where: str) -> None:
    """Also where the tenant shows another one beside it."""
    raw: dict[str, Any] = {"id": "1", "type": "SNYK", "name": "x", "displayName": "y", "uniqueProperties": {"name": "z"}}
    desired = raw["uniqueProperties"]["name"] if where == "uniqueProperties" else raw[where]
    result = match({"type": "SNYK", "name": desired}, full([raw]))
    assert result.instance is not None
    assert result.instance.raw == raw
