# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows can be run: every option, variable and choice in an example exists."""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from ansible.module_utils import basic

from ansible_collections.cortex_cloud.appsec.plugins.module_utils import _events
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._audit import Options

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "cortex_cloud.appsec"
# What has no code of its own documents an action plugin.
DOCUMENTED = {p.stem: "def main(" in p.read_text(encoding="utf-8") for p in (ROOT / "plugins" / "modules").glob("*.py")}
MODULES = sorted(name for name, has_code in DOCUMENTED.items() if has_code)
ACTIONS = sorted(set(DOCUMENTED) - set(MODULES))
ROLES = sorted(p.parent.parent.name for p in ROOT.glob("roles/*/meta/argument_specs.yml"))
PLAYBOOKS = {p.stem for p in (ROOT / "playbooks").glob("*.yml")}
PAGES = sorted([ROOT / "README.md", *ROOT.glob("roles/*/README.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("CONTRIBUTING.md")])
BLOCK = re.compile(r"^( *)```ya?ml[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
Spec = dict[str, Any]


def module_of(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.{NAMESPACE}.plugins.modules.{name}")


class Stop(Exception):
    pass


def spec_of_module(name: str) -> Spec:
    """What the module itself hands to Ansible."""

    def take(_self: Any, argument_spec: Spec, **_more: Any) -> None:
        raise Stop(argument_spec)

    with mock.patch.object(basic.AnsibleModule, "__init__", take), pytest.raises(Stop) as stopped:
        module_of(name).main()
    return stopped.value.args[0]


def spec_of_action(name: str) -> Spec:
    """What an action plugin without a module takes, as its documentation says; test_what_an_action_takes holds that to be true."""
    options = options_documented(name)
    return {key: {**option, "options": option.get("suboptions")} for key, option in options.items()}


def options_documented(name: str) -> Spec:
    own = yaml.safe_load(module_of(name).DOCUMENTATION)
    options = dict(own.get("options") or {})
    for fragment in own.get("extends_documentation_fragment", []):
        file, _dot, part = fragment.removeprefix(f"{NAMESPACE}.").partition(".")
        holder = importlib.import_module(f"ansible_collections.{NAMESPACE}.plugins.doc_fragments.{file}").ModuleDocFragment
        options.update(yaml.safe_load(getattr(holder, part.upper() or "DOCUMENTATION")).get("options") or {})
    return options


def variables_of_roles() -> Spec:
    found: Spec = {}
    for role in ROLES:
        points = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
        # The point main knows a variable best; others may take it as it comes.
        for point in sorted(points, key=lambda name: name != "main"):
            found = {**points[point].get("options", {}), **found}
    return found


SPECS = {name: spec_of_module(name) if has_code else spec_of_action(name) for name, has_code in DOCUMENTED.items()}
VARIABLES = variables_of_roles()
CONNECTION = set(SPECS["tenant_info"])


def faults(spec: Spec, given: Any, where: str) -> Iterator[str]:
    """What of the given options does not exist, is missing, or is no choice; a template may be anything."""
    if isinstance(given, str) and "{{" in given:
        return
    if not isinstance(given, dict):
        yield f"{where}: a dictionary of options is needed"
        return
    known = {alias: name for name, option in spec.items() for alias in [name, *option.get("aliases", [])]}
    for name, value in given.items():
        if name not in known:
            yield f"{where}: no option {name}"
            continue
        yield from value_faults(spec[known[name]], value, f"{where}.{name}")
    for name, option in spec.items():
        if option.get("required") and not any(known.get(k) == name for k in given):
            yield f"{where}: {name} is required"


def value_faults(option: Spec, value: Any, where: str) -> Iterator[str]:
    if isinstance(value, str) and "{{" in value:
        return
    if option.get("choices") and value not in option["choices"]:
        yield f"{where}: {value!r} is none of {option['choices']}"
    if option.get("type") == "list" and not isinstance(value, list):
        yield f"{where}: a list is needed"
    if option.get("options"):
        for index, entry in enumerate(value if isinstance(value, list) else [value]):
            yield from faults(option["options"], entry, f"{where}[{index}]" if isinstance(value, list) else where)


def source_faults(sources: list[Any], where: str) -> Iterator[str]:
    """Faults of the event sources of a rulebook."""
    known = {*_events.VARIABLES, *_events.WATCHING}
    for name, given in [pair for source in sources for pair in source.items() if pair[0] != "name"]:
        if name != f"{NAMESPACE}.data_sources":
            yield f"{where}: no event source {name}"
        yield from (f"{where}.{name}: no argument {argument}" for argument in given or {} if argument not in known)


def example_faults(tree: Any, where: str) -> Iterator[str]:
    """Faults of every module task, role call, role variable, connection and playbook name anywhere in a piece of YAML."""
    if isinstance(tree, list):
        for index, entry in enumerate(tree):
            yield from example_faults(entry, f"{where}[{index}]")
        return
    if not isinstance(tree, dict):
        return
    for key, value in tree.items():
        if not isinstance(key, str):  # YAML reads the key `on` of a pipeline as true
            yield from example_faults(value, f"{where}.{key}")
            continue
        if key == "sources" and isinstance(value, list):
            yield from source_faults(value, f"{where}.{key}")
            continue
        name = key.removeprefix(f"{NAMESPACE}.")
        if name != key and name not in SPECS:
            yield f"{where}: no module {key}"
        elif name != key:
            yield from faults(SPECS[name], value or {}, f"{where}.{key}")
        elif key in VARIABLES and key != "cortex_cloud_connection":
            yield from value_faults(VARIABLES[key], value, f"{where}.{key}")
        elif key in ("cortex_cloud_connection", f"group/{NAMESPACE}.all"):
            yield from (f"{where}.{key}: no connection option {n}" for n in value if n not in CONNECTION) if isinstance(value, dict) else ()
        elif key in ("ansible.builtin.include_role", "ansible.builtin.import_role", "role"):
            called = (value.get("name", "") if isinstance(value, dict) else value).removeprefix(f"{NAMESPACE}.")
            if called not in ROLES and not (isinstance(value, str) and "." in value and NAMESPACE not in value):
                yield f"{where}: no role {called}"
            prefix = f"{called}_"
            given = tree.get("vars") or {}
            yield from (f"{where}: role {called} has no variable {n}" for n in given if n.startswith(prefix) and n not in VARIABLES)
        elif key == "ansible.builtin.import_playbook" and str(value).removeprefix(f"{NAMESPACE}.") not in PLAYBOOKS:
            yield f"{where}: no playbook {value}"
        yield from example_faults(value, f"{where}.{key}")


@pytest.mark.parametrize("name", [*MODULES, *ACTIONS])
def test_every_example_of_a_module_can_be_run(name: str) -> None:
    examples = yaml.safe_load(module_of(name).EXAMPLES)
    own = [task for task in examples if f"{NAMESPACE}.{name}" in task]
    assert own, "it has no example of its own"
    assert all(task.get("name") for task in examples)
    assert list(example_faults(examples, name)) == []


def blocks() -> list[Any]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(pytest.param(match[2], id=f"{page.relative_to(ROOT)}:{line}"))
    return found


@pytest.mark.parametrize("block", blocks())
def test_every_yaml_block_of_the_pages_can_be_run(block: str) -> None:
    assert list(example_faults(yaml.safe_load(block), "block")) == []


def test_the_data_file_of_the_demo_can_be_run() -> None:
    assert list(example_faults(yaml.safe_load((ROOT / "demo" / "tenant.yml").read_text()), "demo/tenant.yml")) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("cortex_cloud.appsec.data_source: {type: SNYK, nmae: x}", "no option nmae"),
        ("cortex_cloud.appsec.data_source: {type: SNYK, domain: {host: x}}", "no option host"),
        ("cortex_cloud.appsec.data_source: {type: SNYK, state: gone}", "'gone' is none of"),
        ("cortex_cloud.appsec.data_sources: {}", "data_sources is required"),
        ("cortex_cloud.appsec.data_sources: {data_sources: [{type: SNYK, external_projects: [{repo: x}]}]}", "no option repo"),
        ("cortex_cloud.appsec.data_sorce: {}", "no module"),
        ("{ansible.builtin.include_role: {name: cortex_cloud.appsec.tenent}}", "no role tenent"),
        (
            "{ansible.builtin.include_role: {name: cortex_cloud.appsec.tenant}, vars: {tenant_data_source: []}}",
            "no variable tenant_data_source",
        ),
        ("tenant_data_sources: [{type: SNYK, nmae: x}]", "no option nmae"),
        ("{sources: [{cortex_cloud.appsec.data_sources: {intervall: 5}}]}", "no argument intervall"),
        ("{sources: [{cortex_cloud.appsec.records: {}}]}", "no event source"),
        ("cortex_cloud_connection: {api_uri: x}", "no connection option api_uri"),
        ("ansible.builtin.import_playbook: cortex_cloud.appsec.onbord", "no playbook"),
    ],
)
def test_a_wrong_example_is_found(wrong: str, said: str) -> None:
    told = list(example_faults([{"block": [yaml.safe_load(wrong)]}], "x"))
    assert any(said in fault for fault in told), told


def documented(options: Spec, key: str, path: str = "") -> set[str]:
    return {path + name for name in options} | {
        deep for name, option in options.items() for deep in documented(option.get(key) or {}, key, f"{path}{name}.")
    }


@pytest.mark.parametrize("name", MODULES)
def test_what_is_documented_is_what_there_is(name: str) -> None:
    assert documented(options_documented(name), "suboptions") == documented(SPECS[name], "options")


def test_every_module_is_in_the_action_group() -> None:
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    assert sorted(groups["all"]) == sorted([*MODULES, "audit"])


def test_what_an_action_takes_is_documented_and_said_to_be_internal() -> None:
    fields = {field.name for field in dataclasses.fields(Options)}
    assert set(options_documented("audit")) == fields | CONNECTION
    for name in ACTIONS:
        assert "Internal to the role" in yaml.safe_load(module_of(name).DOCUMENTATION)["description"][0]
        assert (ROOT / "plugins" / "action" / f"{name}.py").exists()
