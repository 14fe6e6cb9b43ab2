# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector's one-time token: found in the response to its creation, and kept in a file.

Private to the collection, floor 3.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import typing as t
from urllib.parse import urlsplit

from .._addresses import host_key
from .._admitted import Raw, parsed
from .._errors import InputError
from .._files import Draft, full_path, make_folders, open_private, prove_writable, write_private
from .._http.lock import lock_now
from .fields import FIELDS


def _published(option: str) -> str:
    """The API's name of an option, which is also its name in the response."""
    return next(field.api.rpartition(".")[2] for field in FIELDS if field.option == option)


# The published names first, then others that were seen (docs/api.md: create.collector, create.older).
_TOKEN_ID = (
    _published("credentials.webhook_auth_key_id"),
    *("tokenId", "token_id", "apiKeyId", "api_key_id", "keyId", "key_id"),
)
_TOKEN = (
    _published("credentials.webhook_auth_key"),
    *("apiToken", "api_token", "token", "apiKey", "api_key", "secret"),
)
_URL = ("apiUrl", "api_url", "uploadUrl", "url")
# Bytes that are reserved on the disk before the request.
_ROOM = 4096
DRAFT = ".credentials-"
# Age in seconds from which an empty draft that no run has locked counts as left by a killed run.
LEFT_BEHIND = 3600.0


def find_credentials(reply: t.Any) -> dict[str, str] | None:
    """api_url, token_id and token, wherever the response to a create shows them; None unless it shows a token
    and the token's id.
    """
    token, token_id = _find(reply, _TOKEN), _find(reply, _TOKEN_ID)
    if not token or not token_id:
        return None
    return {"api_url": _find(reply, _URL) or "", "token_id": token_id, "token": token}


def _find(tree: t.Any, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := _find_one(tree, name))), None)


def _find_one(tree: t.Any, name: str) -> str | None:
    if isinstance(tree, dict):
        value = tree.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and value:
            return str(value)
        tree = list(tree.values())
    if isinstance(tree, list):
        return next((inner for each in tree if (inner := _find_one(each, name))), None)
    return None


class CredentialsFile:
    """A JSON file for one collector's token, readable by its owner alone.

    It is prepared before the request, so that no token is lost.
    tenant: host of the collector's tenant, for messages.
    """

    def __init__(self, path: str, tenant: str = "") -> None:
        self.path, self._tenant = path, tenant
        try:
            self.path = full_path(path)
        except OSError as exc:
            raise self._unwritable(exc) from None
        self._draft: Draft | None = None
        self._handle: int | None = None

    def _unwritable(self, exc: OSError) -> InputError:
        lost = f"credentials_file {self.path} cannot be written ({exc.strerror}): the token would be lost"
        return InputError(f"{lost}, so it is not created.")

    def prove(self) -> None:
        """Raise InputError when the file cannot be written, or exists: it may hold another token."""
        self._refuse_existing()
        try:
            prove_writable(self.path)
        except OSError as exc:
            raise self._unwritable(exc) from None

    def _refuse_existing(self) -> None:
        if not os.path.lexists(self.path):
            return
        try:
            kept = load_credentials(self.path)
            owner = f"data source {kept['id']}{_elsewhere(kept, self._tenant)}"
            holds = f"holds the token of {owner}, which is not the one to be created"
        except InputError:
            holds = "exists and is not a credentials file"
        raise InputError(
            f"credentials_file {self.path} {holds}: move it away or name another file; until then it is not "
            "created."
        )

    def prepare(self) -> None:
        """Check that the file can be written, and reserve space on the disk. Raises InputError."""
        self._refuse_existing()
        try:
            make_folders(os.path.dirname(self.path))
            _remove_left_behind(os.path.dirname(self.path))
            self._draft = Draft(self.path, prefix=DRAFT)
            self._handle = _open_locked(self._draft.path)
            self._draft.write(b" " * _ROOM)
        except OSError as exc:
            self.discard()
            raise self._unwritable(exc) from None

    def commit(self, content: dict[str, t.Any]) -> None:
        """Write the content into the prepared file and give it its final name."""
        if self._draft is None:
            raise RuntimeError("prepare() comes first")
        self._draft.write(json.dumps(content, indent=2) + "\n")
        # A file that another run created in the meantime is kept: its token exists nowhere else.
        self._draft.publish(new=True)

    def discard(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        if self._draft:
            self._draft.discard()
            self._draft = None


def real_path(path: str) -> str:
    """One path for all its spellings, with links resolved."""
    return os.path.realpath(os.path.expanduser(path))


def _elsewhere(kept: dict[str, str], tenant: str) -> str:
    """The end of a message, if the token's upload URL is not this tenant's; else, or when unknown, empty."""
    host = urlsplit(kept.get("api_url", "")).netloc
    bare, own = (host_key(name).removeprefix("api-") for name in (host, tenant))
    return f" of another tenant, {host}" if host and tenant and bare != own else ""


def missing_token(path: str, instance_id: str, tenant: str = "") -> str:
    """Why a file does not contain a collector's token, as the end of a sentence; empty when it does."""
    if not os.path.lexists(os.path.expanduser(path)):
        return "does not exist"
    try:
        kept = load_credentials(path)
    except InputError:
        # The token may have been stored there in another form.
        return ""
    if kept["id"] == instance_id:
        return ""
    return f"holds the token of another collector (id {kept['id']}{_elsewhere(kept, tenant)})"


def left_draft(path: str, instance_id: str) -> tuple[str, str] | None:
    """Path and content of a draft with this collector's token that a killed run left."""
    for draft, content in _unlocked_drafts(os.path.dirname(os.path.abspath(os.path.expanduser(path)))):
        with contextlib.suppress(ValueError):
            credentials = json.loads(content)
            if isinstance(credentials, dict) and credentials.get("id") == instance_id:
                return draft, content
    return None


def publish_draft(draft: str, content: str, path: str) -> bool:
    """Rename a draft to its file, unless the file exists by now. Returns whether it was renamed."""
    try:
        write_private(os.path.abspath(os.path.expanduser(path)), content, new=True)
    except OSError:
        return False
    with contextlib.suppress(OSError):
        os.unlink(draft)
    return True


def _unlocked_drafts(directory: str) -> t.Iterator[tuple[str, str]]:
    """Path and content of the drafts in a folder that no run has locked."""
    try:
        names = sorted(name for name in os.listdir(directory) if name.startswith(DRAFT))
    except OSError:
        return
    for draft in (os.path.join(directory, name) for name in names):
        handle = _open_locked(draft)
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
    """Remove empty drafts that a killed run left."""
    for draft, content in _unlocked_drafts(directory):
        with contextlib.suppress(OSError):
            if not content.strip() and time.time() - os.lstat(draft).st_mtime > LEFT_BEHIND:
                os.unlink(draft)


def _open_locked(draft: str) -> int | None:
    """The draft, open and locked against other runs; None when one of them has locked it, or may have."""
    try:
        handle = open_private(draft, os.O_RDONLY)
    except OSError:
        return None
    if lock_now(handle):
        return handle
    os.close(handle)
    return None


def credentials_content(reply: Raw, credentials: dict[str, str] | None, name: str | None) -> dict[str, t.Any]:
    """The content of the file.

    credentials: as found in the response; None: the whole response is kept, the only place with the token.
    """
    whole = {**reply, "api_url": _find(reply, _URL) or ""}
    return {"id": str(reply["id"]), "name": name, **(credentials or whole)}


def load_credentials(path: str) -> dict[str, str]:
    """The texts in a credentials file: id, token_id, token; name and api_url if known. Raises InputError."""
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            content = parsed(file.read())
    except OSError as exc:
        raise InputError(f"credentials_file {path} cannot be read: {exc.strerror}.") from None
    except ValueError:
        content = None
    texts = {k: v for k, v in content.items() if isinstance(v, str)} if isinstance(content, dict) else {}
    if not texts.keys() >= {"id", "token_id", "token"}:
        raise InputError(
            f"credentials_file {path} is not a credentials file: it should be JSON with id, token_id and "
            "token, as written when the collector was created."
        )
    return texts
