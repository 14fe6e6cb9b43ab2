# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the requested part of a response in any known envelope. Pure.

Private to the collection, floor 1.
"""

from __future__ import annotations

import typing as t

from ._admitted import Raw, Unreadable


def _layers(body: t.Any, *names: str) -> t.Iterator[t.Any]:
    """A body and the contents of its envelopes, up to three layers deep.

    names: members that are envelopes too.
    """
    for _depth in range(3):
        yield body
        if not isinstance(body, dict):
            return
        body = _inner(body, *names)


def _inner(body: Raw, *names: str) -> t.Any:
    """The content of the outermost envelope; None if there is none."""
    return next((body[name] for name in ("data", "reply", *names) if name in body), None)


def list_in(body: t.Any) -> list[t.Any] | None:
    """The list, if there is one (docs/api.md: list.envelope)."""
    return next((layer for layer in _layers(body, "repositories") if isinstance(layer, list)), None)


def instances_in(body: t.Any) -> list[Raw] | None:
    """The list of instances; None if one has no id. An unreadable list must not count as empty, or everything
    would be created again.
    """
    items = list_in(body)
    whole = items is not None and all(isinstance(i, dict) and is_id(i.get("id")) for i in items)
    return items if whole else None


def object_in(body: t.Any) -> Raw | None:
    """The object with an id, if there is one (docs/api.md: get.root)."""
    for layer in _layers(body):
        if isinstance(layer, dict) and is_id(layer.get("id")):
            return {**layer, "id": str(layer["id"])}
    return None


def configuration_in(body: t.Any) -> Raw | None:
    """The scan configuration: the object in the innermost envelope, if there is one."""
    for _depth in range(3):
        if not isinstance(body, dict):
            return None
        inner = _inner(body, "scanConfiguration")
        if inner is None:
            return body
        body = inner
    return None


def upload_result_in(body: t.Any) -> Raw:
    """The object with the result of an upload; {} if there is none."""
    for holder in (body, body.get("reply"), body.get("data")) if isinstance(body, dict) else ():
        if isinstance(holder, dict) and {"status", "message"} & holder.keys():
            return holder
    return {}


def is_id(value: t.Any) -> bool:
    """Whether it is a text or an integer that can identify an object."""
    if isinstance(value, str):
        return bool(value.strip()) and not isinstance(value, Unreadable)
    return isinstance(value, int) and not isinstance(value, bool)
