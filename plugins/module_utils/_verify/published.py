# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published members, words and paths with which responses are compared.

Private to the collection, floor 3.
"""

from __future__ import annotations

from .._data_sources.types import TYPES

# (docs/api.md: instance.members)
REQUIRED = frozenset({"id", "type", "creationDate", "lastUpdateDate"})
MEMBERS = REQUIRED | {
    "typeCategory", "uniqueIdentifier", "domain", "instanceVersion", "scanTypes", "selectionType", "state",
    "status", "statusDetails", "selfSignedCertificate", "transporter", "tenantId",
}  # fmt: skip
# What a collector shows besides, and list items alone (docs/api.md: list.count).
COLLECTORS = frozenset({"detectionMethod", "fileType", "apiUrl"})
COUNT = "repositoriesCount"
# What only the schemas know, and what only tenants have that mirror what was sent (docs/api.md:
# instance.hidden, instance.older).
TELLS_PUBLISHED = (
    frozenset(
        {"typeCategory", "uniqueIdentifier", "scanTypes", "statusDetails", "instanceVersion", "tenantId"}
    )
    | COLLECTORS
)
TELLS_MIRRORED = frozenset({"name", "displayName", "uniqueProperties", "externalProjects"})
DATES, DATES_OLDER = ("creationDate", "lastUpdateDate"), ("createdAt", "updatedAt")
NOT_PREVIOUS = frozenset({"scanTypes", "statusDetails", "tenantId", "transporter"})
# A list item that has nothing else shows only where to look.
MINIMAL = frozenset({"id", "selectionType", "state", COUNT})

SELECTIONS = ("CURRENT_STATE", "CURRENT_STATE_AND_FUTURE", "CURRENT_STATE_PENDING", "MANUAL_SELECTION")
# Words of an instance that works and of one that is being set up, by the switch status_words.
WORKING = {"CONNECTED": "published", "COMPLETED": "older"}
SETTLING = {"TEMPORARY": "published", "IN_PROGRESS": "older"}
# Types that are always at a host of their own, which an instance then has to name.
HOSTED = frozenset(
    name for name, kind in TYPES.items() if kind.hosting == "self_hosted" and "hostname" in kind.inputs
)

TOKEN, TOKEN_ID = "webhookAuthKey", "webhookAuthKeyId"
CATEGORY_WORDS = {"published": "vcs-integrations", "guide": "DEFAULT"}
