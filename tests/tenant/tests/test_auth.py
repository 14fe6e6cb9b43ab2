# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication and permissions. To the caller every 401 looks the same; `refusals` says which check failed."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from tenant.server import EmbeddedTenant

from .calling import COLLECTOR, GITLAB, INSTANCES, UNAUTHORIZED, Caller, SteppedClock, nonce, sarif, signed

Headers = dict[str, str]


def advanced(tenant: EmbeddedTenant, **changes: str) -> Headers:
    return {**signed(tenant.keys["admin"], tenant.clock_now()), **changes}


def standard(tenant: EmbeddedTenant, **changes: str) -> Headers:
    key = tenant.keys["admin_standard"]
    return {"x-xdr-auth-id": key.id, "Authorization": key.key, **changes}


def without(headers: Headers, name: str) -> Headers:
    return {key: value for key, value in headers.items() if key != name}


def shouted(headers: Headers) -> Headers:
    return {**headers, "Authorization": headers["Authorization"].upper()}


REFUSED: dict[str, tuple[str, Callable[[EmbeddedTenant], Headers]]] = {
    "no headers": ("missing_headers", lambda tenant: {}),
    "no Authorization": ("missing_headers", lambda tenant: without(advanced(tenant), "Authorization")),
    "no key id": ("missing_headers", lambda tenant: without(advanced(tenant), "x-xdr-auth-id")),
    "unknown key id": ("unknown_key_id", lambda tenant: standard(tenant, **{"x-xdr-auth-id": "9999"})),
    "wrong standard key": ("wrong_key", lambda tenant: standard(tenant, Authorization="wrong")),
    "scheme word before the key": (
        "wrong_key", lambda tenant: standard(tenant, Authorization=f"Bearer {tenant.keys['admin_standard'].key}")
    ),
    "advanced key sent raw": (
        "wrong_level", lambda tenant: {"x-xdr-auth-id": tenant.keys["admin"].id, "Authorization": tenant.keys["admin"].key}
    ),
    "standard key signed": ("wrong_level", lambda tenant: signed(tenant.keys["admin_standard"], tenant.clock_now())),
    "standard key with another's id": ("wrong_key", lambda tenant: standard(tenant, Authorization=tenant.keys["viewer_standard"].key)),
    "wrong signature": ("wrong_signature", lambda tenant: advanced(tenant, Authorization="0" * 64)),
    "signature in upper case": ("wrong_signature", lambda tenant: shouted(advanced(tenant))),
    "signature of another nonce": ("wrong_signature", lambda tenant: advanced(tenant, **{"x-xdr-nonce": nonce()})),
    "no nonce": ("bad_nonce", lambda tenant: without(advanced(tenant), "x-xdr-nonce")),
    "short nonce": ("bad_nonce", lambda tenant: signed(tenant.keys["admin"], tenant.clock_now(), "a" * 63)),
    "nonce with a dash": ("bad_nonce", lambda tenant: signed(tenant.keys["admin"], tenant.clock_now(), "-" * 64)),
    "no timestamp": ("bad_timestamp", lambda tenant: without(advanced(tenant), "x-xdr-timestamp")),
    "timestamp in seconds": ("bad_timestamp", lambda tenant: signed(tenant.keys["admin"], tenant.clock_now() / 1000)),
    "clock behind": ("clock_skew", lambda tenant: signed(tenant.keys["admin"], tenant.clock_now() - 301)),
    "clock ahead": ("clock_skew", lambda tenant: signed(tenant.keys["admin"], tenant.clock_now() + 302)),
    "expired key": ("expired", lambda tenant: signed(tenant.keys["expired"], tenant.clock_now())),
    "both header families": ("both_families", lambda tenant: advanced(tenant, **{"x-crtx-auth-id": "1"})),
    "unknown collector token": ("unknown_token", lambda tenant: {"x-crtx-auth-id": "1", "Authorization": "x"}),
    "wrong collector token": (
        "wrong_token", lambda tenant: {"x-crtx-auth-id": tenant.add_collector("semgrep").token_id, "Authorization": "x"}
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tenant: EmbeddedTenant, admin: Caller, case: str) -> None:
    reason, headers = REFUSED[case]
    reply = admin.raw("GET", INSTANCES, headers(tenant))
    assert (reply.status_code, reply.json()) == (401, UNAUTHORIZED)
    assert tenant.refusals == [reason]


@pytest.mark.parametrize("name", ["admin", "admin_standard", "viewer", "viewer_standard"])
def test_every_valid_key_reads(tenant: EmbeddedTenant, name: str) -> None:
    assert Caller(tenant, name).get(INSTANCES).json() == []


def test_a_nonce_is_valid_once_per_key(tenant: EmbeddedTenant, admin: Caller) -> None:
    headers = advanced(tenant)
    assert admin.raw("GET", INSTANCES, headers).status_code == 200
    assert admin.raw("GET", INSTANCES, headers).json() == UNAUTHORIZED
    assert tenant.refusals == ["replayed"]
    viewers = signed(tenant.keys["viewer"], tenant.clock_now(), headers["x-xdr-nonce"])
    assert admin.raw("GET", INSTANCES, viewers).status_code == 200


def test_whole_seconds_are_accepted(tenant: EmbeddedTenant, admin: Caller) -> None:
    assert admin.raw("GET", INSTANCES, signed(tenant.keys["admin"], int(tenant.clock_now()))).status_code == 200


@pytest.mark.parametrize(("skew", "status"), [(-300, 200), (300, 200), (-300.001, 401), (300.001, 401)])
def test_the_window_is_five_minutes_both_ways(timed: Callable[..., EmbeddedTenant], skew: float, status: int) -> None:
    tenant = timed()
    assert Caller(tenant).raw("GET", INSTANCES, signed(tenant.keys["admin"], tenant.clock_now() + skew)).status_code == status


def test_the_window_is_a_switch(timed: Callable[..., EmbeddedTenant]) -> None:
    tenant = timed(clock_skew=10)
    assert Caller(tenant).raw("GET", INSTANCES, signed(tenant.keys["admin"], tenant.clock_now() - 11)).status_code == 401


def test_the_date_header_and_signatures_follow_a_shifted_clock(timed: Callable[..., EmbeddedTenant], clock: SteppedClock) -> None:
    tenant = timed(clock_offset=3600)
    reply = Caller(tenant).raw("GET", INSTANCES, signed(tenant.keys["admin"], clock.now()))
    assert (reply.status_code, reply.headers["Date"]) == (401, "Fri, 15 Jan 2027 09:00:00 GMT")
    assert Caller(tenant).raw("GET", INSTANCES, signed(tenant.keys["admin"], clock.now() + 3600)).status_code == 200


@pytest.mark.parametrize("name", ["viewer", "viewer_standard"])
def test_a_viewer_may_not_write(tenant: EmbeddedTenant, name: str) -> None:
    instance_id = tenant.add_instance("GITHUB", name="web")
    viewer, path = Caller(tenant, name), f"{INSTANCES}/{instance_id}"
    for reply in (viewer.post(INSTANCES, GITLAB), viewer.put(path, {}), viewer.delete(path)):
        assert (reply.status_code, reply.json()["reply"]["err_code"]) == (403, 403)
    assert list(tenant.instances) == [instance_id]


def test_without_a_licence(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.set(licensed=False)
    reply = admin.get(INSTANCES)
    assert (reply.status_code, reply.json()["reply"]["err_code"]) == (402, 402)
    assert admin.get("/api_keys/validate/").status_code == 200


def test_a_bad_key_is_refused_before_the_licence_is_checked(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.set(licensed=False)
    assert admin.raw("GET", INSTANCES, {}).status_code == 401


def test_a_collector_token_uploads_to_its_own_collector_only(tenant: EmbeddedTenant, admin: Caller) -> None:
    repository = tenant.add_repository("shop/web")
    own, other = tenant.add_collector("semgrep"), tenant.add_collector("codeql")
    headers = {"x-crtx-auth-id": own.token_id, "Authorization": own.token}

    def upload(url: str) -> int:
        return admin.raw("POST", url.removeprefix(tenant.url), headers, params={"repository_id": repository}, json=sarif()).status_code

    assert upload(own.api_url) == 201
    assert upload(other.api_url) == 403
    assert admin.raw("GET", INSTANCES, headers).status_code == 403
    assert admin.raw("GET", "/api_keys/validate/", headers).status_code == 403
    assert len(tenant.uploads) == 1


def test_deleting_a_collector_invalidates_its_token(tenant: EmbeddedTenant, admin: Caller) -> None:
    created = admin.post(INSTANCES, COLLECTOR).json()
    assert admin.delete(f"{INSTANCES}/{created['id']}").status_code == 204
    token = created["credentials"]
    headers = {"x-crtx-auth-id": str(token["webhookAuthKeyId"]), "Authorization": token["webhookAuthKey"]}
    assert admin.raw("POST", created["apiUrl"].removeprefix(tenant.url), headers, json=sarif()).json() == UNAUTHORIZED


@pytest.mark.parametrize(("word", "answer"), [("string", "true"), ("boolean", True)])
def test_key_validation(tenant: EmbeddedTenant, admin: Caller, word: str, answer: object) -> None:
    tenant.set(validate_body=word)
    assert admin.get("/api_keys/validate/").json() == answer
    assert admin.post("/api_keys/validate/", {}).json() == answer
    assert tenant.writes == []
