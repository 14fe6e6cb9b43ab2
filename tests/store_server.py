# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Valkey or Redis server on the loopback interface, for one test."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import trustme


def program() -> str | None:
    return shutil.which("valkey-server") or shutil.which("redis-server")


def missing() -> str:
    """Why no server can be started here; "" if one can."""
    if not program():
        return "neither valkey-server nor redis-server is installed (Debian: valkey-server, or redis-server)"
    return "" if importlib.util.find_spec("redis") else "the Python library redis is not installed"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class StoreServer:
    """A context manager. tls: with a certificate of a private authority, whose PEM file is `authority`."""

    def __init__(self, password: str = "", *, tls: bool = False) -> None:
        self.port, self.password, self.tls = free_port(), password, tls
        self._folder = tempfile.TemporaryDirectory()
        self.authority = str(Path(self._folder.name) / "ca.pem")
        self._options = ["--bind", "127.0.0.1", "--save", "", "--dir", self._folder.name]
        if tls:
            authority, key = trustme.CA(), str(Path(self._folder.name) / "server.pem")
            authority.cert_pem.write_to_path(self.authority)
            authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(key)
            self._options += ["--tls-cert-file", key, "--tls-key-file", key, "--tls-ca-cert-file", self.authority]
            self._options += ["--tls-auth-clients", "no"]

    @property
    def url(self) -> str:
        return f"redis{'s' if self.tls else ''}://{f':{self.password}@' if self.password else ''}127.0.0.1:{self.port}"

    def __enter__(self) -> StoreServer:
        self.start()
        return self

    def start(self) -> None:
        port = ["--port", "0", "--tls-port", str(self.port)] if self.tls else ["--port", str(self.port)]
        password = ["--requirepass", self.password] if self.password else []
        self._process = subprocess.Popen([str(program()), *port, *self._options, *password], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError("the server did not start") from None
                time.sleep(0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __exit__(self, *_rest: object) -> None:
        self.kill()
        self._folder.cleanup()
