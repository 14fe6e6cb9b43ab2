# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every behaviour of the tenant that can be chosen, as a named switch. The documentation page's table is generated from here.

Four profiles: `published` is what the vendor's schemas say, and the likeliest or strictest reading where they say nothing.
`guide` is the same, but every type can be created, as the vendor's guide says. `default` is how responses were read before the
schemas were known. `awkward` is `default` with the readings that are hardest on a careless client.
"""
from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Any

# Of EmbeddedTenant() and of `python -m tenant`.
DEFAULT_PROFILE = "published"


class Mistake(ValueError):
    """Something that the user has to correct; the message says what."""


class SwitchError(Mistake):
    """A switch, a profile or a value that does not exist. The message lists the choices."""


@dataclass(frozen=True)
class Switch:
    """published: the value of the profile published.

    choices: the allowed values; None for any number of the type of the published value, at least `minimum`.
    source: of the published value: published, previous (the vendor's schemas of the previous generation), guide, client (seen in public
    clients), assumed, or "for tests".
    says: the effect, for docs/embedded_tenant.md.
    before, awkward: the values of the profiles default and awkward. None: as in published, as in default.
    older: the values with which responses violate the published schemas.
    """

    published: Any
    choices: tuple[Any, ...] | None
    source: str
    says: str
    before: Any = None
    awkward: Any = None
    minimum: float | None = 0
    older: tuple[Any, ...] = ()

    def check(self, name: str, value: Any) -> Any:
        """The value in the type of the switch, converted from the text of a command line if necessary. Raises SwitchError."""
        if self.choices is None:
            number = _number(value, whole=isinstance(self.published, int))
            if number is not None and (self.minimum is None or number >= self.minimum):
                return number
            floor = "" if self.minimum is None else f", not below {self.minimum}"
            raise SwitchError(f"switch {name}: {value!r} is not a number{floor}")
        for choice in self.choices:
            if type(choice) is type(value) and choice == value:
                return choice
        for choice in self.choices:
            if isinstance(value, str) and not isinstance(choice, str) and value.lower() == str(choice).lower():
                return choice
        raise SwitchError(f"switch {name}: {value!r} is not one of {', '.join(map(repr, self.choices))}")


def _number(value: Any, whole: bool) -> float | None:
    """The value as a finite number; None if it is not one."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(number) or (whole and number != int(number)):
        return None
    return int(number) if whole else number


YES_NO = (True, False)

SWITCHES: dict[str, Switch] = {
    # connection
    "certificate": Switch("valid", ("valid", "other_name", "expired"), "for tests",
                          "with TLS, the certificate for new connections: a valid one, one of another host, or an expired one"),
    "generation": Switch("current", ("current", "previous"), "published",
                         "`previous`: `/data_source_instances` is 404, and `/integrations` lists, reads, updates and deletes; nothing "
                         "can be created, and responses have no `scanTypes`, `statusDetails`, `tenantId` and `transporter`"),
    # authentication and permissions
    "clock_offset": Switch(0.0, None, "for tests", "seconds by which the tenant's clock and `Date` header are ahead", minimum=None),
    "clock_skew": Switch(300.0, None, "assumed",
                         "how many seconds the timestamp of a signature may differ from the tenant's clock; more is 401"),
    "licensed": Switch(True, YES_NO, "previous", "`False`: the AppSec paths respond with 402"),
    "validate_body": Switch("string", ("string", "boolean"), "client",
                            'the response to the call that validates a key: `"true"` or `true`'),
    "read_only": Switch(False, YES_NO, "for tests", "`True`: every write is refused with 403 and recorded in `write_attempts`"),
    # rate limit
    "rate": Switch(10, None, "guide",
                   "requests per `rate_window` for the whole tenant, those that fail authentication included", minimum=1),
    "rate_window": Switch(1.0, None, "guide", "seconds", minimum=0.001),
    "window": Switch("sliding", ("sliding", "fixed"), "assumed",
                     "requests are counted over the last `rate_window` seconds, or in windows aligned to the clock", awkward="fixed"),
    "retry_after": Switch("none", ("none", "seconds", "date"), "previous", "the `Retry-After` header of a 429"),
    # envelopes and fields
    "list_envelope": Switch("bare", ("bare", "data", "reply", "reply_data"), "published",
                            "what the list of instances is wrapped in", "data", "reply_data", older=("data", "reply", "reply_data")),
    "repositories_envelope": Switch("as_list", ("as_list", "data", "bare", "reply", "reply_data", "repositories"), "published",
                                    "what the list of repositories is wrapped in; `as_list`: as in `list_envelope`",
                                    older=("data", "reply", "reply_data", "repositories")),
    "item_envelope": Switch("root", ("root", "data", "reply", "reply_data"), "published",
                            "what an instance, a repository or the response to a creation is wrapped in",
                            awkward="reply_data", older=("data", "reply", "reply_data")),
    "fields": Switch("published", ("published", "mirrored"), "published",
                     "instances and repositories have the members of the vendor's schemas; or mirror what was sent, with `name`, "
                     "`uniqueProperties` and `externalProjects`, and without the members that only the schemas know",
                     "mirrored", older=("mirrored",)),
    "list_fields": Switch("no_state", ("no_state", "minimal", "all"), "client",
                          "list items: all fields, but `state: []` with the true `repositoriesCount`; only `id`, `selectionType`, "
                          "`state: []`, `repositoriesCount`; or all fields, as in the vendor's examples",
                          awkward="minimal", older=("minimal",)),
    "count": Switch("selected", ("selected", "associated", "by_id"), "published",
                    "`repositoriesCount`: in list items, the number of selected repositories; in list items, the larger number of "
                    "repositories that the connection can see; or that of the selected ones, also in reads by id",
                    "by_id", older=("by_id",)),
    "timestamps": Switch("dates", ("dates", "at"), "published",
                         "`creationDate` and `lastUpdateDate`, or `createdAt` and `updatedAt`", "at", older=("at",)),
    "status_words": Switch("published", ("published", "older"), "published",
                           "a working instance is CONNECTED, one that is being set up TEMPORARY; or COMPLETED and IN_PROGRESS",
                           "older", older=("older",)),
    "ids": Switch("hex24", ("hex24", "col_"), "published",
                  "new ids have 24 hexadecimal digits; `col_`: those of collectors begin with that prefix", "col_"),
    "identifier_given": Switch("name", ("name", "vendor", "other", "none"), "published",
                               "the `uniqueIdentifier` of a new instance: the requested name (without one, the organization); the "
                               "organization in any case, except for collectors; the name followed by `-1`; or none"),
    "unique_properties": Switch("echoed", ("echoed", "masked", "hidden"), "client",
                                "with `fields` mirrored: shown as stored; shown with `********` for strings with secret-looking names; "
                                "or not shown", awkward="masked"),
    "name_shown": Switch("root", ("root", "display_name", "unique_properties"), "client",
                         "with `fields` mirrored: the name is also a root member `name`, also a root member `displayName`, or only in "
                         "`uniqueProperties`", awkward="unique_properties"),
    "domain_shown": Switch(True, YES_NO, "published", "`False`: responses have no `domain`"),
    # requests
    "requests": Switch("published", ("published", "older"), "published",
                       "what bodies must contain: both members of `domain` and of `transporter`, all five of an external project, and "
                       "`OAUTH` or `PAT` as `credentials.type`; or none of these", "older"),
    "type_filter_case": Switch("hyphens", ("hyphens", "any", "upper", "lower"), "published",
                               "accepted spelling of the `type` filter: lower case with hyphens (`sonar-qube`), or the value of `type` "
                               "in any, upper or lower case", "any", "lower"),
    "type_filter_mismatch": Switch("refuse", ("refuse", "empty"), "published",
                                   "the response to another spelling of that filter: 422, or an empty list"),
    "category_filter": Switch("published", ("published", "guide"), "published",
                              "values of the `type_category` filter: `external-vendor-integrations`, `vcs-integrations`, "
                              "`ci-cd-scanning-integrations`, `cli-integrations`; or `DEFAULT`, `EXTERNAL_VENDOR_INTEGRATIONS`", "guide"),
    # creation
    "creatable": Switch("collector", ("collector", "all"), "published",
                        "only a COLLECTOR can be created, and another type is a 422 that names `type`; or every type, as the guide says",
                        "all"),
    "create_status": Switch(200, (200, 201), "published", "status of a creation", 201, 200, older=(201,)),
    "create_body": Switch("full", ("full", "id"), "published",
                          "the whole instance or only its `id`, in both cases with a collector's token", older=("id",)),
    "duplicate_create": Switch("409", ("409", "400", "allow"), "assumed",
                               "creating the same type, name and hostname again: 409, 400, or a second instance"),
    "unknown_type": Switch("refuse", ("refuse", "accept"), "guide",
                           "a type that is not one of the guide's 23: 422, or accepted if it is in upper case"),
    "self_registering": Switch("refuse", ("refuse", "accept"), "assumed", "creating AWS_CODE_COMMIT or CORTEX_CLI: 422, or accepted"),
    "consent": Switch("given", ("given", "required"), "assumed",
                      "`required`: types that need a browser start as PENDING and refuse a scope until `grant_consent(id)`"),
    "token_names": Switch("webhook", ("webhook", "camel", "snake", "nested", "unknown"), "published",
                          "the names of a collector's token and its id: `credentials.webhookAuthKey` and the number "
                          "`credentials.webhookAuthKeyId`; `apiToken` and `tokenId`; `api_token` and `token_id`; `apiToken` and "
                          "`tokenId` under `credentials`; or names that no client expects",
                          "camel", "snake", older=("camel", "snake", "nested", "unknown")),
    "settle": Switch(0, None, "assumed", "how many reads by id after a creation or update show a `status` that is not final", awkward=2),
    "initial_selection": Switch("nothing", ("nothing", "found", "future", "manual"), "assumed",
                                "the selection of a new version control instance: CURRENT_STATE without repositories; CURRENT_STATE, and "
                                "after the first read by id every repository that it can see; CURRENT_STATE_AND_FUTURE with every one at "
                                "once; or MANUAL_SELECTION without repositories"),
    # update and deletion
    "put_omitted": Switch("keep", ("keep", "clear"), "assumed", "fields that a PUT leaves out are kept, or cleared", awkward="clear"),
    "put_body": Switch("full", ("full", "empty_object", "none"), "published",
                       "body of a successful PUT", "empty_object", "none", older=("empty_object", "none")),
    "unique_properties_put": Switch("replace", ("replace", "merge"), "assumed",
                                    "`uniqueProperties` of a PUT replace the stored ones, or are merged into them"),
    "repository_owner": Switch("any", ("any", "exclusive"), "assumed",
                               "`exclusive`: selecting a repository that another instance of the same type and host has selected is 409"),
    "delete_path": Switch("reference", ("reference", "short", "both"), "published",
                          "the published path; the guide's short one (the published one is then 405); or both", awkward="short"),
    "delete_status": Switch(204, (204, 200, 202), "published",
                            "status of a deletion; the body of a 200 or 202 is `{}`", awkward=200, older=(200, 202)),
    # repositories
    "repositories_page": Switch(70, None, "client", "repositories per page if no `limit` is sent", minimum=1),
    "offset": Switch("honoured", ("honoured", "ignored"), "published", "whether `offset` has any effect", awkward="ignored"),
    # uploads
    "uploads": Switch("additive", ("additive", "replace"), "assumed",
                      "results are added to the earlier ones, or replace those of the same collector, repository and branch",
                      awkward="replace"),
    "upload_status": Switch(201, (201, 200, 202), "published", "status of an accepted upload", 200, older=(200, 202)),
    "upload_body": Switch("published", ("published", "status", "empty_object"), "published",
                          "body of an accepted upload: a `status` of INGESTED or PARTIALLY_VALID and a `message` that ends with the "
                          'number of findings, with a `status` in that of a refused upload too; `{"status": "ACCEPTED"}`; or `{}`',
                          "status", older=("status", "empty_object")),
    "ingestion": Switch("all", ("all", "some", "fewer"), "published",
                        "all findings of an upload are ingested; all but one, and the response says PARTIALLY_VALID; or all but one, "
                        "although the response says INGESTED"),
    "upload_page": Switch("none", ("none", "login", "error"), "for tests",
                          "`login`, `error`: an upload is not accepted, although the response has the status of an accepted one, with a "
                          "login page in HTML or a body that names an error"),
    "disabled_upload": Switch("503_empty", ("503_empty", "503_json", "403"), "published",
                              "an upload to a disabled collector: 503 without a body, 503 with one, or 403", "403", older=("403",)),
    "missing_level": Switch("HIGH", ("HIGH", "LOW"), "published", "severity of a result without `level`"),
    "upload_limit": Switch(10_000_000, (10_000_000, 10_485_760), "assumed", "size of the largest document, in bytes"),
    "oversize_status": Switch(400, (400, 413), "assumed", "status for a larger document", 413),
    "unknown_repository_status": Switch(404, (404, 400), "published", "status for a repository the tenant does not know"),
    "repositories_readable": Switch(True, YES_NO, "for tests", "`False`: listing repositories is refused with 403"),
    "unscanned_list": Switch(True, YES_NO, "assumed",
                             "`GET /scans/unscanned-repositories` lists what was not scanned for `days` (7); `False`: that path does not "
                             "exist", before=False),
    "any_repository": Switch(False, YES_NO, "for tests", "`True`: every repository counts as known"),
}

_BEFORE = {name: switch.before for name, switch in SWITCHES.items() if switch.before is not None}
PROFILES: dict[str, dict[str, Any]] = {
    "published": {},
    "guide": {"creatable": "all", "self_registering": "accept"},
    "default": _BEFORE,
    "awkward": {**_BEFORE, **{name: switch.awkward for name, switch in SWITCHES.items() if switch.awkward is not None}},
}


def _unknown(kind: str, name: str, known: list[str]) -> SwitchError:
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"
    return SwitchError(f"no {kind} named {name!r}; {hint}")


class Switches:
    """The current values, as attributes.

    older: whether responses may differ from the published schemas; then they are checked against the older ones.
    """

    older: bool

    def __init__(self, profile: str = DEFAULT_PROFILE, **values: Any) -> None:
        if profile not in PROFILES:
            raise _unknown("profile", profile, list(PROFILES))
        self._values: dict[str, Any] = {}
        self.restore(profile, **values)

    def restore(self, profile: str, **values: Any) -> None:
        """Set the published values, then those of the profile, then `values`."""
        self._values.update({name: switch.published for name, switch in SWITCHES.items()})
        self._values.update(PROFILES[profile])
        self.change(**values)

    def change(self, **values: Any) -> None:
        """Set switches by name. Raises SwitchError for an unknown name or value; then nothing has changed."""
        checked = {}
        for name, value in values.items():
            if name not in SWITCHES:
                raise _unknown("switch", name, list(SWITCHES))
            checked[name] = SWITCHES[name].check(name, value)
        self._values.update(checked)
        self.older = any(self._values[name] in switch.older for name, switch in SWITCHES.items())

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def as_dict(self) -> dict[str, Any]:
        return dict(self._values)


def table() -> str:
    """The switches as a Markdown table, for docs/embedded_tenant.md."""
    def shown(value: Any) -> str:
        return f"`{value}`"

    lines = ["| switch | values, published first | `default` | `awkward` | source | what it does |", "|---|---|---|---|---|---|"]
    for name, switch in SWITCHES.items():
        others = [] if switch.choices is None else [choice for choice in switch.choices if choice != switch.published]
        values = " ".join(map(shown, [switch.published, *others])) + (" or another number" if switch.choices is None else "")
        columns = [shown(PROFILES[profile][name]) if name in PROFILES[profile] else "" for profile in ("default", "awkward")]
        lines.append(f"| `{name}` | {values} | {columns[0]} | {columns[1]} | {switch.source} | {switch.says} |")
    return "\n".join(lines) + "\n"
