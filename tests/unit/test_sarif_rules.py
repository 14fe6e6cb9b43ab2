# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule of the table in the smallest report that needs it. Without the rule, its case fails."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sarif_whole import normalise
from test_sarif_property import OPTIONS, RUN

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import normalise as subject
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules import paths
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.context import Rule
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.table import RULES, compiled
from starting import IN_CI

ABSENT = object()


def place(uri: str | None = "src/a.py", line: int | None = 3, **artifact: Any) -> dict[str, Any]:
    location = {"artifactLocation": {**({} if uri is None else {"uri": uri}), **artifact}}
    return {"physicalLocation": {**location, **({} if line is None else {"region": {"startLine": line}})}}


def flow(*steps: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"threadFlows": [{"locations": list(steps)}]}]


def report(result: dict[str, Any] | None = None, *, rule: dict[str, Any] | None = None, **run: Any) -> dict[str, Any]:
    """A report with one rule R1 and one result of it, which needs no change, and with these members. ABSENT removes one."""
    whole = {"ruleId": "R1", "level": "error", "message": {"text": "found"}, "locations": [place()], **(result or {})}
    whole = {name: value for name, value in whole.items() if value is not ABSENT}
    tool = {"driver": {"name": "scanner", "rules": [{"id": "R1", **(rule or {})}]}}
    return {"$schema": subject.SCHEMA, "version": "2.1.0", "runs": [{"tool": tool, "results": [whole], **run}]}


@dataclasses.dataclass
class Case:
    """document, options -> members of the run that is sent (path -> value), count of the rule, or why the result is dropped."""

    document: dict[str, Any]
    sent: dict[str, Any] = dataclasses.field(default_factory=dict)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    count: int = 1
    dropped: str = ""


URI = "results.0.locations.0.physicalLocation.artifactLocation.uri"
LINE = "results.0.locations.0.physicalLocation.region.startLine"
STEP = "results.0.codeFlows.0.threadFlows.0.locations.0"
FLOW = "results.0.codeFlows.0.threadFlows.0.locations"
RULE = "tool.driver.rules.0"

CASES: dict[str, Case] = {
    "absent": Case(report({"baselineState": "absent"}), dropped="absent"),
    "kinds": Case(report({"kind": "pass"}), dropped="kind_pass"),
    "suppressed": Case(report({"suppressions": [{"kind": "inSource"}]}), dropped="suppressed"),
    "trimmed_code_flows": Case(
        report({"codeFlows": [*flow(*({"nestingLevel": n} for n in range(120))), *flow({})]}),
        {
            f"{FLOW}.0.nestingLevel": 0,
            f"{FLOW}.49.nestingLevel": 49,
            f"{FLOW}.50.nestingLevel": 70,
            f"{FLOW}.99.nestingLevel": 119,
            f"{FLOW}.100": ABSENT,
            "results.0.codeFlows.1": ABSENT,
        },
        {"trim_code_flows": True},
    ),
    "rule_ids": Case(report({"ruleId": ABSENT, "ruleIndex": 0}), {"results.0.ruleId": "R1", "results.0.ruleIndex": ABSENT}),
    "rule_indices": Case(report({"ruleIndex": 5}), {"results.0.ruleId": "R1", "results.0.ruleIndex": ABSENT}),
    "sub_rules": Case(report({"ruleId": "R1/2"}, rule={"name": "parent"}), {f"{RULE}.id": "R1/2", f"{RULE}.name": "parent"}),
    "uris_from_artifacts": Case(
        report({"locations": [place(None, index=1)]}, artifacts=[{}, {"location": {"uri": "src/b.py"}}]), {URI: "src/b.py"}
    ),
    "unusable_paths": Case(
        report({"relatedLocations": [{"id": 1, **place("/usr/include/stdio.h")}]}),
        {"results.0.relatedLocations.0.physicalLocation": ABSENT, "results.0.relatedLocations.0.id": 1},
    ),
    "file_uris": Case(report({"locations": [place("src\\a.py")]}), {URI: "src/a.py"}),
    "uri_base_ids": Case(
        report(
            {"locations": [place("a.py", uriBaseId="SUB")]},
            originalUriBaseIds={"SUB": {"uri": "src/", "uriBaseId": "%SRCROOT%"}, "%SRCROOT%": {"uri": "file:///home/ci/app/"}},
        ),
        {URI: "src/a.py", "originalUriBaseIds": ABSENT},
        {"source_root": "/home/ci/app"},
    ),
    "absolute_paths": Case(
        report({"locations": [place("/home/ci/app/src/a b.py")]}), {URI: "src/a%20b.py"}, {"source_root": "/home/ci/app/"}
    ),
    "leading_slashes": Case(report({"locations": [place("/src/a.py")]}), {URI: "src/a.py"}, {"strip_leading_slash": True}),
    "path_prefix": Case(report(), {URI: "services/api/src/a.py"}, {"path_prefix": "services/api"}),
    "dot_segments": Case(report({"locations": [place("./src//x/../a.py")]}), {URI: "src/a.py"}),
    "encoded_paths": Case(
        report({"locations": [place("Dockerfile (nginx:1.23) ü.txt")]}), {URI: "Dockerfile%20(nginx%3A1.23)%20%C3%BC.txt"}
    ),
    "messages": Case(
        report(
            {"message": {"id": "default", "arguments": ["x", "y"]}}, rule={"messageStrings": {"default": {"text": "{1} in {{{0}}} {7}"}}}
        ),
        {"results.0.message": {"text": "y in {x} {7}"}},
    ),
    "message_links": Case(
        report({"message": {"text": "see [here](sarif:/runs/0/results/3) and [there](file:///home/ci/a.py) and [web](https://x.example)"}}),
        {"results.0.message.text": "see here and there and [web](https://x.example)"},
        count=2,
    ),
    "markdown_texts": Case(report(rule={"help": {"markdown": "# why"}}), {f"{RULE}.help": {"markdown": "# why", "text": "# why"}}),
    "regions": Case(
        report(
            {
                "locations": [
                    {"physicalLocation": {"artifactLocation": {"uri": "a"}, "region": {"startLine": 9, "endLine": 3, "endColumn": 1}}}
                ]
            }
        ),
        {"results.0.locations.0.physicalLocation.region": {"startLine": 9}},
    ),
    "context_regions": Case(
        report(
            {
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": "a"},
                            "region": {"startLine": 9},
                            "contextRegion": {"startLine": 1, "endLine": 3},
                        }
                    }
                ]
            }
        ),
        {"results.0.locations.0.physicalLocation": {"artifactLocation": {"uri": "a"}, "region": {"startLine": 9}}},
    ),
    "thread_flows": Case(
        report(
            {"codeFlows": flow({"index": 0, "nestingLevel": 2})}, threadFlowLocations=[{"location": place("src/c.py"), "nestingLevel": 1}]
        ),
        {f"{STEP}.location.physicalLocation.artifactLocation.uri": "src/c.py", f"{STEP}.nestingLevel": 2, f"{STEP}.index": ABSENT},
    ),
    "logical_locations": Case(
        report(
            {"locations": [{**place(), "logicalLocations": [{"index": 0}]}]},
            logicalLocations=[{"fullyQualifiedName": "a::b", "parentIndex": 4}],
        ),
        {"results.0.locations.0.logicalLocations": [{"fullyQualifiedName": "a::b"}]},
    ),
    "addresses": Case(
        report({"relatedLocations": [{"physicalLocation": {"address": {"index": 0}}}]}, addresses=[{"absoluteAddress": 16}]),
        {"results.0.relatedLocations.0.physicalLocation.address": {"absoluteAddress": 16}},
    ),
    "web_requests": Case(
        report({"webRequest": {"index": 0}}, webRequests=[{"method": "GET"}]), {"results.0.webRequest": {"method": "GET"}}
    ),
    "web_responses": Case(
        report({"webResponse": {"index": 0}}, webResponses=[{"statusCode": 200}]), {"results.0.webResponse": {"statusCode": 200}}
    ),
    "descriptor_references": Case(
        report(
            {"taxa": [{"index": 1, "toolComponent": {"name": "CWE"}}]}, taxonomies=[{"name": "CWE", "taxa": [{"id": "78"}, {"id": "79"}]}]
        ),
        {"results.0.taxa": [{"id": "79", "toolComponent": {"name": "CWE"}}], "taxonomies.0.taxa": [{"id": "79"}]},
    ),
    "security_severities": Case(
        report(rule={"properties": {"security-severity": "High"}}), {f"{RULE}.properties": {"security-severity": "8.9"}}
    ),
    "default_locations": Case(report({"locations": []}), {URI: "Dockerfile", LINE: 1}, {"default_location": "Dockerfile"}),
    "other_locations": Case(
        report({"locations": [place("https://x.example/"), place("src/b.py")]}), {"results.0.locations": [place("src/b.py")]}
    ),
    "start_lines": Case(
        report({"locations": [{"physicalLocation": {"artifactLocation": {"uri": "a"}}}]}), {LINE: 1}
    ),
    "messages_from_rules": Case(
        report({"message": {"id": "unknown"}}, rule={"shortDescription": {"text": "bad thing"}}),
        {"results.0.message": {"text": "bad thing"}},
    ),
    "level_words": Case(report({"level": "HIGH"}), {"results.0.level": "error"}),
    "levels": Case(report({"level": ABSENT}, rule={"defaultConfiguration": {"level": "note"}}), {"results.0.level": "note"}),
    "severity_levels": Case(
        report({"level": "note"}, rule={"properties": {"security-severity": "9.1"}}),
        {"results.0.level": "error"},
        {"level_from": "security_severity"},
    ),
    "undefined_rules": Case(
        report({"ruleId": "R9"}),
        {RULE: {"id": "R9", "shortDescription": {"text": "R9"}, "defaultConfiguration": {"level": "error"}}},
    ),
    "repeated_rules": Case(
        report(tool={"driver": {"name": "scanner", "rules": [{"id": "R1"}, {"id": "R1"}]}}), {"tool.driver.rules": [{"id": "R1"}]}
    ),
    "unused_rules": Case(
        report(tool={"driver": {"name": "scanner", "rules": [{"id": "R0"}, {"id": "R1"}]}}), {"tool.driver.rules": [{"id": "R1"}]}
    ),
    "unused_taxa": Case(report(taxonomies=[{"name": "CWE", "taxa": [{"id": "1"}]}]), {"taxonomies": [{"name": "CWE"}]}),
    "left_out": Case(report(properties={"metrics": 1}), {"properties": ABSENT}),
    "lines_raised": Case(report({"locations": [place(line=0)]}), {LINE: 1}),
    "nulls": Case(report({"suppressions": None}), {"results.0.suppressions": ABSENT}),
    "duplicates": Case(report({"relatedLocations": [place("./b"), place("b")]}), {"results.0.relatedLocations": [place("b")]}),
    "wrong_types": Case(report({"guid": "no guid"}), {"results.0.guid": ABSENT}),
    "incomplete": Case(report({"fixes": [{"artifactChanges": []}]}), {"results.0.fixes": ABSENT}),
    "unknown_members": Case(report({"check_id": 3}), {"results.0.check_id": ABSENT}),
}


def at(value: Any, path: str) -> Any:
    for step in path.split("."):
        try:
            value = value[int(step) if isinstance(value, list) else step]
        except (KeyError, IndexError):
            return ABSENT
    return value


def check(name: str, case: Case) -> None:
    outcome = normalise(case.document, Options(**case.options))
    if case.dropped:
        assert (outcome.results, outcome.dropped) == (0, {case.dropped: 1})
        return
    assert outcome.document is not None
    run = outcome.document["runs"][0]
    assert {path: at(run, path) for path in case.sent} == case.sent
    assert outcome.normalised.get(name) == case.count
    assert outcome.results == 1


@pytest.mark.parametrize("name", CASES)
def test_rule(name: str) -> None:
    check(name, CASES[name])


def columns(start: int, end: int) -> dict[str, Any]:
    region = {"startLine": 3, "startColumn": start, "endColumn": end}
    return {"locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": region}}]}


def only(monkeypatch: pytest.MonkeyPatch, rules: list[Rule]) -> None:
    kinds, stages = compiled(rules)
    monkeypatch.setattr(subject, "OBJECT_KINDS", kinds)
    monkeypatch.setattr(subject, "STAGES", stages)


@pytest.mark.parametrize("name", [rule.name for rule in RULES if rule.apply or rule.on == "path"])
def test_without_the_rule_its_case_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, [rule for rule in RULES if rule.name != name])
    monkeypatch.setattr(paths, "STEPS", tuple(step for step in paths.STEPS if step[0] != name))
    with pytest.raises(Exception):  # noqa: B017, PT011 - wrong content, or a later rule that misses this one
        check(name, CASES[name])


@settings(max_examples=200 if IN_CI else 70, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs=st.lists(RUN, min_size=1, max_size=2), options=OPTIONS)
@example(runs=report(columns(9, 3))["runs"], options=Options())
def test_a_rule_changes_nothing_where_it_says_that_it_does_not_look(runs: list[dict[str, Any]], options: Options) -> None:
    document = {"version": "2.1.0", "runs": runs}
    usual = normalise(document, options)
    with pytest.MonkeyPatch.context() as monkeypatch:
        only(monkeypatch, [rule._replace(when="") for rule in RULES])
        assert normalise(document, options) == usual


def test_every_rule_has_a_case() -> None:
    of_the_file = {"schema_added", "encoding", "lone_surrogates", "duplicate_keys", "empty_runs", "added_rules"}
    of_the_limit = {"context_snippets", "shortened_results"}
    assert {rule.name for rule in RULES} == set(CASES) | of_the_file | of_the_limit
    assert len(RULES) == len({rule.name for rule in RULES})
    assert {rule.name for rule in RULES if rule.on == "path"} == {name for name, _step in paths.STEPS}


def test_rules_of_the_file() -> None:
    empty = normalise({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "s"}}, "results": []}]}, Options())
    assert (empty.document, empty.normalised) == (None, {"empty_runs": 1, "schema_added": 1})
    asked = normalise({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "s"}}, "results": []}]}, Options(allow_empty=True))
    assert asked.normalised == {"added_rules": 1, "schema_added": 1}


def test_a_clean_report_is_not_changed() -> None:
    outcome = normalise(report(), Options())
    assert outcome.normalised == {}
    assert outcome.document == report()
    assert outcome.warnings == []
