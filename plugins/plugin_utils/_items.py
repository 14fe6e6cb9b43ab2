# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the roles that handle data sources: entries as items, checked without a tenant.

Private to the collection, floor 4.
"""

from __future__ import annotations

import os
import re
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from ..module_utils._data_sources.entries import absolute_paths, entry_places, items_of
from ..module_utils._data_sources.fields import get, label
from ..module_utils._data_sources.instance import Instance
from ..module_utils._data_sources.match import may_mean
from ..module_utils._errors import InputError
from ..module_utils._http.plain import one_line
from ..module_utils._validate import validate_items
from ._filters import evaluated, one_line_errors
from ._variables import misspelt

NO_LIST = (
    "tenant_data_sources must be a list of data sources, each a dictionary, such as "
    "[{type: SNYK, name: snyk-eu}]."
)


@one_line_errors
def role_items(variables: dict[str, Any], items: Any = ()) -> list[dict[str, Any]]:
    if not isinstance(items, (list, tuple)):
        raise AnsibleFilterError(NO_LIST)
    for fault in misspelt(variables):
        raise InputError(fault)
    # tenant_data_sources comes first, so that the module's error messages have the same index.
    return [*items, *items_of(evaluated(variables))]


def role_faults(variables: dict[str, Any], items: Any = (), file: str = "", sets: Any = ()) -> list[str]:
    return [
        f"onboard_file {file}: {fault}" if re.split(r"\W", fault, maxsplit=1)[0] in sets else fault
        for fault in _role_faults(evaluated(variables), evaluated(items))
    ]


def _role_faults(variables: dict[str, Any], items: Any) -> list[str]:
    if not isinstance(items, list):
        return [NO_LIST]
    faults = [*misspelt(variables), *validate_items(items)]
    try:
        entries = items_of(variables)
    except InputError as exc:
        return [*faults, one_line(str(exc))]
    return [*faults, *validate_items(entries, entry_places(variables))]


def role_places(variables: dict[str, Any], items: Any = ()) -> list[str]:
    """Where the user wrote each item of role_items(), such as tenant_data_sources[0] or vcs_github[1]."""
    return [
        *(f"tenant_data_sources[{index}]" for index in range(len(items))),
        *entry_places(evaluated(variables)),
    ]


def item_faults(items: Any, variable: str = "tenant_data_sources") -> list[str]:
    return validate_items(evaluated(items), variable)


def hosts_within(pattern: Any, limit: Any = "", groups: Any = None) -> Any:
    inventory = InventoryManager(DataLoader(), parse=False)
    for group, hosts in evaluated(groups or {}).items():
        inventory.add_group(group)
        for host in hosts:
            inventory.add_host(host, group=group)
    if not inventory.get_hosts(pattern):
        raise AnsibleFilterError(
            f"cortex_cloud_hosts is {pattern}, which matches no host of the inventory (-i): nothing was done."
        )
    inventory.subset(str(limit) if limit else None)
    if not inventory.get_hosts(pattern):
        local = pattern == "localhost"
        advice = f"give -e cortex_cloud_hosts={limit} instead of it" if local else "correct one of the two"
        raise AnsibleFilterError(
            f"--limit {limit} excludes {pattern}, on which this would run: nothing was done. To continue, "
            f"{advice}."
        )
    return pattern


def item_paths(items: Any, base: str) -> list[Any]:
    return absolute_paths(evaluated(items), base)


def project_path(path: Any) -> str:
    """A path relative to the folder in which Ansible was started, as an absolute path. An empty one stays
    empty.
    """
    return os.path.join(os.getcwd(), os.path.expanduser(str(path))) if path else ""


def _identity(entry: dict[str, Any]) -> dict[str, Any]:
    """The options of an item that identify its instance, without its secrets and its scope."""
    name, hostname = entry.get("name") or get(entry, "unique_properties.name"), get(entry, "domain.hostname")
    options = {"id": entry.get("id"), "type": entry.get("type"), "name": name}
    item: dict[str, Any] = {key: str(value) for key, value in options.items() if value is not None}
    return item if hostname is None else {**item, "domain": {"hostname": str(hostname)}}


def decommission_items(entries: Any, variable: str = "decommission_data_sources") -> list[dict[str, Any]]:
    entries = evaluated(entries)
    faults = []
    if not isinstance(entries, list):
        faults.append(f"{variable} must be a list of data sources, such as [{{type: SNYK, name: snyk-eu}}].")
        entries = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            faults.append(
                f"{variable}[{index}] is not a data source: write it as {{type: SNYK, name: snyk-eu}}, or "
                "with its ID."
            )
        elif entry.get("ignore"):
            faults.append(
                f"{variable}[{index}] has ignore: true, so it is managed by others. Remove that if you are "
                "responsible for it."
            )
    if not faults:
        faults = validate_items(
            [{**_identity(entry), **entry, "state": "absent"} for entry in entries], variable
        )
    if faults:
        raise AnsibleFilterError(" ".join(faults))
    return [{**_identity(entry), "state": "absent"} for entry in entries]


def decommission_listed(rows: Any, expected: Any) -> list[str]:
    if not isinstance(expected, list):
        raise AnsibleFilterError("decommission_expected must be a list of data sources.")
    entries = enumerate(evaluated(expected))
    listed = [
        (i, entry) for i, entry in entries if isinstance(entry, dict) and entry.get("state") != "absent"
    ]
    lines = []
    for row in evaluated(rows):
        shown = Instance({**row, "domain": {"hostname": row["hostname"]}}, full=True)
        for index, entry in listed:
            item = _identity(entry)
            # If it was given by its ID and does not exist any more, nothing else is known about it.
            if not item or not may_mean(item, shown) or (row["type"] is None and "id" not in item):
                continue
            why = (
                "with ignore: true, so it is managed by others: agree with them and remove it first"
                if entry.get("ignore")
                else "so that the next onboarding would create it again: remove it first"
            )
            place = f"its item {index}, {label(item)}"
            lines.append(f"{label(row)} is still listed by the onboarding ({place}), {why}.")
            break
    return lines
