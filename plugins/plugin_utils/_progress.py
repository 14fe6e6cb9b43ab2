# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the progress of a module that takes longer than a few seconds, and tells it who waits for it.

Private to the collection, floor 4.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import tempfile
import threading
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule as Normal
from ansible.utils.display import Display

from ..module_utils._http.interruption import VARIABLE, controllers, leave_signals_to_the_main_thread
from ..module_utils._http.plain import one_line

# Seconds until the first line, and between two lines.
FIRST_LINE_AFTER = 5.0
LINE_EVERY = 4.0


class InterruptibleModule(Normal):
    """Runs a module unchanged. On this host it gets the IDs of the processes that wait for it, so that it can
    end when they do; an asynchronous task gets none, because it should outlive them.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        if self._connection.transport == "local" and not self._task.async_val:
            self._task.environment = [*(self._task.environment or []), waiting()]
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result


class WithProgress(ActionBase):
    """Runs modules unchanged. On this host, shows every few seconds how much is done."""

    _supports_check_mode = True
    _supports_async = False

    def run_module(
        self, module: str, args: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        """The result of a module of this collection."""
        # Each line names the host, because a play may have several.
        host, name = host_of(task_vars), f"cortex_cloud.appsec.{module}"
        with self._progress(host):
            result: dict[str, Any] = self._execute_module(
                module_name=name, module_args=args, task_vars=task_vars
            )
        return result

    @contextlib.contextmanager
    def _progress(self, host: str) -> Any:
        if self._connection.transport != "local":
            yield
            return
        handle, path = tempfile.mkstemp(prefix="cortex_cloud_progress_")
        os.close(handle)
        self._task.environment = [
            *(self._task.environment or []),
            {"CORTEXCLOUD_PROGRESS_FILE": path, **waiting()},
        ]
        over = threading.Event()
        thread = threading.Thread(target=_show, args=(host, path, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            with contextlib.suppress(FileNotFoundError):  # an interrupted module deletes it itself
                os.unlink(path)


class ModuleWithProgress(WithProgress):
    """Runs one module, named by the attribute module, with the task's options."""

    module: str

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        del tmp
        args = dict(self._task.args)
        if "plan_digest" in args and args["plan_digest"] is None:
            # For the module null is an option that was not given, so that it would apply any plan. An empty
            # digest matches no plan.
            args["plan_digest"] = ""
        return {**result, **self.run_module(self.module, args, task_vars)}


def host_of(task_vars: dict[str, Any] | None) -> str:
    return str((task_vars or {}).get("inventory_hostname", "localhost"))


def waiting() -> dict[str, str]:
    """An environment variable for a module on this machine with the processes that wait for it: this worker,
    and ansible-playbook, which may end before its worker.
    """
    parent = multiprocessing.parent_process()
    return {VARIABLE: controllers(os.getpid(), *([parent.pid] if parent and parent.pid else []))}


def _show(host: str, path: str, over: threading.Event) -> None:
    leave_signals_to_the_main_thread()
    shown, pause = "", FIRST_LINE_AFTER
    while not over.wait(pause):
        pause = LINE_EVERY
        with contextlib.suppress(OSError, ValueError, KeyError), open(path, encoding="utf-8") as file:
            now = json.load(file)
            line = _line(now)
            if now["waits"]:
                line += f", waited {now['seconds']:.0f} s for the rate limit"
            if line != shown:
                shown = line
                Display().display(f"  {one_line(f'... {host}: {line}')}")


def _line(now: dict[str, Any]) -> str:
    if "read" in now:
        return f"{now['read']} of {now['total']} read" if now["total"] else f"{now['read']} read"
    return f"{now['done']} of {now['total']} done, {now['changed']} changed, {now['failed']} failed"
