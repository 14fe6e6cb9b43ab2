# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries that can be decommissioned, and the instances that the onboarding still lists."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import TYPES
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._items import (
    decommission_items,
    decommission_listed,
)

SNYK = {"type": "SNYK", "name": "snyk-eu"}
ROW: dict[str, Any] = {"id": "12", "type": "SNYK", "name": "snyk-eu", "hostname": "api.eu.snyk.io", "action": "deleted"}


def test_an_item_of_the_data_file_loses_its_secrets_and_its_scope() -> None:
    moved = {**SNYK, "domain": {"hostname": "api.eu.snyk.io", "protocol": "https"}, "credentials": {"token": "secret"}, "state": "present",
             "selection_type": "MANUAL_SELECTION", "repositories": ["a/b"]}  # fmt: skip
    assert decommission_items([moved, {"id": "12"}, {"type": "COLLECTOR", "unique_properties": {"name": "bandit"}}]) == [
        {**SNYK, "domain": {"hostname": "api.eu.snyk.io"}, "state": "absent"},
        {"id": "12", "state": "absent"},
        {"type": "COLLECTOR", "name": "bandit", "state": "absent"},
    ]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("snyk-eu", "decommission_data_sources must be a list of data sources, such as [{type: SNYK, name: snyk-eu}]."),
        (["snyk-eu"], "decommission_data_sources[0] is not a data source: write it as {type: SNYK, name: snyk-eu}, or with its ID."),
        ([SNYK, {"type": "SNYK"}], "decommission_data_sources[1]: state absent with type alone could delete the wrong instance"),
        ([{"type": "SNYK", "nmae": "secret"}], "decommission_data_sources[0]: unknown option nmae"),
        ([{**SNYK, "ignore": True}], "decommission_data_sources[0] has ignore: true"),
        ([{"name": "snyk-eu"}], "decommission_data_sources[0] (snyk-eu): give type or id"),
    ],
)
def test_invalid_entries_are_refused(entries: Any, said: str) -> None:
    with pytest.raises(AnsibleFilterError) as refused:
        decommission_items(entries)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "entry",
    [
        SNYK,
        {"type": "SNYK"},
        {"type": "snyk", "domain": {"hostname": "https://API.eu.snyk.io/"}},
        {"id": 12},
        {"type": "SNYK", "unique_properties": {"name": "snyk-eu"}},
        {**SNYK, "state": "created", "domain": None},
    ],
)
def test_instances_that_the_onboarding_lists(entry: dict[str, Any]) -> None:
    (said,) = decommission_listed([ROW], [{"type": "JENKINS_SERVER", "name": "blue"}, entry])
    assert said.startswith('SNYK "snyk-eu" (id 12) is still listed by the onboarding (its item 1, ')
    assert "would create it again" in said


def test_an_item_with_ignore_is_managed_by_others() -> None:
    (said,) = decommission_listed([ROW], [{**SNYK, "ignore": True}])
    assert "with ignore: true, so it is managed by others" in said


@pytest.mark.parametrize(
    "entry", [{**SNYK, "state": "absent"}, {**SNYK, "name": "snyk-us"}, {"type": "SONARQUBE"}, {"id": "13"}, {**SNYK, "id": "13"}, {}]
)
def test_instances_that_the_onboarding_does_not_list(entry: dict[str, Any]) -> None:
    assert decommission_listed([ROW], [entry]) == []


def test_an_instance_without_a_shown_host_may_be_listed() -> None:
    assert decommission_listed([{**ROW, "hostname": None}], [{**SNYK, "domain": {"hostname": "api.us.snyk.io"}}])


def test_a_deleted_instance_given_by_id_is_only_matched_by_its_id() -> None:
    gone = {**ROW, "type": None, "name": None, "hostname": None}
    assert decommission_listed([gone], [SNYK]) == []
    assert decommission_listed([gone], [{"id": "12"}])


def test_the_onboarding_list_must_be_a_list() -> None:
    with pytest.raises(AnsibleFilterError, match="decommission_expected must be a list"):
        decommission_listed([ROW], {"a": 1})


def test_the_plan_lists_what_a_deletion_destroys_for_each_type() -> None:
    """Only the exceptions that the vendor's page names (docs/api.md: delete.destroys)."""
    general = TYPES["GITHUB"].destroys
    assert "findings are closed and issues resolved" in general
    own = {name: kind.destroys for name, kind in TYPES.items() if kind.destroys != general}
    assert set(own) == {"SNYK", "SEMGREP", "SONARQUBE", "COLLECTOR"}
    for name, said in (("SNYK", "stay open"), ("SEMGREP", "removed"), ("SONARQUBE", "purged"), ("COLLECTOR", "invalid")):
        assert said in own[name]
        assert "findings are closed" not in own[name]
