# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, THE vocabulary of the audit: the kinds of finding, and dates. Pure.
from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

from .._errors import InputError, did_you_mean

Finding = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of finding. title: in the report. says: what it means. todo: what a person does about it."""

    title: str
    says: str
    todo: str


# In the order in which a reader wants them.
KINDS: dict[str, Kind] = {
    "missing": Kind(
        "Missing",
        "an expected data source is not in the tenant",
        "Connect it with the playbook onboard, or take it out of the description.",
    ),
    "unhealthy": Kind(
        "Unhealthy", "the tenant shows a data source in error, with a warning or disabled", "Open it in the Cortex console and repair it."
    ),
    "pending": Kind(
        "Pending",
        "a data source is still being set up, or is being removed",
        "Do what it waits for, such as consent in a browser; look again later.",
    ),
    "uncovered": Kind(
        "Uncovered",
        "no version-control data source selects a listed repository",
        "Select it in a data source, or record why not as an exception.",
    ),
    "drift": Kind(
        "Drift",
        "a data source differs from its description, or could not be brought to it",
        "Bring it back with the playbook onboard, or change the description.",
    ),
    "stale": Kind(
        "Stale",
        "the newest receipt of a collector for a repository is too old, or an expected collector has none",
        "Find out why the pipeline no longer uploads.",
    ),
    "no_upload": Kind(
        "No upload", "there is no receipt for a listed repository", "Add the upload to its pipeline, or record why not as an exception."
    ),
    "unexpected": Kind(
        "Unexpected",
        "the tenant has a data source that nobody describes, or that is described as absent",
        "Describe it (with ignore: true when others own it), or retire it.",
    ),
    "unknown": Kind(
        "Health unknown",
        "the tenant shows no status for a data source, or a word whose meaning is not known",
        "Look at it in the Cortex console. It is not counted as healthy.",
    ),
    "incomplete": Kind(
        "Incomplete",
        "the selection of a data source could not be read in full, so that the coverage of a repository is not known",
        "Run the audit again; look in the console if it stays so.",
    ),
    "undetermined": Kind(
        "Undetermined", "it cannot be told which data source of the tenant an expected one is", "Give the expected data source its id."
    ),
    "exception": Kind(
        "Exception not valid",
        "an exception has expired or lacks what it needs: it excuses nothing",
        "Renew it with owner, reason and expiry, or delete it.",
    ),
    "key_expiry": Kind(
        "API key", "the API key expires soon or has expired", "Create a new key in the console, change the credential, delete the old key."
    ),
    "unreadable": Kind("Unreadable", "a piece of evidence could not be read", "Repair or remove the file."),
}


def fail_on_from(value: t.Any) -> list[str]:
    """The kinds that fail the audit, from a list or from text with commas. Raises InputError for a word that is no kind."""
    words = value.replace(",", " ").split() if isinstance(value, str) else value or []
    if not isinstance(words, list):
        raise InputError(f"audit_fail_on must be a list of kinds of finding: {', '.join(KINDS)}.")
    for word in words:
        if not isinstance(word, str) or word not in KINDS:
            said = str(word)[:80]
            raise InputError(f"audit_fail_on: {said} is no kind of finding.{did_you_mean(said, KINDS)} Known: {', '.join(KINDS)}.")
    return [kind for kind in KINDS if kind in words]


def finding(kind: str, message: str, **about: t.Any) -> Finding:
    """about: subject, type, name, hostname, id, repository, stage, index (of the expected data source), before, after."""
    keys = ("subject", "type", "name", "hostname", "id", "repository", "stage", "index", "before", "after")
    return {"kind": kind, **{k: about.get(k) for k in keys}, "message": message, "excused": None}


def day_from(value: t.Any, what: str) -> dt.date:
    """A date from YAML, or the first ten characters of text such as 2026-12-31 or 2026-12-31T08:00:00Z. Raises InputError with C(what)."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value).strip()[:10])
    except ValueError:
        raise InputError(f"{what} is {str(value)[:40]!r}: a date such as 2026-12-31 is needed.") from None
