# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One verification: makes the requests, the profile and the summary.

Private to the collection, floor 3.
"""

from __future__ import annotations

import json
import time
import typing as t

from .._api import Api
from .._errors import ApiError, CortexError, InputError, PartlyDone
from .._files import prove_writable, refuse_other_file, write_private
from .asking import MOST_REQUESTS, Asking, OutOfRequests
from .evidence import CONTRADICTED, HOLDS, Evidence
from .reads import read
from .summary import Profile, summary
from .writes import write

FORMAT = 1
_HEAD = """\
# How a tenant of Cortex Cloud Application Security answers, as cortex_cloud.appsec.verify saw it.
# It holds no name, id, host, repository or key. docs/verify.md of the collection says what it is good for.
"""


def verify(
    api: Api,
    *,
    report: str | None,
    may_write: bool,
    repository_url: str | None,
    check_mode: bool,
    version: str,
) -> dict[str, t.Any]:
    """Make the requests; the result of the module tenant_verify.

    report: the file for the profile; None for none.
    may_write: whether one collector may be created and deleted again.
    repository_url: uploads a report for this repository to the collector; None for no upload.
    version: of the collection.

    Raises ApiError if no tenant responds or nothing may be read, and writes no profile then; InputError if
    the profile cannot be written. After a later failure the result contains the error and the profile.
    """
    if repository_url and not may_write:
        raise InputError(
            "verify_repository_url is given without verify_write: an upload needs a collector. Nothing was "
            "sent."
        )
    if report:
        _write(report, None)
    evidence = Evidence()
    asking = Asking(api, evidence)
    began = time.monotonic()
    failure: CortexError | None = None
    writes = may_write and not check_mode
    try:
        read(asking, sparing=writes)
        if writes and evidence.value("generation") == "current":
            write(asking, repository_url)
    except (OutOfRequests, ApiError, PartlyDone) as exc:
        if not asking.answered:
            raise
        failure = None if isinstance(exc, OutOfRequests) else exc
    profile: Profile = {
        "profile": FORMAT,
        "collection": version,
        "asked": {
            "requests": asking.requests,
            "most_requests": MOST_REQUESTS,
            "seconds": round(time.monotonic() - began, 1),
            "with_verify_write": writes,
        },
        "switches": evidence.switches(),
        "needed": evidence.needed(),
        "statements": evidence.statements(),
        "answers": evidence.forms,
    }
    text = api.client.redactor.text(_HEAD + as_yaml(profile))
    if report:
        _write(report, text)
    statements = list(profile["statements"].values())
    result = {
        # The collector was deleted again, so nothing has changed.
        "changed": False,
        # As text: as keys, names such as token_names would look like those of secrets.
        "profile": text,
        "requests": asking.requests,
        "seconds": profile["asked"]["seconds"],
        "statements_held": statements.count(HOLDS),
        "statements_contradicted": statements.count(CONTRADICTED),
        "summary": summary(profile, may_write=may_write, check_mode=check_mode),
    }
    return {**result, **failure.as_result()} if failure else result


def as_yaml(tree: dict[str, t.Any], indent: str = "") -> str:
    """A tree of texts, numbers and booleans as YAML. The host that runs a module may have no YAML library."""
    lines = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            name = key if key.replace(".", "").replace("_", "").isalnum() else json.dumps(key)
            lines += [f"{indent}{name}:\n", as_yaml(value, f"{indent}  ")]
        else:
            lines.append(f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines)


def _write(path: str, text: str | None) -> None:
    """Write the profile. None: only check that it can be written, before any request."""
    try:
        if text is None:
            prove_writable(path)
            refuse_other_file(path, _HEAD.partition("\n")[0])
        else:
            write_private(path, text)
    except OSError as exc:
        sent = "Nothing was sent" if text is None else "The tenant was asked, and nothing was changed"
        raise InputError(f"verify_report {path} cannot be written ({exc.strerror}). {sent}.") from None
