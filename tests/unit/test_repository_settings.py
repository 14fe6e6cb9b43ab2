# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests for the settings of a repository, from plain data."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._admitted import Unreadable
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_settings import (
    changes_of,
    current_of,
    narrows,
)

ON, OFF = {"is_enabled": True}, {"is_enabled": False}


def scans(**scanners: Any) -> dict[str, Any]:
    return {"scan_configuration": {"scanners": scanners}}


def test_the_history_that_is_shown_as_a_scanner_is_sent_as_an_option() -> None:
    """It might be switched off if it was missing from a member that is replaced as a whole."""
    current = current_of(scans(secrets=ON, git_history=ON, sca=ON))
    changes = changes_of(scans(sca=OFF), current, "n")
    assert changes == scans(secrets={**ON, "scan_options": {"git_history": True}}, sca=OFF)
    # Where the option itself is shown, it counts.
    both = current_of(scans(secrets={**ON, "scan_options": {"git_history": False}}, git_history=ON))
    assert both == scans(secrets={**ON, "scan_options": {"git_history": False}})


def test_a_branch_whose_name_cannot_be_read_is_never_sent_back() -> None:
    current = current_of({"scanned_branches": [{"name": "main", "is_primary": True}, {"name": Unreadable("x")}]})
    with pytest.raises(InputError, match="whose name cannot be read"):
        changes_of({"primary_branch": "main"}, current, "n")
    given = {"scanned_branches": ["main"], "primary_branch": "main"}
    assert changes_of(given, current, "n") == given


@pytest.mark.parametrize(
    ("held", "changes", "told"),
    [
        (scans(sca=ON), scans(sca=OFF), ["sca"]),
        (scans(sca=OFF), scans(sca=ON), []),
        (scans(secrets={**ON, "scan_options": {"git_history": True}}), scans(secrets={**ON, "scan_options": {"git_history": False}}),
         ["secrets git_history"]),
        ({"scan_configuration": {"pr_scanning": ON}}, {"scan_configuration": {"pr_scanning": OFF}}, ["pull requests"]),
        ({"scan_configuration": {"excluded_paths": ["a"]}}, {"scan_configuration": {"excluded_paths": ["b"]}}, ["path b"]),
        ({"scanned_branches": ["main", "rc"]}, {"scanned_branches": ["main"]}, ["branch rc"]),
        ({"scanned_branches": ["main", "rc"]}, scans(sca=ON), []),
    ],
)  # fmt: skip
def test_lost_coverage_is_listed(held: dict[str, Any], changes: dict[str, Any], told: list[str]) -> None:
    assert narrows(changes, held) == told
