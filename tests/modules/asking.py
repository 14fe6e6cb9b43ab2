# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module tests share: a module asked of a tenant with one of its keys, and answers that get lost."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils import basic

from tenant import server
from tenant.server import EmbeddedTenant

Result = dict[str, Any]


def older(fixture: str) -> pytest.MarkDecorator:
    """For a test of what only tenants show that answer otherwise than published: settings, mappings, a name beside the identifier."""
    return pytest.mark.parametrize(fixture, ["default", "awkward"], indirect=True)


class Ask:
    """ask(option=value, ...) runs the module against the tenant. The words in capitals of the API are written as they are."""

    def __init__(self, run: Callable[..., Result], tenant: EmbeddedTenant, module: str, **always: Any) -> None:
        self.run, self.tenant, self.module, self.always = run, tenant, module, always

    def __call__(self, *, key: str = "admin", check: bool = False, diff: bool = False, **options: Any) -> Result:
        warned: list[str] = []
        # In one process with the controller's code Ansible hands warnings to its display and not to the result.
        with mock.patch.object(basic.AnsibleModule, "warn", lambda _self, warning, **_more: warned.append(warning)):
            result = self.run(self.module, {**self.tenant.connection(key), **self.always, **options}, check=check, diff=diff)
        return {**result, "warnings": warned}

    def ok(self, **options: Any) -> Result:
        result = self(**options)
        assert not result["failed"], result["msg"]
        return result

    def refused(self, **options: Any) -> str:
        """The one line it fails with."""
        result = self(**options)
        assert result["failed"], result
        assert "\n" not in result["msg"], result["msg"]
        assert "Traceback" not in str(result)
        return str(result["msg"])


def lose_answers(monkeypatch: pytest.MonkeyPatch, method: str, how_many: int = 1) -> list[str]:
    """The tenant does what it is told, but its next answers to this method never arrive. Returns the list of what got lost."""
    lost: list[str] = []
    emit = server.Handler.emit

    def emit_or_not(handler: Any, status: str, headers: Any, body: bytes) -> None:
        if handler.command == method and len(lost) < how_many:
            lost.append(f"{status} {handler.path}")
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        emit(handler, status, headers, body)

    monkeypatch.setattr(server.Handler, "emit", emit_or_not)
    return lost


def calls(tenant: EmbeddedTenant) -> list[str]:
    """What was asked of the tenant, in order, ids and origin left out."""
    return [f"{e.method} {'one' if e.path.count('/') > 4 else 'all'}" for e in tenant.journal]
