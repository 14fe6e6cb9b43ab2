#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: data_sources
short_description: Manage many data sources of Cortex Cloud Application Security in one task
version_added: 0.1.0
description:
  - Brings a list of integrations of one tenant to their described state, in one process, with one call to list what is there.
  - All items are read and planned before the first write. Items that mean the same instance, or that claim the same repository, are
    refused.
  - One item's failure does not stop the others. The task fails at the end and names each failed item by index and name. A refused
    key, licence or role ends the run.
  - Secrets never become loop items, which Ansible would print.
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._data_source.items
  - cortex_cloud.appsec._attributes
attributes:
  check_mode:
    support: full
    details:
      - The result predicts what a run would do.
  diff_mode:
    support: full
    details:
      - A list with one entry for each instance that changes.
  idempotent:
    support: full
    details:
      - O(data_sources[].credentials) are used only at creation, since the API cannot show or change them.
seealso:
  - module: cortex_cloud.appsec.data_source
  - module: cortex_cloud.appsec.data_source_info
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: Connect what the platform team owns
  cortex_cloud.appsec.data_sources:
    data_sources:
      - type: BITBUCKET_DATACENTER
        name: bitbucket-core
        domain: {hostname: bitbucket.example.com, protocol: https}
        credentials: {token: "{{ bitbucket_token }}"}
        selection_type: MANUAL_SELECTION
        repositories: [PAY/ledger, PAY/cards]
      - type: JENKINS_SERVER
        name: jenkins-blue
      - type: SNYK
        name: snyk-eu
        domain: {hostname: api.eu.snyk.io, protocol: https}
        credentials: {token: "{{ snyk_token }}"}
        unique_properties: {organizationId: payments}
"""

RETURN = r"""
data_sources:
  description: What became of each item, or would in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    index: {description: Place of the item in the list, from 0., type: int, returned: always}
    id: {description: The tenant's ID; null for what would be created., type: str, returned: always}
    type: {description: Integration type., type: str, returned: always}
    name: {description: Name., type: str, returned: always}
    action: {description: "V(created), V(updated), V(unchanged), V(deleted), V(failed) or V(undetermined).", type: str, returned: always}
    changed: {description: Whether the tenant was changed for it, type: bool, returned: always}
    repositories_count: {description: Number of repositories., type: int, returned: always}
    status: {description: The tenant's status word., type: str, returned: always}
    error: {description: Why it failed., type: str, returned: when it failed}
    pending_actions: {description: What a person still has to do., type: list, elements: dict, returned: when there is something}
summary:
  description: How many items had each action.
  returned: always
  type: dict
  sample: {created: 2, unchanged: 5}
pending_actions:
  description: What a person still has to do for the new instances.
  returned: always
  type: list
  elements: dict
collector_credentials:
  description: The one-time tokens of new collectors, each with the index of its item.
  returned: when O(data_sources[].return_credentials) is true and a collector was created
  type: list
  elements: dict
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

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import report
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.apply import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import argument_spec, item_from
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule


def main() -> None:
    spec = {"data_sources": {"type": "list", "elements": "dict", "required": True, "options": argument_spec()}}
    module = CortexModule(spec)
    items = [item_from(params) for params in module.params["data_sources"]]
    module.run(lambda api: report.many(Run(api, check_mode=module.check_mode).items(items), diff=module._diff))


if __name__ == "__main__":
    main()
