# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 4, items checked without a tenant: every error at once, each with index and name.
from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ._data_sources.check import check_item
from ._data_sources.fields import argument_spec, item_from
from ._errors import InputError, did_you_mean
from ._texts import as_text, misread


def _told(error: t.Any) -> str:
    if type(error).__name__ != "UnsupportedError":
        return str(error.msg)
    # Of an unknown option the message is "domain.hostnam. Supported parameters include: hostname, protocol."
    unknown, before, known = str(error.msg).partition(". Supported parameters include: ")
    meant = did_you_mean(unknown.rsplit(".", maxsplit=1)[-1], known.rstrip(".").split(", "))
    return f"unknown option {unknown}.{meant}{before.removeprefix('.')}{known}"


def validate_items(items: t.Any, variable: str = "tenant_data_sources") -> list[str]:
    """What is wrong with a list of data_sources items, one line for each fault; empty when nothing is. Values are never repeated."""
    if not isinstance(items, list):
        return [f"{variable} must be a list of data sources."]
    validator: t.Any = ArgumentSpecValidator(argument_spec(in_list=True))  # type: ignore[no-untyped-call]
    faults: list[str] = []
    for index, item in enumerate(items):
        where = f"{variable}[{index}]"
        if not isinstance(item, dict):
            faults.append(f"{where} must be a dictionary of options.")
            continue
        name = as_text(item.get("name"))
        if name is not None:
            where += f" ({name})"
        lost = list(misread(item, argument_spec(in_list=True)))
        if lost:
            faults += [f"{where}: {fault}." for fault in lost]
            continue
        result = validator.validate(item)
        if result.error_messages:
            faults += [f"{where}: {_told(error)}" for error in result.errors]
            continue
        try:
            check_item(item_from(result.validated_parameters))
        except InputError as exc:
            faults.append(f"{where}: {exc}")
    return faults
