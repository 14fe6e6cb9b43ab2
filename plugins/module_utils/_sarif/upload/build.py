# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository, branch and commit of a build, from its variables.

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

_DETACHED = ("", "HEAD", "detached")


class Taken(t.NamedTuple):
    """A value for an option, taken from these variables of the build."""

    option: str
    value: str
    variables: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Build:
    """A build: the values for options that are not set.

    system: the CI system.
    not_uploaded: why nothing is uploaded, or empty.
    """

    system: str
    taken: list[Taken]
    not_uploaded: str

    def as_result(self) -> dict[str, t.Any]:
        """The member `ci` of a result."""
        rows = [{**one._asdict(), "variables": list(one.variables)} for one in self.taken]
        return {"system": self.system, "taken": rows, "not_uploaded": self.not_uploaded or None}


def build_of(params: dict[str, t.Any], environ: Environment) -> Build:
    """The build with these variables. params: the module's options.

    Raises InputError if no CI system is recognised, or several are, or if the variables do not name the
    repository.
    """
    system = _system(environ)
    chosen = {name for name in ("repository_url", "commit", "build_url") if value_of(params, name)}
    # An empty branch is not replaced, because it is a mistake.
    chosen |= {"branch"} if params.get("branch") is not None else set()
    chosen |= {"repository_url"} if value_of(params, "repository_id") else set()
    branch, branch_variables = _first(system.branch, environ)
    branch = branch.removeprefix(system.remote)
    why = _matched(system.change, environ, "a pull request")
    if not why and "branch" not in chosen:
        why = _matched(system.tag, environ, "a tag")
        why = why or _matched(system.another, environ, "what another run has scanned")
        why = why or (_detached(system) if branch in _DETACHED else "")
    if why:
        return Build(system.name, [], f"{system.name} builds {why}")
    url, url_variables = _first(system.url, environ)
    if "repository_url" not in chosen and not url:
        names = " or ".join(VARIABLE.findall("".join(system.url)))
        raise InputError(
            f"ci: {system.name} does not say which repository this is ({names} is not set): give "
            "repository_url."
        )
    commit, commit_variables = _first((system.commit,), environ)
    page, page_variables = _first((system.page,), environ, quoted=True)
    taken = []
    if "repository_url" not in chosen:
        taken.append(Taken("repository_url", plain_repository_url(url), url_variables))
    if "branch" not in chosen:
        taken.append(Taken("branch", plain_branch(branch, environ), branch_variables))
    taken.append(Taken("commit", commit, commit_variables))
    taken.append(Taken("build_url", plain_page(page), page_variables))
    return Build(system.name, [one for one in taken if one.value and one.option not in chosen], "")


def with_build(params: dict[str, t.Any], build: Build) -> dict[str, t.Any]:
    """The options, completed from the build."""
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
        known = ", ".join(f"{system.name} ({' or '.join(system.known_by)})" for system in SYSTEMS)
        raise InputError(
            f"ci: this is not a build of a known CI system: {known}. Give repository_url and branch instead."
        )
    if len(systems) > 1:
        both = " and ".join(system.name for system in systems)
        raise InputError(
            f"ci: the variables of {both} are set, so it is unclear which of them runs this build. Give "
            "repository_url and branch instead."
        )
    return systems[0]


def _first(
    templates: tuple[str, ...], environ: Environment, *, quoted: bool = False
) -> tuple[str, tuple[str, ...]]:
    """The first template whose variables are all set, filled in, and these variables; empty if there is none.

    quoted: whether the values become parts of a URL.
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
            return template.format_map(values), names
    return "", ()


def _detached(system: System) -> str:
    names = ", ".join(VARIABLE.findall("".join(system.branch)))
    advice = "if there is one nevertheless, set branch"
    return f"a commit that is not on a branch (none is named by {names}; {advice})"


def _matched(patterns: dict[str, str], environ: Environment, what: str) -> str:
    for name, pattern in patterns.items():
        value = value_of(environ, name)
        if value and re.fullmatch(pattern, value, re.DOTALL):
            return f"{what} ({name} is {value[:100]})"
    return ""
