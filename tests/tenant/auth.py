# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is calling: tenant keys of both kinds and collector tokens.

To the caller every refusal looks the same, as on a real tenant. `Refused.reason` is for tests and is never sent.
"""
from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from werkzeug.datastructures import Headers

from .clock import Clock
from .switches import Switches

NONCE = re.compile(r"[A-Za-z0-9]{64}")
TIMESTAMP = re.compile(r"[0-9]{13}")


class Refused(Exception):
    """Authentication failed. `reason` is one word, for tests."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Key:
    """A tenant API key. `key` is the secret."""

    id: str
    key: str = field(repr=False)
    type: str
    role: str
    expired: bool = False


@dataclass(frozen=True)
class CollectorToken:
    """A collector's token, which only the response to its creation contains. `id` is the instance id, `token` the secret."""

    id: str
    token_id: str
    token: str = field(repr=False)
    api_url: str


@dataclass(frozen=True)
class Caller:
    """A verified caller. `collector_id`: for a collector's token; None for a key of the tenant."""

    id: str
    may_write: bool
    collector_id: str | None = None


def make_keys() -> dict[str, Key]:
    """The five keys of a tenant, with random secrets. Ids are small integers as strings."""
    first = secrets.randbelow(400) + 100
    kinds = {
        "admin": ("advanced", "admin", False),
        "admin_standard": ("standard", "admin", False),
        "viewer": ("advanced", "viewer", False),
        "viewer_standard": ("standard", "viewer", False),
        "expired": ("advanced", "admin", True),
    }
    return {
        name: Key(id=str(first + number), key=secrets.token_hex(64), type=kind, role=role, expired=expired)
        for number, (name, (kind, role, expired)) in enumerate(kinds.items())
    }


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


class Authenticator:
    """Verifies request headers against the keys and the tokens of one tenant."""

    def __init__(self, keys: Mapping[str, Key], tokens: Mapping[str, CollectorToken], switches: Switches, clock: Clock) -> None:
        self._keys = {key.id: key for key in keys.values()}
        self._tokens, self._switches, self._clock = tokens, switches, clock
        self._lock = threading.Lock()
        self._nonces: dict[tuple[str, str], float] = {}
        self._prune_at = 10_000

    def clear(self) -> None:
        self._nonces.clear()

    def presented(self, headers: Headers) -> str | None:
        """The id of the key or token that a request names, verified or not; None if the tenant does not have it."""
        named = headers.get("x-xdr-auth-id") or headers.get("x-crtx-auth-id") or ""
        return named if named in self._keys or named in self._tokens else None

    def verify(self, headers: Headers) -> Caller:
        """The caller who sent these headers. Raises Refused."""
        key_id, token_id = headers.get("x-xdr-auth-id"), headers.get("x-crtx-auth-id")
        given = headers.get("Authorization")
        if key_id is not None and token_id is not None:
            raise Refused("both_families")
        if not given or not (key_id or token_id):
            raise Refused("missing_headers")
        if token_id:
            token = self._tokens.get(token_id)
            if token is None:
                raise Refused("unknown_token")
            if not _same(given, token.token):
                raise Refused("wrong_token")
            return Caller(id=token_id, may_write=True, collector_id=token.id)
        key = self._keys.get(str(key_id))
        if key is None:
            raise Refused("unknown_key_id")
        signed = headers.get("x-xdr-nonce") is not None or headers.get("x-xdr-timestamp") is not None
        if signed != (key.type == "advanced"):
            raise Refused("wrong_level")
        if key.type == "standard":
            if not _same(given, key.key):
                raise Refused("wrong_key")
        else:
            self._verify_signature(key, given, headers.get("x-xdr-nonce") or "", headers.get("x-xdr-timestamp") or "")
        if key.expired:
            raise Refused("expired")
        return Caller(id=key.id, may_write=key.role == "admin")

    def _verify_signature(self, key: Key, given: str, nonce: str, timestamp: str) -> None:
        if not NONCE.fullmatch(nonce):
            raise Refused("bad_nonce")
        if not TIMESTAMP.fullmatch(timestamp):
            raise Refused("bad_timestamp")
        if not _same(given, hashlib.sha256(f"{key.key}{nonce}{timestamp}".encode()).hexdigest()):
            raise Refused("wrong_signature")
        now, width = self._clock.now() + self._switches.clock_offset, self._switches.clock_skew
        if abs(now - int(timestamp) / 1000) > width:
            raise Refused("clock_skew")
        with self._lock:
            if (key.id, nonce) in self._nonces:
                raise Refused("replayed")
            self._nonces[key.id, nonce] = now
            # After twice the accepted skew a replay is refused for its timestamp, so its nonce can be forgotten.
            if len(self._nonces) > self._prune_at:
                self._nonces = {known: seen for known, seen in self._nonces.items() if seen > now - 2 * width}
                self._prune_at = 10_000 + 2 * len(self._nonces)
