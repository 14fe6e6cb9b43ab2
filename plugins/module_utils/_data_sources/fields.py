# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The field table. Argument spec, request bodies, comparison, diff and redaction are made from it.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from .._admitted import Raw, Unreadable, count_from, unreadable_within
from .._http.redaction import is_masked
from .status import GOOD

Item = dict[str, t.Any]  # desired, in the shape of the options, without unset keys

MODES = ("merge", "exact", "remove")
MANUAL = "MANUAL_SELECTION"
# From the widest to the narrowest.
SELECTION_TYPES = ("CURRENT_STATE_AND_FUTURE", "CURRENT_STATE", MANUAL)
# Words that the tenant shows for one of them, but never accepts.
_SHOWN_AS = {"CURRENT_STATE_PENDING": "CURRENT_STATE"}
COLLECTOR = "COLLECTOR"
# What a collector is created with, unless unique_properties says otherwise (docs/api.md: create.properties).
# Shown at the root.
COLLECTOR_SETTINGS = {"detectionMethod": "SAST", "fileType": "SARIF"}


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a data source.

    option: its name for the user, dots for sub-options.
    api: its path in the API's JSON (docs/api.md: create.body, update.body).
    at: the calls that may contain it, "create", "update" or both; empty for fields that only the tenant sets.
    older: its path at an older tenant.
    write_only: sent, never shown by the tenant, never compared.
    secret: never in any output.
    """

    option: str
    api: str
    type: str = "str"
    at: tuple[str, ...] = ("create",)
    write_only: bool = False
    secret: bool = False
    older: str = ""


FIELDS = (
    Field("type", "type"),
    Field("name", "uniqueProperties.name", at=("create", "update")),
    Field("domain.hostname", "domain.hostname"),
    Field("domain.protocol", "domain.protocol"),
    Field("credentials.type", "credentials.type", write_only=True),
    Field("credentials.token", "credentials.token", write_only=True, secret=True),
    Field("credentials.refresh_token", "credentials.refreshToken", write_only=True, secret=True),
    Field("credentials.client_id", "credentials.clientId", write_only=True),
    Field("credentials.client_secret", "credentials.clientSecret", write_only=True, secret=True),
    Field("credentials.username", "credentials.username", write_only=True),
    Field("credentials.password", "credentials.password", write_only=True, secret=True),
    Field("credentials.webhook_auth_key_id", "credentials.webhookAuthKeyId", write_only=True),
    Field("credentials.webhook_auth_key", "credentials.webhookAuthKey", write_only=True, secret=True),
    Field("transporter.broker_device_id", "transporter.brokerDeviceId"),
    Field("transporter.connection_name", "transporter.connectionName"),
    Field("self_signed_certificate", "selfSignedCertificate"),
    Field("selection_type", "selectionType", at=("update",)),
    Field("repositories", "state", "names", at=("update",)),
    Field("external_projects", "externalProjects", "mappings", at=("update",)),
    Field("unique_properties", "uniqueProperties", "dict", at=("create", "update")),
    Field("id", "id", at=()),
    Field("identifier", "uniqueIdentifier", at=()),
    Field("status", "status", at=()),
    Field("repositories_count", "repositoriesCount", "int", at=()),
    Field("status_details", "statusDetails", "components", at=()),
    Field("scan_types", "scanTypes", "switches", at=()),
    Field("tenant_id", "tenantId", at=()),
    Field("api_url", "apiUrl", at=()),
    Field("created_at", "creationDate", at=(), older="createdAt"),
    Field("updated_at", "lastUpdateDate", at=(), older="updatedAt"),
)

# Lists whose order does not matter.
LISTS = tuple(f.option for f in FIELDS if f.type in ("names", "mappings"))
# The options that an instance shows, in the order of plans and exports.
REPORTED = tuple(dict.fromkeys(f.option.partition(".")[0] for f in FIELDS if f.at and not f.write_only))
# Options that are set at creation and compared later, but cannot be updated.
IMMUTABLE = tuple(f.option for f in FIELDS if f.at == ("create",) and not f.write_only)
# Options that are sent at creation and never shown again.
CREDENTIALS = frozenset(f.option for f in FIELDS if f.write_only)
# Members of a request body that the tenant never shows.
WRITE_ONLY = frozenset(f.api.partition(".")[0] for f in FIELDS if f.write_only)

# Where an instance lists the selection, and the members that give its size.
STATE = next(f.api for f in FIELDS if f.option == "repositories")
SELECTION = tuple(
    f.api for f in FIELDS if f.option in ("selection_type", "repositories", "repositories_count")
)

# One entry of external_projects: a vendor's project or branch -> a Cortex repository or branch
# (docs/api.md: update.projects).
MAPPING = {
    "external_project_id": "externalProjectId",
    "external_id": "externalId",
    "external_branch_name": "externalBranchName",
    "repo_id": "repoId",
    "branch_name": "branchName",
}

# The members of one component in status_details.
DETAIL = ("status", "message", "error", "timestamp")


def _forms() -> dict[str, t.Any]:
    """The form of each member of an instance: a type, or the forms of its own members."""
    forms: dict[str, t.Any] = {}
    for field in FIELDS:
        number = field.type == "str" and not field.at and field.option not in ("identifier", "status")
        form = "number or text" if number else field.type
        for api in filter(None, (field.api, field.older)):
            parent, _dot, leaf = api.rpartition(".")
            if parent != "uniqueProperties":
                (forms.setdefault(parent, {}) if parent else forms)[leaf] = form
    return forms


_FORMS = _forms()
# Members that an update replaces, and their counts: an unreadable value must not count as empty.
REPLACED = tuple(field.api for field in FIELDS if "update" in field.at and "." not in field.api)
_KEPT = (*REPLACED, *(field.api for field in FIELDS if field.type == "int"))

# Used to find the instance; not part of it.
BEHAVIOUR: dict[str, dict[str, t.Any]] = {
    "state": {"type": "str", "choices": ["present", "created", "absent"], "default": "present"},
    "id": {"type": "str"},
    "identifier": {"type": "str"},
    "repositories_mode": {"type": "str", "choices": list(MODES), "default": "merge"},
    "scope_rules": {
        "type": "list",
        "elements": "dict",
        "options": {"include": {"type": "str"}, "exclude": {"type": "str"}},
    },
    "scope_candidates": {"type": "raw"},
    "external_projects_mode": {"type": "str", "choices": list(MODES), "default": "merge"},
    "external_projects_update": {"type": "str", "choices": ["always", "on_create"], "default": "always"},
    "update_unique_properties": {"type": "str", "choices": ["on_create", "always"], "default": "on_create"},
    "uncreatable": {"type": "str", "choices": ["pending", "fail"], "default": "pending"},
    "max_deselect": {"type": "int", "default": 10},
    "recreate": {"type": "str", "choices": ["never", "when_immutable_differs"], "default": "never"},
    "backup_dir": {"type": "path"},
    "wait": {"type": "bool", "default": False},
    "wait_for_status": {"type": "list", "elements": "str", "default": list(GOOD)},
    "wait_timeout": {"type": "float", "default": 120.0},
    "credentials_file": {"type": "path"},
    "return_credentials": {"type": "bool", "default": False, "no_log": False},
}


def argument_spec(*, in_list: bool = False) -> dict[str, t.Any]:
    """The argument spec of one data source, made from the tables above.

    in_list: as an item of data_sources.
    """
    spec: dict[str, t.Any] = {name: dict(option) for name, option in BEHAVIOUR.items()}
    if in_list:
        spec["ignore"] = {"type": "bool", "default": False}
    lists: dict[str, dict[str, t.Any]] = {
        "names": {"type": "list", "elements": "str"},
        "mappings": {"type": "list", "elements": "dict", "options": {m: {"type": "str"} for m in MAPPING}},
    }
    for field in (field for field in FIELDS if field.at):
        parent, _dot, leaf = field.option.rpartition(".")
        if parent:
            spec.setdefault(parent, {"type": "dict", "no_log": False, "options": {}})
        options = spec[parent]["options"] if parent else spec
        options[leaf] = lists.get(field.type, {"type": field.type, "no_log": field.secret})
    spec["domain"]["options"]["protocol"]["choices"] = ["https", "http"]
    return spec


def item_from(params: dict[str, t.Any]) -> Item:
    """The user's item without unset and null options; empty ones are kept.

    A null key of unique_properties is left out too; a deeper null is a vendor's value. A name in them is the
    item's name if it has no other. White space around a host is removed.
    """
    item = {k: _without_null(v, k != "unique_properties") for k, v in params.items() if v is not None}
    if isinstance(host := get(item, "domain.hostname"), str):
        put(item, "domain.hostname", host.strip())
    named = get(item, "unique_properties.name")
    return {**item, "name": named} if "name" not in item and isinstance(named, str) else item


def _without_null(value: t.Any, deep: bool) -> t.Any:
    if isinstance(value, dict):
        return {k: _without_null(v, deep) if deep else v for k, v in value.items() if v is not None}
    if isinstance(value, list) and deep:
        return [_without_null(v, deep) for v in value]
    return value


def get(tree: t.Any, path: str) -> t.Any:
    """The value at a dotted path, or None."""
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def put(tree: dict[str, t.Any], path: str, value: t.Any) -> None:
    """Set the value at a dotted path, creating the objects on the way."""
    *parents, leaf = path.split(".")
    for key in parents:
        tree = tree.setdefault(key, {})
    tree[leaf] = value


def leaves(tree: t.Any, path: tuple[str | int, ...] = ()) -> t.Iterator[tuple[tuple[str | int, ...], t.Any]]:
    """Each value of a JSON tree that is not an object or a list, after its keys and positions."""
    if isinstance(tree, (dict, list)):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from leaves(value, (*path, key))
    else:
        yield path, tree


def path_text(path: tuple[str | int, ...]) -> str:
    """A path of leaves() as messages show it, such as credentials.token or unique_properties.hosts[0]."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


def readable(raw: Raw) -> tuple[Raw, list[str]]:
    """The members of an instance that have the expected form, and the names of the others.

    The others are dropped. One that an update replaces becomes Unreadable: its content is unknown, so it must
    not be replaced.
    """
    fit: Raw = {}
    odd = []
    for member, value in raw.items():
        fitting = _fitting(value, _FORMS[member]) if member in _FORMS and value is not None else value
        shorter = isinstance(fitting, dict) and len(fitting) < sum(v is not None for v in value.values())
        if isinstance(fitting, Unreadable) or shorter:
            odd.append(member)
        if not isinstance(fitting, Unreadable) or fitting or member in _KEPT:
            fit[member] = fitting
    # Its name identifies it, whatever else is unreadable.
    name = get(raw, "uniqueProperties.name")
    if isinstance(fit.get("uniqueProperties"), Unreadable) and isinstance(name, str):
        fit["name"] = fit.get("name") or name
    return fit, odd


def _fitting(value: t.Any, form: t.Any) -> t.Any:
    """The value, or Unreadable.

    form: a type of a field, or the forms of an object's members, each checked on its own.
    """
    if isinstance(form, dict):
        if not isinstance(value, dict):
            return Unreadable()
        members = {k: _fitting(v, form[k]) if k in form else v for k, v in value.items() if v is not None}
        return {k: v for k, v in members.items() if not isinstance(v, Unreadable) or v}
    if form == "number or text" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if form in ("str", "number or text"):
        return value if isinstance(value, str) else Unreadable()
    if form == "int":
        count = count_from(value)
        return Unreadable() if count is None else count
    fits = isinstance(value, dict if form in ("dict", "components", "switches") else list)
    if form == "names":
        fits = fits and all(isinstance(v, str) for v in value)
    elif form == "mappings":
        texts = (str, type(None))
        fits = fits and all(isinstance(m, dict) for m in value)
        fits = fits and all(isinstance(m.get(k), texts) for m in value for k in MAPPING.values())
    if form in ("names", "mappings", "dict"):
        fits = fits and not unreadable_within(value)
    return value if fits else Unreadable()


def from_api(raw: Raw) -> Item:
    """An instance in the shape of the options, with the fields that the tenant shows."""
    item: Item = {}
    for field in FIELDS:
        value = get(raw, field.api)
        if value is None and field.older:
            value = get(raw, field.older)
        if value is None or field.write_only or is_blank(value):
            continue
        if field.type == "mappings":
            mappings = [m for m in value if isinstance(m, dict)]
            value = [{o: m[api] for o, api in MAPPING.items() if m.get(api) is not None} for m in mappings]
        elif field.type == "names":
            value = [str(v) for v in value if not is_blank(v)] if isinstance(value, list) else None
        elif field.type == "components":
            # Only these members: another one might contain a secret.
            value = {
                str(name): {k: str(v[k]) for k in DETAIL if isinstance(v.get(k), (str, int, float))}
                for name, v in _objects(value)
            }
        elif field.type == "switches":
            switches = {str(name): v.get("isEnabled") for name, v in _objects(value)}
            value = {name: on for name, on in switches.items() if isinstance(on, bool)}
        if value is not None:
            put(item, field.option, value)
    if names := reported_names(raw):
        item["name"] = names[0]
    if "selection_type" in item:
        # In the table's spelling, if it is one of the table.
        word = item["selection_type"].strip().upper()
        word = _SHOWN_AS.get(word, word)
        item["selection_type"] = word if word in SELECTION_TYPES else item["selection_type"]
    if "unique_properties" not in item and (settings := collector_settings(raw)):
        item["unique_properties"] = settings
    if "id" in item:
        item["id"] = str(item["id"])
    return item


def is_blank(value: t.Any) -> bool:
    """Whether it is an empty or blank string, which counts as not shown and is not a valid option."""
    return isinstance(value, str) and not value.strip()


def _objects(value: t.Any) -> list[tuple[t.Any, Raw]]:
    """The members of an object that are objects."""
    return [(name, v) for name, v in value.items() if isinstance(v, dict)] if isinstance(value, dict) else []


def reported_names(raw: Raw) -> list[str]:
    """The name, wherever the tenant shows it; of a collector the identifier is one
    (docs/api.md: instance.identifier, instance.older).
    """
    members = ["name", "displayName", "uniqueProperties.name"]
    if str(raw.get("type") or "").upper() == COLLECTOR:
        members.append("uniqueIdentifier")
    names = [name for member in members if isinstance(name := get(raw, member), str)]
    return list(dict.fromkeys(name for name in names if not is_blank(name) and not is_masked(name)))


def is_published(raw: Raw) -> bool:
    """Whether an instance has the published form, without uniqueProperties (docs/api.md: instance.hidden)."""
    return "uniqueProperties" not in raw and ("creationDate" in raw or bool(raw.get("uniqueIdentifier")))


def last_update(raw: Raw) -> str | None:
    """Time of the last change, as the tenant writes it; None when it is not shown, as by older tenants."""
    updated = raw.get("lastUpdateDate")
    return updated if isinstance(updated, str) else None


def collector_settings(raw: Raw) -> Raw:
    """The settings that a collector, and no other type, shows at its root (docs/api.md: create.collector)."""
    return {key: raw[key] for key in COLLECTOR_SETTINGS if isinstance(raw.get(key), str)}


def to_create(item: Item) -> Raw:
    """The POST body: the given documented fields without nulls and scope (docs/api.md: create.body)."""
    body: Raw = {}
    defaults = COLLECTOR_SETTINGS if item.get("type") == COLLECTOR else {}
    settings = {**defaults, **item.get("unique_properties", {})}
    if settings or "unique_properties" in item:
        body["uniqueProperties"] = settings
    for field in FIELDS:
        value = get(item, field.option)
        if "create" in field.at and value is not None and field.type != "dict":
            put(body, field.api, value)
    if "name" not in item and "identifier" in item:
        # The likely identifier: a collector's is its name; an exported item has no other.
        put(body, "uniqueProperties.name", item["identifier"])
    if "domain" in body:
        # Both members are required (docs/api.md: create.body).
        body["domain"].setdefault("protocol", "https")
    return body


def mappings_to_api(mappings: list[dict[str, str]]) -> list[Raw]:
    """Each with all five keys, which the tenant requires (docs/api.md: update.projects); one of an older
    tenant without its main key is sent as it was shown.
    """
    return [{api: m.get(o) for o, api in MAPPING.items() if o in m or m.get("external_id")} for m in mappings]


def label(item: Item) -> str:
    """The name of an item in messages: GITLAB_SELF_MANAGED "gitlab-core" (id 12)."""
    parts = [item.get("type") or "data source"]
    name = item.get("name") or item.get("identifier") or get(item, "domain.hostname")
    if name:
        # As JSON: a name with a line break must not look like two lines of a plan.
        parts.append(json.dumps(name, ensure_ascii=False))
    if item.get("id"):
        parts.append(f"(id {item['id']})")
    return " ".join(parts)
