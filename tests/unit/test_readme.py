# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""README.md as Galaxy and Automation Hub show it: away from the repository, to people who have only installed the collection."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HERE = "https://github.com/ansible-collections/cortex_cloud.appsec/blob/main/"
# Those that Automation Hub asks for, and where a community collection says the rest.
SECTIONS = ("Requirements", "Installation", "Use cases", "Tested with", "Support", "Release notes", "Contributing", "Licence")
LINK = re.compile(r"\[(?P<text>[^\]]+)\](?:\((?P<target>[^)]+)\)|\[(?P<label>[^\]]+)\])?")


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def targets() -> list[str]:
    prose = re.sub(r"```.*?```|`[^`\n]+`", "", README, flags=re.DOTALL)
    defined = {label.lower(): url for label, url in re.findall(r"^\[([^\]]+)\]: (\S+)$", prose, re.MULTILINE)}
    body = re.sub(r"^\[[^\]]+\]: \S+$", "", prose, flags=re.MULTILINE)
    named = [found["target"] or defined[(found["label"] or found["text"]).lower()] for found in LINK.finditer(body)]
    assert set(defined.values()) <= set(named), "a link is defined and not used"
    return named


def leads(link: str) -> bool:
    """Whether a link is whole, and what it means of this repository is there."""
    place, _hash, anchor = link.partition("#")
    if place and not place.startswith(HERE):
        return place.startswith("https://")
    file = ROOT / (place.removeprefix(HERE) or "README.md")
    return file.is_file() and (not anchor or anchor in anchors(file.read_text(encoding="utf-8")))


def test_every_link_is_whole_and_leads_to_something() -> None:
    links = targets()
    assert len(links) > 30
    assert [link for link in links if not leads(link)] == []


def test_it_has_the_sections_that_are_asked_for_and_an_example_on_the_first_screen() -> None:
    assert [name for name in SECTIONS if f"\n## {name}\n" not in README] == []
    assert "```yaml" in "\n".join(README.splitlines()[:40])


def test_what_takes_a_clone_stands_in_one_section() -> None:
    before, _heading, rest = README.partition("## Try it without a tenant\n")
    after = rest.partition("\n## ")[2]
    assert [line for line in (before + after).splitlines() if re.search(r"\bgit clone\b|`make |^make ", line)] == []
