# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a report is complete: failed scans, and results in the wrong place. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import typing as t

from .._admitted import Raw
from .rules.clean import as_list, id_of, level_of, text_of
from .rules.shape import SHAPES

# Errors of an invocation, and characters of each, that a message contains.
MOST_ERRORS, MOST_TEXT = 3, 200
NOTIFICATIONS = ("toolExecutionNotifications", "toolConfigurationNotifications")
# An invocation with one of these members did not finish.
FAILURES = ("processStartFailureMessage", "exitSignalName")

_LOG = {"$schema", "version", "runs", "inlineExternalProperties", "properties"}
_RUN = set(SHAPES["run"].members) | SHAPES["run"].left_out
_OF_RESULTS = {"ruleid", "rule", "ruleindex", "message", "locations", "level", "check_id", "rule_id"}
# How deep below a run or the log misplaced results are looked for.
_DEPTH = 6


def error_of(notification: t.Any) -> Raw | None:
    """A notification with nothing but its level and text; None if it is not an error."""
    if not isinstance(notification, dict) or level_of(notification.get("level")) != "error":
        return None
    message = notification.get("message")
    message = message if isinstance(message, dict) else {"text": message}
    texts = [text_of(message.get(name)) for name in ("text", "markdown", "id")]
    texts.append(id_of(notification.get("descriptor")))
    text = next((short for text in texts if (short := _short(text, MOST_TEXT))), "")
    return {"level": "error", "message": {"text": text}}


def failures(number: int, run: Raw) -> list[str]:
    """Which invocations of a run failed, and how. number: of the run."""
    failed = []
    for index, invocation in enumerate(as_list(run.get("invocations"))):
        if not isinstance(invocation, dict):
            continue
        done, reasons = invocation.get("executionSuccessful"), []
        if done is False or text_of(done).strip().lower() in ("false", "0"):
            reasons.append("executionSuccessful is false")
        reasons += [f"{name} {_quoted(text)}" for name in FAILURES if (text := text_of(invocation.get(name)))]
        listed = [entry for name in NOTIFICATIONS for entry in as_list(invocation.get(name))]
        errors = [error["message"]["text"] for entry in listed if (error := error_of(entry))]
        shown = errors[:MOST_ERRORS]
        reasons += [f"error {_quoted(text)}" if text else "an error without a text" for text in shown]
        if reasons:
            more = " and more" if len(errors) > MOST_ERRORS else ""
            failed.append(f"runs[{number}].invocations[{index}]: {', '.join(reasons)}{more}")
    return failed


def misplaced(log: Raw, found: int) -> str:
    """The path of the first member that contains results in the wrong place; empty if there is none.

    found: number of results in the right place. If there are none, everything that looks like results counts,
        otherwise only members with a name such as `results`.
    """
    places = [("", name, value) for name, value in log.items() if name not in _LOG]
    runs = [(f"runs[{n}].", run) for n, run in enumerate(as_list(log.get("runs"))) if isinstance(run, dict)]
    places += [(where, name, value) for where, run in runs for name, value in run.items() if name not in _RUN]
    for where, name, value in places:
        if _named_results(name, value) or (not found and _holds_results(value, _DEPTH)):
            return where + _short(name)
    if not found:
        searched = _RUN - {"externalPropertyFileReferences", "properties"}
        for where, run in runs:
            for name, value in run.items():
                if name in searched and (place := _within(value, _DEPTH)):
                    return f"{where}{name}{place}"
    return ""


def _named_results(name: str, value: t.Any) -> bool:
    """Whether a list or object that is not empty has a name for results."""
    named = name.strip().lower() in ("results", "result", "runs", "run")
    return named and isinstance(value, (list, dict)) and bool(value)


def _holds_results(value: t.Any, depth: int) -> bool:
    if isinstance(value, list):
        return any(_like_a_result(entry) or (depth and _holds_results(entry, depth - 1)) for entry in value)
    if not isinstance(value, dict) or not depth:
        return False
    return any(_named_results(name, v) or _holds_results(v, depth - 1) for name, v in value.items())


def _like_a_result(value: t.Any) -> bool:
    return isinstance(value, dict) and len(_OF_RESULTS & {name.lower() for name in value}) > 1


def _within(value: t.Any, depth: int) -> str:
    """The path, below a value, of the first list of results in it; empty if there is none."""
    if isinstance(value, list) and depth:
        for number, inner in enumerate(value):
            if path := _within(inner, depth - 1):
                return f"[{number}]{path}"
    elif isinstance(value, dict) and depth:
        for name, inner in value.items():
            if _named_results(name, inner) and _holds_results(inner, 1):
                return f".{_short(name)}"
            if name not in ("rules", "properties") and (path := _within(inner, depth - 1)):
                return f".{_short(name)}{path}"
    return ""


def _quoted(text: str) -> str:
    return f'"{_short(text, MOST_TEXT)}"'


def _short(text: str, most: int = 60) -> str:
    return " ".join(text[: most * 2].split())[:most]
