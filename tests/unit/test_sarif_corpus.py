# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real files of 25 scanners: every result is accounted for, and the official schema and the embedded tenant accept what is sent.

The files are not part of the repository. They are looked for in sarif-corpus/ of the folder that CORTEX_SHARED names.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.client import Client
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.connection import Connection
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.signing import CollectorToken
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import prepare
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.shape import SHAPES
from tenant.server import EmbeddedTenant

SHARED = Path(os.environ.get("CORTEX_SHARED") or Path(__file__).resolve().parents[3] / "shared")
CORPUS = SHARED / "sarif-corpus"
SCHEMA = CORPUS / "sarif-schema-2.1.0.json"
pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason=f"no SARIF corpus in {CORPUS}: set CORTEX_SHARED to the folder that holds it")


@dataclasses.dataclass(frozen=True)
class File:
    """found results in it, sent: how many of them are, options: what the file needs, dropped: why the others are not."""

    found: int
    sent: int
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    dropped: dict[str, int] = dataclasses.field(default_factory=dict)
    refused: str = ""


FILES = {
    "aderyn--playground": File(87, 87),
    "alt3--psscriptanalyzer": File(32, 32, {"source_root": "D:\\a\\Docusaurus.Powershell\\Docusaurus.Powershell"}),
    "binskim--vs2019": File(24, 6, dropped={"kind_pass": 18}),
    "codemodder--appscan": File(88, 88, {"strip_leading_slash": True}),
    "codemodder--codeql-ghas": File(47, 47),
    "codemodder--semgrep-pygoat": File(89, 0, refused="89 of 89 results cannot be sent: 89 have no rule"),
    "csdiff--0125-bom": File(14, 14),
    "csdiff--0133-gcc-pwd": File(4, 4, {"source_root": "/builddir/build/BUILD/usbutils-018-build/usbutils-018"}),
    "defectdojo--codeql": File(72, 72),
    "defectdojo--gitleaks-7.5.0": File(8, 0, refused="8 of 8 results cannot be sent: 8 have no rule"),
    "defectdojo--semgrep-owasp-benchmark": File(1768, 1768),
    "defectdojo--spotbugs": File(56, 56),
    "iframeresizer--eslint": File(12, 12, {"suppressed": "keep", "source_root": "/Users/davidbradshaw/dev/iframe-resizer"}),
    "sarifsdk--fortify-fpr": File(452, 452),
    "sarifsdk--prefast-192": File(48, 46, {"source_root": "C:\\somepath", "max_dropped_percent": 5.0}, {"path_absolute": 2}),
    "sastscan--bandit": File(35, 35, {"source_root": "/Users/guest/work/shiftleft/vulpy"}),
    "smithy--checkov": File(3, 3),
    "smithy--codeql-java": File(64, 64),
    "smithy--kics": File(3, 3, {"path_prefix": "code/kics"}),
    "smithy--mobsfscan": File(43, 43, {"source_root": "/code"}),
    "smithy--semgrep": File(3, 3),
    "smithy--zap": File(3, 0, refused="3 are not about a file of the repository"),
    "snykcli--snyk-code-nulls": File(11, 9, dropped={"suppressed": 2}),
    "veracode--pipeline": File(13, 13),
    "webgoat--checkmarx-one": File(213, 213),
}


@pytest.fixture(scope="module")
def schema() -> Any:
    return jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(rate=1000, any_repository=True) as started:
        yield started


def test_every_file_is_in_the_table() -> None:
    assert {path.stem for path in CORPUS.glob("*.sarif")} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, schema: Any, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    file, path = FILES[name], str(CORPUS / f"{name}.sarif")
    if file.refused:
        with pytest.raises(InputError, match=re.escape(file.refused)):
            prepare([path], Options(**file.options))
        with prepare([path], Options(**file.options, max_dropped_percent=100)) as prepared:
            pass
        assert (prepared.uploads, sum(prepared.dropped.values())) == ([], file.found)
        return
    with prepare([path], Options(**file.options)) as prepared:
        contents = [upload.content() for upload in prepared.uploads]
    assert prepared.dropped == file.dropped
    assert file.sent + sum(file.dropped.values()) == file.found
    ((upload,), (content,)) = prepared.uploads, contents
    document = json.loads(content)
    assert upload.results == file.sent == sum(len(run["results"]) for run in document["runs"]) == sum(prepared.levels.values())
    assert [str(problem) for problem in schema.iter_errors(document)] == []
    assert list(local_paths(document)) == []
    collector = tenant.add_collector(name)
    connection = Connection(api_url=tenant.url, rate_limit_dir=str(tmp_path), requests_per_second=1000)
    client = Client(connection)
    answer = Api(client).upload_sarif(
        content,
        collector_id=collector.id,
        token=CollectorToken(collector.token_id, collector.token),
        query={"repository_url": "https://h.example/o/r"},
    )
    client.close()
    assert answer.status == 201
    assert len([r for r in tenant.accepted_results if r.collector_id == collector.id]) == file.sent


def local_paths(value: Any) -> Iterator[str]:
    """Every path of an artifactLocation that is not plain and relative, and every base ID that is left."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("uriBaseId", "originalUriBaseIds", "artifacts", "workingDirectory"):
                yield key
            elif key in ("artifactLocation", "analysisTarget") and re.match(r"/|[A-Za-z][A-Za-z0-9+.-]*:", inner["uri"]):
                yield inner["uri"]
            elif key != "properties":
                yield from local_paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from local_paths(inner)


def test_table_of_members_is_the_official_schema() -> None:
    """shape.py lists exactly the members of SARIF 2.1.0."""
    official = json.loads(SCHEMA.read_text(encoding="utf-8"))["definitions"]
    for name, shape in SHAPES.items():
        definition = official[name]
        assert set(shape.members) | shape.left_out == set(definition["properties"]), name
        assert set(definition.get("required", [])) <= set(shape.required) | {"message"}, name
        for member, kind in shape.members.items():
            described = definition["properties"][member]
            assert (kind.container == "list") == (described.get("type") == "array"), f"{name}.{member}"
            if kind.container == "list" and name + "." + member not in ("tool.extensions", "run.taxonomies"):
                assert kind.unique == described.get("uniqueItems", False), f"{name}.{member}"
                # An empty list is never sent.
                assert described.get("minItems", 0) <= 1, f"{name}.{member}"
            reference = described.get(
                "$ref", described.get("items", {}).get("$ref", "") if isinstance(described.get("items"), dict) else ""
            )
            target = reference.rpartition("/")[2]
            if target and target != "propertyBag":
                assert kind.kind == target, f"{name}.{member}"
