# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a role prints at the end of a run.

Private to the collection, floor 4.
"""

from __future__ import annotations

import collections
from typing import Any

from ..module_utils._data_sources.fields import label
from ..module_utils._http.plain import one_line
from ._filters import evaluated
from ._items import role_places

BROKEN = ("failed", "undetermined")
# The actions that the last line always counts: the word for it after a run -> the word in a plan.
COUNTED = {"created": "create", "updated": "update", "deleted": "delete", "unchanged": "unchanged"}
SCOPES = {"CURRENT_STATE": "all", "CURRENT_STATE_AND_FUTURE": "all and future"}
# Maximum width of a column; a longer text moves only the rest of its own line.
WIDEST = 44


def run_end(
    result: Any, check: bool, show: str = "changes", variables: Any = None, items: Any = ()
) -> dict[str, Any]:
    result = evaluated(result)
    if "data_sources" not in result:
        # The module failed before it tried anything.
        return {"lines": [], "failed": one_line(result.get("msg") or "it failed")}
    rows = result["data_sources"]
    places = role_places(variables or {}, items)
    broken = [row for row in rows if row["action"] in BROKEN]
    shown = [r for r in rows if show == "all" or r["action"] != "unchanged" or r.get("pending_actions")]
    lines = _table(shown)
    lines += [
        f"To do: {todo['type']} {todo['name'] or todo['id'] or ''}: {todo['step']}"
        for todo in result["pending_actions"]
    ]
    lines += [_failure(row, places) for row in broken]
    lines += [f"Backup: {row['backup_file']}" for row in rows if row.get("backup_file")]
    lines.append(_numbers(rows, check))
    names = ", ".join(f"{_place(row, places)}{label(row)}" for row in broken)
    failed = (
        f"{len(broken)} of {len(rows)} data sources could not be brought to the desired state, for the "
        f"reasons above: {names}."
    )
    return {"lines": [one_line(line) for line in lines], "failed": one_line(failed) if broken else ""}


def _table(rows: list[dict[str, Any]]) -> list[str]:
    cells = [
        (
            row["action"],
            row["type"] or "",
            one_line(row["name"] or row["identifier"] or row["id"] or ""),
            row["hostname"] or "",
            _scope(row),
            row["status"] or "",
        )
        for row in rows
    ]
    widths = [min(WIDEST, max(map(len, column))) for column in zip(*cells)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths) if width).rstrip() for row in cells
    ]


def _scope(row: dict[str, Any]) -> str:
    """What is scanned, such as all, 3 repos or 1 mapping; empty if the tenant does not show it."""
    repositories, mappings = row["repositories_count"], row.get("external_projects_count")
    parts = []
    if row.get("selection_type") in SCOPES:
        parts.append(SCOPES[row["selection_type"]])
    elif repositories or (repositories == 0 and row.get("selection_type")):
        parts.append(f"{repositories} repo{'' if repositories == 1 else 's'}")
    if mappings:
        parts.append(f"{mappings} mapping{'' if mappings == 1 else 's'}")
    return ", ".join(parts)


def _place(row: dict[str, Any], places: list[str]) -> str:
    # The rows of pruned instances follow those of the items.
    return f"{places[row['index']]}: " if row["index"] < len(places) else ""


def _failure(row: dict[str, Any], places: list[str]) -> str:
    error = str(row.get("error") or "it failed.")
    named = error.startswith(f"{row['type'] or 'data source'} ")
    word = "Undetermined" if row["action"] == "undetermined" else "Failed"
    return f"{word}: {_place(row, places)}{'' if named else f'{label(row)}: '}{error}"


def _numbers(rows: list[dict[str, Any]], check: bool) -> str:
    counts = collections.Counter(row["action"] for row in rows)
    parts = [f"{counts.pop(action, 0)} {COUNTED[action] if check else action}" for action in COUNTED]
    parts += [f"{count} {action}" for action, count in sorted(counts.items())]
    return f"{'Plan' if check else 'Applied'}: {', '.join(parts)}"
