# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the tenant shows what it holds, under the switches for fields and envelopes (contract sections 3.1 to 3.3, 5, 7.1)."""
from __future__ import annotations

from typing import Any

from .auth import CollectorToken
from .journal import is_secret_key
from .state import Stored
from .switches import Switches

MASK = "********"


def envelope(word: str, value: Any) -> Any:
    """`value` in the named envelope; `root` and `bare` are none."""
    if word in ("root", "bare"):
        return value
    if word == "reply_data":
        return {"reply": {"data": value}}
    return {word: value}


def item(stored: Stored, switches: Switches) -> dict[str, Any]:
    """The instance as a read by id shows it, a fresh object."""
    shape = stored.shape
    shown = {"id": shape["id"], "type": shape["type"]}
    if stored.name is not None and switches.name_shown != "unique_properties":
        shown["name" if switches.name_shown == "root" else "displayName"] = stored.name
    if "domain" in shape and switches.domain_shown:
        shown["domain"] = dict(shape["domain"])
    if switches.unique_properties == "echoed":
        shown["uniqueProperties"] = shape["uniqueProperties"]
    elif switches.unique_properties == "masked":
        shown["uniqueProperties"] = masked(shape["uniqueProperties"])
    for name in ("transporter", "selectionType"):
        if name in shape:
            shown[name] = shape[name]
    shown["state"] = list(shape["state"])
    shown["repositoriesCount"] = len(shape["state"])
    for name in ("externalProjects", "status", "createdAt", "updatedAt"):
        shown[name] = shape[name]
    return shown


def list_item(stored: Stored, switches: Switches) -> dict[str, Any]:
    """The instance as the list shows it: by default without its repositories, though with their number."""
    if switches.list_fields == "minimal":
        shown = {"id": stored.shape["id"], "state": [], "repositoriesCount": len(stored.shape["state"])}
        if "selectionType" in stored.shape:
            shown["selectionType"] = stored.shape["selectionType"]
        return shown
    shown = item(stored, switches)
    if switches.list_fields == "no_state":
        shown["state"] = []
    return shown


def created(stored: Stored, token: CollectorToken | None, switches: Switches) -> dict[str, Any]:
    """The creation reply; the only place where a collector's token appears."""
    shown = item(stored, switches) if switches.create_body == "full" else {"id": stored.shape["id"]}
    if token is not None:
        names = ("token_id", "api_token") if switches.token_names == "snake" else ("tokenId", "apiToken")
        secret = dict(zip(names, (token.token_id, token.token)))
        shown["apiUrl"] = token.api_url
        shown.update({"credentials": secret} if switches.token_names == "nested" else secret)
    return shown


def masked(value: Any, key: str = "") -> Any:
    """A copy with every string under a secret-looking key replaced by eight asterisks."""
    if isinstance(value, dict):
        return {name: masked(entry, name) for name, entry in value.items()}
    if isinstance(value, list):
        return [masked(entry, key) for entry in value]
    return MASK if isinstance(value, str) and is_secret_key(key) else value
