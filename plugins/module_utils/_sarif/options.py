# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the options of SARIF reports: module, command line, documentation, playbook, role.

Private to the collection, floor 3.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of the module sarif_upload, and of the command of cortex-sarif.pyz.

    text: its documentation in Ansible's markup, an empty line between paragraphs; the first sentence is the
        help of the command line.
    type, default, choices, elements, required: as in an argument spec.
    secret: never shown.
    environment: the variable that is read if the option is not set.
    prepares: whether it changes the documents, so that `check` takes it too and Options has it; the others
        are for `upload` alone.
    command: whether the command line has it.
    metavar: the placeholder for its value in the help.
    """

    name: str
    text: str
    type: str = "str"
    default: t.Any = None
    choices: tuple[str, ...] = ()
    elements: str = ""
    required: bool = False
    secret: bool = False
    environment: str = ""
    prepares: bool = False
    command: bool = True
    metavar: str | None = None

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def paragraphs(self) -> list[str]:
        return [" ".join(paragraph.split()) for paragraph in self.text.split("\n\n")]

    @property
    def help(self) -> str:
        """The first sentence without markup; other options have the names of the command line."""
        sentence = re.split(r"\.(?:\s|$)", self.paragraphs[0])[0]
        sentence = re.sub(r"\bO\((\w+)\)", lambda match: f"--{match[1]}".replace("_", "-"), sentence)
        return re.sub(r"\b[A-Z]\(([^()]*)\)", r"\1", sentence)


OPTIONS = (
    Option("path", type="list", elements="path", required=True, prepares=True, text="""
        SARIF files, or glob patterns that match them, on the host that runs the module.

        In a pattern, C(**) matches any number of folders; links to folders are not followed."""),
    Option("collector_id", text="The ID of the collector to upload to."),
    Option("collector_name", command=False, text="""
        The name of the collector to upload to. It is looked up with the tenant key, so it cannot be used with
        a collector's own token."""),
    Option("upload_url", text="""
        The URL to upload to, as the tenant returned it when the collector was created.

        The tenant key is never sent to a URL of another origin than O(api_url). O(expected_tenant) applies to
        this URL too."""),
    # Every user of a machine can read command lines, so they take no token.
    Option("collector_token_id", environment="CORTEXCLOUD_COLLECTOR_TOKEN_ID", command=False, text="""
        The ID of the collector's own token.

        If not set, E(CORTEXCLOUD_COLLECTOR_TOKEN_ID) is used."""),
    Option("collector_token", secret=True, environment="CORTEXCLOUD_COLLECTOR_TOKEN", command=False, text="""
        The collector's own token. With it, the tenant key is neither needed nor used.

        If not set, E(CORTEXCLOUD_COLLECTOR_TOKEN) is used, then the content of the file that
        E(CORTEXCLOUD_COLLECTOR_TOKEN_FILE) names."""),
    Option("credentials_file", type="path", metavar="FILE", text="""
        The file that M(cortex_cloud.appsec.data_source) wrote when the collector was created. It contains the
        collector's ID, URL and token, and is used instead of O(collector_token_id) and
        O(collector_token)."""),
    Option("repository_id", text="""
        The tenant's asset ID of the repository. This or O(repository_url) is required; the tenant must have
        onboarded the repository."""),
    Option("repository_url", text="""
        The URL of the repository. User name, password and C(.git) are removed, and C(git@host:org/repo.git)
        becomes C(https://host/org/repo)."""),
    Option("branch", text="""
        The branch that was scanned. Without it the findings go to the repository's default branch, with a
        warning.

        C(refs/heads/) is removed. Anything that is not a branch is refused: an empty text, C(HEAD), a tag, a
        pull request such as C(refs/pull/12/merge), C(origin/main), and a placeholder that the pipeline did
        not replace, such as C($(Build.SourceBranchName\\))."""),
    Option("ci", type="bool", default=False, text="""
        Whether to take O(repository_url), O(branch), O(commit) and O(build_url), where they are not set, from
        the variables of the build.

        Supported are GitHub Actions, GitLab CI, Jenkins, Azure Pipelines, Bitbucket Pipelines, CircleCI and
        AWS CodeBuild.

        The variables are read in the process that runs the module. These are the build's variables if the
        build started the playbook and the task runs on C(localhost).

        Nothing is uploaded for a pull request, nor, unless O(branch) is set, for a tag or a commit that is
        not on a branch. In these cases the reports are checked, the task succeeds, and the result gives the
        reason."""),
    Option("source_root", prepares=True, metavar="FOLDER", text="""
        The folder of the repository on the machine that scanned. It is removed from absolute paths, so that
        they become relative to the root of the repository. It does not have to exist on the host that runs
        the module, and its spelling does not matter: C(C:\\\\w\\\\app) and C(file:///c:/w/app) are the same
        folder.

        Without it, the folder that the report itself names as its root is used, with a warning; if the report
        names none, an absolute path is refused."""),
    Option("path_prefix", prepares=True, metavar="FOLDER", text="""
        The folder of the repository in which the scanner ran. It is put in front of every path after
        O(source_root) has been removed."""),
    Option("strip_leading_slash", type="bool", default=False, prepares=True, text="""
        Whether an absolute path outside O(source_root) starts at the root of the repository, as some scanners
        write it."""),
    Option("undefined_rules", choices=("add", "fail"), default="add", prepares=True, text="""
        What to do with a rule that results refer to but the report does not define. The collector refuses
        such a report."""),
    Option("suppressed", choices=("drop", "keep"), default="drop", prepares=True, text="""
        What to do with results whose suppressions are all accepted."""),
    Option("include_kinds", type="list", elements="str", choices=("fail", "review", "open", "informational",
           "notApplicable", "pass"), default=("fail", "review"), prepares=True, text="""
        The kinds of results to send. Others, such as V(pass), are not findings."""),
    Option("on_failed_scan", choices=("warn", "fail"), default="warn", prepares=True, text="""
        What to do with a report that says that its scan failed. Findings may be missing, and the tenant may
        consider them fixed.

        A scan failed if an invocation has C(executionSuccessful) V(false), was ended by a signal, could not
        start, or has a notification of level V(error).

        V(warn) sends the report with a warning that names what failed. V(fail) refuses it, and nothing is
        sent."""),
    Option("level_from", choices=("sarif", "security_severity"), default="sarif", prepares=True, text="""
        Where the level of a result comes from.

        V(sarif) uses the level of the result, else that of its rule, else V(warning), as SARIF specifies.

        V(security_severity) uses the C(security-severity) of the result or rule if there is one. From 7.0 it
        is V(error), from 4.0 V(warning), above 0 V(note)."""),
    Option("default_location", prepares=True, metavar="FILE", text="""
        The file, relative to the root of the repository, for results that name no file in it: those without a
        location, or about a folder, a URL or the like. Without this option they cannot be sent."""),
    Option("max_dropped_percent", type="float", default=0.0, prepares=True, metavar="N", text="""
        Maximum percentage of a file's results that may be unusable (no rule, no message, no path in the
        repository). Above it nothing is sent, and the message says what is wrong with the first ones.

        Results omitted by choice, such as suppressed ones, do not count."""),
    Option("allow_empty", type="bool", default=False, prepares=True, text="""
        Whether to upload a report that has no result to send. By default it is not uploaded, with a warning,
        because it may close all findings of an earlier one.

        The collector accepts no run without a rule. A run with neither results nor rules gets a placeholder
        rule."""),
    Option("on_oversize", choices=("fail", "split"), default="fail", prepares=True, text="""
        What to do with a report that still exceeds the collector's limit of 9,900,000 bytes after everything
        optional was removed.

        V(split) sends it in parts, each a complete report of one run. The results of one source file stay
        together if they fit into a part. A single result that is too big loses, until it fits, all code flows
        but the first, stacks, fixes, web requests and responses, snippets, related locations and the end of
        its message; the result warns about it. One that is still too big is refused by name.

        It is not documented whether a second upload for the same collector, repository and branch adds to the
        first or replaces it. That is why V(fail) is the default. Before you rely on V(split), check in the
        tenant that the findings of all parts are shown."""),
    Option("trim_code_flows", type="bool", default=False, prepares=True, text="""
        Whether to send only the first data-flow path of each result, with its first and last 50 steps."""),
    Option("partially_valid", choices=("fail", "warn"), default="fail", text="""
        What to do if the tenant reports that it accepted only some findings of a document.

        V(fail) fails after all documents were sent, and says how many of the findings were accepted. The
        accepted ones are kept in the tenant.

        V(warn) warns."""),
    Option("journal", type="path", metavar="FILE", text="""
        A file that records which documents were accepted, so that a run after a failure sends only the
        others.

        It contains only unfinished uploads, by tenant, collector, repository, branch and content. An upload
        that was accepted completely is sent again if it is requested again.

        A document whose response was lost is sent again with a warning, because the API cannot tell whether
        it arrived."""),
    Option("receipt_dir", type="path", metavar="FOLDER", text="""
        A folder for JSON receipts, one for each accepted document and one for each report that had no result
        to send.

        A receipt contains the time, the tenant, the collector, the repository, the branch, the commit, the
        build, the scanners, how many results there were and what became of them, the SHA-256 of the report
        and of what was sent, the HTTP status and the tenant's message. Receipts contain no secret and are
        readable by everybody on the host (files 0644, a newly created folder 0755)."""),
    Option("commit", text="""
        The commit that was scanned, for the receipt. Without it, the commit in the report's
        versionControlProvenance is used, if there is one."""),
    Option("build_url", text="""
        The web page of the build that uploads, for the receipt. A user name and password in it are
        removed."""),
    Option("upload_timeout", type="float", default=300.0, metavar="SECONDS", text="""
        Seconds to wait for a connection, for a document to be sent, and for the response."""),
)  # fmt: skip
_BY_NAME = {option.name: option for option in OPTIONS}


def _default(name: str) -> t.Any:
    default = _BY_NAME[name].default
    return "" if default is None else default


@dataclasses.dataclass(frozen=True)
class Options:
    """The options that change a report. A text that is not set is empty."""

    source_root: str = _default("source_root")
    path_prefix: str = _default("path_prefix")
    strip_leading_slash: bool = _default("strip_leading_slash")
    undefined_rules: str = _default("undefined_rules")
    suppressed: str = _default("suppressed")
    include_kinds: tuple[str, ...] = _default("include_kinds")
    on_failed_scan: str = _default("on_failed_scan")
    level_from: str = _default("level_from")
    default_location: str = _default("default_location")
    max_dropped_percent: float = _default("max_dropped_percent")
    allow_empty: bool = _default("allow_empty")
    trim_code_flows: bool = _default("trim_code_flows")
    on_oversize: str = _default("on_oversize")

    @classmethod
    def of(cls, params: t.Mapping[str, t.Any]) -> Options:
        """From the options of the module or the command line. None means not set; others are ignored."""
        values: dict[str, t.Any] = {}
        for field in dataclasses.fields(cls):
            value = params.get(field.name)
            if value is not None:
                values[field.name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)


def argument_spec(fallback: t.Callable[..., str]) -> dict[str, dict[str, t.Any]]:
    """The options as an Ansible argument spec. fallback: reads the environment variables it is given."""
    spec: dict[str, dict[str, t.Any]] = {}
    for option in OPTIONS:
        about: dict[str, t.Any] = {"type": option.type, "no_log": option.secret}
        if option.default is not None:
            about["default"] = list(option.default) if option.type == "list" else option.default
        if option.choices:
            about["choices"] = list(option.choices)
        if option.elements:
            about["elements"] = option.elements
        if option.required:
            about["required"] = True
        if option.environment:
            about["fallback"] = (fallback, [option.environment])
        spec[option.name] = about
    return spec
