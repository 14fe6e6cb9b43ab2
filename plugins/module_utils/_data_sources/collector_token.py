# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, a collector's one-time token: found in the reply, kept in a file, found again there.
from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
import typing as t

from .._errors import InputError
from .._http.lock import lock_now
from .fields import FIELDS, Raw


def _published(option: str) -> str:
    """The API's name of an option, which the reply has too."""
    return next(field.api.rpartition(".")[2] for field in FIELDS if field.option == option)


# The published names first, then those that were seen elsewhere (docs/api.md: create.collector, create.older).
_TOKEN_ID = (_published("credentials.webhook_auth_key_id"), "tokenId", "token_id", "apiKeyId", "api_key_id", "keyId", "key_id")
_TOKEN = (_published("credentials.webhook_auth_key"), "apiToken", "api_token", "token", "apiKey", "api_key", "secret")
_URL = ("apiUrl", "api_url", "uploadUrl", "url")
_ROOM = 4096
DRAFT = ".credentials-"
# A draft without a token that is so old (seconds), and that no run holds, was left by one that was killed.
LEFT_BEHIND = 3600.0


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
        self.path = os.path.abspath(os.path.expanduser(path))
        self._draft: str | None = None
        self._held: int | None = None

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
        directory = os.path.dirname(self.path)
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            _remove_left_behind(directory)
            handle, self._draft = tempfile.mkstemp(prefix=DRAFT, dir=directory)  # 0600 by mkstemp
            self._held = _hold(self._draft)
            with os.fdopen(handle, "wb") as file:
                file.write(b" " * _ROOM)
                file.flush()
                os.fsync(file.fileno())
        except OSError as exc:
            self.discard()
            raise InputError(
                f"credentials_file {self.path} cannot be written ({exc.strerror}): the token would be lost. Nothing was created."
            ) from None

    def commit(self, content: dict[str, t.Any]) -> None:
        """Put the content into the prepared file and give it its name."""
        if self._draft is None:
            raise RuntimeError("prepare() comes first")
        with open(self._draft, "r+", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2) + "\n")
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a renaming, fails when another run has made the file meanwhile: its token exists nowhere else.
        try:
            os.link(self._draft, self.path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            os.rename(self._draft, self.path)
            self._draft = None
        self.discard()

    def discard(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None
        if self._draft:
            with contextlib.suppress(OSError):
                os.unlink(self._draft)
            self._draft = None


def real_path(path: str) -> str:
    """One path for all spellings of it, links followed."""
    return os.path.realpath(os.path.expanduser(path))


def missing_token(path: str, instance_id: str) -> str:
    """What of a collector's token is not where its item says, as the end of a sentence; empty when it is there."""
    if not os.path.lexists(os.path.expanduser(path)):
        return "does not exist"
    try:
        held = load_credentials(path)["id"]
    except InputError:
        # Whoever put something else there may read it in a way of their own.
        return ""
    return "" if held == instance_id else f"holds the token of another collector (id {held})"


def left_draft(path: str, instance_id: str) -> str | None:
    """The draft with this collector's token that a run left which was killed before it gave it its name; None when there is none."""
    for draft, content in _left(os.path.dirname(os.path.abspath(os.path.expanduser(path)))):
        with contextlib.suppress(ValueError):
            held = json.loads(content)
            if isinstance(held, dict) and held.get("id") == instance_id:
                return draft
    return None


def take_draft(draft: str, path: str) -> bool:
    """Give a draft its name, unless there is such a file by now. Returns whether it was done."""
    try:
        os.link(draft, os.path.abspath(os.path.expanduser(path)))
        os.unlink(draft)
    except OSError:
        return False
    return True


def _left(directory: str) -> t.Iterator[tuple[str, str]]:
    """The drafts in a folder that no run holds, and what is in them."""
    try:
        names = sorted(name for name in os.listdir(directory) if name.startswith(DRAFT))
    except OSError:
        return
    for draft in (os.path.join(directory, name) for name in names):
        handle = _hold(draft)
        if handle is None:
            continue
        try:
            content = os.read(handle, 100 * _ROOM).decode("utf-8", "replace")
        except OSError:
            continue
        finally:
            os.close(handle)
        yield draft, content


def _remove_left_behind(directory: str) -> None:
    """What a killed run left that holds nothing."""
    for draft, content in _left(directory):
        with contextlib.suppress(OSError):
            if not content.strip() and time.time() - os.lstat(draft).st_mtime > LEFT_BEHIND:
                os.unlink(draft)


def _hold(draft: str) -> int | None:
    """The draft, open and locked, so that no other run takes it for left behind; None when another run holds it, or it cannot be told."""
    try:
        handle = os.open(draft, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    if lock_now(handle):
        return handle
    os.close(handle)
    return None


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
