"""What of a program's operations survives a power cut.

    safe              what was written to a file before its last fsync, and names of a folder before its last fsync
    left to luck      everything since: each write, or each of its 512-byte sectors, is there or not, whatever became of
                      earlier ones and of other files; so is each change of a file's length
    names             of a folder's unsynced changes some first ones are there: journaling file systems keep their order
    never written     where a file has grown and its data was lost there are zeros, or what the disk had there before

The disk does not lie: what it said to be safe is safe, and a sector is written as a whole, so that a write harms no
byte beside it (sqlite.org/psow.html).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

from simulators.power_cut.operations import Enter, Operation, Rename, Resize, Sync, SyncFolder, Unlink, Write

SECTOR_BYTES = 512


class Fate(Enum):
    """What becomes of that which luck decides."""

    KEPT = "all of it is there"
    LOST = "nothing of it is there"
    WRITES = "some writes are there"
    SECTORS = "some sectors are there"


class Stored(NamedTuple):
    """A file on an image. file: its number, by which it is known to be the same."""

    file: int
    content: bytes


Image = dict[str, Stored | None]
"""What is where, by path; None: a folder."""


class _File:
    """Some bytes that are safe, and changes that are not yet."""

    def __init__(self, safe: bytes) -> None:
        self._safe = bytearray(safe)
        self._unsafe: list[Write | Resize] = []

    def change(self, change: Write | Resize) -> None:
        self._unsafe.append(change)

    def sync(self) -> None:
        for change in self._unsafe:
            _apply(self._safe, change, bytes)
        self._unsafe.clear()

    def after(self, luck: _Luck) -> bytes:
        """Its content after a power cut."""
        content = bytearray(self._safe)
        for change in luck.pieces(self._unsafe):
            if luck.keeps():
                _apply(content, change, luck.filling)
            elif luck.grows():
                _grow(content, _end(change), luck.filling)
        return bytes(content)


class _Luck:
    """Decides for one image."""

    def __init__(self, fate: Fate, rng: random.Random) -> None:
        self._fate = fate
        self._rng = rng
        self._share = {Fate.KEPT: 1.0, Fate.LOST: 0.0}.get(fate, rng.choice((0.1, 0.5, 0.9)))
        self.filling: Callable[[int], bytes] = rng.randbytes if fate is Fate.SECTORS and rng.random() < 0.5 else bytes

    def keeps(self) -> bool:
        return self._rng.random() < self._share

    def grows(self) -> bool:
        """Whether a file is as long as if a lost write were there."""
        return self._fate is not Fate.LOST and self._rng.random() < 0.2

    def first(self, count: int) -> int:
        """How many of so many changes, that are done in order, are there."""
        match self._fate:
            case Fate.KEPT:
                return count
            case Fate.LOST:
                return 0
        return self._rng.randint(0, count)

    def pieces(self, changes: list[Write | Resize]) -> Iterator[Write | Resize]:
        """What is there as a whole or not at all."""
        for change in changes:
            if isinstance(change, Write) and self._fate is Fate.SECTORS:
                yield from _sectors(change)
            else:
                yield change


class Disk:
    """A folder and what is below it. Starts with an image of which all is safe."""

    def __init__(self, start: Image) -> None:
        self._names: dict[str, int | None] = {path: stored and stored.file for path, stored in start.items()}
        self._renamed: list[Enter | Rename | Unlink] = []
        self._files = {stored.file: _File(stored.content) for stored in start.values() if stored}

    def do(self, operation: Operation) -> None:
        match operation:
            case Write(file) | Resize(file):
                self._files[file].change(operation)
            case Sync(file):
                self._files[file].sync()
            case SyncFolder(path):
                self._sync_folder(path)
            case Enter(_, file) if file is not None:
                self._files[file] = _File(b"")
                self._renamed.append(operation)
            case Enter() | Rename() | Unlink():
                self._renamed.append(operation)

    def cut(self, fate: Fate, rng: random.Random) -> Image:
        """The disk when the power is back."""
        luck = _Luck(fate, rng)
        names = dict(self._names)
        by_folder: dict[str, list[Enter | Rename | Unlink]] = {}
        for change in self._renamed:
            by_folder.setdefault(_folder(change.path), []).append(change)
        for changes in by_folder.values():
            for change in changes[: luck.first(len(changes))]:
                _rename(names, change)
        return {
            path: None if file is None else Stored(file, self._files[file].after(luck))
            for path, file in names.items()
            if all(folder in names for folder in _folders(path))
        }

    def _sync_folder(self, path: str) -> None:
        for change in self._renamed:
            if _folder(change.path) == path:
                _rename(self._names, change)
        self._renamed = [change for change in self._renamed if _folder(change.path) != path]


def _rename(names: dict[str, int | None], change: Enter | Rename | Unlink) -> None:
    match change:
        case Enter(path, file):
            names[path] = file
        case Rename(path, target):
            names[target] = names.pop(path)
        case Unlink(path):
            del names[path]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _folders(path: str) -> Iterator[str]:
    while path := _folder(path):
        yield path


def _sectors(write: Write) -> Iterator[Write]:
    start, end = write.offset, _end(write)
    for sector in range(start // SECTOR_BYTES, -(-end // SECTOR_BYTES)):
        first, last = max(start, sector * SECTOR_BYTES), min(end, (sector + 1) * SECTOR_BYTES)
        yield Write(write.file, first, write.data[first - start : last - start])


def _end(change: Write | Resize) -> int:
    return change.size if isinstance(change, Resize) else change.offset + len(change.data)


def _apply(content: bytearray, change: Write | Resize, filling: Callable[[int], bytes]) -> None:
    match change:
        case Write(_, offset, data):
            _grow(content, offset, filling)
            content[offset : offset + len(data)] = data
        case Resize(_, size):
            del content[size:]
            _grow(content, size, bytes)


def _grow(content: bytearray, size: int, filling: Callable[[int], bytes]) -> None:
    content += filling(max(0, size - len(content)))
