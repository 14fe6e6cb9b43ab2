# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ansible-cores with which some tests run, because a text for one may be a number or a template for another.

The running one, and those that scripts/cores has installed into .build/cores/. TESTS_CORES=running: only the running one.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from starting import BIN, IN_CI

ROOT = Path(__file__).resolve().parent.parent
MADE = ROOT / ".build" / "cores"
OTHERS = ("2.18", "2.19")
CORES = ("running", *OTHERS)
OLDER = "the running ansible-core shows what breaks with each"


def programs(core: str) -> Path:
    """The folder with ansible-playbook of one of CORES. If it is missing, skips the test, or fails in CI if it could be installed."""
    if core == "running":
        return BIN
    if os.environ.get("TESTS_CORES") == "running":
        pytest.skip(f"ansible-core {core} is tested separately: TESTS_CORES=running")
    folder = MADE / core / "bin"
    if not (folder / "ansible-playbook").exists():
        found = subprocess.run([str(ROOT / "scripts" / "cores"), "--python"], capture_output=True, text=True, check=False)
        assert not (IN_CI and found.returncode == 0), f"ansible-core {core} is not in {MADE}, although {found.stdout.strip()} could run it"
        pytest.skip(f"ansible-core {core} is not installed: scripts/cores installs it. {found.stderr.strip()}")
    return folder
