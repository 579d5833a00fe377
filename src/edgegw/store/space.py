"""Room for recovery: what the journal does when its disk is full.

On a full disk SQLite can delete nothing either: a deletion is written to the log first. So a file beside the
journal, the ballast, keeps enough room to copy the log into the file and to begin it anew. When the disk is
full it is given up, and the file may not grow any more: else new events would take that room. From then on
they go where delivered ones are forgotten, and marking what the broker takes always works. When the disk has
room for it again, the ballast is made again and the file may grow.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from edgegw.store.connection import Connection
from edgegw.store.opening import WAL_BYTES

BALLAST_BYTES: Final = WAL_BYTES + 2 * 1024 * 1024
SPARE: Final = 2
"""The ballast is first made only where so many times its size is free: on a nearly full disk it would be the last
straw. Once given up it is made again where it fits, with SMALL_BYTES to spare: a backlog may keep the rest for good.
"""
SMALL_BYTES: Final = 1024 * 1024
"""Where there was never room for a ballast, so much is enough to go on."""
_UNLIMITED: Final = 1_073_741_823


def missing_bytes(journal: Path) -> int:
    """What the journal's disk must have free for its log and its ballast, as far as they are not there yet.

    Raises OSError.
    """
    parts = ((f"{journal}-wal", WAL_BYTES), (f"{journal}.ballast", SPARE * BALLAST_BYTES))
    return sum(size for path, size in parts if not os.path.exists(path))


class Ballast:
    """`PATH.ballast`. Without one where it cannot be made: that is no failure."""

    def __init__(self, journal: Path) -> None:
        self._path = Path(f"{journal}.ballast")

    def is_there(self) -> bool:
        return self._path.exists()

    def take(self, room_bytes: int = SPARE * BALLAST_BYTES) -> bool:
        """Make it, if so much is free; whether it is there."""
        with contextlib.suppress(OSError):
            if not self.is_there() and self.free_bytes() >= room_bytes:
                self._make()
        return self.is_there()

    def _make(self) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        try:
            os.posix_fallocate(file, 0, BALLAST_BYTES)  # blocks of the disk, not a promise of some
        except OSError:
            self.drop()
            raise
        finally:
            os.close(file)

    def drop(self) -> bool:
        """Give it up; whether it was there."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._path.parent).free


class Space:
    """What the journal may take of its disk. is_short: the file may not grow. Errors are sqlite3.Error."""

    def __init__(self, connection: Connection, journal: Path) -> None:
        self._connection = connection
        self._ballast = Ballast(journal)
        self._had_ballast = False
        self.is_short = False

    @property
    def wanted_bytes(self) -> int:
        """So much must be free before the file may grow again."""
        return BALLAST_BYTES + SMALL_BYTES if self._had_ballast else SMALL_BYTES

    async def save(self) -> None:
        """The disk is full: stop growing, and use the ballast to begin the log anew."""
        self._had_ballast = self._ballast.drop() or self._had_ballast
        if not self.is_short:
            self.is_short = True
            await self._connection.read("PRAGMA max_page_count = 1")  # which means: not more than now
        with contextlib.suppress(sqlite3.Error):
            await self._connection.read("PRAGMA wal_checkpoint(RESTART)")

    async def look(self) -> None:
        """Keep the ballast in place; grow again when the disk has room."""
        if self._ballast.is_there() and not self.is_short:
            return
        room_bytes = BALLAST_BYTES + SMALL_BYTES if self._had_ballast else SPARE * BALLAST_BYTES
        has_ballast = await asyncio.to_thread(self._ballast.take, room_bytes)
        small_but_free = not self._had_ballast and self._ballast.free_bytes() >= SMALL_BYTES
        if self.is_short and (has_ballast or small_but_free):
            await self._connection.read(f"PRAGMA max_page_count = {_UNLIMITED}")
            self.is_short = False
