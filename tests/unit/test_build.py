# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published: what users need of the tracked files, and nothing that lies about in a working copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from starting import BIN

ROOT = Path(__file__).resolve().parents[2]
# What people have beside their clone's own files: keys, passwords, tokens, data files with secrets, backups, plans.
PLANTED = (".env", ".vault_pass", "tenant.env", "secure/bandit.json", "tenants/prod.yml", "backups/x", "plan.md", "roles/tenant/.env")
# In a folder that is published, under a name that nobody can foresee.
UNFORESEEN = "docs/notes-of-today.md"
PUBLISHED = {
    "extensions",
    "CHANGELOG.md", "CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "LICENSES", "README.md",
    "REUSE.toml", "SECURITY.md", "changelogs", "docs", "examples", "meta", "playbooks", "plugins", "requirements.txt", "roles",
    "MANIFEST.json", "FILES.json",
}  # fmt: skip


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder.parent)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def names_in(folder: Path) -> set[str]:
    (file,) = folder.glob("*.tar.gz")
    with tarfile.open(file) as tarball:
        return {name for name in tarball.getnames() if name != "."}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working copy of this tree's tracked files, with what people leave in one."""
    if not (ROOT / ".git").exists():
        pytest.skip("no Git repository: what git tracks cannot be asked")
    folder = tmp_path_factory.mktemp("clone") / "appsec"
    for name in run(ROOT, "git", "ls-files", "-z").split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", "-A")
    for name in (*PLANTED, UNFORESEEN):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("api_key: not-a-real-secret\n", encoding="utf-8")
    return folder


def test_the_tarball_has_what_users_need_and_nothing_that_lies_about(copy: Path, tmp_path: Path) -> None:
    run(copy, "scripts/build", str(tmp_path))
    names = names_in(tmp_path)
    assert names & {*PLANTED, UNFORESEEN} == set()
    assert {name.split("/")[0] for name in names} == PUBLISHED
    tracked = {str(path.relative_to(ROOT)) for folder in ("plugins", "roles", "playbooks", "meta") for path in (ROOT / folder).rglob("*")}
    assert {name for name in tracked if "__pycache__" not in name and (copy / name).is_file()} - names - {*PLANTED} == set()
    assert [name for name in names if name.endswith(".png")] == []


@pytest.mark.skipif(not os.environ.get("CI"), reason="builds twice more: set CI=true")
def test_installed_from_its_repository_it_has_the_same_files(copy: Path, tmp_path: Path) -> None:
    run(copy, "git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "x")
    run(copy, "ansible-galaxy", "collection", "install", f"git+file://{copy}", "-p", str(tmp_path))
    installed = tmp_path / "ansible_collections" / "cortex_cloud" / "appsec"
    run(copy, "scripts/build", str(tmp_path))
    assert {str(path.relative_to(installed)) for path in installed.rglob("*")} == names_in(tmp_path)


@pytest.mark.skipif(not os.environ.get("CI"), reason="builds once more: set CI=true")
def test_even_without_the_script_no_usual_secret_is_built(copy: Path, tmp_path: Path) -> None:
    run(copy, "ansible-galaxy", "collection", "build", "--output-path", str(tmp_path))
    names = names_in(tmp_path)
    assert names & set(PLANTED) == set()
    assert UNFORESEEN in names, "which is why scripts/build asks git"


def test_git_does_not_take_them_either(copy: Path) -> None:
    assert run(copy, "git", "check-ignore", *PLANTED).split() == list(PLANTED)
