# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items checked without a tenant: every error at once, each with index and name.

Private to the collection, floor 4.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ._data_sources.check import check_item
from ._data_sources.fields import argument_spec, item_from
from ._errors import InputError, did_you_mean
from ._texts import as_text, misread


def _unknown(values: t.Any, spec: dict[str, t.Any], path: str = "") -> t.Iterator[str]:
    """For each unknown option, at any depth: where it is, and the likely option."""
    for key, value in values.items() if isinstance(values, dict) else ():
        option = spec.get(key)
        if option is None:
            hint = did_you_mean(str(key), spec) or f" Options here: {', '.join(sorted(spec))}."
            yield f"unknown option {path}{key}.{hint}"
        elif "options" in option:
            for index, inner in enumerate(value if isinstance(value, (list, tuple)) else [value]):
                place = f"{path}{key}[{index}]" if option["type"] == "list" else f"{path}{key}"
                yield from _unknown(inner, option["options"], f"{place}.")


def validate_items(items: t.Any, variable: str | t.Sequence[str] = "tenant_data_sources") -> list[str]:
    """The faults in a list of data_sources items, one line each, which never repeat a value.

    variable: the name of the list, or the place of each item.
    """
    if not isinstance(items, list):
        return [f"{variable} must be a list of data sources."]
    spec = argument_spec(in_list=True)
    validator: t.Any = ArgumentSpecValidator(spec)  # type: ignore[no-untyped-call]  # has no types
    faults: list[str] = []
    for index, item in enumerate(items):
        where = f"{variable}[{index}]" if isinstance(variable, str) else variable[index]
        if not isinstance(item, dict):
            faults.append(f"{where} must be a dictionary of options.")
            continue
        name = as_text(item.get("name"))
        if name is not None:
            where += f" ({name})"
        its_faults = [*(f"{fault}." for fault in misread(item, spec)), *_unknown(item, spec)]
        if not its_faults:
            result = validator.validate(item)
            its_faults = [error.msg for error in result.errors]
        if not its_faults:
            try:
                check_item(item_from(result.validated_parameters))
            except InputError as exc:
                its_faults = [str(exc)]
        faults += [f"{where}: {fault}" for fault in its_faults]
    return faults
