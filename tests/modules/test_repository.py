# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""repository: which branches are scanned and how, of one repository or of many, on the embedded tenant."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from bulk import Engine, RunModule

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_run import RepositoryRun
from tenant.assets import SCANS
from tenant.server import EmbeddedTenant

BLOCK = {"pr_scanning": {"is_enabled": True, "block_on_error": True}}
NO_SCA = {"scanners": {"sca": {"is_enabled": False}}}


@pytest.fixture
def engine(run_module: RunModule) -> Any:
    with EmbeddedTenant("published", rate=100_000) as tenant:
        yield Engine(run_module, tenant)


@pytest.fixture
def ids(engine: Engine) -> dict[str, str]:
    found = {name: engine.tenant.add_repository(name) for name in ("pay/a", "pay/b", "pay/sub/c", "lab/d")}
    engine.tenant.clear_journal()
    return found


def asset(engine: Engine, asset_id: str) -> dict[str, Any]:
    held: dict[str, Any] = engine.tenant.state.repositories[asset_id]
    return held


def actions(result: dict[str, Any]) -> dict[str, str]:
    assert not result["failed"], result["msg"]
    return {f"{row['owner']}/{row['name']}": row["action"] for row in result["repositories"]}


def test_only_what_is_given_changes_and_a_second_run_nothing(engine: Engine, ids: dict[str, str]) -> None:
    wanted = {"id": ids["pay/a"], "scan_configuration": {"scanners": {"secrets": {"scan_options": {"git_history": True}}}}}
    checked = engine.run("repository", wanted, check=True, diff=True)
    assert (checked["changed"], engine.writes()) == (True, [])
    done = engine.run("repository", wanted, diff=True)
    assert (done["changed"], done["diff"], done["plan_digest"]) == (True, checked["diff"], checked["plan_digest"])
    assert done["diff"][0]["before"] == "scan_configuration.scanners.secrets.scan_options.git_history: false\n"
    assert done["diff"][0]["after"] == "scan_configuration.scanners.secrets.scan_options.git_history: true\n"
    # The tenant replaces a member as a whole: the other scanners were sent too, and no other member was.
    secrets = {"isEnabled": True, "scanOptions": {"gitHistory": True, "secretValidation": False}}
    scanners = {**SCANS["scanners"], "SECRETS": secrets, "GIT_HISTORY": {"isEnabled": True}}
    assert asset(engine, ids["pay/a"])["scanConfiguration"] == {**SCANS, "scanners": scanners}
    assert [list(entry.request_body) for entry in engine.tenant.writes] == [["scanners"]]
    assert checked["repositories"][0]["scan_configuration"] == done["repositories"][0]["scan_configuration"]
    assert actions(engine.run("repository", wanted)) == {"pay/a": "unchanged"}
    assert engine.writes() == ["PUT 204"]


def test_what_it_returns_changes_nothing_when_it_is_given_back(engine: Engine, ids: dict[str, str]) -> None:
    wanted = {"scanned_branches": ["rc", "main"], "primary_branch": "rc", "scan_configuration": {**BLOCK, "excluded_paths": ["b/", "a/"]}}
    (row,) = engine.run("repository", {"id": ids["pay/a"], **wanted})["repositories"]
    assert (row["scanned_branches"], row["primary_branch"]) == (["main", "rc"], "rc")
    back = {name: row[name] for name in ("id", "scanned_branches", "primary_branch", "scan_configuration")}
    assert actions(engine.run("repository", back)) == {"pay/a": "unchanged"}
    assert engine.writes() == ["PUT 204", "PUT 204"]
    # The primary one alone; the branches stay.
    engine.run("repository", {"url": "git@github.com:pay/a.git", "primary_branch": "main"})
    assert [(b["name"], b["isPrimary"]) for b in asset(engine, ids["pay/a"])["scannedBranches"]] == [("main", True), ("rc", False)]


def test_many_by_patterns_in_one_run(engine: Engine, ids: dict[str, str]) -> None:
    core = engine.tenant.add_instance("GITHUB", identifier="core", repositories=["core/x", "pay/a"])
    engine.tenant.clear_journal()
    items = [
        {"match": ["Pay/*", "pay/sub/**"], "scan_configuration": BLOCK},
        {"match": ["core/*"], "data_source": core, "scan_configuration": NO_SCA},
        {"id": ids["lab/d"], "scanned_branches": ["main"]},
    ]
    # pay/a of the new data source is the same asset.
    done = engine.run("repository", {"repositories": items})
    assert actions(done) == {"pay/a": "updated", "pay/b": "updated", "pay/sub/c": "updated", "core/x": "updated", "lab/d": "unchanged"}
    assert (done["summary"], len(engine.writes())) == ({"updated": 4, "unchanged": 1}, 4)
    assert len([e for e in engine.tenant.journal if e.path.endswith("/repositories")]) == 2, "one read of the list: a page and its end"
    assert actions(engine.run("repository", {"repositories": items}))["core/x"] == "unchanged"
    assert len(engine.writes()) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give one of id, url, match."),
        ({"id": "x", "match": ["a"], "primary_branch": "m"}, "give one of id, url, match and no other: id, match."),
        ({"match": [], "primary_branch": "m"}, "match is empty."),
        ({"match": ["pay/*"]}, "give at least one setting: scanned_branches, primary_branch, scan_configuration."),
        ({"id": "x", "data_source": "y", "primary_branch": "m"}, "data_source only works together with match: give match too."),
        ({"match": ["pya/*"], "primary_branch": "m"}, "there is no repository that matches pya/* in this tenant. Nothing was changed."),
        ({"url": "https://github.com/pay/z", "primary_branch": "m"}, "there is no repository with the URL https://github.com/pay/z"),
        ({"id": "a" * 63, "primary_branch": "m"}, "there is no repository with id"),
        ({"match": ["pay/*"], "scanned_branches": []}, "scanned_branches is empty"),
        ({"match": ["pay/a"], "scanned_branches": ["x"]}, "the primary branch main is not one of scanned_branches (x). Give primary"),
        ({"match": ["pay/a"], "primary_branch": "m", "repositories": []}, "give match, primary_branch in the entries of repositories"),
        ({"match": ["pay/a"], "primary_branch": "m", "plan_required": True}, "plan_required is set and plan_digest is not given"),
        ({"match": ["pay/a"], "scan_configuration": BLOCK, "plan_digest": ""}, "plan_digest is not the digest of this plan"),
        (
            {"repositories": [{"match": ["pay/*"], "scan_configuration": BLOCK}, {"match": ["*/a"], "scan_configuration": BLOCK}]},
            "the items 0 and 1 both refer to pay/a (id",
        ),
        (
            {"match": ["**"], "scan_configuration": NO_SCA, "max_narrowed": 3},
            "in 4 repositories less would be scanned than now, but max_narrowed is 3 (lab/d (id",
        ),
    ],
)
def test_what_is_refused_before_any_write(engine: Engine, ids: dict[str, str], options: dict[str, Any], said: str) -> None:
    result = engine.run("repository", options)
    assert result["failed"]
    assert said in result["msg"]
    assert engine.writes() == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"scanned_branches": ["rc"], "primary_branch": "rc"},
        {"scan_configuration": {"pr_scanning": {"is_enabled": False}}},
        {"scan_configuration": {"excluded_paths": ["vendor/"]}},
        {"scan_configuration": NO_SCA},
    ],
)
def test_less_is_scanned_only_in_as_many_as_is_said(engine: Engine, ids: dict[str, str], wanted: dict[str, Any]) -> None:
    refused = engine.run("repository", {"match": ["pay/*"], **wanted, "max_narrowed": 1})
    assert "in 2 repositories less would be scanned" in refused["msg"]
    assert actions(engine.run("repository", {"match": ["pay/*"], **wanted, "max_narrowed": 2})) == {"pay/a": "updated", "pay/b": "updated"}


def test_the_approved_plan_and_no_other(engine: Engine, ids: dict[str, str]) -> None:
    wanted = {"match": ["pay/*"], "scan_configuration": BLOCK}
    digest = engine.run("repository", wanted, check=True)["plan_digest"]
    engine.tenant.add_repository("pay/new")
    assert "plan_digest is not the digest of this plan" in engine.run("repository", {**wanted, "plan_digest": digest})["msg"]
    assert engine.writes() == []
    digest = engine.run("repository", wanted, check=True)["plan_digest"]
    assert engine.run("repository", {**wanted, "plan_digest": digest})["summary"] == {"updated": 3}


def test_the_plan_as_a_file_in_check_mode_too_and_when_the_digest_is_another(engine: Engine, ids: dict[str, str], tmp_path: Path) -> None:
    plan = tmp_path / "plan.md"
    engine.tenant.set_repository(ids["lab/d"], name="d`\n## `more")
    wanted = {"match": ["pay/*", "lab/*"], "scan_configuration": BLOCK, "plan_file": str(plan)}
    for check in (True, False):
        plan.unlink(missing_ok=True)
        refused = engine.run("repository", {**wanted, "plan_digest": "abc"}, check=check)
        assert "Look at the new plan." in refused["msg"]
        text = plan.read_text(encoding="utf-8")
        assert len(re.findall("^## `", text, re.MULTILINE)) == 3
        assert f"## `pay/a (id {ids['pay/a']})`\n\n```diff\n- scan_configuration.pr_scanning" in text
    assert (engine.writes(), stat.S_IMODE(plan.stat().st_mode)) == ([], 0o600)
    checked = engine.run("repository", wanted, check=True)
    assert plan.read_text(encoding="utf-8").splitlines()[2:5] == [f"Digest: `{checked['plan_digest']}`", "", "3 of 3 repositories change."]
    refused = engine.run("repository", {**wanted, "plan_file": str(tmp_path / "no" / "plan.md")})
    assert refused["msg"] == f"plan_file {tmp_path}/no/plan.md cannot be written (No such file or directory). Nothing was changed."
    plan.write_text("# My notes\n")
    for check in (True, False):
        assert "it has other content and is not overwritten" in engine.run("repository", wanted, check=check)["msg"]
    assert plan.read_text() == "# My notes\n"
    assert engine.writes() == []


def test_an_approved_plan_is_not_applied_to_what_changed_while_it_was_made(engine: Engine, ids: dict[str, str], monkeypatch: Any) -> None:
    wanted = {"match": ["pay/a"], "scan_configuration": {"excluded_paths": ["lib/"], "scanners": {"sca": {"is_enabled": False}}}}
    digest = engine.run("repository", wanted, check=True)["plan_digest"]
    write = RepositoryRun._write

    def late(self: Any, target: Any) -> None:
        asset(engine, ids["pay/a"])["scanConfiguration"]["excludedPaths"] = ["lib/"]
        write(self, target)

    monkeypatch.setattr(RepositoryRun, "_write", late)
    result = engine.run("repository", {**wanted, "plan_digest": digest})
    assert "it was changed by somebody else while this run was planning. Run again." in result["msg"]
    assert engine.writes() == []
    assert actions(engine.run("repository", wanted)) == {"pay/a": "updated"}


def test_what_the_tenant_does_not_show_has_to_be_given(engine: Engine, ids: dict[str, str]) -> None:
    engine.tenant.set_repository(ids["pay/a"], scanConfiguration={})
    for wanted, lacking in (({"pr_scanning": {"is_enabled": True}}, "block_on_error"), (NO_SCA, "secrets, iac")):
        said = engine.run("repository", {"id": ids["pay/a"], "scan_configuration": wanted})["msg"]
        assert f"only as a whole and does not show {lacking}: give that too." in said
    assert engine.writes() == []
    engine.tenant.set_repository(ids["pay/a"], scanConfiguration={"scanners": {"SCA": {"isEnabled": True}}})
    assert actions(engine.run("repository", {"id": ids["pay/a"], "scan_configuration": NO_SCA})) == {"pay/a": "updated"}


def test_a_tenant_that_does_something_else_is_found_out_at_the_first(engine: Engine, ids: dict[str, str], monkeypatch: Any) -> None:
    def other(asset_id: str, _body: Any) -> None:
        asset(engine, asset_id)["scanConfiguration"] = {"excludedPaths": ["everything/"]}

    monkeypatch.setattr(engine.tenant.state, "configure_scans", other)
    result = engine.run("repository", {"match": ["**"], "scan_configuration": BLOCK})
    assert "4 of 4 repositories could not be brought to the desired state" in result["msg"]
    assert "the tenant does not show what was sent" in result["msg"]
    assert "it was not attempted: an update had an unexpected effect at" in result["msg"]
    assert (engine.writes(), result["changed"]) == (["PUT 204"], True)


def test_one_failure_does_not_stop_the_others_but_a_refused_key_does(engine: Engine, ids: dict[str, str]) -> None:
    engine.tenant.fault("html_500", method="PUT", path=f"{ids['pay/a']}/scan", count=None)
    result = engine.run("repository", {"match": ["pay/*", "lab/*"], "scan_configuration": BLOCK, "retry_deadline": 1})
    assert result["summary"] == {"failed": 1, "updated": 2}
    assert "1 of 3 repositories could not be brought to the desired state. pay/a (id" in result["msg"]
    result = engine.run("repository", {"match": ["**"], "scan_configuration": NO_SCA}, key="viewer")
    assert result["summary"] == {"failed": 4}
    assert len([e for e in engine.tenant.journal if e.status == 403]) == 1


def test_a_tenant_that_repeats_its_pages_is_said_to(engine: Engine, ids: dict[str, str]) -> None:
    engine.tenant.set(offset="ignored")
    result = engine.run("repository", {"match": ["pay/*"], "scan_configuration": BLOCK}, check=True)
    assert result["warned"] == ["The tenant repeats pages of its list of repositories: others may match that were not seen."]
