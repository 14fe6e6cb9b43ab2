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


def summary(profile: Profile, *, may_write: bool, check_mode: bool, listed: bool) -> list[str]:
    """Lines of text that contain no names."""
    asked, switches = profile["asked"], profile["switches"]
    # Not by the word unknown, which is also a value of one of them.
    known = {name: value for name, value in switches.items() if name not in profile["needed"]}
    said = list(profile["statements"].values())
    how = "one collector made and deleted" if "creation" in profile["answers"] else "reading only"
    lines = [
        f"asked        {asked['requests']} requests in {asked['seconds']} s, {how}",
        f"switches     {len(known)} of {len(switches)} known",
        f"statements   {said.count(HOLDS)} hold, {said.count(CONTRADICTED)} are contradicted, of {len(said)}",
    ]
    lines += [f"works        {line}" for line in _works(profile, listed)]
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


def _works(profile: Profile, listed: bool) -> t.Iterator[str]:
    switches, statements, answers = profile["switches"], profile["statements"], profile["answers"]
    if not listed:
        status = answers.get("list", {}).get("status", "no response")
        yield f"reading data sources: NO (status {status}); run cortex_cloud.appsec.doctor, which says why"
    else:
        yield "reading data sources: yes"
    if "repositories" in answers:
        repositories = answers["repositories"]["status"]
        yield f"reading repositories: {'yes' if repositories == 200 else f'NO (status {repositories})'}"
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
        yield f"creating a collector: NO (status {answers['creation']['status']})"
    if "upload" in answers:
        taken = statements["upload.call"] == HOLDS
        yield (
            "uploading a report: "
            f"{'yes' if taken else 'NO (status ' + str(answers['upload']['status']) + ')'}"
        )


def _different(known: dict[str, t.Any]) -> t.Iterator[str]:
    """What was seen to be otherwise than published: with the option that matters then, and the rest on one
    line.
    """
    seen = {name: value for name, value in known.items() if value != SWITCHES[name].expected}
    for name, value in seen.items():
        if SWITCHES[name].option:
            yield f"{SWITCHES[name].about} ({name}: {value}): {SWITCHES[name].option}"
    handled = [f"{name} {value}" for name, value in seen.items() if not SWITCHES[name].option]
    if handled:
        yield f"no option needed, the collection takes each: {', '.join(handled)}"
