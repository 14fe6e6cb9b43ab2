# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sees while a module works that takes longer than a few seconds, and who waits for it.

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

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.interruption import (
    VARIABLE,
    controllers,
    leave_signals_to_the_main_thread,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.plain import one_line

FIRST_LINE_AFTER = 5.0
LINE_EVERY = 4.0


class Watching(Normal):
    """Runs a module as it is. Where it runs on this host and somebody waits for its result, it learns who
    that is.

    An asynchronous task is to outlive its controller: it learns nothing.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        if self._connection.transport == "local" and not self._task.async_val:
            self._task.environment = [*(self._task.environment or []), waiting()]
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result


class Telling(ActionBase):
    """Runs a module as it is. Where the module runs on this host, tells every few seconds how far it is."""

    _supports_check_mode = True
    _supports_async = False

    def told(self, module: str, args: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """The result of a module of this collection."""
        # With several tenants in one play, each line must say whose it is.
        host = str((task_vars or {}).get("inventory_hostname", "localhost"))
        with self._progress(host):
            name = f"cortex_cloud.appsec.{module}"
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
        teller = threading.Thread(target=_tell, args=(host, path, over), daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()
            with contextlib.suppress(FileNotFoundError):  # the module takes it away when it is interrupted
                os.unlink(path)


def waiting() -> dict[str, str]:
    """A variable that tells a module on this machine who waits for it: this worker, and ansible-playbook,
    which a worker may outlive.
    """
    parent = multiprocessing.parent_process()
    return {VARIABLE: controllers(os.getpid(), *([parent.pid] if parent and parent.pid else []))}


def _tell(host: str, path: str, over: threading.Event) -> None:
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
