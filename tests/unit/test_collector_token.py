# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector's token is shown once (docs/api.md: create.collector): found in the reply, kept for its owner alone, never written over."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.collector_token import (
    CredentialsFile,
    credentials_content,
    find_credentials,
    load_credentials,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError

CONTENT = {"id": "col_1", "name": "bandit", "api_url": "https://api-t/collectors/col_1", "token_id": "t-1", "token": "the-token"}


@pytest.fixture(autouse=True)
def a_generous_umask() -> Any:
    """The mode must not depend on it."""
    before = os.umask(0o000)
    yield
    os.umask(before)


@pytest.mark.parametrize(
    "reply",
    [
        {"id": "1", "apiUrl": "https://u", "credentials": {"webhookAuthKey": "the-token", "webhookAuthKeyId": "t-1"}},
        {"token": "x", "tokenId": "y", "apiUrl": "https://u", "credentials": {"webhookAuthKeyId": "t-1", "webhookAuthKey": "the-token"}},
        {"id": "col_1", "apiUrl": "https://u", "tokenId": "t-1", "apiToken": "the-token"},
        {"id": "col_1", "api_url": "https://u", "token_id": "t-1", "api_token": "the-token"},
        {"id": "col_1", "apiUrl": "https://u", "credentials": {"tokenId": "t-1", "apiToken": "the-token"}},
        {"id": "col_1", "url": "https://u", "access": [{"keyId": "t-1", "secret": "the-token"}]},
        {"id": "col_1", "uploadUrl": "https://u", "apiKeyId": "t-1", "apiKey": "the-token"},
    ],
)
def test_the_token_is_found_wherever_the_reply_has_it(reply: dict[str, Any]) -> None:
    assert find_credentials(reply) == {"api_url": "https://u", "token_id": "t-1", "token": "the-token"}


def test_the_published_id_is_a_number_and_becomes_text() -> None:
    reply = {"id": "1", "credentials": {"webhookAuthKey": "the-token", "webhookAuthKeyId": 1}}
    assert find_credentials(reply) == {"api_url": "", "token_id": "1", "token": "the-token"}


@pytest.mark.parametrize(
    "reply",
    [
        {"id": "1"},
        {"id": "1", "apiToken": ""},
        {"id": "1", "apiToken": None},
        {"tokenId": "t"},
        {"credentials": {"webhookAuthKey": "the-token"}},
        {"credentials": {"webhookAuthKey": "the-token", "webhookAuthKeyId": None}},
        [],
        None,
        "x",
    ],
)
def test_no_token_is_no_token(reply: Any) -> None:
    assert find_credentials(reply) is None


def test_it_is_kept_for_its_owner_alone_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "bandit.json"
    keep = CredentialsFile(str(path))
    keep.prepare()
    assert not path.exists(), "an empty file would pass for a token that was kept"
    keep.commit(CONTENT)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(path.read_text()) == CONTENT == load_credentials(str(path))
    assert path.read_text().endswith("}\n")
    assert os.listdir(path.parent) == ["bandit.json"]


def test_the_room_on_the_disk_is_taken_before_the_request(tmp_path: Path) -> None:
    keep = CredentialsFile(str(tmp_path / "bandit.json"))
    keep.prepare()
    (draft,) = tmp_path.iterdir()
    assert draft.stat().st_size >= len(json.dumps(CONTENT))
    assert draft.stat().st_mode & 0o777 == 0o600
    keep.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["token", "rubbish", "empty", "folder", "dangling link"])
def test_what_is_there_is_never_written_over(tmp_path: Path, there: str) -> None:
    path = tmp_path / "bandit.json"
    if there == "folder":
        path.mkdir()
    elif there == "dangling link":
        path.symlink_to(tmp_path / "nowhere")
    else:
        path.write_text({"token": json.dumps(CONTENT), "rubbish": "{", "empty": ""}[there])
    with pytest.raises(InputError, match="is not created") as refused:
        CredentialsFile(str(path)).prepare()
    assert str(path) in str(refused.value)
    assert "the-token" not in str(refused.value)
    assert ("col_1" in str(refused.value)) == (there == "token")
    assert [p.name for p in tmp_path.iterdir()] == ["bandit.json"]


def test_a_file_that_appears_during_the_request_is_not_written_over(tmp_path: Path) -> None:
    """Two plays may name the same file; the second token must not replace the first, which nobody can get again."""
    path = tmp_path / "bandit.json"
    keep = CredentialsFile(str(path))
    keep.prepare()
    path.write_text("the other play's token")
    with pytest.raises((InputError, OSError)):
        keep.commit(CONTENT)
    assert path.read_text() == "the other play's token"


@pytest.mark.parametrize("where", ["a file", "no such device"])
def test_a_place_that_cannot_be_written_is_known_before_the_request(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" if where == "a file" else Path("/proc/self")
    with pytest.raises(InputError, match="cannot be written") as refused:
        CredentialsFile(str(folder / "bandit.json")).prepare()
    assert "so it is not created" in str(refused.value)


def test_a_home_folder_may_be_named_by_its_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    keep = CredentialsFile("~/bandit.json")
    keep.prepare()
    keep.commit(CONTENT)
    assert load_credentials("~/bandit.json")["token_id"] == "t-1"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"id": "1"}', '{"id": 1, "token_id": "t", "token": "x"}', "\xff"])
def test_what_is_no_credentials_file_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="is not a credentials file"):
        load_credentials(str(path))


def test_a_missing_credentials_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load_credentials(str(tmp_path / "none.json"))


def test_the_content_is_fixed() -> None:
    found = {"api_url": CONTENT["api_url"], "token_id": "t-1", "token": "the-token"}
    assert credentials_content({"id": "col_1"}, found, "bandit") == CONTENT


def test_a_reply_of_unknown_form_is_kept_as_it_is() -> None:
    reply = {"id": "col_1", "credentials": {"key": {"value": "the-token"}}, "apiUrl": "https://u"}
    assert credentials_content(reply, None, "bandit") == {**reply, "name": "bandit", "api_url": "https://u"}
