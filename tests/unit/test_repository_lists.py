# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of repositories as the platforms' own commands write them: each entry is one repository."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_lists import names_in, names_of

SHOP: dict[str, Any] = {"name": "api", "project": {"name": "Shop"}}
BANK: dict[str, Any] = {"name": "api", "project": {"name": "Bank"}}


def test_two_projects_of_azure_devops_with_repositories_of_one_name() -> None:
    """As `az repos list` writes them for several projects."""
    entries = [
        {**SHOP, "remoteUrl": "https://dev.azure.com/Org/Shop/_git/api"},
        {**BANK, "remoteUrl": "https://dev.azure.com/Org/Bank/_git/api"},
    ]
    assert names_in(json.dumps(entries).encode(), "repos.json", "repos.json") == ["Org/Shop/api", "Org/Bank/api"]


def test_indistinguishable_repositories_are_refused() -> None:
    with pytest.raises(InputError) as refused:
        names_of([SHOP, {"name": "web"}, BANK], "candidates")
    assert str(refused.value).startswith("candidates[2] and [0] are both named api, and nothing distinguishes them")


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"name": "app", "nameWithOwner": "org/app"}, "org/app"),
        ({"name": "App", "path_with_namespace": "group/sub/app"}, "group/sub/app"),
        ({"name": "App", "slug": "app", "project": {"key": "PAY"}}, "PAY/app"),
    ],
)
def test_full_names_take_precedence_over_short_ones(entry: dict[str, Any], name: str) -> None:
    assert names_of([entry], "candidates") == [name]
