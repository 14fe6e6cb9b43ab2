# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenant's rules for a SARIF document, and its response to one."""
from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from .problem import Problem
from .switches import Switches

SEVERITY = {"error": "HIGH", "warning": "MEDIUM", "note": "LOW", "none": "INFO"}
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
REPORTED = 5


class AcceptedResult(dict[str, Any]):
    """A SARIF result exactly as it was sent; the attributes are what the tenant derives from it and its upload."""

    severity: str
    tool: str
    collector_id: str
    repository: str
    branch: str | None


@dataclass(frozen=True)
class Upload:
    """An accepted document. `repository` is the asset id, or the URL if the tenant has no asset for it; `at` is ISO 8601."""

    collector_id: str
    repository: str
    branch: str | None
    document: dict[str, Any]
    results: list[AcceptedResult]
    at: str
    bytes: int


def ingested(results: int, ingestion: str) -> int:
    """How many of the results are ingested, as the switch `ingestion` says: all, or all but the last."""
    return results if ingestion == "all" else max(results - 1, 0)


def accepted_body(results: int, switches: Switches) -> dict[str, str]:
    """The response to an accepted upload of this number of results."""
    if switches.upload_body != "published":
        return {"status": "ACCEPTED"} if switches.upload_body == "status" else {}
    taken = ingested(results, switches.ingestion)
    partial = switches.ingestion == "some" and taken < results
    word = "PARTIALLY_VALID" if partial else "INGESTED"
    return {"status": word, "message": f"The document was received, {taken} findings will be ingested"}


def refused(status: int, code: str, text: str, switches: Switches, word: str = "INVALID") -> Problem:
    """The error for an upload that is refused because of its document or parameters. A published 400 also has a `status`."""
    body = {"errorCode": code, "message": text}
    return Problem(status, {**body, "status": word} if status == 400 and switches.upload_body == "published" else body)


# What a proxy or a gateway that requires a login sends instead of the response.
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>User name</form></body></html>"


def problems(document: Any) -> list[str]:
    """The first problems of a document, each as `JSON path: what is wrong`."""
    return list(itertools.islice(_problems(document), REPORTED))


def results_of(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(tool name, result) for every result of an acceptable document."""
    for run in document["runs"]:
        for result in run.get("results") or []:
            yield run["tool"]["driver"]["name"], result


def _problems(document: Any) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "$: not a JSON object"
        return
    if document.get("version") != "2.1.0":
        yield "$.version: must be exactly \"2.1.0\""
    runs = document.get("runs")
    if not isinstance(runs, list) or not runs:
        yield "$.runs: must be an array with at least one run"
        return
    for index, run in enumerate(runs):
        yield from _run_problems(run, f"$.runs[{index}]")


def _run_problems(run: Any, where: str) -> Iterator[str]:
    tool = run.get("tool") if isinstance(run, dict) else None
    driver = tool.get("driver") if isinstance(tool, dict) else None
    if not isinstance(tool, dict) or not isinstance(driver, dict) or not _text(driver.get("name")):
        yield f"{where}.tool.driver.name: required"
        return
    components = [("driver", driver), *((f"extensions[{number}]", entry) for number, entry in enumerate(_list(tool.get("extensions"))))]
    rules: set[str] = set()
    for path, component in components:
        for number, rule in enumerate(_list(component.get("rules")) if isinstance(component, dict) else []):
            if isinstance(rule, dict) and _text(rule.get("id")):
                rules.add(rule["id"])
            else:
                yield f"{where}.tool.{path}.rules[{number}].id: required"
    if not rules:
        yield f"{where}.tool.driver.rules: at least one rule with an id, here or in an extension"
    results = run.get("results")
    if results is not None and not isinstance(results, list):
        yield f"{where}.results: must be an array"
        return
    for index, result in enumerate(results or []):
        yield from _result_problems(result, rules, f"{where}.results[{index}]")


def _result_problems(result: Any, rules: set[str], where: str) -> Iterator[str]:
    if not isinstance(result, dict):
        yield f"{where}: not an object"
        return
    rule = result.get("ruleId")
    if not _text(rule):
        yield f"{where}.ruleId: required"
    elif rule not in rules:
        yield f"{where}.ruleId: no rule with this id is defined"
    message = result.get("message")
    if not isinstance(message, dict) or not _text(message.get("text")):
        yield f"{where}.message.text: required"
    if "level" in result and (not isinstance(result["level"], str) or result["level"] not in SEVERITY):
        yield f"{where}.level: must be one of {', '.join(SEVERITY)}"
    locations = result.get("locations")
    if not isinstance(locations, list) or not locations:
        yield f"{where}.locations: at least one location"
        return
    for index, location in enumerate(locations):
        yield from _location_problems(location, f"{where}.locations[{index}].physicalLocation")


def _location_problems(location: Any, where: str) -> Iterator[str]:
    physical = location.get("physicalLocation") if isinstance(location, dict) else None
    physical = physical if isinstance(physical, dict) else {}
    artifact, region = physical.get("artifactLocation"), physical.get("region")
    uri = artifact.get("uri") if isinstance(artifact, dict) else None
    if not isinstance(uri, str) or not uri:
        yield f"{where}.artifactLocation.uri: required"
    elif fault := _path_fault(uri):
        yield f"{where}.artifactLocation.uri: {fault}"
    line = region.get("startLine") if isinstance(region, dict) else None
    if not isinstance(line, int) or isinstance(line, bool) or line < 1:
        yield f"{where}.region.startLine: required, 1 or more"


def _path_fault(uri: str) -> str | None:
    if "\\" in uri:
        return "has a backslash; must be relative to the repository root with forward slashes"
    if uri.startswith("/"):
        return "is absolute; must be relative to the repository root"
    if SCHEME.match(uri):
        return "has a scheme or a drive; must be relative to the repository root"
    if ".." in unquote(uri).split("/"):
        return "leaves the repository with '..'"
    return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
