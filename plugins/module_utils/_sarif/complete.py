# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a report holds all that the scan found: failed scans, and results where none belong. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import typing as t

from .._admitted import Raw
from .rules.clean import level_of, text_of
from .rules.shape import SHAPES

# Of so many notifications of an invocation the first ones are told.
TOLD, TEXT_TOLD = 3, 200
NOTIFICATIONS = ("toolExecutionNotifications", "toolConfigurationNotifications")
# Members that say by being there that a scanner did not come to its end.
FAILURES = ("processStartFailureMessage", "exitSignalName")

_LOG = {"$schema", "version", "runs", "inlineExternalProperties", "properties"}
_RUN = set(SHAPES["run"].members) | SHAPES["run"].left_out
_OF_RESULTS = {"ruleid", "rule", "ruleindex", "message", "locations", "level", "check_id", "rule_id"}
# So deep below a run or the log results are looked for that stand nowhere else.
_DEPTH = 6


def error_of(notification: t.Any) -> Raw | None:
    """What has to be known of a notification; None when it is no error."""
    if not isinstance(notification, dict) or level_of(notification.get("level")) != "error":
        return None
    message, descriptor = notification.get("message"), notification.get("descriptor")
    message = message if isinstance(message, dict) else {"text": message}
    words = [message.get("text"), message.get("markdown"), message.get("id")]
    words.append(descriptor.get("id") if isinstance(descriptor, dict) else None)
    said = next((text for word in words if (text := _short(text_of(word), TEXT_TOLD))), "")
    return {"level": "error", "message": {"text": said}}


def failures(number: int, run: Raw) -> list[str]:
    """What the invocations of this run say of a scan that failed, each with its place."""
    found = []
    invocations = run.get("invocations")
    for index, invocation in enumerate(invocations if isinstance(invocations, list) else []):
        if not isinstance(invocation, dict):
            continue
        done = invocation.get("executionSuccessful")
        said = (
            ["executionSuccessful is false"]
            if done is False or text_of(done).strip().lower() in ("false", "0")
            else []
        )
        said += [f"{name} {_quoted(text)}" for name in FAILURES if (text := text_of(invocation.get(name)))]
        listed = [entry for name in NOTIFICATIONS for entry in _list(invocation.get(name))]
        errors = [error["message"]["text"] for entry in listed if (error := error_of(entry))]
        said += [f"error {_quoted(text)}" if text else "an error without a text" for text in errors[:TOLD]]
        if said:
            found.append(
                f"runs[{number}].invocations[{index}]: "
                f"{', '.join(said)}{' and more' if len(errors) > TOLD else ''}"
            )
    return found


def misplaced(log: Raw, found: int) -> str:
    """The first member that holds results where SARIF has none; empty when there is no such member. found:
    results in their place.

    Where there are none in their place, whatever looks like results counts; else only what is called so.
    """
    places = [("", name, value) for name, value in log.items() if name not in _LOG]
    runs = [(f"runs[{n}].", run) for n, run in enumerate(_list(log.get("runs"))) if isinstance(run, dict)]
    places += [(where, name, value) for where, run in runs for name, value in run.items() if name not in _RUN]
    for where, name, value in places:
        if _called_so(name, value) or (not found and _holds_results(value, _DEPTH)):
            return where + _short(name)
    if not found:
        for where, run in runs:
            for name, value in run.items():
                if (
                    name in _RUN
                    and name not in ("externalPropertyFileReferences", "properties")
                    and (place := _within(value, _DEPTH))
                ):
                    return f"{where}{name}{place}"
    return ""


def _called_so(name: str, value: t.Any) -> bool:
    return (
        name.strip().lower() in ("results", "result", "runs", "run")
        and isinstance(value, (list, dict))
        and bool(value)
    )


def _holds_results(value: t.Any, depth: int) -> bool:
    if isinstance(value, list):
        return any(_like_a_result(entry) or (depth and _holds_results(entry, depth - 1)) for entry in value)
    if not isinstance(value, dict) or not depth:
        return False
    return any(_called_so(name, inner) or _holds_results(inner, depth - 1) for name, inner in value.items())


def _like_a_result(value: t.Any) -> bool:
    return isinstance(value, dict) and len(_OF_RESULTS & {name.lower() for name in value}) > 1


def _within(value: t.Any, depth: int) -> str:
    """The way to a list that is called results, below a value; empty when there is none."""
    if isinstance(value, list) and depth:
        for number, inner in enumerate(value):
            if way := _within(inner, depth - 1):
                return f"[{number}]{way}"
    elif isinstance(value, dict) and depth:
        for name, inner in value.items():
            if _called_so(name, inner) and _holds_results(inner, 1):
                return f".{_short(name)}"
            if name not in ("rules", "properties") and (way := _within(inner, depth - 1)):
                return f".{_short(name)}{way}"
    return ""


def _quoted(text: str) -> str:
    return f'"{_short(text, TEXT_TOLD)}"'


def _short(text: str, most: int = 60) -> str:
    return " ".join(text[: most * 2].split())[:most]


def _list(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else []
