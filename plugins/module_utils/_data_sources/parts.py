# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, what an item makes of an instance's selection, mappings and settings, and what is refused. Pure.
from __future__ import annotations

import dataclasses
import typing as t

from .._admitted import unreadable_within
from .._errors import InputError, TenantError
from .._http.redaction import alike, holds_masked, is_masked
from .fields import COLLECTOR, MANUAL, MAPPING, Item, Raw, collector_settings
from .instance import UNREADABLE_COUNT, Instance
from .scope import Scope, resolve
from .types import VCS, known, repository_key

# How many names of what would be deselected a refusal tells.
NAMED = 10
# From the widest to the narrowest.
_WIDTH = ("CURRENT_STATE_AND_FUTURE", "CURRENT_STATE", MANUAL)


@dataclasses.dataclass(frozen=True)
class Selection:
    """What an item makes of an instance's selection.

    fields: those of the instance that it sets, option-shaped. scope: what the item's scope_rules came to.
    """

    fields: Item
    warnings: list[str] = dataclasses.field(default_factory=list)
    scope: Scope | None = None


@dataclasses.dataclass(frozen=True)
class Settings:
    """What an item makes of an instance's name and unique_properties.

    fields: those of the instance that it sets, option-shaped. put: the uniqueProperties that a PUT carries; None for none.
    not_compared: what is given and cannot be compared, since the tenant never shows it. always: whether that is sent all the same.
    """

    fields: Item
    put: Raw | None = None
    not_compared: list[str] = dataclasses.field(default_factory=list)
    always: bool = False


def refused(current: Instance, why: str) -> InputError:
    return InputError(f": {why}", subject=current.label)


def plan_selection(item: Item, current: Instance) -> Selection:
    held, kept = current.shown.get("selection_type"), current.shown.get("repositories")
    wanted = item.get("selection_type", held)
    if current.full:
        _refuse_narrowing(item, current, held, wanted)
    fields: Item = {} if wanted is None else {"selection_type": wanted}
    option = next((name for name in ("repositories", "scope_rules") if name in item), None)
    if option is None:
        return Selection(fields)
    if wanted != MANUAL:
        raise refused(
            current,
            f"{option} needs selection_type {MANUAL}; it is {wanted or 'not known'} and none was "
            f"given. Add selection_type: {MANUAL}.",
        )
    if kept is None:
        raise TenantError(
            ": the tenant does not show which repositories are selected, so the list cannot be changed without losing some.",
            subject=current.label,
        )
    refuse_partial_read(item, current)
    mode = item["repositories_mode"]
    kind = current.type or item.get("type")
    scope = resolve(item["scope_rules"], item["scope_candidates"], kept, kind) if option == "scope_rules" else None
    key = repository_key(kind)
    given = unique(scope.included if scope else item["repositories"], key)
    selected = _merged(kept, given, mode, key)
    going = [name for name in unique(kept, str) if name not in set(selected)]
    _refuse_deselection(item, current, "repositories", len(set(kept)), going, selected)
    if set(selected) != set(kept):
        fields["repositories"] = selected
        if current.count is not None:
            fields["repositories_count"] = len(selected)
    warnings = [*_scope_warnings(current.label, scope, mode)] if scope else [*_spelling_warnings(current.label, kept, given, key)]
    return Selection(fields, warnings, scope)


def plan_first_selection(item: Item, current: Instance) -> Selection:
    """For an instance whose creation is still without its scope: what that would have set, whatever the tenant selected by itself since."""
    if item["repositories_mode"] == "remove":
        return plan_selection({**item, "max_deselect": -1}, current)
    selection = plan_selection({**item, "max_deselect": -1}, current.as_created())
    if selection.fields.get("selection_type") == MANUAL:
        repositories = selection.fields.pop("repositories", [])
        selection.fields.pop("repositories_count", None)
        if set(repositories) != set(current.shown.get("repositories", [])):
            selection.fields.update(repositories=repositories, repositories_count=len(repositories))
    return selection


def plan_first_external_projects(item: Item, current: Instance) -> Item:
    """As plan_first_selection. Mappings that the tenant shows somebody made; of those that it hides there are none if nobody touched it."""
    if "external_projects" not in item or current.shown.get("external_projects") or not (current.begun and current.begun.untouched):
        return plan_external_projects(item, current)
    mode = "remove" if item["external_projects_mode"] == "remove" else "exact"
    first = {**item, "external_projects_mode": mode, "external_projects_update": "always"}
    return plan_external_projects(first, dataclasses.replace(current, applied=[]))


def _refuse_narrowing(item: Item, current: Instance, held: str | None, wanted: str | None) -> None:
    if wanted is None or "id" not in current.shown:
        return
    # A word that nobody knows, or none, may mean the widest where it is held, and the narrowest where it is wanted.
    from_width = _WIDTH.index(held) if held in _WIDTH else 0
    to_width = _WIDTH.index(wanted.strip().upper()) if wanted.strip().upper() in _WIDTH else len(_WIDTH)
    narrower = wanted != held and to_width > from_width
    # A selection of all that exists now, where nothing does, loses nothing: so begins a new instance. One that is not shown may be of
    # what is still to come, unless the type has none to show and the tenant counts nothing.
    counts = (current.count, current.listed_count)
    nothing = not current.shown.get("repositories") and not any(counts)
    kind = known(current.type)
    unseen = held is None and 0 in counts and kind is not None and kind.category != VCS
    empty = nothing and (held == "CURRENT_STATE" or unseen)
    if narrower and not empty and item["max_deselect"] != -1:
        raise refused(
            current,
            f"changing selection_type from {held or 'what the tenant does not show'} to {wanted} "
            f"{'narrows' if held in _WIDTH else 'may narrow'} what is covered, from now on or at once. To allow this, set "
            "max_deselect in this item to -1.",
        )


def unique(names: t.Iterable[str], key: t.Callable[[str], str]) -> list[str]:
    """The first spelling of each, in order."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(key(name), name)
    return list(found.values())


def _spelling_warnings(name: str, kept: list[str], given: list[str], key: t.Callable[[str], str]) -> t.Iterator[str]:
    held = {key(one): one for one in kept}
    other = [(one, held[key(one)]) for one in given if key(one) in held and one not in kept]
    if other:
        yield (
            f"{name}: {other[0][0]} is selected as {other[0][1]} ({len(other)} in all are written otherwise than in the tenant). "
            "To its product that is one repository; the tenant's spelling stays."
        )


def _scope_warnings(name: str, scope: Scope, mode: str) -> t.Iterator[str]:
    if not scope.included:
        yield f"{name}: the scope_rules include none of {scope.candidates} candidates and {scope.selected} selected repositories."
    if mode == "merge" and scope.left_out:
        yield (
            f"{name}: {scope.left_out} of {scope.selected} selected repositories are not included by the scope_rules and stay, since "
            "repositories_mode is merge; exact would deselect them."
        )


def plan_external_projects(item: Item, current: Instance) -> Item:
    """The external_projects that it sets of the instance; empty when they stay as they are."""
    new = "id" not in current.shown
    if "external_projects" not in item or (item.get("external_projects_update") == "on_create" and not new):
        return {}
    kept = current.shown.get("external_projects")
    if kept is None:
        kept = [] if new else _unseen_mappings(item, current)
    mode, given = item["external_projects_mode"], item["external_projects"]
    if mode == "remove":
        merged = [m for m in kept if not any(all(m.get(k) == v for k, v in g.items()) for g in given)]
    else:
        merged = _merged(kept, given, mode, _project_key)
        # A mapping that is there and one given for the same project: what is given wins, what it does not name stays.
        merged = [{**m, **next((g for g in given if _project_key(g) == _project_key(m)), {})} for m in merged]
    going = [m for m in kept if not any(_project_key(m) == _project_key(n) for n in merged)]
    names = [str(m.get("external_project_id") or m.get("external_id")) for m in going]
    _refuse_deselection(item, current, "external_projects", len(kept), names, merged)
    if len(merged) == len(kept) and all(m in kept for m in merged):
        return {}
    unsendable = next((m for m in merged if m not in kept and not m.get("external_id")), None)
    if unsendable is not None:
        raise refused(
            current,
            f"the mapping of project {unsendable.get('external_project_id')} has no external_id, which the tenant requires: give it.",
        )
    return {"external_projects": merged}


def _unseen_mappings(item: Item, current: Instance) -> list[Item]:
    """What is known of mappings that the tenant does not show (docs/api.md: instance.hidden): what an earlier run applied, or nothing."""
    if current.applied is not None:
        return current.applied
    mode = item["external_projects_mode"]
    if mode != "exact":
        raise refused(
            current,
            f"the tenant does not show its external_projects, so mode {mode} could lose some. Use external_projects_mode: exact.",
        )
    if item["max_deselect"] != -1:
        raise refused(
            current,
            "the tenant does not show its external_projects, and no earlier run remembers them, so the list would replace mappings "
            "that nobody sees. To allow this, set max_deselect in this item to -1; to leave them alone, external_projects_update to "
            "on_create.",
        )
    return []


def _project_key(mapping: dict[str, str]) -> tuple[str | None, ...]:
    project = mapping.get("external_project_id") or mapping.get("external_id")
    # The tenant may hold some without a project: each of those is its own.
    return (project, mapping.get("external_branch_name")) if project else ("", *(mapping.get(k) for k in MAPPING))


def _merged(kept: list[t.Any], given: list[t.Any], mode: str, key: t.Callable[[t.Any], t.Any]) -> list[t.Any]:
    """The tenant's spelling and order for what stays, then what is new in the order given."""
    in_kept, in_given = {key(v) for v in kept}, {key(v) for v in given}
    if mode == "remove":
        return [v for v in kept if key(v) not in in_given]
    stays = kept if mode == "merge" else [v for v in kept if key(v) in in_given]
    return [*stays, *(v for v in given if key(v) not in in_kept)]


def _refuse_deselection(item: Item, current: Instance, what: str, held: int, going: list[str], left: list[t.Any]) -> None:
    """going: the names of what would be deselected. left: what would stay."""
    limit, removed = item["max_deselect"], len(going)
    if limit == -1 or not removed:
        return
    names = ", ".join(going[:NAMED]) + (f", and {removed - NAMED} more" if removed > NAMED else "")
    if removed > limit:
        raise refused(
            current,
            f"this would deselect {removed} of {held} {what}, more than max_deselect ({limit}): {names}. "
            f"To allow this, set max_deselect in this item to {removed}, or to -1 for no limit.",
        )
    if removed == held and not left:
        raise refused(current, f"this would deselect all its {what}: {names}. To allow this, set max_deselect in this item to -1.")


def plan_settings(item: Item, current: Instance) -> Settings:
    given = dict(item.get("unique_properties", {}))
    if "id" not in current.shown:
        return Settings({})  # a new instance has them from its creation
    # Of other types a name is a word of ours; what tells them apart cannot be changed.
    renamed = current.type == COLLECTOR and "name" in item and item["name"] not in current.names
    if current.settings is None:
        return _plan_unseen_settings(item, current, given, renamed)
    if renamed:
        given["name"] = item["name"]
    elif "name" in given and current.type != COLLECTOR:
        given.pop("name")
    return _plan_seen_settings(current, given, current.settings)


def _plan_unseen_settings(item: Item, current: Instance, given: Raw, renamed: bool) -> Settings:
    """The tenant hides them, but for what a collector shows at its root (docs/api.md: instance.hidden)."""
    seen = collector_settings(current.raw)
    unseen = sorted(k for k in given if k not in seen and k != "name")
    differing = {k: v for k, v in given.items() if k in seen and v != seen[k]}
    always = item.get("update_unique_properties") == "always" and any(not holds_masked(given[k]) for k in unseen)
    not_compared = [f"unique_properties.{k}" for k in unseen]
    if not (renamed or differing or always):
        return Settings({}, not_compared=not_compared)
    known = {**({"name": next(iter(current.names), None)} if current.type == COLLECTOR else {}), **seen}
    put = {**known, **{k: v for k, v in given.items() if not holds_masked(v)}, **({"name": item["name"]} if renamed else {})}
    fields: Item = {"unique_properties": {**seen, **differing}} if differing else {}
    if renamed:
        fields["name"] = item["name"]
    return Settings(fields, put, not_compared=not_compared, always=always)


def _plan_seen_settings(current: Instance, given: Raw, held: Raw) -> Settings:
    # A placeholder for what is not there says nothing; for what is there it stands for the value the tenant has.
    differing = sorted(k for k, v in given.items() if not (is_masked(v) if k not in held else alike(held[k], v)))
    new = {**held, **{k: v for k, v in given.items() if not holds_masked(v)}}
    new.update({k: v for k, v in given.items() if k in differing})
    hidden = sorted(k for k, v in new.items() if holds_masked(v))
    if differing and hidden:
        raise refused(
            current,
            f"unique_properties.{differing[0]} should change, but all keys are replaced together, and of "
            f"{', '.join(hidden)} only a placeholder is known, so it would be lost. Give the real value too.",
        )
    fields: Item = {"unique_properties": new} if differing else {}
    if "name" in differing:
        fields["name"] = given["name"]
    # With a hidden value among them they cannot be sent back; left out, they stay or are cleared, and the read-back tells.
    return Settings(fields, None if hidden else new)


def refuse_unreadable(current: Instance, *sent: t.Any) -> None:
    """An update replaces these members: what is in them must be known. sent: what is made of the instance to be sent again."""
    if current.unreadable or unreadable_within(list(sent)):
        members = " and ".join(current.unreadable) or "some text"
        raise TenantError(
            f": the tenant shows {members} in a form that cannot be read, and so cannot be sent back: nothing was changed. Look at "
            "it in the console; if it is as it should be there, please report the form.",
            subject=current.label,
        )


def refuse_partial_read(item: Item, current: Instance) -> None:
    named = len(current.shown.get("repositories", []))
    count = current.listed_count if current.count is None else current.count
    if current.partial and (not named or item["max_deselect"] != -1):
        if UNREADABLE_COUNT in (count, current.listed_count):
            raise TenantError(
                ": it cannot be read how many repositories the tenant says are selected, so it cannot be told whether the "
                f"{named} that it names are all. Nothing was sent" + ("; set max_deselect to -1 if they are." if named else "."),
                subject=current.label,
            )
        raise TenantError(
            f": the tenant says {count} repositories are selected but names {named}. A "
            "change made from a partial list would deselect the others, so nothing was sent. Try again later"
            + (", or set max_deselect to -1 if the list is known to be whole." if named else "."),
            subject=current.label,
        )
