# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build says of itself, and whether it is of a branch at all.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t
from urllib.parse import quote, urlsplit, urlunsplit

from ..._errors import InputError
from ..._http.redaction import hidden_in_urls
from .scanned import plain_branch, plain_repository_url
from .systems import SYSTEMS, VARIABLE, Environment, System, recognised, value_of

OPTIONS = ("repository_url", "branch", "commit", "build_url")
_DETACHED = ("", "HEAD", "detached")


class Taken(t.NamedTuple):
    """A value that was taken from the build. variables: from which."""

    option: str
    value: str
    variables: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Build:
    """What a build says of itself, as far as the options do not say otherwise. not_uploaded: why nothing of
    it is sent, or empty.
    """

    system: str
    taken: list[Taken]
    not_uploaded: str

    def as_result(self) -> dict[str, t.Any]:
        """The member `ci` of a result."""
        rows = [
            {"option": one.option, "value": one.value, "variables": list(one.variables)} for one in self.taken
        ]
        return {"system": self.system, "taken": rows, "not_uploaded": self.not_uploaded or None}


def build_of(params: dict[str, t.Any], environ: Environment) -> Build:
    """What this build is of. params: the options, of which those that are set are not asked of the build.

    Raises InputError where no CI system is recognised, or several are, or what is built cannot be told.
    """
    system = _system(environ)
    given = {name for name in OPTIONS if name != "branch" and (params.get(name) or "").strip()}
    # An empty branch was meant to be one.
    given |= {"branch"} if params.get("branch") is not None else set()
    given |= {"repository_url"} if (params.get("repository_id") or "").strip() else set()
    branch = _first(system.branch, environ)
    branch = Taken("branch", branch.value.removeprefix(system.remote), branch.variables)
    why = _matched(system.change, environ, "a pull request")
    if not why and "branch" not in given:
        why = _matched(system.tag, environ, "a tag") or _matched(
            system.another, environ, "what another run has scanned"
        )
        why = why or ("" if branch.value not in _DETACHED else _detached(system))
    if why:
        return Build(system.name, [], f"{system.name} builds {why}")
    url, page = _first(system.url, environ), _first((system.page,), environ, quoted=True)
    if "repository_url" not in given and not url.value:
        names = " or ".join(name for template in system.url for name in VARIABLE.findall(template))
        raise InputError(
            f"ci: {system.name} does not say which repository this is ({names} is not set): give "
            f"repository_url."
        )
    found = [
        url._replace(
            option="repository_url",
            value="" if "repository_url" in given else plain_repository_url(url.value),
        ),
        branch._replace(value="" if "branch" in given else plain_branch(branch.value, environ)),
        _first((system.commit,), environ)._replace(option="commit"),
        page._replace(option="build_url", value=plain_page(page.value)),
    ]
    return Build(system.name, [one for one in found if one.value and one.option not in given], "")


def with_build(params: dict[str, t.Any], build: Build) -> dict[str, t.Any]:
    """The options, and where one is not set what the build says."""
    return {**params, **{one.option: one.value for one in build.taken}}


def plain_page(url: str) -> str:
    """A web address without user name, password and secret parameters; empty for anything else."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in ("http", "https") or not host:
        return ""
    return hidden_in_urls(urlunsplit(parts._replace(netloc=host)))


def _system(environ: Environment) -> System:
    systems = recognised(environ)
    if not systems:
        known = ", ".join(
            f"{name} ({' or '.join(system.known_by)})" for system in SYSTEMS for name in [system.name]
        )
        raise InputError(
            f"ci: this is not a build of a known CI system: {known}. Give repository_url and branch instead."
        )
    if len(systems) > 1:
        both = " and ".join(system.name for system in systems)
        raise InputError(
            f"ci: the variables of {both} are set, so it is unclear which of them runs this build. Give "
            f"repository_url and branch instead."
        )
    return systems[0]


def _first(templates: tuple[str, ...], environ: Environment, *, quoted: bool = False) -> Taken:
    """The first template whose variables are all set, filled in, for no option yet. quoted: as a part of a
    URL.
    """
    for template in templates:
        names = tuple(VARIABLE.findall(template))
        values = {name: value_of(environ, name) for name in names}
        if all(values.values()):
            if quoted and len(names) > 1:
                values = {
                    name: value.rstrip("/")
                    if "://" in value
                    else quote(value, safe="/", errors="surrogateescape")
                    for name, value in values.items()
                }
            return Taken("", template.format_map(values), names)
    return Taken("", "", ())


def _detached(system: System) -> str:
    names = [name for template in system.branch for name in VARIABLE.findall(template)]
    return (
        f"a commit that is not on a branch (none is named by {', '.join(names)}; if there is one "
        "nevertheless, set branch)"
    )


def _matched(patterns: dict[str, str], environ: Environment, what: str) -> str:
    for name, pattern in patterns.items():
        value = value_of(environ, name)
        if value and re.fullmatch(pattern, value, re.DOTALL):
            return f"{what} ({name} is {value[:100]})"
    return ""
