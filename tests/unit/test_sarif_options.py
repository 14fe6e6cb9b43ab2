# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of SARIF reports are in one table: rules, module, command line, playbook and role have exactly these.

What is generated from the table, such as the module's documentation, is compared by test_completeness.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import environment
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.command import USAGE, main, parser
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import (
    OPTIONS,
    Option,
    Options,
    argument_spec,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.clean import KINDS
from ansible_collections.cortex_cloud.appsec.plugins.modules.sarif_upload import DOCUMENTATION

ROOT = Path(__file__).resolve().parents[2]
NAMES = {option.name for option in OPTIONS}
TABLE = {option.name: option for option in OPTIONS}
# A secret on a command line can be read by every user of the machine, and one in a variable lands in inventories.
BY_ENVIRONMENT = {"collector_token_id", "collector_token"}
ANNOTATIONS = {"str": "str", "bool": "bool", "float": "float", "list": "tuple[str, ...]"}


def test_every_option_stands_once_in_the_table() -> None:
    assert len(NAMES) == len(OPTIONS) > 20


def test_the_rules_see_the_options_that_prepare_a_report() -> None:
    fields = {field.name: field for field in dataclasses.fields(Options)}
    assert set(fields) == {option.name for option in OPTIONS if option.prepares} - {"path"}
    for name, field in fields.items():
        assert field.type == ANNOTATIONS[TABLE[name].type], name
        assert field.default == ("" if TABLE[name].default is None else TABLE[name].default), name
    assert TABLE["include_kinds"].choices == KINDS


def test_what_is_not_set_has_the_default_of_the_table() -> None:
    assert Options.of({"source_root": None, "include_kinds": ["pass"], "branch": "main", "allow_empty": True}) == Options(
        include_kinds=("pass",), allow_empty=True
    )
    assert Options.of({}) == Options()


def test_the_module_reads_the_environment_and_hides_the_token() -> None:
    spec = argument_spec(environment)
    assert {name: about["fallback"] for name, about in spec.items() if "fallback" in about} == {
        "collector_token_id": (environment, ["CORTEXCLOUD_COLLECTOR_TOKEN_ID"]),
        "collector_token": (environment, ["CORTEXCLOUD_COLLECTOR_TOKEN"]),
    }
    assert {name for name, about in spec.items() if about["no_log"]} == {"collector_token"}


def offered(command: str) -> dict[str, argparse.Action]:
    """The options of a command, by the name of their value."""
    (commands,) = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    actions = {action.dest: action for action in commands.choices[command]._actions}
    del actions["help"]
    return actions


@pytest.mark.parametrize(("command", "own"), [("check", {"json"}), ("upload", {"json", "api_url", "ca_path"})])
def test_the_command_line_has_the_options_of_the_table(command: str, own: set[str]) -> None:
    actions = offered(command)
    left_out = BY_ENVIRONMENT | {"collector_name"}
    expected = {option.name for option in OPTIONS if option.prepares} if command == "check" else NAMES - left_out
    assert set(actions) == expected | own
    for name in expected:
        option, action = TABLE[name], actions[name]
        assert action.option_strings == ([] if option.required else ["--" + name.replace("_", "-")])
        assert action.required == option.required
        assert (action.default, action.choices or ()) == (option.default, option.choices), name
        assert (action.nargs == "+", action.nargs == 0) == (option.type == "list", option.type == "bool"), name
        assert action.type is (float if option.type == "float" else None), name


def test_the_help_is_the_first_sentence_of_the_documentation_without_its_markup() -> None:
    documented: dict[str, Any] = yaml.safe_load(DOCUMENTATION)["options"]
    for name, action in offered("upload").items():
        if name in documented:
            text = documented[name]["description"]
            first = text if isinstance(text, str) else text[0]
            plain = re.sub(r"O\((\w+)\)", lambda match: f"--{match[1]}".replace("_", "-"), first)
            plain = plain.replace("M(cortex_cloud.appsec.data_source)", "cortex_cloud.appsec.data_source")
            assert action.help
            assert plain.startswith(f"{action.help}."), name
    said = Option("x", "Takes O(source_root) off, the C(a.b) of V(split), 9.5 times. It is loud.").help
    assert said == "Takes --source-root off, the a.b of split, 9.5 times"


def passed(path: str) -> dict[str, str]:
    """The options of the task of sarif_upload in this file, with their templates."""

    def tasks(value: Any) -> Any:
        if isinstance(value, dict):
            yield from [value["cortex_cloud.appsec.sarif_upload"]] if "cortex_cloud.appsec.sarif_upload" in value else []
            value = list(value.values())
        if isinstance(value, list):
            for inner in value:
                yield from tasks(inner)

    (found,) = tasks(yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))
    return dict(found)


def test_the_playbook_takes_every_option() -> None:
    assert set(passed("playbooks/upload_sarif.yml")) == NAMES - BY_ENVIRONMENT


def test_the_role_takes_every_option() -> None:
    # The role creates its collector, or knows it by its credentials file or URL.
    assert set(passed("roles/sarif_collector/tasks/main.yml")) == NAMES - BY_ENVIRONMENT - {"collector_id"}


def test_every_variable_of_the_role_is_in_its_argument_spec() -> None:
    page = yaml.safe_load((ROOT / "roles/sarif_collector/meta/argument_specs.yml").read_text(encoding="utf-8"))
    variables = page["argument_specs"]["main"]["options"]
    for name, value in passed("roles/sarif_collector/tasks/main.yml").items():
        variable = "sarif_collector_reports" if name == "path" else f"sarif_collector_{name.removeprefix('collector_')}"
        assert variable in value
        about = variables[variable]
        assert about["type"] == TABLE[name].type, variable
        assert about.get("choices", []) == list(TABLE[name].choices), variable
        assert name == "path" or "default" not in about, "the default is the module's"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["upload", "r.sarif", "--tokn=typed-secret"], "upload: there is no option --tokn. Nothing was sent."),
        (["upload", "r.sarif", "--colector-id", "typed-secret"], "there is no option --colector-id. Did you mean --collector-id? Nothing"),
        (["check", "r.sarif", "--branch", "typed-secret"], "check: there is no option --branch. Nothing was sent."),
        (["check", "r.sarif", "--json", "typed-secret"], "check: give all reports in front of the options. Nothing was sent."),
    ],
)
def test_the_command_names_an_unknown_option_and_not_its_value(given: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == USAGE
    said = capsys.readouterr().err
    assert told in said
    assert "typed-secret" not in said
