# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short entries of the roles: what item each stands for, and one line that names the entry when it stands for none."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.check import check_item
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.entries import items_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import (
    argument_spec,
    get,
    item_from,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import (
    INPUTS,
    TYPES,
    VARIABLES,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._texts import split_lists
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._validate import validate_items

WITH_INPUTS = [(variable, kind, key) for variable, kind in VARIABLES.items() for key in TYPES[kind].inputs]


def refusal(variables: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        items_of(variables)
    return str(caught.value)


@pytest.mark.parametrize(("variable", "kind"), VARIABLES.items())
def test_a_name_is_enough(variable: str, kind: str) -> None:
    assert items_of({variable: [{"name": "core"}]}) == [{"type": kind, "name": "core"}]


@pytest.mark.parametrize(("variable", "kind", "key"), WITH_INPUTS)
def test_each_input_is_the_option_it_stands_for(variable: str, kind: str, key: str) -> None:
    value = ["a", "b"] if INPUTS[key].type == "list" else "a"
    (item,) = items_of({variable: [{"name": "core", key: value}]})
    assert get(item, INPUTS[key].option) == value
    assert validate_items([item]) == []
    assert get(item, "domain.protocol") == ("https" if key == "hostname" else None)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("all", {"selection_type": "CURRENT_STATE"}),
        ("all_and_future", {"selection_type": "CURRENT_STATE_AND_FUTURE"}),
        (["a/b", "c/d"], {"selection_type": "MANUAL_SELECTION", "repositories": ["a/b", "c/d"]}),
        ([], {"selection_type": "MANUAL_SELECTION", "repositories": []}),
        (None, {}),
    ],
    ids=repr,
)
def test_a_scope(scope: Any, expected: dict[str, Any]) -> None:
    assert items_of({"vcs_github": [{"name": "core", "scope": scope}]}) == [{"type": "GITHUB", "name": "core", **expected}]


def test_the_options_of_a_data_source_pass_through() -> None:
    passed = {
        "state": "created", "transporter": {"broker_device_id": "b"}, "self_signed_certificate": "PEM", "repositories_mode": "exact",
        "external_projects": [{"external_id": "1"}], "max_deselect": -1, "recreate": "never", "backup_dir": "/b", "wait": True,
        "wait_for_status": ["X"], "wait_timeout": 1, "credentials_file": "/c", "return_credentials": False, "ignore": True, "id": "12",
    }  # fmt: skip
    assert items_of({"ci_jenkins_server": [{"name": "blue", **passed}]}) == [{"type": "JENKINS_SERVER", "name": "blue", **passed}]


def test_an_input_goes_into_the_dictionary_that_is_given() -> None:
    entry = {
        "name": "core", "hostname": "h", "token": "t", "organization_id": "o",
        "domain": {"protocol": "http"}, "credentials": {"type": "PAT"}, "unique_properties": {"team": "blue"},
    }  # fmt: skip
    for order in (entry, dict(reversed(entry.items()))):
        (item,) = items_of({"scanners_snyk": [order]})
        assert item["domain"] == {"hostname": "h", "protocol": "http"}
        assert item["credentials"] == {"type": "PAT", "token": "t"}
        assert item["unique_properties"] == {"team": "blue", "organizationId": "o"}


def test_the_entry_itself_is_left_as_it_is() -> None:
    """It may be a variable that others use, and several hosts may share it."""
    entry: dict[str, Any] = {"name": "core", "hostname": "h", "domain": {"protocol": "http"}, "unique_properties": {"team": "blue"}}
    before = {**entry, "domain": {**entry["domain"]}, "unique_properties": {**entry["unique_properties"]}}
    items_of({"scanners_snyk": [entry]})
    items_of({"scanners_snyk": [{**entry, "organization_id": "o"}]})
    assert entry == before


def test_an_input_left_blank_is_not_given() -> None:
    (item,) = items_of({"scanners_snyk": [{"name": "core", "hostname": None, "organization_id": None, "scope": None}]})
    assert item == {"type": "SNYK", "name": "core"}


def test_a_credential_left_blank_is_known_to_be_missing() -> None:
    """So that a creation without it is refused; a template may have come to nothing."""
    (item,) = items_of({"scanners_snyk": [{"name": "core", "token": None}]})
    assert item == {"type": "SNYK", "name": "core", "credentials": {}}
    (item,) = items_of({"scanners_jfrog": [{"name": "core", "username": "u", "password": None, "credentials": {"type": "x"}}]})
    assert item["credentials"] == {"username": "u", "type": "x"}


def test_items_come_in_the_order_of_the_table() -> None:
    variables = {variable: [{"name": "b"}, {"name": "a"}] for variable in reversed(VARIABLES)}
    assert [(item["type"], item["name"]) for item in items_of(variables)] == [(k, n) for k in VARIABLES.values() for n in "ba"]


def test_variables_of_others_and_empty_ones_are_passed_over() -> None:
    assert items_of({"ci_pipeline_source": "push", "ci_job_token": "x", "vcs_github": [], "scanners_snyk": None}) == []


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"vcs_github": {"name": "x"}}, "vcs_github must be a list of entries, each a dictionary with at least a name."),
        ({"vcs_github": "x"}, "vcs_github must be a list of entries"),
        ({"vcs_github": ["x"]}, "vcs_github[0] must be a dictionary with at least a name."),
        ({"vcs_github": [{"name": "a"}, {"scope": "all"}]}, "vcs_github[1] has no name."),
        ({"vcs_github": [{"name": 1.1}]}, "vcs_github[0]: name is a decimal number now, so the original text is lost"),
        ({"vcs_github": [{"name": True}]}, "vcs_github[0]: name is a Boolean now"),
        ({"vcs_github": [{"name": datetime.date(2024, 1, 1)}]}, "vcs_github[0]: name is a date now"),
        ({"vcs_github": [{"id": 1.5}]}, "vcs_github[0]: id is a decimal number now"),
        ({"vcs_github": [{"name": "a", "scope": ["a/b", 7.5]}]}, "vcs_github[0] (a): scope[1] is a decimal number now"),
        (
            {"vcs_github": [{"name": "a"}, {"name": "b", "scpoe": "all"}]},
            "vcs_github[1] (b): scpoe is not an input of this entry. Did you mean scope?",
        ),
        ({"vcs_github": [{"name": "a", "token": "canary"}]}, "vcs_github[0] (a): token is not an input of this entry."),
        ({"vcs_github": [{"name": "a", "type": "GITLAB"}]}, "vcs_github[0] (a): type is not an input of this entry."),
        ({"vcs_github": [{"name": "a", "scope": "everything"}]}, "vcs_github[0] (a): scope must be all, all_and_future or a list"),
        ({"vcs_github": [{"name": "a", "scope": {"x": 1}}]}, "vcs_github[0] (a): scope must be"),
        ({"vcs_github": [{"name": "a", "scope": ["a/b", []]}]}, "vcs_github[0] (a): scope[1] is a list, where a single string is needed."),
        ({"vcs_github": [{"name": "a", "scope": "all", "repositories": []}]}, "vcs_github[0] (a): scope stands for"),
        ({"scanners_snyk": [{"name": "a", "token": "canary", "credentials": {"token": "canary"}}]},
         "scanners_snyk[0] (a): token and credentials.token set the same thing: give only one."),
        ({"scanners_snyk": [{"name": "a", "hostname": "h", "domain": "canary"}]}, "scanners_snyk[0] (a): domain"),
        ({"scanners_snyk": [{"name": "a", "credentials": "canary", "token": "canary"}]}, "scanners_snyk[0] (a): credentials"),
        ({"scanners_snyk": [{"name": "a", "unique_properties": ["canary"], "organization_id": "o"}]},
         "scanners_snyk[0] (a): unique_properties"),
        ({"scanners_snyk": [{"name": "a", 7: "canary"}]}, "scanners_snyk[0] (a): 7 is not an input of this entry."),
    ],
    ids=lambda value: str(value)[:70] if isinstance(value, str) else "",
)  # fmt: skip
def test_an_invalid_entry_is_named_with_index_and_name(variables: dict[str, Any], expected: str) -> None:
    message = refusal(variables)
    assert message.startswith(expected)
    assert "canary" not in message
    assert "\n" not in message


# Items as they are, checked without a tenant


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([{"type": "SNYK", "nmae": "x"}], "tenant_data_sources[0]: unknown option nmae. Did you mean name?"),
        ([{"type": "JENKINS", "name": "a"}, {"type": "SNYK", "name": "b", "state": "gone"}], "tenant_data_sources[1] (b): "),
        ([{"type": "SNYK", "name": "b", "domain": {"host": "x"}}],
         "tenant_data_sources[0] (b): unknown option domain.host. Did you mean hostname?"),
        ([{"type": "SNYK", "name": "b", "credentials": {"tokn": "canary"}}],
         "tenant_data_sources[0] (b): unknown option credentials.tokn. Did you mean token?"),
        ([{"name": "b"}], "tenant_data_sources[0] (b): give type or id"),
        ([{"type": "snyk", "name": "b"}], "tenant_data_sources[0] (b): type 'snyk' is not an integration type. Did you mean SNYK?"),
        ([{"type": "SNYK", "name": "b", "domain": {"hostname": ["x", "y"]}}],
         "tenant_data_sources[0] (b): domain.hostname is a list, where a single string is needed."),
        ([{"type": "SNYK", "name": "b", "external_projects": [{"external_id": "1"}, {"external_idd": "canary"}]}],
         "tenant_data_sources[0] (b): unknown option external_projects[1].external_idd. Did you mean external_id?"),
        ([{"type": "SNYK", "state": "absent"}], "tenant_data_sources[0]: state absent with type alone could delete the wrong instance"),
        ([{"type": "GITHUB", "name": "b", "selection_type": "CURRENT_STATE", "repositories": ["a/b"]}],
         "tenant_data_sources[0] (b): repositories needs"),
        ([{"type": "SNYK", "name": " "}], "tenant_data_sources[0] ( ): name is empty"),
        ([{"type": "SNYK", "name": "b", "max_deselect": -2}], "tenant_data_sources[0] (b): max_deselect must be"),
        ([{"type": "SNYK", "name": "b", "external_projects": [{}]}], "tenant_data_sources[0] (b): external_projects[0] is empty"),
        (["x"], "tenant_data_sources[0] must be a dictionary of options."),
        ("x", "tenant_data_sources must be a list of data sources."),
    ],
    ids=lambda value: str(value)[:70] if isinstance(value, str) else "",
)  # fmt: skip
def test_a_fault_of_an_item_is_one_line_with_index_and_name(items: Any, expected: str) -> None:
    faults = validate_items(items)
    assert len(faults) == 1, faults
    assert faults[0].startswith(expected)
    assert "canary" not in faults[0]
    assert "\n" not in faults[0]


def test_all_faults_at_once() -> None:
    broken = [{"type": "SNYK", "nmae": "x"}, {"type": "SNYK", "name": "fine"}, {"name": "b"}, 7]
    assert [fault.split(":", maxsplit=1)[0].split(" must", maxsplit=1)[0] for fault in validate_items(broken, "audit_expected")] == [
        "audit_expected[0]",
        "audit_expected[2] (b)",
        "audit_expected[3]",
    ]


def test_unknown_options_of_several_levels_each_get_their_own_advice() -> None:
    first, second = validate_items([{"type": "GITHUB", "name": "b", "domain": {"hostnme": "x"}, "repositorys": []}])
    assert "unknown option domain.hostnme. Did you mean hostname?" in first
    assert "unknown option repositorys. Did you mean repositories?" in second


def test_white_space_around_a_host_is_no_part_of_it() -> None:
    assert item_from({"domain": {"hostname": " h.example.com "}})["domain"]["hostname"] == "h.example.com"


def test_a_list_that_is_written_as_one_text_is_that_list_and_a_name_with_blanks_stays() -> None:
    spec = {"data_sources": {"type": "list", "elements": "dict", "options": argument_spec(in_list=True)}}
    given = {"data_sources": [{"repositories": "PAY/c, PAY/d", "name": "a, b"}, {"repositories": [" x "]}], "other": 1}
    assert split_lists(given, spec) == {
        "data_sources": [{"repositories": ["PAY/c", "PAY/d"], "name": "a, b"}, {"repositories": [" x "]}],
        "other": 1,
    }
    assert split_lists("x", spec) == "x"


def test_the_items_that_are_given_are_not_changed_by_the_check() -> None:
    item: dict[str, Any] = {"type": "COLLECTOR", "unique_properties": {"name": "x"}}
    validate_items([item])
    assert item == {"type": "COLLECTOR", "unique_properties": {"name": "x"}}
    defaults = {"state": "present", "max_deselect": 10}
    whole = {**item, **defaults}
    check_item(whole)
    assert whole == {**item, **defaults}
    assert item_from(whole)["name"] == "x"


def test_a_whole_number_is_the_text_that_it_was() -> None:
    (item,) = items_of({"vcs_github": [{"name": 123, "scope": ["a/b", 7]}]})
    assert (item["name"], item["repositories"]) == ("123", ["a/b", "7"])
