# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, the candidates of scope_rules, from the list or the file that the item gives. Reads files.
from __future__ import annotations

import csv
import io
import json
import os
import typing as t

from .._errors import InputError

try:
    import yaml

    NOT_YAML: type[Exception] = yaml.YAMLError
    HAS_YAML = True
except ImportError:  # the host of the module need not have it, as long as no candidates are in YAML
    NOT_YAML, HAS_YAML = ValueError, False

# The full name stands before the short one: exports of GitHub and GitLab have both.
COLUMNS = ("repository", "full_name", "path_with_namespace", "nameWithOwner", "name")


def read_candidates(given: t.Any) -> list[str]:
    """The candidates without doubles, in their order.

    given: a list, or the path of a file: C(.json) and C(.yml) hold a list, C(.csv) a table, any other a repository on each line. Raises
    InputError that names the file.
    """
    path = os.path.abspath(os.path.expanduser(given)) if isinstance(given, str) else ""
    where = f"scope_candidates {path}".rstrip()
    entries = _entries(where, path) if path else given
    found: dict[str, None] = {}
    for index, entry in enumerate(entries):
        name = _name(entry)
        if name is None:
            raise InputError(f"{where}[{index}] is no repository: a text is needed, or an entry with one of {', '.join(COLUMNS)}.")
        if name:
            found[name] = None
    if not found:
        raise InputError(f"{where} names no repository, so the rules would decide on nothing.")
    return list(found)


def _name(entry: t.Any) -> str | None:
    if isinstance(entry, dict):
        entry = next((entry[column] for column in COLUMNS if entry.get(column)), None)
    return entry.strip() if isinstance(entry, str) else None


def _entries(where: str, path: str) -> list[t.Any]:
    kind = os.path.splitext(path)[1].lower()
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except OSError as exc:
        raise InputError(f"{where} cannot be read on the host of the module ({exc.strerror}).") from None
    except UnicodeDecodeError:
        raise InputError(f"{where} is not UTF-8 text. Save it as UTF-8.") from None
    try:
        if kind == ".csv":
            return _column(list(csv.reader(io.StringIO(text), strict=True)))
        if kind == ".json":
            entries = json.loads(text)
        elif kind in (".yml", ".yaml"):
            if not HAS_YAML:
                raise InputError(f"{where}: the Python that runs the module has no PyYAML. Write JSON, or one repository on each line.")
            entries = yaml.safe_load(text)
        else:
            return [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    except (ValueError, RecursionError, csv.Error, NOT_YAML):
        raise InputError(f"{where} is no valid {kind[1:].upper()}.") from None
    if not isinstance(entries, list):
        raise InputError(f"{where} must hold a list of repositories.")
    return entries


def _column(rows: list[list[str]]) -> list[str]:
    """The column of the repositories; without a header of ours the first one."""
    rows = [row for row in rows if row]
    header = [cell.strip() for cell in rows[0]] if rows else []
    known = [header.index(column) for column in COLUMNS if column in header]
    if not known:
        return [row[0] for row in rows]
    return [row[known[0]] if known[0] < len(row) else "" for row in rows[1:]]
