# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of an audit, and the files that it reads and writes on the controller.

Private to the collection, floor 4.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._audit.compare import NOT_READ, without_secrets
from ..module_utils._audit.evidence import Evidence
from ..module_utils._audit.fleet import folder_of
from ..module_utils._audit.kinds import day_from, days_from, fail_on_from, words_from
from ..module_utils._audit.tables import as_csv, as_junit
from ..module_utils._errors import InputError
from ..module_utils._files import (
    OTHER,
    full_path,
    make_folders,
    prove_writable,
    refuse_other_file,
    write_private,
)
from ..module_utils._validate import validate_items
from ..module_utils._version import VERSION
from ._filters import evaluated
from ._report.read import origin_of, read_earlier, read_exceptions, read_receipts, read_repositories
from ._report.render import render_fleet, render_report

FAULTS_SHOWN = 10
# The files of a report and of a fleet, in the order of writing, and the beginning of the first one.
REPORT = "report.json"
REPORTS = (REPORT, "report.html", "report.csv", "junit.xml", "SHA256SUMS")
FLEET = ("fleet.json", "fleet.html")
BEGINS = '{\n "schema": "cortex_cloud.appsec/'
# The URL of the job that makes a report, from environment variables: automation controller, GitLab, GitHub,
# Jenkins.
JOBS = (
    "{AWX_HOST}/#/jobs/playbook/{JOB_ID}",
    "{CI_JOB_URL}",
    "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
    "{BUILD_URL}",
)


def audit_items(items: Any, variable: str = "audit_expected") -> list[dict[str, Any]]:
    if not isinstance(items, (list, tuple)):
        raise AnsibleFilterError(f"{variable} must be a list of data sources.")
    # Secrets are removed first, so that no message, file or variable of the audit can contain one.
    kept = [
        {k: evaluated(item[k], text=True) for k in item if k not in NOT_READ}
        if isinstance(item, dict)
        else item
        for item in items
    ]
    faults = list(_not_evaluated(kept, variable)) if variable == "audit_expected" else []
    faults = faults or validate_items(kept, variable)
    if faults:
        more = f" And {len(faults) - FAULTS_SHOWN} more." if len(faults) > FAULTS_SHOWN else ""
        raise AnsibleFilterError(" ".join(faults[:FAULTS_SHOWN]) + more)
    return [without_secrets(item) for item in kept]


def _not_evaluated(value: Any, where: str) -> Iterator[str]:
    """An error for each template that was not evaluated: with it, the tenant would always differ from the
    description.
    """
    if isinstance(value, str) and re.search(r"{{|{%", value):
        yield (
            f"{where} is still a template: from_yaml does not evaluate templates. Name the file as "
            "onboard_file instead of setting audit_expected, or load it with vars_files."
        )
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _not_evaluated(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_evaluated(inner, f"{where}[{index}]")


@dataclasses.dataclass
class Options:
    """The options of an audit, each the role's variable of the same name with the prefix audit_, except:

    expected_file: the file from which expected was read; empty if it comes from variables.
    tenants: the hosts that tenant_expected_tenant, the connection and the environment name, each once.
    """

    report_dir: str
    expected: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    expected_file: str = ""
    tenants: list[str] = dataclasses.field(default_factory=list)
    repositories: Any = None
    receipts_dir: str = ""
    max_age_days: Any = 30
    scan_max_age_days: Any = 30
    branches: Any = None
    exceptions: Any = None
    baseline: str = ""
    key_expires: Any = None
    key_warn_days: Any = 30
    fail_on: Any = None
    today: Any = None

    def __post_init__(self) -> None:
        """Raises InputError for an invalid option. A survey gives numbers as text, and empty text for an
        option that is not set.
        """
        fail_on_from(self.fail_on)
        for name in ("max_age_days", "scan_max_age_days", "key_warn_days"):
            setattr(self, name, days_from(getattr(self, name), f"audit_{name}"))
        self.branches = words_from(self.branches, "audit_branches")
        for name in ("today", "key_expires"):
            if getattr(self, name):
                setattr(self, name, day_from(getattr(self, name), f"audit_{name}").isoformat())
        if len(self.tenants) > 1:
            raise InputError(
                "tenant_expected_tenant, cortex_cloud_connection and CORTEXCLOUD_EXPECTED_TENANT name "
                f"different tenants ({', '.join(self.tenants)}): nothing was sent."
            )

    def folder(self, host: str) -> str:
        """The folder for the files of a host, as an absolute path. Raises InputError."""
        return os.path.join(top_folder(self.report_dir), folder_of(host))


def given_files(options: Options, host: str, audited_at: str) -> Evidence:
    """The evidence without what the tenant shows. Raises InputError for a file that cannot be read."""
    evidence = Evidence(
        tenant="",
        inventory_host=host,
        audited_at=audited_at,
        sources=[],
        expected=options.expected or None,
        max_age_days=options.max_age_days,
        scan_max_age_days=options.scan_max_age_days,
        branches=options.branches,
        key_expires=options.key_expires or None,
        key_warn_days=options.key_warn_days,
        fail_on=options.fail_on,
    )
    if options.expected:
        evidence.inputs["expected"] = _origin_of_expected(options)
    if options.repositories:
        evidence.repositories, evidence.inputs["repositories"] = read_repositories(options.repositories)
    if options.receipts_dir:
        evidence.receipts, unreadable, evidence.inputs["receipts"] = read_receipts(options.receipts_dir)
        evidence.unreadable += unreadable
    if options.exceptions:
        evidence.exceptions, evidence.exception_lines, evidence.inputs["exceptions"] = read_exceptions(
            options.exceptions
        )
    return evidence


def _origin_of_expected(options: Options) -> dict[str, Any]:
    """The entry of expected among the inputs. A list from variables is hashed as it is compared, so that the
    same list has the same hash.
    """
    if options.expected_file:
        return origin_of(options.expected_file, len(options.expected), "onboard_file")
    content = json.dumps(options.expected, sort_keys=True, ensure_ascii=False)
    return {"given": "in the variables", "entries": len(options.expected), "sha256": sha256(content)}


def add_earlier(evidence: Evidence, options: Options) -> None:
    """Add the earlier reports of this tenant to the evidence, whose tenant must be set."""
    host = evidence.inventory_host
    earlier = read_earlier(
        options.baseline, evidence.tenant, folder_of(host), evidence.audited_at, options.folder(host)
    )
    evidence.baseline, evidence.history = earlier.baseline, earlier.history
    evidence.unreadable += earlier.unreadable
    evidence.notes += earlier.notes
    evidence.inputs.update({"baseline": earlier.origin} if earlier.origin else {})


def made_by(api_key_id: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What made a report: the collection, the ID of the API key, and the URL of the job of a controller or a
    pipeline, None if there is none.
    """
    job = ""
    for form in reversed(JOBS):
        names = re.findall(r"{(\w+)}", form)
        if all(environment.get(name) for name in names):
            job = form.format(**{name: environment[name].rstrip("/") for name in names})
    return {
        "collection": f"cortex_cloud.appsec {VERSION}",
        "api_key_id": api_key_id or None,
        "job": job if re.match(r"https?://", job) else None,
    }


def write_report(folder: str, report: dict[str, Any]) -> None:
    """Write the files of a report, and SHA256SUMS for sha256sum --check. Raises InputError if that fails."""
    files = {
        REPORT: _as_text(report),
        "report.html": render_report(report),
        "report.csv": as_csv(report),
        "junit.xml": as_junit(report),
    }
    sums = "".join(f"{sha256(content)}  {name}\n" for name, content in files.items())
    _write_files(folder, {**files, "SHA256SUMS": sums})


def write_fleet(folder: str, page: dict[str, Any]) -> None:
    """Write the files of a fleet. Raises InputError if that fails."""
    _write_files(folder, {"fleet.json": _as_text(page), "fleet.html": render_fleet(page)})


def top_folder(report_dir: str) -> str:
    """The folder of all reports, as an absolute path. Raises InputError."""
    try:
        return full_path(report_dir)
    except OSError as exc:
        raise _cannot_write(report_dir, exc) from None


def prove_folder(folder: str, names: tuple[str, ...]) -> None:
    """Raise InputError unless these files can be written, and any that exist are from an earlier audit.

    names: the first one is written first, and shows by its content whether the others are from an audit.
    """
    path = folder
    try:
        for name in names:
            path = os.path.join(folder, name)
            prove_writable(path)
        first = path = os.path.join(folder, names[0])
        refuse_other_file(path, BEGINS)
        others = [os.path.join(folder, name) for name in names[1:]]
        path = next((other for other in others if os.path.exists(other)), "")
        if path and not os.path.exists(first):
            raise FileExistsError(errno.EEXIST, OTHER)
    except OSError as exc:
        raise _cannot_write(path, exc) from None


def _write_files(folder: str, files: dict[str, str]) -> None:
    """Write each file completely, readable by its owner only, and create the folder if necessary."""
    path = folder
    try:
        make_folders(folder)
        for name, content in files.items():
            path = os.path.join(folder, name)
            write_private(path, content)
    except OSError as exc:
        raise _cannot_write(path, exc) from None


def _cannot_write(path: str, exc: OSError) -> InputError:
    return InputError(f"audit_report_dir: {path} cannot be written: {exc.strerror}.")


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _as_text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
