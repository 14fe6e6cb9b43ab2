#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: audit
short_description: Compare a tenant with what is expected, and write the report
version_added: 1.0.0
description:
  - Internal to the role P(cortex_cloud.appsec.audit#role), which documents the options as variables.
    Its options and its result may change in any release.
  - It runs on the controller, reads the tenant through the modules of this collection, and never changes it.
options:
  expected:
    description: The expected data sources, without their secrets.
    type: list
    elements: dict
  expected_file:
    description: The data file that O(expected) comes from, if it is one.
    type: path
  tenants:
    description:
      - The hosts named by the data file, the connection and the environment. More than one is refused.
    type: list
    elements: str
  repositories:
    description: C(audit_repositories).
    type: raw
  receipts_dir:
    description: C(audit_receipts_dir).
    type: path
  max_age_days:
    description: C(audit_max_age_days).
    type: int
    default: 30
  scan_max_age_days:
    description: C(audit_scan_max_age_days).
    type: int
    default: 30
  branches:
    description: C(audit_branches).
    type: raw
  exceptions:
    description: C(audit_exceptions).
    type: raw
  baseline:
    description: C(audit_baseline).
    type: path
  key_expires:
    description: C(audit_key_expires).
    type: str
  key_warn_days:
    description: C(audit_key_warn_days).
    type: int
    default: 30
  report_dir:
    description: C(audit_report_dir).
    type: path
    required: true
  fail_on:
    description: C(audit_fail_on).
    type: raw
  today:
    description: C(audit_today).
    type: str
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._attributes
attributes:
  check_mode:
    support: full
    details:
      - The verdict is the same, but no file is written.
  diff_mode:
    support: N/A
    details:
      - Nothing is changed.
  idempotent:
    support: full
    details:
      - This action changes nothing in the tenant.
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: Compare a tenant with what is expected
  cortex_cloud.appsec.audit:
    expected:
      - type: COLLECTOR
        name: semgrep-oss
    report_dir: evidence
"""

RETURN = r"""
verdict:
  description: V(pass), V(attention) or V(fail).
  returned: success
  type: str
summary:
  description: The part of the report that the fleet page needs.
  returned: success
  type: dict
"""
