# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scanned branches and scan configuration of a repository: current, desired and the changes to send. Pure.

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


def without_unset(value: t.Any) -> t.Any:
    """The options without unset ones, at every level."""
    if isinstance(value, dict):
        return {k: without_unset(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_unset(v) for v in value]
    return value


def current_of(shown: Raw) -> Raw:
    """The current settings that the tenant shows and accepts, in the shape of the options.

    shown: the repository as repository_info returns it.
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
    accepted: Raw = {}
    if isinstance(shown.get("excluded_paths"), list):
        accepted["excluded_paths"] = sorted(map(str, shown["excluded_paths"]))
    for name, parts in WHOLE.items():
        if isinstance(shown.get(name), dict):
            accepted[name] = _switches_in(shown[name], parts)
    scanners = shown.get("scanners")
    if isinstance(scanners, dict):
        accepted["scanners"] = {
            name: _scanner_of(scanners, name) for name in SCANNERS if isinstance(scanners.get(name), dict)
        }
    return accepted


def _switches_in(shown: Raw, names: t.Iterable[str]) -> Raw:
    return {name: shown[name] for name in names if isinstance(shown.get(name), bool)}


def _scanner_of(scanners: Raw, name: str) -> Raw:
    options = _switches_in(scanners[name].get("scan_options") or {}, SCANNERS[name])
    history = scanners.get("git_history")
    if name == "secrets" and isinstance(history, dict) and isinstance(history.get("is_enabled"), bool):
        # Shown as a scanner but accepted here: without it, it might be switched off.
        options.setdefault("git_history", history["is_enabled"])
    scanner = _switches_in(scanners[name], ("is_enabled",))
    return {**scanner, "scan_options": options} if options else scanner


def changes_of(desired: Raw, current: Raw, name: str) -> Raw:
    """What to send to bring a repository to the desired state, in the shape of the options: complete members,
    and only those that differ.

    desired: any of SETTINGS; the others are kept.
    current: as returned by current_of().
    name: the repository, for messages.
    Raises InputError if a member must be given completely, since the tenant does not show the rest of it.
    """
    changes = _branches(desired, current, name)
    before = current.get("scan_configuration", {})
    configuration: Raw = {}
    for member, value in desired.get("scan_configuration", {}).items():
        after = _completed(member, value, before.get(member), name)
        if after != before.get(member):
            configuration[member] = after
    return {**changes, "scan_configuration": configuration} if configuration else changes


def _branches(desired: Raw, current: Raw, name: str) -> Raw:
    """Both members, since the tenant accepts them only together (docs/api.md: repository.branches); {} if
    they do not change.
    """
    if "scanned_branches" not in desired and "primary_branch" not in desired:
        return {}
    branches = desired.get("scanned_branches", current.get("scanned_branches"))
    names: list[str] = sorted(set(branches or []))
    primary = desired.get("primary_branch", current.get("primary_branch"))
    if not names:
        raise InputError(
            f"{name}: scanned_branches is empty, but at least one branch must be scanned. Deselect the "
            "repository instead."
        )
    if unreadable_within(names) or unreadable_within(primary):
        # Its real name is unknown, and sending this one back would set another.
        raise InputError(
            f"{name}: the tenant shows a branch whose name cannot be read. Give scanned_branches and "
            "primary_branch."
        )
    if primary not in names:
        what = f"the primary branch {primary} is"
        if not primary:
            what = "no primary branch is shown, and primary_branch is"
        raise InputError(
            f"{name}: {what} not one of scanned_branches ({', '.join(names[:5])}). Give primary_branch."
        )
    after = {"scanned_branches": names, "primary_branch": primary}
    return {} if all(current.get(k) == v for k, v in after.items()) else after


def _completed(member: str, value: t.Any, current: t.Any, name: str) -> t.Any:
    """The desired value of a member of the scan configuration, completed from its current value."""
    if member == "excluded_paths":
        return sorted(set(value))
    if member in WHOLE:
        whole = {**(current or {}), **value}
        _refuse_missing(name, member, [part for part in WHOLE[member] if part not in whole])
        return whole
    scanners = {k: dict(v) for k, v in (current or {}).items()}
    if not scanners:
        _refuse_missing(name, member, [scanner for scanner in SCANNERS if scanner not in value])
    for scanner, parts in value.items():
        one = scanners.setdefault(scanner, {})
        options = {**one.get("scan_options", {}), **parts.get("scan_options", {})}
        one.update(parts)
        if options:
            one["scan_options"] = options
        _refuse_missing(name, f"{member}.{scanner}", [] if "is_enabled" in one else ["is_enabled"])
    return scanners


def _refuse_missing(name: str, member: str, missing: list[str]) -> None:
    if missing:
        raise InputError(
            f"{name}: the tenant takes scan_configuration.{member} only as a whole and does not show "
            f"{', '.join(missing)}: give that too. Nothing was sent for it."
        )


def narrows(changes: Raw, current: Raw) -> list[str]:
    """What would no longer be scanned, such as "branch main", "pull requests" or "path vendor/"."""
    branches = current.get("scanned_branches") or []
    lost = [f"branch {b}" for b in branches if b not in changes.get("scanned_branches", [b])]
    before, after = current.get("scan_configuration", {}), changes.get("scan_configuration", {})
    if _off(before.get("pr_scanning", {}), after.get("pr_scanning", {})):
        lost.append("pull requests")
    for name, scanner in after.get("scanners", {}).items():
        old = before.get("scanners", {}).get(name, {})
        if _off(old, scanner):
            lost.append(name)
        options = old.get("scan_options", {})
        lost += [
            f"{name} {k}" for k, on in scanner.get("scan_options", {}).items() if not on and options.get(k)
        ]
    excluded = before.get("excluded_paths", [])
    return lost + [f"path {path}" for path in after.get("excluded_paths", []) if path not in excluded]


def _off(before: Raw, after: Raw) -> bool:
    return bool(before.get("is_enabled")) and after.get("is_enabled") is False


def body_of(configuration: Raw) -> Raw:
    """A scan configuration in the API's shape."""
    body: Raw = _camels(configuration)
    if "scanners" in configuration:
        scanners = configuration["scanners"].items()
        body["scanners"] = {name.upper(): _camels(scanner) for name, scanner in scanners}
    return body


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _camels(value: t.Any) -> t.Any:
    return {_camel(k): _camels(v) for k, v in value.items()} if isinstance(value, dict) else value


def lines_of(settings: Raw, path: str = "") -> list[str]:
    """Settings as sorted lines, one per value, for a diff."""
    lines: list[str] = []
    for name, value in sorted(settings.items()):
        here = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            lines += lines_of(value, here)
        else:
            lines.append(f"{here}: {json.dumps(value, ensure_ascii=False)}")
    return lines


def merged(current: Raw, changes: Raw) -> Raw:
    """The settings after the changes are applied."""
    configuration = {**current.get("scan_configuration", {}), **changes.get("scan_configuration", {})}
    return {**current, **changes, **({"scan_configuration": configuration} if configuration else {})}
