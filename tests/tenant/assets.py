# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repositories of a tenant, and the uploads to them."""
from __future__ import annotations

import copy
import hashlib
import threading
from typing import Any
from urllib.parse import urlsplit

from . import upload
from .clock import Clock, iso
from .problem import appsec, invalid, not_found
from .stored import Stored
from .switches import Switches

# The members of a repository's status, and its scan configuration until somebody changes it.
STATUS = ("apiRead", "apiWrite", "clone", "connection", "webhookSubscription", "token")
SCANS: dict[str, Any] = {
    "excludedPaths": [],
    "prScanning": {"isEnabled": True, "blockOnError": False},
    "taggingBot": {"tagModuleBlocks": False, "tagResourceBlocks": False},
    "scanners": {
        "SECRETS": {"isEnabled": True, "scanOptions": {"gitHistory": False, "secretValidation": False}}, "SCA": {"isEnabled": True},
        "IAC": {"isEnabled": True}, "GIT_HISTORY": {"isEnabled": False},
    },
}


class Assets:
    """Repositories and uploads. Every public method holds the lock."""

    def __init__(self, switches: Switches, clock: Clock) -> None:
        self._switches, self._clock = switches, clock
        self.lock = threading.RLock()
        self.stored: dict[str, Stored] = {}
        self.repositories: dict[str, dict[str, Any]] = {}
        self.uploads: list[upload.Upload] = []
        self.accepted: list[upload.AcceptedResult] = []

    def now(self, ago: float = 0.0) -> str:
        return iso(self._clock.now() + self._switches.clock_offset - ago)

    def add_repository(self, full_name: str, url: str, source: str, default_branch: str, instance_id: str | None = None) -> str:
        """Add an asset and return its id: 63 hexadecimal characters, as in the vendor's sample. `instance_id`: the instance that sees it.

        It was scanned just now and has no faults; set_repository() changes that.
        """
        with self.lock:
            owner, _slash, name = full_name.rpartition("/")
            asset_id = hashlib.sha256(f"{source} {url}".encode()).hexdigest()[:63]
            self.repositories[asset_id] = {
                "id": asset_id, "name": name, "owner": owner, "source": source, "defaultBranch": default_branch, "url": url,
                "fullRepositoryName": full_name, "externalId": asset_id[:8], "organizationId": owner, "projectId": owner,
                "description": "", "isArchived": False, "isForked": False, "isPublic": False, "isBillable": True,
                "creationDate": self.now(), "lastScanDate": self.now(), "observationTime": 0, "diskSize": 1024,
                "scannedBranch": default_branch,
                "scannedBranches": [self._branch(asset_id, default_branch, primary=True)],
                "status": {name: {"status": "VALID"} for name in STATUS}, "scanConfiguration": copy.deepcopy(SCANS),
            }
            if instance_id is not None:
                self.repositories[asset_id]["integrationId"] = instance_id
            return asset_id

    def _branch(self, asset_id: str, name: str, *, primary: bool) -> dict[str, Any]:
        return {"id": hashlib.sha256(f"{asset_id} {name}".encode()).hexdigest()[:24], "name": name, "repositoryId": asset_id,
                "isPrimary": primary, "lastScanDate": self.now()}

    def asset(self, asset_id: str) -> dict[str, Any]:
        """The asset itself, not a copy; the caller holds the lock. Raises 404."""
        if asset_id not in self.repositories:
            raise not_found()
        return self.repositories[asset_id]

    def set_repository(self, asset_id: str, members: dict[str, Any]) -> None:
        """Change members of an asset, named as in the API. None removes one."""
        with self.lock:
            asset = self.asset(asset_id)
            asset.update(members)
            for name in [name for name, value in members.items() if value is None]:
                del asset[name]

    def choose_branches(self, asset_id: str, body: dict[str, Any]) -> None:
        """Replace the scanned branches. Raises 404, and 422 if the primary branch is not one of them."""
        with self.lock:
            asset, primary = self.asset(asset_id), body["primaryBranch"]
            if primary not in body["selectedBranches"]:
                raise invalid({"requestBody.primaryBranch": "it is not one of selectedBranches"})
            asset["scannedBranches"] = [self._branch(asset_id, name, primary=name == primary) for name in body["selectedBranches"]]
            asset["scannedBranch"] = primary

    def configure_scans(self, asset_id: str, body: dict[str, Any]) -> None:
        """Replace members of the scan configuration, each as a whole. Raises 404."""
        with self.lock:
            configuration = self.asset(asset_id).setdefault("scanConfiguration", {})
            configuration.update(copy.deepcopy(body))
            if "scanners" in body:
                options = configuration["scanners"].get("SECRETS", {}).get("scanOptions", {})
                configuration["scanners"]["GIT_HISTORY"] = {"isEnabled": options.get("gitHistory", False)}

    def unscanned(self, days: float) -> list[dict[str, Any]]:
        """The repositories that were not scanned for this number of days; the caller holds the lock."""
        # At most a century: a date before the year 1 cannot be computed.
        since = self.now(ago=min(days, 36_500) * 86400)
        return [
            {"organizationId": asset.get("organizationId"), "repoName": asset.get("name"), "repoId": asset["id"]}
            for asset in self.repositories.values()
            if max([asset.get("lastScanDate", ""), *(b.get("lastScanDate", "") for b in asset.get("scannedBranches", []))]) < since
        ]

    def visible_to(self, kind: str, hostname: str) -> list[str]:
        """The repositories that a new connection can see: those of its type and host that belong to no instance yet."""
        return [
            asset["fullRepositoryName"] for asset in self.repositories.values()
            if asset["source"] == kind and "integrationId" not in asset and hostname in ("", urlsplit(asset["url"]).hostname)
        ]

    def selected(self, full_name: str) -> bool:
        """Whether some instance has selected the repository."""
        return bool(full_name) and any(full_name in stored.shape["state"] for stored in self.stored.values())

    def accept(self, collector_id: str, document: dict[str, Any], size: int, repository_id: str, repository_url: str,
               branch: str | None) -> None:
        """Accept an upload whose document is valid; `size` in bytes. Raises as `_repository` does."""
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
            del results[upload.ingested(len(results), self._switches.ingestion):]
            self.uploads.append(upload.Upload(collector_id, repository, branch, document, results, self.now(), size))
            if self._switches.uploads == "replace":
                target = (collector_id, repository, branch)
                self.accepted[:] = [old for old in self.accepted if (old.collector_id, old.repository, old.branch) != target]
            self.accepted.extend(results)

    def _repository(self, repository_id: str, repository_url: str) -> str:
        """The asset id, or the URL of a repository without an asset. Raises 400 if the two disagree; an unknown one as the switches say."""
        by_url = next((asset["id"] for asset in self.repositories.values() if _address(asset["url"]) == _address(repository_url)), None)
        if repository_id and repository_url and repository_id in self.repositories and by_url != repository_id:
            raise upload.refused(400, "VALIDATION_ERROR", "repository_id and repository_url name different repositories", self._switches)
        if repository_id:
            if repository_id in self.repositories or self._switches.any_repository:
                return repository_id
        elif by_url or self.selected(_path(repository_url)) or self._switches.any_repository:
            return by_url or repository_url
        status, text = self._switches.unknown_repository_status, "Repository not found: it must be onboarded first"
        raise appsec(404, "404", text) if status == 404 else upload.refused(400, "404", text, self._switches)


def _address(url: str) -> str:
    """A URL for comparison, with the host in lower case. What is not a URL is returned as it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _path(url: str) -> str:
    return _address(url).partition("://")[2].partition("/")[2]
