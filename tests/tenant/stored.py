# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One instance as the tenant keeps it."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

API = "/public_api/appsec/v1"


@dataclass
class Stored:
    """`shape` is the instance in the words of requests: type, domain, uniqueProperties, state, externalProjects, transporter, status.

    The other fields are what only some replies show, or none.
    """

    shape: dict[str, Any]
    # Where the tenant is reached, for the address of a collector.
    origin: Callable[[], str] = str
    # The published name of an instance.
    identifier: str | None = None
    certificate: str | None = None
    tenant_id: str = ""
    # {"SAST": True}, and statusDetails in the published form.
    scan_types: dict[str, bool] = field(default_factory=dict)
    status_details: dict[str, dict[str, str]] = field(default_factory=dict)
    # The repositories that the connection can see, selected or not, and whether the first scan still has to select them.
    repositories: list[str] = field(default_factory=list)
    unscanned: bool = False
    # SHA-256 of each credential sent.
    hashes: dict[str, str] = field(default_factory=dict)
    # Reads by id left before the instance is set up.
    settling: int = 0
    disabled: bool = False
    # Steady seconds, for a list that lags behind.
    born: float = 0.0
    died: float | None = None

    @property
    def type(self) -> str:
        return str(self.shape["type"])

    @property
    def name(self) -> str | None:
        name: str | None = self.shape.get("uniqueProperties", {}).get("name")
        return name

    @property
    def hostname(self) -> str:
        return str(self.shape.get("domain", {}).get("hostname", "")).lower()

    @property
    def api_url(self) -> str:
        """Where a collector takes uploads."""
        return f"{self.origin()}{API}/collectors/{self.shape['id']}"
