# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances as data files for onboard: for exports and backups.

Private to the collection, floor 3.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import re
import time
import typing as t

from .._addresses import host_key
from .._errors import InputError
from .._files import full_path, make_folders, prove_writable, write_private
from .._http.redaction import hide_secret_keys
from .fields import MANUAL, REPORTED, Item, get
from .types import is_word, known

# Recognised as masked: refused only when a creation would send it.
PLACEHOLDER = "******** the tenant does not show it, needed only to create this data source again"

# A word that YAML reads as the same string without quotes.
_WORD = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+-]*")
_NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
# Text of letters and these characters is written without a tag. It cannot be a template, which has a "{" or
# begins with "#jinja2:". It must not be tagged: from ansible-core 2.19 on, !unsafe "1.10" is a number and
# !unsafe "*" an error, and whatever YAML may read as a number, a time or a merge consists of these.
_UNTAGGED = frozenset("0123456789 ._/@+:,=~()<!&*-\t\n")
# YAML recognises a key without "?" only if its colon comes within 1,024 characters.
_LONGEST_KEY = 1000


def as_config(reported: Item, *, with_id: bool = False) -> Item:
    """The item that describes an instance, with placeholders for secrets; applying it changes nothing.

    reported: in the shape of the options, read by id.
    with_id: add the id, for an instance that type, name and host do not identify.
    """
    config: Item = {"id": reported["id"]} if with_id else {}
    if reported.get("identifier"):
        config["identifier"] = reported["identifier"]
    for option in REPORTED:
        # An item gives a type only in the table's spelling; one without a type has an id.
        value = _type_of(reported) if option == "type" else reported.get(option)
        unselected = option == "repositories" and reported.get("selection_type") != MANUAL
        if value not in (None, "", [], {}) and not unselected:
            config[option] = value
    settings = config.pop("unique_properties", {})
    unique = {k: v for k, v in settings.items() if k != "name" or v != config.get("name")}
    hidden = hide_secret_keys(unique)
    if unique:
        config["unique_properties"] = {k: v if v == hidden[k] else PLACEHOLDER for k, v in unique.items()}
    kind = known(reported.get("type"))
    secrets = [option.partition(".")[2] for option in (kind.credentials if kind else ())]
    if secrets:
        config["credentials"] = dict.fromkeys(secrets, PLACEHOLDER)
    return config


def _type_of(reported: Item) -> str:
    """The type as an item can give it; empty if no item can give it."""
    kind = str(reported.get("type") or "").upper()
    return kind if is_word(kind) else ""


def as_configs(reported: list[Item]) -> list[Item]:
    """The items for a whole tenant, with an id only where the rest would match several instances or none."""
    keys = [
        (_type_of(i), i.get("identifier"), i.get("name"), host_key(get(i, "domain.hostname") or ""))
        for i in reported
    ]

    def matches(mine: t.Any, other: t.Any) -> bool:
        if mine[1]:  # an identifier decides alone
            return bool(mine[:2] == other[:2])
        return mine[0] == other[0] and mine[2] in (None, other[2]) and mine[3] in ("", other[3])

    return [
        as_config(i, with_id=not k[0] or not any(k[1:]) or sum(matches(k, o) for o in keys) > 1)
        for i, k in zip(reported, keys)
    ]


def as_data_file(tenant: str, configs: list[Item]) -> str:
    """The text of a data file for onboard, in which no value of the tenant is a template."""
    head = "---\n# For ansible-playbook cortex_cloud.appsec.onboard -e onboard_file=THIS_FILE\n"
    return head + _yaml({"tenant_expected_tenant": tenant, "tenant_data_sources": configs}, 0)


def _yaml(value: t.Any, indent: int) -> str:
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{_key(_scalar(k), pad)}:{_nested(v, indent + 1)}" for k, v in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}- {_yaml(entry, indent + 1).lstrip(' ')}" for entry in value)
    return f"{pad}{_scalar(value)}\n"


def _key(text: str, pad: str) -> str:
    return text if len(text) <= _LONGEST_KEY else f"? {text}\n{pad}"


def _nested(value: t.Any, indent: int) -> str:
    text = _yaml(value, indent)
    return f"\n{text}" if isinstance(value, (dict, list)) and value else f" {text.lstrip(' ')}"


def _scalar(value: t.Any) -> str:
    if isinstance(value, str):
        if _WORD.fullmatch(value) and value.lower() not in _NOT_TEXT:
            return value
        # A repository's name must not run as a template on the user's machine.
        tag = "" if all(char.isalpha() or char in _UNTAGGED for char in value) else "!unsafe "
        return f'{tag}"{"".join(map(_character, value))}"'
    if isinstance(value, float):
        if not math.isfinite(value):
            return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}[str(value)]
        # Without a decimal point YAML reads an exponent as a string.
        mantissa, e, exponent = repr(value).partition("e")
        return f"{mantissa}.0{e}{exponent}" if e and "." not in mantissa else repr(value)
    return json.dumps(value)


def _character(char: str) -> str:
    """One character of a double-quoted YAML string."""
    if char in '"\\':
        return f"\\{char}"
    if char == " " or (char.isprintable() and not char.isspace()):
        return char
    code = ord(char)
    if 0xD800 <= code < 0xE000:
        # A lone surrogate, left by a platform that shortens names: it cannot be encoded.
        return "\ufffd"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def write_backup(directory: str, tenant: str, reported: Item) -> str:
    """Write an instance as a data file for onboard, mode 0600. Returns the path; raises InputError."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    words = (tenant, reported.get("type"), reported.get("name"), reported["id"], now)
    name = "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", str(w))[:80] for w in words if w)
    try:
        folder = full_path(directory)
        make_folders(folder)
        return _write_new(folder, name, as_data_file(tenant, [as_config(reported)]))
    except OSError as exc:
        raise _unwritable(directory, exc) from None


def prove_backup(directory: str) -> None:
    """Raise InputError if a backup cannot be written there."""
    try:
        prove_writable(os.path.join(full_path(directory), "backup.yml"))
    except OSError as exc:
        raise _unwritable(directory, exc) from None


def _unwritable(directory: str, exc: OSError) -> InputError:
    return InputError(f"backup_dir {directory} cannot be written ({exc.strerror}), so nothing was changed.")


def _write_new(folder: str, name: str, text: str) -> str:
    """Write a new file of this name, with a number added if it exists. Returns its path."""
    for number in itertools.count(1):
        path = os.path.join(folder, f"{name}{f'_{number}' if number > 1 else ''}.yml")
        with contextlib.suppress(FileExistsError):
            write_private(path, text, new=True)
            return path
    raise AssertionError("unreachable")
