# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One seeded sequence: a tenant, what is wanted of it, faults, plays under them; then calm, and the wanted state must come about.

Two things no client can help, and which therefore do not happen here: a request that is carried out, or a list that lags behind, for longer
than until the next play begins.
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
# Seeds from here on are played by several processes.
SEVERAL_FROM = 10_000
REFUSED_INPUT = ("Traceback", "KeyError", "\n")
COLLECTOR = {"detectionMethod": "SAST", "fileType": "SARIF"}
FOREIGN_TYPE, PRUNED_TYPE = "JENKINS_SERVER", "SEMGREP"


class Violation(AssertionError):
    """What must never happen, happened; the message begins with the seed that repeats it."""


class Sequence:
    """play() does it all and raises Violation; `struck` counts the faults by kind, `plays` the plays under faults."""

    def __init__(self, seed: int, players: list[Elsewhere] | None = None) -> None:
        self.seed, self.random = seed, random.Random(seed)
        self.players = players or []
        self.struck: collections.Counter[str] = collections.Counter()
        self.plays = 0
        # Seconds a request may take; in calm a busy machine must not look like a fault.
        self.patience = 0.25
        self.log: list[str] = []
        self.told: list[str] = []

    def play(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            self.directory = Path(directory)
            # Duplicates are allowed, so that a second creation is seen as what it is.
            options = {"profile": "guide", "duplicate_create": "allow", "rate": 10, "rate_window": WINDOW}
            if self.random.random() < 0.3:
                options["profile"] = "awkward"
                options["put_omitted"], options["unique_properties"] = "keep", "echoed"
            # What a new instance selects by itself, at its creation or when it is scanned.
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

    # -- what is there and what is wanted

    def _arrange(self) -> None:
        choose, tenant = self.random, self.tenant
        self.wanted: list[Item] = []
        self.secrets = {f"cnry-{self.seed}-{number}" for number in range(8)}
        secrets = iter(sorted(self.secrets))
        self.kept: dict[str, str] = {}
        for number in range(choose.randint(1, 3)):
            name, host = f"core-{number}", f"git-{number}.example.com"
            repositories = [f"team/{number}-{n}" for n in range(choose.randint(0, 3))]
            for there in [*repositories, f"found/{number}-0", f"found/{number}-1"]:
                tenant.add_repository(there, url=f"https://{host}/{there}", source="GITLAB_SELF_MANAGED")
            item: Item = {
                "type": "GITLAB_SELF_MANAGED",
                "name": name,
                "domain": {"hostname": host, "protocol": "https"},
                "credentials": {"client_id": "application", "client_secret": next(secrets)},
                "selection_type": "MANUAL_SELECTION",
                "repositories": repositories,
            }
            self.wanted.append(item)
            if choose.random() < 0.4:
                kept = tenant.add_instance(item["type"], name=name, hostname=host, selection_type="MANUAL_SELECTION", state=["old/one"])
                self.kept[kept] = "old/one"
        self.wanted.append({"type": "SNYK", "name": "snyk", "credentials": {"token": next(secrets)}, "unique_properties": {"tier": "gold"}})
        file = str(self.directory / "collector.json")
        self.wanted.append({"type": "COLLECTOR", "name": "scan", "unique_properties": dict(COLLECTOR), "credentials_file": file})
        self.wanted.append({"type": PRUNED_TYPE, "name": "stays", "credentials": {"token": next(secrets)}})
        # Present already: one that is created while another of its type is pruned looks like a rename, and is refused.
        tenant.add_instance(PRUNED_TYPE, name="stays")
        self.surplus = [tenant.add_instance(PRUNED_TYPE, name=f"goes-{n}") for n in range(choose.randint(0, 2))]
        self.foreign = [tenant.add_instance(FOREIGN_TYPE, name=f"theirs-{n}") for n in range(choose.randint(1, 2))]
        self.uploader = tenant.add_collector("uploads")
        self.foreign.append(self.uploader.id)
        tenant.add_repository("team/app")
        document = {
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": {"name": "scan", "rules": [{"id": "R1"}]}},
                    "results": [
                        {
                            "ruleId": "R1",
                            "level": "error",
                            "message": {"text": "found"},
                            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1}}}],
                        }
                    ],
                }
            ],
        }
        (self.directory / "report.sarif").write_text(json.dumps(document))

    def _order_faults(self) -> None:
        choose, kinds = self.random, [*KINDS, "partial_scope"]
        drawn = [kinds[self.seed % len(kinds)], *choose.choices(kinds, k=choose.randint(0, 3))]
        if "lagging_list" in drawn:
            time.sleep(LONGEST_LAG)
        # Each kind in its turn, so that any run of consecutive seeds has all of them.
        for kind in drawn:
            method = None if kind in ("lagging_list", "latency") else choose.choice([None, "POST", "POST", "PUT", "GET", "DELETE"])
            options: dict[str, Any] = {"method": method, "after": choose.randint(0, 3), "count": choose.randint(1, 2)}
            if kind == "late_commit":
                options["seconds"] = choose.choice([0.02, 0.1, 2 * LOOK_AGAIN])
            elif kind == "lagging_list":
                options.update(seconds=choose.uniform(0.02, LONGEST_LAG), after=choose.randint(0, 1))
            elif kind == "partial_scope":
                # The scope of a new instance does not arrive: the run ends between the two requests of a creation.
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
        key = self.tenant.keys["admin"]
        return {
            "api_url": self.tenant.url,
            "api_key_id": key.id,
            "api_key": key.key,
            "api_key_type": key.type,
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
        return self._check(module, *self._player().play(module, {**self._connection(), **params}))

    def _player(self) -> Any:
        return self.players[0] if self.players else Here()

    def _check(self, module: str, result: dict[str, Any], said: str) -> dict[str, Any]:
        """Whatever came of a play: no secret in it, and a failure is one clear line."""
        self.log.append(f"{module}: {'failed' if result['failed'] else 'ok'} {str(result.get('msg', ''))[:300]}")
        for secret in self.secrets | self.tenant.secrets():
            assert secret not in said, f"a secret was shown by {module}"
        assert "Traceback" not in said
        if result["failed"]:
            assert not any(word in result["msg"] for word in REFUSED_INPUT), result["msg"]
        self.told.append(said)
        return result

    def _apply(self, items: list[Item], **options: Any) -> list[dict[str, Any]]:
        """One bulk call; or the items dealt out to several processes at the same time."""
        if not self.players or options:
            return [self._ask("data_sources", data_sources=items, **options)]
        shares = [items[number :: len(self.players)] for number in range(len(self.players))]
        busy = [(player, share) for player, share in zip(self.players, shares, strict=True) if share]
        for player, share in busy:
            player.start("data_sources", {**self._connection(), "data_sources": share})
        return [self._check("data_sources", *player.finish()) for player, _share in busy]

    def _onboard(self) -> None:
        self._apply(self.wanted)

    def _rescope(self) -> None:
        for item in self.wanted:
            if "repositories" in item and self.random.random() < 0.7:
                item["repositories"] = [*item["repositories"], f"more/{self.random.randint(0, 99)}"]
        self._apply(self.wanted)

    def _prune(self) -> None:
        self._apply(self.wanted, prune=True, prune_types=[PRUNED_TYPE])

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
        assert result["failed"] or len(sent) == 1, "an upload that never arrived was called a success"
        assert all(len(list(results_of(one.document))) == 1 for one in sent)

    # -- what must hold

    def _nothing_doubled_or_lost(self) -> None:
        held = self.tenant.instances
        names = collections.Counter((one["type"], one["uniqueProperties"].get("name")) for one in held.values())
        doubled = [name for name, count in names.items() if count > 1]
        assert not doubled, f"doubled: {doubled}"
        for instance_id, repository in self.kept.items():
            assert instance_id in held, f"{instance_id} was deleted"
            assert repository in held[instance_id]["state"], f"{repository} of {instance_id} was deselected"
        assert set(self.foreign) <= set(held), "an instance of somebody else is gone"
        file = self.directory / "collector.json"
        if file.exists():
            kept = json.loads(file.read_text())
            token = self.tenant.state.tokens.get(kept["token_id"])
            assert token is not None, "the token that was kept is of a collector that is gone"
            assert token.token == kept["token"], "the token that was kept is not the collector's"

    def _in_calm(self) -> None:
        """Applied again without faults it is as wanted, and once more changes nothing."""
        self.patience = 5.0
        for result in self._apply(self.wanted):
            assert not result["failed"], f"not even without faults: {result['msg']}"
        self._nothing_doubled_or_lost()
        held = {(one["type"], one["uniqueProperties"].get("name")): one for one in self.tenant.instances.values()}
        for item in self.wanted:
            one = held.get((item["type"], item["name"]))
            assert one is not None, f"{item['name']} is missing"
            assert set(item.get("repositories", [])) <= set(one["state"]), f"{item['name']} lacks a repository"
            found = [name for name in one["state"] if name.startswith("found/")]
            assert not found, f"{item['name']} has kept what the tenant selected by itself: {found}"
        if not (self.directory / "collector.json").exists():
            assert any("known whether it was created" in said or "token" in said for said in self.told), "a token was lost without a word"
        for result in self._apply(self.wanted):
            assert not result["failed"], result["msg"]
            assert not result["changed"], f"changed again: {[row for row in result['data_sources'] if row['action'] != 'unchanged']}"
