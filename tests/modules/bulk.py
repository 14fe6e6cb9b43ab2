# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a test speaks to it: items in, the module's result out, on one embedded tenant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.entries import items_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import INPUTS, TYPES
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule
from tenant.server import EmbeddedTenant

Item = dict[str, Any]
RunModule = Callable[..., dict[str, Any]]


class Engine:
    """Runs the modules on one tenant. Each result also has C(warned), what the user is warned of."""

    def __init__(self, run_module: RunModule, tenant: EmbeddedTenant) -> None:
        self._run_module, self.tenant = run_module, tenant

    def run(self, module: str, options: dict[str, Any], *, key: str = "admin", check: bool = False, diff: bool = False) -> dict[str, Any]:
        warned: list[str] = []
        # Ansible puts warnings into the result, unless the module runs in a process that is a controller, as here.
        with mock.patch.object(CortexModule, "warn", lambda _self, text, **_more: warned.append(text)):
            result = self._run_module(module, {**self.tenant.connection(key), **options}, check=check, diff=diff)
        return {**result, "warned": warned}

    def apply(self, *items: Item, key: str = "admin", check: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        """data_sources with these items."""
        return self.run("data_sources", {"data_sources": list(items), **options}, key=key, check=check, diff=diff)

    def one(self, item: Item, *, check: bool = False, diff: bool = False) -> dict[str, Any]:
        """data_source with this item."""
        return self.run("data_source", item, check=check, diff=diff)

    def export(self) -> list[Item]:
        """What data_source_info says the whole tenant is, as items."""
        result = self.run("data_source_info", {"as_config": True})
        assert not result["failed"], result
        config: list[Item] = result["config"]
        return config

    def writes(self) -> list[str]:
        """The writes since the journal was cleared, such as "PUT 422"."""
        return [f"{entry.method} {entry.status}" for entry in self.tenant.writes]


def refused(engine: Engine, *items: Item, **options: Any) -> str:
    """Apply what must be refused before any write, in check mode and for real; returns the one line that says why."""
    before = engine.tenant.instances
    said = []
    for check in (True, False):
        engine.tenant.clear_journal()
        result = engine.apply(*items, check=check, **options)
        assert result["failed"], result
        assert not result.get("changed")
        assert engine.writes() == []
        said.append(result["msg"])
    assert engine.tenant.instances == before
    assert said[0] == said[1]
    assert "\n" not in said[0]
    message: str = said[0]
    return message


def actions(result: dict[str, Any]) -> list[str]:
    """What became of each item."""
    assert not result["failed"], result.get("msg")
    return [row["action"] for row in result["data_sources"]]


def entry_of(type_name: str, name: str) -> Item:
    """The short entry that a role takes for this type, with a value for each of its inputs."""
    entry: Item = {"name": name}
    for key in TYPES[type_name].inputs:
        value = f"{name}.example.com" if key == "hostname" else f"value-of-{key}"
        entry[key] = [value] if INPUTS[key].type == "list" else value
    return entry


def item_of(type_name: str, name: str, **options: Any) -> Item:
    """A data_sources item that can create an instance of this type."""
    if type_name == "COLLECTOR":
        item: Item = {"type": type_name, "name": name, "unique_properties": {"detectionMethod": "SAST", "fileType": "SARIF"}}
    elif TYPES[type_name].variable:
        (item,) = items_of({TYPES[type_name].variable: [entry_of(type_name, name)]})
    else:
        item = {"type": type_name, "name": name}
    return {**item, **options}
