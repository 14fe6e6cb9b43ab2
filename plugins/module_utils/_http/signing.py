# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 1, the headers that say who is calling.
from __future__ import annotations

import hashlib
import secrets
import string
import time

_NONCE_ALPHABET = string.ascii_letters + string.digits
NONCE_LENGTH = 64


def standard_headers(key_id: str, key: str) -> dict[str, str]:
    """Headers of a Standard key (contract 1.2): the key itself, without a scheme word."""
    return {"x-xdr-auth-id": key_id, "Authorization": key}


def advanced_headers(key_id: str, key: str) -> dict[str, str]:
    """Headers of an Advanced key (contract 1.3): SHA-256 of key, nonce and millisecond timestamp. To be made anew for every attempt."""
    nonce = "".join(secrets.choice(_NONCE_ALPHABET) for _unused in range(NONCE_LENGTH))
    timestamp = str(time.time_ns() // 1_000_000)
    signature = hashlib.sha256(f"{key}{nonce}{timestamp}".encode()).hexdigest()
    return {"x-xdr-auth-id": key_id, "x-xdr-nonce": nonce, "x-xdr-timestamp": timestamp, "Authorization": signature}


def collector_headers(token_id: str, token: str) -> dict[str, str]:
    """Headers of a collector's own token (contract 1.6). Never sent together with those of a tenant key."""
    return {"x-crtx-auth-id": token_id, "Authorization": token}
