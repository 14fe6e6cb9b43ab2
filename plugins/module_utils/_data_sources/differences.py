# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences between an item, an instance and a request, as far as the tenant reports them. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import typing as t

from .._addresses import host_key
from .._http.redaction import alike
from .fields import FIELDS, IMMUTABLE, MANUAL, MAPPING, REPORTED, WRITE_ONLY, Item, get
from .instance import Instance
from .parts import changed_settings, sends_settings_anyway
from .pending import awaits_consent
from .types import repository_key

_OPTION_OF = {field.api: field.option for field in FIELDS}


class Difference(t.NamedTuple):
    """A field that an item gives and that an instance reports differently."""

    option: str
    current: str
    desired: str


def same(option: str, one: t.Any, other: t.Any) -> bool:
    """Whether two values of an option are the same to the tenant. A masked one matches any."""
    if alike(one, other):
        return True
    if option == "domain.hostname":
        return host_key(str(one)) == host_key(str(other))
    if option == "self_signed_certificate":
        # PEM: line ends and blank lines do not count.
        return str(one).split() == str(other).split()
    return option in IMMUTABLE and str(one).upper() == str(other).upper()


def immutable_difference(item: Item, reported: Item) -> Difference | None:
    """The first field that cannot be updated and is reported with another value."""
    for option in IMMUTABLE:
        desired, current = get(item, option), get(reported, option)
        if desired is not None and current is not None and not same(option, current, desired):
            if option == "self_signed_certificate":
                return Difference(option, "another", "the one given")
            return Difference(option, str(current), str(desired))
    return None


def needs_full(item: Item, listed: Instance) -> bool:
    """Whether an instance must be read by id before an item can be planned.

    A list entry never shows what is selected or mapped. It can show that nothing has to change, but no change
    can be planned from it: an update replaces members that the entry may not show.
    """
    if listed.full:
        return False
    mapped = "external_projects" in item and item.get("external_projects_update") != "on_create"
    if mapped or "repositories" in item or "scope_rules" in item:
        return True
    reported = listed.reported
    compared = ("selection_type", *(() if listed.published else ("unique_properties",)), *IMMUTABLE)
    if any(get(item, option) is not None and get(reported, option) is None for option in compared):
        return True
    if immutable_difference(item, reported):
        return item.get("recreate") == "when_immutable_differs"
    differs = "selection_type" in item and item["selection_type"] != reported.get("selection_type")
    changes = differs or changed_settings(item, listed) or sends_settings_anyway(item, listed)
    return bool(changes) and not awaits_consent(reported)


def unexpected(before: Item | None, after: Item | None, current: Instance) -> list[str]:
    """How an instance differs from the plan when it is read back, without fields that change by themselves.

    before, after: of the plan, in the shape of the options.
    current: as it was read after the write.
    Returns one phrase for each option, such as "repositories is not as sent".
    """
    planned, differences = after or {}, []
    for option in REPORTED:
        desired, actual = planned.get(option), current.reported.get(option)
        if desired is None or (option == "repositories" and planned.get("selection_type") != MANUAL):
            continue
        if actual is None:
            # Never reported means unknown; reported before but not now means lost.
            if desired and (before or {}).get(option):
                differences.append(f"{option} is no longer there")
        elif not _as_planned(option, desired, actual, current.type):
            sent = before is None or before.get(option) != desired
            differences.append(f"{option} {'is not as sent' if sent else 'changed unexpectedly'}")
    return differences


def _as_planned(option: str, desired: t.Any, actual: t.Any, kind: str) -> bool:
    if option == "repositories":
        # A tenant may show a new selection in its product's own spelling.
        key = repository_key(kind)
        return set(map(key, desired)) == set(map(key, actual))
    if option == "external_projects":
        one, other = ({tuple(m.get(k) for k in MAPPING) for m in mappings} for mappings in (desired, actual))
        return one == other
    if option == "unique_properties":
        return all(k in actual and alike(v, actual[k]) for k, v in desired.items())
    if option == "domain":
        return same("domain.hostname", desired.get("hostname", ""), actual.get("hostname", ""))
    if option in ("type", "self_signed_certificate"):
        return same(option, desired, actual)
    return bool(desired == actual)


def disagreements(sent: t.Any, reported: t.Any, path: str = "") -> list[str]:
    """The dotted paths in the API's JSON at which an instance is not what a create body asked for.

    Values that it does not report, or reports masked, do not count.
    """
    if not isinstance(sent, dict) or not isinstance(reported, dict):
        return [] if same(_OPTION_OF.get(path, path), sent, reported) else [path]
    differing = []
    for key, value in sent.items():
        if reported.get(key) is not None and not (path == "" and key in WRITE_ONLY):
            differing += disagreements(value, reported[key], f"{path}.{key}" if path else str(key))
    return differing
