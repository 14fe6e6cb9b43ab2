# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as people read it: only what changes, lists by what comes and goes, secrets never."""

from __future__ import annotations

from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.instance import Instance
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.plan import (
    Plan,
    plan_create,
    plan_delete,
    plan_update,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.show import diff_of

GIVEN = {"state": "present", "repositories_mode": "merge", "external_projects_mode": "merge", "max_deselect": 10}
ITEM: dict[str, Any] = {**GIVEN, "type": "GITLAB_SELF_MANAGED", "name": "core"}
HELD: dict[str, Any] = {
    "id": "12",
    "type": "GITLAB_SELF_MANAGED",
    "name": "core",
    "domain": {"hostname": "gitlab.example.com"},
    "selectionType": "MANUAL_SELECTION",
    "state": ["a/1", "a/2", "a/3"],
    "repositoriesCount": 3,
    "externalProjects": [],
    "uniqueProperties": {"name": "core", "group": "g", "apiToken": "old-secret"},
}


def update(item: dict[str, Any], raw: dict[str, Any]) -> Plan:
    """Planned from an instance that was read by id."""
    return plan_update(item, Instance(raw, full=True))


def difference(item: dict[str, Any], current: dict[str, Any] | None = None) -> dict[str, Any]:
    plan = update(item, current) if current else plan_create(item)
    shown = diff_of(plan, item)
    assert shown is not None
    return shown


def test_no_change_no_diff() -> None:
    assert diff_of(update(ITEM, HELD), ITEM) is None


def test_only_what_changes_is_shown_with_counts() -> None:
    shown = difference({**ITEM, "repositories": ["a/2", "b/9"], "repositories_mode": "exact"}, HELD)
    assert shown["before_header"] == shown["after_header"] == 'GITLAB_SELF_MANAGED "core" (id 12)'
    assert shown["before"] == "repositories: 3\nrepositories - a/1\nrepositories - a/3\n"
    assert shown["after"] == "repositories: 2\nrepositories + b/9\n"


def test_a_setting_is_shown_and_a_secret_one_only_that_it_will_be_set() -> None:
    shown = difference({**ITEM, "unique_properties": {"group": "h", "apiToken": "new-secret"}}, HELD)
    assert "unique_properties.group: g\n" in shown["before"]
    assert "unique_properties.group: h\n" in shown["after"]
    assert "secret, not shown" in shown["after"]
    assert "old-secret" not in str(shown)
    assert "new-secret" not in str(shown)


def test_a_change_of_a_secret_alone_is_a_visible_change() -> None:
    shown = difference({**ITEM, "unique_properties": {"apiToken": "new-secret"}}, HELD)
    assert shown["before"] != shown["after"]


def test_a_creation_shows_all_and_what_of_it_is_not_shown() -> None:
    item = {
        **ITEM,
        "domain": {"hostname": "h"},
        "credentials": {"client_id": "c", "client_secret": "s3cret"},
        "self_signed_certificate": "PEM",
        "selection_type": "MANUAL_SELECTION",
        "repositories": ["a/1"],
    }
    shown = difference(item)
    assert shown["before"] == ""
    assert shown["before_header"].endswith("(absent)")
    for line in ("type: GITLAB_SELF_MANAGED", "name: core", "domain.hostname: h", "repositories: 1", "repositories + a/1"):
        assert f"{line}\n" in shown["after"]
    assert "credentials.client_id: c\ncredentials.client_secret: (set, not shown)\n" in shown["after"]
    assert "s3cret" not in str(shown)
    # A certificate is public: it is shown by the fingerprint that browsers show.
    assert "self_signed_certificate: of no certificate, SHA-256 " in shown["after"]
    assert "PEM" not in shown["after"]


def test_a_deletion_shows_what_goes() -> None:
    shown = diff_of(plan_delete(Instance(HELD, full=True)), {**ITEM, "state": "absent"})
    assert shown is not None
    assert shown["after"] == ""
    assert shown["after_header"].endswith("(deleted)")
    assert "repositories: 3\n" in shown["before"]
    assert "old-secret" not in str(shown)


def test_a_remapped_project_shows_both_ends() -> None:
    current = {**HELD, "externalProjects": [{"externalProjectId": "p1", "externalId": "e", "repoId": "r1"}]}
    shown = difference({**ITEM, "external_projects": [{"external_project_id": "p1", "external_id": "e", "repo_id": "r2"}]}, current)
    assert "external_projects - external_id=e external_project_id=p1 repo_id=r1\n" in shown["before"]
    assert "external_projects + external_id=e external_project_id=p1 repo_id=r2\n" in shown["after"]


def test_what_the_eye_would_not_tell_apart_is_quoted() -> None:
    for value, text in (("g ", '"g "'), ("g\u00a0", '"g\\u00a0"'), ("7", '"7"'), (" g", '" g"'), ("", '""'), ("g h", "g h")):
        shown = difference({**ITEM, "unique_properties": {"group": value}}, HELD)
        assert shown["after"] == f"unique_properties.group: {text}\n"


def test_the_order_of_a_list_is_no_change() -> None:
    shuffled = {**ITEM, "repositories": ["a/3", "a/1", "a/2"], "repositories_mode": "exact"}
    assert diff_of(update(shuffled, HELD), shuffled) is None
