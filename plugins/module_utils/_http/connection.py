# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenant of a run and how to reach it.

Private to the collection, floor 1.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
from urllib.parse import urlsplit

from .._addresses import host_key, port_of, without_port
from .._errors import InputError

_NAME = re.compile(r"[\w-]+(\.[\w-]+)*\.*", re.ASCII)
# The host of a tenant's console; that of its API begins with "api-" (docs/api.md: tenant.url).
_CONSOLE = re.compile(r"(?!api-)[^.]+\.(xdr|crtx)\.([a-z0-9-]+\.)*paloaltonetworks\.com")


@dataclasses.dataclass(frozen=True)
class Connection:
    """How to reach one tenant; the fields are the connection options. Times are in seconds.

    The key may be empty: it is checked by the first request that needs it.
    """

    api_url: str = ""
    api_key_id: str = ""
    api_key: str = dataclasses.field(default="", repr=False)
    api_key_type: str = "advanced"
    validate_certs: bool = True
    ca_path: str | None = None
    expected_tenant: str | None = None
    request_timeout: float = 30.0
    retry_deadline: float = 120.0
    requests_per_second: float = 8.0
    rate_limit_dir: str | None = None
    rate_limit_url: str = dataclasses.field(default="", repr=False)
    state_dir: str | None = None
    trace_file: str | None = None
    trace_names: str = "hide"
    user_agent: str = "cortex_cloud.appsec"

    def check(self) -> None:
        """Refuse invalid numbers. Raises InputError."""
        limits = {"request_timeout": 3600, "retry_deadline": 86400, "requests_per_second": 10000}
        for name, most in limits.items():
            if not 0 < getattr(self, name) <= most:
                raise InputError(f"{name} must be a number above 0 and at most {most}.")
        if self.trace_names not in ("hide", "keep"):
            raise InputError("trace_names must be hide or keep.")


def secret_from_file(variable: str) -> str:
    """The secret in the file that this environment variable names, without white space around it; "" if the
    variable is not set. Raises InputError for a file that cannot be read or is empty.

    Unlike a variable, a file does not appear when a runner or a pipeline logs the environment of a job.
    """
    name = os.environ.get(variable, "").strip()
    if not name:
        return ""
    path = os.path.abspath(os.path.expanduser(name))
    fault = "is empty"
    try:
        with open(path, encoding="utf-8-sig") as file:
            secret = file.read(10_000).strip()
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else "not text"
        secret, fault = "", f"cannot be read: {why}"
    if not secret:
        raise InputError(
            f"{variable} names {path}, which {fault}. The file must contain the secret and nothing else."
        )
    return secret


def origin_of(api_url: str, expected_tenant: str | None = None, option: str = "api_url") -> str:
    """The URL to which paths are added, from a full URL or a bare host name (docs/api.md: tenant.url). Raises
    InputError.
    """
    url = api_url.strip()
    if not url:
        raise InputError(
            f"{option} is not set. Give the API URL of the tenant (console: Settings, Configurations, API "
            "Keys, Copy API URL), or set CORTEXCLOUD_API_URL."
        )
    if "://" not in url and not url.lower().startswith(("http:", "https:")):
        url = url.rstrip("/")
        bare = without_port(host_key(url))
        if bare == "localhost" or _ip(bare):
            raise InputError(
                f"{option} is {bare} without a scheme: write http://{host_key(url)}, or https:// if it uses "
                "TLS."
            )
        url = "https://" + (url if url.lower().startswith("api-") else f"api-{url}")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise InputError(f"{option} is not a URL: check the host and the port.") from None
    for wrong, what in (
        (parts.username is not None or "@" in parts.netloc, "a user name or password"),
        (parts.query, "a query (?...)"),
        (parts.fragment, "a fragment (#...)"),
    ):
        if wrong:
            raise InputError(
                f"{option} must not contain {what}: give only scheme and host, such as "
                "https://api-mytenant.xdr.us.paloaltonetworks.com."
            )
    ip = _ip(host)
    if not (":" in host or _NAME.fullmatch(host)) or any(c.isspace() for c in url):
        raise InputError(
            f"{option} names no host: give https://api-mytenant.xdr.us.paloaltonetworks.com or "
            "mytenant.xdr.us.paloaltonetworks.com."
        )
    if _CONSOLE.fullmatch(host):
        raise InputError(
            f"{option} is the address of the tenant's console: give https://api-{host}, its API URL."
        )
    if parts.scheme not in ("https", "http"):
        raise InputError(f"{option} must start with https://, not {parts.scheme}://.")
    if parts.scheme == "http" and not (ip.is_loopback if ip else host == "localhost"):
        raise InputError(
            f"{option} uses plain http to {host}: the API key would cross the network unprotected. Use "
            "https://."
        )
    if "/public_api" in parts.path:
        raise InputError(f"{option} must end before /public_api: the collection adds the path itself.")
    if expected_tenant:
        expected, expected_port = without_port(host_key(expected_tenant)), port_of(expected_tenant)
        own_port = str(port or {"https": 443, "http": 80}[parts.scheme])
        own = without_port(host_key(host))
        same = own.removeprefix("api-") == expected.removeprefix("api-")
        if not same or expected_port not in ("", own_port):
            raise InputError(
                f"{option} points to {f'{host}:{own_port}' if expected_port else host}, but expected_tenant "
                f"is {expected_tenant.strip()}: nothing was sent. Check which credential belongs to this "
                "inventory host or survey answer."
            )
    return url.rstrip("/")


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
