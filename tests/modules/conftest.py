# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the modules' own main() against embedded tenants, over real HTTP."""

from __future__ import annotations

import importlib
import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import contributed
import pytest
from ansible.module_utils import basic
from ansible.module_utils.common.parameters import PASS_VARS

from starting import clear_settings
from tenant.server import EmbeddedTenant

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core 2.18
    patch_module_args = None

MODULES = "ansible_collections.cortex_cloud.appsec.plugins.modules"
_LEFT = pytest.StashKey[dict[str, int]]()
RunModule = Callable[..., dict[str, Any]]


def run_main(name: str, params: dict[str, Any], *, check: bool = False, diff: bool = False) -> dict[str, Any]:
    """Call the main() of a module with these options. Returns its result, always with `failed`; the exit code must agree."""
    module = importlib.import_module(f"{MODULES}.{name}")
    args = {**params, "_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_module_name": name}
    if "inject_invocation" in PASS_VARS:  # older ones always show it
        args["_ansible_inject_invocation"] = True
    out, err = io.StringIO(), io.StringIO()
    with ExitStack() as stack:
        if patch_module_args:
            stack.enter_context(patch_module_args(args))
        else:
            stack.enter_context(mock.patch.object(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()))
        stack.enter_context(mock.patch.object(sys, "argv", [name]))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        ended = stack.enter_context(pytest.raises(SystemExit))
        module.main()
    result = json.loads(out.getvalue().strip().splitlines()[-1])
    # Since ansible-core 2.22 this tells the controller which secrets to mask; the controller removes it from the result.
    result.pop("_ansible_new_secrets", None)
    assert bool(ended.value.code) == bool(result.get("failed")), result
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return {"failed": False, **result}


def pytest_configure() -> None:
    contributed.add_given()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With TENANT_PROFILE run only the tests that are true for any tenant, and count the others by the reason."""
    if contributed.FILE is None:
        return
    unfit = {
        item: contributed.unfit(item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {})
        for item in items
    }
    left = {why: sum(one == why for one in unfit.values()) for why in sorted({*unfit.values()} - {""})}
    config.stash[_LEFT] = left
    if hasattr(config, "workeroutput"):
        config.workeroutput["left"] = left
    config.hook.pytest_deselected(items=[item for item in items if unfit[item]])
    items[:] = [item for item in items if not unfit[item]]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects all tests, so the numbers of one of them are those of all."""
    node.config.stash[_LEFT] = node.workeroutput.get("left", {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for why, number in config.stash.get(_LEFT, {}).items():
        terminalreporter.write_line(f"{number} tests were not run against {contributed.FILE}: {why}")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test. Each has its own memory, and its own request budget that does not slow it down."""
    clear_settings(monkeypatch)
    monkeypatch.setenv("CORTEXCLOUD_RATE_LIMIT_DIR", str(tmp_path / "rate"))
    monkeypatch.setenv("CORTEXCLOUD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CORTEXCLOUD_REQUESTS_PER_SECOND", "1000")


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(rate=1000) as started:
        yield started


@pytest.fixture
def awkward() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile="awkward", rate=1000) as started:
        yield started


class Host(BaseHTTPRequestHandler):
    """A host whose responses a test sets: `answers` maps a path to (status, JSON); `otherwise` is for all other paths."""

    def do_GET(self) -> None:
        server: Any = self.server
        status, body = server.answers.get(self.path, server.otherwise)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def host() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    server.daemon_threads = True
    server.otherwise = (404, {"message": "no such page"})  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def run_module() -> RunModule:
    return run_main
