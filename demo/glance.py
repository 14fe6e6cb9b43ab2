# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the parts of a playbook's output that a reader looks for: messages, diffs, warnings, errors, the recap.

Expects the output format that demo/ansible.cfg sets.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterable, Iterator

import yaml

PLAIN = re.compile(r"---|\+\+\+|[+-]\S|\[WARNING\]|\[ERROR\]|\S+ +: ok=\d")


def at_a_glance(lines: Iterable[str]) -> Iterator[str]:
    """Lines for the screen, each as soon as it is known."""
    result: list[str] | None = None
    for line in itertools.chain(lines, [""]):
        if result is not None and line.startswith(" "):
            result.append(line)
            continue
        if result is not None:
            message = yaml.safe_load("\n".join(result))["msg"]
            yield from [message] if isinstance(message, str) else message
        result = [] if line.startswith("ok: ") and line.endswith("=> ") else None
        if PLAIN.match(line):
            yield line.rstrip()


if __name__ == "__main__":
    for shown in at_a_glance(line.rstrip("\n") for line in sys.stdin):
        sys.stdout.write(f"  {shown}\n")
        sys.stdout.flush()
