# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks whether a key is usable with a tenant. Reads only.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ._api import Api
from ._errors import ApiError
from ._http.plain import one_line
from ._http.responses import CLOCK_SKEW_WORTH_A_HINT

_NO_TENANT = "The host does not answer a tenant's healthcheck either: api_url may not be the URL of a tenant."
# What the status of a read shows. The tenant checks the key first, then the licence, then the role.
_SHOWN: dict[int, dict[str, bool | None]] = {
    200: {"authenticated": True, "can_read": True, "licensed": True},
    401: {"authenticated": False, "can_read": None, "licensed": None},
    402: {"authenticated": True, "can_read": False, "licensed": False},
    403: {"authenticated": True, "can_read": False, "licensed": None},
}


def examine(api: Api) -> dict[str, t.Any]:
    """What the key is allowed to do, as far as reads show: the result of the module tenant_info.

    A refused key is a result (authenticated false, with a hint). Raises ApiError if the tenant cannot be
    reached.
    """
    health, skew = _health(api)
    status = 200
    count: int | None = None
    hints: list[str] = []
    try:
        count = len(api.list_data_sources())
    except ApiError as exc:
        error = about_host(exc, tenant=health is not None)
        if exc.status not in (401, 402, 403):
            raise error from None
        hints.append(str(error))
        status = exc.status
    if skew is not None and abs(skew) > CLOCK_SKEW_WORTH_A_HINT:
        hints.append(
            f"This machine's clock is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the tenant's: "
            "synchronise it before signatures are refused."
        )
    return {
        "host": api.tenant,
        "healthcheck": health,
        "generation": api.generation,
        "api_key_type": api.client.connection.api_key_type,
        **_SHOWN[status],
        "clock_skew_seconds": skew,
        "data_sources": count,
        "hints": hints,
    }


def _health(api: Api) -> tuple[str | None, float | None]:
    """The tenant's word for its health, and the clock difference in seconds.

    The word is "refused" if the tenant rejects this key, and None if the host does not have this call.
    Raises ApiError without a response.
    """
    try:
        response = api.healthcheck()
    except ApiError as exc:
        if exc.status is None or exc.status == 429 or exc.status >= 500:
            raise
        refused = exc.status in (401, 402, 403) and exc.from_platform
        return "refused" if refused else None, _rounded(exc.clock_skew)
    word = response.body.get("status") if isinstance(response.body, dict) else None
    return one_line(word) if isinstance(word, str) else None, _rounded(response.clock_skew)


def about_host(error: ApiError, *, tenant: bool) -> ApiError:
    """The error, with what the healthcheck shows: whether the key or the host is wrong.

    tenant: whether the host responded to the healthcheck like a tenant.
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
