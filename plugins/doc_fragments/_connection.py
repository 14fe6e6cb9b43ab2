# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options, the same in every module.

Private to the collection.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_url:
    description:
      - The API URL of the tenant, used as given, such as V(https://api-mytenant.xdr.us.paloaltonetworks.com).
      - A bare host name such as V(mytenant.xdr.us.paloaltonetworks.com) becomes C(https://api-) and that
        name.
      - A URL with a user name, query or fragment is refused, and so is plain C(http), except to this machine.
      - Required by every request that does not use a collector's own token.
      - If not set, the environment variable E(CORTEXCLOUD_API_URL) is used. Empty variables are ignored.
    type: str
  api_key_id:
    description:
      - The ID of the API key, a small number.
      - If not set, E(CORTEXCLOUD_API_KEY_ID) is used.
    type: str
  api_key:
    description:
      - The API key. It signs or accompanies requests to O(api_url) and is used nowhere else.
      - If not set, E(CORTEXCLOUD_API_KEY) is used, then the content of the file that
        E(CORTEXCLOUD_API_KEY_FILE) names.
    type: str
  api_key_type:
    description:
      - The security level that the key was created with. The tenant responds to a wrong level as to a wrong
        key.
      - If not set, E(CORTEXCLOUD_API_KEY_TYPE) is used.
    type: str
    choices: [standard, advanced]
    default: advanced
  validate_certs:
    description:
      - Whether the tenant's certificate is checked. For a private certificate authority, set O(ca_path)
        instead of turning this off.
      - If not set, it is the opposite of E(CORTEXCLOUD_SKIP_SSL_VERIFY).
    type: bool
    default: true
  ca_path:
    description:
      - PEM file (or folder) of the certificate authority to trust, on the host that runs the module.
      - If not set, E(CORTEXCLOUD_CA_PATH) is used, then E(REQUESTS_CA_BUNDLE).
    type: path
  expected_tenant:
    description:
      - The host that O(api_url) must have. With any other host the task fails before the first request, so
        that a job meant for a test tenant cannot use a production key by mistake. The prefix C(api-) is
        optional.
      - If not set, E(CORTEXCLOUD_EXPECTED_TENANT) is used.
    type: str
  request_timeout:
    description:
      - Seconds to wait for a connection, for a request body to be sent, and between two parts of a response.
      - Even if the other side keeps sending, one attempt ends at O(retry_deadline), or after
        O(request_timeout) if that is later (twice that with a request body).
      - If not set, E(CORTEXCLOUD_REQUEST_TIMEOUT) is used.
    type: float
    default: 30.0
  retry_deadline:
    description:
      - Seconds from the first attempt of an API call until it is no longer retried. Time spent waiting for
        the rate limit does not count.
      - Reads, updates and deletions are retried after HTTP 429, 502, 503, 504 and lost connections; a
        creation or an upload only if the tenant cannot have carried it out.
      - If not set, E(CORTEXCLOUD_RETRY_DEADLINE) is used.
    type: float
    default: 120.0
  requests_per_second:
    description:
      - Request budget of all processes that share O(rate_limit_dir) or O(rate_limit_url). The tenant allows
        all its clients together 10 requests per second.
      - If not set, E(CORTEXCLOUD_REQUESTS_PER_SECOND) is used.
    type: float
    default: 8.0
  rate_limit_dir:
    description:
      - Folder in which processes share the request budget and the locks of instances, as small files. By
        default it is a folder in the user's cache, which all runs of one user on one machine share.
      - Machines and containers that use the same folder share both, provided that its file system supports
        locks and their clocks agree. If the folder cannot be used, a warning says so, and neither is shared.
        In a folder of mode V(2770) its group shares the files.
      - If not set, E(CORTEXCLOUD_RATE_LIMIT_DIR) is used.
    type: path
  rate_limit_url:
    description:
      - Valkey or Redis server on which processes share the budget, for machines that share no folder,
        C(redis://HOST:6379) or, by TLS,
        C(rediss://:PASSWORD@HOST:6379/0?ssl_ca_certs=/path/to/authority.pem). Locks of instances stay in
        O(rate_limit_dir).
      - Needs the Python library C(redis) on the host and interpreter that run the module. While the server
        cannot be reached there is a warning, and the budget of O(rate_limit_dir) counts.
      - If not set, E(CORTEXCLOUD_RATE_LIMIT_URL) is used, then the file that
        E(CORTEXCLOUD_RATE_LIMIT_URL_FILE) names.
    type: str
  state_dir:
    description:
      - Folder in which a run keeps a little memory for later runs, one small file per tenant, without
        secrets. It must be the user's own (mode V(0700)); if it cannot be used, a warning says so, and the
        run continues. Check mode only reads it.
      - If not set, E(CORTEXCLOUD_STATE_DIR) is used, then the folder C(cortex_cloud_appsec) in
        E(XDG_STATE_HOME), by default V(~/.local/state).
    type: path
  trace_file:
    description:
      - File to which every request and response of this and of later tasks is added, as an HTTP Archive (HAR
        1.2), which browsers' developer tools open. Only its owner can read it (V(0600)). Give a full path; a
        collection's playbook runs in another folder.
      - Secrets are removed, and of a SARIF report only the size and digest are kept. Above 20 MB the oldest
        entries are dropped.
      - If it cannot be written, a warning says so, and the run continues.
      - If not set, E(CORTEXCLOUD_TRACE_FILE) is used.
    type: path
  trace_names:
    description:
      - With V(hide), names, hosts, repositories and IDs in O(trace_file) are replaced consistently by
        invented ones (per API key), so that the file can be attached to a public issue. Words in messages
        that may be names are replaced too.
      - With V(keep) they are kept.
      - If not set, E(CORTEXCLOUD_TRACE_NAMES) is used.
    type: str
    choices: [hide, keep]
    default: hide
requirements:
  - Python >= 3.9 on the host that runs the module
  - requests >= 2.28 on the host and interpreter that run the module
  - redis >= 5 there as well, with O(rate_limit_url) alone
notes:
  - The modules connect to the tenant over HTTPS from the host that they run on, usually V(localhost).
    E(HTTPS_PROXY) and E(NO_PROXY) are honoured.
  - "The connection options can be set once for all modules: C(module_defaults) with C(group/cortex_cloud.appsec.all)."
"""
