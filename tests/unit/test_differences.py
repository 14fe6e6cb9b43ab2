# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In what an item, an instance and a request differ, and what of an item sets the scope of its new instance."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.differences import (
    disagreements,
    immutable_difference,
    same,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.instance import Instance
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.plan import scope_item

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
MASK = "********"


@pytest.mark.parametrize(
    ("option", "one", "other", "equal"),
    [
        ("domain.hostname", "https://Git.example.com/", "git.example.com", True),
        ("domain.hostname", "git.example.com:8443", "git.example.com", False),
        ("self_signed_certificate", PEM, PEM.replace("\n", "\r\n"), True),
        ("self_signed_certificate", PEM, PEM.replace("AAAA", "BBBB"), False),
        ("self_signed_certificate", PEM, MASK, True),
        ("type", "Snyk", "SNYK", True),
        ("transporter.connection_name", "a", "b", False),
        ("unique_properties.team", "Blue", "blue", False),
        ("unique_properties.team", "blue", MASK, True),
    ],
)
def test_what_two_values_of_an_option_mean(option: str, one: str, other: str, equal: bool) -> None:
    # pylint: disable-next=arguments-out-of-order
    assert same(option, one, other) is same(option, other, one) is equal


def test_what_is_not_reported_is_unknown_and_a_certificate_is_not_quoted() -> None:
    item = {"type": "SNYK", "domain": {"hostname": "a.example.com"}, "self_signed_certificate": PEM}
    assert immutable_difference(item, {"type": "snyk"}) is None
    assert immutable_difference(item, {"domain": {"hostname": "b.example.com"}}) == ("domain.hostname", "b.example.com", "a.example.com")
    assert immutable_difference(item, {"self_signed_certificate": "other"}) == ("self_signed_certificate", "another", "the one given")


def test_an_instance_that_is_not_what_a_create_body_asked_for_says_where() -> None:
    sent = {
        "type": "SNYK",
        "domain": {"hostname": "a.example.com", "protocol": "https"},
        "uniqueProperties": {"name": "eu", "apiToken": "t"},
        "credentials": {"token": "t"},
    }
    as_sent = {"type": "Snyk", "domain": {"hostname": "A.example.com"}, "uniqueProperties": {"name": "eu", "apiToken": MASK}}
    assert disagreements(sent, {**as_sent, "credentials": {"token": "of another"}, "selfSignedCertificate": PEM}) == []
    other = {"type": "JFROG", "domain": {"hostname": "b.example.com", "protocol": "http"}, "uniqueProperties": {"name": "us"}}
    assert disagreements(sent, other) == ["type", "domain.hostname", "domain.protocol", "uniqueProperties.name"]


RULES = {"scope_rules": [{"include": "a/*"}], "scope_candidates": ["a/1", "a/2"]}
ITEM = {
    "state": "present",
    "type": "SNYK",
    "name": "eu",
    "domain": {"hostname": "a.example.com"},
    "unique_properties": {"team": "blue"},
    "selection_type": "MANUAL_SELECTION",
    "repositories_mode": "merge",
    "external_projects_mode": "merge",
    "external_projects_update": "on_create",
    "max_deselect": 10,
}
SCOPE = {"state": "present", "type": "SNYK", "selection_type": "MANUAL_SELECTION", "external_projects_mode": "exact"}


@pytest.mark.parametrize(
    ("made", "more"),
    [
        # Nobody chose what the tenant selected by itself.
        ({"selectionType": "CURRENT_STATE", "state": ["a/1", "z/9"]}, {"repositories_mode": "exact", "max_deselect": -1}),
        ({"selectionType": "MANUAL_SELECTION", "state": []}, {"repositories_mode": "exact", "max_deselect": -1}),
        # Another run did choose this.
        ({"selectionType": "MANUAL_SELECTION", "state": ["z/9"]}, {"repositories_mode": "merge", "max_deselect": 10}),
    ],
)
def test_the_scope_of_a_new_instance_is_what_was_planned_for_it(made: dict[str, Any], more: dict[str, Any]) -> None:
    current = Instance({"id": "1", "type": "SNYK", **made}, full=True)
    assert scope_item({**ITEM, "repositories": ["a/1"]}, {}, current) == {**SCOPE, **more, "repositories": ["a/1"]}
    planned = {"repositories": ["a/1", "a/2"]}
    assert scope_item({**ITEM, **RULES}, planned, current) == {**SCOPE, **more, **planned}
    removing = scope_item({**ITEM, "repositories_mode": "remove"}, {}, current)
    assert removing["repositories_mode"] == "remove"
