# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arbitrary reports: no result is lost or sent twice, and what is sent meets the collector's requirements."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sarif_whole import Whole, normalise

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from starting import IN_CI
from tenant.upload import problems

IDS = st.sampled_from(["R1", "R2", "R2/sub", "X1", "missing", "", None, 3])
WORDS = st.sampled_from(["text", "", " ", "{0} and {{1}}", "ü [l](file:///x)", None, 7])
INDEX = st.sampled_from([None, -1, 0, 1, 2, 99, True, "0"])
URIS = st.sampled_from(
    [
        "a.py",
        "src/a b.py",
        "./a/../b.c",
        "../up.c",
        "/abs/x.c",
        "file:///abs/y.c",
        "C:\\w\\a.cs",
        "a\\b.cs",
        "http://h/x",
        "",
        "%",
        "a:b/c",
        "..%2Fx",
        None,
        5,
    ]
)
REFERENCE = st.fixed_dictionaries(
    {}, optional={"id": IDS, "index": INDEX, "toolComponent": st.fixed_dictionaries({}, optional={"index": INDEX})}
)
NUMBER = st.sampled_from([None, -1, 0, 1, 7, 7.0, "7", 1e300, {}])
REGION = st.one_of(
    st.none(), st.fixed_dictionaries({}, optional=dict.fromkeys(("startLine", "endLine", "startColumn", "endColumn", "charOffset"), NUMBER))
)
ARTIFACT = st.fixed_dictionaries(
    {}, optional={"uri": URIS, "uriBaseId": st.sampled_from(["%SRCROOT%", "BASE", "LOOP", "?", 1]), "index": INDEX}
)
PHYSICAL = st.one_of(
    st.just({}), st.just([]), st.fixed_dictionaries({"artifactLocation": ARTIFACT}, optional={"region": REGION, "contextRegion": REGION})
)
LOCATION = st.one_of(
    st.none(), st.fixed_dictionaries({}, optional={"physicalLocation": PHYSICAL, "logicalLocations": st.just([{"index": 0}])})
)
LOCATIONS = st.one_of(st.none(), st.lists(LOCATION, max_size=3))
MESSAGE = st.one_of(
    st.just({}), st.just("m"), st.fixed_dictionaries({"text": WORDS}, optional={"id": st.just("m"), "arguments": st.just(["x"])})
)
STEPS = st.lists(st.fixed_dictionaries({}, optional={"index": INDEX, "location": LOCATION}), max_size=2)
RESULT = st.one_of(
    st.sampled_from([None, "text", []]),
    st.fixed_dictionaries(
        {"message": MESSAGE, "locations": LOCATIONS, "ruleId": IDS},
        optional={
            "ruleIndex": INDEX,
            "rule": REFERENCE,
            "level": st.sampled_from(["error", "none", "HIGH", "odd", None, 3]),
            "kind": st.sampled_from(["fail", "pass", "review", "Fail", "odd", None]),
            "suppressions": st.sampled_from([None, [], [{"kind": "inSource"}], [{"status": "rejected"}], "x"]),
            "baselineState": st.sampled_from(["new", "absent", None]),
            "codeFlows": st.one_of(st.none(), st.builds(lambda steps: [{"threadFlows": [{"locations": steps}]}], STEPS)),
            "relatedLocations": LOCATIONS,
            "taxa": st.lists(REFERENCE, max_size=2),
            "partialFingerprints": st.sampled_from([{}, {"a": "b"}, {"a": {"value": "b"}}, {"a": None}]),
            "unknown": st.just(1),
        },
    ),
)
RULES = st.lists(
    st.fixed_dictionaries({"id": IDS}, optional={"name": WORDS, "messageStrings": st.just({"m": {"text": "{0}"}})}), max_size=3
)
DRIVER = st.fixed_dictionaries({"name": st.just("s"), "rules": RULES})
EXTENSIONS = st.just([{"name": "e", "rules": [{"id": "X1"}]}])
RUN = st.fixed_dictionaries(
    {"tool": st.fixed_dictionaries({"driver": DRIVER}, optional={"extensions": EXTENSIONS})},
    optional={
        "results": st.one_of(st.none(), st.lists(RESULT, max_size=4)),
        "artifacts": st.lists(st.fixed_dictionaries({"location": ARTIFACT}, optional={"parentIndex": INDEX}), max_size=2),
        "threadFlowLocations": st.lists(st.fixed_dictionaries({}, optional={"index": INDEX, "location": LOCATION}), max_size=2),
        "originalUriBaseIds": st.just({"BASE": {"uri": "file:///abs/"}, "LOOP": {"uri": "l/", "uriBaseId": "LOOP"}}),
    },
)
OPTIONS = st.builds(
    Options,
    source_root=st.sampled_from(["", "/abs", "C:\\w"]),
    path_prefix=st.sampled_from(["", "p/q"]),
    strip_leading_slash=st.booleans(),
    default_location=st.sampled_from(["", "Dockerfile"]),
    suppressed=st.sampled_from(["drop", "keep"]),
    level_from=st.sampled_from(["sarif", "security_severity"]),
    include_kinds=st.sampled_from([("fail", "review"), ("fail", "pass", "open")]),
    max_dropped_percent=st.just(100.0),
)


def marks(document: dict[str, Any]) -> list[str]:
    return [r["correlationGuid"] for run in document["runs"] for r in run["results"]]


@settings(max_examples=300 if IN_CI else 100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs=st.lists(RUN, max_size=2), options=OPTIONS)
def test_nothing_lost_nothing_doubled(runs: list[dict[str, Any]], options: Options) -> None:
    given_marks = []
    for run in runs:
        for result in run.get("results") or []:
            if isinstance(result, dict):
                given_marks.append(f"00000000-0000-4000-8000-{len(given_marks):012d}")
                result["correlationGuid"] = given_marks[-1]
    document = {"version": "2.1.0", "runs": runs}
    outcome: Whole = normalise(document, options)
    assert outcome.found == sum(len(run.get("results") or []) for run in runs)
    assert outcome.results + sum(outcome.dropped.values()) == outcome.found
    assert outcome.results == sum(outcome.levels.values())
    if outcome.document is None:
        assert outcome.results == 0
        return
    sent = marks(outcome.document)
    assert len(sent) == outcome.results == len(set(sent))
    assert sent == [mark for mark in given_marks if mark in sent]
    assert problems(outcome.document) == []
    again = normalise(outcome.document, Options(suppressed="keep", include_kinds=options.include_kinds, level_from=options.level_from))
    assert again.document == outcome.document, "what is sent needs no further change"
    assert again.normalised == {}


NAMES = st.sampled_from(["runs", "tool", "driver", "name", "results", "rules", "id", "locations", "message", "artifacts"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
ANYTHING = st.recursive(LEAVES, lambda x: st.lists(x, max_size=3) | st.dictionaries(NAMES, x, max_size=4), max_leaves=12)


@settings(max_examples=200 if IN_CI else 70, deadline=None)
@given(runs=ANYTHING)
def test_odd_shapes_are_taken_or_refused_in_words(runs: Any) -> None:
    # Any other exception would be a traceback for the user.
    with contextlib.suppress(InputError):
        normalise({"version": "2.1.0", "runs": runs}, Options())
