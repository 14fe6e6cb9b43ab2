# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, the audit of one tenant, made from what was read. Pure.
from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._data_sources.fields import Item
from .._errors import InputError
from .changes import changes
from .compare import compare, stages
from .exceptions import excuse
from .kinds import KINDS, Finding, day_from, fail_on_from, finding
from .receipts import judge
from .repositories import cover

SCHEMA, SCHEMA_VERSION = "cortex_cloud.appsec/audit", 1
Row = dict[str, t.Any]


@dataclasses.dataclass
class Evidence:
    """Everything an audit rests on, as plain data.

    tenant: its host. inventory_host: whom the report is for. audited_at: 2026-11-22T08:00:00Z; its date is the day of the audit.
    sources: data_source_info with details. expected: items (None: nothing is described). rows, diffs: data_sources in check mode.
    repositories, receipts, exceptions: None when not examined. unreadable: (file, why). baseline: an earlier report.
    inputs: what was read from where, for the reader of the report. notes: to be said in any case.
    """

    tenant: str
    inventory_host: str
    audited_at: str
    sources: list[Item]
    expected: list[Item] | None = None
    rows: list[Row] = dataclasses.field(default_factory=list)
    diffs: list[Row] = dataclasses.field(default_factory=list)
    repositories: list[str] | None = None
    receipts: list[Row] | None = None
    exceptions: list[t.Any] | None = None
    baseline: Row | None = None
    unreadable: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    inputs: Row = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    max_age_days: int = 30
    key_expires: t.Any = None
    key_warn_days: int = 30
    fail_on: t.Any = None


def audit(evidence: Evidence) -> Row:
    """The report, as report.json holds it. Raises InputError for options that cannot be meant."""
    fail_on = fail_on_from(evidence.fail_on)
    today = day_from(evidence.audited_at, "audit_today")
    wanted, shown, found = compare(evidence.expected, evidence.sources, evidence.rows, evidence.diffs)
    found += [finding("unreadable", why, subject=file) for file, why in evidence.unreadable]
    repositories, more = _repositories(evidence)
    found += more
    receipts, more = _receipts(evidence, wanted, today)
    found += more
    api_key, more = _key(evidence, today)
    found += more
    exceptions = None
    if evidence.exceptions is not None:
        exceptions, found = excuse(found, evidence.exceptions, today)
    order = list(KINDS)
    found.sort(key=lambda f: (bool(f["excused"]), f["kind"] not in fail_on, order.index(f["kind"]), str(f["subject"]), str(f["message"])))
    verdict, headline = _judge(found, fail_on)
    report: Row = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "tenant": evidence.tenant,
        "inventory_host": evidence.inventory_host,
        "audited_at": evidence.audited_at,
        "verdict": verdict,
        "headline": headline,
        "fail_on": fail_on,
        "counts": {
            kind: {
                "open": sum(f["kind"] == kind and not f["excused"] for f in found),
                "excused": sum(f["kind"] == kind and bool(f["excused"]) for f in found),
            }
            for kind in KINDS
        },
        "not_examined": _not_examined(evidence),
        "notes": list(evidence.notes),
        "inputs": evidence.inputs,
        "stages": stages(wanted, shown),
        "findings": found,
        "expected": wanted,
        "data_sources": shown,
        "repositories": repositories,
        "receipts": receipts,
        "exceptions": exceptions,
        "api_key": api_key,
    }
    return {**report, "changes": None if evidence.baseline is None else changes(report, evidence.baseline)}


def failing(findings: list[Finding], fail_on: list[str]) -> list[Finding]:
    """The findings that make the audit fail."""
    return [f for f in findings if f["kind"] in fail_on and not f["excused"]]


def baseline_fault(content: t.Any, tenant: str) -> str:
    """Why something is no earlier report of this tenant; empty when it is."""
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        return "it is no report.json of an audit"
    if content.get("schema_version") != SCHEMA_VERSION:
        return f"its schema version is {content.get('schema_version')}, not {SCHEMA_VERSION}"
    if content.get("tenant") != tenant:
        return f"it is about {content.get('tenant')}, not about {tenant}"
    lists = [content.get(name) for name in ("findings", "data_sources")]
    if not all(isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in lists):
        return "it has no findings or data sources"
    repositories = content.get("repositories")
    if not (repositories is None or (isinstance(repositories, dict) and isinstance(repositories.get("items"), list))):
        return "it is not whole"
    try:
        changes(content, content)
    except (AttributeError, KeyError, TypeError, ValueError):
        return "it is not whole"
    return "" if isinstance(content["audited_at"], str) else "it does not say when it was made"


def _not_examined(evidence: Evidence) -> dict[str, str]:
    """Kind of finding -> why this audit cannot have one."""
    told: dict[str, str] = {}
    if evidence.expected is None:
        told.update(dict.fromkeys(("missing", "unexpected", "drift", "undetermined"), "no data sources are described (audit_expected)"))
    if evidence.repositories is None:
        told["uncovered"] = "no list of repositories is given (audit_repositories)"
    if evidence.receipts is None:
        told["stale"] = told["no_upload"] = "no folder of receipts is given (audit_receipts_dir)"
    elif evidence.repositories is None:
        told["no_upload"] = "no list of repositories is given (audit_repositories)"
    if evidence.exceptions is None:
        told["exception"] = "no exceptions are given (audit_exceptions)"
    if evidence.key_expires is None:
        told["key_expiry"] = "the expiry of the API key is not given (audit_key_expires)"
    return told


def _repositories(evidence: Evidence) -> tuple[Row | None, list[Finding]]:
    return (None, []) if evidence.repositories is None else cover(evidence.repositories, evidence.sources)


def _receipts(evidence: Evidence, wanted: list[Row], today: dt.date) -> tuple[Row | None, list[Finding]]:
    if evidence.receipts is None:
        return None, []
    expected = wanted if evidence.expected is not None else None
    return judge(
        evidence.receipts, evidence.sources, expected, evidence.repositories, today=today, max_age_days=evidence.max_age_days
    )


def _key(evidence: Evidence, today: dt.date) -> tuple[Row | None, list[Finding]]:
    if evidence.key_expires is None:
        return None, []
    last = day_from(evidence.key_expires, "audit_key_expires")
    expires, left = last.isoformat(), (last - today).days
    section = {"expires": expires, "days_left": left, "warn_days": evidence.key_warn_days}
    if left > evidence.key_warn_days:
        return section, []
    said = f"it expired on {expires}" if left < 0 else f"it expires on {expires}, in {left} days"
    return section, [finding("key_expiry", said, subject="API key of the audit")]


def _judge(findings: list[Finding], fail_on: list[str]) -> tuple[str, str]:
    """The verdict and the headline. pass: nothing is open. attention: something is. fail: something is that audit_fail_on names."""
    still_open = [f for f in findings if not f["excused"]]
    fails = failing(findings, fail_on)
    verdict = "fail" if fails else "attention" if still_open else "pass"
    excused = len(findings) - len(still_open)
    shown = fails or still_open
    by_kind = [f"{n} {kind}" for kind in KINDS if (n := sum(f["kind"] == kind for f in shown))]
    one = len(shown) == 1
    words = {
        "fail": f"{len(fails)} finding{' fails' if one else 's fail'} this audit: {', '.join(by_kind)}.",
        "attention": f"{len(still_open)} finding{' needs' if one else 's need'} attention: {', '.join(by_kind)}. "
        "No finding is of a kind that fails this audit.",
        "pass": "Nothing to report: what was examined is as expected.",
    }
    return verdict, words[verdict] + (f" Excused: {excused}." if excused else "")


def verdict_line(report: Row) -> str:
    """One line for the end of a run."""
    return f"{report['tenant']}: {report['verdict']}. {report['headline']}"


def unpack_options(options: Row) -> Row:
    """The numbers among the options, which a survey gives as text. Raises InputError."""
    told: Row = {}
    for name in ("max_age_days", "key_warn_days"):
        value = options.get(name)
        try:
            told[name] = int(str(value))
        except ValueError:
            raise InputError(f"audit_{name} is {value!r}: a number of days is needed.") from None
        if told[name] < 0:
            raise InputError(f"audit_{name} is {value}: a number of days from 0 is needed.")
    return told
