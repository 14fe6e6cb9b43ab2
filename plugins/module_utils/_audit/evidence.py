# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that one audit rests on. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._admitted import Row
from .._data_sources.fields import Item
from .kinds import day_from


@dataclasses.dataclass
class Evidence:
    """Everything an audit rests on, as plain data.

    tenant: its host. inventory_host: whom the report is for. audited_at: 2026-11-22T08:00:00Z; its date is
    the day of the audit.
    sources: data_source_info with details. expected: items (None: nothing is described). rows, diffs:
    data_sources in check mode.
    known: the tenant's repositories (None: they could not be read), known_whole: whether it showed all of
    them. unscanned: those that it lists as not scanned for scan_max_age_days (None: it shows no such list).
    repositories, receipts, exceptions: None when not examined. exception_lines: the line of each in their
    file. unreadable: (file, why).
    branches: names or patterns of those whose uploads count; none given: the default branch. baseline: an
    earlier report.
    history: point_of earlier reports, the oldest first. inputs: what was read from where, made_by: with what,
    for the reader of the report. notes: to be said in any case.
    """

    tenant: str
    inventory_host: str
    audited_at: str
    sources: list[Item]
    expected: list[Item] | None = None
    rows: list[Row] = dataclasses.field(default_factory=list)
    diffs: list[Row] = dataclasses.field(default_factory=list)
    known: list[Row] | None = None
    known_whole: bool = True
    unscanned: list[Row] | None = None
    repositories: list[str] | None = None
    receipts: list[Row] | None = None
    exceptions: list[t.Any] | None = None
    exception_lines: list[int] = dataclasses.field(default_factory=list)
    baseline: Row | None = None
    history: list[Row] = dataclasses.field(default_factory=list)
    unreadable: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    inputs: Row = dataclasses.field(default_factory=dict)
    made_by: Row = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    max_age_days: int = 30
    branches: list[str] = dataclasses.field(default_factory=list)
    scan_max_age_days: int = 30
    key_expires: t.Any = None
    key_warn_days: int = 30
    fail_on: t.Any = None

    @property
    def today(self) -> dt.date:
        """The day of the audit. Raises InputError for a time that is none."""
        return day_from(self.audited_at, "audit_today")
