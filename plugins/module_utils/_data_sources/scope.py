# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repositories that the rules of an item include. Pure: no I/O.

Private to the collection, floor 3.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
import typing as t

from .._addresses import repository_of
from .._errors import InputError
from .types import repository_key

ScopeRule = dict[str, str]  # include or exclude, with a pattern

EXAMPLES = 3
# Longer than any platform's names; it limits the time of a comparison.
LONGEST = 1000
# The longest first: a path segment that is ** and its slash, ** anywhere else, *, and any other character.
_PARTS = re.compile(r"(?:(?<=/)|^)\*\*/|\*\*|\*|[^*]+", re.DOTALL)
# Each matches as little as possible, which leaves the most for the rest.
_REGEX = {"**/": "(?:.*?/)??", "**": ".*?", "*": "[^/]*?"}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of one rule.

    matched: how many repositories it matches.
    overruled: how many of those a later rule decides.
    examples: a few of the matched ones.
    """

    rule: str
    pattern: str
    matched: int
    overruled: int
    examples: list[str]


@dataclasses.dataclass(frozen=True)
class Scope:
    """The result of the rules for the candidates and the current selection.

    unmatched: candidates that no rule matches.
    unmatched_examples: a few of them.
    included: the repositories, without duplicates, selected ones first. All other fields are numbers of
        repositories.
    left_out: selected ones that the rules do not include.
    unlisted: selected ones that are not candidates.
    unlisted_left_out: unlisted ones that the rules do not include either.
    """

    candidates: int
    unmatched: int
    unmatched_examples: list[str]
    selected: int
    included: list[str]
    left_out: int
    unlisted: int
    unlisted_left_out: int
    verdicts: list[Verdict]

    def as_result(self) -> dict[str, t.Any]:
        """As the modules return it."""
        counts = {k: v for k, v in dataclasses.asdict(self).items() if k not in ("included", "verdicts")}
        return {
            **counts,
            "included": len(self.included),
            "rules": [dataclasses.asdict(v) for v in self.verdicts],
        }


def scope_of(
    rules: list[ScopeRule], candidates: t.Iterable[str], selected: t.Sequence[str], kind: t.Any = None
) -> Scope:
    """Judge each repository by the last rule that matches it; without one it is not included.

    selected: the selection of the instance, read by id; its spelling is kept.
    kind: the type; its product may ignore case in names, and then rules do too. The path of a candidate URL
        counts.
    Raises InputError for a pattern or a name that is too long.
    """
    key = repository_key(kind)
    spelling = {key(name): name for name in reversed(selected)}
    current = dict.fromkeys(spelling[key(name)] for name in selected)
    listed = dict.fromkeys(spelling.setdefault(key(name), name) for name in map(_path_of, candidates))
    everything = list(dict.fromkeys([*current, *listed]))
    for rule in rules:
        for pattern in rule.values():
            _refuse_long(pattern, "the pattern")
    for repository in everything:
        _refuse_long(repository, "the repository")
    compiled = [
        (verb, pattern, _compiled(pattern, 0 if key is str else re.IGNORECASE))
        for rule in rules
        for verb, pattern in rule.items()
    ]
    matched: list[list[str]] = [[] for _rule in compiled]
    overruled = [0] * len(compiled)
    included: list[str] = []
    unmatched = []
    for repository in everything:
        matching = [
            index for index, (_verb, _pattern, regex) in enumerate(compiled) if regex.fullmatch(repository)
        ]
        for index in matching:
            matched[index].append(repository)
        for index in matching[:-1]:
            overruled[index] += 1
        if matching and compiled[matching[-1]][0] == "include":
            included.append(repository)
        if not matching and repository in listed:
            unmatched.append(repository)
    left_out = set(current).difference(included)
    unlisted = set(current).difference(listed)
    return Scope(
        candidates=len(listed),
        unmatched=len(unmatched),
        unmatched_examples=sorted(unmatched)[:EXAMPLES],
        selected=len(current),
        included=included,
        left_out=len(left_out),
        unlisted=len(unlisted),
        unlisted_left_out=len(unlisted & left_out),
        verdicts=[
            Verdict(verb, pattern, len(matched[index]), overruled[index], sorted(matched[index])[:EXAMPLES])
            for index, (verb, pattern, _regex) in enumerate(compiled)
        ],
    )


def pattern_of(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A rule's pattern: * matches within a segment, ** also across segments. Raises InputError for one that
    is too long.
    """
    _refuse_long(pattern, "the pattern")
    return _compiled(pattern, flags)


def _path_of(candidate: str) -> str:
    with contextlib.suppress(ValueError):
        if "://" in candidate or "@" in candidate:
            return repository_of(candidate).path
    return candidate


def _compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern as a regular expression that needs about the square of a name's length at most, however
    many stars it has.

    From one ** to the next, and from one * to the next, the first place that fits is as good as any later
    one. So each such piece is taken where it first fits, and not tried again elsewhere when something after
    it does not fit: that is what _once() says.
    """
    pieces: list[list[str]] = [[]]
    for part in _PARTS.findall(pattern):
        if part.startswith("**"):
            pieces.append([])
        pieces[-1].append(part)
    names = map("n{}".format, itertools.count())
    regex = [_once(_piece(piece, names, ends=False), names) for piece in pieces[:-1]]
    return re.compile("".join([*regex, _piece(pieces[-1], names, ends=True)]), re.DOTALL | flags)


def _piece(parts: list[str], names: t.Iterator[str], *, ends: bool) -> str:
    """What stands from one ** to the next.

    ends: with it the name has to end, so that what follows its last * has one place only.
    """
    last = max((at for at, part in enumerate(parts) if part == "*"), default=-1)
    regex, star = "", ""
    for at, part in enumerate(parts):
        if part == "*":
            star = _REGEX[part]
            continue
        plain = star + (_REGEX.get(part) or re.escape(part))
        regex += _once(plain, names) if star and not (ends and at > last) else plain
        star = ""
    return regex + star


def _once(regex: str, names: t.Iterator[str]) -> str:
    """What the regex first matches. Python has a shorter way to say this only from 3.11 on."""
    name = next(names)
    return f"(?=(?P<{name}>{regex}))(?P={name})" if regex else ""


def _refuse_long(text: str, what: str) -> None:
    if len(text) > LONGEST:
        raise InputError(
            f"scope_rules: {what} {text[:40]}... has {len(text)} characters; the limit is {LONGEST}."
        )
