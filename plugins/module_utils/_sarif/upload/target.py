# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""To which collector, about which repository, with which key.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t
from urllib.parse import urlsplit

from ..._api import Api
from ..._data_sources.collector_token import load_credentials
from ..._data_sources.find import fetch_data_sources
from ..._errors import InputError
from ..._http.connection import origin_of, secret_from_file
from ..._http.signing import CollectorToken
from ..prepare import Upload
from .scanned import (
    branch_warnings,
    plain_branch,
    plain_repository_url,
    refuse_placeholder,
    refuse_unsendable,
)
from .systems import Environment


@dataclasses.dataclass(frozen=True)
class Target:
    """Where documents go. Just one of collector_id, upload_url, collector_name is set, or none of them when
    nothing was given.

    token: of the collector itself; without it the tenant key is used. name: the collector's name, where
    known.
    """

    collector_id: str = ""
    upload_url: str = ""
    collector_name: str = ""
    token: CollectorToken | None = None
    name: str = ""

    def words(self) -> str:
        if self.name or self.collector_name:
            return f"collector {self.name or self.collector_name}"
        return f"collector {self.collector_id}" if self.collector_id else "the collector of upload_url"


def plan_target(
    params: dict[str, t.Any], *, need: bool, expected_tenant: str | None = None
) -> tuple[Target, list[str]]:
    """The target of a task and warnings about it, from its options; asks nobody. Raises InputError for
    options that contradict each other.

    need: whether documents will be sent; if not (check mode), the target and its token may be missing.
    """
    given = {
        name: (params.get(name) or "").strip() for name in ("collector_id", "collector_name", "upload_url")
    }
    given["upload_url"] = given["upload_url"].rstrip("/")
    token_id, token = ((params.get(name) or "").strip() for name in ("collector_token_id", "collector_token"))
    for name, value in (
        {**given, "collector_token_id": token_id, "collector_token": token}.items() if need else ()
    ):
        refuse_placeholder(name, value)
    named = [name for name, value in given.items() if value]
    if len(named) > 1:
        raise InputError(
            f"{' and '.join(named)} are both given: give one of them, so that it is clear where the reports "
            f"go."
        )
    file, warnings = (params.get("credentials_file") or "").strip(), []
    if not token and not file:
        try:
            token = secret_from_file("CORTEXCLOUD_COLLECTOR_TOKEN_FILE")
        except InputError:
            if need:
                raise
    target = Target(
        given["collector_id"], given["upload_url"], given["collector_name"], name=given["collector_name"]
    )
    if file and (need or os.path.exists(os.path.expanduser(file))):
        target = _from_file(load_credentials(file), file, target)
    elif file:
        warnings.append(f"credentials_file {file} does not exist: a run without check mode needs it.")
    elif bool(token_id) != bool(token) and need:
        lacks = "collector_token_id" if token else "collector_token"
        raise InputError(
            f"{lacks} is missing (or CORTEXCLOUD_{lacks.upper()}): a collector's token needs its ID."
        )
    elif token_id and token:
        if target.collector_name:
            raise InputError(
                "collector_name cannot be looked up with a collector's own token: give collector_id or "
                "upload_url instead."
            )
        target = dataclasses.replace(target, token=CollectorToken(token_id, token))
    if target.upload_url:
        _check_url(target.upload_url, expected_tenant)
    if not (target.collector_id or target.collector_name or target.upload_url or file):
        text = (
            "no collector is given: give one of collector_id, collector_name, upload_url or credentials_file."
        )
        if params.get("upload_url") is not None:
            text = (
                "upload_url is empty: is the secret, or the variable, that should hold it set for this build?"
            )
        if need:
            raise InputError(text)
        warnings.append(f"{text} A run without check mode needs it.")
    return target, warnings


def _from_file(held: dict[str, str], file: str, target: Target) -> Target:
    if target.collector_name:
        raise InputError(
            "collector_name cannot be looked up with a collector's own token: leave it out, because "
            "credentials_file identifies the collector."
        )
    if target.collector_id and target.collector_id != held["id"]:
        raise InputError(
            f"credentials_file {file} belongs to collector {held['id']}, not to collector_id "
            f"{target.collector_id}."
        )
    if not held["token"] or not held["token_id"]:
        raise InputError(
            f"credentials_file {file} contains an empty token or token_id: create the collector again, or "
            "give its token in "
            f"another way."
        )
    url = target.upload_url or held.get("api_url", "").rstrip("/")
    return Target(
        collector_id="" if url else held["id"],
        upload_url=url,
        token=CollectorToken(held["token_id"], held["token"]),
        name=held.get("name", ""),
    )


def _check_url(url: str, expected_tenant: str | None) -> None:
    parts = urlsplit(url) if "://" in url else None
    if parts is None or not parts.netloc:
        raise InputError(
            "upload_url must be the full URL from the creation of the collector "
            "(https://api-.../collectors/col_...)."
        )
    # origin_of refuses a path of the API, which this URL must have.
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    origin_of(f"{parts.scheme}://{parts.netloc}/{query}{fragment}", expected_tenant, option="upload_url")


def query_of(params: dict[str, t.Any], environ: Environment | None = None) -> dict[str, str]:
    """The query of an upload, as far as it is given. Raises InputError (docs/api.md: upload.query).

    environ: the variables of the build, which say what is wrong with a branch.
    """
    given = {name: (params.get(name) or "").strip() for name in ("repository_id", "repository_url")}
    for name, value in given.items():
        refuse_placeholder(name, value)
        refuse_unsendable(name, value)
    given["branch"] = plain_branch(params.get("branch"), environ or {})
    if given["repository_url"]:
        given["repository_url"] = plain_repository_url(given["repository_url"])
    if not given["repository_id"] and not given["repository_url"]:
        raise InputError(
            "repository_id or repository_url must be given, or ci: true in a build: findings belong to a "
            "repository that the tenant has "
            "onboarded."
        )
    return {name: value for name, value in given.items() if value}


def plan_warnings(uploads: list[Upload], target: Target, query: dict[str, str]) -> list[str]:
    """What the user should know before these documents are sent."""
    found = []
    if uploads and "branch" not in query:
        found.append("branch is not given: the findings go to the repository's default branch.")
    found += branch_warnings(query.get("branch", ""))
    if len(uploads) > 1:
        found.append(
            f"{len(uploads)} documents go to one collector, repository and branch. Nothing public says "
            f"whether a later upload adds to an "
            "earlier one or replaces it: check that the findings of all of them show, or use a collector for "
            "each scanner."
        )
    tools = list(dict.fromkeys(tool.name for upload in uploads for tool in upload.source.tools))
    if len(tools) > 1:
        found.append(
            f"reports of {len(tools)} tools ({', '.join(tools[:5])}) go to one collector: the vendor "
            f"recommends one for each, "
            "named like the tool."
        )
    for tool in tools:
        if target.name and tool.lower() != target.name.lower():
            found.append(
                f"the report is by {tool}, the collector's name is {target.name}: the vendor recommends "
                "using "
                f"the same name."
            )
    return found


def find_collector(api: Api, name: str) -> str:
    """The id of the collector with this name. Raises InputError when there is none, or several."""
    found = fetch_data_sources(api, {"type": ["COLLECTOR"], "name": name}, details=False)
    if not found:
        raise InputError(
            f"there is no collector named {name} in this tenant. Create it with the module data_source (type "
            f"COLLECTOR)."
        )
    if len(found) > 1:
        raise InputError(
            f"{len(found)} collectors are named {name}: {', '.join(i['id'] for i in found)}. Give "
            f"collector_id."
        )
    return str(found[0]["id"])
