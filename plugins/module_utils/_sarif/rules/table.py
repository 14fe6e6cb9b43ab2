# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the changes that are made to a report, and of the reasons not to send a result.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import typing as t

from . import objects, results
from .context import Rule
from .kinds import Kind, Rules
from .shape import SHAPES

# Changes that are counted by name: by the steps of paths.py, and elsewhere.
_PATH_SAYS = {
    "file_uris": "file: URIs, drive letters and backslashes became plain paths with slashes",
    "uri_base_ids": "the folder of uriBaseId was put in front of the path, and the base ID removed",
    "absolute_paths": "source_root, or the folder that the report names as its root, was removed from an "
    "absolute path",
    "leading_slashes": "a leading slash was removed (strip_leading_slash)",
    "path_prefix": "path_prefix was put in front of the path",
    "dot_segments": "./, // and a/../b in a path were shortened",
    "encoded_paths": "characters that a URI does not allow were percent-encoded",
}
_ELSEWHERE_SAYS = {
    "repeated_rules": "a rule that is defined twice was sent once",
    "added_rules": "a rule was added to a run that has neither results nor rules (allow_empty)",
    "unused_rules": "rules that no result uses were removed",
    "unused_taxa": "taxa that nothing uses were removed",
    "left_out": "members that mean nothing outside the machine that scanned were removed",
    "context_snippets": "the source text around a finding was removed because the document was too big",
    "shortened_results": "details were removed from a result that exceeded the size limit",
    "lines_raised": "a line below 1 became line 1",
    "nulls": "members that are null were removed",
    "duplicates": "repeated items of a list that must not have any were removed",
    "wrong_types": "values of another type or form than SARIF requires were repaired or removed",
    "incomplete": "objects without required members were removed",
    "unknown_members": "members that SARIF 2.1.0 does not define were removed",
    "empty_runs": "runs without results were removed",
    "schema_added": "$schema was added, or replaced because it named a draft",
    "encoding": "the file became UTF-8 without a byte order mark",
    "lone_surrogates": "half characters that cannot be encoded became U+FFFD",
    "duplicate_keys": "of a name that occurs twice in an object, the last one was used",
}

RULES: tuple[Rule, ...] = (
    Rule("absent", "written", "results that a baseline marks as absent are left out",
         results.absent, when="baselineState"),
    Rule("kinds", "written",
         "results of a kind that include_kinds does not list are left out", results.kinds),
    Rule("suppressed", "written", "results with accepted suppressions are left out (suppressed: drop)",
         results.suppressed, when="suppressions"),
    Rule("trimmed_code_flows", "written",
         "only the first data-flow path was kept, with 100 steps at most (trim_code_flows)",
         results.trim_code_flows, when="codeFlows"),
    Rule("rule_ids", "written", "ruleId was taken from the rule reference or the rule's position",
         results.rule_id_from_reference),
    Rule("rule_indices", "written", "a rule position that contradicted ruleId was ignored",
         results.rule_indices, when="rule ruleIndex"),
    Rule("sub_rules", "written",
         "a rule was added for an id such as CA1000/1, as a copy of CA1000", results.sub_rules),
    Rule("uris_from_artifacts", "artifactLocation", "the path was taken from the run's artifacts",
         objects.uri_from_index, when="index"),
    Rule("unusable_paths", "artifactLocation", "a path outside the repository was removed from a result",
         objects.relative_paths),
    *(Rule(name, "path", says) for name, says in _PATH_SAYS.items()),
    Rule("messages", "message", "a message ID was resolved, or arguments were inserted", objects.messages),
    Rule("message_links", "message",
         "links into the report or to local files became plain text", objects.links),
    Rule("markdown_texts", "multiformatMessageString", "the text was taken from the markdown",
         objects.markdown_only, when="markdown"),
    Rule("regions", "region",
         "an end position before the start was removed", objects.regions, when="endLine endColumn"),
    Rule("context_regions", "physicalLocation", "a context that does not enclose its region was removed",
         objects.context_regions, when="contextRegion"),
    Rule("thread_flows", "threadFlowLocation", "an entry of the run's threadFlowLocations was inserted",
         objects.shared_objects("threadFlowLocations", "threadFlowLocation"), when="index parentIndex"),
    Rule("logical_locations", "logicalLocation", "an entry of the run's logicalLocations was inserted",
         objects.shared_objects("logicalLocations", "logicalLocation"), when="index parentIndex"),
    Rule("addresses", "address", "an entry of the run's addresses was inserted",
         objects.shared_objects("addresses", "address"), when="index parentIndex"),
    Rule("web_requests", "webRequest", "an entry of the run's webRequests was inserted",
         objects.shared_objects("webRequests", "webRequest"), when="index parentIndex"),
    Rule("web_responses", "webResponse", "an entry of the run's webResponses was inserted",
         objects.shared_objects("webResponses", "webResponse"), when="index parentIndex"),
    Rule("descriptor_references", "reportingDescriptorReference",
         "the position of a rule or taxon was replaced by its ID",
         objects.descriptor_references),
    Rule("security_severities", "reportingDescriptor",
         "a security-severity that is not a number was converted or removed",
         objects.security_severity, when="properties"),
    Rule("default_locations", "finding", "default_location was given to a result without a file",
         results.default_location),
    Rule("other_locations", "finding",
         "further locations outside the repository were removed", results.locations),
    Rule("start_lines", "finding",
         "a location without a line got that of its context, or line 1", results.start_lines),
    Rule("messages_from_rules", "finding", "a result without a message got the rule's description",
         results.message_from_rule, when="-message"),
    Rule("level_words", "finding",
         "a level in other words or spelling, such as HIGH or notice, was replaced by SARIF's",
         results.level_words, when="level"),
    Rule("levels", "finding", "a missing level was taken from the rule, or set to warning",
         results.level_from_rule, when="-level"),
    Rule("severity_levels", "finding",
         "the level was taken from security-severity (level_from: security_severity)",
         results.level_from_severity),
    Rule("undefined_rules", "finding", "a rule was added for an id that the report does not define",
         results.undefined_rules),
    *(Rule(name, "elsewhere", says) for name, says in _ELSEWHERE_SAYS.items()),
)  # fmt: skip


def compiled(rules: t.Iterable[Rule]) -> tuple[dict[str, Kind], dict[str, Rules]]:
    """Each kind of object with its rules, and the rules of each stage of a result."""
    on = collections.defaultdict(list)
    for rule in rules:
        if rule.apply:
            on[rule.on].append((rule.name, rule.apply, rule.when))
    kinds: dict[str, Kind] = {}
    for name, shape in SHAPES.items():
        kinds[name] = Kind(shape, Rules(on[name]), kinds)
    return kinds, {stage: Rules(on[stage]) for stage in ("written", "finding")}


OBJECT_KINDS, STAGES = compiled(RULES)

# Why a result cannot be sent: reason -> what is wrong with it, and what to do.
UNUSABLE: dict[str, tuple[str, str]] = {
    "not_an_object": ("are not objects", "The file is not the SARIF that the scanner should write."),
    "no_rule": ("have no rule", "Use a newer version of the scanner: each result needs a ruleId."),
    "no_message": ("have no message and no described rule", "Each result needs message.text."),
    "no_location": ("have no location with a path", "Set default_location to the file they belong to."),
    "path_absolute": (
        "have an absolute path",
        "Set source_root to the folder of the repository on the machine that scanned; or "
        "strip_leading_slash: true, if the slash means the root of the repository.",
    ),
    "path_outside": (
        "have a path outside the repository",
        "Run the scanner from the repository root, or set path_prefix to the folder of the repository in "
        "which it ran.",
    ),
    "path_empty": (
        "name a folder or nothing, not a file",
        "Each result needs the path of a file, or set default_location to the one they belong to.",
    ),
    "path_other_scheme": (
        "are not about a file of the repository",
        "The collector accepts findings in source files only. Set default_location to the file they belong "
        "to, if there is one.",
    ),
    "bad_level": ("have an unknown level", "Use error, warning, note or none."),
}
