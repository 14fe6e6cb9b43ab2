# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Floor 6: ends the module sarif_upload when the run is interrupted."""

from __future__ import annotations

from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._progress import InterruptibleModule


class ActionModule(InterruptibleModule):
    """Runs the module unchanged and tells it which processes wait for it."""
