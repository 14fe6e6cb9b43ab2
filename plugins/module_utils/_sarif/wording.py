# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that name options, in the words of the command line. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import re
import typing as t

from .options import OPTIONS

# As the command line, or its environment, has what the module calls so.
_NAMES = {option.name: option.flag if option.command else option.environment for option in OPTIONS}
_NAMES |= {"api_url": "--api-url", "ca_path": "--ca-path", "collector_name": ""}
_NAMES |= {
    name: f"CORTEXCLOUD_{name.upper()}"
    for name in (
        "expected_tenant",
        "requests_per_second",
        "retry_deadline",
        "rate_limit_dir",
        "state_dir",
        "trace_file",
        "trace_names",
    )
}
_VALUE = (
    r"(?:: (?P<value>true|\d+(?:\.\d+)?|"
    + "|".join(sorted({word for option in OPTIONS for word in option.choices}))
    + r")\b)?"
)
# Not a part of a path or of another name.
_LONG = "|".join(
    sorted((name for name in _NAMES if "_" in name and name != "collector_name"), key=len, reverse=True)
)
_ANYWHERE = re.compile(rf"(?<![\w./\\-])(?P<name>{_LONG})\b(?![/\\]|\.\w){_VALUE}")
# Words of the language too: options at the beginning, and where a value follows.
_SHORT = (
    re.compile(r"^(?P<name>branch|commit|ci|journal)(?=:? )" + _VALUE),
    re.compile(r"\b(?P<name>ci|suppressed)" + _VALUE[:-1]),
    re.compile(r"(?<=\bset )(?P<name>branch)\b" + _VALUE),
)


def for_command_line(text: str) -> str:
    """A message in which options are called as on the command line: `allow_empty: true` is --allow-empty."""
    text = text.removeprefix("path: ").replace("collector_name, ", "")
    for pattern in (*_SHORT, _ANYWHERE):
        text = pattern.sub(_flag, text)
    return text


def _flag(match: t.Match[str]) -> str:
    name, value = _NAMES[match["name"]], match["value"]
    return name if value in (None, "true") else f"{name} {value}"
