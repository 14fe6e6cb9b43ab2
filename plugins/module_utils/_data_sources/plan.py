# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, what is wanted, what is there, what has to happen. Pure: no I/O.
from __future__ import annotations

import dataclasses
import json
import typing as t

from .._addresses import host_key
from .._errors import InputError, TenantError
from .._http.redaction import alike, holds_masked, is_masked
from .check import check_missing
from .fields import (
    COLLECTOR,
    FIELDS,
    IMMUTABLE,
    MANUAL,
    MAPPING,
    SHOWN,
    WRITE_ONLY,
    Item,
    Raw,
    collector_settings,
    empty_secrets,
    from_api,
    get,
    label,
    mappings_to_api,
    to_create,
)
from .instance import Instance
from .match import denied
from .parts import (
    plan_external_projects,
    plan_first_external_projects,
    plan_first_selection,
    plan_selection,
    plan_settings,
    refuse_partial_read,
    refuse_unreadable,
    refused,
)
from .scope import Scope
from .status import status_of
from .types import VCS, known, repository_key


@dataclasses.dataclass
class Plan:
    """What has to happen for one item.

    action: "create", "update", "recreate", "delete" or "none"; "pending" when only a person can connect it; "read" when an entry of the
    list is not enough to tell: plan again from the full instance. post, put: request bodies. before, after: the instance option-shaped
    (None: not there); after is a prediction and holds no write-only field. warnings: for the user. pending: what a person has to do.
    item: of a recreation, the item together with what is carried over. scope: what the item's scope_rules came to. not_compared: options
    that were given and that the tenant never shows.
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
    not_compared: list[str] = dataclasses.field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.action not in ("none", "read", "pending")

    @property
    def id(self) -> str:
        """The existing instance's id."""
        return str((self.before or self.after or {})["id"])


def plan_item(item: Item, current: Instance | None, creatable: t.Callable[[str], bool | None] = lambda _type: None) -> Plan:
    """What has to happen, given the instance that was found (None: there is none).

    creatable: whether the tenant creates instances of a type; None when that is not known.
    """
    if current is None:
        check_missing(item)
        if item["state"] == "absent":
            return Plan("none")
        if "type" in item and creatable(item["type"]) is False:
            if item.get("uncreatable") == "fail":
                raise TenantError(" does not exist, and this tenant's API does not create this type.", subject=label(item))
            return plan_pending(item)
        return plan_create(item, may=creatable(item.get("type", "")))
    if item["state"] == "absent":
        different = denied(item, current)
        if different:
            raise InputError(
                f" has another {' and '.join(different)} than the item gives: not deleted. Correct the id.",
                subject=current.label,
            )
        return plan_delete(current)
    _refuse_another_identifier(item, current)
    if item["state"] == "created":
        return Plan("none", before=current.shown, after=current.shown)
    return plan_update(item, current, creatable)


def _refuse_another_identifier(item: Item, current: Instance) -> None:
    """An id and an identifier that mean two instances: one of them is a mistake, and which one cannot be told."""
    if "id" not in item or "identifier" not in item or current.identifier is None:
        return
    # A collector that was renamed already has the new name.
    expected = {item["identifier"], *([item.get("name")] if current.type == COLLECTOR else [])}
    if current.identifier not in expected:
        given = json.dumps(item["identifier"], ensure_ascii=False)
        raise refused(
            current,
            f"the item gives its id, but another identifier ({given}), so that one of the two is wrong: correct it, or leave "
            "the identifier out. Nothing was changed.",
        )


def plan_pending(item: Item) -> Plan:
    """A data source that only a person can connect: nothing is done, and what to do is told until it is there."""
    kind = known(item["type"])
    how = f"it appears by {kind.created_by}" if kind and kind.created_by else "connect it in the Cortex console: Data Sources"
    step = f"the tenant's API does not create this type; {how}. The next run scopes it"
    if not get(item, "domain.hostname") and "identifier" not in item:
        step += "; give the item its identifier then"
    name = item.get("name", item.get("identifier"))
    return Plan("pending", pending=[{"id": None, "type": item["type"], "name": name, "step": step}])


def plan_create(item: Item, given: Item | None = None, *, may: bool | None = None) -> Plan:
    """A new instance and, after it, its scope: the request that creates one cannot carry it.

    given: what the user gave of the item, where the rest of it is carried over. may: whether the tenant creates its type, if known.
    """
    kind = known(item.get("type"))
    if "type" not in item:
        raise InputError(
            " does not exist, and an id never creates. Take the id out, or correct it.",
            subject=label(item),
        )
    if kind and kind.created_by:
        if item.get("uncreatable") != "fail":
            return plan_pending(item)
        raise InputError(
            f" does not exist, and this type cannot be created through the API: it appears by {kind.created_by}.",
            subject=label(item),
        )
    if item["type"] == "COLLECTOR" and not (item.get("credentials_file") or item.get("return_credentials")):
        raise InputError(
            " would be created, and the tenant shows a collector's token only once: give credentials_file "
            "(or return_credentials) so that it is not lost.",
            subject=label(item),
        )
    post = to_create(item)
    masked = list(_masked_paths(post))
    if masked:
        raise InputError(
            f" would be created, but {masked[0]} holds a placeholder ({len(masked)} in all) instead of the value: fill it in.",
            subject=label(item),
        )
    empty = empty_secrets(given or item, kind.takes if kind else ())
    if empty:
        raise InputError(
            f" would be created, but {empty[0]} is empty ({len(empty)} in all), perhaps from a variable that is not set, and cannot be set "
            "later: give the value, or leave it out.",
            subject=label(item),
        )
    start: Raw = {"id": None, **{k: v for k, v in post.items() if k not in WRITE_ONLY}}
    pending = pending_actions(item, None)
    if kind and item["type"] != COLLECTOR and may is None:
        # The published schema creates collectors alone, the guide every type: the first creation tells (docs/api.md: create.types).
        step = "may have to be connected in the Cortex console, should the tenant's API not create this type"
        pending.append({"id": None, "type": item["type"], "name": item.get("name") or item.get("identifier"), "step": step})
    plan = Plan("create", post=post, after={**from_api(start), "id": None}, pending=pending)
    if left_to_tenant(item):
        plan.warnings.append(
            f"{label(item)}: no scope is given, so the tenant chooses what it scans of the new instance, perhaps everything. "
            "Give selection_type (in an entry of a role: scope)."
        )
    if any(name in item for name in ("selection_type", "repositories", "scope_rules", "external_projects")):
        # It begins with nothing selected.
        begins = Instance({**start, "state": []}, full=True)
        update = plan_update({k: v for k, v in item.items() if k != "unique_properties"}, begins)
        plan.warnings += update.warnings
        plan.put, plan.after, plan.scope = update.put, {**(update.after or {}), "id": None}, update.scope
    return plan


def left_to_tenant(item: Item) -> bool:
    """Whether a new instance for the item would have repositories to select, and the item says nothing of them."""
    kind = known(item.get("type"))
    given = any(option in item for option in ("selection_type", "repositories", "scope_rules"))
    return kind is not None and kind.category == VCS and not given


def plan_recreate(item: Item, current: Instance, may: bool | None = None) -> Plan:
    """Delete and create again, because an immutable field differs; scope, mappings and settings are carried over.

    Raises InputError when the new one could not be made without a person or without credentials, and for all that an update would refuse.
    """
    kind = known(item.get("type") or current.type)
    if kind is None or kind.created_by or kind.consent:
        raise refused(
            current,
            "recreate is refused: this type cannot be made again without a person. Nothing was changed.",
        )
    if current.type != COLLECTOR and (may is False or (current.published and not may)):
        raise refused(
            current,
            "recreate is refused: it is not known whether this tenant's API can create this type again. Connect another one in the "
            "console, then delete this one (state: absent). Nothing was changed.",
        )
    missing = [option for option in kind.takes if option.startswith("credentials.") and not get(item, option)]
    if missing:
        raise refused(
            current,
            f"recreate needs {', '.join(missing)}, since the tenant does not give back the old ones. Nothing was changed.",
        )
    if current.settings is None and "unique_properties" not in item and current.type != COLLECTOR:
        raise refused(
            current,
            "recreate would lose the unique_properties, which the tenant hides. Give them. Nothing was changed.",
        )
    refuse_partial_read(item, current)
    selection = plan_selection(item, current)
    kept = carried_over(item, current, {**selection.fields, **plan_external_projects(item, current)})
    refuse_unreadable(current, kept)
    lost = sorted(k for k, v in kept["unique_properties"].items() if holds_masked(v))
    if lost:
        raise refused(
            current,
            f"recreate would lose unique_properties.{lost[0]}: only a placeholder is known. Give it. Nothing was changed.",
        )
    plan = plan_create(kept, item, may=may)
    warnings = [*selection.warnings, *plan.warnings]
    return dataclasses.replace(plan, action="recreate", before=current.shown, item=kept, scope=selection.scope, warnings=warnings)


def carried_over(item: Item, current: Instance, planned: Item) -> Item:
    """The item for a new instance in the place of this one: what is given, and what the old one holds of all else.

    planned: what an update would set of selection and mappings. The rules have done their work in it: the new one gets the lists.
    """
    shown = current.shown
    kept: Item = {k: v for k, v in item.items() if k not in ("id", "scope_rules", "scope_candidates")}
    # Sent as the table spells it, however the tenant does.
    kept["type"] = str(item.get("type") or current.type).upper()
    for option in ("domain", "transporter"):
        if option in shown or option in item:
            kept[option] = {**shown.get(option, {}), **item.get(option, {})}
    kept["unique_properties"] = {**(current.settings or collector_settings(current.raw)), **item.get("unique_properties", {})}
    after = {**shown, **planned}
    kept.update({option: after[option] for option in ("name", "selection_type") if option in after and option not in kept})
    if after.get("selection_type") == MANUAL:
        kept.update(repositories=after.get("repositories", []), repositories_mode="exact")
    if after.get("external_projects"):
        kept.update(external_projects=after["external_projects"], external_projects_mode="exact")
    return kept


def plan_delete(current: Instance) -> Plan:
    return Plan("delete", before=current.shown, after=None)


def pending_actions(item: Item, instance_id: str | None, *, scope_waits: bool = False) -> list[dict[str, t.Any]]:
    """What a person still has to do for a new instance. scope_waits: the tenant takes its scope only after that."""
    kind = known(item.get("type"))
    if not kind or not kind.person:
        return []
    step = kind.person + ("; its scope waits for that and is set by the next run" if scope_waits else "")
    return [{"id": instance_id, "type": item["type"], "name": item.get("name"), "step": step}]


def still_pending(item: Item, plan: Plan) -> list[dict[str, t.Any]]:
    """What a person still has to do for an instance that is there, as long as its status says that it waits."""
    waits = plan.action in ("none", "update") and plan.before and status_of(plan.before.get("status")).waits
    return pending_actions(plan.before, plan.before["id"]) if waits and plan.before and not item.get("ignore") else []


def awaits_consent(shown: Item) -> bool:
    """Whether the tenant says that nobody has agreed to the connection yet."""
    kind = known(shown.get("type"))
    return bool(kind and kind.consent and status_of(shown.get("status")).waits)


def needs_full(item: Item, current: Instance) -> bool:
    """Whether an entry of the list does not show enough of an instance to compare the item with it."""
    if current.full:
        return False
    mapped = "external_projects" in item and item.get("external_projects_update") != "on_create"
    if mapped or "repositories" in item or "scope_rules" in item:
        return True
    settings = () if current.published else ("unique_properties",)
    return any(
        get(item, option) is not None and get(current.shown, option) is None
        # By the type and the host it was told apart, so that those are known.
        for option in ("selection_type", *settings, *IMMUTABLE)
    )


def plan_update(item: Item, current: Instance, creatable: t.Callable[[str], bool | None] = lambda _type: None) -> Plan:
    """Bring an existing instance to what the item says. Fields not given stay. From an entry of the list nothing is planned but "none" or
    "read".

    Raises InputError for what cannot or must not be done: an immutable field that differs, too many deselections; TenantError for a
    partial read.
    """
    before = current.shown
    if needs_full(item, current):
        return Plan("read", before=before)
    difference = _immutable_difference(item, before)
    if difference:
        if item.get("recreate") == "when_immutable_differs":
            return plan_recreate(item, current, creatable(current.type)) if current.full else Plan("read", before=before)
        option, held, wanted = difference
        raise refused(
            current,
            f"{option} is {held} and cannot be changed to {wanted}, the API has no way. Deleting it and creating it again "
            "would destroy its findings, mappings and webhooks; recreate: when_immutable_differs does that.",
        )
    first = current.begun is not None and "selection_type" in item
    selection = plan_first_selection(item, current) if first else plan_selection(item, current)
    mappings = plan_first_external_projects(item, current) if first else plan_external_projects(item, current)
    settings = plan_settings(item, current)
    after = {**before, **selection.fields, **mappings, **settings.fields}
    plan = Plan(
        "none",
        before=before,
        after=after,
        warnings=selection.warnings,
        scope=selection.scope,
        not_compared=settings.not_compared,
    )
    if after == before and not settings.always:
        return plan
    if awaits_consent(before):
        waits = f"{current.label} still waits for a person's consent; its scope is set by a run after that."
        return dataclasses.replace(
            plan, after=before, warnings=[*plan.warnings, waits], pending=pending_actions(before, before["id"])
        )
    if not current.full:
        return Plan("read", before=before)
    if first:
        # What the tenant selected by itself is not kept, so that it need not be known.
        plan.warnings += _first_scope(current, after)
    else:
        refuse_partial_read(item, current)
    refuse_unreadable(current, after, settings.put)
    put: Raw = {}
    # PUT replaces, and nothing public says what becomes of a field that is left out: send back all that is known.
    for field in FIELDS:
        # A type that selects nothing, such as a collector, shows no state: none is sent to it.
        unseen = field.option == "repositories" and current.raw.get("state") is None and not after.get("repositories")
        if field.at == ("update",) and field.option in after and not unseen:
            value = after[field.option]
            put[field.api] = mappings_to_api(value) if field.type == "mappings" else value
    if settings.put is not None:
        put["uniqueProperties"] = settings.put
    elif first and current.begun and current.begun.ours:
        # A tenant that hides values and clears what an update leaves out would lose them; the item still says what they are.
        put.update({k: v for k, v in to_create(item).items() if k == "uniqueProperties" and not holds_masked(v)})
    if "externalProjects" not in put and current.applied:
        put["externalProjects"] = mappings_to_api(current.applied)
    return dataclasses.replace(plan, action="update", put=put)


def _first_scope(current: Instance, after: Item) -> list[str]:
    """That something which the tenant selected by itself goes, where it does."""
    held, kept = current.shown.get("repositories", []), after.get("repositories", [])
    future = current.shown.get("selection_type") == "CURRENT_STATE_AND_FUTURE" != after.get("selection_type")
    if set(held) <= set(kept) and not future:
        return []
    ours = current.begun and current.begun.ours
    why = "an earlier run created it and did not set its scope" if ours else "nothing was changed in it since it was created"
    return [f"{current.label}: {why}, so what the tenant selected by itself ({len(held)} repositories) gives way to what the item says."]


def _immutable_difference(item: Item, shown: Item) -> tuple[str, str, str] | None:
    """(option, held, wanted) of the first field that differs and cannot be updated; a field that is not shown is unknown, not different."""
    for option in IMMUTABLE:
        wanted, held = get(item, option), get(shown, option)
        if wanted is None or held is None:
            continue
        if not _same(option, str(held), str(wanted)):
            return (option, "another", "the one given") if option == "self_signed_certificate" else (option, str(held), str(wanted))
    return None


def _same(option: str, held: str, wanted: str) -> bool:
    if option == "domain.hostname":
        return host_key(held) == host_key(wanted)
    if option == "self_signed_certificate":
        # PEM: line ends and blank lines say nothing.
        return held.split() == wanted.split()
    return held.upper() == wanted.upper()


# The update that sets the scope of a new instance does not compare them.
_SETTLED_AT_CREATION = ("unique_properties", "domain", "transporter", "self_signed_certificate")


def scope_item(item: Item, planned: Item, shown: Instance) -> Item:
    """The item as far as it sets the scope of its new instance. planned: the instance as it was planned. shown: as it turned out."""
    settled = ("name", "identifier", *_SETTLED_AT_CREATION, "scope_rules", "scope_candidates", "external_projects_update")
    fresh = {k: v for k, v in item.items() if k not in settled}
    if fresh.get("external_projects_mode") == "merge":
        fresh["external_projects_mode"] = "exact"
    if "scope_rules" in item:
        # What the plan showed; what the tenant selected by itself meanwhile was not judged by anybody.
        fresh["repositories"] = planned.get("repositories", [])
    if shown.shown.get("selection_type") != MANUAL or not shown.shown.get("repositories"):
        # What is in it now nobody chose; a manual selection is another run's, and stays.
        fresh["max_deselect"] = -1
        fresh["repositories_mode"] = "remove" if item["repositories_mode"] == "remove" else "exact"
    return fresh


def _masked_paths(tree: t.Any, path: str = "") -> t.Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _masked_paths(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _masked_paths(value, f"{path}[{index}]")
    elif is_masked(tree):
        yield path


def unexpected(plan: Plan, shown: Instance) -> list[str]:
    """After a write: how what the tenant holds differs from the plan. Fields that change by themselves are left out."""
    found, planned, differences = shown.shown, plan.after or {}, []
    for option in SHOWN:
        wanted, holds = planned.get(option), found.get(option)
        if wanted is None or (option == "repositories" and planned.get("selection_type") != MANUAL):
            continue
        if holds is None:
            # Never shown is unknown; shown before and not any more is gone.
            if wanted and (plan.before or {}).get(option):
                differences.append(f"{option} is not there any more")
            continue
        if option == "repositories":
            # A tenant may show what was just selected in its product's own spelling.
            key = repository_key(shown.type)
            wanted, holds = set(map(key, wanted)), set(map(key, holds))
        elif option == "external_projects":
            wanted, holds = _as_set(wanted), _as_set(holds)
        elif option == "unique_properties":
            holds = wanted if all(k in holds and alike(v, holds[k]) for k, v in wanted.items()) else None
        elif option == "domain":
            wanted, holds = (host_key(v.get("hostname", "")) for v in (wanted, holds))
        elif option == "type":
            wanted, holds = wanted.upper(), holds.upper()
        elif option == "self_signed_certificate":
            wanted, holds = wanted.split(), holds.split()
        if wanted != holds:
            managed = plan.before is None or plan.before.get(option) != planned.get(option)
            differences.append(f"{option} {'is not as sent' if managed else 'changed although it was not to'}")
    return differences


def _as_set(mappings: list[t.Any]) -> set[t.Any]:
    return {tuple(mapping.get(k) for k in MAPPING) for mapping in mappings}
