# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the roles' filters, and where their code is.

Ansible loads all filter files of a collection in the process of each task that uses one filter. The code of a
filter is therefore loaded only when a template calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

FILTERS = {
    "plugin_utils._filters": ("plain_text",),
    "plugin_utils._items": (
        *("role_items", "role_faults", "role_places", "item_faults", "item_paths", "project_path"),
        *("hosts_within", "decommission_items", "decommission_listed"),
    ),
    "plugin_utils._run_end": ("run_end",),
    "plugin_utils._data_file": ("names_set",),
    "plugin_utils._written": ("unwritable", "item_files", "shared_files"),
    "plugin_utils._audit": ("audit_items",),
}


def _called(module: str, name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        code = import_module(f"ansible_collections.cortex_cloud.appsec.plugins.{module}")
        return getattr(code, name)(*args, **kwargs)

    return call


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {name: _called(module, name) for module, names in FILTERS.items() for name in names}
