# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the embedded tenant's switches: how each can be observed at a tenant, and what that needs.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses

READ, WRITE, NEVER = "read", "write", "never"
_VCS = "a version control data source that has a selected repository"
_DATA_SOURCE = "a data source"
_WRITE = "verify_write"
_UPLOAD = "verify_write and verify_repository_url"
_OLDER = "a tenant that shows what was sent (fields: mirrored)"
_OTHERS = "it would take more than the one collector that verify may make"
_LIMIT = "verify keeps within the limit and does not look for it"


@dataclasses.dataclass(frozen=True)
class Switch:
    """How a switch can be observed at a tenant.

    seen: READ, WRITE or NEVER.
    needed: what it takes to observe it, or why it is never observed.
    expected: the published value.
    about: what the switch is about, in a few words.
    option: which option of the collection to set for another value; empty if none is needed.
    """

    seen: str
    needed: str
    expected: object
    about: str
    option: str = ""


SWITCHES: dict[str, Switch] = {
    "certificate": Switch(
        READ, "a connection over HTTPS whose certificate is checked", "valid", "the certificate"),
    "generation": Switch(
        READ, "a key that may list data sources", "current", "the generation of the API",
        "nothing can be created through the API: connect data sources in the console, then list them without "
        "credentials"),
    "clock_offset": Switch(NEVER, "the clocks are compared, but only to a second", 0.0, "the clock"),
    "clock_skew": Switch(
        NEVER, "it would take signatures that are wrong on purpose", 300.0, "how old a signature may be"),
    "licensed": Switch(
        READ, "a key that the tenant accepts", True, "the licence",
        "the add-on Application Security has to be bought"),
    "validate_body": Switch(
        NEVER, "this collection does not make that call", "string", "the response about a key"),
    "read_only": Switch(WRITE, f"{_WRITE} and a key that may write", False, "whether writes are possible"),
    "rate": Switch(NEVER, _LIMIT, 10, "the limit of requests"),
    "rate_window": Switch(NEVER, _LIMIT, 1.0, "the time that the limit is for"),
    "window": Switch(NEVER, _LIMIT, "sliding", "how requests are counted"),
    "retry_after": Switch(
        READ, "a response 429, which comes only when others use up the limit", "none",
        "what a refusal for the limit says about the time"),
    "list_envelope": Switch(READ, "a key that may list data sources", "bare", "the envelope of the list"),
    "repositories_envelope": Switch(
        READ, "a key that may list repositories", "as_list", "the envelope of the repositories"),
    "item_envelope": Switch(READ, f"{_DATA_SOURCE} or a repository", "root", "the envelope of one object"),
    "fields": Switch(READ, _DATA_SOURCE, "published", "which members a data source shows"),
    "list_fields": Switch(READ, _VCS, "no_state", "what the list shows"),
    "count": Switch(
        READ, "a version control data source that can see more repositories than it has selected", "selected",
        "what is counted"),
    "timestamps": Switch(READ, _DATA_SOURCE, "dates", "the names of the times"),
    "status_words": Switch(
        WRITE, f"{_WRITE}, or a data source that is CONNECTED or being set up", "published",
        "the status words"),
    "ids": Switch(READ, f"a collector, or {_WRITE}", "hex24", "the form of ids"),
    "identifier_given": Switch(
        WRITE,
        f"{_WRITE} where it is neither the name nor the organization; a collector alone does not tell these "
        "apart", "name", "the identifier of a new data source",
        "give identifier for data sources whose identifier is not their name"),
    "unique_properties": Switch(
        READ, f"{_OLDER} and a data source with a secret among its settings", "echoed",
        "what is shown of settings"),
    "name_shown": Switch(READ, f"{_OLDER} and a data source with a name", "root", "where the name is shown"),
    "domain_shown": Switch(
        READ, "a data source of a self-hosted type", True, "whether the host is shown",
        "give id or identifier for data sources of one type on several hosts"),
    "requests": Switch(
        NEVER, "it would take requests that are wrong on purpose", "published",
        "how strictly requests are read"),
    "type_filter_case": Switch(
        READ, "a data source whose type has two words", "hyphens", "the spelling of the type filter"),
    "type_filter_mismatch": Switch(
        READ, "a data source whose type has two words", "refuse", "the type filter in another spelling"),
    "category_filter": Switch(
        READ, "a tenant that takes the words of one source and refuses those of the other", "published",
        "the words of the category filter"),
    "creatable": Switch(
        READ,
        "an earlier run that tried to create another type than a collector, and remembers it in state_dir",
        "collector", "which types can be created"),
    "create_status": Switch(WRITE, _WRITE, 200, "the status of a creation"),
    "create_body": Switch(WRITE, _WRITE, "full", "the response to a creation"),
    "duplicate_create": Switch(NEVER, _OTHERS, "409", "a second creation of the same"),
    "unknown_type": Switch(NEVER, _OTHERS, "refuse", "the creation of an unknown type"),
    "self_registering": Switch(NEVER, _OTHERS, "refuse", "the creation of a type that registers itself"),
    "consent": Switch(NEVER, _OTHERS, "given", "consent in a browser"),
    "token_names": Switch(
        WRITE, _WRITE, "webhook", "the names of a collector's token",
        "a token under unknown names is written whole to credentials_file: take it from there"),
    "settle": Switch(
        WRITE, f"{_WRITE}, and a collector that is set up within three reads", 0,
        "how long a creation takes to settle",
        "set wait and wait_timeout where a later task needs the data source to work"),
    "initial_selection": Switch(NEVER, _OTHERS, "nothing", "what a new data source selects"),
    "put_omitted": Switch(
        WRITE, _WRITE, "keep", "what an update leaves out",
        "an update that another client makes without unique_properties loses them; this collection sends "
        "what it knows"),
    "put_body": Switch(WRITE, _WRITE, "full", "the response to an update"),
    "unique_properties_put": Switch(
        WRITE, f"{_WRITE} where an update with some of the settings is taken", "replace",
        "settings in an update", "a setting that is left out of unique_properties stays"),
    "repository_owner": Switch(NEVER, _OTHERS, "any", "one repository in two data sources"),
    "delete_path": Switch(WRITE, _WRITE, "reference", "the path of a deletion"),
    "delete_status": Switch(WRITE, _WRITE, 204, "the status of a deletion"),
    "repositories_page": Switch(
        READ, "more repositories than a page has", 70, "how many repositories are shown unasked"),
    "offset": Switch(
        READ, "two repositories", "honoured", "paging through repositories",
        "the list of repositories may be incomplete: use search, and rely on nothing that is missing in it"),
    "uploads": Switch(
        NEVER, "what a second upload replaces shows only in the console", "additive", "a second upload"),
    "upload_status": Switch(WRITE, _UPLOAD, 201, "the status of an upload"),
    "upload_body": Switch(WRITE, _UPLOAD, "published", "the response to an upload"),
    "ingestion": Switch(
        WRITE, f"{_UPLOAD}, and a response with the number of findings", "all",
        "which findings are ingested"),
    "upload_page": Switch(
        WRITE, _UPLOAD, "none", "what responds to an upload",
        "something between here and the tenant responds to uploads"),
    "disabled_upload": Switch(
        NEVER, "a collector can be disabled only in the console", "503_empty",
        "an upload to a disabled collector"),
    "missing_level": Switch(NEVER, "severities show only in the console", "HIGH", "a result without level"),
    "upload_limit": Switch(NEVER, "it would take an upload of 10 MB", 10_000_000, "the largest upload"),
    "oversize_status": Switch(NEVER, "it would take an upload of 10 MB", 400, "the status of a larger one"),
    "unknown_repository_status": Switch(
        NEVER, "it would take an upload that names a repository nobody has", 404,
        "an upload for an unknown repository"),
    "repositories_readable": Switch(
        NEVER, "it depends on the key, not on the tenant", True, "whether this key may read repositories"),
    "unscanned_list": Switch(
        READ, "a key that may list repositories", True, "the list of unscanned repositories"),
    "any_repository": Switch(
        NEVER, "it would take an upload that names a repository nobody has", False,
        "whether each repository counts"),
}  # fmt: skip
