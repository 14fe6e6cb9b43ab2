# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, a plan as people read it.
from __future__ import annotations

import base64
import hashlib
import json
import typing as t

from .._http.redaction import HIDDEN, hide_secret_keys, is_masked
from .fields import SHOWN, Item, Raw, get, label
from .plan import Plan
from .scope import Scope
from .types import DESTROYED, known

_ENDS = {"delete": "deleted", "recreate": "deleted and created again"}


def diff_of(plan: Plan, item: Item) -> dict[str, t.Any] | None:
    """One entry of Ansible's diff: before and after as text, only what changes, sorted; None when nothing does.

    Of a list only what comes and goes is shown, with counts; of a secret that it will be set. After that, what each of the scope_rules
    matched.
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
    for option in SHOWN:
        held, wanted = before.get(option), after.get(option)
        if held == wanted:
            continue
        shown = _list_lines if option in ("repositories", "external_projects") else _value_lines
        removed, added = shown(option, held, wanted)
        lines_before += removed
        lines_after += added
    if plan.post:
        lines_after += [f"{'.'.join(path)}: (set, not shown)" for path in _write_only(plan.post)]
    name = label(plan.before or plan.after or item)
    return {
        "before_header": name if plan.before else f"{name} (absent)",
        "after_header": f"{name} ({_ENDS[plan.action]})" if plan.action in _ENDS else name,
        "before": "".join(f"{line}\n" for line in lines_before),
        "after": "".join(f"{line}\n" for line in lines_after),
    }


def digest_of(tenant: str, plans: list[tuple[Plan, Item]]) -> str:
    """A short name for exactly this plan on this tenant: the same in check mode and for real; without secrets."""
    # Without the rules' counts: what is applied is the list, however many candidates there were.
    told = [_changes(plan, item) for plan, item in plans if plan.changed]
    digest = hashlib.sha256(json.dumps([tenant, told], sort_keys=True).encode()).hexdigest()[:16]
    # Begins with a letter: a controller hands it on as YAML, where digits alone would be a number and no text any more.
    return f"{'abcdef'[int(digest[0], 16) % 6]}{digest[1:]}"


def plan_as_markdown(tenant: str, digest: str, plans: list[tuple[Plan, Item]]) -> str:
    """The plan as a page for a pull request or a ticket."""
    lines = [f"# Plan for {tenant}", "", f"Digest: `{digest}`", ""]
    changes = [(plan, entry) for plan, item in plans if (entry := _changes(plan, item))]
    lines += [f"{len(changes)} of {len(plans)} data sources change.", ""]
    for plan, entry in changes:
        lines += [f"## {plan.action}: {_code(entry['before_header' if plan.before else 'after_header'])}", ""]
        if plan.action in _ENDS:
            lines += [f"This destroys: {destroys(plan)}.", ""]
        lines += ["```diff"]
        lines += [f"- {line}" for line in entry["before"].splitlines()] + [f"+ {line}" for line in entry["after"].splitlines()]
        lines += [*(f"  {line}" for line in scope_lines(plan.scope)), "```", ""]
    return "\n".join(lines)


def _code(text: str) -> str:
    """As code of Markdown, in which nothing is a link, an image or a tag."""
    return "`" + text.replace("`", "'") + "`"


def destroys(plan: Plan) -> str:
    """What goes with the instance that a plan deletes (docs/api.md: delete.destroys)."""
    kind = known((plan.before or {}).get("type"))
    return kind.destroys if kind else DESTROYED


def scope_lines(scope: Scope | None) -> list[str]:
    """What each of the scope_rules matched, and what they mean for what is selected."""
    if scope is None:
        return []
    lines = []
    for index, verdict in enumerate(scope.verdicts):
        such = f", such as {', '.join(map(_text, verdict.examples))}" if verdict.examples else ""
        fewer = f", {verdict.overruled} of them decided by a later rule" if verdict.overruled else ""
        lines.append(f"scope_rules[{index}] {verdict.rule} {_text(verdict.pattern)}: matches {verdict.matched}{fewer}{such}")
    lines.append(
        f"scope: {len(scope.included)} included of {scope.candidates} candidates and {scope.selected} selected; "
        f"{scope.left_out} selected not included; {scope.unlisted} selected that are no candidates, {scope.unlisted_left_out} of them "
        "not included"
    )
    return lines


def _value_lines(option: str, held: t.Any, wanted: t.Any) -> tuple[list[str], list[str]]:
    if not isinstance(held or {}, dict) or not isinstance(wanted or {}, dict):
        return _line(option, held, "held"), _line(option, wanted, "new")
    held, wanted = held or {}, wanted or {}
    keys = [k for k in sorted({*held, *wanted}) if held.get(k) != wanted.get(k)]
    return (
        [line for k in keys for line in _line(f"{option}.{k}", held.get(k), "held")],
        [line for k in keys for line in _line(f"{option}.{k}", wanted.get(k), "new")],
    )


def _line(path: str, value: t.Any, which: str) -> list[str]:
    if value is None:
        return []
    shown = next(iter(hide_secret_keys({path.rsplit(".", 1)[-1]: value}).values()))
    if shown == HIDDEN or is_masked(value):
        # Two equal lines would be no difference.
        return [f"{path}: ({which} secret, not shown)"]
    return [f"{path}: {fingerprint(shown) if path == 'self_signed_certificate' else _text(shown)}"]


def fingerprint(certificate: str) -> str:
    """How a PEM certificate is shown: the SHA-256 of what is in it, as browsers and openssl write it; of its text if it is no PEM."""
    body = "".join(line for line in certificate.split("\n") if line.strip() and not line.startswith("-----"))
    try:
        content = base64.b64decode("".join(body.split()), validate=True)
    except ValueError:
        content = "".join(certificate.split()).encode()
    digest = hashlib.sha256(content).hexdigest().upper()
    return "SHA-256 " + ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def _text(value: t.Any) -> str:
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _list_lines(option: str, held: t.Any, wanted: t.Any) -> tuple[list[str], list[str]]:
    held, wanted = held or [], wanted or []
    # As text: there may be thousands, and each is looked up among the others.
    before, after = ({json.dumps(v, sort_keys=True): v for v in values} for values in (held, wanted))
    gone = sorted(_entry(v) for key, v in before.items() if key not in after)
    come = sorted(_entry(v) for key, v in after.items() if key not in before)
    return (
        ([f"{option}: {len(held)}"] if held else []) + [f"{option} - {v}" for v in gone],
        ([f"{option}: {len(wanted)}"] if wanted else []) + [f"{option} + {v}" for v in come],
    )


def _entry(value: t.Any) -> str:
    return _text(value) if isinstance(value, str) else " ".join(f"{k}={_text(v)}" for k, v in sorted(value.items()))


def _write_only(post: Raw) -> list[tuple[str, ...]]:
    return [("credentials", k) for k in sorted(get(post, "credentials") or {})]
