# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin: how far a run is while it runs, and what was planned when it fails."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from playing import play

from ansible_collections.cortex_cloud.appsec.plugins.action import (
    data_source,
    data_source_info,
    repository,
    repository_info,
    sarif_upload,
    tenant_verify,
)
from ansible_collections.cortex_cloud.appsec.plugins.action import data_sources as action
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils import _progress
from starting import environment
from tenant.server import EmbeddedTenant

PROGRESS = re.compile(r"(\d+) of (\d+) done, (\d+) changed, (\d+) failed")


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", rate=1000) as started:
        yield started


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that the plugin writes; it is impatient here."""
    lines: list[str] = []
    monkeypatch.setattr(Display, "display", lambda _self, text, *_more, **_others: lines.append(text))
    monkeypatch.setattr(_progress, "FIRST_LINE_AFTER", 0.05)
    monkeypatch.setattr(_progress, "LINE_EVERY", 0.05)
    return lines


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[dict[str, Any], Any]]:
    """act(module, transport=..., diff=...) runs the plugin with a function in the module's place, which gets the task's environment."""

    def run(
        module: Callable[[dict[str, str]], dict[str, Any]], transport: str = "local", diff: bool = False, kind: Any = action,
        asynchronous: int = 0,
    ) -> tuple[dict[str, Any], Any]:
        task = SimpleNamespace(
            environment=[{"CORTEXCLOUD_API_URL": "x"}], diff=diff, args={}, async_val=asynchronous, action="x", failed_when=[]
        )

        def execute(_self: Any, **_arguments: Any) -> dict[str, Any]:
            return module({name: value for each in task.environment for name, value in each.items()})

        monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
        monkeypatch.setattr(ActionBase, "_execute_module", execute)
        plugin = kind.ActionModule.__new__(kind.ActionModule)
        connection = SimpleNamespace(transport=transport, has_native_async=False, _shell=SimpleNamespace(tmpdir=None))
        plugin._task, plugin._connection = task, connection
        return plugin.run(task_vars={"inventory_hostname": "alpha"}), task

    return run


def telling(*states: dict[str, Any]) -> Callable[[dict[str, str]], dict[str, Any]]:
    """A module that writes these states of its progress, one after the other."""

    def module(given: dict[str, str]) -> dict[str, Any]:
        for state in states:
            Path(given["CORTEXCLOUD_PROGRESS_FILE"]).write_text(json.dumps(state), encoding="utf-8")
            time.sleep(0.2)
        return {"changed": True}

    return module


def progress(done: int, **more: Any) -> dict[str, Any]:
    return {"total": 40, "done": done, "changed": done, "failed": 0, "waits": 0, "seconds": 0.0, **more}


def test_a_line_whenever_something_is_new(shown: list[str], act: Any) -> None:
    act(telling(progress(0), progress(7), progress(7), progress(20, failed=2, waits=9, seconds=4.4)))
    assert [PROGRESS.search(line)[0] + line.partition(" failed")[2] for line in shown] == [
        "0 of 40 done, 0 changed, 0 failed",
        "7 of 40 done, 7 changed, 0 failed",
        "20 of 40 done, 20 changed, 2 failed, waited 4 s for the rate limit",
    ]


@pytest.mark.parametrize("kind", [action, data_source_info, repository, repository_info])
def test_reading_is_told_too(shown: list[str], act: Any, kind: Any) -> None:
    act(telling({"read": 70, "total": 500, "waits": 0}, {"read": 300, "total": 0, "waits": 2, "seconds": 7.0}), kind=kind)
    assert shown == ["  ... alpha: 70 of 500 read", "  ... alpha: 300 read, waited 7 s for the rate limit"]


def test_among_many_tenants_each_line_and_each_plan_names_its_host(shown: list[str], act: Any) -> None:
    act(telling(progress(7)))
    assert shown
    assert all("alpha" in line for line in shown)
    shown.clear()
    act(
        lambda _given: {"failed": True, "diff": [{"before_header": "SNYK a", "after_header": "SNYK a", "before": "", "after": "x\n"}]},
        diff=True,
    )
    assert "alpha" in "\n".join(shown)


def test_the_thread_that_tells_takes_no_signal(act: Any, shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker ends the module when it gets one, and it acts on signals in its main thread alone."""
    blocked: list[Any] = []
    monkeypatch.setattr(Display, "display", lambda *_arguments, **_more: blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    act(telling(progress(7)))
    assert {signal.SIGINT, signal.SIGTERM} <= blocked[0]


def test_nothing_is_left_behind(shown: list[str], act: Any) -> None:
    seen: list[str] = []

    def module(given: dict[str, str]) -> dict[str, Any]:
        path = given["CORTEXCLOUD_PROGRESS_FILE"]
        assert os.stat(path).st_mode & 0o777 == 0o600
        seen.append(path)
        return {}

    act(module)
    assert not os.path.exists(seen[0])
    assert shown == []


def test_not_even_when_the_module_cannot_be_run(shown: list[str], act: Any) -> None:
    seen: list[str] = []

    def module(given: dict[str, str]) -> dict[str, Any]:
        seen.append(given["CORTEXCLOUD_PROGRESS_FILE"])
        raise RuntimeError("no interpreter")

    with pytest.raises(RuntimeError, match="no interpreter"):
        act(module)
    assert not os.path.exists(seen[0])


@pytest.mark.parametrize("text", ["", "{", '{"done": 1}'])
def test_a_progress_file_that_is_not_ready_stops_nothing(shown: list[str], act: Any, text: str) -> None:
    def module(given: dict[str, str]) -> dict[str, Any]:
        Path(given["CORTEXCLOUD_PROGRESS_FILE"]).write_text(text, encoding="utf-8")
        time.sleep(0.2)
        Path(given["CORTEXCLOUD_PROGRESS_FILE"]).write_text(json.dumps(progress(9)), encoding="utf-8")
        time.sleep(0.2)
        return {}

    act(module)
    assert "9 of 40 done, 9 changed, 0 failed" in shown[-1]


def test_on_a_remote_host_there_are_no_lines_and_the_module_is_told_nothing(shown: list[str], act: Any) -> None:
    def module(given: dict[str, str]) -> dict[str, Any]:
        assert "CORTEXCLOUD_PROGRESS_FILE" not in given
        time.sleep(0.2)
        return {"changed": True}

    result, task = act(module, transport="ssh")
    assert result["changed"]
    assert shown == []
    assert task.environment == [{"CORTEXCLOUD_API_URL": "x"}]


def test_a_module_is_told_who_waits_for_it_unless_nobody_does_or_it_is_elsewhere(act: Any) -> None:
    for kind in (action, data_source, repository, sarif_upload, tenant_verify):
        given: dict[str, str] = {}
        act(lambda environment, given=given: given.update(environment) or {}, kind=kind)
        assert f" {os.getpid()}:" in given["CORTEXCLOUD_CONTROLLER"], kind
    for options in ({"asynchronous": 60}, {"transport": "ssh"}):
        _result, task = act(lambda _given: {}, kind=data_source, **options)
        assert task.environment == [{"CORTEXCLOUD_API_URL": "x"}]


def test_the_plan_of_a_failed_task_is_shown_in_diff_mode_alone(shown: list[str], act: Any) -> None:
    entry = {
        "before_header": "SNYK a",
        "after_header": "SNYK a",
        "before": "repositories: 1\n",
        "after": "repositories: 2\nrepositories + x\n",
    }
    act(lambda _given: {"failed": True, "diff": [entry]}, diff=False)
    act(lambda _given: {"failed": False, "diff": [entry]}, diff=True)
    act(lambda _given: {"failed": True}, diff=True)
    assert shown == []
    act(lambda _given: {"failed": True, "diff": [entry]}, diff=True)
    lines = "\n".join(shown).splitlines()
    assert lines[-3:] == ["-repositories: 1", "+repositories: 2", "+repositories + x"]
    assert sum("SNYK a" in line for line in lines) == 2


# With Ansible itself


def book(project: Path, items: list[dict[str, Any]]) -> str:
    task = {"name": "Apply", "cortex_cloud.appsec.data_sources": {"data_sources": items}}
    play = {"name": "Test", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    play["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (project / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    return "play.yml"


def test_the_plan_is_printed_though_the_task_failed(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    tenant.add_instance("GITHUB", name="core", selection_type="MANUAL_SELECTION", state=["a/b"])
    items = [
        {"type": "GITHUB", "name": "core", "repositories": ["c/d"]},
        {"type": "JFROG", "name": "new", "credentials": {"password": "canary-password"}},
        {"type": "CORTEX_CLI", "name": "cli", "uncreatable": "fail"},
    ]
    for options in (["--check", "--diff"], ["--diff"]):
        ended = play(tmp_path, book(tmp_path, items), *options, tenant=tenant)
        assert ended.code == 2
        lines = ended.output.splitlines()
        assert {"-repositories: 1", "+repositories: 2", "+repositories + c/d", "+credentials.password: (set, not shown)"} <= set(lines)
        # ansible-core 2.18 shows the message as JSON.
        said = ended.output.replace('\\"', '"')
        assert 'CORTEX_CLI "cli" does not exist, and this type cannot be created through the API' in said
        assert "canary" not in ended.output
    assert sorted(next(iter(tenant.instances.values()))["state"]) == ["a/b", "c/d"]


def test_a_slow_run_tells_how_far_it_is_on_a_terminal_and_in_ansible_runners_events(tmp_path: Path, tenant: EmbeddedTenant) -> None:
    import ansible_runner

    items = [{"type": "JFROG", "name": f"canary-{n}", "credentials": {"password": "canary-password"}} for n in range(12)]
    (tmp_path / "project").mkdir()
    name = book(tmp_path / "project", items)
    variables = environment(tmp_path, tenant, CORTEXCLOUD_REQUESTS_PER_SECOND="3", PYTHONWARNINGS="ignore")
    run = ansible_runner.run(
        private_data_dir=str(tmp_path),
        playbook=name,
        inventory="localhost,",
        envvars=variables,
        quiet=True,
        settings={"suppress_env_files": True},
    )
    with run.stdout as file:
        output = file.read()
    assert run.status == "successful", output
    events = [event["stdout"] for event in run.events if PROGRESS.search(event.get("stdout", ""))]
    assert events
    done = [tuple(map(int, match)) for text in events for match in PROGRESS.findall(text)]
    print("\n" + "\n".join(events))
    assert all(total == 12 and failed == 0 and 0 < count <= 12 for count, total, _changed, failed in done)
    assert done == sorted(done)
    assert "for the rate limit" in events[-1]
    assert not any("canary" in text for text in events)
    assert PROGRESS.search(output)
