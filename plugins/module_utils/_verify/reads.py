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
from .asking import Asking, Reply, below, unwrap
from .evidence import Evidence

# Looks like an id, but no tenant has it.
UNKNOWN_ID = "0" * 24
# Data sources that are read by id, and the words among settings whose values a tenant may mask, whoever wrote
# its rule.
MOST_READ = 3
_MASKED_FOR_SURE = re.compile(r"secret|token|password$", re.IGNORECASE)
PAGE = 100


def read(asking: Asking, *, sparing: bool) -> None:
    """Make all observations that need only reads.

    sparing: leave out those that writing makes too.

    Raises ApiError when the key is not allowed to read anything, or the host is not a tenant.
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
    whole = [_by_id(asking, item) for item in _worth_reading(listed)]
    pairs = [(item, one) for item, one in whole if one is not None]
    _list_and_one(seen, pairs, repositories)
    if not asking.has_previous() and not sparing:
        missing = asking.instance(UNKNOWN_ID)
        seen.says("get.404", missing.status == 404)
    _type_filter(asking, [one for _item, one in pairs] + listed)
    _category_filter(asking)
    _tried_before(asking)


def _tried_before(asking: Asking) -> None:
    """What earlier runs remember of creations: verify itself tries none but a collector's."""
    memory = Memory(asking.api.client.connection.state_dir, asking.api.tenant, read_only=True)
    for section, value in ((CREATABLE, "all"), (UNCREATABLE, "collector")):
        kinds = [TYPES[kind] for kind in memory.all(section) if kind in TYPES and kind != "COLLECTOR"]
        # That one which registers itself is not created says nothing of the others.
        if any(not kind.created_by for kind in kinds):
            asking.evidence.see("creatable", value)
            asking.evidence.says("create.types", True)


def _health(asking: Asking) -> bool:
    """Whether the healthcheck is answered, or refused, as a tenant does."""
    health = asking.get(HEALTHCHECK)
    asking.evidence.form("healthcheck", health.status)
    word = health.body.get("status") if isinstance(health.body, dict) else None
    refused = health.error is not None and health.error.from_platform
    if health.fine:
        asking.evidence.says("tenant.health", word == "available")
    elif refused:
        asking.evidence.says("tenant.refuses", True)
    connection = asking.api.client.connection
    if asking.api.client.origin().startswith("https:") and connection.validate_certs:
        asking.evidence.see("certificate", "valid")
    return refused or isinstance(word, str)


def _list(asking: Asking) -> tuple[list[Raw] | None, ApiError | None]:
    """The data sources, or why they are refused; neither for a list of an unknown form."""
    seen, connection = asking.evidence, asking.api.client.connection
    listed = asking.get(INSTANCES)
    if listed.status == 404:
        previous = asking.get(PREVIOUS)
        if previous.fine:
            asking.instances, listed = PREVIOUS, previous
            seen.says("previous.path", True)
            seen.says("previous.404", True)
    envelope, items = unwrap(listed.body, "bare") if listed.fine else (None, None)
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and item.get("id") not in (None, "") for item in items
    ):
        seen.form("list", listed.status, "" if not listed.fine else "of an unknown form")
        if listed.status == 402:
            seen.see("licensed", False)
            seen.says("key.402", True)
        return None, listed.error
    seen.form("list", listed.status, envelope or "", items, len(items))
    seen.see("licensed", True)
    seen.see("generation", "previous" if asking.has_previous() else "current")
    seen.see("list_envelope", envelope)
    seen.says("tenant.base", True)
    seen.says("tenant.url", True if asking.api.tenant.startswith("api-") else None)
    seen.says(f"key.{connection.api_key_type}", True)
    seen.says("list.bare", envelope == "bare")
    seen.says("list.envelope", True if envelope != "bare" else None)
    for item in items:
        words(seen, item)
    if items and all(set(item) <= p.MINIMAL for item in items):
        seen.see("list_fields", "minimal")
        seen.says("list.state", True)
    return items, None


def _unknown_list() -> ApiError:
    hint = "Is api_url the API URL of a tenant (https://api-...)?"
    return ApiError(
        "verify the tenant",
        method="GET",
        path=INSTANCES,
        status=200,
        words="the response has an unknown form",
        hint=hint,
    )


def _worth_reading(listed: list[Raw]) -> list[Raw]:
    """A few useful ones: with repositories, a collector, a self-hosted one, then any."""

    def tells(*which: t.Callable[[Raw], t.Any]) -> list[Raw]:
        return [next((item for item in ordered if one(item)), {}) for one in which]

    ordered = sorted(listed, key=lambda item: -_number(item.get(p.COUNT)))
    wanted = tells(
        lambda item: item.get("state") or (_number(item.get(p.COUNT)) and item.get("type") != "COLLECTOR"),
        lambda item: item.get("type") == "COLLECTOR",
        lambda item: item.get("type") in p.HOSTED,
    )
    unique = {str(item["id"]): item for item in [*filter(None, wanted), *ordered]}
    return list(unique.values())[:MOST_READ]


def _number(value: t.Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _by_id(asking: Asking, item: Raw) -> tuple[Raw, Raw | None]:
    envelope, one = envelope_of(asking, asking.instance(str(item["id"])), "data source")
    if one is None:
        return item, None
    asking.evidence.says("get.root", envelope == "root")
    whole(asking.evidence, one, previous=asking.has_previous())
    return item, one


def envelope_of(asking: Asking, reply: Reply, what: str) -> tuple[str | None, Raw | None]:
    """The envelope of one object and the object; None for what is none."""
    envelope, one = unwrap(reply.body, "root") if reply.fine else (None, None)
    if not isinstance(one, dict):
        asking.evidence.form(what, reply.status, "" if not reply.fine else "of an unknown form")
        return None, None
    asking.evidence.form(what, reply.status, envelope or "", [one])
    asking.evidence.see("item_envelope", envelope)
    return envelope, one


def whole(seen: Evidence, one: Raw, *, previous: bool) -> None:
    """Observe a data source that was read by id."""
    names, collector = set(one), one.get("type") == "COLLECTOR"
    words(seen, one)
    known = p.MEMBERS | (p.COLLECTORS if collector else frozenset())
    seen.says(
        "instance.members" if not previous else "previous.members",
        p.REQUIRED <= names <= known if not previous else not names & p.NOT_PREVIOUS,
    )
    mirrored, published = bool(names & p.TELLS_MIRRORED), bool(names & p.TELLS_PUBLISHED)
    seen.says("instance.hidden", not mirrored)
    older = names & (p.TELLS_MIRRORED | set(p.DATES_OLDER))
    seen.says("instance.older", True if older else None)
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
        seen.says("list.count", False)
    details = one.get("statusDetails")
    if isinstance(details, dict) and details:
        seen.says(
            "instance.details",
            all(isinstance(d, dict) and d.get("status") in ("VALID", "INVALID") for d in details.values()),
        )
    state = one.get("state")
    if isinstance(state, list) and state:
        seen.says("instance.state", all(isinstance(name, str) and "/" in name for name in state))


def words(seen: Evidence, item: Raw) -> None:
    """Observe the words and forms of a data source, from the list or read by id."""
    status, kind, selection, identifier = (
        item.get("status"),
        item.get("type"),
        item.get("selectionType"),
        str(item.get("id")),
    )
    if status is not None:
        seen.says("instance.status", status in STATUSES)
        seen.see(
            "status_words", p.SETTLING.get(str(status)) or ("published" if status == "CONNECTED" else None)
        )
    if kind is not None and kind not in TYPES:
        seen.says("instance.types", True)
    if selection is not None:
        seen.says("instance.selection", selection in p.SELECTIONS)
    dates, older = set(item) & set(p.DATES), set(item) & set(p.DATES_OLDER)
    if bool(dates) != bool(older):
        seen.see("timestamps", "dates" if dates else "at")
    if kind == "COLLECTOR":
        seen.see(
            "ids",
            "col_"
            if identifier.startswith("col_")
            else "hex24"
            if re.fullmatch("[0-9a-f]{24}", identifier)
            else None,
        )


def _mirrored(seen: Evidence, one: Raw, collector: bool) -> None:
    properties = one.get("uniqueProperties")
    inside = properties if isinstance(properties, dict) else {}
    if "displayName" in one:
        seen.see("name_shown", "display_name")
    elif "name" in one:
        seen.see("name_shown", "root")
    elif inside.get("name"):
        seen.see("name_shown", "unique_properties")
    if properties is None:
        # A collector and what has a name have settings, shown or not.
        seen.see(
            "unique_properties", "hidden" if collector or "name" in one or "displayName" in one else None
        )
    for masked, name in secrets_among(inside):
        if masked:
            seen.see("unique_properties", "masked")
        elif _MASKED_FOR_SURE.search(name):
            seen.see("unique_properties", "echoed")


def secrets_among(tree: t.Any, name: str = "") -> t.Iterator[tuple[bool, str]]:
    """(whether it is masked, its name) of each text with a name as secrets have."""
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
            seen.says("list.state", True if not item.get("state") else None)
        if p.COUNT in one or not isinstance(count, int):
            continue
        seen.says("list.count", True)
        can_see = sum(1 for asset in repositories if str(asset.get("integrationId")) == str(one["id"]))
        if count > len(state):
            seen.see("count", "associated")
        elif count == len(state) < can_see:
            seen.see("count", "selected")


def _repositories(asking: Asking) -> list[Raw]:
    seen = asking.evidence
    page = asking.get(REPOSITORIES)
    envelope, items = unwrap(page.body, "bare") if page.fine else (None, None)
    if not isinstance(items, list):
        seen.form("repositories", page.status, "" if not page.fine else "of an unknown form")
        return []
    seen.form("repositories", page.status, envelope or "", items, len(items))
    asking.answered = True
    same = envelope == seen.value("list_envelope")
    seen.see("repositories_envelope", "as_list" if same else envelope)
    seen.says("repositories.list", envelope == "bare")
    first = [str(item.get("id")) for item in items if isinstance(item, dict)]
    if not first:
        return []
    whole_page = _page(asking, {"limit": str(PAGE)})
    if len(whole_page) > len(items):
        seen.see("repositories_page", len(items))
        seen.says("repositories.page", True)
    if len(whole_page) > 1:
        second = _page(asking, {"limit": "1", "offset": "1"})
        ids = [str(item.get("id")) for item in whole_page[:2]]
        shown = [str(item.get("id")) for item in second[:1]]
        if len(set(ids)) == len(ids) and shown and shown[0] in ids:
            seen.see("offset", "honoured" if shown[0] == ids[1] else "ignored")
            seen.says("repositories.offset", True if shown[0] == ids[0] else None)
    _envelope, one = envelope_of(asking, asking.get(below(REPOSITORIES, first[0])), "repository")
    seen.says("repository.get", True if one is not None else None)
    return whole_page or items


def _unscanned(asking: Asking) -> None:
    """Whether there is a list of unscanned repositories."""
    reply = asking.get(UNSCANNED, {"days": "7"})
    _envelope, items = unwrap(reply.body, "bare") if reply.fine else (None, None)
    if isinstance(items, list):
        asking.evidence.see("unscanned_list", True)
        asking.evidence.says("repositories.unscanned", True)
    elif reply.status == 404:
        asking.evidence.see("unscanned_list", False)
        asking.evidence.says("repositories.unscanned", False)


def _page(asking: Asking, query: dict[str, str]) -> list[Raw]:
    reply = asking.get(REPOSITORIES, query)
    _envelope, items = unwrap(reply.body, "bare") if reply.fine else (None, None)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _type_filter(asking: Asking, instances: list[Raw]) -> None:
    """Filter by an existing type in three spellings: one is accepted if it finds the type."""
    kinds = [str(one["type"]) for one in instances if one.get("type") in TYPES]
    kind = next((kind for kind in kinds if "_" in kind), None)
    if kind is None:
        return
    found: dict[str, bool | None] = {}
    for spelling, word in (
        ("hyphens", kind.lower().replace("_", "-")),
        ("upper", kind),
        ("lower", kind.lower()),
    ):
        reply = asking.get(asking.instances, {"type": word})
        _envelope, items = unwrap(reply.body, "bare") if reply.fine else (None, None)
        if not (isinstance(items, list) or reply.status in (400, 422)):
            return
        found[spelling] = bool(items) if isinstance(items, list) else None
    taken = {spelling for spelling, some in found.items() if some}
    case = {("hyphens",): "hyphens", ("upper",): "upper", ("lower",): "lower", ("lower", "upper"): "any"}.get(
        tuple(sorted(taken))
    )
    if case is None:
        return
    asking.evidence.see("type_filter_case", case)
    asking.evidence.says("list.filter", case == "hyphens")
    # In these spellings the word is known, and only its case is another.
    others = {found[spelling] for spelling in ("upper", "lower") if spelling not in taken}
    if case != "any" and len(others) == 1:
        asking.evidence.see("type_filter_mismatch", "refuse" if others == {None} else "empty")


def _category_filter(asking: Asking) -> None:
    taken = {
        source: asking.get(asking.instances, {"type_category": word})
        for source, word in p.CATEGORY_WORDS.items()
    }
    fine = [source for source, reply in taken.items() if reply.fine]
    if len(fine) == 1 and all(reply.fine or reply.status in (400, 422) for reply in taken.values()):
        asking.evidence.see("category_filter", fine[0])
        asking.evidence.says("list.category", fine[0] == "published")
