# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, which repositories the rules of an item include. Pure: no I/O.
from __future__ import annotations

import dataclasses
import re
import typing as t

Rule = dict[str, str]  # one of include and exclude, with its pattern

EXAMPLES = 3
# The longest first: a path segment that is ** and its slash, ** anywhere else, *, and any other character.
_PARTS = re.compile(r"(?:(?<=/)|^)\*\*/|\*\*|\*|[^*]+", re.DOTALL)
_REGEX = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What came of one rule. matched: repositories it matches; overruled: those of them that a later rule decides; a few examples."""

    rule: str
    pattern: str
    matched: int
    overruled: int
    examples: list[str]


@dataclasses.dataclass(frozen=True)
class Scope:
    """What the rules make of the candidates together with what is selected now.

    included: without doubles, selected ones first. left_out: selected ones that the rules do not include. unlisted: selected ones that are
    no candidates; unlisted_left_out: those of them that the rules do not include either.
    """

    candidates: int
    selected: int
    included: list[str]
    left_out: int
    unlisted: int
    unlisted_left_out: int
    verdicts: list[Verdict]

    def as_result(self) -> dict[str, t.Any]:
        """As the modules return it."""
        counts = {k: v for k, v in dataclasses.asdict(self).items() if k not in ("included", "verdicts")}
        return {**counts, "included": len(self.included), "rules": [dataclasses.asdict(v) for v in self.verdicts]}


def resolve(rules: list[Rule], candidates: t.Iterable[str], selected: t.Iterable[str]) -> Scope:
    """Judge each repository by the last rule that matches it; without one it is not included.

    selected: what the instance, read by id, has selected. Repositories are compared as they are written, as everywhere.
    """
    listed, held = dict.fromkeys(candidates), dict.fromkeys(selected)
    everything = list(dict.fromkeys([*held, *listed]))
    compiled = [(kind, pattern, _compiled(pattern)) for rule in rules for kind, pattern in rule.items()]
    matched: list[list[str]] = [[] for _rule in compiled]
    overruled = [0] * len(compiled)
    included: list[str] = []
    for repository in everything:
        matching = [index for index, (_kind, _pattern, regex) in enumerate(compiled) if regex.fullmatch(repository)]
        for index in matching:
            matched[index].append(repository)
        for index in matching[:-1]:
            overruled[index] += 1
        if matching and compiled[matching[-1]][0] == "include":
            included.append(repository)
    left_out = set(held).difference(included)
    unlisted = set(held).difference(listed)
    return Scope(
        candidates=len(listed),
        selected=len(held),
        included=included,
        left_out=len(left_out),
        unlisted=len(unlisted),
        unlisted_left_out=len(unlisted & left_out),
        verdicts=[
            Verdict(kind, pattern, len(matched[index]), overruled[index], sorted(matched[index])[:EXAMPLES])
            for index, (kind, pattern, _regex) in enumerate(compiled)
        ],
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_REGEX.get(part, re.escape(part)) for part in _PARTS.findall(pattern)), re.DOTALL)
