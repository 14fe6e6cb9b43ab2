# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, from a SARIF document as a scanner wrote it to one that the collector takes. Pure.
from __future__ import annotations

import collections
import dataclasses
import typing as t

from .._errors import InputError
from .options import Options
from .rules.clean import LEVELS, Raw, clean, clean_list
from .rules.context import Drop, Rule, Run, Shell, as_list
from .rules.paths import advised_root, common_folder
from .rules.table import RULES, UNUSABLE

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
EXAMPLES = 3

_BY_STAGE: dict[str, list[Rule]] = {}
for _rule in RULES:
    _BY_STAGE.setdefault(_rule.on, []).append(_rule)


@dataclasses.dataclass
class Outcome:
    """What became of a report. results: how many are sent. found: how many the file had. shells: one for each run that is sent.

    log: the members beside the runs. normalised: rule name -> changes in what is sent. dropped: reason -> results.
    levels: level -> results. tools: driver names. commit: the one revision that the report says it is about, or empty.
    """

    log: Raw
    shells: dict[int, Shell]
    results: int
    found: int
    normalised: dict[str, int]
    dropped: dict[str, int]
    levels: dict[str, int]
    tools: list[str]
    commit: str
    warnings: list[str]


class Taken(t.NamedTuple):
    """A result as it is sent, the position of its rule in the shell of its run, and the path that it is about."""

    result: Raw
    rule: int
    path: str


@dataclasses.dataclass
class _Tally:
    found: int = 0
    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    unknown: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    dropped: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    levels: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    undefined: dict[str, None] = dataclasses.field(default_factory=dict)
    examples: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    common: str | None = None
    roots: set[str] = dataclasses.field(default_factory=set)
    contradicting: dict[str, None] = dataclasses.field(default_factory=dict)

    def unusable(self) -> int:
        return sum(n for reason, n in self.dropped.items() if reason in UNUSABLE)


class Report:
    """One SARIF 2.1.0 log on its way to the form that the collector takes (contract 6.2 to 6.4), result by result.

    The same input gives the same output. What is given is used up, not copied.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.runs: dict[int, Run] = {}
        self._tally = _Tally()
        self._sent: collections.Counter[int] = collections.Counter()

    def run(self, number: int, raw: Raw) -> Run:
        """The run of this number, whose results follow. raw: as far as it was read; it may be completed until close()."""
        run = self.runs[number] = Run(raw, self.options, _BY_STAGE)
        return run

    def took(self, run_number: int, levels: list[str]) -> None:
        """The next results, of these levels, were prepared in another way, and are sent."""
        self._tally.found += len(levels)
        self._sent[run_number] += len(levels)
        self._tally.levels.update(levels)

    def take(self, run_number: int, number: int, written: t.Any) -> Taken | None:
        """The next result as it is sent; None when it is not."""
        run, tally = self.runs[run_number], self._tally
        tally.found += 1
        try:
            result = prepare_result(written, run)
        except Drop as drop:
            tally.dropped[drop.reason] += 1
            _example(tally, drop, f"runs[{run_number}].results[{number}]")
            return None
        run.keep()
        tally.levels[result["level"]] += 1
        self._sent[run_number] += 1
        path = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        return Taken(result, run.component.used[result["ruleId"]], path)

    def close(self, whole: Raw) -> Outcome:
        """When all results were taken. whole: the log without results. Raises InputError, without the file's name, when it holds results
        elsewhere or is no SARIF, when more than max_dropped_percent of them cannot be used, when undefined_rules is C(fail) and a rule is
        not defined, or when a run's tool has no name.
        """
        tally, shells, tools, commits = self._tally, {}, [], []
        for index, raw in enumerate(_runs(whole)):
            run = self.runs.get(index) or self.run(index, raw)
            _collect(run, tally)
            if not self._sent[index] and not self.options.allow_empty:
                tally.counts["empty_runs"] += 1
                continue
            commits += [commit for entry in as_list(run.raw.get("versionControlProvenance")) if (commit := _revision(entry))]
            shell = run.shell(bool(self._sent[index]))
            tally.counts.update(run.counts)
            if shell is None:
                raise InputError(
                    f"runs[{index}].tool.driver.name is missing: the collector needs the scanner's name. Is this a scanner's file?"
                )
            if not shell.rules:
                raise InputError(
                    f"runs[{index}] has neither results nor rules, and the collector needs at least one rule. Leave the file out."
                )
            shells[index] = shell
            tools.append(shell.head["tool"]["driver"]["name"])
        _refuse(tally, self.options)
        log: Raw = {"$schema": whole.get("$schema"), "version": "2.1.0", "runs": []}
        if not isinstance(log["$schema"], str):
            log["$schema"] = SCHEMA
            tally.counts["schema_added"] += 1
        if isinstance(whole.get("properties"), dict):
            log["properties"] = whole["properties"]
        return Outcome(
            log=log,
            shells=shells,
            results=sum(self._sent.values()),
            found=tally.found,
            normalised={name: n for name, n in sorted(tally.counts.items()) if n},
            dropped=dict(sorted(tally.dropped.items())),
            levels={level: tally.levels[level] for level in LEVELS},
            tools=list(dict.fromkeys(tools)),
            commit=commits[0] if len(set(commits)) == 1 else "",
            warnings=_warnings(tally, self.options),
        )


def _revision(entry: t.Any) -> str:
    revision = entry.get("revisionId") if isinstance(entry, dict) else None
    return revision if isinstance(revision, str) else ""


def _runs(document: Raw) -> list[Raw]:
    runs = document.get("runs")
    if runs is None:
        runs = []
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise InputError("runs is not a list of objects: this is not SARIF 2.1.0.")
    elsewhere = []
    inline = document.get("inlineExternalProperties")
    for index, entry in enumerate(inline if isinstance(inline, list) else []):
        if isinstance(entry, dict) and entry.get("results"):
            elsewhere.append(f"inlineExternalProperties[{index}].results")
    for index, run in enumerate(runs):
        references = run.get("externalPropertyFileReferences")
        if isinstance(references, dict) and references.get("results"):
            elsewhere.append(f"runs[{index}].externalPropertyFileReferences.results")
    if elsewhere:
        raise InputError(
            f"{elsewhere[0]} says that results lie in another place, where they are not read. Have the scanner write one file."
        )
    return runs


def prepare_result(written: t.Any, run: Run) -> Raw:
    """One result as it is sent. Raises Drop."""
    if not isinstance(written, dict):
        raise Drop("not_an_object")
    run.begin(written)
    draft = written
    for stage in ("select", "reference"):
        run.refine(stage, draft)
    # Apart from the rest, since only the first faults of these decide about the result.
    places = clean_list("location", draft.pop("locations", None) or [], run)
    faults, run.faults = run.faults, []
    result: Raw = clean("result", draft, run)
    run.faults = faults
    if places:
        result["locations"] = places
    run.refine("finding", result)
    return result


def _example(tally: _Tally, drop: Drop, where: str) -> None:
    if drop.reason == "path_absolute":
        tally.common = common_folder(tally.common, drop.shown)
    examples = tally.examples.setdefault(drop.reason, [])
    if drop.unusable and len(examples) < EXAMPLES:
        examples.append(f'{where} "{drop.shown[:200]}"' if drop.shown else where)


def _collect(run: Run, tally: _Tally) -> None:
    tally.unknown.update(run.unknown)
    tally.undefined.update(run.undefined)
    tally.roots |= run.roots.used
    for component in run.components():
        run.counts["repeated_rules"] += component.repeated
        tally.contradicting.update(dict.fromkeys(component.contradicting))


def _refuse(tally: _Tally, options: Options) -> None:
    if tally.undefined and options.undefined_rules == "fail":
        raise InputError(
            f"results name rules that the file does not define ({len(tally.undefined)}): {_some(tally.undefined)}. "
            "The collector refuses that. Use undefined_rules: add, or a scanner that writes its rules."
        )
    unusable = tally.unusable()
    if unusable and unusable * 100 > options.max_dropped_percent * tally.found:
        raise InputError(
            f"{unusable} of {tally.found} results cannot be sent: {_reasons(tally, options)} "
            f"(max_dropped_percent is {options.max_dropped_percent:g}.)"
        )


def _reasons(tally: _Tally, options: Options) -> str:
    parts = []
    for reason, (what, advice) in UNUSABLE.items():
        count = tally.dropped[reason]
        if not count:
            continue
        if reason == "path_absolute":
            what, advice = _absolute(tally.common or "", options)
        parts.append(f"{count} {what} (first: {', '.join(tally.examples[reason])}). {advice}")
    return " ".join(parts)


def _absolute(common: str, options: Options) -> tuple[str, str]:
    meaning = "the folder of the repository on the machine that scanned"
    if not common.strip("/"):
        return "have an absolute path", f"The collector needs paths relative to the repository root: set source_root to {meaning}."
    given = f"and source_root is {options.source_root}" if options.source_root else "and source_root is not set"
    advice = f"Set source_root to {meaning}: {advised_root(common)}, or a folder above it."
    return f'have an absolute path below "{common}/", {given}', advice


def _warnings(tally: _Tally, options: Options) -> list[str]:
    found = []
    if tally.undefined:
        found.append(
            f"rules that the file does not define were added, without a description ({len(tally.undefined)}): {_some(tally.undefined)}."
        )
    if tally.contradicting:
        found.append(
            f"rules are defined twice, differently, and the first counts ({len(tally.contradicting)}): {_some(tally.contradicting)}."
        )
    if tally.dropped["suppressed"]:
        found.append(f"suppressed results were left out ({tally.dropped['suppressed']}); suppressed: keep sends them.")
    if tally.unknown:
        found.append(f"members that SARIF 2.1.0 does not know were left out: {_some(tally.unknown)}.")
    if tally.roots:
        found.append(
            f"paths were taken to be relative to {_some(sorted(tally.roots))}, which the file calls its root. "
            "Set source_root (and path_prefix, if the scan ran in a folder of the repository) to decide it."
        )
    unusable = tally.unusable()
    if unusable:
        found.append(f"{unusable} of {tally.found} results could not be sent: {_reasons(tally, options)}")
    return found


def _some(names: t.Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
