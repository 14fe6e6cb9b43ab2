# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CONTRIBUTING.md says a new module, role or playbook touches, it touches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Those without code document an action plugin that is internal to a role.
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if "def main(" in path.read_text(encoding="utf-8"))
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
BOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8") if (ROOT / name).exists() else ""


def included() -> set[str]:
    """The names in the first column of README's table of what is included."""
    table = read("README.md").partition("## What is included")[2].partition("\n## ")[0]
    return {name for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_touches_its_files(name: str) -> None:
    missing = [
        what
        for what, there in {
            "README.md, table of what is included": name in included(),
            "meta/runtime.yml, action group": f"- {name}\n" in read("meta/runtime.yml"),
            f"tests/modules/test_{name}.py": (ROOT / "tests" / "modules" / f"test_{name}.py").exists(),
            "tests/modules/test_canary.py": f'"{name}"' in read("tests/modules/test_canary.py"),
        }.items()
        if not there
    ]
    assert missing == []


@pytest.mark.parametrize("name", ROLES)
def test_a_role_touches_its_files(name: str) -> None:
    wanted = [f"roles/{name}/{file}" for file in ("README.md", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml")]
    missing = [file for file in wanted if not read(file)]
    assert missing + ([] if name in included() else ["README.md, table of what is included"]) == []


@pytest.mark.parametrize("name", BOOKS)
def test_a_playbook_touches_its_files(name: str) -> None:
    assert name in included(), "README.md, table of what is included"
    assert f"# ansible-playbook cortex_cloud.appsec.{name}" in read(f"playbooks/{name}.yml"), "how it is called, at its top"
    assert f'"{name}"' in read("tests/playbooks/test_playbooks.py"), "tests/playbooks/test_playbooks.py"


def documented_helpers() -> dict[str, str]:
    """Filters and look-ups, each with its documentation."""
    texts = {path.stem: path for path in (ROOT / "plugins" / "filter").glob("*.yml")}
    texts |= {path.stem: path for path in (ROOT / "plugins" / "lookup").glob("*.py")}
    return {name: path.read_text(encoding="utf-8") for name, path in sorted(texts.items())}


def test_a_helper_that_is_not_for_users_says_so() -> None:
    """Otherwise it would have to stay as it is until the next major version."""
    helpers = documented_helpers()
    for_users = {name for name, text in helpers.items() if "- Internal to the roles and playbooks of this collection;" not in text}
    assert for_users == {"plain_text"}
    assert "except `plain_text`" in read("README.md")
