# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, one item's writes: create, scope, update, recreate, delete, each read back.
from __future__ import annotations

import dataclasses
import json
import re
import threading
import time
import typing as t

from .._errors import ApiError, CortexError, PartlyDone, TenantError
from .._http.plain import one_line
from .._http.redaction import holds_masked, secrets_in
from .._state import Memory
from .collector_token import CredentialsFile, credentials_content, find_credentials
from .data_file import write_backup
from .digest import requests_of
from .fields import COLLECTOR, MANUAL, Item, Raw, label
from .instance import Instance
from .lost import find_lost
from .made import remember_creatable, remember_made, remember_mappings
from .match import Match
from .plan import Plan, pending_actions, plan_item, plan_pending, plan_update, scope_item, still_pending, unexpected
from .status import reasons, status_of
from .types import known
from .unscoped import forget, remember, remembers
from .view import SETTLE_PAUSES, View

# How long an instance may take to appear in the list after a create whose answer was lost.
LOOK_AGAIN_SECONDS = 15.0
# How often a collector is created whose answer is lost each time.
LOST_COLLECTORS = 3
_ACTIONS = {"pending": "pending", "create": "created", "update": "updated", "recreate": "updated", "delete": "deleted", "none": "unchanged"}


@dataclasses.dataclass(eq=False)
class Outcome:
    """What became of one item.

    action: created, updated, unchanged, deleted, pending, failed or undetermined (in check mode: what would become of it).
    changed: the tenant was, or would be, changed; true together with an error when only part was done.
    data_source: option-shaped, secrets not yet hidden. current: the instance that the item was found to mean, before anything was
    done; match: how it was found. names_item: whether error begins with its name.
    """

    index: int
    item: Item
    current: Instance | None = None
    match: Match = dataclasses.field(default_factory=Match)
    plan: Plan = dataclasses.field(default_factory=lambda: Plan("none"))
    action: str = "unchanged"
    changed: bool = False
    error: str | None = None
    names_item: bool = False
    api_error: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    data_source: Item | None = None
    actions: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    pending: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    backup_file: str | None = None
    collector_credentials: dict[str, str] | None = None
    credentials_applied: bool = False
    pruned: bool = False
    # What a person has to do about a token that is not where the item says.
    token_missing: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)

    @property
    def released(self) -> dict[str, str] | None:
        """The token that the result holds in clear, since the item asks for it."""
        return self.collector_credentials if self.item.get("return_credentials") else None

    def fail(self, error: CortexError, action: str = "failed") -> None:
        self.action, self.error, self.api_error = action, one_line(str(error)), error.details()
        self.changed = self.changed or error.changed
        # An ApiError names its subject later: "Cannot update data source ...".
        self.names_item = bool(error.subject) and not isinstance(error, ApiError)
        if not self.changed:
            # What was planned did not happen.
            self.actions, self.pending, self.credentials_applied, self.data_source = [], [], False, self.plan.before

    def take(self, plan: Plan, *, predicted: bool) -> None:
        """Adopt a plan. predicted: in check mode the prediction is the result."""
        self.plan, self.action = plan, _ACTIONS[plan.action]
        self.changed = plan.changed and predicted
        self.data_source, self.pending = plan.after, [*(plan.pending or still_pending(self.item, plan)), *self.token_missing]
        self.warnings += [w for w in plan.warnings if w not in self.warnings]
        made = ["create", *(["scope"] if plan.put else [])]
        self.actions = {"create": made, "recreate": ["delete", *made], "update": ["update"], "delete": ["delete"]}.get(plan.action, [])
        self.credentials_applied = plan.action in ("create", "recreate") and "credentials" in self.item


class Surprise(TenantError):
    """A write did something else than it was sent for; its like must not be repeated."""


class Writer:
    """Carries out plans against one tenant. May be used by several threads, one instance at a time in each.

    approved: somebody approved the plans as they are, so that nothing else is done, though the tenant changes meanwhile.
    """

    def __init__(self, view: View, memory: Memory, *, approved: bool = False) -> None:
        self.view, self.api, self.memory, self.approved = view, view.api, memory, approved
        self._lock = threading.Lock()
        # What this run knows of types: which the tenant has created, which it refused, and a lock for the first creation of each.
        self._created: set[str] = set()
        self._uncreatable: dict[str, ApiError] = {}
        self._alone: dict[str, threading.Lock] = {}

    def apply(self, outcome: Outcome) -> None:
        """Do what the outcome's plan says and record what came of it.

        Raises CortexError; C(outcome.changed) then tells whether something was done.
        """
        {"create": self._create, "update": self._update, "recreate": self._recreate, "delete": self._delete}[outcome.plan.action](outcome)

    def _locked(self, instance_id: str) -> t.Any:
        return self.api.client.exclusive(self.api.tenant, instance_id)

    def _backup(self, outcome: Outcome, shown: Item) -> None:
        directory = outcome.item.get("backup_dir")
        if directory and outcome.backup_file is None:
            outcome.backup_file = write_backup(directory, self.api.tenant, shown)

    def _create(self, outcome: Outcome) -> None:
        self._make(outcome, outcome.item, outcome.plan)

    def _make(self, outcome: Outcome, item: Item, plan: Plan) -> None:
        keep = CredentialsFile(item["credentials_file"]) if item.get("credentials_file") and item["type"] == "COLLECTOR" else None
        if keep:
            keep.prepare()
        try:
            reply = self._post(outcome, item, plan.post)
            if reply is None:
                return
            outcome.changed, outcome.actions = True, [*(a for a in outcome.actions if a == "delete"), "create"]
            if item["type"] == "COLLECTOR":
                self._keep_token(outcome, reply, keep)
        finally:
            if keep:
                keep.discard()
        made = Instance(reply, full=False)
        if plan.put:
            remember(self.memory, self.api.client.redactor, item, made.raw)
        outcome.pending = pending_actions(item, made.id)
        outcome.data_source = {**(plan.after or {}), "id": made.id}
        self._refuse_another_identifier(item, made)
        if plan.put:
            self._scope_new(outcome, item, made.id)
        if "scope" not in outcome.actions:
            outcome.data_source = self.view.settled(made.id, label(item)).shown
        shown = self.view.instances.get(made.id)
        if shown is not None:
            remember_made(self.memory, self.api.client.redactor, item, shown)
            self._refuse_another_identifier(item, shown)
        self._wait(outcome, made.id)

    def _refuse_another_identifier(self, item: Item, made: Instance) -> None:
        """What tells the new instance apart is not what the item says: the next run finds it by what is remembered."""
        wanted = item.get("identifier", item.get("name") if item["type"] == COLLECTOR else None)
        if wanted is None or made.identifier in (None, wanted):
            return
        remember_made(self.memory, self.api.client.redactor, item, made)
        shown = json.dumps(made.identifier, ensure_ascii=False)
        raise PartlyDone(
            f" was created (id {made.id}), but the tenant shows its identifier as {shown}",
            how=f"Give identifier: {shown}, or delete it (state: absent, id: {made.id}).",
            subject=label(item),
        )

    def _scope_new(self, outcome: Outcome, item: Item, instance_id: str) -> None:
        try:
            with self._locked(instance_id):
                waits = self._set_scope(outcome, item, self.view.settled(instance_id, label(item)))
        except CortexError as exc:
            done, how = f" was created (id {instance_id}), but its scope was not set", "Run again to complete it."
            if outcome.plan.action == "recreate":
                old = "take its old id out, " if "id" in outcome.item else ""
                how = f"Its former scope is in {_scope_kept(outcome)}: add to the item what of it is missing there, {old}and run again."
            if not remembers(self.memory, instance_id):
                how += (
                    " No memory of it could be kept: should that run say that it narrows what is covered, set max_deselect to -1 for it "
                    f"(id {instance_id})."
                )
            raise PartlyDone(done, exc, how, subject=label(item)) from None
        if waits:
            outcome.pending = pending_actions(item, instance_id, scope_waits=True)

    def _set_scope(self, outcome: Outcome, item: Item, shown: Instance) -> bool:
        """Returns whether the scope of a new instance waits for a person's consent."""
        remember(self.memory, self.api.client.redactor, item, shown.raw)
        # Nobody has mapped anything in it yet, whether the tenant shows that or not.
        plan = plan_update(scope_item(item, outcome.plan.after or {}, shown), dataclasses.replace(shown, applied=[], begun=None))
        outcome.warnings += plan.warnings
        if not plan.changed:
            self._as_wanted(plan, shown.id)
            return bool(plan.pending)
        if "uniqueProperties" in outcome.plan.post:
            # A tenant that hides values and clears what an update leaves out would lose them; here they are still known.
            visible = {k: v for k, v in (shown.settings or {}).items() if not holds_masked(v)}
            plan.put["uniqueProperties"] = {**visible, **outcome.plan.post["uniqueProperties"]}
        try:
            self._put(outcome, plan, shown.id, "scope")
        except ApiError as exc:
            kind = known(item["type"])
            if not (kind and kind.consent and exc.status in (400, 409, 422)):
                raise
            # The tenant takes a scope only after a person's consent: that is no failure of this run.
            outcome.warnings.append(f"{label(item)} was created; the tenant does not take its scope yet ({exc.words}).")
            return True
        self._as_wanted(plan, shown.id)
        return False

    def _post(self, outcome: Outcome, item: Item, post: Raw) -> Raw | None:
        """Create. Returns the reply, or what was found in its place; None when it turned out to exist and was handled as that."""
        before = set(self.view.instances)
        for _attempt in range(LOST_COLLECTORS):
            try:
                return self._first_of_type(item, post)
            except ApiError as exc:
                if exc.status == 422 and known(item["type"]) and item["type"] != COLLECTOR and _names_type(exc):
                    remember_creatable(self.memory, item["type"], False)
                    if item.get("uncreatable") == "fail" or "delete" in outcome.actions:
                        raise
                    outcome.take(plan_pending(item), predicted=False)
                    return None
                if exc.status == 422 and item["type"] == COLLECTOR:
                    raise dataclasses.replace(exc, hint=_COLLECTOR_SETTINGS) from None
                if exc.status == 409 or (exc.status == 400 and "already exists" in exc.words.lower()):
                    self._made_by_another(outcome, exc)
                    return None
                if not exc.ambiguous:
                    raise
                lost = exc
            # Sent again only when what it made is gone: a collector's token came with the answer, and nothing else can show it.
            found = find_lost(self.api, item, post, lambda: before | set(self.view.instances), lost, LOOK_AGAIN_SECONDS)
            if item["type"] != "COLLECTOR":
                outcome.warnings.append(f"The answer to creating {label(item)} was lost; what it made was found (id {found.id}).")
                return found.raw
            self._delete_orphan(outcome, item, found.id)
        lost_again = f": the answer to creating it was lost {LOST_COLLECTORS} times; nothing is left of it. Run again."
        raise TenantError(lost_again, subject=label(item))

    def _first_of_type(self, item: Item, post: Raw) -> Raw:
        """Create. The first creation of a type goes alone: should the tenant not create it, that is asked once (docs/api.md: create.types).

        Raises ApiError.
        """
        kind = item["type"]
        if kind == COLLECTOR or self.view.creatable(kind) or kind in self._created:
            return self.api.create_data_source(post, label(item))
        with self._lock:
            alone = self._alone.setdefault(kind, threading.Lock())
        with alone:
            refusal = self._uncreatable.get(kind)
            if refusal is not None:
                raise refusal
            try:
                reply = self.api.create_data_source(post, label(item))
            except ApiError as exc:
                if exc.status == 422 and _names_type(exc):
                    self._uncreatable[kind] = exc
                raise
            self._created.add(kind)
        remember_creatable(self.memory, kind, True)
        return reply

    def _delete_orphan(self, outcome: Outcome, item: Item, instance_id: str) -> None:
        try:
            with self._locked(instance_id):
                self.api.delete_data_source(instance_id, label(item))
                self._gone(instance_id, label(item))
        except CortexError as exc:
            outcome.changed, outcome.actions = True, [*outcome.actions, "create"]
            raise PartlyDone(
                f" was created (id {instance_id}), but its token was lost with the answer and deleting it failed; "
                f"delete it (state: absent, id: {instance_id})",
                exc,
                subject=label(item),
            ) from None
        outcome.warnings.append(
            f"The answer to creating {label(item)} was lost, and its token with it: what it made (id {instance_id}) was deleted."
        )

    def _made_by_another(self, outcome: Outcome, refusal: ApiError) -> None:
        view = View(self.api)
        view.load()
        try:
            found = view.find(outcome.item, full=True)
        except CortexError:
            found = Match()
        if found.found is None or self.approved:
            raise refusal
        outcome.warnings += filter(None, [found.warning])
        outcome.warnings.append(f"{label(outcome.item)} was created by somebody else while this run was planning; it was taken as it is.")
        outcome.take(plan_item(outcome.item, found.found, self.view.creatable), predicted=False)
        if outcome.plan.changed:
            self.apply(outcome)

    def _keep_token(self, outcome: Outcome, reply: Raw, keep: CredentialsFile | None) -> None:
        found = find_credentials({k: v for k, v in reply.items() if k not in ("uniqueProperties", "domain")})
        made, subject = f" was created (id {reply['id']})", label(outcome.item)
        again = f"Delete it (state: absent, id: {reply['id']}) and run again"
        self.api.client.redactor.add(*([found["token"]] if found else secrets_in(reply)))
        outcome.collector_credentials = found
        if keep:
            try:
                keep.commit(credentials_content(reply, found, outcome.item.get("name")))
            except OSError as exc:
                unwritten = f"{made}, but its token could not be written to {keep.path} ({exc.strerror})"
                if found and outcome.released:
                    raise PartlyDone(unwritten, how="The result holds it: keep it from there.", subject=subject) from None
                self._undo_collector(outcome, str(reply["id"]), unwritten)
        if not found:
            how = f"{again} with credentials_file, which keeps the answer as it is, or renew its token in the console."
            if keep:
                how = (
                    f"The answer is in {keep.path}: add its token as token and the token's id as token_id there. If it has none, move "
                    f"the file away. {again}, or renew its token in the console."
                )
            raise PartlyDone(f"{made}, but the answer held no token in a known form", how=how, subject=subject)

    def _undo_collector(self, outcome: Outcome, instance_id: str, unwritten: str) -> t.NoReturn:
        """A collector whose token nobody has is of no use: it goes, so that the next run makes it again."""
        subject = label(outcome.item)
        outcome.collector_credentials = None
        try:
            with self._locked(instance_id):
                self.api.delete_data_source(instance_id, subject)
                self._gone(instance_id, subject)
        except CortexError as exc:
            how = f"Delete it (state: absent, id: {instance_id}), make room there, and run again."
            raise PartlyDone(f"{unwritten}, and deleting it failed", exc, how, subject=subject) from None
        outcome.actions = [action for action in outcome.actions if action != "create"]
        outcome.changed = bool(outcome.actions)
        raise CortexError(f"{unwritten}, so it was deleted again. Make room there, and run again.", subject=subject)

    def _update(self, outcome: Outcome) -> None:
        item, instance_id = outcome.item, outcome.plan.id
        with self._locked(instance_id):
            current = self.view.fetch(instance_id, label(item))
            if current is None:
                raise _overtaken("deleted", item, instance_id)
            # Planned anew from the read right before the write: what others changed since must not be undone.
            plan = plan_update(item, outcome.match.judged(current), self.view.creatable)
            if plan.action == "recreate" or (self.approved and requests_of([plan]) != requests_of([outcome.plan])):
                raise _overtaken("changed", item, instance_id)
            outcome.take(plan, predicted=False)
            if outcome.plan.changed:
                if _narrows(outcome.plan):
                    self._backup(outcome, current.shown)
                self._put(outcome, outcome.plan, instance_id, "update")
            self._as_wanted(outcome.plan, instance_id)
        self._wait(outcome, instance_id)

    def _put(self, outcome: Outcome, plan: Plan, instance_id: str, action: str) -> None:
        subject, seen = label(outcome.item), self.view.instances.get(instance_id)
        applied_before = seen.applied if seen else None
        self.api.update_data_source(instance_id, plan.put, subject)
        outcome.changed = True
        outcome.actions = [*(a for a in outcome.actions if a not in ("scope", "update")), action]
        shown = self.view.settled(instance_id, subject, lambda instance: unexpected(plan, instance))
        outcome.data_source = shown.shown
        if "externalProjects" in plan.put:
            mappings = (plan.after or {}).get("external_projects")
            applied = mappings if mappings is not None else applied_before or []
            remember_mappings(self.memory, self.api.client.redactor, applied, shown)
        differences = unexpected(plan, shown)
        if differences:
            raise Surprise(
                f" (id {instance_id}) was updated, but reading it back shows: {'; '.join(differences)}. "
                "Compare it in the console before the next run.",
                subject=subject,
            )

    def _as_wanted(self, plan: Plan, instance_id: str) -> None:
        # Where a person's consent is awaited, nothing was wanted yet.
        if not plan.pending:
            forget(self.memory, instance_id)

    def _recreate(self, outcome: Outcome) -> None:
        plan, item = outcome.plan, outcome.plan.item or outcome.item
        with self._locked(plan.id):
            current = self.view.fetch(plan.id, label(outcome.item))
            if current is None or plan_update(outcome.item, current, self.view.creatable).put != plan.put:
                raise _overtaken("changed", outcome.item, plan.id)
            self.api.refuse_creation(label(outcome.item))
            self._backup(outcome, current.shown)
            self.api.delete_data_source(plan.id, label(outcome.item))
            outcome.changed, outcome.actions, outcome.data_source = True, ["delete"], plan.before
            try:
                self._gone(plan.id, label(outcome.item))
                self._make(outcome, item, plan)
            except CortexError as exc:
                if "create" in outcome.actions:
                    raise
                old = "take its old id out, " if "id" in outcome.item else ""
                how = f"Add to the item what of that scope it lacks, {old}and run again."
                done = f" was deleted, but not created again; its scope is in {_scope_kept(outcome)}"
                raise PartlyDone(done, exc, how, subject=label(plan.before or item)) from None

    def _delete(self, outcome: Outcome) -> None:
        instance_id, subject = outcome.plan.id, label(outcome.plan.before or outcome.item)
        with self._locked(instance_id):
            if outcome.item.get("backup_dir"):
                current = self.view.fetch(instance_id, subject)
                if current is not None:
                    self._backup(outcome, current.shown)
            self.api.delete_data_source(instance_id, subject)
            outcome.changed = True
            self._gone(instance_id, subject)

    def _gone(self, instance_id: str, subject: str) -> None:
        for pause in SETTLE_PAUSES:
            time.sleep(pause)
            if self.api.get_data_source(instance_id, subject) is None:
                forget(self.memory, instance_id)
                return
        raise TenantError(" was deleted, but the tenant still shows it. Look in the console, then run again.", subject=subject)

    def _wait(self, outcome: Outcome, instance_id: str) -> None:
        item = outcome.item
        if not item.get("wait"):
            return
        wanted = [s.upper() for s in item["wait_for_status"]]
        deadline, pause = time.monotonic() + item["wait_timeout"], 1.0
        while True:
            shown = outcome.data_source or {}
            word = str(shown.get("status") or "not shown").upper()
            if word in wanted:
                return
            status, why = status_of(word), reasons(shown.get("status_details"))
            why = f"; {why}" if why else ""
            if status.ends == "warned":
                outcome.warnings.append(f"{label(item)} (id {instance_id}) has status {word}: {status.says}{why}.")
                return
            late = time.monotonic() + pause > deadline
            if late or status.ends == "failed":
                when = f" ({status.says})" if status.ends else f" after {item['wait_timeout']:g} s"
                said = f" (id {instance_id}) has status {word}{when}, not {' or '.join(wanted)}{why}"
                how = "repair it in the console, then run again." if status.ends else "raise wait_timeout, or look in the console."
                if outcome.changed:
                    raise PartlyDone(said, how=f"What was sent stands; {how}", subject=label(item))
                raise TenantError(f"{said}. Nothing was sent; {how}", subject=label(item))
            time.sleep(pause)
            pause = min(pause * 1.5, 10.0)
            outcome.data_source = self.view.settled(instance_id, label(item)).shown


# The keys of uniqueProperties are published nowhere (docs/api.md: create.properties).
_COLLECTOR_SETTINGS = (
    "If it refuses a key of uniqueProperties: a collector is created with name, detectionMethod and fileType; give others with "
    "unique_properties."
)


def _names_type(refusal: ApiError) -> bool:
    """Whether a 422 is about the type of the data source ("requestBody.type: ..."), and not about a member such as credentials.type."""
    return re.search(r"(?:^|[\s\[;(])(?:(?:request)?body\.)?type\s*:|[\"'`]type[\"'`]", refusal.words, re.IGNORECASE) is not None


def _overtaken(what: str, item: Item, instance_id: str) -> TenantError:
    """what: what somebody else did to the instance, deleted or changed."""
    said = f" (id {instance_id}) was {what} by somebody else while this run was planning. Run again."
    return TenantError(said, subject=label(item))


def _scope_kept(outcome: Outcome) -> str:
    """Where the scope of a deleted instance is to be found."""
    return outcome.backup_file or "the result's data_source"


def _narrows(plan: Plan) -> bool:
    """Whether an update takes something away that was covered before."""
    before, after = plan.before or {}, plan.after or {}
    gone = set(before.get("repositories", [])) - set(after.get("repositories", []))
    mappings = [m for m in before.get("external_projects", []) if m not in after.get("external_projects", [])]
    return bool(gone or mappings) or (before.get("selection_type") != MANUAL and after.get("selection_type") == MANUAL)
