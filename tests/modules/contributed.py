# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenants of the engine's tests: the named profiles, or in their place the profile that TENANT_PROFILE names (docs/verify.md).

A test that holds for several named profiles holds for any profile. One that names a single profile, or sets a switch itself, is about just
that, so a contributed profile has nothing to say there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tenant.profile import read_profile
from tenant.switches import PROFILES, Mistake

FILE = Path(os.environ["TENANT_PROFILE"]) if os.environ.get("TENANT_PROFILE") else None
# As the profile says; the same with every type creatable, for tests of how the engine creates; and for tests of the previous generation.
GIVEN, GIVEN_CREATING, GIVEN_PREVIOUS = "given", "given-creating", "given-previous"


def tenants(*names: str, generation: str = "current") -> list[str]:
    """The profiles to run a test against, for EmbeddedTenant: these, or the one that is given."""
    if FILE is None:
        return list(names)
    if generation == "previous":
        return [GIVEN_PREVIOUS]
    return [GIVEN_CREATING if all("creatable" in PROFILES[name] for name in names) else GIVEN]


def add_given() -> None:
    """Make the given profile known to EmbeddedTenant. A test's own rate stays: another one would only slow it down."""
    if FILE is None:
        return
    try:
        known = read_profile(str(FILE))
    except Mistake as error:
        raise pytest.UsageError(str(error).replace("--profile-file ", "PROFILE=")) from None
    held = {name: value for name, value in known.items() if name not in ("rate", "rate_window")}
    PROFILES[GIVEN] = PROFILES[GIVEN_PREVIOUS] = held
    PROFILES[GIVEN_CREATING] = {**held, **PROFILES["guide"]}


def unfit(params: dict[str, Any]) -> str:
    """Why a test with these parameters does not run against the given profile; empty when it does."""
    if FILE in params.values():
        return ""  # says by itself what it needs
    named = {GIVEN, GIVEN_CREATING, GIVEN_PREVIOUS} & {value for value in params.values() if isinstance(value, str)}
    if not named:
        return "about a tenant that it names itself"
    if PROFILES[GIVEN].get("licensed") is False:
        return "the tenant of this profile has no licence"
    previous = PROFILES[GIVEN].get("generation") == "previous"
    if previous != (GIVEN_PREVIOUS in named):
        return f"the tenant of this profile is {'' if previous else 'not '}of the previous generation"
    return ""
