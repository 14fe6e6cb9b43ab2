# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went over the wire, as a file that can be attached to a public issue."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import resource
import stat
from pathlib import Path
from typing import Any

import pytest
from asking import Ask
from test_tenant_verify import plant
from verifying import api_of

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.fields import FIELDS
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.status import STATUSES
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import TYPES
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import trace
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.call import Attempt
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.invented import KEYS, WORDS, Invented
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import Redactor
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import command
from tenant.problem import appsec
from tenant.server import EmbeddedTenant

Entries = list[dict[str, Any]]
ENTRY = {"startedDateTime", "time", "request", "response", "cache", "timings"}
REQUEST = {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"}
RESPONSE = {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize", "bodySize"}
REPORT = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "bandit", "rules": [{"id": "B101"}]}},
            "results": [
                {
                    "ruleId": "B101",
                    "message": {"text": "assert used in ovenmaster"},
                    "locations": [{"physicalLocation": {"artifactLocation": {"uri": "app.py"}, "region": {"startLine": 3}}}],
                }
            ],
        }
    ],
}


def archive(path: Path) -> tuple[str, Entries]:
    """The comment and the entries of a trace, which has all that HAR 1.2 wants."""
    log = json.loads(path.read_text(encoding="utf-8"))["log"]
    assert log["version"] == "1.2"
    assert set(log["creator"]) == {"name", "version"}
    for entry in log["entries"]:
        assert set(entry) >= ENTRY
        assert set(entry["request"]) >= REQUEST
        assert set(entry["response"]) >= RESPONSE
        assert set(entry["response"]["content"]) >= {"size", "mimeType"}
        assert entry["time"] == pytest.approx(sum(n for n in entry["timings"].values() if n > 0), abs=0.5)
        assert all(isinstance(one["value"], str) for part in ("request", "response") for one in entry[part]["headers"])
    return log["comment"], log["entries"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace.har"


def test_an_onboarding_with_a_lost_answer_and_two_refusals_for_the_limit(run_module: Any, file: Path) -> None:
    with EmbeddedTenant("guide", rate=1000) as tenant:
        tenant.fault("throttled", method="GET", count=2, retry_after=0)
        tenant.fault("lost_answer", method="PUT")
        sources = Ask(run_module, tenant, "data_sources", trace_file=str(file))
        item = {"type": "GITLAB_SELF_MANAGED", "name": "ovens", "domain": {"hostname": "git.bakery.example"}}
        wanted = {**item, "selection_type": "MANUAL_SELECTION", "repositories": ["bakery/oven"], "credentials": {"token": "hunter22"}}
        sources.ok(data_sources=[wanted])
        Ask(run_module, tenant, "tenant_info", trace_file=str(file)).ok()
        (instance,) = tenant.instances
    comment, entries = archive(file)
    assert comment == "names, hosts, repositories and ids are invented; 0 older entries were dropped"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    outcomes = [(e["request"]["method"], e["response"]["status"], e["response"]["_outcome"]) for e in entries]
    assert outcomes[:3] == [("GET", 429, "refused"), ("GET", 429, "refused"), ("GET", 200, "done")]
    assert outcomes.count(("PUT", 0, "lost")) == 1
    assert outcomes[-2:] == [("GET", 200, "done"), ("GET", 200, "done")], "those of the next task"
    assert all("blocked" in e["timings"] and e["timings"]["wait"] > 0 for e in entries)
    text = file.read_text(encoding="utf-8")
    for name in ("ovens", "bakery", "hunter22", instance, tenant.keys["admin"].key, tenant.keys["admin"].id + '"', "127.0.0.1"):
        assert name not in text, name
    # The same is the same: the instance in the answer to its creation, and in the path of what follows.
    (created,) = [e for e in entries if e["request"]["method"] == "POST"]
    shown = json.loads(created["response"]["content"]["text"])
    assert shown["type"] == "GITLAB_SELF_MANAGED"
    (put, *_again) = [e for e in entries if e["request"]["method"] == "PUT"]
    assert put["request"]["url"].endswith(f"/data_source_instances/{shown['id']}")
    sent = json.loads(put["request"]["postData"]["text"])
    assert sent["selectionType"] == "MANUAL_SELECTION"
    (repository,) = sent["state"]
    assert len(repository.split("/")) == 2


def test_of_thirty_names_and_secrets_none_is_in_a_trace(
    run_module: Any, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.sarif").write_text(json.dumps(REPORT), encoding="utf-8")
    with EmbeddedTenant("default", rate=1000) as tenant:
        words = plant(tenant)
        (collector,) = [i for i, one in tenant.instances.items() if one["type"] == "COLLECTOR"]
        create = type(tenant.state).create

        def telling(self: Any, body: dict[str, Any]) -> Any:
            if body["uniqueProperties"]["name"] == words[0]:
                said = f"Not taken by {words[1]}: '{words[2]}' is what {words[3].title()} has, and {json.dumps(body)}"
                raise appsec(400, "VALIDATION_ERROR", said)
            return create(self, body)

        monkeypatch.setattr(type(tenant.state), "create", telling)
        for name in ("hide", "keep"):
            options = {"trace_file": f"{file}.{name}", "trace_names": name}
            Ask(run_module, tenant, "data_source_info", details=True, **options).ok()
            Ask(run_module, tenant, "repository_info", search=words[-1], **options).ok()
            Ask(run_module, tenant, "repository_info", url=f"https://github.com/{words[-2]}/{words[-1]}", **options).ok()
            sent = {"type": "SNYK", "credentials": {"token": "hunter22-secret"}, "unique_properties": {"apiToken": words[5]}}
            Ask(run_module, tenant, "data_source", name=words[0], **sent, **options).refused()
            monkeypatch.setattr(type(tenant.state), "create", create)
            tenant.set(token_names="unknown")
            with api_of(tenant, tmp_path, **options) as api:
                settings = {"name": f"{words[4]}-{name}", "detectionMethod": "SAST", "fileType": "SARIF"}
                assert "ingestion" in api.create_data_source({"type": "COLLECTOR", "uniqueProperties": settings})
            monkeypatch.setattr(type(tenant.state), "create", telling)
            upload = {"path": [str(tmp_path / "report.sarif")], "repository_url": f"https://github.com/{words[-2]}/{words[-1]}"}
            Ask(run_module, tenant, "sarif_upload", collector_id=collector, branch=words[6], **upload, **options).ok()
        ids = list(tenant.instances)
        secrets = [*tenant.secrets(), "hunter22-secret", "ovenmaster"]
    hidden, kept = (Path(f"{file}.{name}").read_text(encoding="utf-8").lower() for name in ("hide", "keep"))
    names = [*words, *ids, "bakery", "127.0.0.1"]
    assert [word for word in [*names, *secrets] if word.lower() in hidden] == []
    assert sum(word in kept for word in words) > 20, "they were said"
    assert [secret for secret in secrets if secret.lower() in kept] == []
    headers = [one for e in archive(Path(f"{file}.keep"))[1] for one in e["request"]["headers"]]
    assert {one["value"] for one in headers if one["name"].lower() in ("authorization", "x-xdr-nonce")} == {"********"}
    _comment, entries = archive(Path(f"{file}.hide"))
    (refused,) = [e for e in entries if e["response"]["status"] == 400]
    assert json.loads(refused["response"]["content"]["text"])["message"].startswith("Not taken by word-")
    (document,) = [e["request"] for e in entries if "/collectors/" in e["request"]["url"]]
    assert document["postData"]["text"] == ""
    assert document["postData"]["comment"].startswith(f"{document['bodySize']} bytes, SHA-256 ")


def test_the_words_that_stay_are_all_that_the_collection_knows() -> None:
    assert set(TYPES) | set(STATUSES) <= WORDS
    assert {part for field in FIELDS for part in field.api.split(".")} - KEYS <= {
        "token", "refreshToken", "clientId", "clientSecret", "username", "password",
    }  # fmt: skip


def test_another_secret_makes_other_names() -> None:
    one, other = Invented("key-1"), Invented("key-2")
    assert one.name("bakery") == Invented("key-1").name("bakery") != other.name("bakery")
    assert one.value({"id": 412, "name": "412"})["id"] != 412


# -- the file


def test_it_never_stops_a_run_and_touches_nothing_else(
    tenant: EmbeddedTenant, run_module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = Ask(run_module, tenant, "tenant_info")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "notes.txt")
    for name, why in (("notes.txt", "there is another file of that name"), ("link", "Too many levels"), ("no/such", "No such file")):
        (warned,) = info.ok(trace_file=str(tmp_path / name))["warnings"]
        assert warned.startswith(f"trace_file {tmp_path / name} is not written ({why}")
        assert warned.endswith("The run goes on without it.")
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    monkeypatch.setattr(trace.Trace, "entry", lambda *_args: 1 / 0)
    (warned,) = info.ok(trace_file=str(tmp_path / "x.har"))["warnings"]
    assert "is not written (ZeroDivisionError)" in warned


def test_what_a_killed_process_left_is_gone_on_with_and_the_oldest_go_first(
    tenant: EmbeddedTenant, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(times: int) -> Entries:
        with api_of(tenant, tmp_path, trace_file=str(file)) as api:
            for _unused in range(times):
                api.healthcheck()
            assert api.client.warnings == []
        return archive(file)[1]

    assert len(ask(3)) == 3
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole[:-300], encoding="utf-8")
    assert len(ask(1)) == 3, "two that were whole, and the new one"
    monkeypatch.setattr(trace, "MOST_BYTES", 8000)
    last = ask(30)[-1]
    comment, entries = archive(file)
    assert file.stat().st_size <= 8000
    assert entries[-1] == last
    assert comment.endswith(f"; {33 - len(entries)} older entries were dropped")


def write(path: str, most: int = 0) -> None:
    """most: of bytes that the file may have, as if the disk were full then."""
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    warnings: list[str] = []
    own = trace.Trace(path, "hide", Redactor(), warnings, lambda: "key-1")
    for _unused in range(200):
        own.see(Attempt("GET", "https://api.bakery.example/public_api", {}, None))
    assert [warning.partition(" is not written ")[0] for warning in warnings] == ([f"trace_file {path}"] if most else [])


def test_a_full_disk_leaves_what_was_written_whole(file: Path) -> None:
    write(str(file))
    whole = file.read_bytes()
    cut = len(whole) // 2
    # A file that is added to, one that is new, and one that a killed process left without its end.
    for begun in (whole, b"", whole[:cut]):
        file.write_bytes(begun)
        process = multiprocessing.get_context("fork").Process(target=write, args=(str(file), max(len(begun), 20_000) + 100))
        process.start()
        process.join()
        assert process.exitcode == 0
        assert len(archive(file)[1]) >= begun.count(b"startedDateTime") - 1
    assert len(archive(file)[1]) > 50


def test_what_is_no_text_is_left_out_when_the_file_is_mended(file: Path) -> None:
    write(str(file))
    file.write_bytes(file.read_bytes()[:-50] + b"\xff\xfe\0")
    write(str(file))
    assert len(archive(file)[1]) == 399


def test_many_processes_write_one_file(file: Path) -> None:
    start = multiprocessing.get_context("fork").Process
    processes = [start(target=write, args=(str(file),)) for _unused in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert len(archive(file)[1]) == 800


def test_of_long_lists_and_large_bodies_a_part_is_kept(tenant: EmbeddedTenant, file: Path, tmp_path: Path) -> None:
    for number in range(150):
        tenant.add_instance("SNYK", name=f"snyk-{number}")
    with api_of(tenant, tmp_path, trace_file=str(file)) as api:
        assert len(api.list_data_sources()) == 150
    ((entry,)) = archive(file)[1]
    shown = json.loads(entry["response"]["content"]["text"])
    assert (len(shown), shown[-1]) == (101, {"more": 50})


def test_the_command_for_pipelines_writes_one_too(
    tenant: EmbeddedTenant, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.sarif").write_text(json.dumps(REPORT), encoding="utf-8")
    tenant.add_repository("bakery/oven")
    token = tenant.add_collector("bandit")
    given = {"TRACE_FILE": str(file), "COLLECTOR_TOKEN_ID": token.token_id, "COLLECTOR_TOKEN": token.token, "API_URL": tenant.url}
    for name, value in given.items():
        monkeypatch.setenv(f"CORTEXCLOUD_{name}", value)
    arguments = ["upload", str(tmp_path / "report.sarif"), "--collector-id", token.id, "--repository-url", "https://github.com/bakery/oven"]
    assert command.main([*arguments, "--branch", "main"]) == 0, capsys.readouterr()
    ((entry,)) = archive(file)[1]
    assert (entry["request"]["method"], entry["response"]["status"]) == ("POST", 201)
    text = file.read_text(encoding="utf-8")
    assert [word for word in ("bakery", token.token, token.id) if word in text] == []
    assert hashlib.sha256(json.dumps(REPORT).encode()).hexdigest() not in text, "it was prepared first"
    monkeypatch.setenv("CORTEXCLOUD_TRACE_NAMES", "some")
    assert command.main([*arguments, "--branch", "main"]) == 1
    assert "error: CORTEXCLOUD_TRACE_NAMES must be hide or keep." in capsys.readouterr().err
    assert os.environ["CORTEXCLOUD_TRACE_FILE"]
