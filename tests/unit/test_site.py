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
    return [text.replace("\0\0", "\0") for text in said]


def test_the_errors_of_the_page_are_the_errors_of_the_code() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    quoted = [cell for row in re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE) for cell in re.findall(r"`([^`]+)`", row)]
    code = said_in_code()
    assert len(quoted) > 15
    strangers = [part for line in quoted for part in re.split(r" ?… ?", line) if part and not any(part in text for text in code)]
    assert strangers == []
