# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m chaos COUNT [FIRST]`: plays COUNT sequences, from seed FIRST on, and prints how often each fault struck."""

from __future__ import annotations

import collections
import sys
import time

from .playing import scaled
from .sequence import Sequence, Violation


def main(count: int, first: int) -> int:
    struck: collections.Counter[str] = collections.Counter()
    plays = broken = 0
    began = time.monotonic()
    with scaled():
        for seed in range(first, first + count):
            sequence = Sequence(seed)
            try:
                sequence.play()
            except Violation as violation:
                broken += 1
                print(violation)
            struck += sequence.struck
            plays += sequence.plays
    print(f"{count} sequences, {plays} plays under faults, {time.monotonic() - began:.0f} s, {broken} with a violation")
    for kind, number in struck.most_common():
        print(f"{number:6d}  {kind}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500, int(sys.argv[2]) if len(sys.argv) > 2 else 0))
