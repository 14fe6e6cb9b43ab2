# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters convert Ansible's own values, report errors in one line, and cost a task almost nothing to load."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.cortex_cloud.appsec.plugins.filter.appsec import FILTERS, FilterModule
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._data_file import names_set
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._filters import evaluated, one_line_errors
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._items import project_path

ROOT = Path(__file__).resolve().parents[2]
OURS = "ansible_collections.cortex_cloud.appsec.plugins"


class Tagged(str):
    """A text class like Ansible's own, such as for the tag !unsafe."""

    __slots__ = ()


class Lazy(dict[Any, Any]):
    """A dictionary class like Ansible's own."""


GIVEN = Lazy({Tagged("a"): (Tagged("{{ x }}"), 1, None), 2: Lazy(b=True)})


def test_containers_become_plain_and_a_text_keeps_its_tag() -> None:
    made = evaluated(GIVEN)
    assert made == {"a": ["{{ x }}", 1, None], 2: {"b": True}}
    assert (type(made), type(made["a"]), type(made["a"][0]), type(made[2])) == (dict, list, Tagged, dict)


def test_for_a_report_keys_and_texts_become_plain_too() -> None:
    made = evaluated(GIVEN, text=True)
    assert made == {"a": ["{{ x }}", 1, None], "2": {"b": True}}
    assert {type(made["a"][0]), *map(type, made)} == {str}


def test_invalid_input_is_an_error_on_one_line() -> None:
    @one_line_errors
    def filter_of_it(value: str) -> str:
        raise InputError(f"{value} is wrong.")

    with pytest.raises(AnsibleFilterError, match=r"^blue is wrong\.$") as caught:
        filter_of_it("blue")
    assert caught.value.__suppress_context__
    assert filter_of_it.__name__ == "filter_of_it"


def test_a_path_is_relative_to_where_ansible_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    meant = {
        "eu.yml": f"{tmp_path}/eu.yml",
        "../eu.yml": f"{tmp_path}/../eu.yml",
        "/eu.yml": "/eu.yml",
        "~/eu.yml": "/home/ada/eu.yml",
        "": "",
    }
    assert {path: project_path(path) for path in meant} == meant


def test_each_filter_has_code_and_documentation() -> None:
    for module, names in FILTERS.items():
        code = import_module(f"{OURS}.{module}")
        assert [name for name in names if not callable(getattr(code, name, None))] == []
    filters = FilterModule().filters()
    assert set(filters) == {path.stem for path in (ROOT / "plugins" / "filter").glob("*.yml")}
    assert filters["plain_text"]("x") == "x"


def test_loading_the_filters_loads_no_other_file() -> None:
    code = f"import sys, {OURS}.filter.appsec; print(*sys.modules)"
    path = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert [name for name in loaded if name.startswith(f"{OURS}.")] == [f"{OURS}.filter", f"{OURS}.filter.appsec"]
    assert not {"requests", "yaml", "ansible"} & set(loaded)


# Each merges the one before it nine times.
BOMB = "".join(f"a{one}: &a{one} {{<<: [{', '.join([f'*a{one - 1}'] * 9)}]}}\n" for one in range(1, 13)).replace("*a0", "{x: 1}")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("tenant_plan_digest: x\n", ["tenant_plan_digest"]),
        ('{"tenant_plan_digest": "x", "other": 1}', ["tenant_plan_digest", "other"]),
        ("? tenant_plan_digest\n: x\n", ["tenant_plan_digest"]),
        ('"tenant_plan_\\x64igest": x\n', ["tenant_plan_digest"]),
        ("a: &a {tenant_plan_digest: x}\n<<: *a\n", ["a", "tenant_plan_digest"]),
        ("a: &a {tenant_plan_digest: x}\n<<: [*a]\nsecret: !vault x\n", ["a", "tenant_plan_digest", "secret"]),
        ("a: {tenant_plan_digest: x}\n", ["a"]),
        ("", []),
        ("- tenant_plan_digest: x", ["tenant_plan_digest"]),
        ("a: [", []),
        ("? !!str {=: tenant_plan_digest}\n: x\n", ["=", "tenant_plan_digest"]),
        ("&a [*a]", []),
        (f"{BOMB}<<: *a12\n", [*(f"a{number}" for number in range(1, 13)), "x"]),
        # What Ansible reads, and Python's own reader of YAML does not.
        ('{\n\t"tenant_plan_digest": "x"}', ["tenant_plan_digest"]),
        ("tenant_plan_digest:\tx\n", ["tenant_plan_digest"]),
        ('{"a": "\x7f", "tenant_plan_digest": "x"}', ["a", "tenant_plan_digest"]),
        (f'{{"{"a" * 3000}": 1, "tenant_plan_digest": "x"}}', ["a" * 3000, "tenant_plan_digest"]),
    ],
)
def test_the_names_that_a_data_file_sets_are_found_in_every_form(text: str, names: list[str]) -> None:
    assert names_set(text) == names


@pytest.mark.parametrize("text", ["[" * 100_000, f"tenant_plan_digest: x\na: {'[' * 3000}{']' * 3000}"], ids=len)
def test_a_data_file_that_nobody_can_read_is_not_passed(text: str) -> None:
    with pytest.raises(AnsibleFilterError, match="nested too deep"):
        names_set(text)
