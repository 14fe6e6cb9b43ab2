# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of the tests of the client to a scripted server, and the refusals they expect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scripted_server import Say

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import client as _client
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.call import Call, Response

OK = Say(200, {"id": "1"})
PATH = "/public_api/appsec/v1/data_source_instances"
ClientOf = Callable[..., _client.Client]


def ask(client: _client.Client, method: str = "GET", **options: Any) -> Response:
    body = {"type": "GITLAB"} if method in ("PUT", "POST") else None
    return client.send(Call(method, PATH, "list data sources", body=body, **options))


def refusal(client: _client.Client, method: str = "GET", **options: Any) -> ApiError:
    with pytest.raises(ApiError) as refused:
        ask(client, method, **options)
    assert "\n" not in str(refused.value)
    return refused.value
