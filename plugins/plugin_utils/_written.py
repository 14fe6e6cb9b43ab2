# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a play writes: whether they can be written, and whether each belongs to one host.

Private to the collection, floor 4.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._files import prove_writable
from ansible_collections.cortex_cloud.appsec.plugins.plugin_utils._filters import evaluated


def unwritable(path: str) -> str:
    """Why a file cannot be written under this name, in words; empty when it can. Its folder must be there."""
    folder = os.path.dirname(os.path.abspath(os.path.expanduser(path)))
    if not os.path.lexists(folder):
        return f"there is no folder {folder}"
    try:
        prove_writable(path)
    except OSError as exc:
        return str(exc.strerror)
    return ""


def item_files(items: Any) -> list[str]:
    """The credentials files of data sources, each once, as shared_files() takes them."""
    paths = [
        str(item["credentials_file"])
        for item in evaluated(items)
        if item.get("credentials_file") and item.get("state") != "absent"
    ]
    return [f"credentials_file {path}" for path in dict.fromkeys(paths)]


def shared_files(hostvars: Mapping[str, Any], hosts: Iterable[str], noted: str) -> str:
    """Says which file two hosts of a play would both write, so that one would be lost; empty when there is
    none.

    noted: the registered result in whose message each host has noted its files, each as "OPTION PATH".
    """
    whose: dict[str, tuple[str, str]] = {}
    for host in hosts:
        result = hostvars[host].get(noted) if host in hostvars else None
        said = result.get("msg") if isinstance(result, Mapping) else None
        for line in said if isinstance(said, list) else []:
            option, _blank, path = str(line).partition(" ")
            where = os.path.realpath(os.path.expanduser(path)) if path else ""
            _option, other = whose.setdefault(where, (option, host)) if where else ("", host)
            if other != host:
                return (
                    f"The hosts {other} and {host} would both write {where} ({option}), so that only the "
                    f"last one's content would remain: "
                    "put inventory_hostname into the path. Nothing was sent."
                )
    return ""
