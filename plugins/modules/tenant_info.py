#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: tenant_info
short_description: Check whether an API key is usable with a Cortex Cloud tenant
version_added: 1.0.0
description:
  - Checks whether the tenant accepts the key, whether the key is allowed to read data sources, whether the
    tenant is licensed, which generation of the API it has, and how far the clocks differ.
  - RV(healthcheck) distinguishes a wrong host from a wrong key.
  - A rejected key is a result, not a failure. The task fails only if the tenant cannot be reached or the
    options are invalid.
  - Reading alone cannot show whether the key is allowed to write.
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._attributes
  - cortex_cloud.appsec._attributes.read_only
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: Check the API key
  cortex_cloud.appsec.tenant_info:
  register: tenant

- name: Stop early if it is not usable
  ansible.builtin.assert:
    that: tenant.can_read is true
    fail_msg: "{{ tenant.hints | join(' ') }}"
"""

RETURN = r"""
authenticated:
  description: Whether the tenant accepted the key.
  returned: success
  type: bool
api_key_type:
  description: The security level that was used.
  returned: success
  type: str
can_read:
  description: Whether the key may list data sources; null if that could not be tried.
  returned: success
  type: bool
licensed:
  description: Whether the tenant has the licence; null if that is unknown.
  returned: success
  type: bool
clock_skew_seconds:
  description:
    - How far the tenant's clock is ahead of this machine's, in seconds; null if the tenant sent no date.
  returned: success
  type: float
host:
  description: The host that was contacted.
  returned: success
  type: str
healthcheck:
  description:
    - The tenant's word for its health; V(refused) if the tenant rejects this key.
    - V(null) if the host has no healthcheck endpoint. If the key is rejected too, O(api_url) may not be that
      of a tenant.
  returned: success
  type: str
  sample: available
generation:
  description:
    - V(current), or V(previous) for an older tenant, whose data sources can be listed, updated and deleted,
      but created only in the console. V(null) if the key is not allowed to list data sources.
  returned: success
  type: str
  sample: current
data_sources:
  description: Number of data sources in the tenant's list; null if the key is not allowed to list them.
  returned: success
  type: int
hints:
  description: What is wrong and what to do, one line each; empty if all is well.
  returned: success
  type: list
  elements: str
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
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._tenant import examine


def main() -> None:
    CortexModule({}).run(examine)


if __name__ == "__main__":
    main()
