# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scanned branches and scan configuration of a repository: current, desired and what to send. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import json
import re
import typing as t

from ._admitted import Raw, unreadable_within
from ._errors import InputError

# Scanner -> its options. The tenant accepts no others; it also shows git_history of secrets as a separate
# scanner (docs/api.md: repository.scanners).
SCANNERS: dict[str, tuple[str, ...]] = {"secrets": ("git_history", "secret_validation"), "sca": (), "iac": ()}
# Members that the tenant only accepts as a whole (docs/api.md: repository.scans).
WHOLE: dict[str, tuple[str, ...]] = {
    "pr_scanning": ("is_enabled", "block_on_error"),
    "tagging_bot": ("tag_module_blocks", "tag_resource_blocks"),
}
SETTINGS = ("scanned_branches", "primary_branch", "scan_configuration")


def _switches(names: t.Iterable[str]) -> Raw:
    return {name: {"type": "bool"} for name in names}


def _scanner(options: tuple[str, ...]) -> Raw:
    more = {"scan_options": {"type": "dict", "options": _switches(options)}} if options else {}
    return {"type": "dict", "options": {"is_enabled": {"type": "bool"}, **more}}


SETTINGS_SPEC: Raw = {
    "scanned_branches": {"type": "list", "elements": "str"},
    "primary_branch": {"type": "str"},
    "scan_configuration": {
        "type": "dict",
        "options": {
            "excluded_paths": {"type": "list", "elements": "str"},
            **{name: {"type": "dict", "options": _switches(parts)} for name, parts in WHOLE.items()},
            # One scanner is named secrets, but its value is not a secret.
            "scanners": {
                "type": "dict",
                "options": {
                    name: {**_scanner(options), "no_log": False} for name, options in SCANNERS.items()
                },
            },
        },
    },
}


def given(value: t.Any) -> t.Any:
    """The options without unset ones, at every level."""
    if isinstance(value, dict):
        return {k: given(v) for k, v in value.items() if v is not None}
    return value


def current_of(shown: Raw) -> Raw:
    """The current settings, in the shape of the options, of a repository as repository_info returns it: those
    that the tenant shows and accepts.
    """
    current: Raw = {}
    branches = shown.get("scanned_branches")
    if isinstance(branches, list):
        named = [b for b in branches if isinstance(b, dict) and isinstance(b.get("name"), str)]
        primary = [b["name"] for b in named if b.get("is_primary") is True]
        current["scanned_branches"] = sorted(b["name"] for b in named)
        current["primary_branch"] = primary[0] if primary else shown.get("scanned_branch")
    if isinstance(shown.get("scan_configuration"), dict):
        current["scan_configuration"] = configuration_of(shown["scan_configuration"])
    return current


def configuration_of(shown: Raw) -> Raw:
    """The parts of a scan configuration that the tenant accepts back, in the shape of the options."""
    taken: Raw = {}
    if isinstance(shown.get("excluded_paths"), list):
        taken["excluded_paths"] = sorted(map(str, shown["excluded_paths"]))
    for name, parts in WHOLE.items():
        held = shown.get(name)
        if isinstance(held, dict):
            taken[name] = {part: held[part] for part in parts if isinstance(held.get(part), bool)}
    scanners = shown.get("scanners")
    if isinstance(scanners, dict):
        taken["scanners"] = {
            name: _held_scanner(scanners, name) for name in SCANNERS if isinstance(scanners.get(name), dict)
        }
    return taken


def _held_scanner(scanners: Raw, name: str) -> Raw:
    held = scanners[name]
    scanner: Raw = {"is_enabled": held["is_enabled"]} if isinstance(held.get("is_enabled"), bool) else {}
    options = {
        k: v
        for k, v in (held.get("scan_options") or {}).items()
        if k in SCANNERS[name] and isinstance(v, bool)
    }
    history = scanners.get("git_history")
    if (
        name == "secrets"
        and "git_history" not in options
        and isinstance(history, dict)
        and isinstance(history.get("is_enabled"), bool)
    ):
        # Shown elsewhere but accepted here: left out, it might be switched off.
        options["git_history"] = history["is_enabled"]
    return {**scanner, "scan_options": options} if options else scanner


def changes_of(wanted: Raw, current: Raw, name: str) -> Raw:
    """What to send to bring a repository to the desired state, in the shape of the options: complete members,
    and only those that differ.

    wanted: SETTINGS as given; those left out are kept.
    current: as returned by current_of().
    name: the repository, for messages.
    Raises InputError where a member must be given completely, since the tenant does not show the rest of it.
    """
    changes: Raw = {}
    branches = _branches(wanted, current, name)
    if branches:
        changes.update(branches)
    held = current.get("scan_configuration", {})
    configuration: Raw = {}
    for member, value in wanted.get("scan_configuration", {}).items():
        desired = _desired(member, value, held.get(member), name)
        if desired != held.get(member):
            configuration[member] = desired
    if configuration:
        changes["scan_configuration"] = configuration
    return changes


def _branches(wanted: Raw, current: Raw, name: str) -> Raw | None:
    """Both members, since the tenant accepts them only together (docs/api.md: repository.branches); None when
    they are as desired.
    """
    if "scanned_branches" not in wanted and "primary_branch" not in wanted:
        return None
    names: list[str] = sorted(
        set((wanted if "scanned_branches" in wanted else current).get("scanned_branches") or [])
    )
    primary = wanted.get("primary_branch", current.get("primary_branch"))
    if not names:
        raise InputError(
            f"{name}: scanned_branches is empty, but at least one branch must be scanned. Deselect the "
            "repository instead."
        )
    if unreadable_within(names) or unreadable_within(primary):
        # The real name is unknown, and sending this back would set another one.
        raise InputError(
            f"{name}: the tenant shows a branch whose name cannot be read. Give scanned_branches and "
            "primary_branch."
        )
    if primary not in names:
        said = (
            f"the primary branch {primary} is"
            if primary
            else "no primary branch is shown, and primary_branch is"
        )
        raise InputError(
            f"{name}: {said} not one of scanned_branches ({', '.join(names[:5])}). Give primary_branch."
        )
    held = {
        "scanned_branches": current.get("scanned_branches"),
        "primary_branch": current.get("primary_branch"),
    }
    desired = {"scanned_branches": names, "primary_branch": primary}
    return None if held == desired else desired


def _desired(member: str, value: t.Any, held: t.Any, name: str) -> t.Any:
    if member == "excluded_paths":
        return sorted(set(value))
    if member in WHOLE:
        whole = {**(held or {}), **value}
        _refuse_parts(name, member, [part for part in WHOLE[member] if part not in whole])
        return whole
    scanners = {k: dict(v) for k, v in (held or {}).items()}
    if not scanners:
        _refuse_parts(name, member, [scanner for scanner in SCANNERS if scanner not in value])
    for scanner, parts in value.items():
        one = scanners.setdefault(scanner, {})
        options = {**one.get("scan_options", {}), **parts.get("scan_options", {})}
        one.update(parts)
        if options:
            one["scan_options"] = options
        _refuse_parts(name, f"{member}.{scanner}", [] if "is_enabled" in one else ["is_enabled"])
    return scanners


def _refuse_parts(name: str, member: str, missing: list[str]) -> None:
    if missing:
        raise InputError(
            f"{name}: the tenant takes scan_configuration.{member} only as a whole and does not show "
            f"{', '.join(missing)}: give that too. Nothing was sent for it."
        )


def narrows(changes: Raw, current: Raw) -> list[str]:
    """What would no longer be scanned."""
    told = [
        f"branch {b}"
        for b in current.get("scanned_branches") or []
        if b not in changes.get("scanned_branches", [b])
    ]
    held, wanted = current.get("scan_configuration", {}), changes.get("scan_configuration", {})
    if _off(held.get("pr_scanning"), wanted.get("pr_scanning")):
        told.append("pull requests")
    for name, scanner in wanted.get("scanners", {}).items():
        before = held.get("scanners", {}).get(name, {})
        told += [name] if _off(before, scanner) else []
        told += [
            f"{name} {option}"
            for option, on in scanner.get("scan_options", {}).items()
            if not on and before.get("scan_options", {}).get(option)
        ]
    return told + [
        f"path {p}" for p in wanted.get("excluded_paths", []) if p not in held.get("excluded_paths", [])
    ]


def _off(held: Raw | None, wanted: Raw | None) -> bool:
    return bool(held and held.get("is_enabled")) and wanted is not None and wanted.get("is_enabled") is False


def body_of(configuration: Raw) -> Raw:
    """A scan configuration in the API's shape."""
    body: Raw = {}
    for member, value in configuration.items():
        if member == "excluded_paths":
            body[_camel(member)] = value
        elif member == "scanners":
            body[member] = {name.upper(): _camels(scanner) for name, scanner in value.items()}
        else:
            body[_camel(member)] = _camels(value)
    return body


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _camels(value: t.Any) -> t.Any:
    return {_camel(k): _camels(v) for k, v in value.items()} if isinstance(value, dict) else value


def lines_of(settings: Raw, path: str = "") -> list[str]:
    """Settings as sorted lines, one per value, for a diff."""
    lines: list[str] = []
    for name, value in sorted(settings.items()):
        here = f"{path}.{name}" if path else name
        lines += (
            lines_of(value, here)
            if isinstance(value, dict)
            else [f"{here}: {json.dumps(value, ensure_ascii=False)}"]
        )
    return lines


def merged(current: Raw, changes: Raw) -> Raw:
    """The settings after the changes are applied."""
    configuration = {**current.get("scan_configuration", {}), **changes.get("scan_configuration", {})}
    return {**current, **changes, **({"scan_configuration": configuration} if configuration else {})}
