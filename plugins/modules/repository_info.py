#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: repository_info
short_description: List the repositories of a Cortex Cloud tenant
version_added: 1.0.0
description:
  - Lists the repository assets of a tenant, for instance to find the ID that
    M(cortex_cloud.appsec.sarif_upload) takes.
  - The tenant may not list every repository. One that is missing may still be selected in a
    data source.
  - A repository must match all given filters. If the tenant does not show what a filter needs, the repository
    is omitted, with a warning.
options:
  id:
    description: Only the repository with this ID. The task fails if it does not exist.
    type: str
  search:
    description: Only repositories that the tenant's search finds for this text.
    type: str
  url:
    description:
      - Only repositories with this URL. Scheme, user name, C(.git) and the form C(git@host:path) do not
        matter.
    type: str
  source:
    description: Only repositories from this integration type, such as V(GITHUB).
    type: str
  data_source:
    description:
      - Only repositories of this data source, given by its ID, or as a dictionary of C(type), C(name),
        C(identifier) and C(domain), as in M(cortex_cloud.appsec.data_source). Repositories for which no data
        source is shown are omitted.
    type: raw
  selected:
    description: V(true) lists only repositories that are selected in a data source, V(false) only the others.
    type: bool
  archived:
    description: V(true) lists only archived repositories, V(false) only the others.
    type: bool
  scanned_before:
    description:
      - Only repositories whose latest scan, on any branch, was before this day (such as V(2026-11-01), in
        UTC), or that were never scanned.
    type: str
  unhealthy:
    description:
      - V(true) lists only repositories whose access is broken in some way (RV(repositories[].broken)),
        V(false) only the others.
    type: bool
  unscanned_days:
    description:
      - Also ask the tenant which repositories were not scanned for this many days (RV(unscanned)); the
        filters do not apply. The task does not fail if the tenant has no such list or does not show it to
        this key.
    type: int
  members:
    description:
      - Return only these members of each repository, and its ID. With tens of thousands of repositories this
        keeps results small.
    type: list
    elements: str
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._attributes
  - cortex_cloud.appsec._attributes.read_only
seealso:
  - module: cortex_cloud.appsec.data_source_info
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: Find the ID of one repository
  cortex_cloud.appsec.repository_info:
    search: ledger
    url: https://github.example.com/payments/ledger
  register: found

- name: List selected repositories that were not scanned this month
  cortex_cloud.appsec.repository_info:
    selected: true
    archived: false
    scanned_before: "{{ now(utc=true).strftime('%Y-%m-01') }}"
    members: [owner, name, scanned_at]

- name: List repositories of one GitLab server whose access is broken
  cortex_cloud.appsec.repository_info:
    data_source: {type: GITLAB_SELF_MANAGED, domain: {hostname: gitlab.example.com}}
    unhealthy: true
    members: [owner, name, broken]

- name: Show it
  ansible.builtin.debug:
    msg: "{{ found.repositories | map(attribute='id') | first }}"
"""

RETURN = r"""
repositories:
  description: The repositories, as the tenant shows them, with keys in snake case, sorted by owner and name.
  returned: success
  type: list
  elements: dict
  sample: [{id: 6f2a, name: ledger, owner: payments, source: GITHUB, default_branch: main}]
  contains:
    id: {description: "The tenant's ID of the repository.", type: str, returned: always}
    scanned_at:
      description: When it was last scanned, on any branch; null if the tenant shows no scan.
      type: str
      returned: always
    broken:
      description: The parts of its access that the tenant reports as invalid; empty if there are none.
      type: list
      elements: dict
      returned: always
      contains:
        part:
          description:
            - C(api_read), C(api_write), C(clone), C(connection), C(webhook_subscription) or C(token).
          type: str
          returned: always
        reason: {description: "The tenant's reason; empty if it gives none.", type: str, returned: always}
      sample: [{part: token, reason: The token has expired}]
    name: {description: "Name.", type: str, returned: when shown}
    owner: {description: "Organization, group or project.", type: str, returned: when shown}
    url: {description: "Address of its web page.", type: str, returned: when shown}
    source: {description: "Integration type.", type: str, returned: when shown}
    external_id: {description: "The vendor's ID of the repository.", type: str, returned: when shown}
    organization_id: {description: "The vendor's ID of its organization.", type: str, returned: when shown}
    project_id: {description: "The vendor's ID of its project.", type: str, returned: when shown}
    integration_id: {description: "ID of its data source.", type: str, returned: when shown}
    default_branch: {description: "Default branch.", type: str, returned: when shown}
    description: {description: "Description.", type: str, returned: when shown}
    is_selected: {description: "Whether a data source selects it.", type: bool, returned: when shown}
    is_archived: {description: "Whether it is archived.", type: bool, returned: when shown}
    is_forked: {description: "Whether it is a fork.", type: bool, returned: when shown}
    is_public: {description: "Whether everybody can read it.", type: bool, returned: when shown}
    is_billable: {description: "Whether it counts towards the licence.", type: bool, returned: when shown}
    creation_date: {description: "When it was created.", type: str, returned: when shown}
    last_scan_date: {description: "When it was last scanned.", type: str, returned: when shown}
    observation_time:
      description: When the tenant last saw it, in the tenant's unit.
      type: float
      returned: when shown
    disk_size: {description: "Its size, in the tenant's unit.", type: float, returned: when shown}
    scanned_branch: {description: "The primary of the scanned branches.", type: str, returned: when shown}
    scanned_branches:
      description:
        - The branches that are scanned, each with its name, whether it is the primary one, and its dates.
      type: list
      elements: dict
      returned: when shown
    status:
      description: Each part of its access, V(VALID) or V(INVALID), with a reason.
      type: dict
      returned: when shown
    scan_configuration:
      description:
        - What is scanned, in the shape of O(cortex_cloud.appsec.repository#module:scan_configuration).
      type: dict
      returned: when shown
unscanned:
  description: The repositories that the tenant reports as unscanned.
  returned: when O(unscanned_days) is given and the tenant shows such a list
  type: list
  elements: dict
  contains:
    id: {description: "The tenant's ID of the repository.", type: str, returned: always}
    name: {description: "Its name.", type: str, returned: always}
    organization_id: {description: "The vendor's ID of its organization.", type: str, returned: always}
  sample: [{id: 6f2a, name: ledger, organization_id: payments}]
complete:
  description: Whether all pages of the list could be read. If false, the tenant may have more repositories.
  returned: success
  type: bool
api_error:
  description: The refused or failed API call as data, without secrets.
  returned: when an API call failed
  type: dict
  contains:
    operation: {description: "What was attempted.", type: str, returned: always}
    subject: {description: "The object of the call.", type: str, returned: always}
    method: {description: "HTTP method.", type: str, returned: always}
    path: {description: "Path without the query.", type: str, returned: always}
    status: {description: "HTTP status; null if there was no response.", type: int, returned: always}
    message: {description: "The API's message.", type: str, returned: always}
    outcome_unknown:
      description: Whether the request may have been carried out nevertheless.
      type: bool
      returned: always
rate_limited:
  description: How often and how long (in seconds) this task waited for the tenant's request budget.
  returned: when the tenant's options were valid
  type: dict
  sample: {waits: 0, seconds: 0.0}
"""

from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repositories import (
    Filters,
    data_source_id,
    date_from,
    fetch_repositories,
    listing,
    members_from,
    unscanned,
)


def main() -> None:
    module = CortexModule(
        {
            **{name: {"type": "str"} for name in ("id", "search", "url", "source", "scanned_before")},
            **{name: {"type": "bool"} for name in ("selected", "archived", "unhealthy")},
            "data_source": {"type": "raw"},
            "unscanned_days": {"type": "int"},
            "members": {"type": "list", "elements": "str"},
        }
    )
    params = module.params

    def work(api: Api) -> dict[str, Any]:
        filters = Filters(
            members=members_from(params["members"]),
            scanned_before=date_from(params["scanned_before"], "scanned_before"),
            **{name: params[name] for name in ("url", "source", "selected", "archived", "unhealthy")},
        )
        filters.data_source = data_source_id(api, params["data_source"])
        found = fetch_repositories(api, filters, repository_id=params["id"], search=params["search"])
        return {**listing(*found, filters.unshown), **unscanned(api, params["unscanned_days"])}

    module.run(work)


if __name__ == "__main__":
    main()
