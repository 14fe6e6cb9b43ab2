# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Floor 6: one audit of one tenant: read through the modules, compare, write the report."""

from __future__ import annotations

import dataclasses
import datetime
import os
from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.evidence import Evidence
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.fleet import summary
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.known import READ
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.report import audit, verdict_line
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import CortexError, TenantError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.plain import one_line
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import outgoing
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CONNECTION_SPEC
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._audit import (
    REPORTS,
    Options,
    add_earlier,
    given_files,
    made_by,
    prove_folder,
    write_report,
)
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._filters import evaluated
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._progress import WithProgress

Result = dict[str, Any]


class ActionModule(WithProgress):
    """Never more than a comparison, whatever the run's own mode is. A data source that cannot be compared is
    a finding.
    """

    _VALID_ARGS = frozenset([*CONNECTION_SPEC, *(option.name for option in dataclasses.fields(Options))])

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        result = super().run(tmp, task_vars)
        del tmp
        self._task_vars, self._said = task_vars or {}, result
        try:
            result.update(self._audited(evaluated(self._task.args, text=True)))
        except CortexError as exc:
            result.update(failed=True, msg=one_line(str(exc)))
        return result

    def _audited(self, args: dict[str, Any]) -> Result:
        options = Options(**{name: value for name, value in args.items() if name not in CONNECTION_SPEC})
        host = str(self._task_vars.get("inventory_hostname", "localhost"))
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        folder, check_mode = options.folder(host), self._task.check_mode
        prove_folder(folder, REPORTS)
        evidence = given_files(options, host, f"{options.today}T00:00:00Z" if options.today else now)
        connection = {name: value for name, value in args.items() if name in CONNECTION_SPEC}
        self._read(
            evidence, {**connection, **({"expected_tenant": options.tenants[0]} if options.tenants else {})}
        )
        if options.baseline:
            add_earlier(evidence, options)
        evidence.made_by = made_by(
            str(args.get("api_key_id") or os.environ.get("CORTEXCLOUD_API_KEY_ID", "")), os.environ
        )
        report = outgoing(audit(evidence))
        if not check_mode:
            write_report(folder, report)
        where = "Check mode: no report was written." if check_mode else f"The report is {folder}/report.html"
        return {
            "changed": False,
            "verdict": report["verdict"],
            "msg": f"{verdict_line(report)} {where}",
            "summary": summary(report),
        }

    def _read(self, evidence: Evidence, connection: dict[str, Any]) -> None:
        """Read the tenant into the evidence; each data source is read once."""
        if evidence.expected:
            compared = self._compared({**connection, "data_sources": evidence.expected, "inventory": True})
            evidence.tenant, evidence.sources = compared["tenant"], compared["inventory"]
            evidence.rows, evidence.diffs = compared["data_sources"], compared.get("diff") or []
        else:
            evidence.tenant = self._module("tenant_info", connection)["host"]
            evidence.sources = self._module("data_source_info", {**connection, "details": True})[
                "data_sources"
            ]
        # A key that may not read repositories, or a tenant without such a list, is a note in the report.
        wanted = {"members": READ, "unscanned_days": max(evidence.scan_max_age_days, 1)}
        known = self._module("repository_info", {**connection, **wanted}, may_fail=(403, 404))
        if "repositories" in known:
            evidence.known, evidence.known_whole = known["repositories"], bool(known.get("complete"))
            evidence.unscanned = known.get("unscanned")
        else:
            evidence.notes.append(
                f"The tenant's list of repositories was not read: {known['msg']} Coverage rests on what the "
                "data sources show; what is selected, scanned or broken is not known."
            )

    def _compared(self, args: dict[str, Any]) -> Result:
        """The result of the module data_sources in check mode, with differences. If an item fails, so does
        the module, but the rows are there.
        """
        mode = self._task.check_mode, self._task.diff
        self._task.check_mode = self._task.diff = True
        try:
            return self._module("data_sources", args, needs="inventory")
        finally:
            self._task.check_mode, self._task.diff = mode

    def _module(
        self, name: str, args: dict[str, Any], *, may_fail: tuple[int, ...] = (), needs: str = ""
    ) -> Result:
        """The result of a module of this collection. Raises TenantError with its message where it fails.

        may_fail: HTTP status codes with which it may. needs: what a failed one may return all the same.
        """
        result = self.run_module(name, args, self._task_vars)
        for kind in ("warnings", "deprecations"):
            if result.get(kind) and not result.get("failed"):
                self._said.setdefault(kind, []).extend(result[kind])
        if (
            result.get("failed")
            and not (needs and needs in result)
            and (result.get("api_error") or {}).get("status") not in may_fail
        ):
            raise TenantError(str(result.get("msg") or f"{name} failed"))
        return result
