# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that broke off between a creation and its scope leaves for the next one, and when it is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import Ask, lose_answers
from contributed import tenants
from gitlabs import MANUAL, NEW_GITLAB, only

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import (
    apply,
    create,
    run,
    view,
    write,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.unscoped import (
    Unscoped,
    unscoped,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._state import Memory
from tenant.server import EmbeddedTenant


@pytest.fixture(params=tenants("guide", "awkward"))
def tenant(request: pytest.FixtureRequest) -> Iterator[EmbeddedTenant]:
    with EmbeddedTenant(profile=request.param, rate=1000) as started:
        yield started


@pytest.fixture
def source(tenant: EmbeddedTenant, run_module: Any) -> Ask:
    return Ask(run_module, tenant, "data_source")


@pytest.fixture
def sources(tenant: EmbeddedTenant, run_module: Any) -> Ask:
    return Ask(run_module, tenant, "data_sources")


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "LOOK_AGAIN_SECONDS", 2.0)
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0, 0.05, 0.1, 0.1))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def remembered(tenant: EmbeddedTenant, state: Path) -> dict[str, Unscoped]:
    """As the next run reads it."""
    memory = Memory(str(state), tenant.url.partition("://")[2], read_only=True)
    found = unscoped(memory)
    assert memory.warnings == []
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def break_off(source: Ask, tenant: EmbeddedTenant) -> str:
    """A run that creates and then gets HTTP 500 for the scope; the id of what it made."""
    tenant.fault("html_500", method="PUT")
    result = source(**NEW_GITLAB)
    assert result["failed"]
    assert "its scope was not set" in result["msg"]
    return str(only(tenant)["id"])


def test_what_a_refused_scope_leaves_is_remembered_until_a_run_has_set_it(source: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    made = break_off(source, tenant)
    (found,) = list(remembered(tenant, state).items())
    assert found[0] == made
    one = found[1]
    assert (one.type, one.selection_type) == (NEW_GITLAB["type"], "CURRENT_STATE")
    assert source.ok(**NEW_GITLAB)["actions"] == ["update"]
    assert only(tenant)["state"] == NEW_GITLAB["repositories"]
    assert remembered(tenant, state) == {}


def scope_by_other_means(tenant: EmbeddedTenant, instance_id: str) -> None:
    with tenant.state.lock:
        shape = tenant.state.stored[instance_id].shape
        shape.update(selectionType=MANUAL, state=list(NEW_GITLAB["repositories"]))


def test_what_the_tenant_selected_is_known_though_the_creation_does_not_show_it(source: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    tenant.set(create_body="id")
    made = break_off(source, tenant)
    assert remembered(tenant, state)[made].selection_type == "CURRENT_STATE"


def test_it_is_remembered_before_the_scope_is_sent(
    source: Ask, tenant: EmbeddedTenant, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    put = write.Writes.put

    def look(self: Any, outcome: Any, plan: Any, instance_id: str, action: str) -> None:
        seen.append((instance_id, set(remembered(tenant, state))))
        put(self, outcome, plan, instance_id, action)

    monkeypatch.setattr(write.Writes, "put", look)
    source.ok(**NEW_GITLAB)
    made = only(tenant)["id"]
    assert seen == [(made, {made})]
    assert remembered(tenant, state) == {}


def test_a_creation_whose_answer_was_lost_is_remembered_too(
    source: Ask, tenant: EmbeddedTenant, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose_answers(monkeypatch, "POST")
    made = break_off(source, tenant)
    assert len(lost) == 1
    assert set(remembered(tenant, state)) == {made}


def test_a_scope_that_is_refused_again_or_reads_back_as_another_is_still_remembered(
    source: Ask, tenant: EmbeddedTenant, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = break_off(source, tenant)
    tenant.fault("html_500", method="PUT")
    assert source(**NEW_GITLAB)["failed"]
    assert set(remembered(tenant, state)) == {made}
    update = type(tenant.state).update
    monkeypatch.setattr(type(tenant.state), "update", lambda self, i, body: update(self, i, {**body, "state": body["state"][:1]}))
    assert "reading it back shows" in source(**NEW_GITLAB)["msg"]
    assert set(remembered(tenant, state)) == {made}


def test_what_was_scoped_by_other_means_is_forgotten(source: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    """By a request whose answer was lost, say: the next run has nothing to write."""
    made = break_off(source, tenant)
    scope_by_other_means(tenant, made)
    assert source.ok(**NEW_GITLAB)["actions"] == []
    assert remembered(tenant, state) == {}


def test_an_item_that_does_not_say_which_scope_forgets_nothing(source: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    made = break_off(source, tenant)
    source.ok(**{**NEW_GITLAB, "state": "created"})
    assert set(remembered(tenant, state)) == {made}


def test_what_is_deleted_is_forgotten(source: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    made = break_off(source, tenant)
    source.ok(id=made, state="absent")
    assert remembered(tenant, state) == {}


def test_what_needs_no_scope_is_not_remembered(source: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    source.ok(type="SNYK", name="snyk", credentials={"token": "snyk-secret"})
    assert remembered(tenant, state) == {}
    assert b"snyk-secret" not in b"".join(contents(state).values())


def test_what_the_tenant_selected_as_wanted_is_forgotten_without_a_write(source: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    item = {name: value for name, value in NEW_GITLAB.items() if name != "repositories"}
    assert source.ok(**{**item, "selection_type": "CURRENT_STATE"})["actions"] == ["create"]
    assert [entry.method for entry in tenant.writes] == ["POST"]
    assert contents(state), "it was remembered until the tenant was read"
    assert remembered(tenant, state) == {}


def test_while_a_person_has_not_consented_it_stays_remembered(source: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    tenant.set(consent="required")
    github = {"type": "GITHUB", "name": "hub", "selection_type": MANUAL, "repositories": ["a/1"]}
    source.ok(**github)
    made = only(tenant)["id"]
    assert set(remembered(tenant, state)) == {made}
    source.ok(**github)
    assert set(remembered(tenant, state)) == {made}
    tenant.grant_consent(made)
    source.ok(**github, max_deselect=-1)
    assert only(tenant)["state"] == ["a/1"]
    assert remembered(tenant, state) == {}


def test_a_consent_that_is_missing_again_when_the_scope_is_to_be_set_forgets_nothing(
    source: Ask, tenant: EmbeddedTenant, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the plan and the write the tenant took it back."""
    github = {"type": "GITHUB", "name": "hub", "selection_type": MANUAL, "repositories": ["a/1"]}
    tenant.fault("html_500", method="PUT")
    assert source(**github)["failed"]
    made = only(tenant)["id"]
    update = apply.Writer._update

    def withdrawn(self: Any, outcome: Any) -> None:
        tenant.state.stored[made].shape["status"] = "PENDING"
        update(self, outcome)

    monkeypatch.setattr(apply.Writer, "_update", withdrawn)
    source.ok(**github)
    assert only(tenant)["state"] == []
    assert set(remembered(tenant, state)) == {made}


def test_of_a_list_only_the_broken_ones_are_remembered(sources: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    items = [{**NEW_GITLAB, "name": f"gitlab-{n}", "repositories": [f"team/{n}"]} for n in range(8)]
    tenant.fault("html_500", method="PUT", after=3, count=2)
    assert sources(data_sources=items)["failed"]
    broken = {i for i, held in tenant.instances.items() if not held["state"]}
    assert len(broken) == 2
    assert set(remembered(tenant, state)) == broken
    sources.ok(data_sources=items)
    assert remembered(tenant, state) == {}


def test_check_mode_writes_nothing(source: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    source.ok(**NEW_GITLAB, check=True)
    assert not state.exists()
    break_off(source, tenant)
    before = contents(state)
    assert before
    source.ok(**NEW_GITLAB, check=True)
    scope_by_other_means(tenant, only(tenant)["id"])
    assert not source.ok(**NEW_GITLAB, check=True)["changed"]
    assert contents(state) == before


def test_in_check_mode_the_memory_is_open_for_reading_alone(source: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def note(*given: Any, **options: Any) -> Memory:
        opened.append(options["read_only"])
        return Memory(*given, **options)

    monkeypatch.setattr(run, "Memory", note)
    source.ok(**NEW_GITLAB, check=True)
    source.ok(**NEW_GITLAB)
    assert opened == [True, False]


def test_no_secret_is_remembered(source: Ask, tenant: EmbeddedTenant, state: Path) -> None:
    """Not even where somebody wrote one into a name."""
    # The tenant shows nothing of the name, so it is remembered.
    tenant.set(fields="published", identifier_given="vendor")
    secret = "the-snyk-token"
    source.ok(type="SNYK", name=f"mine-{secret}", credentials={"token": secret})
    kept = b"".join(contents(state).values())
    assert b"mine-" in kept
    for hidden in (secret, *tenant.secrets()):
        assert hidden.encode() not in kept


def test_a_folder_that_cannot_be_used_is_one_warning_and_the_work_is_done(sources: Ask, tenant: EmbeddedTenant, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    items = [{**NEW_GITLAB, "name": f"gitlab-{n}", "repositories": [f"team/{n}"]} for n in range(3)]
    result = sources.ok(data_sources=items, state_dir=str(tmp_path / "open"))
    assert len(tenant.instances) == 3
    (warning,) = [text for text in result["warnings"] if "remembered" in text]
    assert "others may write there" in warning
    assert list((tmp_path / "open").iterdir()) == []


@pytest.mark.parametrize("module", ["data_source_info", "repository_info", "tenant_info"])
def test_what_never_writes_does_not_look_into_it(run_module: Any, tenant: EmbeddedTenant, module: str) -> None:
    assert Ask(run_module, tenant, module).ok(state_dir="/proc/self/no")["warnings"] == []


def test_what_does_not_look_like_an_unscoped_instance_is_left_out(state: Path) -> None:
    memory = Memory(str(state), "tenant.example.com")
    for key, value in enumerate([7, None, [], {}, {"type": "SNYK"}, {"type": "SNYK", "selection_type": None}]):
        memory.put("unscoped", str(key), value)
    assert list(unscoped(memory)) == ["5"]
    assert memory.warnings == []
