# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page "Scopes at scale" as it is written: its command makes the candidates, its data file is onboarded, its plan is shown."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from playing import ROOT, play

from tenant.server import EmbeddedTenant

PAGE = (ROOT / "docs" / "scopes.md").read_text(encoding="utf-8")
SECRETS = {"vault_gitlab_id": "application", "vault_gitlab_secret": "canary-gitlab-secret"}


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_can_be_followed(tmp_path: Path) -> None:
    (command,) = [block for block in blocks("console") if block.startswith("find")]
    server = tmp_path / "server"
    for name in ("platform/api", "platform/archive", "platform/tools/ci", "shop/web"):
        subprocess.run(["git", "init", "--quiet", "--bare", str(server / f"{name}.git")], check=True)
    subprocess.run(command, shell=True, cwd=server, check=True)
    (tmp_path / "tenants").mkdir()
    (server / "repositories.txt").rename(tmp_path / "tenants" / "repositories.txt")
    (tmp_path / "tenants" / "tenant.yml").write_text(blocks("yaml")[0], encoding="utf-8")
    given = {**SECRETS, "onboard_file": "tenants/tenant.yml"}
    with EmbeddedTenant("guide", rate=1000) as tenant:
        instance = tenant.add_instance("GITLAB_SELF_MANAGED", name="gitlab-core", hostname="gitlab.example.com",
                                       selection_type="MANUAL_SELECTION", state=["old/gone"])  # fmt: skip
        checked = play(tmp_path, "onboard", "--check", "--diff", tenant=tenant, key="viewer", **given)
        assert checked.code == 0, checked.output
        (shown,) = [block for block in blocks("text") if "scope_rules[0]" in block]
        assert [line for line in checked.output.splitlines() if line.startswith("+") and not line.startswith("+++")] == shown.splitlines()
        assert "1 of 1 selected repositories are not included by the scope_rules but stay selected" in " ".join(checked.output.split())
        assert tenant.writes == []

        assert play(tmp_path, "onboard", tenant=tenant, **given).code == 0
        assert sorted(tenant.instances[instance]["state"]) == ["old/gone", "platform/api", "platform/tools/ci", "shop/web"]
        again = play(tmp_path, "onboard", tenant=tenant, **given)
        assert (again.code, again.counts()["changed"]) == (0, 0)


def test_the_refusal_on_the_page_is_the_one_that_comes(tmp_path: Path) -> None:
    (said,) = [block.strip() for block in blocks("text") if "cover fewer repositories" in block]
    (tmp_path / "tenant.yml").write_text(blocks("yaml")[0], encoding="utf-8")
    (tmp_path / "repositories.txt").write_text("platform/api\n")
    with EmbeddedTenant("guide", rate=1000) as tenant:
        tenant.add_instance("GITLAB_SELF_MANAGED", name="gitlab-core", hostname="gitlab.example.com",
                            selection_type="CURRENT_STATE_AND_FUTURE", state=["platform/api", "other/one"])  # fmt: skip
        ended = play(tmp_path, "onboard", tenant=tenant, onboard_file="tenant.yml", **SECRETS)
        assert ended.code == 2
        assert said in " ".join(ended.output.split())
        assert "canary" not in ended.output
        assert tenant.writes == []


def test_the_export_of_github_is_a_candidate_file_as_it_is(tmp_path: Path) -> None:
    """What `gh repo list --json nameWithOwner` writes."""
    (command,) = [block for block in blocks("console") if block.startswith("gh ")]
    assert command.strip().endswith("> repositories.json")
    (tmp_path / "repositories.json").write_text(json.dumps([{"nameWithOwner": "payments/ledger"}, {"nameWithOwner": "payments/cards"}]))
    item = {"type": "GITHUB", "name": "github", "selection_type": "MANUAL_SELECTION", "scope_rules": [{"include": "payments/*"}],
            "scope_candidates": str(tmp_path / "repositories.json")}  # fmt: skip
    with EmbeddedTenant("guide", rate=1000) as tenant:
        play(tmp_path, "onboard", tenant=tenant, tenant_data_sources=[item]).fine()
        (instance,) = tenant.instances.values()
        assert instance["state"] == ["payments/ledger", "payments/cards"]
