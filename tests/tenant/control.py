# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control interface, for people and other processes: not rate-limited, not journalled, loopback and the control token only."""
from __future__ import annotations

import dataclasses
import hmac
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, jsonify, request

from .faults import FaultError
from .switches import SwitchError

if TYPE_CHECKING:
    from .server import EmbeddedTenant

PREFIX = "/control/"
HEADER = "X-Control-Token"
# What may be said of an instance that somebody connects: texts, and lists of texts.
TEXTS = ("type", "name", "identifier", "hostname", "protocol", "selection_type", "status")
LISTS = ("repositories", "state")


def register(app: Flask, tenant: EmbeddedTenant) -> None:
    """Add the /control/ paths of one tenant."""

    def guarded(view: Callable[[], Response]) -> Callable[[], Response]:
        def guard() -> Response:
            known = hmac.compare_digest(request.headers.get(HEADER, "").encode(), tenant.control_token.encode())
            if not known or not ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback:
                return _answer({"error": f"the control interface needs the header {HEADER} with the token printed at start"}, 403)
            return view()
        return guard

    def add(path: str, method: str, view: Callable[[], Response]) -> None:
        app.add_url_rule(PREFIX + path, f"control_{method}_{path}", guarded(view), methods=[method], provide_automatic_options=False)

    def change_switches() -> Response:
        values = request.get_json(silent=True)
        if not isinstance(values, dict):
            return _answer({"error": "send a JSON object of switch names and values"}, 400)
        try:
            tenant.set(**values)
        except SwitchError as error:
            return _answer({"error": str(error)}, 400)
        return _answer(tenant.switches)

    def connect() -> Response:
        values = request.get_json(silent=True)
        fault = _connection_fault(values)
        return _answer({"error": fault}, 400) if fault else _answer({"id": tenant.add_instance(**dict(values or {}))}, 201)

    def order_fault() -> Response:
        values = request.get_json(silent=True)
        if not isinstance(values, dict) or not isinstance(values.get("kind"), str):
            return _answer({"error": "send a JSON object with kind and the options of the fault"}, 400)
        try:
            tenant.fault(**values)
        except FaultError as error:
            return _answer({"error": str(error)}, 400)
        return faults()

    def faults() -> Response:
        return _answer({"orders": tenant.faults.orders(), "injected": [dataclasses.asdict(one) for one in tenant.injected]})

    def clear_faults() -> Response:
        tenant.no_more_faults()
        return _answer({})

    def clear_journal() -> Response:
        tenant.clear_journal()
        return _answer({})

    def reset() -> Response:
        tenant.reset()
        return _answer({})

    add("switches", "GET", lambda: _answer(tenant.switches))
    add("switches", "PUT", change_switches)
    add("journal", "GET", lambda: _answer([dataclasses.asdict(entry) for entry in tenant.journal]))
    add("journal", "DELETE", clear_journal)
    add("faults", "GET", faults)
    add("faults", "POST", order_fault)
    add("faults", "DELETE", clear_faults)
    add("instances", "GET", lambda: _answer(tenant.instances))
    add("instances", "POST", connect)
    add("uploads", "GET", lambda: _answer([
        {"collector_id": held.collector_id, "repository": held.repository, "branch": held.branch, "at": held.at, "bytes": held.bytes,
         "results": len(held.results)} for held in tenant.uploads
    ]))
    add("reset", "POST", reset)


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


def _answer(body: Any, status: int = 200) -> Response:
    response = jsonify(body)
    response.status_code = status
    g.body = None
    return response
