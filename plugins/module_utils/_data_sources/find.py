# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists instances that match filters. Reads only.

Private to the collection, floor 3.
"""

from __future__ import annotations

import functools
import typing as t

from .._addresses import host_key
from .._admitted import Raw
from .._api import Api
from .._errors import InputError
from .._http.pool import each
from .fields import Item, get
from .instance import UNREADABLE_COUNT, Instance
from .types import STAGES, known
from .view import warn_of_odd

# Filter -> the instance's value. Category and stage follow from the type, so a tenant's spelling of them does
# not matter.
_VALUE: dict[str, t.Callable[[Item], t.Any]] = {
    "type": lambda i: i.get("type", "").upper() or None,
    "type_category": lambda i: _of_type(i, "type_category"),
    "category": lambda i: _of_type(i, "category"),
    "stage": lambda i: _of_type(i, "stage"),
    "name": lambda i: i.get("name") or i.get("identifier"),
    "hostname": lambda i: get(i, "domain.hostname") and host_key(i["domain"]["hostname"]),
    "status": lambda i: i.get("status"),
}

FILTER_SPEC: dict[str, dict[str, t.Any]] = {
    "id": {"type": "str"},
    "type": {"type": "list", "elements": "str"},
    "type_category": {"type": "str", "choices": ["DEFAULT", "EXTERNAL_VENDOR_INTEGRATIONS"]},
    "category": {"type": "str", "choices": sorted(STAGES)},
    "stage": {"type": "str", "choices": sorted(set(STAGES.values()))},
    "name": {"type": "str"},
    "hostname": {"type": "str"},
    "status": {"type": "list", "elements": "str"},
}


class ReadOnce(Api):
    """An API that reads the list and each instance only once, so that a comparison and an inventory use the
    same responses. For runs that do not write.
    """

    def __init__(self, api: Api) -> None:
        super().__init__(api.client)
        self._read: dict[str, Raw | None] = {}

    @functools.cached_property
    def _listed(self) -> list[Raw]:
        return super().list_data_sources()

    def list_data_sources(self) -> list[Raw]:
        return self._listed

    def get_data_source(self, instance_id: str, subject: str = "") -> Raw | None:
        if instance_id not in self._read:
            self._read[instance_id] = super().get_data_source(instance_id, subject)
        return self._read[instance_id]


def fetch_data_sources(api: Api, filters: dict[str, t.Any], *, details: bool) -> list[Item]:
    """The instances that match all given filters (None: not given), sorted by type, name and id.

    In the shape of the options, with "complete": whether it was read by id and shows all its repositories.
    An instance whose list entry does not show a filtered field is read by id; one that does not show it even
    then does not match.
    Raises InputError for an id that does not exist, ApiError when the tenant cannot be read.
    """
    given = {name: value for name, value in filters.items() if value is not None and name != "id"}
    if filters.get("id"):
        full = _full(api, filters["id"], {})
        if full is None:
            raise InputError(f"there is no data source with id {filters['id']} in this tenant.")
        return [full] if _passes(full, given) else []
    listed = api.list_data_sources()
    entries = [_reported(api, Instance(raw, full=False)) for raw in listed]
    verdicts = [_passes(item, given) for item in entries]
    passing = [item for item, verdict in zip(entries, verdicts) if verdict and not details]
    to_read = [raw for raw, verdict in zip(listed, verdicts) if verdict is None or (details and verdict)]
    for item in each(api.client, lambda raw: _full(api, str(raw["id"]), raw), to_read):
        if item is not None and _passes(item, given):
            passing.append(item)
    return sorted(
        passing, key=lambda i: (i.get("type") or "", i.get("name") or i.get("identifier") or "", i["id"])
    )


def _of_type(item: Item, attribute: str) -> t.Any:
    kind = known(item.get("type"))
    return getattr(kind, attribute) if kind else item.get("type") and "unknown"


def _full(api: Api, instance_id: str, listed: Raw) -> Item | None:
    """listed: its list entry, with the members that only the list shows; {} if the list was not read."""
    raw = api.get_data_source(instance_id)
    return None if raw is None else _reported(api, Instance.read(raw, listed))


def _reported(api: Api, instance: Instance) -> Item:
    warn_of_odd(api, instance)
    item = {**instance.reported, "complete": instance.complete}
    if instance.listed_count not in (None, UNREADABLE_COUNT):
        item.setdefault("repositories_count", instance.listed_count)
    return item


def _passes(item: Item, filters: dict[str, t.Any]) -> bool | None:
    """True or False; None when a filtered field is not shown."""
    verdicts = []
    for name, value in filters.items():
        reported = _VALUE[name](item)
        if name in ("type", "status"):
            matches = str(reported).upper() in [v.upper() for v in value]
        else:
            matches = reported == (host_key(value) if name == "hostname" else value)
        verdicts.append(None if reported is None else matches)
    return False if False in verdicts else None if None in verdicts else True
