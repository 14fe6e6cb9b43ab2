# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies embedded tenants in this process, without Ansible: what the tests of verify and the contributed profiles share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.client import Client
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.connection import Connection
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._verify.run import verify
from tenant.server import EmbeddedTenant

REPOSITORY = "https://github.com/bakery/repository-1"
FILLED = ("gitlab", "collector", "snyk", "repositories")


# What may be there besides, and what verify must not be misled by.
ODD = ("jenkins", "whole")


def fill(tenant: EmbeddedTenant, *what: str) -> None:
    """Give the tenant what verify needs to see most switches, or some of it."""
    if "whole" in what:
        # All that it can see is selected: its numbers are the same in every reading.
        names = [f"bakery/flour-{n}" for n in range(9)]
        tenant.add_instance("GITHUB_ENTERPRISE", name="mill", hostname="mill.example", repositories=names, state=names)
    if "jenkins" in what:
        # Published for what works, and the word of older tenants.
        tenant.add_instance("JENKINS_SERVER", name="timer", status="COMPLETED")
    if "repositories" in what:
        for number in range(80):
            tenant.add_repository(f"bakery/repository-{number}")
    if "gitlab" in what:
        tenant.add_instance(
            "GITLAB_SELF_MANAGED", name="ovens", hostname="git.bakery.example", repositories=[f"bakery/oven-{n}" for n in range(5)],
            selection_type="MANUAL_SELECTION", state=["bakery/oven-1"], unique_properties={"apiToken": "hunter22"},
        )  # fmt: skip
    if "collector" in what:
        tenant.add_collector("bandit")
    if "snyk" in what:
        tenant.add_instance("SNYK", name="snyk-eu", status="ERROR")


@contextlib.contextmanager
def api_of(tenant: EmbeddedTenant, folder: Path, key: str = "admin", **options: Any) -> Iterator[Api]:
    folders = {"rate_limit_dir": str(folder / "rate"), "state_dir": str(folder / "state")}
    client = Client(Connection(**tenant.connection(key), **folders, requests_per_second=1000, **options))
    try:
        yield Api(client)
    finally:
        client.close()


def verified(
    tenant: EmbeddedTenant, folder: Path, *, write: bool = False, key: str | None = None, report: Path | None = None, **options: Any
) -> dict[str, Any]:
    """The result of a verification, with the profile as data under `seen`."""
    with api_of(tenant, folder, key or ("admin" if write else "viewer"), **options) as api:
        result = verify(
            api, report=str(report) if report else None, may_write=write, repository_url=REPOSITORY if write else None,
            check_mode=False, version="1.0.0",
        )  # fmt: skip
    return {**result, "seen": yaml.safe_load(result["profile"])}
