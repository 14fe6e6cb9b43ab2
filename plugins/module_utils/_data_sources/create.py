# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creating an instance: the request, a lost response, a collector's token, and the first scope.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import json
import re
import threading
import typing as t

from .._admitted import Raw
from .._errors import ApiError, CortexError, PartlyDone, TenantError
from .._http.redaction import holds_masked, secrets_in
from .collector_token import CredentialsFile, credentials_content, find_credentials
from .fields import COLLECTOR, Item, label
from .instance import Instance
from .lost import find_lost
from .made import remember_creatable, remember_made
from .match import Match, expected_identifier
from .outcome import Outcome
from .pending import to_complete
from .plan import plan_item, plan_pending, plan_update, scope_item
from .types import known
from .unscoped import remember, remembers
from .view import View
from .wait import wait_for_status
from .write import Writes

# Seconds that an instance may take to appear in the list after a create whose response was lost.
LOOK_AGAIN_SECONDS = 15.0
# How many times a collector is created when the response is lost each time.
LOST_COLLECTORS = 3
# A refusal that begins, for example, with "requestBody.type: ".
_NAMES_TYPE = re.compile(r"(?:^|[\s\[;(])(?:(?:request)?body\.)?type\s*:|[\"'`]type[\"'`]", re.IGNORECASE)
# The keys of uniqueProperties are published nowhere (docs/api.md: create.properties).
_COLLECTOR_SETTINGS = (
    "If it refuses a key of uniqueProperties: a collector is created with name, detectionMethod and "
    "fileType; give others with unique_properties."
)


class Creator:
    """Creates instances in one tenant. Thread-safe.

    approved: the plans were approved, so nothing else is done even if the tenant changes in the meantime.
    """

    def __init__(self, writes: Writes, *, approved: bool) -> None:
        self.writes, self.view, self.api, self.memory = writes, writes.view, writes.api, writes.memory
        self.approved = approved
        self._lock = threading.Lock()
        # Types that were created in this run, refused ones, and a lock for the first creation of each.
        self._created: set[str] = set()
        self._uncreatable: dict[str, ApiError] = {}
        self._alone: dict[str, threading.Lock] = {}

    def create(self, outcome: Outcome) -> bool:
        """Create the instance, scope it, and wait for its status.

        Returns whether it was created; if not (it exists, or cannot be created), the outcome has a new plan.
        Raises CortexError; PartlyDone when it was created but not completed.
        """
        plan, item = outcome.plan, outcome.plan.item or outcome.item
        path = item.get("credentials_file") if item["type"] == COLLECTOR else None
        keep = CredentialsFile(path, self.api.tenant) if path else None
        if keep:
            keep.prepare()
        try:
            reply = self._post(outcome, item, plan.post)
            if reply is None:
                return False
            outcome.changed = True
            outcome.actions = [*(a for a in outcome.actions if a == "delete"), "create"]
            if item["type"] == COLLECTOR:
                self._keep_token(outcome, reply, keep)
        finally:
            if keep:
                keep.discard()
        made = Instance(reply, full=False)
        if plan.put:
            remember(self.memory, self.api.client.redactor, item, made.raw)
        outcome.pending = to_complete(item, made.id)
        outcome.data_source = {**(plan.after or {}), "id": made.id}
        self._refuse_another_identifier(item, made)
        if plan.put:
            self._scope(outcome, item, made.id)
        if "scope" not in outcome.actions:
            outcome.data_source = self.view.settled(made.id, label(item)).reported
        current = self.view.instances.get(made.id)
        if current:
            remember_made(self.memory, self.api.client.redactor, item, current)
            self._refuse_another_identifier(item, current)
        wait_for_status(self.view, outcome, made.id)
        return True

    def _refuse_another_identifier(self, item: Item, made: Instance) -> None:
        """Raise PartlyDone when the new instance has another identifier than the item gives."""
        if expected_identifier(item) is None or made.identifier in (None, expected_identifier(item)):
            return
        # So that the next run finds it.
        remember_made(self.memory, self.api.client.redactor, item, made)
        current = json.dumps(made.identifier, ensure_ascii=False)
        raise PartlyDone(
            f" was created (id {made.id}), but the tenant shows its identifier as {current}",
            how=f"Give identifier: {current}, or delete it (state: absent, id: {made.id}).",
            subject=label(item),
        )

    # -- the request

    def _post(self, outcome: Outcome, item: Item, post: Raw) -> Raw | None:
        """Create. Returns the response, or the instance found instead; None if the outcome has a new plan."""
        before = set(self.view.instances)
        for _attempt in range(LOST_COLLECTORS):
            try:
                return self._first_of_type(item, post)
            except ApiError as exc:
                if self._replanned(outcome, item, exc):
                    return None
                if not exc.ambiguous:
                    raise
                lost = exc
            # Only repeated after the instance was deleted: a collector's token is only in the lost response.
            made = find_lost(
                self.api, item, post, lambda: before | {*self.view.instances}, lost, LOOK_AGAIN_SECONDS
            )
            if item["type"] != COLLECTOR:
                was_lost = f"was lost; what it made was found (id {made.id})."
                outcome.warnings.append(f"The response to creating {label(item)} {was_lost}")
                return made.raw
            self._delete_orphan(outcome, item, made.id)
        lost_again = f": the response to creating it was lost {LOST_COLLECTORS} times; nothing is left of it."
        raise TenantError(f"{lost_again} Run again.", subject=label(item))

    def _first_of_type(self, item: Item, post: Raw) -> Raw:
        """Create, the first of each type alone: if the tenant refuses the type (docs/api.md: create.types),
        the other creations of that type are not sent.

        Raises ApiError.
        """
        kind = item["type"]
        if kind == COLLECTOR or self.view.creatable(kind) or kind in self._created:
            return self.api.create_data_source(post, label(item))
        with self._lock:
            alone = self._alone.setdefault(kind, threading.Lock())
        with alone:
            if kind in self._uncreatable:
                raise self._uncreatable[kind]
            try:
                reply = self.api.create_data_source(post, label(item))
            except ApiError as exc:
                if _refuses_type(exc):
                    self._uncreatable[kind] = exc
                raise
            self._created.add(kind)
        remember_creatable(self.memory, kind, True)
        return reply

    def _replanned(self, outcome: Outcome, item: Item, refusal: ApiError) -> bool:
        """Whether the refusal means that there is nothing to create; then the outcome gets a new plan."""
        kind = item["type"]
        if known(kind) and kind != COLLECTOR and _refuses_type(refusal):
            remember_creatable(self.memory, kind, False)
            if item.get("uncreatable") == "fail" or "delete" in outcome.actions:
                raise refusal
            outcome.adopt(plan_pending(item), predicted=False)
            return True
        if refusal.status == 422 and kind == COLLECTOR:
            raise dataclasses.replace(refusal, hint=_COLLECTOR_SETTINGS) from None
        if refusal.status == 409 or (refusal.status == 400 and "already exists" in refusal.words.lower()):
            self._made_by_another(outcome, refusal)
            return True
        return False

    def _made_by_another(self, outcome: Outcome, refusal: ApiError) -> None:
        view = View(self.api)
        view.load()
        try:
            match = view.find(outcome.item, full=True)
        except CortexError:
            match = Match()
        if match.instance is None or self.approved:
            raise refusal
        adopted = "was created by somebody else while this run was planning; it was adopted as it is."
        outcome.warnings += filter(None, [match.warning, f"{label(outcome.item)} {adopted}"])
        outcome.adopt(plan_item(outcome.item, match.instance, self.view.creatable), predicted=False)

    # -- a collector's token

    def _keep_token(self, outcome: Outcome, reply: Raw, keep: CredentialsFile | None) -> None:
        searched = {k: v for k, v in reply.items() if k not in ("uniqueProperties", "domain")}
        credentials = find_credentials(searched)
        outcome.collector_credentials = credentials
        made, subject = f" was created (id {reply['id']})", label(outcome.item)
        self.api.client.redactor.add(*([credentials["token"]] if credentials else secrets_in(reply)))
        if keep:
            try:
                keep.commit(credentials_content(reply, credentials, outcome.item.get("name")))
            except OSError as exc:
                unwritten = f"{made}, but its token could not be written to {keep.path} ({exc.strerror})"
                if credentials and outcome.released:
                    how = "The result holds it: keep it from there."
                    raise PartlyDone(unwritten, how=how, subject=subject) from None
                self._undo_collector(outcome, str(reply["id"]), unwritten)
        if credentials:
            return
        again = f"Delete it (state: absent, id: {reply['id']}) and run again"
        renew = "or renew its token in the console."
        how = f"{again} with credentials_file, which keeps the response as it is, {renew}"
        if keep:
            how = (
                f"The response is in {keep.path}: add its token as token and the token's id as token_id "
                f"there. If it has none, move the file away. {again}, {renew}"
            )
        missing = f"{made}, but the response contained no token in a known form"
        raise PartlyDone(missing, how=how, subject=subject)

    def _delete_orphan(self, outcome: Outcome, item: Item, instance_id: str) -> None:
        try:
            self._delete(instance_id, label(item))
        except CortexError as exc:
            outcome.changed, outcome.actions = True, [*outcome.actions, "create"]
            orphan = (
                f" was created (id {instance_id}), but its token was lost with the response and deleting it "
                f"failed; delete it (state: absent, id: {instance_id})"
            )
            raise PartlyDone(orphan, exc, subject=label(item)) from None
        lost = f"The response to creating {label(item)} was lost, and its token with it"
        outcome.warnings.append(f"{lost}: what it made (id {instance_id}) was deleted.")

    def _undo_collector(self, outcome: Outcome, instance_id: str, unwritten: str) -> t.NoReturn:
        """Delete a collector whose token is lost, so that the next run creates it again."""
        subject = label(outcome.item)
        outcome.collector_credentials = None
        try:
            self._delete(instance_id, subject)
        except CortexError as exc:
            how = f"Delete it (state: absent, id: {instance_id}), make room there, and run again."
            raise PartlyDone(f"{unwritten}, and deleting it failed", exc, how, subject=subject) from None
        outcome.actions = [action for action in outcome.actions if action != "create"]
        outcome.changed = bool(outcome.actions)
        undone = f"{unwritten}, so it was deleted again. Make room there, and run again."
        raise CortexError(undone, subject=subject)

    def _delete(self, instance_id: str, subject: str) -> None:
        with self.writes.locked(instance_id):
            self.api.delete_data_source(instance_id, subject)
            self.writes.confirm_deleted(instance_id, subject)

    # -- the first scope

    def _scope(self, outcome: Outcome, item: Item, instance_id: str) -> None:
        try:
            with self.writes.locked(instance_id):
                waits = self._set_scope(outcome, item, self.view.settled(instance_id, label(item)))
        except CortexError as exc:
            done = f" was created (id {instance_id}), but its scope was not set"
            how = "Run again to complete it."
            if outcome.plan.action == "recreate":
                old = "remove its old id, " if "id" in outcome.item else ""
                former = f"Its former scope is in {outcome.former_scope}"
                how = f"{former}: add the missing parts to the item, {old}and run again."
            if not remembers(self.memory, instance_id):
                how += (
                    " This could not be remembered: if that run refuses because it would cover fewer "
                    f"repositories, set max_deselect to -1 for it (id {instance_id})."
                )
            raise PartlyDone(done, exc, how, subject=label(item)) from None
        if waits:
            outcome.pending = to_complete(item, instance_id, scope_waits=True)

    def _set_scope(self, outcome: Outcome, item: Item, current: Instance) -> bool:
        """Set the first scope. Returns whether it has to wait for a person's consent.

        current: the instance before that.
        """
        remember(self.memory, self.api.client.redactor, item, current.raw)
        # It has no mappings yet, whether the tenant shows that or not.
        unmapped = dataclasses.replace(current, applied=[], begun=None)
        plan = plan_update(scope_item(item, outcome.plan.after or {}, current), unmapped)
        outcome.warnings += plan.warnings
        if not plan.changed:
            self.writes.scoped(plan, current.id)
            return bool(plan.pending)
        if "uniqueProperties" in outcome.plan.post:
            # A tenant may hide values and clear those that an update leaves out; here they are still known.
            visible = {k: v for k, v in (current.settings or {}).items() if not holds_masked(v)}
            plan.put["uniqueProperties"] = {**visible, **outcome.plan.post["uniqueProperties"]}
        try:
            self.writes.put(outcome, plan, current.id, "scope")
        except ApiError as exc:
            kind = known(item["type"])
            if not (kind and kind.consent and exc.status in (400, 409, 422)):
                raise
            # The tenant accepts a scope only after a person's consent: this is not a failure of the run.
            not_yet = f"was created; the tenant does not accept its scope yet ({exc.words})."
            outcome.warnings.append(f"{label(item)} {not_yet}")
            return True
        self.writes.scoped(plan, current.id)
        return False


def _refuses_type(refusal: ApiError) -> bool:
    """Whether a refusal concerns the type of the data source, not a member such as credentials.type."""
    return refusal.status == 422 and _NAMES_TYPE.search(refusal.words) is not None
