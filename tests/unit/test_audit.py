# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of one tenant from plain data: expected and existing data sources, findings, exceptions and changes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.compare import without_secrets
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.evidence import Evidence
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.fleet import (
    fleet,
    folder_of,
    summary,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.kinds import (
    KINDS,
    days_from,
    fail_on_from,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.report import (
    audit,
    baseline_fault,
    failing,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.status import HEALTH
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError

Row = dict[str, Any]


def source(kind: str, name: str, **more: Any) -> Row:
    """A data source as data_source_info shows it."""
    shown = {"id": f"id-{name}", "type": kind, "name": name, "status": "COMPLETED", "health": "healthy", "complete": True}
    return {**shown, "repositories": [], "repositories_count": 0, **more}


def audited(**more: Any) -> Row:
    evidence: Row = {"tenant": "api-x", "inventory_host": "x", "audited_at": "2026-11-22T08:00:00Z", "sources": [], **more}
    return audit(Evidence(**evidence))


def kinds_and_names(report: Row) -> list[tuple[str, str]]:
    return [(f["kind"], f["name"] or f["subject"]) for f in report["findings"]]


GITLAB = source("GITLAB_SELF_MANAGED", "core", domain={"hostname": "gitlab.example.com"}, selection_type="MANUAL_SELECTION")
JENKINS = source("JENKINS_SERVER", "blue")


def test_all_as_expected_passes() -> None:
    expected = [{"type": "GITLAB_SELF_MANAGED", "name": "core"}, {"type": "JENKINS_SERVER", "name": "blue"}]
    report = audited(sources=[GITLAB, JENKINS], expected=expected, fail_on=list(KINDS))
    assert (report["verdict"], report["findings"]) == ("pass", [])
    assert [(s["stage"], s["expected"], s["present"], s["healthy"]) for s in report["stages"]] == [
        ("code", 1, 1, 1),
        ("build", 1, 1, 1),
        ("build_deploy", 0, 0, 0),
        ("cross_stage", 0, 0, 0),
    ]


def test_the_selected_repositories_are_counted_not_those_that_the_connection_can_see() -> None:
    """If the whole selection is shown; the tenant's own number may count more (docs/api.md: list.count)."""
    report = audited(sources=[{**GITLAB, "repositories": ["a/b", "a/c"], "repositories_count": 12}])
    assert [s["repositories_count"] for s in report["data_sources"]] == [2]
    part = audited(sources=[{**GITLAB, "repositories": ["a/b", "a/c"], "repositories_count": 12, "complete": False}])
    assert [s["repositories_count"] for s in part["data_sources"]] == [12]


def test_a_type_is_known_however_the_tenant_spells_it() -> None:
    report = audited(sources=[{**GITLAB, "type": "Gitlab_Self_Managed"}], expected=[{"type": "GITLAB_SELF_MANAGED", "name": "core"}])
    assert kinds_and_names(report) == []
    assert [(s["stage"], s["present"]) for s in report["stages"] if s["data_sources"]] == [("code", 1)]


def test_every_given_field_distinguishes_missing_from_unexpected() -> None:
    expected = [{"type": "GITLAB_SELF_MANAGED", "name": "core", "domain": {"hostname": "other.example.com"}}]
    report = audited(sources=[GITLAB], expected=expected)
    assert kinds_and_names(report) == [("missing", "core"), ("unexpected", "core")]
    assert report["verdict"] == "attention"


def test_the_module_decides_which_data_source_an_item_refers_to() -> None:
    """It may know a display name that data_source_info does not show as the name."""
    rows = [{"index": 0, "id": "id-blue", "action": "unchanged"}]
    report = audited(sources=[JENKINS], expected=[{"type": "JENKINS_SERVER", "name": "shown elsewhere"}], rows=rows)
    assert report["findings"] == []
    assert report["expected"][0]["id"] == "id-blue"


def test_a_data_source_managed_by_others_is_not_unexpected() -> None:
    """For an item with ignore the module returns no id."""
    rows = [{"index": 0, "id": None, "action": "unchanged"}]
    report = audited(sources=[JENKINS], expected=[{"type": "JENKINS_SERVER", "name": "blue", "ignore": True}], rows=rows)
    assert report["findings"] == []


def test_a_data_source_described_as_absent_is_unexpected_while_it_exists() -> None:
    item = {"type": "JENKINS_SERVER", "name": "blue", "state": "absent"}
    assert kinds_and_names(audited(sources=[JENKINS], expected=[item])) == [("unexpected", "blue")]
    assert kinds_and_names(audited(sources=[], expected=[item])) == []


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        ({"status": "ERROR", "health": "unhealthy"}, "unhealthy"),
        ({"status": "PENDING", "health": "pending"}, "pending"),
        ({"status": "FAILED", "health": "unknown"}, "unknown"),
        ({"status": None, "health": "unknown"}, "unknown"),
        ({"status": "FANTASTIC", "health": "splendid"}, "unknown"),
    ],
)
def test_only_a_known_good_word_is_healthy(shown: Row, kind: str) -> None:
    report = audited(sources=[{**JENKINS, **shown}])
    assert kinds_and_names(report) == [(kind, "blue")]
    assert report["data_sources"][0]["health"] == kind
    build = next(s for s in report["stages"] if s["stage"] == "build")
    assert {word: build[word] for word in HEALTH} == {**dict.fromkeys(HEALTH, 0), kind: 1}


def test_a_pending_data_source_is_a_finding_and_fails_only_if_fail_on_names_it() -> None:
    waiting = source("GITHUB", "web", status="PENDING", health="pending")
    report = audited(sources=[waiting], fail_on=["unhealthy", "unknown", "missing"])
    assert report["verdict"] == "attention"
    (found,) = report["findings"]
    assert found["message"].startswith("the tenant shows the status PENDING: it is being set up and not active yet; somebody may")
    assert audited(sources=[waiting], fail_on=["pending"])["verdict"] == "fail"
    leaving = audited(sources=[{**waiting, "status": "DESTROYING"}])
    assert [f["message"] for f in leaving["findings"]] == ["the tenant shows the status DESTROYING: it is being removed"]


def test_a_finding_gives_the_reasons_that_the_tenant_shows() -> None:
    details = {"connection": {"status": "INVALID", "message": "The token\nhas expired.", "error": "HTTP 401"}, "clone": {"status": "VALID"}}
    report = audited(sources=[{**JENKINS, "status": "ERROR", "health": "unhealthy", "status_details": details}])
    why = "connection is INVALID (The token has expired: HTTP 401)"
    assert [f["message"] for f in report["findings"]] == [f"the tenant shows the status ERROR: it needs attention; {why}"]
    assert report["data_sources"][0]["status_details"] == details


def test_drift_shows_the_difference_and_a_failed_item_its_error() -> None:
    expected = [{"type": "JENKINS_SERVER", "name": "blue"}, {"type": "GITLAB_SELF_MANAGED", "name": "core"}]
    rows = [
        {"index": 0, "id": "id-blue", "action": "updated"},
        {"index": 1, "id": "id-core", "action": "failed", "error": "domain differs"},
    ]
    diffs = [
        {"index": 1, "before_header": 'JENKINS_SERVER "blue" (id id-blue)', "before": "wrong\n", "after": ""},
        {"index": 0, "before_header": "a header says nothing to a program", "before": "a: 1\n", "after": "a: 2\n"},
    ]
    report = audited(sources=[JENKINS, GITLAB], expected=expected, rows=rows, diffs=diffs)
    blue, core = sorted(report["findings"], key=lambda f: f["index"])
    assert (blue["kind"], blue["before"], blue["after"]) == ("drift", "a: 1\n", "a: 2\n")
    assert core["kind"] == "drift"
    assert "domain differs" in core["message"]
    assert [s["drift"] for s in report["data_sources"]] == ["failed", "differs"]


def test_an_undetermined_item_is_neither_missing_nor_present() -> None:
    rows = [{"index": 0, "id": None, "action": "undetermined", "error": "the tenant does not show the name"}]
    report = audited(sources=[JENKINS], expected=[{"type": "JENKINS_SERVER", "name": "red"}], rows=rows)
    assert kinds_and_names(report) == [("unexpected", "blue"), ("undetermined", "red")]


def test_several_matches_are_undetermined() -> None:
    twins = [JENKINS, {**JENKINS, "id": "second"}]
    report = audited(sources=twins, expected=[{"type": "JENKINS_SERVER", "name": "blue"}], rows=[{"index": 0, "action": "failed"}])
    assert [f["kind"] for f in report["findings"]] == ["unexpected", "unexpected", "undetermined"]
    assert "2 data sources match" in report["findings"][-1]["message"]


def test_an_incomplete_read_is_a_finding() -> None:
    part = {**GITLAB, "complete": False, "repositories_count": 2546, "repositories": ["a/b"]}
    report = audited(sources=[part])
    assert kinds_and_names(report) == [("incomplete", "core")]
    assert report["stages"][0]["repositories_complete"] is False
    # A collector has no repositories.
    assert kinds_and_names(audited(sources=[source("COLLECTOR", "c", complete=False)])) == []


def test_what_was_not_examined_is_listed_with_its_reason() -> None:
    report = audited(sources=[JENKINS])
    assert report["not_examined"].keys() == {
        "missing", "unexpected", "drift", "undetermined", "uncovered", "stale", "no_upload", "exception", "key_expiry",
        "broken", "not_scanned", "unselected", "archived_selected",
    }  # fmt: skip
    assert report["data_sources"][0]["expected"] is None
    assert report["verdict"] == "pass"


@pytest.mark.parametrize(("expires", "found"), [("2026-11-21", True), ("2026-12-22", True), ("2026-12-23", False)])
def test_a_key_that_expires_soon_is_a_finding(expires: str, found: bool) -> None:
    report = audited(key_expires=expires, key_warn_days=30, fail_on=["key_expiry"])
    assert (report["verdict"] == "fail") is found
    assert report["api_key"]["expires"] == expires


def test_only_what_fail_on_names_fails_and_comes_first() -> None:
    sick = {**JENKINS, "status": "ERROR", "health": "unhealthy"}
    expected = [{"type": "SNYK", "name": "gone"}]
    report = audited(sources=[sick], expected=expected, fail_on=["unhealthy"])
    assert kinds_and_names(report) == [("unhealthy", "blue"), ("missing", "gone"), ("unexpected", "blue")]
    assert [f["kind"] for f in failing(report["findings"], report["fail_on"])] == ["unhealthy"]
    assert report["headline"] == "1 finding fails this audit: 1 unhealthy. And 2 that do not fail it."
    assert audited(sources=[sick], expected=expected, fail_on="drift, stale")["verdict"] == "attention"


@pytest.mark.parametrize("words", ["mising", ["missing", "mising"], {"missing": True}, [3]])
def test_an_unknown_word_in_fail_on_is_refused_with_the_list(words: Any) -> None:
    with pytest.raises(InputError, match=r"missing, unhealthy, pending, broken, .*, unreadable"):
        fail_on_from(words)


@pytest.mark.parametrize("days", ["x", -1, None, "", 1.5])
def test_an_invalid_number_of_days_is_refused(days: Any) -> None:
    with pytest.raises(InputError, match="audit_max_age_days is"):
        days_from(days, "audit_max_age_days")
    assert days_from("30", "audit_max_age_days") == 30


def test_secrets_are_removed_and_differences_of_any_size_are_shown() -> None:
    item = {"type": "SNYK", "credentials": {"token": "t"}, "self_signed_certificate": "c", "max_deselect": 3, "name": "n"}
    assert without_secrets(item) == {"type": "SNYK", "name": "n", "max_deselect": -1}


# -- exceptions


def excusing(*entries: Any, **more: Any) -> Row:
    return audited(sources=[{**JENKINS, "health": "unhealthy"}], exceptions=list(entries), fail_on=["unhealthy"], **more)


GOOD = {"kind": "unhealthy", "name": "blue", "owner": "ci team", "reason": "moving house", "expires": "2026-11-22"}


def test_an_exception_is_valid_on_its_last_day() -> None:
    report = excusing(GOOD)
    assert report["verdict"] == "pass"
    assert report["findings"][0]["excused"] == {"owner": "ci team", "reason": "moving house", "expires": "2026-11-22"}
    assert report["counts"]["unhealthy"] == {"open": 0, "excused": 1}
    assert report["exceptions"][0]["state"] == "used"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expires": "2026-11-21"}, "expired on 2026-11-21"),
        ({"expires": "soon"}, "its expires is 'soon'"),
        ({"expires": "2027-02-30"}, "its expires is 2027-02-30: this date does not exist."),
        ({"expires": None}, "it lacks expires"),
        ({"owner": ""}, "it lacks owner"),
        ({"reason": None}, "it lacks reason"),
        ({"name": None}, "does not name a type, name or repository"),
        ({"kind": "sick"}, "sick is not a kind of finding. Known: missing, "),
        ({"kind": "unhealhty"}, "unhealhty is not a kind of finding. Did you mean unhealthy? Known: "),
        ({"repo": "x"}, "repo is not a field of an exception. Did you mean repository? Known: "),
        ({"team": "x"}, "team is not a field of an exception. Known: "),
        ({"expire": "2026-12-31"}, "expire is not a field of an exception. Did you mean expires? Known: "),
    ],
)
def test_an_expired_or_incomplete_exception_excuses_nothing_and_is_a_finding(change: Row, said: str) -> None:
    report = excusing({**GOOD, **change})
    assert report["verdict"] == "fail"
    (fault,) = [f for f in report["findings"] if f["kind"] == "exception"]
    assert said in fault["message"]


def test_an_exception_that_is_not_a_dictionary_is_a_finding() -> None:
    assert [f["kind"] for f in excusing("blue")["findings"]] == ["unhealthy", "exception"]


@pytest.mark.parametrize("change", [{"name": "red"}, {"kind": "missing"}, {"type": "SNYK"}, {"repository": "a/b"}])
def test_every_given_field_must_match(change: Row) -> None:
    report = excusing({**GOOD, **change})
    assert report["verdict"] == "fail"
    assert report["exceptions"][0]["state"] == "unused"


@pytest.mark.parametrize("spelt", ["JENKINS_SERVER", "jenkins_server"])
def test_a_type_matches_however_it_is_spelt(spelt: str) -> None:
    assert excusing({**GOOD, "type": spelt})["verdict"] == "pass"


def test_names_may_be_patterns_and_an_exception_never_excuses_an_exception() -> None:
    assert excusing({**GOOD, "name": "bl*"})["verdict"] == "pass"
    # This one would also match the finding about the expired exception.
    report = excusing({**GOOD, "kind": None, "name": "*"}, {**GOOD, "expires": "2020-01-01"})
    assert [f["kind"] for f in report["findings"] if not f["excused"]] == ["exception"]


@pytest.mark.parametrize(
    ("wanted", "excused"),
    [
        ("lab/*", True), ("LAB/Toy", True), ("https://gitlab.example.com/lab/*", True), ("gitlab.example.com/lab/toy", True),
        ("git@gitlab.example.com:lab/toy.git", True), ("*/toy", True), ("lab/t?y", True),
        ("https://github.com/lab/*", False), ("lab", False), ("toy", False), ("lab/[t", False), ("abc/*", False),
    ],
)  # fmt: skip
def test_a_repository_of_an_exception_is_the_same_as_a_path_or_a_url(wanted: str, excused: bool) -> None:
    waiver = {"repository": wanted, "owner": "o", "reason": "r", "expires": "2026-12-31"}
    report = audited(sources=[GITLAB], repositories=["https://gitlab.example.com/Lab/Toy"], exceptions=[waiver])
    assert [bool(f["excused"]) for f in report["findings"]] == [excused]


@pytest.mark.parametrize(
    ("change", "remarks"),
    [
        ({"expires": "2027-06-30"}, []),
        ({"expires": "2026-11-30"}, ["it ends in 8 days"]),
        ({"name": "*", "expires": "2099-12-31"}, ["it covers every name", "it holds for more than a year, until 2099-12-31"]),
        ({"name": None, "repository": "*/*", "expires": "2027-06-30"}, ["it covers every repository"]),
    ],
)
def test_broad_long_and_soon_ending_exceptions_are_pointed_out(change: Row, remarks: list[str]) -> None:
    (row,) = excusing({**GOOD, **change})["exceptions"]
    assert row["remarks"] == remarks


# -- changes


def test_paths_and_urls_are_the_same_repositories() -> None:
    core = {**GITLAB, "repositories": ["a/b"], "repositories_count": 1}
    first = audited(sources=[core], repositories=["a/b", "c/d"])
    urls = ["https://gitlab.example.com/A/b", "https://gitlab.example.com/c/d", "https://github.com/c/d"]
    changes = audited(sources=[core], repositories=urls, baseline=first)["changes"]
    # If two hosts have this path, the plain path is neither of them.
    assert [f["repository"] for f in changes["new_findings"]] == ["https://github.com/c/d", "https://gitlab.example.com/c/d"]
    changes = audited(sources=[core], repositories=urls[:2], baseline=first)["changes"]
    assert (changes["total"], changes["repositories_changed"]) == (0, [])


def test_the_second_audit_says_what_changed() -> None:
    sick = {**JENKINS, "status": "ERROR", "health": "unhealthy"}
    first = audited(sources=[JENKINS, GITLAB], repositories=["a/b", "c/d"], expected=[{"type": "SNYK", "name": "gone"}])
    covering = {**GITLAB, "repositories": ["a/b"], "repositories_count": 1}
    second = audited(
        sources=[sick, covering, source("SNYK", "gone")],
        repositories=["a/b", "e/f"],
        expected=[{"type": "SNYK", "name": "gone"}],
        exceptions=[{"kind": "unexpected", "name": "core", "owner": "o", "reason": "r", "expires": "2027-01-01"}],
        baseline=first,
    )
    changes = second["changes"]
    assert changes["since"] == "2026-11-22T08:00:00Z"
    assert [(f["kind"], f["subject"]) for f in changes["new_findings"]] == [("unhealthy", 'JENKINS_SERVER "blue"'), ("uncovered", "e/f")]
    assert [(f["kind"], f["subject"]) for f in changes["resolved_findings"]] == [
        ("missing", 'SNYK "gone"'), ("uncovered", "a/b"), ("uncovered", "c/d")
    ]  # fmt: skip
    assert [f["subject"] for f in changes["newly_excused"]] == ['GITLAB_SELF_MANAGED "core"']
    assert changes["data_sources_added"] == ['SNYK "gone"']
    assert {(c["subject"], c["what"], c["before"], c["after"]) for c in changes["data_sources_changed"]} == {
        ('JENKINS_SERVER "blue"', "health", "healthy", "unhealthy"),
        ('JENKINS_SERVER "blue"', "status", "COMPLETED", "ERROR"),
        ('GITLAB_SELF_MANAGED "core"', "repositories_count", 0, 1),
    }
    assert [(r["name"], r["before"], r["after"]) for r in changes["repositories_changed"]] == [
        ("a/b", "uncovered", "covered"),
        ("c/d", "uncovered", None),
        ("e/f", None, "uncovered"),
    ]
    third = audited(sources=[sick], baseline=audited(sources=[sick]))
    assert third["changes"]["total"] == 0


def test_an_expired_exception_is_a_new_finding_and_what_it_excused_is_listed() -> None:
    changes = excusing(GOOD, baseline=excusing(GOOD), audited_at="2026-11-23T08:00:00Z")["changes"]
    assert [(f["kind"], f["subject"]) for f in changes["new_findings"]] == [("exception", "exception 1 (kind unhealthy, name blue)")]
    assert [f["subject"] for f in changes["no_longer_excused"]] == ['JENKINS_SERVER "blue"']
    assert changes["verdict"] == ["pass", "fail"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "x"}, "not a report.json"),
        ({"schema_version": 99}, "schema version is 99"),
        ({"tenant": "other"}, "is about other"),
        ({"findings": None}, "no findings"),
        ({"findings": [{}]}, "it is incomplete"),
        ({"repositories": {}}, "it is incomplete"),
    ],
)
def test_an_unusable_baseline_is_refused_with_the_reason(change: Row, said: str) -> None:
    good = audited(sources=[JENKINS], repositories=["a/b"])
    assert baseline_fault(good, "api-x") == ""
    assert said in baseline_fault({**good, **change}, "api-x")
    assert baseline_fault([], "api-x")


# -- the fleet


def test_the_worst_come_first_and_an_unreachable_tenant_is_not_audited() -> None:
    sick = audited(sources=[{**JENKINS, "health": "unhealthy", "status": "ERROR"}], fail_on=["unhealthy"])
    page = fleet({"fine": summary(audited(sources=[JENKINS])), "dead": "cannot connect", "sick": summary(sick)}, "2026-11-22T08:00:00Z")
    assert [(h["host"], h["verdict"]) for h in page["hosts"]] == [("dead", "not_audited"), ("sick", "fail"), ("fine", "pass")]
    assert page["hosts"][0]["message"] == "cannot connect"
    assert page["counts"] == {"not_audited": 1, "fail": 1, "attention": 0, "pass": 1}
    assert page["hosts"][2]["report"] == "fine/report.html"
    build = next(s for s in page["stages"] if s["stage"] == "build")
    assert (build["data_sources"], build["healthy"], build["unhealthy"]) == (2, 1, 1)


def test_no_name_of_a_host_leaves_the_report_folder() -> None:
    assert folder_of("eu.example.com") == "eu.example.com"
    assert folder_of("../../etc") == "%2E.%2F..%2Fetc"
    assert folder_of("..") == "%2E."
    alike = ["a/b", "a_b", "a%2Fb", "a\\b", ".a", "_.a"]
    assert len({folder_of(host) for host in alike}) == len(alike)
