# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data file that an export writes: YAML that says exactly what the tenant holds, and never a template."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

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
ODD = st.sampled_from(
    ["", " ", "yes", "No", "null", "~", "1.0", "0x1F", "0o7", "1e3", "1_0", "1:30", "2026-01-01", "<<", "=", "---", "- a", "a: b",
     "#", "'", '"', "{{ x }}", "{% x %}", "{# x #}", "{{", "!unsafe x",
     "&a", "*a", "\U0001f680", "\x7f", "\x85", "\u2028", "\ufeff", "\x00", "\t", "\r\n"]
)  # fmt: skip
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
        return {("key", str(k)): plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    kind = next((kind for kind in (str, bool, int, float) if isinstance(value, kind)), None)
    return kind and kind.__name__, str(value) if isinstance(value, str) else value


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
def test_what_is_read_is_what_was_written(configs: list[dict[str, Any]]) -> None:
    whole = read(as_data_file("api-example.xdr.eu.paloaltonetworks.com", configs))
    assert plain(whole) == plain({"tenant_expected_tenant": "api-example.xdr.eu.paloaltonetworks.com", "tenant_data_sources": configs})


@given(JSON, st.sampled_from(["{{ x }}", "{% x %}", "{# x #}", "a {{", "}} {%", "\n{{ x }}"]))
def test_whatever_looks_like_a_template_is_tagged(value: Any, template: str) -> None:
    """As a value and as a key, at any depth."""
    whole = read(as_data_file("host", [{template: {"deep": [value, template]}, "name": template}]))
    suspicious = [text for text in texts(whole) if any(mark in text for mark in ("{{", "{%", "{#"))]
    assert len(suspicious) >= 3
    assert all(isinstance(text, Unsafe) for text in suspicious)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(NAMES, JSON, max_size=4), max_size=3))
def test_ansible_reads_the_same(configs: list[dict[str, Any]]) -> None:
    from ansible.parsing.dataloader import DataLoader

    whole = DataLoader().load(as_data_file("host", configs), file_name="/tenant.yml")
    assert plain(whole["tenant_data_sources"]) == plain(configs)


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
        wanted = {option.partition(".")[2]: PLACEHOLDER for option in kind.takes if option.startswith("credentials.")}
        assert as_config({"id": "1", "type": name, "name": "core"}).get("credentials", {}) == wanted


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
