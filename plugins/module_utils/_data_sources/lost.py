# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the instance of a create whose response was lost. Reads only.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .._admitted import Raw
from .._api import Api
from .._errors import ApiError, CortexError, InputError
from .differences import disagreements
from .fields import Item, get, label
from .instance import Instance
from .match import denied
from .view import Undetermined, View

FIRST_PAUSE = 1.0


def find_lost(
    api: Api, item: Item, post: Raw, known: t.Callable[[], t.Container[str]], lost: ApiError, seconds: float
) -> Instance:
    """The instance that a create made although its response was lost, read in full.

    It must not be one of the known ones, and match every given field.
    post: the body that was sent.
    known: the ids that existed before, or that this run has created since.
    seconds: how long to look for it.
    Raises `lost`, with what was found instead, unless there is exactly one.
    """
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE
    while True:
        try:
            made, doubt = _look(api, item, post, known)
        except CortexError as exc:
            made, doubt = None, f"looking for it failed ({exc})"
        if made is not None:
            return made
        left = deadline - time.monotonic()
        if left <= 0:
            hint = (
                f"It is not known whether it was created: {doubt}, in {seconds:.0f} s of looking. "
                "It was not sent again. "
                f"Look for {label(item)} in the console, then run again: the next run checks first."
            )
            raise dataclasses.replace(lost, hint=hint)
        time.sleep(min(pause, left))
        pause *= 2


def _look(
    api: Api, item: Item, post: Raw, known: t.Callable[[], t.Container[str]]
) -> tuple[Instance | None, str]:
    if "name" not in item and get(item, "domain.hostname") is None:
        return None, "nothing but its type was given, which does not distinguish it from others"
    view = View(api)
    view.load()
    before = known()
    new = [instance for instance in view.instances.values() if instance.id not in before]
    for instance in new:
        if not denied(item, instance):
            view.fetch(instance.id, label(item))
    try:
        match = view.match(item, [view.instances[one.id] for one in new if one.id in view.instances])
    except (InputError, Undetermined) as exc:  # several, or one that hides identifying fields
        return None, str(exc).rstrip(".")
    if match.instance is None:
        return None, "no new data source with these fields appeared"
    differing = disagreements(post, match.instance.raw)
    if match.warning or differing:
        other = f"shows another {' and '.join(differing)}" if differing else "hides an identifying field"
        return None, f"a new data source (id {match.instance.id}) {other}"
    return match.instance, ""
