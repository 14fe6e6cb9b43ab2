# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run whose ansible-playbook is interrupted: what is under way ends and is kept, nothing else is tried, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cores import programs
from playing import play

from starting import IN_CI, environment
from tenant.server import EmbeddedTenant

ITEMS = 30
COLLECTOR = {"type": "COLLECTOR", "unique_properties": {"detectionMethod": "SAST", "fileType": "SARIF"}}


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", rate=1000) as started:
        yield started


@pytest.fixture
def temporary() -> Iterator[str]:
    """A folder with a short name: ansible-core puts a socket into it."""
    with tempfile.TemporaryDirectory(prefix="cut-") as folder:
        yield folder


def creations(tenant: EmbeddedTenant) -> dict[str, Any]:
    return {"items": [{**COLLECTOR, "name": f"c{n}", "credentials_file": f"tokens/{n}.json"} for n in range(ITEMS)]}


def updates(tenant: EmbeddedTenant) -> dict[str, Any]:
    for n in range(ITEMS):
        tenant.add_instance("GITHUB", name=f"g{n}", selection_type="MANUAL_SELECTION", state=[f"o/{n}"])
    return {"items": [{"type": "GITHUB", "name": f"g{n}", "repositories": [f"o/{n}", f"new/{n}"]} for n in range(ITEMS)]}


def deletions(tenant: EmbeddedTenant) -> dict[str, Any]:
    for n in range(ITEMS):
        tenant.add_instance("JFROG", name=f"j{n}", hostname=f"j{n}.example.com", protocol="https")
    kept = {"type": "JFROG", "name": "j0", "domain": {"hostname": "j0.example.com", "protocol": "https"}}
    return {"items": [kept], "prune": True, "prune_types": ["JFROG"], "prune_max": ITEMS}


# Where the processes of a run can be told by the environment that they were started with.
LINUX = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc here, in which the processes of a run are looked for")


def processes(project: Path) -> list[int]:
    """Those that were started in this project."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"HOME={project}\0".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def until(true: Any, seconds: float, what: str) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, what
        time.sleep(0.02)


QUICK = [(number, creations, "running") for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)]
ALL = [
    (number, work, core)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
    for work in (creations, updates, deletions)
    for core in ("running", "2.18", "2.19")
]


@LINUX
@pytest.mark.parametrize(("number", "work", "core"), ALL if IN_CI else QUICK)
def test_an_interrupted_run_stops(
    tmp_path: Path, tenant: EmbeddedTenant, temporary: str, number: signal.Signals, work: Any, core: str
) -> None:
    given = work(tenant)
    task = {"name": "Apply", "cortex_cloud.appsec.data_sources": {"data_sources": given.pop("items"), **given}}
    book = {"name": "Test", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    book["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (tmp_path / "play.yml").write_text(json.dumps([book]), encoding="utf-8")
    for method in ("POST", "PUT", "DELETE"):
        tenant.fault("latency", method=method, seconds=0.5, count=None)
    more = {"TMPDIR": temporary, "CORTEXCLOUD_REQUESTS_PER_SECOND": "12"}
    command = [str(programs(core) / "ansible-playbook"), "-i", "localhost,", "play.yml"]
    run = subprocess.Popen(
        command, env=environment(tmp_path, tenant, **more), cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: len(tenant.writes) >= 3 or run.poll() is not None, 60, "it never wrote")
        assert run.poll() is None, run.communicate()[0]
        run.send_signal(number)
        began = time.monotonic()
        run.wait(timeout=30)
        until(lambda: not processes(tmp_path), 5, "the module lives on")
    finally:
        for left in processes(tmp_path):
            os.kill(left, signal.SIGKILL)
    output = run.communicate()[0]
    stopped = time.monotonic() - began
    done = len([entry for entry in tenant.writes if entry.status < 300])
    print(f"{number.name}: {done} of {ITEMS} done, over {stopped:.1f} s after the signal")
    assert 3 <= done < ITEMS - 1, output
    assert [name for name in os.listdir(temporary) if "cortex" in name] == []
    assert list(tmp_path.glob("ansible/tmp/ansible-tmp-*")) == []
    if work is creations:
        kept = {json.loads(path.read_text())["id"] for path in (tmp_path / "tokens").glob("*.json")}
        assert kept == set(tenant.instances)
        assert [path.name for path in (tmp_path / "tokens").iterdir() if path.suffix != ".json"] == []

    tenant.no_more_faults()
    again = play(tmp_path, "play.yml", tenant=tenant, programs=programs(core))
    assert again.code == 0, again.output
    assert "somebody else" not in again.output
    assert len(tenant.instances) == (1 if work is deletions else ITEMS)
    if work is updates:
        assert all(len(instance["state"]) == 2 for instance in tenant.instances.values())


@LINUX
def test_an_asynchronous_task_outlives_its_controller(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    """Nobody waits for its result, and nobody is meant to."""
    item = {**COLLECTOR, "name": "later", "credentials_file": "later.json"}
    task = {"name": "Begin", "cortex_cloud.appsec.data_source": item, "async": 60, "poll": 0}
    book = {"name": "Test", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    book["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (tmp_path / "play.yml").write_text(json.dumps([book]), encoding="utf-8")
    tenant.fault("latency", method="GET", seconds=4, count=1)
    play(tmp_path, "play.yml", tenant=tenant).fine()
    assert tenant.writes == []
    until(lambda: not processes(tmp_path), 30, "it did not end")
    assert json.loads((tmp_path / "later.json").read_text())["id"] in tenant.instances
