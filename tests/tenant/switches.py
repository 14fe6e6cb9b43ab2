# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every behaviour of the tenant that can be chosen, as a named switch. The documentation page's table is generated from here.

Four profiles: `published` is what the vendor's schemas say, and the likeliest or strictest reading where they say nothing.
`guide` is the same with every type creatable, as the vendor's guide has it. `default` is how replies were read before the
schemas were known. `awkward` starts from `default` and takes the reading that hurts a careless client most.
"""
from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Any

# What EmbeddedTenant() takes, and `python -m tenant`.
DEFAULT_PROFILE = "published"


class SwitchError(ValueError):
    """A switch or profile name, or a value, that does not exist. The message lists the choices."""


@dataclass(frozen=True)
class Switch:
    """`choices` lists the words or numbers allowed; None means any number of the published value's kind, not below `minimum`.

    `source` is where the published value comes from: published, previous (the vendor's schemas of the generation before), guide,
    client (seen in public clients) or assumed. `before` and `awkward` are the values of the profiles default and awkward, None
    for that of published and of default. `older` are the values whose replies the published schemas do not allow.
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
        """Return the value in the switch's own type, also from the text of a command line. Raises SwitchError."""
        allowed = self.choices
        if allowed is None:
            number = _number(value, whole=isinstance(self.published, int))
            if number is not None and (self.minimum is None or number >= self.minimum):
                return number
            floor = "" if self.minimum is None else f", not below {self.minimum}"
            raise SwitchError(f"switch {name}: {value!r} is not a number{floor}")
        for choice in allowed:
            if type(choice) is type(value) and choice == value:
                return choice
        for choice in allowed:
            if isinstance(value, str) and not isinstance(choice, str) and value.lower() == str(choice).lower():
                return choice
        raise SwitchError(f"switch {name}: {value!r} is not one of {', '.join(map(repr, allowed))}")


def _number(value: Any, whole: bool) -> float | None:
    """The value, or the text of a command line, as a finite number; None when it is none."""
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
    # the way there
    "certificate": Switch("valid", ("valid", "other_name", "expired"), "for tests",
                          "with TLS, what new connections are shown: the right certificate, one of another host, or an expired one"),
    "generation": Switch("current", ("current", "previous"), "published",
                         "`previous`: `/data_source_instances` is 404, and `/integrations` lists, reads, updates "
                         "and deletes, without creation, "
                         "`scanTypes`, `statusDetails`, `tenantId` and `transporter`"),
    # who may call
    "clock_offset": Switch(0.0, None, "for tests", "seconds by which the tenant's clock and `Date` header are shifted", minimum=None),
    "clock_skew": Switch(300.0, None, "assumed", "seconds a signature's timestamp may be off; more is 401"),
    "licensed": Switch(True, YES_NO, "previous", "`False`: the AppSec paths answer 402"),
    "validate_body": Switch("string", ("string", "boolean"), "client", 'the key validation call answers `"true"` or `true`'),
    "read_only": Switch(False, YES_NO, "for tests", "`True`: every write answers 403 and is kept in `write_attempts`"),
    # how often
    "rate": Switch(10, None, "guide", "requests per `rate_window` for the whole tenant, failed authentication included", minimum=1),
    "rate_window": Switch(1.0, None, "guide", "seconds", minimum=0.001),
    "window": Switch("sliding", ("sliding", "fixed"), "assumed", "the last `rate_window` seconds, or windows aligned to the clock",
                     awkward="fixed"),
    "retry_after": Switch("none", ("none", "seconds", "date"), "previous", "the `Retry-After` header of a 429"),
    # envelopes and fields
    "list_envelope": Switch("bare", ("bare", "data", "reply", "reply_data"), "published", "what the instance list is wrapped in",
                            "data", "reply_data", older=("data", "reply", "reply_data")),
    "repositories_envelope": Switch("as_list", ("as_list", "data", "bare", "reply", "reply_data", "repositories"), "published",
                                    "what the repository list is wrapped in; `as_list` follows `list_envelope`",
                                    older=("data", "reply", "reply_data", "repositories")),
    "item_envelope": Switch("root", ("root", "data", "reply", "reply_data"), "published",
                            "what one instance, repository or creation reply is wrapped in",
                            awkward="reply_data", older=("data", "reply", "reply_data")),
    "fields": Switch("published", ("published", "mirrored"), "published",
                     "instances and repositories with the members of the vendor's schemas, or with what was sent mirrored back: `name`, "
                     "`uniqueProperties`, `externalProjects`, and none of the members that only the schemas know",
                     "mirrored", older=("mirrored",)),
    "list_fields": Switch("no_state", ("no_state", "minimal", "all"), "client",
                          "list items: all fields, but `state: []` beside the true `repositoriesCount`; only `id`, `selectionType`, "
                          "`state: []`, `repositoriesCount`; or all fields, as in the vendor's examples",
                          awkward="minimal", older=("minimal",)),
    "count": Switch("selected", ("selected", "associated", "by_id"), "published",
                    "`repositoriesCount`: in list items, the number of selected repositories; in list items, the "
                    "larger number of repositories "
                    "the connection can see; or the selected ones, in replies by id too",
                    "by_id", older=("by_id",)),
    "timestamps": Switch("dates", ("dates", "at"), "published", "`creationDate` and `lastUpdateDate`, or `createdAt` and `updatedAt`",
                         "at", older=("at",)),
    "status_words": Switch("published", ("published", "older"), "published",
                           "a working instance is CONNECTED and one that settles TEMPORARY, or COMPLETED and IN_PROGRESS",
                           "older", older=("older",)),
    "ids": Switch("hex24", ("hex24", "col_"), "published",
                  "new ids are 24 hexadecimal digits; with `col_`, a collector's begin with that word", "col_"),
    "identifier_given": Switch("name", ("name", "vendor", "other", "none"), "published",
                               "the `uniqueIdentifier` a new instance gets: the name asked for (without one, the "
                               "organization); for all but "
                               "collectors the organization, whatever was asked; the name with `-1` at its end; or none"),
    "unique_properties": Switch("echoed", ("echoed", "masked", "hidden"), "client",
                                "with `fields` mirrored: read back as stored; strings under secret-looking keys "
                                "as `********`; or not at all",
                                awkward="masked"),
    "name_shown": Switch("root", ("root", "display_name", "unique_properties"), "client",
                         "with `fields` mirrored: the name also as a root `name`, also as a root `displayName`, "
                         "or only in `uniqueProperties`",
                         awkward="unique_properties"),
    "domain_shown": Switch(True, YES_NO, "published", "`False`: replies carry no `domain`"),
    # requests
    "requests": Switch("published", ("published", "older"), "published",
                       "what bodies must have: both members of `domain` and of `transporter`, all five of an "
                       "external project, `OAUTH` or `PAT` "
                       "as `credentials.type`; or none of these",
                       "older"),
    "type_filter_case": Switch("hyphens", ("hyphens", "any", "upper", "lower"), "published",
                               "spelling of the `type` filter that is accepted: lower case with hyphens "
                               "(`sonar-qube`), or the word of `type` in "
                               "any, upper or lower case", "any", "lower"),
    "type_filter_mismatch": Switch("refuse", ("refuse", "empty"), "published", "the filter in another spelling: 422, or an empty list"),
    "category_filter": Switch("published", ("published", "guide"), "published",
                              "words of the `type_category` filter: `external-vendor-integrations`, `vcs-integrations`, "
                              "`ci-cd-scanning-integrations`, `cli-integrations`; or `DEFAULT`, `EXTERNAL_VENDOR_INTEGRATIONS`",
                              "guide"),
    # creation
    "creatable": Switch("collector", ("collector", "all"), "published",
                        "a COLLECTOR alone can be created, another type is a 422 that names `type`; or, as the "
                        "guide says, every type", "all"),
    "create_status": Switch(200, (200, 201), "published", "status of a creation", 201, 200, older=(201,)),
    "create_body": Switch("full", ("full", "id"), "published", "the whole instance, or its `id` alone; a collector's token in both",
                          older=("id",)),
    "duplicate_create": Switch("409", ("409", "400", "allow"), "assumed",
                               "same type, name and hostname again: 409, 400, or a second instance"),
    "unknown_type": Switch("refuse", ("refuse", "accept"), "guide",
                           "a type outside the guide's 23: 422, or taken when it is an upper-case word"),
    "self_registering": Switch("refuse", ("refuse", "accept"), "assumed", "creating AWS_CODE_COMMIT or CORTEX_CLI: 422, or taken"),
    "consent": Switch("given", ("given", "required"), "assumed",
                      "types that need a browser start as PENDING and refuse scope until `grant_consent(id)`"),
    "token_names": Switch("webhook", ("webhook", "camel", "snake", "nested", "unknown"), "published",
                          "a collector's token as `credentials.webhookAuthKey` and the number "
                          "`credentials.webhookAuthKeyId`; `tokenId`/`apiToken`, "
                          "`token_id`/`api_token`, or the first two under `credentials`; or under names that nobody expects",
                          "camel", "snake", older=("camel", "snake", "nested", "unknown")),
    "settle": Switch(0, None, "assumed",
                     "by-id reads after a creation or update during which `status` says that it is not done", awkward=2),
    "initial_selection": Switch("nothing", ("nothing", "found", "future", "manual"), "assumed",
                                "what a new version control instance selects by itself: CURRENT_STATE, no "
                                "repository; CURRENT_STATE, and after the "
                                "first read by id every repository it can see; CURRENT_STATE_AND_FUTURE, and every one at once; "
                                "MANUAL_SELECTION, none"),
    # update and deletion
    "put_omitted": Switch("keep", ("keep", "clear"), "assumed", "fields a PUT leaves out are kept, or cleared", awkward="clear"),
    "put_body": Switch("full", ("full", "empty_object", "none"), "published", "body of a successful PUT", "empty_object", "none",
                       older=("empty_object", "none")),
    "unique_properties_put": Switch("replace", ("replace", "merge"), "assumed",
                                    "`uniqueProperties` of a PUT replace the stored ones, or are merged into them"),
    "repository_owner": Switch("any", ("any", "exclusive"), "assumed",
                               "`exclusive`: selecting a repository that another instance of this type and host holds is 409"),
    "delete_path": Switch("reference", ("reference", "short", "both"), "published",
                          "the published path, the guide's short one (the published one then answers 405), or both", awkward="short"),
    "delete_status": Switch(204, (204, 200, 202), "published",
                            "status of a deletion; 200 and 202 carry `{}`", awkward=200, older=(200, 202)),
    # repositories
    "repositories_page": Switch(70, None, "client", "repositories per page when no `limit` is sent", minimum=1),
    "offset": Switch("honoured", ("honoured", "ignored"), "published", "whether `offset` has any effect", awkward="ignored"),
    # uploads
    "uploads": Switch("additive", ("additive", "replace"), "assumed",
                      "results are added, or replace those of the same collector, repository and branch", awkward="replace"),
    "upload_status": Switch(201, (201, 200, 202), "published", "status of an accepted upload", 200, older=(200, 202)),
    "upload_body": Switch("published", ("published", "status", "empty_object"), "published",
                          "body of an accepted upload: `status` INGESTED or PARTIALLY_VALID and a `message` that "
                          "ends with the number of findings, "
                          'and of a refused one `status` too; `{"status": "ACCEPTED"}`; or '
                          '`{}`', "status", older=("status", "empty_object")),
    "ingestion": Switch("all", ("all", "some", "fewer"), "published",
                        "all findings of an upload are taken in; all but one, as PARTIALLY_VALID; or all but "
                        "one, although it says INGESTED"),
    "upload_page": Switch("none", ("none", "login", "error"), "for tests",
                          "an upload is not taken, but the status of an accepted one comes with a login page in "
                          "HTML, or with a body that names an "
                          "error"),
    "disabled_upload": Switch("503_empty", ("503_empty", "503_json", "403"), "published",
                              "an upload to a disabled collector: 503 without a body, 503 with one, or 403", "403", older=("403",)),
    "missing_level": Switch("HIGH", ("HIGH", "LOW"), "published", "severity of a result without `level`"),
    "upload_limit": Switch(10_000_000, (10_000_000, 10_485_760), "assumed", "largest document in bytes"),
    "oversize_status": Switch(400, (400, 413), "assumed", "status for a larger one", 413),
    "unknown_repository_status": Switch(404, (404, 400), "published", "status for a repository the tenant does not know"),
    "repositories_readable": Switch(True, YES_NO, "for tests", "`False`: whoever asks for repositories is answered 403"),
    "unscanned_list": Switch(True, YES_NO, "assumed",
                             "`GET /scans/unscanned-repositories` lists what was not scanned for `days` (7); `False`: there is no "
                             "such path", before=False),
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
    """Current values, read as attributes. `change` checks everything before it changes anything.

    `older`: whether replies may differ from the published schemas; then they are held against the older ones too.
    """

    older: bool

    def __init__(self, profile: str = DEFAULT_PROFILE, **values: Any) -> None:
        if profile not in PROFILES:
            raise _unknown("profile", profile, list(PROFILES))
        self._values: dict[str, Any] = {}
        self.restore(profile, **values)

    def restore(self, profile: str, **values: Any) -> None:
        """The published values, then the profile, then `values`."""
        self._values.update({name: switch.published for name, switch in SWITCHES.items()})
        self._values.update(PROFILES[profile])
        self.change(**values)

    def change(self, **values: Any) -> None:
        """Set switches by name. Raises SwitchError for an unknown name or value, and then changes none."""
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
