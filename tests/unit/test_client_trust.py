# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client never shows, and which certificates it trusts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from calling_client import OK, ClientOf, ask, refusal
from scripted_server import Handler, Say, ScriptedServer

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.signing import CollectorToken
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.throttle import Throttle

pytestmark = pytest.mark.usefixtures("quick_pauses")


# -- secrets


KEY = 'K3y"with\\odd/char+acters'


def echoes(key: str) -> dict[str, Say]:
    return {
        "in the words": Say(400, {"message": f"key {key} is unknown"}),
        "in the details": Say(422, {"message": "no", "details": {"requestBody.x": {"message": f"got {key}"}}}),
        "in an unknown object": Say(400, {"oops": {"you sent": key}}),
        "in plain text": Say(400, f"key {key} is unknown"),
        "in a page on 200": Say(200, f"<html>{key}</html>"),
        "across the cut of a long text": Say(400, {"message": "x" * 590 + key + "y" * 100}),
        "across the cut of a page": Say(200, "x" * 110 + key + "y" * 100),
        "URL-quoted": Say(400, {"message": f"key {quote(key, safe='')} is unknown"}),
    }


@pytest.mark.parametrize("where", echoes(KEY))
def test_a_secret_that_the_tenant_repeats_is_not_shown(client_of: ClientOf, where: str) -> None:
    with ScriptedServer(echoes(KEY)[where]) as server:
        error = refusal(client_of(server.url, api_key=KEY, retry_deadline=0.2))
    told = f"{error} {error.details()}"
    # Not even the beginning of it.
    assert KEY[:4] not in told


def test_a_collector_token_is_redacted_too(client_of: ClientOf) -> None:
    with ScriptedServer(Say(400, {"message": "token the-collector-token?"})) as server:
        error = refusal(client_of(server.url), "POST", auth=CollectorToken("t-1", "the-collector-token"))
    assert "the-collector-token" not in str(error)


# -- whom to trust


@pytest.fixture(scope="module")
def authority() -> Any:
    import trustme

    return trustme.CA()


def tls_of(authority: Any, name: str, **options: Any) -> Any:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **options).configure_cert(context)
    return context


@pytest.fixture
def ca_path(authority: Any, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


def test_a_private_authority_is_trusted_by_ca_path(client_of: ClientOf, authority: Any, ca_path: str) -> None:
    with ScriptedServer(OK, tls=tls_of(authority, "127.0.0.1")) as server:
        assert ask(client_of(server.url, ca_path=ca_path)).status == 200


def test_an_untrusted_certificate_gives_a_hint(client_of: ClientOf, authority: Any) -> None:
    with ScriptedServer(OK, tls=tls_of(authority, "127.0.0.1")) as server:
        error = refusal(client_of(server.url))
        assert server.requests == []
    assert "no trusted TLS connection" in str(error)
    assert "ca_path" in str(error)
    assert str(error).count("(") == str(error).count(")")


def test_a_certificate_of_another_host_is_refused(client_of: ClientOf, authority: Any, ca_path: str) -> None:
    with ScriptedServer(OK, tls=tls_of(authority, "other.example.com")) as server:
        error = refusal(client_of(server.url, ca_path=ca_path))
        assert server.requests == []
    assert "127.0.0.1" in str(error)


def test_an_expired_certificate_is_refused(client_of: ClientOf, authority: Any, ca_path: str) -> None:
    import datetime

    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=2)
    with ScriptedServer(OK, tls=tls_of(authority, "127.0.0.1", not_after=past)) as server:
        assert "expired" in str(refusal(client_of(server.url, ca_path=ca_path)))
        assert server.requests == []


def test_validation_can_be_turned_off_without_output_on_stderr(client_of: ClientOf, authority: Any) -> None:
    with ScriptedServer(OK, tls=tls_of(authority, "127.0.0.1")) as server:
        assert ask(client_of(server.url, validate_certs=False)).status == 200


def test_a_missing_ca_path_is_named(client_of: ClientOf, authority: Any) -> None:
    with ScriptedServer(OK, tls=tls_of(authority, "127.0.0.1")) as server, pytest.raises(InputError, match="does not exist"):
        ask(client_of(server.url, ca_path="/no/such/ca.pem"))


def test_a_missing_file_in_the_variable_of_requests_is_named_too(
    client_of: ClientOf, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURL_CA_BUNDLE", "/no/such/ca.pem")
    with ScriptedServer(OK, tls=tls_of(authority, "127.0.0.1")) as server, pytest.raises(InputError, match="CURL_CA_BUNDLE"):
        ask(client_of(server.url))


def test_a_ca_path_without_a_certificate_gives_one_clear_line(client_of: ClientOf, authority: Any, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate\n")
    with ScriptedServer(OK, tls=tls_of(authority, "127.0.0.1")) as server, pytest.raises((InputError, ApiError)) as refused:
        ask(client_of(server.url, ca_path=str(tmp_path / "ca.pem"), retry_deadline=0.5))
    assert "ca_path" in str(refused.value)


def test_a_response_lost_within_tls_is_not_a_certificate_error(client_of: ClientOf, authority: Any, ca_path: str) -> None:
    def reset(handler: Handler) -> None:
        handler.close_connection = True
        os.close(handler.connection.detach())

    with ScriptedServer(reset, tls=tls_of(authority, "127.0.0.1")) as server:
        error = refusal(client_of(server.url, ca_path=ca_path), "POST")
        assert len(server.requests) == 1
    assert error.ambiguous


@pytest.mark.parametrize("tls", [False, True])
def test_the_first_request_of_a_connection_is_known(
    client_of: ClientOf, authority: Any, ca_path: str, tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh: list[bool] = []
    monkeypatch.setattr(Throttle, "departed", lambda _self, _slot, first: fresh.append(first))
    with ScriptedServer(OK, tls=tls_of(authority, "127.0.0.1") if tls else None) as server:
        one, other = (client_of(server.url, **({"ca_path": ca_path} if tls else {})) for _client in range(2))
        for client in (one, one, one, other):
            ask(client)
    assert fresh == [True, False, False, True]
