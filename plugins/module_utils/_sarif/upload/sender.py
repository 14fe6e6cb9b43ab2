# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends the documents in order, up to the first refusal, with a journal and receipts if requested.

Private to the collection, floor 3.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t
from urllib.parse import urlsplit

from ..._admitted import Row
from ..._api import Api
from ..._errors import ApiError, CortexError, InputError, PartlyDone
from ..prepare import Prepared, Upload
from .build import build_of, plain_page, with_build
from .ingestion import Ingestion
from .journal import ACCEPTED, UNKNOWN, Journal, prove_places, set_key
from .receipts import About, Receipts
from .scanned import plain_commit
from .systems import value_of
from .target import Target, find_collector, plan_target, plan_warnings, query_of


def upload(
    api: Api | None, prepared: Prepared, params: dict[str, t.Any], *, expected_tenant: str | None = None
) -> dict[str, t.Any]:
    """Send the documents in order, and stop at the first refusal. Returns the module's result.

    api: None in check mode, which makes no requests.
    params: the options of the target, the repository and the build, `journal`, `receipt_dir`, `commit`,
        `upload_timeout`, `partially_valid`.

    Once a document was accepted or refused, failures are in the result (`failed`, `msg`). Before that, raises
    InputError, TenantError or BusyError: nothing was sent.
    """
    build = build_of(params, os.environ) if params.get("ci") else None
    rows = [_row(each) for each in prepared.uploads]
    result: dict[str, t.Any] = {
        "changed": False,
        "uploads": rows,
        "normalised": dict(prepared.normalised),
        "dropped": dict(prepared.dropped),
        "results_by_level": dict(prepared.levels),
        **({"ci": build.as_result()} if build else {}),
        "warnings": list(prepared.warnings),
    }
    if build and build.not_uploaded:
        result["warnings"].append(f"nothing is uploaded: {build.not_uploaded}. The reports were checked.")
        return result
    params = with_build(params, build) if build else params
    query = query_of(params, os.environ)
    commit, commit_warnings = plain_commit(params.get("commit"))
    # The receipt of a report with nothing to send names the collector too.
    need = bool(api and (rows or value_of(params, "receipt_dir")))
    target, target_warnings = plan_target(params, need=need, expected_tenant=expected_tenant)
    plan = plan_warnings(prepared.uploads, target, query)
    result["warnings"] += [*target_warnings, *commit_warnings, *plan]
    if api is None:
        prove_places(params)
        return {**result, "changed": bool(rows)}
    receipts = _receipts(api, target, query, commit, params)
    if receipts:
        for source in prepared.empty:
            try:
                receipts.not_sent(source)
            except OSError as exc:
                raise InputError(
                    f"{source.path} has nothing to send, and {_no_receipt(receipts, exc)} Nothing was sent."
                ) from None
    if not rows:
        return result
    if target.collector_name:
        target = dataclasses.replace(target, collector_id=find_collector(api, target.collector_name))
    sender = _Sender(api, target, query, params, result, receipts)
    with sender.alone(prepared.uploads) as journal:
        sender.send(prepared.uploads, journal)
    sender.judge()
    return result


@dataclasses.dataclass(frozen=True)
class _Sender:
    """Sends the documents of a task. result: the module's result, which it completes."""

    api: Api
    target: Target
    query: dict[str, str]
    params: dict[str, t.Any]
    result: dict[str, t.Any]
    receipts: Receipts | None

    @contextlib.contextmanager
    def alone(self, uploads: list[Upload]) -> t.Iterator[Journal | None]:
        """The journal, or None. With it, no other process of this machine sends the same uploads."""
        path = value_of(self.params, "journal")
        if not path:
            yield None
            return
        url = self.target.upload_url or self.api.client.origin()
        tenant, collector = urlsplit(url).netloc, self.target.collector_id or urlsplit(url).path
        key, client = set_key(tenant, collector, self.query, uploads), self.api.client
        about = {"tenant": tenant, "collector": collector, **self.query}
        with client.exclusive(key, "the uploads of this journal"):
            yield Journal(path, client.exclusive, key, client.redactor.value(about), uploads)

    def send(self, uploads: list[Upload], journal: Journal | None) -> None:
        """Send the documents that the journal does not list as accepted, until one is not accepted."""
        rows, warnings = self.result["uploads"], self.result["warnings"]
        for number, (each, row) in enumerate(zip(uploads, rows)):
            state, status, ingestion = journal.state(number) if journal else ("", None, None)
            if state == ACCEPTED:
                noted = dataclasses.asdict(Ingestion.noted(ingestion))
                row.update(status=status, resumed=True, ingestion=noted)
                continue
            if state == UNKNOWN:
                warnings.append(
                    f"{_named(row)} is sent again: in the earlier run its response was lost, so the tenant "
                    "may already have it."
                )
            try:
                with self.api.client.interruption.piece():
                    row.update(self._post(each))
            except CortexError as exc:
                if isinstance(exc, InputError) and not self.result["changed"]:
                    raise
                if journal and isinstance(exc, ApiError) and exc.ambiguous:
                    try:
                        journal.note(number, UNKNOWN)
                    except CortexError as unwritten:
                        warnings.append(str(unwritten))
                if isinstance(exc, ApiError):
                    exc = _explained(exc, self.target, self.query, each.size)
                self._stop(exc, rows, row, journal)
                return
            self.result["changed"] = True
            if self.receipts:
                try:
                    self.receipts.accepted(each, row["status"], row["ingestion"])
                except OSError as exc:
                    # Not a failure: the next run would send the document again.
                    warnings.append(f"{each.path} was accepted, but {_no_receipt(self.receipts, exc)}")
            if journal:
                try:
                    journal.note(number, ACCEPTED, row["status"], row["ingestion"])
                except CortexError as exc:
                    message = f"{exc} {_named(row)} was accepted nevertheless. {_so_far(rows, row)}"
                    self.result.update({"failed": True, "msg": message})
                    return
        if journal:
            try:
                journal.finish()
            except CortexError as unwritten:
                warnings.append(
                    f"{unwritten} All documents were accepted; with this journal the same reports will not "
                    "be sent again."
                )

    def judge(self) -> None:
        """Warn or fail if the tenant accepted only some findings of the accepted documents."""
        partial: list[str] = []
        for row in self.result["uploads"]:
            ingestion = Ingestion.noted(row["ingestion"])
            missing = ingestion.shortfall(row["results"])
            fails = ingestion.partial and self.params.get("partially_valid") != "warn"
            if missing:
                (partial if fails else self.result["warnings"]).append(f"{_named(row)}: {missing}.")
        if partial and self.result.get("failed"):
            self.result["msg"] += f" {' '.join(partial)}"
        elif partial:
            how = (
                "The tenant does not say which: compare the collector's findings with the report. With "
                "partially_valid: warn this is only a warning."
            )
            failure = PartlyDone(" ".join(partial).rstrip("."), how=how)
            self.result.update({**failure.as_result(), "changed": self.result["changed"]})

    def _post(self, each: Upload) -> Row:
        """Send one document. Returns the members of its row that change."""
        part = f" (part {each.part} of {each.parts})" if each.parts > 1 else ""
        response = self.api.upload_sarif(
            each.content(),
            collector_id=self.target.collector_id,
            upload_url=self.target.upload_url,
            token=self.target.token,
            query=self.query,
            subject=f"{each.path}{part} to {self.target.words()}",
            timeout=self.params.get("upload_timeout"),
        )
        ingestion = Ingestion.of(response.body, self.api.client.redactor.text)
        return {"status": response.status, "ingestion": dataclasses.asdict(ingestion)}

    def _stop(self, error: CortexError, rows: list[Row], row: Row, journal: Journal | None) -> None:
        """Complete the result when a document was not accepted, or may not have been. row: its row."""
        message, ambiguous = str(error), isinstance(error, ApiError) and error.ambiguous
        if isinstance(error, ApiError):
            # Otherwise, a successful status would make the document look accepted.
            row["status"] = error.status if error.status and error.status >= 300 else None
        else:
            message = f"{_named(row)} was not accepted: {message}"
        if ambiguous:
            message += (
                " Whether the tenant accepted this document is unknown: check the collector's findings "
                "before sending it again."
            )
        message += f" {_so_far(rows, row)}"
        if journal:
            again = ", this one again" if ambiguous else ""
            message += (
                f" A run with the same journal sends what is missing ({journal.accepted()} of {len(rows)} "
                f"are accepted{again})."
            )
        self.result.update({**error.as_result(), "changed": self.result["changed"], "msg": message})


def _receipts(
    api: Api, target: Target, query: dict[str, str], commit: str, params: dict[str, t.Any]
) -> Receipts | None:
    folder = value_of(params, "receipt_dir")
    if not folder:
        return None
    url = target.upload_url
    if not url:
        # If the tenant is missing, sending fails with a better message.
        with contextlib.suppress(InputError):
            url = api.client.origin()
    about = About(
        collector=target.name or target.collector_id or urlsplit(target.upload_url).path,
        tenant=urlsplit(url).netloc,
        query=query,
        commit=commit,
        build_url=plain_page(params.get("build_url") or ""),
    )
    return Receipts(folder, about, api.client.redactor)


def _no_receipt(receipts: Receipts, exc: OSError) -> str:
    return f"its receipt could not be written to {receipts.folder}: {exc.strerror}."


def _row(each: Upload) -> Row:
    return {
        "path": each.path,
        "part": each.part,
        "parts": each.parts,
        "bytes": each.size,
        "results": each.results,
        "sha256": each.sha256,
        "status": None,
        "ingestion": None,
        "resumed": False,
    }


def _named(row: Row) -> str:
    return f"{row['path']} part {row['part']} of {row['parts']}" if row["parts"] > 1 else str(row["path"])


def _so_far(rows: list[Row], stopped: Row) -> str:
    position = next(number for number, row in enumerate(rows) if row is stopped)
    accepted, left = [_named(row) for row in rows[:position]], len(rows) - position - 1
    before = f"Accepted before it: {', '.join(accepted)}." if accepted else "Nothing was accepted before it."
    return before + (f" {left} more were not sent." if left else "")


def _explained(exc: ApiError, target: Target, query: dict[str, str], size: int) -> ApiError:
    """The error with a hint for uploads. size: bytes of the document."""
    hint = exc.hint
    if exc.ambiguous:
        answered = exc.status is not None and exc.status < 300
        hint = (
            "Is this the collector's URL, and does a proxy or login page respond instead?" if answered else ""
        )
    elif exc.status in (401, 403) and target.token:
        hint = (
            "Is this the collector's own token with its ID, and is the collector enabled? A token works for "
            "its own collector only."
        )
    elif exc.status in (400, 404):
        repository = query.get("repository_url") or query.get("repository_id") or ""
        branch = f"branch {query['branch']}" if "branch" in query else "its default branch"
        hint = (
            f"Is the repository {repository} onboarded in this tenant, with {branch}, and does the collector "
            "exist?"
        )
    elif exc.status == 413:
        hint = (
            f"The document has {size} bytes. Have the scanner write one report for each part of the "
            "repository."
        )
    return dataclasses.replace(exc, hint=hint)
