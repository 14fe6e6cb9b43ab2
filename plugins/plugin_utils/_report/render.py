# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a report as one HTML file that fetches nothing; everything from outside this folder is escaped.

Private to the collection, floor 4.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jinja2

from ...module_utils._audit.kinds import KINDS

HERE = os.path.dirname(__file__)
# If more findings than this have the same message, they are one line with a list of names.
ALIKE = 8
# Maximum number of names in one collapsed part of the page: a browser lays out only what is open.
CHUNK = 500


def render_report(report: dict[str, Any]) -> str:
    findings = [
        {
            "kind": kind,
            "about": about,
            "fails": kind in report["fail_on"],
            **counts,
            "groups": _groups(report["findings"], kind),
        }
        for kind, about in KINDS.items()
        if (counts := report["counts"][kind])["open"] or counts["excused"]
    ]
    findings.sort(key=lambda f: (not f["open"], not (f["fails"] and f["open"])))
    covered = list(_covered((report["repositories"] or {}).get("items", [])))
    return _render("report.html.j2", report=report, findings=findings, covered=covered, chunks=_chunks)


def render_fleet(fleet: dict[str, Any]) -> str:
    return _render("fleet.html.j2", fleet=fleet, url=quote)


def _lines(history: list[dict[str, Any]], width: int, height: int) -> list[dict[str, Any]]:
    """The lines of a chart of coverage over time.

    history: the history of a report.
    width, height: of the chart, in pixels.

    Returns for each line its word, its marks (x and y in pixels, percent, at: the time of the report), and
    its end, which is the last mark. Empty without two reports with a list of repositories and readable times.
    """
    points = [point for point in history if isinstance(point.get("listed"), int) and point["listed"] > 0]
    try:
        times = [datetime.datetime.fromisoformat(point["audited_at"][:19]) for point in points]
    except ValueError:
        return []
    if len(points) < 2 or times[0] == times[-1]:
        return []
    drawn = []
    for word in ("covered", "fresh"):
        marks = [
            {
                "x": round((when - times[0]) / (times[-1] - times[0]) * width, 1),
                "y": round((1 - point[word] / point["listed"]) * height, 1),
                "percent": round(100 * (point[word] / point["listed"])),
                "at": point["audited_at"],
            }
            for when, point in zip(times, points)
            if isinstance(point.get(word), int) and 0 <= point[word] <= point["listed"]
        ]
        if len(marks) > 1:
            drawn.append({"word": word, "marks": marks, "end": marks[-1]})
    return drawn


def _groups(findings: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The findings of a kind: more than ALIKE with one message as a group, the others as rows."""
    same: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for each in findings:
        if each["kind"] == kind:
            plain = each["before"] is None and each["after"] is None and not each.get("repositories")
            key = (each["message"], *(each["excused"] or {}).values()) if plain else (id(each),)
            same.setdefault(key, []).append(each)
    rows = [f for some in same.values() if len(some) <= ALIKE for f in some]
    groups = [
        {"message": some[0]["message"], "excused": some[0]["excused"], "names": [f["subject"] for f in some]}
        for some in same.values()
        if len(some) > ALIKE
    ]
    return [{"rows": rows}, *groups] if rows else groups


def _covered(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Groups of repositories with the same status, health and remark. Uncovered ones come first."""
    same: dict[tuple[str, str, str], list[str]] = {}
    for row in items:
        by = f"selected by {row['by']}, whose health is {row['health']}" if row["by"] else ""
        remark = ". ".join(filter(None, [by, row["note"]])) or "no version-control data source selects them"
        same.setdefault((row["status"], row["health"] or "", remark), []).append(row["name"])
    order = {"uncovered": 0, "unknown": 1, "covered": 2}
    for (status, health, remark), names in sorted(
        same.items(), key=lambda pair: (order[pair[0][0]], pair[0])
    ):
        yield {"status": status, "health": health, "remark": remark, "names": sorted(names)}


def _chunks(names: list[str]) -> list[list[str]]:
    return [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]


def _file(name: str) -> str:
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _render(name: str, **content: Any) -> str:
    style, script = _file("report.css"), _file("report.js")
    # Only this style and this script are allowed, and nothing may be fetched, whatever a tenant put into a
    # name.
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    environment = jinja2.Environment(
        autoescape=True,
        # A page must not contain it, and a program that reads the page may stop there.
        finalize=lambda value: value.replace("\0", "\ufffd") if isinstance(value, str) else value,
        loader=jinja2.FileSystemLoader(HERE),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    content.update(style=style, script=script, policy=policy, kinds=KINDS, lines=_lines)
    return environment.get_template(name).render(content)
