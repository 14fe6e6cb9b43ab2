# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection: floor 3, how far a run is. A file of its own: whoever needs only this need not load the engine. Pure.
from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass
class Progress:
    """How far a run is; C(tell) is called from any thread whenever it changes."""

    tell: t.Callable[[Progress], None] = lambda _self: None
    total: int = 0
    done: int = 0
    changed: int = 0
    failed: int = 0

    def step(self, *, changed: bool, failed: bool) -> None:
        self.done += 1
        self.changed += changed
        self.failed += failed
        self.tell(self)
