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
  - Brings a list of integrations of one tenant to their described state, in one process, with one call to list what is there.
  - All items are read and planned before the first write. Items that mean the same instance, or that claim the same repository,
    are refused. Several instances are worked on at once, under one rate limit.
  - One item's failure does not stop the others. The task fails at the end and names each failed item by index and name. A refused
    key, licence or role ends the run.
  - Secrets never become loop items, which Ansible would print.
  - On the host that runs C(ansible-playbook), a line every few seconds tells how far it is, and in diff mode the plan is shown
    even when the task fails.
options:
  prune:
    description:
      - Delete the instances of O(prune_types) that no item means. This happens last, and only when every item succeeded.
      - Never deleted are instances that were made in this run, types that register themselves, and instances whose item has
        O(data_sources[].ignore).
      - Refused before any change are types of which no item is listed, more than O(prune_max) deletions, and a deletion beside a creation
        of the same type on the same host, which is what a new name in the list looks like.
    type: bool
    default: false
  prune_types:
    description: The integration types that O(prune) looks at. Required with O(prune).
    type: list
    elements: str
    default: []
  prune_max:
    description: With more deletions than this by O(prune), nothing at all is changed.
    type: int
    default: 5
  plan_file:
    description:
      - File on the host that runs the module to which the plan is written as Markdown, with its digest, in check mode too.
      - It is replaced as a whole and for its owner alone (V(0600)). A link is not followed but refused.
    type: path
  plan_digest:
    description:
      - Apply only the plan with this digest (RV(plan_digest) of a check-mode run); otherwise nothing is changed.
      - It covers the very requests that are sent, what each of them replaces, and what goes with a deletion. Of a secret it covers only
        that it is set; the plan shows all else.
      - Given, an instance that somebody changes between the plan and its update is not changed either.
      - A blank one, or a null, is the digest of no plan, so that nothing is changed. To apply whatever the plan is, leave it out.
    type: str
  plan_required:
    description:
      - Change nothing without O(plan_digest), so that an approval that got lost is not taken for one that was not asked for.
      - In check mode, which is where the digest comes from, it means nothing.
    type: bool
    default: false
  trust_unchanged:
    description:
      - Do not read a data source again whose time of the last change (C(lastUpdateDate)) and number of repositories, as the list
        shows them, are those of an earlier run that found it just as it is wanted now. 500 of them then take one request.
      - This rests on the tenant moving that time with every change, of the repositories too, which is published nowhere. Leave it off where
        that matters more than the time, such as in an audit.
      - What was found is remembered in O(state_dir), by runs that have this on and are not in check mode. Each write, refusal and
        difference forgets it. Of what is not read again the result shows what the list shows.
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
  description: What became of each item, or would in check mode.
  returned: always
  type: list
  elements: dict
  contains:
    index: {description: "Place of the item in the list, from 0.", type: int, returned: always}
    id: {description: "The tenant's ID; null for what would be created.", type: str, returned: always}
    type: {description: "Integration type.", type: str, returned: always}
    name: {description: "Name.", type: str, returned: always}
    identifier: {description: "What the tenant tells it apart by.", type: str, returned: always}
    hostname: {description: "Host name.", type: str, returned: always}
    action:
      description:
        - V(created), V(updated), V(unchanged), V(deleted), V(pending), V(failed) or V(undetermined). V(pending) means that a person has to
          connect it in the console.
      type: str
      returned: always
    identified_by:
      description: What told it apart, as RV(cortex_cloud.appsec.data_source#module:identified_by).
      type: str
      returned: when it was found
    not_compared:
      description: Options that were given and that the tenant never shows.
      type: list
      elements: str
      returned: when there are some
    changed: {description: "Whether the tenant was changed for it.", type: bool, returned: always}
    selection_type: {description: "What is selected; null where the tenant does not show it.", type: str, returned: always}
    repositories_count: {description: "Number of repositories.", type: int, returned: always}
    external_projects_count: {description: "Number of mappings of external projects; null where not known.", type: int, returned: always}
    status: {description: "The tenant's status word.", type: str, returned: always}
    status_details:
      description: Why, by component, as RV(cortex_cloud.appsec.data_source#module:data_source.status_details).
      returned: when shown
      type: dict
    backup_file: {description: "Where it was written before something was taken away.", type: str, returned: when it was}
    destroys: {description: "What goes with it, beside itself.", type: str, returned: when it is deleted or recreated}
    scope:
      description:
        - What O(data_sources[].scope_rules) came to, in numbers, as RV(cortex_cloud.appsec.data_source#module:scope).
      returned: when there are rules
      type: dict
    error: {description: "Why it failed.", type: str, returned: when it failed}
    pending_actions: {description: "What a person still has to do.", type: list, elements: dict, returned: when there is something}
plan_digest:
  description: A short name for exactly this plan on this tenant, the same in check mode and for real.
  returned: always
  type: str
tenant:
  description: Host of the tenant.
  returned: always
  type: str
summary:
  description: How many items had each action.
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
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.prune import Prune
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule


def main() -> None:
    spec = {
        "data_sources": {"type": "list", "elements": "dict", "required": True, "options": argument_spec(in_list=True)},
        "prune": {"type": "bool", "default": False},
        "prune_types": {"type": "list", "elements": "str", "default": []},
        "prune_max": {"type": "int", "default": 5},
        "plan_file": {"type": "path"},
        "plan_digest": {"type": "str"},
        "plan_required": {"type": "bool", "default": False},
        "trust_unchanged": {"type": "bool", "default": False},
    }
    module = CortexModule(spec)
    params = module.params

    def work(api: Api) -> dict[str, Any]:
        if params["plan_required"] and params["plan_digest"] is None and not module.check_mode:
            raise InputError(
                "plan_required is set and plan_digest is not given: nothing was sent. Run in check mode, have the plan looked at, and give "
                "its digest."
            )
        run = Run(
            api,
            check_mode=module.check_mode,
            prune=Prune(tuple(params["prune_types"]), params["prune_max"]) if params["prune"] else None,
            digest=params["plan_digest"],
            trust_unchanged=params["trust_unchanged"],
            progress=module.progress(api),
            on_plan=report.plan_writer(params["plan_file"]),
        )
        outcomes = run.apply([item_from(p) for p in params["data_sources"]])
        return report.results_of(run, outcomes, diff=module._diff)

    module.run(work)


if __name__ == "__main__":
    main()
