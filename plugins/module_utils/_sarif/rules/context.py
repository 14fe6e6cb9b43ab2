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
from .clean import level_of, text_of, whole
from .folders import common_folder, is_file_system
from .kinds import Kind, Rules
from .paths import REMEMBERED, Roots

# The rule of a run that has neither results nor rules.
NO_RULE = "no-results"


class Rule(t.NamedTuple):
    """One change to a report. name: its counter in the result.

    on: when `apply` is called: "written" with the result as it was written, the name of a SARIF object with
    every clean object of that name, "finding" with the clean result. apply(value, context) changes the value
    and returns how many changes it made; it raises Drop for a result that is not sent. `apply` is None for
    "path" (paths.STEPS) and "elsewhere", which count by name.
    when: as in kinds.Rules, by the names of the members before any rule of the same `on`; it only saves calls
    that change nothing.
    """

    name: str
    on: str
    says: str
    apply: t.Callable[[t.Any, t.Any], int] | None
    when: str = ""


class Drop(Exception):
    """A result that is not sent. shown: what was found there. unusable: a fault of the report, not a choice
    of the user.
    """

    def __init__(self, reason: str, shown: str = "", unusable: bool = True) -> None:
        self.reason, self.shown, self.unusable = reason, shown, unusable
        super().__init__(reason)


@dataclasses.dataclass(frozen=True)
class Shell:
    """A run as it is sent, without results and without rules. rules: (position of the component, rule), in
    the order of Taken.rule.

    Position 0 is the driver, and n + 1 the extension n.
    """

    head: Raw
    rules: list[tuple[int, Raw]]

    def with_rules(self, numbers: t.Iterable[int]) -> Raw:
        """The run with just these rules."""
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
    """The driver or an extension of a run's tool, or a taxonomy: its rules by position and by id, and which
    are in use.
    """

    def __init__(self, raw: t.Any) -> None:
        self.raw: Raw = raw if isinstance(raw, dict) else {}
        self.rules: list[t.Any] = as_list(self.raw.get("rules"))
        self.taxa: list[t.Any] = as_list(self.raw.get("taxa"))
        self.by_id: dict[str, Raw] = {}
        self.used: dict[str, int] = {}
        self.repeated = 0
        self.contradicting: list[str] = []
        for rule in self.rules:
            rule_id = text_of(rule.get("id")) if isinstance(rule, dict) else ""
            if rule_id and self.by_id.setdefault(rule_id, rule) is not rule:
                if self.by_id[rule_id] == rule:
                    self.repeated += 1
                else:
                    self.contradicting.append(rule_id)

    @property
    def name(self) -> str:
        return text_of(self.raw.get("name"))


class Context:
    """What the rules know of one run, and of the result in hand. The raw run is never changed."""

    def __init__(
        self,
        raw: Raw,
        options: Options,
        kinds: t.Mapping[str, Kind],
        stages: t.Mapping[str, Rules],
        roots: dict[str, str] | None = None,
    ) -> None:
        """roots: by each path of the report, the folder that its root was on the machine that scanned; one
        for all runs.
        """
        self.raw, self.options, self.kinds, self.stages = raw, options, kinds, stages
        self._roots = {} if roots is None else roots
        self._known: dict[tuple[t.Any, ...], tuple[t.Any, list[tuple[str, int]], list[tuple[str, str]]]] = {}
        tool = raw.get("tool")
        tool = tool if isinstance(tool, dict) else {}
        self.driver = Component(tool.get("driver"))
        self.extensions = [Component(e) for e in as_list(tool.get("extensions"))]
        self.taxonomies = [Component(e) for e in as_list(raw.get("taxonomies"))]
        self.roots = Roots(raw, options.source_root, options.path_prefix, options.strip_leading_slash)
        self.invocations = as_list(raw.get("invocations"))
        # Each result may ask, and a report may have many of anything: what would be looked for is looked up.
        self._named = {taxonomies: self._names(taxonomies) for taxonomies in (False, True)}
        self._holders: dict[str, Component] = {}
        self._guids: dict[str, t.Any] = {}
        for component in self.components():
            for rule_id in component.by_id:
                self._holders.setdefault(rule_id, component)
            for rule in component.rules:
                if isinstance(rule, dict) and isinstance(rule.get("guid"), str):
                    self._guids.setdefault(rule["guid"], rule)
        self._overrides: dict[int, dict[str, str]] = {}
        self._outermost: dict[int, int] = {}
        # Changes to what is sent, by the name of the rule: with and without those to the result in hand.
        self.counts: dict[str, int] = {}
        self._counts_before: dict[str, int] = {}
        self.unknown: collections.Counter[str] = collections.Counter()
        self.undefined: dict[str, None] = {}
        self.sent = 0
        self.rules_used: list[tuple[Component, Raw]] = []
        self.taxa_used: set[str] = set()
        # Of the result in hand:
        self.faults: list[tuple[str, str]] = []
        self.component: Component = self.driver
        self.rule: Raw = {}
        self.invocation: t.Any = None

    # -- the Noter of clean.py

    def note(self, name: str, count: int = 1) -> None:
        if count:
            self.counts[name] = self.counts.get(name, 0) + count

    def note_unknown(self, member: str) -> None:
        self.note("unknown_members")
        self.unknown[member] += 1

    def refine(self, stage: str, value: Raw) -> None:
        """Apply the rules of a stage that look at such an object."""
        for name, apply in self.stages[stage].of(tuple(value)):
            count = apply(value, self)
            if count:
                self.note(name, count)

    def recall(self, key: tuple[t.Any, ...]) -> t.Any:
        known = self._known.get(key)
        if known is None:
            return None
        made, notes, faults = known
        for name, count in notes:
            self.counts[name] = self.counts.get(name, 0) + count
        if faults:
            self.faults += faults
        return made

    def learn(self, key: tuple[t.Any, ...], make: t.Callable[..., t.Any], *given: t.Any) -> t.Any:
        counts, faults, self.counts, self.faults = self.counts, self.faults, {}, []
        made = make(*given)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[key] = made, list(self.counts.items()), self.faults
        self.counts, self.faults = counts, faults
        return self.recall(key)

    # -- the result in hand

    def begin(self, result: t.Any) -> None:
        self._counts_before = self.counts.copy()
        self.faults, self.component, self.rule = [], self.driver, {}
        # Kept now, since what is not sent is gone when the level is looked for.
        provenance = result.get("provenance") if isinstance(result, dict) else None
        self.invocation = provenance.get("invocationIndex") if isinstance(provenance, dict) else None

    def forget(self) -> None:
        """The result in hand is not sent, and what was changed in it does not count."""
        self.counts = self._counts_before

    def fault(self, reason: str, shown: str) -> None:
        self.faults.append((reason, shown))

    def components(self) -> list[Component]:
        return [self.driver, *self.extensions]

    def define(self, component: Component, rule_id: str, rule: Raw) -> None:
        component.by_id[rule_id] = rule
        self._holders.setdefault(rule_id, component)

    def holder(self, rule_id: str) -> Component | None:
        """The first component that has a rule of this id."""
        return self._holders.get(rule_id)

    def rule_of_guid(self, guid: t.Any) -> t.Any:
        return self._guids.get(guid) if isinstance(guid, str) else None

    def _among(self, taxonomies: bool) -> list[Component]:
        return [*self.taxonomies, *self.extensions] if taxonomies else self.extensions

    def _names(self, taxonomies: bool) -> tuple[list[Component], dict[tuple[str, str], int]]:
        """The components that a reference may mean, and by guid and name where the first of each is among
        them.
        """
        among, places = [*self._among(taxonomies), self.driver], dict[tuple[str, str], int]()
        for place, component in enumerate(among):
            for kind, value in (("guid", component.raw.get("guid")), ("name", component.name)):
                if value and isinstance(value, str):
                    places.setdefault((kind, value), place)
        return among, places

    def find_component(self, reference: t.Any, *, taxonomies: bool = False) -> Component | None:
        """The component that a toolComponentReference names, by index, guid or name; the driver when there is
        no reference.

        taxonomies: whether it may be one of these too; then they come first.
        """
        if not isinstance(reference, dict):
            return self.driver
        among, places = self._named[taxonomies]
        said = [(kind, text_of(reference.get(kind))) for kind in ("guid", "name")]
        found = [places[kind, value] for kind, value in said if (kind, value) in places]
        # The driver, the last one, has no position.
        return (
            among[min(found)]
            if found
            else t.cast("Component | None", at(self._among(taxonomies), reference.get("index")))
        )

    def outermost(self, index: int) -> int:
        """The artifact in which the artifact at this position lies, if that is within another one."""
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
        """An entry of one of the run's shared arrays (`artifacts`, `threadFlowLocations`, ...); empty when
        there is none.
        """
        entry = at(as_list(self.raw.get(name)), index)
        return entry if isinstance(entry, dict) else {}

    def override(self) -> str | None:
        """The level that the invocation's ruleConfigurationOverrides give the rule in hand."""
        invocation = at(self.invocations, self.invocation) or (
            self.invocations[0] if len(self.invocations) == 1 else None
        )
        rule_id = text_of(self.rule.get("id"))
        if not isinstance(invocation, dict) or not rule_id:
            return None
        if id(invocation) not in self._overrides:
            self._overrides[id(invocation)] = self._levels(invocation)
        return self._overrides[id(invocation)].get(rule_id)

    def _levels(self, invocation: Raw) -> dict[str, str]:
        """The levels that an invocation gives rules, by their ids; the first counts that is one."""
        levels: dict[str, str] = {}
        for entry in as_list(invocation.get("ruleConfigurationOverrides")):
            descriptor = entry.get("descriptor") if isinstance(entry, dict) else None
            if not isinstance(descriptor, dict):
                continue
            component = self.find_component(descriptor.get("toolComponent"))
            named = text_of(descriptor.get("id"))
            if component and not named:
                rule = at(component.rules, descriptor.get("index")) or self.rule_of_guid(
                    descriptor.get("guid")
                )
                named = text_of(rule.get("id")) if isinstance(rule, dict) else ""
            configuration = entry.get("configuration")
            level = level_of(configuration.get("level")) if isinstance(configuration, dict) else None
            if component and named and level:
                levels.setdefault(named, level)
        return levels

    def relative(self, uri: str, base_id: str | None) -> str | None:
        """The path relative to the repository root, or None with a fault; every step that changed it is
        noted.
        """
        resolved = self.roots.resolve(uri, base_id)
        if resolved.uri is None:
            self.fault(resolved.fault, resolved.shown)
            return None
        for name in resolved.changes:
            self.note(name)
        if resolved.root:
            known = self._roots.setdefault(resolved.uri, resolved.root)
            if known != resolved.root:
                raise InputError(_one_of_two(resolved.uri, known, resolved.root))
        return resolved.uri

    # -- what is sent beside the results

    def use(self, component: Component, rule_id: str, rule: Raw) -> None:
        """This rule is sent."""
        if rule_id not in component.used:
            if "id" in rule and rule["id"] != rule_id:
                rule = {**rule, "id": rule_id}
                self.note("wrong_types")
            component.used[rule_id] = len(self.rules_used)
            self.rules_used.append((component, rule))

    def shell(self, has_results: bool) -> Shell | None:
        """What is sent beside the results: the tool with the rules in use, taxonomies with the taxa in use.
        An empty run has one rule.

        None when the tool has no name.
        """
        raw = {k: v for k, v in self.raw.items() if k not in ("tool", "taxonomies", "results")}
        tool = self.raw.get("tool")
        tool = tool if isinstance(tool, dict) else {}
        if not has_results:
            holder = next((c for c in self.components() if c.by_id), None)
            if holder:
                self.use(holder, *next(iter(holder.by_id.items())))
            else:
                # The collector takes no run without a rule.
                self.use(
                    self.driver,
                    NO_RULE,
                    {"id": NO_RULE, "shortDescription": {"text": "The scan found nothing."}},
                )
                self.note("added_rules")
        rules = [
            (component, self.kinds["reportingDescriptor"].clean_copy(rule, self))
            for component, rule in self.rules_used
        ]
        driver = self._component(self.driver)
        out = self.kinds["run"].clean_copy({**raw, "tool": {"driver": {"name": "-"}}}, self)
        if driver is None or not isinstance(out, dict):
            return None
        properties = {"properties": tool["properties"]} if isinstance(tool.get("properties"), dict) else {}
        out["tool"] = {"driver": driver, **properties}
        # In full and in order, since references name them by position.
        extensions = [self._component(c) or {"name": f"extension {i}"} for i, c in enumerate(self.extensions)]
        taxonomies = [self._component(c) or {"name": f"taxonomy {i}"} for i, c in enumerate(self.taxonomies)]
        if extensions:
            out["tool"]["extensions"] = extensions
        if taxonomies:
            out["taxonomies"] = taxonomies
        positions = {id(component): position for position, component in enumerate(self.components())}
        return Shell(out, [(positions[id(component)], rule) for component, rule in rules])

    def _component(self, component: Component) -> Raw | None:
        bare = {k: v for k, v in component.raw.items() if k not in ("rules", "taxa")}
        out = self.kinds["toolComponent"].clean_copy(bare, self)
        if not isinstance(out, dict):
            return None
        self.note("unused_rules", max(0, len(component.rules) - len(component.used)))
        taxa = [taxon for taxon in component.taxa if isinstance(taxon, dict) and self._taxon_used(taxon)]
        self.note("unused_taxa", len(component.taxa) - len(taxa))
        if taxa:
            out["taxa"] = (
                self.kinds["toolComponent"].clean_copy({"name": "-", "taxa": taxa}, self).get("taxa", [])
            )
        return out

    def _taxon_used(self, taxon: Raw) -> bool:
        return any(
            key and key in self.taxa_used for key in map(text_of, (taxon.get("id"), taxon.get("guid")))
        )


def _one_of_two(uri: str, one: str, other: str) -> str:
    """Why a report is refused in which two files would become one."""
    said = (
        f"two files would become {uri[:200]}: one below {one}, one below {other}, because the file names "
        "both as its root."
    )
    common = common_folder(common_folder(None, f"{one}/"), f"{other}/")
    if is_file_system(common):
        return f"{said} No source_root contains both: have the scanner write a report for each."
    return (
        f"{said} Set source_root to the folder of the repository on the machine that scanned: {common}, or a "
        "folder above it."
    )


def at(items: t.Sequence[t.Any], index: t.Any) -> t.Any:
    """The entry at a position of SARIF, where -1 and whatever is out of range mean none."""
    # pylint: disable-next=unidiomatic-typecheck; True is not a number in SARIF
    position = index if type(index) is int else whole(index)
    return items[position] if position is not None and 0 <= position < len(items) else None


def as_list(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else []
