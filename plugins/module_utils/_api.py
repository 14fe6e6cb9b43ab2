# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 2, the endpoints: paths, envelopes, one method per operation of the API; the one gate inward.
from __future__ import annotations

import dataclasses
import typing as t
from urllib.parse import quote, urlsplit

from ._errors import WORDS_SHOWN, ApiError, InputError, names_error, words_of
from ._http.client import Answer, Call, Client
from ._http.redaction import secrets_in
from ._http.signing import CollectorToken

INSTANCES = "/public_api/appsec/v1/data_source_instances"
# The guide's own table has this path for deletion; every other source has the one above (docs/api.md: delete.path).
SHORT_DELETE = "/public_api/appsec/v1"
COLLECTORS = "/public_api/appsec/v1/collectors"
REPOSITORIES = "/public_api/appsec/v1/repositories"
PAGE = 100
VALIDATE = "/api_keys/validate/"
# (docs/api.md: upload.503, upload.disabled)
_UPLOAD_FINAL = {503: "This is how the API refuses uploads to a disabled collector: enable it in the console."}

Raw = dict[str, t.Any]


class Api:
    """One tenant's API. Instances are passed in and out in the API's own shape (camelCase), unwrapped from any envelope."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def tenant(self) -> str:
        """Host, and port if any, of the tenant."""
        return urlsplit(self.client.origin()).netloc

    def _ask(self, call: Call) -> Answer:
        """Send a call. What the tenant says comes in through here and nowhere else."""
        answer = self.client.send(call)
        return dataclasses.replace(answer, body=admit(answer.body))

    def list_data_sources(self) -> list[Raw]:
        """All instances, unfiltered: whatever spelling a tenant wants in its filters does not matter then.

        Their state must never be used: the list may hide it (docs/api.md: list.bare, list.state).
        """
        answer = self._ask(Call("GET", INSTANCES, "list data sources"))
        items = _unwrap_list(answer.body)
        if items is None or not all(isinstance(i, dict) and i.get("id") not in (None, "") for i in items):
            # An unreadable list taken for an empty one would create everything a second time.
            raise _unreadable("list data sources", "GET", INSTANCES, answer)
        unique: dict[str, Raw] = {}
        for item in items:
            unique.setdefault(str(item["id"]), item)
        return list(unique.values())

    def get_data_source(self, instance_id: str, subject: str = "") -> Raw | None:
        """One instance in full, or None when the tenant does not have it (docs/api.md: get.root, get.404)."""
        return self._one(f"{INSTANCES}/{quote(instance_id, safe='')}", "read data source", subject or f"id {instance_id}")

    def _one(self, path: str, operation: str, subject: str) -> Raw | None:
        try:
            answer = self._ask(Call("GET", path, operation, subject))
        except ApiError as exc:
            if exc.status == 404:
                return None
            raise
        item = _unwrap_item(answer.body)
        if item is None:
            raise _unreadable(operation, "GET", path, answer)
        return item

    def create_data_source(self, body: Raw, subject: str = "") -> Raw:
        """Create; sent once. Returns the reply with at least an id, and a collector's one-time token (docs/api.md: create.200).

        Raises ApiError with `ambiguous` when the instance may exist although no usable reply came.
        """
        self.client.redactor.add(*secrets_in({"credentials": body.get("credentials")}))
        answer = self._ask(Call("POST", INSTANCES, "create data source", subject, body=body))
        item = _unwrap_item(answer.body)
        if item is None:
            raise dataclasses.replace(_unreadable("create data source", "POST", INSTANCES, answer), ambiguous=True)
        return item

    def update_data_source(self, instance_id: str, body: Raw, subject: str = "") -> None:
        """Replace scope, mappings and settings. The reply may be empty: read the instance afterwards (docs/api.md: update.200)."""
        path = f"{INSTANCES}/{quote(instance_id, safe='')}"
        self._ask(Call("PUT", path, "update data source", subject or f"id {instance_id}", body=body, expect_json=False))

    def delete_data_source(self, instance_id: str, subject: str = "") -> None:
        """Delete; an instance that is already gone is a success (docs/api.md: delete.path).

        When the reference path answers 404 or 405 while a read still finds the instance, the guide's short path is tried once.
        """
        subject = subject or f"id {instance_id}"
        quoted = quote(instance_id, safe="")
        try:
            self._ask(Call("DELETE", f"{INSTANCES}/{quoted}", "delete data source", subject, expect_json=False))
        except ApiError as exc:
            if exc.status not in (404, 405):
                raise
            if self.get_data_source(instance_id, subject) is None:
                return
            self._ask(Call("DELETE", f"{SHORT_DELETE}/{quoted}", "delete data source", subject, expect_json=False))

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
        """Send one SARIF document; sent once unless the tenant refused to look at it (docs/api.md: upload.call).

        Returns the answer, whose body is the object with the tenant's words, without an envelope; {} when there is none. Raises ApiError
        with `ambiguous` when the answer has the status of a success and is none (docs/api.md: upload.201, upload.accepted).
        upload_url: the collector's own URL, used as it is. token: the collector's own; without it the tenant key signs, and
        then upload_url must have the tenant's origin. query: repository_id, repository_url, branch.
        """
        if upload_url and not token and urlsplit(upload_url)[:2] != urlsplit(self.client.origin())[:2]:
            raise InputError(
                f"upload_url is on {urlsplit(upload_url).netloc}, another host than api_url: the tenant key is not sent there. "
                "Give collector_token_id and collector_token, or collector_id instead of upload_url."
            )
        path = urlsplit(upload_url).path if upload_url else f"{COLLECTORS}/{quote(collector_id, safe='')}"
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
                # A page in place of an answer: who sent it, and whether the tenant saw the document, cannot be known.
                raise dataclasses.replace(exc, ambiguous=True) from None
            raise
        if names_error(answer.body):
            said = self.client.redactor.text(words_of(answer.body))[:WORDS_SHOWN]
            words = f"but the answer names an error: {said}"
            raise ApiError(call.operation, subject, method="POST", path=path, status=answer.status, words=words, ambiguous=True)
        return dataclasses.replace(answer, body=_unwrap_words(answer.body))

    def list_repositories(self, *, search: str | None = None, source: str | None = None) -> tuple[list[Raw], bool]:
        """All repositories that the tenant lists, page by page, and whether it seems to have shown them all.

        Some tenants ignore the offset: then the pages repeat, and the first one is all there is to be had
        (docs/api.md: repositories.offset).
        """
        found: dict[str, Raw] = {}
        while True:
            query = {
                "limit": str(PAGE),
                "offset": str(len(found)),
                **({"search": search} if search else {}),
                **({"source": source} if source else {}),
            }
            answer = self._ask(Call("GET", REPOSITORIES, "list repositories", query=query))
            page = _unwrap_list(answer.body)
            if page is None:
                raise _unreadable("list repositories", "GET", REPOSITORIES, answer)
            fresh = {str(r["id"]): r for r in page if isinstance(r, dict) and r.get("id") and str(r["id"]) not in found}
            found.update(fresh)
            if not fresh:
                return list(found.values()), not page

    def get_repository(self, repository_id: str) -> Raw | None:
        """One repository, or None when the tenant does not have it (docs/api.md: repository.get)."""
        return self._one(f"{REPOSITORIES}/{quote(repository_id, safe='')}", "read repository", f"id {repository_id}")

    def validate_key(self) -> Answer:
        """Ask whether the key is accepted (docs/api.md: key.validate)."""
        return self._ask(Call("GET", VALIDATE, "validate the API key", expect_json=False))


def admit(body: t.Any) -> t.Any:
    """The gate inward: every decoded response passes it before anything else looks at it. It passes all of it on."""
    return body


def _unwrap_list(body: t.Any) -> list[t.Any] | None:
    """The list in any known envelope (bare, data, reply, reply.data); None when there is none (docs/api.md: list.envelope)."""
    for _depth in range(3):
        if isinstance(body, list):
            return body
        if not isinstance(body, dict):
            return None
        body = body.get("data", body.get("reply", body.get("repositories")))
    return None


def _unwrap_item(body: t.Any) -> Raw | None:
    """The instance in any known envelope (root, data, reply, reply.data); None when nothing there has an id (docs/api.md: get.root)."""
    for _depth in range(3):
        if not isinstance(body, dict):
            return None
        if body.get("id") not in (None, ""):
            return {**body, "id": str(body["id"])}
        body = body.get("data", body.get("reply"))
    return None


def _unwrap_words(body: t.Any) -> Raw:
    """What an upload came to, in any known envelope; {} when nothing is said."""
    holders = (body, body.get("reply"), body.get("data")) if isinstance(body, dict) else ()
    return next((holder for holder in holders if isinstance(holder, dict) and {"status", "message"} & holder.keys()), {})


def _unreadable(operation: str, method: str, path: str, answer: Answer) -> ApiError:
    shape = (
        f"an object with {', '.join(sorted(map(str, answer.body))[:8])}" if isinstance(answer.body, dict) else type(answer.body).__name__
    )
    return ApiError(
        operation,
        method=method,
        path=path,
        status=answer.status,
        words=f"the answer has an unknown shape ({shape}), so it is not known what the tenant holds",
        hint="Is api_url the API URL (https://api-...)? If so, please report the shape.",
    )
