#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: audit_fleet
short_description: Write the fleet page from the audits of this run
version_added: 1.0.0
description:
  - Internal to the role P(cortex_cloud.appsec.audit#role). Its options may change in any release.
  - It runs on the controller and connects to no tenant. It reads the result that the role stored for each
    host in C(audit__result).
options:
  hosts:
    description: The hosts that should have been audited.
    type: list
    elements: str
    required: true
  report_dir:
    description: C(audit_report_dir).
    type: path
    required: true
  today:
    description: C(audit_today).
    type: str
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: Write the fleet page
  cortex_cloud.appsec.audit_fleet:
    hosts: "{{ ansible_play_hosts_all }}"
    report_dir: evidence
  run_once: true
"""

RETURN = r""" # """
