# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, from a file to a SARIF document, or to one line that says where it is broken.
from __future__ import annotations

import codecs
import json
import math
import os
import re
import stat
import typing as t

from .._errors import InputError

Raw = dict[str, t.Any]

LARGEST_FILE = 200_000_000
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)|[{}\[\],:]|-?(?:NaN|Infinity)', re.DOTALL)
_HALF = re.compile(r"\\u[dD][89abAB]")
_LONE = re.compile("[\ud800-\udfff]")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
         (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip


class Document(t.NamedTuple):
    """A SARIF 2.1.0 log, what had to be changed to read it (counter name -> times), and what the user should know."""

    log: Raw
    counts: dict[str, int]
    warnings: list[str]


def read(path: str) -> Document:
    """A SARIF file of at most LARGEST_FILE bytes. Raises InputError, with the path, the place (byte, JSON path) and what to do."""
    try:
        return parse(_bytes(path))
    except InputError as exc:
        raise InputError(f"{path}: {exc}") from None


def _bytes(path: str) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError("is no regular file. Give a SARIF file.")
        size = os.path.getsize(path)
        if size > LARGEST_FILE:
            raise InputError(
                f"is {size / 1e6:.0f} MB; files over {LARGEST_FILE / 1e6:.0f} MB are not read. "
                "Have the scanner leave out data-flow paths, or scan less per file."
            )
        with open(path, "rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as exc:
        raise InputError(f"cannot be read: {exc.strerror}.") from None


def parse(content: bytes) -> Document:
    """As C(read), from the bytes of a file; the messages lack the path."""
    counts: dict[str, int] = {}
    text, encoding, skipped = _decode(content)
    if skipped or encoding != "utf-8":
        counts["encoding"] = 1
    repeated: list[str] = []

    def members(pairs: list[tuple[str, t.Any]]) -> Raw:
        made = dict(pairs)
        if len(made) != len(pairs):
            names = [name for name, _value in pairs]
            repeated.extend(name for name in made if names.count(name) > 1)
        return made

    def place(position: int) -> str:
        return f"at byte {skipped + len(text[:position].encode(encoding, 'surrogatepass'))}{_inside(text, position)}"

    try:
        log = json.loads(text, object_pairs_hook=members, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as exc:
        raise InputError(_broken(text, exc, place)) from None
    except _Constant as exc:
        position = next((m.start() for m in _TOKEN.finditer(text) if m[0][0] in "-NI"), 0)
        raise InputError(f"not JSON: {exc} {place(position)}. JSON has no such number: the scanner wrote it wrongly.") from None
    except RecursionError:
        raise InputError("is nested too deeply to be a SARIF file.") from None
    except ValueError:
        number = re.search(r"\d{4000,}", text)
        where = place(number.start()) if number else "somewhere"
        raise InputError(f"holds a number too large to read {where}. No SARIF file needs that.") from None
    if _HALF.search(text):
        log = _whole_characters(log, counts)
    warnings = []
    if repeated:
        counts["duplicate_keys"] = len(repeated)
        names = list(dict.fromkeys(repeated))
        warnings.append(f"names that stand twice in one object, of which the last counts: {', '.join(names[:5])}.")
    if counts.get("lone_surrogates"):
        warnings.append(f"{counts['lone_surrogates']} texts held half a character, which became U+FFFD.")
    return Document(_sarif(log), counts, warnings)


def _decode(content: bytes) -> tuple[str, str, int]:
    """The text, its encoding, and the length of the byte order mark in front of it."""
    if not content.strip(b" \t\r\n\0"):
        raise InputError("is empty. Did the scanner finish?")
    mark, encoding = next((pair for pair in _BOMS if content.startswith(pair[0])), (b"", json.detect_encoding(content[:4])))
    try:
        return content[len(mark) :].decode(encoding), encoding, len(mark)
    except UnicodeDecodeError as exc:
        name = encoding.upper()
        raise InputError(f"is not {name}: byte {len(mark) + exc.start} is wrong. Have the scanner write UTF-8.") from None


class _Constant(Exception):
    pass


def _refuse_constant(name: str) -> t.NoReturn:
    raise _Constant(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Constant(f"the number {text[:20]}")
    return number


def _broken(text: str, exc: json.JSONDecodeError, place: t.Callable[[int], str]) -> str:
    start = text.lstrip()
    if start.startswith("<"):
        kind = "HTML" if re.match(r"<(?:!doctype html|html)", start, re.IGNORECASE) else "XML or HTML"
        return f"not JSON but {kind}: the file starts with `<`. Was an error page saved, or another output format chosen?"
    if not start.startswith(("{", "[")):
        return f"not JSON: the file starts with {start[:12]!r}. Are there log lines in front of the report? Write them to another file."
    if exc.msg.startswith("Extra data"):
        return f"not JSON: more text follows the end of the report {place(exc.pos)}. Write log lines, or a second report, to another file."
    rest = text[exc.pos :].strip()
    if exc.msg.startswith("Unterminated") or not rest or (len(rest) < 12 and re.fullmatch(r"[a-z]+|[-+.\deE]+|\\u?[\da-fA-F]*", rest)):
        return f"not JSON: the file ends {place(len(text))}. Was it cut off (the scanner stopped, the disk was full)?"
    return f"not JSON: {exc.msg.lower()} {place(exc.pos)} (line {exc.lineno}, column {exc.colno})."


def _inside(text: str, position: int) -> str:
    """The JSON path of the value that a position of a broken JSON text lies in, such as C( inside runs[0].results[12].message)."""
    stack: list[int | str] = []
    name: str | None = None
    for match in _TOKEN.finditer(text, 0, position):
        sign = match[0]
        if sign[0] == '"':
            name = sign
        elif sign in "{[":
            stack.append("" if sign == "{" else 0)
        elif sign in "}]":
            del stack[-1:]
        elif sign == ":" and stack and isinstance(stack[-1], str):
            stack[-1] = (name or '""')[1:-1]
        elif sign == "," and stack:
            stack[-1] = stack[-1] + 1 if isinstance(stack[-1], int) else ""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step[:60]}" for step in stack[:12] if step != "")
    return f" inside {path.lstrip('.')}" if path else ""


def _whole_characters(value: t.Any, counts: dict[str, int]) -> t.Any:
    if isinstance(value, str):
        fixed = _LONE.sub("\ufffd", value)
        if fixed != value:
            counts["lone_surrogates"] = counts.get("lone_surrogates", 0) + 1
        return fixed
    if isinstance(value, dict):
        return {_LONE.sub("\ufffd", k): _whole_characters(v, counts) for k, v in value.items()}
    return [_whole_characters(v, counts) for v in value] if isinstance(value, list) else value


def _sarif(log: t.Any) -> Raw:
    if not isinstance(log, dict):
        raise InputError("is JSON but not SARIF: it holds no object with version and runs.")
    version = log.get("version")
    if "version" not in log and "runs" not in log:
        raise InputError("is JSON but not SARIF: it has neither version nor runs. Choose SARIF as the scanner's output format.")
    if version is None:
        raise InputError('has no version: the collector takes "2.1.0" only, and guessing it could misread the file. Use a newer scanner.')
    if version != "2.1.0":
        raise InputError(
            f"is SARIF {str(version)[:20]!r}; the collector takes only 2.1.0. Convert it: "
            "sarif-multitool rewrite FILE --sarif-output-version Current --output NEW."
        )
    return log
