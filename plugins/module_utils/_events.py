# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened to a tenant's data sources and repositories between two polls.

Private to the collection, floor 3.
"""

from __future__ import annotations

import datetime
import json
import os
import typing as t

from ._admitted import Raw, parsed
from ._api import Api
from ._data_sources.fields import SELECTION_TYPES, Item, get, label
from ._data_sources.find import fetch_data_sources
from ._data_sources.status import reasons, status_of
from ._errors import CortexError, InputError
from ._files import OTHER, prove_writable, write_private
from ._http.connection import Connection
from ._http.redaction import hide_secret_keys
from ._repositories import Filters, fetch_repositories
from ._texts import NO, YES

SCHEMA = "cortex_cloud.appsec/events"
VERSION = 1
# Maximum share of the tenant's request limit that polling uses.
SHARE = 0.1
# The members of a repository that are read, and those that an event contains unchanged.
_READ = ("owner", "name", "url", "source", "integration_id", "is_selected", "is_archived", "broken")
_REPORTED = ("id", "owner", "name", "url", "source")

# Connection option -> its environment variables, as in the modules.
VARIABLES: dict[str, tuple[str, ...]] = {
    "api_url": ("CORTEXCLOUD_API_URL",),
    "api_key_id": ("CORTEXCLOUD_API_KEY_ID",),
    "api_key": ("CORTEXCLOUD_API_KEY",),
    "api_key_type": ("CORTEXCLOUD_API_KEY_TYPE",),
    "validate_certs": ("CORTEXCLOUD_SKIP_SSL_VERIFY",),
    "ca_path": ("CORTEXCLOUD_CA_PATH", "REQUESTS_CA_BUNDLE"),
    "expected_tenant": ("CORTEXCLOUD_EXPECTED_TENANT",),
    "request_timeout": ("CORTEXCLOUD_REQUEST_TIMEOUT",),
    "retry_deadline": ("CORTEXCLOUD_RETRY_DEADLINE",),
    "requests_per_second": ("CORTEXCLOUD_REQUESTS_PER_SECOND",),
    "rate_limit_dir": ("CORTEXCLOUD_RATE_LIMIT_DIR",),
    "rate_limit_url": ("CORTEXCLOUD_RATE_LIMIT_URL",),
}
_NUMBERS = ("request_timeout", "retry_deadline", "requests_per_second")
# The other arguments of the event source.
WATCHING = ("interval", "initial", "repositories", "state_file")


def connection_from(args: Raw) -> Connection:
    """The connection from the arguments, or else from the environment; blank values are ignored. Raises
    InputError.
    """
    known = (*VARIABLES, *WATCHING)
    unknown = [str(name) for name in args if name not in known]
    if unknown:
        raise InputError(f"{unknown[0][:80]} is not an argument of this source. Known: {', '.join(known)}.")
    options: Raw = {}
    for name, variables in VARIABLES.items():
        value = args.get(name)
        if value in (None, ""):
            value = next((v for variable in variables if (v := os.environ.get(variable, "").strip())), "")
            if not value:
                continue
            if name == "validate_certs":
                value = value.lower() not in YES
        convert = yes_or_no if name == "validate_certs" else number if name in _NUMBERS else _text
        options[name] = convert(value, name)
    if options.get("api_key_type", "advanced") not in ("standard", "advanced"):
        raise InputError("api_key_type must be standard or advanced.")
    return Connection(**options, user_agent="cortex_cloud.appsec/events")


def yes_or_no(value: t.Any, name: str) -> bool:
    """Raises InputError for anything else."""
    word = str(value).strip().lower()
    if word not in (*YES, *NO):
        raise InputError(f"{name} must be true or false, not {str(value)[:40]!r}.")
    return word in YES


def number(value: t.Any, name: str) -> float:
    """Raises InputError unless it is a number above 0."""
    try:
        converted = float(value)
    except (TypeError, ValueError):
        converted = 0.0
    if not 0 < converted < float("inf"):
        raise InputError(f"{name} must be a number above 0, not {str(value)[:40]!r}.")
    return converted


def _text(value: t.Any, _name: str) -> str:
    return str(value)


class Watch:
    """Polls a tenant and reports what happened in between.

    repositories: poll the tenant's repositories too.
    initial: report existing objects at the first poll, as if they were new.
    state_file: where the last poll is kept across restarts; None to keep nothing.
    """

    def __init__(self, api: Api, *, repositories: bool, initial: bool, state_file: str | None) -> None:
        self.api, self._repositories, self._initial, self._file = api, repositories, initial, state_file
        # Times of the last and of the current poll: the events happened in between.
        self._since: str | None = None
        self._at = ""
        self._seen = self._load()
        self._reachable = True
        # Requests per poll; known after the first one.
        self.requests = 1

    def pause(self, interval: float) -> float:
        """Seconds until the next poll: longer than the interval if polling would exceed its share of the
        budget.
        """
        return max(interval, self.requests / (SHARE * self.api.client.connection.requests_per_second))

    def poll(self) -> list[Raw]:
        """The events since the last poll, each once. A tenant that cannot be read is an event too. Raises
        InputError for bad options.
        """
        self._at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            now = self._read()
        except InputError:
            raise
        except CortexError as exc:
            was, self._reachable = self._reachable, False
            return [self._event("unreachable", reason=self.api.client.redactor.text(str(exc)))] if was else []
        events = [] if self._reachable else [self._event("recovered")]
        self._reachable = True
        before = self._seen if self._seen is not None else _nothing() if self._initial else now
        events += [self._event(name, **facts) for name, facts in compare(before, now)]
        self._seen, self._since = now, self._at
        return events

    def save(self) -> None:
        """Save the last poll. Call it after its events were passed on: then none is lost, but some may come
        twice. Raises InputError.
        """
        if not self._file or self._seen is None:
            return
        head = {"schema": SCHEMA, "version": VERSION, "tenant": self.api.tenant, "at": self._since}
        try:
            write_private(self._file, json.dumps({**head, **self._seen}, sort_keys=True))
        except OSError as exc:
            raise InputError(f"state_file {self._file} cannot be written: {exc.strerror}.") from None

    def _load(self) -> Raw | None:
        """The last poll of an earlier process; None if there is none, or one of another version.

        Raises InputError for a file that cannot be replaced or has other content. Polls are saved completely,
        so such a file is somebody's work.
        """
        if not self._file:
            return None
        try:
            prove_writable(self._file)
            with open(self._file, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise InputError(f"state_file {self._file} cannot be written: {exc.strerror}.") from None
        try:
            saved = parsed(content) if content.strip() else {"schema": SCHEMA}
        except ValueError:
            saved = None
        if not isinstance(saved, dict) or saved.get("schema") != SCHEMA:
            raise InputError(f"state_file {self._file} cannot be written: {OTHER}.")
        if saved.get("version") != VERSION:
            return None
        if saved.get("tenant") != self.api.tenant:
            raise InputError(
                f"state_file {self._file} is about {saved.get('tenant')}, not about {self.api.tenant}: give "
                "each tenant its own file."
            )
        parts = {name: saved.get(name) for name in _nothing()}
        for part in parts.values():
            if not isinstance(part, dict) or not all(isinstance(one, dict) for one in part.values()):
                return None
        self._since = str(saved["at"])[:20] if saved.get("at") else None
        return parts

    def _read(self) -> Raw:
        sources = fetch_data_sources(self.api, {}, details=False)
        self.requests = 1
        seen: Raw = {"data_sources": {item["id"]: _source(item) for item in sources}, "repositories": {}}
        if self._repositories:
            filters = Filters(members=_READ)
            listed, _whole = fetch_repositories(self.api, filters, repository_id=None, search=None)
            self.requests += 2 + len(listed) // 100
            by_id = {item["id"]: label(item) for item in sources}
            seen["repositories"] = {
                one["id"]: _repository(one, by_id) for one in listed if one.get("is_archived") is not True
            }
        return t.cast(Raw, hide_secret_keys(seen))

    def _event(self, name: str, **facts: t.Any) -> Raw:
        event: Raw = {"event": name, "tenant": self.api.tenant, "since": self._since, "at": self._at, **facts}
        return {"cortex": self.api.client.redactor.value(event)}


def _nothing() -> Raw:
    return {"data_sources": {}, "repositories": {}}


def _source(item: Item) -> Raw:
    """The part of a data source that is saved and reported in events."""
    kept = ("id", "type", "name", "identifier", "status", "selection_type", "repositories_count")
    return {
        **{k: item.get(k) for k in kept},
        "hostname": get(item, "domain.hostname"),
        "subject": label(item),
        "health": status_of(item.get("status")).health,
        "reason": reasons(item.get("status_details")),
    }


def _repository(one: Raw, sources: dict[str, str]) -> Raw:
    source = one.get("integration_id")
    return {
        **{k: one.get(k) for k in _REPORTED},
        "data_source": sources.get(str(source), source),
        "selected": one.get("is_selected"),
        "broken": one.get("broken") or [],
    }


def compare(before: Raw, now: Raw) -> t.Iterator[tuple[str, Raw]]:
    """The events between two polls, each with its facts: data sources first, then repositories, each in the
    order of their ids.
    """
    old, new = before["data_sources"], now["data_sources"]
    for its_id in sorted({*old, *new}):
        was, is_now = old.get(its_id), new.get(its_id)
        if was is None:
            yield "appeared", {"data_source": is_now}
        elif is_now is None:
            yield "disappeared", {"data_source": was}
        else:
            yield from _changed(was, is_now)
    for its_id, is_now in sorted(now["repositories"].items()):
        was = before["repositories"].get(its_id, {})
        if is_now["broken"] and not was.get("broken") and is_now["selected"] is not False:
            yield "repository_broke", {"repository": is_now}
        elif was.get("broken") and not is_now["broken"]:
            yield "repository_healed", {"repository": is_now, "was": was["broken"]}


def _changed(was: Raw, is_now: Raw) -> t.Iterator[tuple[str, Raw]]:
    def both(*members: str) -> Raw:
        return {
            "before": {name: was.get(name) for name in members},
            "after": {name: is_now.get(name) for name in members},
        }

    if was.get("status") != is_now["status"]:
        states = both("status", "health")
        yield "status_changed", {"data_source": is_now, **states, "reason": is_now["reason"]}
    earlier, later = was.get("repositories_count"), is_now.get("repositories_count")
    fewer = isinstance(earlier, int) and isinstance(later, int) and later < earlier
    if fewer or _narrower(was.get("selection_type"), is_now["selection_type"]):
        yield "scope_shrank", {"data_source": is_now, **both("selection_type", "repositories_count")}


def _narrower(was: t.Any, is_now: t.Any) -> bool:
    words = SELECTION_TYPES
    return was in words and is_now in words and words.index(is_now) > words.index(was)
