# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of status words of instances, and the reasons for a status. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .._errors import WORDS_SHOWN

HEALTH = ("healthy", "unhealthy", "pending", "unknown")


@dataclasses.dataclass(frozen=True)
class Status:
    """The meaning of a status word.

    health: one of HEALTH.
    says: the word in plain English.
    ends: how it ends the wait for another word: "failed" at once, "warned" with a warning, "" not at all.
    waits: whether the instance may be waiting for a person, such as for consent to the connection.
    """

    health: str = "unknown"
    says: str = ""
    ends: str = ""
    waits: bool = False


# The published words (docs/api.md: instance.status). Any other says nothing, and never counts as healthy.
STATUSES = {
    "COMPLETED": Status("healthy", "it is set up and works"),
    "CONNECTED": Status("healthy", "it is connected"),
    "WARNING": Status("unhealthy", "it works, with warnings", ends="warned"),
    "ERROR": Status("unhealthy", "it needs attention", ends="failed"),
    "DISABLED": Status("unhealthy", "it is disabled and scans nothing", ends="failed"),
    "TRANSPORTER_CONNECTION_DISABLED": Status(
        "unhealthy", "its transporter's connection is disabled", ends="failed"
    ),
    "PENDING": Status("pending", "it is being set up and not active yet", waits=True),
    "TEMPORARY": Status("pending", "its set-up is not finished"),
    "DESTROYING": Status("pending", "it is being removed", ends="failed"),
}
# The words that a wait ends with, unless others are given.
GOOD = tuple(word for word, status in STATUSES.items() if status.health == "healthy")


def status_of(word: object) -> Status:
    """The meaning of a word, in upper or lower case."""
    upper = str(word or "").upper()
    # An unknown word that contains a waiting one, such as CONSENT_PENDING, may wait for a person too.
    waits = any(status.waits and known in upper for known, status in STATUSES.items())
    return STATUSES.get(upper) or Status(waits=waits)


def reasons(details: t.Any) -> str:
    """The reasons for a status in the tenant's words, on one line, such as "connection is INVALID (Token
    expired: HTTP 401)"; empty when it does not say.

    details: status_details, in the shape of the options. Lists the components that are not VALID or have an
        error; if there are none, all with a message.
    """
    components = list(details.items()) if isinstance(details, dict) else []
    wrong = [(name, one) for name, one in components if one.get("status") != "VALID" or one.get("error")]
    texts = []
    for name, one in wrong or [(name, one) for name, one in components if one.get("message")]:
        words = ": ".join(filter(None, (str(one.get(key) or "").rstrip(".") for key in ("message", "error"))))
        texts.append(f"{name} is {one.get('status') or 'not known'}{f' ({words})' if words else ''}")
    return " ".join(", ".join(texts).split())[:WORDS_SHOWN]
