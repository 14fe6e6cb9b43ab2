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
  - Connects, rescopes and deletes one integration of a Cortex Cloud Application Security tenant, such as a version control system,
    a CI system, a third-party scanner or a SARIF collector.
  - The instance is found by O(id), or by O(type) and every one of O(name) and O(domain.hostname) that is given. When several match, or when
    it cannot be told, nothing is done and the message says how to tell them apart.
  - Fields that are not given are left as they are. V(null) is the same as not given.
  - Creation and scope are two calls of the API. When the second one fails, the result is failed and changed, and the message says
    what stands.
options:
  trust_unchanged:
    description:
      - Do not read the data source again when its time of the last change (RV(data_source.updated_at)) and its number of repositories,
        as the list shows them, are those of an earlier run that found it just as it is wanted now.
      - On what this rests, and what is remembered, says the same option of M(cortex_cloud.appsec.data_sources). The result then shows
        what the list shows, so that RV(data_source) has no repositories.
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
      - The result predicts what a run would do. RV(data_source.id) is null for what would be created.
  diff_mode:
    support: full
    details:
      - Shows just what changes. Of secrets it shows that they will be set.
  idempotent:
    support: full
    details:
      - O(credentials) and O(self_signed_certificate) are used only at creation, since the API cannot show or change them.
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

- name: Select by rules what the organisation has
  cortex_cloud.appsec.data_source:
    type: GITLAB_SELF_MANAGED
    name: gitlab-core
    scope_rules:
      - include: platform/**
      - exclude: "**/archive"
    scope_candidates: "{{ playbook_dir }}/repositories.txt"

- name: Take one repository out of the selection
  cortex_cloud.appsec.data_source:
    type: GITLAB_SELF_MANAGED
    name: gitlab-core
    repositories: [platform/web]
    repositories_mode: remove

- name: Make a SARIF collector and keep its one-time token
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
    - The instance as the tenant holds it, or would hold it in check mode, in the shape of the options. Secrets are hidden.
  returned: when it exists, or would
  type: dict
  contains:
    id: {description: "The tenant's ID; null for what would be created.", type: str, returned: always}
    type: {description: "Integration type.", type: str, returned: when shown}
    identifier: {description: "What the tenant tells it apart by; the name of a collector.", type: str, returned: when shown}
    name: {description: "Name.", type: str, returned: when shown}
    domain: {description: "Host name and protocol.", type: dict, returned: when shown}
    unique_properties: {description: "Settings of the type, secrets hidden.", type: dict, returned: when shown}
    transporter: {description: "Broker and connection.", type: dict, returned: when shown}
    self_signed_certificate: {description: "Certificate of a self-hosted server.", type: str, returned: when shown}
    selection_type: {description: "Which repositories are covered.", type: str, returned: when shown}
    repositories: {description: "The selected repositories.", type: list, elements: str, returned: when shown}
    external_projects: {description: "Mappings.", type: list, elements: dict, returned: when shown}
    repositories_count: {description: "Number of repositories the tenant states.", type: int, returned: when shown}
    status: {description: "The tenant's status word.", type: str, returned: when shown}
    status_details:
      description: Why, by component, such as C(connection); each with C(status), V(VALID) or V(INVALID), and what is shown of C(message),
        C(error) and C(timestamp).
      returned: when shown
      type: dict
      sample: {connection: {status: INVALID, message: The token has expired, timestamp: "2025-07-20T14:15:30.000Z"}}
    scan_types: {description: "Whether each kind of scan is on.", type: dict, returned: when shown, sample: {SAST: true, SCA: false}}
    tenant_id: {description: "The tenant's own ID.", type: str, returned: when shown}
    api_url: {description: "Where a V(COLLECTOR) takes uploads.", type: str, returned: when shown}
    created_at: {description: "Time of creation, as the tenant writes it.", type: str, returned: when shown}
    updated_at: {description: "Time of the last change, as the tenant writes it.", type: str, returned: when shown}
actions:
  description: The calls that changed the tenant, or would.
  returned: always
  type: list
  elements: str
  sample: [create, scope]
identified_by:
  description: What told the instance apart, C(id), C(identifier), C(name), C(hostname), C(type) or C(memory) of an earlier run.
  returned: when it was found
  type: str
  sample: hostname
not_compared:
  description: Options that were given and that the tenant never shows.
  returned: when there are some
  type: list
  elements: str
  sample: [unique_properties.scanTypes]
credentials_applied:
  description: Whether O(credentials) were sent, which happens at creation alone.
  returned: always
  type: bool
pending_actions:
  description: What a person still has to do for a new instance.
  returned: always
  type: list
  elements: dict
  sample: [{id: "4711", type: GITHUB_ENTERPRISE, name: ghe-core, step: authorise the application in a browser}]
backup_file:
  description: Where the instance was written before something was taken away from it.
  returned: when O(backup_dir) is set and something was taken away
  type: str
scope:
  description: What O(scope_rules) came to, in numbers.
  returned: when O(scope_rules) is given
  type: dict
  contains:
    candidates: {description: "Number of candidates.", type: int, returned: always}
    unmatched: {description: "Number of candidates that no rule matches.", type: int, returned: always}
    unmatched_examples: {description: "Some of these.", type: list, elements: str, returned: always}
    selected: {description: "Number of repositories selected before.", type: int, returned: always}
    included: {description: "Number of both that the rules include.", type: int, returned: always}
    left_out: {description: "Number of selected ones that the rules do not include.", type: int, returned: always}
    unlisted: {description: "Number of selected ones that are no candidates.", type: int, returned: always}
    unlisted_left_out: {description: "Number of those that the rules do not include.", type: int, returned: always}
    rules:
      description: For each rule C(rule), C(pattern), C(matched), C(overruled) (how many of them a later rule decides) and C(examples).
      returned: always
      type: list
      elements: dict
destroys:
  description: What goes with the instance, beside itself.
  returned: when it is deleted or recreated, or would be
  type: str
collector_credentials:
  description: The one-time token of a new collector.
  returned: when O(return_credentials) is true and a collector was created
  type: dict
  contains:
    api_url: {description: URL to upload to., type: str, returned: always}
    token_id: {description: ID of the token., type: str, returned: always}
    token: {description: The token in clear., type: str, returned: always}
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

from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import report
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import argument_spec, item_from
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CONNECTION_SPEC, CortexModule


def main() -> None:
    own = {"trust_unchanged": {"type": "bool", "default": False}}
    module = CortexModule({**argument_spec(), **own}, required_one_of=[("id", "type")])
    item = item_from({name: value for name, value in module.params.items() if name not in (*CONNECTION_SPEC, *own)})

    def work(api: Api) -> dict[str, Any]:
        (outcome,) = Run(api, check_mode=module.check_mode, full=True, trust_unchanged=module.params["trust_unchanged"]).apply([item])
        return report.result_of(outcome, diff=module._diff)

    module.run(work)


if __name__ == "__main__":
    main()
