# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables a data file sets, without evaluating anything in it.

Private to the collection, floor 4.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml


def names_set(text: str) -> list[str]:
    """The names at the top level of a YAML or JSON text; none for invalid YAML, which Ansible reports."""
    try:
        # Only composed, because nothing here can construct tags such as !vault.
        root = yaml.compose(str(text), Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return []
    return list(dict.fromkeys(_names(root)))


def _names(node: yaml.Node | None) -> Iterator[str]:
    if isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _names(inner)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            yield from _names(value)
        elif isinstance(key, yaml.ScalarNode):
            yield key.value
