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
    - Patterns of C(owner/name). All repositories that match one of them are meant. C(*) stands for any text
      within one segment of the path, C(**) also across segments. Upper and lower case do not matter.
  type: list
  elements: str
data_source:
  description:
    - Of the repositories that match, only those of this data source, given by its ID, or as a dictionary of
      C(type), C(name), C(identifier) and C(domain).
  type: raw
scanned_branches:
  description:
    - The branches that are scanned, all of them. Compared as a set.
  type: list
  elements: str
primary_branch:
  description:
    - Which of the scanned branches is the primary one. The tenant takes the branches and the primary one
      together; what is not given stays as it is.
  type: str
scan_configuration:
  description:
    - What is scanned, and how. Only what is given is changed. The tenant takes each member as a whole, so
      what is not given of it is sent as the tenant shows it; where the tenant does not show it, it has to be
      given.
  type: dict
  suboptions:
    excluded_paths:
      description: Paths that are not scanned, all of them. Compared as a set.
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
          description: Search for secrets.
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
                  description: Whether it is tried out if a secret is valid.
                  type: bool
        sca:
          description: Analysis of the composition (dependencies).
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
      - Several of the above in one task, each with its own settings. No repository may be meant by two of
        them.
    type: list
    elements: dict
    suboptions:
""" + textwrap.indent(_OPTIONS, "      ")
