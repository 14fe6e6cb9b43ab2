# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test or a demonstration does on a tenant without its API: what people do in the console, and what vendors do."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .auth import CollectorToken
from .state import State

# In seconds.
YEAR = 365 * 86400.0


class Arranging:
    """The methods of EmbeddedTenant that do what people do in the console, and vendors on their side."""

    state: State
    _seed: tuple[list[dict[str, str]], list[dict[str, Any]]]

    def add_instance(self, type: str, name: str | None = None, hostname: str | None = None, protocol: str | None = None,
                     selection_type: str | None = None, state: Iterable[str] = (), external_projects: Iterable[dict[str, Any]] = (),
                     unique_properties: dict[str, Any] | None = None, status: str | None = None, transporter: dict[str, str] | None = None,
                     id: str | None = None, *, identifier: str | None = None, repositories: Iterable[str] = (),
                     status_details: dict[str, dict[str, str]] | None = None, scan_types: dict[str, bool] | None = None,
                     certificate: str | None = None) -> str:
        """Add an instance, as a person connects one in the console, and return its id.

        external_projects, status_details: as in the API.
        scan_types: such as {"SAST": True}.
        id: a certain id instead of a new one.
        identifier: its uniqueIdentifier. Without it, as the switch identifier_given says.
        repositories: what the connection can see. They become assets of the instance.
        selection_type: with it, the instance is a year old, and the selection was made today. Without it and `state`, the switch
        initial_selection decides what is selected.
        """
        properties = dict(unique_properties or {})
        if name is not None:
            properties["name"] = name
        if type == "COLLECTOR":
            properties = {"detectionMethod": "SAST", "fileType": "SARIF", **properties}
        shape: dict[str, Any] = {"type": type, "uniqueProperties": properties, "state": list(state),
                                 "externalProjects": list(external_projects)}
        domain = {key: value for key, value in (("hostname", hostname), ("protocol", protocol)) if value is not None}
        optional = {"status": status, "domain": domain, "transporter": transporter, "selectionType": selection_type}
        shape.update({key: value for key, value in optional.items() if value})
        if selection_type:
            shape["createdAt"] = self.state.now(ago=YEAR)
        visible = list(repositories)
        with self.state.lock:
            stored = self.state.store(shape, id, identifier=identifier, certificate=certificate, repositories=visible,
                                      status_details=dict(status_details or {}), scan_types=dict(scan_types or {}))
            for repository in visible:
                self.state.add_repository(repository, f"https://{hostname or 'github.com'}/{repository}", type, "main", stored.shape["id"])
        return str(stored.shape["id"])

    def add_collector(self, name: str) -> CollectorToken:
        """Add a collector and return its token."""
        return self.state.issue_token(self.add_instance("COLLECTOR", name=name))

    def add_repository(self, owner_and_name: str, url: str | None = None, source: str = "GITHUB", default_branch: str = "main") -> str:
        """Onboard a repository and return its asset id. `url` defaults to the one at github.com."""
        return self.state.add_repository(owner_and_name, url or f"https://github.com/{owner_and_name}", source, default_branch)

    def set_repository(self, asset_id: str, **members: Any) -> None:
        """Change members of a repository, named as in the API (isArchived, status, lastScanDate). None removes one."""
        self.state.set_repository(asset_id, members)

    def seed(self, repositories: Iterable[dict[str, str]], data_sources: Iterable[dict[str, Any]] = ()) -> None:
        """Add what a reset restores: arguments of `add_repository`, and of `add_instance`."""
        self._seed = list(repositories), list(data_sources)
        for repository in self._seed[0]:
            self.add_repository(**repository)
        for source in self._seed[1]:
            self.add_instance(**source)

    @property
    def organization(self) -> str:
        """The organization that new instances connect to (switch identifier_given)."""
        return self.state.organization

    @organization.setter
    def organization(self, name: str) -> None:
        self.state.organization = name

    def set_status(self, instance_id: str, status: str, details: dict[str, dict[str, str]] | None = None) -> None:
        """Change the status of an instance, and its statusDetails, as in the API."""
        self.state.set_status(instance_id, status, details or {})

    def grant_consent(self, instance_id: str) -> None:
        """Grant in the browser the consent that a PENDING instance waits for (switch consent)."""
        self.state.grant_consent(instance_id)

    def disable(self, instance_id: str) -> None:
        """Disable a collector, which only the console can do."""
        self.state.set_status(instance_id, "DISABLED", {})

    def enable(self, instance_id: str) -> None:
        self.state.set_status(instance_id, self.state.working, {})

    def credential_matches(self, instance_id: str, name: str, value: str) -> bool:
        """Whether the instance was created with this value of a credential (`clientSecret`, ...) or of `selfSignedCertificate`."""
        return self.state.credential_matches(instance_id, name, value)
