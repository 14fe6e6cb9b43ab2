# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file under examples/ is run or checked: most by test_awx.py and test_many_tenants.py, the rest here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from playing import ROOT

from starting import BIN

EXAMPLES = ROOT / "examples"
ENVIRONMENT = EXAMPLES / "execution-environment"
# Which test has a file in its hands.
TESTED = {
    "awx-project/*.yml": "test_awx.py runs them as jobs",
    "awx-project/tenants/*": "test_awx.py onboards them",
    "awx-project/collections/requirements.yml": "here",
    "many-tenants/inventory/**/*.yml": "test_many_tenants.py",
    "execution-environment/*.yml": "here",
    "token-stores/*.yml": "test_token_stores.py",
    "pipelines/*": "test_pipelines.py",
    "**/README.md": "here",
}


def version() -> str:
    return str(yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"])


def test_no_example_is_forgotten() -> None:
    there = {path for path in EXAMPLES.rglob("*") if path.is_file()}
    tested = {path for pattern in TESTED for path in EXAMPLES.glob(pattern)}
    assert there
    assert sorted(there - tested) == []
    assert [pattern for pattern in TESTED if not list(EXAMPLES.glob(pattern))] == []


def test_ansible_builder_takes_the_definition(tmp_path: Path) -> None:
    builder = BIN / "ansible-builder"
    if not builder.exists():
        pytest.skip("ansible-builder is not installed: pip install -r tests/requirements.txt")
    command = [str(builder), "create", "-f", str(ENVIRONMENT / "execution-environment.yml"), "-c", str(tmp_path / "context")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (recipe,) = [path for path in (tmp_path / "context").iterdir() if path.is_file()]
    assert "ansible-core>=2.18,<2.23 ansible-runner>=2.4" in recipe.read_text(encoding="utf-8")
    wanted = yaml.safe_load((tmp_path / "context" / "_build" / "requirements.yml").read_text(encoding="utf-8"))
    assert [one["name"] for one in wanted["collections"]] == ["cortex_cloud.appsec"]


def test_ansible_builder_finds_what_the_collection_needs(tmp_path: Path) -> None:
    """requests, from the collection's metadata and not from a list of test tools."""
    builder = BIN / "ansible-builder"
    if not builder.exists():
        pytest.skip("ansible-builder is not installed: pip install -r tests/requirements.txt")
    there = tmp_path / "ansible_collections" / "cortex_cloud" / "appsec"
    shutil.copytree(ROOT / "meta", there / "meta")
    for name in ("galaxy.yml", "requirements.txt"):
        shutil.copy(ROOT / name, there / name)
    done = subprocess.run([str(builder), "introspect", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in yaml.safe_load(done.stdout)["python"]] == ["requests>=2.28"]


@pytest.mark.parametrize("file", ["awx-project/collections/requirements.yml", "execution-environment/execution-environment.yml"])
def test_the_wanted_version_is_one_that_there_is(file: str) -> None:
    text = (EXAMPLES / file).read_text(encoding="utf-8")
    low, high = re.findall(r'version: ">=([\d.]+),<([\d.]+)"', text)[0]

    def parts(number: str) -> list[int]:
        return [int(part) for part in number.split(".")]

    assert parts(low) <= parts(version()) < parts(high)


def test_navigator_hands_on_what_the_collection_reads() -> None:
    settings = yaml.safe_load((ENVIRONMENT / "ansible-navigator.yml").read_text(encoding="utf-8"))["ansible-navigator"]
    image = settings["execution-environment"]
    variables = image["environment-variables"]
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins").rglob("*.py"))
    assert [name for name in [*variables["pass"], *variables["set"]] if f'"{name}"' not in sources] == []
    mounted = [mount["dest"] for mount in image["volume-mounts"]]
    assert all(any(folder.startswith(f"{place}/") for place in mounted) for folder in variables["set"].values())
    for other in ("execution-environment.yml", "README.md"):
        assert f"--tag {image['image']}" in (ENVIRONMENT / other).read_text(encoding="utf-8")


def test_what_the_pages_name_is_there() -> None:
    pages = list(EXAMPLES.rglob("README.md"))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
            yaml.safe_load(block)
        for archive in re.findall(r"cortex_cloud-appsec-([\d.]+)\.tar\.gz", text):
            assert archive == version()
        names = {path.stem for folder in ("playbooks", "roles", "plugins/modules") for path in (ROOT / folder).iterdir()}
        assert set(re.findall(r"cortex_cloud\.appsec\.(\w+)", text)) <= names
        for name in re.findall(r"`([\w/.-]+\.yml)`", text):
            assert list(page.parent.rglob(name)) or (page.parent / name).exists(), f"{page}: {name}"
