# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be hidden, and what must not."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import FIELDS
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import (
    HIDDEN,
    PUBLIC,
    Redactor,
    hide_secret_keys,
    is_masked,
    looks_secret,
    secrets_in,
)

SECRET_KEYS = [
    "token", "apiToken", "api_token", "API_KEY", "apiKey", "client-secret", "clientSecret", "password", "Password", "passwd",
    "passphrase", "pat", "privateKey", "webhookSecret", "accessToken", "Authorization", "bearer", "jwt", "credentials",
    "sharedKey", "signing_key", "secrets", "refresh.token", "sessionCookie", "bearerToken", "secretKey", "webhook_auth_key",
]  # fmt: skip
PLAIN_KEYS = [
    "name", "organizationId", "tokenId", "token_id", "api_key_id", "api_key_type", "credentials_file", "webhook_auth_key_id",
    "key", "keyboard", "path", "patch", "repositories", "hostname", "secretary", "tokenizer", "runStage", "passive", "author",
    "compass", "monkey", "token_type", "token_url", "credentials_applied",
]  # fmt: skip


@pytest.mark.parametrize("blank", ["", " ", "   \n", "\t \t"])
def test_a_blank_secret_masks_nothing(blank: str) -> None:
    assert Redactor([blank, "secret"]).text("a b   c is empty") == "a b   c is empty"


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_secret_is_recognised_by_its_key(key: str) -> None:
    assert looks_secret(key)


@pytest.mark.parametrize("key", PLAIN_KEYS)
def test_a_harmless_key_is_left_alone(key: str) -> None:
    assert not looks_secret(key)


@pytest.mark.parametrize("mask", ["********", "***", "  *****  ", "\u2022\u2022\u2022\u2022", "<redacted>", "REDACTED", "$encrypted$",
                                  "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "****1234"])  # fmt: skip
def test_a_masked_value_is_recognised(mask: str) -> None:
    assert is_masked(mask)


@pytest.mark.parametrize("value", ["", "*", "**bold**", "s3cret", "redacted for print", None, 7, ["***"], "a ***"])
def test_an_ordinary_value_does_not_count_as_masked(value: Any) -> None:
    assert not is_masked(value)


def test_values_under_secret_keys_are_hidden_at_any_depth_unless_empty() -> None:
    shown = hide_secret_keys(
        {"a": [{"token": "t", "deep": {"apiKey": 7, "name": "n"}}], "password": "", "secret": None, "credentials": {"x": 1}, "pat": False}
    )
    assert shown["a"] == [{"token": HIDDEN, "deep": {"apiKey": HIDDEN, "name": "n"}}]
    assert shown["credentials"] == {"x": HIDDEN}
    assert (shown["password"], shown["secret"], shown["pat"]) == ("", None, False)


def test_every_text_under_a_secret_key_is_found() -> None:
    tree = {"unique_properties": {"apiToken": "one", "list": [{"secret": ["two", {"more": "three"}]}], "name": "four", "pat": "********"}}
    assert sorted(secrets_in(tree)) == ["one", "three", "two"]


def test_public_parts_of_credentials_are_not_secret() -> None:
    given = {"client_id": "app", "username": "jfrog", "type": "BASIC", "webhook_auth_key_id": "7", "password": "one", "tokn": "two"}
    assert sorted(secrets_in({"data_sources": [{"credentials": given}]})) == ["one", "two"]
    assert sorted(secrets_in({"credentials": {"clientId": "app", "clientSecret": "one"}})) == ["one"]
    # Elsewhere a name does not make it public.
    assert sorted(secrets_in({"token": {"username": "one"}, "credentials": {"token": {"type": "two"}}})) == ["one", "two"]
    table = {f.option.partition(".")[2] for f in FIELDS if f.option.startswith("credentials.") and not f.secret}
    assert table == set(PUBLIC)


def test_a_number_under_a_secret_key_is_a_secret_too() -> None:
    """YAML makes an unquoted token of digits a number."""
    assert [str(found) for found in secrets_in({"apiToken": 1234567890})] == ["1234567890"]


# No digits and no letters a to f: JSON's own escapes (\\u000f) are not the secret.
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="0123456789abcdefABCDEFu*"), min_size=3, max_size=30).filter(
    lambda s: len(s.strip()) > 2
)


@given(SECRETS, st.text(max_size=20), st.text(max_size=20))
def test_a_known_secret_leaves_no_trace_as_written_quoted_or_escaped(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
        assert form not in redactor.text(f"<{form}>").replace(HIDDEN, "")
    told = redactor.value([before + secret + after, {secret: [secret]}])
    for shown in (told[0], *told[1], *told[1].values()):
        assert secret not in str(shown).replace(HIDDEN, "")


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="\u3164\u115f\u1160\uffa0"), max_size=50))
def test_text_without_secrets_is_unchanged(text: str) -> None:
    assert "://" in text or "::" in text or "##" in text or Redactor().text(text) == text


def test_the_longer_of_two_secrets_is_replaced_first() -> None:
    assert Redactor(["abc", "abcdef"]).text("abcdef") == HIDDEN


def test_a_secret_of_one_or_two_characters_is_not_masked() -> None:
    assert Redactor(["a", "de", None, ""]).text("a deed") == "a deed"


@pytest.mark.parametrize("url", ["https://user:pw@git.example.com/x", "ssh://job:pw@git.example.com", "https://pw@git.example.com"])
def test_the_user_part_of_a_url_is_hidden(url: str) -> None:
    assert "pw" not in Redactor().text(f"cloning {url} failed")
    assert "git.example.com" in Redactor().text(f"cloning {url} failed")


def test_a_token_in_a_urls_query_is_hidden_and_the_rest_stays() -> None:
    said = Redactor().text("GET https://api.example.com/x?branch=main&token=cnry-1;api_key=cnry-2#top failed")
    assert said == "GET https://api.example.com/x?branch=main&token=********;api_key=********#top failed"
