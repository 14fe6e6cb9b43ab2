# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what Python compiles out of an archive.

Ansible hands each module over as source in an archive, so that every task compiles the same files anew: a fifth of the time that the
playbook tests take. starting.py puts this folder on PYTHONPATH; the code that runs is the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
import types
import zipimport

_folder, _compile = os.environ.get("TESTS_COMPILED", ""), getattr(zipimport, "_compile_source", None)


def _kept(pathname: str, source: bytes) -> types.CodeType:
    name = os.path.join(_folder, hashlib.sha256(f"{sys.implementation.cache_tag} {sys.flags.optimize} ".encode() + source).hexdigest())
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError), open(name, "rb") as file:
        code: types.CodeType = marshal.load(file)
        return code
    code = _compile(pathname, source)
    with contextlib.suppress(OSError):
        with open(f"{name}.{os.getpid()}", "wb") as file:
            marshal.dump(code, file)
        os.replace(f"{name}.{os.getpid()}", name)
    return code


if _folder and _compile:
    zipimport._compile_source = _kept
