# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of what a server can cost: an attempt ends at its deadline, and a response has a maximum size, also decompressed."""

from __future__ import annotations

import contextlib
import gc
import gzip
import json
import os
import random
import socket
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from calling_client import OK, ClientOf, ask, refusal
from scripted_server import Handler, Say, ScriptedServer, silence

from ansible_collections.cortex_cloud.appsec.plugins.module_utils import _api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import client as _client
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import responses as _responses
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import watchdog as _watchdog
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.call import Call

pytestmark = pytest.mark.usefixtures("quick_pauses")

# The deadline comes after some 30 drops, and the server gives up after ten times as many.
SHORT = {"request_timeout": 0.3, "retry_deadline": 0.6}
NEED, DROP_SECONDS = 30, 0.02
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class Dripping:
    """As a context manager: a server that sends `begins`, and then `drop` now and then; before that, `first` to an earlier request."""

    def __init__(self, begins: bytes, drop: bytes, first: bytes = b"") -> None:
        self.first, self.begins, self.drop, self.drops = first, begins, drop, list[int]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                self.drops.append(0)
                with contextlib.suppress(OSError), connection:
                    connection.recv(65536)
                    if self.first:
                        connection.sendall(self.first)
                        connection.recv(65536)
                    connection.sendall(self.begins)
                    while self.drops[-1] < 10 * NEED:
                        connection.sendall(self.drop)
                        self.drops[-1] += 1
                        time.sleep(DROP_SECONDS)

    def __enter__(self) -> Dripping:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._listener.close()


DRIPS = {
    "status line": (b"HTTP/1.1 200 ", b"a"),
    "header line": (HEAD + b"X: ", b"a"),
    "100 Continue without end": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "size of a chunk": (HEAD + CHUNKED, b"0"),
    "size of a chunk, connection closing": (HEAD + b"Connection: close\r\n" + CHUNKED, b"0"),
    "headers after the last chunk": (HEAD + CHUNKED + b"0\r\n", b"a: b\r\n"),
    "body": (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "body that ends with the connection": (HEAD + b"\r\n", b" "),
    "packed body": (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n" + gzip.compress(b"[]")[:10], b"\0"),
}


@pytest.mark.parametrize("what", DRIPS)
def test_a_slowly_dripping_response_does_not_delay_a_create(client_of: ClientOf, what: str) -> None:
    with Dripping(*DRIPS[what]) as server:
        error = refusal(client_of(f"http://127.0.0.1:{server.port}", **SHORT), "POST")
    assert len(server.drops) == 1
    assert server.drops[0] < 10 * NEED
    assert error.ambiguous
    # Broken responses end at once, all others at the deadline.
    assert "was not complete after 0.6 s (POST" in str(error) or (what == "packed body" and "could not be read" in str(error))


def test_a_reused_connection_is_watched_too(client_of: ClientOf) -> None:
    with Dripping(*DRIPS["header line"], first=HEAD + b"Content-Length: 2\r\n\r\n{}") as server:
        client = client_of(f"http://127.0.0.1:{server.port}", **SHORT)
        assert ask(client).status == 200
        # On a busy machine the drops themselves may come too late.
        ended = str(refusal(client, "POST", raw=b"{}"))
        assert "was not complete after 0.6 s" in ended or "did not answer within 0.3 s" in ended
    assert len(server.drops) == 1
    assert server.drops[0] < 10 * NEED


def test_a_slow_handshake_ends_in_time_and_nothing_was_sent(client_of: ClientOf) -> None:
    # A record of 16 kB that contains the beginning of the server's first message.
    with Dripping(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb", b"\0") as server:
        error = refusal(client_of(f"https://127.0.0.1:{server.port}", **SHORT), "POST")
    assert 0 < sum(server.drops) < 10 * NEED
    # Here Python itself adds up all waits, unless the machine is so busy that the watchdog is first.
    assert "did not answer within 0.3 s" in str(error) or "was not complete after 0.6 s" in str(error)
    assert (error.ambiguous, error.attempts) == (False, len(server.drops))


@pytest.fixture
def collected() -> Iterator[None]:
    """Python 3.11 leaves the TLS socket on a proxy's broken connection to the garbage collector, which warns, in any later test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.usefixtures("collected")
def test_a_slow_proxy_ends_in_time_and_nothing_was_sent(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    with Dripping(b"HTTP/1.1 200 Connection established\r\nX: ", b"a") as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.port}")
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        error = refusal(client_of("https://tenant.example.com", **SHORT), "POST")
    assert 0 < sum(server.drops) < 10 * NEED
    assert "the response from tenant.example.com was not complete after 0.6 s" in str(error)
    assert not error.ambiguous


def late(seconds: float) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        ports.append(handler.client_address[1])
        time.sleep(seconds)
        OK(handler)

    return answer


ports: list[int] = []


def test_the_deadline_of_a_request_does_not_apply_to_the_next_on_its_connection(client_of: ClientOf) -> None:
    ports.clear()
    with ScriptedServer(late(0), late(0.4), late(0)) as server:
        client = client_of(server.url, request_timeout=0.6, retry_deadline=0.6)
        ask(client)
        time.sleep(0.4)
        assert ask(client, "POST").status == 200
        ask(client)
    assert len(ports) == 3
    assert len(set(ports)) == 1


def test_no_thread_and_no_descriptor_is_left_behind(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    def watching() -> int:
        return sum(thread.name == "cortex-watchdog" for thread in threading.enumerate())

    monkeypatch.setattr(_watchdog, "_LINGER", 0.05)
    with ScriptedServer(*[OK] * 20, silence, Say(200, "x", {"Connection": "close"})) as server:
        client = client_of(server.url, request_timeout=5, retry_deadline=0.2)
        for _time in range(10):
            ask(client)
        before = len(os.listdir("/proc/self/fd"))
        for _time in range(10):
            ask(client)
        assert watching() == 1
        for _time in range(5):
            refusal(client_of(server.url, request_timeout=0.2, retry_deadline=0.2), "POST")
        assert len(os.listdir("/proc/self/fd")) <= before + 5
    end = time.monotonic() + 10
    while watching() and time.monotonic() < end:
        time.sleep(0.02)
    assert watching() == 0


@pytest.mark.parametrize("order", ["attach, expire", "expire, attach", "attach, end, expire", "end, attach, expire"])
def test_a_watch_shuts_down_its_connection_while_it_is_not_over(order: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        watch = _watchdog.Watch(0)
        for step in order.split(", "):
            getattr(watch, step)(*[ours] * (step == "attach"))
        theirs.setblocking(False)
        ended = "end" in order
        with (pytest.raises(BlockingIOError) if ended else contextlib.nullcontext()):
            assert theirs.recv(1) == b""
        assert watch.expired is not ended
        watch.end()


def test_a_long_body_has_the_timeout_and_so_has_its_response(client_of: ClientOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection = listener.accept()[0]
            with connection:
                time.sleep(0.6)
                left = 16_000_000
                while left > 0:
                    left -= len(connection.recv(1_000_000))
                time.sleep(0.6)
                connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")

        threading.Thread(target=serve, daemon=True).start()
        client = client_of(f"http://127.0.0.1:{listener.getsockname()[1]}", request_timeout=0.9, retry_deadline=0.1)
        began = time.monotonic()
        assert client.send(Call("POST", "/upload", "upload", raw=bytes(16_000_000))).status == 200
        assert time.monotonic() - began > 0.9


# -- limits of size


def packed(content: bytes, coding: str = "gzip") -> Say:
    return Say(200, content, {"Content-Encoding": coding})


def test_only_gzip_is_requested_and_accepted(client_of: ClientOf) -> None:
    twice = gzip.compress(gzip.compress(b"{}"))
    other = [packed(twice, "gzip, gzip"), packed(b"x", "br"), packed(b"x", "deflate")]
    with ScriptedServer(packed(gzip.compress(b'{"id": "1"}')), *other) as server:
        client = client_of(server.url)
        assert ask(client).body == {"id": "1"}
        said = [str(refusal(client, "POST")) for _time in range(3)]
        assert [r.headers["Accept-Encoding"] for r in server.requests] == ["gzip"] * 4
    for words, coding in zip(said, ("gzip, gzip", "br", "deflate")):
        assert f"the response is compressed as {coding}, but only gzip was requested" in words
        assert "may have carried it out" in words


@pytest.mark.parametrize(
    ("status", "method", "ambiguous"), [(200, "POST", True), (500, "PUT", True), (200, "GET", False), (400, "POST", False)]
)
def test_an_unread_response_is_ambiguous_unless_it_is_a_refusal(
    client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, status: int, method: str, ambiguous: bool
) -> None:
    monkeypatch.setattr(_responses, "MOST_BYTES", 1000)
    with ScriptedServer(Say(status, b" " * 1001), OK) as server:
        error = refusal(client_of(server.url), method)
        assert len(server.requests) == 1
    assert (error.status, error.ambiguous) == (status, ambiguous)
    assert "the response is larger than 1000 bytes" in str(error)


class Counting:
    """A decompressor that records what it returns."""

    def __init__(self, counts: list[int]) -> None:
        self._inner, self._counts = zlib.decompressobj(31), counts

    def decompress(self, *given: Any) -> bytes:
        out = self._inner.decompress(*given)
        self._counts.append(len(out))
        return out

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_a_small_response_is_not_decompressed_into_a_huge_one(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    unpacking = SimpleNamespace(decompressobj=lambda _bits: Counting(counts), MAX_WBITS=zlib.MAX_WBITS, error=zlib.error)
    monkeypatch.setattr(_responses, "zlib", unpacking)
    monkeypatch.setattr(_responses, "MOST_BYTES", 1_000_000)
    with ScriptedServer(packed(gzip.compress(bytes(100_000_000)))) as server:
        error = refusal(client_of(server.url))
    assert "the response is larger than 1000000 bytes" in str(error)
    assert 1_000_000 < sum(counts) <= 1_000_000 + 2 * 65536
    assert max(counts) <= 65536


@pytest.mark.parametrize("repeated", [b"[],", b'{"":0},', b'[{"a":[', b"0,"])
def test_a_response_of_too_many_values_is_not_parsed(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, repeated: bytes) -> None:
    monkeypatch.setattr(_client.json, "loads", lambda _text: pytest.fail("it was"))
    with ScriptedServer(packed(gzip.compress(b"[" + repeated * 2_000_001))) as server:
        assert "the response holds more than 2000000 values" in str(refusal(client_of(server.url)))


def test_the_responses_of_a_large_tenant_are_within_the_limits() -> None:
    state = [{"id": f"123456789012345678_{n}", "name": f"organisation/a-rather-long-repository-name-{n}"} for n in range(100_000)]
    text = json.dumps({"data": {"id": "1", "state": state}}).encode()
    response = SimpleNamespace(headers={}, raw=SimpleNamespace(read=lambda _amount, **_: pieces.pop(0) if pieces else b""))
    pieces = [text]
    assert _responses.read(response) == text


@pytest.mark.parametrize("size", [1, 7, 1000, 70_000])
def test_compressed_data_in_any_pieces_is_read_completely(size: int) -> None:
    content = random.Random(1).randbytes(60_000) + bytes(400_000) + b"end"
    wire = gzip.compress(content) + b"\0\0 what follows is no part of it"
    pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
    assert b"".join(_responses._unpacked(pieces)) == content
    with pytest.raises(_responses.requests.exceptions.ContentDecodingError, match="cut short"):
        list(_responses._unpacked([wire[:50_000]]))
    with pytest.raises(_responses.requests.exceptions.ContentDecodingError, match="not gzip"):
        list(_responses._unpacked([b"plain text"]))


def test_an_endless_list_is_abandoned(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_api, "MOST_PAGES", 5)
    numbers = iter(range(1000))

    def another(handler: Handler) -> None:
        Say(200, {"data": [{"id": f"r{next(numbers)}"}]})(handler)

    with ScriptedServer(another) as server:
        with pytest.raises(ApiError, match="the list has not ended after 5 pages"):
            _api.Api(client_of(server.url)).list_repositories()
        assert len(server.requests) == 5


# -- paths


@pytest.mark.parametrize("identifier", ["", " ", ".", "..", "a\nb", "a\0", "\x7f", "\u202e"])
def test_an_id_that_would_change_the_path_is_not_sent(client_of: ClientOf, identifier: str) -> None:
    with ScriptedServer(OK) as server:
        api = _api.Api(client_of(server.url))
        for call in (
            api.get_data_source,
            api.delete_data_source,
            api.get_repository,
            lambda given: api.update_data_source(given, {}),
            api.get_scan_configuration,
            lambda given: api.update_scan_configuration(given, {}),
            lambda given: api.update_branches(given, ["main"], "main"),
            lambda given: api.upload_sarif(b"{}", collector_id=given, query={}),
        ):
            with pytest.raises(InputError, match="is not a valid id: nothing was sent for it"):
                call(identifier)
        assert server.requests == []
        api.get_repository("...")
        assert server.requests[0].path.endswith("/repositories/...")
