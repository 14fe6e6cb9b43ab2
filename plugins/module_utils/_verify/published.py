# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The published members, words and paths that responses are compared with.

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
# Members that only collectors have, and one that only list items have (docs/api.md: list.count).
COLLECTORS = frozenset({"detectionMethod", "fileType", "apiUrl"})
COUNT = "repositoriesCount"
# Members that only the schemas have, and members that only a tenant shows that returns what was sent
# (docs/api.md: instance.hidden, instance.older).
ONLY_PUBLISHED = COLLECTORS | {
    "typeCategory", "uniqueIdentifier", "scanTypes", "statusDetails", "instanceVersion", "tenantId",
}  # fmt: skip
ONLY_MIRRORED = frozenset({"name", "displayName", "uniqueProperties", "externalProjects"})
DATES, DATES_OLDER = ("creationDate", "lastUpdateDate"), ("createdAt", "updatedAt")
NOT_PREVIOUS = frozenset({"scanTypes", "statusDetails", "tenantId", "transporter"})
# A list whose items have nothing else has to be completed by reading each one.
MINIMAL = frozenset({"id", "selectionType", "state", COUNT})

SELECTIONS = ("CURRENT_STATE", "CURRENT_STATE_AND_FUTURE", "CURRENT_STATE_PENDING", "MANUAL_SELECTION")
# Status words of an instance that works and of one that is being set up -> value of the switch status_words.
WORKING = {"CONNECTED": "published", "COMPLETED": "older"}
SETTLING = {"TEMPORARY": "published", "IN_PROGRESS": "older"}
# Types that are always self-hosted, so that an instance must have a hostname.
HOSTED = frozenset(
    name for name, kind in TYPES.items() if kind.hosting == "self_hosted" and "hostname" in kind.inputs
)

TOKEN, TOKEN_ID = "webhookAuthKey", "webhookAuthKeyId"
CATEGORY_WORDS = {"published": "vcs-integrations", "guide": "DEFAULT"}
