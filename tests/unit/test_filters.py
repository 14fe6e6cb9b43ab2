# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What filters get from Ansible is more than plain values, and what they tell is one line."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._filters import evaluated, told


class Tagged(str):
    """A text of Ansible's own, such as one with the tag !unsafe."""

    __slots__ = ()


class Lazy(dict[Any, Any]):
    """A dictionary of Ansible's own."""


GIVEN = Lazy({Tagged("a"): (Tagged("{{ x }}"), 1, None), 2: Lazy(b=True)})


def test_containers_become_plain_and_a_text_keeps_its_tag() -> None:
    made = evaluated(GIVEN)
    assert made == {"a": ["{{ x }}", 1, None], 2: {"b": True}}
    assert (type(made), type(made["a"]), type(made["a"][0]), type(made[2])) == (dict, list, Tagged, dict)


def test_for_a_report_keys_and_texts_become_plain_too() -> None:
    made = evaluated(GIVEN, text=True)
    assert made == {"a": ["{{ x }}", 1, None], "2": {"b": True}}
    assert {type(made["a"][0]), *map(type, made)} == {str}


def test_bad_input_is_one_line_of_the_filter() -> None:
    @told
    def filter_of_it(value: str) -> str:
        raise InputError(f"{value} is wrong.")

    with pytest.raises(AnsibleFilterError, match=r"^blue is wrong\.$") as caught:
        filter_of_it("blue")
    assert caught.value.__suppress_context__
    assert filter_of_it.__name__ == "filter_of_it"
