# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for a result: whether it is sent, its rule, location, message and level. table.py describes each.

Private to the collection, floor 3.
"""

from __future__ import annotations

from ..._admitted import Raw
from .clean import as_dict, as_list, dicts_of, id_of, kind_of, level_of, text_of
from .context import Context, Drop, at
from .objects import object_in, score_of

# -- which results are sent


def absent(result: Raw, _context: Context) -> int:
    if text_of(result.get("baselineState")).strip().lower() == "absent":
        raise Drop("absent", unusable=False)
    return 0


def kinds(result: Raw, context: Context) -> int:
    kind = "fail" if "kind" not in result else kind_of(result["kind"]) or "fail"
    if kind not in context.options.include_kinds:
        raise Drop(f"kind_{kind}", unusable=False)
    return 0


def suppressed(result: Raw, context: Context) -> int:
    suppressions = as_list(result.get("suppressions"))
    words = [text_of(each.get("status")).strip().lower() for each in dicts_of(suppressions)]
    accepted = [word for word in words if word in ("", "accepted")]
    if context.options.suppressed == "drop" and accepted and len(accepted) == len(suppressions):
        raise Drop("suppressed", unusable=False)
    return 0


FLOW_STEPS = 100
# How many parts are removed from the end of a rule's ID, at its slashes, to find a rule.
MOST_LEVELS = 50


def trim_code_flows(result: Raw, context: Context) -> int:
    """Keep the first data-flow path, and of it the first steps (the source) and the last (the sink)."""
    if not context.options.trim_code_flows or not as_list(result.get("codeFlows")):
        return 0
    flows = result["codeFlows"]
    result["codeFlows"], trimmed = flows[:1], int(len(flows) > 1)
    for thread in dicts_of(as_dict(flows[0]).get("threadFlows")):
        steps = as_list(thread.get("locations"))
        if len(steps) > FLOW_STEPS:
            thread["locations"], trimmed = [*steps[: FLOW_STEPS // 2], *steps[-FLOW_STEPS // 2 :]], 1
    return trimmed


# -- which rule a result refers to


def rule_id_from_reference(result: Raw, context: Context) -> int:
    reference = result.get("rule")
    if isinstance(reference, dict):
        context.component = context.find_component(reference.get("toolComponent")) or context.driver
    else:
        reference = {}
    named = result.get("ruleId")
    if named and isinstance(named, str):
        return 0
    if text_of(named):
        result["ruleId"] = text_of(named)
        context.note("wrong_types")
        return 0
    found = id_of(reference)
    if not found:
        rules = context.component.rules
        rule = at(rules, result.get("ruleIndex")) or at(rules, reference.get("index"))
        found = id_of(rule or context.rule_of_guid(reference.get("guid")))
    if not found:
        raise Drop("no_rule")
    result["ruleId"] = found
    return 1


def rule_indices(result: Raw, context: Context) -> int:
    reference, rule_id, wrong = result.pop("rule", None), result["ruleId"], 0
    reference = reference if isinstance(reference, dict) else {}
    for index in (result.pop("ruleIndex", None), reference.get("index")):
        if index is not None and index != -1:
            rule = at(context.component.rules, index)
            named = text_of(rule.get("id")) if isinstance(rule, dict) else ""
            wrong += named != rule_id and not (named and rule_id.startswith(f"{named}/"))
    # Only the ID names a rule, because positions change when unused rules are removed.
    if isinstance(reference.get("toolComponent"), dict) and rule_id in context.component.by_id:
        result["rule"] = {"id": rule_id, "toolComponent": reference["toolComponent"]}
    return wrong


def sub_rules(result: Raw, context: Context) -> int:
    rule_id = result["ruleId"]
    if rule_id in context.component.by_id:
        context.rule = context.component.by_id[rule_id]
        return 0
    component = context.holder(rule_id)
    if component:
        context.component, context.rule = component, component.by_id[rule_id]
        return 0
    parent = rule_id
    for _level in range(min(MOST_LEVELS, rule_id.count("/"))):
        parent = parent.rpartition("/")[0]
        component = context.component if parent in context.component.by_id else context.holder(parent)
        if parent and component:
            copy = {**component.by_id[parent], "id": rule_id}
            for name in ("guid", "deprecatedIds", "deprecatedGuids"):
                copy.pop(name, None)
            context.define(component, rule_id, copy)
            context.component, context.rule = component, copy
            return 1
    context.component = context.driver
    return 0


# -- what the collector requires of each result


def locations(result: Raw, context: Context) -> int:
    found = result.get("locations", [])
    good = [entry for entry in found if "artifactLocation" in entry.get("physicalLocation", ())]
    if not good:
        reason, shown = context.faults[0] if context.faults else ("no_location", "")
        raise Drop(reason, shown)
    result["locations"] = good
    return len(found) - len(good)


# With these faults a result names no file. A result that names one, although with an unusable path, does not
# get another.
PLACELESS = ("no_location", "path_empty", "path_other_scheme")


def default_location(result: Raw, context: Context) -> int:
    if not context.options.default_location:
        return 0
    if any(reason not in PLACELESS for reason, _shown in context.faults):
        return 0
    found = result.get("locations", [])
    if any("artifactLocation" in entry.get("physicalLocation", ()) for entry in found):
        return 0
    place = {"artifactLocation": {"uri": context.options.default_location}, "region": {"startLine": 1}}
    result["locations"] = [{**(found[0] if found else {}), "physicalLocation": place}, *found[1:]]
    return 1


def start_lines(result: Raw, _context: Context) -> int:
    count = 0
    for entry in result["locations"]:
        physical = entry["physicalLocation"]
        region = physical.get("region")
        if region is None:
            region = physical["region"] = {}
        if "startLine" not in region:
            region["startLine"] = 1
            count += 1
    return count


def message_from_rule(result: Raw, context: Context) -> int:
    if "message" in result:
        return 0
    texts = [object_in(context.rule, name).get("text") for name in ("shortDescription", "fullDescription")]
    for text in [*texts, context.rule.get("name")]:
        if isinstance(text, str) and text.strip():
            result["message"] = context.kinds["message"].clean({"text": text}, context)
            return 1
    raise Drop("no_message")


def level_words(result: Raw, _context: Context) -> int:
    level = result.get("level")
    if level is None:
        return 0
    plain = level_of(level)
    if plain is None:
        raise Drop("bad_level", str(level)[:40])
    result["level"] = plain
    return int(plain != level)


def level_from_rule(result: Raw, context: Context) -> int:
    if "level" in result:
        return 0
    configuration = context.rule.get("defaultConfiguration")
    level = context.override() if context.invocations else None
    if result.get("kind", "fail") != "fail":
        level = "none"
    elif level is None and isinstance(configuration, dict):
        level = level_of(configuration.get("level"))
    result["level"] = level or "warning"
    return 1


def level_from_severity(result: Raw, context: Context) -> int:
    if context.options.level_from != "security_severity" or result.get("kind", "fail") != "fail":
        return 0
    for holder in (result, context.rule):
        score = score_of(object_in(holder, "properties").get("security-severity"))
        if score is not None:
            level = "error" if score >= 7 else "warning" if score >= 4 else "note" if score > 0 else "none"
            changed, result["level"] = level != result["level"], level
            return int(changed)
    return 0


def undefined_rules(result: Raw, context: Context) -> int:
    rule_id, added = result["ruleId"], 0
    if not context.rule:
        context.undefined[rule_id] = None
        rule = {
            "id": rule_id,
            "shortDescription": {"text": rule_id},
            "defaultConfiguration": {"level": result["level"]},
        }
        context.define(context.driver, rule_id, rule)
        context.component, context.rule, added = context.driver, rule, 1
    context.use(context.component, rule_id, context.rule)
    return added
