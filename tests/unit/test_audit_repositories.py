# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which listed repositories are covered, and whose uploads are stale, from plain data."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from test_audit import GITLAB, JENKINS, Row, audited, source

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.evidence import Evidence
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.repositories import Reader, coverage

FOLDER = Path(__file__).resolve().parents[2] / "plugins" / "module_utils" / "_audit"


def selecting(*repositories: str, **more: Any) -> Row:
    return {**GITLAB, "repositories": list(repositories), "repositories_count": len(repositories), **more}


def cover(listed: list[str], sources: list[Row]) -> Row:
    """The section repositories of a report."""
    content: Row = coverage(Evidence("api-x", "x", "2026-11-22", sources, repositories=listed)).content
    return content


def states(listed: list[str], *sources: Row) -> list[str]:
    section = cover(listed, list(sources))
    return [row["status"] for row in section["items"]]


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("payments/ledger", "", "payments/ledger"),
        ("Payments/Ledger.git", "", "payments/ledger"),
        ("https://job:token@GHE.example.com/Payments/ledger.git/", "ghe.example.com", "payments/ledger"),
        ("git@ghe.example.com:payments/ledger.git", "ghe.example.com", "payments/ledger"),
        ("ghe.example.com/payments/ledger", "", "ghe.example.com/payments/ledger"),
        ("https://dev.azure.com/org/My%20Project/_git/app", "dev.azure.com", "org/my project/app"),
        ("a.b/c", "", "a.b/c"),
        ("ledger", "", "ledger"),
        ("group/sub/ledger", "", "group/sub/ledger"),
    ],
)
def test_spellings_of_a_repository_have_one_key(text: str, host: str, path: str) -> None:
    assert Reader([]).read(text).key == (host, path)


def test_a_given_host_must_be_that_of_the_data_source() -> None:
    core = selecting("payments/ledger")
    listed = ["payments/ledger", "https://gitlab.example.com/Payments/Ledger", "https://github.com/payments/ledger"]
    assert states(listed, core) == ["covered", "covered", "uncovered"]
    github = source("GITHUB", "cloud", repositories=["payments/ledger"], repositories_count=1)
    assert states(["https://github.com/payments/ledger", "https://gitlab.example.com/payments/ledger"], github) == ["covered", "uncovered"]


def test_a_group_named_like_a_host_is_not_a_host() -> None:
    core = selecting("acme.io/sub/api")
    listed = ["sub/api", "https://gitlab.example.com/acme.io/sub/api", "https://acme.io/sub/api", "acme.io/sub/api"]
    assert states(listed, core) == ["uncovered", "covered", "uncovered", "covered"]
    # The host of a data source at the beginning of a path is a host, unless a group of that name is selected.
    assert states(["gitlab.example.com/payments/ledger"], selecting("payments/ledger")) == ["covered"]
    assert states(["gitlab.example.com/payments/ledger"], selecting("other/one")) == ["uncovered"]


def test_web_and_clone_urls_of_each_product_are_recognised() -> None:
    azure = source("AZURE_REPOS", "az", repositories=["Org/My Project/repo"], repositories_count=1)
    bitbucket = source("BITBUCKET_DATACENTER", "bb", domain={"hostname": "bb.example.com"}, repositories=["PROJ/repo", "~jdoe/x"])
    below = selecting("g/p", domain={"hostname": "example.com/gitlab"})
    github = source("GITHUB", "gh", repositories=["org/app"], repositories_count=1)
    listed = [
        "https://dev.azure.com/Org/My%20Project/_git/repo",
        "https://bb.example.com/scm/PROJ/repo.git",
        "https://bb.example.com/users/jdoe/repos/x",
        "https://example.com/gitlab/g/p",
        "ssh://git@ssh.github.com:443/org/app.git",
    ]
    assert states(listed, azure, bitbucket, below, github) == ["covered"] * 5
    assert states([*listed, "https://bb.example.com/projects/PROJ/repos/repo"], azure, bitbucket, below, github) == ["covered"] * 5
    others = ["https://bb.example.com/scm/OTHER/repo", "https://example.com/g/p", "https://dev.azure.com/Org/Other/_git/repo"]
    assert states(others, azure, bitbucket, below, github) == ["uncovered"] * 3


def test_duplicates_are_counted_once() -> None:
    section = cover(["a/b", "A/B.git", "a/c"], [selecting("a/b")])
    assert (section["listed"], section["duplicates"], section["covered"], section["uncovered"]) == (2, 1, 1, 1)


def test_only_version_control_covers() -> None:
    other = source("HCP_TFC_RUN_TASKS", "tfc", repositories=["a/b"], repositories_count=1)
    assert states(["a/b"], other) == ["uncovered"]


def test_what_an_incomplete_data_source_may_select_is_unknown() -> None:
    """It counts neither as covered nor as uncovered; a repository on another host is still uncovered."""
    part = selecting("a/b", complete=False, repositories_count=2546)
    listed = ["a/b", "a/c", "https://github.com/a/d"]
    assert states(listed, part) == ["covered", "unknown", "uncovered"]
    report = audited(sources=[part], repositories=listed, fail_on=["incomplete"])
    assert [f["repository"] for f in report["findings"] if f["kind"] == "incomplete"] == [None, "a/c"]
    assert report["verdict"] == "fail"


@pytest.mark.parametrize("shown", [{"complete": True, "repositories_count": None}, {"complete": False, "repositories_count": 12}])
def test_coverage_is_unknown_if_a_data_source_selects_all_and_shows_none(shown: Row) -> None:
    everything = {**GITLAB, "selection_type": "CURRENT_STATE_AND_FUTURE", "repositories": [], **shown}
    assert states(["a/b"], everything) == ["unknown"]


def test_the_healthiest_data_source_counts_and_unknown_is_not_healthy() -> None:
    sick = selecting("a/b", id="sick", health="unhealthy")
    odd = selecting("a/b", id="odd", health="unknown")
    new = selecting("a/b", id="new", health="pending")
    section = cover(["a/b"], [sick, odd])
    assert (section["covered"], section["covered_healthy"], section["items"][0]["health"]) == (1, 0, "unknown")
    section = cover(["a/b"], [sick, odd, new])
    assert (section["covered_healthy"], section["items"][0]["health"]) == (0, "pending")
    section = cover(["a/b"], [new, sick, odd, selecting("a/b")])
    assert section["covered_healthy"] == 1


def test_a_name_without_its_group_is_accepted_only_if_it_is_unique() -> None:
    core = selecting("payments/ledger", "archive/ledger", "payments/cards")
    section = cover(["cards", "ledger", "other"], [core])
    assert [row["status"] for row in section["items"]] == ["covered", "unknown", "uncovered"]
    assert "assumed to be payments/cards" in section["items"][0]["note"]
    assert "2 selected repositories have this name" in section["items"][1]["note"]


def test_selected_repositories_that_are_not_listed_are_reported() -> None:
    core = selecting("a/b", "a/c", "a/d")
    section = cover(["https://gitlab.example.com/a/b", "c"], [core])
    assert section["not_listed"] == ["a/d"]


# -- receipts


COLLECTOR = source("COLLECTOR", "bandit", id="col_1")


def receipt(day: str, collector: str = "bandit", repository: str = "https://gitlab.example.com/a/b", **more: Any) -> Row:
    return {"time": f"{day}T10:00:00Z", "collector": collector, "repository": repository, "status": 200, "file": f"{day}.json", **more}


def judged(*receipts: Row, **more: Any) -> Row:
    return audited(**{"sources": [COLLECTOR], "receipts": list(receipts), "fail_on": ["stale"], **more})


@pytest.mark.parametrize(("day", "age", "stale"), [("2026-10-23", 30, False), ("2026-10-22", 31, True), ("2026-11-23", 0, False)])
def test_a_receipt_is_stale_after_the_given_days(day: str, age: int, stale: bool) -> None:
    report = judged(receipt(day), max_age_days=30)
    (row,) = report["receipts"]["items"]
    assert (row["age_days"], row["stale"]) == (age, stale)
    assert (report["verdict"] == "fail") is stale


def test_the_newest_of_any_branch_counts() -> None:
    report = judged(receipt("2020-01-01", branch="gone"), receipt("2026-11-20", branch="main"), receipt("2026-11-01", branch="old"))
    (row,) = report["receipts"]["items"]
    assert (row["branch"], row["uploads"], row["stale"]) == ("main", 3, False)


@pytest.mark.parametrize("said", ["bandit", "col_1", "/public_api/appsec/v1/collectors/col_1"])
def test_a_collector_is_recognised_by_name_id_and_path(said: str) -> None:
    report = judged(receipt("2026-11-20", said), expected=[{"type": "COLLECTOR", "name": "bandit"}])
    assert report["verdict"] == "pass"
    assert report["receipts"]["items"][0]["collector"] == "bandit"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://git.example.com/Org/App", "https://git.example.com/org/app"),
        ("git@git.example.com:Org/App.git", "https://git.example.com/org/app/"),
        ("https://dev.azure.com/Org/Shop/_git/api", "git@ssh.dev.azure.com:v3/org/shop/api"),
    ],
)
def test_receipts_of_one_repository_are_grouped_in_any_spelling(old: str, new: str) -> None:
    report = judged(receipt("2020-01-01", repository=old), receipt("2026-11-20", repository=new), repositories=[old, new])
    (row,) = report["receipts"]["items"]
    assert (row["repository"], row["uploads"], row["stale"]) == (new, 2, False)
    assert [f for f in report["findings"] if f["kind"] == "no_upload"] == []


def test_an_expected_collector_without_any_receipt_is_stale() -> None:
    expected = [{"type": "COLLECTOR", "name": "bandit"}, {"type": "COLLECTOR", "name": "gone"}]
    report = judged(expected=expected)
    assert [f["name"] for f in report["findings"] if f["kind"] == "stale"] == ["bandit", "gone"]
    assert [f["name"] for f in judged()["findings"]] == ["bandit"]


def test_a_listed_repository_without_an_upload_is_a_finding() -> None:
    listed = ["a/b", "https://gitlab.example.com/A/B.git", "b", "https://github.com/a/b", "a/c"]
    report = judged(receipt("2026-11-20"), repositories=listed)
    assert [f["repository"] for f in report["findings"] if f["kind"] == "no_upload"] == ["a/c", "https://github.com/a/b"]
    assert report["receipts"]["repositories_without"] == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"time": None}, "not a receipt of an upload"),
        ({"time": "yesterday"}, "not a receipt of an upload"),
        ({"status": 500}, "does not record an accepted upload"),
        ({"status": None}, "does not record an accepted upload"),
        ({"time": "2026-11-24T00:00:00Z"}, "after the day of the audit"),
        ({"results": 3, "results_by_level": {"error": 1, "note": 1}}, "contradict each other: 3 results, but 2 by level"),
        ({"results": 3, "source": {"results": 2}}, "contradict each other: 3 results, but 2 in the report"),
        ({"results": 3, "outcome": "not_sent"}, "contradict each other: 3 results, but nothing was sent"),
        ({"results": -1}, "its numbers are not counts"),
        ({"results": 1, "results_by_level": {"error": "1"}}, "its numbers are not counts"),
    ],
)
def test_a_receipt_that_proves_nothing_is_unreadable(change: Row, said: str) -> None:
    report = judged({**receipt("2026-11-20"), **change}, fail_on=["unreadable"])
    assert report["verdict"] == "fail"
    assert said in report["findings"][0]["message"]
    assert report["receipts"]["items"] == []


def test_a_scan_without_results_is_fresh_with_the_state_clean() -> None:
    found = receipt("2026-11-20", results=3, results_by_level={"error": 3}, outcome="accepted", source={"results": 3, "scan_failed": False})
    clean = receipt("2026-11-21", outcome="not_sent", status=None, results=0, results_by_level={"error": 0}, source={"results": 0})
    report = judged(found, clean, repositories=["a/b"])
    assert [(row["state"], row["stale"], row["uploads"]) for row in report["receipts"]["items"]] == [("clean", False, 2)]
    assert [f["kind"] for f in report["findings"]] == ["uncovered"]
    assert report["receipts"]["repositories_with_fresh"] == 1
    failed = judged({**clean, "source": {"results": 0, "scan_failed": True}})
    assert "its scan failed" in failed["findings"][-1]["message"]
    assert failed["receipts"]["items"] == []


def test_receipts_of_another_tenant_are_ignored_and_counted() -> None:
    report = judged(receipt("2026-11-20", tenant="api-other"), receipt("2026-11-19", tenant="API-x"))
    assert (report["receipts"]["of_other_tenants"], report["receipts"]["items"][0]["time"][:10]) == (1, "2026-11-19")


def test_an_upload_to_a_collector_that_does_not_exist_does_not_count() -> None:
    report = judged(receipt("2026-11-20"), receipt("2026-11-20", "old-one", "https://gitlab.example.com/c/d"), repositories=["a/b", "c/d"])
    assert [(f["kind"], f["name"] or f["repository"]) for f in report["findings"]] == [
        ("stale", "old-one"), ("uncovered", "a/b"), ("uncovered", "c/d"), ("no_upload", "c/d"),
    ]  # fmt: skip
    assert report["receipts"]["repositories_with_fresh"] == 1


KNOWN = [{"id": "1", "url": "https://gitlab.example.com/a/b", "default_branch": "trunk", "broken": []}]


@pytest.mark.parametrize(
    ("branch", "known", "branches", "state"),
    [
        ("trunk", KNOWN, [], "fresh"), ("refs/heads/trunk", KNOWN, [], "fresh"), (None, KNOWN, [], "fresh"),
        ("tmp-branch", KNOWN, [], "other_branch"), ("release/7", KNOWN, ["main", "release/*"], "fresh"),
        ("trunk", KNOWN, ["main"], "other_branch"), ("tmp-branch", None, [], "fresh"), ("tmp-branch", None, ["main"], "other_branch"),
    ],
)  # fmt: skip
def test_only_a_branch_that_counts_is_evidence(branch: str | None, known: list[Row] | None, branches: list[str], state: str) -> None:
    report = judged(receipt("2026-11-20", branch=branch), known=known, branches=branches)
    assert report["receipts"]["items"][0]["state"] == state
    assert [f["kind"] for f in report["findings"]] == ["stale"] * (state != "fresh")
    # If nothing shows which branch counts, a note says so.
    assert any("an upload from any branch counts" in note for note in report["notes"]) is (known is None and not branches)


def test_a_later_upload_of_another_branch_does_not_make_an_old_one_fresh() -> None:
    report = judged(receipt("2026-09-01", branch="trunk"), receipt("2026-11-20", branch="tmp"), known=KNOWN)
    assert [(row["state"], row["branch"], row["uploads"]) for row in report["receipts"]["items"]] == [("stale", "trunk", 2)]


def test_without_repositories_and_collectors_there_are_no_findings() -> None:
    assert audited(sources=[JENKINS], receipts=[])["findings"] == []


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda p: p.stem)
def test_the_logic_is_pure(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
    called = [n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    assert not {"os", "pathlib", "socket", "requests", "subprocess", "time", "random"} & set(names)
    assert "open" not in called
