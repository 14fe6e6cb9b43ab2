# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain caller of the tenant, a clock to move, and documents to send."""
from __future__ import annotations

import copy
import hashlib
import secrets
import string
from typing import Any

import requests

from tenant.auth import Key
from tenant.clock import Clock
from tenant.server import EmbeddedTenant
from tenant.state import API

# The profile of the older readings.
OLDER = "default"
INSTANCES = f"{API}/data_source_instances"
REPOSITORIES = f"{API}/repositories"
UNSCANNED = f"{API}/scans/unscanned-repositories"
UNAUTHORIZED = {"reply": {"err_code": 401, "err_msg": "Public API request unauthorized", "err_extra": None}}

GITLAB: dict[str, Any] = {
    "type": "GITLAB_SELF_MANAGED",
    "domain": {"hostname": "gitlab.example.com", "protocol": "https"},
    "uniqueProperties": {"name": "gitlab-core"},
    "credentials": {"type": "OAUTH", "clientId": "application-1", "clientSecret": "not-a-real-secret"},
}
COLLECTOR: dict[str, Any] = {"type": "COLLECTOR", "uniqueProperties": {"name": "semgrep", "detectionMethod": "SAST", "fileType": "SARIF"}}
SCOPE = {"selectionType": "MANUAL_SELECTION", "state": ["shop/web", "shop/api"]}


class SteppedClock(Clock):
    """Stands still until a test changes `time`."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def steady(self) -> float:
        return self.time


def nonce() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _unused in range(64))


def signed(key: Key, at: float, with_nonce: str | None = None) -> dict[str, str]:
    """The headers of an advanced key; `at` in epoch seconds."""
    chosen, timestamp = with_nonce or nonce(), str(int(at * 1000))
    signature = hashlib.sha256(f"{key.key}{chosen}{timestamp}".encode()).hexdigest()
    return {"x-xdr-auth-id": key.id, "x-xdr-nonce": chosen, "x-xdr-timestamp": timestamp, "Authorization": signature}


class Caller:
    """Calls one tenant with one of its keys."""

    def __init__(self, tenant: EmbeddedTenant, key: str = "admin") -> None:
        self.tenant, self.key, self.session = tenant, tenant.keys[key], requests.Session()
        self.session.trust_env = False

    def headers(self) -> dict[str, str]:
        if self.key.type == "standard":
            return {"x-xdr-auth-id": self.key.id, "Authorization": self.key.key}
        return signed(self.key, self.tenant.clock_now())

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers(), **options.pop("headers", {})}
        return self.raw(method, path, headers, **options)

    def raw(self, method: str, path: str, headers: dict[str, str], **options: Any) -> requests.Response:
        """Send exactly these headers."""
        return self.session.request(method, self.tenant.url + path, headers=headers, timeout=10, **options)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.send("GET", path, params=params)

    def post(self, path: str, body: Any, **params: Any) -> requests.Response:
        return self.send("POST", path, json=body, params=params)

    def put(self, path: str, body: Any) -> requests.Response:
        return self.send("PUT", path, json=body)

    def delete(self, path: str) -> requests.Response:
        return self.send("DELETE", path)

    def create(self, body: dict[str, Any], **changes: Any) -> str:
        reply = self.post(INSTANCES, {**body, **changes})
        assert reply.status_code == self.tenant.switches["create_status"], reply.text
        return str(reply.json()["id"])


RESULT: dict[str, Any] = {
    "ruleId": "sql-injection",
    "level": "error",
    "message": {"text": "Query built from input"},
    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/app.py"}, "region": {"startLine": 7}}}],
}


def sarif(*results: dict[str, Any]) -> dict[str, Any]:
    """An acceptable document with these results, or with RESULT."""
    driver = {"name": "semgrep", "rules": [{"id": "sql-injection"}]}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": copy.deepcopy(list(results) or [RESULT])}]}


def result(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(RESULT), **changes}
