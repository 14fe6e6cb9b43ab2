# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command of cortex-sarif.pyz: the same as the module, for pipelines without Ansible.

Private to the collection, floor 3.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import traceback
import typing as t

from .._api import Api
from .._errors import CortexError, InputError, Interrupted, did_you_mean
from .._http.client import Client
from .._http.connection import Connection
from .._http.plain import one_line
from .._http.redaction import Redactor, outgoing
from .._version import VERSION
from .options import OPTIONS, Option, Options
from .prepare import Prepared, prepare
from .upload.build import Build, build_of
from .upload.sender import upload
from .wording import for_command_line

FINE, UNUSABLE, USAGE, NOT_ACCEPTED, FAULT, INTERRUPTED = 0, 1, 2, 3, 4, 130
_EPILOG = f"""exit codes: {FINE} fine; {UNUSABLE} a report or an option cannot be used, nothing was sent;
{USAGE} wrong command line; {NOT_ACCEPTED} the collector refused a report, accepted only some of its findings,
or could not be reached; earlier reports may have been accepted; {FAULT} a bug in cortex-sarif;
{INTERRUPTED} interrupted.

upload needs the Python library requests, and the collector's own token: in
CORTEXCLOUD_COLLECTOR_TOKEN_ID and CORTEXCLOUD_COLLECTOR_TOKEN (or a file that contains it, named by
CORTEXCLOUD_COLLECTOR_TOKEN_FILE), or in the file of --credentials-file. A token is never given on the
command line, where every user of the machine can read it.
check needs neither. With --ci nothing is uploaded for a pull request, a tag or a detached head: the exit
code is {FINE} if the reports can be sent."""
_TOKEN_ID, _TOKEN = "CORTEXCLOUD_COLLECTOR_TOKEN_ID", "CORTEXCLOUD_COLLECTOR_TOKEN"


def parser() -> argparse.ArgumentParser:
    """The command line. Its options are those of the module, with hyphens."""
    top = argparse.ArgumentParser(
        prog="cortex-sarif",
        description="Check SARIF reports, or upload them to a collector of Cortex Cloud Application Security.",
        epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    commands = top.add_subparsers(dest="command", required=True)
    both = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in OPTIONS:
        if option.command and option.prepares:
            _add(both, option)
    both.add_argument("--json", action="store_true", help="Print the result as JSON")
    about: dict[str, t.Any] = {
        "parents": [both],
        "allow_abbrev": False,
        "epilog": _EPILOG,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }
    commands.add_parser("check", help="prepare and validate, send nothing", **about)
    send = commands.add_parser("upload", help="prepare, validate and upload", **about)
    for option in OPTIONS:
        if option.command and not option.prepares:
            _add(send, option)
    send.add_argument(
        "--api-url",
        default=os.environ.get("CORTEXCLOUD_API_URL", ""),
        help="API URL of the tenant (CORTEXCLOUD_API_URL); needed with --collector-id",
    )
    send.add_argument(
        "--ca-path",
        default=_environment("CORTEXCLOUD_CA_PATH", "REQUESTS_CA_BUNDLE"),
        metavar="FILE",
        help="PEM file of a private certificate authority",
    )
    return top


def _add(to: argparse.ArgumentParser, option: Option) -> None:
    about: dict[str, t.Any] = {"help": option.help.replace("%", "%%")}
    if option.type == "bool":
        about["action"] = "store_true"
    else:
        about |= {"default": option.default, "choices": option.choices or None, "metavar": option.metavar}
        about |= {"type": float} if option.type == "float" else {}
        about |= {"nargs": "+"} if option.type == "list" else {}
    to.add_argument(option.name if option.required else option.flag, **about)


def _given(arguments: list[str] | None) -> dict[str, t.Any]:
    """What the command line says. Ends the process with USAGE where it cannot be understood."""
    top = parser()
    known, unknown = top.parse_known_args(arguments)
    given = vars(known)
    if unknown:
        # Its name alone: its value, or what follows it, may be a secret.
        word = unknown[0].partition("=")[0] if unknown[0].startswith("-") else ""
        flags = [
            each.flag for each in OPTIONS if each.command and (each.prepares or given["command"] == "upload")
        ]
        what = (
            f"there is no option {word}.{did_you_mean(word, flags)}"
            if word
            else "give all reports in front of the options."
        )
        top.error(
            f"{given['command']}: {what} Nothing was sent. cortex-sarif {given['command']} --help lists the options."
        )
    return given


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    try:
        given = _given(arguments)
    finally:
        # What the parser said, if anything.
        _flush(sys.stdout)
        _flush(sys.stderr)
    redactor = Redactor([_environment(_TOKEN) or ""])
    result: dict[str, t.Any]
    code, build = FINE, None
    try:
        build = build_of(given, os.environ) if given.get("ci") else None
        with prepare(given["path"], Options.of(given)) as prepared:
            result = (
                _checked(prepared)
                if given["command"] == "check"
                else _upload(prepared, given, redactor, build)
            )
        interrupted = result.pop("interrupted", False)
        if result.get("failed"):
            code = INTERRUPTED if interrupted else NOT_ACCEPTED
    except Interrupted as exc:
        result, code = exc.as_result(), INTERRUPTED
    except CortexError as exc:
        result, code = exc.as_result(), UNUSABLE if isinstance(exc, InputError) else NOT_ACCEPTED
    except KeyboardInterrupt:
        result, code = _ended("interrupted.", given), INTERRUPTED
    except Exception as exc:  # nobody who runs a pipeline can do anything with a traceback
        place = traceback.extract_tb(exc.__traceback__)[-1]
        where = f"{os.path.basename(place.filename)}:{place.lineno}"
        fault = (
            f"cortex-sarif {VERSION} stopped because of a bug ({type(exc).__name__} at {where}). Please "
            "report this line."
        )
        result, code = _ended(fault, given), FAULT
    if build:
        result.setdefault("ci", build.as_result())
    if "msg" in result:
        result["msg"] = for_command_line(result["msg"])
    result["warnings"] = [for_command_line(text) for text in result.get("warnings", [])]
    _print(redactor.value(result), given["command"], given["json"])
    return code


def _ended(why: str, given: dict[str, t.Any]) -> dict[str, t.Any]:
    stands = (
        " What was already accepted is kept; with --journal the next run resumes from there."
        if given["command"] == "upload"
        else ""
    )
    return {"failed": True, "changed": False, "msg": f"{why}{stands}"}


def _checked(prepared: Prepared) -> dict[str, t.Any]:
    # Which repository and collector is not asked for here, so that a fork without any secret can check.
    result = upload(None, prepared, {"repository_id": "-", "branch": "any", "collector_id": "-"})
    return {**result, "changed": False}


def _upload(
    prepared: Prepared, given: dict[str, t.Any], redactor: Redactor, build: Build | None
) -> dict[str, t.Any]:
    if build and build.not_uploaded:
        # Such a build may have no secrets.
        return upload(None, prepared, given)
    params = {**given, "collector_token_id": _environment(_TOKEN_ID), "collector_token": _environment(_TOKEN)}
    if not (params["collector_token"] or _environment(f"{_TOKEN}_FILE") or params["credentials_file"]):
        raise InputError(
            f"the collector's token is missing: set {_TOKEN_ID} and {_TOKEN} (or {_TOKEN}_FILE), or give "
            "--credentials-file. Does this build have access to the secrets? Builds of forks and of "
            "unprotected branches may not."
        )
    connection = Connection(
        api_url=given["api_url"],
        ca_path=given["ca_path"],
        requests_per_second=_number("CORTEXCLOUD_REQUESTS_PER_SECOND", 8.0),
        retry_deadline=_number("CORTEXCLOUD_RETRY_DEADLINE", 120.0),
        rate_limit_dir=_environment("CORTEXCLOUD_RATE_LIMIT_DIR"),
        rate_limit_url=_environment("CORTEXCLOUD_RATE_LIMIT_URL") or "",
        state_dir=_environment("CORTEXCLOUD_STATE_DIR"),
        trace_file=_environment("CORTEXCLOUD_TRACE_FILE"),
        trace_names=_environment("CORTEXCLOUD_TRACE_NAMES") or "hide",
        expected_tenant=_environment("CORTEXCLOUD_EXPECTED_TENANT"),
        user_agent=f"cortex-sarif/{VERSION}",
    )
    client = Client(connection, redactor)
    try:
        with client.interruption.signals(again=True):
            result = upload(Api(client), prepared, params, expected_tenant=connection.expected_tenant)
    finally:
        client.close()
    return {
        **result,
        "warnings": [*client.warnings, *result["warnings"]],
        "interrupted": bool(client.interruption.reason),
    }


def _environment(*names: str) -> str | None:
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


def _number(name: str, default: float) -> float:
    try:
        return float(_environment(name) or default)
    except ValueError:
        raise InputError(f"{name} must be a number.") from None


def _print(result: dict[str, t.Any], command: str, as_json: bool) -> None:
    """Say what came of it, as far as anybody listens: what was done is done, and the exit code says so
    already.
    """
    warnings = [] if as_json else [one_line(f"warning: {text}") for text in result.get("warnings", [])]
    failure = [one_line(f"error: {result['msg']}")] if result.get("failed") and not as_json else []
    # Within JSON an escaped character is the same character.
    said = (
        [outgoing(json.dumps(result, indent=2))] if as_json else list(map(one_line, _lines(result, command)))
    )
    _say(sys.stderr, warnings)
    if not _say(sys.stdout, said):
        _say(sys.stderr, ["warning: cannot write to standard output. The output would have been:", *said])
    _say(sys.stderr, failure)


def _lines(result: dict[str, t.Any], command: str) -> t.Iterator[str]:
    build = result.get("ci") or {"taken": [], "not_uploaded": None}
    for taken in build["taken"]:
        yield (
            f"{build['system']}: {taken['option'].replace('_', ' ')} {taken['value']} (from "
            f"{', '.join(taken['variables'])})"
        )
    for row in result.get("uploads", []):
        part = f" (part {row['part']} of {row['parts']})" if row["parts"] > 1 else ""
        done = (
            "can be sent"
            if command == "check"
            else "accepted"
            if row["status"] and row["status"] < 300
            else "not accepted"
        )
        done = "can be sent, but not by this build" if build["not_uploaded"] else done
        done = "accepted in an earlier run" if row["resumed"] else done
        said = row["ingestion"] or {}
        if said.get("findings") is not None:
            done += f" ({', '.join(filter(None, [said['status'], str(said['findings']) + ' findings']))})"
        yield f"{row['path']}{part}: {done}, {row['results']} results, {row['bytes']} bytes"
    for title, name in (("by level", "results_by_level"), ("changed", "normalised"), ("left out", "dropped")):
        counts = {word: count for word, count in result.get(name, {}).items() if count}
        if counts:
            yield f"{title}: {', '.join(f'{word} {count}' for word, count in counts.items())}"


def _say(stream: t.TextIO | None, lines: list[str]) -> bool:
    """Write these lines; False when the stream is closed, or nobody reads it. What it cannot encode is
    written as an escape.
    """
    if not lines:
        return True
    if stream is None:
        return False
    text, encoding = "".join(f"{line}\n" for line in lines), stream.encoding or "utf-8"
    written = False
    with contextlib.suppress(OSError, ValueError):
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        written = True
    return _flush(stream) and written


def _flush(stream: t.TextIO | None) -> bool:
    if stream is None:
        return False
    try:
        stream.flush()
    except (OSError, ValueError):
        # What is left in its buffer would fail again when the interpreter ends, and take the exit code with
        # it.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
