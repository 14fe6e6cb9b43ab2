# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failure makes of an outcome: whether something was changed, and whether its text names the data source."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import wait
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.outcome import Outcome
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.pending import to_complete
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.plan import plan_item
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.results import results_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.status import GOOD, STATUSES
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.view import Undetermined
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.wait import wait_for_status
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.write import Surprise
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import (
    ApiError,
    CortexError,
    InputError,
    PartlyDone,
    TenantError,
)

ITEM: dict[str, Any] = {"state": "present", "type": "SNYK", "name": "eu", "repositories_mode": "merge", "max_deselect": 10}
NAME = 'SNYK "eu"'
NEVER_INTERRUPTED = SimpleNamespace(client=SimpleNamespace(interruption=SimpleNamespace(reason="")))


def failed(error: CortexError, *, changed: bool = False) -> Outcome:
    outcome = Outcome(0, ITEM)
    outcome.adopt(plan_item(ITEM, None), predicted=False)
    outcome.changed = changed
    outcome.fail(error)
    return outcome


def test_what_was_done_in_part_counts_as_a_change_and_its_actions_stay() -> None:
    outcome = failed(PartlyDone(" was created (id 1), but its token is lost", subject=NAME))
    assert (outcome.action, outcome.changed, outcome.actions) == ("failed", True, ["create"])
    assert outcome.error == 'SNYK "eu" was created (id 1), but its token is lost. Run again to complete it.'


@pytest.mark.parametrize("kind", [InputError, TenantError, Surprise, Undetermined])
def test_any_other_failure_leaves_that_as_it_is(kind: type[CortexError]) -> None:
    assert (failed(kind("x")).changed, failed(kind("x")).actions) == (False, [])
    assert (failed(kind("x"), changed=True).changed, failed(kind("x"), changed=True).actions) == (True, ["create"])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("max_deselect must be -1"), f"[0] {NAME}: max_deselect must be -1 "),
        (InputError(": it is refused", subject=NAME), f"[0] {NAME}: it is refused "),
        (TenantError(" was deleted by somebody else", subject=f"{NAME} (id 1)"), f"[0] {NAME} (id 1) was deleted by somebody else "),
        (ApiError("list data sources", words="no"), f"[0] {NAME}: Cannot list data sources: no"),
        (ApiError("update data source", NAME, words="no"), f"[0] {NAME}: Cannot update data source {NAME}: no"),
    ],
)
def test_in_the_result_of_a_list_each_error_begins_with_the_name_once(error: CortexError, message: str) -> None:
    run: Any = SimpleNamespace(digest="", tenant="t")
    assert message in results_of(run, [failed(error)], diff=False)["msg"]


@pytest.mark.parametrize(
    ("changed", "kind", "says"),
    [(True, PartlyDone, "Changes already made are kept; raise"), (False, TenantError, "Nothing was sent; raise")],
)
def test_a_status_that_is_not_reached_in_time(changed: bool, kind: type[CortexError], says: str) -> None:
    view: Any = SimpleNamespace(api=NEVER_INTERRUPTED)
    outcome = Outcome(0, {**ITEM, "wait": True, "wait_for_status": ["COMPLETED"], "wait_timeout": 0.0}, changed=changed)
    outcome.data_source = {"status": "pending"}
    with pytest.raises(CortexError, match=f"status PENDING after 0 s, not COMPLETED. {says} wait_timeout") as late:
        wait_for_status(view, outcome, "1")
    assert late.type is kind


DETAILS = {"connection": {"status": "INVALID", "message": "The token has expired", "error": "HTTP 401"}}
WHY = "; connection is INVALID (The token has expired: HTTP 401)"


def waited(*shown: dict[str, Any], changed: bool = True, **options: Any) -> tuple[Outcome, int]:
    """What became of a wait for an instance that is shown like this, each time it is looked at; and how often it was looked at again."""
    views, looked = list(shown), [0]

    def settled(_id: str, _subject: str) -> Any:
        looked[0] += 1
        return SimpleNamespace(reported=views.pop(0) if len(views) > 1 else views[0])

    wait = {"wait": True, "wait_for_status": list(GOOD), "wait_timeout": 60.0, **options}
    outcome = Outcome(0, {**ITEM, **wait}, changed=changed)
    outcome.data_source = views.pop(0) if len(views) > 1 else views[0]
    view: Any = SimpleNamespace(api=NEVER_INTERRUPTED, settled=settled)
    wait_for_status(view, outcome, "1")
    return outcome, looked[0]


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait.time, "sleep", lambda _seconds: None)


@pytest.mark.parametrize("word", ["COMPLETED", "CONNECTED", "connected"])
def test_a_good_word_ends_the_wait(word: str) -> None:
    assert waited({"status": word})[0].warnings == []


def test_a_warning_ends_the_wait_and_is_passed_on() -> None:
    outcome, looked = waited({"status": "WARNING", "status_details": DETAILS})
    assert looked == 0
    assert outcome.warnings == [f"{NAME} (id 1) has status WARNING: it works, with warnings{WHY}."]


@pytest.mark.parametrize("word", ["ERROR", "DISABLED", "TRANSPORTER_CONNECTION_DISABLED", "DESTROYING"])
@pytest.mark.parametrize(
    ("changed", "kind", "says"), [(True, PartlyDone, "Changes already made are kept"), (False, TenantError, "Nothing was sent")]
)
def test_a_bad_word_ends_the_wait_at_once_and_says_why(word: str, changed: bool, kind: type[CortexError], says: str) -> None:
    with pytest.raises(CortexError) as ended:
        waited({"status": word.lower(), "status_details": DETAILS}, changed=changed)
    assert ended.type is kind
    meaning = STATUSES[word].says
    assert str(ended.value) == (
        f"{NAME} (id 1) has status {word} ({meaning}), not COMPLETED or CONNECTED{WHY}. {says}; repair it in the console, then run again."
    )


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("word", ["PENDING", "TEMPORARY", "IN_PROGRESS", "FAILED", None])
def test_with_any_other_word_it_goes_on(word: str | None) -> None:
    outcome, looked = waited({"status": word}, {"status": word}, {"status": "CONNECTED"})
    assert (looked, outcome.warnings, outcome.data_source) == (2, [], {"status": "CONNECTED"})
    late = f"has status {word or 'NOT SHOWN'} after 0 s, not COMPLETED or CONNECTED{WHY}. Changes already made are kept"
    with pytest.raises(PartlyDone, match=re.escape(late)):
        waited({"status": word, "status_details": DETAILS}, wait_timeout=0.0)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("word", [*STATUSES, "ODD"])
def test_what_is_waited_for_wins_over_what_the_word_says(word: str) -> None:
    outcome, looked = waited({"status": "PENDING"}, {"status": word}, wait_for_status=[word.lower()])
    assert (looked, outcome.warnings) == (int(word != "PENDING"), [])


def test_a_pending_action_says_when_the_scope_waits_for_it() -> None:
    item = {"type": "GITHUB", "name": "g"}
    ((plain,), (waits,)) = (to_complete(item, "1", scope_waits=scope_waits) for scope_waits in (False, True))
    assert waits == {**plain, "step": plain["step"] + "; its scope waits for that and is set by the next run"}
