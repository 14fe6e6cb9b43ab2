# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source as ansible-rulebook runs it: by its path, with a queue, on the embedded tenant."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cortex_cloud.appsec.plugins.module_utils import _events
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from tenant.server import EmbeddedTenant

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / ".build/ansible_collections/cortex_cloud/appsec/extensions/eda/plugins/event_source/data_sources.py"
Event = dict[str, Any]
Step = Callable[[], Any]


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("published", rate=100_000) as started:
        yield started


@pytest.fixture
def core(tenant: EmbeddedTenant) -> str:
    """A GitLab that selects two of its three repositories."""
    return tenant.add_instance(
        "GITLAB_SELF_MANAGED", identifier="core", hostname="gitlab.example.com", selection_type="CURRENT_STATE", state=["pay/a", "pay/b"],
        repositories=["pay/a", "pay/b", "pay/c"],
    )  # fmt: skip


def arguments(tenant: EmbeddedTenant, **more: Any) -> dict[str, Any]:
    key = tenant.keys["viewer"]
    given = {"api_url": tenant.url, "api_key_id": key.id, "api_key": key.key, "api_key_type": key.type, "requests_per_second": 10_000}
    return {**given, "retry_deadline": 1, "interval": 0.05, **more}


def watched(args: dict[str, Any], *steps: Step) -> list[Event]:
    """The events of the source: each step is done after a poll has ended, and is followed by another poll."""
    main = runpy.run_path(str(SOURCE))["main"]
    events: list[Event] = []

    class Queue:
        async def put(self, event: Event) -> None:
            assert set(event) == {"cortex"}
            events.append(event["cortex"])

    polls = 0
    save = _events.Watch.save

    def saved(self: _events.Watch) -> None:
        nonlocal polls
        save(self)
        polls += 1

    async def run() -> None:
        task = asyncio.create_task(main(Queue(), args))
        for step in (lambda: None, *steps):
            step()
            # One poll may be under way while the step is done; the next one has seen it.
            until = polls + (2 if polls else 1)
            while polls < until and not task.done():
                await asyncio.sleep(0.005)
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_events.Watch, "save", saved)
        asyncio.run(run())
    return events


def names(events: list[Event]) -> list[str]:
    return [event["event"] for event in events]


def test_each_event_is_sent_once_and_the_first_poll_sends_none(tenant: EmbeddedTenant, core: str) -> None:
    ids = {asset["name"]: asset_id for asset_id, asset in tenant.state.repositories.items()}
    details = {"connection": {"status": "INVALID", "error": "Token expired: HTTP 401"}}
    expired = {"token": {"status": "INVALID", "reason": "expired"}}
    events = watched(
        arguments(tenant, repositories=True),
        lambda: tenant.set_status(core, "ERROR", details),
        lambda: tenant.set_repository(ids["a"], status=expired),
        # Nobody selected it, and nobody has to know.
        lambda: tenant.set_repository(ids["c"], status=expired),
        lambda: tenant.set_repository(ids["a"], status={"token": {"status": "VALID"}}),
        lambda: tenant.state.stored[core].shape.update(selectionType="MANUAL_SELECTION"),
        lambda: tenant.add_collector("bandit"),
        lambda: tenant.state.delete(core),
    )
    assert names(events) == [
        "status_changed", "repository_broke", "repository_healed", "scope_shrank", "appeared", "disappeared",
    ]  # fmt: skip
    changed, broke, _healed, shrank, appeared, gone = events
    assert changed["tenant"] == f"127.0.0.1:{tenant.port}"
    assert changed["data_source"]["id"] == core
    assert (changed["before"]["health"], changed["after"]) == ("healthy", {"status": "ERROR", "health": "unhealthy"})
    assert changed["reason"] == "connection is INVALID (Token expired: HTTP 401)"
    assert (broke["repository"]["name"], broke["repository"]["broken"]) == ("a", [{"part": "token", "reason": "expired"}])
    assert broke["repository"]["data_source"] == changed["data_source"]["subject"]
    assert (shrank["before"]["selection_type"], shrank["after"]["selection_type"]) == ("CURRENT_STATE", "MANUAL_SELECTION")
    assert (appeared["data_source"]["type"], gone["data_source"]["id"]) == ("COLLECTOR", core)


def test_fewer_repositories_shrink_the_scope_and_more_do_not(tenant: EmbeddedTenant, core: str) -> None:
    tenant.set(count="selected")
    state = tenant.state.stored[core].shape["state"]
    events = watched(arguments(tenant), lambda: state.append("pay/c"), lambda: state.remove("pay/a"))
    assert [(e["event"], e["before"]["repositories_count"], e["after"]["repositories_count"]) for e in events] == [("scope_shrank", 3, 2)]
    assert not [entry for entry in tenant.journal if "repositories" in entry.path], "they were not asked for"


def test_an_unreachable_tenant_and_its_recovery_are_one_event_each(tenant: EmbeddedTenant, core: str) -> None:
    args = arguments(tenant)
    events = watched(
        args,
        lambda: tenant.set(licensed=False),
        lambda: tenant.set_status(core, "DISABLED"),
        lambda: tenant.set(licensed=True),
    )
    assert names(events) == ["unreachable", "recovered", "status_changed"]
    assert "HTTP 402" in events[0]["reason"]
    assert args["api_key"] not in json.dumps(events)


def test_events_while_nothing_runs_are_not_lost(tenant: EmbeddedTenant, core: str, tmp_path: Path) -> None:
    file = tmp_path / "look.json"
    args = arguments(tenant, state_file=str(file), repositories=True)
    assert names(watched({**args, "initial": True})) == ["appeared"]
    tenant.set_status(core, "ERROR")
    looked = json.loads(file.read_text())["at"]
    (changed,) = watched(args)
    assert (changed["event"], changed["since"]) == ("status_changed", looked)
    assert looked <= changed["at"] == datetime.datetime.strptime(changed["at"], "%Y-%m-%dT%H:%M:%SZ").strftime("%Y-%m-%dT%H:%M:%SZ")
    assert watched({**args, "initial": True}) == []
    assert file.stat().st_mode & 0o777 == 0o600
    assert args["api_key"] not in file.read_text()
    # A poll of another version and an empty file are replaced; other people's files are not.
    look = file.read_text()
    for content in ("", look.replace('"version": 1', '"version": 2'), look.replace('"data_sources": {', '"data_sources": [], "x": {')):
        file.write_text(content)
        tenant.set_status(core, "CONNECTED")
        assert watched(args) == []
    for content in ("my notes\n", "[]", "{}", look[:-9], '{"schema": "cortex_cloud.appsec/audit", "version": 1}', "[" * 100_000):
        file.write_text(content)
        with pytest.raises(InputError, match=f"^state_file {file} cannot be written: it has other content"):
            watched(args)
        assert file.read_text() == content
    file.write_text(look)
    file.write_text(file.read_text().replace(f"127.0.0.1:{tenant.port}", "api-other.example.com"))
    with pytest.raises(InputError, match=r"is about api-other.example.com, not about 127.*: give each tenant its own"):
        watched(args)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"api_url": "http://tenant.example.com"}, "plain http"),
        ({"intervall": 5}, "intervall is not an argument of this source"),
        ({"interval": 0}, "interval must be a number above 0, not '0'"),
        ({"interval": "soon"}, "interval must be a number above 0, not 'soon'"),
        ({"repositories": "perhaps"}, "repositories must be true or false, not 'perhaps'"),
        ({"requests_per_second": "fast"}, "requests_per_second must be a number above 0, not 'fast'"),
        ({"api_key_type": "simple"}, "api_key_type must be standard or advanced"),
        ({"expected_tenant": "api-other.example.com"}, "nothing was sent"),
        ({"api_key": ""}, "an API key is required"),
        ({"state_file": "/proc/no/such.json"}, "state_file /proc/no/such.json cannot be written"),
    ],
)
def test_invalid_arguments_give_one_line(tenant: EmbeddedTenant, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as told:
        watched(arguments(tenant, **given))
    assert "\n" not in str(told.value)


def test_the_environment_replaces_missing_arguments_and_blank_values_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORTEXCLOUD_API_URL", "https://api-x.example.com")
    monkeypatch.setenv("CORTEXCLOUD_SKIP_SSL_VERIFY", "true")
    monkeypatch.setenv("CORTEXCLOUD_CA_PATH", " ")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.pem")
    monkeypatch.setenv("CORTEXCLOUD_REQUEST_TIMEOUT", "7")
    monkeypatch.setenv("CORTEXCLOUD_RATE_LIMIT_URL", "redis://cache")
    found = _events.connection_from({"api_key": "", "requests_per_second": "2"})
    assert (found.api_url, found.validate_certs, found.ca_path) == ("https://api-x.example.com", False, "/ca.pem")
    assert (found.request_timeout, found.requests_per_second, found.api_key) == (7.0, 2.0, "")
    assert found.rate_limit_url == "redis://cache"
    assert _events.connection_from({"validate_certs": "yes"}).validate_certs
    # Those of the modules, and their variables.
    modules = (ROOT / "plugins/module_utils/_module.py").read_text(encoding="utf-8")
    assert [v for variables in _events.VARIABLES.values() for v in variables if f'"{v}"' not in modules] == []


def test_polling_uses_at_most_a_tenth_of_the_budget(tenant: EmbeddedTenant) -> None:
    for number in range(250):
        tenant.add_repository(f"pay/r{number}")
    connection = _events.connection_from({**arguments(tenant), "requests_per_second": 8})
    api = _events.Api(_client(connection))
    watch = _events.Watch(api, repositories=True, initial=False, state_file=None)
    watch.poll()
    assert watch.requests >= len(tenant.journal) - 1
    assert watch.pause(1) == pytest.approx(watch.requests / 0.8)
    assert watch.pause(300) == 300


def _client(connection: Any) -> Any:
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.client import Client
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import Redactor

    return Client(connection, Redactor())


def test_it_runs_without_ansible_and_finds_its_collection_by_its_own_path() -> None:
    code = (
        "import runpy, sys, asyncio\n"
        "sys.modules['ansible'] = None\n"
        f"main = runpy.run_path({str(SOURCE)!r})['main']\n"
        "try:\n    asyncio.run(main(None, {'intervall': 1}))\n"
        "except Exception as exc:\n    print(type(exc).__name__, exc)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("InputError intervall is not an argument of this source."), done.stderr


def test_rulebooks_name_existing_events_and_templates() -> None:
    code = (ROOT / "plugins/module_utils/_events.py").read_text(encoding="utf-8")
    templates = (ROOT / "playbooks/vars/awx.yml").read_text(encoding="utf-8")
    spec = yaml.safe_load(runpy.run_path(str(SOURCE))["DOCUMENTATION"])["options"]
    assert set(spec) == {*_events.VARIABLES, *_events.WATCHING}
    page = (ROOT / "docs/eda.md").read_text(encoding="utf-8")
    for book in ("health", "drift"):
        (rules,) = yaml.safe_load((ROOT / f"extensions/eda/rulebooks/{book}.yml").read_text(encoding="utf-8"))
        (source,) = rules["sources"]
        assert set(source["cortex_cloud.appsec.data_sources"]) <= set(spec)
        for rule in rules["rules"]:
            for word in rule["condition"].split('"')[1::2]:
                assert f'"{word}"' in code or word in ("unhealthy",), word
            for action in rule["actions"]:
                job = action.get("run_job_template", {}).get("name", "Cortex Cloud: audit")
                assert job.replace("Cortex Cloud", "{{ awx__prefix }}") in templates
    events = ["appeared", "disappeared", "status_changed", "scope_shrank", "unreachable", "recovered"]
    events += ["repository_broke", "repository_healed"]
    assert [event for event in events if f"| `{event}` |" not in page or f'"{event}"' not in code] == []
