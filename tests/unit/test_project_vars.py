# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look-up project_vars: relative look-ups in a user's data file search the user's folders, not the collection's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.cortex_cloud.appsec.plugins.lookup.project_vars import LookupModule

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core 2.18 templates every string

    def trust_as_template(value: str) -> str:
        return value


def look_up(names: list[str], variables: dict[str, Any], **options: Any) -> list[Any]:
    loader = DataLoader()
    loader.set_basedir("/nonexistent")
    return LookupModule(loader=loader, templar=Templar(loader=loader, variables=variables)).run(names, variables, **options)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ca.pem is in the working folder and next to the data file, only.pem just in the working folder."""
    (tmp_path / "tenants" / "certs").mkdir(parents=True)
    (tmp_path / "certs").mkdir()
    (tmp_path / "tenants" / "certs" / "ca.pem").write_text("beside the data file")
    (tmp_path / "certs" / "ca.pem").write_text("in the folder of the start")
    (tmp_path / "certs" / "only.pem").write_text("only there")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Short names, because full names need the collection loader, which these tests do not load.
CA = trust_as_template("{{ lookup('file', 'certs/ca.pem') }}")
ONLY = trust_as_template("{{ lookup('file', 'certs/only.pem') }}")


def test_the_folder_of_the_data_file_is_searched_before_the_working_folder(project: Path) -> None:
    variables = {"a": {"certificate": CA}, "b": [ONLY], "onboard_dir": str(project / "tenants")}
    assert look_up(["a", "b"], variables) == [{"certificate": "beside the data file"}, ["only there"]]
    assert look_up(["a"], {"a": CA}) == ["in the folder of the start"]


def test_a_variable_in_a_variable_searches_the_same_folders(project: Path) -> None:
    assert look_up(["list"], {"list": trust_as_template("{{ baseline + [1] }}"), "baseline": [ONLY]}) == [["only there", 1]]


def test_an_undefined_name_gives_the_default_or_an_error() -> None:
    assert look_up(["nothing"], {}, default=[]) == [[]]
    with pytest.raises(AnsibleError, match="No variable named 'nothing' was found"):
        look_up(["nothing"], {})
