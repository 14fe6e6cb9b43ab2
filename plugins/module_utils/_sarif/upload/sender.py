# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The uploads: in order, up to the first refusal, with a journal and receipts where asked for.

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
from .build import Build, build_of, plain_page, with_build
from .ingestion import Ingestion
from .journal import ACCEPTED, UNKNOWN, Journal, prove_places, set_key
from .receipts import About, Receipts
from .scanned import plain_commit
from .target import Target, find_collector, plan_target, plan_warnings, query_of

# What the result says of one document.


def upload(
    api: Api | None, prepared: Prepared, params: dict[str, t.Any], *, expected_tenant: str | None = None
) -> dict[str, t.Any]:
    """Send what was prepared, in order, and stop at the first refusal. api: None in check mode, where nothing
    is sent or asked.

    params: the options of the target and the repository, `journal`, `receipt_dir`, `commit`,
    `upload_timeout`, `partially_valid`. Returns the module's result, with `failed` in it once anything was
    accepted, refused or held up. Raises InputError, TenantError or BusyError, and then nothing was sent.
    """
    build = build_of(params, os.environ) if params.get("ci") else None
    if build and build.not_uploaded:
        return _only_checked(prepared, build)
    params = with_build(params, build) if build else params
    query = query_of(params, os.environ)
    commit, odd = plain_commit(params.get("commit"))
    # A receipt is evidence for a collector, also where there is nothing to send.
    need = bool(api and (prepared.uploads or (params.get("receipt_dir") or "").strip()))
    target, warnings = plan_target(params, need=need, expected_tenant=expected_tenant)
    rows = [_row(each) for each in prepared.uploads]
    result: dict[str, t.Any] = {
        "changed": bool(rows) and api is None,
        "uploads": rows,
        "normalised": prepared.normalised,
        "dropped": prepared.dropped,
        "results_by_level": prepared.levels,
    }
    if build:
        result["ci"] = build.as_result()
    result["warnings"] = [
        *prepared.warnings,
        *warnings,
        *odd,
        *plan_warnings(prepared.uploads, target, query),
    ]
    if api is None:
        prove_places(params)
        return result
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


def _only_checked(prepared: Prepared, build: Build) -> dict[str, t.Any]:
    """The result of a build of which nothing is uploaded: all was prepared, so that what cannot be sent has
    failed by now.
    """
    said = f"nothing is uploaded: {build.not_uploaded}. The reports were checked."
    return {
        "changed": False,
        "uploads": [_row(each) for each in prepared.uploads],
        "normalised": prepared.normalised,
        "dropped": prepared.dropped,
        "results_by_level": prepared.levels,
        "ci": build.as_result(),
        "warnings": [*prepared.warnings, said],
    }


class _Sender:
    def __init__(
        self,
        api: Api,
        target: Target,
        query: dict[str, str],
        params: dict[str, t.Any],
        result: dict[str, t.Any],
        receipts: Receipts | None,
    ) -> None:
        self.api, self.target, self.query, self.params, self.result, self.receipts = (
            api,
            target,
            query,
            params,
            result,
            receipts,
        )

    @contextlib.contextmanager
    def alone(self, uploads: list[Upload]) -> t.Iterator[Journal | None]:
        """The journal of these uploads, which no other process of this machine sends meanwhile; None without
        a journal.
        """
        path = (self.params.get("journal") or "").strip()
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
        rows, warnings = self.result["uploads"], self.result["warnings"]
        for number, (each, row) in enumerate(zip(uploads, rows)):
            state, status, ingestion = journal.state(number) if journal else ("", None, None)
            if state == ACCEPTED:
                row.update(
                    status=status, resumed=True, ingestion=dataclasses.asdict(Ingestion.noted(ingestion))
                )
                continue
            if state == UNKNOWN:
                warnings.append(
                    f"{_named(row)} is sent again: in the earlier run its response was lost, so the "
                    f"tenant may already have it."
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
                self._stop(
                    _explained(exc, self.target, self.query, each.size) if isinstance(exc, ApiError) else exc,
                    rows,
                    row,
                    journal,
                )
                return
            self.result["changed"] = True
            if self.receipts:
                try:
                    self.receipts.accepted(each, row["status"], row["ingestion"])
                except OSError as exc:
                    # The upload stands; a failure would have it sent again.
                    warnings.append(f"{each.path} was accepted, but {_no_receipt(self.receipts, exc)}")
            if journal:
                try:
                    journal.note(number, ACCEPTED, row["status"], row["ingestion"])
                except CortexError as exc:
                    said = f"{exc} {_named(row)} was accepted nevertheless. {_so_far(rows, row)}"
                    self.result.update({"failed": True, "msg": said})
                    return
        if journal:
            try:
                journal.finish()
            except CortexError as unwritten:
                warnings.append(
                    f"{unwritten} All documents were accepted; with this journal the same reports will not "
                    f"be sent again."
                )

    def judge(self) -> None:
        """What the tenant took of the accepted documents, once no more are sent: what is missing is a
        warning, or fails.
        """
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
                "partially_valid: warn this is only "
                "a warning."
            )
            failure = PartlyDone(" ".join(partial).rstrip("."), how=how)
            self.result.update({**failure.as_result(), "changed": self.result["changed"]})

    def _post(self, each: Upload) -> Row:
        """The members of its row that say what came of an accepted document."""
        part = f" (part {each.part} of {each.parts})" if each.parts > 1 else ""
        answer = self.api.upload_sarif(
            each.content(),
            collector_id=self.target.collector_id,
            upload_url=self.target.upload_url,
            token=self.target.token,
            query=self.query,
            subject=f"{each.path}{part} to {self.target.words()}",
            timeout=self.params.get("upload_timeout"),
        )
        ingestion = Ingestion.of(answer.body, self.api.client.redactor.text)
        return {"status": answer.status, "ingestion": dataclasses.asdict(ingestion)}

    def _stop(self, error: CortexError, rows: list[Row], row: Row, journal: Journal | None) -> None:
        """The result of a set of which this document was not accepted, as far as is known."""
        said, ambiguous = str(error), isinstance(error, ApiError) and error.ambiguous
        if isinstance(error, ApiError):
            # The status of a success would have the document pass for accepted.
            row["status"] = error.status if error.status and error.status >= 300 else None
        else:
            said = f"{_named(row)} was not accepted: {said}"
        if ambiguous:
            said += (
                " Whether the tenant accepted this document is unknown: check the collector's findings "
                "before sending it again."
            )
        said += f" {_so_far(rows, row)}"
        if journal:
            again = ", this one again" if ambiguous else ""
            said += (
                f" A run with the same journal sends what is missing ({journal.accepted()} of {len(rows)} "
                f"are accepted{again})."
            )
        self.result.update({**error.as_result(), "changed": self.result["changed"], "msg": said})


def _receipts(
    api: Api, target: Target, query: dict[str, str], commit: str, params: dict[str, t.Any]
) -> Receipts | None:
    folder = (params.get("receipt_dir") or "").strip()
    if not folder:
        return None
    url = target.upload_url
    if not url:
        # A tenant that is missing is told when something is sent to it.
        with contextlib.suppress(InputError):
            url = api.client.origin()
    about = About(
        collector=target.name
        or target.collector_name
        or target.collector_id
        or urlsplit(target.upload_url).path,
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
    said = f"Accepted before it: {', '.join(accepted)}." if accepted else "Nothing was accepted before it."
    return said + (f" {left} more were not sent." if left else "")


def _explained(exc: ApiError, target: Target, query: dict[str, str], size: int) -> ApiError:
    """The same error with advice that fits an upload."""
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
            f"Is the repository {repository} onboarded in this tenant, with {branch}, and does the "
            "collector exist?"
        )
    elif exc.status == 413:
        hint = (
            f"The document has {size} bytes. Have the scanner write one report for each part of the "
            "repository."
        )
    return dataclasses.replace(exc, hint=hint)
