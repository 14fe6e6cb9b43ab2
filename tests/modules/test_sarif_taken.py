# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tenant accepts of an upload, as published and in earlier versions: in the result, the receipts, the journal and the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Ask

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.call import Response
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import command
from tenant.server import EmbeddedTenant

NOTHING_SAID = {"status": None, "message": None, "findings": None}
INGESTED_2 = {"status": "INGESTED", "message": "The document was received, 2 findings will be ingested", "findings": 2}


def write_report(path: Path, count: int) -> str:
    results = [
        {
            "ruleId": "B101",
            "level": "note",
            "message": {"text": f"{path.stem} {n}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": f"src/{n}.py"}, "region": {"startLine": 1}}}],
        }
        for n in range(count)
    ]
    driver = {"name": "bandit", "rules": [{"id": "B101"}]}
    path.write_text(json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}), encoding="utf-8")
    return str(path)


@pytest.fixture
def tenant() -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile="published", rate=1000) as started:
        started.add_repository("example/shop")
        yield started


@pytest.fixture
def reports(tmp_path: Path) -> list[str]:
    """Two reports, of two results and of three."""
    return [write_report(tmp_path / "a.sarif", 2), write_report(tmp_path / "b.sarif", 3)]


@pytest.fixture
def ask(run_module: Callable[..., dict[str, Any]], tenant: EmbeddedTenant, reports: list[str], tmp_path: Path) -> Ask:
    return Ask(
        run_module,
        tenant,
        "sarif_upload",
        path=reports,
        collector_id=tenant.add_collector("bandit").id,
        repository_url="https://github.com/example/shop",
        branch="main",
        journal=str(tmp_path / "journal.json"),
        receipt_dir=str(tmp_path / "receipts"),
    )


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_command(tenant: EmbeddedTenant, reports: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Command:
    """Run the command with the same reports. Returns its exit code, stdout and stderr."""
    collector = tenant.add_collector("bandit")
    monkeypatch.setenv("CORTEXCLOUD_COLLECTOR_TOKEN_ID", collector.token_id)
    monkeypatch.setenv("CORTEXCLOUD_COLLECTOR_TOKEN", collector.token)
    target = ["--upload-url", collector.api_url, "--repository-url", "https://github.com/example/shop", "--branch", "main"]

    def run(*more: str) -> tuple[int, str, str]:
        code = command.main(["upload", *reports, *target, *more])
        said = capsys.readouterr()
        assert collector.token not in said.out + said.err
        return code, said.out, said.err

    return run


def receipts(tmp_path: Path) -> list[Any]:
    """The ingestion of the receipts, in the order of the documents."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "receipts").iterdir()]
    return [receipt["ingestion"] for receipt in sorted(found, key=lambda receipt: str(receipt["path"]))]


def of_upload(warnings: list[str]) -> list[str]:
    """Without the warning that two documents go to one target."""
    return [text for text in warnings if "adds to an earlier one or replaces it" not in text]


def test_all_is_taken(ask: Ask, tmp_path: Path) -> None:
    result = ask.ok()
    said = [INGESTED_2, {"status": "INGESTED", "message": "The document was received, 3 findings will be ingested", "findings": 3}]
    assert [(row["status"], row["ingestion"]) for row in result["uploads"]] == [(201, each) for each in said]
    assert receipts(tmp_path) == said
    assert of_upload(result["warnings"]) == []


OLDER = [("published", body, status) for body in ("status", "empty_object") for status in (200, 201, 202)]


@pytest.mark.parametrize(("profile", "body", "status"), [*OLDER, ("default", "status", 200), ("awkward", "empty_object", 200)])
def test_older_tenants_say_less(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path, profile: str, body: str, status: int) -> None:
    with EmbeddedTenant(profile=profile, rate=1000, upload_body=body, upload_status=status) as older:
        older.add_repository("example/shop")
        ask.tenant = older
        result = ask.ok(collector_id=older.add_collector("bandit").id)
    said = {**NOTHING_SAID, "status": "ACCEPTED"} if body == "status" else NOTHING_SAID
    assert [(row["status"], row["ingestion"]) for row in result["uploads"]] == [(status, said)] * 2
    assert receipts(tmp_path) == [said] * 2
    assert of_upload(result["warnings"]) == []


def test_a_document_that_is_taken_in_part_fails_after_all_were_sent(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    tenant.set(ingestion="some")
    result = ask()
    a, b = ask.always["path"]
    assert (result["failed"], result["changed"]) == (True, True), result
    assert [row["status"] for row in result["uploads"]] == [201, 201]
    assert [row["ingestion"]["findings"] for row in result["uploads"]] == [1, 2]
    assert len(tenant.uploads) == 2
    said = "The document was received, 1 findings will be ingested"
    assert result["msg"].startswith(f"{a}: 1 of 2 findings were accepted (PARTIALLY_VALID: {said}). {b}: 2 of 3 findings were accepted (")
    assert result["msg"].endswith("With partially_valid: warn this is only a warning.")
    assert "\n" not in result["msg"]
    assert [(each["status"], each["findings"]) for each in receipts(tmp_path)] == [("PARTIALLY_VALID", 1), ("PARTIALLY_VALID", 2)]
    # The set is finished, so it is sent again if it is requested again.
    assert json.loads((tmp_path / "journal.json").read_text(encoding="utf-8")) == {"sets": {}}


def test_a_document_that_is_taken_in_part_may_be_a_warning(ask: Ask, tenant: EmbeddedTenant) -> None:
    tenant.set(ingestion="some")
    result = ask.ok(partially_valid="warn")
    assert result["changed"]
    one, two = of_upload(result["warnings"])
    assert ": 1 of 2 findings were accepted (PARTIALLY_VALID" in one
    assert ": 2 of 3 findings were accepted (PARTIALLY_VALID" in two


@pytest.mark.parametrize("option", ["fail", "warn"])
def test_fewer_findings_than_results_are_warned_of(ask: Ask, tenant: EmbeddedTenant, option: str) -> None:
    tenant.set(ingestion="fewer")
    result = ask.ok(partially_valid=option)
    one, two = of_upload(result["warnings"])
    assert one == (
        f"{ask.always['path'][0]}: 1 of 2 findings were accepted (INGESTED: The document was received, 1 findings will be ingested)."
    )
    assert ": 2 of 3 findings were accepted (INGESTED" in two


def test_a_refusal_after_a_part_says_both_and_the_next_run_knows_it(
    ask: Ask, tenant: EmbeddedTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.set(ingestion="some")
    accept = tenant.state.accept

    def then_disable(*given: Any, **more: Any) -> Any:
        accept(*given, **more)
        tenant.disable(ask.always["collector_id"])

    monkeypatch.setattr(tenant.state, "accept", then_disable)
    result = ask()
    a, b = ask.always["path"]
    assert (result["failed"], result["changed"]) == (True, True), result
    assert [row["status"] for row in result["uploads"]] == [201, 503]
    assert result["msg"].startswith(f"Cannot upload SARIF {b}")
    assert f"{a}: 1 of 2 findings were accepted (PARTIALLY_VALID" in result["msg"]
    (entry,) = json.loads((tmp_path / "journal.json").read_text(encoding="utf-8"))["sets"].values()
    assert [(d["state"], (d["ingestion"] or {}).get("findings")) for d in entry["documents"]] == [("accepted", 1), ("waiting", None)]
    monkeypatch.setattr(tenant.state, "accept", accept)
    tenant.enable(ask.always["collector_id"])
    tenant.set(ingestion="all")
    again = ask()
    assert [(row["resumed"], row["ingestion"]["findings"]) for row in again["uploads"]] == [(True, 1), (False, 3)]
    assert again["failed"]
    assert again["msg"].startswith(f"{a}: 1 of 2 findings were accepted (PARTIALLY_VALID")


def test_a_journal_of_an_earlier_version_is_gone_on_with(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    tenant.fault("html_500", method="POST", after=1)
    assert ask()["failed"]
    journal = tmp_path / "journal.json"
    content = json.loads(journal.read_text(encoding="utf-8"))
    for entry in content["sets"].values():
        for document in entry["documents"]:
            del document["ingestion"]
    journal.write_text(json.dumps(content), encoding="utf-8")
    assert [(row["resumed"], row["ingestion"]["findings"]) for row in ask.ok()["uploads"]] == [(True, None), (False, 3)]


@pytest.mark.parametrize("profile", ["published", "default"])
@pytest.mark.parametrize(
    ("page", "words"), [("login", "is not JSON but begins: <!DOCTYPE html>"), ("error", "but the response contains an error")]
)
def test_a_page_and_an_error_are_no_acceptance(ask: Ask, tmp_path: Path, profile: str, page: str, words: str) -> None:
    with EmbeddedTenant(profile=profile, rate=1000, upload_page=page) as tenant:
        tenant.add_repository("example/shop")
        ask.tenant, collector = tenant, tenant.add_collector("bandit").id
        result = ask(collector_id=collector)
        assert (result["failed"], result["changed"]) == (True, False), result
        assert words in result["msg"]
        assert "Whether the tenant accepted this document is unknown" in result["msg"]
        assert "does a proxy or login page respond instead?" in result["msg"]
        assert result["api_error"]["outcome_unknown"] is True
        assert [(row["status"], row["ingestion"]) for row in result["uploads"]] == [(None, None)] * 2
        assert receipts(tmp_path) == []
        (entry,) = json.loads((tmp_path / "journal.json").read_text(encoding="utf-8"))["sets"].values()
        assert [document["state"] for document in entry["documents"]] == ["unknown", "waiting"]
        tenant.set(upload_page="none")
        again = ask.ok(collector_id=collector)
        assert any("a.sarif is sent again" in text for text in again["warnings"])
        assert len(tenant.uploads) == 2


@pytest.mark.parametrize(("how", "status"), [("503_empty", 503), ("503_json", 503), ("403", 403)])
def test_a_disabled_collector_is_final(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path, how: str, status: int) -> None:
    tenant.set(disabled_upload=how)
    tenant.disable(ask.always["collector_id"])
    result = ask()
    assert (result["failed"], result["changed"]) == (True, False), result
    assert (result["api_error"]["status"], result["api_error"]["outcome_unknown"]) == (status, False)
    assert ("enable it in the console" in result["msg"]) == (status == 503)
    assert "unknown" not in result["msg"]
    assert len(tenant.journal) == 1
    (entry,) = json.loads((tmp_path / "journal.json").read_text(encoding="utf-8"))["sets"].values()
    assert [document["state"] for document in entry["documents"]] == ["waiting", "waiting"]


def test_the_gateways_503_says_nothing_of_the_collector(ask: Ask, tenant: EmbeddedTenant) -> None:
    tenant.fault("unavailable", method="POST")
    result = ask()
    assert (result["api_error"]["status"], result["api_error"]["outcome_unknown"]) == (503, True)
    assert "enable it" not in result["msg"]


@pytest.mark.parametrize(("body", "codes"), [("published", " (status INVALID, errorCode 404)"), ("status", "")])
def test_a_refused_document_has_its_codes_in_the_message(ask: Ask, tenant: EmbeddedTenant, body: str, codes: str) -> None:
    tenant.set(upload_body=body, unknown_repository_status=400)
    told = ask.refused(repository_url="https://github.com/example/unknown")
    assert f"HTTP 400 Repository not found: it must be onboarded first{codes} (POST " in told


def test_the_new_option_has_two_values(ask: Ask, tenant: EmbeddedTenant) -> None:
    assert "partially_valid" in ask.refused(partially_valid="ignore")
    assert tenant.journal == []


def test_the_command_says_what_was_taken(run_command: Command, reports: list[str]) -> None:
    code, out, err = run_command()
    assert code == 0
    assert f"{reports[0]}: accepted (INGESTED, 2 findings), 2 results, " in out
    assert "error" not in err
    code, out, _err = run_command("--json")
    assert (code, json.loads(out)["uploads"][0]["ingestion"]) == (0, INGESTED_2)


def test_the_command_fails_on_a_part_with_another_code_than_nothing_was_sent(
    run_command: Command, tenant: EmbeddedTenant, reports: list[str]
) -> None:
    tenant.set(ingestion="some")
    code, out, err = run_command()
    assert (code, len(tenant.uploads)) == (command.NOT_ACCEPTED, 2)
    assert f"{reports[1]}: accepted (PARTIALLY_VALID, 2 findings), 3 results, " in out
    assert f"error: {reports[0]}: 1 of 2 findings were accepted (PARTIALLY_VALID" in err
    code, out, _err = run_command("--json")
    result = json.loads(out)
    assert (code, result["failed"], result["changed"]) == (command.NOT_ACCEPTED, True, True)
    code, out, err = run_command("--partially-valid", "warn")
    assert (code, "error:" in err) == (0, False)
    assert f"warning: {reports[1]}: 2 of 3 findings were accepted (PARTIALLY_VALID" in err


def test_the_command_of_an_older_tenant(run_command: Command, tenant: EmbeddedTenant, reports: list[str]) -> None:
    tenant.set(upload_body="empty_object", upload_status=202)
    code, out, _err = run_command()
    assert code == 0
    assert f"{reports[0]}: accepted, 2 results, " in out


@pytest.mark.parametrize("page", ["login", "error"])
def test_the_command_takes_no_page_for_an_acceptance(run_command: Command, tenant: EmbeddedTenant, reports: list[str], page: str) -> None:
    tenant.set(upload_page=page)
    code, out, err = run_command()
    assert code == command.NOT_ACCEPTED
    assert f"{reports[0]}: not accepted, 2 results, " in out
    assert "Whether the tenant accepted this document is unknown" in err


def test_the_command_knows_a_disabled_collector(run_command: Command, tenant: EmbeddedTenant) -> None:
    (collector,) = tenant.instances
    tenant.disable(collector)
    code, _out, err = run_command()
    assert (code, "enable it in the console" in err, "unknown" in err) == (command.NOT_ACCEPTED, True, False)


def test_the_command_gives_a_number_that_comes_without_a_status(
    run_command: Command, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Response(201, {"message": "9 findings will be ingested"}, None)
    monkeypatch.setattr(Api, "upload_sarif", lambda *_given, **_more: said)
    code, out, _err = run_command()
    assert code == 0
    assert f"{reports[0]}: accepted (9 findings), 2 results, " in out


def test_a_collector_as_published_is_made_and_uploaded_to_with_its_file(
    run_module: Callable[..., dict[str, Any]], tenant: EmbeddedTenant, reports: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "secure" / "semgrep.json"
    settings = {"detectionMethod": "SAST", "fileType": "SARIF"}
    make = Ask(run_module, tenant, "data_source", type="COLLECTOR", name="semgrep", unique_properties=settings, credentials_file=str(file))
    made = make.ok()["data_source"]["id"]
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert isinstance(kept["token_id"], str)
    options = {"path": reports, "credentials_file": str(file), "repository_url": "https://github.com/example/shop", "branch": "main"}
    result = run_module("sarif_upload", options)
    assert [row["ingestion"]["findings"] for row in result["uploads"]] == [2, 3]
    assert {upload.collector_id for upload in tenant.uploads} == {made}
    assert tenant.journal[-1].auth == kept["token_id"]
    assert kept["token"] not in json.dumps(result)
