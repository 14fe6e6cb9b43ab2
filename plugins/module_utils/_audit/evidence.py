# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The input of one audit. Pure.

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
    """Everything that an audit uses, as plain data.

    tenant: its host.
    inventory_host: the host of the inventory that the report is about.
    audited_at: such as 2026-11-22T08:00:00Z; its date is the day of the audit.
    sources: what data_source_info returns, with details.
    expected: the described data sources; None if none are described.
    rows, diffs: what data_sources returns for them in check mode.
    known: the tenant's repositories, as repository_info returns them; None if they could not be read.
    known_whole: whether these are all of them.
    unscanned: those that the tenant lists as not scanned for scan_max_age_days; None if it has no such list.
    repositories: names or URLs; None if no list is given.
    receipts: the receipts of uploads, each with its file; None if no folder is given.
    exceptions: entries as written by a person; None if none are given.
    exception_lines: the line of each exception in its file.
    baseline: an earlier report; None for no comparison.
    history: point_of() of each earlier report, oldest first.
    unreadable: (file, reason) of each file that could not be used.
    inputs: for each input, the file it came from, its number of entries and its SHA-256.
    made_by: the collection, the API key's ID and the job.
    notes: remarks for the reader of the report.
    max_age_days, scan_max_age_days: the oldest upload and the oldest scan that are accepted, in days.
    branches: names or patterns of the branches whose uploads count; empty for the default branch.
    key_expires: the day on which the API key expires; None if it is not given.
    key_warn_days: how many days before that a finding is made.
    fail_on: the kinds of findings that fail the audit.
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
        """The day of the audit. Raises InputError if audited_at is not a time."""
        return day_from(self.audited_at, "audit_today")
