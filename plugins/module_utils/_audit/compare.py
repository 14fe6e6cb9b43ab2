# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the described data sources with those of the tenant. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import typing as t

from .._addresses import host_key
from .._admitted import Row
from .._data_sources.fields import Item, get, label
from .._data_sources.instance import Instance
from .._data_sources.match import match
from .._data_sources.status import HEALTH, reasons, status_of
from .._data_sources.types import STAGES, VCS, known
from .._errors import InputError
from .evidence import Evidence
from .kinds import Finding, Section

# In the order of the report.
STAGE_TITLES = {
    "code": "Code",
    "build": "Build",
    "build_deploy": "Build and Deploy",
    "cross_stage": "Cross-stage",
    "unknown": "Stage not known",
}
# Options that an audit ignores: secrets, and how a change would be carried out.
NOT_READ = (
    *("credentials", "self_signed_certificate", "credentials_file", "return_credentials", "backup_dir"),
    *("wait", "wait_for_status", "wait_timeout"),
)


def without_secrets(item: Item) -> Item:
    """The item without what an audit ignores. max_deselect: a difference of any size is shown, since nothing
    is written.
    """
    return {**{k: v for k, v in item.items() if k not in NOT_READ}, "max_deselect": -1}


def stage_of(kind: t.Any) -> str:
    described = known(kind)
    return described.stage if described else "unknown"


def about(item: Item) -> Row:
    """What identifies a data source in a finding."""
    return {
        "subject": label({k: item.get(k) for k in ("type", "name", "identifier", "domain")}),
        "type": item.get("type"),
        "name": item.get("name") or item.get("identifier"),
        "hostname": get(item, "domain.hostname"),
        "id": item.get("id"),
        "stage": stage_of(item.get("type")),
    }


def shown_row(source: Item) -> Row:
    """The row of a data source of the tenant in the report, without its settings."""
    members = ("status", "selection_type", "repositories_count", "created_at", "updated_at")
    row = {**about(source), **{k: source.get(k) for k in members}}
    row["health"] = source.get("health") if source.get("health") in HEALTH else "unknown"
    row["status_details"] = source.get("status_details") or {}
    if source.get("repositories") is not None and source.get("complete"):
        # The tenant's count may be of all repositories that the connection can see (docs/api.md: list.count).
        row["repositories_count"] = len(source["repositories"])
    return {**row, "complete": readable(source), "expected": None, "drift": None}


def readable(source: Item) -> bool:
    """Whether a data source shows all repositories that it selects; always true outside version control."""
    kind = known(source.get("type"))
    if kind is not None and kind.category != VCS:
        return True
    shown, count = source.get("repositories") or [], source.get("repositories_count")
    if str(source.get("selection_type") or "").startswith("CURRENT_STATE") and not shown:
        # It selects everything and shows nothing, so nobody knows which repositories these are.
        return False
    return bool(source.get("complete")) or (count == 0 and not shown)


def data_sources(evidence: Evidence) -> tuple[Section, Section]:
    """The sections expected and data_sources: each item with the instance it refers to, and each instance of
    the tenant.
    """
    by_id = {source["id"]: shown_row(source) for source in evidence.sources}
    results = {row.get("index"): row for row in evidence.rows}
    diffs = {diff.get("index"): diff for diff in evidence.diffs}
    expected = Section("expected", [])
    drifts: list[Finding] = []
    items: dict[str, int] = {}
    for index, item in enumerate(evidence.expected or []):
        result = results.get(index, {})
        row, findings = _expected_row(index, item, evidence.sources, by_id, result)
        expected.content.append(row)
        expected.findings += findings
        shown = by_id.get(row["id"])
        if shown is not None:
            items[shown["id"]] = index
            shown["expected"] = row["state"] == "present"
            shown["drift"], findings = _drift(row, result, diffs.get(index, {}))
            drifts += findings
    expected.findings += drifts
    others: list[Finding] = []
    for shown in by_id.values():
        if evidence.expected is not None and shown["expected"] is None:
            shown["expected"] = False
            others.append(Finding("unexpected", "it is in the tenant, but not described", **_facts(shown)))
        others += _condition(shown, items.get(shown["id"]))
    order = list(STAGE_TITLES)
    rows = sorted(
        by_id.values(), key=lambda s: (order.index(s["stage"]), s["type"] or "", s["name"] or "", s["id"])
    )
    return expected, Section("data_sources", rows, others)


def _facts(row: Row) -> Row:
    """The members of a finding that identify the data source of a row."""
    return {k: row.get(k) for k in ("subject", "type", "name", "hostname", "id", "stage", "index")}


def _condition(shown: Row, index: int | None) -> list[Finding]:
    """Findings about a data source, described or not. index: of the item that refers to it."""
    facts = {**_facts(shown), "index": index}
    findings = []
    if shown["health"] != "healthy":
        findings.append(Finding(shown["health"], _unwell(shown), **facts))
    if not shown["complete"]:
        findings.append(Finding("incomplete", _incomplete(shown), **facts))
    return findings


def _expected_row(
    index: int, item: Item, sources: list[Item], by_id: dict[str, Row], result: Row
) -> tuple[Row, list[Finding]]:
    """The row of an item, with the instance that it refers to, and findings if that is not as described.

    by_id: the rows of the tenant's instances.
    result: what data_sources returned for the item; empty if nothing.
    """
    row: Row = {**about(item), "index": index, "state": "present", "message": ""}
    action = result.get("action")
    undetermined = str(result.get("error") or "") if action == "undetermined" else ""
    shown = by_id.get(str(result.get("id") or ""))
    # The module returns the instance unless it failed or ignores the item.
    if shown is None and action not in ("created", "undetermined"):
        found_id, undetermined = _match(item, sources)
        shown = by_id.get(found_id)
    if shown is not None:
        row.update(id=shown["id"], **{key: row[key] or shown[key] for key in ("type", "name", "hostname")})
        row["stage"] = stage_of(row["type"])
    if undetermined:
        state, kind, message = "undetermined", "undetermined", undetermined
        row["message"] = undetermined
    elif item.get("state") == "absent":
        state, kind = ("absent", "") if shown is None else ("not_absent", "unexpected")
        message = "it is described as absent, but is in the tenant"
    else:
        state, kind = ("missing", "missing") if shown is None else ("present", "")
        message = "it is described, but not in the tenant"
    return {**row, "state": state}, [Finding(kind, message, **_facts(row))] if kind else []


def _match(item: Item, sources: list[Item]) -> tuple[str, str]:
    """The ID of the instance that an item refers to, empty if there is none; and why that is unclear."""
    if item.get("id"):
        return str(item["id"]), ""
    shown = [Instance({**s, "uniqueProperties": s.get("unique_properties")}, full=True) for s in sources]
    try:
        result = match(item, shown)
    except InputError as exc:
        return "", str(exc)
    return (result.instance.id, "") if result.instance else ("", result.undetermined)


def _drift(row: Row, result: Row, diff: Row) -> tuple[str | None, list[Finding]]:
    """Whether an instance differs from its item: none, differs or failed; None if they were not compared.

    row: of the item in the section expected. result, diff: of data_sources; empty if there are none.
    """
    action, facts = result.get("action"), _facts(row)
    if row["state"] != "present" or action is None:
        return None, []
    if action == "updated":
        before, after, message = diff.get("before"), diff.get("after"), "it differs from its description"
        return "differs", [Finding("drift", message, before=before, after=after, **facts)]
    if action == "failed":
        message = f"it could not be compared with its description: {result.get('error')}"
        return "failed", [Finding("drift", message, **facts)]
    return "none", []


def _unwell(shown: Row) -> str:
    """Why a data source does not count as healthy."""
    if not shown["status"]:
        return "the tenant shows no status"
    status, kind = status_of(shown["status"]), known(shown["type"])
    if shown["health"] == "unknown":
        message = f"the status word {shown['status']} is unknown"
    else:
        message = f"the tenant shows the status {shown['status']}" + (
            f": {status.says}" if status.says else ""
        )
    waits = f"somebody may still have to {kind.person}" if kind and kind.person and status.waits else ""
    return "; ".join(filter(None, [message, reasons(shown["status_details"]), waits]))


def _incomplete(shown: Row) -> str:
    selection, count = str(shown["selection_type"] or ""), shown["repositories_count"]
    if selection.startswith("CURRENT_STATE"):
        return f"it selects all repositories ({selection}), but the tenant does not show all of them"
    if count:
        return f"it states {count} repositories, but does not show all of them"
    return "the tenant does not show which repositories it selects"


def stages(expected: list[Row], shown: list[Row]) -> list[Row]:
    """Each stage of the software life cycle in numbers; the unknown one only if something is in it.

    expected, shown: the rows of the sections expected and data_sources.
    """
    rows = []
    for stage, title in STAGE_TITLES.items():
        items = [i for i in expected if i["stage"] == stage and i["state"] not in ("absent", "not_absent")]
        here = [s for s in shown if s["stage"] == stage]
        if stage == "unknown" and not items and not here:
            continue
        counts = [s["repositories_count"] for s in here]
        rows.append(
            {
                "stage": stage,
                "title": title,
                "expected": len(items),
                **{state: sum(i["state"] == state for i in items) for state in ("present", "missing")},
                "data_sources": len(here),
                "unexpected": sum(s["expected"] is False for s in here),
                **{word: sum(s["health"] == word for s in here) for word in HEALTH},
                "repositories": sum(c for c in counts if isinstance(c, int)),
                "repositories_complete": all(s["complete"] for s in here)
                and all(isinstance(c, int) for c in counts),
            }
        )
    return rows


def code_host(source: Item) -> str:
    """The host whose repositories a data source can select; empty if unknown."""
    kind = known(source.get("type"))
    host = get(source, "domain.hostname") or (kind.host if kind else "")
    return host_key(str(host))


def product_of(source: Item) -> str:
    """The product whose spelling of repositories a data source uses; empty if unknown."""
    kind = known(source.get("type"))
    return kind.product if kind else ""


def is_code(source: Item) -> bool:
    """Whether a data source is version control. An unknown type may be."""
    kind = known(source.get("type"))
    return kind is None or STAGES[kind.category] == "code"
