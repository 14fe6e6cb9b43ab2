# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the workflows repeat from elsewhere is the same there. That they are valid, actionlint and zizmor say."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((WORKFLOWS / f"{name}.yml").read_text(encoding="utf-8"))
    return loaded


def pythons() -> dict[str, list[str]]:
    """ansible-core to the Pythons that it supports, as in the matrix of scripts/test-matrix."""
    rows = re.search(r"^matrix=\((.*)\)$", (ROOT / "scripts" / "test-matrix").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows
    return {row.split()[0]: [word for word in row.split()[1:] if word != "pre"] for row in re.findall(r"'([^']+)'", rows[1])}


def test_each_core_runs_with_the_oldest_and_the_newest_python_that_it_supports() -> None:
    included = workflow("test")["jobs"]["core"]["strategy"]["matrix"]["include"]
    assert [(one["core"], one["python"]) for one in included] == [
        (core, python) for core, supported in pythons().items() for python in (supported[0], supported[-1])
    ]


def test_sanity_runs_on_each_core_and_on_the_one_to_come() -> None:
    cores = workflow("ansible-test")["jobs"]["sanity"]["strategy"]["matrix"]["core"]
    assert cores == [*(f"stable-{core}" for core in pythons()), "devel"]


def test_the_author_of_the_modules_is_asked_to_review() -> None:
    modules = [path.read_text(encoding="utf-8") for path in (ROOT / "plugins" / "modules").glob("*.py")]
    (author,) = {name for text in modules for name in re.findall(r"\((@[^)]+)\)", text)}
    owners = (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    assert [line for line in owners if not line.startswith("#")] == [f"* {author}"]


def release_script() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("release", str(ROOT / "scripts" / "release"))
    spec = importlib.util.spec_from_loader("release", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_notes_of_a_release_are_its_part_of_the_changelog() -> None:
    notes = release_script().notes
    newer = '<a id="v1-1-0"></a>\n## v1\\.1\\.0\n\nNew\\.\n\n<a id="bugfixes"></a>\n### Bugfixes\n\n* One\\.\n\n'
    page = f'# Notes\n\n{newer}<a id="v1-0-0"></a>\n## v1\\.0\\.0\n\nFirst\\.\n'
    assert notes("1.1.0", page) == 'New\\.\n\n<a id="bugfixes"></a>\n### Bugfixes\n\n* One\\.'
    assert notes("1.0.0", page) == "First\\."
    assert notes("1.0", page) == ""


def test_a_tag_that_is_not_the_version_is_not_released() -> None:
    assert release_script().missing("0.0.1")[0].startswith("The tag 0.0.1 is not the version ")
