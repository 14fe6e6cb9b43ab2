# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PRIVATE to the collection: the files of an audit, read on the controller. Paths are relative to where it was started."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import yaml

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._admitted import parsed
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.report import baseline_fault
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_lists import read_names

MOST_BYTES_OF_A_RECEIPT = 1_000_000
Read = tuple[list[Any], dict[str, Any]]


def absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _content(path: str, variable: str) -> bytes:
    try:
        with open(absolute(path), "rb") as file:
            return file.read()
    except OSError as exc:
        raise InputError(f"{variable} {path} cannot be read: {exc.strerror} (looked for {absolute(path)}).") from None


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
    """The list in a YAML or JSON file, alone or as the one value of a dictionary, and the line of each entry. Raises InputError."""
    try:
        loader = _Loader(content)  # JSON is read as YAML too
        node = loader.get_single_node()
        entries = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise InputError(f"{variable} {path} is neither YAML nor JSON{where}.") from None
    if isinstance(entries, dict) and len(entries) == 1:
        entries, node = next(iter(entries.values())), node.value[0][1]
    if entries is None:
        return [], []
    if not isinstance(entries, list):
        raise InputError(f"{variable} {path} does not hold a list.")
    return entries, [each.start_mark.line + 1 for each in node.value]


def read_repositories(given: Any) -> Read:
    """The names or URLs of repositories, from a list or a file: CSV, JSON, YAML or one in each line. Raises InputError."""
    names, content = read_names(given if isinstance(given, (list, tuple)) else str(given), "audit_repositories", urls=True)
    return names, {"given": "in the variables", "entries": len(names)} if content is None else _origin(str(given), content, len(names))


def read_exceptions(given: Any) -> tuple[list[Any], list[int], dict[str, Any]]:
    """The entries of exceptions, from a list or a YAML file, and in the file the line of each. Raises InputError."""
    if isinstance(given, (list, tuple)):
        return list(given), [], {"given": "in the variables", "entries": len(given)}
    path = str(given)
    content = _content(path, "audit_exceptions")
    entries, lines = _list_of(content, path, "audit_exceptions")
    return entries, lines, _origin(path, content, len(entries))


def read_receipts(folder: str) -> tuple[list[dict[str, Any]], list[tuple[str, str]], dict[str, Any]]:
    """The receipts in a folder and its sub-folders, each with its C(file); those that are none, with why. Raises InputError."""
    top = absolute(folder)
    if not os.path.isdir(top):
        raise InputError(f"audit_receipts_dir {folder} is no folder (looked for {top}).")
    receipts, unreadable, total = [], [], hashlib.sha256()
    for where, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(files):
            if not name.endswith(".json") or name.startswith("."):
                continue
            path = os.path.join(where, name)
            shown = os.path.relpath(path, top)
            try:
                with open(path, "rb") as file:
                    content = file.read(MOST_BYTES_OF_A_RECEIPT + 1)
                receipt = parsed(content) if len(content) <= MOST_BYTES_OF_A_RECEIPT else None
            except OSError as exc:
                unreadable.append((shown, f"it cannot be read: {exc.strerror}"))
                continue
            except ValueError:
                receipt = None
            if not isinstance(receipt, dict):
                unreadable.append((shown, "it is no receipt of an upload"))
                continue
            total.update(content)
            receipts.append({**receipt, "file": shown})
    return receipts, unreadable, {"folder": folder, "entries": len(receipts), "sha256": total.hexdigest()}


def read_baseline(path: str, tenant: str, host_folder: str) -> tuple[dict[str, Any] | None, str, list[tuple[str, str]], dict[str, Any]]:
    """An earlier report: its content, what is to be said, what is unreadable, its origin. A folder stands for the host's report in it."""
    place = absolute(path)
    if os.path.isdir(place):
        path = os.path.join(path, host_folder, "report.json")
        place = absolute(path)
    if not os.path.exists(place):
        return None, f"The baseline {path} does not exist: changes are not shown. A first audit has none.", [], {}
    try:
        with open(place, "rb") as file:
            content = file.read()
        report = parsed(content)
    except OSError as exc:
        return None, "", [(path, f"the baseline cannot be read: {exc.strerror}")], {}
    except ValueError:
        return None, "", [(path, "the baseline is no JSON")], {}
    fault = baseline_fault(report, tenant)
    if fault:
        return None, "", [(path, f"the baseline cannot be used: {fault}")], {}
    return report, "", [], {"file": path, "sha256": hashlib.sha256(content).hexdigest(), "audited_at": report.get("audited_at")}
