# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, is this key usable with this tenant? Reads only.
from __future__ import annotations

import typing as t

from ._api import Api
from ._errors import ApiError
from ._http.answers import CLOCK_SKEW_WORTH_A_HINT


def examine(api: Api) -> dict[str, t.Any]:
    """What the key may do, as far as reads can tell: the result of the module tenant_info.

    A refused key is an answer (C(authenticated) false with a hint); a tenant that cannot be reached raises ApiError.
    """
    found: dict[str, t.Any] = {
        "host": api.tenant,
        "api_key_type": api.client.connection.api_key_type,
        "authenticated": False,
        "can_read": None,
        "licensed": None,
        "clock_skew_seconds": None,
        "data_sources": None,
        "hints": [],
    }
    try:
        found["clock_skew_seconds"] = _rounded(api.validate_key().clock_skew)
        found["authenticated"] = True
    except ApiError as exc:
        found["clock_skew_seconds"] = _rounded(exc.clock_skew)
        if exc.status == 401:
            found["hints"].append(str(exc))
            return found
        if exc.status is None or exc.status == 429 or exc.status >= 500:
            raise
        # Not every tenant need have this call: the list tells the same.
    try:
        found["data_sources"] = len(api.list_data_sources())
        found.update(authenticated=True, can_read=True, licensed=True)
    except ApiError as exc:
        if exc.status not in (401, 402, 403):
            raise
        found["hints"].append(str(exc))
        # The tenant looks at the key first, then at the licence, then at the role.
        found["authenticated"] = exc.status != 401
        if exc.status in (402, 403):
            found["can_read"] = False
            found["licensed"] = False if exc.status == 402 else None
    skew = found["clock_skew_seconds"]
    if skew is not None and abs(skew) > CLOCK_SKEW_WORTH_A_HINT:
        found["hints"].append(
            f"This machine's clock is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the tenant's: "
            "synchronise it before signatures are refused."
        )
    return found


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
