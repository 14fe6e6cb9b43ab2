# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A distinct canary in every place a secret can stand; none of them may be found anywhere but on the wire and in the named file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Ask
from contributed import tenants

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import create, view
from tenant.problem import appsec
from tenant.server import EmbeddedTenant

# Not words, so that a hit is a leak; odd characters, so that quoting is exercised.
CANARIES = {
    "token": 'cnry-tok"en/1',
    "refresh_token": "cnry-refresh+2",
    "client_secret": "cnry-client\\secret-3",
    "password": "cnry-päßword-4",
    "webhook_auth_key": "cnry-webhook 5",
}
SETTINGS = {
    "apiToken": "cnry-setting-6",
    "nested": {"clientSecret": "cnry-nested-7", "list": [{"password": "cnry-listed-8"}]},
    "secretKeys": ["cnry-plural-9"],
    "accessKey": 7734773477341234,
}
EVERYTHING: dict[str, Any] = {
    "type": "GITLAB_SELF_MANAGED",
    "name": "core",
    "domain": {"hostname": "gitlab.example.com", "protocol": "https"},
    "credentials": {"client_id": "public-id", "username": "public-name", **CANARIES},
    "unique_properties": SETTINGS,
    "selection_type": "MANUAL_SELECTION",
    "repositories": ["a/1"],
}


@pytest.fixture(params=tenants("guide", "awkward"))
def tenant(request: pytest.FixtureRequest) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile=request.param, rate=1000) as started:
        yield started


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0, 0.05))


@pytest.fixture(params=["data_source", "data_sources"])
def ask(request: pytest.FixtureRequest, tenant: EmbeddedTenant, run_module: Any) -> Any:
    """Calls the module with one item and searches whatever came of it."""
    caller = Ask(run_module, tenant, request.param)

    def call(*, key: str = "admin", check: bool = False, diff: bool = True, connection: Any = None, **item: Any) -> dict[str, Any]:
        given = item if request.param == "data_source" else {"data_sources": [item]}
        result = caller(key=key, check=check, diff=diff, **given, **(connection or {}))
        nothing_leaked(result, tenant)
        return result

    return call


def test_what_is_not_secret_is_shown_as_it_is(ask: Any, tenant: EmbeddedTenant) -> None:
    """The user name stands in the name of the data source, as it often does."""
    result = ask(**{**EVERYTHING, "name": "gitlab-public-name", "repositories": ["public-id/app"]})
    assert not result["failed"], result
    shown = json.dumps(result)
    assert "gitlab-public-name" in shown
    assert "public-id/app" in shown
    assert "selection_type" in shown


def strings(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for inner in tree.values():
            yield from strings(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from strings(inner)
    else:
        yield str(tree)


def nothing_leaked(result: Any, tenant: EmbeddedTenant) -> None:
    secrets = {*strings(CANARIES), *strings(SETTINGS), *tenant.secrets()}
    # A secret belongs into a header or a body, never into an address, which servers and proxies write down.
    asked = str([(entry.path, entry.query) for entry in tenant.journal])
    for where in (json.dumps(result), json.dumps(result, ensure_ascii=False), str(result), asked):
        assert "cnry-" not in where, where[max(0, where.find("cnry-") - 200) : where.find("cnry-") + 60]
        for secret in secrets:
            assert secret not in where


def test_that_the_search_finds_a_leak(tenant: EmbeddedTenant) -> None:
    for leak in ("cnry-setting-6", 7734773477341234, tenant.keys["viewer"].key, {"deep": ["x cnry-päßword-4 y"]}):
        with pytest.raises(AssertionError):
            nothing_leaked({"msg": leak}, tenant)


def test_in_a_good_run_in_check_mode_and_at_the_next_change(ask: Any, tenant: EmbeddedTenant) -> None:
    tenant.set(put_omitted="keep")  # what a tenant that clears does with hidden settings has tests of its own
    assert ask(**EVERYTHING, check=True)["changed"]
    assert ask(**EVERYTHING)["changed"]
    (made,) = tenant.instances
    for option, name in {"token": "token", "client_secret": "clientSecret", "webhook_auth_key": "webhookAuthKey"}.items():
        assert tenant.credential_matches(made, name, CANARIES[option]), "it must have been sent, or the search proves nothing"
    assert tenant.instances[made]["uniqueProperties"]["nested"] == SETTINGS["nested"]
    ask(**EVERYTHING)
    ask(**{**EVERYTHING, "repositories": ["b/1"]}, check=True)
    ask(**{**EVERYTHING, "repositories": ["b/1"]})
    ask(**EVERYTHING, state="absent")


def test_in_a_list_of_all(tenant: EmbeddedTenant, run_module: Any) -> None:
    tenant.add_instance("GITLAB_SELF_MANAGED", name="core", unique_properties=SETTINGS)
    for options in ({}, {"details": True}):
        result = Ask(run_module, tenant, "data_source_info").ok(**options)
        assert len(result["data_sources"]) == 1
        nothing_leaked(result, tenant)


ECHOES = {
    "words": lambda body: (422, str(list(strings(body)))),
    "words as JSON": lambda body: (400, json.dumps(body)),
    "words as ASCII": lambda body: (400, json.dumps(body, ensure_ascii=True)),
    "at the cut": lambda body: (400, "x" * 592 + " ".join(strings(body.get("credentials", body)))),
    "after a server's error": lambda body: (500, str(list(strings(body)))),
}


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("check", [False, True])
def test_when_the_tenant_repeats_what_it_was_sent(
    ask: Any, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch, echo: str, check: bool
) -> None:
    def refuse(_self: Any, *args: Any) -> Any:
        status, words = ECHOES[echo](args[-1])
        raise appsec(status, "VALIDATION_ERROR", words)

    monkeypatch.setattr(type(tenant.state), "create", refuse)
    monkeypatch.setattr(create, "LOOK_AGAIN_SECONDS", 0.0)
    result = ask(**EVERYTHING, check=check)
    assert result["failed"] != check
    tenant.violations.clear()


@pytest.mark.parametrize(
    "misspelt",
    [
        {"credentails": dict(CANARIES)},
        {"credentials": {"tokn": "cnry-tok"}},
        {"credentials": "cnry-not-a-dictionary"},
        {"credentials": ["cnry-a-list"]},
        {"unique_propertys": SETTINGS},
        {"unique_properties": "cnry-not-a-dictionary"},
        {"domain": {"pasword": "cnry-password"}},
        {"api_token": "cnry-api-token"},
        {"external_projects": [{"token": "cnry-token"}]},
    ],
)
def test_under_a_misspelt_name_or_in_the_wrong_shape(ask: Any, tenant: EmbeddedTenant, misspelt: dict[str, Any]) -> None:
    result = ask(**{**EVERYTHING, **misspelt})
    assert result["failed"]
    assert "Traceback" not in str(result)
    assert tenant.journal == []


@pytest.mark.parametrize(
    "connection",
    [
        {"api_url": "https://user:cnry-in-a-url@api-t.example.com"},
        {"api_url": "https://api-t.example.com/?token=cnry-in-a-query"},
        {"api_key": "cnry-wrong-key"},
        {"api_key": "cnry-with\nline-break"},
        {"api_kye": "cnry-misspelt-key"},
        {"api_key": "cnry-key", "expected_tenant": "other.example.com"},
        {"api_key": "cnry-key", "api_url": "http://api-t.example.com"},
        {"api_key": "cnry-key", "api_url": "http://127.0.0.1:9"},
    ],
)
def test_in_the_connection(ask: Any, connection: dict[str, Any]) -> None:
    assert ask(**EVERYTHING, connection=connection)["failed"]


def test_a_collectors_token_is_in_its_file_alone(ask: Any, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    path = tmp_path / "bandit.json"
    properties = {"detectionMethod": "SAST", "fileType": "SARIF"}
    assert not ask(type="COLLECTOR", name="bandit", unique_properties=properties, credentials_file=str(path))["failed"]
    (token,) = tenant.state.tokens.values()
    assert token.token in path.read_text()


def test_a_collectors_token_that_could_not_be_kept_is_not_in_the_message(
    ask: Any, tenant: EmbeddedTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.collector_token import (
        CredentialsFile,
    )

    def full(_self: Any, _content: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CredentialsFile, "commit", full)
    properties = {"detectionMethod": "SAST", "fileType": "SARIF"}
    result = ask(type="COLLECTOR", name="bandit", unique_properties=properties, credentials_file=str(tmp_path / "x.json"))
    assert (result["failed"], result["changed"]) == (True, False)
    assert "No space left on device" in result["msg"]
    assert list(tmp_path.glob("*.json")) == []


def test_the_systems_log_has_none(tenant: EmbeddedTenant, run_module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import syslog

    written: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lambda *args: written.append(str(args)))
    Ask(run_module, tenant, "data_source")(**EVERYTHING)
    Ask(run_module, tenant, "data_sources")(data_sources=[EVERYTHING])
    assert written, "Ansible logs each call; where it does not, this test proves nothing"
    nothing_leaked(written, tenant)
