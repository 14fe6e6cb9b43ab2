# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, what is wanted, what is there, what has to happen. Pure: no I/O.
from __future__ import annotations

import dataclasses
import typing as t

from .._errors import InputError
from .._http.redaction import alike, holds_masked, is_masked
from .fields import (
    FIELDS,
    IMMUTABLE,
    MANUAL,
    MAPPING,
    SHOWN,
    WRITE_ONLY,
    Item,
    Raw,
    from_api,
    get,
    hostname_key,
    label,
    mappings_to_api,
    name_of,
    names_of,
    to_create,
)
from .scope import Scope, resolve
from .status import status_of
from .types import known

# From the widest to the narrowest.
_WIDTH = ("CURRENT_STATE_AND_FUTURE", "CURRENT_STATE", MANUAL)


@dataclasses.dataclass
class Plan:
    """What has to happen for one item.

    action: "create", "update", "recreate", "delete" or "none". post, put: request bodies. before, after: the instance option-shaped
    (None: not there); after is a prediction and holds no write-only field. warnings: for the user. pending: what a person has to do.
    item: of a recreation, the item together with what is carried over. scope: what the item's scope_rules came to.
    """

    action: str
    post: Raw = dataclasses.field(default_factory=dict)
    put: Raw = dataclasses.field(default_factory=dict)
    before: Item | None = None
    after: Item | None = None
    warnings: list[str] = dataclasses.field(default_factory=list)
    pending: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    item: Item | None = None
    scope: Scope | None = None

    @property
    def changed(self) -> bool:
        return self.action != "none"

    @property
    def id(self) -> str:
        """The existing instance's id."""
        return str((self.before or self.after or {})["id"])


def plan_create(item: Item) -> Plan:
    """A new instance and, after it, its scope: creation itself cannot carry one (contract 3.3)."""
    kind = known(item.get("type"))
    if "type" not in item:
        raise InputError(f"{label(item)} does not exist, and an id never creates. Take the id out, or correct it.")
    if kind and kind.created_by:
        raise InputError(f"{label(item)} does not exist, and this type cannot be created through the API: it appears by {kind.created_by}.")
    if item["type"] == "COLLECTOR" and not (item.get("credentials_file") or item.get("return_credentials")):
        raise InputError(
            f"{label(item)} would be created, and the tenant shows a collector's token only once: give credentials_file "
            "(or return_credentials) so that it is not lost."
        )
    post = to_create(item)
    masked = list(_masked_paths(post))
    if masked:
        raise InputError(
            f"{label(item)} would be created, but {masked[0]} holds a placeholder ({len(masked)} in all) instead of the value: fill it in."
        )
    start: Raw = {"id": None, **{k: v for k, v in post.items() if k not in WRITE_ONLY}}
    plan = Plan("create", post=post, after={**from_api(start), "id": None}, pending=pending_actions(item, None))
    if any(name in item for name in ("selection_type", "repositories", "scope_rules", "external_projects")):
        update = plan_update({k: v for k, v in item.items() if k != "unique_properties"}, {**start, "state": []})
        plan.put, plan.warnings, plan.after, plan.scope = update.put, update.warnings, {**(update.after or {}), "id": None}, update.scope
    return plan


def plan_recreate(item: Item, current: Raw) -> Plan:
    """Delete and create again, because an immutable field differs; scope, mappings and settings are carried over.

    Raises InputError when the new one could not be made without a person or without credentials, and for all that an update would refuse.
    """
    shown = from_api(current)
    # Sent as the table spells it, however the tenant does.
    name, wanted_type = label(shown), str(item.get("type") or current.get("type")).upper()
    kind = known(wanted_type)
    if kind is None or kind.created_by or kind.consent:
        raise InputError(f"{name}: recreate is refused: this type cannot be made again without a person. Nothing was changed.")
    missing = [option for option in kind.takes if option.startswith("credentials.") and not get(item, option)]
    if missing:
        raise InputError(
            f"{name}: recreate needs {', '.join(missing)}, since the tenant does not give back the old ones. Nothing was changed."
        )
    if not isinstance(current.get("uniqueProperties"), dict) and "unique_properties" not in item:
        raise InputError(f"{name}: recreate would lose the unique_properties, which the tenant hides. Give them. Nothing was changed.")
    # What an update would make of it, with an update's guards; then the same again on new ground.
    _refuse_partial_read(item, current)
    settings = {**item.get("unique_properties", {})}
    shown_settings = current["uniqueProperties"] if isinstance(current.get("uniqueProperties"), dict) else {}
    lost = sorted(k for k, v in {**shown_settings, **settings}.items() if holds_masked(v))
    if lost:
        raise InputError(
            f"{name}: recreate would lose unique_properties.{lost[0]}: only a placeholder is known. Give it. Nothing was changed."
        )
    mutable = {k: v for k, v in item.items() if k not in ("id", "type", "domain", "transporter", "recreate")}
    update = plan_update(mutable, {**current, "uniqueProperties": {**shown_settings, **settings}})
    after = update.after or {}
    # The rules have done their work in the update: the new one gets the list that came of it.
    again: Item = {**{k: v for k, v in item.items() if k not in ("id", "scope_rules", "scope_candidates")}, "type": wanted_type}
    for option in ("domain", "transporter"):
        if option in shown or option in item:
            again[option] = {**shown.get(option, {}), **item.get(option, {})}
    for option in ("name", "unique_properties", "selection_type"):
        if option in after:
            again[option] = after[option]
    if after.get("selection_type") == MANUAL:
        again.update(repositories=after.get("repositories", []), repositories_mode="exact")
    if after.get("external_projects"):
        again.update(external_projects=after["external_projects"], external_projects_mode="exact")
    return dataclasses.replace(plan_create(again), action="recreate", before=shown, item=again, scope=update.scope)


def plan_delete(current: Raw) -> Plan:
    return Plan("delete", before=from_api(current), after=None)


def pending_actions(item: Item, instance_id: str | None) -> list[dict[str, t.Any]]:
    """What a person still has to do for a new instance."""
    kind = known(item.get("type"))
    return [{"id": instance_id, "type": item["type"], "name": item.get("name"), "step": kind.person}] if kind and kind.person else []


def awaits_consent(shown: Item) -> bool:
    """Whether the tenant says that nobody has agreed to the connection yet."""
    kind = known(shown.get("type"))
    return bool(kind and kind.consent and status_of(shown.get("status")).waits)


def plan_update(item: Item, current: Raw) -> Plan:
    """Bring an existing instance (read by id, never from the list) to what the item says. Fields not given stay.

    Raises InputError for what cannot or must not be done: an immutable field that differs, too many deselections, a partial read.
    """
    before = from_api(current)
    difference = _immutable_difference(item, before)
    if difference:
        if item.get("recreate") == "when_immutable_differs":
            return plan_recreate(item, current)
        option, held, wanted = difference
        raise InputError(
            f"{label(before)}: {option} is {held} and cannot be changed to {wanted}, the API has no way. Deleting it and creating it again "
            "would destroy its findings, mappings and webhooks; recreate: when_immutable_differs does that."
        )
    after = dict(before)
    warnings: list[str] = []
    put: Raw = {}

    scope = _plan_selection(item, current, after, warnings)
    _plan_external_projects(item, current, after)
    unique = _plan_unique_properties(item, current, after, warnings)

    if after == before:
        return Plan("none", before=before, after=after, warnings=warnings, scope=scope)
    if awaits_consent(before):
        warnings.append(f"{label(before)} still waits for a person's consent; its scope is set by a run after that.")
        return Plan("none", before=before, after=before, warnings=warnings, pending=pending_actions(before, before["id"]), scope=scope)
    _refuse_partial_read(item, current)
    # PUT replaces, and nothing public says what becomes of a field that is left out: send back all that is known.
    for field in FIELDS:
        if field.at == ("update",) and field.option in after:
            value = after[field.option]
            put[field.api] = mappings_to_api(value) if field.type == "mappings" else value
    if unique is not None:
        put["uniqueProperties"] = unique
    if "repositories" in after and after["repositories"] != before.get("repositories"):
        after["repositories_count"] = len(after["repositories"])
    return Plan("update", put=put, before=before, after=after, warnings=warnings, scope=scope)


def _immutable_difference(item: Item, shown: Item) -> tuple[str, str, str] | None:
    """(option, held, wanted) of the first field that differs and cannot be updated; a field that is not shown is unknown, not different."""
    for option in IMMUTABLE:
        wanted, held = get(item, option), get(shown, option)
        if wanted is None or held is None:
            continue
        same = hostname_key(wanted) == hostname_key(held) if option == "domain.hostname" else str(wanted).upper() == str(held).upper()
        if not same:
            return option, str(held), str(wanted)
    return None


def _plan_selection(item: Item, current: Raw, after: Item, warnings: list[str]) -> Scope | None:
    """Set the selection in C(after). Returns what the scope_rules came to, if there are any."""
    held = after.get("selection_type")
    wanted = item.get("selection_type", held)
    narrower = held in _WIDTH and wanted in _WIDTH and _WIDTH.index(wanted) > _WIDTH.index(held)
    # A selection of all that exists now, where nothing does, loses nothing: so begins a new instance.
    empty = held == "CURRENT_STATE" and not after.get("repositories") and not current.get("repositoriesCount")
    if narrower and not empty and item["max_deselect"] != -1:
        raise InputError(
            f"{label(after)}: changing selection_type from {held} to {wanted} narrows what is covered, from now on or "
            "at once. Set max_deselect to -1 if that is meant."
        )
    if wanted is not None:
        after["selection_type"] = wanted
    option = next((name for name in ("repositories", "scope_rules") if name in item), None)
    if option is None:
        return None
    if wanted != MANUAL:
        raise InputError(
            f"{label(after)}: {option} needs selection_type {MANUAL}; it is {wanted or 'not known'} and none was "
            f"given. Add selection_type: {MANUAL}."
        )
    if "repositories" not in after:
        raise InputError(
            f"{label(after)}: the tenant does not show which repositories are selected, so the list cannot be changed without losing some."
        )
    _refuse_partial_read(item, current)
    kept, mode = after["repositories"], item["repositories_mode"]
    scope = resolve(item["scope_rules"], item["scope_candidates"], kept) if option == "scope_rules" else None
    given = scope.included if scope else list(dict.fromkeys(item["repositories"]))
    after["repositories"] = _merged(kept, given, mode, str)
    _refuse_deselection(item, after, "repositories", len(set(kept)), len(set(kept) - set(after["repositories"])))
    if set(after["repositories"]) == set(kept):
        after["repositories"] = kept
    if scope:
        warnings += _scope_warnings(label(after), scope, mode)
    return scope


def _scope_warnings(name: str, scope: Scope, mode: str) -> t.Iterator[str]:
    if not scope.included:
        yield f"{name}: the scope_rules include none of {scope.candidates} candidates and {scope.selected} selected repositories."
    if mode == "merge" and scope.left_out:
        yield (
            f"{name}: {scope.left_out} of {scope.selected} selected repositories are not included by the scope_rules and stay, since "
            "repositories_mode is merge; exact would deselect them."
        )


def _plan_external_projects(item: Item, current: Raw, after: Item) -> None:
    if "external_projects" not in item:
        return
    mode = item["external_projects_mode"]
    kept = after.get("external_projects")
    if kept is None:
        if current.get("id") is not None and mode != "exact":
            raise InputError(
                f"{label(after)}: the tenant does not show its external_projects, so mode {mode} could lose some. Use "
                "external_projects_mode: exact."
            )
        kept = []
    given = item["external_projects"]
    if mode == "remove":
        merged = [m for m in kept if not any(all(m.get(k) == v for k, v in g.items()) for g in given)]
    else:
        merged = _merged(kept, given, mode, _project_key)
        # A mapping that is there and one given for the same project: what is given wins, what it does not name stays.
        merged = [{**m, **next((g for g in given if _project_key(g) == _project_key(m)), {})} for m in merged]
    removed = sum(1 for m in kept if not any(_project_key(m) == _project_key(n) for n in merged))
    if len(merged) != len(kept) or any(m not in kept for m in merged):
        after["external_projects"] = merged
    _refuse_deselection(item, after, "external_projects", len(kept), removed)


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


def _refuse_deselection(item: Item, after: Item, what: str, held: int, removed: int) -> None:
    limit = item["max_deselect"]
    if limit == -1 or not removed:
        return
    if removed > limit:
        raise InputError(
            f"{label(after)}: this would deselect {removed} of {held} {what}, more than max_deselect ({limit}). "
            f"If that is meant, set max_deselect to {removed}, or to -1 for no limit."
        )
    if removed == held and not after.get(what):
        raise InputError(f"{label(after)}: this would deselect the last of its {held} {what}. If that is meant, set max_deselect to -1.")


def _plan_unique_properties(item: Item, current: Raw, after: Item, warnings: list[str]) -> Raw | None:
    """What C(uniqueProperties) the PUT carries, or None for none. Sets C(after) where a given key differs."""
    given, held, shown_name = dict(item.get("unique_properties", {})), current.get("uniqueProperties"), name_of(current)
    renamed = "name" in item and item["name"] not in names_of(current)
    if not isinstance(held, dict):
        if renamed and shown_name is not None:
            raise InputError(f"{label(after)}: it cannot be renamed: the tenant hides the unique_properties that a new name replaces.")
        if (given or renamed) and current.get("id") is not None:
            warnings.append(
                f"{label(after)}: the tenant does not show {'unique_properties' if given else 'its name'}: not compared, not sent."
            )
        return None
    if renamed:
        given["name"] = item["name"]
    # A placeholder for what is not there says nothing; for what is there it stands for the value the tenant has.
    differing = sorted(k for k, v in given.items() if not (is_masked(v) if k not in held else alike(held[k], v)))
    new = {**held, **{k: v for k, v in given.items() if not holds_masked(v)}}
    new.update({k: v for k, v in given.items() if k in differing})
    hidden = sorted(k for k, v in new.items() if holds_masked(v))
    if differing:
        if hidden:
            raise InputError(
                f"{label(after)}: unique_properties.{differing[0]} should change, but all keys are replaced together, and of "
                f"{', '.join(hidden)} only a placeholder is known, so it would be lost. Give the real value too."
            )
        after["unique_properties"] = new
        if "name" in differing:
            after["name"] = given["name"]
    # With a hidden value among them they cannot be sent back; left out, they stay or are cleared, and the read-back tells.
    return None if hidden else new


def _refuse_partial_read(item: Item, current: Raw) -> None:
    state, count = current.get("state"), current.get("repositoriesCount")
    if not isinstance(count, int) or (isinstance(state, list) and len(state) >= count) or (state is None and not count):
        return
    state = state if isinstance(state, list) else []
    if not state or item["max_deselect"] != -1:
        raise InputError(
            f"{label(from_api(current))}: the tenant says {count} repositories are selected but names {len(state)}. A "
            "change made from a partial "
            "list would deselect the others, so nothing was sent. Try again later"
            + (", or set max_deselect to -1 if the list is known to be whole." if state else ".")
        )


def _masked_paths(tree: t.Any, path: str = "") -> t.Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _masked_paths(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _masked_paths(value, f"{path}[{index}]")
    elif is_masked(tree):
        yield path


def unexpected(plan: Plan, shown: Raw) -> list[str]:
    """After a write: how what the tenant holds differs from the plan. Fields that change by themselves are left out."""
    found, planned, differences = from_api(shown), plan.after or {}, []
    for option in SHOWN:
        wanted, holds = planned.get(option), found.get(option)
        if wanted is None or (option == "repositories" and planned.get("selection_type") != MANUAL):
            continue
        if holds is None:
            # Never shown is unknown; shown before and not any more is gone.
            if wanted and (plan.before or {}).get(option):
                differences.append(f"{option} is not there any more")
            continue
        if option in ("repositories", "external_projects"):
            wanted, holds = _as_set(wanted), _as_set(holds)
        elif option == "unique_properties":
            holds = wanted if all(k in holds and alike(v, holds[k]) for k, v in wanted.items()) else None
        elif option == "domain":
            wanted, holds = (hostname_key(v.get("hostname", "")) for v in (wanted, holds))
        elif option == "type":
            wanted, holds = wanted.upper(), holds.upper()
        if wanted != holds:
            managed = plan.before is None or plan.before.get(option) != planned.get(option)
            differences.append(f"{option} {'is not as sent' if managed else 'changed although it was not to'}")
    return differences


def _as_set(values: list[t.Any]) -> set[t.Any]:
    return {v if isinstance(v, str) else tuple(v.get(k) for k in MAPPING) for v in values}
