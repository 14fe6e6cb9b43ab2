# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a tenant shows: no traceback, no other item's result lost, and nothing sent that neither the tenant showed nor the user gave."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_tenant import DEFAULTS, NOWHERE, Quiet

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._admitted import unreadable_within
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.evidence import Evidence
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.report import audit
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import apply, lost, report, view
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import item_from
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.find import fetch_data_sources
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.prune import Prune
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError, CortexError, InputError, TenantError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.client import Answer, Call
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import Redactor
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repositories import Wanted, fetch_repositories
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_settings import body_of, changes_of, current_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._tenant import examine
from starting import IN_CI

Raw = dict[str, Any]
HALF, DEEP = "cut \ud83d", [[[]]]
for _layer in range(100):
    DEEP = [DEEP]
WRONG: list[Any] = [
    None, True, 5, -1, 5.5, float("nan"), float("inf"), 10**400, "", " ", "x", HALF, [], {}, [5], [None], [HALF], [{"id": "r1"}], [[]],
    {"__ansible_type": "x"}, {"x": {"__ansible_unsafe": 1}}, {"x": HALF}, {"x": []}, {"x": 10**400}, {HALF: "x"}, DEEP, {"x": DEEP},
    "5000", 5000.0, " 5000 ", ["a/1", 5], {"a": {"status": [], "message": {}}},
]  # fmt: skip
FULL: Raw = {
    "id": "1", "type": "GITLAB_SELF_MANAGED", "name": "core", "displayName": "Core", "uniqueIdentifier": "gl-core", "status": "CONNECTED",
    "domain": {"hostname": "git.example.com", "protocol": "https"}, "transporter": {"brokerDeviceId": "b", "connectionName": "c"},
    "selfSignedCertificate": "PEM", "selectionType": "MANUAL_SELECTION", "state": ["a/1", "a/2"], "repositoriesCount": 2,
    "externalProjects": [{"externalProjectId": "p", "externalId": "e", "externalBranchName": "m", "repoId": "r", "branchName": "b"}],
    "uniqueProperties": {"name": "core", "team": "blue"}, "statusDetails": {"connection": {"status": "VALID"}},
    "scanTypes": {"sast": {"isEnabled": True}}, "tenantId": "t", "apiUrl": "https://api.example.com/c/1", "creationDate": "2025-01-01",
    "createdAt": "2025-01-01", "lastUpdateDate": "2025-01-01", "updatedAt": "2025-01-01", "detectionMethod": "SAST", "fileType": "SARIF",
    "credentials": {"webhookAuthKey": "the-token", "webhookAuthKeyId": "1"}, "instanceVersion": "1", "typeCategory": "DEFAULT",
}  # fmt: skip
SOUND: Raw = {**FULL, "id": "2", "type": "SNYK", "name": "sound", "uniqueIdentifier": "sound", "displayName": "sound", "state": ["s/1"],
              "repositoriesCount": 1, "uniqueProperties": {"name": "sound"}, "externalProjects": [], "domain": None}  # fmt: skip


def paths(raw: Raw) -> Iterator[tuple[str, ...]]:
    for member, value in raw.items():
        yield (member,)
        for inner in value if isinstance(value, dict) else ():
            yield (member, inner)


PATHS = [*paths(FULL), ("externalProjects", "0", "repoId"), ("externalProjects", "0", "externalId"), ("state", "0")]


def placed(raw: Raw, path: tuple[str, ...], value: Any) -> Raw:
    """The instance with a value in the place of what is there."""
    changed = copy.deepcopy(raw)
    holder: Any = changed
    for key in path[:-1]:
        holder = holder[int(key)] if isinstance(holder, list) else holder.get(key)
        if not isinstance(holder, (dict, list)) or (isinstance(holder, list) and not holder):
            return changed
    if isinstance(holder, list):
        holder[int(path[-1])] = value
    else:
        holder[path[-1]] = value
    return changed


@dataclasses.dataclass
class Tenant(Quiet):
    """A client whose tenant shows what a test gives: odd(operation, instance) is what each answer about one shows."""

    held: dict[str, Raw]
    odd: Callable[[str, Raw], Any]
    sent: list[tuple[str, str, Any]] = dataclasses.field(default_factory=list)
    seen: list[Any] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(NOWHERE)
        self.waits: Raw = {}

    def origin(self) -> str:
        return "https://tenant.example.com"

    def quoted(self, words: str, _body: str) -> str:
        return words

    def send(self, call: Call) -> Answer:
        if call.body is not None:
            json.loads(call.payload() or b"")
        number = unquote(call.path.rpartition("/")[2])
        if call.method == "GET" and number == "data_source_instances":
            return self._say({"data": [self.odd("list", copy.deepcopy(one)) for one in self.held.values()]})
        if call.method == "POST":
            self.sent.append(("POST", "", call.body))
            made = {**copy.deepcopy(FULL), "id": "9", "type": call.body["type"], "state": [], "repositoriesCount": 0}
            made["externalProjects"] = []
            made["uniqueProperties"] = call.body.get("uniqueProperties", {})
            made["name"] = made["uniqueIdentifier"] = made["uniqueProperties"].get("name")
            self.held["9"] = made
            return self._say(self.odd("create", copy.deepcopy(made)))
        if number not in self.held:
            raise ApiError(call.operation, call.subject, method=call.method, path=call.path, status=404)
        if call.method == "GET":
            return self._say(self.odd("get", copy.deepcopy(self.held[number])))
        self.sent.append((call.method, number, call.body))
        if call.method == "DELETE":
            del self.held[number]
            return Answer(200, None, None)
        self.held[number] = {**self.held[number], **copy.deepcopy(call.body), "repositoriesCount": len(call.body.get("state", []))}
        return self._say(self.odd("update", copy.deepcopy(self.held[number])))

    def _say(self, body: Any) -> Answer:
        self.seen.append(body)
        return Answer(200, body, None)


def tenant_of(operation: str, path: tuple[str, ...], value: Any) -> Tenant:
    """One that shows instance 1, or what was created, with the value there in the answers to an operation."""

    def odd(asked: str, raw: Raw) -> Any:
        return placed(raw, path, value) if asked == operation and raw["id"] in ("1", "9") else raw

    return Tenant({"1": copy.deepcopy(FULL), "2": copy.deepcopy(SOUND)}, odd)


# Each beside an item for the other instance, which must come to its end.
MANUAL = {"selection_type": "MANUAL_SELECTION"}
CORE: Raw = {"type": "GITLAB_SELF_MANAGED", "name": "core"}
ITEMS: dict[str, Raw] = {
    "merge": {**CORE, "repositories": ["b/new"]},
    "exact": {**CORE, "repositories": ["a/1"], "repositories_mode": "exact"},
    "rules": {**CORE, "scope_rules": [{"include": "b/*"}], "scope_candidates": ["b/new"]},
    "narrow": {**CORE, "selection_type": "MANUAL_SELECTION"},
    "widen": {**CORE, "selection_type": "CURRENT_STATE_AND_FUTURE"},
    "settings": {**CORE, "unique_properties": {"team": "red"}},
    "mappings": {**CORE, "external_projects": [{"external_id": "given", "repo_id": "given"}]},
    "host": {"type": "GITLAB_SELF_MANAGED", "domain": {"hostname": "git.example.com"}, "repositories": ["b/new"]},
    "by id": {"id": "1", "repositories": ["b/new"], "wait": True, "wait_timeout": 0.0},
    "recreate": {"type": "SNYK", "name": "core", "id": "1", "recreate": "when_immutable_differs", "credentials": {"token": "given"}},
    "absent": {**CORE, "state": "absent"},
    "absent by id": {**CORE, "id": "1", "state": "absent"},
    "collector": {"type": "COLLECTOR", "name": "given", "return_credentials": True, **MANUAL, "repositories": ["b/new"]},
    "new": {"type": "SNYK", "name": "given", **MANUAL, "repositories": ["b/new"], "unique_properties": {"k": "given"}},
}
OPERATIONS = ("list", "get", "create", "update")
# What the collection may say by itself.
OWN = {"CURRENT_STATE", "CURRENT_STATE_AND_FUTURE", "MANUAL_SELECTION", "https", "SAST", "SARIF"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "SETTLE_PAUSES", (0.0,))
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0,))
    monkeypatch.setattr(apply, "LOOK_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(lost, "FIRST_PAUSE", 0.0)


def words(value: Any) -> Iterator[str]:
    """Every text and every key in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        yield from itertools.chain.from_iterable(map(words, value.values()))
    elif isinstance(value, list) and value is not DEEP:
        yield from itertools.chain.from_iterable(map(words, value))


def told(result: Raw) -> str:
    """The result as a controller gets it."""
    text = json.dumps(Redactor().value(result))
    assert "__ansible_" not in text.replace("\\\\u005f_ansible_", "")
    assert not any(0xD800 <= ord(char) < 0xE000 for char in str(words(result)))
    return text


def brought(tenant: Tenant, wish: str, operation: str) -> None:
    """Run one item beside a sound one, and hold what must be so whatever the tenant shows."""
    other = {"type": "SNYK", "name": "sound", "selection_type": "MANUAL_SELECTION", "repositories": ["s/new"]}
    prune = Prune(("GITLAB_SELF_MANAGED", "SNYK")) if wish == "prune" else None
    given_items = [other, *([{**CORE, "name": "kept", "id": "77"}] if prune else [ITEMS[wish]])]
    if prune:
        tenant.held["77"] = {**copy.deepcopy(FULL), "id": "77", "name": "kept", "uniqueIdentifier": "kept", "uniqueProperties": {}}
    items = [item_from({**DEFAULTS, **item}) for item in given_items]
    run = Run(Api(tenant), check_mode=False, prune=prune)  # type: ignore[arg-type]
    try:
        outcomes = run.apply(items)
    except CortexError as exc:
        told(exc.as_result())
        if tenant.sent:
            raise AssertionError(f"{exc}: {tenant.sent}") from exc
        return
    result = report.results_of(run, outcomes, diff=True)
    assert "unexpected answer" not in told(result), result["msg"]
    assert outcomes[0].error is None, outcomes[0].error
    assert ("PUT", "2") in [(method, number) for method, number, _body in tenant.sent]
    if wish == "collector" and any(method == "POST" for method, _n, _b in tenant.sent):
        said = str(outcomes[1].error)
        assert outcomes[1].collector_credentials or "token" in said or "nothing is left of it" in said
    sayable = {*OWN, *words(tenant.seen), *words(given_items), *map(str, FULL)}
    for method, number, body in tenant.sent:
        assert method == "DELETE" or set(words(body)) <= sayable, (method, set(words(body)) - sayable)
        if method == "PUT" and number == "1" and wish in ("merge", "by id", "host", "settings", "mappings", "widen"):
            for member in ("state", "externalProjects"):
                # Nothing that is there may be lost by what was read.
                if operation == "get" and member in body:
                    kept = {json.dumps(v, sort_keys=True) for v in body[member]}
                    assert {json.dumps(v, sort_keys=True) for v in FULL[member]} <= kept or _shown(tenant, member), body


def _shown(tenant: Tenant, member: str) -> bool:
    """Whether the tenant showed this of instance 1 in a form that can be read."""
    value = next(body.get(member) for body in tenant.seen if isinstance(body, dict) and body.get("id") == "1")
    return isinstance(value, list) and all(isinstance(v, (str, dict)) for v in value)


def test_what_is_sound_is_brought_to_its_state_by_each_item() -> None:
    for wish in (*ITEMS, "prune"):
        tenant = tenant_of("none", ("id",), None)
        brought(tenant, wish, "none")
        assert len(tenant.sent) > (wish != "narrow"), wish


def read_by_all(tenant: Tenant) -> None:
    """Everything that only reads."""
    api = Api(tenant)  # type: ignore[arg-type]
    host = {"hostname": "git.example.com", "status": ["CONNECTED"]}
    for filters in ({}, {"type": ["SNYK"]}, host, {"stage": "code", "name": "core"}, {"id": "1"}):
        try:
            found = fetch_data_sources(api, filters, details=True)
        except CortexError as exc:
            told(exc.as_result())
            continue
        listing = report.listing(found, "tenant.example.com", config=True)
        told(listing)
        listing["data_file"].encode()
    try:
        told(examine(api))
    except CortexError as exc:
        told(exc.as_result())


CASES = list(itertools.product(OPERATIONS, PATHS, range(len(WRONG))))


@pytest.mark.skipif(not IN_CI, reason="each field x each wrong value x each answer takes minutes: set CI=true; the short form is below")
@pytest.mark.parametrize("wish", [*ITEMS, "prune", "read"])
def test_each_wrong_value_in_each_field_of_each_answer(wish: str) -> None:
    for operation, path, number in CASES:
        tenant = tenant_of(operation, path, WRONG[number])
        try:
            if wish == "read":
                if operation in ("list", "get"):
                    read_by_all(tenant)
            elif operation != "create" or wish in ("collector", "new", "recreate"):
                brought(tenant, wish, operation)
        except Exception as exc:
            raise AssertionError(f"{wish}: {path} of {operation} is {str(WRONG[number])[:80]!r}") from exc


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WRONG[:-5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from([*FULL, "__ansible_x"]), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=3000 if IN_CI else 40)
@given(st.sampled_from(OPERATIONS), st.sampled_from(PATHS), JSON, st.sampled_from([*ITEMS, "prune"]))
def test_any_json_in_any_field_of_any_answer(operation: str, path: tuple[str, ...], value: Any, wish: str) -> None:
    brought(tenant_of(operation, path, value), wish, operation)
    read_by_all(tenant_of(operation, path, value))


@settings(max_examples=3000 if IN_CI else 30)
@given(st.sampled_from(OPERATIONS), JSON, st.sampled_from([*ITEMS, "prune"]))
def test_any_json_as_any_answer(operation: str, body: Any, wish: str) -> None:
    tenant = tenant_of("none", ("id",), None)
    tenant.odd = lambda asked, raw: body if asked == operation and raw["id"] in ("1", "9") else raw
    brought(tenant, wish, operation)
    read_by_all(tenant)


# --- the guards ---


def planned(item: Raw, **shown: Any) -> tuple[Any, list[tuple[str, str, Any]]]:
    """What became of an item where reads by id and the list show instance 1 with these members; None: without them."""
    changed = {k: v for k, v in {**FULL, **shown}.items() if v is not None}
    tenant = Tenant({"1": changed}, lambda asked, raw: {**raw, "state": []} if asked == "list" else raw)
    return Run(Api(tenant), check_mode=False).apply([item_from({**DEFAULTS, **item})])[0], tenant.sent  # type: ignore[arg-type]


COUNTS = ["5000", 5000.0, " 5000 ", "5000.0", 5000, "many", -1, [], {}, True, 5.5, float("inf"), 10**400, "5,000", "5e3"]


@pytest.mark.parametrize("count", COUNTS)
def test_a_count_in_any_form_guards_a_partial_read_and_one_that_nobody_can_read_too(count: Any) -> None:
    outcome, sent = planned({**CORE, "repositories": ["b/new"]}, repositoriesCount=count)
    assert (outcome.action, sent) == ("failed", [])
    assert "5000 repositories are selected but names 2" in outcome.error or "cannot be read how many" in outcome.error
    outcome, sent = planned({**CORE, "repositories": ["b/new"], "max_deselect": -1}, repositoriesCount=count)
    assert (outcome.error, len(sent)) == (None, 1)


@pytest.mark.parametrize("count", ["2", 2.0, " 2 ", "2.0"])
def test_a_count_that_fits_the_list_lets_it_be_changed(count: Any) -> None:
    outcome, sent = planned({**CORE, "repositories": ["b/new"]}, repositoriesCount=count)
    assert (outcome.error, sent[0][2]["state"]) == (None, ["a/1", "a/2", "b/new"])


@pytest.mark.parametrize("limit", [10, -1])
@pytest.mark.parametrize("wish", ["merge", "exact", "rules", "settings", "mappings", "widen"])
@pytest.mark.parametrize("state", [[{"id": "r1", "name": "a/1"}], ["a/1", None], [["a/1"]], ["a/1", 5], {"a/1": True}, "a/1", [HALF]])
def test_a_list_that_is_no_list_of_text_is_never_replaced(state: Any, wish: str, limit: int) -> None:
    for count in (2, None):
        outcome, sent = planned({**ITEMS[wish], "max_deselect": limit}, state=state, repositoriesCount=count)
        assert (outcome.action, sent) == ("failed", [])


@pytest.mark.parametrize("wish", ["merge", "settings", "mappings"])
@pytest.mark.parametrize("mappings", [["p"], [None], *([{"externalId": v}] for v in ([], {}, 5, HALF)), "p", {}])
def test_mappings_that_cannot_be_read_are_never_replaced(mappings: Any, wish: str) -> None:
    outcome, sent = planned({**ITEMS[wish], "external_projects_mode": "exact", "max_deselect": -1}, externalProjects=mappings)
    assert (outcome.action, sent) == ("failed", [])
    assert "externalProjects in a form that cannot be read" in outcome.error


@pytest.mark.parametrize("settings_", [[], "x", 5, {"__ansible_type": "x"}, *({"x": v} for v in (HALF, [float("nan")], DEEP, 10**400))])
def test_settings_that_cannot_be_read_are_never_replaced(settings_: Any) -> None:
    assert planned(ITEMS["settings"], uniqueProperties=settings_)[1] == []
    for wish in ("merge", "mappings"):
        outcome, sent = planned(ITEMS[wish], uniqueProperties=settings_)
        assert (outcome.action, sent) == ("failed", [])
        assert "uniqueProperties in a form that cannot be read" in outcome.error


@pytest.mark.parametrize("held", ["current_state_and_future", "ALL", "CURRENT_STATE_AND_FUTURE ", None, " current_state\n", 5, []])
def test_from_an_unknown_width_nothing_is_narrowed_unless_that_is_meant(held: Any) -> None:
    words_for_it = ({"selection_type": word} for word in ("manual_selection", "SOME_NEW_WORD"))
    for wanted in (MANUAL, {**MANUAL, "repositories": ["a/1"]}, *words_for_it):
        outcome, sent = planned({**CORE, **wanted}, selectionType=held)
        assert (outcome.action, sent) == ("failed", [])
        assert "narrow" in outcome.error
        if wanted == MANUAL and not isinstance(held, (int, list)):
            assert planned({**CORE, **wanted, "max_deselect": -1}, selectionType=held)[0].error is None


@pytest.mark.parametrize("held", ["manual_selection", " MANUAL_SELECTION ", "Manual_Selection"])
def test_another_spelling_of_the_same_width_is_no_change(held: str) -> None:
    assert planned({**CORE, **MANUAL}, selectionType=held)[1] == []


@pytest.mark.parametrize("wish", ["absent", "absent by id", "prune"])
@pytest.mark.parametrize(
    "read", [{"type": "BITBUCKET"}, {"uniqueIdentifier": "other"}, {"domain": {"hostname": "other.example.com"}},
             {"name": "x", "displayName": "y", "uniqueProperties": {"name": "z"}}]
)  # fmt: skip
def test_nothing_is_deleted_of_which_the_list_and_a_read_say_different_things(wish: str, read: Raw) -> None:
    tenant = tenant_of("none", ("id",), None)
    tenant.odd = lambda asked, raw: {**raw, **read} if asked == "get" and raw["id"] == "1" else raw
    item = {"type": "GITLAB_SELF_MANAGED", "name": "kept", "id": "77"} if wish == "prune" else ITEMS[wish]
    kept = dict.fromkeys(("name", "displayName", "uniqueIdentifier"), "kept")
    tenant.held["77"] = {**copy.deepcopy(FULL), **kept, "id": "77", "uniqueProperties": {}}
    run = Run(Api(tenant), check_mode=False, prune=Prune(("GITLAB_SELF_MANAGED",)) if wish == "prune" else None)  # type: ignore[arg-type]
    try:
        error = run.apply([item_from({**DEFAULTS, **item})])[0].error
    except TenantError as exc:
        error = str(exc)
    assert "not deleted" in str(error)
    assert tenant.sent == []


# --- a fault of ours ---


def test_a_fault_with_one_answer_is_that_items_failure_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = tenant_of("none", ("id",), None)
    whole = Api.update_data_source

    def faulty(api: Api, instance_id: str, body: Raw, subject: str = "") -> None:
        whole(api, instance_id, body, subject)
        if instance_id == "1":
            raise RecursionError("{{ secret }}")

    monkeypatch.setattr(Api, "update_data_source", faulty)
    given_items = [ITEMS["merge"], ITEMS["collector"], {"type": "SNYK", "name": "sound", **MANUAL, "repositories": ["s/new"]}]
    run = Run(Api(tenant), check_mode=False)  # type: ignore[arg-type]
    outcomes = run.apply([item_from({**DEFAULTS, **item}) for item in given_items])
    result = report.results_of(run, outcomes, diff=True)
    assert [o.error is None for o in outcomes] == [False, True, True]
    assert result["released"]["collector_credentials"][0]["token"] == "the-token"
    assert 'GITLAB_SELF_MANAGED "core": an unexpected answer of the tenant' in result["msg"]
    assert "RecursionError at test_inward.py:" in result["msg"]
    assert "secret" not in result["msg"]
    assert "\n" not in result["msg"]


def test_a_row_that_cannot_be_told_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = tenant_of("none", ("id",), None)
    run = Run(Api(tenant), check_mode=False)  # type: ignore[arg-type]
    outcomes = run.apply([item_from({**DEFAULTS, **ITEMS[wish]}) for wish in ("merge", "collector")])
    outcomes[0].data_source = {"repositories": 5}
    result = report.results_of(run, outcomes, diff=True)
    assert [row["action"] for row in result["data_sources"]] == ["failed", "created"]
    assert result["released"]["collector_credentials"][0]["token"] == "the-token"
    assert result["failed"] is True


# --- other readers ---

REPOSITORY_MEMBERS = [
    "id", "name", "owner", "url", "source", "integrationId", "organizationId", "isSelected", "isArchived", "lastScanDate", "scannedBranch",
    "scannedBranches", "status", "scanConfiguration",
]  # fmt: skip


@settings(max_examples=1000 if IN_CI else 30)
@given(JSON, st.sampled_from(REPOSITORY_MEMBERS))
def test_any_json_in_any_field_of_a_repository(value: Any, member: str) -> None:
    sound: dict[str, Any] = {**dict.fromkeys(REPOSITORY_MEMBERS), "id": "1", "name": "n", "owner": "o", "url": "https://h/o/n"}
    sound["scannedBranches"] = [{"name": "main", "isPrimary": True}]
    tenant = Tenant({}, lambda _asked, raw: raw)
    for body in ({**sound, member: value}, value):
        pages = iter([{"data": [body, {**sound, "id": "2"}]}, {"data": []}])
        tenant.send = lambda _call, pages=pages: Answer(200, next(pages), None)  # type: ignore[method-assign, misc]
        found, whole = fetch_repositories(Api(tenant), Wanted(), repository_id=None, search=None)  # type: ignore[arg-type]
        assert "2" in [row["id"] for row in found]
        told({"repositories": found, "whole": whole})
        # What the audit and the module repository make of it.
        evidence = Evidence("t", "h", "2026-11-22", [], known=found, repositories=["o/n"], receipts=[])
        told(audit(evidence))
        for row in found:
            current = current_of(row)
            for wanted in ({"primary_branch": "main"}, {"scan_configuration": {"scanners": {"sca": {"is_enabled": False}}}}):
                with contextlib.suppress(InputError):
                    changes = changes_of(wanted, current, "n")
                    assert not unreadable_within(body_of(changes.get("scan_configuration", {})))
                    assert not unreadable_within(changes.get("scanned_branches", []))
