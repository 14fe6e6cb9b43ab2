# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an item changes in an instance's selection, mappings and settings, and what is refused. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._admitted import Raw, unreadable_within
from .._errors import InputError, TenantError
from .._http.redaction import alike, holds_masked, is_masked
from .fields import COLLECTOR, MANUAL, MAPPING, SELECTION_TYPES, Item, collector_settings
from .instance import UNREADABLE_COUNT, Instance
from .scope import Scope, scope_of
from .types import VCS, known, repository_key

# Maximum number of names in the refusal of a deselection.
NAMED = 10


@dataclasses.dataclass(frozen=True)
class Selection:
    """What an item changes in an instance's selection.

    fields: the fields that it sets, in the shape of the options.
    warnings: for the user, one line each.
    scope: the result of the item's scope_rules.
    """

    fields: Item
    warnings: list[str] = dataclasses.field(default_factory=list)
    scope: Scope | None = None


@dataclasses.dataclass(frozen=True)
class Settings:
    """What an item changes in an instance's name and unique_properties.

    fields: the fields that it sets, in the shape of the options.
    put: the uniqueProperties of a PUT, changed or not; None for none.
    not_compared: given keys that cannot be compared, since the tenant never reports them.
    always: whether they are sent anyway.
    """

    fields: Item
    put: Raw | None = None
    not_compared: list[str] = dataclasses.field(default_factory=list)
    always: bool = False


def refused(current: Instance, why: str) -> InputError:
    return InputError(f": {why}", subject=current.label)


def plan_selection(item: Item, current: Instance) -> Selection:
    """What an item changes in the selection of an instance.

    Raises InputError when too much would be deselected or narrowed, or when repositories are listed without a
    manual selection; TenantError when the tenant does not report the whole selection.
    """
    before, selected = current.reported.get("selection_type"), current.reported.get("repositories")
    desired = item.get("selection_type", before)
    if current.full:
        _refuse_narrowing(item, current, before, desired)
    fields: Item = {} if desired is None else {"selection_type": desired}
    option = next((name for name in ("repositories", "scope_rules") if name in item), None)
    if option is None:
        return Selection(fields)
    if desired != MANUAL:
        raise refused(
            current,
            f"{option} needs selection_type {MANUAL}; it is {desired or 'not known'} and none was given. Add "
            f"selection_type: {MANUAL}.",
        )
    if selected is None:
        why = ": the tenant does not show which repositories are selected, so the list cannot be changed"
        raise TenantError(f"{why} without losing some.", subject=current.label)
    refuse_partial_read(item, current)
    mode, kind, scope = item["repositories_mode"], current.type or item.get("type"), None
    if option == "scope_rules":
        scope = scope_of(item["scope_rules"], item["scope_candidates"], selected, kind)
    key = repository_key(kind)
    given = unique(scope.included if scope else item["repositories"], key)
    after = _merged(selected, given, mode, key)
    removed = [name for name in unique(selected, str) if name not in set(after)]
    _refuse_deselection(item, current, "repositories", len(set(selected)), removed, after)
    if set(after) != set(selected):
        fields["repositories"] = after
        if current.count is not None:
            fields["repositories_count"] = len(after)
    warnings = _scope_warnings(scope, mode) if scope else _spelling_warnings(selected, given, key)
    return Selection(fields, [f"{current.label}: {warning}" for warning in warnings], scope)


def plan_first_selection(item: Item, current: Instance) -> Selection:
    """The scope that the creation of an unscoped instance would have set, whatever was selected since."""
    if item["repositories_mode"] == "remove":
        return plan_selection({**item, "max_deselect": -1}, current)
    selection = plan_selection({**item, "max_deselect": -1}, current.as_created())
    if selection.fields.get("selection_type") != MANUAL:
        return selection
    fields = {k: v for k, v in selection.fields.items() if k not in ("repositories", "repositories_count")}
    repositories = selection.fields.get("repositories", [])
    if set(repositories) != set(current.reported.get("repositories", [])):
        fields.update(repositories=repositories, repositories_count=len(repositories))
    return dataclasses.replace(selection, fields=fields)


def plan_first_external_projects(item: Item, current: Instance) -> Item:
    """Like plan_first_selection, for mappings. Visible ones were made by somebody: planned as usual."""
    untouched = current.begun is not None and current.begun.untouched
    if "external_projects" not in item or current.reported.get("external_projects") or not untouched:
        return plan_external_projects(item, current)
    mode = "remove" if item["external_projects_mode"] == "remove" else "exact"
    first = {**item, "external_projects_mode": mode, "external_projects_update": "always"}
    # An untouched instance has no hidden mappings either.
    return plan_external_projects(first, dataclasses.replace(current, applied=[]))


def _refuse_narrowing(item: Item, current: Instance, before: str | None, desired: str | None) -> None:
    """before, desired: the selection types; None when the tenant reports none, or the item gives none."""
    if desired is None or current.new or item["max_deselect"] == -1:
        return
    # Another word, or none, counts as the widest when it is current, and as the narrowest when desired.
    word = desired.strip().upper()
    from_width = SELECTION_TYPES.index(before) if before in SELECTION_TYPES else 0
    to_width = SELECTION_TYPES.index(word) if word in SELECTION_TYPES else len(SELECTION_TYPES)
    if desired == before or to_width <= from_width or _covers_nothing(current, before):
        return
    raise refused(
        current,
        f"changing selection_type from {before or 'what the tenant does not show'} to {desired} "
        f"{'would' if before in SELECTION_TYPES else 'may'} cover fewer repositories, at once or from now "
        "on. To allow this, set max_deselect in this item to -1.",
    )


def _covers_nothing(current: Instance, selection_type: str | None) -> bool:
    """Whether nothing can be lost, because no repository is selected, nor any future one: a new instance.

    A selection type that is not reported may cover future repositories, unless the type has none and the
    count is 0.
    """
    counts = (current.count, current.listed_count)
    kind = known(current.type)
    unseen = selection_type is None and 0 in counts and kind is not None and kind.category != VCS
    nothing = not current.reported.get("repositories") and not any(counts)
    return nothing and (selection_type == "CURRENT_STATE" or unseen)


def unique(names: t.Iterable[str], key: t.Callable[[str], str]) -> list[str]:
    """The first spelling of each, in order."""
    spelling: dict[str, str] = {}
    for name in names:
        spelling.setdefault(key(name), name)
    return list(spelling.values())


def _spelling_warnings(selected: list[str], given: list[str], key: t.Callable[[str], str]) -> t.Iterator[str]:
    spelling = {key(one): one for one in selected}
    other = [(one, spelling[key(one)]) for one in given if key(one) in spelling and one not in selected]
    if other:
        yield (
            f"{other[0][0]} is selected as {other[0][1]} ({len(other)} in all are spelled differently in the "
            "tenant). To its product that is the same repository; the tenant's spelling is kept."
        )


def _scope_warnings(scope: Scope, mode: str) -> t.Iterator[str]:
    counts = f"{scope.candidates} candidates and {scope.selected} selected repositories"
    if not scope.included:
        yield f"the scope_rules include none of {counts}."
    if mode == "merge" and scope.left_out:
        yield (
            f"{scope.left_out} of {scope.selected} selected repositories are not included by the scope_rules "
            "but stay selected, since repositories_mode is merge; exact would deselect them."
        )


def plan_external_projects(item: Item, current: Instance) -> Item:
    """The external_projects that the item sets; empty when they stay unchanged."""
    only_created = item.get("external_projects_update") == "on_create"
    if "external_projects" not in item or (only_created and not current.new):
        return {}
    before = current.reported.get("external_projects")
    if before is None:
        before = [] if current.new else _unseen_mappings(item, current)
    mode, given = item["external_projects_mode"], item["external_projects"]
    if mode == "remove":
        merged = [m for m in before if not any(all(m.get(k) == v for k, v in g.items()) for g in given)]
    else:
        merged = _merged(before, given, mode, _project_key)
        # For an existing and a given mapping of the same project, given values win, and others are kept.
        merged = [{**m, **next((g for g in given if _project_key(g) == _project_key(m)), {})} for m in merged]
    removed = [m for m in before if not any(_project_key(m) == _project_key(n) for n in merged)]
    names = [str(m.get("external_project_id") or m.get("external_id")) for m in removed]
    _refuse_deselection(item, current, "external_projects", len(before), names, merged)
    if len(merged) == len(before) and all(m in before for m in merged):
        return {}
    unsendable = next((m for m in merged if m not in before and not m.get("external_id")), None)
    if unsendable is not None:
        raise refused(
            current,
            f"the mapping of project {unsendable.get('external_project_id')} has no external_id, which the "
            "tenant requires: give it.",
        )
    return {"external_projects": merged}


def _unseen_mappings(item: Item, current: Instance) -> list[Item]:
    """For a tenant that hides them (docs/api.md: instance.hidden): those that an earlier run set, or none."""
    if current.applied is not None:
        return current.applied
    mode = item["external_projects_mode"]
    if mode != "exact":
        raise refused(
            current,
            f"the tenant does not show its external_projects, so mode {mode} could lose some. Use "
            "external_projects_mode: exact.",
        )
    if item["max_deselect"] != -1:
        raise refused(
            current,
            "the tenant does not show its external_projects, and no earlier run remembers them, so the list "
            "would replace mappings that are not visible. To allow this, set max_deselect in this item to "
            "-1; to leave them alone, external_projects_update to on_create.",
        )
    return []


def _project_key(mapping: dict[str, str]) -> tuple[str | None, ...]:
    project = mapping.get("external_project_id") or mapping.get("external_id")
    if project:
        return (project, mapping.get("external_branch_name"))
    # The tenant may have mappings without a project: each is a separate one.
    return ("", *(mapping.get(k) for k in MAPPING))


def _merged(
    current: list[t.Any], given: list[t.Any], mode: str, key: t.Callable[[t.Any], t.Any]
) -> list[t.Any]:
    """Kept entries in the tenant's spelling and order, then new ones in the given order."""
    current_keys, given_keys = {key(v) for v in current}, {key(v) for v in given}
    if mode == "remove":
        return [v for v in current if key(v) not in given_keys]
    stays = current if mode == "merge" else [v for v in current if key(v) in given_keys]
    return [*stays, *(v for v in given if key(v) not in current_keys)]


def _refuse_deselection(
    item: Item, current: Instance, what: str, count: int, removed: list[str], left: list[t.Any]
) -> None:
    """what: the option.
    count: the current number.
    removed: the names of removed entries.
    left: the kept ones.
    """
    limit = item["max_deselect"]
    if limit == -1 or not removed:
        return
    more = f", and {len(removed) - NAMED} more" if len(removed) > NAMED else ""
    names = ", ".join(removed[:NAMED]) + more
    if len(removed) > limit:
        raise refused(
            current,
            f"this would deselect {len(removed)} of {count} {what}, more than max_deselect ({limit}): "
            f"{names}. To allow this, set max_deselect in this item to {len(removed)}, or to -1 for no "
            "limit.",
        )
    if len(removed) == count and not left:
        allow = "To allow this, set max_deselect in this item to -1."
        raise refused(current, f"this would deselect all its {what}: {names}. {allow}")


def changed_settings(item: Item, current: Instance) -> Raw:
    """The given unique_properties that differ from the reported ones, with the new name of a collector.

    The name of other types exists only in the item; their identifier cannot be changed.
    """
    collector = current.type == COLLECTOR
    given = {k: v for k, v in item.get("unique_properties", {}).items() if k != "name" or collector}
    renamed = collector and "name" in item and item["name"] not in current.names
    if renamed:
        given["name"] = item["name"]
    reported = current.settings
    if reported is None:
        seen = collector_settings(current.raw)
        return {k: v for k, v in given.items() if (k == "name" and renamed) or (k in seen and v != seen[k])}
    # A placeholder is ignored for a missing key; for an existing key it means the tenant's value.
    return {k: v for k, v in given.items() if not (alike(reported[k], v) if k in reported else is_masked(v))}


def hidden_settings(item: Item, current: Instance) -> list[str]:
    """The keys of unique_properties that the item gives and the tenant never reports, sorted
    (docs/api.md: instance.hidden).
    """
    if current.settings is not None:
        return []
    seen = collector_settings(current.raw)
    return sorted(k for k in item.get("unique_properties", {}) if k not in seen and k != "name")


def sends_settings_anyway(item: Item, current: Instance) -> bool:
    """Whether keys that cannot be compared are sent with each run, because the item asks for that."""
    given = item.get("unique_properties", {})
    sent = any(not holds_masked(given[k]) for k in hidden_settings(item, current))
    return item.get("update_unique_properties") == "always" and sent


def plan_settings(item: Item, current: Instance) -> Settings:
    changes = changed_settings(item, current)
    if current.settings is not None:
        return _plan_seen_settings(item, current, changes, current.settings)
    hidden, always = hidden_settings(item, current), sends_settings_anyway(item, current)
    not_compared = [f"unique_properties.{k}" for k in hidden]
    if not (changes or always):
        return Settings({}, not_compared=not_compared)
    # All keys are replaced together, so those that a collector shows at its root are sent back.
    seen = collector_settings(current.raw)
    name = {"name": next(iter(current.names), None)} if current.type == COLLECTOR else {}
    given = {k: v for k, v in item.get("unique_properties", {}).items() if not holds_masked(v)}
    new_name = {"name": changes["name"]} if "name" in changes else {}
    differing = {k: v for k, v in changes.items() if k != "name"}
    fields = {**({"unique_properties": {**seen, **differing}} if differing else {}), **new_name}
    return Settings(fields, {**name, **seen, **given, **new_name}, not_compared=not_compared, always=always)


def _plan_seen_settings(item: Item, current: Instance, changes: Raw, reported: Raw) -> Settings:
    given = {k: v for k, v in item.get("unique_properties", {}).items() if k != "name"}
    new = {**reported, **{k: v for k, v in given.items() if not holds_masked(v)}, **changes}
    hidden = sorted(k for k, v in new.items() if holds_masked(v))
    if changes and hidden:
        raise refused(
            current,
            f"unique_properties.{min(changes)} should change, but all keys are replaced together, and of "
            f"{', '.join(hidden)} only a placeholder is known, so it would be lost. Give the real value too.",
        )
    fields: Item = {"unique_properties": new} if changes else {}
    if "name" in changes:
        fields["name"] = changes["name"]
    # With a hidden value among them they cannot be sent back; left out, they are kept or cleared, and the
    # read-back shows which.
    return Settings(fields, None if hidden else new)


def refuse_unreadable(current: Instance, *sent: t.Any) -> None:
    """Refuse to replace members whose content is unknown. sent: the values that would be sent back."""
    if current.unreadable or unreadable_within(list(sent)):
        members = " and ".join(current.unreadable) or "some text"
        raise TenantError(
            f": the tenant shows {members} in a form that cannot be read, and so cannot be sent back: "
            "nothing was changed. Look at it in the console; if it looks right there, please report the "
            "form.",
            subject=current.label,
        )


def refuse_partial_read(item: Item, current: Instance) -> None:
    """Refuse a change made from a list of selected repositories that may not be complete."""
    named = len(current.reported.get("repositories", []))
    count = current.listed_count if current.count is None else current.count
    if not current.partial or (named and item["max_deselect"] == -1):
        return
    if UNREADABLE_COUNT in (count, current.listed_count):
        why = (
            ": the tenant's number of selected repositories cannot be read, so it is not known whether the "
            f"{named} that it names are all. Nothing was sent"
        )
        allow = "; set max_deselect to -1 if they are." if named else "."
    else:
        why = (
            f": the tenant says {count} repositories are selected but names {named}. A change made from a "
            "partial list would deselect the others, so nothing was sent. Try again later"
        )
        allow = ", or set max_deselect to -1 if the list is known to be complete." if named else "."
    raise TenantError(f"{why}{allow}", subject=current.label)
