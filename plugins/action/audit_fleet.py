# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Floor 6: one page with the audits of all hosts of a run."""

from __future__ import annotations

import datetime
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.fleet import fleet
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import outgoing
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._audit import (
    FLEET,
    prove_folder,
    top_folder,
    write_fleet,
)
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._filters import evaluated


class ActionModule(ActionBase):
    """Uses only the results of this run, never an older report of a host that could not be audited."""

    _VALID_ARGS = frozenset(("hosts", "report_dir", "today"))
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        del tmp
        args = evaluated(self._task.args, text=True)
        hostvars = (task_vars or {})["hostvars"]
        outcomes: dict[str, Any] = {}
        for host in args["hosts"]:
            audited = evaluated(hostvars[host].get("audit__result") or {}, text=True)
            outcomes[host] = audited.get("summary") or str(audited.get("msg") or "it was not reached")
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        page = outgoing(fleet(outcomes, f"{args['today']}T00:00:00Z" if args.get("today") else now))
        try:
            folder = top_folder(args["report_dir"])
            prove_folder(folder, FLEET)
            if not self._task.check_mode:
                write_fleet(folder, page)
        except InputError as exc:
            result.update(failed=True, msg=str(exc))
        return {**result, "changed": False}
