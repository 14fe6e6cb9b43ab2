# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts the values that Ansible passes to filters, and the errors that filters raise.

Private to the collection, floor 4.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._errors import InputError
from ..module_utils._http.plain import one_line, plain

# A few lines of YAML with aliases can stand for more values than any memory has room for; a large tenant has
# about 400,000.
MOST_VALUES = 4_000_000


def evaluated(value: Any, *, text: bool = False) -> Any:
    """A copy in plain dictionaries and lists. Ansible's own evaluate templates only when they are read.

    text: convert keys and text to plain strings too, for a report. A value that goes back to Ansible keeps
        its class, which shows whether it is tagged !unsafe.
    Raises AnsibleFilterError for more than MOST_VALUES values.
    """
    counted = itertools.count(1)

    def converted(value: Any) -> Any:
        if next(counted) > MOST_VALUES:
            raise AnsibleFilterError(
                f"a variable holds more than {MOST_VALUES} values: "
                "does it repeat itself through YAML aliases?"
            )
        if isinstance(value, dict):
            return {str(key) if text else key: converted(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [converted(inner) for inner in value]
        return str(value) if text and isinstance(value, str) else value

    return converted(value)


def plain_text(text: Any) -> str:
    return plain(str(text))


def one_line_errors(work: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose InputError becomes an AnsibleFilterError on one line."""

    @functools.wraps(work)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return work(*args, **kwargs)
        except InputError as exc:
            raise AnsibleFilterError(one_line(str(exc))) from None

    return call
