# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every behaviour the public material leaves open, as a named switch. The documentation page's table is generated from here.

`default` is the likeliest or strictest reading; `awkward` is the reading that hurts a careless client most.
"""
from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Any


class SwitchError(ValueError):
    """A switch or profile name, or a value, that does not exist. The message lists the choices."""


@dataclass(frozen=True)
class Switch:
    """`choices` lists the words or numbers allowed; None means any number of the default's kind, not below `minimum`."""

    default: Any
    choices: tuple[Any, ...] | None
    section: str
    says: str
    awkward: Any = None
    minimum: float | None = 0

    def check(self, name: str, value: Any) -> Any:
        """Return the value in the switch's own type, also from the text of a command line. Raises SwitchError."""
        allowed = self.choices
        if allowed is None:
            number = _number(value, whole=isinstance(self.default, int))
            if number is not None and (self.minimum is None or number >= self.minimum):
                return number
            floor = "" if self.minimum is None else f", not below {self.minimum}"
            raise SwitchError(f"switch {name}: {value!r} is not a number{floor}; the default is {self.default!r}")
        for choice in allowed:
            if type(choice) is type(value) and choice == value:
                return choice
        for choice in allowed:
            if isinstance(value, str) and not isinstance(choice, str) and value.lower() == str(choice).lower():
                return choice
        raise SwitchError(f"switch {name}: {value!r} is not one of {', '.join(map(repr, allowed))}; the default is {self.default!r}")


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
    "certificate": Switch("valid", ("valid", "other_name", "expired"), "none: a fault",
                          "with TLS, what new connections are shown: the right certificate, one of another host, or an expired one"),
    # who may call
    "clock_offset": Switch(0.0, None, "1.3", "seconds by which the tenant's clock and `Date` header are shifted", minimum=None),
    "clock_skew": Switch(300.0, None, "1.3", "seconds a signature's timestamp may be off; more is 401"),
    "licensed": Switch(True, YES_NO, "1.8", "`False`: the AppSec paths answer 402"),
    "validate_body": Switch("string", ("string", "boolean"), "1.4", 'the key validation call answers `"true"` or `true`'),
    "read_only": Switch(False, YES_NO, "none: a guard for tests", "`True`: every write answers 403 and is kept in `write_attempts`"),
    # how often
    "rate": Switch(10, None, "2", "requests per `rate_window` for the whole tenant, failed authentication included", minimum=1),
    "rate_window": Switch(1.0, None, "2", "seconds", minimum=0.001),
    "window": Switch("sliding", ("sliding", "fixed"), "2", "the last `rate_window` seconds, or windows aligned to the clock", "fixed"),
    "retry_after": Switch("none", ("none", "seconds", "date"), "2", "the `Retry-After` header of a 429"),
    # envelopes and fields
    "list_envelope": Switch("data", ("data", "bare", "reply", "reply_data"), "3.1", "what the instance list is wrapped in", "reply_data"),
    "repositories_envelope": Switch("as_list", ("as_list", "data", "bare", "reply", "reply_data", "repositories"), "3.7",
                                    "what the repository list is wrapped in; `as_list` follows `list_envelope`"),
    "item_envelope": Switch("root", ("root", "data", "reply", "reply_data"), "3.2",
                            "what one instance, repository or creation reply is wrapped in",
                            "reply_data"),
    "list_fields": Switch("no_state", ("no_state", "minimal", "all"), "3.1",
                          "list items: all fields, but `state: []` beside the true `repositoriesCount`; only `id`, `selectionType`, "
                          "`state: []`, `repositoriesCount`; or all fields", "minimal"),
    "unique_properties": Switch("echoed", ("echoed", "masked", "hidden"), "3.2",
                                "read back as stored; strings under secret-looking keys as `********`; or not at all", "masked"),
    "name_shown": Switch("root", ("root", "display_name", "unique_properties"), "5",
                         "the name also as a root `name`, also as a root `displayName`, or only in `uniqueProperties`",
                         "unique_properties"),
    "domain_shown": Switch(True, YES_NO, "3.2", "`False`: replies carry no `domain`"),
    # list filters
    "type_filter_case": Switch("any", ("any", "upper", "lower"), "3.1", "spelling of the `type` filter that is accepted", "lower"),
    "type_filter_mismatch": Switch("refuse", ("refuse", "empty"), "3.1", "the filter in the other spelling: 422, or an empty list"),
    # creation
    "create_status": Switch(201, (201, 200), "3.3", "status of a creation", 200),
    "create_body": Switch("full", ("full", "id"), "3.3", "the whole instance, or its `id` alone; a collector's token in both"),
    "duplicate_create": Switch("409", ("409", "400", "allow"), "3.12",
                               "same type, name and hostname again: 409, 400, or a second instance"),
    "unknown_type": Switch("refuse", ("refuse", "accept"), "4",
                           "a type outside the guide's 23: 422, or taken when it is an upper-case word"),
    "self_registering": Switch("refuse", ("refuse", "accept"), "4", "creating AWS_CODE_COMMIT or CORTEX_CLI: 422, or taken"),
    "consent": Switch("given", ("given", "required"), "4",
                      "types that need a browser start as PENDING and refuse scope until `grant_consent(id)`"),
    "token_names": Switch("camel", ("camel", "snake", "nested"), "5",
                          "a collector's token as `tokenId`/`apiToken`, `token_id`/`api_token`, or under `credentials`", "snake"),
    "settle": Switch(0, None, "7.2", "by-id reads after a creation or update during which `status` is IN_PROGRESS", 2),
    # update and deletion
    "put_omitted": Switch("keep", ("keep", "clear"), "3.4", "fields a PUT leaves out are kept, or cleared", "clear"),
    "put_body": Switch("empty_object", ("empty_object", "none", "full"), "3.4", "body of a successful PUT", "none"),
    "unique_properties_put": Switch("replace", ("replace", "merge"), "3.4",
                                    "`uniqueProperties` of a PUT replace the stored ones, or are merged into them"),
    "repository_owner": Switch("any", ("any", "exclusive"), "3.4",
                               "`exclusive`: selecting a repository that another instance of this type and host holds is 409"),
    "delete_path": Switch("reference", ("reference", "short", "both"), "3.5",
                          "the reference's path, the guide's short one (the reference's then answers 405), or both", "short"),
    "delete_status": Switch(204, (204, 200, 202), "3.5", "status of a deletion; 200 and 202 carry `{}`", 200),
    # repositories
    "repositories_page": Switch(70, None, "3.7", "repositories per page when no `limit` is sent", minimum=1),
    "offset": Switch("honoured", ("honoured", "ignored"), "3.7", "whether `offset` has any effect", "ignored"),
    # uploads
    "uploads": Switch("additive", ("additive", "replace"), "6.8",
                      "results are added, or replace those of the same collector, repository and branch", "replace"),
    "upload_status": Switch(200, (200, 201, 202), "6.7", "status of an accepted upload"),
    "upload_body": Switch("status", ("status", "empty_object"), "6.7", 'body of an accepted upload: `{"status": "ACCEPTED"}` or `{}`'),
    "missing_level": Switch("HIGH", ("HIGH", "LOW"), "6.3", "severity of a result without `level`"),
    "upload_limit": Switch(10_000_000, (10_000_000, 10_485_760), "6.5", "largest document in bytes"),
    "oversize_status": Switch(413, (413, 400), "6.5", "status for a larger one"),
    "unknown_repository_status": Switch(404, (404, 400), "6.1", "status for a repository the tenant does not know"),
    "any_repository": Switch(False, YES_NO, "6.1", "`True`: every repository counts as known"),
}

PROFILES: dict[str, dict[str, Any]] = {
    "default": {},
    "awkward": {name: switch.awkward for name, switch in SWITCHES.items() if switch.awkward is not None},
}


def _unknown(kind: str, name: str, known: list[str]) -> SwitchError:
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"
    return SwitchError(f"no {kind} named {name!r}; {hint}")


class Switches:
    """Current values, read as attributes. `change` checks everything before it changes anything."""

    def __init__(self, profile: str = "default", **values: Any) -> None:
        if profile not in PROFILES:
            raise _unknown("profile", profile, list(PROFILES))
        self._values: dict[str, Any] = {}
        self.restore(profile, **values)

    def restore(self, profile: str, **values: Any) -> None:
        """Defaults, then the profile, then `values`."""
        self._values.update({name: switch.default for name, switch in SWITCHES.items()})
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

    lines = ["| switch | values, default first | awkward | contract | what it does |", "|---|---|---|---|---|"]
    for name, switch in SWITCHES.items():
        others = [] if switch.choices is None else [choice for choice in switch.choices if choice != switch.default]
        values = " ".join(map(shown, [switch.default, *others])) + (" or another number" if switch.choices is None else "")
        awkward = "" if switch.awkward is None else shown(switch.awkward)
        lines.append(f"| `{name}` | {values} | {awkward} | {switch.section} | {switch.says} |")
    return "\n".join(lines) + "\n"
