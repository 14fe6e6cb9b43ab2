# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sequence from a seed: a tenant, items, plays under faults; then plays without faults, after which the tenant must be as desired.

No client can cope with a request that is carried out, or a list that lags behind, after the next play has begun. So neither happens here.
"""

from __future__ import annotations

import collections
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from tenant.faults import KINDS
from tenant.server import EmbeddedTenant
from tenant.upload import results_of

from .playing import LOOK_AGAIN, WINDOW, Elsewhere, Here

Item = dict[str, Any]
LONGEST_LAG = 0.1
# From this seed on, sequences are played by several processes.
SEVERAL_FROM = 10_000
REFUSED_INPUT = ("Traceback", "KeyError", "\n")
COLLECTOR = {"detectionMethod": "SAST", "fileType": "SARIF"}
LOCATION = {"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1}}}
RESULT = {"ruleId": "R1", "level": "error", "message": {"text": "found"}, "locations": [LOCATION]}
TOOL = {"driver": {"name": "scan", "rules": [{"id": "R1"}]}}
REPORT = {"version": "2.1.0", "runs": [{"tool": TOOL, "results": [RESULT]}]}
FOREIGN_TYPE, PRUNED_TYPE = "JENKINS_SERVER", "SEMGREP"


class Violation(AssertionError):
    """What must never happen has happened. The message begins with the seed that repeats it."""


class Sequence:
    """play() plays the sequence, or raises Violation. `struck` counts the faults by kind, `plays` the plays under faults."""

    def __init__(self, seed: int, players: list[Elsewhere] | None = None) -> None:
        self.seed, self.random = seed, random.Random(seed)
        self.players = players or []
        self.struck: collections.Counter[str] = collections.Counter()
        self.plays = 0
        # How many seconds a request may take. Without faults it is longer, so that a busy machine does not look like one.
        self.patience = 0.25
        self.log: list[str] = []
        self.outputs: list[str] = []

    def play(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            self.directory = Path(directory)
            # Duplicates are allowed, so that a second creation becomes visible.
            options = {"profile": "guide", "duplicate_create": "allow", "rate": 10, "rate_window": WINDOW}
            if self.random.random() < 0.3:
                options["profile"] = "awkward"
                options["put_omitted"], options["unique_properties"] = "keep", "echoed"
            # What a new instance selects itself, at its creation or in its first scan.
            options["initial_selection"] = self.random.choice(["nothing", "found", "future", "manual"])
            with EmbeddedTenant(**options) as tenant:
                self.tenant = tenant
                self._arrange()
                try:
                    self._under_faults()
                    self._in_calm()
                except AssertionError as error:
                    which = "several" if self.seed >= SEVERAL_FROM else "one_process"
                    repeat = f"repeat it: CHAOS_SEED={self.seed} python -m pytest tests/chaos/test_chaos.py -k {which}"
                    raise Violation("\n".join([f"seed {self.seed}: {error}", *self.log, repeat])) from error

    # -- the tenant and the desired items

    def _arrange(self) -> None:
        choose, tenant = self.random, self.tenant
        self.items: list[Item] = []
        self.secrets = {f"cnry-{self.seed}-{number}" for number in range(8)}
        secrets = iter(sorted(self.secrets))
        self.kept: dict[str, str] = {}
        for number in range(choose.randint(1, 3)):
            name, host = f"core-{number}", f"git-{number}.example.com"
            repositories = [f"team/{number}-{n}" for n in range(choose.randint(0, 3))]
            for repository in [*repositories, f"found/{number}-0", f"found/{number}-1"]:
                tenant.add_repository(repository, url=f"https://{host}/{repository}", source="GITLAB_SELF_MANAGED")
            item: Item = {
                "type": "GITLAB_SELF_MANAGED",
                "name": name,
                "domain": {"hostname": host, "protocol": "https"},
                "credentials": {"client_id": "application", "client_secret": next(secrets)},
                "selection_type": "MANUAL_SELECTION",
                "repositories": repositories,
            }
            self.items.append(item)
            if choose.random() < 0.4:
                kept = tenant.add_instance(item["type"], name=name, hostname=host, selection_type="MANUAL_SELECTION", state=["old/one"])
                self.kept[kept] = "old/one"
        self.items.append({"type": "SNYK", "name": "snyk", "credentials": {"token": next(secrets)}, "unique_properties": {"tier": "gold"}})
        file = str(self.directory / "collector.json")
        self.items.append({"type": "COLLECTOR", "name": "scan", "unique_properties": dict(COLLECTOR), "credentials_file": file})
        self.items.append({"type": PRUNED_TYPE, "name": "stays", "credentials": {"token": next(secrets)}})
        # Present already: one that is created while another of its type is pruned looks like a rename, and is refused.
        tenant.add_instance(PRUNED_TYPE, name="stays")
        self.surplus = [tenant.add_instance(PRUNED_TYPE, name=f"goes-{n}") for n in range(choose.randint(0, 2))]
        self.foreign = [tenant.add_instance(FOREIGN_TYPE, name=f"theirs-{n}") for n in range(choose.randint(1, 2))]
        self.uploader = tenant.add_collector("uploads")
        self.foreign.append(self.uploader.id)
        tenant.add_repository("team/app")
        (self.directory / "report.sarif").write_text(json.dumps(REPORT))

    def _order_faults(self) -> None:
        # The first one follows the seed, so that enough consecutive seeds have every kind.
        choose, kinds = self.random, [*KINDS, "partial_scope"]
        drawn = [kinds[self.seed % len(kinds)], *choose.choices(kinds, k=choose.randint(0, 3))]
        if "lagging_list" in drawn:
            time.sleep(LONGEST_LAG)
        for kind in drawn:
            method = None if kind in ("lagging_list", "latency") else choose.choice([None, "POST", "POST", "PUT", "GET", "DELETE"])
            options: dict[str, Any] = {"method": method, "after": choose.randint(0, 3), "count": choose.randint(1, 2)}
            if kind == "late_commit":
                options["seconds"] = choose.choice([0.02, 0.1, 2 * LOOK_AGAIN])
            elif kind == "lagging_list":
                options.update(seconds=choose.uniform(0.02, LONGEST_LAG), after=choose.randint(0, 1))
            elif kind == "partial_scope":
                # The scope of a new instance is refused: the run ends between the two requests of a creation.
                kind, options = "html_500", {"method": "PUT", "count": 2}
            elif kind == "slow_answer":
                options["seconds"] = choose.choice([0.02, 0.35])
            elif kind == "latency":
                options.update(seconds=0.002, jitter=0.004, count=20)
            elif kind in ("throttled", "unavailable"):
                options["retry_after"] = choose.choice([None, None, 0, 0.05])
            self.tenant.fault(kind, **options)
        if choose.random() < 0.3:
            self.tenant.fault(choose.choice(["unavailable", "lost_answer"]), chance=0.1, seed=str(self.seed), count=None)

    # -- plays

    def _connection(self) -> dict[str, Any]:
        return {
            **self.tenant.connection(),
            "rate_limit_dir": str(self.directory / "rate"),
            "state_dir": str(self.directory / "state"),
            "requests_per_second": 8 / WINDOW,
            "request_timeout": self.patience,
            "retry_deadline": 6 * self.patience,
        }

    def _under_faults(self) -> None:
        for _unused in range(self.random.randint(2, 4)):
            self._order_faults()
            getattr(self, self.random.choice(["_onboard", "_onboard", "_rescope", "_prune", "_upload"]))()
            self.plays += 1
            self._calm()
            self._nothing_doubled_or_lost()

    def _calm(self) -> None:
        self.struck.update(self.tenant.faults.counted())
        self.tenant.no_more_faults()

    def _ask(self, module: str, **params: Any) -> dict[str, Any]:
        player = self.players[0] if self.players else Here()
        return self._check(module, *player.play(module, {**self._connection(), **params}))

    def _check(self, module: str, result: dict[str, Any], output: str) -> dict[str, Any]:
        """Check that a play showed no secret, and that a failure is one clear line."""
        self.log.append(f"{module}: {'failed' if result['failed'] else 'ok'} {str(result.get('msg', ''))[:300]}")
        for secret in self.secrets | self.tenant.secrets():
            assert secret not in output, f"a secret was shown by {module}"
        assert "Traceback" not in output
        if result["failed"]:
            assert not any(word in result["msg"] for word in REFUSED_INPUT), result["msg"]
        self.outputs.append(output)
        return result

    def _apply(self, items: list[Item], **options: Any) -> list[dict[str, Any]]:
        """Run data_sources once with all items, or with parts of them in several processes at the same time."""
        if not self.players or options:
            return [self._ask("data_sources", data_sources=items, **options)]
        shares = [items[number :: len(self.players)] for number in range(len(self.players))]
        busy = [(player, share) for player, share in zip(self.players, shares, strict=True) if share]
        for player, share in busy:
            player.start("data_sources", {**self._connection(), "data_sources": share})
        return [self._check("data_sources", *player.finish()) for player, _share in busy]

    def _onboard(self) -> None:
        self._apply(self.items)

    def _rescope(self) -> None:
        for item in self.items:
            if "repositories" in item and self.random.random() < 0.7:
                item["repositories"] = [*item["repositories"], f"more/{self.random.randint(0, 99)}"]
        self._apply(self.items)

    def _prune(self) -> None:
        self._apply(self.items, prune=True, prune_types=[PRUNED_TYPE])

    def _upload(self) -> None:
        before = len(self.tenant.uploads)
        result = self._ask(
            "sarif_upload",
            path=[str(self.directory / "report.sarif")],
            collector_id=self.uploader.id,
            repository_url="https://github.com/team/app",
            branch="main",
        )
        self.tenant.faults.settle()
        sent = self.tenant.uploads[before:]
        assert len(sent) <= 1, "a report was uploaded twice"
        assert result["failed"] or len(sent) == 1, "an upload that never arrived was reported as a success"
        assert all(len(list(results_of(one.document))) == 1 for one in sent)

    # -- what must be true

    def _nothing_doubled_or_lost(self) -> None:
        instances = self.tenant.instances
        names = collections.Counter((one["type"], one["uniqueProperties"].get("name")) for one in instances.values())
        doubled = [name for name, count in names.items() if count > 1]
        assert not doubled, f"doubled: {doubled}"
        for instance_id, repository in self.kept.items():
            assert instance_id in instances, f"{instance_id} was deleted"
            assert repository in instances[instance_id]["state"], f"{repository} of {instance_id} was deselected"
        assert set(self.foreign) <= set(instances), "an instance of somebody else was deleted"
        file = self.directory / "collector.json"
        if file.exists():
            kept = json.loads(file.read_text())
            token = self.tenant.state.tokens.get(kept["token_id"])
            assert token is not None, "the token in the file belongs to a deleted collector"
            assert token.token == kept["token"], "the token in the file is not that of the collector"

    def _in_calm(self) -> None:
        """Without faults, the first run makes the tenant as desired, and the second changes nothing."""
        self.patience = 5.0
        for result in self._apply(self.items):
            assert not result["failed"], f"failed without faults: {result['msg']}"
        self._nothing_doubled_or_lost()
        by_name = {(one["type"], one["uniqueProperties"].get("name")): one for one in self.tenant.instances.values()}
        for item in self.items:
            one = by_name.get((item["type"], item["name"]))
            assert one is not None, f"{item['name']} is missing"
            assert set(item.get("repositories", [])) <= set(one["state"]), f"{item['name']} lacks a repository"
            foreign = [name for name in one["state"] if name.startswith("found/")]
            assert not foreign, f"{item['name']} still has what the tenant selected itself: {foreign}"
        if not (self.directory / "collector.json").exists():
            reported = any("known whether it was created" in output or "token" in output for output in self.outputs)
            assert reported, "a token was lost without a message"
        for result in self._apply(self.items):
            assert not result["failed"], result["msg"]
            assert not result["changed"], f"changed again: {[row for row in result['data_sources'] if row['action'] != 'unchanged']}"
