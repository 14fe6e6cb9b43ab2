# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: project_vars
short_description: Values of variables whose own lookups search the user's project
version_added: 1.0.0
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
description:
  - Returns the values of variables as P(ansible.builtin.vars#lookup) does. Lookups inside them, such as
    C(lookup('ansible.builtin.file', 'certs/ca.pem')), also search the folder of the data file (variable
    C(onboard_dir), if it is set) and the folder in which C(ansible-playbook) was started.
  - A playbook of a collection runs in the collection's folder, so that otherwise a relative lookup in a
    user's data file would search the collection.
  - Internal to the roles and playbooks of this collection; it may change in any release.
options:
  _terms:
    description:
      - Names of variables. For one that is not defined, O(default) is returned; without O(default) that is an
        error.
    type: list
    elements: str
    required: true
  default:
    description: The value for a variable that is not defined.
    type: raw
seealso:
  - plugin: ansible.builtin.vars
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Read the list, with certificates from the folder of the data file
  ansible.builtin.set_fact:
    described: "{{ lookup('cortex_cloud.appsec.project_vars', 'tenant_data_sources', default=[]) }}"
"""

RETURN = r"""
_raw:
  description: The values, in the order of the names.
  type: list
  elements: raw
"""

import os
from typing import Any

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        known = variables or {}
        folders = [os.getcwd()]
        if known.get("onboard_dir"):
            folders.insert(0, os.path.abspath(self._templar.template(known["onboard_dir"])))
        searched = {**known, "ansible_search_path": [*folders, *known.get("ansible_search_path", [])]}
        # From ansible-core 2.19 on, a later evaluation uses the copy; 2.18 binds look-ups to the original.
        templar = self._templar.copy_with_new_env(available_variables=searched)
        kept = self._templar.available_variables
        self._templar.available_variables = searched
        try:
            return [self._value(templar, known, name, kwargs) for name in terms]
        finally:
            self._templar.available_variables = kept

    @staticmethod
    def _value(templar: Any, known: dict[str, Any], name: Any, options: dict[str, Any]) -> Any:
        if not isinstance(name, str):
            raise AnsibleError(f"The name of a variable must be a string, not {name!r}.")
        if name in known:
            return templar.template(known[name])
        if "default" in options:
            return options["default"]
        raise AnsibleUndefinedVariable(f"No variable named {name!r} was found.")
