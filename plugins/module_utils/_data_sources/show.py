# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan in readable form.

Private to the collection, floor 3.
"""

from __future__ import annotations

import json
import re
import typing as t

from .._admitted import Raw
from .._http.redaction import HIDDEN, hide_secret_keys, is_masked
from .digest import destroys, fingerprint
from .fields import FIELDS, LISTS, REPORTED, Item, get, label
from .plan import Plan, left_to_tenant
from .scope import Scope

_ENDS = {"delete": "deleted", "recreate": "deleted and created again"}


def diff_of(plan: Plan, item: Item) -> dict[str, t.Any] | None:
    """One entry of Ansible's diff: before and after as sorted text, only the changes; None without changes.

    For a list it shows added and removed entries with counts, for a secret only that it will be set; at the
    end what each of the scope_rules matched.
    """
    entry = _changes(plan, item)
    if entry:
        entry["after"] += "".join(f"{line}\n" for line in scope_lines(plan.scope))
    return entry


def _changes(plan: Plan, item: Item) -> dict[str, t.Any] | None:
    if not plan.changed:
        return None
    before, after = plan.before or {}, plan.after or {}
    lines_before: list[str] = []
    lines_after: list[str] = []
    for option in REPORTED:
        current, desired = before.get(option), after.get(option)
        if not _equal(current, desired):
            lines_of = _list_lines if option in LISTS else _value_lines
            removed, added = lines_of(option, current, desired)
            lines_before += removed
            lines_after += added
    if plan.action in _ENDS:
        lines_before += _count_lines(before)
    if plan.action == "create" and left_to_tenant(item):
        lines_after.append("selection_type: (not given, left to the tenant)")
    lines_after += [*_sent_lines(plan.post, after), *_settings_lines(plan.put, after)]
    name = label(plan.before or plan.after or item)
    return {
        "before_header": name if plan.before else f"{name} (absent)",
        "after_header": f"{name} ({_ENDS[plan.action]})" if plan.action in _ENDS else name,
        "before": "".join(f"{line}\n" for line in lines_before),
        "after": "".join(f"{line}\n" for line in lines_after),
    }


PLAN_BEGINS = "# Plan for "


def plan_as_markdown(tenant: str, digest: str, plans: list[tuple[Plan, Item]]) -> str:
    """The plan as Markdown for a pull request or a ticket."""
    lines = [f"{PLAN_BEGINS}{tenant}", "", f"Digest: `{digest}`", ""]
    changes = [(plan, entry) for plan, item in plans if (entry := _changes(plan, item))]
    lines += [f"{len(changes)} of {len(plans)} data sources change.", ""]
    for plan, entry in changes:
        lines += [f"## {plan.action}: {_code(entry['before_header' if plan.before else 'after_header'])}", ""]
        if plan.action in _ENDS:
            lines += [f"This destroys: {destroys(plan)}.", ""]
        lines.append("```diff")
        lines += [f"- {line}" for line in entry["before"].splitlines()]
        lines += [f"+ {line}" for line in entry["after"].splitlines()]
        lines += [*(f"  {line}" for line in scope_lines(plan.scope)), "```", ""]
    return "\n".join(lines)


def _code(text: str) -> str:
    """As Markdown code, in which links, images and tags have no effect."""
    return "`" + text.replace("`", "'") + "`"


def scope_lines(scope: Scope | None) -> list[str]:
    """What each of the scope_rules matched, and the effect on the selection."""
    if scope is None:
        return []
    lines = []
    for index, verdict in enumerate(scope.verdicts):
        such = f", such as {', '.join(map(_text, verdict.examples))}" if verdict.examples else ""
        fewer = f", {verdict.overruled} of them decided by a later rule" if verdict.overruled else ""
        lines.append(
            f"scope_rules[{index}] {verdict.rule} {_text(verdict.pattern)}: matches "
            f"{verdict.matched}{fewer}{such}"
        )
    if scope.unmatched:
        lines.append(
            f"candidates that no rule matches: {scope.unmatched}, such as "
            f"{', '.join(map(_text, scope.unmatched_examples))}"
        )
    lines.append(
        f"scope: {len(scope.included)} included of {scope.candidates} candidates and {scope.selected} "
        f"selected; {scope.left_out} selected not included; {scope.unlisted} selected that are not "
        f"candidates, {scope.unlisted_left_out} of them not included"
    )
    return lines


def _value_lines(option: str, current: t.Any, desired: t.Any) -> tuple[list[str], list[str]]:
    old, new = current or {}, desired or {}
    # Two empty values that differ, such as None and {}, are shown as they are.
    if not isinstance(old, dict) or not isinstance(new, dict) or not (old or new):
        return _line(option, current, "current"), _line(option, desired, "new")
    keys = [k for k in sorted({*old, *new}) if not _equal(old.get(k), new.get(k))]
    return (
        [line for k in keys for line in _line(option, old.get(k), "current", k)],
        [line for k in keys for line in _line(option, new.get(k), "new", k)],
    )


def _equal(one: t.Any, other: t.Any) -> bool:
    """Equal in JSON, where 1 and true differ; in Python they are equal."""
    return one is other or _json(one) == _json(other)


def _line(option: str, value: t.Any, which: str, key: str | None = None) -> list[str]:
    """which: "current" or "new".
    key: in the dictionary that is the option's value; None for the option itself.
    """
    if value is None:
        return []
    path = option if key is None else f"{option}.{_word(key, '.:')}"
    visible = next(iter(hide_secret_keys({key or option: value}).values()))
    if visible == HIDDEN or is_masked(value):
        # Two equal lines would not be a difference.
        return [f"{path}: ({which} secret, not shown)"]
    return [f"{path}: {fingerprint(visible) if option == 'self_signed_certificate' else _text(visible)}"]


def _sent_lines(post: Raw, after: Item) -> list[str]:
    """What a creation sends and no instance shows; secrets are only named."""
    lines = []
    for field in FIELDS:
        value = get(post, field.api)
        hidden = field.write_only or get(after, field.option) is None
        if "create" in field.at and value is not None and hidden:
            lines.append(f"{field.option}: {'(set, not shown)' if field.secret else _text(value)}")
    return sorted(lines)


def _settings_lines(put: Raw, after: Item) -> list[str]:
    """The settings that an update sends but the tenant never shows, so that they do not appear as changes."""
    (field,) = (field for field in FIELDS if field.type == "dict")
    sent, visible, name = get(put, field.api) or {}, after.get(field.option) or {}, after.get("name")
    unseen = {k: v for k, v in sent.items() if k not in visible and (k, v) != ("name", name)}
    return _value_lines(field.option, None, unseen)[1] if unseen else []


def _count_lines(before: Item) -> list[str]:
    """The number of repositories of an instance, if it does not name all of them."""
    count, named = before.get("repositories_count"), before.get("repositories")
    whole = named is not None and len(named) == count
    return [] if count is None or whole else [f"repositories_count: {count}"]


# Without white space at its ends, or a quote or bracket at its beginning.
_PLAIN = re.compile(r"""[^\s"'\[{(](.*\S)?""")


def _text(value: t.Any) -> str:
    """A value as unambiguous text: a string that cannot be read as anything else, otherwise JSON."""
    if isinstance(value, str) and value.isprintable() and _PLAIN.fullmatch(value):
        try:
            json.loads(value)
        except ValueError:
            return value
    return _json(value)


def _word(text: str, separators: str) -> str:
    """A string beside others: as JSON if it contains white space or one of the separators."""
    plain = _text(text) == text and not any(char.isspace() or char in separators for char in text)
    return text if plain else _json(text)


def _json(value: t.Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _list_lines(option: str, current: t.Any, desired: t.Any) -> tuple[list[str], list[str]]:
    current, desired = current or [], desired or []
    # As text: there may be thousands, and each is looked up in the other list.
    before, after = ({json.dumps(v, sort_keys=True): v for v in values} for values in (current, desired))
    removed = sorted(_entry(v) for key, v in before.items() if key not in after)
    added = sorted(_entry(v) for key, v in after.items() if key not in before)
    return (
        ([f"{option}: {len(current)}"] if current else []) + [f"{option} - {v}" for v in removed],
        ([f"{option}: {len(desired)}"] if desired else []) + [f"{option} + {v}" for v in added],
    )


def _entry(value: t.Any) -> str:
    if isinstance(value, str):
        return _text(value)
    texts = {k: _word(v, "=") if isinstance(v, str) else _json(v) for k, v in sorted(value.items())}
    return " ".join(f"{k}={text}" for k, text in texts.items())
