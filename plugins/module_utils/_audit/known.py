# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tenant itself says of its repositories: selected, scanned, broken. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import datetime as dt

from .._admitted import Row
from .._data_sources.fields import Item
from .._repositories import day_of
from .compare import about
from .evidence import Evidence
from .kinds import Finding, Section

# What an audit reads of each repository.
READ = [
    *("name", "owner", "url", "source", "integration_id", "organization_id", "default_branch"),
    *("is_selected", "is_archived", "scanned_at", "broken"),
]
COUNTS = (
    "known",
    "selected",
    "archived",
    "unselected",
    "archived_selected",
    "broken",
    "not_scanned",
    "never_scanned",
)
KINDS_SEEN = ("broken", "not_scanned", "unselected", "archived_selected")
# Days since the last scan, as the report pictures them: at most so many.
AGES = (("within 7 days", 7), ("8 to 30 days", 30), ("31 to 90 days", 90), ("longer ago", None))
EXAMPLES = 5
_CONTRADICTED = {
    "listed": "its list of unscanned repositories has them, and their date says that they were scanned",
    "not_listed": "their date says that they were not scanned, and its list of unscanned repositories does not have them",
}
# Of one data source many repositories are one finding; what is said of them.
_TOLD = {
    "unselected": "the tenant lists them, but they are not selected",
    "archived_selected": "they are archived but still selected",
}


def name_of(row: Row) -> str:
    """How a repository of the tenant's list is called."""
    return "/".join(str(row[k]) for k in ("owner", "name") if row.get(k)) or str(
        row.get("url") or row.get("id")
    )


def tenant_repositories(evidence: Evidence) -> Section:
    """The section tenant_repositories: the tenant's own list in numbers, and what is to be said of it.

    A repository that is selected and was not scanned counts only where the tenant shows the date of any scan
    (docs/api.md: repository.never).
    """
    known, max_age_days, today = evidence.known, evidence.scan_max_age_days, evidence.today
    if known is None:
        return Section("tenant_repositories", None)
    by_id = {str(source["id"]): source for source in evidence.sources}
    dated = any(row.get("scanned_at") for row in known)
    limit = dt.date.fromordinal(max(1, today.toordinal() - max_age_days))
    groups: dict[tuple[str, str], Row] = {}
    listed: dict[tuple[str, str], list[str]] = {}
    broken: dict[tuple[str, str], list[Row]] = {}
    for row in known:
        holder = _holder(row, by_id)
        seen = _seen(row, limit, dated)
        organization = str(row.get("owner") or row.get("organization_id") or "").partition("/")[0]
        group = groups.setdefault((organization, str(holder["subject"])), _empty(organization, holder))
        for name in seen:
            group[name] += 1
        when = row.get("scanned_at")
        if when and row.get("is_selected") is not False:
            group["newest_scan"] = max(group["newest_scan"] or when, when)
            group["oldest_scan"] = min(group["oldest_scan"] or when, when)
        if "broken" in seen:
            broken.setdefault((_group(row), _reasons(row)), []).append(row)
        for kind in seen:
            if kind in KINDS_SEEN and kind != "broken":
                listed.setdefault((kind, _group(row)), []).append(name_of(row))
    ages = dict.fromkeys([*(title for title, _most in AGES), "never"], 0)
    for row in known:
        if row.get("is_selected") is True and row.get("is_archived") is not True:
            ages[_age(str(row.get("scanned_at") or ""), today)] += 1
    holders = {_group(row): _holder(row, by_id) for row in known}
    told = {
        **_TOLD,
        "not_scanned": f"they are selected, but were not scanned for {max_age_days} days, or never",
    }
    found = [_broken(some, said, holders[key]) for (key, said), some in broken.items()]
    found += [
        Finding(kind, told[kind], repositories=sorted(names), **holders[key])
        for (kind, key), names in listed.items()
    ]
    rows = sorted(
        groups.values(),
        key=lambda g: (-sum(g[k] for k in KINDS_SEEN), g["organization"], str(g["data_source"])),
    )
    section: Row = {name: sum(g[name] for g in rows) for name in COUNTS}
    for name, best in (("newest_scan", max), ("oldest_scan", min)):
        section[name] = best((g[name] for g in rows if g[name]), default=None)
    # (docs/api.md: repositories.unscanned)
    ids = None if evidence.unscanned is None else {str(one["id"]) for one in evidence.unscanned}
    named = None if ids is None else [row for row in known if str(row["id"]) in ids]
    section.update(
        unscanned=None if named is None else len(named),
        contradicted=_contradicted(known, named, limit, dated),
        complete=evidence.known_whole,
        max_age_days=max_age_days,
        dates_shown=dated,
        scan_ages=ages,
        by=rows,
    )
    return Section("tenant_repositories", section, found)


def notes(section: Section) -> list[str]:
    """What the reader of this section has to know."""
    seen, told = section.content, []
    if seen and not seen["complete"]:
        told.append(
            f"The tenant repeats pages of its list of repositories: {seen['known']} were seen, and there "
            "may be "
            f"more of which nothing is "
            "known."
        )
    if seen and seen["selected"] and not seen["dates_shown"]:
        told.append(
            "The tenant does not show when repositories were scanned, so missing scans cannot be found."
            if seen["unscanned"] is None
            else f"The tenant does not show when repositories were scanned; according to its own list, "
            f"{seen['unscanned']} were not scanned for {seen['max_age_days']} days."
        )
    for said, names in (seen or {}).get("contradicted", {}).items():
        more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
        told.append(
            f"The tenant contradicts itself about {len(names)} repositories: {_CONTRADICTED[said]}. It is "
            f"unknown which is right; the date counts here: {', '.join(names[:EXAMPLES])}{more}."
        )
    return told


def _contradicted(
    known: list[Row], named: list[Row] | None, limit: dt.date, dated: bool
) -> dict[str, list[str]]:
    """What the tenant says in two ways, and the repositories of which it does. A day more or less is none."""
    if named is None or not dated:
        return {}
    ids, day = {row["id"] for row in named}, dt.timedelta(days=1)
    found: dict[str, list[str]] = {}
    for row in known:
        when = day_of(str(row.get("scanned_at") or ""))
        if row["id"] in ids and when > limit + day:
            found.setdefault("listed", []).append(name_of(row))
        elif row["id"] not in ids and "not_scanned" in _seen(row, limit - day, dated):
            found.setdefault("not_listed", []).append(name_of(row))
    return {said: sorted(names) for said, names in sorted(found.items())}


def _age(when: str, today: dt.date) -> str:
    """The word of AGES for a scan."""
    if not when:
        return "never"
    days = (today - day_of(when)).days
    return next(title for title, most in AGES if most is None or days <= most)


def _seen(row: Row, limit: dt.date, dated: bool) -> list[str]:
    """The counts in which a repository counts."""
    selected, archived = row.get("is_selected"), row.get("is_archived") is True
    when = row.get("scanned_at")
    late = dated and selected is True and not archived and day_of(str(when or "")) < limit
    verdicts = {
        "known": True,
        "selected": selected is True,
        "archived": archived,
        "unselected": selected is False and not archived,
        "archived_selected": selected is True and archived,
        "broken": bool(row.get("broken")) and selected is not False and not archived,
        "not_scanned": late,
        "never_scanned": late and not when,
    }
    return [name for name in COUNTS if verdicts[name]]


def _group(row: Row) -> str:
    return str(row.get("integration_id") or f"{row.get('source') or ''} ")


def _holder(row: Row, by_id: dict[str, Item]) -> Row:
    """The data source that a repository belongs to, as a finding names it."""
    source = by_id.get(str(row.get("integration_id") or ""))
    if source is not None:
        return about(source)
    kind, its_id = str(row.get("source") or "") or None, row.get("integration_id")
    subject = (
        f"data source {its_id}" if its_id else f"{kind or 'repositories'}, of a data source that is not shown"
    )
    return {**about({"type": kind}), "subject": subject, "id": its_id, "stage": "code"}


def _empty(organization: str, holder: Row) -> Row:
    counts: Row = dict.fromkeys(COUNTS, 0)
    facts = {"organization": organization, "data_source": holder["subject"], "id": holder["id"]}
    return {**facts, **counts, "newest_scan": None, "oldest_scan": None}


def _reasons(row: Row) -> str:
    return ", ".join(
        f"{one['part']} ({one['reason']})" if one.get("reason") else str(one["part"]) for one in row["broken"]
    )


def _broken(rows: list[Row], reasons: str, holder: Row) -> Finding:
    """One finding for all repositories of a data source that are broken for the same reason, such as its
    token.
    """
    said = f"the tenant reports as invalid: {reasons}"
    if len(rows) > 1:
        return Finding("broken", said, repositories=sorted(map(name_of, rows)), **holder)
    return Finding(
        "broken",
        said,
        **{**holder, "subject": name_of(rows[0]), "repository": name_of(rows[0]), "stage": "code"},
    )
