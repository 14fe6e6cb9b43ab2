# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, every change that is made to a report: one small function each, and the table of all of them.
from __future__ import annotations

import re
import typing as t

from .clean import GONE, Raw, clean, kind_of, level_of
from .run import Drop, Rule, Run, item

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\d{1,6})\}")
_LINK = re.compile(r"\[((?:[^\]\\]|\\.)*)\]\((?:sarif|file):[^)\s]*\)", re.IGNORECASE)


# -- select: which results are sent


def absent(result: Raw, _run: Run) -> int:
    if result.get("baselineState") == "absent":
        raise Drop("absent", unusable=False)
    return 0


def kinds(result: Raw, run: Run) -> int:
    kind = kind_of(result.get("kind")) or "fail"
    if kind not in run.options.include_kinds:
        raise Drop(f"kind_{kind}", unusable=False)
    return 0


def suppressed(result: Raw, run: Run) -> int:
    suppressions = result.get("suppressions")
    if run.options.suppressed == "drop" and isinstance(suppressions, list) and suppressions:
        if all(isinstance(s, dict) and s.get("status") in (None, "accepted") for s in suppressions):
            raise Drop("suppressed", unusable=False)
    return 0


# -- reference: which rule a result means


def rule_id_from_reference(result: Raw, run: Run) -> int:
    reference = result.get("rule")
    reference = reference if isinstance(reference, dict) else {}
    run.component = run.find_component(reference.get("toolComponent"), run.extensions) or run.driver
    if _word(result.get("ruleId")):
        return 0
    found = _word(reference.get("id"))
    if not found:
        entry = item(run.component.rules, result.get("ruleIndex")) or item(run.component.rules, reference.get("index"))
        guid = reference.get("guid")
        if not entry and guid:
            entry = next((r for c in run.components() for r in c.rules if isinstance(r, dict) and r.get("guid") == guid), None)
        found = _word(entry.get("id")) if isinstance(entry, dict) else ""
    if not found:
        raise Drop("no_rule")
    result["ruleId"] = found
    return 1


def rule_indices(result: Raw, run: Run) -> int:
    reference = result.pop("rule", None)
    reference = reference if isinstance(reference, dict) else {}
    wrong = 0
    for index in (result.pop("ruleIndex", None), reference.get("index")):
        if index not in (None, -1):
            entry = item(run.component.rules, index)
            same = isinstance(entry, dict) and _word(entry.get("id")) and f"{result['ruleId']}/".startswith(f"{entry['id']}/")
            wrong += not same
    # The position of a rule changes once unused ones are left out, so that only the id names it.
    if isinstance(reference.get("toolComponent"), dict) and result["ruleId"] in run.component.by_id:
        result["rule"] = {"id": result["ruleId"], "toolComponent": reference["toolComponent"]}
    return wrong


def sub_rules(result: Raw, run: Run) -> int:
    rule_id = result["ruleId"]
    for component in (run.component, *run.components()):
        if rule_id in component.by_id:
            run.component, run.rule = component, component.by_id[rule_id]
            return 0
    parent = rule_id
    while "/" in parent:
        parent = parent.rpartition("/")[0]
        for component in (run.component, *run.components()):
            if parent in component.by_id:
                copy = {k: v for k, v in component.by_id[parent].items() if k not in ("guid", "deprecatedIds", "deprecatedGuids")}
                run.define(component, rule_id, {**copy, "id": rule_id})
                run.component, run.rule = component, component.by_id[rule_id]
                return 1
    run.component = run.driver
    return 0


# -- by kind of object


def uri_from_index(location: Raw, run: Run) -> int:
    index = location.pop("index", -1)
    if location.get("uri") is not None or index < 0:
        return 0
    artifact, seen = run.element("artifacts", index), {index}
    # What lies inside an archive is found, in the repository, where the archive is.
    while isinstance(artifact.get("parentIndex"), int) and artifact["parentIndex"] >= 0 and artifact["parentIndex"] not in seen:
        seen.add(artifact["parentIndex"])
        artifact = run.element("artifacts", artifact["parentIndex"])
    own = artifact.get("location")
    if not isinstance(own, dict) or not isinstance(own.get("uri"), str):
        return 0
    location["uri"] = own["uri"]
    location.pop("uriBaseId", None)
    if isinstance(own.get("uriBaseId"), str):
        location["uriBaseId"] = own["uriBaseId"]
    return 1


def relative_paths(location: Raw, run: Run) -> int:
    uri, base = location.get("uri"), location.pop("uriBaseId", None)
    if uri is None:
        run.fault("no_location", "")
        return 0
    relative = run.relative(uri, base)
    if relative is None:
        del location["uri"]
        return 1
    location["uri"] = relative
    return 0


def regions(region: Raw, _run: Run) -> int:
    start, end = region.get("startLine"), region.get("endLine")
    backwards = bool(start and end and end < start)
    if end in (None, start) and "startColumn" in region and "endColumn" in region:
        backwards = region["endColumn"] < region["startColumn"]
    if backwards:
        region.pop("endLine", None)
        region.pop("endColumn", None)
    return int(backwards)


def messages(message: Raw, run: Run) -> int:
    identifier, arguments = message.pop("id", None), message.pop("arguments", [])
    text, changed = message.get("text", ""), 0
    if not text.strip() and identifier is not None:
        strings = _strings(run.rule.get("messageStrings")).get(identifier)
        strings = strings or _strings(run.component.raw.get("globalMessageStrings")).get(identifier)
        strings = strings or _strings(run.driver.raw.get("globalMessageStrings")).get(identifier) or {}
        for name in ("text", "markdown"):
            if isinstance(strings.get(name), str):
                message[name], changed = fill(strings[name], arguments), 1
    elif arguments:
        for name in ("text", "markdown"):
            if name in message:
                message[name], changed = fill(message[name], arguments), 1
    if not message.get("text", "").strip():
        message.pop("text", None)
        if message.get("markdown", "").strip():
            message["text"], changed = message["markdown"], 1
    return changed


def fill(text: str, arguments: list[str]) -> str:
    """SARIF's placeholders: C({0}) is the first argument, C({{) a brace. One without an argument stays as it is."""

    def one(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        return arguments[int(match[1])] if int(match[1]) < len(arguments) else match[0]

    return _PLACEHOLDER.sub(one, text)


def markdown_only(text: Raw, _run: Run) -> int:
    if "text" in text or "markdown" not in text:
        return 0
    text["text"] = text["markdown"]
    return 1


def links(message: Raw, _run: Run) -> int:
    count = 0
    for name in ("text", "markdown"):
        if "](" in message.get(name, ""):
            message[name], found = _LINK.subn(r"\1", message[name])
            count += found
    return count


def shared_objects(array: str, kind: str) -> t.Callable[[Raw, Run], int]:
    """A rule that puts an entry of one of the run's shared arrays where its position stood; what stands there itself wins."""

    def inline(value: Raw, run: Run) -> int:
        value.pop("parentIndex", None)
        index = value.pop("index", -1)
        entry = {k: v for k, v in run.element(array, index).items() if k not in ("index", "parentIndex")}
        if not entry:
            return 0
        shared = clean(kind, entry, run)
        if shared is not GONE:
            for name, inner in shared.items():
                value.setdefault(name, inner)
        return 1

    return inline


def descriptor_references(reference: Raw, run: Run) -> int:
    index, changed = reference.pop("index", -1), 0
    if "id" not in reference and "guid" not in reference:
        among = [*run.taxonomies, *run.extensions]
        component = run.find_component(reference.get("toolComponent"), among) or run.driver
        entry = item(component.taxa or component.rules, index)
        if isinstance(entry, dict) and _word(entry.get("id")):
            reference["id"], changed = entry["id"], 1
    run.taxa_used.update(reference[name] for name in ("id", "guid") if name in reference)
    return changed


def security_severity(descriptor: Raw, _run: Run) -> int:
    bag = descriptor.get("properties", {})
    score = bag.get("security-severity")
    if score is None or _score(score) is not None:
        return 0
    known = {"low": "3.9", "medium": "6.9", "high": "8.9", "critical": "10.0"}.get(str(score).strip().lower())
    if known:
        bag["security-severity"] = known
    else:
        del bag["security-severity"]
    return 1


# -- finding: what the collector asks of each


def locations(result: Raw, run: Run) -> int:
    found = result.pop("locations", [])
    good = [entry for entry in found if "artifactLocation" in entry.get("physicalLocation", {})]
    if not good:
        reason, shown = run.faults[0] if run.faults else ("no_location", "")
        raise Drop(reason, shown)
    result["locations"] = good
    return len(found) - len(good)


def default_location(result: Raw, run: Run) -> int:
    if "locations" in result or not run.options.default_location or any(reason != "no_location" for reason, _shown in run.faults):
        return 0
    result["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": run.options.default_location}, "region": {"startLine": 1}}}]
    return 1


def start_lines(result: Raw, _run: Run) -> int:
    count = 0
    for entry in result["locations"]:
        physical = entry["physicalLocation"]
        region = physical.setdefault("region", {})
        if "startLine" not in region:
            region["startLine"] = physical.get("contextRegion", {}).get("startLine", 1)
            count += 1
    return count


def message_from_rule(result: Raw, run: Run) -> int:
    if "message" in result:
        return 0
    for name in ("shortDescription", "fullDescription"):
        text = _strings(run.rule).get(name, {}).get("text")
        if isinstance(text, str) and text.strip():
            result["message"] = {"text": text}
            return 1
    name = run.rule.get("name")
    if isinstance(name, str) and name.strip():
        result["message"] = {"text": name}
        return 1
    raise Drop("no_message")


def level_words(result: Raw, _run: Run) -> int:
    level = result.get("level")
    if level is None:
        return 0
    meant = level_of(level)
    if meant is None:
        raise Drop("bad_level", str(level)[:40])
    result["level"] = meant
    return int(meant != level)


def level_from_rule(result: Raw, run: Run) -> int:
    if "level" in result:
        return 0
    configuration = run.rule.get("defaultConfiguration")
    level = run.override() if run.invocations else None
    if result.get("kind", "fail") != "fail":
        level = "none"
    elif level is None and isinstance(configuration, dict):
        level = level_of(configuration.get("level"))
    result["level"] = level or "warning"
    return 1


def level_from_severity(result: Raw, run: Run) -> int:
    if run.options.level_from != "security_severity" or result.get("kind", "fail") != "fail":
        return 0
    for holder in (result, run.rule):
        bag = holder.get("properties")
        score = _score(bag.get("security-severity")) if isinstance(bag, dict) else None
        if score is not None:
            level = "error" if score >= 7 else "warning" if score >= 4 else "note" if score > 0 else "none"
            changed, result["level"] = level != result["level"], level
            return int(changed)
    return 0


def undefined_rules(result: Raw, run: Run) -> int:
    rule_id, added = result["ruleId"], 0
    if not run.rule:
        run.undefined[rule_id] = None
        rule = {"id": rule_id, "shortDescription": {"text": rule_id}, "defaultConfiguration": {"level": result["level"]}}
        run.define(run.driver, rule_id, rule)
        run.component, run.rule, added = run.driver, rule, 1
    run.component.used[rule_id] = run.rule
    return added


def _word(value: t.Any) -> str:
    return value if isinstance(value, str) else ""


def _strings(value: t.Any) -> dict[str, Raw]:
    return {k: v for k, v in value.items() if isinstance(v, dict)} if isinstance(value, dict) else {}


def _score(value: t.Any) -> float | None:
    try:
        score = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else -1.0
    except ValueError:
        return None
    return score if 0 <= score <= 10 else None


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
    Rule("absent", "N4", "select", "results that a baseline calls absent are left out", absent),
    Rule("kinds", "N2", "select", "results of a kind that include_kinds does not list are left out", kinds),
    Rule("suppressed", "N3", "select", "results with accepted suppressions are left out (suppressed: drop)", suppressed),
    Rule("rule_ids", "U1", "reference", "ruleId was taken from the rule reference or the rule's position", rule_id_from_reference),
    Rule("rule_indices", "U5", "reference", "a rule position that contradicted ruleId was ignored", rule_indices),
    Rule("sub_rules", "U2", "reference", "a rule was added for an id such as CA1000/1, as a copy of CA1000", sub_rules),
    Rule("uris_from_artifacts", "L1", "artifactLocation", "the path was taken from the run's artifacts", uri_from_index),
    Rule("unusable_paths", "L2", "artifactLocation", "a path outside the repository was taken out of a result", relative_paths),
    *(Rule(name, mark, "path", says, None) for name, (mark, says) in _PATH_SAYS.items()),
    Rule("messages", "M1", "message", "a message id was resolved, or arguments were put in", messages),
    Rule("message_links", "M1", "message", "links into the report or to local files became plain text", links),
    Rule("markdown_texts", "M1", "multiformatMessageString", "the text was taken from the markdown", markdown_only),
    Rule("regions", "L3", "region", "an end before the start was left out", regions),
    Rule("thread_flows", "L1", "threadFlowLocation", "an entry of the run's threadFlowLocations was put in place",
         shared_objects("threadFlowLocations", "threadFlowLocation")),
    Rule("logical_locations", "L1", "logicalLocation", "an entry of the run's logicalLocations was put in place",
         shared_objects("logicalLocations", "logicalLocation")),
    Rule("addresses", "L1", "address", "an entry of the run's addresses was put in place", shared_objects("addresses", "address")),
    Rule("web_requests", "L1", "webRequest", "an entry of the run's webRequests was put in place",
         shared_objects("webRequests", "webRequest")),
    Rule("web_responses", "L1", "webResponse", "an entry of the run's webResponses was put in place",
         shared_objects("webResponses", "webResponse")),
    Rule("descriptor_references", "U5", "reportingDescriptorReference", "the position of a rule or taxon became its id",
         descriptor_references),
    Rule("security_severities", "S", "reportingDescriptor", "a security-severity that is no number became one, or was left out",
         security_severity),
    Rule("default_locations", "L4", "finding", "default_location was given to a result without a location", default_location),
    Rule("other_locations", "L4", "finding", "further locations outside the repository were left out", locations),
    Rule("start_lines", "L3", "finding", "a location without a line got that of its context, or line 1", start_lines),
    Rule("messages_from_rules", "M1", "finding", "a result without a message got the rule's description", message_from_rule),
    Rule("level_words", "N1", "finding", "a level in another spelling, such as HIGH, became SARIF's", level_words),
    Rule("levels", "N1", "finding", "a missing level was taken from the rule, or is warning", level_from_rule),
    Rule("severity_levels", "N1", "finding", "the level was taken from security-severity (level_from: security_severity)",
         level_from_severity),
    Rule("undefined_rules", "U3", "finding", "a rule was added for an id that the report does not define", undefined_rules),
    Rule("repeated_rules", "U4", "elsewhere", "a rule that is defined twice was sent once", None),
    Rule("unused_rules", "4.2", "elsewhere", "rules that no result names were left out", None),
    Rule("unused_taxa", "4.2", "elsewhere", "taxa that nothing names were left out", None),
    Rule("left_out", "4.3", "elsewhere", "members that mean nothing outside the machine that scanned were left out", None),
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
