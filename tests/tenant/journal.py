# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests that the tenant received and its responses, without secrets."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

HIDDEN = "***"
SECRET_KEY = re.compile(
    r"pass(word|phrase|wd)?$|secret|token|(api|access|auth|private)_?key|credential|certificate",
    re.IGNORECASE,
)
USERINFO = re.compile(r"(?<=//)[^/@\s]*@")
# Of a longer list only the length is recorded: copying 10,000 items for each request would slow the tenant down.
LONGEST_LIST = 1000


@dataclass(frozen=True)
class Entry:
    """One request and its response.

    `at` is ISO 8601. `auth` is the id of the key or token that the request named, if the tenant knows it. `query` maps a name to its
    value, or to a list if it was repeated. A body is parsed JSON with secrets as `***`, with three exceptions: a SARIF document is
    {"sarif": {"bytes", "sha256", "results"}}, with results None if it was refused; a list of more than 1000 objects is
    {"items": count}; a body that is not JSON is {"unreadable": its length in bytes}.
    """

    at: str
    method: str
    path: str
    query: dict[str, Any]
    auth: str | None
    status: int
    request_body: Any
    response_body: Any


def is_secret_key(key: str) -> bool:
    """Whether the name of a member suggests that its value is a secret. The ids of keys and tokens are none."""
    return bool(SECRET_KEY.search(key)) and not re.search(r"_?id$", key, re.IGNORECASE)


class Redactor:
    """Hides the given secrets, values with secret-looking names, and what a request sent as a credential or in an unknown field."""

    # What may be shown of a request body. Everything else is hidden, misspelt fields included.
    SHOWN = {
        "type": None, "domain": {"hostname": None, "protocol": None}, "credentials": {"type": None}, "selectionType": None, "state": None,
        "externalProjects": None, "uniqueProperties": None, "transporter": {"brokerDeviceId": None, "connectionName": None},
    }

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted((re.escape(secret) for secret in secrets), key=len, reverse=True)
        self._known_secret = re.compile("|".join(known)) if known else None

    def text(self, value: str) -> str:
        if self._known_secret:
            value = self._known_secret.sub(HIDDEN, value)
        return USERINFO.sub(f"{HIDDEN}@", value)

    def tree(self, value: Any, key: str = "") -> Any:
        """A copy of a response body, or of part of a request body, with secrets hidden."""
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.tree(item, str(name)) for name, item in value.items()}
        if isinstance(value, list):
            if len(value) > LONGEST_LIST and isinstance(value[0], Mapping):
                return {"items": len(value)}
            return [self.tree(item, key) for item in value]
        if isinstance(value, str):
            return HIDDEN if is_secret_key(key) else self.text(value)
        return HIDDEN if is_secret_key(key) and value is not None else value

    def request(self, body: Any) -> Any:
        """A copy of a create or update body."""
        return self._known(body, self.SHOWN)

    def _known(self, value: Any, shown: Mapping[str, Any]) -> Any:
        if not isinstance(value, Mapping):
            return HIDDEN
        result = {}
        for name, item in value.items():
            if name not in shown:
                result[self.text(str(name))] = HIDDEN
            elif shown[name] is None:
                # An object of any form; a text in its place may be anything.
                result[name] = HIDDEN if name == "uniqueProperties" and not isinstance(item, Mapping) else self.tree(item)
            else:
                result[name] = self._known(item, shown[name])
        return result


def sent_secrets(body: Any) -> list[str]:
    """The credentials in a request body, so that they are hidden in a response that repeats one."""
    if not isinstance(body, Mapping):
        return []
    credentials = body.get("credentials")
    values = [value for name, value in credentials.items() if name != "type"] if isinstance(credentials, Mapping) else [credentials]
    return [value for value in (*values, body.get("selfSignedCertificate")) if isinstance(value, str) and len(value) >= 8]
