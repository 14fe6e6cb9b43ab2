# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a request through the tenant: the checks, the operation, the record in the journal.

The checks, in order: rate limit, read-only guard, authentication, licence, path and method, permissions, content type, JSON, fields,
the rules of the state.
"""
from __future__ import annotations

import hashlib
import json
import os
import traceback
from collections.abc import Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map

from . import control, kinds
from .auth import Refused
from .contract import JSON, Operation, contract
from .journal import Entry, Redactor, sent_secrets
from .operations import Operations, Page, load, read_json
from .problem import Problem, gateway, invalid
from .state import API

if TYPE_CHECKING:
    from .server import EmbeddedTenant

WRITES = ("POST", "PUT", "DELETE", "PATCH")
# generation -> the paths that its tenants do not have
ABSENT = {"current": f"{API}/integrations", "previous": f"{API}/data_source_instances"}
# Replaces an encoded slash in a path segment while routes are matched: an AWS CodeCommit id is a stack id and contains slashes.
SLASH = "\x1f"


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class Routes(Flask):
    """Reuses the compiled routes of the first tenant of a process: compiling them takes Flask 20 ms, and they are always the same."""

    compiled: Map | None = None

    def __init__(self) -> None:
        super().__init__("tenant", static_folder=None)
        self.url_map = Routes.compiled or self.url_map

    def add_url_rule(self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **options: Any) -> None:
        if self.url_map is Routes.compiled:
            self.view_functions[endpoint or view_func.__name__] = view_func
        else:
            super().add_url_rule(rule, endpoint, view_func, *args, **options)


class Application(Operations):
    """Processes the requests of one tenant, from the checks to the record in the journal."""

    def __init__(self, tenant: EmbeddedTenant) -> None:
        self.tenant = tenant
        self.flask = app = Routes()
        app.url_map.merge_slashes = False
        for operation in contract().operations.values():
            rule = operation.path.replace("{", "<").replace("}", ">")
            app.add_url_rule(rule, operation.id, self._view(operation.id), methods=[operation.method], provide_automatic_options=False,
                             strict_slashes=not rule.endswith("/"))
        app.before_request(self._gate)
        app.register_error_handler(Problem, self._on_problem)
        app.register_error_handler(HTTPException, self._on_routing_error)
        app.register_error_handler(Exception, self._on_failure)
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
        g.body, g.outside = None, False
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
        absent = ABSENT[switches.generation]
        if request.path == absent or request.path.startswith(f"{absent}/"):
            raise gateway(404, "Not Found")
        if request.routing_exception is not None:
            return
        uploads = request.endpoint == "upload_sarif"
        # In a published 403 of an upload, err_extra is a text.
        extra = "" if uploads and switches.upload_body == "published" else None
        if caller.collector_id is not None:
            if not uploads or self._argument("collectorId") != caller.collector_id:
                raise gateway(403, "Forbidden: a collector's token is valid for uploads to that collector only", extra=extra)
        elif write and not caller.may_write:
            raise gateway(403, "Forbidden: the role of this key has no edit permission", extra=extra)
        older = switches.requests == "older"
        # These switches allow what the published list of types would refuse.
        any_word = switches.type_filter_case != "hyphens" or switches.type_filter_mismatch == "empty" or switches.unknown_type == "accept"
        g.query, faults = self._operation(older or any_word).query(request.args.to_dict(flat=False))
        word = g.query.get("type_category")
        if word is not None and (word in kinds.CATEGORIES) != (switches.category_filter == "published"):
            faults["type_category"] = "not a value of this filter"
        operation = self._operation(older)
        if operation.body is not None and not uploads:
            g.document = read_json()
            faults.update(operation.body_faults(g.document))
        if faults:
            raise invalid(faults)

    @staticmethod
    def _operation(older: bool) -> Operation:
        return contract(older).operations[request.endpoint or ""]

    def _retry_after(self, wait: float) -> dict[str, str]:
        seconds = max(1, -int(-wait // 1))
        how = self.tenant.behaviour.retry_after
        if how == "none":
            return {}
        return {"Retry-After": str(seconds) if how == "seconds" else formatdate(self.tenant.clock_now() + seconds, usegmt=True)}

    @staticmethod
    def _argument(name: str) -> str:
        return str((request.view_args or {})[name]).replace(SLASH, "/")

    def _view(self, operation_id: str) -> Any:
        method = getattr(self, operation_id)

        def view(**arguments: str) -> Response:
            status, body = method(*[value.replace(SLASH, "/") for value in arguments.values()])
            return self._reply(status, body)

        return view

    # -- after the operation

    @staticmethod
    def _reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
        if isinstance(body, Page):
            return Response(body, status=status, content_type="text/html; charset=utf-8")
        g.body = body
        response = Response(b"" if body is None else dump(body), status=status, headers=dict(headers or {}))
        if body is None:
            del response.headers["Content-Type"]
        else:
            response.headers["Content-Type"] = JSON
        return response

    def _on_problem(self, problem: Problem) -> Response:
        return self._reply(problem.status, problem.body, problem.headers)

    def _on_routing_error(self, error: HTTPException) -> Response:
        short_path_only = isinstance(error, MethodNotAllowed) and error.valid_methods == ["DELETE"]
        if short_path_only and self.tenant.behaviour.delete_path == "reference":
            error = NotFound()
        return self._on_problem(gateway(error.code or 500, error.name))

    def _on_failure(self, error: Exception) -> Response:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}:{last.lineno}"
        self.tenant.violations.append(f"{request.method} {request.endpoint}: {type(error).__name__} at {where}")
        return self._on_problem(gateway(500, f"The embedded tenant itself failed: {type(error).__name__}"))

    def _finish(self, response: Response) -> Response:
        """Check the response against the document, add the date, and record it in the journal."""
        if request.path.startswith(control.PREFIX):
            return response
        operation = contract(self.tenant.behaviour.older).operations.get(request.endpoint or "")
        if operation is not None and response.status_code != 500 and not g.outside:
            fault = operation.response_fault(response.status_code, g.body, empty=g.body is None)
            if fault is not None:
                self.tenant.violations.append(fault)
                response = self._on_problem(gateway(500, f"The embedded tenant violated its own document: {fault}"))
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
