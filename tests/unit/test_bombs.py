# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What small texts of others can cost: each is work for seconds at most, where it once was work for hours.

The bound is processor time, in a process of its own, of some ten times what the work needs on a slow machine; where steps can be counted,
they are. A clock on the wall would say more about the other tests.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import scope as _scope
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules import objects as _objects
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules import paths as _paths

ROOT = Path(__file__).resolve().parents[2]
SECONDS, MEMORY = 10, 2 << 30

START = """
import json
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.normalise import Report
N = 20_000
RULE = {"id": "r", "shortDescription": {"text": "t"}}
def result(n, **more):
    place = {"physicalLocation": {"artifactLocation": {"uri": f"a/{n % 7}.py"}, "region": {"startLine": 1}}}
    return {"ruleId": "r", "message": {"text": "m"}, "locations": [place], **more}
def prepare(run, results):
    report = Report(Options(max_dropped_percent=100))
    run = {"tool": {"driver": {"name": "d", "rules": [RULE]}}, **run}
    report.run(0, run)
    sent = [report.take(0, number, each) for number, each in enumerate(results)]
    report.close({"version": "2.1.0", "runs": [run]})
    return sent
def components(name, **more):
    return [{"name": f"{name}{n}", "guid": f"{n:08}-0000-4000-8000-000000000000", **more} for n in range(N)]
"""

# Those of every kind that cost the least; the others need half a minute together.
QUICK = (
    "brackets in a message", "a chain of bases", "long bases", "an argument in many places", "names that occur twice",
    "many levels in a rule's id", "aliases in a variable",
)  # fmt: skip
IN_CI = pytest.mark.skipif(not os.environ.get("CI"), reason="takes seconds, as do its like: set CI=true; one of each kind is below")

# What it is, and the code. Each was seen to need more than ten times SECONDS before.
BOMBS = {
    "brackets in a message": 'prepare({}, [result(0, message={"text": "[" * 300_000 + "](sarif:"})])',
    "escaped brackets in a message": r'prepare({}, [result(0, message={"text": "[" + "\\[" * 300_000 + "](sarif:"})])',
    "links without an end": 'prepare({}, [result(0, message={"text": "[a](sarif:" * 100_000})])',
    "a chain of bases": """
bases = {f"B{n}": {"uri": "a/", "uriBaseId": f"B{n + 1}"} for n in range(N)}
prepare({"originalUriBaseIds": bases}, [])""",
    "long bases": """
bases = {f"B{n}": {"uri": "b/", "uriBaseId": "TOP"} for n in range(N)}
prepare({"originalUriBaseIds": {"TOP": {"uri": "file:///" + "a" * 1_000_000 + "/"}, **bases}}, [])""",
    "many folders that are the root": """
folders = [{"mappedTo": {"uri": f"file:///x/{n}/"}} for n in range(N)]
place = lambda n: [{"physicalLocation": {"artifactLocation": {"uri": f"file:///y/{n}.py"}}}]
prepare({"versionControlProvenance": folders}, [result(n) if n < N // 2 else result(n, locations=place(n)) for n in range(N)])""",
    "archives in archives": """
artifacts = [{"location": {"uri": f"f{n}"}, "parentIndex": n + 1} for n in range(N)]
places = [{"physicalLocation": {"artifactLocation": {"index": n}, "region": {"startLine": 1}}} for n in range(N)]
prepare({"artifacts": artifacts}, [result(n, locations=[places[n]]) for n in range(N)])""",
    "extensions named one by one": """
run = {"tool": {"driver": {"name": "d", "rules": [RULE]}, "extensions": components("e")}}
prepare(run, [result(n, rule={"id": "r", "toolComponent": {"name": f"e{N - n - 1}"}}) for n in range(N)])""",
    "rules of no extension": """
run = {"tool": {"driver": {"name": "d"}, "extensions": components("e")}}
prepare(run, [result(n, ruleId=f"x/{n}") for n in range(N)])""",
    "taxa named one by one": """
taxa = [[{"index": 0, "toolComponent": {"guid": f"{N - n - 1:08}-0000-4000-8000-000000000000"}}] for n in range(N)]
prepare({"taxonomies": components("t", taxa=[{"id": "t"}])}, [result(n, taxa=taxa[n]) for n in range(N)])""",
    "rules by their guid": """
N = 2 * N
rules = [{"id": f"r{n}", "guid": f"g{n}"} for n in range(N)]
run = {"tool": {"driver": {"name": "d", "rules": rules}}}
prepare(run, [{k: v for k, v in result(n, rule={"guid": f"g{N - n - 1}"}).items() if k != "ruleId"} for n in range(N)])""",
    "many levels in a rule's id": 'prepare({}, [result(0, ruleId="a/" * 1_000_000 + "b")])',
    "overrides of many rules": """
overrides = [{"descriptor": {"id": f"r{n}"}, "configuration": {"level": "note"}} for n in range(N)]
rules = [{"id": f"r{n}"} for n in range(N)]
run = {"tool": {"driver": {"name": "d", "rules": rules}}, "invocations": [{"ruleConfigurationOverrides": overrides}]}
prepare(run, [result(n, ruleId=f"r{N - n - 1}") for n in range(N)])""",
    "many messages of a rule": """
strings = {f"s{n}": {"text": "m"} for n in range(N)}
run = {"tool": {"driver": {"name": "d", "rules": [{**RULE, "messageStrings": strings}]}}}
prepare(run, [result(n, message={"id": "s1"}) for n in range(N)])""",
    "an argument in many places": 'prepare({}, [result(0, message={"text": "{0}" * 1_000_000, "arguments": ["x" * 1_000_000]})])',
    "runs without end": """
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import read
import sys
with open(sys.argv[1], "w") as file:
    file.write('{"version": "2.1.0", "runs": [' + "{}," * 5_000_000 + "{}]}")
try:
    read.read_head(sys.argv[1], lambda *_: 0)
except InputError as exc:
    assert "holds more than 10000 runs" in str(exc)
else:
    raise AssertionError""",
    "names that occur twice": """
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import read
import sys
with open(sys.argv[1], "w") as file:
    names = ",".join(f'"{n % 79_999}": 0' for n in range(80_000))
    file.write('{"version": "2.1.0", "runs": [], "properties": [[[[[{' + names + "}]]]]]}")
assert read.read_head(sys.argv[1], lambda *_: 0).counts["duplicate_keys"]""",
    "numbers that are too large": """
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import read
import sys
with open(sys.argv[1], "w") as file:
    file.write('{"version": "2.1.0", "properties": [[[[[[' + ("1" * 3_999 + ",") * 5_000 + "1" * 5_000 + "]]]]]]}")
try:
    read.read_head(sys.argv[1], lambda *_: 0)
except InputError as exc:
    assert "contains a number too large to read" in str(exc)""",
    "stars in a rule": """
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.scope import scope_of
rules = [{"include": p} for p in ("*a" * 400 + "b", "**a" * 300 + "b", "**/*a" * 190 + "b", "**a*" * 200 + "b", "*/" * 400 + "**/b")]
assert scope_of(rules, ["a" * 999, "a/" * 499], []).included == []""",
    "aliases in an exception": """
import datetime
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.exceptions import excuse
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.repositories import Reader
value = "x"
for _level in range(30):
    value = [value] * 9
waiver = {"owner": value, "reason": {"a": value}, "expires": value, "name": value}
faults = excuse([], [waiver], datetime.date(2026, 1, 1), Reader([])).findings
assert "is not text" in faults[0].message, faults""",
    "aliases in a variable": """
from ansible.errors import AnsibleFilterError
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils import _filters
_filters.MOST_VALUES //= 4
value = "x"
for _level in range(30):
    value = {"a": [value] * 9}
try:
    _filters.evaluated(value)
except AnsibleFilterError as exc:
    assert "YAML aliases" in str(exc)
else:
    raise AssertionError""",
}


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + code, *args],
        env={**os.environ, "PYTHONPATH": str(ROOT / ".build")},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=bounded,
    )


@pytest.mark.parametrize("what", [name if name in QUICK else pytest.param(name, marks=IN_CI) for name in BOMBS])
def test_a_bomb_is_work_for_seconds(tmp_path: Path, what: str) -> None:
    done = run(BOMBS[what], str(tmp_path / "file"))
    assert (done.returncode, done.stderr) == (0, "")


# -- what is linear now means what it meant


def reference(pattern: str) -> str:
    """The pattern as a regular expression in the plainest way."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return "".join(parts.get(part, _scope.re.escape(part)) for part in _scope._PARTS.findall(pattern))


@given(
    st.lists(st.sampled_from(["*", "**", "**/", "/", "a", "b", "1"]), max_size=8).map("".join), st.text("ab1/", max_size=9)
)
@example("*a*b", "aab")
@example("**a*b**", "a/ab")
@example("a*1*1", "a11")
def test_a_pattern_matches_what_the_plainest_reading_of_it_matches(pattern: str, name: str) -> None:
    expected = _scope.re.compile(reference(pattern), _scope.re.DOTALL).fullmatch(name)
    assert bool(_scope.pattern_of(pattern).fullmatch(name)) == bool(expected)


def test_a_name_that_is_none_is_not_compared() -> None:
    for rules, names in (([{"include": "*" * 1001}], ["a"]), ([{"include": "*"}], ["a" * 1001])):
        with pytest.raises(InputError, match="has 1001 characters; the limit is 1000"):
            _scope.scope_of(rules, names, [])


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("see [here](sarif:/1) and [there](file:///x)", "see here and there"),
        (r"a \[b](sarif:1) [c\]](sarif:2)", r"a \[b](sarif:1) c\]"),
        (r"\\[a](sarif:1)", r"\\a"),
        ("[](sarif:1) [ok](https://x)", "link [ok](https://x)"),
        ("[a [b](sarif:1)", "[a b"),
    ],
)
def test_links_into_the_report_become_their_text(text: str, becomes: str) -> None:
    message = {"text": text}
    _objects.links(message, None)  # type: ignore[arg-type]
    assert message["text"] == becomes


def test_a_base_is_resolved_once_and_its_chain_followed_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real = _paths.read_uri

    def counted(path: Any, roots: Any) -> int:
        steps.append(path.text)
        return real(path, roots)

    monkeypatch.setattr(_paths, "read_uri", counted)
    bases = {f"B{n}": {"uri": f"{n}/", "uriBaseId": f"B{n + 1}"} for n in range(1000)}
    roots = _paths.Roots({"originalUriBaseIds": {**bases, "B1000": {"uri": "file:///top/"}}})
    assert len(steps) <= 1001 * _paths.MOST_BASES
    done = len(steps)
    last = roots.base("B999")
    assert roots.base("B999") is last
    assert (last and last.text, last and last.absolute, len(steps)) == ("/top/999/", True, done)
    assert roots.base("B0") is None
