# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Incomplete reports: failed scans, results in the wrong place, results left out by their kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import read as reading
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import Prepared, prepare

PLACE = {"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 1}}}
RESULT = {"ruleId": "R1", "level": "error", "message": {"text": "x"}, "locations": [PLACE]}
TOOL = {"driver": {"name": "tool", "rules": [{"id": "R1"}]}}
RUN: dict[str, Any] = {"tool": TOOL, "results": [RESULT]}
EMPTY: dict[str, Any] = {"tool": TOOL, "results": []}


def prepared(folder: Path, *runs: dict[str, Any], options: Options | None = None, **log: Any) -> Prepared:
    path = folder / "report.sarif"
    path.write_text(json.dumps({"version": "2.1.0", **({"runs": list(runs)} if runs else {}), **log}), encoding="utf-8")
    with prepare([str(path)], options or Options()) as done:
        return done


@pytest.mark.parametrize(
    ("runs", "log", "named"),
    [
        ([], {"results": [RESULT]}, "results"),
        ([], {"Results": [RESULT]}, "Results"),
        ([], {"Runs": [RUN]}, "Runs"),
        ([], {"RUNS": [RUN], "runs": []}, "RUNS"),
        ([], {"run": RUN}, "run"),
        ([], {"runs": None, "sarif": {"version": "2.1.0", "runs": [RUN]}}, "sarif"),
        ([], {"findings": [RESULT]}, "findings"),
        ([], {"find\nings" + "x" * 100: [RESULT]}, "find ingsx{51}"),
        ([], {"data": {"issues": [RESULT]}}, "data"),
        ([EMPTY], {"results": [RESULT]}, "results"),
        ([{"tool": TOOL, "Results": [RESULT]}], {}, r"runs\[0\].Results"),
        ([EMPTY, {**EMPTY, "RESULTS": [RESULT]}], {}, r"runs\[1\].RESULTS"),
        ([{**EMPTY, "run": RUN}], {}, r"runs\[0\].run"),
        ([{"tool": {**TOOL, "results": [RESULT]}, "results": None}], {}, r"runs\[0\].tool.results"),
        ([{**EMPTY, "invocations": [{"executionSuccessful": True, "results": [RESULT]}]}], {}, r"runs\[0\].invocations\[0\].results"),
    ],
)
def test_results_where_none_belong_are_named(tmp_path: Path, runs: list[Any], log: dict[str, Any], named: str) -> None:
    for options in (Options(), Options(allow_empty=True)):
        with pytest.raises(InputError, match=rf"report.sarif: {named} is not a place for results.*they were not read"):
            prepared(tmp_path, *runs, options=options, **log)


def test_results_beside_those_in_their_place_are_warned_of(tmp_path: Path) -> None:
    for runs, log, named in (([RUN], {"Results": [RESULT]}, "Results"), ([RUN, {**EMPTY, "result": RESULT}], {}, "runs[1].result")):
        done = prepared(tmp_path, *runs, **log)
        assert [upload.results for upload in done.uploads] == [1]
        assert f"{named} is not a place for results" in " ".join(done.warnings)


@pytest.mark.parametrize(
    ("runs", "log"),
    [
        ([EMPTY], {}),
        ([EMPTY], {"results": [], "Runs": None, "schema": "x", "comment": ["none", {"message": "all fine"}]}),
        ([{**EMPTY, "properties": {"results": 3, "runs": [1, 2]}, "results_count": 0}], {}),
        ([{"tool": {"driver": {**TOOL["driver"], "properties": {"results": [{"name": "x"}]}}}, "results": []}], {}),
    ],
)
def test_what_is_empty_is_called_empty(tmp_path: Path, runs: list[Any], log: dict[str, Any]) -> None:
    done = prepared(tmp_path, *runs, **log)
    assert not done.uploads
    assert "contains no result to send (0 found)" in done.warnings[-1]


def test_a_document_of_another_kind_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "report.sarif"
    path.write_text(json.dumps({"Version": "2.1.0", "Runs": [RUN]}), encoding="utf-8")
    with pytest.raises(InputError, match=r"has neither version nor runs \(Version and Runs are other names\)"):
        prepare([str(path)], Options())
    with pytest.raises(InputError, match=r"JSON but not SARIF: it has no runs\. Choose SARIF"):
        prepared(tmp_path, version="1.50.0", results=[{"check_id": "x"}])


def test_runs_under_another_name_are_named_before_memory_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST_HEAD", 20_000)
    with pytest.raises(InputError, match=r"without runs\): Runs.* alone takes"):
        prepared(tmp_path, Runs=[{"tool": TOOL, "results": [RESULT] * 200}])


def noted(text: str, **more: Any) -> dict[str, Any]:
    return {"level": "error", "message": {"text": text}, **more}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("invocation", "said"),
    [
        ({"executionSuccessful": False}, "executionSuccessful is false"),
        ({"executionSuccessful": "False"}, "executionSuccessful is false"),
        (
            {"executionSuccessful": False, "exitCode": 2, "toolExecutionNotifications": [noted("stopped after 3 of 40 files")]},
            'executionSuccessful is false, error "stopped after 3 of 40 files"',
        ),
        ({"executionSuccessful": True, "toolExecutionNotifications": [{"level": "note"}, noted("no parser")]}, 'error "no parser"'),
        ({"toolConfigurationNotifications": [noted("no\nsuch rule", level="FATAL")]}, 'error "no such rule"'),
        ({"toolExecutionNotifications": [{"level": "error", "message": {"id": "crash"}}]}, 'error "crash"'),
        ({"toolExecutionNotifications": [{"level": "error", "descriptor": {"id": 7}}]}, 'error "7"'),
        ({"toolExecutionNotifications": [{"level": "error"}]}, "an error without a text"),
        (
            {"toolExecutionNotifications": [noted(f"e{n}") for n in range(9)] + ["odd", None]},
            'error "e0", error "e1", error "e2" and more',
        ),
        ({"executionSuccessful": True, "exitSignalName": "SIGKILL"}, 'exitSignalName "SIGKILL"'),
        ({"executionSuccessful": True, "processStartFailureMessage": "no\njava"}, 'processStartFailureMessage "no java"'),
    ],
)
def test_a_failed_scan_is_warned_of_by_its_words_or_refused(
    tmp_path: Path, invocation: dict[str, Any], said: str, first: bool
) -> None:
    scanned = {"invocations": [{"executionSuccessful": True}, invocation]}
    run = {**scanned, **RUN} if first else {**RUN, **scanned}
    done = prepared(tmp_path, RUN, run)
    (upload,) = done.uploads
    (warning,) = [text for text in done.warnings if "failed" in text]
    assert f"runs[1].invocations[1]: {said}. on_failed_scan: fail" in warning
    assert upload.results == 2
    with pytest.raises(InputError) as refused:
        prepared(tmp_path, RUN, run, options=Options(on_failed_scan="fail"))
    assert f"runs[1].invocations[1]: {said}. Scan again" in str(refused.value)
    # Notifications are not sent.
    path = tmp_path / "report.sarif"
    with prepare([str(path)], Options()) as done:
        assert b"otification" not in done.uploads[0].content()


def test_a_failed_scan_that_found_nothing_is_told_too(tmp_path: Path) -> None:
    run = {**EMPTY, "invocations": [{"executionSuccessful": False}]}
    assert ["executionSuccessful is false" in text for text in prepared(tmp_path, run).warnings] == [True, False]
    with pytest.raises(InputError, match="Scan again"):
        prepared(tmp_path, run, options=Options(on_failed_scan="fail"))


def test_a_scan_that_went_well_is_no_failure(tmp_path: Path) -> None:
    fine = {"executionSuccessful": True, "exitCode": 1, "toolExecutionNotifications": [{"level": "warning"}, {"message": {"text": "x"}}]}
    for invocations in ([fine], [], None, ["odd"], {"executionSuccessful": False}):
        assert prepared(tmp_path, {**RUN, "invocations": invocations}, options=Options(on_failed_scan="fail")).warnings == []


def test_what_is_left_out_is_counted_by_kind_and_reason(tmp_path: Path) -> None:
    listed = [{**RESULT, "kind": kind} for kind in ("open", "Open", "pass", "not_applicable")]
    listed.append({**RESULT, "suppressions": [{"kind": "external", "status": "Accepted"}]})
    done = prepared(tmp_path, {**RUN, "results": [*listed, {**RESULT, "baselineState": "Absent"}]})
    assert not done.uploads
    text = " ".join(done.warnings)
    assert "left out by their kind (notApplicable 1, open 2, pass 1); include_kinds sets which kinds are sent" in text
    assert "(6 found, 1 absent, 1 kind_notApplicable, 2 kind_open, 1 kind_pass, 1 suppressed)" in text
