# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words messages for the command line: they name the options of the module. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import re
import typing as t

from .options import OPTIONS

# Name of an option of the module -> flag of the command line, or environment variable.
_NAMES = {option.name: option.flag if option.command else option.environment for option in OPTIONS}
_NAMES |= {"api_url": "--api-url", "ca_path": "--ca-path"}
_ENVIRONMENT = (
    "expected_tenant", "requests_per_second", "retry_deadline", "rate_limit_dir", "state_dir", "trace_file",
    "trace_names",
)  # fmt: skip
_NAMES |= {name: f"CORTEXCLOUD_{name.upper()}" for name in _ENVIRONMENT}
_WORDS = "|".join(sorted({word for option in OPTIONS for word in option.choices}))
_VALUE = rf"(?:: (?P<value>true|\d+(?:\.\d+)?|{_WORDS})\b)?"
# The longest names first. The command line does not have collector_name.
_LONG = "|".join(sorted((name for name in _NAMES if "_" in name and _NAMES[name]), key=len, reverse=True))
# Not a part of a path or of another name.
_ANYWHERE = re.compile(rf"(?<![\w./\\-])(?P<name>{_LONG})\b(?![/\\]|\.\w){_VALUE}")
# These are English words too, so they only count at the beginning, before a value, or after "set".
_SHORT = (
    re.compile(r"^(?P<name>branch|commit|ci|journal)(?=:? )" + _VALUE),
    re.compile(r"\b(?P<name>ci|suppressed)" + _VALUE[:-1]),
    re.compile(r"(?<=\bset )(?P<name>branch)\b" + _VALUE),
)


def for_command_line(text: str) -> str:
    """A message with the options of the command line: `allow_empty: true` becomes --allow-empty."""
    text = text.removeprefix("path: ").replace("collector_name, ", "")
    for pattern in (*_SHORT, _ANYWHERE):
        text = pattern.sub(_flag, text)
    return text


def _flag(match: t.Match[str]) -> str:
    name, value = _NAMES[match["name"]], match["value"]
    return name if value in (None, "true") else f"{name} {value}"
