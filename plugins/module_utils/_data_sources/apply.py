# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, from items to the tenant: read, plan all, then write one after the other.
from __future__ import annotations

import dataclasses
import time
import typing as t

from .._api import Api
from .._errors import ApiError, CortexError, InputError
from .check import check_item
from .fields import Item, Raw, from_api, get, hostname_key, label
from .keep import CredentialsFile, credentials_content, find_credentials
from .plan import Plan, match, pending_actions, plan_create, plan_delete, plan_update, unexpected

# After these the key, not the item, is at fault: every further item would fail the same way.
_STOP = (401, 402, 403)
# A tenant may need a moment until a read shows what was written.
_SETTLE_PAUSES = (0.0, 0.5, 1.0, 2.0)
# How long an instance may take to appear in the list after a create whose answer was lost.
_LOOK_AGAIN_SECONDS = 15.0


@dataclasses.dataclass
class Outcome:
    """What became of one item.

    action: created, updated, unchanged, deleted, failed or undetermined (in check mode: what would become of it). changed: the tenant was,
    or would be, changed; true together with an error when only part was done. data_source: option-shaped, secrets not yet hidden.
    """

    index: int
    item: Item
    plan: Plan = dataclasses.field(default_factory=lambda: Plan("none"))
    action: str = "unchanged"
    changed: bool = False
    error: str | None = None
    api_error: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    data_source: Item | None = None
    actions: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    pending: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    collector_credentials: dict[str, str] | None = None
    credentials_applied: bool = False

    def fail(self, error: CortexError, action: str = "failed") -> None:
        self.action, self.error, self.api_error = action, str(error), error.details()


class Undetermined(InputError):
    """It cannot be told which instance is meant, or whether it exists; nothing was done."""


class Run:
    """One run over a list of items. full: always read the instances in full, for the result's sake, not only where planning needs it."""

    def __init__(self, api: Api, *, check_mode: bool, full: bool = False) -> None:
        self.api, self.check_mode, self.full = api, check_mode, full
        self._instances: dict[str, Raw] = {}
        self._read: set[str] = set()
        self._stopped = ""

    def items(self, items: list[Item]) -> list[Outcome]:
        """Bring the tenant to what the items say. Plans all before the first write; one item's failure does not stop the others.

        Raises InputError when items contradict each other, ApiError when the tenant cannot be read.
        """
        outcomes = [Outcome(index, item) for index, item in enumerate(items)]
        for outcome in outcomes:
            self._guard(outcome, self._check)
        current: dict[int, Raw | None] = {}
        if any(o.error is None for o in outcomes):
            self._list()
        for outcome in outcomes:
            if outcome.error is None:
                self._guard(outcome, lambda o: current.update({o.index: self._current(o)}))
        _refuse_contradictions([(o, current.get(o.index)) for o in outcomes if o.error is None])
        for outcome in outcomes:
            if outcome.error is None:
                self._guard(outcome, lambda o: self._plan(o, current[o.index]))
        if not self.check_mode:
            for outcome in outcomes:
                if outcome.error is None and outcome.plan.changed:
                    self._guard(outcome, self._apply)
        return outcomes

    def _guard(self, outcome: Outcome, step: t.Callable[[Outcome], t.Any]) -> None:
        if self._stopped:
            outcome.fail(InputError(f"{label(outcome.item)} was not tried: {self._stopped}"))
            return
        try:
            step(outcome)
        except CortexError as exc:
            outcome.fail(exc, "undetermined" if isinstance(exc, Undetermined) else "failed")
            if isinstance(exc, ApiError) and exc.status in _STOP:
                self._stopped = f"the run ended with HTTP {exc.status} at item {outcome.index}."

    def _check(self, outcome: Outcome) -> None:
        outcome.warnings += check_item(outcome.item)

    def _list(self) -> None:
        self._read.clear()
        # The list's C(state) is empty whatever is selected (contract 7.1): it must never get near a plan.
        self._instances = {raw["id"]: raw for raw in ({**r, "id": str(r["id"]), "state": None} for r in self.api.list_data_sources())}

    def _fetch(self, instance_id: str, subject: str) -> Raw | None:
        raw = self.api.get_data_source(instance_id, subject)
        if raw is None:
            self._instances.pop(instance_id, None)
            return None
        if "id" in raw and raw["id"] != instance_id:
            raise InputError(
                f"{subject}: the tenant answered with another data source (id {raw['id']}) than the one asked for "
                f"({instance_id}). Nothing was changed."
            )
        # What only the list shows is not lost: some tenants show a name there alone.
        self._instances[instance_id] = {**{k: v for k, v in self._instances.get(instance_id, {}).items() if v is not None}, **raw}
        self._read.add(instance_id)
        return self._instances[instance_id]

    def _current(self, outcome: Outcome) -> Raw | None:
        item, found = outcome.item, None
        if "id" in item:
            found = self._fetch(item["id"], label(item))
            if found is None and item["state"] != "absent":
                raise InputError(
                    f"there is no data source with id {item['id']} in this tenant, and an id never creates one. Correct "
                    "it, or leave it out to create."
                )
            return found
        result = match(item, self._instances.values(), self._read)
        while result.unread:
            for instance_id in result.unread:
                self._fetch(instance_id, f"id {instance_id}")
            result = match(item, self._instances.values(), self._read)
        if result.undetermined:
            raise Undetermined(result.undetermined)
        if result.warning:
            outcome.warnings.append(result.warning)
        found = result.found
        if found is not None and item["state"] == "present" and found["id"] not in self._read and (self.full or _needs_full(item, found)):
            found = self._fetch(found["id"], label(item))
        return found

    def _plan(self, outcome: Outcome, current: Raw | None) -> None:
        item = outcome.item
        if current is None:
            plan = Plan("none") if item["state"] == "absent" else plan_create(item)
        elif item["state"] == "absent":
            plan = plan_delete(current)
        elif item["state"] == "created":
            plan = Plan("none", before=from_api(current), after=from_api(current))
        else:
            plan = plan_update(item, current)
            if plan.changed and current["id"] not in self._read:
                # Planned from the list alone: the same plan from the full instance is the one that counts, in check mode too.
                full = self._fetch(current["id"], label(item))
                plan = plan_update(item, full) if full is not None else plan_create(item)
        self._take(outcome, plan)
        if plan.action == "create" and item.get("credentials_file") and item["type"] == "COLLECTOR":
            CredentialsFile(item["credentials_file"]).refuse_existing()

    def _take(self, outcome: Outcome, plan: Plan) -> None:
        outcome.plan = plan
        outcome.action = {"create": "created", "update": "updated", "delete": "deleted", "none": "unchanged"}[plan.action]
        outcome.changed = plan.changed and self.check_mode
        outcome.data_source = plan.after
        outcome.pending = plan.pending
        outcome.warnings += [w for w in plan.warnings if w not in outcome.warnings]
        outcome.actions = {"create": ["create", *(["scope"] if plan.put else [])], "update": ["update"], "delete": ["delete"], "none": []}[
            plan.action
        ]
        outcome.credentials_applied = plan.action == "create" and "credentials" in outcome.item

    def _apply(self, outcome: Outcome) -> None:
        {"create": self._create, "update": self._update, "delete": self._delete}[outcome.plan.action](outcome)

    def _create(self, outcome: Outcome) -> None:
        item, plan = outcome.item, outcome.plan
        keep = CredentialsFile(item["credentials_file"]) if item.get("credentials_file") and item["type"] == "COLLECTOR" else None
        if keep:
            keep.prepare()
        try:
            reply = self._post(outcome, plan.post)
            if reply is None:
                return
            outcome.changed, outcome.actions = True, ["create"]
            instance_id = reply["id"]
            if item["type"] == "COLLECTOR":
                self._keep_token(outcome, reply, keep)
        finally:
            if keep:
                keep.discard()
        outcome.pending = pending_actions(item, instance_id)
        outcome.data_source = {**(plan.after or {}), "id": instance_id}
        full = self._settled(instance_id, label(item), lambda _raw: [])
        outcome.data_source = from_api(full)
        if not plan.put:
            return
        try:
            # Nobody has selected anything in it yet, so nothing can be deselected by mistake.
            fresh = {**{k: v for k, v in item.items() if k not in ("unique_properties", "domain")}, "max_deselect": -1}
            scope = plan_update(fresh, full)
            if scope.changed:
                self._put(outcome, scope, instance_id)
        except CortexError as exc:
            raise _partly(f"{label(item)} was created (id {instance_id}), but its scope was not set", exc) from None

    def _post(self, outcome: Outcome, post: Raw) -> Raw | None:
        """Create, once. Returns the reply; None when it turned out to exist and was handled as that."""
        item, known = outcome.item, set(self._instances)
        try:
            return self.api.create_data_source(post, label(item))
        except ApiError as exc:
            if exc.status == 409 or (exc.status == 400 and "already exists" in exc.words.lower()):
                self._made_by_another(outcome, exc)
                return None
            if not exc.ambiguous:
                raise
            return self._look_for_lost(outcome, known, exc)

    def _made_by_another(self, outcome: Outcome, refusal: ApiError) -> None:
        self._list()
        try:
            current = self._current(outcome)
        except CortexError:
            current = None
        if current is None:
            raise refusal
        outcome.warnings.append(f"{label(outcome.item)} was created by somebody else while this run was planning; it was taken as it is.")
        self._plan(outcome, current)
        if outcome.plan.action == "update":
            self._update(outcome)

    def _look_for_lost(self, outcome: Outcome, known: set[str], lost: ApiError) -> Raw:
        """The create may have been carried out. Adopt only an instance that was not there before and agrees with every given field."""
        item, deadline, pause = outcome.item, time.monotonic() + _LOOK_AGAIN_SECONDS, 1.0
        while True:
            self._list()
            fresh = [raw for raw in self._instances.values() if raw["id"] not in known]
            result = match(item, fresh, self._read)
            for instance_id in result.unread:
                self._fetch(instance_id, f"id {instance_id}")
            if result.unread:
                result = match(item, [self._instances[r["id"]] for r in fresh if r["id"] in self._instances], self._read)
            if result.found is not None and not result.warning and _distinguished(item):
                outcome.warnings.append(
                    f"The answer to creating {label(item)} was lost; the instance it made was found (id {result.found['id']})."
                )
                return result.found
            if time.monotonic() + pause > deadline:
                raise ApiError(
                    lost.operation,
                    lost.subject,
                    method=lost.method,
                    path=lost.path,
                    status=lost.status,
                    words=lost.words,
                    hint="It is not known whether it was created: no new instance with these fields appeared within "
                    f"{_LOOK_AGAIN_SECONDS:.0f} s. It was not sent again. Look in the console, then run again, which looks first.",
                    ambiguous=True,
                    attempts=lost.attempts,
                )
            time.sleep(pause)
            pause *= 2

    def _keep_token(self, outcome: Outcome, reply: Raw, keep: CredentialsFile | None) -> None:
        found = find_credentials({k: v for k, v in reply.items() if k not in ("uniqueProperties", "domain")})
        where = f"{label(outcome.item)} was created (id {reply['id']})"
        if not found:
            raise InputError(
                f"{where}, but the answer held no token, so it cannot be kept. Delete it (state: absent, id: "
                f"{reply['id']}) and run again, or renew its token in the console."
            )
        self.api.client.redactor.add(found["token"])
        outcome.collector_credentials = found
        if keep:
            try:
                keep.commit(credentials_content(reply, found, outcome.item.get("name")))
            except OSError as exc:
                raise InputError(
                    f"{where}, but its token could not be written to {keep.path} ({exc.strerror}). Delete it (state: "
                    f"absent, id: {reply['id']}) and run again."
                ) from None

    def _update(self, outcome: Outcome) -> None:
        instance_id = outcome.plan.id
        current = self._fetch(instance_id, label(outcome.item))
        if current is None:
            raise InputError(
                f"{label(outcome.item)} (id {instance_id}) was deleted by somebody else while this run was planning. Run again."
            )
        # Planned anew from the read right before the write: what others changed since must not be undone.
        plan = plan_update(outcome.item, current)
        self._take(outcome, plan)
        if plan.changed:
            self._put(outcome, plan, instance_id)

    def _put(self, outcome: Outcome, plan: Plan, instance_id: str) -> None:
        self.api.update_data_source(instance_id, plan.put, label(outcome.item))
        outcome.changed = True
        outcome.actions = [*(a for a in outcome.actions if a == "create"), "scope" if "create" in outcome.actions else "update"]
        shown = self._settled(instance_id, label(outcome.item), lambda raw: unexpected(plan, raw))
        outcome.data_source = from_api(shown)
        differences = unexpected(plan, shown)
        if differences:
            raise InputError(
                f"{label(outcome.item)} (id {instance_id}) was updated, but reading it back shows: "
                f"{'; '.join(differences)}. Compare it in the console before the next run."
            )

    def _settled(self, instance_id: str, subject: str, differences: t.Callable[[Raw], list[str]]) -> Raw:
        """Read back; a few times when the tenant does not yet show what was written."""
        shown: Raw | None = None
        for pause in _SETTLE_PAUSES:
            time.sleep(pause)
            shown = self._fetch(instance_id, subject)
            if shown is not None and not differences(shown):
                break
        if shown is None:
            raise InputError(f"{subject} (id {instance_id}) was written, but the tenant does not show it. Run again to see what stands.")
        return shown

    def _delete(self, outcome: Outcome) -> None:
        instance_id, subject = outcome.plan.id, label(outcome.plan.before or outcome.item)
        self.api.delete_data_source(instance_id, subject)
        outcome.changed = True
        for pause in _SETTLE_PAUSES:
            time.sleep(pause)
            if self.api.get_data_source(instance_id, subject) is None:
                return
        raise InputError(f"{subject} was deleted, but the tenant still shows it. Look in the console, then run again.")


def _needs_full(item: Item, listed: Raw) -> bool:
    """Whether the list does not show enough of an instance to compare the item with it."""
    if "repositories" in item or "external_projects" in item:
        return True
    shown = from_api(listed)
    return any(
        get(item, option) is not None and get(shown, option) is None
        for option in (
            "selection_type",
            "unique_properties",
            "domain.protocol",
            "transporter.broker_device_id",
            "transporter.connection_name",
        )
    )


def _distinguished(item: Item) -> bool:
    return "name" in item or get(item, "domain.hostname") is not None


def _partly(what: str, exc: CortexError) -> CortexError:
    error = InputError(f"{what}: {exc} Run again to complete it.")
    details = exc.details()
    error.details = lambda: details  # type: ignore[method-assign]
    return error


def _refuse_contradictions(found: list[tuple[Outcome, Raw | None]]) -> None:
    """Two items that mean one instance, or claim one repository on one host, would undo each other in every run."""
    instances: dict[t.Any, Outcome] = {}
    repositories: dict[tuple[str, str, str], Outcome] = {}
    for outcome, current in found:
        item = outcome.item
        host = hostname_key(get(item, "domain.hostname") or "")
        key = current["id"] if current else ("new", item.get("type"), item.get("name"), host)
        other = instances.setdefault(key, outcome)
        if other is not outcome:
            raise InputError(
                f"items {other.index} ({label(other.item)}) and {outcome.index} ({label(item)}) mean the same data "
                "source: merge them into one. Nothing was changed."
            )
        if item["state"] == "absent" or item["repositories_mode"] == "remove":
            continue
        kind = item.get("type") or (current or {}).get("type") or ""
        host = host or hostname_key(get(current, "domain.hostname") or "")
        for repository in item.get("repositories", []):
            claimed = repositories.setdefault((kind, host, repository), outcome)
            if claimed is not outcome:
                raise InputError(
                    f"items {claimed.index} ({label(claimed.item)}) and {outcome.index} ({label(item)}) both claim "
                    f"repository {repository}: "
                    "it can belong to one only. Nothing was changed."
                )
