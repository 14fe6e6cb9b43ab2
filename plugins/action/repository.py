# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Floor 6: what the user sees while the module repository runs."""

from __future__ import annotations

from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._progress import Telling


class ActionModule(Telling):
    """Runs the module as it is, and tells how far it is."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        del tmp
        args = dict(self._task.args)
        if "plan_digest" in args and args["plan_digest"] is None:
            # To the module a null is an option that was not given, and it would apply any plan. A blank one
            # is the digest of none.
            args["plan_digest"] = ""
        result.update(self.told("repository", args, task_vars))
        return result
