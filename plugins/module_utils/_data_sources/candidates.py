# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, the candidates of scope_rules, from the list or the file that the item gives. Reads files.
from __future__ import annotations

import os
import typing as t

from .._errors import InputError
from .._repository_lists import names_in, names_of


def read_candidates(given: t.Any) -> list[str]:
    """The candidates without doubles, in their order. given: a list, or the path of a file. Raises InputError that names the file."""
    if not isinstance(given, str):
        return list(dict.fromkeys(names_of(given, "scope_candidates")))
    path = os.path.abspath(os.path.expanduser(given))
    where = f"scope_candidates {path}"
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as exc:
        raise InputError(f"{where} cannot be read on the host of the module ({exc.strerror}).") from None
    return list(dict.fromkeys(names_in(content, path, where)))
