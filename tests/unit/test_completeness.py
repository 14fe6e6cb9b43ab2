# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of the API is forgotten, and nothing is said in two ways: OpenAPI document, tables, modules, roles and pages agree."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from ansible.module_utils import basic

from ansible_collections.cortex_cloud.appsec.plugins.doc_fragments import (
    _attributes,
    _connection,
    _data_source,
    _repository,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import (
    FIELDS,
    MAPPING,
    SELECTION_TYPES,
    argument_spec,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import (
    INPUTS,
    STAGES,
    TYPES,
    VARIABLES,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_settings import (
    SETTINGS_SPEC,
    body_of,
)
from tenant import kinds

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "tests" / "tenant" / "openapi.yaml").read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
OLDER: dict[str, Any] = yaml.safe_load((ROOT / "tests" / "tenant" / "older.yaml").read_text(encoding="utf-8"))
# Those without code document an action plugin that is internal to a role.
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if "def main(" in path.read_text(encoding="utf-8"))
FRAGMENTS = {"_attributes": _attributes, "_connection": _connection, "_data_source": _data_source, "_repository": _repository}

# What the API takes and no option stands for, each with the reason.
LEFT_OUT: dict[str, str] = {
    "list_instances type": "filtered after reading, so that any tenant will do, whatever spelling it wants",
    "list_instances type_category": "as for type",
    "list_integrations type": "as for the current path",
    "list_integrations type_category": "as for the current path",
    "list_repositories offset": "the module reads all pages",
    "list_repositories limit": "the module reads all pages",
}
# Published members of an instance that the modules do not show, each with the reason.
NOT_SHOWN = {
    "typeCategory": "follows from the type: filters and summaries have it from the table of types",
    "instanceVersion": "the version of the vendor's server: nothing of the collection depends on it",
}
# What stands in the settings: of a collector, at the root of the response.
IN_SETTINGS = {"detectionMethod", "fileType"}
# What takes the parameters: operation -> parameter -> (module, option).
PARAMETERS = {
    "get_instance id": ("data_source", "id"),
    "update_instance id": ("data_source", "id"),
    "delete_instance id": ("data_source", "id"),
    "delete_instance_short id": ("data_source", "id"),
    "get_integration id": ("data_source", "id"),
    "update_integration id": ("data_source", "id"),
    "delete_integration id": ("data_source", "id"),
    "upload_sarif collectorId": ("sarif_upload", "collector_id"),
    "upload_sarif repository_id": ("sarif_upload", "repository_id"),
    "upload_sarif repository_url": ("sarif_upload", "repository_url"),
    "upload_sarif branch": ("sarif_upload", "branch"),
    "list_repositories source": ("repository_info", "source"),
    "list_repositories search": ("repository_info", "search"),
    "list_unscanned days": ("repository_info", "unscanned_days"),
    "get_repository assetId": ("repository_info", "id"),
    "update_branches assetId": ("repository", "id"),
    "get_scan_configuration assetId": ("repository", "id"),
    "update_scan_configuration assetId": ("repository", "id"),
}


def filled(options: dict[str, Any]) -> dict[str, Any]:
    """A value for every option of a spec, at every level."""
    plain = {"list": [], "bool": True}
    return {name: filled(one["options"]) if one["type"] == "dict" else plain[one["type"]] for name, one in options.items()}


def paths(value: Any, path: str = "") -> Iterator[str]:
    if not isinstance(value, dict):
        yield path
        return
    for name, inner in value.items():
        yield from paths(inner, f"{path}.{name}" if path else name)


def followed(schema: dict[str, Any]) -> dict[str, Any]:
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths of a body's fields; an object that takes any key counts as a field, beside the keys that are named in it."""
    schema = followed(schema)
    properties = schema.get("properties", {})
    if path and (not properties or schema.get("additionalProperties") is not False):
        yield path
    for name, inner in properties.items():
        yield from leaves(inner, f"{path}.{name}" if path else name)


def operations() -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    for path in DOCUMENT["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "operationId" in operation:
                given = [*path.get("parameters", []), *operation.get("parameters", [])]
                yield operation, [DOCUMENT["components"]["parameters"][p["$ref"].rpartition("/")[2]] if "$ref" in p else p for p in given]


class Stop(Exception):
    pass


def handed_over(name: str) -> dict[str, Any]:
    """The argument spec that a module hands to Ansible."""

    def take(_self: Any, argument_spec: dict[str, Any], **_more: Any) -> None:
        raise Stop(argument_spec)

    module = importlib.import_module(f"ansible_collections.cortex_cloud.appsec.plugins.modules.{name}")
    with mock.patch.object(basic.AnsibleModule, "__init__", take), pytest.raises(Stop) as stopped:
        module.main()
    spec: dict[str, Any] = stopped.value.args[0]
    return spec


def documented(name: str) -> dict[str, Any]:
    """The options of a module's documentation, those of its fragments included."""
    page = yaml.safe_load(importlib.import_module(f"ansible_collections.cortex_cloud.appsec.plugins.modules.{name}").DOCUMENTATION)
    options: dict[str, Any] = {}
    for fragment in page.get("extends_documentation_fragment", []):
        file, _dot, part = fragment.removeprefix("cortex_cloud.appsec.").partition(".")
        text = getattr(FRAGMENTS[file].ModuleDocFragment, part.upper() or "DOCUMENTATION")
        options |= yaml.safe_load(text).get("options", {})
    return options | page.get("options", {})


def told(options: dict[str, Any], inner: str) -> dict[str, Any]:
    """What of a spec or of its documentation has to agree, at every level."""
    return {
        name: {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "default": option.get("default"),
            "choices": option.get("choices"),
            "required": bool(option.get("required")),
            "options": told(option.get(inner) or {}, inner),
        }
        for name, option in options.items()
    }


# The API


def test_every_field_of_the_request_bodies_is_in_the_table() -> None:
    create = set(leaves(SCHEMAS["CreateInstance"]))
    update = set(leaves(SCHEMAS["UpdateInstance"]))
    assert create == {field.api for field in FIELDS if "create" in field.at}
    assert update == {field.api for field in FIELDS if "update" in field.at}
    assert set(SCHEMAS["ExternalProject"]["properties"]) == set(MAPPING.values())
    # CURRENT_STATE_PENDING is what a tenant shows while a selection of its own is under way, not one to ask for.
    assert set(SCHEMAS["SelectionType"]["enum"]) == {*SELECTION_TYPES, "CURRENT_STATE_PENDING"}


def test_every_body_that_the_document_has_is_looked_at() -> None:
    """Should the API get another operation with a body, this test asks for its fields."""
    bodies = {operation["operationId"] for operation, _parameters in operations() if "requestBody" in operation}
    assert bodies == {"create_instance", "update_instance", "update_integration", "upload_sarif", "validate_key_post",
                      "update_branches", "update_scan_configuration"}  # fmt: skip
    assert {*SCHEMAS["UpdateBranches"]["properties"]} == {"selectedBranches", "primaryBranch"}
    body = body_of(filled(SETTINGS_SPEC["scan_configuration"]["options"]))
    assert set(leaves(SCHEMAS["UpdateScanConfiguration"])) == set(paths(body))
    validation = DOCUMENT["paths"]["/api_keys/validate/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "properties" not in validation


def test_every_field_that_an_instance_shows_is_shown_by_the_modules() -> None:
    known = set(OLDER["OlderFields"]["properties"])
    assert {*SCHEMAS["IntegrationFields"]["properties"], *SCHEMAS["InstanceFields"]["properties"]} <= known
    assert known >= {*NOT_SHOWN, *IN_SETTINGS}
    # The name may stand in two places more.
    shown = {path.split(".")[0] for field in FIELDS if not field.write_only for path in filter(None, (field.api, field.older))}
    assert known - {"name", "displayName"} - {*NOT_SHOWN, *IN_SETTINGS} == shown


def test_every_parameter_is_an_option_or_left_out_with_a_reason() -> None:
    specs = {name: handed_over(name) for name in MODULES}
    seen = {f"{operation['operationId']} {parameter['name']}" for operation, parameters in operations() for parameter in parameters}
    assert seen == {*LEFT_OUT, *PARAMETERS}
    for module, option in PARAMETERS.values():
        assert option in specs[module]


# Options and their documentation


@pytest.mark.parametrize("name", MODULES)
def test_a_module_takes_what_its_documentation_says(name: str) -> None:
    assert told(handed_over(name), "options") == told(documented(name), "suboptions")


def test_an_item_has_the_options_of_the_single_module() -> None:
    assert told(handed_over("data_sources")["data_sources"]["options"], "options") == told(argument_spec(in_list=True), "options")
    single = handed_over("data_source")
    assert set(argument_spec()) <= set(single)
    assert set(argument_spec(in_list=True)) == {*argument_spec(), "ignore"}


@pytest.mark.parametrize("name", MODULES)
def test_every_secret_option_is_hidden_by_ansible(name: str) -> None:
    secret = {field.option for field in FIELDS if field.secret} | {"api_key", "collector_token", "rate_limit_url"}

    def walk(spec: dict[str, Any], path: str = "") -> Iterator[str]:
        for option, about in spec.items():
            where = f"{path}{option}".removeprefix("data_sources.")
            assert bool(about.get("no_log")) is (where in secret), where
            yield from walk(about.get("options") or {}, f"{path}{option}.")

    list(walk(handed_over(name)))


# Roles and pages


def test_what_is_generated_is_what_the_tables_say() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "generate"), "--check"], capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def role_options(role: str) -> dict[str, Any]:
    page = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options: dict[str, Any] = page["argument_specs"]["main"]["options"]
    return options


def test_the_role_tenant_takes_items_with_all_options() -> None:
    assert told(role_options("tenant")["tenant_data_sources"]["options"], "options") == told(argument_spec(in_list=True), "options")


@pytest.mark.parametrize("role", ["vcs", "ci", "scanners"])
def test_an_entry_takes_the_inputs_of_its_type_and_every_option_of_an_item(role: str) -> None:
    wanted = {variable: kind for variable, kind in VARIABLES.items() if variable.startswith(f"{role}_")}
    found = {name: option for name, option in role_options(role).items() if name.startswith(f"{role}_")}
    assert set(found) == set(wanted)
    passed = set(argument_spec(in_list=True)) - {"type"}
    for variable, kind in wanted.items():
        assert set(found[variable]["options"]) == {*passed, *TYPES[kind].inputs, "scope"}, variable


def test_every_type_has_a_role_variable_or_a_reason() -> None:
    none = {"COLLECTOR": "the role sarif_collector makes it", "CORTEX_CLI": "it registers itself; manage one with the role tenant"}
    assert {name for name, kind in TYPES.items() if not kind.variable} == set(none)
    assert len(VARIABLES) == len(TYPES) - len(none)
    assert all(re.fullmatch(r"(vcs|ci|scanners)_[a-z_]+", variable) for variable in VARIABLES)
    assert {name for kind in TYPES.values() for name in kind.inputs} == set(INPUTS), "an input that no type takes"


def test_the_table_of_types_is_the_guides_and_the_tenants() -> None:
    assert set(TYPES) == kinds.KNOWN
    assert len(TYPES) == 23
    for name, kind in TYPES.items():
        assert kind.type_category == kinds.category(name)
        assert bool(kind.created_by) is (name in kinds.SELF_REGISTERING)
        assert kind.category in STAGES
        assert kind.consent is (name in kinds.BROWSER or name == "AZURE_REPOS")
        assert re.fullmatch(SCHEMAS["CreateInstance"]["properties"]["type"]["pattern"], name)


@pytest.mark.parametrize("page", ["types", "recovery"])
def test_a_table_of_types_has_a_row_for_each(page: str) -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(TYPES)


def test_the_messages_of_the_page_of_recovery_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "recovery.md").read_text(encoding="utf-8")
    section = page.partition("## A run that stopped half-way")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `([^`]{20,})` \|", section, re.MULTILINE)
    assert len(told) >= 6
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins" / "module_utils" / "_data_sources").glob("*.py"))
    # A message may be written in several pieces, and what stands in braces is another each time.
    code = re.sub(r"\{[^{}]*\}", "", re.sub(r'"\s*\n\s*f?"', "", code))
    for message in told:
        for part in re.split(r"\.\.\.|\(id|\b[NM]\b", message):
            assert part.strip(" ():;,") in code, message


def test_the_role_decommission_takes_items_with_all_options() -> None:
    spec = role_options("decommission")["decommission_data_sources"]["options"]
    assert told(spec, "options") == told(argument_spec(in_list=True), "options")
