# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts a scanner's SARIF document into one that the collector accepts. Pure.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import typing as t

from .._admitted import Raw
from .._errors import InputError
from .complete import failures
from .options import Options
from .rules.clean import GONE, LEVELS, as_dict, as_list, dicts_of, text_of
from .rules.context import Context, Drop, Shell
from .rules.folders import advised_root, common_folder, head_of, is_file_system, of_a_machine
from .rules.table import OBJECT_KINDS, STAGES, UNUSABLE

FINAL = ("sarif-schema-2.1.0.json", "sarif-2.1.0.json")
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
EXAMPLES = 3
MOST_HEADS = 100


class Tool(t.NamedTuple):
    """A scanner, as its report names it. version: empty if the report has none."""

    name: str
    version: str


@dataclasses.dataclass
class Normalised:
    """A report as it is sent, and how it differs from the scanner's.

    log: its members beside the runs.
    shells: number of each run that is sent -> the run without results.
    results, found: how many results are sent, and how many the file has.
    normalised: rule name -> number of changes in what is sent.
    dropped: reason -> number of results that are not sent.
    levels: level -> number of results that are sent.
    tools: the drivers of the runs that are sent; if none is sent, of all runs.
    commit: the revision that was scanned; empty if the report names none, or several.
    failed: whether the report says that its scan failed.
    """

    log: Raw
    shells: dict[int, Shell]
    results: int
    found: int
    normalised: dict[str, int]
    dropped: dict[str, int]
    levels: dict[str, int]
    tools: list[Tool]
    commit: str
    failed: bool
    warnings: list[str]


# A result as it is sent, the number of its rule in Shell.rules, and the path of its file.
Sendable = t.Tuple[Raw, int, str]  # noqa: UP006 (evaluated on Python 3.9)


@dataclasses.dataclass
class _Tally:
    """What is counted over all runs.

    heads: first folder of the absolute paths that cannot be used -> how many, and the folder that contains
        them all.
    roots: folders that the report names as its root and that paths were assumed to be relative to.
    taken_off: folders that were removed from paths, as source_root or as the report's own root.
    """

    found: int = 0
    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    unknown: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    dropped: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    levels: dict[str, int] = dataclasses.field(default_factory=lambda: dict.fromkeys(LEVELS, 0))
    undefined: dict[str, None] = dataclasses.field(default_factory=dict)
    examples: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    heads: dict[str, tuple[int, str]] = dataclasses.field(default_factory=dict)
    roots: set[str] = dataclasses.field(default_factory=set)
    taken_off: list[str] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)
    contradicting: dict[str, None] = dataclasses.field(default_factory=dict)

    def unusable(self) -> int:
        return sum(n for reason, n in self.dropped.items() if reason in UNUSABLE)


class Report:
    """Converts one SARIF 2.1.0 log, result by result. Changes its input instead of copying it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.contexts: dict[int, Context] = {}
        self._roots: dict[str, str] = {}
        self._tally = _Tally()

    def run(self, number: int, raw: Raw) -> Context:
        """Start a run. raw: its members read so far; others may be added to it until close()."""
        context = self.contexts[number] = Context(raw, self.options, OBJECT_KINDS, STAGES, self._roots)
        return context

    def take(self, run: int, number: int, written: t.Any) -> Sendable | None:
        """The next result as it is sent; None if it is not sent."""
        context, tally = self.contexts[run], self._tally
        tally.found += 1
        try:
            result = prepare_result(written, context)
        except Drop as drop:
            context.forget()
            tally.dropped[drop.reason] += 1
            _example(tally, drop, f"runs[{run}].results[{number}]")
            return None
        tally.levels[result["level"]] += 1
        context.sent += 1
        path = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        return result, context.component.used[result["ruleId"]], path

    def close(self, whole: Raw) -> Normalised:
        """Finish the report, after its last result. whole: the log without results.

        Raises InputError, without the file's name, if the log is not SARIF or refers to results elsewhere, if
        a scan failed and on_failed_scan is `fail`, if more than max_dropped_percent of the results are
        unusable, if a rule is not defined and undefined_rules is `fail`, or if a run's tool has no name.
        """
        tally, shells, commits = self._tally, {}, set[str]()
        tools: dict[bool, list[Tool]] = {True: [], False: []}
        for index, raw in enumerate(_runs(whole)):
            context = self.contexts.get(index) or self.run(index, raw)
            tally.failures += failures(index, raw)
            tally.unknown.update(context.unknown)
            tally.undefined.update(context.undefined)
            tally.roots |= context.roots.used
            for component in context.components:
                context.note("repeated_rules", component.repeated)
                tally.contradicting.update(dict.fromkeys(component.contradicting))
            sent, tool = bool(context.sent or self.options.allow_empty), _tool(context.driver.raw)
            if tool.name:
                tools[sent].append(tool)
            for entry in dicts_of(context.raw.get("versionControlProvenance")):
                if isinstance(entry.get("revisionId"), str) and entry["revisionId"]:
                    commits.add(entry["revisionId"])
            if not sent:
                tally.counts["empty_runs"] += 1
                continue
            shell = context.shell()
            tally.counts.update(context.counts)
            if shell is None:
                raise InputError(
                    f"runs[{index}].tool.driver.name is missing: the collector needs the scanner's name. Is "
                    "this a scanner's file?"
                )
            shells[index] = shell
        tally.taken_off = sorted(root for root in set(self._roots.values()) if not is_file_system(root))
        _refuse(tally, self.options)
        log: Raw = {"$schema": whole.get("$schema"), "version": "2.1.0", "runs": []}
        # The final schema is published at many addresses, which end with its name; a draft is another schema.
        if not isinstance(log["$schema"], str) or not log["$schema"].endswith(FINAL):
            log["$schema"] = SCHEMA
            tally.counts["schema_added"] += 1
        if isinstance(whole.get("properties"), dict):
            log["properties"] = whole["properties"]
        return Normalised(
            log=log,
            shells=shells,
            results=sum(tally.levels.values()),
            found=tally.found,
            normalised={name: n for name, n in sorted(tally.counts.items()) if n},
            dropped=dict(sorted(tally.dropped.items())),
            levels=tally.levels,
            tools=list(dict.fromkeys(tools[True] or tools[False])),
            commit=commits.pop() if len(commits) == 1 else "",
            failed=bool(tally.failures),
            warnings=_warnings(tally, self.options),
        )


def _tool(driver: Raw) -> Tool:
    versions = (text_of(driver.get(name)) for name in ("version", "semanticVersion", "dottedQuadFileVersion"))
    return Tool(text_of(driver.get("name"))[:200], next(filter(None, versions), "")[:100])


def _runs(document: Raw) -> list[Raw]:
    runs = document.get("runs")
    if runs is None:
        runs = []
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise InputError("runs is not a list of objects: this is not SARIF 2.1.0.")
    inline, other = "inlineExternalProperties", "externalPropertyFileReferences"
    places = {f"{inline}[{n}]": entry for n, entry in enumerate(as_list(document.get(inline)))}
    places |= {f"runs[{n}].{other}": run.get(other) for n, run in enumerate(runs)}
    for place, references in places.items():
        if as_dict(references).get("results"):
            raise InputError(
                f"{place}.results says that results are in another place, where they are not read. Have the "
                "scanner write one file."
            )
    return runs


def prepare_result(written: t.Any, context: Context) -> Raw:
    """One result as it is sent. Raises Drop."""
    context.begin(written)
    if not isinstance(written, dict):
        raise Drop("not_an_object")
    context.refine("written", written)
    # Cleaned on their own, because only the faults of these locations decide about the result.
    places = context.kinds["location"].clean_list(written.pop("locations", None) or [], False, context)
    faults, context.faults = context.faults, []
    result: Raw = context.kinds["result"].clean(written, context)
    context.faults = faults
    if places is not GONE:
        result["locations"] = places
    context.refine("finding", result)
    return result


def _example(tally: _Tally, drop: Drop, where: str) -> None:
    """Remember what a message needs about a result that is not sent. where: its JSON path."""
    if drop.reason == "path_absolute":
        head = head_of(drop.shown)
        head = head if head in tally.heads or len(tally.heads) < MOST_HEADS else ""
        count, common = tally.heads.get(head, (0, None))
        tally.heads[head] = count + 1, common_folder(common, drop.shown)
    examples = tally.examples.setdefault(drop.reason, [])
    if drop.unusable and len(examples) < EXAMPLES:
        examples.append(f'{where} "{drop.shown[:200]}"' if drop.shown else where)


def _refuse(tally: _Tally, options: Options) -> None:
    if tally.failures and options.on_failed_scan == "fail":
        raise InputError(f"{_failed(tally)}. Scan again, or set on_failed_scan: warn to send what was found.")
    if tally.undefined and options.undefined_rules == "fail":
        raise InputError(
            f"results name rules that the file does not define ({len(tally.undefined)}): "
            f"{_some(tally.undefined)}. The collector refuses that. Use undefined_rules: add, or a scanner "
            "that writes its rules."
        )
    unusable = tally.unusable()
    if unusable and unusable * 100 > options.max_dropped_percent * tally.found:
        raise InputError(
            f"{unusable} of {tally.found} results cannot be sent: {_reasons(tally, options)} "
            f"(max_dropped_percent is {options.max_dropped_percent:g}{_percent(unusable, tally)}.)"
        )


def _percent(unusable: int, tally: _Tally) -> str:
    """The max_dropped_percent with which the other results are sent; empty if there are none."""
    sent = sum(tally.levels.values())
    return f"; {math.ceil(unusable * 100 / tally.found)} sends the other {sent} without them" if sent else ""


def _failed(tally: _Tally) -> str:
    failed = "the report says that its scan failed, or met errors, so that findings may be missing"
    return f"{failed} ({len(tally.failures)}): {_some(tally.failures, '; ')}"


def _reasons(tally: _Tally, options: Options) -> str:
    parts = []
    for reason, (what, advice) in UNUSABLE.items():
        count = tally.dropped[reason]
        if not count:
            continue
        if reason == "path_absolute":
            what, advice = _absolute(tally, options)
        parts.append(f"{count} {what} (first: {', '.join(tally.examples[reason])}). {advice}")
    return " ".join(parts)


def _absolute(tally: _Tally, options: Options) -> tuple[str, str]:
    """What is wrong with the absolute paths that cannot be used, and what to do."""
    meaning = "the folder of the repository on the machine that scanned"
    folders = sorted(tally.heads.values(), key=lambda counted: -counted[0])
    (_count, folder), others = folders[0], folders[1:]
    common: str | None = None
    # A folder that is already removed from other paths has to be removed in future too.
    for known in [*(each for _count, each in folders), *tally.taken_off]:
        common = common_folder(common, f"{known}/")
    slashes = all(head[:1] in ("", "/") and head[:2] != "//" for head in tally.heads)
    slashes = slashes and not all(of_a_machine(head) for head in tally.heads)
    advice = []
    if common and not is_file_system(common):
        advice.append(f"Set source_root to {meaning}: {advised_root(common)}, or a folder above it.")
    elif not tally.taken_off and not slashes and not is_file_system(folder):
        advice.append(f"Set source_root to {meaning}: {advised_root(folder)}, or a folder above it.")
        left = sum(count for count, _folder in others)
        if left:
            percent = math.ceil(left * 100 / tally.found)
            advice.append(
                f"The other {left} are in other places; max_dropped_percent: {percent} leaves them out."
            )
    if slashes:
        advice.append("If the slash means the root of the repository, set strip_leading_slash: true.")
    if not advice:
        advice.append("They are not files of the repository.")
    where = f' below "{folder}/"' if folder and not others else ""
    set_to = options.source_root or "not set"
    return f"have an absolute path{where}, and source_root is {set_to}", " ".join(advice)


def _warnings(tally: _Tally, options: Options) -> list[str]:
    warnings = []
    if tally.failures:
        warnings.append(f"{_failed(tally)}. on_failed_scan: fail refuses such a report.")
    kinds = {reason[len("kind_") :]: n for reason, n in tally.dropped.items() if reason.startswith("kind_")}
    if kinds:
        listed = ", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items()))
        warnings.append(
            f"results were left out by their kind ({listed}); include_kinds sets which kinds are sent."
        )
    if tally.undefined:
        warnings.append(
            "rules that the file does not define were added, without a description "
            f"({len(tally.undefined)}): {_some(tally.undefined)}."
        )
    if tally.contradicting:
        warnings.append(
            "rules are defined twice with differences; the first definition is used "
            f"({len(tally.contradicting)}): {_some(tally.contradicting)}."
        )
    if tally.dropped["suppressed"]:
        warnings.append(
            f"suppressed results were left out ({tally.dropped['suppressed']}); suppressed: keep sends them."
        )
    if tally.unknown:
        warnings.append(f"members that SARIF 2.1.0 does not define were removed: {_some(tally.unknown)}.")
    if tally.roots:
        warnings.append(
            f"paths were assumed to be relative to {_some(sorted(tally.roots))}, which the file names as its "
            "root. Set source_root (and path_prefix, if the scan ran in a folder of the repository) to "
            "override this."
        )
    if len(tally.taken_off) > 1:
        common: str | None = None
        for root in tally.taken_off:
            common = common_folder(common, f"{root}/")
        different = (
            "paths are relative to different folders, each of which was assumed to be the root: "
            f"{_some(tally.taken_off)}."
        )
        if common and not is_file_system(common):
            different += (
                f" If they belong to one repository, set source_root to {common}, or a folder above it."
            )
        warnings.append(different)
    unusable = tally.unusable()
    if unusable:
        warnings.append(f"{unusable} of {tally.found} results could not be sent: {_reasons(tally, options)}")
    return warnings


def _some(names: t.Iterable[str], between: str = ", ") -> str:
    listed = list(names)
    return between.join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
