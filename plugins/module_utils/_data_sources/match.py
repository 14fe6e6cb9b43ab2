# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, which instance an item means. Pure: no I/O.
from __future__ import annotations

import dataclasses
import typing as t

from .._errors import InputError
from .fields import Item, Raw, from_api, get, hostname_key, label, name_of, names_of


@dataclasses.dataclass(frozen=True)
class Match:
    """Which instance an item means. found: the one, if any. unread: ids that must be read in full before it can be told.

    undetermined: why it cannot be told at all. warning: on what the match rests when a given field is not shown.
    """

    found: Raw | None = None
    unread: tuple[str, ...] = ()
    undetermined: str = ""
    warning: str = ""


def match(item: Item, instances: t.Iterable[Raw], read: t.Container[str]) -> Match:
    """Find the instance that an item without C(id) means, by type and every distinguishing field given (name, domain.hostname).

    instances: from the list, replaced by the full ones where C(read) holds their id. Raises InputError when several match.
    """
    sure, partly, unread = [], [], []
    for raw in instances:
        verdicts = _compare(item, raw)
        if False in verdicts.values():
            continue
        if None not in verdicts.values():
            sure.append(raw)
        elif raw["id"] not in read:
            unread.append(raw["id"])
        else:
            partly.append((raw, verdicts))
    if unread:
        return Match(unread=tuple(unread))
    if len(sure) > 1:
        raise InputError(f"{len(sure)} data sources match {label(item)}: {_choices(sure)}. {_separator(item, sure)}")
    if sure:
        return Match(found=sure[0])
    known = [(raw, v) for raw, v in partly if any(v[key] for key in ("name", "hostname") if key in v)]
    if len(known) == 1 and len(partly) == 1:
        raw, verdicts = known[0]
        not_shown = ", ".join(key for key, verdict in verdicts.items() if verdict is None)
        return Match(found=raw, warning=f"{label(item)}: the tenant does not show its {not_shown}; matched to id {raw['id']} by the rest.")
    if partly:
        hidden = sorted({key for _raw, v in partly for key, verdict in v.items() if verdict is None})
        return Match(
            undetermined=f"the tenant does not show the {' and '.join(hidden)} of {len(partly)} data source(s) "
            f"({_choices([r for r, _v in partly])}), "
            f"so it cannot be told whether {label(item)} is one of them. Nothing was done for it; give its id."
        )
    return Match()


def same_new(one: Item, other: Item) -> bool:
    """Whether two items that match nothing yet would mean the same instance once it exists: what one of them leaves open may be equal."""
    if "id" in one or "id" in other:  # an id never creates
        return one.get("id") == other.get("id")
    pairs = [(i.get("type"), i.get("name"), hostname_key(get(i, "domain.hostname") or "") or None) for i in (one, other)]
    return all(a == b or None in (a, b) for a, b in zip(*pairs))


def denied(item: Item, raw: Raw) -> list[str]:
    """The identifying fields that an item gives and that the instance shows differently."""
    return [field for field, verdict in _compare(item, raw).items() if verdict is False]


def may_mean(item: Item, raw: Raw) -> bool:
    """Whether an item means an instance, as far as is shown: what is not shown may be equal."""
    if item.get("id") and raw.get("id"):
        return str(item["id"]) == str(raw["id"])
    return not denied(item, raw)


def unread_by(item: Item, instances: t.Iterable[Raw]) -> list[str]:
    """The ids of those among listed instances that must be read in full before it can be told whether the item means them."""
    return [raw["id"] for raw in instances if None in (verdicts := _compare(item, raw)).values() and False not in verdicts.values()]


def _compare(item: Item, raw: Raw) -> dict[str, bool | None]:
    """For each identifying field given: equal, different, or None when the tenant does not show it."""
    verdicts: dict[str, bool | None] = {}
    if "type" in item:
        verdicts["type"] = None if raw.get("type") is None else str(raw["type"]).upper() == item["type"].upper()
    if "name" in item:
        names = names_of(raw)
        verdicts["name"] = item["name"] in names if names else None
    wanted = get(item, "domain.hostname")
    if wanted is not None:
        host = get(raw, "domain.hostname")
        verdicts["hostname"] = None if not isinstance(host, str) else hostname_key(host) == hostname_key(wanted)
    return verdicts


def _choices(raws: list[Raw], most: int = 5) -> str:
    shown = [
        label(from_api(raw)) + (f" on {host}" if (host := get(raw, "domain.hostname")) and name_of(raw) else "") for raw in raws[:most]
    ]
    return ", ".join(shown) + (f" and {len(raws) - most} more" if len(raws) > most else "")


def _separator(item: Item, raws: list[Raw]) -> str:
    for option, given, values in (
        ("name", "name" in item, [name_of(r) for r in raws]),
        ("domain.hostname", get(item, "domain.hostname") is not None, [get(r, "domain.hostname") for r in raws]),
    ):
        if not given and None not in values and len(set(values)) == len(values):
            return f"Give {option} (or id) to tell them apart."
    return "Only id tells them apart: give it."
