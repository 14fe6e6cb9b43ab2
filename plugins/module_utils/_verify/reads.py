# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observations that need only reads.

Private to the collection, floor 3.
"""

from __future__ import annotations

import re
import typing as t

from .._admitted import Raw
from .._api import HEALTHCHECK, INSTANCES, PREVIOUS, REPOSITORIES, UNSCANNED
from .._data_sources.made import CREATABLE, UNCREATABLE
from .._data_sources.status import STATUSES
from .._data_sources.types import TYPES
from .._errors import ApiError
from .._http.redaction import is_masked, looks_secret
from .._state import Memory
from .._tenant import about_host
from . import published as p
from .asking import Asking, Reply, below
from .evidence import Evidence

# An ID of the usual form that no tenant has.
UNKNOWN_ID = "0" * 24
# Maximum number of data sources that are read by ID.
MOST_READ = 3
# Names of settings that every tenant masks, if it masks any.
_ALWAYS_MASKED = re.compile(r"secret|token|password$", re.IGNORECASE)
PAGE = 100


def read(asking: Asking, *, sparing: bool) -> None:
    """Make all observations that need only reads.

    sparing: leave out those that writing makes too.

    Raises ApiError if the key is not allowed to read anything, or the host is not a tenant.
    """
    seen = asking.evidence
    tenant = _health(asking)
    listed, refusal = _list(asking)
    asking.answered = listed is not None or seen.value("licensed") is False or (refusal is None and tenant)
    if not asking.answered and refusal and refusal.status != 403:
        raise about_host(refusal, tenant=tenant)
    if seen.value("licensed") is False:
        return
    repositories = _repositories(asking)
    if not asking.answered:
        raise about_host(refusal, tenant=tenant) if refusal else _unknown_list()
    if listed is None:
        return
    _unscanned(asking)
    pairs = [(item, one) for item in _worth_reading(listed) if (one := _by_id(asking, item)) is not None]
    _list_and_one(seen, pairs, repositories)
    if not asking.has_previous() and not sparing:
        seen.check("get.404", asking.instance(UNKNOWN_ID).status == 404)
    _type_filter(asking, [one for _item, one in pairs] + listed)
    _category_filter(asking)
    _tried_before(asking)


def _tried_before(asking: Asking) -> None:
    """Observe what earlier runs remember about creates: verify itself creates only a collector."""
    memory = Memory(asking.api.client.connection.state_dir, asking.api.tenant, read_only=True)
    for section, value in ((CREATABLE, "all"), (UNCREATABLE, "collector")):
        kinds = [TYPES[kind] for kind in memory.all(section) if kind in TYPES and kind != "COLLECTOR"]
        # A type that registers itself cannot be created anyway, which shows nothing about the others.
        if any(not kind.created_by for kind in kinds):
            asking.evidence.see("creatable", value)
            asking.evidence.confirm("create.types")


def _health(asking: Asking) -> bool:
    """Whether the response to the healthcheck is that of a tenant, even if it refuses."""
    health = asking.get(HEALTHCHECK)
    asking.evidence.form("healthcheck", health.status)
    word = health.body.get("status") if isinstance(health.body, dict) else None
    refused = health.error is not None and health.error.from_platform
    if health.fine:
        asking.evidence.check("tenant.health", word == "available")
    elif refused:
        asking.evidence.confirm("tenant.refuses")
    connection = asking.api.client.connection
    if asking.api.client.origin().startswith("https:") and connection.validate_certs:
        asking.evidence.see("certificate", "valid")
    return refused or isinstance(word, str)


def _list(asking: Asking) -> tuple[list[Raw] | None, ApiError | None]:
    """The data sources, or the error; neither for a list of an unknown form."""
    seen, connection = asking.evidence, asking.api.client.connection
    reply = asking.get(INSTANCES)
    if reply.status == 404:
        previous = asking.get(PREVIOUS)
        if previous.fine:
            asking.instances, reply = PREVIOUS, previous
            seen.confirm("previous.path")
            seen.confirm("previous.404")
    envelope, items = reply.items()
    if items is None or not all(isinstance(one, dict) and one.get("id") not in (None, "") for one in items):
        asking.form("list", reply)
        if reply.status == 402:
            seen.see("licensed", False)
            seen.confirm("key.402")
        return None, reply.error
    asking.form("list", reply, envelope, items)
    seen.see("licensed", True)
    seen.see("generation", "previous" if asking.has_previous() else "current")
    seen.see("list_envelope", envelope)
    seen.confirm("tenant.base")
    seen.confirm("tenant.url", asking.api.tenant.startswith("api-"))
    seen.confirm(f"key.{connection.api_key_type}")
    seen.check("list.bare", envelope == "bare")
    seen.confirm("list.envelope", envelope != "bare")
    for item in items:
        observe_words(seen, item)
    if items and all(set(item) <= p.MINIMAL for item in items):
        seen.see("list_fields", "minimal")
        seen.confirm("list.state")
    return items, None


def _unknown_list() -> ApiError:
    words, hint = "the response has an unknown form", "Is api_url the API URL of a tenant (https://api-...)?"
    return ApiError("verify the tenant", method="GET", path=INSTANCES, status=200, words=words, hint=hint)


def _worth_reading(listed: list[Raw]) -> list[Raw]:
    """The data sources that show most: one with repositories, a collector, a self-hosted one, then others."""
    ordered = sorted(listed, key=lambda item: -_number(item.get(p.COUNT)))
    collectors = [item for item in ordered if item.get("type") == "COLLECTOR"]
    selecting = [
        item
        for item in ordered
        if item.get("state") or (_number(item.get(p.COUNT)) and item.get("type") != "COLLECTOR")
    ]
    hosted = [item for item in ordered if item.get("type") in p.HOSTED]
    first = [*selecting[:1], *collectors[:1], *hosted[:1]]
    return list({str(item["id"]): item for item in [*first, *ordered]}.values())[:MOST_READ]


def _number(value: t.Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _by_id(asking: Asking, item: Raw) -> Raw | None:
    """A data source of the list, read by ID; None if that fails."""
    envelope, one = envelope_of(asking, asking.instance(str(item["id"])), "data source")
    if one is not None:
        asking.evidence.check("get.root", envelope == "root")
        observe(asking.evidence, one, previous=asking.has_previous())
    return one


def envelope_of(asking: Asking, reply: Reply, what: str) -> tuple[str | None, Raw | None]:
    """The envelope of a single object, and the object; None for anything else. what: as in Evidence.form."""
    envelope, one = reply.one()
    asking.form(what, reply, envelope, one)
    asking.evidence.see("item_envelope", envelope)
    return envelope, one


def observe(seen: Evidence, one: Raw, *, previous: bool) -> None:
    """Observe a data source that was read by ID."""
    names, collector = set(one), one.get("type") == "COLLECTOR"
    observe_words(seen, one)
    if previous:
        seen.check("previous.members", not names & p.NOT_PREVIOUS)
    else:
        known = p.MEMBERS | (p.COLLECTORS if collector else frozenset())
        seen.check("instance.members", p.REQUIRED <= names <= known)
    mirrored, published = bool(names & p.ONLY_MIRRORED), bool(names & p.ONLY_PUBLISHED)
    seen.check("instance.hidden", not mirrored)
    seen.confirm("instance.older", bool(names & {*p.ONLY_MIRRORED, *p.DATES_OLDER}))
    if mirrored != published:
        seen.see("fields", "mirrored" if mirrored else "published")
    if mirrored:
        _mirrored(seen, one, collector)
    if one.get("domain"):
        seen.see("domain_shown", True)
    elif one.get("type") in p.HOSTED:
        seen.see("domain_shown", False)
    if p.COUNT in one:
        seen.see("count", "by_id")
        seen.check("list.count", False)
    details = one.get("statusDetails")
    if isinstance(details, dict) and details:
        valid = [isinstance(d, dict) and d.get("status") in ("VALID", "INVALID") for d in details.values()]
        seen.check("instance.details", all(valid))
    state = one.get("state")
    if isinstance(state, list) and state:
        seen.check("instance.state", all(isinstance(name, str) and "/" in name for name in state))


def observe_words(seen: Evidence, item: Raw) -> None:
    """Observe the words and forms of a data source, from the list or read by ID."""
    status, kind, selection = item.get("status"), item.get("type"), item.get("selectionType")
    if status is not None:
        seen.check("instance.status", status in STATUSES)
        seen.see("status_words", {**p.SETTLING, "CONNECTED": "published"}.get(str(status)))
    seen.confirm("instance.types", kind is not None and kind not in TYPES)
    if selection is not None:
        seen.check("instance.selection", selection in p.SELECTIONS)
    dates, older = set(item) & set(p.DATES), set(item) & set(p.DATES_OLDER)
    if bool(dates) != bool(older):
        seen.see("timestamps", "dates" if dates else "at")
    identifier = str(item.get("id"))
    if kind == "COLLECTOR" and identifier.startswith("col_"):
        seen.see("ids", "col_")
    elif kind == "COLLECTOR" and re.fullmatch("[0-9a-f]{24}", identifier):
        seen.see("ids", "hex24")


def _mirrored(seen: Evidence, one: Raw, collector: bool) -> None:
    properties = one.get("uniqueProperties")
    inside = properties if isinstance(properties, dict) else {}
    if "displayName" in one:
        seen.see("name_shown", "display_name")
    elif "name" in one:
        seen.see("name_shown", "root")
    elif inside.get("name"):
        seen.see("name_shown", "unique_properties")
    # A collector has settings, and so has anything with a name.
    if properties is None and (collector or "name" in one or "displayName" in one):
        seen.see("unique_properties", "hidden")
    for masked, name in secrets_among(inside):
        if masked:
            seen.see("unique_properties", "masked")
        elif _ALWAYS_MASKED.search(name):
            seen.see("unique_properties", "echoed")


def secrets_among(tree: t.Any, name: str = "") -> t.Iterator[tuple[bool, str]]:
    """(whether it is masked, its name) of each text whose name is that of a secret."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from secrets_among(value, str(key))
    elif isinstance(tree, list):
        for value in tree:
            yield from secrets_among(value, name)
    elif isinstance(tree, str) and looks_secret(name):
        yield is_masked(tree), name


def _list_and_one(seen: Evidence, pairs: list[tuple[Raw, Raw]], repositories: list[Raw]) -> None:
    """Compare data sources in the list with the same ones read by id."""
    minimal = seen.value("list_fields") == "minimal"
    for item, one in pairs:
        state, count = one.get("state"), item.get(p.COUNT)
        if not isinstance(state, list):
            continue
        if state and not minimal:
            seen.see("list_fields", "all" if item.get("state") else "no_state")
            seen.confirm("list.state", not item.get("state"))
        if p.COUNT in one or not isinstance(count, int):
            continue
        seen.confirm("list.count")
        can_see = sum(str(asset.get("integrationId")) == str(one["id"]) for asset in repositories)
        if count > len(state):
            seen.see("count", "associated")
        elif count == len(state) < can_see:
            seen.see("count", "selected")


def _repositories(asking: Asking) -> list[Raw]:
    """The repositories on the first page, after comparing it with other pages and one of them read by ID."""
    seen = asking.evidence
    reply = asking.get(REPOSITORIES)
    envelope, items = reply.items()
    asking.form("repositories", reply, envelope, items)
    if items is None:
        return []
    asking.answered = True
    same = envelope == seen.value("list_envelope")
    seen.see("repositories_envelope", "as_list" if same else envelope)
    seen.check("repositories.list", envelope == "bare")
    ids = [str(item.get("id")) for item in items if isinstance(item, dict)]
    if not ids:
        return []
    page = _page(asking, {"limit": str(PAGE)})
    if len(page) > len(items):
        seen.see("repositories_page", len(items))
        seen.confirm("repositories.page")
    if len(page) > 1:
        first, second = (str(item.get("id")) for item in page[:2])
        shown = [str(item.get("id")) for item in _page(asking, {"limit": "1", "offset": "1"})[:1]]
        if first != second and shown and shown[0] in (first, second):
            seen.see("offset", "honoured" if shown[0] == second else "ignored")
            seen.confirm("repositories.offset", shown[0] == first)
    _envelope, one = envelope_of(asking, asking.get(below(REPOSITORIES, ids[0])), "repository")
    seen.confirm("repository.get", one is not None)
    return page or items


def _unscanned(asking: Asking) -> None:
    """Observe whether there is a list of unscanned repositories."""
    reply = asking.get(UNSCANNED, {"days": "7"})
    exists = reply.items()[1] is not None
    if exists or reply.status == 404:
        asking.evidence.see("unscanned_list", exists)
        asking.evidence.check("repositories.unscanned", exists)


def _page(asking: Asking, query: dict[str, str]) -> list[Raw]:
    _envelope, items = asking.get(REPOSITORIES, query).items()
    return [item for item in items or [] if isinstance(item, dict)]


def _type_filter(asking: Asking, instances: list[Raw]) -> None:
    """Filter by an existing type in three spellings: one is accepted if it finds the type."""
    kinds = [str(one["type"]) for one in instances if one.get("type") in TYPES]
    kind = next((kind for kind in kinds if "_" in kind), None)
    if kind is None:
        return
    spellings = {"hyphens": kind.lower().replace("_", "-"), "upper": kind, "lower": kind.lower()}
    # Spelling -> whether it finds any; None if it is refused.
    outcomes: dict[str, bool | None] = {}
    for spelling, word in spellings.items():
        reply = asking.get(asking.instances, {"type": word})
        _envelope, items = reply.items()
        if items is None and reply.status not in (400, 422):
            return
        outcomes[spelling] = None if items is None else bool(items)
    accepted = sorted(spelling for spelling, finds in outcomes.items() if finds)
    case = "any" if accepted == ["lower", "upper"] else accepted[0] if len(accepted) == 1 else None
    if case is None:
        return
    asking.evidence.see("type_filter_case", case)
    asking.evidence.check("list.filter", case == "hyphens")
    # These spellings contain the right word, in the wrong case.
    others = {outcomes[spelling] for spelling in ("upper", "lower") if spelling not in accepted}
    if case != "any" and len(others) == 1:
        asking.evidence.see("type_filter_mismatch", "refuse" if others == {None} else "empty")


def _category_filter(asking: Asking) -> None:
    """Filter by the category words of both sources; it shows something if just one is accepted."""
    replies = {
        source: asking.get(asking.instances, {"type_category": word})
        for source, word in p.CATEGORY_WORDS.items()
    }
    accepted = [source for source, reply in replies.items() if reply.fine]
    if len(accepted) == 1 and all(reply.fine or reply.status in (400, 422) for reply in replies.values()):
        asking.evidence.see("category_filter", accepted[0])
        asking.evidence.check("list.category", accepted[0] == "published")
