# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repositories of the tenant. Reads only.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from ._addresses import path_key, repository_of
from ._admitted import Raw
from ._api import Api
from ._data_sources.fields import item_from, label
from ._data_sources.instance import Instance
from ._data_sources.match import match
from ._errors import ApiError, InputError, did_you_mean
from ._texts import snake_case

URLS = ("url", "repositoryUrl", "repository_url")
# Derived here: the newest scan of any branch, and the broken parts of its access.
SCANNED, BROKEN = "scanned_at", "broken"
# The members that can be requested of a repository; `id` is always returned.
MEMBERS = (
    "name", "owner", "url", "source", "external_id", "organization_id", "project_id", "integration_id",
    "default_branch", "description", "is_selected", "is_archived", "is_forked", "is_public", "is_billable",
    "creation_date", "last_scan_date", "observation_time", "disk_size", "scanned_branch", "scanned_branches",
    "status", "scan_configuration", SCANNED, BROKEN,
)  # fmt: skip
_KEYS = ("type", "name", "identifier", "domain")


@dataclasses.dataclass
class Filters:
    """The filters for repositories; None: no filter.

    source: integration type, in any case.
    data_source: id of an instance.
    scanned_before: only repositories whose newest scan was before this day, or that were never scanned.
    members: the members to return besides the id; None for all.
    unshown: number of repositories left out because the tenant does not show a member, by member.
    """

    url: str | None = None
    source: str | None = None
    data_source: str | None = None
    selected: bool | None = None
    archived: bool | None = None
    scanned_before: dt.date | None = None
    unhealthy: bool | None = None
    members: t.Collection[str] | None = None
    unshown: dict[str, int] = dataclasses.field(default_factory=dict)

    def keep(self, raw: Raw) -> Raw | None:
        """The repository with keys in snake case if it matches, otherwise None."""
        if not self._passes(raw):
            return None
        one = shown(raw)
        return one if self.members is None else {k: one[k] for k in one if k == "id" or k in self.members}

    def _passes(self, raw: Raw) -> bool:
        if self.url is not None and not any(
            isinstance(raw.get(k), str) and address(raw[k]) == address(self.url) for k in URLS
        ):
            return False
        source = raw.get("source")
        if self.source and source is not None and str(source).upper() != self.source.upper():
            return False
        if self.data_source is not None and raw.get("integrationId") != self.data_source:
            return False
        for name, desired in (("isSelected", self.selected), ("isArchived", self.archived)):
            if desired is not None and not (self._shows(raw, name) and raw[name] == desired):
                return False
        unhealthy = self.unhealthy
        if unhealthy is not None and not (self._shows(raw, "status") and bool(broken(raw)) == unhealthy):
            return False
        return self.scanned_before is None or day_of(scanned_at(raw)) < self.scanned_before

    def _shows(self, raw: Raw, name: str) -> bool:
        if raw.get(name) is not None:
            return True
        self.unshown[name] = self.unshown.get(name, 0) + 1
        return False


def fetch_repositories(
    api: Api, filters: Filters, *, repository_id: str | None, search: str | None
) -> tuple[list[Raw], bool]:
    """The matching repositories, with keys in snake case, sorted by owner and name; and whether the list is
    complete.

    Raises InputError for an id that does not exist.
    """
    if repository_id:
        raw = api.get_repository(repository_id)
        if raw is None:
            raise InputError(f"there is no repository with id {repository_id} in this tenant.")
        one = filters.keep(raw)
        return [one] if one else [], True
    matches, whole = api.list_repositories(search=search, source=filters.source, keep=filters.keep)
    matches.sort(key=lambda r: (str(r.get("owner") or ""), str(r.get("name") or ""), str(r["id"])))
    return matches, whole


def data_source_id(api: Api, option: t.Any) -> str | None:
    """The id of the data source that an option refers to: an id, or a dictionary of type, name, identifier
    and domain.

    Raises InputError if there is none, or if it is ambiguous.
    """
    if option is None or isinstance(option, str):
        return option or None
    unknown = [k for k in option if k not in (*_KEYS, "id")] if isinstance(option, dict) else [option]
    if unknown or not option:
        word = str(unknown[0] if unknown else option)[:80]
        raise InputError(
            f"data_source: {word} is neither an id nor one of id, "
            f"{', '.join(_KEYS)}.{did_you_mean(word, _KEYS)}"
        )
    item = item_from(option)
    if item.get("id"):
        return str(item["id"])
    listed = [Instance(raw, full=False) for raw in api.list_data_sources()]
    result = match(item, listed)
    if unread := set(result.unread):
        full = [
            Instance.read(api.get_data_source(one.id) or one.raw, one.raw) if one.id in unread else one
            for one in listed
        ]
        result = match(item, full)
    if result.instance is None:
        raise InputError(result.undetermined or f"there is no data source {label(item)} in this tenant.")
    return result.instance.id


def unscanned(api: Api, days: int | None) -> dict[str, t.Any]:
    """The result `unscanned` of the module repository_info; {} if it was not requested, or if the tenant does
    not show it. Raises InputError.
    """
    if days is None:
        return {}
    if days < 1:
        raise InputError(f"unscanned_days is {days}: a number of days above 0 is needed.")
    try:
        rows = api.list_unscanned(days)
    except ApiError as exc:
        # The other results do not depend on it.
        api.client.warnings.append(f"What the tenant calls unscanned was not read: {exc}")
        return {}
    if rows is None:
        return {}
    names = {"id": "repoId", "name": "repoName", "organization_id": "organizationId"}
    return {
        "unscanned": [{ours: str(row.get(theirs) or "") for ours, theirs in names.items()} for row in rows]
    }


def date_from(text: str | None, option: str) -> dt.date | None:
    """The day of a date such as 2026-11-01, or of a time. Raises InputError for anything else."""
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise InputError(f"{option} must be a day such as 2026-11-01, not {text[:40]!r}.") from None


def members_from(words: list[str] | None) -> list[str] | None:
    """The words, unchanged. Raises InputError for one that is not a member."""
    for word in words or []:
        if word != "id" and word not in MEMBERS:
            raise InputError(
                f"members: {word[:80]} is not a member of a repository.{did_you_mean(word, MEMBERS)} Known: "
                f"{', '.join(MEMBERS)}."
            )
    return words


def broken(raw: Raw) -> list[dict[str, str]]:
    """The parts of a repository's access that do not work, each with the tenant's reason if it gives one
    (docs/api.md: repository.status).
    """
    parts = raw.get("status")
    if not isinstance(parts, dict):
        return []
    return [
        {"part": snake_case(name), "reason": str(one.get("reason") or "")}
        for name, one in sorted(parts.items())
        if isinstance(one, dict) and str(one.get("status")).upper() == "INVALID"
    ]


def scanned_at(raw: Raw) -> str:
    """Time of the last scan on any branch, as the tenant writes it; empty if unknown."""
    branches = raw["scannedBranches"] if isinstance(raw.get("scannedBranches"), list) else []
    dates = [one.get("lastScanDate") for one in (raw, *branches) if isinstance(one, dict)]
    return max((str(date) for date in dates if date), default="")


def day_of(date: str) -> dt.date:
    """The day of a time as tenants write it; the earliest possible day if it is not one."""
    try:
        return dt.date.fromisoformat(date[:10])
    except ValueError:
        return dt.date.min


def address(url: str) -> tuple[str, str]:
    """A URL, with or without a scheme, in a form for comparison."""
    try:
        return repository_of(url if "://" in url or "@" in url else f"https://{url}").key
    except ValueError:
        return "", url


def path_of(one: Raw) -> str:
    """owner/name of a repository as shown() returns it, or the path in its URL if the owner is not shown; in
    a form for comparison.
    """
    if one.get("owner") and one.get("name"):
        return path_key(f"{one['owner']}/{one['name']}")
    try:
        return path_key(repository_of(str(one.get("url") or one.get("name") or "?")).path)
    except ValueError:
        return ""


def shown(raw: Raw) -> Raw:
    """A repository of the API as this collection returns it."""
    return {**_snake(raw), SCANNED: scanned_at(raw) or None, BROKEN: broken(raw)}


def _snake(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {snake_case(k): _snake(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_snake(v) for v in value]
    return value


def listing(matches: list[Raw], whole: bool, unshown: dict[str, int]) -> dict[str, t.Any]:
    """The result of the module repository_info, from fetch_repositories() and Filters.unshown."""
    warnings = []
    if not whole:
        warnings.append(
            f"The tenant repeats its pages: it showed {len(matches)} repositories and may have more. Use "
            "search to find others, and do not treat this list as complete."
        )
    warnings += [
        f"The tenant does not show {snake_case(name)} of {count} repositories, which were left out: whether "
        "they match is not known."
        for name, count in sorted(unshown.items())
    ]
    return {"changed": False, "repositories": matches, "complete": whole, "warnings": warnings}
