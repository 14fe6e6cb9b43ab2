# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: plain data in, a plan or one clear line out."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.check import check_item
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.differences import unexpected
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.digest import destroys
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.instance import Instance
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.match import match
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.outcome import Outcome
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.pending import awaits_consent
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.plan import (
    Plan,
    plan_create,
    plan_delete,
    plan_item,
    plan_update,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.show import diff_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError, TenantError

MANUAL = "MANUAL_SELECTION"
# All five keys of a mapping are sent, null where not given.
NO_KEYS = dict.fromkeys(["externalProjectId", "externalId", "externalBranchName", "repoId", "branchName"])
DEFAULTS = {"state": "present", "repositories_mode": "merge", "external_projects_mode": "merge", "max_deselect": 10}


def desired(**options: Any) -> dict[str, Any]:
    return {**DEFAULTS, "type": "GITLAB_SELF_MANAGED", "name": "core", **options}


def reported(**fields: Any) -> dict[str, Any]:
    """A GitLab with three repositories, as a read by id shows it."""
    state = fields.pop("state", ["a/1", "a/2", "a/3"])
    return {
        "id": "12",
        "type": "GITLAB_SELF_MANAGED",
        "domain": {"hostname": "gitlab.example.com", "protocol": "https"},
        "uniqueProperties": {"name": "core"},
        "selectionType": MANUAL,
        "state": state,
        "repositoriesCount": len(state) if isinstance(state, list) else 3,
        "externalProjects": [],
        "status": "COMPLETED",
        **fields,
    }


def update(item: dict[str, Any], raw: dict[str, Any]) -> Plan:
    """Planned from an instance that was read by id."""
    return plan_update(item, Instance(raw, full=True))


def refused(item: dict[str, Any], current: dict[str, Any]) -> str:
    with pytest.raises((InputError, TenantError)) as caught:
        update(item, current)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- items without an instance, and mistakes in them


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (desired(type="GITLAB_SELF_MANAGD"), "its type GITLAB_SELF_MANAGD is not known. Did you mean GITLAB_SELF_MANAGED?"),
        (desired(type="GITLAB_SELF_MANAGD", state="absent"), "Did you mean GITLAB_SELF_MANAGED?"),
        (desired(name="core "), "name begins or ends with white space"),
        (desired(domain={"hostname": "https://bb.example.com:7990/scm/"}),
         "Give the host alone, bb.example.com:7990, and its scheme as domain.protocol. If the product is served under a path, "
         "add the path: bb.example.com:7990/scm."),
        (desired(domain={"hostname": "https://bb.example.com"}), "Give the host alone, bb.example.com, and its scheme as domain.protocol."),
    ],
)  # fmt: skip
def test_an_obvious_mistake_in_a_new_item_is_refused(item: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_item(item, None)
    assert message in str(caught.value)


@pytest.mark.parametrize("item", [desired(type="GITLAB_NEXT"), desired(type="SNYK_V2"), desired(domain={"hostname": "example.com/gitlab"})])
def test_an_unknown_type_and_a_path_below_a_host_are_accepted(item: dict[str, Any]) -> None:
    assert plan_item(item, None).action == "create"


@pytest.mark.parametrize(("scope", "left"), [({}, True), ({"external_projects": []}, True), ({"selection_type": MANUAL}, False)])
def test_a_new_instance_without_a_scope_is_left_to_the_tenant_and_the_plan_says_so(scope: dict[str, Any], left: bool) -> None:
    item = desired(**scope)
    plan = plan_item(item, None)
    assert any("no scope is given, so the tenant chooses what it scans" in warning for warning in plan.warnings) is left
    assert ("selection_type: (not given, left to the tenant)" in diff_of(plan, item)["after"]) is left
    assert plan_item({**item, "type": "SNYK"}, None).warnings == []


@pytest.mark.parametrize(
    ("status", "more", "steps"), [("PENDING", {}, 1), ("CONSENT_PENDING", {}, 1), ("CONNECTED", {}, 0), ("PENDING", {"type": "SNYK"}, 0)]
)
def test_a_persons_step_is_reported_until_the_tenant_shows_it_done(status: str, more: dict[str, Any], steps: int) -> None:
    outcome = Outcome(0, desired(**more))
    outcome.adopt(plan_item(outcome.item, Instance(reported(status=status, **more), full=True)), predicted=True)
    assert (outcome.action, len(outcome.pending)) == ("unchanged", steps)
    assert all("authorise the application in a browser" in todo["step"] for todo in outcome.pending)


def test_an_existing_instance_may_have_what_a_new_one_may_not() -> None:
    there = reported(type="GITLAB_SELF_MANAGD", domain={"hostname": "https://gitlab.example.com/", "protocol": "https"})
    assert plan_item(desired(type="GITLAB_SELF_MANAGD", domain=there["domain"]), Instance(there, full=True)).action == "none"


# -- which instance an item refers to


def matched(item: dict[str, Any], *instances: dict[str, Any], read: bool = True) -> Any:
    return match(item, [Instance(raw, full=read) for raw in instances])


def test_every_distinguishing_field_given_must_match() -> None:
    one, two = reported(), reported(id="13", domain={"hostname": "other.example.com"})
    assert matched(desired(domain={"hostname": "GitLab.example.com"}), one, two).instance.raw == one
    assert matched(desired(domain={"hostname": "https://other.example.com/"}), one, two).instance.raw == two
    assert matched(desired(domain={"hostname": "third.example.com"}), one, two).instance is None
    assert matched(desired(name="edge", domain={"hostname": "gitlab.example.com"}), one, two).instance is None


def test_several_matches_are_named_with_what_distinguishes_them() -> None:
    with pytest.raises(InputError) as caught:
        matched(desired(), reported(), reported(id="13", domain={"hostname": "other.example.com"}))
    message = str(caught.value)
    for part in ("id 12", "id 13", "gitlab.example.com", "other.example.com", "Give domain.hostname (or id)"):
        assert part in message


def test_the_message_says_when_only_the_id_distinguishes_them() -> None:
    with pytest.raises(InputError, match="Only id tells them apart"):
        matched(desired(), reported(), reported(id="13"))


def test_an_instance_is_read_when_the_list_hides_an_identifying_field() -> None:
    hidden = {"id": "12", "selectionType": MANUAL, "state": None}
    assert matched(desired(), hidden, read=False).unread == ("12",)


def test_a_hidden_name_is_ignored_with_a_warning_when_the_host_identifies_the_instance() -> None:
    nameless = reported(uniqueProperties={})
    result = matched(desired(domain={"hostname": "gitlab.example.com"}), nameless)
    assert result.instance.raw == nameless
    assert "does not show its name" in result.warning


def test_a_hidden_name_alone_leaves_it_undetermined() -> None:
    result = matched(desired(), reported(uniqueProperties={}))
    assert result.instance is None
    assert "does not show the name" in result.undetermined
    assert "id 12" in result.undetermined


def test_two_with_hidden_names_on_one_host_are_undetermined() -> None:
    one, two = reported(uniqueProperties={}), reported(id="13", uniqueProperties={})
    assert matched(desired(domain={"hostname": "gitlab.example.com"}), one, two).undetermined


def test_another_type_never_matches_and_case_of_the_type_does_not_matter() -> None:
    assert matched(desired(type="GITHUB"), reported()).instance is None
    assert matched(desired(), reported(type="gitlab_self_managed")).instance


def test_a_collector_however_spelled_is_not_recreated_if_its_token_would_be_lost() -> None:
    item = {key: value for key, value in desired(recreate="when_immutable_differs", domain={"protocol": "http"}).items() if key != "type"}
    assert "token only once" in refused(item, reported(type="Collector"))


def test_a_recreated_instance_has_the_type_in_the_tables_spelling() -> None:
    item = desired(recreate="when_immutable_differs", domain={"hostname": "new.example.com"}, credentials={"token": "t"})
    del item["type"]
    plan = update(item, reported(type="Bitbucket_Datacenter"))
    assert (plan.action, plan.post["type"]) == ("recreate", "BITBUCKET_DATACENTER")


def test_a_type_in_any_case_may_wait_for_consent() -> None:
    assert awaits_consent({"type": "GitHub", "status": "PENDING"})
    assert awaits_consent({"type": "GITHUB", "status": "consent_pending"})
    assert not awaits_consent({"type": "GITHUB", "status": "COMPLETED"})
    assert not awaits_consent({"type": "Snyk", "status": "PENDING"})
    shown, upper = (plan_delete(Instance(reported(type=kind), full=True)) for kind in ("Snyk", "SNYK"))
    assert destroys(shown) == destroys(upper)


# -- scope


def test_nothing_given_changes_nothing() -> None:
    plan = update(desired(), reported())
    assert (plan.action, plan.put) == ("none", {})


@pytest.mark.parametrize(
    ("mode", "given", "result"),
    [
        ("merge", ["a/3", "b/1"], ["a/1", "a/2", "a/3", "b/1"]),
        ("merge", [], None),
        ("merge", ["a/2"], None),
        ("exact", ["b/1", "a/3"], ["a/3", "b/1"]),
        ("exact", ["a/3", "a/2", "a/1"], None),
        ("remove", ["a/3", "b/1"], ["a/1", "a/2"]),
        ("remove", ["b/1"], None),
        ("remove", [], None),
    ],
)
def test_what_a_list_of_repositories_means(mode: str, given: list[str], result: list[str] | None) -> None:
    plan = update(desired(repositories=given, repositories_mode=mode), reported())
    assert plan.put.get("state") == result
    assert plan.changed == (result is not None)
    if result is not None:
        assert plan.put["selectionType"] == MANUAL
        assert plan.after is not None
        assert plan.after["repositories_count"] == len(result)


def test_a_put_sends_back_all_known_fields() -> None:
    mappings = [{"externalProjectId": "p", "repoId": "r"}, {"externalId": "e", "repoId": "r"}]
    current = reported(externalProjects=mappings, uniqueProperties={"name": "core", "group": "g"})
    put = update(desired(repositories=["b/1"]), current).put
    assert put == {
        "selectionType": MANUAL,
        "state": ["a/1", "a/2", "a/3", "b/1"],
        "externalProjects": [{"externalProjectId": "p", "repoId": "r"}, {**NO_KEYS, "externalId": "e", "repoId": "r"}],
        "uniqueProperties": {"name": "core", "group": "g"},
    }


def test_repositories_need_a_manual_selection() -> None:
    assert "Add selection_type: MANUAL_SELECTION" in refused(desired(repositories=["a/1"]), reported(selectionType="CURRENT_STATE"))


def test_a_change_from_a_partial_list_is_refused() -> None:
    """2546 selected, none named: adding one would deselect 2546."""
    message = refused(desired(repositories=["b/1"]), reported(state=[], repositoriesCount=2546))
    assert "2546" in message
    assert "nothing was sent" in message
    refused(desired(repositories=["b/1"], max_deselect=-1), reported(state=[], repositoriesCount=2546))
    refused(desired(repositories=["b/1"]), reported(state=["a/1"], repositoriesCount=2546))
    refused(desired(unique_properties={"x": 1}), reported(state=[], repositoriesCount=2546))
    refused(desired(selection_type="CURRENT_STATE_AND_FUTURE"), reported(state=[], repositoriesCount=2546))


def test_a_read_without_a_list_is_partial_too() -> None:
    """Without state in the answer a PUT for something else would leave it out, and that may clear it."""
    current = reported()
    del current["state"]
    refused(desired(repositories=["b/1"]), current)
    refused(desired(unique_properties={"x": 1}), current)


def test_max_deselect_is_a_limit_and_the_message_has_the_numbers() -> None:
    message = refused(desired(repositories=["a/1"], repositories_mode="exact", max_deselect=1), reported())
    assert "2 of 3 repositories" in message
    assert "max_deselect (1)" in message
    assert update(desired(repositories=["a/1"], repositories_mode="exact", max_deselect=2), reported()).changed
    assert update(desired(repositories=[], repositories_mode="exact", max_deselect=-1), reported()).put["state"] == []


def test_deselecting_all_is_refused() -> None:
    message = refused(desired(repositories=[], repositories_mode="exact"), reported())
    assert "this would deselect all its repositories: a/1, a/2, a/3. To allow this, set max_deselect in this item to -1." in message
    assert "all its repositories: a/1." in refused(desired(repositories=["a/1"], repositories_mode="remove"), reported(state=["a/1"]))


def test_a_refused_deselection_names_the_first_ten() -> None:
    many = [f"a/{number:02}" for number in range(13)]
    message = refused(desired(repositories=many[12:], repositories_mode="exact"), reported(state=many))
    assert "more than max_deselect (10): a/00, a/01, " in message
    assert "a/09, and 2 more. To allow this, set max_deselect in this item to 12, or to -1 for no limit." in message
    assert "a/10" not in message


@pytest.mark.parametrize(
    ("before", "after"),
    [("CURRENT_STATE_AND_FUTURE", "CURRENT_STATE"), ("CURRENT_STATE_AND_FUTURE", MANUAL), ("CURRENT_STATE", MANUAL)],
)
def test_a_narrower_selection_is_refused_and_a_wider_one_is_not(before: str, after: str) -> None:
    assert "would cover fewer repositories" in refused(desired(selection_type=after), reported(selectionType=before))
    assert update(desired(selection_type=after, max_deselect=-1), reported(selectionType=before)).put["selectionType"] == after
    assert update(desired(selection_type=before), reported(selectionType=after)).put["selectionType"] == before


def test_an_unknown_selection_type_of_the_tenant_is_left_alone() -> None:
    assert not update(desired(), reported(selectionType="EVERYTHING")).changed


# -- mappings


P1 = {"external_project_id": "p1", "external_id": "e1", "repo_id": "r1"}
P2 = {"external_project_id": "p2", "external_id": "e2", "repo_id": "r2", "branch_name": "main"}
API_P1 = {**NO_KEYS, "externalProjectId": "p1", "externalId": "e1", "repoId": "r1"}
API_P2 = {**NO_KEYS, "externalProjectId": "p2", "externalId": "e2", "repoId": "r2", "branchName": "main"}


@pytest.mark.parametrize(
    ("mode", "given", "result"),
    [
        ("merge", [P1], None),
        ("merge", [{**P1, "repo_id": "r9"}], [{**API_P1, "repoId": "r9"}, API_P2]),
        ("merge", [{"external_project_id": "p2", "repo_id": "r9"}], [API_P1, {**API_P2, "repoId": "r9"}]),
        ("exact", [P2], [API_P2]),
        ("remove", [{"external_project_id": "p1"}], [API_P2]),
        ("remove", [{"external_project_id": "p1", "repo_id": "another"}], None),
    ],
)
def test_what_a_list_of_mappings_means(mode: str, given: list[dict[str, str]], result: list[dict[str, str]] | None) -> None:
    plan = update(desired(external_projects=given, external_projects_mode=mode), reported(externalProjects=[API_P1, API_P2]))
    assert plan.put.get("externalProjects") == result


def test_a_mapping_that_the_tenant_would_refuse_is_not_sent() -> None:
    item = desired(external_projects=[{"external_project_id": "p9", "repo_id": "r9"}])
    assert "the mapping of project p9 has no external_id" in refused(item, reported(externalProjects=[API_P1]))
    older = reported(externalProjects=[{"externalProjectId": "p9", "repoId": "r9"}])
    assert update(item, older).action == "none"


def test_hidden_mappings_are_not_merged() -> None:
    current = reported()
    del current["externalProjects"]
    assert "does not show its external_projects" in refused(desired(external_projects=[P1]), current)


def test_hidden_mappings_that_an_earlier_run_set_are_merged() -> None:
    current = reported()
    del current["externalProjects"]
    mapped = [{"external_project_id": p, "external_id": p, "repo_id": "r1"} for p in ("p1", "p2")]
    applied = Instance(current, full=True, applied=mapped[:1])
    assert not plan_update(desired(external_projects=mapped[:1]), applied).changed
    more = plan_update(desired(external_projects=mapped[1:]), applied)
    assert [m["externalId"] for m in more.put["externalProjects"]] == ["p1", "p2"]
    fewer = plan_update(desired(external_projects=mapped[:1], external_projects_mode="remove", max_deselect=-1), applied)
    assert fewer.put["externalProjects"] == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([{}], "external_projects[0]"),
        ([P1, {"repo_id": "r1"}], "external_projects[1]"),
        ([P1, {**P1, "repo_id": "r2"}], "external_projects[1]"),
    ],
)
def test_a_mapping_without_a_project_or_two_of_one_project_are_refused(given: list[dict[str, str]], why: str) -> None:
    with pytest.raises(InputError) as caught:
        check_item(desired(external_projects=given))
    assert why in str(caught.value)


# -- settings


def test_only_given_settings_are_compared_and_the_others_kept() -> None:
    current = reported(uniqueProperties={"name": "core", "group": "g", "team": "t"})
    assert not update(desired(unique_properties={"group": "g"}), current).changed
    plan = update(desired(unique_properties={"group": "h"}), current)
    assert plan.put["uniqueProperties"] == {"name": "core", "group": "h", "team": "t"}


MASK = "********"


def test_a_hidden_value_is_neither_compared_nor_sent_back() -> None:
    current = reported(uniqueProperties={"name": "core", "apiToken": MASK})
    assert not update(desired(unique_properties={"apiToken": "real"}), current).changed
    assert MASK not in str(update(desired(repositories=["b/1"]), current).put)


@pytest.mark.parametrize("where", [{"auth": {"token": MASK}}, {"tokens": [MASK]}, {"auth": [{"token": MASK, "user": "u"}]}])
def test_a_nested_hidden_value_is_not_sent_back_either(where: dict[str, Any]) -> None:
    try:
        plan = update(desired(repositories=["b/1"]), reported(uniqueProperties={"name": "core", **where}))
    except InputError:
        return  # refusing is as good
    assert MASK not in str(plan.put)


@pytest.mark.parametrize(
    ("kind", "given", "path"),
    [
        ("SNYK", {"credentials": {"token": ""}}, "credentials.token"),
        ("SNYK", {"credentials": {"token": " \n\t"}}, "credentials.token"),
        ("JFROG", {"credentials": {"username": "", "password": "p"}}, "credentials.username"),
        ("GITHUB_ENTERPRISE", {"credentials": {"client_id": "c", "client_secret": ""}}, "credentials.client_secret"),
        ("SNYK", {"credentials": {"token": "t", "webhook_auth_key": " "}}, "credentials.webhook_auth_key"),
        # What is null is not given to a module; what is left of the credentials tells.
        ("SNYK", {"credentials": {}}, "credentials.token"),
        ("SNYK", {"credentials": {"type": "PAT"}}, "credentials.token"),
        ("JFROG", {"credentials": {"username": "u"}}, "credentials.password"),
        ("GITHUB_ENTERPRISE", {"credentials": {"client_id": "c"}}, "credentials.client_secret"),
        ("SNYK", {"credentials": {"webhook_auth_key": "w"}}, "credentials.token"),
        ("BITBUCKET_DATACENTER", {"self_signed_certificate": " \n"}, "self_signed_certificate"),
        ("JENKINS", {"unique_properties": {"apiToken": ""}}, "unique_properties.apiToken"),
        ("JENKINS", {"unique_properties": {"auth": [{"clientSecret": None}]}}, "unique_properties.auth[0].clientSecret"),
        ("JENKINS", {"unique_properties": {"tokens": ["t", " "]}}, "unique_properties.tokens[1]"),
        ("ANOTHER_TYPE", {"credentials": {"password": ""}}, "credentials.password"),
    ],
)
def test_an_empty_secret_is_never_sent_at_creation(kind: str, given: dict[str, Any], path: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_create(desired(type=kind, **given))
    assert str(caught.value).startswith(f'{kind} "core" would be created, but {path} is empty (1 in all), perhaps from a variable ')


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("SNYK", {}),
        ("SNYK", {"credentials": {"token": "t"}}),
        ("JFROG", {"credentials": {"token": "t"}}),
        ("GITHUB", {"credentials": {"type": "OAUTH"}}),
        ("JENKINS", {"credentials": {}}),
        ("ANOTHER_TYPE", {"credentials": {"type": "OAUTH"}}),
        ("JENKINS", {"unique_properties": {"apiToken": "t", "tokenId": "", "hasToken": False, "team": "", "note": None}}),
    ],
)
def test_an_option_that_is_not_given_does_not_count_as_empty(kind: str, given: dict[str, Any]) -> None:
    assert plan_create(desired(type=kind, **given)).action == "create"


def test_an_empty_setting_of_the_old_one_is_carried_over() -> None:
    """Nobody gave it: the tenant holds it so."""
    old = reported(type="BITBUCKET_DATACENTER", uniqueProperties={"name": "core", "apiToken": ""})
    moved = desired(
        type="BITBUCKET_DATACENTER",
        domain={"hostname": "new.example.com"},
        credentials={"token": "t"},
        recreate="when_immutable_differs",
    )
    assert update(moved, old).post["uniqueProperties"]["apiToken"] == ""
    with pytest.raises(InputError, match=r"credentials\.token is empty \(1 in all\)"):
        update({**moved, "credentials": {"token": " "}}, old)


@pytest.mark.parametrize("where", [{"auth": {"token": MASK}}, {"tokens": [MASK]}, {"auth": [{"token": MASK}]}])
def test_a_placeholder_is_never_sent_at_creation(where: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="placeholder"):
        plan_create(desired(unique_properties=where))


def test_a_nested_hidden_value_is_not_compared() -> None:
    current = reported(uniqueProperties={"name": "core", "auth": {"token": MASK, "user": "u"}})
    assert not update(desired(unique_properties={"auth": {"token": "real", "user": "u"}}), current).changed


def test_a_setting_is_not_changed_if_a_hidden_one_would_be_lost() -> None:
    current = reported(uniqueProperties={"name": "core", "group": "g", "apiToken": MASK})
    message = refused(desired(unique_properties={"group": "h"}), current)
    assert "apiToken" in message


def test_a_name_beside_an_id_is_a_label_and_renames_nothing_but_a_collector() -> None:
    item = {**DEFAULTS, "id": "12", "name": "new name"}
    assert update(item, reported()).action == "none"
    assert update(item, reported(uniqueIdentifier="acme", uniqueProperties=None)).action == "none"
    older = update(item, reported(type="COLLECTOR"))
    assert (older.action, older.put["uniqueProperties"]) == ("update", {"name": "new name"})
    published = reported(type="COLLECTOR", uniqueIdentifier="old", detectionMethod="SAST", fileType="SARIF")
    del published["uniqueProperties"]
    plan = update(item, published)
    assert plan.put["uniqueProperties"] == {"name": "new name", "detectionMethod": "SAST", "fileType": "SARIF"}
    assert plan.after is not None
    assert plan.after["name"] == "new name"


# -- what cannot be changed


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("type", "GITHUB"),
        ("domain", {"hostname": "other.example.com"}),
        ("domain", {"protocol": "http"}),
        ("transporter", {"broker_device_id": "b2"}),
        ("transporter", {"connection_name": "c2"}),
    ],
)
def test_a_different_immutable_field_is_refused_with_what_deletion_would_destroy(option: str, value: Any) -> None:
    current = reported(transporter={"brokerDeviceId": "b1", "connectionName": "c1"})
    message = refused(desired(**{option: value}), current)
    assert "the API cannot change it to" in message
    assert "findings" in message


def test_an_immutable_field_that_is_not_shown_does_not_differ() -> None:
    assert not update(desired(transporter={"broker_device_id": "b1"}), reported()).changed


# -- creation


def test_a_creation_and_then_its_scope() -> None:
    plan = plan_create(desired(domain={"hostname": "h"}, credentials={"token": "t"}, selection_type=MANUAL, repositories=["a/1"]))
    assert plan.post == {
        "type": "GITLAB_SELF_MANAGED",
        "uniqueProperties": {"name": "core"},
        "domain": {"hostname": "h", "protocol": "https"},
        "credentials": {"token": "t"},
    }
    assert plan.put["state"] == ["a/1"]
    assert plan.after is not None
    assert plan.after["id"] is None
    assert "credentials" not in plan.after


@pytest.mark.parametrize("kind", ["AWS_CODE_COMMIT", "CORTEX_CLI"])
def test_a_type_that_registers_itself_is_pending(kind: str) -> None:
    plan = plan_create(desired(type=kind))
    assert (plan.action, plan.changed, plan.post) == ("pending", False, {})
    assert "it appears by" in plan.pending[0]["step"]
    with pytest.raises(InputError, match="cannot be created through the API: it appears by"):
        plan_create(desired(type=kind, uncreatable="fail"))


def test_a_collector_is_not_created_if_its_token_would_be_lost() -> None:
    with pytest.raises(InputError, match="credentials_file"):
        plan_create(desired(type="COLLECTOR"))


# -- reading back


def after_write(**shown: Any) -> list[str]:
    plan = update(desired(repositories=["b/1"]), reported(uniqueProperties={"name": "core", "group": "g"}))
    assert isinstance(plan, Plan)
    read = reported(**{"state": ["b/1", "a/3", "a/2", "a/1"], "uniqueProperties": {"name": "core", "group": "g"}, **shown})
    return unexpected(plan.before, plan.after, Instance(read, full=True))


def test_reading_back_what_was_written_is_not_unexpected() -> None:
    assert after_write() == []
    assert after_write(status="IN_PROGRESS", repositoriesCount=99) == []


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ({"state": ["a/1"]}, "repositories is not as sent"),
        ({"selectionType": "CURRENT_STATE"}, "selection_type changed unexpectedly"),
        ({"externalProjects": [API_P1]}, "external_projects changed unexpectedly"),
        ({"uniqueProperties": {"name": "core"}}, "unique_properties changed unexpectedly"),
        ({"domain": {"hostname": "other"}}, "domain changed unexpectedly"),
    ],
)
def test_an_unexpected_effect_of_a_write_is_reported(shown: dict[str, Any], message: str) -> None:
    assert message in after_write(**shown)


def test_a_hidden_setting_that_a_write_cleared_is_reported() -> None:
    current = reported(uniqueProperties={"apiToken": MASK}, name="core")
    plan = update(desired(repositories=["b/1"]), current)
    reread = Instance(reported(state=["a/1", "a/2", "a/3", "b/1"], uniqueProperties={}, name="core"), full=True)
    assert unexpected(plan.before, plan.after, reread), "the tenant showed apiToken before the write, but not after it"


# -- before the tenant is asked


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"type": "gitlab"}, "Did you mean GITLAB?"),
        ({"type": "GitHub-Enterprise"}, "Did you mean GITHUB_ENTERPRISE?"),
        ({"type": ""}, "give type or id"),
        ({"type": "  "}, "type"),
        ({"name": ""}, "name is empty"),
        ({"name": None, "state": "absent"}, "type alone"),
        ({"domain": {"hostname": ""}}, "domain.hostname is empty"),
        ({"selection_type": "CURRENT_STATE", "repositories": ["a"]}, "repositories needs selection_type"),
        ({"repositories": ["a/b", ""]}, "repositories[1] is empty"),
        ({"max_deselect": -2}, "max_deselect"),
        ({"unique_properties": {"name": "other"}}, "give only one"),
    ],
)
def test_an_invalid_item_is_refused_in_one_line(options: dict[str, Any], why: str) -> None:
    item = {k: v for k, v in desired(**options).items() if v is not None}
    with pytest.raises(InputError) as caught:
        check_item(item)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_type_or_selection_type_is_a_warning() -> None:
    warnings = check_item(desired(type="CHECKMARX_ONE", selection_type="BY_TAG"))
    assert len(warnings) == 2
    assert "CHECKMARX_ONE" in warnings[0]
    assert "BY_TAG" in warnings[1]
    (warning,) = check_item(desired(type="SNIK"))
    assert "type SNIK is not one of the 23 types the vendor's guide names: sent as it is. Did you mean SNYK? Known: " in warning
