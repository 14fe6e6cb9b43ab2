# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook as a user starts it, from a project folder, in a home of its own."""

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
# A small report of a real scanner's shape.
REPORT: dict[str, Any] = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "bandit", "rules": [{"id": "B101"}]}},
            "results": [
                {
                    "ruleId": "B101",
                    "level": "warning",
                    "message": {"text": "assert used"},
                    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/app.py"}, "region": {"startLine": 3}}}],
                }
            ],
        }
    ],
}


class Ended:
    """What a run left behind."""

    def __init__(self, code: int, output: str) -> None:
        self.code, self.output = code, output

    def counts(self, host: str = "localhost") -> dict[str, int]:
        (recap,) = re.findall(rf"^{re.escape(host)}\s+: (.*)$", self.output, re.MULTILINE)
        return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", recap)}

    @property
    def errors(self) -> list[str]:
        """Ansible tells a failed task as `[ERROR]: Task failed: ...` or in the `msg` of `fatal:`."""
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

    tenant, key: given by environment variables. programs: the folder of ansible-playbook, of another ansible-core (cores.py).
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


def refusals(project: Path, book: str, cases: list[dict[str, Any]], *options: str, tenant: EmbeddedTenant) -> tuple[Ended, list[str]]:
    """What a playbook says to variables that it refuses. Each case is an inventory host: starting Ansible takes longest."""
    hosts = {f"case{number}": case for number, case in enumerate(cases)}
    (project / "cases.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    ended = play(project, book, *options, "-e", "cortex_cloud_hosts=all", tenant=tenant, inventory="cases.yml")
    assert ended.code == 2, ended.output
    said = []
    for host in hosts:
        assert ended.counts(host)["failed"] == 1, (cases, ended.output)
        _fatal, _sep, told = ended.output.partition(f"fatal: [{host}]: FAILED! => ")
        said.append(str(json.JSONDecoder().raw_decode(told)[0]["msg"]))
    assert "Traceback" not in ended.output
    return ended, said
