# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation site holds every page of docs/, and what docs/errors.md quotes is what the code says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_is_on_the_site() -> None:
    script = (ROOT / "scripts" / "docs").read_text(encoding="utf-8")
    named = set(re.findall(r'"([a-z_-]+)"', script[script.index("GUIDES = (") : script.index("def blob_url")]))
    assert named == {page.stem for page in (ROOT / "docs").glob("*.md")}


def said_in_code() -> list[str]:
    """Every string of the plugins; the holes of an f-string are gaps, as the … of the page."""
    said = []
    for file in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                said.append("\0".join(part.value if isinstance(part, ast.Constant) else "" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.append(node.value)
    # What the playbooks and roles say themselves.
    books = [*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles").rglob("*.yml")]
    said += [" ".join(file.read_text(encoding="utf-8").split()) for file in books]
    return [text.replace("\0\0", "\0") for text in said]


def test_the_errors_of_the_page_are_the_errors_of_the_code() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    quoted = [cell for row in re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE) for cell in re.findall(r"`([^`]+)`", row)]
    code = said_in_code()
    assert len(quoted) > 15
    strangers = [part for line in quoted for part in re.split(r" ?… ?", line) if part and not any(part in text for text in code)]
    assert strangers == []


DATA_SOURCES = ROOT / "plugins" / "module_utils" / "_data_sources"


def raised(file: Path) -> list[ast.Call]:
    """Every error that a file makes."""
    calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return [call for call in calls if re.search(r"Error$|^PartlyDone$|^Surprise$|^Undetermined$", ast.unparse(call.func))]


def test_an_error_that_begins_with_a_data_source_has_it_as_its_subject() -> None:
    """Otherwise the result of a list would put the name in front a second time."""
    found = [(file, call) for file in DATA_SOURCES.glob("*.py") for call in raised(file)]
    assert len(found) > 50
    begins = [(call.args[0].values[0], file) for file, call in found if call.args and isinstance(call.args[0], ast.JoinedStr)]
    named = [(file.name, ast.unparse(first)) for first, file in begins if isinstance(first, ast.FormattedValue)]
    assert [each for each in named if re.search(r"label|subject", each[1])] == []


def test_what_writes_never_puts_the_blame_on_the_input() -> None:
    """An InputError promises that nothing was sent."""
    for name in ("apply.py", "create.py", "lost.py", "wait.py", "write.py"):
        assert [ast.unparse(call) for call in raised(DATA_SOURCES / name) if ast.unparse(call.func) == "InputError"] == []
