# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoints: paths, envelopes and one method per operation. All responses come in here.

Private to the collection, floor 2.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t
from urllib.parse import quote, urlsplit

from ._admitted import Raw, admit
from ._envelopes import configuration_in, instances_in, is_id, list_in, object_in, upload_result_in
from ._errors import ApiError, CannotCreate, InputError, names_error, words_of
from ._http.call import Call, Response
from ._http.client import Client
from ._http.pool import each
from ._http.redaction import secrets_in
from ._http.signing import CollectorToken

INSTANCES = "/public_api/appsec/v1/data_source_instances"
# The path of the previous generation (docs/api.md: previous.path).
PREVIOUS = "/public_api/appsec/v1/integrations"
# Only the guide's table has this path for deletion (docs/api.md: delete.path).
SHORT_DELETE = "/public_api/appsec/v1"
COLLECTORS = "/public_api/appsec/v1/collectors"
REPOSITORIES = "/public_api/appsec/v1/repositories"
UNSCANNED = "/public_api/appsec/v1/scans/unscanned-repositories"
HEALTHCHECK = "/public_api/v1/healthcheck"
PAGE = 100
# Maximum number of pages: no tenant has more than a million repositories.
MOST_PAGES = 10_000
# Maximum number of pages requested at once. It is doubled each time: at most half of the requests are wasted.
MOST_TOGETHER = 8
# (docs/api.md: upload.503, upload.disabled)
_DISABLED = "This is how the API refuses uploads to a disabled collector: enable it in the console."

# Extracts the requested part of a body; None when it is missing.
Form = t.Callable[[t.Any], t.Any]


class Api:
    """One tenant's API. Instances are passed in and out in the API's own shape (camelCase), without an
    envelope.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        # The path of the tenant's instances, and whether a response has confirmed it.
        self._instances, self._seen = INSTANCES, False

    @property
    def tenant(self) -> str:
        """Host, and port if any, of the tenant."""
        return urlsplit(self.client.origin()).netloc

    @property
    def generation(self) -> str | None:
        """ "current", or "previous", whose API cannot create; None until a response has shown which."""
        return ("previous" if self._instances == PREVIOUS else "current") if self._seen else None

    def _ask(self, call: Call, form: Form | None = None) -> Response:
        """Send a call. Every response of the tenant passes through here and through admit().

        form: extracts the requested part of the body. Raises ApiError if it is missing.
        """
        response = self.client.send(call)
        body = admit(response.body)
        part = body if form is None else form(body)
        if form is not None and part is None:
            raise _unreadable(call, response.status, body)
        return dataclasses.replace(response, body=part)

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
    ) -> Response:
        """A call for all instances, or for one, on the path that this tenant uses."""
        tail = "" if instance_id is None else f"/{_segment(instance_id)}"
        is_list = method == "GET" and not tail

        def ask() -> Response:
            if method == "POST":
                self.refuse_creation(subject)
            path, accepted = self._instances + tail, self._accepted(body)
            return self._ask(
                Call(method, path, operation, subject, body=accepted, expect_json=expect_json), form
            )

        try:
            response = ask()
        except ApiError as exc:
            if exc.status != 404 or self._seen:
                raise
            listed = self._find(exc, is_list=is_list)
            if self._instances == INSTANCES:
                raise
            return listed if is_list else ask()
        self._seen = True
        return response

    def _find(self, missing: ApiError, *, is_list: bool) -> Response:
        """Distinguish an unknown id, a tenant of the previous generation and a wrong host. Returns the
        tenant's list.

        missing: the 404 that was received.
        is_list: whether it was received for the list.
        Raises the list's 404 if neither generation's list exists.
        """
        if not is_list:
            try:
                response = self._list(INSTANCES)
                self._seen = True
                return response
            except ApiError as exc:
                if exc.status != 404:
                    raise
                missing = exc
        try:
            response = self._list(PREVIOUS)
        except ApiError as exc:
            if exc.status is None or (exc.status >= 400 and exc.status not in (404, 405)):
                raise
            # This host has no such API, or is not a tenant.
            raise missing from None
        self._instances, self._seen = PREVIOUS, True
        return response

    def _list(self, path: str) -> Response:
        return self._ask(Call("GET", path, "list data sources"), instances_in)

    def _accepted(self, body: Raw | None) -> Raw | None:
        """The part of a body that this tenant accepts."""
        if self.generation != "previous" or not body or "uniqueProperties" not in body:
            return body
        self.client.warn_once(
            "unique_properties were not sent: this tenant is of the previous generation, whose API does not "
            "accept them."
        )
        return {name: value for name, value in body.items() if name != "uniqueProperties"}

    def refuse_creation(self, subject: str) -> None:
        """Raise CannotCreate if the tenant is known not to create anything through its API."""
        if self.generation == "previous":
            raise CannotCreate(
                " cannot be created through the API: this tenant is of the previous generation, which cannot "
                "create data sources. Connect it in the console, then run again.",
                subject=subject,
            )

    def list_data_sources(self) -> list[Raw]:
        """All instances, without filters, since tenants spell these differently.

        Never use their state: the list may omit it (docs/api.md: list.bare, list.state).
        """
        unique: dict[str, Raw] = {}
        for item in self._ask_instances("GET", "list data sources", form=instances_in).body:
            unique.setdefault(str(item["id"]), item)
        return list(unique.values())

    def get_data_source(self, instance_id: str, subject: str = "") -> Raw | None:
        """One instance in full, or None when the tenant does not have it (docs/api.md: get.root, get.404)."""
        subject = subject or f"id {instance_id}"
        try:
            response = self._ask_instances("GET", "read data source", subject, instance_id, form=object_in)
        except ApiError as exc:
            if exc.status == 404 and self._seen:
                return None
            raise
        return t.cast(Raw, response.body)

    def create_data_source(self, body: Raw, subject: str = "") -> Raw:
        """Create; sent once. Returns the reply, with at least an id, and a collector's one-time token
        (docs/api.md: create.200).

        Raises ApiError with `ambiguous` if the instance may exist although there was no usable response, and
        CannotCreate, before anything is sent, if the API cannot create.
        """
        self.client.redactor.add(*secrets_in({"credentials": body.get("credentials")}))
        response = self._ask_instances("POST", "create data source", subject, form=object_in, body=body)
        return t.cast(Raw, response.body)

    def update_data_source(self, instance_id: str, body: Raw, subject: str = "") -> None:
        """Replace scope, mappings and settings. The reply may be empty: read the instance afterwards
        (docs/api.md: update.200).
        """
        subject = subject or f"id {instance_id}"
        self._ask_instances("PUT", "update data source", subject, instance_id, body=body, expect_json=False)

    def delete_data_source(self, instance_id: str, subject: str = "") -> None:
        """Delete; succeeds too if the instance is already deleted (docs/api.md: delete.path).

        If the response is 404 or 405 but a read still finds the instance, the guide's short path is tried
        once.
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
    ) -> Response:
        """Send one SARIF document; repeated only if the tenant cannot have processed it (docs/api.md:
        upload.call).

        Returns the response; its body is the object with the tenant's message, without an envelope, or {}
        if there is none. Raises ApiError with `ambiguous` for a response that has the status of a success
        but is not one (docs/api.md: upload.201, upload.accepted).
        upload_url: the collector's own URL, used unchanged.
        token: the collector's own; without it the tenant's key is used, and upload_url must have the tenant's
            origin.
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
            final={503: _DISABLED},
        )
        try:
            response = self._ask(call)
        except ApiError as exc:
            if exc.status and exc.status < 300:
                # A page instead of a response: it is unknown whether the tenant received the document.
                raise dataclasses.replace(exc, ambiguous=True) from None
            raise
        if names_error(response.body):
            quoted = self.client.quoted(words_of(response.body), json.dumps(response.body))
            raise _error(
                call, f"but the response contains an error: {quoted}", status=response.status, ambiguous=True
            )
        return dataclasses.replace(response, body=upload_result_in(response.body))

    def list_repositories(
        self,
        *,
        search: str | None = None,
        source: str | None = None,
        keep: t.Callable[[Raw], Raw | None] = lambda one: one,
    ) -> tuple[list[Raw], bool]:
        """All repositories that the tenant lists, page by page, and whether the list seems complete.

        Some tenants ignore the offset: then the pages repeat, and only the first one can be read
        (docs/api.md: repositories.offset). Raises ApiError for an endless list.
        keep: returns the part of a repository to keep, or None to drop it, so that a long list takes no more
            memory than its result.
        """
        filters = {name: value for name, value in (("search", search), ("source", source)) if value}

        def page_at(offset: int) -> list[t.Any]:
            query = {"limit": str(PAGE), "offset": str(offset), **filters}
            call = Call("GET", REPOSITORIES, "list repositories", query=query)
            return t.cast(list[t.Any], self._ask(call, list_in).body)

        kept: list[Raw] = []
        seen: set[str] = set()
        # Pages requested together, by offset. A page whose offset does not continue the list is read again.
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
            rows = (row for row in page if isinstance(row, dict) and is_id(row.get("id")))
            fresh = {str(row["id"]): row for row in rows if str(row["id"]) not in seen}
            seen.update(fresh)
            kept += filter(None, map(keep, fresh.values()))
            if not fresh:
                return kept, not page
            self.client.on_read(len(seen), 0)
            if len(page) < (size or PAGE):
                together = 1  # probably the last page
            size = size or len(page)
        words = f"the list has not ended after {MOST_PAGES} pages, so it is not known what the tenant has"
        raise _error(Call("GET", REPOSITORIES, "list repositories"), words)

    def get_repository(self, repository_id: str) -> Raw | None:
        """One repository, or None if the tenant does not have it (docs/api.md: repository.get)."""
        call = Call("GET", _repository(repository_id), "read repository", f"id {repository_id}")
        try:
            return t.cast(Raw, self._ask(call, object_in).body)
        except ApiError as exc:
            if exc.status == 404:
                return None
            raise

    def list_unscanned(self, days: int) -> list[Raw] | None:
        """The repositories that the tenant reports as not scanned for this many days; None if it has no such
        list, or does not show it to this key (docs/api.md: repositories.unscanned).
        """
        call = Call("GET", UNSCANNED, "list unscanned repositories", query={"days": str(days)})
        try:
            listed = self._ask(call, list_in).body
        except ApiError as exc:
            if exc.status in (403, 404):
                return None
            raise
        return [one for one in listed if isinstance(one, dict)]

    def get_scan_configuration(self, repository_id: str, subject: str = "") -> Raw:
        """The scan configuration of a repository, in the API's shape (docs/api.md: repository.scans)."""
        path = _repository(repository_id, "/scan-configuration")
        call = Call("GET", path, "read the scan configuration of", subject)
        return t.cast(Raw, self._ask(call, configuration_in).body)

    def update_scan_configuration(self, repository_id: str, body: Raw, subject: str = "") -> None:
        """Replace the given members, each as a whole. The reply is empty (docs/api.md: repository.scans)."""
        path = _repository(repository_id, "/scan-configuration")
        operation = "change the scan configuration of"
        self._ask(Call("PUT", path, operation, subject, body=body, expect_json=False))

    def update_branches(self, repository_id: str, names: list[str], primary: str, subject: str = "") -> None:
        """Replace the branches that are scanned. The reply is empty (docs/api.md: repository.branches)."""
        path, operation = _repository(repository_id, "/branches"), "change the scanned branches of"
        body = {"selectedBranches": names, "primaryBranch": primary}
        self._ask(Call("PUT", path, operation, subject, body=body, expect_json=False))

    def ask(
        self, method: str, path: str, body: Raw | None = None, query: dict[str, str] | None = None
    ) -> Response:
        """The response to any call, in its envelope, for code that examines how a tenant responds. Raises
        ApiError.
        """
        read = method == "GET"
        return self._ask(Call(method, path, "verify the tenant", query=query, body=body, expect_json=read))

    def healthcheck(self) -> Response:
        """Check whether a tenant responds; its state is in the body's status (docs/api.md: tenant.health)."""
        return self._ask(Call("GET", HEALTHCHECK, "check the tenant's health"))


def _repository(repository_id: str, tail: str = "") -> str:
    return f"{REPOSITORIES}/{_segment(repository_id)}{tail}"


def _segment(identifier: str) -> str:
    """An id as one segment of a path. Raises InputError for an id that would change the path: URLs are
    shortened at "." and "..".
    """
    if identifier.strip() in ("", ".", "..") or not identifier.isprintable():
        raise InputError(f"the id {json.dumps(identifier[:80])} is not a valid id: nothing was sent for it.")
    return quote(identifier, safe="")


def _unreadable(call: Call, status: int, body: t.Any) -> ApiError:
    shape = type(body).__name__
    if isinstance(body, dict):
        shape = f"an object with {', '.join(sorted(map(str, body))[:8])}"
    words = f"the response has an unknown shape ({shape}), so it is not known what the tenant has"
    hint = "Is api_url the API URL (https://api-...)? If so, please report the shape."
    return _error(call, words, status=status, hint=hint, ambiguous=call.method == "POST")


def _error(call: Call, words: str, **more: t.Any) -> ApiError:
    return ApiError(call.operation, call.subject, call.method, call.path, words=words, **more)
