# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, which instance an item means. Pure: no I/O.
from __future__ import annotations

import dataclasses
import typing as t

from .._errors import InputError
from .fields import Item, get, hostname_key, label
from .instance import Instance


@dataclasses.dataclass(frozen=True)
class Match:
    """Which instance an item means. found: the one, if any. unread: ids that must be read in full before it can be told.

    undetermined: why it cannot be told at all. warning: on what the match rests when a given field is not shown.
    """

    found: Instance | None = None
    unread: tuple[str, ...] = ()
    undetermined: str = ""
    warning: str = ""


def match(item: Item, instances: t.Iterable[Instance]) -> Match:
    """Find the instance that an item without an id means, by type and every distinguishing field given (name, domain.hostname).

    Raises InputError when several match.
    """
    sure, partly, unread = [], [], []
    for instance in instances:
        verdicts = _compare(item, instance)
        if False in verdicts.values():
            continue
        if None not in verdicts.values():
            sure.append(instance)
        elif not instance.full:
            unread.append(instance.id)
        else:
            partly.append((instance, verdicts))
    if unread:
        return Match(unread=tuple(unread))
    if len(sure) > 1:
        raise InputError(f"{len(sure)} data sources match {label(item)}: {_choices(sure)}. {_separator(item, sure)}")
    if sure:
        return Match(found=sure[0])
    known = [(one, v) for one, v in partly if any(v[key] for key in ("name", "hostname") if key in v)]
    if len(known) == 1 and len(partly) == 1:
        one, verdicts = known[0]
        not_shown = ", ".join(key for key, verdict in verdicts.items() if verdict is None)
        return Match(found=one, warning=f"{label(item)}: the tenant does not show its {not_shown}; matched to id {one.id} by the rest.")
    if partly:
        hidden = sorted({key for _one, v in partly for key, verdict in v.items() if verdict is None})
        return Match(
            undetermined=f"the tenant does not show the {' and '.join(hidden)} of {len(partly)} data source(s) "
            f"({_choices([one for one, _v in partly])}), "
            f"so it cannot be told whether {label(item)} is one of them. Nothing was done for it; give its id."
        )
    return Match()


def same_new(one: Item, other: Item) -> bool:
    """Whether two items that match nothing yet would mean the same instance once it exists: what one of them leaves open may be equal."""
    if "id" in one or "id" in other:  # an id never creates
        return one.get("id") == other.get("id")
    pairs = [(i.get("type"), i.get("name"), hostname_key(get(i, "domain.hostname") or "") or None) for i in (one, other)]
    return all(a == b or None in (a, b) for a, b in zip(*pairs))


def denied(item: Item, instance: Instance) -> list[str]:
    """The identifying fields that an item gives and that the instance shows differently."""
    return [field for field, verdict in _compare(item, instance).items() if verdict is False]


def may_mean(item: Item, instance: Instance) -> bool:
    """Whether an item means an instance, as far as is shown: what is not shown may be equal."""
    if item.get("id") and instance.raw.get("id"):
        return str(item["id"]) == instance.id
    return not denied(item, instance)


def unread_by(item: Item, instances: t.Iterable[Instance]) -> list[str]:
    """The ids of those among listed instances that must be read in full before it can be told whether the item means them."""
    return [one.id for one in instances if None in (verdicts := _compare(item, one)).values() and False not in verdicts.values()]


def _compare(item: Item, instance: Instance) -> dict[str, bool | None]:
    """For each identifying field given: equal, different, or None when the tenant does not show it."""
    verdicts: dict[str, bool | None] = {}
    if "type" in item:
        verdicts["type"] = instance.type == item["type"].upper() if instance.type else None
    if "name" in item:
        names = instance.names
        verdicts["name"] = item["name"] in names if names else None
    wanted = get(item, "domain.hostname")
    if wanted is not None:
        host = get(instance.raw, "domain.hostname")
        verdicts["hostname"] = None if not isinstance(host, str) else hostname_key(host) == hostname_key(wanted)
    return verdicts


def _choices(instances: list[Instance], most: int = 5) -> str:
    shown = [
        one.label + (f" on {host}" if (host := get(one.raw, "domain.hostname")) and one.names else "") for one in instances[:most]
    ]
    return ", ".join(shown) + (f" and {len(instances) - most} more" if len(instances) > most else "")


def _separator(item: Item, instances: list[Instance]) -> str:
    for option, given, values in (
        ("name", "name" in item, [next(iter(one.names), None) for one in instances]),
        ("domain.hostname", get(item, "domain.hostname") is not None, [get(one.raw, "domain.hostname") for one in instances]),
    ):
        if not given and None not in values and len(set(values)) == len(values):
            return f"Give {option} (or id) to tell them apart."
    return "Only id tells them apart: give it."
