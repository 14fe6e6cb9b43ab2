# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Valkey or Redis server for machines that share no folder: a real server, and real processes."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from machines import UTILS, machine, made, started
from store_server import StoreServer, missing

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import stores as _stores
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.client import Client
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.connection import Connection
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.stores import (
    Moment,
    Server,
    ServerStore,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.throttle import Slot, Throttle

PASSWORD = "words-of-the-store"
SENDER = f"""
import sys, time
from {UTILS}._http.stores import Server, host
from {UTILS}._http.throttle import Throttle
throttle = Throttle(sys.argv[1], "t", 10, server=Server.at(sys.argv[2]))
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    slot = throttle.wait()
    print(slot.at, host(), flush=True)
    throttle.departed(slot)
    throttle.answered(slot, quick=True)
assert throttle.warnings == [], throttle.warnings
"""


@pytest.fixture
def server() -> Iterator[StoreServer]:
    if missing():
        pytest.skip(missing())
    with StoreServer(PASSWORD) as one:
        yield one


def node(folder: Path, server: StoreServer, rate: float = 10, ahead: float = 0.0) -> Throttle:
    """A process on a machine with its own folder. ahead: error of its wall clock, in seconds."""
    return Throttle(str(folder), "t", rate, server=Server.at(server.url), clock=lambda: time.time() + ahead)


def sent(throttle: Throttle) -> Slot:
    slot = throttle.wait()
    throttle.departed(slot)
    throttle.answered(slot, quick=True)
    return slot


@pytest.mark.parametrize("machines", [2, pytest.param(4, marks=pytest.mark.skipif(not os.environ.get("CI"), reason="runs in CI only"))])
def test_machines_that_share_a_server_keep_one_limit(tmp_path: Path, server: StoreServer, machines: int) -> None:
    each = 25 if os.environ.get("CI") else 10
    commands = [
        machine(*one, [sys.executable, "-c", SENDER, str(tmp_path / f"{number}"), server.url, str(each)])
        for number, one in enumerate(made(tmp_path, machines))
    ]
    senders = [started(command) for command in commands for _process in range(4 // machines)]
    spoken = [sender.communicate("go\n", timeout=60)[0] for sender in senders]
    assert [sender.returncode for sender in senders] == [0] * 4
    rows = sorted((float(line.split()[0]), line.split()[1]) for text in spoken for line in text.splitlines())
    assert len(rows) == 4 * each
    assert len({host for _at, host in rows}) == machines
    assert all(later[0] - earlier[0] >= 1 for earlier, later in zip(rows, rows[10:]))
    # Nobody is kept waiting for long; what rate they reach, on a machine that does nothing else, `scripts/bench-engine far` measures.
    assert rows[-1][0] - rows[0][0] < (4 * each - 10) / 8.5 + 20


def test_a_machine_with_a_wrong_clock_makes_no_difference(tmp_path: Path, server: StoreServer) -> None:
    """All use the server's clock."""
    right, wrong = node(tmp_path / "1", server), node(tmp_path / "2", server, ahead=3600)
    slots = [sent(throttle) for _unused in range(8) for throttle in (right, wrong)]
    assert all(later.granted - earlier.granted >= 1 for earlier, later in zip(slots, slots[10:]))
    assert slots[-1].granted - slots[0].granted < 2.5
    assert max(abs(slot.at - time.time()) for slot in slots) < 60
    assert right.warnings == wrong.warnings == []


def test_a_state_longer_than_any_of_ours_is_replaced(tmp_path: Path, server: StoreServer) -> None:
    one = node(tmp_path / "1", server)
    store = one._store
    assert isinstance(store, ServerStore)
    store._redis.set(store._key, b"x" * 1_500_000)
    sent(one)
    assert one.warnings == []
    assert store._redis.strlen(store._key) < 1000


def test_who_asked_first_goes_first(tmp_path: Path, server: StoreServer) -> None:
    one, two = node(tmp_path / "1", server, 0.5), node(tmp_path / "2", server, 0.5)
    sent(one)

    def take(throttle: Throttle, ticket: str) -> float:
        return throttle._change(lambda state, moment: throttle.pace.take(state, ticket, moment.begun))

    assert all(take(throttle, ticket) > 0 for throttle, ticket in ((one, "first"), (two, "second")))
    time.sleep(2.1)
    assert take(two, "second") > 0
    assert take(one, "first") == 0


def test_a_change_that_another_one_overtook_is_repeated(server: StoreServer) -> None:
    """As if a process was suspended in the middle of it, for any time: no change of the others is lost."""
    slow, quick = (ServerStore(Server.at(server.url), "t") for _unused in range(2))
    asked: list[str] = []

    def work(text: str, _moment: Moment) -> tuple[str, int]:
        asked.append(text)
        if len(asked) == 1:
            quick.change(lambda text, _moment: (f"{text}quick ", 0))
        return f"{text}slow", len(asked)

    assert slow.change(work) == 2
    assert asked == ["", "quick "]
    assert quick.change(lambda text, _moment: (text, text)) == "quick slow"


def test_after_the_servers_end_each_machine_warns_once_and_keeps_its_own_budget(tmp_path: Path, server: StoreServer) -> None:
    """Not faster at the moment of the change either: requests sent just before count, and so does one that is underway."""
    nodes = [node(tmp_path / "1", server), node(tmp_path / "2", server)]
    slots: dict[Throttle, list[Slot]] = {one: [] for one in nodes}
    for _unused in range(4):
        for one in nodes:
            slots[one].append(sent(one))
    underway = {one: one.wait() for one in nodes}
    server.kill()
    for one in nodes:
        slots[one] += [sent(one) for _unused in range(9)]
        one.answered(underway[one])
        slots[one] += [sent(one) for _unused in range(6)]
        times = [slot.granted for slot in (*slots[one][:4], underway[one], *slots[one][4:])]
        # The request that is underway may arrive at any moment until its response: there is room for nine more.
        assert all(later - earlier >= 1 for earlier, later in zip(times, times[10:]))
        assert all(later.granted - earlier.granted >= 1 for earlier, later in zip(slots[one][4:], slots[one][13:]))
        (warning,) = one.warnings
        assert warning.startswith(f"the request budget at rate_limit_url (127.0.0.1:{server.port}) cannot be used (")
        assert "several machines together may ask for more than the tenant allows" in warning
        assert PASSWORD not in warning
    # Other processes of the machine find its budget in the folder.
    assert [len(list((tmp_path / name).glob("*.json"))) for name in ("1", "2")] == [1, 1]


def test_a_server_that_forgot_everything_costs_one_window(tmp_path: Path, server: StoreServer) -> None:
    one = node(tmp_path, server)
    before = [sent(one) for _unused in range(10)]
    server.kill()
    server.start()
    assert sent(one).granted - before[-1].granted >= 1
    assert one.warnings == []


def test_a_refused_password_causes_one_warning(tmp_path: Path, server: StoreServer) -> None:
    server.password = wrong = "another-one-than-that"
    one = node(tmp_path, server)
    sent(one)
    (warning,) = one.warnings
    assert "(it refused the user or the password)" in warning
    assert wrong not in warning


def test_with_tls_the_certificate_is_checked(tmp_path: Path) -> None:
    if missing():
        pytest.skip(missing())
    with StoreServer(PASSWORD, tls=True) as server:
        stranger = node(tmp_path / "1", server)
        sent(stranger)
        assert "certificate verify failed" in stranger.warnings[0]
        known = Throttle(str(tmp_path / "2"), "t", 10, server=Server.at(f"{server.url}/1?ssl_ca_certs={server.authority}"))
        sent(known)
        assert known.warnings == []


def test_without_the_library_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(InputError, match=r"rate_limit_url needs the Python library redis, .* pip install 'redis>=5'"):
        Throttle(str(tmp_path), "t", 8, server=Server.at("redis://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://cache", Server("cache", 6379)),
        (" redis://:p%40ss%2fword@cache:6380/3 ", Server("cache", 6380, 3, password="p@ss/word")),
        ("rediss://me:secret@[::1]:6380", Server("::1", 6380, tls=True, user="me", password="secret")),
        ("rediss://cache/0?ssl_ca_certs=/a/b.pem", Server("cache", 6379, tls=True, authority="/a/b.pem")),
    ],
)
def test_a_url_of_a_server(url: str, found: Server) -> None:
    assert Server.at(url) == found


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("cache:6379", "does not begin with redis:// or rediss://"),
        ("https://:secret@cache", "does not begin with redis:// or rediss://"),
        ("redis://", "names no host"),
        ("redis://:secret@ca che", "names no host"),
        ("redis://:secret@cache:port", "is not a URL"),
        ("redis://:secret@cache:6379/zero", "is not a URL"),
        ("redis://:secret#more@cache:6379", "is not a URL"),
        ("redis://:secret@cache/1#2", "not end with the number of a database"),
        ("rediss://cache?password=secret", "has a query"),
        ("redis://cache?ssl_ca_certs=/a/b.pem", "without TLS"),
    ],
)
def test_an_invalid_server_url_gives_one_line_that_does_not_repeat_it(url: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=why) as said:
        Client(Connection(rate_limit_url=url))
    assert "secret" not in str(said.value)
    assert "\n" not in str(said.value)


def test_the_url_may_be_in_a_file_and_its_password_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "url"
    file.write_text(f"redis://:{PASSWORD}@cache\n")
    monkeypatch.setenv("CORTEXCLOUD_RATE_LIMIT_URL_FILE", str(file))
    client = Client(Connection())
    assert PASSWORD not in client.redactor.text(f"it says {PASSWORD}")
    assert client._server == Server("cache", 6379, password=PASSWORD)
    assert PASSWORD not in repr((Connection(rate_limit_url=file.read_text()), client._server))


def test_a_server_that_does_not_respond_delays_nobody_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts the connection and sends nothing."""
    import socket

    if missing():
        pytest.skip(missing())
    monkeypatch.setattr(_stores, "SERVER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one = Throttle(str(tmp_path), "t", 8, server=Server("127.0.0.1", silent.getsockname()[1]))
        began = time.monotonic()
        sent(one)
        assert time.monotonic() - began < 3
    assert "(no response within 0.2 s)" in one.warnings[0]


def answering(answer: bytes, drip: float = 0.0) -> socket.socket:
    """A listener that responds to everything with the same bytes. drip: seconds between two of them."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            while peer.recv(65536):
                for part in (answer[at : at + 1] for at in range(len(answer))) if drip else (answer,):
                    peer.sendall(part)
                    time.sleep(drip)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener


TIME = b"*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"+OK\r\n" * 9,
        b"HTTP/1.1 400 Bad Request\r\n\r\n<html>",
        b"\xff\xfe\x00\r\n",
        b"*2\r\n$3\r\nabc\r\n$1\r\n0\r\n:7\r\n",
        b"*1\r\n$1\r\n1\r\n$-1\r\n",
        b"*2\r\n$500\r\n" + b"9" * 500 + b"\r\n$1\r\n0\r\n$-1\r\n",
        TIME + b":7\r\n",
        TIME + b"*1\r\n:1\r\n",
        b"*1\r\n" * 20_000 + b":1\r\n",
        b"*2\r\n$-1\r\n$-1\r\n$-1\r\n",
        b"$x\r\n",
        b"*-7\r\n:1\r\n",
        b"-ERR unknown command 'AUTH', with args beginning with: '" + PASSWORD.encode() + b"' ##vso[task.complete] \x1b[31m\r\n",
    ],
    ids=lambda answer: answer[:24].decode(errors="replace").replace("\r\n", " "),
)
def test_a_server_that_does_not_respond_like_redis_is_not_used(tmp_path: Path, answer: bytes) -> None:
    pytest.importorskip("redis", reason="the Python library redis is not installed")
    with answering(answer) as listener:
        url = f"redis://:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}"
        throttle = Throttle(str(tmp_path), "t", 10, server=Server.at(url))
        sent(throttle)
    (warning,) = throttle.warnings
    assert "the request budget at rate_limit_url (127.0.0.1:" in warning
    assert len(warning) < 700
    assert PASSWORD not in warning
    assert "\x1b" not in warning


def test_a_slowly_dripping_server_delays_nobody_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("redis", reason="the Python library redis is not installed")
    monkeypatch.setattr(_stores, "SERVER_SECONDS", 0.3)
    with answering(b"+" + b"O" * 1000, drip=0.05) as listener:
        throttle = Throttle(str(tmp_path), "t", 10, server=Server.at(f"redis://127.0.0.1:{listener.getsockname()[1]}"))
        began = time.monotonic()
        sent(throttle)
    assert time.monotonic() - began < 10
    assert "no response within" in throttle.warnings[0]
