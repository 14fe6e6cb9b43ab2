#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: tenant_verify
short_description: Find out how a Cortex Cloud tenant behaves where its API is not documented
version_added: 1.0.0
description:
  - Tests, in at most 30 requests, how the tenant responds where the published schemas leave a choice, and
    reports what that means for this collection.
  - The profile that it returns and writes contains only names of members, kinds of values, status codes and
    words of this collection, but no name, ID, host, repository or key. It can therefore be attached to a
    public issue, and this collection's embedded tenant can be started with it.
  - It only reads, so a view-only key is sufficient, unless O(verify_write=true).
  - If nothing can be read, it fails and writes no profile.
options:
  verify_report:
    description:
      - File on the host that runs the module for the profile, as YAML. It is written in check mode too.
      - It is replaced completely and readable only by its owner (V(0600)). A symbolic link is refused, and so
        is a file that contains anything other than a profile.
    type: path
  verify_write:
    description:
      - Whether to create one collector, to find out what reading cannot show. It is read, updated and,
        even after a failure, deleted again; nothing else is changed. Its name is
        C(cortex-cloud-appsec-verify-) and random letters.
      - There is no further confirmation. In check mode nothing is written.
      - Nothing is written to a tenant of the previous generation, because it cannot create anything.
    type: bool
    default: false
  verify_repository_url:
    description:
      - URL of a repository that the tenant has onboarded. A report with two results for it is uploaded
        through that collector.
      - The results remain in the repository; their text says that they can be dismissed. Requires
        O(verify_write=true).
    type: str
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._attributes
attributes:
  check_mode:
    support: full
    details:
      - Reads as usual and creates no collector.
  diff_mode:
    support: N/A
    details:
      - Nothing is changed.
  idempotent:
    support: full
    details:
      - The collector that O(verify_write=true) creates is deleted at the end.
seealso:
  - module: cortex_cloud.appsec.tenant_info
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: Test how the tenant behaves
  cortex_cloud.appsec.tenant_verify:
    verify_report: tenant-profile.yml
  register: verified

- name: Show what this means
  ansible.builtin.debug:
    msg: "{{ verified.summary }}"

- name: Test writes too, with one collector that is deleted again
  cortex_cloud.appsec.tenant_verify:
    verify_report: tenant-profile.yml
    verify_write: true
    verify_repository_url: https://github.com/bakery/oven
"""

RETURN = r"""
profile:
  description:
    - The observations, as YAML, as in O(verify_report). C(switches) contains each switch of the
      embedded tenant with the observed value or V(unknown), C(needed) what is required to observe it.
    - C(statements) contains, for each statement of C(docs/api.md), V(holds), V(contradicted) or V(not seen).
      C(answers) contains status, envelope, names of members, and numbers as powers of ten.
  returned: when the tenant responded
  type: str
summary:
  description: What works with this tenant, what differs, and which option then matters, one line each.
  returned: when the tenant responded
  type: list
  elements: str
requests:
  description: Number of requests, including retries.
  returned: when the tenant responded
  type: int
seconds:
  description: How long it took.
  returned: when the tenant responded
  type: float
statements_held:
  description: How many statements hold.
  returned: when the tenant responded
  type: int
statements_contradicted:
  description: How many statements are contradicted.
  returned: when the tenant responded
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
