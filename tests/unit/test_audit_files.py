# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an audit: lists, exceptions, receipts and baselines that it reads; CSV, JUnit and pages that it writes."""

from __future__ import annotations

import csv
import datetime
import io
import json
import os
import re
import shutil
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible.errors import AnsibleFilterError
from test_audit import GITLAB, JENKINS, Row, audited

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.fleet import fleet, summary
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.kinds import KINDS
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.tables import as_csv, as_junit
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import outgoing
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repository_lists import names_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._version import VERSION
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._audit import (
    FLEET,
    REPORTS,
    Options,
    audit_items,
    made_by,
    prove_folder,
    write_fleet,
    write_report,
)
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._report import read as read_module
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._report.read import (
    Earlier,
    read_earlier,
    read_exceptions,
    read_receipts,
    read_repositories,
)
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._report.render import (
    render_fleet,
    render_report,
)

# -- read


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r.csv", "repository\na/b\nc/d\n"),
        ("r.csv", "\ufeffFull_Name,Name\na/b,b\nc/d,d\n"),
        ("r.csv", "id;url\n1;a/b\n2;c/d\n"),
        ("r.csv", "Project ID,Name,Path with namespace\n1,b,a/b\n2,d,c/d\n"),
        ("r.csv", "ID\tName\tWeb URL\n1\tb\ta/b\n2\td\tc/d\n"),
        ("r.csv", "a/b,whatever\nc/d,more\n\n"),
        ("r.txt", "# the list\na/b\n\n  c/d\r\n"),
        ("r.json", '["a/b", "c/d"]'),
        ("r.json", '{"repositories": [{"full_name": "a/b"}, {"name": "c/d"}]}'),
        ("r.yml", "- a/b\n- repository: c/d\n  owner: x\n"),
    ],
)
def test_a_list_of_repositories_in_each_format(tmp_path: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    names, origin = read_repositories(str(tmp_path / name))
    assert names == ["a/b", "c/d"]
    assert origin["entries"] == 2
    monkeypatch.chdir(tmp_path)
    assert read_repositories(name)[0] == names
    assert read_repositories(["a/b", {"url": "c/d"}])[0] == names


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gone.csv", None, "cannot be read: No such file or directory"),
        ("r.csv", "repository\n", "names no repository"),
        ("r.csv", "No.,Projekt,Team\n1,a/b,x\n2,c/d,y\n", r"Its columns: No\., Projekt, Team\. One of these is needed: web_url, .*name"),
        ("r.json", '{"a": [], "b": []}', "must contain a list"),
        ("r.yml", "- [a", "is not valid YML"),
        ("r.yml", "- {owner: x}", r"r.yml\[0\] is not a repository"),
        ("r.txt", b"\xff\xfe\x00", "is not UTF-8"),
    ],
)
def test_an_invalid_list_is_refused_in_one_line(tmp_path: Path, name: str, text: str | bytes | None, said: str) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=said) as raised:
        read_repositories(str(tmp_path / name))
    assert "\n" not in str(raised.value)
    assert "audit_repositories" in str(raised.value)


def test_the_url_of_a_repository_is_preferred_because_it_contains_the_host(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("name,url\nb,https://git.example.com/a/b\n")
    assert read_repositories(str(tmp_path / "r.csv"))[0] == ["https://git.example.com/a/b"]
    github = {"full_name": "a/b", "url": "https://api.github.com/repos/a/b", "html_url": "https://github.com/a/b"}
    azure = {"name": "b", "url": "https://dev.azure.com/o/1/_apis/git/repositories/2", "webUrl": "https://dev.azure.com/o/p/_git/b"}
    assert read_repositories([github, azure])[0] == ["https://github.com/a/b", "https://dev.azure.com/o/p/_git/b"]
    assert read_repositories([{**github, "html_url": None}])[0] == ["a/b"]
    # As candidates of a scope they have the platform's spelling.
    assert names_of([github, azure], "scope_candidates") == ["a/b", "o/p/b"]


def test_exceptions_come_from_a_file_or_the_variables(tmp_path: Path) -> None:
    (tmp_path / "w.yml").write_text("- {name: x, expires: 2026-12-31}\n")
    (tmp_path / "named.yml").write_text("audit_exceptions:\n  - {name: x, expires: 2026-12-31}\n")
    expected = [{"name": "x", "expires": datetime.date(2026, 12, 31)}]
    assert read_exceptions(str(tmp_path / "w.yml"))[0] == read_exceptions(str(tmp_path / "named.yml"))[0] == expected
    assert read_exceptions(expected)[0] == expected
    (tmp_path / "dates.yml").write_text("# held by the board\n- {name: x, expires: 2026-12-31}\n- name: y\n  expires: 2027-02-30\n")
    entries, lines, _origin = read_exceptions(str(tmp_path / "dates.yml"))
    assert ([each["expires"] for each in entries], lines) == ([datetime.date(2026, 12, 31), "2027-02-30"], [2, 3])
    entries[1].update(owner="o", reason="r")
    faults = [f["message"] for f in audited(exceptions=entries, exception_lines=lines)["findings"]]
    assert faults[1:] == ["its expires is 2027-02-30: this date does not exist. (line 3)"]
    (tmp_path / "empty.yml").write_text("# none any more\n")
    assert read_exceptions(str(tmp_path / "empty.yml"))[0] == []
    (tmp_path / "text.yml").write_text("just words")
    with pytest.raises(InputError, match="does not hold a list"):
        read_exceptions(str(tmp_path / "text.yml"))


def test_receipts_are_found_in_sub_folders_and_broken_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "one.json").write_text('{"time": "2026-11-20T10:00:00Z"}')
    (tmp_path / "half.json").write_text('{"time": ')
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "notes.txt").write_text("not looked at")
    (tmp_path / ".draft-x.json").write_text("not looked at")
    receipts, unreadable, origin = read_receipts(str(tmp_path))
    assert [r["file"] for r in receipts] == ["shop/one.json"]
    assert sorted(file for file, _why in unreadable) == ["deep.json", "half.json", "list.json"]
    assert origin["entries"] == 1
    with pytest.raises(InputError, match=r"audit_receipts_dir .* is not a folder .* or leave audit_receipts_dir out\.$"):
        read_receipts(str(tmp_path / "gone"))


def earlier(path: Path, tenant: str = "api-x", own: str = "/nowhere") -> Earlier:
    return read_earlier(str(path), tenant, "x", "2026-11-22T08:00:00Z", own)


def test_a_baseline_is_a_file_and_a_missing_one_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(audited(sources=[JENKINS])))
    found = earlier(tmp_path / "report.json")
    assert (found.notes, found.unreadable, len(found.history)) == ([], [], 1)
    assert found.baseline is not None
    assert found.origin["audited_at"] == "2026-11-22T08:00:00Z"
    assert earlier(tmp_path / "gone.json").notes == [
        f"The baseline {tmp_path / 'gone.json'} does not exist: changes are not shown. This is normal for the first audit."
    ]
    assert "is about api-x" in earlier(tmp_path / "report.json", "api-y").unreadable[0][1]
    (tmp_path / "report.json").write_text("{")
    assert "is not JSON" in earlier(tmp_path / "report.json").unreadable[0][1]


def test_in_dated_folders_the_newest_earlier_report_is_the_baseline(tmp_path: Path) -> None:
    def keep(folder: str, **more: Any) -> Path:
        (tmp_path / folder / "x").mkdir(parents=True)
        (tmp_path / folder / "x" / "report.json").write_text(json.dumps(audited(sources=[JENKINS], repositories=["a/b"], **more)))
        return tmp_path / folder / "x"

    keep("2026-08", audited_at="2026-08-20T08:00:00Z")
    keep("1-tenth-month", audited_at="2026-10-20T08:00:00Z")
    keep("2026-09", audited_at="2026-09-20T08:00:00Z")
    keep("future", audited_at="2026-12-01T08:00:00Z")
    keep("other", audited_at="2026-11-01T08:00:00Z", tenant="api-y")
    own = keep("2026-11", audited_at="2026-11-20T08:00:00Z")
    found = earlier(tmp_path, own=str(own))
    assert (found.origin["file"], found.unreadable) == (str(tmp_path / "1-tenth-month" / "x" / "report.json"), [])
    assert [point["audited_at"][:7] for point in found.history] == ["2026-08", "2026-09", "2026-10"]
    assert [(point["listed"], point["covered"], point["fresh"]) for point in found.history] == [(1, 0, None)] * 3
    # A damaged report is listed; reports of another tenant alone are no baseline.
    (tmp_path / "1-tenth-month" / "x" / "report.json").write_text("{")
    found = earlier(tmp_path, own=str(own))
    assert (found.origin["audited_at"][:7], found.unreadable[0][0]) == ("2026-09", str(tmp_path / "1-tenth-month" / "x" / "report.json"))
    (note,) = earlier(tmp_path / "other", "api-x").notes
    assert note.endswith("This is normal for the first audit. 1 of other tenants were ignored.")


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    scandir = os.scandir

    def closed(path: Any = ".") -> Any:
        if os.path.basename(path) == "shop":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert read_receipts(str(tmp_path))[1] == [("shop", "it cannot be read: Permission denied")]
    monkeypatch.setattr(os, "listdir", closed)
    assert earlier(tmp_path / "shop").unreadable == [
        (str(tmp_path / "shop"), "the baseline cannot be used: it cannot be read: Permission denied")
    ]


def test_a_report_of_any_size_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_module, "MOST_BYTES_OF_A_REPORT", 10)
    (tmp_path / "report.json").write_text("[1, 2, 3, 4]", encoding="utf-8")
    assert "it has more than 10 bytes" in earlier(tmp_path / "report.json").unreadable[0][1]


ODD_RECEIPTS: list[dict[str, Any]] = [
    {"repository": 5}, {"repository": ["a/b"]}, {"repository": {"a": 1}}, {"time": 20261120}, {"time": "2026-W47-1"}, {"collector": []},
    {"branch": {}}, {"tool": [[]]}, {"commit": 1.5},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_RECEIPTS, ids=str)
def test_a_receipt_with_odd_members_proves_nothing(odd: dict[str, Any]) -> None:
    receipt = {"time": "2026-11-20T08:00:00Z", "status": 201, "repository": "a/b", "file": "one.json", **odd}
    report = audited(sources=[GITLAB], repositories=["a/b"], receipts=[receipt])
    assert [f["message"][:35] for f in report["findings"] if f["kind"] == "unreadable"] == ["not a receipt of an upload: its " + (
        "tim" if "time" in odd else next(iter(odd))[:3])]  # fmt: skip
    assert render_report(report)


def test_a_baseline_without_the_members_of_today_is_compared(tmp_path: Path) -> None:
    before = audited(sources=[JENKINS])
    before["audited_at"] = "2026-10-01T08:00:00Z"
    for source in before["data_sources"]:
        del source["health"]
    before["findings"] = [{"kind": "stale", "subject": None, "repository": "a/b", "message": "m", "excused": None}]
    (tmp_path / "report.json").write_text(json.dumps(before), encoding="utf-8")
    found = earlier(tmp_path / "report.json")
    report = audited(sources=[JENKINS], baseline=found.baseline, history=found.history)
    assert report["changes"]["data_sources_changed"][0]["before"] is None
    assert "Resolved findings" in render_report(report)


def test_no_number_of_a_baseline_leaves_the_picture(tmp_path: Path) -> None:
    report = audited(repositories=["a/b"])
    history = [
        {"audited_at": f"{year}-01-01T00:00:00Z", "listed": 10, "covered": covered, "fresh": -1}
        for year, covered in (("0001", 5), ("2024", 10**15), ("2025", -5), ("2026", 5))
    ]
    page = render_report({**report, "history": history})
    (points,) = re.findall(r'<polyline class="line \w+"\s+points="([^"]*)"', page)
    assert points.split() == ["50.0,85.0", "290.0,85.0"]


def test_no_secret_of_a_url_is_in_a_report() -> None:
    job = {"CI_JOB_URL": "https://me:job-secret@ci.example/1?private_token=query-secret#access_token=last-secret"}
    repositories = ["https://oauth2:list-secret@gitlab.example.com/a/b", "https://gitlab.example.com/c/d?private_token=query-secret"]
    report = outgoing(audited(sources=[GITLAB], repositories=repositories, receipts=[], made_by=made_by("1", job)))
    for text in (json.dumps(report), render_report(report), as_csv(report), as_junit(report)):
        assert "-secret" not in text
        assert "gitlab.example.com/a/b" in text


@pytest.mark.parametrize(("today", "days"), [("9999-12-31", 0), ("0001-01-01", 36500)])
def test_any_day_and_any_number_of_days_can_be_counted_with(today: str, days: int) -> None:
    receipt = {"time": "2026-11-20T08:00:00Z", "status": 201, "repository": "a/b", "file": "one.json"}
    known = [{"id": "1", "name": "a/b", "is_selected": True, "scanned_at": "2026-01-01T00:00:00Z"}]
    report = audited(audited_at=f"{today}T00:00:00Z", scan_max_age_days=days, receipts=[receipt], known=known)
    assert report["verdict"] == "attention"
    with pytest.raises(InputError, match="a number of days from 0 to 36500"):
        Options(report_dir="r", max_age_days=10**12)


def test_a_pipe_among_the_receipts_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    assert read_receipts(str(tmp_path))[1] == [("pipe.json", "it is not a file")]


def test_only_an_earlier_report_is_replaced_by_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, report = tmp_path / "audit" / "x", audited(sources=[JENKINS])
    prove_folder(str(folder), REPORTS)
    assert not folder.exists()
    for _twice in range(2):
        write_report(str(folder), report)
        prove_folder(str(folder), REPORTS)
    write_fleet(str(tmp_path), fleet({"x": summary(report)}, "2026-11-22T08:00:00Z"))
    write_fleet(str(tmp_path), fleet({"x": summary(report)}, "2026-11-22T08:00:00Z"))
    for names, place in ((REPORTS, folder), (FLEET, tmp_path)):
        (place / names[0]).write_text('{"mine": 1}')
        with pytest.raises(InputError, match=rf"^audit_report_dir: .*{names[0]} cannot be written: it has other content"):
            prove_folder(str(place), names)
        (place / names[0]).unlink()
        with pytest.raises(InputError, match=f"{names[1]} cannot be written: it has other content"):
            prove_folder(str(place), names)
    # A pipe does not block, and a link is not followed.
    for name in ("report.json", "junit.xml"):
        shutil.rmtree(folder)
        folder.mkdir()
        os.mkfifo(folder / name)
        with pytest.raises(InputError, match=f"{name} cannot be written: it is not a file"):
            prove_folder(str(folder), REPORTS)
    with monkeypatch.context() as homeless:
        homeless.setattr("os.path.expanduser", str)
        with pytest.raises(InputError, match=r"^audit_report_dir: ~/x cannot be written: no home"):
            Options(report_dir="~/x").folder("h")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Not a directory"):
        prove_folder(str(tmp_path / "file" / "x"), REPORTS)


def test_the_report_names_the_job_of_a_controller_or_pipeline() -> None:
    awx = {"AWX_HOST": "https://awx.example.com/", "JOB_ID": "7", "CI_JOB_URL": "https://gitlab.example.com/-/jobs/1"}
    assert made_by("17", awx)["job"] == "https://awx.example.com/#/jobs/playbook/7"
    assert made_by("17", {"JOB_ID": "7", "CI_JOB_URL": "https://gitlab.example.com/-/jobs/1"})["job"] == "https://gitlab.example.com/-/jobs/1"
    odd = made_by("", {"BUILD_URL": "javascript:alert(1)"})
    assert odd == {"collection": f"cortex_cloud.appsec {VERSION}", "api_key_id": None, "job": None}


def test_a_template_that_was_not_evaluated_is_refused_with_its_place() -> None:
    items = [{"type": "SNYK", "name": "x"}, {"type": "GITHUB_ENTERPRISE", "name": "g", "domain": {"hostname": "{{ ghe_host }}"}}]
    with pytest.raises(AnsibleFilterError) as refused:
        audit_items(items)
    assert str(refused.value).startswith("audit_expected[1].domain.hostname is still a template: from_yaml does not evaluate templates.")
    # Ignored options may contain templates, and so may text that Ansible has already evaluated.
    assert audit_items([{**items[0], "credentials": {"token": "{{ vault_token }}"}}])
    assert audit_items(items, "tenant_data_sources")


# -- written


HOSTILE = [
    '=cmd|"/c calc"!A1',
    "+1",
    "-1",
    "@x",
    " =2",
    "\tx",
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "{{ lookup('pipe', 'id') }}",
    'a "quoted" & b',
    "nul\x00bell\x07",
    "line\nbreak",
    "]]>",
    "\u202egnp.exe",
    "\U0001f680",
]


def hostile_report(**more: Any) -> Row:
    """A report in which each text from a tenant or a file is an attack on the program that shows it."""
    told = [{text: dict.fromkeys(("status", "message", "error", "timestamp"), text)} for text in HOSTILE]
    sick = {**JENKINS, "health": "unknown"}
    sources = [{**sick, "id": f"id-{n}-{text}", "name": text, "status": text, "status_details": told[n]} for n, text in enumerate(HOSTILE)]
    core = {**GITLAB, "repositories": HOSTILE, "repositories_count": len(HOSTILE), "name": HOSTILE[6], "domain": {"hostname": HOSTILE[7]}}
    expected = [{"type": "SNYK", "name": text} for text in HOSTILE]
    exceptions = [
        {"name": HOSTILE[0], "owner": HOSTILE[6], "reason": HOSTILE[7], "expires": "2099-01-01"},
        {"name": HOSTILE[7], "owner": HOSTILE[6]},
    ]
    first = audited(sources=sources[:3], repositories=["x"])
    return audited(
        sources=[*sources, core],
        expected=expected,
        repositories=[*HOSTILE, "x"],
        exceptions=exceptions,
        baseline=first,
        receipts=[
            {"time": "2020-01-01", "status": 200, "collector": t, "repository": t, "branch": t, "tool": t, "file": t} for t in HOSTILE
        ],
        unreadable=[(text, text) for text in HOSTILE],
        notes=HOSTILE,
        inputs={HOSTILE[6]: {"file": HOSTILE[7]}},
        **more,
    )


def test_no_cell_is_a_formula_and_every_row_is_complete() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(hostile_report()), newline="")))
    assert {len(row) for row in rows} == {14}
    assert {row[0] for row in rows[1:]} == {"finding", "data_source", "repository", "receipt"}
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.strip()[:1] in ("=", "+", "-", "@") or cell[:1] in ("\t", "\r")]
    for text in (each.replace("\0", "\ufffd") for each in HOSTILE):
        assert any(cell in (text, f"'{text}") for cell in cells), text


LEADS = ["\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufeff=", "\u200b=", "\0=", " \u2066=", "\ufe62", "\t=", "\r="]


@pytest.mark.parametrize("lead", [*LEADS, "a;=", "a;\u200b@", "a\n+", "a;b; -"])
def test_nothing_becomes_a_formula_in_any_disguise(lead: str) -> None:
    report = audited(sources=[JENKINS], repositories=[f"{lead}HYPERLINK(1)"])
    cells = [cell for row in csv.reader(io.StringIO(as_csv(report), newline="")) for cell in row if "HYPERLINK" in cell]
    assert cells
    for part in (part for cell in cells for part in re.split("[;\t\r\n]", cell) if "HYPERLINK" in part):
        seen = next(char for char in part if char.isprintable() and not char.isspace())
        assert unicodedata.normalize("NFKC", seen) not in "=+-@"


def test_no_file_contains_null_characters_or_what_xml_cannot_contain() -> None:
    report = audited(sources=[{**JENKINS, "name": "a\0b\x1b"}], expected=[{"type": "JENKINS_SERVER", "name": "a\0b\x1b\ud800"}])
    for text in (as_csv(report), as_junit(report), render_report(report), render_fleet(fleet({"a\0": summary(report)}, "2026-11-22"))):
        assert "\0" not in text
    assert "a\\u0000b\\u001b" in as_junit(report)
    assert len(list(junit(report).iter("testcase"))) == 1 + len(KINDS)


@pytest.mark.parametrize("entry", ["oauth2:glpat-canary@gitlab.com/org/repo", "me:canary@host.example.com:org/repo.git"])
def test_a_list_with_a_password_in_it_is_refused_without_repeating_it(entry: str) -> None:
    with pytest.raises(InputError, match=r"names\[1\] seems to contain a password") as refused:
        names_of(["git@host.example.com:org/repo", entry], "names")
    assert "canary" not in str(refused.value)
    assert names_of(["https://me:token@host/org/repo", "project/a:b@c"], "names")


def junit(report: Row) -> ElementTree.Element:
    return ElementTree.fromstring(as_junit(report))


def test_junit_has_a_case_for_each_expected_data_source_and_each_rule() -> None:
    sick = {**JENKINS, "status": "ERROR", "health": "unhealthy"}
    expected = [{"type": "JENKINS_SERVER", "name": "blue"}, {"type": "SNYK", "name": "gone"}]
    report = audited(sources=[sick, GITLAB], expected=expected, fail_on=["unhealthy"])
    root = junit(report)
    cases = {(c.get("classname"), c.get("name")): c for c in root.iter("testcase")}
    assert set(cases) == {("expected.JENKINS_SERVER", '[0] JENKINS_SERVER "blue"'), ("expected.SNYK", '[1] SNYK "gone"')} | {
        ("rule", kind) for kind in KINDS
    }
    assert [key for key, case in cases.items() if case.find("failure") is not None] == [
        ("expected.JENKINS_SERVER", '[0] JENKINS_SERVER "blue"'),
        ("rule", "unhealthy"),
    ]
    assert [key[1] for key, case in cases.items() if case.find("skipped") is not None] == [k for k in KINDS if k in report["not_examined"]]
    assert "it is described, but not in the tenant" in str(cases[("rule", "missing")].findtext("system-out"))
    assert root.get("failures") == "2"
    for suite in root.iter("testsuite"):
        inside = list(suite.iter("testcase"))
        assert [suite.get("tests"), suite.get("failures"), suite.get("skipped")] == [
            str(len(inside)),
            str(sum(c.find("failure") is not None for c in inside)),
            str(sum(c.find("skipped") is not None for c in inside)),
        ]


def test_junit_of_hostile_names_is_well_formed() -> None:
    report = hostile_report(fail_on=list(KINDS))
    names = [str(case.get("name")) for case in junit(report).iter("testcase")]
    assert any("<script>alert(1)</script>" in name for name in names)


def test_every_file_shows_why_a_data_source_is_unhealthy() -> None:
    details = {
        "connection": {"status": "INVALID", "message": "No <route> to host", "error": "E-7", "timestamp": "2025-07-20T14:15:30.000Z"},
        "clone": {"status": "VALID"},
    }
    sick = {**JENKINS, "status": "ERROR", "health": "unhealthy", "status_details": details}
    well = {**GITLAB, "status_details": {"connection": {"status": "VALID", "message": "All is well"}}}
    report = audited(sources=[sick, well], expected=[{"type": "JENKINS_SERVER", "name": "blue"}], fail_on=["unhealthy"])
    why = "connection is INVALID (No <route> to host: E-7)"
    rows = list(csv.DictReader(io.StringIO(as_csv(report), newline="")))
    details_of = {(row["record"], row["kind"], row["name"]): row["detail"] for row in rows}
    assert details_of["finding", "unhealthy", "blue"].endswith(why)
    assert details_of["data_source", "", "blue"] == f"status ERROR; {why}"
    assert details_of["data_source", "", "core"] == "status COMPLETED"
    failures = [str(failure.get("message")) for failure in junit(report).iter("failure")]
    assert len(failures) == 2
    assert all(message.endswith(why) for message in failures)
    assert json.loads(json.dumps(report))["data_sources"][1]["status_details"] == details
    page = " ".join(Page(render_report(report)).text.split())
    assert why in page
    assert "connection: INVALID, No <route> to host, E-7 (2025-07-20T14:15:30.000Z)" in page
    assert "All is well" not in page


def test_a_pending_data_source_is_counted_on_the_page() -> None:
    report = audited(sources=[{**JENKINS, "status": "TEMPORARY", "health": "pending"}])
    for html in (render_report(report), render_fleet(fleet({"x": summary(report)}, "2026-11-22"))):
        page = " ".join(Page(html).text.split())
        assert "1 data source, 1 pending" in page
        assert "0 healthy, 0 unhealthy, 1 pending, 0 unknown" in page
    assert "its set-up is not finished" in render_report(report)


def test_an_excused_finding_is_not_a_failure() -> None:
    excuse = {"name": "blue", "owner": "o", "reason": "r", "expires": "2099-01-01"}
    report = audited(sources=[{**JENKINS, "health": "unhealthy"}], exceptions=[excuse], fail_on=["unhealthy"])
    root = junit(report)
    assert root.get("failures") == "0"
    assert "(excused until 2099-01-01)" in as_junit(report)


class Page(HTMLParser):
    """A page as a browser reads it: elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("kind", ["report", "fleet"])
def test_hostile_names_stay_text_on_a_page(kind: str) -> None:
    report = hostile_report()
    page_of_all = fleet({HOSTILE[6]: summary(report), HOSTILE[7]: HOSTILE[7]}, "2026-11-22")
    html = render_report(report) if kind == "report" else render_fleet(page_of_all)
    page = Page(html)
    assert page.tags.count("script") == 1
    assert page.tags.count("style") == 1
    assert not {"img", "iframe", "object", "link", "base", "form"} & set(page.tags)
    assert not [name for name, _value in page.attributes if name.startswith("on") or name in ("style", "src", "srcdoc")]
    assert all(str(value).startswith("#") or str(value).endswith("/report.html") for name, value in page.attributes if name == "href")
    assert "<script>alert(1)</script>" in page.text
    assert "{{ lookup('pipe', 'id') }}" in page.text or kind == "fleet"
    policy = next(str(value) for name, value in page.attributes if name == "content" and "default-src" in str(value))
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none';")


def test_every_table_has_a_caption_and_every_heading_cell_a_scope() -> None:
    page = Page(render_report(hostile_report()))
    assert page.tags.count("table") == page.tags.count("caption") > 8
    assert page.tags.count("th") == sum(name == "scope" for name, _value in page.attributes)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_many_repositories_take_little_space() -> None:
    names = [f"group-{n % 50}/project-{n}" for n in range(20_000)]
    core = {**GITLAB, "repositories": names[:15_000], "repositories_count": 15_000}
    html = render_report(audited(sources=[core], repositories=names, receipts=[]))
    assert len(re.findall("<li>group-", html)) == 20_000 + 5_000 + 20_000  # under Repositories, as uncovered, without upload
    assert len(html) < 60 * 20_000 * 3


def test_the_pages_draw_coverage_over_time_and_describe_it_in_words() -> None:
    core = {**GITLAB, "repositories": ["a/b"], "repositories_count": 1}
    before = {"audited_at": "2026-10-22T08:00:00Z", "listed": 4, "covered": 1, "fresh": None}
    report = audited(sources=[core], repositories=["a/b", "a/c"], history=[before])
    for html in (render_report(report), render_fleet(fleet({"x": summary(report), "gone": "no"}, "2026-11-22"))):
        page = Page(html)
        assert any("2026-10-22 25 %, 2026-11-22 50 %" in text for text in [page.text, *(str(value) for _name, value in page.attributes)])
    for history in ([], [{**before, "listed": 0}], [{**before, "audited_at": "2026-11-22T08:00:00Z"}], [{**before, "audited_at": "x"}]):
        assert "Coverage over time" not in render_report(audited(repositories=["a/b"], history=history)), history
    assert "does not fail this audit (word: <code>uncovered</code>)" in render_report(report)
    assert "It fails this audit (word: <code>uncovered</code>)" in render_report(audited(repositories=["a/b"], fail_on="uncovered"))


def test_an_empty_tenant_has_a_page_too() -> None:
    assert "The tenant has none." in render_report(audited())
    assert "0 of 0 pass" in render_fleet(fleet({}, "2026-11-22"))
