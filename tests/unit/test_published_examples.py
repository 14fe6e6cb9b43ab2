# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Responses in the form of the vendor's examples are read without loss, and refusals in one line that says all they say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from published_tenant import DEFAULTS
from scripted_server import Handler, Say, ScriptedServer
from test_completeness import NOT_SHOWN, SCHEMAS

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import view
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.collector_token import (
    load_credentials,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.find import fetch_data_sources
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.results import (
    inventory,
    result_of,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import CortexError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._repositories import (
    Filters,
    fetch_repositories,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.upload.ingestion import Ingestion

EXAMPLES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "data" / "published.yaml").read_text(encoding="utf-8"))
INSTANCES: list[dict[str, Any]] = EXAMPLES["instances"]
COLLECTOR: dict[str, Any] = EXAMPLES["collector"]
TOKEN = COLLECTOR["created"]["credentials"]["webhookAuthKey"]
# What a collector shows besides the members of the schema, in all responses but the list.
AT_THE_ROOT = {"detectionMethod", "fileType", "apiUrl"}
ClientOf = Callable[..., Any]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SETTLE_PAUSES", (0.0,))


def by_id(reply: dict[str, Any]) -> dict[str, Any]:
    """A list item as a read by id shows it."""
    return {k: v for k, v in reply.items() if k != "repositoriesCount"}


def listed(reply: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in reply.items() if k not in AT_THE_ROOT}


def texts(tree: Any) -> Iterator[str]:
    """All values but truths, as text."""
    if isinstance(tree, (dict, list)):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from texts(inner)
    elif not isinstance(tree, bool):
        yield str(tree)


def lost(reply: Any, shown: Any) -> Counter[str]:
    """What stands in a reply more often than in what is made of it."""
    return Counter(texts(reply)) - Counter(texts(shown))


# -- what is shown


def test_the_examples_have_every_published_member() -> None:
    members = {name for one in INSTANCES for name in one["reply"]}
    published = {name for fields in ("IntegrationFields", "InstanceFields") for name in SCHEMAS[fields]["properties"]}
    beside = {"creationDate", "lastUpdateDate", "repositoriesCount"}
    assert members - beside - AT_THE_ROOT == published - beside - AT_THE_ROOT
    assert members >= beside | AT_THE_ROOT


@pytest.mark.parametrize("state", ["shown", "empty"])
def test_a_list_of_instances_is_read_without_loss(client_of: ClientOf, state: str) -> None:
    """Also where the list has no repositories, as on real tenants."""
    replies = [one["reply"] for one in INSTANCES]
    answers = [{**listed(r), **({"state": []} if state == "empty" else {})} for r in replies]
    full = {by_id(r)["id"]: by_id(r) for r in replies}

    def say(handler: Handler) -> None:
        Say(200, full.get(handler.path.rpartition("/")[2], answers))(handler)

    with ScriptedServer(say) as server:
        result = inventory(fetch_data_sources(Api(client_of(server.url)), {}, details=True), "t", config=True)
    found = {one["id"]: one for one in result["data_sources"]}
    for one in INSTANCES:
        shown = found[one["reply"]["id"]]
        assert shown == one["shown"]
        kept = {name: value for name, value in one["reply"].items() if name not in NOT_SHOWN}
        assert lost(kept, shown) == Counter()
    assert result["summary"]["total"] == len(INSTANCES)
    assert result["warnings"] == []


def test_a_read_that_names_none_of_the_counted_repositories_is_not_whole(client_of: ClientOf) -> None:
    reply = {**INSTANCES[0]["reply"], "state": [], "repositoriesCount": 2546}
    with ScriptedServer(Say(200, [listed(reply)]), Say(200, by_id(reply))) as server:
        result = inventory(fetch_data_sources(Api(client_of(server.url)), {}, details=True), "t", config=True)
    (shown,) = result["data_sources"]
    assert (shown["repositories_count"], shown["repositories"], shown["complete"]) == (2546, [], False)
    (warning,) = result["warnings"]
    assert warning.startswith('GITHUB_ENTERPRISE "bakery" (id 0f1e2d3c4b5a69788796a5b4): the tenant does not show all its repositories')


def test_what_is_not_shown_has_a_reason_and_is_lost_indeed() -> None:
    for name, reason in NOT_SHOWN.items():
        assert reason
        holders = [one for one in INSTANCES if name in one["reply"]]
        assert holders, name
        for one in holders:
            assert lost({name: one["reply"][name]}, one["shown"]), f"{name} is shown: take it off the list"


def test_a_repository_is_read_without_loss(client_of: ClientOf) -> None:
    reply, shown = EXAMPLES["repository"]["reply"], EXAMPLES["repository"]["shown"]
    for answers, options in (([reply], {}), (reply, {"repository_id": reply["id"]})):
        with ScriptedServer(Say(200, answers), Say(200, [])) as server:
            given = {"repository_id": None, "search": None, **options}
            (found,), _whole = fetch_repositories(Api(client_of(server.url)), Filters(), **given)
        # Made from the others.
        assert {k: v for k, v in found.items() if k not in ("scanned_at", "broken")} == shown
        assert lost(reply, found) == Counter()


# -- a collector


def test_the_token_of_a_new_collector_is_kept_once_and_shown_nowhere(client_of: ClientOf, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "gitleaks.json"
    created = {k: v for k, v in COLLECTOR["created"].items() if k != "credentials"}
    item = {**DEFAULTS, "type": "COLLECTOR", "name": "gitleaks", "credentials_file": str(file)}
    with ScriptedServer(Say(200, []), Say(200, COLLECTOR["created"]), Say(200, created)) as server:
        client = client_of(server.url, state_dir=str(tmp_path / "state"))
        (outcome,) = Run(Api(client), check_mode=False).apply([item])
        sent = [(r.method, json.loads(r.body)) for r in server.requests if r.body]
    assert (outcome.action, outcome.error, outcome.warnings) == ("created", None, [])
    settings = {"name": "gitleaks", "detectionMethod": "SAST", "fileType": "SARIF"}
    assert sent == [("POST", {"type": "COLLECTOR", "uniqueProperties": settings})]
    assert file.stat().st_mode & 0o777 == 0o600
    content = {"id": created["id"], "name": "gitleaks", "api_url": created["apiUrl"], "token_id": "29", "token": TOKEN}
    assert json.loads(file.read_text()) == content == load_credentials(str(file))
    result = result_of(outcome, diff=True)
    assert TOKEN not in json.dumps(result)
    assert lost(by_id(created), result["data_source"]) == Counter()
    assert not [path for path in (tmp_path / "state").rglob("*") if path.is_file() and TOKEN in path.read_text()]


def test_a_collector_is_renamed_as_its_update_shows(client_of: ClientOf, tmp_path: Path) -> None:
    created = {k: v for k, v in COLLECTOR["created"].items() if k != "credentials"}
    updated = COLLECTOR["updated"]
    item = {**DEFAULTS, "type": "COLLECTOR", "identifier": "gitleaks", "name": "gitleaks-nightly"}
    with ScriptedServer(Say(200, [listed(created)]), Say(200, created), Say(200, created), Say(200, updated), Say(200, updated)) as server:
        client = client_of(server.url, state_dir=str(tmp_path / "state"))
        (outcome,) = Run(Api(client), check_mode=False).apply([item])
        puts = [json.loads(r.body) for r in server.requests if r.method == "PUT"]
    assert (outcome.action, outcome.error, outcome.warnings) == ("updated", None, [])
    assert puts == [{"uniqueProperties": {"name": "gitleaks-nightly", "detectionMethod": "SAST", "fileType": "SARIF"}}]
    assert outcome.data_source is not None
    assert (outcome.data_source["identifier"], outcome.data_source["updated_at"]) == ("gitleaks-nightly", updated["lastUpdateDate"])


# -- refusals and uploads


@pytest.mark.parametrize("example", EXAMPLES["refusals"], ids=lambda e: f"{e['call']} {e['status']}")
@pytest.mark.usefixtures("quick_pauses")
def test_a_refusal_is_one_line_that_says_all_it_says(client_of: ClientOf, tmp_path: Path, example: dict[str, Any]) -> None:
    one = by_id(INSTANCES[0]["reply"])
    refusal = Say(example["status"], example["body"])
    item = {**DEFAULTS, "type": "COLLECTOR", "name": "gitleaks", "return_credentials": True}
    if example["call"] == "read":
        item = {**DEFAULTS, "id": one["id"]}
    if example["call"] == "update":
        item = {**DEFAULTS, "id": one["id"], "selection_type": "CURRENT_STATE"}
    first = {"create": [Say(200, [])], "read": [Say(200, [listed(one)])], "update": [Say(200, [listed(one)]), Say(200, one), Say(200, one)]}
    with ScriptedServer(*first.get(example["call"], []), refusal) as server:
        api = Api(client_of(server.url, state_dir=str(tmp_path / "state"), retry_deadline=0.5))
        if example["call"] == "upload":
            with pytest.raises(CortexError) as caught:
                api.upload_sarif(b"{}", collector_id="c", query={"repository_id": "r"}, subject="a.sarif")
            message = str(caught.value)
        else:
            (outcome,) = Run(api, check_mode=False).apply([item])
            assert outcome.action == "failed"
            message = str(outcome.error)
    for words in example["says"]:
        assert words in message, message
    assert "\n" not in message
    assert "{" not in message


@pytest.mark.parametrize("example", EXAMPLES["uploads"], ids=lambda e: str(e["reply"]["status"]))
def test_an_accepted_upload_says_how_many_findings_were_taken(client_of: ClientOf, example: dict[str, Any]) -> None:
    with ScriptedServer(Say(201, example["reply"])) as server:
        answer = Api(client_of(server.url)).upload_sarif(b"{}", collector_id="c", query={"repository_id": "r"})
    taken = Ingestion.of(answer.body, str)
    assert (taken.status, taken.message, taken.findings) == (example["reply"]["status"], example["reply"]["message"], example["findings"])
    assert taken.shortfall(12).startswith(example["shortfall"])
    assert bool(taken.shortfall(12)) == bool(example["shortfall"])
