# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tenant holds and the rules by which it changes. Knows nothing of HTTP but the statuses it refuses with."""
from __future__ import annotations

import copy
import hashlib
import math
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from . import kinds, upload
from .auth import CollectorToken
from .clock import Clock, iso
from .problem import appsec, invalid
from .switches import Switches

SCOPE = ("selectionType", "state", "externalProjects", "uniqueProperties")
COLLECTOR_PROPERTIES = {"detectionMethod": "SAST", "fileType": "SARIF"}
API = "/public_api/appsec/v1"


@dataclass
class Stored:
    """One instance: `shape` is the API's, `hashes` the SHA-256 of each credential sent, `settling` the reads left in progress."""

    shape: dict[str, Any]
    hashes: dict[str, str] = field(default_factory=dict)
    settling: int = 0
    disabled: bool = False
    # Steady seconds, for a list that lags behind.
    born: float = 0.0
    died: float | None = None

    @property
    def type(self) -> str:
        return str(self.shape["type"])

    @property
    def name(self) -> str | None:
        name: str | None = self.shape.get("uniqueProperties", {}).get("name")
        return name

    @property
    def hostname(self) -> str:
        return str(self.shape.get("domain", {}).get("hostname", "")).lower()

    @property
    def identity(self) -> tuple[str, str | None, str]:
        return self.type, self.name, self.hostname


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def not_found() -> Exception:
    return appsec(404, "404", "Resource not found")


class State:
    """Instances, repositories, collector tokens and uploads. Every public method holds the lock and hands out copies."""

    def __init__(self, switches: Switches, clock: Clock, origin: Callable[[], str]) -> None:
        self._switches, self._clock, self._origin = switches, clock, origin
        self.lock = threading.RLock()
        self.stored: dict[str, Stored] = {}
        self.deleted: dict[str, Stored] = {}
        self.tokens: dict[str, CollectorToken] = {}
        # Every token ever handed out, so that the journal hides it after its collector is gone.
        self.issued: set[str] = set()
        self.repositories: dict[str, dict[str, Any]] = {}
        self.uploads: list[upload.Upload] = []
        self.accepted: list[upload.AcceptedResult] = []

    def clear(self) -> None:
        with self.lock:
            for held in (self.stored, self.deleted, self.tokens, self.repositories, self.uploads, self.accepted):
                held.clear()

    def now(self) -> str:
        return iso(self._clock.now() + self._switches.clock_offset)

    def find(self, instance_id: str) -> Stored:
        """The instance itself; call under the lock. Raises 404."""
        if instance_id not in self.stored:
            raise not_found()
        return self.stored[instance_id]

    # -- instances

    def store(self, shape: dict[str, Any], instance_id: str | None = None) -> Stored:
        """Put an instance in, with the fields every instance has."""
        with self.lock:
            prefix = "col_" if shape["type"] == "COLLECTOR" else ""
            at = self.now()
            whole = {"id": instance_id or prefix + secrets.token_hex(12), "status": "COMPLETED", "state": [], "externalProjects": [],
                     "uniqueProperties": {}, "createdAt": at, "updatedAt": at, **copy.deepcopy(shape)}
            if whole["type"] in kinds.VCS:
                whole.setdefault("selectionType", "CURRENT_STATE")
            self.stored[whole["id"]] = stored = Stored(whole, born=self._clock.steady())
            return stored

    def create(self, body: Mapping[str, Any]) -> tuple[Stored, CollectorToken | None]:
        """Create from a body that satisfies the document. Raises 409, 422 or 400 by the rules of section 3.3."""
        with self.lock:
            kind = body["type"]
            self._check_new_type(kind)
            shape = {name: copy.deepcopy(body[name]) for name in ("type", "domain", "uniqueProperties", "transporter") if name in body}
            self._check_properties(kind, shape.get("uniqueProperties", {}))
            candidate = Stored(shape)
            duplicate = any(held.identity == candidate.identity for held in self.stored.values())
            if duplicate and self._switches.duplicate_create != "allow":
                raise appsec(int(self._switches.duplicate_create), "CONFLICT", "An instance with this type, name and host already exists")
            stored = self.store(shape)
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

    def _check_new_type(self, kind: str) -> None:
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
            token = CollectorToken(id=collector_id, token_id=secrets.token_hex(8), token=secrets.token_urlsafe(48),
                                   api_url=f"{self._origin()}{API}/collectors/{collector_id}")
            self.tokens[token.token_id] = token
            self.issued.add(token.token)
            return token

    def update(self, instance_id: str, body: Mapping[str, Any]) -> Stored:
        """Apply a PUT body that satisfies the document. Raises 404, 409 or 422."""
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
            if self._switches.put_omitted == "clear":
                cleared: dict[str, Any] = {"state": [], "externalProjects": [], "uniqueProperties": {}}
                stored.shape.pop("selectionType", None)
                if stored.type in kinds.VCS:
                    cleared["selectionType"] = "CURRENT_STATE"
                stored.shape.update(cleared)
            stored.shape.update(changed)
            stored.shape["updatedAt"] = self.now()
            if stored.shape["status"] in ("COMPLETED", "IN_PROGRESS"):
                self._settle(stored)
            return stored

    def _check_owner(self, stored: Stored, wanted: list[str]) -> None:
        if self._switches.repository_owner != "exclusive" or not wanted:
            return
        same_host = [held for held in self.stored.values() if (held.type, held.hostname) == (stored.type, stored.hostname)]
        taken = set(wanted) & {name for held in same_host if held is not stored for name in held.shape["state"]}
        if taken:
            raise appsec(409, "CONFLICT", f"Selected by another instance: {', '.join(sorted(taken)[:5])}")

    def _settle(self, stored: Stored) -> None:
        stored.settling = self._switches.settle
        stored.shape["status"] = "IN_PROGRESS" if stored.settling else "COMPLETED"

    def read(self, instance_id: str) -> Stored:
        """A read by id: the one that lets an instance settle."""
        with self.lock:
            stored = self.find(instance_id)
            seen = copy.deepcopy(stored)
            if stored.shape["status"] == "IN_PROGRESS" and stored.settling:
                stored.settling -= 1
                if not stored.settling:
                    stored.shape["status"] = "COMPLETED"
            return seen

    def delete(self, instance_id: str) -> None:
        """Remove an instance; a collector's tokens go with it. Raises 404."""
        with self.lock:
            self.find(instance_id).died = self._clock.steady()
            self.deleted[instance_id] = self.stored.pop(instance_id)
            for token_id in [token_id for token_id, token in self.tokens.items() if token.id == instance_id]:
                del self.tokens[token_id]

    def grant_consent(self, instance_id: str) -> None:
        with self.lock:
            self._settle(self.find(instance_id))

    def listed(self, lag: float) -> list[Stored]:
        """What was there `lag` seconds ago, in today's shape; call under the lock."""
        if not lag:
            return list(self.stored.values())
        then = self._clock.steady() - lag
        return [held for held in (*self.stored.values(), *self.deleted.values()) if held.born <= then and (held.died or math.inf) > then]

    def set_disabled(self, instance_id: str, disabled: bool) -> None:
        with self.lock:
            stored = self.find(instance_id)
            stored.disabled, stored.shape["status"] = disabled, "DISABLED" if disabled else "COMPLETED"

    def credential_matches(self, instance_id: str, name: str, value: str) -> bool:
        with self.lock:
            return self.find(instance_id).hashes.get(name) == _digest(value)

    # -- repositories and uploads

    def add_repository(self, full_name: str, url: str, source: str, default_branch: str) -> str:
        """Add an asset; its id has 63 hexadecimal characters, as in the vendor's sample (contract 3.7)."""
        with self.lock:
            owner, _slash, name = full_name.rpartition("/")
            asset_id = _digest(f"{source} {url}")[:63]
            self.repositories[asset_id] = {
                "id": asset_id, "name": name, "owner": owner, "source": source, "defaultBranch": default_branch, "url": url,
                "fullRepositoryName": full_name, "scannedBranches": [{"name": default_branch, "isPrimary": True}],
            }
            return asset_id

    def accept(self, collector_id: str, document: dict[str, Any], size: int, repository_id: str, repository_url: str,
               branch: str | None) -> None:
        """Take an upload that satisfies the document rules; `size` in bytes. Raises as `_repository` does."""
        with self.lock:
            repository = self._repository(repository_id, repository_url)
            branch = branch or self.repositories.get(repository, {}).get("defaultBranch")
            results = []
            for tool, result in upload.results_of(document):
                accepted = upload.AcceptedResult(result)
                level = result.get("level")
                accepted.severity = upload.SEVERITY[level] if level else self._switches.missing_level
                accepted.tool, accepted.collector_id, accepted.repository, accepted.branch = tool, collector_id, repository, branch
                results.append(accepted)
            self.uploads.append(upload.Upload(collector_id, repository, branch, document, results, self.now(), size))
            if self._switches.uploads == "replace":
                target = (collector_id, repository, branch)
                self.accepted[:] = [held for held in self.accepted if (held.collector_id, held.repository, held.branch) != target]
            self.accepted.extend(results)

    def check_collector(self, collector_id: str) -> None:
        """Raises 404 when there is no such collector, 403 when it is disabled."""
        with self.lock:
            stored = self.find(collector_id)
            if stored.type != "COLLECTOR":
                raise not_found()
            if stored.disabled:
                raise appsec(403, "FORBIDDEN", "The collector is disabled")

    def _repository(self, repository_id: str, repository_url: str) -> str:
        """The asset id, or the URL of a repository without an asset. Raises 400 when the two disagree, the switch's status when unknown."""
        by_url = next((asset["id"] for asset in self.repositories.values() if _address(asset["url"]) == _address(repository_url)), None)
        if repository_id and repository_url and repository_id in self.repositories and by_url != repository_id:
            raise appsec(400, "VALIDATION_ERROR", "repository_id and repository_url name different repositories")
        named = _path(repository_url)
        selected = bool(named) and any(named in held.shape["state"] for held in self.stored.values())
        if repository_id:
            if repository_id in self.repositories or self._switches.any_repository:
                return repository_id
        elif by_url or selected or self._switches.any_repository:
            return by_url or repository_url
        raise appsec(self._switches.unknown_repository_status, "404", "Repository not found: it must be onboarded first")


def _address(url: str) -> str:
    """A URL for comparison: the host in lower case, the rest as it is. What is no URL stays as it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _path(url: str) -> str:
    return _address(url).partition("://")[2].partition("/")[2]
