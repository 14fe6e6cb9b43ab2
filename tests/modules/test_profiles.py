# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine against tenants that answer as in a profile of tests/profiles/, or in the one that TENANT_PROFILE names."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from asking import Ask
from contributed import FILE
from verifying import FILLED, fill, verified

from tenant.profile import read_profile
from tenant.server import EmbeddedTenant
from tenant.switches import PROFILES, Mistake

FOLDER = Path(__file__).resolve().parents[1] / "profiles"
FILES = [FILE] if FILE else sorted(FOLDER.glob("*.yml"))
REPORT = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "bandit", "rules": [{"id": "B101"}]}},
            "results": [
                {
                    "ruleId": "B101",
                    "message": {"text": "assert used"},
                    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "app.py"}, "region": {"startLine": 3}}}],
                }
            ],
        }
    ],
}


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def tenant(request: pytest.FixtureRequest) -> Iterator[EmbeddedTenant]:
    # The rate of a profile would only slow the tests down.
    with EmbeddedTenant(**{**read_profile(str(request.param)), "rate": 1000}) as started:
        fill(started, *FILLED)
        yield started


def tell(tenant: EmbeddedTenant) -> dict[str, Any]:
    """What is selected, by type."""
    return {one["type"]: one["state"] for one in tenant.instances.values()}


def test_what_is_connected_is_read_edited_and_then_left_alone(tenant: EmbeddedTenant, run_module: Any) -> None:
    """Check mode says what the run then does, the run does it, and a second one does nothing."""
    if not tenant.switches["licensed"]:
        pytest.skip("the tenant of this profile has no licence: nothing can be read")
    sources = Ask(run_module, tenant, "data_sources")
    (held,) = [i for i, one in tenant.instances.items() if one["type"] == "GITLAB_SELF_MANAGED"]
    shown = Ask(run_module, tenant, "data_source_info").ok(id=held)["data_sources"][0]
    assert (shown["repositories"], shown["complete"]) == (["bakery/oven-1"], True)

    item = {"type": "GITLAB_SELF_MANAGED", "id": held, "selection_type": "MANUAL_SELECTION"}
    wanted = [{**item, "repositories": ["bakery/oven-2", "bakery/oven-3"]}]
    before = tell(tenant)
    planned = sources.ok(data_sources=copy.deepcopy(wanted), check=True)
    assert (planned["changed"], tell(tenant)) == (True, before)
    done = sources.ok(data_sources=copy.deepcopy(wanted))
    assert sorted(tell(tenant)["GITLAB_SELF_MANAGED"]) == ["bakery/oven-1", "bakery/oven-2", "bakery/oven-3"]
    assert planned["plan_digest"] == done["plan_digest"]
    tenant.clear_journal()
    assert not sources.ok(data_sources=copy.deepcopy(wanted))["changed"]
    assert tenant.writes == []


def test_a_collector_is_made_used_and_taken_away(tenant: EmbeddedTenant, run_module: Any, tmp_path: Path) -> None:
    if tenant.switches["generation"] == "previous" or not tenant.switches["licensed"]:
        pytest.skip("the tenant of this profile creates nothing")
    (tmp_path / "report.sarif").write_text(json.dumps(REPORT), encoding="utf-8")
    source = Ask(run_module, tenant, "data_source", type="COLLECTOR", name="semgrep")
    others = set(tenant.instances)
    settings = {"detectionMethod": "SAST", "fileType": "SARIF"}
    made = source.ok(unique_properties=settings, credentials_file=str(tmp_path / "token.json"))
    (new,) = set(tenant.instances) - others
    assert made["changed"]
    upload = Ask(run_module, tenant, "sarif_upload", path=[str(tmp_path / "report.sarif")], repository_url="https://github.com/bakery/repository-1")
    known = tenant.switches["token_names"] != "unknown"
    upload.ok(branch="main", **({"credentials_file": str(tmp_path / "token.json")} if known else {"collector_id": new}))
    assert len(tenant.uploads) == 1
    source.ok(id=new, state="absent")
    assert set(tenant.instances) == others


def test_verify_says_of_it_what_the_profile_says(tenant: EmbeddedTenant, tmp_path: Path) -> None:
    seen = verified(tenant, tmp_path, write=True)["seen"]
    known = {name: value for name, value in seen["switches"].items() if name not in seen["needed"]}
    if known.get("repositories_envelope") == "as_list":
        known["repositories_envelope"] = known["list_envelope"]
    true = dict(tenant.switches)
    if true["repositories_envelope"] == "as_list":
        true["repositories_envelope"] = true["list_envelope"]
    assert known == {name: true[name] for name in known}


@pytest.mark.parametrize("name", ["published", "guide"])
def test_the_profiles_here_are_what_verify_writes(name: str, run_module: Any, tmp_path: Path) -> None:
    """Made anew with REWRITE=1."""
    with EmbeddedTenant(name, rate=1000) as tenant:
        fill(tenant, *FILLED)
        # Which of the two it is, only an attempt to create something tells.
        Ask(run_module, tenant, "data_source", type="VERACODE", name="veracode-eu").ok()
        result = verified(tenant, tmp_path, write=True)
        wrong = {n: v for n, v in result["seen"]["switches"].items() if v != "unknown" and tenant.switches[n] != v}
    assert wrong == {}
    path = FOLDER / f"{name}.yml"
    if os.environ.get("REWRITE"):
        path.write_text(result["profile"], encoding="utf-8")
    kept = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {**kept, "asked": {**kept["asked"], "seconds": 0}} == {**result["seen"], "asked": {**result["seen"]["asked"], "seconds": 0}}
    assert name in PROFILES


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        ("a: [", "not valid YAML"),
        ("- 1", "not a profile; it has no switches or no needed. cortex_cloud.appsec.verify writes one"),
        ("switches: {ratee: 3}\nneeded: {}", "no switch named 'ratee'; did you mean rate"),
        ("switches: {count: many}\nneeded: {}", "switch count: 'many' is not one of"),
    ],
)
def test_what_is_no_profile_is_refused_in_one_line(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "p.yml").write_text(content, encoding="utf-8")
    with pytest.raises(Mistake, match=r"--profile-file \S+p\.yml: ") as refused:
        read_profile(str(tmp_path / "p.yml"))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_value_that_is_the_word_unknown_is_told_from_what_is_unknown(tmp_path: Path) -> None:
    text = "switches: {token_names: unknown, count: unknown, settle: 2}\nneeded: {count: more repositories}"
    (tmp_path / "p.yml").write_text(text, encoding="utf-8")
    assert read_profile(str(tmp_path / "p.yml")) == {"token_names": "unknown", "settle": 2}
