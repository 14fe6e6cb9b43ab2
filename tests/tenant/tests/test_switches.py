# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each switch, one test of its values. `test_every_switch_is_tested` fails for a switch without one."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tenant.server import EmbeddedTenant
from tenant.switches import PROFILES, SWITCHES, SwitchError

from .calling import COLLECTOR, GITLAB, INSTANCES, OLDER, REPOSITORIES, SCOPE, Caller


@pytest.fixture
def tenant(make_tenant: Callable[..., EmbeddedTenant]) -> EmbeddedTenant:
    """With the older readings, against which most of these tests were written."""
    return make_tenant(profile=OLDER)


TESTED_ELSEWHERE = {
    "certificate": "test_faults",
    **dict.fromkeys(("fields", "count", "timestamps", "status_words", "ids", "identifier_given", "requests", "category_filter", "creatable",
                     "initial_selection"), "test_switches_published"),
    "clock_offset": "test_auth", "clock_skew": "test_auth", "licensed": "test_auth", "validate_body": "test_auth",
    "rate": "test_rate", "rate_window": "test_rate", "window": "test_rate", "retry_after": "test_rate",
    "repositories_page": "test_repositories", "offset": "test_repositories", "repositories_readable": "test_repositories",
    "unscanned_list": "test_repositories",
    "uploads": "test_upload", "upload_status": "test_upload", "upload_body": "test_upload", "missing_level": "test_upload",
    "upload_limit": "test_upload", "oversize_status": "test_upload", "unknown_repository_status": "test_upload",
    "any_repository": "test_upload", "ingestion": "test_upload", "upload_page": "test_upload", "disabled_upload": "test_upload",
    "generation": "test_published",
}
WRAP: dict[str, Callable[[Any], Any]] = {
    "root": lambda value: value,
    "bare": lambda value: value,
    "data": lambda value: {"data": value},
    "reply": lambda value: {"reply": value},
    "reply_data": lambda value: {"reply": {"data": value}},
    "repositories": lambda value: {"repositories": value},
}


def test_every_switch_is_tested() -> None:
    here = Path(__file__)
    for name in SWITCHES:
        source = here.with_name(f"{TESTED_ELSEWHERE.get(name, 'test_switches')}.py").read_text(encoding="utf-8")
        assert re.search(rf"\b{name}=", source), f"no test sets the switch {name}"


def test_an_unknown_switch_or_value_is_refused_with_the_choices(tenant: EmbeddedTenant) -> None:
    before = tenant.switches
    with pytest.raises(SwitchError, match="no switch named 'ofset'; did you mean offset"):
        tenant.set(list_fields="all", ofset="ignored")
    with pytest.raises(SwitchError, match="switch offset: 'off' is not one of 'honoured', 'ignored'"):
        tenant.set(offset="off")
    with pytest.raises(SwitchError, match="switch rate: 0 is not a number, not below 1"):
        tenant.set(rate=0)
    with pytest.raises(SwitchError, match="no profile named 'strict'; known: published, guide, default, awkward"):
        EmbeddedTenant(profile="strict")
    assert tenant.switches == before


@pytest.mark.parametrize(("name", "text", "value"), [
    ("read_only", "true", True), ("create_status", "200", 200), ("duplicate_create", "400", "400"), ("rate", "50", 50),
    ("clock_offset", "-7.5", -7.5),
])
def test_values_may_be_text(tenant: EmbeddedTenant, name: str, text: str, value: object) -> None:
    tenant.set(**{name: text})
    assert tenant.switches[name] == value
    assert type(tenant.switches[name]) is type(value)


def test_reset_goes_back_to_the_start(make_tenant: Callable[..., EmbeddedTenant]) -> None:
    tenant = make_tenant(profile="awkward", settle=1)
    tenant.set(settle=0, put_omitted="keep")
    tenant.add_collector("semgrep")
    tenant.add_repository("shop/web")
    tenant.seed([{"owner_and_name": "shop/seeded", "default_branch": "trunk"}])
    Caller(tenant).get(INSTANCES)
    tenant.reset()
    assert (tenant.switches["settle"], tenant.switches["put_omitted"]) == (1, "clear")
    assert (tenant.instances, tenant.journal, tenant.state.tokens) == ({}, [], {})
    assert [asset["fullRepositoryName"] for asset in tenant.state.repositories.values()] == ["shop/seeded"]


def test_tenants_are_independent(make_tenant: Callable[..., EmbeddedTenant]) -> None:
    one, other = make_tenant(), make_tenant(offset="ignored")
    one.add_instance("GITHUB", name="web")
    assert (other.instances, one.switches["offset"]) == ({}, "honoured")
    assert not {key.key for key in one.keys.values()} & {key.key for key in other.keys.values()}
    assert Caller(other).raw("GET", INSTANCES, Caller(one).headers()).status_code == 401


# -- the guard


def test_read_only(tenant: EmbeddedTenant, admin: Caller) -> None:
    instance_id = tenant.add_instance("GITHUB", name="web")
    tenant.set(read_only=True)
    assert admin.post(INSTANCES, GITLAB).status_code == 403
    assert admin.raw("DELETE", f"{INSTANCES}/{instance_id}", {}).status_code == 403
    assert admin.get(INSTANCES).status_code == 200
    assert admin.post("/api_keys/validate/", {}).status_code == 200
    assert [(entry.method, entry.status) for entry in tenant.write_attempts] == [("POST", 403), ("DELETE", 403)]
    assert list(tenant.instances) == [instance_id]
    tenant.set(read_only=False)
    assert admin.post(INSTANCES, GITLAB).status_code == 201
    assert len(tenant.write_attempts) == 2


def test_a_throttled_write_is_an_attempt_too(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.set(read_only=True, rate=1, rate_window=1000)
    assert [admin.post(INSTANCES, GITLAB).status_code for _unused in range(2)] == [403, 429]
    assert len(tenant.write_attempts) == 2


# -- envelopes and fields


@pytest.mark.parametrize("word", ["data", "bare", "reply", "reply_data"])
def test_list_envelope(tenant: EmbeddedTenant, admin: Caller, word: str) -> None:
    tenant.set(list_envelope=word)
    assert admin.get(INSTANCES).json() == WRAP[word]([])
    assert admin.get(REPOSITORIES).json() == WRAP[word]([])


@pytest.mark.parametrize("word", ["data", "bare", "reply", "reply_data", "repositories"])
def test_repositories_envelope(tenant: EmbeddedTenant, admin: Caller, word: str) -> None:
    tenant.set(repositories_envelope=word)
    assert admin.get(REPOSITORIES).json() == WRAP[word]([])
    assert admin.get(INSTANCES).json() == {"data": []}


@pytest.mark.parametrize("word", ["root", "data", "reply", "reply_data"])
def test_item_envelope(tenant: EmbeddedTenant, admin: Caller, word: str) -> None:
    asset, instance_id = tenant.add_repository("shop/web"), tenant.add_instance("GITHUB", name="web")
    repository, instance = admin.get(f"{REPOSITORIES}/{asset}").json(), admin.get(f"{INSTANCES}/{instance_id}").json()
    tenant.set(item_envelope=word, put_body="full")
    assert admin.get(f"{REPOSITORIES}/{asset}").json() == WRAP[word](repository)
    assert admin.get(f"{INSTANCES}/{instance_id}").json() == WRAP[word](instance)
    created = admin.post(INSTANCES, GITLAB).json()
    unwrapped = created if word == "root" else created["reply"]["data"] if word == "reply_data" else created[word]
    assert unwrapped["id"] in tenant.instances
    updated = admin.put(f"{INSTANCES}/{instance_id}", {}).json()
    assert updated == WRAP[word]({**instance, "updatedAt": tenant.instances[instance_id]["updatedAt"]})


@pytest.mark.parametrize(("fields", "state", "keys"), [
    ("no_state", [], None), ("all", ["shop/web"], None), ("minimal", [], {"id", "selectionType", "state", "repositoriesCount"}),
])
def test_list_fields(tenant: EmbeddedTenant, admin: Caller, fields: str, state: list[str], keys: set[str] | None) -> None:
    tenant.set(list_fields=fields)
    instance_id = tenant.add_instance("GITHUB", name="web", state=["shop/web"])
    full = admin.get(f"{INSTANCES}/{instance_id}").json()
    [item] = admin.get(INSTANCES).json()["data"]
    assert (item["state"], item["repositoriesCount"], full["state"]) == (state, 1, ["shop/web"])
    assert set(item) == (keys or set(full))


@pytest.mark.parametrize(("shown", "expected"), [
    ("echoed", {"name": "tfc", "region": "eu", "apiToken": "planted-secret", "hooks": [{"webhookSecret": "s", "tokenId": "7"}]}),
    ("masked", {"name": "tfc", "region": "eu", "apiToken": "********", "hooks": [{"webhookSecret": "********", "tokenId": "7"}]}),
    ("hidden", None),
])
def test_unique_properties(tenant: EmbeddedTenant, admin: Caller, shown: str, expected: object) -> None:
    tenant.set(unique_properties=shown, list_fields="all")
    sent = {"name": "tfc", "region": "eu", "apiToken": "planted-secret", "hooks": [{"webhookSecret": "s", "tokenId": "7"}]}
    instance_id = admin.create({"type": "HCP_TFC_RUN_TASKS", "uniqueProperties": sent})
    assert admin.get(f"{INSTANCES}/{instance_id}").json().get("uniqueProperties") == expected
    assert admin.get(INSTANCES).json()["data"][0].get("uniqueProperties") == expected
    assert tenant.instances[instance_id]["uniqueProperties"] == sent


@pytest.mark.parametrize(("where", "names"), [
    ("root", ("web", None)), ("display_name", (None, "web")), ("unique_properties", (None, None)),
])
def test_name_shown(tenant: EmbeddedTenant, admin: Caller, where: str, names: tuple[str | None, str | None]) -> None:
    tenant.set(name_shown=where)
    tenant.add_instance("GITHUB", name="web")
    [item] = admin.get(INSTANCES).json()["data"]
    assert (item.get("name"), item.get("displayName"), item["uniqueProperties"]["name"]) == (*names, "web")


@pytest.mark.parametrize("shown", [True, False])
def test_domain_shown(tenant: EmbeddedTenant, admin: Caller, shown: bool) -> None:
    tenant.set(domain_shown=shown)
    instance_id = tenant.add_instance("GITLAB_SELF_MANAGED", hostname="gitlab.example.com", protocol="https")
    for item in (admin.get(f"{INSTANCES}/{instance_id}").json(), *admin.get(INSTANCES).json()["data"]):
        assert item.get("domain") == ({"hostname": "gitlab.example.com", "protocol": "https"} if shown else None)


# -- filters


@pytest.mark.parametrize(("case", "upper", "lower", "hyphens"), [
    ("any", 200, 200, 422), ("upper", 200, 422, 422), ("lower", 422, 200, 422), ("hyphens", 422, 422, 200),
])
def test_type_filter_case(tenant: EmbeddedTenant, admin: Caller, case: str, upper: int, lower: int, hyphens: int) -> None:
    tenant.set(type_filter_case=case)
    words = ("AZURE_REPOS", "azure_repos", "azure-repos")
    assert [admin.get(INSTANCES, type=word).status_code for word in words] == [upper, lower, hyphens]


def test_type_filter_mismatch(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.add_collector("semgrep")
    tenant.set(type_filter_case="lower", type_filter_mismatch="empty")
    assert admin.get(INSTANCES, type="COLLECTOR").json() == {"data": []}
    assert len(admin.get(INSTANCES, type="collector").json()["data"]) == 1
    assert admin.get(INSTANCES, type="nonsense").status_code == 422


# -- creation


@pytest.mark.parametrize("status", [201, 200])
def test_create_status(tenant: EmbeddedTenant, admin: Caller, status: int) -> None:
    tenant.set(create_status=status)
    assert admin.post(INSTANCES, GITLAB).status_code == status


@pytest.mark.parametrize(("body", "keys"), [("full", {"type", "state"}), ("id", set())])
def test_create_body(tenant: EmbeddedTenant, admin: Caller, body: str, keys: set[str]) -> None:
    tenant.set(create_body=body)
    assert set(admin.post(INSTANCES, GITLAB).json()) & {"id", "type", "state"} == {"id"} | keys
    assert set(admin.post(INSTANCES, COLLECTOR).json()) >= {"id", "apiUrl", "tokenId", "apiToken"}


@pytest.mark.parametrize(("answer", "status", "count"), [("409", 409, 1), ("400", 400, 1), ("allow", 201, 2)])
def test_duplicate_create(tenant: EmbeddedTenant, admin: Caller, answer: str, status: int, count: int) -> None:
    tenant.set(duplicate_create=answer)
    admin.create(GITLAB)
    reply = admin.post(INSTANCES, {**GITLAB, "domain": {"hostname": "GitLab.example.com"}})
    assert (reply.status_code, len(tenant.instances)) == (status, count)
    assert "already exists" in reply.text or status == 201
    for different in ({"uniqueProperties": {"name": "other"}}, {"domain": {"hostname": "other.example.com"}}, {"type": "GITLAB"}):
        admin.create(GITLAB, **different)


@pytest.mark.parametrize(("rule", "status"), [("refuse", 422), ("accept", 201)])
def test_unknown_type(tenant: EmbeddedTenant, admin: Caller, rule: str, status: int) -> None:
    tenant.set(unknown_type=rule)
    assert admin.post(INSTANCES, {"type": "CHECKMARX_ONE"}).status_code == status
    assert admin.post(INSTANCES, {"type": "Checkmarx One"}).status_code == 422
    assert admin.get(INSTANCES, type="CHECKMARX_ONE").status_code == (422 if rule == "refuse" else 200)


@pytest.mark.parametrize(("rule", "status"), [("refuse", 422), ("accept", 201)])
@pytest.mark.parametrize("kind", ["AWS_CODE_COMMIT", "CORTEX_CLI"])
def test_self_registering(tenant: EmbeddedTenant, admin: Caller, kind: str, rule: str, status: int) -> None:
    tenant.set(self_registering=rule)
    assert admin.post(INSTANCES, {"type": kind}).status_code == status


@pytest.mark.parametrize("kind", ["GITHUB", "GITHUB_ENTERPRISE", "GITLAB", "GITLAB_SELF_MANAGED", "BITBUCKET", "AZURE_REPOS"])
def test_consent(tenant: EmbeddedTenant, admin: Caller, kind: str) -> None:
    tenant.set(consent="required")
    path = f"{INSTANCES}/{admin.create({'type': kind})}"
    assert admin.get(path).json()["status"] == "PENDING"
    refused = admin.put(path, SCOPE)
    assert refused.status_code == 422
    assert "authorization is not finished" in refused.text
    tenant.grant_consent(path.rpartition("/")[2])
    assert admin.put(path, SCOPE).status_code == 200
    assert admin.get(path).json()["status"] == "COMPLETED"


def test_consent_is_asked_only_of_browser_types_and_only_when_switched(tenant: EmbeddedTenant, admin: Caller) -> None:
    admin.create({"type": "GITHUB"})
    tenant.set(consent="required")
    admin.create({"type": "SNYK"})
    admin.create({"type": "AZURE_REPOS", "credentials": {"token": "x"}})
    assert [shape["status"] for shape in tenant.instances.values()] == ["COMPLETED"] * 3


@pytest.mark.parametrize(("names", "find"), [
    ("webhook", lambda reply: (str(reply["credentials"]["webhookAuthKeyId"]), reply["credentials"]["webhookAuthKey"])),
    ("unknown", lambda reply: (reply["ingestion"]["reference"], reply["ingestion"]["value"])),
    ("camel", lambda reply: (reply["tokenId"], reply["apiToken"])),
    ("snake", lambda reply: (reply["token_id"], reply["api_token"])),
    ("nested", lambda reply: (reply["credentials"]["tokenId"], reply["credentials"]["apiToken"])),
])
def test_token_names(tenant: EmbeddedTenant, admin: Caller, names: str, find: Callable[[Any], tuple[str, str]]) -> None:
    tenant.set(token_names=names)
    token_id, token = find(admin.post(INSTANCES, COLLECTOR).json())
    assert tenant.state.tokens[token_id].token == token
    assert token not in str(tenant.journal)


@pytest.mark.parametrize("settle", [0, 2])
def test_settle(tenant: EmbeddedTenant, admin: Caller, settle: int) -> None:
    tenant.set(settle=settle)
    path = f"{INSTANCES}/{admin.create(GITLAB)}"
    expected = ["IN_PROGRESS"] * settle + ["COMPLETED"] * 2
    assert [admin.get(path).json()["status"] for _unused in expected] == expected
    admin.put(path, SCOPE)
    assert [admin.get(path).json()["status"] for _unused in expected] == expected


# -- update and deletion


@pytest.mark.parametrize("omitted", ["keep", "clear"])
def test_put_omitted(tenant: EmbeddedTenant, admin: Caller, omitted: str) -> None:
    tenant.set(put_omitted=omitted)
    instance_id = admin.create(GITLAB)
    admin.put(f"{INSTANCES}/{instance_id}", {**SCOPE, "uniqueProperties": {"name": "x"}, "externalProjects": [{"repoId": "r"}]})
    admin.put(f"{INSTANCES}/{instance_id}", {"selectionType": "MANUAL_SELECTION"})
    stored = tenant.instances[instance_id]
    kept = (SCOPE["state"], [{"repoId": "r"}], {"name": "x"})
    assert (stored["state"], stored["externalProjects"], stored["uniqueProperties"]) == (kept if omitted == "keep" else ([], [], {}))
    admin.put(f"{INSTANCES}/{instance_id}", {"state": ["shop/web"]})
    assert tenant.instances[instance_id]["selectionType"] == ("MANUAL_SELECTION" if omitted == "keep" else "CURRENT_STATE")


@pytest.mark.parametrize(("body", "length"), [("empty_object", "2"), ("none", "0"), ("full", None)])
def test_put_body(tenant: EmbeddedTenant, admin: Caller, body: str, length: str | None) -> None:
    tenant.set(put_body=body)
    path = f"{INSTANCES}/{admin.create(GITLAB)}"
    reply = admin.put(path, SCOPE)
    assert reply.status_code == 200
    if length is None:
        assert reply.json() == admin.get(path).json()
    else:
        assert reply.headers["Content-Length"] == length


@pytest.mark.parametrize(("how", "expected"), [("replace", {"name": "x"}), ("merge", {"name": "x", "region": "eu"})])
def test_unique_properties_put(tenant: EmbeddedTenant, admin: Caller, how: str, expected: dict[str, str]) -> None:
    tenant.set(unique_properties_put=how)
    instance_id = tenant.add_instance("SNYK", name="snyk", unique_properties={"region": "eu"})
    admin.put(f"{INSTANCES}/{instance_id}", {"uniqueProperties": {"name": "x"}})
    assert tenant.instances[instance_id]["uniqueProperties"] == expected


@pytest.mark.parametrize(("rule", "status"), [("any", 200), ("exclusive", 409)])
def test_repository_owner(tenant: EmbeddedTenant, admin: Caller, rule: str, status: int) -> None:
    tenant.set(repository_owner=rule)
    tenant.add_instance("GITLAB_SELF_MANAGED", name="first", hostname="gitlab.example.com", state=["shop/web"])
    second = tenant.add_instance("GITLAB_SELF_MANAGED", name="second", hostname="GITLAB.example.com")
    elsewhere = tenant.add_instance("GITLAB_SELF_MANAGED", name="third", hostname="other.example.com")
    reply = admin.put(f"{INSTANCES}/{second}", SCOPE)
    assert reply.status_code == status
    assert ("shop/web" in reply.text) == (status == 409)
    assert admin.put(f"{INSTANCES}/{elsewhere}", SCOPE).status_code == 200
    assert admin.put(f"{INSTANCES}/{elsewhere}", SCOPE).status_code == 200


@pytest.mark.parametrize(("paths", "reference", "short"), [("reference", 204, 404), ("short", 405, 204), ("both", 204, 204)])
def test_delete_path(tenant: EmbeddedTenant, admin: Caller, paths: str, reference: int, short: int) -> None:
    tenant.set(delete_path=paths)
    for prefix, status in ((INSTANCES, reference), (INSTANCES.rpartition("/")[0], short)):
        instance_id = tenant.add_instance("GITHUB")
        reply = admin.delete(f"{prefix}/{instance_id}")
        assert (reply.status_code, instance_id in tenant.instances) == (status, status != 204)
        assert status == 204 or reply.json()["reply"]["err_code"] == status


@pytest.mark.parametrize(("status", "text"), [(204, ""), (200, "{}"), (202, "{}")])
def test_delete_status(tenant: EmbeddedTenant, admin: Caller, status: int, text: str) -> None:
    tenant.set(delete_status=status)
    reply = admin.delete(f"{INSTANCES}/{tenant.add_instance('GITHUB')}")
    assert (reply.status_code, reply.text) == (status, text)


def test_what_the_awkward_profile_sets() -> None:
    assert {name: value for name, value in PROFILES["awkward"].items() if PROFILES["default"].get(name) != value} == {
        "list_fields": "minimal", "put_omitted": "clear", "offset": "ignored", "delete_path": "short", "type_filter_case": "lower",
        "list_envelope": "reply_data", "item_envelope": "reply_data", "unique_properties": "masked", "name_shown": "unique_properties",
        "uploads": "replace", "window": "fixed", "create_status": 200, "put_body": "none", "delete_status": 200, "token_names": "snake",
        "settle": 2,
    }
    assert set(PROFILES["default"]) <= set(PROFILES["awkward"])
