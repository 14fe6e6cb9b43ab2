# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, from a prepared document to the bytes that are sent, within the collector's limit.
from __future__ import annotations

import json
import typing as t

from .._errors import InputError

Raw = dict[str, t.Any]

# The collector takes 10 MB, and nothing says whether decimal or binary (contract 6.5).
LIMIT = 9_900_000


def encode(value: t.Any) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def pack(document: Raw, limit: int = LIMIT) -> bytes:
    """The bytes of a document. Over the limit (bytes) the text around each finding is left out; InputError when that is not enough."""
    content = encode(document)
    if len(content) > limit:
        content = encode(without_context(document))
    if len(content) > limit:
        raise InputError(_too_big(document, len(content), limit))
    return content


def without_context(value: t.Any) -> t.Any:
    """A copy without the source text of context regions; the text of the finding itself stays."""
    if isinstance(value, dict):
        return {
            k: ({n: i for n, i in v.items() if n != "snippet"} if k == "contextRegion" and isinstance(v, dict) else without_context(v))
            for k, v in value.items()
        }
    return [without_context(v) for v in value] if isinstance(value, list) else value


def _too_big(document: Raw, size: int, limit: int) -> str:
    members: dict[str, int] = {}
    largest = (0, "")
    for index, run in enumerate(document["runs"]):
        for name, value in run.items():
            if name != "results":
                members[f"runs[{index}].{name}"] = len(encode(value))
        for number, result in enumerate(run["results"]):
            largest = max(largest, (len(encode(result)), f"runs[{index}].results[{number}] ({result['ruleId'][:60]})"))
            for name, value in result.items():
                key = f"runs[{index}].results[].{name}"
                members[key] = members.get(key, 0) + len(encode(value))
    biggest = sorted(members.items(), key=lambda pair: -pair[1])[:3]
    return (
        f"is {_mb(size)} after everything that can be left out; the collector takes {_mb(limit)}. "
        f"The biggest members: {', '.join(f'{name} {_mb(n)}' for name, n in biggest)}; the biggest result: {largest[1]} {_mb(largest[0])}. "
        "Have the scanner leave out data-flow paths or snippets, or write one report for each part of the repository. Nothing public says "
        "whether a second upload for the same collector, repository and branch adds to the first or replaces it."
    )


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB"
