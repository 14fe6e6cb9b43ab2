# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit on the controller: its options, the files that it reads, and those that it writes.

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

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.compare import (
    NOT_READ,
    without_secrets,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.evidence import Evidence
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.fleet import folder_of
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.kinds import (
    day_from,
    days_from,
    fail_on_from,
    words_from,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._audit.tables import as_csv, as_junit
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._files import (
    OTHER,
    full_path,
    make_folders,
    prove_writable,
    refuse_other_file,
    write_private,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._validate import validate_items
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._version import VERSION
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._filters import evaluated
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._report.read import (
    origin_of,
    read_earlier,
    read_exceptions,
    read_receipts,
    read_repositories,
)
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._report.render import (
    render_fleet,
    render_report,
)

FAULTS_SHOWN = 10
# The files of a report and of a fleet, in the order in which they are written, and how the first one begins.
REPORT = "report.json"
REPORTS = (REPORT, "report.html", "report.csv", "junit.xml", "SHA256SUMS")
FLEET = ("fleet.json", "fleet.html")
BEGINS = '{\n "schema": "cortex_cloud.appsec/'
# The page of the job that makes a report: automation controller, GitLab, GitHub, Jenkins.
JOBS = (
    "{AWX_HOST}/#/jobs/playbook/{JOB_ID}",
    "{CI_JOB_URL}",
    "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
    "{BUILD_URL}",
)


def audit_items(items: Any, variable: str = "audit_expected") -> list[dict[str, Any]]:
    if not isinstance(items, (list, tuple)):
        raise AnsibleFilterError(f"{variable} must be a list of data sources.")
    # Secrets are left out before anything else happens: no message, file or variable of the audit can hold
    # one.
    kept = [
        {k: evaluated(item[k], text=True) for k in item if k not in NOT_READ}
        if isinstance(item, dict)
        else item
        for item in items
    ]
    faults = validate_items(kept, variable)
    if variable == "audit_expected":
        faults = [
            fault for index, item in enumerate(kept) for fault in _not_evaluated(item, f"{variable}[{index}]")
        ] or faults
    if faults:
        more = f" And {len(faults) - FAULTS_SHOWN} more." if len(faults) > FAULTS_SHOWN else ""
        raise AnsibleFilterError(" ".join(faults[:FAULTS_SHOWN]) + more)
    return [without_secrets(item) for item in kept]


def _not_evaluated(value: Any, where: str) -> Iterator[str]:
    """Where templates stand that nobody evaluated: from_yaml leaves them as they are, and the tenant would
    differ from each.
    """
    if isinstance(value, str) and re.search(r"{{|{%", value):
        yield (
            f"{where} is still a template: from_yaml does not evaluate templates. Name the file as "
            "onboard_file instead "
            f"of setting audit_expected, or "
            "load it with vars_files."
        )
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _not_evaluated(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_evaluated(inner, f"{where}[{index}]")


@dataclasses.dataclass
class Options:
    """What an audit was asked for; each is the role's variable of this name with audit_ before it.

    expected_file: that expected comes from, if it is one. tenants: the hosts that the description, the
    connection and the environment name.
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
        """Raises InputError for what no audit can be made with. A survey gives numbers as text, and blanks
        for what is not set.
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
                "different tenants "
                f"({', '.join(self.tenants)}): nothing was sent."
            )

    def folder(self, host: str) -> str:
        """Where the files of a host go, absolute. Raises InputError."""
        return os.path.join(top_folder(self.report_dir), folder_of(host))


def given_files(options: Options, host: str, audited_at: str) -> Evidence:
    """What the audit rests on besides the tenant. Raises InputError for a file that cannot be read."""
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
    """The file, as it is; otherwise the list as it was compared, so that the same list has the same hash."""
    if options.expected_file:
        return origin_of(options.expected_file, len(options.expected), "onboard_file")
    content = json.dumps(options.expected, sort_keys=True, ensure_ascii=False)
    return {"given": "in the variables", "entries": len(options.expected), "sha256": sha256(content)}


def add_earlier(evidence: Evidence, options: Options) -> None:
    """The earlier reports of this tenant, which must be known by now."""
    host_folder = folder_of(evidence.inventory_host)
    found = read_earlier(
        options.baseline,
        evidence.tenant,
        host_folder,
        evidence.audited_at,
        options.folder(evidence.inventory_host),
    )
    evidence.baseline, evidence.history = found.baseline, found.history
    evidence.unreadable += found.unreadable
    evidence.notes += found.notes
    evidence.inputs.update({"baseline": found.origin} if found.origin else {})


def made_by(api_key_id: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """With what a report is made: the collection, the key (its id alone), and the job, where a controller or
    a pipeline names one.
    """
    job = ""
    for form in JOBS:
        names = re.findall(r"{(\w+)}", form)
        if not job and all(environment.get(name) for name in names):
            job = form.format(**{name: environment[name].rstrip("/") for name in names})
    return {
        "collection": f"cortex_cloud.appsec {VERSION}",
        "api_key_id": api_key_id or None,
        "job": job if re.match(r"https?://", job) else None,
    }


def write_report(folder: str, report: dict[str, Any]) -> None:
    """Write the files of a report, and SHA256SUMS of them, which sha256sum --check reads. Raises InputError
    where that cannot be done.
    """
    files = {
        REPORT: _as_text(report),
        "report.html": render_report(report),
        "report.csv": as_csv(report),
        "junit.xml": as_junit(report),
    }
    sums = "".join(f"{sha256(content)}  {name}\n" for name, content in files.items())
    write_files(folder, {**files, "SHA256SUMS": sums})


def write_fleet(folder: str, page: dict[str, Any]) -> None:
    """Write the files of a fleet. Raises InputError where that cannot be done."""
    write_files(folder, {"fleet.json": _as_text(page), "fleet.html": render_fleet(page)})


def top_folder(report_dir: str) -> str:
    """The folder of all reports, absolute. Raises InputError."""
    try:
        return full_path(report_dir)
    except OSError as exc:
        raise InputError(f"audit_report_dir: {report_dir} cannot be written: {exc.strerror}.") from None


def prove_folder(folder: str, names: tuple[str, ...]) -> None:
    """Raise InputError unless the files of these names can be written, and are those of an earlier audit.

    names: the first is written first, and what it holds tells whose the others are. Nothing stays of the proof.
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
        raise InputError(f"audit_report_dir: {path} cannot be written: {exc.strerror}.") from None


def write_files(folder: str, files: dict[str, str]) -> None:
    """Make the folder if it is missing, and write each file as a whole, for its owner alone."""
    path = folder
    try:
        make_folders(folder)
        for name, content in files.items():
            path = os.path.join(folder, name)
            write_private(path, content)
    except OSError as exc:
        raise InputError(f"audit_report_dir: {path} cannot be written: {exc.strerror}.") from None


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _as_text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
