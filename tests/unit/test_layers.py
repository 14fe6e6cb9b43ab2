# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house: nothing imports upward, and floors 0 to 3 know nothing of Ansible, so that they can be tested bare and shipped as one file."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UTILS = ROOT / "plugins" / "module_utils"
PACKAGE = "ansible_collections.cortex_cloud.appsec.plugins.module_utils"

# As in the table of the architecture. Any other file says in its docstring on which floor it lives.
FIXED = {"_errors": 0, "_http": 1, "_api": 2, "_data_sources": 3, "_sarif": 3, "_audit": 3, "_verify": 3, "_module": 4}
SAID = re.compile(r"^Private to the collection, floor ([0-4])\.$", re.MULTILINE)
# Above them: what only runs on the controller; modules, filters, look-ups (what may the user say); action plugins (what does the user see).
UPPER = {"plugin_utils": 4, "modules": 5, "filter": 5, "lookup": 5, "action": 6}


def files() -> list[Path]:
    return sorted(p for folder in ("module_utils", *UPPER) for p in (ROOT / "plugins" / folder).rglob("*.py"))


def floor_of(dotted: str) -> int:
    """dotted: below plugins/, such as module_utils._data_sources.plan."""
    kind, _dot, rest = dotted.partition(".")
    if kind in UPPER:
        return UPPER[kind]
    first = rest.split(".")[0]
    return FIXED[first] if first in FIXED else said_floor(ROOT / "plugins" / Path(*dotted.split(".")).with_suffix(".py"))


def said_floor(path: Path) -> int:
    said = SAID.search(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
    assert said, f"{path.name} does not say in its docstring on which floor it lives"
    return int(said[1])


def own_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "plugins").with_suffix("").parts)


@functools.cache
def imported(path: Path) -> tuple[str, ...]:
    return tuple(imports(path))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, absolute: also inside functions, and relative ones resolved."""
    here = own_name(path).split(".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level]) if node.level else ""
            base = f"ansible_collections.cortex_cloud.appsec.plugins.{base}" if node.level else ""
            parent = ".".join(filter(None, [base, node.module]))
            yield parent
            # `from ._data_sources import report` imports a module, not only a name.
            yield from (f"{parent}.{alias.name}" for alias in node.names)


def ours(names: Iterator[str]) -> Iterator[str]:
    """Those of our own files, from below plugins/."""
    known = {own_name(p) for p in files()}
    for name in names:
        below = name.removeprefix("ansible_collections.cortex_cloud.appsec.plugins.")
        if below in known:
            yield below


@pytest.mark.parametrize("path", files(), ids=own_name)
def test_nothing_imports_upward_and_modules_never_each_other(path: Path) -> None:
    own, floor = own_name(path), floor_of(own_name(path))
    above = [name for name in ours(imported(path)) if floor_of(name) > floor or (floor >= 5 and floor_of(name) == floor)]
    assert above == [], f"{own} is on floor {floor}"


PURE = [p for p in files() if own_name(p).endswith(("plan", "normalise")) or "_sarif.rules." in own_name(p)]


@pytest.mark.parametrize("path", PURE, ids=own_name)
def test_plan_normalise_and_the_rules_of_sarif_are_pure(path: Path) -> None:
    reached, todo = set[str](), [own_name(path)]
    while todo:
        name = todo.pop()
        reached.add(name)
        source = ROOT / "plugins" / Path(*name.split(".")).with_suffix(".py")
        todo += [n for n in ours(imported(source)) if n not in reached]
        doing = {n.split(".")[0] for n in imported(source)} & {"os", "io", "pathlib", "socket", "requests", "subprocess", "time", "random"}
        assert doing == set(), name


@pytest.mark.parametrize("path", [p for p in files() if floor_of(own_name(p)) <= 3], ids=own_name)
def test_floors_0_to_3_import_nothing_of_ansible(path: Path) -> None:
    foreign = [n for n in imported(path) if n.split(".")[0] in ("ansible", "ansible_collections")]
    assert [n for n in foreign if not n.startswith(PACKAGE)] == []


WITHOUT_ANSIBLE = """
import importlib, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "ansible":
            raise ImportError("ansible is not here")
sys.meta_path.insert(0, Refuse())
for name in sys.argv[1:]:
    importlib.import_module(name)
try:
    import ansible
except ImportError:
    print("imported", len(sys.argv) - 1, "without ansible")
"""


def import_without_ansible(*names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_ANSIBLE, *names],
        env={"PYTHONPATH": str(ROOT / ".build"), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_floors_0_to_3_can_be_imported_where_ansible_cannot() -> None:
    low = [p for p in files() if floor_of(own_name(p)) <= 3]
    names = ["ansible_collections.cortex_cloud.appsec.plugins." + own_name(p).removesuffix(".__init__") for p in low]
    done = import_without_ansible(*names)
    assert (done.stderr, done.stdout) == ("", f"imported {len(names)} without ansible\n")


def test_that_check_can_fail() -> None:
    assert "ansible is not here" in import_without_ansible(f"{PACKAGE}._module").stderr


@pytest.mark.parametrize("path", [p for p in files() if "module_utils" in p.parts and p.stat().st_size], ids=own_name)
def test_private_files_say_so_and_name_the_floor_they_live_on(path: Path) -> None:
    assert said_floor(path) == floor_of(own_name(path))


FOLDERS = sorted({path.parent for path in UTILS.rglob("*.py")})


def described(folder: Path) -> set[str]:
    """The files that the architecture's table of this folder names."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    name = "module_utils" if folder == UTILS else str(folder.relative_to(UTILS))
    section = re.search(rf"^(?:Inside|In) `{re.escape(name)}`.*?\n\n(.*?)(?=^\S*Inside `|^In `|\Z)", text, re.DOTALL | re.MULTILINE)
    assert section, f"the architecture has no table of {name}"
    rows = [line for line in section[1].splitlines() if line.startswith("|")]
    return {file for row in rows for file in re.findall(r"`([\w]+\.py)`", row.split("|")[1])}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_folder_has_a_table_of_just_its_files(folder: Path) -> None:
    assert described(folder) == {path.name for path in folder.glob("*.py") if path.stat().st_size}
