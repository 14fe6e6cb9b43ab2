# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, one run over a list of items: read, plan all, check all, then write.
from __future__ import annotations

import concurrent.futures
import threading
import typing as t

from .._api import Api
from .._errors import ApiError, CortexError, InputError, PartlyDone
from .._state import Memory
from .apply import Outcome, Surprise, Writer, plan_item
from .candidates import read_candidates
from .check import check_item
from .collector_token import CredentialsFile
from .fields import Item, Raw, get, hostname_key, label
from .match import same_new, unread_by
from .plan import Plan, plan_delete
from .progress import Progress
from .prune import Prune
from .scope import resolve
from .show import digest_of
from .unscoped import forget, unscoped
from .view import Undetermined, View

# Enough to keep the tenant's rate limit busy while each request takes its time.
WORKERS = 16
# After these the key, not the item, is at fault: every further item would fail the same way.
STOP = (401, 402, 403)


class Run:
    """Brings one tenant to what a list of items says.

    full: always read the instances in full, for the result's sake, not only where planning needs it. digest: apply only the plan with
    this digest. on_plan: called with the plan, before the first write; what it raises ends the run.
    """

    def __init__(
        self,
        api: Api,
        *,
        check_mode: bool,
        full: bool = False,
        prune: Prune | None = None,
        digest: str | None = None,
        progress: Progress | None = None,
        on_plan: t.Callable[[Run], None] = lambda _run: None,
    ) -> None:
        self.view = View(api)
        self.check_mode, self.full, self.prune, self.wanted_digest = check_mode, full, prune, digest
        self.progress = progress or Progress()
        self.digest = ""
        self.planned: list[tuple[Plan, Item]] = []
        self._on_plan = on_plan
        self.memory = Memory(api.client.connection.state_dir, api.tenant, read_only=check_mode, warnings=api.client.warnings)
        self._writer = Writer(self.view, self.memory)
        self._stopped = ""
        self._lock = threading.Lock()

    def items(self, items: list[Item]) -> list[Outcome]:
        """Plan all before the first write; one item's failure does not stop the others.

        Returns an outcome for each item, then one for each pruned instance. Raises InputError when items contradict each other, when the
        prune guards object and when the plan is not the wanted one; ApiError when the tenant cannot be read.
        """
        outcomes = [Outcome(index, item) for index, item in enumerate(items)]
        self.progress.total = len(outcomes)
        self._each(outcomes, lambda o: o.warnings.extend(check_item(o.item)), workers=1)
        files: dict[str, list[str]] = {}
        self._each(outcomes, lambda o: _take_candidates(o, files), workers=1)
        if self.prune:
            self.prune.check(items)
        if any(o.error is None for o in outcomes):
            self.view.load()
            self._read_hidden([o.item for o in outcomes if o.error is None])
        current: dict[int, Raw | None] = {}
        self._each(outcomes, lambda o: current.update({o.index: self.view.find(o.item, o.warnings, full=self.full)}))
        _refuse_contradictions([(o, current.get(o.index)) for o in outcomes if o.error is None])
        active = [o for o in outcomes if not o.item.get("ignore")]
        self._each(active, lambda o: self._plan(o, current[o.index]))
        outcomes += self._plan_prune(outcomes, current)
        self.planned = [(o.plan, o.item) for o in outcomes if o.error is None]
        self.digest = digest_of(self.tenant, self.planned)
        self._on_plan(self)
        if self.wanted_digest is not None and self.wanted_digest.strip() != self.digest:
            raise InputError(
                f"the plan is not the one that plan_digest names ({self.wanted_digest.strip()}): it is now {self.digest}. "
                "The tenant or the items changed since. Look at the new plan. Nothing was changed."
            )
        if not self.check_mode:
            self._write(outcomes)
        return outcomes

    @property
    def tenant(self) -> str:
        return self.view.api.tenant

    def _read_hidden(self, items: list[Item]) -> None:
        """Read by id, once each, the instances whose list entry hides what the items are told apart by."""
        hidden = {unread for item in items if "id" not in item for unread in unread_by(item, self.view.candidates(item))}
        with concurrent.futures.ThreadPoolExecutor(max_workers=WORKERS) as pool:
            for future in [pool.submit(self.view.fetch, instance_id) for instance_id in sorted(hidden)]:
                future.result()

    def _write(self, outcomes: list[Outcome]) -> None:
        planned = [o for o in outcomes if o.error is None]
        self.progress.total = len(planned)
        for outcome in planned:
            if not outcome.plan.changed:
                self.progress.step(changed=False, failed=False)
        self._forget_scoped(planned)
        writes = [o for o in planned if o.plan.changed and o.plan.action != "delete"]
        # The first PUT of each type goes alone: should the tenant do something else than it is told, it does so once.
        surprised: dict[str, str] = {}
        tried: set[str] = set()
        while True:
            first = {_type_of(o): o for o in reversed(writes) if o.plan.put and _type_of(o) not in tried and _type_of(o) not in surprised}
            if not first:
                break
            self._each(list(first.values()), lambda o: self._carry_out(o, surprised))
            writes = [o for o in writes if o not in first.values()]
            tried |= {kind for kind, o in first.items() if {"update", "scope"} & set(o.actions) and o.changed}
        self._each(writes, lambda o: self._carry_out(o, surprised))
        wanted_gone = [o for o in planned if o.plan.action == "delete" and not o.pruned]
        self._each(wanted_gone, lambda o: self._carry_out(o, surprised))
        pruned = [o for o in planned if o.pruned]
        broken = next((o for o in outcomes if o.error is not None), None)
        if broken:
            for outcome in pruned:
                outcome.fail(InputError(f"not pruned, since item {broken.index} failed."), "unchanged")
            return
        self._each(pruned, lambda o: self._carry_out(o, surprised))

    def _forget_scoped(self, planned: list[Outcome]) -> None:
        """An instance that is as its item says was scoped after all: by a request whose answer was lost, or by a person."""
        remembered = unscoped(self.memory)
        for outcome in planned:
            plan, before = outcome.plan, outcome.plan.before
            settled = not plan.changed and not plan.pending and outcome.item["state"] == "present"
            if settled and before and before["id"] in remembered:
                forget(self.memory, before["id"])

    def _carry_out(self, outcome: Outcome, surprised: dict[str, str]) -> None:
        kind = _type_of(outcome)
        failed = True
        try:
            if outcome.plan.put and kind in surprised:
                raise InputError(
                    f"{label(outcome.item)} was not tried, since an update of the same type had an effect nobody asked for: "
                    f"{surprised[kind]}"
                )
            self._writer.apply(outcome)
            failed = False
        except CortexError as exc:
            cause = exc.cause if isinstance(exc, PartlyDone) else exc
            if isinstance(cause, Surprise):
                surprised[kind] = str(cause)
            raise
        finally:
            with self._lock:
                self.progress.step(changed=outcome.changed, failed=failed)

    def _each(self, outcomes: list[Outcome], step: t.Callable[[Outcome], t.Any], workers: int = WORKERS) -> None:
        """Do a step for each outcome that has not failed, several at once; a failure is recorded in the outcome."""
        todo = [o for o in outcomes if o.error is None]
        if len(todo) < 2 or workers < 2:
            for outcome in todo:
                self._guard(outcome, step)
            return
        with concurrent.futures.ThreadPoolExecutor(max_workers=min(workers, len(todo))) as pool:
            for future in [pool.submit(self._guard, outcome, step) for outcome in todo]:
                future.result()

    def _guard(self, outcome: Outcome, step: t.Callable[[Outcome], t.Any]) -> None:
        if self._stopped:
            outcome.fail(InputError(f"{label(outcome.item)} was not tried: {self._stopped}"))
            return
        try:
            step(outcome)
        except CortexError as exc:
            outcome.fail(exc, "undetermined" if isinstance(exc, Undetermined) else "failed")
            if isinstance(exc, ApiError) and exc.status in STOP:
                self._stopped = f"the run ended with HTTP {exc.status} at item {outcome.index}."

    def _plan(self, outcome: Outcome, current: Raw | None) -> None:
        item = outcome.item
        if current is None or current["id"] in self.view.read:
            plan = plan_item(item, current)
        else:
            # From the list alone it is seen whether anything may differ. The plan from the full instance is the one that counts.
            plan = plan_item(item, {**current, "repositoriesCount": None})
            if plan.action in ("update", "recreate"):
                plan = plan_item(item, self.view.fetch(current["id"], label(item)))
        if plan.action in ("create", "recreate") and item.get("credentials_file") and item.get("type") == "COLLECTOR":
            CredentialsFile(item["credentials_file"]).refuse_existing()
        outcome.take(plan, predicted=self.check_mode)

    def _plan_prune(self, outcomes: list[Outcome], current: dict[int, Raw | None]) -> list[Outcome]:
        if not self.prune or any(o.error is not None for o in outcomes):
            return []
        matched = {raw["id"] for raw in current.values() if raw is not None}
        creations = [o.item for o in outcomes if o.plan.action == "create"]
        pruned: list[Outcome] = []
        backup_dir = next((o.item["backup_dir"] for o in outcomes if o.item.get("backup_dir")), None)
        for raw in self.prune.candidates(self.view, matched, creations):
            item: Item = {"state": "absent", "id": raw["id"], "type": raw.get("type"), "backup_dir": backup_dir}
            outcome = Outcome(len(outcomes) + len(pruned), item, pruned=True)
            outcome.take(plan_delete(raw), predicted=self.check_mode)
            pruned.append(outcome)
        return pruned


def _type_of(outcome: Outcome) -> str:
    return str(outcome.item.get("type") or (outcome.plan.before or {}).get("type") or "")


def _take_candidates(outcome: Outcome, files: dict[str, list[str]]) -> None:
    """Put the candidates in the place of their file, each file read once."""
    given = outcome.item.get("scope_candidates")
    if given is None or outcome.item["state"] == "absent" or outcome.item.get("ignore"):
        return
    if not isinstance(given, str):
        outcome.item["scope_candidates"] = read_candidates(given)
        return
    if given not in files:
        files[given] = read_candidates(given)
    outcome.item["scope_candidates"] = files[given]


def _claimed(item: Item, current: Raw | None) -> list[str]:
    if "scope_rules" not in item:
        return list(item.get("repositories", []))
    return resolve(item["scope_rules"], item["scope_candidates"], (current or {}).get("state") or []).included


def _refuse_contradictions(found: list[tuple[Outcome, Raw | None]]) -> None:
    """Two items that mean one instance, or claim one repository on one host, would undo each other in each run."""
    instances: dict[str, Outcome] = {}
    new: list[Outcome] = []
    repositories: dict[tuple[str, str, str], Outcome] = {}
    for outcome, current in found:
        item = outcome.item
        host = hostname_key(get(item, "domain.hostname") or "")
        other = instances.setdefault(current["id"], outcome) if current else next((o for o in new if same_new(o.item, item)), outcome)
        if other is not outcome:
            raise InputError(
                f"items {other.index} ({label(other.item)}) and {outcome.index} ({label(item)}) mean the same data source: "
                "merge them into one. Nothing was changed."
            )
        if current is None:
            new.append(outcome)
        if item["state"] == "absent" or item.get("ignore") or item["repositories_mode"] == "remove":
            continue
        kind = item.get("type") or (current or {}).get("type") or ""
        host = host or hostname_key(get(current, "domain.hostname") or "")
        for repository in _claimed(item, current):
            claimed = repositories.setdefault((kind, host, repository), outcome)
            if claimed is not outcome:
                raise InputError(
                    f"items {claimed.index} ({label(claimed.item)}) and {outcome.index} ({label(item)}) both claim repository "
                    f"{repository}: it can belong to one only. Nothing was changed."
                )
