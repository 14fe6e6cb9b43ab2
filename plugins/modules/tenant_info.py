#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: tenant_info
short_description: Tell whether an API key is usable with a Cortex Cloud tenant
version_added: 1.0.0
description:
  - Asks the tenant whether the key is accepted, whether it may read data sources, whether the tenant is licensed, which generation of
    the API it has, and how far the clocks differ.
  - RV(healthcheck) tells a wrong host from a wrong key.
  - A key that is refused is an answer, not a failure. The task fails only when the tenant cannot be reached or the options cannot be right.
  - Whether the key may write cannot be told by reading.
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._attributes
  - cortex_cloud.appsec._attributes.read_only
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: Is the key usable?
  cortex_cloud.appsec.tenant_info:
  register: tenant

- name: Stop early when it is not
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
  description: Whether the key may list data sources; null when that could not be tried.
  returned: success
  type: bool
licensed:
  description: Whether the tenant has the licence; null when that could not be told.
  returned: success
  type: bool
clock_skew_seconds:
  description: By how much the tenant's clock is ahead of this machine's; null when the tenant sent no date.
  returned: success
  type: float
host:
  description: The host that was asked.
  returned: success
  type: str
healthcheck:
  description:
    - The tenant's word for its health; V(refused) when a tenant does not answer this key.
    - V(null) when the host does not know a tenant's healthcheck. When the key is refused too, O(api_url) is perhaps not that of a tenant.
  returned: success
  type: str
  sample: available
generation:
  description:
    - V(current); or V(previous) for an older tenant, whose data sources are listed, updated and deleted but can be created only in
      the console. V(null) when the key may not list data sources.
  returned: success
  type: str
  sample: current
data_sources:
  description: How many data sources the tenant lists; null when the key may not list them.
  returned: success
  type: int
hints:
  description: What is wrong and what to do, one line each; empty when all is well.
  returned: success
  type: list
  elements: str
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

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._tenant import examine


def main() -> None:
    CortexModule({}).run(examine)


if __name__ == "__main__":
    main()
