# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of an instance's status: what each says, and what the tenant gives as the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.results import summary
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.status import (
    GOOD,
    HEALTH,
    STATUSES,
    reasons,
    status_of,
)

PUBLISHED = yaml.safe_load((Path(__file__).resolve().parents[1] / "tenant" / "openapi.yaml").read_text(encoding="utf-8"))
HEALTH_OF = {
    "COMPLETED": "healthy",
    "CONNECTED": "healthy",
    "DESTROYING": "pending",
    "DISABLED": "unhealthy",
    "ERROR": "unhealthy",
    "PENDING": "pending",
    "TEMPORARY": "pending",
    "TRANSPORTER_CONNECTION_DISABLED": "unhealthy",
    "WARNING": "unhealthy",
}


def test_the_table_has_the_published_words_and_no_other() -> None:
    assert set(PUBLISHED["components"]["schemas"]["Status"]["enum"]) == set(STATUSES) == set(HEALTH_OF)
    assert GOOD == ("COMPLETED", "CONNECTED")
    assert all(status.says and status.health in HEALTH for status in STATUSES.values())


@pytest.mark.parametrize("word", HEALTH_OF)
def test_each_word_has_its_health_however_it_is_spelt(word: str) -> None:
    assert {status_of(spelt).health for spelt in (word, word.lower(), word.title())} == {HEALTH_OF[word]}
    assert summary([{"type": "SNYK", "status": word}])["by_health"] == {HEALTH_OF[word]: 1}


@pytest.mark.parametrize("word", ["FAILED", "DISCONNECTED", "IN_PROGRESS", "CONSENT_PENDING", "NOT_CONNECTED", "", None, 5])
def test_any_other_word_says_nothing_of_the_health(word: Any) -> None:
    assert status_of(word).health == "unknown"
    assert status_of(word).ends == ""


def test_only_words_for_waiting_may_mean_that_a_person_is_waited_for() -> None:
    assert [word for word in (*STATUSES, "CONSENT_PENDING", "ODD") if status_of(word).waits] == ["PENDING", "CONSENT_PENDING"]


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({"c": {"status": "INVALID", "message": "Token expired.", "error": "HTTP 401"}}, "c is INVALID (Token expired: HTTP 401)"),
        ({"c": {"status": "INVALID"}, "d": {"status": "INVALID", "error": "x"}}, "c is INVALID, d is INVALID (x)"),
        ({"c": {"status": "VALID", "message": "fine"}, "d": {"status": "INVALID"}}, "d is INVALID"),
        ({"c": {"status": "VALID", "error": "slow"}, "d": {"status": "VALID", "message": "fine"}}, "c is VALID (slow)"),
        ({"c": {"status": "VALID", "message": "nearly full"}, "d": {"status": "VALID"}}, "c is VALID (nearly full)"),
        ({"c": {"status": "VALID"}}, ""),
        ({"c": {}}, "c is not known"),
        ({"a\nb": {"status": "INVALID", "message": "one\n\ttwo"}}, "a b is INVALID (one two)"),
        ({}, ""),
        (None, ""),
        ("odd", ""),
    ],
)
def test_the_reasons_are_one_line(details: Any, text: str) -> None:
    assert reasons(details) == text


def test_the_reasons_are_not_endless() -> None:
    assert len(reasons({"connection": {"status": "INVALID", "message": "x" * 5000}})) == 600
