# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GitLab of most examples: described, and put into a tenant."""

from __future__ import annotations

from typing import Any

from tenant.server import EmbeddedTenant

MANUAL = "MANUAL_SELECTION"
GITLAB: dict[str, Any] = {
    "type": "GITLAB_SELF_MANAGED",
    "name": "gitlab-core",
    "domain": {"hostname": "gitlab.example.com", "protocol": "https"},
}
NEW_GITLAB: dict[str, Any] = {
    **GITLAB,
    "credentials": {"client_id": "cortex", "client_secret": "s3cret"},
    "selection_type": MANUAL,
    "repositories": ["platform/api", "platform/web"],
}


def gitlab(tenant: EmbeddedTenant, **fields: Any) -> str:
    """The GitLab above, there already, with three repositories."""
    there = {
        "type": "GITLAB_SELF_MANAGED",
        "name": "gitlab-core",
        "hostname": "gitlab.example.com",
        "protocol": "https",
        "selection_type": MANUAL,
        "state": ["a/1", "a/2", "a/3"],
    }
    return tenant.add_instance(**{**there, **fields})


def only(tenant: EmbeddedTenant) -> dict[str, Any]:
    (instance,) = tenant.instances.values()
    return instance


def writes(tenant: EmbeddedTenant) -> list[str]:
    return [entry.method for entry in tenant.writes]
