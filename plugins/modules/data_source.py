#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: data_source
short_description: Manage one data source of Cortex Cloud Application Security
version_added: 1.0.0
description:
  - Connects, rescopes and deletes one integration of a Cortex Cloud Application Security tenant, such as a
    version control system, a CI system, a third-party scanner or a SARIF collector.
  - The instance is identified by O(id), or by O(type) together with O(identifier), O(name) and
    O(domain.hostname), as far as they are given. If several instances match, or if none can be identified
    with certainty, nothing is done, and the message says how to distinguish them.
  - Fields that are not given are left unchanged. V(null) means not given.
  - Creating an instance and setting its scope are two API calls. If the second one fails, the result is
    failed and changed, and the message says what was kept.
options:
  trust_unchanged:
    description:
      - Skip reading the data source if the list shows the same time of last change
        (RV(data_source.updated_at)) and the same number of repositories as in an earlier run that found it
        exactly as described now.
      - The same option of M(cortex_cloud.appsec.data_sources) says what this assumes and what is remembered.
        The result then shows what the list shows, so that RV(data_source) contains no repositories.
    type: bool
    default: false
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._data_source
  - cortex_cloud.appsec._attributes
attributes:
  check_mode:
    support: full
    details:
      - The result predicts what a real run would do. RV(data_source.id) is null if the instance would be
        created.
  diff_mode:
    support: full
    details:
      - Shows only what changes. Of secrets it shows that they will be set.
  idempotent:
    support: full
    details:
      - O(credentials) and O(self_signed_certificate) are used only on creation, because the API can neither
        show nor change them.
seealso:
  - module: cortex_cloud.appsec.data_sources
  - module: cortex_cloud.appsec.data_source_info
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: Connect a self-managed GitLab and select two repositories
  cortex_cloud.appsec.data_source:
    type: GITLAB_SELF_MANAGED
    name: gitlab-core
    domain:
      hostname: gitlab.example.com
      protocol: https
    credentials:
      client_id: "{{ gitlab_application_id }}"
      client_secret: "{{ gitlab_application_secret }}"
    selection_type: MANUAL_SELECTION
    repositories:
      - platform/api
      - platform/web

- name: Select repositories by rules
  cortex_cloud.appsec.data_source:
    type: GITLAB_SELF_MANAGED
    name: gitlab-core
    scope_rules:
      - include: platform/**
      - exclude: "**/archive"
    scope_candidates: "{{ playbook_dir }}/repositories.txt"

- name: Deselect one repository
  cortex_cloud.appsec.data_source:
    type: GITLAB_SELF_MANAGED
    name: gitlab-core
    repositories: [platform/web]
    repositories_mode: remove

- name: Create a SARIF collector and keep its one-time token
  cortex_cloud.appsec.data_source:
    type: COLLECTOR
    name: bandit
    unique_properties: {detectionMethod: SAST, fileType: SARIF}
    credentials_file: "{{ ansible_user_dir }}/cortex/bandit.json"

- name: Disconnect Snyk
  cortex_cloud.appsec.data_source:
    type: SNYK
    name: snyk-eu
    state: absent
"""

RETURN = r"""
data_source:
  description:
    - The instance as the tenant shows it (in check mode, as predicted), in the form of the options. Secrets
      are hidden.
  returned: when the instance exists, or would exist
  type: dict
  contains:
    id: {description: "The tenant's ID; null if the instance would be created.", type: str, returned: always}
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
actions:
  description: The API calls that changed the tenant, or would change it.
  returned: always
  type: list
  elements: str
  sample: [create, scope]
identified_by:
  description:
    - How the instance was identified. C(id), C(identifier), C(name), C(hostname), C(type), or C(memory) of an
      earlier run.
  returned: when the instance was found
  type: str
  sample: hostname
not_compared:
  description: Given options that the tenant never shows.
  returned: when there are any
  type: list
  elements: str
  sample: [unique_properties.scanTypes]
credentials_applied:
  description: Whether O(credentials) were sent, which happens only on creation.
  returned: always
  type: bool
pending_actions:
  description: What a person still has to do.
  returned: always
  type: list
  elements: dict
  sample:
    - {id: "4711", type: GITHUB_ENTERPRISE, name: ghe-core, step: authorise the application in a browser}
backup_file:
  description: Backup of the instance, written before something was removed from it.
  returned: when O(backup_dir) is set and something was removed
  type: str
scope:
  description: Outcome of O(scope_rules) in numbers.
  returned: when O(scope_rules) is given
  type: dict
  contains:
    candidates: {description: "Number of candidates.", type: int, returned: always}
    unmatched: {description: "Number of candidates that no rule matches.", type: int, returned: always}
    unmatched_examples: {description: "Some of these.", type: list, elements: str, returned: always}
    selected: {description: "Number of repositories that were selected before.", type: int, returned: always}
    included:
      description: Number of candidates and selected repositories that the rules include.
      type: int
      returned: always
    left_out:
      description: Number of selected repositories that the rules do not include.
      type: int
      returned: always
    unlisted:
      description: Number of selected repositories that are not candidates.
      type: int
      returned: always
    unlisted_left_out:
      description: Number of those that the rules do not include.
      type: int
      returned: always
    rules:
      description:
        - For each rule, C(rule), C(pattern), C(matched), C(overruled) (matches decided by a later rule) and
          C(examples).
      returned: always
      type: list
      elements: dict
destroys:
  description: What is deleted along with the instance.
  returned: when it is deleted or recreated, or would be
  type: str
collector_credentials:
  description: The one-time token of a new collector.
  returned: when O(return_credentials) is true and a collector was created
  type: dict
  contains:
    api_url: {description: URL for uploads., type: str, returned: always}
    token_id: {description: ID of the token., type: str, returned: always}
    token: {description: The token in clear text., type: str, returned: always}
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
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import results
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import (
    argument_spec,
    item_from,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CONNECTION_SPEC, CortexModule


def main() -> None:
    own = {"trust_unchanged": {"type": "bool", "default": False}}
    module = CortexModule({**argument_spec(), **own}, required_one_of=[("id", "type")])
    item = item_from(
        {name: value for name, value in module.params.items() if name not in (*CONNECTION_SPEC, *own)}
    )

    def work(api: Api) -> dict[str, Any]:
        (outcome,) = Run(
            api, check_mode=module.check_mode, full=True, trust_unchanged=module.params["trust_unchanged"]
        ).apply([item])
        return results.result_of(outcome, diff=module._diff)

    module.run(work)


if __name__ == "__main__":
    main()
