# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""THE field table: option -> API -> option, one place for each field (docs/api.md: create.body, update.body)."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import (
    BEHAVIOUR,
    FIELDS,
    IMMUTABLE,
    MAPPING,
    REPORTED,
    WRITE_ONLY,
    argument_spec,
    from_api,
    get,
    item_from,
    label,
    mappings_to_api,
    put,
    to_create,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import TYPES

UTILS = Path(__file__).resolve().parents[2] / "plugins" / "module_utils"

# Every field that a creation and an update take, in the API's words (docs/api.md: create.body, update.body).
CREATE = {
    "type", "domain.hostname", "domain.protocol", "credentials.type", "credentials.token", "credentials.refreshToken",
    "credentials.clientId", "credentials.clientSecret", "credentials.username", "credentials.password", "credentials.webhookAuthKeyId",
    "credentials.webhookAuthKey", "uniqueProperties", "uniqueProperties.name", "transporter.brokerDeviceId",
    "transporter.connectionName", "selfSignedCertificate",
}  # fmt: skip
UPDATE = {"selectionType", "state", "externalProjects", "uniqueProperties", "uniqueProperties.name"}


def sample(option: str) -> Any:
    return {
        "unique_properties": {"organizationId": "payments"},
        "repositories": ["a/b", "c/d"],
        "external_projects": [{"external_project_id": "p1", "repo_id": "r1"}],
        "repositories_count": 2,
        "status_details": {"connection": {"status": "INVALID", "message": "The token has expired"}},
        "scan_types": {"SAST": True, "SCA": False},
    }.get(option, f"<{option}>")


def test_the_table_is_the_contract() -> None:
    assert {f.api for f in FIELDS if "create" in f.at} == CREATE
    assert {f.api for f in FIELDS if "update" in f.at} == UPDATE
    assert {f.option for f in FIELDS if not f.at} == {
        "id", "identifier", "status", "status_details", "repositories_count", "scan_types", "tenant_id", "api_url", "created_at",
        "updated_at",
    }  # fmt: skip


def test_what_plans_and_exports_tell_and_in_which_order() -> None:
    """Another order would be another digest of the same plan."""
    told = ("type", "name", "domain", "transporter", "self_signed_certificate", "selection_type", "repositories", "external_projects",
            "unique_properties")  # fmt: skip
    assert told == REPORTED
    assert IMMUTABLE == ("type", "domain.hostname", "domain.protocol", "transporter.broker_device_id", "transporter.connection_name",
                         "self_signed_certificate")  # fmt: skip
    assert {"credentials"} == WRITE_ONLY


def test_no_field_is_written_twice() -> None:
    assert len({f.option for f in FIELDS}) == len(FIELDS)
    assert len({f.api for f in FIELDS}) == len(FIELDS)
    assert {f.option.split(".")[0] for f in FIELDS if f.at} & set(BEHAVIOUR) == set()


def test_the_names_of_the_api_stand_in_the_table_alone() -> None:
    """A second list of the same fields is the bug this table is there to prevent."""
    # What an answer is held against is not taken from the table that may be wrong.
    owners = {"fields.py", "published.py", "invented.py"}
    specific = {f.api.rsplit(".", 1)[-1] for f in FIELDS if "_" in f.option and f.type == "str"} - {"selectionType"}
    assert "clientSecret" in specific
    found = [
        (path.name, node.value)
        for path in sorted(UTILS.rglob("*.py"))
        if path.name not in owners
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        # The URL of a new collector is looked for beside its token, under any name.
        if isinstance(node, ast.Constant) and node.value in specific - {"selfSignedCertificate", "apiUrl"}
    ]
    assert found == []


@pytest.mark.parametrize("field", [f for f in FIELDS if not f.write_only], ids=lambda f: f.option)
def test_what_the_tenant_shows_comes_back_under_its_option(field: Any) -> None:
    raw: dict[str, Any] = {}
    value = sample(field.option)
    sent = {"mappings": mappings_to_api, "switches": lambda v: {k: {"isEnabled": on} for k, on in v.items()}}.get(field.type)
    put(raw, field.api, sent(value) if sent else value)
    assert get(from_api(raw), field.option) == value


@pytest.mark.parametrize("field", [f for f in FIELDS if f.older], ids=lambda f: f.option)
def test_what_an_older_tenant_shows_elsewhere_comes_back_too_and_the_published_place_wins(field: Any) -> None:
    assert get(from_api({field.older: "then"}), field.option) == "then"
    assert get(from_api({field.older: "then", field.api: "now"}), field.option) == "now"


def test_of_the_details_of_a_status_only_what_is_published_is_taken() -> None:
    details = {"connection": {"status": "INVALID", "error": 401, "message": None, "token": "sent-t0ken"}, "odd": "text", "empty": {}}
    assert from_api({"statusDetails": details})["status_details"] == {"connection": {"status": "INVALID", "error": "401"}, "empty": {}}
    assert from_api({"statusDetails": ["odd"]})["status_details"] == {}
    assert from_api({"scanTypes": {"SAST": {"isEnabled": True}, "SCA": {"isEnabled": "no"}, "IAC": None}})["scan_types"] == {"SAST": True}


@pytest.mark.parametrize("field", [f for f in FIELDS if f.write_only], ids=lambda f: f.option)
def test_a_write_only_field_is_never_taken_from_an_answer(field: Any) -> None:
    raw: dict[str, Any] = {"id": "1"}
    put(raw, field.api, "echoed-secret")
    assert "echoed-secret" not in str(from_api(raw))


@pytest.mark.parametrize("field", [f for f in FIELDS if "create" in f.at], ids=lambda f: f.option)
def test_what_is_given_is_sent_at_creation_under_its_own_name(field: Any) -> None:
    item: dict[str, Any] = {}
    put(item, field.option, sample(field.option))
    assert get(to_create(item), field.api) == sample(field.option)


def test_creation_carries_no_scope_and_no_null() -> None:
    item = {f.option: sample(f.option) for f in FIELDS if "." not in f.option}
    body = to_create({**item, "domain": {"hostname": "h"}})
    assert set(body) == {"type", "uniqueProperties", "domain", "selfSignedCertificate"}
    assert body["domain"] == {"hostname": "h", "protocol": "https"}


def test_creation_does_not_change_the_item() -> None:
    item = {"type": "SNYK", "name": "n", "unique_properties": {"a": 1}}
    assert to_create(item)["uniqueProperties"] == {"a": 1, "name": "n"}
    assert item["unique_properties"] == {"a": 1}


def leaves(spec: dict[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    found = {}
    for name, option in spec.items():
        found[path + name] = option
        found.update(leaves(option.get("options", {}), f"{path}{name}."))
    return found


@pytest.mark.parametrize("in_list", [False, True])
def test_the_argument_spec_hides_every_secret_and_leaves_none_undecided(in_list: bool) -> None:
    options = leaves(argument_spec(in_list=in_list))
    secret = {
        "credentials.token",
        "credentials.refresh_token",
        "credentials.client_secret",
        "credentials.password",
        "credentials.webhook_auth_key",
    }
    assert {name for name, option in options.items() if option.get("no_log")} == secret
    # Ansible warns of an option whose name sounds secret and that says nothing.
    sounds = re.compile(r"pass(?!ive)|secret|token|cryptkey|credential|auth_key", re.IGNORECASE)
    undecided = {n for n, o in options.items() if sounds.search(n.split(".")[-1]) and "no_log" not in o} - {"credentials_file"}
    assert undecided == set()


def test_each_item_of_a_list_takes_the_same_options_and_ignore() -> None:
    assert set(argument_spec(in_list=True)) - set(argument_spec()) == {"ignore"}
    assert set(argument_spec()) - set(argument_spec(in_list=True)) == set()


def test_null_is_not_given_at_every_level_and_empty_is() -> None:
    given = {
        "name": None,
        "domain": {"hostname": "h", "protocol": None},
        "repositories": [],
        "external_projects": [{"repo_id": "r", "branch_name": None}],
    }
    assert item_from(given) == {"domain": {"hostname": "h"}, "repositories": [], "external_projects": [{"repo_id": "r"}]}


@pytest.mark.parametrize(
    "raw",
    [
        {"name": "n"},
        {"displayName": "n"},
        {"uniqueProperties": {"name": "n"}},
        {"name": "", "displayName": None, "uniqueProperties": {"name": "n"}},
    ],
)
def test_the_name_is_found_wherever_the_tenant_shows_it(raw: dict[str, Any]) -> None:
    assert from_api(raw)["name"] == "n"


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"state": None, "domain": None, "uniqueProperties": None, "externalProjects": None},
        {"state": "all", "domain": "gitlab", "uniqueProperties": [], "externalProjects": {}, "transporter": 7, "name": 5},
        {"state": [1, None], "externalProjects": [None, 7, {"repoId": None}]},
    ],
)
def test_any_answer_can_be_read(raw: dict[str, Any]) -> None:
    """Every field of an answer is optional, and older tenants show it in other shapes."""
    assert isinstance(from_api({"id": 12, **raw}), dict)
    assert label(from_api({"id": 12, **raw}))


def test_an_id_is_a_text_whatever_the_tenant_sends() -> None:
    assert from_api({"id": 4711})["id"] == "4711"


def test_the_type_table_is_the_guides() -> None:
    assert len(TYPES) == 23
    categories = {"DEFAULT": 18, "EXTERNAL_VENDOR_INTEGRATIONS": 5}
    assert {c: sum(1 for t in TYPES.values() if t.type_category == c) for c in categories} == categories
    assert {t.stage for t in TYPES.values()} == {"code", "build", "build_deploy", "cross_stage"}


def test_a_mapping_goes_there_and_back() -> None:
    mapping = {option: f"<{option}>" for option in MAPPING}
    assert from_api({"externalProjects": mappings_to_api([mapping])})["external_projects"] == [mapping]
