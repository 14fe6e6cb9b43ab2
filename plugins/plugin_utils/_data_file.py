# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables a data file sets, without evaluating anything in it.

Private to the collection, floor 4.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import yaml

from ..module_utils._errors import InputError
from ._filters import one_line_errors

# Ansible reads JSON, then YAML with libyaml where it is installed, which accepts more than Python's own
# reader: tabs, for example. A name that any of them sees is set.
_LOADERS: tuple[Any, ...] = (getattr(yaml, "CSafeLoader", yaml.SafeLoader), yaml.SafeLoader)


@one_line_errors
def names_set(text: str) -> list[str]:
    """The names at the top level of a YAML or JSON text; none for a text that is neither, which Ansible
    reports. Raises InputError for one that is nested too deep.
    """
    found: dict[str, None] = {}
    try:
        with contextlib.suppress(ValueError):
            read = json.loads(str(text))
            found.update(dict.fromkeys(read if isinstance(read, dict) else ()))
        for loader in _LOADERS:
            with contextlib.suppress(yaml.YAMLError):
                # Only composed, because nothing here can construct tags such as !vault.
                found.update(dict.fromkeys(_names(yaml.compose(str(text), Loader=loader), set())))
    except RecursionError:
        raise InputError("The data file is nested too deep to be read.") from None
    return list(found)


def _names(node: yaml.Node | None, seen: set[int]) -> Iterator[str]:
    """The keys of a mapping and of what it merges, each node once: aliases can repeat one without end."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _names(inner, seen)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            yield from _names(value, seen)
        else:
            yield from _scalars(key)


def _scalars(key: yaml.Node) -> Iterator[str]:
    """All texts in a key: `? !!str {=: name}` is the key "name"."""
    if isinstance(key, yaml.ScalarNode):
        yield key.value
    for inner in key.value if isinstance(key, yaml.CollectionNode) else ():
        for node in inner if isinstance(inner, tuple) else (inner,):
            yield from _scalars(node)
