# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a module writes: check mode says what the real run says of their folders, and what somebody wrote is not replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bulk import Engine, RunModule, item_of

from tenant.server import EmbeddedTenant

REPORT = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": [{"ruleId": "r", "message": {"text": "x"}}]}]}


@pytest.fixture
def engine(run_module: RunModule) -> Iterator[Engine]:
    with EmbeddedTenant("default", rate=1000) as tenant:
        tenant.add_instance("GITHUB", name="g", selection_type="MANUAL_SELECTION", state=["o/a", "o/b"])
        tenant.add_instance("JFROG", name="old", hostname="old.example.com", protocol="https")
        yield Engine(run_module, tenant)


NARROWER = {"type": "GITHUB", "name": "g", "repositories": ["o/a"], "repositories_mode": "exact"}
GONE = {"type": "JFROG", "name": "old", "state": "absent"}


def both(engine: Engine, *items: Any, **options: Any) -> list[str]:
    """What check mode and the real run say; both fail, and nothing is written to the tenant."""
    engine.tenant.clear_journal()
    said = []
    for check in (True, False):
        result = engine.apply(*items, check=check, **options)
        assert result["failed"], result
        said.append(result["msg"])
    assert engine.writes() == []
    return said


@pytest.mark.parametrize("folder", ["/proc/nope", "{tmp}/file/backups"])
@pytest.mark.parametrize("item", [NARROWER, GONE])
def test_a_backup_that_could_not_be_written(engine: Engine, tmp_path: Path, folder: str, item: dict[str, Any]) -> None:
    (tmp_path / "file").write_text("")
    folder = folder.format(tmp=tmp_path)
    checked, real = both(engine, {**item, "backup_dir": folder})
    assert checked == real
    assert f"backup_dir {folder} cannot be written" in real
    # Of what takes nothing away no backup is written.
    assert not engine.apply({**NARROWER, "repositories_mode": "merge", "backup_dir": folder}, check=True)["failed"]


def test_nor_one_of_what_prune_takes_away(engine: Engine) -> None:
    kept = item_of("JFROG", "new", backup_dir="/proc/nope")
    engine.tenant.add_instance("JFROG", name="new", hostname=kept["domain"]["hostname"], protocol="https")
    checked, real = both(engine, kept, prune=True, prune_types=["JFROG"])
    assert checked == real
    assert real.startswith("backup_dir /proc/nope cannot be written")


def test_a_token_that_could_not_be_written(engine: Engine, tmp_path: Path) -> None:
    checked, real = both(engine, item_of("COLLECTOR", "bandit", credentials_file="/proc/nope/bandit.json"))
    assert checked == real
    assert "the token would be lost, so it is not created. The others: none." in real
    fine = item_of("COLLECTOR", "semgrep", credentials_file=str(tmp_path / "new" / "folder" / "semgrep.json"))
    assert not engine.apply(fine, check=True)["failed"]
    assert list(tmp_path.rglob("new*")) == []
    assert not engine.apply(fine)["failed"]


def test_the_token_of_another_tenant(engine: Engine, run_module: RunModule, tmp_path: Path) -> None:
    item = item_of("COLLECTOR", "bandit", credentials_file=str(tmp_path / "bandit.json"))
    with EmbeddedTenant("default", rate=1000) as other:
        assert not Engine(run_module, other).apply(item)["failed"]
        where = other.url.partition("://")[2]
    held = (tmp_path / "bandit.json").read_text()
    checked, real = both(engine, item)
    assert checked == real
    assert f"of another tenant, {where}, which is not the one to be created: move it away or name another file" in real
    # The collector is there, and its file is of the other tenant.
    assert not engine.apply({**item, "credentials_file": str(tmp_path / "own.json")})["failed"]
    (warning,) = engine.apply(item)["warned"]
    assert f"holds the token of another collector (id {json.loads(held)['id']} of another tenant, {where})" in warning
    assert (tmp_path / "bandit.json").read_text() == held
    assert "another tenant" not in engine.apply({**item, "name": "b2", "credentials_file": str(tmp_path / "own.json")})["msg"]


@pytest.mark.parametrize("check", [True, False])
def test_only_a_plan_is_replaced_by_a_plan(engine: Engine, tmp_path: Path, check: bool) -> None:
    file = tmp_path / "plan.md"
    file.write_text("# My notes\n")
    result = engine.apply(NARROWER, plan_file=str(file), check=check)
    assert result["failed"]
    said = f"plan_file {file} cannot be written (it has other content and is not overwritten: choose another file, or move this one away)"
    assert said in result["msg"]
    assert file.read_text() == "# My notes\n"
    assert engine.writes() == []
    file.write_text("")
    for _twice in range(2):
        assert not engine.apply(NARROWER, plan_file=str(file), check=True)["failed"]
        assert file.read_text().startswith("# Plan for ")


def test_only_a_profile_is_replaced_by_a_profile(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "profile.yml"
    file.write_text("mine: true\n")
    engine.tenant.clear_journal()
    for path, why in ((str(file), "it has other content"), ("/proc/nope/profile.yml", "No such file or directory")):
        result = engine.run("tenant_verify", {"verify_report": path})
        assert result["failed"]
        assert why in result["msg"]
        assert result["msg"].endswith("Nothing was sent.")
    assert (file.read_text(), engine.tenant.journal) == ("mine: true\n", [])
    file.unlink()
    for _twice in range(2):
        assert not engine.run("tenant_verify", {"verify_report": str(file)})["failed"]


@pytest.mark.parametrize(("option", "path"), [("journal", "{tmp}/file/journal.json"), ("receipt_dir", "/proc/nope")])
def test_what_an_upload_leaves_behind(engine: Engine, tmp_path: Path, option: str, path: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "a.sarif").write_text(json.dumps(REPORT))
    where = {"collector_id": "c", "repository_url": "https://github.com/o/r", "branch": "main", "default_location": "a.py"}
    given = {"path": [str(tmp_path / "a.sarif")], **where, option: path.format(tmp=tmp_path)}
    engine.tenant.clear_journal()
    checked, real = (engine.run("sarif_upload", given, check=check) for check in (True, False))
    assert checked["msg"] == real["msg"]
    assert f"{option} {given[option]} cannot be written" in real["msg"]
    assert engine.tenant.journal == []
