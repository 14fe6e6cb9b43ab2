# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenant of a URL (docs/api.md: tenant.url), which is checked before anything is sent."""

from __future__ import annotations

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.connection import (
    Connection,
    origin_of,
)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api-mytenant.xdr.us.paloaltonetworks.com", "https://api-mytenant.xdr.us.paloaltonetworks.com"),
        ("https://api-mytenant.xdr.us.paloaltonetworks.com/", "https://api-mytenant.xdr.us.paloaltonetworks.com"),
        ("  https://api-mytenant.xdr.us.paloaltonetworks.com \n", "https://api-mytenant.xdr.us.paloaltonetworks.com"),
        ("mytenant.xdr.us.paloaltonetworks.com", "https://api-mytenant.xdr.us.paloaltonetworks.com"),
        ("api-mytenant.xdr.us.paloaltonetworks.com", "https://api-mytenant.xdr.us.paloaltonetworks.com"),
        ("API-mytenant.xdr.us.paloaltonetworks.com/", "https://API-mytenant.xdr.us.paloaltonetworks.com"),
        ("mytenant.crtx.ca.paloaltonetworks.com:8443", "https://api-mytenant.crtx.ca.paloaltonetworks.com:8443"),
        # With a scheme it is used as given: no prefix, or the embedded tenant could not be reached.
        ("https://gateway.example.com", "https://gateway.example.com"),
        ("https://gateway.example.com/cortex", "https://gateway.example.com/cortex"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_url_is_used_unchanged_and_a_bare_name_gets_scheme_and_prefix(given: str, used: str) -> None:
    assert origin_of(given) == used


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "api_url is not set"),
        ("   ", "api_url is not set"),
        ("https://user:secret@api-t.example.com", "a user name or password"),
        ("https://user@api-t.example.com", "a user name or password"),
        ("user:secret@t.example.com", "a user name or password"),
        ("https://api-t.example.com?x=1", "a query"),
        ("https://api-t.example.com/#top", "a fragment"),
        ("ftp://api-t.example.com", "must start with https://"),
        ("https://", "no host"),
        ("https:///public", "no host"),
        ("https://api-t.example.com:port", "not a URL"),
        ("https://api-t.example.com:99999", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://api t.example.com", "no host"),
        ("https://api-t.example.com/public_api/appsec/v1", "before /public_api"),
        # One slash too few, which would otherwise become a host called api-https.
        ("https:/api-t.example.com", "api_url"),
        ("https:api-t.example.com", "api_url"),
        # No host name by any rule: known before a request is tried.
        ("https://api-t..example.com", "api_url"),
        ("https://*.example.com", "api_url"),
        # A name would get "api-" in front, a number cannot.
        ("127.0.0.1:18431", "api_url is 127.0.0.1 without a scheme: write http://127.0.0.1:18431"),
        ("localhost:18431", "write http://localhost:18431"),
        ("[::1]:8080", "write http://[::1]:8080"),
        ("https://mytenant.xdr.us.paloaltonetworks.com/settings", "give https://api-mytenant.xdr.us.paloaltonetworks.com, its API URL"),
    ],
)
def test_an_invalid_url_is_refused_in_one_line_without_its_secrets(given: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        origin_of(given)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        "http://api-mytenant.xdr.us.paloaltonetworks.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        # These only look like this machine.
        "http://127.example.com",
        "http://127.0.0.1.example.com",
    ],
)
def test_plain_http_is_for_this_machine_only(given: str) -> None:
    with pytest.raises(InputError, match="plain http"):
        origin_of(given)


@pytest.mark.parametrize(
    ("api_url", "expected"),
    [
        ("https://api-prod.example.com", "api-prod.example.com"),
        ("https://api-prod.example.com", "prod.example.com"),
        ("https://api-prod.example.com", "PROD.example.com"),
        ("https://api-prod.example.com", " https://api-prod.example.com/ "),
        ("https://api-prod.example.com", "api-prod.example.com:443"),
        ("prod.example.com", "api-prod.example.com"),
        ("http://127.0.0.1:8080", "127.0.0.1"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
    ],
)
def test_any_spelling_of_the_expected_tenant_is_accepted(api_url: str, expected: str) -> None:
    assert origin_of(api_url, expected)


@pytest.mark.parametrize(
    ("api_url", "expected"),
    [
        ("https://api-test.example.com", "prod.example.com"),
        ("https://api-prod.example.com.evil.example", "prod.example.com"),
        ("https://prod.example.com", "od.example.com"),
        ("http://127.0.0.1:8080", "127.0.0.1:9090"),
        ("https://api-api-prod.example.com", "prod.example.com"),
    ],
)
def test_a_tenant_other_than_the_expected_one_is_refused_with_both_names(api_url: str, expected: str) -> None:
    with pytest.raises(InputError, match="nothing was sent") as refused:
        origin_of(api_url, expected)
    assert expected in str(refused.value)


def test_a_connection_never_prints_its_key() -> None:
    assert "the-key" not in repr(Connection(api_key="the-key"))
