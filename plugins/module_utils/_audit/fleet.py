# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audits of many hosts on one page. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import re

from .._admitted import Row
from .kinds import KINDS

SCHEMA = "cortex_cloud.appsec/audit_fleet"
VERDICTS = ("not_audited", "fail", "attention", "pass")


def summary(report: Row) -> Row:
    """The members of a report that the fleet page shows."""
    still_open = [f for f in report["findings"] if not f["excused"]]
    repositories, counts = report["repositories"] or {}, ("listed", "covered", "uncovered", "unknown")
    return {
        "tenant": report["tenant"],
        "verdict": report["verdict"],
        "message": report["headline"],
        "fails": sum(f["kind"] in report["fail_on"] for f in still_open),
        "open": len(still_open),
        "excused": len(report["findings"]) - len(still_open),
        "by_kind": {kind: n for kind in KINDS if (n := sum(f["kind"] == kind for f in still_open))},
        "data_sources": len(report["data_sources"]),
        "healthy": sum(s["health"] == "healthy" for s in report["data_sources"]),
        "repositories": {k: repositories[k] for k in counts} if repositories else None,
        "uploads": (report["receipts"] or {}).get("repositories_with_fresh"),
        "history": report["history"],
        "stages": report["stages"],
    }


def fleet(hosts: dict[str, Row | str], audited_at: str) -> Row:
    """The content of fleet.json, the worst host first.

    hosts: inventory host -> the summary of its report, or why there is none.
    audited_at: such as 2026-11-22T08:00:00Z.
    """
    rows = [_row(host, outcome) for host, outcome in hosts.items()]
    rows.sort(key=lambda r: (VERDICTS.index(r["verdict"]), -r["fails"], -r["open"], r["host"]))
    return {
        "schema": SCHEMA,
        "schema_version": 1,
        "audited_at": audited_at,
        "counts": {verdict: sum(r["verdict"] == verdict for r in rows) for verdict in VERDICTS},
        "stages": _stages([one["stages"] for one in hosts.values() if not isinstance(one, str)]),
        "hosts": rows,
    }


def _stages(of_hosts: list[list[Row]]) -> list[Row]:
    """The stages of all hosts: numbers are added up, and a stage is complete if it is for each host."""
    stages: dict[str, Row] = {}
    for stage in (stage for one in of_hosts for stage in one):
        total = stages.setdefault(stage["stage"], {"stage": stage["stage"], "title": stage["title"]})
        for key, value in stage.items():
            if isinstance(value, bool):
                total[key] = value and total.get(key, True)
            elif isinstance(value, int):
                total[key] = total.get(key, 0) + value
    return list(stages.values())


def _row(host: str, outcome: Row | str) -> Row:
    """The row of a host. outcome: the summary of its report, or why there is none."""
    if not isinstance(outcome, str):
        members = {k: v for k, v in outcome.items() if k != "stages"}
        return {"host": host, **members, "report": f"{folder_of(host)}/report.html"}
    return {
        "host": host,
        "verdict": "not_audited",
        "message": outcome,
        **dict.fromkeys(("fails", "open", "excused"), 0),
        "by_kind": {},
        **dict.fromkeys(
            ("tenant", "data_sources", "healthy", "repositories", "uploads", "history", "report")
        ),
    }


def folder_of(host: str) -> str:
    """The name of a host's folder: its own, escaped so that it is inside the report folder and different for
    each host.
    """
    return re.sub(r"[%/\\\0]|^\.", lambda sign: f"%{ord(sign[0]):02X}", host)
