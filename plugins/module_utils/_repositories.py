# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, the repositories that the tenant knows. Reads only.
from __future__ import annotations

import re
import typing as t

from ._addresses import repository_of
from ._api import Api, Raw
from ._errors import InputError

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_URLS = ("url", "repositoryUrl", "repository_url")


def fetch_repositories(
    api: Api, *, repository_id: str | None, search: str | None, url: str | None, source: str | None
) -> tuple[list[dict[str, t.Any]], bool]:
    """The repositories that pass every filter given, with snake_case keys, sorted by owner and name; and whether the list is whole.

    Raises InputError for an id that does not exist.
    """
    whole = True
    if repository_id:
        one = api.get_repository(repository_id)
        if one is None:
            raise InputError(f"there is no repository with id {repository_id} in this tenant.")
        found = [one]
    else:
        found, whole = api.list_repositories(search=search, source=source)
    if url:
        wanted = _key(url)
        found = [r for r in found if any(isinstance(r.get(k), str) and _key(r[k]) == wanted for k in _URLS)]
    if source:
        found = [r for r in found if r.get("source") is None or str(r["source"]).upper() == source.upper()]
    shown = [_snake(r) for r in found]
    return sorted(shown, key=lambda r: (str(r.get("owner") or ""), str(r.get("name") or ""), str(r["id"]))), whole


def _key(url: str) -> tuple[str, str]:
    try:
        # A URL may be given without its scheme.
        return repository_of(url if "://" in url or "@" in url else f"https://{url}").key
    except ValueError:
        return "", url


def _snake(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {_CAMEL.sub("_", str(k)).lower(): _snake(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_snake(v) for v in value]
    return value


def listing(found: list[Raw], whole: bool) -> dict[str, t.Any]:
    """The result of the module repository_info."""
    warnings = (
        []
        if whole
        else [
            f"The tenant repeats its pages: it showed {len(found)} repositories and may hold more. Use search to find others, "
            "and never treat this list as whole."
        ]
    )
    return {"changed": False, "repositories": found, "complete": whole, "warnings": warnings}
