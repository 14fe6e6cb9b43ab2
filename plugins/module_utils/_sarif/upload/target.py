# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector, repository and key of an upload.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t
from urllib.parse import urlsplit, urlunsplit

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
from .systems import Environment, value_of

_TARGETS = ("collector_id", "collector_name", "upload_url")
_NO_TARGET = (
    "no collector is given: give one of collector_id, collector_name, upload_url or credentials_file."
)
_EMPTY_URL = "upload_url is empty: is the secret, or the variable, that should hold it set for this build?"


@dataclasses.dataclass(frozen=True)
class Target:
    """Where documents go: one of collector_id, upload_url and collector_name, or none in check mode.

    token: the collector's own token; without it the tenant key is used.
    name: the collector's name; empty if unknown.
    """

    collector_id: str = ""
    upload_url: str = ""
    collector_name: str = ""
    token: CollectorToken | None = None
    name: str = ""

    def words(self) -> str:
        named = self.name or self.collector_id
        return f"collector {named}" if named else "the collector of upload_url"


def plan_target(
    params: dict[str, t.Any], *, need: bool, expected_tenant: str | None = None
) -> tuple[Target, list[str]]:
    """The target of a task and warnings about it. Makes no requests. Raises InputError for options that
    contradict each other.

    params: the module's options.
    need: whether the target is used; otherwise (check mode) the target and its token may be missing.
    """
    collector_id, name = value_of(params, "collector_id"), value_of(params, "collector_name")
    url = value_of(params, "upload_url").rstrip("/")
    token_id, token = value_of(params, "collector_token_id"), value_of(params, "collector_token")
    if need:
        for option in (*_TARGETS, "collector_token_id", "collector_token"):
            refuse_placeholder(option, value_of(params, option))
    targets = [option for option in _TARGETS if value_of(params, option)]
    if len(targets) > 1:
        raise InputError(
            f"{' and '.join(targets)} are both given: give one of them, so that it is clear where the "
            "reports go."
        )
    file, warnings = value_of(params, "credentials_file"), []
    if not token and not file:
        try:
            token = secret_from_file("CORTEXCLOUD_COLLECTOR_TOKEN_FILE")
        except InputError:
            if need:
                raise
    target = Target(collector_id, url, name, name=name)
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
        absent = _NO_TARGET if params.get("upload_url") is None else _EMPTY_URL
        if need:
            raise InputError(absent)
        warnings.append(f"{absent} A run without check mode needs it.")
    return target, warnings


def _from_file(credentials: dict[str, str], file: str, target: Target) -> Target:
    """The target of a credentials file. file: its name. target: what the options say."""
    if target.collector_name:
        raise InputError(
            "collector_name cannot be looked up with a collector's own token: leave it out, because "
            "credentials_file identifies the collector."
        )
    if target.collector_id and target.collector_id != credentials["id"]:
        raise InputError(
            f"credentials_file {file} belongs to collector {credentials['id']}, not to collector_id "
            f"{target.collector_id}."
        )
    if not credentials["token"] or not credentials["token_id"]:
        raise InputError(
            f"credentials_file {file} contains an empty token or token_id: create the collector again, or "
            "give its token in another way."
        )
    url = target.upload_url or credentials.get("api_url", "").rstrip("/")
    token = CollectorToken(credentials["token_id"], credentials["token"])
    return Target("" if url else credentials["id"], url, token=token, name=credentials.get("name", ""))


def _check_url(url: str, expected_tenant: str | None) -> None:
    parts = urlsplit(url) if "://" in url else None
    if parts is None or not parts.netloc:
        raise InputError(
            "upload_url must be the full URL from the creation of the collector "
            "(https://api-.../collectors/col_...)."
        )
    # origin_of refuses a path of the API, which this URL must have.
    origin_of(urlunsplit(parts._replace(path="/")), expected_tenant, option="upload_url")


def query_of(params: dict[str, t.Any], environ: Environment | None = None) -> dict[str, str]:
    """The query of an upload, without members that are not set (docs/api.md: upload.query). May raise
    InputError.

    params: the module's options.
    environ: the variables of the build, for advice about a wrong branch.
    """
    query = {name: value_of(params, name) for name in ("repository_id", "repository_url")}
    for name, value in query.items():
        refuse_placeholder(name, value)
        refuse_unsendable(name, value)
    query["branch"] = plain_branch(params.get("branch"), environ or {})
    if query["repository_url"]:
        query["repository_url"] = plain_repository_url(query["repository_url"])
    if not query["repository_id"] and not query["repository_url"]:
        raise InputError(
            "repository_id or repository_url must be given, or ci: true in a build: findings belong to a "
            "repository that the tenant has onboarded."
        )
    return {name: value for name, value in query.items() if value}


def plan_warnings(uploads: list[Upload], target: Target, query: dict[str, str]) -> list[str]:
    """What the user should know before these documents are sent."""
    warnings = []
    if uploads and "branch" not in query:
        warnings.append("branch is not given: the findings go to the repository's default branch.")
    warnings += branch_warnings(query.get("branch", ""))
    if len(uploads) > 1:
        warnings.append(
            f"{len(uploads)} documents go to one collector, repository and branch. Nothing public says "
            "whether a later upload adds to an earlier one or replaces it: check that the findings of all of "
            "them show, or use a collector for each scanner."
        )
    tools = list(dict.fromkeys(tool.name for upload in uploads for tool in upload.source.tools))
    if len(tools) > 1:
        warnings.append(
            f"reports of {len(tools)} tools ({', '.join(tools[:5])}) go to one collector: the vendor "
            "recommends one for each, named like the tool."
        )
    for tool in tools:
        if target.name and tool.lower() != target.name.lower():
            warnings.append(
                f"the report is by {tool}, the collector's name is {target.name}: the vendor recommends "
                "using the same name."
            )
    return warnings


def find_collector(api: Api, name: str) -> str:
    """The ID of the collector with this name. Raises InputError if there is none, or several."""
    matches = fetch_data_sources(api, {"type": ["COLLECTOR"], "name": name}, details=False)
    if not matches:
        raise InputError(
            f"there is no collector named {name} in this tenant. Create it with the module data_source (type "
            "COLLECTOR)."
        )
    if len(matches) > 1:
        raise InputError(
            f"{len(matches)} collectors are named {name}: {', '.join(i['id'] for i in matches)}. Give "
            "collector_id."
        )
    return str(matches[0]["id"])
