# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control interface, for people and other processes: from loopback only, with the control token. It is neither counted nor recorded."""
from __future__ import annotations

import dataclasses
import hmac
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from .faults import FaultError
from .switches import SwitchError

if TYPE_CHECKING:
    from .server import EmbeddedTenant

PREFIX = "/control/"
HEADER = "X-Control-Token"
# The members of a new instance that are texts, and those that are lists of texts.
TEXTS = ("type", "name", "identifier", "hostname", "protocol", "selection_type", "status")
LISTS = ("repositories", "state")
# Returns the body, or the body and a status; Flask makes JSON of it.
View = Callable[[], Any]


def register(app: Flask, tenant: EmbeddedTenant) -> None:
    """Add the /control/ paths of one tenant."""

    def add(path: str, method: str, view: View) -> None:
        def guarded() -> Any:
            token_is_right = hmac.compare_digest(request.headers.get(HEADER, "").encode(), tenant.control_token.encode())
            if not token_is_right or not ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback:
                return {"error": f"the control interface needs the header {HEADER} with the token printed at start"}, 403
            return view()

        app.add_url_rule(PREFIX + path, f"control_{method}_{path}", guarded, methods=[method], provide_automatic_options=False)

    def change_switches() -> Any:
        values = request.get_json(silent=True)
        if not isinstance(values, dict):
            return {"error": "send a JSON object of switch names and values"}, 400
        try:
            tenant.set(**values)
        except SwitchError as error:
            return {"error": str(error)}, 400
        return tenant.switches

    def connect() -> Any:
        values: Any = request.get_json(silent=True)
        fault = _connection_fault(values)
        return ({"error": fault}, 400) if fault else ({"id": tenant.add_instance(**values)}, 201)

    def order_fault() -> Any:
        values = request.get_json(silent=True)
        if not isinstance(values, dict) or not isinstance(values.get("kind"), str):
            return {"error": "send a JSON object with kind and the options of the fault"}, 400
        try:
            tenant.fault(**values)
        except FaultError as error:
            return {"error": str(error)}, 400
        return faults()

    def faults() -> Any:
        return {"orders": tenant.faults.orders(), "injected": [dataclasses.asdict(one) for one in tenant.injected]}

    def uploads() -> Any:
        shown = ("collector_id", "repository", "branch", "at", "bytes")
        return [{**{name: getattr(one, name) for name in shown}, "results": len(one.results)} for one in tenant.uploads]

    def after(action: Callable[[], None]) -> View:
        def view() -> Any:
            action()
            return {}

        return view

    add("switches", "GET", lambda: tenant.switches)
    add("switches", "PUT", change_switches)
    add("journal", "GET", lambda: [dataclasses.asdict(entry) for entry in tenant.journal])
    add("journal", "DELETE", after(tenant.clear_journal))
    add("faults", "GET", faults)
    add("faults", "POST", order_fault)
    add("faults", "DELETE", after(tenant.no_more_faults))
    add("instances", "GET", lambda: tenant.instances)
    add("instances", "POST", connect)
    add("uploads", "GET", uploads)
    add("reset", "POST", after(tenant.reset))


def _connection_fault(values: Any) -> str | None:
    """What is wrong with the description of a new instance, or None."""
    if not isinstance(values, dict) or not isinstance(values.get("type"), str):
        return f"send a JSON object with type and any of {', '.join((*TEXTS[1:], *LISTS))}"
    for name, value in values.items():
        if name not in (*TEXTS, *LISTS):
            return f"an instance has no {name}; it has {', '.join((*TEXTS, *LISTS))}"
        if name in TEXTS and not isinstance(value, str):
            return f"{name} must be a text"
        if name in LISTS and not (isinstance(value, list) and all(isinstance(entry, str) for entry in value)):
            return f"{name} must be a list of texts"
    return None
