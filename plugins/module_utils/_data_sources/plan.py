# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the changes from the current data source to the desired one. Pure: no I/O.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from .._admitted import Raw
from .._errors import InputError, TenantError
from .._http.redaction import holds_masked, is_masked
from . import parts
from .check import check_missing, empty_secrets
from .differences import immutable_difference, needs_full
from .fields import (
    COLLECTOR,
    FIELDS,
    MANUAL,
    WRITE_ONLY,
    Item,
    collector_settings,
    from_api,
    get,
    label,
    leaves,
    mappings_to_api,
    path_text,
    to_create,
)
from .instance import Begun, Instance
from .match import denied
from .parts import refuse_partial_read, refuse_unreadable, refused
from .pending import Pending, awaits_consent, perhaps_to_connect, to_complete, to_connect
from .scope import Scope
from .types import VCS, known

# Whether the tenant creates instances of a type; None: unknown.
Creatable = t.Callable[[str], t.Optional[bool]]
_SELECTION = ("selection_type", "repositories", "scope_rules")


@dataclasses.dataclass
class Plan:
    """The changes for one item.

    action: "create", "update", "recreate", "delete" or "none"; "pending" when only a person can connect it.
    post, put: request bodies, in the API's shape.
    before, after: the instance in the shape of the options (None: there is none). after is a prediction,
        without write-only fields.
    warnings: for the user, one line each.
    pending: what a person has to do.
    item: for a recreation, the item with everything that is carried over.
    scope: the result of the item's scope_rules.
    not_compared: given options that the tenant never reports.
    """

    action: str
    post: Raw = dataclasses.field(default_factory=dict)
    put: Raw = dataclasses.field(default_factory=dict)
    before: Item | None = None
    after: Item | None = None
    warnings: list[str] = dataclasses.field(default_factory=list)
    pending: list[Pending] = dataclasses.field(default_factory=list)
    item: Item | None = None
    scope: Scope | None = None
    not_compared: list[str] = dataclasses.field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.action not in ("none", "pending")

    @property
    def id(self) -> str:
        """The existing instance's id."""
        return str((self.before or self.after or {})["id"])


def plan_item(item: Item, current: Instance | None, creatable: Creatable = lambda _type: None) -> Plan:
    """The plan for an item.

    current: its instance, read in full if needs_full() says so; None: there is none.
    Raises InputError and TenantError for changes that are impossible or refused.
    """
    if current is None:
        check_missing(item)
        if item["state"] == "absent":
            return Plan("none")
        if "type" in item and creatable(item["type"]) is False:
            if item.get("uncreatable") == "fail":
                why = " does not exist, and this tenant's API does not create this type."
                raise TenantError(why, subject=label(item))
            return plan_pending(item)
        return plan_create(item, may=creatable(item.get("type", "")))
    if item["state"] == "absent":
        if different := denied(item, current):
            why = f" has another {' and '.join(different)} than the item gives: not deleted. Correct the id."
            raise InputError(why, subject=current.label)
        return plan_delete(current)
    _refuse_another_identifier(item, current)
    if item["state"] == "created":
        return Plan("none", before=current.reported, after=current.reported)
    return plan_update(item, current, creatable)


def _refuse_another_identifier(item: Item, current: Instance) -> None:
    """Refuse an item whose id and identifier belong to two different instances."""
    if "id" not in item or "identifier" not in item or current.identifier is None:
        return
    # A collector that was renamed already has the new name.
    expected = {item["identifier"], *([item.get("name")] if current.type == COLLECTOR else [])}
    if current.identifier not in expected:
        given = json.dumps(item["identifier"], ensure_ascii=False)
        raise refused(
            current,
            f"the item gives its id, but another identifier ({given}), so one of the two is wrong: correct "
            "it, or leave the identifier out. Nothing was changed.",
        )


def plan_pending(item: Item) -> Plan:
    """No change: only a person can connect it. The step is reported until the instance exists."""
    return Plan("pending", pending=[to_connect(item)])


def plan_create(item: Item, given: Item | None = None, *, may: bool | None = None) -> Plan:
    """A new instance, and then its scope, which the create request cannot contain.

    given: the user's item, if `item` also contains values that are carried over.
    may: whether the tenant creates its type, if known.
    Raises InputError for values that the tenant would refuse or lose.
    """
    kind = known(item.get("type"))
    if "type" not in item:
        why = " does not exist, and an item with an id is never created. Remove the id, or correct it."
        raise InputError(why, subject=label(item))
    if kind and kind.created_by and item.get("uncreatable") != "fail":
        return plan_pending(item)
    post = to_create(item)
    _refuse_create(item, given or item, post)
    start: Raw = {"id": None, **{k: v for k, v in post.items() if k not in WRITE_ONLY}}
    pending = to_complete(item, None)
    if kind and item["type"] != COLLECTOR and may is None:
        # By the published schema only collectors can be created, by the guide every type: the first creation
        # shows which is true (docs/api.md: create.types).
        pending.append(perhaps_to_connect(item))
    plan = Plan("create", post=post, after={**from_api(start), "id": None}, pending=pending)
    if left_to_tenant(item):
        plan.warnings.append(
            f"{label(item)}: no scope is given, so the tenant chooses what it scans of the new instance, "
            "perhaps everything. Give selection_type (in an entry of a role: scope)."
        )
    if not any(option in item for option in (*_SELECTION, "external_projects")):
        return plan
    # A new instance has no selection.
    new = Instance({**start, "state": []}, full=True)
    selection = parts.plan_selection(item, new)
    after = {**new.reported, **selection.fields, **parts.plan_external_projects(item, new)}
    put = {} if after == new.reported else _update_body(new, after)
    warnings = [*plan.warnings, *selection.warnings]
    return dataclasses.replace(
        plan, put=put, after={**after, "id": None}, warnings=warnings, scope=selection.scope
    )


def left_to_tenant(item: Item) -> bool:
    """Whether a new instance for the item could select repositories, but the item does not say which."""
    kind = known(item.get("type"))
    return kind is not None and kind.category == VCS and not any(option in item for option in _SELECTION)


def _refuse_create(item: Item, given: Item, post: Raw) -> None:
    kind = known(item["type"])
    masked = [path_text(path) for path, value in leaves(post) if is_masked(value)]
    empty = empty_secrets(given, kind.creation_options if kind else ())
    if kind and kind.created_by:
        why = (
            "does not exist, and this type cannot be created through the API: it appears by "
            f"{kind.created_by}."
        )
    elif item["type"] == COLLECTOR and not (item.get("credentials_file") or item.get("return_credentials")):
        why = (
            "would be created, and the tenant shows a collector's token only once: give credentials_file "
            "(or return_credentials) so that it is not lost."
        )
    elif masked:
        why = (
            f"would be created, but {masked[0]} holds a placeholder ({len(masked)} in all) instead of the "
            "value: fill it in."
        )
    elif empty:
        why = (
            f"would be created, but {empty[0]} is empty ({len(empty)} in all), perhaps from a variable that "
            "is not set, and cannot be set later: give the value, or leave it out."
        )
    else:
        return
    raise InputError(f" {why}", subject=label(item))


def plan_recreate(item: Item, current: Instance, may: bool | None = None) -> Plan:
    """Delete and create again, since an immutable field differs; scope, mappings and settings are kept.

    may: whether the tenant creates its type, if known.
    Raises InputError when the new one needs a person or missing credentials, and for everything that an
    update refuses; TenantError for a partial read.
    """
    _refuse_recreate(item, current, may)
    selection = parts.plan_selection(item, current)
    kept = carried_over(item, current, {**selection.fields, **parts.plan_external_projects(item, current)})
    refuse_unreadable(current, kept)
    plan = plan_create(kept, item, may=may)
    warnings = [*selection.warnings, *plan.warnings]
    return dataclasses.replace(
        plan, action="recreate", before=current.reported, item=kept, scope=selection.scope, warnings=warnings
    )


def _refuse_recreate(item: Item, current: Instance, may: bool | None) -> None:
    kind = known(item.get("type") or current.type)
    collector = current.type == COLLECTOR
    missing = [option for option in (kind.credentials if kind else ()) if not get(item, option)]
    lost = sorted(k for k, v in _settings_carried_over(item, current).items() if holds_masked(v))
    if kind is None or kind.created_by or kind.consent:
        why = "recreate is refused: this type cannot be made again without a person."
    elif not collector and (may is False or (current.published and not may)):
        why = (
            "recreate is refused: it is not known whether this tenant's API can create this type again. "
            "Connect another one in the console, then delete this one (state: absent)."
        )
    elif missing:
        why = f"recreate needs {', '.join(missing)}, since the tenant does not return the old ones."
    elif current.settings is None and "unique_properties" not in item and not collector:
        why = "recreate would lose the unique_properties, which the tenant hides. Give them."
    elif lost:
        why = f"recreate would lose unique_properties.{lost[0]}: only a placeholder is known. Give it."
    else:
        why = ""
    if why:
        raise refused(current, f"{why} Nothing was changed.")
    refuse_partial_read(item, current)


def carried_over(item: Item, current: Instance, changes: Item) -> Item:
    """The item for a new instance in place of this one: given values, and all others from the old instance.

    changes: the selection and mappings that an update would set, in the shape of the options. They replace
        the scope_rules.
    """
    reported = current.reported
    kept: Item = {k: v for k, v in item.items() if k not in ("id", "scope_rules", "scope_candidates")}
    # Sent in the table's spelling, whatever the tenant's is.
    kept["type"] = str(item.get("type") or current.type).upper()
    for option in ("domain", "transporter"):
        if option in reported or option in item:
            kept[option] = {**reported.get(option, {}), **item.get(option, {})}
    kept["unique_properties"] = _settings_carried_over(item, current)
    after = {**reported, **changes}
    kept = {**{option: after[option] for option in ("name", "selection_type") if option in after}, **kept}
    if after.get("selection_type") == MANUAL:
        kept.update(repositories=after.get("repositories", []), repositories_mode="exact")
    if after.get("external_projects"):
        kept.update(external_projects=after["external_projects"], external_projects_mode="exact")
    return kept


def _settings_carried_over(item: Item, current: Instance) -> Raw:
    return {**(current.settings or collector_settings(current.raw)), **item.get("unique_properties", {})}


def plan_delete(current: Instance) -> Plan:
    return Plan("delete", before=current.reported)


def plan_update(item: Item, current: Instance, creatable: Creatable = lambda _type: None) -> Plan:
    """Update an existing instance to match the item. Unset fields are kept.

    current: as needs_full() requires; no change is ever planned from a list entry.
    Raises InputError for changes that are impossible or refused, such as an immutable field or too many
    deselections; TenantError for a partial read.
    """
    if needs_full(item, current):
        raise ValueError("a change cannot be planned from a list entry")
    before = current.reported
    difference = immutable_difference(item, before)
    if difference and item.get("recreate") == "when_immutable_differs":
        return plan_recreate(item, current, creatable(current.type))
    if difference:
        raise refused(
            current,
            f"{difference.option} is {difference.current} and the API cannot change it to "
            f"{difference.desired}. Deleting it and creating it again would destroy its findings, mappings "
            "and webhooks; recreate: when_immutable_differs does that.",
        )
    first = current.begun if "selection_type" in item else None
    if first:
        selection = parts.plan_first_selection(item, current)
        mappings = parts.plan_first_external_projects(item, current)
    else:
        selection = parts.plan_selection(item, current)
        mappings = parts.plan_external_projects(item, current)
    settings = parts.plan_settings(item, current)
    after = {**before, **selection.fields, **mappings, **settings.fields}
    plan = Plan("none", before=before, after=after, warnings=selection.warnings, scope=selection.scope)
    plan.not_compared = settings.not_compared
    if after == before and not settings.always:
        return plan
    if awaits_consent(before):
        waits = f"{current.label} still waits for a person's consent; its scope is set by a run after that."
        pending = to_complete(before, before["id"])
        return dataclasses.replace(plan, after=before, warnings=[*plan.warnings, waits], pending=pending)
    if not first:
        # A first scope replaces the tenant's own selection, so that need not be known in full.
        refuse_partial_read(item, current)
    refuse_unreadable(current, after, settings.put)
    put = _update_body(current, after)
    sent = settings.put
    if sent is None and first and first.ours:
        # A tenant may hide values and clear those that an update leaves out; the item still contains them.
        given = to_create(item).get("uniqueProperties")
        sent = None if holds_masked(given) else given
    if sent is not None:
        put["uniqueProperties"] = sent
    warnings = [*plan.warnings, *(_first_scope(current, first, after) if first else [])]
    return dataclasses.replace(plan, action="update", put=put, warnings=warnings)


def _update_body(current: Instance, after: Item) -> Raw:
    """The PUT body without uniqueProperties, with all known fields: PUT replaces, and what happens to omitted
    ones is not documented.
    """
    # A type without a selection, such as a collector, reports no state, so none is sent.
    unseen = current.raw.get("state") is None and not after.get("repositories")
    options = {o: v for o, v in after.items() if not (o == "repositories" and unseen)}
    if current.applied:
        options.setdefault("external_projects", current.applied)
    put: Raw = {}
    for field in FIELDS:
        if field.at == ("update",) and field.option in options:
            value = options[field.option]
            put[field.api] = mappings_to_api(value) if field.type == "mappings" else value
    return put


def _first_scope(current: Instance, begun: Begun, after: Item) -> list[str]:
    """A warning that the tenant's own selection is replaced, if it is."""
    selected, kept = current.reported.get("repositories", []), after.get("repositories", [])
    types = current.reported.get("selection_type"), after.get("selection_type")
    future = types[0] == "CURRENT_STATE_AND_FUTURE" != types[1]
    if set(selected) <= set(kept) and not future:
        return []
    why = "nothing was changed in it since it was created"
    if begun.ours:
        why = "an earlier run created it and did not set its scope"
    return [
        f"{current.label}: {why}, so what the tenant selected by itself ({len(selected)} repositories) is "
        "replaced by what the item says."
    ]


# The update that sets the scope of a new instance contains neither what the creation has set, nor the rules.
_CREATED = ("name", "identifier", "unique_properties", "domain", "transporter", "self_signed_certificate")
_RULES = ("scope_rules", "scope_candidates", "external_projects_update")


def scope_item(item: Item, planned: Item, made: Instance) -> Item:
    """The part of the item that sets the scope of its new instance.

    planned: the planned instance, in the shape of the options.
    made: as the tenant reports it after the creation.
    """
    scope = {k: v for k, v in item.items() if k not in (*_CREATED, *_RULES)}
    if scope.get("external_projects_mode") == "merge":
        scope["external_projects_mode"] = "exact"
    if "scope_rules" in item:
        # As in the plan: nobody has reviewed what the tenant selected by itself since.
        scope["repositories"] = planned.get("repositories", [])
    if made.reported.get("selection_type") != MANUAL or not made.reported.get("repositories"):
        # Nobody chose the current selection; a manual one is another run's and is kept.
        scope["max_deselect"] = -1
        scope["repositories_mode"] = "remove" if item["repositories_mode"] == "remove" else "exact"
    return scope
