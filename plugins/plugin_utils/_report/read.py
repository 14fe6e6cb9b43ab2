# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the files of an audit on the controller. Paths are relative to the folder where it was started.

Private to the collection, floor 4.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from typing import Any

import yaml

from ...module_utils._admitted import parsed
from ...module_utils._audit.report import baseline_fault, point_of
from ...module_utils._errors import InputError
from ...module_utils._repository_lists import read_names

MOST_BYTES_OF_A_RECEIPT = 1_000_000
# A report about 100,000 repositories has 60 MB.
MOST_BYTES_OF_A_REPORT = 200_000_000
# Maximum number of earlier reports read from a folder: one a month for three years.
MOST_POINTS = 36


def absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _content(path: str, variable: str) -> bytes:
    try:
        with open(absolute(path), "rb") as file:
            return file.read()
    except OSError as exc:
        looked = f"(looked for {absolute(path)})"
        raise InputError(f"{variable} {path} cannot be read: {exc.strerror} {looked}.") from None


def origin_of(path: str, count: int, variable: str) -> dict[str, Any]:
    """The entry of a file among the inputs of a report. Raises InputError if it cannot be read.

    count: its number of entries. variable: the name of the option that names the file.
    """
    return _origin(path, _content(path, variable), count)


def _origin(path: str, content: bytes, count: int) -> dict[str, Any]:
    """The entry of a file among the inputs, which makes it possible to check later that it is the same."""
    return {"file": path, "sha256": hashlib.sha256(content).hexdigest(), "entries": count}


class _Loader(yaml.SafeLoader):
    """Leaves an impossible date as text, so that the error about it can name its entry and line."""

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError:
            return node.value


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def _list_of(content: bytes, path: str, variable: str) -> tuple[list[Any], list[int]]:
    """The list in a YAML or JSON file, or the only value of a dictionary there, and the line of each entry.

    Raises InputError.
    """
    try:
        loader = _Loader(content)  # JSON is read as YAML too
        node = loader.get_single_node()
        entries = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise InputError(f"{variable} {path} is neither YAML nor JSON{where}.") from None
    if isinstance(entries, dict) and isinstance(node, yaml.MappingNode) and len(entries) == 1:
        entries, node = next(iter(entries.values())), node.value[0][1]
    if entries is None:
        return [], []
    if not isinstance(entries, list) or not isinstance(node, yaml.SequenceNode):
        raise InputError(f"{variable} {path} does not hold a list.")
    return entries, [each.start_mark.line + 1 for each in node.value]


def read_repositories(given: Any) -> tuple[list[str], dict[str, Any]]:
    """The names or URLs in a list or file (CSV, JSON, YAML, one per line), and its entry among the inputs.

    Raises InputError.
    """
    source = given if isinstance(given, (list, tuple)) else str(given)
    names, content = read_names(source, "audit_repositories", urls=True)
    if content is None:
        return names, {"given": "in the variables", "entries": len(names)}
    return names, _origin(str(given), content, len(names))


def read_exceptions(given: Any) -> tuple[list[Any], list[int], dict[str, Any]]:
    """The exceptions in a list or a YAML file, the line of each in the file, and its entry among the inputs.

    Raises InputError.
    """
    if isinstance(given, (list, tuple)):
        return list(given), [], {"given": "in the variables", "entries": len(given)}
    path, variable = str(given), "audit_exceptions"
    content = _content(path, variable)
    entries, lines = _list_of(content, path, variable)
    return entries, lines, _origin(path, content, len(entries))


def read_receipts(folder: str) -> tuple[list[dict[str, Any]], list[tuple[str, str]], dict[str, Any]]:
    """The receipts in a folder and its sub-folders, each with its path as `file`; (path, reason) of each file
    that is not one; and the folder's entry among the inputs.

    Raises InputError.
    """
    top = absolute(folder)
    if not os.path.isdir(top):
        raise InputError(
            f"audit_receipts_dir {folder} is not a folder (looked for {top}): without receipts no upload can "
            "be shown. Give the folder that receipt_dir names where reports are uploaded, or leave "
            "audit_receipts_dir out."
        )
    receipts, unreadable, total = [], [], hashlib.sha256()

    def closed(exc: OSError) -> None:
        unreadable.append((os.path.relpath(exc.filename, top), f"it cannot be read: {exc.strerror}"))

    for where, folders, files in os.walk(top, onerror=closed):
        folders.sort()
        for name in sorted(files):
            if not name.endswith(".json") or name.startswith("."):
                continue
            path = os.path.join(where, name)
            shown = os.path.relpath(path, top)
            try:
                content, receipt = _receipt(path)
            except ValueError as exc:
                unreadable.append((shown, str(exc)))
                continue
            total.update(content)
            receipts.append({**receipt, "file": shown})
    return receipts, unreadable, {"folder": folder, "entries": len(receipts), "sha256": total.hexdigest()}


def _receipt(path: str) -> tuple[bytes, dict[str, Any]]:
    """A receipt as it is in its file, and parsed. Raises ValueError with the reason why it is not one."""
    if not os.path.isfile(path):  # reading a pipe would block
        raise ValueError("it is not a file")
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES_OF_A_RECEIPT + 1)
        receipt = parsed(content) if len(content) <= MOST_BYTES_OF_A_RECEIPT else None
    except OSError as exc:
        raise ValueError(f"it cannot be read: {exc.strerror}") from None
    except ValueError:
        receipt = None
    if not isinstance(receipt, dict):
        raise ValueError("it is not a receipt of an upload")
    return content, receipt


@dataclasses.dataclass
class Earlier:
    """The earlier reports of one tenant.

    baseline: the newest one; None if there is none.
    history: point_of() of each, oldest first.
    notes: remarks for the reader of the report.
    unreadable: (file, reason) of each that cannot be used.
    origin: the baseline's entry among the inputs; empty if there is none.
    """

    baseline: dict[str, Any] | None = None
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    unreadable: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    origin: dict[str, Any] = dataclasses.field(default_factory=dict)


def read_earlier(path: str, tenant: str, host_folder: str, before: str, own_folder: str) -> Earlier:
    """The earlier reports in a file, or in a folder as HOST/report.json and */HOST/report.json, such as
    evidence/2026-11/localhost/report.json.

    tenant: its host. Reports of other tenants in a folder are ignored.
    host_folder: the name of the host's folder.
    before: the time of this audit. Reports in a folder that are not older are ignored.
    own_folder: where this audit will write its own report, which is ignored too.
    """
    earlier, others, points = Earlier(), 0, []
    top = absolute(path)
    folder, own = os.path.isdir(top), os.path.join(own_folder, "report.json")
    try:
        places = _reports_in(top, host_folder) if folder else [top]
    except OSError as exc:
        earlier.unreadable.append((path, f"the baseline cannot be used: it cannot be read: {exc.strerror}"))
        return earlier
    for place in places:
        shown = os.path.join(path, os.path.relpath(place, top)) if folder else path
        if folder and place == own:
            continue
        if not os.path.exists(place):
            earlier.notes.append(
                f"The baseline {path} does not exist: changes are not shown. "
                "This is normal for the first audit."
            )
            return earlier
        content, digest, fault = _report(place)
        if folder and not fault and isinstance(content, dict) and str(content.get("tenant")) != tenant:
            others += 1
            continue
        fault = fault or baseline_fault(content, tenant)
        if fault:
            earlier.unreadable.append((shown, f"the baseline cannot be used: {fault}"))
        elif not folder or content["audited_at"] < before:
            when = content["audited_at"]
            points.append((when, shown, point_of(content)))
            if points[-1][:2] == max(point[:2] for point in points):
                earlier.baseline = content
                earlier.origin = {"file": shown, "sha256": digest, "audited_at": when}
    if points:
        earlier.history = [point for *_about, point in sorted(points, key=lambda one: one[:2])]
    elif folder and not earlier.unreadable:
        note = f"The folder {path} holds no earlier report of this tenant: changes are not shown. "
        note += "This is normal for the first audit."
        earlier.notes.append(note + (f" {others} of other tenants were ignored." if others else ""))
    return earlier


def _reports_in(folder: str, host_folder: str) -> list[str]:
    """The paths of the newest reports of a host, sorted by the names of their folders."""
    paths = [
        os.path.join(folder, name, host_folder, "report.json") for name in ["", *sorted(os.listdir(folder))]
    ]
    return [path for path in paths if os.path.isfile(path)][-MOST_POINTS:]


def _report(path: str) -> tuple[Any, str, str]:
    """The content of a report, its SHA-256, and an error if it cannot be read."""
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES_OF_A_REPORT + 1)
        if len(content) > MOST_BYTES_OF_A_REPORT:
            return None, "", f"it has more than {MOST_BYTES_OF_A_REPORT} bytes"
        return parsed(content), hashlib.sha256(content).hexdigest(), ""
    except OSError as exc:
        return None, "", f"it cannot be read: {exc.strerror}"
    except ValueError:
        return None, "", "it is not JSON"
