# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PRIVATE to the collection: what the roles need on the controller: their entries as items, checked without a tenant."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.entries import absolute_paths, items_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import get, label
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.instance import Instance
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.match import may_mean
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._validate import validate_items
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._filters import evaluated, told


@told
def role_items(variables: dict[str, Any], items: Any = ()) -> list[dict[str, Any]]:
    if not isinstance(items, (list, tuple)):
        raise AnsibleFilterError("tenant_data_sources must be a list of data sources, each a dictionary.")
    return [*items_of(evaluated(variables)), *items]


def item_faults(items: Any, variable: str = "tenant_data_sources") -> list[str]:
    return validate_items(evaluated(items), variable)


def item_paths(items: Any, base: str) -> list[Any]:
    return absolute_paths(evaluated(items), base)


def project_path(path: Any) -> str:
    """A path as the person meant it who started Ansible: below the folder in which that happened. An empty one stays empty."""
    return os.path.join(os.getcwd(), os.path.expanduser(str(path))) if path else ""


def _identity(entry: dict[str, Any]) -> dict[str, Any]:
    """What of an item says which instance it means; its secrets and its scope are left out."""
    given = {"id": entry.get("id"), "type": entry.get("type"), "name": entry.get("name") or get(entry, "unique_properties.name")}
    item: dict[str, Any] = {key: str(value) for key, value in given.items() if value is not None}
    hostname = get(entry, "domain.hostname")
    return item if hostname is None else {**item, "domain": {"hostname": str(hostname)}}


def decommission_items(entries: Any, variable: str = "decommission_data_sources") -> list[dict[str, Any]]:
    entries = evaluated(entries)
    faults = []
    if not isinstance(entries, list):
        faults.append(f"{variable} must be a list of data sources, such as [{{type: SNYK, name: snyk-eu}}].")
        entries = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            faults.append(f"{variable}[{index}] is no data source: write it as {{type: SNYK, name: snyk-eu}}, or with its id.")
        elif entry.get("ignore"):
            faults.append(f"{variable}[{index}] has ignore: true, so it is left to others. Take that out if it is yours to delete.")
    if not faults:
        faults = validate_items([{**_identity(entry), **entry, "state": "absent"} for entry in entries], variable)
    if faults:
        raise AnsibleFilterError(" ".join(faults))
    return [{**_identity(entry), "state": "absent"} for entry in entries]


def decommission_listed(rows: Any, expected: Any) -> list[str]:
    if not isinstance(expected, list):
        raise AnsibleFilterError("decommission_expected must be a list of data sources.")
    entries = enumerate(evaluated(expected))
    listed = [(index, entry) for index, entry in entries if isinstance(entry, dict) and entry.get("state") != "absent"]
    said = []
    for row in evaluated(rows):
        shown = Instance({**row, "domain": {"hostname": row["hostname"]}}, full=True)
        for index, entry in listed:
            item = _identity(entry)
            # Of one that is gone and was named by its id alone nothing else is known.
            if not item or not may_mean(item, shown) or (row["type"] is None and "id" not in item):
                continue
            why = (
                "with ignore: true, so it is left to others: agree with them, and take it out first"
                if entry.get("ignore")
                else "so that the next onboarding would create it again: take it out first"
            )
            said.append(f"{label(row)} is still listed by the onboarding (its item {index}, {label(item)}), {why}.")
            break
    return said
