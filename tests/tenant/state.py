# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The instances of a tenant and the rules by which they change. Of HTTP it knows only the statuses of its refusals."""
from __future__ import annotations

import copy
import hashlib
import math
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from . import kinds
from .assets import Assets
from .auth import CollectorToken
from .clock import Clock
from .problem import Problem, appsec, invalid, not_found
from .stored import API, Stored
from .switches import Switches

__all__ = ["API", "State", "Stored"]

SCOPE = ("selectionType", "state", "externalProjects", "uniqueProperties")
COLLECTOR_PROPERTIES = {"detectionMethod": "SAST", "fileType": "SARIF"}
WORKING = {"published": "CONNECTED", "older": "COMPLETED"}
SETTLING = {"published": "TEMPORARY", "older": "IN_PROGRESS"}
# switch initial_selection -> the selection type of a new instance
INITIAL = {"nothing": "CURRENT_STATE", "found": "CURRENT_STATE", "future": "CURRENT_STATE_AND_FUTURE", "manual": "MANUAL_SELECTION"}


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


class State(Assets):
    """Adds instances and collector tokens to the assets."""

    def __init__(self, switches: Switches, clock: Clock, origin: Callable[[], str]) -> None:
        super().__init__(switches, clock)
        self._origin = origin
        self.deleted: dict[str, Stored] = {}
        self.tokens: dict[str, CollectorToken] = {}
        # Every token ever issued, so that the journal still hides it when its collector has been deleted.
        self.issued: set[str] = set()
        self.tenant_id = f"tenant-{secrets.token_hex(4)}"
        # The organization that instances connect to: the identifier with identifier_given=vendor.
        self.organization = "example-org"

    def clear(self) -> None:
        with self.lock:
            for collection in (self.stored, self.deleted, self.tokens, self.repositories, self.uploads, self.accepted):
                collection.clear()

    @property
    def working(self) -> str:
        """The status of an instance that has been set up."""
        return WORKING[self._switches.status_words]

    def find(self, instance_id: str) -> Stored:
        """The instance itself, not a copy; the caller holds the lock. Raises 404."""
        if instance_id not in self.stored:
            raise not_found()
        return self.stored[instance_id]

    # -- instances

    def store(self, shape: dict[str, Any], instance_id: str | None = None, **details: Any) -> Stored:
        """Add an instance, with defaults for what `shape` leaves out. `details` are further fields of Stored."""
        with self.lock:
            prefix = "col_" if shape["type"] == "COLLECTOR" and self._switches.ids == "col_" else ""
            at, selected = self.now(), shape.get("state")
            whole = {"id": instance_id or prefix + secrets.token_hex(12), "status": self.working, "state": [], "externalProjects": [],
                     "uniqueProperties": {}, "createdAt": at, "updatedAt": at, **copy.deepcopy(shape)}
            stored = Stored(whole, self._origin, tenant_id=self.tenant_id, created=self._clock.steady(), **details)
            stored.identifier = stored.identifier or self._given(stored)
            if stored.type in kinds.VCS and "selectionType" not in whole:
                how = self._switches.initial_selection
                whole["selectionType"] = INITIAL[how]
                if how == "future" and not selected:
                    whole["state"] = list(stored.repositories)
                stored.unscanned = how == "found" and not selected
            self.stored[whole["id"]] = stored
            return stored

    def _given(self, stored: Stored) -> str | None:
        """The identifier of a new instance, by the switch identifier_given."""
        how, name, vendors = self._switches.identifier_given, stored.name, stored.type != "COLLECTOR"
        if how == "none":
            return None
        if vendors and (how == "vendor" or name is None):
            return self.organization
        return f"{name}-1" if how == "other" and name is not None else name

    def _identity(self, stored: Stored) -> tuple[str, str | None, str]:
        """Two instances with the same identity are duplicates."""
        shown = stored.identifier if self._switches.fields == "published" else None
        return stored.type, shown or stored.name, stored.hostname

    def create(self, body: Mapping[str, Any]) -> tuple[Stored, CollectorToken | None]:
        """Create an instance from a body that the document allows. Raises 400, 409 or 422."""
        with self.lock:
            kind = body["type"]
            self._check_new_type(kind)
            shape = {name: copy.deepcopy(body[name]) for name in ("type", "domain", "uniqueProperties", "transporter") if name in body}
            self._check_properties(kind, shape.get("uniqueProperties", {}))
            candidate = Stored(shape)
            candidate.identifier = self._given(candidate)
            identities = [self._identity(stored) for stored in self.stored.values()]
            if self._identity(candidate) in identities and self._switches.duplicate_create != "allow":
                raise appsec(int(self._switches.duplicate_create), "CONFLICT", "An instance with this type, name and host already exists")
            stored = self.store(shape, certificate=body.get("selfSignedCertificate"), repositories=self._first_scan(candidate))
            credentials = dict(body.get("credentials", {}))
            if "selfSignedCertificate" in body:
                credentials["selfSignedCertificate"] = body["selfSignedCertificate"]
            stored.hashes = {name: _digest(value) for name, value in credentials.items()}
            browser = kind in kinds.BROWSER or (kind == "AZURE_REPOS" and "token" not in credentials)
            if browser and self._switches.consent == "required":
                stored.shape["status"] = "PENDING"
            else:
                self._settle(stored)
            return stored, self.issue_token(stored.shape["id"]) if kind == "COLLECTOR" else None

    def _first_scan(self, new: Stored) -> list[str]:
        scans = new.type in kinds.VCS and self._switches.initial_selection in ("found", "future")
        return self.visible_to(new.type, new.hostname) if scans else []

    def _check_new_type(self, kind: str) -> None:
        if kind != "COLLECTOR" and self._switches.creatable == "collector":
            raise invalid({"requestBody.type": "should be one of ['COLLECTOR']"})
        if kind not in kinds.KNOWN and self._switches.unknown_type == "refuse":
            raise invalid({"requestBody.type": f"should be one of {sorted(kinds.KNOWN)}"})
        if kind in kinds.SELF_REGISTERING and self._switches.self_registering == "refuse":
            raise invalid({"requestBody.type": "an instance of this type registers itself and cannot be created"})

    @staticmethod
    def _check_properties(kind: str, properties: Mapping[str, Any]) -> None:
        if kind != "COLLECTOR":
            return
        faults = {f"requestBody.uniqueProperties.{name}": f"a collector needs {value}"
                  for name, value in COLLECTOR_PROPERTIES.items() if properties.get(name) != value}
        if "name" not in properties:
            faults["requestBody.uniqueProperties.name"] = "required"
        if faults:
            raise invalid(faults)

    def issue_token(self, collector_id: str) -> CollectorToken:
        with self.lock:
            # The published id is a number. Each token of a tenant draws from another range, so that no two are equal.
            token_id = str(secrets.randbelow(1_000_000) + 1 + 1_000_000 * len(self.issued))
            token = CollectorToken(id=collector_id, token_id=token_id, token=secrets.token_urlsafe(48),
                                   api_url=self.find(collector_id).api_url)
            self.tokens[token.token_id] = token
            self.issued.add(token.token)
            return token

    def update(self, instance_id: str, body: Mapping[str, Any]) -> Stored:
        """Update an instance from a PUT body that the document allows. Raises 404, 409 or 422."""
        with self.lock:
            stored = self.find(instance_id)
            scoped = any(name in body for name in ("selectionType", "state", "externalProjects"))
            if scoped and stored.shape["status"] == "PENDING":
                raise invalid({"requestBody.state": "authorization is not finished: a person has to grant it in the browser first"})
            changed = {name: copy.deepcopy(body[name]) for name in SCOPE if name in body}
            if self._switches.unique_properties_put == "merge" and "uniqueProperties" in changed:
                changed["uniqueProperties"] = {**stored.shape["uniqueProperties"], **changed["uniqueProperties"]}
            if "uniqueProperties" in changed:
                self._check_properties(stored.type, changed["uniqueProperties"])
            self._check_owner(stored, changed.get("state", []))
            if "state" not in changed and stored.repositories and changed.get("selectionType", "").startswith("CURRENT_STATE"):
                changed["state"] = list(stored.repositories)
            if self._switches.put_omitted == "clear":
                cleared: dict[str, Any] = {"state": [], "externalProjects": [], "uniqueProperties": {}}
                stored.shape.pop("selectionType", None)
                if stored.type in kinds.VCS:
                    cleared["selectionType"] = "CURRENT_STATE"
                stored.shape.update(cleared)
            stored.shape.update(changed)
            stored.unscanned = stored.unscanned and not scoped
            if "name" in changed.get("uniqueProperties", {}):
                stored.identifier = self._given(stored)
            stored.shape["updatedAt"] = self.now()
            if stored.shape["status"] in (self.working, self._settling):
                self._settle(stored)
            return stored

    def _check_owner(self, stored: Stored, selected: list[str]) -> None:
        if self._switches.repository_owner != "exclusive":
            return
        same_host = [one for one in self.stored.values() if (one.type, one.hostname) == (stored.type, stored.hostname)]
        taken = set(selected) & {name for one in same_host if one is not stored for name in one.shape["state"]}
        if taken:
            raise appsec(409, "CONFLICT", f"Selected by another instance: {', '.join(sorted(taken)[:5])}")

    @property
    def _settling(self) -> str:
        return SETTLING[self._switches.status_words]

    def _settle(self, stored: Stored) -> None:
        stored.settling = self._switches.settle
        stored.shape["status"] = self._settling if stored.settling else self.working

    def read(self, instance_id: str) -> Stored:
        """A copy for a read by id. Each such read lets the instance settle a little, and completes its first scan."""
        with self.lock:
            stored = self.find(instance_id)
            shown = copy.deepcopy(stored)
            if stored.shape["status"] == self._settling and stored.settling:
                stored.settling -= 1
                if not stored.settling:
                    stored.shape["status"] = self.working
            if stored.unscanned:
                stored.unscanned, stored.shape["state"] = False, list(stored.repositories)
            return shown

    def delete(self, instance_id: str) -> None:
        """Delete an instance, and a collector's tokens with it. Raises 404."""
        with self.lock:
            self.find(instance_id).deleted = self._clock.steady()
            self.deleted[instance_id] = self.stored.pop(instance_id)
            for token_id in [token_id for token_id, token in self.tokens.items() if token.id == instance_id]:
                del self.tokens[token_id]

    def grant_consent(self, instance_id: str) -> None:
        with self.lock:
            self._settle(self.find(instance_id))

    def listed(self, lag: float) -> list[Stored]:
        """The instances that existed `lag` seconds ago, as they are now; the caller holds the lock."""
        if not lag:
            return list(self.stored.values())
        then = self._clock.steady() - lag
        return [one for one in (*self.stored.values(), *self.deleted.values()) if one.created <= then < (one.deleted or math.inf)]

    def set_status(self, instance_id: str, status: str, details: dict[str, dict[str, str]]) -> None:
        """A collector accepts uploads unless its status is DISABLED."""
        with self.lock:
            stored = self.find(instance_id)
            stored.disabled, stored.status_details, stored.shape["status"] = status == "DISABLED", details, status

    def credential_matches(self, instance_id: str, name: str, value: str) -> bool:
        with self.lock:
            return self.find(instance_id).hashes.get(name) == _digest(value)

    def check_collector(self, collector_id: str) -> None:
        """Raises 404 if there is no such collector, and what the switch disabled_upload says if it is disabled."""
        with self.lock:
            stored = self.find(collector_id)
            if stored.type != "COLLECTOR":
                raise not_found()
            if stored.disabled:
                how = self._switches.disabled_upload
                if how == "503_empty":
                    raise Problem(503, None)
                text = "The collector is disabled"
                raise appsec(503, "COLLECTOR_DISABLED", text) if how == "503_json" else appsec(403, "FORBIDDEN", text)
