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

    text: the paragraphs of its documentation, in Ansible's markup; the first sentence is the help of the
    command line.
    type, default, choices, elements, required: as in an argument spec. secret: never shown.
    environment: the variable that is read when the option is not set.
    prepares: whether it changes the documents, so that `check` takes it too, and Options has it; the others
    are for `upload` alone.
    command: whether the command line has it. metavar: what stands for its value in the help.
    """

    name: str
    text: tuple[str, ...]
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
    def help(self) -> str:
        """The first sentence without markup, and other options as the command line names them."""
        sentence = re.split(r"\.(?:\s|$)", self.text[0])[0]
        sentence = re.sub(r"\bO\((\w+)\)", lambda match: f"--{match[1]}".replace("_", "-"), sentence)
        return re.sub(r"\b[A-Z]\(([^()]*)\)", r"\1", sentence)


OPTIONS = (
    Option(
        "path",
        (
            "SARIF files, or globs that match them. They are looked for on the host where the module runs.",
            "In a glob C(**) means any number of folders; links to folders are not followed.",
        ),
        type="list",
        elements="path",
        required=True,
        prepares=True,
    ),
    Option("collector_id", ("The ID of the collector to upload to.",)),
    Option(
        "collector_name",
        (
            "The name of the collector to upload to. It is looked up with the tenant key, so it cannot be "
            "used with a collector's own "
            "token.",
        ),
        command=False,
    ),
    Option(
        "upload_url",
        (
            "The URL to upload to, as the tenant gave it when the collector was created.",
            "The tenant key is never sent to a URL of another origin than O(api_url). O(expected_tenant) "
            "holds for this URL as well.",
        ),
    ),
    # A token is never given on a command line, where every user of the machine can read it.
    Option(
        "collector_token_id",
        ("The ID of the collector's own token.", "If not set, E(CORTEXCLOUD_COLLECTOR_TOKEN_ID) is used."),
        environment="CORTEXCLOUD_COLLECTOR_TOKEN_ID",
        command=False,
    ),
    Option(
        "collector_token",
        (
            "The collector's own token. With it no tenant key is needed or used.",
            "If not set, E(CORTEXCLOUD_COLLECTOR_TOKEN) is used, then the content of the file that "
            "E(CORTEXCLOUD_COLLECTOR_TOKEN_FILE) "
            "names.",
        ),
        secret=True,
        environment="CORTEXCLOUD_COLLECTOR_TOKEN",
        command=False,
    ),
    Option(
        "credentials_file",
        (
            "The file that M(cortex_cloud.appsec.data_source) wrote when the collector was created. It holds "
            "the collector's ID, URL and "
            "token, and is used instead of O(collector_token_id) and O(collector_token).",
        ),
        type="path",
        metavar="FILE",
    ),
    Option(
        "repository_id",
        (
            "The tenant's asset ID of the repository. This or O(repository_url) is needed; the tenant must "
            "have onboarded the repository.",
        ),
    ),
    Option(
        "repository_url",
        (
            "The URL of the repository. User name, password and C(.git) are taken off, and "
            "C(git@host:org/repo.git) becomes "
            "C(https://host/org/repo).",
        ),
    ),
    Option(
        "branch",
        (
            "The branch that was scanned. Without it the findings go to the repository's default branch, "
            "with a warning.",
            "C(refs/heads/) is taken off. What is no branch is refused: an empty text, C(HEAD), a tag, a "
            "pull request such as "
            "C(refs/pull/12/merge), C(origin/main), and a name that the pipeline should have replaced by a "
            "value, such as "
            "C($(Build.SourceBranchName\\)).",
        ),
    ),
    Option(
        "ci",
        (
            "Whether O(repository_url), O(branch), O(commit) and O(build_url), as far as they are not set, "
            "are taken from the variables of "
            "the build.",
            "Known are GitHub Actions, GitLab CI, Jenkins, Azure Pipelines, Bitbucket Pipelines, CircleCI "
            "and AWS CodeBuild.",
            "The variables are those of the process that runs the module: the build's, where the build "
            "started the playbook and the task "
            "runs on C(localhost).",
            "For a pull request nothing is uploaded, and neither for a tag or a commit that is on no branch "
            "unless O(branch) is set: the "
            "reports are checked, the task succeeds, and the result says why.",
        ),
        type="bool",
        default=False,
    ),
    Option(
        "source_root",
        (
            "The folder of the repository on the machine that scanned. It is taken off absolute paths, so "
            "that they become relative to "
            "the root of the repository. It need not exist where the module runs, and may be spelt in any "
            "way: C(C:\\\\w\\\\app) and "
            "C(file:///c:/w/app) are one folder.",
            "Without it the folder that the report itself calls its root is used, with a warning; where "
            "there is none, an absolute path "
            "is refused.",
        ),
        prepares=True,
        metavar="FOLDER",
    ),
    Option(
        "path_prefix",
        (
            "The folder of the repository in which the scanner ran. It is put in front of every path, after "
            "O(source_root) was taken off.",
        ),
        prepares=True,
        metavar="FOLDER",
    ),
    Option(
        "strip_leading_slash",
        (
            "Whether an absolute path that is not below O(source_root) starts at the root of the repository, "
            "as some scanners write it.",
        ),
        type="bool",
        default=False,
        prepares=True,
    ),
    Option(
        "undefined_rules",
        (
            "What to do with a rule that results name and the report does not define. The collector refuses "
            "such a report.",
        ),
        choices=("add", "fail"),
        default="add",
        prepares=True,
    ),
    Option(
        "suppressed",
        ("What to do with results whose suppressions are all accepted.",),
        choices=("drop", "keep"),
        default="drop",
        prepares=True,
    ),
    Option(
        "include_kinds",
        ("The kinds of results to send. Others, such as V(pass), are no findings.",),
        type="list",
        elements="str",
        choices=("fail", "review", "open", "informational", "notApplicable", "pass"),
        default=("fail", "review"),
        prepares=True,
    ),
    Option(
        "on_failed_scan",
        (
            "What to do with a report that says that its scan failed. Findings may be missing, and the "
            "tenant may take them for fixed.",
            "A scan failed when an invocation has C(executionSuccessful) V(false), was ended by a signal or "
            "could not start, or "
            "has a notification of level V(error).",
            "V(warn) sends it with a warning that names what failed. V(fail) refuses it, and nothing is "
            "sent.",
        ),
        choices=("warn", "fail"),
        default="warn",
        prepares=True,
    ),
    Option(
        "level_from",
        (
            "Where the level of a result comes from.",
            "V(sarif) keeps the level of a result, or takes that of its rule, or V(warning), as SARIF says.",
            "V(security_severity) takes it from the C(security-severity) of the result or rule where there "
            "is one. From 7.0 it is "
            "V(error), from 4.0 V(warning), above 0 V(note).",
        ),
        choices=("sarif", "security_severity"),
        default="sarif",
        prepares=True,
    ),
    Option(
        "default_location",
        (
            "The file, relative to the root of the repository, for results that name no file of it: without "
            "a location, or about a folder, "
            "an URL or the like. Without it they cannot be sent.",
        ),
        prepares=True,
        metavar="FILE",
    ),
    Option(
        "max_dropped_percent",
        (
            "How many percent of a file's results may be unusable (no rule, no message, no path in the "
            "repository). Above it nothing is "
            "sent and the message says what is wrong with the first ones.",
            "Results left out by choice, such as suppressed ones, do not count.",
        ),
        type="float",
        default=0.0,
        prepares=True,
        metavar="N",
    ),
    Option(
        "allow_empty",
        (
            "Whether a report without any result to send is uploaded. By default it is not, with a warning, "
            "since it may close all "
            "findings of an earlier one.",
            "The collector takes no run without a rule: one that has neither results nor rules gets a rule.",
        ),
        type="bool",
        default=False,
        prepares=True,
    ),
    Option(
        "on_oversize",
        (
            "What to do with a report that is over the collector's limit of 9,900,000 bytes after all that "
            "can be left out.",
            "V(split) sends it in parts, each a complete report of one run. Results of one source file stay "
            "together where they fit "
            "into a part. A result that is too big alone loses, until it fits, code flows but the first, "
            "stacks, fixes, web requests "
            "and responses, snippets, related locations and the end of its message; the result warns of it. "
            "One that is too big even so "
            "is refused by name.",
            "Nothing public says whether a second upload for the same collector, repository and branch adds "
            "to the first or replaces "
            "it. That is why V(fail) is the default. Before the first use of V(split) check in the tenant "
            "that the findings of all "
            "parts show.",
        ),
        choices=("fail", "split"),
        default="fail",
        prepares=True,
    ),
    Option(
        "trim_code_flows",
        ("Whether only the first data-flow path of each result is sent, with its first and last 50 steps.",),
        type="bool",
        default=False,
        prepares=True,
    ),
    Option(
        "partially_valid",
        (
            "What to do when the tenant takes only some findings of a document, and says so.",
            "V(fail) fails when all documents were sent, and says how many findings of how many were taken. "
            "What was taken stays there.",
            "V(warn) warns.",
        ),
        choices=("fail", "warn"),
        default="fail",
    ),
    Option(
        "journal",
        (
            "A file that notes which documents were accepted, so that a run after a failure sends only the "
            "others.",
            "It holds unfinished sets only, by tenant, collector, repository, branch and content. A set that "
            "was accepted as a whole is "
            "sent again when it is asked for again.",
            "A document whose answer was lost is sent again with a warning, since the API cannot be asked "
            "whether it arrived.",
        ),
        type="path",
        metavar="FILE",
    ),
    Option(
        "receipt_dir",
        (
            "A folder for JSON receipts, one for each accepted document and one for each report that had no "
            "result to send.",
            "A receipt has the time, the tenant, the collector, the repository, the branch, the commit, the "
            "build, the scanners, how many "
            "results there were and what became of them, the SHA-256 of the report and of what was sent, the "
            "HTTP status and what the "
            "tenant said. Receipts hold no secret and may be read by everybody on the host (files 0644, a "
            "folder that is made 0755).",
        ),
        type="path",
        metavar="FOLDER",
    ),
    Option(
        "commit",
        (
            "The commit that was scanned, for the receipt. Without it that of the report's "
            "versionControlProvenance is used, if there is "
            "one.",
        ),
    ),
    Option(
        "build_url",
        (
            "The page of the build that uploads, for the receipt. A user name and password in it are left "
            "out.",
        ),
    ),
    Option(
        "upload_timeout",
        ("Seconds to wait for a connection, for a document to be sent, and for the answer to it.",),
        type="float",
        default=300.0,
        metavar="SECONDS",
    ),
)
_BY_NAME = {option.name: option for option in OPTIONS}


def _default(name: str) -> t.Any:
    default = _BY_NAME[name].default
    return "" if default is None else default


@dataclasses.dataclass(frozen=True)
class Options:
    """The options that change a report, as the rules see them; texts that are not set are empty."""

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
    def of(cls, given: t.Mapping[str, t.Any]) -> Options:
        """From the values of a module or of a command line, which may hold more than these; what is None
        counts as not set.
        """
        values: dict[str, t.Any] = {}
        for field in dataclasses.fields(cls):
            value = given.get(field.name)
            if value is not None:
                values[field.name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)


def argument_spec(fallback: t.Callable[..., str]) -> dict[str, dict[str, t.Any]]:
    """The options as Ansible wants them. fallback: reads the environment variables it is given."""
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
