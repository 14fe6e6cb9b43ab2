# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleans a value that is not an object: a text, a number, a level. Each repair is counted.

Private to the collection, floor 3.
"""

from __future__ import annotations

import functools
import json
import re
import typing as t
from urllib.parse import quote

from ..._admitted import Raw

# Programs that read SARIF store lines and columns in 32 bits, and cannot load larger numbers.
LARGEST = 2**31 - 1


class Noter(t.Protocol):
    """Counts the repairs."""

    def note(self, name: str, count: int = 1) -> None:
        """Count repairs of one rule."""

    def note_unknown(self, member: str) -> None:
        """Count a member that the schema does not have, which was left out."""

    def memo(self, key: tuple[t.Any, ...], make: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        """The result of make(*arguments), or of an earlier call with the same key; either way, the repairs
        that the call made are counted.
        """


# Returns the value that is sent instead, or GONE.
Check = t.Callable[[t.Any, Noter], t.Any]


class _Gone:
    """The result for a value that is not sent."""


GONE: t.Final = _Gone()

LEVELS = ("error", "warning", "note", "none")
KINDS = ("fail", "review", "open", "informational", "notApplicable", "pass")

# In lower case, without blanks, hyphens and underscores.
_LEVEL_WORDS = {
    word: level
    for level, words in {
        "error": "error err high veryhigh critical fatal blocker important emergency alert crit",
        "warning": "warning warn medium moderate major",
        "note": "note notice low verylow minor info information informational informative trivial hint "
        "suggestion recommendation",
        "none": "none",
    }.items()
    for word in words.split()
}
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_GUID = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
)
_LANGUAGE = re.compile(r"[a-zA-Z]{2}(-[a-zA-Z]{2})?")
_DOTTED = re.compile(r"[0-9]+(\.[0-9]+){3}")
_WEB = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*:[^\s]+", re.IGNORECASE)
_USERINFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@")


def as_list(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else []


def as_dict(value: t.Any) -> Raw:
    return value if isinstance(value, dict) else {}


def dicts_of(value: t.Any) -> list[Raw]:
    """The objects of a list; none for anything else."""
    return [entry for entry in as_list(value) if isinstance(entry, dict)]


def id_of(rule: t.Any) -> str:
    """The ID of a rule, taxon or reference; empty if it has none."""
    return text_of(rule.get("id")) if isinstance(rule, dict) else ""


def level_of(word: t.Any) -> str | None:
    """The SARIF level for a severity word in any usual spelling; None for an unknown word."""
    if word in LEVELS:
        return t.cast(str, word)
    return _LEVEL_WORDS.get(_plain(word)) if isinstance(word, str) else None


def _plain(word: str) -> str:
    return _BETWEEN_WORDS.sub("", word[:40]).lower()


def kind_of(word: t.Any) -> str | None:
    """The SARIF result kind for a word in any case; `fail` for no word, None for an unknown one."""
    if word is None:
        return "fail"
    plain = _plain(word) if isinstance(word, str) else ""
    return next((kind for kind in KINDS if kind.lower() == plain), None)


def text_of(value: t.Any) -> str:
    """A text, or a number as text; empty for anything else."""
    # pylint: disable-next=unidiomatic-typecheck; True is not a number in SARIF
    return value if type(value) is str else str(value) if type(value) in (int, float) else ""


def not_sent(value: t.Any, noter: Noter) -> t.Any:
    """GONE, for null or a value of the wrong type."""
    noter.note("nulls" if value is None else "wrong_types")
    return GONE


def unique(items: list[t.Any], noter: Noter) -> list[t.Any]:
    """The items without the repeated ones, in order."""
    # For short lists, comparing is much faster than serialising. That 1 equals True only costs the slow way.
    if len(items) < 2 or (len(items) < 9 and not any(items[i] in items[:i] for i in range(1, len(items)))):
        return items
    kept = {item if isinstance(item, str) else _sorted_json(item): item for item in reversed(items)}
    if len(kept) < len(items):
        noter.note("duplicates", len(items) - len(kept))
    return list(reversed(kept.values()))


_sorted_json = json.JSONEncoder(sort_keys=True).encode


def _word(words: dict[str, str], value: t.Any, noter: Noter) -> t.Any:
    right = words.get(value.lower()) if isinstance(value, str) else None
    return not_sent(value, noter) if right is None else right


def _scalar(check: Check, value: t.Any, noter: Noter) -> t.Any:
    got = GONE if value is None else check(value, noter)
    return not_sent(value, noter) if got is GONE else got


def _text(value: t.Any, noter: Noter) -> t.Any:
    if isinstance(value, str):
        return value
    text = text_of(value)
    if text:
        noter.note("wrong_types")
    return text or GONE


def _argument(value: t.Any, noter: Noter) -> str:
    """A text, or any other value as JSON: messages refer to arguments by position, so none is left out."""
    if isinstance(value, str):
        return value
    noter.note("wrong_types")
    return json.dumps(value, ensure_ascii=False)


def _level(value: t.Any, noter: Noter) -> t.Any:
    level = level_of(value)
    noter.note("level_words", int(bool(level) and level != value))
    return level or GONE


def _integer(least: int | None) -> Check:
    def check(value: t.Any, _noter: Noter) -> t.Any:
        number = whole(value)
        return GONE if number is None or (least is not None and number < least) else number

    return check


def whole(value: t.Any) -> int | None:
    """A number, or a text with a number, as an integer; None if it is not whole or exceeds 32 bits."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    if isinstance(value, str) and not (len(value) < 19 and value.isascii() and value.isdigit()):
        return None
    number = int(value)
    return number if -LARGEST <= number <= LARGEST else None


def _line(value: t.Any, noter: Noter) -> t.Any:
    number = whole(value)
    if number is None:
        return GONE
    if number < 1:
        noter.note("lines_raised")
    return max(1, number)


def _rank(value: t.Any, _noter: Noter) -> t.Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if number and -1 <= value <= 100 else GONE


def _uri(value: t.Any, _noter: Noter) -> t.Any:
    """An absolute URI without user name, password or a path of the machine that wrote it."""
    if not isinstance(value, str) or not _WEB.fullmatch(value.strip()):
        return GONE
    return quote(_USERINFO.sub(r"\1", value.strip()), safe="%/:?#[]@!$&'()*+,;=~-._")


def _matching(pattern: re.Pattern[str]) -> Check:
    return lambda value, _noter: value if isinstance(value, str) and pattern.fullmatch(value) else GONE


def _fingerprint(value: t.Any, noter: Noter) -> t.Any:
    return _text(value.get("value") if isinstance(value, dict) else value, noter)


def _bag(value: t.Any, noter: Noter) -> t.Any:
    if not isinstance(value, dict):
        return GONE
    if "tags" not in value:
        return value
    bag = dict(value)
    tags = bag.pop("tags")
    words = [tag if isinstance(tag, str) else json.dumps(tag) for tag in as_list(tags) if tag is not None]
    if words:
        bag["tags"] = unique(words, noter)
    if words != tags:
        noter.note("wrong_types")
    return bag


_SCALARS: dict[str, Check] = {
    "any": lambda value, _noter: value,
    "text": _text,
    "int": _integer(None),
    "index": _integer(-1),
    "natural": _integer(0),
    "positive": _integer(1),
    "line": _line,
    "rank": _rank,
    "bool": lambda value, _noter: value if isinstance(value, bool) else GONE,
    "level": _level,
    "kind": lambda value, _noter: kind_of(value) or GONE,
    "guid": _matching(_GUID),
    "language": _matching(_LANGUAGE),
    "dotted": _matching(_DOTTED),
    "uri": _uri,
    "fingerprint": _fingerprint,
    "bag": _bag,
}
# (type, minimum): values of exactly this type, and between minimum and LARGEST, need no check.
EXACT: dict[str, tuple[type, int | None]] = {
    "text": (str, None),
    "bool": (bool, None),
    "int": (int, -LARGEST),
    "index": (int, -1),
    "natural": (int, 0),
    "positive": (int, 1),
    "line": (int, 1),
}


def check_of(kind: str) -> Check:
    """The check for a kind of scalar, or for words joined by |."""
    if "|" in kind:
        return functools.partial(_word, {word.lower(): word for word in kind.split("|")})
    return _argument if kind == "argument" else functools.partial(_scalar, _SCALARS[kind])
