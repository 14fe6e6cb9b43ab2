# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, repositories as users write them: in lists, in files, as URLs. Reads files.
from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import typing as t

from ._addresses import repository_of
from ._admitted import parsed
from ._errors import InputError

# The full name stands before the short one: exports of GitHub and GitLab have both.
COLUMNS = ("repository", "full_name", "path_with_namespace", "nameWithOwner", "url", "name")


def read_names(given: t.Sequence[t.Any] | str, where: str) -> tuple[list[str], bytes | None]:
    """The repositories that a list or a file names, in its order, doubles and all; and the content of the file, if it is one.

    given: the list, or the path of a file, relative to the working directory. where: the option, as an error calls it.
    Raises InputError that names the option and the file.
    """
    if not isinstance(given, str):
        return names_of(given, where) if given else [], None
    path = os.path.abspath(os.path.expanduser(given))
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as exc:
        raise InputError(
            f"{where} {given} cannot be read: {exc.strerror} (looked for {path} on the host that reads it)."
        ) from None
    return names_in(content, path, f"{where} {given}"), content


def names_in(content: bytes, path: str, where: str) -> list[str]:
    """The repositories that a file names, in its order, doubles and all.

    path tells what it is: C(.json) and C(.yml) hold a list (of names, or of entries with one of COLUMNS), or a dictionary with such a
    list alone; C(.csv) a table with commas or semicolons; any other a repository on each line. where: the file as an error calls it.
    Raises InputError.
    """
    kind = os.path.splitext(path)[1].lower()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{where} is not UTF-8 text. Save it as UTF-8.") from None
    try:
        if kind == ".csv":
            entries: t.Any = _column(text)
        elif kind == ".json":
            entries = parsed(text)
        elif kind in (".yml", ".yaml"):
            entries = _yaml(text, where)
        else:
            entries = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    except (ValueError, RecursionError, csv.Error):
        raise InputError(f"{where} is no valid {kind[1:].upper()}.") from None
    if isinstance(entries, dict) and len(entries) == 1:
        entries = next(iter(entries.values()))
    if not isinstance(entries, list):
        raise InputError(f"{where} must hold a list of repositories.")
    return names_of(entries, where)


def names_of(entries: t.Iterable[t.Any], where: str) -> list[str]:
    """The repositories that entries name, blank ones left out. Raises InputError that names the entry, or says that there is none."""
    found = []
    short: dict[str, int] = {}
    for index, entry in enumerate(entries):
        name = _name_in(entry) if isinstance(entry, dict) else entry
        if not isinstance(name, str):
            raise InputError(f"{where}[{index}] is no repository: a text is needed, or an entry with one of {', '.join(COLUMNS)}.")
        if isinstance(entry, dict) and "/" not in name and short.setdefault(name.strip(), index) != index:
            raise InputError(
                f"{where}[{index}] and [{short[name.strip()]}] are both called {name.strip()}, with nothing that tells them apart: "
                "give the group or project too, in a column such as full_name."
            )
        if name.strip():
            refuse_password(name, f"{where}[{index}]")
            found.append(name.strip())
    if not found:
        raise InputError(f"{where} names no repository.")
    return found


def _name_in(entry: dict[str, t.Any]) -> t.Any:
    """The name that an entry gives: as the platforms' own exports have it, the whole name before the last part alone.

    Azure DevOps (az repos list) gives the URL of the clone, Bitbucket Data Center a project and a slug.
    """
    for column in COLUMNS:
        if column == "name":
            for url in ("remoteUrl", "webUrl", "web_url", "html_url"):
                with contextlib.suppress(ValueError):
                    if isinstance(entry.get(url), str):
                        return repository_of(entry[url]).path
            project = entry.get("project")
            if isinstance(project, dict) and isinstance(project.get("key"), str) and isinstance(entry.get("slug"), str):
                return f"{project['key']}/{entry['slug']}"
        if entry.get(column):
            return entry[column]
    return None


def _yaml(text: str, where: str) -> t.Any:
    try:
        # Here, since it takes long to load, and the host of a module need not have it as long as no list is in YAML.
        import yaml
    except ImportError:
        raise InputError(f"{where}: the Python that reads it has no PyYAML. Write JSON, or one repository on each line.") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise ValueError(str(exc)) from None


def _column(text: str) -> list[str]:
    """The column of the repositories; without a header of ours every row is data, and the first column is meant."""
    first = text.partition("\n")[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter) if any(row)]
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    known = [header.index(column.lower()) for column in COLUMNS if column.lower() in header]
    if not known:
        return [row[0] for row in rows]
    return [row[known[0]] for row in rows[1:] if len(row) > known[0]]


def refuse_password(address: str, what: str) -> None:
    """Raise InputError, which does not repeat it, for an address such as name:token@host/..., whose token would be taken for a path.

    With a scheme in front it is a URL, whose user and password are left out wherever it is shown.
    """
    if "://" not in address and re.match(r"\s*[^/\s]*:[^/\s]*@", address):
        raise InputError(
            f"{what} seems to hold a password or a token in front of an @, which would be sent and shown. "
            "Give it as https://host/organization/repository, and renew that token if others could read it."
        )
