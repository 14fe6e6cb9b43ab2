# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a controller's REST API that the modules of awx.awx use: lists with filters, objects, associations, surveys, approval nodes.

It stores what it receives. A project is updated when it is created and on request; until an update has succeeded, its job templates are
refused. What else AWX would refuse, the tests check in what was stored.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

Object = dict[str, Any]
V2 = "/api/v2/"
SPECIAL = {
    "workflow_job_template_nodes": ("success_nodes", "always_nodes", "failure_nodes"),
    "job_templates": ("credentials", "instance_groups"),
    "instance_groups": ("instances",),
    "projects": ("update",),
}


class Quiet(WSGIRequestHandler):
    def log(self, *_args: object) -> None:
        """Nothing: the output of the test is enough."""


def page(results: list[Object]) -> Response:
    return jsonify({"count": len(results), "next": None, "results": results})


class Controller:
    """A context manager. `kept[endpoint]` are the objects by id, `writes` the requests that changed something.

    broken: whether updates of projects fail.
    superuser: whether the user is allowed to create instance groups.
    """

    def __init__(self) -> None:
        self.kept: dict[str, dict[int, Object]] = defaultdict(dict)
        self.links: dict[str, list[int]] = defaultdict(list)
        self.surveys: dict[int, Object] = {}
        self.writes: list[str] = []
        self.tokens: set[str] = set()
        self.broken, self.superuser = False, True
        self._next = 0
        self.add("organizations", {"name": "Default"})
        self.add("instances", {"hostname": "node-1.example.com"})
        self._app = Flask("controller")
        self._app.add_url_rule("/api/v2/<path:path>", view_func=self.answer, methods=["GET", "POST", "PATCH", "DELETE"])

    def __enter__(self) -> Controller:
        self._server = make_server("127.0.0.1", 0, self._app, threaded=True, request_handler=Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_rest: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def named(self, endpoint: str) -> dict[str, Object]:
        return {str(each.get("name") or each["identifier"]): each for each in self.kept[endpoint].values()}

    def add(self, endpoint: str, fields: Object) -> Object:
        self._next += 1
        url = f"{V2}{endpoint}/{self._next}/"
        related = {name: f"{url}{name}/" for name in ("survey_spec", *SPECIAL.get(endpoint, ()))}
        if "kind" in fields:
            fields = {**fields, "kind": fields["kind"] or ""}
        self.kept[endpoint][self._next] = {"type": endpoint[:-1], "scm_revision": "", **fields, "id": self._next, "url": url,
                                           "related": related, "summary_fields": {}}  # fmt: skip
        return self.kept[endpoint][self._next]

    def updated(self, project: Object) -> Object:
        """Update a project. Returns the update, which has finished already."""
        project["scm_revision"] = project["scm_revision"] if self.broken else "c0ffee1"
        status = {"status": "failed" if self.broken else "successful", "failed": self.broken, "finished": "2026-01-01T00:00:00Z"}
        return self.add("project_updates", {"name": project["name"], **status, "scm_revision": project["scm_revision"]})

    def listed(self, endpoint: str) -> list[Object]:
        """The objects of an endpoint that match the query."""
        endpoints = ["job_templates", "workflow_job_templates"] if endpoint == "unified_job_templates" else [endpoint]
        objects = [each for name in endpoints for each in self.kept[name].values()]
        return [each for each in objects if all(str(each.get(key)) == value for key, value in request.args.items())]

    def answer(self, path: str) -> Response | tuple[Any, int]:
        self.tokens.add(request.headers.get("Authorization", ""))
        endpoint, *rest = path.strip("/").split("/")
        fields: Object = request.get_json(silent=True) or {}
        if request.method != "GET":
            self.writes.append(f"{request.method} {path}")
        if not rest:
            if request.method == "POST":
                if endpoint == "instance_groups" and not self.superuser:
                    return jsonify({"detail": "You do not have permission to perform this action."}), 403
                if endpoint == "job_templates" and not self.kept["projects"][fields["project"]]["scm_revision"]:
                    return jsonify({"playbook": ["Playbook not found for project."]}), 400
                made = self.add(endpoint, fields)
                running = {"current_update": {"id": self.updated(made)["id"]}} if endpoint == "projects" else {}
                return jsonify({**made, "summary_fields": running}), 201
            return page(self.listed(endpoint))
        one = self.kept[endpoint][int(rest[0])]
        if rest[1:] == ["survey_spec"]:
            if request.method == "POST":
                self.surveys[one["id"]] = fields
            return jsonify(self.surveys.get(one["id"], {}))
        if rest[1:] == ["update"]:
            return jsonify(self.updated(one)), 202
        if rest[1:] == ["create_approval_template"]:
            approval = self.add("workflow_approval_templates", {key: fields[key] for key in ("name", "description", "timeout")})
            one["unified_job_template"] = approval["id"]
            one["related"]["unified_job_template"] = approval["url"]
            return jsonify(approval), 201
        if rest[1:]:
            return self.associate(path, fields)
        if request.method == "PATCH":
            one.update(fields)
        return jsonify(one)

    def associate(self, path: str, fields: Object) -> Response | tuple[Any, int]:
        if request.method == "GET":
            return page([{"id": number} for number in self.links[path]])
        self.links[path].append(fields["id"])
        return "", 204
