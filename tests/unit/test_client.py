# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests over real HTTP: which outcomes are repeated, and how failures are reported."""

from __future__ import annotations

import email.utils
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calling_client import OK, PATH, ClientOf, ask, refusal
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Handler, Say, ScriptedServer, cut_off, drip, hang_up, silence, zipped

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError, words_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import responses as _responses
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import retry as _retry
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.call import Call
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.signing import CollectorToken

THROTTLED = {"reply": {"err_code": 429, "err_msg": "Too many requests.", "err_extra": None}}
VERBS = ("GET", "PUT", "DELETE", "POST")

pytestmark = pytest.mark.usefixtures("quick_pauses")


# -- the retry table


@pytest.mark.parametrize("method", VERBS)
def test_a_429_is_repeated_for_every_verb(client_of: ClientOf, method: str) -> None:
    with ScriptedServer(Say(429, THROTTLED), Say(429, THROTTLED), OK) as server:
        assert ask(client_of(server.url), method).body == {"id": "1"}
        assert [r.method for r in server.requests] == [method] * 3


@pytest.mark.parametrize("said", ["Too many requests.", "Rate limit exceeded, slow down"])
def test_a_rate_limit_with_another_status_is_recognised_by_its_message(client_of: ClientOf, said: str) -> None:
    with ScriptedServer(Say(400, {"reply": {"err_code": 400, "err_msg": said}}), OK) as server:
        assert ask(client_of(server.url), "POST").status == 200
        assert len(server.requests) == 2


AMBIGUOUS = {
    "502": Say(502, "bad gateway"),
    "503": Say(503, "unavailable"),
    "504": Say(504, "too late"),
    "no response": hang_up,
    "half an answer": cut_off,
    "broken JSON": Say(200, '{"data": [{"id": "1"'),
}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_safe_verbs_are_repeated_after_an_ambiguous_outcome(client_of: ClientOf, method: str, fault: str) -> None:
    with ScriptedServer(AMBIGUOUS[fault], OK) as server:
        assert ask(client_of(server.url), method).body == {"id": "1"}
        assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [*AMBIGUOUS, "500"])
def test_a_creation_that_may_have_been_carried_out_is_not_sent_again(client_of: ClientOf, fault: str) -> None:
    with ScriptedServer(AMBIGUOUS.get(fault, Say(500, "<html>oops</html>")), OK) as server:
        error = refusal(client_of(server.url), "POST")
        assert len(server.requests) == 1
    assert error.ambiguous
    assert error.details()["outcome_unknown"] is True
    assert "may have carried it out" in str(error)


@pytest.mark.parametrize("method", VERBS)
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 422])
def test_a_clear_refusal_is_not_repeated(client_of: ClientOf, method: str, status: int) -> None:
    with ScriptedServer(Say(status, {"message": "no"}), OK) as server:
        error = refusal(client_of(server.url), method)
        assert len(server.requests) == 1
    assert (error.status, error.ambiguous) == (status, False)


def test_a_refused_connection_counts_as_never_sent(client_of: ClientOf) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    error = refusal(client_of(f"http://127.0.0.1:{port}", retry_deadline=120.0), "POST")
    assert time.monotonic() - began < 3
    assert error.attempts == 3
    assert not error.ambiguous
    assert f"cannot connect to 127.0.0.1:{port}: " in str(error)
    assert "Connection refused" in str(error)


def test_every_attempt_has_a_new_signature(client_of: ClientOf) -> None:
    with ScriptedServer(Say(503), Say(429, THROTTLED), OK) as server:
        ask(client_of(server.url, api_key_type="advanced"))
        seen = [r.headers for r in server.requests]
    assert len(seen) == 3
    for header in ("x-xdr-nonce", "Authorization"):
        assert len({headers[header] for headers in seen}) == 3


def test_every_attempt_sends_the_same_body(client_of: ClientOf) -> None:
    with ScriptedServer(Say(429, THROTTLED), OK) as server:
        ask(client_of(server.url), "POST")
        assert [r.body for r in server.requests] == [b'{"type": "GITLAB"}'] * 2


# -- deadlines


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured_in_both_forms(client_of: ClientOf, form: str) -> None:
    when = "1" if form == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)
    with ScriptedServer(Say(429, THROTTLED, {"Retry-After": when}), OK) as server:
        began = time.monotonic()
        ask(client_of(server.url))
        assert 0.9 < time.monotonic() - began < 2.5
        assert len(server.requests) == 2


@pytest.mark.parametrize("unusable", ["soon", "", "-5", "nan"])
def test_an_unreadable_retry_after_is_ignored(client_of: ClientOf, unusable: str) -> None:
    with ScriptedServer(Say(429, THROTTLED, {"Retry-After": unusable}), OK) as server:
        assert ask(client_of(server.url)).status == 200


def test_retry_after_does_not_extend_the_deadline(client_of: ClientOf) -> None:
    with ScriptedServer(Say(429, THROTTLED, {"Retry-After": "3600"})) as server:
        began = time.monotonic()
        error = refusal(client_of(server.url, retry_deadline=1.0))
        assert time.monotonic() - began < 1
    assert error.status == 429
    assert "Too many requests." in str(error)


def test_a_call_ends_at_its_deadline_and_reports_its_attempts(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_retry.random, "uniform", lambda _low, _high: 0.2)
    with ScriptedServer(Say(503, {"message": "maintenance"})) as server:
        began = time.monotonic()
        error = refusal(client_of(server.url, retry_deadline=1.0))
        assert 0.5 < time.monotonic() - began < 1.5
    assert error.attempts == len(server.requests) > 2
    assert f"HTTP 503 maintenance (GET {PATH}, {error.attempts} attempts)" in str(error)


@pytest.mark.parametrize("silent", [silence, drip(), drip(500), drip(302, Location="https://elsewhere.example.com/")])
def test_an_endless_response_is_abandoned_at_the_deadline(client_of: ClientOf, silent: Callable[[Handler], None]) -> None:
    with ScriptedServer(silent) as server:
        began = time.monotonic()
        refusal(client_of(server.url, request_timeout=0.5, retry_deadline=1.0), "POST")
        assert time.monotonic() - began < 4


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("pieces", [1, 5, 20])
def test_a_compressed_response_is_read_completely_however_it_arrives(client_of: ClientOf, pieces: int, chunked: bool) -> None:
    """If it were cut off, it would be a shorter list of data sources."""
    body = {"data": [{"id": str(n), "name": f"source {n}"} for n in range(2000)]}
    with ScriptedServer(zipped(json.dumps(body).encode(), pieces, chunked)) as server:
        assert ask(client_of(server.url)).body == body
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 400, 302])
def test_a_response_that_is_too_large_is_not_read_completely(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(_responses, "MOST_BYTES", 100_000)
    headers = {"Location": "https://elsewhere.example.com/"} if status == 302 else {}
    with ScriptedServer(Say(status, b" " * 5_000_000, headers)) as server:
        error = refusal(client_of(server.url))
        assert len(server.requests) == 1
    assert "larger than 100000 bytes" in str(error) or (status == 302 and "redirects are not followed" in str(error))


# -- redirects, proxies and credentials


def test_a_redirect_is_not_followed_and_the_other_host_sees_nothing(client_of: ClientOf) -> None:
    with ScriptedServer(OK) as other, ScriptedServer(Say(302, "", {"Location": f"{other.url}/login"})) as server:
        error = refusal(client_of(server.url))
        assert len(server.requests) == 1
        assert other.requests == []
    assert f"redirects to 127.0.0.1:{other.port}; redirects are not followed" in str(error)


@pytest.mark.parametrize("location", ["http://[::1", "http://user:secret@other.example.com/", "\u20ac", "", "//", "https://a..b/"])
def test_every_redirect_gives_one_clear_line(client_of: ClientOf, location: str) -> None:
    def redirect(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 307 Moved\r\nContent-Length: 0\r\nLocation: " + location.encode() + b"\r\n\r\n")

    with ScriptedServer(redirect) as server:
        error = refusal(client_of(server.url))
    assert "redirects are not followed" in str(error)
    assert "secret" not in str(error)


def test_a_netrc_entry_never_replaces_the_signature(client_of: ClientOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with ScriptedServer(OK) as server:
        ask(client_of(server.url, api_key_type="standard"))
        ask(client_of(server.url), auth=CollectorToken("t-1", "the-token"))
        first, second = (r.headers for r in server.requests)
    assert (first["Authorization"], first["x-xdr-auth-id"]) == ("the-tenant-key", "7")
    assert (second["Authorization"], second["x-crtx-auth-id"]) == ("the-token", "t-1")
    assert "x-xdr-auth-id" not in second


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """The proxy that the environment names for all hosts; it refuses every request."""
    with ScriptedServer(Say(502, "no")) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, server.url)
            monkeypatch.setenv(name.lower(), server.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield server


def test_a_proxy_from_the_environment_is_used_and_named_if_it_refuses(client_of: ClientOf, proxy: ScriptedServer) -> None:
    error = refusal(client_of("https://tenant.example.com"))
    assert [(r.method, r.path) for r in proxy.requests] == [("CONNECT", "tenant.example.com:443")] * 3
    assert not any("authorization" in name.lower() for r in proxy.requests for name in r.headers)
    assert "the proxy for tenant.example.com does not answer or refuses" in str(error)
    assert "HTTPS_PROXY" in str(error)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "[::1]"])
def test_plain_http_never_uses_a_proxy(client_of: ClientOf, proxy: ScriptedServer, host: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "cannot connect to" in str(refusal(client_of(f"http://{host}:{port}")))
    with ScriptedServer(OK) as server:
        assert ask(client_of(server.url)).body == {"id": "1"}
    assert proxy.requests == []


@pytest.mark.parametrize("missing", ["api_key", "api_key_id"])
def test_without_a_key_nothing_is_sent(client_of: ClientOf, missing: str) -> None:
    with ScriptedServer(OK) as server:
        with pytest.raises(InputError, match=rf"^{missing} \(or CORTEXCLOUD_{missing.upper()}\) not set"):
            ask(client_of(server.url, **{missing: ""}))
        assert server.requests == []


@pytest.mark.parametrize("key", ["line\nbreak", "caf\u00e9", "carriage\rreturn"])
def test_an_invalid_key_is_refused_and_not_shown(client_of: ClientOf, key: str) -> None:
    with ScriptedServer(OK) as server:
        with pytest.raises(InputError, match="copy it again") as refused:
            ask(client_of(server.url, api_key=key))
        assert server.requests == []
    assert key not in str(refused.value)


def test_an_invalid_collector_token_is_refused_too(client_of: ClientOf) -> None:
    with ScriptedServer(OK) as server:
        with pytest.raises(InputError) as refused:
            ask(client_of(server.url), "POST", auth=CollectorToken("t-1", "line\nbreak"))
        assert server.requests == []
    assert "line" not in str(refused.value).replace("line break", "")


@pytest.mark.parametrize("option", ["request_timeout", "retry_deadline"])
def test_an_absurd_number_of_seconds_causes_no_traceback(client_of: ClientOf, option: str) -> None:
    with ScriptedServer(OK) as server, pytest.raises(InputError, match=rf"^{option} must be a number above 0 and at most \d+"):
        ask(client_of(server.url, **{option: 1e300}))


# -- messages


SHAPES = {
    "gateway": ({"reply": {"err_code": 400, "err_msg": "Bad thing", "err_extra": None}}, "Bad thing"),
    "gateway with a text": ({"reply": {"err_msg": "Bad thing", "err_extra": "since noon"}}, "Bad thing [since noon]"),
    "gateway with a list": (
        {"reply": {"err_msg": "Bad thing", "err_extra": [{"type": "missing", "loc": ["body", "type"], "msg": "field required"}]}},
        "Bad thing [body.type: field required]",
    ),
    "gateway with a list that has no place": ({"reply": {"err_msg": "Bad thing", "err_extra": [{"loc": None, "msg": "odd"}]}}, "odd"),
    "gateway with a place as text": ({"reply": {"err_msg": "Bad thing", "err_extra": [{"loc": "body", "msg": "odd"}]}}, "body: odd"),
    "service": (
        {"errorCode": "ValidateError", "message": "Validation Failed", "details": {"requestBody.type": {"message": "unknown"}}},
        "Validation Failed [requestBody.type: unknown]",
    ),
    "service, older": (
        {"errorCode": "404", "message": "Resource not found", "details": {"params": {"message": "id"}}},
        "Resource not found [params: id]",
    ),
    "mock": ({"error": "not here"}, "not here"),
    "data": ({"data": {"err_msg": "Bad thing", "metadata": {"err_code": 1, "err_extra": "more"}}}, "Bad thing [more]"),
    "root": ({"err_code": 400, "err_msg": "Bad thing", "metadata": {"err_extra": ["a", "b"]}}, "Bad thing [a; b]"),
    "plain text": ("Access denied\nby the gateway", "Access denied by the gateway"),
    "HTML": ("<html><body>Forbidden</body></html>", "Forbidden"),
    "unknown object": ({"oops": 1}, '{"oops": 1}'),
    "bare list": (["no"], '["no"]'),
    "nothing": ("", "Bad Request"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_message_of_the_api_is_found_in_every_shape(client_of: ClientOf, shape: str) -> None:
    body, words = SHAPES[shape]
    with ScriptedServer(Say(400, body)) as server:
        error = refusal(client_of(server.url))
    assert str(error).startswith("Cannot list data sources: HTTP 400 ")
    assert words in str(error)
    assert f"(GET {PATH})" in str(error)


def test_an_html_page_fails_at_once(client_of: ClientOf) -> None:
    """Repeating the request for two minutes would not help."""
    with ScriptedServer(Say(200, "<!DOCTYPE html><html><title>Sign in</title></html>", {"Content-Type": "text/html"})) as server:
        error = refusal(client_of(server.url))
        assert len(server.requests) == 1
    assert "the response is not JSON" in str(error)
    assert "not the console's?" in str(error)


def test_an_empty_response_has_no_body(client_of: ClientOf) -> None:
    with ScriptedServer(Say(204)) as server:
        answer = ask(client_of(server.url), "DELETE")
    assert (answer.status, answer.body) == (204, None)


def test_a_deeply_nested_response_causes_no_traceback(client_of: ClientOf) -> None:
    with ScriptedServer(Say(200, b"[" * 200_000)) as server:
        assert "not JSON" in str(refusal(client_of(server.url, retry_deadline=0.5)))


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "the key has expired"), (402, "licence"), (403, "View/Edit"), (404, "Is api_url the API URL"), (429, "requests_per_second")],
)
def test_a_refusal_says_what_to_do(client_of: ClientOf, status: int, hint: str) -> None:
    with ScriptedServer(Say(status, {"reply": {"err_code": status, "err_msg": "no"}})) as server:
        assert hint in str(refusal(client_of(server.url, retry_deadline=0.1)))


@pytest.mark.parametrize(("ahead", "word"), [(400, "behind"), (-400, "ahead of")])
def test_a_401_mentions_a_wrong_clock(client_of: ClientOf, ahead: int, word: str) -> None:
    def refuse(handler: Handler) -> None:
        # The server's own Date would come first: written by hand.
        date = email.utils.formatdate(time.time() + ahead, usegmt=True)
        handler.wfile.write(f"HTTP/1.1 401 No\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode())

    with ScriptedServer(refuse) as server:
        error = refusal(client_of(server.url))
    found = re.search(r"clock of this machine is (\d+) s (behind|ahead of)", str(error))
    assert found
    assert abs(int(found[1]) - 400) <= 3
    assert found[2] == word


# -- any response whatsoever


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["reply", "data", "err_msg", "message", "error", "detail", "details", "err_extra", "metadata", "loc", "msg", "x"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)


@given(JSON, st.text(max_size=20))
def test_an_error_of_any_shape_gives_a_message(body: Any, text: str) -> None:
    assert isinstance(words_of(body, text), str)


# -- what the request budget learns


def shared_state(tmp_path: Path) -> Any:
    (path,) = (tmp_path / "rate").glob("*.json")
    return json.loads(path.read_text())


def test_a_request_departs_when_it_is_connected(client_of: ClientOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow name service is not part of the round trip."""
    resolve = socket.getaddrinfo

    def slowly(*args: Any, **more: Any) -> Any:
        time.sleep(0.2)
        return resolve(*args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with ScriptedServer(OK) as server:
        client = client_of(server.url, requests_per_second=1.0)
        for again in (False, True):
            ask(client, "GET")
            state = shared_state(tmp_path)
            ((_ticket, _host, granted, departed, answered, fresh),) = state["slots"]
            assert departed - granted < 0.2 if again else 0.2 <= departed - granted < 0.5
            assert 0 < answered - departed < 0.2
            assert fresh is not again
            assert len(state["trips"]) == 1 + again
            assert state["trips"][-1] == pytest.approx(answered - departed, abs=0.05)


def test_updates_give_no_round_trip_and_large_bodies_no_departure(client_of: ClientOf, tmp_path: Path) -> None:
    with ScriptedServer(OK) as server:
        client = client_of(server.url, requests_per_second=1.0)
        ask(client, "PUT")
        state = shared_state(tmp_path)
        assert state["trips"] == []
        assert state["slots"][0][3] is not None
        client.send(Call("POST", PATH, "upload", raw=b"x" * 200_000))
        assert shared_state(tmp_path)["slots"][0][3] is None
