# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""openapi.yaml as a set of validators, compiled once per process: as published, and with the older readings.

In the document, `x-older: true` marks a response that only the older readings have. `x-older: {...}` beside a `schema` is the schema that
replaces it there; a reference leads to older.yaml.

Bodies are validated with jsonschema-rs against the document's own schemas, because openapi-core is too slow for long lists: figures in
docs/embedded_tenant.md.
"""
from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

JSON = "application/json"


@dataclass(frozen=True)
class Parameter:
    name: str
    repeated: bool
    integer: bool
    validator: jsonschema_rs.Draft202012Validator


@dataclass(frozen=True)
class Operation:
    """One operation of the document. `responses` maps a status to the validator of its body, or to None if it has no body."""

    id: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: jsonschema_rs.Draft202012Validator | None
    responses: Mapping[int, jsonschema_rs.Draft202012Validator | None]
    may_be_empty: frozenset[int]

    def query(self, sent: Mapping[str, list[str]]) -> tuple[dict[str, Any], dict[str, str]]:
        """The documented parameters as values, and the faults by name. Undocumented parameters are ignored."""
        values: dict[str, Any] = {}
        faults: dict[str, str] = {}
        for parameter in self.parameters:
            texts = sent.get(parameter.name)
            if not texts:
                continue
            value: Any = texts if parameter.repeated else texts[-1]
            if parameter.integer:
                digits = texts[-1].removeprefix("-")
                value = int(texts[-1]) if digits.isascii() and digits.isdigit() and len(digits) < 16 else texts[-1]
            for error in parameter.validator.iter_errors(value):
                faults[parameter.name] = describe(error)[1]
            values[parameter.name] = value
        return values, faults

    def body_faults(self, body: Any) -> dict[str, str]:
        """Faults of a request body: field path (`requestBody.domain.protocol`) -> what is wrong, without the value."""
        if self.body is None:
            return {}
        faults: dict[str, str] = {}
        for error in self.body.iter_errors(body):
            suffix, message = describe(error)
            for name in suffix or [""]:
                path = [*map(str, error.instance_path), *([name] if name else [])]
                faults[".".join(["requestBody", *path])] = message
        return faults

    def response_fault(self, status: int, body: Any, empty: bool) -> str | None:
        """What is wrong with a response to this operation, or None."""
        if status not in self.responses:
            return f"{self.id}: status {status} is not documented"
        validator = self.responses[status]
        if empty:
            return None if validator is None or status in self.may_be_empty else f"{self.id}: {status} without a body"
        if validator is None:
            return f"{self.id}: {status} with a body"
        error = next(iter(validator.iter_errors(body)), None)
        if error is None:
            return None
        return f"{self.id}: {status}: {'/'.join(map(str, error.instance_path)) or 'the body'}: {describe(error)[1]}"


def describe(error: jsonschema_rs.ValidationError) -> tuple[list[str], str]:
    """The names of the faulty properties below the error's path, and a message. It quotes no value, which may be a secret."""
    kind: Any = error.kind
    name = str(error.schema_path[-1])
    if name in ("additionalProperties", "unevaluatedProperties"):
        return list(kind.unexpected), "an excess property and therefore not allowed"
    if name == "required":
        return [kind.property], "required"
    if name == "type":
        return [], f"invalid value: expected {' or '.join(kind.types)}"
    if name == "enum":
        options = json.loads(kind.options) if isinstance(kind.options, str) else kind.options
        return [], f"should be one of {options}"
    if name == "pattern":
        return [], f"does not match {kind.pattern}"
    return [], f"breaks the rule {name}"


def variant(node: Any, older: bool) -> Any:
    """A part of the document, without its older readings or with them in place of the published ones."""
    if isinstance(node, list):
        return [variant(entry, older) for entry in node]
    if not isinstance(node, dict):
        return node
    kept = {name: entry for name, entry in node.items() if older or not (isinstance(entry, dict) and entry.get("x-older") is True)}
    other = kept.pop("x-older", True)
    if older and other is not True:
        kept["schema"] = other
    return {name: variant(entry, older) for name, entry in kept.items()}


class Contract:
    """The document, its operations by id, and the validator of the gateway's errors."""

    def __init__(self, document: dict[str, Any], older: bool) -> None:
        self.document, self._older = document, older
        self.operations: dict[str, Operation] = {}
        for path, item in document["paths"].items():
            for method in ("get", "post", "put", "delete"):
                if method in item:
                    operation = self._operation(path, method, item[method], item.get("parameters", []))
                    self.operations[operation.id] = operation
        self.gateway_error = self._validator({"$ref": "#/components/schemas/GatewayError"})

    def _operation(self, path: str, method: str, raw: dict[str, Any], shared: Iterable[dict[str, Any]]) -> Operation:
        parameters = [self._resolve(entry) for entry in (*shared, *raw.get("parameters", []))]
        responses, may_be_empty = {}, set()
        for status, entry in raw["responses"].items():
            response = self._resolve(entry)
            content = response.get("content")
            responses[int(status)] = self._validator(content[JSON]["schema"]) if content else None
            if response.get("x-may-be-empty") is True or (response.get("x-may-be-empty") == "older" and self._older):
                may_be_empty.add(int(status))
        body = raw.get("requestBody", {})
        return Operation(
            id=raw["operationId"], method=method.upper(), path=path,
            parameters=tuple(self._parameter(entry) for entry in parameters if entry["in"] == "query"),
            body=self._validator(body["content"][JSON]["schema"]) if body.get("required") else None,
            responses=responses, may_be_empty=frozenset(may_be_empty),
        )

    def _parameter(self, raw: dict[str, Any]) -> Parameter:
        schema = raw["schema"]
        return Parameter(raw["name"], schema["type"] == "array", schema["type"] == "integer", self._validator(schema))

    def _resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def _validator(self, schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator({**schema, "components": {"schemas": self.document["components"]["schemas"]}})


def read(name: str) -> Any:
    """A YAML file beside this one."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(Path(__file__).with_name(name).read_text(encoding="utf-8"), Loader=loader)


@functools.cache
def contract(older: bool = False) -> Contract:
    """The document as published, or with the older readings."""
    document = variant(read("openapi.yaml"), older)
    if older:
        document["components"]["schemas"].update(read("older.yaml"))
    return Contract(document, older)
