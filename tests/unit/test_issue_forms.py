# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The issue forms are such as GitHub shows, and ask for what the page of help tells how to make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
# What GitHub knows: element -> its attributes.
ELEMENTS = {
    "markdown": {"value"}, "textarea": {"label", "description", "render", "placeholder", "value"},
    "input": {"label", "description", "placeholder", "value"}, "checkboxes": {"label", "description", "options"},
}  # fmt: skip


def elements(form: dict[str, Any], kind: str) -> dict[str, Any]:
    return {one["id"]: one for one in form["body"] if one["type"] == kind}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_a_form_has_what_github_wants(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(form) == {"name", "description", "labels", "body"}
    for one in form["body"]:
        assert set(one["attributes"]) <= ELEMENTS[one["type"]]
        assert set(one) <= {"type", "id", "attributes", "validations"}
        assert one["type"] == "markdown" or one["attributes"]["label"]
    named = [one["id"] for one in form["body"] if one["type"] != "markdown"]
    assert sorted(set(named)) == sorted(named)
    assert "profile" in elements(form, "textarea")


def test_a_fault_comes_with_its_trace_as_the_page_says() -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "2-fault.yml").read_text(encoding="utf-8"))
    trace = elements(form, "textarea")["trace"]
    assert trace["validations"] == {"required": True}
    page = (ROOT / "docs" / "help.md").read_text(encoding="utf-8")
    for said in ("CORTEXCLOUD_TRACE_FILE=$PWD/trace.har",):
        assert said in trace["attributes"]["description"]
        assert said in page
