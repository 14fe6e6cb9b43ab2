# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of repositories, data sources or settings that could make a file with them run code or become unreadable."""

from __future__ import annotations

# MARK: a file that exists once one of them has been evaluated.
_RUN = "lookup('ansible.builtin.pipe', 'touch MARK')"
TEMPLATES = [
    f"{{{{ {_RUN} }}}}",
    f"{{% set x = {_RUN} %}}",
    "{# comment #}",
    "{{",
    "}} {{ nowhere }}",
    f"a {{%- if {_RUN} %}}{{% endif %}} b",
    "{{ undefined_here }}",
    # Ansible reads such a first line as a header that sets the delimiters of templates.
    f"#jinja2:variable_start_string:'[[',variable_end_string:']]'\n[[ {_RUN} ]]",
    f"#jinja2: variable_start_string: '((', variable_end_string: '))'\n(( {_RUN} ))",
    f"#jinja2:block_start_string:'<<',block_end_string:'>>'\n<< set x = {_RUN} >>",
    # For ansible-core 2.18 one line is enough: the template follows the last colon.
    "#jinja2:variable_start_string:'[[',variable_end_string:']]',x:[[ lookup('ansible.builtin.pipe', 'touch MARK #:') ]]",
    f"#jinja2:variable_start_string:'[[',variable_end_string:']]',x:[[ {_RUN} ]]",
    f"#jinja2:line_statement_prefix:'%'\n% set x = {_RUN}",
    "#jinja2:x",
    "#jinja2:",
    "#jinja2",
    "# comment",
]
YAML = [
    "!unsafe x", "!!python/object/apply:os.system ['touch MARK']", "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  00",
    "$ANSIBLE_VAULT;1.1;AES256", "!", "&", "*", "&a", "*a", "=", "<<", "<", "~", "?", "? a", "-", "- a", ":", "a: b", "[1]", "{a: b}",
    "%TAG ! x", "@at", "`tick`", "|", ">", "---", "...", "'", '"', "\\", "\\x41", "a #b", "__ansible_unsafe", "__ansible_vault",
]  # fmt: skip
OTHER_TYPES = [
    "", " ", "1", "1.10", "007", "0o7", "0x1F", "0b1", "1_000", "1e3", "1.0e+3", "12:30:45", "1:30.5", ".inf", "-.INF", ".nan", "+1",
    "2026-01-01", "2026-01-01 10:00:00", "2026-01-01\t10:00:00Z", "2026-01-01T10:00:00-05:00", "yes", "No", "on", "y", "n", "True",
    "null", "Null", "None", "omit",
]  # fmt: skip
# YAML still reads a number with a line break after it as a number.
BROKEN = [f"{text}\n" for text in ("1", "1.0", "yes", "~", "=", "<<", "*", "null", "2026-01-01", "")]
CHARACTERS = [
    "tab\tand bell\x07", "\x00", "\x1b[31m", "\x7f", "\x85", "a\u2028b\u2029c", "\ufeff", "\u202e", "\r\n", " both ends ", "\ttab",
    "caf\u00e9 \u2603 \U0001f680", "Z\u00fcrich", "\uff5b\uff5b x \uff5d\uff5d", "\ufffe", "e\u0301",
]  # fmt: skip
# With ansible-core 2.19 or later, no module can take or return it as a key: for files only.
RESERVED = "__ansible_type"
LONG = ["k" * 1100, "{{ x }} " * 160, "\u2028" * 300]
ALL = [*TEMPLATES, *YAML, *OTHER_TYPES, *BROKEN, *CHARACTERS, *LONG]


def hostile(mark: str) -> list[str]:
    """All of them, with `mark` as the path of the file."""
    return [text.replace("MARK", mark) for text in ALL]
