# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For any list of instances that the published schemas allow: it is listed, exported and planned, and its export changes nothing."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st
from published_tenant import DATE, DEFAULTS, Item, Published, Raw, published

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources import results
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.find import fetch_data_sources
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.run import Run
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import TYPES
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from starting import IN_CI

MANUAL = "MANUAL_SELECTION"
REQUIRED = ("id", "type", "creationDate", "lastUpdateDate")
# Seen in examples, known by the guide alone, and words that nobody has seen; the schema allows any text.
KINDS = st.sampled_from(["GITHUB_ENTERPRISE", "SNYK", "COLLECTOR", "GITHUB", "CORTEX_CLI", "CHECKMARX", "sonar-qube", "Snyk"])
WORDS = st.sampled_from(["example-org", "snyk-default-org", "a", "12", "yes", "{{ x }}", "a\nb", "é #"])
TIMES = st.just(DATE)
DETAILS = st.fixed_dictionaries(
    {"status": st.sampled_from(["VALID", "INVALID"])}, optional={"message": WORDS, "error": WORDS, "timestamp": TIMES}
)
MEMBERS = {
    "typeCategory": st.sampled_from(["DEFAULT", "EXTERNAL_VENDOR_INTEGRATIONS"]),
    "uniqueIdentifier": WORDS | st.sampled_from(["", " "]),
    "domain": st.fixed_dictionaries(
        {
            "hostname": st.sampled_from(["git.example.com", "GIT.example.com", "api.example.com", ""]),
            "protocol": st.sampled_from(["http", "https"]),
        }
    ),
    "instanceVersion": st.just("1.0.0"),
    "scanTypes": st.dictionaries(st.sampled_from(["SAST", "SCA"]), st.fixed_dictionaries({"isEnabled": st.booleans()}), max_size=2),
    "selectionType": st.sampled_from([MANUAL, MANUAL, "CURRENT_STATE", "CURRENT_STATE_AND_FUTURE", "CURRENT_STATE_PENDING"]),
    "state": st.lists(st.sampled_from(["org/a", "org/b", "g/sub/c", "1.10", ""]), max_size=4),
    "status": st.sampled_from(
        ["COMPLETED", "CONNECTED", "DESTROYING", "DISABLED", "ERROR", "PENDING", "TEMPORARY", "TRANSPORTER_CONNECTION_DISABLED", "WARNING"]
    ),
    "statusDetails": st.dictionaries(st.sampled_from(["connection", "webhook"]), DETAILS, max_size=2),
    "selfSignedCertificate": st.sampled_from(["", "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n"]),
    "transporter": st.fixed_dictionaries({"brokerDeviceId": WORDS | st.just(""), "connectionName": WORDS}),
    "tenantId": st.just("tenant-001"),
}  # fmt: skip
TEXTS = {"uniqueIdentifier": "identifier", "status": "status", "tenantId": "tenant_id", "selectionType": "selection_type"}
AT_THE_ROOT = {"detectionMethod": st.just("SAST"), "fileType": st.just("SARIF"), "apiUrl": st.just("https://api-t.example/collectors/1")}


@st.composite
def tenants(draw: st.DrawFn) -> Published:
    instances: list[Raw] = []
    listed: dict[str, Raw] = {}
    for number in range(draw(st.integers(0, 4))):
        kind = draw(KINDS)
        more = {**MEMBERS, **(AT_THE_ROOT if kind == "COLLECTOR" else {})}
        one = published(number, kind, **draw(st.fixed_dictionaries({}, optional=more)))
        hidden, listed_alone = (draw(st.sets(st.sampled_from(sorted(MEMBERS)), max_size=2)) for _where in range(2))
        # The count is of associated repositories, and says nothing about the length of the state.
        listed[one["id"]] = {
            **{k: v for k, v in one.items() if k in REQUIRED or (k not in hidden and k not in AT_THE_ROOT)},
            **({"state": []} if "state" in one else {}),
            "repositoriesCount": draw(st.sampled_from([0, 0, 1, 12, 2546])),
        }
        instances.append({k: v for k, v in one.items() if k in hidden or k not in listed_alone})
    return Published(*instances, listed=listed)


class Loader(yaml.SafeLoader):
    """With Ansible's tag for text that is no template."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def shared(config: list[Item]) -> bool:
    """Whether two items have one repository of one type and host, which no list of items may claim twice."""
    claims = [
        (i.get("type"), i.get("domain", {}).get("hostname", "").lower(), name) for i in config for name in set(i.get("repositories", []))
    ]
    return len(set(claims)) < len(claims)


@settings(max_examples=200 if IN_CI else 60)
@given(tenants())
def test_an_export_of_a_published_tenant_changes_nothing(tenant: Published) -> None:
    listing = results.inventory(fetch_data_sources(tenant, {}, details=True), tenant.tenant, config=True)  # type: ignore[arg-type]
    json.dumps(listing)
    assert sorted(one["id"] for one in listing["data_sources"]) == sorted(tenant.instances)
    for one in listing["data_sources"]:
        assert one["repositories_count"] == tenant.listed[one["id"]]["repositoriesCount"]
        # What stands in the list alone is shown too.
        told = {member for where in (tenant.instances, tenant.listed) for member, value in where[one["id"]].items() if str(value).strip()}
        assert {option for member, option in TEXTS.items() if member in told} == set(one) & set(TEXTS.values())
    read = yaml.load(listing["data_file"], Loader=Loader)
    config: list[Item] = listing["config"]
    assert read["tenant_data_sources"] == config
    for check_mode in (True, False):
        run = Run(tenant, check_mode=check_mode)  # type: ignore[arg-type]
        items = [{**DEFAULTS, **item} for item in config]
        if shared(config):
            event("two instances with one repository")
            with pytest.raises(InputError, match="both claim repository"):
                run.apply(items)
            continue
        done = run.apply(items)
        for outcome in done:
            assert (outcome.action, outcome.error, outcome.changed) == ("unchanged", None, False), outcome
        assert sorted(outcome.plan.id for outcome in done) == sorted(tenant.instances)
        for outcome in done:
            unknown = outcome.item.get("type", "SNYK") not in TYPES
            assert [w for w in outcome.warnings if not (unknown and "is not one of the" in w)] == []
    assert tenant.writes == []
