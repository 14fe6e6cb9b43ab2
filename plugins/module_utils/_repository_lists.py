# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories as users give them: in lists, in files, as URLs. Reads files.

Private to the collection, floor 3.
"""

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

# Columns that name a repository in the platforms' exports, in any spelling: "Path with namespace" is
# path_with_namespace. Full names come before short ones, and URLs of pages before those that may be an API's.
PATHS = ("repository", "full_name", "path_with_namespace", "nameWithOwner")
URLS = ("web_url", "html_url", "remote_url", "repository_url", "http_url_to_repo", "url")
_OF_AN_API = re.compile(r"https?://(api\.|[^/]+/(api/|.*/_apis/))", re.IGNORECASE)
# Maximum number of columns that a message lists.
SHOWN = 20


def columns_of(urls: bool) -> tuple[str, ...]:
    """The columns that name a repository, in the order of preference."""
    return (*URLS, *PATHS, "name") if urls else (*PATHS, *URLS, "name")


def read_names(
    names: t.Sequence[t.Any] | str, where: str, urls: bool = False
) -> tuple[list[str], bytes | None]:
    """The repositories of a list or a file, in its order, with duplicates; and the content of the file, if it
    is one.

    names: the list, or the path of a file, relative to the working directory.
    where: the option, for error messages.
    urls: if a table or an entry has both, use the URL, which includes the host, instead of the path.
    Raises InputError that names the option and the file.
    """
    if not isinstance(names, str):
        return names_of(names, where, urls) if names else [], None
    path = os.path.abspath(os.path.expanduser(names))
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as exc:
        raise InputError(
            f"{where} {names} cannot be read: {exc.strerror} (looked for {path} on the host that reads it)."
        ) from None
    return names_in(content, path, f"{where} {names}", urls), content


def names_in(content: bytes, path: str, where: str, urls: bool = False) -> list[str]:
    """The repositories that a file names, in its order, with duplicates.

    The extension of path decides: .json and .yml contain a list (of names, or of entries with one of the
    columns) or a dictionary with only such a list; .csv a table with commas, semicolons or tabs; any other
    file one repository per line.
    where: the file, for error messages.
    Raises InputError.
    """
    kind = os.path.splitext(path)[1].lower()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{where} is not UTF-8 text. Save it as UTF-8.") from None
    try:
        if kind == ".csv":
            entries: t.Any = _column(text, where, urls)
        elif kind == ".json":
            entries = parsed(text)
        elif kind in (".yml", ".yaml"):
            entries = _yaml(text, where)
        else:
            entries = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    except (ValueError, RecursionError, csv.Error):
        raise InputError(f"{where} is not valid {kind[1:].upper()}.") from None
    if isinstance(entries, dict) and len(entries) == 1:
        entries = next(iter(entries.values()))
    if not isinstance(entries, list):
        raise InputError(f"{where} must contain a list of repositories.")
    return names_of(entries, where, urls)


def names_of(entries: t.Iterable[t.Any], where: str, urls: bool = False) -> list[str]:
    """The repositories that the entries name, without empty ones. Raises InputError for a bad entry, or if
    there is no repository.
    """
    names = []
    # Index of each entry that has only a short name.
    short: dict[str, int] = {}
    for index, entry in enumerate(entries):
        name = _name_in(entry, urls) if isinstance(entry, dict) else entry
        if not isinstance(name, str):
            raise InputError(
                f"{where}[{index}] is not a repository: give a string, or an entry with one of "
                f"{', '.join(columns_of(urls))}."
            )
        if isinstance(entry, dict) and "/" not in name and short.setdefault(name.strip(), index) != index:
            raise InputError(
                f"{where}[{index}] and [{short[name.strip()]}] are both named {name.strip()}, and nothing "
                "distinguishes them: give the group or project too, in a column such as full_name."
            )
        if name.strip():
            refuse_password(name, f"{where}[{index}]")
            names.append(name.strip())
    if not names:
        raise InputError(f"{where} names no repository.")
    return names


def _same(column: t.Any) -> str:
    """A column's name for comparison: case, blanks, underscores and hyphens do not matter."""
    return re.sub(r"[\s_-]+", "", str(column)).lower()


def _name_in(entry: dict[str, t.Any], urls: bool) -> t.Any:
    """The name in an entry; entries of Bitbucket Data Center have a project and a slug."""
    values = {_same(name): value for name, value in entry.items()}
    for column in columns_of(urls):
        if column == "name":
            project, slug = entry.get("project"), entry.get("slug")
            if isinstance(project, dict) and isinstance(project.get("key"), str) and isinstance(slug, str):
                return f"{project['key']}/{slug}"
        if value := _named(values.get(_same(column)), column, urls):
            return value
    return None


def _named(value: t.Any, column: str, urls: bool) -> t.Any:
    """The name in a column: a URL if these are preferred, else the path in the URL of a web page; empty for
    the URL of an API, whose path does not name a repository.
    """
    if not isinstance(value, str) or column not in URLS:
        return value
    if _OF_AN_API.match(value):
        return ""
    if not urls and column != "url":
        with contextlib.suppress(ValueError):
            return repository_of(value).path
    return value


def _yaml(text: str, where: str) -> t.Any:
    try:
        # Imported here, since it loads slowly and is only needed for lists in YAML.
        import yaml
    except ImportError:
        raise InputError(
            f"{where}: the Python that reads it has no PyYAML. Write JSON, or one repository on each line."
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise ValueError(str(exc)) from None


def _column(text: str, where: str, urls: bool) -> list[str]:
    """The column of the repositories; without a header the first column, if it begins with a path.

    Raises InputError for a table with other column names: its header would count as a repository.
    """
    first = text.partition("\n")[0]
    delimiter = next((sign for sign in ",;\t" if sign in first), ",")
    table = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    rows = [row for row in table if any(row)]
    header = [_same(cell) for cell in rows[0]] if rows else []
    for column in columns_of(urls):
        if _same(column) in header:
            at = header.index(_same(column))
            return [_named(row[at], column, urls) for row in rows[1:] if len(row) > at]
    if rows and "/" not in rows[0][0]:
        shown = ", ".join(cell.strip()[:40] for cell in rows[0][:SHOWN])
        raise InputError(
            f"{where} has no column that names repositories. Its columns: {shown}. One of these is needed: "
            f"{', '.join(columns_of(urls))}."
        )
    return [row[0] for row in rows]


def refuse_password(address: str, what: str) -> None:
    """Raise InputError, which does not repeat it, for an address such as name:token@host/..., whose token
    would count as a path. With a scheme it is a URL, whose user and password are never shown.
    """
    first = re.split(r"[/\s]", address.lstrip(), maxsplit=1)[0]
    if "://" not in address and ":" in first.rpartition("@")[0]:
        raise InputError(
            f"{what} seems to contain a password or a token in front of an @, which would be sent and shown. "
            "Give it as https://host/organization/repository, and renew that token if others could read it."
        )
