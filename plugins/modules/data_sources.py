#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: data_sources
short_description: Manage many data sources of Cortex Cloud Application Security in one task
version_added: 1.0.0
description:
  - Brings a list of integrations of one tenant to their described state in one process, with a single request
    to list the existing ones.
  - All items are read and planned before the first write. Items that identify the same instance, or that
    claim the same repository, are refused. Several instances are processed concurrently, under one rate
    limit.
  - A failed item does not stop the others. The task fails at the end and names each failed item by index and
    name. A rejected key, licence or role ends the run.
  - Unlike in a loop, secrets do not become loop items, which Ansible would print.
  - On the host that runs C(ansible-playbook), a line every few seconds reports progress, and in diff mode the
    plan is shown even if the task fails.
options:
  prune:
    description:
      - Delete the instances of O(prune_types) that no item identifies. This happens last, and only if every
        item succeeded.
      - Instances created in this run, instances of types that register themselves, and instances whose item
        has O(data_sources[].ignore) are never deleted.
      - The task fails before any change if one of the types has no item, if there would be more than
        O(prune_max) deletions, or if an instance would be deleted and another of the same type created on the
        same host, which is what a changed name looks like.
    type: bool
    default: false
  prune_types:
    description: The integration types to prune. Required with O(prune).
    type: list
    elements: str
    default: []
  prune_max:
    description: Maximum number of deletions by O(prune). If there would be more, nothing at all is changed.
    type: int
    default: 5
  plan_file:
    description:
      - File on the host that runs the module to which the plan is written as Markdown, with its digest, in
        check mode too.
      - It is replaced as a whole and readable only by its owner (V(0600)). A link is refused, not followed,
        and so is a file that holds something else than a plan.
    type: path
  plan_digest:
    description:
      - Apply only the plan with this digest (RV(plan_digest) of a check-mode run); otherwise nothing is
        changed.
      - It covers the exact requests to be sent, what each of them replaces, and what is deleted along with an
        instance. Of a secret it covers only that it is set; the plan shows everything else.
      - An instance that somebody changes between the plan and its update is then left alone, too.
      - A blank or null digest matches no plan, so nothing is changed. To apply any plan, omit the option.
    type: str
  plan_required:
    description:
      - Change nothing without O(plan_digest), so that a lost approval is not mistaken for a run that needs
        none.
      - It has no effect in check mode, which is where the digest comes from.
    type: bool
    default: false
  trust_unchanged:
    description:
      - Skip reading a data source if the list shows the same time of last change (C(lastUpdateDate)) and the
        same number of repositories as in an earlier run that found it exactly as described now. 500 unchanged
        data sources then take one request.
      - This assumes that the tenant updates that time with every change, including changes to the
        repositories, which is not documented anywhere. Leave it off if certainty matters more than time, as
        in an audit.
      - Runs with this option, outside check mode, remember their findings in O(state_dir). Every write,
        refusal and difference erases the entry; check mode neither adds nor erases one. For a data source
        that is not read again, the result shows what the list shows.
    type: bool
    default: false
  inventory:
    description:
      - Also return all data sources of the tenant in full, from the same responses, so that each is read only
        once. Only in check mode.
    type: bool
    default: false
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._data_source.items
  - cortex_cloud.appsec._attributes
attributes:
  check_mode:
    support: full
    details:
      - The result predicts what a real run would do.
  diff_mode:
    support: full
    details:
      - A list with one entry per changed instance.
  idempotent:
    support: full
    details:
      - O(data_sources[].credentials) are used only on creation, because the API can neither show nor change
        them.
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

- name: Select by rules what an export of the organisation lists
  cortex_cloud.appsec.data_sources:
    data_sources:
      - type: GITHUB_ENTERPRISE
        name: ghe-core
        selection_type: MANUAL_SELECTION
        scope_rules:
          - include: payments/*
          - exclude: payments/*-sandbox
        scope_candidates: "{{ playbook_dir }}/repositories.csv"
        repositories_mode: exact

- name: Write the plan, and delete Jenkins servers that are no longer listed
  cortex_cloud.appsec.data_sources:
    data_sources: "{{ tenant_data_sources }}"
    prune: true
    prune_types: [JENKINS_SERVER]
    plan_file: plan.md
  check_mode: true
  register: plan

- name: Apply just that plan
  cortex_cloud.appsec.data_sources:
    data_sources: "{{ tenant_data_sources }}"
    prune: true
    prune_types: [JENKINS_SERVER]
    plan_digest: "{{ plan.plan_digest }}"
"""

RETURN = r"""
data_sources:
  description: The result of each item; in check mode, the predicted result.
  returned: always
  type: list
  elements: dict
  contains:
    index: {description: "Index of the item in the list, starting at 0.", type: int, returned: always}
    id: {description: "The tenant's ID; null if the instance would be created.", type: str, returned: always}
    type: {description: "Integration type.", type: str, returned: always}
    name: {description: "Name.", type: str, returned: always}
    identifier: {description: "The tenant's own identifier of the instance.", type: str, returned: always}
    hostname: {description: "Host name.", type: str, returned: always}
    action:
      description:
        - V(created), V(updated), V(unchanged), V(deleted), V(pending), V(failed) or V(undetermined).
          V(pending) means that a person has to connect it in the console.
      type: str
      returned: always
    identified_by:
      description:
        - How the instance was identified, as RV(cortex_cloud.appsec.data_source#module:identified_by).
      type: str
      returned: when the instance was found
    not_compared:
      description: Given options that the tenant never shows.
      type: list
      elements: str
      returned: when there are any
    changed: {description: "Whether the tenant was changed for this item.", type: bool, returned: always}
    selection_type:
      description: What is selected; null where the tenant does not show it.
      type: str
      returned: always
    repositories_count: {description: "Number of repositories.", type: int, returned: always}
    external_projects_count:
      description: Number of mappings of external projects; null where not known.
      type: int
      returned: always
    status: {description: "The tenant's status word.", type: str, returned: always}
    status_details:
      description:
        - Reasons for the status, by component, as
          RV(cortex_cloud.appsec.data_source#module:data_source.status_details).
      returned: when shown
      type: dict
    backup_file:
      description: Backup written before something was removed.
      type: str
      returned: when a backup was written
    destroys:
      description: What is deleted along with the instance.
      type: str
      returned: when it is deleted or recreated
    scope:
      description:
        - Outcome of O(data_sources[].scope_rules) in numbers, as
          RV(cortex_cloud.appsec.data_source#module:scope).
      returned: when there are rules
      type: dict
    error: {description: "Why it failed.", type: str, returned: when it failed}
    pending_actions:
      description: What a person still has to do.
      type: list
      elements: dict
      returned: when there are any
plan_digest:
  description: Digest of exactly this plan for this tenant, the same in check mode and in a real run.
  returned: always
  type: str
tenant:
  description: Host name of the tenant.
  returned: always
  type: str
inventory:
  description:
    - All data sources of the tenant, as RV(cortex_cloud.appsec.data_source_info#module:data_sources) with
      details.
  returned: when O(inventory) is true
  type: list
  elements: dict
summary:
  description: Number of items per action.
  returned: always
  type: dict
  sample: {created: 2, unchanged: 5}
pending_actions:
  description: What a person still has to do, until the tenant shows that it is done.
  returned: always
  type: list
  elements: dict
collector_credentials:
  description: The one-time tokens of new collectors, each with the index of its item.
  returned: when O(data_sources[].return_credentials) is true and a collector was created
  type: list
  elements: dict
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
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.find import (
    ReadOnce,
    fetch_data_sources,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.prune import Prune
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule


def main() -> None:
    spec = {
        "data_sources": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": argument_spec(in_list=True),
        },
        "prune": {"type": "bool", "default": False},
        "prune_types": {"type": "list", "elements": "str", "default": []},
        "prune_max": {"type": "int", "default": 5},
        "plan_file": {"type": "path"},
        "plan_digest": {"type": "str"},
        "plan_required": {"type": "bool", "default": False},
        "trust_unchanged": {"type": "bool", "default": False},
        "inventory": {"type": "bool", "default": False},
    }
    module = CortexModule(spec)
    params = module.params

    def work(api: Api) -> dict[str, Any]:
        if params["plan_required"] and params["plan_digest"] is None and not module.check_mode:
            raise InputError(
                "plan_required is set and plan_digest is not given: nothing was sent. Run in check mode, "
                "have the plan looked at, and give its digest."
            )
        if params["inventory"]:
            if not module.check_mode:
                raise InputError(
                    "inventory is only for check mode, since it would show the tenant as it was before the "
                    "run: nothing was sent. Run the task in check mode, or read the data sources with "
                    "data_source_info."
                )
            api = ReadOnce(api)
        run = Run(
            api,
            check_mode=module.check_mode,
            prune=Prune(tuple(params["prune_types"]), params["prune_max"]) if params["prune"] else None,
            digest=params["plan_digest"],
            trust_unchanged=params["trust_unchanged"],
            progress=module.progress(api),
            on_plan=results.plan_writer(params["plan_file"]),
        )
        outcomes = run.apply([item_from(p) for p in params["data_sources"]])
        result = results.results_of(run, outcomes, diff=module._diff)
        if params["inventory"]:
            sources = fetch_data_sources(api, {}, details=True)
            result["inventory"] = results.inventory(sources, api.tenant, config=False)["data_sources"]
        return result

    module.run(work)


if __name__ == "__main__":
    main()
