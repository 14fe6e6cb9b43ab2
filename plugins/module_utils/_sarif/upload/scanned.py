# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks repositories, branches and commits: pipelines often pass something else by mistake.

Private to the collection, floor 3.
"""

from __future__ import annotations

import re

from ..._addresses import port_of, repository_of
from ..._errors import InputError
from ..._http.plain import whole
from ..._repository_lists import refuse_password
from .systems import Environment, branch_variables, value_of

# Variables of the CI systems that were not replaced with a value.
_PLACEHOLDER = re.compile(
    r"\$\(.*\)|\$\{.*\}|\{\{.*\}\}|<<.*>>|\$(env:)?[A-Za-z_]\w*|%[A-Za-z_][\w.]*%", re.DOTALL
)
_INSIDE = re.compile(r"\$\([^)]*\)|\$\{[^}]*\}|\{\{.*?\}\}|<<.*?>>")
_NO_BRANCH = (
    (re.compile(r"refs/(?:pull|merge-requests|pull-requests)/.*|(?:pull|pr)/\d+(?:/.*)?"), "a pull request"),
    (re.compile(r"(?:refs/)?tags/.*"), "a tag"),
    (
        re.compile(r"HEAD|FETCH_HEAD|detached|\(no branch\)|\(HEAD detached.*"),
        "a commit that is not on a branch",
    ),
    (re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}"), "a commit"),
    (re.compile(r"(?:(?:refs/)?remotes/|origin/).*"), "a branch of the build's clone"),
    (re.compile(r"refs/.*"), "a ref of another kind"),
)
# Names that git does not allow.
_IMPOSSIBLE = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[/.-]|[/.]$|/\.|\.lock(?:/|$)")
_OF_JENKINS = re.compile(r"(?:PR|MR)-\d+(?:-(?:head|merge))?")
_SCP = re.compile(r"([^:/@\s]+):(?!//).+")
_TO_HTTPS = ("ssh", "git", "git+ssh", "git+https", "ssh+git")
_COMMIT = re.compile(r"[0-9a-fA-F]{4,64}")
# Longer than any name or URL that a tenant takes, in characters.
LONGEST = 2000


def is_placeholder(text: str) -> bool:
    """Whether a value is a variable that the pipeline did not replace, such as $(Build.SourceBranchName)."""
    return bool(_PLACEHOLDER.fullmatch(text.strip()))


def refuse_placeholder(option: str, value: str) -> None:
    """Raise InputError, without the value, if it is a placeholder."""
    if is_placeholder(value):
        raise InputError(
            f"{option} contains the name of a variable instead of its value: is that variable, or secret, "
            "set for this build? Azure Pipelines leaves $(NAME) unchanged if the variable is not set."
        )


def refuse_unsendable(option: str, value: str) -> None:
    """Raise InputError, which does not repeat the value, for one that no request can hold."""
    if len(value) > LONGEST:
        raise InputError(
            f"{option} has {len(value)} characters, and at most {LONGEST} can be sent: check where it comes from."
        )
    if whole(value) != value:
        raise InputError(f"{option} contains bytes that are not UTF-8, which cannot be sent.")


def plain_branch(branch: str | None, environ: Environment) -> str:
    """The name of a branch without refs/heads/; empty for None. environ: of the build, for the advice.

    Raises InputError for an empty text and for anything that is not a branch, because nobody would look for
    findings there.
    """
    if branch is None:
        return ""
    refuse_unsendable("branch", branch)
    name = branch.strip().removeprefix("refs/heads/")
    where = f"The branch is in {branch_variables(environ)}; ci: true finds it."
    if not name:
        raise InputError(
            f"branch is empty, and the findings would go to the repository's default branch. {where} Leave "
            "the option out if they belong there."
        )
    shown = name[:200]
    if is_placeholder(name) or _INSIDE.search(name):
        raise InputError(f"branch is {shown}: the pipeline did not replace it with a value. {where}")
    for pattern, what in _NO_BRANCH:
        if pattern.fullmatch(name):
            checked = "Pull requests are checked, not uploaded. " if what == "a pull request" else ""
            raise InputError(
                f"branch is {shown}, which is {what} and not the name of a branch. {checked}{where}"
            )
    if _OF_JENKINS.fullmatch(name) and value_of(environ, "CHANGE_ID"):
        raise InputError(
            f"branch is {shown}, as Jenkins names a pull request (CHANGE_ID is set). Pull requests are "
            "checked, not uploaded."
        )
    if _IMPOSSIBLE.search(name):
        raise InputError(f"branch is {shown!r}, and git does not allow such a branch name. {where}")
    return name


def branch_warnings(branch: str) -> list[str]:
    if not _OF_JENKINS.fullmatch(branch):
        return []
    return [f"branch is {branch}, as Jenkins names a pull request: findings belong to a branch."]


def plain_commit(commit: str | None) -> tuple[str, list[str]]:
    """A commit, for the receipts, and warnings about it. Raises InputError for a placeholder."""
    commit = (commit or "").strip()
    if is_placeholder(commit):
        raise InputError(f"commit is {commit[:200]}: the pipeline did not replace it with a value.")
    if commit and not _COMMIT.fullmatch(commit):
        return commit[:200], [
            f"commit is {commit[:200]}, which is not a git commit ID: the receipts contain it unchanged."
        ]
    return commit, []


def plain_repository_url(url: str) -> str:
    """A repository's web URL without user name, password and `.git`, from its web or SSH URL or
    `git@host:org/repo.git`. Raises InputError.
    """
    refuse_unsendable("repository_url", url)
    refuse_password(url, "repository_url")
    # host:path cannot be another URL.
    scp = _SCP.fullmatch(url)
    text = f"git@{url}" if scp and "." in scp[1][1:-1] else url
    scheme = url.partition("://")[0] if "://" in url else ""
    try:
        parsed = repository_of(text)
        port = port_of(url) if scheme in ("http", "https") else ""
    except ValueError:
        raise InputError(
            "repository_url does not name a repository: give it as https://host/organization/repository."
        ) from None
    if (
        not parsed.url
        or "@" in parsed.path
        or (port and not port.isdigit())
        or (scheme and scheme not in (*_TO_HTTPS, "http", "https"))
    ):
        raise InputError("repository_url is not a URL: give it as https://host/organization/repository.")
    return parsed.url
