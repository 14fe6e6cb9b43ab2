# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an approval covers: the requests of a plan, without their secrets, and their digest. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import typing as t

from .._admitted import Raw
from .._errors import InputError
from .._http.redaction import looks_secret
from .fields import FIELDS, LISTS, REPORTED, get, put
from .plan import Plan
from .types import DESTROYED, known

DIGITS = 32
_METHODS = {"create": "POST", "update": "PUT", "recreate": "DELETE, POST", "delete": "DELETE"}
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")


def digest_of(tenant: str, plans: t.Iterable[Plan]) -> str:
    """The digest of these requests to this tenant, in check mode too: 32 hexadecimal digits."""
    digest = hashlib.sha256(canonical([tenant, requests_of(plans)]).encode()).hexdigest()[:DIGITS]
    # It starts with a letter: a controller passes it on as YAML, where digits alone would be a number.
    return f"{'abcdef'[int(digest[0], 16) % 6]}{digest[1:]}"


def refuse_another(approved: str, digest: str) -> None:
    """Raises InputError unless the approved digest is the digest of this plan."""
    approved = approved.strip()
    if approved == digest:
        return
    if not approved:
        raise InputError(f"plan_digest is blank; the digest of this plan is {digest}. Nothing was changed.")
    if re.fullmatch("[0-9a-f]{16}", approved):
        raise InputError(
            f"plan_digest {approved} is from an earlier version of this collection, whose digests did not "
            "cover all that is sent: plan again and have the new plan approved. Nothing was changed."
        )
    raise InputError(
        f"plan_digest ({approved}) is not the digest of this plan, which is {digest}. The tenant or the "
        "items have changed since the approval. Look at the new plan. Nothing was changed."
    )


def canonical(value: t.Any) -> str:
    """One text per JSON value: keys sorted, no blanks; a number differs from a string."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def requests_of(plans: t.Iterable[Plan]) -> list[Raw]:
    """The requests of the plans, in order: method, id, type, bodies, and what each one replaces or removes.

    A secret is replaced by the word "set": plans that differ only in secrets are the same. A certificate is
    replaced by its fingerprint. Lists of repositories and mappings are sorted: their order does not matter.
    """
    return [_request(plan) for plan in plans if plan.changed]


def _request(plan: Plan) -> Raw:
    before, after = plan.before or {}, plan.after or {}
    ends = plan.action in ("delete", "recreate")
    replaced = [o for o in REPORTED if o in before and (ends or before[o] != after.get(o))]
    request: Raw = {
        "method": _METHODS[plan.action],
        "id": before.get("id"),
        "type": before.get("type") or after.get("type"),
        "post": _open_body(plan.post),
        "put": _open_body(plan.put),
        "replaces": {option: _open(option, before[option]) for option in replaced},
    }
    if ends:
        request.update(destroys=destroys(plan), repositories=before.get("repositories_count"))
    return request


def destroys(plan: Plan) -> str:
    """What is deleted along with the instance that a plan deletes (docs/api.md: delete.destroys)."""
    kind = known((plan.before or {}).get("type"))
    return kind.destroys if kind else DESTROYED


def _open_body(body: Raw) -> Raw:
    """A request body without its secrets."""
    open_body: Raw = {}
    for field in FIELDS:
        value = get(body, field.api)
        if value is not None:
            put(open_body, field.api, "set" if field.secret else _open(field.option, value))
    for name, value in body.items():
        # Not a field of the table, or given as null.
        open_body.setdefault(name, _without_secrets(value))
    return open_body


def _open(option: str, value: t.Any) -> t.Any:
    if option == "self_signed_certificate" and isinstance(value, str):
        return fingerprint(value)
    if option in LISTS and isinstance(value, list):
        return sorted(value, key=canonical)
    return _without_secrets(value)


def _without_secrets(value: t.Any, secret: bool = False) -> t.Any:
    if isinstance(value, dict):
        return {key: _without_secrets(inner, secret or looks_secret(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner, secret) for inner in value]
    return "set" if secret and value not in (None, "") and not isinstance(value, bool) else value


def fingerprint(certificate: str) -> str:
    """The SHA-256 of each PEM certificate of a chain, as browsers and openssl write it.

    Text that is not a PEM certificate gets the SHA-256 of the text without blanks and line ends.
    """
    bodies, rest = _PEM.findall(certificate.strip()), _PEM.sub("", certificate.strip())
    try:
        contents = [base64.b64decode("".join(body.split()), validate=True) for body in bodies]
    except ValueError:
        contents = []
    if rest or not contents:
        text = "".join(certificate.split())
        return f"of no certificate, SHA-256 {_colons(text.encode('utf-8', 'surrogatepass'))}"
    return ", ".join(f"SHA-256 {_colons(content)}" for content in contents)


def _colons(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))
