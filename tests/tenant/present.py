# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Responses: how the tenant shows instances, tokens and repositories, as the switches for fields and envelopes say."""
from __future__ import annotations

from typing import Any

from . import kinds
from .auth import CollectorToken
from .journal import is_secret_key
from .stored import Stored
from .switches import Switches

MASK = "********"
# Members that the previous generation does not have, and what it shows for statuses that it does not know.
NOT_PREVIOUS = ("scanTypes", "statusDetails", "tenantId", "transporter")
PREVIOUS_STATUS = {"DISABLED": "ERROR", "TRANSPORTER_CONNECTION_DISABLED": "ERROR"}
# Selection types with which `state` is shown even if it is empty.
LISTED = ("CURRENT_STATE", "CURRENT_STATE_PENDING", "MANUAL_SELECTION")
# The members of a repository before the schemas were known.
MIRRORED_REPOSITORY = ("id", "name", "owner", "source", "defaultBranch", "url", "fullRepositoryName", "scannedBranches")


def envelope(word: str, value: Any) -> Any:
    """`value` in an envelope: `root` and `bare` add none, `reply_data` adds two, any other word is the name of one."""
    if word in ("root", "bare"):
        return value
    if word == "reply_data":
        return {"reply": {"data": value}}
    return {word: value}


def item(stored: Stored, switches: Switches) -> dict[str, Any]:
    """The instance as a read by id shows it, as a new object."""
    shown = _published(stored) if switches.fields == "published" else _mirrored(stored, switches)
    if not switches.domain_shown:
        shown.pop("domain", None)
    if switches.count == "by_id":
        shown["repositoriesCount"] = len(stored.shape["state"])
    names = ("creationDate", "lastUpdateDate") if switches.timestamps == "dates" else ("createdAt", "updatedAt")
    shown.update(zip(names, (stored.shape["createdAt"], stored.shape["updatedAt"])))
    if switches.generation == "previous":
        for name in NOT_PREVIOUS:
            shown.pop(name, None)
        shown["status"] = PREVIOUS_STATUS.get(shown["status"], shown["status"])
    return shown


def _published(stored: Stored) -> dict[str, Any]:
    """The members of the vendor's schema, without the times. Which type shows which members is as in the vendor's examples."""
    shape, collector = stored.shape, stored.type == "COLLECTOR"
    members: dict[str, Any] = {
        "id": shape["id"],
        "type": stored.type,
        "typeCategory": None if collector else kinds.category(stored.type),
        "uniqueIdentifier": stored.identifier,
        "domain": {"protocol": "https", **shape["domain"]} if stored.hostname else None,
        "instanceVersion": "1.0.0" if stored.hostname and stored.type in kinds.VCS else None,
        "scanTypes": {name: {"isEnabled": enabled} for name, enabled in _scan_types(stored).items()} or None,
        "selectionType": shape.get("selectionType"),
        "state": list(shape["state"]) if shape["state"] or shape.get("selectionType") in LISTED else None,
        "status": shape["status"],
        "statusDetails": stored.status_details or _status_details(stored) or None,
        "selfSignedCertificate": stored.certificate,
        "transporter": shape["transporter"] if len(shape.get("transporter", {})) == 2 else None,
        "tenantId": None if collector else stored.tenant_id,
    }
    if collector:
        properties = shape["uniqueProperties"]
        members.update(detectionMethod=properties.get("detectionMethod"), fileType=properties.get("fileType"), apiUrl=stored.api_url)
    return {name: value for name, value in members.items() if value is not None}


def _scan_types(stored: Stored) -> dict[str, bool]:
    scans = stored.type in kinds.VCS | kinds.EXTERNAL
    return stored.scan_types or ({"SAST": True, "SCA": True} if scans else {})


def _status_details(stored: Stored) -> dict[str, dict[str, str]]:
    if stored.type not in kinds.VCS:
        return {}
    broken = stored.shape["status"] in ("ERROR", "TRANSPORTER_CONNECTION_DISABLED")
    return {"connection": {"status": "INVALID" if broken else "VALID", "timestamp": stored.shape["updatedAt"]}}


def _mirrored(stored: Stored, switches: Switches) -> dict[str, Any]:
    shape = stored.shape
    shown = {"id": shape["id"], "type": shape["type"]}
    if stored.name is not None and switches.name_shown != "unique_properties":
        shown["name" if switches.name_shown == "root" else "displayName"] = stored.name
    if "domain" in shape:
        shown["domain"] = dict(shape["domain"])
    if switches.unique_properties == "echoed":
        shown["uniqueProperties"] = shape["uniqueProperties"]
    elif switches.unique_properties == "masked":
        shown["uniqueProperties"] = masked(shape["uniqueProperties"])
    for name in ("transporter", "selectionType"):
        if name in shape:
            shown[name] = shape[name]
    shown["state"] = list(shape["state"])
    for name in ("externalProjects", "status"):
        shown[name] = shape[name]
    return shown


def _count(stored: Stored, switches: Switches) -> int:
    selected = len(stored.shape["state"])
    if switches.count != "associated":
        return selected
    # If it is not known what the connection can see: ten more than are selected, as in the vendor's example.
    return len({*stored.repositories, *stored.shape["state"]}) if stored.repositories else selected + 10


def list_item(stored: Stored, switches: Switches) -> dict[str, Any]:
    """The instance as the list shows it: with the number of its repositories; the switch list_fields decides about their names."""
    count = _count(stored, switches)
    if switches.list_fields == "minimal":
        shown = {"id": stored.shape["id"], "state": [], "repositoriesCount": count}
        if "selectionType" in stored.shape:
            shown["selectionType"] = stored.shape["selectionType"]
        return shown
    shown = item(stored, switches)
    if switches.fields == "published":
        for name in ("detectionMethod", "fileType", "apiUrl"):
            shown.pop(name, None)
    if switches.list_fields == "no_state" and "state" in shown:
        shown["state"] = []
    shown["repositoriesCount"] = count
    return shown


def created(stored: Stored, token: CollectorToken | None, switches: Switches) -> dict[str, Any]:
    """The response to a creation, the only one that contains a collector's token."""
    shown = item(stored, switches) if switches.create_body == "full" else {"id": stored.shape["id"]}
    if token is not None:
        shown["apiUrl"] = token.api_url
        shown.update(_token(token, switches.token_names))
    return shown


def _token(token: CollectorToken, names: str) -> dict[str, Any]:
    """The token under the names of the switch token_names."""
    if names == "webhook":
        return {"credentials": {"webhookAuthKey": token.token, "webhookAuthKeyId": int(token.token_id)}}
    if names == "snake":
        return {"token_id": token.token_id, "api_token": token.token}
    if names == "unknown":
        return {"ingestion": {"reference": token.token_id, "value": token.token}}
    camel = {"tokenId": token.token_id, "apiToken": token.token}
    return {"credentials": camel} if names == "nested" else camel


def repository(asset: dict[str, Any], selected: bool, switches: Switches) -> dict[str, Any]:
    """A repository asset; `selected`: whether an instance has selected it."""
    if switches.fields == "mirrored":
        return {name: asset[name] for name in MIRRORED_REPOSITORY if name in asset}
    # The schema does not have fullRepositoryName. An isSelected that a test has set counts.
    shown = {name: value for name, value in asset.items() if name != "fullRepositoryName"}
    return {"isSelected": selected, **shown}


def masked(value: Any, key: str = "") -> Any:
    """A copy in which eight asterisks replace every string with a secret-looking name."""
    if isinstance(value, dict):
        return {name: masked(entry, name) for name, entry in value.items()}
    if isinstance(value, list):
        return [masked(entry, key) for entry in value]
    return MASK if isinstance(value, str) and is_secret_key(key) else value
