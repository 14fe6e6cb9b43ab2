# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of docs/repositories.md: each published member of a repository, and where a user sees it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.kinds import KINDS
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repositories import (
    BROKEN,
    MEMBERS,
    SCANNED,
    shown,
)
from ansible_collections.cortex_cloud.appsec.plugins.modules import repository, repository_info

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CORTEX_SHARED") or ROOT.parent / "shared") / "published-api.yaml"
DOCUMENT = yaml.safe_load((ROOT / "tests" / "tenant" / "openapi.yaml").read_text(encoding="utf-8"))
PUBLISHED = DOCUMENT["components"]["schemas"]["Repository"]["properties"]
# Members that the collection returns and does nothing else with.
RETURNED_ONLY = {
    "externalId", "projectId", "defaultBranch", "description", "isForked", "isPublic", "isBillable", "creationDate", "observationTime",
    "diskSize",
}  # fmt: skip


def rows() -> dict[str, tuple[str, str]]:
    """member -> what the table says about it: in the module, and elsewhere."""
    page = (ROOT / "docs" / "repositories.md").read_text(encoding="utf-8")
    table = page[page.index("| published member |") :].partition("\n\n")[0].splitlines()[2:]
    found: dict[str, tuple[str, str]] = {}
    for line in table:
        members, module, elsewhere = (cell.strip() for cell in line.strip("|").split("|"))
        for member in re.findall(r"`(\w+)`", members):
            assert member not in found
            found[member] = module, elsewhere
    return found


def test_every_published_member_has_its_row_and_is_returned() -> None:
    said = rows()
    assert sorted(said) == sorted(PUBLISHED)
    assert {member for member, (_module, elsewhere) in said.items() if not elsewhere} == RETURNED_ONLY
    returned = set(shown(dict.fromkeys(PUBLISHED)))
    assert returned == {"id", *MEMBERS}
    documented = yaml.safe_load(repository_info.RETURN)["repositories"]["contains"]
    assert set(documented) == returned
    for member, (module, _elsewhere) in said.items():
        (snake,) = set(shown({member: None})) - {SCANNED, BROKEN}
        assert f"`{snake}`" in module or module == "the same in snake case", member


def test_references_of_the_table_exist() -> None:
    filters = set(yaml.safe_load(repository_info.DOCUMENTATION)["options"])
    kinds = set(KINDS)
    settings = set(repository.ONE)
    for member, (_module, elsewhere) in rows().items():
        for part in re.split(r"; ", elsewhere):
            words = re.findall(r"`(\w+)`", part)
            if part.startswith("filter"):
                assert set(words) <= filters, member
            elif part.startswith("`repository`:"):
                assert set(words[1:]) <= settings, member
            elif part.startswith("audit") and words:
                assert set(words) <= kinds, member


@pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there: set CORTEX_SHARED to the folder that holds it")
def test_the_members_are_those_that_the_vendor_publishes() -> None:
    text = SHARED.read_text(encoding="utf-8")
    section = yaml.safe_load(text[text.index("\nRepository:") : text.index("\nprevious-generation:")])["Repository"]
    published = {*section["identity"], *section["facts"], *section["scanned"], *(set(section) - {"identity", "facts", "scanned"})}
    assert published == set(PUBLISHED)
