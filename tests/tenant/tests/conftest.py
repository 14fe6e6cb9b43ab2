# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running tenants; a violation fails the test."""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tenant.server import EmbeddedTenant

from .calling import Caller, SteppedClock


@pytest.fixture
def make_tenant() -> Iterator[Callable[..., EmbeddedTenant]]:
    """Starts tenants and stops them at the end: as published, but every type can be created, and with a rate that slows nothing."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(EmbeddedTenant(**{"rate": 100_000, "profile": "guide", **options}))


@pytest.fixture
def tenant(make_tenant: Callable[..., EmbeddedTenant]) -> EmbeddedTenant:
    return make_tenant()


@pytest.fixture
def admin(tenant: EmbeddedTenant) -> Caller:
    return Caller(tenant)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def timed(make_tenant: Callable[..., EmbeddedTenant], clock: SteppedClock) -> Callable[..., EmbeddedTenant]:
    """Starts a tenant on the stepped clock with the documented rate."""

    def start(**options: Any) -> EmbeddedTenant:
        return make_tenant(clock=clock, **{"rate": 10, **options})

    return start
