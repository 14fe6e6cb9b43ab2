#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: tenant_verify
short_description: See how a Cortex Cloud tenant answers where its documentation is silent
version_added: 1.0.0
description:
  - Asks the tenant, in at most 30 requests, how it answers where the published schemas leave a choice, and
    tells what that means for this collection.
  - The profile that it returns and writes holds names of members, kinds of values, status codes and words of
    this collection alone; no name, id, host, repository or key. So it can be attached to a public issue, and
    the embedded tenant of this collection can be started with it.
  - It only reads, and a key that may only view is enough, unless O(verify_write=true).
  - Where nothing can be read, it fails and writes no profile.
options:
  verify_report:
    description:
      - File on the host that runs the module to which the profile is written as YAML, in check mode too.
      - It is replaced as a whole and for its owner alone (V(0600)). A link is not followed but refused, and
        so is a file that holds something else than a profile.
    type: path
  verify_write:
    description:
      - Whether one collector may be made, to see what reading cannot show. It is read, updated and deleted
        again, whatever fails in between, and nothing else is touched. Its name is
        C(cortex-cloud-appsec-verify-) and random letters.
      - Nothing asks again. In check mode nothing is written.
      - Nothing is written to a tenant of the previous generation, which creates nothing.
    type: bool
    default: false
  verify_repository_url:
    description:
      - URL of a repository that the tenant knows. A report with two results is uploaded about it through that
        collector.
      - The results stay with the repository, and say that they can be dismissed. Needs O(verify_write=true).
    type: str
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._attributes
attributes:
  check_mode:
    support: full
    details:
      - Reads as ever and makes no collector.
  diff_mode:
    support: N/A
    details:
      - Nothing is different afterwards.
  idempotent:
    support: full
    details:
      - The collector that O(verify_write=true) makes is gone at the end.
seealso:
  - module: cortex_cloud.appsec.tenant_info
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: See how the tenant answers
  cortex_cloud.appsec.tenant_verify:
    verify_report: tenant-profile.yml
  register: verified

- name: Show what that means
  ansible.builtin.debug:
    msg: "{{ verified.summary }}"

- name: See also how it answers to writes, with one collector that is deleted again
  cortex_cloud.appsec.tenant_verify:
    verify_report: tenant-profile.yml
    verify_write: true
    verify_repository_url: https://github.com/bakery/oven
"""

RETURN = r"""
profile:
  description:
    - What was seen, as YAML, the same as O(verify_report). Under C(switches) each switch of the embedded
      tenant with the value that was seen or V(unknown), under C(needed) what it would take to see it.
    - Under C(statements) whether each statement of C(docs/api.md) V(holds), is V(contradicted), or was V(not
      seen). Under C(answers) status, envelope, names of members, and numbers in powers of ten.
  returned: when a tenant answered
  type: str
summary:
  description: What works at this tenant, what is different and which option matters then, one line each.
  returned: when a tenant answered
  type: list
  elements: str
requests:
  description: How many requests were made, those that were sent again included.
  returned: when a tenant answered
  type: int
seconds:
  description: How long it took.
  returned: when a tenant answered
  type: float
statements_held:
  description: How many statements hold.
  returned: when a tenant answered
  type: int
statements_contradicted:
  description: How many statements are contradicted.
  returned: when a tenant answered
  type: int
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
    outcome_unknown: {description: "Whether the request may have been carried out nevertheless.", type: bool, returned: always}
rate_limited:
  description: How often and how long (in seconds) this task waited for the tenant's request budget.
  returned: when the tenant's options were valid
  type: dict
  sample: {waits: 0, seconds: 0.0}
"""

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._verify.run import verify
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._version import VERSION


def main() -> None:
    module = CortexModule(
        {
            "verify_report": {"type": "path"},
            "verify_write": {"type": "bool", "default": False},
            "verify_repository_url": {"type": "str"},
        }
    )
    params = module.params
    module.run(
        lambda api: verify(
            api,
            report=params["verify_report"],
            may_write=params["verify_write"],
            repository_url=params["verify_repository_url"],
            check_mode=module.check_mode,
            version=VERSION,
        )
    )


if __name__ == "__main__":
    main()
