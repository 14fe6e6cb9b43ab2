# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Floor 6: shows the progress of the module data_sources, and its plan if it fails."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import outgoing
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._progress import ModuleWithProgress, host_of


class ActionModule(ModuleWithProgress):
    """Runs the module unchanged, shows how much is done, and shows the plan if the module fails."""

    module = "data_sources"

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        if result.get("failed") and self._task.diff and not self._task.failed_when:
            # Ansible drops the diff of a failed task, which here is the plan. With failed_when the task may
            # not fail, and Ansible shows it.
            for entry in result.get("diff") or []:
                Display().display(outgoing(_as_text(host_of(task_vars), entry)))
        return result


def _as_text(host: str, entry: dict[str, str]) -> str:
    lines = [f"--- {host}: {entry['before_header']}", f"+++ {host}: {entry['after_header']}"]
    lines += [f"-{line}" for line in entry["before"].splitlines()]
    return "\n".join(lines + [f"+{line}" for line in entry["after"].splitlines()])
