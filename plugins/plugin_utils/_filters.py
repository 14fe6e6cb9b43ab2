# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What filters do with what Ansible hands them, and how they tell bad input.

Private to the collection, floor 4.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.plain import one_line, plain

# A few lines of YAML with aliases can mean more values than any memory holds; a large tenant has some
# 400,000.
MOST_VALUES = 4_000_000


def evaluated(value: Any, *, text: bool = False) -> Any:
    """Plain containers: Ansible's own evaluate templates when they are looked into, and do not like to be
    copied before that.

    text: plain keys and text too, for what is written into a report. What goes back to Ansible keeps its own,
    which tell a value tagged C(!unsafe) from a template. Raises AnsibleFilterError for more than MOST_VALUES.
    """
    counted = itertools.count(1)

    def plain(value: Any) -> Any:
        if next(counted) > MOST_VALUES:
            raise AnsibleFilterError(
                f"a variable holds more than {MOST_VALUES} values: does it repeat itself through YAML "
                f"aliases?"
            )
        if isinstance(value, dict):
            return {str(key) if text else key: plain(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(inner) for inner in value]
        return str(value) if text and isinstance(value, str) else value

    return plain(value)


def plain_text(text: Any) -> str:
    return plain(str(text))


def told(work: Callable[..., Any]) -> Callable[..., Any]:
    """Bad input is said in one line."""

    @functools.wraps(work)
    def telling(*args: Any, **kwargs: Any) -> Any:
        try:
            return work(*args, **kwargs)
        except InputError as exc:
            raise AnsibleFilterError(one_line(str(exc))) from None

    return telling
