# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules know while one SARIF run is prepared: options, tool components, indices, counters.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ..._admitted import Raw
from ..._errors import InputError
from ..options import Options
from .clean import as_dict, as_list, dicts_of, id_of, level_of, text_of, whole
from .folders import common_folder, is_file_system
from .kinds import Kind, Rules
from .paths import REMEMBERED, Roots

# The rule of a run that has neither results nor rules.
NO_RULE = "no-results"


class Rule(t.NamedTuple):
    """One change to a report.

    name: its counter in the result.
    on: what `apply` gets: "written" the result as the scanner wrote it, "finding" the clean result, the name
        of a SARIF object every clean object of that kind. "path" (paths.STEPS) and "elsewhere" only count.
    apply: apply(value, context) changes the value and returns the number of changes. It raises Drop for a
        result that is not sent. None for "path" and "elsewhere".
    when: as in kinds.Rules, by the members before any rule with the same `on`; it only saves calls that would
        change nothing.
    """

    name: str
    on: str
    says: str
    apply: t.Callable[[t.Any, t.Any], int] | None = None
    when: str = ""


class Drop(Exception):
    """A result that is not sent.

    shown: the value that caused it.
    unusable: whether the report is at fault; otherwise the user chose not to send such results.
    """

    def __init__(self, reason: str, shown: str = "", unusable: bool = True) -> None:
        self.reason, self.shown, self.unusable = reason, shown, unusable
        super().__init__(reason)


@dataclasses.dataclass(frozen=True)
class Shell:
    """A run as it is sent, without results and rules.

    rules: (position of the component, rule), by the number of the rule. Position 0 is the driver, position
        n + 1 is extension n.
    """

    head: Raw
    rules: list[tuple[int, Raw]]

    def with_rules(self, numbers: t.Iterable[int]) -> Raw:
        """The run with these rules only."""
        tool = dict(self.head["tool"])
        components = [dict(c) for c in (tool["driver"], *tool.get("extensions", []))]
        for number in numbers:
            position, rule = self.rules[number]
            components[position].setdefault("rules", []).append(rule)
        tool["driver"] = components[0]
        if len(components) > 1:
            tool["extensions"] = components[1:]
        return {**self.head, "tool": tool}


class Component:
    """The driver or an extension of a run's tool, or a taxonomy.

    by_id: its rules by ID.
    used: ID of each rule that is sent -> number of the rule.
    repeated: how many rules are defined again in the same words.
    contradicting: IDs of rules that are defined again in other words.
    """

    def __init__(self, raw: t.Any) -> None:
        self.raw = as_dict(raw)
        self.rules = as_list(self.raw.get("rules"))
        self.taxa = as_list(self.raw.get("taxa"))
        self.by_id: dict[str, Raw] = {}
        self.used: dict[str, int] = {}
        self.repeated = 0
        self.contradicting: list[str] = []
        for rule in self.rules:
            rule_id = id_of(rule)
            if rule_id and self.by_id.setdefault(rule_id, rule) is not rule:
                if self.by_id[rule_id] == rule:
                    self.repeated += 1
                else:
                    self.contradicting.append(rule_id)


class Context:
    """What the rules know about one run and about its current result. The raw run is never changed."""

    def __init__(
        self,
        raw: Raw,
        options: Options,
        kinds: t.Mapping[str, Kind],
        stages: t.Mapping[str, Rules],
        roots: dict[str, str],
    ) -> None:
        """roots: path -> the folder of the scanning machine to which it was relative; shared by all runs."""
        self.raw, self.options, self.kinds, self.stages = raw, options, kinds, stages
        self._roots = roots
        self._known: dict[tuple[t.Any, ...], tuple[t.Any, list[tuple[str, int]], list[tuple[str, str]]]] = {}
        self.tool = as_dict(raw.get("tool"))
        self.driver = Component(self.tool.get("driver"))
        self.extensions = [Component(e) for e in as_list(self.tool.get("extensions"))]
        self.components = [self.driver, *self.extensions]
        self.taxonomies = [Component(e) for e in as_list(raw.get("taxonomies"))]
        self.roots = Roots(raw, options.source_root, options.path_prefix, options.strip_leading_slash)
        self.invocations = as_list(raw.get("invocations"))
        # Indices, since a report may have many of anything, and each result may refer to them.
        self._places = {taxonomies: self._places_of(taxonomies) for taxonomies in (False, True)}
        self._holders: dict[str, Component] = {}
        self._guids: dict[str, Raw] = {}
        for component in self.components:
            for rule_id in component.by_id:
                self._holders.setdefault(rule_id, component)
            for rule in dicts_of(component.rules):
                if isinstance(rule.get("guid"), str):
                    self._guids.setdefault(rule["guid"], rule)
        self._overrides: dict[int, dict[str, str]] = {}
        self._outermost: dict[int, int] = {}
        # Changes to what is sent, by the name of the rule; and the same without the current result.
        self.counts: dict[str, int] = {}
        self._counts_before: dict[str, int] = {}
        self.unknown: collections.Counter[str] = collections.Counter()
        self.undefined: dict[str, None] = {}
        self.sent = 0
        self.rules_used: list[tuple[Component, Raw]] = []
        self.taxa_used: set[str] = set()
        # Of the current result:
        self.faults: list[tuple[str, str]] = []
        self.component = self.driver
        self.rule: Raw = {}
        self.invocation: t.Any = None

    # -- the Noter of clean.py

    def note(self, name: str, count: int = 1) -> None:
        if count:
            self.counts[name] = self.counts.get(name, 0) + count

    def note_unknown(self, member: str) -> None:
        self.note("unknown_members")
        self.unknown[member] += 1

    def memo(self, key: tuple[t.Any, ...], make: t.Callable[..., t.Any], *arguments: t.Any) -> t.Any:
        known = self._known.get(key)
        if known is None:
            counts, faults, self.counts, self.faults = self.counts, self.faults, {}, []
            made = make(*arguments)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[key] = made, list(self.counts.items()), self.faults
            self.counts, self.faults = counts, faults
        made, notes, noted_faults = known
        for name, count in notes:
            self.counts[name] = self.counts.get(name, 0) + count
        if noted_faults:
            self.faults += noted_faults
        return made

    # -- the current result

    def begin(self, result: t.Any) -> None:
        """Make this, as the scanner wrote it, the current result."""
        self._counts_before = self.counts.copy()
        self.faults, self.component, self.rule = [], self.driver, {}
        # The provenance is removed before the level is looked for.
        provenance = result.get("provenance") if isinstance(result, dict) else None
        self.invocation = provenance.get("invocationIndex") if isinstance(provenance, dict) else None

    def refine(self, stage: str, value: Raw) -> None:
        """Apply the rules of a stage to the current result."""
        for name, apply in self.stages[stage].of(tuple(value)):
            count = apply(value, self)
            if count:
                self.note(name, count)

    def forget(self) -> None:
        """The current result is not sent, so the changes to it do not count."""
        self.counts = self._counts_before

    # -- the run

    def define(self, component: Component, rule_id: str, rule: Raw) -> None:
        component.by_id[rule_id] = rule
        self._holders.setdefault(rule_id, component)

    def holder(self, rule_id: str) -> Component | None:
        """The first component with a rule of this ID."""
        return self._holders.get(rule_id)

    def rule_of_guid(self, guid: t.Any) -> Raw | None:
        return self._guids.get(guid) if isinstance(guid, str) else None

    def _among(self, taxonomies: bool) -> list[Component]:
        return [*self.taxonomies, *self.extensions] if taxonomies else self.extensions

    def _places_of(self, taxonomies: bool) -> tuple[list[Component], dict[tuple[str, str], int]]:
        """The components that a reference can name, and the first place of each GUID and name among them."""
        among, places = [*self._among(taxonomies), self.driver], dict[tuple[str, str], int]()
        for place, raw in enumerate(component.raw for component in among):
            for kind, value in (("guid", raw.get("guid")), ("name", text_of(raw.get("name")))):
                if value and isinstance(value, str):
                    places.setdefault((kind, value), place)
        return among, places

    def find_component(self, reference: t.Any, *, taxonomies: bool = False) -> Component | None:
        """The component that a toolComponentReference names by GUID, name or index; without a reference the
        driver.

        taxonomies: whether taxonomies can be named too; they come first.
        """
        if not isinstance(reference, dict):
            return self.driver
        among, places = self._places[taxonomies]
        keys = [(kind, text_of(reference.get(kind))) for kind in ("guid", "name")]
        found = [places[key] for key in keys if key in places]
        if found:
            return among[min(found)]
        # The driver has no index.
        return t.cast("Component | None", at(self._among(taxonomies), reference.get("index")))

    def outermost(self, index: int) -> int:
        """The index of the outermost artifact (such as an archive) that contains this one, or its own."""
        way = []
        while index not in self._outermost:
            way.append(index)
            self._outermost[index] = index
            parent = self.element("artifacts", index).get("parentIndex")
            if not isinstance(parent, int) or parent < 0:
                break
            index = parent
        last = self._outermost[index]
        self._outermost.update(dict.fromkeys(way, last))
        return last

    def element(self, name: str, index: t.Any) -> Raw:
        """An entry of a shared array of the run, such as `artifacts`; empty if there is none."""
        return as_dict(at(as_list(self.raw.get(name)), index))

    def override(self) -> str | None:
        """The level that the invocation's ruleConfigurationOverrides give the current rule."""
        invocation = at(self.invocations, self.invocation)
        if not invocation and len(self.invocations) == 1:
            invocation = self.invocations[0]
        rule_id = id_of(self.rule)
        if not isinstance(invocation, dict) or not rule_id:
            return None
        if id(invocation) not in self._overrides:
            self._overrides[id(invocation)] = self._levels(invocation)
        return self._overrides[id(invocation)].get(rule_id)

    def _levels(self, invocation: Raw) -> dict[str, str]:
        """Rule ID -> the level that an invocation gives the rule; of several levels the first counts."""
        levels: dict[str, str] = {}
        for entry in dicts_of(invocation.get("ruleConfigurationOverrides")):
            descriptor = entry.get("descriptor")
            if not isinstance(descriptor, dict):
                continue
            component = self.find_component(descriptor.get("toolComponent"))
            rule_id = id_of(descriptor)
            if component and not rule_id:
                rule = at(component.rules, descriptor.get("index"))
                rule_id = id_of(rule or self.rule_of_guid(descriptor.get("guid")))
            level = level_of(as_dict(entry.get("configuration")).get("level"))
            if component and rule_id and level:
                levels.setdefault(rule_id, level)
        return levels

    def relative(self, uri: str, base_id: str | None) -> str | None:
        """The path relative to the repository root, or None and a fault. Counts each step that changed it."""
        resolved = self.roots.resolve(uri, base_id)
        if resolved.uri is None:
            self.faults.append((resolved.fault, resolved.shown))
            return None
        for name in resolved.changes:
            self.note(name)
        if resolved.root:
            known = self._roots.setdefault(resolved.uri, resolved.root)
            if known != resolved.root:
                raise InputError(_same_path(resolved.uri, known, resolved.root))
        return resolved.uri

    # -- what is sent beside the results

    def use(self, component: Component, rule_id: str, rule: Raw) -> None:
        """Send this rule."""
        if rule_id not in component.used:
            if "id" in rule and rule["id"] != rule_id:
                rule = {**rule, "id": rule_id}
                self.note("wrong_types")
            component.used[rule_id] = len(self.rules_used)
            self.rules_used.append((component, rule))

    def shell(self) -> Shell | None:
        """The run without its results: the tool with the rules in use, taxonomies with the taxa in use. A run
        without results gets one rule. None if the tool has no name.
        """
        if not self.sent:
            # The collector accepts no run without a rule.
            holder = next((c for c in self.components if c.by_id), None)
            if holder:
                self.use(holder, *next(iter(holder.by_id.items())))
            else:
                rule = {"id": NO_RULE, "shortDescription": {"text": "The scan found nothing."}}
                self.use(self.driver, NO_RULE, rule)
                self.note("added_rules")
        clean_rule = self.kinds["reportingDescriptor"].clean_copy
        positions = {id(component): position for position, component in enumerate(self.components)}
        rules = [(positions[id(component)], clean_rule(rule, self)) for component, rule in self.rules_used]
        driver = self._component(self.driver)
        raw = {k: v for k, v in self.raw.items() if k not in ("tool", "taxonomies", "results")}
        out = self.kinds["run"].clean_copy({**raw, "tool": {"driver": {"name": "-"}}}, self)
        if driver is None or not isinstance(out, dict):
            return None
        out["tool"] = {"driver": driver}
        if isinstance(self.tool.get("properties"), dict):
            out["tool"]["properties"] = self.tool["properties"]
        # All of them and in order, since references name them by index.
        if self.extensions:
            out["tool"]["extensions"] = [
                self._component(c) or {"name": f"extension {i}"} for i, c in enumerate(self.extensions)
            ]
        if self.taxonomies:
            out["taxonomies"] = [
                self._component(c) or {"name": f"taxonomy {i}"} for i, c in enumerate(self.taxonomies)
            ]
        return Shell(out, rules)

    def _component(self, component: Component) -> Raw | None:
        bare = {k: v for k, v in component.raw.items() if k not in ("rules", "taxa")}
        clean_copy = self.kinds["toolComponent"].clean_copy
        out = clean_copy(bare, self)
        if not isinstance(out, dict):
            return None
        self.note("unused_rules", max(0, len(component.rules) - len(component.used)))
        taxa = [taxon for taxon in dicts_of(component.taxa) if self._taxon_used(taxon)]
        self.note("unused_taxa", len(component.taxa) - len(taxa))
        if taxa:
            out["taxa"] = clean_copy({"name": "-", "taxa": taxa}, self).get("taxa", [])
        return out

    def _taxon_used(self, taxon: Raw) -> bool:
        return any(name and name in self.taxa_used for name in (id_of(taxon), text_of(taxon.get("guid"))))


def _same_path(uri: str, one: str, other: str) -> str:
    """Why a report is refused in which files of two folders would get the same path."""
    conflict = (
        f"two files would become {uri[:200]}: one below {one}, one below {other}, because the file names "
        "both as its root."
    )
    common = common_folder(common_folder(None, f"{one}/"), f"{other}/")
    if is_file_system(common):
        return f"{conflict} No source_root contains both: have the scanner write a report for each."
    return (
        f"{conflict} Set source_root to the folder of the repository on the machine that scanned: {common}, "
        "or a folder above it."
    )


def at(items: t.Sequence[t.Any], index: t.Any) -> t.Any:
    """The entry at a SARIF index; None for -1 and for an index out of range."""
    # pylint: disable-next=unidiomatic-typecheck; True is not a number in SARIF
    position = index if type(index) is int else whole(index)
    return items[position] if position is not None and 0 <= position < len(items) else None
