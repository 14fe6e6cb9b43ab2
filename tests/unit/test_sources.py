# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements about the API name rows of docs/api.md; each row has a name, sources, and the tenant's switches for its readings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tenant.switches import SWITCHES

ROOT = Path(__file__).resolve().parents[2]
CITED = re.compile(r"docs/api\.md: ((?:[a-z]+\.[a-z0-9]+(?:, )?)+)")
SOURCES = {"published", "previous", "guide", "key guide", "console", "client", "assumed"}


def rows() -> list[tuple[str, set[str], set[str]]]:
    """(name, sources, switches of the embedded tenant) of every statement."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| ([a-z]+\.[a-z0-9]+) \| .+ \| ([a-z, ]+) \|([a-z_`, ]+)\|$", page, re.MULTILINE)
    # A row in another form would be looked at by no test.
    assert len(found) == len(re.findall(r"^\| [a-z]+\.", page, re.MULTILINE))
    return [(name, set(sources.split(", ")), set(re.findall(r"`(\w+)`", switches))) for name, sources, switches in found]


def cited() -> Iterator[tuple[str, str]]:
    """(file, row) of every reference in code and tests."""
    for folder in ("plugins", "tests", "scripts"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".yml", ".yaml", "") and path.is_file() and path != Path(__file__):
                for names in CITED.findall(path.read_text(encoding="utf-8")):
                    yield from ((path.name, name) for name in names.rstrip(", ").split(", "))


def test_each_row_has_a_name_of_its_own_and_known_sources() -> None:
    names = [name for name, _sources, _switches in rows()]
    assert len(names) > 50
    assert sorted(set(names)) == sorted(names)
    assert [(name, sources) for name, sources, _switches in rows() if not sources <= SOURCES] == []


def test_each_switch_of_the_tenant_stands_for_a_statement() -> None:
    """What can be read in more than one way is tested in each: the switch says how the tenant reads it, the row what is known."""
    named = {switch for _name, _sources, switches in rows() for switch in switches}
    assert named - set(SWITCHES) == set()
    assert {name for name, switch in SWITCHES.items() if switch.source != "for tests"} - named == set()


def test_every_reference_names_a_row() -> None:
    known = {name for name, _sources, _switches in rows()}
    assert [(file, name) for file, name in cited() if name not in known] == []
    assert len(list(cited())) > 10
