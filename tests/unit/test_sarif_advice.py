# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option that a message about SARIF suggests is set, and then has the effect that the message promises."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.documents import pack
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import OPTIONS, Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import prepare
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.table import RULES, UNUSABLE

SARIF = Path(__file__).resolve().parents[2] / "plugins" / "module_utils" / "_sarif"
Run = dict[str, Any]


def result(uri: str | None = "src/a.py", **more: Any) -> dict[str, Any]:
    places = [] if uri is None else [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}}]
    return {"ruleId": "R1", "level": "error", "message": {"text": "found"}, "locations": places, **more}


def run(*results: Any, **more: Any) -> Run:
    return {"tool": {"driver": {"name": "scanner", "rules": [{"id": "R1"}]}}, "results": list(results), **more}


def based(root: str, uri: str = "a.py") -> Run:
    place = {"physicalLocation": {"artifactLocation": {"uri": uri, "uriBaseId": "SRCROOT"}, "region": {"startLine": 1}}}
    return run(result(locations=[place]), originalUriBaseIds={"SRCROOT": {"uri": root}})


@dataclasses.dataclass(frozen=True)
class Case:
    """said: words of the message that advise. options: what it advises, to the letter. sent: the paths of the results then.

    given: options before. warned: whether it is a warning, and no refusal.
    """

    runs: list[Run]
    said: str
    options: dict[str, Any]
    sent: list[str]
    given: dict[str, Any] = dataclasses.field(default_factory=dict)
    warned: bool = False


FLOWS = [{"threadFlows": [{"locations": [{"nestingLevel": n} for n in range(2_000)]}]}]
CASES = {
    "no location": Case([run(result(None))], "Set default_location to", {"default_location": "pom.xml"}, ["pom.xml"]),
    "a place in the code without a file": Case(
        [run(result(locations=[{"logicalLocations": [{"fullyQualifiedName": "com.acme.A"}]}]))],
        "Set default_location to", {"default_location": "pom.xml"}, ["pom.xml"],
    ),
    "a location that is a text": Case(
        [run(result(locations=[{"message": {"text": "whole project"}}, {"message": {"text": "really"}}]))],
        "Set default_location to", {"default_location": "pom.xml"}, ["pom.xml"],
    ),
    "a location by an address": Case(
        [run(result(locations=[{"physicalLocation": {"address": {"absoluteAddress": 4096}}}]))],
        "Set default_location to", {"default_location": "pom.xml"}, ["pom.xml"],
    ),
    "a folder": Case([run(result("./"))], "or set default_location to the one", {"default_location": "pom.xml"}, ["pom.xml"]),
    "no file": Case([run(result("https://x.example/"))], "Set default_location to", {"default_location": "pom.xml"}, ["pom.xml"]),
    "one root": Case(
        [run(result("/home/ci/app/src/a.py"), result("/home/ci/app/b.py"))],
        "source_root to the folder of the repository on the machine that scanned: /home/ci/app, or",
        {"source_root": "/home/ci/app"}, ["src/a.py", "b.py"],
    ),
    "a folder above it": Case(
        [run(result("/home/ci/app/src/a.py"))], "/home/ci/app/src, or a folder above it", {"source_root": "/home/ci"}, ["app/src/a.py"],
    ),
    "a leading slash": Case(
        [run(result("/yarn.lock"), result("src/a.py"))],
        "set strip_leading_slash: true", {"strip_leading_slash": True}, ["yarn.lock", "src/a.py"],
    ),
    "leading slashes of several folders": Case(
        [run(result("/org/a.js"), result("/web/b.js"))],
        "set strip_leading_slash: true", {"strip_leading_slash": True}, ["org/a.js", "web/b.js"],
    ),
    "a folder that may be a root of either kind": Case(
        [run(result("/code/a.py"))], "If the slash means the root", {"strip_leading_slash": True}, ["code/a.py"],
    ),
    "beside source_root": Case(
        [run(result("/ci/repo/services/pay/a.py"), result("/ci/repo/services/cart/a.py"))],
        "scanned: /ci/repo/services, or a folder above it", {"source_root": "/ci/repo/services"}, ["pay/a.py", "cart/a.py"],
        given={"source_root": "/ci/repo/services/pay"},
    ),
    "a source_root that is nowhere": Case(
        [run(result("/home/ci/app/a.py"))], "and source_root is /home/ci/ap (first", {"source_root": "/home/ci/app"}, ["a.py"],
        given={"source_root": "/home/ci/ap"},
    ),
    "several disks": Case(
        [run(*[result(f"C:\\w\\app\\{n}.py") for n in range(3)], result("D:\\sdk\\x.h"))],
        "C:/w/app, or a folder above it. The other 1 are in other places; max_dropped_percent: 25 leaves them out",
        {"source_root": "C:/w/app", "max_dropped_percent": 25}, ["0.py", "1.py", "2.py"],
    ),
    "files that are none of the repository": Case(
        [run(result("/home/ci/app/a.py"), result("/usr/include/stdio.h"))],
        "They are not files of the repository. (max_dropped_percent is 0; 50 sends the other 1 without them.)",
        {"source_root": "/home/ci/app", "max_dropped_percent": 50}, ["a.py"],
        given={"source_root": "/home/ci/app"},
    ),
    "a scan in a folder": Case(
        [run(result("../lib/a.py"))], "or set path_prefix to the folder of the repository in which it ran",
        {"path_prefix": "services"}, ["lib/a.py"],
    ),
    "a few that cannot be used": Case(
        [run(result("../x.py"), *[result() for _n in range(6)])],
        "(max_dropped_percent is 0; 15 sends the other 6 without them.)", {"max_dropped_percent": 15}, ["src/a.py"] * 6,
    ),
    "two roots": Case(
        [based("file:///ci/repo/services/pay/"), based("file:///ci/repo/services/cart/")],
        "scanned: /ci/repo/services, or a folder above it", {"source_root": "/ci/repo/services"}, ["pay/a.py", "cart/a.py"],
    ),
    "two roots, one of them given": Case(
        [based("file:///C:/repo/pay/"), based("file:///c:/repo/cart/")],
        "scanned: c:/repo, or a folder above it", {"source_root": "c:/repo"}, ["pay/a.py", "cart/a.py"],
        given={"source_root": "C:/repo/pay"},
    ),
    "two roots of different files": Case(
        [based("file:///ci/repo/services/pay/"), based("file:///ci/repo/services/cart/", "b.py")],
        "set source_root to /ci/repo/services, or a folder above it", {"source_root": "/ci/repo/services"}, ["pay/a.py", "cart/b.py"],
        warned=True,
    ),
    "undefined rules": Case(
        [run(result(ruleId="R9"))], "Use undefined_rules: add", {"undefined_rules": "add"}, ["src/a.py"],
        given={"undefined_rules": "fail"},
    ),
    "a failed scan": Case(
        [run(result(), invocations=[{"executionSuccessful": False}])], "set on_failed_scan: warn", {"on_failed_scan": "warn"}, ["src/a.py"],
        given={"on_failed_scan": "fail"},
    ),
    "a document that is too big": Case(
        [run(result(codeFlows=FLOWS))], "trim_code_flows: true shortens data-flow paths", {"trim_code_flows": True}, ["src/a.py"],
    ),
    "a document that is too big in parts": Case(
        [run(result(message={"text": "x" * 11_000}), result(message={"text": "y" * 11_000}))],
        "on_oversize: split sends it in parts", {"on_oversize": "split"}, ["src/a.py", "src/a.py"],
    ),
    "a result that is too big": Case(
        [run(result(codeFlows=[{"threadFlows": [{"locations": [{"nestingLevel": n} for n in range(4_000)]}]}]))],
        "Set trim_code_flows: true if that is codeFlows", {"trim_code_flows": True}, ["src/a.py"], given={"on_oversize": "split"},
    ),
    "nothing to send": Case([run()], "allow_empty: true sends it", {"allow_empty": True}, [], warned=True),
    "suppressed results": Case(
        [run(result(), result("b.py", suppressions=[{"kind": "external"}]))],
        "suppressed: keep sends them", {"suppressed": "keep"}, ["src/a.py", "b.py"], warned=True,
    ),
    "results of other kinds": Case(
        [run(result(kind="open"), result(kind="pass"))],
        "(open 1, pass 1); include_kinds sets which kinds are sent", {"include_kinds": ("open",)}, ["src/a.py"], warned=True,
    ),
    "a root that the file names": Case(
        [run(result("/w/app/a.py"), originalUriBaseIds={"SRCROOT": {"uri": "file:///w/app/"}})],
        "Set source_root (and path_prefix, if", {"source_root": "/w", "path_prefix": "x"}, ["x/app/a.py"], warned=True,
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector with a limit of 20 kB."""
    monkeypatch.setattr(pack, "LIMIT", 20_000)
    monkeypatch.setattr(pack.Packer.__init__, "__defaults__", (20_000,))


def told(case: Case, folder: Path) -> tuple[str, str]:
    """The path of the report, and the message about it."""
    path = folder / "report.sarif"
    path.write_text(json.dumps({"version": "2.1.0", "runs": case.runs}), encoding="utf-8")
    if case.warned:
        with prepare([str(path)], Options(**case.given)) as prepared:
            return str(path), " ".join(prepared.warnings)
    with pytest.raises(InputError) as refused:
        prepare([str(path)], Options(**case.given))
    return str(path), str(refused.value)


@pytest.mark.parametrize("name", CASES)
def test_what_is_advised_helps(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path, said = told(case, tmp_path)
    assert case.said in said
    assert [option for option in case.options if option not in said] == []
    with prepare([path], Options(**{**case.given, **case.options})) as prepared:
        documents = [json.loads(upload.content()) for upload in prepared.uploads]
    results = [found for document in documents for one in document["runs"] for found in one["results"]]
    assert documents
    assert [found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for found in results] == case.sent
    assert case.said not in " ".join(prepared.warnings)


# Texts that name an option and advise nothing: what it must be, that it does not help, that it refuses (test_sarif_complete.py), and what
# stands in the documentation for advice that depends on the paths.
NO_ADVICE = {
    "max_dropped_percent must be between 0 and 100.",
    " No source_root contains both: have the scanner write a report for each.",
    ". on_failed_scan: fail refuses such a report.",
    UNUSABLE["path_absolute"][1],
}


def test_every_text_that_names_an_option_stands_in_a_case(tmp_path: Path) -> None:
    """The texts are found in the code, the others in what is said of the cases; test_sarif_disk.py does what disk.py advises."""
    names = {option.name for option in OPTIONS if option.prepares} - {"path"}
    # "suppressed" is a word as well.
    option = re.compile(rf"\b(?:{'|'.join((names - {'suppressed'}) | {'suppressed: '})})")
    changes = {rule.says for rule in RULES}
    told_of = " ".join(told(case, tmp_path)[1] for case in CASES.values())
    texts = set()
    for file in [*SARIF.glob("*.py"), *SARIF.glob("rules/*.py"), *SARIF.glob("documents/*.py")]:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree) if file.name not in ("options.py", "disk.py") else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
                texts |= {node.value} if option.search(node.value) and " " in node.value.strip() else set()
    assert len(texts) > 15
    assert [text for text in texts - changes - NO_ADVICE if text not in told_of] == []
