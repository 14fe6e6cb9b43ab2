# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector's token is shown once: it has a file of its own, and where it is not, somebody is told."""

from __future__ import annotations

import errno
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bulk import Engine, RunModule, actions
from contributed import tenants

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import collector_token, view
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.collector_token import (
    CredentialsFile,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import stores
from tenant.server import EmbeddedTenant

SCAN: dict[str, Any] = {"type": "COLLECTOR", "name": "scan"}


@pytest.fixture(params=tenants("guide", "awkward"))
def engine(request: pytest.FixtureRequest, run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0, 0.05, 0.1, 0.1))
    with EmbeddedTenant(profile=request.param, rate=1000) as tenant:
        yield Engine(run_module, tenant)


def full(*_any: Any, **_more: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def token_in(path: Path, engine: Engine) -> None:
    """The file holds the token of the only collector."""
    (made,) = engine.tenant.instances
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["id"] == made
    assert engine.tenant.state.tokens[kept["token_id"]].token == kept["token"]


def test_two_items_with_one_file_are_refused_before_anything_is_asked(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    first = {**SCAN, "credentials_file": f"{tmp_path}/folder/t.json"}
    for other in ("folder/t.json", "link/t.json", "folder/../folder/./t.json"):
        result = engine.apply(first, {"type": "COLLECTOR", "name": "second", "credentials_file": f"{tmp_path}/{other}"})
        assert result["msg"].startswith('items 0 (COLLECTOR "scan") and 1 (COLLECTOR "second") name the same credentials_file')
        assert engine.tenant.journal == []
    absent = {"type": "COLLECTOR", "name": "second", "state": "absent", "credentials_file": first["credentials_file"]}
    assert actions(engine.apply(first, absent)) == ["created", "unchanged"]


def test_a_collector_whose_file_is_missing_is_told_what_to_do(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    item = {**SCAN, "credentials_file": str(path)}
    assert engine.apply(item)["pending_actions"] == []
    (made,) = engine.tenant.instances
    assert not engine.apply(item)["warned"]
    path.unlink()
    for check in (True, False):
        result = engine.apply(item, check=check)
        assert actions(result) == ["unchanged"]
        (todo,) = result["pending_actions"]
        assert (todo["id"], todo["name"]) == (made, "scan")
        assert todo["step"].startswith(f"its token is not in credentials_file {path}: renew it in the console and put it there")
        assert [f"credentials_file {path} does not exist" in text for text in result["warned"]] == [True]
    path.write_text('{"id": "another", "token_id": "1", "token": "another-token"}', encoding="utf-8")
    assert "holds the token of another collector (id another)" in engine.apply(item)["warned"][0]
    assert engine.apply(SCAN)["pending_actions"] == []


def test_the_draft_of_a_killed_run_becomes_the_file(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.json"
    item = {**SCAN, "credentials_file": str(path)}
    engine.apply(item)
    os.rename(path, tmp_path / ".credentials-left")
    checked = engine.apply(item, check=True)
    assert not path.exists()
    done = engine.apply(item)
    assert checked["warned"] == done["warned"]
    assert "an earlier run that broke off left it as a draft" in done["warned"][0]
    assert done["pending_actions"] == []
    token_in(path, engine)
    assert sorted(one.name for one in tmp_path.glob(".credentials-*")) == []


def test_drafts_that_hold_nothing_are_removed_and_those_of_a_run_that_goes_on_are_not(engine: Engine, tmp_path: Path) -> None:
    old = time.time() - 2 * collector_token.LEFT_BEHIND
    for name, content in (("old", " " * 4096), ("new", " " * 4096), ("token", '{"id": "another", "token": "another-token"}')):
        (tmp_path / f".credentials-{name}").write_text(content, encoding="utf-8")
        if name != "new":
            os.utime(tmp_path / f".credentials-{name}", (old, old))
    running = CredentialsFile(str(tmp_path / "other.json"))
    running.prepare()
    (draft,) = set(os.listdir(tmp_path)) - {f".credentials-{name}" for name in ("new", "old", "token")} - {"rate", "state"}
    os.utime(tmp_path / draft, (old, old))
    engine.apply({**SCAN, "credentials_file": str(tmp_path / "t.json")})
    left = sorted(path.name for path in tmp_path.glob(".credentials-*"))
    assert left == sorted([draft, ".credentials-new", ".credentials-token"])
    running.discard()


def test_a_token_that_cannot_be_written_undoes_its_collector(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.json"
    item = {**SCAN, "credentials_file": str(path)}
    with monkeypatch.context() as patched:
        patched.setattr(CredentialsFile, "commit", full)
        result = engine.apply(item)
        (row,) = result["data_sources"]
        assert "could not be written" in row["error"]
        assert row["error"].endswith("(No space left on device), so it was deleted again. Make room there, and run again.")
        assert not result["changed"]
        assert engine.tenant.instances == {}
        engine.tenant.fault("html_500", method="DELETE")
        result = engine.apply(item)
        (made,) = engine.tenant.instances
        assert result["changed"]
        assert f"Delete it (state: absent, id: {made}), make room there, and run again." in result["msg"]
        engine.apply({"id": made, "state": "absent"})
        returned = engine.one({**item, "return_credentials": True})
        assert returned["msg"].endswith("The result holds it: keep it from there.")
        (token,) = engine.tenant.state.tokens.values()
        assert returned["collector_credentials"]["token"] == token.token
        engine.apply({**SCAN, "state": "absent"})
    assert actions(engine.apply(item)) == ["created"]
    token_in(path, engine)


class Full(io.FileIO):
    """A file on a disk without room: what is written is refused when it leaves the buffer."""

    write = full


def test_no_room_for_the_request_budget_stops_nothing(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk gets full while the collector is created; what was to be written comes up again when the file is closed."""
    (opened,) = [name for name in ("open_private", "open_shared") if hasattr(stores, name)]
    monkeypatch.setattr(stores, opened, lambda path: io.TextIOWrapper(io.BufferedRandom(Full(path, "a+b"))))
    result = engine.apply({**SCAN, "credentials_file": str(tmp_path / "t.json")})
    assert actions(result) == ["created"]
    token_in(tmp_path / "t.json", engine)
