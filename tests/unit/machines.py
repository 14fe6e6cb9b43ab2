# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that run as if on different machines, each with its own boot id and monotonic clock."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UTILS = "ansible_collections.cortex_cloud.appsec.plugins.module_utils"
# The file with the boot's id, and how far the monotonic clock is ahead.
Machine = tuple[Path, int]


def machine(boot: Path, monotonic: int, command: list[str]) -> list[str]:
    """The command that runs this one as if on another machine, in its own namespaces."""
    script = f'mount --bind {boot} /proc/sys/kernel/random/boot_id && exec "$@"'
    return ["unshare", "--mount", "--time", f"--monotonic={monotonic}", "sh", "-c", script, "sh", *command]


def made(folder: Path, count: int) -> list[Machine]:
    """This number of machines; without namespaces the test is skipped."""
    machines = []
    for number in range(count):
        boot = folder / f"boot_id_{number}"
        boot.write_text(f"{uuid.uuid4()}\n")
        machines.append((boot, 500_000 * (count - 1 - number) + 1))
    if not shutil.which("unshare"):
        pytest.skip("there is no unshare here, which makes a machine of a process")
    tried = subprocess.run(machine(*machines[0], ["true"]), capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no machine can be made of a process here, which only root can: {tried.stderr.strip()}")
    return machines


def started(command: list[str]) -> subprocess.Popen[str]:
    environment = {"PYTHONPATH": str(ROOT / ".build"), "HOME": "/nonexistent", "PATH": os.environ["PATH"]}
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
