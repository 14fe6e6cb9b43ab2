# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that leaves the process is harmless and contains no secret, in whatever spelling."""

from __future__ import annotations

import base64
import html
import json
import re
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from calling_client import ClientOf
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_server import Say, ScriptedServer

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._api import Api
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.plan import Plan
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._data_sources.show import (
    diff_of,
    plan_as_markdown,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import ApiError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.plain import one_line, plain
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._http.redaction import (
    HIDDEN,
    Redactor,
    outgoing,
)
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif import command
from starting import IN_CI

EXAMPLES = 5000 if IN_CI else 100
COMMANDS = [
    "##vso[task.setvariable variable=X]evil", "##[error]evil", "##teamcity[x]", "::error::evil", "::add-mask::a", "  ::stop-commands::x",
    "::set-output name=a::b", "section_start:1560896352:x\r\x1b[0K", "section_end:1:x",
]  # fmt: skip
# What each log reader takes for a command, wherever the line was broken before it.
TAKEN = re.compile(r"##\w*\[|::[A-Za-z][^\n]*::|section_(start|end):\d")
UNSEEN = [*range(0x20), *range(0x7F, 0xA0), *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF, 0xE0001, 0xD800]


def harmless(text: str, lines: str = "\n\t") -> bool:
    return not TAKEN.search(text) and all(char in lines or unicodedata.category(char) not in ("Cc", "Zl", "Zp", "Cs") for char in text)


@pytest.mark.parametrize("command_line", COMMANDS)
def test_no_text_is_a_command_to_a_log_reader(command_line: str) -> None:
    assert TAKEN.search(command_line)
    for text in (command_line, f"a\n{command_line}", f"x{command_line}", "#" + command_line, command_line * 2):
        assert harmless(plain(text))
        assert plain(plain(text)) == plain(text)


def test_invisible_characters_are_escaped() -> None:
    for code in UNSEEN:
        shown = plain(f"a{chr(code)}b")
        assert shown == f"a{chr(code)}b" if code in (9, 10) else shown.isprintable() and shown[2] == "u", hex(code)
    assert plain("a\r\nb") == "a\nb"
    assert one_line("a\n \r\n\n  b\x1b") == "a b\\u001b"


@pytest.mark.parametrize("text", ["std::vector", "fe80::1", "a ## b", "# heading", "Zürich \U0001f680 é", "a::b: c", "C++ & co"])
def test_other_text_is_unchanged(text: str) -> None:
    assert plain(text) == one_line(text) == text


@given(st.recursive(st.text() | st.sampled_from(COMMANDS), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_escaped_json_means_the_same(value: Any) -> None:
    text = outgoing(json.dumps(value, ensure_ascii=False))
    assert harmless(text)
    assert json.loads(text) == value


@settings(max_examples=EXAMPLES)
@given(st.text(max_size=40), st.sampled_from(COMMANDS), st.text("#:[]ab \n", max_size=20))
def test_no_surrounding_text_makes_it_a_command(before: str, command_line: str, after: str) -> None:
    assert harmless(plain(before + command_line + after))


HOSTILE = "x\n##vso[task.setvariable variable=X]evil\n::error::evil\r\x1b[2J\x9b\u202e\u2028\u200b"


def test_a_plan_has_one_line_for_each_object_whatever_its_name() -> None:
    before = {"id": "1", "type": "SNYK", "name": HOSTILE, "selection_type": HOSTILE, "repositories": [HOSTILE]}
    plan = Plan("update", before=before, after={**before, "selection_type": "MANUAL_SELECTION", "repositories": []})
    page = Redactor().text(plan_as_markdown("t.example.com", "d", [(plan, {})]))
    entry = outgoing(diff_of(plan, {}))
    for text in (page, *entry.values()):
        assert harmless(text)
        # Lines of a list's own begin with its option, and never with what somebody wrote.
        assert not any(line.lstrip("-+ ").startswith(("evil", "::", "\\u003a")) for line in text.splitlines())


def report(folder: Path, word: str) -> str:
    driver = {"name": word, "rules": [{"id": word}]}
    result = {"ruleId": word, "message": {"text": word}, "level": word, word: 1, "locations": [
        {"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1}}}]}  # fmt: skip
    path = folder / "report.sarif"
    path.write_text(json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": [result, result]}]}), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_in_a_report_is_a_command_when_it_is_checked(as_json: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (report(tmp_path, HOSTILE), str(tmp_path / "##vso[x]\x1b ::error::a\nb")):
        command.main(["check", path, *["--json"][: int(as_json)]])
        said = capsys.readouterr()
        assert said.out + said.err
        assert harmless(said.out + said.err)
        assert not any(line.startswith(("evil", "b")) for line in (said.out + said.err).splitlines())


# --- secrets ---

ENCODED: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "HTML": html.escape,
    "HTML, numbers": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "HTML, hexadecimal": lambda s: "".join(f"&#x{ord(c):x};" for c in s),
    "JSON": lambda s: json.dumps(s)[1:-1],
    "JSON, not ASCII": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "JSON of Go": lambda s: re.sub("[<>&]", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(s)[1:-1]),
    "JSON of PHP": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "Python": lambda s: repr(s)[1:-1],
    "URL": lambda s: quote(s, safe=""),
    "URL, small": lambda s: re.sub("%..", lambda m: m[0].lower(), quote(s)),
    "form": quote_plus,
    "folded": lambda s: " ".join(s.split()),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64, later": lambda s: base64.b64encode(f"u:{s}".encode()).decode(),
    "base64, latest": lambda s: base64.urlsafe_b64encode(f"ü:{s}\n".encode()).decode(),
    "base64, after one": lambda s: base64.b64encode(f":{s}:".encode()).decode(),
    "base64 in lines": lambda s: base64.encodebytes(s.encode()).decode(),
    "hexadecimal": lambda s: s.encode().hex(),
    "HEXADECIMAL": lambda s: s.encode().hex().upper(),
    "capitals": str.upper,
    "small": str.lower,
}
# A lossy spelling, or one that depends on its place, is not combined with another.
OUTER = [name for name in ENCODED if name not in ("capitals", "small", "folded")]
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSj+/AgEAAoIB\n-----END PRIVATE KEY-----\n"
KINDS = [PEM, 'p<a"s&s/w\\o+r%41d', "two  blanks and\ttab", "K\u00f6nig's <key>", "glpat-abcDEF_123-xyz",
         '{"private_key": "a\\nb/c"}', "a=b&c=d;e#f?"]  # fmt: skip


def told_nothing(told: str, secret: str, spelt: str) -> bool:
    core = re.sub(r"\s", "", spelt)
    return HIDDEN in told and core not in re.sub(r"\s", "", told) and secret not in told


@pytest.mark.parametrize("inner", ENCODED)
@pytest.mark.parametrize("secret", KINDS, ids=range(len(KINDS)))
def test_a_secret_is_masked_in_every_spelling(inner: str, secret: str) -> None:
    spelt = ENCODED[inner](secret)
    for outer in ("as it is", *OUTER):
        if inner in ("capitals", "small", "folded") and "base64" in outer:
            continue
        text = ENCODED[outer](spelt)
        told = Redactor([secret]).text(f"<p>before {text} after</p>")
        assert told_nothing(told, secret, text), (outer, told)
        assert "before" in told
        assert "after" in told


LONG_SECRETS = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffd"), min_size=8, max_size=40)
AROUND = st.text(st.characters(codec="utf-8", exclude_characters="\\&%"), max_size=20)


@settings(max_examples=EXAMPLES)
@given(LONG_SECRETS, st.sampled_from(OUTER), st.sampled_from(OUTER), AROUND, AROUND)
def test_a_secret_in_two_spellings_is_masked_whatever_surrounds_it(secret: str, inner: str, outer: str, before: str, after: str) -> None:
    if len(re.sub(r"[\s+\\]", "", secret)) < len(secret) or len(set(secret)) < 4 or re.search(r"[%&;]", secret):
        return  # found as it is alone: see the table above for those that hold signs of an escape
    text = ENCODED[outer](ENCODED[inner](secret))
    told = Redactor([secret]).text(f"{before} {text} {after}")
    assert HIDDEN in told
    assert text not in told


def test_a_short_secret_is_found_in_escapes_but_not_in_other_words() -> None:
    assert Redactor(["a<b>"]).text("x &lt; a&lt;b&gt; a\\u003cb\\u003e a%3cb%3E A<B>") == f"x &lt; {HIDDEN} {HIDDEN} {HIDDEN} A<B>"
    assert Redactor(["a b c"]).text("abc, a b c, a%20b%20c") == f"abc, {HIDDEN}, {HIDDEN}"


@pytest.mark.parametrize("url", ["https://u:p@ss@host/x", "https://u:p'a\"ss@host", "ssh://ss@host:22", "https://u:%40ss:ss@host?q#f"])
def test_all_of_the_user_part_of_a_url_is_hidden(url: str) -> None:
    told = Redactor().text(f"cloning {url} failed, ask a@b.example")
    assert "ss@" not in told
    assert "ss:" not in told
    assert f"//{HIDDEN}@host" in told
    assert "a@b.example" in told


def test_an_error_that_repeats_a_secret_is_not_shown_at_all(client_of: ClientOf) -> None:
    key = "the-tenant-key/<1>"
    for name, encode in ENCODED.items():
        for body in (f"<html>boss says {encode(key)}</html>", {"message": "boss", "details": {"sent": encode(key)}}):
            with ScriptedServer(Say(400, body)) as server, pytest.raises(ApiError) as caught:
                Api(client_of(server.url, api_key=key, retry_deadline=0.1)).list_data_sources()
            said = f"{caught.value} {caught.value.details()}"
            assert "boss" not in said, (name, said)
            assert "repeats a secret" in said, (name, said)


def test_an_error_without_a_secret_is_shown_on_one_harmless_line(client_of: ClientOf) -> None:
    for body in (HOSTILE, {"message": HOSTILE, "details": [{"loc": [HOSTILE], "msg": HOSTILE}]}):
        with ScriptedServer(Say(400, body)) as server, pytest.raises(ApiError) as caught:
            Api(client_of(server.url, retry_deadline=0.1)).list_data_sources()
        assert harmless(str(caught.value), lines="")
        assert "evil" in str(caught.value)


def test_the_search_for_secrets_takes_linear_time() -> None:
    redactor = Redactor([f"secret-number-{n}-of-many" for n in range(300)])
    for text, times in (
        ("\\", 45_000), ("%41", 15_000), ("&amp;", 9_000), ("secret-n", 6_000), ("7365", 10_000), ("://", 70_000), ("a.", 100_000),
        ("::a", 70_000), ("#", 200_000),
    ):  # fmt: skip
        began = time.process_time()
        redactor.text(text * times)
        # Where it grew with the square, the first of them would take half a minute, and most others minutes.
        assert time.process_time() - began < 10, text
