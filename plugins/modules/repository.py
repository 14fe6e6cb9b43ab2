#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: repository
short_description: Configure which branches of repositories are scanned, and how
version_added: 1.0.0
description:
  - Sets the scanned branches and the scan configuration of one repository of a tenant, or of many in one
    task.
  - M(cortex_cloud.appsec.data_source) selects which repositories are scanned at all.
  - All repositories are read and planned before the first write. Each is read again before and after its
    change. If a change altered anything else, that is an error, and the remaining repositories are not
    changed.
  - Only the given settings change. If one repository fails, the others are still processed; a refused key,
    licence or role ends the run.
options:
  max_narrowed:
    description:
      - Maximum number of repositories in which less may be scanned than before (a scanner or pull request
        scanning turned off, a branch removed, a path excluded). A run that exceeds it is refused before any
        change, with the numbers. V(-1) allows any number.
    type: int
    default: 10
  plan_file:
    description:
      - File on the host that runs the module for the plan, as Markdown with its digest. It is written in
        check mode too.
      - It is replaced completely and readable only by its owner (V(0600)). A symbolic link is refused,
        and so is a file that contains anything but a plan.
    type: path
  plan_digest:
    description:
      - Apply only the plan with this digest (RV(plan_digest) of a check-mode run); otherwise nothing is
        changed.
      - If it is given, a repository that somebody else changes between the plan and its update is not changed
        either.
      - A blank or null digest matches no plan, so nothing is changed. To apply any plan,
        do not set it.
    type: str
  plan_required:
    description:
      - Change nothing without O(plan_digest). In check mode, which produces the digest, it has no
        effect.
    type: bool
    default: false
extends_documentation_fragment:
  - cortex_cloud.appsec._repository
  - cortex_cloud.appsec._repository.items
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._attributes
attributes:
  check_mode:
    support: full
    details:
      - The result predicts what a run would do.
  diff_mode:
    support: full
    details:
      - A list with one entry for each repository that changes.
  idempotent:
    support: full
seealso:
  - module: cortex_cloud.appsec.repository_info
  - module: cortex_cloud.appsec.data_source
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: Scan the release branch of one repository too, and validate the secrets that are found
  cortex_cloud.appsec.repository:
    url: https://github.example.com/payments/ledger
    scanned_branches: [main, release]
    primary_branch: main
    scan_configuration:
      scanners:
        secrets: {scan_options: {secret_validation: true}}

- name: Scan all pull requests in payments and block none of them
  cortex_cloud.appsec.repository:
    match: [payments/**]
    scan_configuration:
      pr_scanning: {is_enabled: true, block_on_error: false}

- name: See what several settings would change
  cortex_cloud.appsec.repository:
    repositories:
      - match: [payments/*, identity/*]
        data_source: {type: GITHUB_ENTERPRISE, domain: {hostname: github.example.com}}
        scan_configuration: {scanners: {iac: {is_enabled: true}}}
      - url: https://github.example.com/web/shop
        scan_configuration: {excluded_paths: [vendor/, testdata/]}
    plan_file: plan.md
  check_mode: true
  diff: true
  register: plan

- name: Apply just that plan
  cortex_cloud.appsec.repository:
    repositories:
      - match: [payments/*, identity/*]
        data_source: {type: GITHUB_ENTERPRISE, domain: {hostname: github.example.com}}
        scan_configuration: {scanners: {iac: {is_enabled: true}}}
      - url: https://github.example.com/web/shop
        scan_configuration: {excluded_paths: [vendor/, testdata/]}
    plan_digest: "{{ plan.plan_digest }}"
"""

RETURN = r"""
repositories:
  description: What was done with each repository; in check mode, what would be done.
  returned: when the tenant could be read and no guard refused
  type: list
  elements: dict
  contains:
    id: {description: "The tenant's ID.", type: str, returned: always}
    owner: {description: "Organization, group or project.", type: str, returned: always}
    name: {description: "Name.", type: str, returned: always}
    url: {description: "Address of its web page.", type: str, returned: always}
    index:
      description: Index of the item in O(repositories) that selects it, from 0.
      type: int
      returned: always
    action: {description: "V(updated), V(unchanged) or V(failed).", type: str, returned: always}
    changed: {description: "Whether the tenant was changed for it.", type: bool, returned: always}
    scanned_branches:
      description: The branches that are scanned.
      type: list
      elements: str
      returned: when shown
    primary_branch: {description: "The primary one of them.", type: str, returned: when shown}
    scan_configuration:
      description: What is scanned, in the shape of O(scan_configuration).
      type: dict
      returned: when shown
    error: {description: "Why it failed.", type: str, returned: when it failed}
summary:
  description: How many repositories had each action.
  returned: with RV(repositories)
  type: dict
  sample: {updated: 12, unchanged: 3}
plan_digest:
  description: Identifies exactly this plan on this tenant; it is the same in check mode and in a real run.
  returned: with RV(repositories)
  type: str
tenant:
  description: Host of the tenant.
  returned: with RV(repositories)
  type: str
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

from functools import partial
from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_run import (
    RepositoryRun,
    results_of,
    write_plan,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_settings import (
    SETTINGS_SPEC,
    without_unset,
)

ONE: dict[str, Any] = {
    "id": {"type": "str"},
    "url": {"type": "str"},
    "match": {"type": "list", "elements": "str"},
    "data_source": {"type": "raw"},
    **SETTINGS_SPEC,
}


def main() -> None:
    module = CortexModule(
        {
            **ONE,
            "repositories": {"type": "list", "elements": "dict", "options": ONE},
            "max_narrowed": {"type": "int", "default": 10},
            "plan_file": {"type": "path"},
            "plan_digest": {"type": "str"},
            "plan_required": {"type": "bool", "default": False},
        }
    )
    params = module.params

    def work(api: Api) -> dict[str, Any]:
        if params["plan_required"] and params["plan_digest"] is None and not module.check_mode:
            raise InputError(
                "plan_required is set and plan_digest is not given: nothing was sent. Run in check mode, "
                "have the plan looked at, and give its digest."
            )
        one = without_unset({name: params[name] for name in ONE})
        items = [one] if params["repositories"] is None else without_unset(params["repositories"])
        if one and params["repositories"] is not None:
            raise InputError(
                f"give {', '.join(one)} in the entries of repositories, or leave out repositories. Nothing "
                "was sent."
            )
        run = RepositoryRun(
            api,
            check_mode=module.check_mode,
            max_narrowed=params["max_narrowed"],
            approved=params["plan_digest"],
            progress=module.progress(api),
            on_plan=partial(write_plan, params["plan_file"]),
        )
        return results_of(run, run.apply(items), diff=module._diff)

    module.run(work)


if __name__ == "__main__":
    main()
