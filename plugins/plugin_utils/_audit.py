# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PRIVATE to the collection: what the role audit needs on the controller: its report made from what was read, and the report as files."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.compare import NOT_READ, without_secrets
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.fleet import fleet, folder_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.kinds import day_from, fail_on_from
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.report import Evidence, audit, unpack_options, verdict_line
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.tables import as_csv, as_junit
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import outgoing
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._validate import validate_items
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._filters import evaluated, told
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._report.read import (
    read_baseline,
    read_exceptions,
    read_receipts,
    read_repositories,
)
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._report.render import render_fleet, render_report

FAULTS_SHOWN = 10


def _packed(report: dict[str, Any]) -> str:
    # As a variable a report would be templated again by some versions of Ansible: what a tenant calls its repositories is no template.
    return base64.b64encode(zlib.compress(json.dumps(outgoing(report)).encode(), 6)).decode()


def _unpacked(packed: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return report


def audit_items(items: Any, variable: str = "audit_expected") -> list[dict[str, Any]]:
    if not isinstance(items, (list, tuple)):
        raise AnsibleFilterError(f"{variable} must be a list of data sources.")
    # Secrets are left out before anything else happens: no message, file or variable of the audit can hold one.
    kept = [{k: evaluated(item[k], text=True) for k in item if k not in NOT_READ} if isinstance(item, dict) else item for item in items]
    faults = validate_items(kept, variable)
    if faults:
        more = f" And {len(faults) - FAULTS_SHOWN} more." if len(faults) > FAULTS_SHOWN else ""
        raise AnsibleFilterError(" ".join(faults[:FAULTS_SHOWN]) + more)
    return [without_secrets(item) for item in kept]


@told
def audit_checked(options: dict[str, Any]) -> bool:
    options = evaluated(options, text=True)
    fail_on_from(options.get("fail_on"))
    unpack_options(options)
    for name in ("today", "key_expires"):
        if options.get(name):
            day_from(options[name], f"audit_{name}")
    return True


@told
def audit_report(read: dict[str, Any], options: dict[str, Any]) -> str:
    read, options = evaluated(read, text=True), evaluated(options, text=True)
    evidence = Evidence(
        tenant=str(read["tenant"]),
        inventory_host=str(read["inventory_host"]),
        audited_at=str(read["audited_at"]),
        sources=read["data_sources"],
        expected=read["expected"] or None,
        rows=(read["compared"] or {}).get("data_sources") or [],
        diffs=(read["compared"] or {}).get("diff") or [],
        key_expires=options.get("key_expires") or None,
        fail_on=options.get("fail_on"),
        **unpack_options(options),
    )
    known = read.get("known") or {}
    if known.get("repositories") is not None:
        evidence.known, evidence.known_whole = known["repositories"], bool(known.get("complete"))
    else:
        evidence.notes.append(
            f"The tenant's list of repositories was not read: {known.get('msg') or 'it was not asked for'} Coverage rests on what the data "
            "sources show; what is selected, scanned or broken is not known."
        )
    if evidence.expected is not None:
        evidence.inputs["expected"] = {"given": "in the variables", "entries": len(evidence.expected)}
    if options.get("repositories"):
        evidence.repositories, evidence.inputs["repositories"] = read_repositories(options["repositories"])
    if options.get("receipts_dir"):
        evidence.receipts, unreadable, evidence.inputs["receipts"] = read_receipts(options["receipts_dir"])
        evidence.unreadable += unreadable
    if options.get("exceptions"):
        evidence.exceptions, evidence.inputs["exceptions"] = read_exceptions(options["exceptions"])
    if options.get("baseline"):
        folder = folder_of(evidence.inventory_host)
        evidence.baseline, note, unreadable, origin = read_baseline(options["baseline"], evidence.tenant, folder)
        evidence.unreadable += unreadable
        evidence.notes += [note] if note else []
        evidence.inputs.update({"baseline": origin} if origin else {})
    return _packed(audit(evidence))


def audit_file(packed: str, name: str) -> str:
    report = _unpacked(packed)
    if name == "report.json":
        return json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    return {"report.html": render_report, "report.csv": as_csv, "junit.xml": as_junit}[name](report)


def audit_verdict(packed: str) -> dict[str, str]:
    report = _unpacked(packed)
    return {"verdict": report["verdict"], "line": verdict_line(report)}


def audit_fleet(hostvars: Any, hosts: list[str], name: str, audited_at: str) -> str:
    reports: dict[str, Any] = {}
    for host in map(str, hosts):
        packed, error = hostvars[host].get("audit__packed"), hostvars[host].get("audit__error")
        reports[host] = _unpacked(str(packed)) if packed else str(error or "it was not reached")
    page = fleet(reports, str(audited_at))
    return render_fleet(page) if name == "fleet.html" else json.dumps(page, indent=1, ensure_ascii=False) + "\n"


def audit_folder(host: str) -> str:
    return folder_of(str(host))
