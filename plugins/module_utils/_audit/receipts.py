# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, the receipts of uploads and their age. Pure.
from __future__ import annotations

import datetime as dt

from .._addresses import Repository, path_key
from .._data_sources.fields import Item
from .._errors import InputError
from .evidence import Evidence
from .kinds import Finding, Row, Section, day_from
from .repositories import Reader, may_be


def receipts(evidence: Evidence, wanted: list[Row]) -> Section:
    """The section receipts: the newest one of each collector and repository, whatever the branch: a branch that is gone is not stale.

    wanted: the expected data sources. When nothing is described, the collectors of the tenant are expected.
    """
    if evidence.receipts is None:
        return Section("receipts", None)
    sources, today, max_age_days = evidence.sources, evidence.today, evidence.max_age_days
    collectors = [s for s in sources if str(s.get("type") or "").upper() == "COLLECTOR"]
    reader = Reader(sources, evidence.known)
    newest: dict[tuple[str, str, str], Row] = {}
    counts: dict[tuple[str, str, str], int] = {}
    found: list[Finding] = []
    for receipt in evidence.receipts:
        fault = _fault(receipt, today)
        if fault:
            found.append(Finding("unreadable", fault, subject=receipt["file"]))
            continue
        source = _collector(str(receipt.get("collector") or ""), collectors)
        name = str(source.get("name") or source["id"]) if source else str(receipt.get("collector") or "")
        key = (name, *reader.read(str(receipt.get("repository") or "")).key)
        counts[key] = counts.get(key, 0) + 1
        if key not in newest or str(newest[key]["time"]) < str(receipt["time"]):
            newest[key] = receipt
    rows = [_row(key[0], str(receipt.get("repository") or ""), receipt, counts[key], today) for key, receipt in sorted(newest.items())]
    for row in rows:
        row["stale"] = row["age_days"] > max_age_days
        if row["stale"]:
            found.append(_stale(row, f"its newest receipt is {row['age_days']} days old, more than {max_age_days}"))
    uploading = {row["collector"] for row in rows}
    for name in _expected(collectors, None if evidence.expected is None else wanted):
        if name not in uploading:
            found.append(_stale({"collector": name, "repository": None}, "it has no receipt at all"))
    section = {"files": len(evidence.receipts), "max_age_days": max_age_days, "stale": sum(r["stale"] for r in rows), "items": rows}
    if evidence.repositories is not None:
        without = _without_upload(evidence.repositories, rows, reader)
        section["repositories_without"] = len(without)
        found += without
    return Section("receipts", section, found)


def _fault(receipt: Row, today: dt.date) -> str:
    try:
        day = day_from(receipt.get("time"), "its time")
    except InputError as exc:
        return f"no receipt of an upload: {exc}"
    if not isinstance(receipt.get("status"), int) or not 200 <= receipt["status"] < 300:
        return f"it does not record an accepted upload (status {receipt.get('status')})"
    # A day for the time zones.
    return f"it is dated {day}, after the day of the audit ({today})" if day > today + dt.timedelta(days=1) else ""


def _collector(said: str, collectors: list[Item]) -> Item | None:
    """A receipt names its collector as the upload did: by name, by id, or by the path of its URL."""
    return next((c for c in collectors if c.get("name") == said), None) or next(
        (c for c in collectors if said.rstrip("/").rpartition("/")[2] == c["id"]), None
    )


def _row(name: str, repository: str, receipt: Row, uploads: int, today: dt.date) -> Row:
    kept = {k: receipt.get(k) for k in ("branch", "commit", "tool", "results", "results_by_level", "sha256", "time", "file")}
    age = max(0, (today - day_from(receipt["time"], "time")).days)
    return {"collector": name, "repository": repository or None, "uploads": uploads, "age_days": age, **kept}


def _stale(row: Row, message: str) -> Finding:
    subject = " ".join(filter(None, [f'COLLECTOR "{row["collector"]}"', row["repository"] and f"for {row['repository']}"]))
    return Finding(
        "stale", message, subject=subject, type="COLLECTOR", name=row["collector"], repository=row["repository"], stage="cross_stage"
    )


def _expected(collectors: list[Item], wanted: list[Row] | None) -> list[str]:
    if wanted is None:
        return [str(c.get("name") or c["id"]) for c in collectors]
    return [
        str(w["name"] or w["id"])
        for w in wanted
        if str(w["type"] or "").upper() == "COLLECTOR" and (w["name"] or w["id"]) and w["state"] in ("present", "missing")
    ]


def _without_upload(listed: list[str], rows: list[Row], reader: Reader) -> list[Finding]:
    have: dict[str, list[Repository]] = {}
    for row in rows:
        uploaded = reader.read(row["repository"] or "")
        path = path_key(uploaded.path)
        for end in dict.fromkeys((path, path.rpartition("/")[2])):  # a list may name the last part alone
            have.setdefault(end, []).append(uploaded)
    found: list[Finding] = []
    for text in {reader.read(text).key: text for text in reversed(listed)}.values():
        wanted = reader.read(text)
        meant = [one for one in (wanted, reader.known_host(wanted)) if one]
        if not any(may_be(one, up.host) or may_be(up, one.host) for one in meant for up in have.get(path_key(one.path), [])):
            found.append(Finding("no_upload", "there is no receipt for it", subject=text, repository=text, stage="cross_stage"))
    return sorted(found, key=lambda f: str(f.subject))
