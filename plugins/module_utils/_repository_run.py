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

from ._admitted import Raw
from ._api import Api
from ._data_sources.scope import pattern_of
from ._data_sources.show import PLAN_BEGINS
from ._errors import ApiError, CortexError, InputError, Interrupted, PartlyDone, TenantError
from ._files import refuse_other_file, write_private
from ._http.plain import one_line
from ._http.pool import each
from ._repositories import Filters, address, data_source_id, path_of, shown
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
    "id", "owner", "name", "url", "source", "integration_id", "scanned_branches", "scanned_branch",
    "scan_configuration",
)  # fmt: skip
NAMING = ("id", "url", "match")
_BRANCHES = ("scanned_branches", "primary_branch")
EXAMPLES = 5


@dataclasses.dataclass
class Target:
    """One repository and its result.

    index: of the item that refers to it.
    shown: the repository as repository_info returns it.
    desired: the SETTINGS of that item.
    current, before: its settings now, and when the run was planned.
    changes: what is sent, in the shape of the options.
    """

    index: int
    shown: Raw
    desired: Raw
    current: Raw = dataclasses.field(default_factory=dict)
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

    max_narrowed: maximum number of repositories in which less is scanned than before; -1 for any number.
    approved: apply only the plan with this digest; None for any plan.
    progress: called with the counts total, done, changed and failed.
    on_plan: called with the plan before the first write; an exception from it ends the run.
    """

    def __init__(
        self,
        api: Api,
        *,
        check_mode: bool,
        max_narrowed: int,
        approved: str | None,
        progress: t.Callable[[dict[str, int]], None],
        on_plan: t.Callable[[RepositoryRun, list[Target]], None],
    ) -> None:
        self.api, self.check_mode = api, check_mode
        self.digest = ""
        self.warnings: list[str] = []
        self._max_narrowed, self._approved, self._on_plan = max_narrowed, approved, on_plan
        self._progress, self._counts = progress, {"total": 0, "done": 0, "changed": 0, "failed": 0}
        self._lock = threading.Lock()
        self._stopped = ""

    def apply(self, items: list[Raw]) -> list[Target]:
        """Plan all before the first write; one repository's failure does not stop the others. In check mode
        nothing is written.

        items: each with one of NAMING, optionally data_source, and any of SETTINGS, without unset options.
        Raises InputError for items that match no repository or the same one, if less would be scanned in more
        than max_narrowed repositories, and for a plan that was not approved.
        """
        for index, item in enumerate(items):
            _check(item, f"repositories[{index}]: " if len(items) > 1 else "")
        targets = self._find(items)
        each(self.api.client, self._plan, targets)
        self._refuse_narrowing(targets)
        self.digest = self._digest_of(targets)
        self._on_plan(self, targets)
        if self._approved is not None and self._approved.strip() != self.digest:
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
            # The first write is made alone: if its effect is unexpected, that happens only once.
            for batch in (todo[:1], todo[1:]):
                each(self.api.client, self._carry_out, batch, reading=False)
        return targets

    def _find(self, items: list[Raw]) -> list[Target]:
        """The repositories that the items refer to. The tenant's list is read once, if an item needs it."""
        by_id = [(index, item) for index, item in enumerate(items) if "id" in item]
        read = each(self.api.client, lambda pair: self.api.get_repository(pair[1]["id"]), by_id)
        targets = []
        for (index, item), raw in zip(by_id, read):
            if raw is None:
                raise InputError(f"there is no repository with id {item['id']} in this tenant.")
            targets.append(Target(index, shown(raw), _settings(item)))
        others = [(index, item, self._test(item)) for index, item in enumerate(items) if "id" not in item]
        if others:
            targets += self._listed(others)
        unique: dict[str, Target] = {}
        for target in sorted(targets, key=lambda one: (one.index, one.name)):
            other = unique.setdefault(target.id, target)
            if other is not target:
                raise InputError(
                    f"the items {other.index} and {target.index} both refer to {target.name}. Nothing was "
                    "changed."
                )
        return list(unique.values())

    def _listed(self, items: list[tuple[int, Raw, t.Callable[[Raw], bool]]]) -> list[Target]:
        """The repositories of the tenant's list that match.

        items: each with its index, and its test for a repository.
        """
        targets: list[Target] = []
        filters = Filters(members=_KEPT)

        def collect(raw: Raw) -> None:
            one = filters.keep(raw)
            if one:
                targets.extend(Target(i, one, _settings(item)) for i, item, test in items if test(one))

        _kept, whole = self.api.list_repositories(keep=collect)
        if not whole:
            self.warnings.append(
                "The tenant repeats pages of its list of repositories: others may match that were not seen."
            )
        matched = {target.index for target in targets}
        for index, item, _test in items:
            if index not in matched:
                what = f"that matches {', '.join(item.get('match', [])[:EXAMPLES])}"
                if "url" in item:
                    what = f"with the URL {item['url']}"
                raise InputError(f"there is no repository {what} in this tenant. Nothing was changed.")
        return targets

    def _test(self, item: Raw) -> t.Callable[[Raw], bool]:
        """Returns a function that decides whether an item refers to a repository of the list."""
        source = data_source_id(self.api, item.get("data_source"))
        if "url" in item:
            desired = address(item["url"])
            return lambda one: bool(one.get("url")) and address(str(one["url"])) == desired
        patterns = [pattern_of(pattern, re.IGNORECASE) for pattern in item["match"]]

        def test(one: Raw) -> bool:
            path = path_of(one)
            in_source = source in (None, one.get("integration_id"))
            return in_source and any(pattern.fullmatch(path) for pattern in patterns)

        return test

    def _plan(self, target: Target) -> None:
        target.current = current_of(target.shown)
        if _branches_in(target.desired) and "scanned_branches" not in target.current:
            target.current = {**current_of(self._read(target)), **target.current}
        if "scan_configuration" in target.desired and "scan_configuration" not in target.current:
            target.current["scan_configuration"] = self._configuration(target)
        target.before = target.current
        target.changes = changes_of(target.desired, target.current, target.name)

    def _refuse_narrowing(self, targets: list[Target]) -> None:
        narrowed = [(target, lost) for target in targets if (lost := narrows(target.changes, target.current))]
        if 0 <= self._max_narrowed < len(narrowed):
            examples = "; ".join(
                f"{target.name}: {', '.join(lost[:EXAMPLES])}" for target, lost in narrowed[:EXAMPLES]
            )
            raise InputError(
                f"in {len(narrowed)} repositories less would be scanned than now, but max_narrowed is "
                f"{self._max_narrowed} ({examples}). To allow this, set max_narrowed to {len(narrowed)}. "
                "Nothing was changed."
            )

    def _digest_of(self, targets: list[Target]) -> str:
        planned = [[target.id, target.before, target.changes] for target in targets if target.changes]
        lines = sorted(json.dumps(one, sort_keys=True) for one in planned)
        digest = hashlib.sha256(json.dumps([self.api.tenant, lines]).encode()).hexdigest()[:16]
        # It starts with a letter: a controller passes it on as YAML, where digits alone would be a number.
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
            target.action = "failed"
            target.error = f"{'it was not attempted: ' if isinstance(exc, Interrupted) else ''}{exc}"
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
        changes = changes_of(target.desired, before, target.name)
        if self._approved is not None and changes != target.changes:
            raise TenantError("it was changed by somebody else while this run was planning. Run again.")
        if "scan_configuration" in changes:
            self.api.update_scan_configuration(target.id, body_of(changes["scan_configuration"]), target.name)
            target.changed = True
        if "scanned_branches" in changes:
            names, primary = changes["scanned_branches"], changes["primary_branch"]
            try:
                self.api.update_branches(target.id, names, primary, target.name)
            except CortexError as exc:
                if not target.changed:
                    raise
                what = "the scan configuration was changed, but not the branches"
                raise PartlyDone(what, exc) from None
            target.changed = True
        after = self._now(target)
        target.current = {**target.current, **after}
        expected, reported = lines_of(merged(before, changes)), lines_of(after)
        if reported != expected:
            missing = "; ".join(line for line in expected if line not in reported) or "no more"
            extra = "; ".join(line for line in reported if line not in expected) or "nothing"
            self._stopped = f"an update had an unexpected effect at {target.name}."
            raise TenantError(f"the tenant does not show what was sent. Expected: {missing}. Shown: {extra}.")

    def _now(self, target: Target) -> Raw:
        """The current values of the desired settings."""
        now: Raw = {}
        if _branches_in(target.desired):
            current = current_of(self._read(target))
            now = {name: current.get(name) for name in _BRANCHES}
        if "scan_configuration" in target.desired:
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


def _settings(item: Raw) -> Raw:
    return {name: item[name] for name in SETTINGS if name in item}


def _branches_in(settings: Raw) -> bool:
    return any(name in settings for name in _BRANCHES)


def _check(item: Raw, where: str) -> None:
    """Raise InputError for an item that is invalid whatever the tenant has."""
    named = [name for name in NAMING if name in item]
    if len(named) != 1:
        others = f" and no other: {', '.join(named)}" if named else ""
        raise InputError(f"{where}give one of {', '.join(NAMING)}{others}.")
    if not item[named[0]]:
        raise InputError(f"{where}{named[0]} is empty.")
    if "data_source" in item and "match" not in item:
        raise InputError(f"{where}data_source only works together with match: give match too.")
    if not any(name in item for name in SETTINGS):
        raise InputError(f"{where}give at least one setting: {', '.join(SETTINGS)}.")


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
        examples = " ".join(f"{target.name}: {target.error}" for target in failed[:EXAMPLES])
        more = f" And {len(failed) - EXAMPLES} more." if len(failed) > EXAMPLES else ""
        result["failed"] = True
        result["msg"] = (
            f"{len(failed)} of {len(targets)} repositories could not be brought to the desired state. "
            f"{examples}{more}"
        )
    return result


def write_plan(path: str | None, run: RepositoryRun, targets: list[Target]) -> None:
    """Write the plan of a run to this file, if any, as Markdown. Raises InputError."""
    if not path:
        return
    try:
        refuse_other_file(path, PLAN_BEGINS)
        write_private(path, run.api.client.redactor.text(_plan_as_markdown(run, targets)))
    except OSError as exc:
        raise InputError(
            f"plan_file {path} cannot be written ({exc.strerror}). Nothing was changed."
        ) from None


def _plan_as_markdown(run: RepositoryRun, targets: list[Target]) -> str:
    """The plan as Markdown for a pull request or a ticket."""
    diffs = [_diff(target) for target in targets if target.changes]
    blocks = [
        f"{PLAN_BEGINS}{run.api.tenant}",
        f"Digest: `{run.digest}`",
        f"{len(diffs)} of {len(targets)} repositories change.",
    ]
    for diff in diffs:
        # As Markdown code, in which links, images and tags have no effect.
        blocks.append(f"## `{one_line(diff['before_header']).replace('`', chr(39))}`")
        lines = [f"- {line}" for line in diff["before"].splitlines()]
        lines += [f"+ {line}" for line in diff["after"].splitlines()]
        blocks.append("\n".join(["```diff", *lines, "```"]))
    return "\n\n".join(blocks) + "\n"


def _diff(target: Target) -> Raw:
    before, after = lines_of(target.before), lines_of(merged(target.before, target.changes))
    return {
        "before_header": target.name,
        "after_header": target.name,
        "before": "".join(f"{line}\n" for line in before if line not in after),
        "after": "".join(f"{line}\n" for line in after if line not in before),
    }
