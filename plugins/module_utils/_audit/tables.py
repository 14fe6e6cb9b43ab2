# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, a report as CSV for spreadsheets and as JUnit for pipelines. Pure.
from __future__ import annotations

import csv
import html
import io
import re
import typing as t

from .._data_sources.status import reasons
from .kinds import KINDS, Finding
from .report import failing

Row = dict[str, t.Any]
COLUMNS = (
    "record", "state", "kind", "type", "name", "id", "hostname", "stage", "repository", "health", "detail", "owner", "reason", "expires"
)  # fmt: skip
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
        yield {**about, "record": "finding", "state": state, "detail": each["message"], **(each["excused"] or {})}
    for source in report["data_sources"]:
        state = {True: "expected", False: "unexpected", None: "present"}[source["expected"]]
        told = f"status {source['status']}, drift {source['drift']}"
        why = "" if source["health"] == "healthy" else reasons(source["status_details"])
        yield {**source, "record": "data_source", "state": state, "detail": f"{told}; {why}" if why else told}
    for each in (report["repositories"] or {}).get("items", []):
        told = f"by {each['by']}" if each["by"] else each["note"]
        yield {"record": "repository", "state": each["status"], "repository": each["name"], "health": each["health"], "detail": told}
    for each in (report["receipts"] or {}).get("items", []):
        told = f"newest upload {each['time']}, {each['age_days']} days old, {each['results']} results, sha256 {each['sha256']}"
        state = "stale" if each["stale"] else "fresh"
        yield {"record": "receipt", "state": state, "name": each["collector"], "repository": each["repository"], "detail": told}


def _cell(value: t.Any) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1] in ("\t", "\r") else text


def as_junit(report: Row) -> str:
    """One test case for each expected data source and for each rule (kind of finding).

    Only what audit_fail_on names is a failure; other findings are system-out, a rule that was not examined is skipped.
    """
    fails = {id(f) for f in failing(report["findings"], report["fail_on"])}
    cases = [_expected_case(entry, [f for f in report["findings"] if f["index"] == entry["index"]], fails) for entry in report["expected"]]
    suites = [("expected data sources", cases), ("rules", [_rule_case(report, kind, fails) for kind in KINDS])]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{_counts([c for _name, some in suites for c in some])}>"]
    for name, some in suites:
        stamp = _attribute("timestamp", report["audited_at"].rstrip("Z"))
        lines.append(f"  <testsuite{_attribute('name', name)}{_attribute('hostname', report['tenant'])}{stamp}{_counts(some)}>")
        lines += [line for case in some for line in case["lines"]]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _expected_case(entry: Row, findings: list[Finding], fails: set[int]) -> Row:
    return _case(f"expected.{entry['type'] or 'data_source'}", f"[{entry['index']}] {entry['subject']}", findings, fails)


def _rule_case(report: Row, kind: str, fails: set[int]) -> Row:
    why = report["not_examined"].get(kind)
    return _case("rule", kind, [f for f in report["findings"] if f["kind"] == kind], fails, f"not examined: {why}" if why else "")


def _case(group: str, name: str, findings: list[Finding], fails: set[int], skipped: str = "") -> Row:
    bad = [f for f in findings if id(f) in fails]
    others = [f for f in findings if id(f) not in fails]
    inside = []
    if bad:
        first = f"{bad[0]['subject']}: {bad[0]['message']}" + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else "")
        inside.append(f"      <failure{_attribute('message', first)}{_attribute('type', bad[0]['kind'])}>{_listed(bad)}</failure>")
    elif skipped:
        inside.append(f"      <skipped{_attribute('message', skipped)}/>")
    if others:
        inside.append(f"      <system-out>{_listed(others)}</system-out>")
    lines = [f'    <testcase{_attribute("classname", group)}{_attribute("name", name)} time="0">', *inside, "    </testcase>"]
    return {"failed": bool(bad), "skipped": bool(skipped) and not bad, "lines": lines}


def _listed(findings: list[Finding]) -> str:
    lines = [
        f"{f['kind']}: {f['subject']}: {f['message']}" + (f" (excused until {f['excused']['expires']})" if f["excused"] else "")
        for f in findings[:SHOWN]
    ]
    return _text("\n".join(lines + ([f"... and {len(findings) - SHOWN} more: see report.json"] if len(findings) > SHOWN else [])))


def _counts(cases: list[Row]) -> str:
    failed, skipped = sum(c["failed"] for c in cases), sum(c["skipped"] for c in cases)
    return f' tests="{len(cases)}" failures="{failed}" errors="0" skipped="{skipped}" time="0"'


def _attribute(name: str, value: t.Any) -> str:
    return f' {name}="{_text(str(value)).replace(chr(10), "&#10;")}"'


def _text(value: str) -> str:
    return html.escape(_NOT_XML.sub("\ufffd", value))
