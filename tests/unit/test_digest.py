# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An approval covers the very requests that are sent: two plans share a digest only if they send the same, and then they look the same."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from yaml.resolver import Resolver

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.digest import (
    digest_of,
    fingerprint,
    refuse_another,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.instance import Instance
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.plan import (
    Plan,
    plan_create,
    plan_delete,
    plan_update,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.show import (
    diff_of,
    plan_as_markdown,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from starting import IN_CI

TENANT = "api-x.example.com"
GIVEN = {"state": "present", "repositories_mode": "merge", "external_projects_mode": "merge", "max_deselect": 10}
NEW: dict[str, Any] = {
    **GIVEN,
    "type": "GITLAB_SELF_MANAGED",
    "name": "core",
    "domain": {"hostname": "gitlab.example.com"},
    "credentials": {"client_id": "app", "client_secret": "s3cret-one"},
    "selection_type": "MANUAL_SELECTION",
}
HELD: dict[str, Any] = {
    "id": "12",
    "type": "GITLAB_SELF_MANAGED",
    "name": "core",
    "selectionType": "MANUAL_SELECTION",
    "state": ["a/1"],
    "externalProjects": [],
    "uniqueProperties": {"name": "core", "group": "g"},
}
Item = dict[str, Any]


def pem(content: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(content).decode()}\n-----END CERTIFICATE-----\n"


def mapped(**mapping: str) -> Item:
    return {"external_projects": [{"external_id": "e", **mapping}], "external_projects_mode": "exact"}


def shown(plan: Plan, item: Item) -> str:
    entry = diff_of(plan, item)
    return json.dumps(entry) + plan_as_markdown(TENANT, "", [(plan, item)])


def same(one: Item, other: Item, raw: Item | None = None) -> tuple[bool, bool]:
    """Whether two items give plans of one digest, and plans that look the same. raw: the instance that they are for; None creates one."""
    plans = [plan_create(item) if raw is None else plan_update(item, Instance(copy.deepcopy(raw), full=True)) for item in (one, other)]
    assert all(plan.changed for plan in plans)
    digests = [digest_of(TENANT, [plan]) for plan in plans]
    texts = [shown(plan, item) for plan, item in zip(plans, (one, other))]
    return digests[0] == digests[1], texts[0] == texts[1]


PAIRS: dict[str, tuple[Item, Item]] = {
    "a blank in a mapping": (mapped(external_id="a external_project_id=b"), mapped(external_id="a", external_project_id="b")),
    "number and text": ({"unique_properties": {"group": "22"}}, {"unique_properties": {"group": 22}}),
    "list and its text": ({"unique_properties": {"s": '["SAST", "SCA"]'}}, {"unique_properties": {"s": ["SAST", "SCA"]}}),
    "a line break and its escape": ({"repositories": ['"a\\nb"']}, {"repositories": ["a\nb"]}),
    "what cannot be seen": ({"repositories": ["a\u200bb"]}, {"repositories": ["ab"]}),
    "an escape of what cannot be seen": ({"repositories": ["a\u200bb"]}, {"repositories": ['"a\\u200bb"']}),
    "true and its text": ({"unique_properties": {"s": True}}, {"unique_properties": {"s": "true"}}),
    "true and one": ({"unique_properties": {"s": True}}, {"unique_properties": {"s": 1}}),
    "null and its text": ({"unique_properties": {"s": {"a": None}}}, {"unique_properties": {"s": '{"a": null}'}}),
    "a colon in a key": ({"unique_properties": {"a: b": "c"}}, {"unique_properties": {"a": "b: c"}}),
    "a point in a key": ({"unique_properties": {"a.b": "c"}}, {"unique_properties": {'"a.b"': "c"}}),
    "the words for a secret": ({"unique_properties": {"apiToken": "t0ken-one"}}, {"unique_properties": {"apiToken ": "(set, not shown)"}}),
}
AT_CREATION: dict[str, tuple[Item, Item]] = {
    "certificate": ({"self_signed_certificate": pem(b"good")}, {"self_signed_certificate": pem(b"evil")}),
    "a certificate on one line": ({"self_signed_certificate": pem(b"good").replace("\n", "")}, {"self_signed_certificate": pem(b"bad")}),
    "what is no certificate": ({"self_signed_certificate": "-----good"}, {"self_signed_certificate": "-----evil"}),
    "user name": ({"credentials": {"username": "alice", "password": "s3cret"}}, {"credentials": {"username": "eve", "password": "s3cret"}}),
    "client": ({"credentials": {"client_id": "good", "client_secret": "s3cret"}},
               {"credentials": {"client_id": "evil", "client_secret": "s3cret"}}),
    "type": ({"credentials": {"type": "PAT", "token": "s3cret"}}, {"credentials": {"type": "OAUTH", "token": "s3cret"}}),
    "nothing and no value": ({"transporter": {"connection_name": ""}}, {"transporter": {"connection_name": " "}}),
    "no settings": ({"unique_properties": {}}, {}),
}  # fmt: skip


@pytest.mark.parametrize("pair", {**PAIRS, **AT_CREATION}.values(), ids={**PAIRS, **AT_CREATION})
def test_two_creations_that_differ_differ_to_the_eye_and_to_the_digest(pair: tuple[Item, Item]) -> None:
    assert same({**NEW, **pair[0]}, {**NEW, **pair[1]}) == (pair == AT_CREATION["no settings"], pair == AT_CREATION["no settings"])


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_two_updates_that_differ_differ_to_the_eye_and_to_the_digest(pair: tuple[Item, Item], hidden: bool) -> None:
    """Also where the tenant hides the settings, so that nothing it shows changes."""
    raw = {k: v for k, v in HELD.items() if not (hidden and k == "uniqueProperties")}
    always = {"update_unique_properties": "always"} if hidden else {}
    assert same(*({**GIVEN, "type": "GITLAB_SELF_MANAGED", "name": "core", **always, **given} for given in pair), raw) == (False, False)


def test_a_secret_is_only_said_to_be_set() -> None:
    one, other = ({**NEW, "credentials": {"client_id": "app", "client_secret": s}} for s in ("s3cret-one", "s3cret-two"))
    assert same(one, other) == (True, True)
    assert "s3cret" not in shown(plan_create(one), one)
    assert digest_of(TENANT, [plan_create(one)]) != digest_of("api-y.example.com", [plan_create(one)])


def test_what_is_deselected_and_what_goes_with_a_deletion_is_covered() -> None:
    exact = {**GIVEN, "type": "GITLAB_SELF_MANAGED", "name": "core", "repositories": ["a/1"], "repositories_mode": "exact"}
    instances = [Instance({**HELD, "state": ["a/1", *more]}, full=True) for more in (["b/1"], ["b/2"])]
    updates = [plan_update(exact, one) for one in instances]
    assert updates[0].put == updates[1].put
    assert len({digest_of(TENANT, [plan]) for plan in updates}) == 2
    assert len({digest_of(TENANT, [plan_delete(one)]) for one in instances}) == 2
    counted = [plan_delete(Instance({**HELD, "repositoriesCount": count}, full=False)) for count in (7, 8)]
    assert len({digest_of(TENANT, [plan]) for plan in counted}) == 2
    assert "repositories_count: 7\\n" in shown(counted[0], {**exact, "state": "absent"})


def test_the_order_of_a_list_means_nothing_and_that_of_the_requests_does() -> None:
    one, other = ({**NEW, "repositories": names} for names in (["a", "b"], ["b", "a"]))
    assert same(one, other) == (True, True)
    plans = [plan_create(one), plan_create({**one, "name": "second"})]
    assert digest_of(TENANT, plans) != digest_of(TENANT, plans[::-1])
    assert digest_of(TENANT, plans) == digest_of(TENANT, [plans[0], Plan("none"), plans[1], Plan("pending")])


TRICKY = st.sampled_from([
    "", " ", "a", "b", "a b", "a=b", "a: b", "22", 22, 2, 22.0, "22.0", 1e3, "1e3", True, False, 1, 0, "true", "null", "NaN",
    "set", "********",
    "(set, not shown)", "(new secret, not shown)", "of no certificate", [], {},
    "[]", "{}", ["a"], '["a"]', ["a", "b"],
    {"a": "b"}, '{"a": "b"}',
    "a\nb", "a\\nb", '"a\\nb"', "a\u200bb", "a\\u200bb", '"a\\u200bb"', "\ud800", "'a'", "\\", "a ", " a",
    "\u00e9", "e\u0301", {"a": {"b": 1}}, [None],
])  # fmt: skip
TEXTS = st.one_of(TRICKY.filter(lambda value: isinstance(value, str) and bool(value.strip())), st.text('ab=:" \n\\[{(\u200b2', min_size=1))
SETTINGS = st.dictionaries(st.sampled_from(["a", "a.b", "a: b", "b", "apiToken", "", '"a.b"']), st.one_of(TRICKY, TEXTS), max_size=3)
NAMES = st.lists(TEXTS, max_size=3, unique=True)
MAPPINGS = st.dictionaries(
    TEXTS,
    st.fixed_dictionaries({"external_id": TEXTS}, optional={"repo_id": TEXTS, "branch_name": st.one_of(TEXTS, st.just(""))}),
    max_size=2,
).map(lambda found: [{"external_project_id": project, **mapping} for project, mapping in found.items()])
TRANSPORTER = st.fixed_dictionaries({}, optional={"connection_name": TEXTS, "broker_device_id": st.one_of(TEXTS, st.just(""))})
WISHES = st.fixed_dictionaries(
    {},
    optional={
        "repositories": NAMES,
        "external_projects": MAPPINGS,
        "unique_properties": SETTINGS,
        "credentials": st.fixed_dictionaries(
            {"token": st.sampled_from(["s3cret-one", "s3cret-two"])}, optional={"username": TEXTS, "type": TEXTS}
        ),
        "transporter": TRANSPORTER,
        "self_signed_certificate": st.one_of(TEXTS, st.sampled_from([pem(b"a"), pem(b"b"), pem(b"a") + pem(b"b"), pem(b"ab"), "-----"])),
    },
)


def sent(plan: Plan) -> str:
    """What goes out, as the wire has it, but for secrets and the order of lists that have none; certificates by what is in them."""
    bodies = copy.deepcopy([plan.post, plan.put])
    for body in bodies:
        for name in ("state", "externalProjects"):
            body.get(name, []).sort(key=json.dumps)
        if "token" in body.get("credentials", {}):
            body["credentials"]["token"] = "?"
        if isinstance(body.get("selfSignedCertificate"), str):
            body["selfSignedCertificate"] = fingerprint(body["selfSignedCertificate"])
        token = body.get("uniqueProperties", {}).get("apiToken")
        if token is not None:
            body["uniqueProperties"]["apiToken"] = hidden(token)
    return json.dumps(bodies, sort_keys=True)


def hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: hidden(v) for k, v in value.items()}
    if isinstance(value, list):
        return [hidden(v) for v in value]
    return value if value is None or value == "" or isinstance(value, bool) else "?"


def planned(item: Item, update: bool) -> Plan | None:
    try:
        if not update:
            return plan_create({**NEW, **item})
        plan = plan_update({**GIVEN, "type": "GITLAB_SELF_MANAGED", "name": "core", **item}, Instance(copy.deepcopy(HELD), full=True))
    except InputError:  # an empty secret, a placeholder
        return None
    return plan if plan.changed else None


def looks_like(draw: st.DrawFn, value: Any, text_only: bool) -> Any:
    """A value that somebody may take for this one."""
    others = [json.dumps(value), json.dumps(value, ensure_ascii=False), str(value)]
    if isinstance(value, str):
        others += [f"{value} ", f"{value}\u200b", value.encode("unicode_escape").decode(), value.strip('"')]
        with contextlib.suppress(ValueError):
            others.append(json.loads(value))
    return draw(st.sampled_from([one for one in others if isinstance(one, str) or not text_only] or [value]))


@st.composite
def look_alikes(draw: st.DrawFn) -> tuple[Item, Item]:
    """Two items that differ in one text or value, and there by little."""
    option = draw(st.sampled_from(["unique_properties", "unique_properties", "repositories", "external_projects", "transporter"]))
    one: Item = {
        option: draw({"unique_properties": SETTINGS, "repositories": NAMES, "external_projects": MAPPINGS}.get(option, TRANSPORTER))
    }
    other = copy.deepcopy(one)
    place: Any = other[option][0] if option == "external_projects" and other[option] else other[option]
    if place:
        key = draw(st.sampled_from(range(len(place)) if isinstance(place, list) else sorted(place)))
        if option == "unique_properties" and draw(st.booleans()):
            place[looks_like(draw, key, True)] = place.pop(key)
        else:
            place[key] = looks_like(draw, place[key], option != "unique_properties")
    return one, other


@settings(max_examples=5000 if IN_CI else 80)
@given(st.booleans(), st.one_of(st.tuples(WISHES, WISHES), look_alikes()))
def test_one_digest_means_the_same_requests_and_the_same_look(update: bool, pair: tuple[Item, Item]) -> None:
    plans = [planned(item, update) for item in pair]
    if plans[0] is None or plans[1] is None:
        return
    equal = sent(plans[0]) == sent(plans[1])
    digests = [digest_of(TENANT, [plan]) for plan in plans if plan]
    assert (digests[0] == digests[1]) is equal
    texts = [shown(plan, NEW) for plan in plans if plan]
    assert (texts[0] == texts[1]) is equal, texts[0]


def test_the_fingerprint_of_a_certificate_is_that_of_what_is_in_it() -> None:
    abc = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD"
    assert fingerprint(pem(b"abc")) == fingerprint(pem(b"abc").replace("\n", "\r\n")) == f"SHA-256 {abc}"
    assert fingerprint(pem(b"abc") * 2) == f"SHA-256 {abc}, SHA-256 {abc}"
    for text in ("no certificate", pem(b"abc") + "more", "-----BEGIN CERTIFICATE-----=-----END CERTIFICATE-----", ""):
        assert fingerprint(text).startswith("of no certificate, SHA-256 ")


def test_a_digest_is_text_to_yaml_too() -> None:
    """A controller hands it on as YAML, where digits alone would come out as another number."""
    for number in range(2000):
        digest = digest_of(TENANT, [plan_create({**NEW, "name": f"core-{number}"})])
        assert re.fullmatch("[a-f][0-9a-f]{31}", digest)
        assert Resolver().resolve(yaml.ScalarNode, digest, (True, False)) == "tag:yaml.org,2002:str"


def test_the_digest_of_an_earlier_version_says_to_plan_again() -> None:
    for old in ("a123456789abcdef", "0123456789abcdef"):
        with pytest.raises(InputError, match=f"^plan_digest {old} is from an earlier version .*: plan again and have the new plan"):
            refuse_another(old, "a" * 32)
    with pytest.raises(InputError, match="is not the digest of this plan"):
        refuse_another("b" * 32, "a" * 32)
    refuse_another(f" {'a' * 32}\n", "a" * 32)
