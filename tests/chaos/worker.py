# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules for another process. Each line of JSON is [module, options]; the reply is [result, output]."""

from __future__ import annotations

import json
import sys

from .playing import Here, scaled

if __name__ == "__main__":
    here, replies = Here(), sys.stdout
    with scaled():
        for line in sys.stdin:
            module, params = json.loads(line)
            replies.write(json.dumps(here.play(module, params)) + "\n")
            replies.flush()
