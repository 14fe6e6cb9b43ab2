#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: repository_info
short_description: List the repositories that a Cortex Cloud tenant knows
version_added: 1.0.0
description:
  - Lists the repository assets of a tenant, for instance to find the ID that M(cortex_cloud.appsec.sarif_upload) takes.
  - The tenant's inventory is partial by nature. A repository that is not in it may still be selected in a data source.
options:
  id:
    description: Only the repository with this ID. It fails when there is none.
    type: str
  search:
    description: Only repositories that the tenant's search finds for this text.
    type: str
  url:
    description: Only repositories with this URL. Scheme, user name, C(.git) and the form C(git@host:path) do not matter.
    type: str
  source:
    description: Only repositories from this integration type, such as V(GITHUB).
    type: str
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
complete:
  description: Whether the tenant let all its pages be read. When false it may hold more repositories.
  returned: success
  type: bool
api_error:
  description: A refused or failed call of the API as data, without secrets.
  returned: when a call of the API failed
  type: dict
  contains:
    operation: {description: "What was tried.", type: str, returned: always}
    subject: {description: "With which object.", type: str, returned: always}
    method: {description: "HTTP method.", type: str, returned: always}
    path: {description: "Path without the query.", type: str, returned: always}
    status: {description: "HTTP status; null when no answer came.", type: int, returned: always}
    message: {description: "What the API said.", type: str, returned: always}
    outcome_unknown: {description: "Whether the request may have been carried out all the same.", type: bool, returned: always}
rate_limited:
  description: How often and how long (seconds) this task waited for a slot of the tenant's request budget.
  returned: when the tenant's options were valid
  type: dict
  sample: {waits: 0, seconds: 0.0}
"""

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repositories import fetch_repositories, listing


def main() -> None:
    module = CortexModule({name: {"type": "str"} for name in ("id", "search", "url", "source")})
    params = module.params
    module.run(
        lambda api: listing(
            *fetch_repositories(api, repository_id=params["id"], search=params["search"], url=params["url"], source=params["source"])
        )
    )


if __name__ == "__main__":
    main()
