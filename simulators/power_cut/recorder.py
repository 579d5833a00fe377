"""Writes down, in order, what this process does to the files in one folder.

SQLite's part is heard in SQLite: `sqlite_tap`. The few calls that Python code makes itself are heard in the module
`os`. Whatever else there may be is not heard, so that in the end the folder is compared with what the recording makes
of it: a recording that missed something is no recording.

Not recorded: a WAL's index (`-shm`) is memory that is shared through a file, and SQLite makes it anew.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from simulators.power_cut import sqlite_tap
from simulators.power_cut.disk import Disk, Fate, Image
from simulators.power_cut.operations import Enter, Operation, Rename, Resize, Sync, SyncFolder, Unlink, Write

_UNRECORDED = "-shm"


class Unfaithful(Exception):
    """Something wrote into the folder that the recorder does not hear."""


class Recording:
    """`operations` so far; the moment of a power cut is how many of them were done before.

    start  what was in the folder at the beginning, and is safe
    names  of the files that are there now, and their numbers; None: a folder
    """

    def __init__(self, folder: Path, start: Image, numbers: Iterator[int]) -> None:
        self.start = start
        self.names = {path: stored and stored.file for path, stored in start.items()}
        self.operations: list[Operation] = []
        self._folder = folder
        self._numbers = numbers
        self._lock = threading.RLock()  # the program's threads and SQLite's

    @property
    def moment(self) -> int:
        """Now, as the moment of a power cut."""
        return len(self.operations)

    def cuts(
        self, moments: list[int], fate: Callable[[], Fate], rng: random.Random
    ) -> Iterator[tuple[int, Fate, Image]]:
        """An image for each of these moments, which are in order."""
        disk, done = Disk(self.start), 0
        for moment in moments:
            for operation in self.operations[done:moment]:
                disk.do(operation)
            done = moment
            chosen = fate()
            yield moment, chosen, disk.cut(chosen, rng)

    def check(self) -> None:
        """Raises Unfaithful when the folder does not hold what was recorded."""
        disk = Disk(self.start)
        for operation in self.operations:
            disk.do(operation)
        made = disk.cut(Fate.KEPT, random.Random(0))
        told = {path: stored and stored.content for path, stored in made.items()}
        found = {
            str(path.relative_to(self._folder)): None if path.is_dir() else path.read_bytes()
            for path in self._folder.rglob("*")
            if not path.name.endswith(_UNRECORDED)
        }
        strange = sorted(path for path in told.keys() | found.keys() if told.get(path, 0) != found.get(path, 0))
        if strange:
            raise Unfaithful(f"not everything was recorded that happened to {', '.join(strange)}")

    # ---- what is heard; files are given as paths, absolute or as the program says

    def opened(self, path: str, existed: bool) -> int | None:
        """The number of a file; None: it is none of ours."""
        name = self._name(path)
        if name is None:
            return None
        with self._lock:
            if not existed:
                self._enter(name, next(self._numbers))
            return self.names.get(name)

    def folder_made(self, path: str) -> None:
        if (name := self._name(path)) is not None:
            self._enter(name, None)

    def did(self, operation: Operation) -> None:
        with self._lock:
            self.operations.append(operation)

    def renamed(self, path: str, target: str) -> None:
        name, new_name = self._name(path), self._name(target)
        if name is not None and new_name is not None:
            with self._lock:
                self.names[new_name] = self.names.pop(name)
                self.did(Rename(name, new_name))

    def unlinked(self, path: str) -> None:
        if (name := self._name(path)) is not None:
            with self._lock:
                del self.names[name]
                self.did(Unlink(name))

    def folder_synced(self, path: str) -> None:
        if Path(path) == self._folder:
            self.did(SyncFolder(""))
        elif (name := self._name(path)) is not None:
            self.did(SyncFolder(name))

    def _enter(self, name: str, file: int | None) -> None:
        self.names[name] = file
        self.did(Enter(name, file))

    def _name(self, path: str) -> str | None:
        absolute = Path(os.path.abspath(path))
        if absolute.is_relative_to(self._folder) and absolute != self._folder and not path.endswith(_UNRECORDED):
            return str(absolute.relative_to(self._folder))
        return None


@contextmanager
def recorded(folder: Path, start: Image, numbers: Iterator[int]) -> Iterator[Recording]:
    """Record what this process does in `folder`, where now is what `start` says; new files get the next of `numbers`.

    One at a time.
    """
    recording = Recording(folder.resolve(), start, numbers)
    with ExitStack() as taps:
        taps.enter_context(sqlite_tap.tapped(recording))
        for name, tap in _OsTap(recording).calls().items():
            taps.enter_context(mock.patch.object(os, name, tap))
        yield recording
    recording.check()


class _OsTap:
    """The calls of `os` that change files: those that the product makes, and those that pathlib makes for it."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in self.calls()}

    def calls(self) -> dict[str, Callable[..., Any]]:
        return {
            "open": self._open,
            "pwrite": self._pwrite,
            "posix_fallocate": self._fallocate,
            "fsync": self._fsync,
            "rename": self._rename,
            "unlink": self._unlink,
            "mkdir": self._mkdir,
        }

    def _open(self, path: Any, flags: int, *more: Any, **named: Any) -> int:
        existed = os.path.lexists(path)
        fd: int = self._real["open"](path, flags, *more, **named)
        self._recording.opened(os.fspath(path), existed)
        return fd

    def _pwrite(self, fd: int, data: bytes, offset: int) -> int:
        written: int = self._real["pwrite"](fd, data, offset)
        if (file := self._file(fd)) is not None:
            self._recording.did(Write(file, offset, bytes(data[:written])))
        return written

    def _fallocate(self, fd: int, offset: int, size: int) -> None:
        self._real["posix_fallocate"](fd, offset, size)
        if (file := self._file(fd)) is not None:
            self._recording.did(Resize(file, os.fstat(fd).st_size))

    def _fsync(self, fd: int) -> None:
        self._real["fsync"](fd)
        path = os.readlink(f"/proc/self/fd/{fd}")
        if os.path.isdir(path):
            self._recording.folder_synced(path)
        elif (file := self._file(fd)) is not None:
            self._recording.did(Sync(file))

    def _rename(self, path: Any, target: Any) -> None:
        self._real["rename"](path, target)
        self._recording.renamed(os.fspath(path), os.fspath(target))

    def _unlink(self, path: Any) -> None:
        self._real["unlink"](path)
        self._recording.unlinked(os.fspath(path))

    def _mkdir(self, path: Any, mode: int = 0o777) -> None:
        self._real["mkdir"](path, mode)
        self._recording.folder_made(os.fspath(path))

    def _file(self, fd: int) -> int | None:
        return self._recording.opened(os.readlink(f"/proc/self/fd/{fd}"), existed=True)
