# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to a tenant with TLS: a private authority, wrong certificates, a real proxy, a redirect."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from starting import clear_settings
from tenant.server import EmbeddedTenant

from .playing import Here


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_settings(monkeypatch)


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant("guide", tls=True, rate=1000) as started:
        yield started


def ask(tenant: EmbeddedTenant, directory: Path, **options: Any) -> tuple[dict[str, Any], str]:
    defaults = {**tenant.connection("admin_standard"), "rate_limit_dir": str(directory / "rate"), "retry_deadline": 2}
    return Here().play("tenant_info", {**defaults, **options})


class Proxy(socketserver.ThreadingTCPServer):
    """An HTTP proxy for CONNECT only. `seen` is all that passed through it, `asked` the request lines."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.seen, self.asked = b"", list[str]()


class Tunnel(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.request.recv(4096)
        self.server.asked.append(head.decode().splitlines()[0])
        self.server.seen += head
        host, _colon, port = head.split()[1].decode().partition(":")
        with socket.create_connection((host, int(port))) as onward:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self.pump, args=(onward, self.request), daemon=True)
            back.start()
            self.pump(self.request, onward)
            back.join(timeout=5)

    def pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self.server.seen += data
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


def test_a_private_authority_by_ca_path(tenant: EmbeddedTenant, tmp_path: Path) -> None:
    result, _output = ask(tenant, tmp_path)
    assert result["authenticated"]


@pytest.mark.parametrize(
    ("certificate", "ca_path", "message"),
    [
        ("other_name", True, "not valid for '127.0.0.1'"),
        ("expired", True, "certificate has expired"),
        ("valid", False, "self-signed|issuer"),
    ],
)
def test_a_wrong_certificate_is_refused(
    tenant: EmbeddedTenant, tmp_path: Path, certificate: str, ca_path: bool, message: str
) -> None:
    tenant.set(certificate=certificate)
    result, output = ask(tenant, tmp_path, **({} if ca_path else {"ca_path": None}))
    assert result["failed"]
    assert any(words in result["msg"] for words in message.split("|")), result["msg"]
    assert "\n" not in result["msg"]
    assert tenant.journal == []
    assert tenant.keys["admin_standard"].key not in output


def test_a_proxy_sees_no_key(tenant: EmbeddedTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_address[1]}")
        result, _output = ask(tenant, tmp_path)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        direct, _output = ask(tenant, tmp_path)
        proxy.shutdown()
        thread.join()
    assert result["authenticated"]
    assert direct["authenticated"]
    assert proxy.asked
    assert {line.rpartition(" ")[0] for line in proxy.asked} == {f"CONNECT 127.0.0.1:{tenant.port}"}
    assert tenant.keys["admin_standard"].key.encode() not in proxy.seen
    assert b"uthorization" not in proxy.seen


def test_a_redirect_to_another_host_is_not_followed(tenant: EmbeddedTenant, tmp_path: Path) -> None:
    with EmbeddedTenant("guide", rate=1000) as other:
        tenant.fault("redirect", location=f"{other.url}/public_api/appsec/v1/data_source_instances", count=None)
        result, _output = ask(tenant, tmp_path)
        assert result["failed"]
        assert f"redirects to 127.0.0.1:{other.port}; redirects are not followed" in result["msg"]
        assert other.journal == []
