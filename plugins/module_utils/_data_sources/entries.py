# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts the roles' short entries to data_sources items. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import os
import typing as t

from .._errors import InputError, did_you_mean
from .._texts import as_text, not_text
from .fields import CREDENTIALS, MANUAL, Item, argument_spec, get, put
from .types import INPUTS, TYPES, VARIABLES

_SCOPES = {"all": "CURRENT_STATE", "all_and_future": "CURRENT_STATE_AND_FUTURE"}


def items_of(variables: dict[str, t.Any]) -> list[Item]:
    """The data_sources items of role variables such as vcs_github_enterprise, in the order of the type table.

    Other variables are ignored; the caller looks for misspelt ones. An entry has a name, the inputs of
    its type, a scope, and any other option of a data source, which is copied unchanged.
    Raises InputError with the variable, the entry's index and its name, and no other value.
    """
    items = []
    for variable, kind in VARIABLES.items():
        entries = variables.get(variable) or []
        if not isinstance(entries, list):
            raise InputError(f"{variable} must be a list of entries, each a dictionary with at least a name.")
        items += [_item(variable, kind, index, entry) for index, entry in enumerate(entries)]
    return items


def entry_places(variables: dict[str, t.Any]) -> list[str]:
    """The place of each item of items_of(), such as vcs_github[1], in the same order."""
    return [f"{name}[{index}]" for name in VARIABLES for index in range(len(variables.get(name) or []))]


def absolute_paths(items: list[t.Any], base: str) -> list[t.Any]:
    """The items with relative paths of files and folders resolved against base, an absolute path.

    Paths that begin with ~ or $ are left to the module.
    """
    # "raw" is the one option that accepts a list or a file.
    spec = argument_spec(in_list=True)
    paths = [name for name, option in spec.items() if option["type"] in ("path", "raw")]

    def absolute(key: str, value: t.Any) -> t.Any:
        relative = key in paths and isinstance(value, str) and value[:1] not in ("", "~", "$")
        return os.path.join(base, value) if relative else value

    return [{k: absolute(k, v) for k, v in i.items()} if isinstance(i, dict) else i for i in items]


def _item(variable: str, kind: str, index: int, entry: t.Any) -> Item:
    where = f"{variable}[{index}]"
    if not isinstance(entry, dict):
        raise InputError(f"{where} must be a dictionary with at least a name.")
    for key in ("name", "id"):
        if not_text(entry.get(key)):
            raise InputError(f"{where}: {key} {not_text(entry[key])}.")
    name = as_text(entry.get("name"))
    if name is not None:
        entry = {**entry, "name": name}
        where += f" ({name})"
    elif "id" not in entry:
        raise InputError(f"{where} has no name.")
    inputs = (*TYPES[kind].inputs, "scope")
    options = argument_spec(in_list=True)
    for key, value in entry.items():
        if not isinstance(key, str):
            quotes = "Put it in quotes if it is a name."
            raise InputError(f"{where}: {key} is not an input of this entry. {quotes}")
        if options.get(key, {}).get("type") == "dict" and not isinstance(value, (dict, type(None))):
            raise InputError(f"{where}: {key} must be a dictionary.")
    item: Item = {"type": kind}
    for key, value in entry.items():
        if key == "type" or (key not in inputs and key not in options):
            raise InputError(
                f"{where}: {key} is not an input of this entry.{did_you_mean(key, [*inputs, *options])} "
                f"Inputs: name, {', '.join(inputs)}; and the options of data_source."
            )
        if value is None and key in INPUTS and INPUTS[key].option in CREDENTIALS:
            # Given without a value: a creation refuses it like an empty one.
            item.setdefault("credentials", {})
        if value is None or key == "scope":
            continue
        if key in inputs:
            option = INPUTS[key].option
            if get(entry, option) is not None:
                raise InputError(f"{where}: {key} and {option} set the same thing: give only one.")
            put(item, option, value)
        elif isinstance(value, dict):
            item[key] = {**value, **item.get(key, {})}
        else:
            item[key] = value
    if "domain" in item and "hostname" in item["domain"]:
        item["domain"].setdefault("protocol", "https")
    if entry.get("scope") is not None:
        item.update(_scope(where, entry, entry["scope"]))
    return item


def _scope(where: str, entry: Item, scope: t.Any) -> Item:
    if "selection_type" in entry or "repositories" in entry:
        raise InputError(f"{where}: scope stands for selection_type and repositories: give one or the other.")
    if isinstance(scope, str) and scope in _SCOPES:
        return {"selection_type": _SCOPES[scope]}
    if isinstance(scope, list):
        names = [as_text(name) for name in scope]
        if None not in names:
            return {"selection_type": MANUAL, "repositories": names}
        for index, name in enumerate(scope):
            if not_text(name):
                raise InputError(f"{where}: scope[{index}] {not_text(name)}.")
    raise InputError(f"{where}: scope must be all, all_and_future or a list of repositories.")
