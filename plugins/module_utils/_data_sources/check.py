# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that need no request.

Private to the collection, floor 3.
"""

from __future__ import annotations

from .._addresses import host_key
from .._admitted import DEEPEST, deeper
from .._errors import InputError, did_you_mean
from .._http.redaction import looks_secret
from .fields import FIELDS, MANUAL, SELECTION_TYPES, Item, get, is_blank, label, leaves, path_text
from .types import TYPES, is_word


def check_item(item: Item) -> list[str]:
    """Refuse invalid items before any request. Returns warnings; changes nothing. Raises InputError."""
    if not item.get("id") and not item.get("type"):
        raise InputError("give type or id to identify the data source.")
    warnings = _check_type(item.get("type", ""))
    identity = ("id", "identifier", "name", "domain.hostname")
    if item["state"] == "absent" and not any(get(item, option) for option in identity):
        raise InputError(
            "state absent with type alone could delete the wrong instance: give identifier, name, "
            "domain.hostname or id."
        )
    selection = item.get("selection_type")
    if selection and selection not in SELECTION_TYPES:
        other = f"selection_type {selection} is not one of {', '.join(SELECTION_TYPES)}"
        warnings.append(f"{other}: sent as it is.")
    for name in ("repositories", "scope_rules"):
        if name in item and selection not in (None, MANUAL):
            raise InputError(
                f"{name} needs selection_type {MANUAL}, but selection_type is {selection}. Change "
                f"selection_type, or leave {name} out."
            )
    _check_scope(item)
    for name in ("name", "type", "id", "identifier"):
        if name in item and not item[name].strip():
            raise InputError(f"{name} is empty: leave it out or give a value.")
    host, inner_name = get(item, "domain.hostname"), get(item, "unique_properties.name")
    if host is not None and not host_key(host):
        raise InputError("domain.hostname is empty: leave it out or give a host.")
    if inner_name is not None and inner_name != item.get("name", inner_name):
        both = "name and unique_properties.name differ, but both set uniqueProperties.name"
        raise InputError(f"{both}: give only one.")
    for index, repository in enumerate(item.get("repositories", [])):
        if not repository.strip():
            raise InputError(
                f"repositories[{index}] is empty: an identifier is needed, as the platform shows it (for "
                "GitLab group/project)."
            )
    _check_mappings(item)
    if deeper(item.get("unique_properties"), DEEPEST):
        nested = f"unique_properties is nested more than {DEEPEST} deep, deeper than any tenant reports"
        raise InputError(f"{nested}: make it flatter.")
    if item["max_deselect"] < -1:
        raise InputError("max_deselect must be -1 (no limit), 0 or more.")
    return warnings


def _check_type(kind: str) -> list[str]:
    """Returns warnings.

    kind: empty where the item has an id instead.
    """
    if not kind or kind in TYPES:
        return []
    if not is_word(kind):
        close = [name for name in TYPES if name == kind.upper().replace("-", "_").replace(" ", "_")]
        hint = f" Did you mean {close[0]}?" if close else ""
        raise InputError(f"type {kind!r} is not an integration type.{hint} Known: {', '.join(TYPES)}.")
    return [
        f"type {kind} is not one of the {len(TYPES)} types the vendor's guide names: sent as it "
        f"is.{did_you_mean(kind, TYPES)} Known: {', '.join(TYPES)}."
    ]


def _check_mappings(item: Item) -> None:
    mapped: set[tuple[str | None, str | None]] = set()
    for index, mapping in enumerate(item.get("external_projects", [])):
        project = mapping.get("external_project_id") or mapping.get("external_id")
        if not any(mapping.values()):
            raise InputError(f"external_projects[{index}] is empty: give external_id and repo_id.")
        if item["external_projects_mode"] == "remove":
            continue
        if not project:
            raise InputError(
                f"external_projects[{index}] does not name a project: give external_id, and "
                "external_project_id where there is one."
            )
        key = (project, mapping.get("external_branch_name"))
        if key in mapped:
            raise InputError(
                f"external_projects[{index}] maps project {project} a second time: a project (and branch) "
                "has one mapping."
            )
        mapped.add(key)


def check_missing(item: Item) -> None:
    """Refuse what no new data source may have, such as white space around its name. Raises InputError."""
    kind = item.get("type", "")
    suggestion = did_you_mean(kind, [name for name in TYPES if not kind.startswith(f"{name}_")], 0.85)
    if kind not in TYPES and suggestion:
        unknown = f" does not exist, and its type {kind} is not known.{suggestion}"
        raise InputError(unknown, subject=label(item))
    if item["state"] == "absent":
        return
    for option in ("name", "identifier"):
        if item.get(option, "") != item.get(option, "").strip():
            raise InputError(f": {option} begins or ends with white space: remove it.", subject=label(item))
    host = get(item, "domain.hostname") or ""
    if "://" in host or host.endswith("/"):
        bare, slash, _path = host_key(host).partition("/")
        advice = f"Give the host alone, {bare}, and its scheme as domain.protocol."
        if slash:
            advice += f" If the product is served under a path, add the path: {host_key(host)}."
        raise InputError(f": domain.hostname is a URL. {advice}", subject=label(item))


def _check_scope(item: Item) -> None:
    rules, candidates = item.get("scope_rules"), item.get("scope_candidates")
    if rules is None:
        if candidates is not None:
            raise InputError("scope_candidates only works with scope_rules: give both or neither.")
        return
    if "repositories" in item:
        raise InputError("repositories and scope_rules both define what is selected: give only one.")
    if item["repositories_mode"] == "remove":
        raise InputError(
            "repositories_mode remove cannot be combined with scope_rules: exact deselects what the rules do "
            "not include."
        )
    if not rules:
        empty = "scope_rules is empty, which would include nothing"
        raise InputError(f"{empty}: give at least one include, or leave it out.")
    for index, rule in enumerate(rules):
        if len(rule) != 1 or not all(pattern.strip() for pattern in rule.values()):
            one = f"scope_rules[{index}] must have one of include and exclude"
            raise InputError(f"{one}, with a pattern such as platform/*.")
    if not isinstance(candidates, (list, str)) or not candidates:
        raise InputError(
            "scope_rules needs scope_candidates: all existing repositories, as a list or as the path of a "
            "file on the host of the module, since the tenant's own list of repositories may be incomplete."
        )
    for index, candidate in enumerate(candidates if isinstance(candidates, list) else []):
        if not isinstance(candidate, str) or not candidate.strip():
            raise InputError(f"scope_candidates[{index}] is not a repository: give a string.")


def empty_secrets(item: Item, options: tuple[str, ...] = ()) -> list[str]:
    """The paths of empty credentials, certificate and secrets among the settings: sent only at creation.

    options: those that the creation accepts. Credentials without any secret count as lacking those secrets.
    """
    sent = [f.option for f in FIELDS if f.write_only or f.option == "self_signed_certificate"]
    empty = [option for option in sent if is_blank(get(item, option))]
    secrets = [f.option for f in FIELDS if f.secret and not f.option.startswith("credentials.webhook")]
    without_secret = "credentials" in item and not any(get(item, option) for option in secrets)
    if without_secret and not empty:
        empty = [option for option in options if option in secrets]
    for path, value in leaves(item.get("unique_properties"), ("unique_properties",)):
        if (value is None or is_blank(value)) and any(map(looks_secret, path)):
            empty.append(path_text(path))
    return empty
