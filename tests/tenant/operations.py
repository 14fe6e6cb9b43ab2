# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of openapi.yaml, for requests that have passed the checks."""
from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import g, request
from werkzeug.exceptions import MethodNotAllowed

from . import kinds, present, upload
from .contract import JSON
from .problem import Problem, appsec, gateway, invalid, not_found

if TYPE_CHECKING:
    from .server import EmbeddedTenant

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
LARGEST_PAGE = 100


class Page(str):
    """An HTML body."""


def load(raw: bytes) -> Any:
    """Strict JSON: UTF-8 without a byte order mark, no NaN, no lone surrogates. Raises ValueError or RecursionError."""

    def refuse(word: str) -> Any:
        raise ValueError(word)

    text = raw.decode()
    value = json.loads(text, parse_constant=refuse)
    if SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def read_json(problem: Callable[[int, str, str], Problem] = appsec) -> Any:
    """The body of the request. Raises 415 or 400, built by `problem(status, code, text)`."""
    if request.mimetype != JSON or request.headers.get("Content-Encoding", "identity") != "identity":
        raise problem(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json, without Content-Encoding")
    try:
        return load(request.get_data())
    except (ValueError, RecursionError):
        raise problem(400, "BAD_REQUEST", "The body is not valid JSON") from None


class Operations:
    """Each method is named like its operationId and returns (status, body); None is an empty body.

    `g.query` and `g.document` are the query and the body of the request, which the document allows.
    """

    tenant: EmbeddedTenant

    def healthcheck(self) -> tuple[int, Any]:
        return 200, {"status": "available"}

    def validate_key(self) -> tuple[int, Any]:
        return 200, "true" if self.tenant.behaviour.validate_body == "string" else True

    validate_key_post = validate_key

    # -- data source instances

    def list_instances(self) -> tuple[int, Any]:
        tenant, switches = self.tenant, self.tenant.behaviour
        word, category = g.query.get("type"), g.query.get("type_category")
        kind = None if word is None else self._type_of(word)
        with tenant.state.lock:
            items = [
                present.list_item(stored, switches) for stored in tenant.state.listed(request.environ.get("tenant.lag", 0.0))
                if (word is None or stored.type == kind) and (category is None or kinds.in_category(stored.type, category))
            ]
        return 200, present.envelope(switches.list_envelope, items)

    def _type_of(self, word: str) -> str | None:
        """The type that a `type` filter names; None if the spelling matches nothing. Raises 422 for another spelling or type."""
        switches, case = self.tenant.behaviour, self.tenant.behaviour.type_filter_case
        if case == "hyphens":
            kind = kinds.BY_WORD.get(word) or word.upper().replace("-", "_")
            spelt = word == kinds.FILTER.get(kind, kind.lower().replace("_", "-"))
        else:
            kind = word.upper()
            spelt = case == "any" or word == getattr(word, case)()
        known = kind in kinds.KNOWN or switches.unknown_type == "accept"
        if known and not spelt and switches.type_filter_mismatch == "empty":
            return None
        if not known or not spelt:
            how = "must be in lower case with hyphens" if case == "hyphens" else f"must be in {case} case"
            raise invalid({"type": how if known else "not a known integration type"})
        return kind

    def create_instance(self) -> tuple[int, Any]:
        switches = self.tenant.behaviour
        with self.tenant.state.lock:
            stored, token = self.tenant.state.create(g.document)
            return switches.create_status, present.envelope(switches.item_envelope, present.created(stored, token, switches))

    def get_instance(self, instance_id: str) -> tuple[int, Any]:
        switches = self.tenant.behaviour
        return 200, present.envelope(switches.item_envelope, present.item(self.tenant.state.read(instance_id), switches))

    def update_instance(self, instance_id: str) -> tuple[int, Any]:
        switches = self.tenant.behaviour
        with self.tenant.state.lock:
            stored = self.tenant.state.update(instance_id, g.document)
            if switches.put_body == "full":
                return 200, present.envelope(switches.item_envelope, present.item(stored, switches))
        return 200, {} if switches.put_body == "empty_object" else None

    def delete_instance(self, instance_id: str) -> tuple[int, Any]:
        if self.tenant.behaviour.delete_path == "short":
            raise MethodNotAllowed()
        return self.delete_integration(instance_id)

    def delete_instance_short(self, instance_id: str) -> tuple[int, Any]:
        if self.tenant.behaviour.delete_path == "reference":
            raise gateway(404, "Not found")
        return self.delete_integration(instance_id)

    # -- the same of the previous generation

    list_integrations = list_instances
    get_integration = get_instance
    update_integration = update_instance

    def delete_integration(self, instance_id: str) -> tuple[int, Any]:
        self.tenant.state.delete(instance_id)
        status = self.tenant.behaviour.delete_status
        return status, None if status == 204 else {}

    # -- collectors and repositories

    def upload_sarif(self, collector_id: str) -> tuple[int, Any]:
        switches, state = self.tenant.behaviour, self.tenant.state
        if switches.upload_page != "none":
            # Neither is in the document: it comes from something between the client and the tenant.
            g.outside = True
            error = {"reply": {"err_code": 500, "err_msg": "The service could not be reached", "err_extra": None}}
            return switches.upload_status, Page(upload.LOGIN_PAGE) if switches.upload_page == "login" else error
        size = len(request.get_data())
        if size > switches.upload_limit:
            text = f"{size} bytes, the limit is {switches.upload_limit}"
            raise upload.refused(switches.oversize_status, "PAYLOAD_TOO_LARGE", text, switches, "INGESTED_FAILED")
        state.check_collector(collector_id)
        repository_id, repository_url = g.query.get("repository_id", ""), g.query.get("repository_url", "")
        if not (repository_id or repository_url):
            raise upload.refused(400, "VALIDATION_ERROR", "At least one of repository_id and repository_url is required", switches)
        g.document = document = read_json(lambda status, code, text: upload.refused(status, code, text, switches))
        if problems := upload.problems(document):
            raise upload.refused(400, "VALIDATION_ERROR", f"Not an acceptable SARIF document: {'; '.join(problems)}", switches)
        g.results = sum(1 for _result in upload.results_of(document))
        state.accept(collector_id, document, size, repository_id, repository_url, g.query.get("branch"))
        return switches.upload_status, upload.accepted_body(g.results, switches)

    def list_repositories(self) -> tuple[int, Any]:
        tenant, switches = self.tenant, self.tenant.behaviour
        if not switches.repositories_readable:
            raise gateway(403, "Forbidden: the role of this key has no view permission")
        sources = {source.upper() for source in g.query.get("source", [])}
        text = g.query.get("search", "").lower()
        start = g.query.get("offset", 0) if switches.offset == "honoured" else 0
        size = min(g.query.get("limit", switches.repositories_page), LARGEST_PAGE)
        with tenant.state.lock:
            assets = [
                asset for asset in tenant.state.repositories.values()
                if (not sources or asset["source"] in sources) and text in asset["fullRepositoryName"].lower()
            ]
            page = [self._repository(asset) for asset in assets[start:start + size]]
        word = switches.list_envelope if switches.repositories_envelope == "as_list" else switches.repositories_envelope
        return 200, present.envelope(word, page)

    def list_unscanned(self) -> tuple[int, Any]:
        tenant, switches = self.tenant, self.tenant.behaviour
        if not switches.unscanned_list:
            raise not_found()
        if not switches.repositories_readable:
            raise gateway(403, "Forbidden: the role of this key has no view permission")
        with tenant.state.lock:
            return 200, tenant.state.unscanned(g.query.get("days", 7))

    def get_repository(self, asset_id: str) -> tuple[int, Any]:
        with self.tenant.state.lock:
            asset = self._repository(self.tenant.state.asset(asset_id))
        return 200, present.envelope(self.tenant.behaviour.item_envelope, asset)

    def update_branches(self, asset_id: str) -> tuple[int, Any]:
        self.tenant.state.choose_branches(asset_id, g.document)
        return 204, None

    def get_scan_configuration(self, asset_id: str) -> tuple[int, Any]:
        with self.tenant.state.lock:
            return 200, copy.deepcopy(self.tenant.state.asset(asset_id).get("scanConfiguration", {}))

    def update_scan_configuration(self, asset_id: str) -> tuple[int, Any]:
        self.tenant.state.configure_scans(asset_id, g.document)
        return 204, None

    def _repository(self, asset: dict[str, Any]) -> dict[str, Any]:
        return present.repository(asset, self.tenant.state.selected(asset["fullRepositoryName"]), self.tenant.behaviour)
