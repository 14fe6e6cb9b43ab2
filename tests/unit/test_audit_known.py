# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenant's own list of repositories: coverage, scans, what is broken, and receipts that use its IDs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_audit import GITLAB, Row, audited, source

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.kinds import KINDS, message_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.known import KINDS_SEEN, READ
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.tables import as_csv, as_junit
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import label
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repositories import MEMBERS
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._report.render import render_report

ROOT = Path(__file__).resolve().parents[2]
FRESH, OLD = "2026-11-20T08:00:00.000Z", "2026-10-01T08:00:00.000Z"
CORE = label(GITLAB)
EXPIRED = [{"part": "token", "reason": "expired"}]


def repo(path: str, **more: Any) -> Row:
    """A repository of the GitLab as repository_info shows it: selected and scanned."""
    owner, _slash, name = path.rpartition("/")
    shown = {"id": f"asset-{name}", "owner": owner, "name": name, "url": f"https://gitlab.example.com/{path}", "source": GITLAB["type"]}
    return {**shown, "integration_id": GITLAB["id"], "is_selected": True, "is_archived": False, "scanned_at": FRESH, "broken": [], **more}


def findings(report: Row) -> list[tuple[str, str]]:
    return sorted((f["kind"], f["repository"] or " ".join(f.get("repositories", [])) or f["subject"]) for f in report["findings"])


def test_the_tenants_list_of_unscanned_repositories_is_compared_with_its_dates() -> None:
    estate = [repo("pay/fresh"), repo("pay/old", scanned_at=OLD), repo("pay/never", scanned_at=None)]
    estate.append(repo("pay/free", is_selected=False, scanned_at=OLD))
    estate.append(repo("pay/edge", scanned_at="2026-10-23T00:00:00.000Z"))

    def notes(*names: str, known: list[Row] | None = None) -> list[str]:
        listed = [{"id": f"asset-{name}", "name": name, "organization_id": "pay"} for name in names]
        report = audited(sources=[GITLAB], known=estate if known is None else known, unscanned=listed)
        assert report["tenant_repositories"]["unscanned"] == len(set(names) - {"gone"})
        return [note for note in report["notes"] if "list" in note]

    assert notes("old", "never", "free", "edge", "gone") == notes("old", "never") == []
    (note,) = notes("fresh", "old", "never")
    assert "contradicts itself about 1 repositories: its list of unscanned repositories has them" in note
    assert note.endswith("the date counts here: pay/fresh.")
    (note,) = notes()
    assert note.endswith("the date counts here: pay/never, pay/old.")
    (note,) = notes("old", known=[{**one, "scanned_at": None} for one in estate])
    assert note == "The tenant does not show when repositories were scanned; according to its own list, 1 were not scanned for 30 days."
    alone = audited(sources=[GITLAB], known=estate)
    assert (alone["tenant_repositories"]["unscanned"], alone["tenant_repositories"]["contradicted"], alone["notes"]) == (None, {}, [])


ESTATE = [
    repo("pay/fresh"),
    repo("pay/old", scanned_at=OLD),
    repo("pay/never", scanned_at=None),
    repo("pay/free", is_selected=False, broken=EXPIRED),
    repo("pay/gone", is_archived=True, scanned_at=None, broken=EXPIRED),
    repo("pay/left", is_archived=True, is_selected=False),
    repo("lab/torn", broken=EXPIRED),
]
NOT_SCANNED = ("not_scanned", "pay/never pay/old")


def test_what_is_found_and_counted() -> None:
    report = audited(sources=[GITLAB], known=ESTATE)
    assert findings(report) == [("archived_selected", "pay/gone"), ("broken", "lab/torn"), NOT_SCANNED, ("unselected", "pay/free")]
    (torn,) = [f for f in report["findings"] if f["kind"] == "broken"]
    assert (torn["message"], torn["id"], torn["name"]) == ("the tenant reports as invalid: token (expired)", GITLAB["id"], "core")
    seen = report["tenant_repositories"]
    counts = {"known": 7, "selected": 5, "archived": 2, "unselected": 1, "archived_selected": 1, "broken": 1, "not_scanned": 2}
    assert {k: seen[k] for k in (*counts, "never_scanned")} == {**counts, "never_scanned": 1}
    assert seen["scan_ages"] == {"within 7 days": 2, "8 to 30 days": 0, "31 to 90 days": 1, "longer ago": 0, "never": 1}
    assert (seen["newest_scan"], seen["oldest_scan"], seen["complete"]) == (FRESH, OLD, True)
    assert [(g["organization"], g["data_source"], g["known"]) for g in seen["by"]] == [
        ("pay", 'GITLAB_SELF_MANAGED "core"', 6), ("lab", 'GITLAB_SELF_MANAGED "core"', 1),
    ]  # fmt: skip


def test_an_expired_token_is_one_finding_with_the_repositories_that_it_breaks() -> None:
    many = [repo(f"pay/r{n}", broken=EXPIRED) for n in range(3)]
    other = repo("pay/x", broken=[{"part": "webhook", "reason": ""}])
    report = audited(sources=[GITLAB], known=[*many, other], fail_on="broken")
    assert [(f["subject"], f.get("repositories"), f["message"]) for f in report["findings"]] == [
        ('GITLAB_SELF_MANAGED "core"', ["pay/r0", "pay/r1", "pay/r2"], "the tenant reports as invalid: token (expired)"),
        ("pay/x", None, "the tenant reports as invalid: webhook"),
    ]
    # Changes are listed for each repository.
    changes = audited(sources=[GITLAB], known=[*many[:2], other], baseline=report)["changes"]
    assert ([f["repository"] for f in changes["resolved_findings"]], changes["new_findings"]) == (["pay/r2"], [])
    waiver = {"repository": "pay/r1", "owner": "o", "reason": "r", "expires": "2027-01-01"}
    parts = audited(sources=[GITLAB], known=many, exceptions=[waiver])["findings"]
    assert [(f["repositories"], bool(f["excused"])) for f in parts] == [(["pay/r0", "pay/r2"], False), (["pay/r1"], True)]


@pytest.mark.parametrize(("days", "kinds"), [(51, []), (52, []), (50, ["not_scanned"])])
def test_the_age_of_a_scan_is_counted_in_days(days: int, kinds: list[str]) -> None:
    # 52 days before the audit; the last allowed day is not late.
    report = audited(known=[repo("pay/old", scanned_at="2026-10-02T23:00:00Z")], scan_max_age_days=days, sources=[GITLAB])
    assert [f["kind"] for f in report["findings"]] == kinds


def test_without_any_date_nothing_is_unscanned_and_a_note_says_why() -> None:
    report = audited(sources=[GITLAB], known=[repo("pay/never", scanned_at=None)])
    assert (report["findings"], report["notes"]) == (
        [],
        ["The tenant does not show when repositories were scanned, so missing scans cannot be found."],
    )


def test_what_an_older_tenant_does_not_show_is_neither_selected_nor_unselected() -> None:
    bare = {k: v for k, v in repo("pay/a").items() if k in ("id", "owner", "name", "url", "source")}
    report = audited(sources=[GITLAB], known=[bare])
    assert (report["findings"], report["tenant_repositories"]["known"], report["tenant_repositories"]["selected"]) == ([], 1, 0)
    # The audit's key may not see the data source.
    other = audited(sources=[], known=[repo("pay/free", is_selected=False)])
    assert [f["subject"] for f in other["findings"]] == [f"data source {GITLAB['id']}"]


def test_without_the_list_its_kinds_are_not_examined_and_coverage_still_works() -> None:
    core = {**GITLAB, "repositories": ["pay/a"], "repositories_count": 1}
    report = audited(sources=[core], repositories=["pay/a"])
    assert set(KINDS_SEEN) <= set(report["not_examined"])
    assert (report["tenant_repositories"], report["repositories"]["covered"]) == (None, 1)
    part = audited(sources=[core], known=[repo("pay/a")], known_whole=False)
    assert part["notes"][0].startswith("The tenant repeats pages of its list of repositories: 1 were seen")


def coverage(known: list[Row], listed: list[str], *sources: Row) -> list[tuple[str, str | None]]:
    items = audited(sources=list(sources) or [GITLAB], known=known, repositories=listed)["repositories"]["items"]
    return [(item["status"], item["by"]) for item in items]


def test_the_tenants_own_list_overrides_the_data_sources() -> None:
    stated = {**GITLAB, "repositories": ["pay/a", "pay/b"], "repositories_count": 2}
    listed = ["pay/a", "https://gitlab.example.com/pay/a", "pay/b", "pay/c"]
    known = [repo("pay/a", is_selected=False)]
    assert coverage(known, listed, stated) == [("uncovered", None), ("uncovered", None), ("covered", CORE), ("uncovered", None)]
    # If a data source selects everything and shows nothing, the list still decides.
    everything = {**GITLAB, "selection_type": "CURRENT_STATE", "complete": False}
    assert coverage([repo("pay/a")], ["pay/a", "pay/b"], everything) == [("covered", CORE), ("unknown", None)]


@pytest.mark.parametrize("listed", ["https://gitlab.example.com/pay/c.git", "c", "gitlab.example.com/pay/c", "PAY/C", "asset-c"])
def test_a_repository_selected_only_by_the_tenants_list_is_covered_in_any_spelling(listed: str) -> None:
    assert coverage([repo("pay/c")], [listed]) == [("covered", CORE)]
    assert coverage([repo("pay/c", url=None)], [listed]) == [("covered", CORE)]
    assert coverage([repo("pay/c", is_selected=False)], [listed]) == [("uncovered", None)]


def test_a_selected_repository_without_a_data_source_and_one_of_another_host() -> None:
    (row,) = audited(sources=[GITLAB], known=[repo("pay/c", integration_id=None)], repositories=["pay/c"])["repositories"]["items"]
    assert (row["status"], row["health"], row["note"]) == (
        "covered", "unknown", "the tenant shows that it is selected, but not by which data source",
    )  # fmt: skip
    assert coverage([repo("pay/c")], ["https://github.com/pay/c"]) == [("uncovered", None)]
    # Of two with the same name, the selected one counts.
    assert coverage([repo("pay/c", is_selected=False), repo("pay/c", id="2")], ["pay/c"])[0][0] == "covered"


def test_selected_but_not_listed_follows_the_tenants_list() -> None:
    stated = {**GITLAB, "repositories": ["pay/a"], "repositories_count": 1}
    known = [repo("pay/a", is_selected=False), repo("pay/b")]
    assert audited(sources=[stated], known=known, repositories=["pay/c"])["repositories"]["not_listed"] == ["pay/b"]


def receipt(repository: str) -> Row:
    told = {"repository": repository, "collector": "bandit", "time": FRESH, "status": 201, "file": f"{repository}.json"}
    return {**told, "branch": None, "commit": None, "tool": "bandit", "results": 0, "results_by_level": {}, "sha256": "0"}


def test_a_receipt_may_name_a_repository_by_the_tenants_id() -> None:
    bandit = source("COLLECTOR", "bandit")
    given: Row = {"sources": [GITLAB, bandit], "repositories": ["pay/a"], "receipts": [receipt("asset-a")]}
    assert findings(audited(**given, known=[repo("pay/a")])) == []
    assert ("no_upload", "pay/a") in findings(audited(**given, known=[repo("pay/b")]))


def test_an_exception_takes_its_repositories_out_of_the_list() -> None:
    waiver = {"repository": "pay/o*", "kind": "not_scanned", "owner": "o", "reason": "r", "expires": "2027-01-01"}
    report = audited(sources=[GITLAB], known=ESTATE, exceptions=[waiver])
    late = [(f["repositories"], bool(f["excused"])) for f in report["findings"] if f["kind"] == "not_scanned"]
    assert sorted(late) == [(["pay/never"], False), (["pay/old"], True)]
    for pattern, excused in (("https://gitlab.example.com/*", True), ("https://github.com/*", False)):
        # A name without a host is on the host of its data source.
        there = audited(sources=[GITLAB], known=ESTATE, exceptions=[{**waiver, "repository": pattern}])
        assert [bool(f["excused"]) for f in there["findings"] if f["kind"] == "not_scanned"] == [excused]
    whole = audited(sources=[GITLAB], known=ESTATE, exceptions=[{**waiver, "repository": None, "name": "core"}])
    (late_all,) = [f for f in whole["findings"] if f["kind"] == "not_scanned"]
    assert (late_all["repositories"], bool(late_all["excused"])) == (["pay/never", "pay/old"], True)


def test_the_files_name_each_repository_and_say_how_many() -> None:
    many = [repo(f"pay/r{n}", scanned_at=OLD) for n in range(5)]
    report = audited(sources=[GITLAB], known=many, fail_on="not_scanned")
    (late,) = report["findings"]
    assert message_of(late).startswith("5 repositories (pay/r0, pay/r1, pay/r2 and 2 more): they are selected, but")
    assert as_csv(report).count(",not_scanned,") == 5
    assert "5 repositories (pay/r0" in as_junit(report)
    page = render_report(report)
    assert all(f"<li>pay/r{n}" in page for n in range(5))
    assert "5 known: 5 selected" in page


def test_the_members_that_an_audit_reads_exist_and_every_kind_is_documented() -> None:
    assert set(READ) <= set(MEMBERS)
    page = (ROOT / "docs/audit.md").read_text(encoding="utf-8")
    spec = (ROOT / "roles/audit/meta/argument_specs.yml").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"| `{kind}` |" not in page or f"V({kind})" not in spec] == []
