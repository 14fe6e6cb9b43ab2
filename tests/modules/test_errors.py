# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong most often, each as the one line that a user reads: what, where, why, what to do."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from asking import Ask

from tenant.server import EmbeddedTenant

LIST = "GET /public_api/appsec/v1/data_source_instances"
MODULES = ("data_source", "data_sources", "data_source_info")
SNYK: dict[str, Any] = {"type": "SNYK", "name": "snyk-eu"}


def options_of(module: str) -> dict[str, Any]:
    return {"data_source": SNYK, "data_sources": {"data_sources": [SNYK]}, "data_source_info": {}}[module]


@pytest.fixture
def source(tenant: EmbeddedTenant, run_module: Any) -> Ask:
    return Ask(run_module, tenant, "data_source", **SNYK)


def one_line(result: dict[str, Any]) -> str:
    assert result["failed"], result
    assert "\n" not in result["msg"], result["msg"]
    assert "Traceback" not in str(result)
    assert not result.get("changed")
    return str(result["msg"])


# -- the key


@pytest.mark.parametrize("module", MODULES)
def test_a_wrong_key(tenant: EmbeddedTenant, run_module: Any, module: str) -> None:
    ask = Ask(run_module, tenant, module, **options_of(module))
    told = one_line(ask(api_key="f" * 128))
    assert told.startswith("Cannot list data sources: HTTP 401 Public API request unauthorized (GET ")
    assert "The key or its id is wrong, the key has expired or was deleted, or it is not of api_key_type advanced" in told
    assert "f" * 16 not in told


def test_a_key_of_the_other_kind(source: Ask) -> None:
    assert "not of api_key_type standard" in one_line(source(api_key_type="standard"))


def test_an_expired_key(source: Ask) -> None:
    assert "the key has expired" in one_line(source(key="expired"))


@pytest.mark.parametrize("key", ["viewer", "viewer_standard"])
def test_a_view_only_key(source: Ask, key: str) -> None:
    told = one_line(source(key=key))
    assert told.startswith('Cannot create data source SNYK "snyk-eu": HTTP 403 Forbidden')
    assert "Data Sources and Integrations View/Edit" in told


@pytest.mark.parametrize("module", MODULES)
def test_no_licence(tenant: EmbeddedTenant, run_module: Any, module: str) -> None:
    tenant.set(licensed=False)
    told = one_line(Ask(run_module, tenant, module, **options_of(module))())
    assert "HTTP 402" in told
    assert "Application Security add-on" in told


@pytest.mark.parametrize(("ahead", "word"), [(900, "behind"), (-900, "ahead of")])
def test_a_clock_that_is_wrong(source: Ask, tenant: EmbeddedTenant, ahead: int, word: str) -> None:
    tenant.set(clock_offset=ahead)
    told = one_line(source())
    assert re.search(rf"The clock of this machine is (89\d|90\d) s {word} the tenant's: synchronise it", told)


@pytest.mark.parametrize("missing", ["api_key", "api_key_id", "api_url"])
@pytest.mark.parametrize("given", [None, ""])
def test_a_setting_that_is_missing_or_empty(
    source: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch, missing: str, given: Any
) -> None:
    """A controller exports "" for a blank field: that is no value."""
    monkeypatch.setenv(f"CORTEXCLOUD_{missing.upper()}", "")
    told = one_line(source(**{missing: given}))
    assert re.match(rf"{missing}( \(or CORTEXCLOUD_\w+\))?( is)? not set", told), told
    assert f"CORTEXCLOUD_{missing.upper()}" in told
    assert tenant.journal == []


def test_the_environment_fills_what_is_not_given_and_an_empty_variable_does_not(
    tenant: EmbeddedTenant, run_module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in tenant.environment("admin_standard").items():
        monkeypatch.setenv(name, value)
    for name in (
        "CA_PATH",
        "EXPECTED_TENANT",
        "REQUEST_TIMEOUT",
        "RETRY_DEADLINE",
        "REQUESTS_PER_SECOND",
        "SKIP_SSL_VERIFY",
        "RATE_LIMIT_DIR",
        "STATE_DIR",
        "TRACE_FILE",
        "TRACE_NAMES",
    ):
        monkeypatch.setenv(f"CORTEXCLOUD_{name}", "")
    result = run_module("data_source_info", {})
    assert not result["failed"], result["msg"]
    assert tenant.journal[-1].auth == tenant.keys["admin_standard"].id


def test_a_key_in_a_file(tenant: EmbeddedTenant, run_module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in tenant.environment("admin").items():
        monkeypatch.setenv(name, value)
    key = tenant.keys["admin"].key
    (tmp_path / "key").write_text(f"{key}\n", encoding="utf-8")
    monkeypatch.setenv("CORTEXCLOUD_API_KEY", "")
    monkeypatch.setenv("CORTEXCLOUD_API_KEY_FILE", str(tmp_path / "key"))
    result = run_module("data_source_info", {})
    assert not result["failed"], result["msg"]
    assert tenant.journal[-1].auth == tenant.keys["admin"].id
    result = run_module("data_source_info", {"api_url": f"{tenant.url}/{key}"})
    assert result["failed"]
    assert key not in json.dumps(result), "it is as secret as one that is given"


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read: No such file or directory"), (b"\xff\xfe", "cannot be read: not text"), (b" \n", "is empty")],
)
def test_a_key_file_that_is_none(
    tenant: EmbeddedTenant, run_module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv("CORTEXCLOUD_API_KEY_FILE", str(tmp_path / "key"))
    told = one_line(run_module("data_source_info", {"api_url": tenant.url, "api_key_id": "1"}))
    assert told.startswith(f"CORTEXCLOUD_API_KEY_FILE names {tmp_path / 'key'}, which {why}."), told
    assert tenant.journal == []


@pytest.mark.parametrize(("value", "checks"), [("true", False), ("1", False), ("false", True), ("0", True), ("", True), ("nonsense", True)])
def test_verification_is_switched_off_by_a_clear_yes_alone(
    run_module: Any, monkeypatch: pytest.MonkeyPatch, value: str, checks: bool
) -> None:
    monkeypatch.setenv("CORTEXCLOUD_SKIP_SSL_VERIFY", value)
    with EmbeddedTenant(tls=True, rate=1000) as tenant:
        for name, setting in tenant.environment("admin").items():
            if name != "CORTEXCLOUD_CA_PATH":
                monkeypatch.setenv(name, setting)
        result = run_module("data_source_info", {})
    assert result["failed"] == checks, result


# -- the host


class Page(BaseHTTPRequestHandler):
    """Some web server: a console, a sign-in page, something else."""

    def do_GET(self) -> None:
        status, headers, body = self.server.answer  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def web() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("module", [*MODULES, "tenant_info"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html>Sign in</html>"), "the response is not JSON"),
        ((302, {"Location": "https://login.example.com/"}, b""), "redirects to login.example.com; redirects are not followed"),
        ((404, {"Content-Type": "text/html"}, b"<html>Not Found</html>"), "Is api_url the API URL"),
        ((200, {"Content-Type": "application/json"}, b"{}"), "unknown shape"),
        ((200, {"Content-Type": "application/json"}, b'{"data": [{"name": "no id"}]}'), "unknown shape"),
        ((200, {"Content-Type": "application/json"}, b""), "unknown shape"),
    ],
    ids=["HTML", "redirect", "404", "another API", "items without id", "empty"],
)
def test_a_wrong_host(web: Any, tenant: EmbeddedTenant, run_module: Any, module: str, answer: Any, said: str) -> None:
    """None of these is an empty tenant: taken for one, everything would be created there."""
    web.answer = answer
    ask = Ask(run_module, tenant, module, **({} if module == "tenant_info" else options_of(module)))
    began = time.monotonic()
    told = one_line(ask(api_url=f"http://127.0.0.1:{web.server_port}", retry_deadline=3))
    assert time.monotonic() - began < 2, "that does not get better by asking again"
    assert said in told
    assert "api_url" in told


def test_a_stopped_tenant(source: Ask) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    told = one_line(source(api_url=f"http://127.0.0.1:{port}"))
    assert time.monotonic() - began < 4
    assert told.startswith(f"Cannot list data sources: cannot connect to 127.0.0.1:{port}: ")
    assert "Check api_url, the network and HTTPS_PROXY." in told


def test_a_host_name_that_does_not_exist(source: Ask) -> None:
    told = one_line(source(api_url="https://api-nobody.invalid", retry_deadline=5))
    assert "cannot connect to api-nobody.invalid" in told
    assert "object at 0x" not in told


def test_an_untrusted_certificate(run_module: Any) -> None:
    with EmbeddedTenant(tls=True, rate=1000) as tenant:
        ask = Ask(run_module, tenant, "data_source_info")
        assert not ask()["failed"]
        told = one_line(ask(ca_path=None))
    assert told.startswith("Cannot list data sources: no trusted TLS connection to 127.0.0.1:")
    assert "set ca_path (or REQUESTS_CA_BUNDLE) to its PEM file" in told


@pytest.mark.parametrize("module", MODULES)
def test_a_wrong_expected_tenant_is_refused_before_any_request(tenant: EmbeddedTenant, run_module: Any, module: str) -> None:
    ask = Ask(run_module, tenant, module, **options_of(module))
    told = one_line(ask(expected_tenant="prod.example.com"))
    assert "api_url points to 127.0.0.1, but expected_tenant is prod.example.com: nothing was sent." in told
    assert tenant.journal == []


def test_a_key_is_not_sent_in_the_clear_to_another_machine(source: Ask) -> None:
    assert "plain http to api-t.example.com" in one_line(source(api_url="http://api-t.example.com"))


# -- the options


def test_a_misspelt_option_is_named_and_its_value_is_not(source: Ask, tenant: EmbeddedTenant) -> None:
    told = one_line(source(credentails={"token": "canary-secret"}))
    assert "credentails" in told
    result = source(credentials={"tokn": "canary-secret"})
    assert "credentials.tokn" in one_line(result)
    assert "canary-secret" not in str(result)
    assert tenant.journal == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"type": "snyk"}, "type 'snyk' is not an integration type. Did you mean SNYK? Known: GITHUB,"),
        ({"type": None, "name": "x"}, "give type or id to identify the data source"),
        ({"state": "here"}, "value of state must be one of: present, created, absent, got: here"),
        ({"max_deselect": "many"}, "max_deselect"),
        ({"repositories": "a/b", "selection_type": "CURRENT_STATE"}, "repositories needs selection_type MANUAL_SELECTION"),
        ({"request_timeout": 0}, "request_timeout must be a number above 0"),
        ({"retry_deadline": "nan"}, "retry_deadline must be a number above 0"),
        ({"requests_per_second": -1}, "requests_per_second must be a number above 0"),
        ({"request_timeout": "soon"}, "request_timeout"),
        ({"request_timeout": 1e300}, "request_timeout"),
        ({"api_url": "https://"}, "api_url names no host"),
        ({"ca_path": "/no/such.pem"}, "ca_path /no/such.pem does not exist"),
    ],
)
def test_bad_input(source: Ask, tenant: EmbeddedTenant, options: dict[str, Any], said: str) -> None:
    assert said in one_line(source(**options))
    assert tenant.writes == []


def test_an_unknown_type_is_the_tenants_to_judge_with_a_warning(source: Ask, tenant: EmbeddedTenant) -> None:
    result = source(type="CHECKMARX_ONE")
    told = one_line(result)
    assert told.startswith('Cannot create data source CHECKMARX_ONE "snyk-eu": HTTP 422')
    assert "requestBody.type" in told
    assert any("CHECKMARX_ONE is not one of the 23 types" in w for w in result["warnings"])
    tenant.set(unknown_type="accept", creatable="all")
    assert source.ok(type="CHECKMARX_ONE")["changed"]


def test_a_type_that_makes_itself(source: Ask, tenant: EmbeddedTenant) -> None:
    told = one_line(source(type="AWS_CODE_COMMIT", uncreatable="fail"))
    assert "cannot be created through the API: it appears by deploying the CloudFormation template" in told
    assert tenant.writes == []


# -- the machine


def test_the_requests_library_is_missing(tenant: EmbeddedTenant, run_module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("ansible_collections.cortex_cloud.appsec.plugins")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "requests", None)
    result = Ask(run_module, tenant, "data_source_info")()
    assert result["failed"]
    assert "Failed to import the required Python library (requests)" in result["msg"]


def test_a_server_or_a_folder_for_the_budget_that_cannot_be_used_is_a_warning(source: Ask, tenant: EmbeddedTenant) -> None:
    password = "words-of-the-store"
    pytest.importorskip("redis", reason="the Python library redis is not installed")
    result = source.ok(rate_limit_dir="/proc/self/no", rate_limit_url=f"redis://:{password}@127.0.0.1:1/0")
    assert password not in json.dumps(result)
    (server,) = [w for w in result["warnings"] if "rate_limit_url" in w]
    assert server.startswith("the request budget at rate_limit_url (127.0.0.1:1) cannot be used (")
    assert [w for w in result["warnings"] if "cannot be shared with other jobs" in w] == [
        "/proc/self/no cannot be shared with other jobs (No such file or directory): this process keeps to requests_per_second on its "
        "own, and another job may undo its changes. Set rate_limit_dir to a folder that all jobs can write, on a file system with locks."
    ]
