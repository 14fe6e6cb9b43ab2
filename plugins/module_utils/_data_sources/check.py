# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, what can be seen to be wrong before the tenant is asked.
from __future__ import annotations

from .._errors import InputError
from .fields import MANUAL, SELECTION_TYPES, Item, get, hostname_key
from .types import TYPES


def check_item(item: Item) -> list[str]:
    """Refuse, before any request, what cannot be meant. Returns warnings; raises InputError."""
    warnings = []
    if not item.get("id") and not item.get("type"):
        raise InputError("type or id is needed to tell which data source is meant.")
    wanted = item.get("type", "")
    if wanted and wanted not in TYPES:
        if wanted != wanted.upper() or not wanted.replace("_", "").isalnum():
            close = [name for name in TYPES if name == wanted.upper().replace("-", "_").replace(" ", "_")]
            raise InputError(
                f"type {wanted!r} is no integration type.{f' Did you mean {close[0]}?' if close else ''} Known: {', '.join(TYPES)}."
            )
        warnings.append(
            f"type {wanted} is not one of the {len(TYPES)} types the vendor's guide names: sent as it is. Known: {', '.join(TYPES)}."
        )
    if item["state"] == "absent" and not item.get("id") and not item.get("name") and not get(item, "domain.hostname"):
        raise InputError("state absent with type alone could delete the wrong instance: give name, domain.hostname or id.")
    selection = item.get("selection_type")
    if selection and selection not in SELECTION_TYPES:
        warnings.append(f"selection_type {selection} is none of {', '.join(SELECTION_TYPES)}: sent as it is.")
    if "repositories" in item and selection not in (None, MANUAL):
        raise InputError(
            f"repositories needs selection_type {MANUAL}, but selection_type is {selection}: a list and a rule cannot both hold."
        )
    for name in ("name", "type", "id"):
        if name in item and not item[name].strip():
            raise InputError(f"{name} is empty: leave it out or give a value.")
    if get(item, "domain.hostname") is not None and not hostname_key(item["domain"]["hostname"]):
        raise InputError("domain.hostname is empty: leave it out or give a host.")
    if get(item, "unique_properties.name") is not None and "name" in item and item["unique_properties"]["name"] != item["name"]:
        raise InputError("name and unique_properties.name differ, but both mean uniqueProperties.name: give one.")
    if "name" not in item and isinstance(get(item, "unique_properties.name"), str):
        item["name"] = item["unique_properties"]["name"]
    for index, repository in enumerate(item.get("repositories", [])):
        if not repository.strip():
            raise InputError(
                f"repositories[{index}] is empty: an identifier is needed, as the platform shows it (for GitLab group/project)."
            )
    mapped: set[tuple[str | None, str | None]] = set()
    for index, mapping in enumerate(item.get("external_projects", [])):
        project = mapping.get("external_project_id") or mapping.get("external_id")
        if not any(mapping.values()):
            raise InputError(f"external_projects[{index}] is empty: give external_project_id or external_id, and repo_id.")
        if item["external_projects_mode"] == "remove":
            continue
        if not project:
            raise InputError(f"external_projects[{index}] names no project: give external_project_id or external_id.")
        key = (project, mapping.get("external_branch_name"))
        if key in mapped:
            raise InputError(f"external_projects[{index}] maps project {project} a second time: a project (and branch) has one mapping.")
        mapped.add(key)
    if item["max_deselect"] < -1:
        raise InputError("max_deselect must be -1 (no limit) or a number from 0.")
    return warnings
