# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request through the tenant: the order of the checks, the operations, and what is recorded of it.

Order: rate limit, read-only guard, authentication, licence, path and method, rights, content type, JSON, fields, the state's own rules.
"""
from __future__ import annotations

import hashlib
import json
import os
import re
import traceback
from collections.abc import Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map

from . import control, kinds, present, upload
from .auth import Refused
from .contract import JSON, contract
from .journal import Entry, Redactor, sent_secrets
from .problem import Problem, appsec, gateway, invalid
from .state import API, not_found

if TYPE_CHECKING:
    from .server import EmbeddedTenant

WRITES = ("POST", "PUT", "DELETE", "PATCH")
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
LARGEST_PAGE = 100
# Stands for an encoded slash inside a path segment while routes are matched: an AWS CodeCommit id is a stack id and holds slashes.
SLASH = "\x1f"


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def load(raw: bytes) -> Any:
    """Strict JSON: UTF-8 without a byte order mark, no NaN, no lone surrogates. Raises ValueError or RecursionError."""

    def refuse(word: str) -> Any:
        raise ValueError(word)

    text = raw.decode()
    value = json.loads(text, parse_constant=refuse)
    if SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value


class Routes(Flask):
    """Flask takes 20 ms to compile the routes, which are the same for every tenant of a process: the first one's are kept."""

    compiled: Map | None = None

    def __init__(self) -> None:
        super().__init__("tenant", static_folder=None)
        self.url_map = Routes.compiled or self.url_map

    def add_url_rule(self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any) -> None:
        if self.url_map is Routes.compiled:
            self.view_functions[endpoint or view_func.__name__] = view_func
        else:
            super().add_url_rule(rule, endpoint, view_func, *args, **options)


class Application:
    """The operations of openapi.yaml, each a method named like its operationId and returning (status, body); body None is an empty one."""

    def __init__(self, tenant: EmbeddedTenant) -> None:
        self.tenant, self.contract = tenant, contract()
        self.flask = app = Routes()
        app.url_map.merge_slashes = False
        for operation in self.contract.operations.values():
            rule = operation.path.replace("{", "<").replace("}", ">")
            app.add_url_rule(rule, operation.id, self._view(operation.id), methods=[operation.method], provide_automatic_options=False,
                             strict_slashes=not rule.endswith("/"))
        app.before_request(self._gate)
        app.register_error_handler(Problem, self._answer_problem)
        app.register_error_handler(HTTPException, self._answer_routing)
        app.register_error_handler(Exception, self._answer_bug)
        app.after_request(self._finish)
        control.register(app, tenant)
        Routes.compiled = app.url_map

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        raw_path = environ["REQUEST_URI"].partition("?")[0]
        if "%2f" in raw_path.lower():
            environ["PATH_INFO"] = "/".join(unquote(segment, "latin-1").replace("/", SLASH) for segment in raw_path.split("/"))
        return self.flask(environ, start_response)

    # -- before the operation

    def _gate(self) -> None:
        g.body = None
        if request.path.startswith(control.PREFIX):
            return
        tenant, switches = self.tenant, self.tenant.behaviour
        write = request.method in WRITES and request.path.startswith(API)
        g.attempt = write and switches.read_only
        wait = tenant.limit.take()
        if wait is not None:
            raise gateway(429, "Too many requests.", self._retry_after(wait))
        if g.attempt:
            raise gateway(403, "Forbidden: this tenant is read-only")
        try:
            caller = tenant.authenticator.verify(request.headers)
        except Refused as refused:
            tenant.refusals.append(refused.reason)
            raise gateway(401, "Public API request unauthorized") from None
        if not switches.licensed and request.path.startswith(API):
            raise gateway(402, "No valid license for this operation")
        if request.routing_exception is not None:
            return
        if caller.collector_id is not None:
            if request.endpoint != "upload_sarif" or self._argument("collectorId") != caller.collector_id:
                raise gateway(403, "Forbidden: a collector's token is valid for uploads to that collector only")
        elif write and not caller.may_write:
            raise gateway(403, "Forbidden: the role of this key has no edit permission")
        operation = self.contract.operations[request.endpoint or ""]
        g.query, faults = operation.query(request.args.to_dict(flat=False))
        if operation.body is not None and operation.id != "upload_sarif":
            g.document = self._read_json()
            faults.update(operation.body_faults(g.document))
        if faults:
            raise invalid(faults)

    def _retry_after(self, wait: float) -> dict[str, str]:
        seconds = max(1, -int(-wait // 1))
        how = self.tenant.behaviour.retry_after
        if how == "none":
            return {}
        return {"Retry-After": str(seconds) if how == "seconds" else formatdate(self.tenant.clock_now() + seconds, usegmt=True)}

    @staticmethod
    def _read_json() -> Any:
        if request.mimetype != JSON or request.headers.get("Content-Encoding", "identity") != "identity":
            raise appsec(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json, without Content-Encoding")
        try:
            return load(request.get_data())
        except (ValueError, RecursionError):
            raise appsec(400, "BAD_REQUEST", "The body is not valid JSON") from None

    @staticmethod
    def _argument(name: str) -> str:
        return str((request.view_args or {})[name]).replace(SLASH, "/")

    def _view(self, operation_id: str) -> Any:
        method = getattr(self, operation_id)

        def view(**arguments: str) -> Response:
            status, body = method(*[value.replace(SLASH, "/") for value in arguments.values()])
            return self._reply(status, body)

        return view

    # -- the operations

    def validate_key(self) -> tuple[int, Any]:
        return 200, "true" if self.tenant.behaviour.validate_body == "string" else True

    validate_key_post = validate_key

    def list_instances(self) -> tuple[int, Any]:
        tenant, switches = self.tenant, self.tenant.behaviour
        wanted, wanted_category = g.query.get("type"), g.query.get("type_category")
        mismatched = wanted is not None and self._wrong_type_filter(wanted)
        with tenant.state.lock:
            found = [
                present.list_item(stored, switches) for stored in tenant.state.listed(request.environ.get("tenant.lag", 0.0))
                if not mismatched and (wanted is None or stored.type == wanted.upper())
                and (wanted_category is None or kinds.category(stored.type) == wanted_category)
            ]
        return 200, present.envelope(switches.list_envelope, found)

    def _wrong_type_filter(self, wanted: str) -> bool:
        """Whether the filter is spelt in the case that matches nothing. Raises 422 for the case that is refused and for an unknown type."""
        switches, case = self.tenant.behaviour, self.tenant.behaviour.type_filter_case
        known = wanted.upper() in kinds.KNOWN or switches.unknown_type == "accept"
        spelt = case == "any" or wanted == getattr(wanted, case)()
        if known and not spelt and switches.type_filter_mismatch == "empty":
            return True
        if not known or not spelt:
            raise invalid({"type": "not a known integration type" if not known else f"must be in {case} case"})
        return False

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
        return self._delete(instance_id)

    def delete_instance_short(self, instance_id: str) -> tuple[int, Any]:
        if self.tenant.behaviour.delete_path == "reference":
            raise gateway(404, "Not found")
        return self._delete(instance_id)

    def _delete(self, instance_id: str) -> tuple[int, Any]:
        self.tenant.state.delete(instance_id)
        status = self.tenant.behaviour.delete_status
        return status, None if status == 204 else {}

    def upload_sarif(self, collector_id: str) -> tuple[int, Any]:
        switches, state = self.tenant.behaviour, self.tenant.state
        size = len(request.get_data())
        if size > switches.upload_limit:
            raise appsec(switches.oversize_status, "PAYLOAD_TOO_LARGE", f"{size} bytes, the limit is {switches.upload_limit}")
        state.check_collector(collector_id)
        repository_id, repository_url = g.query.get("repository_id", ""), g.query.get("repository_url", "")
        if not (repository_id or repository_url):
            raise appsec(400, "VALIDATION_ERROR", "At least one of repository_id and repository_url is required")
        g.document = document = self._read_json()
        found = upload.problems(document)
        if found:
            raise appsec(400, "VALIDATION_ERROR", f"Not an acceptable SARIF document: {'; '.join(found)}")
        g.results = sum(1 for _result in upload.results_of(document))
        state.accept(collector_id, document, size, repository_id, repository_url, g.query.get("branch"))
        return switches.upload_status, {"status": "ACCEPTED"} if switches.upload_body == "status" else {}

    def list_repositories(self) -> tuple[int, Any]:
        tenant, switches = self.tenant, self.tenant.behaviour
        sources = {source.upper() for source in g.query.get("source", [])}
        text = g.query.get("search", "").lower()
        start = g.query.get("offset", 0) if switches.offset == "honoured" else 0
        size = min(g.query.get("limit", switches.repositories_page), LARGEST_PAGE)
        with tenant.state.lock:
            found = [
                dict(asset) for asset in tenant.state.repositories.values()
                if (not sources or asset["source"] in sources) and text in asset["fullRepositoryName"].lower()
            ]
        word = switches.list_envelope if switches.repositories_envelope == "as_list" else switches.repositories_envelope
        return 200, present.envelope(word, found[start:start + size])

    def get_repository(self, asset_id: str) -> tuple[int, Any]:
        with self.tenant.state.lock:
            if asset_id not in self.tenant.state.repositories:
                raise not_found()
            return 200, present.envelope(self.tenant.behaviour.item_envelope, dict(self.tenant.state.repositories[asset_id]))

    # -- after the operation

    @staticmethod
    def _reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
        g.body = body
        response = Response(b"" if body is None else dump(body), status=status, headers=dict(headers or {}))
        if body is None:
            del response.headers["Content-Type"]
        else:
            response.headers["Content-Type"] = JSON
        return response

    def _answer_problem(self, problem: Problem) -> Response:
        return self._reply(problem.status, problem.body, problem.headers)

    def _answer_routing(self, error: HTTPException) -> Response:
        short_path_only = isinstance(error, MethodNotAllowed) and error.valid_methods == ["DELETE"]
        if short_path_only and self.tenant.behaviour.delete_path == "reference":
            error = NotFound()
        return self._answer_problem(gateway(error.code or 500, error.name))

    def _answer_bug(self, error: Exception) -> Response:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}:{last.lineno}"
        self.tenant.violations.append(f"{request.method} {request.endpoint}: {type(error).__name__} at {where}")
        return self._answer_problem(gateway(500, f"The embedded tenant itself failed: {type(error).__name__}"))

    def _finish(self, response: Response) -> Response:
        """Hold the answer against the document, date it, and write it down."""
        if request.path.startswith(control.PREFIX):
            return response
        operation = self.contract.operations.get(request.endpoint or "")
        if operation is not None and response.status_code != 500:
            fault = operation.response_fault(response.status_code, g.body, empty=g.body is None)
            if fault is not None:
                self.tenant.violations.append(fault)
                response = self._answer_problem(gateway(500, f"The embedded tenant broke its own document: {fault}"))
        response.headers["Date"] = formatdate(self.tenant.clock_now(), usegmt=True)
        self._record(response.status_code)
        return response

    def _record(self, status: int) -> None:
        tenant = self.tenant
        document = self._parsed_body()
        redactor = Redactor([*tenant.secrets(), *sent_secrets(document)])
        sent = request.args.to_dict(flat=False)
        query = {redactor.text(name): redactor.tree(values if len(values) > 1 else values[0], name) for name, values in sent.items()}
        entry = Entry(
            at=tenant.state.now(), method=request.method, path=redactor.text(request.path.replace(SLASH, "/")), query=query,
            auth=tenant.authenticator.presented(request.headers), status=status,
            request_body=self._journalled(document, redactor), response_body=redactor.tree(g.body),
        )
        tenant.record(entry, attempt=g.attempt)

    @staticmethod
    def _parsed_body() -> Any:
        if "document" in g:
            return g.document
        try:
            return load(request.get_data()) if request.get_data() else None
        except (ValueError, RecursionError):
            return None

    @staticmethod
    def _journalled(document: Any, redactor: Redactor) -> Any:
        raw = request.get_data()
        if document is None:
            return {"unreadable": len(raw)} if raw else None
        if request.endpoint == "upload_sarif":
            return {"sarif": {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest(), "results": g.get("results")}}
        return redactor.request(document)
