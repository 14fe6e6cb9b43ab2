# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two error shapes: the platform's gateway and the AppSec service."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Problem(Exception):
    """An answer other than success. `body` is the JSON to send, None for none; `headers` go with it."""

    def __init__(self, status: int, body: dict[str, Any] | None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, dict(headers or {})


def gateway(status: int, text: str, headers: Mapping[str, str] | None = None, extra: str | None = None) -> Problem:
    """Gateway shape: authentication, licence, rights, throttling, unknown paths."""
    return Problem(status, {"reply": {"err_code": status, "err_msg": text, "err_extra": extra}}, headers)


def appsec(status: int, code: str, text: str) -> Problem:
    """AppSec service shape without details."""
    return Problem(status, {"errorCode": code, "message": text})


def invalid(details: Mapping[str, str]) -> Problem:
    """422 of the AppSec service. `details` maps a field path (`requestBody.type`) to what is wrong with it."""
    faults = {path: {"message": text} for path, text in details.items()}
    return Problem(422, {"errorCode": "ValidateError", "message": "Validation Failed", "details": faults})
