# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepares a report given as data, as a file would be prepared, and returns the document as data."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
from typing import Any

from ansible_collections.cortex_cloud.appsec.plugins.module_utils._errors import InputError
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.documents.pack import LIMIT, Packer
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.documents.spool import Spool
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.normalise import Report
from ansible_collections.cortex_cloud.appsec.plugins.module_utils._sarif.options import Options


@dataclasses.dataclass
class Whole:
    """document: the only one, or None. parts: all of them, as bytes. The rest as in Normalised."""

    document: dict[str, Any] | None
    parts: list[bytes]
    results: int
    found: int
    normalised: dict[str, int]
    dropped: dict[str, int]
    levels: dict[str, int]
    tools: list[str]
    warnings: list[str]


def normalise(document: dict[str, Any], options: Options, limit: int = LIMIT) -> Whole:
    document = copy.deepcopy(document)
    runs = document.get("runs")
    results = [run.pop("results", None) or [] if isinstance(run, dict) else [] for run in runs] if isinstance(runs, list) else []
    spool = Spool()
    with contextlib.closing(spool):
        report, packer = Report(options), Packer(spool, options.on_oversize == "split", limit)
        for number, listed in enumerate(results):
            if not isinstance(listed, list):
                raise InputError("results is not a list")
            if listed:
                report.run(number, runs[number])
            for index, result in enumerate(listed):
                if sendable := report.take(number, index, result):
                    packer.add(number, *sendable)
        outcome = report.close(document)
        made = packer.documents(outcome)
        parts = [one.content() for one in made]
    assert [len(part) for part in parts] == [one.size for one in made]
    return Whole(
        document=json.loads(parts[0]) if len(parts) == 1 else None,
        parts=parts,
        results=outcome.results,
        found=outcome.found,
        normalised=dict(sorted({**outcome.normalised, **{k: v for k, v in packer.counts.items() if v}}.items())),
        dropped=outcome.dropped,
        levels=outcome.levels,
        tools=[tool.name for tool in outcome.tools],
        warnings=[*outcome.warnings, *packer.warnings],
    )
