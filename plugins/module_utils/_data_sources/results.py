# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of the modules: of a run, and of an inventory.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import typing as t

from .._errors import InputError, Unexpected
from .._files import refuse_other_file, write_private
from .._http.redaction import hide_secret_keys
from .data_file import as_configs, as_data_file
from .digest import destroys
from .fields import MANUAL, Item, get, label
from .outcome import Outcome
from .run import Run
from .show import PLAN_BEGINS, diff_of, plan_as_markdown
from .status import status_of
from .types import known

Result = dict[str, t.Any]
BROKEN = ("failed", "undetermined")


def result_of(outcome: Outcome, *, diff: bool) -> Result:
    """The result of the module data_source."""
    result: Result = {
        "changed": outcome.changed,
        "data_source": hide_secret_keys(outcome.data_source),
        "actions": outcome.actions,
        "credentials_applied": outcome.credentials_applied,
        "pending_actions": outcome.pending,
        "warnings": outcome.warnings,
        **_optional(outcome),
    }
    if diff and (entry := diff_of(outcome.plan, outcome.item)):
        result["diff"] = entry
    if outcome.released:
        result["released"] = {"collector_credentials": outcome.released}
    if outcome.error:
        result.update({"failed": True, "msg": outcome.error})
        if outcome.api_error:
            result["api_error"] = outcome.api_error
    return result


def results_of(run: Run, outcomes: list[Outcome], *, diff: bool) -> Result:
    """The result of the module data_sources.

    diff: whether to add the diffs, each with the index of its item.
    """
    rows = [_or_failed(o, _row, _least_row(o)) for o in outcomes]
    diffs = [_or_failed(o, _indexed_diff, None) for o in outcomes] if diff else []
    counts = dict(sorted(collections.Counter(o.action for o in outcomes).items()))
    result: Result = {
        "changed": any(o.changed for o in outcomes),
        "data_sources": rows,
        "summary": counts,
        "pending_actions": [p for o in outcomes for p in o.pending],
        "plan_digest": run.digest,
        "tenant": run.tenant,
        "warnings": [w for o in outcomes for w in o.warnings],
        **_failure(outcomes, counts),
    }
    if diff:
        result["diff"] = [entry for entry in diffs if entry]
    released = [{"index": o.index, **o.released} for o in outcomes if o.released]
    if released:
        result["released"] = {"collector_credentials": released}
    return result


def _failure(outcomes: list[Outcome], counts: dict[str, int]) -> Result:
    """`failed`, and the message with each failed outcome; empty when there is none.

    counts: outcomes by action.
    """
    broken = [o for o in outcomes if o.action in BROKEN]
    if not broken:
        return {}
    errors = " ".join(f"[{o.index}] {_named_error(o)}" for o in broken)
    others = "; ".join(f"{n} {action}" for action, n in counts.items() if action not in BROKEN)
    could_not = f"{len(broken)} of {len(outcomes)} data sources could not be brought to the desired state."
    return {"failed": True, "msg": f"{could_not} {errors} The others: {others or 'none'}."}


def _or_failed(outcome: Outcome, part: t.Callable[[Outcome], t.Any], otherwise: t.Any) -> t.Any:
    """A part of the result. If it cannot be made, the outcome fails; the others are still reported."""
    try:
        return part(outcome)
    except Exception as exc:
        outcome.fail(Unexpected(exc, subject=label(outcome.item)))
        return otherwise


def _indexed_diff(outcome: Outcome) -> Result | None:
    entry = diff_of(outcome.plan, outcome.item)
    return {"index": outcome.index, **entry} if entry else None


def _least_row(outcome: Outcome) -> Result:
    item = outcome.item
    return {
        "index": outcome.index, "id": item.get("id"), "type": item.get("type"), "name": item.get("name"),
        "action": "failed", "identifier": item.get("identifier"), "hostname": get(item, "domain.hostname"),
        "changed": outcome.changed, "status": None, "selection_type": None, "repositories_count": None,
        "external_projects_count": None,
    }  # fmt: skip


def _row(outcome: Outcome) -> Result:
    source, item = outcome.data_source or outcome.plan.before or {}, outcome.item
    # Only list entries have a count; an instance that was read by id has the repositories themselves.
    selected = len(source["repositories"]) if source.get("repositories") is not None else None
    # A tenant that hides them has at least those of the item.
    removed = not source or item["state"] == "absent" or item.get("external_projects_mode") == "remove"
    mappings = source.get("external_projects", None if removed else item.get("external_projects"))
    row: Result = {
        "index": outcome.index,
        "id": source.get("id") or item.get("id"),
        "type": item.get("type") or source.get("type"),
        "name": item.get("name") or source.get("name"),
        "identifier": source.get("identifier") or item.get("identifier"),
        "hostname": get(item, "domain.hostname") or get(source, "domain.hostname"),
        "action": outcome.action,
        "changed": outcome.changed,
        "selection_type": source.get("selection_type"),
        "repositories_count": source.get("repositories_count", selected),
        "external_projects_count": None if mappings is None else len(mappings),
        "status": source.get("status"),
        **_optional(outcome),
    }
    if source.get("status_details"):
        row["status_details"] = source["status_details"]
    if outcome.error:
        row["error"] = outcome.error
    if outcome.pending:
        row["pending_actions"] = outcome.pending
    return row


def _optional(outcome: Outcome) -> Result:
    """The members that only some results have."""
    more: Result = {}
    if outcome.match.by:
        more["identified_by"] = outcome.match.by
    if outcome.plan.not_compared:
        more["not_compared"] = outcome.plan.not_compared
    if outcome.backup_file:
        more["backup_file"] = outcome.backup_file
    if outcome.plan.scope:
        more["scope"] = outcome.plan.scope.as_result()
    if outcome.plan.action in ("delete", "recreate"):
        more["destroys"] = destroys(outcome.plan)
    return more


def _named_error(outcome: Outcome) -> str:
    """The error, which begins with the item's name."""
    return str(outcome.error) if outcome.names_item else f"{label(outcome.item)}: {outcome.error}"


def plan_writer(path: str | None) -> t.Callable[[Run], None]:
    """A function that writes the plan of a run to a file as Markdown; without a path it does nothing.

    That function raises InputError when the file cannot be written.
    """

    def write(run: Run) -> None:
        if not path:
            return
        text = plan_as_markdown(run.tenant, run.digest, run.planned)
        try:
            refuse_other_file(path, PLAN_BEGINS)
            write_private(path, run.view.api.client.redactor.text(text))
        except OSError as exc:
            why = f"plan_file {path} cannot be written ({exc.strerror}). Nothing was changed."
            raise InputError(why) from None

    return write


def inventory(items: list[Item], tenant: str, *, config: bool) -> Result:
    """The result of the module data_source_info.

    items: the instances in the shape of the options, each with "complete".
    config: whether to return them also as input for data_sources and as a data file.
    """
    sources = [{**hide_secret_keys(i), "health": status_of(i.get("status")).health} for i in items]
    result: Result = {"changed": False, "data_sources": sources, "summary": summary(items)}
    if config:
        partial = [label(i) for i in items if not i["complete"] and i.get("selection_type") == MANUAL]
        why = "the tenant does not show all its repositories, so the config contains only some of them."
        result["warnings"] = [f"{name}: {why}" for name in partial]
        result["config"] = as_configs(items)
        result["data_file"] = as_data_file(tenant, result["config"])
    return result


def summary(items: list[Item]) -> Result:
    """The number of instances, in total and by group; a field that is not reported counts as "unknown"."""

    def by(value: t.Callable[[Item], t.Any]) -> dict[str, int]:
        return dict(sorted(collections.Counter(str(value(i) or "unknown") for i in items).items()))

    def of_type(attribute: str) -> dict[str, int]:
        return by(lambda i: getattr(known(i.get("type")), attribute, None))

    return {
        "total": len(items),
        "by_type": by(lambda i: str(i.get("type") or "").upper()),
        "by_type_category": of_type("type_category"),
        "by_category": of_type("category"),
        "by_stage": of_type("stage"),
        "by_status": by(lambda i: i.get("status")),
        "by_health": by(lambda i: status_of(i.get("status")).health),
    }
