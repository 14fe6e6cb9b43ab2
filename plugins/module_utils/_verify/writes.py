# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observations that need writes: one collector is created, examined, and deleted whatever fails.

Private to the collection, floor 3.
"""

from __future__ import annotations

import json
import re
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
from .asking import FOR_DELETION, Asking, OutOfRequests, Reply, below
from .reads import observe, observe_words

PREFIX = "cortex-cloud-appsec-verify-"
# Number of reads during which a new collector may settle.
SETTLING_READS = 3
FINDINGS = 2


def write(asking: Asking, repository_url: str | None) -> None:
    """Create one collector, examine it, and delete it.

    repository_url: uploads a report for this repository; None for no upload.
    Raises PartlyDone if the collector may still exist.
    """
    collector = _Collector(asking)
    try:
        collector.create()
        if collector.id:
            collector.watch()
            if repository_url:
                collector.upload(repository_url)
            collector.change()
    except OutOfRequests:
        # What was observed so far counts.
        asking.evidence.form("collector", None, "not examined completely: all requests were used up")
    finally:
        asking.reserve(0)
        collector.delete()


class _Collector:
    """The collector of one verification.

    id: empty until it is created.
    reply: the response to its creation.
    shown: the collector as it was last read; empty if that failed.
    """

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
        except OutOfRequests:
            self._look_for_it()
            raise
        seen = self.seen
        envelope, one = reply.one()
        if one is None:
            self.asking.form("creation", reply)
            if reply.status == 422:
                seen.check("create.properties", False)
            seen.confirm("key.roles", reply.status == 403)
            if reply.fine or (reply.error and reply.error.ambiguous):
                self._look_for_it()
            return
        self.id, self.reply = str(one["id"]), one
        self.asking.api.client.redactor.add(*secrets_in(one))
        self.asking.form("creation", reply, envelope, one)
        seen.see("item_envelope", envelope)
        seen.see("read_only", False)
        seen.see("create_status", reply.status if reply.status in (200, 201) else None)
        rest = set(one) - {"id", "apiUrl"} - _TOKEN_MEMBERS
        seen.see("create_body", "full" if "type" in rest else "id" if not rest - {"ingestion"} else None)
        seen.check("create.200", reply.status == 200 and "type" in rest)
        seen.confirm("create.properties")
        names = _token_names(one)
        seen.see("token_names", names)
        if names:
            seen.check("create.collector", names == "webhook")
        seen.confirm("create.older", names in ("camel", "snake", "nested"))
        observe_words(seen, {**one, "type": "COLLECTOR"})

    def _look_for_it(self) -> None:
        """Look for its random name in the list, because the collector may exist in spite of the failure."""
        self.asking.reserve(0)
        _envelope, items = self.asking.get(INSTANCES).items()
        same = [item for item in items or [] if isinstance(item, dict) and self.name in json.dumps(item)]
        self.id = str(same[0].get("id") or "") if same else ""
        if not same:
            raise PartlyDone(
                f"a collector with the name {self.name} may have been created, but the tenant's list does "
                "not show that name",
                how="Look for it in the console, and delete it there.",
            )

    # -- what it shows

    def _read(self) -> Raw:
        reply = self.asking.instance(self.id)
        envelope, one = reply.one()
        self.seen.form("collector", reply.status, envelope or "", one)
        self.shown = one or {}
        return self.shown

    def watch(self) -> None:
        """Read it until it is set up, at most SETTLING_READS times."""
        seen = self.seen
        statuses: list[str] = []
        while len(statuses) < SETTLING_READS and set(statuses) <= set(p.SETTLING):
            statuses.append(str(self._read().get("status")))
        if statuses[-1] in p.WORKING:
            seen.see("settle", len(statuses) - 1)
            seen.see("status_words", p.WORKING[statuses[-1]])
        if not self.shown:
            return
        observe(seen, self.shown, previous=False)
        seen.check("get.root", seen.value("item_envelope") == "root")
        identifier = self.shown.get("uniqueIdentifier")
        if seen.value("fields") == "published":
            if identifier is None or identifier == f"{self.name}-1":
                seen.see("identifier_given", "other" if identifier else "none")
            seen.check("instance.identifier", identifier == self.name)
        if seen.value("token_names") == "webhook" and find_credentials(self.shown):
            seen.check("create.collector", False)

    # -- uploads

    def upload(self, repository_url: str) -> None:
        self.asking.refuse_more()
        credentials = find_credentials(self.reply)
        token = CollectorToken(credentials["token_id"], credentials["token"]) if credentials else None
        seen, document = self.seen, json.dumps(sarif_report()).encode()
        query = {"repository_url": repository_url}
        try:
            answer = self.asking.api.upload_sarif(document, collector_id=self.id, token=token, query=query)
        except ApiError as exc:
            seen.form("upload", exc.status)
            if exc.status and exc.status < 300:
                error = exc.words.startswith("but the response contains an error")
                seen.see("upload_page", "error" if error else "login")
            elif exc.status == 400:
                seen.check("upload.400", all(word in exc.words for word in ("status ", "errorCode ")))
            return
        body, status = answer.body, answer.body.get("status")
        seen.form("upload", answer.status, "", body)
        seen.see("upload_page", "none" if not names_error(body) else None)
        seen.see("upload_status", answer.status if answer.status in (200, 201, 202) else None)
        accepted = _findings(body.get("message"))
        published = status in ("INGESTED", "PARTIALLY_VALID") and accepted is not None
        if published:
            seen.see("upload_body", "published")
            if status == "INGESTED":
                seen.see("ingestion", "all" if accepted == FINDINGS else "fewer")
            elif accepted != FINDINGS:
                seen.see("ingestion", "some")
        elif not body:
            seen.see("upload_body", "empty_object")
        elif status == "ACCEPTED":
            seen.see("upload_body", "status")
        seen.confirm("upload.call")
        seen.confirm("upload.query")
        seen.confirm("upload.token", token is not None)
        seen.check("upload.201", published and answer.status == 201)
        seen.confirm("upload.accepted", not published)

    # -- changes

    def change(self) -> None:
        self._rename()
        # With the name alone: are the other settings kept?
        partial = self._settings_after({"uniqueProperties": {"name": f"{self.name}-c"}})
        self.seen.see("unique_properties_put", {"kept": "merge", "lost": "replace"}.get(partial))
        without = self._settings_after({"state": []})
        self.seen.see("put_omitted", {"kept": "keep", "lost": "clear"}.get(without))

    def _put(self, body: Raw) -> Reply:
        return self.asking.send("PUT", self.asking.path_of(self.id), body)

    def _rename(self) -> None:
        renamed = f"{self.name}-b"
        reply = self._put({"uniqueProperties": {"name": renamed, **COLLECTOR_SETTINGS}})
        envelope, one = reply.one()
        self.seen.form("update", reply.status, envelope or "", one)
        if not reply.fine:
            return
        empty = "empty_object" if reply.body == {} else "none" if reply.body is None else None
        self.seen.see("put_body", "full" if one else empty)
        self.seen.check("update.200", one is not None and reply.status == 200)
        shown = self._read().get("uniqueIdentifier")
        if shown is not None and self.seen.value("identifier_given") is None:
            self.seen.check("update.rename", shown == renamed)

    def _settings_after(self, body: Raw) -> str:
        """What an update does to the settings that it leaves out: kept or lost; empty if that is not clear.

        A refusal shows nothing.
        """
        before = self._settings()
        if not self._put(body).fine or not before or not self._read():
            return ""
        after = self._settings()
        return "kept" if after == before else "lost" if not after else ""

    def _settings(self) -> set[str]:
        """The names of a collector's settings that are shown, wherever they are."""
        inside = self.shown.get("uniqueProperties")
        return set(COLLECTOR_SETTINGS) & {*self.shown, *(inside if isinstance(inside, dict) else {})}

    # -- the end

    def delete(self) -> None:
        """Delete the collector. Raises PartlyDone if it may still exist."""
        if not self.id:
            return
        cause = None
        try:
            if self._delete():
                return
        except CortexError as exc:
            cause = exc
        left = f"the collector {self.name} (id {self.id}) was created but could not be deleted"
        raise PartlyDone(left, cause, how="Delete it in the console.")

    def _delete(self) -> bool:
        """Whether the collector is deleted. The guide's short path is tried first, which shows whether the
        tenant has it.
        """
        path, short = self.asking.path_of(self.id), below(SHORT_DELETE, self.id)
        first = self.asking.send("DELETE", short)
        second = self.asking.send("DELETE", path)
        if first.fine:
            self.seen.see("delete_path", {405: "short", 404: "both"}.get(second.status or 0))
            if second.status in (404, 405):
                self.seen.check("delete.path", second.status == 404)
        elif second.fine and first.status in (404, 405):
            self.seen.see("delete_path", "reference")
            self.seen.confirm("delete.path")
        done = first if first.fine else second
        if done.fine:
            self.seen.form("deletion", done.status)
            self.seen.see("delete_status", done.status if done.status in (204, 200, 202) else None)
            self.seen.check("delete.204", done.status == 204)
        return self._is_deleted() or (self.asking.send("DELETE", path).fine and self._is_deleted())

    def _is_deleted(self) -> bool:
        deleted = self.asking.instance(self.id).status == 404
        self.seen.confirm("get.404", deleted)
        return deleted


_TOKEN_MEMBERS = frozenset({"credentials", "tokenId", "apiToken", "token_id", "api_token"})


def _token_names(one: Raw) -> str | None:
    """The value of the switch token_names for a new collector; None for a mixture of names."""
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
    """The number in "... N findings will be ingested"; None without it."""
    number = re.search(r"(?:^|\s)(\d+)\s+findings will be ingested", str(message))
    return int(number[1]) if number else None


def sarif_report() -> Raw:
    """A report with FINDINGS results, for a file that no repository has."""
    rule = "cortex-cloud-appsec-verify"
    text = "Made by cortex_cloud.appsec.verify to see how uploads are answered; it can be dismissed."

    def result(line: int) -> Raw:
        place = {"artifactLocation": {"uri": f"{rule}.txt"}, "region": {"startLine": line}}
        about = {"ruleId": rule, "level": "note", "message": {"text": text}}
        return {**about, "locations": [{"physicalLocation": place}]}

    tool = {"driver": {"name": rule, "rules": [{"id": rule}]}}
    results = [result(line) for line in range(1, FINDINGS + 1)]
    return {"version": "2.1.0", "runs": [{"tool": tool, "results": results}]}
