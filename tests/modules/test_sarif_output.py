# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of cortex-sarif in every encoding, closed or full: it says what was accepted, and the exit code is right.

Where nobody knows a home folder, nothing is written to one that only looks like it.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from starting import environment
from tenant.server import EmbeddedTenant

ROOT = Path(__file__).resolve().parents[2]
NAME = "отчёт.sarif"
ESCAPED = NAME.encode("ascii", "backslashreplace").decode()
RESULT = {
    "ruleId": "R1",
    "level": "error",
    "message": {"text": "x"},
    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1}}}],
}
LOG = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "tool", "rules": [{"id": "R1"}]}}, "results": [RESULT]}]}
ACCEPTED = "accepted (INGESTED, 1 findings), 1 results"
# Starts the file as a user without an entry in passwd, as in a container with an arbitrary user ID.
AS_NOBODY = """
import pwd, runpy, sys
def nobody(uid):
    raise KeyError(uid)
pwd.getpwuid = nobody
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# (exit code, standard output, standard error)
Run = Callable[..., "tuple[int, str, str]"]


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("pyz") / "cortex-sarif.pyz"
    subprocess.run([sys.executable, str(ROOT / "scripts" / "build-pyz"), str(target)], check=True)
    return str(target)


@pytest.fixture
def run(pyz: str, tenant: EmbeddedTenant, tmp_path: Path) -> Run:
    """Upload a report whose name is not ASCII, in a shell. after: what follows the command. unset: variables that are not set."""
    tenant.add_repository("example/shop")
    collector = tenant.add_collector("tool")
    work = tmp_path / "work"
    work.mkdir()
    (work / NAME).write_text(json.dumps(LOG), encoding="utf-8")
    url = f"{tenant.url}/public_api/appsec/v1/collectors/{collector.id}"

    def start(after: str = "", *options: str, unset: tuple[str, ...] = (), nobody: bool = False, **more: str) -> tuple[int, str, str]:
        where = ["--upload-url", url, "--repository-url", "https://github.com/example/shop", "--branch", "main"]
        words = shlex.join([sys.executable, *(["-c", AS_NOBODY] if nobody else []), pyz, "upload", NAME, *where, *options])
        secrets = {"CORTEXCLOUD_COLLECTOR_TOKEN_ID": collector.token_id, "CORTEXCLOUD_COLLECTOR_TOKEN": collector.token}
        given = {name: value for name, value in {**environment(tmp_path), **secrets, **more}.items() if name not in unset}
        shell = ["bash", "-c", f"{words} {after}"]
        done = subprocess.run(shell, cwd=work, env=given, capture_output=True, check=False, encoding="utf-8", errors="replace")
        return done.returncode, done.stdout, done.stderr

    return start


@pytest.mark.parametrize("encoding", ["ascii", "cp1252:strict"])
def test_an_output_that_cannot_encode_a_name_has_it_escaped(run: Run, tenant: EmbeddedTenant, encoding: str) -> None:
    code, output, errors = run(PYTHONIOENCODING=encoding)
    assert (code, errors, len(tenant.uploads)) == (0, "", 1)
    assert output.startswith(f"{ESCAPED}: {ACCEPTED}")


def test_a_locale_without_any_encoding(run: Run, tenant: EmbeddedTenant) -> None:
    code, output, errors = run(LANG="C", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert (code, errors, len(tenant.uploads)) == (0, "", 1)
    assert ACCEPTED in output


@pytest.mark.parametrize(
    ("after", "option"), [(">&-", []), (">/dev/full", ["--json"]), ("| true; exit ${PIPESTATUS[0]}", [])]
)
def test_where_nobody_reads_the_output_it_goes_to_the_other_one(run: Run, tenant: EmbeddedTenant, after: str, option: list[str]) -> None:
    code, output, errors = run(after, *option)
    assert (code, output, len(tenant.uploads)) == (0, "", 1)
    assert errors.startswith("warning: cannot write to standard output.")
    assert ('"status": "INGESTED"' if option else f"{NAME}: {ACCEPTED}") in errors
    assert "Traceback" not in errors


def test_the_exit_code_is_true_when_nobody_hears_anything(run: Run, tenant: EmbeddedTenant) -> None:
    assert run(">&- 2>&-") == (0, "", "")
    assert run(">/dev/full 2>/dev/full", "--undefined-rules", "odd")[0] == 2
    assert run(">/dev/full 2>/dev/full", "--path-prefix", "/srv") == (1, "", "")
    code, _output, errors = run(CORTEXCLOUD_RATE_LIMIT_URL="words-of-the-store@cache")
    assert (code, "rate_limit_url is not a URL of a Valkey" in errors, "words" in errors) == (1, True, False)
    tenant.disable(tenant.uploads[0].collector_id)
    assert run(">/dev/full 2>&-") == (3, "", "")


def test_without_a_home_nothing_is_made_where_the_job_runs(run: Run, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    work = tmp_path / "work"
    lost = ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "CORTEXCLOUD_RATE_LIMIT_DIR")
    homes: list[dict[str, str]] = [{"HOME": "."}, {"HOME": "~"}]
    for home in homes:
        code, output, errors = run(unset=lost[1:], **home)
        assert (code, ACCEPTED in output) == (0, True), errors
        assert "no home folder is known" in errors
    for option, words in (
        ([], "no home folder is known"),
        (["--journal", "~/journal.json"], "--journal ~/journal.json cannot be written: no home folder is known"),
        (["--receipt-dir", "~/receipts"], "--receipt-dir ~/receipts cannot be written: no home folder is known"),
    ):
        code, output, errors = run("", *option, unset=lost, nobody=True)
        assert (code, ACCEPTED in output) == ((1, False) if option else (0, True)), errors
        assert words in errors
    assert [path.name for path in work.iterdir()] == [NAME]
    assert len(tenant.uploads) == 3
