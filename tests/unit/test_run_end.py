# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines at the end of a run."""

from __future__ import annotations

from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._run_end import run_end


def row(index: int, action: str, **more: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(["id", "identifier", "hostname", "status", "selection_type", "repositories_count", "external_projects_count"])
    return {**nothing, "index": index, "action": action, "type": "SNYK", "name": f"s{index}", **more}


TODO = {"id": None, "type": "GITHUB", "name": "gh", "step": "install the app"}
RESULT = {
    "data_sources": [
        row(0, "created", hostname="api.snyk.io", external_projects_count=1, status="CONNECTED"),
        row(1, "updated", type="GITLAB", selection_type="MANUAL_SELECTION", repositories_count=1, backup_file="/b/s1.yml"),
        row(2, "unchanged", type="GITHUB", selection_type="CURRENT_STATE", repositories_count=7),
        row(3, "failed", error="SNYK \"s3\" (id 3): this would deselect all."),
        row(4, "undetermined", error="Cannot tell which one is meant."),
        row(5, "deleted", selection_type="MANUAL_SELECTION", repositories_count=0),
        row(6, "pending", pending_actions=[TODO]),
    ],
    "pending_actions": [TODO],
}  # fmt: skip
ENTRIES = {"vcs_github": [{"name": "x"}] * 5}


def test_a_partly_failed_run_lists_what_was_done_what_remains_and_why() -> None:
    end = run_end(RESULT, False, variables=ENTRIES, items=[{"type": "SNYK"}])
    assert end["lines"] == [
        "created       SNYK    s0  api.snyk.io  1 mapping  CONNECTED",
        "updated       GITLAB  s1               1 repo",
        "failed        SNYK    s3",
        "undetermined  SNYK    s4",
        "deleted       SNYK    s5               0 repos",
        "pending       SNYK    s6",
        "To do: GITHUB gh: install the app",
        'Failed: vcs_github[2]: SNYK "s3" (id 3): this would deselect all.',
        'Undetermined: vcs_github[3]: SNYK "s4": Cannot tell which one is meant.',
        "Backup: /b/s1.yml",
        "Applied: 1 created, 1 updated, 1 deleted, 1 unchanged, 1 failed, 1 pending, 1 undetermined",
    ]
    assert end["failed"] == (
        "2 of 7 data sources could not be brought to the desired state, for the reasons above: "
        'vcs_github[2]: SNYK "s3", vcs_github[3]: SNYK "s4".'
    )


def test_a_plan_without_changes_is_one_line_unless_all_is_requested() -> None:
    result = {"data_sources": [RESULT["data_sources"][2]], "pending_actions": []}
    assert run_end(result, True) == {"lines": ["Plan: 0 create, 0 update, 0 delete, 1 unchanged"], "failed": ""}
    assert run_end(result, True, "all")["lines"][0] == "unchanged  GITHUB  s2  all"


def test_manual_steps_are_listed_even_without_a_change() -> None:
    waits = row(0, "unchanged", type="GITHUB", name="gh", status="PENDING", pending_actions=[TODO])
    assert run_end({"data_sources": [waits], "pending_actions": [TODO]}, True)["lines"][:2] == [
        "unchanged  GITHUB  gh  PENDING",
        "To do: GITHUB gh: install the app",
    ]


def test_a_pruned_instance_has_no_place_and_a_name_stays_on_one_line() -> None:
    failed = row(1, "failed", name="a\nb", error="HTTP 500")
    end = run_end({"data_sources": [row(0, "unchanged"), failed], "pending_actions": []}, False, items=[{}])
    assert 'Failed: SNYK "a\\nb": HTTP 500' in end["lines"]
    assert not any("\n" in line for line in end["lines"])


def test_a_run_that_did_nothing_ends_with_the_reason() -> None:
    assert run_end({"failed": True, "msg": "HTTP 401"}, False) == {"lines": [], "failed": "HTTP 401"}
    assert run_end({"failed": True}, False) == {"lines": [], "failed": "it failed"}
