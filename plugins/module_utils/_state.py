# Copyright (c) 2026, the cortex_cloud.appsec contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run remembers for later runs: one small private file per tenant.

Private to the collection, floor 1.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import os
import threading
import time
import typing as t

from ._addresses import host_key
from ._admitted import deeper
from ._files import Draft, make_folders, open_private
from ._http.lock import HAS_LOCKS, file_name, hold_alone, refuse_strangers, user_folder

VERSION = 1
# Maximum size of the file and of one entry's value.
MAX_BYTES, VALUE_BYTES = 1_000_000, 10_000


@dataclasses.dataclass(frozen=True)
class Section:
    """One section of the file.

    holds: what its entries are.
    keep: maximum number; the oldest are dropped.
    lost: what it costs to lose an entry: another request, a question, or writing the same values again, but
        never a wrong write.
    """

    holds: str
    keep: int
    lost: str


# The table of everything that is remembered. A new section does not need a new VERSION: a run keeps sections
# that it does not know.
SECTIONS: dict[str, Section] = {
    "unscoped": Section(
        "instances that a run created and has not scoped yet",
        1000,
        "what an interrupted run created counts as any other instance once something changes it, so that "
        "narrowing it needs max_deselect",
    ),
    "made": Section(
        "which item an instance was created for, if the tenant shows an identifier other than its name",
        1000,
        "such an item is undetermined until it has identifier or id",
    ),
    "uncreatable": Section("types that this tenant does not create", 100, "a creation is tried once more"),
    "creatable": Section(
        "types that this tenant has created",
        100,
        "a recreation of such a type is refused until one was created",
    ),
    "verified": Section(
        "instances that were found in the desired state, with digests of that state, and when they were "
        "changed last",
        3000,
        "with trust_unchanged each data source is read once more",
    ),
    "mappings": Section(
        "the external_projects that were applied last, with the time of the instance's last change",
        1000,
        "external_projects that the tenant does not show need max_deselect: -1 once",
    ),
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """value: any small JSON value.
    time: when it was stored, in seconds since 1970.
    """

    value: t.Any
    time: int


# By section and key, the oldest first; the order does not depend on clocks.
Entries = dict[tuple[str, str], Entry]


def default_directory() -> str:
    """This user's folder under XDG_STATE_HOME or HOME; it starts with ~ if no home folder is known."""
    return os.path.join(user_folder("XDG_STATE_HOME", "~/.local/state"), "cortex_cloud_appsec")


class Memory:
    """What is remembered about one tenant. Several threads and processes may use it at the same time.

    Content that is broken, of an older version or of another tenant is ignored, and the next write replaces
    it. A file of a newer version is neither used nor replaced.
    directory: None or "" for the default one.
    tenant: host, and port if any.
    read_only: never write, as in check mode.
    warnings: gets one line if the file cannot be used; nothing is remembered then.
    """

    def __init__(
        self,
        directory: str | None,
        tenant: str,
        *,
        read_only: bool = False,
        warnings: list[str] | None = None,
    ) -> None:
        expanded = os.path.expanduser(directory or default_directory())
        self._directory = expanded if expanded.startswith("~") else os.path.abspath(expanded)
        self._tenant = host_key(tenant)
        self._name = file_name(self._tenant)
        self.read_only = read_only
        self.warnings = [] if warnings is None else warnings
        self._off = False
        self._lock = threading.Lock()

    def get(self, section: str, key: str) -> Entry | None:
        return self.all(section).get(key)

    def all(self, section: str) -> dict[str, Entry]:
        """The entries of a section by their key, the oldest first."""
        _known(section)
        return {key: entry for (its, key), entry in self._or_off(self._look).items() if its == section}

    def put(self, section: str, key: str, value: t.Any) -> None:
        """Remember a value instead of an older one. A value that is too big is not remembered, and the older
        one is forgotten.
        """
        if len(json.dumps([key, value])) > VALUE_BYTES:
            self.forget(section, key)
        else:
            self.change(section, {key: value}, ())

    def forget(self, section: str, key: str) -> None:
        # Usually there is nothing to forget; then no lock is needed and no folder created.
        if self.get(section, key) is not None:
            self.change(section, {}, (key,))

    def change(self, section: str, put: dict[str, t.Any], forget: t.Container[str]) -> None:
        """Remember several values by their keys, and forget other keys. No value may be too big."""
        _known(section)
        now = int(time.time())

        def changed(entries: Entries) -> Entries:
            kept = {
                k: e for k, e in entries.items() if k[0] != section or not (k[1] in put or k[1] in forget)
            }
            return {**kept, **{(section, key): Entry(value, now) for key, value in put.items()}}

        if not self.read_only:
            self._or_off(lambda: self._replace(changed))

    def _or_off(self, work: t.Callable[[], Entries]) -> Entries:
        """Do the work. After an error of the file system nothing more is remembered; the run goes on."""
        with self._lock:
            if self._off:
                return {}
            try:
                if not HAS_LOCKS:
                    raise OSError("no file locks on this platform")
                if self._directory.startswith("~"):
                    raise OSError("no home folder is known")
                return work()
            except OSError as exc:
                self._off = True
                costs = "; ".join(section.lost for section in SECTIONS.values())
                self.warnings.append(
                    f"Nothing is remembered between runs, since {self._directory} is not usable "
                    f"({exc.strerror or exc}). Without it {costs}. Set state_dir to a folder that is yours "
                    "alone (mode 0700)."
                )
                return {}

    def _look(self) -> Entries:
        try:
            with self._folder() as folder:
                return self._read(folder)
        except FileNotFoundError:
            return {}

    def _replace(self, change: t.Callable[[Entries], Entries]) -> Entries:
        make_folders(self._directory)
        with self._folder() as folder:
            # A separate file: a lock on the replaced file would be a lock on a deleted one.
            handle = open_private(f"{self._name}.lock", folder=folder)
            with os.fdopen(handle, "r+", encoding="utf-8") as lock:
                hold_alone(lock)
                entries = change(self._read(folder))
                self._write(folder, entries)
        return entries

    @contextlib.contextmanager
    def _folder(self) -> t.Iterator[int]:
        """Descriptor of the folder, so that all work is done in the folder that was checked."""
        try:
            folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            if os.path.islink(self._directory):
                raise OSError("it is a link") from None
            raise
        try:
            refuse_strangers(os.fstat(folder), own=True)
            yield folder
        finally:
            os.close(folder)

    def _read(self, folder: int) -> Entries:
        try:
            handle = open_private(f"{self._name}.json", os.O_RDONLY, folder)
        except FileNotFoundError:
            return {}
        with os.fdopen(handle, "rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise OSError(f"{self._name}.json is larger than this version of the collection writes")
        try:
            content = json.loads(text)
            if content["version"] > VERSION:
                raise OSError(f"{self._name}.json was written by a newer version of the collection")
            if content["version"] != VERSION or content["tenant"] != self._tenant:
                return {}
            # Deeper values were not written by this collection, and could not be written again.
            rows = [row for row in content["entries"] if not deeper(row)]
            return {(str(r["section"]), str(r["key"])): Entry(r["value"], int(r["time"])) for r in rows}
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return {}

    def _write(self, folder: int, entries: Entries) -> None:
        # Only the holder of the lock writes, so an existing draft was left by a writer that was killed.
        with Draft(f"{self._name}.json", name=f"{self._name}.draft", folder=folder) as draft:
            draft.write(self._text(entries))
            draft.publish()
        # Where a file system cannot sync a folder, a power cut may bring back the old content.
        with contextlib.suppress(OSError):
            os.fsync(folder)

    def _text(self, entries: Entries) -> bytes:
        """The content of the file, one entry per line, within the limits."""
        head = f'{{"version": {VERSION}, "tenant": {json.dumps(self._tenant)}, "entries": [\n'
        lines: list[str] = []
        room, counts = MAX_BYTES - len(head) - len("\n]}\n"), collections.Counter[str]()
        for (section, key), entry in reversed(entries.items()):
            counts[section] += 1
            if section in SECTIONS and counts[section] > SECTIONS[section].keep:
                continue
            line = json.dumps({"section": section, "key": key, "time": entry.time, "value": entry.value})
            room -= len(line) + len(",\n")
            if room < 0:
                break
            lines.append(line)
        return (head + ",\n".join(reversed(lines)) + "\n]}\n").encode()


def _known(section: str) -> None:
    if section not in SECTIONS:
        raise KeyError(f"no section {section} in the table of what is remembered")
