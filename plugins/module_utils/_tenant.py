# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this key usable with this tenant? Reads only.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ._api import Api
from ._errors import ApiError
from ._http.answers import CLOCK_SKEW_WORTH_A_HINT
from ._http.plain import one_line

_NO_TENANT = "The host does not answer a tenant's healthcheck either: api_url may not be the URL of a tenant."


def examine(api: Api) -> dict[str, t.Any]:
    """What the key is allowed to do, as far as reads show: the result of the module tenant_info.

    A refused key is a result (authenticated false, with a hint); a tenant that cannot be reached raises
    ApiError.
    """
    found: dict[str, t.Any] = {
        "host": api.tenant,
        "healthcheck": None,
        "generation": None,
        "api_key_type": api.client.connection.api_key_type,
        "authenticated": False,
        "can_read": None,
        "licensed": None,
        "clock_skew_seconds": None,
        "data_sources": None,
        "hints": [],
    }
    found["healthcheck"], found["clock_skew_seconds"] = _health(api)
    try:
        found["data_sources"] = len(api.list_data_sources())
        found.update(authenticated=True, can_read=True, licensed=True)
    except ApiError as exc:
        if exc.status not in (401, 402, 403):
            raise about_host(exc, tenant=found["healthcheck"] is not None) from None
        found["hints"].append(str(about_host(exc, tenant=found["healthcheck"] is not None)))
        # The tenant checks the key first, then the licence, then the role.
        found["authenticated"] = exc.status != 401
        if exc.status in (402, 403):
            found["can_read"] = False
            found["licensed"] = False if exc.status == 402 else None
    found["generation"] = api.generation
    skew = found["clock_skew_seconds"]
    if skew is not None and abs(skew) > CLOCK_SKEW_WORTH_A_HINT:
        found["hints"].append(
            f"This machine's clock is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the tenant's: "
            "synchronise it before signatures are refused."
        )
    return found


def _health(api: Api) -> tuple[str | None, float | None]:
    """The result of the healthcheck, and the clock difference in seconds. Raises ApiError when there is no
    response.

    The result is the tenant's word, "refused" when a tenant rejects this key, or None when the host does not
    know the call.
    """
    try:
        answer = api.healthcheck()
    except ApiError as exc:
        if exc.status is None or exc.status == 429 or exc.status >= 500:
            raise
        tenant_said = exc.status in (401, 402, 403) and exc.from_platform
        return "refused" if tenant_said else None, _rounded(exc.clock_skew)
    word = answer.body.get("status") if isinstance(answer.body, dict) else None
    return one_line(word) if isinstance(word, str) else None, _rounded(answer.clock_skew)


def about_host(error: ApiError, *, tenant: bool) -> ApiError:
    """The error, extended by what the healthcheck shows: a wrong key or a wrong host?

    tenant: whether the host answered or refused the healthcheck like a tenant.
    """
    if error.status == 401:
        more = "The host responds like a tenant, so the key is the problem." if tenant else _NO_TENANT
    elif error.status == 404:
        more = "The host is a tenant, but does not offer this API." if tenant else _NO_TENANT
    elif error.status == 403 and not tenant:
        return dataclasses.replace(error, hint=_NO_TENANT)
    else:
        return error
    return dataclasses.replace(error, hint=f"{error.hint} {more}".strip())


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
