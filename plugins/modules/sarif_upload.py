#!/usr/bin/python
# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: sarif_upload
short_description: Upload SARIF reports of any scanner to a collector of Cortex Cloud Application Security
version_added: 1.0.0
description:
  - Reads SARIF 2.1.0 files, makes of them what the collector takes, and uploads them. What it changed is counted in the result; the files
    are not touched.
  - Half of the usual scanners' files would be refused, or ranked wrongly, as they are. Levels become explicit, rules are resolved and
    unused ones left out, message IDs become text, and paths become relative to the root of the repository. Paths
    of the machine that scanned are left out wherever SARIF has a place for paths; texts and property bags are not searched for them.
  - All files are read and prepared before the first request. They are sent in order, up to the first one that is refused.
  - A document is at most 9,900,000 bytes after all that can be left out; a bigger one is refused, with its biggest members, or sent in
    parts (O(on_oversize)).
  - A report is read piece by piece, so that it may have any size. What is prepared lies in a private temporary file until it is sent.
  - An accepted upload means that the tenant took the document, not that its findings are visible already.
extends_documentation_fragment:
  - cortex_cloud.appsec._connection
  - cortex_cloud.appsec._attributes
options:
  path:
    description: SARIF files, or globs that match them, on the host where the module runs. In a glob C(**) means any number of
      folders; links to folders are not followed.
    type: list
    elements: path
    required: true
  collector_id:
    description: The ID of the collector to upload to.
    type: str
  collector_name:
    description: The name of the collector to upload to. It is looked up with the tenant key, so it cannot be used with a collector's own
      token.
    type: str
  upload_url:
    description:
      - The URL to upload to, as the tenant gave it when the collector was created.
      - The tenant key is never sent to a URL of another origin than O(api_url). O(expected_tenant) holds for this URL as well.
    type: str
  collector_token_id:
    description:
      - The ID of the collector's own token.
      - If not set, E(CORTEXCLOUD_COLLECTOR_TOKEN_ID) is used.
    type: str
  collector_token:
    description:
      - The collector's own token. With it no tenant key is needed or used.
      - If not set, E(CORTEXCLOUD_COLLECTOR_TOKEN) is used, then the content of the file that E(CORTEXCLOUD_COLLECTOR_TOKEN_FILE) names.
    type: str
  credentials_file:
    description:
      - The file that M(cortex_cloud.appsec.data_source) wrote when the collector was created. It holds the collector's ID, URL and token,
        and is used instead of O(collector_token_id) and O(collector_token).
    type: path
  repository_id:
    description: The tenant's asset ID of the repository. This or O(repository_url) is needed; the tenant must have onboarded the
      repository.
    type: str
  repository_url:
    description:
      - The URL of the repository. User name, password and C(.git) are taken off, and C(git@host:org/repo.git) becomes
        C(https://host/org/repo).
    type: str
  branch:
    description: The branch that was scanned. Without it the findings go to the repository's default branch, with a warning.
    type: str
  source_root:
    description:
      - The folder of the repository on the machine that scanned. It is taken off absolute paths, so that they become relative to the root
        of the repository. It need not exist where the module runs.
      - Without it the folder that the report itself calls its root is used, with a warning; where there is none, an absolute path is
        refused.
    type: str
  path_prefix:
    description: The folder of the repository in which the scanner ran. It is put in front of every path, after O(source_root) was taken
      off.
    type: str
  strip_leading_slash:
    description: Whether an absolute path that is not below O(source_root) starts at the root of the repository, as some scanners write it.
    type: bool
    default: false
  undefined_rules:
    description: What to do with a rule that results name and the report does not define. The collector refuses such a report.
    type: str
    choices: [add, fail]
    default: add
  suppressed:
    description: What to do with results whose suppressions are all accepted.
    type: str
    choices: [drop, keep]
    default: drop
  include_kinds:
    description: The kinds of results to send. Others, such as V(pass), are no findings.
    type: list
    elements: str
    choices: [fail, review, open, informational, notApplicable, pass]
    default: [fail, review]
  level_from:
    description:
      - V(sarif) keeps the level of a result, or takes that of its rule, or V(warning), as SARIF says.
      - V(security_severity) takes it from the C(security-severity) of the result or rule where there is one. From 7.0 it is V(error),
        from 4.0 V(warning), above 0 V(note).
    type: str
    choices: [sarif, security_severity]
    default: sarif
  default_location:
    description: The file, relative to the root of the repository, for results without a location. Without it they cannot be sent.
    type: str
  max_dropped_percent:
    description:
      - How many percent of a file's results may be unusable (no rule, no message, no path in the repository). Above it nothing is sent
        and the message says what is wrong with the first ones.
      - Results left out by choice, such as suppressed ones, do not count.
    type: float
    default: 0.0
  allow_empty:
    description:
      - Whether a report without any result to send is uploaded. By default it is not, with a warning, since it may close all findings of an
        earlier one.
    type: bool
    default: false
  on_oversize:
    description:
      - What to do with a report that is over the collector's limit of 9,900,000 bytes after all that can be left out.
      - V(split) sends it in parts, each a complete report of one run. Results of one source file stay together where they fit into a part.
        A result that is too big alone loses, until it fits, code flows but the first, stacks, fixes, web requests and responses, snippets,
        related locations and the end of its message; the result warns of it. One that is too big even so is refused by name.
      - Nothing public says whether a second upload for the same collector, repository and branch adds to the first or replaces it. That is
        why V(fail) is the default. Before the first use of V(split) check in the tenant that the findings of all parts show.
    type: str
    choices: [fail, split]
    default: fail
  trim_code_flows:
    description: Whether only the first data-flow path of each result is sent, with its first and last 50 steps.
    type: bool
    default: false
  journal:
    description:
      - A file in which the module notes which documents of a task were accepted, so that a run after a failure sends only the others.
      - It holds unfinished sets only, by tenant, collector, repository, branch and content. A set that was accepted as a whole is sent
        again when it is asked for again.
      - A document whose answer was lost is sent again with a warning, since the API cannot be asked whether it arrived.
    type: path
  receipt_dir:
    description:
      - A folder for one JSON receipt for each accepted document, with time, collector, repository, branch, commit, tool, results by level,
        SHA-256 and HTTP status.
    type: path
  commit:
    description: The commit that was scanned, for the receipt. Without it that of the report's versionControlProvenance is used, if there is
      one.
    type: str
  upload_timeout:
    description: Seconds to wait for a connection, and for the answer to an upload.
    type: float
    default: 300.0
attributes:
  check_mode:
    support: full
    details:
      - Reads, prepares and validates, and sends nothing. It needs neither key nor collector.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Every run uploads again. The API has no means to ask what was uploaded. With O(journal) only what an unfinished run left is sent.
seealso:
  - module: cortex_cloud.appsec.data_source
author:
  - The cortex_cloud.appsec contributors (@cortex-cloud-appsec)
"""

EXAMPLES = r"""
- name: Upload what the scanners of this build wrote, with the collector's own token from the environment
  cortex_cloud.appsec.sarif_upload:
    path: ["{{ workspace }}/reports/*.sarif"]
    upload_url: "{{ lookup('ansible.builtin.env', 'CORTEX_COLLECTOR_URL') }}"
    repository_url: https://github.com/example/shop
    branch: main
    source_root: "{{ workspace }}"

- name: Upload one report with the tenant key
  cortex_cloud.appsec.sarif_upload:
    path: [bandit.sarif]
    collector_name: bandit
    repository_url: git@github.com:example/shop.git
    branch: "{{ branch }}"

- name: Only check a report, without any key
  cortex_cloud.appsec.sarif_upload:
    path: [bandit.sarif]
    repository_url: https://github.com/example/shop
  check_mode: true
"""

RETURN = r"""
uploads:
  description: The documents, in the order of sending.
  returned: when all files could be prepared
  type: list
  elements: dict
  contains:
    path: {description: "The file.", type: str, returned: always}
    part: {description: "Number of the document within the file, from 1.", type: int, returned: always}
    parts: {description: "Documents made of the file.", type: int, returned: always}
    bytes: {description: "Size of the document.", type: int, returned: always}
    results: {description: "Results in the document.", type: int, returned: always}
    sha256: {description: "SHA-256 of the document.", type: str, returned: always}
    status: {description: "HTTP status; null when it was not sent or no answer came.", type: int, returned: always}
    resumed: {description: "Whether an earlier run sent it, as the journal says.", type: bool, returned: always}
  sample: [{path: reports/bandit.sarif, part: 1, parts: 1, bytes: 20480, results: 12, sha256: 9f86d081..., status: 200, resumed: false}]
normalised:
  description: How often each change was made, by the name of the change.
  returned: when all files could be prepared
  type: dict
  sample: {levels: 12, uri_base_ids: 12, unused_rules: 48}
dropped:
  description: How many results are not sent, by reason.
  returned: when all files could be prepared
  type: dict
  sample: {suppressed: 2}
results_by_level:
  description: How many results are sent, by level.
  returned: when all files could be prepared
  type: dict
  sample: {error: 3, warning: 8, note: 1, none: 0}
warnings:
  description: What to know about the reports and where they went; shown as Ansible's warnings too.
  returned: when there are any
  type: list
  elements: str
api_error:
  description: A refused or failed call of the API as data, without secrets.
  returned: when a call of the API failed
  type: dict
  contains:
    operation: {description: "What was tried.", type: str, returned: always}
    subject: {description: "With which object.", type: str, returned: always}
    method: {description: "HTTP method.", type: str, returned: always}
    path: {description: "Path without the query.", type: str, returned: always}
    status: {description: "HTTP status; null when no answer came.", type: int, returned: always}
    message: {description: "What the API said.", type: str, returned: always}
    outcome_unknown: {description: "Whether the request may have been carried out all the same.", type: bool, returned: always}
rate_limited:
  description: How often and how long (seconds) this task waited for a slot of the tenant's request budget.
  returned: when the tenant's options were valid
  type: dict
  sample: {waits: 0, seconds: 0.0}
"""

import dataclasses

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._module import CortexModule, environment
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.prepare import prepare
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.rules.context import Options
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.upload.sender import upload

ARGUMENT_SPEC = {
    "path": {"type": "list", "elements": "path", "required": True},
    "collector_id": {"type": "str"},
    "collector_name": {"type": "str"},
    "upload_url": {"type": "str"},
    "collector_token_id": {"type": "str", "no_log": False, "fallback": (environment, ["CORTEXCLOUD_COLLECTOR_TOKEN_ID"])},
    "collector_token": {"type": "str", "no_log": True, "fallback": (environment, ["CORTEXCLOUD_COLLECTOR_TOKEN"])},
    "credentials_file": {"type": "path"},
    "repository_id": {"type": "str"},
    "repository_url": {"type": "str"},
    "branch": {"type": "str"},
    "source_root": {"type": "str"},
    "path_prefix": {"type": "str"},
    "strip_leading_slash": {"type": "bool", "default": False},
    "undefined_rules": {"type": "str", "choices": ["add", "fail"], "default": "add"},
    "suppressed": {"type": "str", "choices": ["drop", "keep"], "default": "drop"},
    "include_kinds": {
        "type": "list",
        "elements": "str",
        "choices": ["fail", "review", "open", "informational", "notApplicable", "pass"],
        "default": ["fail", "review"],
    },
    "level_from": {"type": "str", "choices": ["sarif", "security_severity"], "default": "sarif"},
    "default_location": {"type": "str"},
    "max_dropped_percent": {"type": "float", "default": 0.0},
    "allow_empty": {"type": "bool", "default": False},
    "on_oversize": {"type": "str", "choices": ["fail", "split"], "default": "fail"},
    "trim_code_flows": {"type": "bool", "default": False},
    "journal": {"type": "path"},
    "receipt_dir": {"type": "path"},
    "commit": {"type": "str"},
    "upload_timeout": {"type": "float", "default": 300.0},
}


def main() -> None:
    module = CortexModule(ARGUMENT_SPEC)
    names = [field.name for field in dataclasses.fields(Options)]
    given = {name: module.params[name] for name in names if module.params[name] is not None}

    def work(api: Api) -> dict[str, object]:
        options = Options(**{**given, "include_kinds": tuple(given["include_kinds"])})
        sender = None if module.check_mode else api
        with prepare(module.params["path"], options) as prepared:
            return upload(sender, prepared, module.params, expected_tenant=module.params["expected_tenant"])

    module.run(work)


if __name__ == "__main__":
    main()
