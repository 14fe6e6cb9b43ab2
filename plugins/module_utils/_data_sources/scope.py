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

    included: the repositories, without duplicates, selected ones first.
    unmatched_examples: a few of the candidates that no rule matches.
    The others are numbers of repositories:
    candidates, selected: without duplicates.
    unmatched: candidates that no rule matches.
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
        result = dataclasses.asdict(self)
        rules = result.pop("verdicts")
        return {**result, "included": len(self.included), "rules": rules}


def scope_of(
    rules: list[ScopeRule], candidates: t.Iterable[str], selected: t.Sequence[str], kind: t.Any = None
) -> Scope:
    """Decide for each repository by the last rule that matches it; without one it is not included.

    candidates: names or URLs; of a URL the path counts.
    selected: the selection of the instance, read by id; its spelling is kept.
    kind: the type; its product may ignore case in names, and then rules do too.
    Raises InputError for a pattern or a name that is too long.
    """
    key = repository_key(kind)
    spelling = {key(name): name for name in reversed(selected)}
    current = dict.fromkeys(spelling[key(name)] for name in selected)
    listed = dict.fromkeys(spelling.setdefault(key(name), name) for name in map(_path_of, candidates))
    flat = [(verb, pattern) for rule in rules for verb, pattern in rule.items()]
    regexes = [pattern_of(pattern, 0 if key is str else re.IGNORECASE) for _verb, pattern in flat]
    everything = list(dict.fromkeys([*current, *listed]))
    for repository in everything:
        _refuse_long(repository, "the repository")
    matched: list[list[str]] = [[] for _rule in flat]
    overruled = [0] * len(flat)
    included: list[str] = []
    unmatched = []
    for repository in everything:
        matching = [index for index, regex in enumerate(regexes) if regex.fullmatch(repository)]
        for index in matching:
            matched[index].append(repository)
        for index in matching[:-1]:
            overruled[index] += 1
        if matching and flat[matching[-1]][0] == "include":
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
            Verdict(verb, pattern, len(names), later, sorted(names)[:EXAMPLES])
            for (verb, pattern), names, later in zip(flat, matched, overruled)
        ],
    )


def _path_of(candidate: str) -> str:
    with contextlib.suppress(ValueError):
        if "://" in candidate or "@" in candidate:
            return repository_of(candidate).path
    return candidate


def pattern_of(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A rule's pattern as a regular expression: * matches within a segment, ** also across segments.

    However many stars it has, the time it takes grows at most with the square of a name's length: from one **
    to the next, and from one * to the next, the first place that fits is as good as any later one, so _once()
    takes each such piece where it first fits, and does not try it elsewhere when something after it does not.

    flags: of re. Raises InputError for a pattern that is too long.
    """
    _refuse_long(pattern, "the pattern")
    pieces: list[list[str]] = [[]]
    for part in _PARTS.findall(pattern):
        if part.startswith("**"):
            pieces.append([])
        pieces[-1].append(part)
    names = map("n{}".format, itertools.count())
    regex = [_once(_piece(piece, names, ends=False), names) for piece in pieces[:-1]]
    return re.compile("".join([*regex, _piece(pieces[-1], names, ends=True)]), re.DOTALL | flags)


def _piece(parts: list[str], names: t.Iterator[str], *, ends: bool) -> str:
    """The regex of what is between two **.

    ends: whether it is at the end of the pattern, where what follows its last * fits in one place only.
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
    """An atomic group: its first match is final. Python has a syntax for that only from 3.11 on."""
    name = next(names)
    return f"(?=(?P<{name}>{regex}))(?P={name})" if regex else ""


def _refuse_long(text: str, what: str) -> None:
    if len(text) > LONGEST:
        raise InputError(
            f"scope_rules: {what} {text[:40]}... has {len(text)} characters; the limit is {LONGEST}."
        )
