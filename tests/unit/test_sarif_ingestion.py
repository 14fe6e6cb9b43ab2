# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The response to an upload: accepted, accepted in part, refused, or unusable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from calling_client import ClientOf
from scripted_server import Say, ScriptedServer

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError, names_error
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.call import Response
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.upload.ingestion import Ingestion

PAGE = "<!DOCTYPE html><html><body>Sign in</body></html>"
TAKEN = "The document was received, 12 findings will be ingested"


def of(body: dict[str, Any]) -> Ingestion:
    return Ingestion.of(body, str)


@pytest.mark.parametrize(
    ("message", "findings"),
    [
        (TAKEN, 12),
        ("12 findings will be ingested", 12),
        ("Done.\n1 finding will be ingested.", 1),
        ("0 FINDINGS WILL BE INGESTED", 0),
        ("1,234 findings will be ingested", None),
        ("-3 findings will be ingested", None),
        ("12 findings will be ingested, perhaps", None),
        ("9" * 5000 + " findings will be ingested", None),
        ("findings will be ingested", None),
        (f"{'x ' * 5000}7 findings will be ingested", 7),
    ],
)
def test_the_number_stands_at_the_end_of_the_message(message: str, findings: int | None) -> None:
    ingestion = of({"status": "INGESTED", "message": message})
    assert (ingestion.status, ingestion.findings) == ("INGESTED", findings)
    assert ingestion.message
    assert len(ingestion.message) <= 600
    assert "\n" not in ingestion.message


@pytest.mark.parametrize("body", [{}, {"status": None, "message": ""}, {"id": 7}])
def test_a_tenant_that_says_nothing(body: dict[str, Any]) -> None:
    assert of(body) == Ingestion(None, None, None)


def test_what_is_said_is_redacted() -> None:
    body = {"status": "the-token", "message": "the-token, 1 findings will be ingested"}
    ingestion = Ingestion.of(body, lambda text: text.replace("the-token", "*"))
    assert ingestion == Ingestion("*", "*, 1 findings will be ingested", 1)


@pytest.mark.parametrize("held", [None, "x", [], {}, {"status": None}, {"findings": "12"}])
def test_a_journal_without_it_is_no_fault(held: Any) -> None:
    assert Ingestion.noted(held) == Ingestion()


def test_a_journal_gives_back_what_was_said() -> None:
    assert Ingestion.noted({"status": "INGESTED", "message": "cut off", "findings": 3}) == Ingestion("INGESTED", "cut off", 3)


@pytest.mark.parametrize(
    ("ingestion", "words"),
    [
        (Ingestion(), ""),
        (Ingestion("ACCEPTED"), ""),
        (Ingestion("INGESTED", "m", 3), ""),
        (Ingestion("INGESTED", "m", 4), ""),
        (Ingestion("INGESTED", "m", 2), "2 of 3 findings were accepted (INGESTED: m)"),
        (Ingestion("PARTIALLY_VALID", "m", 0), "0 of 3 findings were accepted (PARTIALLY_VALID: m)"),
        (Ingestion("PARTIALLY_VALID", "m", 3), "3 of 3 findings were accepted (PARTIALLY_VALID: m)"),
        (Ingestion("partially_valid"), "an unknown number of 3 findings were accepted (partially_valid)"),
    ],
)
def test_what_is_missing_is_said(ingestion: Ingestion, words: str) -> None:
    assert ingestion.shortfall(3) == words
    assert ingestion.partial == (str(ingestion.status).upper() == "PARTIALLY_VALID")


ERRORS: list[Any] = [
    {"errorCode": "X"},
    {"status": "FAILED"},
    {"status": "INVALID", "message": "m"},
    {"status": "INGESTED_FAILED"},
    {"status": 500},
    {"reply": {"err_code": 500}},
    {"reply": {"status": "error"}},
    {"data": {"error": "no"}},
    {"error": {"code": 1}},
    {"errors": ["x"]},
    {"success": False},
    "Unauthorized",
]
ACCEPTANCES: list[Any] = [
    "",
    {},
    {"status": "ACCEPTED"},
    {"status": "INGESTED", "message": TAKEN},
    {"status": "PARTIALLY_VALID", "message": TAKEN},
    {"reply": {"status": "INGESTED", "message": TAKEN}},
    {"message": TAKEN},
    {"status": 200, "error": None, "errors": [], "err_code": 0},
    {"reply": True},
    {"success": True},
    [],
]


def upload(api: Api) -> Response:
    return api.upload_sarif(b"{}", collector_id="c", query={}, subject="a.sarif")


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("body", ERRORS)
def test_an_answer_that_names_an_error_is_no_acceptance(client_of: ClientOf, status: int, body: Any) -> None:
    with ScriptedServer(Say(status, json.dumps(body))) as server, pytest.raises(ApiError) as refused:
        upload(Api(client_of(server.url)))
    assert (refused.value.status, refused.value.ambiguous, len(server.requests)) == (status, True, 1)
    assert f"HTTP {status} but the response contains an error: " in str(refused.value)


@pytest.mark.parametrize("body", [PAGE, "  \n" + PAGE, "OK", '{"status": "INGES'])
def test_a_page_is_no_acceptance(client_of: ClientOf, body: str) -> None:
    with ScriptedServer(Say(201, body)) as server, pytest.raises(ApiError, match="is not JSON but begins") as refused:
        upload(Api(client_of(server.url)))
    assert (refused.value.ambiguous, len(server.requests)) == (True, 1)


@pytest.mark.parametrize("body", ACCEPTANCES)
def test_everything_else_is_an_acceptance(client_of: ClientOf, body: Any) -> None:
    with ScriptedServer(Say(201, body if body == "" else json.dumps(body))) as server:
        answer = upload(Api(client_of(server.url)))
    assert answer.status == 201
    held = body.get("reply", body) if isinstance(body, dict) else {}
    assert answer.body == (held if isinstance(held, dict) and ("status" in held or "message" in held) else {})
    assert not names_error(body)


def test_the_tenants_words_of_an_error_hold_no_secret(client_of: ClientOf) -> None:
    with ScriptedServer(Say(200, {"error": "the-tenant-key is unknown"})) as server, pytest.raises(ApiError) as refused:
        upload(Api(client_of(server.url)))
    assert "contains an error: (the response repeats a secret, so it is not shown)" in str(refused.value)


DISABLED = "refuses uploads to a disabled collector: enable it in the console."
THROTTLED = "Too many requests."


@pytest.mark.parametrize("body", ["", {"errorCode": "COLLECTOR_DISABLED", "message": "The collector is disabled"}, {}, "null"])
def test_a_disabled_collector_is_final(client_of: ClientOf, body: Any) -> None:
    with ScriptedServer(Say(503, body)) as server, pytest.raises(ApiError) as refused:
        upload(Api(client_of(server.url)))
    assert (refused.value.ambiguous, len(server.requests)) == (False, 1)
    assert DISABLED in str(refused.value)


@pytest.mark.parametrize("body", [PAGE, "unavailable", {"reply": {"err_code": 503, "err_msg": "Service unavailable"}}])
def test_what_stands_before_the_service_says_nothing_of_the_collector(client_of: ClientOf, body: Any) -> None:
    with ScriptedServer(Say(503, body)) as server, pytest.raises(ApiError) as refused:
        upload(Api(client_of(server.url)))
    assert (refused.value.ambiguous, len(server.requests)) == (True, 1)
    assert DISABLED not in str(refused.value)


def test_a_throttled_upload_is_sent_again(client_of: ClientOf, quick_pauses: None) -> None:
    with ScriptedServer(Say(503, {"message": THROTTLED}), Say(201, {})) as server:
        assert upload(Api(client_of(server.url))).status == 201
    assert len(server.requests) == 2


def test_other_operations_read_a_503_as_ever(client_of: ClientOf, quick_pauses: None) -> None:
    with ScriptedServer(Say(503), Say(200, {"data": []})) as server:
        assert Api(client_of(server.url)).list_data_sources() == []
    with ScriptedServer(Say(503)) as server, pytest.raises(ApiError) as refused:
        Api(client_of(server.url)).create_data_source({"type": "COLLECTOR"})
    assert (refused.value.ambiguous, DISABLED in str(refused.value)) == (True, False)


def test_a_refused_document_has_its_status_and_code_in_the_message(client_of: ClientOf) -> None:
    body = {"status": "INVALID", "errorCode": "VALIDATION_ERROR", "message": "no rule for it"}
    with ScriptedServer(Say(400, body)) as server, pytest.raises(ApiError) as refused:
        upload(Api(client_of(server.url)))
    assert "HTTP 400 no rule for it (status INVALID, errorCode VALIDATION_ERROR)" in str(refused.value)
    assert refused.value.ambiguous is False
