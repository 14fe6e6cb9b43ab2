# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A data source breaks in the embedded tenant, and ansible-rulebook runs a playbook for it. Needs Java and tests/requirements-eda.txt."""

from __future__ import annotations

import os
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

BOOK = """
- name: Data sources that stop working
  hosts: all
  sources:
    - cortex_cloud.appsec.data_sources:
        interval: 0.5
        requests_per_second: 1000
        state_file: "{{ CORTEX_LOOK }}"
  rules:
    - name: A data source does not work any more
      condition: event.cortex.event == "status_changed" and event.cortex.after.health == "unhealthy"
      action:
        run_playbook:
          name: answer.yml
"""
ANSWER = """
- name: Answer
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Write the text of the ticket
      ansible.builtin.copy:
        content: "{{ ansible_eda.event.cortex.data_source.subject }}: {{ ansible_eda.event.cortex.reason }}"
        dest: "{{ lookup('ansible.builtin.env', 'CORTEX_TICKET') }}"
        mode: "0600"
"""


def test_a_playbook_answers_when_a_data_source_breaks(tmp_path: Path) -> None:
    (tmp_path / "book.yml").write_text(BOOK)
    (tmp_path / "answer.yml").write_text(ANSWER)
    (tmp_path / "hosts.yml").write_text("all: {hosts: {localhost: {ansible_connection: local}}}\n")
    look, ticket = tmp_path / "look.json", tmp_path / "ticket.txt"
    with EmbeddedTenant("published", rate=100_000) as tenant, (tmp_path / "log").open("w") as log:
        core = tenant.add_instance("GITLAB_SELF_MANAGED", identifier="core", hostname="gitlab.example.com")
        key = tenant.keys["viewer"]
        environment = {
            "PATH": f"{Path(str(RULEBOOK)).parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"), "CORTEX_LOOK": str(look),
            "CORTEX_TICKET": str(ticket),
            "CORTEXCLOUD_API_URL": tenant.url, "CORTEXCLOUD_API_KEY_ID": key.id, "CORTEXCLOUD_API_KEY": key.key,
            "CORTEXCLOUD_API_KEY_TYPE": key.type,
        }  # fmt: skip
        command = [str(RULEBOOK), "--rulebook", "book.yml", "--inventory", "hosts.yml", "--env-vars", "CORTEX_LOOK", "--verbose"]
        running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            until(look.exists, running, tmp_path / "log")
            tenant.set_status(core, "ERROR", {"connection": {"status": "INVALID", "error": "Token expired"}})
            until(lambda: ticket.exists() and ticket.read_text() != "", running, tmp_path / "log")
        finally:
            running.terminate()
            running.wait(30)
    assert ticket.read_text().endswith(": connection is INVALID (Token expired)")
    assert key.key not in (tmp_path / "log").read_text()


def until(done: Callable[[], bool], running: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS
    while not done():
        assert running.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < end, log.read_text()[-3000:]
        time.sleep(0.2)
