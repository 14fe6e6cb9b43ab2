# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, what a run returns, and what the tenant holds in numbers.
from __future__ import annotations

import collections
import typing as t

from .._errors import InputError, Unexpected
from .._files import write_private
from .._http.redaction import hide_secret_keys
from .apply import Outcome
from .data_file import as_configs, as_data_file
from .digest import destroys
from .fields import MANUAL, Item, get, label
from .run import Run
from .show import diff_of, plan_as_markdown
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
        **_more(outcome),
    }
    entry = diff_of(outcome.plan, outcome.item) if diff else None
    if entry:
        result["diff"] = entry
    if outcome.released:
        result["released"] = {"collector_credentials": outcome.released}
    if outcome.error:
        result.update({"failed": True, "msg": outcome.error})
        if outcome.api_error:
            result["api_error"] = outcome.api_error
    return result


def results_of(run: Run, outcomes: list[Outcome], *, diff: bool) -> Result:
    """The result of the module data_sources."""
    rows = [_told(o, _row, _least(o)) for o in outcomes]
    diffs = [(o.index, _told(o, lambda o: diff_of(o.plan, o.item), None)) for o in outcomes] if diff else []
    counts = dict(sorted(collections.Counter(o.action for o in outcomes).items()))
    result: Result = {
        "changed": any(o.changed for o in outcomes),
        "data_sources": rows,
        "summary": counts,
        "pending_actions": [p for o in outcomes for p in o.pending],
        "plan_digest": run.digest,
        "tenant": run.tenant,
        "warnings": [w for o in outcomes for w in o.warnings],
    }
    if diff:
        result["diff"] = [{"index": index, **entry} for index, entry in diffs if entry]
    released = [{"index": o.index, **o.released} for o in outcomes if o.released]
    if released:
        result["released"] = {"collector_credentials": released}
    broken = [o for o in outcomes if o.action in BROKEN]
    if broken:
        told = " ".join(f"[{o.index}] {_named(o)}" for o in broken)
        done = "; ".join(f"{n} {action}" for action, n in counts.items() if action not in BROKEN)
        result["failed"] = True
        result["msg"] = (
            f"{len(broken)} of {len(outcomes)} data sources could not be brought to their state. {told} The others: {done or 'none'}."
        )
    return result


def _told(outcome: Outcome, told: t.Callable[[Outcome], t.Any], otherwise: t.Any) -> t.Any:
    """What is told of an outcome; should that fail, the outcome is a failure: whatever else the run did is told all the same."""
    try:
        return told(outcome)
    except Exception as exc:
        outcome.fail(Unexpected(exc, subject=label(outcome.item)))
        return otherwise


def _least(outcome: Outcome) -> Result:
    item = outcome.item
    return {"index": outcome.index, "id": item.get("id"), "type": item.get("type"), "name": item.get("name"), "action": "failed",
            "identifier": item.get("identifier"), "hostname": get(item, "domain.hostname"), "changed": outcome.changed, "status": None,
            "selection_type": None, "repositories_count": None, "external_projects_count": None}  # fmt: skip


def _row(outcome: Outcome) -> Result:
    shown, item = outcome.data_source or outcome.plan.before or {}, outcome.item
    # Only items of the list have a count; an answer about one instance has the repositories themselves.
    selected = len(shown["repositories"]) if shown.get("repositories") is not None else None
    # A tenant that hides them holds at least those of the item.
    removed = not shown or item["state"] == "absent" or item.get("external_projects_mode") == "remove"
    mappings = shown.get("external_projects", None if removed else item.get("external_projects"))
    row: Result = {
        "index": outcome.index,
        "id": shown.get("id") or item.get("id"),
        "type": item.get("type") or shown.get("type"),
        "name": item.get("name") or shown.get("name"),
        "identifier": shown.get("identifier") or item.get("identifier"),
        "hostname": get(item, "domain.hostname") or get(shown, "domain.hostname"),
        "action": outcome.action,
        "changed": outcome.changed,
        "selection_type": shown.get("selection_type"),
        "repositories_count": shown.get("repositories_count", selected),
        "external_projects_count": None if mappings is None else len(mappings),
        "status": shown.get("status"),
        **_more(outcome),
    }
    if shown.get("status_details"):
        row["status_details"] = shown["status_details"]
    if outcome.error:
        row["error"] = outcome.error
    if outcome.pending:
        row["pending_actions"] = outcome.pending
    return row


def _more(outcome: Outcome) -> Result:
    """What only some results have."""
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


def _named(outcome: Outcome) -> str:
    """The error, with the item's name in front where it does not begin with one."""
    return str(outcome.error) if outcome.names_item else f"{label(outcome.item)}: {outcome.error}"


def plan_writer(path: str | None) -> t.Callable[[Run], None]:
    """Writes the plan of a run to a file as Markdown, before the first write; no path, no file. Raises InputError."""

    def write(run: Run) -> None:
        if not path:
            return
        try:
            write_private(path, run.view.api.client.redactor.text(plan_as_markdown(run.tenant, run.digest, run.planned)))
        except OSError as exc:
            raise InputError(f"plan_file {path} cannot be written ({exc.strerror}). Nothing was changed.") from None

    return write


def listing(items: list[Item], tenant: str, *, config: bool) -> Result:
    """The result of the module data_source_info. config: also as input for data_sources and as a data file."""
    shown = [{**hide_secret_keys(i), "health": status_of(i.get("status")).health} for i in items]
    result: Result = {"changed": False, "data_sources": shown, "summary": summary(items)}
    if config:
        partial = [label(i) for i in items if not i["complete"] and i.get("selection_type") == MANUAL]
        result["warnings"] = [f"{name}: the tenant does not show all its repositories, so the config holds only some." for name in partial]
        # Made from what is hidden already: what a data file holds is meant to be committed.
        result["config"] = as_configs(items)
        result["data_file"] = as_data_file(tenant, result["config"])
    return result


def summary(items: list[Item]) -> Result:
    """How many instances there are, in all and by each way to group them; a field that is not shown counts as "unknown"."""

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
