# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observations that need writes: one collector is created, examined, and deleted whatever fails.

Private to the collection, floor 3.
"""

from __future__ import annotations

import json
import secrets
import typing as t

from .._admitted import Raw
from .._api import INSTANCES, SHORT_DELETE
from .._data_sources.collector_token import find_credentials
from .._data_sources.fields import COLLECTOR_SETTINGS
from .._errors import ApiError, CortexError, PartlyDone, names_error
from .._http.redaction import secrets_in
from .._http.signing import CollectorToken
from . import published as p
from .asking import FOR_DELETION, Asking, Enough, Reply, below, unwrap
from .reads import whole, words

PREFIX = "cortex-cloud-appsec-verify-"
# Reads after the creation during which it may settle.
SETTLING_READS = 3
FINDINGS = 2


def write(asking: Asking, repository_url: str | None) -> None:
    """Create one collector, examine it, and delete it. Raises PartlyDone when it may still exist."""
    collector = _Collector(asking)
    failed = False
    try:
        collector.create()
        if collector.id:
            collector.watch()
            if repository_url:
                collector.upload(repository_url)
            collector.change()
    except Enough:
        # Observations up to here count.
        failed = True
    finally:
        asking.reserve(0)
        collector.delete()
    if failed:
        asking.evidence.form("collector", None, "not examined completely: all requests were used up")


class _Collector:
    def __init__(self, asking: Asking) -> None:
        self.asking, self.seen = asking, asking.evidence
        self.name = PREFIX + secrets.token_hex(6)
        self.id = ""
        self.reply: Raw = {}
        self.shown: Raw = {}
        asking.reserve(FOR_DELETION)

    # -- creation

    def create(self) -> None:
        body = {"type": "COLLECTOR", "uniqueProperties": {"name": self.name, **COLLECTOR_SETTINGS}}
        try:
            reply = self.asking.send("POST", INSTANCES, body)
        except Enough:
            self._look_for_it()
            raise
        envelope, one = unwrap(reply.body, "root") if reply.fine else (None, None)
        if not isinstance(one, dict):
            self.seen.form("creation", reply.status, "" if not reply.fine else "of an unknown form")
            self.seen.says("create.properties", None if reply.status != 422 else False)
            self.seen.says("key.roles", True if reply.status == 403 else None)
            if reply.fine or (reply.error and reply.error.ambiguous):
                self._look_for_it()
            return
        self.id, self.reply = str(one["id"]), one
        self.asking.api.client.redactor.add(*secrets_in(one))
        seen = self.seen
        seen.form("creation", reply.status, envelope or "", [one])
        seen.see("item_envelope", envelope)
        seen.see("read_only", False)
        seen.see("create_status", reply.status if reply.status in (200, 201) else None)
        rest = set(one) - {"id", "apiUrl"} - _TOKEN_MEMBERS
        seen.see("create_body", "full" if "type" in rest else "id" if not rest - {"ingestion"} else None)
        seen.says("create.200", reply.status == 200 and "type" in rest)
        seen.says("create.properties", True)
        names = _token_names(one)
        seen.see("token_names", names)
        seen.says("create.collector", names == "webhook" if names else None)
        seen.says("create.older", True if names in ("camel", "snake", "nested") else None)
        words(seen, {**one, "type": "COLLECTOR"})

    def _look_for_it(self) -> None:
        """The creation may have been carried out anyway: look for its random name."""
        self.asking.reserve(0)
        listed = self.asking.get(INSTANCES)
        _envelope, items = unwrap(listed.body, "bare") if listed.fine else (None, None)
        found = [item for item in items or [] if isinstance(item, dict) and self.name in json.dumps(item)]
        self.id = str(found[0].get("id") or "") if found else ""
        if not found:
            raise PartlyDone(
                f"a collector with the name {self.name} may have been created, but the tenant's list does "
                "not show that name",
                how="Look for it in the console, and delete it there.",
            )

    # -- what it shows

    def _read(self) -> Raw:
        reply = self.asking.instance(self.id)
        envelope, one = unwrap(reply.body, "root") if reply.fine else (None, None)
        self.seen.form("collector", reply.status, envelope or "", [one] if isinstance(one, dict) else ())
        self.shown = one if isinstance(one, dict) else {}
        return self.shown

    def watch(self) -> None:
        """Read it until it is set up."""
        statuses = []
        for _unused in range(SETTLING_READS):
            one = self._read()
            statuses.append(str(one.get("status")))
            if statuses[-1] not in p.SETTLING:
                break
        if statuses[-1] in p.WORKING:
            self.seen.see("settle", len(statuses) - 1)
            self.seen.see("status_words", p.WORKING[statuses[-1]])
        if not self.shown:
            return
        whole(self.seen, self.shown, previous=False)
        self.seen.says("get.root", unwrap(self.shown, "root")[0] == self.seen.value("item_envelope"))
        identifier = self.shown.get("uniqueIdentifier")
        if self.seen.value("fields") == "published":
            self.seen.see(
                "identifier_given",
                "none" if identifier is None else "other" if identifier == f"{self.name}-1" else None,
            )
            self.seen.says("instance.identifier", identifier == self.name)
        token = find_credentials(self.shown)
        if self.seen.value("token_names") == "webhook" and token:
            self.seen.says("create.collector", False)

    # -- uploads

    def upload(self, repository_url: str) -> None:
        self.asking.refuse_more()
        found = find_credentials(self.reply)
        token = CollectorToken(found["token_id"], found["token"]) if found else None
        seen = self.seen
        try:
            answer = self.asking.api.upload_sarif(
                json.dumps(sarif_report()).encode(),
                collector_id=self.id,
                token=token,
                query={"repository_url": repository_url},
            )
        except ApiError as exc:
            seen.form("upload", exc.status)
            if exc.status and exc.status < 300:
                seen.see(
                    "upload_page",
                    "error" if exc.words.startswith("but the response contains an error") else "login",
                )
            elif exc.status == 400:
                seen.says("upload.400", all(word in exc.words for word in ("status ", "errorCode ")))
            return
        body = answer.body
        seen.form("upload", answer.status, "", [body])
        seen.see("upload_page", "none" if not names_error(body) else None)
        seen.see("upload_status", answer.status if answer.status in (200, 201, 202) else None)
        taken = _findings(body.get("message"))
        said = body.get("status")
        published = said in ("INGESTED", "PARTIALLY_VALID") and taken is not None
        seen.see(
            "upload_body",
            "published"
            if published
            else "empty_object"
            if not body
            else "status"
            if said == "ACCEPTED"
            else None,
        )
        if published:
            whole_set = taken == FINDINGS
            seen.see(
                "ingestion",
                ("all" if whole_set else "fewer") if said == "INGESTED" else None if whole_set else "some",
            )
        for statement in ("upload.call", "upload.query", *(["upload.token"] if token else [])):
            seen.says(statement, True)
        seen.says("upload.201", published and answer.status == 201)
        seen.says("upload.accepted", True if not published else None)

    # -- changes

    def change(self) -> None:
        self._rename()
        self._with_some_settings()
        self._without_settings()

    def _put(self, body: Raw) -> Reply:
        return self.asking.send("PUT", self.asking.path_of(self.id), body)

    def _rename(self) -> None:
        renamed = f"{self.name}-b"
        reply = self._put({"uniqueProperties": {"name": renamed, **COLLECTOR_SETTINGS}})
        _envelope, one = unwrap(reply.body, "root") if reply.fine else (None, None)
        self.seen.form("update", reply.status, _envelope or "", [one] if isinstance(one, dict) else ())
        if not reply.fine:
            return
        body = (
            "full"
            if isinstance(one, dict)
            else "empty_object"
            if reply.body == {}
            else "none"
            if reply.body is None
            else None
        )
        self.seen.see("put_body", body)
        self.seen.says("update.200", body == "full" and reply.status == 200)
        shown = self._read().get("uniqueIdentifier")
        if shown is not None and self.seen.value("identifier_given") is None:
            self.seen.says("update.rename", shown == renamed)

    def _with_some_settings(self) -> None:
        """Update the name alone: are the other settings kept? A refusal shows nothing."""
        before = self._settings()
        reply = self._put({"uniqueProperties": {"name": f"{self.name}-c"}})
        if not reply.fine or not before:
            return
        self._read()
        if self.shown:
            after = self._settings()
            self.seen.see(
                "unique_properties_put", "merge" if after == before else "replace" if not after else None
            )

    def _without_settings(self) -> None:
        before = self._settings()
        reply = self._put({"state": []})
        if not reply.fine or not before:
            return
        self._read()
        if self.shown:
            after = self._settings()
            self.seen.see("put_omitted", "keep" if after == before else "clear" if not after else None)

    def _settings(self) -> set[str]:
        """The names of a collector's settings that are shown, at any place."""
        inside = self.shown.get("uniqueProperties")
        return set(COLLECTOR_SETTINGS) & {*self.shown, *(inside if isinstance(inside, dict) else {})}

    # -- the end

    def delete(self) -> None:
        """Delete the collector. The guide's short path comes first: only then it is clear which of the two
        paths the tenant has.
        """
        if not self.id:
            return
        try:
            gone = self._delete()
        except CortexError as exc:
            raise self._left(exc) from None
        if not gone:
            raise self._left(None)

    def _delete(self) -> bool:
        path, short = self.asking.path_of(self.id), below(SHORT_DELETE, self.id)
        first = self.asking.send("DELETE", short)
        if first.fine:
            second = self.asking.send("DELETE", path)
            self.seen.see(
                "delete_path", "short" if second.status == 405 else "both" if second.status == 404 else None
            )
            self.seen.says("delete.path", {405: False, 404: True}.get(second.status or 0))
        else:
            second = self.asking.send("DELETE", path)
            if second.fine and first.status in (404, 405):
                self.seen.see("delete_path", "reference")
                self.seen.says("delete.path", True)
        done = first if first.fine else second
        if done.fine:
            self.seen.form("deletion", done.status)
            self.seen.see("delete_status", done.status if done.status in (204, 200, 202) else None)
            self.seen.says("delete.204", done.status == 204)
        return self._is_gone() or (self.asking.send("DELETE", path).fine and self._is_gone())

    def _is_gone(self) -> bool:
        gone = self.asking.instance(self.id).status == 404
        self.seen.says("get.404", True if gone else None)
        return gone

    def _left(self, cause: CortexError | None) -> PartlyDone:
        return PartlyDone(
            f"the collector {self.name} (id {self.id}) was created but could not be deleted",
            cause,
            how="Delete it in the console.",
        )


_TOKEN_MEMBERS = frozenset({"credentials", "tokenId", "apiToken", "token_id", "api_token"})


def _token_names(one: Raw) -> str | None:
    """The names of a new collector's token, as the switch token_names calls them; None for a mixture."""
    inner = one.get("credentials")
    inside = set(inner) if isinstance(inner, dict) else set()
    if {p.TOKEN, p.TOKEN_ID} <= inside:
        return "webhook"
    if {"tokenId", "apiToken"} <= inside:
        return "nested"
    if {"tokenId", "apiToken"} <= set(one):
        return "camel"
    if {"token_id", "api_token"} <= set(one):
        return "snake"
    return "unknown" if find_credentials(one) is None else None


def _findings(message: t.Any) -> int | None:
    """The number in "... N findings will be ingested"."""
    before, found, _after = str(message).partition(" findings will be ingested")
    parts = before.split() if found else []
    return int(parts[-1]) if parts and parts[-1].isdigit() else None


def sarif_report() -> Raw:
    """A report of two results, for files that no repository has."""
    rule = "cortex-cloud-appsec-verify"

    def result(line: int) -> Raw:
        where = {"artifactLocation": {"uri": "cortex-cloud-appsec-verify.txt"}, "region": {"startLine": line}}
        text = "Made by cortex_cloud.appsec.verify to see how uploads are answered; it can be dismissed."
        return {
            "ruleId": rule,
            "level": "note",
            "message": {"text": text},
            "locations": [{"physicalLocation": where}],
        }

    run = {
        "tool": {"driver": {"name": rule, "rules": [{"id": rule}]}},
        "results": [result(line) for line in (1, FINDINGS)],
    }
    return {"version": "2.1.0", "runs": [run]}
