# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurement of SARIF reports still runs, counts what was seen, and finds its place in docs/benchmarks.md. Rivals are not started."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("bench_sarif", str(ROOT / "scripts" / "bench-sarif"))
    spec = importlib.util.spec_from_loader("bench_sarif", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bench_sarif", module)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("shape", ["flows", "short"])
def test_both_sides_see_every_result(bench: Any, shape: str, tmp_path: Path) -> None:
    path = tmp_path / "report.sarif"
    results = bench.write(path, 1, getattr(bench, shape))
    assert results > 100
    given = [(str(path), {})]
    for code, documents in ((bench.OURS, 1), (bench.JSON, 0)):
        cost, made = bench.in_python(code)(given, results)
        assert made == documents
        assert 0 < cost.cpu < 60
        assert cost.memory > 10
        with pytest.raises(SystemExit, match=f"{results} of {results + 1} results were seen"):
            bench.in_python(code)(given, results + 1)
    assert bench.count(path, b'"ruleId":') == results


def test_a_program_that_fails_ends_the_measurement(bench: Any) -> None:
    with pytest.raises(SystemExit, match=r"failed:\nno such report"):
        bench.measure([sys.executable, "-c", "import sys; sys.exit('no such report')"])


def test_the_table_goes_into_the_page(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = bench.PAGE.read_text(encoding="utf-8")
    assert [before.count(mark) for mark in bench.MARKS] == [1, 1]
    page = tmp_path / "benchmarks.md"
    page.write_text(before, encoding="utf-8")
    monkeypatch.setattr(bench, "PAGE", page)
    bench.say("| 1 MB |")
    bench.into_page()
    begin, end = bench.MARKS
    after = page.read_text(encoding="utf-8")
    assert f"{begin}| 1 MB |\n{end}" in after
    assert (after.split(begin)[0], after.split(end)[1]) == (before.split(begin)[0], before.split(end)[1])
    assert capsys.readouterr().out == "| 1 MB |\n"
