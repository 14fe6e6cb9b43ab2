# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenant whose responses are set by a test, and items for it."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from published_tenant import NOWHERE, Quiet

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.call import Call, Response
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import Redactor

Raw = dict[str, Any]
HALF, DEEP = "cut \ud83d", [[[]]]
for _layer in range(100):
    DEEP = [DEEP]
WRONG: list[Any] = [
    None, True, 5, -1, 5.5, float("nan"), float("inf"), 10**400, "", " ", "x", HALF, [], {}, [5], [None], [HALF], [{"id": "r1"}], [[]],
    {"__ansible_type": "x"}, {"x": {"__ansible_unsafe": 1}}, {"x": HALF}, {"x": []}, {"x": 10**400}, {HALF: "x"}, DEEP, {"x": DEEP},
    "5000", 5000.0, " 5000 ", ["a/1", 5], {"a": {"status": [], "message": {}}},
]  # fmt: skip
FULL: Raw = {
    "id": "1", "type": "GITLAB_SELF_MANAGED", "name": "core", "displayName": "Core", "uniqueIdentifier": "gl-core", "status": "CONNECTED",
    "domain": {"hostname": "git.example.com", "protocol": "https"}, "transporter": {"brokerDeviceId": "b", "connectionName": "c"},
    "selfSignedCertificate": "PEM", "selectionType": "MANUAL_SELECTION", "state": ["a/1", "a/2"], "repositoriesCount": 2,
    "externalProjects": [{"externalProjectId": "p", "externalId": "e", "externalBranchName": "m", "repoId": "r", "branchName": "b"}],
    "uniqueProperties": {"name": "core", "team": "blue"}, "statusDetails": {"connection": {"status": "VALID"}},
    "scanTypes": {"sast": {"isEnabled": True}}, "tenantId": "t", "apiUrl": "https://api.example.com/c/1", "creationDate": "2025-01-01",
    "createdAt": "2025-01-01", "lastUpdateDate": "2025-01-01", "updatedAt": "2025-01-01", "detectionMethod": "SAST", "fileType": "SARIF",
    "credentials": {"webhookAuthKey": "the-token", "webhookAuthKeyId": "1"}, "instanceVersion": "1", "typeCategory": "DEFAULT",
}  # fmt: skip
SOUND: Raw = {**FULL, "id": "2", "type": "SNYK", "name": "sound", "uniqueIdentifier": "sound", "displayName": "sound", "state": ["s/1"],
              "repositoriesCount": 1, "uniqueProperties": {"name": "sound"}, "externalProjects": [], "domain": None}  # fmt: skip


def paths(raw: Raw) -> Iterator[tuple[str, ...]]:
    for member, value in raw.items():
        yield (member,)
        for inner in value if isinstance(value, dict) else ():
            yield (member, inner)


PATHS = [*paths(FULL), ("externalProjects", "0", "repoId"), ("externalProjects", "0", "externalId"), ("state", "0")]


def placed(raw: Raw, path: tuple[str, ...], value: Any) -> Raw:
    """The instance with another value at this place."""
    changed = copy.deepcopy(raw)
    holder: Any = changed
    for key in path[:-1]:
        holder = holder[int(key)] if isinstance(holder, list) else holder.get(key)
        if not isinstance(holder, (dict, list)) or (isinstance(holder, list) and not holder):
            return changed
    if isinstance(holder, list):
        holder[int(path[-1])] = value
    else:
        holder[path[-1]] = value
    return changed


@dataclasses.dataclass
class Tenant(Quiet):
    """A client whose tenant's responses are set by a test: odd(operation, instance) returns what a response shows of it."""

    held: dict[str, Raw]
    odd: Callable[[str, Raw], Any]
    sent: list[tuple[str, str, Any]] = dataclasses.field(default_factory=list)
    seen: list[Any] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(NOWHERE)
        self.waits: Raw = {}

    def origin(self) -> str:
        return "https://tenant.example.com"

    def quoted(self, words: str, _body: str) -> str:
        return words

    def send(self, call: Call) -> Response:
        if call.body is not None:
            json.loads(call.payload() or b"")
        number = unquote(call.path.rpartition("/")[2])
        if call.method == "GET" and number == "data_source_instances":
            return self._say({"data": [self.odd("list", copy.deepcopy(one)) for one in self.held.values()]})
        if call.method == "POST":
            self.sent.append(("POST", "", call.body))
            made = {**copy.deepcopy(FULL), "id": "9", "type": call.body["type"], "state": [], "repositoriesCount": 0}
            made["externalProjects"] = []
            made["uniqueProperties"] = call.body.get("uniqueProperties", {})
            made["name"] = made["uniqueIdentifier"] = made["uniqueProperties"].get("name")
            self.held["9"] = made
            return self._say(self.odd("create", copy.deepcopy(made)))
        if number not in self.held:
            raise ApiError(call.operation, call.subject, method=call.method, path=call.path, status=404)
        if call.method == "GET":
            return self._say(self.odd("get", copy.deepcopy(self.held[number])))
        self.sent.append((call.method, number, call.body))
        if call.method == "DELETE":
            del self.held[number]
            return Response(200, None, None)
        self.held[number] = {**self.held[number], **copy.deepcopy(call.body), "repositoriesCount": len(call.body.get("state", []))}
        return self._say(self.odd("update", copy.deepcopy(self.held[number])))

    def _say(self, body: Any) -> Response:
        self.seen.append(body)
        return Response(200, body, None)


def tenant_of(operation: str, path: tuple[str, ...], value: Any) -> Tenant:
    """A tenant that shows instance 1, or a created one, with this value at this place, in the responses to one operation."""

    def odd(asked: str, raw: Raw) -> Any:
        return placed(raw, path, value) if asked == operation and raw["id"] in ("1", "9") else raw

    return Tenant({"1": copy.deepcopy(FULL), "2": copy.deepcopy(SOUND)}, odd)


# Each beside an item for the other instance, which must come to its end.
MANUAL = {"selection_type": "MANUAL_SELECTION"}
CORE: Raw = {"type": "GITLAB_SELF_MANAGED", "name": "core"}
ITEMS: dict[str, Raw] = {
    "merge": {**CORE, "repositories": ["b/new"]},
    "exact": {**CORE, "repositories": ["a/1"], "repositories_mode": "exact"},
    "rules": {**CORE, "scope_rules": [{"include": "b/*"}], "scope_candidates": ["b/new"]},
    "narrow": {**CORE, "selection_type": "MANUAL_SELECTION"},
    "widen": {**CORE, "selection_type": "CURRENT_STATE_AND_FUTURE"},
    "settings": {**CORE, "unique_properties": {"team": "red"}},
    "mappings": {**CORE, "external_projects": [{"external_id": "given", "repo_id": "given"}]},
    "host": {"type": "GITLAB_SELF_MANAGED", "domain": {"hostname": "git.example.com"}, "repositories": ["b/new"]},
    "by id": {"id": "1", "repositories": ["b/new"], "wait": True, "wait_timeout": 0.0},
    "recreate": {"type": "SNYK", "name": "core", "id": "1", "recreate": "when_immutable_differs", "credentials": {"token": "given"}},
    "absent": {**CORE, "state": "absent"},
    "absent by id": {**CORE, "id": "1", "state": "absent"},
    "collector": {"type": "COLLECTOR", "name": "given", "return_credentials": True, **MANUAL, "repositories": ["b/new"]},
    "new": {"type": "SNYK", "name": "given", **MANUAL, "repositories": ["b/new"], "unique_properties": {"k": "given"}},
}
OPERATIONS = ("list", "get", "create", "update")
# What the collection may say by itself.
OWN = {"CURRENT_STATE", "CURRENT_STATE_AND_FUTURE", "MANUAL_SELECTION", "https", "SAST", "SARIF"}


def words(value: Any) -> Iterator[str]:
    """Every text and every key in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        yield from itertools.chain.from_iterable(map(words, value.values()))
    elif isinstance(value, list) and value is not DEEP:
        yield from itertools.chain.from_iterable(map(words, value))


def told(result: Raw) -> str:
    """The result as a controller receives it."""
    text = json.dumps(Redactor().value(result))
    assert "__ansible_" not in text.replace("\\\\u005f_ansible_", "")
    assert not any(0xD800 <= ord(char) < 0xE000 for char in str(words(result)))
    return text
