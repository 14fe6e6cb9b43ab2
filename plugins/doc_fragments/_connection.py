# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: the connection options, the same in every module.
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_url:
    description:
      - The API URL of the tenant, used as given, such as V(https://api-mytenant.xdr.us.paloaltonetworks.com).
      - A bare host name such as V(mytenant.xdr.us.paloaltonetworks.com) becomes C(https://api-) and that name.
      - A user name, query or fragment in it is refused, and so is plain C(http) except to this machine.
      - Needed by every request that does not use a collector's own token.
      - If not set, the environment variable E(CORTEXCLOUD_API_URL) is used. An empty variable counts as not set.
    type: str
  api_key_id:
    description:
      - The ID of the API key, a small number.
      - If not set, E(CORTEXCLOUD_API_KEY_ID) is used.
    type: str
  api_key:
    description:
      - The API key. It signs or accompanies requests to O(api_url) and appears nowhere else.
      - If not set, E(CORTEXCLOUD_API_KEY) is used, then the content of the file that E(CORTEXCLOUD_API_KEY_FILE) names.
    type: str
  api_key_type:
    description:
      - The security level the key was made with. The tenant answers a wrong level like a wrong key.
      - If not set, E(CORTEXCLOUD_API_KEY_TYPE) is used.
    type: str
    choices: [standard, advanced]
    default: advanced
  validate_certs:
    description:
      - Whether the tenant's certificate is checked. For a private certificate authority set O(ca_path) instead of switching this off.
      - If not set, the opposite of E(CORTEXCLOUD_SKIP_SSL_VERIFY) is used.
    type: bool
    default: true
  ca_path:
    description:
      - PEM file (or folder) of the certificate authority to trust, on the host that runs the module.
      - If not set, E(CORTEXCLOUD_CA_PATH) is used, then E(REQUESTS_CA_BUNDLE).
    type: path
  expected_tenant:
    description:
      - The host that O(api_url) must have. With another one the task fails before any request, so that a production key cannot be used
        behind a test survey by mistake. The prefix C(api-) does not matter.
      - If not set, E(CORTEXCLOUD_EXPECTED_TENANT) is used.
    type: str
  request_timeout:
    description:
      - Seconds to wait for a connection, for a body to be sent, and for the tenant between two parts of an answer.
      - Whatever the other side sends meanwhile, one attempt ends at O(retry_deadline), or after O(request_timeout) if that is later
        (twice that with a body).
      - If not set, E(CORTEXCLOUD_REQUEST_TIMEOUT) is used.
    type: float
    default: 30.0
  retry_deadline:
    description:
      - Seconds from the first sending of one API call until it is no longer tried again. Waiting for a slot of the rate limit is
        not counted.
      - Reads, updates and deletions are tried again after HTTP 429, 502, 503, 504 and lost connections; a creation or an upload only when
        the tenant cannot have carried it out.
      - If not set, E(CORTEXCLOUD_RETRY_DEADLINE) is used.
    type: float
    default: 120.0
  requests_per_second:
    description:
      - Budget of all processes that share O(rate_limit_dir). The tenant allows 10 requests per second to all its clients together.
      - If not set, E(CORTEXCLOUD_REQUESTS_PER_SECOND) is used.
    type: float
    default: 8.0
  rate_limit_dir:
    description:
      - Folder in which processes share the budget and the locks of instances, one small file for each. By default a folder of the user's
        cache, which the runs of one user on one machine share.
      - Machines and containers that are given the same folder share both, if its file system has locks and their clocks keep the time.
        Where it cannot be used there is a warning, and neither is shared. In a folder of mode V(2770) the files are for its group.
      - If not set, E(CORTEXCLOUD_RATE_LIMIT_DIR) is used.
    type: path
  state_dir:
    description:
      - Folder in which a run remembers a little for the next ones, one small file per tenant, without secrets. It must belong to
        the user alone (mode V(0700)); where it cannot be used there is a warning, and the run goes on. Check mode only reads it.
      - If not set, E(CORTEXCLOUD_STATE_DIR) is used, then the folder C(cortex_cloud_appsec) in E(XDG_STATE_HOME), by default
        V(~/.local/state).
    type: path
  trace_file:
    description:
      - File to which every request and answer of this and of later tasks is added, as an HTTP Archive (HAR 1.2), which the developer
        tools of browsers open. It is for its owner alone (V(0600)). Give a full path; a playbook of a collection runs in another folder.
      - Secrets are taken out, and of a SARIF report only its size and digest are kept. Above 20 MB the oldest entries are dropped.
      - When it cannot be written there is a warning, and the run goes on.
      - If not set, E(CORTEXCLOUD_TRACE_FILE) is used.
    type: path
  trace_names:
    description:
      - With V(hide), names, hosts, repositories and ids in O(trace_file) are replaced by invented ones, the same for the same with one key,
        so that the file can be attached to a public issue. Words of messages that may be names are replaced too.
      - With V(keep) they stay.
      - If not set, E(CORTEXCLOUD_TRACE_NAMES) is used.
    type: str
    choices: [hide, keep]
    default: hide
requirements:
  - Python >= 3.9 on the host that runs the module
  - requests >= 2.28 on the host and interpreter that run the module
notes:
  - The modules talk to the tenant over HTTPS from the host they run on, usually V(localhost). E(HTTPS_PROXY) and E(NO_PROXY) are honoured.
  - "The options of the connection can be given once for all modules: C(module_defaults) with C(group/cortex_cloud.appsec.all)."
"""
