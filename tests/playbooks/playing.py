# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook as a user does, from a project folder, with a separate home."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from starting import BIN, environment
from tenant.server import EmbeddedTenant

ROOT = Path(__file__).resolve().parents[2]
# A small report in the form of a real scanner's.
LOCATION = {"physicalLocation": {"artifactLocation": {"uri": "src/app.py"}, "region": {"startLine": 3}}}
RESULT = {"ruleId": "B101", "level": "warning", "message": {"text": "assert used"}, "locations": [LOCATION]}
TOOL = {"driver": {"name": "bandit", "rules": [{"id": "B101"}]}}
REPORT: dict[str, Any] = {"version": "2.1.0", "runs": [{"tool": TOOL, "results": [RESULT]}]}


class Ended:
    """The exit code and the output of a run."""

    def __init__(self, code: int, output: str) -> None:
        self.code, self.output = code, output

    def counts(self, host: str = "localhost") -> dict[str, int]:
        (recap,) = re.findall(rf"^{re.escape(host)}\s+: (.*)$", self.output, re.MULTILINE)
        return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", recap)}

    @property
    def errors(self) -> list[str]:
        """The lines that report failed tasks: `[ERROR]: Task failed: ...`, or `fatal:` with a `msg`."""
        return [line for line in self.output.splitlines() if line.startswith(("[ERROR]", "fatal:"))]

    def fine(self) -> Ended:
        assert self.code == 0, self.output
        assert "[WARNING]" not in self.output, self.output
        assert "[DEPRECATION" not in self.output, self.output
        return self


def play(
    project: Path, book: str, *options: str, tenant: EmbeddedTenant | None = None, key: str = "admin",
    inventory: str = "localhost,", more: dict[str, str] | None = None, programs: Path = BIN, **variables: Any,
) -> Ended:  # fmt: skip
    """Run a playbook of the collection, or a file, with the project as the current folder.

    tenant, key: set as environment variables.
    programs: the folder with ansible-playbook, for another ansible-core (cores.py).
    variables: extra variables.
    """
    name = book if book.endswith(".yml") else f"cortex_cloud.appsec.{book}"
    command = [str(programs / "ansible-playbook"), "-i", inventory, name, *options]
    if variables:
        (project / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
        command += ["-e", "@variables.json"]
    done = subprocess.run(
        command,
        env=environment(project, tenant, key, **(more or {})),
        cwd=project,
        capture_output=True,
        text=True,
        timeout=280,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr)


def refusals(
    project: Path, book: str, cases: list[dict[str, Any]], *options: str, tenant: EmbeddedTenant, key: str = "admin"
) -> tuple[Ended, list[str]]:
    """Run a playbook on one host for each case: its variables, with which it must fail. Returns the run and the message of each case.

    One run is enough, and starting Ansible takes longest.
    """
    hosts = {f"case{number}": case for number, case in enumerate(cases)}
    (project / "cases.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    ended = play(project, book, *options, "-e", "cortex_cloud_hosts=all", tenant=tenant, key=key, inventory="cases.yml")
    assert ended.code == 2, ended.output
    messages = []
    for host in hosts:
        assert ended.counts(host)["failed"] == 1, (cases, ended.output)
        _before, _fatal, result = ended.output.partition(f"fatal: [{host}]: FAILED! => ")
        messages.append(str(json.JSONDecoder().raw_decode(result)[0]["msg"]))
    assert "Traceback" not in ended.output
    return ended, messages
