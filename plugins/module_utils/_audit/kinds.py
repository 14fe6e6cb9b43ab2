# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of findings, a finding, a section of a report; dates and words from options. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import typing as t

from .._admitted import Row
from .._errors import InputError, did_you_mean

# Maximum number of names shown on one line.
SOME = 3
# A hundred years: no calendar holds what lies any number of days back.
MOST_DAYS = 36500


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of finding.

    title: its heading in the report.
    meaning: what such a finding means.
    todo: what a person should do about it.
    """

    title: str
    meaning: str
    todo: str


# In the order of the report: what matters most comes first.
KINDS: dict[str, Kind] = {
    "missing": Kind(
        "Missing", "an expected data source is not in the tenant",
        "Connect it with the playbook onboard, or remove it from the description."),
    "unhealthy": Kind(
        "Unhealthy", "the tenant shows a data source in error, with a warning or disabled",
        "Open it in the Cortex console and repair it."),
    "pending": Kind(
        "Pending", "a data source is still being set up, or is being removed",
        "Do what it waits for, such as consent in a browser, and check again later."),
    "broken": Kind(
        "Broken",
        "the tenant cannot reach a repository properly: access, clone, connection, webhook or token is "
        "invalid",
        "Renew the token or the permission that it names, in the data source or at the vendor."),
    "not_scanned": Kind(
        "Not scanned", "selected repositories were never scanned, or not within audit_scan_max_age_days",
        "Find out in the console why they are not scanned."),
    "uncovered": Kind(
        "Uncovered", "no version-control data source selects a listed repository",
        "Select it in a data source, or add an exception with the reason."),
    "drift": Kind(
        "Drift", "a data source differs from its description, or could not be compared with it",
        "Bring it back with the playbook onboard, or change the description."),
    "stale": Kind(
        "Stale",
        "the latest receipt of a collector for a repository is too old, of a branch that does not count, or "
        "of a collector that does not exist; or an expected collector has none",
        "Find out why the pipeline no longer uploads."),
    "no_upload": Kind(
        "No upload", "there is no receipt for a listed repository",
        "Add the upload to its pipeline, or add an exception with the reason."),
    "unselected": Kind(
        "Not selected", "the tenant lists repositories that are neither selected nor archived",
        "Select them in their data source, or add an exception with the reason."),
    "archived_selected": Kind(
        "Archived, but selected", "repositories are archived at their vendor, and still selected",
        "Deselect them: they no longer change."),
    "unexpected": Kind(
        "Unexpected", "the tenant has a data source that is not described, or is described as absent",
        "Describe it (with ignore: true if others manage it), or retire it."),
    "unknown": Kind(
        "Health unknown", "the tenant shows no status for a data source, or an unknown one",
        "Check it in the Cortex console. It is not counted as healthy."),
    "incomplete": Kind(
        "Incomplete",
        "the selection of a data source could not be read in full, so that the coverage of a repository is "
        "not known",
        "If the data source selects all repositories, the tenant shows none of them: check in the console, "
        "or select them by name. Otherwise run the audit again."),
    "undetermined": Kind(
        "Undetermined", "it is unclear which data source of the tenant is the expected one",
        "Add the ID to the expected data source."),
    "exception": Kind(
        "Exception not valid", "an exception has expired or is incomplete, and has no effect",
        "Renew it with owner, reason and expiry, or delete it."),
    "key_expiry": Kind(
        "API key", "the API key expires soon or has expired",
        "Create a new key in the console, change the credential, delete the old key."),
    "unreadable": Kind("Unreadable", "a piece of evidence could not be read", "Repair or remove the file."),
}  # fmt: skip


def words_from(value: t.Any, what: str) -> list[str]:
    """Words from a list or text with commas.

    what: the name of the value in the error. Raises InputError for anything else.
    """
    words = value.replace(",", " ").split() if isinstance(value, str) else value or []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InputError(f"{what} must be a list of words, or text with commas between them.")
    return words


def fail_on_from(value: t.Any) -> list[str]:
    """The kinds that fail the audit, from a list or text with commas. Raises InputError for other words."""
    words = words_from(value, f"audit_fail_on (any of {', '.join(KINDS)})")
    unknown = next((word[:80] for word in words if word not in KINDS), None)
    if unknown is not None:
        raise InputError(f"audit_fail_on: {unknown_kind(unknown)}.")
    return [kind for kind in KINDS if kind in words]


def unknown_kind(word: str) -> str:
    """The error for a word that is not a kind of finding, without its full stop."""
    return f"{word} is not a kind of finding.{did_you_mean(word, KINDS)} Known: {', '.join(KINDS)}"


@dataclasses.dataclass
class Finding:
    """Something that is not as it should be.

    kind: one of KINDS.
    subject: what it is about, in words.
    type, name, hostname, id, stage: those of its data source.
    index: the position of the data source among the expected ones.
    repository: the repository that it is about.
    repositories: their names, if it is about several.
    before, after: the two sides of a difference, as text.
    excused: owner, reason and expires of the exception that covers it.
    """

    kind: str
    message: str
    subject: str | None = None
    type: str | None = None
    name: str | None = None
    hostname: str | None = None
    id: str | None = None
    repository: str | None = None
    stage: str | None = None
    index: int | None = None
    before: str | None = None
    after: str | None = None
    repositories: list[str] = dataclasses.field(default_factory=list)
    excused: dict[str, str] | None = None

    def as_json(self) -> Row:
        """Its form in report.json, which has repositories only if there are any."""
        row = dataclasses.asdict(self)
        if not self.repositories:
            del row["repositories"]
        return row


@dataclasses.dataclass
class Section:
    """One part of a report: its name and content in report.json, and its findings.

    content: None if it was not examined.
    """

    name: str
    content: t.Any
    findings: list[Finding] = dataclasses.field(default_factory=list)


def message_of(each: Row) -> str:
    """The message of a finding of report.json, on one line with its repositories."""
    names = each.get("repositories")
    if not names:
        return str(each["message"])
    noun = "repository" if len(names) == 1 else "repositories"
    return f"{len(names)} {noun} ({some_of(names)}): {each['message']}"


def some_of(names: t.Sequence[str], most: int = SOME) -> str:
    """The first names, and how many more there are: a, b, c and 4 more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def day_from(value: t.Any, what: str) -> dt.date:
    """A date from YAML, or the first ten characters of text such as 2026-12-31 or 2026-12-31T08:00:00Z.

    what: the name of the value in the error. Raises InputError for anything else.
    """
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    text = str(value).strip()[:10]
    # Newer Pythons read other forms too, whose order as text is not that of the days.
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise InputError(f"{what} is {str(value)[:40]!r}: give a date such as 2026-12-31.")
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{what} is {text}: this date does not exist.") from None


def days_from(value: t.Any, what: str) -> int:
    """A number of days from 0 to MOST_DAYS, from a number or text.

    what: the name of the value in the error. Raises InputError for anything else.
    """
    try:
        days = int(str(value))
    except ValueError:
        raise InputError(f"{what} is {value!r}: give a number of days.") from None
    if not 0 <= days <= MOST_DAYS:
        raise InputError(f"{what} is {value}: give a number of days from 0 to {MOST_DAYS}.")
    return days
