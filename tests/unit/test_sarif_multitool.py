# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft's SARIF Multitool finds no error in the documents that are sent.

Valid means: no result of the level error, which are JSON0001 (no JSON), JSON1xxx (against the schema) and SARIF1xxx (against what the
specification demands beyond its schema, such as a region that ends before it starts). Its warnings and notes (SARIF2xxx) are advice to
authors of scanners: snippets, short names, messages that end with a period.

scripts/fetch-multitool, which `make test` calls, fetches it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sarif_whole import normalise
from test_sarif_corpus import CORPUS, FILES, SCHEMA
from test_sarif_property import OPTIONS, REGION, RESULT, RUN
from test_sarif_split import report, result

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import prepare

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".build" / "multitool" / "node_modules" / "@microsoft" / "sarif-multitool-linux" / "Sarif.Multitool"
# .ci/run sets CORTEX_MULTITOOL if it is not allowed to install npm.
FETCHABLE = (sys.platform, platform.machine()) == ("linux", "x86_64") and os.environ.get("CORTEX_MULTITOOL") != "none"
# A busy machine takes ten times as long as a quiet one.
pytestmark = pytest.mark.timeout(900)
needs_corpus = pytest.mark.skipif(not SCHEMA.exists(), reason=f"no SARIF corpus in {CORPUS}: set CORTEX_SHARED to the folder that holds it")

# Each of our results gets this note, because its message has no ID: it proves that the result was checked.
SEEN = "SARIF2002"
# The other notes, because a million of them takes long; SARIF2006 would also request every helpUri.
OFF = (
    "SARIF2003.ProvideVersionControlProvenance",
    "SARIF2006.UrisShouldBeReachable",
    "SARIF2009.ConsiderConventionalIdentifierValues",
    "SARIF2010.ProvideCodeSnippets",
    "SARIF2011.ProvideContextRegion",
    "SARIF2012.ProvideRuleProperties",
    "SARIF2015.EnquoteDynamicMessageContent",
)

# name of a document -> its bytes; -> name of a document -> the errors in it, one line each
Validate = Callable[[dict[str, bytes]], dict[str, list[str]]]


@pytest.fixture
def validate(tmp_path_factory: pytest.TempPathFactory) -> Validate:
    if not PROGRAM.exists():
        if os.environ.get("CI") and FETCHABLE:
            pytest.fail(f"{PROGRAM} is missing, and CI is set: scripts/fetch-multitool fetches it.")
        pytest.skip(f"no SARIF Multitool in {PROGRAM.parent}: scripts/fetch-multitool fetches it, with npm")

    def run(documents: dict[str, bytes]) -> dict[str, list[str]]:
        folder = tmp_path_factory.mktemp("multitool")
        (folder / "rules.json").write_text(json.dumps({f"{rule}.Options": {"RuleEnabled": "Disabled"} for rule in OFF}), encoding="utf-8")
        paths = [folder / f"{name}.sarif" for name in documents]
        for path, content in zip(paths, documents.values(), strict=True):
            path.write_bytes(content)
        command = [str(PROGRAM), "validate", *map(str, paths), "--config", str(folder / "rules.json"), "--level", "Error;Note"]
        command += ["--output", str(folder / "findings"), "--log", "ForceOverwrite", "--quiet", "true"]
        # Invariant: it needs no ICU libraries. Base directory: its files are unpacked there, once.
        alone = {"HOME": str(folder), "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
        alone["DOTNET_BUNDLE_EXTRACT_BASE_DIR"] = str(ROOT / ".build" / "multitool" / "unpacked")
        done = subprocess.run(command, env=alone, capture_output=True, text=True, check=False, timeout=800)
        assert (folder / "findings").exists(), done.stdout + done.stderr
        (found,) = json.loads((folder / "findings").read_text(encoding="utf-8"))["runs"]
        errors: dict[str, list[str]] = {name: [] for name in documents}
        seen: Counter[str] = Counter()
        for finding in found["results"]:
            name = Path(finding["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]).stem
            if finding["ruleId"] == SEEN:
                seen[name] += 1
            elif finding.get("level") == "error":
                errors[name].append(f"{finding['ruleId']} {' '.join(finding['message'].get('arguments', []))}")
        # It also reports success if it skipped a file, or stopped at a file that it could not load.
        for name, content in documents.items():
            if not errors[name]:
                assert seen[name] == sum(len(run["results"]) for run in json.loads(content)["runs"]), f"{name} was not read to its end"
        return errors

    return run


def wrong(errors: dict[str, list[str]]) -> dict[str, list[str]]:
    """The documents that have errors, with these."""
    return {name: found for name, found in errors.items() if found}


@needs_corpus
def test_real_reports(validate: Validate) -> None:
    documents = {}
    for name, file in FILES.items():
        with prepare([str(CORPUS / f"{name}.sarif")], Options(**{"max_dropped_percent": 100.0, **file.options})) as prepared:
            documents |= {f"{name}-{upload.part}": upload.content() for upload in prepared.uploads}
    assert len(documents) == len([file for file in FILES.values() if file.sent])
    assert wrong(validate(documents)) == {}


@needs_corpus
@pytest.mark.parametrize("name", ["smithy--codeql-java", "webgoat--checkmarx-one", "defectdojo--semgrep-owasp-benchmark"])
def test_parts_of_real_reports(validate: Validate, name: str) -> None:
    whole = normalise(json.loads((CORPUS / f"{name}.sarif").read_bytes()), Options(on_oversize="split"), 150_000)
    documents = {f"part-{number}": part for number, part in enumerate(whole.parts, 1)}
    assert len(documents) > 1
    assert wrong(validate(documents)) == {}


@st.composite
def awkward_runs(draw: st.DrawFn) -> dict[str, Any]:
    """A run with arbitrary members, and results with arbitrary members that can usually be sent."""
    run = draw(RUN)
    run["results"] = []
    for _number in range(draw(st.integers(1, 3))):
        awkward = draw(RESULT)
        good = result(draw(st.sampled_from(["a.py", "src/a b.py", "./a/../b.c", "%", "a\\b.cs"])))
        good["locations"][0]["physicalLocation"] |= {"region": draw(REGION), "contextRegion": draw(REGION)}
        risky = ("ruleId", "message", "locations")
        kept = awkward.items() if isinstance(awkward, dict) else ()
        run["results"].append({**good, **{name: value for name, value in kept if name not in risky or draw(st.integers(0, 9)) == 0}})
    return run


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=8 if os.environ.get("CI") else 4, deadline=None, phases=[Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large])  # fmt: skip
@given(reports=st.lists(st.tuples(awkward_runs(), OPTIONS), min_size=30, max_size=40))
def test_reports_that_no_scanner_wrote(validate: Validate, reports: list[tuple[dict[str, Any], Options]]) -> None:
    """Many documents for each call, which takes half a second to start; no shrinking, for the same reason. The error names the document."""
    documents = {}
    for number, (run, options) in enumerate(reports):
        whole = normalise({"version": "2.1.0", "runs": [run]}, options)
        documents |= {f"report-{number}": part for part in whole.parts}
    assert len(documents) > len(reports) / 4
    assert wrong(validate(documents)) == {}


REGION_OF = {"startLine": 9, "endLine": 9}
DRAFT = "https://schemastore.azurewebsites.net/schemas/json/sarif-2.1.0-rtm.5.json"
MENDED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a context that does not enclose its region": (
        {"region": REGION_OF, "contextRegion": {"startLine": 1, "endLine": 3}},
        {},
        "context_regions",
    ),
    "a context that is its region": ({"region": REGION_OF, "contextRegion": REGION_OF}, {}, "context_regions"),
    "a context that begins after its region, by offsets": (
        {"region": {"startLine": 7, "startColumn": 7, "charOffset": 1}, "contextRegion": {"startLine": 7, "endLine": 7, "charOffset": 7}},
        {},
        "context_regions",
    ),
    "a context without a length, by offsets": (
        {"region": {"startLine": 7, "startColumn": 7, "charOffset": 7}, "contextRegion": {"startLine": 7, "charOffset": 1}},
        {},
        "context_regions",
    ),
    "a context without a region": ({"contextRegion": {"startLine": 4, "endLine": 6}}, {}, "start_lines"),
    "a $schema that names a draft": ({"region": REGION_OF}, {"$schema": DRAFT}, "schema_added"),
    "one line, with an offset, that ends before it starts": (
        {"region": {"charOffset": 7, "endLine": 1, "startColumn": 7, "endColumn": 1}},
        {},
        "regions",
    ),
    "a line over 2,147,483,647": ({"region": {"startLine": 9, "endLine": 1e300}}, {}, "wrong_types"),
    "a whole number over 2,147,483,647": ({"region": {"startLine": 9, "endLine": 2**31}}, {}, "wrong_types"),
}


@pytest.mark.parametrize("fault", MENDED)
def test_what_it_would_refuse_is_mended_and_counted(validate: Validate, fault: str) -> None:
    place, log, counter = MENDED[fault]
    one = result()
    one["locations"][0]["physicalLocation"].pop("region", None)
    one["locations"][0]["physicalLocation"] |= place
    whole = normalise({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", **report(one), **log}, Options())
    (part,) = whole.parts
    assert wrong(validate({"it": part})) == {}
    assert whole.normalised[counter] == 1


def test_parts_of_an_oversized_report(validate: Validate) -> None:
    step = {"location": {"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 3}}}}
    flows = {"codeFlows": [{"threadFlows": [{"locations": [step] * 8}]}] * 2}
    listed = [result(f"src/{n % 30}.py", f"{n} {'x' * 60}", f"R{n % 2 + 1}", **(flows if n % 3 else {})) for n in range(400)]
    # Too big for a part alone, so it is shortened.
    listed.append(result("src/big.py", "y" * 40_000, relatedLocations=[{"message": {"text": "z" * 3_000}}] * 20))
    whole = normalise(report(*listed), Options(on_oversize="split"), 30_000)
    assert len(whole.parts) > 10
    documents = {f"part-{number}": part for number, part in enumerate(whole.parts, 1)}
    assert wrong(validate(documents)) == {}


BROKEN: dict[str, tuple[str, Any]] = {
    "JSON1005": ("unknown", 1),
    "JSON1002": ("message", None),
    "SARIF1002": ("locations", [{"physicalLocation": {"artifactLocation": {"uri": "C:\\a b.py"}}}]),
    "SARIF1007": ("locations", [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 9, "endLine": 3}}}]),
    "SARIF1009": ("ruleIndex", 7),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_that_check_can_fail(validate: Validate, rule: str) -> None:
    name, value = BROKEN[rule]
    broken = {**result(), name: value}
    (part,) = normalise(report(result()), Options()).parts
    document = json.loads(part)
    document["runs"][0]["results"].append({name: value for name, value in broken.items() if value is not None})
    errors = validate({"good": part, "bad": json.dumps(document).encode()})
    assert errors["good"] == []
    assert [error.split()[0] for error in errors["bad"]] == [rule]


def test_that_a_document_it_cannot_load_does_not_pass_for_a_good_one(validate: Validate) -> None:
    (part,) = normalise(report(result()), Options()).parts
    with pytest.raises(AssertionError, match="was not read to its end"):
        validate({"bad": part.replace(b'"level":"error"', b'"level":"HIGH"'), "good": part})
