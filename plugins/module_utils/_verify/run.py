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
from .asking import MOST_REQUESTS, Asking, Enough
from .evidence import CONTRADICTED, HOLDS, Evidence
from .reads import read
from .summary import summary
from .writes import write

FORMAT = 1
_HEAD = (
    "# How a tenant of Cortex Cloud Application Security answers, as cortex_cloud.appsec.verify saw it.\n# "
    "It holds no name, id, host, repository or key. docs/verify.md of the collection says what it is good "
    "for.\n"
)


def verify(
    api: Api,
    *,
    report: str | None,
    may_write: bool,
    repository_url: str | None,
    check_mode: bool,
    version: str,
) -> dict[str, t.Any]:
    """Ask the tenant; the result of the module tenant_verify.

    report: the file for the profile; None for none.
    may_write: whether one collector may be created and deleted again.
    Raises ApiError where no tenant answers, or it lets nothing be read, and keeps no report then; InputError
    for a report that cannot be written. A failure while the collector is looked at, or deleted, comes with
    the profile of what was seen.
    """
    if repository_url and not may_write:
        raise InputError(
            "verify_repository_url is given without verify_write: an upload needs a collector. Nothing was "
            "sent."
        )
    if report:
        _keep(report, None)
    evidence = Evidence()
    asking = Asking(api, evidence)
    began = time.monotonic()
    failure: CortexError | None = None
    listed = False
    writes = may_write and not check_mode
    try:
        read(asking, sparing=writes)
        listed = evidence.value("generation") is not None
        if writes and listed and not asking.has_previous():
            write(asking, repository_url)
    except (Enough, ApiError, PartlyDone) as exc:
        if not asking.answered:
            raise
        failure = None if isinstance(exc, Enough) else exc
    seconds = round(time.monotonic() - began, 1)
    profile = _profile(evidence, asking.requests, seconds, wrote=writes, version=version)
    text = api.client.redactor.text(_HEAD + as_yaml(profile))
    if report:
        _keep(report, text)
    counted = {word: list(profile["statements"].values()).count(word) for word in (HOLDS, CONTRADICTED)}
    result = {
        # The collector was deleted again, so nothing has changed.
        "changed": False,
        # As a text: among keys, names such as token_names look as if secrets stood under them.
        "profile": text,
        "requests": asking.requests,
        "seconds": seconds,
        "statements_held": counted[HOLDS],
        "statements_contradicted": counted[CONTRADICTED],
        "summary": summary(profile, may_write=may_write, check_mode=check_mode, listed=listed),
    }
    return {**result, **failure.as_result()} if failure else result


def _profile(
    evidence: Evidence, requests: int, seconds: float, *, wrote: bool, version: str
) -> dict[str, t.Any]:
    asked = {
        "requests": requests,
        "most_requests": MOST_REQUESTS,
        "seconds": seconds,
        "with_verify_write": wrote,
    }
    return {
        "profile": FORMAT,
        "collection": version,
        "asked": asked,
        "switches": evidence.switches(),
        "needed": evidence.needed(),
        "statements": evidence.statements(),
        "answers": evidence.forms,
    }


def as_yaml(tree: dict[str, t.Any], indent: str = "") -> str:
    """A tree of texts, numbers and booleans as YAML. Written here: the host that runs a module need not have
    a library for it.
    """
    lines = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            lines.append(
                f"{indent}{json.dumps(key) if not key.replace('.', '').replace('_', '').isalnum() else key}:\n"
            )
            lines.append(as_yaml(value, f"{indent}  "))
        else:
            lines.append(f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines)


def _keep(path: str, text: str | None) -> None:
    """Write the profile; None: only check that it can be written, before any request."""
    try:
        if text is None:
            prove_writable(path)
            refuse_other_file(path, _HEAD.partition("\n")[0])
        else:
            write_private(path, text)
    except OSError as exc:
        asked = "Nothing was sent" if text is None else "The tenant was asked, and nothing was changed"
        raise InputError(f"verify_report {path} cannot be written ({exc.strerror}). {asked}.") from None
