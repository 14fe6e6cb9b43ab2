# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Floor 6: shows the progress of the module repository."""

from __future__ import annotations

from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._progress import ModuleWithProgress


class ActionModule(ModuleWithProgress):
    """Runs the module unchanged and shows how much is done."""

    module = "repository"
