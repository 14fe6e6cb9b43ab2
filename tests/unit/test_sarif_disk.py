# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""If source_root is a folder here without the files of a report, a warning suggests the path_prefix with which they exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import prepare


def warned(tmp_path: Path, *files: str, **options: str) -> str:
    results = [
        {"ruleId": "R1", "message": {"text": "x"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}}}]} for uri in files
    ]
    run = {"tool": {"driver": {"name": "s", "rules": [{"id": "R1"}]}}, "results": results}
    (tmp_path / "report.sarif").write_text(json.dumps({"version": "2.1.0", "runs": [run]}), encoding="utf-8")
    with prepare([str(tmp_path / "report.sarif")], Options(**{"source_root": str(tmp_path / "app"), **options})) as done:
        return " ".join(done.warnings)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    for name in ("services/api/src/a.py", "services/web/a b.py", "node_modules/src/a.py", ".git/src/a.py"):
        (tmp_path / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "app" / name).touch()
    return tmp_path / "app"


def test_the_prefix_that_makes_the_files_exist_is_named_and_helps(app: Path, tmp_path: Path) -> None:
    said = warned(tmp_path, "src/a.py", "src/gone.py")
    assert "none of the files that it names is below source_root" in said
    advised = re.search(r"set path_prefix to ([^.]+)\.", said)
    assert advised, said
    assert advised[1] == "services/api"
    assert "none of the files" not in warned(tmp_path, "src/a.py", "src/gone.py", path_prefix=advised[1])
    said = warned(tmp_path, "services/web/a b.py", path_prefix="services")
    assert "Without path_prefix they are: leave it out." in said
    assert "none of the files" not in warned(tmp_path, "services/web/a b.py")


def test_what_is_nowhere_is_said_and_what_cannot_be_known_is_not(app: Path, tmp_path: Path) -> None:
    assert "set source_root and path_prefix so that it does" in warned(tmp_path, "x/y.py")
    # A folder of the machine that scanned, which does not exist here.
    assert "none of the files" not in warned(tmp_path, "x/y.py", source_root=str(tmp_path / "elsewhere"))
    assert "none of the files" not in warned(tmp_path, "x/y.py", source_root="")
    assert "none of the files" not in warned(tmp_path, "https://x.example/", default_location="pom.xml")
