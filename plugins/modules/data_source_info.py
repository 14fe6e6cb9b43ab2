#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: data_source_info
short_description: List data sources of Cortex Cloud Application Security
version_added: 1.0.0
description:
  - Lists the integrations of a tenant, in the form of the options of M(cortex_cloud.appsec.data_source), with
    counts by type, category, stage, status and health.
  - An instance must match every given filter.
options:
  id:
    description: Only the instance with this ID. The task fails if there is none.
    type: str
  type:
    description: Only instances of these integration types, ignoring case.
    type: list
    elements: str
  type_category:
    description: Only types of this category of the API.
    type: str
    choices: [DEFAULT, EXTERNAL_VENDOR_INTEGRATIONS]
  category:
    description: Only types of this category of the vendor's guide.
    type: str
    choices: [ci_cd, ci_tool, generic, vcs, vendor]
  stage:
    description: Only types of this stage of the software life cycle.
    type: str
    choices: [build, build_deploy, code, cross_stage]
  name:
    description: Only instances with this name.
    type: str
  hostname:
    description: Only instances on this host.
    type: str
  status:
    description: Only instances with one of these status words.
    type: list
    elements: str
  details:
    description:
      - Read each instance by its ID, to return RV(data_sources[].repositories), which the list itself does
        not contain.
      - This takes one request per instance.
    type: bool
    default: false
  as_config:
    description:
      - Also return RV(config), which M(cortex_cloud.appsec.data_sources) accepts as it is, changing nothing,
        and RV(data_file).
      - Reads each instance by its ID, like O(details).
    type: bool
    default: false
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._attributes
  - cortex_cloud.appsec._attributes.read_only
seealso:
  - module: cortex_cloud.appsec.data_source
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: List what is connected
  cortex_cloud.appsec.data_source_info:
  register: tenant

- name: Show the counts
  ansible.builtin.debug:
    var: tenant.summary

- name: Read which repositories the core GitLab covers
  cortex_cloud.appsec.data_source_info:
    type: [GITLAB_SELF_MANAGED]
    name: gitlab-core
    details: true

- name: Read the whole tenant as a data file for the playbook onboard
  cortex_cloud.appsec.data_source_info:
    as_config: true
  register: tenant

- name: Save the data file
  ansible.builtin.copy:
    content: "{{ tenant.data_file }}"
    dest: tenant.yml
    mode: "0600"
"""

RETURN = r"""
data_sources:
  description: The instances that match the filters, sorted by type, name and ID. Secrets are hidden.
  returned: success
  type: list
  elements: dict
  contains:
    complete:
      description: Whether the instance was read by its ID and shows all its repositories.
      type: bool
      returned: always
    health:
      description:
        - V(healthy), V(unhealthy), V(pending) or V(unknown). An unknown status word never counts as healthy.
      returned: always
      type: str
    id: {description: "The tenant's ID.", type: str, returned: always}
    type: {description: "Integration type.", type: str, returned: when shown}
    identifier:
      description: The tenant's own identifier of the instance; of a collector, its name.
      type: str
      returned: when shown
    name: {description: "Name.", type: str, returned: when shown}
    domain: {description: "Host name and protocol.", type: dict, returned: when shown}
    unique_properties:
      description: Settings of the type, secrets hidden.
      type: dict
      returned: when shown
    transporter: {description: "Broker and connection.", type: dict, returned: when shown}
    self_signed_certificate:
      description: Certificate of a self-hosted server.
      type: str
      returned: when shown
    selection_type: {description: "Which repositories are covered.", type: str, returned: when shown}
    repositories: {description: "The selected repositories.", type: list, elements: str, returned: when shown}
    external_projects: {description: "Mappings.", type: list, elements: dict, returned: when shown}
    repositories_count:
      description: Number of repositories that the tenant reports.
      type: int
      returned: when shown
    status: {description: "The tenant's status word.", type: str, returned: when shown}
    status_details:
      description:
        - Reasons for the status, by component such as C(connection). Each has C(status), V(VALID) or
          V(INVALID), and C(message), C(error) and C(timestamp) if the tenant shows them.
      returned: when shown
      type: dict
      sample:
        connection:
          {status: INVALID, message: The token has expired, timestamp: "2025-07-20T14:15:30.000Z"}
    scan_types:
      description: Whether each kind of scan is enabled.
      type: dict
      returned: when shown
      sample: {SAST: true, SCA: false}
    tenant_id: {description: "The tenant's own ID.", type: str, returned: when shown}
    api_url: {description: "URL where a V(COLLECTOR) accepts uploads.", type: str, returned: when shown}
    created_at: {description: "Time of creation, as the tenant writes it.", type: str, returned: when shown}
    updated_at:
      description: Time of the last change, as the tenant writes it.
      type: str
      returned: when shown
config:
  description:
    - The instances as items for M(cortex_cloud.appsec.data_sources). An item has an ID only if nothing else
      distinguishes it.
    - Secrets are placeholders, which are refused only if a creation would send them.
  returned: when O(as_config) is true
  type: list
  elements: dict
data_file:
  description:
    - RV(config) and the tenant's host as the text of a data file for the playbook
      C(cortex_cloud.appsec.onboard).
  returned: when O(as_config) is true
  type: str
summary:
  description: Number of matching instances.
  returned: success
  type: dict
  contains:
    total: {description: "All matching instances.", type: int, returned: always}
    by_type: {description: "By integration type.", type: dict, returned: always}
    by_type_category: {description: "By category of the API.", type: dict, returned: always}
    by_category: {description: "By category of the vendor's guide.", type: dict, returned: always}
    by_stage: {description: "By stage of the software life cycle.", type: dict, returned: always}
    by_status: {description: "By status word.", type: dict, returned: always}
    by_health: {description: "By health, as RV(data_sources[].health).", type: dict, returned: always}
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

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import results
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.find import (
    FILTER_SPEC,
    fetch_data_sources,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule


def main() -> None:
    module = CortexModule(
        {
            **FILTER_SPEC,
            "details": {"type": "bool", "default": False},
            "as_config": {"type": "bool", "default": False},
        }
    )
    filters = {name: module.params[name] for name in FILTER_SPEC}
    details, config = module.params["details"], module.params["as_config"]
    module.run(
        lambda api: results.inventory(
            fetch_data_sources(api, filters, details=details or config), api.tenant, config=config
        )
    )


if __name__ == "__main__":
    main()
