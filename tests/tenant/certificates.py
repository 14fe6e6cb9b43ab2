# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private certificate authority and the certificates it issued: a valid one, one for another name, an expired one."""
from __future__ import annotations

import datetime
import os
import shutil
import ssl
import tempfile
from collections.abc import Iterable


class Certificates:
    """`ca_path` is the authority's PEM file, which `close()` removes. `context(which)`: valid, other_name or expired."""

    def __init__(self, hostnames: Iterable[str] = ()) -> None:
        import trustme

        self._authority = trustme.CA()
        self._names = ("127.0.0.1", "localhost", *hostnames)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._directory = tempfile.mkdtemp(prefix="tenant-")
        self.ca_path = os.path.join(self._directory, "ca.pem")
        self._authority.cert_pem.write_to_path(self.ca_path)

    def context(self, which: str) -> ssl.SSLContext:
        if which not in self._contexts:
            names = ("another-host.example.com",) if which == "other_name" else self._names
            yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
            expiry = {"not_after": yesterday} if which == "expired" else {}
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(*names, **expiry).configure_cert(context)
            self._contexts[which] = context
        return self._contexts[which]

    def close(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
