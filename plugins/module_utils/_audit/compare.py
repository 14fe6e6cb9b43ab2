# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is expected beside what the tenant shows, data source by data source. Pure.

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

ORDER = ("code", "build", "build_deploy", "cross_stage", "unknown")
STAGE_TITLES = {
    "code": "Code",
    "build": "Build",
    "build_deploy": "Build and Deploy",
    "cross_stage": "Cross-stage",
    "unknown": "Stage not known",
}
# What an audit never needs: secrets, and how a change would be carried out.
NOT_READ = (
    "credentials",
    "self_signed_certificate",
    "credentials_file",
    "return_credentials",
    "backup_dir",
    "wait",
    "wait_for_status",
    "wait_timeout",
)


def without_secrets(item: Item) -> Item:
    """The item as the audit uses it. A difference is shown whatever its size: nothing is written."""
    kept = {k: v for k, v in item.items() if k not in NOT_READ and k != "max_deselect"}
    return {**kept, "max_deselect": -1}


def stage_of(kind: t.Any) -> str:
    found = known(kind)
    return found.stage if found else "unknown"


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
    """One data source of the tenant, as the report holds it: its settings are left out."""
    row = about(source)
    row.update(
        {
            k: source.get(k)
            for k in ("status", "health", "selection_type", "repositories_count", "created_at", "updated_at")
        }
    )
    row["health"] = row["health"] if row["health"] in HEALTH else "unknown"
    row["status_details"] = source.get("status_details") or {}
    if source.get("repositories") is not None and source.get("complete"):
        # The tenant's count may be of all repositories that the connection can see (docs/api.md: list.count).
        row["repositories_count"] = len(source["repositories"])
    return {**row, "complete": readable(source), "expected": None, "drift": None}


def readable(source: Item) -> bool:
    """Whether it shows all that it selects; only of version control does that matter."""
    kind = known(source.get("type"))
    if kind is not None and kind.category != VCS:
        return True
    shown, count = source.get("repositories") or [], source.get("repositories_count")
    if str(source.get("selection_type") or "").startswith("CURRENT_STATE") and not shown:
        # It selects everything and shows nothing: what that is cannot be told.
        return False
    return bool(source.get("complete")) or (count == 0 and not shown)


def data_sources(evidence: Evidence) -> tuple[Section, Section]:
    """The sections expected and data_sources: each item beside the instance it means, and each instance of
    the tenant.
    """
    by_id = {source["id"]: shown_row(source) for source in evidence.sources}
    reported = {row.get("index"): row for row in evidence.rows}
    differences = {diff.get("index"): diff for diff in evidence.diffs}
    wanted: list[Row] = []
    found: list[Finding] = []
    for index, item in enumerate(evidence.expected or []):
        entry, findings = _expected_row(index, item, evidence.sources, by_id, reported.get(index, {}))
        wanted.append(entry)
        found += findings
    means: dict[str, int] = {}
    for entry in wanted:
        shown = by_id.get(entry["id"])
        if shown is not None:
            means[shown["id"]] = entry["index"]
            shown["expected"] = entry["state"] == "present"
            shown["drift"], findings = _drift(
                entry, reported.get(entry["index"], {}), differences.get(entry["index"], {})
            )
            found += findings
    others: list[Finding] = []
    for shown in by_id.values():
        if evidence.expected is not None and shown["expected"] is None:
            shown["expected"] = False
            others.append(Finding("unexpected", "it is in the tenant, but not described", **_facts(shown)))
        others += _condition(shown, means.get(shown["id"]))
    rows = sorted(
        by_id.values(), key=lambda s: (ORDER.index(s["stage"]), s["type"] or "", s["name"] or "", s["id"])
    )
    return Section("expected", wanted, found), Section("data_sources", rows, others)


def _facts(row: Row) -> Row:
    """What a finding says of the data source that a row is about."""
    return {k: row.get(k) for k in ("subject", "type", "name", "hostname", "id", "stage", "index")}


def _condition(shown: Row, index: int | None) -> list[Finding]:
    """What is to be said of a data source whoever describes it. index: of the item that means it."""
    facts = {**_facts(shown), "index": index}
    found = []
    if shown["health"] != "healthy":
        found.append(Finding(shown["health"], _unwell(shown), **facts))
    if not shown["complete"]:
        found.append(Finding("incomplete", _incomplete(shown), **facts))
    return found


def _expected_row(
    index: int, item: Item, sources: list[Item], by_id: dict[str, Row], row: Row
) -> tuple[Row, list[Finding]]:
    """An item beside the instance that it means, and whether that is as described. row: what data_sources
    returned for it.
    """
    entry: Row = {**about(item), "index": index, "state": "present", "message": ""}
    action = row.get("action")
    undetermined = str(row.get("error") or "") if action == "undetermined" else ""
    source = by_id.get(str(row.get("id") or ""))
    # The module says which one it is, unless it failed or passes over it.
    if source is None and action not in ("created", "undetermined"):
        found_id, undetermined = _match(item, sources)
        source = by_id.get(found_id)
    if source is not None:
        entry.update(
            {"id": source["id"], **{key: entry[key] or source[key] for key in ("type", "name", "hostname")}}
        )
        entry["stage"] = stage_of(entry["type"])
    facts = _facts(entry)
    if undetermined:
        return {**entry, "state": "undetermined", "message": undetermined}, [
            Finding("undetermined", undetermined, **facts)
        ]
    if item.get("state") == "absent":
        if source is None:
            return {**entry, "state": "absent"}, []
        said = "it is described as absent, but is in the tenant"
        return {**entry, "state": "not_absent"}, [Finding("unexpected", said, **facts)]
    if source is None:
        return {**entry, "state": "missing"}, [
            Finding("missing", "it is described, but not in the tenant", **facts)
        ]
    return entry, []


def _match(item: Item, sources: list[Item]) -> tuple[str, str]:
    """The id of the one that an item means (empty: there is none), and why that cannot be told."""
    if item.get("id"):
        return str(item["id"]), ""
    shown = [Instance({**s, "uniqueProperties": s.get("unique_properties")}, full=True) for s in sources]
    try:
        result = match(item, shown)
    except InputError as exc:
        return "", str(exc)
    return (result.instance.id, "") if result.instance else ("", result.undetermined)


def _drift(entry: Row, row: Row, diff: Row) -> tuple[str | None, list[Finding]]:
    """Whether an instance differs from its item: none, differs or failed; None when they were not
    compared.
    """
    action = row.get("action")
    if entry["state"] != "present" or action is None:
        return None, []
    if action == "updated":
        said = "it differs from its description"
        return "differs", [
            Finding("drift", said, before=diff.get("before"), after=diff.get("after"), **_facts(entry))
        ]
    if action == "failed":
        said = f"it could not be compared with its description: {row.get('error')}"
        return "failed", [Finding("drift", said, **_facts(entry))]
    return "none", []


def _unwell(shown: Row) -> str:
    """Why a data source does not count as healthy, as far as the tenant says."""
    if not shown["status"]:
        return "the tenant shows no status"
    status, kind = status_of(shown["status"]), known(shown["type"])
    if shown["health"] == "unknown":
        said = f"the status word {shown['status']} is unknown"
    else:
        said = f"the tenant shows the status {shown['status']}" + (f": {status.says}" if status.says else "")
    waits = f"somebody may still have to {kind.person}" if kind and kind.person and status.waits else ""
    return "; ".join(filter(None, [said, reasons(shown["status_details"]), waits]))


def _incomplete(shown: Row) -> str:
    count = shown["repositories_count"]
    if str(shown["selection_type"] or "").startswith("CURRENT_STATE"):
        return (
            f"it selects all repositories ({shown['selection_type']}), but the tenant does not show all of "
            "them"
        )
    return (
        f"it states {count} repositories, but does not show all of them"
        if count
        else "the tenant does not show which repositories it selects"
    )


def stages(wanted: list[Row], shown: list[Row]) -> list[Row]:
    """Each stage of the software life cycle in numbers; the unknown one only when something is in it."""
    told = []
    for stage in ORDER:
        mine, here = (
            [w for w in wanted if w["stage"] == stage and w["state"] not in ("absent", "not_absent")],
            [s for s in shown if s["stage"] == stage],
        )
        if stage == "unknown" and not mine and not here:
            continue
        counts = [s["repositories_count"] for s in here]
        health = {word: sum(s["health"] == word for s in here) for word in HEALTH}
        told.append(
            {
                "stage": stage,
                "title": STAGE_TITLES[stage],
                "expected": len(mine),
                "present": sum(w["state"] == "present" for w in mine),
                "missing": sum(w["state"] == "missing" for w in mine),
                "data_sources": len(here),
                "unexpected": sum(s["expected"] is False for s in here),
                **health,
                "repositories": sum(c for c in counts if isinstance(c, int)),
                "repositories_complete": all(isinstance(c, int) for c in counts)
                and all(s["complete"] for s in here),
            }
        )
    return told


def code_host(source: Item) -> str:
    """The host whose repositories a data source can select; empty when it does not say."""
    kind = known(source.get("type"))
    host = get(source, "domain.hostname") or (kind.host if kind else "")
    return host_key(str(host))


def product_of(source: Item) -> str:
    """Whose spelling of repositories a data source has; empty when that is not known."""
    kind = known(source.get("type"))
    return kind.product if kind else ""


def is_code(source: Item) -> bool:
    """Whether it is version control; a type that is not known may be."""
    kind = known(source.get("type"))
    return kind is None or STAGES[kind.category] == "code"
