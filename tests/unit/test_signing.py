# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both kinds of key, with a signature computed outside Python."""

from __future__ import annotations

import re
import time

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import signing as _signing
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.signing import (
    AdvancedKey,
    CollectorToken,
    StandardKey,
)


def test_a_standard_key_is_sent_unchanged() -> None:
    assert StandardKey("7", "the-key").headers() == {"x-xdr-auth-id": "7", "Authorization": "the-key"}


def test_a_collector_token_has_its_own_header() -> None:
    assert CollectorToken("t-1", "the-token").headers() == {"x-crtx-auth-id": "t-1", "Authorization": "the-token"}


def test_the_signature_of_a_known_nonce_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vector is `printf %s "the-key" "AAA...A (64)" "1700000000123" | sha256sum`."""
    monkeypatch.setattr(_signing.secrets, "choice", lambda _letters: "A")
    monkeypatch.setattr(_signing.time, "time_ns", lambda: 1_700_000_000_123_456_789)
    assert AdvancedKey("7", "the-key").headers() == {
        "x-xdr-auth-id": "7",
        "x-xdr-nonce": "A" * 64,
        "x-xdr-timestamp": "1700000000123",
        "Authorization": "859e8480acb11cc265bdca9c25dd3ccbcd91dd86cccfd0444a5ea843a23ddd27",
    }


def test_every_call_has_a_new_nonce_and_the_current_time() -> None:
    before = time.time()
    made = [AdvancedKey("7", "the-key").headers() for _unused in range(50)]
    assert len({headers["x-xdr-nonce"] for headers in made}) == 50
    assert len({headers["Authorization"] for headers in made}) == 50
    for headers in made:
        assert re.fullmatch(r"[A-Za-z0-9]{64}", headers["x-xdr-nonce"])
        assert re.fullmatch(r"[0-9]{13}", headers["x-xdr-timestamp"])
        assert re.fullmatch(r"[0-9a-f]{64}", headers["Authorization"])
        assert before - 0.001 <= int(headers["x-xdr-timestamp"]) / 1000 <= time.time()


def test_the_key_itself_is_not_among_the_headers_of_an_advanced_key() -> None:
    assert "the-key" not in str(AdvancedKey("7", "the-key").headers())
