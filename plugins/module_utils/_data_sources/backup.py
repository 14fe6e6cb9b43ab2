# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, an instance in the shape that onboard takes: for a backup, an export.
from __future__ import annotations

import json
import os
import re
import time
import typing as t

from .._errors import InputError
from .._redact import hide_secret_keys
from .fields import MANUAL, Item
from .types import TYPES

# Recognised as masked: refused only where a creation would send it.
PLACEHOLDER = "******** the tenant does not show it; needed only to create this data source again"


def as_config(shown: Item, *, with_id: bool = False) -> Item:
    """The item that describes an instance: given to data_sources, it changes nothing. Secrets are placeholders.

    shown: option-shaped, read by id. with_id: for one that type, name and host do not tell apart.
    """
    config: Item = {"id": shown["id"]} if with_id else {}
    for option in ("type", "name", "domain", "transporter", "unique_properties", "selection_type", "repositories", "external_projects"):
        value = shown.get(option)
        if value in (None, [], {}) or (option == "repositories" and shown.get("selection_type") != MANUAL):
            continue
        config[option] = value
    unique = {k: v for k, v in config.get("unique_properties", {}).items() if k != "name" or v != config.get("name")}
    hidden = hide_secret_keys(unique)
    config["unique_properties"] = {k: v if v == hidden[k] else PLACEHOLDER for k, v in unique.items()}
    if not config["unique_properties"]:
        del config["unique_properties"]
    kind = TYPES.get(shown.get("type", ""))
    secrets = [option.partition(".")[2] for option in (kind.takes if kind else ()) if option.startswith("credentials.")]
    if secrets:
        config["credentials"] = dict.fromkeys(secrets, PLACEHOLDER)
    return config


def write_backup(directory: str, tenant: str, shown: Item) -> str:
    """Write one instance as a data file for onboard, 0600, before it is changed for the worse. Returns the path; raises InputError."""
    words = [tenant, shown.get("type"), shown.get("name"), shown["id"], time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())]
    name = "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", str(w)) for w in words if w) + ".json"
    path = os.path.join(os.path.abspath(os.path.expanduser(directory)), name)
    content: dict[str, t.Any] = {"tenant_expected_tenant": tenant, "tenant_data_sources": [as_config(shown)]}
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise InputError(f"backup_dir {directory} cannot be written ({exc.strerror}), so nothing was changed.") from None
    return path
