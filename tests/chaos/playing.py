# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the main() of modules, in this process or in another, with the pauses of the collection as short as the tenant's window."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
import sys
from contextlib import ExitStack, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from ansible.module_utils import basic

ROOT = Path(__file__).resolve().parents[2]
UTILS = "ansible_collections.cortex_cloud.appsec.plugins.module_utils"
# Ten requests in a 25th of a second: what takes a minute with a real tenant takes 2.4 s here.
WINDOW = 0.04
LOOK_AGAIN = 0.3
SCALED: dict[str, dict[str, Any]] = {
    "_http.pace": {"WINDOW": WINDOW, "LONGEST_FLIGHT": 0.2, "_LONGEST_SLEEP": 0.08, "_GRACE": 0.3},
    "_http.state_text": {"LONGEST_FLIGHT": 0.2, "LONGEST_HOLD": 0.3},
    "_http.retry": {"LONGEST_HOLD": 0.3, "FIRST_PAUSE": 0.02, "LONGEST_PAUSE": 0.2},
    "_data_sources.create": {"LOOK_AGAIN_SECONDS": LOOK_AGAIN},
    "_data_sources.view": {"SETTLE_PAUSES": (0.0, 0.02, 0.04, 0.08)},
    "_data_sources.lost": {"FIRST_PAUSE": 0.04},
}


def scaled() -> ExitStack:
    """A context manager with which the pauses of the collection are the short ones. Fails if one of the names does not exist."""
    stack = ExitStack()
    for module, values in SCALED.items():
        for name, value in values.items():
            stack.enter_context(mock.patch.object(importlib.import_module(f"{UTILS}.{module}"), name, value))
    return stack


class Here:
    """Runs modules in this process."""

    def play(self, module: str, params: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Run a module. Returns its result, and its output with all warnings."""
        args = {**params, "_ansible_check_mode": False, "_ansible_diff": True, "_ansible_module_name": module}
        out, err, warned = io.StringIO(), io.StringIO(), list[str]()
        loaded = importlib.import_module(f"ansible_collections.cortex_cloud.appsec.plugins.modules.{module}")
        raw = json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode()
        with (
            mock.patch.object(basic, "_ANSIBLE_ARGS", raw),
            mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy", create=True),
            mock.patch.object(basic.AnsibleModule, "warn", lambda _self, text, **_more: warned.append(text)),
            mock.patch.object(sys, "argv", [module]),
            redirect_stdout(out),
            redirect_stderr(err),
            suppress(SystemExit),
        ):
            loaded.main()
        output = out.getvalue() + err.getvalue() + "\n".join(warned)
        return {"failed": False, **json.loads(out.getvalue().strip().splitlines()[-1])}, output


class Elsewhere:
    """Runs modules in another process, until it is closed. Runs started in several processes are concurrent.

    before: a command that starts the process, such as nice.
    """

    def __init__(self, *before: str) -> None:
        command = [*before, sys.executable, "-m", "chaos.worker"]
        environment = {"PYTHONPATH": f"{ROOT / 'tests'}:{ROOT / '.build'}", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, module: str, params: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps([module, params]) + "\n")
        self._process.stdin.flush()

    def finish(self) -> tuple[dict[str, Any], str]:
        assert self._process.stdout
        result, output = json.loads(self._process.stdout.readline())
        return result, output

    def play(self, module: str, params: dict[str, Any]) -> tuple[dict[str, Any], str]:
        self.start(module, params)
        return self.finish()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """Like kill -9, a machine that loses power, or a container that runs out of memory."""
        self._process.kill()
        self._process.communicate(timeout=10)

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()
