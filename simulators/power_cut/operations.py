"""What a program does to its disk. Paths are relative to the recorded folder; a file keeps its number through renames.

Two names never lead to one file here, and a rename stays within its folder.
"""

from __future__ import annotations

from typing import NamedTuple


class Write(NamedTuple):
    file: int
    offset: int
    data: bytes


class Resize(NamedTuple):
    """ftruncate or fallocate: cut off, or grown by zeros."""

    file: int
    size: int


class Sync(NamedTuple):
    """fsync or fdatasync of a file, returned."""

    file: int


class Enter(NamedTuple):
    """A new name: of a file, or of a folder (file None)."""

    path: str
    file: int | None


class Rename(NamedTuple):
    path: str
    target: str


class Unlink(NamedTuple):
    path: str


class SyncFolder(NamedTuple):
    """fsync of a folder, returned: its names are safe. "": the recorded folder itself."""

    path: str


Operation = Write | Resize | Sync | Enter | Rename | Unlink | SyncFolder
