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
    common: dict[str, t.Any] = {"allow_abbrev": False, "epilog": _EPILOG}
    common["formatter_class"] = argparse.RawDescriptionHelpFormatter
    about = "Check SARIF reports, or upload them to a collector of Cortex Cloud Application Security."
    top = argparse.ArgumentParser(prog="cortex-sarif", description=about, **common)
    commands = top.add_subparsers(dest="command", required=True)
    both = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in OPTIONS:
        if option.command and option.prepares:
            _add(both, option)
    both.add_argument("--json", action="store_true", help="Print the result as JSON")
    commands.add_parser("check", help="prepare and validate, send nothing", parents=[both], **common)
    send = commands.add_parser("upload", help="prepare, validate and upload", parents=[both], **common)
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


def _options(arguments: list[str] | None) -> dict[str, t.Any]:
    """The command line as a dict. Ends the process with USAGE if it is wrong."""
    top = parser()
    known, unknown = top.parse_known_args(arguments)
    command = known.command
    if unknown:
        # Without the value, and without what follows: these may be secrets.
        word = unknown[0].partition("=")[0] if unknown[0].startswith("-") else ""
        flags = [each.flag for each in OPTIONS if each.command and (each.prepares or command == "upload")]
        problem = "give all reports in front of the options."
        if word:
            problem = f"there is no option {word}.{did_you_mean(word, flags)}"
        top.error(f"{command}: {problem} Nothing was sent. cortex-sarif {command} --help lists the options.")
    return vars(known)


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit code."""
    try:
        options = _options(arguments)
    finally:
        # The parser may have written help or an error.
        _flush(sys.stdout)
        _flush(sys.stderr)
    redactor = Redactor([_environment(_TOKEN) or ""])
    code, build = FINE, None
    try:
        build = build_of(options, os.environ) if options.get("ci") else None
        with prepare(options["path"], Options.of(options)) as prepared:
            check = options["command"] == "check"
            result = _checked(prepared) if check else _upload(prepared, options, redactor, build)
        interrupted = result.pop("interrupted", False)
        if result.get("failed"):
            code = INTERRUPTED if interrupted else NOT_ACCEPTED
    except Interrupted as exc:
        result, code = exc.as_result(), INTERRUPTED
    except CortexError as exc:
        result, code = exc.as_result(), UNUSABLE if isinstance(exc, InputError) else NOT_ACCEPTED
    except KeyboardInterrupt:
        result, code = _failed("interrupted.", options), INTERRUPTED
    except Exception as exc:  # the users of a pipeline cannot do anything with a traceback
        place = traceback.extract_tb(exc.__traceback__)[-1]
        where = f"{type(exc).__name__} at {os.path.basename(place.filename)}:{place.lineno}"
        bug = f"cortex-sarif {VERSION} stopped because of a bug ({where}). Please report this line."
        result, code = _failed(bug, options), FAULT
    if build:
        result.setdefault("ci", build.as_result())
    if "msg" in result:
        result["msg"] = for_command_line(result["msg"])
    result["warnings"] = [for_command_line(text) for text in result.get("warnings", [])]
    _print(redactor.value(result), options["command"], options["json"])
    return code


def _failed(why: str, options: dict[str, t.Any]) -> dict[str, t.Any]:
    if options["command"] == "upload":
        why += " What was already accepted is kept; with --journal the next run resumes from there."
    return {"failed": True, "changed": False, "msg": why}


def _checked(prepared: Prepared) -> dict[str, t.Any]:
    # With any repository and collector, so that a fork without secrets can check its reports.
    result = upload(None, prepared, {"repository_id": "-", "branch": "any", "collector_id": "-"})
    return {**result, "changed": False}


def _upload(
    prepared: Prepared, options: dict[str, t.Any], redactor: Redactor, build: Build | None
) -> dict[str, t.Any]:
    if build and build.not_uploaded:
        # Such a build may have no secrets.
        return upload(None, prepared, options)
    params = {
        **options,
        "collector_token_id": _environment(_TOKEN_ID),
        "collector_token": _environment(_TOKEN),
    }
    if not (params["collector_token"] or _environment(f"{_TOKEN}_FILE") or params["credentials_file"]):
        raise InputError(
            f"the collector's token is missing: set {_TOKEN_ID} and {_TOKEN} (or {_TOKEN}_FILE), or give "
            "--credentials-file. Does this build have access to the secrets? Builds of forks and of "
            "unprotected branches may not."
        )
    connection = Connection(
        api_url=options["api_url"],
        ca_path=options["ca_path"],
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
    result["warnings"] = [*client.warnings, *result["warnings"]]
    return {**result, "interrupted": bool(client.interruption.reason)}


def _environment(*names: str) -> str | None:
    return next((value for name in names if (value := os.environ.get(name, "").strip())), None)


def _number(name: str, default: float) -> float:
    try:
        return float(_environment(name) or default)
    except ValueError:
        raise InputError(f"{name} must be a number.") from None


def _print(result: dict[str, t.Any], command: str, as_json: bool) -> None:
    """Print the result. If nobody reads it, that changes nothing: the exit code tells what happened."""
    if as_json:
        # Within JSON an escaped character is the same character.
        warnings, lines, failure = [], [outgoing(json.dumps(result, indent=2))], []
    else:
        warnings = [one_line(f"warning: {text}") for text in result.get("warnings", [])]
        lines = list(map(one_line, _lines(result, command)))
        failure = [one_line(f"error: {result['msg']}")] if result.get("failed") else []
    _write(sys.stderr, warnings)
    if not _write(sys.stdout, lines):
        _write(sys.stderr, ["warning: cannot write to standard output. The output would have been:", *lines])
    _write(sys.stderr, failure)


def _lines(result: dict[str, t.Any], command: str) -> t.Iterator[str]:
    """The result in readable form."""
    build = result.get("ci") or {"taken": [], "not_uploaded": None}
    for taken in build["taken"]:
        option, variables = taken["option"].replace("_", " "), ", ".join(taken["variables"])
        yield f"{build['system']}: {option} {taken['value']} (from {variables})"
    for row in result.get("uploads", []):
        part = f" (part {row['part']} of {row['parts']})" if row["parts"] > 1 else ""
        if row["resumed"]:
            outcome = "accepted in an earlier run"
        elif build["not_uploaded"]:
            outcome = "can be sent, but not by this build"
        elif command == "check":
            outcome = "can be sent"
        else:
            outcome = "accepted" if row["status"] and row["status"] < 300 else "not accepted"
        ingestion = row["ingestion"] or {}
        if ingestion.get("findings") is not None:
            findings = f"{ingestion['findings']} findings"
            outcome += f" ({ingestion['status']}, {findings})" if ingestion["status"] else f" ({findings})"
        yield f"{row['path']}{part}: {outcome}, {row['results']} results, {row['bytes']} bytes"
    for title, name in (("by level", "results_by_level"), ("changed", "normalised"), ("left out", "dropped")):
        counts = [f"{word} {count}" for word, count in result.get(name, {}).items() if count]
        if counts:
            yield f"{title}: {', '.join(counts)}"


def _write(stream: t.TextIO | None, lines: list[str]) -> bool:
    """Write lines; characters outside the stream's encoding are escaped. False if nobody reads them."""
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
        # At exit, writing what is left in the buffer would fail again and change the exit code.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
