# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Floor 6: what the user sees while the module data_sources runs, and when it fails."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import outgoing
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._progress import Telling


class ActionModule(Telling):
    """Runs the module as it is, tells how far it is, and shows the plan of one that failed."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        del tmp
        host = str((task_vars or {}).get("inventory_hostname", "localhost"))
        args = dict(self._task.args)
        if "plan_digest" in args and args["plan_digest"] is None:
            # To the module a null is an option that was not given, and it would apply any plan. A blank one
            # is the digest of none.
            args["plan_digest"] = ""
        result.update(self.told("data_sources", args, task_vars))
        if result.get("failed") and self._task.diff and not self._task.failed_when:
            # Ansible drops the diff of a failed task; here it is what says what was planned. A task that
            # decides for itself keeps it.
            for entry in result.get("diff") or []:
                Display().display(outgoing(_as_text(host, entry)))
        return result


def _as_text(host: str, entry: dict[str, str]) -> str:
    lines = [f"--- {host}: {entry['before_header']}", f"+++ {host}: {entry['after_header']}"]
    lines += [f"-{line}" for line in entry["before"].splitlines()]
    return "\n".join(lines + [f"+{line}" for line in entry["after"].splitlines()])
