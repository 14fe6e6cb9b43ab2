# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One instance as the tenant stores it."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

API = "/public_api/appsec/v1"


@dataclass
class Stored:
    """`shape` is the instance with the members of requests: type, domain, uniqueProperties, state, externalProjects, transporter, status.

    The other fields appear in some responses only, or in none.
    """

    shape: dict[str, Any]
    # Returns the tenant's address, for that of a collector.
    origin: Callable[[], str] = str
    # uniqueIdentifier
    identifier: str | None = None
    certificate: str | None = None
    tenant_id: str = ""
    # Such as {"SAST": True}; and statusDetails in the published form.
    scan_types: dict[str, bool] = field(default_factory=dict)
    status_details: dict[str, dict[str, str]] = field(default_factory=dict)
    # The repositories that the connection can see, selected or not; and whether the first scan has yet to select them.
    repositories: list[str] = field(default_factory=list)
    unscanned: bool = False
    # SHA-256 of each credential, by its name.
    hashes: dict[str, str] = field(default_factory=dict)
    # How many more reads by id it takes until the instance is set up.
    settling: int = 0
    disabled: bool = False
    # When it was created and deleted, on the steady clock: for a list that lags behind.
    created: float = 0.0
    deleted: float | None = None

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
        """Where a collector accepts uploads."""
        return f"{self.origin()}{API}/collectors/{self.shape['id']}"
