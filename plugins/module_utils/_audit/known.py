# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tenant reports about its repositories: selected, scanned, broken. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import datetime as dt

from .._admitted import Row
from .._data_sources.fields import Item
from .._repositories import day_of
from .compare import about
from .evidence import Evidence
from .kinds import Finding, Section, some_of

# The members of a repository that an audit reads.
READ = [
    *("name", "owner", "url", "source", "integration_id", "organization_id", "default_branch"),
    *("is_selected", "is_archived", "scanned_at", "broken"),
]
COUNTS = (
    "known", "selected", "archived", "unselected", "archived_selected", "broken", "not_scanned",
    "never_scanned",
)  # fmt: skip
KINDS_SEEN = ("broken", "not_scanned", "unselected", "archived_selected")
# The bars of the report's chart of scans: title, and the most days since the last scan.
AGES = (("within 7 days", 7), ("8 to 30 days", 30), ("31 to 90 days", 90), ("longer ago", None))
EXAMPLES = 5
_CONTRADICTED = {
    "listed": "its list of unscanned repositories has them, and their date says that they were scanned",
    "not_listed": "their date says that they were not scanned, and its list of unscanned repositories does "
    "not have them",
}


def name_of(row: Row) -> str:
    """The name of a repository of the tenant's list, with its owner; its URL or ID if it has none."""
    path = "/".join(str(row[k]) for k in ("owner", "name") if row.get(k))
    return path or str(row.get("url") or row.get("id"))


def tenant_repositories(evidence: Evidence) -> Section:
    """The section tenant_repositories: the tenant's own list in numbers, and what is wrong with it.

    A selected repository without a scan counts as not scanned only if the tenant shows the date of any scan
    (docs/api.md: repository.never).
    """
    known, max_age_days, today = evidence.known, evidence.scan_max_age_days, evidence.today
    if known is None:
        return Section("tenant_repositories", None)
    sources = {str(source["id"]): source for source in evidence.sources}
    dated = any(row.get("scanned_at") for row in known)
    limit = dt.date.fromordinal(max(1, today.toordinal() - max_age_days))
    messages = {
        "not_scanned": f"they are selected, but were not scanned for {max_age_days} days, or never",
        "unselected": "the tenant lists them, but they are not selected",
        "archived_selected": "they are archived but still selected",
    }
    groups: dict[tuple[str, str], Row] = {}
    facts_by_key: dict[str, Row] = {}
    # Repositories of one data source with the same problem are one finding.
    problems: dict[tuple[str, str, str], list[str]] = {}
    ages = dict.fromkeys([*(title for title, _most in AGES), "never"], 0)
    for row in known:
        facts, counted, when = _data_source(row, sources), _counted(row, limit, dated), row.get("scanned_at")
        key = str(row.get("integration_id") or f"{row.get('source') or ''} ")
        facts_by_key[key] = facts
        organization = str(row.get("owner") or row.get("organization_id") or "").partition("/")[0]
        group = groups.setdefault((organization, str(facts["subject"])), _row(organization, facts))
        for name in counted:
            group[name] += 1
            if name in KINDS_SEEN:
                message = messages.get(name) or f"the tenant reports as invalid: {_reasons(row)}"
                problems.setdefault((name, key, message), []).append(name_of(row))
        if when and row.get("is_selected") is not False:
            group["newest_scan"] = max(group["newest_scan"] or when, when)
            group["oldest_scan"] = min(group["oldest_scan"] or when, when)
        if row.get("is_selected") is True and row.get("is_archived") is not True:
            ages[_age(str(when or ""), today)] += 1
    findings = [
        _finding(kind, message, sorted(names), facts_by_key[key])
        for (kind, key, message), names in problems.items()
    ]
    rows = sorted(
        groups.values(),
        key=lambda g: (-sum(g[k] for k in KINDS_SEEN), g["organization"], str(g["data_source"])),
    )
    # (docs/api.md: repositories.unscanned)
    ids = None if evidence.unscanned is None else {str(one["id"]) for one in evidence.unscanned}
    content: Row = {name: sum(g[name] for g in rows) for name in COUNTS}
    content.update(
        newest_scan=max((g["newest_scan"] for g in rows if g["newest_scan"]), default=None),
        oldest_scan=min((g["oldest_scan"] for g in rows if g["oldest_scan"]), default=None),
        unscanned=None if ids is None else sum(str(row["id"]) in ids for row in known),
        contradicted={} if ids is None or not dated else _contradicted(known, ids, limit),
        complete=evidence.known_whole,
        max_age_days=max_age_days,
        dates_shown=dated,
        scan_ages=ages,
        by=rows,
    )
    return Section("tenant_repositories", content, findings)


def notes(section: Section) -> list[str]:
    """Remarks about this section for the reader of the report."""
    seen, lines = section.content, []
    if not seen:
        return []
    if not seen["complete"]:
        lines.append(
            f"The tenant repeats pages of its list of repositories: {seen['known']} were seen, and there may "
            "be more of which nothing is known."
        )
    if seen["selected"] and not seen["dates_shown"]:
        lines.append(
            "The tenant does not show when repositories were scanned, so missing scans cannot be found."
            if seen["unscanned"] is None
            else f"The tenant does not show when repositories were scanned; according to its own list, "
            f"{seen['unscanned']} were not scanned for {seen['max_age_days']} days."
        )
    lines += [
        f"The tenant contradicts itself about {len(names)} repositories: {_CONTRADICTED[word]}. It is "
        f"unknown which is right; the date counts here: {some_of(names, EXAMPLES)}."
        for word, names in seen["contradicted"].items()
    ]
    return lines


def _contradicted(known: list[Row], unscanned: set[str], limit: dt.date) -> dict[str, list[str]]:
    """The names of repositories whose date and the tenant's list of unscanned ones differ by more than a day.

    unscanned: the IDs on that list.
    limit: the first day on which a scan is recent enough.
    """
    names: dict[str, list[str]] = {}
    day = dt.timedelta(days=1)
    for row in known:
        if str(row["id"]) in unscanned:
            if day_of(str(row.get("scanned_at") or "")) > limit + day:
                names.setdefault("listed", []).append(name_of(row))
        elif "not_scanned" in _counted(row, limit - day, True):
            names.setdefault("not_listed", []).append(name_of(row))
    return {word: sorted(some) for word, some in sorted(names.items())}


def _age(when: str, today: dt.date) -> str:
    """The title in AGES for the time of a scan; "never" for an empty one."""
    if not when:
        return "never"
    days = (today - day_of(when)).days
    return next(title for title, most in AGES if most is None or days <= most)


def _counted(row: Row, limit: dt.date, dated: bool) -> list[str]:
    """The names in COUNTS under which a repository is counted.

    limit: the first day on which a scan is recent enough.
    dated: whether the tenant shows the date of any scan.
    """
    selected, archived = row.get("is_selected"), row.get("is_archived") is True
    when = row.get("scanned_at")
    late = dated and selected is True and not archived and day_of(str(when or "")) < limit
    counted = {
        "known": True,
        "selected": selected is True,
        "archived": archived,
        "unselected": selected is False and not archived,
        "archived_selected": selected is True and archived,
        "broken": bool(row.get("broken")) and selected is not False and not archived,
        "not_scanned": late,
        "never_scanned": late and not when,
    }
    return [name for name in COUNTS if counted[name]]


def _data_source(row: Row, sources: dict[str, Item]) -> Row:
    """What a finding says about the data source of a repository. sources: by ID."""
    its_id = row.get("integration_id")
    source = sources.get(str(its_id or ""))
    if source is not None:
        return about(source)
    kind = str(row.get("source") or "") or None
    unseen = f"{kind or 'repositories'}, of a data source that is not shown"
    subject = f"data source {its_id}" if its_id else unseen
    return {**about({"type": kind}), "subject": subject, "id": its_id, "stage": "code"}


def _row(organization: str, facts: Row) -> Row:
    """The row of an organization in a data source, before anything is counted."""
    row = {"organization": organization, "data_source": facts["subject"], "id": facts["id"]}
    return {**row, **dict.fromkeys(COUNTS, 0), "newest_scan": None, "oldest_scan": None}


def _reasons(row: Row) -> str:
    return ", ".join(
        f"{one['part']} ({one['reason']})" if one.get("reason") else str(one["part"]) for one in row["broken"]
    )


def _finding(kind: str, message: str, names: list[str], facts: Row) -> Finding:
    """One finding for all repositories of a data source with the same problem; one that is broken alone is
    its own subject.
    """
    if kind == "broken" and len(names) == 1:
        return Finding(
            kind, message, **{**facts, "subject": names[0], "repository": names[0], "stage": "code"}
        )
    return Finding(kind, message, repositories=names, **facts)
