# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as CSV for spreadsheets and as JUnit for pipelines. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import csv
import io
import re
import typing as t
import unicodedata
from xml.etree import ElementTree

from .._admitted import Row
from .._data_sources.status import reasons
from .kinds import KINDS, message_of
from .report import failing

COLUMNS = (
    "record", "state", "kind", "type", "name", "id", "hostname", "stage", "repository", "health", "detail",
    "owner", "reason", "expires",
)  # fmt: skip
# The first character of a formula.
_FORMULA = ("=", "+", "-", "@")
# Characters that XML 1.0 cannot contain.
_NOT_XML = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
# Maximum number of findings listed for one rule; report.json has them all.
SHOWN = 100


def as_csv(report: Row) -> str:
    """One row for each finding, data source, repository and receipt; the column record says which it is."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in _rows(report):
        writer.writerow([_cell(row.get(column)) for column in COLUMNS])
    return out.getvalue()


def _rows(report: Row) -> t.Iterator[Row]:
    for each in report["findings"]:
        state = "excused" if each["excused"] else "fails" if each["kind"] in report["fail_on"] else "open"
        about = each if each["type"] or each["repository"] else {**each, "name": each["subject"]}
        for repository in each.get("repositories") or [each["repository"]]:
            row = {"record": "finding", "state": state, "repository": repository, "detail": each["message"]}
            yield {**about, **row, **(each["excused"] or {})}
    for source in report["data_sources"]:
        state = {True: "expected", False: "unexpected", None: "present"}[source["expected"]]
        detail = f"status {source['status'] or 'not shown'}"
        detail += f", drift {source['drift']}" if source["drift"] else ""
        why = "" if source["health"] == "healthy" else reasons(source["status_details"])
        detail += f"; {why}" if why else ""
        yield {**source, "record": "data_source", "state": state, "detail": detail}
    for each in (report["repositories"] or {}).get("items", []):
        detail = f"by {each['by']}" if each["by"] else each["note"]
        row = {"record": "repository", "state": each["status"], "repository": each["name"]}
        yield {**row, "health": each["health"], "detail": detail}
    for each in (report["receipts"] or {}).get("items", []):
        detail = f"newest receipt {each['time']}, {each['age_days']} days old, {each['results']} results, "
        detail += f"sha256 {each['sha256']}" + (f"; {each['why']}" if each["why"] else "")
        row = {"record": "receipt", "state": each["state"], "name": each["collector"]}
        yield {**row, "repository": each["repository"], "detail": detail}


def _cell(value: t.Any) -> str:
    """Text that no spreadsheet takes for a formula, even if it splits the file at semicolons."""
    text = "" if value is None else str(value).replace("\0", "\ufffd")
    text = "".join(part if part in ";\t\r\n" else _tame(part) for part in re.split(r"([;\t\r\n])", text))
    return f"'{text}" if text[:1] in ("\t", "\r") else text


def _tame(part: str) -> str:
    # A program may drop invisible characters (blanks, marks of direction or of byte order) and treat a
    # full-width sign as the usual one.
    first = next((char for char in part if not char.isspace() and unicodedata.category(char)[0] != "C"), "")
    return f"'{part}" if unicodedata.normalize("NFKC", first) in _FORMULA else part


def as_junit(report: Row) -> str:
    """One test case for each expected data source and for each rule (kind of finding).

    Only findings of a kind in audit_fail_on are failures; others are in system-out. A rule that was not
    examined is skipped.
    """
    findings, skipped = report["findings"], report["not_examined"]
    fails = {id(f) for f in failing(findings, report["fail_on"])}
    suites = {
        "expected data sources": [
            _case(
                f"expected.{entry['type'] or 'data_source'}",
                f"[{entry['index']}] {entry['subject']}",
                [f for f in findings if f["index"] == entry["index"]],
                fails,
            )
            for entry in report["expected"]
        ],
        "rules": [
            _case("rule", kind, [f for f in findings if f["kind"] == kind], fails, skipped.get(kind))
            for kind in KINDS
        ],
    }
    root = _element("testsuites", _counts([case for cases in suites.values() for case in cases]))
    when = report["audited_at"].rstrip("Z")
    for name, cases in suites.items():
        about = {"name": name, "hostname": report["tenant"], "timestamp": when, **_counts(cases)}
        _element("testsuite", about, inside=root).extend(cases)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _element(
    tag: str, attributes: Row, text: str | None = None, *, inside: ElementTree.Element | None = None
) -> ElementTree.Element:
    """A new element, appended to another one if that is given. A character that XML cannot contain becomes
    \\u and its number.
    """
    element = ElementTree.Element(tag, {name: _text(str(value)) for name, value in attributes.items()})
    element.text = None if text is None else _text(text)
    if inside is not None:
        inside.append(element)
    return element


def _case(
    group: str, name: str, findings: list[Row], fails: set[int], not_examined: str | None = None
) -> ElementTree.Element:
    """A test case.

    fails: the id() of each finding that is a failure.
    not_examined: why the case is skipped; None if it is not.
    """
    bad = [f for f in findings if id(f) in fails]
    others = [f for f in findings if id(f) not in fails]
    case = _element("testcase", {"classname": group, "name": name, "time": 0})
    if bad:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        message = f"{bad[0]['subject']}: {message_of(bad[0])}{more}"
        _element("failure", {"message": message, "type": bad[0]["kind"]}, _listed(bad), inside=case)
    elif not_examined:
        _element("skipped", {"message": f"not examined: {not_examined}"}, inside=case)
    if others:
        _element("system-out", {}, _listed(others), inside=case)
    return case


def _listed(findings: list[Row]) -> str:
    lines = [
        f"{f['kind']}: {f['subject']}: {message_of(f)}"
        + (f" (excused until {f['excused']['expires']})" if f["excused"] else "")
        for f in findings[:SHOWN]
    ]
    if len(findings) > SHOWN:
        lines.append(f"... and {len(findings) - SHOWN} more: see report.json")
    return "\n".join(lines)


def _counts(cases: list[ElementTree.Element]) -> Row:
    failed, skipped = (sum(case.find(tag) is not None for case in cases) for tag in ("failure", "skipped"))
    return {"tests": len(cases), "failures": failed, "errors": 0, "skipped": skipped, "time": 0}


def _text(value: str) -> str:
    return _NOT_XML.sub(lambda char: f"\\u{ord(char[0]):04x}", value)
