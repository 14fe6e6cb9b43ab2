# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`console.py BEFORE|LATER`: connects data sources in the embedded tenant, as a person would in a tenant's console.

The identifiers are chosen by the vendor, as on a real tenant: an organization or a workspace, seldom the name that a
company would choose.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import requests

SERVICES = [f"{group}/service-{number}" for group in ("payments", "identity", "catalog", "logistics") for number in range(1, 61)]
FIRMWARE = [f"FW/{board}" for board in ("gateway", "meter", "thermostat", "valve", "bootloader")]
SHOP = [f"storefront/{name}" for name in ("checkout", "search", "recommendations", "ios-app", "android-app", "wiki")]

BEFORE: list[dict[str, Any]] = [
    {"type": "GITHUB_ENTERPRISE", "identifier": "storefront", "hostname": "github.example.com", "repositories": SHOP},
    {"type": "GITLAB_SELF_MANAGED", "identifier": "platform-group", "hostname": "gitlab.example.com", "repositories": SERVICES},
    {"type": "BITBUCKET_DATACENTER", "identifier": "FW", "hostname": "bitbucket.example.com", "repositories": FIRMWARE,
     "state": FIRMWARE, "selection_type": "CURRENT_STATE_AND_FUTURE"},
    {"type": "JENKINS_SERVER", "identifier": "jenkins-release", "hostname": "jenkins.example.com"},
    {"type": "HCP_TFC_RUN_TASKS", "identifier": "example-infrastructure", "hostname": "app.terraform.io"},
    {"type": "SNYK", "identifier": "example-organization", "hostname": "api.eu.snyk.io"},
]
LATER: list[dict[str, Any]] = [{"type": "SONARQUBE", "identifier": "example-quality", "hostname": "sonarqube.example.com"}]


def main(when: str) -> None:
    for instance in {"BEFORE": BEFORE, "LATER": LATER}[when]:
        response = requests.post(
            f"{os.environ['TENANT_CONTROL_URL']}/instances",
            json={"protocol": "https", **instance},
            headers={"X-Control-Token": os.environ["TENANT_CONTROL_TOKEN"]},
            timeout=10,
        )
        response.raise_for_status()
        sys.stdout.write(f"  {instance['type']:<22} {instance['identifier']:<24} {instance['hostname']}\n")


if __name__ == "__main__":
    main(sys.argv[1])
