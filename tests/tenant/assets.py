# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repositories the tenant has, and the uploads that name them."""
from __future__ import annotations

import hashlib
import threading
from typing import Any
from urllib.parse import urlsplit

from . import upload
from .clock import Clock, iso
from .problem import appsec
from .stored import Stored
from .switches import Switches


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
        """Add an asset and return its id, which has 63 hexadecimal characters, as in the vendor's sample. `instance_id`: whose it is."""
        with self.lock:
            owner, _slash, name = full_name.rpartition("/")
            asset_id = hashlib.sha256(f"{source} {url}".encode()).hexdigest()[:63]
            self.repositories[asset_id] = {
                "id": asset_id, "name": name, "owner": owner, "source": source, "defaultBranch": default_branch, "url": url,
                "fullRepositoryName": full_name, "scannedBranches": [{"name": default_branch, "isPrimary": True}],
            }
            if instance_id is not None:
                self.repositories[asset_id]["integrationId"] = instance_id
            return asset_id

    def visible_to(self, kind: str, hostname: str) -> list[str]:
        """The names of the repositories of this type and host that belong to no instance yet: what a new connection can see."""
        return [
            asset["fullRepositoryName"] for asset in self.repositories.values()
            if asset["source"] == kind and "integrationId" not in asset and hostname in ("", urlsplit(asset["url"]).hostname)
        ]

    def selected(self, full_name: str) -> bool:
        """Whether some instance has selected the repository."""
        return bool(full_name) and any(full_name in held.shape["state"] for held in self.stored.values())

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
            del results[upload.ingested(len(results), self._switches.ingestion):]
            self.uploads.append(upload.Upload(collector_id, repository, branch, document, results, self.now(), size))
            if self._switches.uploads == "replace":
                target = (collector_id, repository, branch)
                self.accepted[:] = [held for held in self.accepted if (held.collector_id, held.repository, held.branch) != target]
            self.accepted.extend(results)

    def _repository(self, repository_id: str, repository_url: str) -> str:
        """The asset id, or the URL of a repository without an asset. Raises 400 when the two disagree, the switch's status when unknown."""
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
    """A URL for comparison: the host in lower case, the rest as it is. What is no URL stays as it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _path(url: str) -> str:
    return _address(url).partition("://")[2].partition("/")[2]
