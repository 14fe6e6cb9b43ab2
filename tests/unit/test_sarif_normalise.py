# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversion of whole reports: what is kept, refused, warned about and never sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sarif_whole import Whole, normalise

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules import context as running
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules import paths


def result(rule: str = "R1", uri: str = "src/a.py", **more: Any) -> dict[str, Any]:
    location = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}}
    return {"ruleId": rule, "level": "error", "message": {"text": "found"}, "locations": [location], **more}


def log(*results: Any, rules: tuple[dict[str, Any], ...] = ({"id": "R1"},), **run: Any) -> dict[str, Any]:
    return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "scanner", "rules": list(rules)}}, "results": list(results), **run}]}


def sent(outcome: Whole) -> list[dict[str, Any]]:
    return [r for run in (outcome.document or {"runs": []})["runs"] for r in run["results"]]


def refused(document: dict[str, Any], **options: Any) -> str:
    with pytest.raises(InputError) as error:
        normalise(document, Options(**options))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_absolute_paths_name_the_root_to_set() -> None:
    said = refused(log(*[result(uri=f"/home/runner/work/app/app/src/{n}.py") for n in range(412)]))
    assert said.startswith("412 of 412 results cannot be sent: 412 have an absolute path below")
    assert "source_root is not set" in said
    assert "/home/runner/work/app/app, or a folder above it" in said
    assert said.count("runs[0].results[") == 3


def test_every_reason_is_named_with_its_place_and_advice() -> None:
    said = refused(
        log(
            "no object",
            result("", message={"text": "x"}),
            {**result(), "message": {}},
            {**result(), "locations": []},
            result(uri="../../src/main.tf"),
            result(uri="https://example.com/"),
            result(level="severe"),
        )
    )
    for words in (
        "7 of 7 results",
        'runs[0].results[4] "../../src/main.tf"). Run the scanner from the repository root, or set path_prefix',
        "1 have no rule (first: runs[0].results[1])",
        "1 have no message and no described rule (first: runs[0].results[2])",
        "Set default_location",
        'runs[0].results[5] "https://example.com/"',
        'runs[0].results[6] "severe"). Use error, warning, note or none.',
    ):
        assert words in said


@pytest.mark.parametrize(("percent", "passes"), [(0, False), (24.9, False), (25, True), (100, True)])
def test_max_dropped_percent(percent: float, passes: bool) -> None:
    document = log(result(), result(), result(), result(uri="../x"))
    if not passes:
        assert "1 of 4 results cannot be sent" in refused(document, max_dropped_percent=percent)
        return
    outcome = normalise(document, Options(max_dropped_percent=percent))
    assert (outcome.results, outcome.dropped) == (3, {"path_outside": 1})
    assert any("1 of 4 results could not be sent" in warning for warning in outcome.warnings)


def test_results_left_out_by_choice_are_no_fault() -> None:
    outcome = normalise(log(result(), result(kind="pass"), result(suppressions=[{"kind": "external"}])), Options())
    assert (outcome.results, outcome.dropped) == (1, {"kind_pass": 1, "suppressed": 1})
    assert outcome.warnings == [
        "results were left out by their kind (pass 1); include_kinds sets which kinds are sent.",
        "suppressed results were left out (1); suppressed: keep sends them.",
    ]
    kept = normalise(log(result(suppressions=[{"kind": "external"}])), Options(suppressed="keep"))
    assert sent(kept)[0]["suppressions"] == [{"kind": "external"}]
    rejected = normalise(log(result(suppressions=[{"kind": "external", "status": "rejected"}])), Options())
    assert rejected.results == 1


def test_kinds_can_be_chosen() -> None:
    document = log(result(kind="review", level=None), result(kind="pass"))
    assert sent(normalise(document, Options())) == [{**result(kind="review"), "level": "none"}]
    assert normalise(document, Options(include_kinds=("pass",))).results == 1


def test_level_comes_from_override_rule_or_is_warning() -> None:
    rules = ({"id": "R1", "defaultConfiguration": {"level": "note"}}, {"id": "R2"})
    override = {"configuration": {"level": "error"}, "descriptor": {"index": 0}}
    bare = {k: v for k, v in result().items() if k != "level"}
    document = log(bare, {**bare, "ruleId": "R2"}, rules=rules, invocations=[{"ruleConfigurationOverrides": [override]}])
    assert [r["level"] for r in sent(normalise(document, Options()))] == ["error", "warning"]
    del document["runs"][0]["invocations"]
    outcome = normalise(document, Options())
    assert [r["level"] for r in sent(outcome)] == ["note", "warning"]
    assert outcome.levels == {"error": 0, "warning": 1, "note": 1, "none": 0}


@pytest.mark.parametrize(
    ("score", "level"), [("9.8", "error"), (7, "error"), ("6.9", "warning"), (0.1, "note"), ("0.0", "none"), ("x", "error")]
)
def test_level_from_security_severity(score: Any, level: str) -> None:
    document = log(result(), rules=({"id": "R1", "properties": {"security-severity": score}},))
    assert sent(normalise(document, Options(level_from="security_severity")))[0]["level"] == level
    assert sent(normalise(document, Options()))[0]["level"] == "error"


def test_undefined_rules() -> None:
    document = log(result("R9"), result("R9", level="note"))
    outcome = normalise(document, Options())
    assert outcome.document is not None
    assert [r["id"] for r in outcome.document["runs"][0]["tool"]["driver"]["rules"]] == ["R9"]
    assert outcome.warnings == ["rules that the file does not define were added, without a description (1): R9."]
    assert "R9. The collector refuses that." in refused(document, undefined_rules="fail")


def test_rules_of_extensions_stay_there() -> None:
    extension = {"name": "pack", "rules": [{"id": "X0"}, {"id": "X1"}]}
    tool = {"driver": {"name": "scanner", "rules": []}, "extensions": [{"name": "first"}, extension]}
    by_index = {**result(), "rule": {"index": 1, "toolComponent": {"index": 1}}}
    del by_index["ruleId"]
    outcome = normalise(log(by_index, tool=tool), Options())
    assert outcome.document is not None
    assert sent(outcome)[0]["ruleId"] == "X1"
    assert sent(outcome)[0]["rule"] == {"id": "X1", "toolComponent": {"index": 1}}
    assert outcome.document["runs"][0]["tool"]["extensions"] == [{"name": "first"}, {"name": "pack", "rules": [{"id": "X1"}]}]


def test_contradicting_rules_are_warned_of() -> None:
    outcome = normalise(log(result(), rules=({"id": "R1", "name": "a"}, {"id": "R1", "name": "b"})), Options())
    assert outcome.warnings == ["rules are defined twice with differences; the first definition is used (1): R1."]


def test_nothing_local_is_sent() -> None:
    secret = "/home/jenkins/secret-place"
    here = {"uri": f"file://{secret}/a.py"}
    place = {"physicalLocation": {"artifactLocation": here, "region": {"startLine": 1}}}
    document = log(
        {
            **result(),
            "analysisTarget": here,
            "relatedLocations": [place],
            "codeFlows": [{"threadFlows": [{"locations": [{"location": place}, {"location": {"message": {"text": "kept"}}}]}]}],
            "stacks": [{"frames": [{"location": place}]}],
            "fixes": [{"artifactChanges": [{"artifactLocation": here, "replacements": [{"deletedRegion": {"startLine": 1}}]}]}],
            "attachments": [{"artifactLocation": here}],
            "provenance": {"conversionSources": [place["physicalLocation"]]},
            "suppressions": [{"kind": "inSource", "status": "rejected", "location": place}],
        },
        rules=({"id": "R1", "helpUri": f"file://{secret}/help.html"},),
        artifacts=[{"location": here}],
        originalUriBaseIds={"A": here, "B": {"uri": "file:///other"}},
        invocations=[
            {
                "executionSuccessful": True,
                "commandLine": f"scan {secret} --token hunter2",
                "workingDirectory": here,
                "environmentVariables": {"TOKEN": "hunter2"},
                "toolExecutionNotifications": [{"message": {"text": "x"}, "locations": [place]}],
            }
        ],
        versionControlProvenance=[{"repositoryUri": "https://ci:hunter2@host.example/app", "mappedTo": {"uri": "file:///elsewhere"}}],
        conversion={"tool": {"driver": {"name": secret}}},
    )
    outcome = normalise(document, Options())
    text = json.dumps(outcome.document)
    assert secret not in text
    assert "hunter2" not in text
    assert "kept" in text
    assert '"repositoryUri": "https://host.example/app"' in text


def test_an_empty_report_is_not_sent_unless_asked() -> None:
    assert normalise(log(), Options()).document is None
    assert normalise({"version": "2.1.0", "runs": []}, Options(allow_empty=True)).document is None
    outcome = normalise(log(rules=({"id": "R1"}, {"id": "R2"})), Options(allow_empty=True))
    assert outcome.document is not None
    assert outcome.document["runs"][0]["tool"]["driver"]["rules"] == [{"id": "R1"}]
    assert outcome.document["runs"][0]["results"] == []
    # The collector accepts no run without a rule.
    outcome = normalise(log(rules=()), Options(allow_empty=True))
    assert outcome.document is not None
    assert [rule["id"] for rule in outcome.document["runs"][0]["tool"]["driver"]["rules"]] == ["no-results"]
    assert outcome.normalised["added_rules"] == 1


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"version": "2.1.0", "runs": {}}, "runs is not a list"),
        ({"version": "2.1.0", "runs": [3]}, "runs is not a list of objects"),
        ({"version": "2.1.0", "runs": [{"results": [result()]}]}, r"runs\[0\].tool.driver.name is missing"),
        ({"version": "2.1.0", "runs": [], "inlineExternalProperties": [{"results": [result()]}]}, "another place"),
        (log(externalPropertyFileReferences={"results": [{"guid": "x"}]}), "another place"),
    ],
)
def test_documents_that_are_no_report(document: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        normalise(document, Options())


def test_threads_of_shared_steps_do_not_run_in_circles() -> None:
    step = {"index": 0}
    document = log(
        result(codeFlows=[{"threadFlows": [{"locations": [step]}]}]),
        threadFlowLocations=[{"index": 0, "location": {"id": 1}, "nestingLevel": 3}],
    )
    assert sent(normalise(document, Options()))[0]["codeFlows"] == [
        {"threadFlows": [{"locations": [{"location": {"id": 1}, "nestingLevel": 3}]}]}
    ]


def test_a_message_that_is_only_a_link_stays_a_message() -> None:
    document = log(
        result(message={"text": "[](file:///home/ci/a.py)"}), result(message={}), rules=({"id": "R1", "name": "[x](file:///y)"},)
    )
    assert [r["message"]["text"] for r in sent(normalise(document, Options()))] == ["link", "x"]


def test_positions_written_as_text_count() -> None:
    extension = {"name": "pack", "rules": [{"id": "X1"}]}
    by_index = {**result(), "rule": {"index": "0", "toolComponent": {"index": "0"}}}
    del by_index["ruleId"]
    document = log(by_index, tool={"driver": {"name": "scanner", "rules": [{"id": "R1"}]}, "extensions": [extension]})
    assert sent(normalise(document, Options()))[0]["rule"] == {"id": "X1", "toolComponent": {"index": 0}}


def test_equal_steps_mean_what_the_rule_of_their_result_says() -> None:
    def through(rule: str) -> dict[str, Any]:
        return result(rule, codeFlows=[{"threadFlows": [{"locations": [{"location": {"message": {"id": "m"}}}]}]}])

    rules = tuple({"id": name, "messageStrings": {"m": {"text": f"as {name} says"}}} for name in ("R1", "R2"))
    outcome = normalise(log(through("R1"), through("R2"), rules=rules), Options())
    flows = [r["codeFlows"][0]["threadFlows"][0]["locations"][0] for r in sent(outcome)]
    assert [step["location"]["message"]["text"] for step in flows] == ["as R1 says", "as R2 says"]


def test_shared_steps_mean_what_the_rule_of_their_result_says() -> None:
    def through(rule: str) -> dict[str, Any]:
        return result(rule, codeFlows=[{"threadFlows": [{"locations": [{"index": 0}]}]}])

    rules = tuple({"id": name, "messageStrings": {"m": {"text": f"as {name} says"}}} for name in ("R1", "R2"))
    shared = [{"location": {"message": {"id": "m"}}}]
    outcome = normalise(log(through("R1"), through("R2"), through("R1"), rules=rules, threadFlowLocations=shared), Options())
    flows = [r["codeFlows"][0]["threadFlows"][0]["locations"][0] for r in sent(outcome)]
    assert [step["location"]["message"]["text"] for step in flows] == ["as R1 says", "as R2 says", "as R1 says"]


def test_a_line_that_is_no_number_is_left_out_of_any_number_of_results() -> None:
    def one() -> dict[str, Any]:
        region = {"startLine": 3, "endLine": {"line": 5}}
        place = {"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}, "region": region}}
        return result(locations=[place], message={"text": "x" * 500})

    outcome = normalise(log(*[one() for _unused in range(100)]), Options())
    assert outcome.normalised["wrong_types"] == 100
    assert [r["locations"][0]["physicalLocation"]["region"] for r in sent(outcome)] == [{"startLine": 3}] * 100


def test_more_paths_than_are_remembered_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [result(uri=f"./src/{n % 7}.py") for n in range(50)]
    usual = normalise(log(*listed), Options())
    for module in (running, paths):
        monkeypatch.setattr(module, "REMEMBERED", 2)
    assert normalise(log(*listed), Options()) == usual
    assert usual.normalised["dot_segments"] == 50
