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
    "record", "state", "kind", "type", "name", "id", "hostname", "stage", "repository", "health", "detail", "owner", "reason", "expires"
)  # fmt: skip
# What begins a formula.
_FORMULA = ("=", "+", "-", "@")
# What XML 1.0 cannot hold at all.
_NOT_XML = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
# Of one rule no more are written out: report.json has them all.
SHOWN = 100


def as_csv(report: Row) -> str:
    """One row for each finding, data source, repository and receipt, told apart by the column record."""
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
            row = {
                "record": "finding",
                "state": state,
                "repository": repository,
                "detail": each["message"],
                **(each["excused"] or {}),
            }
            yield {**about, **row}
    for source in report["data_sources"]:
        state = {True: "expected", False: "unexpected", None: "present"}[source["expected"]]
        told = f"status {source['status'] or 'not shown'}"
        told += f", drift {source['drift']}" if source["drift"] else ""
        why = "" if source["health"] == "healthy" else reasons(source["status_details"])
        yield {**source, "record": "data_source", "state": state, "detail": f"{told}; {why}" if why else told}
    for each in (report["repositories"] or {}).get("items", []):
        told = f"by {each['by']}" if each["by"] else each["note"]
        yield {
            "record": "repository",
            "state": each["status"],
            "repository": each["name"],
            "health": each["health"],
            "detail": told,
        }
    for each in (report["receipts"] or {}).get("items", []):
        told = (
            f"newest receipt {each['time']}, {each['age_days']} days old, {each['results']} results, sha256 "
            f"{each['sha256']}"
        )
        told += f"; {each['why']}" if each["why"] else ""
        yield {
            "record": "receipt",
            "state": each["state"],
            "name": each["collector"],
            "repository": each["repository"],
            "detail": told,
        }


def _cell(value: t.Any) -> str:
    """Text that no spreadsheet takes for a formula, also not a part of it, where one parts the file at
    semicolons.
    """
    text = "" if value is None else str(value).replace("\0", "\ufffd")
    text = "".join(part if part in ";\t\r\n" else _tame(part) for part in re.split(r"([;\t\r\n])", text))
    return f"'{text}" if text[:1] in ("\t", "\r") else text


def _tame(part: str) -> str:
    # What is not seen (blanks, marks of direction or of byte order) may be dropped, and other widths of these
    # signs taken for them.
    seen = next((char for char in part if not char.isspace() and unicodedata.category(char)[0] != "C"), "")
    return f"'{part}" if unicodedata.normalize("NFKC", seen) in _FORMULA else part


def as_junit(report: Row) -> str:
    """One test case for each expected data source and for each rule (kind of finding).

    Only what audit_fail_on names is a failure; other findings are system-out, a rule that was not examined is
    skipped.
    """
    fails = {id(f) for f in failing(report["findings"], report["fail_on"])}
    cases = [
        _expected_case(entry, [f for f in report["findings"] if f["index"] == entry["index"]], fails)
        for entry in report["expected"]
    ]
    suites = [
        ("expected data sources", cases),
        ("rules", [_rule_case(report, kind, fails) for kind in KINDS]),
    ]
    root = _element("testsuites", _counts([case for _name, some in suites for case in some]))
    for name, some in suites:
        about = {
            "name": name,
            "hostname": report["tenant"],
            "timestamp": report["audited_at"].rstrip("Z"),
            **_counts(some),
        }
        suite = _element("testsuite", about, inside=root)
        suite.extend(some)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _element(
    tag: str, attributes: Row, text: str | None = None, *, inside: ElementTree.Element | None = None
) -> ElementTree.Element:
    """An element, the last one inside another one if that is given. What XML cannot hold at all is written as
    \\u0000.
    """
    made = ElementTree.Element(tag, {name: _text(str(value)) for name, value in attributes.items()})
    made.text = None if text is None else _text(text)
    if inside is not None:
        inside.append(made)
    return made


def _expected_case(entry: Row, findings: list[Row], fails: set[int]) -> ElementTree.Element:
    return _case(
        f"expected.{entry['type'] or 'data_source'}",
        f"[{entry['index']}] {entry['subject']}",
        findings,
        fails,
    )


def _rule_case(report: Row, kind: str, fails: set[int]) -> ElementTree.Element:
    why = report["not_examined"].get(kind)
    return _case(
        "rule",
        kind,
        [f for f in report["findings"] if f["kind"] == kind],
        fails,
        f"not examined: {why}" if why else "",
    )


def _case(
    group: str, name: str, findings: list[Row], fails: set[int], skipped: str = ""
) -> ElementTree.Element:
    bad = [f for f in findings if id(f) in fails]
    others = [f for f in findings if id(f) not in fails]
    case = _element("testcase", {"classname": group, "name": name, "time": 0})
    if bad:
        first = f"{bad[0]['subject']}: {message_of(bad[0])}" + (
            f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        )
        _element("failure", {"message": first, "type": bad[0]["kind"]}, _listed(bad), inside=case)
    elif skipped:
        _element("skipped", {"message": skipped}, inside=case)
    if others:
        _element("system-out", {}, _listed(others), inside=case)
    return case


def _listed(findings: list[Row]) -> str:
    lines = [
        f"{f['kind']}: {f['subject']}: {message_of(f)}"
        + (f" (excused until {f['excused']['expires']})" if f["excused"] else "")
        for f in findings[:SHOWN]
    ]
    return "\n".join(
        lines + ([f"... and {len(findings) - SHOWN} more: see report.json"] if len(findings) > SHOWN else [])
    )


def _counts(cases: list[ElementTree.Element]) -> Row:
    failed, skipped = (sum(case.find(tag) is not None for case in cases) for tag in ("failure", "skipped"))
    return {"tests": len(cases), "failures": failed, "errors": 0, "skipped": skipped, "time": 0}


def _text(value: str) -> str:
    return _NOT_XML.sub(lambda char: f"\\u{ord(char[0]):04x}", value)
