# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector's one-time token: found in the response, kept in a file, found again there.

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


# The published names first, then others that were seen (docs/api.md: create.collector,
# create.older).
_TOKEN_ID = (
    _published("credentials.webhook_auth_key_id"),
    "tokenId",
    "token_id",
    "apiKeyId",
    "api_key_id",
    "keyId",
    "key_id",
)
_TOKEN = (
    _published("credentials.webhook_auth_key"),
    "apiToken",
    "api_token",
    "token",
    "apiKey",
    "api_key",
    "secret",
)
_URL = ("apiUrl", "api_url", "uploadUrl", "url")
_ROOM = 4096
DRAFT = ".credentials-"
# Seconds after which a draft without a token that no run holds counts as left by a killed run.
LEFT_BEHIND = 3600.0


def find_credentials(reply: t.Any) -> dict[str, str] | None:
    """api_url, token_id and token from the response to a create, at any place; None when there is no token
    with its id.
    """
    token, token_id = _find(reply, _TOKEN), _find(reply, _TOKEN_ID)
    if not token or not token_id:
        return None
    return {"api_url": _url(reply), "token_id": token_id, "token": token}


def _url(reply: t.Any) -> str:
    return _find(reply, _URL) or ""


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
    """A JSON file for one collector's token, readable by its owner alone. Prepared before the request, so
    that no token is lost.

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
        """Raise InputError when the file cannot be written, or already exists: another collector's token
        could never be read again.
        """
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
            holds = (
                f"holds the token of data source {kept['id']}{_elsewhere(kept, self._tenant)}, which is not "
                "the one to be created"
            )
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
            self._handle = _hold(self._draft.path)
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
    """Says that a token belongs to another tenant, according to its upload URL; empty when it belongs to this
    one, or when unknown.
    """
    host = urlsplit(kept.get("api_url", "")).netloc
    return f" of another tenant, {host}" if host and tenant and _bare(host) != _bare(tenant) else ""


def _bare(host: str) -> str:
    return host_key(host).removeprefix("api-")


def missing_token(path: str, instance_id: str, tenant: str = "") -> str:
    """What is wrong with the file that should contain a collector's token, as the end of a sentence; empty
    when the token is there.
    """
    if not os.path.lexists(os.path.expanduser(path)):
        return "does not exist"
    try:
        kept = load_credentials(path)
    except InputError:
        # The token may have been stored there in another form.
        return ""
    return (
        ""
        if kept["id"] == instance_id
        else f"holds the token of another collector (id {kept['id']}{_elsewhere(kept, tenant)})"
    )


def left_draft(path: str, instance_id: str) -> tuple[str, str] | None:
    """The path and content of a draft with this collector's token, left by a run that was killed before it
    renamed the draft.
    """
    for draft, content in _left(os.path.dirname(os.path.abspath(os.path.expanduser(path)))):
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


def _left(directory: str) -> t.Iterator[tuple[str, str]]:
    """Path and content of the drafts in a folder that no run holds."""
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
    """Remove empty drafts that a killed run left."""
    for draft, content in _left(directory):
        with contextlib.suppress(OSError):
            if not content.strip() and time.time() - os.lstat(draft).st_mtime > LEFT_BEHIND:
                os.unlink(draft)


def _hold(draft: str) -> int | None:
    """The draft, open and locked, so that no other run treats it as abandoned; None when another run holds
    it, or when that is unknown.
    """
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

    credentials: as found in the response; None: the whole response is kept, since the token is shown nowhere
        else.
    """
    return {"id": str(reply["id"]), "name": name, **(credentials or {**reply, "api_url": _url(reply)})}


def load_credentials(path: str) -> dict[str, str]:
    """The content of a credentials file: id, name, api_url, token_id, token. Raises InputError when it is not
    one.
    """
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            content = parsed(file.read())
    except OSError as exc:
        raise InputError(f"credentials_file {path} cannot be read: {exc.strerror}.") from None
    except ValueError:
        content = None
    if not isinstance(content, dict) or not all(
        isinstance(content.get(k), str) for k in ("id", "token_id", "token")
    ):
        raise InputError(
            f"credentials_file {path} is not a credentials file: it should be JSON with id, token_id and "
            "token, as written when the collector was created."
        )
    return {k: v for k, v in content.items() if isinstance(v, str)}
