# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports that are too big for one document: what is left out, which result goes into which part, and which is refused by name."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sarif_whole import normalise
from test_sarif_corpus import CORPUS, FILES, SCHEMA
from test_sarif_property import OPTIONS, RUN

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.client import Client
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.connection import Connection
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.signing import CollectorToken
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.documents import pack as packing
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.documents.pack import json_bytes
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.documents.split import Batch
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import prepare
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.clean import LEVELS
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.context import Shell
from starting import first_outside_ci
from tenant.server import EmbeddedTenant
from tenant.upload import problems

SPLIT = Options(on_oversize="split")


def result(uri: str = "src/a.py", text: str = "found", rule: str = "R1", **more: Any) -> dict[str, Any]:
    location = {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}}
    return {"ruleId": rule, "level": "error", "message": {"text": text}, "locations": [location], **more}


def report(*results: Any, rules: tuple[str, ...] = ("R1", "R2"), **run: Any) -> dict[str, Any]:
    driver = {"name": "s", "rules": [{"id": rule, "help": {"text": "h" * 50}} for rule in rules]}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": list(results), **run}]}


def texts(part: bytes) -> list[str]:
    return [r["message"]["text"] for run in json.loads(part)["runs"] for r in run["results"]]


def files(part: bytes) -> set[str]:
    return {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for run in json.loads(part)["runs"] for r in run["results"]}


def refused(document: dict[str, Any], limit: int, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        normalise(document, Options(**options), limit)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_results_of_one_file_stay_together_and_rules_go_where_they_are_named() -> None:
    listed = [result(f"src/{n % 3}.py", f"{n:02d} {'x' * 100}", f"R{1 + n % 3 // 2}") for n in range(12)]
    whole = normalise(report(*listed), SPLIT, 2_000)
    assert [sorted(files(part)) for part in whole.parts] == [["src/0.py"], ["src/1.py"], ["src/2.py"]]
    assert [[r["id"] for r in json.loads(p)["runs"][0]["tool"]["driver"]["rules"]] for p in whole.parts] == [["R1"], ["R1"], ["R2"]]
    assert [text[:2] for part in whole.parts for text in texts(part)] == [f"{n:02d}" for file in range(3) for n in range(file, 12, 3)]
    assert normalise(report(*listed), SPLIT, 2_000).parts == whole.parts
    assert normalise(report(*listed), SPLIT, 9_000).document == normalise(report(*listed), Options()).document


@pytest.mark.parametrize("limit", range(1_000, 2_000, 40))
def test_a_file_that_fits_into_one_part_is_never_in_two(limit: int) -> None:
    listed = [result(f"src/{n // 3}.py", "x" * (20 + 11 * (n % 5))) for n in range(30)]
    whole = normalise(report(*listed, rules=("R1",)), SPLIT, limit)
    assert sum(len(files(part)) for part in whole.parts) == 10
    assert len(whole.parts) > 1


def test_a_file_with_too_many_results_is_divided() -> None:
    listed = [result(text=f"{n:02d} {'x' * 100}") for n in range(12)] + [result("src/b.py", "last")]
    whole = normalise(report(*listed), SPLIT, 1_500)
    assert all(len(part) <= 1_500 for part in whole.parts)
    assert [text[:2] for part in whole.parts for text in texts(part)] == [*(f"{n:02d}" for n in range(12)), "la"]


def test_the_refusal_names_the_biggest_and_the_choices() -> None:
    listed = [result(f"src/{n}.py", "y" * 300) for n in range(5)]
    said = refused(report(*listed, result("big.py", "z" * 900, "R2")), 1_000)
    for words in (
        "after everything that can be left out",
        "runs[0].results[].message",
        "the biggest result: a result of R2 in big.py",
        "on_oversize: split",
        "trim_code_flows: true",
        "adds to the first or replaces it",
    ):
        assert words in said
    said = refused(report(result(), automationDetails={"id": "i" * 400}), 500, on_oversize="split")
    assert "The biggest members: runs[0].automationDetails" in said


def test_context_snippets_go_first() -> None:
    place = {
        "artifactLocation": {"uri": "a.py"},
        "region": {"startLine": 2, "snippet": {"text": "kept"}},
        "contextRegion": {"startLine": 1, "endLine": 3, "snippet": {"text": "around" * 100}},
    }
    document = report({**result(), "locations": [{"physicalLocation": place}]})
    assert b"around" in normalise(document, Options()).parts[0]
    whole = normalise(document, Options(), 700)
    assert (b"around" in whole.parts[0], b"kept" in whole.parts[0]) == (False, True)
    assert whole.normalised["context_snippets"] == 1


FLOW = {"threadFlows": [{"locations": [{"location": {"message": {"text": "s" * 500}}}]}]}
RELATED = {"message": {"text": "r" * 1000}}


@pytest.mark.parametrize(
    ("limit", "lost"),
    [
        (12_000, []),
        (6_900, ["code flows but the first"]),
        (5_500, ["code flows but the first", "stacks, fixes, web requests and responses"]),
        (4_000, ["code flows but the first", "stacks, fixes, web requests and responses", "snippets"]),
        (2_500, ["code flows but the first", "stacks, fixes, web requests and responses", "snippets", "related locations"]),
        (
            1_500,
            [
                "code flows but the first",
                "stacks, fixes, web requests and responses",
                "snippets",
                "related locations",
                "the end of its message",
            ],
        ),
    ],
)
def test_a_giant_result_is_shortened_in_the_stated_order(limit: int, lost: list[str]) -> None:
    giant = result(text="ü" * 600, codeFlows=[FLOW] * 5, relatedLocations=[RELATED], stacks=[{"frames": [{"module": "m" * 1500}]}])
    giant["locations"][0]["physicalLocation"]["region"]["snippet"] = {"text": "n" * 1800}
    whole = normalise(report(result("b.py", "before"), giant, result("b.py", "after")), SPLIT, limit)
    assert all(len(part) <= limit for part in whole.parts)
    assert sum(len(texts(part)) for part in whole.parts) == whole.results == 3
    assert whole.warnings == ([f"a result of R1 in src/a.py was too big and lost {', '.join(lost)}."] if lost else [])
    assert whole.normalised.get("shortened_results", 0) == bool(lost)
    if "the end of its message" in lost:
        (cut,) = [text for part in whole.parts for text in texts(part) if text.startswith("ü")]
        assert cut.endswith("…")
        assert 200 < len(cut) < 600


def test_what_cannot_be_shortened_is_refused_by_name() -> None:
    said = refused(report(result(), result("src/flow.py", codeFlows=[FLOW] * 9), rules=("R1",)), 800, on_oversize="split")
    assert said.startswith("a result of R1 in src/flow.py (runs[0]) is ")
    assert "codeFlows is" in said
    assert "trim_code_flows: true" in said


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(runs=st.lists(RUN, min_size=1, max_size=2), options=OPTIONS, limit=st.sampled_from([700, 1_000, 1_500, 3_000, 100_000]))
def test_nothing_lost_nothing_doubled_at_any_limit(runs: list[dict[str, Any]], options: Options, limit: int) -> None:
    marks = []
    for run in runs:
        for written in run.get("results") or []:
            if isinstance(written, dict):
                marks.append(f"00000000-0000-4000-8000-{len(marks):012d}")
                written["correlationGuid"] = marks[-1]
    split = Options(**{**options.__dict__, "on_oversize": "split"})
    try:
        whole = normalise({"version": "2.1.0", "runs": runs}, split, limit)
    except InputError:
        # The limit is too small for one of its results, or the tool has no name.
        assume(False)
    sent: Counter[str] = Counter()
    for part in whole.parts:
        assert len(part) <= limit
        document = json.loads(part)
        assert problems(document) == []
        sent.update(r["correlationGuid"] for run in document["runs"] for r in run["results"])
    assert sent.total() == whole.results == whole.found - sum(whole.dropped.values())
    assert set(sent.values()) <= {1}
    assert set(sent) <= set(marks)


@pytest.fixture(scope="module")
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(rate=1000, any_repository=True) as started:
        yield started


@pytest.mark.skipif(not SCHEMA.exists(), reason=f"no SARIF corpus in {CORPUS}: set CORTEX_SHARED to the folder that holds it")
@pytest.mark.parametrize("name", [name for name, file in FILES.items() if not file.refused])
@pytest.mark.parametrize("limit", first_outside_ci([40_000, 128_000], "the smaller parts are more of them"))
def test_real_files_in_small_parts(name: str, limit: int, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    schema = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))
    options = Options(**FILES[name].options, on_oversize="split")
    small = mock.patch.object(packing.Packer.__init__, "__defaults__", (limit,))
    with small, prepare([str(CORPUS / f"{name}.sarif")], options) as prepared:
        parts = [upload.content() for upload in prepared.uploads]
    assert [upload.part for upload in prepared.uploads] == list(range(1, len(parts) + 1))
    assert sum(len(texts(part)) for part in parts) == sum(upload.results for upload in prepared.uploads) == FILES[name].sent
    for part, upload in zip(parts, prepared.uploads, strict=True):
        assert len(part) == upload.size <= limit
        assert [str(problem) for problem in schema.iter_errors(json.loads(part))] == []
        assert problems(json.loads(part)) == []
        assert sum(upload.levels.values()) == upload.results
    collector, query = tenant.add_collector(f"{name} {limit}"), {"repository_url": "https://h.example/o/r"}
    client = Client(Connection(api_url=tenant.url, rate_limit_dir=str(tmp_path), requests_per_second=1000))
    with contextlib.closing(client):
        for part in parts:
            token = CollectorToken(collector.token_id, collector.token)
            Api(client).upload_sarif(part, collector_id=collector.id, token=token, query=query)
    assert len([r for r in tenant.accepted_results if r.collector_id == collector.id]) == FILES[name].sent


def test_results_of_one_file_are_put_together_in_the_order_of_the_report() -> None:
    listed = [(f"{'cabb'[n % 4]}{n // 20}.py", 5 + n, n % 3, LEVELS[n % 4]) for n in range(40)]
    listed += [("one.py", 9, 0, "note")] * 8
    batch, offset, expected = Batch(), (1 << 32) - 60, []
    for path, size, rule, level in listed:
        batch.add(offset, size, rule, path, level)
        expected.append((path, offset, size, rule, level))
        offset += size + 1
    assert (len(batch), batch.size) == (len(listed), sum(size + 1 for _path, size, *_rest in listed))
    assert sum(column.itemsize for column in (batch.offsets, batch.sizes, batch.rules, batch.files, batch.levels)) == 21
    batch.group()
    files = list(dict.fromkeys(path for path, *_rest in listed))
    expected.sort(key=lambda row: files.index(row[0]))
    assert list(zip(batch.offsets, batch.sizes, strict=True)) == [(offset, size) for _path, offset, size, *_rest in expected]
    whole = [[row for row in expected if row[0] == file] for file in files]
    alone = [[row] for row in expected]
    for room, pieces in ((9_999, whole), (0, alone)):
        assert list(batch.pieces([1, 2, 3], room)) == [
            (len(piece), sum(row[2] + 1 for row in piece), {row[3] for row in piece}) for piece in pieces
        ]
    for first, last in [(0, len(listed)), (3, 4), (2, 30)]:
        assert batch.levels_of(first, last) == Counter(row[4] for row in expected[first:last])
        assert batch.rules_of(first, last) == {row[3] for row in expected[first:last]}
        covered = [at for start, end in batch.spans(first, last, 1 << 20) for at in range(start, end)]
        assert covered == [at for _path, offset, size, *_rest in expected[first:last] for at in range(offset, offset + size + 1)]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.sarif").write_text(json.dumps(report(*[result(text="x" * 1000)] * 200)), encoding="utf-8")
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this platform to stand for a full disk")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_options: open("/dev/full", "r+b", buffering=0))  # noqa: SIM115
    with pytest.raises(InputError, match=r"a.sarif: cannot be prepared in .*: No space left on device. Nothing was sent"):
        prepare([str(tmp_path / "a.sarif")], Options())


def test_a_wrong_plan_is_noticed_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [result(f"src/{n}.py", "x" * 300, f"R{1 + n % 2}") for n in range(8)]
    monkeypatch.setattr(packing, "plan_parts", lambda *_given: [(0, 8)])
    with pytest.raises(RuntimeError, match="not what was planned"):
        normalise(report(*listed), SPLIT, 1_500)
    monkeypatch.setattr(Shell, "with_rules", lambda self, _numbers: {**self.head, "rules": []})
    with pytest.raises(RuntimeError, match="lacks a rule"):
        normalise(report(*listed), Options())


@pytest.mark.parametrize("value", [{"a": [1, 2.5, -0.0, 1e300, True, None, 'ü\u2028"\\\n', {"": []}]}, {}, [], 10**30])
def test_encoding_is_that_of_json(value: Any) -> None:
    assert json_bytes(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    with pytest.raises(ValueError, match="Out of range"):
        json_bytes(float("inf"))
