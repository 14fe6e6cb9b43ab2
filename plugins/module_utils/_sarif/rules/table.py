# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, the table of every change that is made to a report, and of the reasons not to send a result.
from __future__ import annotations

from . import objects, results
from .context import Rule

_PATH_SAYS = {
    "file_uris": ("L2", "file: URIs, drive letters and backslashes became plain paths"),
    "uri_base_ids": ("L2", "the folder of uriBaseId was put in front of the path, and the base id left out"),
    "absolute_paths": ("L2", "source_root, or the folder the report itself calls its root, was taken off an absolute path"),
    "leading_slashes": ("L2", "a leading slash was taken off (strip_leading_slash)"),
    "path_prefix": ("L2", "path_prefix was put in front of the path"),
    "dot_segments": ("L2", "./, // and a/../b in a path were shortened"),
    "encoded_paths": ("L2", "characters that a URI does not allow were percent-encoded"),
}

RULES: tuple[Rule, ...] = (
    Rule("absent", "N4", "select", "results that a baseline calls absent are left out", results.absent, when="baselineState"),
    Rule("kinds", "N2", "select", "results of a kind that include_kinds does not list are left out", results.kinds),
    Rule("suppressed", "N3", "select", "results with accepted suppressions are left out (suppressed: drop)", results.suppressed, when="suppressions"),
    Rule("trimmed_code_flows", "4.4", "select", "only the first data-flow path was kept, with 100 steps at most (trim_code_flows)",
         results.trim_code_flows, when="codeFlows"),
    Rule("rule_ids", "U1", "reference", "ruleId was taken from the rule reference or the rule's position", results.rule_id_from_reference),
    Rule("rule_indices", "U5", "reference", "a rule position that contradicted ruleId was ignored", results.rule_indices, when="rule ruleIndex"),
    Rule("sub_rules", "U2", "reference", "a rule was added for an id such as CA1000/1, as a copy of CA1000", results.sub_rules),
    Rule("uris_from_artifacts", "L1", "artifactLocation", "the path was taken from the run's artifacts", objects.uri_from_index, when="index"),
    Rule("unusable_paths", "L2", "artifactLocation", "a path outside the repository was taken out of a result", objects.relative_paths),
    *(Rule(name, mark, "path", says, None) for name, (mark, says) in _PATH_SAYS.items()),
    Rule("messages", "M1", "message", "a message id was resolved, or arguments were put in", objects.messages),
    Rule("message_links", "M1", "message", "links into the report or to local files became plain text", objects.links),
    Rule("markdown_texts", "M1", "multiformatMessageString", "the text was taken from the markdown", objects.markdown_only, when="markdown"),
    Rule("regions", "L3", "region", "an end before the start was left out", objects.regions, when="endLine endColumn"),
    Rule("thread_flows", "L1", "threadFlowLocation", "an entry of the run's threadFlowLocations was put in place",
         objects.shared_objects("threadFlowLocations", "threadFlowLocation"), when="index parentIndex"),
    Rule("logical_locations", "L1", "logicalLocation", "an entry of the run's logicalLocations was put in place",
         objects.shared_objects("logicalLocations", "logicalLocation"), when="index parentIndex"),
    Rule("addresses", "L1", "address", "an entry of the run's addresses was put in place", objects.shared_objects("addresses", "address"), when="index parentIndex"),
    Rule("web_requests", "L1", "webRequest", "an entry of the run's webRequests was put in place",
         objects.shared_objects("webRequests", "webRequest"), when="index parentIndex"),
    Rule("web_responses", "L1", "webResponse", "an entry of the run's webResponses was put in place",
         objects.shared_objects("webResponses", "webResponse"), when="index parentIndex"),
    Rule("descriptor_references", "U5", "reportingDescriptorReference", "the position of a rule or taxon became its id",
         objects.descriptor_references),
    Rule("security_severities", "S", "reportingDescriptor", "a security-severity that is no number became one, or was left out",
         objects.security_severity, when="properties"),
    Rule("default_locations", "L4", "finding", "default_location was given to a result without a location", results.default_location, when="-locations"),
    Rule("other_locations", "L4", "finding", "further locations outside the repository were left out", results.locations),
    Rule("start_lines", "L3", "finding", "a location without a line got that of its context, or line 1", results.start_lines),
    Rule("messages_from_rules", "M1", "finding", "a result without a message got the rule's description", results.message_from_rule, when="-message"),
    Rule("level_words", "N1", "finding", "a level in another spelling, such as HIGH, became SARIF's", results.level_words, when="level"),
    Rule("levels", "N1", "finding", "a missing level was taken from the rule, or is warning", results.level_from_rule, when="-level"),
    Rule("severity_levels", "N1", "finding", "the level was taken from security-severity (level_from: security_severity)",
         results.level_from_severity),
    Rule("undefined_rules", "U3", "finding", "a rule was added for an id that the report does not define", results.undefined_rules),
    Rule("repeated_rules", "U4", "elsewhere", "a rule that is defined twice was sent once", None),
    Rule("unused_rules", "4.2", "elsewhere", "rules that no result names were left out", None),
    Rule("unused_taxa", "4.2", "elsewhere", "taxa that nothing names were left out", None),
    Rule("left_out", "4.3", "elsewhere", "members that mean nothing outside the machine that scanned were left out", None),
    Rule("context_snippets", "4.3", "elsewhere", "the source text around a finding was left out, since the document was too big", None),
    Rule("shortened_results", "4.5", "elsewhere", "a result that was too big alone lost what tells least", None),
    Rule("lines_raised", "L3", "elsewhere", "a line below 1 became line 1", None),
    Rule("nulls", "S", "elsewhere", "members that are null were left out", None),
    Rule("duplicates", "S", "elsewhere", "repeated items of a list that must not have any were left out", None),
    Rule("wrong_types", "S", "elsewhere", "values of another type or form than SARIF asks for were repaired or left out", None),
    Rule("incomplete", "S", "elsewhere", "objects without what SARIF asks of them were left out", None),
    Rule("unknown_members", "S", "elsewhere", "members that SARIF 2.1.0 does not know were left out", None),
    Rule("empty_runs", "X1", "elsewhere", "runs without results were left out", None),
    Rule("schema_added", "R6", "elsewhere", "$schema was added", None),
    Rule("encoding", "R1", "elsewhere", "the file became UTF-8 without a byte order mark", None),
    Rule("lone_surrogates", "R2", "elsewhere", "half characters that no encoding can hold became U+FFFD", None),
    Rule("duplicate_keys", "R5", "elsewhere", "a name that stands twice in an object counted as the last one", None),
)  # fmt: skip

# Why a result is not sent although it should be: reason -> what it is, and what to do.
UNUSABLE: dict[str, tuple[str, str]] = {
    "not_an_object": ("are not objects", "The file is not SARIF as the scanner should write it."),
    "no_rule": ("name no rule", "Use a newer version of the scanner: each result needs a ruleId."),
    "no_message": ("have no message and no described rule", "Each result needs message.text."),
    "no_location": ("have no location with a path", "Set default_location to the file they belong to."),
    "path_absolute": ("have an absolute path", "Set source_root."),
    "path_outside": (
        "have a path outside the repository",
        "Run the scanner from the repository root, or set path_prefix to the folder of the repository in which it ran.",
    ),
    "path_empty": ("name a folder or nothing, not a file", "Each result needs the path of a file."),
    "path_other_scheme": ("are not about a file of the repository", "The collector takes findings in source files only."),
    "bad_level": ("have an unknown level", "Known are error, warning, note and none."),
}
