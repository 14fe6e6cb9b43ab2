# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoints: paths, envelopes, one method per operation of the API; the one gate inward.

Private to the collection, floor 2.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t
from urllib.parse import quote, urlsplit

from ._admitted import Raw, Unreadable, admit
from ._errors import ApiError, CannotCreate, InputError, names_error, words_of
from ._http.client import Answer, Call, Client
from ._http.pool import each
from ._http.redaction import secrets_in
from ._http.signing import CollectorToken

INSTANCES = "/public_api/appsec/v1/data_source_instances"
# Where the previous generation has them (docs/api.md: previous.path).
PREVIOUS = "/public_api/appsec/v1/integrations"
# The guide's own table has this path for deletion; every other source has the one above (docs/api.md:
# delete.path).
SHORT_DELETE = "/public_api/appsec/v1"
COLLECTORS = "/public_api/appsec/v1/collectors"
REPOSITORIES = "/public_api/appsec/v1/repositories"
UNSCANNED = "/public_api/appsec/v1/scans/unscanned-repositories"
PAGE = 100
# Of a list; a tenant with more repositories than a million has something else wrong.
MOST_PAGES = 10_000
# Pages that are asked for at once, twice as many each time: so at most as many are asked for in vain as there
# are.
MOST_TOGETHER = 8
HEALTHCHECK = "/public_api/v1/healthcheck"
# (docs/api.md: upload.503, upload.disabled)
_UPLOAD_FINAL = {
    503: "This is how the API refuses uploads to a disabled collector: enable it in the console."
}

# Takes what was asked for out of a body; None when it is not there.
Form = t.Callable[[t.Any], t.Any]


class Api:
    """One tenant's API. Instances are passed in and out in the API's own shape (camelCase), unwrapped from
    any envelope.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        # Where this tenant has the instances, and whether it was seen that it does: found once, by the first
        # call that needs it.
        self._instances, self._seen = INSTANCES, False

    @property
    def tenant(self) -> str:
        """Host, and port if any, of the tenant."""
        return urlsplit(self.client.origin()).netloc

    @property
    def generation(self) -> str | None:
        """Of the tenant's API: "current", or "previous", which creates nothing; None while no call has shown
        it.
        """
        return ("previous" if self._instances == PREVIOUS else "current") if self._seen else None

    def _ask(self, call: Call, form: Form | None = None) -> Answer:
        """Send a call. What the tenant says comes in through here and nowhere else, as admit() leaves it.

        form: takes what was asked for out of the body; when it finds nothing, the answer is refused as
        unreadable.
        """
        answer = self.client.send(call)
        body = admit(answer.body)
        if form is not None:
            found = form(body)
            if found is None:
                raise _unreadable(call, dataclasses.replace(answer, body=body))
            body = found
        return dataclasses.replace(answer, body=body)

    def _ask_instances(
        self,
        method: str,
        operation: str,
        subject: str = "",
        instance_id: str | None = None,
        *,
        form: Form | None = None,
        body: Raw | None = None,
        expect_json: bool = True,
    ) -> Answer:
        """A call about all instances, or about one, where this tenant has them."""
        tail = "" if instance_id is None else f"/{_segment(instance_id)}"

        def call() -> Call:
            if method == "POST":
                self.refuse_creation(subject)
            return Call(
                method,
                self._instances + tail,
                operation,
                subject,
                body=self._taken(body),
                expect_json=expect_json,
            )

        try:
            answer = self._ask(call(), form)
        except ApiError as exc:
            if exc.status != 404 or self._seen:
                raise
            listed = self._find(exc, is_list=method == "GET" and not tail)
            if self._instances == INSTANCES:
                raise
            return listed if method == "GET" and not tail else self._ask(call(), form)
        self._seen = True
        return answer

    def _find(self, missing: ApiError, *, is_list: bool) -> Answer:
        """Tell apart an unknown id, a tenant of the previous generation and a wrong host. Returns the list
        that the tenant has.

        missing: the 404 that was met. is_list: whether that was the list's. Raises the list's 404 where there
        is neither list.
        """
        if not is_list:
            try:
                answer = self._list(INSTANCES)
                self._seen = True
                return answer
            except ApiError as exc:
                if exc.status != 404:
                    raise
                missing = exc
        try:
            answer = self._list(PREVIOUS)
        except ApiError as exc:
            if exc.status is None or (exc.status >= 400 and exc.status not in (404, 405)):
                raise
            # It is not there, or something else than this API is.
            raise missing from None
        self._instances, self._seen = PREVIOUS, True
        return answer

    def _list(self, path: str) -> Answer:
        return self._ask(Call("GET", path, "list data sources"), _instances_in)

    def _taken(self, body: Raw | None) -> Raw | None:
        """As much of a body as this tenant takes."""
        if self.generation != "previous" or not body or "uniqueProperties" not in body:
            return body
        kept = "unique_properties were not sent: this tenant is of the previous generation, whose API does not take them."
        if kept not in self.client.warnings:
            self.client.warnings.append(kept)
        return {name: value for name, value in body.items() if name != "uniqueProperties"}

    def refuse_creation(self, subject: str) -> None:
        """Raises CannotCreate where the tenant is known to create nothing through its API."""
        if self.generation == "previous":
            said = (
                " cannot be created through the API: this tenant is of the previous generation, which has no "
                "creation. "
                "Connect it in the console, then run again."
            )
            raise CannotCreate(said, subject=subject)

    def list_data_sources(self) -> list[Raw]:
        """All instances, unfiltered: whatever spelling a tenant wants in its filters does not matter then.

        Their state must never be used: the list may hide it (docs/api.md: list.bare, list.state).
        """
        unique: dict[str, Raw] = {}
        for item in self._ask_instances("GET", "list data sources", form=_instances_in).body:
            unique.setdefault(str(item["id"]), item)
        return list(unique.values())

    def get_data_source(self, instance_id: str, subject: str = "") -> Raw | None:
        """One instance in full, or None when the tenant does not have it (docs/api.md: get.root, get.404)."""
        subject = subject or f"id {instance_id}"
        try:
            answer = self._ask_instances("GET", "read data source", subject, instance_id, form=_unwrap_item)
        except ApiError as exc:
            if exc.status == 404 and self._seen:
                return None
            raise
        return t.cast(Raw, answer.body)

    def create_data_source(self, body: Raw, subject: str = "") -> Raw:
        """Create; sent once. Returns the reply with at least an id, and a collector's one-time token
        (docs/api.md: create.200).

        Raises ApiError with `ambiguous` when the instance may exist although no usable reply came;
        CannotCreate, and sends nothing, where the API has no creation.
        """
        self.client.redactor.add(*secrets_in({"credentials": body.get("credentials")}))
        return t.cast(
            Raw, self._ask_instances("POST", "create data source", subject, form=_unwrap_item, body=body).body
        )

    def update_data_source(self, instance_id: str, body: Raw, subject: str = "") -> None:
        """Replace scope, mappings and settings. The reply may be empty: read the instance afterwards
        (docs/api.md: update.200).
        """
        self._ask_instances(
            "PUT",
            "update data source",
            subject or f"id {instance_id}",
            instance_id,
            body=body,
            expect_json=False,
        )

    def delete_data_source(self, instance_id: str, subject: str = "") -> None:
        """Delete; an instance that is already gone is a success (docs/api.md: delete.path).

        When the reference path answers 404 or 405 while a read still finds the instance, the guide's short
        path is tried once.
        """
        subject = subject or f"id {instance_id}"
        try:
            self._ask_instances("DELETE", "delete data source", subject, instance_id, expect_json=False)
        except ApiError as exc:
            if exc.status not in (404, 405):
                raise
            if self.get_data_source(instance_id, subject) is None:
                return
            short = f"{SHORT_DELETE}/{_segment(instance_id)}"
            self._ask(Call("DELETE", short, "delete data source", subject, expect_json=False))

    def upload_sarif(
        self,
        document: bytes,
        *,
        collector_id: str = "",
        upload_url: str = "",
        token: CollectorToken | None = None,
        query: dict[str, str],
        subject: str = "",
        timeout: float | None = None,
    ) -> Answer:
        """Send one SARIF document; sent once unless the tenant refused to look at it (docs/api.md:
        upload.call).

        Returns the answer, whose body is the object with the tenant's words, without an envelope; {} when
        there is none. Raises ApiError with `ambiguous` when the answer has the status of a success and is
        none (docs/api.md: upload.201, upload.accepted).
        upload_url: the collector's own URL, used as it is. token: the collector's own; without it the tenant
        key signs, and then upload_url must have the tenant's origin. query: repository_id, repository_url,
        branch.
        """
        if upload_url and not token and urlsplit(upload_url)[:2] != urlsplit(self.client.origin())[:2]:
            raise InputError(
                f"upload_url is on {urlsplit(upload_url).netloc}, another host than api_url: the tenant key "
                f"is not sent there. "
                "Give collector_token_id and collector_token, or collector_id instead of upload_url."
            )
        path = urlsplit(upload_url).path if upload_url else f"{COLLECTORS}/{_segment(collector_id)}"
        call = Call(
            "POST",
            path,
            "upload SARIF",
            subject,
            query=query,
            raw=document,
            url=upload_url or None,
            auth=token,
            timeout=timeout,
            final=_UPLOAD_FINAL,
        )
        try:
            answer = self._ask(call)
        except ApiError as exc:
            if exc.status and exc.status < 300:
                # A page in place of an answer: who sent it, and whether the tenant saw the document, cannot
                # be known.
                raise dataclasses.replace(exc, ambiguous=True) from None
            raise
        if names_error(answer.body):
            words = f"but the answer names an error: {self.client.quoted(words_of(answer.body), json.dumps(answer.body))}"
            raise ApiError(
                call.operation,
                subject,
                method="POST",
                path=path,
                status=answer.status,
                words=words,
                ambiguous=True,
            )
        return dataclasses.replace(answer, body=_unwrap_words(answer.body))

    def list_repositories(
        self,
        *,
        search: str | None = None,
        source: str | None = None,
        keep: t.Callable[[Raw], Raw | None] = lambda one: one,
    ) -> tuple[list[Raw], bool]:
        """All repositories that the tenant lists, page by page, and whether it seems to have shown them all.

        keep: what is kept of each one while the pages come, None for nothing, so that a long list takes no
        more memory than its result.

        Some tenants ignore the offset: then the pages repeat, and the first one is all there is to be had
        (docs/api.md: repositories.offset). Raises ApiError for a list without end.
        """
        filters = {name: value for name, value in (("search", search), ("source", source)) if value}

        def page_at(offset: int) -> list[t.Any]:
            query = {"limit": str(PAGE), "offset": str(offset), **filters}
            return t.cast(
                list[t.Any],
                self._ask(Call("GET", REPOSITORIES, "list repositories", query=query), _unwrap_list).body,
            )

        kept: list[Raw] = []
        seen: set[str] = set()
        # Pages that were asked for together, by their offset; one that does not follow on what was found is
        # asked for anew.
        ahead: dict[int, list[t.Any]] = {}
        size, together = 0, 1
        for page_number in range(MOST_PAGES):
            at = len(seen)
            if at not in ahead:
                together = 1 if ahead else min(together, MOST_PAGES - page_number)
                offsets = [at + number * size for number in range(together)]
                ahead = dict(zip(offsets, each(self.client, page_at, offsets, reading=False)))
                together = min(2 * together, MOST_TOGETHER) if size else 1
            page = ahead.pop(at)
            fresh = {
                str(r["id"]): r
                for r in page
                if isinstance(r, dict) and _is_id(r.get("id")) and str(r["id"]) not in seen
            }
            seen.update(fresh)
            kept += filter(None, map(keep, fresh.values()))
            if not fresh:
                return kept, not page
            self.client.on_read(len(seen), 0)
            if len(page) < (size or PAGE):
                together = 1  # that was the last one, it seems
            size = size or len(page)
        words = f"the list has not ended after {MOST_PAGES} pages, so it is not known what the tenant holds"
        raise ApiError("list repositories", method="GET", path=REPOSITORIES, words=words)

    def get_repository(self, repository_id: str) -> Raw | None:
        """One repository, or None when the tenant does not have it (docs/api.md: repository.get)."""
        path = f"{REPOSITORIES}/{_segment(repository_id)}"
        try:
            answer = self._ask(Call("GET", path, "read repository", f"id {repository_id}"), _unwrap_item)
        except ApiError as exc:
            if exc.status == 404:
                return None
            raise
        return t.cast(Raw, answer.body)

    def list_unscanned(self, days: int) -> list[Raw] | None:
        """The repositories that were not scanned for so many days, by the tenant's own account; None where it has
        no such list, or does not show it to this key (docs/api.md: repositories.unscanned).
        """
        call = Call("GET", UNSCANNED, "list unscanned repositories", query={"days": str(days)})
        try:
            listed = self._ask(call, _unwrap_list).body
        except ApiError as exc:
            if exc.status in (403, 404):
                return None
            raise
        return [one for one in listed if isinstance(one, dict)]

    def get_scan_configuration(self, repository_id: str, subject: str = "") -> Raw:
        """What is scanned in a repository, in the API's shape (docs/api.md: repository.scans)."""
        path = f"{REPOSITORIES}/{_segment(repository_id)}/scan-configuration"
        return t.cast(
            Raw,
            self._ask(
                Call("GET", path, "read the scan configuration of", subject), _unwrap_configuration
            ).body,
        )

    def update_scan_configuration(self, repository_id: str, body: Raw, subject: str = "") -> None:
        """Replace the members that are given, each as a whole. The reply is empty (docs/api.md:
        repository.scans).
        """
        path = f"{REPOSITORIES}/{_segment(repository_id)}/scan-configuration"
        self._ask(
            Call("PUT", path, "change the scan configuration of", subject, body=body, expect_json=False)
        )

    def update_branches(self, repository_id: str, names: list[str], primary: str, subject: str = "") -> None:
        """Replace the branches that are scanned. The reply is empty (docs/api.md: repository.branches)."""
        path = f"{REPOSITORIES}/{_segment(repository_id)}/branches"
        body = {"selectedBranches": names, "primaryBranch": primary}
        self._ask(Call("PUT", path, "change the scanned branches of", subject, body=body, expect_json=False))

    def ask(
        self, method: str, path: str, body: Raw | None = None, query: dict[str, str] | None = None
    ) -> Answer:
        """The answer to any call, in its envelope: for what looks at how a tenant answers. Raises ApiError."""
        return self._ask(
            Call(method, path, "verify the tenant", query=query, body=body, expect_json=method == "GET")
        )

    def healthcheck(self) -> Answer:
        """Ask whether a tenant is there; its word is in the body's status (docs/api.md: tenant.health)."""
        return self._ask(Call("GET", HEALTHCHECK, "check the tenant's health"))


def _segment(identifier: str) -> str:
    """An id as one part of a path. Raises InputError for what is none there: dots are taken out of a URL, and
    it would lead elsewhere.
    """
    if identifier.strip() in ("", ".", "..") or not identifier.isprintable():
        raise InputError(
            f"the id {json.dumps(identifier[:80])} is none that a tenant can have: nothing was sent for it."
        )
    return quote(identifier, safe="")


def _unwrap_list(body: t.Any) -> list[t.Any] | None:
    """The list in any known envelope (bare, data, reply, reply.data); None when there is none (docs/api.md:
    list.envelope).
    """
    for _depth in range(3):
        if isinstance(body, list):
            return body
        if not isinstance(body, dict):
            return None
        body = body.get("data", body.get("reply", body.get("repositories")))
    return None


def _instances_in(body: t.Any) -> list[Raw] | None:
    """The list of instances; None when one has no id: an unreadable list taken for an empty one would create
    everything a second time.
    """
    items = _unwrap_list(body)
    whole = items is not None and all(isinstance(i, dict) and _is_id(i.get("id")) for i in items)
    return items if whole else None


def _unwrap_item(body: t.Any) -> Raw | None:
    """The instance in any known envelope (root, data, reply, reply.data); None when nothing there has an id
    (docs/api.md: get.root).
    """
    for _depth in range(3):
        if not isinstance(body, dict):
            return None
        if _is_id(body.get("id")):
            return {**body, "id": str(body["id"])}
        body = body.get("data", body.get("reply"))
    return None


def _unwrap_configuration(body: t.Any) -> Raw | None:
    """A scan configuration in any known envelope; None when there is none."""
    for _depth in range(3):
        if not isinstance(body, dict):
            return None
        inner = body.get("data", body.get("reply", body.get("scanConfiguration")))
        if inner is None:
            return body
        body = inner
    return None


def _is_id(value: t.Any) -> bool:
    """Whether it is text, or a whole number, by which an object can be asked for."""
    if isinstance(value, str):
        return bool(value.strip()) and not isinstance(value, Unreadable)
    return isinstance(value, int) and not isinstance(value, bool)


def _unwrap_words(body: t.Any) -> Raw:
    """What an upload came to, in any known envelope; {} when nothing is said."""
    holders = (body, body.get("reply"), body.get("data")) if isinstance(body, dict) else ()
    return next(
        (holder for holder in holders if isinstance(holder, dict) and {"status", "message"} & holder.keys()),
        {},
    )


def _unreadable(call: Call, answer: Answer) -> ApiError:
    shape = (
        f"an object with {', '.join(sorted(map(str, answer.body))[:8])}"
        if isinstance(answer.body, dict)
        else type(answer.body).__name__
    )
    return ApiError(
        call.operation,
        call.subject,
        method=call.method,
        path=call.path,
        status=answer.status,
        words=f"the answer has an unknown shape ({shape}), so it is not known what the tenant holds",
        hint="Is api_url the API URL (https://api-...)? If so, please report the shape.",
        ambiguous=call.method == "POST",
    )
