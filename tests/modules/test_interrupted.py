# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is interrupted at its first write: that item is brought to its end, and each of the others is reported as not tried."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from bulk import Engine, RunModule, item_of

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.interruption import Interruption
from tenant.server import EmbeddedTenant

SCOPE = {"selection_type": "MANUAL_SELECTION", "repositories": ["o/r"]}
NOT_TRIED = "was not attempted: the run was interrupted (SIGTERM). Run again."


@pytest.fixture
def engine(run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> Any:
    begun = Interruption.begun

    def interrupted(self: Interruption) -> None:
        begun(self)
        os.kill(os.getpid(), signal.SIGTERM)

    # One after the other, or several have begun.
    monkeypatch.setenv("CORTEXCLOUD_REQUESTS_PER_SECOND", "1000")
    monkeypatch.setattr("ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.pool.MOST", 1)
    monkeypatch.setattr("ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.pool.LEAST", 1)
    with EmbeddedTenant("default", rate=1000) as tenant:
        engine = Engine(run_module, tenant)
        engine.arm = lambda: monkeypatch.setattr(Interruption, "begun", interrupted)  # type: ignore[attr-defined]
        engine.disarm = lambda: monkeypatch.setattr(Interruption, "begun", begun)  # type: ignore[attr-defined]
        yield engine


def test_the_item_under_way_gets_its_scope_and_the_others_are_not_tried(engine: Any, tmp_path: Path) -> None:
    first = item_of("BITBUCKET_DATACENTER", "first", **SCOPE, backup_dir=str(tmp_path / "backups"))
    others = [item_of("BITBUCKET_DATACENTER", f"n{n}", domain={"hostname": f"{n}.example.com"}) for n in range(3)]
    gone = engine.tenant.add_instance("JFROG", name="gone", hostname="gone.example.com", protocol="https")
    kept = item_of("JFROG", "kept")
    engine.arm()
    result = engine.apply(first, *others, kept, prune=True, prune_types=["JFROG"])
    assert result["failed"]
    assert result["changed"]
    assert [row["action"] for row in result["data_sources"]] == ["created", "failed", "failed", "failed", "failed", "unchanged"]
    assert [row["error"].endswith(NOT_TRIED) for row in result["data_sources"][1:5]] == [True] * 4
    assert result["data_sources"][5]["error"] == "not pruned, since item 1 failed."
    assert result["msg"].count(NOT_TRIED) == 4
    assert result["msg"].endswith("The others: 1 created; 1 unchanged.")
    (made,) = [instance for its_id, instance in engine.tenant.instances.items() if its_id != gone]
    assert made["state"] == ["o/r"]
    engine.disarm()
    assert not engine.apply(first, *others, kept, prune=True, prune_types=["JFROG"])["failed"]
    assert not os.path.exists(tmp_path / "backups") or os.listdir(tmp_path / "backups")


def test_no_deletion_stays_without_its_creation(engine: Any) -> None:
    moved = item_of("BITBUCKET_DATACENTER", "core", domain={"hostname": "new.example.com"}, recreate="when_immutable_differs", **SCOPE)
    assert not engine.apply(item_of("BITBUCKET_DATACENTER", "core", domain={"hostname": "old.example.com"}, **SCOPE))["failed"]
    engine.arm()
    result = engine.apply({**moved, "id": next(iter(engine.tenant.instances))})
    assert not result["failed"], result
    (instance,) = engine.tenant.instances.values()
    assert (instance["domain"]["hostname"], instance["state"]) == ("new.example.com", ["o/r"])


def test_nobody_waits_for_a_status_after_an_interruption(engine: Any) -> None:
    engine.tenant.set(settle=1000)
    engine.arm()
    result = engine.apply(item_of("JFROG", "slow", wait=True, wait_for_status=["CONNECTED"], wait_timeout=600))
    assert result["failed"]
    assert "when the run was interrupted (SIGTERM), not CONNECTED" in result["msg"]


def test_settings_of_repositories(engine: Any) -> None:
    engine.tenant.set(fields="published")
    for name in ("a", "b", "c"):
        engine.tenant.add_repository(f"pay/{name}")
    engine.arm()
    wanted = {"scan_configuration": {"pr_scanning": {"is_enabled": True, "block_on_error": True}}}
    result = engine.run("repository", {"match": ["pay/*"], **wanted})
    assert result["summary"] == {"updated": 1, "failed": 2}
    assert result["msg"].count("it was not attempted: the run was interrupted (SIGTERM)") == 2
