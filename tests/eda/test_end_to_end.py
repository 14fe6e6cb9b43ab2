# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A data source breaks in the embedded tenant, and ansible-rulebook runs a playbook for it. Needs Java and tests/requirements-eda.txt."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tenant.server import EmbeddedTenant

ROOT = Path(__file__).resolve().parents[2]
# Of another environment, where this one has none: ansible-rulebook wants Pythons for which its engine is built.
RULEBOOK = os.environ.get("CORTEX_ANSIBLE_RULEBOOK") or shutil.which("ansible-rulebook", path=str(Path(sys.executable).parent))
SECONDS = 120

pytestmark = [
    pytest.mark.skipif(not shutil.which("java"), reason="Java is not installed: ansible-rulebook cannot run"),
    pytest.mark.skipif(not RULEBOOK, reason="ansible-rulebook is not installed (tests/requirements-eda.txt, or CORTEX_ANSIBLE_RULEBOOK)"),
]

PAGE = (ROOT / "docs" / "eda.md").read_text(encoding="utf-8")
# The two files of the guide, as written but for the pause between two looks.
_first, BOOK, ANSWER = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_a_playbook_answers_when_a_data_source_breaks(tmp_path: Path) -> None:
    assert "interval: 300" in BOOK
    (tmp_path / "token.yml").write_text(BOOK.replace("interval: 300", "interval: 0.5"))
    (tmp_path / "ticket.yml").write_text(ANSWER)
    (tmp_path / "hosts.yml").write_text("all: {hosts: {localhost: {ansible_connection: local}}}\n")
    look, ticket = tmp_path / "look.json", tmp_path / "ticket.txt"
    with EmbeddedTenant("published", rate=100_000) as tenant, (tmp_path / "log").open("w") as log:
        core = tenant.add_instance("GITLAB_SELF_MANAGED", identifier="platform", hostname="gitlab.example.com", state=["shop/a", "shop/b"])
        key = tenant.keys["viewer"]
        environment = {
            "PATH": f"{Path(str(RULEBOOK)).parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"), "CORTEX_STATE_FILE": str(look), "CORTEXCLOUD_REQUESTS_PER_SECOND": "1000",
            "CORTEX_TICKET": str(ticket),
            "CORTEXCLOUD_API_URL": tenant.url, "CORTEXCLOUD_API_KEY_ID": key.id, "CORTEXCLOUD_API_KEY": key.key,
            "CORTEXCLOUD_API_KEY_TYPE": key.type,
        }  # fmt: skip
        command = [str(RULEBOOK), "--rulebook", "token.yml", "--inventory", "hosts.yml", "--env-vars", "CORTEX_STATE_FILE", "--verbose"]
        running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            until(look.exists, running, tmp_path / "log")
            tenant.set_status(core, "ERROR", {"connection": {"status": "INVALID", "error": "Token expired: HTTP 401"}})
            until(lambda: ticket.exists() and ticket.read_text() != "", running, tmp_path / "log")
        finally:
            running.terminate()
            running.wait(30)
    said = ticket.read_text().splitlines()
    shown = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0].splitlines()
    # The ticket of the guide, with this tenant's id, host and number.
    assert said[0] == shown[0].replace("0f1e2d", core)
    assert re.fullmatch(r"Since: at [-\dT:]+Z it still worked, at [-\dT:]+Z it did not\.", said[1])
    assert said[2] == shown[2].replace("api-acme.xdr.eu.paloaltonetworks.com", f"127.0.0.1:{tenant.port}")
    assert said[3].endswith(" repositories hang on it and are not scanned until it works again.")
    assert said[4:] == shown[4:]
    assert key.key not in (tmp_path / "log").read_text()


def until(done: Callable[[], bool], running: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS
    while not done():
        assert running.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < end, log.read_text()[-3000:]
        time.sleep(0.2)
