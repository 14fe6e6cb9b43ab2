# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile in readable form: what works, what is different, and which option helps.

Private to the collection, floor 3.
"""

from __future__ import annotations

import typing as t

from .evidence import CONTRADICTED, HOLDS, UNKNOWN
from .switches import SWITCHES, WRITE

Profile = dict[str, t.Any]


def summary(profile: Profile, *, may_write: bool, check_mode: bool) -> list[str]:
    """The profile in a few lines, without any names.

    may_write: whether verify_write is set. check_mode: whether nothing was written because of check mode.
    """
    asked, switches = profile["asked"], profile["switches"]
    # One switch has the value unknown, so that word does not show which are known.
    known = {name: value for name, value in switches.items() if name not in profile["needed"]}
    words = list(profile["statements"].values())
    hold, contradict = words.count(HOLDS), words.count(CONTRADICTED)
    how = "one collector made and deleted" if "creation" in profile["answers"] else "reading only"
    lines = [
        f"asked        {asked['requests']} requests in {asked['seconds']} s, {how}",
        f"switches     {len(known)} of {len(switches)} known",
        f"statements   {hold} hold, {contradict} are contradicted, of {len(words)}",
    ]
    lines += [f"works        {line}" for line in _works(profile)]
    lines += [f"different    {line}" for line in _different(known)]
    contradicted = [name for name, word in profile["statements"].items() if word == CONTRADICTED]
    if contradicted:
        lines.append(f"docs/api.md  is contradicted in {', '.join(contradicted)}")
    if not may_write:
        hidden = sum(name not in known for name, switch in SWITCHES.items() if switch.seen == WRITE)
        lines.append(
            f"more         {hidden} more switches can be seen with verify_write: true, which makes one "
            "collector and deletes it"
        )
    elif check_mode:
        lines.append("more         nothing was written in check mode")
    elif switches["generation"] == "previous":
        lines.append("more         nothing was written: a tenant of the previous generation creates nothing")
    return lines


def _works(profile: Profile) -> t.Iterator[str]:
    """What this key can do with this tenant, one line each."""
    switches, statements, answers = profile["switches"], profile["statements"], profile["answers"]

    def outcome(works: bool, what: str) -> str:
        return "yes" if works else f"NO (status {answers.get(what, {}).get('status', 'no response')})"

    listed = switches["generation"] != UNKNOWN
    advice = "" if listed else "; run cortex_cloud.appsec.doctor, which says why"
    yield f"reading data sources: {outcome(listed, 'list')}{advice}"
    if "repositories" in answers:
        works = answers["repositories"]["status"] == 200
        yield f"reading repositories: {outcome(works, 'repositories')}"
    if not listed:
        return
    if switches["generation"] == "previous":
        yield (
            "creating data sources: NO, the previous generation of the API has no creation; updating and "
            "deleting: not tried"
        )
    elif switches["read_only"] is False:
        deleted = switches["delete_status"] != UNKNOWN
        yield f"creating, updating and deleting a collector: {'yes' if deleted else 'not to the end'}"
    elif "creation" in answers:
        yield f"creating a collector: {outcome(False, 'creation')}"
    if "upload" in answers:
        yield f"uploading a report: {outcome(statements['upload.call'] == HOLDS, 'upload')}"


def _different(known: dict[str, t.Any]) -> t.Iterator[str]:
    """Values other than the published ones: a line for each that needs an option, one for the others."""
    handled = []
    for name, value in known.items():
        switch = SWITCHES[name]
        if value != switch.expected and switch.option:
            yield f"{switch.about} ({name}: {value}): {switch.option}"
        elif value != switch.expected:
            handled.append(f"{name} {value}")
    if handled:
        yield f"no option needed, the collection takes each: {', '.join(handled)}"
