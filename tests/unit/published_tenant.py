# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenant's endpoints (floor 2) without HTTP. They show what a test sets, in the published form, and nothing that was sent."""

from __future__ import annotations

import copy
import os
from types import SimpleNamespace
from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import BEHAVIOUR
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.interruption import Interruption
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.lock import exclusive
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import Redactor

Raw = dict[str, Any]
Item = dict[str, Any]
DEFAULTS = {name: option["default"] for name, option in BEHAVIOUR.items() if "default" in option}
# No folder can be made there: nothing is remembered, nothing is locked.
NOWHERE = os.path.join(os.devnull, "state")
DATE = "2025-06-15T09:30:00.000Z"


def published(number: int, kind: str, **members: Any) -> Raw:
    """An instance with the members that every instance has, and these."""
    return {"id": f"{number:024x}", "type": kind, "creationDate": DATE, "lastUpdateDate": DATE, **members}


class Quiet:
    """What the engine needs of a client besides sending."""

    def __init__(self, folder: str) -> None:
        self.shared_dir, self.redactor, self.warnings = folder, Redactor(), list[str]()
        self.interruption = Interruption()
        self.connection = SimpleNamespace(state_dir=folder, api_key_type="standard", requests_per_second=8.0)

    def trip(self) -> float:
        return 0.0

    def on_read(self, _done: int, _total: int) -> None:
        """Nobody observes it."""

    def warn_once(self, begins: str, goes_on: str = "") -> None:
        if not any(warning.startswith(begins) for warning in self.warnings):
            self.warnings.append(begins + goes_on)

    def exclusive(self, *parts: str) -> Any:
        # Warnings that locks are not available are ignored here.
        return exclusive(self.shared_dir, *parts, warnings=[])


class Published:
    """Instances as reads by id show them; the list shows the same without their state, or what `listed` has for an id.

    writes: every one that was tried, as method and id or type. given: makes the identifier of a new instance from the name asked for.
    """

    tenant = "tenant.example.com"
    generation = "current"

    def __init__(self, *instances: Raw, listed: dict[str, Raw] | None = None, state_dir: str = NOWHERE) -> None:
        self.held = {str(one["id"]): one for one in instances}
        self.listed = listed or {}
        self.client = Quiet(state_dir)
        self.writes: list[str] = []
        self.given = "{name}".format

    def refuse_creation(self, _subject: str) -> None:
        """It has a creation."""

    def list_data_sources(self) -> list[Raw]:
        shown = [self.listed.get(i, {**one, "state": [], "repositoriesCount": len(one.get("state", []))}) for i, one in self.held.items()]
        return copy.deepcopy(shown)

    def get_data_source(self, instance_id: str, _subject: str = "") -> Raw | None:
        return copy.deepcopy(self.held.get(instance_id))

    def create_data_source(self, body: Raw, _subject: str = "") -> Raw:
        self.writes.append(f"POST {body['type']}")
        name = body.get("uniqueProperties", {}).get("name")
        made = published(len(self.held) + 100, body["type"], status="CONNECTED", uniqueIdentifier=self.given(name=name))
        self.held[made["id"]] = {**made, **({"domain": body["domain"]} if "domain" in body else {})}
        return {**copy.deepcopy(self.held[made["id"]]), "credentials": {"webhookAuthKey": "the-token", "webhookAuthKeyId": 1}}

    def update_data_source(self, instance_id: str, body: Raw, _subject: str = "") -> None:
        self.writes.append(f"PUT {instance_id}")
        one = self.held[instance_id]
        one.update({k: copy.deepcopy(v) for k, v in body.items() if k in ("selectionType", "state")})
        if one["type"] == "COLLECTOR" and "name" in body.get("uniqueProperties", {}):
            one["uniqueIdentifier"] = body["uniqueProperties"]["name"]

    def delete_data_source(self, instance_id: str, _subject: str = "") -> None:
        self.writes.append(f"DELETE {instance_id}")
        self.held.pop(instance_id, None)
