# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two forms of an error response: the platform's gateway and the AppSec service."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Problem(Exception):
    """An error response. `body` is the JSON to send, or None; `headers` are sent with it."""

    def __init__(self, status: int, body: dict[str, Any] | None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, dict(headers or {})


def gateway(status: int, text: str, headers: Mapping[str, str] | None = None, extra: str | None = None) -> Problem:
    """An error of the gateway: authentication, licence, permissions, throttling, unknown paths."""
    return Problem(status, {"reply": {"err_code": status, "err_msg": text, "err_extra": extra}}, headers)


def appsec(status: int, code: str, text: str) -> Problem:
    """An error of the AppSec service without details."""
    return Problem(status, {"errorCode": code, "message": text})


def not_found() -> Problem:
    return appsec(404, "404", "Resource not found")


def invalid(details: Mapping[str, str]) -> Problem:
    """A 422 of the AppSec service. `details` maps the path of a field (`requestBody.type`) to what is wrong with it."""
    faults = {path: {"message": text} for path, text in details.items()}
    return Problem(422, {"errorCode": "ValidateError", "message": "Validation Failed", "details": faults})
