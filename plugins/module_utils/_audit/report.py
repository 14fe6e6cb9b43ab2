# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of one audit, from its evidence. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import datetime as dt
import re
import typing as t

from .._admitted import Row
from . import known, receipts
from .changes import changes
from .compare import data_sources, stages
from .evidence import Evidence
from .exceptions import excuse
from .kinds import KINDS, Finding, Section, day_from, fail_on_from
from .repositories import Reader, coverage

SCHEMA, SCHEMA_VERSION = "cortex_cloud.appsec/audit", 1


def audit(evidence: Evidence) -> Row:
    """The content of report.json. Raises InputError for an invalid option."""
    fail_on = fail_on_from(evidence.fail_on)
    expected, shown = data_sources(evidence)
    repositories, uploads = known.tenant_repositories(evidence), receipts.receipts(evidence, expected.content)
    sections = [expected, shown, coverage(evidence), repositories, uploads, api_key(evidence)]
    judged = [each for section in sections for each in section.findings]
    judged += [Finding("unreadable", why, subject=file) for file, why in evidence.unreadable]
    reader, lines = Reader(evidence.sources, evidence.known), evidence.exception_lines
    waived = excuse(judged, evidence.exceptions, evidence.today, reader, lines)
    findings = [each.as_json() for each in sorted(waived.findings, key=lambda each: _rank(each, fail_on))]
    verdict, headline = _judge(findings, fail_on)
    report: Row = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "tenant": evidence.tenant,
        "inventory_host": evidence.inventory_host,
        "audited_at": evidence.audited_at,
        "verdict": verdict,
        "headline": headline,
        "fail_on": fail_on,
        "counts": {kind: _counts([f for f in findings if f["kind"] == kind]) for kind in KINDS},
        "not_examined": _not_examined(evidence),
        "notes": [*evidence.notes, *known.notes(repositories), *receipts.notes(uploads)],
        "inputs": evidence.inputs,
        "made_by": evidence.made_by,
        "stages": stages(expected.content, shown.content),
        "findings": findings,
        **{section.name: section.content for section in [*sections, waived]},
    }
    report["history"] = [*evidence.history, point_of(report)]
    return {**report, "changes": None if evidence.baseline is None else changes(report, evidence.baseline)}


def point_of(report: Row) -> Row:
    """The entry of a report in the history: its time, its verdict, and numbers; None for those not examined.

    Raises AttributeError, KeyError or TypeError if it is not a report.
    """
    repositories, uploads = report.get("repositories") or {}, report.get("receipts") or {}
    return {
        "audited_at": str(report["audited_at"]),
        "verdict": report["verdict"],
        "listed": repositories.get("listed"),
        "covered": repositories.get("covered"),
        "fresh": uploads.get("repositories_with_fresh"),
        "data_sources": len(report["data_sources"]),
        "healthy": sum(source.get("health") == "healthy" for source in report["data_sources"]),
    }


def _rank(each: Finding, fail_on: list[str]) -> tuple[t.Any, ...]:
    """The sort key of a finding: those that fail the audit come first, then in the order of the kinds."""
    kind = list(KINDS).index(each.kind)
    return bool(each.excused), each.kind not in fail_on, kind, str(each.subject), each.message


def _counts(findings: list[Row]) -> dict[str, int]:
    excused = sum(bool(f["excused"]) for f in findings)
    return {"open": len(findings) - excused, "excused": excused}


def failing(findings: list[Row], fail_on: list[str]) -> list[Row]:
    """The findings that make the audit fail."""
    return [f for f in findings if f["kind"] in fail_on and not f["excused"]]


def baseline_fault(content: t.Any, tenant: str) -> str:
    """Why something is not an earlier report of this tenant; empty if it is one."""
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        return "it is not a report.json of an audit"
    if content.get("schema_version") != SCHEMA_VERSION:
        return f"its schema version is {content.get('schema_version')}, not {SCHEMA_VERSION}"
    if content.get("tenant") != tenant:
        return f"it is about {content.get('tenant')}, not about {tenant}"
    lists = [content.get(name) for name in ("findings", "data_sources")]
    if not all(isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in lists):
        return "it has no findings or data sources"
    texts = [(row.get("subject") or "", row.get("message")) for row in content["findings"]]
    texts += [(row.get("subject"), "") for row in content["data_sources"]]
    repositories = content.get("repositories")
    if not all(isinstance(text, str) for pair in texts for text in pair) or not (
        repositories is None
        or (isinstance(repositories, dict) and isinstance(repositories.get("items"), list))
    ):
        return "it is incomplete"
    try:
        changes(content, content)
        point_of(content)
    except (AttributeError, KeyError, TypeError, ValueError):
        return "it is incomplete"
    return "" if _is_time(content["audited_at"]) else "it does not say when it was made"


def _is_time(value: t.Any) -> bool:
    """Whether it is a time as a report has it: their order as text is that of the times."""
    if not isinstance(value, str) or not re.fullmatch(r"[\d-]{10}T\d\d:\d\d:\d\dZ", value, re.ASCII):
        return False
    try:
        return bool(dt.datetime.fromisoformat(value[:-1]))
    except ValueError:
        return False


def _not_examined(evidence: Evidence) -> dict[str, str]:
    """Kind of finding -> why this audit cannot have one."""
    described = ("missing", "unexpected", "drift", "undetermined")
    no_list = "no list of repositories is given (audit_repositories)"
    reasons: dict[str, str] = {}
    # If two apply to a kind, the first one is given.
    for value, kinds, reason in (
        (evidence.expected, described, "no data sources are described (audit_expected)"),
        (evidence.known, known.KINDS_SEEN, "the tenant's list of repositories was not read"),
        (evidence.repositories, ("uncovered",), no_list),
        (evidence.receipts, ("stale", "no_upload"), "no folder of receipts is given (audit_receipts_dir)"),
        (evidence.repositories, ("no_upload",), no_list),
        (evidence.exceptions, ("exception",), "no exceptions are given (audit_exceptions)"),
        (evidence.key_expires, ("key_expiry",), "the expiry of the API key is not given (audit_key_expires)"),
    ):
        for kind in kinds if value is None else ():
            reasons.setdefault(kind, reason)
    return reasons


def api_key(evidence: Evidence) -> Section:
    """The section api_key. The API does not show when a key expires, so the user has to say it."""
    if evidence.key_expires is None:
        return Section("api_key", None)
    last = day_from(evidence.key_expires, "audit_key_expires")
    expires, left = last.isoformat(), (last - evidence.today).days
    section = Section("api_key", {"expires": expires, "days_left": left, "warn_days": evidence.key_warn_days})
    if left <= evidence.key_warn_days:
        message = f"it expired on {expires}" if left < 0 else f"it expires on {expires}, in {left} days"
        section.findings.append(Finding("key_expiry", message, subject="API key of the audit"))
    return section


def _judge(findings: list[Row], fail_on: list[str]) -> tuple[str, str]:
    """The verdict and the headline.

    fail: a kind in audit_fail_on is open. attention: another kind is. pass: nothing is open.
    """
    still_open = [f for f in findings if not f["excused"]]
    fails = failing(findings, fail_on)
    by_kind = ", ".join(
        f"{n} {kind}" for kind in KINDS if (n := sum(f["kind"] == kind for f in fails or still_open))
    )
    plural = "" if len(fails or still_open) == 1 else "s"
    if fails:
        verdict, others = "fail", len(still_open) - len(fails)
        headline = f"{len(fails)} finding{plural} fail{'' if plural else 's'} this audit: {by_kind}."
        headline += f" And {others} that {'does' if others == 1 else 'do'} not fail it." if others else ""
    elif still_open:
        verdict = "attention"
        headline = f"{len(still_open)} finding{plural} need{'' if plural else 's'} attention: {by_kind}. "
        headline += "No finding is of a kind that fails this audit."
    else:
        verdict, headline = "pass", "Nothing to report: what was examined is as expected."
    excused = len(findings) - len(still_open)
    return verdict, headline + (f" Excused: {excused}." if excused else "")


def verdict_line(report: Row) -> str:
    """The verdict on one line, for the end of a run."""
    return f"{report['tenant']}: {report['verdict']}. {report['headline']}"
