# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hides secrets. All text for people goes out through here.

Private to the collection, floor 1.
"""

from __future__ import annotations

import functools
import json
import re
import typing as t
from urllib.parse import quote

from .._texts import snake_case
from .disguise import Disguises
from .plain import one_line, plain, transportable

HIDDEN = "********"
# Values nested deeper are hidden; no tenant's response and no item is as deep.
DEEPEST = 100

# Words in a key that mark its value as secret, and endings that do not (token_id, api_key_type).
_SECRET = re.compile(
    r"(^|_)(secret|secrets|token|tokens|password|passwd|passphrase|pass|pat|credential|credentials|authorization|bearer|jwt|cookie)(_|$)"
    r"|(api|private|access|auth|signing|encryption|secret|shared|webhook)_?key(_|$)"
)
_HARMLESS = re.compile(
    r"_(id|ids|type|name|url|file|path|count|expiry|expires|expires_at|expiration|applied)$"
)
# Credentials of a data source that are not secret: masking them would also mask names that contain them.
PUBLIC = ("type", "client_id", "username", "webhook_auth_key_id")
_MASKED = re.compile(
    r"^\s*(?:[*\u2022\u25cf]{3,}.*|<?(?:redacted|masked|hidden|encrypted)>?|\$encrypted\$|VALUE_SPECIFIED_IN_NO_LOG_PARAMETER)\s*$",
    re.IGNORECASE | re.DOTALL,
)
# Up to the last @: a password may contain one, and quotes.
_URL_USERINFO = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]{0,30}://)[^\s/?#]+@")
_URL_QUERY = re.compile(r"([?&;#]([\w.-]+)=)[^&;#\s\"']+")


def _snake(key: t.Any) -> str:
    return re.sub("[- .]", "_", snake_case(key))


@functools.lru_cache(maxsize=1000)  # the same few keys in every object
def looks_secret(key: t.Any) -> bool:
    """Whether the value under this key (apiToken, client-secret, api_key) must be kept out of all output."""
    name = _snake(key)
    return bool(_SECRET.search(name)) and not _HARMLESS.search(name)


def is_masked(value: t.Any) -> bool:
    """Whether a value is a replacement for a secret, ours or the tenant's: it is never compared or sent."""
    return isinstance(value, str) and bool(_MASKED.match(value))


def holds_masked(value: t.Any) -> bool:
    """Whether it contains a masked value, at any depth."""
    if isinstance(value, dict):
        return any(holds_masked(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return any(holds_masked(v) for v in value)
    return is_masked(value)


def alike(one: t.Any, other: t.Any) -> bool:
    """Whether two values are equal, as far as known: a masked value equals anything."""
    if is_masked(one) or is_masked(other):
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(alike(a, b) for a, b in zip(one, other))
    return bool(one == other)


def hide_secret_keys(value: t.Any, under_secret_key: bool = False, depth: int = 0) -> t.Any:
    """A copy of a JSON-like value in which every value under a secret-looking key is HIDDEN, and so is every
    value nested DEEPEST levels deep.

    Empty values, true, false and masked values are kept. In status_details, and in the status of a
    repository, the keys are names of components, such as token, and their values are not secret.
    """
    if isinstance(value, (dict, list, tuple)) and depth >= DEEPEST:
        return HIDDEN
    if isinstance(value, dict):
        hidden = {
            k: hide_secret_keys(v, under_secret_key or looks_secret(k), depth + 1) for k, v in value.items()
        }
        for holder in () if under_secret_key else ("status_details", "status"):
            components = value.get(holder)
            if isinstance(components, dict) and (
                holder == "status_details" or all(map(_is_component, components.values()))
            ):
                hidden[holder] = {
                    name: hide_secret_keys(one, False, depth + 2) for name, one in components.items()
                }
        return hidden
    if isinstance(value, (list, tuple)):
        return [hide_secret_keys(v, under_secret_key, depth + 1) for v in value]
    if under_secret_key and value not in (None, "") and not isinstance(value, bool) and not is_masked(value):
        return HIDDEN
    return value


def _is_component(value: t.Any) -> bool:
    return isinstance(value, dict) and value.get("status") in ("VALID", "INVALID")


def secrets_in(value: t.Any, under_secret_key: bool = False, depth: int = 0) -> t.Iterator[str]:
    """Every value under a secret-looking key, at any depth, as a string; of credentials all but the PUBLIC
    ones.
    """
    if depth > DEEPEST:
        return  # values this deep are never shown
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "credentials" and isinstance(inner, dict):
                inner = {name: one for name, one in inner.items() if _snake(name) not in PUBLIC}
            yield from secrets_in(inner, under_secret_key or looks_secret(key), depth + 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from secrets_in(inner, under_secret_key, depth + 1)
    elif (
        under_secret_key and value not in (None, "") and not isinstance(value, bool) and not is_masked(value)
    ):
        yield str(value)


def hidden_in_urls(text: str) -> str:
    """The text without what is secret in any URL: the user part, and parameters under secret-looking names."""
    if "://" in text:
        text = _URL_USERINFO.sub(r"\1" + HIDDEN + "@", text)
    return _URL_QUERY.sub(
        lambda found: found.group(1) + HIDDEN if looks_secret(found.group(2)) else found.group(0), text
    )


def outgoing(value: t.Any) -> t.Any:
    """A copy of a JSON-like value, or a text, that is harmless to terminals and log readers. All text for
    people passes through here last. Values that a module returns as data only pass transportable().
    """
    if isinstance(value, str):
        return plain(hidden_in_urls(value))
    if isinstance(value, dict):
        return {outgoing(k): outgoing(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [outgoing(v) for v in value]
    return value


class Redactor:
    """Knows the secrets of this run and removes them from any text or JSON-like value, in any form."""

    def __init__(self, secrets: t.Iterable[str] = ()) -> None:
        self._disguises = Disguises()
        # For literal search: as written, URL-quoted or JSON-escaped.
        self._forms: set[str] = set()
        self.add(*secrets)

    def add(self, *secrets: str | None) -> None:
        for secret in secrets:
            # Masking one or two characters, or blanks, would make every message unreadable.
            if secret and len(secret.strip()) > 2 and not self._disguises.add(secret.strip()):
                for form in (secret, secret.strip()):
                    self._forms.update((form, _quoted(form, ""), _quoted(form, "/"), json.dumps(form)[1:-1]))

    def knows(self, text: str) -> bool:
        """Whether it contains a known secret."""
        return bool(self._disguises.find(text, deep=True)) or any(form in text for form in self._forms)

    def text(self, text: str) -> str:
        """Text for people."""
        return str(outgoing(self._without_secrets(text, deep=True)))

    def line(self, text: str) -> str:
        """The same on one line."""
        return one_line(self.text(text))

    def value(self, value: t.Any) -> t.Any:
        """A copy of a JSON-like value without known secrets and without anything under a secret-looking
        key.
        """
        # The same texts in many objects.
        without = functools.cache(self._without_secrets)

        def known(value: t.Any) -> t.Any:
            if isinstance(value, str):
                return without(value)
            if isinstance(value, dict):
                return {without(k) if isinstance(k, str) else k: known(v) for k, v in value.items()}
            if isinstance(value, (list, tuple)):
                return [known(v) for v in value]
            return value

        return transportable(known(hide_secret_keys(value)))

    def _without_secrets(self, text: str, *, deep: bool = False) -> str:
        spans = self._disguises.find(text, deep=deep)
        if spans:
            ends = [0, *(end for _start, end in spans)]
            text = HIDDEN.join(
                text[end:start] for end, start in zip(ends, [*(start for start, _end in spans), len(text)])
            )
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, HIDDEN)
        return hidden_in_urls(text)


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogatepass")
