# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every promise of docs/security.md names the tests that check it, and each of them exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAD = "| promise | what it means | checked by |\n|---|---|---|\n"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def promises() -> dict[str, list[tuple[str, str]]]:
    """The (file, test) pairs of each promise. A row in another form is a promise without tests."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [row for table in page.split(HEAD)[1:] for row in table.split("\n\n")[0].splitlines()]
    found = {}
    for row in rows:
        _before, promise, *_meaning, held_by, _after = row.split("|")
        found[promise.strip()] = NAMED.findall(held_by) if NAMED.sub("", held_by).strip(" ,") == "" else []
    return found


@cache
def names_in(file: str) -> set[str]:
    """The names of the test functions in a file; none when there is no such file."""
    if not (ROOT / file).is_file():
        return set()
    return {node.name for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_every_promise_is_held_by_tests_that_exist() -> None:
    assert len(promises()) > 40
    assert [promise for promise, tests in promises().items() if not tests] == []
    named = {each for tests in promises().values() for each in tests}
    assert sorted(f"{file}::{test}" for file, test in named if test not in names_in(file) or not test.startswith("test_")) == []
