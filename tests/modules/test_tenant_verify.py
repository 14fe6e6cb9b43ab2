# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the tenant itself: what verify says is true of the tenant that it asked, and tells nobody who that is."""

from __future__ import annotations

import random
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from asking import Ask
from verifying import FILLED, ODD, REPOSITORY, fill, verified

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._verify import asking
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._verify.asking import MOST_REQUESTS
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._verify.evidence import STATEMENTS, members
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._verify.switches import NEVER, WRITE
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._verify.switches import SWITCHES as SEEN
from starting import IN_CI
from tenant.profile import read_profile
from tenant.server import EmbeddedTenant
from tenant.switches import SWITCHES

EARLIER = "# How a tenant of Cortex Cloud Application Security answers, as cortex_cloud.appsec.verify saw it.\n"

ROOT = Path(__file__).resolve().parents[2]
COMBINATIONS = 200 if IN_CI else 8
# Of switches that take any number; a rate that slows the tests down would show nothing.
NUMBERS: dict[str, tuple[Any, ...]] = {
    "clock_offset": (-60.0, 30.0), "clock_skew": (120.0, 900.0), "rate": (1000, 999), "rate_window": (0.5, 1.0), "settle": (0, 1, 2, 3),
    "repositories_page": (7, 70, 100),
}  # fmt: skip
# Seen in tests of their own.
ALONE = ("certificate", "retry_after", "creatable")
# What it takes to see a switch, besides a filled tenant.
BESIDES = {"category_filter": {"requests": "older"}, "name_shown": {"fields": "mirrored"}, "unique_properties": {"fields": "mirrored"}}
# Values that nothing tells from others.
HIDDEN = {
    ("identifier_given", "name"), ("identifier_given", "vendor"), ("read_only", True), ("unique_properties_put", "replace"),
    ("settle", 3), ("repositories_page", 100),
}  # fmt: skip


def values(name: str) -> tuple[Any, ...]:
    choices = SWITCHES[name].choices
    return NUMBERS[name] if choices is None else choices


def alike(name: str, said: Any, tenant: EmbeddedTenant) -> bool:
    """Whether what verify says of a switch is true; `as_list` and the list's own envelope are the same."""
    true = tenant.switches[name]
    if name == "repositories_envelope":
        meant = {"as_list": tenant.switches["list_envelope"]}
        return bool(meant.get(said, said) == meant.get(true, true))
    return type(said) is type(true) and bool(said == true)  # pylint: disable=unidiomatic-typecheck


def wrong(seen: dict[str, Any], tenant: EmbeddedTenant) -> dict[str, Any]:
    return {name: said for name, said in seen["switches"].items() if said != "unknown" and not alike(name, said, tenant)}


def test_the_tables_are_those_of_the_tenant_and_of_the_page() -> None:
    assert list(SEEN) == list(SWITCHES)
    assert {name: one.expected for name, one in SEEN.items()} == {name: one.published for name, one in SWITCHES.items()}
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| ([a-z]+\.[a-z0-9]+) \|", page, re.MULTILINE)) == sorted(STATEMENTS)


@pytest.mark.parametrize("name", [name for name, one in SEEN.items() if one.seen != NEVER and name not in ALONE])
def test_what_the_table_says_is_seen_is_seen(name: str, tmp_path: Path) -> None:
    # The published value alone, beside what it takes to see it, is what every other switch is tried with.
    for value in [value for value in values(name) if IN_CI or value != SWITCHES[name].published]:
        with EmbeddedTenant(rate=1000, **{**BESIDES.get(name, {}), name: value}) as tenant:
            fill(tenant, *FILLED)
            result = verified(tenant, tmp_path, write=SEEN[name].seen == WRITE)
            assert wrong(result["seen"], tenant) == {}
            # Not by the word unknown, which is also a value.
            assert (name in result["seen"]["needed"]) == ((name, value) in HIDDEN), (name, value)
            assert result["requests"] == len(tenant.journal) <= MOST_REQUESTS


@pytest.mark.parametrize("seed", range(COMBINATIONS))
def test_nothing_wrong_is_said_of_any_combination(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    switches = {name: chance.choice(values(name)) for name in SWITCHES if name not in ("rate", "certificate") and chance.random() < 0.5}
    # Half of the tenants would answer nothing at all.
    switches["licensed"] = chance.random() < 0.95
    held = [what for what in (*FILLED, *ODD) if chance.random() < 0.6]
    with EmbeddedTenant(chance.choice(["published", "default", "awkward"]), rate=1000, **switches) as tenant:
        fill(tenant, *held)
        before = tenant.instances
        result = verified(tenant, tmp_path, write=chance.random() < 0.7, report=tmp_path / "profile.yml")
        assert wrong(result["seen"], tenant) == {}, (switches, held)
        assert result["requests"] <= MOST_REQUESTS
        assert set(tenant.instances) == set(before), result.get("msg")
        assert not result.get("failed"), result["msg"]
    if not IN_CI and seed % 4:
        return
    # And back: of a tenant that is started with the profile, verify says the same.
    known = read_profile(str(tmp_path / "profile.yml"))
    assert known == {name: value for name, value in result["seen"]["switches"].items() if name not in result["seen"]["needed"]}
    with EmbeddedTenant(**{**known, "rate": 1000}) as replayed:
        fill(replayed, *held)
        again = verified(replayed, tmp_path, write=result["seen"]["asked"]["with_verify_write"])
        assert wrong(again["seen"], replayed) == {}, (switches, held)
        same = [name for name in known if name not in again["seen"]["needed"]]
        assert len(same) > len(known) / 2, (switches, held)


def test_a_certificate_and_a_refusal_for_the_limit_are_seen(tmp_path: Path) -> None:
    with EmbeddedTenant(tls=True, rate=1000) as tenant:
        tenant.fault("throttled", retry_after=1)
        seen = verified(tenant, tmp_path)["seen"]
    assert (seen["switches"]["certificate"], seen["switches"]["retry_after"]) == ("valid", "seconds")
    assert seen["statements"]["tenant.429"] == "contradicted"


@pytest.mark.parametrize("value", ["collector", "all"])
def test_what_can_be_created_is_known_once_a_run_has_tried(value: str, run_module: Any, tmp_path: Path) -> None:
    with EmbeddedTenant(rate=1000, creatable=value) as tenant:
        seen = verified(tenant, tmp_path)["seen"]
        assert seen["needed"]["creatable"].startswith("an earlier run that tried")
        Ask(run_module, tenant, "data_source", type="SNYK", name="snyk-us").ok()
        assert verified(tenant, tmp_path)["seen"]["switches"]["creatable"] == value


def test_reading_needs_no_more_than_a_key_that_may_view(tenant: EmbeddedTenant, tmp_path: Path) -> None:
    tenant.set(read_only=True)
    fill(tenant, *FILLED)
    result = verified(tenant, tmp_path, key="viewer")
    assert (tenant.writes, tenant.write_attempts, {entry.status for entry in tenant.journal}) == ([], [], {200, 404, 422})
    assert "changed" in result
    assert not result["changed"]


# -- the collector


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        *((kind, method) for kind in ("lost_answer", "html_500", "bad_gateway", "truncated_json") for method in ("POST", "PUT", "DELETE")),
        ("lost_answer", "GET"),
        ("unavailable", "DELETE"),
    ],
)
def test_whatever_fails_the_collector_is_gone_and_nothing_else(tenant: EmbeddedTenant, tmp_path: Path, kind: str, method: str) -> None:
    fill(tenant, *FILLED)
    before = tenant.instances
    tenant.fault(kind, method=method, count=2)
    result = verified(tenant, tmp_path, write=True, retry_deadline=5)
    assert tenant.instances == before, result.get("msg")
    assert result["requests"] <= MOST_REQUESTS
    assert {entry.path.rpartition("/")[2] for entry in tenant.writes} & set(before) == set()


def test_a_collector_that_cannot_be_deleted_is_named(tenant: EmbeddedTenant, tmp_path: Path) -> None:
    tenant.fault("html_500", method="DELETE", count=None)
    result = verified(tenant, tmp_path, write=True)
    (left,) = tenant.instances.values()
    name = left["uniqueIdentifier"].rpartition("-")[0]
    assert result["failed"]
    assert result["changed"]
    said = rf"the collector {name} \(id {left['id']}\) was created but could not be deleted.* Delete it in the console\."
    assert re.fullmatch(said, result["msg"])
    assert result["seen"]["switches"]["create_status"] == 200


def test_nothing_is_written_unless_it_is_asked_for(tenant: EmbeddedTenant, run_module: Any, tmp_path: Path) -> None:
    ask = Ask(run_module, tenant, "tenant_verify", verify_report=str(tmp_path / "profile.yml"))
    ask.ok()
    ask.ok(verify_write=True, check=True)
    assert "without verify_write: an upload needs a collector. Nothing was sent." in ask.refused(verify_repository_url=REPOSITORY)
    assert tenant.writes == []
    tenant.set(generation="previous")
    told = ask.ok(verify_write=True)["summary"]
    assert tenant.writes == []
    assert any("a tenant of the previous generation creates nothing" in line for line in told)


# -- the report


def test_the_report_is_private_and_what_the_module_returns(tenant: EmbeddedTenant, run_module: Any, tmp_path: Path) -> None:
    fill(tenant, *FILLED)
    report = tmp_path / "profile.yml"
    result = Ask(run_module, tenant, "tenant_verify").ok(verify_report=str(report), verify_write=True)
    assert report.read_text(encoding="utf-8") == result["profile"]
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    seen = yaml.safe_load(result["profile"])
    assert list(seen) == ["profile", "collection", "asked", "switches", "needed", "statements", "answers"]
    assert seen["asked"]["requests"] == result["requests"] == len(tenant.journal)
    assert seen["answers"]["repositories"]["items"] == "up to 100"
    (tmp_path / "link").symlink_to(report)
    told = Ask(run_module, tenant, "tenant_verify").refused(verify_report=str(tmp_path / "link"))
    assert "link cannot be written (it is a link, and links are not followed). Nothing was sent." in told


def test_the_summary_says_what_works_what_is_different_and_which_option_matters(awkward: EmbeddedTenant, tmp_path: Path) -> None:
    fill(awkward, *FILLED)
    told = verified(awkward, tmp_path, write=True)["summary"]
    assert re.fullmatch(r"asked        \d+ requests in \d+\.\d s, one collector made and deleted", told[0])
    assert "works        uploading a report: yes" in told
    assert any(line.startswith("different    paging through repositories (offset: ignored): ") for line in told)
    (handled,) = [line for line in told if "no option needed" in line]
    assert "list_envelope reply_data" in handled


AVAILABLE = (200, {"status": "available"})
REFUSED = (401, {"reply": {"err_code": 401, "err_msg": "Public API request unauthorized"}})
FORBIDDEN = (403, {"reply": {"err_code": 403, "err_msg": "Forbidden"}})
LIST, PAGES = "/public_api/appsec/v1/data_source_instances", "/public_api/appsec/v1/repositories"


@pytest.mark.parametrize(
    ("health", "others", "said"),
    [
        (AVAILABLE, REFUSED, "HTTP 401 Public API request unauthorized .* The host responds like a tenant, so the key is the problem."),
        (REFUSED, REFUSED, "The key or its id is wrong, .* The host responds like a tenant, so the key is the problem."),
        (FORBIDDEN, FORBIDDEN, "HTTP 403 Forbidden .* its role lacks the permission"),
        ((403, {"error": "no"}), (403, {"error": "no"}), "HTTP 403 no .* api_url may not be the URL of a tenant."),
        (AVAILABLE, (404, {"message": "?"}), "The host is a tenant, but does not offer this API."),
        ((404, {"message": "?"}), (404, {"message": "?"}), "api_url may not be the URL of a tenant."),
        ((200, {"ok": True}), (200, {"ok": True}), "HTTP 200 the response has an unknown form .* Is api_url the API URL"),
        ((200, "Sign in"), (500, {"message": "down"}), "HTTP 500 down"),
        (AVAILABLE, (503, {"message": "down"}), "HTTP 503 down .*, [2-9] attempts"),
    ],
)
def test_where_nothing_can_be_read_it_fails_and_keeps_no_profile(
    run_module: Any, tenant: EmbeddedTenant, host: Any, tmp_path: Path, health: Any, others: Any, said: str
) -> None:
    host.answers = {"/public_api/v1/healthcheck": health}
    host.otherwise = others
    report = tmp_path / "profile.yml"
    report.write_text(EARLIER)
    ask = Ask(run_module, tenant, "tenant_verify", api_url=f"http://127.0.0.1:{host.server_port}", retry_deadline=1)
    line = ask.refused(verify_report=str(report), verify_write=True)
    assert re.search(said, line), line
    assert line.startswith("Cannot verify the tenant: ")
    assert report.read_text() == EARLIER


def test_requests_that_are_used_up_before_anything_was_read_are_a_failure(
    run_module: Any, tenant: EmbeddedTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MOST_REQUESTS", 2)
    tenant.fault("unavailable", count=None)
    line = Ask(run_module, tenant, "tenant_verify").refused(verify_report=str(tmp_path / "profile.yml"))
    assert line == "verify makes at most 2 requests, and has made them; the last one got HTTP 503. Run again later."
    assert list(tmp_path.glob("profile*")) == []


def test_a_key_that_may_read_some_of_it_sees_that(run_module: Any, tenant: EmbeddedTenant, host: Any, tmp_path: Path) -> None:
    """Of a role without data sources, of a list that is new to this collection, and of a tenant without a licence."""
    ask = Ask(run_module, tenant, "tenant_verify", api_url=f"http://127.0.0.1:{host.server_port}")
    repository = {"id": "r1", "name": "ovens"}
    for listed in (FORBIDDEN, (200, {"instances": []})):
        host.answers = {"/public_api/v1/healthcheck": AVAILABLE, LIST: listed, PAGES: (200, {"data": [repository]})}
        result = ask.ok()
        assert yaml.safe_load(result["profile"])["switches"]["repositories_envelope"] == "data"
        data_sources, repositories = [line for line in result["summary"] if line.startswith("works")]
        assert data_sources.endswith(f"reading data sources: NO (status {listed[0]}); run cortex_cloud.appsec.doctor, which says why")
        assert repositories.endswith("reading repositories: yes")
    tenant.set(licensed=False)
    assert verified(tenant, tmp_path)["seen"]["switches"]["licensed"] is False


def test_what_looks_like_no_member_and_what_stands_in_a_free_place_is_only_counted() -> None:
    domain = {"hostname": "h", "git.acme": 1}
    shown = members([{"id": "1", "acme-corp": 1, "Acme": 1, "acme2": 1, "domain": domain, "uniqueProperties": {"acme": 1}}])
    kinds = {"domain": "object", "domain.hostname": "text", "id": "text", "uniqueProperties": "object"}
    assert shown == {**kinds, "others": "4 with other names"}


def canaries() -> list[str]:
    # Of letters alone, as names of members are.
    return ["canary" + "".join(random.Random(number).choices("abcdefghijklmnopqrstuvwxyz", k=8)) for number in range(30)]


def plant(tenant: EmbeddedTenant) -> list[str]:
    """Thirty names and secrets wherever a tenant can show one."""
    words = canaries()
    left = iter(words)
    tenant.organization = next(left)
    for kind in ("GITHUB_ENTERPRISE", "GITLAB_SELF_MANAGED"):
        tenant.add_instance(
            kind, name=next(left), identifier=next(left), hostname=f"{next(left)}.example", state=[f"{next(left)}/{next(left)}"],
            repositories=[f"{next(left)}/{next(left)}"], selection_type="MANUAL_SELECTION", certificate=next(left),
            unique_properties={"apiToken": next(left), next(left): next(left)},
            external_projects=[], status_details={next(left): {"status": "INVALID", "message": next(left)}},
        )  # fmt: skip
    tenant.add_collector(next(left))
    tenant.add_repository(f"{next(left)}/{next(left)}")
    assert list(left) == []
    return words


@pytest.mark.parametrize("profile", ["published", "awkward"])
def test_of_thirty_names_and_secrets_none_is_in_the_profile(profile: str, run_module: Any, tmp_path: Path) -> None:
    with EmbeddedTenant(profile, rate=1000) as tenant:
        words = plant(tenant)
        ids = list(tenant.instances)
        repository = f"https://github.com/{words[-2]}/{words[-1]}"
        result = Ask(run_module, tenant, "tenant_verify").ok(verify_write=True, verify_repository_url=repository)
        assert len(tenant.uploads) == 1
        sent = " ".join(str(entry.response_body) for entry in tenant.journal)
    assert sum(word in sent for word in words) > 15, "the tenant shows them"
    shown = str(result["profile"]) + str(result["summary"])
    assert [word for word in [*words, *ids, *tenant.secrets(), tenant.keys["admin"].id, str(tenant.port)] if word in shown] == []
    assert "cortex-cloud-appsec-verify" not in shown
