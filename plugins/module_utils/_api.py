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
# The paths of the previous generation (docs/api.md: previous.path).
PREVIOUS = "/public_api/appsec/v1/integrations"
# The guide's table has this path for deletion; all other sources have the one above (docs/api.md:
# delete.path).
SHORT_DELETE = "/public_api/appsec/v1"
COLLECTORS = "/public_api/appsec/v1/collectors"
REPOSITORIES = "/public_api/appsec/v1/repositories"
UNSCANNED = "/public_api/appsec/v1/scans/unscanned-repositories"
PAGE = 100
# Maximum number of pages: no tenant has more than a million repositories.
MOST_PAGES = 10_000
# Pages requested at once, doubled each time, so at most half of the requests are in vain.
MOST_TOGETHER = 8
HEALTHCHECK = "/public_api/v1/healthcheck"
# (docs/api.md: upload.503, upload.disabled)
_UPLOAD_FINAL = {
    503: "This is how the API refuses uploads to a disabled collector: enable it in the console."
}

# Extracts the requested part of a body; None when it is missing.
Form = t.Callable[[t.Any], t.Any]


class Api:
    """One tenant's API. Instances are passed in and out in the API's own shape (camelCase), unwrapped from
    any envelope.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        # The path of the instances at this tenant, and whether it has been confirmed: found once, by the
        # first call that needs it.
        self._instances, self._seen = INSTANCES, False

    @property
    def tenant(self) -> str:
        """Host, and port if any, of the tenant."""
        return urlsplit(self.client.origin()).netloc

    @property
    def generation(self) -> str | None:
        """The generation of the tenant's API: "current", or "previous", which cannot create; None until a
        call has shown it.
        """
        return ("previous" if self._instances == PREVIOUS else "current") if self._seen else None

    def _ask(self, call: Call, form: Form | None = None) -> Answer:
        """Send a call. Every response of the tenant passes through here and through admit().

        form: extracts the requested part of the body; when it finds nothing, the response is refused as
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
        """A call for all instances, or for one, on the path that this tenant uses."""
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
        """Distinguish an unknown id, a tenant of the previous generation and a wrong host. Returns the list
        that the tenant has.

        missing: the 404 that was received.
        is_list: whether it was the list's.
        Raises the list's 404 when neither list exists.
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
            # There is no such API here, or something else responds.
            raise missing from None
        self._instances, self._seen = PREVIOUS, True
        return answer

    def _list(self, path: str) -> Answer:
        return self._ask(Call("GET", path, "list data sources"), _instances_in)

    def _taken(self, body: Raw | None) -> Raw | None:
        """The part of a body that this tenant accepts."""
        if self.generation != "previous" or not body or "uniqueProperties" not in body:
            return body
        kept = (
            "unique_properties were not sent: this tenant is of the previous generation, whose API does not "
            "accept them."
        )
        if kept not in self.client.warnings:
            self.client.warnings.append(kept)
        return {name: value for name, value in body.items() if name != "uniqueProperties"}

    def refuse_creation(self, subject: str) -> None:
        """Raises CannotCreate when the tenant is known not to create anything through its API."""
        if self.generation == "previous":
            said = (
                " cannot be created through the API: this tenant is of the previous generation, which cannot "
                "create data sources. Connect it in the console, then run again."
            )
            raise CannotCreate(said, subject=subject)

    def list_data_sources(self) -> list[Raw]:
        """All instances, unfiltered, so that the spelling of a tenant's filters does not matter.

        Never use their state: the list may hide it (docs/api.md: list.bare, list.state).
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

        Raises ApiError with `ambiguous` when the instance may exist although there was no usable response;
        CannotCreate, before anything is sent, when the API cannot create.
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
        """Delete; an instance that is already deleted is a success (docs/api.md: delete.path).

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

        Returns the response; its body is the object with the tenant's message, without an envelope, or {}
        when there is none. Raises ApiError with `ambiguous` for a response with the status of a success that
        is not one (docs/api.md: upload.201, upload.accepted).
        upload_url: the collector's own URL, used unchanged.
        token: the collector's own; without it the tenant key signs, and then upload_url must have the
            tenant's origin.
        query: repository_id, repository_url, branch.
        """
        if upload_url and not token and urlsplit(upload_url)[:2] != urlsplit(self.client.origin())[:2]:
            raise InputError(
                f"upload_url is on {urlsplit(upload_url).netloc}, another host than api_url: the tenant key "
                "is not sent there. Give collector_token_id and collector_token, or collector_id instead of "
                "upload_url."
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
                # A page instead of a response: its sender is unknown, and so is whether the tenant received
                # the document.
                raise dataclasses.replace(exc, ambiguous=True) from None
            raise
        if names_error(answer.body):
            words = (
                "but the response contains an error: "
                f"{self.client.quoted(words_of(answer.body), json.dumps(answer.body))}"
            )
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
        """All repositories that the tenant lists, page by page, and whether the list seems complete.

        keep: returns the part of each repository to keep, None to drop it, so that a long list takes no more
            memory than its result.

        Some tenants ignore the offset: then the pages repeat, and only the first one can be read
        (docs/api.md: repositories.offset). Raises ApiError for an endless list.
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
        # Pages requested together, by their offset; one that does not continue the list is requested again.
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
                together = 1  # probably the last page
            size = size or len(page)
        words = f"the list has not ended after {MOST_PAGES} pages, so it is not known what the tenant has"
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
        """The scan configuration of a repository, in the API's shape (docs/api.md: repository.scans)."""
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
        """The response to any call, in its envelope, for code that examines how a tenant responds. Raises
        ApiError.
        """
        return self._ask(
            Call(method, path, "verify the tenant", query=query, body=body, expect_json=method == "GET")
        )

    def healthcheck(self) -> Answer:
        """Check whether a tenant responds; its state is in the body's status (docs/api.md: tenant.health)."""
        return self._ask(Call("GET", HEALTHCHECK, "check the tenant's health"))


def _segment(identifier: str) -> str:
    """An id as one segment of a path. Raises InputError for one that would change the path: "." and ".." are
    removed from a URL.
    """
    if identifier.strip() in ("", ".", "..") or not identifier.isprintable():
        raise InputError(f"the id {json.dumps(identifier[:80])} is not a valid id: nothing was sent for it.")
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
    """The list of instances; None when one has no id. An unreadable list must not count as empty: everything
    would be created again.
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
    """Whether it is text or an integer that can identify an object."""
    if isinstance(value, str):
        return bool(value.strip()) and not isinstance(value, Unreadable)
    return isinstance(value, int) and not isinstance(value, bool)


def _unwrap_words(body: t.Any) -> Raw:
    """The result of an upload, in any known envelope; {} when there is none."""
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
        words=f"the response has an unknown shape ({shape}), so it is not known what the tenant has",
        hint="Is api_url the API URL (https://api-...)? If so, please report the shape.",
        ambiguous=call.method == "POST",
    )
