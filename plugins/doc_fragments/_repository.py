# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of one repository, for the module repository and for each item of its list.

Private to the collection.
"""

from __future__ import annotations

import textwrap

_OPTIONS = r"""
id:
  description: The tenant's ID of the repository.
  type: str
url:
  description: URL of the repository. Scheme, user name, C(.git) and the form C(git@host:path) do not matter.
  type: str
match:
  description:
    - Patterns of C(owner/name). Selects all repositories that match one of them. C(*) matches any
      text within one segment of the path, C(**) across segments. Case does not matter.
  type: list
  elements: str
data_source:
  description:
    - Selects only matching repositories of this data source, given by its ID, or as a dictionary of
      C(type), C(name), C(identifier) and C(domain).
  type: raw
scanned_branches:
  description:
    - The complete list of scanned branches. Compared as a set.
  type: list
  elements: str
primary_branch:
  description:
    - Which of the scanned branches is the primary one. It is sent together with the branches; whichever
      of the two is not given is left unchanged.
  type: str
scan_configuration:
  description:
    - What is scanned, and how. Only the given settings are changed. The tenant accepts each member only as a
      whole, so settings that are not given are sent as the tenant shows them; a setting that the tenant does
      not show must be given.
  type: dict
  suboptions:
    excluded_paths:
      description: The complete list of paths that are not scanned. Compared as a set.
      type: list
      elements: str
    pr_scanning:
      description: Scanning of pull requests.
      type: dict
      suboptions:
        is_enabled:
          description: Whether pull requests are scanned.
          type: bool
        block_on_error:
          description: Whether a pull request is blocked when its scan fails.
          type: bool
    tagging_bot:
      description: The bot that adds tags to infrastructure as code.
      type: dict
      suboptions:
        tag_module_blocks:
          description: Whether it tags blocks of modules.
          type: bool
        tag_resource_blocks:
          description: Whether it tags blocks of resources.
          type: bool
    scanners:
      description: The scanners.
      type: dict
      suboptions:
        secrets:
          description: Secret scanning.
          type: dict
          suboptions:
            is_enabled:
              description: Whether it runs.
              type: bool
            scan_options:
              description: How it runs.
              type: dict
              suboptions:
                git_history:
                  description: Whether earlier commits are searched too.
                  type: bool
                secret_validation:
                  description: Whether a secret that is found is tested for validity.
                  type: bool
        sca:
          description: Software composition analysis (dependencies).
          type: dict
          suboptions:
            is_enabled:
              description: Whether it runs.
              type: bool
        iac:
          description: Analysis of infrastructure as code.
          type: dict
          suboptions:
            is_enabled:
              description: Whether it runs.
              type: bool
"""


class ModuleDocFragment:
    # Annotated, since ansible-test takes a plain assignment for a text it can read without running it.
    DOCUMENTATION: str = "options:\n" + textwrap.indent(_OPTIONS, "  ")

    ITEMS: str = r"""
options:
  repositories:
    description:
      - Several repositories or patterns in one task, each with its own settings. Two entries must not select
        the same repository.
    type: list
    elements: dict
    suboptions:
""" + textwrap.indent(_OPTIONS, "      ")
