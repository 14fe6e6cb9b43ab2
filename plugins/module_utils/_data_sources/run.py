# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run over a list of items: read, plan all, check all, then write.

Private to the collection, floor 3.
"""

from __future__ import annotations

import functools
import json
import threading
import typing as t

from .._api import Api
from .._errors import ApiError, CortexError, Interrupted, PartlyDone, TenantError, Unexpected
from .._http.pool import each
from .._repository_lists import names_of, read_names
from .._state import Memory
from .apply import Writer, narrows
from .check import check_item
from .collector_token import CredentialsFile, left_draft, missing_token, publish_draft
from .contradictions import refuse_contradictions, refuse_one_file
from .data_file import prove_backup
from .digest import digest_of, refuse_another
from .fields import COLLECTOR, Item, label, last_update
from .instance import Instance
from .made import made_for
from .match import Match, expected_identifier, unread_by
from .outcome import Outcome
from .pending import to_renew
from .plan import Plan, plan_delete, plan_item
from .prune import Prune
from .trusted import Trust
from .unscoped import forget, unscoped
from .view import Undetermined, View
from .write import Surprise

# These statuses concern the key, not the item: all further items would fail too.
STOP = (401, 402, 403)


class Run:
    """Applies a list of items to one tenant.

    full: read all instances in full, for the result, and not only those for which planning needs it.
    digest: apply only the plan with this digest.
    trust_unchanged: do not read instances that an earlier run found as desired and nobody changed since.
    progress: called from any thread with the counts total, done, changed and failed, whenever they change.
    on_plan: called with this run before the first write; an exception from it ends the run.
    """

    def __init__(
        self,
        api: Api,
        *,
        check_mode: bool,
        full: bool = False,
        prune: Prune | None = None,
        digest: str | None = None,
        trust_unchanged: bool = False,
        progress: t.Callable[[dict[str, int]], None] = lambda _counts: None,
        on_plan: t.Callable[[Run], None] = lambda _run: None,
    ) -> None:
        self.memory = Memory(
            api.client.connection.state_dir, api.tenant, read_only=check_mode, warnings=api.client.warnings
        )
        self.view = View(api, self.memory)
        self.check_mode, self.full, self.prune, self.approved_digest = check_mode, full, prune, digest
        self._progress, self._counts = progress, {"total": 0, "done": 0, "changed": 0, "failed": 0}
        self.digest = ""
        self.planned: list[tuple[Plan, Item]] = []
        self._on_plan = on_plan
        self._writer = Writer(self.view, self.memory, approved=digest is not None)
        self._trust = Trust(self.memory, lambda: api.client.key().secret, on=trust_unchanged)
        # Plans of instances that are not read again, by the index of the item.
        self._trusted: dict[int, Plan] = {}
        # Unexpected effects of a write, by type: further writes of that type are not attempted.
        self._surprised: dict[str, str] = {}
        self._stopped = ""
        self._lock = threading.Lock()

    def apply(self, items: list[Item]) -> list[Outcome]:
        """Plan all before the first write; one item's failure does not stop the others.

        Returns an outcome for each item, then one for each pruned instance; in check mode the predicted ones.
        Raises InputError when items contradict each other, when a prune guard refuses and when the plan is
        not the approved one; ApiError when the tenant cannot be read.
        """
        outcomes = self._checked(items)
        self._read(outcomes)
        outcomes += self._plan(outcomes)
        # An interrupted run shows no plan, since it would be partial.
        self.view.api.client.interruption.refuse()
        self._approve(outcomes)
        if not self.check_mode:
            self._write(outcomes)
        return outcomes

    @property
    def tenant(self) -> str:
        return self.view.api.tenant

    # -- checked

    def _checked(self, items: list[Item]) -> list[Outcome]:
        """Check the items and read the files of candidates, before any request."""
        outcomes = [Outcome(index, item) for index, item in enumerate(items)]
        self._counts["total"] = len(outcomes)
        read = functools.cache(lambda path: read_names(path, "scope_candidates")[0])

        def check(outcome: Outcome) -> None:
            outcome.warnings += check_item(outcome.item)
            outcome.item = _with_candidates(outcome.item, read)

        for outcome in outcomes:
            self._guard(outcome, check)
        refuse_one_file(outcomes)
        if self.prune:
            self.prune.check([o.item for o in outcomes])
        return outcomes

    # -- read

    def _read(self, outcomes: list[Outcome]) -> None:
        """Find the instance of each item, and read it by id where the list is not enough for planning."""
        items = [o.item for o in outcomes if o.error is None]
        if not items:
            return
        self.view.load()
        # First, once each, the instances whose list entry hides identifying fields.
        hidden: set[str] = set()
        for item in items:
            if "id" not in item:
                hidden.update(unread_by(item, self.view.candidates(item)))
        each(self.view.api.client, self.view.fetch, sorted(hidden))
        owners: dict[str, set[int]] = {}
        for outcome in outcomes:
            for instance_id in self.view.proven(outcome.item) if outcome.error is None else ():
                owners.setdefault(instance_id, set()).add(outcome.index)

        self._each(
            outcomes, lambda outcome: self._find(outcome, _OfOthers(owners, outcome.index)), reading=True
        )
        refuse_contradictions([o for o in outcomes if o.error is None])

    def _find(self, outcome: Outcome, claimed: _OfOthers) -> None:
        """claimed: ids of the instances that certainly belong to other items."""

        def trusted(listed: Instance) -> bool:
            plan = self._trust.plan(outcome.item, listed)
            if plan is not None:
                self._trusted[outcome.index] = plan
            return plan is not None

        try:
            match = self.view.find(outcome.item, full=self.full, claimed=claimed, trusted=trusted)
        except Undetermined:
            match = self._remembered(outcome, claimed)
            if match.instance is None:
                raise
        else:
            match = match if match.instance else self._remembered(outcome, claimed)
        outcome.current, outcome.match = match.instance, match
        outcome.warnings += filter(None, [match.warning])

    def _remembered(self, outcome: Outcome, claimed: _OfOthers) -> Match:
        """The instance that an earlier run created for this item, whatever its identifier is now."""
        item = outcome.item
        ids = [i for i in made_for(self.memory, item) if i in self.view.instances and i not in claimed]
        if len(ids) != 1 or item["state"] == "absent":
            return Match()
        current = self.view.fetch(ids[0], label(item))
        if current is None:
            return Match()
        if expected_identifier(item) in (None, current.identifier):
            return Match(current, by="memory", proven=False)
        identifier = json.dumps(current.identifier, ensure_ascii=False)
        if item.get("type") == COLLECTOR:
            # Not renamed: the tenant already ignored that name once.
            outcome.item = {**item, "name": current.identifier}
        warning = (
            f"An earlier run created {label(item)} (id {current.id}), and the tenant shows its identifier as "
            f"{identifier}: give identifier: {identifier}."
        )
        return Match(current, by="memory", proven=False, warning=warning)

    # -- planned

    def _plan(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Plan each item, then the pruning. Returns an outcome for each instance to prune."""
        self._each([o for o in outcomes if not o.item.get("ignore")], self._plan_one, reading=True)
        if not self.prune or any(o.error is not None for o in outcomes):
            return []
        matched = {o.current.id for o in outcomes if o.current is not None}
        creations = [o.item for o in outcomes if o.plan.action in ("create", "pending")]
        backup_dir = next((o.item["backup_dir"] for o in outcomes if o.item.get("backup_dir")), None)
        pruned: list[Outcome] = []
        for instance in self.prune.candidates(self.view, matched, creations):
            item: Item = {"state": "absent", "id": instance.id, "backup_dir": backup_dir}
            item["type"] = instance.raw.get("type")
            outcome = Outcome(len(outcomes) + len(pruned), item, instance, pruned=True)
            outcome.adopt(plan_delete(instance), predicted=self.check_mode)
            pruned.append(outcome)
        if pruned and backup_dir:
            prove_backup(backup_dir)
        return pruned

    def _plan_one(self, outcome: Outcome) -> None:
        item, current = outcome.item, outcome.current
        instance = current and outcome.match.for_planning(current)
        plan = self._trusted.get(outcome.index) or plan_item(item, instance, self.view.creatable)
        if plan.action == "recreate" and not outcome.match.proven:
            alone = f": matched to id {plan.id} by its {outcome.match.by} alone"
            raise Undetermined(
                f"{alone}, which is not enough to delete it; give its id.", subject=label(item)
            )
        path = item.get("credentials_file")
        if path and plan.action in ("create", "recreate") and item.get("type") == COLLECTOR:
            CredentialsFile(path, self.tenant).prove()
        elif path and current is not None and current.type == COLLECTOR and item["state"] != "absent":
            self._look_for_token(outcome, current, path)
        if item.get("backup_dir") and narrows(plan):
            prove_backup(item["backup_dir"])
        outcome.adopt(plan, predicted=self.check_mode)

    def _look_for_token(self, outcome: Outcome, current: Instance, path: str) -> None:
        """Report an existing collector without its token: only a person can get a new one."""
        missing = missing_token(path, current.id, self.tenant)
        if not missing:
            return
        draft = left_draft(path, current.id)
        where = f"{current.label}: credentials_file {path} {missing}"
        if draft is not None and (self.check_mode or publish_draft(*draft, path)):
            outcome.warnings.append(f"{where}; an earlier run that broke off left it as a draft.")
            return
        outcome.warnings.append(f"{where}, and the tenant shows a token only once: see pending_actions.")
        outcome.token_missing = [to_renew(outcome.item, current.id, next(iter(current.names), None))]

    # -- approved

    def _approve(self, outcomes: list[Outcome]) -> None:
        """Show the whole plan, and refuse it if another one was approved."""
        self.planned = [(o.plan, o.item) for o in outcomes if o.error is None]
        self.digest = digest_of(self.tenant, [plan for plan, _item in self.planned])
        self._on_plan(self)
        if self.approved_digest is not None:
            refuse_another(self.approved_digest, self.digest)
        self._keep_trust(outcomes)

    def _keep_trust(self, outcomes: list[Outcome]) -> None:
        """Call before the first and after the last write. Instances that were written, that differ or have an
        error or a warning are read again next time.
        """
        verified, doubtful = [], set[str]()
        for outcome in outcomes:
            if outcome.current is None:
                continue
            instance = self.view.instances.get(outcome.current.id, outcome.current)
            unchanged = last_update(self.view.listed(instance.id)) == last_update(instance.raw)
            if outcome.error is not None or outcome.plan.action != "none" or outcome.warnings:
                doubtful.add(instance.id)
            elif instance.full and not instance.odd and unchanged:
                verified.append((outcome.item, outcome.plan, instance))
        self._trust.keep(verified, doubtful)

    # -- written

    def _write(self, outcomes: list[Outcome]) -> None:
        """Creations and updates, then deletions, and finally, if nothing failed, the pruning."""
        planned = [o for o in outcomes if o.error is None]
        self._counts["total"] = len(planned)
        for outcome in planned:
            if not outcome.plan.changed:
                self._count(changed=False, failed=False)
        self._forget_scoped(planned)
        self._write_each([o for o in planned if o.plan.changed and o.plan.action != "delete"])
        self._each([o for o in planned if o.plan.action == "delete" and not o.pruned], self._carry_out)
        pruned = [o for o in planned if o.pruned]
        broken = next((o for o in outcomes if o.error is not None), None)
        if broken:
            for outcome in pruned:
                outcome.fail(CortexError(f"not pruned, since item {broken.index} failed."), "unchanged")
        else:
            self._each(pruned, self._carry_out)
        self._keep_trust(outcomes)

    def _write_each(self, writes: list[Outcome]) -> None:
        """The first PUT of each type goes alone: an unexpected effect happens only once."""
        tried: set[str] = set()
        while True:
            puts = [o for o in writes if o.plan.put and o.type not in (*tried, *self._surprised)]
            alone = {o.type: o for o in reversed(puts)}
            if not alone:
                break
            self._each(list(alone.values()), self._carry_out)
            writes = [o for o in writes if o not in alone.values()]
            tried |= {kind for kind, o in alone.items() if {"update", "scope"} & set(o.actions) and o.changed}
        self._each(writes, self._carry_out)

    def _forget_scoped(self, planned: list[Outcome]) -> None:
        """Forget unscoped instances that match their item now: a person or a lost request scoped them."""
        remembered = unscoped(self.memory)
        for outcome in planned:
            plan, before = outcome.plan, outcome.plan.before
            settled = not plan.changed and not plan.pending and outcome.item["state"] == "present"
            if settled and before and before["id"] in remembered:
                forget(self.memory, before["id"])

    def _carry_out(self, outcome: Outcome) -> None:
        failed = True
        try:
            if outcome.plan.put and outcome.type in self._surprised:
                why = "since an earlier update of this type had an unexpected effect"
                surprise = self._surprised[outcome.type]
                raise TenantError(f" was not attempted, {why}: {surprise}", subject=label(outcome.item))
            self.view.api.client.interruption.refuse()
            self._writer.apply(outcome)
            failed = False
        except CortexError as exc:
            cause = exc.cause if isinstance(exc, PartlyDone) else exc
            if isinstance(cause, Surprise):
                self._surprised[outcome.type] = str(cause)
            raise
        finally:
            self._count(changed=outcome.changed, failed=failed)

    def _count(self, *, changed: bool, failed: bool) -> None:
        with self._lock:
            for name, more in (("done", True), ("changed", changed), ("failed", failed)):
                self._counts[name] += more
            self._progress(self._counts)

    def _each(
        self, outcomes: list[Outcome], step: t.Callable[[Outcome], t.Any], *, reading: bool = False
    ) -> None:
        """Do a step for each outcome without an error, several at once; a failure becomes its error."""
        todo = [o for o in outcomes if o.error is None]
        each(self.view.api.client, lambda outcome: self._guard(outcome, step), todo, reading=reading)

    def _guard(self, outcome: Outcome, step: t.Callable[[Outcome], t.Any]) -> None:
        if self._stopped:
            outcome.fail(TenantError(f" was not attempted: {self._stopped}", subject=label(outcome.item)))
            return
        try:
            step(outcome)
        except Interrupted as exc:
            outcome.fail(TenantError(f" was not attempted: {exc}", subject=label(outcome.item)))
        except CortexError as exc:
            outcome.fail(exc, "undetermined" if isinstance(exc, Undetermined) else "failed")
            if isinstance(exc, ApiError) and exc.status in STOP:
                self._stopped = f"the run ended with HTTP {exc.status} at item {outcome.index}."
        except Exception as exc:
            # A bug triggered by one response must not lose the results and tokens of the other items.
            outcome.fail(Unexpected(exc, subject=label(outcome.item)))


class _OfOthers:
    """Contains the ids of the instances that certainly belong to other items than this one."""

    def __init__(self, owners: dict[str, set[int]], index: int) -> None:
        self._owners, self._index = owners, index

    def __contains__(self, instance_id: object) -> bool:
        indexes = self._owners.get(str(instance_id))
        return indexes is not None and self._index not in indexes


def _with_candidates(item: Item, read: t.Callable[[str], list[str]]) -> Item:
    """The item with the candidates in place of their file.

    read: reads such a file.
    """
    given = item.get("scope_candidates")
    if given is None or item["state"] == "absent" or item.get("ignore"):
        return item
    candidates = read(given) if isinstance(given, str) else names_of(given, "scope_candidates")
    return {**item, "scope_candidates": candidates}
