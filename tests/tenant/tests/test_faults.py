# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault does what its line in the table says, to the requests for which it was ordered and to no other."""
from __future__ import annotations

import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tenant.faults import KINDS, FaultError, table
from tenant.server import EmbeddedTenant
from tenant.switches import SwitchError

from .calling import GITLAB, INSTANCES, Caller

NO_RESPONSE = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.mark.parametrize("kind", ["lost_answer", "truncated_json"])
def test_carried_out_but_the_response_does_not_arrive_completely(tenant: EmbeddedTenant, admin: Caller, kind: str) -> None:
    tenant.fault(kind, method="POST")
    with pytest.raises(NO_RESPONSE):
        admin.post(INSTANCES, GITLAB)
    assert len(tenant.instances) == 1
    assert [entry.status for entry in tenant.writes] == [200]
    assert admin.get(INSTANCES).status_code == 200


def test_closed_before_anything_was_done(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.fault("closed_before", method="POST")
    with pytest.raises(NO_RESPONSE):
        admin.post(INSTANCES, GITLAB)
    assert len(tenant.instances) == 0
    assert tenant.journal == []


def test_carried_out_after_the_caller_gave_up(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.fault("late_commit", method="POST", seconds=0.3)
    with pytest.raises(NO_RESPONSE):
        admin.post(INSTANCES, GITLAB)
    assert len(tenant.instances) == 0
    tenant.no_more_faults()
    assert len(tenant.instances) == 1


@pytest.mark.parametrize(("kind", "status"), [("throttled", 429), ("unavailable", 503)])
def test_refused_without_being_carried_out(tenant: EmbeddedTenant, admin: Caller, kind: str, status: int) -> None:
    tenant.fault(kind)
    reply = admin.post(INSTANCES, GITLAB)
    assert (reply.status_code, len(tenant.instances)) == (status, 0)
    assert reply.json()["reply"]["err_code"] == status
    assert "Retry-After" not in reply.headers
    tenant.fault(kind, retry_after=7)
    assert admin.get(INSTANCES).headers["Retry-After"] == "7"
    tenant.fault(kind, retry_after=7, date=True)
    until = parsedate_to_datetime(admin.get(INSTANCES).headers["Retry-After"]).timestamp() - time.time()
    assert 5 < until <= 7


@pytest.mark.parametrize(("kind", "status", "done"), [("html_500", 500, 0), ("bad_gateway", 502, 1)])
def test_an_html_page_instead_of_a_response(tenant: EmbeddedTenant, admin: Caller, kind: str, status: int, done: int) -> None:
    tenant.fault(kind)
    reply = admin.post(INSTANCES, GITLAB)
    assert (reply.status_code, len(tenant.instances)) == (status, done)
    assert reply.text.startswith("<html>")


def test_half_of_the_json(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.fault("malformed_json")
    reply = admin.get(INSTANCES)
    assert reply.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Extra"):
        reply.json()


def test_the_list_lags_behind_in_both_directions(tenant: EmbeddedTenant, admin: Caller) -> None:
    old = admin.create(GITLAB)
    time.sleep(0.5)
    new = admin.create(GITLAB, uniqueProperties={"name": "new"})
    assert admin.delete(f"{INSTANCES}/{old}").status_code == 204
    tenant.fault("lagging_list", seconds=0.4)
    assert [one["id"] for one in admin.get(INSTANCES).json()] == [old]
    assert admin.get(f"{INSTANCES}/{old}").status_code == 404
    assert [one["id"] for one in admin.get(INSTANCES).json()] == [new]


def test_a_redirect_leads_to_another_host(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.fault("redirect")
    reply = admin.send("GET", INSTANCES, allow_redirects=False)
    assert (reply.status_code, reply.headers["Location"]) == (302, "http://another-host.example.com/")


def test_a_slow_response(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.fault("slow_answer", seconds=0.4)
    began = time.monotonic()
    assert admin.post(INSTANCES, GITLAB).status_code == 200
    assert time.monotonic() - began > 0.4


def test_latency_has_jitter_and_is_added_to_another_fault(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.fault("latency", seconds=0.03, jitter=0.04, count=None)
    tenant.fault("throttled", after=5)
    took = []
    for _unused in range(6):
        began = time.monotonic()
        last = admin.get(INSTANCES).status_code
        took.append(time.monotonic() - began)
    assert last == 429
    assert min(took) > 0.03
    assert max(took) - min(took) > 0.004
    assert tenant.faults.counted() == {"latency": 6, "throttled": 1}


def test_an_order_names_method_path_and_count(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.fault("html_500", method="GET", path=r"/data_source_instances/", count=2, after=1)
    one = f"{INSTANCES}/{admin.create(GITLAB)}"
    assert [admin.get(path).status_code for path in (INSTANCES, one, INSTANCES, one, one, one)] == [200, 200, 200, 500, 500, 200]
    assert [(i.kind, i.method, i.path) for i in tenant.injected] == [("html_500", "GET", one)] * 2


def test_a_seed_repeats_its_faults(make_tenant: Callable[..., EmbeddedTenant]) -> None:
    def seen(seed: str) -> list[int]:
        tenant = make_tenant()
        tenant.fault("unavailable", chance=0.4, seed=seed, count=None)
        return [Caller(tenant).get(INSTANCES).status_code for _unused in range(30)]

    first = seen("a")
    assert first == seen("a")
    assert first != seen("b")
    assert 4 < first.count(503) < 22


def test_the_control_interface_orders_and_clears(tenant: EmbeddedTenant, admin: Caller) -> None:
    headers = {"X-Control-Token": tenant.control_token}
    reply = admin.raw("POST", "/control/faults", headers, json={"kind": "html_500", "count": 2})
    assert (reply.status_code, reply.json()["orders"][0]["kind"]) == (200, "html_500")
    assert admin.get(INSTANCES).status_code == 500
    assert admin.raw("GET", "/control/faults", headers).json()["injected"] == [{"kind": "html_500", "method": "GET", "path": INSTANCES}]
    assert admin.raw("DELETE", "/control/faults", headers).status_code == 200
    assert admin.get(INSTANCES).status_code == 200
    for wrong in ({"kind": "nonsense"}, {"kind": "latency", "seconds": "soon"}, {"kind": "latency", "secs": 1}, {}, []):
        reply = admin.raw("POST", "/control/faults", headers, json=wrong)
        assert reply.status_code == 400, wrong
        assert "\n" not in reply.json()["error"]
    assert admin.raw("POST", "/control/faults", {}, json={"kind": "html_500"}).status_code == 403


def test_a_reset_ends_them(tenant: EmbeddedTenant, admin: Caller) -> None:
    tenant.fault("html_500", count=None)
    tenant.reset()
    assert admin.get(INSTANCES).status_code == 200


@pytest.mark.parametrize(
    "wrong", [{"path": "("}, {"seconds": -1}, {"chance": float("nan")}, {"jitter": True}, {"count": 0}, {"retry_after": "soon"}]
)
def test_an_order_that_makes_no_sense_is_refused(tenant: EmbeddedTenant, wrong: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        tenant.fault("latency", **wrong)


@pytest.mark.parametrize("which", ["valid", "other_name", "expired"])
def test_the_certificate_shown(make_tenant: Callable[..., EmbeddedTenant], which: str) -> None:
    tenant = make_tenant(tls=True, certificate=which)

    def ask() -> int:
        return requests.get(tenant.url + INSTANCES, verify=tenant.ca_path, timeout=5).status_code

    if which == "valid":
        assert ask() == 401
        return
    with pytest.raises(requests.exceptions.SSLError, match="match" if which == "other_name" else "expired"):
        ask()
    tenant.set(certificate="valid")
    assert ask() == 401
    with pytest.raises(SwitchError):
        tenant.set(certificate="none")


def test_every_fault_is_tested_and_the_page_shows_them() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for kind in KINDS:
        assert re.search(rf'"{kind}"', source), f"no test orders the fault {kind}"
    assert table() in Path(__file__).resolve().parents[3].joinpath("docs", "embedded_tenant.md").read_text(encoding="utf-8")
