# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a play writes: whether they can be written, and whether two hosts would write the same.

Private to the collection, floor 4.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._files import prove_writable
from ._filters import evaluated


def unwritable(path: str) -> str:
    """Why a file cannot be written; empty if it can. Its folder must exist."""
    folder = os.path.dirname(os.path.abspath(os.path.expanduser(path)))
    if not os.path.lexists(folder):
        return f"there is no folder {folder}"
    try:
        prove_writable(path)
    except OSError as exc:
        return str(exc.strerror)
    return ""


def item_files(items: Any) -> list[str]:
    """The credentials files of data sources, without duplicates, in the form that shared_files() reads."""
    kept = [
        item for item in evaluated(items) if item.get("credentials_file") and item.get("state") != "absent"
    ]
    return list(dict.fromkeys(f"credentials_file {item['credentials_file']}" for item in kept))


def shared_files(hostvars: Mapping[str, Any], hosts: Iterable[str], noted: str) -> str:
    """An error if two hosts of a play would write the same file, so that one would be lost; otherwise empty.

    noted: the name of a registered result whose msg lists the files of each host as "OPTION PATH".
    """
    owners: dict[str, str] = {}
    for host in hosts:
        result = hostvars[host].get(noted) if host in hostvars else None
        lines = result.get("msg") if isinstance(result, Mapping) else None
        for line in lines if isinstance(lines, list) else []:
            option, _blank, path = str(line).partition(" ")
            if not path:
                continue
            where = os.path.realpath(os.path.expanduser(path))
            other = owners.setdefault(where, host)
            if other != host:
                return (
                    f"The hosts {other} and {host} would both write {where} ({option}), so that only the "
                    "last one's content would remain: put inventory_hostname into the path. Nothing was sent."
                )
    return ""
