# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clean environment, and clients of scripted servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from starting import IN_CI, clear_settings

# A slow machine is not a failure, and the inputs that a test filters out have their own tests.
settings.register_profile(
    "unit", deadline=None, max_examples=100 if IN_CI else 40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting of the machine reaches a test, and no test leaves state on the machine."""
    clear_settings(monkeypatch)
    for kind in ("state", "cache"):
        monkeypatch.setenv(f"XDG_{kind.upper()}_HOME", str(tmp_path_factory.getbasetemp() / kind))


@pytest.fixture
def client_of(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """client_of(url, option=value, ...) returns a client with a key, short deadlines, and a request budget that does not slow it down."""
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.client import Client
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.connection import Connection

    made = []

    def client(url: str, **options: Any) -> Client:
        defaults = {
            "api_key_id": "7",
            "api_key": "the-tenant-key",
            "request_timeout": 2.0,
            "retry_deadline": 3.0,
            "requests_per_second": 1000.0,
            "rate_limit_dir": str(tmp_path / "rate"),
        }
        made.append(Client(Connection(**{**defaults, "api_url": url, **options})))
        return made[-1]

    yield client
    for one in made:
        one.close()


@pytest.fixture
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jitter is as short as possible, so that retries take no time."""
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import retry as _retry

    monkeypatch.setattr(_retry.random, "uniform", lambda low, _high: min(low, 0.01))
