# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads that do not finish: the result, the journal, and what the next run sends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import stat
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from asking import Ask, lose_answers

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import BusyError, InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http import lock, throttle
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.interruption import Interruption
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import command
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.documents import pack as packing
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.upload import journal
from tenant import server
from tenant.server import EmbeddedTenant

RunModule = Callable[..., dict[str, Any]]


def write_report(path: Path, count: int, mark: str = "finding") -> str:
    results = [
        {
            "ruleId": "B101",
            "level": "note",
            "message": {"text": f"{mark} {n} {'x' * 300}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": f"src/{n}.py"}, "region": {"startLine": 1}}}],
        }
        for n in range(count)
    ]
    driver = {"name": "bandit", "rules": [{"id": "B101"}]}
    provenance = [{"repositoryUri": "https://github.com/example/shop", "revisionId": "c0ffee"}]
    run = {"tool": {"driver": driver}, "results": results, "versionControlProvenance": provenance}
    path.write_text(json.dumps({"version": "2.1.0", "runs": [run]}), encoding="utf-8")
    return str(path)


@pytest.fixture
def ask(run_module: RunModule, tenant: EmbeddedTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """A report of ten results that is sent in five parts, with a journal."""
    monkeypatch.setattr(packing.Packer.__init__, "__defaults__", (1_300,))
    tenant.add_repository("example/shop")
    return Ask(
        run_module,
        tenant,
        "sarif_upload",
        path=[write_report(tmp_path / "big.sarif", 10)],
        collector_id=tenant.add_collector("bandit").id,
        repository_url="https://github.com/example/shop",
        branch="main",
        on_oversize="split",
        journal=str(tmp_path / "state" / "journal.json"),
    )


def numbers(tenant: EmbeddedTenant) -> Counter[str]:
    """How often the tenant accepted each finding."""
    return Counter(" ".join(result["message"]["text"].split()[:2]) for result in tenant.accepted_results)


ALL = Counter({f"finding {n}": 1 for n in range(10)})


def test_an_interrupted_set_ends_with_the_document_under_way(ask: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Interruption.begun
    monkeypatch.setattr(Interruption, "begun", lambda self: (begun(self), os.kill(os.getpid(), signal.SIGTERM)))
    said = ask.refused()
    assert "part 2 of 5 was not accepted: the run was interrupted (SIGTERM). Run again." in said
    assert "3 more were not sent. A run with the same journal sends what is missing (1 of 5 are accepted)." in said
    monkeypatch.setattr(Interruption, "begun", begun)
    ask.ok()
    assert numbers(tenant) == ALL


def test_parts_arrive_in_order_and_the_journal_forgets_a_finished_set(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    result = ask.ok()
    rows = [(row["part"], row["parts"], row["results"], row["status"]) for row in result["uploads"]]
    assert rows == [(n, 5, 2, 201) for n in range(1, 6)]
    assert [row["bytes"] for row in result["uploads"]] == [upload.bytes for upload in tenant.uploads]
    assert all(row["bytes"] <= 1_300 for row in result["uploads"])
    assert numbers(tenant) == ALL
    assert any("5 documents go to one collector, repository and branch" in text for text in result["warnings"])
    assert json.loads((tmp_path / "state" / "journal.json").read_text(encoding="utf-8")) == {"sets": {}}


def test_part_3_of_5_is_refused(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = ask.always["collector_id"]
    accept = tenant.state.accept

    def then_disable(*given: Any, **more: Any) -> Any:
        answer = accept(*given, **more)
        if len(tenant.uploads) == 2:
            tenant.disable(collector)
        return answer

    monkeypatch.setattr(tenant.state, "accept", then_disable)
    result = ask()
    assert (result["failed"], result["changed"]) == (True, True), result
    assert [row["status"] for row in result["uploads"]] == [201, 201, 503, None, None]
    big = ask.always["path"][0]
    assert f"Accepted before it: {big} part 1 of 5, {big} part 2 of 5. 2 more were not sent." in result["msg"]
    assert "A run with the same journal sends what is missing (2 of 5 are accepted)." in result["msg"]
    (entry,) = json.loads((tmp_path / "state" / "journal.json").read_text(encoding="utf-8"))["sets"].values()
    assert [d["state"] for d in entry["documents"]] == ["accepted", "accepted", "waiting", "waiting", "waiting"]
    assert stat.S_IMODE(os.stat(tmp_path / "state" / "journal.json").st_mode) == 0o600
    monkeypatch.setattr(tenant.state, "accept", accept)
    tenant.enable(collector)
    again = ask.ok()
    assert [row["resumed"] for row in again["uploads"]] == [True, True, False, False, False]
    assert [row["status"] for row in again["uploads"]] == [201] * 5
    assert numbers(tenant) == ALL


def test_the_connection_is_lost_in_part_4_before_the_tenant_takes_it(
    ask: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, cut = tenant.state.accept, []

    def cut_once(*given: Any, **more: Any) -> Any:
        if len(tenant.uploads) == 3 and not cut:
            cut.append(True)
            raise ConnectionAbortedError("cut before it was taken")
        return accept(*given, **more)

    monkeypatch.setattr(tenant.state, "accept", cut_once)
    result = ask()
    tenant.violations.clear()
    assert [row["status"] for row in result["uploads"]][:3] == [201, 201, 201]
    assert "Whether the tenant accepted this document is unknown" in result["msg"]
    assert "(3 of 5 are accepted, this one again)" in result["msg"]
    again = ask.ok()
    assert any("part 4 of 5 is sent again: in the earlier run its response was lost" in text for text in again["warnings"])
    assert numbers(tenant) == ALL


def test_an_answer_that_is_lost_after_the_tenant_took_the_document_is_the_one_case_that_doubles(
    ask: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_answers(monkeypatch, "POST")
    result = ask()
    assert (result["failed"], result["api_error"]["outcome_unknown"]) == (True, True)
    assert "is unknown: check the collector's findings" in result["msg"]
    again = ask.ok()
    assert any("the tenant may already have it" in text for text in again["warnings"])
    assert numbers(tenant) == ALL + Counter({"finding 0": 1, "finding 1": 1})


def test_the_disk_is_full_while_preparing(ask: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this platform to stand for a full disk")
    with monkeypatch.context() as full:
        full.setattr(tempfile, "TemporaryFile", lambda **_options: open("/dev/full", "r+b", buffering=0))  # noqa: SIM115
        assert "No space left on device. Nothing was sent." in ask.refused()
    assert tenant.journal == []
    ask.ok()
    assert numbers(tenant) == ALL


def test_a_b_a_in_three_runs_are_all_sent(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    one, two = write_report(tmp_path / "a.sarif", 1, "A"), write_report(tmp_path / "b.sarif", 1, "B")
    for path in (one, two, one):
        assert ask.ok(path=[path])["changed"]
    assert numbers(tenant) == Counter({"A 0": 2, "B 0": 1})


def test_another_branch_is_another_set(ask: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_answers(monkeypatch, "POST")
    assert ask()["failed"]
    result = ask.ok(branch="release")
    assert [row["resumed"] for row in result["uploads"]] == [False] * 5
    assert not [text for text in result["warnings"] if "sent again" in text]


def test_a_journal_that_cannot_be_one_stops_before_the_first_request(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    assert "is not a journal of uploads" in ask.refused(journal=str(tmp_path / "other.json"))
    assert (tmp_path / "other.json").read_text(encoding="utf-8") == "[]"
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "cannot be written" in ask.refused(journal=str(tmp_path / "file" / "journal.json"))
    assert "receipt_dir" in ask.refused(receipt_dir=str(tmp_path / "file"))
    assert tenant.uploads == []


@pytest.mark.parametrize("lost", [True, False])
def test_a_journal_that_can_no_longer_be_written_hides_nothing_that_was_accepted(
    ask: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """Once when a response is lost, once at the end."""
    if lost:
        lose_answers(monkeypatch, "POST")

    def full(*_given: Any) -> None:
        raise InputError("journal j cannot be written: No space left on device.")

    monkeypatch.setattr(journal.Journal, "note" if lost else "finish", full)
    result = ask()
    assert (result["failed"], result["changed"]) == (lost, not lost), result
    assert [row["status"] for row in result["uploads"]] == [None if lost else 201] * 5
    assert any("No space left on device." in text for text in result["warnings"])
    assert ("is unknown: check the collector's findings" in result.get("msg", "")) == lost


def test_an_upload_tells_the_whole_story_of_its_attempts(ask: Ask, tenant: EmbeddedTenant) -> None:
    tenant.fault("throttled", method="POST", retry_after=0)
    tenant.fault("html_500", method="POST")
    assert "before that: HTTP 429" in ask.refused()


def test_check_mode_leaves_journal_and_receipts_alone(ask: Ask, tmp_path: Path) -> None:
    assert ask.ok(check=True, receipt_dir=str(tmp_path / "receipts"))["changed"]
    assert sorted(set(os.listdir(tmp_path)) - {"rate"}) == ["big.sarif"]


def test_receipts(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    folder = tmp_path / "receipts"
    url = "https://ci:canary-token@github.com/example/shop.git"
    result = ask.ok(receipt_dir=str(folder), repository_url=url)
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.iterdir())]
    assert sorted(receipt["sha256"] for receipt in found) == sorted(row["sha256"] for row in result["uploads"])
    first = found[0]
    assert {name: first[name] for name in ("repository", "branch", "commit", "tool", "results_by_level", "status", "parts")} == {
        "repository": "https://github.com/example/shop",
        "branch": "main",
        "commit": "c0ffee",
        "tool": "bandit",
        "results_by_level": {"error": 0, "warning": 0, "note": 2, "none": 0},
        "status": 201,
        "parts": 5,
    }
    assert first["collector"] == ask.always["collector_id"]
    assert first["time"].endswith("Z")
    assert "canary-token" not in "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
    assert first["tenant"] == urlsplit(tenant.environment("admin")["CORTEXCLOUD_API_URL"]).netloc
    assert first["summary"].startswith("scanned, 10 results, 2 sent (part ")
    report = Path(ask.always["path"][0]).read_bytes()
    assert first["source"]["sha256"] == hashlib.sha256(report).hexdigest()
    assert (first["source"]["results"], first["source"]["scan_failed"], first["outcome"]) == (10, False, "accepted")
    shutil.rmtree(folder)
    # A report without results is evidence too, and nothing is sent for it.
    scanned = {"tool": {"driver": {"name": "bandit", "version": "1.8.0"}}, "results": []}
    (tmp_path / "clean.sarif").write_text(json.dumps({"version": "2.1.0", "runs": [scanned]}), encoding="utf-8")
    before = len(tenant.uploads)
    ask.ok(path=[str(tmp_path / "clean.sarif")], receipt_dir=str(folder), commit="b0a710ad")
    (receipt,) = [json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()]
    assert len(tenant.uploads) == before
    assert (receipt["outcome"], receipt["summary"], receipt["status"]) == ("not_sent", "scanned, 0 results, not sent", None)
    assert (receipt["commit"], receipt["tools"]) == ("b0a710ad", [{"name": "bandit", "version": "1.8.0"}])
    assert receipt["source"]["sha256"] == hashlib.sha256((tmp_path / "clean.sarif").read_bytes()).hexdigest()
    assert "no collector is given" in ask.refused(path=[str(tmp_path / "clean.sarif")], receipt_dir=str(folder), collector_id=None)
    ask.ok(path=[str(tmp_path / "clean.sarif")], allow_empty=True)
    assert (len(tenant.uploads), tenant.uploads[-1].results) == (before + 1, [])


def test_a_receipt_that_cannot_be_written_does_not_undo_the_upload(
    ask: Ask, tenant: EmbeddedTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "receipts"
    emit = server.Handler.emit

    def then_remove(handler: Any, *given: Any) -> None:
        if folder.exists():
            folder.rmdir()
        emit(handler, *given)

    monkeypatch.setattr(server.Handler, "emit", then_remove)
    result = ask.ok(receipt_dir=str(folder))
    assert sum("its receipt could not be written" in text for text in result["warnings"]) == 5
    assert numbers(tenant) == ALL


# -- another process has the lock or the budget


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options with which one request uses up the budget for ten seconds; nobody waits for the next slot."""
    monkeypatch.setattr(throttle, "LONGEST_WAIT", 0.0)
    return {"requests_per_second": 0.1}


def test_the_request_budget_runs_out_after_the_first_document(ask: Ask, tenant: EmbeddedTenant, spent: dict[str, Any]) -> None:
    result = ask(**spent)
    assert (result["failed"], result["changed"]) == (True, True), result
    assert [row["status"] for row in result["uploads"]] == [201, None, None, None, None]
    assert "no request could be sent for" in result["msg"]
    big = ask.always["path"][0]
    assert f"{big} part 2 of 5 was not accepted" in result["msg"]
    assert f"Accepted before it: {big} part 1 of 5. 3 more were not sent." in result["msg"]
    assert "(1 of 5 are accepted)" in result["msg"]
    assert "api_error" not in result
    assert [row["resumed"] for row in ask.ok()["uploads"]] == [True, False, False, False, False]
    assert numbers(tenant) == ALL


def test_the_request_budget_runs_out_before_the_first_document(ask: Ask, tenant: EmbeddedTenant, spent: dict[str, Any]) -> None:
    with contextlib.suppress(AssertionError):
        ask.ok(path=[write_report(Path(ask.always["path"][0]).with_name("other.sarif"), 1)], **spent)
    result = ask(**spent)
    assert (result["failed"], result["changed"]) == (True, False), result
    assert [row["status"] for row in result["uploads"]] == [None] * 5
    assert "part 1 of 5 was not accepted" in result["msg"]
    assert "Nothing was accepted before it. 4 more were not sent." in result["msg"]


@pytest.mark.parametrize("accepted", [0, 1])
def test_what_the_user_gave_is_refused_only_when_nothing_was_accepted(ask: Ask, monkeypatch: pytest.MonkeyPatch, accepted: int) -> None:
    send = Api.upload_sarif

    def then_refuse(api: Api, *given: Any, **more: Any) -> Any:
        if len(ask.tenant.uploads) == accepted:
            raise InputError("the token cannot be used.")
        return send(api, *given, **more)

    monkeypatch.setattr(Api, "upload_sarif", then_refuse)
    result = ask()
    assert (result["failed"], result["changed"]) == (True, bool(accepted)), result
    assert "the token cannot be used." in result["msg"]
    assert [row["status"] for row in result.get("uploads", [])] == ([201, None, None, None, None] if accepted else [])


@pytest.mark.parametrize("accepted", [1, 2, 5])
def test_the_lock_of_the_journal_is_not_had(
    ask: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, accepted: int
) -> None:
    """Another process locks the journal while a document is sent, also during the last one, after which it is finished."""
    accept, waited = tenant.state.accept, lock.LOCK_SECONDS
    with contextlib.ExitStack() as held:

        def then_hold(*given: Any, **more: Any) -> Any:
            answer = accept(*given, **more)
            if len(tenant.uploads) == accepted:
                held.enter_context(lock.exclusive(str(tmp_path / "rate"), "journal", ask.always["journal"], warnings=[]))
                monkeypatch.setattr(lock, "LOCK_SECONDS", 0.0)
            return answer

        monkeypatch.setattr(tenant.state, "accept", then_hold)
        result = ask(rate_limit_dir=str(tmp_path / "rate"))
    monkeypatch.setattr(lock, "LOCK_SECONDS", waited)
    assert (result["failed"], result["changed"]) == (True, True), result
    assert [row["status"] for row in result["uploads"]] == [201] * accepted + [None] * (5 - accepted)
    assert "another process has been changing" in result["msg"]
    assert f"part {accepted} of 5 was accepted nevertheless" in result["msg"]


def test_the_lock_of_the_journal_is_not_had_at_its_end(ask: Ask, tenant: EmbeddedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal.Journal, "finish", busy)
    result = ask()
    assert (result["failed"], result["changed"]) == (False, True), result
    assert any("All documents were accepted" in text for text in result["warnings"])


def test_the_lock_of_the_journal_is_not_had_when_an_answer_was_lost(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_answers(monkeypatch, "POST")
    monkeypatch.setattr(journal.Journal, "note", busy)
    result = ask()
    assert (result["failed"], result["changed"]) == (True, False), result
    assert [row["status"] for row in result["uploads"]] == [None] * 5
    assert "is unknown: check the collector's findings" in result["msg"]
    assert any("has been changing" in text for text in result["warnings"])


def busy(*_given: Any) -> None:
    raise BusyError("another process has been changing j for 300 s. Run again.")


Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run_command(ask: Ask, tenant: EmbeddedTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Command:
    """Run the command with the same report and collector. Returns its exit code and result."""
    collector = tenant.add_collector("semgrep")
    for name, value in {
        "CORTEXCLOUD_COLLECTOR_TOKEN_ID": collector.token_id,
        "CORTEXCLOUD_COLLECTOR_TOKEN": collector.token,
        "CORTEXCLOUD_RATE_LIMIT_DIR": str(tmp_path / "rate"),
        "CORTEXCLOUD_REQUESTS_PER_SECOND": "0.1",
    }.items():
        monkeypatch.setenv(name, value)

    def run(**options: str) -> tuple[int, dict[str, Any]]:
        given = {"api_url": tenant.url, "collector_id": collector.id, "repository_url": ask.always["repository_url"]}
        given.update({"on_oversize": "split", **options})
        words = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]
        code = command.main(["upload", ask.always["path"][0], *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_the_command_ends_with_the_document_under_way_at_the_first_ctrl_c(run_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Interruption.begun
    monkeypatch.setenv("CORTEXCLOUD_REQUESTS_PER_SECOND", "1000")
    monkeypatch.setattr(Interruption, "begun", lambda self: (begun(self), os.kill(os.getpid(), signal.SIGINT)))
    code, result = run_command()
    assert (code, result["failed"], result["changed"]) == (130, True, True)
    assert [row["status"] for row in result["uploads"]] == [201, None, None, None, None]
    assert "part 2 of 5 was not accepted: the run was interrupted (SIGINT). Run again." in result["msg"]


def test_the_command_says_what_was_accepted_when_the_budget_runs_out(run_command: Command, spent: dict[str, Any]) -> None:
    code, result = run_command()
    assert (code, result["failed"], result["changed"]) == (3, True, True)
    assert [row["status"] for row in result["uploads"]] == [201, None, None, None, None]
    assert "part 2 of 5 was not accepted" in result["msg"]
    # The budget is still used up, so nothing is sent. This is not an error of a report or an option.
    code, result = run_command()
    assert (code, result["failed"], result["changed"]) == (3, True, False)


def test_the_command_says_that_nothing_was_sent_when_an_option_is_wrong(run_command: Command, tenant: EmbeddedTenant) -> None:
    code, result = run_command(journal="/dev/null/journal.json")
    assert (code, result["failed"], result["changed"]) == (1, True, False)
    assert "cannot be written" in result["msg"]
    assert tenant.uploads == []
