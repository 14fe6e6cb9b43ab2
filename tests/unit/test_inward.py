# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a tenant shows: no traceback, no lost result of another item, and nothing is sent that came from neither tenant nor user."""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_tenant import CORE, FULL, ITEMS, OPERATIONS, OWN, PATHS, WRONG, Tenant, tenant_of, told, words
from published_tenant import DEFAULTS

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._admitted import unreadable_within
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.evidence import Evidence
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.report import audit
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import (
    create,
    lost,
    results,
    view,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import item_from
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.find import fetch_data_sources
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.prune import Prune
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import CortexError, InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.call import Response
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repositories import (
    Filters,
    fetch_repositories,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_settings import (
    body_of,
    changes_of,
    current_of,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._tenant import examine
from starting import IN_CI


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0,))
    monkeypatch.setattr(create, "LOOK_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(lost, "FIRST_PAUSE", 0.0)


def brought(tenant: Tenant, wish: str, operation: str) -> None:
    """Run one item next to a sound one, and check what must be true whatever the tenant shows."""
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
    result = results.results_of(run, outcomes, diff=True)
    assert "unexpected response" not in told(result), result["msg"]
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


def test_each_item_reaches_its_state_if_the_tenant_is_sound() -> None:
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
        shown = results.inventory(found, "tenant.example.com", config=True)
        told(shown)
        shown["data_file"].encode()
    try:
        told(examine(api))
    except CortexError as exc:
        told(exc.as_result())


CASES = list(itertools.product(OPERATIONS, PATHS, range(len(WRONG))))


@pytest.mark.skipif(not IN_CI, reason="each field x each wrong value x each answer takes minutes: set CI=true; the short form is below")
@pytest.mark.parametrize("wish", [*ITEMS, "prune", "read"])
def test_each_wrong_value_in_each_field_of_each_response(wish: str) -> None:
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
def test_any_json_in_any_field_of_any_response(operation: str, path: tuple[str, ...], value: Any, wish: str) -> None:
    brought(tenant_of(operation, path, value), wish, operation)
    read_by_all(tenant_of(operation, path, value))


@settings(max_examples=3000 if IN_CI else 30)
@given(st.sampled_from(OPERATIONS), JSON, st.sampled_from([*ITEMS, "prune"]))
def test_any_json_as_any_response(operation: str, body: Any, wish: str) -> None:
    tenant = tenant_of("none", ("id",), None)
    tenant.odd = lambda asked, raw: body if asked == operation and raw["id"] in ("1", "9") else raw
    brought(tenant, wish, operation)
    read_by_all(tenant)


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
        tenant.send = lambda _call, pages=pages: Response(200, next(pages), None)  # type: ignore[method-assign, misc]
        found, whole = fetch_repositories(Api(tenant), Filters(), repository_id=None, search=None)  # type: ignore[arg-type]
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
