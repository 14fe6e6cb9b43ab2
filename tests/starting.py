# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tests start programs as a user does: with a separate home and without the settings of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tenant.server import EmbeddedTenant

TESTS = Path(__file__).resolve().parent
COMPILED = TESTS.parent / ".build" / "compiled"
BIN = Path(sys.executable).parent
# CONTRIBUTING.md says what else CI does.
IN_CI = bool(os.environ.get("CI"))


def in_ci_only(why: str) -> pytest.MarkDecorator:
    """For a slow test that adds little to the others. why: what still finds a break outside CI."""
    return pytest.mark.skipif(not IN_CI, reason=f"with CI=true only: {why}")


def first_outside_ci(values: Iterable[Any], why: str) -> list[Any]:
    """For parametrize: outside CI only the first value; the others are skipped, with the reason."""
    first, *others = values
    return [first, *(pytest.param(value, marks=in_ci_only(why)) for value in others)]


def clear_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of this machine that would reach a test: the collection's variables, proxies, certificate authorities."""
    for name in list(os.environ):
        if name.startswith("CORTEXCLOUD_") or name.lower().endswith("_proxy") or name.endswith("_CA_BUNDLE"):
            monkeypatch.delenv(name)


def environment(home: Path, tenant: EmbeddedTenant | None = None, key: str = "admin", **more: str) -> dict[str, str]:
    COMPILED.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "PWD": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(TESTS / "compiled"),
        "TESTS_COMPILED": str(COMPILED),
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
        "CORTEXCLOUD_RATE_LIMIT_DIR": str(home / "rate"),
        "CORTEXCLOUD_REQUESTS_PER_SECOND": "500",
        "CORTEXCLOUD_RETRY_DEADLINE": "5",
        **(tenant.environment(key) if tenant else {}),
        **more,
    }
