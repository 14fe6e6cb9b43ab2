# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data file that an export writes: YAML that says exactly what the tenant holds, and never a template."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest
import yaml
from hostile import ALL
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yaml.resolver import Resolver

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.data_file import (
    PLACEHOLDER,
    as_config,
    as_configs,
    as_data_file,
    write_backup,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.types import TYPES
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError


class Unsafe(str):
    """A text that is tagged !unsafe: Ansible never evaluates it."""


class Loader(yaml.SafeLoader):
    """PyYAML's own, which Ansible's is made from, with Ansible's tag."""


Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(node)))

# What JSON can hold: no lone surrogates, no infinity. Integers as far as JSON readers agree on them.
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
# Half of a character is text too to a JSON reader, and to no file.
BROKEN = st.text(st.sampled_from("a1{#*\n\ud83d\udca9"), max_size=4)
# What YAML might take for something else: made of what its numbers, times and signs are made of.
ODD = st.sampled_from(ALL) | st.text("0123456789 ._/@+:,=~()<!&*-\t\nabefinulxyTZ", max_size=12) | BROKEN
NAMES = TEXT | ODD
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    NAMES | NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def read(text: str) -> Any:
    return yaml.load(text, Loader=Loader)


def plain(value: Any) -> Any:
    """The value with its types, since YAML's 1 is not 1.0 and true is not 1."""
    if isinstance(value, dict):
        return {("key", whole(k)): plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    kind = next((kind for kind in (str, bool, int, float) if isinstance(value, kind)), None)
    return kind and kind.__name__, whole(value) if isinstance(value, str) else value


def whole(text: str) -> str:
    """Half a character becomes the one that stands for what cannot be written."""
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [t for k, v in value.items() for t in [*texts(k), *texts(v)]]
    if isinstance(value, list):
        return [t for v in value for t in texts(v)]
    return [value] if isinstance(value, str) else []


@given(st.lists(st.dictionaries(NAMES, JSON, max_size=4), max_size=3))
@example([{"a": 1e16, "b": 1e-7, "c": -0.0, "d": 5e-324}])
@example([{"\U0001f680": "\U0001f680"}, {"": {}}, {"x": [[], {}, [[]], [{"a": [{}]}]]}])
@example([{"name": "del\x7f", "nel": "\x85", "ls": "\u2028"}])
@example([{"k" * 1025: {"k" * 1025: ["k" * 1025]}}, {"x": [{"\u2028" * 300: 1, "\U000e0001" * 120: [], "b": {}}]}])
def test_what_is_read_is_what_was_written(configs: list[dict[str, Any]]) -> None:
    text = as_data_file("api-example.xdr.eu.paloaltonetworks.com", configs)
    read_back = read(text.encode("utf-8").decode("utf-8"))
    assert plain(read_back) == plain({"tenant_expected_tenant": "api-example.xdr.eu.paloaltonetworks.com", "tenant_data_sources": configs})


@given(JSON, NAMES)
@example("x", "#jinja2:x")
@example("x", "{")
def test_what_could_be_a_template_is_tagged_and_nothing_else_that_yaml_reads_anew(value: Any, name: str) -> None:
    """As a value and as a key, at any depth. A tagged text is resolved once more by ansible-core 2.19, as if it had no quotes."""
    for text in texts(read(as_data_file("host", [{name: {name: [value, name]}, "name": name}]))):
        tagged = isinstance(text, Unsafe)
        assert tagged or not {"{", "#"} & set(text)
        assert not tagged or Resolver().resolve(yaml.ScalarNode, str(text), (True, False)) == "tag:yaml.org,2002:str"


def test_all_that_yaml_takes_for_something_else_is_made_of_what_is_never_tagged() -> None:
    """Not a matter of examples: the characters that its rules know are among those of a text without a tag."""

    def known(parsed: Any) -> Iterator[str]:
        for operation, value in parsed:
            name = str(operation)
            if name == "LITERAL":
                yield chr(value)
            elif name == "RANGE":
                yield from map(chr, range(value[0], value[1] + 1))
            elif name in ("MAX_REPEAT", "SUBPATTERN"):
                yield from known(value[-1])
            elif name == "BRANCH":
                yield from (char for branch in value[1] for char in known(branch))
            elif name == "IN":
                yield from known(value)
            else:
                # "$" is also before a last line break.
                assert name == "AT", f"what does {name} match?"

    rules = {pattern for rules in Resolver.yaml_implicit_resolvers.values() for _tag, pattern in rules}
    characters = {char for rule in rules for char in known(_parser.parse(rule.pattern, rule.flags))} | {"\n"}
    assert {"<", "*", "&", "!", "=", "~", "\t", "0", "a", ":"} <= characters
    assert [char for char in sorted(characters) if "!unsafe" in as_data_file("t", [{"a": f"{char}1"}])] == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(NAMES, JSON, max_size=4), max_size=3))
def test_ansible_reads_the_same(configs: list[dict[str, Any]]) -> None:
    from ansible.parsing.dataloader import DataLoader

    loaded = DataLoader().load(as_data_file("host", configs), file_name="/tenant.yml")
    assert plain(loaded["tenant_data_sources"]) == plain(configs)


def test_ordinary_names_need_no_tag() -> None:
    """So that other programs read such a file too, and the filter from_yaml."""
    names = ["gitlab-core", "PAY/ledger", "Z\u00fcrich (prod), team A&B", "1.10", "", "a@b.example.com", "\u6771\u4eac", "1.10\n"]
    configs = [{"name": name, "unique_properties": {name: name}} for name in names]
    assert yaml.safe_load(as_data_file("api-x.example.com", configs))["tenant_data_sources"] == configs


def test_a_file_that_people_like_to_read() -> None:
    item = {
        "type": "SNYK",
        "name": "snyk-eu",
        "domain": {"hostname": "api.eu.snyk.io"},
        "unique_properties": {"scanTypes": ["SAST", "SCA"]},
    }
    assert as_data_file("api-x.example.com", [{**item, "external_projects": [{"external_id": "1", "repo_id": "a"}]}]) == (
        "---\n"
        "# For ansible-playbook cortex_cloud.appsec.onboard -e onboard_file=THIS_FILE\n"
        "tenant_expected_tenant: api-x.example.com\n"
        "tenant_data_sources:\n"
        "  - type: SNYK\n"
        "    name: snyk-eu\n"
        "    domain:\n"
        "      hostname: api.eu.snyk.io\n"
        "    unique_properties:\n"
        "      scanTypes:\n"
        "        - SAST\n"
        "        - SCA\n"
        "    external_projects:\n"
        '      - external_id: "1"\n'
        "        repo_id: a\n"
    )


# Which fields an item has, and which are placeholders


def test_a_placeholder_stands_for_each_credential_that_creation_takes() -> None:
    for name, kind in TYPES.items():
        expected = {option.partition(".")[2]: PLACEHOLDER for option in kind.creation_options if option.startswith("credentials.")}
        assert as_config({"id": "1", "type": name, "name": "core"}).get("credentials", {}) == expected


def test_a_setting_under_a_secret_looking_key_is_a_placeholder_even_when_it_is_shown() -> None:
    shown = {
        "id": "1",
        "type": "JENKINS",
        "name": "core",
        "unique_properties": {"apiToken": "canary", "deep": {"password": "canary"}, "team": "a"},
    }
    assert as_config(shown)["unique_properties"] == {"apiToken": PLACEHOLDER, "deep": PLACEHOLDER, "team": "a"}


@pytest.mark.parametrize("selection", ["CURRENT_STATE", "CURRENT_STATE_AND_FUTURE"])
def test_repositories_only_where_they_were_chosen(selection: str) -> None:
    shown = {"id": "1", "type": "GITHUB", "name": "core", "selection_type": selection, "repositories": ["a/b"]}
    assert "repositories" not in as_config(shown)
    assert as_config({**shown, "selection_type": "MANUAL_SELECTION"})["repositories"] == ["a/b"]


def test_ids_only_where_type_name_and_host_are_not_enough() -> None:
    def shown(instance_id: str, **fields: Any) -> dict[str, Any]:
        return {"id": instance_id, "type": "SNYK", **fields}

    def ids(*instances: dict[str, Any]) -> list[str | None]:
        return [item.get("id") for item in as_configs(list(instances))]

    host = {"domain": {"hostname": "api.snyk.io"}}
    assert ids(shown("1", name="a"), shown("2", name="b")) == [None, None]
    assert ids(shown("1", name="a"), shown("2", name="a")) == ["1", "2"]
    assert ids(shown("1", name="a"), shown("2", name="a", **host)) == ["1", None]
    assert ids(shown("1", **host), shown("2", name="a", **host)) == ["1", None]
    assert ids(shown("1", name="a", **host), shown("2", name="a", domain={"hostname": "API.snyk.io"})) == ["1", "2"]
    assert ids(shown("1"), {"id": "2", "name": "a"}) == ["1", "2"]
    assert ids(shown("1", name="a"), {"id": "2", "type": "JENKINS", "name": "a"}) == [None, None]


# Backups


def test_a_backup_is_for_its_owner_alone_and_named_after_what_it_holds(tmp_path: Path) -> None:
    path = write_backup(
        str(tmp_path / "kept"), "api-x.example.com:443", {"id": "../../etc/passwd", "type": "SNYK", "name": "../x\n/{{ y }}"}
    )
    assert Path(path).parent == tmp_path / "kept"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "kept").st_mode) == 0o700
    assert read(Path(path).read_text(encoding="utf-8"))["tenant_data_sources"][0]["name"] == "../x\n/{{ y }}"


def test_a_backup_does_not_overwrite_another(tmp_path: Path) -> None:
    """Two instances whose names differ only in what a file name cannot hold, or one instance twice in a second: both stay."""
    first = write_backup(str(tmp_path), "t", {"id": "1", "type": "SNYK", "name": "a/b", "status": "one"})
    second = write_backup(str(tmp_path), "t", {"id": "1", "type": "SNYK", "name": "a/b", "status": "two"})
    assert first != second
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_stops_the_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"backup_dir .*/file cannot be written \(.*\), so nothing was changed\."):
        write_backup(str(tmp_path / "file"), "t", {"id": "1", "type": "SNYK"})
