# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an audit, read on the controller. Paths are relative to where it was started.

Private to the collection, floor 4.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from typing import Any

import yaml

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._admitted import parsed
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.report import (
    baseline_fault,
    point_of,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_lists import read_names

MOST_BYTES_OF_A_RECEIPT = 1_000_000
# A report about 100,000 repositories has 60 MB.
MOST_BYTES_OF_A_REPORT = 200_000_000
# Of a folder of earlier reports so many are read: three years of months.
MOST_POINTS = 36
Read = tuple[list[Any], dict[str, Any]]


def absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _content(path: str, variable: str) -> bytes:
    try:
        with open(absolute(path), "rb") as file:
            return file.read()
    except OSError as exc:
        raise InputError(
            f"{variable} {path} cannot be read: {exc.strerror} (looked for {absolute(path)})."
        ) from None


def origin_of(path: str, count: int, variable: str) -> dict[str, Any]:
    """What the report says of a file that was read elsewhere. Raises InputError."""
    return _origin(path, _content(path, variable), count)


def _origin(path: str, content: bytes, count: int) -> dict[str, Any]:
    """What the report says of a file, so that it can be found again and proven to be the same."""
    return {"file": path, "sha256": hashlib.sha256(content).hexdigest(), "entries": count}


class _Loader(yaml.SafeLoader):
    """A date that no calendar has stays the text that it is: what it stands in is told, with its line."""

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError:
            return node.value


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def _list_of(content: bytes, path: str, variable: str) -> tuple[list[Any], list[int]]:
    """The list in a YAML or JSON file, alone or as the one value of a dictionary, and the line of each entry.
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


def read_repositories(given: Any) -> Read:
    """The names or URLs of repositories, from a list or a file: CSV, JSON, YAML or one in each line. Raises
    InputError.
    """
    names, content = read_names(
        given if isinstance(given, (list, tuple)) else str(given), "audit_repositories", urls=True
    )
    return names, {"given": "in the variables", "entries": len(names)} if content is None else _origin(
        str(given), content, len(names)
    )


def read_exceptions(given: Any) -> tuple[list[Any], list[int], dict[str, Any]]:
    """The entries of exceptions, from a list or a YAML file, and in the file the line of each. Raises
    InputError.
    """
    if isinstance(given, (list, tuple)):
        return list(given), [], {"given": "in the variables", "entries": len(given)}
    path = str(given)
    content = _content(path, "audit_exceptions")
    entries, lines = _list_of(content, path, "audit_exceptions")
    return entries, lines, _origin(path, content, len(entries))


def read_receipts(folder: str) -> tuple[list[dict[str, Any]], list[tuple[str, str]], dict[str, Any]]:
    """The receipts in a folder and its sub-folders, each with its C(file); those that are none, with why.
    Raises InputError.
    """
    top = absolute(folder)
    if not os.path.isdir(top):
        raise InputError(
            f"audit_receipts_dir {folder} is not a folder (looked for {top}): without receipts no upload can be shown. "
            "Give the folder that receipt_dir names where reports are uploaded, or leave audit_receipts_dir out."
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
                if not os.path.isfile(path):  # a pipe would be waited for
                    unreadable.append((shown, "it is no file"))
                    continue
                with open(path, "rb") as file:
                    content = file.read(MOST_BYTES_OF_A_RECEIPT + 1)
                receipt = parsed(content) if len(content) <= MOST_BYTES_OF_A_RECEIPT else None
            except OSError as exc:
                unreadable.append((shown, f"it cannot be read: {exc.strerror}"))
                continue
            except ValueError:
                receipt = None
            if not isinstance(receipt, dict):
                unreadable.append((shown, "it is not a receipt of an upload"))
                continue
            total.update(content)
            receipts.append({**receipt, "file": shown})
    return receipts, unreadable, {"folder": folder, "entries": len(receipts), "sha256": total.hexdigest()}


@dataclasses.dataclass
class Earlier:
    """Earlier reports of one tenant. baseline: the newest one. history: point_of of each, the oldest first.
    notes: what is to be said.

    unreadable: (file, why). origin: of the baseline, for the reader of the report.
    """

    baseline: dict[str, Any] | None = None
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    unreadable: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    origin: dict[str, Any] = dataclasses.field(default_factory=dict)


def read_earlier(path: str, tenant: str, host_folder: str, before: str, own_folder: str) -> Earlier:
    """The earlier reports in a file, or in a folder: HOST/report.json, and */HOST/report.json, as
    evidence/2026-11/localhost/report.json.

    Of a folder those count that were made before this audit (before: its time) and that are of this tenant;
    not the one in own_folder, which this audit is going to replace.
    """
    found, others, points = Earlier(), 0, []
    folder = os.path.isdir(absolute(path))
    own = os.path.join(own_folder, "report.json")
    try:
        places = _reports_in(absolute(path), host_folder) if folder else [absolute(path)]
    except OSError as exc:
        found.unreadable.append((path, f"the baseline cannot be used: it cannot be read: {exc.strerror}"))
        return found
    for place in places:
        shown = os.path.join(path, os.path.relpath(place, absolute(path))) if folder else path
        if folder and place == own:
            continue
        if not os.path.exists(place):
            found.notes.append(
                f"The baseline {path} does not exist: changes are not shown. This is normal for the first "
                "audit."
            )
            return found
        content, digest, fault = _report(place)
        if folder and not fault and isinstance(content, dict) and str(content.get("tenant")) != tenant:
            others += 1
            continue
        fault = fault or baseline_fault(content, tenant)
        if fault:
            found.unreadable.append((shown, f"the baseline cannot be used: {fault}"))
        elif not folder or content["audited_at"] < before:
            when = content["audited_at"]
            points.append((when, shown, point_of(content)))
            if points[-1][:2] == max(point[:2] for point in points):
                found.baseline = content
                found.origin = {"file": shown, "sha256": digest, "audited_at": when}
    if points:
        found.history = [point for *_about, point in sorted(points, key=lambda one: one[:2])]
    elif folder and not found.unreadable:
        said = (
            f"The folder {path} holds no earlier report of this tenant: changes are not shown. This is "
            "normal "
            "for the first audit."
        )
        found.notes.append(said + (f" {others} of other tenants were ignored." if others else ""))
    return found


def _reports_in(folder: str, host_folder: str) -> list[str]:
    """The newest by the names of their folders."""
    found = [os.path.join(folder, host_folder, "report.json")]
    found += [os.path.join(folder, name, host_folder, "report.json") for name in sorted(os.listdir(folder))]
    return [path for path in found if os.path.isfile(path)][-MOST_POINTS:]


def _report(path: str) -> tuple[Any, str, str]:
    """The content of a report, its SHA-256, and why there is none."""
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
