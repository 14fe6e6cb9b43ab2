# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, a collector's one-time token: found in the reply, kept in a file, found again there.
from __future__ import annotations

import json
import os
import typing as t

from .._errors import InputError
from .._files import Draft, full_path, make_folders
from .fields import FIELDS, Raw


def _published(option: str) -> str:
    """The API's name of an option, which the reply has too."""
    return next(field.api.rpartition(".")[2] for field in FIELDS if field.option == option)


# The published names first, then those that were seen elsewhere (docs/api.md: create.collector, create.older).
_TOKEN_ID = (_published("credentials.webhook_auth_key_id"), "tokenId", "token_id", "apiKeyId", "api_key_id", "keyId", "key_id")
_TOKEN = (_published("credentials.webhook_auth_key"), "apiToken", "api_token", "token", "apiKey", "api_key", "secret")
_URL = ("apiUrl", "api_url", "uploadUrl", "url")
_ROOM = 4096


def find_credentials(reply: t.Any) -> dict[str, str] | None:
    """api_url, token_id and token from a create reply, wherever they stand in it; None when there is no token with its id."""
    token, token_id = _find(reply, _TOKEN), _find(reply, _TOKEN_ID)
    if not token or not token_id:
        return None
    return {"api_url": _url(reply), "token_id": token_id, "token": token}


def _url(reply: t.Any) -> str:
    return _find(reply, _URL) or ""


def _find(tree: t.Any, names: tuple[str, ...]) -> str | None:
    for name in names:
        found = _find_one(tree, name)
        if found:
            return found
    return None


def _find_one(tree: t.Any, name: str) -> str | None:
    if isinstance(tree, dict):
        value = tree.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and value:
            return str(value)
        tree = list(tree.values())
    if isinstance(tree, list):
        return next((found for inner in tree if (found := _find_one(inner, name))), None)
    return None


class CredentialsFile:
    """A JSON file for one collector's token, readable by its owner alone. Made ready before the request: nothing is lost after it."""

    def __init__(self, path: str) -> None:
        try:
            self.path = full_path(path)
        except OSError as exc:
            raise InputError(f"credentials_file {path} cannot be written ({exc.strerror}): the token would be lost. Nothing was created.") from None
        self._draft: Draft | None = None

    def refuse_existing(self) -> None:
        """Raise InputError when the file is there: it holds another collector's token, which nobody can get a second time."""
        if not os.path.lexists(self.path):
            return
        try:
            holds = f"holds the token of data source {load_credentials(self.path)['id']}, which is not the one to be created"
        except InputError:
            holds = "exists and is no credentials file"
        raise InputError(f"credentials_file {self.path} {holds}: move it away or name another file. Nothing was created.")

    def prepare(self) -> None:
        """Prove that it can be written, and hold the room on the disk. Raises InputError."""
        self.refuse_existing()
        try:
            make_folders(os.path.dirname(self.path))
            self._draft = Draft(self.path, prefix=".credentials-")
            self._draft.write(b" " * _ROOM)
        except OSError as exc:
            self.discard()
            raise InputError(
                f"credentials_file {self.path} cannot be written ({exc.strerror}): the token would be lost. Nothing was created."
            ) from None

    def commit(self, content: dict[str, t.Any]) -> None:
        """Put the content into the prepared file and give it its name."""
        if self._draft is None:
            raise RuntimeError("prepare() comes first")
        self._draft.write(json.dumps(content, indent=2) + "\n")
        # Where another run has made the file meanwhile it stays: its token exists nowhere else.
        self._draft.publish(new=True)

    def discard(self) -> None:
        if self._draft:
            self._draft.discard()
            self._draft = None


def credentials_content(reply: Raw, credentials: dict[str, str] | None, name: str | None) -> dict[str, t.Any]:
    """What is kept. credentials: as found in the reply. None: the whole reply, since what it may hold is shown nowhere else."""
    return {"id": str(reply["id"]), "name": name, **(credentials or {**reply, "api_url": _url(reply)})}


def load_credentials(path: str) -> dict[str, str]:
    """What a credentials file holds: id, name, api_url, token_id, token. Raises InputError when it is none."""
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            content = json.load(file)
    except OSError as exc:
        raise InputError(f"credentials_file {path} cannot be read: {exc.strerror}.") from None
    except ValueError:
        content = None
    if not isinstance(content, dict) or not all(isinstance(content.get(k), str) for k in ("id", "token_id", "token")):
        raise InputError(
            f"credentials_file {path} is no credentials file: it should be JSON with id, token_id and token, as written "
            "when the collector was created."
        )
    return {k: v for k, v in content.items() if isinstance(v, str)}
