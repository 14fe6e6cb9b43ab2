# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles need on the controller: their entries as data_sources items, and those checked without a tenant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.entries import items_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._validate import validate_items


def _evaluated(value: Any) -> Any:
    """Plain containers: Ansible's own evaluate templates when they are looked into, and do not like to be copied before that."""
    if isinstance(value, dict):
        return {key: _evaluated(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_evaluated(inner) for inner in value]
    return value


def role_items(variables: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return items_of(_evaluated(variables))
    except InputError as exc:
        raise AnsibleFilterError(str(exc)) from None


def item_faults(items: Any, variable: str = "tenant_data_sources") -> list[str]:
    return validate_items(_evaluated(items), variable)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"role_items": role_items, "item_faults": item_faults}
