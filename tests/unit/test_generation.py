# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The path of a tenant's instances is found once, by the first call whose response is a 404."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from calling_client import ClientOf
from scripted_server import Say, ScriptedServer

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError, CannotCreate

MISSING = Say(404, {"reply": {"err_code": 404, "err_msg": "Not Found", "err_extra": None}})
NOBODY = Say(404, {"errorCode": "NOT_FOUND", "message": "no such instance"})
ONE = {"id": "1", "type": "SNYK"}
LIST, INSTANCE = Say(200, [ONE]), Say(200, ONE)
OLD, NEW = "/public_api/appsec/v1/integrations", "/public_api/appsec/v1/data_source_instances"

# First call -> the tenant's responses -> the requests.
CALLS: dict[str, tuple[Callable[[Api], Any], list[Say], list[str]]] = {
    "list": (lambda api: api.list_data_sources(), [MISSING, LIST], [f"GET {NEW}", f"GET {OLD}"]),
    "get": (
        lambda api: api.get_data_source("1"),
        [MISSING, MISSING, LIST, INSTANCE],
        [f"GET {NEW}/1", f"GET {NEW}", f"GET {OLD}", f"GET {OLD}/1"],
    ),
    "update": (
        lambda api: api.update_data_source("1", {"state": [], "uniqueProperties": {"a": 1}}),
        [MISSING, MISSING, LIST, INSTANCE],
        [f"PUT {NEW}/1", f"GET {NEW}", f"GET {OLD}", f"PUT {OLD}/1"],
    ),
    "delete": (
        lambda api: api.delete_data_source("1"),
        [MISSING, MISSING, LIST, Say(204)],
        [f"DELETE {NEW}/1", f"GET {NEW}", f"GET {OLD}", f"DELETE {OLD}/1"],
    ),
}


def asked(server: ScriptedServer) -> list[str]:
    return [f"{request.method} {request.path}" for request in server.requests]


@pytest.mark.parametrize("name", CALLS)
def test_any_call_recognises_an_older_tenant_once(name: str, client_of: ClientOf) -> None:
    call, answers, requests = CALLS[name]
    with ScriptedServer(*answers, LIST) as server:
        api = Api(client_of(server.url))
        assert api.generation is None
        call(api)
        assert asked(server) == requests
        assert api.generation == "previous"
        assert api.list_data_sources() == [ONE]
        assert asked(server) == [*requests, f"GET {OLD}"]


def test_an_update_of_an_older_tenant_omits_what_it_does_not_accept_and_warns_once(client_of: ClientOf) -> None:
    with ScriptedServer(MISSING, LIST, INSTANCE) as server:
        api = Api(client_of(server.url))
        api.list_data_sources()
        for _time in range(2):
            api.update_data_source("1", {"state": ["a/b"], "uniqueProperties": {"name": "x"}})
        assert [json.loads(request.body) for request in server.requests[2:]] == [{"state": ["a/b"]}] * 2
        (warning,) = api.client.warnings
        assert "unique_properties were not sent" in warning


def test_an_older_tenant_is_never_asked_to_create(client_of: ClientOf) -> None:
    with ScriptedServer(MISSING, MISSING, LIST) as server:
        api = Api(client_of(server.url))
        for _time in range(2):
            with pytest.raises(CannotCreate, match=r'^SNYK "eu" cannot be created through the API: this tenant is of the previous gen'):
                api.create_data_source({"type": "SNYK"}, 'SNYK "eu"')
        assert asked(server) == [f"POST {NEW}", f"GET {NEW}", f"GET {OLD}"]


def test_after_a_list_an_unknown_id_needs_no_second_request(client_of: ClientOf) -> None:
    with ScriptedServer(LIST, NOBODY) as server:
        api = Api(client_of(server.url))
        api.list_data_sources()
        assert api.generation == "current"
        assert api.get_data_source("2") is None
        assert asked(server) == [f"GET {NEW}", f"GET {NEW}/2"]


@pytest.mark.parametrize("method", ["get_data_source", "delete_data_source"])
def test_an_unknown_id_does_not_make_a_current_tenant_an_older_one(method: str, client_of: ClientOf) -> None:
    with ScriptedServer(NOBODY, LIST, NOBODY) as server:
        api = Api(client_of(server.url))
        assert getattr(api, method)("2") is None
        assert api.generation == "current"
        api.get_data_source("3")
        assert OLD not in " ".join(asked(server))
        assert asked(server).count(f"GET {NEW}") == 1


@pytest.mark.parametrize(
    "other", [MISSING, Say(405, "no"), Say(200, "<html>Sign in</html>"), Say(302, "", {"Location": "/"}), Say(200, {"a": 1})]
)
@pytest.mark.parametrize("first", ["list_data_sources", "get_data_source"])
def test_a_host_without_either_list_is_the_wrong_host(first: str, other: Say, client_of: ClientOf) -> None:
    before = [MISSING] if first == "list_data_sources" else [NOBODY, MISSING]
    with ScriptedServer(*before, other) as server:
        api = Api(client_of(server.url))
        with pytest.raises(ApiError) as wrong:
            getattr(api, first)(*["1"] * (first == "get_data_source"))
        assert (wrong.value.status, wrong.value.path) == (404, NEW)
        assert "Is api_url the API URL" in str(wrong.value)
        assert api.generation is None


@pytest.mark.parametrize("status", [401, 402, 403, 500])
def test_an_older_tenant_that_refuses_is_not_the_wrong_host(status: int, client_of: ClientOf) -> None:
    with ScriptedServer(MISSING, Say(status, {"message": "no"})) as server:
        with pytest.raises(ApiError) as refused:
            Api(client_of(server.url)).list_data_sources()
        assert (refused.value.status, refused.value.path) == (status, OLD)
