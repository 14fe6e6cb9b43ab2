# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication: a tenant's key or a collector's token, and their headers.

Private to the collection, floor 1.
"""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
import string
import time
import typing as t

from .._errors import InputError
from .connection import Connection, secret_from_file

_NONCE_ALPHABET = string.ascii_letters + string.digits
NONCE_LENGTH = 64


@dataclasses.dataclass(frozen=True)
class Auth:
    """An id and a secret, which sign requests. Raises InputError for values that are not valid in a header.

    options: where they come from, for that message.
    """

    id: str
    secret: str = dataclasses.field(repr=False)
    options: t.ClassVar[str] = "api_key_id or api_key"

    def __post_init__(self) -> None:
        if not all(value.isascii() and value.isprintable() for value in (self.id, self.secret)):
            raise InputError(
                f"{self.options} contains a line break or a character that no key has: copy it again, "
                "without surrounding text."
            )

    def headers(self) -> dict[str, str]:
        """The headers of one attempt."""
        raise NotImplementedError


class StandardKey(Auth):
    """The key itself is sent, without a scheme such as Bearer."""

    def headers(self) -> dict[str, str]:
        return {"x-xdr-auth-id": self.id, "Authorization": self.secret}


class AdvancedKey(Auth):
    """A SHA-256 of key, nonce and a timestamp in milliseconds is sent, which is valid for minutes."""

    def headers(self) -> dict[str, str]:
        nonce = "".join(secrets.choice(_NONCE_ALPHABET) for _unused in range(NONCE_LENGTH))
        timestamp = str(time.time_ns() // 1_000_000)
        signature = hashlib.sha256(f"{self.secret}{nonce}{timestamp}".encode()).hexdigest()
        unique = {"x-xdr-nonce": nonce, "x-xdr-timestamp": timestamp}
        return {"x-xdr-auth-id": self.id, **unique, "Authorization": signature}


class CollectorToken(Auth):
    """A collector's own token. Never sent together with the headers of a tenant's key."""

    options = "collector_token_id or collector_token"

    def headers(self) -> dict[str, str]:
        return {"x-crtx-auth-id": self.id, "Authorization": self.secret}


def tenant_key(connection: Connection) -> Auth:
    """The tenant's key, from the options or from the file that CORTEXCLOUD_API_KEY_FILE names. Raises
    InputError if there is none.
    """
    key_id = connection.api_key_id.strip()
    key = connection.api_key.strip() or secret_from_file("CORTEXCLOUD_API_KEY_FILE")
    values = {"api_key_id": key_id, "api_key": key}
    missing = [f"{name} (or CORTEXCLOUD_{name.upper()})" for name, value in values.items() if not value]
    if missing:
        raise InputError(
            f"{' and '.join(missing)} not set: an API key is required. Empty values are ignored."
        )
    return (AdvancedKey if connection.api_key_type == "advanced" else StandardKey)(key_id, key)
