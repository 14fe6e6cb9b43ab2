# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the instance that an item refers to. Pure: no I/O.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._addresses import host_key
from .._errors import InputError
from .fields import COLLECTOR, Item, get, is_blank, label
from .instance import Instance

# Whether an identifying field of an item agrees with the instance: True, False, None when the tenant does not
# show the field, or UNPROVEN when it shows a vendor's identifier that differs from the item's name.
UNPROVEN: t.Final = "unproven"
Agreement = t.Union[bool, str, None]


# Maximum number of instances that a message names.
NAMED = 5


@dataclasses.dataclass(frozen=True)
class Match:
    """The instance that an item refers to.

    instance: the instance, if any.
    by: what identifies it: "id", "identifier", "name", "hostname", "type" or "memory".
    proven: whether everything in the item agrees; if not, it may be adopted, but never deleted.
    unread: ids that must be read in full before this is known.
    undetermined: why it cannot be determined; empty otherwise.
    warning: what the match is based on when a given field is not reported.
    """

    instance: Instance | None = None
    by: str = ""
    proven: bool = True
    unread: tuple[str, ...] = ()
    undetermined: str = ""
    warning: str = ""

    def for_planning(self, current: Instance) -> Instance:
        """The instance to plan with: unless proven to be the item's, it is not an unfinished creation."""
        return current if self.proven or self.by == "memory" else dataclasses.replace(current, begun=None)


def match(item: Item, instances: t.Iterable[Instance], claimed: t.Container[str] = ()) -> Match:
    """Find the instance of an item without an id, by its type and all given identifying fields.

    claimed: ids of instances that certainly belong to other items: they only count if everything in this item
        agrees.

    An identifier decides alone. A collector's identifier is its name: if the item gives another name too, the
    collector is to be renamed, and one that already has the new name is the match.
    Raises InputError when several match.
    """
    if "identifier" in item and "name" in item and item.get("type") == COLLECTOR:
        instances = list(instances)
        renamed = _match({**item, "identifier": item["name"]}, instances, claimed)
        if renamed.instance or renamed.unread:
            return renamed
    return _match(item, instances, claimed)


def _match(item: Item, instances: t.Iterable[Instance], claimed: t.Container[str]) -> Match:
    certain, possible, unread = [], [], []
    for instance in instances:
        agreements = _compare(item, instance)
        if False in agreements.values():
            continue
        if all(agreement is True for agreement in agreements.values()):
            certain.append(instance)
        elif None in agreements.values() and not instance.full:
            unread.append(instance.id)
        elif instance.id not in claimed:
            possible.append((instance, agreements))
    if unread:
        return Match(unread=tuple(unread))
    if len(certain) > 1:
        matches = f"{len(certain)} data sources match {label(item)}: {_choices(certain)}"
        raise InputError(f"{matches}. {_separator(item, certain)}")
    if certain:
        agreements = _compare(item, certain[0])
        by = next((key for key in ("identifier", "name", "hostname") if key in agreements), "type")
        return Match(certain[0], by=by)
    if not possible:
        return Match()
    one, agreements = possible[0]
    by = next((key for key in ("name", "hostname") if agreements.get(key) is True), "")
    if len(possible) > 1 or not by:
        return Match(undetermined=_undetermined(item, possible))
    hidden = ", ".join(key for key, agreement in agreements.items() if agreement is None)
    warning = f"{label(item)}: the tenant does not show its {hidden}; matched to id {one.id} by the rest."
    return Match(one, by=by, proven=False, warning=warning if hidden else "")


def _undetermined(item: Item, possible: list[tuple[Instance, dict[str, Agreement]]]) -> str:
    choices, count = _choices([one for one, _agreements in possible]), len(possible)
    hidden = sorted({key for _one, agreements in possible for key in agreements if agreements[key] is None})
    if hidden:
        return (
            f"the tenant does not show the {' and '.join(hidden)} of {count} data source(s) ({choices}), so "
            f"it is not known whether {label(item)} is one of them. Nothing was done for it; give its id."
        )
    more = "" if get(item, "domain.hostname") else ", or its domain.hostname"
    return (
        f"{label(item)} may be one of {count} data source(s) whose identifier differs from its name: "
        f"{choices}. Nothing was done for it, to avoid a duplicate. Give identifier, as the tenant shows it, "
        f"or id{more}."
    )


def same_new(one: Item, other: Item) -> bool:
    """Whether two items without an instance may refer to the same new one: unset fields may be equal."""
    if "id" in one or "id" in other:  # an item with an id is never created
        return one.get("id") == other.get("id")
    pairs = [
        (i.get("type"), i.get("identifier", i.get("name")), host_key(get(i, "domain.hostname") or "") or None)
        for i in (one, other)
    ]
    return all(a == b or None in (a, b) for a, b in zip(*pairs))


def expected_identifier(item: Item) -> str | None:
    """The identifier that the item's instance must have; None when the item does not say."""
    name = item.get("name") if item.get("type") == COLLECTOR else None
    return t.cast("str | None", item.get("identifier", name))


def proves(item: Item, instance: Instance) -> bool:
    """Whether an instance is certainly the item's: by id, by identifier, or by a name that it shows."""
    if "id" in item:
        return bool(item["id"] == instance.id)
    agreements = _compare(item, instance)
    named = "identifier" in agreements or "name" in agreements
    return named and all(agreement is True for agreement in agreements.values())


def denied(item: Item, instance: Instance) -> list[str]:
    """The identifying fields that an item gives and that the instance shows differently."""
    return [field for field, agreement in _compare(item, instance).items() if agreement is False]


def contradictions(one: Instance, other: Instance) -> list[str]:
    """The identifying fields that differ between two reads of one instance."""
    hosts = [host_key(get(each.raw, "domain.hostname") or "") for each in (one, other)]
    fields = {
        "type": (one.type, other.type),
        "identifier": (one.identifier, other.identifier),
        "hostname": (hosts[0], hosts[1]),
    }
    different = [field for field, (a, b) in fields.items() if a and b and a != b]
    renamed = one.names and other.names and not set(one.names) & set(other.names)
    return [*different, "name"] if renamed else different


def may_mean(item: Item, instance: Instance) -> bool:
    """Whether an item may refer to an instance: fields that are not shown may be equal."""
    if item.get("id") and instance.raw.get("id"):
        return str(item["id"]) == instance.id
    return not denied(item, instance)


def unread_by(item: Item, instances: t.Iterable[Instance]) -> list[str]:
    """The ids of listed instances that must be read in full to know whether the item refers to them."""
    compared = {one.id: _compare(item, one).values() for one in instances}
    return [i for i, agreements in compared.items() if None in agreements and False not in agreements]


def _compare(item: Item, instance: Instance) -> dict[str, Agreement]:
    """Whether each identifying field that the item gives agrees; an identifier decides without the others."""
    agreements: dict[str, Agreement] = {}
    if "type" in item:
        agreements["type"] = instance.type == item["type"].upper() if instance.type else None
    if "identifier" in item:
        agreements["identifier"] = instance.identifier == item["identifier"] if instance.identifier else None
        return agreements
    if "name" in item:
        agreements["name"] = _compare_name(item["name"], instance)
    desired = get(item, "domain.hostname")
    if desired is not None:
        host = get(instance.raw, "domain.hostname")
        reported = isinstance(host, str) and not is_blank(host)
        agreements["hostname"] = host_key(str(host)) == host_key(desired) if reported else None
    return agreements


def _compare_name(name: str, instance: Instance) -> Agreement:
    if name in (*instance.names, instance.identifier):
        return True
    if instance.names:
        return False
    return UNPROVEN if instance.identifier else None


def _choices(instances: list[Instance]) -> str:
    choices = []
    for one in instances[:NAMED]:
        # Without a name and an identifier the label is the host.
        host = get(one.raw, "domain.hostname") if one.names or one.identifier else None
        choices.append(f"{one.label} on {host}" if host else one.label)
    return ", ".join(choices) + (f" and {len(instances) - NAMED} more" if len(instances) > NAMED else "")


def _separator(item: Item, instances: list[Instance]) -> str:
    """How the user can select one of several instances that all match."""
    values: dict[str, list[t.Any]] = {
        "identifier": [one.identifier for one in instances],
        "name": [next(iter(one.names), None) for one in instances],
        "domain.hostname": [get(one.raw, "domain.hostname") for one in instances],
    }
    for option, reported in values.items():
        if get(item, option) is None and None not in reported and len(set(reported)) == len(reported):
            return f"Give {option} (or id) to tell them apart."
    return "Only id tells them apart: give it."
