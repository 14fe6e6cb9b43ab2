# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many real processes with one request budget: none starves, and killed ones block nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CROWD = """
import json, os, signal, sys, time
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.throttle import Throttle
directory, processes = sys.argv[1], 32
rate, requests, killed = map(int, sys.argv[2:])
begin = time.monotonic() + 0.5
readers = []
for number in range(processes):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        throttle = Throttle(directory, "t", rate)
        throttle.warnings == [] or os._exit(1)
        time.sleep(max(0, begin - time.monotonic()))
        waits = []
        for _ in range(requests):
            slot = throttle.wait()
            waits.append(slot.waited)
            if number < killed and len(waits) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            throttle.answered(slot)
        os.write(writer, json.dumps(waits).encode())
        os._exit(0)
    os.close(writer)
    readers.append(reader)
print(json.dumps([json.loads(os.fdopen(reader).read() or "[]") for reader in readers]))
"""


def crowd(directory: Path, rate: int, requests: int, killed: int) -> list[list[float]]:
    """The seconds that each request waited, for each of 32 processes. The killed ones die while they have a slot."""
    environment = {"PYTHONPATH": str(ROOT / ".build"), "HOME": str(directory)}
    command = [sys.executable, "-c", CROWD, str(directory / "rate"), str(rate), str(requests), str(killed)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    waits: list[list[float]] = json.loads(done.stdout)
    return waits


def test_of_32_processes_none_starves(tmp_path: Path) -> None:
    waits = [wait for each in crowd(tmp_path, rate=96, requests=6, killed=0) for wait in each]
    assert len(waits) == 32 * 6
    fair = 32 / 96
    assert max(waits) < 4 * fair, sorted(waits)[-5:]


def test_killed_processes_stop_nobody(tmp_path: Path) -> None:
    """As many die as there are slots, each with one. A slot is free again after the longest time that a response may take."""
    finished = [each for each in crowd(tmp_path, rate=12, requests=2, killed=12) if each]
    assert len(finished) == 20
    assert max(wait for each in finished for wait in each) < 15
