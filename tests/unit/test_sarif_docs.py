# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide of SARIF: its tables are those of the code, its pipelines are well-formed and use options that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.command import parser
from ansible_collections.cortex_cloud.appsec.plugins.modules.sarif_upload import ARGUMENT_SPEC

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "sarif.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
YAML = [yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml"]


def commands() -> list[list[str]]:
    """The arguments of every call of cortex-sarif.pyz on the page and in the examples."""
    texts = [PAGE, *(path.read_text(encoding="utf-8") for path in (ROOT / "examples" / "pipelines").iterdir())]
    call = re.compile(r"python3? cortex-sarif\.pyz ((?:check|upload)[^\n'`]*(?:\n +--[^\n'`]*)*)")
    return [shlex.split(found) for text in texts for found in call.findall(text.replace("\\\n", ""))]


def test_the_tables_are_those_of_the_rules() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "generate-sarif"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_of_the_page_is_one_the_program_takes() -> None:
    called = commands()
    assert len(called) == 2 + 7 * 2
    for words in called:
        assert parser().parse_args(words).command in ("check", "upload"), words


def test_no_text_of_a_build_is_put_into_a_command() -> None:
    """A branch may be named $(rm -rf .), so the shell must get it from a variable, not as a part of the command."""
    assert [word for words in commands() for word in words if "$(" in word or "${{" in word or "`" in word] == []


def test_the_command_has_the_options_of_the_module() -> None:
    offered = {name for words in (["check", "x"], ["upload", "x"]) for name in vars(parser().parse_args(words))}
    by_environment = {"collector_name", "collector_token", "collector_token_id"}
    assert set(ARGUMENT_SPEC) - offered == by_environment


def test_playbooks_of_the_page_use_options_that_exist() -> None:
    plays = [b for b in YAML if isinstance(b, list)]
    assert len(plays) == 3
    used = [t["cortex_cloud.appsec.sarif_upload"] for p in plays for t in p[0]["tasks"] if "cortex_cloud.appsec.sarif_upload" in t]
    assert len(used) == 2
    assert {option for options in used for option in options} <= set(ARGUMENT_SPEC)


@pytest.mark.parametrize("name", ["undefined_rules", "path_absolute", "kind_KIND"])
def test_the_tables_name_what_a_result_may_hold(name: str) -> None:
    assert f"| `{name}` |" in PAGE
