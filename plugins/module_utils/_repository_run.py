# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run over the settings of repositories: read, plan all, check all, write, read back.

Private to the collection, floor 3.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import json
import re
import threading
import typing as t

from ._addresses import path_key, repository_of
from ._admitted import Raw
from ._api import Api
from ._data_sources.scope import pattern_of
from ._data_sources.show import PLAN_BEGINS
from ._errors import ApiError, CortexError, InputError, Interrupted, PartlyDone, TenantError
from ._files import refuse_other_file, write_private
from ._http.plain import one_line
from ._http.pool import each
from ._repositories import Filters, address, data_source_id, shown
from ._repository_settings import (
    SETTINGS,
    body_of,
    changes_of,
    configuration_of,
    current_of,
    lines_of,
    merged,
    narrows,
)

# These statuses concern the key, not the repository: all further requests would fail too.
STOP = (401, 402, 403)
# The members of a listed repository that are kept.
_KEPT = (
    "id",
    "owner",
    "name",
    "url",
    "source",
    "integration_id",
    "scanned_branches",
    "scanned_branch",
    "scan_configuration",
)
NAMING = ("id", "url", "match")
EXAMPLES = 5


@dataclasses.dataclass
class Target:
    """One repository and its result.

    index: of the item that refers to it.
    changes: what is sent, in the shape of the options.
    """

    index: int
    shown: Raw
    wanted: Raw
    current: Raw = dataclasses.field(default_factory=dict)
    # Its state at planning time, for the diff.
    before: Raw = dataclasses.field(default_factory=dict)
    changes: Raw = dataclasses.field(default_factory=dict)
    action: str = "unchanged"
    changed: bool = False
    error: str = ""

    @property
    def id(self) -> str:
        return str(self.shown["id"])

    @property
    def name(self) -> str:
        path = "/".join(str(self.shown[k]) for k in ("owner", "name") if self.shown.get(k))
        return f"{path or self.shown.get('url') or 'repository'} (id {self.id})"


class RepositoryRun:
    """Applies a list of items to the settings of repositories.

    max_narrowed: number of repositories in which less may be scanned than before; -1 for any number.
    digest: apply only the plan with this digest.
    progress: called with the counts total, done, changed and failed.
    on_plan: called with the plan before the first write; an exception from it ends the run.
    """

    def __init__(
        self,
        api: Api,
        *,
        check_mode: bool,
        max_narrowed: int = 10,
        digest: str | None = None,
        progress: t.Callable[[dict[str, int]], None] = lambda _counts: None,
        on_plan: t.Callable[[RepositoryRun, list[Target]], None] = lambda _run, _targets: None,
    ) -> None:
        self.api, self.check_mode, self.max_narrowed, self.wanted_digest = (
            api,
            check_mode,
            max_narrowed,
            digest,
        )
        self.digest = ""
        self.warnings: list[str] = []
        self._on_plan = on_plan
        self._progress, self._counts = progress, {"total": 0, "done": 0, "changed": 0, "failed": 0}
        self._lock = threading.Lock()
        self._stopped = ""

    def apply(self, items: list[Raw]) -> list[Target]:
        """Plan all before the first write; one repository's failure does not stop the others. In check mode
        nothing is written.

        items: each with one of NAMING, optionally data_source, and any of SETTINGS, without unset options.
        Raises InputError for items that match no repository or the same one, for a guard that refuses, and
        for a plan other than the approved one.
        """
        for index, item in enumerate(items):
            _check(item, f"repositories[{index}]: " if len(items) > 1 else "")
        targets = self._find(items)
        each(self.api.client, self._plan, targets)
        self._refuse_narrowing(targets)
        self.digest = self._digest_of(targets)
        self._on_plan(self, targets)
        if self.wanted_digest is not None and self.wanted_digest.strip() != self.digest:
            raise InputError(
                f"plan_digest is not the digest of this plan, which is {self.digest}. The tenant or the "
                "items have changed since the approval. Look at the new plan. Nothing was changed."
            )
        todo = [target for target in targets if target.changes]
        for target in todo:
            target.action = "updated"
            target.changed = self.check_mode
        if not self.check_mode:
            self._counts["total"] = len(todo)
            # The first write goes alone: if its effect is unexpected, it happens only once.
            for some in (todo[:1], todo[1:]):
                each(self.api.client, self._carry_out, some, reading=False)
        return targets

    def _find(self, items: list[Raw]) -> list[Target]:
        """The repositories that the items refer to. The tenant's list is read once, if an item needs it."""
        by_id = [(index, item) for index, item in enumerate(items) if "id" in item]
        read = each(self.api.client, lambda pair: self.api.get_repository(pair[1]["id"]), by_id)
        targets = []
        for (index, item), raw in zip(by_id, read):
            if raw is None:
                raise InputError(f"there is no repository with id {item['id']} in this tenant.")
            targets.append(Target(index, shown(raw), item))
        asked = [(index, item, self._test(item)) for index, item in enumerate(items) if "id" not in item]
        if asked:
            targets += self._listed(asked)
        means: dict[str, Target] = {}
        for target in sorted(targets, key=lambda one: (one.index, one.name)):
            other = means.setdefault(target.id, target)
            if other is not target:
                raise InputError(
                    f"the items {other.index} and {target.index} both refer to {target.name}. Nothing was "
                    "changed."
                )
        return list(means.values())

    def _listed(self, asked: list[tuple[int, Raw, t.Callable[[Raw], bool]]]) -> list[Target]:
        found: list[Target] = []
        wanted = Filters(members=_KEPT)

        def keep(raw: Raw) -> Raw | None:
            one = wanted.keep(raw)
            hits = [(index, item) for index, item, test in asked if one and test(one)]
            found.extend(Target(index, one or {}, item) for index, item in hits)
            return None

        _none, whole = self.api.list_repositories(keep=keep)
        if not whole:
            self.warnings.append(
                "The tenant repeats pages of its list of repositories: others may match that were not seen."
            )
        hit = {target.index for target in found}
        for index, item, _test in asked:
            if index not in hit:
                what = (
                    f"with the URL {item['url']}"
                    if "url" in item
                    else f"that matches {', '.join(item['match'][:EXAMPLES])}"
                )
                raise InputError(f"there is no repository {what} in this tenant. Nothing was changed.")
        return found

    def _test(self, item: Raw) -> t.Callable[[Raw], bool]:
        """Returns a function that tells whether an item refers to a repository of the list."""
        source = data_source_id(self.api, item.get("data_source"))
        if "url" in item:
            wanted = address(item["url"])
            return lambda one: bool(one.get("url")) and address(str(one["url"])) == wanted
        patterns = [pattern_of(pattern, re.IGNORECASE) for pattern in item["match"]]

        def test(one: Raw) -> bool:
            path = _path_of(one)
            return (source is None or one.get("integration_id") == source) and any(
                p.fullmatch(path) for p in patterns
            )

        return test

    def _plan(self, target: Target) -> None:
        wanted = {name: target.wanted[name] for name in SETTINGS if name in target.wanted}
        target.current = current_of(target.shown)
        if {
            "scanned_branches",
            "primary_branch",
        } & wanted.keys() and "scanned_branches" not in target.current:
            target.current = {**current_of(self._read(target)), **target.current}
        if "scan_configuration" in wanted and "scan_configuration" not in target.current:
            target.current["scan_configuration"] = self._configuration(target)
        target.before = target.current
        target.changes = changes_of(wanted, target.current, target.name)

    def _refuse_narrowing(self, targets: list[Target]) -> None:
        fewer = [(target, less) for target in targets if (less := narrows(target.changes, target.current))]
        if 0 <= self.max_narrowed < len(fewer):
            some = "; ".join(
                f"{target.name}: {', '.join(less[:EXAMPLES])}" for target, less in fewer[:EXAMPLES]
            )
            raise InputError(
                f"in {len(fewer)} repositories less would be scanned than now, but max_narrowed is "
                f"{self.max_narrowed} ({some}). To allow this, set max_narrowed to {len(fewer)}. Nothing was "
                "changed."
            )

    def _digest_of(self, targets: list[Target]) -> str:
        told = sorted(
            json.dumps([target.id, target.before, target.changes], sort_keys=True)
            for target in targets
            if target.changes
        )
        digest = hashlib.sha256(json.dumps([self.api.tenant, told], sort_keys=True).encode()).hexdigest()[:16]
        # Starts with a letter: a controller passes it on as YAML, where digits alone would be a number.
        return f"{'abcdef'[int(digest[0], 16) % 6]}{digest[1:]}"

    def _carry_out(self, target: Target) -> None:
        failed = True
        try:
            if self._stopped:
                raise TenantError(f"it was not attempted: {self._stopped}")
            self.api.client.interruption.refuse()
            with self.api.client.exclusive(self.api.tenant, target.id):
                self._write(target)
            failed = False
        except CortexError as exc:
            target.error, target.action = (
                f"{'it was not attempted: ' if isinstance(exc, Interrupted) else ''}{exc}",
                "failed",
            )
            target.changed = target.changed or exc.changed
            cause = exc.cause if isinstance(exc, PartlyDone) else exc
            if isinstance(cause, ApiError) and cause.status in STOP:
                self._stopped = f"the run ended with HTTP {cause.status} at {target.name}."
        finally:
            with self._lock:
                for name, more in (("done", True), ("changed", target.changed), ("failed", failed)):
                    self._counts[name] += more
                self._progress(self._counts)

    def _write(self, target: Target) -> None:
        """Read again, send the differences, and read back."""
        before = self._now(target)
        changes = changes_of(
            {name: target.wanted[name] for name in SETTINGS if name in target.wanted}, before, target.name
        )
        if self.wanted_digest is not None and changes != target.changes:
            raise TenantError("it was changed by somebody else while this run was planning. Run again.")
        if "scan_configuration" in changes:
            self.api.update_scan_configuration(target.id, body_of(changes["scan_configuration"]), target.name)
            target.changed = True
        if "scanned_branches" in changes:
            try:
                self.api.update_branches(
                    target.id, changes["scanned_branches"], changes["primary_branch"], target.name
                )
            except CortexError as exc:
                if target.changed:
                    raise PartlyDone(
                        "the scan configuration was changed, but not the branches", exc
                    ) from None
                raise
            target.changed = True
        after, wanted = self._now(target), merged(before, changes)
        target.current = {**target.current, **after}
        strange = [line for line in lines_of(after) if line not in lines_of(wanted)]
        if strange or lines_of(after) != lines_of(wanted):
            missing = [line for line in lines_of(wanted) if line not in lines_of(after)]
            self._stopped = f"an update had an unexpected effect at {target.name}."
            wanting, extra = "; ".join(missing) or "no more", "; ".join(strange) or "nothing"
            raise TenantError(f"the tenant does not show what was sent. Expected: {wanting}. Shown: {extra}.")

    def _now(self, target: Target) -> Raw:
        """The current values of the wanted settings."""
        now: Raw = {}
        if {"scanned_branches", "primary_branch"} & target.wanted.keys():
            held = current_of(self._read(target))
            now = {name: held.get(name) for name in ("scanned_branches", "primary_branch")}
        if "scan_configuration" in target.wanted:
            now["scan_configuration"] = self._configuration(target)
        return now

    def _read(self, target: Target) -> Raw:
        raw = self.api.get_repository(target.id)
        if raw is None:
            raise TenantError("it is no longer in the tenant.")
        return shown(raw)

    def _configuration(self, target: Target) -> Raw:
        read = shown({"scanConfiguration": self.api.get_scan_configuration(target.id, target.name)})
        return configuration_of(read["scan_configuration"])


def _check(item: Raw, where: str) -> None:
    """Refuse invalid input before any request."""
    named = [name for name in NAMING if name in item]
    if len(named) != 1:
        raise InputError(
            f"{where}give one of {', '.join(NAMING)}{' and no other: ' + ', '.join(named) if named else ''}."
        )
    for name in named:
        if not item[name]:
            raise InputError(f"{where}{name} is empty.")
    if "data_source" in item and "match" not in item:
        raise InputError(f"{where}data_source only works together with match: give match too.")
    if not any(name in item for name in SETTINGS):
        raise InputError(f"{where}give at least one setting: {', '.join(SETTINGS)}.")


def _path_of(one: Raw) -> str:
    """owner/name; if the owner is not shown, the path in the URL."""
    if one.get("owner") and one.get("name"):
        return path_key(f"{one['owner']}/{one['name']}")
    try:
        return path_key(repository_of(str(one.get("url") or one.get("name") or "?")).path)
    except ValueError:
        return ""


def results_of(run: RepositoryRun, targets: list[Target], *, diff: bool) -> Raw:
    """The result of the module repository."""
    rows = [
        {
            **{k: target.shown.get(k) for k in ("id", "owner", "name", "url")},
            "index": target.index,
            "action": target.action,
            "changed": target.changed,
            **(merged(target.current, target.changes) if run.check_mode else target.current),
            **({"error": target.error} if target.error else {}),
        }
        for target in targets
    ]
    failed = [target for target in targets if target.error]
    result: Raw = {
        "changed": any(target.changed for target in targets),
        "repositories": rows,
        "summary": dict(collections.Counter(target.action for target in targets)),
        "plan_digest": run.digest,
        "tenant": run.api.tenant,
        "warnings": run.warnings,
    }
    if diff:
        result["diff"] = [_diff(target) for target in targets if target.changes]
    if failed:
        told = " ".join(f"{target.name}: {target.error}" for target in failed[:EXAMPLES])
        more = f" And {len(failed) - EXAMPLES} more." if len(failed) > EXAMPLES else ""
        result["failed"] = True
        result["msg"] = (
            f"{len(failed)} of {len(targets)} repositories could not be brought to the desired state. "
            f"{told}{more}"
        )
    return result


def plan_writer(path: str | None) -> t.Callable[[RepositoryRun, list[Target]], None]:
    """Writes the plan of a run to a file as Markdown; no path, no file. Raises InputError."""

    def write(run: RepositoryRun, targets: list[Target]) -> None:
        if not path:
            return
        try:
            refuse_other_file(path, PLAN_BEGINS)
            write_private(path, run.api.client.redactor.text(_plan_as_markdown(run, targets)))
        except OSError as exc:
            raise InputError(
                f"plan_file {path} cannot be written ({exc.strerror}). Nothing was changed."
            ) from None

    return write


def _plan_as_markdown(run: RepositoryRun, targets: list[Target]) -> str:
    """The plan as Markdown for a pull request or a ticket."""
    diffs = [_diff(target) for target in targets if target.changes]
    lines = [
        f"{PLAN_BEGINS}{run.api.tenant}",
        "",
        f"Digest: `{run.digest}`",
        "",
        f"{len(diffs)} of {len(targets)} repositories change.",
        "",
    ]
    for diff in diffs:
        # As Markdown code, in which links, images and tags have no effect.
        lines += [f"## `{one_line(diff['before_header']).replace('`', chr(39))}`", "", "```diff"]
        lines += [
            f"{sign} {line}"
            for sign, when in (("-", "before"), ("+", "after"))
            for line in diff[when].splitlines()
        ]
        lines += ["```", ""]
    return "\n".join(lines)


def _diff(target: Target) -> Raw:
    before, after = target.before, merged(target.before, target.changes)
    held, wanted = lines_of(before), lines_of(after)
    return {
        "before_header": target.name,
        "after_header": target.name,
        "before": "".join(f"{line}\n" for line in held if line not in wanted),
        "after": "".join(f"{line}\n" for line in wanted if line not in held),
    }
