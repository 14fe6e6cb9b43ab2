# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes `import tenant`, `import ansible_collections.cortex_cloud.appsec...` and `ansible-playbook` work from any folder.

CORTEX_COLLECTIONS: a folder with an installed collection, to test it instead of the working copy.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("CORTEX_COLLECTIONS") or ROOT / ".build")

subprocess.run([str(ROOT / "scripts" / "link-collection")], check=True)
sys.path[:0] = [str(ROOT / "tests"), str(BUILD)]
# A shell makes background processes ignore these signals, and programs pass that on. In tests they must end a program.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(BUILD)
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make pytest-ansible (scripts/pytest-ansible) use the link tree instead of creating its own inside the repository."""
    if hasattr(config.option, "ansible_unit_inject_only"):
        config.option.ansible_unit_inject_only = True
