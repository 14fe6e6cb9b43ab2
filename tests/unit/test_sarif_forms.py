# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results prepared from their text alone: the same documents, counts and warnings as the long way gives, and most results of a scanner."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_sarif_property import DRIVER, EXTENSIONS, INDEX, OPTIONS, RESULT

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import forms, learn
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import prepare
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.context import Options

GUID = "00000000-0000-4000-8000-00000000000"


def place(uri: str = "src/a.py", line: int = 3, **more: Any) -> dict[str, Any]:
    return {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%", "index": 1}, "region": {"startLine": line, **more}}


def flow(*steps: int) -> dict[str, Any]:
    locations = [{"location": {"physicalLocation": place(line=line), "message": {"text": "step"}}, "kinds": ["k"]} for line in steps]
    return {"threadFlows": [{"locations": locations}]}


def result(number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "ruleId": "R1",
        "ruleIndex": 0,
        "message": {"text": f"found {number}, 100 % sure"},
        "locations": [{"physicalLocation": place(line=number + 1, startColumn=2, endColumn=number + 3)}],
        "guid": f"{GUID}{number % 10}",
        "partialFingerprints": {"hash": f"{number:04x}"},
        "properties": {"tags": ["a", "b"], "confidence": number, "note": "n"},
        **more,
    }


class Outcome:
    """What prepare() makes of a report. fast: how many results were prepared from their text alone."""

    def __init__(self, path: Path, options: Options, *, learning: bool) -> None:
        self.fast, results = 0, forms.Forms.results

        def counted(this: forms.Forms, text: str, pos: int) -> Any:
            got = results(this, text, pos)
            self.fast += len(got[0].texts)
            return got

        start = mock.patch.object(forms, "START", 10**9 if learning else -(10**9))
        with start, mock.patch.object(forms.Forms, "results", counted):
            try:
                with prepare([str(path)], options) as prepared:
                    documents = [upload.content().decode() for upload in prepared.uploads]
                self.made: Any = (documents, prepared.normalised, prepared.dropped, prepared.levels, prepared.warnings)
            except InputError as refused:
                self.made = str(refused)


def both(path: Path, results: list[Any], options: Options, indent: int | None = None, **run: Any) -> int:
    """How many results were prepared from their text alone, the outcome being that of the long way."""
    driver = {"name": "s", "rules": [{"id": "R1"}, {"id": "R2", "defaultConfiguration": {"level": "error"}}]}
    whole = {
        "tool": {"driver": driver},
        "artifacts": [{"location": {"uri": "x.py"}}, {"location": {"uri": "y.py"}}],
        **run,
        "results": results,
    }
    text = json.dumps({"version": "2.1.0", "runs": [whole]}, indent=indent, ensure_ascii=indent is not None)
    path.write_text(text, encoding="utf-8")
    long_way, short_way = (Outcome(path, options, learning=learning) for learning in (False, True))
    assert short_way.made == long_way.made
    assert long_way.fast == 0
    return short_way.fast


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "varied",
    [
        {},
        {"ruleId": "R2", "level": "note"},
        {"message": {"text": 'say "ü"\n\\ /', "markdown": "**m** [1](1)"}},
        {"codeFlows": [flow(1, 2), flow(1, 5, 6)], "relatedLocations": [{"id": 1, "physicalLocation": place("b.py")}]},
        {"relatedLocations": [{"id": n, "physicalLocation": place(line=n + 1)} for n in range(3)]},
        {"locations": [{"physicalLocation": {"artifactLocation": {"index": 1}, "contextRegion": {"startLine": 4}}}]},
        {"suppressions": [{"kind": "inSource", "status": "rejected", "justification": "j"}], "hostedViewerUri": "https://h", "rank": 3.5},
    ],
)
def test_results_of_one_form_are_prepared_from_their_text(tmp_path: Path, varied: dict[str, Any], indent: int | None) -> None:
    # The first is learned from; the last is followed by no other.
    assert both(tmp_path / "r.sarif", [result(number, **varied) for number in range(9)], Options(), indent) == 7


@pytest.mark.parametrize("number", [731_946_003, 831_946_099])
def test_a_report_may_hold_what_looks_like_one_of_our_marks(tmp_path: Path, number: int) -> None:
    looked_at = {"properties": {"security-severity": number, "tags": ["a"]}, "message": {"text": f"\ue000{number % 1000}\ue000"}}
    both(tmp_path / "r.sarif", [{**result(), **looked_at} for _n in range(9)], Options())


def test_results_that_differ_in_nothing_that_is_sent(tmp_path: Path) -> None:
    bare = {"ruleId": "R1", "message": {"text": " "}}
    driver = {"name": "s", "rules": [{"id": "R1", "shortDescription": {"text": "said by the rule"}}]}
    assert both(tmp_path / "r.sarif", [bare] * 9, Options(default_location="a.py"), tool={"driver": driver}) == 7


@pytest.mark.parametrize(
    "odd",
    [
        {"message": {"text": " \t"}},
        {"message": {"text": "[l](SARIF:/runs/0)"}},
        {"message": {"text": "\ue0003\ue000"}},
        {"message": {"text": "a\u0000"}},
        {"guid": "0"},
        {"level": "HIGH"},
        {"ruleId": "new"},
        {"locations": [{"physicalLocation": place("/abs.py", 4, startColumn=2, endColumn=5)}]},
        {"locations": [{"physicalLocation": place(line=0, startColumn=2, endColumn=5)}]},
        {"locations": [{"physicalLocation": place(line=4, startColumn=9, endColumn=5)}]},
        {"locations": [{"physicalLocation": place("./a//b c.py", 4, startColumn=2, endColumn=5)}]},
        {"properties": {"tags": ["a", "a"], "confidence": 1, "note": "n"}},
        {"properties": {"tags": ["a", "b"], "confidence": -0.0, "note": "n"}},
        {"relatedLocations": [{"physicalLocation": place()}] * 2},
        {"relatedLocations": [{"physicalLocation": place()}, {"physicalLocation": place("./src/a.py")}]},
        {"codeFlows": [flow(0, 3)]},
        {"suppressions": [{"kind": "external", "status": "rejected", "justification": "same"}] * 2},
        {"message": {"text": "{0}", "arguments": ["x"]}},
    ],
)
def test_what_a_rule_looks_at_goes_the_long_way(tmp_path: Path, odd: dict[str, Any]) -> None:
    usual = {
        "relatedLocations": {"relatedLocations": [{"physicalLocation": place(line=n + 1)} for n in range(2)]},
        "codeFlows": {"codeFlows": [flow(1, 3)]},
        "suppressions": {"suppressions": [{"kind": "external", "status": "rejected", "justification": word} for word in "ab"]},
    }.get(next(iter(odd)), {})
    if "arguments" in odd.get("message", {}):
        usual = {"message": {"text": "no place for it", "arguments": ["x"]}}
    listed = [result(n, **usual) for n in range(5)] + [result(5, **odd)] + [result(n, **usual) for n in range(6, 9)]
    assert 6 <= both(tmp_path / "r.sarif", listed, Options(max_dropped_percent=100)) <= 7


def test_a_form_that_is_not_right_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A mark that is no GUID is left out by the long way, so that the form would leave out those of others.
    monkeypatch.setattr(learn, "_GUID_MARK", "odd")
    assert both(tmp_path / "r.sarif", [result(number) for number in range(5)], Options()) == 0


TEXTS = [
    "",
    " ",
    "x",
    "100 %s %",
    'ü\n"\\',
    "{0}",
    "[l](file:///x)",
    "\ue0001\ue000",
    "src/b.py",
    "../up",
    "/abs/x.c",
    "a b:c",
    "R2",
    "note",
    GUID + "1",
]
NUMBERS = [-1, 0, 1, 2, 7, 731_946_003, 10**12]


def varied(value: Any, draw: st.DrawFn, often: int) -> Any:
    """The value with other texts and numbers here and there, under the same names."""
    if isinstance(value, dict):
        return {name: varied(inner, draw, often) for name, inner in value.items()}
    if isinstance(value, list):
        return [varied(inner, draw, often) for inner in value]
    if isinstance(value, (str, int)) and draw(st.integers(0, often)) == 0:
        return draw(st.sampled_from(TEXTS if isinstance(value, str) else NUMBERS))
    return value


@st.composite
def series(draw: st.DrawFn) -> list[Any]:
    """Results of a few forms, whose values differ."""
    flows = {"codeFlows": [flow(1, 2)], "relatedLocations": [{"id": n, "physicalLocation": place(line=n + 1)} for n in range(2)]}
    usual = st.sampled_from([result(), result(level="note"), result(**flows), result(stacks=[{"frames": [{"module": "m"}]}])])
    bases = draw(st.lists(st.one_of(usual, usual, RESULT), min_size=1, max_size=3))
    often = draw(st.sampled_from([4, 40]))
    return [varied(copy.deepcopy(draw(st.sampled_from(bases))), draw, often) for _number in range(draw(st.integers(2, 12)))]


def runs() -> Iterator[st.SearchStrategy[dict[str, Any]]]:
    yield st.just({})
    yield st.fixed_dictionaries({"tool": st.fixed_dictionaries({"driver": DRIVER, "extensions": EXTENSIONS})})
    yield st.fixed_dictionaries({"originalUriBaseIds": st.just({"%SRCROOT%": {"uri": "sub/"}, "BASE": {"uri": "file:///abs/"}})})
    yield st.fixed_dictionaries({"threadFlowLocations": st.just([{"location": {"physicalLocation": place()}}]), "language": INDEX})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(listed=series(), run=st.one_of(*runs()), options=OPTIONS, indent=st.sampled_from([None, 1]))
def test_the_short_way_is_the_long_way(
    tmp_path: Path, listed: list[Any], run: dict[str, Any], options: Options, indent: int | None
) -> None:
    both(tmp_path / "r.sarif", listed, options, indent, **run)


def test_many_forms_cost_little(tmp_path: Path) -> None:
    """Forms that no other result has are not learned without end."""
    listed = [result(number, properties={f"p{number}": number}) for number in range(1_500)]
    (tmp_path / "r.sarif").write_text(
        json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "s"}}, "results": listed}]}), encoding="utf-8"
    )
    with mock.patch.object(learn.re, "compile", wraps=learn.re.compile) as compiled, prepare([str(tmp_path / "r.sarif")], Options()):
        assert 1 <= compiled.call_count < 60
