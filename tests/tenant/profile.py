# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles that cortex_cloud.appsec.verify wrote: how some tenant answered, as switches (docs/verify.md)."""
from __future__ import annotations

from typing import Any

import yaml

from .switches import SwitchError, Switches


def read_profile(path: str) -> dict[str, Any]:
    """The switches that a profile knows. Raises SwitchError for what is no profile, or names no switch or no value."""
    try:
        with open(path, encoding="utf-8") as stream:
            content = yaml.safe_load(stream)
    except OSError as error:
        raise SwitchError(f"--profile-file {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise SwitchError(f"--profile-file {path}: not valid YAML") from None
    switches = content.get("switches") if isinstance(content, dict) else None
    needed = content.get("needed") if isinstance(content, dict) else None
    if not isinstance(switches, dict) or not isinstance(needed, dict):
        raise SwitchError(f"--profile-file {path}: not a profile; it has no switches or no needed. cortex_cloud.appsec.verify writes one")
    # What is unknown stands under needed; by its value it could not be told, since one switch has the value unknown.
    known = {str(name): value for name, value in switches.items() if name not in needed}
    try:
        Switches(**known)
    except SwitchError as error:
        raise SwitchError(f"--profile-file {path}: {error}") from None
    return known
