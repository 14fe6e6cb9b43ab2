# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: variable_faults
short_description: Errors in the names of the variables that are set
version_added: 1.0.0
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
description:
  - A misspelt variable is never read, so that a backup folder or an expected tenant would silently be
    ignored. The roles and playbooks of this collection therefore refuse a variable whose name is similar to
    one of theirs, such as C(tenant_backup_dri).
  - Your own variables can begin with the same prefixes, but not in a data file, where such a name is always
    refused. For a variable that is given with C(-e) and is not similar to any of theirs, a warning is
    printed.
  - Internal to the roles and playbooks of this collection; it may change in any release.
options:
  _terms:
    description:
      - The variables whose values are checked too, by the first word of their names, such as V(tenant). Only
        truth values, whole numbers and choices are checked.
    type: list
    elements: str
    default: []
  data_file:
    description:
      - A data file, as the user named it. Only this file is checked then, which must not be loaded yet.
    type: str
    default: ''
seealso:
  - plugin: cortex_cloud.appsec.project_vars
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Refuse misspelt variables
  ansible.builtin.assert:
    that: query('cortex_cloud.appsec.variable_faults', 'tenant') == []
    fail_msg: "{{ query('cortex_cloud.appsec.variable_faults', 'tenant') | join(' ') }}"
"""

RETURN = r"""
_raw:
  description: One line for each error; empty if there is none.
  type: list
  elements: str
"""

import os
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.plain import one_line
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._data_file import names_set
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._items import project_path
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._variables import (
    APPROVALS,
    CHECKED,
    invalid_value,
    misspelt,
    unknown_in_file,
    unread,
)


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        if kwargs.get("data_file"):
            return [one_line(fault) for fault in self._of_file(str(kwargs["data_file"]))]
        known = variables or {}
        faults = list(misspelt(known))
        for name in CHECKED:
            if name in known and name.partition("_")[0] in terms:
                faults += filter(None, [invalid_value(name, self._templar.template(known[name]))])
        for name in unread(load_extra_vars(self._loader)):
            Display().warning(
                one_line(
                    f"{name}, which was given with -e, is not a variable of the collection and is ignored."
                )
            )
        return [one_line(fault) for fault in faults]

    def _of_file(self, given: str) -> list[str]:
        path = project_path(given)
        if not os.path.exists(path):
            # Ansible silently ignores a missing vars file and would continue with the inventory alone.
            return [f"onboard_file {given} does not exist (looked for {path})."]
        try:
            # Decrypted, if it is a vault.
            with open(self._loader.get_real_file(path), encoding="utf-8", errors="replace") as file:
                names = names_set(file.read())
        except (AnsibleError, OSError) as exc:
            return [f"onboard_file {given}: {exc}"]
        faults = [f"onboard_file {given}: {fault}" for fault in unknown_in_file(names)]
        approvals = [name for name in APPROVALS if name in names]
        if approvals:
            # Whoever writes the list must not approve it. Extra variables, the inventory and a controller can
            # give a digest.
            faults.append(
                f"onboard_file {given} sets {' and '.join(approvals)}, so whoever writes it would approve "
                "their own plan: remove that, and give the digest with -e. Nothing was sent."
            )
        return faults
