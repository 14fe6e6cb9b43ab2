# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words and numbers of scanners: levels in other words, IDs and arguments that are not text, overrides in any order."""

from __future__ import annotations

from typing import Any

import pytest
from sarif_whole import Whole, normalise

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.normalise import SCHEMA
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options

PLACE = {"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 1}}}


def result(**more: Any) -> dict[str, Any]:
    whole = {"ruleId": "R1", "level": "error", "message": {"text": "x"}, "locations": [PLACE], **more}
    return {name: value for name, value in whole.items() if value is not None}


def prepared(*results: dict[str, Any], rules: Any = ({"id": "R1"},), **run: Any) -> tuple[Whole, dict[str, Any]]:
    tool = {"driver": {"name": "tool", "rules": list(rules)}}
    done = normalise({"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": tool, "results": list(results), **run}]}, Options())
    assert done.document
    return done, done.document["runs"][0]


WORDS = {
    "error": "ERROR Err High critical FATAL Very-High blocker important",
    "warning": "Warn Warning MEDIUM moderate major",
    "note": "notice Info information INFORMATIONAL low very_low minor hint suggestion recommendation",
    "none": "None",
}


@pytest.mark.parametrize(("level", "word"), [(level, word) for level, words in WORDS.items() for word in words.split()])
def test_a_level_in_another_word(level: str, word: str) -> None:
    """A level in a result, as the default of a rule, and in an override."""
    override = {"descriptor": {"id": "R3"}, "configuration": {"level": word}}
    done, run = prepared(
        result(level=word), result(level=None, ruleId="R2"), result(level=None, ruleId="R3"),
        rules=({"id": "R1"}, {"id": "R2", "defaultConfiguration": {"level": word}}, {"id": "R3"}),
        invocations=[{"executionSuccessful": True, "ruleConfigurationOverrides": [override]}],
    )  # fmt: skip
    assert [r["level"] for r in run["results"]] == [level] * 3
    assert run["tool"]["driver"]["rules"][1]["defaultConfiguration"] == {"level": level}
    assert done.normalised["level_words"] == 2


def test_a_word_that_may_mean_anything_is_no_level() -> None:
    for word in ("severe", "unknown", "3", "", 3, True, ["error"]):
        with pytest.raises(InputError, match="1 have an unknown level"):
            prepared(result(level=word))


@pytest.mark.parametrize("number", [1001, 1001.5])
@pytest.mark.parametrize(("of_result", "of_rule"), [(True, True), (True, False), (False, True)])
def test_a_rule_whose_id_is_a_number(number: float, of_result: bool, of_rule: bool) -> None:
    rule = {"id": number if of_rule else str(number), "name": "kept", "defaultConfiguration": {"level": "note"}}
    rules = ({"id": "other"}, rule)
    named = result(ruleId=number if of_result else str(number), ruleIndex=1, level=None)
    others = result(ruleId=None, ruleIndex=1, level=None), result(ruleId=None, rule={"id": number})
    done, run = prepared(named, {**named}, *others, rules=rules)
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [(str(number), "note")] * 3 + [(str(number), "error")]
    assert run["tool"]["driver"]["rules"] == [{**rule, "id": str(number)}]
    assert done.normalised["wrong_types"] == 2 * of_result + of_rule
    assert "rule_indices" not in done.normalised
    assert done.warnings == []


def test_other_ids_that_are_numbers() -> None:
    override = {"descriptor": {"id": 7}, "configuration": {"level": "note"}}
    taxonomy = {"name": "CWE", "taxa": [{"id": 78}, {"id": 79}]}
    taxa = [{"id": 79, "toolComponent": {"name": "CWE"}}, {"index": 0, "toolComponent": {"name": "CWE"}}]
    _done, run = prepared(
        result(ruleId="7/1", level=None, taxa=taxa), result(ruleId=7, level=None), rules=({"id": 7},), taxonomies=[taxonomy],
        invocations=[{"executionSuccessful": True, "ruleConfigurationOverrides": [override]}],
    )  # fmt: skip
    assert [r["level"] for r in run["results"]] == ["warning", "note"]
    assert run["tool"]["driver"]["rules"] == [{"id": "7/1"}, {"id": "7"}]
    assert [taxon["id"] for taxon in run["taxonomies"][0]["taxa"]] == ["78", "79"]
    assert [taxon["id"] for taxon in run["results"][0]["taxa"]] == ["79", "78"]


@pytest.mark.parametrize(
    ("arguments", "text", "repaired"),
    [
        (["debug", True, "off"], "debug is true, not off", 1),
        ([None, "a.py", "b"], "null is a.py, not b", 1),
        ([1, 2.5, -3], "1 is 2.5, not -3", 3),
        ([{"a": ["ü", None]}, ["x"], False], '{"a": ["ü", null]} is ["x"], not false', 3),
        (["a", "b", "c"], "a is b, not c", 0),
        (["a", None], "a is null, not {2}", 1),
    ],
)
def test_an_argument_that_is_no_text_keeps_its_place(arguments: list[Any], text: str, repaired: int) -> None:
    rule = {"id": "R1", "messageStrings": {"m": {"text": "{0} is {1}, not {2}"}}}
    messages = [{"text": "{0} is {1}, not {2}", "arguments": arguments}, {"id": "m", "arguments": arguments}]
    done, run = prepared(*[result(message=message) for message in messages], rules=(rule,))
    assert [r["message"] for r in run["results"]] == [{"text": text}] * 2
    assert done.normalised.get("wrong_types", 0) == 2 * repaired


def test_a_parameter_of_a_stack_frame_keeps_its_place() -> None:
    _done, run = prepared(result(stacks=[{"frames": [{"parameters": ["a", None, 3]}]}]))
    assert run["results"][0]["stacks"][0]["frames"][0]["parameters"] == ["a", "null", "3"]


@pytest.mark.parametrize(
    ("configurations", "level"),
    [
        ([{"enabled": True}, {"level": "error"}], "error"),
        ([{"enabled": True}, None, {"rank": 3}, {"level": "odd"}, {"level": "note"}, {"level": "error"}], "note"),
        ([{"level": "error"}, {"enabled": True}], "error"),
        ([{"enabled": True}], "warning"),
    ],
)
@pytest.mark.parametrize("descriptor", [{"id": "R1"}, {"index": 0}, {"guid": "0b5e1d8f-0000-4000-8000-000000000001"}])
def test_the_first_override_that_has_a_level_counts(configurations: list[Any], level: str, descriptor: dict[str, Any]) -> None:
    overrides = [{"descriptor": descriptor, "configuration": configuration} for configuration in configurations]
    rules = ({"id": "R1", "guid": "0b5e1d8f-0000-4000-8000-000000000001"},)
    invocations = [{"executionSuccessful": True, "ruleConfigurationOverrides": overrides}]
    _done, run = prepared(result(level=None), rules=rules, invocations=invocations)
    assert run["results"][0]["level"] == level
