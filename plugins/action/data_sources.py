# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Floor 6: what the user sees while the module data_sources runs, and when it fails."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.plain import one_line
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import outgoing

FIRST_LINE_AFTER = 5.0
LINE_EVERY = 4.0


class ActionModule(ActionBase):
    """Runs the module as it is. Where the module runs on this host, tells every few seconds how far it is."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        del tmp
        # With several tenants in one play, each line must say whose it is.
        host = str((task_vars or {}).get("inventory_hostname", "localhost"))
        args = dict(self._task.args)
        if "plan_digest" in args and args["plan_digest"] is None:
            # To the module a null is an option that was not given, and it would apply any plan. A blank one is the digest of none.
            args["plan_digest"] = ""
        with self._progress(host):
            name = "cortex_cloud.appsec.data_sources"
            result.update(self._execute_module(module_name=name, module_args=args, task_vars=task_vars))
        if result.get("failed") and self._task.diff:
            # Ansible drops the diff of a failed task; here it is what says what was planned.
            for entry in result.get("diff") or []:
                Display().display(outgoing(_as_text(host, entry)))
        return result

    @contextlib.contextmanager
    def _progress(self, host: str) -> Any:
        if self._connection.transport != "local":
            yield
            return
        handle, path = tempfile.mkstemp(prefix="cortex_cloud_progress_")
        os.close(handle)
        self._task.environment = [*(self._task.environment or []), {"CORTEXCLOUD_PROGRESS_FILE": path}]
        over = threading.Event()
        teller = threading.Thread(target=_tell, args=(host, path, over), daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()
            os.unlink(path)


def _tell(host: str, path: str, over: threading.Event) -> None:
    shown, pause = "", FIRST_LINE_AFTER
    while not over.wait(pause):
        pause = LINE_EVERY
        with contextlib.suppress(OSError, ValueError, KeyError), open(path, encoding="utf-8") as file:
            now = json.load(file)
            line = f"{now['done']} of {now['total']} done, {now['changed']} changed, {now['failed']} failed"
            if now["waits"]:
                line += f", waited {now['seconds']:.0f} s for the rate limit"
            if line != shown:
                shown = line
                Display().display(f"  {one_line(f'... {host}: {line}')}")


def _as_text(host: str, entry: dict[str, str]) -> str:
    lines = [f"--- {host}: {entry['before_header']}", f"+++ {host}: {entry['after_header']}"]
    lines += [f"-{line}" for line in entry["before"].splitlines()]
    return "\n".join(lines + [f"+{line}" for line in entry["after"].splitlines()])
