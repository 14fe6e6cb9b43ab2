# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements about the API name rows of docs/api.md, and each row has one source and one name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CITED = re.compile(r"docs/api\.md: ((?:[a-z]+\.[a-z0-9]+(?:, )?)+)")
SOURCES = {"published", "previous", "guide", "key guide", "console", "client", "assumed"}


def rows() -> list[tuple[str, set[str]]]:
    """(name, sources) of every statement."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| ([a-z]+\.[a-z0-9]+) \| .+ \| ([a-z, ]+) \|$", page, re.MULTILINE)
    return [(name, set(sources.split(", "))) for name, sources in found]


def cited() -> Iterator[tuple[str, str]]:
    """(file, row) of every reference in code and tests."""
    for folder in ("plugins", "tests", "scripts"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".yml", ".yaml", "") and path.is_file() and path != Path(__file__):
                for names in CITED.findall(path.read_text(encoding="utf-8")):
                    yield from ((path.name, name) for name in names.rstrip(", ").split(", "))


def test_each_row_has_a_name_of_its_own_and_known_sources() -> None:
    names = [name for name, _sources in rows()]
    assert len(names) > 50
    assert sorted(set(names)) == sorted(names)
    assert [(name, sources) for name, sources in rows() if not sources <= SOURCES] == []


def test_every_reference_names_a_row() -> None:
    known = {name for name, _sources in rows()}
    assert [(file, name) for file, name in cited() if name not in known] == []
    assert len(list(cited())) > 10
