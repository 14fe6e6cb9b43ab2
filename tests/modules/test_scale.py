# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests a run makes: what a tenant with ten requests a second for everybody is asked for, and no more."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from bulk import Engine, Item, RunModule, actions, item_of

from starting import IN_CI
from tenant.server import EmbeddedTenant

ROOT = Path(__file__).resolve().parents[2]
# The counts below follow from these.
SCOPED, UNSCOPED = (40, 10) if IN_CI else (12, 4)
ALL, EDITED, PRUNED = SCOPED + UNSCOPED, SCOPED // 4, SCOPED // 8


@pytest.fixture(params=["no_state", "minimal"])
def engine(request: pytest.FixtureRequest, run_module: RunModule) -> Iterator[Engine]:
    """A tenant whose list shows all but the repositories, and one whose list shows next to nothing."""
    with EmbeddedTenant("guide", rate=100_000, list_fields=request.param) as tenant:
        yield Engine(run_module, tenant)


def company() -> list[Item]:
    """SCOPED instances with 40 chosen repositories each, UNSCOPED that cover everything."""
    types = ("BITBUCKET_DATACENTER", "HCP_TFC_RUN_TASKS", "GITHUB", "GITLAB_SELF_MANAGED")
    scoped = [
        item_of(types[n % 4], f"team-{n}", selection_type="MANUAL_SELECTION", repositories=[f"group-{n}/r{r}" for r in range(40)])
        for n in range(SCOPED)
    ]
    unscoped = [item_of("AZURE_REPOS", f"all-{n}", selection_type="CURRENT_STATE_AND_FUTURE") for n in range(UNSCOPED)]
    return [*scoped, *unscoped]


def calls(engine: Engine) -> dict[str, int]:
    """LIST, GET (by id), POST, PUT, DELETE since the journal was cleared."""
    counted = Counter(
        "LIST" if e.method == "GET" and e.path.endswith("/data_source_instances") else e.method for e in engine.tenant.journal
    )
    engine.tenant.clear_journal()
    return dict(counted)


def test_what_each_run_asks_for(engine: Engine) -> None:
    items, minimal = company(), engine.tenant.switches["list_fields"] == "minimal"

    assert set(actions(engine.apply(*items))) == {"created"}
    # Each is created, read, scoped and read back; nothing is there that would have to be read before.
    assert calls(engine) == {"LIST": 1, "POST": ALL, "PUT": ALL, "GET": 2 * ALL}

    # One list, and by id only what the list does not show enough of: for a comparison of repositories it never does.
    unchanged = {"LIST": 1, "GET": ALL if minimal else SCOPED}
    assert set(actions(engine.apply(*items))) == {"unchanged"}
    assert calls(engine) == unchanged
    assert set(actions(engine.apply(*items, check=True))) == {"unchanged"}
    assert calls(engine) == unchanged

    # An edit: read anew under the lock, written, read back.
    edited = [{**item, "repositories": [*item["repositories"], f"new/{n}"]} if n < EDITED else item for n, item in enumerate(items)]
    assert engine.apply(*edited)["summary"] == {"unchanged": ALL - EDITED, "updated": EDITED}
    assert calls(engine) == {"LIST": 1, "GET": unchanged["GET"] + 2 * EDITED, "PUT": EDITED}

    # A deletion: read before, sent, and seen to be gone.
    left = [item for n, item in enumerate(edited) if not EDITED <= n < EDITED + PRUNED]
    pruned = engine.apply(*left, prune=True, prune_types=["BITBUCKET_DATACENTER", "HCP_TFC_RUN_TASKS", "GITHUB", "GITLAB_SELF_MANAGED"])
    assert pruned["summary"] == {"deleted": PRUNED, "unchanged": ALL - PRUNED}
    read = ALL if minimal else SCOPED - PRUNED
    assert calls(engine) == {"LIST": 1, "GET": read + 2 * PRUNED, "DELETE": PRUNED}


def test_what_concerns_one_instance_does_not_read_the_others(engine: Engine) -> None:
    items = company()
    engine.apply(*items)
    calls(engine)
    result = engine.one({**items[7], "repositories": ["new/repository"]})
    assert result["actions"] == ["update"]
    minimal = engine.tenant.switches["list_fields"] == "minimal"
    # Where the list hides names, the instance has to be looked for.
    assert calls(engine) == {"LIST": 1, "GET": (ALL if minimal else 1) + 2, "PUT": 1}
    instance_id = result["data_source"]["id"]
    engine.apply({"id": instance_id, "repositories": ["newer/repository"]})
    assert calls(engine)["GET"] == 3


@pytest.mark.skipif(not IN_CI, reason="four playbooks for a script of the benchmarks: with CI=true only")
def test_the_script_that_measures_a_large_tenant_runs() -> None:
    options = ["--instances", "15", "--repositories", "60", "--rate", "500", "--tenant-rate", "10000"]
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "measure-engine"), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^(\w[\w ,]*?) +(\d+) +[\d.]+ +[\d.]+ +0  (.*)$", done.stdout, re.MULTILINE)
    assert rows == [
        ("create all", "61", "31 GET, 15 POST, 15 PUT"),
        ("again, unchanged", "16", "16 GET"),
        ("edit 10", "46", "36 GET, 10 PUT"),
        ("prune 5", "26", "5 DELETE, 21 GET"),
    ]
