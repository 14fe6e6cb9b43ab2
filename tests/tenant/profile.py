# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads profiles that cortex_cloud.appsec.verify wrote: how a tenant behaved, as switches (docs/verify.md)."""
from __future__ import annotations

from typing import Any

import yaml

from .switches import Mistake, Switches


def read_yaml(option: str, path: str) -> Any:
    """The content of the YAML file that a command-line option names. Raises Mistake."""
    try:
        with open(path, encoding="utf-8") as stream:
            return yaml.safe_load(stream)
    except OSError as error:
        raise Mistake(f"{option} {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Mistake(f"{option} {path}: not valid YAML") from None


def read_profile(path: str) -> dict[str, Any]:
    """The switches whose value the profile knows. Raises Mistake, also for an unknown switch or value."""
    content = read_yaml("--profile-file", path)
    switches, needed = (content.get(name) if isinstance(content, dict) else None for name in ("switches", "needed"))
    if not isinstance(switches, dict) or not isinstance(needed, dict):
        raise Mistake(f"--profile-file {path}: not a profile; it has no switches or no needed. cortex_cloud.appsec.verify writes one")
    # An unknown value is listed under `needed`. The word alone does not tell: one switch has a value named unknown.
    known = {str(name): value for name, value in switches.items() if name not in needed}
    try:
        Switches(**known)
    except Mistake as error:
        raise Mistake(f"--profile-file {path}: {error}") from None
    return known
