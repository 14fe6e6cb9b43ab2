# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events when something happens to the data sources or repositories of a Cortex Cloud tenant."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
short_description: Watch the data sources and repositories of a Cortex Cloud tenant
description:
  - Reads the tenant every few minutes and sends one event for each change since the last time. It never
    changes the tenant.
  - If reading would take more than a tenth of the request budget, it reads less often.
  - The connection options are those of this collection's modules, or their environment variables. Events
    contain no secrets.
options:
  api_url:
    description: API URL of the tenant, or E(CORTEXCLOUD_API_URL).
    type: str
  api_key_id:
    description: ID of the key, or E(CORTEXCLOUD_API_KEY_ID).
    type: str
  api_key:
    description: The key, or E(CORTEXCLOUD_API_KEY), or the file that E(CORTEXCLOUD_API_KEY_FILE) names.
    type: str
  api_key_type:
    description: V(standard) or V(advanced), or E(CORTEXCLOUD_API_KEY_TYPE).
    type: str
    default: advanced
  expected_tenant:
    description: Host that O(api_url) must have, or E(CORTEXCLOUD_EXPECTED_TENANT).
    type: str
  validate_certs:
    description: Whether certificates are checked; E(CORTEXCLOUD_SKIP_SSL_VERIFY) means the opposite.
    type: bool
    default: true
  ca_path:
    description: PEM file of a private authority, or E(CORTEXCLOUD_CA_PATH), E(REQUESTS_CA_BUNDLE).
    type: str
  request_timeout:
    description: Seconds for one attempt of a request, or E(CORTEXCLOUD_REQUEST_TIMEOUT).
    type: float
    default: 30
  retry_deadline:
    description: Seconds for a request with all its attempts, or E(CORTEXCLOUD_RETRY_DEADLINE).
    type: float
    default: 120
  requests_per_second:
    description:
      - Budget of all processes that share O(rate_limit_dir) or O(rate_limit_url), or
        E(CORTEXCLOUD_REQUESTS_PER_SECOND).
    type: float
    default: 8
  rate_limit_dir:
    description: Folder of the shared budget, or E(CORTEXCLOUD_RATE_LIMIT_DIR).
    type: str
  rate_limit_url:
    description:
      - Valkey or Redis server of the budget of machines that share no folder, or
        E(CORTEXCLOUD_RATE_LIMIT_URL), or the file that E(CORTEXCLOUD_RATE_LIMIT_URL_FILE) names. Needs the
        Python library C(redis).
    type: str
  interval:
    description: Seconds between two readings.
    type: float
    default: 300
  repositories:
    description: Whether to watch repositories too, which takes one request for each hundred of them.
    type: bool
    default: false
  initial:
    description: Whether to send an event for everything that exists at the first reading.
    type: bool
    default: false
  state_file:
    description:
      - File that stores the last state of one tenant, so that changes are noticed even if they happen while
        nothing runs. Only its owner can read it.
      - A file that holds anything else is refused.
    type: str
"""

EXAMPLES = r"""
- cortex_cloud.appsec.data_sources:
    api_url: https://api-acme.xdr.eu.paloaltonetworks.com
    interval: 300
    repositories: true
    state_file: /var/lib/cortex/acme.json
"""


def _find_collection() -> None:
    """Make the collections importable: ansible-rulebook runs this file by its path and does not do so."""
    for folder in Path(__file__).absolute().parents:
        if folder.name == "ansible_collections" and str(folder.parent) not in sys.path:
            sys.path.append(str(folder.parent))


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Put events into the queue until cancelled. Raises InputError for invalid arguments."""
    _find_collection()
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils import _events
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.client import Client
    from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import (
        Redactor,
        secrets_in,
    )

    interval = _events.number(300 if args.get("interval") is None else args["interval"], "interval")
    connection = _events.connection_from(args)
    client = Client(connection, Redactor([*secrets_in(args), connection.api_key]))
    try:
        watch = _events.Watch(
            Api(client),
            repositories=_events.yes_or_no(args.get("repositories") or False, "repositories"),
            initial=_events.yes_or_no(args.get("initial") or False, "initial"),
            state_file=args.get("state_file") or None,
        )
        while True:
            for event in await asyncio.to_thread(watch.poll):
                await queue.put(event)
            await asyncio.to_thread(watch.save)
            await asyncio.sleep(watch.pause(interval))
    finally:
        client.close()


if __name__ == "__main__":
    # To try it at the command line, with the environment variables of the modules.
    class _Printing:
        async def put(self, event: Any) -> None:
            sys.stdout.write(f"{event}\n")
            sys.stdout.flush()

    asyncio.run(main(_Printing(), {"initial": True, "interval": 60}))  # type: ignore[arg-type]  # it needs put alone
