# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""40 sequences in one process and 15 in several; 500 and 30 in CI. CHAOS_SEED=N repeats one seed, `python -m chaos N` plays N of them."""

from __future__ import annotations

import collections
import os
from collections.abc import Iterator

import pytest

from starting import IN_CI, clear_settings
from tenant.faults import KINDS

from .playing import Elsewhere, scaled
from .sequence import SEVERAL_FROM, Sequence

SEED = os.environ.get("CHAOS_SEED")
IN_ONE_PROCESS, IN_SEVERAL, BATCH = 500 if IN_CI else 40, 30 if IN_CI else 15, 20


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    clear_settings(monkeypatch)
    with scaled():
        yield


def play(seeds: range, players: list[Elsewhere] | None = None) -> collections.Counter[str]:
    struck: collections.Counter[str] = collections.Counter()
    for seed in seeds[:1] if SEED else seeds:
        sequence = Sequence(seed, players)
        sequence.play()
        struck += sequence.struck
    return struck


def firsts(begin: int, count: int, step: int) -> list[int]:
    """The first seed of each batch; with CHAOS_SEED only that seed."""
    return [int(SEED)] if SEED else list(range(begin, begin + count, step))


@pytest.mark.parametrize("first", firsts(0, IN_ONE_PROCESS, BATCH))
def test_sequences_in_one_process(first: int) -> None:
    struck = play(range(first, first + BATCH))
    assert SEED or len(struck) >= len(KINDS) - 3, f"never struck: {set(KINDS) - set(struck)}"


@pytest.mark.parametrize("first", firsts(SEVERAL_FROM, IN_SEVERAL, 15))
def test_sequences_in_several_processes(first: int) -> None:
    players = [Elsewhere() for _unused in range(3)]
    try:
        struck = play(range(first, first + 15), players)
    finally:
        for player in players:
            player.close()
    assert SEED or len(struck) > 8, struck
