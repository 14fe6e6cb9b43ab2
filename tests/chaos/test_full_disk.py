# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No token is lost on a full disk, or one that fills up during a creation: what cannot be kept is refused before anything is sent."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenant.server import EmbeddedTenant

from .playing import Elsewhere

SIZE = 65536
FOLDERS = ("rate", "state", "keep")
MOUNT = 'for folder in "$1" "$2" "$3"; do mount -t tmpfs -o size=65536,mode=700 none "$folder" || exit 9; done; shift 3; exec "$@"'


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Elsewhere]:
    """A process with a small private file system in each of the folders."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    before = ["unshare", "-m", "sh", "-c", MOUNT, "sh", *(str(tmp_path / name) for name in FOLDERS)]
    tried = subprocess.run([*before, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no file system of a given size can be made here: {tried.stderr.strip()}")
    started = Elsewhere(*before)
    yield started
    started.close()


def fill(player: Elsewhere, folder: Path) -> None:
    """Fill the folder as the process sees it. Fails if its file system is not the small one."""
    there = Path(f"/proc/{player.pid}/root{folder}")
    assert os.statvfs(there).f_blocks * os.statvfs(there).f_frsize == SIZE
    with pytest.raises(OSError, match="No space left"):
        (there / "filler").write_bytes(b"x" * 2 * SIZE)


def options(tenant: EmbeddedTenant, folder: Path) -> dict[str, Any]:
    return {
        **tenant.connection(), "requests_per_second": 1000,
        "rate_limit_dir": str(folder / "rate"), "state_dir": str(folder / "state"),
        "data_sources": [
            {"type": "COLLECTOR", "name": "scan", "credentials_file": str(folder / "keep" / "scan.json")},
            {"type": "GITLAB_SELF_MANAGED", "name": "core", "domain": {"hostname": "gitlab.example.com"},
             "credentials": {"token": "cnry-token"}, "selection_type": "MANUAL_SELECTION", "repositories": ["team/app"]},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("when", ["before", "at the creation"])
def test_no_room_for_budget_and_memory_stops_nothing_and_no_room_for_a_token_is_known_beforehand(
    player: Elsewhere, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedTenant("guide", rate=1000) as tenant:
        create = type(tenant.state).create

        def filling(self: Any, body: Any) -> Any:
            for name in FOLDERS if body["type"] == "COLLECTOR" else ():
                fill(player, tmp_path / name)
            return create(self, body)

        # A response shows that its file systems are mounted.
        assert player.play("data_source_info", {**options(tenant, tmp_path), "data_sources": None})[0]["failed"]
        if when == "before":
            for name in FOLDERS:
                fill(player, tmp_path / name)
        else:
            monkeypatch.setattr(type(tenant.state), "create", filling)
        result, output = player.play("data_sources", options(tenant, tmp_path))
        assert "Traceback" not in output
        made = {one["type"] for one in tenant.instances.values()}
        if when == "before":
            assert f"credentials_file {tmp_path}/keep/scan.json cannot be written (No space left on device)" in result["msg"]
            assert made == {"GITLAB_SELF_MANAGED"}
            return
        assert not result["failed"], result["msg"]
        assert made == {"GITLAB_SELF_MANAGED", "COLLECTOR"}
        kept = json.loads(Path(f"/proc/{player.pid}/root{tmp_path}/keep/scan.json").read_text(encoding="utf-8"))
        assert tenant.state.tokens[kept["token_id"]].token == kept["token"]
